"""The migrations of sql/migrations: numbered, forward only, each applied once."""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from api.database.queries import SQL, Connection

_NAME = re.compile(r"(\d{4})_([a-z_]+)\.sql")
# The key of the advisory lock for which concurrent migrations wait: an arbitrary number.
_LOCK = 4_201_874_163


class MigrationError(Exception):
    """The database does not fit this version; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


@cache
def migrations() -> Sequence[Migration]:
    """Return all migrations of this version, in order."""
    numbered: list[Migration] = []
    for file in sorted((SQL / "migrations").iterdir()):
        match = _NAME.fullmatch(file.name)
        if match is None or int(match[1]) != len(numbered) + 1:
            raise MigrationError(
                f"{file.name} is not the next migration: name it NNNN_subject.sql, without gaps."
            )
        numbered.append(Migration(int(match[1]), match[2], file.read_text("utf-8")))
    return numbered


def pending(conn: Connection) -> Sequence[Migration]:
    """Return the migrations to apply. Raises MigrationError if the database has different ones."""
    table = conn.execute(
        "SELECT m IS NOT NULL AS exists, has_table_privilege(m, 'SELECT') AS readable "
        "FROM to_regclass('migrations') m"
    ).fetchone()
    if not table or not table.exists:
        return migrations()
    if not table.readable:
        raise MigrationError("No permission to read the table migrations. Run constancia doctor.")
    applied = {
        row.number: row
        for row in conn.execute("SELECT number, name, sha256 FROM migrations ORDER BY number")
    }
    not_applied = []
    for migration in migrations():
        row = applied.pop(migration.number, None)
        if row is None:
            not_applied.append(migration)
        elif row.sha256 != migration.sha256:
            raise MigrationError(
                f"Migration {row.number} ({row.name}) was applied with other content. "
                "Use the version that applied it, or a new database."
            )
    if applied:
        newest = max(applied)
        raise MigrationError(
            f"The database is ahead of this version: it has migration {newest}. "
            "Use a later version."
        )
    return not_applied


def migrate(conn: Connection, progress: Callable[[str], Any]) -> None:
    """Apply the pending migrations, each in a transaction; concurrent calls wait for each other.

    `progress` takes a line for each migration.
    """
    conn.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    try:
        for migration in pending(conn):
            with conn.transaction():
                conn.execute(
                    "CREATE TABLE IF NOT EXISTS migrations (number integer PRIMARY KEY, "
                    "name text NOT NULL, sha256 text NOT NULL, "
                    "applied_at timestamptz NOT NULL DEFAULT now())"
                )
                conn.execute(cast(Any, migration.sql))
                conn.execute(
                    "INSERT INTO migrations (number, name, sha256) VALUES (%s, %s, %s)",
                    [migration.number, migration.name, migration.sha256],
                )
            progress(f"{migration.number:04} {migration.name.replace('_', ' ')}")
    finally:
        conn.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
