"""Prometheus metrics of all worker processes together, on a port of the loopback interface.

prometheus_client keeps each process's values in memory-mapped files of one directory; the master
process serves their sum. Labels are operation ids and status classes, never values from a request.
"""

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from time import sleep
from typing import Any

from psycopg_pool import ConnectionPool

from api.database import queries
from api.errors import RequestError

_BUCKETS_SECONDS = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
_SAMPLE_INTERVAL_SECONDS = 1.0
_LOOPBACK = "127.0.0.1"


@contextmanager
def metrics(port: int) -> Iterator["Metrics"]:
    """Yield metrics that start at zero, in a new directory that the master process removes."""
    master = os.getpid()
    prefix = f"constancia-metrics-{port}-"
    # Remove that of a master that was killed: only one at a time has the port.
    for stale in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        shutil.rmtree(stale, ignore_errors=True)
    folder = tempfile.mkdtemp(prefix=prefix)
    # prometheus_client reads this variable when it is first imported.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    try:
        yield Metrics(Path(folder))
    finally:
        # A forked worker unwinds this context at its exit, too.
        if os.getpid() == master:
            shutil.rmtree(folder, ignore_errors=True)


class Metrics:
    """Counts requests in this process, and serves the sum of all processes."""

    def __init__(self, folder: Path) -> None:
        import prometheus_client
        from prometheus_client import multiprocess

        self._folder = folder
        self._prometheus, self._multiprocess = prometheus_client, multiprocess
        self._requests = prometheus_client.Counter(
            "constancia_requests", "Requests answered.", ["operation", "status"]
        )
        self._seconds = prometheus_client.Histogram(
            "constancia_request_seconds",
            "Time from the head of a request to the end of its response.",
            ["operation"],
            buckets=_BUCKETS_SECONDS,
        )
        self._in_flight = self._gauge("constancia_requests_in_flight", "Requests in progress.")
        self._size = self._gauge("constancia_pool_connections", "Database connections.", "pool")
        self._used = self._gauge(
            "constancia_pool_connections_used", "Database connections in use.", "pool"
        )
        self._waiting = self._gauge(
            "constancia_pool_waiting", "Requests that wait for a database connection.", "pool"
        )
        self._public_seq = self._gauge(
            "constancia_ledger_public_seq", "Last public entry of the ledger.", mode="livemax"
        )
        self._server: Any = None

    def _gauge(self, name: str, documentation: str, *labels: str, mode: Any = "livesum") -> Any:
        return self._prometheus.Gauge(name, documentation, labels, multiprocess_mode=mode)

    def began(self) -> None:
        self._in_flight.inc()

    def ended(self, operation: str, status: int, seconds: float) -> None:
        self._in_flight.dec()
        self._requests.labels(operation, f"{status // 100}xx").inc()
        self._seconds.labels(operation).observe(seconds)

    def serve(self, port: int) -> None:
        """Serve the metrics of all workers. Called in the master process."""
        registry = self._prometheus.CollectorRegistry()
        registry.register(self)
        self._server, _ = self._prometheus.start_http_server(port, _LOOPBACK, registry)

    def collect(self) -> Any:
        """Return the values of all processes. Called by prometheus_client.

        Its own collector fails on the file that a worker has just created, which is empty.
        """
        files = [str(file) for file in self._folder.glob("*.db") if _has_content(file)]
        return self._multiprocess.MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]

    def worker_exited(self, pid: int) -> None:
        """Drop a worker's gauges; its counters stay in the sum. Called in the master process."""
        self._multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]

    def sample(self, pools: Mapping[str, ConnectionPool[queries.Connection]]) -> None:
        """Sample the pools, by name, and the ledger until they close. Called in a worker."""
        if self._server:
            self._server.socket.close()  # inherited by the fork; only the master listens
        threading.Thread(target=self._sample, args=(pools,), daemon=True).start()

    def _sample(self, pools: Mapping[str, ConnectionPool[queries.Connection]]) -> None:
        pool = pools["common"]
        while not pool.closed:
            for name, sampled in pools.items():
                stats = sampled.get_stats()
                size = stats.get("pool_size", 0)
                self._size.labels(name).set(size)
                self._used.labels(name).set(size - stats.get("pool_available", 0))
                self._waiting.labels(name).set(stats.get("requests_waiting", 0))
            # Read the ledger only with an idle connection, so that no request waits for it.
            if pool.get_stats().get("pool_available"):
                with (
                    suppress(RequestError),
                    queries.borrowed_connection(pool, timeout_seconds=0.1) as conn,
                ):
                    self._public_seq.set(queries.row(conn, "ledger/get_recorded_moment").seq)
            sleep(_SAMPLE_INTERVAL_SECONDS)


def _has_content(file: Path) -> bool:
    """Whether a file has content; the gauges of a worker that ends are removed meanwhile."""
    with suppress(FileNotFoundError):
        return file.stat().st_size > 0
    return False
