"""Facilities: where people are held."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from api import entries, queries, verify
from api.answers import One, Page, Unchanged
from api.auth import Caller
from api.errors import not_found
from api.ledger import Change


def list_facilities(conn: queries.Connection, limit: int, cursor: str | None) -> Page:
    return Page("facilities/list", limit, cursor=cursor)


def get_facility(conn: queries.Connection, id: UUID) -> One:
    return One("facility", "facilities/list", {"id": id, "limit": 1})


def create_facility(conn: queries.Connection, caller: Caller, body: Mapping[str, Any]) -> One:
    id = entries.enter_facility(conn, body)
    verify.record(conn, caller, [Change("facility", id, "created")])
    return get_facility(conn, id)


def update_facility(
    conn: queries.Connection,
    caller: Caller,
    id: UUID,
    body: Mapping[str, Any],
    unchanged: Unchanged,
) -> One:
    if queries.one(conn, "facilities/lock", id=id) is None:
        raise not_found("facility")
    unchanged(get_facility(conn, id))
    queries.run(conn, "facilities/update", id=id, **body)
    verify.record(conn, caller, [Change("facility", id, "updated")])
    return get_facility(conn, id)
