"""Operations on counts and the people behind them."""

from datetime import date, datetime

from api import access
from api.access import Caller
from api.database import queries
from api.rendering.results import Answer, Stream
from api.reports import counts, differences, people
from api.reports.counts import Filters, Question
from api.reports.differences import Span
from api.reports.time_buckets import Bucket


def get_counts(
    conn: queries.Connection,
    caller: Caller | None,
    filters: Filters,
    as_of: datetime | None,
    recorded_as_of: datetime | None,
    min_sources: int,
    group_by: str | None,
    time_zone: str,
) -> Answer:
    return Answer(
        counts.report(
            conn,
            Question(as_of, recorded_as_of, filters),
            min_sources,
            group_by,
            time_zone,
            sees_hidden=access.sees_hidden(caller),
        )
    )


def list_counted_people(
    conn: queries.Connection,
    caller: Caller | None,
    limit: int | None,
    cursor: str | None,
    filters: Filters,
    as_of: datetime | None,
    recorded_as_of: datetime | None,
    min_sources: int,
    status: str | None,
) -> Answer | Stream:
    question = Question(as_of, recorded_as_of, filters)
    return people.list_people(conn, caller, limit, cursor, question, min_sources, status)


def list_differences(
    conn: queries.Connection,
    caller: Caller | None,
    limit: int | None,
    cursor: str | None,
    span: Span,
    filters: Filters,
    min_sources: int,
    time_zone: str,
) -> Answer | Stream:
    return differences.list_differences(
        conn, caller, limit, cursor, span, filters, min_sources, time_zone
    )


def get_timeline(
    conn: queries.Connection,
    filters: Filters,
    from_: date | datetime,
    until: date | datetime | None,
    bucket: Bucket,
    recorded_as_of: datetime | None,
    min_sources: int,
    time_zone: str,
) -> Answer:
    return Answer(
        counts.report_timeline(
            conn, filters, from_, until, bucket, recorded_as_of, min_sources, time_zone
        )
    )
