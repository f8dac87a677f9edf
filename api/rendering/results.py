"""Answers read from the database: rows that PostgreSQL renders as JSON, cut to the contract.

An operation names a query and its parameters; the contract's answer gives the properties that are
taken from its rows. What the contract does not list is not selected.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import UUID

import orjson

from api.access import Caller
from api.contract import document
from api.contract.document import Operation, Schema
from api.database import ledger, queries
from api.database.ledger import Reader
from api.errors import not_found
from api.rendering import etags, pagination

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """The one row of a query; none is an unknown `what`. That the `reader` was shown a hidden name
    is noted."""

    what: str
    query: str
    parameters: Mapping[str, Any]
    reader: Reader | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list: the rows of a query that takes `after` and `limit`.

    `filters` are those of the query; one that is None is left out. The walk goes on after the item
    that `cursor` names, or after the number `after` where the items are numbered themselves. Where
    the rows are not the items, they are of the contract's schema `of`, and `made` makes items of
    them. A list that is a `ranking` goes on through it; its query takes `ids`, and `matches`, which
    say how each was found, instead. That the `reader` was shown hidden names is noted.
    """

    query: str
    limit: int
    filters: Mapping[str, Any] = field(default_factory=dict)
    cursor: str | None = None
    after: int | None = None
    of: str | None = None
    ranking: Sequence["Ranked"] | None = None
    made: Callable[[queries.Connection, Sequence[Item]], Sequence[Item]] | None = None
    reader: Reader | None = None


@dataclass(frozen=True, slots=True)
class Ranked:
    """A place in a ranking by score (0 to 1, in thousandths), then id; and how the id was found."""

    score: float
    id: str
    match: Mapping[str, Any]

    @property
    def key(self) -> str:
        return f"{self.score:.3f}/{self.id}"


@dataclass(frozen=True, slots=True)
class Whole:
    """One object with lists that may be very long, which are read and sent block by block.

    Each list is read by a function that gives its items after one of these numbers, by the
    property `row`; none is the end of it.
    """

    id: str
    properties: Item
    lists: Mapping[str, Callable[[queries.Connection, int], Sequence[Item]]]


Unchanged = Callable[[Record], None]
"""Refuses a change that was meant for another state of a record than it is in. To be called with
the record, as it is answered, once nobody else can change it."""


@dataclass(frozen=True, slots=True)
class Document:
    """An answer in a form of its own, written for the address at which the service is reached."""

    write: Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Export:
    """All that a caller may see, or what belongs to one announcement, to be loaded elsewhere."""

    caller: Caller | None
    announcement_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Rendered:
    """An answer's body and its validator; the id of what it is about, where its list goes on, how
    it is cited."""

    body: bytes
    etag: str
    id: str | None = None
    following: Mapping[str, str] = field(default_factory=dict)
    cite_as: str | None = None


def render(conn: queries.Connection | None, operation: Operation, result: Any) -> Rendered:
    """The JSON of what an operation returned, cut to the contract's answer."""
    if isinstance(result, str):
        return rendered(result.encode())
    if conn is not None and isinstance(result, Record):
        return _one(conn, operation, result)
    if conn is not None and isinstance(result, Page):
        return _page(conn, operation, result)
    answer = cut(operation.answer, result)
    body = orjson.dumps(answer)
    return cited(answer, body, operation.offers[0]) if "citation" in answer else rendered(body)


def rendered(
    body: bytes, id: str | None = None, following: Mapping[str, str] | None = None
) -> Rendered:
    """An answer that is known again by its bytes."""
    return Rendered(body, etags.strong(body), id, following or {})


def cited(answer: Mapping[str, Any], body: bytes, media_type: str) -> Rendered:
    """An answer with a citation, in some form."""
    etag = etags.of_cited(answer, media_type)
    return Rendered(body, etag, cite_as=answer["citation"]["url"])


def _one(conn: queries.Connection, operation: Operation, one: Record) -> Rendered:
    statement = _statement(
        one.query,
        frozenset(one.parameters),
        _columns(operation.answer),
        of_reader=one.reader is not None,
    )
    rows = _read(conn, statement, one.parameters, one.reader)
    if not rows:
        raise not_found(one.what)
    (row,) = rows
    return rendered(row.body.encode(), str(one.parameters.get("id")))


def read(
    conn: queries.Connection, query: str, of: str, **parameters: Any
) -> Sequence[Mapping[str, Any]]:
    """The rows of a query as the contract's schema `of` has them, to make an answer of."""
    statement = _statement(query, frozenset(parameters), _columns_of(of))
    return [orjson.loads(row.body) for row in queries.execute(conn, statement, parameters)]


def _page(conn: queries.Connection, operation: Operation, page: Page) -> Rendered:
    texts, following = items(conn, operation, page)
    ending = orjson.dumps(next(iter(following.values()), None))
    return rendered(
        b'{"items":[' + b",".join(texts) + b'],"next":' + ending + b"}", following=following
    )


def items(
    conn: queries.Connection, operation: Operation, page: Page
) -> tuple[Sequence[bytes], Mapping[str, str]]:
    """The JSON of a page's items, and the parameter with which the next page is asked for."""
    keys, texts = block(conn, operation, page, start(operation, page), page.limit + 1)
    if len(texts) <= page.limit:
        return texts, {}
    last = keys[page.limit - 1]
    if page.after is not None:
        return texts[: page.limit], {"after": last}
    cursor = pagination.encode(operation.id, queries.drop_none(**page.filters), last)
    return texts[: page.limit], {"cursor": cursor}


def start(operation: Operation, page: Page) -> str | int | None:
    """After which key a page begins. A cursor of another list is refused."""
    if page.cursor is not None:
        filters = queries.drop_none(**page.filters)
        return pagination.decode(operation.id, filters, page.cursor, page.ranking is not None)
    return page.after


def block(
    conn: queries.Connection, operation: Operation, page: Page, after: str | int | None, limit: int
) -> tuple[Sequence[str], Sequence[bytes]]:
    """The keys and the JSON of the items after a key, `limit` at the most."""
    parameters = {**queries.drop_none(**page.filters), "limit": limit}
    ranked = None if page.ranking is None else _following(page.ranking, after)[:limit]
    if ranked is not None:
        parameters["ids"] = [one.id for one in ranked]
        parameters["matches"] = [orjson.dumps(one.match).decode() for one in ranked]
    elif after is not None:
        parameters["after"] = after
    item = operation.answer["properties"]["items"]["items"]
    statement = _statement(
        page.query,
        frozenset(parameters),
        _columns(item) if page.of is None else _columns_of(page.of),
        "id" if page.after is None else "seq",
        of_reader=page.reader is not None,
    )
    if ranked is not None:
        rows = _read(conn, statement, parameters, page.reader)
        bodies = {row.key: row.body for row in rows}
        there = [one for one in ranked if one.id in bodies]
        return [one.key for one in there], [bodies[one.id].encode() for one in there]
    if page.made is None:
        rows = _read(conn, statement, parameters, page.reader)
        return [row.key for row in rows], [row.body.encode() for row in rows]
    with queries.snapshot(conn):
        rows = queries.execute(conn, statement, parameters).fetchall()
        made = page.made(conn, [orjson.loads(row.body) for row in rows])
    return [row.key for row in rows], [orjson.dumps(cut(item, one)) for one in made]


def _read(
    conn: queries.Connection, statement: str, parameters: Mapping[str, Any], reader: Reader | None
) -> Sequence[Any]:
    """The rows of a statement; those that name whom others do not see are noted first."""
    rows = queries.execute(conn, statement, parameters).fetchall()
    if reader is not None:
        ledger.note_reading(conn, reader, [row.id for row in rows if row.is_hidden])
    return rows


def blocks(
    conn: queries.Connection,
    query: str,
    schema: Schema,
    parameters: Mapping[str, Any],
    size: int,
) -> Iterator[Sequence[bytes]]:
    """The JSON of all rows of a query, cut to a schema and without what is null; in a transaction,
    so many rows at a time."""
    statement = _statement(query, frozenset(parameters), _columns(schema), nulls=False)
    for rows in queries.blocks(conn, statement, parameters, size):
        yield [row.body.encode() for row in rows]


def _following(ranking: Sequence[Ranked], after: str | int | None) -> Sequence[Ranked]:
    """The places of a ranking after the one that a key names, whoever holds it now."""
    if after is None:
        return ranking
    score, _, id = str(after).partition("/")
    return [one for one in ranking if (-one.score, one.id) > (-float(score), id)]


@cache
def _statement(
    query: str,
    given: frozenset[str],
    columns: tuple[str, ...],
    key: str | None = None,
    *,
    of_reader: bool = False,
    nulls: bool = True,
) -> str:
    """A query's rows as JSON objects of these columns, with what identifies a row as `key`, and for
    a reader which of them are hidden from others."""
    select = f"r.{key}::text AS key, " if key else ""
    if of_reader:
        return (
            f"SELECT {select}q.id, q.is_hidden, row_to_json(r)::text AS body "  # noqa: S608
            f"FROM (\n{queries.text(query, given)}\n) q "
            f"CROSS JOIN LATERAL (SELECT {', '.join(columns)}) r"
        )
    body = "row_to_json(r)" if nulls else "json_strip_nulls(row_to_json(r))"
    return (
        f"SELECT {select}{body}::text AS body "  # noqa: S608 - all from contract and files
        f"FROM (SELECT {', '.join(columns)} FROM (\n{queries.text(query, given)}\n) q) r"
    )


@cache
def _columns_of(name: str) -> tuple[str, ...]:
    """The columns of a query whose rows are of this schema of the contract."""
    return _columns(document.load().schema(name))


def _columns(schema: Schema) -> tuple[str, ...]:
    return tuple(
        f"rfc3339(q.{name}) AS {name}" if part.get("format") == "date-time" else f"q.{name}"
        for name, part in schema["properties"].items()
    )


def cut(schema: Schema, data: Any) -> Any:
    """What the contract lists of an answer, and nothing else: in a register of people who are
    held, a property that slips out can harm. A property that is missing raises KeyError."""
    cutter = _cutter(schema)
    return data if cutter is None else cutter(data)


def _cutter(schema: Schema) -> Callable[[Any], Any] | None:
    """What cuts data to a schema; None where there is nothing to cut. Made once: an answer can
    have a thousand items."""
    # With the schema itself, so that no other can come to have its id.
    if id(schema) not in _CUTTERS:
        _CUTTERS[id(schema)] = schema, _made(schema)
    return _CUTTERS[id(schema)][1]


def _made(schema: Schema) -> Callable[[Any], Any] | None:
    if "properties" in schema:
        names = list(schema["properties"])
        parts = [(name, _cutter(part)) for name, part in schema["properties"].items()]
        deeper = [(name, part) for name, part in parts if part is not None]

        def cut_object(data: Any) -> Any:
            if data is None:
                return None
            kept = {name: data[name] for name in names}
            for name, part in deeper:
                kept[name] = part(kept[name])
            return kept

        return cut_object
    cutter = _cutter(schema["items"]) if "items" in schema else None
    if cutter is None:
        return None
    return lambda data: None if data is None else [cutter(item) for item in data]


_CUTTERS: dict[int, tuple[Schema, Callable[[Any], Any] | None]] = {}
