"""Migrations are numbered, idempotent and serialized; constraints have names."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from api.database import connections, migrations, queries
from tests.conftest import cloned


def test_migrations_are_numbered_and_have_one_subject() -> None:
    files = migrations.migrations()
    assert [migration.number for migration in files] == list(range(1, len(files) + 1))
    subjects = [migration.name for migration in files]
    assert len(set(subjects)) == len(subjects)
    for migration in files:
        tables = re.findall(r"^CREATE TABLE (\w+)", migration.sql, re.MULTILINE)
        assert not tables or migration.name in tables, f"{migration.name} makes {tables}"


def shape(conn: queries.Connection) -> Any:
    """The schema: columns, constraints, indexes, functions, views and the list of migrations."""
    return [
        conn.execute(query).fetchall()
        for query in (
            "SELECT table_name, column_name, data_type, is_nullable, column_default"
            " FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2",
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)"
            " FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
            "SELECT proname, pg_get_functiondef(p.oid) FROM pg_proc p"
            " WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'"
            " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
            " ORDER BY 1",
            "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public' ORDER BY 1",
            "SELECT number, name, sha256 FROM migrations ORDER BY 1",
            "SELECT seq FROM ledger_head",
        )
    ]


def test_second_migration_changes_nothing(conn: queries.Connection) -> None:
    before = shape(conn)
    messages: list[str] = []
    migrations.migrate(conn, messages.append)
    assert messages == []
    assert shape(conn) == before
    assert migrations.pending(conn) == []


def test_concurrent_migrations_run_once(server: str, conn: queries.Connection) -> None:
    messages: list[str] = []

    def run(url: str) -> None:
        with connections.connect(url) as connection:
            migrations.migrate(connection, messages.append)

    with cloned(server, "template1") as url:
        with ThreadPoolExecutor(4) as threads:
            for future in [threads.submit(run, url) for _ in range(4)]:
                future.result()
        with connections.connect(url) as connection:
            assert shape(connection) == shape(conn)
    assert len(messages) == len(migrations.migrations())


def test_constraints_have_explicit_names(conn: queries.Connection) -> None:
    """Names of constraints appear in logs and errors. Primary keys, unique constraints and NOT NULL
    may have default names, which contain the table and the columns."""
    named_by_itself = conn.execute(
        "SELECT conrelid::regclass || ': ' || conname AS name FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'x')"
        " AND conname ~ '_(check|fkey|excl)[0-9]*$' ORDER BY 1"
    ).fetchall()
    assert [row.name for row in named_by_itself] == []


def test_every_translated_constraint_exists(conn: queries.Connection) -> None:
    constraints = {row.conname for row in conn.execute("SELECT conname FROM pg_constraint")}
    assert set(queries.FIELD_ERRORS) <= constraints
