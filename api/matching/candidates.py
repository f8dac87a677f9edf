"""The index of names, and the candidates that it gives: people who share a blocking key.

No request reads all people. If more than `_MAX_PER_KEY` people share a key, only some of them are
compared: people who agree in more words, or in a word and the year of birth, also share a rarer
key. The list of a search has the others too, in parts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from datetime import date
from itertools import accumulate
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.types.json import Jsonb
from rapidfuzz.distance import OSA

from api.database import queries
from api.matching import blocking_keys, phonetics
from api.matching.blocking_keys import NearWords
from api.matching.common_names import is_common
from api.matching.external_ids import external_id_key, is_placeholder
from api.matching.scoring import Match, Person, find_match

MAX_RANKED = 100
"""The most people of a search who are ranked, before all others in the order of ids."""
MAX_CANDIDATES = 10
"""The most candidates that are returned for one person."""

_MAX_COMPARED = 50
_MAX_PER_KEY = 100
_PART_PEOPLE = 200
"""The people of a search who are read at once, after the ranked ones."""
_MAX_MISSPELLED_NAMES = 5
"""Only so many names of one person are also searched for misspellings."""
_MAX_NEAR_WORDS = 12
_MAX_DISTANCE = 3
"""Near words differ in two letters, and in a third if their spelling differs (g for gu)."""


def index_person(conn: queries.Connection, detainee_id: UUID, names: Sequence[str]) -> None:
    """Index a person by these names, and by no other."""
    keys = _keys_of_person(names)
    queries.run(conn, "matching/delete_name_keys", detainee_id=detainee_id, name_keys=keys)
    index_new_people(conn, [(detainee_id, names)])


def index_new_people(
    conn: queries.Connection, people: Sequence[tuple[UUID, Sequence[str]]]
) -> None:
    """Index people who are not indexed yet, each by all their names."""
    variants: dict[str, frozenset[str]] = {}
    entries = []
    for id, names in people:
        words = blocking_keys.index_words(names)
        variants |= {
            word: phonetics.delete_variants(word) | phonetics.prefix_variants(word)
            for word in words
            if word not in variants
        }
        varied_words = [word for word in words if variants[word]]
        entries.append(
            {
                "id": str(id),
                "name_keys": _keys_of_person(names),
                "words": varied_words,
                "wholes": [_last_variant(variants[word]) for word in varied_words],
            }
        )
    rows = queries.rows(conn, "matching/insert_name_keys", people=Jsonb(entries))
    varied = [(variant, row.word, row.hidden) for row in rows for variant in variants[row.word]]
    if varied:
        queries.run(
            conn,
            "matching/insert_word_variants",
            variants=[variant for variant, _, _ in varied],
            words=[word for _, word, _ in varied],
            hidden=[hidden for _, _, hidden in varied],
        )


def _keys_of_person(names: Sequence[str]) -> list[str]:
    return [*blocking_keys.index_keys(names), *blocking_keys.index_beginnings(names)]


def _last_variant(variants: Set[str]) -> str:
    """The variant that tells whether all variants of a word are stored."""
    return max(variants, key=lambda variant: (phonetics.is_prefix_variant(variant), len(variant)))


def find_by_name(
    conn: queries.Connection, name: str, sees_hidden: bool
) -> tuple[Sequence[Any], bool]:
    """The visible people whose names share the weightiest keys with a query; whether they are all.

    The people are rows of id, name and aliases; at most `MAX_RANKED`.
    """
    keys = {**blocking_keys.joined_keys(name), **_search_keys(conn, name, sees_hidden)}
    rows = queries.rows(
        conn,
        "matching/find_by_name",
        name_keys=list(keys),
        weights=list(keys.values()),
        max_per_key=_MAX_PER_KEY,
        max_people=MAX_RANKED,
        sees_hidden=sees_hidden,
    )
    return rows, all(row.is_complete for row in rows)


def list_by_name(
    conn: queries.Connection, name: str, after: UUID, sees_hidden: bool
) -> Iterator[Any]:
    """The visible people after an id whose names share a key with a query, in the order of ids."""
    keys = blocking_keys.selective(_search_keys(conn, name, sees_hidden))
    while True:
        rows = queries.rows(
            conn,
            "matching/list_by_name",
            name_keys=keys,
            after=after,
            max_people=_PART_PEOPLE,
            sees_hidden=sees_hidden,
        )
        yield from rows
        if not rows:
            return
        after = rows[-1].id


def list_by_id_prefix(
    conn: queries.Connection, prefixes: Sequence[bytes], sees_hidden: bool
) -> Sequence[Any]:
    """The visible people whose ids begin with these bytes, in any order."""
    return queries.rows(
        conn,
        "matching/list_by_id_prefix",
        first_ids=[UUID(bytes=prefix.ljust(16, b"\0")) for prefix in prefixes],
        last_ids=[UUID(bytes=prefix.ljust(16, b"\xff")) for prefix in prefixes],
        sees_hidden=sees_hidden,
    )


def _search_keys(conn: queries.Connection, name: str, sees_hidden: bool) -> Mapping[str, float]:
    near_words = _near_words(conn, [[name]], sees_hidden, with_longer=True)
    return {
        **blocking_keys.search_beginnings(name),
        **blocking_keys.search_keys([name], near_words),
    }


class Candidate(NamedTuple):
    """A stored person who may be the one that was asked for, with the properties compared."""

    match: Match
    row: Any


def match_people(
    conn: queries.Connection, people: Sequence[Mapping[str, Any]], *, sees_hidden: bool
) -> list[Sequence[Candidate]]:
    """The answer to `POST /detainees/match`: for each of these people at most `MAX_CANDIDATES`.

    If the best candidate is `same`, people who were recorded as distinct from them are left out.
    """
    matches_by_person = find_matches(conn, people, sees_hidden=sees_hidden)
    ids = {
        candidate.row.id
        for matches in matches_by_person
        if _is_same(matches)
        for candidate in matches
    }
    distinct = {
        frozenset((row.first_id, row.second_id))
        for row in queries.rows(conn, "merges/list_distinctions_between", ids=list(ids))
    }
    return [_without_distinct(matches, distinct)[:MAX_CANDIDATES] for matches in matches_by_person]


def _is_same(matches: Sequence[Candidate]) -> bool:
    return bool(matches) and matches[0].match.decision == "same"


def _without_distinct(
    matches: Sequence[Candidate], distinct: Set[frozenset[UUID]]
) -> Sequence[Candidate]:
    if not _is_same(matches):
        return matches
    best = matches[0].row.id
    return [match for match in matches if frozenset((best, match.row.id)) not in distinct]


def find_matches(
    conn: queries.Connection,
    people: Sequence[Mapping[str, Any]],
    *,
    sees_hidden: bool,
    max_compared: Sequence[int] | None = None,
) -> list[list[Candidate]]:
    """For each of these people the candidates that are `same` or `possible`, best first.

    `max_compared` has for each the most that are compared by name, instead of 50.
    """
    rows_by_person = find_comparable(conn, people, sees_hidden, max_compared)
    return [
        _matches(Person.from_record(person), rows)
        for person, rows in zip(people, rows_by_person, strict=True)
    ]


def _matches(asked: Person, rows: Sequence[Any]) -> list[Candidate]:
    compared = ((find_match(asked, Person.from_record(row._asdict())), row) for row in rows)
    matches = [Candidate(match, row) for match, row in compared if match is not None]
    matches.sort(key=lambda candidate: (-candidate.match.score, str(candidate.row.id)))
    return matches


def find_comparable(
    conn: queries.Connection,
    people: Sequence[Mapping[str, Any]],
    sees_hidden: bool,
    max_compared: Sequence[int] | None = None,
) -> Sequence[Sequence[Any]]:
    """For each of these people the visible people to compare, with all that is compared.

    These are those who share the weightiest keys, at most 50 or `max_compared`, and those who share
    an identifier. All are looked up by one statement. The people who have the k-th of its distinct
    `name_keys` are `firsts[k]` to `lasts[k]` of `items`; the periods of person i are at
    `born_firsts[i]` to `born_lasts[i]` of the lists of births.
    """
    names = [[person["name"], *person["aliases"]] for person in people]
    near_words = _near_words(conn, names, sees_hidden)
    # A key -> the people who have it, each with the key's weight for this person.
    weights_by_key: dict[str, list[tuple[int, float]]] = {}
    for i, person_names in enumerate(names):
        for key, weight in blocking_keys.search_keys(person_names, near_words).items():
            weights_by_key.setdefault(key, []).append((i, weight))
    items = [item for weights in weights_by_key.values() for item in weights]
    firsts, lasts = _bounds(len(weights) for weights in weights_by_key.values())
    periods = [_birth_periods(person["birth_date"]) for person in people]
    born = [period for of_person in periods for period in of_person]
    born_firsts, born_lasts = _bounds(map(len, periods))
    ids = [
        (i, external_id_key(id["scheme"], id["value"]))
        for i, person in enumerate(people)
        for id in person["external_ids"]
        if not is_placeholder(id["value"])
    ]
    rows_by_person: list[list[Any]] = [[] for _ in people]
    for row in queries.rows(
        conn,
        "matching/find_candidates",
        name_keys=list(weights_by_key),
        firsts=firsts,
        lasts=lasts,
        items=[i for i, _ in items],
        weights=[weight for _, weight in items],
        born_firsts=born_firsts,
        born_lasts=born_lasts,
        born_weights=[more for _, _, more in born],
        born_from=[first for first, _, _ in born],
        born_until=[last for _, last, _ in born],
        identified=[i for i, _ in ids],
        id_keys=[key for _, key in ids],
        max_per_key=_MAX_PER_KEY,
        max_people=[_MAX_COMPARED] * len(people) if max_compared is None else max_compared,
        sees_hidden=sees_hidden,
    ):
        rows_by_person[row.item].append(row)
    return rows_by_person


def _bounds(sizes: Iterable[int]) -> tuple[Sequence[int], Sequence[int]]:
    """The first and the last number, from 1, of consecutive parts of these sizes."""
    ends = [0, *accumulate(sizes)]
    return [end + 1 for end in ends[:-1]], ends[1:]


def _birth_periods(birth_date: str | None) -> Sequence[tuple[date, date, float]]:
    """The periods in which a person with this birth date may be recorded as born.

    Each has its first day, its last day, and the weight that it adds to a key.
    """
    if not birth_date or not birth_date[:4].isdecimal():
        return ()
    year = int(birth_date[:4])
    periods = [
        (date(near, 1, 1), date(near, 12, 31), more)
        for near, more in ((year, 0.5), (year - 1, 0.2), (year + 1, 0.2))
        if date.min.year <= near <= date.max.year
    ]
    with suppress(ValueError):  # a year, a month, or a day that does not exist
        day = date.fromisoformat(birth_date)
        periods.append((day, day, 1.5))
    return periods


def _near_words(
    conn: queries.Connection,
    names: Iterable[Sequence[str]],
    sees_hidden: bool,
    *,
    with_longer: bool = False,
) -> NearWords:
    """The indexed words that are similar to words of these names, most similar first.

    They are found by a shared delete variant. `with_longer` also finds the words that an uncommon
    word begins, for a search.
    """
    words = {
        word
        for person_names in names
        for word in blocking_keys.index_words(person_names[:_MAX_MISSPELLED_NAMES])
    }
    variants = [(word, variant) for word in words for variant in phonetics.delete_variants(word)]
    if with_longer:
        begun = ((word, phonetics.prefix_variant(word)) for word in words)
        variants += [(word, variant) for word, variant in begun if variant]
    near: dict[str, list[tuple[float, str]]] = {}
    longer: dict[str, list[tuple[float, str]]] = {}
    for row in queries.rows(
        conn,
        "matching/find_near_words",
        words=[word for word, _ in variants],
        variants=[variant for _, variant in variants],
        sees_hidden=sees_hidden,
    ):
        distant = OSA.distance(row.word, row.near, score_cutoff=_MAX_DISTANCE) > _MAX_DISTANCE
        similarity = None if distant else phonetics.similarity(row.word, row.near)
        if similarity is not None:
            near.setdefault(row.word, []).append((-similarity.score, row.near))
        elif with_longer and (begun_by := phonetics.truncated_similarity(row.word, row.near)):
            longer.setdefault(row.word, []).append((-begun_by.score, row.near))
    similar = [*near.items(), *longer.items()]
    current = _current_words(conn, {word for _, words in similar for _, word in words}, sees_hidden)
    selected: dict[str, list[str]] = {}
    for word, others in similar:
        words_in_order = [other for _, other in sorted(others) if other in current]
        selected.setdefault(word, []).extend(words_in_order[:_MAX_NEAR_WORDS])
    return selected


def _current_words(
    conn: queries.Connection, words: Iterable[str], sees_hidden: bool
) -> frozenset[str]:
    """The words by which a visible person is indexed.

    Variants of words are never deleted. Without this check a word of a person who has since been
    hidden could crowd out others.
    """
    keys = {word: blocking_keys.word_key(word) for word in words}
    if not keys:
        return frozenset()
    rows = queries.rows(
        conn,
        "matching/find_stored_keys",
        name_keys=list(set(keys.values())),
        sees_hidden=sees_hidden,
    )
    stored = {row.name_key for row in rows}
    return frozenset(word for word, key in keys.items() if key in stored)


def name_keys(person: Person) -> list[str]:
    """Keys of which two records of one person nearly always share at least one.

    By these the rows of a list are compared with each other. They are blocking keys, delete
    variants of uncommon words, and identifiers.
    """
    variants: dict[str, None] = {}
    for word in blocking_keys.index_words(person.names):
        of_word = () if is_common(word) else phonetics.delete_variants(word)
        longest = max(map(len, of_word), default=0)
        variants.update(dict.fromkeys(f"-{text}" for text in of_word if len(text) >= longest - 1))
    return [
        *blocking_keys.index_keys(person.names),
        *variants,
        *(external_id_key(*id) for id in person.external_ids if not is_placeholder(id[1])),
    ]
