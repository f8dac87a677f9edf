"""Who of the recorded people may be meant by a name: those under whose keys of spelling it stands.

Nothing here reads all people. Of a key that more people share than are read, some are read: of a
common word alone that is as good as any, and whoever agrees in more words, or in a word and the
year of birth, is found by keys that fewer share.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from itertools import accumulate
from typing import Any
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb
from rapidfuzz.distance import OSA

from api.database import queries
from api.matching import name_parsing, phonetics

MOST_FOUND = 100
"""People that a search finds at the most: the best."""

_MOST_COMPARED = 50
_MOST_OF_KEY = 100
_MOST_NAMES = 5
"""Of many aliases so many are looked for with letters wrong."""
_MOST_NEAR = 12
_MOST_LETTERS = 3
"""So many letters differ where two words are one with two wrong: a third is g for gu."""


def keep(conn: queries.Connection, detainee_id: UUID, names: Sequence[str]) -> None:
    """Makes a person be found by every spelling of every name, and by no other."""
    keys = name_parsing.keys(*names)
    queries.run(conn, "matching/delete_name_keys", detainee_id=detainee_id, spellings=keys)
    keep_new(conn, [(detainee_id, names)])


def keep_new(conn: queries.Connection, people: Sequence[tuple[UUID, Sequence[str]]]) -> None:
    """Makes people who are found by nothing yet be found by every spelling of every name."""
    words: dict[str, frozenset[str]] = {}
    entries = []
    for id, names in people:
        own = name_parsing.words_of(names)
        words |= {word: phonetics.deletions(word) for word in own if word not in words}
        told = [word for word in own if words[word]]
        entries.append(
            {
                "id": str(id),
                "spellings": name_parsing.keys(*names),
                "words": told,
                "wholes": [max(words[word], key=len) for word in told],
            }
        )
    new = queries.rows(conn, "matching/insert_name_keys", people=Jsonb(entries))
    rest = [(deletion, one.word, one.hidden) for one in new for deletion in words[one.word]]
    if rest:
        queries.run(
            conn,
            "matching/insert_word_variants",
            deletions=[deletion for deletion, _, _ in rest],
            words=[word for _, word, _ in rest],
            hidden=[hidden for _, _, hidden in rest],
        )


def named(conn: queries.Connection, name: str, sees_hidden: bool) -> Sequence[Any]:
    """The people whose names are most like this one or hold it, as far as the caller may see them;
    their ids, names and aliases."""
    near = _near(conn, [[name]], sees_hidden)
    keys = name_parsing.sought([name], near)
    places = list(range(1, len(keys) + 1))
    return queries.rows(
        conn,
        "matching/find_candidates",
        spellings=list(keys),
        firsts=places,
        lasts=places,
        items=[0] * len(keys),
        weights=list(keys.values()),
        most_of_key=_MOST_OF_KEY,
        most=MOST_FOUND,
        sees_hidden=sees_hidden,
    )


def like(
    conn: queries.Connection, people: Sequence[Mapping[str, Any]], sees_hidden: bool
) -> Sequence[Sequence[Any]]:
    """For each of these people, those who may be the same, with all that is compared."""
    names = [[person["name"], *person["aliases"]] for person in people]
    near = _near(conn, names, sees_hidden)
    asked: dict[str, list[tuple[int, float]]] = {}
    for i, of_one in enumerate(names):
        for key, weight in name_parsing.sought(of_one, near).items():
            asked.setdefault(key, []).append((i, weight))
    periods = [_periods(person["birth_date"]) for person in people]
    keys = [one for own in asked.values() for one in own]
    born = [
        (i, weight + more, first, last) for i, weight in keys for first, last, more in periods[i]
    ]
    sizes = [len(own) for own in asked.values()]
    born_sizes = [sum(len(periods[i]) for i, _ in own) for own in asked.values()]
    lasts, born_lasts = list(accumulate(sizes)), list(accumulate(born_sizes))
    ids = [(i, one) for i, person in enumerate(people) for one in person["external_ids"]]
    found: list[list[Any]] = [[] for _ in people]
    for row in queries.rows(
        conn,
        "matching/find_candidates",
        spellings=list(asked),
        firsts=[last - size + 1 for last, size in zip(lasts, sizes, strict=True)],
        lasts=lasts,
        items=[i for i, _ in keys],
        weights=[weight for _, weight in keys],
        born_firsts=[last - size + 1 for last, size in zip(born_lasts, born_sizes, strict=True)],
        born_lasts=born_lasts,
        born_items=[i for i, *_ in born],
        born_weights=[weight for _, weight, _, _ in born],
        born_from=[first for *_, first, _ in born],
        born_until=[last for *_, last in born],
        identified=[i for i, _ in ids],
        external_ids=[orjson.dumps(one).decode() for _, one in ids],
        most_of_key=_MOST_OF_KEY,
        most=_MOST_COMPARED,
        sees_hidden=sees_hidden,
    ):
        found[row.item].append(row)
    return found


def _periods(birth_date: str | None) -> Sequence[tuple[date, date, float]]:
    """From when until when somebody of this birth date may be recorded as born, and how much more
    it says to be found there."""
    if not birth_date or not birth_date[:4].isdecimal():
        return ()
    year = int(birth_date[:4])
    periods = [
        (date(one, 1, 1), date(one, 12, 31), more)
        for one, more in ((year, 0.5), (year - 1, 0.2), (year + 1, 0.2))
        if date.min.year <= one <= date.max.year
    ]
    with suppress(ValueError):  # a year or a month, or a day that there is not
        day = date.fromisoformat(birth_date)
        periods.append((day, day, 1.5))
    return periods


def _near(
    conn: queries.Connection, names: Iterable[Sequence[str]], sees_hidden: bool
) -> name_parsing.Near:
    words = {word for of_one in names for word in name_parsing.words_of(of_one[:_MOST_NAMES])}
    rest = [(word, deletion) for word in words for deletion in phonetics.deletions(word)]
    found: dict[str, list[tuple[float, str]]] = {}
    for row in queries.rows(
        conn,
        "matching/find_near_words",
        words=[word for word, _ in rest],
        deletions=[deletion for _, deletion in rest],
        sees_hidden=sees_hidden,
    ):
        far = OSA.distance(row.word, row.near, score_cutoff=_MOST_LETTERS) > _MOST_LETTERS
        likeness = None if far else phonetics.likeness(row.word, row.near)
        if likeness is not None:
            found.setdefault(row.word, []).append((-likeness.score, row.near))
    kept = _kept(conn, {near for of in found.values() for _, near in of}, sees_hidden)
    return {
        word: [near for _, near in sorted(of) if near in kept][:_MOST_NEAR]
        for word, of in found.items()
    }


def _kept(conn: queries.Connection, words: Iterable[str], sees_hidden: bool) -> frozenset[str]:
    """The words under which somebody is kept whom the caller may see. A word outlives its name: one
    of somebody who was hidden since must not stand in the way of others."""
    keys = {word: phonetics.key(word) for word in words}
    if not keys:
        return frozenset()
    rows = queries.rows(
        conn,
        "matching/find_stored_keys",
        spellings=list(set(keys.values())),
        sees_hidden=sees_hidden,
    )
    kept = {row.spelling for row in rows}
    return frozenset(word for word, key in keys.items() if key in kept)
