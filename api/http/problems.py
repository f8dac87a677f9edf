"""Errors as application/problem+json (RFC 9457)."""

import logging
import traceback
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import orjson
from flask import Flask, Request, Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from api import logs
from api.auth import UnauthenticatedError
from api.config import Language
from api.contract import document as contract
from api.contract import fields, schemas
from api.contract.document import Contract, Problem
from api.errors import FieldError, RequestError, steps_of
from api.http import requests, responses
from api.http.rate_limits import RateLimits
from api.pages import errors
from api.pages.site import Address
from api.wording import catalogs

MEDIA_TYPE = "application/problem+json"
INTERNAL_ERROR = RequestError(
    "internal-error",
    "The service failed, and the error was logged. Check the record before you retry.",
)
"""The response to any error of the service itself. It does not reveal the cause."""

_LOG = logging.getLogger(logs.LOGGER)
_NOTHING_HERE = "There is nothing at this path."
_ALL_PATHS = "The contract at /docs lists all paths."
_NO_DELETION = (
    "No record is deleted. Void what was recorded by mistake (POST to its path and /void), merge "
    "duplicates (/merge), split people (/split), or withhold a person (PATCH, withheld: true)."
)
_SCALARS = (str, int, float, bool)
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
    problem_responses = _ProblemResponses(contract, language, near_path)

    def counted(error: RequestError | HTTPException) -> Response:
        try:
            if count_failed_request:
                count_failed_request(error)
        except RequestError as exceeded:
            error = exceeded
        return problem_responses.expected(error)

    app.register_error_handler(RequestError, counted)
    app.register_error_handler(HTTPException, counted)
    app.register_error_handler(Exception, problem_responses.unexpected)


class Refusals:
    """WSGI middleware that refuses a request to the API if its caller's quota is spent.

    The application would refuse them too, but only once they are routed, and their keys looked
    up. A refusal took 1.3 ms of CPU time, with a key 2.0; now it takes 0.9, most of it gunicorn's.
    Pages are left to the application: their readers get a page.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]], rate_limits: RateLimits) -> None:
        self._app = app
        self._rate_limits = rate_limits
        self._problem = contract.load().problems["quota-exceeded"]

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        is_for_api = environ["PATH_INFO"].startswith("/v1/")
        error = self._rate_limits.refusal(environ) if is_for_api else None
        if error is None:
            return self._app(environ, start_response)
        body = document(self._problem, error)
        headers = [
            ("Content-Type", MEDIA_TYPE),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
        ]
        start_response("429 TOO MANY REQUESTS", headers)
        return () if environ["REQUEST_METHOD"] == "HEAD" else (body,)


class _ProblemResponses:
    """The responses to errors of the current request."""

    def __init__(
        self, contract: Contract, language: Language, near_path: Callable[[str], str | None]
    ) -> None:
        self._problems = contract.problems
        self._operations = {operation.id: operation for operation in contract.operations}
        self._pages = {id: page for id, page in self._operations.items() if page.is_page}
        self._languages = sorted(catalogs.LANGUAGES, key=lambda it: it != language)
        self._near_path = near_path

    def expected(self, error: RequestError | HTTPException) -> Response:
        """Return the response to an error that a request causes."""
        if isinstance(error, RequestError):
            return self._response(error)
        slug = SLUGS.get(error.code or 500, "internal-error")
        detail = error.description
        if slug == "not-found":
            near = self._near_path(requests.current().path)
            detail = f"{_NOTHING_HERE} {f'The nearest is {near}.' if near else _ALL_PATHS}"
        allowed = ""
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            allowed = ", ".join(sorted(error.valid_methods))
            method = requests.current().method
            detail = f"This path does not take {fields.quoted(method)}. It takes: {allowed}."
            if method == "DELETE":
                detail += f" {_NO_DELETION}"
        response = self._response(RequestError(slug, detail or self._problems[slug].explanation))
        if allowed:
            response.headers["Allow"] = allowed
        return response

    def unexpected(self, error: Exception) -> Response:
        """Log an error of the service itself, and return the response to it."""
        # Log no message of the error: the driver's messages can hold names that a caller sent.
        frames = "".join(traceback.format_tb(error.__traceback__))
        _LOG.error("%s\n%s", type(error).__name__, frames)
        return self._response(INTERNAL_ERROR)

    def _response(self, error: RequestError) -> Response:
        problem = self._problems[error.slug]
        request = requests.current()
        if _is_for_readers(request, self._pages):
            response = self._page(request, problem, error)
        else:
            error.errors = _quoting(request, error.errors)
            response = Response(document(problem, error), problem.status, content_type=MEDIA_TYPE)
        if problem.status == 401:
            response.headers["WWW-Authenticate"] = _challenge(error)
        if problem.status == 415:
            responses.name_accepted(response, request, self._operations[str(request.endpoint)])
        if error.slug in _RETRY_AFTER_SECONDS:
            response.headers["Retry-After"] = str(_RETRY_AFTER_SECONDS[error.slug])
        response.headers["Cache-Control"] = "no-store"
        return response

    def _page(self, request: Request, problem: Problem, error: RequestError) -> Response:
        asked = request.args.get("lang")
        if asked not in self._languages:
            asked = requests.preferred_language(request, self._languages)
        chosen = next(language for language in self._languages if language == asked)
        page = self._pages.get(request.endpoint or "")
        if page:
            address = requests.address(
                request, {p.name for p in page.parameters if p.location == "query"}
            )
        else:
            # With one slash, so that no link leads to another site.
            address = Address(request.url_root, "/" + quote(request.path.lstrip("/")))
        content = errors.page(chosen, address, problem, error, page, request.args)
        return responses.error_page(content, problem.status)


def _quoting(request: Request, errors: Sequence[FieldError]) -> Sequence[FieldError]:
    """Return errors, each with the value at its place unless it quotes it or is about its name.

    A name that is unknown may be that of a secret, such as a key in a parameter, or be one.
    """
    return [
        replace(error, pointer=fields.without_keys(error.pointer))
        if error.detail.startswith(schemas.UNKNOWN)
        else replace(error, detail=_with_value(error.detail, _at(request, error.pointer)))
        for error in errors
    ]


def _with_value(detail: str, value: Any) -> str:
    if not isinstance(value, _SCALARS):
        return detail
    text = fields.quoted(value)
    return detail if text.strip("'…") in detail else f"{detail} Sent: {text}."


def _at(request: Request, pointer: str) -> Any:
    """Return the value at a place of the body, or else of the query; None if there is none."""
    value = request.environ.get(requests.BODY)
    for name in steps_of(pointer):
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            value = None
    return request.args.get(pointer[1:]) if value is None else value


def _is_for_readers(request: Request, pages: Collection[str]) -> bool:
    """Whether a request is for a page, or for an unknown path outside the API, by a browser."""
    is_page = request.endpoint in pages or (
        request.endpoint is None and not request.path.startswith("/v1/")
    )
    accepted = request.accept_mimetypes
    return is_page and accepted["text/html"] > accepted[MEDIA_TYPE]


def _challenge(error: RequestError) -> str:
    """Return the challenge of a 401 (RFC 6750, section 3), with what is wrong with the key."""
    challenge = 'Bearer realm="constancia"'
    if not isinstance(error, UnauthenticatedError) or error.description is None:
        return challenge
    return f'{challenge}, error="invalid_token", error_description="{error.description}"'


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
