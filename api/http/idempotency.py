"""Idempotency: a retried write gets the response of the first attempt
(draft-ietf-httpapi-idempotency-key-header-07).

The response is stored in the transaction of the write, under the API key, the path and the
idempotency key. Nothing is stored for an error: the request may be corrected and sent again.
"""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Request

from api.access import Caller
from api.contract import schemas
from api.contract.document import Operation
from api.database import queries
from api.errors import RequestError
from api.http import requests

_HEADER = "Idempotency-Key"
EXPIRY_SHARE = 0.01
"""The share of idempotent writes that also delete expired keys; the others save a statement."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A write that may have been sent before. `sha256` is the digest of its query and body."""

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


class Attempts:
    """Reads the Idempotency-Key of the requests of one operation."""

    def __init__(self, operation: Operation) -> None:
        self._is_retriable = operation.takes_idempotency_key
        self._schema = schemas.parameters_schema(
            {p.name: (p.required, p.schema) for p in operation.parameters if p.name == _HEADER}
        )

    def read(self, request: Request, caller: Caller, content: bytes) -> Attempt | None:
        """Return the attempt of a request, or None without an Idempotency-Key.

        `content` is the body, or the digest of an upload. Raises `validation-error`.
        """
        header = request.headers.get(_HEADER)
        if header is None or not self._is_retriable:
            return None
        key = schemas.load(self._schema, {_HEADER: header})[_HEADER]
        if key.startswith('"'):
            key = key[1:-1]  # A string of RFC 9651; the quotes are optional.
        # The same bytes can be another list in another media type or encoding.
        form = f"{request.mimetype} {requests.charset(request)}".encode()
        digest = hashlib.sha256(b"\0".join((request.query_string, form, content))).digest()
        return Attempt(caller.key_id, request.path, key, digest)


def lock(conn: queries.Connection, attempt: Attempt | None) -> None:
    """Lock an attempt until the end of the transaction. Raises `idempotency-key-in-use`."""
    if attempt is not None:
        _check_locked(queries.row(conn, "idempotency_keys/lock", **attempt.name).locked)


@contextmanager
def session_lock(conn: queries.Connection, attempt: Attempt | None) -> Iterator[None]:
    """Lock an attempt that takes several transactions. Raises `idempotency-key-in-use`."""
    if attempt is None:
        yield
        return
    _check_locked(queries.row(conn, "idempotency_keys/lock_session", **attempt.name).locked)
    try:
        yield
    finally:
        # PostgreSQL releases the lock of a lost connection.
        if not conn.broken:
            queries.run(conn, "idempotency_keys/unlock_session", **attempt.name)


def _check_locked(locked: bool) -> None:
    if not locked:
        raise RequestError(
            "idempotency-key-in-use",
            "A request with this Idempotency-Key is in progress. Retry in a second.",
        )


def find(conn: queries.Connection, attempt: Attempt | None) -> Any:
    """Return the `resource_id`, `body` and `is_proposal` of the first attempt, or None.

    Needs its lock. The response to an upload has no stored body. Raises `idempotency-key-reused`.
    """
    if attempt is None:
        return None
    first = queries.row(conn, "idempotency_keys/get", **attempt.name)
    if first is not None and first.request_sha256 != attempt.sha256:
        raise RequestError(
            "idempotency-key-reused",
            "This Idempotency-Key was used with another body, Content-Type or query. "
            "Send a new key.",
        )
    return first


def store(
    conn: queries.Connection,
    attempt: Attempt | None,
    resource_id: str | None,
    body: bytes | None,
    *,
    is_proposal: bool = False,
) -> None:
    """Store the response of the first attempt, in the transaction of its write."""
    if attempt is None:
        return
    queries.run(
        conn,
        "idempotency_keys/insert",
        **attempt.name,
        request_sha256=attempt.sha256,
        resource_id=resource_id,
        body=body,
        is_proposal=is_proposal,
    )
    if random.random() < EXPIRY_SHARE:  # noqa: S311
        queries.run(conn, "idempotency_keys/delete_expired")
