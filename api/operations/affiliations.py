"""Affiliations: what ties sources into groups. Changing one verifies again what it touches."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from api.access import Caller
from api.database import queries
from api.database.ledger import Change
from api.errors import not_found
from api.records import entries
from api.rendering.results import Record, Unchanged
from api.verification import verdicts


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
