"""The choice of the queries for counts."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from api.reports import counts
from api.reports.counts import Filters, Question

EARLIER = datetime(2026, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("filters", "group_by", "stored_group"),
    [
        ({}, None, {"property": ""}),
        ({}, "facility_id", {"property": "facility_id"}),
        ({"sex": "female"}, None, {"property": "sex", "value": "female"}),
        ({"age_group": "unknown"}, "age_group", {"property": "age_group", "value": ""}),
    ],
)
def test_stored_groups_answer_without_filters_or_with_one_property_of_a_person(
    filters: dict[str, Any], group_by: str | None, stored_group: dict[str, str]
) -> None:
    for as_of, recorded_as_of, queries in (
        (None, None, counts._ROLLUPS),
        (EARLIER, None, counts._ROLLUPS),
        (EARLIER, EARLIER, counts._PERSON_STATUSES),
    ):
        question = Question(as_of, recorded_as_of, Filters(**filters))
        chosen = counts._choose(question, group_by, sees_hidden=False)
        assert chosen == (queries, stored_group)


@pytest.mark.parametrize(
    ("filters", "group_by"),
    [
        ({"nationality": "VE"}, None),
        ({"occurred_from": date(2026, 1, 8)}, None),
        ({"sex": "female"}, "age_group"),
        ({"sex": "female", "age_group": "adult"}, None),
    ],
)
def test_release_events_are_read_with_any_other_filter(
    filters: dict[str, Any], group_by: str | None
) -> None:
    for recorded_as_of, queries in (
        (None, counts._RELEASE_EVENTS),
        (EARLIER, counts._RECORDED_RELEASE_EVENTS),
    ):
        question = Question(None, recorded_as_of, Filters(**filters))
        for sees_hidden in (False, True):
            chosen = counts._choose(question, group_by, sees_hidden=sees_hidden)
            assert chosen == (queries, None)


def test_active_filters_leave_out_none() -> None:
    assert Filters().active() == {}
    assert Filters(sex="male", occurred_until=date(2026, 1, 8)).active() == {
        "sex": "male",
        "occurred_until": date(2026, 1, 8),
    }
