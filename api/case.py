"""Case files: read without holding them in memory, entered in one transaction or not at all.

A case names its entries by keys of its own. Each gets an id made from the case's name and its key
(RFC 9562, version 5), so that a second load finds what the first one entered and changes nothing.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from uuid import UUID, uuid5

import ijson
from marshmallow import Schema, ValidationError

from api import clock, entries, queries, schemas, spec, verify
from api.errors import Fault, Refusal
from api.ledger import Change

_NAMESPACE = UUID("6f0c6f5e-6c0b-5a53-9d0e-2d3c8a1f7b10")
_BLOCK = 1000
_PROGRESS = 10_000
# From so many new entries on, the planner's statistics are of another store.
_MANY = 1000
_ANALYZE = (
    "ANALYZE attestations, relays, affiliations, release_events, detentions, detainees, "
    "verdicts, not_counted, standings"
)
# Deeper than anything that a case can say; the parser would hold a name for each level.
_DEEPEST = 20
# An escape, or a pair of them; in the group, one that is half a character without its other half.
_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]|(u[dD][89a-fA-F])|.)", re.DOTALL)
_LONGEST_ESCAPE = 12
_HEAD = {"case", "title", "note", "expected"}
# Each list's resource and the schema that its entries meet, in the order in which they refer to
# one another.
_LISTS: Mapping[str, tuple[Any, str]] = {
    "sources": ("source", "SourceCreate"),
    "affiliations": ("affiliation", "AffiliationCreate"),
    "facilities": ("facility", "FacilityCreate"),
    "detainees": ("detainee", "DetaineeCreate"),
    "release_events": ("release_event", "ReleaseEventCreate"),
    "attestations": ("attestation", "AttestationCreate"),
}
# Until the service keeps claims, these are passed over.
_CLAIMS = "claims"
_ANNOUNCEMENT = "announcement"
# A case's names of fields -> the contract's, and the list that a field's value is a key of.
_FIELDS: Mapping[str, tuple[str, str | None]] = {
    "source": ("source_id", "sources"),
    "with": ("with_source_id", "sources"),
    "from": ("valid_from", None),
    "until": ("valid_until", None),
    "facility": ("facility_id", "facilities"),
    "detainee": ("detainee_id", "detainees"),
    "release_event": ("release_event_id", "release_events"),
    "attestation": ("attestation_id", "attestations"),
}
_CASE_NAMES = {name: case_name for case_name, (name, _) in _FIELDS.items()}


class CaseError(Exception):
    """A case that is not loaded: every fault, with its place in the file."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(f"{len(faults)} fault{'s' if len(faults) > 1 else ''}")
        self.faults = faults


def load(
    conn: queries.Connection, file: Path, say: Callable[[str], Any], *, dry_run: bool = False
) -> Mapping[str, int]:
    """Enters a case, and gives how many entries of each list were new.

    An entry that was loaded before stays as it is. `say` is told of progress and of what is passed
    over. Raises CaseError, and changes nothing, if anything in the file is wrong.
    """
    with conn.transaction(force_rollback=dry_run):
        return _Load(conn, file, say).run()


class _Object(dict[str, Any]):
    """A JSON object that remembers a name which stands twice."""

    twice: str | None = None

    def __setitem__(self, name: str, value: Any) -> None:
        if name in self:
            self.twice = name
        super().__setitem__(name, value)


class _Event(NamedTuple):
    """An event that is locked, and the time that counts for what is said of it."""

    id: UUID
    now: datetime


class _Load:
    def __init__(self, conn: queries.Connection, file: Path, say: Callable[[str], Any]) -> None:
        self._conn = conn
        self._file = file
        self._say = say
        self._began = clock.now(conn)
        self._case = ""
        # What is said of each place, once.
        self._faults: dict[str, str] = {}
        # The places of the file's top-level names, numbered in its order.
        self._tops: dict[str, int] = {}
        # Of each key of a list, whether its entry is in the store; None until it was read.
        self._keys: dict[str, dict[str, bool | None]] = {name: {} for name in _LISTS}
        self._totals: Counter[str] = Counter()
        # Ids as their 16 bytes: there may be very many.
        self._new: dict[str, bytearray] = {name: bytearray() for name in (*_LISTS, "detentions")}
        # The person of each event that is to be verified; both are locked.
        self._people: dict[bytes, bytes] = {}
        # Attestations whose turn comes when the one that they relay, by its key, has been entered.
        self._waiting: dict[str, list[tuple[str, _Object]]] = {}
        self._schemas = {name: _schema(schema) for name, (_, schema) in _LISTS.items()}
        self._schemas["detentions"] = _schema("DetentionCreate")

    def run(self) -> Mapping[str, int]:
        try:
            keys_twice = self._read_outline()
            self._stop_if_faulty()
            for place in keys_twice:
                self._fault(place, "An entry before has this key.")
            queries.run(self._conn, "lock_affiliations_to_change")
            for name in _LISTS:
                self._enter_list(name)
        except ijson.JSONError as error:
            self._fault("", f"The file is not JSON: {_first_line(error)}")
        self._stop_if_faulty()
        self._record()
        return {name: len(ids) // 16 for name, ids in self._new.items()}

    def _stop_if_faulty(self) -> None:
        if self._faults:
            places = sorted(self._faults, key=self._in_order_of_the_file)
            raise CaseError([Fault(place, self._faults[place]) for place in places])

    def _in_order_of_the_file(self, place: str) -> tuple[int, int]:
        _, top, entry, *_ = f"{place}//".split("/")
        return self._tops.get(f"/{top}", -1), int(entry) if entry else -1

    def _fault(self, place: str, detail: str) -> None:
        self._faults.setdefault(place, detail)

    def _read_outline(self) -> Sequence[str]:
        """Reads the case's name and every key, and refuses what is not a case.

        Gives the places of keys that stand twice.
        """
        keys_twice = []
        top, field = "", ""
        with self._file.open("rb") as stream:
            if line := _line_of_half_a_character(stream):
                self._fault("", f"Line {line} holds half of a surrogate pair, which is no text.")
                return []
            stream.seek(0)
            for depth, event, value in _events(stream):
                if depth == 0 and event != "start_map":
                    self._fault("", "Must be an object.")
                    return []
                if depth > _DEEPEST:
                    self._fault("", f"Is nested more than {_DEEPEST} deep.")
                    return []
                if depth == 1 and event == "map_key":
                    top = value
                    self._read_top(top)
                elif depth == 1:
                    if top in {*_LISTS, _CLAIMS} and event != "start_array":
                        self._fault(f"/{top}", "Must be an array.")
                    elif top == "case" and event == "string":
                        self._case = value
                elif depth == 2:
                    self._totals[top] += 1
                    field = ""
                elif depth == 3 and event == "map_key":
                    field = value
                elif depth == 3 and field == "key" and event == "string" and top in _LISTS:
                    if value in self._keys[top]:
                        keys_twice.append(f"/{top}/{self._totals[top] - 1}/key")
                    self._keys[top][value] = None
                elif depth == 3 and field == _ANNOUNCEMENT and event != "null":
                    self._totals[_ANNOUNCEMENT] += top == "release_events"
        if not self._case:
            self._fault("/case", "Must be given: the name of the case.")
        claims, references = self._totals[_CLAIMS], self._totals[_ANNOUNCEMENT]
        if claims or references:
            self._say(
                f"Passed over: {claims:,} claims and {references:,} references to announcements; "
                "this version does not keep claims yet."
            )
        return keys_twice

    def _read_top(self, name: str) -> None:
        place = _below("", name)
        if name not in {*_LISTS, *_HEAD, _CLAIMS}:
            self._fault(place, "There is no such list in a case.")
        if place in self._tops:
            self._fault(place, "Stands twice.")
        self._tops.setdefault(place, len(self._tops))

    def _enter_list(self, name: str) -> None:
        with self._file.open("rb") as stream:
            items = ijson.items(stream, f"{name}.item", map_type=_Object, use_float=True)
            places = ((f"/{name}/{i}", item) for i, item in enumerate(items))
            done = 0
            while block := list(islice(places, _BLOCK)):
                ids = [self._id(name, item) for _, item in block]
                known = {
                    row.resource_id
                    for row in queries.rows(self._conn, "read_known_resources", ids=ids)
                }
                for (place, item), id in zip(block, ids, strict=True):
                    if id in known:
                        self._mark(name, item, True)
                    else:
                        self._enter(name, place, item)
                done += len(block)
                if done % _PROGRESS == 0 or (done == self._totals[name] and done > _PROGRESS):
                    self._say(f"{name.replace('_', ' ')}: {done:,} of {self._totals[name]:,}")
        for key, waiting in self._waiting.items():
            for place, _ in waiting:
                if self._keys["attestations"][key] is None:
                    self._fault(f"{place}/relays", "Relays itself, by way of others.")

    def _id(self, name: str, entry: Any) -> UUID:
        """The same id for the same entry of the same case, whenever it is loaded."""
        fields = entry if isinstance(entry, dict) else {}
        # An affiliation needs no key: it is what it ties, how, and since when.
        tie = [str(fields.get(name)) for name in ("source", "with", "relation", "from")]
        what = fields.get("key") or tie
        return uuid5(_NAMESPACE, f"{self._case}\n{name}\n{what}")

    def _mark(self, name: str, entry: Any, stored: bool) -> None:
        """Notes an entry as in the store or not; those that waited for it have their turn."""
        settled = [(entry, stored)]
        while settled:
            entry, stored = settled.pop()
            key = entry.get("key")
            if not isinstance(key, str):
                continue
            self._keys[name][key] = stored
            for place, waiting in self._waiting.pop(key, ()) if name == "attestations" else ():
                if origin := self._unread_origin(waiting):
                    self._waiting.setdefault(origin, []).append((place, waiting))
                else:
                    settled.append((waiting, self._try(name, place, waiting)))

    def _enter(self, name: str, place: str, entry: Any) -> None:
        if not isinstance(entry, _Object):
            self._fault(place, "Must be an object.")
        elif f"{place}/key" in self._faults:
            return  # its key is another's
        elif name == "attestations" and (origin := self._unread_origin(entry)):
            self._waiting.setdefault(origin, []).append((place, entry))
        else:
            self._mark(name, entry, self._try(name, place, entry))

    def _unread_origin(self, entry: Mapping[str, Any]) -> str | None:
        """The key of an attestation that this one relays and that stands further on."""
        keys = self._keys["attestations"]
        relays = entry.get("relays")
        for relay in relays if isinstance(relays, list) else ():
            origin = relay.get("attestation") if isinstance(relay, dict) else None
            if isinstance(origin, str) and keys.get(origin, True) is None:
                return origin
        return None

    def _try(self, name: str, place: str, entry: _Object) -> bool:
        """Enters an entry unless it has faults, or refers to one that has."""
        before = len(self._faults)
        if name != "affiliations" and not isinstance(entry.get("key"), str):
            self._fault(f"{place}/key", "Must be given: a string.")
        fields = self._translated(place, entry)
        fields.pop("key", None)
        fields.pop(_ANNOUNCEMENT, None) if name == "release_events" else None
        detention = fields.pop("detention", None) if name == "detainees" else None
        # An affiliation's source stands in the path of the contract, not in the body.
        source_id = fields.pop("source_id", None) if name == "affiliations" else None
        body = self._loaded(name, place, fields)
        held = None
        if detention is not None:
            held = self._loaded("detentions", f"{place}/detention", detention)
        if name == "affiliations" and source_id is None and len(self._faults) == before:
            self._fault(f"{place}/source", "Must be given.")
        if body is None or len(self._faults) > before or self._refers_to_faulty(entry):
            return False
        id = self._id(name, entry)
        try:
            # What refuses an entry by its meaning must leave the transaction fit for the next.
            self._insert(name, id, body, source_id and UUID(source_id), held)
        except Refusal as refusal:
            for fault in refusal.faults or [Fault("", refusal.detail)]:
                self._fault(place + _in_case_names(fault.pointer), fault.detail)
            return False
        self._new[name] += id.bytes
        return True

    def _translated(self, place: str, value: Any) -> Any:
        """Fields by the contract's names, and keys as the ids of what they name."""
        if isinstance(value, list):
            return [self._translated(f"{place}/{i}", item) for i, item in enumerate(value)]
        if not isinstance(value, dict):
            return value
        if isinstance(value, _Object) and value.twice is not None:
            self._fault(_below(place, value.twice), "Stands twice.")
        translated = {}
        for name, part in value.items():
            at = _below(place, name)
            contract_name, of = _FIELDS.get(name, (name, None))
            if name in _CASE_NAMES:
                self._fault(at, f"Is {_CASE_NAMES[name]} in a case.")
            elif of is None or part is None:
                translated[contract_name] = self._translated(at, part)
            elif isinstance(part, str) and part in self._keys[of]:
                translated[contract_name] = str(self._id(of, {"key": part}))
            else:
                self._fault(at, f"None of the {of.replace('_', ' ')} has this key.")
                translated[contract_name] = part
        return translated

    def _loaded(self, name: str, place: str, fields: Any) -> Mapping[str, Any] | None:
        """The fields as the contract takes them, or None if they have faults."""
        try:
            loaded: Mapping[str, Any] = self._schemas[name].load(fields)
        except ValidationError as error:
            for fault in schemas.faults(error):
                self._fault(place + _in_case_names(fault.pointer), fault.detail)
            return None
        return loaded

    def _refers_to_faulty(self, value: Any) -> bool:
        """Whether an entry names one that is not in the store, whose own faults are told."""
        if isinstance(value, list):
            return any(map(self._refers_to_faulty, value))
        if not isinstance(value, dict):
            return False
        return any(
            self._refers_to_faulty(part)
            or (name in _FIELDS and self._is_faulty(_FIELDS[name][1], part))
            for name, part in value.items()
        )

    def _is_faulty(self, name: str | None, key: Any) -> bool:
        return name is not None and key is not None and not self._keys[name].get(key)

    def _insert(
        self,
        name: str,
        id: UUID,
        body: Mapping[str, Any],
        source_id: UUID | None,
        held: Mapping[str, Any] | None,
    ) -> None:
        conn = self._conn
        if name == "sources":
            entries.enter_source(conn, body, id)
        elif name == "affiliations" and source_id is not None:
            if queries.one(conn, "read_affiliation", id=id):
                raise Refusal("conflict", "Stands twice.")
            entries.enter_affiliation(conn, source_id, body, id)
            touched = verify.touched(conn, {"source_id": source_id, **body})
            for person, events in touched.items():
                self._people |= {event.bytes: person.bytes for event in events}
        elif name == "facilities":
            entries.enter_facility(conn, body, id)
        elif name == "detainees":
            entries.enter_detainee(conn, body, id)
            if held is not None:
                detention = uuid5(id, "detention")
                entries.enter_detention(conn, id, held, detention)
                self._new["detentions"] += detention.bytes
        elif name == "release_events":
            queries.run(conn, "lock_detainee", id=body["detainee_id"])
            entries.enter_release_event(conn, body, id)
        elif name == "attestations":
            event = body["release_event_id"]
            if event.bytes not in self._people:
                locked = queries.one(conn, "lock_release_event", id=event)
                self._people[event.bytes] = locked.detainee_id.bytes
            entries.enter_attestation(conn, _Event(event, self._began), body, id)

    def _record(self) -> None:
        """Enters all that is new in the ledger, and verifies every event that it concerns."""
        self._keys.clear()
        resources = {name: resource for name, (resource, _) in _LISTS.items()}
        for name, ids in self._new.items():
            resource = resources.get(name, "detention")
            for block in _blocks(ids):
                changes = [Change(resource, id, "created") for id in block]
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
    """What an entry must meet: a new resource, and what may have happened to it since."""
    contract = spec.load()
    schema = contract.schema(name)
    if name != "AttestationCreate":
        return schemas.body_schema(schema)
    whole = contract.schema("Attestation")["properties"]
    since = {field: whole[field] for field in ("retracted_at", "retraction_note")}
    return schemas.body_schema({**schema, "properties": {**schema["properties"], **since}})


def _events(stream: BinaryIO) -> Iterator[tuple[int, str, Any]]:
    """What begins in a JSON text, and in how many arrays and objects it stands."""
    depth = 0
    for event, value in ijson.basic_parse(stream, use_float=True):
        if event in {"end_map", "end_array"}:
            depth -= 1
        else:
            yield depth, event, value
            depth += event in {"start_map", "start_array"}


def _line_of_half_a_character(stream: BinaryIO) -> int | None:
    """The line of the first escape of one that stands alone: the parser would make a `?` of it."""
    line, text, more = 1, b"", True
    while more:
        chunk = stream.read(1 << 16)
        more = bool(chunk)
        text += chunk
        rest = b""
        for escape in _ESCAPE.finditer(text):
            if more and escape.start() > len(text) - _LONGEST_ESCAPE:
                rest = text[escape.start() :]  # it may go on in the next chunk
                break
            if escape[1]:
                return line + text.count(b"\n", 0, escape.start())
        line += text.count(b"\n") - rest.count(b"\n")
        text = rest
    return None


def _first_line(error: ijson.JSONError) -> str:
    """What the parser says, without its picture of the place."""
    (said,) = error.args
    text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    return text.partition("\n")[0].rstrip(".") + "."


def _below(place: str, name: str) -> str:
    """RFC 6901, section 3."""
    return f"{place}/{name.replace('~', '~0').replace('/', '~1')}"


def _in_case_names(pointer: str) -> str:
    return "/".join(_CASE_NAMES.get(step, step) for step in pointer.split("/"))


def _blocks(ids: bytearray) -> Iterator[Sequence[UUID]]:
    each = (UUID(bytes=bytes(ids[start : start + 16])) for start in range(0, len(ids), 16))
    while block := list(islice(each, _BLOCK)):
        yield block
