"""Read the entries of a file into a sink. `load` inserts them as records, all or nothing.

The loader checks entries by the contract and orders them: an entry waits for the entries of its
list that it refers to. The sink stores the checked entries.
"""

import os
import pickle
import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from itertools import islice
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any, NamedTuple, Protocol
from uuid import UUID

from marshmallow import Schema, ValidationError

from api.cases import format, record_writer
from api.cases.case_file import CaseFile, EntryFile, FileEntry, State
from api.cases.export_file import ExportFile, is_export
from api.cases.format import LISTS, REFERENCES, RESOURCES
from api.cases.record_writer import RecordWriter
from api.contract import document, schemas
from api.database import queries
from api.errors import FieldError, RequestError, invalid, pointer
from api.records.detention_order import period

_PROGRESS_ENTRIES = 5_000
_MAX_WAITING_BYTES = 1 << 16
# Not in a quoted value.
_FIELD_NAME = re.compile(r"(?<![\w'])[a-z]+(?:_[a-z]+)+(?![\w'])")


class Entry(NamedTuple):
    """A valid entry, whose references are ids of entries."""

    list: str
    key: str | None
    place: str
    id: UUID
    body: Mapping[str, Any]
    # The fields that the file has, by the contract's names and without defaults.
    file_fields: Mapping[str, Any]
    # List and key of each entry that it refers to -> the place of the reference.
    references: dict[tuple[str, str], str]


class Sink(Protocol):
    """Stores the entries of a file, and decides which of them are stored already."""

    def begin_block(self, entries: Sequence[FileEntry]) -> None:
        """Read what `state_before` and `take_id` need for a block of entries of one list."""

    def state_before(self, entry: FileEntry) -> State | None:
        """Return the state of an entry that needs no check, or None."""

    def take_id(self, entry: FileEntry) -> bool:
        """Take the id of an entry; return whether an earlier entry or a record has it."""

    def add_checked(self, entries: Sequence[Entry]) -> None:
        """Take the valid entries of a block, before any of them is stored."""

    def is_undecided(self, entry: Entry) -> bool:
        """Return whether an entry needs a decision before it is stored."""

    def state_without(self, entry: Entry, states: Set[State]) -> State:
        """Return the state of an entry that is not stored, because it refers to entries in these
        states."""

    def store(self, entry: Entry) -> None:
        """Store an entry, all of whose references are stored. Raises RequestError."""

    def end_block(self) -> None:
        """Write what the methods above collected for the block."""


def load(
    conn: queries.Connection,
    path: Path,
    progress: Callable[[str], Any],
    *,
    dry_run: bool = False,
) -> Mapping[str, int]:
    """Insert the entries of a case or an export; return the number of new entries by list.

    An entry that was loaded or imported before is not changed. `progress` takes lines of text.
    Raises CaseError, and changes nothing, if the file has errors.
    """
    with path.open("rb") as stream, conn.transaction(force_rollback=dry_run):
        file = ExportFile(path) if is_export(path) else CaseFile(stream)
        writer = RecordWriter(
            conn, None, progress, keeps_ids=file.keeps_ids, restored=file.is_export
        )
        record_writer.lock(conn)
        CaseLoader(file, _NewRecords(conn, file, writer), progress).run()
        file.raise_errors()
        file.forget_states()
        writer.batch.record()
        return {name: writer.batch.count(resource) for name, resource in RESOURCES.items()}


class _NewRecords:
    """The sink of `load`: an entry becomes a new record unless it was loaded or imported before."""

    def __init__(self, conn: queries.Connection, file: EntryFile, writer: RecordWriter) -> None:
        self._conn = conn
        self._file = file
        self._writer = writer
        # The id of an entry -> the record that it became in an earlier load or import.
        self._records: Mapping[UUID, UUID] = {}
        # Ids that a record has (also one stored by an earlier block) or an entry of this block.
        self._taken_ids: set[UUID] = set()

    def begin_block(self, entries: Sequence[FileEntry]) -> None:
        ids = [entry.id for entry in entries]
        self._records = self._writer.read_links(entries[0].list, ids)
        rows = queries.rows(self._conn, "imports/list_existing_ids", ids=ids)
        self._taken_ids = {row.id for row in rows}

    def state_before(self, entry: FileEntry) -> State | None:
        return State.STORED if entry.id in self._records else None

    def take_id(self, entry: FileEntry) -> bool:
        is_taken = entry.id in self._taken_ids
        self._taken_ids.add(entry.id)
        return is_taken

    def add_checked(self, entries: Sequence[Entry]) -> None:
        pass

    def is_undecided(self, entry: Entry) -> bool:
        return False

    def state_without(self, entry: Entry, states: Set[State]) -> State:
        return State.INVALID  # the error belongs to the other entry

    def store(self, entry: Entry) -> None:
        self._check_person(entry)
        body = self._writer.resolve(entry.body)
        if recorded := self._writer.find_recorded(entry.list, body):
            self._writer.link(entry.list, entry.id, recorded)
        else:
            self._writer.insert(entry.list, entry.id, body)

    def _check_person(self, entry: Entry) -> None:
        """Refuse a new record of a person who was split after the file was made, unless it names
        the detention."""
        person = entry.body.get("detainee_id")
        if person in self._writer.split_since and entry.body.get("detention_id") is None:
            people = self._writer.split_since[person]
            them = " or ".join(f"/v1/detainees/{id}" for id in people)
            remedy = (
                "Leave this entry out and record it through the API."
                if self._file.keeps_ids
                else "Import the file (constancia import), which asks for a decision."
            )
            detail = f"This person was split, or a merge of it undone, and is now {them}. {remedy}"
            raise invalid(FieldError("/detainee_id", detail))

    def end_block(self) -> None:
        self._writer.store_links()


class CaseLoader:
    """Reads the entries of a file, checks and orders them, and passes them to a sink."""

    def __init__(self, file: EntryFile, sink: Sink, progress: Callable[[str], Any]) -> None:
        self._file = file
        self._sink = sink
        self._progress = progress
        # Key -> the offsets in `_waiting_file` of the entries that wait for it.
        self._waiting: dict[str, list[int]] = {}
        self._waiting_file: IO[bytes]
        self._schemas = {name: _entry_schema(name) for name in LISTS}
        self._contract_names = {name: file.field_names(name) for name in LISTS}
        self._file_names = {
            name: {contract_name: file_name for file_name, contract_name in names.items()}
            for name, names in self._contract_names.items()
        }

    def run(self) -> None:
        """Read all entries. Errors are added to those of the file."""
        with SpooledTemporaryFile(_MAX_WAITING_BYTES) as self._waiting_file:
            for name in LISTS:
                self._load_list(name)
            for key in list(self._waiting):
                for entry in self._release_waiting(key):
                    detail = "Leads into a circle of references: remove one of them."
                    self._file.add_error(entry.references[entry.list, key], detail)

    def _load_list(self, name: str) -> None:
        entries, done, total = self._file.entries(name), 0, self._file.totals[name]
        while block := list(islice(entries, queries.BLOCK_SIZE)):
            self._load_block(block)
            before, done = done, block[-1].number + 1
            if done // _PROGRESS_ENTRIES > before // _PROGRESS_ENTRIES or (
                done == total > _PROGRESS_ENTRIES
            ):
                self._progress(f"{name.replace('_', ' ')}: {done:,} of {total:,}")

    def _load_block(self, block: Sequence[FileEntry]) -> None:
        self._sink.begin_block(block)
        checked = []
        for entry in block:
            state = self._sink.state_before(entry)
            if state is None and self._sink.take_id(entry):
                self._file.add_error(entry.place, "Is a repeated entry: leave it out.")
                continue
            valid = self._check(entry) if state is None else None
            if valid is None:
                self._set_state(entry.list, entry.key, state or State.INVALID)
            else:
                checked.append(valid)
        self._sink.add_checked(checked)
        for valid in checked:
            self._set_state(valid.list, valid.key, self._store(valid))
        self._sink.end_block()

    def _check(self, entry: FileEntry) -> Entry | None:
        """Check an entry by the contract; add its errors and return None if it has any."""
        before = len(self._file.errors)
        key_field = self._file.key_field
        if entry.list != "affiliations" and not isinstance(entry.key, str):
            self._file.add_error(f"{entry.place}/{key_field}", "Is required, a string.")
        references: dict[tuple[str, str], str] = {}
        fields = self._translate(entry.list, entry.place, entry.fields, references)
        fields.pop(key_field, None)
        body = {}
        try:
            body = self._schemas[entry.list].load(fields)
        except ValidationError as error:
            self._add_errors(entry.list, entry.place, schemas.field_errors(error))
        self._check_days(entry.place, body)
        if len(self._file.errors) > before:
            return None
        return Entry(entry.list, entry.key, entry.place, entry.id, body, fields, references)

    def _check_days(self, place: str, body: Mapping[str, Any]) -> None:
        """Check that days of detention exist, also of an entry that waits for a decision."""
        for part_place, part in ((place, body), (f"{place}/detention", body.get("detention"))):
            detained_on = (part or {}).get("detained_on")
            try:
                period(detained_on)
            except ValueError:
                detail = f"{detained_on} is not a day of the calendar."
                self._file.add_error(f"{part_place}/detained_on", detail)

    def _translate(
        self, name: str, place: str, value: Any, references: dict[tuple[str, str], str]
    ) -> Any:
        """Return a value with the contract's names, and with ids of entries instead of keys."""
        if isinstance(value, list):
            return [
                self._translate(name, f"{place}/{i}", item, references)
                for i, item in enumerate(value)
            ]
        if not isinstance(value, dict):
            return value
        if (repeated := getattr(value, "repeated", None)) is not None:
            self._file.add_error(
                place + pointer(repeated), "Is a repeated name: leave one of the two out."
            )
        translated = {}
        for field, part in value.items():
            part_place = place + pointer(field)
            contract_name = self._contract_names[name].get(field, field)
            target = REFERENCES.get(contract_name)
            if field in self._file_names[name]:
                detail = f"Is named {self._file_names[name][field]!r} in a case: use that name."
                self._file.add_error(part_place, detail)
            elif target is None or part is None:
                translated[contract_name] = self._translate(name, part_place, part, references)
            elif self._file.has_key(target, part):
                references.setdefault((target, part), part_place)
                translated[contract_name] = str(self._file.entry_id(target, part))
            else:
                key_field = self._file.key_field
                detail = f"{target} has no entry with the {key_field} {str(part)[:100]!r}."
                self._file.add_error(part_place, detail)
                translated[contract_name] = part
        return translated

    def _add_errors(self, name: str, place: str, errors: Sequence[FieldError]) -> None:
        """Add errors whose pointers and details have the contract's names."""
        file_names = self._file_names[name]
        for error in errors:
            steps = (file_names.get(step, step) for step in error.pointer.split("/"))
            detail = _FIELD_NAME.sub(lambda it: file_names.get(it[0], it[0]), error.detail)
            self._file.add_error(place + "/".join(steps), detail)

    def _set_state(self, name: str, key: Any, state: State) -> None:
        """Set the state of an entry, and store the entries that waited for it."""
        pending = [(key, state)]
        while pending:
            key, state = pending.pop()
            if not isinstance(key, str) or state is State.UNREAD:
                continue
            self._file.set_state(name, key, state)
            for waiting in self._release_waiting(key):
                pending.append((waiting.key, self._store(waiting)))

    def _store(self, entry: Entry) -> State:
        """Store an entry, or let it wait for another of its list; return its state."""
        # State of a referenced entry, with its list -> the key of the first one in it.
        states = {
            (name, self._file.state(name, key)): key for name, key in reversed(entry.references)
        }
        awaited = states.pop((entry.list, State.UNREAD), None)
        if self._sink.is_undecided(entry):
            return State.UNDECIDED
        if not_stored := {state for _, state in states} - {State.STORED}:
            return self._sink.state_without(entry, not_stored)
        if awaited is not None:
            self._wait(entry, awaited)
            return State.UNREAD
        try:
            self._sink.store(entry)
        except RequestError as error:
            errors = error.errors or [FieldError("", self._detail(error))]
            self._add_errors(entry.list, entry.place, errors)
            return State.INVALID
        return State.STORED

    def _detail(self, error: RequestError) -> str:
        """Return the detail of an error, with the key of a release event instead of its id."""
        event = error.existing.get("release_event_id")
        if event is not None and (key := self._file.key_of("release_events", event)):
            return (
                f"The release event {key!r} of this detention is within three days, and so the "
                "same: leave this one out."
            )
        return error.detail

    def _wait(self, entry: Entry, awaited: str) -> None:
        self._waiting.setdefault(awaited, []).append(self._waiting_file.seek(0, os.SEEK_END))
        pickle.dump(entry, self._waiting_file)

    def _release_waiting(self, key: str) -> Iterator[Entry]:
        """Yield the entries that wait for a key, in the order of the file."""
        for offset in self._waiting.pop(key, ()):
            self._waiting_file.seek(offset)
            yield pickle.load(self._waiting_file)  # noqa: S301 - this process wrote it


def _entry_schema(name: str) -> Schema:
    """Return the schema of an entry. A detainee may have a `detention`."""
    schema = format.entry_schema(name)
    properties = dict(schema["properties"])
    if name == "detainees":
        detention = document.load().schema("DetentionCreate")
        properties["detention"] = {**detention, "type": ["object", "null"]}
    return schemas.body_schema({**schema, "properties": properties})
