"""How a person counts over publication time: once, by the strongest status of a release.

Pure, like the rule. A person with several release events has one status, and may have been detained
again since. A person is in one group of each property, so that groups add up to the total. (Here a
group is the people with one value of a property, not a group of sources.)
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, NamedTuple

from api.verification.rule import Status, status

MIN_SOURCES = range(1, 6)
"""The numbers of independent sources that a caller may require."""

FIGURES = ("confirmed", "disputed", "reported", "refuted", "unverified", "rearrested")
"""The figures of a count, in the order of every stored or summed row of figures."""

STATUSES: Sequence[Status] = ("confirmed", "disputed", "reported", "refuted", "unverified")
"""By which people count, the strongest first."""

UNDISCLOSED = "?"
"""The value of a property that the public may not know: undisclosed() in SQL."""

PROPERTIES = (
    "facility_id",
    "nationality",
    "age_group",
    "sex",
    "release_kind",
    "announcement_id",
    "occurred_on",
)
"""The properties that form groups: of the person, or of the event by which the person counts."""

Value = str | None
"""A value of a property; None if unknown."""

_at = attrgetter("at")
_CODES = dict(zip(STATUSES, "CDRFU", strict=True))
_DETAINED_AGAIN = "A"
# The columns in a row of FIGURES that a status code adds to.
_COLUMNS = {"C": (0,), "D": (1,), "R": (2,), "F": (3,), "U": (4,), _DETAINED_AGAIN: (0, 5)}


def by_name(figures: Iterable[int]) -> dict[str, int]:
    """Return a row of figures by the names of FIGURES.

    A timeline of 365 days took 0.6 ms with `dict(zip(…))`, and takes 0.2.
    """
    confirmed, disputed, reported, refuted, unverified, rearrested = figures
    return {
        "confirmed": confirmed,
        "disputed": disputed,
        "reported": reported,
        "refuted": refuted,
        "unverified": unverified,
        "rearrested": rearrested,
    }


def codes_of(figure: str) -> list[str]:
    """Return the status codes of the people whom one of FIGURES counts."""
    column = FIGURES.index(figure)
    return [code for code, columns in _COLUMNS.items() if column in columns]


class PersonStatus(NamedTuple):
    """How a person counts, for each of MIN_SOURCES.

    `codes` has one letter for each: C confirmed, A confirmed and detained again, D disputed,
    R reported, F refuted, U unverified. `groups` has a value for each, for each of PROPERTIES.
    """

    codes: str
    groups: tuple[tuple[Value, ...], ...]

    def groups_as_json(self) -> Mapping[str, Any]:
        """Return the values by property: one value if all are equal, none if all are unknown."""
        return {
            name: values[0] if len(set(values)) == 1 else list(values)
            for name, values in zip(PROPERTIES, self.groups, strict=True)
            if any(value is not None for value in values)
        }

    @classmethod
    def from_json(cls, codes: str, groups: Mapping[str, Any]) -> "PersonStatus":
        values = (groups.get(name) for name in PROPERTIES)
        return cls(
            codes,
            tuple(tuple(v) if isinstance(v, list) else (v,) * len(MIN_SOURCES) for v in values),
        )


class Step(NamedTuple):
    """An event's counts from a moment on, and its independent sources for each release kind."""

    at: datetime
    independent_sources: int
    independent_denials: int
    kinds: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class Event:
    """A release event: its steps in order, and the values of its properties.

    From `detained_again_at` on the person has been detained again.
    """

    steps: Sequence[Step]
    detained_again_at: datetime | None = None
    values: Mapping[str, Value] = field(default_factory=dict)
    id: str = ""

    def precedence(self, step: Step) -> tuple[str, int, str]:
        """Return a sort key: of events of equal status, the greatest decides a person's groups.

        The latest day, then the most independent sources. Ties are broken by the id. The time of
        entry is not used, because an export omits it.
        """
        return self.values.get("occurred_on") or "", step.independent_sources, self.id


def person_statuses(
    events: Sequence[Event], person: Mapping[str, Value] | None = None
) -> list[tuple[datetime, PersonStatus]]:
    """Return how a person counts from each moment at which that changes; not before the first.

    `person` gives the values of the person's own properties.
    """
    moments = {step.at for event in events for step in event.steps}
    if not moments:
        return []
    first = min(moments)
    detained_again = {event.detained_again_at for event in events}
    changes: list[tuple[datetime, PersonStatus]] = []
    for moment in sorted(moments | {m for m in detained_again if m is not None and m > first}):
        person_status = _person_status(events, person or {}, moment)
        if not changes or changes[-1][1] != person_status:
            changes.append((moment, person_status))
    return changes


def _person_status(
    events: Sequence[Event], person: Mapping[str, Value], moment: datetime
) -> PersonStatus:
    latest = []
    for event in events:
        if passed := bisect_right(event.steps, moment, key=_at):
            latest.append((event, event.steps[passed - 1]))
    codes, groups = [], []
    for required in MIN_SOURCES:
        statuses = [
            (event, step, status(step.independent_sources, step.independent_denials, required))
            for event, step in latest
        ]
        strongest = min((event_status for _, _, event_status in statuses), key=STATUSES.index)
        counting = [
            (event, step) for event, step, event_status in statuses if event_status == strongest
        ]
        is_detained_again = strongest == "confirmed" and all(
            event.detained_again_at is not None and event.detained_again_at <= moment
            for event, _ in counting
        )
        codes.append(_DETAINED_AGAIN if is_detained_again else _CODES[strongest])
        event, step = max(counting, key=lambda pair: pair[0].precedence(pair[1]))
        kind = verified_kind(step.kinds, step.independent_denials, required, strongest)
        values = {**person, **event.values, "release_kind": kind}
        groups.append([values.get(name) for name in PROPERTIES])
    return PersonStatus("".join(codes), tuple(zip(*groups, strict=True)))


def verified_kind(
    kinds: Mapping[str, int], denials: int, required: int, event_status: Status
) -> str | None:
    """Return the release kind whose own attestations give the status of the event.

    If there are several, the one with the most independent sources; None if there is none or a tie.
    """
    candidates = {
        kind: sources
        for kind, sources in kinds.items()
        if kind != "unknown" and status(sources, denials, required) == event_status
    }
    most = max(candidates.values(), default=0)
    leading = [kind for kind, sources in candidates.items() if sources == most]
    return leading[0] if len(leading) == 1 else None


Figures = list[int]
"""Numbers of people, one for each of FIGURES."""

RollupKey = tuple[str, str, str, datetime | None]
"""Property ('' for all people), value ('' if unknown), grain, bucket (None for all time)."""

_EARLIEST = datetime.min.replace(tzinfo=UTC)


def rollup_changes(
    before: Sequence[tuple[datetime, PersonStatus]], after: Sequence[tuple[datetime, PersonStatus]]
) -> Mapping[RollupKey, list[Figures]]:
    """Return the changes of rollups by a person's new statuses, a row for each of MIN_SOURCES.

    A number is negative if the person left a status. A bucket covers the time after its beginning,
    up to and including the beginning of the next.
    """
    added: dict[tuple[str, str, datetime], list[Figures]] = defaultdict(
        lambda: [[0] * len(FIGURES) for _ in MIN_SOURCES]
    )
    old, new = _transitions(before), _transitions(after)
    for transitions, sign in ((old - new, -1), (new - old, +1)):
        for moment, former, current in transitions:
            _add_status(added, moment, current, sign)
            if former is not None:
                _add_status(added, moment, former, -sign)
    changes: dict[RollupKey, list[Figures]] = {}
    for (name, value, moment), rows in added.items():
        if any(map(any, rows)):
            for grain, bucket in _buckets(moment):
                add_figures(changes, (name, value, grain, bucket), rows)
    return changes


def add_figures(
    rollups: dict[RollupKey, list[Figures]], key: RollupKey, rows: list[Figures]
) -> None:
    """Add rows of figures to the rollup with a key."""
    if key in rollups:
        pairs = zip(rollups[key], rows, strict=True)
        rows = [[x + y for x, y in zip(*pair, strict=True)] for pair in pairs]
    rollups[key] = rows


def _transitions(
    statuses: Sequence[tuple[datetime, PersonStatus]],
) -> set[tuple[datetime, PersonStatus | None, PersonStatus]]:
    former = [None, *(person_status for _, person_status in statuses)]
    return {
        (moment, f, person_status)
        for f, (moment, person_status) in zip(former, statuses, strict=False)
    }


def _add_status(
    added: dict[tuple[str, str, datetime], list[Figures]],
    moment: datetime,
    person_status: PersonStatus,
    sign: int,
) -> None:
    all_people = ("",) * len(MIN_SOURCES)
    groups = zip(("", *PROPERTIES), (all_people, *person_status.groups), strict=True)
    for name, values in groups:
        for i, (code, value) in enumerate(zip(person_status.codes, values, strict=True)):
            for column in _COLUMNS[code]:
                added[name, value or "", moment][i][column] += sign


def _buckets(moment: datetime) -> Sequence[tuple[str, datetime | None]]:
    """Return the bucket of each grain that a moment is in."""
    # The first moment of a bucket belongs to the bucket before.
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
