"""Preview a list: what each row would do, stored with the rows until the import is applied.

It reads one snapshot, locks nothing, and writes only the preview, after deleting expired ones.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO, cast
from uuid import UUID

import orjson

from api.access import Caller
from api.database import clock, queries
from api.errors import FieldError, RequestError, invalid
from api.imports import import_store, row_plan, row_reader
from api.imports.import_store import BLOCK, Progress, no_progress
from api.imports.lookups import FacilityNames
from api.imports.row_plan import RowPlan, StoredPerson
from api.imports.row_reader import RowError
from api.matching import candidates
from api.matching.candidates import Candidate
from api.matching.scoring import Match, Person, compare
from api.records import attestations, canonical_ids, publications
from api.verification import verdicts
from api.verification.rule import Attestation

_PROGRESS_ROWS = 10_000
# The contract's name of a field -> the column that holds it, where they differ.
_COLUMN_OF_FIELD = {"facility_id": "facility", "occurred_on": "released_on"}


def preview(
    conn: queries.Connection,
    caller: Caller | None,
    file: BinaryIO,
    media_type: str,
    *,
    mapping: row_reader.Mapped,
    date_order: str | None,
    attestation: Mapping[str, Any] | None,
    progress: Progress = no_progress,
) -> UUID:
    """Store the preview of a list and return the import's id.

    `attestation` is that of `row_plan.shared_attestation`. The caller is None for the operator's
    command.
    """
    import_store.delete_expired(conn)
    sha256 = import_store.digest(file)
    with (
        queries.snapshot(conn, read_only=False),
        closing(row_reader.rows(file, media_type, mapping, date_order)) as rows,
    ):
        return _Preview(conn, caller, sha256, attestation, progress).run(rows)


@dataclass(slots=True)
class _PreviewedRow:
    """A row and its preview."""

    row: row_reader.Row
    content: dict[str, Any]
    errors: list[RowError]
    outcome: str = "invalid"
    person: Person | None = None
    digest: bytes | None = None
    keys: list[str] = field(default_factory=list)
    detainee_id: UUID | None = None
    same_as_row: int | None = None
    candidate_ids: list[UUID] = field(default_factory=list)
    candidate_rows: list[int] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    release_event_id: UUID | None = None
    status_from: str | None = None
    status_to: str | None = None

    @property
    def number(self) -> int:
        return self.row.number

    def add_errors(self, error: RequestError) -> None:
        """Add the errors of a request, each to the column of its field."""
        for field_error in error.errors or [FieldError("", error.detail)]:
            name = field_error.pointer.split("/")[-1]
            column = self.row.columns.get(_COLUMN_OF_FIELD.get(name, name))
            self.errors.append(RowError(column, field_error.detail))

    def as_stored(self) -> Mapping[str, Any]:
        """Return the row as the query that inserts it takes it."""
        return {
            "row": self.number,
            "outcome": self.outcome,
            "content": self.content if self.outcome != "invalid" else None,
            "digest": None if self.digest is None else self.digest.hex(),
            "key_count": None if self.person is None else len(self.keys),
            "detainee_id": self.detainee_id,
            "same_as_row": self.same_as_row,
            "candidate_ids": self.candidate_ids,
            "candidate_rows": self.candidate_rows,
            "changes": self.changes,
            "errors": [error._asdict() for error in self.errors],
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
        sha256: bytes,
        attestation: Mapping[str, Any] | None,
        progress: Progress,
    ) -> None:
        self._conn = conn
        self._caller = caller
        self._sees_hidden = caller is None or caller.sees_hidden
        self._sha256 = sha256
        self._attestation = attestation
        self._progress = progress
        self._now = clock.now(conn)
        self._facilities = FacilityNames(conn)
        self._totals: Counter[str] = Counter()
        self._new: Counter[str] = Counter()
        self._block: list[_PreviewedRow] = []
        self._id = UUID(int=0)

    def _check_attestation(self, attestation: Mapping[str, Any]) -> None:
        try:
            attestations.check_shared(self._conn, attestation, self._now)
        except RequestError as error:
            errors = [
                FieldError("/relayed_source_id", e.detail) if e.pointer.startswith("/relays") else e
                for e in error.errors
            ]
            raise RequestError(error.slug, error.detail, *errors) from None

    def run(self, rows: Iterator[row_reader.Row]) -> UUID:
        """Insert the preview of these rows and return its id."""
        if self._attestation is not None:
            self._check_attestation(self._attestation)
        self._id = import_store.begin(self._conn, self._caller, self._sha256, self._attestation)
        done = 0
        while block := list(islice(rows, BLOCK)):
            self._preview(
                [_PreviewedRow(row, dict(row.content), list(row.errors)) for row in block]
            )
            before, done = done, done + len(block)
            if done // _PROGRESS_ROWS > before // _PROGRESS_ROWS:
                self._progress(f"{done:,} rows read")
        import_store.finish(
            self._conn,
            self._id,
            self._totals,
            people=self._totals["new"],
            release_events=self._new["release_events"],
            attestations=self._new["attestations"],
        )
        return self._id

    def _preview(self, block: list[_PreviewedRow]) -> None:
        for row in block:
            self._check(row)
        valid = self._block = [row for row in block if not row.errors]
        keys = [(row.number, key) for row in valid for key in self._compute_keys(row)]
        import_store.insert_keys(self._conn, self._id, keys)
        self._identify(valid)
        self._match(valid, keys)
        people = row_plan.read_people(
            self._conn,
            [row.detainee_id for row in valid if row.detainee_id],
            sees_hidden=self._sees_hidden,
        )
        plans = [(row, plan) for row in valid if (plan := self._plan(row, people))]
        self._foresee_statuses(plans)
        for row in block:
            if row.errors:
                row.outcome = "invalid"
            self._totals[row.outcome] += 1
        import_store.insert_rows(self._conn, self._id, [row.as_stored() for row in block])

    def _check(self, row: _PreviewedRow) -> None:
        """Check a row alone."""
        content = row.content
        if "facility" in content:
            try:
                content["detention"] = {
                    **content.get("detention", {}),
                    "facility_id": self._facilities.find(content.pop("facility")),
                }
            except ValueError as error:
                row.errors.append(RowError(row.row.columns["facility"], str(error)))
        if "release" in content and self._attestation is None:
            detail = "Needs a source: send source_id, published_at and basis with the list."
            row.errors.append(RowError(row.row.columns["released_on"], detail))
        elif "release" in content:
            for _, time_error in publications.time_errors(self._attestation_of(row), self._now):
                row.add_errors(invalid(time_error))
        if row.errors:
            return
        try:
            row_plan.plan(None, content, self._now)
        except RequestError as error:
            row.add_errors(error)

    def _attestation_of(self, row: _PreviewedRow) -> dict[str, Any]:
        return row_plan.row_attestation(self._attestation or {}, row.content["release"])

    def _compute_keys(self, row: _PreviewedRow) -> list[str]:
        row.person = import_store.row_person(row.content)
        row.digest = _digest(row.content)
        row.keys = candidates.name_keys(row.person)
        return row.keys

    def _identify(self, valid: Sequence[_PreviewedRow]) -> None:
        """Set the person of rows that need no comparison.

        These have the id of a visible person, were imported in the same file before, or have an
        identifier that one person has.
        """
        by_id = self._visible_people({row.content["id"] for row in valid if "id" in row.content})
        applied = {
            stored.digest: stored.detainee_id
            for stored in queries.rows(
                self._conn,
                "imports/find_applied_rows",
                digests=[row.digest for row in valid],
                file_sha256=self._sha256,
                key_id=self._caller and self._caller.key_id,
                sees_hidden=self._sees_hidden,
            )
        }
        identified = self._people_by_identifier(valid)
        for i, row in enumerate(valid):
            people = identified.get(i, set())
            if row.content.get("id") in by_id:
                row.detainee_id = by_id[row.content["id"]]
            elif row.digest in applied:
                row.detainee_id = applied[row.digest]
            elif len(people) == 1:
                (row.detainee_id,) = people

    def _people_by_identifier(self, valid: Sequence[_PreviewedRow]) -> Mapping[int, set[UUID]]:
        ids = [
            (i, candidates.identifier_key(scheme, value))
            for i, row in enumerate(valid)
            for scheme, value in cast(Person, row.person).external_ids
        ]
        people: dict[int, set[UUID]] = {}
        for match in queries.rows(
            self._conn,
            "matching/find_by_external_id",
            items=[i for i, _ in ids],
            external_ids=[key for _, key in ids],
            sees_hidden=self._sees_hidden,
        ):
            people.setdefault(match.item, set()).add(match.id)
        return people

    def _visible_people(self, ids: Set[UUID]) -> Mapping[UUID, UUID]:
        """Return the canonical ids of those people whom the caller may see."""
        canonical = {id: canonical_ids.resolve(self._conn, "detainee", id) for id in ids}
        rows = queries.rows(
            self._conn,
            "matching/list_people",
            ids=list(canonical.values()),
            sees_hidden=self._sees_hidden,
        )
        visible = {row.id for row in rows}
        return {id: person for id, person in canonical.items() if person in visible}

    def _match(self, valid: Sequence[_PreviewedRow], keys: Sequence[tuple[int, str]]) -> None:
        """Compare the other rows with the recorded people and with earlier rows."""
        unidentified = [row for row in valid if row.detainee_id is None]
        recorded = candidates.find_matches(
            self._conn,
            [import_store.row_record(row.content) for row in unidentified],
            sees_hidden=self._sees_hidden,
        )
        match_earlier = self._earlier_matches(valid, keys)
        for row, matches in zip(unidentified, recorded, strict=True):
            _decide(row, matches, match_earlier(row))

    def _earlier_matches(
        self, valid: Sequence[_PreviewedRow], keys: Sequence[tuple[int, str]]
    ) -> Callable[[_PreviewedRow], list[tuple[Match, UUID | int]]]:
        """Return a function from a row to its matches among earlier rows.

        An earlier row that is a recorded person, or the same as another row, stands for that one.
        """
        in_block = {row.number: row for row in valid}
        unidentified = {number for number, row in in_block.items() if row.detainee_id is None}
        asked = [(number, key) for number, key in keys if number in unidentified]
        similar: dict[int, list[int]] = {}
        for pair in queries.rows(
            self._conn,
            "imports/find_similar_rows",
            import_id=self._id,
            rows=[number for number, _ in asked],
            keys=[key for _, key in asked],
        ):
            similar.setdefault(pair.row, []).append(pair.other)
        before = {other for others in similar.values() for other in others} - set(in_block)
        earlier = {
            stored.row: (
                import_store.row_person(row_reader.from_json(stored.content)),
                stored.detainee_id or stored.same_as_row or stored.row,
            )
            for stored in import_store.rows_by_number(self._conn, self._id, before)
            if stored.content
        }

        def find(row: _PreviewedRow) -> list[tuple[Match, UUID | int]]:
            matches = []
            for number in similar.get(row.number, ()):
                if number in in_block:
                    other = in_block[number]
                    person, id = other.person, other.detainee_id or other.same_as_row or number
                elif number in earlier:
                    person, id = earlier[number]
                else:
                    continue
                match = compare(cast(Person, row.person), cast(Person, person))
                if match.decision != "none":
                    matches.append((match, id))
            return matches

        return find

    def _plan(self, row: _PreviewedRow, people: Mapping[UUID, StoredPerson]) -> RowPlan | None:
        """Plan a row and set its outcome; None if it is invalid or needs a decision first."""
        if row.outcome == "possible_duplicate":
            return None
        try:
            if row.detainee_id is not None:
                person = people[row.detainee_id]
            elif row.same_as_row is not None:
                content = self._content(row.same_as_row)
                detainee = row_reader.new_detainee(content)
                person = row_plan.as_stored(content, detainee, self._now)
            else:
                row.outcome = "new"
                return row_plan.plan(None, row.content, self._now)
            plan = row_plan.plan(person, row.content, self._now)
        except RequestError as error:
            row.add_errors(error)
            return None
        row.changes = plan.changes
        row.outcome = "changed" if plan.changes else "same"
        return plan

    def _content(self, number: int) -> Mapping[str, Any]:
        for row in self._block:
            if row.number == number:
                return row.content
        return import_store.contents(self._conn, self._id, {number})[number]

    def _foresee_statuses(self, plans: Sequence[tuple[_PreviewedRow, RowPlan]]) -> None:
        """Count the new release events and attestations, and foresee the statuses."""
        released = [(row, plan.release_event) for row, plan in plans if plan.release_event]
        if not released:
            return
        events = [cast(UUID, event["id"]) for _, event in released if "id" in event]
        source_id = (self._attestation or {})["source_id"]
        confirmed = row_plan.confirmed_before(self._conn, events, source_id)
        for row, event in released:
            id = event.get("id")
            attestation = self._attestation_of(row)
            if id == row_plan.NOT_INSERTED or (id, attestation["published_at"]) in confirmed:
                continue
            self._new["attestations"] += 1
            if id is None:
                self._new["release_events"] += 1
            if row.outcome != "new":
                row.changes.append("attestation")
                row.outcome = "changed"
            row.release_event_id = id
            row.status_from, row.status_to = verdicts.foresee(
                self._conn, id, _rule_attestation(attestation), self._now
            )


def _rule_attestation(attestation: Mapping[str, Any]) -> Attestation:
    return Attestation(
        id="",
        source=str(attestation["source_id"]),
        stance="confirms",
        basis=attestation["basis"],
        published_at=attestation["published_at"],
        relayed_sources=[str(relay["source_id"]) for relay in attestation["relays"]],
        release_kind=attestation["release_kind"],
        # Recorded after every other attestation of the same moment.
        recorded=1 << 62,
    )


def _decide(
    row: _PreviewedRow,
    recorded: Sequence[Candidate],
    earlier: Sequence[tuple[Match, UUID | int]],
) -> None:
    """Set the one person who is the same, or the candidates of a possible duplicate."""
    matches: list[tuple[Match, UUID | int]] = [(c.match, c.row.id) for c in recorded]
    matches = sorted([*matches, *earlier], key=lambda pair: -pair[0].score)
    same = import_store.single_match(matches)
    if isinstance(same, UUID):
        row.detainee_id = same
    elif same is not None:
        row.same_as_row = same
    elif matches:
        row.outcome = "possible_duplicate"
        ids = list(dict.fromkeys(id for _, id in matches))
        row.candidate_ids = [id for id in ids if isinstance(id, UUID)][: candidates.MAX_CANDIDATES]
        row.candidate_rows = [id for id in ids if isinstance(id, int)][: candidates.MAX_CANDIDATES]


def _digest(content: Mapping[str, Any]) -> bytes:
    """Return the SHA-256 by which the row is recognised when it is imported again."""
    part = {name: content[name] for name in ("detainee", "born") if name in content}
    return hashlib.sha256(orjson.dumps(part, option=orjson.OPT_SORT_KEYS)).digest()
