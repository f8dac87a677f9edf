"""Counts: groups and filters."""

from collections.abc import Mapping
from typing import Any

import pytest

from api.verification.counting import FIGURES, PROPERTIES
from tests.conftest import Api
from tests.stories.newsroom import Desk, Population, figures


@pytest.mark.parametrize("group_by", PROPERTIES)
def test_groups_sum_to_the_total(population: Population, group_by: str) -> None:
    desk, filters = population
    recorded = desk.counts()["recorded_as_of"]
    for filter in [{}, *({name: value} for name, value in filters.items())]:
        for required in range(1, 6):
            for moments in (
                {},
                {"as_of": "2026-01-14T06:00:00Z"},
                {"as_of": "2026-01-14T06:00:00Z", "recorded_as_of": recorded},
            ):
                parameters = {**filter, **moments, "min_sources": required}
                response = desk.counts(group_by=group_by, **parameters)
                total = figures(desk.counts(**parameters))
                assert figures(response) == total, parameters
                sums = {n: sum(group[n] for group in response["groups"]) for n in FIGURES}
                assert sums == total, parameters
                values = [group["value"] for group in response["groups"]]
                assert len(values) == len(set(values))


@pytest.mark.parametrize("group_by", PROPERTIES)
def test_groups_are_equal_by_every_way_of_counting(population: Population, group_by: str) -> None:
    """Counts from status rollups, for a record time, and event by event with a filter."""
    desk, _ = population
    recorded = desk.counts()["recorded_as_of"]
    for required in range(1, 6):
        for as_of in ("2026-01-12T05:07:20.5Z", "2026-01-14T05:20:00Z", recorded):
            parameters = {"group_by": group_by, "as_of": as_of, "min_sources": required}
            groups = desk.counts(**parameters)["groups"]
            assert groups
            for other_parameters in (
                {"recorded_as_of": recorded},
                {"occurred_from": "1999-01-01"},
                {"occurred_from": "1999-01-01", "recorded_as_of": recorded},
            ):
                assert desk.counts(**parameters, **other_parameters)["groups"] == groups, (
                    parameters,
                    other_parameters,
                )


def test_unknown_values_form_a_group_without_a_value(population: Population) -> None:
    desk, filters = population
    expected: Mapping[str, Mapping[str | None, int]] = {
        # No property of the minor is disclosed.
        "facility_id": {filters["facility_id"]: 1, None: 3},
        # A person with two nationalities counts in the first one.
        "nationality": {"VE": 2, None: 3},
        "age_group": {"adult": 2, None: 3},
        "sex": {"female": 2, "other": 1, None: 2},
        # The kind of the fourth release is unknown.
        "release_kind": {"exile": 1, "full": 2, "conditional": 1, None: 1},
        "announcement_id": {filters["announcement_id"]: 1, None: 3},
        "occurred_on": {"2026-01-08": 2, "2026-01-09": 1, "2026-01-12": 2},
    }
    for group_by, groups in expected.items():
        response_groups = desk.counts(group_by=group_by, min_sources=1)["groups"]
        people = {
            group["value"]: sum(group[name] for name in FIGURES if name != "rearrested")
            for group in response_groups
        }
        assert sum(people.values()) == 5
        assert groups.items() <= people.items(), group_by
    assert desk.counts()["groups"] is None


def test_person_with_two_events_counts_by_the_stronger_status(desk: Desk) -> None:
    """The person counts in the group of that event, which depends on the required sources."""
    editor = desk.editor
    man = editor.detainee("Fermín Otero", nationalities=["VE"])
    editor.detention(man, detained_on="2025")
    at = "2026-02-08T12:00:00Z"
    january, february = (editor.event(man, day) for day in ("2026-01-08", "2026-02-07"))
    for source in desk.sources[:3]:
        editor.attest(january, source, at, release_kind="exile")
    editor.attest(january, desk.sources[3], at, stance="denies")
    for source in desk.sources[:2]:
        editor.attest(february, source, at, release_kind="full")

    def group(by: str, required: int) -> tuple[str | None, str]:
        [group_counts] = desk.counts(group_by=by, min_sources=required)["groups"]
        [status] = [name for name in FIGURES if group_counts[name]]
        assert group_counts[status] == 1
        return group_counts["value"], status

    # With one or two required sources both events are confirmed, and the later day counts. With
    # three or more one event is disputed, which is stronger than the other's reported.
    for required, day, kind, status in (
        (1, "2026-02-07", "full", "confirmed"),
        (2, "2026-02-07", "full", "confirmed"),
        (3, "2026-01-08", "exile", "disputed"),
        (5, "2026-01-08", "exile", "disputed"),
    ):
        assert group("occurred_on", required) == (day, status)
        assert group("release_kind", required) == (kind, status)
    assert group("nationality", 2) == ("VE", "confirmed")
    # A filter by day excludes the other event.
    group_counts = desk.counts(group_by="occurred_on", occurred_until="2026-01-31", min_sources=2)
    assert [group["value"] for group in group_counts["groups"]] == ["2026-01-08"]


@pytest.mark.parametrize("strongest", [0, 1])
def test_releases_before_and_after_a_rearrest_of_one_day_count_once(
    desk: Desk, strongest: int
) -> None:
    """A person is released in the morning, detained at noon and released that night."""
    editor, at = desk.editor, "2026-01-09T12:00:00Z"
    announcements = [
        desk.claim(desk.sources[5], "announced", "2026-01-08T22:00:00Z")["id"] for _ in range(2)
    ]
    man = editor.detainee("Fermín Otero")
    for i, (detained_on, announcement) in enumerate(
        zip(("2025", "2026-01-08"), announcements, strict=True)
    ):
        detention = editor.detention(man, detained_on=detained_on)
        event = editor.event(
            man, "2026-01-08", detention_id=detention, announcement_id=announcement
        )
        for source in desk.sources[: 3 if i == strongest else 2]:
            editor.attest(event, source, at)
    values = set()
    for filters in ({}, {"occurred_from": "2026-01-08"}):
        [group] = desk.counts(group_by="announcement_id", **filters)["groups"]
        values.add(group["value"])
        assert (group["confirmed"], group["rearrested"]) == (1, 0)
    # The detention released with more sources decides the group, whichever was entered first.
    assert values == {announcements[strongest]}
    first = desk.counts(announcement_id=announcements[0])
    assert (first["confirmed"], first["rearrested"]) == (1, 1)


@pytest.mark.parametrize(
    ("path", "query"),
    [("/v1/counts", {}), ("/v1/counts/timeline", {"from": "2026-01-08", "until": "2026-01-10"})],
)
def test_filter_that_cannot_match_is_refused(
    desk: Desk, path: str, query: Mapping[str, str]
) -> None:
    at = "2026-01-09T10:00:00Z"
    facility = desk.editor.post("/v1/facilities", {"name": "Rodeo I", "country": "VE"})["id"]
    announcement = desk.claim(desk.sources[0], "announced", at)["id"]
    released = desk.claim(desk.sources[0], "released", at, value=11)["id"]
    unknown = "019b9f3e-1a01-4b52-8c11-3f5d2e7a9001"
    backwards = {"occurred_from": "2026-01-09", "occurred_until": "2026-01-08"}
    for filters, pointers in (
        ({"facility_id": unknown}, {"/facility_id"}),
        ({"facility_id": announcement}, {"/facility_id"}),
        ({"announcement_id": unknown}, {"/announcement_id"}),
        ({"announcement_id": released}, {"/announcement_id"}),
        (backwards, {"/occurred_until"}),
        (
            {"facility_id": unknown, "announcement_id": released, **backwards},
            {"/facility_id", "/announcement_id", "/occurred_until"},
        ),
    ):
        problem = desk.api.get(path, 422, **query, **filters)
        assert problem["type"] == "/problems/validation-error"
        assert {error["pointer"] for error in problem["errors"]} == pointers, filters
    # Counts may be zero, and a day may be both the first and the last.
    one_day = {"occurred_from": "2026-01-08", "occurred_until": "2026-01-08"}
    for filters in ({"facility_id": facility}, {"announcement_id": announcement}, one_day):
        desk.api.get(path, **query, **filters)


def test_counts_by_properties_of_people(api: Api) -> None:
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
        counts = api.get("/v1/counts", **filters)
        recorded = api.get("/v1/counts", recorded_as_of=counts["recorded_as_of"], **filters)
        assert {name: recorded[name] for name in FIGURES} == {
            name: counts[name] for name in FIGURES
        }
        return counts["confirmed"], counts["reported"]

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
