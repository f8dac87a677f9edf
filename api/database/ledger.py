"""The ledger: one entry for each write, in its transaction, in an order without gaps."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple, cast
from uuid import UUID

from api.access import Caller
from api.database import queries

# In the order in which those that are written together are entered.
Resource = Literal[
    "source",
    "affiliation",
    "facility",
    "claim",
    "detainee",
    "release_event",
    "attestation",
    "detention",
    "merge",
    "distinction",
]
Action = Literal[
    "created", "updated", "retracted", "voided", "moved", "undone", "withdrawn", "read"
]


class Change(NamedTuple):
    """One resource that was written."""

    resource: Resource
    resource_id: UUID
    action: Action


def append(
    conn: queries.Connection,
    caller: Caller | None,
    *changes: Change,
    changes_answers: bool = False,
) -> datetime:
    """Enters what was written and gives the moment at which it counts as recorded.

    Locks the head of the ledger until the commit: to be called last, after every other lock.
    `caller` is None for the operator's own command. The public learns of what changes a record as
    it sees it, or the answers that are made of them (`changes_answers`).
    """
    entry = queries.row(
        conn,
        "ledger/append",
        actor=caller and caller.key_id,
        resources=[c.resource for c in changes],
        resource_ids=[c.resource_id for c in changes],
        actions=[c.action for c in changes],
        changes_answers=changes_answers,
    )
    return cast(datetime, entry.recorded_at)


class Reader(NamedTuple):
    """Who is shown names that are hidden, and of which records."""

    caller: Caller
    resource: Literal["detainee", "source"]


def reader(caller: Caller | None, resource: Literal["detainee", "source"]) -> Reader | None:
    return Reader(caller, resource) if caller is not None and caller.sees_hidden else None


def note_reading(conn: queries.Connection, reader: Reader, ids: Sequence[UUID]) -> None:
    """Enters that hidden names were read: who sees more is seen."""
    if ids:
        append(conn, reader.caller, *(Change(reader.resource, id, "read") for id in ids))
