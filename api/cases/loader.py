"""Cases and exports: entered in one transaction or not at all. What was entered before stays."""

import os
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from datetime import datetime
from itertools import islice
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any, NamedTuple, Self
from uuid import UUID, uuid5

from marshmallow import Schema, ValidationError

from api.access import Caller
from api.cases import format
from api.cases.case_file import FAULTY, STORED, UNREAD, CaseError, CaseFile, ListFile, below
from api.cases.export_file import ExportFile, is_export
from api.cases.format import LISTS, REFERENCES, RESOURCES
from api.contract import document, schemas
from api.database import clock, queries
from api.errors import FieldError, RequestError, invalid
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

__all__ = ["CaseError", "load"]

_PROGRESS = 10_000
# So many bytes of entries that wait for others are kept in memory, more in a file.
_WAITING = 1 << 16


def load(
    conn: queries.Connection, file: Path, say: Callable[[str], Any], *, dry_run: bool = False
) -> Mapping[str, int]:
    """Enters a case or an export, and gives how many entries of each list were new.

    An entry that was loaded before stays as it is. `say` is told of progress and of what is passed
    over. Raises CaseError, and changes nothing, if anything in the file is wrong.
    """
    with (
        file.open("rb") as stream,
        conn.transaction(force_rollback=dry_run),
        Loading(conn, ExportFile(file) if is_export(file) else CaseFile(stream), None, say) as load,
    ):
        return load.run()


class _Event(NamedTuple):
    """An event that is locked, and the time that counts for what is said of it."""

    id: UUID
    now: datetime


class Entry(NamedTuple):
    """An entry without faults of its own, as the contract takes it."""

    name: str
    key: str | None
    place: str
    id: UUID
    body: Mapping[str, Any]
    # Of these fields those that are given, as they stand in the file.
    given: Mapping[str, Any]
    # The list and the key of each entry that it names.
    references: Sequence[tuple[str, str]]


class Loading:
    """Enters a file's entries, in a transaction that is under way. To be left when it is done."""

    def __init__(
        self,
        conn: queries.Connection,
        file: ListFile,
        caller: Caller | None,
        say: Callable[[str], Any],
    ) -> None:
        self._conn = conn
        self._file = file
        self._say = say
        self._began = clock.now(conn)
        self.batch = Batch(conn, caller, say)
        # The records that entries have become, where these have ids of their own.
        self._records: dict[UUID, UUID] = {}
        # Entries that refer to one of their list which stands further on: by its key, where they
        # stand in a file of their own.
        self._waiting: dict[str, list[int]] = {}
        self._waiting_file: IO[bytes] = SpooledTemporaryFile(  # noqa: SIM115 - closed on leaving
            _WAITING
        )
        self._schemas = {name: _schema(name) for name in LISTS}
        self._names = {name: file.names(name) for name in LISTS}
        # The contract's names that the file has others for.
        self._misnamed = {
            name: {contract_name: own for own, contract_name in names.items()}
            for name, names in self._names.items()
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting_file.close()

    def run(self) -> Mapping[str, int]:
        queries.run(self._conn, "affiliations/lock_exclusive")
        self.enter()
        self._file.stop_if_faulty()
        self._file.forget()
        self.batch.record()
        return {name: self.batch.count(resource) for name, resource in RESOURCES.items()}

    def enter(self) -> None:
        """Enters all that has no fault; what is written is then to be recorded."""
        for name in LISTS:
            self._enter_list(name)
        for origin in list(self._waiting):
            for entry in self._taken_up(origin):
                field = "relays" if entry.body.get("relays") else "announcement"
                self._file.fault(f"{entry.place}/{field}", "Refers to itself, by way of others.")

    def _enter_list(self, name: str) -> None:
        numbered, done, total = self._file.entries(name), 0, self._file.totals[name]
        while block := list(islice(numbered, queries.BLOCK_SIZE)):
            self._enter_block(name, block)
            before, done = done, block[-1][0] + 1
            if done // _PROGRESS > before // _PROGRESS or done == total > _PROGRESS:
                self._say(f"{name.replace('_', ' ')}: {done:,} of {total:,}")

    def _enter_block(self, name: str, block: Sequence[tuple[int, str, dict[str, Any]]]) -> None:
        ids = [self._file.id(name, entry) for _, _, entry in block]
        known = self._known(ids)
        entered = self._entered_ids(ids)
        for (_, place, entry), id in zip(block, ids, strict=True):
            if id in known:
                state = STORED
            elif id in entered:
                self._file.fault(place, "Stands twice.")
                continue
            elif checked := self._checked(name, place, id, entry):
                state = self._entered(checked)
                entered.add(id)
            else:
                state = FAULTY
            self._settle(name, entry.get(self._file.key), state)

    def _known(self, ids: Sequence[UUID]) -> set[UUID]:
        """Which of these entries were entered before."""
        found = queries.rows(self._conn, "imports/list_case_entry_links", ids=ids)
        self._records |= {row.id: row.record_id for row in found if row.id != row.record_id}
        return {row.id for row in found}

    def _entered_ids(self, ids: Sequence[UUID]) -> set[UUID]:
        return {row.id for row in queries.rows(self._conn, "imports/list_existing_ids", ids=ids)}

    def _checked(self, name: str, place: str, id: UUID, entry: Mapping[str, Any]) -> Entry | None:
        """An entry as the contract takes it, or None if it has faults."""
        before = len(self._file.faults)
        key = entry.get(self._file.key)
        if name != "affiliations" and not isinstance(key, str):
            self._file.fault(f"{place}/{self._file.key}", "Must be given: a string.")
        references: list[tuple[str, str]] = []
        fields = self._translated(name, place, entry, references)
        fields.pop(self._file.key, None)
        body = {}
        try:
            body = self._schemas[name].load(fields)
        except ValidationError as error:
            self._fault(name, place, schemas.field_errors(error))
        if len(self._file.faults) > before:
            return None
        return Entry(name, key, place, id, body, fields, references)

    def _translated(
        self, name: str, place: str, value: Any, references: list[tuple[str, str]]
    ) -> Any:
        """Fields by the contract's names, and keys as the ids of what they name."""
        if isinstance(value, list):
            return [
                self._translated(name, f"{place}/{i}", item, references)
                for i, item in enumerate(value)
            ]
        if not isinstance(value, dict):
            return value
        if (twice := getattr(value, "twice", None)) is not None:
            self._file.fault(below(place, twice), "Stands twice.")
        translated = {}
        for field, part in value.items():
            at = below(place, field)
            contract_name = self._names[name].get(field, field)
            of = REFERENCES.get(contract_name)
            if field in self._misnamed[name]:
                self._file.fault(at, f"Is {self._misnamed[name][field]} in a case.")
            elif of is None or part is None:
                translated[contract_name] = self._translated(name, at, part, references)
            elif self._file.knows(of, part):
                references.append((of, part))
                translated[contract_name] = str(self._file.id(of, {self._file.key: part}))
            else:
                self._file.fault(
                    at, f"None of the {of.replace('_', ' ')} has this {self._file.key}."
                )
                translated[contract_name] = part
        return translated

    def _fault(self, name: str, place: str, faults: Sequence[FieldError]) -> None:
        """Tells faults that were found by the contract's names."""
        for fault in faults:
            steps = (self._misnamed[name].get(step, step) for step in fault.pointer.split("/"))
            self._file.fault(place + "/".join(steps), fault.detail)

    def _settle(self, name: str, key: Any, state: int) -> None:
        """Notes what became of an entry; those that waited for it have their turn."""
        settled = [(key, state)]
        while settled:
            key, state = settled.pop()
            if not isinstance(key, str) or state == UNREAD:
                continue
            self._file.note(name, key, state)
            for waiting in self._taken_up(key):
                settled.append((waiting.key, self._entered(waiting)))

    def _entered(self, entry: Entry) -> int:
        """What becomes of an entry: it waits while one of its own list that it names is unread."""
        states = {
            (name, self._file.state(name, key)): key for name, key in reversed(entry.references)
        }
        origin = states.pop((entry.name, UNREAD), None)
        if left := {state for _, state in states} - {STORED}:
            return self._left_out(entry, left)
        if origin is not None:
            self._put_aside(entry, origin)
            return UNREAD
        try:
            self._insert(entry)
        except RequestError as refusal:
            self._fault(
                entry.name, entry.place, refusal.errors or [FieldError("", self._told(refusal))]
            )
            return FAULTY
        return STORED

    def _left_out(self, entry: Entry, states: Set[int]) -> int:
        """What becomes of an entry that names others which were not entered."""
        return FAULTY  # the other's own faults are told

    def _told(self, refusal: RequestError) -> str:
        """What a refusal says, with a key of the case for an id that nobody outside knows."""
        event = refusal.release_event_id
        if event is not None and (key := self._file.key_of("release_events", event)):
            return f"The release event {key!r} of this detention lies within three days."
        return refusal.detail

    def _put_aside(self, entry: Entry, origin: str) -> None:
        self._waiting.setdefault(origin, []).append(self._waiting_file.seek(0, os.SEEK_END))
        pickle.dump(entry, self._waiting_file)

    def _taken_up(self, origin: str) -> Iterator[Entry]:
        """Those that waited for this one, in their order: of two words the later one counts."""
        for at in self._waiting.pop(origin, ()):
            self._waiting_file.seek(at)
            yield pickle.load(self._waiting_file)  # noqa: S301 - no one else can write to it

    def _insert(self, entry: Entry) -> None:
        conn, id, body = self._conn, entry.id, dict(self._as_recorded(entry.body))
        entry = entry._replace(body={**body})
        if entry.name == "sources":
            sources.check(conn, {**body, "id": id})
            sources.insert(conn, body, id)
        elif entry.name == "affiliations":
            sources.check_affiliation(conn, body)
            sources.insert_affiliation(conn, body, id)
            for person, events in verdicts.lock_affected(conn, entry.body).items():
                for event in events:
                    self._verify(entry, event, person)
        elif entry.name == "facilities":
            facilities.insert(conn, body, id)
        elif entry.name == "claims":
            claims.check(conn, body)
            claims.insert(conn, body, id)
        elif entry.name == "detainees":
            detention = body.pop("detention")
            detainees.check(conn, body)
            detainees.insert(conn, body, id)
            if detention is not None:
                row = detentions.check(conn, id, detention)
                self.batch.add("detention", detentions.insert(conn, row, uuid5(id, "detention")))
        elif entry.name == "detentions":
            body["detainee_id"] = self._lock_person(body["detainee_id"])
            detentions.check_restored(conn, body)
            detentions.insert(conn, body, id)
        elif entry.name == "release_events":
            body["detainee_id"] = self._lock_person(body["detainee_id"])
            placed = release_events.check(conn, body, restored=self._file.is_exported)
            release_events.insert(conn, placed, id)
        elif entry.name == "attestations":
            body["release_event_id"] = self._lock_event(entry, body["release_event_id"])
            locked = _Event(body["release_event_id"], self._began)
            attestations.check(conn, locked, body, restored=self._file.is_exported)
            attestations.insert(conn, body, id)
        self.batch.add(RESOURCES[entry.name], id)

    def _as_recorded(self, value: Any) -> Any:
        """What an entry says, with the ids of records for those of entries that became others."""
        if not self._records:
            return value  # as in every file of which no entry was imported before
        if isinstance(value, dict):
            return {name: self._as_recorded(part) for name, part in value.items()}
        if isinstance(value, list):
            return [self._as_recorded(item) for item in value]
        return self._records.get(value, value) if isinstance(value, UUID) else value

    def _verify(self, entry: Entry, event: UUID, person: UUID) -> None:
        """An event that an entry concerns; the person is locked."""
        self.batch.verify(event, person)

    def _lock_event(self, entry: Entry, event: UUID) -> UUID:
        """The event that an entry speaks of, to be verified once all is written."""
        if not self.batch.verifies(event):
            locked = release_events.lock_canonical(self._conn, event)
            if locked is None:
                raise invalid(
                    FieldError("/release_event_id", "There is no release event with this id.")
                )
            event = locked.id
            self._verify(entry, event, locked.detainee_id)
        return event

    def _lock_person(self, id: UUID) -> UUID:
        person = detainees.lock_canonical(self._conn, id)
        if person is None:
            raise invalid(FieldError("/detainee_id", "There is no detainee with this id."))
        return person


def _schema(name: str) -> Schema:
    """What an entry must meet. A detainee's detention may stand within it."""
    schema = format.entry(name)
    properties = dict(schema["properties"])
    if name == "detainees":
        held = document.load().schema("DetentionCreate")
        properties["detention"] = {**held, "type": ["object", "null"]}
    return schemas.body_schema({**schema, "properties": properties})
