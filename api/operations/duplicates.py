"""The list of possible duplicates."""

import re
from typing import NamedTuple
from uuid import UUID

from api.access import Caller
from api.database import ledger, queries
from api.identity import duplicates
from api.identity.duplicates import Pair, Record, Resource
from api.rendering import pagination
from api.rendering.results import Answer, Item

_LIST = "listDuplicates"
_ID = pagination.ID.pattern
_POSITION = re.compile(rf"{_ID}( {_ID} \d\.\d{{3}} {_ID} {_ID})?")
_PATHS = {"source": "/v1/sources/", "detainee": "/v1/detainees/"}


class _Position(NamedTuple):
    """A position in the list: the block after an id, up to another one, and a pair in it."""

    after: UUID
    until: UUID | None = None
    pair: tuple[float, UUID, UUID] | None = None


def list_duplicates(
    conn: queries.Connection, caller: Caller, resource: Resource, limit: int, cursor: str | None
) -> Answer:
    """List the pairs after a position; note which hidden names are read."""
    filters = {"resource": resource}
    position = _Position(duplicates.BEGINNING)
    if cursor is not None:
        position = _read_position(pagination.decode(_LIST, filters, cursor, _POSITION))
    with queries.snapshot(conn):
        block = duplicates.read_block(conn, resource, position.after, position.until)
    pairs = [pair for pair in block.pairs if position.pair is None or pair.position > position.pair]
    page = pairs[:limit]
    if reader := ledger.reader(caller, resource):
        hidden = {r.id for pair in page for r in (pair.first, pair.second) if r.is_hidden}
        ledger.note_reading(conn, reader, sorted(hidden))
    following = None
    if len(page) < len(pairs):
        last = page[-1]
        following = (
            f"{position.after} {block.until} {last.score:.3f} {last.first.id} {last.second.id}"
        )
    elif not block.is_last:
        following = str(block.until)
    return Answer(
        {
            "items": [_item(resource, pair) for pair in page],
            "next": following and pagination.encode(_LIST, filters, following),
            "is_complete": block.is_last,
        }
    )


def _item(resource: Resource, pair: Pair) -> Item:
    return {
        "first": _record(resource, pair.first),
        "second": _record(resource, pair.second),
        "score": pair.score,
        "features": [
            {"feature": feature.feature, "score": feature.score, "detail": feature.detail}
            for feature in pair.features
        ],
    }


def _record(resource: Resource, record: Record) -> Item:
    return {"id": str(record.id), "name": record.name, "link": f"{_PATHS[resource]}{record.id}"}


def _read_position(text: str) -> _Position:
    after, *more = text.split(" ")
    if not more:
        return _Position(UUID(after))
    until, score, first, second = more
    return _Position(UUID(after), UUID(until), (-float(score), UUID(first), UUID(second)))
