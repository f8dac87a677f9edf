"""The files of sql/queries, run by name; and the driver's errors, translated once.

A line that ends in `-- if x` stands only where the parameter x is given, one that ends in
`-- unless x` only where it is not; a line may have several such conditions. Each combination is a
statement of its own, with its own plan.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, cast

import psycopg
from psycopg import errors as pg
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from api import resources
from api.errors import FieldError, RequestError, invalid

SQL = resources.path("sql")

Connection = psycopg.Connection[Any]
Cursor = psycopg.Cursor[Any]

_CONDITION = re.compile(r"^(?P<sql>.*) -- (?P<word>if|unless) (?P<parameter>\w+)$")

# What a caller is told when the database refuses: (pointer, detail) by the constraint's name.
_FAULTS = {
    "detention_facility_exists": ("/facility_id", "There is no facility with this id."),
    "api_key_ends_after_it_was_created": ("/until", "Must lie ahead."),
}


@cache
def text(name: str, given: frozenset[str]) -> str:
    """The statement of sql/queries/NAME.sql where these parameters are given."""
    return "\n".join(_lines((SQL / "queries" / f"{name}.sql").read_text("utf-8"), given))


def _lines(file: str, given: frozenset[str]) -> Iterator[str]:
    for line in file.splitlines():
        stands = True
        while condition := _CONDITION.match(line):
            stands &= (condition["parameter"] in given) == (condition["word"] == "if")
            line = condition["sql"]
        if stands:
            yield line


def drop_none(**parameters: Any) -> dict[str, Any]:
    """Those that are not None: the others stand for what was left out."""
    return {name: value for name, value in parameters.items() if value is not None}


def run(conn: Connection, name: str, /, **parameters: Any) -> Cursor:
    """Runs sql/queries/NAME.sql with these parameters."""
    return execute(conn, text(name, frozenset(parameters)), parameters)


def execute(conn: Connection, statement: str, parameters: Mapping[str, Any]) -> Cursor:
    """Runs a statement made of texts from sql/queries; only its parameters come from callers."""
    with translated():
        return conn.execute(cast(Any, statement), parameters, prepare=True)


def row(conn: Connection, name: str, /, **parameters: Any) -> Any:
    """The first row of a query, or None."""
    return run(conn, name, **parameters).fetchone()


def rows(conn: Connection, name: str, /, **parameters: Any) -> list[Any]:
    """All rows of a query."""
    return cast(list[TupleRow], run(conn, name, **parameters).fetchall())


def blocks(
    conn: Connection, statement: str, parameters: Mapping[str, Any], size: int
) -> Iterator[list[Any]]:
    """All rows of such a statement, so many at a time; only within a transaction."""
    with conn.cursor("blocks") as cursor:
        cursor.execute(cast(Any, statement), parameters)
        while rows := cursor.fetchmany(size):
            yield rows


def many(conn: Connection, name: str, /, parameters: Sequence[Mapping[str, Any]]) -> None:
    """Runs sql/queries/NAME.sql with each of these parameters, without waiting in between."""
    if parameters:
        with translated(), conn.cursor() as cursor:
            cursor.executemany(cast(Any, text(name, frozenset(parameters[0]))), parameters)


@contextmanager
def snapshot(conn: Connection) -> Iterator[None]:
    """Several queries that see the store at one moment; for reading alone."""
    with translated(), conn.transaction():
        run(conn, "database/begin_snapshot")
        yield


# A full pool, a lost connection, a lock that was not to be had in time, a write that took too long.
_BUSY = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    pg.TransactionTimeout,
    pg.IdleInTransactionSessionTimeout,
)


class _Translation:
    """A context of which every request has several: a generator would take five times as long."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, frames: Any) -> None:
        if isinstance(error, pg.IntegrityError):
            constraint = error.diag.constraint_name or ""
            if constraint in _FAULTS:
                raise invalid(FieldError(*_FAULTS[constraint])) from None
        elif isinstance(error, _BUSY):
            raise RequestError(
                "busy", "The service cannot take this request now. Try again shortly."
            ) from error


_TRANSLATION = _Translation()


def translated() -> _Translation:
    """Turns the driver's errors into refusals: PostgreSQL's own words never leave the house."""
    return _TRANSLATION


class Lent:
    """A connection of a pool, with the driver's errors translated.

    The pool's own context would end a transaction as well. Here there is none: whoever needs one
    has a context for it.
    """

    def __init__(self, pool: ConnectionPool[Connection], timeout: float | None = None) -> None:
        self._pool = pool
        self._timeout = timeout

    def __enter__(self) -> Connection:
        with _TRANSLATION:
            self._conn = self._pool.getconn(self._timeout)
        return self._conn

    def __exit__(self, kind: Any, error: BaseException | None, frames: Any) -> None:
        self._pool.putconn(self._conn)
        _TRANSLATION.__exit__(kind, error, frames)
