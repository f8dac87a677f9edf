"""The migrations of sql/migrations: numbered, forward only, each applied once."""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from api.database.queries import SQL, Connection

_NAME = re.compile(r"(\d{4})_([a-z_]+)\.sql")
# Any number will do that nobody else uses: two migrations at once wait for each other.
_LOCK = 4_201_874_163


class MigrationError(Exception):
    """The database and this version do not fit, with a sentence that says why."""


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
    """All migrations of this version, in order."""
    found: list[Migration] = []
    for file in sorted((SQL / "migrations").iterdir()):
        match = _NAME.fullmatch(file.name)
        if match is None or int(match[1]) != len(found) + 1:
            raise MigrationError(f"{file.name} is not the next NNNN_subject.sql.")
        found.append(Migration(int(match[1]), match[2], file.read_text("utf-8")))
    return found


def pending(conn: Connection) -> Sequence[Migration]:
    """What the database lacks. Raises MigrationError if it is not of this version's making."""
    exists = conn.execute(
        "SELECT m IS NOT NULL AS yes, has_table_privilege(m, 'SELECT') AS legible "
        "FROM to_regclass('migrations') m"
    ).fetchone()
    if not exists or not exists.yes:
        return migrations()
    if not exists.legible:
        raise MigrationError(
            "There is no permission to read the migrations: run constancia doctor."
        )
    applied = {
        row.number: row
        for row in conn.execute("SELECT number, name, sha256 FROM migrations ORDER BY number")
    }
    for migration in migrations():
        row = applied.pop(migration.number, None)
        if row is not None and row.sha256 != migration.sha256:
            raise MigrationError(f"Migration {row.number} ({row.name}) was another when applied.")
    if applied:
        newest = max(applied)
        raise MigrationError(f"The database is ahead of this version: it has migration {newest}.")
    count = conn.execute("SELECT count(*) AS n FROM migrations").fetchone()
    return migrations()[count.n if count else 0 :]


def migrate(conn: Connection, say: Callable[[str], Any]) -> None:
    """Brings the database up to date. Safe to run twice, and at once."""
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
            say(f"{migration.number:04} {migration.name.replace('_', ' ')}")
    finally:
        conn.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
