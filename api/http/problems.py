"""Errors as application/problem+json (RFC 9457)."""

import logging
import traceback
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import quote

import orjson
from flask import Flask, Request, Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from api import logs
from api.auth import UnauthenticatedError
from api.config import Language
from api.contract import document as contract
from api.contract.document import Contract, Problem
from api.errors import RequestError
from api.http import requests, responses
from api.pages import catalogs, errors
from api.pages.site import Address

MEDIA_TYPE = "application/problem+json"
INTERNAL_ERROR = RequestError(
    "internal-error",
    "The service failed, and the error was logged. Check the record before you retry.",
)
"""The response to any error of the service itself. It does not reveal the cause."""

_LOG = logging.getLogger(logs.LOGGER)
_NOTHING_HERE = "There is nothing at this path."
_ALL_PATHS = "The contract at /docs lists all paths."
_RETRY_AFTER_SECONDS = {"busy": 2, "idempotency-key-in-use": 1, "too-many-heavy-requests": 2}
SLUGS = {
    400: "malformed-json",
    404: "not-found",
    405: "method-not-allowed",
    413: "body-too-large",
}
"""The slugs of Werkzeug's own errors, by status."""


def register(
    app: Flask,
    contract: Contract,
    language: Language,
    near_path: Callable[[str], str | None],
    count_failed_request: Callable[[Exception], None] | None,
) -> None:
    """Make every error of the application a problem document, or for a reader a page.

    A page has `language` if the request prefers none. `near_path` returns the path that an
    unknown one nearly is. `count_failed_request` counts the failed request for its rate limit. It
    may raise `quota-exceeded`, which replaces the error.
    """

    problems = contract.problems
    pages = {operation.id: operation for operation in contract.operations if operation.is_page}
    languages = sorted(catalogs.LANGUAGES, key=lambda it: it != language)

    def counted(error: RequestError | HTTPException) -> Response:
        try:
            if count_failed_request:
                count_failed_request(error)
        except RequestError as exceeded:
            error = exceeded
        return answer(error) if isinstance(error, RequestError) else from_werkzeug(error)

    def answer(error: RequestError) -> Response:
        problem = problems[error.slug]
        request = requests.current()
        if _is_for_readers(request, pages):
            asked = request.args.get("lang")
            if asked not in languages:
                asked = requests.preferred_language(request, languages)
            chosen = next(language for language in languages if language == asked)
            page = pages.get(request.endpoint or "")
            if page:
                address = requests.address(
                    request, {p.name for p in page.parameters if p.location == "query"}
                )
            else:
                # With one slash, so that no link leads to another site.
                address = Address(request.url_root, "/" + quote(request.path.lstrip("/")))
            content = errors.page(chosen, address, problem, error, page, request.args)
            response = responses.error_page(content, problem.status)
        else:
            response = Response(document(problem, error), problem.status, content_type=MEDIA_TYPE)
        if problem.status == 401:
            response.headers["WWW-Authenticate"] = _challenge(error)
        if error.slug in _RETRY_AFTER_SECONDS:
            response.headers["Retry-After"] = str(_RETRY_AFTER_SECONDS[error.slug])
        response.headers["Cache-Control"] = "no-store"
        return response

    def from_werkzeug(error: HTTPException) -> Response:
        slug = SLUGS.get(error.code or 500, "internal-error")
        detail = error.description
        if slug == "not-found":
            near = near_path(requests.current().path)
            detail = f"{_NOTHING_HERE} {f'The nearest is {near}.' if near else _ALL_PATHS}"
        response = answer(RequestError(slug, detail or problems[slug].explanation))
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
        return response

    def unexpected(error: Exception) -> Response:
        # Log no message of the error: the driver's messages can hold names that a caller sent.
        frames = "".join(traceback.format_tb(error.__traceback__))
        _LOG.error("%s\n%s", type(error).__name__, frames)
        return answer(INTERNAL_ERROR)

    app.register_error_handler(RequestError, counted)
    app.register_error_handler(HTTPException, counted)
    app.register_error_handler(Exception, unexpected)


def _is_for_readers(request: Request, pages: Collection[str]) -> bool:
    """Whether a request is for a page, or for an unknown path outside the API, by a browser."""
    is_page = request.endpoint in pages or (
        request.endpoint is None and not request.path.startswith("/v1/")
    )
    accepted = request.accept_mimetypes
    return is_page and accepted["text/html"] > accepted[MEDIA_TYPE]


def _challenge(error: RequestError) -> str:
    """Return the challenge of a 401 (RFC 6750, section 3), with the fault of the key."""
    fault = error.fault if isinstance(error, UnauthenticatedError) else None
    challenge = 'Bearer realm="constancia"'
    return (
        f'{challenge}, error="invalid_token", error_description="{fault}"' if fault else challenge
    )


def explained(slug: str) -> RequestError:
    """Return an error whose detail is the contract's explanation of its problem."""
    return RequestError(slug, contract.load().problems[slug].explanation)


def document(problem: Problem, error: RequestError) -> bytes:
    """Return the problem document of an error."""
    members: dict[str, Any] = {
        "type": f"/problems/{problem.slug}",
        "title": problem.title,
        "status": problem.status,
        "detail": error.detail,
    }
    if error.errors:
        members["errors"] = [
            {"pointer": field.pointer, "detail": field.detail} for field in error.errors
        ]
    members |= {name: str(id) for name, id in error.existing.items()}
    return orjson.dumps(members)
