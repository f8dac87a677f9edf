"""Claims: relays, origins and retractions."""

from tests.stories.newsroom import Desk

# --- Eleven, says the coalition -------------------------------------------------------------------


def test_claim_relayed_by_three_papers_has_one_origin(desk: Desk) -> None:
    coalition = desk.editor.source("Coalición", "political_party")
    papers = [desk.editor.source(f"Diario {n}", "news_outlet") for n in range(3)]
    said = desk.claim(coalition, "released", "2026-01-09T12:30:00Z", value=11)
    own = [{"claim_id": said["id"], "source_id": None}]
    assert (said["relays"], said["origins"]) == ([], own)

    relayed = said
    told = [said]
    for hour, paper in enumerate(papers):  # the third has it from the second
        relays = [{"claim_id": relayed["id"]}]
        at = f"2026-01-09T{13 + hour}:00:00Z"
        told.append(desk.claim(paper, "released", at, value=11, relays=relays))
        assert told[-1]["relays"] == [{"claim_id": relayed["id"], "source_id": None}]
        relayed = told[hour]
    assert [claim["origins"] for claim in told] == [own] * 4
    assert [desk.api.get(f"/v1/claims/{claim['id']}") for claim in told] == told

    # A fourth has another figure besides, and one from a source that is not recorded itself.
    other = desk.claim(papers[0], "released", "2026-01-09T12:00:00Z", value=9)
    relays = [{"claim_id": told[2]["id"]}, {"claim_id": other["id"]}, {"source_id": papers[2]}]
    mixed = desk.claim(papers[1], "released", "2026-01-09T18:00:00Z", value=11, relays=relays)
    assert {(o["claim_id"], o["source_id"]) for o in mixed["origins"]} == {
        (said["id"], None),
        (other["id"], None),
        (None, papers[2]),
    }
    assert len(mixed["origins"]) == 3


def test_retracted_claim_keeps_its_earlier_comparisons(desk: Desk) -> None:
    """It shows from then on, and never in an answer of the record before."""
    coalition, paper = desk.sources[:2]
    said = desk.claim(coalition, "released", "2026-01-09T12:30:00Z", value=11)
    path = f"/v1/claims/{said['id']}"
    before = desk.comparison(said)
    retraction = {"retracted_at": "2026-01-10T08:00:00Z", "note": "It was ten."}
    told = desk.editor.post(f"{path}/retraction", retraction, 200)
    assert told == desk.api.get(path)
    assert told == said | {
        "retracted_at": "2026-01-10T08:00:00Z",
        "retraction_note": "It was ten.",
        "updated_at": told["updated_at"],
    }
    assert told["updated_at"] > said["updated_at"]
    assert desk.comparison(said)["claim"] == told
    assert [item["claim"] for item in desk.comparisons()] == [told]

    then = {"recorded_as_of": before["citation"]["recorded_as_of"]}
    assert desk.comparison(said, **then) == before
    assert desk.comparisons(**then) == [before]
    assert before["claim"]["retracted_at"] is None

    desk.editor.post(f"{path}/retraction", retraction, 409)
    # Whoever passes it on all the same passes on what began with the coalition.
    relayed = desk.claim(
        paper,
        "released",
        "2026-01-11T08:00:00Z",
        value=11,
        relays=[{"claim_id": said["id"]}],
    )
    assert relayed["origins"] == said["origins"]
