"""Operations on claims: figures of sources, and their comparison with confirmed counts."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from api import access
from api.access import Caller
from api.database import queries
from api.records import claims
from api.rendering.results import Answer, Page, Record, Stream
from api.reports import comparisons
from api.reports.comparisons import ClaimFilters


def list_claims(
    conn: queries.Connection,
    caller: Caller | None,
    limit: int | None,
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
    return get_claim(conn, caller, claims.create(conn, caller, body))


def retract_claim(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> Record:
    claims.retract(conn, caller, id, body)
    return get_claim(conn, caller, id)


def void_claim(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> Record:
    claims.void(conn, caller, id, body)
    return get_claim(conn, caller, id)


def undo_void_claim(conn: queries.Connection, caller: Caller, id: UUID) -> Record:
    claims.undo_void(conn, caller, id)
    return get_claim(conn, caller, id)


def get_comparison(
    conn: queries.Connection,
    id: UUID,
    recorded_as_of: datetime | None,
    min_sources: int,
    time_zone: str,
) -> Answer:
    return Answer(comparisons.get_comparison(conn, id, recorded_as_of, min_sources, time_zone))


def list_comparisons(
    conn: queries.Connection,
    limit: int | None,
    cursor: str | None,
    filters: ClaimFilters,
    recorded_as_of: datetime | None,
    min_sources: int,
    time_zone: str,
) -> Answer | Stream:
    return comparisons.list_comparisons(
        conn, limit, cursor, filters, recorded_as_of, min_sources, time_zone
    )


def get_delivery(
    conn: queries.Connection,
    id: UUID,
    as_of: datetime | None,
    recorded_as_of: datetime | None,
    min_sources: int,
    time_zone: str,
) -> Answer:
    return Answer(comparisons.delivery(conn, id, as_of, recorded_as_of, min_sources, time_zone))
