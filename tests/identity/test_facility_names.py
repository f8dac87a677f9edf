"""Facilities that were entered twice: refused by name, and found by likeness."""

from typing import Any
from unittest.mock import ANY

import pytest

from tests.conftest import Api


def post(editor: Api, name: str, status: int = 201, **more: Any) -> Any:
    return editor.post("/v1/facilities", {"name": name, "country": "VE", **more}, status)


@pytest.mark.parametrize("name", ["El Helicoide", "EL  HELICOIDE", "el-helicóide", "sebin central"])
def test_a_second_facility_of_one_name_is_refused(editor: Api, name: str) -> None:
    first = post(editor, "El Helicoide", aliases=["SEBIN Central"], region="Caracas")
    for more in ({}, {"region": "CARACAS"}):
        problem = post(editor, name, 409, **more)
        assert problem["type"] == "/problems/facility-exists"
        assert problem["facility_id"] == first["id"]
        assert f"/v1/facilities/{first['id']}" in problem["detail"]
    assert len(editor.get("/v1/facilities")["items"]) == 1
    post(editor, name, country="CO")
    post(editor, name, region="Miranda")
    second = post(editor, name, region="Caracas", distinct_from=[first["id"]])
    assert first["id"] not in [other["facility_id"] for other in second["possible_duplicates"]]


def test_a_facility_does_not_get_the_name_of_another(editor: Api) -> None:
    first, second = post(editor, "El Helicoide")["id"], post(editor, "La Tumba")["id"]
    elsewhere = post(editor, "El Helicoide", country="CO")["id"]
    path = f"/v1/facilities/{second}"
    problem = editor.patch(path, {"name": "el helicoide"}, 409)
    assert (problem["type"], problem["facility_id"]) == ("/problems/facility-exists", first)
    editor.patch(f"/v1/facilities/{elsewhere}", {"country": "VE"}, 409)
    editor.patch(path, {"aliases": ["Plaza Venezuela"], "region": "Caracas"})
    assert post(editor, "Plaza Venezuela", 409)["facility_id"] == second
    assert editor.patch(path, {"name": "El Helicoide", "distinct_from": [first]})["aliases"]
    post(editor, "La Tumba")


def test_a_facility_where_anybody_was_held_keeps_its_country(editor: Api) -> None:
    """Counts by country would change in the past."""
    facility = post(editor, "El Helicoide", country="CO")["id"]
    path = f"/v1/facilities/{facility}"
    assert editor.patch(path, {"country": "VE"})["country"] == "VE"
    detention = editor.detention(editor.detainee("Ana"), facility_id=facility)
    editor.patch(f"/v1/detentions/{detention}", {"facility_id": None})
    problem = editor.patch(path, {"country": "CO"}, 422)
    assert problem["errors"] == [{"pointer": "/country", "detail": ANY}]
    assert "'VE'" in problem["errors"][0]["detail"]
    editor.patch(path, {"country": "VE", "region": "Caracas"})


def test_an_alias_is_not_the_name_of_another(editor: Api) -> None:
    first = post(editor, "Tocorón", aliases=["Aragua"])["id"]
    for name in ("TOCORON", "aragua"):
        problem = post(editor, "X", 409, aliases=["Y", name])
        assert (problem["type"], problem["facility_id"]) == ("/problems/facility-exists", first)
        assert repr(name) in problem["detail"]
    second = post(editor, "X", aliases=["Y", "X"])["id"]
    problem = editor.patch(f"/v1/facilities/{second}", {"aliases": ["Aragua"]}, 409)
    assert problem["facility_id"] == first
    change = {"aliases": ["Aragua"], "distinct_from": [first]}
    assert editor.patch(f"/v1/facilities/{second}", change)["aliases"] == ["Aragua"]


def test_facilities_that_share_a_name_stay_different(editor: Api) -> None:
    first = post(editor, "Yare", region="Miranda")["id"]
    path = f"/v1/facilities/{post(editor, 'Yare', distinct_from=[first])['id']}"
    editor.patch(path, {"region": "Miranda"})
    editor.patch(path, {"aliases": ["Yare II"]})
    editor.patch(path, {"region": "Aragua"})
    # The region comes to agree with that of the other again, or the country with that of a third.
    assert editor.patch(path, {"region": "miranda"}, 409)["facility_id"] == first
    third = post(editor, "Yare", country="CO")["id"]
    assert editor.patch(path, {"country": "CO"}, 409)["facility_id"] == third
    editor.patch(path, {"country": "CO", "distinct_from": [third]})


@pytest.mark.parametrize(
    ("name", "other", "same"),
    [
        ("कि जेल", "का जेल", False),
        ("အင်းစိန်ထောင်", "အင်းစန်ထောင်", False),
        ("Rodeo I", "Rodeo II", False),
        ("Тюрьма 2", "тюрьма-2", True),
    ],
)
def test_names_of_any_script_are_distinguished(
    editor: Api, name: str, other: str, same: bool
) -> None:
    facility = post(editor, name)["id"]
    post(editor, other, 409 if same else 201)
    # A list finds each by its own name.
    row = f"name,facility\nAna Prueba,{name}\n".encode()
    preview = editor.send("POST", "/v1/imports", data=row, content_type="text/csv").get_json()
    assert preview["rows"][0]["outcome"] == "new"
    applied = editor.post(f"/v1/imports/{preview['id']}/apply", {"decisions": []}, 200)
    person = editor.get(f"/v1/detainees/{applied['rows'][0]['detainee_id']}")
    assert person["detention"]["facility_id"] == facility


def test_similar_facilities_of_the_country_are_listed(editor: Api) -> None:
    known = {
        name: post(editor, name)["id"]
        for name in ("La Tejera", "Centro Penitenciario Rodeo", "Yare", "Rodeo Dos")
    }
    post(editor, "Centro de Reclusión La Tejera", country="CO")
    new = post(editor, "Centro de Reclusión La Tejera")
    assert [other["facility_id"] for other in new["possible_duplicates"]] == [known["La Tejera"]]
    assert new["possible_duplicates"][0]["features"][0]["feature"] == "name"
    new = post(editor, "Penitenciario Rodeo", aliases=["Cárcel de Yáre"])
    similar = {other["facility_id"] for other in new["possible_duplicates"]}
    assert similar >= {known["Centro Penitenciario Rodeo"], known["Yare"]}


def test_facilities_are_found_by_any_spelling(api: Api, editor: Api) -> None:
    first = post(editor, "Centro Penitenciario de Oriente", aliases=["La Pica"])["id"]
    second = post(editor, "La Pica", country="CO")["id"]
    post(editor, "Rodeo I")

    def search(q: str, **more: str) -> set[str]:
        return {item["id"] for item in api.get("/v1/facilities", q=q, **more)["items"]}

    for spelling in ("la pica", "LA-PÍCA", "lapica", "Pica"):
        assert search(spelling) == {first, second}, spelling
        assert search(spelling, country="VE") == {first}
    for spelling in ("prisión de Oriente", "oriente", "Penitenciario Oriente"):
        assert search(spelling) == {first}, spelling
    assert search("Tocorón") == set()
    listed = api.get("/v1/facilities", country="CO")["items"]
    assert [item["id"] for item in listed] == [second]
