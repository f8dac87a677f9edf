"""Texts in plain letters: folded, repaired, and transliterated into ASCII."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import product

from anyascii import anyascii

from api.matching import common_names

_WORD = re.compile(r"\w+")
# They choose a variant of the character before them, and are invisible themselves.
_SELECTORS = re.compile("[\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")


def words(text: str) -> Sequence[str]:
    """The words of a text, folded, in order."""
    # NFKC first, so that compatibility forms (a mathematical A) become letters before folding.
    folded = unicodedata.normalize("NFKC", without_selectors(text)).casefold()
    decomposed = unicodedata.normalize("NFKD", folded)
    return _WORD.findall("".join(c for c in decomposed if not unicodedata.combining(c)))


def without_selectors(text: str) -> str:
    """Drop the variation selectors of a text."""
    return text if text.isascii() else _SELECTORS.sub("", text)


def fold(text: str) -> str:
    """A text as its folded words, joined by single spaces."""
    return " ".join(words(text))


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


def repair(name: str) -> str:
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
        word = _WORD.findall(name[start:i])[-1]
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
    if _PINYIN_WITH_TONES.fullmatch(lower):
        return _DIGIT.sub("", lower)
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


# Transliteration.

_SYLLABIC = re.compile(r"([\u3040-\u9fff\uac00-\ud7a3])")
_VOWELLESS = re.compile(r"(\u0627\u0644)?([\u0590-\u06ff]+)")
_MARKS = re.compile("[\u0300-\u036f]+")


def transliterate(text: str) -> str:
    """A text in lower-case ASCII letters, with its punctuation in place."""
    text = unicodedata.normalize("NFKD", text)
    if not text.isascii():
        without_marks = _MARKS.sub("", text)
        if without_marks.isascii():
            return without_marks.lower()
        text = unicodedata.normalize("NFC", text)
        text = _BURMESE_TITLE.sub("", text)
        text = _BURMESE.sub(lambda match: f" {_burmese_syllable(match)} ", text)
        # Each Chinese or Korean syllable becomes a word, and so does the Arabic article.
        text = _VOWELLESS.sub(_mark_vowelless, _SYLLABIC.sub(r"\1 ", text))
        text = anyascii(text)
    return text.lower()


def _mark_vowelless(match: re.Match[str]) -> str:
    return f" {'al ' if match[1] else ''}~{match[2]}"


# Burmese syllables as personal names usually write them in Latin letters. That is the agreement of
# BGN and PCGN on Burmese (1970) without its tones and its apostrophes, but with ar, ay and oe.
_BURMESE = re.compile(
    r"([\u1000-\u1021])([\u103b-\u103e]*)([\u102b-\u1032\u1036\u1037]*)\u103a?[\u1037\u1038]*"
    r"(?:([\u1000-\u1021])\u1037?(?:\u103a\u1039?|\u1039)[\u1037\u1038]*)?"
    r"|([\u1023-\u102a])[\u1037\u1038]*"
)
_BURMESE_TITLE = re.compile(r"\A\s*(?:\u1026\u1038|\u1012\u1031\u102b\u103a)(?=\s*[\u1000-\u1021])")
_BURMESE_INITIALS = {
    chr(first + i): letters
    for first, row in (
        (0x1000, ("k", "kh", "g", "g", "ng")),
        (0x1005, ("s", "s", "z", "z", "ny", "ny")),
        (0x100B, ("t", "ht", "d", "d", "n")),
        (0x1010, ("t", "ht", "d", "d", "n")),
        (0x1015, ("p", "ph", "b", "b", "m")),
        (0x101A, ("y", "y", "l", "w", "th", "h", "l", "")),
    )
    for i, letters in enumerate(row)
}
_BURMESE_INDEPENDENT = {
    chr(0x1023 + i): letters
    for i, letters in enumerate(("i", "i", "u", "oo", "ay", "", "aw", "aw"))
}
_BURMESE_VOWELS = {
    "": "",
    "\u102b": "ar",
    "\u102c": "ar",
    "\u102d": "i",
    "\u102e": "i",
    "\u102f": "u",
    "\u1030": "u",
    "\u1031": "ay",
    "\u1032": "e",
    "\u1031\u102b": "aw",
    "\u1031\u102c": "aw",
    "\u102d\u102f": "o",
}
_BURMESE_FINALS = {
    final: name
    for name, finals in (
        ("k", "\u1000\u1002"),
        ("ng", "\u1004"),
        ("c", "\u1005\u1007"),
        ("in", "\u1009"),
        ("i", "\u100a"),
        ("t", "\u1010\u1012\u1015\u1017\u101e\u101c"),
        ("n", "\u1014\u100f\u1019\u1036"),
        ("y", "\u101a"),
    )
    for final in finals
}
_BURMESE_RIMES = {
    "k": {"": "et", "aw": "auk", "o": "aik"},
    "ng": {"": "in", "aw": "aung", "o": "aing"},
    "c": {"": "it"},
    "in": {"": "in"},
    "i": {"": "i"},
    "t": {"": "at", "i": "eik", "u": "oke"},
    "n": {"": "an", "i": "ein", "u": "one"},
    "y": {"": "e"},
}
_BURMESE_EXCEPTIONS = {"ay": "aye", "one": "ohn", "kyi": "gyi"}
"""Syllables without an initial, and the word for great (Ko Ko Gyi), which is voiced in names."""


def _burmese_syllable(match: re.Match[str]) -> str:
    initial, medials, signs, final, independent = match.groups()
    if independent:
        return _BURMESE_INDEPENDENT[independent]
    vowel = _BURMESE_VOWELS.get(re.sub("[\u1036\u1037]", "", signs), "")
    kind = _BURMESE_FINALS.get(final or ("\u1036" if "\u1036" in signs else ""))
    rime = _BURMESE_RIMES[kind].get(vowel, vowel + "n") if kind else vowel or "a"
    onset = _BURMESE_INITIALS.get(initial, "")
    if {"\u103b", "\u103c"} & {*medials} and onset[-1:] != "y":
        onset = "ch" if onset == "kh" else onset + "y"
    if "\u103e" in medials:
        onset = "sh" if onset in ("y", "thy") else "h" + onset
    if "\u103d" in medials:
        merged = {("t", "at"): "ut", ("n", "an"): "un"}.get((kind or "", rime))
        onset, rime = (onset, merged) if merged else (onset + "w", rime)
    if kind == "ng" and rime == "in" and "\u1037" in match[0]:
        rime = "int"
    if rime == "o" and "\u1038" in match[0] and "y" not in onset:
        rime = "oe"
    if not onset or match[0] == "\u1000\u103c\u102e\u1038":
        return _BURMESE_EXCEPTIONS.get(onset + rime, rime)
    return onset + rime


# Other readings: how the same name is written by another system of romanization.

_LACINKA = re.compile("[čšžŭćśźńł]", re.IGNORECASE)
_LACINKA_LETTERS = [
    (re.compile(pattern), letters)
    for pattern, letters in (
        ("ch", "kh"),
        ("č", "ch"),
        ("š", "sh"),
        ("ž", "zh"),
        ("c(?![hz])|ć", "ts"),
        ("yj(?=[aeou])", "yi"),
        ("j(?=[aeou])", "y"),
        ("j", "i"),
    )
]


# A Burmese name in Latin letters that is written as one word: aungsanwinhtut.


def _longest_first(texts: Iterable[str]) -> str:
    return "|".join(sorted(set(texts), key=lambda text: (-len(text), text)))


_BURMESE_LATIN_RIMES = {
    *filter(None, _BURMESE_VOWELS.values()),
    *(rime for rimes in _BURMESE_RIMES.values() for rime in rimes.values()),
    *("a", "aye", "int", "oe", "ohn", "un", "ut"),
    *_BURMESE_INDEPENDENT.values(),
}
_BURMESE_LATIN_ONSETS = (
    f"{breath}{initial}{medial}"
    for breath in ("", "h")
    for initial in ("ch", "sh", *filter(None, _BURMESE_INITIALS.values()))
    for medial in ("", "y", "w", "yw")
)
_BURMESE_LATIN = (
    f"((?:{_longest_first(_BURMESE_LATIN_ONSETS)})(?:{_longest_first(_BURMESE_LATIN_RIMES)})"
    f"|{_longest_first(rime for rime in _BURMESE_LATIN_RIMES if len(rime) > 1)})"
)
_BURMESE_JOINED = re.compile(f"{_BURMESE_LATIN * 3}{_BURMESE_LATIN}?{_BURMESE_LATIN}?")
_MIN_LETTERS_OF_SYLLABLES = 3
"""With fewer on average, words of other languages are taken for Burmese: Guaramato."""


def _separate_burmese(word: str) -> str | None:
    """The syllables of a Burmese name that is one word, or None for any other name."""
    if not (word.isascii() and word.isalpha()):
        return None
    match = _BURMESE_JOINED.fullmatch(word.lower())
    syllables = [syllable for syllable in match.groups() if syllable] if match else []
    if not syllables or len(word) < _MIN_LETTERS_OF_SYLLABLES * len(syllables):
        return None
    return " ".join(syllables)


# Pinyin syllables by their initials, in the order of the table of the standard ISO 7098.
_PINYIN = {
    initial: finals.split()
    for initial, finals in (
        ("", "a ai an ang ao e ei en eng er o ou"),
        ("b", "a ai an ang ao ei en eng i ian iao ie in ing o u"),
        ("p", "a ai an ang ao ei en eng i ian iao ie in ing o ou u"),
        ("m", "a ai an ang ao e ei en eng i ian iao ie in ing iu o ou u"),
        ("f", "a an ang ei en eng o ou u"),
        ("d", "a ai an ang ao e ei en eng i ian iao ie ing iu ong ou u uan ui un uo"),
        ("t", "a ai an ang ao e eng i ian iao ie ing ong ou u uan ui un uo"),
        ("n", "a ai an ang ao e ei en eng i ian iang iao ie in ing iu ong ou u uan ue uo"),
        ("l", "a ai an ang ao e ei eng i ia ian iang iao ie in ing iu ong ou u uan ue un uo"),
        ("g", "a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo"),
        ("k", "a ai an ang ao e en eng ong ou u ua uai uan uang ui un uo"),
        ("h", "a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo"),
        ("j", "i ia ian iang iao ie in ing iong iu u uan ue un"),
        ("q", "i ia ian iang iao ie in ing iong iu u uan ue un"),
        ("x", "i ia ian iang iao ie in ing iong iu u uan ue un"),
        ("zh", "a ai an ang ao e en eng i ong ou u ua uai uan uang ui un uo"),
        ("ch", "a ai an ang ao e en eng i ong ou u ua uai uan uang ui un uo"),
        ("sh", "a ai an ang ao e ei en eng i ou u ua uai uan uang ui un uo"),
        ("r", "an ang ao e en eng i ong ou u uan ui un uo"),
        ("z", "a ai an ang ao e ei en eng i ong ou u uan ui un uo"),
        ("c", "a ai an ang ao e en eng i ong ou u uan ui un uo"),
        ("s", "a ai an ang ao e en eng i ong ou u uan ui un uo"),
        ("y", "a an ang ao e i in ing ong ou u uan ue un"),
        ("w", "a ai an ang ei en eng o u"),
    )
}
# Wade-Giles without apostrophes and umlauts, as it is printed: ch'ing and ching are alike.
_WADE_GILES_INITIALS = {
    **dict(zip(("b", "d", "g", "zh", "z", "c"), ("p", "t", "k", "ch", "ts", "ts"), strict=True)),
    **dict(zip(("j", "q", "x", "r"), ("ch", "ch", "hs", "j"), strict=True)),
}
_WADE_GILES_FINALS = {"ian": "ien", "ie": "ieh", "ue": "ueh", "ong": "ung", "iong": "iung"}
_WADE_GILES_EXCEPTIONS = {
    **{"zhi": "chih", "chi": "chih", "shi": "shih", "ri": "jih"},
    **{"zi": "tzu", "ci": "tzu", "si": "ssu", "er": "erh", "ye": "yeh", "you": "yu", "yan": "yen"},
    **{"ge": "ko", "ke": "ko", "he": "ho", "gui": "kuei", "kui": "kuei", "yi": "i"},
    **{"guo": "kuo", "kuo": "kuo", "huo": "huo", "shuo": "shuo"},
}


def _wade_giles(initial: str, final: str) -> str:
    written = _WADE_GILES_INITIALS.get(initial, initial)
    if final == "uo":
        return written + "o"
    return written + _WADE_GILES_FINALS.get(final, final)


_WADE_GILES_BY_PINYIN = {
    initial + final: _WADE_GILES_EXCEPTIONS.get(initial + final) or _wade_giles(initial, final)
    for initial, finals in _PINYIN.items()
    for final in finals
}
_SYLLABLE = "|".join(sorted(_WADE_GILES_BY_PINYIN, key=len, reverse=True))
_MAX_CHINESE_NAME_LETTERS = 26
_CHINESE_NAME = re.compile(rf"(?:(?:{_SYLLABLE}){{1,2}}(?:[ '-]+|\Z)){{2,4}}")
_PINYIN_WORD = re.compile(rf"({_SYLLABLE})((?:{_SYLLABLE})?)(?![a-z])")
_PINYIN_WITH_TONES = re.compile(rf"(?:(?:{_SYLLABLE})[1-5])+")


def _in_wade_giles(pinyin: re.Match[str]) -> str:
    return "-".join(_WADE_GILES_BY_PINYIN[syllable] for syllable in pinyin.groups() if syllable)


@lru_cache(maxsize=1 << 10)
def other_readings(name: str) -> Sequence[str]:
    """A name as other systems of romanization write it.

    A name in Belarusian Latin letters (Stefanovič) is read as if from Cyrillic (Stefanovich), and
    one in pinyin (Xu Zhiyong) is read in Wade-Giles (Hsu Chih-yung). The syllables of a Burmese
    name that is one word (Minkonaing) are separated.
    """
    readings = []
    composed = unicodedata.normalize("NFC", name)
    if _LACINKA.search(composed):
        lower = composed.lower()
        for pattern, letters in _LACINKA_LETTERS:
            lower = pattern.sub(letters, lower)
        readings.append(lower)
    if len(name) <= _MAX_CHINESE_NAME_LETTERS:
        latin = name.lower() if name.isascii() else transliterate(name)
        if _CHINESE_NAME.fullmatch(latin):
            readings.append(_PINYIN_WORD.sub(_in_wade_giles, latin))
    if joined := _separate_burmese(name.strip()):
        readings.append(joined)
    return [reading for reading in readings if reading != name.lower()]
