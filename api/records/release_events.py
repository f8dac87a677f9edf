"""Release events: each is the claim that a detention ended on a day."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any, cast
from uuid import UUID

from api.access import Caller
from api.database import clock, queries
from api.database.ledger import Change
from api.errors import FieldError, RequestError, future_day, invalid, not_found
from api.identity import canonical_ids
from api.records import claims, detainees, voids, writes
from api.records.detention_order import MAX_SAME_EVENT_DISTANCE, period
from api.records.writes import Affected, Body
from api.verification import verdicts


def create(conn: queries.Connection, caller: Caller, body: Body) -> UUID:
    """Check and insert a release event; return its id. Locks the person.

    A person with several detentions is counted again: the release event is evidence that its
    detention had begun by then, so that it was no re-arrest after a later release.
    """
    person = detainees.lock_canonical(conn, body["detainee_id"])
    if person is None:
        raise invalid(
            FieldError("/detainee_id", "There is no detainee with this id."),
            *claims.announcement_errors(conn, body["announcement_id"]),
            *_future_errors(body["occurred_on"], clock.now(conn)),
        )
    detentions = queries.rows(conn, "detentions/list_for_detainee", detainee_id=person)
    id = insert(conn, _check(conn, {**body, "detainee_id": person}, detentions))
    changes = [Change("release_event", id, "created")]
    verdicts.recompute(conn, caller, changes, people=[person] if len(detentions) > 1 else ())
    return id


def check(conn: queries.Connection, body: Body, *, restored: bool = False) -> Body:
    """Check a new release event of a locked person; return it with its `detention_id`.

    A `restored` release event, from an export, may be after the beginning of the next detention,
    which can have been recorded later.
    """
    detentions = queries.rows(conn, "detentions/list_for_detainee", detainee_id=body["detainee_id"])
    return _check(conn, body, detentions, restored=restored)


def _check(
    conn: queries.Connection, body: Body, detentions: Sequence[Any], *, restored: bool = False
) -> Body:
    errors = list(claims.announcement_errors(conn, body["announcement_id"]))
    try:
        if body["detention_id"] is None:
            detention = detention_open_on(detentions, body["occurred_on"])
        else:
            detention = canonical_ids.resolve(conn, "detention", body["detention_id"])
        event = {**body, "detention_id": detention}
        _check_occurred_on(conn, event, detentions, restored=restored)
    except RequestError as error:
        if not errors:
            raise
        errors += error.errors
    if errors:
        raise invalid(*errors)
    return event


def insert(conn: queries.Connection, body: Body, id: UUID | None = None) -> UUID:
    return writes.insert(conn, "release_events/insert", id, **body)


def insert_many(conn: queries.Connection, bodies: Sequence[Body]) -> list[UUID]:
    return writes.insert_many(conn, "release_events/insert", bodies)


def update(
    conn: queries.Connection,
    caller: Caller,
    id: UUID,
    body: Body,
    check_precondition: Callable[[], None],
) -> None:
    """Update a release event and count its person again. Its day is final once it has a verdict."""

    def write(row: Any) -> Affected:
        claims.check_announcement(conn, body.get("announcement_id"))
        if body.get("occurred_on", row.occurred_on) != row.occurred_on:
            if queries.row(conn, "first_verdicts/exist", release_event_id=id).verified:
                raise RequestError(
                    "conflict",
                    "The release event has or had attestations, so its day cannot change. Create "
                    "another release event for another day.",
                )
            event = {**row._asdict(), **body}
            detentions = queries.rows(
                conn, "detentions/list_for_detainee", detainee_id=row.detainee_id
            )
            _check_occurred_on(conn, event, detentions, id)
        queries.run(conn, "release_events/update", id=id, **body)
        return Affected(people=[row.detainee_id])

    writes.update(
        conn,
        caller,
        "release_event",
        id,
        check_precondition,
        lock=partial(lock, conn, id),
        write=write,
    )


def void(conn: queries.Connection, caller: Caller, id: UUID, body: Body) -> None:
    """Void a release event entered by mistake, with its attestations. `body` gives a `reason`.

    A key of scope `contribute` can void only one without attestations.
    """
    queries.run(conn, "affiliations/lock_shared")
    event = lock(conn, id)
    if event is None:
        raise not_found("release event")
    voids.check_caller(conn, caller, "release_event", id)
    if not caller.sees_hidden:
        referring = queries.rows(
            conn, "release_events/list_referring", id=id, limit=voids.MAX_LISTED + 1
        )
        voids.check_unused("release_event", [row.path for row in referring])
    queries.run(conn, "release_events/void", id=id, **body)
    _recompute(conn, caller, event, Change("release_event", id, "voided"))


def undo_void(conn: queries.Connection, caller: Caller, id: UUID) -> None:
    """Undo the voiding of a release event, whose attestations then count again."""
    queries.run(conn, "affiliations/lock_shared")
    event = _lock(conn, id)
    if event is None:
        raise not_found("release event")
    voids.check_void("release_event", event.voided_at)
    detention = queries.row(conn, "detentions/get", id=event.detention_id)
    if detention is not None and detention.voided_at is not None:
        raise voids.refers_to_void("release_event", f"detentions/{event.detention_id}")
    if event.announcement_id is not None:
        claims.check_restorable(conn, "release_event", [event.announcement_id])
    if near := _find_near(conn, event._asdict(), id):
        raise _exists(near)
    queries.run(conn, "release_events/undo_void", id=id)
    _recompute(conn, caller, event, Change("release_event", id, "undone"))


def _recompute(conn: queries.Connection, caller: Caller, event: Any, change: Change) -> None:
    changes = [change, *voids.rearrange(conn, event.detainee_id)]
    verdicts.recompute(
        conn,
        caller,
        changes,
        release_events=[event.id],
        people=[event.detainee_id],
        recount=True,
    )


def lock(conn: queries.Connection, id: UUID) -> Any:
    """Lock the person of a release event and return its row; None for a duplicate or unknown id.

    Raises RequestError if it is void. A merge can move it to another person while the lock is
    waited for; then that one is locked.
    """
    event = _lock(conn, id)
    if event is not None:
        voids.check_live("release_event", id, event.voided_at)
    return event


def _lock(conn: queries.Connection, id: UUID) -> Any:
    while (locked := queries.row(conn, "release_events/lock", id=id)) is not None:
        event = queries.row(conn, "release_events/get", id=id)
        if event is None or event.detainee_id == locked.detainee_id:
            return event
    return None


def lock_canonical(conn: queries.Connection, id: UUID) -> Any:
    """Lock the release event that an id leads to and return its row; None for an unknown id."""
    return writes.lock_canonical(conn, "release_event", id, partial(lock, conn))


def detention_open_on(detentions: Sequence[Any], day: date) -> UUID:
    """Return the detention that was open on a day: the last that can have begun by then.

    A day within three days of a recorded release event belongs to the detention of that event, even
    if the person was detained again since.
    """
    if not detentions:
        detail = "This person has no detention. Record one first."
        raise invalid(FieldError("/detainee_id", detail))
    near = [
        row
        for row in detentions
        if any(abs(day - r) <= MAX_SAME_EVENT_DISTANCE for r in row.released_on)
    ]
    candidates = near or [row for row in detentions if row.began_on <= day]
    if not candidates:
        detail = f"No detention of this person was open on {day}: record one, or correct the day."
        raise invalid(FieldError("/occurred_on", detail))
    return cast(UUID, candidates[-1].id)


def check_occurred_on(
    event: Body,
    detentions: Sequence[Any],
    near: UUID | None,
    now: datetime,
    *,
    restored: bool = False,
) -> None:
    """Check that the day has come and lies in the detention, three days from any other event.

    `near` is the release event within three days of it, if there is one.
    """
    day = event["occurred_on"]
    errors = list(_future_errors(day, now))
    indexes = [i for i, row in enumerate(detentions) if row.id == event["detention_id"]]
    if not indexes:
        errors.append(FieldError("/detention_id", "This person has no detention with this id."))
    if errors:
        raise invalid(*errors)
    # No recorded day is quoted: the person may be hidden from the caller.
    if day < detentions[indexes[0]].began_on:
        detail = f"{day} is before the detention began: correct either day."
        raise invalid(FieldError("/occurred_on", detail))
    if near is not None:
        raise _exists(near)
    later = [] if restored else detentions[indexes[0] + 1 :]
    if any(period(row.detained_on)[1] < day for row in later):
        detail = f"{day} is after the person's next detention began: correct either day."
        raise invalid(FieldError("/occurred_on", detail))


def _future_errors(day: date, now: datetime) -> Iterator[FieldError]:
    if clock.is_day_ahead(day, now):
        yield future_day("/occurred_on", day)


def _exists(near: UUID) -> RequestError:
    return RequestError(
        "release-event-exists",
        "Another release event of this detention lies within three days: "
        f"/v1/release-events/{near}. Use that one.",
        existing={"release_event_id": near},
    )


def _check_occurred_on(
    conn: queries.Connection,
    event: Body,
    detentions: Sequence[Any],
    id: UUID | None = None,
    *,
    restored: bool = False,
) -> None:
    near = _find_near(conn, event, id)
    check_occurred_on(event, detentions, near, clock.now(conn), restored=restored)


def _find_near(conn: queries.Connection, event: Body, id: UUID | None) -> UUID | None:
    """Return another release event of the same detention within three days."""
    near = queries.row(
        conn,
        "release_events/find_near",
        detainee_id=event["detainee_id"],
        detention_id=event["detention_id"],
        occurred_on=event["occurred_on"],
        except_id=id,
    )
    return None if near is None else cast(UUID, near.id)
