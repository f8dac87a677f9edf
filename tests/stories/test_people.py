"""People: found by their names, held, released and taken again; and minors, who are not named."""

import re
from typing import Any

import pytest

from api.verification.counting import FIGURES
from tests.conftest import Api

HIDDEN = {
    "name": "Lucero Canario Paz",
    "aliases": ["Luz Canario"],
    "birth_date": "2011-05-04",
    "occupation": "alumna canaria",
    "external_ids": [{"scheme": "lista", "value": "CANARIO-7"}],
}


@pytest.mark.parametrize(
    "spelling",
    [
        "Rocío Ñáñez",
        "rocio nanez",
        "NAÑEZ ROCÍO",
        "Nañez, Rocio",
        "Rocio Nanez",  # the accents as characters of their own, on both
        "Chío",
    ],
)
def test_a_person_is_found_by_the_words_of_any_name(api: Api, spelling: str) -> None:
    writer = api.scope("contribute")
    person = writer.detainee("Rocío del Valle Ñáñez", aliases=["Chío Ñáñez"])
    writer.detainee("Rocío Valdés")
    found = api.get("/v1/detainees", q=spelling)["items"]
    assert found[0]["id"] == person
    assert [item["name"] for item in found[1:]] == ["Rocío Valdés"] * (spelling == "Chío")


def test_letters_that_are_no_accented_ones_are_found_by_their_plain_forms(api: Api) -> None:
    person = api.scope("contribute").detainee("Øyvind Straße", aliases=["Łukasz Đorđević"])
    for spelling in ("oyvind", "strasse", "lukasz", "dordevic", "ØYVIND"):
        assert [p["id"] for p in api.get("/v1/detainees", q=spelling)["items"]] == [person]


def test_brothers_who_share_both_surnames_are_two_people(api: Api) -> None:
    writer = api.scope("contribute")
    brothers = [writer.detainee(f"{name} Otero Valdivia") for name in ("Fermín", "Tomás")]
    assert [p["id"] for p in api.get("/v1/detainees", q="otero valdivia")["items"]] == brothers
    assert [p["id"] for p in api.get("/v1/detainees", q="tomas otero")["items"]] == brothers[1:]


def test_a_person_is_found_by_a_new_name_and_no_more_by_the_old_one(api: Api) -> None:
    writer = api.scope("contribute")
    person = writer.detainee("Fermín Otero")
    writer.patch(f"/v1/detainees/{person}", {"name": "Fermín Oteiza"})
    assert api.get("/v1/detainees", q="otero")["items"] == []
    assert [p["id"] for p in api.get("/v1/detainees", q="oteiza")["items"]] == [person]


def test_a_minor_is_counted_and_not_named(api: Api) -> None:
    """Not in any answer to who may not see it, the contributor who wrote it included."""
    editor, writer = api.scope("edit"), api.scope("contribute")
    created = writer.post("/v1/detainees", {**HIDDEN, "age_group": "minor"})
    person = created["id"]
    writer.detention(person, detained_on="2025")
    event = writer.event(person, "2026-01-08")
    for source in ("Puertas Abiertas", "Correo"):
        writer.attest(event, editor.source(source), "2026-01-09T10:00:00Z")

    for caller in (api, writer):
        for path in (
            "/v1/detainees",
            f"/v1/detainees/{person}",
            "/v1/detainees?q=lucero",
            "/v1/detainees?q=CANARIO",
            f"/v1/release-events/{event}/verification",
            "/v1/changes",
        ):
            answer = caller.send("GET", path).get_data(as_text=True)
            assert "canari" not in answer.lower(), path
            assert "lucero" not in answer.lower(), path
            assert "2011" not in answer, path
    assert re.fullmatch("Person [0-9A-Z]{6}", created["name"])
    assert created["is_named"] is False
    assert api.get("/v1/detainees?q=lucero")["items"] == []
    assert api.get("/v1/counts")["confirmed"] == 1
    assert api.get("/v1/counts", age_group="minor")["confirmed"] == 0
    for n in range(4):
        writer.detainee(f"Niña {n}", age_group="minor")
    assert api.get("/v1/counts", age_group="minor")["confirmed"] == 1

    seen = editor.get(f"/v1/detainees/{person}")
    assert {name: seen[name] for name in HIDDEN} == HIDDEN
    assert [p["id"] for p in editor.get("/v1/detainees", q="lucero")["items"]] == [person]


def test_a_contributor_cannot_uncover_a_minor(api: Api) -> None:
    writer = api.scope("contribute")
    person = writer.post("/v1/detainees", {**HIDDEN, "age_group": "minor"})["id"]
    problem = writer.patch(f"/v1/detainees/{person}", {"age_group": "adult"}, 403)
    assert problem["type"] == "/problems/forbidden"
    refused = writer.patch(f"/v1/detainees/{person}", {"age_group": "unknown"}, 403)
    assert "anar" not in str(refused)
    grown = api.scope("edit").patch(
        f"/v1/detainees/{person}", {"age_group": "adult", "birth_date": "2001-05-04"}
    )
    assert grown["name"] == HIDDEN["name"]
    assert api.get(f"/v1/detainees/{person}")["name"] == HIDDEN["name"]


@pytest.mark.parametrize("age_group", ["adult", "unknown"])
def test_who_is_a_minor_by_the_birth_date_is_entered_as_one(api: Api, age_group: str) -> None:
    writer = api.scope("contribute")
    problem = writer.post("/v1/detainees", {**HIDDEN, "age_group": age_group}, 422)
    assert [fault["pointer"] for fault in problem["errors"]] == ["/age_group"]
    person = writer.detainee("Ana Prueba", age_group=age_group)
    writer.patch(f"/v1/detainees/{person}", {"birth_date": "2011-05-04"}, 422)


def test_a_new_detention_needs_the_end_of_the_last(api: Api) -> None:
    writer = api.scope("contribute")
    person = writer.detainee("Fermín Otero")
    first = writer.detention(person, detained_on="2024-02")
    problem = writer.post(f"/v1/detainees/{person}/detentions", {"detained_on": "2026"}, 409)
    assert problem["type"] == "/problems/still-detained"
    writer.event(person, "2026-01-08")
    again = writer.detention(person, detained_on="2026-01")
    assert writer.get(f"/v1/detainees/{person}")["detention"]["id"] == again

    earlier = writer.detention(person, detained_on="2019-03-02")
    assert writer.get(f"/v1/detainees/{person}")["detention"]["id"] == again
    listed = api.get(f"/v1/detainees/{person}/detentions")["items"]
    assert {d["id"] for d in listed} == {first, again, earlier}


def test_an_event_belongs_to_the_detention_open_on_that_day(api: Api) -> None:
    writer = api.scope("contribute")
    person = writer.detainee("Fermín Otero")
    problem = _refused(writer, {"detainee_id": person, "occurred_on": "2026-01-08"}, 422)
    assert problem["errors"][0]["pointer"] == "/detainee_id"
    first = writer.detention(person, detained_on="2024-02-09")
    problem = _refused(writer, {"detainee_id": person, "occurred_on": "2024-02-08"}, 422)
    assert problem["errors"][0]["pointer"] == "/occurred_on"
    event = writer.post("/v1/release-events", {"detainee_id": person, "occurred_on": "2025-06-01"})
    assert event["detention_id"] == first
    second = writer.detention(person, detained_on="2025-09")
    event = writer.post("/v1/release-events", {"detainee_id": person, "occurred_on": "2026-01-08"})
    assert event["detention_id"] == second


@pytest.mark.parametrize("detained_on", ["2026-02-08", "2026-02", "2026", None])
@pytest.mark.parametrize("day", ["2026-02-08", "2026-02-10"])
def test_a_release_told_again_after_the_person_was_retaken_is_the_same_release(
    api: Api, detained_on: str | None, day: str
) -> None:
    """Retaken on the day of the release, or nobody knows just when."""
    writer = api.scope("contribute")
    person = writer.detainee("Fermín Otero")
    writer.detention(person, detained_on="2025-07")
    event = writer.event(person, "2026-02-08")
    writer.detention(person, detained_on=detained_on)
    problem = _refused(writer, {"detainee_id": person, "occurred_on": day}, 409)
    assert problem["type"] == "/problems/release-event-exists"
    assert problem["release_event_id"] == event


def test_a_release_is_of_the_last_detention_that_can_have_begun(api: Api) -> None:
    writer = api.scope("contribute")
    person = writer.detainee("Fermín Otero")
    first = writer.detention(person, detained_on="2025-07")
    writer.event(person, "2026-02-08")
    second = writer.detention(person, detained_on="2026-02")

    def detention_of(day: str) -> str:
        event = writer.post("/v1/release-events", {"detainee_id": person, "occurred_on": day})
        return event["detention_id"]

    assert detention_of("2026-03-01") == second
    named = {"detainee_id": person, "occurred_on": "2026-02-25", "detention_id": first}
    assert writer.post("/v1/release-events", named)["detention_id"] == first
    late = {"detainee_id": person, "occurred_on": "2026-03-09", "detention_id": first}
    assert _refused(writer, late, 422)["errors"][0]["pointer"] == "/occurred_on"


def test_days_near_each_other_are_one_event_and_days_far_apart_are_two(api: Api) -> None:
    writer = api.scope("contribute")
    person = writer.detainee("Fermín Otero")
    writer.detention(person, detained_on="2024")
    event = writer.event(person, "2026-01-08")
    for day in ("2026-01-05", "2026-01-08", "2026-01-11"):
        problem = _refused(writer, {"detainee_id": person, "occurred_on": day}, 409)
        assert problem["type"] == "/problems/release-event-exists"
        assert problem["release_event_id"] == event
    other = writer.event(person, "2026-01-12")
    writer.event(person, "2026-01-04")
    moved = writer.patch(f"/v1/release-events/{other}", {"occurred_on": "2026-01-09"}, 409)
    assert moved["release_event_id"] == event


def test_the_day_of_an_event_stands_once_it_was_attested(api: Api) -> None:
    editor = api.scope("edit")
    person = editor.detainee("Fermín Otero")
    editor.detention(person, detained_on="2024")
    event = editor.event(person, "2026-01-08")
    path = f"/v1/release-events/{event}"
    assert editor.patch(path, {"occurred_on": "2026-01-09"})["occurred_on"] == "2026-01-09"
    editor.attest(event, editor.source("Puertas Abiertas"), "2026-01-09T10:00:00Z")
    assert editor.patch(path, {"occurred_on": "2026-01-08"}, 409)["type"] == "/problems/conflict"
    assert editor.patch(path, {"place": "La Tejera"})["place"] == "La Tejera"


def test_custody_follows_the_latest_detention(api: Api) -> None:
    editor = api.scope("edit")
    person = editor.detainee("Fermín Otero")
    path = f"/v1/detainees/{person}"
    assert api.get(path)["custody"] is None
    detention = editor.detention(person, whereabouts="unknown")
    assert api.get(path)["custody"] == "whereabouts_unknown"
    editor.patch(f"/v1/detentions/{detention}", {"whereabouts": "known"})
    assert api.get(path)["custody"] == "detained"
    event = editor.event(person, "2026-01-08")
    editor.attest(event, editor.source("Puertas Abiertas"), "2026-01-09T10:00:00Z")
    assert api.get(path)["custody"] == "detained"
    editor.attest(event, editor.source("Correo"), "2026-01-09T10:00:00Z")
    assert api.get(path)["custody"] == "released"
    assert api.get("/v1/counts")["rearrested"] == 0
    editor.detention(person)
    assert api.get(path)["custody"] == "detained"
    assert api.get("/v1/counts")["rearrested"] == 1


def test_counts_by_what_is_known_of_people(api: Api) -> None:
    editor = api.scope("edit")
    facility = editor.post("/v1/facilities", {"name": "La Tejera", "country": "VE"})["id"]
    sources = [editor.source(name) for name in ("Puertas Abiertas", "Correo")]
    for i, (sex, nationalities) in enumerate(
        [("female", ["VE", "ES"]), ("male", ["VE"]), (None, [])]
    ):
        person = editor.detainee(f"Persona {i}", sex=sex, nationalities=nationalities)
        editor.detention(person, detained_on="2024", facility_id=facility if i < 2 else None)
        event = editor.event(person, f"2026-01-{8 + i:02}")
        for source in sources[: 2 - i % 2]:
            editor.attest(
                event, source, "2026-01-10T10:00:00Z", release_kind="exile" if i == 0 else "full"
            )

    def count(**filters: Any) -> tuple[int, int]:
        answer = api.get("/v1/counts", **filters)
        then = api.get("/v1/counts", recorded_as_of=answer["recorded_as_of"], **filters)
        assert {name: then[name] for name in FIGURES} == {name: answer[name] for name in FIGURES}
        return answer["confirmed"], answer["reported"]

    assert count() == (2, 1)
    assert count(sex="female") == (1, 0)
    assert count(nationality="VE") == (1, 1)
    assert count(nationality="ES", sex="male") == (0, 0)
    assert count(facility_id=facility) == (1, 1)
    assert count(age_group="unknown") == (2, 1)
    assert count(release_kind="exile") == (1, 0)
    assert count(release_kind="full") == (1, 1)
    assert count(occurred_from="2026-01-09") == (1, 1)
    assert count(occurred_from="2026-01-09", occurred_until="2026-01-09") == (0, 1)
    assert count(min_sources=1) == (3, 0)
    assert count(min_sources=3) == (0, 3)


def _refused(writer: Api, event: dict[str, Any], status: int) -> Any:
    return writer.post("/v1/release-events", event, status)


# Who of a list is recorded already.


def matched(api: Api, *people: Any) -> list[Any]:
    asked = [person if isinstance(person, dict) else {"name": person} for person in people]
    items: list[Any] = api.post("/v1/detainees/match", {"items": asked}, 200)["items"]
    assert len(items) == len(people)
    return items


def test_one_person_is_found_under_any_spelling(api: Api) -> None:
    contributor = api.scope("contribute")
    known = contributor.detainee(
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
        (item,) = matched(contributor, {"name": name, "birth_date": "1974"})
        assert [c["detainee_id"] for c in item["candidates"]] == [known], name
        assert item["decision"] in ("same", "possible")
        assert item["decision"] == item["candidates"][0]["decision"]
    (item,) = matched(
        contributor, {"name": "Belisario Quintanar Ozores", "birth_date": "1974-06-02"}
    )
    assert item["decision"] == "same"
    said = {feature["feature"]: feature["detail"] for feature in item["candidates"][0]["features"]}
    assert {"given_names", "surnames", "birth_date"} <= set(said)


def test_brothers_are_never_the_same_and_a_shared_identifier_decides(api: Api) -> None:
    contributor = api.scope("contribute")
    ids = [{"scheme": "puertas", "value": "PA-7"}]
    known = contributor.detainee("Luis Quintanar Ozores", sex="male", external_ids=ids)
    brother, listed, other = matched(
        contributor,
        {"name": "Jorge Quintanar Ozores", "sex": "male"},
        {"name": "L. Quintanar", "external_ids": ids},
        {"name": "Otra Persona Distinta"},
    )
    assert brother["decision"] == "none"
    assert listed["decision"] == "same"
    assert listed["candidates"][0]["detainee_id"] == known
    assert other == {"decision": "none", "candidates": []}


def test_a_match_follows_the_names_and_records_nothing(api: Api) -> None:
    contributor = api.scope("contribute")
    person = contributor.detainee("Belisario Quintanar Ozores")
    contributor.patch(f"/v1/detainees/{person}", {"name": "Casimiro Otero Vidal"})
    before = api.get("/v1/changes")
    gone, come = matched(contributor, "Belisario Quintanar Ozores", "Casimiro Otero Vidal")
    assert gone["decision"] == "none"
    assert [c["detainee_id"] for c in come["candidates"]] == [person]
    assert api.get("/v1/changes") == before
    api.post("/v1/detainees/match", {"items": [{"name": "Casimiro Otero"}]}, 401)
    api.scope("admin").post("/v1/detainees/match", {"items": [{"name": "Casimiro Otero"}]}, 403)


def test_a_minor_is_matched_for_an_editor_alone(api: Api) -> None:
    editor = api.scope("edit")
    minor = editor.detainee(
        HIDDEN["name"], **{k: HIDDEN[k] for k in ("aliases", "external_ids")}, age_group="minor"
    )
    asked = {"name": HIDDEN["name"], "external_ids": HIDDEN["external_ids"]}
    for name in (HIDDEN["name"], *HIDDEN["aliases"]):
        (item,) = matched(api.scope("contribute"), {**asked, "name": name})
        assert item == {"decision": "none", "candidates": []}
        (item,) = matched(editor, {**asked, "name": name})
        assert item["candidates"][0]["detainee_id"] == minor
