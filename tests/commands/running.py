"""Run commands in this process or in a separate one, and take snapshots of the store."""

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from click.testing import CliRunner, Result

from api.commands.main import main
from api.database import queries
from tests.conftest import CASES
from tests.support import COMMAND, environment

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


EXAMPLE = CASES / "venezuela-2026-01-08.json"


def constancia(*arguments: object, **settings: str) -> Result:
    """Run a command in this process, with these settings only."""
    cleared: dict[str, str | None] = {k: None for k in os.environ if k.startswith("CONSTANCIA_")}
    return CliRunner().invoke(
        main, [str(word) for word in arguments], env={**cleared, "DATABASE_URL": None, **settings}
    )


def run_process(*arguments: object, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in a separate process, with these settings only."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env=environment(**settings),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def check_error(result: Result, *texts: str, code: int = 1) -> None:
    """Check that a command failed with a message that contains these words."""
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    for text in texts:
        assert text in result.stderr
    assert result.stdout == ""


def snapshot(conn: queries.Connection) -> Mapping[str, Any]:
    """Return every row of every table, as text."""
    tables = conn.execute(
        "SELECT table_name AS name FROM information_schema.tables "
        "WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    ).fetchall()
    return {
        table.name: [
            row.text
            for row in conn.execute(f"SELECT t::text AS text FROM {table.name} t ORDER BY 1")
        ]
        for table in tables
    }


def run_and_measure(database: str, *arguments: str) -> tuple[list[str], int]:
    """Run a command; return its lines on standard error and its peak memory in bytes."""
    program = (
        "import atexit; from api.commands.main import main\n"
        "def tell():\n"
        "    with open('/proc/self/status') as status:\n"
        "        print(next(line for line in status if line.startswith('VmHWM')))\n"
        "atexit.register(tell); main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=environment(DATABASE_URL=database),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return result.stderr.splitlines(), int(result.stdout.split()[-2]) * 1024
