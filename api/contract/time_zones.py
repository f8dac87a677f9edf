"""The names of IANA time zones, from the pinned tzdata package."""

from functools import cache
from zoneinfo import available_timezones, reset_tzpath

# Ignore the zones of the machine, so that past days are the same on every machine.
reset_tzpath(to=())

# Files of a machine that are not zones: its local zone, and a placeholder.
_NOT_ZONES = {"localtime", "Factory"}


@cache
def names() -> frozenset[str]:
    """Return all names. Open no other string as a zone, because ZoneInfo takes it as a path."""
    return frozenset(available_timezones() - _NOT_ZONES)
