"""The buckets of a timeline: the hours, days, weeks and months of a time zone's own calendar.

Pure: what is now, and how far ahead a caller's clock may be, are given.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from typing import Literal
from zoneinfo import ZoneInfo

from api.errors import FieldError, invalid

MAX_BUCKETS = 1000
"""How many buckets one timeline may have."""

Bucket = Literal["hour", "day", "week", "month"]

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_LENGTHS: dict[Bucket, timedelta] = {
    "hour": _HOUR,
    "day": _DAY,
    "week": timedelta(weeks=1),
    "month": timedelta(days=146_097) / 4800,  # the days of 400 years
}


@dataclass(frozen=True, slots=True)
class Span:
    """A time, and the end of each of its buckets in order, the last of which is `until`; in UTC."""

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
    """The buckets from the one that holds `from_` to the one that `until` ends or cuts short.

    A day is taken from its beginning, and until its end, in the time zone. Today ends now, and so
    does a time without `until`. Moments, `now` too, are in UTC.
    """
    clock = ZoneInfo(time_zone)
    today = now.astimezone(clock).date()

    def is_ahead(when: date | datetime | None) -> bool:
        if isinstance(when, datetime):
            return when > now + tolerance
        return when is not None and when > today

    faults = []
    if is_ahead(from_):
        faults.append(FieldError("/from", "Lies in the future."))
    elif from_.year == 1:  # whose first day may lie in a year 0 in UTC or in the zone
        faults.append(FieldError("/from", "Lies too far in the past."))
    if is_ahead(until):
        faults.append(FieldError("/until", "Lies in the future."))
    if faults:
        raise invalid(*faults)

    start = from_ if isinstance(from_, datetime) else _beginning(from_, clock)
    if start.year == 1:
        raise invalid(FieldError("/from", "Lies too far in the past."))
    if until is None:
        end = now
    elif isinstance(until, datetime):
        end = until
    else:
        end = min(_beginning(until + _DAY, clock), now)
    if start >= end:
        raise invalid(FieldError("/from", "Must lie before until."))
    return Span(start, end, _ends(start, end, bucket, clock))


def _ends(start: datetime, until: datetime, bucket: Bucket, clock: ZoneInfo) -> Sequence[datetime]:
    # By their usual length: near enough where they are far too many to be made and counted.
    many = -((start - until) // _LENGTHS[bucket])
    ends: list[datetime] = []
    if many <= 2 * MAX_BUCKETS:
        after = _hours(start, clock) if bucket == "hour" else _periods(start, bucket, clock)
        for end in takewhile(lambda end: end < until, after):
            # A day that a zone skipped, as Apia's 2011-12-30, has no bucket.
            if end > (ends[-1] if ends else start):
                ends.append(end)
        ends.append(until)
        many = len(ends)
    if many > MAX_BUCKETS:
        raise invalid(
            FieldError(
                "/bucket",
                f"Gives {many:,} buckets; {MAX_BUCKETS:,} are the most: "
                "take a longer bucket or a shorter time.",
            )
        )
    return ends


def _periods(start: datetime, bucket: Bucket, clock: ZoneInfo) -> Iterator[datetime]:
    """The beginning of each day, week or month after the one that the clock shows at the start."""
    day = start.astimezone(clock).date()
    while True:
        if bucket == "day":
            day += _DAY
        elif bucket == "week":
            day += timedelta(days=7 - day.weekday())
        else:
            day = (day.replace(day=1) + timedelta(days=31)).replace(day=1)
        yield _beginning(day, clock)


def _beginning(day: date, clock: ZoneInfo) -> datetime:
    """The first moment at which the clock shows this day, or a later one if it never does.

    A midnight that comes twice is taken for the first. One that is skipped is read by the offset
    from UTC before, which gives the moment of the change where clocks are put forward at midnight
    or later: everywhere but in Toronto in 1919, at 23:30.
    """
    return datetime.combine(day, time(), clock).astimezone(UTC)


def _hours(start: datetime, clock: ZoneInfo) -> Iterator[datetime]:
    """Every moment after the start at which the clock shows a full hour, or would have shown it
    had it not been changed just then."""
    end = start
    while True:
        full = end - _past_hour(end, clock) + _HOUR
        # Where the clock was changed by less than an hour before that, another hour began then.
        before = full - datetime.resolution
        last = before - _past_hour(before, clock)
        end = last if last > end else last + _HOUR
        yield end


def _past_hour(moment: datetime, clock: ZoneInfo) -> timedelta:
    shown = moment.astimezone(clock)
    return timedelta(minutes=shown.minute, seconds=shown.second, microseconds=shown.microsecond)
