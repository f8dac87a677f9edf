"""Clients that take their time, to see that nobody else waits for them."""

import asyncio
import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

_START = b"POST /v1/sources HTTP/1.1\r\nHost: a.example\r\nContent-Type: application/json\r\n"
# Looks like a key, so that the body is waited for.
_BODY = _START + b"Authorization: Bearer constancia_nobody\r\nContent-Length: 100000\r\n\r\n"
# The longest answers that there are without a record: more than the buffers of the two ends hold.
_LONG = 8 * b"GET /docs/redoc.standalone.js HTTP/1.1\r\nHost: a.example\r\n\r\n"


class Crowd:
    """So many clients of each kind, a byte per second each; whoever is cut comes again."""

    def __init__(self, port: int, size: int) -> None:
        self.size = size
        self.connected: Counter[str] = Counter()
        self.cut: Counter[str] = Counter()
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    @property
    def whole(self) -> bool:
        return all(self.connected[kind] == self.size for kind in _KINDS)

    def __enter__(self) -> "Crowd":
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._gather(), self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._scatter(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _gather(self) -> None:
        self._tasks = [
            asyncio.create_task(self._come(kind, be))
            for kind, be in _KINDS.items()
            for _ in range(self.size)
        ]

    async def _scatter(self) -> None:
        # Who is told at the same time that a second has passed does not hear of it: so again.
        left = set(self._tasks)
        while left:
            for task in left:
                task.cancel()
            _, left = await asyncio.wait(left, timeout=1)

    async def _come(self, kind: str, be: Callable[..., Coroutine[Any, Any, None]]) -> None:
        while True:
            with socket.socket() as connection:
                connection.setblocking(False)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                with contextlib.suppress(OSError), self._counted(kind):
                    await self._loop.sock_connect(connection, ("127.0.0.1", self._port))
                    await be(connection)
            self.cut[kind] += 1
            await asyncio.sleep(0.1)

    @contextlib.contextmanager
    def _counted(self, kind: str) -> Iterator[None]:
        self.connected[kind] += 1
        try:
            yield
        finally:
            self.connected[kind] -= 1


async def _drip(connection: socket.socket, start: bytes) -> None:
    """Sends a byte each second, until an answer comes or the end."""
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


async def _stop_in_a_body(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(connection, _BODY)
    await loop.sock_recv(connection, 1)


async def _read(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(connection, _LONG)
    while await loop.sock_recv(connection, 1):
        await asyncio.sleep(1)


_KINDS = {
    "head": _send_head,
    "body": _send_body,
    "stopped body": _stop_in_a_body,
    "reader": _read,
}
