"""Operations on release events and their verification."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import orjson

from api import access
from api.access import Caller
from api.contract.binding import CombinedFilters
from api.database import clock, ledger, queries
from api.errors import FieldError, RequestError, invalid, not_found
from api.identity import canonical_ids
from api.operations.proposals import get_proposal
from api.pages import reviews
from api.records import proposals, release_events
from api.rendering import media_types
from api.rendering.results import Answer, Page, Precondition, Record
from api.reports import counts, explanations
from api.verification.rule import REQUIRED

_MAX_INDEXED_PERIOD = timedelta(days=92)
"""The longest period whose release events are looked up by day. In a longer one so many match that
the list is read in its order."""


@dataclass(frozen=True, slots=True)
class ReleaseFilters(CombinedFilters):
    """The filters of the list. A filter that is None does not apply."""

    status: str | None = None
    detainee_id: UUID | None = None
    facility_id: UUID | None = None
    announcement_id: UUID | None = None
    occurred_from: date | None = None
    occurred_until: date | None = None
    updated_since: datetime | None = None


def list_release_events(
    conn: queries.Connection,
    caller: Caller | None,
    limit: int | None,
    cursor: str | None,
    filters: ReleaseFilters,
    as_of: datetime | None,
    recorded_as_of: datetime | None,
    min_sources: int,
) -> Page:
    query, parameters = _choose_query(conn, filters, as_of, recorded_as_of, min_sources)
    parameters = {**parameters, "sees_hidden": access.sees_hidden(caller)}
    reader = ledger.reader(caller, "detainee", "detainee_id")
    scan: Mapping[str, Any] | None = {} if query != "release_events/list" else None
    since = filters.updated_since
    if since is not None and ledger.has_many_since(conn, since):
        scan = {"are_many": True}
    return Page(query, limit, parameters, cursor, reader=reader, scan=scan)


def _choose_query(
    conn: queries.Connection,
    filters: ReleaseFilters,
    as_of: datetime | None,
    recorded_as_of: datetime | None,
    min_sources: int,
) -> tuple[str, Mapping[str, Any]]:
    """Return the query of a list and its parameters. Raises `validation-error`.

    The first that applies:

    filters                             as_of   record time   min_sources   query
    updated_since, and any              any     now           any           list_updated
    any                                 any     earlier       any           list_recorded
    status, no days or a long period    any     now           any           list_of_status
    any but a person, an announcement   any     now           any           list_at
    none, a person, an announcement     past    now           any           list_at
    none, a person, an announcement     now     now           any but 2     list_at
    none, a person, an announcement     now     now           2             list, of summaries
    """
    clock.make_final(conn, as_of, recorded_as_of)
    counts.check(
        conn,
        counts.Filters(
            facility_id=filters.facility_id,
            announcement_id=filters.announcement_id,
            occurred_from=filters.occurred_from,
            occurred_until=filters.occurred_until,
        ),
    )
    active = filters.active()
    if filters.detainee_id is not None:
        active["detainee_id"] = canonical_ids.resolve(conn, "detainee", filters.detainee_id)
    selects_records = not active.keys().isdisjoint(
        {"detainee_id", "facility_id", "announcement_id"}
    )
    at = {**active, "at": as_of or "now", "min_sources": min_sources}
    if filters.updated_since is not None:
        if recorded_as_of is not None:
            detail = "Cannot be combined with recorded_as_of: it selects present records. "
            raise invalid(FieldError("/updated_since", detail + "Leave one of them out."))
        return "release_events/list_updated", at
    if filters.occurred_from is not None and not selects_records:
        # No release is on a later day (`clock.is_day_ahead`).
        last_day = filters.occurred_until or clock.now(conn).date() + timedelta(days=1)
        if last_day - filters.occurred_from < _MAX_INDEXED_PERIOD:
            at |= {"first_day": filters.occurred_from, "last_day": last_day}
    if recorded_as_of is not None:
        return "release_events/list_recorded", {**at, "moment": recorded_as_of}
    if filters.status and not selects_records and "first_day" not in at:
        return "release_events/list_of_status", {**at, **({} if as_of else {"is_now": True})}
    if as_of or min_sources != REQUIRED or active.keys() - {"detainee_id", "announcement_id"}:
        return "release_events/list_at", at
    return "release_events/list", active


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
        return Answer(orjson.dumps(reviews.of_release(row._asdict(), base_url)))
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
    precondition: Precondition,
) -> Record:
    release_event = _release_event(caller, id)
    check_precondition = partial(precondition, release_event)
    proposal = proposals.create_update(conn, caller, "release_event", id, body, check_precondition)
    if proposal is not None:
        return get_proposal(conn, caller, proposal)
    release_events.update(conn, caller, id, body, check_precondition)
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
    reader = ledger.reader(caller, "detainee", "detainee_id")
    return Record("release event", "release_events/list", parameters, reader)
