"""Burmese names: their syllables in Latin letters, and names written as one word, separated."""

import re
from collections.abc import Iterable

# Burmese syllables as personal names usually write them in Latin letters. That is the agreement of
# BGN and PCGN on Burmese (1970) without its tones and its apostrophes, but with ar, ay and oe.
SYLLABLE = re.compile(
    r"([\u1000-\u1021])([\u103b-\u103e]*)([\u102b-\u1032\u1036\u1037]*)\u103a?[\u1037\u1038]*"
    r"(?:([\u1000-\u1021])\u1037?(?:\u103a\u1039?|\u1039)[\u1037\u1038]*)?"
    r"|([\u1023-\u102a])[\u1037\u1038]*"
)
TITLE = re.compile(r"\A\s*(?:\u1026\u1038|\u1012\u1031\u102b\u103a)(?=\s*[\u1000-\u1021])")
_INITIALS = {
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
_INDEPENDENT = {
    chr(0x1023 + i): letters
    for i, letters in enumerate(("i", "i", "u", "oo", "ay", "", "aw", "aw"))
}
_VOWELS = {
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
_FINALS = {
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
_RIMES = {
    "k": {"": "et", "aw": "auk", "o": "aik"},
    "ng": {"": "in", "aw": "aung", "o": "aing"},
    "c": {"": "it"},
    "in": {"": "in"},
    "i": {"": "i"},
    "t": {"": "at", "i": "eik", "u": "oke"},
    "n": {"": "an", "i": "ein", "u": "one"},
    "y": {"": "e"},
}
_EXCEPTIONS = {"ay": "aye", "one": "ohn", "kyi": "gyi"}
"""Syllables without an initial, and the word for great (Ko Ko Gyi), which is voiced in names."""


def in_latin(match: re.Match[str]) -> str:
    """Return a match of SYLLABLE in Latin letters."""
    initial, medials, signs, final, independent = match.groups()
    if independent:
        return _INDEPENDENT[independent]
    vowel = _VOWELS.get(re.sub("[\u1036\u1037]", "", signs), "")
    kind = _FINALS.get(final or ("\u1036" if "\u1036" in signs else ""))
    rime = _RIMES[kind].get(vowel, vowel + "n") if kind else vowel or "a"
    onset = _INITIALS.get(initial, "")
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
        return _EXCEPTIONS.get(onset + rime, rime)
    return onset + rime


# A Burmese name in Latin letters that is written as one word: aungsanwinhtut.


def _longest_first(texts: Iterable[str]) -> str:
    return "|".join(sorted(set(texts), key=lambda text: (-len(text), text)))


_LATIN_RIMES = {
    *filter(None, _VOWELS.values()),
    *(rime for rimes in _RIMES.values() for rime in rimes.values()),
    *("a", "aye", "int", "oe", "ohn", "un", "ut"),
    *_INDEPENDENT.values(),
}
_LATIN_ONSETS = (
    f"{breath}{initial}{medial}"
    for breath in ("", "h")
    for initial in ("ch", "sh", *filter(None, _INITIALS.values()))
    for medial in ("", "y", "w", "yw")
)
_LATIN = (
    f"((?:{_longest_first(_LATIN_ONSETS)})(?:{_longest_first(_LATIN_RIMES)})"
    f"|{_longest_first(rime for rime in _LATIN_RIMES if len(rime) > 1)})"
)
_JOINED = re.compile(f"{_LATIN * 3}{_LATIN}?{_LATIN}?")
_MIN_LETTERS_OF_SYLLABLES = 3
"""With fewer on average, words of other languages are taken for Burmese: Guaramato."""


def separate(word: str) -> str | None:
    """Return the syllables of a Burmese name that is one word, or None for any other name."""
    if not (word.isascii() and word.isalpha()):
        return None
    match = _JOINED.fullmatch(word.lower())
    syllables = [syllable for syllable in match.groups() if syllable] if match else []
    if not syllables or len(word) < _MIN_LETTERS_OF_SYLLABLES * len(syllables):
        return None
    return " ".join(syllables)
