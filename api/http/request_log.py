"""The request log: the id, the trace, the log line and the metrics of each request."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from time import perf_counter
from typing import Any, Protocol

from api import trace

# A client may send any text as the method. Other methods are logged as `other`.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})


class RequestMetrics(Protocol):
    """Metrics of requests, noted when a request begins and when its response was sent."""

    def began(self) -> None: ...

    def ended(self, operation: str, status: int, seconds: float) -> None: ...


class RequestLog:
    """WSGI middleware. A request ends when its response was sent or its client went away."""

    def __init__(
        self,
        app: Callable[..., Iterable[bytes]],
        write: Callable[[Mapping[str, Any]], None],
        metrics: RequestMetrics | None = None,
    ) -> None:
        self.app = app
        self.write = write
        self.metrics = metrics

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> "_LoggedResponse":
        return _LoggedResponse(self, environ, start_response)


class _LoggedResponse:
    """The WSGI iterable of one response."""

    def __init__(
        self, log: RequestLog, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> None:
        self._log = log
        self._environ = environ
        self._began = perf_counter()
        self._trace = trace.begin(environ.get("HTTP_TRACEPARENT"))
        self._start_response = start_response
        self._status = 500
        self._is_complete = False
        self._body: Iterable[bytes] = ()
        if log.metrics:
            log.metrics.began()
        try:
            self._body = log.app(environ, self._start)
        except BaseException:
            self.close()
            raise

    def _start(self, status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        self._status = int(status[:3])
        # Read now: Flask's request context ends before the response is sent.
        request = self._environ.get("werkzeug.request")
        if operation := getattr(request, "endpoint", None):
            self._trace.operation = operation
        headers.append(("Request-Id", self._trace.request_id))
        if self._trace.traceparent:
            headers.append(("traceparent", self._trace.traceparent))
        return self._start_response(status, headers, *more)

    def __iter__(self) -> Iterator[bytes]:
        yield from self._body
        self._is_complete = True

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
        self._log.write(
            {
                "level": "error" if failed else "info" if self._is_complete else "warning",
                "message": "request",
                "method": method if method in _METHODS else "other",
                "operation": self._trace.operation,
                "status": self._status,
                "complete": self._is_complete,
                "duration_ms": round(seconds * 1000, 3),
                "request_id": self._trace.request_id,
                "trace_id": self._trace.trace_id,
                "key_id": self._trace.key_id,
                "pid": os.getpid(),
            }
        )
        if self._log.metrics:
            operation = self._trace.operation or "none"
            self._log.metrics.ended(operation, self._status, seconds)
