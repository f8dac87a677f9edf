"""Checks of problem documents (RFC 9457)."""

import json
import re
from typing import Any

from werkzeug.test import TestResponse

from api.contract import document

STATUS_BY_SLUG = {
    "validation-error": 422,
    "malformed-json": 400,
    "malformed-request": 400,
    "uri-too-long": 414,
    "headers-too-large": 431,
    "not-implemented": 501,
    "unauthenticated": 401,
    "forbidden": 403,
    "not-found": 404,
    "method-not-allowed": 405,
    "not-acceptable": 406,
    "conflict": 409,
    "release-event-exists": 409,
    "source-exists": 409,
    "facility-exists": 409,
    "external-id-exists": 409,
    "still-detained": 409,
    "import-outdated": 409,
    "idempotency-key-in-use": 409,
    "idempotency-key-reused": 422,
    "precondition-failed": 412,
    "relay-elsewhere": 422,
    "relay-from-the-future": 422,
    "published-before-release": 422,
    "published-in-the-future": 422,
    "relayed-without-origin": 422,
    "affiliation-period": 422,
    "body-too-large": 413,
    "unsupported-media-type": 415,
    "quota-exceeded": 429,
    "too-many-connections": 429,
    "too-many-requests": 429,
    "too-many-heavy-requests": 429,
    "not-ready": 503,
    "busy": 503,
    "unanswered": 502,
    "internal-error": 500,
}


# The property that names the existing record.
EXISTING = {
    "release-event-exists": "release_event_id",
    "source-exists": "source_id",
    "facility-exists": "facility_id",
    "external-id-exists": "detainee_id",
}

# Parts of SQL and its errors, of Python and its files, and of libraries.
INTERNALS = re.compile(
    r"SELECT |INSERT |UPDATE |psycopg|postgres|constraint|relation \"|column \"|Traceback|"
    r"\.py\b|File \"|line \d+, in|/usr/|/home/|/tmp/|Exception|marshmallow|werkzeug|orjson|"
    r"<[a-z]+ |__",
    re.IGNORECASE,
)


def check_problem(response: TestResponse, slug: str) -> Any:
    """Check that a response is a problem document (RFC 9457); return the document."""
    text = response.get_data(as_text=True)
    assert response.status_code == STATUS_BY_SLUG[slug], text
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = json.loads(text)
    assert problem["type"] == f"/problems/{slug}"
    assert problem["status"] == STATUS_BY_SLUG[slug]
    assert problem["title"] == document.load().problems[slug].title
    needed = {"type", "title", "status", "detail"}
    assert needed <= set(problem) <= needed | {"errors", *EXISTING.values()}
    assert problem["detail"].endswith(".") or slug == "release-event-exists"
    for error in problem.get("errors", ()):
        assert set(error) == {"pointer", "detail"}
        assert error["detail"]
    texts = [problem["detail"], *(e["detail"] for e in problem.get("errors", ()))]
    # Errors quote the values of the request.
    for value in response.request.args.values():
        texts = [text.replace(value, "") for text in texts]
    assert not [t for t in texts if INTERNALS.search(t)]
    assert [name for name in EXISTING.values() if name in problem] == [
        name for existing, name in EXISTING.items() if existing == slug
    ]
    assert ("WWW-Authenticate" in response.headers) == (slug == "unauthenticated")
    assert ("Allow" in response.headers) == (slug == "method-not-allowed")
    is_unsupported = slug == "unsupported-media-type"
    assert ("Accept" in response.headers) == is_unsupported
    is_encoded = "Content-Encoding" in response.request.headers
    assert ("Accept-Encoding" in response.headers) == (is_unsupported and is_encoded)
    return problem
