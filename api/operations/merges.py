"""Merges: two records that are of one person, made one. A merge can be undone."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from api.access import Caller
from api.database import queries
from api.records import merges
from api.rendering.results import Record


def merge_detainee(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> Record:
    return get_merge(conn, merges.merge(conn, caller, id, body["into"]))


def get_merge(conn: queries.Connection, id: UUID) -> Record:
    return Record("merge", "merges/list", {"id": id})


def undo_merge(conn: queries.Connection, caller: Caller, id: UUID) -> Record:
    merges.undo(conn, caller, id)
    return get_merge(conn, id)
