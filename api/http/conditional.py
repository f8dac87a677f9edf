"""Conditional requests (RFC 9110, section 13): If-Match, If-None-Match, and 304 from memory."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from threading import Lock
from time import time
from typing import Any, NamedTuple

from flask import Request, Response
from psycopg import generators
from psycopg.pq import DiagnosticField
from psycopg_pool import ConnectionPool
from werkzeug.http import unquote_etag

from api import trace
from api.contract.document import Operation
from api.database import queries
from api.errors import RequestError
from api.http import rate_limits
from api.rendering import bodies, etags, media_types
from api.rendering.results import Record

_CACHE_ENTRIES = 4096
_MAX_KEY_LENGTH = 1000
_AGING_SECONDS = 900
_POOL_TIMEOUT_SECONDS = 0.05


def not_modified(
    request: Request, etag: str, headers: Sequence[tuple[str, str]]
) -> Response | None:
    """Return a 304 response if If-None-Match names the entity tag, else None.

    `headers` are those of the 200 response without Link, which a 304 need not repeat (RFC 9110,
    section 15.4.5). Raises `precondition-failed`.
    """
    check_if_match(request, etag)
    if "HTTP_IF_NONE_MATCH" not in request.environ:
        return None
    opaque, _ = unquote_etag(etag)
    if not request.if_none_match.contains_weak(opaque):
        return None
    return Response(status=304, headers=list(headers))


def check_if_match(request: Request, etag: str) -> None:
    """Raise `precondition-failed` unless If-Match is absent, `*`, or names a strong entity tag."""
    if "HTTP_IF_MATCH" not in request.environ:
        return
    opaque, is_weak = unquote_etag(etag)
    expected = request.if_match
    if not expected.star_tag and (is_weak or not expected.contains(opaque)):
        raise RequestError(
            "precondition-failed",
            "The record has changed since you read it (If-Match). Fetch it again and retry.",
        )


def check_precondition(
    conn: queries.Connection, request: Request, operation: Operation, record: Record
) -> None:
    """Raise `precondition-failed` if a record is not in the state that If-Match names."""
    if "HTTP_IF_MATCH" in request.environ:
        # Without a reader, the ledger notes no reading: the body is not sent.
        unread = replace(record, reader=None)
        check_if_match(request, bodies.render(conn, operation, unread, media_types.JSON).etag)


def stream_etag(
    conn: queries.Connection,
    request: Request,
    media_type: str,
    version: bytes,
    *,
    sees_hidden: bool,
) -> str | None:
    """Return the entity tag of a streamed body; None while time alone can change it."""
    seq = _ledger_seq(conn, sees_hidden=sees_hidden)
    if seq is None:
        return None
    path = request.full_path.encode()
    return etags.strong(b"%d" % seq, path, media_type.encode(), b"%d" % sees_hidden, version)


def _ledger_seq(conn: queries.Connection, *, sees_hidden: bool) -> int | None:
    """Return the number of the last entry of the ledger, public or of all.

    None while responses change without an entry, because a recorded moment is still to come.
    """
    row = queries.row(conn, "ledger/get_version" if sees_hidden else "ledger/get_public_version")
    return None if row is None else row.seq


# 304 from memory


class _Cached(NamedTuple):
    """The entity tag of a response, and when it was current: the ledger's last entry, the time."""

    current_at: tuple[bytes, int]
    etag: str
    operation: str | None
    headers: list[tuple[str, str]]


class NotModifiedCache:
    """WSGI middleware that confirms unchanged public responses without making them again.

    A worker remembers the entity tags of public responses. A response is unchanged as long as the
    public ledger has no new entry and time alone changes nothing. Each request reads this from the
    database, so it sees the commits of all processes. Pages count days in any time zone, so nothing
    is remembered beyond a quarter of an hour. Benchmark, in requests a second: `GET /v1/counts,
    unchanged` 4,153, beside 5,195 of an empty route; an unchanged record 0.85 to 0.88 of these.
    """

    _KEY = (
        "PATH_INFO",
        "QUERY_STRING",
        "HTTP_ACCEPT",
        "HTTP_ACCEPT_LANGUAGE",
        "HTTP_HOST",
        "wsgi.url_scheme",
    )
    """The parts of a request on which a public response depends. A feed contains its own URL."""
    _BODY_HEADERS = ("content-type", "content-length", "content-disposition", "link")
    _STATEMENT, _NOT_PREPARED = b"ledger/get_public_version", b"26000"

    def __init__(
        self,
        app: Callable[..., Iterable[bytes]],
        pool: ConnectionPool[queries.Connection],
    ) -> None:
        self._app = app
        self._pool = pool
        self._cached: dict[tuple[str | None, ...], _Cached] = {}
        self._lock = Lock()

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        etag = environ.get("HTTP_IF_NONE_MATCH")
        if (
            etag is None
            or environ["REQUEST_METHOD"] not in {"GET", "HEAD"}
            # A response to a key may hold hidden names, and the ledger notes their reading.
            or "HTTP_AUTHORIZATION" in environ
            or "HTTP_IF_MATCH" in environ
            # The application refuses the request, without the query below.
            or rate_limits.is_refused(environ)
            # Read before the response is made: a commit in between then has a later number.
            or (seq := self._public_seq()) is None
        ):
            return self._app(environ, start_response)
        current_at = seq, int(time() // _AGING_SECONDS)
        key = tuple(map(environ.get, self._KEY))
        cached = self._cached.get(key)
        if cached is not None and cached.current_at == current_at and cached.etag == etag:
            trace.note_operation(cached.operation)
            start_response("304 NOT MODIFIED", list(cached.headers))
            return ()

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            if status.startswith(("200", "304")):
                request = environ.get("werkzeug.request")
                self._remember(key, current_at, request.endpoint if request else None, headers)
            return start_response(status, headers, *more)

        return self._app(environ, start)

    def _public_seq(self) -> bytes | None:
        """Return the number of the last public entry of the ledger; None if the database is busy.

        Calls libpq directly, which takes a third of the driver's time: this query is most of the
        time of such a response.
        """
        try:
            with queries.borrowed_connection(
                self._pool, timeout_seconds=_POOL_TIMEOUT_SECONDS
            ) as conn:
                result = self._execute(conn)
                if result.error_field(DiagnosticField.SQLSTATE) == self._NOT_PREPARED:
                    text = queries.text("ledger/get_public_version", frozenset())
                    conn.pgconn.prepare(self._STATEMENT, text.encode())
                    result = self._execute(conn)
                seq: bytes | None = result.get_value(0, 0)
                return seq
        except RequestError:
            return None

    def _execute(self, conn: queries.Connection) -> Any:
        """Run the prepared statement. Unlike libpq's, the connection's wait has a deadline."""
        conn.pgconn.send_query_prepared(self._STATEMENT, None)
        (result,) = conn.wait(generators.execute(conn.pgconn))
        return result

    def _remember(
        self,
        key: tuple[str | None, ...],
        current_at: tuple[bytes, int],
        operation: str | None,
        headers: list[tuple[str, str]],
    ) -> None:
        kept = [
            (name, value)
            for name, value in headers
            if not name.lower().startswith(self._BODY_HEADERS)
        ]
        values = {name.lower(): value for name, value in kept}
        if (
            sum(len(part or "") for part in key) > _MAX_KEY_LENGTH
            or "etag" not in values
            or not values.get("cache-control", "").startswith("public")
        ):
            return
        with self._lock:
            self._cached.pop(key, None)
            if len(self._cached) == _CACHE_ENTRIES:
                del self._cached[next(iter(self._cached))]
            self._cached[key] = _Cached(current_at, values["etag"], operation, kept)
