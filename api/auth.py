"""Keys: who is calling, and what they may do.

A key is `constancia_PREFIX_SECRET`: it is found by its prefix, which is no secret, and stored as
its SHA-256 only.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from api import trace
from api.database import queries
from api.errors import Refusal

# What each scope grants. `admin` is for keys alone: who hands out keys need not be able to write.
GRANTS = {
    "contribute": {"contribute"},
    "edit": {"contribute", "edit"},
    "admin": {"admin"},
}
_MARK = "constancia_"
_KEY = re.compile(_MARK + r"(?P<prefix>[0-9a-f]{12})_[\w-]{43}", re.ASCII)
# The hash of no key.
_NOBODY = bytes(32)


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
    if scheme.lower() != "bearer" or not key.startswith(_MARK):
        raise _unauthenticated()
    return key


def authenticate(conn: queries.Connection, key: str) -> Caller:
    """The holder of a key.

    Whether there is a key of this prefix and whether this is its secret are told apart by nothing,
    time included: both times one row is looked for and one hash compared.
    """
    digest = _digest(key)
    found = queries.one(conn, "api_keys/find", prefix=_prefix(key, digest))
    if not hmac.compare_digest(found.hash if found else _NOBODY, digest):
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


def create_key(
    conn: queries.Connection, name: str, scope: str, valid_until: datetime | None = None
) -> tuple[UUID, str]:
    """A new key: its id, and the key itself, which is not kept."""
    prefix = secrets.token_hex(6)
    key = f"{_MARK}{prefix}_{secrets.token_urlsafe(32)}"
    created = queries.one(
        conn,
        "api_keys/insert",
        name=name,
        scope=scope,
        prefix=prefix,
        hash=_digest(key),
        valid_until=valid_until,
    )
    return created.id, key


def _prefix(key: str, digest: bytes) -> str:
    """Of keys that were made before they had one, the beginning of the hash serves."""
    made_with_one = _KEY.fullmatch(key)
    return made_with_one["prefix"] if made_with_one else digest.hex()[:12]


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
