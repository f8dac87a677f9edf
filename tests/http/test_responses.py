"""Security headers and CORS of every response: of operations, of Flask, and of 304 from memory."""

from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests import public_walk
from tests.conftest import Api
from tests.http.test_conditional import TAGGED, path_of
from tests.whole_set.operations import CONTRACT, OPERATIONS, nodes
from tests.whole_set.session import Session

PAGES = {o.path for o in CONTRACT.operations if "text/html" in o.offers}
# CORS-safelisted response headers (Fetch standard, section 2.2.2).
SAFELISTED = {"Cache-Control", "Content-Type"}


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
    assert "frame-ancestors 'none'" in policy
    assert ("script-src 'self'" in policy) == is_page


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


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_every_successful_response_has_the_security_headers(
    shared_api: Api, operation_id: str
) -> None:
    visit = Session(shared_api).do(operation_id)
    check_headers(visit.response, is_page=visit.operation.offers[0] == "text/html")


@pytest.mark.parametrize("operation_id", TAGGED)
def test_304_keeps_the_headers_of_the_stored_copy(shared_api: Api, operation_id: str) -> None:
    """The headers of a 304 replace those of the stored copy (RFC 9111, section 3.2)."""
    visit = Session(shared_api).do(operation_id)
    needs_key = operation_id in {"getImport", "getProposal"}
    caller = shared_api.scope("edit") if needs_key else shared_api
    full = caller.send("GET", path_of(visit))
    for _ in range(3):  # the first from the database, then from memory
        unchanged = caller.send(
            "GET", path_of(visit), headers={"If-None-Match": full.headers["ETag"]}
        )
        assert unchanged.status_code == 304
        # The stored copy has another Link.
        assert "Link" not in unchanged.headers
        for name in ("Content-Security-Policy", "Access-Control-Expose-Headers"):
            assert unchanged.headers.get_all(name) == full.headers.get_all(name)
        check_headers(unchanged, is_page=full.mimetype == "text/html")


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
    for path, allowed in methods.items():
        request_headers = {
            "Origin": "https://a.example",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "authorization",
        }
        response = api.send(
            "OPTIONS", path.replace("{id}", public_walk.UNKNOWN_ID), headers=request_headers
        )
        assert response.status_code == 204
        assert response.data == b""
        assert "Content-Type" not in response.headers
        expected = allowed | ({"HEAD"} if "GET" in allowed else set())
        assert header_values(response.headers["Allow"]) == expected
        assert header_values(response.headers["Access-Control-Allow-Methods"]) == expected
        assert response.headers["Access-Control-Max-Age"] == "7200"
        sent = header_values(response.headers["Access-Control-Allow-Headers"])
        taken = {
            p.name for o in CONTRACT.operations for p in o.parameters if p.location == "header"
        }
        assert sent >= taken | {"Authorization", "Content-Type"}


def test_cors_exposes_every_header_of_the_contract(api: Api) -> None:
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
