"""The ledger: one entry for each write, in its transaction, in an order without gaps."""

from datetime import datetime
from typing import Literal, NamedTuple, cast
from uuid import UUID

from api import queries
from api.auth import Caller


class Change(NamedTuple):
    """One resource that was written."""

    resource: Literal[
        "source",
        "affiliation",
        "facility",
        "detainee",
        "detention",
        "release_event",
        "attestation",
        "claim",
    ]
    resource_id: UUID
    action: Literal["created", "updated", "retracted", "voided"]


def append(conn: queries.Connection, caller: Caller | None, *changes: Change) -> datetime:
    """Enters what was written and gives the moment at which it counts as recorded.

    Locks the head of the ledger until the commit: to be called last, after every other lock.
    `caller` is None for the operator's own command.
    """
    entry = queries.one(
        conn,
        "append_ledger",
        actor=caller and caller.key_id,
        resources=[c.resource for c in changes],
        resource_ids=[c.resource_id for c in changes],
        actions=[c.action for c in changes],
    )
    return cast(datetime, entry.recorded_at)
