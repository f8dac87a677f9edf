"""The connections that serve requests.

They have client-side statement timeouts: a connection is closed when the server does not answer in
time. The timeouts of the server do not run while it hangs. And they keep their prepared statements.
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import psycopg
from psycopg._preparing import Key, Prepare, PrepareManager
from psycopg.abc import PQGen
from psycopg.pq.abc import PGresult


class _KeptStatements(PrepareManager):
    """The prepared statements of a connection: a rollback keeps them, as it does in the server.

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
        """Close all statements. Those that are prepared before the next flush stay."""
        self._to_flush.extend(self._names.values())
        self._names.clear()
        self._counts.clear()


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
        except (psycopg.errors.FeatureNotSupported, psycopg.errors.InvalidSqlStatementName):
            # A migration changed the columns of a prepared statement.
            self._prepared.forget()
            raise
        except psycopg.OperationalError:
            if self.closed:
                DeadlineConnection._last_response = float("-inf")
            raise
        DeadlineConnection._last_response = time.monotonic()
        return result


def seconds_since_response() -> float:
    """Return how long ago the server answered on any connection of this process.

    Infinite if a connection was lost since.
    """
    return time.monotonic() - DeadlineConnection._last_response


@contextlib.contextmanager
def statement_timeout(conn: psycopg.Connection[Any], seconds: float) -> Iterator[None]:
    """Give each statement another deadline, if the connection has one."""
    if not isinstance(conn, DeadlineConnection):
        yield
        return
    before, conn.max_statement_seconds = conn.max_statement_seconds, seconds
    try:
        yield
    finally:
        conn.max_statement_seconds = before
