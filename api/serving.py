"""Serving: gunicorn, with one pool of connections for each worker."""

from collections.abc import Callable
from typing import Any

from gunicorn.app.base import BaseApplication
from psycopg_pool import ConnectionPool

from api import db
from api.app import create_app
from api.queries import Connection


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
            "graceful_timeout": 30,
            "when_ready": lambda server: ready(str(server.LISTENERS[0])),
            "post_fork": lambda server, worker: self._pool.open(),
        }
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return create_app(self._pool)
