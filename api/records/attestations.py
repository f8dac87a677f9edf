"""Attestations: one source's publication about one release event. Never edited."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID

from api.access import Caller
from api.database import clock, queries
from api.database.ledger import Change
from api.errors import FieldError, RequestError, invalid, not_found
from api.records import publications, release_events, writes
from api.records.publications import Error
from api.records.writes import Body
from api.verification import verdicts

MAX_LIVE = 2_000
"""The most attestations of a release event that are not void. A trigger keeps it, too."""


class LockedEvent(Protocol):
    """A release event whose person is locked, and the time at which it was read.

    `live_attestations` counts those that are not void.
    """

    @property
    def id(self) -> UUID: ...
    @property
    def occurred_on(self) -> date: ...
    @property
    def live_attestations(self) -> int: ...
    @property
    def now(self) -> datetime: ...


def create(conn: queries.Connection, caller: Caller, body: Body) -> UUID:
    """Check and insert an attestation, verify its release event; return its id.

    Locks the affiliations for reading, then the person.
    """
    event = _lock_event(conn, body["release_event_id"])
    if event is None:
        detail = "There is no release event with this id."
        raise invalid(FieldError("/release_event_id", detail))
    check(conn, event, body, sees_hidden=caller.sees_hidden)
    id = insert(conn, {**body, "release_event_id": event.id})
    _recompute(conn, caller, event, Change("attestation", id, "created"), body["published_at"])
    return id


def check(
    conn: queries.Connection,
    event: LockedEvent,
    body: Body,
    *,
    sees_hidden: bool = True,
    restored: bool = False,
) -> None:
    """Check an attestation against its release event, its sources and its relays.

    A `restored` attestation, from an export, may lack relays: an export leaves out voided
    attestations.
    Raises RequestError with every error.
    """
    errors = list(_errors(conn, event, body, sees_hidden, restored))
    publications.raise_errors("attestation", errors)


def check_shared(conn: queries.Connection, body: Body, now: datetime, *, sees_hidden: bool) -> None:
    """Check the fields that all attestations of an imported list share. Raises as `check` does."""
    errors = [
        *publications.source_errors(conn, body, sees_hidden=sees_hidden),
        *_basis_errors(body),
        *publications.time_errors(body, now),
    ]
    publications.raise_errors("list", errors)


def confirms_early(stance: str, published_at: datetime, occurred_on: date) -> bool:
    """Return whether an attestation confirms a release before its day began anywhere."""
    return stance == "confirms" and clock.is_day_ahead(occurred_on, published_at)


def check_day(body: Body, occurred_on: date) -> None:
    """Check an attestation against the day of its release event. Raises as `check` does."""
    publications.raise_errors("attestation", list(_day_errors(body, occurred_on)))


def check_live(live: int) -> None:
    """Check that an event with so many attestations may have one more. Raises as `check` does."""
    publications.raise_errors("attestation", list(_live_errors(live)))


def count_live(conn: queries.Connection, release_events: Sequence[UUID]) -> Mapping[UUID, int]:
    """Return how many attestations these release events have that are not void, if any."""
    rows = queries.rows(conn, "attestations/count_live", release_event_ids=release_events)
    return {row.release_event_id: row.attestations for row in rows}


def insert(conn: queries.Connection, body: Body, id: UUID | None = None) -> UUID:
    return writes.insert(conn, "attestations/insert", id, **_row(body))


def insert_many(conn: queries.Connection, bodies: Sequence[Body]) -> list[UUID]:
    return writes.insert_many(conn, "attestations/insert", [_row(body) for body in bodies])


def retract(conn: queries.Connection, caller: Caller, id: UUID, body: Body) -> None:
    """Record that its source has retracted an attestation, and verify the release event.

    `body` gives `retracted_at` and a `note`.
    """
    event, attestation = _lock(conn, id)
    if attestation.retracted_at is not None:
        retracted_at = clock.rfc3339(attestation.retracted_at)
        raise RequestError("conflict", f"This attestation is already retracted, at {retracted_at}.")
    publications.check_retraction(body["retracted_at"], attestation.published_at, event.now)
    queries.run(conn, "attestations/retract", id=id, **body)
    _recompute(conn, caller, event, Change("attestation", id, "retracted"), body["retracted_at"])


def void(conn: queries.Connection, caller: Caller, id: UUID, body: Body) -> None:
    """Void an attestation entered by mistake, and verify the release event without it.

    `body` gives a `reason`.
    """
    event, attestation = _lock(conn, id)
    queries.run(conn, "attestations/void", id=id, **body)
    _recompute(conn, caller, event, Change("attestation", id, "voided"), attestation.published_at)


def _lock_event(conn: queries.Connection, release_event_id: UUID) -> Any:
    queries.run(conn, "affiliations/lock_shared")
    return release_events.lock_canonical(conn, release_event_id)


def _lock(conn: queries.Connection, id: UUID) -> tuple[Any, Any]:
    """Lock an attestation that is not void, by the person of its release event."""
    attestation = queries.row(conn, "attestations/get", id=id)
    if attestation is None:
        raise not_found("attestation")
    event = None
    # A merge can move it to another release event while the lock is waited for.
    while event is None or event.id != attestation.release_event_id:
        event = _lock_event(conn, attestation.release_event_id)
        attestation = queries.row(conn, "attestations/get", id=id)
    if attestation.voided_at is not None:
        voided_at = clock.rfc3339(attestation.voided_at)
        raise RequestError(
            "conflict",
            f"This attestation is already void, since {voided_at}. Its voiding is final: record it "
            "again if it was right.",
        )
    return event, attestation


def _recompute(
    conn: queries.Connection, caller: Caller, event: Any, change: Change, since: datetime
) -> None:
    verdicts.recompute(
        conn,
        caller,
        [change],
        release_events=[event.id],
        people=[event.detainee_id],
        since=since,
    )


def _row(body: Body) -> Mapping[str, Any]:
    relays = body["relays"]
    return {
        "relayed_attestations": [relay.get("attestation_id") for relay in relays],
        "relayed_sources": [relay.get("source_id") for relay in relays],
        **publications.NOT_RETRACTED,
        **{name: value for name, value in body.items() if name != "relays"},
    }


def _errors(
    conn: queries.Connection,
    event: LockedEvent,
    body: Body,
    sees_hidden: bool,
    restored: bool,
) -> Iterator[Error]:
    yield from publications.source_errors(conn, body, sees_hidden=sees_hidden)
    yield from _relay_errors(conn, event, body)
    yield from _basis_errors(body, restored)
    yield from publications.time_errors(body, event.now)
    yield from _day_errors(body, event.occurred_on)
    yield from _live_errors(event.live_attestations)
    if body["denial_reason"] is not None and body["stance"] != "denies":
        detail = f"Must be null for the stance {body['stance']}: only a denial has a reason."
        yield "validation-error", FieldError("/denial_reason", detail)


def _live_errors(live: int) -> Iterator[Error]:
    if live >= MAX_LIVE:
        error = FieldError(*queries.FIELD_ERRORS["release_event_has_at_most_2000_attestations"])
        yield "validation-error", error


def _relay_errors(conn: queries.Connection, event: LockedEvent, body: Body) -> Iterator[Error]:
    relayed = dict(publications.relayed(body, "attestation_id"))
    ids = list(relayed.values())
    rows = queries.rows(conn, "attestations/list_relayed", ids=ids) if ids else []
    attestations = {row.id: row for row in rows}
    for pointer, id in relayed.items():
        origin = attestations.get(id)
        if origin is None:
            detail = "There is no attestation with this id."
            yield "validation-error", FieldError(pointer, detail)
        elif origin.voided_at is not None:
            detail = "This attestation is void: relay another one."
            yield "validation-error", FieldError(pointer, detail)
        elif origin.release_event_id != event.id:
            detail = "This attestation is of another release event: relay one of this event."
            yield "relay-elsewhere", FieldError(pointer, detail)
        elif origin.stance != body["stance"]:
            detail = f"This attestation {origin.stance} the release: relay it with that stance."
            yield "relay-elsewhere", FieldError(pointer, detail)
        elif origin.published_at > body["published_at"]:
            published_at = clock.rfc3339(origin.published_at)
            detail = (
                f"This attestation was published later, at {published_at}: correct either moment."
            )
            yield "relay-from-the-future", FieldError(pointer, detail)


def _basis_errors(body: Body, restored: bool = False) -> Iterator[Error]:
    if body["basis"] == "relayed" and not body["relays"] and not restored:
        detail = "Must name at least one relayed attestation_id or source_id."
        yield "relayed-without-origin", FieldError("/relays", detail)
    if body["basis"] != "relayed" and body["relays"]:
        detail = f"Must be relayed, not {body['basis']}, where relays is not empty."
        yield "relayed-without-origin", FieldError("/basis", detail)


def _day_errors(body: Body, occurred_on: date) -> Iterator[Error]:
    if confirms_early(body["stance"], body["published_at"], occurred_on):
        published_at = clock.rfc3339(body["published_at"])
        detail = (
            f"{published_at} is earlier than the day of the release, {occurred_on}, began in any "
            "time zone (UTC+14). Correct the moment, or attest to a release event of the right "
            "day. Record an announcement as a claim of the kind announced."
        )
        yield "published-before-release", FieldError("/published_at", detail)
