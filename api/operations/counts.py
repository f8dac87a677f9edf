"""Counts: how many people are out, at any pair of moments."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from api import clock, queries
from api.answers import One


def get_counts(
    conn: queries.Connection,
    as_of: datetime | None,
    recorded_as_of: datetime | None,
    min_sources: int,
    facility_id: UUID | None,
    nationality: str | None,
    age_group: str | None,
    sex: str | None,
    release_kind: str | None,
    occurred_from: date | None,
    occurred_until: date | None,
) -> One:
    clock.settle(conn, as_of, recorded_as_of)
    moments = _given(as_of=as_of, recorded_as_of=recorded_as_of)
    filters = _given(
        facility_id=facility_id,
        nationality=nationality,
        age_group=age_group,
        sex=sex,
        release_kind=release_kind,
        occurred_from=occurred_from,
        occurred_until=occurred_until,
    )
    if filters:
        query = "count_matching_people"
    elif recorded_as_of is not None:
        query = "count_recorded_people"
    else:
        query = "count_people"
    return One("count", query, {"min_sources": min_sources, **moments, **filters})


def _given(**parameters: Any) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value is not None}
