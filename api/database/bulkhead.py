"""The bulkhead: heavy requests run apart, so that no other request waits for them.

Each worker has a bulkhead with a pool. So the bounds hold without shared memory, a killed worker
leaks no slot, and the other threads of a process compete with few heavy ones for its interpreter.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from errno import ECONNRESET
from threading import Lock
from time import monotonic

from psycopg_pool import ConnectionPool

from api.database.queries import Connection
from api.errors import RequestError

SLOTS = 4
"""Heavy requests that one worker handles at a time, each with a database connection."""
SLOTS_PER_CALLER = 2
"""Those of one key, or of one address without a key."""
MIN_BYTES_PER_SECOND = 4096
"""How fast a client must read a heavy response on average. A slower one would keep its slot."""
PATIENCE_SECONDS = 60
"""The seconds that a client may pause more than that."""
_PART_BYTES = 1 << 16


class Bulkhead:
    """The slots for heavy requests of this process, and their connections."""

    def __init__(self, pool: ConnectionPool[Connection]) -> None:
        self.pool = pool
        self._lock = Lock()
        self._slots: Counter[bytes] = Counter()

    @contextmanager
    def slot(self, caller: bytes) -> Iterator[None]:
        """Hold a slot. Raises `too-many-heavy-requests` or `busy` at once."""
        with self._lock:
            if self._slots[caller] >= SLOTS_PER_CALLER:
                raise RequestError(
                    "too-many-heavy-requests",
                    f"Your earlier {SLOTS_PER_CALLER} heavy requests are not finished. "
                    "Retry after one of them.",
                )
            if self._slots.total() >= SLOTS:
                raise RequestError(
                    "busy", "Other heavy requests are not finished. Retry in a few seconds."
                )
            self._slots[caller] += 1
        try:
            yield
        finally:
            with self._lock:
                self._slots -= Counter([caller])


def paced(blocks: Iterable[bytes], clock: Callable[[], float] = monotonic) -> Iterator[bytes]:
    """Yield the blocks of a heavy response, in parts, while its client reads them fast enough.

    Only the time in which the client is waited for counts: at most a minute for each part, by
    `server.worker`. Raises ConnectionResetError, which ends the connection, for a slow client.
    """
    waited, sent = 0.0, 0
    try:
        for part in _parts(blocks):
            began = clock()
            yield part
            waited, sent = waited + clock() - began, sent + len(part)
            if waited > PATIENCE_SECONDS + sent / MIN_BYTES_PER_SECOND:
                raise ConnectionResetError(ECONNRESET, "The client reads too slowly.")
    finally:
        if close := getattr(blocks, "close", None):
            close()


def _parts(blocks: Iterable[bytes]) -> Iterator[bytes]:
    for block in blocks:
        for start in range(0, len(block), _PART_BYTES):
            yield block[start : start + _PART_BYTES]
