"""What happened in January, with invented names: see the README's decisions."""

from tests.conftest import Api


def test_smoke(api: Api) -> None:
    editor = api.scope("edit")
    ngo, paper = editor.source("Puertas Abiertas"), editor.source("El Faro", "news_outlet")
    person = editor.detainee("Ana Prueba")
    editor.detention(person, detained_on="2024-02")
    event = editor.event(person, "2026-01-08")
    first = editor.attest(event, ngo, "2026-01-09T01:00:00Z")
    assert first["verification"]["status"] == "reported"
    second = editor.attest(event, paper, "2026-01-09T03:00:00Z")
    assert second["verification"]["status"] == "confirmed"
    assert api.get("/v1/counts")["confirmed"] == 1
