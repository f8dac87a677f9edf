"""What the service says of itself: lines of JSON on stderr.

No line holds a name, a query, a path, an address or a key: only words of ours and numbers.
"""

import contextlib
import logging
import os
import re
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from api import trace

# Whose words are ours. Of all others' the parts that they fill in may be a caller's.
OURS = "constancia"
_SIGNAL = re.compile(r"SIG[A-Z0-9]+")
_STDERR = 2


def write(line: Mapping[str, Any]) -> None:
    """One line in one write, so that those of several workers do not mix. Never fails."""
    words = orjson.dumps({"time": datetime.now(UTC), **line}, option=orjson.OPT_UTC_Z)
    with contextlib.suppress(OSError):
        os.write(_STDERR, words + b"\n")


class Lines(logging.Handler):
    """Where the lines of Python's `logging` go, gunicorn's and the driver's among them."""

    def emit(self, record: logging.LogRecord) -> None:
        request = trace.current()
        line: dict[str, Any] = {
            "level": record.levelname.lower(),
            "message": _message(record),
            "logger": record.name,
            "request_id": request and request.request_id,
            "pid": record.process,
        }
        if record.exc_info and (error := record.exc_info[1]):
            # Not its words, which may hold what somebody sent.
            line["error"] = type(error).__name__
            line["frames"] = "".join(traceback.format_tb(error.__traceback__))
        write(line)


def _message(record: logging.LogRecord) -> str:
    if record.name == OURS:
        return record.getMessage()
    if not isinstance(record.msg, str):
        return type(record.msg).__name__
    if record.msg.startswith("Invalid request from"):
        return "Invalid request"
    if not isinstance(record.args, tuple):
        return record.msg
    known = tuple(
        given if isinstance(given, int) or _SIGNAL.fullmatch(str(given)) else "..."
        for given in record.args
    )
    with contextlib.suppress(TypeError, ValueError):
        return record.msg % known if known else record.msg
    return record.msg
