"""Fixtures: a newsroom's desk, and people of every property."""

from typing import Any

import pytest

from tests.conftest import Api
from tests.stories.newsroom import Desk, Population


@pytest.fixture
def desk(api: Api) -> Desk:
    return Desk(api)


@pytest.fixture
def population(desk: Desk) -> Population:
    """Enter people of every property, one of them rearrested; return a filter for each property.

    The first person is confirmed by five sources, each further one by one source fewer.
    """
    editor = desk.editor
    places = [
        editor.post("/v1/facilities", {"name": name, "country": "VE"})["id"]
        for name in ("El Helicoide", "Rodeo I")
    ]
    announcements = [
        desk.claim(desk.sources[0], "announced", "2026-01-08T22:00:00Z", value=value)["id"]
        for value in (116, None)
    ]
    people: list[dict[str, Any]] = [
        {
            "facility": places[0],
            "nationalities": ["VE", "ES"],
            "sex": "female",
            "age_group": "adult",
            "kind": "exile",
            "announcement": announcements[0],
        },
        {
            "facility": places[0],
            "nationalities": ["ES", "VE"],
            "sex": "male",
            "age_group": "minor",
            "kind": "full",
            "day": "2026-01-09",
        },
        {
            "facility": places[1],
            "nationalities": ["VE"],
            "sex": "other",
            "kind": "conditional",
            "announcement": announcements[1],
            "day": "2026-01-12",
        },
        {"age_group": "unknown"},
        {"sex": "female", "age_group": "adult", "kind": "full", "day": "2026-01-12"},
    ]
    for n, person in enumerate(people):
        clock = ("04:00:00", "05:07:20.5", "05:17:00", "06:22:00", "07:50:00")[n]
        sources = [f"2026-01-{12 + i:02}T{clock}Z" for i in range(5 - n)]
        denials = ["2026-01-14T10:00:00Z"] if n == 2 else []
        event = desk.release(f"Persona {n}", sources, denials, **person)
        if n == 0:
            detainee = editor.get(f"/v1/release-events/{event}")["detainee_id"]
            editor.detention(detainee, detained_on="2026-01-14")
    filters = {
        "facility_id": places[0],
        "nationality": "ES",
        "age_group": "adult",
        "sex": "female",
        "release_kind": "full",
        "announcement_id": announcements[0],
        "occurred_from": "2026-01-09",
        "occurred_until": "2026-01-09",
    }
    return desk, filters
