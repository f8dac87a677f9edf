"""What changed between two pairs of moments: the changed people, since when, and why."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import date, datetime
from operator import attrgetter
from threading import Lock
from typing import Any, NamedTuple, cast
from uuid import UUID

from cachetools import LRUCache, cached
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool

from api import access
from api.access import Caller
from api.database import clock, ledger, queries
from api.errors import FieldError, future_moment, invalid
from api.rendering import pagination, streaming
from api.rendering.results import Answer, Item, Stream
from api.reports import citations, counts, people, time_buckets
from api.reports.changed_people import (
    ChangedPeople,
    Figures,
    ceased_to_be_confirmed,
    sums,
)
from api.reports.citations import Moments
from api.reports.counts import Filters, Question
from api.wording import sentences, vocabulary

_LIST = "listDifferences"
_PEOPLE_PER_BLOCK = 200
_MAX_EXPLAINED = 3
"""The sentence gives the causes for at most this many people who ceased to be confirmed."""

_MAX_PEOPLE_BYTES = 16 << 20
_MAX_TOTALS = 256
"""What counts at settled moments never changes: the pages of a list find it once."""


@dataclass(frozen=True, slots=True)
class Span:
    """Two moments of each clock. A first one of None is the second one, a second one is now."""

    from_: date | datetime | None = None
    until: date | datetime | None = None
    from_recorded: datetime | None = None
    until_recorded: datetime | None = None


class Position(NamedTuple):
    """A position in the list: its moments, and the last person before it."""

    from_: str
    until: str
    from_recorded: str
    until_recorded: str
    person: str | None

    @classmethod
    def of_cursor(cls, asked: Mapping[str, Any], cursor: str) -> "Position":
        """Return the position that a cursor holds. Raises `validation-error`."""
        return cls(*pagination.decode_moments(_LIST, asked, cursor, 4))

    def cursor(self, asked: Mapping[str, Any]) -> str:
        return pagination.encode(_LIST, asked, " ".join(map(str, self)))

    def moments(self) -> tuple[datetime, datetime, datetime, datetime]:
        texts = (self.from_, self.until, self.from_recorded, self.until_recorded)
        from_, until, from_recorded, until_recorded = map(datetime.fromisoformat, texts)
        return from_, until, from_recorded, until_recorded

    def questions(self, filters: Filters) -> tuple[Question, Question]:
        from_, until, from_recorded, until_recorded = self.moments()
        return Question(from_, from_recorded, filters), Question(until, until_recorded, filters)


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
    """The changed people, by id: a page, or without limit all.

    The first page decides the moments of all, so that they are of one list.
    """
    sees_hidden = access.sees_hidden(caller)
    asked = queries.drop_none(
        from_=span.from_,
        until=span.until,
        from_recorded=span.from_recorded,
        until_recorded=span.until_recorded,
        min_sources=min_sources,
        sees_hidden=sees_hidden,
        **filters.active(),
    )
    position = Position.of_cursor(asked, cursor) if cursor else None
    if position is None:
        from_, until = _final_period(conn, span, time_zone)
        until_recorded = span.until_recorded
    else:
        from_, until, from_recorded, until_recorded = position.moments()
        if from_ > until or from_recorded > until_recorded:
            raise pagination.wrong_cursor()
        clock.make_final(conn, until, until_recorded)
    counts.check(conn, filters)
    # All figures and the items are of one state of the store.
    with nullcontext() if sees_hidden else queries.snapshot(conn):
        moments = queries.row(
            conn,
            "counts/get_moments",
            as_of=until,
            recorded_as_of=until_recorded,
            sees_hidden=sees_hidden,
        )
        position = position or _start(from_, moments, span.from_recorded)
        differences = Differences(position, filters, min_sources, ledger.reader(caller, "detainee"))
        if limit is None:
            return Stream(lambda pool: streaming.started(differences.blocks(pool)))
        items, following = differences.read(conn, position, limit)
        is_current = not moments.has_changed and not sees_hidden
        figures = differences.figures(conn, is_current=is_current)
        answer = {
            "from": position.from_,
            "until": position.until,
            "from_recorded": position.from_recorded,
            "until_recorded": position.until_recorded,
            "min_sources": min_sources,
            **figures.cited(),
        }
        # None of it is covered by the digest of the citation: a merge or a withholding changes it.
        uncited = {
            "items": items,
            "next": following and following.cursor(asked),
            "redacted": figures.redacted,
        }
        if sees_hidden and filters.active():
            return Answer({**answer, **uncited, "citation": None})
        return Answer(
            {
                **citations.cited(
                    answer,
                    "/v1/differences",
                    {
                        **{name: answer[name] for name in _CITED_BY},
                        **filters.active(),
                        "time_zone": time_zone,
                    },
                    Moments(position.until, position.until_recorded, figures.ledger_seq),
                    differences.sentence(conn, figures, time_zone),
                ),
                **uncited,
            }
        )


_CITED_BY = ("from", "until", "from_recorded", "until_recorded", "min_sources")


def _final_period(
    conn: queries.Connection, span: Span, time_zone: str
) -> tuple[datetime, datetime]:
    """The two moments of publication time. Nothing is recorded any more at the asked record times.

    Raises `validation-error`.
    """
    if span.from_ is None and span.from_recorded is None:
        detail = (
            "Is missing. Send `from`, or `from_recorded` to compare two moments of record time."
        )
        raise invalid(FieldError("/from", detail))
    now = clock.present(conn)
    from_, until = time_buckets.period(span.from_, span.until, time_zone, now, clock.TOLERANCE)
    recorded = {"from_recorded": span.from_recorded, "until_recorded": span.until_recorded}
    errors = [
        future_moment(f"/{name}")
        for name, moment in recorded.items()
        if moment is not None and moment > now
    ]
    if from_ > until:
        errors.append(FieldError("/from", "Must not be after `until`."))
    if span.from_recorded and span.until_recorded and span.from_recorded > span.until_recorded:
        errors.append(FieldError("/from_recorded", "Must not be after `until_recorded`."))
    if errors:
        raise invalid(*errors)
    clock.make_final(conn, None, span.until_recorded or span.from_recorded)
    return from_, until


def _start(from_: datetime, moments: Any, from_recorded: datetime | None) -> Position:
    """Return the position before the first item.

    Without a second record time it is that of the last entry, which may be before the first one.
    """
    first = moments.recorded_as_of if from_recorded is None else clock.rfc3339(from_recorded)
    last = max(first, moments.recorded_as_of, key=datetime.fromisoformat)
    return Position(clock.rfc3339(from_), moments.as_of, first, last, None)


class ChangedRelease(NamedTuple):
    """A release event whose verdict changed, perhaps merged into another one, and its person.

    `margin` is the change of independent sources less independent denials.
    """

    key: UUID
    earlier_event_id: UUID
    later_event_id: UUID
    margin: int
    was_rearrested: bool = False
    is_rearrested: bool = False
    is_redacted: bool = True


@dataclass(frozen=True, slots=True)
class Differences:
    """The whole list. With a `reader`, the ledger notes which hidden names were shown.

    With `group_by`, also the people who are in another group.
    """

    start: Position
    filters: Filters
    min_sources: int
    reader: ledger.Reader | None
    group_by: str | None = None

    @property
    def _sees_hidden(self) -> bool:
        return self.reader is not None

    @property
    def _is_filtered(self) -> bool:
        return bool(self.filters.active() or self.group_by)

    def _parameters(self) -> Mapping[str, Any]:
        questions = self.start.questions(self.filters)
        parameters = counts.event_parameters(questions, sees_hidden=self._sees_hidden)
        return {
            "questions": parameters["questions"],
            "min_sources": self.min_sources,
            "sees_hidden": self._sees_hidden,
            "group_by": self.group_by,
        }

    def _key(self, conn: queries.Connection) -> Hashable:
        questions = self.start.questions(self.filters)
        return conn.info.dsn, *questions, self.min_sources, self.group_by, self._sees_hidden

    @cached(
        LRUCache(_MAX_PEOPLE_BYTES, attrgetter("size")),
        key=lambda self, conn: self._key(conn),
        lock=Lock(),
    )
    def people(self, conn: queries.Connection) -> ChangedPeople:
        """Return all changed people, also those who are not listed."""
        return ChangedPeople.find(conn, self._parameters(), is_filtered=self._is_filtered)

    def read(
        self, conn: queries.Connection, position: Position, limit: int
    ) -> tuple[Sequence[Item], Position | None]:
        """Return the people after a position, and the position of the last if there are more."""
        everybody = self.people(conn)
        rows: list[Any] = []
        last = position.person
        while len(rows) <= limit and (ids := everybody.following(last, limit + 1)):
            rows += self._rows(conn, ids)
            last = str(ids[-1])
        shown, last = people.page(conn, rows, limit, self.reader)
        following = None if last is None else position._replace(person=last)
        causes = self._causes(conn, shown, sees_hidden=self._sees_hidden)
        return [*map(_item, shown, causes)], following

    def blocks(self, pool: ConnectionPool[queries.Connection]) -> Iterator[Sequence[Item]]:
        return people.blocks(pool, self.read, self.start, _PEOPLE_PER_BLOCK)

    def _rows(self, conn: queries.Connection, ids: Sequence[UUID], **parameters: Any) -> list[Any]:
        """Return those of these people who are listed."""
        parameters = {**self._parameters(), **parameters}
        return queries.rows(conn, "differences/list", **parameters, ids=ids)

    def since(self, conn: queries.Connection) -> str | None:
        """Return the moment at which the first of them changed."""
        ids = self.people(conn).following(None, None)
        first = queries.row(conn, "differences/get_first", **self._parameters(), ids=ids)
        return cast(str | None, first.at)

    def causes(self, conn: queries.Connection, changed: "ChangedRelease") -> Sequence[Item]:
        """Return what changed the verdict on one release event."""
        [causes] = self._causes(conn, [changed], sees_hidden=False)
        return [_cause(cause) for cause in causes]

    def _causes(
        self, conn: queries.Connection, rows: Sequence[Any], *, sees_hidden: bool
    ) -> Sequence[Sequence[Any]]:
        """Return what changed each of these people."""
        if not rows:
            return []
        causes: list[list[Any]] = [[] for _ in rows]
        for row in queries.rows(
            conn,
            "differences/list_causes",
            as_of=self.start.from_,
            moment=self.start.from_recorded,
            later_as_of=self.start.until,
            later_moment=self.start.until_recorded,
            sees_hidden=sees_hidden,
            items=Jsonb([self._events(person) for person in rows]),
        ):
            causes[row.number - 1].append(row)
        return [
            _relevant(of_person, person.margin)
            for person, of_person in zip(rows, causes, strict=True)
        ]

    def _events(self, person: Any) -> Mapping[str, Any]:
        """The person and the release events of a difference, and which records can explain it.

        The records of a hidden person would say more than the attestations do.
        """
        is_rearrest = person.was_rearrested != person.is_rearrested
        return {
            "key": str(person.key),
            "earlier_event_id": person.earlier_event_id and str(person.earlier_event_id),
            "later_event_id": person.later_event_id and str(person.later_event_id),
            "detentions_decide": not person.is_redacted
            and (is_rearrest or self.filters.selects_facilities or self.group_by == "facility_id"),
            "filters_decide": not person.is_redacted and self._is_filtered,
        }

    def figures(self, conn: queries.Connection, *, is_current: bool) -> Figures:
        """Return the figures. `is_current` if nothing was recorded since the later record time."""
        sees_hidden = self._sees_hidden and self._is_filtered
        earlier, later = self.start.questions(self.filters)
        present = later.recorded_as_of if is_current else None

        def counted(question: Question) -> Question:
            # At present a count reads a few rows of the rollups.
            is_present = question.recorded_as_of == present
            return replace(question, recorded_as_of=None) if is_present else question

        before, after = self._totals(conn, counted(earlier), counted(later), sees_hidden)
        everybody = self.people(conn)
        redacted: Sequence[Any] = []
        # As of now nobody is redacted.
        if not self._sees_hidden and earlier.recorded_as_of != present:
            redacted = self._redacted(conn, everybody)
        return Figures(
            before,
            after,
            everybody,
            {
                "before": sums((row.before, row.was_rearrested, row.people) for row in redacted),
                "after": sums((row.after, row.is_rearrested, row.people) for row in redacted),
            },
            shows_undisclosed=self._is_filtered and not sees_hidden,
        )

    @cached(LRUCache(_MAX_TOTALS), key=lambda self, conn, *_: self._key(conn), lock=Lock())
    def _totals(
        self, conn: queries.Connection, earlier: Question, later: Question, sees_hidden: bool
    ) -> Sequence[counts.Counted]:
        return counts.count(conn, [earlier, later], self.min_sources, sees_hidden=sees_hidden)

    def _redacted(self, conn: queries.Connection, everybody: ChangedPeople) -> Sequence[Any]:
        filters_people = not self.filters.active().keys().isdisjoint(counts.PROPERTIES_OF_PEOPLE)
        rows = queries.rows(
            conn, "differences/list_perhaps_redacted", filters_people=filters_people
        )
        ids = everybody.among(row.id for row in rows)
        if not ids:
            return []
        return queries.rows(conn, "differences/count_redacted", **self._parameters(), ids=ids)

    def sentence(
        self, conn: queries.Connection, figures: Figures, time_zone: str
    ) -> sentences.Sentence:
        """The sentence of the public view. It explains a few people who ceased to be confirmed."""
        causes: list[vocabulary.Cause] = []
        if 0 < figures.no_longer_confirmed <= _MAX_EXPLAINED:
            ids = figures.changed.following(None, _MAX_EXPLAINED, ceased_to_be_confirmed)
            rows = self._rows(conn, ids, sees_hidden=False)
            # Without those of a redacted person they would explain less than the sentence says.
            if len(rows) == figures.no_longer_confirmed:
                causes = [
                    vocabulary.Cause(
                        cause.resource,
                        cause.action,
                        cause.source_name,
                        cause.effect,
                        cause.is_vouched_for,
                    )
                    for of_person in self._causes(conn, rows, sees_hidden=False)
                    for cause in of_person
                ]
        from_, until, from_recorded, until_recorded = self.start.moments()
        moments = Moments(self.start.until, self.start.until_recorded, figures.ledger_seq)
        before, after = figures.undisclosed
        return sentences.differences(
            (from_, until),
            (from_recorded, until_recorded),
            time_zone,
            figures.became_confirmed,
            figures.no_longer_confirmed,
            self.min_sources,
            citations.scope(conn, self.filters.active(), moments),
            causes,
            undisclosed=after or before,
        )


def _relevant(causes: Sequence[Any], margin: int) -> Sequence[Any]:
    """The causes that add to a verdict, and of these the ones that moved it as it moved.

    `margin` is the change of independent sources less independent denials.
    """
    counted = [cause for cause in causes if cause.counts] or causes
    direction = (margin > 0) - (margin < 0)
    return [c for c in counted if c.effect == 0 or c.effect == direction] or counted


def _item(person: Any, causes: Sequence[Any]) -> Item:
    return {
        "detainee": people.named(person),
        "release_event_id": str(person.release_event_id),
        "before": person.before,
        "after": person.after,
        "rearrested": {"before": person.was_rearrested, "after": person.is_rearrested},
        "at": person.at,
        "because": [_cause(cause) for cause in causes],
    }


def _cause(cause: Any) -> Mapping[str, Any]:
    source: UUID | None = cause.source_id
    return {
        "resource": cause.resource,
        "attestation_id": cause.attestation_id and str(cause.attestation_id),
        "affiliation_id": cause.affiliation_id and str(cause.affiliation_id),
        "source": source and {"id": str(source), "name": cause.source_name},
        "action": cause.action,
    }
