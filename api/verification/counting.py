"""How a person counts over time: once, by the strongest status among their release events.

Pure, like the rule. Two things are people, not events: who is confirmed released, and who of them
has been detained again. What people are grouped by is decided here too: each is in one group of a
property, so that groups sum to the total.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from api.verification.rule import Status, status

MIN_SOURCES = range(1, 6)
"""The numbers of independent sources that a caller may require."""

FIGURES = ("confirmed", "disputed", "reported", "refuted", "unverified", "rearrested")
"""What is counted, in the order of every stored or summed row of figures."""

PROPERTIES = (
    "facility_id",
    "nationality",
    "age_group",
    "sex",
    "release_kind",
    "announcement_id",
    "occurred_on",
)
"""What people are grouped by: of the person, or of the release event by which they count."""

Value = str | None
"""A value of a property; None where it is unknown."""

_STRONGEST_FIRST: Sequence[Status] = (
    "confirmed",
    "disputed",
    "reported",
    "refuted",
    "unverified",
)
_LETTERS = dict(zip(_STRONGEST_FIRST, "CDRFU", strict=True))
# Which figures a letter adds to.
_ADDS = {"C": (0,), "D": (1,), "R": (2,), "F": (3,), "U": (4,), "A": (0, 5)}


class Standing(NamedTuple):
    """How a person counts, for each of MIN_SOURCES.

    `letters` has one for each: C confirmed, A confirmed and detained again, D disputed, R reported,
    F refuted, U unverified. `groups` has for each of PROPERTIES one value for each.
    """

    letters: str
    groups: tuple[tuple[Value, ...], ...]

    def groups_as_json(self) -> Mapping[str, Any]:
        """By property; one value where it is the same for all, and none where it is unknown."""
        return {
            name: values[0] if len(set(values)) == 1 else list(values)
            for name, values in zip(PROPERTIES, self.groups, strict=True)
            if any(value is not None for value in values)
        }

    @classmethod
    def from_json(cls, letters: str, groups: Mapping[str, Any]) -> "Standing":
        values = (groups.get(name) for name in PROPERTIES)
        return cls(
            letters,
            tuple(tuple(v) if isinstance(v, list) else (v,) * len(MIN_SOURCES) for v in values),
        )


class Step(NamedTuple):
    """An event's counts from a moment on, and its independent sources for each kind of release."""

    at: datetime
    independent_sources: int
    independent_denials: int
    kinds: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class Event:
    """A release event: its steps in order, the values of its properties, and from when on the
    person has been detained again since; of events that are equally strong, the greatest `order`
    decides the person's group."""

    steps: Sequence[Step]
    detained_again_at: datetime | None = None
    values: Mapping[str, Value] = field(default_factory=dict)
    order: tuple[str, ...] = ()


def standings(
    events: Sequence[Event], person: Mapping[str, Value] | None = None
) -> list[tuple[datetime, Standing]]:
    """How a person counts from each moment at which that changes; before the first, not at all.

    `person` gives the values of the person's own properties.
    """
    moments = {step.at for event in events for step in event.steps}
    if not moments:
        return []
    first = min(moments)
    again = {event.detained_again_at for event in events}
    changes: list[tuple[datetime, Standing]] = []
    for moment in sorted(moments | {m for m in again if m is not None and m > first}):
        standing = _standing(events, person or {}, moment)
        if not changes or changes[-1][1] != standing:
            changes.append((moment, standing))
    return changes


def _standing(events: Sequence[Event], person: Mapping[str, Value], moment: datetime) -> Standing:
    latest = []
    for event in events:
        passed = [step for step in event.steps if step.at <= moment]
        if passed:
            latest.append((event, passed[-1]))
    letters, groups = [], []
    for required in MIN_SOURCES:
        judged = [
            (event, step, status(step.independent_sources, step.independent_denials, required))
            for event, step in latest
        ]
        strongest = min((word for _, _, word in judged), key=_STRONGEST_FIRST.index)
        counting = [(event, step) for event, step, word in judged if word == strongest]
        again = strongest == "confirmed" and all(
            event.detained_again_at is not None and event.detained_again_at <= moment
            for event, _ in counting
        )
        letters.append("A" if again else _LETTERS[strongest])
        event, step = max(counting, key=lambda pair: pair[0].order)
        kind = verified_kind(step.kinds, step.independent_denials, required, strongest)
        values = {**person, **event.values, "release_kind": kind}
        groups.append([values.get(name) for name in PROPERTIES])
    return Standing("".join(letters), tuple(zip(*groups, strict=True)))


def verified_kind(
    kinds: Mapping[str, int], denials: int, required: int, word: Status
) -> str | None:
    """The kind of release that itself has the release's status by the rule: the one with the most
    independent sources; None if no kind has, or several have as many."""
    having = {
        kind: sources
        for kind, sources in kinds.items()
        if kind != "unknown" and status(sources, denials, required) == word
    }
    most = max(having.values(), default=0)
    leading = [kind for kind, sources in having.items() if sources == most]
    return leading[0] if len(leading) == 1 else None


Figures = list[int]


def add_letter(figures: Figures, letter: str, people: int) -> None:
    """Adds people of one standing to a row of FIGURES."""
    for i in _ADDS[letter]:
        figures[i] += people


Tally = tuple[str, str, str, datetime | None]
"""Property ('' for all people), value ('' where unknown), grain, bucket (None: all time)."""

_EARLIEST = datetime.min.replace(tzinfo=UTC)


def tally_changes(
    before: Sequence[tuple[datetime, Standing]], after: Sequence[tuple[datetime, Standing]]
) -> Mapping[Tally, list[Figures]]:
    """What a person's new standings add to and take from the tallies, a row of FIGURES for each of
    MIN_SOURCES. A bucket holds what came after its beginning and up to the next one's."""
    moved: dict[tuple[str, str, datetime], list[Figures]] = defaultdict(
        lambda: [[0] * len(FIGURES) for _ in MIN_SOURCES]
    )
    gone, come = _steps(before), _steps(after)
    for steps, sign in ((gone - come, -1), (come - gone, +1)):
        for moment, former, standing in steps:
            _add_standing(moved, moment, standing, sign)
            if former is not None:
                _add_standing(moved, moment, former, -sign)
    changes: dict[Tally, list[Figures]] = {}
    for (name, value, moment), rows in moved.items():
        if any(map(any, rows)):
            for grain, bucket in _buckets(moment):
                add_figures(changes, (name, value, grain, bucket), rows)
    return changes


def add_figures(tallies: dict[Tally, list[Figures]], tally: Tally, rows: list[Figures]) -> None:
    if tally in tallies:
        pairs = zip(tallies[tally], rows, strict=True)
        rows = [[x + y for x, y in zip(*pair, strict=True)] for pair in pairs]
    tallies[tally] = rows


def _steps(
    standings_: Sequence[tuple[datetime, Standing]],
) -> set[tuple[datetime, Standing | None, Standing]]:
    former = [None, *(standing for _, standing in standings_)]
    return {
        (moment, f, standing) for f, (moment, standing) in zip(former, standings_, strict=False)
    }


def _add_standing(
    moved: dict[tuple[str, str, datetime], list[Figures]],
    moment: datetime,
    standing: Standing,
    sign: int,
) -> None:
    everybody = ("",) * len(MIN_SOURCES)
    for name, values in zip(("", *PROPERTIES), (everybody, *standing.groups), strict=True):
        for i, (letter, value) in enumerate(zip(standing.letters, values, strict=True)):
            add_letter(moved[name, value or "", moment][i], letter, sign)


def _buckets(moment: datetime) -> Sequence[tuple[str, datetime | None]]:
    # What comes at the very beginning of a bucket belongs to the one before.
    utc = moment.astimezone(UTC)
    if utc > _EARLIEST:
        utc -= timedelta(microseconds=1)
    hour = utc.replace(minute=0, second=0, microsecond=0)
    day = hour.replace(hour=0)
    return (
        ("total", None),
        ("year", day.replace(month=1, day=1)),
        ("month", day.replace(day=1)),
        ("day", day),
        ("4 hours", hour.replace(hour=hour.hour // 4 * 4)),
        ("hour", hour),
        ("quarter", hour.replace(minute=utc.minute // 15 * 15)),
    )
