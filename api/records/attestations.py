"""What sources say, checked and inserted, from one request or a whole case: attestations, each on
one release event, and claims, which are figures.

Nothing here writes the ledger or a verdict; whoever calls does, by verify.record. `id` is None
unless the record has to have an id of its own, as those of a case have.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from api.database import clock, queries
from api.errors import FieldError, RequestError, invalid
from api.records.entries import Body, announcement_fault, insert_many, inserted

_Found = Iterator[tuple[str, FieldError]]
"""Faults, each with the kind of refusal that it makes if it is the only one."""

_NOTHING_RELAYED = {"claim_id": None, "source_id": None}
_NOT_RETRACTED = {"retracted_at": None, "retraction_note": None}


def enter_attestation(
    conn: queries.Connection,
    event: Any,
    body: Body,
    id: UUID | None = None,
    *,
    restored: bool = False,
) -> UUID:
    """A source's word on an event, as `entries.lock_event` gave it. Names every fault.

    One that is `restored`, as it stood elsewhere, may relay nothing any more: what it relayed may
    have been voided.
    """
    _refuse("attestation", list(_attestation_faults(conn, event, body, restored)))
    row = {**_attestation(body), "release_event_id": event.id}
    return inserted(conn, "attestations/insert", id=id, **row)


def enter_attestations(conn: queries.Connection, bodies: Sequence[Body]) -> list[UUID]:
    """Many words at once, each on an event of its own, of which everything was checked."""
    return insert_many(conn, "attestations/insert", [_attestation(body) for body in bodies])


def check_word(conn: queries.Connection, word: Body, now: datetime) -> None:
    """What a source says of many releases at once. Names every fault."""
    _refuse("list", [*_unknown_sources(conn, word), *_basis_faults(word), *time_faults(word, now)])


def _attestation(body: Body) -> Mapping[str, Any]:
    relays = body["relays"]
    return {
        "relayed_attestations": [relay.get("attestation_id") for relay in relays],
        "relayed_sources": [relay.get("source_id") for relay in relays],
        **_NOT_RETRACTED,
        **{name: value for name, value in body.items() if name != "relays"},
    }


def enter_claim(conn: queries.Connection, body: Body, id: UUID | None = None) -> UUID:
    """A source's figure. Names every fault."""
    _refuse("claim", list(_claim_faults(conn, body)))
    relays = [
        {name: of and str(of) for name, of in {**_NOTHING_RELAYED, **relay}.items()}
        for relay in body["relays"]
    ]
    row = _NOT_RETRACTED | {**body, "relays": Jsonb(relays)}
    return inserted(conn, "claims/insert", id=id, **row)


def check_retraction(retracted_at: datetime, published_at: datetime, now: datetime) -> None:
    """A source takes back what it has said, and has done so by now."""
    if faults := list(_retraction_faults(retracted_at, published_at, now)):
        raise invalid(*faults)


def _refuse(what: str, faults: Sequence[tuple[str, FieldError]]) -> None:
    if faults:
        kinds = {kind for kind, _ in faults}
        raise RequestError(
            kinds.pop() if len(kinds) == 1 else "validation-error",
            f"This {what} cannot be: see errors.",
            *(fault for _, fault in faults),
        )


def _attestation_faults(conn: queries.Connection, event: Any, body: Body, restored: bool) -> _Found:
    yield from _unknown_sources(conn, body)
    relayed = dict(_relayed(body, "attestation_id"))
    if relayed:
        rows = queries.rows(conn, "attestations/list_relayed", ids=list(relayed.values()))
        attestations = {row.id: row for row in rows}
        for pointer, id in relayed.items():
            origin = attestations.get(id)
            if origin is None:
                detail = "There is no attestation with this id."
                yield "validation-error", FieldError(pointer, detail)
            elif origin.voided_at is not None:
                yield "validation-error", FieldError(pointer, "This attestation was voided.")
            elif origin.release_event_id != event.id:
                detail = "This attestation is of another release event."
                yield "relay-elsewhere", FieldError(pointer, detail)
            elif origin.stance != body["stance"]:
                yield (
                    "relay-elsewhere",
                    FieldError(pointer, "This attestation is of the other stance."),
                )
            elif origin.published_at > body["published_at"]:
                detail = "This attestation was published later."
                yield "relay-from-the-future", FieldError(pointer, detail)

    yield from _basis_faults(body, restored)
    yield from time_faults(body, event.now)
    if body["denial_reason"] is not None and body["stance"] != "denies":
        detail = "Only what denies has a reason of denial."
        yield "validation-error", FieldError("/denial_reason", detail)


def _basis_faults(body: Body, restored: bool = False) -> _Found:
    if body["basis"] == "relayed" and not body["relays"] and not restored:
        detail = "Say what is relayed: an attestation or source."
        yield "relayed-without-origin", FieldError("/relays", detail)
    if body["basis"] != "relayed" and body["relays"]:
        detail = "What relays something has the basis relayed."
        yield "relayed-without-origin", FieldError("/basis", detail)


def _claim_faults(conn: queries.Connection, body: Body) -> _Found:
    yield from _unknown_sources(conn, body)
    relayed = dict(_relayed(body, "claim_id"))
    rows = (
        queries.rows(conn, "claims/list_referenced", ids=list(relayed.values())) if relayed else []
    )
    claims = {row.id: row for row in rows}
    for pointer, id in relayed.items():
        origin = claims.get(id)
        if origin is None:
            yield "validation-error", FieldError(pointer, "There is no claim with this id.")
        elif origin.kind != body["kind"]:
            yield "relay-elsewhere", FieldError(pointer, "This claim is of another kind.")
        elif origin.published_at > body["published_at"]:
            yield "relay-from-the-future", FieldError(pointer, "This claim was published later.")

    facility = body["facility_id"]
    if facility is not None and queries.row(conn, "facilities/exist", id=facility) is None:
        yield "validation-error", FieldError("/facility_id", "There is no facility with this id.")
    if body["kind"] == "announced" and body["announcement_id"] is not None:
        detail = "An announcement counts no other's delivery."
        yield "validation-error", FieldError("/announcement_id", detail)
    elif fault := announcement_fault(conn, body["announcement_id"]):
        yield "validation-error", fault
    now = clock.now(conn)
    yield from time_faults(body, now)
    if body["as_of"] > now + clock.TOLERANCE:
        yield "validation-error", FieldError("/as_of", "Lies more than five minutes ahead.")
    # Where the day begins first, it is 14 hours ahead of UTC.
    start, as_of = body["window_start"], body["as_of"]
    if start is not None and start > as_of.date() and start > (as_of + timedelta(hours=14)).date():
        yield "validation-error", FieldError("/window_start", "Lies after as_of.")


def _relayed(body: Body, name: str) -> Iterator[tuple[str, UUID]]:
    for i, relay in enumerate(body["relays"]):
        if name in relay:
            yield f"/relays/{i}/{name}", relay[name]


def _unknown_sources(conn: queries.Connection, body: Body) -> _Found:
    sources = {"/source_id": body["source_id"], **dict(_relayed(body, "source_id"))}
    known = {
        row.id for row in queries.rows(conn, "sources/list_by_ids", ids=list(sources.values()))
    }
    for pointer, id in sources.items():
        if id not in known:
            yield "validation-error", FieldError(pointer, "There is no source with this id.")


def time_faults(body: Mapping[str, Any], now: datetime) -> _Found:
    if body["published_at"] > now + clock.TOLERANCE:
        detail = "Lies more than five minutes ahead."
        yield "published-in-the-future", FieldError("/published_at", detail)
    if (retracted_at := body.get("retracted_at")) is not None:
        for fault in _retraction_faults(retracted_at, body["published_at"], now):
            yield "validation-error", fault


def _retraction_faults(
    retracted_at: datetime, published_at: datetime, now: datetime
) -> Iterator[FieldError]:
    if retracted_at < published_at:
        yield FieldError("/retracted_at", "Lies before it was published.")
    if retracted_at > now + clock.TOLERANCE:
        yield FieldError("/retracted_at", "Lies more than five minutes ahead.")
