"""Insert records with random ids; lock and update a record of any resource."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar
from uuid import UUID, uuid4

from psycopg import Rollback

from api.access import Caller
from api.database import queries
from api.database.ledger import Change, Resource
from api.errors import not_found
from api.identity import canonical_ids
from api.verification import verdicts

Body = Mapping[str, Any]
"""A record by the contract's names, from a request body or the entry of a file."""

_Locked = TypeVar("_Locked")


class Affected(NamedTuple):
    """The release events to verify again after an update, and the people to count again.

    `changes` are further records that the update wrote.
    """

    release_events: Sequence[UUID] = ()
    people: Iterable[UUID] = ()
    changes: Sequence[Change] = ()


def insert(conn: queries.Connection, query: str, id: UUID | None = None, **row: Any) -> UUID:
    """Insert a row and return its id: random (UUID version 4) unless one is given.

    If ids followed the order of entry, the id of a hidden person would show where the name stands
    in a list that was entered alphabetically.
    """
    new_id = id or uuid4()
    queries.run(conn, query, id=new_id, **row)
    return new_id


def insert_many(conn: queries.Connection, query: str, rows: Sequence[Body]) -> list[UUID]:
    """Insert rows in one round trip and return their random ids, in the order of the rows."""
    ids = [uuid4() for _ in rows]
    queries.run_many(conn, query, [{**row, "id": id} for row, id in zip(rows, ids, strict=True)])
    return ids


def lock_canonical(
    conn: queries.Connection, resource: str, id: UUID, lock_row: Callable[[UUID], _Locked | None]
) -> _Locked | None:
    """Lock the record that an id leads to; None if the id is unknown.

    A merge can be made or undone while the lock is waited for, so the id is resolved again until
    the locked record is the one it leads to.
    """
    while (locked := lock_row(id)) is None:
        into = canonical_ids.surviving_id(conn, resource, id)
        if into is not None:
            # If this record proves to be the wrong one, roll back its lock: two writers that each
            # hold one record and wait for the other would deadlock.
            with conn.transaction() as attempt:
                locked = lock_row(into)
                if locked is not None and canonical_ids.surviving_id(conn, resource, id) == into:
                    return locked
                raise Rollback(attempt)
        elif queries.row(conn, "ledger/list_recorded_ids", resource=resource, ids=[id]) is None:
            return None
    return locked


def update(
    conn: queries.Connection,
    caller: Caller,
    resource: Resource,
    id: UUID,
    check_precondition: Callable[[], None],
    *,
    lock: Callable[[], Any],
    write: Callable[[Any], Affected],
) -> None:
    """Update one record: lock it, compare If-Match, check and write, verify what it affects.

    `lock` returns the row as it is, or None for an unknown id. `check_precondition` raises if the
    record is not in the state that If-Match names. `write` checks the new values against the row
    and writes them.
    """
    row = lock()
    if row is None:
        raise not_found(resource.replace("_", " "))
    check_precondition()
    affected = write(row)
    verdicts.recompute(
        conn,
        caller,
        [Change(resource, id, "updated"), *affected.changes],
        release_events=affected.release_events,
        people=affected.people,
    )
