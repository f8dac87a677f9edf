"""What a request says -> the arguments of its operation, or a refusal that names every fault."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO
from urllib.parse import parse_qsl

from flask import Request
from marshmallow import Schema, ValidationError

from api.contract import schemas, strict_json
from api.contract.document import Operation
from api.errors import FieldError, RequestError, invalid, not_found
from api.rendering import media_types

# Of a query. No operation takes nearly as many.
_MOST_PARAMETERS = 100
_STRAY_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def path(given: Mapping[str, str]) -> Mapping[str, Any]:
    """Path parameters. An id that cannot be one names nothing that there is."""
    if "id" not in given:
        return given
    try:
        return {**given, "id": schemas.uuid(given["id"])}
    except ValidationError:
        raise not_found("record") from None


def query(schema: Schema, raw: bytes, found: Sequence[FieldError] = ()) -> Mapping[str, Any]:
    """Query parameters, with what was found to be wrong before."""
    if raw.count(b"&") >= _MOST_PARAMETERS:
        raise invalid(FieldError("", f"A query has {_MOST_PARAMETERS} parameters at the most."))
    try:
        if _STRAY_PERCENT.search(raw):
            raise ValueError
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError:
        raise invalid(FieldError("", "The query is not percent-encoded UTF-8.")) from None
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    return schemas.load(
        schema,
        dict(pairs),
        *found,
        *(FieldError(f"/{name}", "Must be given once.") for name in twice),
    )


def body(request: Request, schema: Schema, raw: bytes) -> Mapping[str, Any]:
    check_media_type(request, [media_types.JSON])
    return schemas.load(schema, strict_json.read(raw))


def check_media_type(request: Request, taken: Sequence[str]) -> None:
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.mimetype not in taken or charset != "utf-8" or "Content-Encoding" in request.headers:
        raise RequestError(
            "unsupported-media-type", f"Send the body as {' or '.join(taken)}, without an encoding."
        )


def check_length(request: Request, operation: Operation) -> None:
    """Before anything else is done for a body: it may be refused unread."""
    if (request.content_length or 0) > operation.max_bytes:
        raise _too_large(operation)
    # One byte more: of a body without its length Werkzeug reads just so much, and says nothing.
    request.max_content_length = operation.max_bytes + 1


def read(request: Request, operation: Operation) -> bytes:
    """The whole body."""
    raw = request.get_data(cache=False)
    if len(raw) > operation.max_bytes:
        raise _too_large(operation)
    return raw


def spool(request: Request, operation: Operation, file: BinaryIO) -> bytes:
    """The body as a file, to be read from its beginning; its SHA-256."""
    size, sha256 = 0, hashlib.sha256()
    while chunk := request.stream.read(1 << 16):
        size += len(chunk)
        if size > operation.max_bytes:
            raise _too_large(operation)
        sha256.update(chunk)
        file.write(chunk)
    file.seek(0)
    return sha256.digest()


def _too_large(operation: Operation) -> RequestError:
    return RequestError("body-too-large", f"A body has {operation.max_bytes} bytes at the most.")
