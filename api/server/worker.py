"""gunicorn's worker, whose refusals of what it cannot read are problem documents as all others."""

import re
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from http import HTTPStatus
from socket import socket
from typing import Any

from gunicorn.http import errors, wsgi
from gunicorn.workers.gthread import ThreadWorker

from api import trace
from api.contract import document
from api.errors import RequestError
from api.http import problems, responses

# Every answer names the server: not by which software it is.
_SERVER = "Constancia"
wsgi.SERVER = _SERVER  # type: ignore[attr-defined]

LONGEST_LINE = 8190
"""Bytes of a request line: as long as any list of filters with a cursor."""
MOST_HEADERS = 100
LONGEST_HEADER = 8190

# What a host and its port are written with (RFC 3986, section 3.2.2).
_HOST = re.compile(r"[\w.~%!$&'()*+,;=:\[\]-]*", re.ASCII)
_WITH_A_BODY = {"CONTENT-LENGTH", "TRANSFER-ENCODING"}
# Seconds for what is left of a body that nobody has read.
_DRAINED_WITHIN = 5
_NOT_HTTP = RequestError("malformed-request", "This is not a request of HTTP/1.1 (RFC 9112).")
_REFUSALS: Mapping[type[Exception], RequestError] = {
    errors.LimitRequestLine: RequestError(
        "uri-too-long", f"A request line has {LONGEST_LINE} bytes at the most."
    ),
    errors.LimitRequestHeaders: RequestError(
        "headers-too-large",
        f"A request has {MOST_HEADERS} headers at the most, of {LONGEST_HEADER} bytes each.",
    ),
    errors.UnsupportedTransferCoding: RequestError(
        "not-implemented", "Of all transfer codings only chunked is taken, and only once."
    ),
    errors.InvalidHeader: RequestError(
        "malformed-request",
        "A header is wrong, stands twice, contradicts another, or is missing: Host is needed, and "
        "either Content-Length or Transfer-Encoding goes with a body.",
    ),
    errors.InvalidHeaderName: RequestError("malformed-request", "The name of a header is wrong."),
    errors.ObsoleteFolding: RequestError("malformed-request", "A header is folded over two lines."),
    errors.InvalidChunkSize: RequestError("malformed-request", "The size of a chunk is wrong."),
    errors.InvalidChunkExtension: RequestError(
        "malformed-request", "A chunk's extension is wrong."
    ),
    errors.ChunkMissingTerminator: RequestError(
        "malformed-request", "A chunk is not as long as said."
    ),
    errors.NoMoreData: RequestError("malformed-request", "The body ended before its end."),
}
# gunicorn's types are those of an earlier version of it.
_OURS = (
    errors.InvalidResponseHeader,  # type: ignore[attr-defined]
    errors.InvalidResponseHeaderName,  # type: ignore[attr-defined]
    errors.ConfigurationProblem,
)
UNREADABLE = (errors.ParseException, errors.NoMoreData)
"""What is raised for a request that cannot be read, or not to its end."""


# Headers with these values need no check each time.
_OF_ALL = frozenset(responses.with_security([]))


class _Response(wsgi.Response):
    """An answer whose head is sent together with the first of its body, and whose headers that all
    answers have are not looked at each time."""

    _head = b""

    def process_headers(self, given: Iterable[tuple[str, str]]) -> None:
        headers = list(given)
        super().process_headers([header for header in headers if header not in _OF_ALL])
        self.headers = [*self.headers, *(header for header in headers if header in _OF_ALL)]

    def send_headers(self) -> None:
        if not self.headers_sent:
            lines = [*self.default_headers(), *(f"{n}: {v}\r\n" for n, v in self.headers), "\r\n"]
            self._head = "".join(lines).encode("latin-1")
            self.headers_sent = True

    def _emit_body(self, data: bytes) -> None:
        if self.chunked:
            data = b"%X\r\n%b\r\n" % (len(data), data)
        self._send(data)

    def close(self) -> None:
        self.send_headers()
        self._send(b"0\r\n\r\n" if self.chunked else b"")

    def _send(self, data: bytes) -> None:
        if self._head or data:
            self.sock.sendall(self._head + data)
            self._head = b""


wsgi.Response = _Response  # type: ignore[misc]


class Worker(ThreadWorker):
    """Takes no connection any more once it is told to end: were its socket open until it has
    answered what it began, whoever connects would wait so long for nothing."""

    def set_accept_enabled(self, enabled: Any) -> None:
        super().set_accept_enabled(enabled)
        if not self.alive:
            for listener in self.sockets:
                listener.close()

    def handle_request(self, req: Any, conn: Any) -> bool:
        hosts = [value for name, value in req.headers if name == "HOST"]
        if not all(map(_HOST.fullmatch, hosts)) or (not hosts and req.version >= (1, 1)):
            # RFC 9112, section 3.2
            raise errors.InvalidHeader("HOST")
        is_kept = super().handle_request(req, conn)
        if _WITH_A_BODY.isdisjoint(name for name, _ in req.headers):
            return bool(is_kept)
        # A body that was refused unread is read now. Were the connection closed on it, whoever
        # still sends would take the answer for lost.
        try:
            is_whole = conn.parser.finish_body(
                time.monotonic() + _DRAINED_WITHIN, document.load().max_bytes
            )
        except UNREADABLE:
            return False  # it has its answer, and gets no second one
        return bool(is_kept and is_whole)

    def handle_error(self, req: Any, client: socket, addr: Any, exc: BaseException) -> None:
        """The last that is said on a connection."""
        refusal = refused(exc)
        request = trace.begin(None)
        try:
            if refusal.slug == "internal-error":
                self.log.exception("Error handling request")
            else:
                self.log.warning("Invalid request")
            with suppress(OSError):
                client.sendall(_answer(refusal, request.request_id))
        finally:
            trace.end()


def refused(error: BaseException) -> RequestError:
    """What is told of an error outside of the application, or of reading a request's body."""
    if isinstance(error, _OURS) or not isinstance(error, UNREADABLE):
        return problems.INTERNAL_ERROR
    for kind, refusal in _REFUSALS.items():
        if isinstance(error, kind):
            return refusal
    return _NOT_HTTP


def _answer(refusal: RequestError, request_id: str) -> bytes:
    problem = document.load().problems[refusal.slug]
    body = problems.document(problem, refusal)
    lines = [
        ("Server", _SERVER),
        ("Connection", "close"),
        ("Content-Type", problems.MEDIA_TYPE),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("Request-Id", request_id),
    ]
    said = "".join(f"{name}: {value}\r\n" for name, value in responses.with_security(lines))
    phrase = HTTPStatus(problem.status).phrase
    return f"HTTP/1.1 {problem.status} {phrase}\r\n{said}\r\n".encode("latin-1") + body
