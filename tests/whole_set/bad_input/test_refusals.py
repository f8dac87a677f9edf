"""Every invalid request is refused with a problem document, and nothing is written."""

import json
from typing import Any
from urllib.parse import parse_qsl

import orjson
import pytest

from api.app import create_app
from api.contract import document
from api.contract.fields import quoted
from api.contract.schemas import UNKNOWN
from api.database.queries import Connection
from tests.conftest import Api, cloned
from tests.problems import STATUS_BY_SLUG, check_problem
from tests.support import open_pool
from tests.whole_set.bad_input import (  # noqa: F401  (each adds its cases to INVALID_REQUESTS)
    claims,
    domain_errors,
    fields,
    imports,
    json_and_media_types,
    keys,
    paths_and_methods,
    query_parameters,
)
from tests.whole_set.bad_input.invalid_requests import INVALID_REQUESTS, InvalidRequest
from tests.whole_set.bad_input.valid_bodies import release_event, source
from tests.whole_set.bad_input.world import World


@pytest.mark.parametrize(
    "address", sorted({(i.method, i.path) for i in INVALID_REQUESTS}), ids=" ".join
)
def test_bad_input_is_refused(world: World, address: tuple[str, str]) -> None:
    """A test for each of 2,700 requests would take as long again as the requests."""
    before = world.digest()
    for invalid in INVALID_REQUESTS:
        if (invalid.method, invalid.path) == address:
            try:
                check_refusal(world, invalid)
                assert world.digest() == before
            except AssertionError as error:
                error.add_note(str(invalid))
                raise


def check_refusal(world: World, invalid: InvalidRequest) -> None:
    response = world.send(invalid)
    problem = check_problem(response, invalid.slug)
    pointers = [error["pointer"] for error in problem.get("errors", ())]
    assert sorted(pointers) == sorted(invalid.pointers), problem
    details = [problem["detail"], *(error["detail"] for error in problem.get("errors", ()))]
    assert any(invalid.message in detail for detail in details), details
    assert world.records["edit"] not in response.get_data(as_text=True)
    for error in problem.get("errors", ()):
        remedies = error["detail"].count("Remove")
        assert remedies <= (not error["detail"].startswith(UNKNOWN)), error
        value = sent_value(world, invalid, error["pointer"])
        if isinstance(value, str | int | float) and not error["detail"].startswith(UNKNOWN):
            assert quoted(value).strip("'…") in error["detail"]


def sent_value(world: World, invalid: InvalidRequest, pointer: str) -> Any:
    """The value at a place of the body of a request, or else of its query."""
    value = orjson.loads(json.dumps(world.fill(invalid.body)))
    try:
        for step in pointer.split("/")[1:]:
            value = value[int(step)] if isinstance(value, list) else value[step]
    except (LookupError, TypeError, ValueError):
        return dict(reversed(parse_qsl(world.fill(invalid.query), True))).get(pointer[1:])
    return value


@pytest.mark.parametrize("place", ["name", "url", "constancia"])
def test_no_error_quotes_a_key(world: World, place: str) -> None:
    key = "constancia_aa51109c40aa_-ZI-2JCJAhAy"
    for response in (
        world.api.scope("edit").send("POST", "/v1/sources", json=source(**{place: f" {key}"})),
        world.api.send("GET", "/v1/detainees", query_string={"cursor": key, place: f"\n{key}"}),
        world.api.send("GET", "/v1/detainees", query_string={key: place}),
        world.api.send("GET", "/v1/detainees", query_string={key: [place, key]}),
    ):
        problem = check_problem(response, "validation-error")
        assert problem["errors"]
        assert "ZI" not in response.text
    browser = {"Accept": "text/html"}
    page = world.api.send("GET", "/differences", query_string={"from": key}, headers=browser)
    assert (page.status_code, page.mimetype) == (422, "text/html")
    assert "constancia_…" in page.text
    # The links to the page in another language repeat the address.
    assert "“constancia_aa51" not in page.text


def test_names_are_unique() -> None:
    """A report of a failure names one request."""
    names = [(str(invalid), invalid.query) for invalid in INVALID_REQUESTS]
    assert len(names) == len(set(names))


def test_every_problem_of_the_contract_is_tested() -> None:
    # No single request causes these: see the tests below, imports/, http/test_idempotency.py,
    # http/test_conditional.py, http/test_rate_limits.py and server/.
    tested_elsewhere = {
        "busy",
        "headers-too-large",
        "idempotency-key-in-use",
        "idempotency-key-reused",
        "import-outdated",
        "internal-error",
        "malformed-request",
        "not-implemented",
        "not-ready",
        "precondition-failed",
        "quota-exceeded",
        "too-many-connections",
        "too-many-heavy-requests",
        "too-many-requests",
        "unanswered",
        "uri-too-long",
    }
    reached = {invalid.slug for invalid in INVALID_REQUESTS}
    assert reached.isdisjoint(tested_elsewhere)
    assert reached | tested_elsewhere == set(document.load().problems) == set(STATUS_BY_SLUG)


def test_existing_release_event_is_named(nothing_written: World) -> None:
    body = release_event(occurred_on="2026-01-10")
    invalid = InvalidRequest("", "POST", "/v1/release-events", "release-event-exists", body=body)
    problem = check_problem(nothing_written.send(invalid), "release-event-exists")
    assert problem["release_event_id"] == nothing_written.records["event"]
    assert f"/v1/release-events/{nothing_written.records['event']}" in problem["detail"]


def test_refusal_says_which_methods_and_schemes_are_allowed(nothing_written: World) -> None:
    world = nothing_written
    denied = world.api.send("POST", "/v1/sources", json=source())
    assert denied.headers["WWW-Authenticate"] == 'Bearer realm="constancia"'

    def allowed(method: str, path: str) -> set[str]:
        return set(world.api.send(method, path).headers["Allow"].split(", "))

    record = f"/v1/sources/{world.records['source']}"
    assert allowed("PUT", "/v1/sources") == {"GET", "HEAD", "OPTIONS", "POST"}
    assert allowed("DELETE", record) == {"GET", "HEAD", "OPTIONS", "PATCH"}
    assert world.api.send("OPTIONS", record).status_code == 204
    assert allowed("OPTIONS", record) == {"GET", "HEAD", "OPTIONS", "PATCH"}


@pytest.mark.parametrize("path", ["/v1/facilities", "/v1/detainees", "/v1/feed"])
def test_only_the_holder_of_a_key_learns_that_it_has_ended(world: World, path: str) -> None:
    """RFC 6750, section 3.1. A wrong key is refused on public reads, too."""
    records = world.records
    wrong = {name: f"{records[name][:-43]}{records['edit'][-43:]}" for name in ("revoked", "ended")}
    for key, description in {
        records["revoked"]: "The key was revoked.",
        records["ended"]: "The key has expired.",
        wrong["revoked"]: "The key is unknown.",
        wrong["ended"]: "The key is unknown.",
        records["of_another"]: "The key is unknown.",
        "x": "The header has no key, which begins with constancia_.",
    }.items():
        response = world.api.send("GET", path, headers={"Authorization": f"Bearer {key}"})
        problem = check_problem(response, "unauthenticated")
        assert problem["detail"].startswith(description)
        assert response.headers["WWW-Authenticate"] == (
            f'Bearer realm="constancia", error="invalid_token", error_description="{description}"'
        )
    assert world.api.scope("admin").send("GET", path).status_code == 200


def test_authentication_scheme_is_case_insensitive(world: World) -> None:
    """RFC 9110, section 11.1."""
    for scheme in ("Bearer", "bearer", "BEARER"):
        headers = {"Authorization": f"{scheme} {world.records['edit']}"}
        assert world.api.send("GET", "/v1/detainees", headers=headers).status_code == 200


# Problems that no single request causes.


def test_database_without_migrations_is_not_ready(server: str) -> None:
    with cloned(server, "template1") as url, open_pool(url, 1) as pool:
        client = create_app(pool).test_client()
        check_problem(client.get("/readyz"), "not-ready")
        assert client.get("/healthz").status_code == 200


def test_service_without_a_free_connection_is_busy(database: str) -> None:
    with open_pool(database, 1) as pool, pool.connection():
        pool.timeout = 0.1
        response = create_app(pool).test_client().get("/v1/sources")
    check_problem(response, "busy")
    assert int(response.headers["Retry-After"]) >= 1


def test_internal_error_reveals_no_details(
    api: Api, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    conn.execute("ALTER TABLE sources RENAME COLUMN url TO elsewhere")
    response = api.scope("edit").send("POST", "/v1/sources", json=source(name="Zoraida Quintal"))
    check_problem(response, "internal-error")
    assert "elsewhere" not in response.get_data(as_text=True)
    assert "Traceback" in caplog.text or "File" in caplog.text
    assert "Zoraida" not in caplog.text
