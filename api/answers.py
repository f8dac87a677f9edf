"""Answers read from the database: rows that PostgreSQL renders as JSON, cut to the contract.

An operation names a query and its parameters; the contract's answer gives the properties that are
taken from its rows. What the contract does not list is not selected.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import orjson

from api import paging, queries
from api.errors import not_found
from api.spec import Operation, Schema


@dataclass(frozen=True, slots=True)
class One:
    """The one row of a query; none is an unknown `what`."""

    what: str
    query: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list: the rows of a query that takes `after` and `limit`.

    `filters` are those of the query; one that is None is left out. The walk goes on after the item
    that `cursor` names, or after the number `after` where the items are numbered themselves.
    """

    query: str
    limit: int
    filters: Mapping[str, Any] = field(default_factory=dict)
    cursor: str | None = None
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Rendered:
    """An answer's body; the id of what it is about, or where its list goes on."""

    body: bytes
    id: str | None = None
    following: Mapping[str, str] = field(default_factory=dict)


def render(conn: queries.Connection | None, operation: Operation, result: Any) -> Rendered:
    """The body of what an operation returned, cut to the contract's answer."""
    if isinstance(result, str):
        return Rendered(result.encode())
    if conn is not None and isinstance(result, One):
        return _one(conn, operation, result)
    if conn is not None and isinstance(result, Page):
        return _page(conn, operation, result)
    return Rendered(orjson.dumps(cut(operation.answer, result)))


def _one(conn: queries.Connection, operation: Operation, one: One) -> Rendered:
    statement = _statement(one.query, frozenset(one.parameters), _columns(operation.answer))
    row = queries.execute(conn, statement, one.parameters).fetchone()
    if row is None:
        raise not_found(one.what)
    return Rendered(row.body.encode(), str(one.parameters.get("id")))


def _page(conn: queries.Connection, operation: Operation, page: Page) -> Rendered:
    filters = {name: value for name, value in page.filters.items() if value is not None}
    parameters = {**filters, "limit": page.limit + 1}
    if page.cursor is not None:
        parameters["after"] = paging.decode(operation.id, filters, page.cursor)
    elif page.after is not None:
        parameters["after"] = page.after
    statement = _statement(
        page.query,
        frozenset(parameters),
        _columns(operation.answer["properties"]["items"]["items"]),
        "id" if page.after is None else "seq",
    )
    rows = queries.execute(conn, statement, parameters).fetchall()
    following: Mapping[str, str] = {}
    if len(rows) > page.limit:
        rows.pop()
        last = rows[-1].key
        if page.after is None:
            following = {"cursor": paging.encode(operation.id, filters, last)}
        else:
            following = {"after": last}
    ending = orjson.dumps(next(iter(following.values()), None))
    items = ",".join(row.body for row in rows)
    return Rendered(
        b'{"items":[' + items.encode() + b'],"next":' + ending + b"}", following=following
    )


@cache
def _statement(
    query: str, given: frozenset[str], columns: tuple[str, ...], key: str | None = None
) -> str:
    """A query's rows as JSON objects of these columns, with what identifies a row as `key`."""
    select = f"r.{key}::text AS key, " if key else ""
    return (
        f"SELECT {select}row_to_json(r)::text AS body "  # noqa: S608 - all from contract and files
        f"FROM (SELECT {', '.join(columns)} FROM (\n{queries.text(query, given)}\n) q) r"
    )


def _columns(schema: Schema) -> tuple[str, ...]:
    return tuple(
        f"rfc3339(q.{name}) AS {name}" if part.get("format") == "date-time" else f"q.{name}"
        for name, part in schema["properties"].items()
    )


def cut(schema: Schema, data: Any) -> Any:
    """What the contract lists of an answer, and nothing else: in a register of people who are
    held, a property that slips out can harm. A property that is missing raises KeyError."""
    if isinstance(data, Mapping) and "properties" in schema:
        return {name: cut(part, data[name]) for name, part in schema["properties"].items()}
    if isinstance(data, list) and "items" in schema:
        return [cut(schema["items"], item) for item in data]
    return data
