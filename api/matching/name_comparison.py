"""Comparison of names: which words of two names correspond, and the weight of that in bits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from rapidfuzz.distance import OSA

from api.letters import korean
from api.letters.korean import Agreement, Beginning, KoreanName
from api.letters.transliteration import other_readings
from api.matching import common_names, phonetics
from api.matching.name_parsing import FullName, Part, Word, common_part, parse
from api.matching.phonetics import Similarity


@dataclass(frozen=True, slots=True)
class Feature:
    """How one property of two records compares: score 0 for a contradiction, 1 for agreement."""

    feature: str
    score: float
    detail: str


class NameComparison(NamedTuple):
    """How two names agree.

    `bits` is the weight of the agreement, and `words` the number of words that agree. Unless the
    records share an identifier, `two_people` excludes that the names are one person's, and `doubt`
    excludes certainty; `contradicts` excludes certainty even then. Names that agree only in part
    are one person's for certain only if the birth dates agree too (`requires_birth`).
    The features are made when they are read: most names that are compared are different.
    """

    bits: float
    words: int
    two_people: bool
    doubt: bool
    contradicts: bool
    requires_birth: bool
    alignment: "Alignment"
    generations: tuple[str, str]

    @property
    def features(self) -> Sequence[Feature]:
        """How the given names, the surnames and the generations compare."""
        features = [*self.alignment.features()]
        if self.generations[0] != self.generations[1]:
            each = " and ".join(sorted(g or "no suffix" for g in self.generations))
            score = 0.0 if self.two_people else 0.4
            features.append(Feature("generation", score, f"Generations differ: {each}"))
        return features


_MAX_PAIRS = 8
"""Of two people with many aliases, only the pairs of names that share most codes are compared."""


def compare_names(a: Sequence[str], b: Sequence[str]) -> NameComparison:
    """Compare all names of two people, and return the comparison of the two that agree best.

    A shared alias is no certainty: if the first names share a word and contradict each other, there
    is a doubt.
    """
    best = _best_pair(a, b)
    first = best if len(a) == len(b) == 1 else _best_pair(a[:1], b[:1])
    contradicts = first.contradicts and first.words > 0
    return best._replace(
        doubt=best.doubt or contradicts, contradicts=best.contradicts or contradicts
    )


def _best_pair(a: Sequence[str], b: Sequence[str]) -> NameComparison:
    """The best comparison of a name of each, as they are written or by another reading of one.

    Names that agree only by another reading are no certainty: Wade-Giles has one spelling for
    several names.
    """
    compared = [_compare_pair(*pair) for pair in _pairs(product(a, b))]
    other_a, other_b = (
        [reading for name in names for reading in other_readings(name)] for names in (a, b)
    )
    if other_a or other_b:
        read = _pairs((*product(other_a, b), *product(a, other_b)))
        compared += [_compare_pair(*pair)._replace(doubt=True) for pair in read]
    compared += [
        _compare_korean(agreement)
        for pair in _pairs(product(a, b))
        if (agreement := korean.compare(*pair)) and agreement.likeness
    ]
    return max(compared, key=_agreement, default=_NO_PAIR)


def _compare_korean(agreement: Agreement) -> NameComparison:
    """Compare two spellings of a Korean name. They may be two names: Jung is 정 and 중."""
    alignment = align_korean(*agreement)
    bits = sum(_bits(pair) for pair in alignment.pairs)
    return _NO_PAIR._replace(
        bits=bits, words=len(alignment.pairs), contradicts=True, alignment=alignment
    )


def _agreement(compared: NameComparison) -> tuple[bool, int, float]:
    return not compared.two_people and compared.words > 1, compared.words, compared.bits


def _pairs(pairs: Iterable[tuple[str, str]]) -> Sequence[tuple[str, str]]:
    """The pairs of names to compare, in an order that does not depend on that of the people."""
    ordered = sorted({(min(pair), max(pair)) for pair in pairs})
    if len(ordered) > _MAX_PAIRS:
        ordered.sort(key=lambda pair: len(_codes(pair[0]) & _codes(pair[1])), reverse=True)
    return ordered[:_MAX_PAIRS]


@lru_cache(maxsize=1 << 8)
def _codes(name: str) -> frozenset[str]:
    return frozenset(phonetics.code(word.text) for word in parse(name).words)


@lru_cache(maxsize=1 << 10)
def _compare_pair(a: str, b: str) -> NameComparison:
    return _compare(parse(a), parse(b))


class WordPair(NamedTuple):
    """Two words that agree: a at place i of one name, b at place j of the other."""

    i: int
    j: int
    a: Word
    b: Word
    similarity: Similarity


class Alignment(NamedTuple):
    """The words of two names that agree, and the words of each that are left over."""

    pairs: Sequence[WordPair]
    a_left: Sequence[Word]
    b_left: Sequence[Word]

    def differing(self, part: Part) -> Sequence[str]:
        """The words of a part that are left over on each side, if there are some on both."""
        each = [
            " ".join(word.display for word in words if word.part == part)
            for words in (self.a_left, self.b_left)
        ]
        return sorted(each) if all(each) else []

    def contradicts(self, part: Part) -> bool:
        """Whether words of a part are left over on both sides."""
        return any(word.part == part for word in self.a_left) and any(
            word.part == part for word in self.b_left
        )

    def features(self) -> Iterable[Feature]:
        """How the given names and the surnames compare."""
        left = [*self.a_left, *self.b_left]
        differing = self.differing("given") or self.differing("patronymic")
        given = [pair for pair in self.pairs if _is_given(pair)]
        surnames = [pair for pair in self.pairs if not _is_given(pair)]
        yield from _name_features("given_names", "Given names", given, differing, left)
        yield from _name_features("surnames", "Surnames", surnames, self.differing("surname"), left)


_NO_PAIR = NameComparison(0, 0, False, True, False, False, Alignment((), (), ()), ("", ""))


def align(a: FullName, b: FullName) -> Alignment:
    """Pair the words of two names that agree, in any spelling and any order."""
    a_words, b_words = _join_words(a.words, b.words), _join_words(b.words, a.words)
    pairs = _agreeing_pairs(a_words, b_words)
    a_left = _left_over(a_words, {pair.i for pair in pairs})
    return Alignment(pairs, a_left, _left_over(b_words, {pair.j for pair in pairs}))


def align_korean(a: KoreanName, b: KoreanName, likeness: float) -> Alignment:
    """Pair the given names of two spellings of one Korean name, and its surname if `a` has it."""
    alike = Similarity("spelling", round(0.85 + 0.1 * likeness, 3))
    words: Sequence[tuple[Part, str, str]] = (
        ("given", a.written_given, b.written_given),
        ("surname", a.written_surname, b.written_surname),
    )
    pairs = [
        WordPair(i, i, Word(of_a, part), Word(of_b, part), alike)
        for i, (part, of_a, of_b) in enumerate(words)
    ]
    if not a.surname:
        return Alignment(pairs[:1], (), [pairs[1].b])
    return Alignment(pairs, (), ())


def align_beginning(beginning: Beginning, name: KoreanName) -> Alignment:
    """Pair a surname, and the first letters of a given name if any, with those of a Korean name."""
    surname = WordPair(
        1,
        1,
        Word(beginning.written_surname, "surname"),
        Word(name.written_surname, "surname"),
        Similarity("spelling", 0.95),
    )
    given, letters = Word(name.written_given, "given"), beginning.given
    if not letters:
        return Alignment([surname], (), [given])
    share = min(1, len(letters) / len(given.text))
    alike = Similarity("part", round(0.7 + 0.25 * share, 3))
    return Alignment([WordPair(0, 0, Word(letters, "given"), given, alike), surname], (), ())


def _compare(a: FullName, b: FullName) -> NameComparison:
    alignment = align(a, b)
    pairs, a_left, b_left = alignment
    left = [*a_left, *b_left]
    given_differ = alignment.contradicts("given") or alignment.contradicts("patronymic")
    surnames_differ = alignment.contradicts("surname")
    may_differ = not (given_differ or surnames_differ) and (
        _may_differ(a_left, b_left) or bool(a_left and b_left and not any(map(_is_given, pairs)))
    )
    generations_differ = a.generation != b.generation
    two_people = given_differ or (generations_differ and "" not in (a.generation, b.generation))
    bits = sum(_bits(pair) for pair in pairs) - 0.5 * len(left)
    bits -= 20 * two_people + 10 * surnames_differ + 2 * may_differ + 2 * generations_differ
    given = [pair for pair in pairs if _is_common_given_name(pair)]
    contradicts = (
        two_people
        or surnames_differ
        or (may_differ and not _has_married_name(a_left, b_left))
        or any(_may_be_two_names(pair, given) for pair in pairs)
        or not (a.characters <= b.characters or b.characters <= a.characters)
        or bool(a.words and b.words and not pairs)
    )
    doubt = (
        contradicts
        or may_differ
        or generations_differ
        or any(map(_is_doubtful, pairs))
        or is_reordered(pairs)
    )
    requires_birth = any(word.part in _GIVEN for word in left)
    return NameComparison(
        bits,
        len(pairs),
        two_people,
        doubt,
        contradicts,
        requires_birth,
        alignment,
        (a.generation, b.generation),
    )


def _join_words(words: Sequence[Word], others: Sequence[Word]) -> list[Word]:
    """The words, two of them joined where the other name joins them: Ana María, Anamaría."""
    texts = {word.text for word in others}
    joined: list[Word] = []
    for word in words:
        before = joined[-1] if joined else None
        if before and before.text + word.text in texts and before.part != "nickname":
            joined[-1] = Word(before.text + word.text, before.part)
        else:
            joined.append(word)
    return joined


def _agreeing_pairs(a: Sequence[Word], b: Sequence[Word]) -> list[WordPair]:
    """Assign words to each other, each at most once, greedily from the most similar pair down."""
    similar = []
    for i, j in product(range(len(a)), range(len(b))):
        similarity = _similarity(a[i], b[j])
        if similarity:
            parts_differ = a[i].part != b[j].part
            similar.append((-similarity.score, parts_differ, abs(i - j), i, j, similarity))
    similar.sort()
    a_taken: set[int] = set()
    b_taken: set[int] = set()
    pairs = []
    for *_, i, j, similarity in similar:
        if i not in a_taken and j not in b_taken:
            a_taken.add(i)
            b_taken.add(j)
            pairs.append(WordPair(i, j, a[i], b[j], similarity))
    return sorted(pairs)


_GIVEN = frozenset(("given", "patronymic"))


def _similarity(a: Word, b: Word) -> Similarity | None:
    if a.part == b.part == "patronymic":
        return phonetics.patronymic_similarity(a.text, b.text)
    similarity = phonetics.similarity(a.text, b.text)
    if similarity is None and (a.with_particles or b.with_particles):
        similarity = _similarity_with_particles(a, b)
    if similarity is None:
        return None
    kind, parts = similarity.kind, {a.part, b.part}
    if kind == "ending" and parts & {*_GIVEN, "nickname"}:
        return None
    if kind not in ("same", "spelling", "slavic", "part") and "surname" in parts and parts & _GIVEN:
        return None
    return similarity


def _similarity_with_particles(a: Word, b: Word) -> Similarity | None:
    """Compare a word, joined with its particles, with the other: Al Khawaja, Alkhawaja."""
    for joined, other in ((a.with_particles, b.text), (a.text, b.with_particles)):
        similarity = phonetics.similarity(joined, other) if joined and other else None
        if similarity and similarity.kind in ("same", "spelling"):
            return Similarity("spelling", 0.95)
        if similarity and similarity.kind in ("letters", "consonants"):
            return similarity
    return None


def _left_over(words: Sequence[Word], taken: set[int]) -> list[Word]:
    return [w for i, w in enumerate(words) if i not in taken and w.part != "nickname"]


def _is_given(pair: WordPair) -> bool:
    parts = {pair.a.part, pair.b.part}
    if parts & {"given", "patronymic", "nickname"}:
        return "surname" not in parts
    text = pair.a.text
    is_given, is_surname = bool(common_names.given_names(text)), common_names.is_surname(text)
    return parts == {"unknown"} and is_given and not is_surname


_MAX_TYPING_ERRORS = 2


def _may_differ(a: Sequence[Word], b: Sequence[Word]) -> bool:
    """Whether a word is left over on each side, and the two may be the same part of the names.

    Only an initial or a common name is certainly the part that its place suggests, and only if it
    does not resemble the other.
    """
    return any(
        x.part == y.part
        or not (_is_certain(x) and _is_certain(y))
        or OSA.distance(x.text, y.text) <= _MAX_TYPING_ERRORS
        for x, y in product(a, b)
    )


def _has_married_name(a: Sequence[Word], b: Sequence[Word]) -> bool:
    """Whether one side has only a married name left over, and the other only surnames."""
    each = [{word.part for word in words} for words in (a, b)]
    return {"married"} in each and {"surname"} in each


def _is_certain(word: Word) -> bool:
    return len(word.text) == 1 or word.part == common_part(word.text) != "unknown"


_KIND_WEIGHTS = {
    "same": 1.0,
    "spelling": 1.0,
    "slavic": 1.0,
    "nickname": 0.7,
    "consonants": 0.9,
    "letters": 0.6,
    "part": 0.6,
    "ending": 0.5,
    "initial": 1.0,
}


def _bits(pair: WordPair) -> float:
    rarity = min(common_names.rarity_bits(word.text) for word in (pair.a, pair.b))
    return rarity * _KIND_WEIGHTS[pair.similarity.kind]


def _is_doubtful(pair: WordPair) -> bool:
    """Whether two different people may well have these words: Petrov and Petrova, for example."""
    return pair.similarity.kind in ("ending", "consonants", "part")


def _may_be_two_names(pair: WordPair, given: Sequence[WordPair]) -> bool:
    """Whether two words that differ by letters may be two names: Mayra and Mayda, Mora and Mota.

    Twins have such given names. The words are misspellings of one name only if they are surnames
    for certain, and if few letters differ.
    """
    kind, score = pair.similarity
    if kind not in ("slavic", "letters"):
        return False
    if kind == "slavic" and phonetics.is_slavic_surname(pair.a.text):
        return not pair.a.part == pair.b.part == "surname"
    are_surnames = _is_surname(pair.a, pair.i, [other.i for other in given]) and _is_surname(
        pair.b, pair.j, [other.j for other in given]
    )
    return not are_surnames or (kind == "letters" and score < _MIN_CERTAIN_SCORE)


def _is_surname(word: Word, place: int, given_places: Sequence[int]) -> bool:
    """Whether a word is a surname for certain: before a common given name, or after one at place 0.

    In Rivas José Yorman the last word is a given name too.
    """
    may_be = word.part == "surname" and not common_names.given_names(word.text)
    return may_be and any(given == 0 or place < given for given in given_places)


def _is_common_given_name(pair: WordPair) -> bool:
    return (
        pair.similarity.kind in ("same", "spelling", "nickname")
        and common_part(pair.a.text) == common_part(pair.b.text) == "given"
    )


# One wrong letter of four scores less than this, and so do two of eight: Mora is not Mota.
_MIN_CERTAIN_SCORE = 0.83


def is_reordered(pairs: Sequence[WordPair]) -> bool:
    """Whether given names or surnames are in another order.

    María José is not José María, nor Ahmad Hassan his father, and Quispe Condori can be a cousin.
    """
    if len(pairs) < 2:
        return False
    for parts in ({"given", "unknown"}, {"surname", "unknown"}):
        places = [pair.j for pair in pairs if {pair.a.part, pair.b.part} <= parts]
        if places != sorted(places):
            return True
    return False


def _name_features(
    feature: str,
    title: str,
    pairs: Sequence[WordPair],
    differing: Sequence[str],
    left: Sequence[Word],
) -> Iterable[Feature]:
    agreeing = ", ".join(" = ".join(sorted({pair.a.display, pair.b.display})) for pair in pairs)
    if differing:
        suffix = f"; {agreeing} agrees" if agreeing else ""
        yield Feature(feature, 0.0, f"{title} differ: {' and '.join(differing)}{suffix}")
    elif agreeing:
        parts = _GIVEN if feature == "given_names" else {"surname"}
        more = sorted(word.display for word in left if word.part in parts)
        suffix = f"; one record also has {' '.join(more)}" if more else ""
        score = sum(pair.similarity.score for pair in pairs) / len(pairs)
        yield Feature(
            feature, round(score / (1 + 0.1 * len(more)), 3), f"{title} agree: {agreeing}{suffix}"
        )
