"""Two records of one person become one, and can be two again.

What belongs to the one who is no more moves to the other. Detentions of the two that overlap are
one, and so are their release events within three days: then the words of sources move, and what is
no more stays where it was and says what it became. Each record that changes is kept as it was; what
is entered afterwards stays where it was entered, unless it rests on what goes back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from api.access import Caller
from api.contract import document
from api.database import ledger, queries
from api.errors import FieldError, RequestError, invalid, not_found
from api.matching import candidates
from api.records import detention_order, entries
from api.records.detention_order import SAME_CLAIM, OrderError, Spell
from api.verification import verdicts

Row = Mapping[str, Any]
"""A record as the ledger would have it: ids, days and moments as texts."""

# Where a record belongs; all other columns are what is said of it.
_PLACES = {"detainee_id", "detention_id", "release_event_id", "merged_into"}
_LISTS = ("aliases", "nationalities", "external_ids")
_RESOURCES = ("detainee", "detention", "release_event", "attestation")


@dataclass(slots=True)
class _Records:
    """Records by resource and id, and what is to be changed of each."""

    of: dict[str, dict[str, Row]] = field(
        default_factory=lambda: {resource: {} for resource in _RESOURCES}
    )
    changes: dict[str, dict[str, dict[str, Any]]] = field(
        default_factory=lambda: {resource: {} for resource in _RESOURCES}
    )

    def change(self, resource: str, id: str, **columns: Any) -> None:
        now = self.now(resource, id)
        changed = {name: value for name, value in columns.items() if now[name] != value}
        if changed:
            self.changes[resource].setdefault(id, {}).update(changed)

    def now(self, resource: str, id: str) -> Row:
        """A record as it is to be."""
        return {**self.of[resource][id], **self.changes[resource].get(id, {})}

    def belonging(self, resource: str, detainee: str) -> list[Row]:
        """The records of a person, as they are to be, in the order of their ids."""
        rows = (self.now(resource, id) for id in sorted(self.of[resource]))
        return [
            row for row in rows if row["detainee_id"] == detainee and row["merged_into"] is None
        ]

    def spells(self, detainee: str) -> list[Spell]:
        """A person's detentions in order, as they are to be."""
        ended: dict[str, list[date]] = {}
        for event in self.belonging("release_event", detainee):
            day = date.fromisoformat(event["occurred_on"])
            ended.setdefault(event["detention_id"], []).append(day)
        spells = [
            _spell(row, ended.get(row["id"], ())) for row in self.belonging("detention", detainee)
        ]
        return sorted(spells, key=lambda spell: spell.place)


def merge(conn: queries.Connection, caller: Caller, id: UUID, into: UUID) -> UUID:
    """Makes the person `id` one with the person `into`, and gives the id of the merge."""
    if id == into:
        raise invalid(FieldError("/into", "A person is not merged into themselves."))
    queries.run(conn, "affiliations/lock_shared")
    lock_people(conn, id, into, "/into")
    for judged in queries.rows(conn, "merges/list_distinctions_between", ids=[id, into]):
        raise RequestError(
            "conflict",
            f"By the judgement /v1/distinctions/{judged.distinction_id} they are two people. "
            "Withdraw it first.",
        )
    records = _records(conn, id, into)
    gone, kept = str(id), str(into)
    _merge_people(records, gone, kept)
    events = _merge_detentions(records, gone, kept)
    _move_words(conn, records, events)

    moves = [
        {
            "resource": resource,
            "id": of,
            "before": {name: records.of[resource][of][name] for name in changed},
            "after": changed,
        }
        for resource, changes in records.changes.items()
        for of, changed in changes.items()
    ]
    created = entries.inserted(conn, "merges/insert", detainee_id=id, into_id=into)
    queries.run(conn, "merges/insert_changes", merge_id=created, rows=Jsonb(moves))
    change = ledger.Change("merge", created, "created")
    _apply(conn, caller, change, records, [id, into], [*events, *events.values()])
    return created


def undo(conn: queries.Connection, caller: Caller, id: UUID) -> None:
    """Makes the two people of a merge two again."""
    queries.run(conn, "affiliations/lock_shared")
    found = queries.row(conn, "merges/get", id=id)
    if found is None:
        raise not_found("merge")
    people = [found.detainee_id, found.into_id]
    queries.run(conn, "detainees/lock_pair", ids=people)
    # What was recorded while the lock was waited for counts.
    found = queries.row(conn, "merges/get", id=id)
    if found.undone_at is not None:
        raise RequestError("conflict", "This merge was undone before.")
    if found.into_merged_into is not None:
        last = queries.row(conn, "merges/get_for_detainee", detainee_id=found.into_id)
        raise _undo_first(last.id, "the person was merged into another one")
    if found.last_id != id:
        raise _undo_first(found.last_id, "another record was merged into this person")
    records = _records(conn, *people)
    moves = queries.rows(conn, "merges/list_changes", merge_id=id)
    gone, kept = (str(person) for person in people)
    order = records.spells(kept)
    for move in moves:
        records.of[move.resource][str(move.id)] = move.entry
        if move.resource != "attestation":
            records.change(move.resource, str(move.id), **_restored(move))
    # An event that was entered on a detention that goes back ends that one.
    for event in records.belonging("release_event", kept):
        owner = records.now("detention", event["detention_id"])["detainee_id"]
        records.change("release_event", event["id"], detainee_id=owner)
    if queries.row(conn, "merges/exist_later_changes", merge_id=id).changed:
        _hide_both(records, gone, kept)
    _part(records, gone, [])
    _part(records, kept, order)
    events = {
        str(move.id): move.after["merged_into"]
        for move in moves
        if move.resource == "release_event" and "merged_into" in move.after
    }
    homes = {
        str(move.id): move.before["release_event_id"]
        for move in moves
        if move.resource == "attestation"
    }
    across = _return_words(conn, records, events, homes)
    queries.run(conn, "merges/undo", id=id)
    change = ledger.Change("merge", id, "undone")
    _apply(conn, caller, change, records, people, [*events, *events.values()], across)


def lock_people(conn: queries.Connection, id: UUID, other: UUID, pointer: str) -> None:
    """Locks two people who are there and were not merged; `other` is named at `pointer`."""
    found = {row.id: row for row in queries.rows(conn, "detainees/lock_pair", ids=[id, other])}
    if id not in found:
        raise not_found("detainee")
    if other not in found:
        raise invalid(FieldError(pointer, "There is no detainee with this id."))
    for row in found.values():
        if row.merged_into is not None:
            now = entries.standing_for(conn, "detainee", row.id)
            raise RequestError(
                "conflict",
                f"The person {row.id} was merged into /v1/detainees/{now} since: judge that one.",
            )


def _undo_first(id: UUID, why: str) -> RequestError:
    return RequestError("conflict", f"By the merge /v1/merges/{id} {why} since. Undo it first.")


def _records(conn: queries.Connection, *detainees: UUID) -> _Records:
    records = _Records()
    for row in queries.rows(conn, "merges/list_records", detainee_ids=list(detainees)):
        records.of[row.resource][str(row.id)] = row.entry
    return records


def _merge_people(records: _Records, gone: str, kept: str) -> None:
    """The one who stays keeps what is known of them, gets what was not, and is hidden if either
    was; every name of the other is an alias."""
    own, other = records.of["detainee"][kept], records.of["detainee"][gone]
    changed: dict[str, Any] = {
        name: other[name]
        for name in ("sex", "birth_date", "occupation")
        if own[name] is None and other[name] is not None
    }
    if "minor" in (own["age_group"], other["age_group"]):
        changed["age_group"] = "minor"
    elif own["age_group"] == "unknown":
        changed["age_group"] = other["age_group"]
    changed["withheld"] = own["withheld"] or other["withheld"]
    limits = document.load().schema("Detainee")["properties"]
    for name in _LISTS:
        more = [other["name"], *other[name]] if name == "aliases" else other[name]
        known = [own["name"], *own[name]] if name == "aliases" else own[name]
        changed[name] = [*own[name], *(item for item in _each_once(more) if item not in known)]
        if len(changed[name]) > limits[name]["maxItems"]:
            raise RequestError(
                "conflict",
                f"Together they would have more than {limits[name]['maxItems']} {name}: take some "
                "away first.",
            )
    records.change("detainee", kept, **changed)
    records.change("detainee", gone, merged_into=kept)


def _each_once(items: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    found += (item for item in items if item not in found)
    return found


def _merge_detentions(records: _Records, gone: str, kept: str) -> dict[str, str]:
    """Puts the detentions and the release events of both together, in order. Gives which event each
    that is no more became."""
    pairs = detention_order.paired(records.spells(gone), records.spells(kept))
    became = {str(a.id): str(b.id) for a, b in pairs if a is not None and b is not None}
    for other, own in pairs:
        if other is not None and own is None:
            records.change("detention", str(other.id), detainee_id=kept)
        elif other is not None and own is not None:
            _merge_detention(records, str(other.id), str(own.id))
    events: dict[str, str] = {}
    for event in records.belonging("release_event", gone):
        detention = str(event["detention_id"])
        detention = became.get(detention, detention)
        same = _same_claim(event, detention, records.belonging("release_event", kept))
        if same is None:
            place = {"detainee_id": kept, "detention_id": detention}
            records.change("release_event", event["id"], **place)
        else:
            events[event["id"]] = same["id"]
            records.change("release_event", event["id"], merged_into=same["id"])
            more = {n: event[n] for n in ("place", "announcement_id") if same[n] is None}
            records.change("release_event", same["id"], **more)
    spells = {spell.id: spell for spell in records.spells(kept)}
    _arrange(records, [spells[one.id] for pair in pairs if (one := pair[1] or pair[0])])
    return events


def _merge_detention(records: _Records, gone: str, kept: str) -> None:
    """The detention that stays gets what only the record of the other knows."""
    own, other = records.of["detention"][kept], records.of["detention"][gone]
    changed = {name: other[name] for name in ("authority", "charges") if own[name] is None}
    if own["facility_id"] is None and other["facility_id"] is not None:
        changed |= {name: other[name] for name in ("facility_id", "whereabouts")}
    # The day, where the month was known; or the month, where the year was.
    if (other["detained_on"] or "").startswith(own["detained_on"] or ""):
        changed["detained_on"] = other["detained_on"]
    records.change("detention", kept, **changed)
    records.change("detention", gone, merged_into=kept)


def _same_claim(event: Row, detention: str, others: Sequence[Row]) -> Row | None:
    """The event of this detention that is the same claim, the nearest of several."""
    day = date.fromisoformat(event["occurred_on"])
    near = [
        (abs(date.fromisoformat(other["occurred_on"]) - day), other["occurred_on"], other["id"])
        for other in others
        if other["detention_id"] == detention
    ]
    apart, _, id = min(near, default=(SAME_CLAIM * 2, "", ""))
    return next((o for o in others if o["id"] == id), None) if apart <= SAME_CLAIM else None


def _arrange(records: _Records, spells: Sequence[Spell]) -> None:
    """Gives detentions the days on which they can have begun in this order."""
    try:
        placed = detention_order.arranged(spells)
    except OrderError as error:
        raise RequestError(
            "conflict",
            f"The detentions cannot be put in order: {error}. Correct the days of one of them "
            "first.",
        ) from None
    for spell in placed:
        records.change("detention", str(spell.id), began_on=spell.began_on.isoformat())


def _part(records: _Records, person: str, before: Sequence[Spell]) -> None:
    """Holds a person's detentions to the order that they had, where their own days do not."""
    order = {spell.id: place for place, spell in enumerate(before)}
    spells = sorted(records.spells(person), key=lambda spell: order.get(spell.id, -1))
    try:
        detention_order.check_order(spells)
    except OrderError:
        _arrange(records, spells)


def _hide_both(records: _Records, gone: str, kept: str) -> None:
    """Who is hidden as one stays hidden as both, since something was entered meanwhile: nothing
    tells of which of the two it was, and it may name the one who was hidden before."""
    if _is_hidden(records.of["detainee"][kept]):
        for person in (gone, kept):
            if not _is_hidden(records.now("detainee", person)):
                records.change("detainee", person, withheld=True)


def _is_hidden(detainee: Row) -> bool:
    return bool(detainee["age_group"] == "minor" or detainee["withheld"])


def _restored(move: Any) -> dict[str, Any]:
    """What a merge changed of a record as it was before, but what was changed again since."""
    restored = {}
    for name, before in move.before.items():
        now, after = move.entry[name], move.after[name]
        if isinstance(before, list):
            restored[name] = [item for item in now if item in before or item not in after]
        elif now == after:
            restored[name] = before
    return restored


def _move_words(conn: queries.Connection, records: _Records, events: Mapping[str, str]) -> None:
    """All that was said of an event is said of the one that it became."""
    for word in _words(conn, records, list(events)):
        event = events[str(word.release_event_id)]
        records.change("attestation", str(word.id), release_event_id=event)


def _return_words(
    conn: queries.Connection, records: _Records, events: Mapping[str, str], homes: Mapping[str, str]
) -> list[UUID]:
    """Words go back to the events of which they were said, with those that pass them on. Gives the
    voided ones that pass on words of two events.

    `homes` has the event of each word that the merge moved.
    """
    across: list[UUID] = []
    home = dict(homes)
    for word in _words(conn, records, list(events.values())):
        id, event = str(word.id), str(word.release_event_id)
        passed_on = {home[str(of)] for of in word.relayed if str(of) in home}
        if id not in home:
            home[id] = passed_on.pop() if len(passed_on) == 1 else event
            if passed_on and not word.voided:
                raise RequestError(
                    "conflict",
                    f"The attestation {id}, entered since, passes on words of both records. Void "
                    "it first, and enter it again for each of them.",
                )
            across += [word.id] if passed_on else []
        records.change("attestation", id, release_event_id=home[id])
    return across


def _words(conn: queries.Connection, records: _Records, events: Sequence[str]) -> list[Any]:
    ids = [UUID(event) for event in events]
    words = queries.rows(conn, "merges/list_attestations", release_event_ids=ids)
    for word in words:
        records.of["attestation"][str(word.id)] = {"release_event_id": str(word.release_event_id)}
    return words


def _apply(
    conn: queries.Connection,
    caller: Caller,
    change: ledger.Change,
    records: _Records,
    people: Sequence[UUID],
    events: Sequence[str],
    across: Sequence[UUID] = (),
) -> None:
    """Writes what is to be changed, and verifies and counts again what that concerns."""
    for person in people:
        # Who belongs to somebody else now is told under that name.
        records.changes["detainee"].setdefault(str(person), {})
    ids = sorted({UUID(event) for event in events})
    rows: list[dict[str, Any]] = [
        {"resource": resource, "id": id, "changes": changed}
        for resource, changes in records.changes.items()
        for id, changed in changes.items()
    ]
    queries.run(conn, "merges/update_records", rows=Jsonb(rows), across=list(across))
    queries.run(conn, "verification/update_leads", release_event_ids=ids)
    for person in people:
        row = records.now("detainee", str(person))
        is_found = row["merged_into"] is None
        candidates.index_person(conn, person, [row["name"], *row["aliases"]] if is_found else [])
    changes = [change]
    for row in rows:
        is_moved = not _PLACES.isdisjoint(row["changes"])
        changes.append(
            ledger.Change(row["resource"], UUID(row["id"]), "moved" if is_moved else "updated")
        )
    verdicts.record(conn, caller, changes, events=ids, detainees=people, recount=True)


def _spell(detention: Row, released_on: Iterable[date]) -> Spell:
    return Spell(
        UUID(detention["id"]),
        detention["detained_on"],
        date.fromisoformat(detention["began_on"]),
        datetime.fromisoformat(detention["created_at"]),
        tuple(sorted(released_on)),
    )
