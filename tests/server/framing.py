"""Malformed and ambiguous HTTP requests as bytes, and the parsed responses to them."""

import contextlib
import json
import re
import socket
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

# A second request, which must not be answered: it belongs to the body of the first one.
SMUGGLED = b"GET /healthz HTTP/1.1\r\nHost: a.example\r\n\r\n"
_JSON = b"Content-Type: application/json\r\n"
# Has the form of a key, so that the service reads the body.
_KEY = b"Authorization: Bearer constancia_nobody\r\n"


def _post(framing: bytes, body: bytes, version: bytes = b"1.1") -> bytes:
    first = b"POST /v1/sources HTTP/" + version + b"\r\nHost: a.example\r\n"
    return first + _KEY + _JSON + framing + b"\r\n" + body


def _get(*lines: bytes, first: bytes = b"GET /healthz HTTP/1.1") -> bytes:
    return b"\r\n".join([first, *lines, b"", b""])


_HOST = b"Host: a.example"
# For requests after which the connection may stay open.
_CLOSE = b"Connection: close"
_CHUNKED = b"Transfer-Encoding: chunked\r\n"

PROBES: Mapping[str, tuple[set[int], bytes]] = {
    # The first line.
    "no Host": ({400}, _get()),
    "two Hosts": ({400}, _get(_HOST, b"Host: b.example")),
    "two hosts in a Host": ({400}, _get(b"Host: a.example b.example")),
    "no HTTP version": ({400}, _get(_HOST, first=b"GET /healthz HTTP/")),
    "HTTP/2.0": ({400}, _get(_HOST, first=b"GET /healthz HTTP/2.0")),
    "HTTP/3.7": ({400}, _get(_HOST, first=b"GET /healthz HTTP/3.7")),
    "no HTTP": ({400}, _get(_HOST, first=b"GET /healthz FTP/1.1")),
    "HTTP/1.1x": ({400}, _get(_HOST, first=b"GET /healthz HTTP/1.1x")),
    "a lowercase method": ({400}, _get(_HOST, first=b"get /healthz HTTP/1.1")),
    "a method with a bracket": ({400}, _get(_HOST, first=b"GE(T /healthz HTTP/1.1")),
    "NUL in the path": ({400}, _get(_HOST, first=b"GET /health\x00z HTTP/1.1")),
    "a space in the path": ({400}, _get(_HOST, first=b"GET /health z HTTP/1.1")),
    "not HTTP at all": ({400}, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    "a path too long": ({414}, _get(_HOST, first=b"GET /" + b"a" * 9000 + b" HTTP/1.1")),
    "a path far too long": ({414}, _get(_HOST, first=b"GET /" + b"a" * 60_000 + b" HTTP/1.1")),
    "an unknown method": (
        {405, 501},
        _get(_HOST, _CLOSE, first=b"BREW /docs HTTP/1.1"),
    ),
    # The headers.
    "a header too long": ({400, 431}, _get(_HOST, _CLOSE, b"X-A: " + b"a" * 9000)),
    "a header far too long": ({400, 431}, _get(_HOST, b"X-A: " + b"a" * 60_000)),
    "too many headers": ({400, 431}, _get(_HOST, _CLOSE, *[b"X-%d: a" % i for i in range(200)])),
    "a folded header": ({400}, _get(_HOST, b"X-A: a", b" b")),
    "a space before the colon": ({400}, _get(b"Host : a.example")),
    "NUL in a header": ({400}, _get(_HOST, b"X-A: a\x00b")),
    "CR in a header": ({400}, _get(_HOST, b"X-A: a\rX-B: b")),
    # The framing of the body.
    "a length and chunks": (
        {400},
        _post(b"Content-Length: 4\r\n" + _CHUNKED, b"0\r\n\r\n" + SMUGGLED),
    ),
    "chunks and a length": (
        {400},
        _post(_CHUNKED + b"Content-Length: 4\r\n", b"0\r\n\r\n" + SMUGGLED),
    ),
    "two lengths": (
        {400},
        _post(b"Content-Length: 2\r\nContent-Length: 44\r\n", b"{}" + SMUGGLED),
    ),
    "lengths in a list": ({400}, _post(b"Content-Length: 2, 44\r\n", b"{}" + SMUGGLED)),
    "a length with a sign": ({400}, _post(b"Content-Length: +2\r\n", b"{}" + SMUGGLED)),
    "a negative length": ({400}, _post(b"Content-Length: -2\r\n", b"{}" + SMUGGLED)),
    "an unknown coding": ({400, 501}, _post(b"Transfer-Encoding: cow\r\n", b"{}" + SMUGGLED)),
    "chunked twice": (
        {400, 501},
        _post(_CHUNKED + _CHUNKED, b"0\r\n\r\n" + SMUGGLED),
    ),
    "chunked and identity": (
        {400, 501},
        _post(b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n" + SMUGGLED),
    ),
    "gzip and chunked": (
        {400, 501},
        _post(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n" + SMUGGLED),
    ),
    "two idempotency keys": (
        {400},
        _post(
            b"Idempotency-Key: a\r\nIdempotency-Key: b\r\n"
            b"Connection: close\r\nContent-Length: 2\r\n",
            b"{}",
        ),
    ),
    "chunks in HTTP/1.0": ({400}, _post(_CHUNKED, b"0\r\n\r\n" + SMUGGLED, b"1.0")),
    "a chunk without a size": ({400}, _post(_CHUNKED, b"\r\n{}\r\n0\r\n\r\n" + SMUGGLED)),
    "a chunk of another size": (
        {400},
        _post(_CHUNKED, b"1\r\n{}\r\n0\r\n\r\n" + SMUGGLED),
    ),
    "a size with 0x": ({400}, _post(_CHUNKED, b"0x2\r\n{}\r\n0\r\n\r\n" + SMUGGLED)),
    "a negative size": ({400}, _post(_CHUNKED, b"-2\r\n{}\r\n0\r\n\r\n" + SMUGGLED)),
    "a size with a sign": ({400}, _post(_CHUNKED, b"+2\r\n{}\r\n0\r\n\r\n" + SMUGGLED)),
}
"""By name: the statuses that are acceptable, and the bytes of the request."""


class Response(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    def problem(self) -> Any:
        return json.loads(self.body)


def exchange(port: int, content: bytes) -> tuple[list[Response], bool]:
    """Send these bytes; return all responses, and whether the server closed the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        with contextlib.suppress(ConnectionError):  # refused before all of it was sent
            connection.sendall(content)
        received = b""
        try:
            while piece := connection.recv(1 << 16):
                received += piece
        except TimeoutError:
            return list(responses(received)), False
        except ConnectionResetError:
            pass
    return list(responses(received)), True


def responses(received: bytes) -> Iterator[Response]:
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        status_line = re.fullmatch(r"HTTP/1\.[01] (\d{3}) .*", first)
        assert status_line, head
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = int(headers["content-length"])
        yield Response(int(status_line[1]), headers, received[:length])
        received = received[length:]
