"""Scales of charts: figures from zero, and moments with ticks of a time zone's calendar."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from babel import Locale, dates

_MAX_FIGURE_STEPS = 5

Unit = Literal["minute", "hour", "day", "month", "year"]

# From the closest ticks to the furthest.
_STEPS: dict[Unit, tuple[int, ...]] = {
    "minute": (1, 2, 5, 10, 15, 30),
    "hour": (1, 2, 3, 6, 12),
    "day": (1, 2, 7, 14),
    "month": (1, 2, 3, 6),
    "year": (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
}
_SHORTEST = {"minute": 60, "hour": 3600, "day": 86_400, "month": 28 * 86_400, "year": 365 * 86_400}
"""The least seconds of each unit, leaving aside the day that a clock change shortens."""
# The skeletons (CLDR) of a tick's label, and of the period that is named where it begins.
_LABELS: dict[Unit, tuple[str, str | None]] = {
    "minute": ("Hm", "MMMd"),
    "hour": ("Hm", "MMMd"),
    "day": ("MMMd", "y"),
    "month": ("MMM", "y"),
    "year": ("y", None),
}


def figure_ticks(highest: int) -> range:
    """Return round whole numbers from zero to at least the highest figure, at most six."""
    step = 1
    while step * _MAX_FIGURE_STEPS < highest:
        # 1, 2, 5, 10, 20, 50, and so on.
        step = step * 5 // 2 if str(step)[0] == "2" else step * 2
    last = max(-(-highest // step), 1) * step
    return range(0, last + 1, step)


@dataclass(frozen=True, slots=True)
class TimeTick:
    """A moment, its label, and the period to name below the label where one begins."""

    at: datetime
    label: str
    period: str | None


def time_ticks(
    start: datetime, until: datetime, zone: str, locale: Locale, most: int
) -> list[TimeTick]:
    """Return at most `most` ticks where a minute, hour, day, month or year of the zone starts."""
    seconds = (until - start).total_seconds()
    for unit, count in ((unit, count) for unit, counts in _STEPS.items() for count in counts):
        if seconds / (_SHORTEST[unit] * count) > most + 1:
            continue
        moments = list(_moments(start, until, ZoneInfo(zone), unit, count))
        if len(moments) <= most:
            return _labelled(moments, unit, locale)
    return []


def _moments(
    start: datetime, until: datetime, zone: ZoneInfo, unit: Unit, count: int
) -> Iterator[tuple[datetime, datetime]]:
    """Yield each tick from start to until: the moment, and the local time that it shows."""
    local = datetime.combine(start.astimezone(zone).date(), time())
    if unit in ("month", "year"):
        local = local.replace(day=1)
    if unit == "year":
        local = local.replace(month=1)
    before = start - timedelta.resolution
    while (at := local.replace(tzinfo=zone).astimezone(UTC)) <= until:
        # Where a clock goes forward, two local times are one moment.
        if at > before and _is_on_step(local, unit, count):
            yield at, local
            before = at
        local = _following(local, unit)


def _is_on_step(local: datetime, unit: Unit, count: int) -> bool:
    if unit == "minute":
        return local.minute % count == 0
    if unit == "hour":
        return local.hour % count == 0
    if unit == "day":
        # A count of 7 gives Mondays: 0001-01-01 was one.
        return (local.toordinal() - 1) % count == 0
    if unit == "month":
        return (local.month - 1) % count == 0
    return local.year % count == 0


def _following(local: datetime, unit: Unit) -> datetime:
    if unit in ("minute", "hour", "day"):
        return local + timedelta(**{f"{unit}s": 1})
    if unit == "month":
        return (local + timedelta(days=31)).replace(day=1)
    return local.replace(year=local.year + 1)


def _labelled(
    moments: list[tuple[datetime, datetime]], unit: Unit, locale: Locale
) -> list[TimeTick]:
    skeleton, skeleton_of_period = _LABELS[unit]
    ticks, before = [], None
    for at, local in moments:
        label = dates.format_skeleton(skeleton, local, locale=locale)
        period = skeleton_of_period and dates.format_skeleton(
            skeleton_of_period, local, locale=locale
        )
        ticks.append(TimeTick(at, label, period if period != before else None))
        before = period
    return ticks
