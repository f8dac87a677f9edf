"""How the names of two records agree: in which words, however spelled, and what that is worth."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Literal, NamedTuple

from api.matching import phonetics
from api.matching.name_parsing import FullName, Part, Word, codes, read
from api.matching.phonetics import Likeness

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


class Pair(NamedTuple):
    """Two words that agree, as places in two names."""

    i: int
    j: int
    a: Word
    b: Word
    likeness: Likeness


class Agreement(NamedTuple):
    """Which words of two names agree, and which of each are left over."""

    pairs: Sequence[Pair]
    a_left: Sequence[Word]
    b_left: Sequence[Word]

    def differing(self, part: Part) -> Sequence[str]:
        """The words of this part that each has and the other has not, if both have such."""
        return _differing(self.a_left, self.b_left, part)

    def contradicts(self, part: Part) -> bool:
        """Whether each has a word of this part that the other has not."""
        return any(word.part == part for word in self.a_left) and any(
            word.part == part for word in self.b_left
        )

    def features(self) -> Iterable[Feature]:
        """In which given names and surnames they agree and differ."""
        left = [*self.a_left, *self.b_left]
        differ = self.differing("given") or self.differing("patronymic")
        given = [pair for pair in self.pairs if _is_given(pair)]
        surnames = [pair for pair in self.pairs if not _is_given(pair)]
        yield from _naming_feature("given_names", "Given names", given, differ, left)
        yield from _naming_feature(
            "surnames", "Surnames", surnames, self.differing("surname"), left
        )


def agree(a: FullName, b: FullName) -> Agreement:
    """Which words of two names agree, however they are spelled and in whatever order."""
    a_words, b_words = _joined(a.words, b.words), _joined(b.words, a.words)
    pairs = _agreeing(a_words, b_words)
    a_left = _left(a_words, {pair.i for pair in pairs})
    return Agreement(pairs, a_left, _left(b_words, {pair.j for pair in pairs}))


def _compare_names(a: FullName, b: FullName) -> Naming:
    agreement = agree(a, b)
    pairs, a_left, b_left = agreement
    differ = agreement.differing("given") or agreement.differing("patronymic")
    apart = agreement.differing("surname")
    unsure = not differ and not apart and _unsure(a_left, b_left)
    elder = a.generation != b.generation
    features = [*agreement.features()]
    two_people = bool(differ) or (elder and "" not in (a.generation, b.generation))
    if elder:
        which = " and ".join(sorted(g or "not told" for g in (a.generation, b.generation)))
        features.append(
            Feature("generation", 0.0 if two_people else 0.4, f"Which of that name: {which}")
        )
    left = len(a_left) + len(b_left)
    bits = sum(_bits(pair) for pair in pairs) - 0.5 * left
    bits -= 20 * two_people + 10 * bool(apart) + 2 * bool(unsure) + 2 * elder
    doubt = bool(apart or unsure) or elder or any(map(_doubtful, pairs)) or crossed(pairs)
    slip = any(pair.likeness.kind == "slip" and _is_given(pair) for pair in pairs)
    partly = any(word.part in _GIVEN for word in (*a_left, *b_left))
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


def _agreeing(a: Sequence[Word], b: Sequence[Word]) -> list[Pair]:
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
            pairs.append(Pair(i, j, a[i], b[j], likeness))
    return sorted(pairs)


_GIVEN = frozenset(("given", "patronymic"))


def _likeness(a: Word, b: Word) -> Likeness | None:
    if a.part == b.part == "patronymic":
        return phonetics.patronymics(a.text, b.text)
    likeness = phonetics.likeness(a.text, b.text)
    if likeness is None and (a.whole or b.whole):
        likeness = _likeness_with_particles(a, b)
    if likeness is None:
        return None
    parts = {a.part, b.part}
    if likeness.kind == "ending" and parts & {*_GIVEN, "nickname"}:
        return None
    if likeness.kind not in ("same", "spelling", "part") and "surname" in parts and parts & _GIVEN:
        return None
    return likeness


def _likeness_with_particles(a: Word, b: Word) -> Likeness | None:
    """How a word with its particles agrees with one that is written so: Al Khawaja, Alkhawaja."""
    for one, other in ((a.whole, b.text), (a.text, b.whole)):
        likeness = phonetics.likeness(one, other) if one and other else None
        if likeness and likeness.kind in ("same", "spelling"):
            return Likeness("spelling", 0.95)
        if likeness and likeness.kind in ("letters", "consonants"):
            return likeness
    return None


def _left(words: Sequence[Word], taken: set[int]) -> list[Word]:
    return [w for i, w in enumerate(words) if i not in taken and w.part != "nickname"]


def _is_given(pair: Pair) -> bool:
    parts = {pair.a.part, pair.b.part}
    if parts & {"given", "patronymic", "nickname"}:
        return "surname" not in parts
    text = pair.a.text
    return parts == {"unknown"} and bool(phonetics.given_names(text)) > phonetics.is_surname(text)


def _differing(a: Sequence[Word], b: Sequence[Word], part: Part) -> list[str]:
    each = [" ".join(word.shown for word in words if word.part == part) for words in (a, b)]
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


def _bits(pair: Pair) -> float:
    rarity = min(phonetics.rarity(pair.a.text), phonetics.rarity(pair.b.text))
    return rarity * _WEIGHTS[pair.likeness.kind]


def _doubtful(pair: Pair) -> bool:
    """Whether two people can well be called so: Petrov and Petrova, two sisters with one letter."""
    kind = pair.likeness.kind
    far = kind == "letters" and (_is_given(pair) or pair.likeness.score < _FAR)
    return far or kind in ("ending", "consonants", "part")


# One wrong letter of a word that has four leaves less than this, as do two of eight: Min-jun is not
# Min-jung, nor Mora Mota.
_FAR = 0.83


def crossed(pairs: Sequence[Pair]) -> bool:
    """Whether given names or surnames change places: María José is not José María, and who is
    called Quispe Condori is a cousin of Condori Quispe."""
    if len(pairs) < 2:
        return False
    for parts in ({"given"}, {"surname", "unknown"}):
        places = [pair.j for pair in pairs if {pair.a.part, pair.b.part} <= parts]
        if places != sorted(places):
            return True
    return False


def _naming_feature(
    feature: str, title: str, pairs: Sequence[Pair], differ: Sequence[str], left: Sequence[Word]
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
