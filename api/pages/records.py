"""Recorded objects as the operations of the API respond with them, for pages."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast
from uuid import UUID

import orjson

from api.contract import document
from api.database import queries
from api.rendering import rows
from api.rendering.results import Item, Page, Record


def record(conn: queries.Connection, operation_id: str, record: Record) -> Any:
    """Return the object of a record, as its operation responds with it."""
    return orjson.loads(rows.record(conn, document.load().operation(operation_id), record))


def items(
    conn: queries.Connection, operation_id: str, page: Page
) -> tuple[Sequence[Any], str | None]:
    """Return the items of a page of a list, and the cursor of the next one."""
    bodies, following = rows.page(
        conn, document.load().operation(operation_id), page, cast(int, page.limit)
    )
    return [orjson.loads(body) for body in bodies], following.get("cursor")


def names(conn: queries.Connection, query: str, schema: str, ids: set[str]) -> dict[str, str]:
    """Return the public names of records, by id."""
    return {id: item["name"] for id, item in by_id(conn, query, schema, ids).items()}


def facility_names(conn: queries.Connection, claims: Iterable[Item]) -> dict[str, str]:
    """Return the names of the facilities of claims, by id."""
    ids = {claim["facility_id"] for claim in claims} - {None}
    return names(conn, "facilities/list", "Facility", ids)


def latest_claims(
    conn: queries.Connection, source_id: UUID, limit: int
) -> tuple[Sequence[Item], bool]:
    """Return the claims that a source published last, and whether it has more than `limit`."""
    listed = queries.rows(conn, "claims/list_latest_ids", source_id=source_id, limit=limit + 1)
    latest = [row.id for row in listed[:limit]]
    claims = by_id(conn, "claims/list", "Claim", set(latest))
    return [claims[id] for id in latest], len(listed) > limit


def by_id(conn: queries.Connection, query: str, schema: str, ids: set[str]) -> Mapping[str, Item]:
    """Return records as the public sees them, by id; without release events that are void."""
    if not ids:
        return {}
    scope = {} if schema == "Facility" else {"sees_hidden": False}
    items = rows.read(conn, query, schema, ids=list(ids), limit=len(ids), **scope)
    return {item["id"]: item for item in items}
