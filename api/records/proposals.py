"""Proposals: writes about hidden people by `contribute` keys, which an editor decides.

Whether such a write succeeds depends on days and events that its caller may not see. So it is
stored, with the same response in every case. Accepting it carries it out as a write of the editor,
with all checks.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb

from api.access import Caller
from api.contract import document, schemas
from api.database import clock, ledger, queries
from api.database.ledger import Change
from api.errors import FieldError, RequestError, future_day, invalid, not_found
from api.identity import canonical_ids
from api.records import claims, detainees, detentions, release_events, writes
from api.records.writes import Body

Resource = Literal["detainee", "detention", "release_event"]
Action = Literal["create", "update", "void"]


class _Write(NamedTuple):
    """A kind of write that can be proposed."""

    resource: Resource
    action: Action


# The schema in the contract of the body of each kind.
_SCHEMAS = {
    _Write("detainee", "update"): "DetaineeChange",
    _Write("detention", "create"): "DetentionCreate",
    _Write("detention", "update"): "DetentionChange",
    _Write("detention", "void"): "Voiding",
    _Write("release_event", "create"): "ReleaseEventCreate",
    _Write("release_event", "update"): "ReleaseEventChange",
    _Write("release_event", "void"): "Voiding",
}


def create(
    conn: queries.Connection, caller: Caller, resource: Resource, detainee_id: UUID, body: Body
) -> UUID | None:
    """Store a new record of a hidden person as a proposal and return its id.

    Returns None if the person is not hidden from the caller, or is unknown. Locks the person.
    """
    person = _lock_hidden(conn, caller, partial(_lock_person, conn, resource, detainee_id))
    if person is None:
        return None
    values = {name: value for name, value in body.items() if name != "detainee_id"}
    return _insert(conn, caller, _Write(resource, "create"), person, values)


def create_update(
    conn: queries.Connection,
    caller: Caller,
    resource: Resource,
    id: UUID,
    body: Body,
    check_precondition: Callable[[], None],
) -> UUID | None:
    """Store an update of a hidden person, or of their record, as a proposal and return its id.

    Returns None if the person is not hidden from the caller, or the record is unknown. Locks the
    person.
    """
    person = _lock_hidden(conn, caller, partial(_lock_person_of, conn, resource, id))
    if person is None:
        return None
    check_precondition()
    return _insert(conn, caller, _Write(resource, "update"), person, body, id)


def create_void(
    conn: queries.Connection, caller: Caller, resource: Resource, id: UUID, body: Body
) -> UUID | None:
    """Store the voiding of a record of a hidden person as a proposal and return its id.

    Returns None if the person is not hidden from the caller, or the record is unknown. Locks what
    the voiding locks.
    """
    person = _lock_hidden(conn, caller, partial(_lock_for_voiding, conn, resource, id))
    if person is None:
        return None
    return _insert(conn, caller, _Write(resource, "void"), person, body, id)


def accept(conn: queries.Connection, caller: Caller, id: UUID) -> None:
    """Carry out a proposal as a write of the caller. Raises RequestError as that write does."""
    proposal = _lock_open(conn, id)
    write = _Write(proposal.resource, proposal.action)
    if write.action == "create":
        person = canonical_ids.resolve(conn, "detainee", proposal.detainee_id)
        record_id = _create(conn, caller, write, person, proposal.body)
    else:
        record_id = canonical_ids.resolve(conn, write.resource, proposal.record_id)
        _change(conn, caller, write, record_id, _read(write, proposal.body))
    queries.run(conn, "proposals/update", id=id, state="accepted", record_id=record_id)
    ledger.append(conn, caller, Change("proposal", id, "accepted"))


def reject(conn: queries.Connection, caller: Caller, id: UUID, body: Body) -> None:
    """Reject a proposal. `body` gives a `reason`."""
    _lock_open(conn, id)
    queries.run(conn, "proposals/update", id=id, state="rejected", **body)
    ledger.append(conn, caller, Change("proposal", id, "rejected"))


def _lock_hidden(
    conn: queries.Connection, caller: Caller, lock: Callable[[], UUID | None]
) -> UUID | None:
    """Lock a person and return their id; None if they are not hidden from the caller, or unknown.

    Locks nothing for a caller who sees hidden people.
    """
    if caller.sees_hidden or (person := lock()) is None:
        return None
    return person if detainees.is_hidden(conn, person) else None


def _lock_person(conn: queries.Connection, resource: Resource, id: UUID) -> UUID | None:
    """Lock the person whom a new record names, in its path or in its body, and return their id."""
    if resource == "release_event":
        return detainees.lock_canonical(conn, id)
    return None if queries.row(conn, "detainees/lock", id=id) is None else id


def _lock_person_of(conn: queries.Connection, resource: Resource, id: UUID) -> UUID | None:
    if resource == "detainee":
        return None if queries.row(conn, "detainees/lock", id=id) is None else id
    if resource == "detention":
        return detentions.lock(conn, id)
    event = release_events.lock(conn, id)
    return None if event is None else event.detainee_id


def _lock_for_voiding(conn: queries.Connection, resource: Resource, id: UUID) -> UUID | None:
    if resource == "release_event":
        queries.run(conn, "affiliations/lock_shared")
    return _lock_person_of(conn, resource, id)


def _insert(
    conn: queries.Connection,
    caller: Caller,
    write: _Write,
    person: UUID,
    body: Body,
    record_id: UUID | None = None,
) -> UUID:
    if write.resource == "detainee":
        detainees.check_proposed(conn, caller, person, body)
    else:
        _check(conn, write.resource, body)
    id = writes.insert(
        conn,
        "proposals/insert",
        key_id=caller.key_id,
        resource=write.resource,
        detainee_id=person,
        record_id=record_id,
        action=write.action,
        body=Jsonb(orjson.loads(orjson.dumps(body))),
    )
    ledger.append(conn, caller, Change("proposal", id, "created"))
    return id


def _check(conn: queries.Connection, resource: Resource, body: Body) -> None:
    """Check a write against the clock and public records only."""
    if resource == "detention":
        if "detained_on" in body:
            detentions.check_detained_on(body["detained_on"], clock.now(conn))
        facility = body.get("facility_id")
        if facility is not None and queries.row(conn, "facilities/exist", id=facility) is None:
            raise invalid(FieldError("/facility_id", "There is no facility with this id."))
    else:
        claims.check_announcement(conn, body.get("announcement_id"))
        day = body.get("occurred_on")
        if day is not None and clock.is_day_ahead(day, clock.now(conn)):
            raise invalid(future_day("/occurred_on", day))


def _lock_open(conn: queries.Connection, id: UUID) -> Any:
    """Lock a proposal that is not decided and return its row."""
    proposal = queries.row(conn, "proposals/lock", id=id)
    if proposal is None:
        raise not_found("proposal")
    if proposal.state != "open":
        raise RequestError("conflict", f"This proposal is already {proposal.state}.")
    return proposal


def _read(write: _Write, values: Body) -> Body:
    """Return stored values as the body of a request."""
    schema = document.load().schema(_SCHEMAS[write])
    return schemas.load(schemas.body_schema(schema), values)


def _create(
    conn: queries.Connection, caller: Caller, write: _Write, person: UUID, values: Body
) -> UUID:
    if write.resource == "detention":
        return detentions.create(conn, caller, person, _read(write, values))
    return release_events.create(conn, caller, _read(write, {**values, "detainee_id": str(person)}))


def _change(conn: queries.Connection, caller: Caller, write: _Write, id: UUID, body: Body) -> None:
    if write.resource == "detainee":
        detainees.update(conn, caller, id, body, lambda: None)
        return
    records = detentions if write.resource == "detention" else release_events
    if write.action == "void":
        records.void(conn, caller, id, body)
    else:
        records.update(conn, caller, id, body, lambda: None)
