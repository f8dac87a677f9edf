"""The order of a person's detentions, and the pairing of those of two records."""

import re
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import resources
from api.records import detention_order
from api.records.detention_order import DetentionInterval, OrderError

DAY = "2026-01-08"


def interval(detained_on: str | None, *days: str, began_on: str | None = None) -> DetentionInterval:
    first = detention_order.period(detained_on)[0]
    return DetentionInterval(
        uuid4(),
        detained_on,
        first if began_on is None else date.fromisoformat(began_on),
        datetime(2026, 1, 1, tzinfo=UTC),
        tuple(date.fromisoformat(day) for day in days),
    )


@pytest.mark.parametrize(
    ("first", "second", "coincide"),
    [
        (interval("2024"), interval("2024"), True),
        (interval("2024-02-09"), interval("2024"), True),
        (interval(None), interval("2024"), True),
        (interval(None), interval(None), True),
        # One person has one detention at a time.
        (interval("2024-02-09"), interval("2023-05"), True),
        (interval("2024", DAY), interval("2024"), True),
        (interval("2024", DAY), interval(None), True),
        (interval(None, DAY), interval("2024", "2026-02-08"), True),
        # Rearrested on the day of the release.
        (interval("2024", DAY), interval("2026-01-08"), False),
        (interval("2024", DAY), interval("2026-01"), False),
        (interval("2024", DAY), interval("2026"), False),
        # Detained already, by the other record.
        (interval("2024", DAY), interval("2025-05-05"), True),
        (interval("2024", DAY, "2026-02-08"), interval("2026-01"), True),
        (interval("2026-01-05", DAY), interval("2026"), True),
        (interval(None, "2024-05-01"), interval("2025-03"), False),
        (interval(None, DAY), interval(None, "2026-02-08", began_on="2026-01-20"), False),
    ],
)
def test_detentions_coincide_unless_one_ended_before_the_other(
    first: DetentionInterval, second: DetentionInterval, coincide: bool
) -> None:
    for a, b in ((first, second), (second, first)):
        pairs = detention_order.pair([a], [b])
        assert (pairs == [(a, b)]) == coincide
        assert len(pairs) == (1 if coincide else 2)


def test_pairs_are_in_order() -> None:
    a = [interval("2010", "2011-05-05"), interval("2024-02")]
    b = [interval("2015", "2016-06-06"), interval(None, DAY, began_on="2016-06-06")]
    assert detention_order.pair(a, b) == [(a[0], None), (None, b[0]), (a[1], b[1])]


@st.composite
def detentions(draw: st.DrawFn) -> list[DetentionInterval]:
    """Draw consecutive detentions of a person."""
    intervals: list[DetentionInterval] = []
    for _ in range(draw(st.integers(0, 3))):
        start = intervals[-1].released_on[-1] if intervals else date(2020, 1, 1)
        day = start + timedelta(days=draw(st.integers(0, 400)))
        detained_on = day.isoformat()[: draw(st.sampled_from([4, 7, 10]))]
        began = max([detention_order.period(detained_on)[0], start])
        if draw(st.booleans()) and not intervals:
            detained_on, began = None, date.min
        days = [day + timedelta(days=draw(st.integers(0, 300)))]
        if draw(st.booleans()):
            days.append(days[0] + timedelta(days=draw(st.integers(4, 100))))
        intervals.append(
            DetentionInterval(
                uuid4(), detained_on, began, datetime(2026, 1, 1, tzinfo=UTC), tuple(days)
            )
        )
    if intervals and draw(st.booleans()):
        last = intervals.pop()
        intervals.append(
            DetentionInterval(last.id, last.detained_on, last.began_on, last.created_at)
        )
    return intervals


@given(detentions(), detentions())
def test_pairing_keeps_each_detention_once_and_both_orders(
    duplicate: list[DetentionInterval], surviving: list[DetentionInterval]
) -> None:
    pairs = detention_order.pair(duplicate, surviving)
    assert [a for a, _ in pairs if a] == duplicate
    assert [b for _, b in pairs if b] == surviving
    assert all(a or b for a, b in pairs)


@given(detentions())
def test_arranging_is_idempotent(
    intervals: list[DetentionInterval],
) -> None:
    try:
        detention_order.check_order(intervals)
    except OrderError:
        return
    placed = detention_order.arrange(intervals)
    assert [s.id for s in placed] == [s.id for s in intervals]
    assert all(new.began_on >= old.began_on for new, old in zip(placed, intervals, strict=True))
    assert detention_order.arrange(placed) == placed


def test_distance_of_one_event_is_the_same_in_sql() -> None:
    sql = resources.path("sql")
    days = str(detention_order.MAX_SAME_EVENT_DISTANCE.days)
    query = (sql / "queries/release_events/find_near.sql").read_text("utf-8")
    assert re.findall(r"::date [-+] (\d+)", query) == [days, days]
    table = (sql / "migrations/0009_release_events.sql").read_text("utf-8")
    assert re.findall(r"occurred_on \+ (\d+)", table) == [days]
