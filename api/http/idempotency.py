"""Writes that can be sent again: the answer to the first is kept, and given to every other one
(draft-ietf-httpapi-idempotency-key-header-07).

It is kept in the transaction of the write, under the key, the path and the idempotency key. Of a
request that is refused nothing is kept: it may be sent again, corrected.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from api.database import queries
from api.errors import RequestError


@dataclass(frozen=True, slots=True)
class Attempt:
    """A write that may have been sent before. The digest covers its query and its body."""

    key_id: UUID
    path: str
    idempotency_key: str
    sha256: bytes

    @property
    def name(self) -> dict[str, Any]:
        return {
            "key_id": self.key_id,
            "path": self.path,
            "idempotency_key": self.idempotency_key,
        }


def read_key(header: str) -> str:
    """The key in a header that the contract takes. It is a string of RFC 9651, in quotes; callers
    that leave them out mean the same."""
    return header[1:-1] if header.startswith('"') else header


@contextmanager
def alone(conn: queries.Connection, attempt: Attempt | None) -> Iterator[None]:
    """Nobody else carries out the same write meanwhile. To be left after its commit."""
    if attempt is None:
        yield
        return
    if not queries.row(conn, "idempotency_keys/lock", **attempt.name).locked:
        raise RequestError(
            "idempotency-key-in-use",
            "A request with this Idempotency-Key is still under way. Send it again shortly.",
        )
    try:
        yield
    finally:
        # With a lost connection the lock is lost as well.
        if not conn.broken:
            queries.run(conn, "idempotency_keys/unlock", **attempt.name)


def recall(conn: queries.Connection, attempt: Attempt | None) -> Any:
    """What the first attempt was answered: `resource_id`, and `body` unless it is to be read
    again. None if this is the first."""
    if attempt is None:
        return None
    first = queries.row(conn, "idempotency_keys/get", **attempt.name)
    if first is not None and first.request_sha256 != attempt.sha256:
        raise RequestError(
            "idempotency-key-reused",
            "This Idempotency-Key was sent before with another body or query. Make up a new one.",
        )
    return first


def keep(
    conn: queries.Connection, attempt: Attempt | None, resource_id: str | None, body: bytes | None
) -> None:
    """Keeps the answer to the first attempt, in the transaction that carries it out."""
    if attempt is None:
        return
    queries.run(
        conn,
        "idempotency_keys/insert",
        **attempt.name,
        request_sha256=attempt.sha256,
        resource_id=resource_id,
        body=body,
    )
    queries.run(conn, "idempotency_keys/delete_expired")
