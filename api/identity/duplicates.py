"""Pairs of recorded people or sources that are possible duplicates, for an editor to decide.

They are read in blocks of records, in the order of ids, so that the work for a request does not
grow with the store: each record of a block is compared with all its candidates.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple
from uuid import UUID

from api.database import queries
from api.identity import name_similarity, source_names
from api.matching.scoring import Person, compare

MAX_RECORDS = 500
"""The records of a block, at most."""
MAX_COMPARED = 2_000
"""The candidates after which a block ends: 350 microseconds for each pair of people."""
BEGINNING = UUID(int=0)
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
    def position(self) -> tuple[float, UUID, UUID]:
        """The position of the pair in the order of the list: best first, then by the ids."""
        return -self.score, self.first.id, self.second.id


class Block(NamedTuple):
    """The possible duplicates of consecutive records, best first.

    A pair belongs to its first record. `until` is the last of the records, and `is_last` tells
    whether it is the last of all.
    """

    pairs: Sequence[Pair]
    until: UUID
    is_last: bool


def read_block(
    conn: queries.Connection,
    resource: Resource,
    after: UUID,
    until: UUID | None = None,
    max_records: int = MAX_RECORDS,
) -> Block:
    """Compare the records after an id with all candidates; return the possible duplicates.

    Pairs that are recorded as distinct are left out. The block ends at `until` if that is given.
    Must be called in a snapshot.
    """
    step = _STEPS[resource]
    rows = queries.rows(
        conn,
        step.list_pairs,
        after=after,
        max_records=max_records + 1,
        max_per_key=step.max_per_key,
    )
    block = [
        row
        for row in rows[:max_records]
        if (row.pairs_before < MAX_COMPARED if until is None else row.id <= until)
    ]
    candidates = {(row.id, other) for row in block for other in row.candidate_ids}
    ids = sorted({id for pair in candidates for id in pair})
    distinct = queries.rows(conn, step.list_distinctions, ids=ids) if ids else ()
    candidates -= {(row.first_id, row.second_id) for row in distinct}
    pairs = sorted(step.compare(conn, sorted(candidates)), key=lambda pair: pair.position)
    last = block[-1].id if block else after
    return Block(pairs, last, is_last=len(block) == len(rows))


def blocks(conn: queries.Connection, resource: Resource) -> Iterator[Block]:
    """Yield the possible duplicates of all records. Must be called in a snapshot."""
    after, is_last = BEGINNING, False
    while not is_last:
        block = read_block(conn, resource, after)
        yield block
        after, is_last = block.until, block.is_last


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


class _Step(NamedTuple):
    """How the pairs of a resource are found and compared."""

    list_pairs: str
    max_per_key: int
    list_distinctions: str
    compare: Callable[[queries.Connection, Sequence[tuple[UUID, UUID]]], list[Pair]]


_STEPS: Mapping[Resource, _Step] = {
    "source": _Step(
        "sources/list_pairs",
        name_similarity.MAX_RECORDS_PER_KEY,
        "merges/list_distinctions_between_sources",
        _compare_sources,
    ),
    "detainee": _Step(
        "matching/list_pairs",
        _MAX_PEOPLE_PER_KEY,
        "merges/list_distinctions_between",
        _compare_people,
    ),
}
