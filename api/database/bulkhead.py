"""The bulkhead: heavy requests run apart, so that no other request waits for them.

Each worker has a bulkhead with a pool. So the bounds hold without shared memory, a killed worker
leaks no slot, and the other threads of a process compete with few heavy ones for its interpreter.
The workers share only the turns to compute, which the kernel keeps.
"""

import fcntl
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from errno import ECONNRESET
from hashlib import blake2b
from tempfile import TemporaryFile
from threading import Lock
from time import monotonic, sleep
from weakref import finalize

from psycopg_pool import ConnectionPool

from api.database.queries import Connection
from api.errors import RequestError

SLOTS = 4
"""Heavy requests that one worker handles at a time, each with a database connection."""
SLOTS_PER_CALLER = 2
"""Those of one key, or of one address without a key. In all workers they take turns to compute."""
_TURN_SECONDS = 20.0
"""How long a request waits for a turn at most. Then it computes beside the others to its end.

A turn can last seconds (a match of 500 people takes two on an idle processor), and in an import
minutes.
"""
_POLL_SECONDS = 0.01
MIN_BYTES_PER_SECOND = 4096
"""How fast a client must read a heavy response on average. A slower one would keep its slot."""
PATIENCE_SECONDS = 60
"""How many seconds more than at that rate a client may take."""
_PART_BYTES = 1 << 16

# How long a thread that computes keeps the interpreter while others wait. Three round trips beside
# two heavy requests took 48 ms (median), and take 19 ms. Without heavy requests, the shorter time
# costs 5 to 13 % of the requests a second.
_SWITCH_SECONDS = 0.0005
_DEFAULT_SWITCH_SECONDS = sys.getswitchinterval()

Turn = Callable[[], AbstractContextManager[None]]
"""Waits for the turn of a caller's heavy request, and holds it."""


class _Turns:
    """The turns of callers, in all workers that are forked after this is made.

    A turn is a lock of the kernel on a byte of a file, which the keyed hash of the caller chooses.
    So a killed worker leaks no turn. Such locks belong to a process; among its threads, the set of
    taken turns decides.
    """

    def __init__(self) -> None:
        self._secret = os.urandom(32)
        with TemporaryFile() as file:
            self._file = os.dup(file.fileno())
        finalize(self, os.close, self._file)
        self._lock = Lock()
        self._taken: set[int] = set()

    def place(self, tag: bytes) -> int:
        """Return the first of the two bytes of a caller: the turn, and the right to the next."""
        return 2 * int.from_bytes(blake2b(tag, digest_size=7, key=self._secret).digest())

    def wait(self, place: int) -> bool:
        """Wait for the turn, and return whether the waiting request has it.

        A waiting request holds the right to the next turn, so that the request that has computed
        cannot take it again.
        """
        until = monotonic() + _TURN_SECONDS
        if not self._wait(place + 1, until):
            return False
        try:
            return self._wait(place, until)
        finally:
            self.release(place + 1)

    def release(self, place: int) -> None:
        with self._lock:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)
            self._taken.remove(place)

    def _wait(self, place: int, until: float) -> bool:
        while not (is_taken := self._take(place)) and monotonic() < until:
            sleep(_POLL_SECONDS)
        return is_taken

    def _take(self, place: int) -> bool:
        with self._lock:
            if place in self._taken:
                return False
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
            except (BlockingIOError, PermissionError):  # another process has it
                return False
            self._taken.add(place)
            return True


class Bulkhead:
    """The slots for heavy requests of this process, and their connections.

    It is made before the workers are forked, which share its turns.
    """

    def __init__(self, pool: ConnectionPool[Connection]) -> None:
        self.pool = pool
        self._lock = Lock()
        self._slots: Counter[bytes] = Counter()
        self._turns = _Turns()

    @contextmanager
    def slot(self, tag: bytes) -> Iterator[Turn]:
        """Hold a slot for a caller. Raises `too-many-heavy-requests` or `busy` at once.

        Each part of the work is done within a turn that the yielded function gives. So one caller
        keeps one processor busy, and a slow download holds no turn. Beside 50 greedy clients with
        a key, p95 rises to 2.0 times for counts and 1.6 times for writes. With turns for each
        worker alone it was 3.1 and 4.6 times (medians of three runs, nginx, two workers, two
        cores).
        """
        with self._lock:
            if self._slots[tag] >= SLOTS_PER_CALLER:
                raise RequestError(
                    "too-many-heavy-requests",
                    f"Your earlier {SLOTS_PER_CALLER} heavy requests are not finished. "
                    "Retry after one of them.",
                )
            if self._slots.total() >= SLOTS:
                raise RequestError(
                    "busy", "Other heavy requests are not finished. Retry in a few seconds."
                )
            self._slots[tag] += 1
            sys.setswitchinterval(_SWITCH_SECONDS)
        try:
            yield self._turn(self._turns.place(tag))
        finally:
            with self._lock:
                self._slots[tag] -= 1
                if not self._slots[tag]:
                    del self._slots[tag]
                if not self._slots:
                    sys.setswitchinterval(_DEFAULT_SWITCH_SECONDS)

    def _turn(self, place: int) -> Turn:
        """Return the function that gives a request its turns."""
        waits = True

        @contextmanager
        def turn() -> Iterator[None]:
            nonlocal waits
            waits = waits and self._turns.wait(place)
            try:
                yield
            finally:
                if waits:
                    self._turns.release(place)

        return turn


def paced(
    blocks: Iterable[bytes], turn: Turn, clock: Callable[[], float] = monotonic
) -> Iterator[bytes]:
    """Yield the blocks of a heavy response, in parts, while its client reads them fast enough.

    Each block is computed within a turn.

    Only waiting for the client counts. `server.worker` ends each wait after a minute. Raises
    ConnectionResetError, which ends the connection, for a slow client.
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
