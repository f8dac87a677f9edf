"""JSON, parsed more strictly than RFC 8259 asks: in UTF-8, without a name twice in an object."""

import json
from typing import Any

import orjson

from api.errors import RequestError


def read(raw: bytes, subject: str = "body") -> Any:
    """Return the value of a JSON text, which errors call `subject`. Raises RequestError.

    orjson refuses NaN, numbers out of the range of a double, lone surrogates, byte order marks,
    encodings other than UTF-8, and deep nesting, but not duplicate names in an object. The standard
    library checks those in a second pass, over text that orjson accepted.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        line = f"line {error.lineno} " if b"\n" in raw else ""
        raise RequestError(
            "malformed-json",
            f"The {subject} is not JSON, at {line}column {error.colno}: correct it there.",
        ) from None
    try:
        json.loads(raw, object_pairs_hook=_unique_names)
    except RecursionError:
        raise RequestError(
            "malformed-json", f"The {subject} is nested too deeply: send fewer levels."
        ) from None
    return value


def read_line(raw: bytes) -> Any:
    """Return the value of a line of NDJSON; an error names the column. Raises RequestError."""
    return read(raw.rstrip(b"\r\n"), "line")


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise RequestError(
                "malformed-json", f"An object has the name {name[:100]!r} twice: send it once."
            )
        members[name] = value
    return members
