"""People who are entered twice: refused by external id, offered by similarity."""

from typing import Any

import pytest

from tests.conftest import Api

ID = {"scheme": "foro-penal", "value": "FP-77"}
ANA = {"name": "Ana Lucía Otero Valdivia", "birth_date": "1971-05-04", "external_ids": [ID]}


@pytest.fixture
def editor(api: Api) -> Api:
    return api.scope("edit")


@pytest.fixture
def writer(api: Api) -> Api:
    return api.scope("contribute")


def test_external_id_of_a_visible_person_is_refused(editor: Api, writer: Api) -> None:
    ana = writer.post("/v1/detainees", ANA)
    other = {"name": "Boris Chacón", "external_ids": [{"scheme": "x", "value": "1"}, ID]}
    for caller in (editor, writer):
        problem = caller.post("/v1/detainees", other, 409)
        assert problem["type"] == "/problems/external-id-exists"
        assert problem["detainee_id"] == ana["id"]
    assert len(editor.get("/v1/detainees")["items"]) == 1
    # Placeholders identify nobody, and the same value of another register is another id.
    for value in ("S/N", "S/N"):
        id = {"scheme": "foro-penal", "value": value}
        writer.post("/v1/detainees", {"name": "Una Persona", "external_ids": [id]})
    writer.post("/v1/detainees", other | {"external_ids": [{**ID, "scheme": "otro"}]})


def test_external_id_of_another_person_is_refused_in_a_change(editor: Api, writer: Api) -> None:
    ana, other = writer.detainee(**ANA), writer.detainee("Boris Chacón")
    change = {"external_ids": [ID]}
    for caller in (editor, writer):
        problem = caller.patch(f"/v1/detainees/{other}", change, 409)
        assert problem["type"] == "/problems/external-id-exists"
        assert problem["detainee_id"] == ana
    assert writer.get(f"/v1/detainees/{other}")["external_ids"] == []
    # A person keeps an id, and a hidden person is no obstacle to a contributor.
    writer.patch(f"/v1/detainees/{ana}", change)
    editor.patch(f"/v1/detainees/{ana}", {"withheld": True})
    editor.patch(f"/v1/detainees/{other}", change, 409)
    assert writer.patch(f"/v1/detainees/{other}", change)["external_ids"] == [ID]


@pytest.mark.parametrize("hidden", [{"age_group": "minor"}, {"withheld": True}])
def test_hidden_person_is_no_obstacle_to_a_contributor(
    editor: Api, writer: Api, hidden: Any
) -> None:
    """The response to a contributor is the one without the hidden person."""
    headers = {"Idempotency-Key": "first"}

    def enter(name: str) -> Any:
        response = writer.send("POST", "/v1/detainees", json=ANA | {"name": name}, headers=headers)
        return response.status_code, response.get_json()["possible_duplicates"]

    hidden_person = editor.detainee(**(ANA | hidden | {"birth_date": None}))
    problem = editor.post("/v1/detainees", ANA, 409)
    assert problem["detainee_id"] == hidden_person
    assert enter(ANA["name"]) == (201, [])
    # The service searches for the candidates of a retry again.
    assert enter(ANA["name"]) == (201, [])


def test_similar_people_are_offered_and_searched_again(editor: Api, writer: Api) -> None:
    ana = writer.detainee(**{**ANA, "external_ids": []})
    body = {"name": "Ana Otero Valdivia", "birth_date": "1971-05-04"}
    headers = {"Idempotency-Key": "k"}
    first = writer.send("POST", "/v1/detainees", json=body, headers=headers)
    (candidate,) = first.get_json()["possible_duplicates"]
    (match,) = editor.post("/v1/detainees/match", {"items": [body]}, 200)["items"]
    (expected,) = (c for c in match["candidates"] if c["detainee_id"] == ana)
    assert candidate == expected
    assert first.headers["ETag"] == editor.send("GET", first.headers["Location"]).headers["ETag"]

    editor.patch(f"/v1/detainees/{ana}", {"withheld": True})
    again = writer.send("POST", "/v1/detainees", json=body, headers=headers)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.get_json() == first.get_json() | {"possible_duplicates": []}
