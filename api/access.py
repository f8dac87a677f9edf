"""Scopes: the permissions of the holder of a key."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from api.errors import RequestError

# What each scope grants. `admin` manages keys and cannot write, so that the two can be separated.
GRANTS = {
    "contribute": {"contribute"},
    "edit": {"contribute", "edit"},
    "admin": {"admin"},
}

ADULT_AGE = 18
"""A younger person is a minor, and hidden."""


def adult_since(today: date) -> str:
    """Return the day in ISO 8601 on which the youngest adults of today were born."""
    return f"{today.year - ADULT_AGE:04}{today.isoformat()[4:]}"


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of an API key."""

    key_id: UUID
    scope: str

    @property
    def sees_hidden(self) -> bool:
        """Whether this caller may see hidden people and confidential sources."""
        return "edit" in GRANTS[self.scope]


def sees_hidden(caller: Caller | None) -> bool:
    """Return whether a caller, or a reader without a key, may see hidden people."""
    return caller is not None and caller.sees_hidden


def accepts(caller: Caller | None) -> bool:
    """Return whether a record that a caller writes counts for the disclosure threshold.

    The caller is None for the operator's commands.
    """
    return caller is None or caller.sees_hidden


def authorize(caller: Caller, scope: str) -> None:
    """Raise `forbidden` if the caller's key does not grant a scope."""
    if scope not in GRANTS[caller.scope]:
        raise RequestError(
            "forbidden",
            f"This operation needs a key of scope {scope}; this key has the scope {caller.scope}.",
        )
