"""Void a record that was entered by mistake: what release events, detentions and claims share.

A voided record stays in its table, so that past answers can be given again, and no later answer
depends on it. A record is voided only while no other record refers to it, except a release event,
whose attestations are void with it.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from api.access import Caller
from api.database import clock, queries
from api.database.ledger import Change, Resource
from api.errors import RequestError
from api.records import detention_order
from api.records.detention_order import DetentionInterval, OrderError

MAX_LISTED = 10
"""The records that a refusal lists."""


def check_live(resource: Resource, voided_at: datetime | None) -> None:
    """Check that a record is not void."""
    if voided_at is not None:
        raise RequestError(
            "conflict",
            f"This {_name(resource)} is already void, since {clock.rfc3339(voided_at)}.",
        )


def check_void(resource: Resource, voided_at: datetime | None) -> None:
    """Check that a record is void."""
    if voided_at is None:
        raise RequestError("conflict", f"This {_name(resource)} is not void.")


def check_caller(conn: queries.Connection, caller: Caller, resource: Resource, id: UUID) -> None:
    """Check that a caller may void a record: with scope `edit` any, else one that it entered."""
    if caller.sees_hidden:
        return
    entered = queries.row(conn, "ledger/get_created", resource_id=id)
    if entered is None or entered.actor != caller.key_id:
        raise RequestError(
            "forbidden",
            f"Only a key of scope edit can void a {_name(resource)} that another key entered.",
        )


def check_unused(resource: Resource, paths: Sequence[str]) -> None:
    """Check that no record refers to one that is about to be voided; `paths` are those that do."""
    if not paths:
        return
    listed = ", ".join(f"/v1/{path}" for path in paths[:MAX_LISTED])
    more = ", and more" if len(paths) > MAX_LISTED else ""
    raise RequestError(
        "conflict",
        f"These records refer to the {_name(resource)}: {listed}{more}. Void or change them first.",
    )


def refers_to_void(resource: Resource, path: str) -> RequestError:
    """Return the error of undoing a voiding while the record at `path` is still void."""
    return RequestError(
        "conflict",
        f"/v1/{path}, to which this {_name(resource)} refers, is void. Undo that voiding first.",
    )


def rearrange(conn: queries.Connection, detainee_id: UUID) -> list[Change]:
    """Put a person's detentions in order after a voiding or its undoing; return what changes.

    Each detention begins as early as its day and the detentions and releases before it allow, as if
    a voided record had never been entered. Raises RequestError if there is no possible order.
    """
    rows = queries.rows(conn, "detentions/list_for_detainee", detainee_id=detainee_id)
    stored = [
        DetentionInterval(
            row.id, row.detained_on, row.began_on, row.created_at, tuple(row.released_on)
        )
        for row in rows
    ]
    try:
        placed = detention_order.rearrange(stored)
    except OrderError as error:
        raise RequestError(
            "conflict",
            f"The person's detentions cannot be put in order: {error}. Correct their days first.",
        ) from None
    changed = [after for before, after in zip(stored, placed, strict=True) if before != after]
    for interval in changed:
        queries.run(
            conn, "detentions/update", id=interval.id, began_on=interval.began_on, accepted=False
        )
    return [Change("detention", interval.id, "updated") for interval in changed]


def _name(resource: Resource) -> str:
    return resource.replace("_", " ")
