"""The names of IANA time zones, from the pinned tzdata package."""

from functools import cache
from zoneinfo import available_timezones, reset_tzpath

# Ignore the zones of the machine, so that a day has the same bounds on every machine.
reset_tzpath(to=())

# A file of the tzdata directory that is no time zone.
_NOT_ZONES = {"Factory"}


@cache
def names() -> frozenset[str]:
    """Return all names. Open no other string as a zone, because ZoneInfo takes it as a path."""
    return frozenset(available_timezones() - _NOT_ZONES)
