"""What a newsroom prints: claims beside what is confirmed, deliveries, timelines, groups, and the
citation of each; told over HTTP."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from api.cases import loader
from api.commands import terminal
from api.database.queries import Connection
from api.verification.counting import FIGURES, PROPERTIES
from tests.conftest import CASES, Api

EXAMPLE = CASES / "venezuela-2026-01-08.json"
WITHIN = ("confirmed", "disputed", "reported")


class Desk:
    """Who enters what the stories are made of, with a handful of independent sources."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.editor = api.scope("edit")
        self.sources = [self.editor.source(f"Fuente {n}") for n in range(6)]

    def claim(self, source: str, kind: str, as_of: str, **more: Any) -> Any:
        body = {"source_id": source, "kind": kind, "as_of": as_of, "published_at": as_of, **more}
        return self.editor.post("/v1/claims", body)

    def release(
        self,
        name: str,
        confirmed: Sequence[str] = (),
        denied: Sequence[str] = (),
        *,
        day: str = "2026-01-08",
        facility: str | None = None,
        announcement: str | None = None,
        kind: str = "unknown",
        **person: Any,
    ) -> str:
        """A person's release, confirmed and denied at these moments, each time by another source;
        the id of the event."""
        detainee = self.editor.detainee(name, **person)
        self.editor.detention(detainee, detained_on="2020", facility_id=facility)
        event = self.editor.event(detainee, day, announcement_id=announcement)
        words = [("confirms", at) for at in confirmed] + [("denies", at) for at in denied]
        for source, (stance, at) in zip(self.sources, words, strict=False):
            self.editor.attest(event, source, at, stance=stance, release_kind=kind)
        return event

    def comparison(self, claim: Mapping[str, Any], **query: Any) -> Any:
        return self.api.get(f"/v1/claims/{claim['id']}/comparison", **query)

    def comparisons(self, **query: Any) -> Any:
        return self.api.get("/v1/comparisons", **query)["items"]

    def delivery(self, announcement: Mapping[str, Any], **query: Any) -> Any:
        return self.api.get(f"/v1/claims/{announcement['id']}/delivery", **query)

    def counts(self, **query: Any) -> Any:
        return self.api.get("/v1/counts", **query)

    def timeline(self, from_: str, until: str, bucket: str, time_zone: str, **query: Any) -> Any:
        return self.api.get(
            "/v1/counts/timeline",
            **{"from": from_, "until": until, "bucket": bucket, "time_zone": time_zone, **query},
        )


@pytest.fixture
def desk(api: Api) -> Desk:
    return Desk(api)


def figures(answer: Mapping[str, Any], names: Sequence[str] = FIGURES) -> dict[str, int]:
    return {name: answer[name] for name in names}


def bounds(timeline: Mapping[str, Any]) -> list[str]:
    """Where a timeline begins, and where each of its buckets ends."""
    return [timeline["from"], *(item["at"] for item in timeline["items"])]


def confirmed(timeline: Mapping[str, Any]) -> list[int]:
    return [item["confirmed"] for item in timeline["items"]]


def after(moment: str, **much: float) -> str:
    return (datetime.fromisoformat(moment) + timedelta(**much)).isoformat().replace("+00:00", "Z")


# --- The example: what was claimed beside what was confirmed --------------------------------------


@pytest.fixture
def claims(api: Api, conn: Connection) -> Mapping[str, str]:
    """The example case, loaded; the ids of its claims by their keys."""
    loader.load(conn, EXAMPLE, lambda _: None)
    told = json.loads(EXAMPLE.read_text())
    names = {source["key"]: source["name"] for source in told["sources"]}
    ids = {source["name"]: source["id"] for source in api.get("/v1/sources")["items"]}
    found = {
        (claim["source_id"], claim["kind"], claim["age_group"]): claim["id"]
        for claim in api.get("/v1/claims")["items"]
    }
    return {
        claim["key"]: found[ids[names[claim["source"]]], claim["kind"], claim.get("age_group")]
        for claim in told["claims"]
    }


def test_the_example_claims_against_what_is_confirmed(api: Api, claims: Mapping[str, str]) -> None:
    expected = json.loads(EXAMPLE.read_text())["expected"]["claims_against_confirmed"]
    listed = {item["claim"]["id"]: item for item in api.get("/v1/comparisons")["items"]}
    assert len(expected) == 4
    for one in expected:
        alone = api.get(f"/v1/claims/{claims[one['claim']]}/comparison")
        assert alone == listed[claims[one["claim"]]]
        told = {"value": alone["claimed"], **alone, "claim": one["claim"]}
        assert {name: told[name] for name in one} == one


def test_the_example_verdicts(api: Api, claims: Mapping[str, str]) -> None:
    verdicts = {
        key: api.get(f"/v1/claims/{claims[key]}/comparison")
        for key in claims
        if key.endswith("-released") or key == "rodeo-none"
    }
    assert {key: (told["verdict"], told["reason"]) for key, told in verdicts.items()} == {
        "pud-released": ("above_documented", None),
        "el-nacional-released": ("above_documented", None),
        "monitoreamos-released": ("above_documented", None),
        "rodeo-none": ("within_documented", None),
    }
    assert figures(verdicts["pud-released"], WITHIN) == {
        "confirmed": 1,
        "disputed": 0,
        "reported": 1,
    }
    # The service did not exist then: nothing was recorded.
    assert set(verdicts["pud-released"]["recorded_then"].values()) == {0}


def test_comparisons_stand_with_the_newest_as_of_first(api: Api, claims: Mapping[str, str]) -> None:
    items = api.get("/v1/comparisons")["items"]
    moments = [item["claim"]["as_of"] for item in items]
    assert moments == sorted(moments, reverse=True)
    assert len(items) == 5
    assert items[-1]["claim"]["id"] == claims["trump-large"]
    walked, page = [], api.get("/v1/comparisons", limit=2)
    while True:
        walked += page["items"]
        if page["next"] is None:
            break
        page = api.get("/v1/comparisons", limit=2, cursor=page["next"])
    assert walked == items


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
def test_what_cannot_be_compared_says_why(
    api: Api, claims: Mapping[str, str], key: str, claimed: int | None, reason: str
) -> None:
    told = api.get(f"/v1/claims/{claims[key]}/comparison")
    assert (told["claimed"], told["gap"]) == (claimed, None)
    assert (told["verdict"], told["reason"]) == ("not_comparable", reason)
    listed = api.get("/v1/comparisons", kind=told["claim"]["kind"])["items"]
    assert told in listed


def test_the_example_announcement_without_a_figure(api: Api, claims: Mapping[str, str]) -> None:
    told = api.get(f"/v1/claims/{claims['announcement']}/delivery")
    assert (told["announced"], told["named"], told["still_held"]) == (None, 3, 1)
    assert figures(told, WITHIN) == {"confirmed": 1, "disputed": 0, "reported": 1}
    assert told["claims"] == []
    assert told["announcement"] == api.get(f"/v1/claims/{claims['announcement']}")


# --- A claim's own window, scope and moment -------------------------------------------------------


def test_a_claim_is_compared_within_its_own_window_and_scope(desk: Desk) -> None:
    helicoide, rodeo = (
        desk.editor.post("/v1/facilities", {"name": name, "country": "VE"})["id"]
        for name in ("El Helicoide", "Rodeo I")
    )
    both = ["2026-01-09T10:00:00Z"] * 2
    people: list[dict[str, Any]] = [
        {"facility": helicoide, "nationalities": ["VE", "ES"], "age_group": "adult"},
        {"facility": helicoide, "nationalities": ["VE"], "age_group": "minor"},
        {"facility": rodeo, "nationalities": ["IT"], "age_group": "adult"},
        {"day": "2026-01-02"},
    ]
    for n, person in enumerate(people):
        desk.release(f"Persona {n}", both, **person)
    # Enough for the public to know which of them are minors, and held there.
    for n in range(4):
        minor = desk.editor.detainee(f"Menor {n}", age_group="minor")
        desk.editor.detention(minor, facility_id=helicoide)
    at = "2026-01-09T12:00:00Z"
    for scope, count in (
        ({}, 4),
        ({"facility_id": helicoide}, 2),
        ({"nationality": "ES"}, 1),
        ({"nationality": "VE"}, 1),  # not the minor, of whom it is hidden
        ({"age_group": "minor"}, 1),
        ({"window_start": "2026-01-08"}, 3),
        ({"facility_id": helicoide, "age_group": "adult", "nationality": "VE"}, 1),
    ):
        claim = desk.claim(desk.sources[0], "released", at, value=3, **scope)
        told = desk.comparison(claim)
        assert (told["confirmed"], told["gap"]) == (count, 3 - count), scope
    # Nobody is confirmed yet a second before.
    early = desk.claim(desk.sources[0], "released", "2026-01-09T09:59:59Z", value=0)
    assert (desk.comparison(early)["confirmed"], desk.comparison(early)["gap"]) == (0, 0)


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (0, "below_confirmed"),
        (1, "within_documented"),
        (3, "within_documented"),
        (4, "above_documented"),
    ],
)
def test_a_verdict_has_the_documented_as_its_bounds(desk: Desk, value: int, verdict: str) -> None:
    at = "2026-01-09T10:00:00Z"
    desk.release("Una", [at, at])
    desk.release("Dos", [at])
    desk.release("Tres", [at], [at])
    desk.release("Cuatro", [], [at, at])
    told = desk.comparison(desk.claim(desk.sources[0], "released", at, value=value))
    assert figures(told, WITHIN) == {"confirmed": 1, "disputed": 1, "reported": 1}
    assert (told["verdict"], told["gap"]) == (verdict, value - 1)


def test_comparisons_are_narrowed_to_a_source_and_a_scope(desk: Desk) -> None:
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
    made = [desk.claim(second, "released", at, value=1, **scope)["id"] for scope in scopes]
    own = desk.claim(first, "released", at, value=1)["id"]
    for scope, id in zip([*scopes, {"source_id": first}], [*made, own], strict=True):
        assert [item["claim"]["id"] for item in desk.comparisons(**scope)] == [id], scope
    kinds = [item["claim"]["id"] for item in desk.comparisons(kind="announced")]
    assert kinds == [announcement["id"]]


def test_what_was_recorded_at_the_moment_of_a_claim_stands_beside_it(desk: Desk) -> None:
    """A paper counted two on a day when the service knew of one; the other was entered later."""
    at = "2026-01-09T10:00:00Z"
    desk.release("Una", [at, at])
    late = desk.release("Dos", [at])
    known = desk.counts()
    assert (known["confirmed"], known["reported"]) == (1, 1)
    # A claim that speaks of that very moment of the record.
    claim = desk.claim(desk.sources[5], "released", known["recorded_as_of"], value=2)
    first = desk.comparison(claim)
    assert figures(first, WITHIN) == first["recorded_then"] == figures(known, WITHIN)

    desk.editor.attest(late, desk.sources[1], "2026-01-09T11:00:00Z")
    desk.release("Tres", [at], [at])
    told = desk.comparison(claim)
    assert figures(told, WITHIN) == {"confirmed": 2, "disputed": 1, "reported": 0}
    assert told["recorded_then"] == figures(known, WITHIN)
    assert (told["verdict"], told["gap"]) == ("within_documented", 0)
    # The record of before, and of before there was the claim.
    then = first["citation"]["recorded_as_of"]
    assert desk.comparison(claim, recorded_as_of=then) == first
    problem = desk.api.get(
        f"/v1/claims/{claim['id']}/comparison", 404, recorded_as_of=known["recorded_as_of"]
    )
    assert problem["detail"] == "No claim with this id was recorded by then."


# --- 116 announced --------------------------------------------------------------------------------


def test_five_bodies_count_an_announcement_each_at_its_own_moment(desk: Desk) -> None:
    """116 announced; 53, 65, 73 and 116 counted as delivered, and a coalition's own two."""
    editor = desk.editor
    state, party, ngo, paper, committee = (
        editor.source(name, kind)
        for name, kind in (
            ("Ministerio", "state_body"),
            ("Coalición", "political_party"),
            ("Puertas Abiertas", "ngo"),
            ("Correo", "news_outlet"),
            ("Comité de Familiares", "ngo"),
        )
    )
    announcement = desk.claim(state, "announced", "2026-01-08T22:00:00Z", value=116)
    id = announcement["id"]
    shown: dict[str, tuple[Any, Any]] = {}

    def count(source: str, value: int, as_of: str, published_at: str | None = None) -> None:
        claim = desk.claim(
            source,
            "released",
            as_of,
            value=value,
            announcement_id=id,
            published_at=published_at or as_of,
        )
        shown[claim["id"]] = (claim, desk.comparison(claim))

    desk.release("Una", ["2026-01-09T08:00:00Z"] * 2, announcement=id)
    desk.release("Cuatro", ["2026-01-09T09:00:00Z"], announcement=id)
    count(party, 2, "2026-01-09T10:00:00Z")
    desk.release("Dos", ["2026-01-09T11:00:00Z", "2026-01-09T20:00:00Z"], announcement=id)
    count(ngo, 53, "2026-01-09T21:00:00Z")
    desk.release("Cinco", ["2026-01-10T09:00:00Z"], ["2026-01-10T12:00:00Z"], announcement=id)
    count(paper, 65, "2026-01-10T10:00:00Z")
    count(committee, 73, "2026-01-10T18:00:00Z")
    desk.release("Tres", ["2026-01-11T10:00:00Z"] * 2, announcement=id)
    desk.release("Seis", [], ["2026-01-11T11:00:00Z"] * 2, announcement=id)
    desk.release("Siete", announcement=id)
    desk.release("Otra", ["2026-01-11T12:00:00Z"] * 2)  # of no announcement
    count(state, 116, "2026-01-12T00:00:00Z", "2026-01-12T15:00:00Z")

    assert [
        (told["claimed"], *(told[name] for name in WITHIN), told["gap"], told["verdict"])
        for _, told in shown.values()
    ] == [
        (2, 1, 0, 1, 1, "within_documented"),
        (53, 2, 0, 1, 51, "above_documented"),
        (65, 2, 0, 2, 63, "above_documented"),
        (73, 2, 1, 1, 71, "above_documented"),
        (116, 4, 1, 1, 112, "above_documented"),
    ]

    # None contradicts another: what came after each, was published after the moment it speaks of.
    for claim, then in shown.values():
        now = desk.comparison(claim)
        assert figures(now, (*WITHIN, "gap")) == figures(then, (*WITHIN, "gap"))
        at = desk.counts(as_of=claim["as_of"])
        assert figures(now, WITHIN) == figures(at, WITHIN)
        assert now["citation"]["as_of"] == claim["as_of"]

    told = desk.delivery(announcement)
    assert told["announcement"] == announcement
    assert (told["announced"], told["named"], told["still_held"]) == (116, 7, 2)
    assert figures(told, WITHIN) == {"confirmed": 3, "disputed": 1, "reported": 1}
    assert figures(told, WITHIN) == figures(desk.counts(announcement_id=id), WITHIN)
    newest_first = [*reversed(shown)]
    assert [item["claim"]["id"] for item in told["claims"]] == newest_first
    assert told["claims"] == desk.comparisons(announcement_id=id)
    assert told["claims"] == [desk.comparison(claim) for claim, _ in reversed(shown.values())]
    assert [item["id"] for item in desk.api.get("/v1/claims", announcement_id=id)["items"]] == list(
        shown
    )

    # The state's own count spoke of midnight, and was not said before the afternoon.
    for as_of, said, out in (
        ("2026-01-09T09:59:59Z", 0, (1, 0, 1)),
        ("2026-01-10T10:00:00Z", 3, (2, 0, 2)),
        ("2026-01-12T14:59:59Z", 4, (3, 1, 1)),
        ("2026-01-12T15:00:00Z", 5, (3, 1, 1)),
    ):
        earlier = desk.delivery(announcement, as_of=as_of)
        assert [item["claim"]["id"] for item in earlier["claims"]] == newest_first[5 - said :]
        assert tuple(earlier[name] for name in WITHIN) == out
        assert earlier["named"] == sum(out) + earlier["still_held"] == 7

    # What the service had been told by then.
    recorded = shown[newest_first[-2]][1]["citation"]["recorded_as_of"]
    earlier = desk.delivery(announcement, recorded_as_of=recorded)
    assert [item["claim"]["id"] for item in earlier["claims"]] == newest_first[3:]
    assert (earlier["named"], earlier["still_held"]) == (3, 0)
    assert figures(earlier, WITHIN) == {"confirmed": 2, "disputed": 0, "reported": 1}


def test_a_delivery_says_how_many_sources_were_required(desk: Desk) -> None:
    announcement = desk.claim(desk.sources[5], "announced", "2026-01-08T22:00:00Z", value=116)
    for n in range(1, 5):
        at = ["2026-01-09T10:00:00Z"] * n
        desk.release(f"Persona {n}", at, announcement=announcement["id"])
    told = [desk.delivery(announcement, min_sources=n) for n in range(1, 6)]
    assert [answer["confirmed"] for answer in told] == [4, 3, 2, 1, 0]
    assert [answer["reported"] for answer in told] == [0, 1, 2, 3, 4]
    assert told[2]["citation"]["sentence"]["en"].endswith(
        ", 116 releases had been announced; of the 4 people whom this record names, at least 2 "
        "were confirmed as released by three or more independent sources."
    )


def test_only_an_announcement_has_a_delivery(desk: Desk) -> None:
    claim = desk.claim(desk.sources[0], "released", "2026-01-09T10:00:00Z", value=11)
    unknown = "019b9f3e-1a01-7b52-8c11-3f5d2e7a9001"
    for id in (claim["id"], unknown):
        desk.api.get(f"/v1/claims/{id}/delivery", 404)
    desk.api.get(f"/v1/claims/{unknown}/comparison", 404)
    announcement = desk.claim(desk.sources[0], "announced", "2026-01-08T22:00:00Z")
    before = after(announcement["created_at"], seconds=-1)
    desk.api.get(f"/v1/claims/{announcement['id']}/delivery", 404, recorded_as_of=before)


# --- Eleven, says the coalition -------------------------------------------------------------------


def test_eleven_in_three_papers_is_one_voice(desk: Desk) -> None:
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


def test_a_coalition_takes_its_figure_back(desk: Desk) -> None:
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


# --- Timelines ------------------------------------------------------------------------------------


def test_a_day_in_caracas_ends_at_four_in_utc(desk: Desk) -> None:
    """A day holds what was published after its beginning and up to its end, the end included."""
    for n, second in enumerate(
        [
            "2026-01-08T04:00:00Z",  # the last moment of the 7th
            "2026-01-08T04:00:00.000001Z",
            "2026-01-08T15:00:00Z",
            "2026-01-09T04:00:00Z",  # the last moment of the 8th
            "2026-01-09T04:00:00.000001Z",
            "2026-01-10T04:00:00.000001Z",  # the first of a day that is not asked for
        ]
    ):
        desk.release(f"Persona {n}", ["2026-01-08T01:00:00Z", second])
    told = desk.timeline("2026-01-07", "2026-01-09", "day", "America/Caracas")
    assert bounds(told) == [f"2026-01-{day:02}T04:00:00Z" for day in (7, 8, 9, 10)]
    assert told["until"] == "2026-01-10T04:00:00Z"
    assert confirmed(told) == [1, 4, 5]
    assert [item["reported"] for item in told["items"]] == [5, 2, 1]
    for item in told["items"]:
        assert figures(item) == figures(desk.counts(as_of=item["at"]))
    assert told["citation"]["sentence"] == {
        "en": "Between 7 January 2026, 00:00 and 10 January 2026, 00:00 (Caracas), the number "
        "of releases confirmed by two or more independent sources went from 0 to 5.",
        "es": "Entre el 7 de enero de 2026, 00:00, y el 10 de enero de 2026, 00:00 (Caracas), el "
        "número de excarcelaciones confirmadas por dos o más fuentes independientes pasó de 0 a "
        "5.",
    }


@pytest.mark.parametrize(
    ("day", "begins", "ends", "hours"),
    [
        ("2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", 23),
        ("2025-10-26", "2025-10-25T22:00:00Z", "2025-10-26T23:00:00Z", 25),
    ],
)
def test_a_day_on_which_the_clock_is_changed(
    desk: Desk, day: str, begins: str, ends: str, hours: int
) -> None:
    for n, moment in enumerate(
        [begins, after(begins, microseconds=1), ends, after(ends, microseconds=1)]
    ):
        desk.release(f"Persona {n}", [moment] * 2, day=day[:8] + "25")
    noon = after(begins, hours=12)
    before, later = f"{after(noon, days=-1)[:10]}", f"{after(noon, days=1)[:10]}"
    told = desk.timeline(before, later, "day", "Europe/Madrid")
    assert bounds(told)[1:3] == [begins, ends]
    assert confirmed(told) == [1, 3, 4]
    by_hour = desk.timeline(day, day, "hour", "Europe/Madrid")
    assert bounds(by_hour) == [after(begins, hours=hour) for hour in range(hours + 1)]
    assert confirmed(by_hour) == [2] * (hours - 1) + [3]


def test_weeks_months_and_the_hours_of_kolkata(desk: Desk) -> None:
    for n, moment in enumerate(
        [
            "2026-01-12T04:00:00Z",  # Sunday ends
            "2026-01-31T18:30:00Z",  # January ends in Kolkata
            "2026-02-01T04:00:00Z",  # and in Caracas, on a Sunday
            "2026-02-01T04:00:01Z",
        ]
    ):
        desk.release(f"Persona {n}", [moment] * 2)
    weeks = desk.timeline("2026-01-07", "2026-02-03", "week", "America/Caracas")
    assert bounds(weeks) == [
        f"2026-{day}T04:00:00Z" for day in ("01-07", "01-12", "01-19", "01-26", "02-02", "02-04")
    ]
    assert confirmed(weeks) == [1, 1, 1, 4, 4]
    months = desk.timeline("2026-01-07", "2026-02-10", "month", "America/Caracas")
    assert bounds(months) == [f"2026-{day}T04:00:00Z" for day in ("01-07", "02-01", "02-11")]
    assert confirmed(months) == [3, 4]
    months = desk.timeline("2026-01-01", "2026-02-10", "month", "Asia/Kolkata")
    assert bounds(months) == [
        "2025-12-31T18:30:00Z",
        "2026-01-31T18:30:00Z",
        "2026-02-10T18:30:00Z",
    ]
    assert confirmed(months) == [2, 4]
    hours = desk.timeline("2026-01-31T17:45:00Z", "2026-01-31T20:00:00Z", "hour", "Asia/Kolkata")
    assert bounds(hours) == [
        f"2026-01-31T{clock}:00Z" for clock in ("17:45", "18:30", "19:30", "20:00")
    ]
    assert confirmed(hours) == [2, 2, 2]


# --- Groups, and timelines of what is narrowed ----------------------------------------------------


Population = tuple[Desk, Mapping[str, Any]]


@pytest.fixture
def population(desk: Desk) -> Population:
    """People of every property, known and unknown, each confirmed by a number of sources of their
    own, and one of them taken again; and a filter for each property."""
    editor = desk.editor
    places = [
        editor.post("/v1/facilities", {"name": name, "country": "VE"})["id"]
        for name in ("El Helicoide", "Rodeo I")
    ]
    announcements = [
        desk.claim(desk.sources[0], "announced", "2026-01-08T22:00:00Z", value=value)["id"]
        for value in (116, None)
    ]
    people: list[dict[str, Any]] = [
        {
            "facility": places[0],
            "nationalities": ["VE", "ES"],
            "sex": "female",
            "age_group": "adult",
            "kind": "exile",
            "announcement": announcements[0],
        },
        {
            "facility": places[0],
            "nationalities": ["ES", "VE"],
            "sex": "male",
            "age_group": "minor",
            "kind": "full",
            "day": "2026-01-09",
        },
        {
            "facility": places[1],
            "nationalities": ["VE"],
            "sex": "other",
            "kind": "conditional",
            "announcement": announcements[1],
            "day": "2026-01-12",
        },
        {"age_group": "unknown"},
        {"sex": "female", "age_group": "adult", "kind": "full", "day": "2026-01-12"},
    ]
    for n, person in enumerate(people):
        clock = ("04:00:00", "05:07:20.5", "05:17:00", "06:22:00", "07:50:00")[n]
        sources = [f"2026-01-{12 + i:02}T{clock}Z" for i in range(5 - n)]
        denials = ["2026-01-14T10:00:00Z"] if n == 2 else []
        event = desk.release(f"Persona {n}", sources, denials, **person)
        if n == 0:  # who is taken again
            detainee = editor.get(f"/v1/release-events/{event}")["detainee_id"]
            editor.detention(detainee, detained_on="2026-01-14")
    filters = {
        "facility_id": places[0],
        "nationality": "ES",
        "age_group": "adult",
        "sex": "female",
        "release_kind": "full",
        "announcement_id": announcements[0],
        "occurred_from": "2026-01-09",
        "occurred_until": "2026-01-09",
    }
    return desk, filters


def test_the_last_bucket_is_the_count_at_its_end(population: Population) -> None:
    desk, filters = population
    narrowed: list[Mapping[str, Any]] = [{}]
    narrowed += [{name: value} for name, value in filters.items()]
    narrowed += [
        {"age_group": "unknown"},
        {"release_kind": "unknown"},
        {"occurred_from": "2026-01-09", "occurred_until": "2026-01-12", "sex": "female"},
    ]
    seen = set()
    recorded = desk.counts()["recorded_as_of"]
    for filter in narrowed:
        for required in range(1, 6):
            for until in (
                "2026-01-14",
                "2026-01-14T06:00:00Z",
                "2026-01-14T05:40:00Z",
                "2026-01-14T05:07:20.5Z",  # just when the second person is spoken of
                "2026-01-14T05:07:20.499999Z",
            ):
                asked = {**filter, "min_sources": required}
                told = desk.timeline("2026-01-11", until, "day", "America/Caracas", **asked)
                last = told["items"][-1]
                assert last["at"] == told["until"]
                counted = figures(desk.counts(as_of=last["at"], **asked))
                assert figures(last) == counted, asked
                asked["recorded_as_of"] = recorded
                then = desk.timeline("2026-01-11", until, "day", "America/Caracas", **asked)
                assert then["items"] == told["items"], asked
                seen.add(tuple(counted.values()))
    assert len(seen) > 10  # it was not nothing that was equal


@pytest.mark.parametrize("group_by", PROPERTIES)
def test_groups_sum_to_the_total(population: Population, group_by: str) -> None:
    desk, filters = population
    recorded = desk.counts()["recorded_as_of"]
    for filter in [{}, *({name: value} for name, value in filters.items())]:
        for required in range(1, 6):
            for moments in (
                {},
                {"as_of": "2026-01-14T06:00:00Z"},
                {"as_of": "2026-01-14T06:00:00Z", "recorded_as_of": recorded},
            ):
                asked = {**filter, **moments, "min_sources": required}
                told = desk.counts(group_by=group_by, **asked)
                total = figures(desk.counts(**asked))
                assert figures(told) == total, asked
                summed = {n: sum(group[n] for group in told["groups"]) for n in FIGURES}
                assert summed == total, asked
                values = [group["value"] for group in told["groups"]]
                assert len(values) == len(set(values))


@pytest.mark.parametrize("group_by", PROPERTIES)
def test_groups_are_the_same_however_they_are_counted(
    population: Population, group_by: str
) -> None:
    """From the tallies, from what was recorded, and event by event where there is a filter."""
    desk, _ = population
    recorded = desk.counts()["recorded_as_of"]
    for required in range(1, 6):
        for as_of in ("2026-01-12T05:07:20.5Z", "2026-01-14T05:20:00Z", recorded):
            asked = {"group_by": group_by, "as_of": as_of, "min_sources": required}
            told = desk.counts(**asked)["groups"]
            assert told
            for way in (
                {"recorded_as_of": recorded},
                {"occurred_from": "1999-01-01"},
                {"occurred_from": "1999-01-01", "recorded_as_of": recorded},
            ):
                assert desk.counts(**asked, **way)["groups"] == told, (asked, way)


def test_what_is_not_known_is_a_group_without_a_value(population: Population) -> None:
    desk, filters = population
    expected: Mapping[str, Mapping[str | None, int]] = {
        # Nothing of the minor is told.
        "facility_id": {filters["facility_id"]: 1, None: 3},
        # The person of two nationalities counts in the one listed first.
        "nationality": {"VE": 2, None: 3},
        "age_group": {"adult": 2, None: 3},
        "sex": {"female": 2, "other": 1, None: 2},
        # Of the fourth nobody said how.
        "release_kind": {"exile": 1, "full": 2, "conditional": 1, None: 1},
        "announcement_id": {filters["announcement_id"]: 1, None: 3},
        "occurred_on": {"2026-01-08": 2, "2026-01-09": 1, "2026-01-12": 2},
    }
    for group_by, groups in expected.items():
        told = desk.counts(group_by=group_by, min_sources=1)["groups"]
        people = {
            group["value"]: sum(group[name] for name in FIGURES if name != "rearrested")
            for group in told
        }
        assert sum(people.values()) == 5
        assert groups.items() <= people.items(), group_by
    assert desk.counts()["groups"] is None


def test_a_person_of_two_events_counts_by_the_strongest(desk: Desk) -> None:
    """In the group of that event, of which the required number of sources can make another one."""
    editor = desk.editor
    man = editor.detainee("Fermín Otero", nationalities=["VE"])
    editor.detention(man, detained_on="2025")
    at = "2026-02-08T12:00:00Z"
    january, february = (editor.event(man, day) for day in ("2026-01-08", "2026-02-07"))
    for source in desk.sources[:3]:
        editor.attest(january, source, at, release_kind="exile")
    editor.attest(january, desk.sources[3], at, stance="denies")
    for source in desk.sources[:2]:
        editor.attest(february, source, at, release_kind="full")

    def group(by: str, required: int) -> tuple[str | None, str]:
        [told] = desk.counts(group_by=by, min_sources=required)["groups"]
        [word] = [name for name in FIGURES if told[name]]
        assert told[word] == 1
        return told["value"], word

    # 1 and 2: both are confirmed, and the later day counts. 3 and more: one is disputed, the other
    # only reported, and disputed is the stronger.
    for required, day, kind, word in (
        (1, "2026-02-07", "full", "confirmed"),
        (2, "2026-02-07", "full", "confirmed"),
        (3, "2026-01-08", "exile", "disputed"),
        (5, "2026-01-08", "exile", "disputed"),
    ):
        assert group("occurred_on", required) == (day, word)
        assert group("release_kind", required) == (kind, word)
    assert group("nationality", 2) == ("VE", "confirmed")
    # Narrowed to one day, the other event is not looked at.
    told = desk.counts(group_by="occurred_on", occurred_until="2026-01-31", min_sources=2)
    assert [group["value"] for group in told["groups"]] == ["2026-01-08"]


def test_of_two_releases_on_one_day_the_one_entered_later_counts(desk: Desk) -> None:
    """Freed in the morning, taken again at noon, and freed again that night."""
    editor, at = desk.editor, "2026-01-09T12:00:00Z"
    announcements = [
        desk.claim(desk.sources[5], "announced", "2026-01-08T22:00:00Z")["id"] for _ in range(2)
    ]
    man = editor.detainee("Fermín Otero")
    for began, announcement in zip(("2025", "2026-01-08"), announcements, strict=True):
        held = editor.detention(man, detained_on=began)
        event = editor.event(man, "2026-01-08", detention_id=held, announcement_id=announcement)
        for source in desk.sources[:2]:
            editor.attest(event, source, at)
    for way in ({}, {"occurred_from": "2026-01-08"}):
        [told] = desk.counts(group_by="announcement_id", **way)["groups"]
        assert told["value"] == announcements[1]
        assert (told["confirmed"], told["rearrested"]) == (1, 0)
    first = desk.counts(announcement_id=announcements[0])
    assert (first["confirmed"], first["rearrested"]) == (1, 1)


@pytest.mark.parametrize(
    ("path", "query"),
    [("/v1/counts", {}), ("/v1/counts/timeline", {"from": "2026-01-08", "until": "2026-01-10"})],
)
def test_what_nothing_can_match_is_refused_and_not_counted_as_zero(
    desk: Desk, path: str, query: Mapping[str, str]
) -> None:
    at = "2026-01-09T10:00:00Z"
    facility = desk.editor.post("/v1/facilities", {"name": "Rodeo I", "country": "VE"})["id"]
    announcement = desk.claim(desk.sources[0], "announced", at)["id"]
    released = desk.claim(desk.sources[0], "released", at, value=11)["id"]
    unknown = "019b9f3e-1a01-7b52-8c11-3f5d2e7a9001"
    backwards = {"occurred_from": "2026-01-09", "occurred_until": "2026-01-08"}
    for filters, pointers in (
        ({"facility_id": unknown}, {"/facility_id"}),
        ({"facility_id": announcement}, {"/facility_id"}),
        ({"announcement_id": unknown}, {"/announcement_id"}),
        ({"announcement_id": released}, {"/announcement_id"}),
        (backwards, {"/occurred_until"}),
        (
            {"facility_id": unknown, "announcement_id": released, **backwards},
            {"/facility_id", "/announcement_id", "/occurred_until"},
        ),
    ):
        problem = desk.api.get(path, 422, **query, **filters)
        assert problem["type"] == "/problems/validation-error"
        assert {fault["pointer"] for fault in problem["errors"]} == pointers, filters
    # What is there is counted, be it zero; a day may be both the first and the last.
    one_day = {"occurred_from": "2026-01-08", "occurred_until": "2026-01-08"}
    for filters in ({"facility_id": facility}, {"announcement_id": announcement}, one_day):
        desk.api.get(path, **query, **filters)


# --- Citations ------------------------------------------------------------------------------------


def paths(desk: Desk, filters: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """What has a citation, asked for in many ways."""
    [claim] = desk.api.get("/v1/claims", kind="released")["items"]
    event = desk.api.get("/v1/release-events")["items"][0]["id"]
    delivery = f"/v1/claims/{filters['announcement_id']}/delivery"
    timeline = {"from": "2026-01-08", "until": "2026-01-14"}
    return [
        ("/v1/counts", {}),
        ("/v1/counts", {"as_of": "2026-01-13T00:00:00-04:00", "min_sources": 3}),
        ("/v1/counts", {**filters, "time_zone": "America/Caracas"}),
        *(("/v1/counts", {"group_by": name}) for name in PROPERTIES),
        ("/v1/counts/timeline", timeline),
        (
            "/v1/counts/timeline",
            {**timeline, "bucket": "hour", "time_zone": "America/Caracas", "sex": "female"},
        ),
        ("/v1/counts/timeline", {"from": "2026-01-01", "bucket": "month", "min_sources": 1}),
        (f"/v1/claims/{claim['id']}/comparison", {}),
        (f"/v1/claims/{claim['id']}/comparison", {"min_sources": 1, "time_zone": "Etc/GMT+4"}),
        (delivery, {}),
        (delivery, {"as_of": "2026-01-13T00:00:00Z", "time_zone": "America/Caracas"}),
        (f"/v1/release-events/{event}/verification", {}),
        (
            f"/v1/release-events/{event}/verification",
            {"as_of": "2026-01-13T00:00:00Z", "min_sources": 5},
        ),
    ]


def test_a_citation_gives_the_same_answer_for_ever(population: Population) -> None:
    desk, filters = population
    facility, announcement = filters["facility_id"], filters["announcement_id"]
    desk.claim(
        desk.sources[1],
        "released",
        "2026-01-14T12:00:00Z",
        value=11,
        facility_id=facility,
        announcement_id=announcement,
    )
    cited = []
    for path, query in paths(desk, filters):
        response = desk.api.send("GET", path, query_string=query)
        assert response.status_code == 200, response.get_data(as_text=True)
        answer = response.get_json()
        citation = answer.pop("citation")
        assert citation["sha256"] == hashlib.sha256(rfc8785.dumps(answer)).hexdigest(), path
        assert response.headers["Link"] == f'<{citation["url"]}>; rel="cite-as"'
        assert citation["url"].startswith(f"{path}?")
        assert citation["rule"] == "two-independent-sources/1"
        cited.append((citation, response.data))
    last = desk.api.get("/v1/changes", limit=200)["items"][-1]["seq"]
    assert {citation["ledger_seq"] for citation, _ in cited} == {last}

    def follow() -> None:
        for citation, data in cited:
            response = desk.api.send("GET", citation["url"])
            assert response.data == data, citation["url"]
            assert response.headers["Link"] == f'<{citation["url"]}>; rel="cite-as"'

    follow()
    before = figures(desk.counts())
    # A late word, another person, other names, a figure taken back and another announcement.
    editor, at = desk.editor, "2026-01-13T06:00:00Z"
    for event in editor.get("/v1/release-events")["items"]:
        editor.attest(event["id"], desk.sources[5], at, stance="denies")
    desk.release("Otra", [at, at], facility=facility, announcement=announcement)
    editor.patch(f"/v1/facilities/{facility}", {"name": "La Torre"})
    for source in desk.sources[:2]:
        editor.patch(f"/v1/sources/{source}", {"name": f"Antes {source[-4:]}"})
    for person in editor.get("/v1/detainees")["items"][:3]:
        editor.patch(f"/v1/detainees/{person['id']}", {"sex": None, "nationalities": ["CO"]})
    for claim in editor.get("/v1/claims")["items"]:
        retraction = {"retracted_at": "2026-01-16T00:00:00Z"}
        editor.post(f"/v1/claims/{claim['id']}/retraction", retraction, 200)
    desk.claim(desk.sources[0], "released", at, value=1, announcement_id=announcement)
    assert figures(desk.counts()) != before
    follow()
    follow()


@pytest.mark.parametrize(
    ("people", "en", "es"),
    [
        (0, "no release was", "ninguna excarcelación estaba confirmada"),
        (1, "at least 1 release was", "al menos 1 excarcelación estaba confirmada"),
        (2, "at least 2 releases were", "al menos 2 excarcelaciones estaban confirmadas"),
    ],
)
def test_a_count_as_a_sentence(desk: Desk, people: int, en: str, es: str) -> None:
    for n in range(people):
        desk.release(f"Persona {n}", ["2026-01-09T12:25:00Z"] * 2)
    told = desk.counts(as_of="2026-01-09T12:30:00Z", time_zone="America/Caracas")
    assert told["citation"]["sentence"] == {
        "en": f"As of 9 January 2026, 08:30 (Caracas), {en} "
        "confirmed by two or more independent sources.",
        "es": f"Al 9 de enero de 2026, 08:30 (Caracas), {es} por dos o más fuentes independientes.",
    }


def test_a_sentence_says_what_a_count_was_narrowed_to(desk: Desk) -> None:
    place = desk.editor.post("/v1/facilities", {"name": "El Helicoide", "country": "VE"})["id"]
    who = desk.editor.source("Asamblea", "state_body")
    announcement = desk.claim(who, "announced", "2026-01-08T22:00:00Z")["id"]
    at = "2026-01-09T12:25:00Z"
    desk.release(
        "Una",
        [at, at],
        facility=place,
        announcement=announcement,
        sex="female",
        age_group="adult",
        nationalities=["ES"],
        kind="exile",
    )
    filters = {
        "facility_id": place,
        "nationality": "ES",
        "age_group": "adult",
        "sex": "female",
        "release_kind": "exile",
        "announcement_id": announcement,
        "occurred_from": "2026-01-08",
        "occurred_until": "2026-01-08",
    }
    asked = {"as_of": "2026-01-09T12:30:00Z", "time_zone": "America/Caracas", **filters}
    told = desk.counts(**asked)
    sentence = {
        "en": "As of 9 January 2026, 08:30 (Caracas), at least 1 release (counting only women of "
        "nationality ES, released from El Helicoide into exile on 8 January 2026 as part of what "
        "Asamblea announced) was confirmed by two or more independent sources.",
        "es": "Al 9 de enero de 2026, 08:30 (Caracas), al menos 1 excarcelación (contando solo "
        "personas adultas de sexo femenino, de nacionalidad ES, excarceladas de El Helicoide con "
        "salida al exilio el 8 de enero de 2026 como parte de lo que anunció Asamblea) estaba "
        "confirmada por dos o más fuentes independientes.",
    }
    assert told["citation"]["sentence"] == sentence
    # By the names that they had then.
    desk.editor.patch(f"/v1/facilities/{place}", {"name": "La Torre"})
    desk.editor.patch(f"/v1/sources/{who}", {"name": "Parlamento"})
    assert desk.api.get(told["citation"]["url"])["citation"]["sentence"] == sentence
    renamed = desk.counts(**asked)["citation"]["sentence"]["en"]
    assert "released from La Torre into exile" in renamed
    assert "what Parlamento announced" in renamed


def test_a_comparison_as_a_sentence(desk: Desk) -> None:
    desk.release("Una", ["2026-01-09T12:25:00Z"] * 2)
    coalition = desk.editor.source("Coalición", "political_party")
    claim = desk.claim(
        coalition, "released", "2026-01-09T12:30:00Z", value=11, window_start="2026-01-08"
    )
    assert desk.comparison(claim, time_zone="America/Caracas")["citation"]["sentence"] == {
        "en": "As of 9 January 2026, 08:30 (Caracas), Coalición counted 11 releases (counting only "
        "people released on 8 January 2026 or later); at least 1 release was confirmed by two "
        "or more independent sources.",
        "es": "Al 9 de enero de 2026, 08:30 (Caracas), Coalición contaba 11 excarcelaciones "
        "(contando solo personas excarceladas el 8 de enero de 2026 o después); al menos 1 "
        "excarcelación estaba confirmada por dos o más fuentes independientes.",
    }


def test_a_sentence_says_that_a_figure_was_taken_back(desk: Desk) -> None:
    """Not in the record of before, which is cited as it was."""
    coalition = desk.editor.source("Coalición", "political_party")
    at, moment = "2026-01-09T12:30:00Z", "As of 9 January 2026, 12:30 (UTC)"
    momento = "Al 9 de enero de 2026, 12:30 (UTC)"
    announcement = desk.claim(coalition, "announced", at, value=116, qualifier="at_least")
    released = desk.claim(coalition, "released", at, value=11)

    def told() -> list[Any]:
        return [desk.comparison(released), desk.delivery(announcement, as_of=at)]

    before = told()
    for claim in (released, announcement):
        retraction = {"retracted_at": "2026-01-10T08:00:00Z"}
        desk.editor.post(f"/v1/claims/{claim['id']}/retraction", retraction, 200)
    assert [answer["citation"]["sentence"] for answer in told()] == [
        {
            "en": f"{moment}, Coalición counted 11 releases; no release was confirmed by two or "
            "more independent sources; Coalición later took its figure back.",
            "es": f"{momento}, Coalición contaba 11 excarcelaciones; ninguna excarcelación estaba "
            "confirmada por dos o más fuentes independientes; Coalición retiró después su cifra.",
        },
        {
            "en": f"{moment}, at least 116 releases had been announced, which was later taken "
            "back; this record names nobody.",
            "es": f"{momento}, se habían anunciado al menos 116 excarcelaciones, lo que después se "
            "retiró; este registro no nombra a nadie.",
        },
    ]
    for answer in before:
        assert "taken back" not in answer["citation"]["sentence"]["en"]
        assert "took" not in answer["citation"]["sentence"]["en"]
        assert desk.api.get(answer["citation"]["url"]) == answer


def test_the_terminal_says_which_claims_were_taken_back(desk: Desk) -> None:
    coalition = desk.editor.source("Coalición", "political_party")
    paper = desk.editor.source("Correo", "news_outlet")
    place = desk.editor.post("/v1/facilities", {"name": "Rodeo I", "country": "VE"})["id"]
    scope = {"facility_id": place, "window_start": "2026-01-08", "age_group": "adult"}
    said = desk.claim(coalition, "released", "2026-01-09T12:30:00Z", value=11, **scope)
    relays = [{"claim_id": said["id"]}]
    passed_on = desk.claim(paper, "released", "2026-01-09T13:00:00Z", value=1100, relays=relays)
    names = {
        coalition: "Coalición",
        paper: "Correo",
        place: "Rodeo I",
        said["id"]: "Coalición",
        passed_on["id"]: "Correo",
    }

    def lines() -> list[str]:
        return list(terminal.comparisons(desk.api.get("/v1/comparisons"), names))

    head, newer, older = lines()
    assert head.split() == [
        *("as", "of", "claimed", "confirmed", "disputed", "reported", "gap"),
        *("verdict", "of", "who"),
    ]
    assert newer.startswith("2026-01-09T13:00:00Z    1,100 ")
    assert newer.endswith("  Correo, passing on Coalición")
    assert older.endswith("  since 2026-01-08, Rodeo I, adult  Coalición")
    for claim in (said, passed_on):
        retraction = {"retracted_at": "2026-01-10T08:00:00Z"}
        desk.editor.post(f"/v1/claims/{claim['id']}/retraction", retraction, 200)
    assert lines() == [head, f"{newer} (retracted)", f"{older} (retracted)"]


# --- Cases with claims ----------------------------------------------------------------------------


def a_case() -> dict[str, Any]:
    """Claims that relay what stands further on, count an announcement that stands last, and were
    retracted."""

    def claim(key: str, source: str, kind: str, at: str, **more: Any) -> dict[str, Any]:
        moment = f"2026-01-09T{at}:00Z"
        return {
            "key": key,
            "source": source,
            "kind": kind,
            "as_of": moment,
            "published_at": moment,
            "note": key,
            **more,
        }

    relays = [{"claim": "coalition"}]
    return {
        "case": "figures",
        "sources": [
            {"key": "s1", "name": "Coalición", "kind": "political_party"},
            {"key": "s2", "name": "Correo", "kind": "news_outlet"},
            {"key": "s3", "name": "Ministerio", "kind": "state_body"},
        ],
        "facilities": [{"key": "f1", "name": "La Torre", "country": "VE"}],
        "claims": [
            claim("copied", "s2", "released", "14:00", value=11, relays=[{"claim": "paper"}]),
            claim("paper", "s2", "released", "13:00", value=11, relays=relays, announcement="a1"),
            claim("heard", "s2", "released", "15:00", relays=[{"source": "s1"}], facility="f1"),
            claim(
                "coalition",
                "s1",
                "released",
                "12:30",
                value=11,
                qualifier="at_least",
                announcement="a1",
                retracted_at="2026-01-10T08:00:00Z",
                retraction_note="It was ten.",
            ),
            claim("held", "s1", "detained", "12:30", value=863),
            claim("a1", "s3", "announced", "00:00", value=116, window_start="2026-01-08"),
        ],
        "detainees": [{"key": "d1", "name": "Luis Prueba", "detention": {"detained_on": "2024"}}],
        "release_events": [
            {"key": "r1", "detainee": "d1", "occurred_on": "2026-01-08", "announcement": "a1"}
        ],
        "attestations": [],
    }


def load(conn: Connection, folder: Path, told: Mapping[str, Any]) -> Mapping[str, int]:
    file = folder / "case.json"
    file.write_text(json.dumps(told))
    return loader.load(conn, file, lambda _: None)


def ledger(conn: Connection) -> list[Any]:
    return conn.execute("SELECT * FROM ledger ORDER BY seq").fetchall()


def test_a_case_with_claims_is_loaded_and_a_second_time_changes_nothing(
    api: Api, conn: Connection, tmp_path: Path
) -> None:
    new = load(conn, tmp_path, a_case())
    assert (new["claims"], new["release_events"], new["sources"]) == (6, 1, 3)
    claims = {claim["note"]: claim for claim in api.get("/v1/claims")["items"]}
    ids = {key: claim["id"] for key, claim in claims.items()}

    def began(key: str) -> list[Mapping[str, str | None]]:
        return [{"claim_id": ids[key], "source_id": None}]

    assert claims["copied"]["relays"] == began("paper")
    for key in ("copied", "paper", "coalition"):
        assert claims[key]["origins"] == began("coalition")
    source = claims["coalition"]["source_id"]
    assert claims["heard"]["origins"] == [{"claim_id": None, "source_id": source}]
    assert (claims["heard"]["value"], claims["heard"]["qualifier"]) == (None, "unspecified")
    assert claims["heard"]["facility_id"] == api.get("/v1/facilities")["items"][0]["id"]
    assert claims["coalition"]["retracted_at"] == "2026-01-10T08:00:00Z"
    assert claims["coalition"]["retraction_note"] == "It was ten."
    assert {claims[key]["announcement_id"] for key in ("paper", "coalition")} == {ids["a1"]}
    told = api.get(f"/v1/claims/{ids['a1']}/delivery")
    assert (told["announced"], told["named"], told["still_held"]) == (116, 1, 1)
    assert [item["claim"]["note"] for item in told["claims"]] == ["paper", "coalition"]

    before = ledger(conn), api.get("/v1/claims")
    assert set(load(conn, tmp_path, a_case()).values()) == {0}
    assert (ledger(conn), api.get("/v1/claims")) == before


FAULTY: Mapping[str, tuple[str, Any, set[str]]] = {
    "an announcement that is none of the claims": (
        "/claims/1/announcement",
        "a9",
        {"/claims/1/announcement"},
    ),
    "an announcement of another kind": (
        "/claims/1/announcement",
        "held",
        {"/claims/1/announcement"},
    ),
    "an announcement that counts a delivery": (
        "/claims/5/announcement",
        "held",
        {"/claims/5/announcement"},
    ),
    "an event of an unknown announcement": (
        "/release_events/0/announcement",
        "a9",
        {"/release_events/0/announcement"},
    ),
    "an event of what is no announcement": (
        "/release_events/0/announcement",
        "held",
        {"/release_events/0/announcement"},
    ),
    "a relay of another kind": (
        "/claims/1/relays/0/claim",
        "held",
        {"/claims/1/relays/0/claim"},
    ),
    "a relay of what was published later": (
        "/claims/1/relays/0/claim",
        "heard",
        {"/claims/1/relays/0/claim"},
    ),
    "a relay of a claim that is not there": (
        "/claims/1/relays/0/claim",
        "c9",
        {"/claims/1/relays/0/claim"},
    ),
    "relays in a circle": (
        "/claims/3/relays",
        [{"claim": "copied"}],
        {"/claims/0/relays", "/claims/1/relays", "/claims/3/relays"},
    ),
    "a facility that is not there": ("/claims/2/facility", "f9", {"/claims/2/facility"}),
    "a source that is not there": ("/claims/2/source", "s9", {"/claims/2/source"}),
    "a kind that is none": ("/claims/4/kind", "freed", {"/claims/4/kind"}),
    "a figure below zero": ("/claims/4/value", -1, {"/claims/4/value"}),
    "a window that begins after it": (
        "/claims/4/window_start",
        "2026-02-01",
        {"/claims/4/window_start"},
    ),
    "a retraction before it was published": (
        "/claims/3/retracted_at",
        "2026-01-09T12:29:59Z",
        {"/claims/3/retracted_at"},
    ),
}


@pytest.mark.parametrize("name", FAULTY)
def test_a_case_with_a_faulty_claim_changes_nothing(
    conn: Connection, tmp_path: Path, name: str
) -> None:
    path, value, places = FAULTY[name]
    told = a_case()
    *steps, last = [int(step) if step.isdigit() else step for step in path.split("/")[1:]]
    place: Any = told
    for step in steps:
        place = place[step]
    place[last] = value
    with pytest.raises(loader.CaseError) as error:
        load(conn, tmp_path, told)
    assert {fault.pointer for fault in error.value.errors} == places
    assert all(fault.detail for fault in error.value.errors)
    assert ledger(conn) == []


def test_every_fault_of_a_claim_is_told_at_once(conn: Connection, tmp_path: Path) -> None:
    told = a_case()
    told["claims"][1] |= {
        "announcement": "held",
        "relays": [{"claim": "held"}],
        "published_at": "2100-01-01T00:00:00Z",
        "as_of": "2100-01-01T00:00:00Z",
    }
    with pytest.raises(loader.CaseError) as error:
        load(conn, tmp_path, told)
    assert [fault.pointer for fault in error.value.errors] == [
        "/claims/1/relays/0/claim",
        "/claims/1/announcement",
        "/claims/1/published_at",
        "/claims/1/as_of",
    ]


def test_no_sentence_names_whom_a_parameter_points_to(desk: Desk) -> None:
    """Only a facility is named as one, and only who made an announcement as who announced."""
    editor = desk.editor
    minor = editor.detainee("Niña Secreta Apellido", age_group="minor")
    source = editor.source("Fuente Ajena")
    claim = desk.claim(desk.sources[0], "released", "2026-01-09T10:00:00Z", value=11)
    for id in (minor, source, claim["id"]):
        for parameter in ("facility_id", "announcement_id"):
            for path in ("/v1/counts", "/v1/counts/timeline"):
                query = {parameter: id} | ({"from": "2026-01-08"} if "timeline" in path else {})
                problem = editor.get(path, 422, **query)
                assert [fault["pointer"] for fault in problem["errors"]] == [f"/{parameter}"]
                told = json.dumps(problem, ensure_ascii=False)
                assert "Secreta" not in told
                assert "Ajena" not in told
