"""Makes each request one call of its operation's function.

Per request: authenticate -> load -> transaction -> call -> answer. Beside api/http/limiting.py
the only reader of flask.request.
"""

import hashlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from keyword import iskeyword
from tempfile import TemporaryFile
from typing import Any, cast
from uuid import UUID

from flask import Request, Response, request
from psycopg_pool import ConnectionPool

from api import access, auth
from api.contract import binding, schemas, strict_json
from api.contract.document import Operation
from api.database import queries
from api.errors import RequestError
from api.http import conditional, idempotency, requests, responses
from api.http.idempotency import Attempt
from api.records import canonical_ids
from api.rendering import bodies, etags, media_types, streaming
from api.rendering.bodies import Body
from api.rendering.results import Page, Record, Stream

# What can become another record, by how its path begins. Such an id still names what it became.
_MERGED = {"detainees": "detainee", "detentions": "detention", "release-events": "release_event"}
_IDEMPOTENCY_KEY = "Idempotency-Key"


def view(
    operation: Operation,
    function: Callable[..., Any],
    pool: ConnectionPool[queries.Connection],
    again: Callable[..., Any],
    own: Mapping[str, Any],
    admit: Callable[[UUID], None],
) -> Callable[..., Response]:
    """The Flask view of an operation; `again` reads what an upload made. What says of the service
    itself takes of its `own`, by name; `admit` refuses a key with which too much is asked."""
    query_schema = schemas.parameters_schema(
        {p.name: (p.required, p.schema) for p in operation.parameters if p.place == "query"}
    )
    header_schema = schemas.parameters_schema(
        {p.name: (p.required, p.schema) for p in operation.parameters if p.name == _IDEMPOTENCY_KEY}
    )
    defaults = None if any(p.required for p in operation.parameters) else query_schema.load({})
    body_schema = schemas.body_schema(operation.body) if operation.body else None
    scope = operation.scope or ""
    if operation.writes and not scope:
        raise schemas.ContractError(f"{operation.id} writes and needs a scope")

    mergeable = _MERGED.get(operation.path.removeprefix("/v1/").partition("/")[0])
    taken = inspect.signature(function).parameters
    own = {name: value for name, value in own.items() if name in taken}
    has_forms = operation.has_forms
    # Words that Python keeps for itself.
    keywords = [p.name for p in operation.arguments if iskeyword(p.name)]
    groups = binding.groups(function)

    def load(path: Mapping[str, str]) -> tuple[dict[str, Any], str]:
        asked = _request()
        query = asked.query_string
        given = requests.query(query_schema, query) if query or defaults is None else defaults
        arguments = {**requests.path(path), **given}
        word = arguments.pop("format", None)
        media_type = media_types.choose(operation.offers, word, asked.environ.get("HTTP_ACCEPT"))
        if has_forms:
            arguments["media_type"] = media_type
            arguments["base_url"] = request.url_root
        if "limit" in arguments and media_type in media_types.TABULAR and "limit" not in asked.args:
            arguments["limit"] = None
        for name in keywords:
            arguments[f"{name}_"] = arguments.pop(name)
        return binding.group(groups, arguments), media_type

    def serve_without_database(**path: str) -> Response:
        arguments, media_type = load(path)
        answer = bodies.render_answer(operation, function(**arguments, **own), media_type)
        return responses.whole(_request(), operation, answer, media_type)

    def read(**path: str) -> Response:
        arguments, media_type = load(path)
        with queries.Lent(pool) as conn, followed(conn, arguments):
            result = function(conn=conn, **arguments)
            answer = _answer(conn, operation, result, media_type, sees_hidden=False)
        return respond(result, answer, media_type)

    def read_as_caller(**path: str) -> Response:
        header = request.environ.get("HTTP_AUTHORIZATION")
        key = None if header is None else auth.read_key(header)
        with queries.Lent(pool) as conn:
            caller = None if key is None else known(conn, key)
            arguments, media_type = load(path)
            with followed(conn, arguments):
                result = function(conn=conn, caller=caller, **arguments)
                sees_hidden = access.sees_hidden(caller)
                answer = _answer(conn, operation, result, media_type, sees_hidden=sees_hidden)
        return respond(result, answer, media_type)

    def known(conn: queries.Connection, key: str) -> access.Caller:
        caller = auth.authenticate(conn, key)
        admit(caller.key_id)
        return caller

    def followed(
        conn: queries.Connection, arguments: Mapping[str, Any]
    ) -> AbstractContextManager[None]:
        """Sends on who asks for a record by the id of one that was merged into it."""
        if mergeable is None or "id" not in arguments:
            return nullcontext()
        return sent_on(conn, mergeable, arguments)

    @contextmanager
    def sent_on(
        conn: queries.Connection, mergeable: str, arguments: Mapping[str, Any]
    ) -> Iterator[None]:
        try:
            yield
        except RequestError as refusal:
            if refusal.slug != "not-found":
                raise
            moment = arguments.get("recorded_as_of")
            into = canonical_ids.surviving_id(conn, mergeable, arguments["id"], moment)
            if into is None:
                raise
            raise _MergedError(into) from None

    def following(answer: Callable[..., Response]) -> Callable[..., Response]:
        def answer_or_send_on(**path: str) -> Response:
            try:
                return answer(**path)
            except _MergedError as merged:
                return responses.merged(request, operation, str(merged.into))

        return answer_or_send_on

    def respond(result: Any, answer: Body | str | None, media_type: str) -> Response:
        if isinstance(answer, Body):
            return responses.whole(_request(), operation, answer, media_type)

        def blocks() -> Iterator[bytes]:
            stream = result
            if isinstance(result, Page):
                stream = streaming.of_list(operation, result, media_type)
            return streaming.encoded(operation, media_type, stream.blocks(pool))

        return responses.of(_request(), operation, blocks, answer, media_type)

    def upload(**path: str) -> Response:
        # Whoever may not write is told so before a large body is read, and no connection is held
        # meanwhile.
        key = auth.read_key(request.environ.get("HTTP_AUTHORIZATION"))
        with queries.Lent(pool) as conn:
            caller = known(conn, key)
        access.authorize(caller, scope)
        requests.check_length(request, operation)
        arguments, media_type = load(path)
        requests.check_media_type(request, operation.uploads)
        with TemporaryFile() as file:
            sha256 = requests.spool(request, operation, file)
            if body_schema is None:
                arguments["body"] = strict_json.Upload(request.mimetype, file)
            else:
                arguments["body"] = schemas.load(body_schema, strict_json.read(file.read()))
            attempt = attempted(caller, sha256)
            with (
                queries.Lent(pool) as conn,
                idempotency.alone(conn, attempt),
            ):
                first = idempotency.recall(conn, attempt)
                if first:
                    result = again(conn=conn, caller=caller, id=first.resource_id)
                else:
                    # In transactions of its own. If it comes again because this one is cut off, a
                    # preview is made anew, and what was applied stays as it is.
                    result = function(conn=conn, caller=caller, **arguments)
                    idempotency.keep(conn, attempt, result.id, None)
        response = respond(result, None, media_type)
        if operation.status == 201:
            responses.locate(response, operation, result.id)
        return responses.replayed(response) if first else response

    def write(**path: str) -> Response:
        key = auth.read_key(request.environ.get("HTTP_AUTHORIZATION"))
        # Before a connection is taken, which a slow client must not hold.
        requests.check_length(request, operation)
        raw = requests.read(request, operation)
        with queries.Lent(pool) as conn:
            caller = known(conn, key)
            access.authorize(caller, scope)
            arguments, media_type = load(path)
            attempt = attempted(caller, raw)
            if body_schema is not None:
                arguments["body"] = requests.body(request, body_schema, raw)
            if "unchanged" in taken:
                arguments["unchanged"] = partial(check_unchanged, conn)
            with (
                followed(conn, arguments),
                idempotency.alone(conn, attempt),
                conn.transaction(),
            ):
                first = idempotency.recall(conn, attempt)
                if first:
                    answer = bodies.exact(first.body, id=str(first.resource_id))
                else:
                    result = function(conn=conn, caller=caller, **arguments)
                    answer = bodies.render(conn, operation, result, media_type)
                    idempotency.keep(conn, attempt, answer.id, answer.content)
        response = responses.whole(request, operation, answer, media_type)
        return responses.replayed(response) if first else response

    def attempted(caller: access.Caller, raw: bytes) -> Attempt | None:
        """The write as one that may come again, if the caller has a key for that."""
        given = request.headers.get(_IDEMPOTENCY_KEY)
        if given is None or not operation.is_retriable:
            return None
        key = schemas.load(header_schema, {_IDEMPOTENCY_KEY: given})[_IDEMPOTENCY_KEY]
        digest = hashlib.sha256(request.query_string + b"\0" + raw).digest()
        return Attempt(caller.key_id, request.path, idempotency.read_key(key), digest)

    def check_unchanged(conn: queries.Connection, record: Record) -> None:
        if "If-Match" in request.headers:
            # Nobody is shown it.
            etag = bodies.render(
                conn, operation, replace(record, reader=None), media_types.JSON
            ).etag
            responses.check_unchanged(request, etag)

    if operation.uploads:
        return upload
    if operation.writes:
        return following(write)
    if operation.key_is_optional:
        return following(read_as_caller)
    return following(read) if "conn" in taken else serve_without_database


def _request() -> Request:
    """The request itself, for who has several questions to it: each to the proxy is looked up."""
    return cast(Any, request)._get_current_object()  # type: ignore[no-any-return]


class _MergedError(Exception):
    """What was asked for by its old id is another record now."""

    def __init__(self, into: UUID) -> None:
        super().__init__()
        self.into = into


def _answer(
    conn: queries.Connection,
    operation: Operation,
    result: Any,
    media_type: str,
    *,
    sees_hidden: bool,
) -> Body | str | None:
    """Return the body of a result; of a stream only its entity tag, if it has one."""
    if isinstance(result, Stream) or (isinstance(result, Page) and result.limit is None):
        own = result.version if isinstance(result, Stream) else b""
        of = [request.full_path.encode(), media_type.encode(), b"%d" % sees_hidden, own]
        version = conditional.version(conn, sees_hidden=sees_hidden)
        return None if version is None else etags.strong(b"%d" % version, *of)
    return bodies.render(conn, operation, result, media_type)
