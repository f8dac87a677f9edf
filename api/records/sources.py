"""Sources, and the affiliations that put them into one group."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from api.access import Caller
from api.database import clock, ledger, queries
from api.database.ledger import Change
from api.errors import FieldError, RequestError, invalid, not_found
from api.identity import canonical_ids, source_merges, source_names
from api.records import voids, writes
from api.records.writes import Affected, Body
from api.verification import verdicts


def create(conn: queries.Connection, caller: Caller, body: Body) -> UUID:
    """Check and insert a source; return its id.

    `distinct_from` of the body names sources that it is not, whatever they share.
    """
    distinct_from, row = _split(body)
    if row["confidential"]:
        queries.run(conn, "affiliations/lock_shared")  # the voucher must not become confidential
    check(conn, row)
    source_names.lock(conn)
    distinct_from = source_names.check(conn, row["name"], distinct_from)
    id = insert(conn, row)
    distinctions = source_merges.insert_distinctions(conn, id, distinct_from)
    ledger.append(conn, caller, Change("source", id, "created"), *distinctions)
    return id


def _split(body: Body) -> tuple[Sequence[UUID], Body]:
    """Return the sources from which a source is distinct, and its row."""
    row = dict(body)
    return list(dict.fromkeys(row.pop("distinct_from", ()))), row


def check(conn: queries.Connection, source: Body) -> None:
    """Check that a confidential source has a voucher, and no affiliation that could identify it.

    `source` has all fields of the contract. An existing source also has its `id`, and whether it is
    `affiliated`, `vouches` for others and `has_duplicates`.
    """
    if errors := list(_confidentiality_errors(conn, source)):
        raise invalid(*errors)


def _confidentiality_errors(conn: queries.Connection, source: Body) -> Iterator[FieldError]:
    voucher = source["vouched_by"]
    if source["confidential"] and voucher is None:
        detail = "Must name the source that vouches for this confidential source."
        yield FieldError("/vouched_by", detail)
    if voucher is not None:
        if not source["confidential"]:
            yield FieldError("/vouched_by", "Must be null unless confidential is true.")
        elif voucher == source.get("id"):
            yield FieldError("/vouched_by", "Must be another source: none vouches for itself.")
        else:
            yield from _voucher_errors(conn, voucher)
    if source["confidential"] and source.get("affiliated"):
        detail = (
            "Must be false: this source has affiliations, void ones included. Create a "
            "confidential one instead."
        )
        yield FieldError("/confidential", detail)
    if source["confidential"] and source.get("has_duplicates"):
        detail = "Must be false: another source was merged into this one. Create a new one instead."
        yield FieldError("/confidential", detail)
    if source["confidential"] and source.get("vouches"):
        detail = "Must be false: this source vouches for others. Create a confidential one instead."
        yield FieldError("/confidential", detail)


def _voucher_errors(conn: queries.Connection, voucher: UUID) -> Iterator[FieldError]:
    rows = queries.rows(conn, "sources/list_by_ids", ids=[voucher])
    if not rows:
        yield FieldError("/vouched_by", "There is no source with this id.")
    elif rows[0].confidential:
        yield FieldError("/vouched_by", "Must not be confidential itself.")


def insert(conn: queries.Connection, body: Body, id: UUID | None = None) -> UUID:
    id = writes.insert(conn, "sources/insert", id, **body)
    source_names.write_keys(conn, id, body["name"], body["url"])
    return id


def update(
    conn: queries.Connection,
    caller: Caller,
    id: UUID,
    body: Body,
    check_precondition: Callable[[], None],
) -> None:
    """Update a source. If its group changes, verify every release event that names it.

    `distinct_from` of the body names sources that it is not, whatever they share.
    """
    distinct_from, changes = _split(body)
    changes_group = bool(changes.keys() & {"confidential", "vouched_by"})

    def lock() -> Any:
        if changes_group:
            queries.run(conn, "affiliations/lock_exclusive")
        if changes.keys() & {"name", "url"} or distinct_from:
            source_names.lock(conn)  # names and keys are compared with those of others
        return queries.row(conn, "sources/lock", id=id)

    def write(row: Any) -> Affected:
        affected = Affected()
        distinctions: Sequence[Change] = ()
        if "name" in changes or distinct_from:
            new = source_names.check(conn, changes.get("name", row.name), distinct_from, id)
            distinctions = source_merges.insert_distinctions(conn, id, new)
        if changes_group:
            source = {**row._asdict(), **changes}
            check(conn, source)
            if row.confidential and source["vouched_by"] != row.vouched_by:
                raise RequestError(
                    "conflict",
                    "The voucher of a confidential source cannot change, so that the source stays "
                    "confidential. Create another source instead.",
                )
            if source["confidential"]:
                affected = _affected(conn, _same_group(id, source["vouched_by"]))
        write_update(conn, row, changes)
        return affected._replace(changes=distinctions)

    writes.update(conn, caller, "source", id, check_precondition, lock=lock, write=write)


def write_update(conn: queries.Connection, row: Any, changes: Body) -> None:
    """Write a checked update of a source, with its keys; `row` has its name and address."""
    queries.run(conn, "sources/update", id=row.id, **changes)
    if changes.keys() & {"name", "url"}:
        name, url = changes.get("name", row.name), changes.get("url", row.url)
        source_names.write_keys(conn, row.id, name, url)


def _same_group(id: UUID, voucher: UUID) -> Body:
    """Return the affiliation that has the effect of vouching: a permanent one."""
    return {"source_id": id, "with_source_id": voucher, "valid_from": None, "valid_until": None}


def create_affiliation(
    conn: queries.Connection, caller: Caller, source_id: UUID, body: Body
) -> UUID:
    """Check and insert an affiliation, verify every release event it affects; return its id."""
    queries.run(conn, "affiliations/lock_exclusive")
    affiliation = {"source_id": source_id, **body}
    check_affiliation(conn, affiliation)
    _check_not_merged(conn, affiliation)
    id = insert_affiliation(conn, affiliation)
    _verify_again(conn, caller, affiliation, Change("affiliation", id, "created"))
    return id


def check_affiliation(conn: queries.Connection, affiliation: Body) -> None:
    """Check the period of an affiliation and that both sources exist and may be affiliated."""
    check_affiliation_period(affiliation)
    source_id, with_source_id = affiliation["source_id"], affiliation["with_source_id"]
    rows = queries.rows(conn, "sources/list_by_ids", ids=[source_id, with_source_id])
    sources = {row.id: row for row in rows}
    if source_id not in sources:
        raise not_found("source")
    if with_source_id not in sources:
        raise invalid(FieldError("/with_source_id", "There is no source with this id."))
    if any(row.confidential for row in rows):
        raise RequestError(
            "conflict",
            "A confidential source has no affiliations: it is in the group of its voucher.",
        )


def _check_not_merged(conn: queries.Connection, affiliation: Body) -> None:
    """Check that the two sources of an affiliation are not records of one source."""
    ids = {affiliation["source_id"], affiliation["with_source_id"]}
    surviving = {canonical_ids.resolve(conn, "source", id) for id in ids}
    if len(surviving) == 1:
        detail = f"Must be another source: a merge made both /v1/sources/{surviving.pop()}."
        raise _wrong_affiliation(FieldError("/with_source_id", detail))


def check_affiliation_period(affiliation: Body) -> None:
    """Check that an affiliation is between two sources and ends after it begins."""
    errors = []
    if affiliation["source_id"] == affiliation["with_source_id"]:
        detail = "Must be another source: none is affiliated with itself."
        errors.append(FieldError("/with_source_id", detail))
    begins, ends = affiliation["valid_from"], affiliation["valid_until"]
    if begins is not None and ends is not None and begins >= ends:
        detail = f"Must be after valid_from, {clock.rfc3339(begins)}."
        errors.append(FieldError("/valid_until", detail))
    if errors:
        raise _wrong_affiliation(*errors)


def _wrong_affiliation(*errors: FieldError) -> RequestError:
    return RequestError("affiliation-period", "The affiliation is invalid. See errors.", *errors)


def insert_affiliation(conn: queries.Connection, affiliation: Body, id: UUID | None = None) -> UUID:
    return writes.insert(conn, "affiliations/insert", id, **affiliation)


def update_affiliation(
    conn: queries.Connection,
    caller: Caller,
    id: UUID,
    body: Body,
    check_precondition: Callable[[], None],
) -> None:
    """Update an affiliation and verify every release event it affects."""

    def lock() -> Any:
        row = _lock_affiliation(conn, id)
        if row is not None:
            voids.check_live("affiliation", id, row.voided_at)
        return row

    def write(row: Any) -> Affected:
        before = row._asdict()
        affiliation = {**before, **body}
        check_affiliation_period(affiliation)
        queries.run(conn, "affiliations/update", id=id, **body)
        return _affected(conn, affiliation, before)

    writes.update(conn, caller, "affiliation", id, check_precondition, lock=lock, write=write)


def void_affiliation(conn: queries.Connection, caller: Caller, id: UUID, body: Body) -> None:
    """Void an affiliation entered by mistake, and verify every release event it affects.

    `body` gives a `reason`.
    """
    affiliation = _lock_affiliation(conn, id)
    if affiliation is None:
        raise not_found("affiliation")
    voids.check_live("affiliation", id, affiliation.voided_at)
    queries.run(conn, "affiliations/void", id=id, **body)
    _verify_again(conn, caller, affiliation._asdict(), Change("affiliation", id, "voided"))


def undo_void_affiliation(conn: queries.Connection, caller: Caller, id: UUID) -> None:
    """Undo the voiding of an affiliation, which then joins its sources again."""
    affiliation = _lock_affiliation(conn, id)
    if affiliation is None:
        raise not_found("affiliation")
    voids.check_void("affiliation", affiliation.voided_at)
    queries.run(conn, "affiliations/undo_void", id=id)
    _verify_again(conn, caller, affiliation._asdict(), Change("affiliation", id, "undone"))


def _lock_affiliation(conn: queries.Connection, id: UUID) -> Any:
    queries.run(conn, "affiliations/lock_exclusive")
    return queries.row(conn, "affiliations/get", id=id)


def _verify_again(
    conn: queries.Connection, caller: Caller, affiliation: Body, change: Change
) -> None:
    """Append a change by which an affiliation begins or ceases to count, and verify its events."""
    affected = _affected(conn, affiliation)
    verdicts.recompute(
        conn,
        caller,
        [change],
        release_events=affected.release_events,
        people=affected.people,
    )


def _affected(
    conn: queries.Connection, affiliation: Body, before: Mapping[str, Any] | None = None
) -> Affected:
    people = verdicts.lock_affected(conn, affiliation, before)
    return Affected([event for events in people.values() for event in events], people)
