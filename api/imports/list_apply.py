"""Imports of lists and cases: read, and applied all or nothing.

Applying one refuses where what its preview rests on has changed since: the people its rows speak
of, or may; people recorded since who may be the same; and the statuses that were foreseen.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from tempfile import TemporaryFile
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.types.json import Jsonb

from api.access import Caller, sees_hidden
from api.cases.case_file import CaseFile
from api.database import clock, ledger, queries
from api.errors import MAX_ERRORS, FieldError, RequestError, invalid, not_found
from api.imports import additions, case_import, row_plan, row_reader
from api.imports.case_import import Becoming
from api.imports.list_preview import (
    BLOCK,
    NOBODY,
    OUTCOMES,
    Say,
    person_of,
    recorded,
    said_by,
    said_of,
    silent,
    words_known,
)
from api.imports.row_plan import Known
from api.matching import candidates
from api.matching.scoring import Match, Person, compare
from api.records import attestations, detainees
from api.verification.bulk import Batch

# Reading.


def read(conn: queries.Connection, caller: Caller | None, id: UUID) -> Mapping[str, Any]:
    """An import without its rows, for who sent it or may see everything."""
    return _told(queries.row(conn, "imports/get", id=id, **_reader(caller)))


def read_own(conn: queries.Connection, id: UUID) -> Mapping[str, Any]:
    """The same, for the operator."""
    return _told(queries.row(conn, "imports/get", id=id, **_OPERATOR))


def _told(row: Any) -> Mapping[str, Any]:
    if row is None:
        raise not_found("import")
    told = row._asdict()
    moments = {name: told[name] and clock.rfc3339(told[name]) for name in _MOMENTS}
    return {
        **told,
        **moments,
        "id": str(row.id),
        "totals": dict.fromkeys(OUTCOMES, 0) | told["totals"],
    }


_MOMENTS = ("created_at", "applied_at")


_OPERATOR = {"key_id": None, "sees_all": True}


def _reader(caller: Caller | None) -> Mapping[str, Any]:
    if caller is None:
        raise not_found("import")
    return {"key_id": caller.key_id, "sees_all": caller.sees_hidden}


def rows(
    conn: queries.Connection, caller: Caller | None, id: UUID, after: int
) -> Sequence[Mapping[str, Any]]:
    """The rows of an import after one of them, a block at the most."""
    found = queries.rows(conn, "imports/list_rows", import_id=id, after=after, limit=BLOCK)
    told = doubts(conn, id, found, sees_hidden=sees_hidden(caller))
    if reader := ledger.reader(caller, "detainee"):
        shown = [one.detainee_id for doubt in told.values() for one in doubt.candidates]
        hidden = queries.rows(conn, "verification/list_hidden_people", detainee_ids=shown)
        ledger.note_reading(conn, reader, [row.id for row in hidden])
    return [
        {
            "row": row.row,
            "resource": row.resource or "detainee",
            "place": row.place,
            "outcome": row.outcome,
            "record_id": row.record_id or row.detainee_id or row.same_detainee_id,
            "detainee_id": row.detainee_id or row.same_detainee_id,
            "same_as_row": row.same_as_row,
            "changes": row.changes,
            "candidates": [
                {
                    "detainee_id": one.detainee_id,
                    "row": one.row,
                    "name": one.person.names[0],
                    **asdict(one.match),
                }
                for one in (told[row.row].candidates if row.row in told else ())
            ],
            "faults": [{"pointer": None, **fault} for fault in row.faults],
            "decision": row.decision,
        }
        for row in found
    ]


def flips(conn: queries.Connection, id: UUID, after: int) -> Sequence[Mapping[str, Any]]:
    """The statuses that rows of an import change, after those of one row."""
    return [
        {
            "row": row.row,
            "release_event_id": row.release_event_id,
            "from": row.status_from,
            "to": row.status_to,
        }
        for row in queries.rows(conn, "imports/list_flips", import_id=id, after=after, limit=BLOCK)
    ]


def all_flips(conn: queries.Connection, id: UUID) -> Iterator[Mapping[str, Any]]:
    """Every status that a list changes."""
    after = 0
    while block := flips(conn, id, after):
        yield from block
        after = block[-1]["row"]


class Doubtful(NamedTuple):
    """Somebody whom a row may speak of: recorded, or of an earlier row."""

    detainee_id: UUID | None
    row: int | None
    person: Person
    match: Match


class Doubt(NamedTuple):
    """A row that a person has to decide on, and the candidates, the likeliest first."""

    row: int
    person: Person
    candidates: Sequence[Doubtful]


def doubts(
    conn: queries.Connection, id: UUID, found: Sequence[Any], *, sees_hidden: bool
) -> Mapping[int, Doubt]:
    """What is in doubt of some rows, compared anew: who is hidden meanwhile is not shown."""
    doubtful = [row for row in found if row.outcome == "possible_duplicate" and row.said]
    if not doubtful:
        return {}
    ids = sorted({person for row in doubtful for person in row.people})
    recorded_people = {
        row.id: Person.from_record(row._asdict())
        for row in queries.rows(conn, "matching/list_people", ids=ids, sees_hidden=sees_hidden)
    }
    listed = {
        row: person_of(said)
        for row, said in said_by(conn, id, {one for row in doubtful for one in row.rows}).items()
    }
    told = {}
    for row in doubtful:
        asked = person_of(row_reader.loaded(row.said))
        likely = [
            *(
                Doubtful(who, None, recorded_people[who], compare(asked, recorded_people[who]))
                for who in row.people
                if who in recorded_people
            ),
            *(
                Doubtful(None, one, listed[one], compare(asked, listed[one]))
                for one in row.rows
                if one in listed
            ),
        ]
        likely.sort(key=lambda one: -one.match.score)
        told[row.row] = Doubt(row.row, asked, likely)
    return told


def all_doubts(conn: queries.Connection, id: UUID) -> Iterator[Doubt]:
    """Everything that is in doubt of a list, for the operator."""
    for block in blocks(conn, id):
        yield from doubts(conn, id, block, sees_hidden=True).values()


def blocks(conn: queries.Connection, id: UUID) -> Iterator[Sequence[Any]]:
    """The rows of an import in their order."""
    after = 0
    while block := queries.rows(conn, "imports/list_rows", import_id=id, after=after, limit=BLOCK):
        yield block
        after = block[-1].row


def forget(conn: queries.Connection, id: UUID) -> None:
    """Drops a preview."""
    queries.run(conn, "imports/delete", id=id)


# Applying.


def apply(
    conn: queries.Connection,
    caller: Caller | None,
    id: UUID,
    decisions: Sequence[Mapping[str, Any]],
    say: Say = silent,
) -> None:
    """Writes what a preview says, with what was decided on its doubtful rows.

    Applied a second time with the same decisions it changes nothing. `caller` is None for the
    operator's own command.
    """
    reader = _OPERATOR if caller is None else _reader(caller)
    with queries.long_transaction(conn):
        found = queries.row(conn, "imports/lock", id=id, **reader)
        if found is None:
            raise not_found("import")
        if found.state == "applied":
            _check_repeated(conn, id, decisions)
        else:
            kind = _CaseApplication if found.is_case else _Application
            kind(conn, caller, found, say).run(decisions)


def _check_repeated(
    conn: queries.Connection, id: UUID, decisions: Sequence[Mapping[str, Any]]
) -> None:
    before = queries.rows(
        conn, "imports/list_rows", import_id=id, after=0, limit=row_reader.MAX_ROWS, decided=True
    )
    made = {row.row: row for row in before}
    again = {decision["row"]: decision for decision in decisions}
    if made.keys() != again.keys() or any(
        decision["decision"] != made[row].decision
        or decision["detainee_id"] not in (None, made[row].detainee_id)
        for row, decision in again.items()
    ):
        raise RequestError("conflict", "This import was applied before, with other decisions.")


class _Application:
    def __init__(
        self, conn: queries.Connection, caller: Caller | None, found: Any, say: Say
    ) -> None:
        self._conn = conn
        self._caller = caller
        self._id = found.id
        self._import = found
        self._word = found.word
        self._sees_hidden = caller is None or caller.sees_hidden
        self._say = say
        self._batch = Batch(conn, caller, say)
        self._now = clock.now(conn)

    def run(self, decisions: Sequence[Mapping[str, Any]]) -> None:
        conn = self._conn
        if not queries.row(conn, "imports/exist_keys", import_id=self._id).spelled:
            raise _outdated(FieldError("", "The database was restarted after a crash."))
        self._decide(decisions)
        self._lock_groups()
        queries.run(conn, "imports/lock_people", import_id=self._id)
        seq = queries.row(conn, "ledger/get_seq").seq
        self._check_unchanged(self._import.ledger_seq)
        self._enter_all()
        # From here on nobody else can write: what came in between is the last that can.
        queries.run(conn, "ledger/lock")
        self._check_unchanged(seq)
        self._record()
        queries.run(conn, "imports/update_recorded_rows", import_id=self._id)
        queries.run(conn, "imports/update", id=self._id, applied=True)

    def _lock_groups(self) -> None:
        if self._word is not None:
            queries.run(self._conn, "affiliations/lock_shared")

    def _enter_all(self) -> None:
        for block in blocks(self._conn, self._id):
            self._write(block)

    def _record(self) -> None:
        self._batch.record()
        self._check_statuses()

    # What was decided.

    def _decide(self, decisions: Sequence[Mapping[str, Any]]) -> None:
        faults: list[FieldError] = []
        given: dict[int, Mapping[str, Any]] = {}
        for i, decision in enumerate(decisions):
            if decision["row"] in given:
                faults.append(FieldError(f"/decisions/{i}/row", "Is decided on twice."))
            given.setdefault(decision["row"], {**decision, "place": f"/decisions/{i}"})
        rows = {
            row.row: row
            for row in queries.rows(
                self._conn,
                "imports/list_rows",
                import_id=self._id,
                after=0,
                limit=max(len(given), 1),
                rows=sorted(given),
            )
        }
        decided = []
        for number, decision in given.items():
            try:
                decided.append(_decided(rows.get(number), decision))
            except ValueError as error:
                faults.append(FieldError(decision["place"] + error.args[0], error.args[1]))
        if faults:
            raise invalid(*faults)
        queries.run(
            self._conn, "imports/update_decisions", import_id=self._id, decisions=Jsonb(decided)
        )
        undecided = queries.rows(
            self._conn, "imports/list_undecided_rows", import_id=self._id, limit=MAX_ERRORS + 1
        )
        if undecided:
            raise invalid(*(FieldError(f"/rows/{row.row}", _wanting(row)) for row in undecided))

    # What the preview rests on.

    def _check_unchanged(self, after: int) -> None:
        """Refuses if anything that the preview rests on was written after an entry of the
        ledger."""
        people = [
            row.id
            for row in queries.rows(self._conn, "ledger/list_people_written_since", after=after)
            if row.id is not None
        ]
        if not people:
            return
        faults = [
            FieldError(f"/rows/{row.row}", f"The detainee {row.detainee_id} was changed meanwhile.")
            for row in queries.rows(
                self._conn,
                "imports/list_rows_resting_on_people",
                import_id=self._id,
                people=people,
                limit=MAX_ERRORS + 1,
            )
        ]
        told = {fault.pointer for fault in faults}
        for start in range(0, len(people), BLOCK):
            faults += [
                fault
                for fault in self._rows_alike(people[start : start + BLOCK])
                if fault.pointer not in told
            ]
        if faults:
            raise _outdated(*faults)

    def _rows_alike(self, ids: Sequence[UUID]) -> Iterator[FieldError]:
        """The rows that may speak of people who were written since."""
        people = {
            row.id: Person.from_record(row._asdict())
            for row in queries.rows(
                self._conn, "matching/list_people", ids=ids, sees_hidden=self._sees_hidden
            )
        }
        keys = [
            (id, key) for id, person in people.items() for key in candidates.comparison_keys(person)
        ]
        pairs = queries.rows(
            self._conn,
            "imports/find_rows_sharing_keys",
            import_id=self._id,
            people=[id for id, _ in keys],
            keys=[key for _, key in keys],
        )
        said = said_by(self._conn, self._id, {pair.row for pair in pairs})
        for pair in pairs:
            if compare(person_of(said[pair.row]), people[pair.detainee_id]).decision != "none":
                detail = f"The detainee {pair.detainee_id} was written meanwhile, and may be this."
                yield FieldError(f"/rows/{pair.row}", detail)

    def _check_statuses(self) -> None:
        """Refuses if a status comes out otherwise than foreseen: groups changed, or time passed."""
        faults = []
        for block in blocks(self._conn, self._id):
            told = {
                row.release_event_id: row
                for row in block
                if row.release_event_id is not None and row.decision is None
            }
            if told:
                faults += [
                    FieldError(
                        f"/rows/{told[now.release_event_id].row}",
                        f"The release event {now.release_event_id} would be {now.status}.",
                    )
                    for now in queries.rows(
                        self._conn, "verification/list_statuses", ids=list(told)
                    )
                    if now.status != told[now.release_event_id].status_to
                ]
        if faults:
            raise _outdated(*faults)

    # Writing.

    def _write(self, block: Sequence[Any]) -> None:
        taken = [row for row in block if row.decision != "skip"]
        # What the preview rests on has not changed: where nothing was new, there still is not.
        told = [row for row in taken if row.outcome != "same" or row.decision == "new"]
        said = {row.row: row_reader.loaded(row.said) for row in told}
        new = [row for row in taken if row.detainee_id is None and row.same_as_row is None]
        became = self._enter([(row.row, said[row.row]) for row in new])
        for row in taken:
            if row.row not in became:
                person = row.detainee_id or row.same_detainee_id or became[row.same_as_row]
                became[row.row] = person
                if row.row in said:
                    self._add(person, said[row.row])
        queries.run(
            self._conn,
            "imports/update_row_people",
            import_id=self._id,
            rows=list(became),
            people=list(became.values()),
        )

    def _enter(self, new: Sequence[tuple[int, Mapping[str, Any]]]) -> dict[int, UUID]:
        """Enters the new people of a block, with their detentions and releases."""
        conn = self._conn
        ids = detainees.insert_many(conn, [row_reader.as_new(said) for _, said in new])
        detentions, events, words = [], [], []
        for id, (_, said) in zip(ids, new, strict=True):
            self._batch.add("detainee", id)
            made = row_plan.plan(Known(NOBODY), said, self._now)
            if made.detention:
                detentions.append({**additions.NEW_DETENTION, **made.detention, "detainee_id": id})
            if made.release_event is not None:
                events.append({**made.release_event, "detainee_id": id})
                words.append(said_of(self._word, said["release"]))
        held = dict(
            zip(
                (detention["detainee_id"] for detention in detentions),
                additions.enter(conn, self._batch, "detention", detentions),
                strict=True,
            )
        )
        for event in events:
            event["detention_id"] = held[event["detainee_id"]]
        told = additions.enter(conn, self._batch, "release_event", events)
        bodies = [
            {**word, "release_event_id": event} for word, event in zip(words, told, strict=True)
        ]
        for word in attestations.insert_many(conn, bodies):
            self._batch.add("attestation", word)
        for id, event in zip(told, events, strict=True):
            self._batch.verify(id, event["detainee_id"])
        return {number: id for (number, _), id in zip(new, ids, strict=True)}

    def _add(self, person: UUID, said: Mapping[str, Any]) -> None:
        """Writes what a row adds to a person who is recorded."""
        known = recorded(self._conn, [person], sees_hidden=self._sees_hidden)[person]
        made = row_plan.plan(known, said, self._now)
        detention = additions.write(self._conn, self._batch, person, known, made)
        if made.release_event is not None:
            self._attest(person, made.release_event, detention, said["release"])

    def _attest(
        self,
        person: UUID,
        event: Mapping[str, Any],
        detention: UUID | None,
        release: Mapping[str, Any],
    ) -> None:
        word = said_of(self._word, release)
        if "id" in event:
            id = event["id"]
            if (id, word["published_at"]) in words_known(self._conn, [id], self._word):
                return
        else:
            row = {
                **event,
                "detainee_id": person,
                "detention_id": event["detention_id"] or detention,
            }
            (id,) = additions.enter(self._conn, self._batch, "release_event", [row])
        (told,) = attestations.insert_many(self._conn, [{**word, "release_event_id": id}])
        self._batch.add("attestation", told)
        self._batch.verify(id, person)


class _CaseApplication(_Application):
    """The same of a case: what its preview rests on is all that becomes of its entries."""

    _becoming: Becoming

    def _lock_groups(self) -> None:
        queries.run(self._conn, "affiliations/lock_exclusive")

    def _enter_all(self) -> None:
        decided = queries.rows(
            self._conn,
            "imports/list_rows",
            import_id=self._id,
            after=0,
            limit=row_reader.MAX_ROWS,
            decided=True,
        )
        decisions = {row.row: (row.decision, row.detainee_id) for row in decided}
        with TemporaryFile() as file:
            case_import.write(self._conn, self._id, file)
            read = CaseFile(file)
            with Becoming(self._conn, read, self._caller, self._say, decisions) as becoming:
                becoming.enter()
        becoming.faults()
        self._becoming = becoming
        self._check_entries()

    def _check_entries(self) -> None:
        """Refuses if anything becomes something else than foreseen, but for what was decided."""
        told = {one.row: one for one in self._becoming.told.values()}
        faults, wrong = [], []
        for block in blocks(self._conn, self._id):
            for row in block:
                now = told[row.row]
                if row.decision == "skip":
                    continue
                if now.is_decided:
                    details = {self._becoming.detail(place) for place in now.faults}
                    wrong += [FieldError(f"/rows/{row.row}", detail) for detail in sorted(details)]
                elif now.rests_on != (row.outcome, row.record_id, row.changes, sorted(row.people)):
                    outcome = now.outcome.replace("_", " ")
                    changes = f" ({', '.join(now.changes)})" if now.changes else ""
                    faults.append(
                        FieldError(f"/rows/{row.row}", f"Would be {outcome}{changes} now.")
                    )
        if faults:
            raise _outdated(*faults)
        if wrong:
            raise invalid(*wrong)

    def _record(self) -> None:
        foreseen = {
            (row.row, row.release_event_id): row.status_to
            for row in queries.rows(self._conn, "imports/list_statuses", import_id=self._id)
        }
        faults = [
            FieldError(f"/rows/{one['row']}", f"Its release event would be {one['status_to']}.")
            for one in self._becoming.record()
            if not one["is_decided"]
            and one["status_to"] != foreseen.get((one["row"], one["release_event_id"]))
        ]
        if faults:
            raise _outdated(*faults)
        became = [one for one in self._becoming.told.values() if one.record_id is not None]
        queries.run(
            self._conn,
            "imports/update_case_records",
            import_id=self._id,
            rows=[one.row for one in became],
            records=[one.record_id for one in became],
        )


def _decided(row: Any, decision: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a decision makes of a row. Raises ValueError with the place and what is wrong."""
    if row is None:
        raise ValueError("/row", "The import has no such row.")
    word, who, other = decision["decision"], decision["detainee_id"], decision["same_as_row"]
    made = {"row": row.row, "decision": word, "detainee_id": None, "same_as_row": None}
    if word != "same" and who is not None:
        raise ValueError("/detainee_id", "Is for who is the same.")
    if word != "same" and other is not None:
        raise ValueError("/same_as_row", "Is for who is the same.")
    if word == "skip":
        return made
    if row.outcome == "invalid":
        raise ValueError("/decision", "The row is not valid: correct it, or skip it.")
    if word == "new":
        return made
    people = {*row.people, *filter(None, [row.detainee_id])}
    rows = {*row.rows, *filter(None, [row.same_as_row])}
    if who is None and other is None:
        if len(people) + len(rows) != 1:
            raise ValueError("/detainee_id", "Must be given: which of the candidates.")
        who, other = next(iter(people), None), next(iter(rows), None)
    if who is not None and other is not None:
        raise ValueError("/same_as_row", "Is one or the other.")
    if who is not None and who not in people:
        raise ValueError("/detainee_id", "Is none of the row's candidates.")
    if other is not None and other not in rows:
        raise ValueError("/same_as_row", "Is none of the row's candidates.")
    return {**made, "detainee_id": who, "same_as_row": other}


def _wanting(row: Any) -> str:
    return _WANTING["skipped" if row.of_skipped else row.outcome]


_WANTING = {
    "possible_duplicate": "May be a person who is recorded: decide on it.",
    "invalid": "Is not valid: correct the list, or skip the row.",
    "skipped": "Is the same person as a row that is skipped: decide on it.",
}


def _outdated(*faults: FieldError) -> RequestError:
    return RequestError(
        "import-outdated",
        "What the preview rests on has changed: preview the list again.",
        *faults[:MAX_ERRORS],
    )
