"""Rate limits: a quota of requests a minute for each API key and each address.

A request with a valid key counts for the key, any other for its address. So a client cannot use up
the quota of another client's key.
"""

import math
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from hashlib import blake2b
from ipaddress import IPv4Address, IPv6Address, ip_address
from mmap import mmap
from multiprocessing import get_context
from struct import Struct
from time import monotonic
from typing import Any, NamedTuple
from uuid import UUID

from flask import Flask

from api.config import Network
from api.contract.document import Contract
from api.errors import RequestError
from api.http import requests

WINDOW_SECONDS = 60
"""The length of a quota's window."""

# The name of a counted request's quota in its WSGI environment.
_QUOTA = "constancia.quota"

# A row: the hash of a caller, the start of its window on the clock that all processes share, and
# its number of requests. The table has 65,536 rows in sets of 16, and takes 2 MiB.
_ROW = Struct("=16sdQ")
_SETS, _ROWS_IN_SET = 4096, 16
_SET_BYTES = _ROWS_IN_SET * _ROW.size
_LOCKS = 64
# A lock is held for microseconds. After this time its holder is assumed to be killed.
_ABANDONED_SECONDS = 0.25


class Quota(NamedTuple):
    """The quota of a caller, what remains of it, and when the window ends."""

    limit: int
    remaining: int
    reset_seconds: int
    is_exceeded: bool = False

    def headers(self) -> list[tuple[str, str]]:
        """Return the headers of draft-ietf-httpapi-ratelimit-headers-10."""
        headers = [
            ("RateLimit-Policy", f'"default";q={self.limit};w={WINDOW_SECONDS}'),
            ("RateLimit", f'"default";r={self.remaining};t={self.reset_seconds}'),
        ]
        return [*headers, ("Retry-After", str(self.reset_seconds))] if self.is_exceeded else headers


class RequestCounts:
    """Requests of each caller, counted in memory that all workers share.

    The table is made before the workers are forked. A caller is stored as a keyed hash, so that no
    address is kept and no client can choose its set of rows. A new caller in a full set replaces
    the one with the fewest requests. A window begins with a caller's first request.
    """

    def __init__(
        self, per_address: int, per_key: int, clock: Callable[[], float] = monotonic
    ) -> None:
        self.per_address = per_address
        self.per_key = per_key
        self._clock = clock
        self._secret = os.urandom(32)
        self._rows = mmap(-1, _SETS * _SET_BYTES)
        self._locks = [get_context("fork").Lock() for _ in range(_LOCKS)]

    def count_address(self, address: bytes) -> Quota:
        """Count a request of an address."""
        return self._count(b"address" + address, self.per_address)

    def count_key(self, key_id: bytes) -> Quota:
        """Count a request with a key."""
        return self._count(b"key" + key_id, self.per_key)

    def peek_address(self, address: bytes) -> Quota:
        """Return the quota of an address without counting a request."""
        tag, number = self._place(b"address" + address)
        now = self._clock()
        _, since, count = self._find(tag, number, now)
        return self._quota(self.per_address, count, since, now)

    def _count(self, caller: bytes, limit: int) -> Quota:
        tag, number = self._place(caller)
        lock = self._locks[number % _LOCKS]
        # If the holder was killed, continue without the lock.
        lock.acquire(timeout=_ABANDONED_SECONDS)
        try:
            now = self._clock()
            offset, since, count = self._find(tag, number, now)
            is_exceeded = count >= limit
            if not is_exceeded:
                count += 1
                offset = self._free_row(number, now) if offset < 0 else offset
                _ROW.pack_into(self._rows, offset, tag, since, count)
        finally:
            # After a timeout the holder may still live, and may have released the lock already.
            with suppress(ValueError):
                lock.release()
        return self._quota(limit, count, since, now, is_exceeded)

    def _place(self, caller: bytes) -> tuple[bytes, int]:
        """Return the hash of a caller and the number of its set."""
        tag = blake2b(caller, digest_size=16, key=self._secret).digest()
        return tag, int.from_bytes(tag[:4]) % _SETS

    def _find(self, tag: bytes, number: int, now: float) -> tuple[int, float, int]:
        """Return the offset of a caller's row (or -1), the start of its window, its requests."""
        offset = self._rows.find(tag, number * _SET_BYTES, (number + 1) * _SET_BYTES)
        if offset >= 0:
            _, since, count = _ROW.unpack_from(self._rows, offset)
            if now - since < WINDOW_SECONDS:
                return offset, since, count
        return offset, now, 0

    def _free_row(self, number: int, now: float) -> int:
        """Return the offset of the row of a set that is free or has the fewest requests."""

        def count_of(offset: int) -> int:
            _, since, count = _ROW.unpack_from(self._rows, offset)
            return 0 if now - since >= WINDOW_SECONDS else int(count)

        rows = range(number * _SET_BYTES, (number + 1) * _SET_BYTES, _ROW.size)
        return min(rows, key=count_of)

    @staticmethod
    def _quota(
        limit: int, count: int, since: float, now: float, is_exceeded: bool = False
    ) -> Quota:
        return Quota(limit, limit - count, math.ceil(since + WINDOW_SECONDS - now), is_exceeded)


class RateLimits:
    """The rate limits of an application, by the operations of its contract."""

    def __init__(self, counts: RequestCounts, trusted_proxies: Sequence[Network] = ()) -> None:
        self._counts = counts
        self._trusted_proxies = trusted_proxies
        self._unlimited: Collection[str] = ()
        self._keyed: Collection[str] = ()

    def register(self, app: Flask, contract: Contract) -> None:
        """Count each request of the application before its operation is called."""
        operations = contract.operations
        self._unlimited = frozenset(o.id for o in operations if not o.is_limited)
        self._keyed = frozenset(o.id for o in operations if o.tag != "service")
        app.before_request(self._count_request)

    def middleware(self, app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        """Return a WSGI application that adds the remaining quota to the headers."""

        def limited(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
                quota: Quota | None = environ.get(_QUOTA)
                if quota:
                    headers.extend(quota.headers())
                return start_response(status, headers, *more)

            return app(environ, start)

        return limited

    def note_quota(self, environ: dict[str, Any]) -> None:
        """Note the remaining quota of an address whose request is not counted."""
        environ[_QUOTA] = self._counts.peek_address(self.address(environ))

    def count_key(self, key_id: UUID) -> None:
        """Count a request with a valid key. Raises `quota-exceeded`."""
        self._note(requests.current().environ, self._counts.count_key(key_id.bytes))

    def count_failed_request(self, error: Exception) -> None:
        """Count a request that failed before its key was known. Raises `quota-exceeded`."""
        request = requests.current()
        if _QUOTA in request.environ or request.endpoint in self._unlimited:
            return
        # A request that fails with `busy` is not counted: the failure is the service's.
        if not (isinstance(error, RequestError) and error.slug == "busy"):
            self._count_address(request.environ)

    def _count_request(self) -> None:
        """Count a request for its address, unless it sends a key to an operation that takes one.

        Such a request is counted once the key is looked up.
        """
        request = requests.current()
        environ = request.environ
        if request.method != "OPTIONS":
            if request.endpoint in self._unlimited:
                return
            if request.endpoint in self._keyed and "HTTP_AUTHORIZATION" in environ:
                return
        self._count_address(environ)

    def _count_address(self, environ: dict[str, Any]) -> None:
        self._note(environ, self._counts.count_address(self.address(environ)))

    def address(self, environ: dict[str, Any]) -> bytes:
        """Return the address of the client, as `client_address` does."""
        return client_address(
            environ.get("REMOTE_ADDR", ""),
            environ.get("HTTP_X_FORWARDED_FOR", ""),
            self._trusted_proxies,
        )

    @staticmethod
    def _note(environ: dict[str, Any], quota: Quota) -> None:
        environ[_QUOTA] = quota
        if quota.is_exceeded:
            raise RequestError(
                "quota-exceeded",
                f"The quota is {quota.limit:,} requests a minute. "
                f"Retry in {quota.reset_seconds} seconds.",
            )


def client_address(peer: str, forwarded_for: str, trusted_proxies: Sequence[Network]) -> bytes:
    """Return the IPv4 address or the IPv6 /64 network that a request comes from.

    A trusted proxy adds the address of its own peer at the end of X-Forwarded-For. Earlier entries,
    and the header from any other peer, may be forged.
    """
    address = _parse(peer)
    if address is not None and any(address in network for network in trusted_proxies):
        address = _parse(forwarded_for.rpartition(",")[2]) or address
    if address is None:
        return b""
    # A provider assigns a /64 network to one customer, who can use all of its addresses.
    return address.packed if isinstance(address, IPv4Address) else address.packed[:8]


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    # A socket for both IPv4 and IPv6 shows an IPv4 address as ::ffff:192.0.2.1.
    return getattr(address, "ipv4_mapped", None) or address
