"""Operations on detainees: people, merges of duplicate records, and distinctions."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from api import access
from api.access import Caller
from api.contract.binding import CombinedFilters
from api.database import ledger, queries
from api.errors import FieldError, invalid
from api.identity import merges, source_merges, splits
from api.matching import candidates, search
from api.matching.candidates import Candidate
from api.matching.external_ids import external_id_key
from api.operations.proposals import get_proposal
from api.records import detainees, proposals
from api.rendering.results import (
    Answer,
    Page,
    Precondition,
    Ranked,
    Ranking,
    Record,
    offers_duplicates,
)
from api.reports import counts

_CUSTODIES = ("", "detained", "whereabouts_unknown", "released")
"""Of all people; the first is that of a person without a detention."""


@dataclass(frozen=True, slots=True)
class PeopleFilters(CombinedFilters):
    """The filters of the list. A filter that is None does not apply."""

    custody: str | None = None
    facility_id: UUID | None = None
    nationality: str | None = None
    external_id: str | None = None
    updated_since: datetime | None = None


def list_detainees(
    conn: queries.Connection,
    caller: Caller | None,
    limit: int | None,
    cursor: str | None,
    q: str | None,
    filters: PeopleFilters,
) -> Page:
    sees_hidden = access.sees_hidden(caller)
    reader = ledger.reader(caller, "detainee")
    if q is None:
        query, parameters = _choose_query(conn, filters, sees_hidden=sees_hidden)
        scan: Mapping[str, Any] | None = {} if query != "detainees/list" else None
        since = filters.updated_since
        if since is not None and ledger.has_many_since(conn, since):
            scan = {"are_many": True}
        return Page(query, limit, parameters, cursor, reader=reader, scan=scan)
    _refuse_beside_search(filters)
    q = q.strip()
    ranking = Ranking(partial(_search, q, sees_hidden), search.POSITION)
    parameters = {"sees_hidden": sees_hidden, "q": q}
    return Page("detainees/list_ranked", limit, parameters, cursor, ranking=ranking, reader=reader)


def _choose_query(
    conn: queries.Connection, filters: PeopleFilters, *, sees_hidden: bool
) -> tuple[str, Mapping[str, Any]]:
    """Return the query of a list and its parameters. Raises `validation-error`.

    The list of a facility, a nationality or a custody is read from its index; people with an
    external id, and those who were updated, are looked up.
    """
    counts.check(conn, counts.Filters(facility_id=filters.facility_id))
    asked: dict[str, Any] = {**filters.active(), "sees_hidden": sees_hidden}
    external_id = asked.pop("external_id", None)
    if external_id is not None:
        scheme, _, value = external_id.partition(":")
        asked["external_id_key"] = external_id_key(scheme, value)
    if filters.updated_since is not None:
        return "detainees/list_updated", asked
    if external_id is not None:
        return "detainees/list", asked
    property = next((name for name in ("facility_id", "nationality") if name in asked), "")
    custody = asked.pop("custody", None)
    if not property and custody is None:
        return "detainees/list", asked
    return "detainees/list_by_value", {
        **asked,
        "property": property,
        "value": str(asked.get(property, "")),
        "custodies": list(_CUSTODIES if custody is None else (custody,)),
    }


def _refuse_beside_search(filters: PeopleFilters) -> None:
    """Refuse filters beside a search, which ranks people by name alone."""
    detail = "Cannot be combined with q, whose list is ranked. Leave one of them out."
    errors = [FieldError(f"/{name}", detail) for name in filters.active()]
    if errors:
        raise invalid(*errors)


def _search(
    q: str, sees_hidden: bool, conn: queries.Connection, position: str | None, limit: int
) -> Sequence[Ranked]:
    hits = search.search(conn, q, sees_hidden, position, limit)
    return [Ranked(str(hit.id), asdict(hit.match), hit.position) for hit in hits]


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
    precondition: Precondition,
) -> Record:
    detainee = _detainee(caller, id)
    check_precondition = partial(precondition, detainee)
    proposal = proposals.create_update(conn, caller, "detainee", id, body, check_precondition)
    if proposal is not None:
        return get_proposal(conn, caller, proposal)
    detainees.update(conn, caller, id, body, check_precondition)
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
    return Record("distinction", "merges/get_distinction", parameters)


def withdraw_distinction(conn: queries.Connection, caller: Caller, id: UUID) -> Record:
    merges.withdraw_distinction(conn, caller, id)
    return get_distinction(conn, caller, id)
