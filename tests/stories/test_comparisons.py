"""Comparisons of claims with the confirmed counts."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Api
from tests.stories.newsroom import DOCUMENTED, EXAMPLE, Desk, figures

# The example case.


@pytest.fixture
def claims(example_case: Path, api: Api) -> Mapping[str, str]:
    """Return the ids of the claims of the example case by their keys."""
    case = json.loads(example_case.read_text())
    names = {source["key"]: source["name"] for source in case["sources"]}
    ids = {source["name"]: source["id"] for source in api.get("/v1/sources")["items"]}
    items = api.get("/v1/claims")["items"]
    claim_ids = {
        (claim["source_id"], claim["kind"], claim["age_group"]): claim["id"] for claim in items
    }
    assert len(claim_ids) == len(items)
    return {
        claim["key"]: claim_ids[ids[names[claim["source"]]], claim["kind"], claim.get("age_group")]
        for claim in case["claims"]
    }


def test_example_claims_compared_with_confirmed_counts(api: Api, claims: Mapping[str, str]) -> None:
    expected = json.loads(EXAMPLE.read_text())["expected"]["claims_against_confirmed"]
    listed = {item["claim"]["id"]: item for item in api.get("/v1/comparisons")["items"]}
    assert len(expected) == 4
    for comparison in expected:
        response = api.get(f"/v1/claims/{claims[comparison['claim']]}/comparison")
        assert response == listed[claims[comparison["claim"]]]
        result = {"value": response["claimed"], **response, "claim": comparison["claim"]}
        assert {name: result[name] for name in comparison} == comparison


def test_example_comparison_verdicts(api: Api, claims: Mapping[str, str]) -> None:
    comparisons = {
        key: api.get(f"/v1/claims/{claims[key]}/comparison")
        for key in claims
        if key.endswith("-released") or key == "rodeo-none"
    }
    assert {
        key: (comparison["verdict"], comparison["reason"])
        for key, comparison in comparisons.items()
    } == {
        "pud-released": ("above_documented", None),
        "el-nacional-released": ("above_documented", None),
        "monitoreamos-released": ("above_documented", None),
        "rodeo-none": ("within_documented", None),
    }
    assert figures(comparisons["pud-released"], DOCUMENTED) == {
        "confirmed": 1,
        "disputed": 0,
        "reported": 1,
    }
    # Nothing was recorded then.
    assert set(comparisons["pud-released"]["recorded_then"].values()) == {0}


def test_comparisons_are_listed_newest_first(api: Api, claims: Mapping[str, str]) -> None:
    items = api.get("/v1/comparisons")["items"]
    moments = [item["claim"]["as_of"] for item in items]
    assert moments == sorted(moments, reverse=True)
    assert len(items) == 5
    assert items[-1]["claim"]["id"] == claims["trump-large"]
    seen, page = [], api.get("/v1/comparisons", limit=2)
    while True:
        seen += page["items"]
        if page["next"] is None:
            break
        page = api.get("/v1/comparisons", limit=2, cursor=page["next"])
    assert seen == items


@pytest.mark.parametrize(
    ("key", "claimed", "reason"),
    [
        ("announcement", None, "another_kind"),
        ("fp-detained", 863, "another_kind"),
        ("fp-detained-minors", 1, "another_kind"),
        ("fp-whereabouts-unknown", 68, "another_kind"),
        ("trump-large", None, "no_figure"),
    ],
)
def test_incomparable_claim_has_a_reason(
    api: Api, claims: Mapping[str, str], key: str, claimed: int | None, reason: str
) -> None:
    comparison = api.get(f"/v1/claims/{claims[key]}/comparison")
    assert (comparison["claimed"], comparison["gap"]) == (claimed, None)
    assert (comparison["verdict"], comparison["reason"]) == ("not_comparable", reason)
    listed = api.get("/v1/comparisons", kind=comparison["claim"]["kind"])["items"]
    assert comparison in listed


def test_example_announcement_without_a_value(api: Api, claims: Mapping[str, str]) -> None:
    delivery = api.get(f"/v1/claims/{claims['announcement']}/delivery")
    assert (delivery["announced"], delivery["named"], delivery["still_held"]) == (None, 3, 1)
    assert figures(delivery, DOCUMENTED) == {"confirmed": 1, "disputed": 0, "reported": 1}
    assert delivery["claims"] == []
    assert delivery["announcement"] == api.get(f"/v1/claims/{claims['announcement']}")


# The window, scope and time of a claim.


def test_claim_is_compared_within_its_window_and_scope(desk: Desk) -> None:
    helicoide, rodeo = (
        desk.editor.post("/v1/facilities", {"name": name, "country": "VE"})["id"]
        for name in ("El Helicoide", "Rodeo I")
    )
    confirmations = ["2026-01-09T10:00:00Z"] * 2
    people: list[dict[str, Any]] = [
        {"facility": helicoide, "nationalities": ["VE", "ES"], "age_group": "adult"},
        {"facility": helicoide, "nationalities": ["VE"], "age_group": "minor"},
        {"facility": rodeo, "nationalities": ["IT"], "age_group": "adult"},
        {"day": "2026-01-02"},
    ]
    for n, person in enumerate(people):
        desk.release(f"Persona {n}", confirmations, **person)
    # With the one above, five minors in this facility reach the disclosure threshold.
    for n in range(4):
        minor = desk.editor.detainee(f"Menor {n}", age_group="minor")
        desk.editor.detention(minor, facility_id=helicoide)
    at = "2026-01-09T12:00:00Z"
    for scope, count in (
        ({}, 4),
        ({"facility_id": helicoide}, 2),
        ({"nationality": "ES"}, 1),
        ({"nationality": "VE"}, 1),  # without the minor, whose nationality is hidden
        ({"age_group": "minor"}, 1),
        ({"window_start": "2026-01-08"}, 3),
        ({"facility_id": helicoide, "age_group": "adult", "nationality": "VE"}, 1),
    ):
        claim = desk.claim(desk.sources[0], "released", at, value=3, **scope)
        comparison = desk.comparison(claim)
        assert (comparison["confirmed"], comparison["gap"]) == (count, 3 - count), scope
    # A second earlier nobody is confirmed.
    early = desk.claim(desk.sources[0], "released", "2026-01-09T09:59:59Z", value=0)
    assert (desk.comparison(early)["confirmed"], desk.comparison(early)["gap"]) == (0, 0)


@pytest.mark.parametrize(
    ("value", "qualifier", "verdict"),
    [
        (0, "exact", "below_confirmed"),
        (1, "exact", "within_documented"),
        (3, "about", "within_documented"),
        (4, "about", "above_documented"),
        (0, "at_least", "within_documented"),
        (4, "at_least", "above_documented"),
        (0, "at_most", "below_confirmed"),
        (4, "at_most", "within_documented"),
    ],
)
def test_verdict_depends_on_the_documented_range(
    desk: Desk, value: int, qualifier: str, verdict: str
) -> None:
    at = "2026-01-09T10:00:00Z"
    desk.release("Una", [at, at])
    desk.release("Dos", [at])
    desk.release("Tres", [at], [at])
    desk.release("Cuatro", [], [at, at])
    claim = desk.claim(desk.sources[0], "released", at, value=value, qualifier=qualifier)
    comparison = desk.comparison(claim)
    assert figures(comparison, DOCUMENTED) == {"confirmed": 1, "disputed": 1, "reported": 1}
    assert (comparison["verdict"], comparison["gap"]) == (verdict, value - 1)


def test_comparisons_can_be_filtered(desk: Desk) -> None:
    facility = desk.editor.post("/v1/facilities", {"name": "Rodeo I", "country": "VE"})["id"]
    at = "2026-01-09T10:00:00Z"
    first, second = desk.sources[:2]
    announcement = desk.claim(first, "announced", at, value=116)
    scopes = [
        {"facility_id": facility},
        {"nationality": "ES"},
        {"age_group": "minor"},
        {"announcement_id": announcement["id"]},
    ]
    ids = [desk.claim(second, "released", at, value=1, **scope)["id"] for scope in scopes]
    unscoped = desk.claim(first, "released", at, value=1)["id"]
    for scope, id in zip([*scopes, {"source_id": first}], [*ids, unscoped], strict=True):
        assert [item["claim"]["id"] for item in desk.comparisons(**scope)] == [id], scope
    kinds = [item["claim"]["id"] for item in desk.comparisons(kind="announced")]
    assert kinds == [announcement["id"]]


def test_comparison_shows_the_counts_recorded_at_the_time_of_the_claim(desk: Desk) -> None:
    """A newspaper counted two when one was recorded; the other was entered later."""
    at = "2026-01-09T10:00:00Z"
    desk.release("Una", [at, at])
    event = desk.release("Dos", [at])
    counts = desk.counts()
    assert (counts["confirmed"], counts["reported"]) == (1, 1)
    # The time of the claim is that record time.
    claim = desk.claim(desk.sources[5], "released", counts["recorded_as_of"], value=2)
    first = desk.comparison(claim)
    assert figures(first, DOCUMENTED) == first["recorded_then"] == figures(counts, DOCUMENTED)

    desk.editor.attest(event, desk.sources[1], "2026-01-09T11:00:00Z")
    desk.release("Tres", [at], [at])
    later = desk.comparison(claim)
    assert figures(later, DOCUMENTED) == {"confirmed": 2, "disputed": 1, "reported": 0}
    assert later["recorded_then"] == figures(counts, DOCUMENTED)
    assert (later["verdict"], later["gap"]) == ("within_documented", 0)
    # An earlier record time, and one before the claim.
    record_time = first["citation"]["recorded_as_of"]
    assert desk.comparison(claim, recorded_as_of=record_time) == first
    problem = desk.api.get(
        f"/v1/claims/{claim['id']}/comparison", 404, recorded_as_of=counts["recorded_as_of"]
    )
    assert (
        problem["detail"]
        == "No claim with this id was recorded by then. Send a later recorded_as_of, or none."
    )


def test_sentence_of_a_comparison(desk: Desk) -> None:
    desk.release("Una", ["2026-01-09T12:25:00Z"] * 2)
    coalition = desk.editor.source("Coalición", "political_party")
    claim = desk.claim(
        coalition, "released", "2026-01-09T12:30:00Z", value=11, window_start="2026-01-08"
    )
    assert desk.comparison(claim, time_zone="America/Caracas")["citation"]["sentence"] == {
        "en": "As of 9 January 2026, 08:30 (Caracas time), Coalición counted 11 releases (counting "
        "only people released on 8 January 2026 or later); at least one release was confirmed by "
        "two or more independent sources.",
        "es": "Hasta las 8:30 del 9 de enero de 2026 (hora de Caracas), Coalición contabilizaba 11 "
        "excarcelaciones (contando solo personas excarceladas el 8 de enero de 2026 o después); al "
        "menos una excarcelación estaba confirmada por dos o más fuentes independientes.",
    }
