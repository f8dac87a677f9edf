"""Serving: gunicorn, with one pool of connections for each worker."""

import logging
import socket
from collections.abc import Callable
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from psycopg_pool import ConnectionPool

from api import db, logs
from api.app import create_app
from api.queries import Connection


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
        self, url: str, *, bind: str, workers: int, threads: int, ready: Callable[[str], Any]
    ) -> None:
        self._pool: ConnectionPool[Connection] = db.pool(url, threads)
        self._settings = {
            "bind": bind,
            "workers": workers,
            "threads": threads,
            "worker_class": "gthread",
            "preload_app": True,
            # It would let whoever can open it stop or reload the service.
            "control_socket_disable": True,
            # As long as any list of filters with a cursor.
            "limit_request_line": 8190,
            "loglevel": "warning",
            "logger_class": _Logger,
            "graceful_timeout": 30,
            "post_worker_init": self._begin,
            "worker_exit": lambda server, worker: self._pool.close(),
        }
        self._ready = ready
        super().__init__()

    def _begin(self, worker: Any) -> None:
        """Opens a worker's pool; the last one tells that the service is ready.

        Not before gunicorn has set the worker's signals: until then a SIGTERM would be lost.
        """
        self._pool.open()
        if worker.age == self.cfg.workers:
            self._ready(str(worker.sockets[0]))

    def run(self) -> None:
        logging.basicConfig(level=logging.WARNING, handlers=[logs.Lines()], force=True)
        super().run()

    def load_config(self) -> None:
        for name, value in self._settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return create_app(self._pool)
