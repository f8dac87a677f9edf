"""Run commands in this process or in a separate one, and take snapshots of the store."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
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


_MEASURING = """
import ctypes, gc, json, os, sys
from pathlib import Path
from api.database import queries
from api.imports import import_store
from api.lists import list_survey

queries.BLOCK_SIZE = import_store.BLOCK = 20
list_survey._COUNTERS = 1 << 10  # else 13 MB, whatever the list
from api.commands.main import main

def memory(name):
    (line,) = (x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith(name))
    return int(line.split()[1]) * 1024

for url, *arguments in json.loads(sys.argv[1]):
    os.environ["DATABASE_URL"] = url
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # reset the peak
    before = memory("VmRSS")
    main(arguments, standalone_mode=False)
print()
print(memory("VmHWM") - before)
"""


def run_and_measure(*commands: Sequence[object]) -> tuple[list[str], int]:
    """Run commands in one process, each after the URL of its database; return their lines on
    standard error and the bytes by which the last one increased the memory at its peak.

    The first ones fill the caches. Blocks are of 20 records instead of hundreds, and what is free
    is given back to the system, so that a small file that is read as a whole is noticed.
    """
    result = subprocess.run(
        [sys.executable, "-c", _MEASURING, json.dumps(commands, default=str)],
        env=environment(PYTHONMALLOC="malloc"),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return result.stderr.splitlines(), int(result.stdout.split()[-1])
