"""API keys: create a key, and authenticate a request by its key.

A key is `constancia_PREFIX_SECRET`. It is looked up by its prefix, which is not secret. Only the
SHA-256 of the key is stored.
"""

import hashlib
import hmac
import re
import secrets
from datetime import datetime
from uuid import UUID

from api import trace
from api.access import Caller
from api.database import queries
from api.errors import RequestError

_KEY_START = "constancia_"
_KEY = re.compile(_KEY_START + r"(?P<prefix>[0-9a-f]{12})_[\w-]{43}", re.ASCII)
# A digest that no key has.
_NO_HASH = bytes(32)


class UnauthenticatedError(RequestError):
    """A request without a valid key. `description` says what is wrong with the key that it has.

    Only the holder of a key learns that it has expired or was revoked.
    """

    def __init__(self, description: str | None) -> None:
        self.description = description
        instead = "Send a valid key in the header: Authorization: Bearer <key>."
        super().__init__("unauthenticated", f"{description} {instead}" if description else instead)


def read_key(authorization: str | None) -> str:
    """Return the key of an Authorization header (RFC 6750). Raises `unauthenticated`."""
    scheme, _, key = (authorization or "").partition(" ")
    if not authorization:
        raise UnauthenticatedError(None)
    if scheme.lower() != "bearer" or not key.startswith(_KEY_START):
        raise UnauthenticatedError(f"The header has no key, which begins with {_KEY_START}.")
    return key


def authenticate(conn: queries.Connection, key: str) -> Caller:
    """Return the holder of a key. Raises `unauthenticated`.

    An unknown prefix and a wrong secret are indistinguishable, also by timing: in both cases one
    row is looked up and one hash is compared.
    """
    digest = _digest(key)
    match = _KEY.fullmatch(key)
    row = queries.row(conn, "api_keys/find", prefix=match["prefix"] if match else "")
    if not hmac.compare_digest(row.hash if row else _NO_HASH, digest):
        raise UnauthenticatedError("The key is unknown.")
    if row.is_revoked:
        raise UnauthenticatedError("The key was revoked.")
    if row.has_ended:
        raise UnauthenticatedError("The key has expired.")
    trace.note_key(row.id)
    return Caller(row.id, row.scope)


def is_key(text: str) -> bool:
    """Return whether a text has the form of a key, which may be unknown."""
    return _KEY.fullmatch(text) is not None


def create_key(
    conn: queries.Connection, name: str, scope: str, valid_until: datetime | None = None
) -> tuple[UUID, str]:
    """Create a key and return its id and the key itself, which is not stored."""
    prefix = secrets.token_hex(6)
    key = f"{_KEY_START}{prefix}_{secrets.token_urlsafe(32)}"
    created = queries.row(
        conn,
        "api_keys/insert",
        name=name,
        scope=scope,
        prefix=prefix,
        hash=_digest(key),
        valid_until=valid_until,
    )
    return created.id, key


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
