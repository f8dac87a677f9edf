"""Pinned citations: figures with an address at which readers learn whether they still hold."""

import hashlib
from collections.abc import Mapping
from typing import Any

import pytest
import rfc8785
from markupsafe import escape

from api.database import queries
from api.database.queries import Connection
from api.reports import pinned_citations
from tests.conftest import Api
from tests.stories.newsroom import Desk, Population
from tests.stories.test_citations import paths

AT = "2026-01-09T12:25:00Z"


def pin(api: Api, url: str, status: int = 201) -> Any:
    return api.scope("contribute").post("/v1/citations", {"url": url}, status)


def read(api: Api, citation: Mapping[str, Any]) -> Any:
    return api.get(f"/v1/citations/{citation['id']}")


def page(api: Api, citation: Mapping[str, Any]) -> str:
    return api.send("GET", f"/c/{citation['id']}", query_string={"lang": "en"}).text


def withhold(desk: Desk, person: str, *, withheld: bool = True) -> None:
    desk.editor.patch(f"/v1/detainees/{person}", {"withheld": withheld})


def person_of(desk: Desk, event: str) -> str:
    return str(desk.editor.get(f"/v1/release-events/{event}")["detainee_id"])


def corrections(conn: Connection, id: str, after: str) -> list[Any]:
    """Return the last public entry of a record after a moment."""
    return queries.rows(conn, "citations/list_corrections", ids=[id], after=after)


def test_every_citable_answer_can_be_pinned(population: Population) -> None:
    """A pin has both moments and the public view, and pinning again gives the same pin. It does not
    change with what the public may know of a person."""
    desk, filters = population
    desk.claim(desk.sources[1], "released", "2026-01-14T12:00:00Z", value=11, **claimed(filters))
    questions = [
        *paths(desk, filters),
        *(("/v1/counts", {name: value}) for name, value in filters.items()),
        ("/v1/counts/timeline", {"from": "2026-01-08", "nationality": "VE"}),
        ("/v1/differences", {"from": "2026-01-01"}),
        ("/v1/differences", {"from": "2026-01-01", "facility_id": filters["facility_id"]}),
        ("/v1/differences", {"from_recorded": "2026-01-01T00:00:00Z", "sex": "female"}),
    ]
    pinned = []
    for path, query in questions:
        answer = desk.api.send("GET", path, query_string=query)
        asked = answer.request.full_path
        citation = pin(desk.api, asked)
        digest = hashlib.sha256(rfc8785.dumps(citation["figure"])).hexdigest()
        assert (citation["sha256"], citation["verified"]) == (digest, True), path
        cited = desk.api.get(citation["url"])["citation"]
        assert {name: citation[name] for name in ("url", "sha256", "sentence", "ledger_seq")} == {
            name: cited[name] for name in ("url", "sha256", "sentence", "ledger_seq")
        }
        assert (citation["changed"], citation["present"], citation["changes"]) == (False, None, [])
        assert citation["page"] == f"/c/{citation['id']}"
        pinned.append(citation)
    url = citation["url"]
    for same in (url, f"http://localhost{url}", f"{url}&format=csv&limit=5"):
        assert pin(desk.api.scope("edit"), same) == citation, same
    for person in desk.editor.get("/v1/detainees")["items"][:3]:
        withhold(desk, person["id"])
    desk.editor.detainee("Nadie", age_group="minor")
    for citation in pinned:
        now = read(desk.api, citation)
        assert {**now, "present": None} == citation, citation["url"]
        answer = page(desk.api, citation)
        # Where only what the public may know moved the figure, the page cannot say that it holds.
        assert ("Yes." in answer) == (now["present"] is None), citation["url"]
        assert ("That cannot be decided." in answer) == (now["present"] is not None)
    assert {read(desk.api, citation)["present"] is None for citation in pinned} == {True, False}


def claimed(filters: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: filters[name] for name in ("facility_id", "announcement_id")}


def test_figure_that_changed_says_since_when_and_why(desk: Desk) -> None:
    editor = desk.editor
    event = desk.release("Rocío Prueba", [AT, AT], nationalities=["VE"])
    desk.release("Otra Persona", [AT], nationalities=["CO"])
    questions = (
        "/v1/counts?nationality=VE",
        "/v1/counts?group_by=nationality",
        "/v1/counts/timeline?from=2026-01-09&nationality=VE",
        "/v1/differences?from=2026-01-09",
        f"/v1/release-events/{event}/verification",
    )
    pinned = [pin(desk.api, url) for url in questions]
    other = pin(desk.api, "/v1/counts?nationality=CO")
    before = desk.api.get("/v1/counts")["recorded_as_of"]
    [attestation, _] = desk.api.get("/v1/attestations", release_event_id=event)["items"]
    retraction = {"retracted_at": AT}
    editor.post(f"/v1/attestations/{attestation['id']}/retraction", retraction, 200)
    moment = desk.api.get("/v1/counts")["recorded_as_of"]
    assert moment > before
    for citation in pinned:
        now = read(desk.api, citation)
        assert now["changed"], citation["url"]
        assert (now["since"], now["people_changed"]) == (moment, 1), citation["url"]
        [change] = now["changes"]
        assert (change["release_event_id"], change["before"], change["after"], change["at"]) == (
            event,
            "confirmed",
            "reported",
            moment,
        )
        [cause] = change["because"]
        assert (cause["attestation_id"], cause["action"]) == (attestation["id"], "retracted")
        assert now["present"]["url"] == citation["url"].replace(before, moment)
        assert now["present"]["recorded_as_of"] == moment
        assert now["present"]["sentence"] != now["sentence"]
        assert now["figure"] == citation["figure"]
        assert now["sha256"] == citation["sha256"]
        assert now["verified"]
        assert "Rocío" not in str(now)
        if now["differences"]:
            [item] = desk.api.get(now["differences"])["items"]
            assert item["release_event_id"] == event
        # The page of the answer says so too, without a pin.
        asked = {"url": f"http://localhost{citation['url']}", "lang": "en"}
        text = desk.api.send("GET", "/c", query_string=asked).text
        assert "Not any more." in text
        assert escape(now["sentence"]["en"]) in text
        assert escape(now["present"]["sentence"]["en"]) in text
        # The same url gives the same pin.
        assert pin(desk.api, citation["url"]) == now
    assert not read(desk.api, other)["changed"]
    # Another source makes the figure right again.
    editor.attest(event, desk.sources[5], AT)
    assert not read(desk.api, pinned[0])["changed"]


def test_people_changed_in_a_timeline_are_those_at_its_last_change(desk: Desk) -> None:
    attestations = []
    for name, at in (("Ana", AT), ("Eva", "2026-01-11T12:25:00Z")):
        event = desk.release(name, [at, at])
        attestations.append(desk.api.get("/v1/attestations", release_event_id=event)["items"][0])
    citation = pin(desk.api, "/v1/counts/timeline?from=2026-01-09&until=2026-01-14")
    for attestation in attestations:
        body = {"retracted_at": attestation["published_at"]}
        desk.editor.post(f"/v1/attestations/{attestation['id']}/retraction", body, 200)
    assert read(desk.api, citation)["people_changed"] == 2


def test_person_in_another_group_changes_a_figure(desk: Desk) -> None:
    event = desk.release("Rocío Prueba", [AT, AT], nationalities=["VE"])
    grouped, placed, hidden = (
        pin(desk.api, f"/v1/counts?group_by={g}") for g in ("nationality", "facility_id", "sex")
    )
    moved = {"nationalities": ["CO"]}
    desk.editor.patch(f"/v1/detainees/{person_of(desk, event)}", moved)
    now = read(desk.api, grouped)
    assert (now["changed"], now["people_changed"]) == (True, 1)
    assert now["changes"][0]["because"][0]["action"] == "updated"
    [item] = desk.api.get(now["differences"])["items"]
    assert item["release_event_id"] == event
    assert not read(desk.api, hidden)["changed"]
    # From the group whose value is unknown.
    facility = desk.editor.post("/v1/facilities", {"name": "La Torre", "country": "VE"})["id"]
    detention = desk.editor.get(f"/v1/release-events/{event}")["detention_id"]
    desk.editor.patch(f"/v1/detentions/{detention}", {"facility_id": facility})
    [item] = desk.api.get(read(desk.api, placed)["differences"])["items"]
    assert item["release_event_id"] == event
    withhold(desk, person_of(desk, event))
    # The public may no longer know the group of the person.
    assert not read(desk.api, grouped)["changed"]
    assert not read(desk.api, hidden)["changed"]


def test_withholding_is_not_taken_for_the_reason_of_another_change(desk: Desk) -> None:
    """Withholding changes the figure of the first group, and no link leads to an empty list."""
    editor, events = desk.editor, []
    places = [
        editor.post("/v1/facilities", {"name": name, "country": "VE"})["id"]
        for name in ("El Helicoide", "Rodeo I", "La Torre")
    ]
    for n, place in enumerate((places[0], places[0], places[1], places[2])):
        events.append(desk.release(f"Persona {n}", [AT, AT], facility=place))
    citation = pin(desk.api, "/v1/counts?group_by=facility_id")
    withhold(desk, person_of(desk, events[0]))
    detention = editor.get(f"/v1/release-events/{events[2]}")["detention_id"]
    editor.patch(f"/v1/detentions/{detention}", {"facility_id": places[2]})
    now = read(desk.api, citation)
    assert now["people_changed"] == 1
    [change] = now["changes"]
    assert [(c["resource"], c["action"]) for c in change["because"]] == [("detention", "updated")]
    [item] = desk.api.get(now["differences"])["items"]
    assert item["release_event_id"] == events[2]


def test_record_that_no_pinned_difference_saw_is_not_its_reason(desk: Desk) -> None:
    """Between two record times, only the later one moves on."""
    first = desk.release("Rocío Prueba", [AT, AT], sex="female")
    second = desk.release("Ana Prueba", ["2026-01-10T12:00:00Z"], sex="female")
    before = desk.counts()["recorded_as_of"]
    desk.editor.attest(first, desk.sources[2], AT)
    asked = f"sex=female&from={AT}&until=2026-01-12T12:00:00Z"
    citation = pin(desk.api, f"/v1/differences?{asked}&from_recorded={before}")
    withhold(desk, person_of(desk, first))
    late = desk.editor.attest(second, desk.sources[3], AT)["id"]
    body = {"retracted_at": "2026-01-11T12:00:00Z"}
    desk.editor.post(f"/v1/attestations/{late}/retraction", body, 200)
    now = read(desk.api, citation)
    assert (now["changed"], now["changes"]) == (False, [])


def test_people_changed_are_those_of_all_groups(desk: Desk) -> None:
    """Each counts once, and the figure changed when the first of them did."""
    names = ("Ana", "Eva", "Ida")
    events = [desk.release(f"{name} Prueba", [AT, AT], nationalities=["VE"]) for name in names]
    citation = pin(desk.api, "/v1/counts?group_by=nationality")
    moments = []
    for event, nationality in zip(events[:2], ("AR", "CO"), strict=True):
        moved = {"nationalities": [nationality]}
        desk.editor.patch(f"/v1/detainees/{person_of(desk, event)}", moved)
        moments.append(desk.api.get("/v1/counts")["recorded_as_of"])
    now = read(desk.api, citation)
    assert (now["people_changed"], now["since"]) == (2, moments[0])
    assert {c["release_event_id"] for c in now["changes"]} == set(events[:2])
    assert {(c["before"], c["after"]) for c in now["changes"]} == {("confirmed", "confirmed")}
    for attestation in desk.api.get("/v1/attestations", release_event_id=events[2])["items"]:
        body = {"retracted_at": AT}
        desk.editor.post(f"/v1/attestations/{attestation['id']}/retraction", body, 200)
    now = read(desk.api, citation)
    assert (now["people_changed"], now["since"]) == (3, moments[0])
    [item] = desk.api.get(now["differences"])["items"]
    assert item["release_event_id"] == events[2]


def test_correction_of_a_person_withheld_later_shows_in_public_figures(
    desk: Desk,
) -> None:
    """Even with all undisclosed people added, the figures of today may exclude the pinned ones."""
    announcement = desk.claim(desk.sources[0], "announced", AT)["id"]
    event = desk.release("Rocío Prueba", [AT, AT], sex="female", announcement=announcement)
    person = person_of(desk, event)
    asked = f"announcement_id={announcement}"
    pinned = [
        pin(desk.api, url)
        for url in (
            f"/v1/counts?{asked}&sex=female",
            f"/v1/counts?{asked}&group_by=sex",
            f"/v1/counts/timeline?from=2026-01-09&until=2026-01-10&{asked}&sex=female",
            f"/v1/differences?from=2026-01-08&{asked}&sex=female",
        )
    ]

    def assert_all(*, changed: bool, words: str) -> None:
        for citation in pinned:
            now = read(desk.api, citation)
            today = desk.api.get(now["present"]["url"])["citation"]
            assert (now["changed"], now["present"]) == (changed, today), citation["url"]
            assert "Rocío" not in str(now)
            if "group_by" not in citation["url"]:
                assert (now["since"], now["people_changed"], now["changes"]) == (None, 0, [])
            assert (now["figure"], now["sha256"]) == (citation["figure"], citation["sha256"])
            for text in (
                page(desk.api, citation),
                desk.api.send(
                    "GET", "/c", query_string={"url": citation["url"], "lang": "en"}
                ).text,
            ):
                assert words in text, citation["url"]
                assert "Yes." not in text
                assert escape(today["sentence"]["en"]) in text

    withhold(desk, person)
    assert_all(changed=False, words="That cannot be decided.")
    [attestation, _] = desk.editor.get("/v1/attestations", release_event_id=event)["items"]
    desk.editor.post(f"/v1/attestations/{attestation['id']}/void", {"reason": "Wrong."}, 200)
    assert_all(changed=True, words="Not any more.")
    # Another person may be the woman who was counted.
    desk.release("Oculta", [AT, AT], withheld=True, announcement=announcement)
    assert not read(desk.api, pinned[0])["changed"]
    assert "That cannot be decided." in page(desk.api, pinned[0])
    withhold(desk, person, withheld=False)
    now = read(desk.api, pinned[0])
    assert (now["changed"], now["people_changed"]) == (True, 1)
    # Nor may the pinned figures, with all undisclosed people added, reach those of today.
    event = desk.release("Ida", [AT], day="2026-01-05", sex="female", withheld=True)
    citation = pin(desk.api, "/v1/counts?sex=female&occurred_until=2026-01-06")
    desk.editor.attest(event, desk.sources[5], AT)
    withhold(desk, person_of(desk, event), withheld=False)
    now = read(desk.api, citation)
    assert (now["changed"], now["people_changed"]) == (True, 0)


def test_release_of_another_kind_changes_groups_of_kinds(desk: Desk) -> None:
    event = desk.release("Rocío Prueba", [AT, AT])
    citation = pin(desk.api, "/v1/counts?group_by=release_kind")
    for source in desk.sources[2:4]:
        attestation = desk.editor.attest(event, source, AT, release_kind="exile")
    now = read(desk.api, citation)
    assert (now["changed"], now["people_changed"]) == (True, 1)
    assert attestation["id"] in [c["attestation_id"] for c in now["changes"][0]["because"]]


def test_retracted_claim_or_void_release_changes_a_figure(desk: Desk) -> None:
    editor = desk.editor
    announcement = desk.claim(desk.sources[0], "announced", AT, value=10)["id"]
    claims = [desk.claim(desk.sources[1], "released", AT, value=n) for n in (5, 6)]
    event = desk.release("Rocío Prueba", [AT, AT], announcement=announcement)
    comparisons = [pin(desk.api, f"/v1/claims/{claim['id']}/comparison") for claim in claims]
    delivery = pin(desk.api, f"/v1/claims/{announcement}/delivery")
    verification = pin(desk.api, f"/v1/release-events/{event}/verification")

    def because(citation: Mapping[str, Any]) -> list[tuple[str, str]]:
        now = read(desk.api, citation)
        assert now["changed"]
        assert now["since"] == min(change["at"] for change in now["changes"])
        return [(c["resource"], c["action"]) for it in now["changes"] for c in it["because"]]

    retraction = {"retracted_at": "2026-01-10T00:00:00Z"}
    editor.post(f"/v1/claims/{claims[0]['id']}/retraction", retraction, 200)
    editor.post(f"/v1/claims/{claims[1]['id']}/void", {"reason": "Entered twice."}, 200)
    assert [because(citation) for citation in comparisons] == [
        [("claim", "retracted")],
        [("claim", "voided")],
    ]
    assert read(desk.api, comparisons[1])["present"] is None
    assert not read(desk.api, delivery)["changed"]
    desk.claim(desk.sources[2], "released", AT, value=1, announcement_id=announcement)
    assert because(delivery) == [("claim", "recorded")]
    counted = {"announcement_id": announcement, "value": 2}
    restored = desk.claim(desk.sources[3], "released", AT, **counted)["id"]
    editor.post(f"/v1/claims/{restored}/void", {"reason": "Entered twice."}, 200)
    without = pin(desk.api, f"/v1/claims/{announcement}/delivery")
    editor.send("DELETE", f"/v1/claims/{restored}/void")
    assert because(without) == [("claim", "undone")]
    editor.post(f"/v1/claims/{restored}/void", {"reason": "Entered twice."}, 200)
    editor.post(f"/v1/release-events/{event}/void", {"reason": "Of another."}, 200)
    assert because(verification) == [("release_event", "voided")]
    assert ("release_event", "voided") in because(delivery)


def test_page_says_how_many_people_changed_beside_a_retraction(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pinned_citations, "_MAX_CHANGES", 1)
    events = [desk.release(name, [AT]) for name in ("Ana Prueba", "Eva Prueba")]
    claim = desk.claim(desk.sources[5], "released", AT, value=2)["id"]
    citation = pin(desk.api, f"/v1/claims/{claim}/comparison")
    for event in events:
        desk.editor.attest(event, desk.sources[1], AT)
    retraction = {"retracted_at": "2026-01-10T00:00:00Z"}
    desk.editor.post(f"/v1/claims/{claim}/retraction", retraction, 200)
    text = page(desk.api, citation)
    assert "A source retracted its claim." in text
    assert "2 people count differently now than then." in text


def test_verdict_that_applies_again_has_changed_when_the_later_one_ended(desk: Desk) -> None:
    """The earlier verdict was recorded before the citation; in the end there is none."""
    event = desk.release("Rocío Prueba", [AT, "2026-01-09T11:00:00Z"])
    attestations = desk.api.get("/v1/attestations", release_event_id=event)["items"]
    earlier, later = sorted(attestations, key=lambda it: it["published_at"])
    url = f"/v1/release-events/{event}/verification"
    citation = pin(desk.api, url)
    third = desk.editor.attest(event, desk.sources[2], AT)["id"]
    now = read(desk.api, citation)
    assert (now["changed"], now["people_changed"]) == (True, 0)  # confirmed, by three
    desk.editor.post(f"/v1/attestations/{third}/void", {"reason": "Wrong."}, 200)
    for attestation in (later, earlier):
        citation = pin(desk.api, url)
        desk.editor.post(f"/v1/attestations/{attestation['id']}/void", {"reason": "Wrong."}, 200)
        voided_at = desk.api.get("/v1/counts")["recorded_as_of"]
        desk.editor.source(f"Nueva {attestation['id']}")
        now = read(desk.api, citation)
        assert (now["changed"], now["since"], now["people_changed"]) == (True, voided_at, 1)
        assert [change["at"] for change in now["changes"]] == [voided_at]


def test_page_shows_no_equal_sentence_as_a_change(desk: Desk) -> None:
    """The answer has more figures than its sentence: here the moment since when it holds, the kinds
    of release, and the groups."""
    unverified, reported = desk.release("Ida Prueba"), desk.release("Eva Prueba", [AT])
    attestation = desk.editor.attest(unverified, desk.sources[0], AT, basis="unattributed")["id"]
    events = (unverified, reported)
    citations = [pin(desk.api, f"/v1/release-events/{event}/verification") for event in events]
    citations.append(pin(desk.api, "/v1/counts?group_by=release_kind"))
    desk.editor.post(f"/v1/attestations/{attestation}/void", {"reason": "Wrong."}, 200)
    desk.editor.attest(reported, desk.sources[0], AT, release_kind="exile")
    for citation in citations:
        now, text = read(desk.api, citation), page(desk.api, citation)
        assert (now["changed"], now["present"]["sentence"]) == (True, now["sentence"])
        assert "The sentence does, but not the whole answer." in text
        assert "Not any more." not in text
        assert f'href="{escape(now["present"]["page"])}' in text
        assert text.count(f"<blockquote>{escape(now['sentence']['en'])}") == 0


def test_citation_of_a_merged_release_follows_it(desk: Desk) -> None:
    first, second = (desk.release(f"Rocío Prueba {n}", [AT] * n) for n in (1, 2))
    citation = pin(desk.api, f"/v1/release-events/{first}/verification")
    into = {"into": person_of(desk, second)}
    desk.editor.post(f"/v1/detainees/{person_of(desk, first)}/merge", into)
    now = read(desk.api, citation)
    assert (now["changed"], now["present"]["url"].split("?")[0]) == (
        True,
        f"/v1/release-events/{second}/verification",
    )
    causes = [(cause["resource"], cause["action"]) for cause in now["changes"][0]["because"]]
    assert ("merge", "merged") in causes
    assert now["since"] == desk.api.get("/v1/counts")["recorded_as_of"]
    # The duplicate leads to the same citation as the surviving event.
    urls = [f"/v1/release-events/{id}/verification?as_of={AT}" for id in (first, second)]
    assert pin(desk.api, urls[0])["id"] == pin(desk.api, urls[1])["id"]


def test_end_of_a_surviving_release_is_no_merge(desk: Desk) -> None:
    """The merge left the verdict as it was."""
    first, second = (desk.release(f"Rocío Prueba {n}", [AT] * 2) for n in (1, 2))
    citation = pin(desk.api, f"/v1/release-events/{first}/verification")
    into = {"into": person_of(desk, second)}
    desk.editor.post(f"/v1/detainees/{person_of(desk, first)}/merge", into)
    assert not read(desk.api, citation)["changed"]
    desk.editor.post(f"/v1/release-events/{second}/void", {"reason": "Of another."}, 200)
    now = read(desk.api, citation)
    assert (now["changed"], now["since"]) == (True, desk.api.get("/v1/counts")["recorded_as_of"])
    [change] = now["changes"]
    assert [(it["resource"], it["action"]) for it in change["because"]] == [
        ("release_event", "voided")
    ]


def test_figure_of_hidden_people_is_the_public_one(desk: Desk) -> None:
    """An editor's key pins what the public sees."""
    desk.release("Oculta", [AT, AT], withheld=True, sex="female")
    url = "/v1/counts?sex=female"
    assert desk.editor.get(url)["confirmed"] == 1
    citation = desk.editor.post("/v1/citations", {"url": url})
    figure = citation["figure"]
    assert (figure["confirmed"], figure["undisclosed"]["confirmed"]) == (0, 1)
    assert "People who may match the filters: it is not public" in page(desk.api, citation)
    # Without a filter they are in the figure.
    citation = desk.editor.post("/v1/citations", {"url": "/v1/counts?group_by=sex"})
    assert citation["figure"]["confirmed"] == 1
    assert "People whose group is not public" in page(desk.api, citation)


def test_hidden_change_does_not_move_the_moment_of_a_public_one(
    desk: Desk, conn: Connection
) -> None:
    editor = desk.editor
    prisons = [
        editor.post("/v1/facilities", {"name": name, "country": "VE"})["id"]
        for name in ("El Helicoide", "Rodeo I")
    ]
    # Five minors of each, so that the public knows where they are.
    events = [
        desk.release(f"Oculta {n}", [AT, AT], facility=prison, age_group="minor")
        for n, prison in enumerate(prisons * 5)
    ]
    citation = pin(desk.api, f"/v1/counts?facility_id={prisons[0]}")
    grouped = pin(desk.api, "/v1/counts?group_by=facility_id")
    pinned_at = desk.counts()["recorded_as_of"]
    detention = editor.get(f"/v1/release-events/{events[0]}")["detention_id"]
    editor.patch(f"/v1/detentions/{detention}", {"facility_id": prisons[1]})
    editor.source("Otra fuente")
    since = read(desk.api, citation)["since"]
    assert since is not None
    # Nor does the citation of the groups say whose group changed.
    now = read(desk.api, grouped)
    assert (now["present"] is None, now["changes"]) == (False, [])
    corrected = corrections(conn, detention, pinned_at)
    assert [row.action for row in corrected] == ["updated"]
    editor.patch(f"/v1/detentions/{detention}", {"charges": "Ninguno"})
    editor.patch(f"/v1/detainees/{person_of(desk, events[0])}", {"occupation": "estudiante"})
    editor.source("Una más")
    assert read(desk.api, citation)["since"] == since
    assert corrections(conn, detention, pinned_at) == corrected


@pytest.mark.parametrize("is_recorded_later", [False, True])
def test_source_that_became_confidential_is_in_no_citation(
    desk: Desk, is_recorded_later: bool
) -> None:
    """The organisation that vouches for it may not have been recorded yet when it was pinned."""
    source, organisation = desk.editor.source("Garganta Profunda"), desk.sources[5]
    claim = desk.claim(source, "released", AT, value=3)
    announcement = desk.claim(source, "announced", AT)["id"]
    event = desk.release("Rocío Prueba", [AT], announcement=announcement)
    desk.editor.attest(event, source, AT)
    pinned = [
        pin(desk.api, f"/v1/release-events/{event}/verification"),
        pin(desk.api, f"/v1/claims/{claim['id']}/comparison"),
        pin(desk.api, f"/v1/claims/{announcement}/delivery"),
    ]
    unchanged = [
        pin(desk.api, f"/v1/counts?announcement_id={announcement}"),
        pin(desk.api, "/v1/counts?group_by=announcement_id"),
    ]
    assert "Garganta" in str(pinned[1])
    if is_recorded_later:
        organisation = desk.editor.source("Puertas Abiertas")
    desk.editor.patch(f"/v1/sources/{source}", {"confidential": True, "vouched_by": organisation})
    for citation in (*pinned, *unchanged):
        now = read(desk.api, citation)
        assert "Garganta" not in str(now)
        assert source not in str(now)
        assert (now["sha256"], now["verified"]) == (citation["sha256"], citation in unchanged)
    name = desk.api.get(f"/v1/sources/{organisation}")["name"]
    (group,) = desk.api.get(unchanged[1]["url"])["groups"]
    assert group["label"] == f"A confidential source of {name}"
