"""How a person counts over time: once, by the strongest status among their release events.

Pure, like the rule. Two things are people, not events: who is confirmed released, and who of them
has been detained again.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from api.verification import Status, status

MIN_SOURCES = range(1, 6)
"""The numbers of independent sources that a caller may require."""

Standing = str
"""One letter for each of MIN_SOURCES: C confirmed, A confirmed and detained again, D disputed,
R reported, F refuted, U unverified."""

_STRONGEST_FIRST: Sequence[Status] = (
    "confirmed",
    "disputed",
    "reported",
    "refuted",
    "unverified",
)
_LETTERS = dict(zip(_STRONGEST_FIRST, "CDRFU", strict=True))


@dataclass(frozen=True, slots=True)
class Event:
    """A release event: the place of its detention in order, and its counts from each moment on."""

    detention: int
    steps: Sequence[tuple[datetime, int, int]]


def standings(
    events: Sequence[Event], detained_at: Sequence[datetime]
) -> list[tuple[datetime, Standing]]:
    """How a person counts from each moment at which that changes; before the first, not at all.

    `detained_at` gives for each detention, in order, the moment from which it counts.
    """
    moments = {step[0] for event in events for step in event.steps}
    if not moments:
        return []
    first = min(moments)
    changes: list[tuple[datetime, Standing]] = []
    for moment in sorted(moments | {m for m in detained_at if m > first}):
        standing = _standing(events, detained_at, moment)
        if not changes or changes[-1][1] != standing:
            changes.append((moment, standing))
    return changes


def _standing(
    events: Sequence[Event], detained_at: Sequence[datetime], moment: datetime
) -> Standing:
    last = max((i for i, begun in enumerate(detained_at) if begun <= moment), default=-1)
    counts = []
    for event in events:
        passed = [step for step in event.steps if step[0] <= moment]
        if passed:
            _, independent_sources, independent_denials = max(passed)
            counts.append((independent_sources, independent_denials, event.detention < last))
    letters = []
    for required in MIN_SOURCES:
        judged = [(status(s, d, required), again) for s, d, again in counts]
        strongest = min((word for word, _ in judged), key=_STRONGEST_FIRST.index)
        again = all(again for word, again in judged if word == "confirmed")
        letters.append("A" if strongest == "confirmed" and again else _LETTERS[strongest])
    return "".join(letters)


def tally_changes(
    before: Sequence[tuple[datetime, Standing]], after: Sequence[tuple[datetime, Standing]]
) -> Mapping[tuple[datetime, Standing], int]:
    """What a person's new standings add to and take from the people at each moment."""
    changes: Counter[tuple[datetime, Standing]] = Counter()
    for standings_, sign in ((before, -1), (after, +1)):
        former: Standing | None = None
        for moment, standing in standings_:
            changes[moment, standing] += sign
            if former is not None:
                changes[moment, former] -= sign
            former = standing
    return {change: people for change, people in changes.items() if people}
