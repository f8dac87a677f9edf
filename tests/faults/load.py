"""Long mixed load: memory, files and connections of the service must not grow.

This module also runs as the command `constancia`, for workers that count their blocks of memory.
"""

import contextlib
import gc
import os
import random
import re
import signal
import sys
import threading
import time
from collections import Counter
from http.client import HTTPException
from pathlib import Path
from statistics import median
from typing import NamedTuple

from api.commands.main import main
from tests.faults.kills import service
from tests.faults.table import Row
from tests.faults.writers import fleet
from tests.store_checks import open_store
from tests.support import Client, Service, wait_until

_MEBIBYTE = 1 << 20


class _Resources(NamedTuple):
    """The resources of all workers at one moment."""

    memory: float
    """Resident, in MiB."""
    blocks: int
    """That Python has allocated, without cyclic garbage."""
    files: int
    connections: int
    """To the database: its backends for the service."""


class _CountingService(Service):
    """A service whose workers write the number of their blocks to the log when they get a signal.

    What is resident hides a leak: malloc keeps most of what is freed. In 25,000 reads and some
    thousand writes the blocks of a worker stayed at 480,000, and so did the 17 MiB that malloc had
    in use, while it kept 1 MiB at first and 7 MiB at the end.
    """

    def serve(self, port: int) -> list[str]:
        return [sys.executable, "-m", "tests.faults.load", *super().serve(port)[3:]]

    def blocks(self) -> int:
        read = len(self.log.read_text())
        workers = self.workers()
        for pid in workers:
            os.kill(pid, signal.SIGRTMIN)

        def counts() -> list[str]:
            return re.findall(r"^(\d+) blocks$", self.log.read_text()[read:], re.MULTILINE)

        wait_until(lambda: len(counts()) >= len(workers), "the workers counted their blocks")
        return sum(map(int, counts()))


def _write_blocks(*_: object) -> None:
    gc.collect()
    os.write(1, b"%d blocks\n" % sys.getallocatedblocks())


def _resources(running: _CountingService) -> _Resources:
    memory = files = 0
    for pid in running.workers():
        with contextlib.suppress(OSError):
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            memory += pages * os.sysconf("SC_PAGE_SIZE")
            files += len(os.listdir(f"/proc/{pid}/fd"))
    with open_store(running) as conn:
        connections = conn.execute(
            "SELECT count(*) AS n FROM pg_stat_activity WHERE usename = 'constancia_service'"
        ).fetchone()
    return _Resources(memory / _MEBIBYTE, running.blocks(), files, connections.n)


class _Readers:
    """Clients that send reads, with persistent or new connections, some with an entity tag."""

    def __init__(self, port: int, key: str, clients: int) -> None:
        self._port, self._key = port, key
        self._enough = threading.Event()
        self.statuses: Counter[int | str] = Counter()
        self._threads = [threading.Thread(target=self._run, args=[n]) for n in range(clients)]
        for thread in self._threads:
            thread.start()

    def _run(self, n: int) -> None:
        chance, etags = random.Random(n), dict[str, str]()
        with Client(self._port, self._key if n % 2 else None) as client:
            while not self._enough.is_set():
                path = self._path(chance)
                etag = etags.get(path)
                headers = {"If-None-Match": etag} if etag and chance.random() < 0.5 else {}
                try:
                    status, response, _ = client.exchange("GET", path, None, headers)
                    self.statuses[status] += 1
                    if response["ETag"] and len(etags) < 100:
                        etags[path] = response["ETag"]
                except (OSError, HTTPException) as error:
                    self.statuses[type(error).__name__] += 1
                if chance.random() < 0.1:
                    client.close()

    @staticmethod
    def _path(chance: random.Random) -> str:
        day, hour = chance.randrange(1, 28), chance.randrange(24)
        return chance.choice(
            (
                f"/v1/counts?as_of=2026-01-{day:02}T{hour:02}:00:00Z",
                "/v1/counts?group_by=age_group",
                f"/v1/counts/timeline?from=2026-01-01&until=2026-01-{day:02}",
                f"/v1/sources?limit={chance.randrange(1, 50)}",
                "/v1/sources?format=csv&limit=50",
                "/v1/release-events?format=ndjson",
                f"/v1/detainees?q=nombre+{chance.randrange(100)}",
                f"/v1/changes?after={chance.randrange(100)}&limit=20",
                "/v1/feed",
                "/v1/export",
                f"/v1/sources/{chance.randrange(10**12):032x}",
                f"/v1/nowhere/{chance.random()}",
                "/healthz",
                "/readyz",
            )
        )

    def finish(self) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join()


def mixed_load(seconds: float = 300, settled: float = 150) -> Row:
    """Run readers and writers, and compare the resources of the workers.

    They are medians of ten samples, taken after `settled` seconds, when the caches of the workers
    are full, and at the end. Resident memory may grow by 10 per cent, since malloc keeps more the
    longer the responses become (7 per cent were measured); the blocks may not.
    """
    row = Row(f"{seconds:.0f} s of mixed load")
    with service(kind=_CountingService) as running:
        key = running.key("edit")
        with fleet(running.port, key, clients=4, pause=0.2) as writers:
            readers = _Readers(running.port, key, 8)
            try:
                time.sleep(settled)
                first = _median_resources(running)
                time.sleep(max(0.0, seconds - settled - 20))
                last = _median_resources(running)
            finally:
                readers.finish()
        with open_store(running) as conn:
            writers.fill(row, conn)
    read_count = readers.statuses.total()
    row.sent += read_count
    # The readers share an address and a key, which have few slots for exports: 429.
    expected = {200, 304, 404, 429}
    row.must({*readers.statuses} <= expected, f"statuses {dict(readers.statuses)}")
    row.must(last.memory < first.memory * 1.1, "memory grows")
    row.must(last.blocks < first.blocks * 1.03, "objects are kept")
    row.must(last.files <= first.files + 4, "files are left open")
    row.must(last.connections <= first.connections + 2, "connections are left open")
    row.remark = (
        f"{read_count:,} reads; memory {first.memory:.0f} then {last.memory:.0f} MiB, "
        f"{first.blocks:,} then {last.blocks:,} blocks, open files {first.files} then "
        f"{last.files}, connections {first.connections} then {last.connections}"
    )
    return row


def _median_resources(running: _CountingService) -> _Resources:
    samples = []
    for _ in range(10):
        samples.append(_resources(running))
        time.sleep(0.5)
    return _Resources(
        median(sample.memory for sample in samples),
        round(median(sample.blocks for sample in samples)),
        round(median(sample.files for sample in samples)),
        round(median(sample.connections for sample in samples)),
    )


if __name__ == "__main__":
    signal.signal(signal.SIGRTMIN, _write_blocks)
    main()
