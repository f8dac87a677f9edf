"""The request that is being answered: its own id, and the trace that it is part of.

A trace is taken on from `traceparent` and handed on (W3C Trace Context, level 1, 3.2); what is not
valid is as if it were not there, so nothing of a caller's own making gets into a log.
"""

import random
import re
from contextvars import ContextVar
from dataclasses import dataclass
from hashlib import blake2b
from uuid import UUID

_TRACEPARENT = re.compile(
    r"(?P<version>(?!ff)[0-9a-f]{2})-(?P<trace_id>(?!0{32})[0-9a-f]{32})"
    r"-(?!0{16})[0-9a-f]{16}-(?P<flags>[0-9a-f]{2})(?P<later>-.*)?"
)


@dataclass(slots=True)
class Trace:
    """`request_id` is 128 random bits; without a caller's trace it is the trace's id as well."""

    request_id: str
    trace_id: str
    traceparent: str | None = None
    operation: str | None = None
    key_id: UUID | None = None


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def begin(traceparent: str | None) -> Trace:
    """A new request's, from its header."""
    # Without a system call, at which all other threads would have their turn; hashed, so that from
    # some of them nobody can tell how many others there were.
    request_id = blake2b(random.randbytes(16), digest_size=16).hexdigest()  # noqa: S311
    trace = Trace(request_id, request_id)
    given = traceparent and _TRACEPARENT.fullmatch(traceparent)
    if given and not (given["later"] and given["version"] == "00"):
        trace.trace_id = given["trace_id"]
        # Of the flags we know only that the caller samples; our part of the trace is a span.
        sampled = int(given["flags"], 16) & 1
        trace.traceparent = f"00-{trace.trace_id}-{request_id[:16]}-{sampled:02x}"
    _current.set(trace)
    return trace


def end() -> None:
    """Of the thread's next words none is of this request."""
    _current.set(None)


def current() -> Trace | None:
    """None outside of a request."""
    return _current.get()


def note_operation(operation: str | None) -> None:
    """Which operation is asked for, where Flask is not."""
    if trace := _current.get():
        trace.operation = operation


def note_key(key_id: UUID) -> None:
    """Whose key the request has, once that is known."""
    if trace := _current.get():
        trace.key_id = key_id
