"""Migrations, reloads and a new version while the service runs."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from api.database import connections, migrations
from api.server import embedded
from tests.faults.kills import service
from tests.faults.table import Row
from tests.faults.writers import Fleet, fleet, repeated
from tests.store_checks import open_store
from tests.support import COMMAND, Client, Service, data_dir, environment, serving, wait_until

ROOT = Path(__file__).resolve().parents[2]


def migrated_twice(processes: int = 8) -> Row:
    """So many commands at once on one new database: each migration is applied once, and every
    command ends well."""
    row = Row(f"a migration started {processes} times at once")
    with data_dir(new=True) as directory, embedded.running(directory) as server:
        with psycopg.connect(server, autocommit=True) as conn:
            conn.execute("CREATE DATABASE another")
        url = make_conninfo(server, dbname="another")
        began = time.monotonic()
        commands = [
            subprocess.Popen(
                [*COMMAND, "migrate"],
                env=environment(DATABASE_URL=url),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(processes)
        ]
        outputs = [command.communicate() for command in commands]
        row.ready = [time.monotonic() - began]
        with connections.connect(url) as conn:
            applied = [
                migration.number for migration in conn.execute("SELECT number FROM migrations")
            ]
            pending = migrations.pending(conn)
    row.sent = processes
    row.acknowledged = sum(command.returncode == 0 for command in commands)
    by_whom = Counter("Migrated: 0001" in err for _, err in outputs)
    expected = [migration.number for migration in migrations.migrations()]
    row.lost = len({*expected} - {*applied})
    row.doubled = by_whom[True] - 1
    row.must(row.acknowledged == processes, "a command failed")
    row.must(sorted(applied) == expected and not pending, "not every migration is applied once")
    row.must(by_whom[True] == 1, "it was migrated by more than one")
    row.remark = f"{len(applied)} migrations, each applied once"
    return row


def reloaded_workers(times: int = 5) -> Row:
    """SIGHUP under load: no request fails."""
    row = Row(f"all workers replaced {times} times (SIGHUP)")
    with service() as running:
        with fleet(running.port, running.key("edit")) as writers:
            seconds = []
            for _ in range(times):
                writers.more(100)
                before, at = {*running.workers()}, time.monotonic()
                os.kill(running.process.pid, signal.SIGHUP)
                wait_until(lambda old=before: not old & {*running.workers()}, "others")
                seconds.append(time.monotonic() - at)
                writers.more(50)
        with open_store(running) as conn:
            writers.fill(row, conn)
    row.ready = seconds
    row.must(_unfailed(writers), f"requests failed: {dict(writers.statuses)}")
    row.remark = "no request failed; the time is until all are replaced"
    return row


@contextlib.contextmanager
def _next_version() -> Iterator[Path]:
    """Yield a folder with the code of a version that has one more migration."""
    folder = Path(tempfile.mkdtemp(prefix="constancia-"))
    try:
        for name in ("api", "sql"):
            shutil.copytree(ROOT / name, folder / name)
        shutil.copy(ROOT / "openapi.yaml", folder)
        number = len(migrations.migrations()) + 1
        (folder / f"sql/migrations/{number:04}_next_version.sql").write_text(
            "-- What a next version would add.\n"
            "ALTER TABLE sources ADD COLUMN of_next_version text;\n"
            "SELECT pg_sleep(1);\n"
        )
        yield folder
    finally:
        shutil.rmtree(folder)


def upgraded() -> Row:
    """A new version starts beside the old one and migrates, as in the README.

    The old version responds until it is stopped.
    """
    row = Row("a new version migrates beside the old one")
    with contextlib.ExitStack() as stack:
        directory, folder = stack.enter_context(data_dir()), stack.enter_context(_next_version())
        url = stack.enter_context(embedded.running(directory))
        urls = {
            "DATABASE_URL": embedded.service_url(url),
            "CONSTANCIA_OWNER_DATABASE_URL": url,
        }
        old = stack.enter_context(serving(directory, **urls))
        key = old.key("edit")
        with fleet(old.port, key, clients=8) as writers:
            writers.more(50)
            at = time.monotonic()
            new = stack.enter_context(serving(directory, folder=folder, **urls))
            row.ready = [time.monotonic() - at]
            writers.more(50)  # of the old one
            wait_until(lambda: _is_behind(old), "the old one calls itself not ready")
        row.must(_unfailed(writers), f"requests failed: {dict(writers.statuses)}")
        row.must(old.stop() == 0, "the old one did not end well")
        _again(row, new, key, writers)
        with open_store(new) as conn:
            writers.fill(row, conn)
    row.remark = "no request of the old one failed; the time is until the new one is ready"
    return row


def _is_behind(running: Service) -> bool:
    """Whether a service says that the database is ahead of it."""
    with Client(running.port) as client:
        status, problem = client.send("GET", "/readyz")
    return status == 503 and "ahead" in str(problem)


def _again(row: Row, new: Service, key: str, writers: Fleet) -> None:
    """The new version gives the stored responses of the old one to retries."""
    with Client(new.port, key) as client:
        for number in list(writers.answers)[:50]:
            status, headers, content = client.exchange_patiently("POST", *writers.write(number))
            same = repeated(headers, content) in writers.answers[number]
            row.must(status == 201 and same, "the new version answers a retry in another way")


def _unfailed(writers: Fleet) -> bool:
    """Whether each request got a response, also if a loaded machine was busy."""
    statuses: set[Any] = {*writers.statuses}
    return statuses <= {201, 503}
