"""Previews of lists: what would become of each row, kept with the rows until somebody applies it.

A preview reads the store as it is at one moment, locks nothing and writes nothing but itself.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, BinaryIO, TypeVar, cast
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb

from api.access import Caller
from api.contract import fields
from api.database import clock, queries
from api.errors import FieldError, RequestError, invalid
from api.imports import row_plan, row_reader
from api.imports.facility_names import FacilityNames
from api.imports.row_plan import Known, Plan
from api.imports.row_reader import CellFault
from api.matching import candidates
from api.matching.candidates import Candidate
from api.matching.scoring import Match, Person, compare
from api.records import attestations, canonical_ids, publications
from api.verification import verdicts
from api.verification.rule import Attestation

OUTCOMES = ("new", "same", "possible_duplicate", "changed", "invalid")
BLOCK = 500
_Who = TypeVar("_Who")
_PROGRESS = 10_000

Say = Callable[[str], Any]


def silent(_: str) -> None:
    """For who needs not be told of progress."""


def said_by(
    conn: queries.Connection, id: UUID, numbers: set[int]
) -> Mapping[int, Mapping[str, Any]]:
    """What rows of an import say."""
    if not numbers:
        return {}
    found = queries.rows(
        conn, "imports/list_rows", import_id=id, after=0, limit=len(numbers), rows=sorted(numbers)
    )
    return {row.row: row_reader.loaded(row.said) for row in found}


def person_of(said: Mapping[str, Any]) -> Person:
    """A row as it is compared."""
    return Person.from_record(record_of(said))


def record_of(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row as a record that is compared."""
    detainee, detention = row_reader.as_new(said), said.get("detention", {})
    born = detainee["birth_date"]
    return {
        **detainee,
        "birth_date": born.isoformat() if born else said.get("born"),
        "facility_id": detention.get("facility_id"),
        "detained_on": detention.get("detained_on"),
    }


@dataclass(slots=True)
class _Entry:
    """A row, and what is found of it."""

    row: row_reader.Row
    said: dict[str, Any]
    faults: list[CellFault]
    outcome: str = "invalid"
    person: Person | None = None
    digest: str | None = None
    keys: int | None = None
    detainee_id: UUID | None = None
    same_as_row: int | None = None
    people: list[UUID] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    release_event_id: UUID | None = None
    status_from: str | None = None
    status_to: str | None = None

    def fault(self, refusal: RequestError) -> None:
        """What is wrong with the row by the contract's names, told of its columns."""
        for fault in refusal.errors or [FieldError("", refusal.detail)]:
            name = fault.pointer.split("/")[-1]
            column = self.row.columns.get(_COLUMNS.get(name, name))
            self.faults.append(CellFault(column, fault.detail))

    def entry(self) -> Mapping[str, Any]:
        return {
            "row": self.row.number,
            "outcome": self.outcome,
            "said": self.said if self.outcome != "invalid" else None,
            "digest": self.digest,
            "keys": self.keys,
            "detainee_id": self.detainee_id,
            "same_as_row": self.same_as_row,
            "people": self.people,
            "rows": self.rows,
            "changes": self.changes,
            "faults": [fault._asdict() for fault in self.faults],
            "release_event_id": self.release_event_id,
            "status_from": self.status_from,
            "status_to": self.status_to,
        }


_COLUMNS = {"facility_id": "facility", "occurred_on": "released_on"}


def word(source_id: UUID | None, **given: Any) -> Mapping[str, Any] | None:
    """What a source says of all who are named as released, from an import's parameters: an
    attestation, but for its event. None for a list of people alone."""
    if source_id is None:
        if faults := [
            FieldError(f"/{name}", "Goes with source_id.") for name, value in given.items() if value
        ]:
            raise invalid(*faults)
        return None
    wanted = ("published_at", "basis")
    if faults := [
        FieldError(f"/{name}", "Must be given.") for name in wanted if given[name] is None
    ]:
        raise invalid(*faults)
    relayed = given.pop("relayed_source_id")
    said = {name: value for name, value in given.items() if value is not None}
    return {
        **_WORD,
        **said,
        "source_id": source_id,
        "relays": [] if relayed is None else [{"source_id": relayed}],
    }


_WORD = {
    "stance": "confirms",
    "evidence": "list",
    "release_kind": "unknown",
    **dict.fromkeys(("denial_reason", "url", "archived_url", "content_sha256", "language", "note")),
}


def preview(
    conn: queries.Connection,
    caller: Caller | None,
    file: BinaryIO,
    media_type: str,
    *,
    mapping: row_reader.Columns,
    date_order: str | None,
    word: Mapping[str, Any] | None,
    say: Say = silent,
) -> UUID:
    """Keeps what would become of each row of a list, and gives the import's id.

    `word` is what a source says of all who are named as released: an attestation, but for its
    event. `caller` is None for the operator's own command.
    """
    forget_old(conn)
    sha256 = digest(file)
    with (
        queries.snapshot(conn, read_only=False),
        closing(row_reader.rows(file, media_type, mapping, date_order)) as listed,
    ):
        return _Preview(conn, caller, sha256, word, say).run(listed)


def forget_old(conn: queries.Connection) -> None:
    """Drops the previews that nobody applied within a day."""
    with queries.long_transaction(conn):
        queries.run(conn, "imports/delete_expired")


def digest(file: BinaryIO) -> bytes:
    """The SHA-256 of a file, to be read from its beginning then."""
    file.seek(0)
    sha256 = hashlib.file_digest(file, "sha256")  # type: ignore[arg-type] # of any binary file
    file.seek(0)
    return sha256.digest()


def begun(
    conn: queries.Connection,
    caller: Caller | None,
    sha256: bytes,
    word: Mapping[str, Any] | None,
) -> UUID:
    """The id of a preview of which nothing is known yet but the file."""
    row = queries.row(
        conn,
        "imports/insert",
        key_id=caller and caller.key_id,
        ledger_seq=queries.row(conn, "ledger/get_seq").seq,
        file_sha256=sha256,
        word=None if word is None else Jsonb(word),
    )
    return cast(UUID, row.id)


class _Preview:
    def __init__(
        self,
        conn: queries.Connection,
        caller: Caller | None,
        digest: bytes,
        word: Mapping[str, Any] | None,
        say: Say,
    ) -> None:
        self._conn = conn
        self._caller = caller
        self._sees_hidden = caller is None or caller.sees_hidden
        self._digest = digest
        self._word = word
        self._say = say
        self._now = clock.now(conn)
        self._facilities = FacilityNames(conn)
        self._totals: Counter[str] = Counter()
        self._written: Counter[str] = Counter()
        self._block: list[_Entry] = []
        self._id = self._begun()

    def _begun(self) -> UUID:
        if self._word is not None:
            self._check_word(self._word)
        return begun(self._conn, self._caller, self._digest, self._word)

    def _check_word(self, said: Mapping[str, Any]) -> None:
        try:
            attestations.check_shared(self._conn, said, self._now)
        except RequestError as refusal:
            faults = [
                FieldError("/relayed_source_id", f.detail) if f.pointer.startswith("/relays") else f
                for f in refusal.errors
            ]
            raise RequestError(refusal.slug, refusal.detail, *faults) from None

    def run(self, listed: Iterator[row_reader.Row]) -> UUID:
        done = 0
        while block := list(islice(listed, BLOCK)):
            self._preview([_Entry(row, dict(row.said), list(row.faults)) for row in block])
            before, done = done, done + len(block)
            if done // _PROGRESS > before // _PROGRESS:
                self._say(f"{done:,} rows read")
        queries.run(
            self._conn,
            "imports/update",
            id=self._id,
            totals=Jsonb(self._totals),
            people=self._totals["new"],
            release_events=self._written["release_events"],
            attestations=self._written["attestations"],
        )
        return self._id

    def _preview(self, block: list[_Entry]) -> None:
        for entry in block:
            self._check(entry)
        valid = self._block = [entry for entry in block if not entry.faults]
        self._match(valid)
        known = recorded(
            self._conn,
            [entry.detainee_id for entry in valid if entry.detainee_id],
            sees_hidden=self._sees_hidden,
        )
        planned = [(entry, made) for entry in valid if (made := self._planned(entry, known))]
        self._attest(planned)
        for entry in block:
            if entry.faults:
                entry.outcome = "invalid"
            self._totals[entry.outcome] += 1
        rows = [entry.entry() for entry in block]
        queries.run(self._conn, "imports/insert_rows", import_id=self._id, entries=Jsonb(rows))

    def _check(self, entry: _Entry) -> None:
        """What is wrong with a row by itself."""
        said = entry.said
        if "facility" in said:
            try:
                said["detention"] = {
                    **said.get("detention", {}),
                    "facility_id": self._facilities.find(said.pop("facility")),
                }
            except ValueError as error:
                entry.faults.append(CellFault(entry.row.columns["facility"], str(error)))
        if "release" in said and self._word is None:
            detail = "Whose word is this? Give source_id, published_at and basis."
            entry.faults.append(CellFault(entry.row.columns["released_on"], detail))
        elif "release" in said:
            for _, fault in publications.time_errors(self._said_of(said), self._now):
                entry.fault(invalid(fault))
        if entry.faults:
            return
        try:
            row_plan.plan(Known(NOBODY), said, self._now)
        except RequestError as refusal:
            entry.fault(refusal)

    def _said_of(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """A source's word on the release that a row tells of, as an attestation but for the
        event."""
        assert self._word is not None  # noqa: S101 - by _check
        return said_of(self._word, said["release"])

    def _match(self, valid: Sequence[_Entry]) -> None:
        """Finds out who each row speaks of, or may."""
        keys: list[tuple[int, str]] = []
        for entry in valid:
            entry.person = person_of(entry.said)
            entry.digest = _digest(entry.said)
            own = candidates.comparison_keys(entry.person)
            entry.keys = len(own)
            keys += [(entry.row.number, key) for key in own]
        placed = {"rows": [row for row, _ in keys], "keys": [key for _, key in keys]}
        queries.run(self._conn, "imports/insert_keys", import_id=self._id, **placed)
        self._know(valid)
        doubtful = [entry for entry in valid if entry.detainee_id is None]
        found = candidates.find_matches(
            self._conn,
            [record_of(entry.said) for entry in doubtful],
            sees_hidden=self._sees_hidden,
        )
        alike = self._alike(valid, keys)
        for entry, likely in zip(doubtful, found, strict=True):
            _decide(entry, likely, alike(entry))

    def _know(self, valid: Sequence[_Entry]) -> None:
        """Finds who needs not be compared: those told by id, those of the same file before, and
        those who alone have an identifier."""
        named = self._named({entry.said["id"] for entry in valid if "id" in entry.said})
        applied = {
            row.digest.hex(): row.detainee_id
            for row in queries.rows(
                self._conn,
                "imports/find_applied_rows",
                digests=[bytes.fromhex(entry.digest or "") for entry in valid],
                file_sha256=self._digest,
                key_id=self._caller and self._caller.key_id,
                sees_hidden=self._sees_hidden,
            )
        }
        ids = [
            (i, candidates.identifier_key(*one))
            for i, entry in enumerate(valid)
            for one in cast(Person, entry.person).external_ids
        ]
        identified: dict[int, set[UUID]] = {}
        for row in queries.rows(
            self._conn,
            "matching/find_by_external_id",
            items=[i for i, _ in ids],
            external_ids=[one for _, one in ids],
            sees_hidden=self._sees_hidden,
        ):
            identified.setdefault(row.item, set()).add(row.id)
        for i, entry in enumerate(valid):
            having = identified.get(i, set())
            if entry.said.get("id") in named:
                entry.detainee_id = named[entry.said["id"]]
            elif entry.digest in applied:
                entry.detainee_id = applied[entry.digest]
            elif len(having) == 1:
                (entry.detainee_id,) = having

    def _named(self, ids: Set[UUID]) -> Mapping[UUID, UUID]:
        """Of these ids those of people whom the caller may see, and who they are now."""
        people = {id: canonical_ids.resolve(self._conn, "detainee", id) for id in ids}
        known = queries.rows(
            self._conn,
            "matching/list_people",
            ids=list(people.values()),
            sees_hidden=self._sees_hidden,
        )
        seen = {row.id for row in known}
        return {id: person for id, person in people.items() if person in seen}

    def _alike(
        self, valid: Sequence[_Entry], keys: Sequence[tuple[int, str]]
    ) -> Callable[[_Entry], list[tuple[Match, UUID | int]]]:
        """What gives the earlier rows that may speak of the same person as a row, each as who it
        speaks of itself."""
        own = {entry.row.number: entry for entry in valid}
        doubtful = {number for number, entry in own.items() if entry.detainee_id is None}
        asked = [(row, key) for row, key in keys if row in doubtful]
        near: dict[int, list[int]] = {}
        for row in queries.rows(
            self._conn,
            "imports/find_similar_rows",
            import_id=self._id,
            rows=[row for row, _ in asked],
            keys=[key for _, key in asked],
        ):
            near.setdefault(row.row, []).append(row.other)
        before = {other for others in near.values() for other in others} - set(own)
        stored = (
            queries.rows(
                self._conn,
                "imports/list_rows",
                import_id=self._id,
                after=0,
                limit=len(before),
                rows=sorted(before),
            )
            if before
            else []
        )
        earlier = {
            row.row: (
                person_of(row_reader.loaded(row.said)),
                row.detainee_id or row.same_as_row or row.row,
            )
            for row in stored
            if row.said
        }

        def alike(entry: _Entry) -> list[tuple[Match, UUID | int]]:
            likely = []
            for number in near.get(entry.row.number, ()):
                if number in own:
                    other = own[number]
                    person, who = other.person, other.detainee_id or other.same_as_row or number
                elif number in earlier:
                    person, who = earlier[number]
                else:
                    continue
                match = compare(cast(Person, entry.person), cast(Person, person))
                if match.decision != "none":
                    likely.append((match, who))
            return likely

        return alike

    def _planned(self, entry: _Entry, known: Mapping[UUID, Known]) -> Plan | None:
        """What a row changes of the person it speaks of, and its outcome; None while it is in
        doubt who that is."""
        if entry.outcome == "possible_duplicate":
            return None
        try:
            if entry.detainee_id is not None:
                person = known[entry.detainee_id]
            elif entry.same_as_row is not None:
                person = _as_known(self._said(entry.same_as_row), self._now)
            else:
                entry.outcome = "new"
                return row_plan.plan(Known(NOBODY), entry.said, self._now)
            made = row_plan.plan(person, entry.said, self._now)
        except RequestError as refusal:
            entry.fault(refusal)
            return None
        entry.changes = made.changes
        entry.outcome = "changed" if made.changes else "same"
        return made

    def _said(self, number: int) -> Mapping[str, Any]:
        for entry in self._block:
            if entry.row.number == number:
                return entry.said
        return said_by(self._conn, self._id, {number})[number]

    def _attest(self, planned: Sequence[tuple[_Entry, Plan]]) -> None:
        """Finds out which releases are new, which were told by the source before, and what
        becomes of their statuses."""
        told = [(e, made.release_event) for e, made in planned if made.release_event is not None]
        if not told:
            return
        assert self._word is not None  # noqa: S101 - by _check
        events = [cast(UUID, event["id"]) for _, event in told if "id" in event]
        known = words_known(self._conn, events, self._word)
        for entry, event in told:
            id = event.get("id")
            word = self._said_of(entry.said)
            if id == row_plan.UNENTERED or (id, word["published_at"]) in known:
                continue
            self._written["attestations"] += 1
            if id is None:
                self._written["release_events"] += 1
            if entry.outcome != "new":
                entry.changes.append("attestation")
                entry.outcome = "changed"
            entry.release_event_id = id
            entry.status_from, entry.status_to = verdicts.foresee(
                self._conn, id, _foreseen_word(word), self._now
            )


NOBODY: Mapping[str, Any] = {
    **dict.fromkeys(("name", "sex", "birth_date", "occupation")),
    "name": "",
    "age_group": "unknown",
    "withheld": False,
    "aliases": [],
    "nationalities": [],
    "external_ids": [],
}


def said_of(word: Mapping[str, Any], release: Mapping[str, Any]) -> dict[str, Any]:
    """A source's word on one release: what it says of all, and what a row says besides."""
    more = {name: value for name, value in release.items() if value is not None}
    more.pop("occurred_on")
    said = {**word, **more}
    if isinstance(said["published_at"], str):
        said["published_at"] = fields.moment(said["published_at"])
    return said


def words_known(
    conn: queries.Connection, events: Sequence[UUID], word: Mapping[str, Any]
) -> set[tuple[UUID, datetime]]:
    """Which of these events a source has confirmed, and when."""
    if not events:
        return set()
    return {
        (row.release_event_id, row.published_at)
        for row in queries.rows(
            conn,
            "sources/list_confirmations",
            release_event_ids=events,
            source_id=word["source_id"],
        )
    }


def _foreseen_word(word: Mapping[str, Any]) -> Attestation:
    return Attestation(
        id="",
        source=str(word["source_id"]),
        stance="confirms",
        basis=word["basis"],
        published_at=word["published_at"],
        relayed_sources=[str(relay["source_id"]) for relay in word["relays"]],
        release_kind=word["release_kind"],
        # Of two words that are published at one moment it is the later.
        recorded=1 << 62,
    )


def _decide(
    entry: _Entry,
    recorded: Sequence[Candidate],
    earlier: Sequence[tuple[Match, UUID | int]],
) -> None:
    """Who a row speaks of: one person who is the same, or all who may be."""
    found: list[tuple[Match, UUID | int]] = [(one.match, one.row.id) for one in recorded]
    found = sorted([*found, *earlier], key=lambda pair: -pair[0].score)
    who = who_is_meant(found)
    if isinstance(who, UUID):
        entry.detainee_id = who
    elif who is not None:
        entry.same_as_row = who
    elif found:
        entry.outcome = "possible_duplicate"
        who_else = list(dict.fromkeys(who for _, who in found))
        entry.people = [who for who in who_else if isinstance(who, UUID)][
            : candidates.MAX_CANDIDATES
        ]
        entry.rows = [who for who in who_else if isinstance(who, int)][: candidates.MAX_CANDIDATES]


def who_is_meant(found: Sequence[tuple[Match, _Who]]) -> _Who | None:
    """The one of those who may be meant who is the same; None if nobody or several are."""
    same = list(dict.fromkeys(who for match, who in found if match.decision == "same"))
    certain = list(dict.fromkeys(who for match, who in found if match.score == 1 and _by_id(match)))
    if len(certain) == 1:
        same = certain
    return same[0] if len(same) == 1 else None


def _by_id(match: Match) -> bool:
    return any(one.feature == "external_ids" and one.score == 1 for one in match.features)


def _digest(said: Mapping[str, Any]) -> str:
    """By which the same row is known again: by what it says of who the person is."""
    part = {name: said[name] for name in ("detainee", "born") if name in said}
    return hashlib.sha256(orjson.dumps(part, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _as_known(said: Mapping[str, Any], now: datetime) -> Known:
    """Whoever an earlier row makes, as if it were recorded."""
    known = Known(row_reader.as_new(said))
    made = row_plan.plan(Known(NOBODY), said, now)
    if made.detention:
        release = made.release_event
        known.detentions = [
            row_plan.Detention(
                row_plan.UNENTERED,
                **{**row_plan.NO_DETENTION, **made.detention},
                event_ids=[row_plan.UNENTERED] if release else [],
                released_on=[release["occurred_on"]] if release else [],
            )
        ]
    return known


def recorded(
    conn: queries.Connection, ids: Sequence[UUID], *, sees_hidden: bool
) -> dict[UUID, Known]:
    """What is recorded of these people."""
    if not ids:
        return {}
    found = {
        row.id: Known(row._asdict(), is_hidden=row.is_hidden)
        for row in queries.rows(
            conn, "detainees/list_for_import", ids=list(ids), sees_hidden=sees_hidden
        )
    }
    held: dict[UUID, list[row_plan.Detention]] = {}
    for row in queries.rows(conn, "detentions/list_for_import", ids=list(ids)):
        own = {name: value for name, value in row._asdict().items() if name != "detainee_id"}
        held.setdefault(row.detainee_id, []).append(row_plan.Detention(**own))
    for id, known in found.items():
        known.detentions = held.get(id, [])
    return found
