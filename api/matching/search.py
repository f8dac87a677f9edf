"""Search by name: the ranking of `GET /detainees?q=`.

A query may be less than a name (a surname, a nickname, an initial) or more (both surnames of a
person who is recorded with one). It matches a name that has most of its words, weighted by their
rarity, and no other word in their place: a search for Tomás Otero does not find Fermín Otero.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple
from uuid import UUID

from api.database import queries
from api.matching import candidates, common_names, name_comparison
from api.matching.folding import other_readings
from api.matching.name_comparison import Alignment, Feature
from api.matching.name_parsing import FullName, Word, parse_for_search, parse_query
from api.matching.scoring import Person, compare

_MIN_SCORE = 0.5
_OTHER_GIVEN_NAME, _OTHER_WORD, _MISSING_WORD, _OTHER_ORDER = 0.5, 0.6, 0.5, 0.97
"""Factors of the score."""


@dataclass(frozen=True, slots=True)
class NameMatch:
    """The name of a person that matches a query best: score 0.5 to 1, which is the same name."""

    score: float
    name: str
    features: Sequence[Feature]


class Hit(NamedTuple):
    """A person that a search found, and how."""

    id: UUID
    match: NameMatch


def search(conn: queries.Connection, query: str, sees_hidden: bool) -> list[Hit]:
    """The visible people whose names match a query, best first.

    Equal scores are in the order of ids.
    """
    hits = []
    for row in candidates.find_by_name(conn, query, sees_hidden):
        match = match_names(query, [row.name, *row.aliases])
        if match is not None:
            hits.append(Hit(row.id, match))
    return sorted(hits, key=lambda hit: (-hit.match.score, str(hit.id)))


def match_names(query: str, names: Sequence[str]) -> NameMatch | None:
    """The best match of a query among a person's names, or None.

    A person whom the comparison of records takes for possible by name alone always matches.
    """
    matches = []
    may_be_possible = []
    for name in names:
        for asked, read in _readings(query, name):
            parsed = parse_query(asked)
            alignment = name_comparison.align(parsed, parse_for_search(read))
            score = _score(parsed, alignment)
            if score >= _MIN_SCORE:
                matches.append(NameMatch(score, name, list(alignment.features())))
            elif len(alignment.pairs) > 1:
                may_be_possible.append(name)
    if matches:
        return max(matches, key=lambda match: match.score)
    for name in may_be_possible:
        compared = compare(Person([query]), Person([name]))
        if compared.decision != "none":
            return NameMatch(_MIN_SCORE, name, compared.features)
    return None


def _readings(query: str, name: str) -> Iterable[tuple[str, str]]:
    """A query and a name, as they are written and by another reading of one of them."""
    yield query, name
    yield from product(other_readings(query), [name])
    yield from product([query], other_readings(name))


def _score(asked: FullName, alignment: Alignment) -> float:
    """The share of the query that agrees, weighted by rarity.

    It is less if other words are in the place of the missing ones, and a little less for each
    additional word of the name.
    """
    pairs, missing, additional = alignment
    if not pairs:
        return 0.0
    rarity = common_names.rarity_bits
    agreeing_bits = sum(rarity(pair.a.text) * pair.similarity.score for pair in pairs)
    paired_bits = sum(rarity(pair.a.text) for pair in pairs)
    missing_bits = sum(rarity(word.text) for word in missing)
    if alignment.contradicts("given") or alignment.contradicts("patronymic"):
        score = _OTHER_GIVEN_NAME * agreeing_bits / (paired_bits + missing_bits)
    elif any(_may_be_same_part(a, b) for a in missing for b in additional):
        score = _OTHER_WORD * agreeing_bits / (paired_bits + missing_bits)
    else:
        score = agreeing_bits / (paired_bits + _MISSING_WORD * missing_bits)
    score *= 0.9 + 0.1 * len(pairs) / (len(pairs) + len(additional))
    if name_comparison.is_reordered(pairs):
        score *= _OTHER_ORDER
    return round(score, 3)


def _may_be_same_part(a: Word, b: Word) -> bool:
    return a.part == b.part or "unknown" in (a.part, b.part)
