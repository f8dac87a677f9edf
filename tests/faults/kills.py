"""kill -9 of workers, of PostgreSQL, and of both during retries."""

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from api.server.cluster import command_of
from tests.faults.table import Row
from tests.faults.writers import Fleet, fleet
from tests.store_checks import open_store
from tests.support import (
    Service,
    all_processes,
    data_dir,
    reserved_port,
    serving,
    wait_until,
)


@contextlib.contextmanager
def service(**options: Any) -> Iterator[Service]:
    """Start a service for one fault."""
    with data_dir() as directory, serving(directory, **options) as running:
        yield running


def kill(pids: Iterable[int]) -> float:
    """kill -9 of all of them; return the time."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return time.monotonic()


def a_worker(running: Service) -> list[int]:
    return random.sample(workers, 1) if (workers := running.workers()) else []


def postgresql(running: Service) -> list[int]:
    """The postmaster and its backends, if they run."""
    with contextlib.suppress(FileNotFoundError, ValueError, IndexError):
        return running.postgres()
    return []


def retries(writes: int = 1000, times: int = 10, clients: int = 32) -> Row:
    """Send each write several times, in random order, from several clients."""
    row = Row(f"{writes * times:,} retries of {writes:,} writes, random kills")
    order = [number for number in range(writes) for _ in range(times)]
    random.shuffle(order)
    intervals: list[float] = []
    workers = servers = 0
    with service() as running:
        with fleet(running.port, running.key("edit"), order, clients=clients, pause=0) as writers:
            while not writers.is_finished:
                if servers * 8 <= workers:
                    intervals.append(writers.ready_again(kill(postgresql(running))))
                    servers += 1
                else:
                    kill(a_worker(running))
                    workers += 1
                time.sleep(random.uniform(0.2, 0.8))
        fill_row(row, running, writers, intervals)
    row.must(len(writers.answers) == writes, "a write is missing")
    row.must(row.acknowledged == writes * times, "a retry was not acknowledged")
    row.remark = (
        f"{workers} workers killed, PostgreSQL killed {servers} times; "
        f"{len(writers.answers):,} writes stored; {writers.statuses[409]:,} retries in progress"
    )
    return row


def killed_workers(seconds: float = 60) -> Row:
    row = Row(f"kill -9 of a worker every second for {seconds:.0f} s")
    intervals: list[float] = []
    end = time.monotonic() + seconds
    with service() as running:
        with fleet(running.port, running.key("edit")) as writers:
            writers.more()
            while time.monotonic() < end:
                wait_until(running.workers, "a worker")
                at = kill(a_worker(running))
                intervals.append(writers.ready_again(at))
                time.sleep(max(0.0, at + 1 - time.monotonic()))
        fill_row(row, running, writers, intervals)
    row.remark = f"{len(intervals)} killed; slowest write {writers.slowest:.1f} s"
    return row


def killed_postgresql(times: int = 5) -> Row:
    row = Row(f"kill -9 of PostgreSQL, {times} times")
    intervals = []
    with service() as running:
        with fleet(running.port, running.key("edit")) as writers:
            for _ in range(times):
                writers.more(100)
                pids = running.postgres()
                intervals.append(writers.ready_again(kill(pids)))
        fill_row(row, running, writers, intervals)
    row.remark = f"{writers.statuses[503]} responses 503; slowest write {writers.slowest:.1f} s"
    return row


def killed_master(times: int = 5) -> Row:
    """The processes of a service end with its master, so that it can be started again at once."""
    return _killed_service(f"kill -9 of the master alone, {times} times", times, _kill_master)


def _kill_master(running: Service) -> None:
    kill([running.process.pid])


def killed_supervisors(times: int = 3) -> Row:
    """A service ends when nothing would restart its PostgreSQL."""
    return _killed_service(f"kill -9 of both supervisors, {times} times", times, _kill_supervisors)


def _kill_supervisors(running: Service) -> None:
    text = f"-m api.server.embedded {running.data_dir} "
    kill([pid for pid in all_processes() if text in (command_of(pid) or "")])


def _killed_service(fault: str, times: int, act: Callable[[Service], None]) -> Row:
    """Start a service again on its port whenever a fault has ended it."""
    row = Row(fault)
    intervals: list[float] = []
    with data_dir() as directory:
        port = reserved_port()
        running = Service(directory, port)
        try:
            wait_until(running.ready, "ready")
            with fleet(port, running.key("edit")) as writers:
                for _ in range(times):
                    writers.more()
                    at = time.monotonic()
                    act(running)
                    row.must(running.process.wait(120), "it ended as if stopped")
                    running = Service(directory, port)
                    intervals.append(writers.ready_again(at))
            fill_row(row, running, writers, intervals)
            running.stop()
        finally:
            running.kill()
    row.remark = f"slowest write {writers.slowest:.1f} s"
    return row


def fill_row(row: Row, running: Service, writers: Fleet, intervals: list[float]) -> None:
    with open_store(running) as conn:
        writers.fill(row, conn)
    row.ready = intervals
