"""Counts: how many people are out, at any pair of moments and all along a timeline."""

from datetime import date, datetime
from uuid import UUID

from api.database import clock, queries
from api.errors import FieldError, invalid
from api.records import claims
from api.rendering.results import Answer
from api.reports import counts, sentences, time_buckets
from api.reports.citations import cited, scope
from api.verification.counting import FIGURES


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
    announcement_id: UUID | None,
    occurred_from: date | None,
    occurred_until: date | None,
    group_by: str | None,
    time_zone: str,
) -> Answer:
    clock.settle(conn, as_of, recorded_as_of)
    filters = queries.drop_none(
        facility_id=facility_id,
        nationality=nationality,
        age_group=age_group,
        sex=sex,
        release_kind=release_kind,
        announcement_id=announcement_id,
        occurred_from=occurred_from,
        occurred_until=occurred_until,
    )
    _check(conn, filters)
    counted = counts.count(conn, as_of, recorded_as_of, min_sources, filters, group_by)
    moments, total = counted.moments, counted.total
    groups = None
    if group_by is not None:
        groups = [
            {"value": value, **dict(zip(FIGURES, row, strict=True))}
            for value, row in counted.groups
        ]
    return Answer(
        cited(
            {
                "as_of": moments.as_of,
                "recorded_as_of": moments.recorded_as_of,
                "min_sources": min_sources,
                **total,
                "groups": groups,
            },
            "/v1/counts",
            {
                "as_of": moments.as_of,
                "recorded_as_of": moments.recorded_as_of,
                "min_sources": min_sources,
                **filters,
                "group_by": group_by,
                "time_zone": time_zone,
            },
            moments,
            sentences.counts(
                datetime.fromisoformat(moments.as_of),
                time_zone,
                total["confirmed"],
                min_sources,
                scope(conn, filters, moments),
            ),
        )
    )


def get_timeline(
    conn: queries.Connection,
    from_: date | datetime,
    until: date | datetime | None,
    bucket: time_buckets.Bucket,
    time_zone: str,
    recorded_as_of: datetime | None,
    min_sources: int,
    facility_id: UUID | None,
    nationality: str | None,
    age_group: str | None,
    sex: str | None,
    release_kind: str | None,
    announcement_id: UUID | None,
    occurred_from: date | None,
    occurred_until: date | None,
) -> Answer:
    now = clock.now(conn)
    span = time_buckets.buckets(from_, until, bucket, time_zone, now, clock.TOLERANCE)
    clock.settle(conn, None, recorded_as_of)
    filters = queries.drop_none(
        facility_id=facility_id,
        nationality=nationality,
        age_group=age_group,
        sex=sex,
        release_kind=release_kind,
        announcement_id=announcement_id,
        occurred_from=occurred_from,
        occurred_until=occurred_until,
    )
    _check(conn, filters)
    (start_text, *ends), moments, (before, *counted) = counts.timeline(
        conn, [span.start, *span.ends], recorded_as_of, min_sources, filters
    )
    answer = {
        "from": start_text,
        "until": ends[-1],
        "bucket": bucket,
        "time_zone": time_zone,
        "recorded_as_of": moments.recorded_as_of,
        "min_sources": min_sources,
        "items": [
            {
                "at": at,
                "confirmed": row[0],
                "disputed": row[1],
                "reported": row[2],
                "refuted": row[3],
                "unverified": row[4],
                "rearrested": row[5],
            }
            for at, row in zip(ends, counted, strict=True)
        ],
    }
    parameters = {name: value for name, value in answer.items() if name != "items"}
    return Answer(
        cited(
            answer,
            "/v1/counts/timeline",
            {**parameters, **filters},
            moments,
            sentences.timeline(
                span.start,
                span.until,
                time_zone,
                before[0],
                counted[-1][0],
                min_sources,
                scope(conn, filters, moments),
            ),
        )
    )


def _check(conn: queries.Connection, filters: counts.Filters) -> None:
    """A zero that a slip of the pen makes must not come to be printed."""
    faults = []
    facility = filters.get("facility_id")
    if facility and queries.row(conn, "facilities/exist", id=facility) is None:
        faults.append(FieldError("/facility_id", "There is no facility with this id."))
    if fault := claims.announcement_error(conn, filters.get("announcement_id")):
        faults.append(fault)
    first, last = filters.get("occurred_from"), filters.get("occurred_until")
    if first and last and last < first:
        faults.append(FieldError("/occurred_until", "Lies before occurred_from."))
    if faults:
        raise invalid(*faults)
