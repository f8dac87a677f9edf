"""Pages of any list neither repeat nor skip an item while others write."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from api.contract import document
from tests.conftest import Api
from tests.whole_set.operations import LISTS, operation_ids
from tests.whole_set.session import Session


def adds(operation: str, **parameters: Any) -> Callable[[Session], Mapping[str, Any]]:
    """Return a function that sends an operation and returns these parameters."""

    def add(session: Session) -> Mapping[str, Any]:
        session.do(operation)
        return parameters

    return add


def add_to_comparisons(session: Session) -> Mapping[str, Any]:
    """Record a claim that is earlier than all others of the session, and one that is later."""
    count = sum(exchange.operation.id == "createClaim" for exchange in session.exchanges)
    noon = datetime(2026, 1, 9, 12, tzinfo=UTC)
    before, after = noon - timedelta(hours=count), noon + timedelta(seconds=count)
    for as_of in (before, after):
        body = {"kind": "released", "as_of": as_of.isoformat(), "window_start": None}
        session.do("createClaim", body=body)
    return {}


def add_to_detentions(session: Session) -> Mapping[str, Any]:
    """Detain and release one person of the session once more."""
    earlier = [v.json for v in session.exchanges if v.operation.id == "createReleaseEvent"]
    year = 1980 + len(earlier)
    path = {"id": earlier[0]["detainee_id"]} if earlier else {}
    detention = session.do("createDetention", **path, body={"detained_on": f"{year}"}).json
    body = {"detainee_id": detention["detainee_id"], "detention_id": detention["id"]}
    session.do("createReleaseEvent", body={**body, "occurred_on": f"{year}-06-01"})
    return {"id": detention["detainee_id"]}


# A function for each list that adds to it and returns the parameters of the request that lists it.
ADD_TO: Mapping[str, Callable[[Session], Mapping[str, Any]]] = {
    "listSources": adds("createSource"),
    "listFacilities": adds("createFacility"),
    "listDetainees": adds("createDetainee", q="álias"),
    "listAffiliations": adds("createAffiliation"),
    "listAllDetentions": adds("createDetention"),
    "listDetentions": add_to_detentions,
    "listReleaseEvents": adds("createReleaseEvent"),
    "listAttestations": adds("createAttestation"),
    "listClaims": adds("createClaim"),
    "listComparisons": add_to_comparisons,
    "listCountedPeople": adds("createAttestation"),
    "listDifferences": adds("createAttestation", **{"from": "2026-01-01"}),
    "listProposals": adds("getProposal"),
    "listChanges": adds("updateFacility"),
    "listDuplicates": adds("listDuplicates", resource="detainee"),
}


# The key of the items of a list, if it is not their id.
KEY_OF_ITEM: Mapping[str, Callable[[Any], Any]] = {
    "listChanges": lambda item: item["seq"],
    "listComparisons": lambda item: item["claim"]["id"],
    "listCountedPeople": lambda item: item["detainee"]["id"],
    "listDifferences": lambda item: item["detainee"]["id"],
    "listDuplicates": lambda item: (item["first"]["id"], item["second"]["id"]),
}


@pytest.mark.parametrize("operation", LISTS, ids=operation_ids(LISTS))
def test_pagination_during_writes_neither_repeats_nor_skips(
    api: Api, operation: document.Operation
) -> None:
    session = Session(api)
    for _ in range(5):
        ADD_TO[operation.id](session)
    for limit in (3, 2, 1):
        _walk_during_writes(session, operation, limit)


def _walk_during_writes(session: Session, operation: document.Operation, limit: int) -> None:
    parameters = ADD_TO[operation.id](session)
    path = operation.path.format(**parameters)
    query = {k: v for k, v in parameters.items() if k in {"q", "resource", "from"}}
    key = KEY_OF_ITEM.get(operation.id, lambda item: item["id"])
    at_the_start = [key(item) for item in session.api.get(path, limit=200, **query)["items"]]
    assert len(at_the_start) >= 6

    seen: list[Any] = []
    response = session.api.send("GET", path, query_string={**query, "limit": limit})
    while True:
        page = response.get_json()
        assert len(page["items"]) <= limit
        seen += [key(item) for item in page["items"]]
        links = response.headers.getlist("Link")
        matches = [m for link in links if (m := re.fullmatch(r'<([^<>]+)>; rel="next"', link))]
        assert len(matches) == (page["next"] is not None)
        if not matches or len(seen) > 10 * len(at_the_start):
            break
        [match] = matches
        target = urlsplit(match[1])
        following = dict(parse_qsl(target.query))
        name = "after" if operation.id == "listChanges" else "cursor"
        assert target.path == path
        assert following == {**query, "limit": str(limit), name: str(page["next"])}
        if len(seen) < min(len(at_the_start), 6):
            ADD_TO[operation.id](session)
        response = session.api.send("GET", match[1])
    assert max(Counter(seen).values()) == 1
    # Ids are random, so an item added meanwhile may be on a page that was read before.
    assert [item for item in seen if item in set(at_the_start)] == at_the_start
