"""gunicorn's threaded worker, with eight additions that tests require, and two for speed.

It refuses ambiguous requests that gunicorn accepts, drains unread bodies, gives up clients that
pause, closes connections without blocking others, closes its listeners when it stops, quits once,
ends with its master, responds to malformed requests with problem documents, sends a response in
fewer calls, and handles the next request of a connection in the same thread.
"""

import ctypes
import os
import re
import select
import signal
import sys
import time
from contextlib import suppress
from errno import ECONNRESET
from functools import partial
from http import HTTPStatus
from selectors import EVENT_READ
from socket import MSG_DONTWAIT, SHUT_WR, socket
from threading import Semaphore
from typing import Any
from urllib.parse import quote

from gunicorn.http import errors, wsgi
from gunicorn.workers.gthread import ThreadWorker

from api import trace
from api.contract import document
from api.errors import RequestError
from api.http import problems, responses

# The Server header names the service, not the software that it runs on.
_SERVER = "Constancia"
wsgi.SERVER = _SERVER  # type: ignore[attr-defined]

# RFC 3986, section 3.2.2: host and port.
_HOST = re.compile(r"[\w.~%!$&'()*+,;=:\[\]-]*", re.ASCII)
# RFC 3986, section 2.2, and the sign that begins an encoded character.
_UNQUOTED = "!$'()*+,;=:@/%"
_MAX_QUOTED = 100
_BODY_HEADERS = {"CONTENT-LENGTH", "TRANSFER-ENCODING"}
_MAX_DRAIN_SECONDS = 5
# For one call of send or recv. A heavy response is sent in calls of at most 64 KiB.
_MAX_WAIT_SECONDS = 60
_LINGER_SECONDS = 2
_MAX_LINGERING = 100
_MAX_LINGER_BYTES = 1 << 16
_NEXT_REQUEST_MILLISECONDS = 10
_PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
_SLUGS = {
    errors.LimitRequestLine: "uri-too-long",
    errors.LimitRequestHeaders: "headers-too-large",
    errors.UnsupportedTransferCoding: "not-implemented",
}
# Errors of the application and of the settings, which gunicorn derives from ParseException, too.
_SERVICE_ERRORS = (
    errors.InvalidResponseHeader,  # type: ignore[attr-defined]
    errors.InvalidResponseHeaderName,  # type: ignore[attr-defined]
    errors.ConfigurationProblem,
)
PARSE_ERRORS = (errors.ParseException, errors.NoMoreData)
"""gunicorn's errors while it reads a request's head or body."""


class _Response(wsgi.Response):
    """Sends the head of a response together with the first block of its body, which is not empty.

    gunicorn makes a call for each, at which another thread takes the interpreter. Benchmark on two
    cores, requests a second: `GET /v1/counts` 2 % more, 50 release events, a 304 and the empty
    route 7 % more.
    """

    _head = b""

    def process_headers(self, headers: Any) -> None:
        """Set the headers. gunicorn itself ignores a Connection header."""
        super().process_headers(headers)
        if ("Connection", "close") in headers:
            self.force_close()

    def send_headers(self) -> None:
        if not self.headers_sent:
            lines = [*self.default_headers(), *(f"{n}: {v}\r\n" for n, v in self.headers), "\r\n"]
            self._head = "".join(lines).encode("latin-1")
            self.headers_sent = True

    def can_sendfile(self) -> bool:
        return False  # it would be sent without a head

    def close(self) -> None:
        self.send_headers()
        self._send(b"0\r\n\r\n" if self.chunked else b"")

    def _emit_body(self, data: bytes) -> None:
        self._send(b"%X\r\n%b\r\n" % (len(data), data) if self.chunked else data)

    def _send(self, data: bytes) -> None:
        unsent, self._head = memoryview(self._head + data), b""
        if not unsent:
            return
        with suppress(BlockingIOError):  # to set a timeout takes a call of its own
            unsent = unsent[self.sock.send(unsent, MSG_DONTWAIT) :]
        if unsent:  # more than the kernel takes at once, or a client that does not read
            self.sock.settimeout(_MAX_WAIT_SECONDS)
            self.sock.sendall(unsent)


wsgi.Response = _Response  # type: ignore[misc]


class Worker(ThreadWorker):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The connections that wait for their client to close, and the bytes read from each.
        self._lingering: dict[Any, int] = {}
        # At most a quarter of the threads stay with their connections: the others serve new ones.
        self._kept_connections = Semaphore(self.cfg.threads // 4)
        self._quits = False

    def init_process(self) -> None:
        """Run, and die with the master (PR_SET_PDEATHSIG).

        gunicorn's worker notices the master's death only when its clients have closed their
        connections. Until then it holds the listening socket, which nobody accepts from.
        """
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != self.ppid:  # the master was killed before
                os._exit(1)
        super().init_process()

    def handle_quit(self, sig: int, frame: Any) -> None:
        """Quit at once. The signals of Ctrl-C come twice: from the terminal and from the master.

        The second one would end the exit with a traceback.
        """
        if not self._quits:
            self._quits = True
            super().handle_quit(sig, frame)

    def set_accept_enabled(self, enabled: Any) -> None:
        """Close the listeners when stopping, so that clients are refused and do not wait."""
        super().set_accept_enabled(enabled)
        if not self.alive:
            for listener in self.sockets:
                listener.close()

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Close a connection after its last response without waiting for its client.

        gunicorn waits in the event loop, up to two seconds for each connection: with one client a
        second that keeps its connection open, `GET /v1/counts` took 0.95 s.
        """
        if fs.cancelled() or fs.exception() or fs.result():
            super().finish_request(conn, fs)
            return
        self._lingering[conn] = 0
        conn.timeout = time.monotonic() + _LINGER_SECONDS
        try:
            conn.sock.shutdown(SHUT_WR)
            conn.sock.setblocking(False)
            self.poller.register(conn.sock, EVENT_READ, partial(self._drain, conn))
        except (OSError, ValueError):  # the client closed it already, or gunicorn
            self._close(conn)
        if len(self._lingering) > _MAX_LINGERING:
            self._close(next(iter(self._lingering)))

    def _drain(self, conn: Any, _: socket) -> None:
        """Read what a client still sends: closing with unread data would reset the connection."""
        if conn not in self._lingering:
            return  # closed since the poller returned
        try:
            data = conn.sock.recv(_MAX_LINGER_BYTES)
        except OSError:
            data = b""
        self._lingering[conn] += len(data)
        if not data or self._lingering[conn] > _MAX_LINGER_BYTES:
            self._close(conn)

    def _close(self, conn: Any) -> None:
        """Close a connection that lingers."""
        del self._lingering[conn]
        self.nr_conns -= 1
        with suppress(KeyError, ValueError):
            self.poller.unregister(conn.sock)
        conn.close()

    def murder_pending(self) -> None:
        """Close what has waited too long. gunicorn calls this at least once a second."""
        super().murder_pending()
        now = time.monotonic()
        for conn in [conn for conn in self._lingering if conn.timeout <= now]:
            self._close(conn)

    def handle(self, conn: Any) -> Any:
        """Handle a request, and those that follow it at once on the same connection.

        gunicorn gives a connection back to its event loop after each request, which wakes up two
        more threads. Benchmark on two cores, requests a second, with timeouts for bodies only: the
        empty route 41 % more, a 304 31 % more.
        """
        keep_alive = super().handle(conn)
        if keep_alive is not True or not self._kept_connections.acquire(blocking=False):
            return keep_alive
        try:
            while keep_alive is True and self._has_next_request(conn):
                keep_alive = super().handle(conn)
            return keep_alive
        finally:
            self._kept_connections.release()

    def _has_next_request(self, conn: Any) -> bool:
        """Return whether the next request follows at once, while no other connection waits.

        Others wait in the event loop, or in the queue of the threads while all are occupied.
        gunicorn handles a request that is in the buffer already, since its client sent it without
        waiting for the response.
        """
        are_all_occupied = self.tpool._work_queue.qsize() > 0
        if not self.alive or are_all_occupied or conn.parser.unreader.buf.getvalue():
            return False
        poll = select.poll()
        poll.register(conn.sock, select.POLLIN)
        poll.register(self.poller, select.POLLIN)
        readable = [number for number, _ in poll.poll(_NEXT_REQUEST_MILLISECONDS)]
        return readable == [conn.sock.fileno()]

    def handle_request(self, req: Any, conn: Any) -> bool:
        hosts = [value for name, value in req.headers if name == "HOST"]
        if not all(map(_HOST.fullmatch, hosts)) or (not hosts and req.version >= (1, 1)):
            raise errors.InvalidHeader("HOST")  # RFC 9112, section 3.2
        codings = [value for name, value in req.headers if name == "TRANSFER-ENCODING"]
        for coding in codings:
            # gunicorn passes the compressed bytes of `gzip, chunked` on as the body.
            if coding.lower() != "chunked":
                raise errors.UnsupportedTransferCoding(coding)
        if sum(name == "IDEMPOTENCY-KEY" for name, _ in req.headers) > 1:
            raise errors.InvalidHeader("IDEMPOTENCY-KEY")  # WSGI would join the values
        names = {name for name, _ in req.headers}
        has_body = not _BODY_HEADERS.isdisjoint(names)
        if has_body or "EXPECT" in names:  # gunicorn sends "100 Continue" at once
            conn.sock.settimeout(_MAX_WAIT_SECONDS)
        try:
            keep_alive = super().handle_request(req, conn)
        except TimeoutError as error:
            raise ConnectionResetError(ECONNRESET, "The client pauses too long.") from error
        if not has_body:
            conn.parser.mesg = None  # there is no body to drain: gunicorn would set timeouts
            return bool(keep_alive)
        # Closing a connection with unread data resets it, and the client may lose the response.
        # gunicorn itself drains only 64 KiB; an upload can be refused with 32 MiB unread.
        try:
            drained = conn.parser.finish_body(
                time.monotonic() + _MAX_DRAIN_SECONDS, document.load().max_bytes
            )
        except PARSE_ERRORS:
            return False
        return bool(keep_alive and drained)

    def handle_error(self, req: Any, client: socket, addr: Any, exc: BaseException) -> None:
        """Respond to a request that did not reach the application; gunicorn then closes."""
        error = request_error(exc)
        request = trace.begin(None)
        try:
            if error.slug == "internal-error":
                self.log.exception("Error handling request")
            else:
                self.log.warning("Invalid request")
            with suppress(OSError):
                client.sendall(_response(error, request.request_id))
        finally:
            trace.end()


def request_error(exc: BaseException) -> RequestError:
    """Return the error for an exception of gunicorn. Only those of its parser are the request's."""
    if isinstance(exc, _SERVICE_ERRORS) or not isinstance(exc, PARSE_ERRORS):
        return problems.INTERNAL_ERROR
    explained = problems.explained(_SLUGS.get(type(exc), "malformed-request"))
    encoded = _percent_encoded(exc) if isinstance(exc, errors.InvalidRequestLine) else None
    if encoded is None:
        return explained
    return RequestError(
        explained.slug,
        f"The request line has characters that are not ASCII. Percent-encode them: {encoded}. "
        "With curl: -G --data-urlencode 'q=…'.",
    )


def _percent_encoded(exc: errors.InvalidRequestLine) -> str | None:
    """Return a parameter or path that is UTF-8, percent-encoded; None if there is none."""
    target = next((part for part in str(exc.req).split(" ") if not part.isascii()), "")
    try:
        text = target.encode("latin-1").decode()  # gunicorn decodes it as Latin-1
    except UnicodeError:
        return None
    parameter = next((part for part in re.split("[?&]", text) if not part.isascii()), "")
    return quote(parameter[:_MAX_QUOTED], safe=_UNQUOTED)


def _response(error: RequestError, request_id: str) -> bytes:
    problem = document.load().problems[error.slug]
    body = problems.document(problem, error)
    fields = [
        ("Server", _SERVER),
        ("Connection", "close"),
        ("Content-Type", problems.MEDIA_TYPE),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("Request-Id", request_id),
    ]
    head = "".join(f"{name}: {value}\r\n" for name, value in responses.with_security(fields))
    status_line = f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}"
    return f"{status_line}\r\n{head}\r\n".encode("latin-1") + body
