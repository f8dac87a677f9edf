"""Attestations: one source's word on one release event. Never edited."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from api import access
from api.access import Caller
from api.database import queries
from api.database.ledger import Change
from api.errors import FieldError, RequestError, invalid, not_found
from api.records import attestations, entries
from api.rendering.results import Page, Record
from api.verification import verdicts


def list_attestations(
    conn: queries.Connection,
    caller: Caller | None,
    limit: int | None,
    cursor: str | None,
    release_event_id: UUID | None,
    source_id: UUID | None,
) -> Page:
    if release_event_id is not None:
        release_event_id = entries.standing_for(conn, "release_event", release_event_id)
    filters = {
        "release_event_id": release_event_id,
        "source_id": source_id,
        "sees_hidden": access.sees_hidden(caller),
    }
    return Page("attestations/list", limit, filters, cursor)


def get_attestation(conn: queries.Connection, caller: Caller | None, id: UUID) -> Record:
    parameters = {"id": id, "limit": 1, "sees_hidden": access.sees_hidden(caller)}
    return Record("attestation", "attestations/list", parameters)


def create_attestation(conn: queries.Connection, caller: Caller, body: Mapping[str, Any]) -> Record:
    event = _locked_event(conn, body["release_event_id"])
    if event is None:
        raise invalid(FieldError("/release_event_id", "There is no release event with this id."))
    id = attestations.enter_attestation(conn, event, body)
    return _recorded(
        conn, caller, event, Change("attestation", id, "created"), body["published_at"]
    )


def retract_attestation(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> Record:
    event, attestation = _locked_attestation(conn, id)
    if attestation.retracted_at is not None:
        raise RequestError("conflict", "This attestation was retracted before.")
    attestations.check_retraction(body["retracted_at"], attestation.published_at, event.now)
    queries.run(conn, "attestations/retract", id=id, **body)
    return _recorded(
        conn, caller, event, Change("attestation", id, "retracted"), body["retracted_at"]
    )


def void_attestation(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> Record:
    event, attestation = _locked_attestation(conn, id)
    queries.run(conn, "attestations/void", id=id, **body)
    return _recorded(
        conn, caller, event, Change("attestation", id, "voided"), attestation.published_at
    )


def _locked_event(conn: queries.Connection, release_event_id: UUID) -> Any:
    queries.run(conn, "affiliations/lock_shared")
    return entries.lock_event_named(conn, release_event_id)


def _locked_attestation(conn: queries.Connection, id: UUID) -> tuple[Any, Any]:
    """An attestation that is not void, and its event, locked."""
    attestation = queries.row(conn, "attestations/get", id=id)
    if attestation is None:
        raise not_found("attestation")
    event = None
    # It may come to speak of another event while the lock is waited for.
    while event is None or event.id != attestation.release_event_id:
        event = _locked_event(conn, attestation.release_event_id)
        attestation = queries.row(conn, "attestations/get", id=id)
    if attestation.voided_at is not None:
        raise RequestError("conflict", "This attestation was voided before.")
    return event, attestation


def _recorded(
    conn: queries.Connection, caller: Caller, event: Any, change: Change, since: datetime
) -> Record:
    verdicts.record(
        conn, caller, [change], events=[event.id], detainees=[event.detainee_id], since=since
    )
    return get_attestation(conn, caller, change.resource_id)
