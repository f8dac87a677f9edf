"""The connections that serve requests: their deadlines, and their prepared statements.

A connection is closed when the server does not answer in time, because the timeouts of the server
do not run while it hangs. A connection keeps its prepared statements after a rollback.
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import psycopg
from psycopg._preparing import Key, Prepare, PrepareManager
from psycopg.abc import PQGen
from psycopg.pq.abc import PGresult

# A migration changed the columns of a prepared statement.
_OUTDATED_STATEMENT = (
    psycopg.errors.FeatureNotSupported,
    psycopg.errors.InvalidSqlStatementName,
)


class _KeptStatements(PrepareManager):
    """The prepared statements of a connection. A rollback keeps them, as it does in the server.

    psycopg forgets them, because a rollback can undo the creation of a table. Requests create none,
    and each refused write is rolled back: the next attestation on its connection took 24 ms, and
    takes 12.
    """

    def clear(self) -> bool:
        return False

    def validate(self, key: Key, prep: Prepare, name: bytes, results: Sequence[PGresult]) -> None:
        """Keep or forget a statement. One that failed when it was new is closed, too."""
        if prep is Prepare.SHOULD and not self._check_results(results):
            self._to_flush.append(name)
        super().validate(key, prep, name, results)

    def forget(self) -> None:
        """Close all statements once the next one has run, which stays prepared."""
        self._to_flush.extend(self._names.values())
        self._names.clear()
        self._counts.clear()


MAX_TRANSACTION_MINUTES = 30
"""The `transaction_timeout` of these connections."""


class DeadlineConnection(psycopg.Connection[Any]):
    """A connection that closes itself if a statement gets no response in time."""

    max_statement_seconds: float | None = None
    """No deadline if None. `connections.pool` sets it by the server's timeout."""
    _last_response: ClassVar[float] = float("-inf")

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._prepared: _KeptStatements = _KeptStatements()

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for the server. Raises OperationalError after the deadline."""
        try:
            result = super().wait(
                gen, interval, self.max_statement_seconds if timeout is None else timeout
            )
        except psycopg.errors._WaitTimeout:
            if timeout is not None:
                raise
            self.pgconn.finish()
            DeadlineConnection._last_response = float("-inf")
            raise psycopg.OperationalError("the server does not answer") from None
        except psycopg.Error as error:
            if isinstance(error, _OUTDATED_STATEMENT):
                self._prepared.forget()
            if self.closed:
                DeadlineConnection._last_response = float("-inf")
            elif error.sqlstate:  # an error of the server, not of the driver
                DeadlineConnection._last_response = time.monotonic()
            raise
        DeadlineConnection._last_response = time.monotonic()
        return result


def seconds_since_response() -> float:
    """Return how long ago the server last answered, on any connection of this process.

    After the loss of a connection it is infinite, until the next response.
    """
    return time.monotonic() - DeadlineConnection._last_response


@contextlib.contextmanager
def statement_deadline(conn: psycopg.Connection[Any], seconds: float) -> Iterator[None]:
    """Give each statement another deadline, if the connection is one that serves requests."""
    if not isinstance(conn, DeadlineConnection):
        yield
        return
    before, conn.max_statement_seconds = conn.max_statement_seconds, seconds
    try:
        yield
    finally:
        conn.max_statement_seconds = before
