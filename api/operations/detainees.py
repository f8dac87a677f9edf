"""Detainees: people who are or were held."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict
from functools import partial
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from api import auth, candidates, entries, finding, ledger, queries, verify
from api.answers import One, Page, Ranked
from api.auth import Caller
from api.errors import Refusal, not_found
from api.ledger import Change
from api.matching import Match, Person, compare


def list_detainees(
    conn: queries.Connection, caller: Caller | None, limit: int, cursor: str | None, q: str | None
) -> Page:
    sees_hidden = auth.sees_hidden(caller)
    ranking = None if q is None else _ranking(conn, q, sees_hidden)
    filters = {"sees_hidden": sees_hidden, "q": q}
    reader = ledger.reader(caller, "detainee")
    return Page("select_detainees", limit, filters, cursor, ranking=ranking, reader=reader)


def _ranking(conn: queries.Connection, q: str, sees_hidden: bool) -> Sequence[Ranked]:
    """Those who are found by a name, the best first."""
    ranking = []
    for row in candidates.named(conn, q, sees_hidden):
        found = finding.find(q, [row.name, *row.aliases])
        if found is not None:
            ranking.append(Ranked(found.score, str(row.id), partial(_match, found)))
    return sorted(ranking, key=lambda one: (-one.score, one.id))


def _match(found: finding.Found) -> Mapping[str, Any]:
    return {
        "score": found.score,
        "name": found.name,
        "features": [asdict(feature) for feature in found.features],
    }


def get_detainee(conn: queries.Connection, caller: Caller | None, id: UUID) -> One:
    return _detainee(caller, id, ledger.reader(caller, "detainee"))


def create_detainee(conn: queries.Connection, caller: Caller, body: Mapping[str, Any]) -> One:
    _check_withheld(caller, body["withheld"], False)
    id = entries.enter_detainee(conn, body)
    verify.record(conn, caller, [Change("detainee", id, "created")])
    return _detainee(caller, id)


def update_detainee(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> One:
    row = queries.one(conn, "lock_detainee", id=id)
    if row is None:
        raise not_found("detainee")
    detainee = {**row._asdict(), **body}
    if row.age_group == "minor" != detainee["age_group"] and not caller.sees_hidden:
        raise Refusal("forbidden", "Only a key of scope edit can end that a minor is hidden.")
    _check_withheld(caller, detainee["withheld"], row.withheld)
    entries.check_detainee(conn, detainee)
    changed = dict(body)
    if "external_ids" in body:
        changed["external_ids"] = Jsonb(body["external_ids"])
    queries.run(conn, "update_detainee", id=id, **changed)
    candidates.keep(conn, id, [detainee["name"], *detainee["aliases"]])
    verify.record(conn, caller, [Change("detainee", id, "updated")], detainees=[id])
    return _detainee(caller, id)


def _check_withheld(caller: Caller, withheld: bool, before: bool) -> None:
    if withheld != before and not caller.sees_hidden:
        raise Refusal("forbidden", "Only a key of scope edit says who is withheld.")


def _detainee(caller: Caller | None, id: UUID, reader: ledger.Reader | None = None) -> One:
    parameters = {"id": id, "limit": 1, "sees_hidden": auth.sees_hidden(caller)}
    return One("detainee", "select_detainees", parameters, reader)


def match_detainees(
    conn: queries.Connection, caller: Caller, body: Mapping[str, Any]
) -> Mapping[str, Any]:
    found = candidates.like(conn, body["items"], caller.sees_hidden)
    likely = [_likely(_person(item), rows) for item, rows in zip(body["items"], found, strict=True)]
    beside = {row.id for one in likely if _is_known(one) for _, row in one}
    distinct = {
        frozenset((row.one_id, row.other_id))
        for row in queries.rows(conn, "read_distinctions", ids=list(beside))
    }
    items = [_matched(one, distinct) for one in likely]
    if reader := ledger.reader(caller, "detainee"):
        hidden = {str(row.id) for rows in found for row in rows if not row.is_named}
        shown = {candidate["detainee_id"] for item in items for candidate in item["candidates"]}
        ledger.note_reading(conn, reader, [UUID(id) for id in sorted(hidden & shown)])
    return {"items": items}


_Likely = Sequence[tuple[Match, Any]]
"""Who may be the person that is asked for, the likeliest first, each with the row of a record."""


def _likely(asked: Person, found: Sequence[Any]) -> _Likely:
    compared = [(compare(asked, _person(row._asdict())), row) for row in found]
    return sorted(
        (pair for pair in compared if pair[0].decision != "none"),
        key=lambda pair: (-pair[0].score, str(pair[1].id)),
    )


def _is_known(likely: _Likely) -> bool:
    return bool(likely) and likely[0][0].decision == "same"


def _matched(likely: _Likely, distinct: Set[frozenset[UUID]]) -> Mapping[str, Any]:
    """The candidates of one person, and what the likeliest comes to. Who was judged to be another
    than the one who is the same is none."""
    if _is_known(likely):
        _, one = likely[0]
        likely = [pair for pair in likely if frozenset((one.id, pair[1].id)) not in distinct]
    return {
        "decision": likely[0][0].decision if likely else "none",
        "candidates": [
            {
                "detainee_id": str(row.id),
                "name": row.name,
                "score": match.score,
                "decision": match.decision,
                "features": [asdict(feature) for feature in match.features],
            }
            for match, row in likely[:_MOST_CANDIDATES]
        ],
    }


_MOST_CANDIDATES = 10


def _person(record: Mapping[str, Any]) -> Person:
    facility = record["facility_id"]
    return Person(
        names=[record["name"], *record["aliases"]],
        birth_date=record["birth_date"],
        nationalities=record["nationalities"],
        sex=record["sex"],
        facility_id=None if facility is None else str(facility),
        detained_on=record["detained_on"],
        external_ids=[(one["scheme"], one["value"]) for one in record["external_ids"]],
    )
