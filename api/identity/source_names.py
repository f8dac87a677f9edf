"""The names of sources: one source has one record, unless two are recorded as distinct."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from uuid import UUID

from api.database import queries
from api.errors import FieldError, RequestError, invalid
from api.identity import source_similarity
from api.identity.source_similarity import Match, SourceName, name_key
from api.records.writes import Body

MAX_POSSIBLE_DUPLICATES = 10


class RecordedNames:
    """The sources as they are recorded, each with the names of its merged duplicates."""

    def __init__(self, conn: queries.Connection) -> None:
        self.sources: dict[UUID, SourceName] = {}
        self._vouched_by: dict[UUID, UUID | None] = {}
        self._by_name: dict[str, list[UUID]] = {}
        rows = queries.rows(conn, "sources/list_names")
        for row in rows:
            if row.id == row.surviving_id:
                self.add(row.id, row._asdict())
        for row in rows:
            if row.id != row.surviving_id:
                source = self.sources[row.surviving_id]
                names = (*source.other_names, row.name)
                self.sources[source.id] = replace(source, other_names=names)
                self._by_name.setdefault(name_key(row.name), []).append(source.id)

    def add(self, id: UUID, source: Body) -> None:
        """Add a source that was inserted."""
        self.sources[id] = SourceName(id, source["name"], source["url"])
        self._vouched_by[id] = source["vouched_by"]
        self._by_name.setdefault(name_key(source["name"]), []).append(id)

    def find(self, source: Body) -> UUID | None:
        """Return the source with this name that is as confidential, through the same voucher."""
        same = self.with_name(source["name"])
        return next((id for id in same if self._vouched_by[id] == source["vouched_by"]), None)

    def with_name(self, name: str) -> Sequence[UUID]:
        """Return the surviving sources that have a name, or a duplicate with it."""
        return list(dict.fromkeys(self._by_name.get(name_key(name), ())))


def check(
    conn: queries.Connection, name: str, distinct_from: Sequence[UUID], id: UUID | None = None
) -> Sequence[UUID]:
    """Check that no other source has a name, apart from those that are distinct from this one.

    Locks the names of all sources until the end of the transaction. `id` is that of a recorded
    source that gets the name. Returns the ids of `distinct_from` that are not recorded as distinct
    yet. Raises `source-exists`.
    """
    queries.run(conn, "sources/lock_names")
    names = RecordedNames(conn)
    errors = [
        FieldError(f"/distinct_from/{place}", detail)
        for place, other in enumerate(distinct_from)
        if (detail := _distinct_from_error(names, other, id))
    ]
    if errors:
        raise invalid(*errors)
    recorded = {other for pair in distinct_pairs(conn) if id in pair for other in pair}
    for other in names.with_name(name):
        if other != id and other not in recorded and other not in distinct_from:
            raise RequestError(
                "source-exists",
                f"There is a source with this name: /v1/sources/{other}. Use it, or send its id in "
                "distinct_from if the two are different.",
                existing={"source_id": other},
            )
    return [other for other in distinct_from if other not in recorded]


def _distinct_from_error(names: RecordedNames, other: UUID, id: UUID | None) -> str | None:
    if other == id:
        return "Must be another source."
    return None if other in names.sources else "There is no source with this id."


def distinct_pairs(conn: queries.Connection) -> set[frozenset[UUID]]:
    """Return the pairs of sources that are recorded as distinct."""
    rows = queries.rows(conn, "merges/list_distinctions_of_sources")
    return {frozenset((row.one_id, row.other_id)) for row in rows}


def possible_duplicates(conn: queries.Connection, id: UUID) -> Sequence[Match]:
    """Return the sources that may be the same as one, best first."""
    recorded = RecordedNames(conn).sources
    if id not in recorded:
        return []
    matches = source_similarity.similar(recorded[id], recorded.values())
    return list(_undecided(conn, matches))[:MAX_POSSIBLE_DUPLICATES]


def duplicates(conn: queries.Connection) -> Sequence[Match]:
    """Return all pairs of sources that may be one, best first."""
    return list(_undecided(conn, source_similarity.pairs(RecordedNames(conn).sources.values())))


def _undecided(conn: queries.Connection, matches: Iterable[Match]) -> Iterable[Match]:
    distinct = distinct_pairs(conn)
    return (m for m in matches if frozenset((m.one.id, m.other.id)) not in distinct)
