"""Import a foreign case: each entry becomes the record with the same content, or a new one.

A preview applies the case in a transaction that is rolled back, so it foresees exactly what an
application does. People are compared with the recorded ones, as the rows of a list are, and not
with one another, since a case has one entry for each person.
"""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from datetime import date
from itertools import accumulate
from typing import Any, BinaryIO, cast
from uuid import UUID

from marshmallow import ValidationError
from psycopg.types.json import Jsonb

from api.access import Caller
from api.cases import record_writer
from api.cases.case_file import CaseError, CaseFile, FileEntry, State
from api.cases.format import LISTS, RESOURCES
from api.cases.loader import CaseLoader, Entry
from api.cases.record_writer import RecordWriter
from api.contract import fields
from api.database import queries
from api.errors import FieldError, invalid
from api.identity import canonical_ids
from api.imports import import_store, row_matching, row_plan
from api.imports.import_store import BLOCK, Progress, no_progress
from api.imports.record_linking import EntryOutcome, RecordLinker
from api.imports.record_updating import RecordUpdater
from api.lists import list_file, row_reader
from api.matching import candidates
from api.records import detention_order


class CaseImport:
    """The sink of a foreign case. The transaction and its locks are the caller's.

    `decisions` has for each decided row the decision, and the person if that is `same`.
    """

    def __init__(
        self,
        conn: queries.Connection,
        source: CaseFile,
        caller: Caller | None,
        progress: Progress,
        decisions: Mapping[int, tuple[str, UUID | None]],
    ) -> None:
        self._conn = conn
        self._source = source
        self._progress = progress
        self._decisions = decisions
        self._writer = RecordWriter(
            conn, caller, progress, keeps_ids=False, restored=source.is_export
        )
        self._linker = RecordLinker(conn)
        self._updater = RecordUpdater(conn, self._writer, self._linker)
        sums = accumulate((source.totals[name] for name in LISTS), initial=0)
        # List -> the number of entries before it.
        self._offsets = dict(zip(LISTS, sums, strict=False))
        # Entry -> its record, if it was entered before, or its key is the id of a record. It is the
        # surviving record, but of a source the duplicate: the undo of a merge returns the
        # publications to that.
        self._entered: dict[UUID, UUID] = {}
        # Entry -> its record, if that is a duplicate.
        self._duplicates: dict[UUID, UUID] = {}
        # Entry -> the recorded person who is `same`.
        self._matched: dict[UUID, UUID] = {}
        # Entries with decisions, and those that refer to them, by list and key.
        self._decided: set[tuple[str, Any]] = set()
        self._decided_events: set[UUID] = set()
        # Release event -> the row because of which it is verified.
        self._rows_of_events: dict[UUID, int] = {}
        # Recorded person -> the place of an entry that added a detention.
        self._detained: dict[UUID, str] = {}
        self.outcomes: dict[str, EntryOutcome] = {}
        self.batch = self._writer.batch

    def run(self) -> list[FieldError]:
        """Store all entries; return the errors of the file that are not those of an entry."""
        CaseLoader(self._source, self, self._progress).run()
        self._check_detentions()
        return self._assign_errors()

    def _check_detentions(self) -> None:
        """Check the order of the detentions of recorded people to whom the case added one."""
        for person, place in self._detained.items():
            try:
                self._updater.check_detention_order(person)
            except detention_order.OrderError as error:
                detail = f"The detentions of the person {person} cannot be put in order: {error}."
                self._source.add_error(place, detail)

    def _assign_errors(self) -> list[FieldError]:
        others = []
        for place, detail in self._source.errors.items():
            _, name, number, *_ = f"{place}//".split("/")
            if name not in LISTS or not number.isdecimal():
                others.append(FieldError(place, detail))
                continue
            outcome = self._outcome(name, int(number))
            outcome.outcome, outcome.record_id = "invalid", None
            outcome.changes, outcome.people = [], []
            outcome.errors.append(place)
        return others

    @property
    def errors(self) -> Mapping[str, str]:
        """The error at each place of the file."""
        return self._source.errors

    def record(self) -> list[Mapping[str, Any]]:
        """Verify what was written; return the changes of status, by row and release event.

        `is_decided` marks a status that rests on a decision.
        """
        events = self.batch.events()
        before = self._statuses(events)
        self.batch.record()
        after = self._statuses(events)
        statuses: list[Mapping[str, Any]] = [
            {
                "row": self._rows_of_events[event],
                "release_event_id": None if self._linker.is_new(event) else event,
                "status_from": before.get(event, "unverified"),
                "status_to": after.get(event, "unverified"),
                "is_decided": event in self._decided_events,
            }
            for event in events
        ]
        return sorted(statuses, key=lambda row: (row["row"], str(row["release_event_id"])))

    def _statuses(self, events: Sequence[UUID]) -> Mapping[UUID, str]:
        rows = queries.rows(self._conn, "verification/list_statuses", ids=events)
        return {row.release_event_id: row.status for row in rows}

    def _outcome(self, name: str, number: int) -> EntryOutcome:
        place = f"/{name}/{number}"
        if place not in self.outcomes:
            row = self._offsets[name] + number + 1
            self.outcomes[place] = EntryOutcome(row, RESOURCES[name], place)
        return self.outcomes[place]

    def _decision(self, outcome: EntryOutcome) -> str | None:
        return self._decisions[outcome.row][0] if outcome.row in self._decisions else None

    # The methods of Sink.

    def begin_block(self, entries: Sequence[FileEntry]) -> None:
        """Find the records of entries that were entered before, or have a record's id as key."""
        ids = [entry.id for entry in entries]
        self._entered |= self._writer.read_links(entries[0].list, ids)
        record_ids = {}
        for entry in entries:
            try:
                record_ids[entry.id] = fields.uuid(str(entry.key))
            except ValidationError:
                continue
        resource = RESOURCES[entries[0].list]
        recorded = self._linker.recorded(resource, list(record_ids.values()))
        by_key = {
            id: record_id
            for id, record_id in record_ids.items()
            if record_id in recorded and id not in self._entered
        }
        self._entered |= by_key
        if resource == "detainee":
            moment = self._source.recorded_as_of
            self._writer.read_splits([(id, record, moment) for id, record in by_key.items()])
        for entry in entries:
            if entry.id in self._entered:
                record_id = self._entered[entry.id]
                surviving = canonical_ids.resolve(self._conn, resource, record_id)
                if surviving != record_id:
                    self._duplicates[entry.id] = record_id
                if resource != "source":
                    self._entered[entry.id] = surviving
                self._linker.take(self._entered[entry.id])

    def state_before(self, entry: FileEntry) -> State | None:
        """Leave out an entry that is to be skipped; an entry that was entered before may change."""
        outcome = self._outcome(entry.list, entry.number)
        if outcome.row in self._decisions:
            outcome.is_decided = True
            self._decided.add((entry.list, entry.key))
        return State.INVALID if self._decision(outcome) == "skip" else None

    def take_id(self, entry: FileEntry) -> bool:
        return False  # the file finds repeated keys

    def add_checked(self, entries: Sequence[Entry]) -> None:
        """Compare the people of a block with the recorded ones."""
        undecided: list[tuple[Entry, EntryOutcome, Mapping[str, Any]]] = []
        for entry in entries:
            if entry.list != "detainees":
                return
            outcome = self.outcomes[entry.place]
            outcome.content = self._content(entry)
            content = row_reader.from_json(outcome.content)
            outcome.person = row_reader.person(content)
            if outcome.row not in self._decisions:
                undecided.append((entry, outcome, content))
        unmatched = [item for item in undecided if item[0].id not in self._entered]
        matches_by_person = candidates.find_matches(
            self._conn,
            [row_reader.person_record(content) for _, _, content in unmatched],
            sees_hidden=True,
        )
        for (entry, outcome, _), people in zip(unmatched, matches_by_person, strict=True):
            matches = [
                (candidate.match, cast(UUID, candidate.row.id))
                for candidate in people
                if not self._linker.is_new(candidate.row.id)
            ]
            same = row_matching.single_match(matches)
            if same is not None and not self._linker.is_taken(same):
                self._linker.take(same)
                self._matched[entry.id] = same
            elif matches:
                outcome.outcome = "possible_duplicate"
                ids = list(dict.fromkeys(id for _, id in matches))
                outcome.people = ids[: candidates.MAX_CANDIDATES]
        same_people = [self._entered.get(e.id) or self._matched.get(e.id) for e, _, _ in undecided]
        recorded = row_plan.read_people(
            self._conn, [id for id in same_people if id is not None], sees_hidden=True
        )
        for (entry, outcome, content), same in zip(undecided, same_people, strict=True):
            if entry.id in self._writer.split_since:
                outcome.outcome = "possible_duplicate"
                outcome.people = [*self._writer.split_since[entry.id]]
            elif same in recorded and row_plan.overwrites(recorded[same], content):
                outcome.outcome, outcome.people = "possible_duplicate", [same]

    def _content(self, entry: Entry) -> Mapping[str, Any]:
        """Return a person of the case as the content of a row, with the given values only."""
        detainee = {name: value for name, value in entry.file_fields.items() if value is not None}
        detention = detainee.pop("detention", {})
        content: dict[str, Any] = {"detainee": detainee}
        if duplicate := self._duplicates.get(entry.id):
            surviving = self._entered[entry.id]
            content["detainee"] = self._updater.news_of_person(duplicate, surviving, detainee)
        if detention := {name: value for name, value in detention.items() if value is not None}:
            if "facility_id" in detention:
                detention["facility_id"] = str(self._writer.resolve(UUID(detention["facility_id"])))
            content["detention"] = detention
        return content

    def is_undecided(self, entry: Entry) -> bool:
        """Note whether the entry rests on a decision; return whether it is a possible duplicate."""
        outcome = self.outcomes[entry.place]
        if not self._decided.isdisjoint(entry.references):
            outcome.is_decided = True
            self._decided.add((entry.list, entry.key))
        if outcome.people:
            self._linker.without_ids_of_others(entry, outcome, None)
        return bool(outcome.people)

    def state_without(self, entry: Entry, states: Set[State]) -> State:
        outcome = self.outcomes[entry.place]
        if State.INVALID not in states:
            outcome.outcome = "possible_duplicate"
            return State.UNDECIDED
        if not outcome.is_decided:
            self._source.add_error(
                entry.place, "Refers to an entry that is invalid: correct that one first."
            )
        return State.INVALID

    def store(self, entry: Entry) -> None:
        outcome = self.outcomes[entry.place]
        entry = entry._replace(body=self._writer.resolve(entry.body))
        record_id = self._find_record(entry, outcome)
        entry = self._linker.without_ids_of_others(entry, outcome, record_id)
        if record_id is None:
            self._insert(entry, outcome)
            return
        is_decided = self._decision(outcome) == "same"
        self._writer.link(entry.list, entry.id, record_id, is_decided=is_decided)
        self._linker.take(record_id)
        content = row_reader.from_json(outcome.content or {})
        surviving = canonical_ids.resolve(self._conn, RESOURCES[entry.list], record_id)
        update = self._updater.update(entry, content, surviving, self._duplicates.get(entry.id))
        outcome.record_id, outcome.changes = surviving, sorted(update.changes)
        outcome.ignored += [
            {"column": None, "pointer": entry.place, "detail": note} for note in update.notes
        ]
        outcome.outcome = "changed" if outcome.changes else "same"
        if entry.list == "release_events":
            self._rows_of_events[record_id] = outcome.row
        self._note_verified(outcome, update.events)

    def _find_record(self, entry: Entry, outcome: EntryOutcome) -> UUID | None:
        entered = self._entered.get(entry.id)
        decision = self._decision(outcome)
        if decision == "new":
            if entered is not None:
                detail = f"Is recorded already, as {entered}: decide same or skip."
                raise invalid(FieldError("", detail))
            return None
        if decision == "same":
            return self._decisions[outcome.row][1]
        if entered is not None:
            return entered
        return self._matched.get(entry.id) or self._linker.find(entry.list, entry.body)

    def _insert(self, entry: Entry, outcome: EntryOutcome) -> None:
        is_decided = self._decision(outcome) == "new"
        record_id, events, _ = self._writer.insert(
            entry.list, entry.id, entry.body, is_decided=is_decided
        )
        self._linker.add_new(record_id)
        outcome.outcome, outcome.record_id = "new", record_id
        if entry.list == "release_events":
            self._rows_of_events[record_id] = outcome.row
        elif entry.list == "detentions" and not self._linker.is_new(entry.body["detainee_id"]):
            self._detained[entry.body["detainee_id"]] = entry.place
        self._note_verified(outcome, events)

    def _note_verified(self, outcome: EntryOutcome, events: Sequence[UUID]) -> None:
        for event in events:
            self._rows_of_events.setdefault(event, outcome.row)
            if outcome.is_decided:
                self._decided_events.add(event)

    def end_block(self) -> None:
        self._writer.store_links()


def preview(
    conn: queries.Connection,
    caller: Caller | None,
    file: BinaryIO,
    progress: Progress = no_progress,
) -> UUID:
    """Store the preview of a case, with the file, and return the import's id.

    The caller is None for the operator's command.
    """
    import_store.delete_expired(conn, caller)
    with queries.long_transaction(conn):
        try:
            source = CaseFile(file)
        except CaseError as error:
            raise invalid(*error.errors) from None
        if sum(source.totals[name] for name in LISTS) > list_file.MAX_ROWS:
            detail = f"A case has at most {list_file.MAX_ROWS:,} entries: split it."
            raise invalid(FieldError("", detail))
        id = import_store.begin(conn, caller, import_store.digest(file), None)
        with conn.transaction(force_rollback=True):
            record_writer.lock(conn)
            case_import = CaseImport(conn, source, caller, progress, {})
            if errors := case_import.run():
                raise invalid(*errors)
            statuses = case_import.record()
        _store_preview(conn, id, file, case_import, statuses)
    return id


def _store_preview(
    conn: queries.Connection,
    id: UUID,
    file: BinaryIO,
    case_import: CaseImport,
    statuses: Sequence[Mapping[str, Any]],
) -> None:
    import_store.insert_file(conn, id, file)
    outcomes = sorted(case_import.outcomes.values(), key=lambda outcome: outcome.row)
    for start in range(0, len(outcomes), BLOCK):
        block = outcomes[start : start + BLOCK]
        keys = {
            outcome.row: candidates.name_keys(outcome.person)
            for outcome in block
            if outcome.person is not None and outcome.outcome != "invalid"
        }
        rows = [o.as_stored(case_import.errors, len(keys.get(o.row, ()))) for o in block]
        pairs = [(row, key) for row, row_keys in keys.items() for key in row_keys]
        import_store.insert_rows(conn, id, rows)
        import_store.insert_keys(conn, id, pairs)
    stored = [
        {
            name: str(value) if isinstance(value, UUID | date) else value
            for name, value in status.items()
            if name != "is_decided"
        }
        for status in statuses
    ]
    queries.run(conn, "imports/insert_statuses", import_id=id, statuses=Jsonb(stored))
    import_store.finish(
        conn,
        id,
        Counter(outcome.outcome for outcome in outcomes),
        people=case_import.batch.count("detainee"),
        release_events=case_import.batch.count("release_event"),
        attestations=case_import.batch.count("attestation"),
    )
