"""The names of IANA time zones, from the pinned tzdata package."""

from functools import cache
from zoneinfo import available_timezones, reset_tzpath

# Ignore the zones of the machine, so that past days are the same on every machine.
reset_tzpath(to=())

# Files of the tzdata directory that are no time zones.
_NOT_ZONES = {"localtime", "Factory"}


@cache
def names() -> frozenset[str]:
    """Return all names. Open no other string as a zone, because ZoneInfo takes it as a path."""
    return frozenset(available_timezones() - _NOT_ZONES)
