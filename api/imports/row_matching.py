"""The people of the rows of a list: recorded, of an earlier row, new, or undecided."""

import hashlib
import zlib
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import combinations, islice
from typing import Any, Self, TypeVar
from uuid import UUID

import orjson

from api.access import Caller
from api.contract import document
from api.database import queries
from api.errors import FieldError, invalid
from api.identity import canonical_ids
from api.imports import columns, import_store, row_reader
from api.imports.columns import CellError
from api.imports.list_file import NumberedCells
from api.imports.row_reader import Survey
from api.letters import folding
from api.matching import candidates
from api.matching.candidates import Candidate
from api.matching.external_ids import external_id_key, is_placeholder
from api.matching.scoring import Match, Person, compare, find_match, identifying
from api.records import detainees

_Id = TypeVar("_Id")

MAX_PAIRS = 250_000
"""The most pairs of people that the preview of a request compares: about a minute of work."""

_MAX_COMPARED, _MAX_COMPARED_IF_DISTINCT = 20, 10
_MAX_WORDS = 7
_MAX_NAME = 1000
"""A longer name is refused by the schema, which allows 200 characters of the composed form."""
_COUNTERS = 1 << 20
_MAX_ROWS_PER_KEY = 100
_MAX_SIMILAR_ROWS = 600
_MIN_KEYS = 4


# The work of a list, before it begins.


def survey(rows: NumberedCells, max_pairs: int | None, lines_above: int) -> Survey:
    """Read the cells of all rows. Raise RequestError at the row at which the pairs are too many.

    The pairs are counted from the list alone, so that a refusal reveals nothing about recorded
    people. They are not counted for None. The names of an identifier are compared here: these pairs
    count too, each once. A row that the schema refuses for the length of its name or for its number
    of identifiers is not surveyed.
    """
    max_ids = document.load().schema("ExternalIds")["maxItems"]
    letters: set[str] = set()
    first_names: dict[str, str] = {}
    shared_ids: set[str] = set()
    # Two names -> whether they can be one person's.
    have_one_name: dict[tuple[str, str], bool] = {}
    word_pairs = RoughCounts()
    pairs = 0
    for number, cells, _ in rows:
        values = {
            field: cell.strip() if isinstance(cell, str) else cell for _, field, cell in cells
        }
        if letter := columns.sex_letter(values.get("sex")):
            letters.add(letter)
        name = columns.full_name({f: v for f, v in values.items() if isinstance(v, str)})
        ids = [*islice(_external_ids(values), max_ids + 1)]
        if not name or len(name) > _MAX_NAME or len(ids) > max_ids:
            continue
        for id in ids:
            key = external_id_key(*id)
            names = first_names.setdefault(key, name), name
            if name == names[0] or key in shared_ids:
                continue
            if names not in have_one_name:
                have_one_name[names] = _have_one_name(*names)
                pairs += 1
            if not have_one_name[names]:
                shared_ids.add(key)
        if max_pairs is not None:
            born = values.get("birth_date") or values.get("birth_year")
            most = max_compared(bool(born or ids))
            pairs += most + min(_similar_rows(name, word_pairs), most)
            if pairs > max_pairs:
                raise _too_many_pairs(number, lines_above + number, max_pairs)
    return Survey(letters, shared_ids)


def max_compared(is_distinct: bool) -> int:
    """Return the most recorded people with whom a row is compared.

    `is_distinct`: it has a birth date or an identifier, which select among people of one name.
    """
    return _MAX_COMPARED_IF_DISTINCT if is_distinct else _MAX_COMPARED


def _too_many_pairs(row: int, line: int, max_pairs: int) -> Exception:
    detail = (
        f"The rows up to line {line} have more than {max_pairs:,} pairs of people to compare, "
        "which is too much for one request. Split the list before this line, or give more rows a "
        "birth date or an identifier: they are compared with fewer people."
    )
    return invalid(FieldError(f"/{row}", detail))


class RoughCounts:
    """Counts texts in 4 MB of memory. Texts share counters, so some counts are a little high."""

    def __init__(self) -> None:
        self._counts = array("I", bytes(_COUNTERS * array("I").itemsize))

    def add(self, text: str) -> int:
        """Count a text; return how often it was counted before."""
        counter = zlib.crc32(text.encode()) % _COUNTERS
        self._counts[counter] += 1
        return self._counts[counter] - 1


def _similar_rows(name: str, word_pairs: RoughCounts) -> int:
    """Return how many earlier rows share two words with a name, at least; count its words."""
    words = sorted({*folding.words(name)})[:_MAX_WORDS]
    pairs = combinations(words, 2) if len(words) > 1 else [words]
    return max(word_pairs.add(" ".join(pair)) for pair in pairs)


def _external_ids(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the identifiers in the cells of a row that can be read, without placeholders."""
    for scheme, value in _readable_ids(values):
        if not is_placeholder(value):
            yield scheme, value


def _readable_ids(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    with suppress(CellError):
        for id in columns.read_external_ids(values.get("external_ids", [])):
            if isinstance(id, dict) and {*map(type, id.values())} == {str}:
                yield id.get("scheme", ""), id.get("value", "")
    for column, value in values.items():
        if column.startswith("id:") and type(value) in (str, int):
            yield column[3:], str(value)


def _have_one_name(*names: str) -> bool:
    """Return whether two people with these names and one identifier are the same."""
    a, b = (Person([name], external_ids=[("id", "same")]) for name in names)
    return compare(a, b).decision == "same"


# The people of rows.


@dataclass(slots=True)
class ListedPerson:
    """The person of a row, and the recorded person or the earlier row that is the same.

    If there are candidates, the row is a possible duplicate and needs a decision.
    """

    row: int
    record: Mapping[str, Any]
    person: Person
    digest: bytes
    keys: Sequence[str]
    recorded_id: UUID | None
    detainee_id: UUID | None = None
    same_as_row: int | None = None
    # Whether the id is of a person hidden from the caller, who would get a second, named record.
    has_hidden_id: bool = False
    candidate_ids: Sequence[UUID] = field(default_factory=list)
    candidate_rows: Sequence[int] = field(default_factory=list)
    # Key of an identifier -> the recorded people, or the earlier rows, that have it.
    holders: dict[str, list[UUID | int]] = field(default_factory=dict)

    @classmethod
    def from_content(cls, row: int, content: Mapping[str, Any]) -> Self:
        record = row_reader.person_record(content)
        person = Person.from_record(record)
        keys = candidates.name_keys(person)
        return cls(row, record, person, _digest(content), keys, content.get("id"))

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
        self, conn: queries.Connection, caller: Caller | None, import_id: UUID, sha256: bytes
    ) -> None:
        self._conn = conn
        self._key_id = caller and caller.key_id
        self._sees_hidden = caller is None or caller.sees_hidden
        self._import_id = import_id
        self._sha256 = sha256
        self._key_counts = RoughCounts()

    def match(self, rows: Sequence[tuple[int, Mapping[str, Any]]]) -> Sequence[ListedPerson]:
        """Return the people of a block of rows, each given by number and content."""
        people = [ListedPerson.from_content(number, content) for number, content in rows]
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

        These have the id of a visible person, were imported in the same file before, or have an
        identifier that one person has. A contradiction of the name, sex or birth date makes a
        person with that id a candidate; one with that identifier is compared like the others.
        """
        ids = {p.recorded_id for p in people if p.recorded_id is not None}
        canonical = {id: canonical_ids.resolve(self._conn, "detainee", id) for id in ids}
        identified = self._people_by_identifier(people)
        same_people = {id for ids in identified.values() for id in ids}
        recorded = self._read_people(same_people.union(canonical.values()))
        applied = {
            stored.digest: stored.detainee_id
            for stored in queries.rows(
                self._conn,
                "imports/find_applied_rows",
                digests=[person.digest for person in people],
                file_sha256=self._sha256,
                key_id=self._key_id,
                sees_hidden=self._sees_hidden,
            )
        }
        unseen = {id for id in canonical.values() if id not in recorded}
        hidden = detainees.hidden_among(self._conn, unseen)
        for i, person in enumerate(people):
            by_id = None if person.recorded_id is None else canonical[person.recorded_id]
            person.has_hidden_id = by_id in hidden
            same = identified.get(i, set())
            visible = by_id in recorded
            if visible and _is_compatible(person.person, recorded[by_id]):
                person.detainee_id = by_id
            elif person.digest in applied:
                person.detainee_id = applied[person.digest]
            elif by_id is not None and visible:
                person.candidate_ids = [by_id]
            elif len(same) == 1 and all(
                compare(person.person, recorded[id]).decision == "same" for id in same
            ):
                (person.detainee_id,) = same

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

    def _read_people(self, ids: Set[UUID]) -> Mapping[UUID | None, Person]:
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
                match = find_match(person.person, other)
                if match is None:
                    continue
                matches.append((match, canonical))
                if _shares_identifier(match):
                    for key in identifying(person.person).keys() & identifying(other).keys():
                        person.holders.setdefault(key, []).append(canonical)
            return matches

        return find


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
