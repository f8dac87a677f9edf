"""Answers as rows, CSV or NDJSON: a list is read and sent block by block, so that a million rows
take no more memory than a thousand, and no connection waits for a slow reader."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson
from psycopg_pool import ConnectionPool

from api import answers, queries
from api.answers import Page
from api.formats import CSV
from api.spec import Operation, Schema
from api.tables import Table, ndjson_lines

_BLOCK = 1000


def stream(
    pool: ConnectionPool[queries.Connection],
    operation: Operation,
    page: Page,
    limit: int | None,
    media_type: str,
) -> Iterator[bytes]:
    """The rows of a list from its page on, `limit` or all of them; the first block is read when
    this is called, so that what is wrong with the request is still a refusal."""
    item = operation.answer["properties"]["items"]["items"]
    header, lines = _of_texts(item, media_type)
    # What is made of rows takes queries of its own, and a connection meanwhile.
    many = limit or (_BLOCK if page.made is None else page.limit)

    def read(after: str | int | None) -> tuple[Sequence[str], Sequence[bytes]]:
        with queries.translated(), pool.connection() as conn:
            return answers.block(conn, operation, page, after, many)

    def blocks(keys: Sequence[str], texts: Sequence[bytes]) -> Iterator[bytes]:
        yield header + lines(texts)
        while limit is None and len(texts) == many:
            keys, texts = read(keys[-1])
            yield lines(texts)

    return blocks(*read(answers.start(operation, page)))


def rows(operation: Operation, result: Mapping[str, Any], media_type: str) -> bytes:
    """The rows of any other answer: its items, or its groups if it has any, or itself."""
    schema, answer = operation.answer, answers.cut(operation.answer, result)
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


def _of_texts(schema: Schema, media_type: str) -> tuple[bytes, Callable[[Sequence[bytes]], bytes]]:
    """The header, and what makes lines of items' JSON."""
    if media_type == CSV:
        table = Table(schema)
        return table.header(), lambda texts: table.lines(map(orjson.loads, texts))
    return b"", lambda texts: b"".join(text + b"\n" for text in texts)
