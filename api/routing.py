"""Makes each request one call of its operation's function.

Per request: authenticate -> load -> transaction -> call -> answer. The only reader of
flask.request.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import Response, request
from marshmallow import Schema, ValidationError
from psycopg_pool import ConnectionPool

from api import auth, bodies, queries, schemas
from api.answers import Rendered, render
from api.errors import Fault, Refusal, invalid, not_found
from api.spec import Operation

MAX_BODY = 1024 * 1024
"""Bytes of a body at the most."""

_CONTENT_TYPES = {
    "application/json": "application/json",
    "text/javascript": "text/javascript; charset=utf-8",
    "application/yaml": "application/yaml; charset=utf-8",
    "text/html": "text/html; charset=utf-8",
}
# The pages load nothing but the contract and the one script that shows it.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_STRAY_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def view(
    operation: Operation, function: Callable[..., Any], pool: ConnectionPool[queries.Connection]
) -> Callable[..., Response]:
    """The Flask view of an operation."""
    query_schema = schemas.parameters_schema(
        {p.name: (p.required, p.schema) for p in operation.parameters if p.place == "query"}
    )
    defaults = query_schema.load({})
    body_schema = schemas.body_schema(operation.body) if operation.body else None
    scope = operation.scope or ""
    if operation.writes and not scope:
        raise schemas.ContractError(f"{operation.id} writes and needs a scope")

    def load(path: Mapping[str, str]) -> dict[str, Any]:
        query = request.query_string
        return {**_path(path), **(_query(query_schema, query) if query else defaults)}

    def serve_without_database(**path: str) -> Response:
        return _answer(operation, render(None, operation, function(**load(path))))

    def read(**path: str) -> Response:
        arguments = load(path)
        with queries.translated(), pool.connection() as conn:
            rendered = render(conn, operation, function(conn=conn, **arguments))
        return _answer(operation, rendered)

    def read_as_caller(**path: str) -> Response:
        header = request.headers.get("Authorization")
        key = None if header is None else auth.read_key(header)
        with queries.translated(), pool.connection() as conn:
            caller = None if key is None else auth.authenticate(conn, key)
            arguments = load(path)
            rendered = render(conn, operation, function(conn=conn, caller=caller, **arguments))
        return _answer(operation, rendered)

    def write(**path: str) -> Response:
        # Before a connection is taken, which a slow client must not hold.
        if (request.content_length or 0) > MAX_BODY:
            raise _too_large()
        key = auth.read_key(request.headers.get("Authorization"))
        raw = request.get_data(cache=False)
        if len(raw) > MAX_BODY:
            raise _too_large()
        with queries.translated(), pool.connection() as conn:
            caller = auth.authenticate(conn, key)
            auth.authorize(caller, scope)
            arguments = load(path)
            if body_schema is not None:
                arguments["body"] = _body(body_schema, raw)
            with conn.transaction():
                rendered = render(conn, operation, function(conn=conn, caller=caller, **arguments))
        return _answer(operation, rendered)

    if operation.writes:
        return write
    if operation.key_is_optional:
        return read_as_caller
    takes_connection = "conn" in inspect.signature(function).parameters
    return read if takes_connection else serve_without_database


def _too_large() -> Refusal:
    return Refusal("body-too-large", f"A body has {MAX_BODY} bytes at the most.")


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
    return _load(schema, dict(pairs), *(Fault(f"/{name}", "Must be given once.") for name in twice))


def _body(schema: Schema, raw: bytes) -> Mapping[str, Any]:
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if (
        request.mimetype != "application/json"
        or charset != "utf-8"
        or "Content-Encoding" in request.headers
    ):
        raise Refusal(
            "unsupported-media-type", "Send the body as application/json, without an encoding."
        )
    return _load(schema, bodies.read(raw))


def _load(schema: Schema, data: Any, *found: Fault) -> Mapping[str, Any]:
    try:
        loaded: Mapping[str, Any] = schema.load(data)
    except ValidationError as error:
        raise invalid(*found, *schemas.faults(error)) from None
    if found:
        raise invalid(*found)
    return loaded


def _answer(operation: Operation, rendered: Rendered) -> Response:
    response = Response(
        rendered.body, operation.status, content_type=_CONTENT_TYPES[operation.media_type]
    )
    if operation.status == 201:
        path = operation.tag.replace("_", "-")
        response.headers["Location"] = f"/v1/{path}/{rendered.id}"
    if rendered.following:
        query = urlencode({**request.args, **rendered.following})
        response.headers["Link"] = f'<{request.path}?{query}>; rel="next"'
    if operation.media_type == "text/html":
        response.headers["Content-Security-Policy"] = _PAGE_POLICY
    return response
