"""Facilities: the places where people are held."""

from collections import defaultdict
from collections.abc import Callable
from uuid import UUID

from marshmallow import ValidationError
from rapidfuzz import process

from api.access import Caller
from api.contract import fields
from api.database import ledger, queries
from api.database.ledger import Change
from api.matching import folding
from api.records import writes
from api.records.writes import Affected, Body

_MAX_SUGGESTIONS = 3
_MIN_SIMILARITY = 60


def create(conn: queries.Connection, caller: Caller, body: Body) -> UUID:
    """Insert a facility and return its id."""
    id = insert(conn, body)
    ledger.append(conn, caller, Change("facility", id, "created"))
    return id


def insert(conn: queries.Connection, body: Body, id: UUID | None = None) -> UUID:
    return writes.insert(conn, "facilities/insert", id, **body)


def update(
    conn: queries.Connection,
    caller: Caller,
    id: UUID,
    body: Body,
    check_unchanged: Callable[[], None],
) -> None:
    """Update a facility. No verdict depends on it."""

    def write(_: object) -> Affected:
        queries.run(conn, "facilities/update", id=id, **body)
        return Affected()

    writes.update(
        conn,
        caller,
        "facility",
        id,
        check_unchanged,
        lock=lambda: queries.row(conn, "facilities/lock", id=id),
        write=write,
    )


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
        name = folding.fold(text)
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
                self._ids_by_name[folding.fold(name)].add(row.id)
                self._names.setdefault(folding.fold(name), name)
