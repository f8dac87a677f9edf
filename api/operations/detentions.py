"""Operations on detentions: a person's periods in custody."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from api import access
from api.access import Caller
from api.database import queries
from api.errors import not_found
from api.operations.proposals import get_proposal
from api.records import detentions, proposals
from api.rendering.results import Page, Precondition, Record


def list_detentions(
    conn: queries.Connection, caller: Caller | None, id: UUID, limit: int | None, cursor: str | None
) -> Page:
    if queries.row(conn, "detainees/exist", id=id) is None:
        raise not_found("detainee")
    filters = {"detainee_id": id, "sees_hidden": access.sees_hidden(caller)}
    return Page("detentions/list", limit, filters, cursor)


def list_all_detentions(
    conn: queries.Connection, caller: Caller | None, limit: int | None, cursor: str | None
) -> Page:
    filters = {"sees_hidden": access.sees_hidden(caller)}
    return Page("detentions/list", limit, filters, cursor)


def get_detention(conn: queries.Connection, caller: Caller | None, id: UUID) -> Record:
    parameters = {"id": id, "limit": 1, "sees_hidden": access.sees_hidden(caller)}
    return Record("detention", "detentions/list", parameters)


def create_detention(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> Record:
    proposal = proposals.create(conn, caller, "detention", id, body)
    if proposal is not None:
        return get_proposal(conn, caller, proposal)
    return get_detention(conn, caller, detentions.create(conn, caller, id, body))


def update_detention(
    conn: queries.Connection,
    caller: Caller,
    id: UUID,
    body: Mapping[str, Any],
    precondition: Precondition,
) -> Record:
    detention = get_detention(conn, caller, id)
    check_precondition = partial(precondition, detention)
    proposal = proposals.create_update(conn, caller, "detention", id, body, check_precondition)
    if proposal is not None:
        return get_proposal(conn, caller, proposal)
    detentions.update(conn, caller, id, body, check_precondition)
    return detention


def void_detention(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> Record:
    proposal = proposals.create_void(conn, caller, "detention", id, body)
    if proposal is not None:
        return get_proposal(conn, caller, proposal)
    detentions.void(conn, caller, id, body)
    return get_detention(conn, caller, id)


def undo_void_detention(conn: queries.Connection, caller: Caller, id: UUID) -> Record:
    detentions.undo_void(conn, caller, id)
    return get_detention(conn, caller, id)
