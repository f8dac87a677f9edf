"""Trace: the id of the current request, and the distributed trace that it is part of.

A request continues the trace of a valid `traceparent` header (W3C Trace Context, level 1, section
3.2). An invalid header is ignored, so that no text of a client gets into the log.
"""

import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

_TRACEPARENT = re.compile(
    r"(?P<version>(?!ff)[0-9a-f]{2})-(?P<trace_id>(?!0{32})[0-9a-f]{32})"
    r"-(?!0{16})[0-9a-f]{16}-(?P<flags>[0-9a-f]{2})(?P<later>-.*)?"
)


@dataclass(slots=True)
class Trace:
    """The trace of a request. If the client sends none, its id is the `request_id`."""

    request_id: str
    trace_id: str
    traceparent: str | None = None
    operation: str | None = None
    key_id: UUID | None = None


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def begin(traceparent: str | None) -> Trace:
    """Begin the trace of a new request, by its `traceparent` header, and return it."""
    request_id = secrets.token_hex(16)
    trace = Trace(request_id, request_id)
    parent = traceparent and _TRACEPARENT.fullmatch(traceparent)
    if parent and not (parent["later"] and parent["version"] == "00"):
        trace.trace_id = parent["trace_id"]
        # The only known flag tells whether the client samples. The request is a span of the trace.
        sampled = int(parent["flags"], 16) & 1
        trace.traceparent = f"00-{trace.trace_id}-{request_id[:16]}-{sampled:02x}"
    _current.set(trace)
    return trace


def end() -> None:
    """End the trace of the current request."""
    _current.set(None)


def current() -> Trace | None:
    """Return the trace of the current request, or None outside of requests."""
    return _current.get()


def note_operation(operation: str | None) -> None:
    """Note the operation of a request that Flask does not route."""
    if trace := _current.get():
        trace.operation = operation


def note_key(key_id: UUID) -> None:
    """Note the API key of the request."""
    if trace := _current.get():
        trace.key_id = key_id
