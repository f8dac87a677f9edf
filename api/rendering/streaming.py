"""Bodies that are read and sent block by block.

A list of a million rows takes no more memory than a list of a thousand. A connection is held while
a block is read, not while it is sent, so that a slow client holds none.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import chain
from typing import TypeVar, cast

import orjson
from psycopg_pool import ConnectionPool

from api.contract import document
from api.contract.document import Operation, Schema
from api.database import queries
from api.rendering import rows
from api.rendering.links import with_absolute_citations
from api.rendering.projection import project
from api.rendering.results import Item, Page, Stream
from api.tables import encoders
from api.tables.encoders import Encoder
from api.tables.workbook_writer import Parts

Block = TypeVar("Block")


def of_list(operation: Operation, page: Page, media_type: str) -> Stream:
    """Return the stream of a list from the beginning of a page to the end of the list."""
    return Stream(partial(_list_blocks, operation, page, media_type))


def encoded(
    operation: Operation,
    media_type: str,
    blocks: Iterator[bytes] | Iterator[Sequence[Item]],
    public_url: str | None,
) -> Iterator[bytes]:
    """Return blocks as bytes. Items become rows of a tabular media type.

    With a `public_url`, the URLs of their citations are absolute.
    A workbook is complete before it returns, so that an error still becomes an error response.
    """
    if isinstance(blocks, Parts):
        return blocks
    first = next(blocks)
    if isinstance(first, bytes):
        return _Started(first, cast(Iterator[bytes], blocks))
    schema = operation.response_schema["properties"]["items"]
    items = (
        with_absolute_citations({"items": project(schema, block)}, public_url)["items"]
        for block in chain([first], blocks)
    )
    return started(_encoder(operation, media_type).encoded(items))


def started(blocks: Iterator[Block]) -> Iterator[Block]:
    """Return an iterator whose first block has been read. A workbook is complete already."""
    if isinstance(blocks, Parts):
        return cast(Iterator[Block], blocks)
    return _Started(next(blocks), blocks)


class _Started(Iterator[Block]):
    """A first block and the others. Its end closes them: an export of them holds a connection."""

    def __init__(self, first: Block, others: Iterator[Block]) -> None:
        self._others = others
        self._blocks = chain([first], others)

    def __next__(self) -> Block:
        return next(self._blocks)

    def close(self) -> None:
        if close := getattr(self._others, "close", None):
            close()


def _encoder(operation: Operation, media_type: str) -> Encoder:
    schema = operation.response_schema["properties"]["items"]["items"]
    return encoders.encoder(schema, media_type, operation.title)


def _list_blocks(
    operation: Operation, page: Page, media_type: str, pool: ConnectionPool[queries.Connection]
) -> Iterator[bytes]:
    def read(after: str | int | None) -> rows.Block:
        with queries.borrowed_connection(pool) as conn:
            return rows.block(conn, operation, page, after, queries.BLOCK_SIZE)

    def blocks(block: rows.Block) -> Iterator[Sequence[bytes]]:
        yield block.items
        while block.until is not None:
            block = read(block.until)
            yield block.items

    first = read(rows.start(operation, page))
    return started(_encoder(operation, media_type).encoded_json(blocks(first)))


def of_object(
    schema: str,
    id: str,
    properties: Item,
    lists: Mapping[str, Callable[[queries.Connection, int], Sequence[Item]]],
) -> Stream:
    """Return the stream of one JSON object with lists that may be very long.

    `schema` is the key of its schema in the contract. Each function of `lists` returns the items
    whose property `row` is above a number, or no items at the end of its list.
    """
    head_schema, list_schemas = _split(schema, tuple(lists))
    head = orjson.dumps(project(head_schema, properties))

    def blocks(pool: ConnectionPool[queries.Connection]) -> Iterator[bytes]:
        yield head[:-1]
        for name, read in lists.items():
            yield b"," + orjson.dumps(name) + b":["
            after, comma = 0, b""
            while items := _read_items(pool, read, after):
                yield comma + orjson.dumps(project(list_schemas[name], items))[1:-1]
                after, comma = items[-1]["row"], b","
            yield b"]"
        yield b"}"

    return Stream(blocks, version=orjson.dumps(properties), id=id)


@cache
def _split(name: str, lists: tuple[str, ...]) -> tuple[Schema, Mapping[str, Schema]]:
    """Return the schema of an object without these lists, and the schema of each list."""
    parts = document.load().schema(name)["properties"]
    head = {"properties": {name: parts[name] for name in parts if name not in lists}}
    return head, {name: parts[name] for name in lists}


def _read_items(
    pool: ConnectionPool[queries.Connection],
    read: Callable[[queries.Connection, int], Sequence[Item]],
    after: int,
) -> Sequence[Item]:
    with queries.borrowed_connection(pool) as conn:
        return read(conn, after)
