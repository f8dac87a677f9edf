"""Operations on proposals: writes about hidden people that wait for the decision of an editor."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from api import access
from api.access import Caller
from api.database import ledger, queries
from api.records import proposals
from api.rendering.results import Page, Record

_NO_KEY = UUID(int=0)
"""No key has this id, so a caller without a key sees no proposals."""


def list_proposals(
    conn: queries.Connection,
    caller: Caller | None,
    limit: int | None,
    cursor: str | None,
    state: str | None,
) -> Page:
    filters = {**_visible_to(caller), "state": state}
    return Page("proposals/list", limit, filters, cursor, reader=_reader(caller))


def get_proposal(conn: queries.Connection, caller: Caller | None, id: UUID) -> Record:
    parameters = {**_visible_to(caller), "id": id, "limit": 1}
    return Record("proposal", "proposals/list", parameters, _reader(caller))


def _reader(caller: Caller | None) -> ledger.Reader | None:
    """Return the reader of the names that a proposal can have."""
    return ledger.reader(caller, "detainee", "detainee_id")


def accept_proposal(conn: queries.Connection, caller: Caller, id: UUID) -> Record:
    proposals.accept(conn, caller, id)
    return get_proposal(conn, caller, id)


def reject_proposal(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> Record:
    proposals.reject(conn, caller, id, body)
    return get_proposal(conn, caller, id)


def _visible_to(caller: Caller | None) -> Mapping[str, Any]:
    key_id = _NO_KEY if caller is None else caller.key_id
    return {"sees_hidden": access.sees_hidden(caller), "key_id": key_id}
