"""Cases that others made: what each entry is here, or would become.

A case is entered as `constancia load` enters it, but for what is recorded already, under whatever
id. Its people are compared with those who are recorded, as the rows of a list are, and not with one
another, since whoever made the case has told them apart. All else is the record that says the same.
A preview enters the whole case and takes it back, so it tells what an application does.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date
from typing import Any, BinaryIO, cast
from uuid import UUID

from marshmallow import ValidationError
from psycopg.types.json import Jsonb

from api.access import Caller
from api.cases.case_file import DOUBTFUL, FAULTY, CaseError, CaseFile
from api.cases.format import LISTS, RESOURCES
from api.cases.loader import Entry, Loading
from api.contract import fields
from api.database import queries
from api.errors import FieldError, invalid
from api.imports import additions, list_preview, row_plan, row_reader
from api.imports.list_preview import BLOCK, Say, silent
from api.imports.record_linking import Records
from api.imports.row_plan import Known, Plan
from api.matching import candidates
from api.matching.scoring import Person
from api.records import (
    canonical_ids,
    claims,
    detention_order,
    publications,
    release_events,
    sources,
)
from api.verification import verdicts

_PART = 1 << 20
_UPDATE = {"source": "sources/update", "facility": "facilities/update"}
_RETRACT = {"attestation": "attestations/retract", "claim": "claims/retract"}


@dataclass(slots=True)
class Told:
    """What becomes of an entry, in the order of the file's lists."""

    row: int
    resource: str
    place: str
    outcome: str = "invalid"
    record_id: UUID | None = None
    changes: list[str] = field(default_factory=list)
    # Who it may be.
    people: list[UUID] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    said: Mapping[str, Any] | None = None
    person: Person | None = None
    # Whether somebody decided on it, or on what it names.
    is_decided: bool = False

    @property
    def rests_on(self) -> tuple[Any, ...]:
        """What has to come out again when it is applied."""
        known = None if self.outcome == "new" else self.record_id
        return self.outcome, known, self.changes, sorted(self.people)


class Becoming(Loading):
    """Enters a case's entries as the records that they are, or as new ones. Transaction and locks
    are the caller's."""

    def __init__(
        self,
        conn: queries.Connection,
        file: CaseFile,
        caller: Caller | None,
        say: Say,
        decisions: Mapping[int, tuple[str, UUID | None]],
    ) -> None:
        super().__init__(conn, file, caller, say)
        self.told: dict[str, Told] = {}
        # By row: the word, and with `same` the person.
        self._decisions = decisions
        # The first row of each list, less one.
        self._before_list: dict[str, int] = {}
        for name, before in zip(LISTS, _sums(file.totals[name] for name in LISTS), strict=True):
            self._before_list[name] = before
        self._ids: set[UUID] = set()
        # The records of entries that were entered before, and of people who were met.
        self._before: dict[UUID, UUID] = {}
        self._met: dict[UUID, UUID] = {}
        self._records_of = Records(conn)
        # Entries on which somebody decided, and what names them: by list and key.
        self._decided: set[tuple[str, str]] = set()
        self._events_decided: set[UUID] = set()
        # Because of which row an event is verified.
        self._rows_of_events: dict[UUID, int] = {}
        # Where recorded people got detentions.
        self._held: dict[UUID, str] = {}

    def enter(self) -> None:
        super().enter()
        for person, place in self._held.items():
            try:
                detention_order.check_order(
                    [
                        detention_order.DetentionInterval(
                            row.id,
                            row.detained_on,
                            row.began_on,
                            row.created_at,
                            tuple(row.released_on),
                        )
                        for row in queries.rows(
                            self._conn, "detentions/list_for_detainee", detainee_id=person
                        )
                    ]
                )
            except detention_order.OrderError as error:
                detail = f"The detentions of the person {person} cannot be put in order: {error}."
                self._file.fault(place, detail)
        queries.run(
            self._conn,
            "imports/insert_case_entry_links",
            ids=list(self._records),
            record_ids=list(self._records.values()),
        )

    def faults(self) -> list[FieldError]:
        """Tells the faults of entries with these, and gives those of the file as a whole."""
        rest = []
        for place, detail in self._file.faults.items():
            _, name, number, *_ = f"{place}//".split("/")
            if name not in LISTS or not number.isdecimal():
                rest.append(FieldError(place, detail))
                continue
            told = self._told_of(name, int(number))
            told.outcome, told.record_id, told.changes, told.people = "invalid", None, [], []
            told.faults.append(place)
        return rest

    def detail(self, place: str) -> str:
        return self._file.faults[place]

    def record(self) -> list[Mapping[str, Any]]:
        """Records all that was written, and gives what becomes of every status that it concerns;
        `is_decided` is one that rests on what somebody decided."""
        events = self.batch.events()
        before = self._statuses(events)
        self.batch.record()
        after = self._statuses(events)
        statuses: list[Mapping[str, Any]] = [
            {
                "row": self._rows_of_events[event],
                "release_event_id": None if self._records_of.is_new(event) else event,
                "status_from": before.get(event, "unverified"),
                "status_to": after.get(event, "unverified"),
                "is_decided": event in self._events_decided,
            }
            for event in events
        ]
        return sorted(statuses, key=lambda one: (one["row"], str(one["release_event_id"])))

    def _statuses(self, events: Sequence[UUID]) -> Mapping[UUID, str]:
        return {
            row.release_event_id: row.status
            for row in queries.rows(self._conn, "verification/list_statuses", ids=events)
        }

    # Entries.

    def _told_of(self, name: str, number: int) -> Told:
        place = f"/{name}/{number}"
        if place not in self.told:
            row = self._before_list[name] + number + 1
            self.told[place] = Told(row, RESOURCES[name], place)
        return self.told[place]

    def _enter_block(self, name: str, block: Sequence[tuple[int, str, dict[str, Any]]]) -> None:
        ids = [self._file.id(name, entry) for _, _, entry in block]
        self._know(name, ids, [entry for _, _, entry in block])
        checked = []
        for (number, place, entry), id in zip(block, ids, strict=True):
            told = self._told_of(name, number)
            one = None
            if told.row in self._decisions:
                told.is_decided = True
                self._decided.add((name, str(entry.get("key"))))
            if id in self._ids:
                self._file.fault(place, "Stands twice.")
                continue
            self._ids.add(id)
            if self._decision(told) != "skip":
                one = self._checked(name, place, id, entry)
            if one is None:
                self._settle(name, entry.get("key"), FAULTY)
            else:
                checked.append(one)
        if name == "detainees":
            self._meet(checked)
        for one in checked:
            self._settle(name, one.key, self._entered(one))

    def _decision(self, told: Told) -> str | None:
        return self._decisions[told.row][0] if told.row in self._decisions else None

    def _know(self, name: str, ids: Sequence[UUID], own: Sequence[Mapping[str, Any]]) -> None:
        """Finds the records of entries that were entered before, and of those whose key is the id
        of one, as this service writes them."""
        for id in self._known(ids):
            self._before[id] = self._records.get(id, id)
        keys = {}
        for id, entry in zip(ids, own, strict=True):
            try:
                keys[id] = fields.uuid(str(entry.get("key")))
            except ValidationError:
                continue
        recorded = self._records_of.recorded(RESOURCES[name], list(keys.values()))
        for id, key in keys.items():
            if key in recorded:
                self._before.setdefault(id, key)
        for id in ids:
            if id in self._before:
                record = canonical_ids.resolve(self._conn, RESOURCES[name], self._before[id])
                self._before[id] = record
                self._records_of.take(record)

    def _meet(self, checked: Sequence[Entry]) -> None:
        """Finds out who the people of a case are, or may be."""
        asked: list[tuple[Entry, Told, Mapping[str, Any]]] = []
        for one in checked:
            told = self.told[one.place]
            told.said = self._said(one)
            said = row_reader.loaded(told.said)
            told.person = list_preview.person_of(said)
            if one.id not in self._before and told.row not in self._decisions:
                asked.append((one, told, list_preview.record_of(said)))
        found = candidates.find_matches(
            self._conn, [record for _, _, record in asked], sees_hidden=True
        )
        for (one, told, _), matches in zip(asked, found, strict=True):
            likely = [
                (candidate.match, cast(UUID, candidate.row.id))
                for candidate in matches
                if not self._records_of.is_new(candidate.row.id)
            ]
            who = list_preview.who_is_meant(likely)
            # Two people of one case are not one because they are like one who is recorded.
            if who is not None and not self._records_of.is_taken(who):
                self._records_of.take(who)
                self._met[one.id] = who
            elif likely:
                told.outcome = "possible_duplicate"
                told.people = list(dict.fromkeys(id for _, id in likely))[
                    : candidates.MAX_CANDIDATES
                ]

    def _said(self, entry: Entry) -> Mapping[str, Any]:
        """A person of a case as a row of a list, of what is given."""
        detainee = {name: value for name, value in entry.given.items() if value is not None}
        held = detainee.pop("detention", {})
        said = {"detainee": detainee}
        if detention := {name: value for name, value in held.items() if value is not None}:
            if "facility_id" in detention:
                facility = UUID(detention["facility_id"])
                detention["facility_id"] = str(self._records.get(facility, facility))
            said["detention"] = detention
        return said

    def _entered(self, entry: Entry) -> int:
        told = self.told[entry.place]
        if entry.key is not None and not self._decided.isdisjoint(entry.references):
            self._decided.add((entry.name, entry.key))
        told.is_decided |= not self._decided.isdisjoint(entry.references)
        if told.people:
            return DOUBTFUL
        return super()._entered(entry)

    def _left_out(self, entry: Entry, states: Set[int]) -> int:
        if FAULTY not in states:
            self.told[entry.place].outcome = "possible_duplicate"
            return DOUBTFUL
        if not self.told[entry.place].is_decided:
            self._file.fault(entry.place, "Names an entry that is not valid.")
        return FAULTY

    def _insert(self, entry: Entry) -> None:
        told = self.told[entry.place]
        entry = entry._replace(body=self._as_recorded(entry.body))
        record = self._before.get(entry.id)
        if self._decision(told) == "new":
            if record is not None:
                raise invalid(FieldError("", f"Was entered before, as {record}: it is not new."))
        elif self._decision(told) == "same":
            record = self._decisions[told.row][1]
        elif record is None:
            record = self._met.get(entry.id) or self._records_of.find(entry)
        if record is None:
            self._enter_new(entry)
            told.outcome, told.record_id = "new", entry.id
            return
        if record != entry.id:
            self._records[entry.id] = record
        self._records_of.take(record)
        told.record_id = record
        told.changes = sorted(_CHANGES[entry.name](self, entry, record))
        told.outcome = "changed" if told.changes else "same"
        if entry.name == "release_events":
            self._rows_of_events[record] = told.row

    def _enter_new(self, entry: Entry) -> None:
        super()._insert(entry)
        self._records_of.add(entry.id)
        if entry.name == "release_events":
            self._rows_of_events[entry.id] = self.told[entry.place].row
        elif entry.name == "detentions" and not self._records_of.is_new(entry.body["detainee_id"]):
            self._held[entry.body["detainee_id"]] = entry.place

    def _verify(self, entry: Entry, event: UUID, person: UUID) -> None:
        super()._verify(entry, event, person)
        told = self.told[entry.place]
        self._rows_of_events.setdefault(event, told.row)
        if told.is_decided:
            self._events_decided.add(event)

    # What entries change of the records that they are.

    def _change_source(self, entry: Entry, id: UUID) -> Iterator[str]:
        return self._change_named("source", id, self._records_of.told_of_source(entry.body, id))

    def _change_facility(self, entry: Entry, id: UUID) -> Iterator[str]:
        return self._change_named("facility", id, self._records_of.told_of_facility(entry.body, id))

    def _change_named(self, resource: Any, id: UUID, changed: Mapping[str, Any]) -> Iterator[str]:
        if changed:
            queries.run(self._conn, _UPDATE[resource], id=id, **changed)
            self.batch.add(resource, id, "updated")
        yield from changed

    def _change_affiliation(self, entry: Entry, id: UUID) -> Iterator[str]:
        before = queries.row(self._conn, "affiliations/get", id=id)
        until = entry.body["valid_until"]
        if until is None or until == before.valid_until:
            return
        changed = {**before._asdict(), "valid_until": until}
        sources.check_affiliation_period(changed)
        queries.run(self._conn, "affiliations/update", id=id, valid_until=until)
        self.batch.add("affiliation", id, "updated")
        for person, events in verdicts.lock_affected(self._conn, changed, before._asdict()).items():
            for event in events:
                self._verify(entry, event, person)
        yield "valid_until"

    def _change_claim(self, entry: Entry, id: UUID) -> Iterator[str]:
        row = queries.row(self._conn, "claims/lock", id=id)
        if self._retracts(entry, row):
            self._retract("claim", entry, id)
            yield "retracted_at"

    def _retracts(self, entry: Entry, row: Any) -> bool:
        """Whether a source has taken back since what is recorded of it."""
        retracted_at = entry.body.get("retracted_at")
        if retracted_at is None or row.retracted_at is not None:
            return False
        publications.check_retraction(retracted_at, row.published_at, self._began)
        return True

    def _retract(self, resource: Any, entry: Entry, id: UUID) -> None:
        queries.run(
            self._conn,
            _RETRACT[resource],
            id=id,
            retracted_at=entry.body["retracted_at"],
            note=entry.body.get("retraction_note"),
        )
        self.batch.add(resource, id, "retracted")

    def _change_detainee(self, entry: Entry, id: UUID) -> Iterator[str]:
        person = self._lock_person(id)
        known = self._recorded(person)
        said = row_reader.loaded(self.told[entry.place].said or {})
        made = row_plan.plan(known, said, self._began)
        additions.write(self._conn, self.batch, person, known, made)
        yield from made.changes

    def _recorded(self, person: UUID) -> Known:
        return list_preview.recorded(self._conn, [person], sees_hidden=True)[person]

    def _change_detention(self, entry: Entry, id: UUID) -> Iterator[str]:
        person = self._lock_person(entry.body["detainee_id"])
        known = self._recorded(person)
        (own,) = (one for one in known.detentions if one.id == id)
        said = {
            name: value
            for name, value in entry.body.items()
            if name in row_plan.NO_DETENTION and name in entry.given and value is not None
        }
        made = Plan(detention_id=id)
        made.detention = row_plan.detention_changes(known.detentions, own, said, self._began)
        if made.detention:
            additions.write(self._conn, self.batch, person, known, made)
        yield from (name for name in made.detention if name != "began_on")

    def _change_release_event(self, entry: Entry, id: UUID) -> Iterator[str]:
        event = release_events.lock(self._conn, id)
        changed = {
            name: entry.body[name]
            for name in ("place", "announcement_id")
            if entry.body[name] is not None and getattr(event, name) is None
        }
        if changed:
            claims.check_announcement(self._conn, changed.get("announcement_id"))
            queries.run(self._conn, "release_events/update", id=id, **changed)
            self.batch.add("release_event", id, "updated")
            self.batch.count_again(event.detainee_id)
        yield from changed

    def _change_attestation(self, entry: Entry, id: UUID) -> Iterator[str]:
        row = queries.row(self._conn, "attestations/get_publication", id=id)
        if self._retracts(entry, row):
            self._lock_event(entry, row.release_event_id)
            self._retract("attestation", entry, id)
            yield "retracted_at"


_CHANGES: Mapping[str, Callable[[Becoming, Entry, UUID], Iterator[str]]] = {
    "sources": Becoming._change_source,
    "affiliations": Becoming._change_affiliation,
    "facilities": Becoming._change_facility,
    "claims": Becoming._change_claim,
    "detainees": Becoming._change_detainee,
    "detentions": Becoming._change_detention,
    "release_events": Becoming._change_release_event,
    "attestations": Becoming._change_attestation,
}


def _sums(numbers: Iterator[int]) -> Iterator[int]:
    total = 0
    for number in numbers:
        yield total
        total += number


def preview(
    conn: queries.Connection, caller: Caller | None, file: BinaryIO, say: Say = silent
) -> UUID:
    """Keeps what would become of each entry of a case, with the case itself, and gives the
    import's id. `caller` is None for the operator's own command."""
    list_preview.forget_old(conn)
    with queries.long_transaction(conn):
        try:
            read = CaseFile(file)
        except CaseError as error:
            raise invalid(*error.faults) from None
        if sum(read.totals[name] for name in LISTS) > row_reader.MAX_ROWS:
            detail = f"A case has {row_reader.MAX_ROWS:,} entries at the most."
            raise invalid(FieldError("", detail))
        id = list_preview.begun(conn, caller, list_preview.digest(file), None)
        with (
            conn.transaction(force_rollback=True),
            Becoming(conn, read, caller, say, {}) as becoming,
        ):
            queries.run(conn, "affiliations/lock_exclusive")
            becoming.enter()
            if faults := becoming.faults():
                raise invalid(*faults)
            statuses = becoming.record()
        _keep(conn, id, file, becoming, statuses)
    return id


def _keep(
    conn: queries.Connection,
    id: UUID,
    file: BinaryIO,
    becoming: Becoming,
    statuses: Sequence[Mapping[str, Any]],
) -> None:
    file.seek(0)
    for part, content in enumerate(iter(lambda: file.read(_PART), b"")):
        queries.run(conn, "imports/insert_file_part", import_id=id, part=part, content=content)
    told = sorted(becoming.told.values(), key=lambda one: one.row)
    for start in range(0, len(told), BLOCK):
        some = told[start : start + BLOCK]
        keys = {
            one.row: candidates.comparison_keys(one.person)
            for one in some
            if one.person is not None and one.outcome != "invalid"
        }
        rows = [_row(one, becoming, len(keys.get(one.row, ()))) for one in some]
        queries.run(conn, "imports/insert_rows", import_id=id, entries=Jsonb(rows))
        placed = [(row, key) for row, own in keys.items() for key in own]
        queries.run(
            conn,
            "imports/insert_keys",
            import_id=id,
            rows=[row for row, _ in placed],
            keys=[key for _, key in placed],
        )
    kept = [{n: _text(v) for n, v in one.items() if n != "is_decided"} for one in statuses]
    queries.run(conn, "imports/insert_statuses", import_id=id, statuses=Jsonb(kept))
    batch = becoming.batch
    queries.run(
        conn,
        "imports/update",
        id=id,
        totals=Jsonb(Counter(one.outcome for one in told)),
        people=batch.count("detainee"),
        release_events=batch.count("release_event"),
        attestations=batch.count("attestation"),
    )


def _row(told: Told, becoming: Becoming, keys: int) -> Mapping[str, Any]:
    record = None if told.record_id is None or told.outcome == "new" else str(told.record_id)
    return {
        "row": told.row,
        "resource": told.resource,
        "place": told.place,
        "outcome": told.outcome,
        "said": None if told.outcome == "invalid" else told.said,
        "keys": keys or None,
        "record_id": record,
        "detainee_id": record if told.resource == "detainee" else None,
        "people": [str(id) for id in told.people],
        "rows": [],
        "changes": told.changes,
        "faults": [
            # PostgreSQL keeps no NUL, which may stand in the name of a field.
            {
                "column": None,
                "pointer": place.replace("\0", "\ufffd"),
                "detail": becoming.detail(place),
            }
            for place in told.faults
        ],
    }


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, UUID | date) else value


def write(conn: queries.Connection, id: UUID, out: BinaryIO) -> None:
    """Writes the case that a preview keeps."""
    part = 0
    while (row := queries.row(conn, "imports/get_file_part", import_id=id, part=part)) is not None:
        out.write(row.content)
        part += 1
