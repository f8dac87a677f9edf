"""Clocks that jump back an hour: that of the service, and that of the database."""

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
    """A clock for processes that run in its `environment`."""

    def __init__(self, folder: Path) -> None:
        """Raise FileNotFoundError if there is no C compiler."""
        compiler = shutil.which("cc")
        if compiler is None:
            raise FileNotFoundError("no C compiler")
        library, self._file = folder / "clock.so", folder / "seconds"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, _SOURCE], check=True)
        self.set(0)
        self.environment = {"LD_PRELOAD": str(library), "SHIFTED_CLOCK": str(self._file)}

    def set(self, seconds: int) -> None:
        """Set the seconds by which it is ahead of the system clock."""
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("l", seconds))


class _Shifted(Postgres):
    """A PostgreSQL with the clock of this environment, in a separate process."""

    def spawn(self, *arguments: Any) -> "subprocess.Popen[str]":
        names = ("LD_PRELOAD", "SHIFTED_CLOCK")
        env = [f"{name}={os.environ[f'POSTGRES_{name}']}" for name in names]
        return super().spawn("/usr/bin/env", *env, *arguments)


@contextlib.contextmanager
def _shifted_postgres(directory: Path, clock: _Clock) -> Iterator[str]:
    """Run a PostgreSQL; yield the URL of its owner."""
    env = {f"POSTGRES_{name}": value for name, value in clock.environment.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.clocks", str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **env},
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        state, _, url = process.stdout.readline().decode().strip().partition(" ")
        assert state == "ready", url
        yield url
    finally:
        process.terminate()
        process.communicate()


def _check_order(row: Row, conn: queries.Connection) -> None:
    moments = [
        entry.recorded_at for entry in conn.execute("SELECT recorded_at FROM ledger ORDER BY seq")
    ]
    row.must(moments == sorted(moments), "the ledger is not in the order of record time")


def shifted_service() -> Row:
    """All times come from the database; only the log has times of the service's clock."""
    row = Row("the service's clock jumps back an hour, and on two")
    began = datetime.now(UTC)
    with data_dir() as directory:
        try:
            clock = _Clock(directory.parent)
        except FileNotFoundError as error:
            row.remark = f"not tried: {error}"
            return row
        seconds_until_ready = []
        with serving(directory, **clock.environment) as running:
            with fleet(running.port, running.key("edit")) as writers:
                for seconds in (-_HOUR, _HOUR):
                    writers.more()
                    clock.set(seconds)
                    seconds_until_ready.append(writers.ready_again(time.monotonic()))
                    writers.more()
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
                        began < first <= last < datetime.now(UTC), "a time is not from the database"
                    )
            logged = [
                datetime.fromisoformat(orjson.loads(line)["time"])
                for line in running.log.read_bytes().splitlines()
                if line.startswith(b"{")
            ]
    log_span = (max(logged) - min(logged)).total_seconds()
    row.must(log_span > 2 * _HOUR, "the service's clock did not jump")
    row.ready = seconds_until_ready
    row.remark = (
        f"its log spans {log_span / _HOUR:.1f} hours, the record {row.acknowledged:,} true moments"
    )
    return row


def shifted_database() -> Row:
    """The ledger continues in order, and responses for earlier record times do not change."""
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
                    writers.more()
                    before = editor.get("/v1/counts")
                    past = before["citation"]["url"]
                    cited_response = editor.get(past)
                    clock.set(-_HOUR)
                    row.ready = [writers.ready_again(time.monotonic())]
                    writers.more()
                    row.must(
                        editor.get(past) == cited_response,
                        "a response for a past record time changed",
                    )
                    _check_present(row, editor)
                writers.fill(row, conn)
                _check_order(row, conn)
                order = conn.execute(
                    "SELECT now() < max(recorded_at) AS back FROM ledger"
                ).fetchone()
                row.must(order.back, "the database's clock did not jump")
    row.remark = "recorded_at continues after the last entry; cited responses do not change"
    return row


def _check_present(row: Row, editor: Client) -> None:
    """Attestations published just before the jump are not in the future."""
    source, event = editor.source("Fuente puntual"), editor.event("Persona puntual")
    at = datetime.now(UTC) - timedelta(minutes=1)
    body = attestation_body(event, source, at)
    status, _ = editor.send_patiently("POST", "/v1/attestations", body)
    row.must(status == 201, f"an attestation published a minute ago got {status}")


if __name__ == "__main__":
    supervisor.Postgres = _Shifted
    supervisor.main(Path(sys.argv[1]), service=False)
