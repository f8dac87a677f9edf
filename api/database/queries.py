"""Run the query files of sql/queries by name, and translate the driver's errors.

A line of a query file that ends in `-- if x` is part of the statement only if the parameter x is
passed; a line that ends in `-- unless x`, only if it is not. A line may have several conditions.
Each combination is a separate statement with its own plan. `sql/README.md` lists the lines that may
have conditions.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, wraps
from typing import Any, TypeVar, cast

import psycopg
from psycopg import errors as pg
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from api import resources
from api.database import deadlines
from api.errors import FieldError, RequestError, invalid

SQL = resources.path("sql")
"""The directory with migrations/ and queries/."""

BLOCK_SIZE = 1000
"""Rows or records that are read or written at a time, where all at once could be too many."""

# A minute more than the server allows a transaction.
_MAX_IMPORT_SECONDS = (deadlines.MAX_TRANSACTION_MINUTES + 1) * 60.0

Result = TypeVar("Result")
Connection = psycopg.Connection[Any]
Cursor = psycopg.Cursor[Any]

_CONDITION = re.compile(r"^(?P<sql>.*) -- (?P<keyword>if|unless) (?P<parameter>\w+)$")

FIELD_ERRORS = {
    "detention_facility_exists": ("/facility_id", "There is no facility with this id."),
    "release_event_has_at_most_2000_attestations": (
        "/release_event_id",
        "This release event has 2,000 attestations, the most that one can have. "
        "Void those that were entered by mistake, or leave this one out.",
    ),
    "api_key_ends_after_it_was_created": ("/until", "Is in the past: send a later moment."),
}
"""(JSON pointer, detail) of the field error for a violated constraint, by its name."""

# A full pool, a lost connection, a lock or a statement that took longer than its timeout.
_BUSY = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    pg.TransactionTimeout,
    pg.IdleInTransactionSessionTimeout,
)


@cache
def text(name: str, parameters: frozenset[str]) -> str:
    """Return the statement of sql/queries/NAME.sql for the names of the passed parameters."""
    return "\n".join(_lines((SQL / "queries" / f"{name}.sql").read_text("utf-8"), parameters))


def _lines(file: str, parameters: frozenset[str]) -> Iterator[str]:
    """Yield the lines of a statement, without indentation, and comments only in the first line.

    psycopg parses a statement of more than 4,096 characters again for each request, which takes
    0.1 ms. Without indentation and comments, a count with two filters has fewer.
    """
    first, *others = (line.lstrip() for line in file.splitlines())
    for line in (first, *(other for other in others if not other.startswith("--"))):
        is_included = True
        while condition := _CONDITION.match(line):
            is_passed = condition["parameter"] in parameters
            is_included &= is_passed == (condition["keyword"] == "if")
            line = condition["sql"]
        if is_included:
            yield line


def drop_none(**parameters: Any) -> dict[str, Any]:
    """Return the parameters without those that are None."""
    return {name: value for name, value in parameters.items() if value is not None}


def run(conn: Connection, name: str, /, **parameters: Any) -> Cursor:
    """Run sql/queries/NAME.sql with these parameters."""
    return execute(conn, text(name, frozenset(parameters)), parameters)


def execute(conn: Connection, statement: str, parameters: Mapping[str, Any]) -> Cursor:
    """Run a statement composed of query files. Only the parameters may come from callers."""
    with translated():
        return conn.execute(cast(Any, statement), parameters, prepare=True)


def row(conn: Connection, name: str, /, **parameters: Any) -> Any:
    """Return the first row of a query, or None."""
    return run(conn, name, **parameters).fetchone()


def rows(conn: Connection, name: str, /, **parameters: Any) -> list[Any]:
    """Return all rows of a query."""
    return cast(list[TupleRow], run(conn, name, **parameters).fetchall())


def blocks(
    conn: Connection, statement: str, parameters: Mapping[str, Any], size: int
) -> Iterator[list[Any]]:
    """Yield the rows of a statement in lists of at most `size`. Needs a transaction."""
    with conn.cursor("blocks") as cursor:
        cursor.execute(cast(Any, statement), parameters)
        while rows := cursor.fetchmany(size):
            yield rows


def run_many(conn: Connection, name: str, /, parameters: Sequence[Mapping[str, Any]]) -> None:
    """Run sql/queries/NAME.sql once for each set of parameters, in pipeline mode."""
    if parameters:
        with translated(), conn.cursor() as cursor:
            cursor.executemany(cast(Any, text(name, frozenset(parameters[0]))), parameters)


@contextmanager
def snapshot(
    conn: Connection, *, read_only: bool = True, timeout_minutes: int | None = None
) -> Iterator[None]:
    """Run a transaction whose queries all see the store at one moment."""
    with translated(), conn.transaction():
        access = "READ ONLY" if read_only else "READ WRITE"
        conn.execute(cast(Any, f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ {access}"))
        if timeout_minutes is not None:
            # Between two blocks a client may pause for a minute, and the next block then waits for
            # its turn.
            conn.execute("SET LOCAL idle_in_transaction_session_timeout = '5min'")
            conn.execute(cast(Any, f"SET LOCAL transaction_timeout = '{timeout_minutes}min'"))
        yield


def in_snapshot(function: Callable[..., Result]) -> Callable[..., Result]:
    """Run a function of several queries in a snapshot: an import between two of them could give a
    reader two figures."""

    @wraps(function)
    def run_in_snapshot(conn: Connection, **arguments: Any) -> Result:
        with snapshot(conn):
            return function(conn, **arguments)

    return run_in_snapshot


@contextmanager
def long_transaction(conn: Connection) -> Iterator[None]:
    """Run a transaction whose statements take as long as the transaction may, for an import.

    The server sets no limit to a statement. The client gives a hanging server up a minute after
    the transaction's timeout.
    """
    with translated(), deadlines.statement_deadline(conn, _MAX_IMPORT_SECONDS), conn.transaction():
        conn.execute("SET LOCAL statement_timeout = 0")
        yield


class translated:  # noqa: N801 - used as a function
    """Raise the driver's errors as request errors, so that no response quotes PostgreSQL.

    A violated constraint of `FIELD_ERRORS` becomes a `validation-error`; a full pool, a lost
    connection and a timeout become `busy`. Other errors pass. A generator would take seven times as
    long (4 µs), and every statement needs this.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, frames: Any) -> None:
        if isinstance(error, pg.IntegrityError):
            field_error = FIELD_ERRORS.get(error.diag.constraint_name or "")
            if field_error is not None:
                raise invalid(FieldError(*field_error)) from None
        elif isinstance(error, _BUSY):
            raise RequestError(
                "busy", "The service cannot handle this request now. Retry in a few seconds."
            ) from error


@contextmanager
def borrowed_connection(
    pool: ConnectionPool[Connection], timeout_seconds: float | None = None
) -> Iterator[Connection]:
    """Borrow a connection of a pool, with the driver's errors translated.

    Begins no transaction, unlike `pool.connection()`.
    """
    with translated():
        conn = pool.getconn(timeout_seconds)
        try:
            yield conn
        finally:
            pool.putconn(conn)
