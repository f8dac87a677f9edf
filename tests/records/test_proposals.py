"""Proposals: writes about hidden people by `contribute` keys, which an editor decides."""

from typing import Any

from api import auth
from api.database.queries import Connection
from tests.conftest import Api

AT = "2026-01-09T10:00:00Z"


def minor(editor: Api) -> tuple[str, str, str]:
    """Record a minor with a detention that has a release event."""
    person = editor.detainee("Niña Reservada", age_group="minor")
    detention = editor.detention(person, detained_on="2024-02-09")
    return person, detention, editor.event(person, "2026-01-08")


def propose_event(contributor: Api, person: str, day: str, **more: Any) -> Any:
    body = {"detainee_id": person, "occurred_on": day, **more}
    return contributor.post("/v1/release-events", body, 202)


def records(editor: Api, person: str) -> Any:
    events = editor.get("/v1/release-events", detainee_id=person)["items"]
    return editor.get(f"/v1/detainees/{person}/detentions")["items"], events


def test_proposals_tell_nothing_of_hidden_days(editor: Api, contributor: Api) -> None:
    """No day, facility or detention changes the response, and nothing else is left behind."""
    person, detention, event = minor(editor)
    never_held = editor.detainee("Reservada", withheld=True)
    other = editor.detention(editor.detainee("Ana"), detained_on="2025")
    before = records(editor, person), records(editor, never_held)
    changes = contributor.get("/v1/changes", limit=200)
    detentions, events = f"/v1/detentions/{detention}", f"/v1/release-events/{event}"
    days = ("2020-01-01", "2024-02-08", "2024-02-09", "2024-02-10", "2026-01-08", "2026-01-09")
    responses = []
    for day in days:
        for id in (person, never_held):
            responses.append(contributor.post(f"/v1/detainees/{id}/detentions", {}, 202))
            body = {"detained_on": day}
            responses.append(contributor.post(f"/v1/detainees/{id}/detentions", body, 202))
            for detention_id in (None, detention, other):
                responses.append(propose_event(contributor, id, day, detention_id=detention_id))
        responses.append(contributor.patch(detentions, {"detained_on": day}, 202))
        responses.append(contributor.patch(events, {"occurred_on": day}, 202))
    for path in (detentions, events):
        # The one has a release event, the other is without an attestation; neither is its own.
        responses.append(contributor.post(f"{path}/void", {"reason": "A mistake."}, 202))
    for response in responses:
        assert (response["state"], response["decided_at"], response["reason"]) == (
            "open",
            None,
            None,
        )
        assert response["detainee_id"] in (person, never_held)
        is_new = response["action"] == "create"
        assert response["record_id"] in ((None,) if is_new else (detention, event))
    assert (records(editor, person), records(editor, never_held)) == before
    assert contributor.get("/v1/changes", limit=200) == changes
    # What depends on public records alone is refused, as for any person.
    facility = {"facility_id": person}
    contributor.post(f"/v1/detainees/{person}/detentions", facility, 422)
    contributor.post(f"/v1/detainees/{person}/detentions", {"detained_on": "2999"}, 422)
    for more in ({"occurred_on": "2999-01-01"}, {"announcement_id": person}):
        body = {"detainee_id": person, "occurred_on": "2026-01-08", **more}
        contributor.post("/v1/release-events", body, 422)
    contributor.post(f"/v1/detainees/{detention}/detentions", {}, 404)


def test_accepted_proposal_is_a_write_of_the_editor(api: Api, editor: Api) -> None:
    contributor = api.scope("contribute")
    person = editor.detainee("Niña Reservada", age_group="minor")
    sources = [editor.source(f"Fuente {n}") for n in range(2)]
    detention = contributor.post(f"/v1/detainees/{person}/detentions", {"detained_on": "2024"}, 202)
    again = contributor.post(f"/v1/detainees/{person}/detentions", {"detained_on": "2025"}, 202)
    release = propose_event(contributor, person, "2026-01-08", place="Puerta")

    def accept(proposal: Any, status: int = 200) -> Any:
        return editor.post(f"/v1/proposals/{proposal['id']}/accept", None, status)

    accepted = accept(detention)
    assert accepted["state"] == "accepted"
    assert editor.get(f"/v1/detentions/{accepted['record_id']}")["detained_on"] == "2024"
    assert accept(again, 409)["type"] == "/problems/still-detained"
    assert contributor.get(f"/v1/proposals/{again['id']}")["state"] == "open"
    event = accept(release)["record_id"]
    assert api.get("/v1/counts")["confirmed"] == 0
    for source in sources:
        contributor.attest(event, source, AT)
    assert api.get("/v1/counts")["confirmed"] == 1
    place = contributor.patch(f"/v1/release-events/{event}", {"place": "Otra puerta"}, 202)
    assert editor.get(f"/v1/release-events/{event}")["place"] == "Puerta"
    assert accept(place)["record_id"] == event
    assert editor.get(f"/v1/release-events/{event}")["place"] == "Otra puerta"
    assert accept(place, 409)["type"] == "/problems/conflict"
    entries = editor.get("/v1/changes", limit=200)["items"]
    (editor_key,) = {e["actor"] for e in entries if e["resource"] == "source"}
    decided = [(e["action"], e["actor"]) for e in entries if e["resource"] == "proposal"]
    assert sorted(decided) == sorted(
        [("created", detention["key_id"])] * 4 + [("accepted", editor_key)] * 3
    )
    # A new record of a named person needs no decision.
    contributor.detention(editor.detainee("Ana"))
    # What was proposed of records that were merged since is written to the surviving ones.
    duplicate = editor.detainee("Niña Reservada", age_group="minor")
    editor.detention(duplicate, detained_on="2024")
    twin = editor.event(duplicate, "2026-01-08")
    of_duplicate = f"/v1/detainees/{duplicate}"
    occupation = contributor.patch(of_duplicate, {"occupation": "Estudiante"}, 202)
    place = contributor.patch(f"/v1/release-events/{twin}", {"place": "Tercera puerta"}, 202)
    rearrest = contributor.post(f"{of_duplicate}/detentions", {"detained_on": "2026-02"}, 202)
    editor.post(f"{of_duplicate}/merge", {"into": person})
    assert [accept(proposal)["record_id"] for proposal in (occupation, place)] == [person, event]
    rearrested = editor.get(f"/v1/detentions/{accept(rearrest)['record_id']}")
    assert rearrested["detainee_id"] == person
    assert editor.get(f"/v1/release-events/{event}")["place"] == "Tercera puerta"


def test_change_of_a_hidden_person_is_a_proposal(editor: Api, contributor: Api) -> None:
    """Also of one whom the key itself recorded."""
    recorded, _, _ = minor(editor)
    body = {
        "name": "Niña Corregida",
        "aliases": ["La Niña"],
        "sex": "female",
        "nationalities": ["VE"],
        "occupation": None,
        "external_ids": [{"scheme": "registro", "value": "R-77"}],
    }
    for person in (recorded, contributor.detainee("Niña Propia", age_group="minor")):
        path = f"/v1/detainees/{person}"
        before = editor.get(path)
        proposal = contributor.patch(path, body, 202)
        assert (proposal["resource"], proposal["action"]) == ("detainee", "update")
        assert (proposal["detainee_id"], proposal["record_id"]) == (person, person)
        assert (proposal["body"], proposal["state"]) == (body, "open")
        assert editor.get(path) == before
        # Only an editor changes who is hidden, and a pseudonym is no name.
        contributor.patch(path, {"withheld": False}, 403)
        contributor.patch(path, {"age_group": "adult"}, 403)
        contributor.patch(path, {"name": "Person 0A1B2C"}, 422)
        editor.detainee("Ana", external_ids=[{"scheme": "padron", "value": person}])
        taken = {"external_ids": [{"scheme": "padron", "value": person}]}
        contributor.patch(path, taken, 409)
        assert editor.get("/v1/changes", limit=200)["items"][-1]["action"] == "created"
        editor.get(f"/v1/proposals/{proposal['id']}")
        (*_, read) = editor.get("/v1/changes", limit=200)["items"]
        assert (read["action"], read["resource_id"]) == ("read", person)
    accepted = editor.post(f"/v1/proposals/{proposal['id']}/accept", None, 200)
    assert accepted["state"] == "accepted"
    after = editor.get(path)
    assert {name: after[name] for name in body} == body
    assert after["age_group"] == "minor"


def test_only_its_key_and_editors_see_a_proposal(
    api: Api, editor: Api, contributor: Api, conn: Connection
) -> None:
    person, _, _ = minor(editor)
    _, key = auth.create_key(conn, "another", "contribute")
    other = Api(api.client, str, key)
    proposal = propose_event(contributor, person, "2026-01-08")
    path = f"/v1/proposals/{proposal['id']}"
    reason = {"reason": "She was released on 8 January."}
    assert editor.post(f"{path}/reject", reason, 200)["reason"] == reason["reason"]
    shown = contributor.get(path)
    assert (shown["state"], shown["reason"]) == ("rejected", None)
    assert contributor.get("/v1/proposals")["items"] == [shown]
    assert contributor.get("/v1/proposals", state="open")["items"] == []
    assert editor.get("/v1/proposals", state="rejected")["items"][0]["reason"] == reason["reason"]
    assert api.get("/v1/proposals")["items"] == []
    api.get(path, 404)
    other.get(path, 404)
    assert other.get("/v1/proposals")["items"] == []


def test_retried_proposal_gets_the_first_response(editor: Api, contributor: Api) -> None:
    person, _, _ = minor(editor)
    headers = {"Idempotency-Key": "once"}
    first, second = (
        contributor.send("POST", f"/v1/detainees/{person}/detentions", json={}, headers=headers)
        for _ in range(2)
    )
    assert first.status_code == second.status_code == 202
    assert first.data == second.data
    assert first.headers["Location"] == second.headers["Location"]
    assert second.headers["Idempotent-Replayed"] == "true"
    assert contributor.get(first.headers["Location"]) == first.get_json()
    assert len(editor.get("/v1/proposals")["items"]) == 1
