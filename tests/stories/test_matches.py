"""Matches of a list of people with the recorded ones."""

from typing import Any

from tests.conftest import Api
from tests.stories.people import HIDDEN


def match(api: Api, *people: Any) -> list[Any]:
    queries = [person if isinstance(person, dict) else {"name": person} for person in people]
    items: list[Any] = api.post("/v1/detainees/match", {"items": queries}, 200)["items"]
    assert len(items) == len(people)
    return items


def test_match_finds_a_person_by_name_variants(api: Api) -> None:
    contributor = api.scope("contribute")
    person = contributor.detainee(
        "Belisario Quintanar Ozores", birth_date="1974-06-02", nationalities=["VE"], sex="male"
    )
    contributor.detainee("Ramón Prueba Ensayo", birth_date="1974-06-02")
    for name in (
        "QUINTANAR OZORES, Belisario",
        "belisario quintanar",
        "Dr. Belizario Quintanar",
        "B. Quintanar Ozores",
        "Белисарио Кинтанар",
    ):
        (item,) = match(contributor, {"name": name, "birth_date": "1974"})
        assert [c["detainee_id"] for c in item["candidates"]] == [person], name
        assert item["decision"] in ("same", "possible")
        assert item["decision"] == item["candidates"][0]["decision"]
    (item,) = match(contributor, {"name": "Belisario Quintanar Ozores", "birth_date": "1974-06-02"})
    assert item["decision"] == "same"
    features = {
        feature["feature"]: feature["detail"] for feature in item["candidates"][0]["features"]
    }
    assert {"given_names", "surnames", "birth_date"} <= set(features)


def test_match_rejects_brothers_and_accepts_a_shared_external_id(api: Api) -> None:
    contributor = api.scope("contribute")
    ids = [{"scheme": "puertas", "value": "PA-7"}]
    person = contributor.detainee("Luis Quintanar Ozores", sex="male", external_ids=ids)
    brother, listed, other = match(
        contributor,
        {"name": "Jorge Quintanar Ozores", "sex": "male"},
        {"name": "L. Quintanar", "external_ids": ids},
        {"name": "Otra Persona Distinta"},
    )
    assert brother["decision"] == "none"
    assert listed["decision"] == "same"
    assert listed["candidates"][0]["detainee_id"] == person
    assert other == {"decision": "none", "candidates": []}


def test_match_follows_a_changed_name_and_records_nothing(api: Api) -> None:
    contributor = api.scope("contribute")
    person = contributor.detainee("Belisario Quintanar Ozores")
    contributor.patch(f"/v1/detainees/{person}", {"name": "Casimiro Otero Vidal"})
    before = api.get("/v1/changes")
    by_old_name, by_new_name = match(
        contributor, "Belisario Quintanar Ozores", "Casimiro Otero Vidal"
    )
    assert by_old_name["decision"] == "none"
    assert [c["detainee_id"] for c in by_new_name["candidates"]] == [person]
    assert api.get("/v1/changes") == before
    api.post("/v1/detainees/match", {"items": [{"name": "Casimiro Otero"}]}, 401)
    api.scope("admin").post("/v1/detainees/match", {"items": [{"name": "Casimiro Otero"}]}, 403)


def test_minor_is_matched_for_editors_only(api: Api) -> None:
    editor = api.scope("edit")
    minor = editor.detainee(
        HIDDEN["name"], **{k: HIDDEN[k] for k in ("aliases", "external_ids")}, age_group="minor"
    )
    query = {"name": HIDDEN["name"], "external_ids": HIDDEN["external_ids"]}
    for name in (HIDDEN["name"], *HIDDEN["aliases"]):
        (item,) = match(api.scope("contribute"), {**query, "name": name})
        assert item == {"decision": "none", "candidates": []}
        (item,) = match(editor, {**query, "name": name})
        assert item["candidates"][0]["detainee_id"] == minor
