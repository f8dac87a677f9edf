"""A clock that jumps back an hour: the service's, and the database's."""

import contextlib
import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from api.database import queries
from api.server import embedded, supervisor
from api.server.cluster import Postgres
from tests.faults.table import Row
from tests.faults.writers import fleet
from tests.store_checks import open_store
from tests.support import Client, attestation_body, data_dir, serving

_SOURCE = Path(__file__).with_name("clock.c")
_HOUR = 3600


class _Clock:
    """A clock that whoever runs in its `environment` goes by."""

    def __init__(self, folder: Path) -> None:
        """Raises FileNotFoundError where there is no C compiler."""
        compiler = shutil.which("cc")
        if compiler is None:
            raise FileNotFoundError("no C compiler")
        library, self._file = folder / "clock.so", folder / "seconds"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, _SOURCE], check=True)
        self.set(0)
        self.environment = {"LD_PRELOAD": str(library), "SHIFTED_CLOCK": str(self._file)}

    def set(self, seconds: int) -> None:
        """How far it is ahead of ours."""
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("l", seconds))


class _Shifted(Postgres):
    """A PostgreSQL that goes by the clock of our environment, in a process of its own."""

    def spawn(self, *words: Any) -> "subprocess.Popen[str]":
        names = ("LD_PRELOAD", "SHIFTED_CLOCK")
        env = [f"{name}={os.environ[f'POSTGRES_{name}']}" for name in names]
        return super().spawn("/usr/bin/env", *env, *words)


@contextlib.contextmanager
def _shifted_postgres(directory: Path, clock: _Clock) -> Iterator[str]:
    """Keeps one running; the URL of its owner."""
    env = {f"POSTGRES_{name}": value for name, value in clock.environment.items()}
    kept = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.clocks", str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **env},
        start_new_session=True,
    )
    try:
        assert kept.stdout is not None
        attestation_body, _, url = kept.stdout.readline().decode().strip().partition(" ")
        assert attestation_body == "ready", url
        yield url
    finally:
        kept.terminate()
        kept.communicate()


def _check_order(row: Row, conn: queries.Connection) -> None:
    moments = [
        one.recorded_at for one in conn.execute("SELECT recorded_at FROM ledger ORDER BY seq")
    ]
    row.must(moments == sorted(moments), "the record runs backwards")


def shifted_service() -> Row:
    """All times are the database's: what the service's own clock says is nowhere but in its log."""
    row = Row("the service's clock jumps back an hour, and on two")
    began = datetime.now(UTC)
    with data_dir() as directory:
        try:
            clock = _Clock(directory.parent)
        except FileNotFoundError as error:
            row.remark = f"not tried: {error}"
            return row
        took = []
        with serving(directory, **clock.environment) as running:
            with fleet(running.port, running.key("edit")) as writers:
                for seconds in (-_HOUR, _HOUR):
                    writers.more(100)
                    clock.set(seconds)
                    took.append(writers.ready_again(time.monotonic()))
                    writers.more(100)
            with open_store(running) as conn:
                writers.fill(row, conn)
                _check_order(row, conn)
                stored = conn.execute(
                    "SELECT min(recorded_at), max(recorded_at) FROM ledger "
                    "UNION ALL SELECT min(created_at), max(created_at) FROM sources "
                    "UNION ALL SELECT min(created_at), max(created_at) FROM idempotency_keys"
                ).fetchall()
                for first, last in stored:
                    row.must(
                        began < first <= last < datetime.now(UTC), "a time is not the database's"
                    )
            logged = [
                datetime.fromisoformat(orjson.loads(line)["time"])
                for line in running.log.read_bytes().splitlines()
                if line.startswith(b"{")
            ]
    apart = (max(logged) - min(logged)).total_seconds()
    row.must(apart > 2 * _HOUR, "the service's clock did not jump")
    row.ready = took
    row.remark = (
        f"its log spans {apart / _HOUR:.1f} hours, the record {row.acknowledged:,} true moments"
    )
    return row


def shifted_database() -> Row:
    """The record goes on where it was, and what was answered of its past stays."""
    row = Row("the database's clock jumps back an hour")
    with data_dir() as directory:
        try:
            clock = _Clock(directory.parent)
        except FileNotFoundError as error:
            row.remark = f"not tried: {error}"
            return row
        with _shifted_postgres(directory, clock) as url:
            urls = {
                "DATABASE_URL": embedded.service_url(url),
                "CONSTANCIA_OWNER_DATABASE_URL": url,
            }
            with serving(directory, **urls) as running, open_store(running) as conn:
                key = running.key("edit")
                with fleet(running.port, key) as writers, Client(running.port, key) as editor:
                    writers.more(100)
                    before = editor.get("/v1/counts")
                    past = before["citation"]["url"]
                    cited = editor.get(past)
                    clock.set(-_HOUR)
                    row.ready = [writers.ready_again(time.monotonic())]
                    writers.more(100)
                    row.must(editor.get(past) == cited, "an answer of the past changed")
                    _check_present(row, editor)
                writers.fill(row, conn)
                _check_order(row, conn)
                found = conn.execute(
                    "SELECT now() < max(recorded_at) AS back FROM ledger"
                ).fetchone()
                row.must(found.back, "the database's clock did not jump")
    row.remark = "recorded_at goes on from the last entry; what was cited stays as it was"
    return row


def _check_present(row: Row, editor: Client) -> None:
    """What was said just before the jump is not in the future."""
    source, event = editor.source("Fuente puntual"), editor.event("Persona puntual")
    at = datetime.now(UTC) - timedelta(minutes=1)
    status, _ = editor.send("POST", "/v1/attestations", attestation_body(event, source, at))
    row.must(status == 201, f"a word of a minute ago was answered {status}")


if __name__ == "__main__":
    supervisor.Postgres = _Shifted
    supervisor.main(Path(sys.argv[1]), service=False)
