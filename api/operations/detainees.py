"""Operations on detainees: people, merges of duplicate records, and distinctions."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any
from uuid import UUID

from api import access
from api.access import Caller
from api.database import ledger, queries
from api.identity import merges, source_merges, splits
from api.matching import candidates, search
from api.matching.candidates import Candidate
from api.operations.proposals import get_proposal
from api.records import detainees, proposals
from api.rendering.results import (
    Answer,
    Page,
    Ranked,
    Ranking,
    Record,
    Unchanged,
    offers_duplicates,
)


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
        q = q.strip()
        ranking = Ranking(partial(_search, q, sees_hidden), search.PLACE)
    filters = {"sees_hidden": sees_hidden, "q": q}
    reader = ledger.reader(caller, "detainee")
    query = "detainees/list" if ranking is None else "detainees/list_ranked"
    return Page(query, limit, filters, cursor, ranking=ranking, reader=reader)


def _search(
    q: str, sees_hidden: bool, conn: queries.Connection, place: str | None, limit: int
) -> Sequence[Ranked]:
    hits = search.search(conn, q, sees_hidden, place, limit)
    return [Ranked(str(hit.id), asdict(hit.match), hit.place) for hit in hits]


def get_detainee(conn: queries.Connection, caller: Caller | None, id: UUID) -> Record:
    return _detainee(caller, id, ledger.reader(caller, "detainee"))


def _possible_duplicates(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> Sequence[Mapping[str, Any]]:
    """Return the candidates for the person of a request body, except the new record.

    The record itself may have been changed, and hidden from the caller, before a retry.
    """
    birth_date = body["birth_date"]
    person = {
        **body,
        "birth_date": None if birth_date is None else birth_date.isoformat(),
        "facility_id": None,
        "detained_on": None,
    }
    (matches,) = _match(conn, caller, [person])
    others = [candidate for candidate in matches if candidate.row.id != id]
    return _match_item(others)["candidates"]  # type: ignore[no-any-return] # a list


@offers_duplicates(_possible_duplicates)
def create_detainee(conn: queries.Connection, caller: Caller, body: Mapping[str, Any]) -> Record:
    return _detainee(caller, detainees.create(conn, caller, body))


def update_detainee(
    conn: queries.Connection,
    caller: Caller,
    id: UUID,
    body: Mapping[str, Any],
    unchanged: Unchanged,
) -> Record:
    detainee = _detainee(caller, id)
    check_unchanged = partial(unchanged, detainee)
    proposal = proposals.create_update(conn, caller, "detainee", id, body, check_unchanged)
    if proposal is not None:
        return get_proposal(conn, caller, proposal)
    detainees.update(conn, caller, id, body, check_unchanged)
    return detainee


def _detainee(caller: Caller | None, id: UUID, reader: ledger.Reader | None = None) -> Record:
    parameters = {"id": id, "limit": 1, "sees_hidden": access.sees_hidden(caller)}
    return Record("detainee", "detainees/list", parameters, reader)


def match_detainees(conn: queries.Connection, caller: Caller, body: Mapping[str, Any]) -> Answer:
    candidates_by_item = _match(conn, caller, body["items"])
    return Answer({"items": [_match_item(matches) for matches in candidates_by_item]})


def _match(
    conn: queries.Connection, caller: Caller, items: Sequence[Mapping[str, Any]]
) -> Sequence[Sequence[Candidate]]:
    """Return the candidates of each person that the caller may see; note which names are read."""
    candidates_by_item = candidates.match_people(conn, items, sees_hidden=caller.sees_hidden)
    if reader := ledger.reader(caller, "detainee"):
        hidden = {
            candidate.row.id
            for matches in candidates_by_item
            for candidate in matches
            if not candidate.row.is_named
        }
        ledger.note_reading(conn, reader, sorted(hidden))
    return candidates_by_item


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
    return get_merge(conn, caller, merges.create(conn, caller, id, body["into"]))


def get_merge(conn: queries.Connection, caller: Caller | None, id: UUID) -> Record:
    parameters = {"id": id, "sees_hidden": access.sees_hidden(caller)}
    return Record("merge", "merges/list", parameters)


def undo_merge(conn: queries.Connection, caller: Caller, id: UUID) -> Record:
    if source_merges.exists(conn, id):
        source_merges.undo(conn, caller, id)
    else:
        merges.undo(conn, caller, id)
    return get_merge(conn, caller, id)


def split_detainee(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> Record:
    return get_split(conn, caller, splits.create(conn, caller, id, body))


def get_split(conn: queries.Connection, caller: Caller | None, id: UUID) -> Record:
    parameters = {"id": id, "sees_hidden": access.sees_hidden(caller)}
    return Record("split", "splits/list", parameters)


def undo_split(conn: queries.Connection, caller: Caller, id: UUID) -> Record:
    splits.undo(conn, caller, id)
    return get_split(conn, caller, id)


def distinguish_detainee(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> Record:
    return get_distinction(conn, caller, merges.distinguish(conn, caller, id, body["detainee_id"]))


def get_distinction(conn: queries.Connection, caller: Caller | None, id: UUID) -> Record:
    parameters = {"id": id, "sees_hidden": access.sees_hidden(caller)}
    return Record("distinction", "merges/list_distinctions", parameters)


def withdraw_distinction(conn: queries.Connection, caller: Caller, id: UUID) -> Record:
    merges.withdraw_distinction(conn, caller, id)
    return get_distinction(conn, caller, id)
