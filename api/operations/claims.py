"""Claims: a source's aggregate figure, announcements among them. Never edited."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from api import access
from api.access import Caller
from api.database import queries
from api.database.ledger import Change
from api.errors import RequestError, not_found
from api.records import attestations
from api.rendering.results import Page, Record
from api.verification import verdicts


def list_claims(
    conn: queries.Connection,
    caller: Caller | None,
    limit: int,
    cursor: str | None,
    kind: str | None,
    source_id: UUID | None,
    announcement_id: UUID | None,
) -> Page:
    filters = {
        "kind": kind,
        "source_id": source_id,
        "announcement_id": announcement_id,
        "sees_hidden": access.sees_hidden(caller),
    }
    return Page("claims/list", limit, filters, cursor)


def get_claim(conn: queries.Connection, caller: Caller | None, id: UUID) -> Record:
    parameters = {"id": id, "limit": 1, "sees_hidden": access.sees_hidden(caller)}
    return Record("claim", "claims/list", parameters)


def create_claim(conn: queries.Connection, caller: Caller, body: Mapping[str, Any]) -> Record:
    id = attestations.enter_claim(conn, body)
    verdicts.record(conn, caller, [Change("claim", id, "created")])
    return get_claim(conn, caller, id)


def retract_claim(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> Record:
    claim = queries.row(conn, "claims/lock", id=id)
    if claim is None:
        raise not_found("claim")
    if claim.retracted_at is not None:
        raise RequestError("conflict", "This claim was retracted before.")
    attestations.check_retraction(body["retracted_at"], claim.published_at, claim.now)
    queries.run(conn, "claims/retract", id=id, **body)
    verdicts.record(conn, caller, [Change("claim", id, "retracted")])
    return get_claim(conn, caller, id)
