"""Void a record that was entered by mistake: what the resources that can be voided share.

A voided record stays in its table, so that past answers can be given again, and no later answer
depends on it. A record is voided only while no other record refers to it, except a release event,
whose attestations are void with it.

A list that is sent again still has the mistakes that an editor voided. A row brings back a void
detention of its day, a void release event within three days of its own, and a void attestation of
its source unless that source confirms the release event otherwise.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from api.access import Caller
from api.database import clock, queries
from api.database.ledger import Change, Resource
from api.errors import FieldError, RequestError
from api.records import detention_order
from api.records.detention_order import MAX_SAME_EVENT_DISTANCE, DetentionInterval, OrderError

MAX_LISTED = 10
"""The records that a refusal lists."""


def check_live(resource: Resource, id: UUID, voided_at: datetime | None) -> None:
    """Check that a record is not void."""
    if voided_at is not None:
        raise RequestError(
            "conflict",
            f"This {_name(resource)} is already void, since {clock.rfc3339(voided_at)}. To use it "
            f"again, undo the voiding: DELETE {_path(resource, id)}/void.",
        )


def check_void(resource: Resource, voided_at: datetime | None) -> None:
    """Check that a record is void."""
    if voided_at is None:
        raise RequestError("conflict", f"This {_name(resource)} is not void.")


def check_caller(conn: queries.Connection, caller: Caller, resource: Resource, id: UUID) -> None:
    """Check that a caller may void a record: with scope `edit` any, else one that it entered."""
    if caller.sees_hidden:
        return
    entered = queries.row(conn, "ledger/get_created", resource_id=id)
    if entered is None or entered.actor != caller.key_id:
        raise RequestError(
            "forbidden",
            f"Only a key of scope edit can void a {_name(resource)} that another key entered.",
        )


def check_unused(resource: Resource, paths: Sequence[str]) -> None:
    """Check that no record refers to one that is about to be voided; `paths` are those that do."""
    if not paths:
        return
    listed = ", ".join(f"/v1/{path}" for path in paths[:MAX_LISTED])
    more = ", and more" if len(paths) > MAX_LISTED else ""
    raise RequestError(
        "conflict",
        f"These records refer to the {_name(resource)}: {listed}{more}. Void or change them first.",
    )


def refers_to_void(resource: Resource, path: str) -> RequestError:
    """Return the error of undoing a voiding while the record at `path` is still void."""
    return RequestError(
        "conflict",
        f"/v1/{path}, to which this {_name(resource)} refers, is void. Undo that voiding first.",
    )


def rearrange(conn: queries.Connection, detainee_id: UUID) -> list[Change]:
    """Put a person's detentions in order after a voiding or its undoing; return what changes.

    Each detention begins as early as its day and the detentions and releases before it allow, as if
    a voided record had never been entered. Raises RequestError if there is no possible order.
    """
    rows = queries.rows(conn, "detentions/list_for_detainee", detainee_id=detainee_id)
    stored = [
        DetentionInterval(
            row.id, row.detained_on, row.began_on, row.created_at, tuple(row.released_on)
        )
        for row in rows
    ]
    try:
        placed = detention_order.rearrange(stored)
    except OrderError as error:
        raise RequestError(
            "conflict",
            f"The person's detentions cannot be put in order: {error}. Correct their days first.",
        ) from None
    changed = [after for before, after in zip(stored, placed, strict=True) if before != after]
    for interval in changed:
        queries.run(
            conn, "detentions/update", id=interval.id, began_on=interval.began_on, accepted=False
        )
    return [Change("detention", interval.id, "updated") for interval in changed]


def read_for_people(
    conn: queries.Connection, people: Sequence[UUID], source_id: Any, *, sees_hidden: bool
) -> Mapping[UUID, Sequence[Any]]:
    """Read the void records of visible people, and void attestations of the source of a list."""
    void: dict[UUID, list[Any]] = {}
    for row in queries.rows(
        conn,
        "imports/list_void_records",
        people=people,
        source_id=source_id,
        sees_hidden=sees_hidden,
    ):
        void.setdefault(row.detainee_id, []).append(row)
    return void


def brought_back(
    void: Sequence[Any],
    detention: Mapping[str, Any],
    event: Mapping[str, Any] | None,
    *,
    is_new: bool,
) -> Iterator[FieldError]:
    """Yield an error for each void record of a person that a row brings back.

    `detention` has the values of a new detention or the changes of a recorded one, `event` the
    release event of the row, with its `id` if it is recorded.
    """
    for row in void:
        if row.resource == "detention":
            is_back = _is_detention_back(detention, row.day or "", is_new=is_new)
            what = f"The detention of {row.day or 'an unknown day'}"
        elif row.resource == "release_event":
            is_back = event is not None and "id" not in event and _are_near(event, row.day)
            what = f"The release event of {row.day}"
        else:
            is_back = event is not None and event.get("id") == row.release_event_id
            what = f"The attestation of this source to the release event of {row.day}"
        if is_back:
            path = _path(row.resource, row.id)
            field = "detained_on" if row.resource == "detention" else "occurred_on"
            reason = "" if row.void_reason is None else f", {row.void_reason!r}"
            detail = (
                f"{what} is void{reason} ({path}). Decide skip to leave the row out, or same to "
                "record it again."
            )
            yield FieldError(f"/{field}", detail)


def _is_detention_back(detention: Mapping[str, Any], day: str, *, is_new: bool) -> bool:
    """Return whether a detention can be the void one of a day ("" if unknown)."""
    listed = detention.get("detained_on") or ""
    if not is_new:
        return listed != "" and listed == day
    is_same = day.startswith(listed) or (day != "" and listed.startswith(day))
    return bool(detention) and is_same


def _are_near(event: Mapping[str, Any], day: str) -> bool:
    released_on: date = event["occurred_on"]
    return abs(released_on - date.fromisoformat(day)) <= MAX_SAME_EVENT_DISTANCE


def _name(resource: Resource) -> str:
    return resource.replace("_", " ")


def _path(resource: Resource, id: UUID) -> str:
    return f"/v1/{resource.replace('_', '-')}s/{id}"
