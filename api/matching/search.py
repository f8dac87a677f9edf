"""Search by name: the ranking of `GET /detainees?q=`.

A query may be less than a name (a surname, a nickname, an initial) or more (both surnames of a
person who is recorded with one). It matches a name that has most of its words, weighted by their
rarity, and no other word in their place: a search for Tomás Otero does not find Fermín Otero. Words
may be cut off (Capril) or joined (pedroguanipa).
"""

import re
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, product
from typing import Any, NamedTuple
from uuid import UUID

from api.database import queries
from api.letters import korean
from api.letters.korean import Agreement
from api.letters.transliteration import other_readings
from api.matching import candidates, common_names, name_comparison, phonetics
from api.matching.blocking_keys import MIN_JOINED_LETTERS
from api.matching.name_comparison import Alignment, Feature, WordPair
from api.matching.name_parsing import FullName, Word, parse_for_search, parse_query
from api.matching.scoring import Person, compare
from api.rendering import pagination

_MIN_SCORE = 0.5
_OTHER_GIVEN_NAME, _OTHER_WORD, _MISSING_WORD, _OTHER_ORDER = 0.5, 0.6, 0.5, 0.97
_OTHER_KOREAN_NAME = 0.7
"""Factors of the score."""
_MIN_TRUNCATED, _MIN_TRUNCATED_ALONE = 3, 4
"""The letters of a word that is cut off, beside other words and alone."""


@dataclass(frozen=True, slots=True)
class NameMatch:
    """The name of a person that matches a query best: score 0.5 to 1, which is the same name."""

    score: float
    name: str
    features: Sequence[Feature]


class Hit(NamedTuple):
    """A person that a search found, how, and the position in the list after this person."""

    id: UUID
    match: NameMatch
    position: str


POSITION = re.compile(
    r"(?P<position>\d{1,3}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})(?P<more>[.+])"
    r"(?P<ranked>([A-Za-z0-9_-]{8}){0,100})"
)
"""A position: how many of the ranked people come before it, or the id of the last of the others.

A plus says that there are others. The ranked people follow, since their ranking can change.
"""
_NO_ID = UUID(int=0)


def search(
    conn: queries.Connection, query: str, sees_hidden: bool, position: str | None, limit: int
) -> list[Hit]:
    """At most `limit` visible people whose names match a query, after a position.

    At most 100 people are ranked, best first; equal scores are in the order of ids. The others, if
    more share a name key, follow in the order of ids. Writes do not change the order: the people
    ranked for the first request are part of each position.
    """
    if position is None:
        rows, is_complete = candidates.find_by_name(conn, query, sees_hidden)
        matches = sorted(_matches(query, rows), key=lambda match: (-match[1].score, str(match[0])))
        ranked = [pagination.prefix(id) for id, _ in matches]
        more, done, after = not is_complete, 0, _NO_ID
    else:
        ranked, more, done, after = _read_position(position)
        rows = candidates.list_by_id_prefix(conn, ranked[done:], sees_hidden)
        by_prefix = {pagination.prefix(id): (id, match) for id, match in _matches(query, rows)}
        matches = [by_prefix[prefix] for prefix in ranked[done:] if prefix in by_prefix]
    positions = {prefix: n for n, prefix in enumerate(ranked, 1)}
    suffix = ("+" if more else ".") + pagination.encode_ranking(ranked)
    hits = [
        Hit(id, match, f"{positions[pagination.prefix(id)]}{suffix}")
        for id, match in matches[:limit]
    ]
    if more and len(hits) < limit:
        others = candidates.list_by_name(conn, query, after, sees_hidden)
        unranked = (row for row in others if pagination.prefix(row.id) not in positions)
        for id, match in islice(_matches(query, unranked), limit - len(hits)):
            hits.append(Hit(id, match, f"{id}{suffix}"))
    return hits


def _read_position(position: str) -> tuple[list[bytes], bool, int, UUID]:
    """The ranked people, whether there are others, how many are done, the last of the others."""
    parts = POSITION.fullmatch(position)
    if parts is None:
        raise ValueError(position)
    ranked, more = pagination.decode_ranking(parts["ranked"]), parts["more"] == "+"
    if len(parts["position"]) > 3:
        return ranked, more, len(ranked), UUID(parts["position"])
    return ranked, more, int(parts["position"]), _NO_ID


def _matches(query: str, rows: Iterable[Any]) -> Iterator[tuple[UUID, NameMatch]]:
    for row in rows:
        match = match_names(query, [row.name, *row.aliases])
        if match is not None:
            yield row.id, match


def match_names(query: str, names: Sequence[str]) -> NameMatch | None:
    """The best match of a query among a person's names, or None.

    A person who is a possible match by name alone (`scoring.compare`) always matches.
    """
    matches = []
    may_be_possible = []
    for name in names:
        agreement = korean.compare(query, name)
        korean_names = _korean_given_names(query) if agreement is None else frozenset()
        begun = list(_begun_alignments(query, name))
        for alignment in (*_alignments(query, name, agreement), *begun):
            score = _score(alignment)
            if any(_resembles_korean(pair, korean_names) for pair in alignment.pairs):
                score = 0.0
            elif agreement and not agreement.likeness and not begun:
                score = round(_OTHER_KOREAN_NAME * score, 3)
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


def _alignments(query: str, name: str, agreement: Agreement | None) -> Iterator[Alignment]:
    """How a query agrees with a name, by each reading of the two."""
    for asked, read in _readings(query, name):
        parsed, recorded = parse_query(asked), parse_for_search(read)
        parsed = _separated(parsed, recorded)
        yield _with_truncated_words(name_comparison.align(parsed, recorded))
    if agreement and agreement.likeness:
        yield name_comparison.align_korean(*agreement)


def _begun_alignments(query: str, name: str) -> Iterator[Alignment]:
    """How a query agrees with a Korean name that it begins, or the given name of it: Choi E."""
    for given, reading in product(korean.given_names(query), korean.readings(name)):
        if likeness := given.likeness(reading._replace(surname="")):
            yield name_comparison.align_korean(given, reading, likeness)
    for beginning in korean.beginnings(query):
        for reading in korean.readings(name):
            if beginning.is_of(reading):
                yield name_comparison.align_beginning(beginning, reading)


def _korean_given_names(query: str) -> Set[str]:
    """The given names of a query as a Korean one, unless its surname is common elsewhere: Gil."""
    return {
        reading.written_given
        for reading in korean.readings(query)
        if not common_names.is_surname(reading.written_surname)
    }


def _resembles_korean(pair: WordPair, given_names: Set[str]) -> bool:
    """Whether a word of another language only resembles a Korean given name: Jimena, Jimin."""
    return pair.a.text in given_names and pair.similarity.kind in ("letters", "part", "ending")


def _separated(asked: FullName, recorded: FullName) -> FullName:
    """A query of one word as the words of a name that it joins: pedroguanipa."""
    if len(asked.words) != 1 or len(asked.words[0].text) < MIN_JOINED_LETTERS:
        return asked
    joined, words = asked.words[0].text, recorded.words
    orders = (words[i:] + words[:i] for i in range(len(words)))
    separated = next(filter(None, (_joined_words(joined, order) for order in orders)), None)
    return asked if separated is None else FullName(separated)


@lru_cache(maxsize=1 << 9)
def _joined_words(joined: str, words: tuple[Word, ...]) -> tuple[Word, ...]:
    """Those of some words that make up a text, in their order; empty if there are none.

    The cache makes the work quadratic: a name may have twelve words of one letter each.
    """
    for i, word in enumerate(words):
        for text in filter(None, (word.text, word.with_particles)):
            if text == joined:
                return (word,)
            if joined.startswith(text) and (
                rest := _joined_words(joined[len(text) :], words[i + 1 :])
            ):
                return (word, *rest)
    return ()


def _with_truncated_words(alignment: Alignment) -> Alignment:
    """The alignment, in which words of the query also agree with those that they begin."""
    pairs, missing, additional = alignment
    min_letters = _MIN_TRUNCATED if pairs else _MIN_TRUNCATED_ALONE
    pairs = [_best_of_truncated(pair) for pair in pairs]
    left, still_missing = list(additional), []
    for a in missing:
        whole = left if len(a.text) >= min_letters else []
        similar = ((b, phonetics.truncated_similarity(a.text, b.text)) for b in whole)
        b, similarity = next((pair for pair in similar if pair[1]), (a, None))
        if similarity is None:
            still_missing.append(a)
        else:
            pairs.append(WordPair(len(pairs), len(pairs), a, b, similarity))
            left.remove(b)
    return Alignment(pairs, still_missing, left)


def _best_of_truncated(pair: WordPair) -> WordPair:
    """The pair, of which the first word may be cut off, and not misspelled: Losi, Losik."""
    truncated = phonetics.truncated_similarity(pair.a.text, pair.b.text)
    if truncated is None or truncated.score <= pair.similarity.score:
        return pair
    return pair._replace(similarity=truncated)


def _readings(query: str, name: str) -> Iterable[tuple[str, str]]:
    """A query and a name, as they are written and by another reading of one of them."""
    yield query, name
    yield from product(other_readings(query), [name])
    yield from product([query], other_readings(name))


def _score(alignment: Alignment) -> float:
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
