"""Handlers of detainees: people, merges of duplicate records, and distinctions."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict
from functools import partial
from typing import Any
from uuid import UUID

from api import access
from api.access import Caller
from api.database import ledger, queries
from api.database.ledger import Change
from api.errors import FieldError, RequestError, invalid, not_found
from api.matching import candidates, matches, search
from api.matching.matches import Candidate
from api.records import entries, merges
from api.rendering.results import Page, Ranked, Record, Unchanged
from api.verification import verdicts


def list_detainees(
    conn: queries.Connection, caller: Caller | None, limit: int, cursor: str | None, q: str | None
) -> Page:
    sees_hidden = access.sees_hidden(caller)
    ranking = None if q is None else _ranking(conn, q, sees_hidden)
    filters = {"sees_hidden": sees_hidden, "q": q}
    reader = ledger.reader(caller, "detainee")
    return Page("detainees/list", limit, filters, cursor, ranking=ranking, reader=reader)


def _ranking(conn: queries.Connection, q: str, sees_hidden: bool) -> Sequence[Ranked]:
    """Those who are found by a name, the best first."""
    ranking = []
    for row in candidates.named(conn, q, sees_hidden):
        found = search.find(q, [row.name, *row.aliases])
        if found is not None:
            ranking.append(Ranked(found.score, str(row.id), partial(_match, found)))
    return sorted(ranking, key=lambda one: (-one.score, one.id))


def _match(found: search.Found) -> Mapping[str, Any]:
    return {
        "score": found.score,
        "name": found.name,
        "features": [asdict(feature) for feature in found.features],
    }


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


def match_detainees(
    conn: queries.Connection, caller: Caller, body: Mapping[str, Any]
) -> Mapping[str, Any]:
    found = matches.find(conn, body["items"], sees_hidden=caller.sees_hidden)
    beside = {one.row.id for likely in found if _is_known(likely) for one in likely}
    distinct = {
        frozenset((row.one_id, row.other_id))
        for row in queries.rows(conn, "merges/list_distinctions_between", ids=list(beside))
    }
    told = [_told(likely, distinct) for likely in found]
    if reader := ledger.reader(caller, "detainee"):
        shown = {one.row.id for likely in told for one in likely if not one.row.is_named}
        ledger.note_reading(conn, reader, sorted(shown))
    return {"items": [_matched(likely) for likely in told]}


def _is_known(likely: Sequence[Candidate]) -> bool:
    return bool(likely) and likely[0].match.decision == "same"


def _told(likely: Sequence[Candidate], distinct: Set[frozenset[UUID]]) -> Sequence[Candidate]:
    """The candidates of one person, the likeliest first. Who was judged to be another than the one
    who is the same is none."""
    if _is_known(likely):
        one = likely[0].row.id
        likely = [other for other in likely if frozenset((one, other.row.id)) not in distinct]
    return likely[: matches.MOST]


def _matched(likely: Sequence[Candidate]) -> Mapping[str, Any]:
    """The candidates of one person, and what the likeliest comes to."""
    return {
        "decision": likely[0].match.decision if likely else "none",
        "candidates": [
            {"detainee_id": str(row.id), "name": row.name, **asdict(match)} for match, row in likely
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
