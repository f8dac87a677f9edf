"""Requests read into the arguments of an operation, and the public URL of requests.

An error lists all invalid fields of the query, or of the body.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from keyword import iskeyword
from typing import Any, BinaryIO
from urllib.parse import quote, urlsplit

from flask import Request, request
from marshmallow import Schema, ValidationError

from api.contract import binding, document, fields, query_strings, schemas, strict_json
from api.contract.document import Operation
from api.errors import FieldError, RequestError, invalid, not_found
from api.pages.site import Address
from api.rendering import media_types

BODY = "constancia.body"
"""The place of a JSON body in the WSGI environment, once it is read."""

_FORMS = {"multipart/form-data", "application/x-www-form-urlencoded"}
_CHUNK_BYTES = 1 << 16


def current() -> Request:
    """Return the current request itself, instead of Flask's proxy for it.

    A look-up through the proxy takes 1 to 3 µs. A request makes about ten, and takes 75 µs in all.
    """
    return request._get_current_object()  # type: ignore[attr-defined, no-any-return]


class PublicUrl:
    """WSGI middleware that gives every request the scheme and the host of a URL.

    So no link is made from the Host header of a request, which a client chooses and a proxy may
    change, and no remembered response depends on it.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]], public_url: str) -> None:
        self._app = app
        url = urlsplit(public_url)
        self._environ = {
            "wsgi.url_scheme": url.scheme,
            "HTTP_HOST": url.netloc,
            "SCRIPT_NAME": "",
        }

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        environ |= self._environ
        return self._app(environ, start_response)


class Arguments:
    """The path and query parameters of an operation, and the media type of its response."""

    def __init__(self, operation: Operation, function: Callable[..., Any]) -> None:
        self._operation = operation
        self._combined = binding.combined(function)
        self._schema = query_strings.schema(operation)
        # marshmallow takes 16 to 80 µs to load an empty query, as long as the whole empty route.
        has_required = any(p.required for p in operation.parameters)
        self._defaults = None if has_required else self._schema.load({})
        # A chart has tables but no JSON, and its tables always have all items: it is no list.
        self._is_list = (
            any(p.name == "limit" for p in operation.parameters)
            and media_types.JSON in operation.media_types
            and bool(media_types.TABULAR.intersection(operation.media_types))
        )
        self._languages = [
            language
            for p in operation.parameters
            if p.name == "lang"
            # The first is the language of a request that accepts any.
            for language in sorted(p.schema["enum"], key=lambda it: it != p.schema.get("default"))
        ]
        self._keywords = [p.name for p in operation.arguments if iskeyword(p.name)]

    def load(self, request: Request, path: Mapping[str, str]) -> tuple[dict[str, Any], str]:
        """Return the arguments of the operation's function, and the media type.

        A parameter with the name of a Python keyword gets an underscore at its end. A list as rows
        of a table is complete without `limit`, which is None then. An operation with formats
        besides JSON and tables also takes the `media_type`, and one with absolute links the
        `base_url` of the service. A page also takes its `address`. Without `lang`, it has the
        language that the request prefers.

        Raises `validation-error`, `not-found` for an id that is not a UUID, or `not-acceptable`.
        """
        operation = self._operation
        raw, parameters = request.query_string, self._defaults
        if raw or parameters is None:
            parameters = query_strings.load(
                self._schema, raw, ignores_unknown=operation.ignores_unknown
            )
        arguments = {**_path(path), **parameters}
        media_type = media_types.choose(
            operation.media_types,
            arguments.pop("format", None),
            request.environ.get("HTTP_ACCEPT"),
        )
        if self._is_list and media_type in media_types.TABULAR and "limit" not in request.args:
            arguments["limit"] = None
        if arguments.pop("excel", False):
            if media_type != media_types.CSV:
                raise invalid(FieldError("/excel", "Is for CSV only: send format=csv, or omit it."))
            media_type = media_types.EXCEL_CSV
        if self._languages and "lang" not in request.args:
            arguments["lang"] = preferred_language(request, self._languages)
        if operation.has_formats:
            arguments["media_type"] = media_type
        if operation.is_page:
            arguments["address"] = address(request, self._schema.fields)
        if operation.takes_base_url:
            arguments["base_url"] = request.url_root
        for name in self._keywords:
            arguments[f"{name}_"] = arguments.pop(name)
        if self._combined:
            arguments = binding.combine(self._combined, arguments)
        return arguments, media_type


def _path(path: Mapping[str, str]) -> Mapping[str, Any]:
    if "id" not in path:
        return path
    try:
        return {**path, "id": fields.uuid(path["id"])}
    except ValidationError:
        raise not_found("record") from None


def address(request: Request, names: Collection[str]) -> Address:
    """Return the address of a page, with those parameters that have these names."""
    sent = {name: value for name, value in request.args.items() if value and name != "lang"}
    query = {name: value for name, value in sent.items() if name in names}
    known = _names_of_api()
    ignored = {name: value for name, value in sent.items() if name in known and name not in names}
    return Address(request.url_root, quote(request.path), query, ignored)


@cache
def _names_of_api() -> Collection[str]:
    """Return the query parameters of the API, without those of its display: `lang`, `time_zone`.

    A parameter that is no parameter of the API was added by another site.
    """
    reads = [
        o for o in document.load().operations if o.method == "get" and o.path.startswith("/v1/")
    ]
    names = {p.name for o in reads for p in o.parameters if p.location == "query"}
    return frozenset(names - {"lang", "time_zone"})


def preferred_language(request: Request, languages: Sequence[str]) -> str:
    """Return the language that a request prefers, the first if it prefers none."""
    return request.accept_languages.best_match(languages, languages[0])


def json_body(
    request: Request, schema: Schema, accepted: Sequence[str], raw: bytes
) -> Mapping[str, Any]:
    """Return the value of a JSON body.

    Raises `unsupported-media-type`, `malformed-json` or `validation-error`.
    """
    check_media_type(request, accepted)
    return load_body(request, schema, raw)


def load_body(request: Request, schema: Schema, raw: bytes) -> Mapping[str, Any]:
    """Return the value of a JSON body, and keep it: errors quote its parts."""
    value = request.environ[BODY] = strict_json.read(raw)
    return schemas.load(schema, value)


def check_media_type(request: Request, accepted: Sequence[str]) -> None:
    """Raise `unsupported-media-type` unless the body is one of these media types.

    CSV may be in any encoding of `CHARSETS`, anything else is in UTF-8.
    """
    charsets = media_types.CHARSETS if request.mimetype == media_types.CSV else ("utf-8",)
    is_plain = "Content-Encoding" not in request.headers
    if (
        request.mimetype not in accepted
        or charset(request) not in (None, *charsets)
        or not is_plain
    ):
        instead = (
            f"Send the body as {' or '.join(accepted)}, in {' or '.join(charsets)}, and without a "
            "content encoding."
        )
        if request.mimetype in _FORMS:
            instead += (
                " A form is not accepted: send the file or the object itself. With curl: "
                f"-H 'Content-Type: {accepted[0]}' --data-binary @FILE."
            )
        raise RequestError("unsupported-media-type", instead)


def charset(request: Request) -> str | None:
    """Return the encoding that the Content-Type names."""
    value = request.mimetype_params.get("charset")
    return value and value.lower()


def check_length(request: Request, operation: Operation) -> None:
    """Raise `body-too-large` by Content-Length alone, before the body is read."""
    if (request.content_length or 0) > operation.max_bytes:
        raise _too_large(operation)
    # Without Content-Length, Werkzeug reads up to this limit and raises nothing. It must read one
    # byte more than is allowed, so that `read` detects a longer body.
    request.max_content_length = operation.max_bytes + 1


def read(request: Request, operation: Operation) -> bytes:
    """Return the body. Raises `body-too-large`, or `malformed-request` if it ends early."""
    raw = request.get_data(cache=False)
    _check_received(request, len(raw))
    if len(raw) > operation.max_bytes:
        raise _too_large(operation)
    return raw


def spool(request: Request, operation: Operation, file: BinaryIO) -> bytes:
    """Write the body to a file, rewind it, and return its SHA-256.

    Raises `body-too-large`, or `malformed-request` if it ends early.
    """
    size, sha256 = 0, hashlib.sha256()
    while size <= operation.max_bytes and (chunk := request.stream.read(_CHUNK_BYTES)):
        size += len(chunk)
        sha256.update(chunk)
        file.write(chunk)
    _check_received(request, size)
    if size > operation.max_bytes:
        raise _too_large(operation)
    file.seek(0)
    return sha256.digest()


def _check_received(request: Request, size: int) -> None:
    """Note the length of a chunked body, on which the weight of the request depends.

    Raises `malformed-request` for a body that ends early, as when its client is killed (RFC 9112,
    section 8): gunicorn passes on what it got.
    """
    request.environ.setdefault("CONTENT_LENGTH", str(size))
    length = request.content_length or 0
    if size < length:
        raise RequestError(
            "malformed-request",
            f"The body ended after {size:,} of {length:,} bytes (Content-Length). Send it again.",
        )


def _too_large(operation: Operation) -> RequestError:
    return RequestError(
        "body-too-large",
        f"The body has more than the limit of {operation.max_bytes:,} bytes. "
        "Send less; divide a longer list.",
    )
