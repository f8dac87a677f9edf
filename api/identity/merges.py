"""Merge two records of one person, undo a merge, and keep two records apart.

A merge keeps the earlier state of every record that it changes. When a merge is undone, records
that were created since stay with the surviving record, except those that depend on a record that
returns to the duplicate.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from api.access import Caller
from api.contract import document
from api.database import clock, ledger, queries
from api.database.ledger import Action, Change
from api.errors import FieldError, RequestError, invalid, not_found
from api.identity import canonical_ids, merge_plan
from api.identity.merge_plan import MergePlan
from api.matching import candidates
from api.records import attestations as attestation_records
from api.records import writes
from api.verification import verdicts

_PARENTS = {"detainee_id", "detention_id", "release_event_id", "merged_into"}
"""Columns that refer to a parent record. A change of one is `moved` in the ledger."""


def create(conn: queries.Connection, caller: Caller, id: UUID, into: UUID) -> UUID:
    """Merge the person `id` into the person `into`; return the id of the merge."""
    if id == into:
        raise invalid(FieldError("/into", "Must be another person."))
    queries.run(conn, "affiliations/lock_shared")
    _lock_people(conn, id, into, "/into")
    for row in queries.rows(conn, "merges/list_distinctions_between", ids=[id, into]):
        raise RequestError(
            "conflict",
            f"The two records are distinguished by /v1/distinctions/{row.distinction_id}. Withdraw "
            "the distinction first.",
        )
    plan = load_plan(conn, [id, into])
    duplicate, surviving = str(id), str(into)
    nullable = document.nullable_properties("DetaineeCreate")
    max_items = document.max_items("DetaineeCreate")
    merge_plan.merge_people(plan, duplicate, surviving, nullable, max_items)
    surviving_events = merge_plan.merge_detentions(plan, duplicate, surviving)
    attestations = _attestations(conn, list(surviving_events))
    _check_days(plan, attestations, surviving_events)
    _check_live(conn, attestations, surviving_events)
    merge_plan.move_attestations(plan, attestations, surviving_events)

    merge = writes.insert(conn, "merges/insert", detainee_id=id, into_id=into)
    queries.run(conn, "merges/insert_changes", merge_id=merge, rows=Jsonb(plan.moves()))
    events = [*surviving_events, *surviving_events.values()]
    write_plan(conn, caller, [Change("merge", merge, "created")], plan, [id, into], events)
    return merge


def undo(conn: queries.Connection, caller: Caller, id: UUID) -> None:
    """Undo a merge: return to the duplicate record the children and values that it had."""
    queries.run(conn, "affiliations/lock_shared")
    merge = queries.row(conn, "merges/get", id=id)
    if merge is None:
        raise not_found("merge")
    people = [merge.detainee_id, merge.into_id]
    queries.run(conn, "detainees/lock_pair", ids=people)
    # Read again: another merge can have been recorded during the wait for the lock.
    merge = queries.row(conn, "merges/get", id=id)
    _check_last(conn, id, merge)
    plan = load_plan(conn, people)
    moves = queries.rows(conn, "merges/list_changes", merge_id=id)
    is_written_since = queries.row(conn, "merges/exist_later_changes", merge_id=id).changed
    merge_plan.undo_merge(
        plan,
        str(merge.detainee_id),
        str(merge.into_id),
        moves,
        is_written_since=is_written_since,
    )
    _check_announcements(conn, plan)
    surviving_events = {
        str(move.id): move.after["merged_into"]
        for move in moves
        if move.resource == "release_event" and "merged_into" in move.after
    }
    attestations = _attestations(conn, list(surviving_events.values()))
    of_two_events = merge_plan.return_attestations(plan, attestations, moves)
    queries.run(conn, "merges/undo", id=id)
    # Stored too, because they include release events that the person got since the merge.
    queries.run(conn, "merges/insert_changes", merge_id=id, rows=Jsonb(plan.moves()))
    events = [*surviving_events, *surviving_events.values()]
    write_plan(conn, caller, [Change("merge", id, "undone")], plan, people, events, of_two_events)


def distinguish(conn: queries.Connection, caller: Caller, id: UUID, other: UUID) -> UUID:
    """Record that two records are of two people; return the id of the distinction."""
    if id == other:
        raise invalid(FieldError("/detainee_id", "Must be another person."))
    _lock_people(conn, id, other, "/detainee_id")
    for row in queries.rows(conn, "merges/list_distinctions_between", ids=[id, other]):
        raise RequestError(
            "conflict",
            f"The two records are already distinguished by /v1/distinctions/{row.distinction_id}.",
        )
    distinction = writes.insert(
        conn, "merges/insert_distinction", detainee_id=id, distinct_from_id=other
    )
    ledger.append(conn, caller, Change("distinction", distinction, "created"))
    return distinction


def withdraw_distinction(conn: queries.Connection, caller: Caller, id: UUID) -> None:
    """Withdraw a distinction, so that the two records can be merged."""
    distinction = queries.row(conn, "merges/lock_distinction", id=id)
    if distinction is None:
        raise not_found("distinction")
    if distinction.withdrawn_at is not None:
        raise RequestError("conflict", "This distinction is already withdrawn.")
    queries.run(conn, "merges/withdraw_distinction", id=id)
    ledger.append(conn, caller, Change("distinction", id, "withdrawn"))


def _lock_people(conn: queries.Connection, id: UUID, other: UUID, pointer: str) -> None:
    """Lock two people, neither of them a duplicate; `pointer` is the place of the `other` id."""
    rows = {row.id: row for row in queries.rows(conn, "detainees/lock_pair", ids=[id, other])}
    if id not in rows:
        raise not_found("detainee")
    if other not in rows:
        raise invalid(FieldError(pointer, "There is no detainee with this id."))
    for row in rows.values():
        _check_surviving(conn, row)


def lock_surviving(conn: queries.Connection, id: UUID) -> None:
    """Lock a person who is no duplicate."""
    row = queries.row(conn, "detainees/lock_pair", ids=[id])
    if row is None:
        raise not_found("detainee")
    _check_surviving(conn, row)


def _check_surviving(conn: queries.Connection, row: Any) -> None:
    if row.merged_into is not None:
        surviving = canonical_ids.resolve(conn, "detainee", row.id)
        raise RequestError(
            "conflict",
            f"The person {row.id} is merged into /v1/detainees/{surviving}. Use that record.",
        )


def _check_last(conn: queries.Connection, id: UUID, merge: Any) -> None:
    """Check that a merge is not undone, and that no later merge depends on it."""
    if merge.undone_at is not None:
        raise RequestError("conflict", "This merge is already undone.")
    if merge.into_merged_into is not None:
        later = queries.row(conn, "merges/get_for_detainee", detainee_id=merge.into_id)
        raise RequestError(
            "conflict",
            f"/v1/merges/{later.id} merged the surviving record into another one since. Undo it "
            "first.",
        )
    if merge.last_split_id is not None:
        raise RequestError(
            "conflict",
            f"/v1/splits/{merge.last_split_id} split the surviving record since. Undo it first.",
        )
    if merge.last_id != id:
        raise RequestError(
            "conflict",
            f"/v1/merges/{merge.last_id} merged another record into this person since. Undo it "
            "first.",
        )


def load_plan(conn: queries.Connection, detainees: Sequence[UUID]) -> MergePlan:
    """Read people, also merged duplicates, and their detentions and events that are not."""
    plan = MergePlan()
    for row in queries.rows(conn, "merges/list_records", detainee_ids=detainees):
        plan.stored[row.resource][str(row.id)] = row.record
    return plan


def _attestations(conn: queries.Connection, events: Sequence[str]) -> list[Any]:
    ids = [UUID(event) for event in events]
    return queries.rows(conn, "merges/list_attestations", release_event_ids=ids)


def _check_days(
    plan: MergePlan, attestations: Sequence[Any], surviving_events: Mapping[str, str]
) -> None:
    """Check that no release is confirmed before the day of the event that survives."""
    for attestation in attestations:
        event = surviving_events[str(attestation.release_event_id)]
        day = plan.stored["release_event"][event]["occurred_on"]
        if not attestation.voided and attestation_records.confirms_early(
            attestation.stance, attestation.published_at, date.fromisoformat(day)
        ):
            raise RequestError(
                "conflict",
                f"The attestation {attestation.id}, published at "
                f"{clock.rfc3339(attestation.published_at)}, would confirm the release event "
                f"{event} before its day, {day}, began in any time zone (UTC+14). Merge the "
                "other record into this one, so that the earlier day stays, or void the event "
                "whose day is wrong.",
            )


def _check_live(
    conn: queries.Connection, moved: Sequence[Any], surviving_events: Mapping[str, str]
) -> None:
    """Check that no surviving release event gets too many attestations."""
    live = Counter(
        surviving_events[str(attestation.release_event_id)]
        for attestation in moved
        if not attestation.voided
    )
    if not live:
        return
    before = attestation_records.count_live(conn, [UUID(event) for event in live])
    live.update({str(event): attestations for event, attestations in before.items()})
    most = attestation_records.MAX_LIVE
    for event, attestations in live.items():
        if attestations > most:
            raise RequestError(
                "conflict",
                f"The release event {event} would have {attestations:,} attestations, and can have "
                f"{most:,}. Void those that were entered by mistake first, or one of the two "
                "release events.",
            )


def _check_announcements(conn: queries.Connection, plan: MergePlan) -> None:
    """Check that no release event that is no duplicate any more refers to a void claim.

    A claim can be voided while only duplicates refer to it. Locks the claims.
    """
    planned = [plan.planned("release_event", id) for id in plan.changes["release_event"]]
    events = {
        UUID(row["announcement_id"]): row["id"]
        for row in planned
        if row["announcement_id"] and row["merged_into"] is None and row["voided_at"] is None
    }
    rows = queries.rows(conn, "claims/lock_referenced", ids=list(events))
    for claim in events.keys() - {row.id for row in rows}:
        raise RequestError(
            "conflict",
            f"The release event {events[claim]} would refer to /v1/claims/{claim} again, which is "
            "void. Undo that voiding first.",
        )


def write_plan(
    conn: queries.Connection,
    caller: Caller,
    changes: Sequence[Change],
    plan: MergePlan,
    people: Sequence[UUID],
    events: Sequence[str] = (),
    of_two_events: Sequence[UUID] = (),
) -> None:
    """Write the planned changes, then verify the release events and count the people again.

    `changes` come first in the ledger; a record that they name gets no other entry.
    """
    for person in people:
        # Both people get a ledger entry, so that followers of either record see the change.
        plan.changes["detainee"].setdefault(str(person), {})
    event_ids = sorted({UUID(event) for event in events})
    rows: list[dict[str, Any]] = [
        {"resource": resource, "id": id, "changes": changed}
        for resource, changes in plan.changes.items()
        for id, changed in changes.items()
    ]
    queries.run(conn, "merges/update_records", rows=Jsonb(rows), of_two_events=list(of_two_events))
    for person in people:
        row = plan.planned("detainee", str(person))
        is_duplicate = row["merged_into"] is not None
        candidates.index_person(
            conn, person, [] if is_duplicate else [row["name"], *row["aliases"]]
        )
    named = {change.resource_id for change in changes}
    planned = [
        Change(row["resource"], UUID(row["id"]), _action(row["changes"]))
        for row in rows
        if UUID(row["id"]) not in named
    ]
    verdicts.recompute(
        conn, caller, [*changes, *planned], release_events=event_ids, people=people, recount=True
    )


def _action(columns: Mapping[str, Any]) -> Action:
    return "updated" if _PARENTS.isdisjoint(columns) else "moved"
