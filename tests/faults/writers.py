"""Clients that retry writes until they are acknowledged, and checks of their writes."""

import itertools
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from http.client import HTTPException, HTTPMessage
from typing import Any

import orjson

from api.database import queries
from tests.faults.table import Row
from tests.store_checks import check_store
from tests.support import NOON, Client, attestation_body, wait_until

_STORED = (
    "SELECT id::text, note AS label FROM attestations WHERE note LIKE 'write %' "
    "UNION ALL SELECT id::text, name FROM sources WHERE name LIKE 'write %'"
)

Repeated = tuple[bytes, str | None, str | None]
"""What a retry gets again: the record, its entity tag and its path."""


def repeated(headers: HTTPMessage, content: bytes) -> Repeated:
    """Return a response without `possible_duplicates`, for which a retry searches again."""
    record, duplicates, _ = content.partition(b',"possible_duplicates":')
    return (record + b"}" if duplicates else content, headers["ETag"], headers["Location"])


class Fleet:
    """Clients that send the writes of a sequence, each with its Idempotency-Key, until they are
    acknowledged. A repeated number is a retry of the same write."""

    PAUSE_SECONDS = 0.02
    """The longest pause of a client after a write."""

    RETRY_SECONDS = 0.05

    def __init__(
        self,
        port: int,
        key: str,
        writes: Iterable[int] | None = None,
        *,
        clients: int = 16,
        pause: float | None = None,
    ) -> None:
        self._port, self._key = port, key
        self._pause = self.PAUSE_SECONDS if pause is None else pause
        with Client(port, key) as editor:
            self._sources = [editor.source(f"Agencia {n}") for n in range(6)]
            self._events = [editor.event(f"Nombre {n}") for n in range(16)]
        self._writes = iter(itertools.count() if writes is None else writes)
        self._lock = threading.Lock()
        self._enough = threading.Event()
        self._last_begun = 0.0
        self.statuses: Counter[int | str] = Counter()
        self.answers: dict[int, set[Repeated]] = defaultdict(set)
        self.replayed = 0
        self.slowest = 0.0
        self.broken: set[str] = set()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def _next(self) -> Iterator[int]:
        while not self._enough.is_set():
            with self._lock:
                number = next(self._writes, None)
            if number is None:
                return
            yield number

    def _run(self) -> None:
        with Client(self._port, self._key) as client:
            for number in self._next():
                began = time.monotonic()
                while not self._acknowledged(client, number):
                    time.sleep(self.RETRY_SECONDS)
                self.slowest = max(self.slowest, time.monotonic() - began)
                time.sleep(self._pause * random.random())

    def _acknowledged(self, client: Client, number: int) -> bool:
        """Send a write once; return whether it is acknowledged."""
        begun = time.monotonic()
        try:
            status, headers, content = client.exchange("POST", *self.write(number))
        except (OSError, HTTPException) as error:
            with self._lock:
                self.statuses[type(error).__name__] += 1
            return False
        with self._lock:
            self.statuses[status] += 1
            if status == 201:
                self.answers[number].add(repeated(headers, content))
                self.replayed += headers["Idempotent-Replayed"] == "true"
                self._last_begun = max(self._last_begun, begun)
            elif status in (409, 503):
                if not headers["Retry-After"]:
                    self.broken.add(f"{status} without Retry-After")
                if headers["Content-Type"] != "application/problem+json":
                    self.broken.add(f"{status} that is no problem document")
            else:
                self.broken.add(f"answered {status} {content[:200]!r}")
        return status not in (409, 503)

    def write(self, number: int) -> tuple[str, Mapping[str, Any], Mapping[str, str]]:
        """Return the path, body and headers of a write. Every third one is an attestation."""
        label, key = f"write {number}", {"Idempotency-Key": f"write-{number}"}
        if number % 3:
            return "/v1/sources", {"name": label, "kind": "ngo"}, key
        event, source = self._events[number % 16], self._sources[number // 16 % 6]
        at = NOON + timedelta(minutes=number % 20)
        return "/v1/attestations", attestation_body(event, source, at, note=label), key

    @property
    def acknowledged(self) -> int:
        return self.statuses[201]

    def more(self, count: int = 20) -> None:
        """Wait until `count` more writes are acknowledged."""
        wanted = self.acknowledged + count
        wait_until(lambda: self.acknowledged >= wanted, "writing goes on")

    def ready_again(self, since: float) -> float:
        """Seconds from a time to the first acknowledgement of a write started after it, or to the
        last acknowledgement of all."""
        wait_until(lambda: self._last_begun > since or self.is_finished, "writing goes on")
        return time.monotonic() - since

    @property
    def is_finished(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def finish(self) -> None:
        """Start no more writes, and retry the started ones until they are acknowledged."""
        self._enough.set()
        for thread in self._threads:
            thread.join(120)
        if not self.is_finished:
            self.broken.add("a writer hangs")

    def fill(self, row: Row, conn: queries.Connection) -> None:
        """Count lost and doubled writes in the store, and check the store."""
        stored = conn.execute(_STORED).fetchall()
        ids, labels = (
            {attestation.id for attestation in stored},
            Counter(attestation.label for attestation in stored),
        )
        row.sent += sum(self.statuses.values())
        row.acknowledged += self.acknowledged
        row.lost += sum(
            f"write {number}" not in labels or orjson.loads(content)["id"] not in ids
            for number, responses in self.answers.items()
            for content, _, _ in responses
        )
        row.doubled += sum(times > 1 for times in labels.values())
        row.differing += sum(len(responses) > 1 for responses in self.answers.values())
        row.broken += sorted(self.broken)
        row.must(row.lost == 0, "an acknowledged write is lost")
        row.must(row.doubled == 0, "a write is stored twice")
        row.must(row.differing == 0, "a retry got another response")
        row.must(len(labels) == len(self.answers), "stored and acknowledged writes differ")
        try:
            check_store(conn)
        except AssertionError as error:
            row.broken.append(f"the store is not what the rule says: {str(error)[:200]}")


@contextmanager
def fleet(port: int, key: str, *writes: Iterable[int], **options: Any) -> Iterator[Fleet]:
    """Start the clients; at the end wait until they have finished."""
    running = Fleet(port, key, *writes, **options)
    running.start()
    try:
        yield running
    finally:
        running.finish()
