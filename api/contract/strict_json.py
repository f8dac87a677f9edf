"""JSON, parsed more strictly than RFC 8259 asks: in UTF-8, without a name twice in an object."""

import codecs
import json
from typing import Any

import orjson

from api.errors import RequestError

_TOO_DEEP = "The {} is nested too deeply: send fewer levels."
_IN_UTF_8 = "send it in UTF-8, without a byte order mark."


def read(raw: bytes, subject: str = "body") -> Any:
    """Return the value of a JSON text, which errors call `subject`. Raises RequestError.

    orjson refuses NaN, numbers out of the range of a double, lone surrogates, byte order marks,
    encodings other than UTF-8, and deep nesting, but not duplicate names in an object. The standard
    library checks those in a second pass, over text that orjson accepted.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise RequestError("malformed-json", _detail(raw, subject, error)) from None
    try:
        json.loads(raw, object_pairs_hook=_unique_names)
    except RecursionError:
        raise RequestError("malformed-json", _TOO_DEEP.format(subject)) from None
    return value


def read_line(raw: bytes) -> Any:
    """Return the value of a line of NDJSON; an error names the column. Raises RequestError."""
    return read(raw.rstrip(b"\r\n"), "line")


def _detail(raw: bytes, subject: str, error: orjson.JSONDecodeError) -> str:
    """Return what to correct in a text that orjson refused: its column is not always the place."""
    if not raw.strip():
        return f"The {subject} is empty: send a JSON object."
    if raw.startswith(codecs.BOM_UTF8):
        return f"The {subject} begins with a byte order mark: {_IN_UTF_8}"
    try:
        raw.decode()
    except UnicodeDecodeError as undecodable:
        valid = raw[: undecodable.start].decode()
        column = len(valid) - valid.rfind("\n")
        place = _place(raw, valid.count("\n") + 1, column)
        byte = raw[undecodable.start]
        return f"The {subject} is not UTF-8, at {place} (byte 0x{byte:02X}): {_IN_UTF_8}"
    if error.msg == "depth limit exceeded":
        return _TOO_DEEP.format(subject)
    return (
        f"The {subject} is not JSON, at {_place(raw, error.lineno, error.colno)}: correct it there."
    )


def _place(raw: bytes, line: int, column: int) -> str:
    return f"line {line} column {column}" if b"\n" in raw else f"column {column}"


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise RequestError(
                "malformed-json", f"An object has the name {name[:100]!r} twice: send it once."
            )
        members[name] = value
    return members
