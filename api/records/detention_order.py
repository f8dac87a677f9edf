"""A person's detentions, one after the other: when each can have begun, and which of two are one.

Pure. What is known of a beginning is a day, a month, a year or nothing, so an order has to be found
that can have been. Nobody is held twice at a time: of two people who turn out to be one, detentions
that overlap are one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from uuid import UUID

SAME_CLAIM = timedelta(days=3)
"""Release events of one detention that lie so near each other are one."""


class OrderError(Exception):
    """Detentions that cannot have come one after the other, with a sentence that says why."""


@dataclass(frozen=True, slots=True)
class Spell:
    """A detention, and the days on which it is said to have ended, in order."""

    id: UUID
    detained_on: str | None
    began_on: date
    created_at: datetime
    released_on: tuple[date, ...] = ()

    @property
    def place(self) -> tuple[date, datetime, UUID]:
        """Where it stands among the person's others."""
        return self.began_on, self.created_at, self.id


def period(detained_on: str | None) -> tuple[date, date]:
    """The first and the last day of a day, a month, a year, or of all time if it is unknown.

    Raises ValueError where there is no such day.
    """
    if detained_on is None:
        return date.min, date.max
    year, month, day = (*(int(part) for part in detained_on.split("-")), 0, 0)[:3]
    first = date(year, month or 1, day or 1)
    if day:
        return first, first
    after = date(year + (month in (0, 12)), month % 12 + 1, 1) if year < date.max.year else date.max
    return first, after - timedelta(days=1)


def paired(gone: Sequence[Spell], kept: Sequence[Spell]) -> list[tuple[Spell | None, Spell | None]]:
    """The detentions of two people who are one, in order: alone, or two that are one.

    Two are one unless one of them was over before the other can have begun.
    """
    pairs: list[tuple[Spell | None, Spell | None]] = []
    left, right = list(gone), list(kept)
    while left and right:
        if _over(left[-1], right[-1]):
            pairs.append((None, right.pop()))
        elif _over(right[-1], left[-1]):
            pairs.append((left.pop(), None))
        else:
            pairs.append((left.pop(), right.pop()))
    pairs += [(spell, None) for spell in reversed(left)]
    pairs += [(None, spell) for spell in reversed(right)]
    return pairs[::-1]


def _over(spell: Spell, before: Spell) -> bool:
    """Whether a detention was over before another one began."""
    if not spell.released_on:
        return False
    ended = spell.released_on[-1]
    _, latest = period(before.detained_on)
    begins_first = period(spell.detained_on)[1] < before.began_on
    return ended <= before.began_on or (begins_first and ended <= latest)


def arranged(spells: Sequence[Spell]) -> list[Spell]:
    """The same detentions, in this order, each with the first day on which it can have begun: not
    before the one before it ended. Raises OrderError if they cannot have come in this order."""
    placed: list[Spell] = []
    for spell in spells:
        first, last = period(spell.detained_on)
        days = [max(first, spell.began_on)]
        if placed:
            days += [placed[-1].began_on, *(d for d in placed[-1].released_on if d <= last)]
        placed.append(replace(spell, began_on=max(days)))
    check_order(placed)
    return placed


def check_order(spells: Sequence[Spell]) -> None:
    """Detentions come one after the other, their release events lie within them, and no two of
    these are one. Raises OrderError."""
    for problem in _problems(spells):
        raise OrderError(problem)


def _problems(spells: Sequence[Spell]) -> Iterator[str]:
    for i, spell in enumerate(spells):
        name = f"the detention {spell.id}"
        if spell.began_on > period(spell.detained_on)[1]:
            yield f"{name} cannot come after the person's other ones"
        for day in spell.released_on:
            if day < spell.began_on:
                yield f"a release on {day} would lie before {name} began"
            for later in spells[i + 1 :]:
                if period(later.detained_on)[1] < day:
                    yield f"a release on {day} would lie after the detention {later.id} began"
        for day, other in pairwise(spell.released_on):
            if other - day <= SAME_CLAIM:
                yield f"{name} would have two release events within three days, {day} and {other}"
    for spell, later in pairwise(spells):
        if spell.place > later.place:
            yield f"nothing tells whether {spell.id} or {later.id} was first"
