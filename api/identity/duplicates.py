"""Pairs of recorded people or sources that are possible duplicates, for an editor to decide.

The pairs with the strongest evidence are compared, up to a limit, so that the work is bounded. A
merged or distinguished pair leaves the list, so that a further pair is compared.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple
from uuid import UUID

from api.database import queries
from api.identity import source_names, source_similarity
from api.matching.scoring import Person, compare

MAX_COMPARED = 2_000
"""The pairs that are compared for a request: 350 microseconds for each pair of people."""
_MAX_PEOPLE_PER_KEY = 10
"""Keys of more people are ignored. Among 30,000 people all keys make 70 million pairs, and these
keys a tenth of a million."""

Resource = Literal["source", "detainee"]


class Record(NamedTuple):
    """A record of a pair, and whether its name is hidden from the public."""

    id: UUID
    name: str
    is_hidden: bool


class Pair(NamedTuple):
    """Two records that are possible duplicates; the first has the lower id."""

    first: Record
    second: Record
    score: float
    features: Sequence[Any]
    # Whether they are two sources of one name, which is an error of the store.
    has_same_name: bool = False

    @property
    def place(self) -> tuple[float, UUID, UUID]:
        """The place of the pair in the order of the list: best first, then by the ids."""
        return -self.score, self.first.id, self.second.id


class Duplicates(NamedTuple):
    """The possible duplicates, best first, and whether all candidates were compared."""

    pairs: Sequence[Pair]
    is_complete: bool


def find(
    conn: queries.Connection, resource: Resource, max_compared: int = MAX_COMPARED
) -> Duplicates:
    """Return the possible duplicates, best first, and whether all candidates were compared.

    Pairs that are recorded as distinct are left out. Must be called in a snapshot.
    """
    list_candidates, compare_candidates = _STEPS[resource]
    candidates = [(row.first_id, row.second_id) for row in list_candidates(conn, max_compared + 1)]
    pairs = compare_candidates(conn, candidates[:max_compared])
    pairs.sort(key=lambda pair: pair.place)
    return Duplicates(pairs, len(candidates) <= max_compared)


def _list_sources(conn: queries.Connection, max_pairs: int) -> Sequence[Any]:
    max_sources = source_similarity.MAX_SOURCES_PER_KEY
    return queries.rows(conn, "sources/list_pairs", max_sources=max_sources, max_pairs=max_pairs)


def _list_people(conn: queries.Connection, max_pairs: int) -> Sequence[Any]:
    max_people = _MAX_PEOPLE_PER_KEY
    return queries.rows(conn, "matching/list_pairs", max_per_key=max_people, max_pairs=max_pairs)


def _compare_sources(
    conn: queries.Connection, candidates: Sequence[tuple[UUID, UUID]]
) -> list[Pair]:
    matches = source_names.compare_pairs(conn, candidates)
    confidential = source_names.confidential(conn, [s.id for m in matches for s in m[:2]])

    def record(source: Any) -> Record:
        return Record(source.id, source.name, source.id in confidential)

    return [
        Pair(record(m.first), record(m.second), m.score, m.features, m.first.has_name_of(m.second))
        for m in matches
    ]


def _compare_people(
    conn: queries.Connection, candidates: Sequence[tuple[UUID, UUID]]
) -> list[Pair]:
    ids = sorted({id for pair in candidates for id in pair})
    rows = {
        row.id: row for row in queries.rows(conn, "matching/list_people", ids=ids, sees_hidden=True)
    }
    people = {id: Person.from_record(row._asdict()) for id, row in rows.items()}

    def record(id: UUID) -> Record:
        return Record(id, rows[id].name, not rows[id].is_named)

    pairs = []
    for first, second in candidates:
        match = compare(people[first], people[second])
        if match.decision != "none":
            pairs.append(Pair(record(first), record(second), match.score, match.features))
    return pairs


_List = Callable[[queries.Connection, int], Sequence[Any]]
_Compare = Callable[[queries.Connection, Sequence[tuple[UUID, UUID]]], list[Pair]]
_STEPS: Mapping[Resource, tuple[_List, _Compare]] = {
    "source": (_list_sources, _compare_sources),
    "detainee": (_list_people, _compare_people),
}
