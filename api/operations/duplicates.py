"""The list of possible duplicates."""

import re
from uuid import UUID

from api.access import Caller
from api.database import ledger, queries
from api.identity import duplicates
from api.identity.duplicates import Pair, Record, Resource
from api.rendering import pagination
from api.rendering.results import Answer, Item

_LIST = "listDuplicates"
_PLACE = re.compile(rf"\d\.\d{{3}} {pagination.ID.pattern} {pagination.ID.pattern}")
_PATHS = {"source": "/v1/sources/", "detainee": "/v1/detainees/"}


def list_duplicates(
    conn: queries.Connection, caller: Caller, resource: Resource, limit: int, cursor: str | None
) -> Answer:
    """List the pairs after a place; note which hidden names are read."""
    filters = {"resource": resource}
    after = None
    if cursor is not None:
        after = _read_place(pagination.decode(_LIST, filters, cursor, _PLACE))
    with queries.snapshot(conn):
        result = duplicates.find(conn, resource)
    pairs = [pair for pair in result.pairs if after is None or pair.place > after]
    page = pairs[:limit]
    if reader := ledger.reader(caller, resource):
        hidden = {r.id for pair in page for r in (pair.first, pair.second) if r.is_hidden}
        ledger.note_reading(conn, reader, sorted(hidden))
    following = None
    if len(page) < len(pairs):
        following = pagination.encode(_LIST, filters, _place(page[-1]))
    return Answer(
        {
            "items": [_item(resource, pair) for pair in page],
            "next": following,
            "is_complete": result.is_complete,
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


def _place(pair: Pair) -> str:
    return f"{pair.score:.3f} {pair.first.id} {pair.second.id}"


def _read_place(place: str) -> tuple[float, UUID, UUID]:
    score, first, second = place.split(" ")
    return -float(score), UUID(first), UUID(second)
