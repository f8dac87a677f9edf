"""The connections that serve requests."""

import psycopg
import pytest

from tests.conftest import Api, Store
from tests.support import open_pool

PREPARED = "SELECT statement FROM pg_prepared_statements"


def test_refused_write_forgets_no_prepared_statement(editor: Api, reusable_store: Store) -> None:
    for number in range(7):
        editor.source(f"Foro {number}")
    with reusable_store.pool.connection() as conn:
        before = {row.statement for row in conn.execute(PREPARED)}
    assert len(before) > 5
    editor.post("/v1/sources", {"name": "Foro 0", "kind": "ngo"}, 409)
    with reusable_store.pool.connection() as conn:
        assert {row.statement for row in conn.execute(PREPARED)} >= before


def test_statement_is_prepared_again_after_a_migration(database: str) -> None:
    with open_pool(database, 1) as pool, pool.connection() as conn:
        conn.execute("RESET ROLE")
        conn.execute("CREATE TEMPORARY TABLE changed (first integer)")
        query = "SELECT * FROM changed"
        conn.execute(query, prepare=True)
        conn.execute("ALTER TABLE changed ADD second integer")
        conn.execute("INSERT INTO changed VALUES (1, 2)")
        with pytest.raises(psycopg.errors.FeatureNotSupported), conn.transaction():
            conn.execute(query, prepare=True)
        assert conn.execute(query, prepare=True).fetchone() == (1, 2)
