"""An exhausted connection pool, and a database that responds late or not at all."""

import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from statistics import median
from typing import Any

from api.database import connections
from api.server import embedded
from tests.faults.kills import service
from tests.faults.proxy import proxied
from tests.faults.table import Row
from tests.faults.writers import Fleet, fleet
from tests.store_checks import open_store
from tests.support import Client, wait_until

# The statement timeout of the service, and a second more.
_MAX_STATEMENT_SECONDS = 31
_TWO_THREADS = {"CONSTANCIA_THREADS": "2"}


def _with_seconds(action: Callable[[], Any]) -> tuple[float, Any]:
    began = time.monotonic()
    result = action()
    return time.monotonic() - began, result


def _health(port: int) -> int:
    with Client(port) as client:
        return client.exchange("GET", "/healthz")[0]


def full_pool(requests: int = 64) -> Row:
    """More writes at a time than the pool has connections, both of which wait for a lock.

    The other writes get 503 meanwhile.
    """
    row = Row(f"{requests} requests on a pool of 2 that wait")
    with service(workers=1, **_TWO_THREADS) as running:
        key, port = running.key("edit"), running.port
        writers = Fleet(port, key, range(requests), clients=8, pause=0)

        def send_write(n: int) -> tuple[float, Any]:
            with Client(port, key) as client:
                return _with_seconds(lambda: client.exchange("POST", *writers.write(n)))

        with ThreadPoolExecutor(requests + 1) as threads:
            with (
                embedded.running(running.data_dir) as url,
                connections.connect(url) as conn,
                conn.transaction(),
            ):
                conn.execute("SELECT FROM ledger_head FOR UPDATE")
                futures = [threads.submit(send_write, n) for n in range(requests)]
                health = threads.submit(_with_seconds, lambda: _health(port))
                _wait_for_responses(row, futures, requests - 2)
                row.must(health.done(), "/healthz waits for the database")
            responses = [future.result() for future in futures]
        at = time.monotonic()
        writers.start()
        row.ready = [writers.ready_again(at)]
        wait_until(lambda: writers.is_finished, "all writes")
        with open_store(running) as conn:
            writers.fill(row, conn)
    row.sent += requests
    statuses = Counter(status for _, (status, _, _) in responses)
    refused = [(seconds, headers) for seconds, (status, headers, _) in responses if status == 503]
    row.acknowledged += statuses[201]
    row.must({*statuses} <= {201, 503}, f"the statuses were {dict(statuses)}")
    row.must(all(headers["Retry-After"] for _, headers in refused), "503 without Retry-After")
    row.must(len(refused) >= requests - 10, "a caller waited for a pool that was full")
    if refused:
        seconds = [seconds for seconds, _ in refused]
        row.remark = (
            f"{len(refused)} got 503 after {median(seconds):.2f} s, {max(seconds):.2f} s at the "
            f"most; /healthz after {health.result()[0]:.3f} s"
        )
    return row


def _wait_for_responses(row: Row, futures: list[Future[Any]], count: int) -> None:
    """Wait until `count` requests have a response."""
    try:
        wait_until(lambda: sum(future.done() for future in futures) >= count, "the responses")
    except AssertionError:
        row.broken.append("a request that cannot be served waits")


def late_database(seconds: float = 15, late: float = 0.01) -> Row:
    """The database is silent for a while, then delays each message.

    Requests get a 503 meanwhile, and the health check still succeeds.
    """
    row = Row(f"a database silent for {seconds:.0f} s, then late")
    with proxied(workers=2, **_TWO_THREADS) as (running, proxy):
        with fleet(running.port, running.key("edit")) as writers:
            writers.more()
            proxy.silence()
            wait_until(lambda: writers.statuses[503] >= 20, "the responses")
            time.sleep(seconds)
            health, status = _with_seconds(lambda: _health(running.port))
            row.must(status == 200, f"the status of /healthz was {status}")
            proxy.delay = late
            proxy.resume()
            writers.more()
            proxy.delay = 0
            row.ready = [writers.ready_again(time.monotonic())]
            writers.more(50)
        with open_store(running) as conn:
            writers.fill(row, conn)
    row.remark = (
        f"/healthz after {health:.3f} s while it was silent; {writers.statuses[503]:,} answers "
        f"503; slowest write {writers.slowest:.1f} s"
    )
    return row


def stopped_database() -> Row:
    """PostgreSQL is stopped (SIGSTOP). Requests are answered, and not held until it goes on."""
    row = Row("SIGSTOP of PostgreSQL for 31 s")
    with service() as running:
        with fleet(running.port, running.key("edit")) as writers:
            writers.more()
            postmaster, *backends = running.postgres()
            began = time.monotonic()
            with _stopped([postmaster, *backends]):
                health, status = _with_seconds(lambda: _health(running.port))
                row.must(status == 200, f"the status of /healthz was {status}")
                time.sleep(max(0.0, began + _MAX_STATEMENT_SECONDS - time.monotonic()))
                answered = writers.statuses[503]
                # No thread of the service waits for PostgreSQL any more.
                wait_until(lambda: writers.statuses[503] >= answered + 200, "the responses")
                seconds = time.monotonic() - began
            row.ready = [writers.ready_again(time.monotonic())]
            writers.more(50)
        with open_store(running) as conn:
            writers.fill(row, conn)
    row.remark = (
        f"stopped for {seconds:.0f} s; /healthz after {health:.3f} s; "
        f"{writers.statuses[503]:,} answers 503; slowest write {writers.slowest:.1f} s"
    )
    return row


@contextlib.contextmanager
def _stopped(pids: Iterable[int]) -> Iterator[None]:
    """Stop processes, and let them go on."""
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
