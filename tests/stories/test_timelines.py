"""Timelines: their buckets in a time zone, and their counts."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.stories.newsroom import Desk, Population, after, bounds, confirmed, figures


def test_day_in_caracas_ends_at_four_utc(desk: Desk) -> None:
    """A day includes attestations published after its start and up to its end, inclusively."""
    for n, second in enumerate(
        [
            "2026-01-08T04:00:00Z",  # the last moment of the 7th
            "2026-01-08T04:00:00.000001Z",
            "2026-01-08T15:00:00Z",
            "2026-01-09T04:00:00Z",  # the last moment of the 8th
            "2026-01-09T04:00:00.000001Z",
            "2026-01-10T04:00:00.000001Z",  # the first moment after the last day
        ]
    ):
        desk.release(f"Persona {n}", ["2026-01-08T01:00:00Z", second])
    timeline = desk.timeline("2026-01-07", "2026-01-09", "day", "America/Caracas")
    assert bounds(timeline) == [f"2026-01-{day:02}T04:00:00Z" for day in (7, 8, 9, 10)]
    assert timeline["until"] == "2026-01-10T04:00:00Z"
    assert confirmed(timeline) == [1, 4, 5]
    assert [item["reported"] for item in timeline["items"]] == [5, 2, 1]
    for item in timeline["items"]:
        assert figures(item) == figures(desk.counts(as_of=item["at"]))
    assert timeline["citation"]["sentence"] == {
        "en": "Between 7 January 2026, 00:00 and 10 January 2026, 00:00 (Caracas time), the number "
        "of releases confirmed by two or more independent sources went from 0 to 5.",
        "es": "Entre las 0:00 del 7 de enero de 2026 y las 0:00 del 10 de enero de 2026 (hora de "
        "Caracas), el número de excarcelaciones confirmadas por dos o más fuentes independientes "
        "pasó de 0 a 5.",
    }


@pytest.mark.parametrize(
    ("day", "begins", "ends", "hours"),
    [
        ("2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", 23),
        ("2025-10-26", "2025-10-25T22:00:00Z", "2025-10-26T23:00:00Z", 25),
    ],
)
def test_day_of_a_daylight_saving_change(
    desk: Desk, day: str, begins: str, ends: str, hours: int
) -> None:
    for n, moment in enumerate(
        [begins, after(begins, microseconds=1), ends, after(ends, microseconds=1)]
    ):
        desk.release(f"Persona {n}", [moment] * 2, day=day[:8] + "25")
    noon = after(begins, hours=12)
    before, later = f"{after(noon, days=-1)[:10]}", f"{after(noon, days=1)[:10]}"
    timeline = desk.timeline(before, later, "day", "Europe/Madrid")
    assert bounds(timeline)[1:3] == [begins, ends]
    assert confirmed(timeline) == [1, 3, 4]
    by_hour = desk.timeline(day, day, "hour", "Europe/Madrid")
    assert bounds(by_hour) == [after(begins, hours=hour) for hour in range(hours + 1)]
    assert confirmed(by_hour) == [2] * (hours - 1) + [3]


def test_weeks_months_and_half_hour_offsets(desk: Desk) -> None:
    for n, moment in enumerate(
        [
            "2026-01-12T04:00:00Z",  # the end of a Sunday
            "2026-01-31T18:30:00Z",  # the end of January in Kolkata
            "2026-02-01T04:00:00Z",  # the end of January in Caracas, on a Sunday
            "2026-02-01T04:00:01Z",
        ]
    ):
        desk.release(f"Persona {n}", [moment] * 2)
    weeks = desk.timeline("2026-01-07", "2026-02-03", "week", "America/Caracas")
    assert bounds(weeks) == [
        f"2026-{day}T04:00:00Z" for day in ("01-07", "01-12", "01-19", "01-26", "02-02", "02-04")
    ]
    assert confirmed(weeks) == [1, 1, 1, 4, 4]
    months = desk.timeline("2026-01-07", "2026-02-10", "month", "America/Caracas")
    assert bounds(months) == [f"2026-{day}T04:00:00Z" for day in ("01-07", "02-01", "02-11")]
    assert confirmed(months) == [3, 4]
    months = desk.timeline("2026-01-01", "2026-02-10", "month", "Asia/Kolkata")
    assert bounds(months) == [
        "2025-12-31T18:30:00Z",
        "2026-01-31T18:30:00Z",
        "2026-02-10T18:30:00Z",
    ]
    assert confirmed(months) == [2, 4]
    hours = desk.timeline("2026-01-31T17:45:00Z", "2026-01-31T20:00:00Z", "hour", "Asia/Kolkata")
    assert bounds(hours) == [
        f"2026-01-31T{clock}:00Z" for clock in ("17:45", "18:30", "19:30", "20:00")
    ]
    assert confirmed(hours) == [2, 2, 2]


def test_last_bucket_equals_the_count_at_its_end(population: Population) -> None:
    desk, filters = population
    all_filters: list[Mapping[str, Any]] = [{}]
    all_filters += [{name: value} for name, value in filters.items()]
    all_filters += [
        {"age_group": "unknown"},
        {"release_kind": "unknown"},
        {"occurred_from": "2026-01-09", "occurred_until": "2026-01-12", "sex": "female"},
    ]
    seen = set()
    record_time = desk.counts()["recorded_as_of"]
    for filter in all_filters:
        for required in range(1, 6):
            for until in (
                "2026-01-14",
                "2026-01-14T06:00:00Z",
                "2026-01-14T05:40:00Z",
                "2026-01-14T05:07:20.5Z",  # the first attestation of the second person
                "2026-01-14T05:07:20.499999Z",
            ):
                parameters = {**filter, "min_sources": required}
                timeline = desk.timeline(
                    "2026-01-11", until, "day", "America/Caracas", **parameters
                )
                last = timeline["items"][-1]
                assert last["at"] == timeline["until"]
                counts = figures(desk.counts(as_of=last["at"], **parameters))
                assert figures(last) == counts, parameters
                parameters["recorded_as_of"] = record_time
                recorded = desk.timeline(
                    "2026-01-11", until, "day", "America/Caracas", **parameters
                )
                assert recorded["items"] == timeline["items"], parameters
                seen.add(tuple(counts.values()))
    assert len(seen) > 10  # the compared counts differ
