"""Detentions: a person's periods in custody, one after the other."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any, cast
from uuid import UUID

from api import access
from api.access import Caller
from api.database import clock, queries
from api.database.ledger import Change
from api.errors import FieldError, RequestError, future_day, future_record, invalid, not_found
from api.records import voids, writes
from api.records.detention_order import period
from api.records.writes import Affected, Body
from api.verification import verdicts


def create(conn: queries.Connection, caller: Caller, detainee_id: UUID, body: Body) -> UUID:
    """Check and insert a detention, and count its person again; return its id. Locks the person."""
    if queries.row(conn, "detainees/lock", id=detainee_id) is None:
        raise not_found("detainee")
    id = insert(conn, check(conn, detainee_id, body), accepted=access.accepts(caller))
    verdicts.recompute(conn, caller, [Change("detention", id, "created")], people=[detainee_id])
    return id


def check(conn: queries.Connection, detainee_id: UUID, body: Body) -> Body:
    """Check a new detention of a locked person; return the row to insert."""
    detentions = queries.rows(conn, "detentions/list_for_detainee", detainee_id=detainee_id)
    placed = place_new(detentions, body, clock.now(conn))
    return {**placed, "detainee_id": detainee_id, "created_at": None}


def check_restored(conn: queries.Connection, body: Body) -> None:
    """Check a detention of an export against the clock and the facilities only.

    It has its own `began_on` and `created_at`. The check of a new detention depends on the order in
    which detentions and releases were recorded, and an export lacks that order.
    """
    now = clock.now(conn)
    check_detained_on(body["detained_on"], now)
    first, last = period(body["detained_on"])
    errors = []
    if not first <= body["began_on"] <= last:
        detail = (
            f"{body['began_on']} is not within detained_on, {body['detained_on']}: correct either."
        )
        errors.append(FieldError("/began_on", detail))
    if body["created_at"] > now + clock.TOLERANCE:
        errors.append(future_record("/created_at"))
    facility = body["facility_id"]
    if facility is not None and queries.row(conn, "facilities/exist", id=facility) is None:
        errors.append(FieldError("/facility_id", "There is no facility with this id."))
    if errors:
        raise invalid(*errors)


def insert(conn: queries.Connection, body: Body, id: UUID | None = None, *, accepted: bool) -> UUID:
    return writes.insert(conn, "detentions/insert", id, **_row(body, accepted))


def insert_many(conn: queries.Connection, bodies: Sequence[Body], *, accepted: bool) -> list[UUID]:
    return writes.insert_many(conn, "detentions/insert", [_row(body, accepted) for body in bodies])


def _row(body: Body, accepted: bool) -> Body:
    # Null: the query sets it for a hidden person. An export has its own value.
    return {"counts_from_entry": None, **body, "accepted": accepted}


def update(
    conn: queries.Connection,
    caller: Caller,
    id: UUID,
    body: Body,
    check_precondition: Callable[[], None],
) -> None:
    """Update a detention and count its person again."""

    def write(detainee_id: UUID) -> Affected:
        detentions = queries.rows(conn, "detentions/list_for_detainee", detainee_id=detainee_id)
        placed = place_updated(detentions, id, body, clock.now(conn))
        write_update(conn, id, placed, accepted=access.accepts(caller))
        return Affected(people=[detainee_id])

    writes.update(
        conn, caller, "detention", id, check_precondition, lock=lambda: lock(conn, id), write=write
    )


def write_update(conn: queries.Connection, id: UUID, body: Body, *, accepted: bool) -> None:
    """Write a checked update of a detention of a locked person."""
    queries.run(conn, "detentions/update", id=id, **body, accepted=accepted)


def lock(conn: queries.Connection, id: UUID) -> UUID | None:
    """Lock the person of a detention and return their id; None for a duplicate or unknown id.

    Raises RequestError if it is void. A merge can move it to another person while the lock is
    waited for; then that one is locked.
    """
    detention = _lock(conn, id)
    if detention is None:
        return None
    voids.check_live("detention", id, detention.voided_at)
    return cast(UUID, detention.detainee_id)


def _lock(conn: queries.Connection, id: UUID) -> Any:
    while (detention := queries.row(conn, "detentions/get", id=id)) is not None:
        queries.run(conn, "detainees/lock", id=detention.detainee_id)
        if queries.row(conn, "detentions/get", id=id) == detention:
            return detention
    return None


def void(conn: queries.Connection, caller: Caller, id: UUID, body: Body) -> None:
    """Void a detention entered by mistake, which has no release event, and count its person again.

    `body` gives a `reason`.
    """
    detainee_id = lock(conn, id)
    if detainee_id is None:
        raise not_found("detention")
    voids.check_caller(conn, caller, "detention", id)
    referring = queries.rows(
        conn,
        "detentions/list_referring",
        id=id,
        detainee_id=detainee_id,
        limit=voids.MAX_LISTED + 1,
    )
    voids.check_unused("detention", [row.path for row in referring])
    queries.run(conn, "detentions/void", id=id, **body)
    changes = [Change("detention", id, "voided"), *voids.rearrange(conn, detainee_id)]
    verdicts.recompute(conn, caller, changes, people=[detainee_id])


def undo_void(conn: queries.Connection, caller: Caller, id: UUID) -> None:
    """Undo the voiding of a detention, and count its person again."""
    detention = _lock(conn, id)
    if detention is None:
        raise not_found("detention")
    voids.check_void("detention", detention.voided_at)
    queries.run(conn, "detentions/undo_void", id=id)
    placed = voids.rearrange(conn, detention.detainee_id)
    others = [change for change in placed if change.resource_id != id]
    changes = [Change("detention", id, "undone"), *others]
    verdicts.recompute(conn, caller, changes, people=[detention.detainee_id])


def place_new(detentions: Sequence[Any], body: Body, now: datetime) -> Body:
    """Return a new detention with its `began_on`, from its place among the person's detentions.

    The last one of these must have a release event.
    """
    check_detained_on(body["detained_on"], now)
    _, last = period(body["detained_on"])
    before = [row for row in detentions if row.began_on <= last]
    if before and before == detentions and not before[-1].released_on:
        raise RequestError(
            "still-detained",
            "The person's last detention has no release event. Record its release event first.",
        )
    return {**body, "began_on": _began_on(before, body["detained_on"])}


def place_updated(detentions: Sequence[Any], id: UUID, body: Body, now: datetime) -> Body:
    """Return an update of one of the detentions, with the new `began_on` if its day changes."""
    place = [row.id for row in detentions].index(id)
    before, detention, after = detentions[:place], detentions[place], detentions[place + 1 :]
    if body.get("detained_on", detention.detained_on) == detention.detained_on:
        return body
    check_detained_on(body["detained_on"], now)
    began_on = _began_on(before, body["detained_on"])
    # No recorded day is quoted: the person may be hidden from the caller.
    if any(day < began_on for day in detention.released_on):
        detail = (
            f"{body['detained_on']} is after a release event of this detention: correct either day."
        )
        raise invalid(FieldError("/detained_on", detail))
    if after and began_on > after[0].began_on:
        detail = (
            f"{body['detained_on']} is after the person's next detention began: correct either day."
        )
        raise invalid(FieldError("/detained_on", detail))
    return {**body, "began_on": began_on}


def check_detained_on(detained_on: str | None, now: datetime) -> None:
    """Check that a day, month or year exists and has begun."""
    try:
        first, _ = period(detained_on)
    except ValueError:
        raise invalid(
            FieldError("/detained_on", f"{detained_on} is not a day of the calendar.")
        ) from None
    if clock.is_day_ahead(first, now):
        raise invalid(future_day("/detained_on", detained_on))


def _began_on(before: Sequence[Any], detained_on: str | None) -> date:
    """Return the first day on which a detention can have begun, after those before it."""
    first, last = period(detained_on)
    if not before:
        return first
    previous = before[-1]
    if last < previous.began_on:
        detail = (
            f"{detained_on} is before the person's previous detention began: correct either day."
        )
        raise invalid(FieldError("/detained_on", detail))
    ended = [day for day in previous.released_on if day <= last]
    if previous.released_on and not ended:
        detail = f"{detained_on} is before the person's last release: correct either day."
        raise invalid(FieldError("/detained_on", detail))
    began_on: date = max([first, previous.began_on, *ended])
    return began_on
