"""Which of the records that are there already says the same as an entry of a case.

What the entry says is by the contract's names, with the ids of records for the keys that it names.
One record is one entry's: what a case tells apart stays apart, but for release events, of which
several may turn out to be one claim.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from api.cases.loader import Entry
from api.database import queries
from api.imports import list_preview, row_plan
from api.matching import folding
from api.records import canonical_ids, release_events


class Records:
    def __init__(self, conn: queries.Connection) -> None:
        self._conn = conn
        self._new: set[UUID] = set()
        self._taken: set[UUID] = set()

    def add(self, id: UUID) -> None:
        """A record that the case itself has made."""
        self._new.add(id)

    def is_new(self, id: UUID) -> bool:
        return id in self._new

    def take(self, id: UUID) -> None:
        """A record that is an entry of the case."""
        self._taken.add(id)

    def is_taken(self, id: UUID) -> bool:
        return id in self._taken

    def recorded(self, resource: str, ids: Sequence[UUID]) -> set[UUID]:
        """Which of these ids records of a kind have."""
        found = queries.rows(self._conn, "ledger/list_recorded_ids", resource=resource, ids=ids)
        return {row.id for row in found}

    def find(self, entry: Entry) -> UUID | None:
        find = _FIND.get(entry.name)
        return None if find is None else find(self, entry.body)

    def _source(self, body: Mapping[str, Any]) -> UUID | None:
        """One of the same name: if it were taken for two, one voice would count as two. Of several
        rather that of the kind and the country. One that speaks in confidence is that of the same
        organisation."""
        called = [
            row
            for row in self._sources.get(_folded(body["name"]), ())
            if row.confidential == body["confidential"] and row.vouched_by == body["vouched_by"]
        ]
        called.sort(key=lambda row: (row.kind != body["kind"], row.country != body["country"]))
        return next((row.id for row in called if not self.is_taken(row.id)), None)

    @cached_property
    def _known_sources(self) -> Mapping[UUID, Any]:
        return {row.id: row for row in queries.rows(self._conn, "sources/list_names")}

    @cached_property
    def _sources(self) -> Mapping[str, Sequence[Any]]:
        named: dict[str, list[Any]] = {}
        for row in self._known_sources.values():
            named.setdefault(_folded(row.name), []).append(row)
        return named

    def told_of_source(self, body: Mapping[str, Any], id: UUID) -> dict[str, Any]:
        """What an entry says of a source of which it was not known."""
        row = self._known_sources[id]
        return {
            name: body[name]
            for name in ("country", "url")
            if body[name] is not None and getattr(row, name) is None
        }

    def _facility(self, body: Mapping[str, Any]) -> UUID | None:
        """One of the same country that is called so, unless its region is another."""
        for name in (body["name"], *body["aliases"]):
            for row in self._facilities.get((_folded(name), body["country"]), ()):
                elsewhere = (
                    row.region
                    and body["region"]
                    and (_folded(row.region) != _folded(body["region"]))
                )
                if not elsewhere and not self.is_taken(row.id):
                    id: UUID = row.id
                    return id
        return None

    @cached_property
    def _known_facilities(self) -> Mapping[UUID, Any]:
        return {row.id: row for row in queries.rows(self._conn, "facilities/list_names")}

    @cached_property
    def _facilities(self) -> Mapping[tuple[str, str], Sequence[Any]]:
        named: dict[tuple[str, str], list[Any]] = {}
        for row in self._known_facilities.values():
            for name in (row.name, *row.aliases):
                named.setdefault((_folded(name), row.country), []).append(row)
        return named

    def told_of_facility(self, body: Mapping[str, Any], id: UUID) -> dict[str, Any]:
        """The names and the region of a facility of which they were not known."""
        row = self._known_facilities[id]
        changed: dict[str, Any] = {}
        called = {_folded(name) for name in (row.name, *row.aliases)}
        more = {_folded(name): name for name in (body["name"], *body["aliases"])}
        if added := [name for folded, name in more.items() if folded not in called]:
            changed["aliases"] = [*row.aliases, *added]
        if row.region is None and body["region"] is not None:
            changed["region"] = body["region"]
        return changed

    def _affiliation(self, body: Mapping[str, Any]) -> UUID | None:
        tie = ("source_id", "with_source_id", "relation", "valid_from")
        return self._one("affiliations/find", **{name: body[name] for name in tie})

    def _claim(self, body: Mapping[str, Any]) -> UUID | None:
        """The same figure, of the same source, published at the same moment."""
        said = (
            *("source_id", "kind", "value", "qualifier", "as_of", "published_at", "window_start"),
            *("facility_id", "age_group", "nationality", "announcement_id"),
        )
        return self._one("claims/find", **{name: body[name] for name in said})

    def _detention(self, body: Mapping[str, Any]) -> UUID | None:
        if self.is_new(body["detainee_id"]):
            return None
        free = [one for one in self._detentions(body) if not self.is_taken(one.id)]
        found = row_plan.detention_since(free, body["detained_on"] or "")
        return None if found is None else found.id

    def _release_event(self, body: Mapping[str, Any]) -> UUID | None:
        """The claim that the person was released within three days of that day."""
        if self.is_new(body["detainee_id"]):
            return None
        detentions, day = self._detentions(body), body["occurred_on"]
        if body["detention_id"] is None:
            detention = release_events.detention_open_on(detentions, day)
        else:
            detention = canonical_ids.resolve(self._conn, "detention", body["detention_id"])
        return row_plan.same_claim(detentions, detention, day)

    def _detentions(self, body: Mapping[str, Any]) -> Sequence[row_plan.Detention]:
        person = canonical_ids.resolve(self._conn, "detainee", body["detainee_id"])
        return list_preview.recorded(self._conn, [person], sees_hidden=True)[person].detentions

    def _attestation(self, body: Mapping[str, Any]) -> UUID | None:
        """The same word, of the same source, published at the same moment."""
        event = body["release_event_id"]
        if self.is_new(event):
            return None
        event = canonical_ids.resolve(self._conn, "release_event", event)
        said = ("source_id", "stance", "basis", "published_at", "release_kind")
        word = {name: body[name] for name in said}
        return self._one("attestations/find", release_event_id=event, **word)

    def _one(self, query: str, **said: Any) -> UUID | None:
        rows = queries.rows(self._conn, query, **said)
        return next((row.id for row in rows if row.id not in self._taken | self._new), None)


_FIND: Mapping[str, Callable[[Records, Mapping[str, Any]], UUID | None]] = {
    "sources": Records._source,
    "affiliations": Records._affiliation,
    "facilities": Records._facility,
    "claims": Records._claim,
    "detentions": Records._detention,
    "release_events": Records._release_event,
    "attestations": Records._attestation,
}


def _folded(name: str) -> str:
    return folding.fold(name)
