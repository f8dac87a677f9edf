"""The people behind a count: a list that can be read to its end while others write."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from psycopg_pool import ConnectionPool

from api import access
from api.access import Caller
from api.database import clock, ledger, queries
from api.rendering import pagination, streaming
from api.rendering.results import Answer, Item, Stream
from api.reports import counts
from api.reports.counts import Filters, Question
from api.verification.counting import FIGURES, codes_of

_LIST = "listCountedPeople"
_PEOPLE_PER_BLOCK = 500


class _Position(NamedTuple):
    """A position in the list: its moments, and the last person before it."""

    as_of: str
    recorded_as_of: str
    person: str | None

    @classmethod
    def of_cursor(cls, filters: Mapping[str, Any], cursor: str) -> "_Position":
        """Return the position that a cursor holds. Raises `validation-error`."""
        return cls(*pagination.decode_moments(_LIST, filters, cursor, 2))

    def cursor(self, filters: Mapping[str, Any]) -> str:
        return pagination.encode(_LIST, filters, " ".join(map(str, self)))


def list_people(
    conn: queries.Connection,
    caller: Caller | None,
    limit: int | None,
    cursor: str | None,
    question: Question,
    min_sources: int,
    status: str | None,
) -> Answer | Stream:
    """The people who count, by id: a page, or without limit all.

    The first page decides the moments of all, so that they are of one list.
    """
    sees_hidden = access.sees_hidden(caller)
    asked = queries.drop_none(
        as_of=question.as_of,
        recorded_as_of=question.recorded_as_of,
        min_sources=min_sources,
        status=status,
        sees_hidden=sees_hidden,
        **question.filters.active(),
    )
    start = _Position.of_cursor(asked, cursor) if cursor else None
    if start is not None:
        question = _at(question, start)
    clock.make_final(conn, question.as_of, question.recorded_as_of)
    counts.check(conn, question.filters)
    # The items and the number of redacted people are of one state of the store.
    with nullcontext() if sees_hidden else queries.snapshot(conn):
        moments = queries.row(
            conn,
            "counts/get_moments",
            as_of=question.as_of,
            recorded_as_of=question.recorded_as_of,
            sees_hidden=sees_hidden,
        )
        start = start or _Position(moments.as_of, moments.recorded_as_of, None)
        parameters = {
            **counts.event_parameters([_at(question, start)], sees_hidden=sees_hidden),
            "min_sources": min_sources,
        }
        people = _People(parameters, status, question.filters, ledger.reader(caller, "detainee"))
        if limit is None:
            return Stream(lambda pool: streaming.started(people.blocks(pool, start)))
        items, following = people.read(conn, start, limit)
        redacted = dict.fromkeys(FIGURES, 0)
        if moments.has_changed and not sees_hidden:
            for row in queries.rows(conn, "counts/count_redacted", **parameters):
                redacted[row.status] = row.people
                redacted["rearrested"] += row.rearrested
    return Answer(
        {
            "as_of": start.as_of,
            "recorded_as_of": start.recorded_as_of,
            "items": items,
            "next": following and following.cursor(asked),
            "redacted": redacted,
        }
    )


def _at(question: Question, position: _Position) -> Question:
    """The question at the moments of a position."""
    as_of, recorded_as_of = map(datetime.fromisoformat, (position.as_of, position.recorded_as_of))
    return replace(question, as_of=as_of, recorded_as_of=recorded_as_of)


@dataclass(frozen=True, slots=True)
class _People:
    """The whole list. With a `reader`, the ledger notes which hidden names were shown."""

    parameters: Mapping[str, Any]
    status: str | None
    filters: Filters
    reader: ledger.Reader | None

    def read(
        self, conn: queries.Connection, position: _Position, limit: int
    ) -> tuple[Sequence[Item], _Position | None]:
        """The people after a position, and the position of the last one if there are more."""
        rows = queries.rows(
            conn,
            "counts/list_people",
            **self.parameters,
            **_of_status(self.status, self.filters),
            **queries.drop_none(after=position.person),
            max_scanned=pagination.MAX_SCANNED,
            limit=limit + 1,
        )
        people, last = page(conn, [row for row in rows if row.is_met], limit, self.reader)
        if last is None and rows and rows[-1].ends_scan:
            last = str(rows[-1].key)
        following = None if last is None else position._replace(person=last)
        return [_item(person) for person in people], following

    def blocks(
        self, pool: ConnectionPool[queries.Connection], start: _Position
    ) -> Iterator[Sequence[Item]]:
        return blocks(pool, self.read, start, _PEOPLE_PER_BLOCK)


def page(
    conn: queries.Connection, rows: Sequence[Any], limit: int, reader: ledger.Reader | None
) -> tuple[Sequence[Any], str | None]:
    """Return the people of a page, and the key of the last one if there are more.

    The ledger notes which hidden names a `reader` is shown.
    """
    people = rows[:limit]
    if reader is not None:
        hidden = {person.detainee_id for person in people if not person.is_named}
        ledger.note_reading(conn, reader, sorted(hidden))
    return people, str(people[-1].key) if len(rows) > limit else None


_AnyPosition = TypeVar("_AnyPosition")


def blocks(
    pool: ConnectionPool[queries.Connection],
    read: Callable[
        [queries.Connection, _AnyPosition, int], tuple[Sequence[Item], _AnyPosition | None]
    ],
    start: _AnyPosition,
    size: int,
) -> Iterator[Sequence[Item]]:
    """Yield the items of a list from a position on, each block with a connection of its own."""
    position: _AnyPosition | None = start
    while position is not None:
        with queries.borrowed_connection(pool) as conn:
            items, position = read(conn, position, size)
        yield items


_RARE = {"disputed", "refuted"}
"""Few people have these statuses, and are looked up by them. Among 300,000, to find nobody took 2 s
without that, and 90 s with a filter."""


def _of_status(status: str | None, filters: Filters) -> Mapping[str, Any]:
    """The parameters that select the people of a status, or those detained again.

    `codes` are the stored statuses of those who can be among them. Without filters these are the
    people; with filters, the events that match can give a person a weaker status than all do.
    """
    if status is None:
        return {}
    selected: dict[str, Any] = {"status": status}
    if status == "rearrested":
        selected = {"is_rearrested": True}
    # The attestations of one kind of release give a status of their own.
    is_stored = filters.release_kind is None
    if status in _RARE and is_stored:
        selected["rare_status"] = status
    if not filters.active():
        return {**selected, "codes": codes_of(status)}
    if status in ("confirmed", "rearrested"):
        return {**selected, "codes": codes_of("confirmed")}
    if status not in _RARE and is_stored:
        selected["frequent_status"] = status
    return selected


def named(person: Any) -> Item:
    """Return a person of a list by name."""
    return {
        "id": str(person.detainee_id),
        "name": person.name,
        "is_named": person.is_named,
    }


def _item(person: Any) -> Item:
    facility: UUID | None = person.facility_id
    return {
        "detainee": named(person),
        "status": person.status,
        "since": person.since,
        "rearrested": person.is_rearrested,
        "release_event_id": str(person.release_event_id),
        "occurred_on": person.occurred_on,
        "release_kind": person.release_kind,
        "facility": facility and {"id": str(facility), "name": person.facility_name},
        "independent_sources": person.independent_sources,
        "independent_denials": person.independent_denials,
    }
