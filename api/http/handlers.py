"""Pipelines: each turns a request into one call of its operation and one response.

A pipeline is a class whose `handle` reads from top to bottom. `handler` chooses it by the
operation's properties in the contract:

- `PublicRead`: a read with the same response for all callers;
- `CallerRead`: a read whose response depends on the caller, who may have no key unless the contract
  requires a scope;
- `Write`: a change with a JSON body, in one transaction;
- `Upload`: a file, in transactions of its own;
- `ServiceRead`: a read about the service itself, without a connection.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryFile
from typing import Any, BinaryIO, NamedTuple, Protocol
from uuid import UUID

from flask import Request, Response
from psycopg_pool import ConnectionPool

from api import access, auth
from api.contract import binding, schemas
from api.contract.document import ContractError, Operation
from api.database import queries
from api.database.bulkhead import Bulkhead, paced
from api.errors import RequestError
from api.http import conditional, idempotency, requests, responses
from api.http.rate_limits import RateLimits
from api.identity import canonical_ids
from api.operations.service import Service
from api.rendering import bodies, streaming
from api.rendering.bodies import Body
from api.rendering.results import Page, Result, Stream

Function = Callable[..., Any]
"""The function of an operation. It returns a result."""
Responder = Callable[[ConnectionPool[queries.Connection]], Response]
"""Returns the response of a request, on a pool of connections."""

# The resources that can be merged, by the first step of their paths.
_MERGEABLE = {
    "detainees": "detainee",
    "people": "detainee",
    "detentions": "detention",
    "release-events": "release_event",
    "releases": "release_event",
    "sources": "source",
}


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The pools, the limits and the address of the service, which all handlers share."""

    pool: ConnectionPool[queries.Connection]
    rate_limits: RateLimits | None = None
    bulkhead: Bulkhead | None = None
    public_url: str | None = None

    def authenticate(self, conn: queries.Connection, key: str) -> access.Caller:
        """Return the holder of a key, and count the request for it.

        Raises `unauthenticated` or `quota-exceeded`.
        """
        caller = auth.authenticate(conn, key)
        if self.rate_limits:
            self.rate_limits.count_key(key)
        return caller

    def count_work(self, request: Request) -> None:
        """Count the weight of a request whose work begins: a refusal before counts as one."""
        if self.rate_limits:
            self.rate_limits.count_work(request)

    def respond_apart(
        self, request: Request, caller: access.Caller | None, receive: Callable[[], Responder]
    ) -> Response:
        """Return the response of a heavy request, which holds a slot until it has been sent.

        `receive` reads the rest of the request, within the slot and before the turn. Called without
        a connection. Raises `too-many-heavy-requests` or `busy`.
        """
        if self.bulkhead is None or self.rate_limits is None:
            self.count_work(request)
            return receive()(self.pool)
        tag = caller.key_id.bytes if caller else self.rate_limits.address(request.environ)
        with ExitStack() as stack:
            turn = stack.enter_context(self.bulkhead.slot(tag))
            self.count_work(request)
            respond = receive()
            with turn():
                response = respond(self.bulkhead.pool)
            if response.is_streamed:
                response.response = paced(response.iter_encoded(), turn)
            response.call_on_close(stack.pop_all().close)
        return response


class Handler(Protocol):
    """Handles the requests of one operation."""

    def handle(self, request: Request, path: Mapping[str, str]) -> Response:
        """Return the response to a request. `path` holds the parameters of its path."""
        ...


def handler(
    operation: Operation,
    function: Function,
    read_back: Function | None,
    dependencies: Dependencies,
    service: Service,
) -> Handler:
    """Return the handler of an operation. `read_back` reads the result of an upload."""
    if operation.tag == "service":
        return ServiceRead(operation, function, service)
    if read_back is not None:
        return Upload(operation, function, read_back, dependencies)
    if operation.writes:
        return Write(operation, function, dependencies)
    if operation.key_is_optional or operation.scope is not None:
        return CallerRead(operation, function, dependencies)
    return PublicRead(operation, function, dependencies)


class ServiceRead:
    """A read about the service itself. It takes no connection."""

    def __init__(self, operation: Operation, function: Function, service: Service) -> None:
        self._operation = operation
        self._function = function
        self._service = service
        self._arguments = requests.Arguments(operation, function)

    def handle(self, request: Request, path: Mapping[str, str]) -> Response:
        arguments, media_type = self._arguments.load(request, path)
        answer = self._function(service=self._service, **arguments)
        body = bodies.render_answer(self._operation, answer, media_type)
        return responses.body_response(request, self._operation, body, media_type)


class CallerRead:
    """A read whose response depends on the caller. Without a scope, a key is optional."""

    _depends_on_caller = True

    def __init__(
        self, operation: Operation, function: Function, dependencies: Dependencies
    ) -> None:
        self._operation = operation
        self._function = function
        self._dependencies = dependencies
        self._arguments = requests.Arguments(operation, function)

    def handle(self, request: Request, path: Mapping[str, str]) -> Response:
        operation, pool = self._operation, self._dependencies.pool
        authorization = request.headers.get("Authorization")
        needs_key = authorization is not None or operation.scope is not None
        key = auth.read_key(authorization) if needs_key else None
        with queries.borrowed_connection(pool) as conn:
            caller = None if key is None else self._dependencies.authenticate(conn, key)
            if caller is not None and operation.scope is not None:
                access.authorize(caller, operation.scope)
            arguments, media_type = self._arguments.load(request, path)
            function, sees_hidden = self._function, False
            if self._depends_on_caller:
                function, sees_hidden = partial(function, caller=caller), access.sees_hidden(caller)
            read = _Read(
                request,
                operation,
                function,
                arguments,
                media_type,
                sees_hidden,
                self._dependencies.public_url,
            )
            content = None
            if not _is_heavy(operation, arguments):
                self._dependencies.count_work(request)
                content = read.content(conn)
        if content is None:
            return self._dependencies.respond_apart(request, caller, lambda: read.respond)
        return read.response(pool, content)


class PublicRead(CallerRead):
    """A read with the same response for all callers. A key that is sent must be valid."""

    _depends_on_caller = False


class Write:
    """A change, in one transaction. A retry gets the response of the first attempt."""

    def __init__(
        self, operation: Operation, function: Function, dependencies: Dependencies
    ) -> None:
        self._operation = operation
        self._function = function
        self._dependencies = dependencies
        self._scope = _scope(operation)
        self._arguments = requests.Arguments(operation, function)
        self._attempts = idempotency.Attempts(operation)
        self._body_schema = (
            schemas.body_schema(operation.body, operation.read_only) if operation.body else None
        )
        self._find_duplicates = getattr(function, "find_duplicates", None)
        self._prepare = getattr(function, "prepare", None)

    def handle(self, request: Request, path: Mapping[str, str]) -> Response:
        operation = self._operation
        key = auth.read_key(request.headers.get("Authorization"))
        # The body is read before a connection is taken, so that a slow client holds none.
        requests.check_length(request, operation)
        raw = requests.read(request, operation)
        with queries.borrowed_connection(self._dependencies.pool) as conn:
            caller = self._dependencies.authenticate(conn, key)
            access.authorize(caller, self._scope)
            if not operation.is_heavy:
                self._dependencies.count_work(request)
                return self._write(conn, request, path, raw, caller)

        def respond(pool: ConnectionPool[queries.Connection]) -> Response:
            with queries.borrowed_connection(pool) as conn:
                return self._write(conn, request, path, raw, caller)

        return self._dependencies.respond_apart(request, caller, lambda: respond)

    def _write(
        self,
        conn: queries.Connection,
        request: Request,
        path: Mapping[str, str],
        raw: bytes,
        caller: access.Caller,
    ) -> Response:
        operation = self._operation
        arguments, media_type = self._arguments.load(request, path)
        attempt = self._attempts.read(request, caller, raw)
        if self._body_schema is not None:
            arguments["body"] = requests.json_body(
                request, self._body_schema, operation.body_media_types, raw
            )
        if operation.method == "patch":
            arguments["precondition"] = partial(
                conditional.check_precondition, conn, request, operation
            )
        if self._prepare is not None and idempotency.find(conn, attempt) is None:
            arguments["body"] = self._prepare(conn=conn, **arguments)
        try:
            with conn.transaction():
                idempotency.lock(conn, attempt)
                first = idempotency.find(conn, attempt)
                if first:
                    body = bodies.exact(
                        first.body, id=str(first.resource_id), is_proposal=first.is_proposal
                    )
                else:
                    result = self._function(conn=conn, caller=caller, **arguments)
                    public_url = self._dependencies.public_url
                    body = bodies.render(conn, operation, result, media_type, public_url)
                    idempotency.store(
                        conn, attempt, body.id, body.content, is_proposal=body.is_proposal
                    )
        except RequestError as error:
            return _redirect(conn, request, operation, arguments, error)
        if self._find_duplicates is not None:
            duplicates = self._find_duplicates(
                conn=conn, caller=caller, id=UUID(body.id), body=arguments["body"]
            )
            body = bodies.with_possible_duplicates(operation, body, duplicates)
        response = responses.body_response(request, operation, body, media_type)
        return responses.mark_replayed(response) if first else response


class Upload:
    """A large body, spooled to a file, of an operation that takes several transactions.

    A retry of an interrupted upload makes a new preview. An import that was applied stays applied.
    """

    def __init__(
        self,
        operation: Operation,
        function: Function,
        read_back: Function,
        dependencies: Dependencies,
    ) -> None:
        self._operation = operation
        self._function = function
        self._read_back = read_back
        self._dependencies = dependencies
        self._scope = _scope(operation)
        self._arguments = requests.Arguments(operation, function)
        self._attempts = idempotency.Attempts(operation)
        self._body_schema = schemas.body_schema(operation.body) if operation.body else None

    def handle(self, request: Request, path: Mapping[str, str]) -> Response:
        operation, pool = self._operation, self._dependencies.pool
        # Read a large body only for a key of the right scope, and hold no connection meanwhile.
        key = auth.read_key(request.headers.get("Authorization"))
        with queries.borrowed_connection(pool) as conn:
            caller = self._dependencies.authenticate(conn, key)
        access.authorize(caller, self._scope)
        requests.check_length(request, operation)
        arguments, media_type = self._arguments.load(request, path)
        requests.check_media_type(request, operation.upload_media_types)
        with TemporaryFile() as file:

            def receive() -> Responder:
                # Admitted before the body is read, so that a refusal costs little.
                sha256 = requests.spool(request, operation, file)
                return partial(self._upload, request, caller, arguments, media_type, file, sha256)

            return self._dependencies.respond_apart(request, caller, receive)

    def _upload(
        self,
        request: Request,
        caller: access.Caller,
        arguments: dict[str, Any],
        media_type: str,
        file: BinaryIO,
        sha256: bytes,
        pool: ConnectionPool[queries.Connection],
    ) -> Response:
        operation = self._operation
        if self._body_schema is None:
            arguments["body"] = binding.UploadedFile(
                request.mimetype, file, requests.charset(request)
            )
        else:
            arguments["body"] = requests.load_body(request, self._body_schema, file.read())
        attempt = self._attempts.read(request, caller, sha256)
        with queries.borrowed_connection(pool) as conn, idempotency.session_lock(conn, attempt):
            first = idempotency.find(conn, attempt)
            if first:
                result = self._read_back(conn=conn, caller=caller, id=first.resource_id)
            else:
                result = self._function(conn=conn, caller=caller, **arguments)
                idempotency.store(conn, attempt, result.id, None)
        response = responses.block_response(
            request,
            operation,
            lambda: streaming.encoded(operation, media_type, result.blocks(pool), None),
            None,
            media_type,
        )
        if operation.location is not None:
            responses.locate(response, operation.location, result.id)
        return responses.mark_replayed(response) if first else response


def _is_heavy(operation: Operation, arguments: Mapping[str, Any]) -> bool:
    """Return whether a request is heavy by its operation, or since it asks for a complete list."""
    return operation.is_heavy or arguments.get("limit", 0) is None


class _Tagged(NamedTuple):
    """A stream and its entity tag, if it has one."""

    stream: Stream
    etag: str | None


class _Read(NamedTuple):
    """A read whose arguments are loaded."""

    request: Request
    operation: Operation
    function: Function
    arguments: Mapping[str, Any]
    media_type: str
    sees_hidden: bool
    public_url: str | None

    def content(self, conn: queries.Connection) -> Body | _Tagged | Response:
        """Return the content of the response, or a redirect to the surviving record."""
        try:
            result = self.function(conn=conn, **self.arguments)
            return self._rendered(conn, result)
        except RequestError as error:
            return _redirect(conn, self.request, self.operation, self.arguments, error)

    def respond(self, pool: ConnectionPool[queries.Connection]) -> Response:
        """Return the response, on a pool."""
        with queries.borrowed_connection(pool) as conn:
            content = self.content(conn)
        return self.response(pool, content)

    def response(
        self, pool: ConnectionPool[queries.Connection], content: Body | _Tagged | Response
    ) -> Response:
        """Return the response, after the request has given its connection back to the pool."""
        if isinstance(content, Response):
            return content
        if isinstance(content, Body):
            return responses.body_response(self.request, self.operation, content, self.media_type)
        return responses.block_response(
            self.request,
            self.operation,
            lambda: streaming.encoded(
                self.operation, self.media_type, content.stream.blocks(pool), self.public_url
            ),
            content.etag,
            self.media_type,
        )

    def _rendered(self, conn: queries.Connection, result: Result) -> Body | _Tagged:
        """Return the body of a result, or its stream if it is too long to be held in memory."""
        if isinstance(result, Page) and result.limit is None:
            result = streaming.of_list(self.operation, result, self.media_type)
        if not isinstance(result, Stream):
            return bodies.render(conn, self.operation, result, self.media_type, self.public_url)
        etag = conditional.stream_etag(
            conn, self.request, self.media_type, result.version, sees_hidden=self.sees_hidden
        )
        return _Tagged(result, etag)


def _redirect(
    conn: queries.Connection,
    request: Request,
    operation: Operation,
    arguments: Mapping[str, Any],
    error: RequestError,
) -> Response:
    """Return the redirect to the surviving record of an id that was merged, or raise the error."""
    resource = _MERGEABLE.get(operation.path.removeprefix("/v1").split("/")[1])
    if error.slug == "not-found" and resource is not None and "id" in arguments:
        moment = arguments.get("recorded_as_of")
        surviving_id = canonical_ids.surviving_id(conn, resource, arguments["id"], moment)
        if surviving_id is not None:
            return responses.redirect(request, operation, str(surviving_id))
    raise error


def _scope(operation: Operation) -> str:
    if operation.scope is None:
        raise ContractError(f"{operation.id} writes and needs a scope")
    return operation.scope
