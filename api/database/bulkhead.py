"""The bulkhead: heavy requests run apart, so that no other request waits for them.

Each worker has a bulkhead with a pool. So the bounds hold without shared memory, a killed worker
leaks no slot, and the other threads of a process compete with few heavy ones for its interpreter.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from psycopg_pool import ConnectionPool

from api.database.queries import Connection
from api.errors import RequestError

SLOTS = 4
"""Heavy requests that one worker handles at a time, each with a database connection."""
SLOTS_PER_CALLER = 2
"""Those of one key, or of one address without a key."""


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
