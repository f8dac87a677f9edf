"""Claims: figures that sources publish, announcements among them. Never edited."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from api.access import Caller
from api.database import clock, ledger, queries
from api.database.ledger import Change, Resource
from api.errors import FieldError, RequestError, future_record, invalid, not_found
from api.records import publications, voids, writes
from api.records.publications import Error
from api.records.writes import Body

_NO_RELAY = {"claim_id": None, "source_id": None}
_NO_ANNOUNCEMENT = FieldError(
    "/announcement_id", "There is no claim of kind announced with this id."
)


def create(conn: queries.Connection, caller: Caller, body: Body) -> UUID:
    """Check and insert a claim; return its id."""
    check(conn, body, sees_hidden=caller.sees_hidden)
    id = insert(conn, body)
    ledger.append(conn, caller, Change("claim", id, "created"))
    return id


def check(conn: queries.Connection, body: Body, *, sees_hidden: bool = True) -> None:
    """Check a claim against its sources, the claims it relays, and the clock.

    Raises RequestError with every error.
    """
    publications.raise_errors("claim", list(_errors(conn, body, sees_hidden)))


def insert(conn: queries.Connection, body: Body, id: UUID | None = None) -> UUID:
    relays = [
        {name: origin and str(origin) for name, origin in {**_NO_RELAY, **relay}.items()}
        for relay in body["relays"]
    ]
    row = publications.NOT_RETRACTED | {**body, "relays": Jsonb(relays)}
    return writes.insert(conn, "claims/insert", id, **row)


def retract(conn: queries.Connection, caller: Caller, id: UUID, body: Body) -> None:
    """Record that its source has retracted a claim. `body` gives `retracted_at` and a `note`."""
    claim = queries.row(conn, "claims/lock", id=id)
    if claim is None:
        raise not_found("claim")
    voids.check_live("claim", id, claim.voided_at)
    if claim.retracted_at is not None:
        raise RequestError(
            "conflict", f"This claim is already retracted, at {clock.rfc3339(claim.retracted_at)}."
        )
    publications.check_retraction(body["retracted_at"], claim.published_at, claim.now)
    queries.run(conn, "claims/retract", id=id, **body)
    ledger.append(conn, caller, Change("claim", id, "retracted"))


def void(conn: queries.Connection, caller: Caller, id: UUID, body: Body) -> None:
    """Void a claim entered by mistake, to which no record refers. `body` gives a `reason`."""
    claim = queries.row(conn, "claims/lock", id=id)
    if claim is None:
        raise not_found("claim")
    voids.check_live("claim", id, claim.voided_at)
    voids.check_caller(conn, caller, "claim", id)
    referring = queries.rows(conn, "claims/list_referring", id=id, limit=voids.MAX_LISTED + 1)
    voids.check_unused("claim", [row.path for row in referring])
    queries.run(conn, "claims/void", id=id, **body)
    ledger.append(conn, caller, Change("claim", id, "voided"))


def undo_void(conn: queries.Connection, caller: Caller, id: UUID) -> None:
    """Undo the voiding of a claim."""
    claim = queries.row(conn, "claims/lock", id=id)
    if claim is None:
        raise not_found("claim")
    voids.check_void("claim", claim.voided_at)
    check_restorable(conn, "claim", claim.referenced)
    queries.run(conn, "claims/undo_void", id=id)
    ledger.append(conn, caller, Change("claim", id, "undone"))


def check_restorable(conn: queries.Connection, resource: Resource, ids: Sequence[UUID]) -> None:
    """Check that the claims to which a voided record refers are not void, and lock them."""
    live = {row.id for row in queries.rows(conn, "claims/lock_referenced", ids=ids)}
    for id in ids:
        if id not in live:
            raise voids.refers_to_void(resource, f"claims/{id}")


def unknown_announcement_error(conn: queries.Connection, id: UUID | None) -> FieldError | None:
    """Return the error of a question about an announcement that was never recorded."""
    if id is None or _are_announced(queries.rows(conn, "claims/list_referenced", ids=[id])):
        return None
    return _NO_ANNOUNCEMENT


def is_announcement(conn: queries.Connection, id: UUID) -> bool:
    """Return whether an id is that of a claim of the kind `announced` that is not void."""
    rows = queries.rows(conn, "claims/list_referenced", ids=[id])
    return _are_announced(rows) and rows[0].voided_at is None


def check_announcement(conn: queries.Connection, id: UUID | None) -> None:
    """Check that an id, if there is one, is the id of an announcement that is not void."""
    if errors := list(announcement_errors(conn, id)):
        raise invalid(*errors)


def announcement_errors(conn: queries.Connection, id: UUID | None) -> Iterator[FieldError]:
    """Yield the error of an id that is not that of an announcement, or of a void one."""
    if id is not None and not _are_announced(
        queries.rows(conn, "claims/lock_referenced", ids=[id])
    ):
        yield _NO_ANNOUNCEMENT


def _are_announced(rows: Sequence[Any]) -> bool:
    return [row.kind for row in rows] == ["announced"]


def _errors(conn: queries.Connection, body: Body, sees_hidden: bool) -> Iterator[Error]:
    yield from publications.source_errors(conn, body, sees_hidden=sees_hidden)
    yield from _relay_errors(conn, body)
    facility = body["facility_id"]
    if facility is not None and queries.row(conn, "facilities/exist", id=facility) is None:
        yield "validation-error", FieldError("/facility_id", "There is no facility with this id.")
    if body["kind"] == "announced" and body["announcement_id"] is not None:
        detail = "Must be null for a claim of kind announced: it counts no delivery."
        yield "validation-error", FieldError("/announcement_id", detail)
    else:
        for error in announcement_errors(conn, body["announcement_id"]):
            yield "validation-error", error
    now = clock.now(conn)
    yield from publications.time_errors(body, now)
    start, as_of, published_at = body["window_start"], body["as_of"], body["published_at"]
    if as_of > now + clock.TOLERANCE:
        yield "validation-error", future_record("/as_of")
    # The end of the day of publication is at most a day away, in any time zone.
    elif as_of - published_at > timedelta(days=1):
        detail = (
            f"{clock.rfc3339(as_of)} is after the claim was published, "
            f"{clock.rfc3339(published_at)}: a source counts up to the end of that day at most. "
            "Correct one of the two moments."
        )
        yield "validation-error", FieldError("/as_of", detail)
    if start is not None and clock.is_day_ahead(start, as_of):
        detail = f"Must not be after as_of, {clock.rfc3339(as_of)}."
        yield "validation-error", FieldError("/window_start", detail)


def _relay_errors(conn: queries.Connection, body: Body) -> Iterator[Error]:
    relayed = dict(publications.relayed(body, "claim_id"))
    ids = list(relayed.values())
    rows = queries.rows(conn, "claims/lock_referenced", ids=ids) if ids else []
    claims = {row.id: row for row in rows}
    for pointer, id in relayed.items():
        origin = claims.get(id)
        if origin is None:
            yield "validation-error", FieldError(pointer, "There is no claim with this id.")
        elif origin.kind != body["kind"]:
            detail = f"Must be a claim of kind {body['kind']}; this one is of kind {origin.kind}."
            yield "relay-elsewhere", FieldError(pointer, detail)
        elif origin.published_at > body["published_at"]:
            published_at = clock.rfc3339(origin.published_at)
            detail = f"This claim was published later, at {published_at}: correct either moment."
            yield "relay-from-the-future", FieldError(pointer, detail)
