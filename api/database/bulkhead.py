"""The bulkhead: heavy requests run apart, so that no other request waits for them.

Each worker has a bulkhead with a pool. So the bounds hold without shared memory, a killed worker
leaks no slot, and the other threads of a process compete with few heavy ones for its interpreter.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from errno import ECONNRESET
from threading import Lock
from time import monotonic

from psycopg_pool import ConnectionPool

from api.database.queries import Connection
from api.errors import RequestError

SLOTS = 4
"""Heavy requests that one worker handles at a time, each with a database connection."""
SLOTS_PER_CALLER = 2
"""Those of one key, or of one address without a key. They take turns to compute."""
_TURN_SECONDS = 0.75
"""How long a request waits for its turn at most, then it computes beside the other."""
MIN_BYTES_PER_SECOND = 4096
"""How fast a client must read a heavy response on average. A slower one would keep its slot."""
PATIENCE_SECONDS = 60
"""The seconds that a client may pause more than that."""
_PART_BYTES = 1 << 16

Turn = Callable[[], AbstractContextManager[None]]
"""Waits for the turn of a caller's heavy request, and holds it."""


@dataclass
class _Caller:
    """A caller with heavy requests: their number, and the lock by which they take turns."""

    slots: int = 0
    lock: Lock = field(default_factory=Lock)

    @contextmanager
    def turn(self) -> Iterator[None]:
        has_turn = self.lock.acquire(timeout=_TURN_SECONDS)
        try:
            yield
        finally:
            if has_turn:
                self.lock.release()


class Bulkhead:
    """The slots for heavy requests of this process, and their connections."""

    def __init__(self, pool: ConnectionPool[Connection]) -> None:
        self.pool = pool
        self._lock = Lock()
        self._callers: dict[bytes, _Caller] = {}

    @contextmanager
    def slot(self, tag: bytes) -> Iterator[Turn]:
        """Hold a slot for a caller. Raises `too-many-heavy-requests` or `busy` at once.

        Each part of the work is done within a turn that the yielded function gives. So one caller
        keeps one processor busy for each worker, and a slow download holds no turn. Beside 50
        greedy clients of one address p95 of counts is 2.4 to 2.6 times and of writes 2.6 to 2.8
        times that without them; without turns 3.5 and 4.1 to 4.9 (tests.bench.crowds, with nginx).
        """
        with self._lock:
            caller = self._callers.get(tag, _Caller())
            if caller.slots >= SLOTS_PER_CALLER:
                raise RequestError(
                    "too-many-heavy-requests",
                    f"Your earlier {SLOTS_PER_CALLER} heavy requests are not finished. "
                    "Retry after one of them.",
                )
            if sum(other.slots for other in self._callers.values()) >= SLOTS:
                raise RequestError(
                    "busy", "Other heavy requests are not finished. Retry in a few seconds."
                )
            caller.slots += 1
            self._callers[tag] = caller
        try:
            yield caller.turn
        finally:
            with self._lock:
                caller.slots -= 1
                if caller.slots == 0:
                    del self._callers[tag]


def paced(
    blocks: Iterable[bytes], turn: Turn, clock: Callable[[], float] = monotonic
) -> Iterator[bytes]:
    """Yield the blocks of a heavy response, in parts, while its client reads them fast enough.

    Each block is computed within a turn.

    Only the time in which the client is waited for counts: at most a minute for each part, by
    `server.worker`. Raises ConnectionResetError, which ends the connection, for a slow client.
    """
    waited, sent = 0.0, 0
    try:
        for part in _parts(blocks, turn):
            began = clock()
            yield part
            waited, sent = waited + clock() - began, sent + len(part)
            if waited > PATIENCE_SECONDS + sent / MIN_BYTES_PER_SECOND:
                raise ConnectionResetError(ECONNRESET, "The client reads too slowly.")
    finally:
        if close := getattr(blocks, "close", None):
            close()


def _parts(blocks: Iterable[bytes], turn: Turn) -> Iterator[bytes]:
    remaining = iter(blocks)
    while True:
        with turn():
            block = next(remaining, None)
        if block is None:
            return
        for start in range(0, len(block), _PART_BYTES):
            yield block[start : start + _PART_BYTES]
