"""Around every request: its id and trace, its line in the log, its part in the metrics."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from time import perf_counter
from typing import Any, Protocol

from api import trace

# A caller may send any word for one.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})


class Watch(Protocol):
    """Who is told of each request when it begins, and when its answer was sent."""

    def began(self) -> None: ...

    def ended(self, operation: str, status: int, seconds: float) -> None: ...


class Observed:
    """WSGI middleware. A request ends when its answer was sent, or its caller went away."""

    def __init__(
        self,
        app: Callable[..., Iterable[bytes]],
        write: Callable[[Mapping[str, Any]], None],
        watch: Watch | None = None,
    ) -> None:
        self.app = app
        self.write = write
        self.watch = watch

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> "_Answer":
        return _Answer(self, environ, start_response)


class _Answer:
    """One request, and what is sent for it."""

    def __init__(
        self, around: Observed, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> None:
        self._around = around
        self._environ = environ
        self._began = perf_counter()
        self._trace = trace.begin(environ.get("HTTP_TRACEPARENT"))
        self._start_response = start_response
        self._status = 500
        self._whole = False
        self._body: Iterable[bytes] = ()
        if around.watch:
            around.watch.began()
        try:
            self._body = around.app(environ, self._start)
        except BaseException:
            self.close()
            raise

    def _start(self, status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        self._status = int(status[:3])
        # Flask forgets the request before its answer is sent.
        request = self._environ.get("werkzeug.request")
        if operation := getattr(request, "endpoint", None):
            self._trace.operation = operation
        headers.append(("Request-Id", self._trace.request_id))
        if self._trace.traceparent:
            headers.append(("traceparent", self._trace.traceparent))
        return self._start_response(status, headers, *more)

    def __iter__(self) -> Iterator[bytes]:
        yield from self._body
        self._whole = True

    def close(self) -> None:
        try:
            if close := getattr(self._body, "close", None):
                close()
        finally:
            self._end()
            trace.end()

    def _end(self) -> None:
        seconds = perf_counter() - self._began
        method = self._environ.get("REQUEST_METHOD")
        failed = self._status >= 500 and self._status != 503
        self._around.write(
            {
                "level": "error" if failed else "info" if self._whole else "warning",
                "message": "request",
                "method": method if method in _METHODS else "other",
                "operation": self._trace.operation,
                "status": self._status,
                "whole": self._whole,
                "duration_ms": round(seconds * 1000, 3),
                "request_id": self._trace.request_id,
                "trace_id": self._trace.trace_id,
                "key_id": self._trace.key_id,
                "pid": os.getpid(),
            }
        )
        if self._around.watch:
            self._around.watch.ended(self._trace.operation or "none", self._status, seconds)
