"""Release events: the detention that they end, and the three-day rule."""

from typing import Any

import pytest

from tests.conftest import Api


def test_event_belongs_to_the_detention_open_on_that_day(api: Api) -> None:
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
def test_release_reported_after_a_rearrest_is_the_same_event(
    api: Api, detained_on: str | None, day: str
) -> None:
    """The rearrest is on the day of the release, or its day is not known exactly."""
    writer = api.scope("contribute")
    person = writer.detainee("Fermín Otero")
    writer.detention(person, detained_on="2025-07")
    event = writer.event(person, "2026-02-08")
    writer.detention(person, detained_on=detained_on)
    problem = _refused(writer, {"detainee_id": person, "occurred_on": day}, 409)
    assert problem["type"] == "/problems/release-event-exists"
    assert problem["release_event_id"] == event


def test_release_ends_the_last_detention_that_can_have_begun(api: Api) -> None:
    writer = api.scope("contribute")
    person = writer.detainee("Fermín Otero")
    first = writer.detention(person, detained_on="2025-07")
    writer.event(person, "2026-02-08")
    second = writer.detention(person, detained_on="2026-02")

    def detention_of(day: str) -> str:
        event = writer.post("/v1/release-events", {"detainee_id": person, "occurred_on": day})
        return event["detention_id"]

    assert detention_of("2026-03-01") == second
    with_detention = {"detainee_id": person, "occurred_on": "2026-02-25", "detention_id": first}
    assert writer.post("/v1/release-events", with_detention)["detention_id"] == first
    after_rearrest = {"detainee_id": person, "occurred_on": "2026-03-09", "detention_id": first}
    assert _refused(writer, after_rearrest, 422)["errors"][0]["pointer"] == "/occurred_on"


def test_releases_within_three_days_are_one_event(api: Api) -> None:
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


def test_day_of_an_attested_event_cannot_change(api: Api) -> None:
    editor = api.scope("edit")
    person = editor.detainee("Fermín Otero")
    editor.detention(person, detained_on="2024")
    event = editor.event(person, "2026-01-08")
    path = f"/v1/release-events/{event}"
    assert editor.patch(path, {"occurred_on": "2026-01-09"})["occurred_on"] == "2026-01-09"
    editor.attest(event, editor.source("Puertas Abiertas"), "2026-01-09T10:00:00Z")
    assert editor.patch(path, {"occurred_on": "2026-01-08"}, 409)["type"] == "/problems/conflict"
    assert editor.patch(path, {"place": "La Tejera"})["place"] == "La Tejera"


def _refused(writer: Api, event: dict[str, Any], status: int) -> Any:
    return writer.post("/v1/release-events", event, status)


def test_release_is_not_confirmed_before_its_day(api: Api) -> None:
    """A list of those who will be released tomorrow announces. The day begins first in UTC+14."""
    editor = api.scope("edit")
    person = editor.detainee("Fermín Otero")
    editor.detention(person, detained_on="2024")
    attestation = {
        "release_event_id": editor.event(person, "2026-01-08"),
        "source_id": editor.source("El Faro"),
        "stance": "confirms",
        "basis": "first_hand",
        "evidence": "list",
        "published_at": "2026-01-07T05:59:59.999999-04:00",
    }
    problem = editor.post("/v1/attestations", attestation, 422)
    assert problem["type"] == "/problems/published-before-release"
    (error,) = problem["errors"]
    assert error["pointer"] == "/published_at"
    assert "2026-01-07T09:59:59.999999Z" in error["detail"]
    assert "2026-01-08" in error["detail"]
    denial = {**attestation, "stance": "denies"}
    assert editor.post("/v1/attestations", denial)["verification"]["independent_denials"] == 1
    editor.post("/v1/attestations", {**attestation, "published_at": "2026-01-07T06:00:00-04:00"})
