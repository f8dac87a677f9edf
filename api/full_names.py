"""The parts of a person's full name, whatever their order, and the keys by which one is found.

A full name is given names and surnames, and for some a patronymic between them; what else is
written with it (titles, particles, what people call the person) is told apart here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise
from typing import Literal

from api import spellings

Part = Literal["given", "patronymic", "surname", "nickname", "unknown"]

_GIVEN: tuple[Part] = ("given",)
_SURNAME: tuple[Part] = ("surname",)


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a name, the part of the name that it is, and its form with its particles."""

    text: str
    part: Part = "unknown"
    whole: str = ""

    @property
    def shown(self) -> str:
        """The word as people read it."""
        saint = spellings.saint(self.text)
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
_NOBODY = re.compile(
    r"\b(?:(?:no|sin|por) identifica\w+|desconocid[oa]|unknown|unidentified|nn)\b"
    r"|\A\s*n\. ?n\.?\s*\Z"
)
_WORD = re.compile(r"(?<![a-z0-9])(~?[a-z]+)(\.?)")
_ABD = re.compile(r"abd[uea](?:l|[rsnz](?=[rsnz]))([a-z]{3,})\Z")


# No name has more; a text that has would be compared word by word.
_MOST_WORDS = 12


@lru_cache(maxsize=1 << 10)
def read(name: str) -> FullName:
    """A name as it was written down, told apart."""
    nicknames: list[str] = []
    text = spellings.plain(_CALLED.sub(lambda found: _set_aside(found, nicknames), name))
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
    for word in (word for nickname in nicknames for word in _words(spellings.plain(nickname))):
        if word.text in _GENERATIONS and segments:
            generations.append(_GENERATIONS[word.text])
        elif len(word.text) > 1 and not spellings.is_title(word.text):
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
    while len(words) > least and spellings.is_title(words[0].text):
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
    for word, dot in _WORD.findall(text.replace("'", "").replace("`", "")):
        if word in ("abd", "abdul", "abdel", "abdal", "abdur", "abder", "~bd"):
            saint = "~bd" if word == "~bd" else "abdul"
        elif saint in ("abdul", "~bd") and spellings.is_particle(word):
            continue
        elif word in _SAINTS and not saint:
            saint = {"sta": "santa", "sto": "santo"}.get(word, word)
        elif spellings.is_particle(word) and not dot and not saint:
            before += word
        else:
            whole = saint + _ABD.sub(r"abdul\1", word).removeprefix("~" if saint else "")
            words.append(Word(whole, whole=before + whole if before else ""))
            before = saint = ""
    if saint or (before and not words):
        words.append(Word(saint or before))
    return words


def _in_order(words: Sequence[Word]) -> list[Word]:
    """Which words are given names, which surnames, where no comma says it."""
    known = [_known(word.text) for word in words]
    count = len(words)
    # The last word is a patronymic only where the surname stands first.
    among = range(1, count if count and known[0] != "given" else count - 1) if count > 2 else ()
    patronymic = next((i for i in among if spellings.is_patronymic(words[i].text)), None)
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
    given, surname = bool(spellings.given_names(word)), spellings.is_surname(word)
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
    if first > 1 and spellings.given_names(words[first - 1].text):
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
    """Keys by which these names are found: two people who may be one share at least one, nearly
    always.

    Two words of the name in any order; a word that is no common name, and that word with any one
    letter left out; a given name and a surname, of one of which no more than a letter or its
    beginning or end is right (these keys have a dot, and are shared by many); and for other scripts
    the consonants of the first word and the last.
    """
    found: dict[str, None] = {}
    for name in names:
        found.update(dict.fromkeys(_keys(name)[:_MOST_KEYS]))
    return list(found)


_MOST_KEYS = 40


@lru_cache(maxsize=1 << 10)
def codes(name: str) -> frozenset[str]:
    """What the words of a name have in common with those that are alike."""
    return frozenset(spellings.code(word.text) for word in read(name).words)


def _keys(name: str) -> Sequence[str]:
    words = read(name).words[:7]
    code = {word.text: spellings.code(word.text) for word in words if len(word.text) > 1}
    rare = {text: by for text, by in code.items() if not spellings.is_known(text)}
    # San Miguel is found as Miguel too.
    saints = {spellings.code(text.removeprefix(spellings.saint(text))) for text in code}
    distinct = sorted({*code.values(), *saints})
    found = [f"{a} {b}" for a, b in combinations(distinct, 2)]
    found += distinct if len(words) == 1 else rare.values()
    # Two short words may be one elsewhere: Li-hua, Lihua.
    for a, b in pairwise(word.text for word in words):
        if 1 < len(a) <= 4 and 1 < len(b) <= 4:
            found += [" ".join(sorted((spellings.code(a + b), other))) for other in distinct]
    given = [w.text for w in words if w.part not in ("surname", "patronymic")]
    for word in words:
        if word.part in ("given", "nickname") or word.text not in code:
            continue
        begins, ends = _ends(code[word.text])
        for first in sorted({spellings.sound(name)[:1] for name in given if name != word.text}):
            found += [f"{first}.{begins}-", f"{first}.-{ends}"]
        for name in given[:1]:
            if name in code and name != word.text:
                found += [f"{code[name]}.{begins[:1]}", f"{code[word.text]}.-{_ends(name)[1]}"]
    written = [spellings.consonants(w.text) for w in words if w.part != "nickname"]
    if len(written) > 1:
        found.append("~" + " ".join(sorted((written[0], written[-1]))))
    for by in rare.values():
        if len(by) > 4:
            found += [by[:i] + by[i + 1 :] for i in range(len(by[:8]))]
    return list(dict.fromkeys(found))


def _ends(code: str) -> tuple[str, str]:
    """How a word begins and how it ends; too many end in -ez."""
    stem = re.sub(r"(?<=...)es\Z", "", code)
    half = 4 if len(stem) > 7 else 3
    return stem[:half], stem[-half:]
