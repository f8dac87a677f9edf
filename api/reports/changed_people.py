"""Changed people: those who count differently at a second pair of moments, and their figures."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any
from uuid import UUID

from api.database import queries
from api.reports import counts
from api.verification.counting import FIGURES

Statuses = tuple[str | None, bool, str | None, bool]
"""A status, whether it is a re-arrest, and the same at the later pair of moments."""
_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class ChangedPeople:
    """The ids of people by their statuses: those of each group in order, joined."""

    groups: Mapping[Statuses, bytes]

    @classmethod
    def find(
        cls, conn: queries.Connection, parameters: Mapping[str, Any], *, is_filtered: bool
    ) -> "ChangedPeople":
        """Find them by their stored statuses, or with filters or groups by the release events."""
        query = "differences/list_changed_filtered" if is_filtered else "differences/list_changed"
        rows = queries.rows(conn, query, **parameters)
        return cls({tuple(row[:4]): row.ids for row in rows})

    @property
    def size(self) -> int:
        """About how many bytes the ids and their containers take."""
        return 2048 + sum(map(len, self.groups.values()))

    def count(self, selects: Callable[[Statuses], bool]) -> int:
        """Return the number of people of the selected statuses."""
        return sum(map(len, self._selected(selects))) // _ID_BYTES

    def among(self, people: Iterable[UUID]) -> Sequence[UUID]:
        """Return those of some people who changed."""
        asked = {person.bytes for person in people}
        return [
            UUID(bytes=id) for ids in self.groups.values() for id in asked.intersection(_split(ids))
        ]

    def following(
        self, person: str | None, limit: int | None, selects: Callable[[Statuses], bool] = bool
    ) -> Sequence[UUID]:
        """Return the first people of the selected statuses after a person, by id."""
        ids = chain.from_iterable(_after(group, person, limit) for group in self._selected(selects))
        return [UUID(bytes=id) for id in sorted(ids)[:limit]]

    def _selected(self, selects: Callable[[Statuses], bool]) -> Iterator[bytes]:
        return (ids for statuses, ids in self.groups.items() if selects(statuses))


def _split(ids: bytes) -> Iterator[bytes]:
    return (ids[place : place + _ID_BYTES] for place in range(0, len(ids), _ID_BYTES))


def _after(ids: bytes, person: str | None, limit: int | None) -> Iterator[bytes]:
    """Return the first ids after a person."""
    start = 0
    if person is not None:
        places = range(0, len(ids), _ID_BYTES)
        key = UUID(person).bytes
        start = _ID_BYTES * bisect_right(places, key, key=lambda at: ids[at : at + _ID_BYTES])
    end = len(ids) if limit is None else start + _ID_BYTES * limit
    return _split(ids[start:end])


@dataclass(frozen=True, slots=True)
class Figures:
    """The counts at both pairs of moments, and the changed people, by both statuses."""

    before: counts.Counted
    after: counts.Counted
    changed: ChangedPeople
    redacted: Mapping[str, Mapping[str, int]]
    shows_undisclosed: bool

    @property
    def ledger_seq(self) -> int:
        return self.after.moments.ledger_seq

    @property
    def became_confirmed(self) -> int:
        return self.changed.count(became_confirmed)

    @property
    def no_longer_confirmed(self) -> int:
        return self.changed.count(ceased_to_be_confirmed)

    @property
    def undisclosed(self) -> tuple[int, int]:
        """The people who may match the filters, at both pairs of moments."""
        if not self.shows_undisclosed:
            return 0, 0
        return sum(self.before.undisclosed.values()), sum(self.after.undisclosed.values())

    def cited(self) -> Mapping[str, Any]:
        return {
            "totals": {
                "before": self._totals(self.before),
                "after": self._totals(self.after),
            },
            "became_confirmed": self.became_confirmed,
            "no_longer_confirmed": self.no_longer_confirmed,
        }

    def _totals(self, counted: counts.Counted) -> Mapping[str, Any]:
        undisclosed = counted.undisclosed if self.shows_undisclosed else None
        return {**counted.total, "undisclosed": undisclosed}


def became_confirmed(statuses: Statuses) -> bool:
    before, _, after, _ = statuses
    return before != "confirmed" == after


def ceased_to_be_confirmed(statuses: Statuses) -> bool:
    before, _, after, _ = statuses
    return before == "confirmed" != after


def sums(rows: Iterable[tuple[str | None, bool, int]]) -> Mapping[str, int]:
    """Return the figures of people of these statuses."""
    figures = dict.fromkeys(FIGURES, 0)
    for status, is_rearrested, number in rows:
        if status is not None:
            figures[status] += number
            figures["rearrested"] += number if is_rearrested else 0
    return figures
