"""Counts with a filter, which are made of the release events themselves."""

from tests.conftest import Api


def test_an_attestation_published_long_before_the_day_of_its_event_counts(api: Api) -> None:
    editor = api.scope("edit")
    person = editor.detainee("Ana Prueba", sex="female")
    editor.detention(person, detained_on="2025")
    event = editor.event(person, "2026-03-10")
    editor.attest(event, editor.source("Puertas"), "2026-01-08T12:00:00Z")
    early = {"as_of": "2026-01-09T00:00:00Z", "occurred_from": "2026-03-01"}
    assert api.get("/v1/counts", **early)["reported"] == 1
    days = {"from": "2026-01-07", "until": "2026-01-09", "occurred_from": "2026-03-01"}
    assert api.get("/v1/counts/timeline", **days)["items"][-1]["reported"] == 1
