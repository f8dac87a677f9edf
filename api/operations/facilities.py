"""Operations on facilities: places where people are held."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from api.access import Caller
from api.database import queries
from api.records import facilities
from api.rendering.results import Page, Record, Unchanged


def list_facilities(conn: queries.Connection, limit: int | None, cursor: str | None) -> Page:
    return Page("facilities/list", limit, cursor=cursor)


def get_facility(conn: queries.Connection, id: UUID) -> Record:
    return Record("facility", "facilities/list", {"id": id, "limit": 1})


def create_facility(conn: queries.Connection, caller: Caller, body: Mapping[str, Any]) -> Record:
    return get_facility(conn, facilities.create(conn, caller, body))


def update_facility(
    conn: queries.Connection,
    caller: Caller,
    id: UUID,
    body: Mapping[str, Any],
    unchanged: Unchanged,
) -> Record:
    facility = get_facility(conn, id)
    facilities.update(conn, caller, id, body, partial(unchanged, facility))
    return facility
