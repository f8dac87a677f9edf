"""Insert the entries of a file as records, and link entries to records with other ids."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple, cast
from uuid import UUID, uuid5

from api.access import Caller
from api.cases.format import RESOURCES
from api.database import clock, queries
from api.errors import FieldError, RequestError, invalid
from api.identity import canonical_ids, facility_names, source_merges, source_names
from api.records import (
    attestations,
    claims,
    detainees,
    detentions,
    facilities,
    release_events,
    sources,
)
from api.verification import verdicts
from api.verification.bulk import Batch


class _LockedEvent(NamedTuple):
    """A locked release event, and the time against which its attestations are checked."""

    id: UUID
    occurred_on: date
    live_attestations: int
    now: datetime


class Inserted(NamedTuple):
    """A new record, the release events that must be verified again, and a person's detention."""

    id: UUID
    events: Sequence[UUID] = ()
    detention_id: UUID | None = None


def lock(conn: queries.Connection) -> None:
    """Lock affiliations and all names, in the lock order: a case may add some."""
    queries.run(conn, "affiliations/lock_exclusive")
    source_names.lock(conn)
    facility_names.lock(conn)


class RecordWriter:
    """Writes records in the caller's transaction; the batch verifies what they affect.

    The transaction holds the locks of `lock`, since people are locked here.

    With `keeps_ids` a record has the id of its entry, else a random one. A `restored` record was
    checked by the store that exported it. The caller is None for the operator's command.
    """

    def __init__(
        self,
        conn: queries.Connection,
        caller: Caller | None,
        progress: Callable[[str], Any],
        *,
        keeps_ids: bool,
        restored: bool,
    ) -> None:
        self._conn = conn
        self._keeps_ids = keeps_ids
        self._restored = restored
        self._began = clock.now(conn)
        self.batch = Batch(conn, caller, progress)
        self._is_distinct = False
        # The recorded sources and facilities that an entry has taken as its record.
        self._of_entries: set[UUID] = set()
        # The id of an entry -> the id of its record, if they differ. Attestations are left out:
        # they are the most, and only relays refer to them. Bytes take half the memory of UUIDs.
        self._links: dict[bytes, bytes] = {}
        # The links that are not stored yet, those of attestations too. The decision of an editor
        # about an entry that has a link already replaces that link.
        self._new_links: dict[UUID, UUID] = {}
        self._decided_links: set[UUID] = set()
        # The id of the entry of a person who was split since, or a merge of whom was undone -> the
        # people that the entry may mean now.
        self.split_since: dict[UUID, Sequence[UUID]] = {}
        # The day of each release event that is locked and verified, and the number of its
        # attestations that are not void.
        self._events: dict[bytes, tuple[date, int]] = {}

    def read_links(self, list_name: str, ids: Sequence[UUID]) -> dict[UUID, UUID]:
        """Return the records of those entries of a list that were loaded or imported before."""
        rows = queries.rows(self._conn, "imports/list_case_entry_links", ids=ids)
        records = {row.id: row.record_id for row in rows}
        if list_name == "detainees":
            self.read_splits([(row.id, row.record_id, row.linked_at) for row in rows])
        if list_name != "attestations":
            for id, record in records.items():
                if id != record:
                    self._links[id.bytes] = record.bytes
        return records

    def read_splits(self, records: Sequence[tuple[UUID, UUID, datetime | None]]) -> None:
        """Read which people were split since; takes entries, their people and moments."""
        self.split_since |= canonical_ids.people_since(self._conn, records)

    def link(
        self, list_name: str, entry_id: UUID, record_id: UUID, *, is_decided: bool = False
    ) -> None:
        """Remember the record of an entry of a list; a decision replaces an earlier link."""
        if entry_id != record_id:
            self._new_links[entry_id] = record_id
            if list_name != "attestations":
                self._links[entry_id.bytes] = record_id.bytes
        if is_decided:
            self._decided_links.add(entry_id)

    def link_detention(self, entry_id: UUID, detention_id: UUID) -> None:
        """Remember the detention that is a part of the entry of a person."""
        self._new_links[uuid5(entry_id, "detention")] = detention_id

    def linked_detention(self, entry_id: UUID) -> UUID | None:
        """Return the detention of the entry of a person, wherever it is now."""
        id = uuid5(entry_id, "detention")
        return self.read_links("attestations", [id]).get(id)

    def store_links(self) -> None:
        """Store the new links, so that another load or import finds the records."""
        queries.run(
            self._conn,
            "imports/insert_case_entry_links",
            ids=list(self._new_links),
            record_ids=list(self._new_links.values()),
            decided_ids=list(self._decided_links),
        )
        self._new_links.clear()
        self._decided_links.clear()

    def resolve(self, value: Any) -> Any:
        """Return the body of an entry with the ids of records instead of those of entries."""
        if isinstance(value, dict):
            return {
                name: self._attestation(part)
                if name == "attestation_id" and part is not None
                else self.resolve(part)
                for name, part in value.items()
            }
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        if isinstance(value, UUID) and value.bytes in self._links:
            return UUID(bytes=self._links[value.bytes])
        return value

    def _attestation(self, entry_id: UUID) -> UUID:
        if entry_id in self._new_links:
            return self._new_links[entry_id]
        return self.read_links("attestations", [entry_id]).get(entry_id, entry_id)

    def insert(
        self, name: str, entry_id: UUID, body: Mapping[str, Any], *, is_decided: bool = False
    ) -> Inserted:
        """Check and insert a resolved entry of a list. Raises RequestError.

        The person of a detention, release event or attestation is locked. `is_decided`: an editor
        decided that the entry is new, so a source or facility may have the name of another.
        """
        # In another store, two sources or facilities with one name were recorded as distinct.
        self._is_distinct = is_decided or self._restored
        id = entry_id if self._keeps_ids else None
        inserted = self._inserters[name](self, dict(body), id)
        self.batch.add(RESOURCES[name], inserted.id)
        self.link(name, entry_id, inserted.id, is_decided=is_decided)
        if inserted.detention_id is not None:
            self.link_detention(entry_id, inserted.detention_id)
        return inserted

    def find_recorded(self, name: str, body: Mapping[str, Any]) -> UUID | None:
        """Take the first recorded source or facility with this name that no entry has taken.

        Returns its id, or None. A source must have the same voucher.
        """
        same: Iterator[UUID] = iter(())
        if name == "sources":
            recorded = source_names.with_name(self._conn, body["name"])
            voucher = canonical_ids.resolve(self._conn, "source", body["vouched_by"])
            same = (row.named_id for row in recorded if row.vouched_by == voucher)
        elif name == "facilities":
            same = iter(self._facilities_with_name(body))
        id = next((id for id in same if id not in self._of_entries), None)
        if id is not None:
            self._of_entries.add(id)
        return id

    def _facilities_with_name(self, body: Mapping[str, Any]) -> Sequence[UUID]:
        return facility_names.with_name(self._conn, body["name"], body["country"], body["region"])

    def _insert_source(self, body: dict[str, Any], id: UUID | None) -> Inserted:
        sources.check(self._conn, {**body, "id": id})
        same_name = [row.id for row in source_names.with_name(self._conn, body["name"])]
        if same_name and not self._is_distinct:
            detail = "Another source has this name. Use the key of that one, or another name."
            raise invalid(FieldError("/name", detail))
        id = sources.insert(self._conn, body, id)
        self._of_entries.add(id)
        for change in source_merges.insert_distinctions(self._conn, id, same_name):
            self.batch.add("distinction", change.resource_id)
        return Inserted(id)

    def _insert_affiliation(self, body: dict[str, Any], id: UUID | None) -> Inserted:
        sources.check_affiliation(self._conn, body)
        id = sources.insert_affiliation(self._conn, body, id)
        return Inserted(id, self.verify_affected(body))

    def _insert_facility(self, body: dict[str, Any], id: UUID | None) -> Inserted:
        if self._facilities_with_name(body) and not self._is_distinct:
            detail = "Another facility has this name. Use the key of that one, or another name."
            raise invalid(FieldError("/name", detail))
        id = facilities.insert(self._conn, body, id)
        self._of_entries.add(id)
        return Inserted(id)

    def _insert_claim(self, body: dict[str, Any], id: UUID | None) -> Inserted:
        claims.check(self._conn, body)
        return Inserted(claims.insert(self._conn, body, id))

    def _insert_detainee(self, body: dict[str, Any], id: UUID | None) -> Inserted:
        detention = body.pop("detention")
        detainees.check(self._conn, body)
        id = detainees.insert(self._conn, body, id, accepted=self.batch.accepts)
        if detention is not None:
            row = detentions.check(self._conn, id, detention)
            detention_id = detentions.insert(self._conn, row, accepted=self.batch.accepts)
            self.batch.add("detention", detention_id)
            return Inserted(id, detention_id=detention_id)
        return Inserted(id)

    def _insert_detention(self, body: dict[str, Any], id: UUID | None) -> Inserted:
        body["detainee_id"] = self.lock_person(body["detainee_id"])
        detentions.check_restored(self._conn, body)
        return Inserted(detentions.insert(self._conn, body, id, accepted=self.batch.accepts))

    def _insert_release_event(self, body: dict[str, Any], id: UUID | None) -> Inserted:
        body["detainee_id"] = self.lock_person(self._person_of_event(body))
        try:
            placed = release_events.check(self._conn, body, restored=self._restored)
        except RequestError as error:
            if event := error.existing.get("release_event_id"):
                error.existing["release_event_id"] = self._entry_of(event)
            raise
        return Inserted(release_events.insert(self._conn, placed, id))

    def _person_of_event(self, body: Mapping[str, Any]) -> UUID:
        """Return the person of a release event: of its detention, if a split moved that."""
        person: UUID = body["detainee_id"]
        # An export has a detention for each event, and its people have the ids of their entries.
        is_unsplit = self._keeps_ids and person not in self.split_since
        if body["detention_id"] is None or is_unsplit:
            return person
        detention = canonical_ids.resolve(self._conn, "detention", body["detention_id"])
        row = queries.row(self._conn, "detentions/get", id=detention)
        people = canonical_ids.people_since(self._conn, [(person, person, None)])
        is_moved = row is not None and row.detainee_id in people.get(person, ())
        return cast(UUID, row.detainee_id) if is_moved else person

    def _entry_of(self, record_id: UUID) -> UUID:
        """Return the id of the entry with this record."""
        entries = (entry for entry, id in self._links.items() if id == record_id.bytes)
        entry = next(entries, None)
        return record_id if entry is None else UUID(bytes=entry)

    def _insert_attestation(self, body: dict[str, Any], id: UUID | None) -> Inserted:
        event_id = body["release_event_id"] = self.verify_event(body["release_event_id"])
        day, live = self._events[event_id.bytes]
        event = _LockedEvent(event_id, day, live, self._began)
        attestations.check(self._conn, event, body, restored=self._restored)
        self._events[event_id.bytes] = day, live + 1
        return Inserted(attestations.insert(self._conn, body, id), [event.id])

    _inserters: Mapping[str, Callable[["RecordWriter", dict[str, Any], UUID | None], Inserted]] = {
        "sources": _insert_source,
        "affiliations": _insert_affiliation,
        "facilities": _insert_facility,
        "claims": _insert_claim,
        "detainees": _insert_detainee,
        "detentions": _insert_detention,
        "release_events": _insert_release_event,
        "attestations": _insert_attestation,
    }

    def verify_affected(self, *affiliations: Mapping[str, Any]) -> list[UUID]:
        """Lock the people whose groups an affiliation changes; verify and return their events."""
        affected = verdicts.lock_affected(self._conn, *affiliations)
        for person, events in affected.items():
            for event in events:
                self.batch.verify(event, person)
        return [event for events in affected.values() for event in events]

    def verify_event(self, id: UUID) -> UUID:
        """Lock the person of a release event and verify it; return the canonical id."""
        if id.bytes in self._events:
            return id
        event = release_events.lock_canonical(self._conn, id)
        if event is None:
            raise invalid(
                FieldError("/release_event_id", "There is no release event with this id.")
            )
        self.batch.verify(event.id, event.detainee_id)
        self._events[event.id.bytes] = event.occurred_on, event.live_attestations
        return event.id  # type: ignore[no-any-return] # a row

    def lock_person(self, id: UUID) -> UUID:
        """Lock a person; return the canonical id."""
        person = detainees.lock_canonical(self._conn, id)
        if person is None:
            raise invalid(FieldError("/detainee_id", "There is no detainee with this id."))
        return person
