"""Security headers and CORS of every response, also of errors that Flask raises.

whole_set/test_responses.py checks the headers of successful responses, test_conditional.py of 304.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests import public_walk
from tests.conftest import Api
from tests.http.security_headers import check_headers
from tests.whole_set.operations import CONTRACT, nodes

PAGES = {o.path for o in CONTRACT.operations if "text/html" in o.media_types}
# CORS-safelisted response headers (Fetch standard, section 2.2.2).
SAFELISTED = {"Cache-Control", "Content-Type"}


def all_responses(api: Api) -> Iterator[tuple[str, str, TestResponse]]:
    """Yield responses to every method on every path and on unknown paths."""
    paths = {o.path.replace("{id}", public_walk.UNKNOWN_ID) for o in CONTRACT.operations}
    for path in [*sorted(paths), "/", "/nowhere", "/v1", "/v1/sources/", "//v1/sources", "/%00"]:
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO"):
            yield method, path, api.send(method, path, json={})


@pytest.mark.parametrize("scope", [None, "edit"])
def test_every_response_has_the_security_headers(api: Api, scope: str | None) -> None:
    statuses = set()
    for method, path, response in all_responses(api.scope(scope) if scope else api):
        is_page = path in PAGES and method in {"GET", "HEAD"} and response.status_code == 200
        check_headers(response, is_page=is_page)
        statuses.add(response.status_code)
        if method in {"TRACE", "FOO"}:
            assert response.status_code in {404, 405}, path
            assert response.mimetype == "application/problem+json"
    assert statuses >= {200, 204, 404, 405, 422} | ({401} if scope is None else set())


def test_internal_error_has_the_security_headers(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError

    monkeypatch.setattr("api.database.queries.execute", fail)
    response = api.send("GET", "/v1/sources")
    assert response.status_code == 500
    check_headers(response)


# CORS.


def header_values(value: str) -> set[str]:
    return set(value.split(", "))


def test_cors_preflight_allows_what_the_contract_takes(api: Api) -> None:
    methods: dict[str, set[str]] = {}
    for operation in CONTRACT.operations:
        methods.setdefault(operation.path, {"OPTIONS"}).add(operation.method.upper())
    taken = {p.name for o in CONTRACT.operations for p in o.parameters if p.location == "header"}
    for operation in CONTRACT.operations:
        request_headers = {
            "Origin": "https://a.example",
            "Access-Control-Request-Method": operation.method.upper(),
            "Access-Control-Request-Headers": "authorization",
        }
        path = operation.path.replace("{id}", public_walk.UNKNOWN_ID)
        response = api.send("OPTIONS", path, headers=request_headers)
        assert response.status_code == 204
        assert response.data == b""
        assert "Content-Type" not in response.headers
        allowed = methods[operation.path]
        expected = allowed | ({"HEAD"} if "GET" in allowed else set())
        assert header_values(response.headers["Allow"]) == expected
        assert header_values(response.headers["Access-Control-Allow-Methods"]) == expected
        assert ("Accept-Patch" in response.headers) == ("PATCH" in allowed)
        assert response.headers["Access-Control-Max-Age"] == "7200"
        sent = header_values(response.headers["Access-Control-Allow-Headers"])
        assert sent >= taken | {"Authorization", "Content-Type"}


def test_cors_exposes_every_header_of_the_contract(api: Api) -> None:
    # The headers of the components have names of their own, which responses refer to.
    named = {
        name
        for place, node in nodes(CONTRACT.document)
        if place != "/components"
        for name in node.get("headers", ())
    } - SAFELISTED
    assert len(named) > 5
    readable = header_values(api.send("GET", "/healthz").headers["Access-Control-Expose-Headers"])
    assert readable >= named | {"Request-Id"}
    assert "*" not in readable
