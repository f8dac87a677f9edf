"""Responses: the headers of a body, caching (RFC 9111), security headers and CORS."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from flask import Request, Response

from api.charts import svg
from api.contract import document
from api.contract.document import Operation
from api.http import conditional, rate_limits
from api.pages import site
from api.rendering import media_types
from api.rendering.bodies import Body
from api.tables.workbook_writer import Parts

# A shared cache may keep a copy, but must validate it for each request: at any moment a person can
# be withheld, or a release can cease to be confirmed.
_PUBLIC = "public, no-cache"
_PRIVATE = "private, no-store"


def _hash_source(style: str) -> str:
    """Return the hash that allows an inline style (CSP level 3, section 2.3.1)."""
    return f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'"


_CSP = "Content-Security-Policy"
_POLICIES: Mapping[str, str] = {
    "page": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    # The page of the contract loads the contract and the script that renders it, which adds styles.
    "script": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    # A card has one style, and may be framed by any site.
    "card": f"default-src 'none'; style-src {_hash_source(site.card_style())}; "
    "base-uri 'none'; form-action 'none'",
    # A chart has one style, which is the same in all charts.
    "chart": f"default-src 'none'; style-src {_hash_source(svg.stylesheet())}; "
    "frame-ancestors 'none'",
}
"""The policies of HTML pages, by the contract's `x-policy`, and of charts."""
SECURITY_HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # `*` excludes cookies. A web page sends its key in Authorization instead.
    "Access-Control-Allow-Origin": "*",
    _CSP: "default-src 'none'; frame-ancestors 'none'",
}
"""The security headers of every response. An HTML page has another Content-Security-Policy."""
_EXPOSED_HEADERS = (
    "Accept, Accept-Encoding, Accept-Patch, Allow, Content-Disposition, ETag, Idempotent-Replayed, "
    "Link, Location, RateLimit, RateLimit-Policy, Request-Id, Retry-After, traceparent, "
    "WWW-Authenticate"
)
# `*` does not include Authorization (Fetch standard, section 3.3.3).
_PREFLIGHT_HEADERS = (
    "Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, traceparent"
)
_PREFLIGHT_SECONDS = 7200


def body_response(request: Request, operation: Operation, body: Body, media_type: str) -> Response:
    """Return the response of a body."""
    links = []
    if body.next_page:
        query = urlencode({**request.args, **body.next_page})
        links.append(f'<{request.path}?{query}>; rel="next"')
    if body.url_weight:
        rate_limits.note_url_weight(request, body.url_weight)
    if body.cite_as is not None:
        links.append(f'<{body.cite_as}>; rel="cite-as"')  # RFC 8574
    response = block_response(
        request, operation, lambda: body.content, body.etag, media_type, links
    )
    if body.is_proposal and operation.proposal_response is not None:
        response.status_code = 202
        locate(response, operation.proposal_response.location, body.id)
    elif operation.location is not None:
        locate(response, operation.location, body.id)
    return response


def block_response(
    request: Request,
    operation: Operation,
    content: Callable[[], bytes | Iterable[bytes]],
    etag: str | None,
    media_type: str,
    links: Sequence[str] = (),
) -> Response:
    """Return the response with this content, or 304 if the caller has it already."""
    is_public = operation.has_etag and not operation.writes and not _has_key(request)
    headers = [("Cache-Control", _PUBLIC if is_public else _PRIVATE)]
    if etag is not None and operation.has_etag:
        headers.append(("ETag", etag))
    vary = ["Accept"] * (len(operation.media_types) > 1)
    vary += ["Authorization"] * operation.key_is_optional
    vary += ["Accept-Language"] * any(p.name == "lang" for p in operation.parameters)
    if vary:
        headers.append(("Vary", ", ".join(vary)))
    if media_type == "text/html":
        # A 304 has it too, because it updates the headers of the stored copy (RFC 9111, 3.2).
        headers.append((_CSP, _POLICIES[operation.policy]))
    elif media_type == media_types.SVG:
        headers.append((_CSP, _POLICIES["chart"]))
    if etag is not None and not operation.writes:
        not_modified = conditional.not_modified(request, etag, headers)
        if not_modified is not None:
            return not_modified
    headers += [("Link", link) for link in links]
    listed = media_types.listed(media_type)
    if listed in media_types.FILE_SUFFIXES:
        name = operation.title + media_types.FILE_SUFFIXES[listed]
        headers.append(("Content-Disposition", f'attachment; filename="{name}"'))
    content_type = media_types.CONTENT_TYPES[listed]
    data = content()
    if isinstance(data, Parts):
        headers.append(("Content-Length", str(data.length)))
    return Response(data, operation.status, headers, content_type=content_type)


def error_page(content: str, status: int) -> Response:
    """Return the page of an error."""
    headers = {_CSP: _POLICIES["page"]}
    return Response(content, status, headers, content_type=media_types.CONTENT_TYPES["text/html"])


def mark_replayed(response: Response) -> Response:
    """Mark a response as the replay of the response to an earlier request."""
    response.headers["Idempotent-Replayed"] = "true"
    return response


def locate(response: Response, location: str, id: str | None) -> None:
    """Set the Location of a created resource, from its path template."""
    response.headers["Location"] = location.replace("{id}", str(id))


def redirect(request: Request, operation: Operation, surviving_id: str) -> Response:
    """Return the redirect from a duplicate record to the surviving record.

    The redirect is temporary, since a merge can be undone, and keeps the method (307; RFC 9110,
    section 15.4.8).
    """
    location = operation.path.replace("{id}", surviving_id)
    query = request.query_string.decode("ascii")
    response = Response(status=307)
    response.headers["Location"] = f"{location}?{query}" if query else location
    response.headers["Cache-Control"] = _PRIVATE
    return response


def name_accepted(response: Response, request: Request, operation: Operation) -> None:
    """Name the bodies that an operation takes, in a 415 (RFC 9110, section 15.5.16)."""
    response.headers["Accept"] = ", ".join(operation.body_media_types)
    if operation.method == "patch":
        response.headers["Accept-Patch"] = _patch_media_types()
    # Only if an encoding is the reason (RFC 9110, section 12.5.3).
    if "Content-Encoding" in request.headers:
        response.headers["Accept-Encoding"] = "identity"


@cache
def _patch_media_types() -> str:
    """Return the media types that every PATCH takes (RFC 5789, section 3.1)."""
    ((*media_types,),) = {
        tuple(operation.body_media_types)
        for operation in document.load().operations
        if operation.method == "patch"
    }
    return ", ".join(media_types)


def preflight(response: Response) -> Response:
    """Make the response to OPTIONS a response to a CORS preflight request."""
    response.status_code = 204
    del response.headers["Content-Type"]
    if "PATCH" in response.allow:
        response.headers["Accept-Patch"] = _patch_media_types()
    response.headers["Access-Control-Allow-Methods"] = response.headers["Allow"]
    response.headers["Access-Control-Allow-Headers"] = _PREFLIGHT_HEADERS
    response.headers["Access-Control-Max-Age"] = str(_PREFLIGHT_SECONDS)
    return response


class SecurityHeaders:
    """WSGI middleware that adds the security headers to every response."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app

    def __call__(
        self, environ: Mapping[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(status, with_security(headers), *more)

        return self._app(environ, start)


def with_security(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the headers of a response with the security headers and the exposed headers."""
    present = dict(headers)
    added = [(name, value) for name, value in SECURITY_HEADERS.items() if name not in present]
    return [*headers, *added, ("Access-Control-Expose-Headers", _EXPOSED_HEADERS)]


def _has_key(request: Request) -> bool:
    return "HTTP_AUTHORIZATION" in request.environ
