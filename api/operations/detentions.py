"""Detentions: spells in custody, one after the other."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from api import access
from api.access import Caller
from api.database import queries
from api.database.ledger import Change
from api.errors import not_found
from api.records import entries
from api.rendering.results import Page, Record, Unchanged
from api.verification import verdicts


def list_detentions(
    conn: queries.Connection, caller: Caller | None, id: UUID, limit: int | None, cursor: str | None
) -> Page:
    if queries.row(conn, "detainees/exist", id=id) is None:
        raise not_found("detainee")
    filters = {"detainee_id": id, "sees_hidden": access.sees_hidden(caller)}
    return Page("detentions/list", limit, filters, cursor)


def get_detention(conn: queries.Connection, caller: Caller | None, id: UUID) -> Record:
    parameters = {"id": id, "limit": 1, "sees_hidden": access.sees_hidden(caller)}
    return Record("detention", "detentions/list", parameters)


def create_detention(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> Record:
    if queries.row(conn, "detainees/lock", id=id) is None:
        raise not_found("detainee")
    created = entries.enter_detention(conn, id, body)
    verdicts.record(conn, caller, [Change("detention", created, "created")], detainees=[id])
    return get_detention(conn, caller, created)


def update_detention(
    conn: queries.Connection,
    caller: Caller,
    id: UUID,
    body: Mapping[str, Any],
    unchanged: Unchanged,
) -> Record:
    detainee_id = entries.lock_detention(conn, id)
    if detainee_id is None:
        raise not_found("detention")
    unchanged(get_detention(conn, caller, id))
    changed = entries.moved_detention(conn, detainee_id, id, body)
    queries.run(conn, "detentions/update", id=id, **changed)
    verdicts.record(conn, caller, [Change("detention", id, "updated")], detainees=[detainee_id])
    return get_detention(conn, caller, id)
