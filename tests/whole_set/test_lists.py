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

# Functions that add to each list, and return the query that shows the additions.
ADDED: Mapping[str, Callable[[Session], Mapping[str, Any]]] = {
    "listSources": lambda s: s.do("createSource") and {},
    "listFacilities": lambda s: s.do("createFacility") and {},
    "listDetainees": lambda s: s.do("createDetainee") and {"q": "álias"},
    "listAffiliations": lambda s: s.do("createAffiliation") and {},
    "listAllDetentions": lambda s: s.do("createDetention") and {},
    "listDetentions": lambda s: {"id": _add_detention(s)},
    "listReleaseEvents": lambda s: s.do("createReleaseEvent") and {},
    "listAttestations": lambda s: s.do("createAttestation") and {},
    "listClaims": lambda s: s.do("createClaim") and {},
    "listComparisons": lambda s: _add_claims(s) or {},
    "listCountedPeople": lambda s: s.do("createAttestation") and {},
    "listDifferences": lambda s: s.do("createAttestation") and {"from": "2026-01-01"},
    "listProposals": lambda s: s.do("getProposal") and {},
    "listChanges": lambda s: s.do("updateFacility") and {},
    "listDuplicates": lambda s: s.do("listDuplicates") and {"resource": "detainee"},
}


def _add_claims(session: Session) -> None:
    """Make a claim that is earlier than all others of the session, and one that is later."""
    count = sum(exchange.operation.id == "createClaim" for exchange in session.exchanges)
    noon = datetime(2026, 1, 9, 12, tzinfo=UTC)
    before, after = noon - timedelta(hours=count), noon + timedelta(seconds=count)
    for as_of in (before, after):
        body = {"kind": "released", "as_of": as_of.isoformat(), "window_start": None}
        session.do("createClaim", body=body)


def _add_detention(session: Session) -> str:
    """Detain and release one person of the session once more."""
    earlier = [v.json for v in session.exchanges if v.operation.id == "createReleaseEvent"]
    year = 1980 + len(earlier)
    path = {"id": earlier[0]["detainee_id"]} if earlier else {}
    detention = session.do("createDetention", **path, body={"detained_on": f"{year}"}).json
    body = {"detainee_id": detention["detainee_id"], "detention_id": detention["id"]}
    session.do("createReleaseEvent", body={**body, "occurred_on": f"{year}-06-01"})
    return detention["detainee_id"]


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
        ADDED[operation.id](session)
    for limit in (3, 2, 1):
        _walk_during_writes(session, operation, limit)


def _walk_during_writes(session: Session, operation: document.Operation, limit: int) -> None:
    parameters = ADDED[operation.id](session)
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
            ADDED[operation.id](session)
        response = session.api.send("GET", match[1])
    assert max(Counter(seen).values()) == 1
    # Ids are random, so an item added meanwhile may be on a page that was read before.
    assert [item for item in seen if item in set(at_the_start)] == at_the_start
