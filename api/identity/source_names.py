"""The names of sources: one source has one record, unless two are recorded as distinct."""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any
from uuid import UUID

from api.database import key_versions, queries
from api.errors import FieldError, RequestError, invalid
from api.identity import name_similarity
from api.identity.name_similarity import Match, RecordName, exact_key

MAX_POSSIBLE_DUPLICATES = 10


def lock(conn: queries.Connection) -> None:
    """Lock the names of all sources until the end of the transaction."""
    queries.run(conn, "sources/lock_names")


def with_name(conn: queries.Connection, name: str) -> Sequence[Any]:
    """Return the rows of the surviving sources that have a name, or a duplicate with it."""
    return queries.rows(conn, "sources/list_by_key", key=exact_key(name))


def check(
    conn: queries.Connection, name: str, distinct_from: Sequence[UUID], id: UUID | None = None
) -> Sequence[UUID]:
    """Check that no other source has a name, apart from those that are distinct from this one.

    The names are locked. `id` is that of a recorded source that gets the name. Returns the ids of
    `distinct_from` that are not recorded as distinct yet. Raises `source-exists`.
    """
    rows = queries.rows(conn, "sources/list_by_ids", ids=list(distinct_from))
    sources = {row.id: row for row in rows}
    errors = [
        FieldError(f"/distinct_from/{i}", detail)
        for i, other in enumerate(distinct_from)
        if (detail := _distinct_from_error(other, id, sources.get(other)))
    ]
    if errors:
        raise invalid(*errors)
    recorded = {} if id is None else distinctions(conn, id)
    for other in with_name(conn, name):
        if other.id != id and other.id not in recorded and other.id not in distinct_from:
            raise RequestError(
                "source-exists",
                f"There is a source with this name: /v1/sources/{other.id}. Use it, or send its id "
                "in distinct_from if the two are different.",
                existing={"source_id": other.id},
            )
    return [other for other in distinct_from if other not in recorded]


def _distinct_from_error(other: UUID, id: UUID | None, row: Any) -> str | None:
    if other == id:
        return "Must be another source."
    if row is None:
        return "There is no source with this id."
    if row.merged_into is not None:
        return f"This source is merged into /v1/sources/{row.merged_into}: send the id of that."
    return None


def distinctions(conn: queries.Connection, id: UUID) -> Mapping[UUID, UUID]:
    """Return the surviving sources that a source is distinct from, with the distinctions."""
    rows = queries.rows(conn, "merges/list_distinctions_of_source", id=id)
    return {row.distinct_from_id: row.distinction_id for row in rows}


def write_keys(conn: queries.Connection, id: UUID, name: str, url: str | None) -> None:
    """Write the keys by which a source with this name and address is found."""
    keys = list(RecordName(id, name, url).keys)
    queries.run(conn, "sources/delete_keys", id=id, keys=keys)
    queries.run(conn, "sources/insert_keys", id=id, keys=keys)


def reindex(conn: queries.Connection) -> None:
    """Rebuild the keys of all sources if the rules that make them have changed."""

    def write_all() -> None:
        with conn.transaction():
            lock(conn)
            for row in queries.rows(conn, "sources/list_names"):
                write_keys(conn, row.id, row.name, row.url)

    key_versions.rebuild(conn, "source", name_similarity.rules_digest(), write_all)


def possible_duplicates(conn: queries.Connection, id: UUID) -> Sequence[Match]:
    """Return the possible duplicates of a source, best first."""
    max_sources = name_similarity.MAX_RECORDS_PER_KEY
    sources = _surviving(queries.rows(conn, "sources/list_similar", id=id, max_sources=max_sources))
    if id not in sources:
        return []
    distinct = distinctions(conn, id)
    others = (source for source in sources.values() if source.id not in distinct)
    return name_similarity.similar(sources[id], others)[:MAX_POSSIBLE_DUPLICATES]


def compare_pairs(conn: queries.Connection, pairs: Sequence[tuple[UUID, UUID]]) -> Sequence[Match]:
    """Return those of some pairs of sources that are possible duplicates."""
    ids = sorted({id for pair in pairs for id in pair})
    sources = _surviving(queries.rows(conn, "sources/list_with_duplicates", ids=ids))
    return name_similarity.similar_pairs(
        (sources[first_id], sources[second_id]) for first_id, second_id in pairs
    )


def confidential(conn: queries.Connection, ids: Sequence[UUID]) -> Set[UUID]:
    """Return those of some sources that are confidential."""
    rows = queries.rows(conn, "sources/list_by_ids", ids=list(ids)) if ids else ()
    return {row.id for row in rows if row.confidential}


def _surviving(rows: Iterable[Any]) -> Mapping[UUID, RecordName]:
    """Return the surviving sources of rows, each with the names of its duplicates."""
    names: dict[UUID, list[str]] = {}
    urls: dict[UUID, str | None] = {}
    for row in rows:
        if row.id == row.surviving_id:
            urls[row.id] = row.url
            names.setdefault(row.id, []).insert(0, row.name)
        else:
            names.setdefault(row.surviving_id, []).append(row.name)
    return {id: RecordName(id, names[id][0], url, tuple(names[id][1:])) for id, url in urls.items()}


def search(
    conn: queries.Connection, name: str, kind: str | None, *, sees_hidden: bool
) -> Sequence[UUID]:
    """Return the visible sources whose names are like a name, best first."""
    asked = RecordName(UUID(int=0), name)
    rows = queries.rows(
        conn,
        "sources/find_by_name",
        keys=list(asked.keys),
        max_per_key=name_similarity.MAX_RECORDS_PER_KEY,
        sees_hidden=sees_hidden,
        **queries.drop_none(kind=kind),
    )
    hits = name_similarity.ranked(asked, _surviving(rows).values())
    return [hit.record.id for hit in hits]
