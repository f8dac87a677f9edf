"""Voiding release events, detentions and claims, and undoing it."""

from typing import Any

import pytest

from api.database.queries import Connection
from tests.conftest import Api
from tests.stories.test_record_time import assert_store_is_consistent

AT = "2026-01-08T20:00:00Z"
LATER = "2026-02-01T00:00:00Z"
REASON = {"reason": "Of another person."}


def void(caller: Api, path: str, status: int = 200) -> Any:
    return caller.post(f"/v1/{path}/void", REASON, status)


def undo(caller: Api, path: str, status: int = 200) -> Any:
    return caller._json(caller.send("DELETE", f"/v1/{path}/void"), status)


def claim(caller: Api, source: str, **more: Any) -> str:
    body = {"source_id": source, "kind": "announced", "value": 5, "as_of": AT, "published_at": AT}
    return caller.post("/v1/claims", {**body, **more})["id"]


def confirmed_release(editor: Api, **more: Any) -> tuple[str, str, str]:
    """Record a person, a detention and a release event that two sources confirm."""
    person = editor.detainee("Fermín Otero")
    detention = editor.detention(person, detained_on="2024-02")
    event = editor.event(person, "2026-01-08", **more)
    for name in ("Puertas Abiertas", "Correo"):
        editor.attest(event, editor.source(name), AT)
    return person, detention, event


def answers(api: Api, announcement: str, event: str, **query: Any) -> list[tuple[int, str]]:
    """Return the responses that a release event of an announcement may be part of."""
    asked = f"as_of={LATER}&" + "&".join(f"{name}={value}" for name, value in query.items())
    responses = [
        api.send("GET", f"{path}&{asked}")
        for path in (
            "/v1/counts?min_sources=2",
            f"/v1/counts?announcement_id={announcement}",
            "/v1/counts?group_by=occurred_on",
            f"/v1/claims/{announcement}/delivery?min_sources=2",
            f"/v1/release-events/{event}/verification?min_sources=2",
        )
    ]
    return [(response.status_code, response.text) for response in responses]


def test_voided_event_is_in_no_later_answer(api: Api, editor: Api, conn: Connection) -> None:
    outlet = editor.source("Diario")
    announcement = claim(editor, outlet)
    person, detention, event = confirmed_release(editor, announcement_id=announcement)
    moment = api.get("/v1/counts")["recorded_as_of"]
    then = answers(api, announcement, event, recorded_as_of=moment)
    assert {status for status, _ in then} == {200}
    before = api.get(f"/v1/release-events/{event}")
    assert before["verification"]["status"] == "confirmed"

    voided = void(editor, f"release-events/{event}")
    assert voided["void_reason"] == REASON["reason"]
    assert api.get(f"/v1/release-events/{event}") == voided
    assert voided["verification"]["status"] == "unverified"
    listed = api.get("/v1/attestations", release_event_id=event)["items"]
    assert {(item["voided_at"], item["void_reason"]) for item in listed} == {
        (voided["voided_at"], voided["void_reason"])
    }
    assert api.get("/v1/release-events")["items"] == []
    assert api.get(f"/v1/detainees/{person}")["custody"] == "detained"
    assert api.get("/v1/counts")["confirmed"] == 0
    for query in ({}, {"recorded_as_of": api.get("/v1/counts")["recorded_as_of"]}):
        assert api.get(f"/v1/claims/{announcement}/delivery", **query)["named"] == 0
    problem = api.get(f"/v1/release-events/{event}/verification", 404)
    assert f"was voided at {voided['voided_at']}" in problem["detail"]
    review = {"Accept": "application/ld+json"}
    path = f"/v1/release-events/{event}"
    assert api.send("GET", path, headers=review).status_code == 404
    for exported in ("/v1/export", f"/v1/claims/{announcement}/case"):
        text = api.send("GET", exported).text
        assert event not in text
        assert listed[0]["id"] not in text
    (entry,) = api.get("/v1/feed", format="jsonfeed")["items"]
    assert (
        entry["title"] == "The release of Fermín Otero on 8 January 2026 was recorded by mistake."
    )
    last = api.get("/v1/changes", limit=200)["items"][-1]
    assert (last["resource"], last["resource_id"], last["action"]) == (
        "release_event",
        event,
        "voided",
    )
    assert_store_is_consistent(conn)
    assert answers(api, announcement, event, recorded_as_of=moment) == then

    # A new event of the same day is possible, and then the old one is not.
    again = editor.event(person, "2026-01-09", detention_id=detention)
    undo(editor, f"release-events/{event}", 409)
    void(editor, f"release-events/{again}")
    undone = undo(editor, f"release-events/{event}")
    assert {**undone, "updated_at": None} == {**before, "updated_at": None}
    assert api.get("/v1/counts")["confirmed"] == 1
    assert_store_is_consistent(conn)
    assert answers(api, announcement, event, recorded_as_of=moment) == then


def test_attestation_voided_on_its_own_stays_void(editor: Api) -> None:
    _, _, event = confirmed_release(editor)
    first = editor.get("/v1/attestations", release_event_id=event)["items"][0]["id"]
    void(editor, f"attestations/{first}")
    assert "record it again" in void(editor, f"attestations/{first}", 409)["detail"]
    void(editor, f"release-events/{event}")
    remedy = f"undo the voiding: DELETE /v1/release-events/{event}/void."
    assert void(editor, f"release-events/{event}", 409)["detail"].endswith(remedy)
    assert undo(editor, f"release-events/{event}")["verification"]["status"] == "reported"


def test_voiding_leaves_the_order_of_detentions_that_was_never_disturbed(
    api: Api, editor: Api, conn: Connection
) -> None:
    """A detention of the year 2026 is placed after a release; without it, in the whole year."""
    person = editor.detainee("Fermín Otero")
    first = editor.detention(person, detained_on="2025")
    event = editor.event(person, "2026-03-01")
    second = editor.detention(person, detained_on="2026")

    def began() -> dict[str, str]:
        rows = conn.execute("SELECT id::text, began_on::text FROM detentions").fetchall()
        return {row.id: row.began_on for row in rows}

    assert began()[second] == "2026-03-01"
    void(editor, f"release-events/{event}")
    assert began()[second] == "2026-01-01"
    undo(editor, f"release-events/{event}")
    assert began()[second] == "2026-03-01"
    problem = void(editor, f"detentions/{first}", 409)
    assert f"/v1/release-events/{event}" in problem["detail"]
    void(editor, f"release-events/{event}")
    void(editor, f"detentions/{first}")
    undo(editor, f"release-events/{event}", 409)
    items = api.get(f"/v1/detainees/{person}/detentions")["items"]
    assert [item["id"] for item in items] == [second]
    assert api.get(f"/v1/detainees/{person}")["detention"]["id"] == second
    assert api.get(f"/v1/detentions/{first}")["voided_at"] is not None
    assert second in api.send("GET", "/v1/export").text
    assert first not in api.send("GET", "/v1/export").text
    assert_store_is_consistent(conn)


def test_voided_detention_is_no_rearrest(api: Api, editor: Api, conn: Connection) -> None:
    person, _, _ = confirmed_release(editor)
    again = editor.detention(person, detained_on="2026-02-01")
    rearrested = api.get("/v1/counts")
    assert rearrested["rearrested"] == 1
    void(editor, f"detentions/{again}")
    for query in ({}, {"occurred_from": "2026-01-01"}):
        assert api.get("/v1/counts", **query)["rearrested"] == 0
    past = {"as_of": rearrested["as_of"], "recorded_as_of": rearrested["recorded_as_of"]}
    for query in ({}, {"occurred_from": "2026-01-01"}):
        assert api.get("/v1/counts", **past, **query)["rearrested"] == 1
    assert_store_is_consistent(conn)
    undo(editor, f"detentions/{again}")
    assert api.get("/v1/counts")["rearrested"] == 1
    assert_store_is_consistent(conn)


def test_voided_claim_is_compared_no_more(api: Api, editor: Api) -> None:
    source = editor.source("Diario")
    announcement = claim(editor, source)
    figure = claim(editor, source, kind="released", announcement_id=announcement)
    relayed = claim(editor, source, kind="released", relays=[{"claim_id": figure}])
    moment = api.get(f"/v1/claims/{figure}/comparison")["citation"]["recorded_as_of"]
    past = api.get(f"/v1/claims/{figure}/comparison", recorded_as_of=moment)

    assert f"/v1/claims/{figure}" in void(editor, f"claims/{announcement}", 409)["detail"]
    assert f"/v1/claims/{relayed}" in void(editor, f"claims/{figure}", 409)["detail"]
    for id in (relayed, figure, announcement):
        assert void(editor, f"claims/{id}") == api.get(f"/v1/claims/{id}")
        assert f"DELETE /v1/claims/{id}/void" in void(editor, f"claims/{id}", 409)["detail"]
    assert api.get("/v1/claims")["items"] == api.get("/v1/comparisons")["items"] == []
    api.get(f"/v1/claims/{announcement}/case", 404)
    for path in (f"{announcement}/comparison", f"{announcement}/delivery", f"{figure}/comparison"):
        assert "it was voided at" in api.get(f"/v1/claims/{path}", 404)["detail"]
    assert api.get(f"/v1/claims/{figure}/comparison", recorded_as_of=moment) == past
    assert api.get("/v1/comparisons", recorded_as_of=moment)["items"] != []
    assert api.get("/v1/counts", announcement_id=announcement)["confirmed"] == 0
    assert figure not in api.send("GET", "/v1/export").text

    undo(editor, f"claims/{relayed}", 409)
    for id in (announcement, figure, relayed):
        assert undo(editor, f"claims/{id}")["voided_at"] is None
    assert len(api.get("/v1/comparisons")["items"]) == 2


def test_contributor_voids_what_it_entered_while_nothing_refers_to_it(
    editor: Api, contributor: Api
) -> None:
    source = editor.source("Diario")
    person = contributor.detainee("Fermín Otero")
    detention = contributor.detention(person, detained_on="2024-02")
    event = contributor.event(person, "2026-01-08")
    attestation = contributor.attest(event, source, AT)["id"]
    figure = claim(contributor, source)
    problem = void(contributor, f"release-events/{event}", 409)
    assert f"/v1/attestations/{attestation}" in problem["detail"]
    void(contributor, f"detentions/{detention}", 409)
    void(editor, f"attestations/{attestation}")
    for path in (f"release-events/{event}", f"detentions/{detention}", f"claims/{figure}"):
        void(contributor, path)
        undo(contributor, path, 403)

    of_another = editor.detention(person, detained_on="2024-02")
    for path in (
        f"detentions/{of_another}",
        f"release-events/{editor.event(person, '2026-01-20')}",
        f"claims/{claim(editor, source)}",
    ):
        assert "another key" in void(contributor, path, 403)["detail"]


@pytest.mark.parametrize("known", [{"age_group": "minor"}, {"withheld": True}])
def test_only_editors_void_records_of_hidden_people_and_see_why(
    api: Api, editor: Api, contributor: Api, known: Any
) -> None:
    person = contributor.detainee("Fermín Otero")
    detention = contributor.detention(person, detained_on="2024-02")
    event = contributor.event(person, "2026-01-08")
    attestation = contributor.attest(event, editor.source("Diario"), AT)["id"]
    editor.patch(f"/v1/detainees/{person}", known)
    paths = [f"release-events/{event}", f"detentions/{detention}"]
    proposals = [void(contributor, path, 202)["id"] for path in reversed(paths)]
    assert [api.get(f"/v1/{path}")["voided_at"] for path in paths] == [None, None]
    accept = "/v1/proposals/{}/accept"
    problem = editor.post(accept.format(proposals[0]), None, 409)
    assert f"/v1/release-events/{event}" in problem["detail"]
    for proposal in reversed(proposals):
        editor.post(accept.format(proposal), None, 200)
    for path in paths:
        assert editor.get(f"/v1/{path}")["void_reason"] == REASON["reason"]
    for path in (*paths, f"attestations/{attestation}"):
        shown = api.get(f"/v1/{path}")
        assert shown["void_reason"] is None
        assert shown["voided_at"] is not None


def test_voided_records_follow_a_merge_and_its_undoing(
    api: Api, editor: Api, conn: Connection
) -> None:
    surviving, duplicate = editor.detainee("Fermín Otero"), editor.detainee("Fermin Otero")
    editor.detention(surviving, detained_on="2024")
    voided = editor.detention(duplicate, detained_on="2019")
    of_voided = editor.event(duplicate, "2020-01-08")
    void(editor, f"release-events/{of_voided}")
    void(editor, f"detentions/{voided}")
    editor.detention(duplicate, detained_on="2024-02")
    event = editor.event(duplicate, "2026-01-08")
    void(editor, f"release-events/{event}")
    merge = editor.post(f"/v1/detainees/{duplicate}/merge", {"into": surviving})["id"]
    assert api.get("/v1/release-events", detainee_id=surviving)["items"] == []
    for path in (f"detentions/{voided}", f"release-events/{of_voided}", f"release-events/{event}"):
        assert undo(editor, path)["detainee_id"] == surviving
    assert_store_is_consistent(conn)
    void(editor, f"release-events/{event}")
    assert editor.send("DELETE", f"/v1/merges/{merge}").status_code == 200
    assert undo(editor, f"release-events/{event}")["detainee_id"] == duplicate
    assert api.get(f"/v1/detentions/{voided}")["detainee_id"] == duplicate
    assert_store_is_consistent(conn)
