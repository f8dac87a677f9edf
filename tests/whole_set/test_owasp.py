"""The OWASP API Security Top 10 (2023), point by point, with the tests of each point.

API1, broken object level authorization. Records are public. Previews of imports and stored
responses of retries belong to one key. Hidden values are hidden for every id.
    imports/test_list_import.py::test_a_preview_is_visible_to_its_key_and_editors
    http/test_idempotency.py::test_idempotency_key_is_separate_for_each_caller_and_path
    whole_set/test_privacy.py::test_no_operation_discloses_a_hidden_value
    whole_set/test_owasp.py::test_id_of_another_kind_of_record_is_unknown
API2, broken authentication.
    whole_set/test_access.py::test_invalid_key_grants_nothing
    test_auth.py::test_every_invalid_key_costs_the_same
    test_auth.py::test_key_expires_by_the_clock_of_the_database
    http/test_request_log.py::test_log_line_holds_nothing_that_a_client_sent
    whole_set/test_owasp.py::test_key_is_accepted_only_in_one_authorization_header
API3, broken object property level authorization.
    whole_set/test_contract.py::test_response_objects_are_closed_and_complete
    whole_set/test_owasp.py::test_read_only_properties_cannot_be_written
API4, unrestricted resource consumption.
    whole_set/bad_input/test_body_size.py::test_body_limit_is_that_of_the_contract
    whole_set/test_query_plans.py::test_statements_do_not_grow_with_the_page
    whole_set/test_query_plans.py::test_requests_for_one_record_scan_no_table
    server/test_worker.py::test_request_line_is_limited
    server/test_nginx.py::test_slow_clients_delay_no_other_client
    http/test_rate_limits.py::test_address_has_a_quota_a_minute
    http/test_rate_limits.py::test_key_has_a_quota_of_its_own
    http/test_rate_limits.py::test_all_workers_share_the_counts
    contract/test_schemas.py::test_unsupported_schema_stops_the_start
    whole_set/test_owasp.py::test_every_input_is_bounded
API5, broken function level authorization.
    whole_set/test_access.py::test_writes_require_a_key_and_reads_do_not
    whole_set/test_access.py::test_key_grants_exactly_its_scope
    database/test_privileges.py::test_statement_is_refused_to_the_service_role
    whole_set/test_owasp.py::test_undeclared_methods_are_refused
API6, unrestricted access to sensitive business flows. The flow is a confirmation, which one group
cannot bring about with any number of attestations.
    verification/test_rule.py::test_first_hand_attestation_by_an_affiliate_of_a_first_hand_group_adds_none
    imports/test_list_import.py::test_a_list_that_relays_a_source_does_not_confirm_it
    http/test_rate_limits.py::test_errors_count_and_have_the_remaining_quota
    whole_set/test_owasp.py::test_contributor_with_one_group_confirms_nothing
API7, server side request forgery. No recorded URL is ever requested.
    whole_set/test_responses.py::test_every_response_meets_the_contract
    whole_set/test_owasp.py::test_service_imports_no_client_library
API8, security misconfiguration.
    http/test_responses.py::test_every_response_has_the_security_headers
    server/test_worker.py::test_malformed_request_gets_one_problem_and_the_connection_closes
    server/test_nginx.py::test_forwarded_headers_of_a_client_are_replaced
    server/test_nginx.py::test_quota_is_of_the_address_that_connects
    whole_set/bad_input/test_refusals.py::test_bad_input_is_refused
    whole_set/test_owasp.py::test_debugging_is_off
API9, improper inventory management.
    whole_set/test_contract.py::test_routes_equal_the_contract
    whole_set/test_contract.py::test_contract_is_served_unchanged
API10, unsafe consumption of APIs. None is consumed: see API7. Data of others comes as files.
    imports/test_list_import.py::test_a_list_is_previewed_and_applied
    tables/test_csv_writer.py::test_no_cell_begins_like_a_formula
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from api.app import create_app
from api.contract import document
from api.database import connections
from tests.conftest import Api
from tests.problems import check_problem
from tests.public_walk import UNKNOWN_ID, records_of
from tests.whole_set.bad_input.world import digest_of_tables
from tests.whole_set.operations import CONTRACT, OPERATIONS, WRITES, nodes
from tests.whole_set.session import Session
from tests.whole_set.source_code import parsed_modules

TESTS = Path(__file__).parents[1]


def test_every_named_test_exists() -> None:
    named = re.findall(r"^    ([\w/]+\.py)::(\w+)$", __doc__, re.MULTILINE)
    assert {f"API{point}" for point in range(1, 11)} == set(re.findall(r"^API\d+", __doc__, re.M))
    for file, test in named:
        tree = ast.parse((TESTS / file).read_text("utf-8"))
        assert test in {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}, test
    own_tests = {test for file, test in named if file == "whole_set/test_owasp.py"}
    defined = {name for name in globals() if name.startswith("test_")}
    assert defined == own_tests | {"test_every_named_test_exists"}


# API1.


def status_and_text(response: TestResponse) -> tuple[int, str]:
    return response.status_code, response.text


def test_id_of_another_kind_of_record_is_unknown(api: Api) -> None:
    """For all methods and keys, the id of another kind of record is not found."""
    session = Session(api)
    for operation_id in OPERATIONS:
        if operation_id.startswith("create") or operation_id.startswith("distinguish"):
            session.do(operation_id)
    ids = {
        exchange.response.headers["Location"].split("/")[2]: exchange.json["id"]
        for exchange in session.exchanges
        if "Location" in exchange.response.headers
    }
    assert len(ids) > 8
    compared = 0
    callers = (api, api.scope("contribute"), api.scope("edit"))
    for operation in CONTRACT.operations:
        if "{id}" not in operation.path:
            continue

        def send(id: str, operation: document.Operation = operation) -> list[tuple[int, str]]:
            method, path = operation.method.upper(), operation.path.replace("{id}", id)
            body = {} if operation.body else None
            return [status_and_text(caller.send(method, path, json=body)) for caller in callers]

        unknown = send(UNKNOWN_ID)
        for kind, id in ids.items():
            if kind != records_of(operation.path):
                assert send(id) == unknown, (operation.id, kind)
                compared += len(callers)
    assert compared > 500


# API2.


def test_key_is_accepted_only_in_one_authorization_header(api: Api) -> None:
    key = api.scope("edit")._key
    path, body = "/v1/sources", {"name": "Foro", "kind": "ngo"}

    def send(query: Mapping[str, str] | None = None, **headers: str) -> TestResponse:
        return api.send("POST", path, json=body, query_string=query, headers=headers)

    for name in ("key", "api_key", "access_token", "Authorization"):
        check_problem(send({name: f"{key}"}), "unauthenticated")
        check_problem(send({name: f"{key}"}, Authorization=f"Bearer {key}"), "validation-error")
    for invalid in (
        *("", "Bearer", "Bearer ", f"{key}", f"Basic {key}", f"Token {key}", f"Bearer  {key}"),
        # WSGI joins two headers of the same name.
        *(f"Bearer {key}, Bearer {key}", f"Bearer {key},Bearer constancia_nobody"),
        *(f"Bearer {key} ", f"Bearer {key}\t", f"Bearer {str(key)[:-1]}", f"Bearer {key}a"),
    ):
        check_problem(send(Authorization=invalid), "unauthenticated")
    for header in ("X-Api-Key", "Proxy-Authorization", "Cookie"):
        check_problem(send(**{header: f"Bearer {key}"}), "unauthenticated")
    assert send(Authorization=f"Bearer {key}").status_code == 201


# API3.


def read_only(operation: document.Operation) -> set[str]:
    """The properties of a record that responses show and requests may not set."""
    assert operation.body is not None
    properties = {
        name
        for other in CONTRACT.operations
        if other.tag == operation.tag
        for name in other.response_schema.get("properties", ())
    }
    # Properties of other records, and names that a server may have inside.
    more = {"id", "created_at", "updated_at", "verification", "key_id", "seq", "hash", "__class__"}
    return (properties | more) - set(operation.body["properties"])


@pytest.mark.parametrize(
    "operation", [o for o in WRITES if o.body and not o.upload_media_types], ids=lambda o: o.id
)
def test_read_only_properties_cannot_be_written(
    api: Api, conn: Any, operation: document.Operation
) -> None:
    """The errors name each property, and nothing is written."""
    session = Session(api)
    arguments = session.request(operation.id)
    path = operation.path.format(**arguments)
    refused = read_only(operation)
    assert len(refused) > 4
    before = digest_of_tables(conn)
    for value in (UNKNOWN_ID, None, {}, True):
        response = session.api.send(
            operation.method.upper(),
            path,
            json={**arguments["body"], **dict.fromkeys(refused, value)},
        )
        problem = check_problem(response, "validation-error")
        assert {f"/{name}" for name in refused} <= {e["pointer"] for e in problem["errors"]}
    assert digest_of_tables(conn) == before
    response = session.api.send(operation.method.upper(), path, json=arguments["body"])
    assert response.status_code == operation.status


# API4.


def test_every_input_is_bounded() -> None:
    """The contract bounds every string, number, list and object of a request."""

    def inputs() -> Iterator[tuple[str, Any]]:
        for operation in CONTRACT.operations:
            for parameter in operation.parameters:
                if parameter.location != "header":
                    yield f"{operation.id} {parameter.name}", parameter.schema
            if operation.body:
                yield operation.id, operation.body

    count = 0
    for name, schema in inputs():
        for place, node in nodes(schema):
            types = node.get("type", ())
            kinds = {types} if isinstance(types, str) else set(types if types else ())
            count += bool(kinds)
            if "enum" in node or "const" in node:
                continue
            if "string" in kinds:
                is_repeated = re.search(r"[*+]|,\}", node.get("pattern", "*"))
                has_end = "maxLength" in node or "format" in node or not is_repeated
                assert has_end, f"{name}{place}"
            if kinds & {"integer", "number"}:
                assert {"minimum", "maximum"} <= set(node), f"{name}{place}"
            if "array" in kinds:
                assert "maxItems" in node, f"{name}{place}"
            if "object" in kinds:
                assert node.get("additionalProperties") is False, f"{name}{place}"
    assert count > 200


# API5.


def test_undeclared_methods_are_refused(api: Api) -> None:
    methods: dict[str, set[str]] = {}
    for operation in CONTRACT.operations:
        methods.setdefault(operation.path, set()).add(operation.method.upper())
    for path, declared in methods.items():
        for method in {"POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} - declared:
            for headers in ({}, {"X-HTTP-Method-Override": min(declared)}):
                response = api.scope("edit").send(
                    method, path.replace("{id}", UNKNOWN_ID), json={}, headers=headers
                )
                check_problem(response, "method-not-allowed")
        # A header does not override the method.
        if "GET" in declared:
            overridden = {"X-HTTP-Method-Override": "DELETE", "X-Method-Override": "DELETE"}
            plain, other = (
                api.send("GET", path.replace("{id}", UNKNOWN_ID), headers=headers)
                for headers in ({}, overridden)
            )
            assert plain.status_code == other.status_code


# API6.


def test_contributor_with_one_group_confirms_nothing(api: Api) -> None:
    editor, contributor = api.scope("edit"), api.scope("contribute")
    owner = editor.source("Dueña")
    outlets = [editor.source(f"Medio {i}") for i in range(20)]
    for outlet in outlets:
        editor.affiliate(outlet, owner)
    person = contributor.detainee("Ana Prueba")
    contributor.detention(person, detained_on="2025")
    event = contributor.event(person, "2026-01-08")
    for i, outlet in enumerate([owner, *outlets]):
        contributor.attest(event, outlet, f"2026-01-09T{i:02}:00:00Z")
    verification = api.get(f"/v1/release-events/{event}")["verification"]
    assert (verification["status"], verification["independent_sources"]) == ("reported", 1)
    # A contributor cannot create an independent source.
    check_problem(
        contributor.send("POST", "/v1/sources", json={"name": "Otra", "kind": "ngo"}), "forbidden"
    )


# API7 and API10.


def test_service_imports_no_client_library() -> None:
    clients = {"http", "urllib.request", "ftplib", "smtplib", "requests", "httpx", "aiohttp"}
    clients |= {"urllib3", "websockets", "asyncio", "socket", "ssl"}
    imported = set()
    for file, tree in parsed_modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(f"{node.module}.{a.name}" for a in node.names)]
            else:
                continue
            imported |= {
                (file.name, n) for n in names if n in clients or n.split(".")[0] in clients
            }
    # These listen and use HTTP status names.
    assert {file for file, _ in imported} <= {"gunicorn.py", "worker.py", "metrics.py"}


# API8.


def test_debugging_is_off(api: Api) -> None:
    app = create_app(connections.pool("", 1))
    assert not app.debug
    assert not app.testing
    assert app.static_folder is None
    assert app.secret_key is None  # there are no sessions
    for path in ("/console", "/static/x", "/debug", "/.git/config", "/.env", "/server-status"):
        check_problem(api.send("GET", path), "not-found")
    for operation in CONTRACT.operations:
        response = api.send(operation.method.upper(), operation.path.replace("{id}", UNKNOWN_ID))
        assert "Set-Cookie" not in response.headers
