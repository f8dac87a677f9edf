"""Keys: who is calling, and what they may do. A key is stored as its SHA-256 only."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from uuid import UUID

from api import queries, trace
from api.errors import Refusal

# What each scope grants. `admin` is for keys alone: who hands out keys need not be able to write.
GRANTS = {
    "contribute": {"contribute"},
    "edit": {"contribute", "edit"},
    "admin": {"admin"},
}
_PREFIX = "constancia_"


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of a key."""

    key_id: UUID
    scope: str

    @property
    def sees_hidden(self) -> bool:
        """Whether the caller may see what is hidden: who must not be named, and who speaks in
        confidence."""
        return "edit" in GRANTS[self.scope]


def sees_hidden(caller: Caller | None) -> bool:
    return caller is not None and caller.sees_hidden


def read_key(authorization: str | None) -> str:
    """The key in an Authorization header (RFC 6750)."""
    scheme, _, key = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not key.startswith(_PREFIX):
        raise _unauthenticated()
    return key


def authenticate(conn: queries.Connection, key: str) -> Caller:
    """The holder of a key.

    The key is looked up by its hash, so the time it takes tells nothing about stored keys: 256
    random bits cannot be approached by way of their SHA-256.
    """
    digest = _digest(key)
    found = queries.one(conn, "find_key", hash=digest)
    if found is None or not hmac.compare_digest(found.hash, digest):
        raise _unauthenticated()
    trace.note_key(found.id)
    return Caller(found.id, found.scope)


def _unauthenticated() -> Refusal:
    return Refusal(
        "unauthenticated", "Send a valid key in the header: Authorization: Bearer <key>."
    )


def authorize(caller: Caller, scope: str) -> None:
    """Refuses a caller whose key does not grant a scope."""
    if scope not in GRANTS[caller.scope]:
        raise Refusal(
            "forbidden", f"This needs a key of scope {scope}; yours has the scope {caller.scope}."
        )


def create_key(conn: queries.Connection, name: str, scope: str) -> tuple[UUID, str]:
    """A new key: its id, and the key itself, which is not kept."""
    key = _PREFIX + secrets.token_urlsafe(32)
    created = queries.one(conn, "insert_key", name=name, scope=scope, hash=_digest(key))
    return created.id, key


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
