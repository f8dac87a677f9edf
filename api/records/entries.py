"""What it takes to enter a record: checked and inserted, from one request or a whole case.

Nothing here writes the ledger or a verdict; whoever calls does, by verify.record. `id` is None
unless the record has to have an id of its own, as those of a case have.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any, TypeVar, cast
from uuid import UUID

from psycopg import Rollback
from psycopg.types.json import Jsonb

from api.database import clock, queries
from api.errors import FieldError, RequestError, invalid, not_found
from api.matching import blocking_keys, candidates
from api.records.detention_order import SAME_CLAIM, period

Body = Mapping[str, Any]
_T = TypeVar("_T")


def merged_into(
    conn: queries.Connection, resource: str, id: UUID, recorded_as_of: datetime | None = None
) -> UUID | None:
    """What a record that became another one is, now or at a moment of the record; None for one that
    did not."""
    recorded = queries.drop_none(recorded_as_of=recorded_as_of)
    row = queries.row(conn, "merges/get_canonical_id", resource=resource, id=id, **recorded)
    return None if row is None else cast(UUID, row.id)


def standing_for(conn: queries.Connection, resource: str, id: UUID) -> UUID:
    """The record that an id stands for: its own, or the one that it became."""
    return merged_into(conn, resource, id) or id


def lock_person(conn: queries.Connection, id: UUID) -> UUID | None:
    """Locks the person that an id stands for, and gives the person's own id; None if it is
    nobody's."""

    def lock(id: UUID) -> UUID | None:
        return None if queries.row(conn, "detainees/lock", id=id) is None else id

    return _locked(conn, "detainee", id, lock)


def lock_event(conn: queries.Connection, id: UUID) -> Any:
    """A release event, with its person locked; None for one that became another, or is none.

    It may come to be another person's while the lock is waited for: then that one is locked too.
    """
    while (locked := queries.row(conn, "release_events/lock", id=id)) is not None:
        event = queries.row(conn, "release_events/get", id=id)
        if event is None or event.detainee_id == locked.detainee_id:
            return event
    return None


def lock_event_named(conn: queries.Connection, id: UUID) -> Any:
    """The release event that an id stands for, with its person locked; None if it is none's."""
    return _locked(conn, "release_event", id, partial(lock_event, conn))


def _locked(
    conn: queries.Connection, resource: str, id: UUID, lock: Callable[[UUID], _T | None]
) -> _T | None:
    """The record that an id stands for, once it is locked and the id still stands for it: a merge
    can be made or undone while the lock is waited for."""
    while (locked := lock(id)) is None:
        into = merged_into(conn, resource, id)
        if into is not None:
            # A lock that turns out to be another's is let go: held while the right one is waited
            # for, it could have each of two writers wait for the other.
            with conn.transaction() as attempt:
                locked = lock(into)
                if locked is not None and merged_into(conn, resource, id) == into:
                    return locked
                raise Rollback(attempt)
        elif not queries.row(conn, "ledger/exist_for_record", resource=resource, id=id).recorded:
            return None
    return locked


def lock_detention(conn: queries.Connection, id: UUID) -> UUID | None:
    """Locks the person of a detention, and gives the person's id; None for a detention that became
    another, or is none."""
    while (found := queries.row(conn, "detentions/get", id=id)) is not None:
        queries.run(conn, "detainees/lock", id=found.detainee_id)
        if queries.row(conn, "detentions/get", id=id) == found:
            return cast(UUID, found.detainee_id)
    return None


def enter_source(conn: queries.Connection, body: Body, id: UUID | None = None) -> UUID:
    check_confidential(conn, {"id": id, "affiliated": False, "vouches": False, **body})
    return inserted(conn, "sources/insert", id=id, **body)


def check_confidential(conn: queries.Connection, source: Body) -> None:
    """A confidential source speaks through one that vouches for it, and is tied to no other: whose
    it is would give it away."""
    vouching = source["vouched_by"]
    faults = []
    if source["confidential"] and vouching is None:
        faults.append(FieldError("/vouched_by", "Say who vouches for a confidential source."))
    if vouching is not None and not source["confidential"]:
        faults.append(FieldError("/vouched_by", "Only a confidential source is vouched for."))
    elif vouching is not None and vouching == source["id"]:
        faults.append(FieldError("/vouched_by", "A source does not vouch for itself."))
    elif vouching is not None:
        organisation = queries.rows(conn, "sources/list_by_ids", ids=[vouching])
        if not organisation:
            faults.append(FieldError("/vouched_by", "There is no source with this id."))
        elif organisation[0].confidential:
            faults.append(FieldError("/vouched_by", "This source is confidential itself."))
    if source["confidential"] and source["affiliated"]:
        faults.append(FieldError("/confidential", "This source has affiliations: enter it anew."))
    if source["confidential"] and source["vouches"]:
        faults.append(FieldError("/confidential", "This source vouches for others."))
    if faults:
        raise invalid(*faults)


def enter_facility(conn: queries.Connection, body: Body, id: UUID | None = None) -> UUID:
    return inserted(conn, "facilities/insert", id=id, **body)


def enter_affiliation(
    conn: queries.Connection, source_id: UUID, body: Body, id: UUID | None = None
) -> UUID:
    check_affiliation({"source_id": source_id, **body})
    ids = [source_id, body["with_source_id"]]
    known = {row.id: row for row in queries.rows(conn, "sources/list_by_ids", ids=ids)}
    if source_id not in known:
        raise not_found("source")
    if body["with_source_id"] not in known:
        raise invalid(FieldError("/with_source_id", "There is no source with this id."))
    if any(row.confidential for row in known.values()):
        raise RequestError("conflict", "A confidential source is tied to who vouches for it alone.")
    return inserted(conn, "affiliations/insert", id=id, source_id=source_id, **body)


def check_affiliation(affiliation: Body) -> None:
    """An affiliation ties two sources, and ends after it begins."""
    faults = []
    if affiliation["source_id"] == affiliation["with_source_id"]:
        faults.append(FieldError("/with_source_id", "A source is not tied to itself."))
    begins, ends = affiliation["valid_from"], affiliation["valid_until"]
    if begins is not None and ends is not None and begins >= ends:
        faults.append(FieldError("/valid_until", "Must lie after valid_from."))
    if faults:
        raise RequestError("affiliation-period", "This affiliation cannot be: see errors.", *faults)


def enter_detainee(conn: queries.Connection, body: Body, id: UUID | None = None) -> UUID:
    check_detainee(conn, body)
    row = {**body, "external_ids": Jsonb(body["external_ids"])}
    entered = inserted(conn, "detainees/insert", id=id, **row)
    candidates.index_new_people(conn, [(entered, [body["name"], *body["aliases"]])])
    return entered


def enter_detainees(conn: queries.Connection, bodies: Sequence[Body]) -> list[UUID]:
    """Many new people at once, of whom everything was checked."""
    rows = [{**body, "external_ids": Jsonb(body["external_ids"])} for body in bodies]
    ids = insert_many(conn, "detainees/insert", rows)
    names = ([body["name"], *body["aliases"]] for body in bodies)
    candidates.index_new_people(conn, list(zip(ids, names, strict=True)))
    return ids


def change_detainee(conn: queries.Connection, id: UUID, before: Body, body: Body) -> None:
    """A change of a person, who is locked, of which everything was checked."""
    changed = dict(body)
    if "external_ids" in body:
        changed["external_ids"] = Jsonb(body["external_ids"])
    queries.run(conn, "detainees/update", id=id, **changed)
    whole = {**before, **body}
    candidates.index_person(conn, id, [whole["name"], *whole["aliases"]])


def check_detainee(conn: queries.Connection, detainee: Body) -> None:
    if detainee["birth_date"] is not None and (fault := birth_fault(detainee, clock.now(conn))):
        raise invalid(fault)


def birth_fault(detainee: Body, now: datetime) -> FieldError | None:
    """A birth date lies in the past; and who by it is a minor is entered as one, to be hidden."""
    born, today = detainee["birth_date"], now.date()
    if born is None:
        return None
    if born > today:
        return FieldError("/birth_date", "Lies in the future.")
    is_minor = (today.year - 18, today.month, today.day) < (born.year, born.month, born.day)
    if is_minor and detainee["age_group"] != "minor":
        return FieldError("/age_group", "By the birth date this person is a minor: say minor.")
    return None


def spell_again(conn: queries.Connection, say: Callable[[str], Any]) -> None:
    """Keeps everybody's spellings anew where they were made by other rules than today's.

    Block by block, so that whoever serves meanwhile waits for a block at the most; broken off, it
    begins again.
    """
    rules = blocking_keys.rules_digest()
    if queries.row(conn, "matching/get_key_version", sha256=rules).kept:
        return
    done, after = 0, None
    while people := _spell_block(conn, after):
        done, after = done + len(people), people[-1].id
        if done % 10_000 == 0:
            say(f"{done:,} people spelled")
    queries.run(conn, "matching/update_key_version", sha256=rules)
    if done % 10_000:
        say(f"{done:,} people spelled")


def _spell_block(conn: queries.Connection, after: UUID | None) -> Sequence[Any]:
    with conn.transaction():
        people = queries.rows(conn, "matching/lock_people_to_index", after=after, most=1000)
        for person in people:
            candidates.index_person(conn, person.id, [person.name, *person.aliases])
    return people


def enter_detention(
    conn: queries.Connection, detainee_id: UUID, body: Body, id: UUID | None = None
) -> UUID:
    """A spell in custody; the person must be locked. A new one needs the last one to have ended."""
    detentions = queries.rows(conn, "detentions/list_for_detainee", detainee_id=detainee_id)
    row = detention_to_enter(detentions, body, clock.now(conn))
    return inserted(
        conn, "detentions/insert", id=id, detainee_id=detainee_id, created_at=None, **row
    )


def detention_to_enter(detentions: Sequence[Any], body: Body, now: datetime) -> Body:
    """A new detention, with what follows for its place among the person's others."""
    check_detained_on(body["detained_on"], now)
    first, last = period(body["detained_on"])
    before = [row for row in detentions if row.began_on <= last]
    if before and before == detentions and not before[-1].released_on:
        raise RequestError(
            "still-detained", "The last detention has no release event: record first how it ended."
        )
    return {**body, "began_on": _began_on(before, first, last)}


def restore_detention(conn: queries.Connection, body: Body, id: UUID) -> UUID:
    """A spell in custody that was recorded elsewhere, as it stood there; the person must be locked.

    The order in which a person's detentions and releases were told, by which a new one is checked,
    is not known any more.
    """
    now = clock.now(conn)
    check_detained_on(body["detained_on"], now)
    first, last = period(body["detained_on"])
    faults = []
    if not first <= body["began_on"] <= last:
        faults.append(FieldError("/began_on", "Does not lie within detained_on."))
    if body["created_at"] > now + clock.TOLERANCE:
        faults.append(FieldError("/created_at", "Lies more than five minutes ahead."))
    facility = body["facility_id"]
    if facility is not None and queries.row(conn, "facilities/exist", id=facility) is None:
        faults.append(FieldError("/facility_id", "There is no facility with this id."))
    if faults:
        raise invalid(*faults)
    return inserted(conn, "detentions/insert", id=id, **body)


def moved_detention(conn: queries.Connection, detainee_id: UUID, id: UUID, body: Body) -> Body:
    """A change of a detention, with what follows for its place among the person's others."""
    detentions = queries.rows(conn, "detentions/list_for_detainee", detainee_id=detainee_id)
    return detention_as_moved(detentions, id, body, clock.now(conn))


def detention_as_moved(detentions: Sequence[Any], id: UUID, body: Body, now: datetime) -> Body:
    if "detained_on" not in body:
        return body
    check_detained_on(body["detained_on"], now)
    place = [row.id for row in detentions].index(id)
    before, own, after = detentions[:place], detentions[place], detentions[place + 1 :]
    first, last = period(body["detained_on"])
    began_on = _began_on(before, first, last)
    if any(day < began_on for day in own.released_on):
        raise invalid(FieldError("/detained_on", "Lies after a release event of this detention."))
    if after and began_on > after[0].began_on:
        raise invalid(FieldError("/detained_on", "Lies after the person's next detention."))
    return {**body, "began_on": began_on}


def _began_on(before: Sequence[Any], first: date, last: date) -> date:
    """The first day on which a detention can have begun: not before the one before it ended."""
    if not before:
        return first
    if last < before[-1].began_on:
        raise invalid(FieldError("/detained_on", "Lies before the person's previous detention."))
    ended = [day for day in before[-1].released_on if day <= last]
    if before[-1].released_on and not ended:
        raise invalid(FieldError("/detained_on", "Lies before the person's last release."))
    began_on: date = max([first, before[-1].began_on, *ended])
    return began_on


def check_detained_on(detained_on: str | None, now: datetime) -> None:
    try:
        first, _ = period(detained_on)
    except ValueError:
        raise invalid(FieldError("/detained_on", "There is no such day.")) from None
    if clock.is_day_ahead(first, now):
        raise invalid(FieldError("/detained_on", "Lies in the future."))


def enter_release_event(
    conn: queries.Connection, body: Body, id: UUID | None = None, *, restored: bool = False
) -> UUID:
    """A claim that a detention ended on a day; the person must be locked.

    One that is `restored`, as it stood elsewhere, may lie after the next detention: that one can
    have been told later.
    """
    detentions = queries.rows(conn, "detentions/list_for_detainee", detainee_id=body["detainee_id"])
    event = {**body}
    check_announcement(conn, body["announcement_id"])
    if body["detention_id"] is None:
        event["detention_id"] = detention_open_on(detentions, body["occurred_on"])
    else:
        event["detention_id"] = standing_for(conn, "detention", body["detention_id"])
    _check_occurred_on(conn, event, detentions, restored=restored)
    return inserted(conn, "release_events/insert", id=id, **event)


def check_announcement(conn: queries.Connection, id: UUID | None) -> None:
    if fault := announcement_fault(conn, id):
        raise invalid(fault)


def announcement_fault(conn: queries.Connection, id: UUID | None) -> FieldError | None:
    """What is wrong with a reference to an announcement, if anything is."""
    if id is None or [c.kind for c in queries.rows(conn, "claims/list_referenced", ids=[id])] == [
        "announced"
    ]:
        return None
    return FieldError("/announcement_id", "There is no such claim of kind announced.")


def detention_open_on(detentions: Sequence[Any], day: date) -> UUID:
    """The person's detention that was open on a day: the last that can have begun by then.

    A release told again after the person was retaken, on that day or nobody knows when, is the
    release that is recorded already, and not one from the new detention.
    """
    if not detentions:
        raise invalid(FieldError("/detainee_id", "This person has no detention: record it first."))
    told = [row for row in detentions if any(abs(day - r) <= SAME_CLAIM for r in row.released_on)]
    begun = told or [row for row in detentions if row.began_on <= day]
    if not begun:
        raise invalid(
            FieldError("/occurred_on", "No detention of this person was open on that day.")
        )
    return cast(UUID, begun[-1].id)


def check_moved_release_event(conn: queries.Connection, event: Body, id: UUID) -> None:
    """The day that an event is moved to must be one on which it could be entered."""
    detentions = queries.rows(
        conn, "detentions/list_for_detainee", detainee_id=event["detainee_id"]
    )
    _check_occurred_on(conn, event, detentions, id)


def _check_occurred_on(
    conn: queries.Connection,
    event: Body,
    detentions: Sequence[Any],
    id: UUID | None = None,
    *,
    restored: bool = False,
) -> None:
    near = queries.row(
        conn,
        "release_events/find_near",
        detainee_id=event["detainee_id"],
        detention_id=event["detention_id"],
        occurred_on=event["occurred_on"],
        but=id,
    )
    check_occurred_on(event, detentions, near and near.id, clock.now(conn), restored=restored)


def check_occurred_on(
    event: Body,
    detentions: Sequence[Any],
    near: UUID | None,
    now: datetime,
    *,
    restored: bool = False,
) -> None:
    """An event's day has come and lies within its detention, three days from any other event."""
    day = event["occurred_on"]
    if clock.is_day_ahead(day, now):
        raise invalid(FieldError("/occurred_on", "Lies in the future."))
    places = [i for i, row in enumerate(detentions) if row.id == event["detention_id"]]
    if not places:
        raise invalid(FieldError("/detention_id", "This person has no such detention."))
    if day < detentions[places[0]].began_on:
        raise invalid(FieldError("/occurred_on", "Lies before the detention began."))
    if near is not None:
        raise RequestError(
            "release-event-exists",
            "Another release event of this detention lies within three days: "
            f"/v1/release-events/{near}",
            release_event_id=near,
        )
    later = [] if restored else detentions[places[0] + 1 :]
    if any(period(row.detained_on)[1] < day for row in later):
        raise invalid(FieldError("/occurred_on", "Lies after the person's next detention began."))


def insert_many(
    conn: queries.Connection, query: str, rows: Sequence[Mapping[str, Any]]
) -> list[UUID]:
    """The ids of rows that a query inserts, one for each, without waiting in between."""
    ids = (
        [row.id for row in queries.rows(conn, "database/list_new_ids", many=len(rows))]
        if rows
        else []
    )
    queries.many(conn, query, [{**row, "id": id} for row, id in zip(rows, ids, strict=True)])
    return ids


def inserted(conn: queries.Connection, query: str, **row: Any) -> UUID:
    """The id of a row that a query inserts."""
    return cast(UUID, queries.row(conn, query, **row).id)
