"""The names of sources: one source has one record, unless two are recorded as distinct."""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any
from uuid import UUID

from api.database import queries
from api.errors import FieldError, RequestError, invalid
from api.identity import source_similarity
from api.identity.source_similarity import Match, SourceName, exact_key

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
    surviving = {row.id for row in rows if row.merged_into is None}
    errors = [
        FieldError(f"/distinct_from/{place}", detail)
        for place, other in enumerate(distinct_from)
        if (detail := _distinct_from_error(other, id, surviving))
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


def _distinct_from_error(other: UUID, id: UUID | None, surviving: set[UUID]) -> str | None:
    if other == id:
        return "Must be another source."
    return None if other in surviving else "There is no source with this id."


def distinctions(conn: queries.Connection, id: UUID) -> Mapping[UUID, UUID]:
    """Return the surviving sources from which one is distinct, each with the distinction."""
    rows = queries.rows(conn, "merges/list_distinctions_of_source", id=id)
    return {row.other_id: row.distinction_id for row in rows}


def write_keys(conn: queries.Connection, id: UUID, name: str, url: str | None) -> None:
    """Write the keys by which a source with this name and address is found."""
    keys = list(SourceName(id, name, url).keys)
    queries.run(conn, "sources/delete_keys", id=id, keys=keys)
    queries.run(conn, "sources/insert_keys", id=id, keys=keys)


def reindex(conn: queries.Connection) -> None:
    """Rebuild the keys of all sources if the rules that make them have changed."""
    version = {"resource": "source", "sha256": source_similarity.rules_digest()}
    if queries.row(conn, "matching/get_key_version", **version).is_current:
        return
    with conn.transaction():
        lock(conn)
        for row in queries.rows(conn, "sources/list_names"):
            write_keys(conn, row.id, row.name, row.url)
    queries.run(conn, "matching/update_key_version", **version)


def possible_duplicates(conn: queries.Connection, id: UUID) -> Sequence[Match]:
    """Return the sources that may be the same as one, best first."""
    max_sources = source_similarity.MAX_WORD_SOURCES
    sources = _surviving(queries.rows(conn, "sources/list_similar", id=id, max_sources=max_sources))
    if id not in sources:
        return []
    distinct = distinctions(conn, id)
    others = (source for source in sources.values() if source.id not in distinct)
    return source_similarity.similar(sources[id], others)[:MAX_POSSIBLE_DUPLICATES]


def duplicates(conn: queries.Connection, max_pairs: int) -> tuple[Sequence[Match], bool]:
    """Compare at most so many pairs of sources; return those that may be one, and if these are all.

    They are best first. Pairs that are recorded as distinct are left out.
    """
    rows = queries.rows(
        conn,
        "sources/list_pairs",
        max_sources=source_similarity.MAX_WORD_SOURCES,
        max_pairs=max_pairs + 1,
    )
    pairs = [(row.first_id, row.second_id) for row in rows[:max_pairs]]
    ids = sorted({id for pair in pairs for id in pair})
    sources = _surviving(queries.rows(conn, "sources/list_with_duplicates", ids=ids))
    matches = source_similarity.similar_pairs(
        (sources[one], sources[other]) for one, other in pairs
    )
    return matches, len(rows) <= max_pairs


def confidential(conn: queries.Connection, ids: Sequence[UUID]) -> Set[UUID]:
    """Return those of some sources that are confidential."""
    rows = queries.rows(conn, "sources/list_by_ids", ids=list(ids)) if ids else ()
    return {row.id for row in rows if row.confidential}


def _surviving(rows: Iterable[Any]) -> Mapping[UUID, SourceName]:
    """Return the surviving sources of rows, each with the names of its duplicates."""
    names: dict[UUID, list[str]] = {}
    urls: dict[UUID, str | None] = {}
    for row in rows:
        if row.id == row.surviving_id:
            urls[row.id] = row.url
            names.setdefault(row.id, []).insert(0, row.name)
        else:
            names.setdefault(row.surviving_id, []).append(row.name)
    return {id: SourceName(id, names[id][0], url, tuple(names[id][1:])) for id, url in urls.items()}
