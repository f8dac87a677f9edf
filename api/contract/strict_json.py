"""Parse JSON strictly: accept only texts that all parsers read alike (I-JSON, RFC 7493)."""

import json
from dataclasses import dataclass
from typing import Any, BinaryIO

import orjson

from api.errors import RequestError


@dataclass(frozen=True, slots=True)
class Upload:
    """A large request body, spooled to a file."""

    media_type: str
    file: BinaryIO
    # The encoding that the Content-Type names.
    charset: str | None


def read(raw: bytes, subject: str = "body") -> Any:
    """Return the value of a JSON text, which errors call `subject`. Raises RequestError.

    orjson refuses NaN, numbers out of range, lone surrogates, byte order marks, encodings other
    than UTF-8, and deep nesting, but not duplicate names in an object. The standard library checks
    those in a second pass, over text that orjson accepted.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise RequestError(
            "malformed-json",
            f"The {subject} is not JSON, at line {error.lineno} column {error.colno}.",
        ) from None
    try:
        json.loads(raw, object_pairs_hook=_unique_names)
    except RecursionError:
        raise RequestError("malformed-json", f"The {subject} is nested too deeply.") from None
    return value


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise RequestError("malformed-json", f"An object has the name {name[:100]!r} twice.")
        members[name] = value
    return members
