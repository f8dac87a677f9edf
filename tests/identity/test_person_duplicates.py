"""People who are entered twice: refused by external id, offered by similarity."""

from typing import Any

import pytest

from tests.conftest import Api

ID = {"scheme": "foro-penal", "value": "FP-77"}
ANA = {"name": "Ana Lucía Otero Valdivia", "birth_date": "1971-05-04", "external_ids": [ID]}


def test_external_id_of_a_visible_person_is_refused(editor: Api, contributor: Api) -> None:
    ana = contributor.post("/v1/detainees", ANA)
    other = {"name": "Boris Chacón", "external_ids": [{"scheme": "x", "value": "1"}, ID]}
    for caller in (editor, contributor):
        problem = caller.post("/v1/detainees", other, 409)
        assert problem["type"] == "/problems/external-id-exists"
        assert problem["detainee_id"] == ana["id"]
    assert len(editor.get("/v1/detainees")["items"]) == 1
    # The same value of another register is another id.
    contributor.post("/v1/detainees", other | {"external_ids": [{**ID, "scheme": "otro"}]})


SPELLINGS = (
    ("FP-5555", "fp 5555", "fp5555", "F.P.\u00a05555", "FP\u20115555"),
    ("V-12.345.678", "V12345678", "V\u201312.345.678"),
)


def test_spellings_of_an_external_id_are_one_id(editor: Api, contributor: Api) -> None:
    """They are stored as they are written, and compared without case and separators."""
    other = contributor.detainee("Boris Chacón")
    for name, (spelling, *spellings) in zip(("Ana Otero", "Mateo Tovar"), SPELLINGS, strict=True):
        ids = [{"scheme": "registro", "value": spelling}]
        body = {"name": name, "external_ids": ids}
        person = contributor.detainee(**body)
        assert contributor.get(f"/v1/detainees/{person}")["external_ids"] == ids
        for value in spellings:
            body["external_ids"] = [{"scheme": "registro", "value": value}]
            problem = contributor.post("/v1/detainees", body, 409)
            assert problem["detainee_id"] == person, value
            assert repr(value) in problem["detail"]
            change = {"external_ids": body["external_ids"]}
            contributor.patch(f"/v1/detainees/{other}", change, 409)
            (item,) = contributor.post("/v1/detainees/match", {"items": [body]}, 200)["items"]
            assert [c["detainee_id"] for c in item["candidates"]] == [person]
            assert item["decision"] == "same"
        # The id of a hidden person stops an editor, and tells a contributor nothing.
        editor.patch(f"/v1/detainees/{person}", {"withheld": True})
        problem = editor.post("/v1/detainees", body, 409)
        assert problem["detainee_id"] == person
        assert "possible_duplicates" in (new := contributor.post("/v1/detainees", body))
        assert new["possible_duplicates"] == []
        assert {person, new["id"]} in pairs(editor)
    id = {"scheme": "registro", "value": "A-7"}
    contributor.detainee("Milagros Arráiz", external_ids=[id])
    for value in ("A-8", "A/7", "A-07", "7"):
        contributor.detainee("Boris Chacón", external_ids=[{**id, "value": value}])
    for name, value in (("Ana Mora", "2024-1-12"), ("Raúl Peña", "2024-11-2")):
        contributor.detainee(name, external_ids=[{**id, "value": value}])


def pairs(editor: Api) -> list[set[str]]:
    items = editor.get("/v1/duplicates", resource="detainee")["items"]
    return [{item["first"]["id"], item["second"]["id"]} for item in items]


def test_a_placeholder_is_no_external_id(editor: Api, contributor: Api) -> None:
    person = contributor.detainee("Una Persona")
    for caller in (editor, contributor):
        for value in ("S/N", "0", "sin cédula"):
            ids = [ID, {"scheme": "otro", "value": value}]
            for problem in (
                caller.post("/v1/detainees", {"name": "Otra", "external_ids": ids}, 422),
                caller.patch(f"/v1/detainees/{person}", {"external_ids": ids}, 422),
            ):
                (error,) = problem["errors"]
                assert error["pointer"] == "/external_ids/1/value"
                assert repr(value) in error["detail"]
    assert contributor.get(f"/v1/detainees/{person}")["external_ids"] == []


def test_external_id_of_another_person_is_refused_in_a_change(
    editor: Api, contributor: Api
) -> None:
    ana, other = contributor.detainee(**ANA), contributor.detainee("Boris Chacón")
    change = {"external_ids": [ID]}
    for caller in (editor, contributor):
        problem = caller.patch(f"/v1/detainees/{other}", change, 409)
        assert problem["type"] == "/problems/external-id-exists"
        assert problem["detainee_id"] == ana
    assert contributor.get(f"/v1/detainees/{other}")["external_ids"] == []
    # A person keeps an id, and a hidden person is no obstacle to a contributor.
    contributor.patch(f"/v1/detainees/{ana}", change)
    editor.patch(f"/v1/detainees/{ana}", {"withheld": True})
    editor.patch(f"/v1/detainees/{other}", change, 409)
    assert contributor.patch(f"/v1/detainees/{other}", change)["external_ids"] == [ID]


@pytest.mark.parametrize("hidden", [{"age_group": "minor"}, {"withheld": True}])
def test_hidden_person_is_no_obstacle_to_a_contributor(
    editor: Api, contributor: Api, hidden: Any
) -> None:
    """The response to a contributor is the one without the hidden person."""
    headers = {"Idempotency-Key": "first"}

    def enter(name: str) -> Any:
        response = contributor.send(
            "POST", "/v1/detainees", json=ANA | {"name": name}, headers=headers
        )
        return response.status_code, response.get_json()["possible_duplicates"]

    hidden_person = editor.detainee(**(ANA | hidden | {"birth_date": None}))
    problem = editor.post("/v1/detainees", ANA, 409)
    assert problem["detainee_id"] == hidden_person
    assert enter(ANA["name"]) == (201, [])
    # The service searches for the candidates of a retry again.
    assert enter(ANA["name"]) == (201, [])


def test_similar_people_are_offered_and_searched_again(editor: Api, contributor: Api) -> None:
    ana = contributor.detainee(**{**ANA, "external_ids": []})
    body = {"name": "Ana Otero Valdivia", "birth_date": "1971-05-04"}
    headers = {"Idempotency-Key": "k"}
    first = contributor.send("POST", "/v1/detainees", json=body, headers=headers)
    (candidate,) = first.get_json()["possible_duplicates"]
    (match,) = editor.post("/v1/detainees/match", {"items": [body]}, 200)["items"]
    (expected,) = (c for c in match["candidates"] if c["detainee_id"] == ana)
    assert candidate == expected
    assert first.headers["ETag"] == editor.send("GET", first.headers["Location"]).headers["ETag"]

    editor.patch(f"/v1/detainees/{ana}", {"withheld": True})
    again = contributor.send("POST", "/v1/detainees", json=body, headers=headers)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.get_json() == first.get_json() | {"possible_duplicates": []}
