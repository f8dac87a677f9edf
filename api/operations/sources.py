"""Handlers of sources and of the affiliations between them."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from api import access
from api.access import Caller
from api.database import ledger, queries
from api.database.ledger import Change
from api.errors import RequestError, not_found
from api.records import entries
from api.rendering.results import Page, Record, Unchanged
from api.verification import verdicts


def list_sources(
    conn: queries.Connection, caller: Caller | None, limit: int | None, cursor: str | None
) -> Page:
    filters = {"sees_hidden": access.sees_hidden(caller)}
    reader = ledger.reader(caller, "source")
    return Page("sources/list", limit, filters, cursor, reader=reader)


def get_source(conn: queries.Connection, caller: Caller | None, id: UUID) -> Record:
    return _source(caller, id, ledger.reader(caller, "source"))


def create_source(conn: queries.Connection, caller: Caller, body: Mapping[str, Any]) -> Record:
    id = entries.enter_source(conn, body)
    verdicts.record(conn, caller, [Change("source", id, "created")])
    return _source(caller, id)


def update_source(
    conn: queries.Connection,
    caller: Caller,
    id: UUID,
    body: Mapping[str, Any],
    unchanged: Unchanged,
) -> Record:
    people: dict[UUID, set[UUID]] = {}
    changes_voice = bool(body.keys() & {"confidential", "vouched_by"})
    if changes_voice:
        queries.run(conn, "affiliations/lock_exclusive")
    row = queries.row(conn, "sources/lock", id=id)
    if row is None:
        raise not_found("source")
    unchanged(_source(caller, id))
    if changes_voice:
        source = {**row._asdict(), **body}
        entries.check_confidential(conn, source)
        if row.confidential and source["vouched_by"] != row.vouched_by:
            raise RequestError(
                "conflict", "What was said in confidence stays so: enter another source."
            )
        if source["confidential"]:
            people = verdicts.touched(conn, _tie(id, source["vouched_by"]))
    queries.run(conn, "sources/update", id=id, **body)
    verdicts.record(
        conn,
        caller,
        [Change("source", id, "updated")],
        events=[event for events in people.values() for event in events],
        detainees=people,
    )
    return _source(caller, id)


def _tie(id: UUID, vouched_by: UUID) -> Mapping[str, Any]:
    """One voice, whenever it speaks."""
    return {
        "source_id": id,
        "with_source_id": vouched_by,
        "valid_from": None,
        "valid_until": None,
    }


def _source(caller: Caller | None, id: UUID, reader: ledger.Reader | None = None) -> Record:
    parameters = {"id": id, "limit": 1, "sees_hidden": access.sees_hidden(caller)}
    return Record("source", "sources/list", parameters, reader)


def get_affiliation(conn: queries.Connection, id: UUID) -> Record:
    return Record("affiliation", "affiliations/list", {"id": id})


def create_affiliation(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> Record:
    queries.run(conn, "affiliations/lock_exclusive")
    created = entries.enter_affiliation(conn, id, body)
    affiliation = {"source_id": id, **body}
    verdicts.record_affiliation(
        conn, caller, Change("affiliation", created, "created"), affiliation
    )
    return get_affiliation(conn, created)


def update_affiliation(
    conn: queries.Connection,
    caller: Caller,
    id: UUID,
    body: Mapping[str, Any],
    unchanged: Unchanged,
) -> Record:
    queries.run(conn, "affiliations/lock_exclusive")
    row = queries.row(conn, "affiliations/get", id=id)
    if row is None:
        raise not_found("affiliation")
    unchanged(get_affiliation(conn, id))
    before = row._asdict()
    affiliation = {**before, **body}
    entries.check_affiliation(affiliation)
    queries.run(conn, "affiliations/update", id=id, **body)
    verdicts.record_affiliation(
        conn, caller, Change("affiliation", id, "updated"), affiliation, before
    )
    return get_affiliation(conn, id)
