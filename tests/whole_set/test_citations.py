"""Every citation can be verified by anybody, without a key."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from markupsafe import escape

from api.contract import document
from api.verification.counting import PROPERTIES
from tests.citations import cited_digest
from tests.conftest import Api
from tests.whole_set.operations import CONTRACT, assert_valid, nodes, operation_ids
from tests.whole_set.session import Session

CITED = [
    operation
    for operation in CONTRACT.operations
    if any("citation" in node.get("properties", {}) for _, node in nodes(operation.response_schema))
]


# The filters, which the sentence of a citation has to name.
FILTERS = {
    "facility_id": "facility",
    "country": "VE",
    "nationality": "VE",
    "age_group": "adult",
    "sex": "female",
    "release_kind": "full",
    "announcement_id": "announcement",
    "occurred_from": "2026-01-01",
    "occurred_until": "2026-01-31",
}


# Queries of each operation besides the session's own.
QUERIES: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "getCounts": [
        *({"group_by": name} for name in PROPERTIES),
        *({"group_by": None, name: value} for name, value in FILTERS.items()),
        FILTERS,
        {"as_of": None, "group_by": None, "min_sources": 3, "time_zone": "Asia/Kolkata"},
    ],
    "getTimeline": [
        *({name: value} for name, value in FILTERS.items()),
        {**FILTERS, "bucket": "month", "until": None},
        {"from": "2026-01-05T10:00:00+05:30", "bucket": "week", "time_zone": "Pacific/Apia"},
    ],
    "listDifferences": [
        *({name: value} for name, value in FILTERS.items()),
        FILTERS,
        {"from": None, "from_recorded": "2026-01-01T00:00:00Z", "min_sources": 1},
    ],
    "getVerification": [{"min_sources": 1, "as_of": "2026-01-09T23:00:00Z"}],
    "getDelivery": [{"min_sources": 1, "as_of": "2026-01-11T00:00:00Z"}],
    "getComparison": [{"min_sources": 5, "time_zone": "America/Caracas"}],
    "listComparisons": [{"limit": 200, "time_zone": "America/Caracas"}],
}


@pytest.mark.parametrize("operation", CITED, ids=operation_ids(CITED))
def test_every_citation_can_be_verified_without_a_key(
    api: Api, operation: document.Operation
) -> None:
    """With another implementation of RFC 8785; and the cited URL returns the same response after
    later writes. Its page shows it to readers."""
    session = Session(api)
    exchange = session.do(operation.id)
    path = exchange.response.request.path
    responses = []
    editor = api.scope("edit")
    ids = {
        "facility": editor.post("/v1/facilities", {"name": "La Tejera", "country": "VE"})["id"],
        "announcement": session.do("createClaim").response.get_json()["id"],
    }
    # A key of scope `edit`, as that of the session, gets counts without a citation.
    for changes in ({}, *QUERIES[operation.id]):
        query = {k: v for k, v in {**exchange.query, **changes}.items() if v is not None}
        query |= {k: ids[v] for k, v in query.items() if k.endswith("_id") and v in ids}
        responses.append(api.send("GET", path, query_string=query))
    session.do("getVerification")
    session.do("getDelivery")
    for response in responses:
        assert response.status_code == 200, response.text
        assert_valid(operation.response_schema, response.get_json())
        results = [node for _, node in nodes(response.get_json()) if "citation" in node]
        assert results
        for result in results:
            citation = result["citation"]
            assert citation["sha256"] == cited_digest(result)
            assert api.get(citation["url"]) == result
            page = api.send("GET", f"{citation['page']}&lang=es", headers={"Accept": "text/html"})
            assert page.status_code == 200, page.text
            assert citation["sha256"] in page.text
            assert escape(citation["sentence"]["es"]) in page.text
            assert f'href="{escape(citation["url"])}"' in page.text
        if "citation" in response.get_json():
            url = response.get_json()["citation"]["url"]
            assert response.headers["Link"] == f'<{url}>; rel="cite-as"'
