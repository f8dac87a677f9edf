"""Apply a previewed case: every entry must have the outcome that was foreseen."""

from itertools import chain
from tempfile import TemporaryFile
from typing import cast
from uuid import UUID

from api.access import Caller
from api.cases import record_writer
from api.cases.case_file import CaseFile
from api.database import queries
from api.errors import FieldError, invalid
from api.imports import import_store
from api.imports.case_import import CaseImport
from api.imports.import_store import Progress


class CaseWriter:
    """Writes a previewed case, and checks that each entry has the outcome that was foreseen."""

    def __init__(
        self, conn: queries.Connection, caller: Caller | None, id: UUID, progress: Progress
    ) -> None:
        self._conn = conn
        self._caller = caller
        self._id = id
        self._progress = progress
        self._case_import: CaseImport

    def begin(self) -> None:
        """Lock affiliations and names: the case may add some."""
        record_writer.lock(self._conn)

    def write(self) -> None:
        """Store all entries. Raise import-outdated if an outcome differs."""
        decisions = {
            row.row: (row.decision, row.detainee_id)
            for row in import_store.decided_rows(self._conn, self._id)
        }
        with TemporaryFile() as file:
            import_store.copy_file(self._conn, self._id, file)
            self._case_import = CaseImport(
                self._conn, CaseFile(file), self._caller, self._progress, decisions
            )
            self._case_import.run()
        self._check_outcomes()
        self._check_facilities()

    def _check_outcomes(self) -> None:
        outcomes = {outcome.row: outcome for outcome in self._case_import.outcomes.values()}
        different: list[FieldError] = []
        wrong_decisions: list[FieldError] = []
        for row in chain.from_iterable(import_store.blocks(self._conn, self._id)):
            now = outcomes[row.row]
            if row.decision == "skip":
                continue
            if now.is_decided:
                details = {self._case_import.errors[place] for place in now.errors}
                wrong_decisions += [
                    FieldError(f"/rows/{row.row}", detail) for detail in sorted(details)
                ]
            elif now.foreseen != (
                row.outcome,
                row.record_id,
                row.changes,
                sorted(row.candidate_ids),
            ):
                outcome = now.outcome.replace("_", " ")
                changes = f" ({', '.join(now.changes)})" if now.changes else ""
                detail = f"Would now be {outcome}{changes}."
                different.append(FieldError(f"/rows/{row.row}", detail))
        if different:
            raise import_store.outdated(*different)
        if wrong_decisions:
            raise invalid(*wrong_decisions)

    def _check_facilities(self) -> None:
        """Refuse to write a facility together with hidden people alone.

        The moments of records are public: such a facility would tell where these people are.
        """
        rows: dict[str, dict[UUID, int]] = {"facility": {}, "detainee": {}, "detention": {}}
        for outcome in self._case_import.outcomes.values():
            if outcome.resource in rows and outcome.outcome in {"new", "changed"}:
                rows[outcome.resource][cast(UUID, outcome.record_id)] = outcome.row
        errors = [
            FieldError(
                f"/rows/{rows['facility'][facility.id]}",
                f"Only people who are not named are at {facility.name!r}, and a facility written "
                "together with them tells where they are: write it some time before with POST or "
                "PATCH /v1/facilities, and import the case again.",
            )
            for facility in queries.rows(
                self._conn,
                "imports/list_disclosing_facilities",
                facility_ids=list(rows["facility"]),
                detainee_ids=list(rows["detainee"]),
                detention_ids=list(rows["detention"]),
            )
        ]
        if errors:
            raise invalid(*errors)

    def record(self) -> None:
        """Verify what was written. Raise import-outdated if a status differs."""
        foreseen = {
            (row.row, row.release_event_id): row.status_to
            for row in queries.rows(self._conn, "imports/list_statuses", import_id=self._id)
        }
        different = [
            FieldError(f"/rows/{row['row']}", f"Its release event would be {row['status_to']}.")
            for row in self._case_import.record()
            if not row["is_decided"]
            and row["status_to"] != foreseen.get((row["row"], row["release_event_id"]))
        ]
        if different:
            raise import_store.outdated(*different)
        recorded = [o for o in self._case_import.outcomes.values() if o.record_id is not None]
        queries.run(
            self._conn,
            "imports/update_case_records",
            import_id=self._id,
            rows=[outcome.row for outcome in recorded],
            records=[outcome.record_id for outcome in recorded],
        )
