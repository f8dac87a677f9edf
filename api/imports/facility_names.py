"""Facilities as lists name them."""

from collections import defaultdict
from uuid import UUID

from marshmallow import ValidationError
from rapidfuzz import process

from api.contract import fields
from api.database import queries
from api.matching import folding

_NEAR = 3


class FacilityNames:
    """What facilities are called, read when one is first asked for."""

    def __init__(self, conn: queries.Connection) -> None:
        self._conn = conn
        self._ids: defaultdict[str, set[UUID]] = defaultdict(set)
        self._known: set[UUID] = set()
        self._shown: dict[str, str] = {}

    def find(self, name: str) -> UUID:
        """The facility of this name, alias or id. Raises ValueError, and says which are near."""
        if not self._known:
            self._read()
        try:
            id = fields.uuid(name)
        except ValidationError:
            called = _folded(name)
            if len(found := self._ids.get(called, ())) == 1:
                return next(iter(found))
            if found:
                told = " and ".join(str(id) for id in sorted(found))
                raise ValueError(f"Several are called so: give the id, {told}.") from None
            near = process.extract(called, self._shown.keys(), limit=_NEAR, score_cutoff=60)
            told = ", ".join(repr(self._shown[one]) for one, *_ in near)
            suggested = f"; near it are {told}" if near else ""
            raise ValueError(f"No facility is called so{suggested}.") from None
        if id not in self._known:
            raise ValueError("There is no facility with this id.")
        return id

    def _read(self) -> None:
        for row in queries.rows(self._conn, "facilities/list_names"):
            self._known.add(row.id)
            for name in (row.name, *row.aliases):
                self._ids[_folded(name)].add(row.id)
                self._shown.setdefault(_folded(name), name)


def _folded(name: str) -> str:
    return folding.fold(name)
