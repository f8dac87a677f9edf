"""The order of a person's detentions, and the detentions that two records of a person share.

Pure. The beginning of a detention is known to the day, the month, the year or not at all, so that
several orders may be possible. A person has one detention at a time, so two overlapping detentions
of duplicate records are one detention.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from uuid import UUID

MAX_SAME_EVENT_DISTANCE = timedelta(days=3)
"""Release events of one detention that are at most this far apart are one event.

sql/queries/release_events/find_near.sql has the same three days.
"""


class OrderError(Exception):
    """Detentions in an impossible order. The message is a clause with the reason."""


@dataclass(frozen=True, slots=True)
class DetentionInterval:
    """A detention, and the days of its release events, in order."""

    id: UUID
    detained_on: str | None
    began_on: date
    created_at: datetime
    released_on: tuple[date, ...] = ()

    @property
    def sort_key(self) -> tuple[date, datetime, UUID]:
        """The key by which a person's detentions are sorted, in SQL too."""
        return self.began_on, self.created_at, self.id


def period(detained_on: str | None) -> tuple[date, date]:
    """Return the first and the last day of a day, a month or a year; of all time for None.

    Raises ValueError for a day that does not exist.
    """
    if detained_on is None:
        return date.min, date.max
    year, month, day = (*(int(part) for part in detained_on.split("-")), 0, 0)[:3]
    first = date(year, month or 1, day or 1)
    if day:
        return first, first
    after = date(year + (month in (0, 12)), month % 12 + 1, 1) if year < date.max.year else date.max
    return first, after - timedelta(days=1)


def pair(
    duplicate: Sequence[DetentionInterval], surviving: Sequence[DetentionInterval]
) -> list[tuple[DetentionInterval | None, DetentionInterval | None]]:
    """Pair the detentions of two records of one person, in order.

    A pair with None is a detention of one record only; a full pair is one detention in both. Two
    detentions are one unless one of them was over before the other can have begun.
    """
    pairs: list[tuple[DetentionInterval | None, DetentionInterval | None]] = []
    left, right = list(duplicate), list(surviving)
    while left and right:
        if _is_over(left[-1], right[-1]):
            pairs.append((None, right.pop()))
        elif _is_over(right[-1], left[-1]):
            pairs.append((left.pop(), None))
        else:
            pairs.append((left.pop(), right.pop()))
    pairs += [(interval, None) for interval in reversed(left)]
    pairs += [(None, interval) for interval in reversed(right)]
    return pairs[::-1]


def _is_over(interval: DetentionInterval, later: DetentionInterval) -> bool:
    """Return whether a detention was over before another one began."""
    if not interval.released_on:
        return False
    ended = interval.released_on[-1]
    _, latest = period(later.detained_on)
    begins_first = period(interval.detained_on)[1] < later.began_on
    return ended <= later.began_on or (begins_first and ended <= latest)


def arrange(intervals: Sequence[DetentionInterval]) -> list[DetentionInterval]:
    """Return detentions in this order, none beginning before the previous one ended.

    Raises OrderError if this order is impossible.
    """
    placed: list[DetentionInterval] = []
    for interval in intervals:
        first, last = period(interval.detained_on)
        days = [max(first, interval.began_on)]
        if placed:
            days += [placed[-1].began_on, *(d for d in placed[-1].released_on if d <= last)]
        placed.append(replace(interval, began_on=max(days)))
    check_order(placed)
    return placed


def rearrange(intervals: Sequence[DetentionInterval]) -> list[DetentionInterval]:
    """Return detentions in this order, each beginning as early as possible.

    Where that would leave their order open, they begin as they did, or later. Raises OrderError if
    they cannot have come in this order.
    """
    earliest = [
        replace(interval, began_on=period(interval.detained_on)[0]) for interval in intervals
    ]
    try:
        return arrange(earliest)
    except OrderError:
        return arrange(intervals)


def check_order(intervals: Sequence[DetentionInterval]) -> None:
    """Check the order of detentions, and that the release events of each fit.

    They lie within their detention, more than three days apart. Raises OrderError.
    """
    for problem in _problems(intervals):
        raise OrderError(problem)


def _problems(intervals: Sequence[DetentionInterval]) -> Iterator[str]:
    for i, interval in enumerate(intervals):
        name = f"the detention {interval.id}"
        if interval.began_on > period(interval.detained_on)[1]:
            yield f"{name} cannot come after the person's other ones"
        for day in interval.released_on:
            if day < interval.began_on:
                yield f"a release on {day} would be before {name} began"
        # Check the first release day only, so that a later release event of this detention cannot
        # block a new detention.
        for later in intervals[i + 1 :]:
            if interval.released_on and period(later.detained_on)[1] < interval.released_on[0]:
                day = interval.released_on[0]
                yield f"a release on {day} would be after the detention {later.id} began"
        for day, other in pairwise(interval.released_on):
            if other - day <= MAX_SAME_EVENT_DISTANCE:
                yield f"{name} would have two release events within three days, {day} and {other}"
    for interval, later in pairwise(intervals):
        if interval.sort_key > later.sort_key:
            yield f"the order of {interval.id} and {later.id} cannot be known from their days"
