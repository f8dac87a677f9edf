"""The buckets of a timeline: hours, days, weeks and months of a time zone's calendar.

Pure: the current time and the tolerance for a caller's clock are parameters.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from typing import Literal
from zoneinfo import ZoneInfo

from api.errors import FieldError, future_moment, invalid

MAX_BUCKETS = 1000
"""The most buckets that one timeline can have."""

Bucket = Literal["hour", "day", "week", "month"]

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_LENGTHS: dict[Bucket, timedelta] = {
    "hour": _HOUR,
    "day": _DAY,
    "week": timedelta(weeks=1),
    "month": timedelta(days=146_097) / 4800,  # 400 Gregorian years
}


@dataclass(frozen=True, slots=True)
class Span:
    """A period in UTC, and the end of each of its buckets, in order; the last end is `until`."""

    start: datetime
    until: datetime
    ends: Sequence[datetime]


def buckets(
    from_: date | datetime,
    until: date | datetime | None,
    bucket: Bucket,
    time_zone: str,
    now: datetime,
    tolerance: timedelta,
) -> Span:
    """Return the buckets of a period. The first and the last may be shorter.

    Raises `validation-error`.
    """
    start, end = period(from_, until, time_zone, now, tolerance)
    if start >= end:
        raise invalid(FieldError("/from", "Must be before until."))
    return Span(start, end, _ends(start, end, bucket, ZoneInfo(time_zone)))


def period(
    from_: date | datetime | None,
    until: date | datetime | None,
    time_zone: str,
    now: datetime,
    tolerance: timedelta,
) -> tuple[datetime, datetime]:
    """Return the start and the end of a period, in UTC.

    As `from_` a day means its start in the time zone, as `until` its end. Without `until`, or if it
    is today, the period ends `now`. Without `from_` it has no length. Raises `validation-error`.
    """
    zone = ZoneInfo(time_zone)
    today = now.astimezone(zone).date()

    def is_ahead(when: date | datetime | None) -> bool:
        if isinstance(when, datetime):
            return when > now + tolerance
        return when is not None and when > today

    errors = []
    if is_ahead(from_):
        errors.append(future_moment("/from"))
    # In UTC or in the zone it may start in year 0, which Python lacks.
    elif from_ is not None and from_.year == 1:
        errors.append(FieldError("/from", "Is too far in the past: send a day after the year 1."))
    if is_ahead(until):
        errors.append(future_moment("/until"))
    if errors:
        raise invalid(*errors)

    if until is None:
        end = now
    elif isinstance(until, datetime):
        end = until
    else:
        end = min(_start_of_day(until + _DAY, zone), now)
    if from_ is None:
        return end, end
    start = from_ if isinstance(from_, datetime) else _start_of_day(from_, zone)
    if start.year == 1:
        raise invalid(FieldError("/from", "Is too far in the past: send a day after the year 1."))
    return start, end


def _ends(start: datetime, until: datetime, bucket: Bucket, zone: ZoneInfo) -> Sequence[datetime]:
    # Estimate the number by the average length, so that far too many are not computed.
    count = -((start - until) // _LENGTHS[bucket])
    ends: list[datetime] = []
    if count <= 2 * MAX_BUCKETS:
        after = _hours(start, zone) if bucket == "hour" else _periods(start, bucket, zone)
        for end in takewhile(lambda end: end < until, after):
            # A day that a zone skipped, such as 2011-12-30 in Apia, has no bucket.
            if end > (ends[-1] if ends else start):
                ends.append(end)
        ends.append(until)
        count = len(ends)
    if count > MAX_BUCKETS:
        raise invalid(
            FieldError(
                "/bucket",
                f"Gives {count:,} buckets, more than {MAX_BUCKETS:,}. "
                "Send a longer bucket, such as week, or a shorter period.",
            )
        )
    return ends


def _periods(start: datetime, bucket: Bucket, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the start of each later day, week or month of the zone, without end."""
    day = start.astimezone(zone).date()
    while True:
        if bucket == "day":
            day += _DAY
        elif bucket == "week":
            day += timedelta(days=7 - day.weekday())
        else:
            day = (day.replace(day=1) + timedelta(days=31)).replace(day=1)
        yield _start_of_day(day, zone)


def _start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Return the first moment of a day in a zone, or of a later day if the zone skips this one.

    If midnight occurs twice, the first one counts. If the zone skips midnight, the offset before
    the change is used, which gives the moment of the change. This is wrong only if clocks go
    forward before midnight: in Toronto in 1919, at 23:30.
    """
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _hours(start: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield every later moment at which the zone's clock shows a full hour.

    If the clock is changed at the moment of a full hour, that moment counts, too.
    """
    end = start
    while True:
        full = end - _since_full_hour(end, zone) + _HOUR
        # If the clock was changed less than an hour before, another hour started then.
        before = full - datetime.resolution
        last = before - _since_full_hour(before, zone)
        end = last if last > end else last + _HOUR
        yield end


def _since_full_hour(moment: datetime, zone: ZoneInfo) -> timedelta:
    local = moment.astimezone(zone)
    return timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
