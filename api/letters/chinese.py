"""Chinese names: pinyin read in Wade-Giles, the older system of romanization."""

import re

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
    **{"b": "p", "d": "t", "g": "k", "zh": "ch", "z": "ts", "c": "ts"},
    **{"j": "ch", "q": "ch", "x": "hs", "r": "j"},
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
MAX_LETTERS = 26
"""A longer text is no Chinese name: the longest of two words of two syllables has 25 letters."""
_NAME = re.compile(rf"(?:(?:{_SYLLABLE}){{1,2}}(?:[ '-]+|\Z)){{2,4}}")
_WORD = re.compile(rf"({_SYLLABLE})((?:{_SYLLABLE})?)(?![a-z])")
_DIGIT = re.compile(r"\d")
_WITH_TONES = re.compile(rf"(?:(?:{_SYLLABLE})[1-5])+")


def _written(pinyin: re.Match[str]) -> str:
    return "-".join(_WADE_GILES_BY_PINYIN[syllable] for syllable in pinyin.groups() if syllable)


def in_wade_giles(name: str) -> str | None:
    """Return a name in pinyin, in lower-case letters, as Wade-Giles writes it; None for others."""
    if not _NAME.fullmatch(name):
        return None
    return _WORD.sub(_written, name)


def without_tones(word: str) -> str | None:
    """Return a word in pinyin with the numbers of tones (xi1jin4) without them; None for others."""
    return _DIGIT.sub("", word) if _WITH_TONES.fullmatch(word) else None
