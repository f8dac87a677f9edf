"""The log: JSON lines on stderr.

A line holds only texts of the service itself and numbers: no name, query, path, address or key.
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

LOGGER = "constancia"
"""The logger of the service. Messages of other loggers may have a caller's text as arguments."""

_SIGNAL = re.compile(r"SIG[A-Z0-9]+")
_STDERR = 2


def write(line: Mapping[str, Any]) -> None:
    """Write a line. Never fails.

    Makes one system call, so that the lines of several workers do not mix.
    """
    text = orjson.dumps({"time": datetime.now(UTC), **line}, option=orjson.OPT_UTC_Z)
    with contextlib.suppress(OSError):
        os.write(_STDERR, text + b"\n")


class Lines(logging.Handler):
    """Writes the records of Python's `logging`, also those of gunicorn and of the driver."""

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
            # Leave out the error's message, which may hold a caller's text.
            line["error"] = type(error).__name__
            line["frames"] = "".join(traceback.format_tb(error.__traceback__))
        write(line)


def _message(record: logging.LogRecord) -> str:
    """Return the message of a record, with `...` for arguments that may be a caller's text."""
    if record.name == LOGGER:
        return record.getMessage()
    if not isinstance(record.msg, str):
        return type(record.msg).__name__
    if record.msg.startswith("Invalid request from"):
        return "Invalid request"
    if not isinstance(record.args, tuple):
        return record.msg
    safe = tuple(
        argument if isinstance(argument, int) or _SIGNAL.fullmatch(str(argument)) else "..."
        for argument in record.args
    )
    with contextlib.suppress(TypeError, ValueError):
        return record.msg % safe if safe else record.msg
    return record.msg
