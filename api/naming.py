"""How the names of two records agree: in which words, however spelled, and what that is worth."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Literal, NamedTuple

from api import spellings
from api.full_names import FullName, Word, codes, read
from api.spellings import Likeness

Want = Literal["nothing", "year", "day"]


@dataclass(frozen=True, slots=True)
class Feature:
    """What two records say of one thing: from 0, they contradict each other, to 1, they agree."""

    feature: str
    score: float
    detail: str


class Naming(NamedTuple):
    """How two names agree: what it is worth in bits, and in how many words; whether they are those
    of two people, or hardly of one, or what birth dates have to agree in for them to be."""

    bits: float
    words: int
    two_people: bool
    doubt: bool
    wants: Want
    features: Sequence[Feature]


_MOST_NAMINGS = 8
"""Of two people with many aliases each, as many pairs of names are compared as look most alike."""


def best(a: Sequence[str], b: Sequence[str]) -> Naming:
    """How those names of both agree that agree best.

    An alias does not make two people one: where their first names are those of two, it is a doubt.
    """
    pairs = sorted({(min(pair), max(pair)) for pair in product(a, b)})
    if len(pairs) > _MOST_NAMINGS:
        pairs.sort(key=lambda pair: len(codes(pair[0]) & codes(pair[1])), reverse=True)
    found = max(
        (_named(*pair) for pair in pairs[:_MOST_NAMINGS]),
        key=lambda naming: (not naming.two_people and naming.words > 1, naming.words, naming.bits),
        default=Naming(0, 0, False, True, "nothing", ()),
    )
    first = _named(min(a[0], b[0]), max(a[0], b[0])) if pairs else found
    return found._replace(doubt=found.doubt or (first.two_people and first.words > 0))


@lru_cache(maxsize=1 << 10)
def _named(a: str, b: str) -> Naming:
    return _compare_names(read(a), read(b))


class _Pair(NamedTuple):
    """Two words that agree, as places in two names."""

    i: int
    j: int
    a: Word
    b: Word
    likeness: Likeness


def _compare_names(a: FullName, b: FullName) -> Naming:
    a_words, b_words = _joined(a.words, b.words), _joined(b.words, a.words)
    pairs = _agreeing(a_words, b_words)
    a_left = _left(a_words, {pair.i for pair in pairs})
    b_left = _left(b_words, {pair.j for pair in pairs})
    given = [pair for pair in pairs if _is_given(pair)]
    surnames = [pair for pair in pairs if not _is_given(pair)]
    differ = _differing(a_left, b_left, ("given",)) or _differing(a_left, b_left, ("patronymic",))
    apart = _differing(a_left, b_left, ("surname",))
    unsure = not differ and not apart and _unsure(a_left, b_left)
    elder = a.generation != b.generation
    features = [
        *_naming_feature("given_names", "Given names", given, differ, a_left + b_left),
        *_naming_feature("surnames", "Surnames", surnames, apart, a_left + b_left),
    ]
    two_people = bool(differ) or (elder and "" not in (a.generation, b.generation))
    if elder:
        which = " and ".join(sorted(g or "not told" for g in (a.generation, b.generation)))
        features.append(
            Feature("generation", 0.0 if two_people else 0.4, f"Which of that name: {which}")
        )
    bits = sum(_bits(pair) for pair in pairs) - 0.5 * len(a_left + b_left)
    bits -= 20 * two_people + 10 * bool(apart) + 2 * bool(unsure) + 2 * elder
    doubt = bool(apart or unsure) or elder or any(map(_doubtful, pairs)) or _crossed(pairs)
    slip = any(pair.likeness.kind == "slip" and _is_given(pair) for pair in pairs)
    partly = any(word.part in _GIVEN for word in a_left + b_left)
    wants: Want = "day" if slip else "year" if partly else "nothing"
    return Naming(bits, len(pairs), two_people, doubt, wants, features)


def _joined(words: Sequence[Word], others: Sequence[Word]) -> list[Word]:
    """The words, two of them as one where the other name writes them so: Ana María, Anamaría."""
    texts = {word.text for word in others}
    joined: list[Word] = []
    for word in words:
        before = joined[-1] if joined else None
        if before and before.text + word.text in texts and before.part != "nickname":
            joined[-1] = Word(before.text + word.text, before.part)
        else:
            joined.append(word)
    return joined


def _agreeing(a: Sequence[Word], b: Sequence[Word]) -> list[_Pair]:
    """Words that agree, each with one of the other name at the most, the most alike first."""
    alike = []
    for i, j in product(range(len(a)), range(len(b))):
        likeness = _likeness(a[i], b[j])
        if likeness:
            crossed = a[i].part != b[j].part
            alike.append((-likeness.score, crossed, abs(i - j), i, j, likeness))
    alike.sort()
    a_taken: set[int] = set()
    b_taken: set[int] = set()
    pairs = []
    for *_, i, j, likeness in alike:
        if i not in a_taken and j not in b_taken:
            a_taken.add(i)
            b_taken.add(j)
            pairs.append(_Pair(i, j, a[i], b[j], likeness))
    return sorted(pairs)


_GIVEN = frozenset(("given", "patronymic"))


def _likeness(a: Word, b: Word) -> Likeness | None:
    parts = {a.part, b.part}
    if parts == {"patronymic"}:
        return spellings.patronymics(a.text, b.text)
    likeness = spellings.likeness(a.text, b.text)
    if likeness is None:
        whole = (a.whole or a.text) == b.text or a.text == (b.whole or b.text)
        return Likeness("spelling", 0.95) if whole else None
    if likeness.kind == "ending" and parts & {*_GIVEN, "nickname"}:
        return None
    if likeness.kind not in ("same", "spelling", "part") and "surname" in parts and parts & _GIVEN:
        return None
    return likeness


def _left(words: Sequence[Word], taken: set[int]) -> list[Word]:
    return [w for i, w in enumerate(words) if i not in taken and w.part != "nickname"]


def _is_given(pair: _Pair) -> bool:
    parts = {pair.a.part, pair.b.part}
    if parts & {"given", "patronymic", "nickname"}:
        return "surname" not in parts
    text = pair.a.text
    return parts == {"unknown"} and bool(spellings.given_names(text)) > spellings.is_surname(text)


def _differing(a: Sequence[Word], b: Sequence[Word], parts: Iterable[str]) -> list[str]:
    """The words of these parts that each has and the other has not, if both have such."""
    each = [" ".join(word.shown for word in words if word.part in parts) for words in (a, b)]
    return sorted(each) if all(each) else []


def _unsure(a: Sequence[Word], b: Sequence[Word]) -> bool:
    """Whether each has a word that the other has not, and what one of them is cannot be told."""
    return bool(a and b) and any(word.part == "unknown" for word in (*a, *b))


_WEIGHTS = {
    "same": 1.0,
    "spelling": 1.0,
    "nickname": 0.7,
    "consonants": 0.9,
    "slip": 0.6,
    "letters": 0.6,
    "part": 0.6,
    "ending": 0.5,
    "initial": 1.0,
}


def _bits(pair: _Pair) -> float:
    rarity = min(spellings.rarity(pair.a.text), spellings.rarity(pair.b.text))
    return rarity * _WEIGHTS[pair.likeness.kind]


def _doubtful(pair: _Pair) -> bool:
    """Whether two people can well be called so: Petrov and Petrova, two sisters with one letter."""
    kind = pair.likeness.kind
    far = kind == "letters" and (_is_given(pair) or pair.likeness.score < _TWO_LETTERS)
    return far or kind in ("ending", "consonants", "part")


# Two wrong letters of a word that has seven or fewer leave less than this.
_TWO_LETTERS = 0.81


def _crossed(pairs: Sequence[_Pair]) -> bool:
    """Whether given names or surnames change places: María José is not José María."""
    for part in ("given", "surname"):
        places = [pair.j for pair in pairs if pair.a.part == pair.b.part == part]
        if places != sorted(places):
            return True
    return False


def _naming_feature(
    feature: str, title: str, pairs: Sequence[_Pair], differ: Sequence[str], left: Sequence[Word]
) -> Iterable[Feature]:
    agree = ", ".join(" = ".join(sorted({pair.a.shown, pair.b.shown})) for pair in pairs)
    if differ:
        also = f"; {agree} agrees" if agree else ""
        yield Feature(feature, 0.0, f"{title} differ: {' and '.join(differ)}{also}")
    elif agree:
        parts = _GIVEN if feature == "given_names" else {"surname"}
        more = sorted(word.shown for word in left if word.part in parts)
        also = f"; one record has also {' '.join(more)}" if more else ""
        score = sum(pair.likeness.score for pair in pairs) / len(pairs)
        yield Feature(
            feature, round(score / (1 + 0.1 * len(more)), 3), f"{title} agree: {agree}{also}"
        )
