"""Cases: entered in one transaction or not at all.

A case names its entries by keys of its own. Each gets an id made from the case's name and its key
(RFC 9562, version 5), so that a second load finds what the first one entered and changes nothing.
"""

import os
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any, NamedTuple
from uuid import UUID, uuid5

from marshmallow import Schema, ValidationError

from api import clock, entries, queries, schemas, spec, statements, verify
from api.casefile import (
    FAULTY,
    LISTS,
    STORED,
    UNREAD,
    CaseError,
    CaseFile,
    Object,
    below,
)
from api.errors import Fault, Refusal
from api.ledger import Change

__all__ = ["CaseError", "load"]

_NAMESPACE = UUID("6f0c6f5e-6c0b-5a53-9d0e-2d3c8a1f7b10")
_BLOCK = 1000
_PROGRESS = 10_000
# From so many new entries on, the planner's statistics are of another store.
_MANY = 1000
_ANALYZE = (
    "ANALYZE attestations, relays, affiliations, release_events, detentions, detainees, "
    "verdicts, not_counted, standings"
)
# So many bytes of entries that wait for others are kept in memory, more in a file.
_WAITING = 1 << 16
# Each list's resource, and that of the detentions which stand within detainees.
_RESOURCES: Mapping[str, Any] = {
    "sources": "source",
    "affiliations": "affiliation",
    "facilities": "facility",
    "claims": "claim",
    "detainees": "detainee",
    "release_events": "release_event",
    "attestations": "attestation",
    "detentions": "detention",
}
# A case's names of fields -> the contract's, and the list that a field's value is a key of.
_FIELDS: Mapping[str, tuple[str, str | None]] = {
    "source": ("source_id", "sources"),
    "vouched_by": ("vouched_by", "sources"),
    "with": ("with_source_id", "sources"),
    "from": ("valid_from", None),
    "until": ("valid_until", None),
    "facility": ("facility_id", "facilities"),
    "detainee": ("detainee_id", "detainees"),
    "release_event": ("release_event_id", "release_events"),
    "attestation": ("attestation_id", "attestations"),
    "announcement": ("announcement_id", "claims"),
    "claim": ("claim_id", "claims"),
}
_CASE_NAMES = {name: case_name for case_name, (name, _) in _FIELDS.items() if name != case_name}


def load(
    conn: queries.Connection, file: Path, say: Callable[[str], Any], *, dry_run: bool = False
) -> Mapping[str, int]:
    """Enters a case, and gives how many entries of each list were new.

    An entry that was loaded before stays as it is. `say` is told of progress and of what is passed
    over. Raises CaseError, and changes nothing, if anything in the file is wrong.
    """
    case_file = CaseFile(file)
    with conn.transaction(force_rollback=dry_run), SpooledTemporaryFile(_WAITING) as waiting:
        return _Load(conn, case_file, say, waiting).run()


class _Event(NamedTuple):
    """An event that is locked, and the time that counts for what is said of it."""

    id: UUID
    now: datetime


class _Entry(NamedTuple):
    """An entry without faults of its own, as the contract takes it."""

    name: str
    key: str | None
    place: str
    id: UUID
    body: Mapping[str, Any]
    # The list and the key of each entry that it names.
    references: Sequence[tuple[str, str]]


class _Load:
    def __init__(
        self,
        conn: queries.Connection,
        file: CaseFile,
        say: Callable[[str], Any],
        waiting: IO[bytes],
    ) -> None:
        self._conn = conn
        self._file = file
        self._say = say
        self._began = clock.now(conn)
        # Ids as their 16 bytes: there may be very many.
        self._new = {name: bytearray() for name in _RESOURCES}
        # The person of each event that is to be verified; both are locked.
        self._people: dict[bytes, bytes] = {}
        # Entries that refer to one of their list which stands further on: by its key, where they
        # stand in a file of their own.
        self._waiting: dict[str, list[int]] = {}
        self._waiting_file = waiting
        self._schemas = {name: _schema(name) for name in LISTS}

    def run(self) -> Mapping[str, int]:
        queries.run(self._conn, "lock_affiliations_to_change")
        for name in LISTS:
            self._enter_list(name)
        for origin in list(self._waiting):
            for entry in self._taken_up(origin):
                field = "relays" if entry.body.get("relays") else "announcement"
                self._file.fault(f"{entry.place}/{field}", "Refers to itself, by way of others.")
        self._file.stop_if_faulty()
        self._record()
        return {name: len(ids) // 16 for name, ids in self._new.items()}

    def _enter_list(self, name: str) -> None:
        numbered, done, total = self._file.entries(name), 0, self._file.totals[name]
        while block := list(islice(numbered, _BLOCK)):
            ids = [self._id(name, entry) for _, entry in block]
            known = {
                row.resource_id for row in queries.rows(self._conn, "read_known_resources", ids=ids)
            }
            for (number, entry), id in zip(block, ids, strict=True):
                if id in known:
                    state = STORED
                elif checked := self._checked(name, f"/{name}/{number}", id, entry):
                    state = self._entered(checked)
                else:
                    state = FAULTY
                self._settle(name, entry.get("key"), state)
            before, done = done, block[-1][0] + 1
            if done // _PROGRESS > before // _PROGRESS or done == total > _PROGRESS:
                self._say(f"{name.replace('_', ' ')}: {done:,} of {total:,}")

    def _id(self, name: str, entry: Mapping[str, Any]) -> UUID:
        """The same id for the same entry of the same case, whenever it is loaded."""
        # An affiliation needs no key: it is what it ties, how, and since when.
        tie = [str(entry.get(name)) for name in ("source", "with", "relation", "from")]
        what = entry.get("key") or tie
        return uuid5(_NAMESPACE, f"{self._file.case}\n{name}\n{what}")

    def _checked(self, name: str, place: str, id: UUID, entry: Object) -> _Entry | None:
        """An entry as the contract takes it, or None if it has faults."""
        before = len(self._file.faults)
        if name != "affiliations" and not isinstance(entry.get("key"), str):
            self._file.fault(f"{place}/key", "Must be given: a string.")
        references: list[tuple[str, str]] = []
        fields = self._translated(place, entry, references)
        key = fields.pop("key", None)
        body = {}
        try:
            body = self._schemas[name].load(fields)
        except ValidationError as error:
            self._fault(place, schemas.faults(error))
        if len(self._file.faults) > before:
            return None
        return _Entry(name, key, place, id, body, references)

    def _translated(self, place: str, value: Any, references: list[tuple[str, str]]) -> Any:
        """Fields by the contract's names, and keys as the ids of what they name."""
        if isinstance(value, list):
            return [
                self._translated(f"{place}/{i}", item, references) for i, item in enumerate(value)
            ]
        if not isinstance(value, Object):
            return value
        if value.twice is not None:
            self._file.fault(below(place, value.twice), "Stands twice.")
        translated = {}
        for name, part in value.items():
            at = below(place, name)
            contract_name, of = _FIELDS.get(name, (name, None))
            if name in _CASE_NAMES:
                self._file.fault(at, f"Is {_CASE_NAMES[name]} in a case.")
            elif of is None or part is None:
                translated[contract_name] = self._translated(at, part, references)
            elif isinstance(part, str) and part in self._file.keys[of]:
                references.append((of, part))
                translated[contract_name] = str(self._id(of, {"key": part}))
            else:
                self._file.fault(at, f"None of the {of.replace('_', ' ')} has this key.")
                translated[contract_name] = part
        return translated

    def _fault(self, place: str, faults: Sequence[Fault]) -> None:
        """Tells faults that were found by the contract's names."""
        for fault in faults:
            steps = (_CASE_NAMES.get(step, step) for step in fault.pointer.split("/"))
            self._file.fault(place + "/".join(steps), fault.detail)

    def _settle(self, name: str, key: Any, state: int) -> None:
        """Notes what became of an entry; those that waited for it have their turn."""
        settled = [(key, state)]
        while settled:
            key, state = settled.pop()
            if not isinstance(key, str) or state == UNREAD:
                continue
            self._file.keys[name][key] = state
            for waiting in self._taken_up(key):
                settled.append((waiting.key, self._entered(waiting)))

    def _entered(self, entry: _Entry) -> int:
        """What becomes of an entry: it waits while one of its own list that it names is unread."""
        states = {
            (name, self._file.keys[name][key]): key for name, key in reversed(entry.references)
        }
        origin = states.pop((entry.name, UNREAD), None)
        if any(state != STORED for _, state in states):
            return FAULTY  # the other's own faults are told
        if origin is not None:
            self._put_aside(entry, origin)
            return UNREAD
        try:
            self._insert(entry)
        except Refusal as refusal:
            self._fault(entry.place, refusal.faults or [Fault("", self._told(refusal))])
            return FAULTY
        self._new[entry.name] += entry.id.bytes
        return STORED

    def _told(self, refusal: Refusal) -> str:
        """What a refusal says, with a key of the case for an id that nobody outside knows."""
        for key in self._file.keys["release_events"] if refusal.release_event_id else ():
            if self._id("release_events", {"key": key}) == refusal.release_event_id:
                return f"The release event {key!r} of this detention lies within three days."
        return refusal.detail

    def _put_aside(self, entry: _Entry, origin: str) -> None:
        self._waiting.setdefault(origin, []).append(self._waiting_file.seek(0, os.SEEK_END))
        pickle.dump(entry, self._waiting_file)

    def _taken_up(self, origin: str) -> Iterator[_Entry]:
        """Those that waited for this one, in their order: of two words the later one counts."""
        for at in self._waiting.pop(origin, ()):
            self._waiting_file.seek(at)
            yield pickle.load(self._waiting_file)  # noqa: S301 - no one else can write to it

    def _insert(self, entry: _Entry) -> None:
        conn, id, body = self._conn, entry.id, dict(entry.body)
        if entry.name == "sources":
            entries.enter_source(conn, body, id)
        elif entry.name == "affiliations":
            if queries.one(conn, "read_affiliation", id=id):
                raise Refusal("conflict", "Stands twice.")
            source_id = body.pop("source_id")
            entries.enter_affiliation(conn, source_id, body, id)
            for person, events in verify.touched(conn, entry.body).items():
                self._people |= {event.bytes: person.bytes for event in events}
        elif entry.name == "facilities":
            entries.enter_facility(conn, body, id)
        elif entry.name == "claims":
            statements.enter_claim(conn, body, id)
        elif entry.name == "detainees":
            held = body.pop("detention")
            entries.enter_detainee(conn, body, id)
            if held is not None:
                detention = entries.enter_detention(conn, id, held, uuid5(id, "detention"))
                self._new["detentions"] += detention.bytes
        elif entry.name == "release_events":
            queries.run(conn, "lock_detainee", id=body["detainee_id"])
            entries.enter_release_event(conn, body, id)
        elif entry.name == "attestations":
            event = body["release_event_id"]
            if event.bytes not in self._people:
                locked = queries.one(conn, "lock_release_event", id=event)
                self._people[event.bytes] = locked.detainee_id.bytes
            statements.enter_attestation(conn, _Event(event, self._began), body, id)

    def _record(self) -> None:
        """Enters all that is new in the ledger, and verifies every event that it concerns."""
        self._file.keys.clear()
        for name, ids in self._new.items():
            for block in _blocks(ids):
                changes = [Change(_RESOURCES[name], id, "created") for id in block]
                verify.record(self._conn, None, changes)
        # All events of a person at once: what is recorded at one moment does not change again.
        by_person = sorted(self._people.items(), key=itemgetter(1))
        people = ((UUID(bytes=p), list(own)) for p, own in groupby(by_person, key=itemgetter(1)))
        done, total = 0, len(set(self._people.values()))
        are_many = sum(map(len, self._new.values())) > _MANY * 16
        while some := list(islice(people, _BLOCK)):
            # Planned for the few rows that were there before, queries would read all for each
            # event: once for what was entered, and once when there are verdicts.
            if are_many and done <= _BLOCK:
                self._conn.execute(_ANALYZE)
            verify.record(
                self._conn,
                None,
                [],
                events=[UUID(bytes=event) for _, own in some for event, _ in own],
                detainees=[person for person, _ in some],
            )
            done += len(some)
            if total > _BLOCK:
                self._say(f"verified: {done:,} of {total:,} people")


def _schema(name: str) -> Schema:
    """What an entry must meet: a new resource, what its path would say, and what came since."""
    contract = spec.load()
    resource = _RESOURCES[name].title().replace("_", "")
    schema, whole = contract.schema(f"{resource}Create"), contract.schema(resource)["properties"]
    properties, required = dict(schema["properties"]), list(schema.get("required", ()))
    if name == "affiliations":
        properties["source_id"] = whole["source_id"]
        required.append("source_id")
    elif name == "detainees":
        properties["detention"] = {**contract.schema("DetentionCreate"), "type": ["object", "null"]}
    elif name in {"attestations", "claims"}:
        properties |= {field: whole[field] for field in ("retracted_at", "retraction_note")}
    return schemas.body_schema({**schema, "properties": properties, "required": required})


def _blocks(ids: bytearray) -> Iterator[Sequence[UUID]]:
    each = (UUID(bytes=bytes(ids[start : start + 16])) for start in range(0, len(ids), 16))
    while block := list(islice(each, _BLOCK)):
        yield block
