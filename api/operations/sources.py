"""Sources: who speaks."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from api import entries, queries, verify
from api.answers import One, Page
from api.auth import Caller
from api.errors import not_found
from api.ledger import Change


def list_sources(conn: queries.Connection, limit: int, cursor: str | None) -> Page:
    return Page("select_sources", limit, cursor=cursor)


def get_source(conn: queries.Connection, id: UUID) -> One:
    return One("source", "select_sources", {"id": id, "limit": 1})


def create_source(conn: queries.Connection, caller: Caller, body: Mapping[str, Any]) -> One:
    id = entries.enter_source(conn, body)
    verify.record(conn, caller, [Change("source", id, "created")])
    return get_source(conn, id)


def update_source(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> One:
    if queries.one(conn, "update_source", id=id, **body) is None:
        raise not_found("source")
    verify.record(conn, caller, [Change("source", id, "updated")])
    return get_source(conn, id)
