"""The parts of a person's full name, whatever their order, and the keys by which one is found.

A full name is given names and surnames, and for some a patronymic between them; what else is
written with it (titles, particles, what people call the person) is told apart here.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, islice, pairwise, product
from typing import Literal, NamedTuple

from api.matching import phonetics

Part = Literal["given", "patronymic", "surname", "nickname", "unknown"]

_GIVEN: tuple[Part] = ("given",)
_SURNAME: tuple[Part] = ("surname",)


class Word(NamedTuple):
    """A word of a name, the part of the name that it is, and its form with its particles."""

    text: str
    part: Part = "unknown"
    whole: str = ""

    @property
    def shown(self) -> str:
        """The word as people read it."""
        saint = phonetics.saint(self.text)
        return f"{saint} {self.text.removeprefix(saint)}".strip(" ~")


@dataclass(frozen=True, slots=True)
class FullName:
    """The words of a name as written, and which of a family's bearers of it is meant."""

    words: tuple[Word, ...]
    generation: str = ""


_GENERATIONS = {
    **dict.fromkeys(("hijo", "jr", "junior", "filho", "ii", "hija"), "the younger"),
    **dict.fromkeys(("padre", "sr", "senior", "madre"), "the elder"),
    **dict.fromkeys(("nieto", "neto", "iii"), "the third"),
}
_SAINTS = frozenset(("san", "santa", "santo", "sao", "sta", "sto", "saint"))
_CALLED = re.compile(
    r"\(([^()]*)\)|[\"“”«»]([^\"“”«»]*)[\"“”«»]|(?:^|\s)'([^']+)'(?=\s|$)"
    r"|[(,]?\s*\b(?:alias|apodad[oa]|conocid[oa] como|a\.k\.a\.)\s+([^,()]*)",
    re.IGNORECASE,
)
_MAY_BE_CALLED = re.compile(r"[(\"“”«»',.]|\b(?:alias|apodad|conocid)", re.IGNORECASE)
_NOBODY = re.compile(
    r"\b(?:(?:no|sin|por) identifica\w+|desconocid[oa]|unknown|unidentified|nn)\b"
    r"|\A\s*n\. ?n\.?\s*\Z"
)
_WORD = re.compile(r"(?<![a-z0-9])(~?[a-z]+)(\.?)")
_ABD = re.compile(r"\Aabd[uea](?:l|[rsnz](?=[rsnz]))(?=[a-z]{3,}\Z)")
_ABD_VOWELLESS = re.compile(r"\A~bdl(?=[a-z]{2,}\Z)")


# No word of a name is longer.
_LONGEST = 40
# No name has more; a text that has would be compared word by word.
_MOST_WORDS = 12


@lru_cache(maxsize=1 << 8)
def read(name: str) -> FullName:
    """A name as it was written down, told apart."""
    nicknames: list[str] = []
    if _MAY_BE_CALLED.search(name):
        name = _CALLED.sub(lambda found: _set_aside(found, nicknames), name)
    text = phonetics.plain(name)
    if _NOBODY.search(text):
        return FullName(())
    segments: list[list[Word]] = []
    generations = []
    for segment in text.split(","):
        words = _without_titles(_words(segment), bool(segments))
        while _ends_with_generation(words, bool(segments)):
            generations.append(_GENERATIONS[words.pop().text])
        if words:
            segments.append(words)
    called = []
    for word in (word for nickname in nicknames for word in _words(phonetics.plain(nickname))):
        if word.text in _GENERATIONS and segments:
            generations.append(_GENERATIONS[word.text])
        elif len(word.text) > 1 and not phonetics.is_title(word.text):
            called.append(Word(word.text, "nickname"))
    if len(segments) == 2:
        surnames, given = segments
        told = [_as(word, "given") for word in given] + [_as(word, "surname") for word in surnames]
    else:
        told = _in_order([word for segment in segments for word in segment])
    return FullName((*told, *called)[:_MOST_WORDS], generations[0] if generations else "")


def _set_aside(found: re.Match[str], nicknames: list[str]) -> str:
    nicknames.append(next((group for group in found.groups() if group), ""))
    return " "


def _without_titles(words: list[Word], after_comma: bool) -> list[Word]:
    least = 0 if after_comma else 1
    while len(words) > least and phonetics.is_title(words[0].text):
        words = words[1:]
    return words


def _ends_with_generation(words: Sequence[Word], after_comma: bool) -> bool:
    # Neto and Nieto are surnames too.
    least = 0 if after_comma else 2 if words and words[-1].text in ("neto", "nieto") else 1
    return len(words) > least and words[-1].text in _GENERATIONS


def _as(word: Word, part: Part) -> Word:
    return Word(word.text, part, word.whole)


def _words(text: str) -> list[Word]:
    """The words of a part of a name; particles and saints go with the word that follows."""
    words: list[Word] = []
    before = saint = ""
    # An apostrophe stands in a word (D'Elia), or for a letter that is not heard (Grigor'ev).
    for found, dot in _WORD.findall(text.replace("'", "").replace("`", "")):
        word = found[:_LONGEST]
        if word in ("abd", "abdul", "abdel", "abdal", "abdur", "abder", "~bd"):
            saint = "~bd" if word == "~bd" else "abdul"
        elif saint in ("abdul", "~bd") and phonetics.is_particle(word):
            continue
        elif word in _SAINTS and not saint:
            saint = {"sta": "santa", "sto": "santo"}.get(word, word)
        elif phonetics.is_particle(word) and not dot and not saint:
            before += word
        else:
            if "bd" in word:
                word = _ABD_VOWELLESS.sub("~bd", _ABD.sub("abdul", word))
            whole = saint + word.removeprefix("~" if saint else "")
            words.append(Word(whole, whole=_with(before, whole) if before else ""))
            before = saint = ""
    if saint or (before and not words):
        words.append(Word(saint or before))
    return words


def _with(particles: str, word: str) -> str:
    return f"~{particles}{word[1:]}" if word[0] == "~" else particles + word


def _in_order(words: Sequence[Word]) -> list[Word]:
    """Which words are given names, which surnames, where no comma says it."""
    known = [_known(word.text) for word in words]
    count = len(words)
    # The last word is a patronymic only where the surname stands first.
    among = range(1, count if count and known[0] != "given" else count - 1) if count > 2 else ()
    patronymic = next((i for i in among if phonetics.is_patronymic(words[i].text)), None)
    parts: list[Part]
    if count < 2:
        parts = known
    elif patronymic == count - 1:
        parts = [*_SURNAME * (count - 2), "given", "patronymic"]
    elif known[0] != "given" and (known[-1] == "given" or _are_initials(words[1:])):
        parts = _surnames_first(words, known)
    else:
        parts = [_part(i, count, known[i], words[i].text) for i in range(count)]
        if patronymic:
            parts[patronymic] = "patronymic"
        # María Pérez de García may be the wife of one.
        if count > 2 and parts[-2] != "given" and words[-1].whole == "de" + words[-1].text:
            parts[-1] = "unknown"
    return [_as(word, part) for word, part in zip(words, parts, strict=True)]


def _known(word: str) -> Part:
    given, surname = bool(phonetics.given_names(word)), phonetics.is_surname(word)
    if given != surname:
        return "given" if given else "surname"
    return "unknown"


def _are_initials(words: Sequence[Word]) -> bool:
    return all(len(word.text) == 1 for word in words)


def _surnames_first(words: Sequence[Word], known: Sequence[Part]) -> list[Part]:
    """The given names that stand last are all known as such; the word before them may be one."""
    if _are_initials(words[1:]):
        return [*_SURNAME, *_GIVEN * (len(words) - 1)]
    first = len(words) - 1
    while first > 1 and (known[first - 1] == "given" or len(words[first - 1].text) == 1):
        first -= 1
    parts = [*_SURNAME * first, *_GIVEN * (len(words) - first)]
    if first > 1 and phonetics.given_names(words[first - 1].text):
        parts[first - 1] = "unknown"
    return parts


def _part(i: int, count: int, known: Part, word: str) -> Part:
    """What the word at i is where given names stand first: two of them, and two surnames, at most
    as it seems, and what is between as far as it is known."""
    if i == 0:
        return "unknown" if known == "surname" else "given"
    if i == count - 1:
        return "surname"
    if count == 3:
        # José Luis Pérez, José Pérez García, José L. Pérez.
        return "given" if len(word) == 1 else known
    if i == 1:
        return "unknown" if known == "surname" else "given"
    if i == count - 2:
        return "unknown" if known == "given" else "surname"
    return known


def keys(*names: str) -> list[str]:
    """Keys under which these names are kept, so that other spellings of them are found.

    Each word; two and three of them in any order, as they sound or as the names that they are short
    for; all of them, after an equals sign; a given name and a surname of which one is no more than
    its first letter, with a dot; and for other scripts the consonants of the first word and the
    last.
    """
    found: dict[str, None] = {}
    for name in names:
        found.update(dict.fromkeys(_keys(name)[:_MOST_KEYS]))
    return list(found)


_MOST_KEYS = 40

Near = Mapping[str, Sequence[str]]
"""Words -> the words of recorded names that are hardly spelled otherwise."""


def sought(names: Iterable[str], near: Near) -> dict[str, float]:
    """Keys under which these names or other spellings of them can be kept, and how much it says to
    be kept there. A common word alone, which says little, is looked for where there is no other.
    """
    found: dict[str, float] = {}
    for name in names:
        for key, weight in islice(_sought(name, near), _MOST_SOUGHT):
            found[key] = max(weight, found.get(key, 0))
    return dict(sorted(found.items(), key=lambda one: -one[1])[:_MOST_SOUGHT])


_MOST_SOUGHT = 200


def words_of(names: Iterable[str]) -> list[str]:
    """The words of these names, each once, also with their particles and joined with the next."""
    found: dict[str, None] = {}
    for name in names:
        words = _searched(name)
        found.update(dict.fromkeys(w for word in words for w in (word.text, word.whole) if w))
        found.update(dict.fromkeys(a + b for a, b in _joinable(words)))
    return [word for word in found if len(word) > 1]


@lru_cache(maxsize=1 << 6)
def loosely(name: str) -> FullName:
    """A name that may be a part of one: what of it is no common name may be any part."""
    told = searched(name)
    return FullName(tuple(map(_loose, told.words)), told.generation)


def _loose(word: Word) -> Word:
    trusted = word.part in ("nickname", "patronymic") or word.part == _known(word.text)
    return word if trusted else _as(word, "unknown")


@lru_cache(maxsize=1 << 8)
def codes(name: str) -> frozenset[str]:
    """What the words of a name have in common with those that are alike."""
    return frozenset(phonetics.code(word.text) for word in read(name).words)


@lru_cache(maxsize=1 << 8)
def searched(name: str) -> FullName:
    """A name as it is looked for: with its numbers, and if it names nobody, as Unidentified does,
    or is in letters that have no plain ones, with whatever words it has."""
    told = read(name)
    words = told.words or tuple(_words(phonetics.plain(name)))
    words = words or tuple(map(Word, _ANY.findall(name.casefold())))
    if told.words and any(map(str.isdigit, name)):
        words += tuple(map(Word, _NUMBER.findall(name)))
    return FullName(words[:_MOST_WORDS], told.generation)


_ANY = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+")


def _searched(name: str) -> Sequence[Word]:
    return searched(name).words[:_MOST_SEARCHED]


_MOST_SEARCHED = 7


def _keys(name: str) -> Sequence[str]:
    words = _searched(name)
    code = _coded(words)
    joined = _joinable(words)
    alone = [phonetics.key(text) for text in code]
    alone += [phonetics.key(word.whole) for word in words if word.whole]
    alone += [phonetics.key(a + b) for a, b in joined]
    several = sorted({*code.values(), *_without_saints(code)})
    found = ["=" + " ".join(sorted({*code.values()})), *alone]
    found += map(" ".join, combinations(several, 2))
    found += _joined_pairs(joined, several)
    for given, surname in _given_and_surnames(words):
        if len(given.text) > 1:
            found += [f"{initial}.{code[surname.text]}" for initial in _initials(given)]
        if len(surname.text) > 1:
            found += [f"{code[given.text]}.{initial}" for initial in _initials(surname)]
    found += _written(words)
    found += map(" ".join, combinations(several, 3))
    return list(dict.fromkeys(found))


def _sought(name: str, near: Near) -> Iterable[tuple[str, float]]:
    words = _searched(name)
    code = _coded(words)
    joined = _joinable(words)
    several = sorted({*code.values(), *_without_saints(code)})
    yield "=" + " ".join(sorted({*code.values()})), 5.0
    for three in combinations(several, 3):
        yield " ".join(three), 3.0
    for two in (*map(" ".join, combinations(several, 2)), *_joined_pairs(joined, several)):
        yield two, 2.0
    yield from _sought_by_initials(words, code)
    for consonants in _written(words):
        yield consonants, 1.5
    alone = len(words) == 1
    wholes = [word.whole for word in words if word.whole]
    for text in dict.fromkeys([*code, *wholes, *(a + b for a, b in joined)]):
        if alone or not phonetics.is_known(text):
            yield phonetics.key(text), 1.0
        else:
            yield f"={code.get(text, text)}", 1.0
        for other in sorted(phonetics.kin(text)) if alone else ():
            yield other, 0.8
        for other in near.get(text, ()):
            if alone or not phonetics.is_known(other):
                yield phonetics.key(other), 0.8
            others = [one for one in several if one != code.get(text)]
            for one in others:
                yield _pair(phonetics.code(other), one), 1.6
            if phonetics.is_known(other):
                yield "=" + " ".join(sorted({phonetics.code(other), *others})), 4.0
                for pair in combinations(others, 2):
                    yield " ".join(sorted((phonetics.code(other), *pair))), 2.4
    # Two words are misspelled. What is rare alone is found alone.
    for a, b in combinations(code, 2):
        for a_near, b_near in product(near.get(a, ()), near.get(b, ())):
            if phonetics.is_known(a_near) and phonetics.is_known(b_near):
                yield _pair(phonetics.code(a_near), phonetics.code(b_near)), 1.4


def _sought_by_initials(
    words: Sequence[Word], code: Mapping[str, str]
) -> Iterable[tuple[str, float]]:
    """What is an initial here is a word elsewhere, and the other way round."""
    for given, surname in _given_and_surnames(words):
        if len(given.text) == 1:
            yield f"{given.text}.{code[surname.text]}", 1.5
        elif len(surname.text) == 1:
            yield f"{code[given.text]}.{surname.text}", 1.5
        else:
            for initial in _initials(given):
                yield _pair(initial, code[surname.text]), 1.5
            for initial in _initials(surname):
                yield _pair(code[given.text], initial), 1.0


def _coded(words: Iterable[Word]) -> dict[str, str]:
    return {word.text: phonetics.code(word.text) for word in words}


def _without_saints(code: Iterable[str]) -> Iterable[str]:
    """San Miguel is found as Miguel too."""
    return (phonetics.code(text.removeprefix(phonetics.saint(text))) for text in code)


def _joinable(words: Sequence[Word]) -> Sequence[tuple[str, str]]:
    """Two short words may be one elsewhere: Li-hua, Lihua; Ana María, Anamaría."""
    pairs = pairwise(word.text for word in words if word.part != "nickname")
    return [(a, b) for a, b in pairs if 1 < len(a) <= 5 and 1 < len(b) <= 5]


def _joined_pairs(joined: Iterable[tuple[str, str]], others: Iterable[str]) -> Sequence[str]:
    return [
        _pair(phonetics.code(a + b), other)
        for a, b in joined
        for other in others
        if other not in (phonetics.code(a), phonetics.code(b))
    ]


def _given_and_surnames(words: Sequence[Word]) -> Iterable[tuple[Word, Word]]:
    """The first given name with each surname, as far as it can be told what they are."""
    given = next((word for word in words if word.part in ("given", "unknown")), None)
    for word in words if given else ():
        if word.part in ("surname", "unknown") and given and word.text != given.text:
            yield given, word


def _initials(word: Word) -> Sequence[str]:
    """The first letter of a word, as it is written and as it sounds: Hilda, Ilda."""
    return sorted({word.text[0], phonetics.sound(word.text)[:1] or word.text[0]})


def _pair(a: str, b: str) -> str:
    return f"{a} {b}" if a < b else f"{b} {a}"


def _written(words: Sequence[Word]) -> Sequence[str]:
    """The consonants of the first word and the last, with their particles and without."""
    called = [word for word in words if word.part != "nickname"]
    if len(called) < 2:
        return []
    first, last = ({word.text, word.whole or word.text} for word in (called[0], called[-1]))
    pairs = product(map(phonetics.consonants, first), map(phonetics.consonants, last))
    return sorted({"~" + _pair(a, b) for a, b in pairs})
