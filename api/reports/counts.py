"""Counts of people by status, at a pair of moments and along a timeline, as citable answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from api.database import clock, queries
from api.errors import FieldError, invalid
from api.records import claims
from api.reports import citations, sentences, time_buckets
from api.reports.citations import Moments
from api.verification.counting import FIGURES, Figures


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of counts: which people and which release events count. None is no filter."""

    facility_id: UUID | None = None
    nationality: str | None = None
    age_group: str | None = None
    sex: str | None = None
    release_kind: str | None = None
    announcement_id: UUID | None = None
    occurred_from: date | None = None
    occurred_until: date | None = None

    def active(self) -> dict[str, Any]:
        """The filters that are not None, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return queries.drop_none(**values)


@dataclass(frozen=True, slots=True)
class Counted:
    """Figures by group, in the order of FIGURES. An unknown value is None."""

    moments: Moments
    groups: Sequence[tuple[str | None, Figures]]

    @property
    def total(self) -> Mapping[str, int]:
        """The sum of all groups, by the names of FIGURES."""
        sums = map(sum, zip([0] * len(FIGURES), *(row for _, row in self.groups), strict=True))
        return dict(zip(FIGURES, sums, strict=True))


def report(
    conn: queries.Connection,
    filters: Filters,
    as_of: datetime | None,
    recorded_as_of: datetime | None,
    min_sources: int,
    group_by: str | None,
    time_zone: str,
) -> Mapping[str, Any]:
    """The cited answer of `GET /counts`."""
    clock.settle(conn, as_of, recorded_as_of)
    _check(conn, filters)
    counted = count(conn, as_of, recorded_as_of, min_sources, filters, group_by)
    moments, total = counted.moments, counted.total
    groups = [
        {"value": value, **dict(zip(FIGURES, row, strict=True))} for value, row in counted.groups
    ]
    asked = {
        "as_of": moments.as_of,
        "recorded_as_of": moments.recorded_as_of,
        "min_sources": min_sources,
    }
    return citations.cited(
        {**asked, **total, "groups": groups if group_by else None},
        "/v1/counts",
        {**asked, **filters.active(), "group_by": group_by, "time_zone": time_zone},
        moments,
        sentences.counts(
            datetime.fromisoformat(moments.as_of),
            time_zone,
            total["confirmed"],
            min_sources,
            citations.scope(conn, filters.active(), moments),
        ),
    )


def report_timeline(
    conn: queries.Connection,
    filters: Filters,
    from_: date | datetime,
    until: date | datetime | None,
    bucket: time_buckets.Bucket,
    recorded_as_of: datetime | None,
    min_sources: int,
    time_zone: str,
) -> Mapping[str, Any]:
    """The cited answer of `GET /counts/timeline`: figures at the end of each bucket."""
    now = clock.now(conn)
    span = time_buckets.buckets(from_, until, bucket, time_zone, now, clock.TOLERANCE)
    clock.settle(conn, None, recorded_as_of)
    _check(conn, filters)
    (start, *ends), moments, (before, *rows) = _count_at(
        conn, [span.start, *span.ends], recorded_as_of, min_sources, filters
    )
    asked = {
        "from": start,
        "until": ends[-1],
        "bucket": bucket,
        "time_zone": time_zone,
        "recorded_as_of": moments.recorded_as_of,
        "min_sources": min_sources,
    }
    items = [
        {"at": at, **dict(zip(FIGURES, row, strict=True))}
        for at, row in zip(ends, rows, strict=True)
    ]
    return citations.cited(
        {**asked, "items": items},
        "/v1/counts/timeline",
        {**asked, **filters.active()},
        moments,
        sentences.timeline(
            span.start,
            span.until,
            time_zone,
            before[0],
            rows[-1][0],
            min_sources,
            citations.scope(conn, filters.active(), moments),
        ),
    )


def count(
    conn: queries.Connection,
    as_of: datetime | None,
    recorded_as_of: datetime | None,
    min_sources: int,
    filters: Filters,
    group_by: str | None = None,
) -> Counted:
    """Count each person once, by the strongest status among their release events that match."""
    query, parameters = _choose(as_of, recorded_as_of, filters, group_by)
    rows = queries.rows(
        conn,
        query.at_moment,
        as_of=as_of,
        recorded_as_of=recorded_as_of,
        min_sources=min_sources,
        **parameters,
    )
    groups = [(row.value, [int(n) for n in row[4:]]) for row in rows if row.confirmed is not None]
    return Counted(
        Moments(rows[0].as_of, rows[0].recorded_as_of, rows[0].ledger_seq),
        [(value, figures) for value, figures in groups if any(figures)],
    )


def _count_at(
    conn: queries.Connection,
    ends: Sequence[datetime],
    recorded_as_of: datetime | None,
    min_sources: int,
    filters: Filters,
) -> tuple[Sequence[str], Moments, Sequence[Sequence[int]]]:
    """These moments (in order) as text, the moments of the answer, and the figures at each."""
    texts = [clock.rfc3339(end) for end in ends]
    query, parameters = _choose(ends[-1], recorded_as_of, filters, None)
    row = queries.row(
        conn,
        query.over_time,
        # As an array literal: psycopg takes 10 ms for 1,000 datetimes, and the texts are at hand.
        ends=f"{{{','.join(texts)}}}",
        recorded_as_of=recorded_as_of,
        min_sources=min_sources,
        **{"value": "", **parameters},
    )
    moments = Moments(texts[-1], row.recorded_as_of, row.ledger_seq)
    return texts, moments, list(zip(*row[: len(FIGURES)], strict=True))


class _Queries(NamedTuple):
    """The queries that count from one kind of stored data."""

    at_moment: str
    over_time: str


_ROLLUPS_NOW = _Queries("counts/count_now", "counts/list_timeline")
_ROLLUPS = _Queries("counts/count", "counts/list_timeline")
_PERSON_STATUSES = _Queries("counts/count_recorded", "counts/list_timeline_recorded")
_RELEASE_EVENTS = _Queries("counts/count_filtered", "counts/list_timeline_filtered")
_RECORDED_RELEASE_EVENTS = _Queries(
    "counts/count_filtered_recorded", "counts/list_timeline_filtered_recorded"
)


def _choose(
    as_of: datetime | None,
    recorded_as_of: datetime | None,
    filters: Filters,
    group_by: str | None,
) -> tuple[_Queries, Mapping[str, Any]]:
    """The cheapest queries that can answer, and their parameters.

    filters and group_by                      as_of     record time   counted from
    none, or one property of a person         now       now           rollups of all time
    none, or one property of a person         earlier   now           rollups by time
    none, or one property of a person         any       earlier       person statuses
    any other                                 any       now           release events
    any other                                 any       earlier       recorded release events

    Without a filter, any `group_by` is answered from the first three.
    """
    stored_group = _stored_group(filters, group_by)
    if stored_group is None:
        parameters = {
            **filters.active(),
            "release_kind": filters.release_kind,
            "group_by": group_by,
            # A person with a second nationality counts in the group of the one that is filtered by.
            "group_nationality": filters.nationality,
        }
        return _RELEASE_EVENTS if recorded_as_of is None else _RECORDED_RELEASE_EVENTS, parameters
    if recorded_as_of is not None:
        return _PERSON_STATUSES, stored_group
    return _ROLLUPS_NOW if as_of is None else _ROLLUPS, stored_group


_PROPERTIES_OF_A_PERSON = {"age_group", "sex"}
"""A person has one value of these for all release events, so a filter selects one stored group."""


def _stored_group(filters: Filters, group_by: str | None) -> Mapping[str, str] | None:
    """The property of the stored groups that answer, and with a filter the value.

    None if the filters need the release events.
    """
    active = filters.active()
    if not active:
        return {"property": group_by or ""}
    ((name, value), *others) = active.items()
    if others or name not in _PROPERTIES_OF_A_PERSON or group_by not in (None, name):
        return None
    return {"property": name, "value": "" if value == "unknown" else value}


def _check(conn: queries.Connection, filters: Filters) -> None:
    """Refuse filters that can match nothing: a count of zero by mistake could be published."""
    errors = []
    facility = filters.facility_id
    if facility and queries.row(conn, "facilities/exist", id=facility) is None:
        errors.append(FieldError("/facility_id", "There is no facility with this id."))
    if error := claims.unknown_announcement_error(conn, filters.announcement_id):
        errors.append(error)
    first, last = filters.occurred_from, filters.occurred_until
    if first and last and last < first:
        errors.append(FieldError("/occurred_until", "Must not be before occurred_from."))
    if errors:
        raise invalid(*errors)
