"""Deadlines of the client: a connection is closed when the server does not answer in time.

The timeouts of the server do not run while it hangs.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg.abc import PQGen


class DeadlineConnection(psycopg.Connection[Any]):
    """A connection of the service."""

    max_statement_seconds = 31.0  # a second more than the server's timeout

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for the server. Raises OperationalError after the deadline."""
        try:
            return super().wait(gen, interval, timeout or self.max_statement_seconds)
        except psycopg.errors._WaitTimeout:
            self.pgconn.finish()
            raise psycopg.OperationalError("the server does not answer") from None


class ProbeConnection(DeadlineConnection):
    """A connection for checks of readiness."""

    max_statement_seconds = 0.5


@contextlib.contextmanager
def extended(conn: psycopg.Connection[Any], seconds: float) -> Iterator[None]:
    """Give each statement more time, if a connection has a deadline."""
    if not isinstance(conn, DeadlineConnection):
        yield
        return
    conn.max_statement_seconds = seconds
    try:
        yield
    finally:
        del conn.max_statement_seconds
