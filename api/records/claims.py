"""Claims: figures that sources publish, announcements among them. Never edited."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from psycopg.types.json import Jsonb

from api.access import Caller
from api.database import clock, ledger, queries
from api.database.ledger import Change
from api.errors import FieldError, RequestError, invalid, not_found
from api.records import publications, writes
from api.records.publications import Error
from api.records.writes import Body

_NO_RELAY = {"claim_id": None, "source_id": None}
_FIRST_TIME_ZONE = timedelta(hours=14)
"""The greatest offset from UTC, where each day begins first."""


def create(conn: queries.Connection, caller: Caller, body: Body) -> UUID:
    """Check and insert a claim; return its id."""
    check(conn, body)
    id = insert(conn, body)
    ledger.append(conn, caller, Change("claim", id, "created"))
    return id


def check(conn: queries.Connection, body: Body) -> None:
    """Check a claim against its sources, the claims it relays, and the clock.

    Raises RequestError with every error.
    """
    publications.raise_errors("claim", list(_errors(conn, body)))


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
    if claim.retracted_at is not None:
        raise RequestError(
            "conflict", f"This claim is already retracted, at {clock.rfc3339(claim.retracted_at)}."
        )
    publications.check_retraction(body["retracted_at"], claim.published_at, claim.now)
    queries.run(conn, "claims/retract", id=id, **body)
    ledger.append(conn, caller, Change("claim", id, "retracted"))


def announcement_error(conn: queries.Connection, id: UUID | None) -> FieldError | None:
    """Return the error of a reference to an announcement; None if it is valid or absent."""
    if id is None or is_announcement(conn, id):
        return None
    return FieldError("/announcement_id", "There is no claim of kind announced with this id.")


def is_announcement(conn: queries.Connection, id: UUID) -> bool:
    """Return whether an id is the id of a claim of kind `announced`."""
    rows = queries.rows(conn, "claims/list_referenced", ids=[id])
    return [row.kind for row in rows] == ["announced"]


def check_announcement(conn: queries.Connection, id: UUID | None) -> None:
    """Check that an id, if there is one, is the id of an announcement."""
    if error := announcement_error(conn, id):
        raise invalid(error)


def _errors(conn: queries.Connection, body: Body) -> Iterator[Error]:
    yield from publications.source_errors(conn, body)
    yield from _relay_errors(conn, body)
    facility = body["facility_id"]
    if facility is not None and queries.row(conn, "facilities/exist", id=facility) is None:
        yield "validation-error", FieldError("/facility_id", "There is no facility with this id.")
    if body["kind"] == "announced" and body["announcement_id"] is not None:
        detail = "Must be null for a claim of kind announced: it counts no delivery."
        yield "validation-error", FieldError("/announcement_id", detail)
    elif error := announcement_error(conn, body["announcement_id"]):
        yield "validation-error", error
    now = clock.now(conn)
    yield from publications.time_errors(body, now)
    if body["as_of"] > now + clock.TOLERANCE:
        detail = "Is more than five minutes in the future."
        yield "validation-error", FieldError("/as_of", detail)
    start, as_of = body["window_start"], body["as_of"]
    # The second comparison is made only where the sum cannot overflow.
    if start is not None and start > as_of.date() and start > (as_of + _FIRST_TIME_ZONE).date():
        detail = f"Must not be after as_of, {clock.rfc3339(as_of)}."
        yield "validation-error", FieldError("/window_start", detail)


def _relay_errors(conn: queries.Connection, body: Body) -> Iterator[Error]:
    relayed = dict(publications.relayed(body, "claim_id"))
    ids = list(relayed.values())
    rows = queries.rows(conn, "claims/list_referenced", ids=ids) if ids else []
    claims = {row.id: row for row in rows}
    for pointer, id in relayed.items():
        origin = claims.get(id)
        if origin is None:
            yield "validation-error", FieldError(pointer, "There is no claim with this id.")
        elif origin.kind != body["kind"]:
            detail = f"Must be a claim of kind {body['kind']}; this one is of kind {origin.kind}."
            yield "relay-elsewhere", FieldError(pointer, detail)
        elif origin.published_at > body["published_at"]:
            detail = f"This claim was published later, at {clock.rfc3339(origin.published_at)}."
            yield "relay-from-the-future", FieldError(pointer, detail)
