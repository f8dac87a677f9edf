"""Link the entries of a case to records with the same content, and update these.

Entries have the contract's names and the ids of records. Two entries are never linked to one
record, except release events of one person within three days.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any
from uuid import UUID

from api.cases.loader import Entry
from api.contract import document
from api.database import queries
from api.identity import canonical_ids, facility_names, source_names
from api.identity.name_similarity import name_key
from api.imports import row_plan
from api.matching.external_ids import external_id_key
from api.matching.scoring import Person
from api.records import detainees, release_events


@dataclass(slots=True)
class EntryOutcome:
    """The outcome of an entry, which is a row of the import."""

    row: int
    resource: str
    place: str
    outcome: str = "invalid"
    record_id: UUID | None = None
    changes: list[str] = field(default_factory=list)
    # The candidates of a possible duplicate.
    people: list[UUID] = field(default_factory=list)
    # The places of its errors.
    errors: list[str] = field(default_factory=list)
    # The values that are left out, each with its place and the reason.
    ignored: list[Mapping[str, Any]] = field(default_factory=list)
    # The row of a person, and the person compared.
    content: Mapping[str, Any] | None = None
    person: Person | None = None
    # Whether there is a decision on the entry, or on one that it refers to.
    is_decided: bool = False

    @property
    def foreseen(self) -> tuple[Any, ...]:
        """The part that an application must repeat."""
        record_id = None if self.outcome == "new" else self.record_id
        return self.outcome, record_id, self.changes, sorted(self.people)

    def as_stored(self, errors: Mapping[str, str], key_count: int) -> Mapping[str, Any]:
        """Return the row as the query that inserts it takes it; `errors` are by place."""
        is_recorded = self.record_id is not None and self.outcome != "new"
        record_id = str(self.record_id) if is_recorded else None
        return {
            "row": self.row,
            "resource": self.resource,
            "pointer": self.place,
            "outcome": self.outcome,
            "content": None if self.outcome == "invalid" else self.content,
            "key_count": key_count or None,
            "record_id": record_id,
            "detainee_id": record_id if self.resource == "detainee" else None,
            "candidate_ids": [str(id) for id in self.people],
            "candidate_rows": [],
            "changes": self.changes,
            "ignored": self.ignored,
            "errors": [
                {
                    "column": None,
                    # PostgreSQL stores no NUL, which a field's name can have.
                    "pointer": place.replace("\0", "\ufffd"),
                    "detail": errors[place].replace("\0", "\ufffd"),
                }
                for place in self.errors
            ],
        }


@cache
def _max_aliases() -> int:
    max_aliases: int = document.load().schema("Aliases")["maxItems"]
    return max_aliases


class RecordLinker:
    """Finds the record of an entry among those that are not linked to another entry."""

    def __init__(self, conn: queries.Connection) -> None:
        self._conn = conn
        self._new: set[UUID] = set()
        self._taken: set[UUID] = set()

    def add_new(self, id: UUID) -> None:
        """Note a record that the case itself created."""
        self._new.add(id)

    def is_new(self, id: UUID) -> bool:
        """Return whether the case itself created a record."""
        return id in self._new

    def take(self, id: UUID) -> None:
        """Note that a record is linked to an entry."""
        self._taken.add(id)

    def is_taken(self, id: UUID) -> bool:
        """Return whether a record is linked to another entry."""
        return id in self._taken

    def without_ids_of_others(
        self, entry: Entry, outcome: EntryOutcome, record_id: UUID | None
    ) -> Entry:
        """Return the entry of a person without external ids that others have; note these.

        Nobody may get the external id of another person, whatever was decided on an entry: the keys
        that import cases see hidden people.
        """
        if entry.list != "detainees":
            return entry
        external_ids, kept = entry.body["external_ids"], []
        holders = detainees.holders(self._conn, external_ids, sees_hidden=True)
        outcome.ignored.clear()
        for i, id in enumerate(external_ids):
            people = holders.get(external_id_key(id["scheme"], id["value"]))
            if people is None or record_id in people:
                kept.append(id)
                continue
            detail = f"{id['value'][:50]!r} is the identifier of /v1/detainees/{min(people)}: "
            cell = {"column": None, "pointer": f"{outcome.place}/external_ids/{i}"}
            outcome.ignored.append({**cell, "detail": f"{detail}it stays with that person."})
        return entry._replace(body={**entry.body, "external_ids": kept})

    def recorded(self, resource: str, ids: Sequence[UUID]) -> set[UUID]:
        """Return which of these ids are records of a resource."""
        rows = queries.rows(self._conn, "ledger/list_recorded_ids", resource=resource, ids=ids)
        return {row.id for row in rows}

    def find(self, list: str, body: Mapping[str, Any]) -> UUID | None:
        """Return the record with the content of an entry, or None. People are matched elsewhere."""
        finder = _FINDERS.get(list)
        return None if finder is None else finder(self, body)

    def _find_source(self, body: Mapping[str, Any]) -> UUID | None:
        """Find a source of the same name, so that it is not counted as two.

        A source of the same kind and country is preferred. A confidential source must have the
        same voucher.
        """
        voucher = self._surviving_source(body["vouched_by"])
        same_name = [
            row
            for row in source_names.with_name(self._conn, body["name"])
            if row.confidential == body["confidential"] and row.vouched_by == voucher
        ]
        same_name.sort(key=lambda row: (row.kind != body["kind"], row.country != body["country"]))
        ids = (row.named_id for row in same_name)
        return next((id for id in ids if not self.is_taken(id) and not self.is_new(id)), None)

    def _surviving_source(self, id: UUID | None) -> UUID | None:
        return None if id is None else canonical_ids.resolve(self._conn, "source", id)

    def source_changes(self, body: Mapping[str, Any], row: Any) -> dict[str, Any]:
        """Return the values of an entry that the row of its source lacks."""
        return {
            name: body[name]
            for name in ("country", "url")
            if body[name] is not None and getattr(row, name) is None
        }

    def _find_facility(self, body: Mapping[str, Any]) -> UUID | None:
        """Find a facility of the same country and name, unless its region is different."""
        for name in (body["name"], *body["aliases"]):
            for row in self._facilities_by_name.get((name_key(name), body["country"]), ()):
                elsewhere = facility_names.are_apart(row.region, body["region"])
                if not elsewhere and not self.is_taken(row.id):
                    id: UUID = row.id
                    return id
        return None

    @cached_property
    def _facilities(self) -> Mapping[UUID, Any]:
        return {row.id: row for row in queries.rows(self._conn, "facilities/list_names")}

    @cached_property
    def _facilities_by_name(self) -> Mapping[tuple[str, str], Sequence[Any]]:
        by_name: dict[tuple[str, str], list[Any]] = {}
        for row in self._facilities.values():
            for name in (row.name, *row.aliases):
                by_name.setdefault((name_key(name), row.country), []).append(row)
        return by_name

    def facility(self, id: UUID) -> Any:
        """Return the row of a facility that was recorded before."""
        return self._facilities[id]

    def facility_changes(self, body: Mapping[str, Any], row: Any) -> dict[str, Any]:
        """Return the aliases and the region of an entry that the row of its facility lacks.

        The name of another facility does not become an alias: a list would then find both by it.
        """
        changes: dict[str, Any] = {}
        recorded = {name_key(name) for name in (row.name, *row.aliases)}
        names = {name_key(name): name for name in (body["name"], *body["aliases"])}
        new = [
            name
            for folded, name in names.items()
            if folded not in recorded and not self._is_of_another_facility(name, row)
        ]
        if added := new[: _max_aliases() - len(row.aliases)]:
            changes["aliases"] = [*row.aliases, *added]
        if row.region is None and body["region"] is not None:
            changes["region"] = body["region"]
        return changes

    def _is_of_another_facility(self, name: str, row: Any) -> bool:
        sharing = facility_names.with_name(self._conn, name, row.country, row.region)
        return any(id != row.id for id in sharing)

    def _find_affiliation(self, body: Mapping[str, Any]) -> UUID | None:
        names = ("source_id", "with_source_id", "relation", "valid_from")
        return self._find_equal("affiliations/find", **{name: body[name] for name in names})

    def _find_claim(self, body: Mapping[str, Any]) -> UUID | None:
        """Find the same figure, published by the same source at the same moment."""
        names = (
            *("source_id", "kind", "value", "qualifier", "as_of", "published_at", "window_start"),
            *("facility_id", "age_group", "nationality", "announcement_id"),
        )
        return self._find_equal("claims/find", **{name: body[name] for name in names})

    def _find_detention(self, body: Mapping[str, Any]) -> UUID | None:
        if self.is_new(body["detainee_id"]):
            return None
        free = [row for row in self._detentions(body) if not self.is_taken(row.id)]
        detention = row_plan.detention_since(free, body["detained_on"] or "")
        return None if detention is None else detention.id

    def _find_release_event(self, body: Mapping[str, Any]) -> UUID | None:
        """Find a release event of the same person within three days of that day."""
        if self.is_new(body["detainee_id"]):
            return None
        detentions, day = self._detentions(body), body["occurred_on"]
        if body["detention_id"] is None:
            detention = release_events.detention_open_on(detentions, day)
        else:
            detention = canonical_ids.resolve(self._conn, "detention", body["detention_id"])
        same = row_plan.same_event(detentions, detention, day)
        return None if same is None else same.id

    def _detentions(self, body: Mapping[str, Any]) -> Sequence[row_plan.Detention]:
        person = canonical_ids.resolve(self._conn, "detainee", body["detainee_id"])
        return row_plan.read_people(self._conn, [person], sees_hidden=True)[person].detentions

    def _find_attestation(self, body: Mapping[str, Any]) -> UUID | None:
        """Find the same attestation, published by the same source at the same moment."""
        if self.is_new(body["release_event_id"]):
            return None
        event = canonical_ids.resolve(self._conn, "release_event", body["release_event_id"])
        names = ("source_id", "stance", "basis", "published_at", "release_kind")
        values = {name: body[name] for name in names}
        return self._find_equal("attestations/find", release_event_id=event, **values)

    def _find_equal(self, query: str, **values: Any) -> UUID | None:
        rows = queries.rows(self._conn, query, **values)
        return next((row.id for row in rows if row.id not in self._taken | self._new), None)


_FINDERS: Mapping[str, Callable[[RecordLinker, Mapping[str, Any]], UUID | None]] = {
    "sources": RecordLinker._find_source,
    "affiliations": RecordLinker._find_affiliation,
    "facilities": RecordLinker._find_facility,
    "claims": RecordLinker._find_claim,
    "detentions": RecordLinker._find_detention,
    "release_events": RecordLinker._find_release_event,
    "attestations": RecordLinker._find_attestation,
}
