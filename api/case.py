"""Case files: read without holding them in memory, entered in one transaction or not at all.

A case names its entries by keys of its own. Each gets an id made from the case's name and its key
(RFC 9562, version 5), so that a second load finds what the first one entered and changes nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import ijson
from marshmallow import Schema, ValidationError

from api import entries, queries, schemas, spec, verify
from api.errors import Fault, Refusal
from api.ledger import Change

_NAMESPACE = UUID("6f0c6f5e-6c0b-5a53-9d0e-2d3c8a1f7b10")
_BLOCK = 1000
_PROGRESS = 10_000
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
        super().__init__(f"{len(faults)} faults")
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


class _Load:
    def __init__(self, conn: queries.Connection, file: Path, say: Callable[[str], Any]) -> None:
        self._conn = conn
        self._file = file
        self._say = say
        self._case = ""
        self._faults: list[Fault] = []
        # Of each key of a list, whether its entry is in the store; None until it was read.
        self._keys: dict[str, dict[str, bool | None]] = {name: {} for name in _LISTS}
        self._totals: Counter[str] = Counter()
        self._new: dict[str, list[UUID]] = {name: [] for name in (*_LISTS, "detentions")}
        # Attestations whose turn comes when the one that they relay, by its key, has been entered.
        self._waiting: dict[str, list[tuple[str, _Object]]] = {}
        self._people: dict[UUID, set[UUID]] = {}
        self._schemas = {name: _schema(schema) for name, (_, schema) in _LISTS.items()}
        self._schemas["detentions"] = _schema("DetentionCreate")

    def run(self) -> Mapping[str, int]:
        try:
            self._read_outline()
            self._stop_if_faulty()
            queries.run(self._conn, "lock_affiliations_to_change")
            for name in _LISTS:
                self._enter_list(name)
        except (ijson.JSONError, UnicodeDecodeError) as error:
            self._faults.append(Fault("", f"The file is not JSON: {error}"))
        self._stop_if_faulty()
        self._record()
        return {name: len(ids) for name, ids in self._new.items()}

    def _stop_if_faulty(self) -> None:
        if self._faults:
            raise CaseError(self._faults)

    def _fault(self, place: str, detail: str) -> None:
        self._faults.append(Fault(place, detail))

    def _read_outline(self) -> None:
        """Reads the case's name and every key, and refuses what is not a case."""
        tops: set[str] = set()
        with self._file.open("rb") as stream:
            for prefix, event, value in ijson.parse(stream, use_float=True):
                name, _, inside = prefix.partition(".")
                if not prefix and event == "map_key":
                    if value in tops:
                        self._fault(f"/{value}", "Stands twice.")
                    if value not in {*_LISTS, *_HEAD, _CLAIMS}:
                        self._fault(f"/{value}", "There is no such list in a case.")
                    tops.add(value)
                elif not prefix and event not in {"start_map", "end_map"}:
                    self._fault("", "Must be an object.")
                elif prefix == "case" and event == "string":
                    self._case = value
                elif name in {*_LISTS, _CLAIMS} and not inside:
                    if event not in {"start_array", "end_array"}:
                        self._fault(f"/{name}", "Must be an array.")
                elif inside == "item" and event == "start_map":
                    self._totals[name] += 1
                elif inside == "item.key" and event == "string" and name in _LISTS:
                    if value in self._keys[name]:
                        place = f"/{name}/{self._totals[name] - 1}/key"
                        self._fault(place, f"The key {value!r} stands twice.")
                    self._keys[name][value] = None
                elif inside == f"item.{_ANNOUNCEMENT}" and value is not None:
                    self._totals[_ANNOUNCEMENT] += 1
        if not self._case:
            self._fault("/case", "Must be given: the name of the case.")
        claims, references = self._totals[_CLAIMS], self._totals[_ANNOUNCEMENT]
        if claims or references:
            self._say(
                f"Passed over: {claims:,} claims and {references:,} references to announcements; "
                "this version does not keep claims yet."
            )

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
        key = entry.get("key") if isinstance(entry, dict) else None
        # An affiliation needs no key: it is what it ties, how, and since when.
        what = key or [str(entry.get(f)) for f in ("source", "with", "relation", "from")]
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
                if stored and (origin := self._unread_origin(waiting)):
                    self._waiting.setdefault(origin, []).append((place, waiting))
                else:
                    settled.append((waiting, stored and self._try(name, place, waiting)))

    def _enter(self, name: str, place: str, entry: Any) -> None:
        if not isinstance(entry, _Object):
            self._fault(place, "Must be an object.")
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
        fields = {field: value for field, value in entry.items() if field != "key"}
        if name != "affiliations" and not isinstance(entry.get("key"), str):
            self._fault(f"{place}/key", "Must be given: a string.")
        detention = fields.pop("detention", None) if name == "detainees" else None
        fields.pop(_ANNOUNCEMENT, None) if name == "release_events" else None
        # An affiliation's source stands in the path of the contract, not in the body.
        translated = self._translated(place, fields)
        source_id = translated.pop("source_id", None) if name == "affiliations" else None
        body = self._loaded(name, place, translated)
        held = detention and self._loaded(
            "detentions",
            f"{place}/detention",
            self._translated(f"{place}/detention", detention),
        )
        if entry.twice is not None:
            self._fault(f"{place}/{entry.twice}", "Stands twice.")
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
        self._new[name].append(id)
        return True

    def _translated(self, place: str, value: Any) -> Any:
        """Fields by the contract's names, and keys as the ids of what they name."""
        if isinstance(value, list):
            return [self._translated(f"{place}/{i}", item) for i, item in enumerate(value)]
        if not isinstance(value, dict):
            return value
        translated = {}
        for name, part in value.items():
            contract_name, of = _FIELDS.get(name, (name, None))
            if name in _CASE_NAMES:
                self._fault(f"{place}/{name}", f"Is {_CASE_NAMES[name]} in a case.")
            elif of is None or part is None:
                translated[contract_name] = self._translated(f"{place}/{name}", part)
            elif part in self._keys[of] if isinstance(part, str) else False:
                translated[contract_name] = str(self._id(of, {"key": part}))
            else:
                self._fault(f"{place}/{name}", f"None of the {of} has this key.")
        return translated

    def _loaded(self, name: str, place: str, fields: Any) -> Mapping[str, Any] | None:
        """The fields as the contract takes them, or None if they have faults."""
        try:
            loaded: Mapping[str, Any] = self._schemas[name].load(fields)
        except ValidationError as error:
            for fault in schemas.faults(error):
                at = place + _in_case_names(fault.pointer)
                # A key that names nothing has been told of already.
                if not any(told.pointer == at for told in self._faults):
                    self._fault(at, fault.detail)
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
            entries.enter_affiliation(conn, source_id, body, id)
            touched = verify.touched(conn, {"source_id": source_id, **body})
            for person, events in touched.items():
                self._people.setdefault(person, set()).update(events)
        elif name == "facilities":
            entries.enter_facility(conn, body, id)
        elif name == "detainees":
            entries.enter_detainee(conn, body, id)
            if held is not None:
                detention = uuid5(id, "detention")
                self._new["detentions"].append(entries.enter_detention(conn, id, held, detention))
        elif name == "release_events":
            queries.run(conn, "lock_detainee", id=body["detainee_id"])
            entries.enter_release_event(conn, body, id)
        elif name == "attestations":
            event = queries.one(conn, "lock_release_event", id=body["release_event_id"])
            entries.enter_attestation(conn, event, body, id)
            self._people.setdefault(event.detainee_id, set()).add(event.id)

    def _record(self) -> None:
        """Enters all that is new in the ledger, and verifies every event that it concerns."""
        resources = {name: resource for name, (resource, _) in _LISTS.items()}
        for name, ids in self._new.items():
            resource = resources.get(name, "detention")
            for block in _blocks(ids):
                verify.record(self._conn, None, [Change(resource, id, "created") for id in block])
        done = 0
        for people in _blocks(list(self._people)):
            events = [event for person in people for event in sorted(self._people[person])]
            verify.record(self._conn, None, [], events=events, detainees=people)
            done += len(people)
            if len(self._people) > _BLOCK:
                self._say(f"verified: {done:,} of {len(self._people):,} people")


def _schema(name: str) -> Schema:
    """What an entry must meet: a new resource, and what may have happened to it since."""
    contract = spec.load()
    schema = contract.schema(name)
    if name != "AttestationCreate":
        return schemas.body_schema(schema)
    whole = contract.schema("Attestation")["properties"]
    since = {field: whole[field] for field in ("retracted_at", "retraction_note")}
    return schemas.body_schema({**schema, "properties": {**schema["properties"], **since}})


def _in_case_names(pointer: str) -> str:
    return "/".join(_CASE_NAMES.get(step, step) for step in pointer.split("/"))


def _blocks(items: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    for start in range(0, len(items), _BLOCK):
        yield items[start : start + _BLOCK]
