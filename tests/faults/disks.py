"""A disk that is full: of the data, and of what PostgreSQL writes ahead."""

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
from tests.faults.writers import fleet
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
    """A service with a disk for its data and one for what is written ahead."""
    with contextlib.ExitStack() as stack:
        place = Path(tempfile.mkdtemp(prefix="constancia-"))
        stack.callback(shutil.rmtree, place)
        data, ahead = (stack.enter_context(_disk(place / name, 160)) for name in ("data", "ahead"))
        with embedded.running(data):
            pass  # is made
        there, moved = data / "pgdata" / "pg_wal", ahead / "pg_wal"
        shutil.copytree(there, moved)
        owner = there.stat()
        for path in (moved, *moved.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)
        shutil.rmtree(there)
        there.symlink_to(moved)
        yield stack.enter_context(serving(data)), data, ahead


def _fill(disk: Path) -> Path:
    """Takes all the room that there is."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file, contextlib.suppress(OSError):
        while True:
            os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), 1 << 12)
    return ballast


def _reads(row: Row, port: int) -> None:
    with Client(port) as reader:
        for path in _READS:
            status, _, _ = reader.exchange("GET", path)
            row.must(status == 200, f"{path} was answered {status} while the disk was full")


def full_disk() -> Row:
    """Of the data: who writes is told, who reads is answered; with room again all goes on, and
    nothing was started anew."""
    row = Row("a full disk")
    try:
        with _on_disks() as (running, data, _), fleet(running.port, running.key("edit")) as writers:
            writers.more(200)
            server = running.postgres()[0]
            ballast = _fill(data)
            wait_until(lambda: writers.statuses[503] > 100, "writers are told")
            _reads(row, running.port)
            refused = writers.statuses[503]
            ballast.unlink()
            row.ready = [writers.ready_again(time.monotonic())]
            writers.more(200)
            row.must(running.postgres()[0] == server, "PostgreSQL was started anew")
            writers.finish()
            with open_store(running) as conn:
                writers.fill(row, conn)
        row.remark = f"{refused} writes refused with 503, reads went on; no restart"
    except subprocess.CalledProcessError as error:
        row.remark = f"not tried: no disk can be mounted here ({error.stderr.decode().strip()})"
    return row


def full_log() -> Row:
    """Of what is written ahead: PostgreSQL gives up, and is started again once there is room."""
    row = Row("a full disk of the write-ahead log")
    try:
        with (
            _on_disks() as (running, _, ahead),
            fleet(running.port, running.key("edit")) as writers,
        ):
            writers.more(200)
            ballast = _fill(ahead)
            with (
                embedded.running(running.data_dir) as url,
                contextlib.suppress(psycopg.Error),
                psycopg.connect(url, autocommit=True) as conn,
            ):
                while True:
                    conn.execute("SELECT pg_switch_wal()")
                    time.sleep(0.05)
            told = writers.statuses[503]
            wait_until(lambda: writers.statuses[503] > told + 50, "writers are told")
            ballast.unlink()
            row.ready = [writers.ready_again(time.monotonic())]
            writers.more(200)
            writers.finish()
            with open_store(running) as conn:
                writers.fill(row, conn)
        row.remark = f"{writers.statuses[503]} answers 503 until there was room"
    except subprocess.CalledProcessError as error:
        row.remark = f"not tried: no disk can be mounted here ({error.stderr.decode().strip()})"
    return row
