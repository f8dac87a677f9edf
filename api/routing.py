"""Makes each request one call of its operation's function.

Per request: authenticate -> load -> transaction -> call -> answer. The only reader of
flask.request.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from keyword import iskeyword
from tempfile import TemporaryFile
from typing import Any, BinaryIO
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from flask import Response, request
from marshmallow import Schema, ValidationError
from psycopg_pool import ConnectionPool

from api import auth, bodies, entries, exports, formats, queries, schemas, streams
from api.answers import Document, Export, Page, Rendered, Whole, cite_as, render
from api.errors import Fault, Refusal, invalid, not_found
from api.spec import Operation

# The pages load nothing but the contract and the one script that shows it.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# What can become another record, by how its path begins. Such an id still names what it became.
_MERGED = {"detainees": "detainee", "detentions": "detention", "release-events": "release_event"}
_STRAY_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def view(
    operation: Operation, function: Callable[..., Any], pool: ConnectionPool[queries.Connection]
) -> Callable[..., Response]:
    """The Flask view of an operation."""
    query_schema = schemas.parameters_schema(
        {p.name: (p.required, p.schema) for p in operation.parameters if p.place == "query"}
    )
    defaults = None if any(p.required for p in operation.parameters) else query_schema.load({})
    body_schema = schemas.body_schema(operation.body) if operation.body else None
    scope = operation.scope or ""
    if operation.writes and not scope:
        raise schemas.ContractError(f"{operation.id} writes and needs a scope")

    mergeable = _MERGED.get(operation.path.removeprefix("/v1/").partition("/")[0])
    takes_connection = "conn" in inspect.signature(function).parameters
    takes_media_type = "media_type" in inspect.signature(function).parameters

    def load(path: Mapping[str, str]) -> tuple[dict[str, Any], str]:
        query = request.query_string
        given = _query(query_schema, query) if query or defaults is None else defaults
        arguments = {**_path(path), **given}
        word = arguments.pop("format", None)
        media_type = formats.choose(operation.offers, word, request.headers.get("Accept"))
        if takes_media_type:
            arguments["media_type"] = media_type
        # Words that Python keeps for itself.
        return {f"{n}_" if iskeyword(n) else n: v for n, v in arguments.items()}, media_type

    def serve_without_database(**path: str) -> Response:
        arguments, media_type = load(path)
        return _answer(operation, render(None, operation, function(**arguments)), media_type)

    def read(**path: str) -> Response:
        arguments, media_type = load(path)
        with queries.translated(), pool.connection() as conn, followed(conn, arguments):
            result = function(conn=conn, **arguments)
            rendered = _rendered(conn, operation, result, media_type)
        return answer(result, rendered, media_type)

    def read_as_caller(**path: str) -> Response:
        header = request.headers.get("Authorization")
        key = None if header is None else auth.read_key(header)
        with queries.translated(), pool.connection() as conn:
            caller = None if key is None else auth.authenticate(conn, key)
            arguments, media_type = load(path)
            with followed(conn, arguments):
                result = function(conn=conn, caller=caller, **arguments)
                rendered = _rendered(conn, operation, result, media_type)
        return answer(result, rendered, media_type)

    @contextmanager
    def followed(conn: queries.Connection, arguments: Mapping[str, Any]) -> Iterator[None]:
        """Sends on who asks for a record by the id of one that was merged into it."""
        try:
            yield
        except Refusal as refusal:
            if refusal.kind != "not-found" or mergeable is None or "id" not in arguments:
                raise
            moment = arguments.get("recorded_as_of")
            into = entries.merged_into(conn, mergeable, arguments["id"], moment)
            if into is None:
                raise
            raise _MergedError(into) from None

    def following(answer: Callable[..., Response]) -> Callable[..., Response]:
        """For the time being (RFC 9110, 15.4.8), since a merge can be undone, and with the same
        method: whoever follows does what was meant."""

        def answer_or_send_on(**path: str) -> Response:
            try:
                return answer(**path)
            except _MergedError as merged:
                location = operation.path.replace("{id}", str(merged.into))
                query = request.query_string.decode("ascii")
                response = Response(status=307)
                response.headers["Location"] = f"{location}?{query}" if query else location
                return response

        return answer_or_send_on

    def answer(result: Any, rendered: Rendered | None, media_type: str) -> Response:
        if rendered is not None:
            return _answer(operation, rendered, media_type)
        if isinstance(result, Whole):
            return whole(result, media_type)
        if isinstance(result, Export):
            blocks = exports.stream(pool, result)
        else:
            blocks = streams.stream(pool, operation, result, media_type)
        return _described(Response(blocks), operation, media_type)

    def whole(result: Whole, media_type: str) -> Response:
        blocks = Response(streams.whole(pool, operation, result), operation.status)
        return _located(_described(blocks, operation, media_type), operation, result.id)

    def upload(**path: str) -> Response:
        if (request.content_length or 0) > operation.max_bytes:
            raise _too_large(operation)
        # Whoever may not write is told so before a large body is read, and no connection is held
        # meanwhile.
        key = auth.read_key(request.headers.get("Authorization"))
        with queries.translated(), pool.connection() as conn:
            caller = auth.authenticate(conn, key)
        auth.authorize(caller, scope)
        arguments, media_type = load(path)
        _check_media_type(operation.uploads)
        with TemporaryFile() as file:
            _spool(operation, file)
            arguments["body"] = bodies.Upload(request.mimetype, file)
            with queries.translated(), pool.connection() as conn:
                result = function(conn=conn, caller=caller, **arguments)
        return whole(result, media_type)

    def write(**path: str) -> Response:
        # Before a connection is taken, which a slow client must not hold.
        if (request.content_length or 0) > operation.max_bytes:
            raise _too_large(operation)
        key = auth.read_key(request.headers.get("Authorization"))
        # One byte more: of a body without its length Werkzeug reads just so much, and says nothing.
        request.max_content_length = operation.max_bytes + 1
        raw = request.get_data(cache=False)
        if len(raw) > operation.max_bytes:
            raise _too_large(operation)
        with queries.translated(), pool.connection() as conn:
            caller = auth.authenticate(conn, key)
            auth.authorize(caller, scope)
            arguments, media_type = load(path)
            if body_schema is not None:
                arguments["body"] = _body(body_schema, raw)
            with followed(conn, arguments), conn.transaction():
                rendered = render(conn, operation, function(conn=conn, caller=caller, **arguments))
        return _answer(operation, rendered, media_type)

    if operation.uploads:
        return upload
    if operation.writes:
        return following(write)
    if operation.key_is_optional:
        return following(read_as_caller)
    return following(read) if takes_connection else serve_without_database


class _MergedError(Exception):
    """What was asked for by its old id is another record now."""

    def __init__(self, into: UUID) -> None:
        super().__init__()
        self.into = into


def _too_large(operation: Operation) -> Refusal:
    return Refusal("body-too-large", f"A body has {operation.max_bytes} bytes at the most.")


def _spool(operation: Operation, file: BinaryIO) -> None:
    """The body as a file, to be read from its beginning."""
    request.max_content_length = operation.max_bytes + 1
    size = 0
    while chunk := request.stream.read(1 << 16):
        size += len(chunk)
        if size > operation.max_bytes:
            raise _too_large(operation)
        file.write(chunk)
    file.seek(0)


def _path(path: Mapping[str, str]) -> Mapping[str, Any]:
    """Path parameters. An id that cannot be one names nothing that there is."""
    if "id" not in path:
        return path
    try:
        return {**path, "id": schemas.uuid(path["id"])}
    except ValidationError:
        raise not_found("record") from None


def _query(schema: Schema, raw: bytes) -> Mapping[str, Any]:
    try:
        if _STRAY_PERCENT.search(raw):
            raise ValueError
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError:
        raise invalid(Fault("", "The query is not percent-encoded UTF-8.")) from None
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    return schemas.load(
        schema, dict(pairs), *(Fault(f"/{name}", "Must be given once.") for name in twice)
    )


def _body(schema: Schema, raw: bytes) -> Mapping[str, Any]:
    _check_media_type([formats.JSON])
    return schemas.load(schema, bodies.read(raw))


def _check_media_type(taken: Sequence[str]) -> None:
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.mimetype not in taken or charset != "utf-8" or "Content-Encoding" in request.headers:
        raise Refusal(
            "unsupported-media-type", f"Send the body as {' or '.join(taken)}, without an encoding."
        )


def _rendered(
    conn: queries.Connection, operation: Operation, result: Any, media_type: str
) -> Rendered | None:
    """An answer in this media type; None for what is to be streamed: a list, a whole, an export."""
    if isinstance(result, Export | Whole):
        return None
    if isinstance(result, Document):
        return Rendered(result.write(request.url_root))
    if media_type not in formats.TABULAR:
        return render(conn, operation, result)
    if isinstance(result, Page) and "limit" not in request.args:
        return None
    if isinstance(result, Page):
        return streams.page_of_rows(conn, operation, result, media_type)
    return Rendered(streams.rows(operation, result, media_type), cite_as=cite_as(result))


def _answer(operation: Operation, rendered: Rendered, media_type: str) -> Response:
    response = _described(Response(rendered.body, operation.status), operation, media_type)
    _located(response, operation, rendered.id)
    if rendered.following:
        query = urlencode({**request.args, **rendered.following})
        response.headers["Link"] = f'<{request.path}?{query}>; rel="next"'
    if rendered.cite_as is not None:
        # RFC 8574
        response.headers["Link"] = f'<{rendered.cite_as}>; rel="cite-as"'
    if media_type == "text/html":
        response.headers["Content-Security-Policy"] = _PAGE_POLICY
    return response


def _located(response: Response, operation: Operation, id: str | None) -> Response:
    if operation.status == 201:
        path = operation.tag.replace("_", "-")
        response.headers["Location"] = f"/v1/{path}/{id}"
    return response


def _described(response: Response, operation: Operation, media_type: str) -> Response:
    response.headers["Content-Type"] = formats.CONTENT_TYPES[media_type]
    if len(operation.offers) > 1:
        response.headers["Vary"] = "Accept"
    if media_type == formats.CSV:
        name = operation.tag.replace("_", "-")
        response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response
