"""All that a caller may see, in the form in which `constancia load` takes it back: lines (NDJSON),
or for one announcement a case file.

Read from one snapshot and sent block by block: a million records take no more memory than a
thousand, and who reads slowly keeps nobody from writing.
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

# Of these the selection is by id, made before.
_NAMED = ("sources", "affiliations", "facilities", "claims")
_LIST = {
    "sources": "sources/list",
    "affiliations": "affiliations/list",
    "facilities": "facilities/list",
    "claims": "claims/list",
    "detainees": "detainees/list",
    "release_events": "release_events/list",
    "attestations": "attestations/list",
    "detentions": "detentions/list",
}
_IN_A_CASE = {**CASE_NAMES, "id": "key"}


@dataclass(frozen=True, slots=True)
class _Export:
    """All that a caller may see, or what belongs to one announcement."""

    caller: Caller | None
    announcement_id: UUID | None = None


def stream(caller: Caller | None, announcement_id: UUID | None = None) -> Stream:
    """Return an export. An export that is cut off lacks its last line."""
    export = _Export(caller, announcement_id)
    return Stream(lambda pool: streaming.started(_blocks(pool, export)))


def _blocks(pool: ConnectionPool[queries.Connection], export: _Export) -> Iterator[bytes]:
    with queries.borrowed_connection(pool) as conn:
        since = queries.row(conn, "ledger/get_recorded_moment", sees_hidden=True).seq
        while True:
            # An hour for a slow reader; longer would hold back VACUUM.
            with queries.snapshot(conn, timeout_minutes=60):
                named = _named(conn, export)
                unnoted = _unnoted(conn, export, named, since)
                if not unnoted:
                    written = _written(conn, export, named)
                    yield from written
                    return
            # Before any of them leaves; and then in a snapshot of its own, which may have more.
            for reader, ids in unnoted:
                ledger.note_reading(conn, reader, ids)


def _unnoted(
    conn: queries.Connection, export: _Export, named: Mapping[str, Sequence[UUID]], since: int
) -> Sequence[tuple[Reader, Sequence[UUID]]]:
    """Those, some at a time, whose hidden names the export shows, which is not noted yet."""
    if export.caller is None or not export.caller.sees_hidden:
        return []
    picked = queries.drop_none(announcement_id=export.announcement_id)
    rows = queries.rows(
        conn,
        "ledger/list_unlogged_readings",
        since=since,
        actor=export.caller.key_id,
        source_ids=named.get("sources"),
        limit=queries.BLOCK_SIZE,
        **picked,
    )
    by_resource = groupby(sorted(rows), key=itemgetter(0))
    return [
        (Reader(export.caller, resource), [id for _, id in own]) for resource, own in by_resource
    ]


def _named(conn: queries.Connection, export: _Export) -> Mapping[str, Sequence[UUID]]:
    """Of one announcement, by list, what is named by all that was said of it."""
    if export.announcement_id is None:
        return {}
    named: dict[str, list[UUID]] = {name: [] for name in _NAMED}
    for row in queries.rows(
        conn,
        "claims/list_announced_records",
        id=export.announcement_id,
        sees_hidden=access.sees_hidden(export.caller),
    ):
        named[row.list].append(row.id)
    return named


def _written(
    conn: queries.Connection, export: _Export, named: Mapping[str, Sequence[UUID]]
) -> Iterator[bytes]:
    whole = queries.drop_none(sees_hidden=access.sees_hidden(export.caller) or None)
    moment = queries.row(conn, "ledger/get_recorded_moment", **whole).recorded_as_of
    if export.announcement_id is None:
        return _lines(conn, export, moment)
    return _case(conn, export, export.announcement_id, named, moment)


def _lines(conn: queries.Connection, export: _Export, moment: str) -> Iterator[bytes]:
    yield _line({"export": "constancia", "version": EXPORT_VERSION, "recorded_as_of": moment})
    totals = dict.fromkeys(LISTS, 0)
    for name in LISTS:
        opening = b'{"list":"%b",' % name.encode()
        for texts in _entries(conn, export, name, {}):
            totals[name] += len(texts)
            yield b"".join(b"%b%b\n" % (opening, text[1:]) for text in texts)
    yield _line({"totals": totals})


def _line(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def _case(
    conn: queries.Connection,
    export: _Export,
    announcement_id: UUID,
    named: Mapping[str, Sequence[UUID]],
    moment: str,
) -> Iterator[bytes]:
    head = {
        "case": f"announcement-{announcement_id}",
        "title": f"What was said of the announcement {announcement_id}",
        "recorded_as_of": moment,
    }
    yield orjson.dumps(head)[:-1]
    for name in LISTS:
        yield b',\n"%b":[' % name.encode()
        picked: Mapping[str, Any] = (
            {"ids": named[name]} if name in named else {"announcement_id": announcement_id}
        )
        separator = b"\n"
        for texts in _entries(conn, export, name, picked):
            entries = (orjson.dumps(_in_a_case(orjson.loads(text))) for text in texts)
            yield separator + b",\n".join(entries)
            separator = b",\n"
        yield b"]"
    yield b"}\n"


def _in_a_case(value: Any) -> Any:
    """The same by the names of a case; what was an id is a key."""
    if isinstance(value, list):
        return [_in_a_case(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {_IN_A_CASE.get(name, name): _in_a_case(part) for name, part in value.items()}


def _entries(
    conn: queries.Connection, export: _Export, name: str, picked: Mapping[str, Any]
) -> Iterator[Sequence[bytes]]:
    """The JSON of a list's entries, each after those that it refers to, in blocks."""
    properties = {"id": {}, **entry_schema(name)["properties"]}
    sees_hidden = access.sees_hidden(export.caller)
    parameters = {**picked, "exported": True, "sees_hidden": sees_hidden, "limit": None}
    return rows.blocks(
        conn, _LIST[name], {"properties": properties}, parameters, queries.BLOCK_SIZE
    )
