"""Operations on facilities: places where people are held."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from api.access import Caller
from api.database import queries
from api.identity import facility_names
from api.records import facilities
from api.rendering import pagination
from api.rendering.results import Page, Precondition, Ranked, Ranking, Record, offers_duplicates


def list_facilities(
    conn: queries.Connection,
    limit: int | None,
    cursor: str | None,
    q: str | None,
    country: str | None,
) -> Page:
    q = q and q.strip()
    ranking = None if q is None else Ranking(partial(_search, q, country), pagination.RANKED)
    return Page("facilities/list", limit, {"q": q, "country": country}, cursor, ranking=ranking)


def _search(
    q: str, country: str | None, conn: queries.Connection, position: str | None, limit: int
) -> Sequence[Ranked]:
    return pagination.ranked(facility_names.search(conn, q, country), position, limit)


def get_facility(conn: queries.Connection, id: UUID) -> Record:
    return Record("facility", "facilities/list", {"id": id, "limit": 1})


def _possible_duplicates(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> Sequence[Mapping[str, Any]]:
    """Return the facilities that may be the same."""
    return [
        {
            "facility_id": match.second.id,
            "name": match.second.name,
            "score": match.score,
            "features": [feature._asdict() for feature in match.features],
        }
        for match in facility_names.possible_duplicates(conn, id, body["distinct_from"])
    ]


@offers_duplicates(_possible_duplicates)
def create_facility(conn: queries.Connection, caller: Caller, body: Mapping[str, Any]) -> Record:
    return get_facility(conn, facilities.create(conn, caller, body))


def update_facility(
    conn: queries.Connection,
    caller: Caller,
    id: UUID,
    body: Mapping[str, Any],
    precondition: Precondition,
) -> Record:
    facility = get_facility(conn, id)
    facilities.update(conn, caller, id, body, partial(precondition, facility))
    return facility
