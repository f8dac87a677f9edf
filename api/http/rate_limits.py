"""How much a caller may ask for in a minute, counted in memory that all workers share.

The table is made before the workers are forked. A caller stands in it by a keyed hash, so no
address is kept, and nobody can choose whom to share a place with. It is cut into short sets of
rows, whose locks are semaphores: to take one that is free is no system call, at which all other
threads would have their turn.
"""

import math
import os
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from mmap import mmap
from multiprocessing import get_context
from struct import Struct
from time import monotonic
from typing import NamedTuple

WINDOW = 60
"""Seconds for which a quota is."""

# Who, since when by the machine's own clock, which is one for all processes, and how often.
_ROW = Struct("=16sdQ")
# 65,536 callers in 2 MiB. Where a set is full, whoever asked least is forgotten.
_SETS, _WAYS = 4096, 16
_SET = _WAYS * _ROW.size
_LOCKS = 64
# Seconds after which whoever holds a lock, for microseconds, is taken for killed.
_ABANDONED = 0.25


class Standing(NamedTuple):
    """What a caller has left: of a quota, so many requests for so many seconds."""

    quota: int
    remaining: int
    seconds: int
    is_exceeded: bool = False

    def headers(self) -> list[tuple[str, str]]:
        """As draft-ietf-httpapi-ratelimit-headers-10 writes it, in structured fields (RFC 9651)."""
        told = [
            ("RateLimit-Policy", f'"default";q={self.quota};w={WINDOW}'),
            ("RateLimit", f'"default";r={self.remaining};t={self.seconds}'),
        ]
        return [*told, ("Retry-After", str(self.seconds))] if self.is_exceeded else told


class Limits:
    """Requests of each caller, by address or by key. A minute begins with a caller's first one."""

    def __init__(
        self, per_address: int, per_key: int, clock: Callable[[], float] = monotonic
    ) -> None:
        self.per_address = per_address
        self.per_key = per_key
        self._clock = clock
        self._secret = os.urandom(32)
        self._rows = mmap(-1, _SETS * _SET)
        self._locks = [get_context("fork").Lock() for _ in range(_LOCKS)]

    def of_address(self, network: bytes, *, costs: bool = True) -> Standing:
        return self._count(b"address" + network, self.per_address, costs=costs)

    def of_key(self, id: bytes) -> Standing:
        return self._count(b"key" + id, self.per_key)

    def _count(self, who: bytes, quota: int, *, costs: bool = True) -> Standing:
        """What is left to them after this request, or without it where it costs nothing."""
        tag = blake2b(who, digest_size=16, key=self._secret).digest()
        number = int.from_bytes(tag[:4]) % _SETS
        if not costs:
            now = self._clock()
            _, since, count = self._read(tag, number, now)
            return Standing(quota, quota - count, math.ceil(since + WINDOW - now))
        # Alone, or after a while together with whoever may have been killed in there.
        lock = self._locks[number % _LOCKS]
        lock.acquire(timeout=_ABANDONED)
        try:
            now = self._clock()
            at, since, count = self._read(tag, number, now)
            is_exceeded = count >= quota
            if not is_exceeded:
                count += 1
                at = self._place(number, now) if at < 0 else at
                _ROW.pack_into(self._rows, at, tag, since, count)
        finally:
            with suppress(ValueError):  # it was not killed, and has let go itself
                lock.release()
        return Standing(quota, quota - count, math.ceil(since + WINDOW - now), is_exceeded)

    def _read(self, tag: bytes, number: int, now: float) -> tuple[int, float, int]:
        """Where somebody stands, or -1, since when and how often they asked."""
        at = self._rows.find(tag, number * _SET, (number + 1) * _SET)
        if at >= 0:
            _, since, count = _ROW.unpack_from(self._rows, at)
            if now - since < WINDOW:
                return at, since, count
        return at, now, 0

    def _place(self, number: int, now: float) -> int:
        """The row of a set that is free, or that is of whoever asked least."""

        def asked(at: int) -> int:
            _, since, count = _ROW.unpack_from(self._rows, at)
            return 0 if now - since >= WINDOW else int(count)

        return min(range(number * _SET, (number + 1) * _SET, _ROW.size), key=asked)
