"""Serving: gunicorn, with one pool of connections for each worker."""

import contextlib
import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from psycopg_pool import ConnectionPool, PoolTimeout

from api import logs
from api.app import create_app
from api.database import connections
from api.database.queries import Connection
from api.http.rate_limits import RateLimits
from api.server.metrics import Metrics
from api.server.worker import (
    LONGEST_HEADER,
    LONGEST_LINE,
    MOST_HEADERS,
    UNREADABLE,
    Worker,
    refused,
)


def check_free(host: str, port: int) -> None:
    """Raises OSError if nobody can listen there, before anything is started for it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


class _Logger(Logger):
    """gunicorn's log in our lines; it keeps no log of requests, which we do."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers = [logs.Lines()]


class Server(BaseApplication):
    """gunicorn's master: loads the application once, and forks workers that migrate nothing."""

    def __init__(
        self,
        url: str,
        *,
        bind: str,
        workers: int,
        threads: int,
        ready: Callable[[str], Any],
        metrics_port: int | None = None,
        security_contact: str | None = None,
        rate_limits: RateLimits | None = None,
    ) -> None:
        self._pool: ConnectionPool[Connection] = connections.pool(url, threads)
        # Who waits for a connection keeps nobody from being told that there is none, or that the
        # process is well.
        threads += self._pool.max_waiting + 4
        self._settings = {
            "bind": bind,
            "workers": workers,
            "threads": threads,
            "worker_class": Worker,
            "preload_app": True,
            # It would let whoever can open it stop or reload the service.
            "control_socket_disable": True,
            "limit_request_line": LONGEST_LINE,
            "limit_request_fields": MOST_HEADERS,
            "limit_request_field_size": LONGEST_HEADER,
            "loglevel": "warning",
            "logger_class": _Logger,
            "graceful_timeout": 30,
            "post_worker_init": self._begin,
            "child_exit": self._forget,
            "worker_exit": lambda server, worker: self._pool.close(),
        }
        self._ready = ready
        self._metrics_port = metrics_port
        self._security_contact = security_contact
        self._rate_limits = rate_limits
        self._metrics: Metrics | None = None
        super().__init__()

    def _begin(self, worker: Any) -> None:
        """Opens a worker's pool; the last one tells that the service is ready.

        Not before gunicorn has set the worker's signals: until then a SIGTERM would be lost.
        """
        self._pool.open()
        # Who comes at once, as when workers are replaced, does not wait for the first connection.
        with contextlib.suppress(PoolTimeout), self._pool.connection(timeout=5):
            pass
        if self._metrics and self._metrics_port:
            self._metrics.serve(self._metrics_port, self._pool)
        if worker.age == self.cfg.workers:
            self._ready(str(worker.sockets[0]))

    def _forget(self, server: Any, worker: Any) -> None:
        if self._metrics:
            self._metrics.forget(worker.pid)

    def run(self) -> None:
        logging.basicConfig(level=logging.WARNING, handlers=[logs.Lines()], force=True)
        if not self._metrics_port:
            return super().run()
        master = os.getpid()
        folder = Path(tempfile.mkdtemp(prefix="constancia-metrics-"))
        self._metrics = Metrics(folder)
        try:
            super().run()
        finally:
            # A worker that ends comes by here too.
            if os.getpid() == master:
                shutil.rmtree(folder, ignore_errors=True)

    def load_config(self) -> None:
        for name, value in self._settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        app = create_app(
            self._pool, self._metrics, self._security_contact, rate_limits=self._rate_limits
        )

        def answer(error: Exception) -> Any:
            return app.handle_user_exception(refused(error))

        # The chunks of a body are looked at when it is read.
        for kind in UNREADABLE:
            app.register_error_handler(kind, answer)
        return app
