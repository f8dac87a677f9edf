"""A request that the service refuses, and the list of all of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

UNKNOWN_ID = "019b9f3e-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class InvalidRequest:
    """A request that is refused.

    `$name` is replaced by the id of a record of the register. `pointers` are all pointers of
    `errors`, in any order. Without any, the problem has no `errors`. `message` is a part of one of
    its details.
    """

    name: str
    method: str
    path: str
    slug: str
    pointers: tuple[str, ...] = ()
    body: Any = None
    raw: bytes | None = None
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    scope: str | None = "edit"
    message: str = ""

    def __str__(self) -> str:
        return f"{self.slug}: {self.name} ({self.method} {self.path})"


INVALID_REQUESTS: list[InvalidRequest] = []


def refused(name: str, method: str, path: str, slug: str, *pointers: str, **options: Any) -> None:
    """Add a request; `options` are the other fields of `InvalidRequest`."""
    INVALID_REQUESTS.append(InvalidRequest(name, method, path, slug, pointers, **options))


def wrong_body(
    name: str, path: str, body: Any, *pointers: str, method: str = "POST", message: str = ""
) -> None:
    refused(name, method, path, "validation-error", *pointers, body=body, message=message)


def malformed(name: str, raw: bytes, path: str = "/v1/sources", message: str = "") -> None:
    refused(name, "POST", path, "malformed-json", raw=raw, message=message)


def wrong_query(name: str, path: str, query: str, *pointers: str, message: str = "") -> None:
    options: dict[str, Any] = {"query": query, "scope": None, "message": message}
    refused(name, "GET", path, "validation-error", *pointers, **options)


def quoted(value: str) -> str:
    """Percent-encode every byte of a query value."""
    return "".join(f"%{byte:02X}" for byte in value.encode())
