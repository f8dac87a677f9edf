"""Figures for Prometheus, of all workers together.

Each worker keeps its own in files that all of them can read, and answers for all on the one port,
which the kernel shares out among them (SO_REUSEPORT). That port is open to this machine alone, and
the contract knows nothing of it. Labels are operationIds and classes of status, never what a caller
sent.
"""

import os
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from time import sleep
from typing import Any

from psycopg_pool import ConnectionPool

from api.database import queries
from api.errors import RequestError

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_EVERY = 1.0  # seconds between two looks at the pool and the ledger


class Metrics:
    """What is counted, in files of this folder: an empty one of this start's own."""

    def __init__(self, folder: Path) -> None:
        # The library reads it when it is first imported.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        import prometheus_client as prometheus
        from prometheus_client import multiprocess

        self._prometheus, self._multiprocess = prometheus, multiprocess
        self._requests = prometheus.Counter(
            "constancia_requests", "Requests that were answered.", ["operation", "status"]
        )
        self._seconds = prometheus.Histogram(
            "constancia_request_seconds",
            "From a request's head to the end of its answer.",
            ["operation"],
            buckets=_SECONDS,
        )
        self._in_flight = self._gauge("constancia_requests_in_flight", "Requests under way.")
        self._size = self._gauge("constancia_pool_connections", "Connections to the database.")
        self._used = self._gauge("constancia_pool_connections_used", "Of these, those in use.")
        self._waiting = self._gauge("constancia_pool_waiting", "Requests that wait for one.")
        self._ledger = prometheus.Gauge(
            "constancia_ledger_public_seq",
            "The last entry of the ledger that the public knows of.",
            multiprocess_mode="livemax",
        )
        # Looking a child up by its labels costs more than counting it.
        self._children: dict[tuple[str, int], tuple[Any, Any]] = {}

    def _gauge(self, name: str, says: str) -> Any:
        return self._prometheus.Gauge(name, says, multiprocess_mode="livesum")

    def began(self) -> None:
        self._in_flight.inc()

    def ended(self, operation: str, status: int, seconds: float) -> None:
        self._in_flight.dec()
        of = (operation, status // 100)
        if of not in self._children:
            self._children[of] = (
                self._requests.labels(operation, f"{of[1]}xx"),
                self._seconds.labels(operation),
            )
        requests, histogram = self._children[of]
        requests.inc()
        histogram.observe(seconds)

    def text(self) -> bytes:
        """Of all workers, in Prometheus's text format."""
        registry = self._prometheus.CollectorRegistry()
        self._multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return bytes(self._prometheus.generate_latest(registry))

    def forget(self, pid: int) -> None:
        """Drops what a worker that has ended had under way; what it counted stays counted."""
        self._multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]

    def serve(self, port: int, pool: ConnectionPool[queries.Connection]) -> None:
        """In a worker: answers on the port, and looks at the pool and the ledger, until it ends."""
        metrics = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 5

            def do_GET(self) -> None:
                found = self.path == "/metrics"
                body = metrics.text() if found else b""
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", metrics._prometheus.CONTENT_TYPE_LATEST)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        server = _Server(("127.0.0.1", port), Handler)
        for target in (server.serve_forever, lambda: self._look(pool)):
            threading.Thread(target=target, daemon=True).start()

    def _look(self, pool: ConnectionPool[queries.Connection]) -> None:
        while not pool.closed:
            stats = pool.get_stats()
            available = stats.get("pool_available", 0)
            self._size.set(stats.get("pool_size", 0))
            self._used.set(stats.get("pool_size", 0) - available)
            self._waiting.set(stats.get("requests_waiting", 0))
            # Never instead of a caller.
            if available:
                try:
                    with queries.Lent(pool, timeout=0.1) as conn:
                        self._ledger.set(queries.row(conn, "ledger/get_recorded_moment").seq)
                except RequestError:
                    pass  # the next look tells
            sleep(_EVERY)


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    allow_reuse_port = True
    daemon_threads = True
