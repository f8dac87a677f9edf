"""A proxy between a service and its PostgreSQL, which can delay, drop or cut messages.

It knows of the protocol where a message ends (PostgreSQL documentation, chapter 54).
"""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from api.server import embedded
from api.server.cluster import SOCKET
from tests.support import Service, data_dir, serving


class Proxy:
    """Listens on a port of 127.0.0.1, and connects to the socket of a PostgreSQL."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self.passed = 0
        self.cut_at: int | None = None
        self.delay = 0.0
        """Seconds by which each message of the database is delayed."""
        self._open = threading.Event()
        self._open.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, url: str) -> str:
        """Return the URL of the same database through the proxy."""
        parameters = conninfo_to_dict(url)
        return (
            f"postgresql://{parameters['user']}@127.0.0.1:{self.port}/{parameters['dbname']}"
            "?sslmode=disable&gssencmode=disable"
        )

    def count(self, cut_at: int | None = None) -> None:
        """Count the messages of both sides from one, and cut the connections before `cut_at`."""
        with self._lock:
            self.passed, self.cut_at = 0, cut_at

    def cut(self) -> None:
        """Cut all connections for both sides."""
        with self._lock:
            self._cut()

    def silence(self) -> None:
        """Stop passing messages on, without closing a connection."""
        self._open.clear()

    def resume(self) -> None:
        self._open.set()

    def close(self) -> None:
        self.resume()
        self._listener.close()
        self.cut()

    def _cut(self) -> None:
        for pair in self._pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        self._pairs.clear()

    def _accept(self) -> None:
        while True:
            try:
                service, _ = self._listener.accept()
            except OSError:
                return
            service.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(str(self._server))
            except OSError:
                service.close()  # the server is down
                continue
            pair = (service, server)
            with self._lock:
                self._pairs.add(pair)
            for source, target, starts in ((service, server, True), (server, service, False)):
                threading.Thread(
                    target=self._pass, args=[pair, source, target, starts], daemon=True
                ).start()

    def _pass(
        self,
        pair: tuple[socket.socket, socket.socket],
        source: socket.socket,
        target: socket.socket,
        starts: bool,
    ) -> None:
        with contextlib.suppress(OSError):
            for message in _messages(source, starts):
                if not starts and self.delay:
                    time.sleep(self.delay)
                self._open.wait()
                with self._lock:
                    if pair not in self._pairs:
                        break
                    self.passed += 1
                    if self.passed == self.cut_at:
                        self._cut()
                        break
                target.sendall(message)
        with self._lock:
            self._pairs.discard(pair)
        for end in pair:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()


def _messages(source: socket.socket, starts: bool) -> Iterator[bytes]:
    """Yield the messages. Only the first one of a client has no letter before its length."""
    received, letter = b"", 0 if starts else 1
    while chunk := source.recv(65536):
        received += chunk
        while len(received) >= letter + 4:
            size = letter + struct.unpack_from("!I", received, letter)[0]
            if len(received) < size:
                break
            yield received[:size]
            received, letter = received[size:], 1


@contextlib.contextmanager
def proxied(**options: Any) -> Iterator[tuple[Service, Proxy]]:
    """Run a service that connects to its database through a proxy."""
    with data_dir() as directory, embedded.running(directory) as url:
        proxy = Proxy(Path(str(conninfo_to_dict(url)["host"])) / SOCKET)
        urls = {
            "DATABASE_URL": proxy.url(embedded.service_url(url)),
            "CONSTANCIA_OWNER_DATABASE_URL": url,
        }
        try:
            with serving(directory, **urls, **options) as service:
                yield service, proxy
        finally:
            proxy.close()
