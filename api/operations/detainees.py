"""Detainees: people who are or were held."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from api import auth, entries, names, queries, verify
from api.answers import One, Page
from api.auth import Caller
from api.errors import Refusal, not_found
from api.ledger import Change


def list_detainees(
    conn: queries.Connection, caller: Caller | None, limit: int, cursor: str | None, q: str | None
) -> Page:
    filters = {
        "sees_hidden": auth.sees_hidden(caller),
        "words": None if q is None else names.words(q),
    }
    return Page("select_detainees", limit, filters, cursor)


def get_detainee(conn: queries.Connection, caller: Caller | None, id: UUID) -> One:
    parameters = {"id": id, "limit": 1, "sees_hidden": auth.sees_hidden(caller)}
    return One("detainee", "select_detainees", parameters)


def create_detainee(conn: queries.Connection, caller: Caller, body: Mapping[str, Any]) -> One:
    id = entries.enter_detainee(conn, body)
    verify.record(conn, caller, [Change("detainee", id, "created")])
    return get_detainee(conn, caller, id)


def update_detainee(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> One:
    row = queries.one(conn, "lock_detainee", id=id)
    if row is None:
        raise not_found("detainee")
    detainee = {**row._asdict(), **body}
    if row.age_group == "minor" != detainee["age_group"] and not caller.sees_hidden:
        raise Refusal("forbidden", "Only a key of scope edit can end that a minor is hidden.")
    entries.check_detainee(conn, detainee)
    changed = dict(body)
    if "external_ids" in body:
        changed["external_ids"] = Jsonb(body["external_ids"])
    queries.run(conn, "update_detainee", id=id, **changed)
    entries.index_detainee(conn, id, detainee["name"], detainee["aliases"])
    verify.record(conn, caller, [Change("detainee", id, "updated")], detainees=[id])
    return get_detainee(conn, caller, id)
