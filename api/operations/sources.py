"""Operations on sources and on the affiliations between them."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from api import access
from api.access import Caller
from api.database import ledger, queries
from api.records import sources
from api.rendering.results import Page, Record, Unchanged


def list_sources(
    conn: queries.Connection, caller: Caller | None, limit: int | None, cursor: str | None
) -> Page:
    filters = {"sees_hidden": access.sees_hidden(caller)}
    reader = ledger.reader(caller, "source")
    return Page("sources/list", limit, filters, cursor, reader=reader)


def get_source(conn: queries.Connection, caller: Caller | None, id: UUID) -> Record:
    return _source(caller, id, ledger.reader(caller, "source"))


def create_source(conn: queries.Connection, caller: Caller, body: Mapping[str, Any]) -> Record:
    return _source(caller, sources.create(conn, caller, body))


def update_source(
    conn: queries.Connection,
    caller: Caller,
    id: UUID,
    body: Mapping[str, Any],
    unchanged: Unchanged,
) -> Record:
    source = _source(caller, id)
    sources.update(conn, caller, id, body, partial(unchanged, source))
    return source


def get_affiliation(conn: queries.Connection, id: UUID) -> Record:
    return Record("affiliation", "affiliations/list", {"id": id})


def create_affiliation(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> Record:
    return get_affiliation(conn, sources.create_affiliation(conn, caller, id, body))


def update_affiliation(
    conn: queries.Connection,
    caller: Caller,
    id: UUID,
    body: Mapping[str, Any],
    unchanged: Unchanged,
) -> Record:
    affiliation = get_affiliation(conn, id)
    sources.update_affiliation(conn, caller, id, body, partial(unchanged, affiliation))
    return affiliation


def _source(caller: Caller | None, id: UUID, reader: ledger.Reader | None = None) -> Record:
    parameters = {"id": id, "limit": 1, "sees_hidden": access.sees_hidden(caller)}
    return Record("source", "sources/list", parameters, reader)
