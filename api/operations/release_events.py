"""Handlers of release events and their verification."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from api import access
from api.access import Caller
from api.database import queries
from api.database.ledger import Change
from api.errors import FieldError, RequestError, invalid, not_found
from api.records import entries
from api.rendering import media_types
from api.rendering.results import Answer, Page, Record, Unchanged
from api.reports import claim_reviews, explanations
from api.verification import verdicts


def list_release_events(
    conn: queries.Connection,
    caller: Caller | None,
    limit: int | None,
    cursor: str | None,
    detainee_id: UUID | None,
) -> Page:
    if detainee_id is not None:
        detainee_id = entries.standing_for(conn, "detainee", detainee_id)
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
                "not-found", "Nobody has spoken of this release: there is no review."
            )
        return Answer(claim_reviews.claim_review(row._asdict(), base_url))
    return _release_event(caller, id)


def create_release_event(
    conn: queries.Connection, caller: Caller, body: Mapping[str, Any]
) -> Record:
    person = entries.lock_person(conn, body["detainee_id"])
    if person is None:
        raise invalid(FieldError("/detainee_id", "There is no detainee with this id."))
    id = entries.enter_release_event(conn, {**body, "detainee_id": person})
    verdicts.record(conn, caller, [Change("release_event", id, "created")])
    return _release_event(caller, id)


def update_release_event(
    conn: queries.Connection,
    caller: Caller,
    id: UUID,
    body: Mapping[str, Any],
    unchanged: Unchanged,
) -> Record:
    row = entries.lock_event(conn, id)
    if row is None:
        raise not_found("release event")
    unchanged(_release_event(caller, id))
    entries.check_announcement(conn, body.get("announcement_id"))
    if body.get("occurred_on", row.occurred_on) != row.occurred_on:
        if queries.row(conn, "attestations/exist", id=id).attested:
            raise RequestError(
                "conflict",
                "Sources have spoken of that day. Another day is another release event.",
            )
        entries.check_moved_release_event(conn, {**row._asdict(), **body}, id)
    queries.run(conn, "release_events/update", id=id, **body)
    verdicts.record(
        conn, caller, [Change("release_event", id, "updated")], detainees=[row.detainee_id]
    )
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
