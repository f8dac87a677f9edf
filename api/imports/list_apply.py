"""Apply an import: check that its preview still holds, then write all of it or nothing.

It is refused if the people of its rows or their candidates have changed since the preview, if a
person recorded since may be that of a row, or if a foreseen status comes out differently.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import chain
from typing import Any, Protocol
from uuid import UUID

from psycopg.types.json import Jsonb

from api.access import Caller
from api.database import clock, queries
from api.errors import MAX_ERRORS, FieldError, RequestError, invalid, not_found, pointer
from api.imports import facility_decisions, import_store, row_plan
from api.imports.case_apply import CaseWriter
from api.imports.facility_decisions import FacilityDecisions
from api.imports.import_store import BLOCK, Progress, no_progress, outdated
from api.lists import row_reader
from api.matching import candidates
from api.matching.external_ids import external_id_key
from api.matching.scoring import Person, compare
from api.records import attestations, detainees
from api.verification.bulk import Batch

_NEEDS_DECISION = {
    "possible_duplicate": "May be recorded, or names a void record: decide same, new or skip.",
    "invalid": "Is invalid: correct the file, or decide skip.",
    "skipped": "Is the same person as a skipped row: decide new, skip, or same as an earlier one.",
}


def apply(
    conn: queries.Connection,
    caller: Caller | None,
    id: UUID,
    decisions: Sequence[Mapping[str, Any]],
    facilities: Sequence[Mapping[str, Any]],
    progress: Progress = no_progress,
) -> None:
    """Apply a preview with the decisions on its rows and on the names of its facilities.

    Applying it again with the same decisions changes nothing. The caller is None for the
    operator's command.
    """
    reader = import_store.OPERATOR if caller is None else import_store.reader_of(caller)
    with queries.long_transaction(conn):
        stored = queries.row(conn, "imports/lock", id=id, **reader)
        if stored is None:
            raise not_found("import")
        if stored.state == "applied":
            if not (
                _are_repeated(conn, id, decisions)
                and facility_decisions.are_repeated(stored.facilities, facilities)
            ):
                detail = "This import was applied with other decisions. Preview the file again."
                raise RequestError("conflict", detail)
            return
        decided_facilities = FacilityDecisions(conn, caller, id, stored.facilities, facilities)
        writer: _Writer
        if stored.is_case:
            writer = CaseWriter(conn, caller, id, progress)
        else:
            writer = _ListWriter(conn, caller, id, stored.attestation, decided_facilities, progress)
        if not queries.row(conn, "imports/exist_keys", import_id=id).has_keys:
            raise outdated(FieldError("", "The database was restarted after a crash."))
        _decide(conn, id, decisions, decided_facilities)
        writer.begin()
        queries.run(conn, "imports/lock_people", import_id=id)
        seq = queries.row(conn, "ledger/get_last_entry").seq
        sees_hidden = caller is None or caller.sees_hidden
        _check_current(conn, id, stored.ledger_seq, sees_hidden=sees_hidden)
        writer.write()
        # Nobody else can write from here on, so this check sees every concurrent write.
        queries.run(conn, "ledger/lock")
        _check_current(conn, id, seq, sees_hidden=sees_hidden)
        writer.record()
        queries.run(conn, "imports/update_recorded_rows", import_id=id)
        queries.run(conn, "imports/update_state", id=id)


class _Writer(Protocol):
    """Writes the rows of a list or of a case."""

    def begin(self) -> None:
        """Lock affiliations and the names that may be added, and write the facilities of a list."""

    def write(self) -> None:
        """Write all rows but the skipped ones."""

    def record(self) -> None:
        """Verify what was written, and check the foreseen statuses."""


# Decisions.


def _are_repeated(
    conn: queries.Connection, id: UUID, decisions: Sequence[Mapping[str, Any]]
) -> bool:
    """Return whether an import was applied with these decisions on its rows."""
    before = {row.row: row for row in import_store.decided_rows(conn, id)}
    repeated = {decision["row"]: decision for decision in decisions}
    return before.keys() == repeated.keys() and all(
        decision["decision"] == before[row].decision
        and decision["detainee_id"] in (None, before[row].detainee_id)
        and decision["same_as_row"] in (None, before[row].same_as_row)
        for row, decision in repeated.items()
    )


def _decide(
    conn: queries.Connection,
    id: UUID,
    decisions: Sequence[Mapping[str, Any]],
    facilities: FacilityDecisions,
) -> None:
    """Store the decisions on rows. Raise RequestError if one is wrong, or any is missing."""
    errors: list[FieldError] = []
    by_row: dict[int, tuple[int, Mapping[str, Any]]] = {}
    for i, decision in enumerate(decisions):
        if decision["row"] in by_row:
            detail = f"Row {decision['row']} has another decision: send one."
            errors.append(FieldError(pointer("decisions", i, "row"), detail))
        by_row.setdefault(decision["row"], (i, decision))
    numbers = {*by_row, *filter(None, (decision["same_as_row"] for decision in decisions))}
    rows = {row.row: row for row in import_store.rows_by_number(conn, id, numbers)}
    checked = []
    for i, decision in by_row.values():
        try:
            checked.append(_check_decision(decision, rows))
        except _DecisionError as error:
            errors.append(FieldError(pointer("decisions", i, error.field), error.detail))
    errors += facilities.errors()
    if errors:
        raise invalid(*errors)
    queries.run(conn, "imports/update_decisions", import_id=id, decisions=Jsonb(checked))
    undecided = queries.rows(
        conn, "imports/list_undecided_rows", import_id=id, limit=MAX_ERRORS + 1
    )
    missing = [
        FieldError(
            f"/rows/{row.row}", _NEEDS_DECISION["skipped" if row.is_of_skipped else row.outcome]
        )
        for row in undecided
    ]
    missing += [*facilities.missing(), *facilities.disclosing()]
    if missing:
        raise invalid(*missing)
    contradictions = import_store.contradictions(conn, id, MAX_ERRORS + 1)
    if contradictions:
        raise invalid(
            *(
                FieldError(
                    f"/rows/{row.row}",
                    f"The {row.property} {row.value!r} contradicts {row.first_pointer}, with "
                    f"{row.first_value!r} for the same person: decide new or skip.",
                )
                for row in contradictions
            )
        )


class _DecisionError(Exception):
    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field
        self.detail = detail


def _check_decision(decision: Mapping[str, Any], stored: Mapping[int, Any]) -> Mapping[str, Any]:
    """Return a decision, if it is `same` with a candidate or another row of that candidate."""
    row, earlier = stored.get(decision["row"]), stored.get(decision["same_as_row"])
    if row is None:
        raise _DecisionError("row", f"The import has no row {decision['row']}: leave it out.")
    choice, person, other = decision["decision"], decision["detainee_id"], decision["same_as_row"]
    checked = {"row": row.row, "decision": choice, "detainee_id": None, "same_as_row": None}
    for field in ("detainee_id", "same_as_row"):
        if choice != "same" and decision[field] is not None:
            raise _DecisionError(field, "Is for the decision same: leave it out.")
    if row.outcome == "invalid" and choice != "skip":
        raise _DecisionError("decision", "The row is invalid: correct the file, or decide skip.")
    if choice != "same":
        return checked
    people = {*row.candidate_ids, *filter(None, [row.detainee_id])}
    rows = {*row.candidate_rows, *filter(None, [row.same_as_row])}
    if earlier is not None and earlier.row < row.row and earlier.same_as_row in rows:
        rows.add(earlier.row)  # takes the place of a first row that is skipped
    if not people and not rows:
        raise _DecisionError("decision", "The row has no candidate: decide new or skip.")
    if person is None and other is None:
        if len(people) + len(rows) != 1:
            raise _DecisionError("detainee_id", "Is required: there are several candidates.")
        person, other = next(iter(people), None), next(iter(rows), None)
    if person is not None and other is not None:
        raise _DecisionError("same_as_row", "Send either detainee_id or same_as_row.")
    if person is not None and person not in people:
        raise _DecisionError("detainee_id", f"{person} is no candidate of the row: send another.")
    if other is not None and other not in rows:
        raise _DecisionError("same_as_row", f"{other} is no candidate of the row: send another.")
    return {**checked, "detainee_id": person, "same_as_row": other}


# The records that the preview rests on.


def _check_current(conn: queries.Connection, id: UUID, after: int, *, sees_hidden: bool) -> None:
    """Raise import-outdated if people that matter were written after a sequence number."""
    written = queries.rows(
        conn, "ledger/list_people_written_since", after=after, sees_hidden=sees_hidden
    )
    people = [row.id for row in written if row.id is not None]
    if not people:
        return
    errors = [
        FieldError(f"/rows/{row.row}", f"The detainee {row.detainee_id} has changed.")
        for row in queries.rows(
            conn,
            "imports/list_rows_resting_on_people",
            import_id=id,
            people=people,
            limit=MAX_ERRORS + 1,
        )
    ]
    changed = {error.pointer for error in errors}
    for start in range(0, len(people), BLOCK):
        block = people[start : start + BLOCK]
        errors += [
            error
            for error in _matching_rows(conn, id, block, sees_hidden=sees_hidden)
            if error.pointer not in changed
        ]
    if errors:
        raise outdated(*errors)


def _matching_rows(
    conn: queries.Connection, id: UUID, ids: Sequence[UUID], *, sees_hidden: bool
) -> Iterator[FieldError]:
    """Yield an error for each row that may be one of these people."""
    people = {
        row.id: Person.from_record(row._asdict())
        for row in queries.rows(conn, "matching/list_people", ids=ids, sees_hidden=sees_hidden)
    }
    keys = [
        (person_id, key)
        for person_id, person in people.items()
        for key in candidates.name_keys(person)
    ]
    pairs = queries.rows(
        conn,
        "imports/find_rows_sharing_keys",
        import_id=id,
        people=[person_id for person_id, _ in keys],
        keys=[key for _, key in keys],
    )
    contents = import_store.contents(conn, id, {pair.row for pair in pairs})
    for pair in pairs:
        person = row_reader.person(contents[pair.row])
        if compare(person, people[pair.detainee_id]).decision != "none":
            detail = f"May be the detainee {pair.detainee_id}, who was written since."
            yield FieldError(f"/rows/{pair.row}", detail)


class _ListWriter:
    """Writes the people of a list, their detentions and releases, and the source's attestations."""

    def __init__(
        self,
        conn: queries.Connection,
        caller: Caller | None,
        id: UUID,
        attestation: Mapping[str, Any],
        facilities: FacilityDecisions,
        progress: Progress,
    ) -> None:
        self._conn = conn
        self._caller = caller
        self._id = id
        self._attestation = attestation
        self._facilities = facilities
        self._sees_hidden = caller is None or caller.sees_hidden
        self._batch = Batch(conn, caller, progress)
        self._now = clock.now(conn)

    def begin(self) -> None:
        """Lock the affiliations if the list attests to releases; write the decided facilities."""
        if self._attestation is not None:
            queries.run(self._conn, "affiliations/lock_shared")
        self._facilities.write(self._batch)

    def write(self) -> None:
        """Write all rows but the skipped ones, in blocks."""
        for block in import_store.blocks(self._conn, self._id):
            self._write_block(block)

    def record(self) -> None:
        """Verify the release events. Raise import-outdated if a status differs."""
        self._batch.record()
        errors = []
        for block in import_store.blocks(self._conn, self._id):
            foreseen = {
                row.release_event_id: row
                for row in block
                if row.release_event_id is not None and row.decision is None
            }
            if foreseen:
                errors += [
                    FieldError(
                        f"/rows/{foreseen[now.release_event_id].row}",
                        f"The release event {now.release_event_id} would be {now.status}.",
                    )
                    for now in queries.rows(
                        self._conn, "verification/list_statuses", ids=list(foreseen)
                    )
                    if now.status != foreseen[now.release_event_id].status_to
                ]
        if errors:
            raise outdated(*errors)

    def _write_block(self, block: Sequence[Any]) -> None:
        included = [row for row in block if row.decision != "skip"]
        # A row that was `same` still is, undecided: what it rests on has not changed.
        changing = [
            row
            for row in included
            if row.outcome != "same" or row.decision or self._facilities.add_to(row.content)
        ]
        contents = {
            row.row: self._facilities.completed(row_reader.from_json(row.content))
            for row in changing
        }
        self._leave_out_ids_of_others(changing, contents)
        new = [row for row in included if row.detainee_id is None and row.same_as_row is None]
        people = self._insert_people([(row.row, contents[row.row]) for row in new])
        for row in included:
            if row.row not in people:
                person = row.detainee_id or row.same_detainee_id or people[row.same_as_row]
                people[row.row] = person
                if row.row in contents:
                    try:
                        self._update_person(person, contents[row.row], is_new=row.is_of_new)
                    except RequestError as error:
                        raise import_store.error_of_row(row.row, error) from None
        queries.run(
            self._conn,
            "imports/update_row_people",
            import_id=self._id,
            rows=list(people),
            people=list(people.values()),
        )

    def _leave_out_ids_of_others(
        self, rows: Sequence[Any], contents: dict[int, Mapping[str, Any]]
    ) -> None:
        """Remove the external ids that another visible person or an earlier row has.

        Nobody may get the external id of another visible person, whatever was decided on a row.
        """
        listed = {row.row: contents[row.row]["detainee"].get("external_ids", []) for row in rows}
        holders: dict[str, Set[UUID | int]] = {
            **detainees.holders(
                self._conn, list(chain(*listed.values())), sees_hidden=self._sees_hidden
            )
        }
        for row in rows:
            person = row.detainee_id or row.same_detainee_id or row.same_as_row or row.row
            keys = [external_id_key(id["scheme"], id["value"]) for id in listed[row.row]]
            kept = [
                id
                for id, key in zip(listed[row.row], keys, strict=True)
                if person in holders.setdefault(key, {person})
            ]
            if len(kept) < len(listed[row.row]):
                detainee = {**contents[row.row]["detainee"], "external_ids": kept}
                contents[row.row] = {**contents[row.row], "detainee": detainee}

    def _insert_people(self, new: Sequence[tuple[int, Mapping[str, Any]]]) -> dict[int, UUID]:
        """Insert the new people of a block, with detentions and releases; return them by row."""
        conn, batch = self._conn, self._batch
        people = detainees.insert_many(
            conn,
            [row_reader.new_detainee(content) for _, content in new],
            accepted=batch.accepts,
        )
        detentions, events, bodies = [], [], []
        for person, (_, content) in zip(people, new, strict=True):
            batch.add("detainee", person)
            plan = row_plan.plan(None, content, self._now)
            if plan.detention:
                detentions.append({**plan.detention, "detainee_id": person})
            if plan.release_event is not None:
                events.append({**plan.release_event, "detainee_id": person})
                bodies.append(row_plan.row_attestation(self._attestation, content["release"]))
        detention_ids = row_plan.insert_detentions(conn, batch, detentions)
        by_person = dict(
            zip((row["detainee_id"] for row in detentions), detention_ids, strict=True)
        )
        for event in events:
            event["detention_id"] = by_person[event["detainee_id"]]
        event_ids = row_plan.insert_release_events(conn, batch, events)
        self._attest(
            [
                {**body, "release_event_id": event_id}
                for body, event_id in zip(bodies, event_ids, strict=True)
            ]
        )
        for event_id, event in zip(event_ids, events, strict=True):
            batch.verify(event_id, event["detainee_id"])
        return {number: person for (number, _), person in zip(new, people, strict=True)}

    def _update_person(self, person: UUID, content: Mapping[str, Any], *, is_new: bool) -> None:
        """Write the changes of a row to a person, and its attestation.

        A new person, of an earlier row, may be a minor: the caller knows all of that person.
        """
        conn, batch = self._conn, self._batch
        sees_hidden = self._sees_hidden or is_new
        stored = row_plan.read_people(conn, [person], sees_hidden=sees_hidden)[person]
        plan = row_plan.plan(stored, content, self._now)
        if not is_new:
            row_plan.check_may_hide(self._caller, plan)
        new_detention = row_plan.write(conn, batch, person, stored, plan)
        event = plan.release_event
        if event is None:
            return
        attestation = row_plan.row_attestation(self._attestation, content["release"])
        attestations.check_day(attestation, event["occurred_on"])
        if "id" in event:
            event_id = event["id"]
            confirmed = row_plan.confirmed_before(conn, [event_id], attestation["source_id"])
            if (event_id, attestation["published_at"]) in confirmed:
                return
            live = attestations.count_live(conn, [event_id])
            attestations.check_live(live.get(event_id, 0))
        else:
            detention_id = event["detention_id"] or new_detention
            body = {**event, "detainee_id": person, "detention_id": detention_id}
            (event_id,) = row_plan.insert_release_events(conn, batch, [body])
        self._attest([{**attestation, "release_event_id": event_id}])
        batch.verify(event_id, person)

    def _attest(self, bodies: Sequence[Mapping[str, Any]]) -> None:
        for id in attestations.insert_many(self._conn, bodies):
            self._batch.add("attestation", id)
