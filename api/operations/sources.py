"""Operations on sources and on the affiliations between them."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from api import access
from api.access import Caller
from api.database import ledger, queries
from api.identity import source_merges, source_names
from api.records import sources
from api.rendering import pagination
from api.rendering.results import Page, Precondition, Ranked, Ranking, Record, offers_duplicates


def list_sources(
    conn: queries.Connection,
    caller: Caller | None,
    limit: int | None,
    cursor: str | None,
    q: str | None,
    kind: str | None,
) -> Page:
    q, sees_hidden = q and q.strip(), access.sees_hidden(caller)
    filters = {"sees_hidden": sees_hidden, "q": q, "kind": kind}
    ranking = None
    if q is not None:
        ranking = Ranking(partial(_search, q, kind, sees_hidden), pagination.RANKED)
    reader = ledger.reader(caller, "source")
    return Page("sources/list", limit, filters, cursor, ranking=ranking, reader=reader)


def _search(
    q: str,
    kind: str | None,
    sees_hidden: bool,
    conn: queries.Connection,
    position: str | None,
    limit: int,
) -> Sequence[Ranked]:
    ids = source_names.search(conn, q, kind, sees_hidden=sees_hidden)
    return pagination.ranked(ids, position, limit)


def get_source(conn: queries.Connection, caller: Caller | None, id: UUID) -> Record:
    return _source(caller, id, ledger.reader(caller, "source"))


def _possible_duplicates(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> Sequence[Mapping[str, Any]]:
    """Return the sources that may be the same; note which names of confidential ones are read."""
    matches = source_names.possible_duplicates(conn, id)
    if reader := ledger.reader(caller, "source"):
        hidden = source_names.confidential(conn, [match.second.id for match in matches])
        ledger.note_reading(conn, reader, sorted(hidden))
    return [
        {
            "source_id": match.second.id,
            "name": match.second.name,
            "score": match.score,
            "features": [feature._asdict() for feature in match.features],
        }
        for match in matches
    ]


@offers_duplicates(_possible_duplicates)
def create_source(conn: queries.Connection, caller: Caller, body: Mapping[str, Any]) -> Record:
    return _source(caller, sources.create(conn, caller, body))


def update_source(
    conn: queries.Connection,
    caller: Caller,
    id: UUID,
    body: Mapping[str, Any],
    precondition: Precondition,
) -> Record:
    source = _source(caller, id)
    sources.update(conn, caller, id, body, partial(precondition, source))
    return source


def merge_source(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> Record:
    merge = source_merges.create(conn, caller, id, body["into"])
    return Record("merge", "merges/list", {"id": merge, "sees_hidden": caller.sees_hidden})


def distinguish_source(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> Record:
    distinction = source_merges.distinguish(conn, caller, id, body["source_id"])
    parameters = {"id": distinction, "sees_hidden": caller.sees_hidden}
    return Record("distinction", "merges/get_distinction", parameters)


def list_affiliations(conn: queries.Connection, limit: int | None, cursor: str | None) -> Page:
    return Page("affiliations/list", limit, cursor=cursor)


def get_affiliation(conn: queries.Connection, id: UUID) -> Record:
    return Record("affiliation", "affiliations/list", {"id": id, "limit": 1})


def create_affiliation(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> Record:
    return get_affiliation(conn, sources.create_affiliation(conn, caller, id, body))


def update_affiliation(
    conn: queries.Connection,
    caller: Caller,
    id: UUID,
    body: Mapping[str, Any],
    precondition: Precondition,
) -> Record:
    affiliation = get_affiliation(conn, id)
    sources.update_affiliation(conn, caller, id, body, partial(precondition, affiliation))
    return affiliation


def void_affiliation(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> Record:
    sources.void_affiliation(conn, caller, id, body)
    return get_affiliation(conn, id)


def undo_void_affiliation(conn: queries.Connection, caller: Caller, id: UUID) -> Record:
    sources.undo_void_affiliation(conn, caller, id)
    return get_affiliation(conn, id)


def _source(caller: Caller | None, id: UUID, reader: ledger.Reader | None = None) -> Record:
    parameters = {"id": id, "limit": 1, "sees_hidden": access.sees_hidden(caller)}
    return Record("source", "sources/list", parameters, reader)
