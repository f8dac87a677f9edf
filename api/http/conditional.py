"""Answers that a caller has already, confirmed without being made again.

A worker remembers, of what callers ask it about again, the validator and the place of the ledger
at which it held. As long as the public's ledger has not moved, and no moment passes at which
something that was recorded comes to be published, the same question has the same answer. Whether
that is so is read from the database each time: what any process has committed is seen.
"""

from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any, NamedTuple

from psycopg.pq import DiagnosticField
from psycopg_pool import ConnectionPool

from api import trace
from api.database import queries
from api.errors import RequestError

# So many answers are remembered, to questions of so many characters.
_MOST, _LONGEST = 4096, 1000
_SOON = 0.05  # seconds
# All that an answer to the public depends on, beside the record: feeds name their own address.
_QUESTION = ("PATH_INFO", "QUERY_STRING", "HTTP_ACCEPT", "HTTP_HOST", "wsgi.url_scheme")
_STATEMENT, _NOT_PREPARED = b"ledger/get_version", b"26000"
# What an answer says of the very body that it has.
_OF_ITS_BODY = ("content-type", "content-length", "content-disposition", "link")


def version(conn: queries.Connection, *, sees_hidden: bool) -> int | None:
    """The last entry of the ledger, the public's or the whole one; None while answers change by
    the mere passing of time."""
    row = queries.row(
        conn, "ledger/get_version", **queries.drop_none(sees_hidden=sees_hidden or None)
    )
    return None if row is None else row.seq


class _Known(NamedTuple):
    """An answer by its validator, and the version of the record at which it held."""

    version: bytes
    etag: str
    operation: str | None
    headers: list[tuple[str, str]]


class Revalidation:
    """A WSGI application that answers 304 by itself where it can, and asks another for the rest.

    It knows the public's answers only: those to a key can hold what is hidden, and are noted.
    """

    def __init__(
        self,
        app: Any,
        pool: ConnectionPool[queries.Connection],
        look: Callable[[dict[str, Any]], None],
    ) -> None:
        """`look` notes how a caller stands whose answer is from memory."""
        self._app = app
        self._pool = pool
        self._look = look
        self._known: dict[tuple[str | None, ...], _Known] = {}
        self._lock = Lock()

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        asked = environ.get("HTTP_IF_NONE_MATCH")
        if (
            asked is None
            or environ["REQUEST_METHOD"] not in {"GET", "HEAD"}
            or "HTTP_AUTHORIZATION" in environ
            or "HTTP_IF_MATCH" in environ
            or (version := self._version()) is None
        ):
            answer: Iterable[bytes] = self._app(environ, start_response)
            return answer
        question = tuple(map(environ.get, _QUESTION))
        known = self._known.get(question)
        if known is not None and known.version == version and known.etag == asked:
            trace.note_operation(known.operation)
            self._look(environ)
            start_response("304 NOT MODIFIED", list(known.headers))
            return ()

        def remembering(
            status: str, headers: list[tuple[str, str]], *more: Any
        ) -> Callable[[bytes], object]:
            if status.startswith(("200", "304")):
                request = environ.get("werkzeug.request")
                operation = request.endpoint if request else None
                self._remember(question, version, operation, headers)
            return start_response(status, headers, *more)  # type: ignore[no-any-return]

        answer = self._app(environ, remembering)
        return answer

    def _version(self) -> bytes | None:
        """Read before the answer is made: what is committed meanwhile makes it a later one.

        By libpq's own functions, at a third of the driver's cost: it is most of what such an answer
        takes.
        """
        try:
            # Where none is free, whoever makes the answer waits.
            with queries.Lent(self._pool, timeout=_SOON) as conn:
                result = conn.pgconn.exec_prepared(_STATEMENT, None)
                if result.error_field(DiagnosticField.SQLSTATE) == _NOT_PREPARED:
                    text = queries.text("ledger/get_version", frozenset())
                    conn.pgconn.prepare(_STATEMENT, text.encode())
                    result = conn.pgconn.exec_prepared(_STATEMENT, None)
                return result.get_value(0, 0)
        except RequestError:
            return None

    def _remember(
        self,
        question: tuple[str | None, ...],
        version: bytes,
        operation: str | None,
        headers: list[tuple[str, str]],
    ) -> None:
        kept = [
            (name, value) for name, value in headers if not name.lower().startswith(_OF_ITS_BODY)
        ]
        named = {name.lower(): value for name, value in kept}
        asked = sum(len(part or "") for part in question)
        if (
            asked > _LONGEST
            or "etag" not in named
            or not named.get("cache-control", "").startswith("public")
        ):
            return
        with self._lock:
            self._known.pop(question, None)
            if len(self._known) == _MOST:
                del self._known[next(iter(self._known))]
            self._known[question] = _Known(version, named["etag"], operation, kept)
