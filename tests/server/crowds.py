"""Crowds of clients that could stop the service for all others, each in a process of its own."""

import asyncio
import contextlib
import json
import multiprocessing
import random
import resource
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import count, product
from typing import Any

_CHUNK_BYTES = 1 << 18
_TRICKLE_SECONDS = 4
_HOLD_SECONDS = 20
_MATCHED_PEOPLE = 500
_FIRST = ["Ana", "Carlos", "José", "Juan", "Jorge", "Luis", "María", "Mario", "Pedro", "Rosa"]
_LAST = [
    "Díaz",
    "García",
    "González",
    "Hernández",
    "López",
    "Martínez",
    "Pérez",
    "Ramírez",
    "Rodríguez",
    "Torres",
]
_ADDRESS = "127.0.0.2"
"""Another than that of all other clients, since nginx limits the rate of an address."""

Seen = Counter[int | str]
"""The number of responses by status, and of lost connections."""
Behaviour = Callable[[int, str, int, Seen], Awaitable[None]]
"""Act as client number n with a port and a key, until cancelled."""


def _head(method: str, path: str, *lines: str) -> bytes:
    # In HTTP/1.0 a response ends with its connection.
    return "\r\n".join([f"{method} {path} HTTP/1.0", "Host: a.example", *lines, "", ""]).encode()


async def _connect(port: int) -> socket.socket:
    connection = socket.socket()
    connection.setblocking(False)
    try:
        connection.bind((_ADDRESS, 0))
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
    except BaseException:
        connection.close()
        raise
    return connection


async def greedy(port: int, key: str, n: int, seen: Seen) -> None:
    """Ask for exports, for all attestations as CSV, and for matches, one right after the other."""
    people = [{"name": f"Person {i} of the Invented"} for i in range(_MATCHED_PEOPLE)]
    body = json.dumps({"items": people}).encode()
    requests = [
        _head("GET", "/v1/export"),
        _head("GET", "/v1/attestations?format=csv"),
        _post("/v1/detainees/match", key, "application/json", body),
    ]
    for turn in count(n):
        await _exchange(port, requests[turn % len(requests)], seen)


async def preview(port: int, key: str, n: int, seen: Seen) -> None:
    """Import lists: 24,300 similar names, too many to compare, or 1,000 different ones."""
    similar = map(" ".join, product(_FIRST, _FIRST, _LAST, _LAST, ("", "Mora", "Vera")))
    letters = random.Random(1)
    different = ("".join(letters.choices("abdeilmnoprstu", k=14)) for _ in range(1000))
    requests = [
        _post("/v1/imports", key, "text/csv", "\n".join(["name", *names, ""]).encode())
        for names in (similar, different)
    ]
    for turn in count(n):
        await _exchange(port, requests[turn % len(requests)], seen)


def _post(path: str, key: str, media_type: str, body: bytes) -> bytes:
    lines = [f"Authorization: Bearer {key}", f"Content-Type: {media_type}"]
    return _head("POST", path, *lines, f"Content-Length: {len(body)}") + body


async def _exchange(port: int, request: bytes, seen: Seen) -> None:
    """Send a request on a new connection, and read the response."""
    loop = asyncio.get_running_loop()
    try:
        with await _connect(port) as connection:
            await loop.sock_sendall(connection, request)
            start = await loop.sock_recv(connection, _CHUNK_BYTES)
            while await loop.sock_recv(connection, _CHUNK_BYTES):
                pass
            seen[int(start[9:12] or 0)] += 1
    except (OSError, ValueError) as error:
        seen[type(error).__name__] += 1


async def trickle(port: int, key: str, n: int, seen: Seen) -> None:
    """Send one byte of a head every four seconds; connect again when disconnected."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            with await _connect(port) as connection:
                await loop.sock_sendall(connection, b"GET /healthz HTTP/1.1\r\nX-A: ")
                while True:
                    with contextlib.suppress(TimeoutError):
                        start = await asyncio.wait_for(
                            loop.sock_recv(connection, 100), _TRICKLE_SECONDS
                        )
                        seen[int(start[9:12] or 0)] += 1
                        break
                    await loop.sock_sendall(connection, b"a")
        except (OSError, ValueError) as error:
            seen[type(error).__name__] += 1
        await asyncio.sleep(0.1)


async def hold(port: int, key: str, n: int, seen: Seen) -> None:
    """Each second send a last request on a new connection, and keep it open after the response."""
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:

        async def keep() -> None:
            try:
                with await _connect(port) as connection:
                    await loop.sock_sendall(
                        connection,
                        b"GET /healthz HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n",
                    )
                    seen[int((await loop.sock_recv(connection, 100))[9:12] or 0)] += 1
                    await asyncio.sleep(_HOLD_SECONDS)
            except (OSError, ValueError) as error:
                seen[type(error).__name__] += 1

        while True:
            group.create_task(keep())
            await asyncio.sleep(1)


@contextmanager
def crowd(behave: Behaviour, size: int, port: int, key: str) -> Iterator[Seen]:
    """Run so many clients; yield what they have seen, which is complete at the end."""
    seen: Seen = Counter()
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_run, args=(behave, size, port, key, there))
    process.start()
    there.close()
    try:
        yield seen
    finally:
        here.send("stop")
        with contextlib.suppress(EOFError):
            seen.update(here.recv())
        process.join()


def _run(behave: Behaviour, size: int, port: int, key: str, parent: Any) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    seen: Seen = Counter()

    async def run() -> None:
        tasks = [asyncio.create_task(behave(port, key, n, seen)) for n in range(size)]
        await asyncio.to_thread(parent.recv)
        # A task whose timeout ends at the same time can miss the cancellation.
        running = set(tasks)
        while running:
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=1)

    asyncio.run(run())
    parent.send(seen)
