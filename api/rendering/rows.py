"""Rows of queries as JSON, which PostgreSQL writes.

A statement selects only the properties that the contract lists, so that no other data leaves the
database. A property with `x-computed` is no column.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import orjson

from api.contract import document
from api.contract.document import Operation, Schema
from api.database import ledger, queries
from api.database.ledger import Reader
from api.errors import not_found
from api.rendering import pagination
from api.rendering.results import Page, Record


def record(conn: queries.Connection, operation: Operation, record: Record) -> bytes:
    """Return the JSON of a record. Raises `not-found`."""
    statement = _statement(
        record.query,
        frozenset(record.parameters),
        _columns(_record_schema(operation, record)),
        read_id=record.reader and record.reader.column,
    )
    rows = _read(conn, statement, record.parameters, record.reader)
    if not rows:
        raise not_found(record.resource)
    return rows[0].body.encode()  # type: ignore[no-any-return]


def _record_schema(operation: Operation, record: Record) -> Schema:
    if operation.proposal_response is not None and record.resource == "proposal":
        return operation.proposal_response.schema
    return operation.response_schema


def read(
    conn: queries.Connection, query: str, schema: str, **parameters: Any
) -> list[Mapping[str, Any]]:
    """Return the rows of a query as objects of a schema of the contract, named by its key."""
    statement = _statement(query, frozenset(parameters), _schema_columns(schema))
    return [orjson.loads(row.body) for row in queries.execute(conn, statement, parameters)]


class Block(NamedTuple):
    """Consecutive items of a list as JSON, and their keys.

    The list goes on after the key `until`, or without one has no further item.
    """

    keys: Sequence[str]
    items: Sequence[bytes]
    until: str | None


def page(
    conn: queries.Connection, operation: Operation, page: Page, limit: int
) -> tuple[Sequence[bytes], Mapping[str, str]]:
    """Return the JSON of a page's items, and the query parameter of the next page, if any."""
    read = block(conn, operation, page, start(operation, page), limit + 1)
    last = read.keys[limit - 1] if len(read.items) > limit else read.until
    if last is None:
        return read.items, {}
    if page.after is not None:
        return read.items[:limit], {"after": last}
    cursor = pagination.encode(operation.id, queries.drop_none(**page.filters), last)
    return read.items[:limit], {"cursor": cursor}


def start(operation: Operation, page: Page) -> str | int | None:
    """Return the key after which a page begins. Raises `validation-error` for a wrong cursor."""
    if page.cursor is None:
        return page.after
    filters = queries.drop_none(**page.filters)
    pattern = pagination.ID if page.ranking is None else page.ranking.position_pattern
    return pagination.decode(operation.id, filters, page.cursor, pattern)


def block(
    conn: queries.Connection, operation: Operation, page: Page, after: str | int | None, limit: int
) -> Block:
    """Return at most `limit` items after a key."""
    parameters = {**queries.drop_none(**page.filters), "limit": limit}
    is_scan = page.scan is not None
    if page.scan is not None:
        parameters |= {**page.scan, "max_scanned": pagination.MAX_SCANNED}
    ranked = None
    if page.ranking is not None:
        ranked = page.ranking.read(conn, None if after is None else str(after), limit)
        parameters["ids"] = [item.id for item in ranked]
        parameters["matches"] = [orjson.dumps(item.match).decode() for item in ranked]
    elif after is not None:
        parameters["after"] = after
    statement = _statement(
        page.query,
        frozenset(parameters),
        _columns(operation.response_schema["properties"]["items"]["items"]),
        "id" if page.after is None else "seq",
        read_id=page.reader and page.reader.column,
        is_scan=is_scan,
    )
    rows = _read(conn, statement, parameters, page.reader)
    if ranked is not None:
        bodies = {row.key: row.body for row in rows}
        # A person may have been hidden or merged since the ranking was made.
        present = [item for item in ranked if item.id in bodies]
        return Block(
            [item.position for item in present],
            [bodies[item.id].encode() for item in present],
            ranked[-1].position if len(ranked) == limit else None,
        )
    goes_on = len(rows) == limit or (is_scan and rows and rows[-1].ends_scan)
    met = [row for row in rows if row.is_met] if is_scan else rows
    return Block(
        [row.key for row in met],
        [row.body.encode() for row in met],
        rows[-1].key if goes_on else None,
    )


def blocks(
    conn: queries.Connection,
    query: str,
    schema: Schema,
    parameters: Mapping[str, Any],
    size: int,
    *,
    nulls: bool,
) -> Iterator[Sequence[bytes]]:
    """Yield the JSON of all rows of a query, `size` rows at a time, with or without null values.

    Must be called in a transaction.
    """
    statement = _statement(query, frozenset(parameters), _columns(schema), nulls=nulls)
    for rows in queries.blocks(conn, statement, parameters, size):
        yield [row.body.encode() for row in rows]


def _read(
    conn: queries.Connection, statement: str, parameters: Mapping[str, Any], reader: Reader | None
) -> Sequence[Any]:
    """Return the rows of a statement, after the ledger has noted the hidden names among them."""
    rows = queries.execute(conn, statement, parameters).fetchall()
    if reader is not None:
        ledger.note_reading(conn, reader, [row.read_id for row in rows if row.is_hidden])
    return rows


@cache
def _statement(
    query: str,
    parameters: frozenset[str],
    columns: tuple[str, ...],
    key: str | None = None,
    *,
    read_id: str | None = None,
    is_scan: bool = False,
    nulls: bool = True,
) -> str:
    """Wrap a query so that its rows are JSON objects of these columns, as `body`.

    `key` is the column that identifies a row, selected as `key`. For a reader, each row also has
    the `read_id` of the record that it names, and whether that `is_hidden` from others. A row of a
    scan also has whether its record `is_met` by the conditions, and whether it `ends_scan`.
    """
    select = f"r.{key}::text AS key, " if key else ""
    select += f"q.{read_id} AS read_id, q.is_hidden, " if read_id else ""
    select += "q.is_met, q.ends_scan, " if is_scan else ""
    body = "row_to_json(r)" if nulls else "json_strip_nulls(row_to_json(r))"
    text = queries.text(query, parameters)
    return (
        f"SELECT {select}{body}::text AS body "  # noqa: S608 - all from contract and files
        f"FROM (\n{text}\n) q CROSS JOIN LATERAL (SELECT {', '.join(columns)}) r"
    )


@cache
def _schema_columns(name: str) -> tuple[str, ...]:
    return _columns(document.load().schema(name))


def _columns(schema: Schema) -> tuple[str, ...]:
    return tuple(
        f"rfc3339(q.{name}) AS {name}" if part.get("format") == "date-time" else f"q.{name}"
        for name, part in schema["properties"].items()
        if not part.get("x-computed")
    )
