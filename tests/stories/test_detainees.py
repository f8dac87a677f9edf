"""Detainees: search by name, and minors, whose names are hidden."""

import re
from typing import Any

import pytest

from api.database import ledger
from api.database.queries import Connection
from tests.conftest import Api
from tests.stories.people import HIDDEN


@pytest.mark.parametrize(
    "spelling",
    [
        "Rocío Ñáñez",
        "rocio nanez",
        "NAÑEZ ROCÍO",
        "Nañez, Rocio",
        "Rocio Nanez",  # with combining accents
        "Chío",
        "  Rocío Ñáñez ",
    ],
)
def test_search_finds_a_person_by_words_of_any_name(api: Api, spelling: str) -> None:
    writer = api.scope("contribute")
    person = writer.detainee("Rocío del Valle Ñáñez", aliases=["Chío Ñáñez"])
    writer.detainee("Rocío Valdés")
    items = api.get("/v1/detainees", q=spelling)["items"]
    assert items[0]["id"] == person
    assert [item["name"] for item in items[1:]] == ["Rocío Valdés"] * (spelling == "Chío")


def test_people_are_listed_by_external_id_in_any_spelling(api: Api) -> None:
    editor = api.scope("edit")
    seen, hidden, other = (
        editor.detainee(name, external_ids=[{"scheme": "cedula", "value": value}], **more)
        for name, value, more in (
            ("Ana Otero", "V-12.345.678", {}),
            ("Eva Oculta", "V-9.876.543", {"withheld": True}),
            ("Luz Valdivia", "V-1.234.567", {}),
        )
    )
    for reader, value, expected in (
        (api, "cedula:v12345678", [seen]),
        (api, "pasaporte:v12345678", []),
        (api, "cedula:V-12 345 678", [seen]),
        (api, "cedula:V-9.876.543", []),
        (editor, "cedula:V-9.876.543", [hidden]),
        (api.scope("contribute"), "cedula:V-9.876.543", []),
    ):
        items = reader.get("/v1/detainees", external_id=value)["items"]
        assert [item["id"] for item in items] == expected, value
    listed = api.get("/v1/detainees", external_id="cedula:V1234567", custody="detained")
    assert listed["items"] == []
    editor.detention(other)
    listed = api.get("/v1/detainees", external_id="cedula:V1234567", custody="detained")
    assert [item["id"] for item in listed["items"]] == [other]


def test_search_folds_letters_without_a_decomposition(api: Api) -> None:
    person = api.scope("contribute").detainee("Øyvind Straße", aliases=["Łukasz Đorđević"])
    for spelling in ("oyvind", "strasse", "lukasz", "dordevic", "ØYVIND"):
        assert [p["id"] for p in api.get("/v1/detainees", q=spelling)["items"]] == [person]


def test_search_keeps_brothers_apart(api: Api) -> None:
    writer = api.scope("contribute")
    brothers = [writer.detainee(f"{name} Otero Valdivia") for name in ("Fermín", "Tomás")]
    items = api.get("/v1/detainees", q="otero valdivia")["items"]
    assert {person["id"] for person in items} == set(brothers)
    assert [p["id"] for p in api.get("/v1/detainees", q="tomas otero")["items"]] == brothers[1:]


def test_search_follows_a_changed_name(api: Api) -> None:
    writer = api.scope("contribute")
    person = writer.detainee("Fermín Otero")
    writer.patch(f"/v1/detainees/{person}", {"name": "Fermín Oteiza"})
    assert api.get("/v1/detainees", q="otero")["items"] == []
    assert [p["id"] for p in api.get("/v1/detainees", q="oteiza")["items"]] == [person]


def test_minor_is_counted_but_not_named(api: Api) -> None:
    """No response names a minor except to editors, not even to the contributor of the record."""
    editor, writer = api.scope("edit"), api.scope("contribute")
    created = writer.post("/v1/detainees", {**HIDDEN, "age_group": "minor"})
    person = created["id"]
    editor.detention(person, detained_on="2025")
    event = editor.event(person, "2026-01-08")
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
            text = caller.send("GET", path).get_data(as_text=True)
            assert "canari" not in text.lower(), path
            assert "lucero" not in text.lower(), path
            assert HIDDEN["birth_date"] not in text, path
    assert re.fullmatch("Person [0-9A-Z]{6}", created["name"])
    assert created["is_named"] is False
    assert api.get("/v1/detainees?q=lucero")["items"] == []
    assert api.get("/v1/counts")["confirmed"] == 1
    assert api.get("/v1/counts", age_group="minor")["confirmed"] == 0
    for n in range(5):
        editor.detainee(f"Niña {n}", age_group="minor")
    assert api.get("/v1/counts", age_group="minor")["confirmed"] == 1

    shown = editor.get(f"/v1/detainees/{person}")
    assert {name: shown[name] for name in HIDDEN} == HIDDEN
    assert [p["id"] for p in editor.get("/v1/detainees", q="lucero")["items"]] == [person]


def test_contributor_cannot_disclose_a_minor(api: Api) -> None:
    writer = api.scope("contribute")
    person = writer.post("/v1/detainees", {**HIDDEN, "age_group": "minor"})["id"]
    problem = writer.patch(f"/v1/detainees/{person}", {"age_group": "adult"}, 403)
    assert problem["type"] == "/problems/forbidden"
    problem = writer.patch(f"/v1/detainees/{person}", {"age_group": "unknown"}, 403)
    assert "anar" not in str(problem)
    adult = api.scope("edit").patch(
        f"/v1/detainees/{person}", {"age_group": "adult", "birth_date": "2001-05-04"}
    )
    assert adult["name"] == HIDDEN["name"]
    assert api.get(f"/v1/detainees/{person}")["name"] == HIDDEN["name"]


@pytest.mark.parametrize("age_group", ["adult", "unknown"])
def test_age_group_must_agree_with_the_birth_date(api: Api, age_group: str) -> None:
    writer = api.scope("contribute")
    problem = writer.post("/v1/detainees", {**HIDDEN, "age_group": age_group}, 422)
    assert [error["pointer"] for error in problem["errors"]] == ["/age_group"]
    person = writer.detainee("Ana Prueba", age_group=age_group)
    writer.patch(f"/v1/detainees/{person}", {"birth_date": "2011-05-04"}, 422)


def test_name_that_says_that_the_person_is_a_minor_is_not_published(api: Api) -> None:
    editor = api.scope("edit")
    child = {"name": "Ana Ruiz (menor)", "aliases": ["Anita, menor de edad"]}
    errors = editor.post("/v1/detainees", child, 422)["errors"]
    assert [error["pointer"] for error in errors] == ["/name", "/aliases/0"]
    assert "says that the person is a minor: write the name alone" in errors[0]["detail"]
    id = editor.post("/v1/detainees", child | {"age_group": "minor"})["id"]
    editor.patch(f"/v1/detainees/{id}", {"age_group": "adult"}, 422)


@pytest.mark.parametrize("max_looked_up", [ledger.MAX_PUBLIC_ENTRIES_LOOKED_UP, -1])
def test_follower_learns_of_what_was_withheld_merged_or_voided(
    api: Api, conn: Connection, monkeypatch: pytest.MonkeyPatch, max_looked_up: int
) -> None:
    monkeypatch.setattr(ledger, "MAX_PUBLIC_ENTRIES_LOOKED_UP", max_looked_up)
    editor = api.scope("edit")
    names = ("Ana Otero", "Eva Ñáñez", "Luz Valdivia", "Iris Rondón", "Mar Quintero", "Paz Ozores")
    names += ("Sol Medina",)
    people = {name.partition(" ")[0]: editor.detainee(name) for name in names}
    for person in people.values():
        editor.detention(person, detained_on="2024")
    events = {name: editor.event(person, "2026-01-08") for name, person in people.items()}
    sources = [editor.source(name) for name in ("Una", "Otra")]
    for source in sources:
        editor.attest(events["Paz"], source, "2026-01-09T10:00:00Z")
    row = conn.execute("SELECT rfc3339(clock_timestamp()) AS now").fetchone()
    assert row is not None

    def updated(path: str, **filters: str) -> dict[str, Any]:
        items: list[Any] = []
        cursor: Any = {}
        while cursor is not None:
            query = {"updated_since": row.now, "limit": 2, **filters, **cursor}
            page = api.send("GET", f"/v1/{path}", query_string=query).get_json()
            items += page["items"]
            cursor = page["next"] and {"cursor": page["next"]}
        assert [item["id"] for item in items] == sorted({item["id"] for item in items})
        return {item["id"]: item for item in items}

    assert updated("detainees") == updated("release-events") == {}
    editor.patch(f"/v1/detainees/{people['Ana']}", {"withheld": True})
    editor.post(f"/v1/detainees/{people['Eva']}/merge", {"into": people["Luz"]})
    editor.post(f"/v1/release-events/{events['Iris']}/void", {"reason": "Nobody."}, 200)
    editor.attest(events["Mar"], editor.source("Fuente"), "2026-01-09T10:00:00Z")
    editor.affiliate(*sources)
    # Nothing that the public sees has changed.
    editor.get(f"/v1/detainees/{people['Ana']}")
    listed = updated("detainees")
    assert listed.keys() == {people[name] for name in ("Ana", "Eva", "Luz", "Iris", "Mar", "Paz")}
    ana, eva, luz = (listed[people[name]] for name in ("Ana", "Eva", "Luz"))
    assert (ana["is_named"], ana["merged_into"]) == (False, None)
    assert eva == {**luz, "id": people["Eva"], "merged_into": people["Luz"]}
    listed = updated("release-events")
    assert listed.keys() == {events[name] for name in ("Ana", "Eva", "Luz", "Iris", "Mar", "Paz")}
    assert listed[events["Ana"]]["detainee"] == {
        name: ana[name] for name in ("id", "name", "is_named")
    }
    assert listed[events["Eva"]] == {
        **listed[events["Luz"]],
        "id": events["Eva"],
        "merged_into": events["Luz"],
    }
    assert listed[events["Iris"]]["voided_at"] is not None
    assert listed[events["Mar"]]["verification"]["status"] == "reported"
    reported = updated("release-events", status="reported")
    assert reported.keys() == {events["Mar"], events["Paz"]}
    assert updated("detainees", nationality="VE") == {}


@pytest.mark.parametrize("max_looked_up", [ledger.MAX_PUBLIC_ENTRIES_LOOKED_UP, -1])
def test_follower_learns_of_what_was_disclosed(
    api: Api, monkeypatch: pytest.MonkeyPatch, max_looked_up: int
) -> None:
    monkeypatch.setattr(ledger, "MAX_PUBLIC_ENTRIES_LOOKED_UP", max_looked_up)
    editor = api.scope("edit")
    facility = editor.post("/v1/facilities", {"name": "Tocuyito", "country": "VE"})["id"]

    def shown(**query: str) -> dict[str, Any]:
        items = api.get("/v1/detainees", **query)["items"]
        return {item["id"]: (item["age_group"], item["detention"]) for item in items}

    def minor(n: int) -> str:
        return editor.detainee(f"Menor {'ABCDE'[n]} Oculta", age_group="minor")

    minors = [minor(n) for n in range(4)]
    for person in minors:
        editor.detention(person, facility_id=facility)
    editor.detention(editor.detainee("Ana Oculta", withheld=True), facility_id=facility)
    editor.detention(editor.detainee("Luz Valdivia"), facility_id=facility)
    editor.source("Fuente")  # The last entry before `since`, which belongs to it.
    for disclose in (
        lambda: minors.append(minor(4)),
        lambda: editor.detention(minors[4], facility_id=facility),
    ):
        before, since = shown(), api.get("/v1/counts")["recorded_as_of"]
        disclose()
        changed = {id: value for id, value in shown().items() if before.get(id) != value}
        assert changed.keys() == set(minors)
        assert shown(updated_since=since) == changed
