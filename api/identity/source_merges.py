"""Merge two records of one source, undo a merge, and keep two records apart.

The publications of a duplicate source stay in place and are read as those of the surviving source,
so an undo returns them, and a response for an earlier record time never changes.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from api.access import Caller
from api.database import ledger, queries
from api.database.ledger import Change
from api.errors import FieldError, RequestError, invalid, not_found
from api.identity import source_names
from api.records import writes
from api.verification import verdicts


def create(conn: queries.Connection, caller: Caller, id: UUID, into: UUID) -> UUID:
    """Merge the source `id` into the source `into`; return the id of the merge."""
    if id == into:
        raise invalid(FieldError("/into", "Must be another source."))
    queries.run(conn, "affiliations/lock_exclusive")
    locked = _lock_sources(conn, id, into, "/into")
    if any(row.confidential for row in locked):
        raise RequestError(
            "conflict",
            "A confidential source is not merged: all that one organisation vouches for count as "
            "one source already.",
        )
    if distinction := source_names.distinctions(conn, id).get(into):
        raise RequestError(
            "conflict",
            f"The two sources are distinguished by /v1/distinctions/{distinction}. Withdraw the "
            "distinction first.",
        )
    merge = writes.insert(conn, "merges/insert_of_sources", source_id=id, into_source_id=into)
    merged = queries.rows(conn, "merges/update_sources", merge_id=merge)
    _recompute(conn, caller, Change("merge", merge, "created"), id, into, merged)
    return merge


def exists(conn: queries.Connection, id: UUID) -> bool:
    """Return whether an id is that of a merge of sources."""
    return queries.row(conn, "merges/get_of_sources", id=id) is not None


def undo(conn: queries.Connection, caller: Caller, id: UUID) -> None:
    """Undo a merge: return the publications of the duplicate source to it."""
    queries.run(conn, "affiliations/lock_exclusive")
    merge = queries.row(conn, "merges/get_of_sources", id=id)
    if merge is None:
        raise not_found("merge")
    queries.run(conn, "sources/lock_pair", ids=[merge.source_id, merge.into_source_id])
    if merge.undone_at is not None:
        raise RequestError("conflict", "This merge is already undone.")
    if merge.into_merged_into is not None:
        later = queries.row(conn, "merges/get_for_source", source_id=merge.into_source_id)
        raise RequestError(
            "conflict",
            f"/v1/merges/{later.id} merged the surviving source into another one since. Undo it "
            "first.",
        )
    restored = queries.rows(conn, "merges/undo_sources", merge_id=id)
    queries.run(conn, "merges/undo", id=id)
    change = Change("merge", id, "undone")
    _recompute(conn, caller, change, merge.source_id, merge.into_source_id, restored)


def distinguish(conn: queries.Connection, caller: Caller, id: UUID, other: UUID) -> UUID:
    """Record that two records are of two sources; return the id of the distinction."""
    if id == other:
        raise invalid(FieldError("/source_id", "Must be another source."))
    _lock_sources(conn, id, other, "/source_id")
    if distinction := source_names.distinctions(conn, id).get(other):
        raise RequestError(
            "conflict",
            f"The two sources are already distinguished by /v1/distinctions/{distinction}.",
        )
    (change,) = insert_distinctions(conn, id, [other])
    ledger.append(conn, caller, change)
    return change.resource_id


def insert_distinctions(
    conn: queries.Connection, id: UUID, others: Sequence[UUID]
) -> Sequence[Change]:
    """Insert that a source is distinct from others; return the entries of the ledger."""
    query = "merges/insert_distinction_of_sources"
    ids = (
        writes.insert(conn, query, source_id=id, distinct_from_source_id=other) for other in others
    )
    return [Change("distinction", distinction, "created") for distinction in ids]


def _lock_sources(conn: queries.Connection, id: UUID, other: UUID, pointer: str) -> Sequence[Any]:
    """Lock two sources, neither of them a duplicate; `pointer` is the place of the `other` id."""
    rows = {row.id: row for row in queries.rows(conn, "sources/lock_pair", ids=[id, other])}
    if id not in rows:
        raise not_found("source")
    if other not in rows:
        raise invalid(FieldError(pointer, "There is no source with this id."))
    for row in rows.values():
        if row.merged_into is not None:
            raise RequestError(
                "conflict",
                f"The source {row.id} is merged into /v1/sources/{row.merged_into}. Use that "
                "record.",
            )
    return list(rows.values())


def _recompute(
    conn: queries.Connection,
    caller: Caller,
    change: Change,
    id: UUID,
    into: UUID,
    moved: Sequence[Any],
) -> None:
    """Verify every release event that names either source, or one of their groups."""
    joined = {"source_id": id, "with_source_id": into, "valid_from": None, "valid_until": None}
    people = verdicts.lock_affected(conn, joined)
    verdicts.recompute(
        conn,
        caller,
        [
            change,
            *(Change("source", row.id, "moved") for row in moved),
            Change("source", into, "updated"),
        ],
        release_events=[event for events in people.values() for event in events],
        people=people,
    )
