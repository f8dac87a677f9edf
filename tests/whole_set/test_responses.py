"""Every response is what the contract says; every link leads to a success."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from api.contract import document
from tests.conftest import Api
from tests.whole_set.operations import (
    CONTRACT,
    OPERATIONS,
    assert_valid,
    dereferenced,
    operation_ids,
)
from tests.whole_set.session import Exchange, Session


@pytest.mark.parametrize(
    "operation", CONTRACT.operations, ids=operation_ids(list(CONTRACT.operations))
)
def test_every_response_meets_the_contract(api: Api, operation: document.Operation) -> None:
    session = Session(api)
    session.do(operation.id)
    for visit in session.visits:
        response = visit.response
        assert response.mimetype == visit.operation.offers[0], visit.operation.id
        if response.mimetype == "application/json":
            assert_valid(visit.operation.answer, visit.json)
        if visit.operation.status == 201:
            assert visit.json == visit.located
        else:
            assert visit.located is None


LISTED: Mapping[str, Sequence[str]] = {
    "getVerification": ("proof", "denial_proof", "rests_on", "not_counted", "kinds", "history"),
    "createClaim": ("relays", "origins"),
    "createImport": ("rows", "flips"),
    "getCounts": ("groups",),
    "getTimeline": ("items",),
    "getDelivery": ("claims",),
    "mergeDetainee": ("detentions", "release_events"),
}


@pytest.mark.parametrize("operation_id", LISTED)
def test_response_lists_are_not_empty(api: Api, operation_id: str) -> None:
    """The session leaves no list of an answer empty, so that the test above sees all."""
    answer = Session(api).do(operation_id).json
    for name in LISTED[operation_id]:
        assert answer[name], name


def test_counts_without_groups_meet_the_contract(api: Api) -> None:
    visit = Session(api).do("getCounts", query={"group_by": None})
    assert visit.json["groups"] is None
    assert_valid(visit.operation.answer, visit.json)


def test_comparison_and_delivery_counts_are_not_zero(api: Api) -> None:
    """What is compared and delivered in the session is not only noughts."""
    session = Session(api)
    for visit in (session.do("getComparison"), session.do("getDelivery")):
        assert visit.json["reported"] == 1, visit.operation.id


def links() -> list[tuple[str, str, str, Mapping[str, Any]]]:
    return [
        (operation.id, status, name, dereferenced(link))
        for operation in CONTRACT.operations
        for status, response in CONTRACT.document["paths"][operation.path][operation.method][
            "responses"
        ].items()
        for name, link in dereferenced(response).get("links", {}).items()
    ]


def evaluated(expression: str, visit: Exchange) -> Any:
    """The value of what stands in a link (OpenAPI, runtime expressions)."""
    value = visit.json
    for step in expression.removeprefix("$response.body#/").split("/"):
        value = value[int(step) if isinstance(value, list) else step]
    assert value is not None, expression
    return value


def test_every_link_leads_to_a_success(api: Api) -> None:
    assert links()
    for operation_id, status, name, link in links():
        session = Session(api)
        visit = session.do(operation_id)
        assert status == str(visit.operation.status), f"{operation_id}: {name}"
        target = OPERATIONS[link["operationId"]]
        places = {parameter.name: parameter.place for parameter in target.parameters}
        given: dict[str, Any] = {"query": {}}
        for parameter, expression in link.get("parameters", {}).items():
            value = evaluated(expression, visit)
            if places[parameter] == "query":
                given["query"][parameter] = value
            else:
                given[parameter] = value
        reached = session.do(target.id, **given)
        assert reached.response.status_code == target.status, f"{operation_id}: {name}"
