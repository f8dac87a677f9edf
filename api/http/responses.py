"""What an operation answered -> the response: its form, its headers, and how a copy of it may
serve (RFC 9110, section 13; RFC 9111)."""

from collections.abc import Callable, Iterable
from urllib.parse import urlencode

from flask import Request, Response
from werkzeug.http import unquote_etag

from api.contract.document import Operation
from api.errors import RequestError
from api.http import headers
from api.rendering import media_types
from api.rendering.bodies import Body

# Anybody may keep a copy, and asks each time whether it still stands: at any moment a person can
# come to be withheld, and a confirmation to fall.
_PUBLIC = "public, no-cache"
# What a key is shown is for its holder alone, and what was done is not there to be had again.
_PRIVATE = "private, no-store"
# The pages load nothing but the contract and the one script that shows it.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def whole(request: Request, operation: Operation, rendered: Body, media_type: str) -> Response:
    """The response of an answer that is there as a whole."""
    told = []
    if rendered.next_page:
        query = urlencode({**request.args, **rendered.next_page})
        told.append(("Link", f'<{request.path}?{query}>; rel="next"'))
    if rendered.cite_as is not None:
        # RFC 8574
        told.append(("Link", f'<{rendered.cite_as}>; rel="cite-as"'))
    response = of(request, operation, lambda: rendered.content, rendered.etag, media_type, told)
    if operation.status == 201:
        locate(response, operation, rendered.id)
    return response


def of(
    request: Request,
    operation: Operation,
    body: Callable[[], bytes | Iterable[bytes]],
    etag: str | None,
    media_type: str,
    told: Iterable[tuple[str, str]] = (),
) -> Response:
    """The response with a body, which is not made for a caller who has it already; what else is
    told in headers."""
    is_public = operation.tags_answer and not operation.writes and not _has_key(request)
    described = [("Cache-Control", _PUBLIC if is_public else _PRIVATE)]
    if etag is not None and operation.tags_answer:
        described.append(("ETag", etag))
    depends_on = ["Accept"] * (len(operation.offers) > 1)
    depends_on += ["Authorization"] * operation.key_is_optional
    if depends_on:
        described.append(("Vary", ", ".join(depends_on)))
    if media_type == "text/html":
        # With a 304 too, which changes the headers of the copy (RFC 9111, section 3.2).
        described.append(("Content-Security-Policy", _PAGE_POLICY))
    if etag is not None and not operation.writes and _is_known(request, etag):
        # Without what else is told: a copy says of itself how it is cited (RFC 9110, 15.4.5).
        return Response(status=304, headers=described)
    described += told
    if media_type == media_types.CSV:
        name = operation.path.rpartition("/")[2]
        described.append(("Content-Disposition", f'attachment; filename="{name}.csv"'))
    content_type = media_types.CONTENT_TYPES[media_type]
    return Response(body(), operation.status, described, content_type=content_type)


def replayed(response: Response) -> Response:
    """Says that it is the answer to an earlier request."""
    response.headers["Idempotent-Replayed"] = "true"
    return response


def locate(response: Response, operation: Operation, id: str | None) -> None:
    response.headers["Location"] = (operation.location or "").replace("{id}", str(id))


def merged(request: Request, operation: Operation, into: str) -> Response:
    """Sends on to what a record became: for the time being, since a merge can be undone, and with
    the same method, so that whoever follows does what was meant (RFC 9110, section 15.4.8)."""
    location = operation.path.replace("{id}", into)
    query = request.query_string.decode("ascii")
    response = Response(status=307)
    response.headers["Location"] = f"{location}?{query}" if query else location
    response.headers["Cache-Control"] = _PRIVATE
    return response


def options(response: Response) -> Response:
    """What a path allows, to a browser that asks before it sends a page's request as well."""
    response.status_code = 204
    del response.headers["Content-Type"]
    response.headers.update(headers.preflight(response.headers["Allow"]))
    return response


def check_unchanged(request: Request, etag: str) -> None:
    """Refuses a request that was meant for another state of the record (RFC 9110, 13.1.1)."""
    if "HTTP_IF_MATCH" not in request.environ:
        return
    opaque, is_weak = unquote_etag(etag)
    if is_weak or not request.if_match.contains(opaque):
        raise RequestError(
            "precondition-failed",
            "It is not what If-Match says any more. Read it again, and decide anew.",
        )


def _is_known(request: Request, etag: str) -> bool:
    check_unchanged(request, etag)
    if "HTTP_IF_NONE_MATCH" not in request.environ:
        return False
    opaque, _ = unquote_etag(etag)
    return request.if_none_match.contains_weak(opaque)


def _has_key(request: Request) -> bool:
    return "HTTP_AUTHORIZATION" in request.environ
