"""Answers as rows, CSV or NDJSON: a list is read and sent block by block, so that a million rows
take no more memory than a thousand, and no connection waits for a slow reader."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson
from psycopg_pool import ConnectionPool

from api.contract.document import Operation, Schema
from api.database import queries
from api.rendering import results
from api.rendering.media_types import CSV
from api.rendering.results import Page, Rendered, Whole
from api.rendering.tabular import Table, ndjson_lines

_BLOCK = 1000


def stream(
    pool: ConnectionPool[queries.Connection], operation: Operation, page: Page, media_type: str
) -> Iterator[bytes]:
    """The rows of a whole list, from its page on; the first block is read when this is called, so
    that what is wrong with the request is still a refusal."""
    header, lines = _of_texts(operation, media_type)
    # What is made of rows takes queries of its own, and a connection meanwhile.
    many = _BLOCK if page.made is None else page.limit

    def read(after: str | int | None) -> tuple[Sequence[str], Sequence[bytes]]:
        with queries.Lent(pool) as conn:
            return results.block(conn, operation, page, after, many)

    def blocks(keys: Sequence[str], texts: Sequence[bytes]) -> Iterator[bytes]:
        yield header + lines(texts)
        while len(texts) == many:
            keys, texts = read(keys[-1])
            yield lines(texts)

    return blocks(*read(results.start(operation, page)))


def whole(
    pool: ConnectionPool[queries.Connection], operation: Operation, result: Whole
) -> Iterator[bytes]:
    """The JSON of an object with long lists."""
    schemas = operation.answer["properties"]
    own = {name: of for name, of in schemas.items() if name not in result.lists}
    head = orjson.dumps(results.cut({"properties": own}, result.properties))

    def read(name: str, after: int) -> Sequence[Mapping[str, Any]]:
        with queries.Lent(pool) as conn:
            items = result.lists[name](conn, after)
        return [results.cut(schemas[name]["items"], item) for item in items]

    def blocks() -> Iterator[bytes]:
        yield head[:-1]
        for name in result.lists:
            yield b"," + orjson.dumps(name) + b":["
            after, comma = 0, b""
            while items := read(name, after):
                yield comma + orjson.dumps(items)[1:-1]
                after, comma = items[-1]["row"], b","
            yield b"]"
        yield b"}"

    return blocks()


def page_of_rows(
    conn: queries.Connection, operation: Operation, page: Page, media_type: str
) -> Rendered:
    """The rows of one page of a list."""
    header, lines = _of_texts(operation, media_type)
    texts, following = results.items(conn, operation, page)
    return results.rendered(header + lines(texts), following=following)


def rows(operation: Operation, result: Mapping[str, Any], media_type: str) -> Rendered:
    """The rows of any other answer: its items, or its groups if it has any, or itself."""
    answer = results.cut(operation.answer, result)
    body = _rows_of(operation.answer, answer, media_type)
    if "citation" in answer:
        return results.cited(answer, body, media_type)
    return results.rendered(body)


def _rows_of(schema: Schema, answer: Any, media_type: str) -> bytes:
    for name in ("items", "groups"):
        if answer.get(name) is not None:
            schema, answer = schema["properties"][name]["items"], answer[name]
            break
    else:
        answer = [answer]
    if media_type == CSV:
        table = Table(schema)
        return table.header() + table.lines(answer)
    return ndjson_lines(answer)


def _of_texts(
    operation: Operation, media_type: str
) -> tuple[bytes, Callable[[Sequence[bytes]], bytes]]:
    """The header of a list, and what makes lines of its items' JSON."""
    if media_type == CSV:
        table = Table(operation.answer["properties"]["items"]["items"])
        return table.header(), lambda texts: table.lines(map(orjson.loads, texts))
    return b"", lambda texts: b"".join(text + b"\n" for text in texts)
