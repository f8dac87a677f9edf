"""Release events: detentions that are said to have ended on a day."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from api import auth
from api.auth import Caller
from api.database import queries
from api.database.ledger import Change
from api.errors import Fault, Refusal, invalid, not_found
from api.records import entries
from api.rendering import media_types
from api.rendering.results import Document, One, Page, Unchanged
from api.reports import claim_reviews
from api.verification import verdicts


def list_release_events(
    conn: queries.Connection,
    caller: Caller | None,
    limit: int,
    cursor: str | None,
    detainee_id: UUID | None,
) -> Page:
    if detainee_id is not None:
        detainee_id = entries.standing_for(conn, "detainee", detainee_id)
    filters = {"detainee_id": detainee_id, "sees_hidden": auth.sees_hidden(caller)}
    return Page("release_events/list", limit, filters, cursor)


def get_release_event(
    conn: queries.Connection, caller: Caller | None, id: UUID, media_type: str
) -> One | Document:
    if media_type == media_types.FORMATS["jsonld"]:
        row = queries.one(conn, "release_events/get_for_review", id=id)
        if row is None:
            raise not_found("release event")
        if row.since is None:
            raise Refusal("not-found", "Nobody has spoken of this release: there is no review.")
        return Document(partial(claim_reviews.claim_review, row._asdict()))
    return _release_event(caller, id)


def create_release_event(conn: queries.Connection, caller: Caller, body: Mapping[str, Any]) -> One:
    person = entries.lock_person(conn, body["detainee_id"])
    if person is None:
        raise invalid(Fault("/detainee_id", "There is no detainee with this id."))
    id = entries.enter_release_event(conn, {**body, "detainee_id": person})
    verdicts.record(conn, caller, [Change("release_event", id, "created")])
    return _release_event(caller, id)


def update_release_event(
    conn: queries.Connection,
    caller: Caller,
    id: UUID,
    body: Mapping[str, Any],
    unchanged: Unchanged,
) -> One:
    row = entries.lock_event(conn, id)
    if row is None:
        raise not_found("release event")
    unchanged(_release_event(caller, id))
    entries.check_announcement(conn, body.get("announcement_id"))
    if body.get("occurred_on", row.occurred_on) != row.occurred_on:
        if queries.one(conn, "attestations/exist", id=id).attested:
            raise Refusal(
                "conflict",
                "Sources have spoken of that day. Another day is another release event.",
            )
        entries.check_moved_release_event(conn, {**row._asdict(), **body}, id)
    queries.run(conn, "release_events/update", id=id, **body)
    verdicts.record(
        conn, caller, [Change("release_event", id, "updated")], detainees=[row.detainee_id]
    )
    return _release_event(caller, id)


def _release_event(caller: Caller | None, id: UUID) -> One:
    parameters = {"id": id, "limit": 1, "sees_hidden": auth.sees_hidden(caller)}
    return One("release event", "release_events/list", parameters)
