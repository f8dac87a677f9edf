"""Every response is valid under the contract and safe, and every link leads to a success."""

import re
import socket
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import pytest

from api.contract import document
from tests.conftest import Api
from tests.http.security_headers import check_headers
from tests.whole_set.operations import (
    CONTRACT,
    OPERATIONS,
    assert_valid,
    dereferenced,
    operation_ids,
)
from tests.whole_set.session import Exchange, Session

ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


@pytest.fixture(scope="module")
def shared_session(shared_api: Api) -> Session:
    return Session(shared_api, fetches_new_records=True)


@pytest.fixture
def attempted(shared_session: Session, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The connections that the service tries to open. That of the database driver is not seen."""
    attempts: list[Any] = []

    def refuse(*arguments: Any, **_: Any) -> Any:
        attempts.append(arguments)
        raise OSError

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("getaddrinfo", "gethostbyname", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)
    return attempts


@pytest.mark.parametrize(
    "operation", CONTRACT.operations, ids=operation_ids(list(CONTRACT.operations))
)
def test_every_response_meets_the_contract(
    shared_session: Session, attempted: Sequence[Any], operation: document.Operation
) -> None:
    """The response has the media type, schema and ids of the contract, and the security headers.

    No operation connects to a recorded URL.
    """
    shared_session.exchanges.clear()
    shared_session.do(operation.id)
    assert attempted == []
    for exchange in shared_session.exchanges:
        response = exchange.response
        assert response.mimetype == exchange.operation.media_types[0], exchange.operation.id
        check_headers(response, is_page=response.mimetype == "text/html")
        if response.mimetype == "application/json":
            assert_valid(exchange.operation.response_schema, exchange.json)
            if exchange.operation.id not in {"getContract", "getProblem"}:
                # Ids that grow with time would reveal the order of a list, and so of hidden names.
                versions = {UUID(id).version for id in ID.findall(response.text)}
                assert versions <= {4}, exchange.operation.id
        if exchange.operation.status == 201:
            added = {"possible_duplicates"}
            record = {k: v for k, v in exchange.json.items() if k not in added}
            assert record == exchange.located
        else:
            assert exchange.located is None


LISTED: Mapping[str, Sequence[str]] = {
    "getVerification": ("proof", "denial_proof", "rests_on", "not_counted", "kinds", "history"),
    "createClaim": ("relays", "origins"),
    "createImport": ("rows", "flips"),
    "getCounts": ("groups",),
    "getTimeline": ("items",),
    "listDifferences": ("items",),
    "getDelivery": ("claims",),
    "getCitation": ("changes",),
    "mergeDetainee": ("detentions", "release_events"),
}


@pytest.mark.parametrize("operation_id", LISTED)
def test_response_lists_are_not_empty(api: Api, operation_id: str) -> None:
    """The test above checks the items of all lists: none is empty."""
    response = Session(api).do(operation_id).json
    for name in LISTED[operation_id]:
        assert response[name], name


def test_counts_without_groups_meet_the_contract(api: Api) -> None:
    exchange = Session(api).do("getCounts", query={"group_by": None})
    assert exchange.json["groups"] is None
    assert_valid(exchange.operation.response_schema, exchange.json)


def test_comparison_and_delivery_counts_are_not_zero(api: Api) -> None:
    """The test above checks comparisons and deliveries with a confirmed release."""
    session = Session(api)
    for exchange in (session.do("getComparison"), session.do("getDelivery")):
        assert exchange.json["reported"] == 1, exchange.operation.id


def links() -> list[tuple[str, str, str, Mapping[str, Any]]]:
    return [
        (operation.id, status, name, dereferenced(link))
        for operation in CONTRACT.operations
        for status, response in CONTRACT.document["paths"][operation.path][operation.method][
            "responses"
        ].items()
        for name, link in dereferenced(response).get("links", {}).items()
        if status != "202"  # An editor's write is no proposal; see records/test_proposals.py.
    ]


def evaluated(expression: str, exchange: Exchange) -> Any:
    """The value of a runtime expression of a link (OpenAPI 3.1, section 4.8.20.4)."""
    value = exchange.json
    for step in expression.removeprefix("$response.body#/").split("/"):
        value = value[int(step) if isinstance(value, list) else step]
    assert value is not None, expression
    return value


def test_every_link_leads_to_a_success(api: Api) -> None:
    assert links()
    for operation_id, status, name, link in links():
        session = Session(api)
        exchange = session.do(operation_id)
        assert status == str(exchange.operation.status), f"{operation_id}: {name}"
        target = OPERATIONS[link["operationId"]]
        places = {parameter.name: parameter.location for parameter in target.parameters}
        parameters: dict[str, Any] = {"query": {}}
        for parameter, expression in link.get("parameters", {}).items():
            value = evaluated(expression, exchange)
            if places[parameter] == "query":
                parameters["query"][parameter] = value
            else:
                parameters[parameter] = value
        reached = session.do(target.id, **parameters)
        assert reached.response.status_code == target.status, f"{operation_id}: {name}"
