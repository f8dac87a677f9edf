"""Fill the disk of the data, and that of the write-ahead log (WAL)."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from api.server import embedded
from tests.faults.table import Row
from tests.faults.writers import Fleet, fleet
from tests.store_checks import open_store
from tests.support import Client, Service, serving, wait_until

_READS = ("/healthz", "/v1/counts", "/v1/sources?limit=5", "/v1/changes?after=0&limit=5")


@contextlib.contextmanager
def _disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A small disk, in memory. Raises CalledProcessError where mounting is not allowed."""
    folder.mkdir()
    options = f"size={megabytes}m,mode=0711"
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "constancia", str(folder)],
        check=True,
        capture_output=True,
    )
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextlib.contextmanager
def _on_disks() -> Iterator[tuple[Service, Path, Path]]:
    """A service with a disk for its data and one for its WAL."""
    with contextlib.ExitStack() as stack:
        place = Path(tempfile.mkdtemp(prefix="constancia-"))
        stack.callback(shutil.rmtree, place)
        data, wal = (stack.enter_context(_disk(place / name, 160)) for name in ("data", "wal"))
        with embedded.running(data):
            pass  # Creates the database.
        linked, moved = data / "pgdata" / "pg_wal", wal / "pg_wal"
        shutil.copytree(linked, moved)
        owner = linked.stat()
        for path in (moved, *moved.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)
        shutil.rmtree(linked)
        linked.symlink_to(moved)
        yield stack.enter_context(serving(data)), data, wal


def _fill(disk: Path) -> Path:
    """Take all free space; return the file that takes it."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file, contextlib.suppress(OSError):
        while True:
            os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), 1 << 12)
    return ballast


def _reads(row: Row, port: int) -> None:
    with Client(port) as reader:
        for path in _READS:
            status, _, _ = reader.exchange("GET", path)
            row.must(status == 200, f"{path} got {status} while the disk was full")


@contextlib.contextmanager
def _row(name: str) -> Iterator[Row]:
    """Yield the row of a fault, which is skipped if no disk can be mounted."""
    row = Row(name)
    try:
        yield row
    except subprocess.CalledProcessError as error:
        row.remark = f"not tried: no disk can be mounted here ({error.stderr.decode().strip()})"


def _free(row: Row, ballast: Path, running: Service, writers: Fleet) -> None:
    """Free the space, and check that writes succeed and each acknowledged one is stored."""
    ballast.unlink()
    row.ready = [writers.ready_again(time.monotonic())]
    writers.more(200)
    writers.finish()
    with open_store(running) as conn:
        writers.fill(row, conn)


def full_disk() -> Row:
    """Fill the data disk: writes get 503, reads get 200.

    Writes succeed again once space is free, without a restart.
    """
    with (
        _row("a full data disk") as row,
        _on_disks() as (running, data, _),
        fleet(running.port, running.key("edit")) as writers,
    ):
        writers.more(200)
        server = running.postgres()[0]
        ballast = _fill(data)
        wait_until(lambda: writers.statuses[503] > 100, "writes get 503")
        _reads(row, running.port)
        failed = writers.statuses[503]
        _free(row, ballast, running, writers)
        row.must(running.postgres()[0] == server, "PostgreSQL was restarted")
        row.remark = f"{failed} writes got 503, reads got 200; no restart"
    return row


def full_wal_disk() -> Row:
    """Fill the WAL disk: PostgreSQL stops, and is started again once space is free."""
    with (
        _row("a full WAL disk") as row,
        _on_disks() as (running, _, wal),
        fleet(running.port, running.key("edit")) as writers,
    ):
        writers.more(200)
        ballast = _fill(wal)
        with (
            embedded.running(running.data_dir) as url,
            contextlib.suppress(psycopg.Error),
            psycopg.connect(url, autocommit=True) as conn,
        ):
            while True:
                conn.execute("SELECT pg_switch_wal()")
                time.sleep(0.05)
        before = writers.statuses[503]
        wait_until(lambda: writers.statuses[503] > before + 50, "writes get 503")
        _free(row, ballast, running, writers)
        row.remark = f"{writers.statuses[503]} writes got 503 until space was free"
    return row
