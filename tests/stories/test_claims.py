"""Claims: relays, origins and retractions."""

from datetime import datetime

from tests.stories.newsroom import Desk


def test_claim_relayed_by_three_papers_has_one_origin(desk: Desk) -> None:
    coalition = desk.editor.source("Coalición", "political_party")
    papers = [desk.editor.source(f"Diario {n}", "news_outlet") for n in range(3)]
    first = desk.claim(coalition, "released", "2026-01-09T12:30:00Z", value=11)
    origins = [{"claim_id": first["id"], "source_id": None}]
    assert (first["relays"], first["origins"]) == ([], origins)

    relayed_claim = first
    claims = [first]
    for hour, paper in enumerate(papers):  # the third relays the second
        relays = [{"claim_id": relayed_claim["id"]}]
        at = f"2026-01-09T{13 + hour}:00:00Z"
        claims.append(desk.claim(paper, "released", at, value=11, relays=relays))
        assert claims[-1]["relays"] == [{"claim_id": relayed_claim["id"], "source_id": None}]
        relayed_claim = claims[hour]
    assert [claim["origins"] for claim in claims] == [origins] * 4
    assert [desk.api.get(f"/v1/claims/{claim['id']}") for claim in claims] == claims

    # A claim can relay claims with other figures, and a source without a recorded claim.
    other = desk.claim(papers[0], "released", "2026-01-09T12:00:00Z", value=9)
    relays = [{"claim_id": claims[2]["id"]}, {"claim_id": other["id"]}, {"source_id": papers[2]}]
    mixed = desk.claim(papers[1], "released", "2026-01-09T18:00:00Z", value=11, relays=relays)
    assert {(o["claim_id"], o["source_id"]) for o in mixed["origins"]} == {
        (first["id"], None),
        (other["id"], None),
        (None, papers[2]),
    }
    assert len(mixed["origins"]) == 3


def test_retracted_claim_keeps_its_earlier_comparisons(desk: Desk) -> None:
    """Responses for an earlier record time do not show the retraction."""
    coalition, paper = desk.sources[:2]
    claim = desk.claim(coalition, "released", "2026-01-09T12:30:00Z", value=11)
    path = f"/v1/claims/{claim['id']}"
    before = desk.comparison(claim)
    retraction = {"retracted_at": "2026-01-10T08:00:00Z", "note": "It was ten."}
    retracted = desk.editor.post(f"{path}/retraction", retraction, 200)
    assert retracted == desk.api.get(path)
    assert retracted == claim | {
        "retracted_at": "2026-01-10T08:00:00Z",
        "retraction_note": "It was ten.",
        "updated_at": retracted["updated_at"],
    }
    updated = [datetime.fromisoformat(state["updated_at"]) for state in (claim, retracted)]
    assert updated[0] < updated[1]
    assert desk.comparison(claim)["claim"] == retracted
    assert [item["claim"] for item in desk.comparisons()] == [retracted]

    earlier = {"recorded_as_of": before["citation"]["recorded_as_of"]}
    assert desk.comparison(claim, **earlier) == before
    assert desk.comparisons(**earlier) == [before]
    assert before["claim"]["retracted_at"] is None

    desk.editor.post(f"{path}/retraction", retraction, 409)
    # A relay of the retracted claim still has the coalition as its origin.
    relayed = desk.claim(
        paper,
        "released",
        "2026-01-11T08:00:00Z",
        value=11,
        relays=[{"claim_id": claim["id"]}],
    )
    assert relayed["origins"] == claim["origins"]
