"""Operations on release events and their verification."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from api import access
from api.access import Caller
from api.database import queries
from api.errors import RequestError, not_found
from api.identity import canonical_ids
from api.operations.proposals import get_proposal
from api.records import proposals, release_events
from api.rendering import media_types
from api.rendering.results import Answer, Page, Record, Unchanged
from api.reports import explanations, feeds


def list_release_events(
    conn: queries.Connection,
    caller: Caller | None,
    limit: int | None,
    cursor: str | None,
    detainee_id: UUID | None,
) -> Page:
    if detainee_id is not None:
        detainee_id = canonical_ids.resolve(conn, "detainee", detainee_id)
    filters = {"detainee_id": detainee_id, "sees_hidden": access.sees_hidden(caller)}
    return Page("release_events/list", limit, filters, cursor)


def get_release_event(
    conn: queries.Connection, caller: Caller | None, id: UUID, media_type: str, base_url: str
) -> Record | Answer:
    if media_type == media_types.FORMATS["jsonld"]:
        row = queries.row(conn, "release_events/get_for_review", id=id)
        if row is None:
            raise not_found("release event")
        if row.since is None:
            raise RequestError(
                "not-found", "This release event has no attestation, so there is no review of it."
            )
        return Answer(feeds.claim_review(row._asdict(), base_url))
    return _release_event(caller, id)


def create_release_event(
    conn: queries.Connection, caller: Caller, body: Mapping[str, Any]
) -> Record:
    proposal = proposals.create(conn, caller, "release_event", body["detainee_id"], body)
    if proposal is not None:
        return get_proposal(conn, caller, proposal)
    return _release_event(caller, release_events.create(conn, caller, body))


def update_release_event(
    conn: queries.Connection,
    caller: Caller,
    id: UUID,
    body: Mapping[str, Any],
    unchanged: Unchanged,
) -> Record:
    release_event = _release_event(caller, id)
    check_unchanged = partial(unchanged, release_event)
    proposal = proposals.create_update(conn, caller, "release_event", id, body, check_unchanged)
    if proposal is not None:
        return get_proposal(conn, caller, proposal)
    release_events.update(conn, caller, id, body, check_unchanged)
    return release_event


def void_release_event(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> Record:
    proposal = proposals.create_void(conn, caller, "release_event", id, body)
    if proposal is not None:
        return get_proposal(conn, caller, proposal)
    release_events.void(conn, caller, id, body)
    return _release_event(caller, id)


def undo_void_release_event(conn: queries.Connection, caller: Caller, id: UUID) -> Record:
    release_events.undo_void(conn, caller, id)
    return _release_event(caller, id)


def get_verification(
    conn: queries.Connection,
    id: UUID,
    as_of: datetime | None,
    recorded_as_of: datetime | None,
    min_sources: int,
    time_zone: str,
) -> Answer:
    return Answer(explanations.explain(conn, id, as_of, recorded_as_of, min_sources, time_zone))


def _release_event(caller: Caller | None, id: UUID) -> Record:
    parameters = {"id": id, "limit": 1, "sees_hidden": access.sees_hidden(caller)}
    return Record("release event", "release_events/list", parameters)
