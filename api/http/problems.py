"""What went wrong -> application/problem+json (RFC 9457), nowhere else."""

import logging
import traceback
from collections.abc import Mapping
from typing import Any

import orjson
from flask import Flask, Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from api import logs
from api.contract.document import Problem
from api.errors import RequestError

MEDIA_TYPE = "application/problem+json"
FAILED = RequestError(
    "internal-error", "The service failed. Nothing was changed; it has been noted."
)
"""All that is told of an error of ours."""

_LOG = logging.getLogger(logs.OURS)
# Seconds, by the kinds that go away by waiting.
_RETRY_AFTER = {"busy": "2", "idempotency-key-in-use": "1"}
# Werkzeug's own refusals, by status.
_KINDS = {
    400: "malformed-json",
    404: "not-found",
    405: "method-not-allowed",
    413: "body-too-large",
}


def register(app: Flask, problems: Mapping[str, Problem]) -> None:
    """Makes every error of the application a problem document."""

    def answer(refusal: RequestError) -> Response:
        problem = problems[refusal.slug]
        response = Response(document(problem, refusal), problem.status, content_type=MEDIA_TYPE)
        if problem.status == 401:
            response.headers["WWW-Authenticate"] = 'Bearer realm="constancia"'
        if refusal.slug in _RETRY_AFTER:
            response.headers["Retry-After"] = _RETRY_AFTER[refusal.slug]
        # It may be otherwise at once.
        response.headers["Cache-Control"] = "no-store"
        return response

    def from_werkzeug(error: HTTPException) -> Response:
        kind = _KINDS.get(error.code or 500, "internal-error")
        # Werkzeug's own words for a path that is not there are for who typed it into a browser.
        detail = "There is nothing at this path." if kind == "not-found" else error.description
        response = answer(RequestError(kind, detail or problems[kind].explanation))
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
        return response

    def unexpected(error: Exception) -> Response:
        # The message is left out: the driver's can hold what a caller sent, names among it.
        frames = "".join(traceback.format_tb(error.__traceback__))
        _LOG.error("%s\n%s", type(error).__name__, frames)
        return answer(FAILED)

    app.register_error_handler(RequestError, answer)
    app.register_error_handler(HTTPException, from_werkzeug)
    app.register_error_handler(Exception, unexpected)


def document(problem: Problem, refusal: RequestError) -> bytes:
    """The body of an answer."""
    told: dict[str, Any] = {
        "type": f"/problems/{problem.slug}",
        "title": problem.title,
        "status": problem.status,
        "detail": refusal.detail,
    }
    if refusal.errors:
        told["errors"] = [
            {"pointer": fault.pointer, "detail": fault.detail} for fault in refusal.errors
        ]
    if refusal.release_event_id is not None:
        told["release_event_id"] = str(refusal.release_event_id)
    return orjson.dumps(told)
