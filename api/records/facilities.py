"""Facilities: the places where people are held."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from api.access import Caller
from api.database import ledger, queries
from api.database.ledger import Change
from api.errors import FieldError, invalid
from api.identity import facility_names
from api.records import writes
from api.records.writes import Affected, Body


def create(conn: queries.Connection, caller: Caller, body: Body) -> UUID:
    """Check and insert a facility; return its id.

    `distinct_from` of the body names facilities that it is not, although they share a name.
    """
    distinct_from, row = _split(body)
    facility_names.lock(conn)
    facility_names.check(conn, row, distinct_from)
    id = insert(conn, row)
    ledger.append(conn, caller, Change("facility", id, "created"))
    return id


def insert(conn: queries.Connection, body: Body, id: UUID | None = None) -> UUID:
    id = writes.insert(conn, "facilities/insert", id, **body)
    facility_names.write_keys(conn, id, body["name"], body["aliases"])
    return id


def _split(body: Body) -> tuple[Sequence[UUID], Body]:
    """Return the facilities from which a facility is distinct, and its row."""
    row = dict(body)
    return row.pop("distinct_from", ()), row


def update(
    conn: queries.Connection,
    caller: Caller,
    id: UUID,
    body: Body,
    check_precondition: Callable[[], None],
) -> None:
    """Check and update a facility. No verdict depends on it. Raises `validation-error`.

    `distinct_from` of the body is as for a new one.
    """
    distinct_from, changes = _split(body)

    def lock() -> Any:
        # Every field decides whether the names are those of another facility.
        facility_names.lock(conn)
        return queries.row(conn, "facilities/lock", id=id)

    def write(row: Any) -> Affected:
        facility_names.check(conn, {**row._asdict(), **changes}, distinct_from, row)
        _check_country(conn, row, changes)
        write_update(conn, row, changes)
        return Affected()

    writes.update(
        conn,
        caller,
        "facility",
        id,
        check_precondition,
        lock=lock,
        write=write,
    )


def _check_country(conn: queries.Connection, row: Any, changes: Body) -> None:
    """Check that a facility with a recorded detention, even a void one, keeps its country.

    Counts by country would change in the past. Raises `validation-error`.
    """
    country = changes.get("country", row.country)
    if country == row.country:
        return
    queries.run(conn, "facilities/lock_use", id=row.id)
    if not queries.row(conn, "facilities/get_use", id=row.id).is_used:
        return
    detail = (
        f"Must stay {row.country!r}, since a detention was recorded at this facility. Create "
        f"another facility in {country!r} and correct the facility_id of the detentions."
    )
    raise invalid(FieldError("/country", detail))


def write_update(conn: queries.Connection, row: Any, changes: Body) -> None:
    """Write a checked update of a facility, with its keys; `row` has its names."""
    if changes:
        queries.run(conn, "facilities/update", id=row.id, **changes)
    if changes.keys() & {"name", "aliases"}:
        name, aliases = changes.get("name", row.name), changes.get("aliases", row.aliases)
        facility_names.write_keys(conn, row.id, name, aliases)
