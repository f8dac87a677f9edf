"""Handlers of detainees: people, merges of duplicate records, and distinctions."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from api import access
from api.access import Caller
from api.database import ledger, queries
from api.database.ledger import Change
from api.errors import FieldError, RequestError, invalid, not_found
from api.matching import candidates, search
from api.matching.candidates import Candidate
from api.records import entries, merges
from api.rendering.results import Answer, Page, Ranked, Record, Unchanged
from api.verification import verdicts


def list_detainees(
    conn: queries.Connection,
    caller: Caller | None,
    limit: int | None,
    cursor: str | None,
    q: str | None,
) -> Page:
    sees_hidden = access.sees_hidden(caller)
    ranking = None
    if q is not None:
        hits = search.search(conn, q, sees_hidden)
        ranking = [Ranked(hit.match.score, str(hit.id), asdict(hit.match)) for hit in hits]
    filters = {"sees_hidden": sees_hidden, "q": q}
    reader = ledger.reader(caller, "detainee")
    return Page("detainees/list", limit, filters, cursor, ranking=ranking, reader=reader)


def get_detainee(conn: queries.Connection, caller: Caller | None, id: UUID) -> Record:
    return _detainee(caller, id, ledger.reader(caller, "detainee"))


def create_detainee(conn: queries.Connection, caller: Caller, body: Mapping[str, Any]) -> Record:
    _check_withheld(caller, body["withheld"], False)
    id = entries.enter_detainee(conn, body)
    verdicts.record(conn, caller, [Change("detainee", id, "created")])
    return _detainee(caller, id)


def update_detainee(
    conn: queries.Connection,
    caller: Caller,
    id: UUID,
    body: Mapping[str, Any],
    unchanged: Unchanged,
) -> Record:
    row = queries.row(conn, "detainees/lock", id=id)
    if row is None:
        raise not_found("detainee")
    unchanged(_detainee(caller, id))
    detainee = {**row._asdict(), **body}
    if row.age_group == "minor" != detainee["age_group"] and not caller.sees_hidden:
        raise RequestError("forbidden", "Only a key of scope edit can end that a minor is hidden.")
    _check_withheld(caller, detainee["withheld"], row.withheld)
    entries.check_detainee(conn, detainee)
    entries.change_detainee(conn, id, row._asdict(), body)
    verdicts.record(conn, caller, [Change("detainee", id, "updated")], detainees=[id])
    return _detainee(caller, id)


def _check_withheld(caller: Caller, withheld: bool, before: bool) -> None:
    if withheld != before and not caller.sees_hidden:
        raise RequestError("forbidden", "Only a key of scope edit says who is withheld.")


def _detainee(caller: Caller | None, id: UUID, reader: ledger.Reader | None = None) -> Record:
    parameters = {"id": id, "limit": 1, "sees_hidden": access.sees_hidden(caller)}
    return Record("detainee", "detainees/list", parameters, reader)


def match_detainees(conn: queries.Connection, caller: Caller, body: Mapping[str, Any]) -> Answer:
    found = candidates.match_people(conn, body["items"], sees_hidden=caller.sees_hidden)
    if reader := ledger.reader(caller, "detainee"):
        hidden = {match.row.id for matches in found for match in matches if not match.row.is_named}
        ledger.note_reading(conn, reader, sorted(hidden))
    return Answer({"items": [_match_item(matches) for matches in found]})


def _match_item(matches: Sequence[Candidate]) -> Mapping[str, Any]:
    return {
        "decision": matches[0].match.decision if matches else "none",
        "candidates": [
            {"detainee_id": str(row.id), "name": row.name, **asdict(match)}
            for match, row in matches
        ],
    }


def merge_detainee(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> Record:
    return get_merge(conn, merges.merge(conn, caller, id, body["into"]))


def get_merge(conn: queries.Connection, id: UUID) -> Record:
    return Record("merge", "merges/list", {"id": id})


def undo_merge(conn: queries.Connection, caller: Caller, id: UUID) -> Record:
    merges.undo(conn, caller, id)
    return get_merge(conn, id)


def distinguish_detainee(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> Record:
    other = body["detainee_id"]
    if id == other:
        raise invalid(FieldError("/detainee_id", "A person is not two."))
    merges.lock_people(conn, id, other, "/detainee_id")
    for known in queries.rows(conn, "merges/list_distinctions_between", ids=[id, other]):
        raise RequestError(
            "conflict",
            f"By /v1/distinctions/{known.distinction_id} they were judged to be two before.",
        )
    judged = entries.inserted(
        conn, "merges/insert_distinction", detainee_id=id, distinct_from_id=other
    )
    verdicts.record(conn, caller, [Change("distinction", judged, "created")])
    return get_distinction(conn, judged)


def get_distinction(conn: queries.Connection, id: UUID) -> Record:
    return Record("distinction", "merges/list_distinctions", {"id": id})


def withdraw_distinction(conn: queries.Connection, caller: Caller, id: UUID) -> Record:
    distinction = queries.row(conn, "merges/lock_distinction", id=id)
    if distinction is None:
        raise not_found("distinction")
    if distinction.withdrawn_at is not None:
        raise RequestError("conflict", "This judgement was withdrawn before.")
    queries.run(conn, "merges/withdraw_distinction", id=id)
    verdicts.record(conn, caller, [Change("distinction", id, "withdrawn")])
    return get_distinction(conn, id)
