"""Preview a list: what each row would do, stored with the rows until the import is applied.

It reads one snapshot, locks nothing, and writes only the preview, after deleting expired ones.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from itertools import islice
from typing import Any, BinaryIO, cast
from uuid import UUID

from psycopg.types.json import Jsonb

from api.access import Caller
from api.database import clock, queries
from api.errors import FieldError, RequestError, invalid
from api.imports import facility_decisions, import_store, row_plan
from api.imports.facility_decisions import FacilityNames
from api.imports.import_store import BLOCK, Progress, no_progress
from api.imports.row_matching import ListedPerson, RowMatcher
from api.imports.row_plan import RowPlan, StoredPerson
from api.lists import list_file, list_survey, row_reader
from api.lists.columns import ColumnMapping, Conventions
from api.lists.list_file import RowError
from api.records import attestations, publications, voids
from api.records.detention_order import MAX_SAME_EVENT_DISTANCE
from api.verification import verdicts

_PROGRESS_ROWS = 2_000
# The contract's name of a field -> the column that holds it, where they differ.
_COLUMN_OF_FIELD = {
    "facility_id": "facility",
    "occurred_on": "released_on",
    "release_event_id": "released_on",
}
_OF_HIDDEN = (
    "The person of this row is not named: the cell is left out. Send the value as a request of its "
    "own (for the detainee, a detention or a release event), on which an editor decides."
)


def preview(
    conn: queries.Connection,
    caller: Caller | None,
    file: BinaryIO,
    media_type: str,
    *,
    mapping: ColumnMapping,
    conventions: Conventions,
    attestation: Mapping[str, Any] | None,
    charset: str | None = None,
    sheet: str | None = None,
    progress: Progress = no_progress,
) -> UUID:
    """Store the preview of a list and return the import's id.

    `charset` is the encoding of CSV, and `sheet` the worksheet of a workbook; None to find them.
    `attestation` is the result of `row_plan.shared_attestation`. The caller is None for the
    operator's command.
    """
    import_store.delete_expired(conn, caller)
    # The command of the operator may take any time.
    max_pairs = None if caller is None else list_survey.MAX_PAIRS
    sha256 = import_store.digest(file)
    with list_file.opened(file, media_type, mapping, charset, sheet) as source:
        digests: Counter[bytes] = Counter()
        survey = partial(
            list_survey.survey,
            max_pairs=max_pairs,
            lines_above=source.lines_above,
            digests=digests,
        )
        with (
            queries.snapshot(conn, read_only=False),
            closing(row_reader.rows(source, conventions, survey, clock.now(conn).date())) as rows,
        ):
            if attestation is not None:
                _check_shared(conn, attestation, caller is None or caller.sees_hidden)
            id = import_store.begin(conn, caller, sha256, attestation, source.reading)
            source_id = None if attestation is None else attestation["source_id"]
            matcher = RowMatcher(conn, caller, id, sha256, source_id, digests)
            preview_ = _Preview(
                conn, caller, id, matcher, attestation, progress, source.lines_above
            )
            preview_.run(rows)
    return id


def _check_shared(conn: queries.Connection, body: Mapping[str, Any], sees_hidden: bool) -> None:
    try:
        attestations.check_shared(conn, body, clock.now(conn), sees_hidden=sees_hidden)
    except RequestError as error:
        errors = [
            FieldError("/relayed_source_id", e.detail) if e.pointer.startswith("/relays") else e
            for e in error.errors
        ]
        raise RequestError(error.slug, error.detail, *errors) from None


@dataclass(slots=True)
class _PreviewedRow:
    """A row and its preview."""

    row: row_reader.Row
    content: dict[str, Any]
    errors: list[RowError]
    ignored: list[RowError]
    outcome: str = "invalid"
    listed: ListedPerson | None = None
    changes: list[str] = field(default_factory=list)
    release_event_id: UUID | None = None
    status_from: str | None = None
    status_to: str | None = None

    @property
    def number(self) -> int:
        return self.row.number

    def leave_out_cells(self) -> None:
        """Say of every cell but the name that it is left out, since the person is not named."""
        parts = (self.content.get(part, {}) for part in ("detainee", "detention", "release"))
        fields = [_COLUMN_OF_FIELD.get(name, name) for part in parts for name in part]
        columns = [self.row.columns[name] for name in fields if name in self.row.columns]
        self.ignored += [
            RowError(column, _OF_HIDDEN)
            for column in dict.fromkeys(columns)
            if column != self.row.columns.get("name")
        ]

    def add_errors(self, error: RequestError) -> None:
        """Add the errors of a request, each to the column of its field: the row is invalid."""
        self.outcome = "invalid"
        self._add(error.errors or [FieldError("", error.detail)])

    def ask(self, errors: Sequence[FieldError]) -> None:
        """Put the row up for decision; the errors are what a decision would overrule."""
        self.outcome = "possible_duplicate"
        self._add(errors)

    def _add(self, errors: Sequence[FieldError]) -> None:
        for field_error in errors:
            name = field_error.pointer.removeprefix("/").partition("/")[0]
            columns = self.row.columns
            fields = [_COLUMN_OF_FIELD.get(name, name)]
            if name in ("age_group", "birth_date"):
                fields += ["birth_date", "birth_year", "age"]  # these say what the group must be
            column = next((columns[field] for field in fields if field in columns), None)
            self.errors.append(RowError(column, field_error.detail))

    def as_stored(self, place: str) -> Mapping[str, Any]:
        """Return the row as the query that inserts it takes it."""
        listed = self.listed
        return {
            "row": self.number,
            "pointer": place,
            "outcome": self.outcome,
            # Later rows are compared with an invalid row that is valid by itself.
            "content": None if listed is None else self.content,
            "digest": None if listed is None else listed.digest.hex(),
            "cells_digest": self.row.cells_digest.hex(),
            "key_count": None if listed is None else len(listed.keys),
            "detainee_id": None if listed is None else listed.detainee_id,
            "same_as_row": None if listed is None else listed.same_as_row,
            "candidate_ids": [] if listed is None else listed.candidate_ids,
            "candidate_rows": [] if listed is None else listed.candidate_rows,
            "changes": self.changes,
            "errors": [error._asdict() for error in self.errors],
            "ignored": [cell._asdict() for cell in self.ignored],
            "release_event_id": self.release_event_id,
            "status_from": self.status_from,
            "status_to": self.status_to,
        }


class _Preview:
    """The preview of one list, made block by block."""

    def __init__(
        self,
        conn: queries.Connection,
        caller: Caller | None,
        id: UUID,
        matcher: RowMatcher,
        attestation: Mapping[str, Any] | None,
        progress: Progress,
        lines_above: int,
    ) -> None:
        self._conn = conn
        self._caller = caller
        self._sees_hidden = caller is None or caller.sees_hidden
        self._id = id
        self._matcher = matcher
        self._attestation = attestation
        self._progress = progress
        self._lines_above = lines_above
        self._now = clock.now(conn)
        self._facilities = FacilityNames(conn)
        # The contract's name of a field -> the file's name of its column.
        self._columns: dict[str, str] = {}
        # A recorded release event -> the attestations that rows would add.
        self._attested: Counter[UUID] = Counter()
        # A recorded person, or event, and the moment of an attestation -> the day of a release.
        self._released: dict[tuple[UUID | int, datetime], date] = {}
        self._block: list[_PreviewedRow] = []
        # The void records of the people of the block, by person.
        self._void: Mapping[UUID, Sequence[Any]] = {}

    def run(self, rows: Iterator[row_reader.Row]) -> None:
        """Insert the preview of these rows."""
        done = 0
        while block := list(islice(rows, BLOCK)):
            self._preview(
                [
                    _PreviewedRow(row, dict(row.content), list(row.errors), list(row.ignored))
                    for row in block
                ]
            )
            before, done = done, done + len(block)
            if done // _PROGRESS_ROWS > before // _PROGRESS_ROWS:
                self._progress(f"{done:,} rows read")
        self._reject_contradictions()
        counts = queries.rows(self._conn, "imports/count_rows", import_id=self._id)
        totals = Counter({row.outcome: row.rows for row in counts})
        import_store.finish(
            self._conn,
            self._id,
            totals,
            people=totals["new"],
            release_events=sum(row.release_events for row in counts),
            attestations=sum(row.attestations for row in counts),
            facilities=list(facility_decisions.names_of_rows(self._conn, self._id).values()),
        )

    def _preview(self, block: list[_PreviewedRow]) -> None:
        names = {row.content["facility"] for row in block if "facility" in row.content}
        self._facilities.read(names)
        for row in block:
            self._check(row)
        valid = self._block = [row for row in block if not row.errors]
        listed = self._matcher.match([row.row._replace(content=row.content) for row in valid])
        ids = [id for p in listed for id in (p.detainee_id, *p.candidate_ids) if id is not None]
        people = row_plan.read_people(self._conn, ids, sees_hidden=self._sees_hidden)
        self._void = voids.read_for_people(
            self._conn,
            ids,
            None if self._attestation is None else self._attestation["source_id"],
            sees_hidden=self._sees_hidden,
        )
        plans = []
        for row, person in zip(valid, listed, strict=True):
            row.listed = person
            self._leave_out_ids_of_others(row, person)
            if (plan := self._plan(row, person, people)) is not None:
                plans.append((row, plan))
        self._foresee_statuses(plans)
        for row in block:
            self._columns |= row.row.columns
        stored = [row.as_stored(self._place(row.number)) for row in block]
        import_store.insert_rows(self._conn, self._id, stored)

    def _place(self, number: int) -> str:
        """Return the line of a row, as a spreadsheet shows it."""
        return f"line {self._lines_above + number}"

    def _check(self, row: _PreviewedRow) -> None:
        """Check a row alone."""
        content = row.content
        if "facility" in content:
            try:
                facility = self._facilities.find(content["facility"])
            except ValueError as error:
                row.errors.append(RowError(row.row.columns["facility"], str(error)))
            else:
                if facility is not None:
                    content = row.content = facility_decisions.with_facility(content, facility)
        if "release" in content and self._attestation is None:
            detail = "Needs a source: send `source_id`, `published_at` and `basis` with the list."
            row.errors.append(RowError(row.row.columns["released_on"], detail))
        elif "release" in content:
            for _, time_error in publications.time_errors(self._attestation_of(row), self._now):
                row.add_errors(invalid(time_error))
        if row.errors:
            return
        try:
            self._check_day(row, row_plan.plan(None, content, self._now))
        except RequestError as error:
            row.add_errors(error)

    def _check_day(self, row: _PreviewedRow, plan: RowPlan) -> None:
        if plan.release_event is not None:
            attestations.check_day(self._attestation_of(row), plan.release_event["occurred_on"])

    def _attestation_of(self, row: _PreviewedRow) -> dict[str, Any]:
        return row_plan.row_attestation(self._attestation or {}, row.content["release"])

    def _plan(
        self, row: _PreviewedRow, listed: ListedPerson, people: Mapping[UUID, StoredPerson]
    ) -> RowPlan | None:
        """Plan a row and set its outcome; None if it is invalid or needs a decision first."""
        if listed.has_hidden_id:
            detail = f"{listed.recorded_id} is a person who is not named: leave the row out."
            row.errors.append(RowError(row.row.columns["id"], detail))
            return None
        if listed.is_possible_duplicate:
            row.ask([])
            for id in listed.candidate_ids:
                with suppress(RequestError):  # the application of the decision reports it
                    row.ask(self._brought_back(row, id, people[id]))
            return None
        try:
            if listed.detainee_id is not None:
                person = people[listed.detainee_id]
                if person.is_hidden:
                    row.leave_out_cells()
            elif listed.same_as_row is not None:
                content = self._content(listed.same_as_row)
                detainee = row_reader.new_detainee(content)
                person = row_plan.as_stored(content, detainee, self._now)
            else:
                row.outcome = "new"
                return row_plan.plan(None, row.content, self._now)
            plan = row_plan.plan(person, row.content, self._now)
            if listed.same_as_row is None:
                row_plan.check_may_hide(self._caller, plan)
            self._check_day(row, plan)
        except RequestError as error:
            row.add_errors(error)
            return None
        row.changes = plan.changes
        if listed.detainee_id is not None:
            brought_back = self._brought_back(row, listed.detainee_id, person)
            if brought_back or plan.overwritten:
                row.ask(brought_back)
                listed.candidate_ids, listed.detainee_id = [listed.detainee_id], None
                self._leave_out_ids_of_others(row, listed)
                return None
        row.outcome = "changed" if plan.changes else "same"
        return plan

    def _brought_back(
        self, row: _PreviewedRow, id: UUID, person: StoredPerson
    ) -> Sequence[FieldError]:
        """Return the void records that a row would bring back, for one of its candidates."""
        if id not in self._void:
            return []
        content: Mapping[str, Any] = row.content
        if "facility" in content:  # the decision on its name can add a detention
            content = facility_decisions.with_facility(content, row_plan.NOT_INSERTED)
        plan = row_plan.plan(person, content, self._now)
        is_new = plan.detention_id is None
        return list(
            voids.brought_back(self._void[id], plan.detention, plan.release_event, is_new=is_new)
        )

    def _leave_out_ids_of_others(self, row: _PreviewedRow, listed: ListedPerson) -> None:
        """Leave out the identifiers of others; a row that needs a decision only says so.

        Begins with the row as it was read, so that it can be repeated when the outcome has changed.
        """
        detainee = dict(row.row.content["detainee"])
        row.ignored = list(row.row.ignored)
        candidates = {*listed.candidate_ids, *listed.candidate_rows}
        kept = []
        for id in detainee.get("external_ids", ()):
            scheme, value = id["scheme"], id["value"]
            holder = listed.other_holder(scheme, value)
            if holder is not None:
                person = f"/v1/detainees/{holder}"
                if isinstance(holder, int):
                    person = self._place(holder)
                detail = f"{value[:50]!r} is the identifier of {person}: it stays with that person"
                detail += " if this row is decided new." if holder in candidates else "."
                row.ignored.append(RowError(row.row.id_column(scheme), detail))
            if holder is None or listed.is_possible_duplicate:
                kept.append(id)
        if "external_ids" in detainee:
            row.content["detainee"] = {**detainee, "external_ids": kept}

    def _content(self, number: int) -> Mapping[str, Any]:
        for row in self._block:
            if row.number == number:
                return row.content
        return import_store.contents(self._conn, self._id, {number})[number]

    def _reject_contradictions(self) -> None:
        """Make rows invalid that give one person two sexes, birth dates or age groups."""
        errors: dict[int, dict[str, RowError]] = {}
        for pair in import_store.contradictions(self._conn, self._id):
            column = self._columns.get(pair.property)
            if pair.property == "birth_date" and column is None:
                column = self._columns["birth_year"]
            for row, value, other, other_value in (
                (pair.row, pair.value, pair.first_pointer, pair.first_value),
                (pair.first_row, pair.first_value, pair.pointer, pair.value),
            ):
                detail = f"{value!r} contradicts {other}, with {other_value!r} for this person."
                errors.setdefault(row, {}).setdefault(pair.property, RowError(column, detail))
        rows = [
            {"row": row, "errors": [error._asdict() for error in by_property.values()]}
            for row, by_property in errors.items()
        ]
        if rows:
            queries.run(
                self._conn, "imports/update_invalid_rows", import_id=self._id, rows=Jsonb(rows)
            )

    def _foresee_statuses(self, plans: Sequence[tuple[_PreviewedRow, RowPlan]]) -> None:
        """Foresee the statuses of the release events to which the rows attest."""
        released = [(row, plan.release_event) for row, plan in plans if plan.release_event]
        if not released:
            return
        events = [cast(UUID, event["id"]) for _, event in released if "id" in event]
        source_id = (self._attestation or {})["source_id"]
        confirmed = row_plan.confirmed_before(self._conn, events, source_id)
        live = attestations.count_live(self._conn, events)
        for row, event in released:
            id = event.get("id")
            attestation = self._attestation_of(row)
            if id == row_plan.NOT_INSERTED or (id, attestation["published_at"]) in confirmed:
                continue
            if id is not None:
                try:
                    attestations.check_live(live.get(id, 0) + self._attested[id])
                except RequestError as error:
                    row.add_errors(error)
                    row.changes = []
                    continue
                self._attested[id] += 1
            if row.outcome != "new":
                row.changes.append("attestation")
                row.outcome = "changed"
            if row.outcome == "changed" and self._is_repeated(row, event, attestation):
                continue
            row.release_event_id = id
            row.status_from, row.status_to = verdicts.foresee(
                self._conn, id, row_plan.rule_attestation(attestation), self._now
            )

    def _is_repeated(
        self, row: _PreviewedRow, event: Mapping[str, Any], attestation: Mapping[str, Any]
    ) -> bool:
        """Return whether an earlier row makes the attestation of a row already, and note it."""
        record = event.get("id") or cast(ListedPerson, row.listed).canonical
        day, key = event["occurred_on"], (record, attestation["published_at"])
        before, self._released[key] = self._released.get(key), day
        return before is not None and abs(before - day) <= MAX_SAME_EVENT_DISTANCE
