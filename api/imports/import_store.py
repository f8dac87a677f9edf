"""Stored imports: previews of lists and cases, kept for a day or until they are applied."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, BinaryIO, NamedTuple, cast
from uuid import UUID

from psycopg.types.json import Jsonb

from api.access import Caller, sees_hidden
from api.database import clock, ledger, queries
from api.errors import MAX_ERRORS, FieldError, RequestError, not_found
from api.imports import facility_decisions
from api.lists import list_file, row_reader
from api.lists.list_file import Reading
from api.matching.scoring import Match, Person, compare

OUTCOMES = ("new", "same", "possible_duplicate", "changed", "invalid")
BLOCK = 500

_FILE_PART_BYTES = 1 << 20
_MAX_STORED_BYTES = 64 << 20
"""When the newer previews of a key take 64 MiB, its older ones are deleted.

One may take more: 20,000 similar names take 178 MB.
"""

Progress = Callable[[str], Any]
"""Takes lines of progress, for the operator's command."""


def no_progress(_: str) -> None:
    """Ignore progress."""


# Writing a preview.


def begin(
    conn: queries.Connection,
    caller: Caller | None,
    sha256: bytes,
    attestation: Mapping[str, Any] | None,
    reading: Reading | None = None,
) -> UUID:
    """Insert a preview without its rows; return its id. The caller is None for the operator."""
    row = queries.row(
        conn,
        "imports/insert",
        key_id=caller and caller.key_id,
        ledger_seq=queries.row(conn, "ledger/get_last_entry").seq,
        file_sha256=sha256,
        attestation=None if attestation is None else Jsonb(attestation),
        reading=None if reading is None else Jsonb(reading._asdict()),
    )
    return cast(UUID, row.id)


def insert_rows(
    conn: queries.Connection,
    id: UUID,
    rows: Sequence[Mapping[str, Any]],
) -> None:
    """Insert rows of a preview."""
    queries.run(conn, "imports/insert_rows", import_id=id, rows=Jsonb(rows))


def insert_keys(conn: queries.Connection, id: UUID, keys: Sequence[tuple[int, str]]) -> None:
    """Insert the name keys of people of rows, as (row, key)."""
    queries.run(
        conn,
        "imports/insert_keys",
        import_id=id,
        rows=[row for row, _ in keys],
        keys=[key for _, key in keys],
    )


def finish(
    conn: queries.Connection,
    id: UUID,
    totals: Counter[str],
    *,
    people: int,
    release_events: int,
    attestations: int,
    facilities: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Store the totals of a preview: rows by outcome, and the records that it would create.

    `facilities` are the names of a list that need a decision.
    """
    queries.run(
        conn,
        "imports/update_totals",
        id=id,
        totals=Jsonb(totals),
        people=people,
        release_events=release_events,
        attestations=attestations,
        facilities=Jsonb(facilities),
    )


def delete_expired(conn: queries.Connection, caller: Caller | None) -> None:
    """Delete previews that were not applied within a day, and the older ones of a key with many."""
    with queries.long_transaction(conn):
        queries.run(conn, "imports/delete_expired")
        if caller is not None:
            queries.run(
                conn,
                "imports/delete_oldest",
                key_id=caller.key_id,
                max_bytes=_MAX_STORED_BYTES,
            )


def delete_preview(conn: queries.Connection, id: UUID) -> None:
    """Delete a preview; an applied import stays."""
    queries.run(conn, "imports/delete", id=id)


def digest(file: BinaryIO) -> bytes:
    """Return the SHA-256 of a file, and rewind it."""
    file.seek(0)
    sha256 = hashlib.file_digest(file, "sha256")  # type: ignore[arg-type] # any binary file
    file.seek(0)
    return sha256.digest()


def insert_file(conn: queries.Connection, id: UUID, file: BinaryIO) -> None:
    """Store the previewed file, in parts."""
    file.seek(0)
    for part, content in enumerate(iter(lambda: file.read(_FILE_PART_BYTES), b"")):
        queries.run(conn, "imports/insert_file_part", import_id=id, part=part, content=content)


def copy_file(conn: queries.Connection, id: UUID, out: BinaryIO) -> None:
    """Write the stored file of a preview to another file."""
    part = 0
    while (row := queries.row(conn, "imports/get_file_part", import_id=id, part=part)) is not None:
        out.write(row.content)
        part += 1


# Reading an import.

OPERATOR: Mapping[str, Any] = {"key_id": None, "sees_all": True}
"""The rights of the operator's command, as the queries of imports take them."""


def reader_of(caller: Caller | None) -> Mapping[str, Any]:
    """Return the rights of a caller, as the queries of imports take them."""
    if caller is None:
        raise not_found("import")
    return {"key_id": caller.key_id, "sees_all": caller.sees_hidden}


def read(conn: queries.Connection, id: UUID, reader: Mapping[str, Any]) -> Mapping[str, Any]:
    """Read an import without its rows. Raise not-found if it is not the reader's."""
    row = queries.row(conn, "imports/get", id=id, **reader)
    if row is None:
        raise not_found("import")
    values = row._asdict()
    times = ("created_at", "applied_at")
    return {
        **values,
        **{name: values[name] and clock.rfc3339(values[name]) for name in times},
        "id": str(row.id),
        "totals": dict.fromkeys(OUTCOMES, 0) | values["totals"],
        "facilities": facility_decisions.described(
            conn, row.facilities, is_applied=row.state == "applied"
        ),
    }


def blocks(conn: queries.Connection, id: UUID) -> Iterator[Sequence[Any]]:
    """Yield the stored rows of an import in order, in blocks."""
    after = 0
    while block := queries.rows(conn, "imports/list_rows", import_id=id, after=after, limit=BLOCK):
        yield block
        after = block[-1].row


def rows_by_number(conn: queries.Connection, id: UUID, numbers: set[int]) -> Sequence[Any]:
    """Return some stored rows of an import."""
    if not numbers:
        return []
    return queries.rows(
        conn, "imports/list_rows", import_id=id, after=0, limit=len(numbers), rows=sorted(numbers)
    )


def contents(
    conn: queries.Connection, id: UUID, numbers: set[int]
) -> Mapping[int, Mapping[str, Any]]:
    """Return the contents of some rows, by number."""
    rows = rows_by_number(conn, id, numbers)
    return {row.row: row_reader.from_json(row.content) for row in rows}


def contradictions(
    conn: queries.Connection, id: UUID, limit: int = list_file.MAX_ROWS
) -> Sequence[Any]:
    """Return pairs of rows that give one person two sexes, birth dates or age groups."""
    return queries.rows(conn, "imports/list_contradictions", import_id=id, limit=limit)


def decided_rows(conn: queries.Connection, id: UUID) -> Sequence[Any]:
    """Return the rows of an import with decisions."""
    limit = list_file.MAX_ROWS
    return queries.rows(conn, "imports/list_rows", import_id=id, after=0, limit=limit, decided=True)


def rows(
    conn: queries.Connection, after: int, *, id: UUID, caller: Caller | None
) -> Sequence[Mapping[str, Any]]:
    """Return a block of the rows after one of them, as the contract describes them."""
    block = queries.rows(conn, "imports/list_rows", import_id=id, after=after, limit=BLOCK)
    duplicates = possible_duplicates(conn, id, block, sees_hidden=sees_hidden(caller))
    if reader := ledger.reader(caller, "detainee"):
        shown = [c.detainee_id for duplicate in duplicates.values() for c in duplicate.candidates]
        hidden = queries.rows(conn, "verification/list_hidden_people", detainee_ids=shown)
        ledger.note_reading(conn, reader, [row.id for row in hidden])
    return [
        {
            "row": row.row,
            "resource": row.resource or "detainee",
            "place": row.pointer,
            "outcome": row.outcome,
            "record_id": row.record_id or row.detainee_id or row.same_detainee_id,
            "detainee_id": row.detainee_id or row.same_detainee_id,
            "same_as_row": row.same_as_row,
            "facility": (row.content or {}).get("facility"),
            "changes": row.changes,
            "candidates": [
                {
                    "detainee_id": candidate.detainee_id,
                    "row": candidate.row,
                    "name": candidate.person.names[0],
                    **asdict(candidate.match),
                }
                for candidate in (duplicates[row.row].candidates if row.row in duplicates else ())
            ],
            "errors": [{"pointer": None, **error} for error in _shown_errors(row, duplicates)],
            "ignored": [{"pointer": None, **cell} for cell in row.ignored],
            "decision": row.decision,
        }
        for row in block
    ]


def flips(conn: queries.Connection, after: int, *, id: UUID) -> Sequence[Mapping[str, Any]]:
    """Return a block of the changes of status after one row, as the contract describes them."""
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
    """Yield every change of status of an import."""
    after = 0
    while block := flips(conn, after, id=id):
        yield from block
        after = block[-1]["row"]


# Possible duplicates, compared as they are now.


class RowCandidate(NamedTuple):
    """A recorded person, or the person of an earlier row, who may be that of a row."""

    detainee_id: UUID | None
    row: int | None
    person: Person
    match: Match
    facility_name: str | None = None
    """The name of a facility that needs a decision, of the person of an earlier row."""


class PossibleDuplicate(NamedTuple):
    """A row that needs a decision, and its candidates, best first."""

    row: int
    person: Person
    candidates: Sequence[RowCandidate]
    facility_name: str | None
    """The name of a facility that needs a decision."""


def possible_duplicates(
    conn: queries.Connection, id: UUID, block: Sequence[Any], *, sees_hidden: bool
) -> Mapping[int, PossibleDuplicate]:
    """Compare the rows that need a decision with their candidates, as these are now.

    A candidate who has since been hidden is left out.
    """
    undecided = [row for row in block if row.outcome == "possible_duplicate" and row.content]
    if not undecided:
        return {}
    ids = sorted({person for row in undecided for person in row.candidate_ids})
    people = {
        row.id: Person.from_record(row._asdict())
        for row in queries.rows(conn, "matching/list_people", ids=ids, sees_hidden=sees_hidden)
    }
    earlier = contents(conn, id, {other for row in undecided for other in row.candidate_rows})
    listed = {number: row_reader.person(content) for number, content in earlier.items()}
    duplicates = {}
    for row in undecided:
        person = row_reader.person(row_reader.from_json(row.content))
        candidates = [
            *(
                RowCandidate(other, None, people[other], compare(person, people[other]))
                for other in row.candidate_ids
                if other in people
            ),
            *(
                RowCandidate(
                    None,
                    other,
                    listed[other],
                    compare(person, listed[other]),
                    earlier[other].get("facility"),
                )
                for other in row.candidate_rows
                if other in earlier
            ),
        ]
        candidates.sort(key=lambda candidate: -candidate.match.score)
        duplicates[row.row] = PossibleDuplicate(
            row.row, person, candidates, row.content.get("facility")
        )
    return duplicates


def _shown_errors(row: Any, duplicates: Mapping[int, PossibleDuplicate]) -> Sequence[Any]:
    """Return the errors of a row. The void records of people are left out once one is hidden."""
    if row.outcome != "possible_duplicate":
        return cast(Sequence[Any], row.errors)
    candidates = duplicates[row.row].candidates if row.row in duplicates else ()
    shown = {candidate.detainee_id for candidate in candidates}
    return row.errors if shown.issuperset(row.candidate_ids) else []


def all_possible_duplicates(conn: queries.Connection, id: UUID) -> Iterator[PossibleDuplicate]:
    """Yield every row of a preview that needs a decision, for the operator."""
    for block in blocks(conn, id):
        yield from possible_duplicates(conn, id, block, sees_hidden=True).values()


def outdated(*errors: FieldError) -> RequestError:
    """Return the error for a preview that no longer holds."""
    return RequestError(
        "import-outdated",
        "Records that the preview rests on have changed. Preview the file again.",
        *errors[:MAX_ERRORS],
    )


def error_of_row(row: int, error: RequestError) -> RequestError:
    """Return an error of a single request as that of a row."""
    details = [field_error.detail for field_error in error.errors] or [error.detail]
    errors = (FieldError(f"/rows/{row}", detail) for detail in details)
    return RequestError(error.slug, error.detail, *errors)
