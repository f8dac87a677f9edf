"""Korean names: the same name in hangul and in the ways in which it is written in Latin letters.

The Revised Romanization, McCune-Reischauer with or without its marks, and the spellings that people
choose write one name as Choe Eunhui, Ch'oe Ŭn-hŭi, Choi Eun-hee or 최은희. A letter can stand for
several sounds: the u of Jung is that of 정 or 중. Two names agree if a reading of each has the same
consonants and can have the same vowels, so Kim Seong-ho is Kim Song-ho, and not Kim Seung-ho.
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import chain, product
from typing import NamedTuple

from anyascii import anyascii

_MAX_LETTERS = 26
"""A longer text is no Korean name: the longest of a surname and two syllables has 18 letters."""
_APOSTROPHES = re.compile("['`\u2018\u2019\u02bc]")
_VOWEL_LETTER = re.compile("[aeiouwy]")
_LATIN_WORD = re.compile("[^ ,]+")
_MIN_JOINED_LETTERS = 9
"""A name in one word has at least so many: shorter ones are names of other languages (Jimena)."""
_MIN_GIVEN_LETTERS = 5
"""A given name without a hyphen has at least so many: Mina is a name of many languages."""

# Latin letters -> the sound. Sounds that systems of romanization do not keep apart have one letter.
_ONSETS = {
    letters: sound
    for sound, spellings in {
        "": ("",),
        "k": ("k", "g", "kk", "gg"),
        "t": ("t", "d", "tt", "dd"),
        "p": ("p", "b", "pp", "bb"),
        "c": ("ch", "j", "jj", "tch", "ts"),
        "s": ("s", "sh", "ss"),
        "l": ("l", "r", "rh"),
        **{letter: (letter,) for letter in "hmn"},
    }.items()
    for letters in spellings
}
_CODAS = {
    letters: sound
    for sound, spellings in {
        "": ("",),
        "k": ("k", "g", "ck", "rk"),
        "t": ("t", "d"),
        "p": ("p", "b"),
        "l": ("l", "r", "ll"),
        "m": ("m",),
        "n": ("n",),
        "ng": ("ng",),
    }.items()
    for letters in spellings
}
_VOWELS = {
    letters: frozenset(sounds.split())
    for sounds, spellings in {
        "a": "a ah",
        "ya": "ya yah",
        "eo": "eo er ur",
        "eu": "eu",
        "o eo": "o oh",
        "eo eu u": "u uh",
        "u": "oo woo wu",
        "eo u": "ou",
        "yeo": "yeo",
        "yeo yo": "yo",
        "yeo yu": "yu you",
        "yu": "yoo",
        "i ui": "i ee yi",
        "ae": "ae ai ay ea",
        "ae e": "e eh",
        "yae ye": "yae ye",
        "wa": "wa oa",
        "wae": "wae wai",
        "oe": "oe oi",
        "oe wae we": "we",
        "wo": "wo weo",
        "wi": "wi wee",
        "ui wi": "ui eui",
    }.items()
    for letters in spellings.split()
}
# Vowels that share a spelling have one letter in the codes by which names are found.
_VOWEL_CODES = {
    vowel: code
    for code, vowels in {
        "a": "a",
        "A": "ya",
        "o": "eo eu o u",
        "O": "yeo yo yu",
        "i": "i ui wi",
        "e": "ae e",
        "E": "yae ye",
        "w": "wa",
        "W": "oe wae we",
        "u": "wo",
    }.items()
    for vowel in vowels.split()
}

# Hangul, in the order of Unicode.
_HANGUL = re.compile("[\uac00-\ud7a3]")
_HANGUL_ONSETS = tuple("kknttlmppss-cccktph")
_HANGUL_VOWELS = re.findall(
    "[a-z]+", "a ae ya yae eo e yeo ye o wa wae oe yo u wo we wi yu eu ui i"
)
_HANGUL_CODAS = re.findall("[a-z-]+", "- k k k n n n t l k m l l l p l m p p t t ng t t k t p t")
_SILENT = "-"

# Surnames of nearly all Koreans. Those of North Korea that begin with r (리) have the vowel alone.
_SURNAMES = (
    "김이박최정강조윤장임한오서신권황안송전홍유고문양손배백허남심노하곽성차주우구민나진지엄채원천방공현함변염여추"
    "도소석선설마길연위표명기반왕금옥육맹제"
)
_COMPOUND_SURNAMES = ("남궁", "황보", "선우", "제갈", "독고")
_MAX_GIVEN_SYLLABLES = 2


class Syllable(NamedTuple):
    """The sounds of a syllable: the vowel is one of several if it is written in Latin letters."""

    onset: str
    vowels: frozenset[str]
    coda: str

    @property
    def code(self) -> str:
        """A text that all spellings of the syllable have in common."""
        return self.onset + _VOWEL_CODES[min(self.vowels)] + self.coda

    def likeness(self, other: "Syllable") -> float:
        """The share of the vowels that both spellings can have; 0 if they are two syllables."""
        if (self.onset, self.coda) != (other.onset, other.coda):
            return 0.0
        return len(self.vowels & other.vowels) / len(self.vowels | other.vowels)


class KoreanName(NamedTuple):
    """A way to read a name: its surname in hangul, the given name, and both as they are written."""

    surname: str
    given: tuple[Syllable, ...]
    written_surname: str
    written_given: str

    @property
    def key(self) -> str:
        """The key by which the name is found."""
        return f"@{self.surname} {self._given_code}"

    @property
    def given_key(self) -> str:
        """The key by which it is found by its given name alone."""
        return f"^ {self._given_code}"

    @property
    def beginning_keys(self) -> Sequence[str]:
        """The keys by which it is found by its surname, and by that and the first given letters."""
        return _beginning_keys(self.surname, [self.given[0].onset])

    @property
    def _given_code(self) -> str:
        return ".".join(syllable.code for syllable in self.given)

    def likeness(self, other: "KoreanName") -> float:
        """How closely two spellings agree, up to 1; 0 if they are of two names."""
        if self.surname != other.surname or len(self.given) != len(other.given):
            return 0.0
        return math.prod(a.likeness(b) for a, b in zip(self.given, other.given, strict=True))


class Beginning(NamedTuple):
    """A surname in hangul and as it is written, and the letters with which a given name begins."""

    surname: str
    written_surname: str
    given: str

    @property
    def keys(self) -> Sequence[str]:
        """The keys of the names that begin so."""
        surname, *both = _beginning_keys(self.surname, _onsets_of(self.given))
        return both if self.given else [surname]

    def is_of(self, name: KoreanName) -> bool:
        """Whether a name can be written so that it begins with these letters."""
        return self.surname == name.surname and _begin(self.given, name.given)


def _beginning_keys(surname: str, onsets: Iterable[str]) -> Sequence[str]:
    return [f"^{surname}", *(f"^{surname} {onset or _SILENT}" for onset in onsets)]


@lru_cache(maxsize=1 << 10)
def readings(name: str) -> Sequence[KoreanName]:
    """The ways to read a name as a Korean one; none for most names."""
    if len(name) > _MAX_LETTERS:
        return ()
    return tuple(dict.fromkeys(_hangul_readings(name) or _latin_readings(name)))


@lru_cache(maxsize=1 << 6)
def beginnings(query: str) -> Sequence[Beginning]:
    """The ways to read a query as a surname, alone or with the first letters of a given name.

    None for a whole name: Kim Min-ju does not begin Kim Min-jun.
    """
    whole = readings(query)
    is_whole = whole and all(len(name.given) == _MAX_GIVEN_SYLLABLES for name in whole)
    if is_whole or len(query) > _MAX_LETTERS:
        return ()
    orders: Iterable[tuple[Iterable[str], str, str]]
    if hangul := _hangul(query):
        surname, given = _divided(hangul)
        sounds = _without_initial([_syllable_of_hangul(character) for character in surname])
        orders = [(_surnames_like(sounds), anyascii(surname).lower(), anyascii(given).lower())]
    else:
        orders = (
            (_surnames_of_word(word), word, "".join(filter(str.isalpha, "".join(words))))
            for word, words in _orders(_latin_words(query))
        )
    return [Beginning(name, *written) for names, *written in orders for name in names]


@lru_cache(maxsize=1 << 6)
def given_names(query: str) -> Sequence[KoreanName]:
    """The ways to read a query as a given name alone, without a surname: Eun-hee, Eunhee, 은희.

    None for a text that may be a whole name, and for a short word without a hyphen.
    """
    if len(query) > _MAX_LETTERS or readings(query):
        return ()
    if hangul := _hangul(query):
        written = anyascii(hangul).lower()
        divided = [tuple(map(_syllable_of_hangul, hangul))]
    else:
        words = _latin_words(query)
        pieces = words[0].split("-") if len(words) == 1 else []
        written = "".join(pieces)
        if len(pieces) != _MAX_GIVEN_SYLLABLES and len(written) < _MIN_GIVEN_LETTERS:
            return ()
        parts = product(*map(_segmentations, pieces[: _MAX_GIVEN_SYLLABLES + 1]))
        divided = [tuple(chain.from_iterable(part)) for part in parts]
    return [
        KoreanName("", _without_initial(syllables), "", written)
        for syllables in divided
        if len(syllables) == _MAX_GIVEN_SYLLABLES
    ]


class Agreement(NamedTuple):
    """The readings by which two names agree best, and how closely: 0 if they are two names."""

    name: KoreanName
    other: KoreanName
    likeness: float


def compare(name: str, other: str) -> Agreement | None:
    """Compare two names by the readings that agree best; None if one of them is not Korean."""
    others = readings(other)
    pairs = (
        Agreement(a, b, a.likeness(b)) for a in (readings(name) if others else ()) for b in others
    )
    return max(pairs, key=lambda agreement: agreement.likeness, default=None)


def _hangul_readings(name: str) -> list[KoreanName]:
    surname, given = _divided(_hangul(name))
    if not 1 <= len(given) <= _MAX_GIVEN_SYLLABLES:
        return []
    syllables = _without_initial([_syllable_of_hangul(character) for character in given])
    written = anyascii(surname).lower(), anyascii(given).lower()
    first = _without_initial([_syllable_of_hangul(character) for character in surname])
    return [KoreanName(name, syllables, *written) for name in _surnames_like(first)]


def _hangul(name: str) -> str:
    """A name in hangul without spaces; empty if it has another character."""
    joined = "".join(unicodedata.normalize("NFC", name).split())
    return joined if len(_HANGUL.findall(joined)) == len(joined) else ""


def _divided(hangul: str) -> tuple[str, str]:
    length = 2 if hangul.startswith(_COMPOUND_SURNAMES) else 1
    return hangul[:length], hangul[length:]


def _syllable_of_hangul(character: str) -> Syllable:
    onset, rest = divmod(ord(character) - 0xAC00, len(_HANGUL_VOWELS) * len(_HANGUL_CODAS))
    vowel, coda = divmod(rest, len(_HANGUL_CODAS))
    return Syllable(
        _HANGUL_ONSETS[onset].strip(_SILENT),
        frozenset([_HANGUL_VOWELS[vowel]]),
        _HANGUL_CODAS[coda].strip(_SILENT),
    )


def _without_initial(syllables: Sequence[Syllable]) -> tuple[Syllable, ...]:
    """The syllables without the l or n that the first one loses in the South: 리 is 이."""
    first, *others = syllables
    if first.onset in ("l", "n"):
        is_palatal = min(first.vowels) in ("i", "yae", "ya", "ye", "yeo", "yo", "yu")
        first = first._replace(onset="" if is_palatal else "n")
    return (first, *others)


@cache
def _surname_syllables() -> Sequence[tuple[str, Sequence[Syllable]]]:
    return [
        (surname, [_syllable_of_hangul(character) for character in surname])
        for surname in (*_SURNAMES, *_COMPOUND_SURNAMES)
    ]


def _surnames_like(syllables: Sequence[Syllable]) -> Iterator[str]:
    """The surnames that can be written so."""
    for surname, sounds in _surname_syllables():
        if len(sounds) == len(syllables) and all(map(Syllable.likeness, syllables, sounds)):
            yield surname


def _latin_readings(name: str) -> list[KoreanName]:
    words = _latin_words(name)
    if len(words) == 1:
        return list(_joined_readings(words[0]))
    orders = _orders(words)
    return [reading for surname, given in orders for reading in _readings_of(surname, given)]


def _latin_words(name: str) -> Sequence[str]:
    """The words of a name in Latin letters; none if they are too many or have other letters."""
    text = _APOSTROPHES.sub("", name.lower())
    if not text.isascii():
        text = unicodedata.normalize("NFC", text).replace("ŏ", "eo").replace("ŭ", "eu")
    words = _LATIN_WORD.findall(text)
    return words if text.isascii() and len(words) <= 1 + _MAX_GIVEN_SYLLABLES else []


def _orders(words: Sequence[str]) -> Sequence[tuple[str, Sequence[str]]]:
    """The surname and the words of the given name, by each order of the two."""
    if len(words) < 2:
        return [(word, ()) for word in words]
    return [(words[0], words[1:]), (words[-1], words[:-1])]


def _readings_of(surname: str, given: Sequence[str]) -> Iterator[KoreanName]:
    surnames = _surnames_of_word(surname)
    pieces = [piece for word in given for piece in word.split("-") if piece] if surnames else []
    if not 1 <= len(pieces) <= _MAX_GIVEN_SYLLABLES:
        return
    count = 1 if len(pieces) == _MAX_GIVEN_SYLLABLES else _MAX_GIVEN_SYLLABLES
    each = [[s for s in _segmentations(piece) if len(s) <= count] for piece in pieces]
    given_names = each[0] if len(each) == 1 else [(*a, *b) for a in each[0] for b in each[1]]
    for syllables in given_names:
        for hangul in surnames:
            yield KoreanName(hangul, _without_initial(syllables), surname, "".join(pieces))


def _joined_readings(word: str) -> Iterator[KoreanName]:
    if len(word) < _MIN_JOINED_LETTERS or not word.isalpha():
        return
    for length in range(1, len(word)):
        surname, given = word[:length], word[length:]
        for reading in _readings_of(surname, [given]) if len(surname) <= 5 else ():
            if len(reading.given) == _MAX_GIVEN_SYLLABLES:
                yield reading


@lru_cache(maxsize=1 << 9)
def _surnames_of_word(word: str) -> Sequence[str]:
    return [
        surname
        for syllables in _segmentations(word)
        for surname in _surnames_like(_without_initial(syllables))
    ]


@lru_cache(maxsize=1 << 9)
def _segmentations(word: str) -> Sequence[tuple[Syllable, ...]]:
    """The ways to divide a word into one or two Korean syllables."""
    segmentations: list[tuple[Syllable, ...]] = []
    for end in range(len(word), 0, -1):
        first = _syllable(word[:end])
        if first is not None and end == len(word):
            segmentations.append((first,))
        elif first is not None and (second := _syllable(word[end:])) is not None:
            segmentations.append((first, second))
    return segmentations


_SYLLABLE = re.compile(
    "({})({})({})".format(
        *(
            "|".join(sorted(letters, key=len, reverse=True))
            for letters in (_ONSETS, _VOWELS, _CODAS)
        )
    )
)


def _syllable(text: str) -> Syllable | None:
    match = _SYLLABLE.fullmatch(text)
    if match is None:
        return None
    onset, vowel, coda = match.groups()
    return Syllable(_ONSETS[onset], _VOWELS[vowel], _CODAS[coda])


def _onsets_of(text: str) -> Sequence[str]:
    """The consonants with which a text begins, or can begin when it goes on."""
    letters = _VOWEL_LETTER.split(text, maxsplit=1)[0]
    return sorted(
        {
            sound
            for spelling, sound in _ONSETS.items()
            if spelling == letters or (letters == text and text and spelling.startswith(text))
        }
    )


def _begin(text: str, syllables: Sequence[Syllable]) -> bool:
    """Whether syllables can be written so that they begin with a text."""
    if not text or not syllables:
        return not text
    return any(
        spelling.startswith(text)
        or (text.startswith(spelling) and _begin(text.removeprefix(spelling), syllables[1:]))
        for spelling in _spellings(syllables[0])
    )


@lru_cache(maxsize=1 << 9)
def _spellings(syllable: Syllable) -> Sequence[str]:
    onsets = [letters for letters, sound in _ONSETS.items() if sound == syllable.onset]
    vowels = [letters for letters, sounds in _VOWELS.items() if sounds & syllable.vowels]
    codas = [letters for letters, sound in _CODAS.items() if sound == syllable.coda]
    return ["".join(parts) for parts in product(onsets, vowels, codas)]
