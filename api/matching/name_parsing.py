"""The words of a person's full name, and which part of the name each word is.

A full name is given names and surnames in either order, sometimes with a patronymic between them.
Titles are dropped, particles are joined to the word that they precede, and nicknames (in brackets
or quotes, or after *alias*) are recognized.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Literal, NamedTuple

from anyascii import anyascii

from api.letters import chinese
from api.letters.transliteration import transliterate
from api.matching import common_names, phonetics
from api.matching.common_names import is_particle, is_title

Part = Literal["given", "patronymic", "surname", "married", "nickname", "unknown"]
"""A married name is the husband's surname: de Ledezma. Any other word may be unknown."""

_GIVEN: tuple[Part] = ("given",)
_SURNAME: tuple[Part] = ("surname",)


class Word(NamedTuple):
    """A word of a name, the part of the name that it is, and its form joined with its particles."""

    text: str
    part: Part = "unknown"
    with_particles: str = ""

    @property
    def display(self) -> str:
        """The word for people to read."""
        saint = phonetics.saint_prefix(self.text)
        return f"{saint} {self.text.removeprefix(saint)}".strip(" ~")


@dataclass(frozen=True, slots=True)
class FullName:
    """The words of a name, and its generational suffix if it has one: `the younger` for Jr.

    `characters` are the Chinese ones, since different ones can be transliterated alike.
    """

    words: tuple[Word, ...]
    generation: str = ""
    characters: frozenset[str] = frozenset()


_GENERATIONS = {
    **dict.fromkeys(("hijo", "jr", "junior", "filho", "ii", "hija"), "the younger"),
    **dict.fromkeys(("padre", "sr", "senior", "madre"), "the elder"),
    **dict.fromkeys(("nieto", "neto", "iii"), "the third"),
}
_SAINTS = frozenset(("san", "santa", "santo", "sao", "sta", "sto", "saint"))
_NICKNAME = re.compile(
    r"\(([^()]*)\)|[\"“”«»]([^\"“”«»]*)[\"“”«»]|(?:^|\s)'([^']+)'(?=\s|$)"
    r"|[(,]?\s*\b(?:alias|apodad[oa]|conocid[oa] como|a\.k\.a\.)\s+([^,()]*)",
    re.IGNORECASE,
)
_MAY_HAVE_NICKNAME = re.compile(r"[(\"“”«»',.]|\b(?:alias|apodad|conocid)", re.IGNORECASE)
_WIDOW = re.compile(r"\b(?:viuda|vda\.?)\s+(?=de\b)")
_UNIDENTIFIED = re.compile(
    r"\b(?:(?:no|sin|por) identifica\w+|desconocid[oa]|unknown|unidentified|nn)\b"
    r"|\A\s*n\. ?n\.?\s*\Z"
)
_WORD = re.compile(r"(?<![a-z0-9])(~?[a-z]+)(\.?)")
_ABD = re.compile(r"\Aabd[uea](?:l|[rsnz](?=[rsnz]))(?=[a-z]{3,}\Z)")
_ABD_VOWELLESS = re.compile(r"\A~bdl(?=[a-z]{2,}\Z)")
_ANY_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+")
_CHINESE = re.compile("[\u3400-\u9fff]")

_MAX_WORD_LETTERS = 40
_MAX_WORDS = 12
"""Limits of the work for one name: names are compared word by word."""


@lru_cache(maxsize=1 << 10)
def parse(name: str) -> FullName:
    """Parse a recorded name. A name of nobody, such as Unidentified, has no words."""
    name = _repair(name)
    nicknames: list[str] = []
    if _MAY_HAVE_NICKNAME.search(name):
        name = _NICKNAME.sub(lambda match: _extract_nickname(match, nicknames), name)
    text = transliterate(name)
    if _UNIDENTIFIED.search(text):
        return FullName(())
    segments: list[list[Word]] = []
    generations = []
    for segment in _WIDOW.sub("", text).split(","):
        words = _without_titles(_words(segment), bool(segments))
        while _ends_with_generation(words, bool(segments)):
            generations.append(_GENERATIONS[words.pop().text])
        if words:
            segments.append(words)
    nickname_words = []
    for nickname in nicknames:
        for word in _words(transliterate(nickname)):
            if word.text in _GENERATIONS and segments:
                generations.append(_GENERATIONS[word.text])
            elif len(word.text) > 1 and not is_title(word.text):
                nickname_words.append(Word(word.text, "nickname"))
    if len(segments) == 2:
        surnames, given = segments
        words = [with_part(word, "given") for word in given]
        words += [with_part(word, "surname") for word in surnames]
    else:
        words = _with_parts([word for segment in segments for word in segment])
    return FullName(
        (*words, *nickname_words)[:_MAX_WORDS],
        generations[0] if generations else "",
        frozenset() if name.isascii() else frozenset(_CHINESE.findall(name)),
    )


@lru_cache(maxsize=1 << 8)
def parse_for_search(name: str) -> FullName:
    """Parse any name so that it can be found.

    The words include its numbers; all its words if it is a name of nobody, or in a script that
    cannot be transliterated.
    """
    parsed = parse(name)
    words = parsed.words or tuple(_words(transliterate(name)))
    words = words or tuple(map(Word, _ANY_WORD.findall(name.casefold())))
    if parsed.words and _NUMBER.search(name):
        words += tuple(map(Word, _NUMBER.findall(_repair(name))))
    return FullName(words[:_MAX_WORDS], parsed.generation)


@lru_cache(maxsize=1 << 6)
def parse_query(name: str) -> FullName:
    """Parse a search term, which may be only part of a name.

    A word that is not a common name may then be any part.
    """
    parsed = parse_for_search(name)
    return FullName(tuple(map(_with_certain_part, parsed.words)), parsed.generation)


def _with_certain_part(word: Word) -> Word:
    by_form = word.part in ("nickname", "patronymic", "married")
    certain = by_form or word.part == common_part(word.text)
    return word if certain else with_part(word, "unknown")


def with_part(word: Word, part: Part) -> Word:
    """The word as another part of a name."""
    return Word(word.text, part, word.with_particles)


def _extract_nickname(match: re.Match[str], nicknames: list[str]) -> str:
    nicknames.append(next((group for group in match.groups() if group), ""))
    return " "


def _without_titles(words: list[Word], after_comma: bool) -> list[Word]:
    min_words = 0 if after_comma else 1
    while len(words) > min_words and is_title(words[0].text):
        words = words[1:]
    return words


def _ends_with_generation(words: Sequence[Word], after_comma: bool) -> bool:
    # Neto and Nieto are surnames too.
    min_words = 0 if after_comma else 2 if words and words[-1].text in ("neto", "nieto") else 1
    return len(words) > min_words and words[-1].text in _GENERATIONS


def _words(text: str) -> list[Word]:
    """The words of a transliterated text; particles and saints are joined to the next word."""
    words: list[Word] = []
    particles = saint = ""
    # An apostrophe joins (D'Elia) or stands for a sign that is not pronounced (Grigor'ev).
    for letters, dot in _WORD.findall(text.replace("'", "").replace("`", "")):
        word = letters[:_MAX_WORD_LETTERS]
        if word in ("abd", "abdul", "abdel", "abdal", "abdur", "abder", "~bd"):
            saint = "~bd" if word == "~bd" else "abdul"
        elif saint in ("abdul", "~bd") and is_particle(word):
            continue
        elif word in _SAINTS and not saint:
            saint = {"sta": "santa", "sto": "santo"}.get(word, word)
        elif is_particle(word) and not dot and not saint:
            particles += word
        else:
            if "bd" in word:
                word = _ABD_VOWELLESS.sub("~bd", _ABD.sub("abdul", word))
            joined = saint + word.removeprefix("~" if saint else "")
            words.append(Word(joined, with_particles=_join_particles(particles, joined)))
            particles = saint = ""
    if saint or (particles and not words):
        words.append(Word(saint or particles))
    return words


def _join_particles(particles: str, word: str) -> str:
    """A word joined with the particles before it; empty if there are none."""
    if not particles:
        return ""
    return f"~{particles}{word[1:]}" if word[0] == "~" else particles + word


def _with_parts(words: Sequence[Word]) -> list[Word]:
    """The words of a name without a comma, each with the part that its place suggests."""
    common = [common_part(word.text) for word in words]
    count = len(words)
    # The last word can be a patronymic only if the surname is first.
    places = range(1, count if count and common[0] != "given" else count - 1) if count > 2 else ()
    patronymic = next((i for i in places if phonetics.is_patronymic(words[i].text)), None)
    parts: list[Part]
    if count < 2:
        parts = common
    elif patronymic == count - 1:
        parts = [*_SURNAME * (count - 2), "given", "patronymic"]
    elif common[0] != "given" and (common[-1] == "given" or _are_initials(words[1:])):
        parts = _surnames_first(words, common)
    else:
        parts = [_part_by_place(i, count, common[i], words[i].text) for i in range(count)]
        if patronymic:
            parts[patronymic] = "patronymic"
        # The last word of María Pérez de García, which may also be a surname.
        if count > 2 and parts[-2] != "given" and words[-1].with_particles == "de" + words[-1].text:
            parts[-1] = "married"
    return [with_part(word, part) for word, part in zip(words, parts, strict=True)]


def common_part(word: str) -> Part:
    """The part that a common name is; unknown for other words and for names that can be both."""
    given, surname = bool(common_names.given_names(word)), common_names.is_surname(word)
    if given != surname:
        return "given" if given else "surname"
    return "unknown"


def _are_initials(words: Sequence[Word]) -> bool:
    return all(len(word.text) == 1 for word in words)


def _surnames_first(words: Sequence[Word], common: Sequence[Part]) -> list[Part]:
    """Parts of a name that ends with common given names; the word before them may be one too."""
    if _are_initials(words[1:]):
        return [*_SURNAME, *_GIVEN * (len(words) - 1)]
    first_given = len(words) - 1
    while first_given > 1 and (
        common[first_given - 1] == "given" or len(words[first_given - 1].text) == 1
    ):
        first_given -= 1
    parts = [*_SURNAME * first_given, *_GIVEN * (len(words) - first_given)]
    if first_given > 1 and common_names.given_names(words[first_given - 1].text):
        parts[first_given - 1] = "unknown"
    return parts


def _part_by_place(i: int, count: int, common: Part, word: str) -> Part:
    """The part of the word at place i of a name that starts with its given names.

    By place there are at most two given names and two surnames. A word between them has a part only
    if it is a common name.
    """
    if i == 0:
        return "unknown" if common == "surname" else "given"
    if i == count - 1:
        return "surname"
    if count == 3:
        # José Luis Pérez, José Pérez García, José L. Pérez.
        return "given" if len(word) == 1 else common
    if i == 1:
        return "unknown" if common == "surname" else "given"
    if i == count - 2:
        return "unknown" if common == "given" else "surname"
    return common


# Repairs: what happens to a name in a spreadsheet, in a scan or in a form.

# The bytes of the characters that Windows-1252 has in the place of the control codes of Latin-1.
_WINDOWS_1252 = {
    ord(bytes([byte]).decode("cp1252", "ignore") or chr(byte)): byte for byte in range(0x80, 0xA0)
}
_WRONGLY_DECODED = re.compile("[\xc2-\xf4][^\x00-\x7f\xc0-\xff]")
_WITHOUT_SOFT_HYPHEN = re.compile(r"(?<=[a-z])Ã(?=[a-z ]|\Z)")
"""A wrongly decoded í (MarÃa): its second character is invisible and often lost."""
_LETTERS_BY_DIGIT = {"0": "o", "1": "il", "3": "e", "4": "a", "5": "s", "8": "b"}
_WITH_DIGITS = re.compile(r"[^\W_]*[^\W\d_][^\W_]*")
_DIGITS_AT_END = re.compile(r"\d*\Z")
_MAX_SIMILAR_DIGITS = 4
_DIGIT = re.compile(r"\d")
_INNER_CAPITAL = re.compile(
    "[a-zß-öø-ÿ\u0100-\u017f\u0430-\u045f][A-ZÀ-ÖØ-Þ\u0100-\u017f\u0400-\u042f]"
)
_NEVER_SPLIT_AFTER = frozenset(("Mc", "Mac", "Fitz"))


def _repair(name: str) -> str:
    """Undo a wrong decoding (JosÃ©), digits for letters (Ce1ia), joined words (AnaMora)."""
    name = _WITHOUT_SOFT_HYPHEN.sub("Ã\xad", name)
    if _WRONGLY_DECODED.search(name):
        name = _decode_again(_decode_again(name))
    if _INNER_CAPITAL.search(name):
        name = _split_at_capitals(name)
    if _DIGIT.search(name):
        name = _WITH_DIGITS.sub(lambda match: _replace_digits(match[0]), name)
    return name


def _decode_again(text: str) -> str:
    """The text, if its UTF-8 was read as Latin-1 or Windows-1252; any other text unchanged."""
    try:
        return text.translate(_WINDOWS_1252).encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _split_at_capitals(name: str) -> str:
    """Separate words that are joined, but for their capitals: AnaMora, but not McLean or GARCíA."""
    pieces = []
    start = 0
    for i in range(2, len(name) - 1):
        if not (name[i].isupper() and name[i - 1].islower() and name[i + 1].islower()):
            continue
        # Signs that are lower-case, such as a letter in a circle, are no word.
        word = next(reversed(_ANY_WORD.findall(name[start:i])), "")
        if word[1:].islower() and word not in _NEVER_SPLIT_AFTER:
            pieces.append(name[start:i])
            start = i
    return " ".join((*pieces, name[start:]))


def _replace_digits(word: str) -> str:
    """A word with letters for the digits that resemble them, unless the digits are a number."""
    digits = sum(map(str.isdigit, word))
    if not digits or digits > min(len(word) - digits, _MAX_SIMILAR_DIGITS):
        return word
    lower = anyascii(word).lower()
    if not {c for c in lower if c.isdigit()} <= _LETTERS_BY_DIGIT.keys():
        return word
    if without_tones := chinese.without_tones(lower):
        return without_tones
    read = next(filter(common_names.is_common, _readings_of_digits(lower)), None)
    if read:
        return read
    number = _DIGITS_AT_END.search(lower)
    end = number.start() if number else len(lower)
    return _by_neighbours(lower[:end]) + lower[end:]


def _readings_of_digits(word: str) -> Iterator[str]:
    choices = (_LETTERS_BY_DIGIT.get(character, character) for character in word)
    return map("".join, product(*choices))


def _by_neighbours(word: str) -> str:
    """The word with letters for digits; 1 is an l beside a vowel or another l, or else an i."""
    read = ""
    for i, character in enumerate(word):
        letters = _LETTERS_BY_DIGIT.get(character, character)
        if len(letters) > 1:
            before = read[-1:] or word[i + 1 : i + 2]
            letters = "l" if before in {*"aeioul"} or word[i + 1 : i + 2] == "1" else "i"
        read += letters
    return read
