"""The ledger: an entry for each write and each reading of a hidden name, numbered without gaps.

An entry is appended in the transaction of its write.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple, cast
from uuid import UUID

from api.access import Caller
from api.database import queries

# `verification.bulk` appends its entries in the order of Action, and for one action in that of
# Resource.
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
    "split",
    "distinction",
    "proposal",
]
Action = Literal[
    "created",
    "updated",
    "retracted",
    "voided",
    "moved",
    "undone",
    "withdrawn",
    "accepted",
    "rejected",
    "read",
]

MAX_PUBLIC_ENTRIES_LOOKED_UP = 5_000
"""At most this many public entries are looked up for a list with `updated_since`.

Each takes 3 to 10 microseconds. If there are more, the list reads all records in order, and looks
for the entries of each.
"""


class Change(NamedTuple):
    """A record that was written, or whose hidden names were read."""

    resource: Resource
    resource_id: UUID
    action: Action


def append(
    conn: queries.Connection,
    caller: Caller | None,
    *changes: Change,
    affects_responses: bool = False,
) -> datetime:
    """Append an entry for each change; return the moment at which all of them were recorded.

    Locks the head of the ledger until the commit, so it must be the last lock that is taken.
    `caller` is None for a command of the operator. An entry is public if it changes the record as
    the public sees it, or if it affects responses about other records (`affects_responses`).
    """
    entry = queries.row(
        conn,
        "ledger/append",
        actor=caller and caller.key_id,
        resources=[change.resource for change in changes],
        resource_ids=[change.resource_id for change in changes],
        actions=[change.action for change in changes],
        affects_responses=affects_responses,
    )
    return cast(datetime, entry.recorded_at)


class Reader(NamedTuple):
    """A caller who sees hidden names, so that each reading gets an entry.

    `resource` is that of the names. `column`, in the rows of a query, has the id of the record
    whose name is read.
    """

    caller: Caller
    resource: Literal["detainee", "source"]
    column: str = "id"


def reader(
    caller: Caller | None, resource: Literal["detainee", "source"], column: str = "id"
) -> Reader | None:
    """Return the reader for a caller who sees hidden names, None for others."""
    return Reader(caller, resource, column) if caller is not None and caller.sees_hidden else None


def note_reading(conn: queries.Connection, reader: Reader, ids: Sequence[UUID]) -> None:
    """Append an entry `read` for each record whose hidden name was read."""
    if ids:
        append(conn, reader.caller, *(Change(reader.resource, id, "read") for id in ids))


def has_many_since(conn: queries.Connection, moment: datetime) -> bool:
    """Return whether too many public entries to look up were recorded since a moment."""
    row = queries.row(conn, "ledger/get_public_entries_since", since=moment)
    return bool(row.entries > MAX_PUBLIC_ENTRIES_LOOKED_UP)
