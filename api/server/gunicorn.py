"""gunicorn, configured: one master process that loads the application, and forked workers."""

import contextlib
import errno
import gc
import logging
import socket
from collections.abc import Callable
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from psycopg_pool import PoolTimeout

from api import logs
from api.app import create_app
from api.config import Config
from api.database import connections
from api.database.bulkhead import SLOTS, Bulkhead
from api.http.rate_limits import RateLimits
from api.server.metrics import Metrics, metrics
from api.server.worker import PARSE_ERRORS, Worker, request_error

# The errors of an address that no interface has, or of one without its interface (fe80::1).
_UNKNOWN_ADDRESS = {errno.EADDRNOTAVAIL, errno.EINVAL}

MAX_REQUEST_LINE_BYTES = 8190
"""Long enough for any list of filters with a cursor."""
MAX_HEADERS = 100
MAX_HEADER_BYTES = 8190


def check_free(host: str, port: int) -> None:
    """Raise OSError if no server can listen on the port. Called before PostgreSQL starts."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def connections_per_worker(settings: Config) -> int:
    """Return how many database connections a worker opens at most."""
    return settings.threads + SLOTS


def is_unknown_address(error: OSError) -> bool:
    """Return whether an error of `check_free` is of an address that this machine does not have."""
    return isinstance(error, socket.gaierror) or error.errno in _UNKNOWN_ADDRESS


class _Logger(Logger):
    """Writes gunicorn's log as JSON lines. The application logs the requests."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers = [logs.Lines()]


class Server(BaseApplication):
    """The master process. It forks the workers, each of which opens its own pools."""

    def __init__(
        self,
        url: str,
        settings: Config,
        *,
        bind: str,
        workers: int,
        rate_limits: RateLimits,
        ready: Callable[[str], Any],
    ) -> None:
        self._service_settings = settings
        self._rate_limits = rate_limits
        self._ready = ready
        self._metrics: Metrics | None = None
        self._pool = connections.pool(url, settings.threads)
        self._heavy_pool = connections.pool(url, SLOTS)
        # Extra threads, so that health checks and 503 responses are not queued behind requests
        # that wait for the pool, nor behind heavy ones.
        threads = settings.threads + self._pool.max_waiting + SLOTS + 4
        self._gunicorn_settings = {
            "bind": bind,
            "workers": workers,
            "threads": threads,
            "worker_class": Worker,
            "preload_app": True,
            # A user who can open the control socket could stop or reload the service.
            "control_socket_disable": True,
            "limit_request_line": MAX_REQUEST_LINE_BYTES,
            "limit_request_fields": MAX_HEADERS,
            "limit_request_field_size": MAX_HEADER_BYTES,
            "loglevel": "warning",
            "logger_class": _Logger,
            "graceful_timeout": 30,
            "when_ready": self._start_metrics,
            "post_worker_init": self._start_worker,
            "child_exit": self._forget_worker,
            "worker_exit": self._close_pools,
        }
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._gunicorn_settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        app = create_app(
            self._pool,
            self._service_settings,
            metrics=self._metrics,
            rate_limits=self._rate_limits,
            bulkhead=Bulkhead(self._heavy_pool),
        )

        def parse_error(error: Exception) -> Any:
            response = app.make_response(app.handle_user_exception(request_error(error)))
            # The worker closes the connection: where the next request begins is unknown.
            response.headers["Connection"] = "close"
            return response

        # gunicorn parses the chunks of a body while the application reads it.
        for kind in PARSE_ERRORS:
            app.register_error_handler(kind, parse_error)
        # Garbage collection in a worker would copy the shared pages (copy-on-write). Stopping took
        # 1.0 s of CPU time, now 0.4 s.
        gc.collect()
        gc.freeze()
        return app

    def run(self) -> None:
        logging.basicConfig(level=logging.WARNING, handlers=[logs.Lines()], force=True)
        with contextlib.ExitStack() as stack:
            if self._service_settings.metrics_port:
                self._metrics = stack.enter_context(metrics(self._service_settings.metrics_port))
            super().run()

    def _start_metrics(self, server: Any) -> None:
        if self._metrics and self._service_settings.metrics_port:
            self._metrics.serve(self._service_settings.metrics_port)

    def _start_worker(self, worker: Any) -> None:
        """Open a worker's pools. The last worker reports that the service is ready.

        This hook runs after gunicorn has set the worker's signal handlers. In post_fork, which runs
        before, a SIGTERM would be lost.
        """
        self._pool.open()
        self._heavy_pool.open()
        # When workers are replaced, the first request must not wait for the first connection.
        with (
            contextlib.suppress(PoolTimeout),
            self._pool.connection(timeout=5),
            self._heavy_pool.connection(timeout=5),
        ):
            pass
        if self._metrics:
            self._metrics.sample({"common": self._pool, "heavy": self._heavy_pool})
        if worker.age == self.cfg.workers:
            self._ready(str(worker.sockets[0]))

    def _close_pools(self, server: Any, worker: Any) -> None:
        self._pool.close()
        self._heavy_pool.close()

    def _forget_worker(self, server: Any, worker: Any) -> None:
        if self._metrics:
            self._metrics.worker_exited(worker.pid)
