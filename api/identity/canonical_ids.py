"""Canonical ids: the id of a duplicate record leads to the surviving record."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

from api.database import queries


def surviving_id(
    conn: queries.Connection, resource: str, id: UUID, recorded_as_of: datetime | None = None
) -> UUID | None:
    """Return the record that a duplicate was merged into, now or as recorded at a moment.

    None for a record that is no duplicate.
    """
    query = (
        "merges/get_canonical_id" if recorded_as_of is None else "merges/get_canonical_id_recorded"
    )
    row = queries.row(conn, query, resource=resource, id=id, recorded_as_of=recorded_as_of)
    return None if row is None else cast(UUID, row.id)


def resolve(conn: queries.Connection, resource: str, id: UUID) -> UUID:
    """Return the id of the surviving record of a duplicate; any other id unchanged."""
    return surviving_id(conn, resource, id) or id


def people_since(
    conn: queries.Connection, records: Sequence[tuple[UUID, UUID, datetime | None]]
) -> Mapping[UUID, Sequence[UUID]]:
    """Return the items whose person may be any of several people since a moment, with these people.

    `records` are triples: an item, the id of a person, and the moment. Without a moment every split
    and every undone merge counts.
    """
    items, ids, moments = zip(*records, strict=True) if records else ((), (), ())
    rows = queries.rows(
        conn, "merges/list_people_since", items=[*items], ids=[*ids], moments=[*moments]
    )
    return {row.item: row.people for row in rows}
