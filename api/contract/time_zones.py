"""The IANA time zones that a caller may name, from the pinned tzdata package."""

from functools import cache
from zoneinfo import available_timezones, reset_tzpath

# Not those of the machine, so that a day of the past stays the same day.
reset_tzpath(to=())

# Files that a machine keeps beside the zones: its local zone, and a placeholder.
_NOT_ZONES = {"localtime", "Factory"}


@cache
def names() -> frozenset[str]:
    """All names. No other string may be opened as a zone: ZoneInfo reads files by their path."""
    return frozenset(available_timezones() - _NOT_ZONES)
