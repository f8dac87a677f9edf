"""The security headers of a response."""

from werkzeug.test import TestResponse


def check_headers(response: TestResponse, *, is_page: bool = False) -> None:
    """Check the headers that every response has."""
    headers = response.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in headers
    assert "Server" not in headers
    (policy,) = headers.get_all("Content-Security-Policy")
    assert "default-src 'none'" in policy
    is_card = response.status_code in (200, 304) and response.request.path.startswith("/embed/")
    assert ("frame-ancestors 'none'" in policy) != is_card
    assert ("style-src 'self'" in policy) == (is_page and not is_card)
    if response.request.path != "/docs":
        assert "unsafe" not in policy
        assert "script-src" not in policy
