"""The connections that serve requests."""

from collections.abc import Iterator
from contextlib import nullcontext

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from api.database import deadlines
from api.database.queries import Connection
from tests.conftest import Api, client_of, keys_of
from tests.public_walk import UNKNOWN_ID
from tests.support import open_pool

PREPARED = "SELECT statement FROM pg_prepared_statements"


@pytest.fixture
def pool(database: str) -> Iterator[ConnectionPool[Connection]]:
    """A pool of one connection, which all requests use."""
    with open_pool(database, 1) as pool:
        yield pool


@pytest.fixture
def api(pool: ConnectionPool[Connection], database: str) -> Iterator[Api]:
    with client_of(pool) as client:
        yield Api(client, keys_of(database))


def test_refused_write_forgets_no_prepared_statement(
    editor: Api, pool: ConnectionPool[Connection]
) -> None:
    for number in range(7):
        editor.source(f"Foro {number}")
    with pool.connection() as conn:
        before = {row.statement for row in conn.execute(PREPARED)}
    assert len(before) > 5
    editor.post("/v1/sources", {"name": "Foro 0", "kind": "ngo"}, 409)
    with pool.connection() as conn:
        assert {row.statement for row in conn.execute(PREPARED)} >= before


def test_refused_writes_leave_no_prepared_statement_behind(
    contributor: Api, pool: ConnectionPool[Connection]
) -> None:
    """Statements that fail when they are new are closed, or each would take 36 kB of the server."""
    path = f"/v1/detainees/{contributor.detainee('Ana')}/detentions"
    counts = []
    for _ in range(2):
        for _ in range(20):
            contributor.post(path, {"facility_id": UNKNOWN_ID}, 422)
        with pool.connection() as conn:
            counts.append(len(conn.execute(PREPARED).fetchall()))
    assert counts[1] <= counts[0] + 2


def test_statement_is_prepared_again_after_a_migration(pool: ConnectionPool[Connection]) -> None:
    with pool.connection() as conn:
        conn.execute("RESET ROLE")
        conn.execute("CREATE TEMPORARY TABLE changed (first integer)")
        conn.execute("INSERT INTO changed VALUES (1)")
        query = "SELECT * FROM changed"
        for column, in_transaction in (("second", True), ("third", False)):
            conn.execute(query, prepare=True)
            conn.execute(f"ALTER TABLE changed ADD {column} integer DEFAULT 2")
            transaction = conn.transaction() if in_transaction else nullcontext()
            with pytest.raises(psycopg.errors.FeatureNotSupported), transaction:
                conn.execute(query, prepare=True)
            for _ in range(3):
                row = conn.execute(query, prepare=True).fetchone()
                assert row is not None
                assert row[-1] == 2


def test_error_of_the_server_is_a_response(
    pool: ConnectionPool[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While all connections are in use, readiness goes by the time of the last response."""
    with pool.connection() as conn:
        monkeypatch.setattr(deadlines.DeadlineConnection, "_last_response", float("-inf"))
        with pytest.raises(psycopg.ProgrammingError):  # of the driver
            conn.execute("SELECT %s", ())
        assert deadlines.seconds_since_response() == float("inf")
        with pytest.raises(psycopg.errors.DivisionByZero):
            conn.execute("SELECT 1/0")
        assert deadlines.seconds_since_response() < float("inf")
