"""Detentions: their order, and custody."""

from tests.conftest import Api


def test_new_detention_requires_a_release_from_the_last(api: Api) -> None:
    writer = api.scope("contribute")
    person = writer.detainee("Fermín Otero")
    first = writer.detention(person, detained_on="2024-02")
    problem = writer.post(f"/v1/detainees/{person}/detentions", {"detained_on": "2026"}, 409)
    assert problem["type"] == "/problems/still-detained"
    writer.event(person, "2026-01-08")
    rearrest = writer.detention(person, detained_on="2026-01")
    assert writer.get(f"/v1/detainees/{person}")["detention"]["id"] == rearrest

    earlier = writer.detention(person, detained_on="2019-03-02")
    assert writer.get(f"/v1/detainees/{person}")["detention"]["id"] == rearrest
    detentions = api.get(f"/v1/detainees/{person}/detentions")["items"]
    assert {d["id"] for d in detentions} == {first, rearrest, earlier}


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
