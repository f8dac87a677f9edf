"""Slow clients of four kinds, to test that no other client waits for them."""

import asyncio
import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

_START = b"POST /v1/sources HTTP/1.1\r\nHost: a.example\r\nContent-Type: application/json\r\n"
# Has the form of a key, so that the service reads the body.
_BODY = _START + b"Authorization: Bearer constancia_nobody\r\nContent-Length: 100000\r\n\r\n"
# Responses that are larger than the socket buffers of both ends.
_LONG_RESPONSES = 8 * b"GET /docs/redoc.standalone.js HTTP/1.1\r\nHost: a.example\r\n\r\n"


class SlowClients:
    """Some clients of each kind. A client that is disconnected connects again."""

    def __init__(self, port: int, size: int) -> None:
        self.size = size
        self.connected: Counter[str] = Counter()
        self.disconnected: Counter[str] = Counter()
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    @property
    def are_connected(self) -> bool:
        """Whether nearly all are connected: some have been disconnected at any moment."""
        return all(self.connected[kind] >= 0.9 * self.size for kind in _KINDS)

    def __enter__(self) -> "SlowClients":
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start_all(), self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop_all(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start_all(self) -> None:
        self._tasks = [
            asyncio.create_task(self._run(kind, behave))
            for kind, behave in _KINDS.items()
            for _ in range(self.size)
        ]

    async def _stop_all(self) -> None:
        # A task whose timeout ends at the same time can miss the cancellation.
        running = set(self._tasks)
        while running:
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=1)

    async def _run(self, kind: str, behave: Callable[..., Coroutine[Any, Any, None]]) -> None:
        while True:
            with socket.socket() as connection:
                connection.setblocking(False)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                with contextlib.suppress(OSError), self._counted(kind):
                    await self._loop.sock_connect(connection, ("127.0.0.1", self._port))
                    await behave(connection)
            self.disconnected[kind] += 1
            await asyncio.sleep(0.1)

    @contextlib.contextmanager
    def _counted(self, kind: str) -> Iterator[None]:
        self.connected[kind] += 1
        try:
            yield
        finally:
            self.connected[kind] -= 1


async def _drip(connection: socket.socket, start: bytes) -> None:
    """Send a byte each second, until a response or the end of the connection."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(connection, start)
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(loop.sock_recv(connection, 1), 1)
            return
        await loop.sock_sendall(connection, b"a")


async def _send_head(connection: socket.socket) -> None:
    await _drip(connection, _START + b"X-A: ")


async def _send_body(connection: socket.socket) -> None:
    await _drip(connection, _BODY)


async def _pause_in_body(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(connection, _BODY)
    await loop.sock_recv(connection, 1)


async def _read(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(connection, _LONG_RESPONSES)
    while await loop.sock_recv(connection, 1):
        await asyncio.sleep(1)


_KINDS = {
    "head": _send_head,
    "body": _send_body,
    "paused body": _pause_in_body,
    "reader": _read,
}
