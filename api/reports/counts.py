"""Counts of people by status, at a pair of moments and along a timeline, as citable answers."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.types.json import Jsonb

from api.contract.binding import CombinedFilters
from api.database import clock, queries
from api.errors import FieldError, invalid
from api.records import claims
from api.reports import citations, time_buckets
from api.reports.citations import Moments
from api.verification.counting import FIGURES, STATUSES, UNDISCLOSED, Figures, by_name
from api.wording import sentences


@dataclass(frozen=True, slots=True)
class Filters(CombinedFilters):
    """Which people and which release events count. A filter that is None does not apply."""

    facility_id: UUID | None = None
    country: str | None = None
    nationality: str | None = None
    age_group: str | None = None
    sex: str | None = None
    release_kind: str | None = None
    announcement_id: UUID | None = None
    occurred_from: date | None = None
    occurred_until: date | None = None

    @property
    def selects_facilities(self) -> bool:
        return not (self.facility_id is None and self.country is None)


@dataclass(frozen=True, slots=True)
class Question:
    """Which people are counted, and at which moments. None is now."""

    as_of: datetime | None
    recorded_as_of: datetime | None
    filters: Filters


@dataclass(frozen=True, slots=True)
class Counted:
    """Figures by group, in the order of FIGURES. An unknown or undisclosed value is None.

    `undisclosed` has, for each of STATUSES, the people whose disclosed values exclude no filter but
    leave a filter or the group undecided. Those of an undecided group are in the group None, the
    others in no figure.
    """

    moments: Moments
    groups: Sequence[tuple[str | None, Figures]]
    undisclosed: Mapping[str, int]

    @property
    def total(self) -> Mapping[str, int]:
        """The sum of all groups, by the names of FIGURES."""
        sums = map(sum, zip([0] * len(FIGURES), *(row for _, row in self.groups), strict=True))
        return by_name(sums)


def report(
    conn: queries.Connection,
    question: Question,
    min_sources: int,
    group_by: str | None,
    time_zone: str,
    *,
    sees_hidden: bool,
) -> Mapping[str, Any]:
    """The answer of `GET /v1/counts`.

    With a filter or a group, an answer for a caller who sees hidden people has no citation:
    citations are of the public view only.
    """
    clock.make_final(conn, question.as_of, question.recorded_as_of)
    filters = question.filters.active()
    is_filtered = bool(filters or group_by)
    shows_hidden = sees_hidden and is_filtered
    [counted] = count(conn, [question], min_sources, group_by, sees_hidden=shows_hidden)
    moments, total = counted.moments, counted.total
    # A facility with a name exists. Looking it up again took a tenth of the time.
    names = {} if shows_hidden else citations.names_of_filters(conn, filters, moments)
    check(conn, question.filters, names.keys() - {str(question.filters.announcement_id)})
    groups = [{"value": value, **by_name(row)} for value, row in counted.groups]
    asked = {
        "as_of": moments.as_of,
        "recorded_as_of": moments.recorded_as_of,
        "min_sources": min_sources,
    }
    answer = {
        **asked,
        **total,
        "undisclosed": counted.undisclosed if is_filtered and not shows_hidden else None,
        "groups": groups if group_by else None,
    }
    # Neither is covered by the digest of the citation.
    labels = citations.labels(conn, group_by, [value for value, _ in counted.groups], moments)
    uncited = {
        "people": citations.url("/v1/counts/people", {**asked, **filters}),
        "groups": [{**group, "label": label} for group, label in zip(groups, labels, strict=True)]
        if group_by
        else None,
    }
    if shows_hidden:
        return {**answer, **uncited, "citation": None}
    cited = citations.cited(
        answer,
        "/v1/counts",
        {**asked, **filters, "group_by": group_by, "time_zone": time_zone},
        moments,
        sentences.counts(
            datetime.fromisoformat(moments.as_of),
            time_zone,
            total["confirmed"],
            min_sources,
            citations.named_scope(filters, names),
            rearrested=total["rearrested"],
            undisclosed=sum(counted.undisclosed.values()) if filters else 0,
        ),
    )
    return {**cited, **uncited}


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
    now = clock.present(conn)
    span = time_buckets.buckets(from_, until, bucket, time_zone, now, clock.TOLERANCE)
    clock.make_final(conn, None, recorded_as_of)
    check(conn, filters)
    question = Question(span.until, recorded_as_of, filters)
    (start, *ends), moments, (before, *rows), (before_undisclosed, *undisclosed) = _count_at(
        conn, [span.start, *span.ends], question, min_sources
    )
    asked = {
        "from": start,
        "until": ends[-1],
        "bucket": bucket,
        "time_zone": time_zone,
        "recorded_as_of": moments.recorded_as_of,
        "min_sources": min_sources,
    }
    is_filtered = bool(filters.active())
    items = [
        {"at": at, **by_name(row), "undisclosed": _by_status(others) if is_filtered else None}
        for at, row, others in zip(ends, rows, undisclosed, strict=True)
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
            rearrested=rows[-1][-1],
            undisclosed=(sum(before_undisclosed), sum(undisclosed[-1])),
        ),
    )


def _by_status(people: Sequence[int]) -> Mapping[str, int]:
    return dict(zip(STATUSES, people, strict=True))


def count(
    conn: queries.Connection,
    questions: Sequence[Question],
    min_sources: int,
    group_by: str | None = None,
    *,
    sees_hidden: bool = False,
) -> Sequence[Counted]:
    """Count each person once, by the strongest status among their release events that match.

    Questions with the same filters are one statement: 50 claims take 11 ms of the database instead
    of 30, and one round trip.
    """
    answers: dict[Question, Counted] = {}
    together: dict[tuple[_Queries, frozenset[str]], list[Question]] = {}
    for question in dict.fromkeys(questions):
        query, stored_group = _choose(question, group_by, sees_hidden=sees_hidden)
        if stored_group is None:
            key = query, frozenset(question.filters.active())
            together.setdefault(key, []).append(question)
        else:
            answers[question] = _count_stored(conn, query, stored_group, question, min_sources)
    for (query, _), alike in together.items():
        rows = queries.rows(
            conn,
            query.at_moment,
            min_sources=min_sources,
            group_by=group_by,
            **event_parameters(alike, sees_hidden=sees_hidden),
        )
        rows_by_number = groupby(rows, key=attrgetter("number"))
        for question, (_, rows_of_question) in zip(alike, rows_by_number, strict=True):
            answers[question] = _counted_events(list(rows_of_question))
    return [answers[question] for question in questions]


def _count_stored(
    conn: queries.Connection,
    query: "_Queries",
    stored_group: Mapping[str, str],
    question: Question,
    min_sources: int,
) -> Counted:
    """Count from rollups or person statuses: all groups of a property, or the one filtered by."""
    of_group = {}
    if "value" in stored_group:
        of_group = {"values": [stored_group["value"], UNDISCLOSED]}
    rows = queries.rows(
        conn,
        query.at_moment,
        as_of=question.as_of,
        recorded_as_of=question.recorded_as_of,
        min_sources=min_sources,
        property=stored_group["property"],
        **of_group,
        **({"is_now": True} if question.as_of is None else {}),
    )
    groups: dict[str | None, Figures] = {}
    undisclosed = [0] * len(STATUSES)
    for row in rows:
        if row.confirmed is None:  # Nobody counts.
            continue
        figures = list(row[4:])
        if row.value == UNDISCLOSED:
            undisclosed = figures[: len(STATUSES)]
            if of_group:
                continue
        _add(groups, row.value, figures)
    return _counted(rows[0], groups, undisclosed)


def _counted_events(rows: Sequence[Any]) -> Counted:
    """The figures of a question from rows of people of one group and one pair of ranks."""
    groups: dict[str | None, Figures] = {}
    undisclosed = [0] * len(STATUSES)
    for row in rows:
        if row.possible_rank is None:  # Nobody counts.
            continue
        if row.rank is not None:
            figures = [0] * len(FIGURES)
            figures[row.rank - 1] = row.people
            figures[-1] = row.rearrested
            _add(groups, row.value, figures)
        if row.rank != row.possible_rank or row.value == UNDISCLOSED:
            undisclosed[row.possible_rank - 1] += row.people
    return _counted(rows[0], groups, undisclosed)


def _add(groups: dict[str | None, Figures], value: str | None, figures: Figures) -> None:
    key = None if value == UNDISCLOSED else value
    before = groups.get(key)
    groups[key] = [x + y for x, y in zip(before, figures, strict=True)] if before else figures


def _counted(row: Any, groups: Mapping[str | None, Figures], undisclosed: Sequence[int]) -> Counted:
    return Counted(
        Moments(row.as_of, row.recorded_as_of, row.ledger_seq),
        # Known values in their order, then the others.
        [
            (value, groups[value])
            for value in sorted(groups, key=_known_first)
            if any(groups[value])
        ],
        _by_status(undisclosed),
    )


def _known_first(value: str | None) -> tuple[bool, str]:
    return value is None, value or ""


def event_parameters(questions: Sequence[Question], *, sees_hidden: bool) -> Mapping[str, Any]:
    """The parameters of the queries that count from release events, of questions with the same
    filters. The names of the filters only select lines of a statement.
    """
    names = questions[0].filters.active()
    return {
        **names,
        **({"selects_facilities": True} if questions[0].filters.selects_facilities else {}),
        "filters_people": not names.keys().isdisjoint(PROPERTIES_OF_PEOPLE),
        "sees_hidden": sees_hidden,
        "questions": Jsonb(
            [
                {
                    **question.filters.active(),
                    "as_of": question.as_of,
                    "moment": question.recorded_as_of,
                }
                for question in questions
            ]
        ),
    }


def _count_at(
    conn: queries.Connection, ends: Sequence[datetime], question: Question, min_sources: int
) -> tuple[Sequence[str], Moments, Sequence[Sequence[int]], Sequence[Sequence[int]]]:
    """These moments (in order) as text, the moments of the answer, and at each moment the figures
    and the people who are undisclosed.
    """
    texts = [clock.rfc3339(end) for end in ends]
    query, stored_group = _choose(question, None, sees_hidden=False)
    asked = {
        # As an array literal: psycopg takes 10 ms for 1,000 datetimes, and the texts are at hand.
        "ends": f"{{{','.join(texts)}}}",
        "min_sources": min_sources,
    }
    parameters: Mapping[str, Any]
    disclosed: Mapping[str, Any]
    undisclosed: Mapping[str, Any]
    if stored_group is None:
        parameters = event_parameters([question], sees_hidden=False)
        disclosed, undisclosed = {"is_undisclosed": False}, {"is_undisclosed": True}
        is_decided = not parameters["filters_people"]
    else:
        parameters = {"recorded_as_of": question.recorded_as_of}
        disclosed, undisclosed = (
            {"value": "", **stored_group},
            {**stored_group, "value": UNDISCLOSED},
        )
        is_decided = "value" not in stored_group
    # Both statements see one record.
    with nullcontext() if is_decided else queries.snapshot(conn):
        row = queries.row(conn, query.over_time, **asked, **parameters, **disclosed)
        others = [[0] * len(ends)] * len(STATUSES)
        if not is_decided:
            others = queries.row(conn, query.over_time, **asked, **parameters, **undisclosed)
    return (
        texts,
        Moments(texts[-1], row.recorded_as_of, row.ledger_seq),
        list(zip(*row[: len(FIGURES)], strict=True)),
        list(zip(*others[: len(STATUSES)], strict=True)),
    )


class _Queries(NamedTuple):
    """The queries that count from one kind of stored data."""

    at_moment: str
    over_time: str


_ROLLUPS = _Queries("counts/count", "counts/list_timeline")
_PERSON_STATUSES = _Queries("counts/count_recorded", "counts/list_timeline_recorded")
_RELEASE_EVENTS = _Queries("counts/count_filtered", "counts/list_timeline_filtered")
_RECORDED_RELEASE_EVENTS = _Queries(
    "counts/count_filtered_recorded", "counts/list_timeline_filtered_recorded"
)


def _choose(
    question: Question, group_by: str | None, *, sees_hidden: bool
) -> tuple[_Queries, Mapping[str, str] | None]:
    """The cheapest queries that can answer, and the stored group that they count.

    filters and group_by                      as_of     record time   counted from
    none, or one property of a person         any       now           rollups
    none, or one property of a person         any       earlier       person statuses
    any other                                 any       now           release events
    any other                                 any       earlier       recorded release events

    Without a filter, any `group_by` is answered from the first two. They hold what the public may
    know, so filters and groups of callers who see hidden people are counted from the last two.
    """
    stored_group = None if sees_hidden else _stored_group(question.filters, group_by)
    is_past = question.recorded_as_of is not None
    if stored_group is None:
        return _RECORDED_RELEASE_EVENTS if is_past else _RELEASE_EVENTS, None
    if is_past:
        return _PERSON_STATUSES, stored_group
    return _ROLLUPS, stored_group


PROPERTIES_OF_PEOPLE = {"facility_id", "country", "nationality", "age_group", "sex"}
"""The filters by values that a caller may not know of hidden people."""

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


def check(conn: queries.Connection, filters: Filters, existing: Collection[str] = ()) -> None:
    """Refuse filters that can match nothing: a count of zero by mistake could be published.

    A facility among the `existing` is not looked up again.
    """
    errors = []
    facility = filters.facility_id
    is_unknown = facility is not None and str(facility) not in existing
    if is_unknown and queries.row(conn, "facilities/exist", id=facility) is None:
        errors.append(FieldError("/facility_id", "There is no facility with this id."))
    if error := claims.unknown_announcement_error(conn, filters.announcement_id):
        errors.append(error)
    first, last = filters.occurred_from, filters.occurred_until
    if first and last and last < first:
        errors.append(FieldError("/occurred_until", "Must not be before occurred_from."))
    if errors:
        raise invalid(*errors)
