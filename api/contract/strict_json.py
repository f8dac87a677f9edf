"""A request's bytes -> JSON that has one meaning only (I-JSON, RFC 7493)."""

import json
from dataclasses import dataclass
from typing import Any, BinaryIO

import orjson

from api.errors import RequestError


@dataclass(frozen=True, slots=True)
class Upload:
    """A body as a file."""

    media_type: str
    file: BinaryIO


def read(raw: bytes, what: str = "body") -> Any:
    """The value of a JSON body, or of `what` else. Refuses what parsers read differently, or
    quietly.

    orjson refuses NaN, numbers out of range, lone surrogates, byte order marks, other encodings
    than UTF-8 and deep nesting; only names that stand twice in an object pass it, and are looked
    for with the standard library, on text that is known to be JSON.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise RequestError(
            "malformed-json",
            f"The {what} is not JSON, at line {error.lineno} column {error.colno}.",
        ) from None
    try:
        json.loads(raw, object_pairs_hook=_without_doubles)
    except RecursionError:
        raise RequestError("malformed-json", f"The {what} is nested too deeply.") from None
    return value


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names: dict[str, Any] = {}
    for name, value in pairs:
        if name in names:
            raise RequestError(
                "malformed-json", f"The name {name[:100]!r} stands twice in one object."
            )
        names[name] = value
    return names
