"""Pairs of recorded people or sources that may be one, for an editor to merge or distinguish.

The pairs with the most shared keys are compared, up to a limit, so that the work is bounded. A pair
that is merged or distinguished makes place for another one.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple
from uuid import UUID

from api.database import queries
from api.identity import source_names
from api.matching.scoring import Person, compare

MAX_COMPARED = 2_000
"""The pairs that are compared for a request: 350 microseconds for each pair of people."""
_MAX_PEOPLE_PER_KEY = 10
"""Keys of more people are left out. Among 30,000 people all keys make 70 million pairs, and these
keys a tenth of a million."""

Resource = Literal["source", "detainee"]


class Record(NamedTuple):
    """A record of a pair, and whether its name is hidden from the public."""

    id: UUID
    name: str
    is_hidden: bool


class Pair(NamedTuple):
    """Two records that may be one; the first has the lower id."""

    first: Record
    second: Record
    score: float
    features: Sequence[Any]

    @property
    def place(self) -> tuple[float, UUID, UUID]:
        """The place of the pair in the order of the list: best first, then by the ids."""
        return -self.score, self.first.id, self.second.id


class Duplicates(NamedTuple):
    """The pairs that may be one, best first, and whether all that share a key were compared."""

    pairs: Sequence[Pair]
    is_complete: bool


def find(
    conn: queries.Connection, resource: Resource, max_compared: int = MAX_COMPARED
) -> Duplicates:
    """Return the pairs that may be one, without those recorded as distinct.

    Must be called in a snapshot.
    """
    return _FINDERS[resource](conn, max_compared)


def _sources(conn: queries.Connection, max_compared: int) -> Duplicates:
    matches, is_complete = source_names.duplicates(conn, max_compared)
    confidential = source_names.confidential(conn, [s.id for m in matches for s in m[:2]])

    def record(source: Any) -> Record:
        return Record(source.id, source.name, source.id in confidential)

    pairs = [Pair(record(m.one), record(m.other), m.score, m.features) for m in matches]
    return Duplicates(pairs, is_complete)


def _people(conn: queries.Connection, max_compared: int) -> Duplicates:
    found = queries.rows(
        conn,
        "matching/list_pairs",
        max_per_key=_MAX_PEOPLE_PER_KEY,
        max_pairs=max_compared + 1,
    )
    compared = found[:max_compared]
    ids = sorted({id for row in compared for id in (row.first_id, row.second_id)})
    rows = {
        row.id: row for row in queries.rows(conn, "matching/list_people", ids=ids, sees_hidden=True)
    }
    people = {id: Person.from_record(row._asdict()) for id, row in rows.items()}

    def record(id: UUID) -> Record:
        return Record(id, rows[id].name, not rows[id].is_named)

    pairs = []
    for first, second in compared:
        match = compare(people[first], people[second])
        if match.decision != "none":
            pairs.append(Pair(record(first), record(second), match.score, match.features))
    pairs.sort(key=lambda pair: pair.place)
    return Duplicates(pairs, len(found) <= max_compared)


_FINDERS: Mapping[Resource, Callable[[queries.Connection, int], Duplicates]] = {
    "source": _sources,
    "detainee": _people,
}
