"""Facilities: the places where people are held."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from marshmallow import ValidationError
from rapidfuzz import process

from api.access import Caller
from api.contract import fields
from api.database import ledger, queries
from api.database.ledger import Change
from api.errors import FieldError, invalid
from api.identity import facility_names
from api.identity.source_similarity import name_key
from api.records import writes
from api.records.writes import Affected, Body

_MAX_SUGGESTIONS = 3
_MIN_SIMILARITY = 60


def create(conn: queries.Connection, caller: Caller, body: Body) -> UUID:
    """Check and insert a facility; return its id.

    `distinct_from` of the body names facilities that it is not, although they share a name.
    """
    distinct_from, row = _split(body)
    facility_names.lock(conn)
    facility_names.check(conn, row, distinct_from)
    id = insert(conn, row)
    ledger.append(conn, caller, Change("facility", id, "created"))
    return id


def insert(conn: queries.Connection, body: Body, id: UUID | None = None) -> UUID:
    id = writes.insert(conn, "facilities/insert", id, **body)
    facility_names.write_keys(conn, id, body["name"], body["aliases"])
    return id


def _split(body: Body) -> tuple[Sequence[UUID], Body]:
    """Return the facilities from which a facility is distinct, and its row."""
    row = dict(body)
    return row.pop("distinct_from", ()), row


def update(
    conn: queries.Connection,
    caller: Caller,
    id: UUID,
    body: Body,
    check_unchanged: Callable[[], None],
) -> None:
    """Check and update a facility. No verdict depends on it. Raises `validation-error`.

    `distinct_from` of the body is as for a new one.
    """
    distinct_from, changes = _split(body)

    def lock() -> Any:
        # Every field decides whether the names are those of another facility.
        facility_names.lock(conn)
        return queries.row(conn, "facilities/lock", id=id)

    def write(row: Any) -> Affected:
        facility_names.check(conn, {**row._asdict(), **changes}, distinct_from, row)
        _check_country(conn, row, changes)
        write_update(conn, row, changes)
        return Affected()

    writes.update(
        conn,
        caller,
        "facility",
        id,
        check_unchanged,
        lock=lock,
        write=write,
    )


def _check_country(conn: queries.Connection, row: Any, changes: Body) -> None:
    """Refuse another country of a facility where anybody was ever held: counts by country would
    change in the past. Raises `validation-error`.
    """
    country = changes.get("country", row.country)
    if country == row.country or not queries.row(conn, "facilities/get_use", id=row.id).is_used:
        return
    detail = (
        f"Must stay {row.country!r}, since a detention was recorded at this facility. Create "
        f"another facility in {country!r} and correct the facility_id of the detentions."
    )
    raise invalid(FieldError("/country", detail))


def write_update(conn: queries.Connection, row: Any, changes: Body) -> None:
    """Write a checked update of a facility, with its keys; `row` has its names."""
    if changes:
        queries.run(conn, "facilities/update", id=row.id, **changes)
    if changes.keys() & {"name", "aliases"}:
        name, aliases = changes.get("name", row.name), changes.get("aliases", row.aliases)
        facility_names.write_keys(conn, row.id, name, aliases)


class FacilityNames:
    """The facilities by name, alias and id. They are read at the first call of `find`."""

    def __init__(self, conn: queries.Connection) -> None:
        self._conn = conn
        self._ids: set[UUID] = set()
        self._ids_by_name: defaultdict[str, set[UUID]] = defaultdict(set)
        self._names: dict[str, str] = {}

    def find(self, text: str) -> UUID:
        """Return the id of a facility. Raise ValueError, with similar names, if there is none."""
        if not self._ids:
            self._read()
        try:
            id = fields.uuid(text)
        except ValidationError:
            return self._find_by_name(text)
        if id not in self._ids:
            raise ValueError(f"There is no facility with the id {id}.")
        return id

    def _find_by_name(self, text: str) -> UUID:
        name = name_key(text)
        ids = sorted(self._ids_by_name.get(name, ()))
        if len(ids) == 1:
            return ids[0]
        if ids:
            listed = " and ".join(map(str, ids))
            raise ValueError(
                f"Several facilities are named {text[:100]!r}: write the id, {listed}."
            )
        similar = process.extract(
            name, self._names.keys(), limit=_MAX_SUGGESTIONS, score_cutoff=_MIN_SIMILARITY
        )
        listed = ", ".join(repr(self._names[folded]) for folded, *_ in similar)
        hint = f" Similar names: {listed}." if listed else ""
        raise ValueError(f"No facility is named {text[:100]!r}.{hint}")

    def _read(self) -> None:
        for row in queries.rows(self._conn, "facilities/list_names"):
            self._ids.add(row.id)
            for name in (row.name, *row.aliases):
                self._ids_by_name[name_key(name)].add(row.id)
                self._names.setdefault(name_key(name), name)
