"""The people of the rows of a list: recorded, of an earlier row, new, or undecided."""

import hashlib
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Self, TypeVar
from uuid import UUID

import orjson

from api.access import Caller
from api.database import queries
from api.identity import canonical_ids
from api.imports import import_store
from api.lists import row_reader
from api.lists.list_survey import RoughCounts, max_compared
from api.lists.row_reader import Row
from api.matching import candidates
from api.matching.candidates import Candidate
from api.matching.external_ids import external_id_key
from api.matching.scoring import (
    DAY_WITH_ERROR_SCORE,
    Match,
    Person,
    compare,
    find_match,
    identifying,
)
from api.records import detainees

_Id = TypeVar("_Id")

_MAX_ROWS_PER_KEY = 100
_MAX_SIMILAR_ROWS = 600
_MIN_KEYS = 4
_MIN_REPEATED_ROWS = 5
"""A list with at least this many rows of an earlier one, and half of all, is a version of it."""


@dataclass(slots=True)
class ListedPerson:
    """The person of a row, and the recorded person or the earlier row that is the same.

    If there are candidates, the row is a possible duplicate and needs a decision.
    """

    row: int
    record: Mapping[str, Any]
    person: Person
    digest: bytes
    cells_digest: bytes
    keys: Sequence[str]
    recorded_id: UUID | None
    # When the record with that id stood as in the row, if the row is of an export.
    updated_at: datetime | None
    detainee_id: UUID | None = None
    same_as_row: int | None = None
    # Whether the id is of a person hidden from the caller, who would get a second, named record.
    has_hidden_id: bool = False
    candidate_ids: Sequence[UUID] = field(default_factory=list)
    candidate_rows: Sequence[int] = field(default_factory=list)
    # Key of an identifier -> the recorded people, or the earlier rows, that have it.
    holders: dict[str, list[UUID | int]] = field(default_factory=dict)

    @classmethod
    def from_row(cls, row: Row) -> Self:
        content = row.content
        record = row_reader.person_record(content)
        person = Person.from_record(record)
        keys = candidates.name_keys(person)
        id, digest = content.get("id"), _digest(content)
        return cls(row.number, record, person, digest, row.cells_digest, keys, id, row.updated_at)

    @property
    def is_possible_duplicate(self) -> bool:
        return bool(self.candidate_ids or self.candidate_rows)

    @property
    def canonical(self) -> UUID | int:
        """The recorded person, or the first row of this person."""
        return self.detainee_id or self.same_as_row or self.row

    def other_holder(self, scheme: str, value: str) -> UUID | int | None:
        """Return another recorded person, or the first row of one, with this identifier.

        None if there is none, or if this person has it.
        """
        holders = self.holders.get(external_id_key(scheme, value), [])
        return None if self.canonical in holders else next(iter(holders), None)


class RowMatcher:
    """Matches the people of a list with recorded people and with earlier rows, block by block."""

    def __init__(
        self,
        conn: queries.Connection,
        caller: Caller | None,
        import_id: UUID,
        sha256: bytes,
        source_id: UUID | None,
        digests: Mapping[bytes, int],
    ) -> None:
        self._conn = conn
        self._key_id = caller and caller.key_id
        self._sees_hidden = caller is None or caller.sees_hidden
        self._import_id = import_id
        self._sha256 = sha256
        self._source_id = source_id
        # How many rows have the same cells, by their digest; complete when the first row is read.
        self._digests = digests
        self._key_counts = RoughCounts()

    @cached_property
    def _repeated(self) -> Mapping[bytes, Sequence[UUID]]:
        """The people of rows of an earlier version of the list, by the digest of all cells."""
        rows = queries.rows(
            self._conn,
            "imports/find_repeated_rows",
            digests=[digest for digest, count in self._digests.items() if count == 1],
            key_id=self._key_id,
            source_id=self._source_id and str(self._source_id),
            min_rows=_MIN_REPEATED_ROWS,
        )
        return {row.cells_digest: row.people for row in rows}

    def match(self, rows: Sequence[Row]) -> Sequence[ListedPerson]:
        """Return the people of a block of rows."""
        people = [ListedPerson.from_row(row) for row in rows]
        keys = [(person.row, key) for person in people for key in person.keys]
        import_store.insert_keys(self._conn, self._import_id, keys)
        self._identify(people)
        unidentified = [
            person
            for person in people
            if person.detainee_id is None and not person.is_possible_duplicate
        ]
        recorded = candidates.find_matches(
            self._conn,
            [person.record for person in unidentified],
            sees_hidden=self._sees_hidden,
            max_compared=[
                max_compared(bool(p.person.birth_date or p.person.external_ids))
                for p in unidentified
            ],
        )
        match_earlier = self._earlier_matches(people)
        for person, matches in zip(unidentified, recorded, strict=True):
            _decide(person, matches, match_earlier(person))
        return people

    def _identify(self, people: Sequence[ListedPerson]) -> None:
        """Set the recorded person of rows that need no search.

        These have the id of a visible person, were imported in the same file or in an earlier
        version of the list, or have an identifier that one person has. A contradiction of the name,
        sex or birth date makes a person with that id a candidate; one with that identifier is
        compared like the others. A row that was imported before, or that has an id, needs a
        decision if its person was split since, or a merge of its person undone.
        """
        ids = {p.recorded_id for p in people if p.recorded_id is not None}
        canonical = {id: canonical_ids.resolve(self._conn, "detainee", id) for id in ids}
        identified = self._people_by_identifier(people)
        same_people = {id for ids in identified.values() for id in ids}
        applied = {
            stored.digest: stored.people
            for stored in queries.rows(
                self._conn,
                "imports/find_applied_rows",
                digests=[person.digest for person in people],
                file_sha256=self._sha256,
                key_id=self._key_id,
                sees_hidden=self._sees_hidden,
            )
        }
        repeated = [self._repeated.get(person.cells_digest, ()) for person in people]
        recorded = self._read_people(
            same_people.union(canonical.values(), *applied.values(), *repeated)
        )
        split_since = self._split_since(
            [p for p in people if p.recorded_id and canonical[p.recorded_id] in recorded]
        )
        recorded |= self._read_people({id for ids in split_since.values() for id in ids})
        unseen = {id for id in canonical.values() if id not in recorded}
        hidden = detainees.hidden_among(self._conn, unseen)
        for i, person in enumerate(people):
            by_id = None if person.recorded_id is None else canonical[person.recorded_id]
            person.has_hidden_id = by_id in hidden
            same = identified.get(i, set())
            before = applied.get(person.digest, ())
            visible = by_id in recorded
            now = split_since.get(person.row) or before or repeated[i]
            of_several = [id for id in now if id in recorded]
            is_split = person.row in split_since and len(of_several) > 1
            if visible and not is_split and _is_compatible(person.person, recorded[by_id]):
                person.detainee_id = by_id
            elif len(before) == 1:
                (person.detainee_id,) = before
            elif is_split and len(repeated[i]) == 1 and repeated[i][0] in of_several:
                (person.detainee_id,) = repeated[i]
            elif by_id is not None and visible and not is_split:
                person.candidate_ids = [by_id]
            elif len(of_several) > 1:
                person.candidate_ids = of_several
            elif len(same) == 1 and all(_is_same(person.person, recorded[id]) for id in same):
                (person.detainee_id,) = same
            elif not same and len(repeated[i]) == 1:
                (id,) = repeated[i]
                if _may_be(person.person, recorded.get(id)):
                    person.detainee_id = id

    def _split_since(self, people: Sequence[ListedPerson]) -> Mapping[int, Sequence[UUID]]:
        """Return, by row, the people whom the id of a row may mean since a split or an undo.

        A row of an export says how its record stood. Any other row may be older than every split.
        """
        ids = [person.recorded_id for person in people if person.recorded_id is not None]
        ever = canonical_ids.people_since(self._conn, [(id, id, None) for id in ids])
        split_since = {}
        for person in people:
            id = person.recorded_id
            if id is None or id not in ever:
                continue
            version = queries.row(
                self._conn, "detainees/get_version", id=id, updated_at=person.updated_at
            )
            since = canonical_ids.people_since(self._conn, [(id, id, version.recorded_at)])
            if id in since:
                split_since[person.row] = since[id]
        return split_since

    def _people_by_identifier(self, people: Sequence[ListedPerson]) -> Mapping[int, set[UUID]]:
        """Return, by index, the people who alone have one of the identifiers; note all holders."""
        ids = [
            (i, external_id_key(scheme, value))
            for i, person in enumerate(people)
            for scheme, value in person.person.external_ids
        ]
        by_index: dict[int, set[UUID]] = {}
        for match in queries.rows(
            self._conn,
            "matching/find_by_external_id",
            items=[i for i, _ in ids],
            id_keys=[key for _, key in ids],
            sees_hidden=self._sees_hidden,
        ):
            people[match.item].holders[match.id_key] = match.people
            if len(match.people) == 1:
                by_index.setdefault(match.item, set()).update(match.people)
        return by_index

    def _read_people(self, ids: Set[UUID]) -> dict[UUID | None, Person]:
        """Read those of the recorded people whom the caller may see."""
        rows = queries.rows(
            self._conn, "matching/list_people", ids=list(ids), sees_hidden=self._sees_hidden
        )
        return {row.id: Person.from_record(row._asdict()) for row in rows}

    def _selective_keys(self, person: ListedPerson) -> Sequence[str]:
        """Return the keys of a row that the fewest earlier rows have, and count all its keys.

        In a list of similar names, each of 80 keys would give 100 rows otherwise.
        """
        counted = sorted((self._key_counts.add(key), key) for key in person.keys)
        selected: list[str] = []
        rows = 0
        for earlier, key in counted:
            rows += min(earlier, _MAX_ROWS_PER_KEY)
            if rows <= _MAX_SIMILAR_ROWS or len(selected) < _MIN_KEYS:
                selected.append(key)
        return selected

    def _earlier_matches(
        self, people: Sequence[ListedPerson]
    ) -> Callable[[ListedPerson], list[tuple[Match, UUID | int]]]:
        """Return a function from a listed person to the matches among earlier rows.

        A matching row is represented by its recorded person or by the first row of its person.
        """
        in_block = {person.row: person for person in people}
        selective = [(person, self._selective_keys(person)) for person in people]
        searched = [
            (person.row, key)
            for person, keys in selective
            if person.detainee_id is None
            for key in keys
        ]
        similar: dict[int, list[int]] = {}
        for pair in queries.rows(
            self._conn,
            "imports/find_similar_rows",
            import_id=self._import_id,
            rows=[row for row, _ in searched],
            keys=[key for _, key in searched],
            max_per_key=_MAX_ROWS_PER_KEY,
        ):
            similar.setdefault(pair.row, []).append(pair.other)
        before = {other for others in similar.values() for other in others} - set(in_block)
        earlier = {
            stored.row: (
                row_reader.person(row_reader.from_json(stored.content)),
                stored.detainee_id or stored.same_as_row or stored.row,
            )
            for stored in import_store.rows_by_number(self._conn, self._import_id, before)
            if stored.content
        }

        def find(person: ListedPerson) -> list[tuple[Match, UUID | int]]:
            matches = []
            for row in similar.get(person.row, ()):
                if row in in_block:
                    other, canonical = in_block[row].person, in_block[row].canonical
                elif row in earlier:
                    other, canonical = earlier[row]
                else:
                    continue
                match = _mend(find_match(person.person, other), person.person, other)
                if match is None:
                    continue
                matches.append((match, canonical))
                if _shares_identifier(match):
                    for key in identifying(person.person).keys() & identifying(other).keys():
                        person.holders.setdefault(key, []).append(canonical)
            return matches

        return find


def _is_same(a: Person, b: Person) -> bool:
    match = _mend(compare(a, b), a, b)
    return match is not None and match.decision == "same"


def _mend(match: Match | None, a: Person, b: Person) -> Match | None:
    """Return a match that is `same` if only a likely typing error in the birth date prevents it.

    One identifier and one name are then one person's. The birth dates still contradict each other,
    which takes a decision, or is an error of two rows of a list.
    """
    has_error = match is not None and ("birth_date", DAY_WITH_ERROR_SCORE) in {
        (feature.feature, feature.score) for feature in match.features
    }
    if match is None or not has_error or not _shares_identifier(match):
        return match
    undated = compare(replace(a, birth_date=None), b)
    return undated if undated.decision == "same" else match


def _may_be(a: Person, b: Person | None) -> bool:
    """Return whether a recorded person may be that of a row; False for one that was not read."""
    return b is not None and compare(a, b).decision != "none"


def _is_compatible(a: Person, b: Person) -> bool:
    """Return whether neither name, sex nor birth date contradicts that two people are one."""
    shared_id = [("id", "same")]
    return (
        compare(replace(a, external_ids=shared_id), replace(b, external_ids=shared_id)).decision
        == "same"
    )


def _decide(
    person: ListedPerson,
    recorded: Sequence[Candidate],
    earlier: Sequence[tuple[Match, UUID | int]],
) -> None:
    """Set the one person who is the same, or the candidates of a possible duplicate."""
    matches: list[tuple[Match, UUID | int]] = [(c.match, c.row.id) for c in recorded]
    matches = sorted([*matches, *earlier], key=lambda pair: -pair[0].score)
    same = single_match(matches)
    if isinstance(same, UUID):
        person.detainee_id = same
    elif same is not None:
        person.same_as_row = same
    elif matches:
        ids = list(dict.fromkeys(id for _, id in matches))
        people = [id for id in ids if isinstance(id, UUID)]
        rows = [id for id in ids if isinstance(id, int)]
        person.candidate_ids = people[: candidates.MAX_CANDIDATES]
        person.candidate_rows = rows[: candidates.MAX_CANDIDATES]


def single_match(matches: Sequence[tuple[Match, _Id]]) -> _Id | None:
    """Return the one person who is `same`; None if there is none or several.

    A shared identifier decides between several. If it contradicts the names of the only person who
    is `same`, nobody is: one of the two is wrong.
    """
    identified = {id: match.decision for match, id in matches if _shares_identifier(match)}
    same = list(dict.fromkeys(id for match, id in matches if match.decision == "same"))
    if "same" in identified.values():
        same = [id for id in same if id in identified]
    elif identified:
        return None
    return same[0] if len(same) == 1 else None


def _shares_identifier(match: Match) -> bool:
    return any(
        feature.feature == "external_ids" and feature.score == 1 for feature in match.features
    )


def _digest(content: Mapping[str, Any]) -> bytes:
    """Return the SHA-256 by which the row is recognised when it is imported again."""
    part = {name: content[name] for name in ("detainee", "born") if name in content}
    return hashlib.sha256(orjson.dumps(part, option=orjson.OPT_SORT_KEYS)).digest()
