"""Rate limits: a quota of requests a minute for each API key and each address.

A request with a valid key counts for the key, any other for its address. So a client cannot use up
the quota of another client's key.
"""

import fcntl
import math
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from ipaddress import IPv4Address, IPv6Address, ip_address
from mmap import mmap
from struct import Struct
from tempfile import TemporaryFile
from threading import Lock
from time import monotonic
from typing import Any, NamedTuple
from weakref import finalize

from flask import Flask, Request

from api.config import Network
from api.contract.document import Contract, Operation, Weight
from api.errors import RequestError
from api.http import requests
from api.rendering import media_types

WINDOW_SECONDS = 60
"""The length of a quota's window."""

STREAM_WEIGHT = 10
"""What a streamed response or a workbook spends when it begins, for its first blocks.

Otherwise many streams could begin at once while little of the quota is left, and all run into debt.
"""

WORKBOOK_BYTES = 10
"""The bytes as which one byte of a workbook counts.

The CPU time of a workbook's rows is ten times that of the same rows as CSV, in fewer bytes.
"""

# The names of a counted request's quota, and of its operation's weight, in its WSGI environment.
_QUOTA, _WEIGHT = "constancia.quota", "constancia.weight"
_URL_WEIGHT = "constancia.url_weight"

# A row: the hash of a caller, the start of its window on the clock that all processes share, and
# its number of requests. The table has 65,536 rows in sets of 16, and takes 2 MiB.
_ROW = Struct("=16sdQ")
_SETS, _ROWS_IN_SET = 4096, 16
_SET_BYTES = _ROWS_IN_SET * _ROW.size
_ADDRESS, _KEY = b"address", b"key"
_DAY_SECONDS = 86_400


class Account(NamedTuple):
    """A caller whose requests are counted, and the quota of a minute."""

    caller: bytes
    limit: int


class Quota(NamedTuple):
    """What remains of an account's quota, and when requests are accepted again."""

    account: Account
    remaining: int
    reset_seconds: int
    is_exceeded: bool = False

    def headers(self) -> list[tuple[str, str]]:
        """Return the headers of draft-ietf-httpapi-ratelimit-headers-10."""
        headers = [
            ("RateLimit-Policy", f'"default";q={self.account.limit};w={WINDOW_SECONDS}'),
            ("RateLimit", f'"default";r={self.remaining};t={self.reset_seconds}'),
        ]
        return [*headers, ("Retry-After", str(self.reset_seconds))] if self.is_exceeded else headers


class RequestCounts:
    """Requests of each account by weight, counted in memory that all workers share.

    The table is made before the workers are forked. A caller is stored as a keyed hash, so that no
    address is kept and no client can choose its set of rows. A new caller in a full set replaces
    the one with the fewest requests. A window begins with a caller's first request.

    A request is admitted if anything remains of the quota, whatever its weight. What it spends
    beyond the quota is a debt, which the next windows pay. So no weight is too large for a quota,
    and a response that has begun is never cut off, however much it turns out to spend.
    """

    def __init__(
        self, per_address: int, per_key: int, clock: Callable[[], float] = monotonic
    ) -> None:
        self.per_address = per_address
        self.per_key = per_key
        self._clock = clock
        self._secret = os.urandom(32)
        with TemporaryFile() as file:
            file.truncate(_SETS * _SET_BYTES)
            self._rows = mmap(file.fileno(), _SETS * _SET_BYTES)
            self._file = os.dup(file.fileno())
        finalize(self, os.close, self._file)
        self._threads = Lock()

    def of_address(self, address: bytes) -> Account:
        return Account(_ADDRESS + address, self.per_address)

    def of_key(self, key: str) -> Account:
        return Account(_KEY + key.encode(), self.per_key)

    def admit(self, account: Account) -> Quota:
        """Count a request as one, unless the quota is spent."""
        return self._count(account, 1, is_admitted=False)

    def charge(self, account: Account, weight: int) -> Quota:
        """Count more of a request that was admitted."""
        return self._count(account, weight, is_admitted=True)

    def peek(self, account: Account) -> Quota:
        """Return the quota of an account without counting a request."""
        tag, number = self._place(account.caller)
        now = self._clock()
        _, since, count = self._find(tag, number, account.limit, now)
        return self._quota(account, count, since, now)

    def knows(self, account: Account) -> bool:
        """Whether a request of an account was counted within the last day.

        Keys are counted once they are found valid, so this is true only of valid keys and of those
        that ended lately. An idle account is forgotten if a full set needs its row.
        """
        offset = self._offset(*self._place(account.caller))
        if offset < 0:
            return False
        _, since, _ = _ROW.unpack_from(self._rows, offset)
        return bool(self._clock() - since < _DAY_SECONDS)

    def _count(self, account: Account, weight: int, *, is_admitted: bool) -> Quota:
        tag, number = self._place(account.caller)
        # The kernel releases the lock of a set that a killed worker held. Such locks belong to a
        # process: a second lock excludes its other threads, so that a process waits for one set at
        # a time, and none deadlock. A context manager for both took 12 µs more of a request.
        with self._threads:
            fcntl.lockf(self._file, fcntl.LOCK_EX, 1, number)
            try:
                now = self._clock()
                offset, since, count = self._find(tag, number, account.limit, now)
                is_exceeded = not is_admitted and count >= account.limit
                if not is_exceeded:
                    count += weight
                    offset = self._free_row(number, now) if offset < 0 else offset
                    _ROW.pack_into(self._rows, offset, tag, since, count)
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, number)
        return self._quota(account, count, since, now, is_exceeded)

    def _place(self, caller: bytes) -> tuple[bytes, int]:
        """Return the hash of a caller and the number of its set.

        Keys have sets of their own, so that no number of addresses makes a key unknown.
        """
        tag = blake2b(caller, digest_size=16, key=self._secret).digest()
        return tag, int.from_bytes(tag[:4]) % (_SETS // 2) * 2 + caller.startswith(_KEY)

    def _offset(self, tag: bytes, number: int) -> int:
        """Return the offset of a caller's row, -1 without one."""
        return self._rows.find(tag, number * _SET_BYTES, (number + 1) * _SET_BYTES)

    def _find(self, tag: bytes, number: int, limit: int, now: float) -> tuple[int, float, int]:
        """Return the offset of a caller's row (or -1), the start of its window, and its count."""
        offset = self._offset(tag, number)
        return offset, *(self._read(offset, limit, now) if offset >= 0 else (now, 0))

    def _read(self, offset: int, limit: int, now: float) -> tuple[float, int]:
        """Return the start of the current window of a row, and its count with its debt."""
        _, since, count = _ROW.unpack_from(self._rows, offset)
        windows = int((now - since) // WINDOW_SECONDS)
        since, count = since + windows * WINDOW_SECONDS, count - windows * limit
        return (since, count) if count > 0 else (now, 0)

    def _free_row(self, number: int, now: float) -> int:
        """Return the offset of the row of a set that is free or has the fewest requests."""
        limit = min(self.per_address, self.per_key)
        rows = range(number * _SET_BYTES, (number + 1) * _SET_BYTES, _ROW.size)
        return min(rows, key=lambda offset: self._read(offset, limit, now)[1])

    @staticmethod
    def _quota(
        account: Account, count: int, since: float, now: float, is_exceeded: bool = False
    ) -> Quota:
        remaining = max(0, account.limit - count)
        windows = max(1, count // account.limit)
        seconds = math.ceil(since + windows * WINDOW_SECONDS - now)
        return Quota(account, remaining, seconds, is_exceeded)


class RateLimits:
    """The rate limits of an application, by the weights in its contract."""

    def __init__(self, counts: RequestCounts, trusted_proxies: Sequence[Network] = ()) -> None:
        self._counts = counts
        self._trusted_proxies = trusted_proxies
        self._operations: Mapping[str, Operation] = {}
        self._unlimited_paths: Collection[str] = ()

    def register(self, app: Flask, contract: Contract) -> None:
        """Count each request of the application before its operation is called."""
        self._operations = {operation.id: operation for operation in contract.operations}
        self._unlimited_paths = {o.path for o in contract.operations if o.weight is None}
        app.before_request(self._count_request)

    def middleware(self, app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        """Return a WSGI application that counts requests, with the remaining quota in headers.

        A request with a key is counted once the key is looked up. Streamed responses spend more of
        the quota while they are sent.
        """

        def limited(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            streamed: list[tuple[Quota, int]] = []
            is_limited = environ["PATH_INFO"] not in self._unlimited_paths
            if is_limited and "HTTP_AUTHORIZATION" not in environ:
                # To look here whether the quota is spent, and to count the request once it is
                # routed, took twice as long, 40 µs of a request.
                environ[_QUOTA] = self._counts.admit(self._account(environ))

            def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
                quota: Quota | None = environ.get(_QUOTA)
                weight: Weight | None = environ.get(_WEIGHT)
                if quota and weight and not quota.is_exceeded:
                    if environ.get("HTTP_TRANSFER_ENCODING"):
                        # A chunked body, whose length is known now.
                        body_weight = weight.of_body(int(environ.get("CONTENT_LENGTH") or 0))
                        quota = self._counts.charge(quota.account, body_weight)
                    if url_weight := environ.get(_URL_WEIGHT, 0):
                        quota = self._counts.charge(quota.account, weight.of_url * url_weight)
                    if ("Content-Type", media_types.XLSX) in headers:
                        # It is complete, so that a client that hangs up pays for all of it.
                        length = WORKBOOK_BYTES * int(dict(headers)["Content-Length"])
                        workbook_weight = max(STREAM_WEIGHT, length // weight.stream_bytes)
                        quota = self._counts.charge(quota.account, workbook_weight)
                    elif _is_streamed(status, headers):
                        quota = self._counts.charge(quota.account, STREAM_WEIGHT)
                        streamed.append((quota, weight.stream_bytes))
                if quota:
                    headers.extend(quota.headers())
                return start_response(status, headers, *more)

            body = app(environ, start)
            if not streamed:
                return body
            quota, bytes_per_request = streamed[0]
            charge = partial(self._counts.charge, quota.account)
            return _PaidBody(body, charge, bytes_per_request)

        return limited

    def refusal(self, environ: dict[str, Any]) -> RequestError | None:
        """Return the error of a request whose caller's quota is spent, None for another.

        An address whose quota is spent has only those keys looked up that were valid within a day:
        each guess would cost a query. A client that shares its address with a guesser goes on with
        such a key, and can begin to use another when the quota is full again.
        """
        counted: Quota | None = environ.get(_QUOTA)
        if counted is not None:
            return _exceeded(counted) if counted.is_exceeded else None
        account = self._account(environ)
        if authorization := environ.get("HTTP_AUTHORIZATION"):
            key = self._counts.of_key(authorization.partition(" ")[2])
            account = key if self._counts.knows(key) else account
        quota = self._counts.peek(account)
        if quota.remaining:
            return None
        environ[_QUOTA] = quota._replace(is_exceeded=True)
        return _exceeded(quota)

    def count_key(self, key: str) -> None:
        """Count a request with a valid key as one. Raises `quota-exceeded`."""
        self._count(requests.current(), self._counts.of_key(key))

    def count_work(self, request: Request) -> None:
        """Count the rest of the weight of a request that is not refused."""
        environ = request.environ
        quota: Quota | None = environ.get(_QUOTA)
        weight: Weight | None = environ.get(_WEIGHT)
        if quota and weight:
            # To read a query and a length that do not count took 10 µs of a request.
            query = request.args if weight.parameters and request.query_string else ()
            length = request.content_length if weight.per_bytes else None
            more = weight.total(query, length or 0) - 1
            if more:
                environ[_QUOTA] = self._counts.charge(quota.account, more)

    def count_failed_request(self, error: Exception) -> None:
        """Count a request that failed before its key was known. Raises `quota-exceeded`."""
        request = requests.current()
        if _QUOTA in request.environ or not self._is_limited(request):
            return
        # A request that fails with `busy` is not counted: the failure is the service's.
        if not (isinstance(error, RequestError) and error.slug == "busy"):
            self._admit(request, self._account(request.environ))

    def _count_request(self) -> None:
        """Refuse a request whose quota is spent. Count it for its address unless it was counted.

        A request that sends a key to an operation that takes one is counted once the key is looked
        up.
        """
        request = requests.current()
        if not self._is_limited(request):
            return
        operation = self._operation(request)
        takes_key = operation is not None and operation.tag != "service"
        has_key = takes_key and "HTTP_AUTHORIZATION" in request.environ
        if not has_key and _QUOTA not in request.environ:
            self._count(request, self._account(request.environ))
        elif error := self.refusal(request.environ):
            raise error
        elif not has_key:
            self._note_weight(request)

    def _operation(self, request: Request) -> Operation | None:
        """Return the operation of a request, None for a preflight and an unknown path."""
        return None if request.method == "OPTIONS" else self._operations.get(request.endpoint or "")

    def _is_limited(self, request: Request) -> bool:
        operation = self._operation(request)
        return operation is None or operation.weight is not None

    def _count(self, request: Request, account: Account) -> None:
        """Count a request as one, so that a refusal costs no more. `count_work` counts the rest."""
        self._admit(request, account)
        self._note_weight(request)

    def _note_weight(self, request: Request) -> None:
        operation = self._operation(request)
        if operation is not None and operation.weight is not None:
            request.environ[_WEIGHT] = operation.weight

    def _admit(self, request: Request, account: Account) -> None:
        quota = request.environ[_QUOTA] = self._counts.admit(account)
        if quota.is_exceeded:
            raise _exceeded(quota)

    def _account(self, environ: Mapping[str, Any]) -> Account:
        return self._counts.of_address(self.address(environ))

    def address(self, environ: Mapping[str, Any]) -> bytes:
        """Return the address that a request comes from, as `client_address` does."""
        return client_address(
            environ.get("REMOTE_ADDR", ""),
            environ.get("HTTP_X_FORWARDED_FOR", ""),
            self._trusted_proxies,
        )


def _exceeded(quota: Quota) -> RequestError:
    return RequestError(
        "quota-exceeded",
        f"The quota of {quota.account.limit:,} requests a minute is spent; a costly request "
        f"counts as several. Retry in {quota.reset_seconds} seconds.",
    )


def is_refused(environ: Mapping[str, Any]) -> bool:
    """Whether a request was counted, and nothing remained of the quota."""
    quota: Quota | None = environ.get(_QUOTA)
    return quota is not None and quota.is_exceeded


def note_url_weight(request: Request, weight: int) -> None:
    """Note the weight of a request for the url that a citation pins, before the response starts."""
    request.environ[_URL_WEIGHT] = weight


def _is_streamed(status: str, headers: Sequence[tuple[str, str]]) -> bool:
    """Whether a response is a success whose length is not known when it begins."""
    return status[:3] in {"200", "201"} and all(n.lower() != "content-length" for n, _ in headers)


class _PaidBody:
    """The body of a streamed response. Each block is counted before it is sent.

    Bytes are counted rather than rows that were read: the caller sees them, so that they tell
    nothing about hidden rows.
    """

    def __init__(
        self, body: Iterable[bytes], charge: Callable[[int], Quota], bytes_per_request: int
    ) -> None:
        self._body = body
        self._charge = charge
        self._bytes_per_request = bytes_per_request

    def __iter__(self) -> Iterator[bytes]:
        sent, weight = 0, STREAM_WEIGHT
        for block in self._body:
            sent += len(block)
            more = sent // self._bytes_per_request - weight
            if more > 0:
                self._charge(more)
                weight += more
            yield block

    def close(self) -> None:
        if close := getattr(self._body, "close", None):
            close()


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
