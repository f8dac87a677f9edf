"""Facilities: where people are held."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from api.access import Caller
from api.database import queries
from api.database.ledger import Change
from api.errors import not_found
from api.records import entries
from api.rendering.results import Page, Record, Unchanged
from api.verification import verdicts


def list_facilities(conn: queries.Connection, limit: int | None, cursor: str | None) -> Page:
    return Page("facilities/list", limit, cursor=cursor)


def get_facility(conn: queries.Connection, id: UUID) -> Record:
    return Record("facility", "facilities/list", {"id": id, "limit": 1})


def create_facility(conn: queries.Connection, caller: Caller, body: Mapping[str, Any]) -> Record:
    id = entries.enter_facility(conn, body)
    verdicts.record(conn, caller, [Change("facility", id, "created")])
    return get_facility(conn, id)


def update_facility(
    conn: queries.Connection,
    caller: Caller,
    id: UUID,
    body: Mapping[str, Any],
    unchanged: Unchanged,
) -> Record:
    if queries.row(conn, "facilities/lock", id=id) is None:
        raise not_found("facility")
    unchanged(get_facility(conn, id))
    queries.run(conn, "facilities/update", id=id, **body)
    verdicts.record(conn, caller, [Change("facility", id, "updated")])
    return get_facility(conn, id)
