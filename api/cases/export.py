"""Export all that a caller may see, in the form that `constancia load` reads.

The complete store is exported as NDJSON, the records of one announcement as a case file. An export
reads one snapshot in blocks, so its memory does not grow with the store, and writers do not wait.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

import orjson
from psycopg_pool import ConnectionPool

from api import access
from api.access import Caller
from api.cases.format import CASE_NAMES, EXPORT_VERSION, LISTS, entry_schema
from api.database import ledger, queries
from api.database.ledger import Reader
from api.rendering import rows, streaming
from api.rendering.results import Stream

# The lists that an export of one announcement selects by id.
_LISTS_BY_ID = ("sources", "affiliations", "facilities", "claims")
_QUERIES = {
    "sources": "sources/list",
    "affiliations": "affiliations/list",
    "facilities": "facilities/list",
    "claims": "claims/list",
    "detainees": "detainees/export",
    "release_events": "release_events/list",
    "attestations": "attestations/export",
    "detentions": "detentions/export",
}
_CASE_FIELDS = {**CASE_NAMES, "id": "key"}


@dataclass(frozen=True, slots=True)
class _Export:
    """The caller, None for the public; and the announcement, None for the complete store."""

    caller: Caller | None
    announcement_id: UUID | None = None


def stream(caller: Caller | None, announcement_id: UUID | None = None) -> Stream:
    """Return an export. An interrupted export lacks its last line."""
    export = _Export(caller, announcement_id)
    return Stream(lambda pool: streaming.started(_blocks(pool, export)))


def _blocks(pool: ConnectionPool[queries.Connection], export: _Export) -> Iterator[bytes]:
    with queries.borrowed_connection(pool) as conn:
        after_seq = queries.row(conn, "ledger/get_last_entry").seq
        while True:
            # A slow reader has an hour. A longer snapshot would hold back VACUUM.
            with queries.snapshot(conn, timeout_minutes=60):
                ids_by_list = _select(conn, export)
                unlogged = _unlogged_readings(conn, export, ids_by_list, after_seq)
                if not unlogged:
                    yield from _write(conn, export, ids_by_list)
                    return
            # Log hidden names before they are sent. The next snapshot may have more of them.
            for reader, ids in unlogged:
                ledger.note_reading(conn, reader, ids)


def _unlogged_readings(
    conn: queries.Connection,
    export: _Export,
    ids_by_list: Mapping[str, Sequence[UUID]],
    after_seq: int,
) -> Sequence[tuple[Reader, Sequence[UUID]]]:
    """Return hidden records of the export, one block at most, whose reading the ledger does not
    have yet."""
    if export.caller is None or not export.caller.sees_hidden:
        return []
    announcement = queries.drop_none(announcement_id=export.announcement_id)
    unlogged = queries.rows(
        conn,
        "ledger/list_unlogged_readings",
        after_seq=after_seq,
        actor=export.caller.key_id,
        source_ids=ids_by_list.get("sources"),
        limit=queries.BLOCK_SIZE,
        **announcement,
    )
    by_resource = groupby(sorted(unlogged), key=itemgetter(0))
    return [
        (Reader(export.caller, resource), [id for _, id in pairs])
        for resource, pairs in by_resource
    ]


def _select(conn: queries.Connection, export: _Export) -> Mapping[str, Sequence[UUID]]:
    """Return the ids, by list, that the records of one announcement refer to."""
    if export.announcement_id is None:
        return {}
    ids_by_list: dict[str, list[UUID]] = {name: [] for name in _LISTS_BY_ID}
    for row in queries.rows(
        conn,
        "claims/list_announced_records",
        id=export.announcement_id,
        sees_hidden=access.sees_hidden(export.caller),
    ):
        ids_by_list[row.list].append(row.id)
    return ids_by_list


def _write(
    conn: queries.Connection, export: _Export, ids_by_list: Mapping[str, Sequence[UUID]]
) -> Iterator[bytes]:
    sees_hidden = access.sees_hidden(export.caller)
    query = "ledger/get_last_entry" if sees_hidden else "ledger/get_recorded_moment"
    moment = queries.row(conn, query).recorded_as_of
    if export.announcement_id is None:
        return _write_lines(conn, export, moment)
    return _write_case(conn, export, export.announcement_id, ids_by_list, moment)


def _write_lines(conn: queries.Connection, export: _Export, moment: str) -> Iterator[bytes]:
    yield _line({"export": "constancia", "version": EXPORT_VERSION, "recorded_as_of": moment})
    totals = dict.fromkeys(LISTS, 0)
    for name in LISTS:
        opening = b'{"list":"%b",' % name.encode()
        for texts in entries(conn, export.caller, name, {}):
            totals[name] += len(texts)
            yield b"".join(b"%b%b\n" % (opening, text[1:]) for text in texts)
    yield _line({"totals": totals})


def _line(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def _write_case(
    conn: queries.Connection,
    export: _Export,
    announcement_id: UUID,
    ids_by_list: Mapping[str, Sequence[UUID]],
    moment: str,
) -> Iterator[bytes]:
    head = {
        "case": f"announcement-{announcement_id}",
        "title": f"Records of the announcement {announcement_id}",
        "recorded_as_of": moment,
    }
    yield orjson.dumps(head)[:-1]
    for name in LISTS:
        yield b',\n"%b":[' % name.encode()
        filters: Mapping[str, Any] = (
            {"ids": ids_by_list[name]} if name in ids_by_list else {"case_of": announcement_id}
        )
        separator = b"\n"
        for texts in entries(conn, export.caller, name, filters):
            lines = (orjson.dumps(_as_case(orjson.loads(text))) for text in texts)
            yield separator + b",\n".join(lines)
            separator = b",\n"
        yield b"]"
    yield b"}\n"


def _as_case(value: Any) -> Any:
    """Return a value with the names of a case file; an id becomes a key."""
    if isinstance(value, list):
        return [_as_case(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {_CASE_FIELDS.get(name, name): _as_case(part) for name, part in value.items()}


def entries(
    conn: queries.Connection,
    caller: Caller | None,
    name: str,
    filters: Mapping[str, Any],
    *,
    nulls: bool = False,
) -> Iterator[Sequence[bytes]]:
    """Yield blocks of a list's entries as JSON, each entry after those that it refers to.

    Null fields are left out, unless `nulls`.
    """
    properties = {"id": {}, **entry_schema(name)["properties"]}
    sees_hidden = access.sees_hidden(caller)
    parameters = {**filters, "exported": True, "sees_hidden": sees_hidden, "limit": None}
    return rows.blocks(
        conn,
        _QUERIES[name],
        {"properties": properties},
        parameters,
        queries.BLOCK_SIZE,
        nulls=nulls,
    )
