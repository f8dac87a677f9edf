"""Operations on attestations: one source's publications about one release event."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from api import access
from api.access import Caller
from api.database import queries
from api.identity import canonical_ids
from api.records import attestations
from api.rendering.results import Page, Record


def list_attestations(
    conn: queries.Connection,
    caller: Caller | None,
    limit: int | None,
    cursor: str | None,
    release_event_id: UUID | None,
    source_id: UUID | None,
) -> Page:
    if release_event_id is not None:
        release_event_id = canonical_ids.resolve(conn, "release_event", release_event_id)
    filters = {
        "release_event_id": release_event_id,
        "source_id": source_id,
        "sees_hidden": access.sees_hidden(caller),
    }
    query = "attestations/list" if source_id is None else "attestations/list_of_source"
    return Page(query, limit, filters, cursor)


def get_attestation(conn: queries.Connection, caller: Caller | None, id: UUID) -> Record:
    parameters = {"id": id, "limit": 1, "sees_hidden": access.sees_hidden(caller)}
    return Record("attestation", "attestations/list", parameters)


def create_attestation(conn: queries.Connection, caller: Caller, body: Mapping[str, Any]) -> Record:
    return get_attestation(conn, caller, attestations.create(conn, caller, body))


def retract_attestation(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> Record:
    attestations.retract(conn, caller, id, body)
    return get_attestation(conn, caller, id)


def void_attestation(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> Record:
    attestations.void(conn, caller, id, body)
    return get_attestation(conn, caller, id)
