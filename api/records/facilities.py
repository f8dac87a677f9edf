"""Facilities: the places where people are held."""

from collections.abc import Callable
from uuid import UUID

from api.access import Caller
from api.database import ledger, queries
from api.database.ledger import Change
from api.records import writes
from api.records.writes import Affected, Body


def create(conn: queries.Connection, caller: Caller, body: Body) -> UUID:
    """Insert a facility and return its id."""
    id = insert(conn, body)
    ledger.append(conn, caller, Change("facility", id, "created"))
    return id


def insert(conn: queries.Connection, body: Body, id: UUID | None = None) -> UUID:
    return writes.insert(conn, "facilities/insert", id, **body)


def update(
    conn: queries.Connection,
    caller: Caller,
    id: UUID,
    body: Body,
    check_unchanged: Callable[[], None],
) -> None:
    """Update a facility. No verdict depends on it."""

    def write(_: object) -> Affected:
        queries.run(conn, "facilities/update", id=id, **body)
        return Affected()

    writes.update(
        conn,
        caller,
        "facility",
        id,
        check_unchanged,
        lock=lambda: queries.row(conn, "facilities/lock", id=id),
        write=write,
    )
