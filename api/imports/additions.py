"""What is added to the record of a person who is there, by a plan."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from api.database import queries
from api.imports import row_plan
from api.imports.row_plan import Known, Plan
from api.records import detainees, writes
from api.verification.bulk import Batch

_INSERT = {"detention": "detentions/insert", "release_event": "release_events/insert"}
NEW_DETENTION: Mapping[str, Any] = {**row_plan.NO_DETENTION, "created_at": None}


def write(
    conn: queries.Connection, batch: Batch, person: UUID, known: Known, made: Plan
) -> UUID | None:
    """Writes what changes of a person, who is locked, and of the detentions; gives one that is
    new. The release event is left to the caller."""
    if made.detainee:
        detainees.write_update(conn, person, known.detainee, made.detainee)
        batch.add("detainee", person, "updated")
    if made.detainee or made.detention:
        batch.count_again(person)
    if made.detention_id is not None:
        queries.run(conn, "detentions/update", id=made.detention_id, **made.detention)
        batch.add("detention", made.detention_id, "updated")
    elif made.detention:
        row = {**NEW_DETENTION, **made.detention, "detainee_id": person}
        return enter(conn, batch, "detention", [row])[0]
    return None


def enter(
    conn: queries.Connection, batch: Batch, resource: Any, rows: Sequence[Mapping[str, Any]]
) -> list[UUID]:
    """The ids of new records."""
    ids = writes.insert_many(conn, _INSERT[resource], rows)
    for id in ids:
        batch.add(resource, id)
    return ids
