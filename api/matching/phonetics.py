"""How a word of a name sounds, and how similar two words are.

The same name is written with accents or without, as heard over the telephone, with typing errors,
or transliterated from Cyrillic, Arabic or Chinese by different systems. A word here is in ASCII
letters, lower case; a word from a script that does not write vowels starts with `~`.
"""

import re
from functools import lru_cache
from typing import Literal, NamedTuple

from rapidfuzz.distance import OSA

from api.matching import common_names
from api.matching.common_names import given_names, is_common

Kind = Literal[
    "same", "spelling", "slavic", "nickname", "initial", "consonants", "letters", "part", "ending"
]


class Similarity(NamedTuple):
    """In which way two words agree, and how closely, from 0 to 1."""

    kind: Kind
    score: float


# Spellings that sound alike in Spanish or Portuguese. The order matters.
_SOUND = [
    (re.compile(pattern), sound)
    for pattern, sound in (
        ("ph", "f"),
        ("tch|sch|sh", "ch"),
        ("ch(?=[rlt])|ck", "k"),
        ("^wu", "u"),
        ("ch", "%"),
        ("kh", "j"),
        ("h", ""),
        ("qu(?=[ei])|q|c(?![eiy])", "k"),
        ("gu(?=[ei])", "#"),
        ("^x(?=[aeiou])|g(?=[ei])", "j"),
        ("sc(?=[ei])|tz|[czx]", "s"),
        ("#", "g"),
        ("ll|(?<=[aeiou])[iy](?=[aeou])|^[iy](?=[aeou])|y(?=[aeiou])", "j"),
        ("y", "i"),
        ("ee", "i"),
        ("oo", "u"),
        ("^w(?=[aeiou])|^gu(?=[a])", "u"),
        ("[vw]", "b"),
        (r"(.)\1+", r"\1"),
        ("^es(?=[bkdfgjlmnpt])", "s"),
        ("^u(?=[aeio])", "b"),
    )
]


@lru_cache(maxsize=1 << 11)
def sound(word: str) -> str:
    """A word as it sounds in Spanish or Portuguese."""
    for pattern, replacement in _SOUND:
        word = pattern.sub(replacement, word)
    return word


_SLAVIC = re.compile(
    r"(?:[oeay][uvw]|[kt][iy]n|yn|in|[sc]k[iy][ijy]?|enk[oa]|ank[oa]|[uya]k|i[ct]?c?h?|vych|[iye]ts|iec"
    r"|(?:ov|ev|av|in|yn|sk[ai]?[iyj]?)a)\Z"
)
_SLAVIC_SOUND = [
    (re.compile(pattern), sound)
    for pattern, sound in (
        ("shch|szcz", "%"),
        ("zh|rz", "z"),
        ("sch|sh|sz", "s"),
        (r"tch|cz|ch|(?<=[iy])c\Z", "%"),
        ("kh|g", "h"),
        ("ts|tz|c", "t"),
        ("dj|dz", "d"),
        (r"w", "v"),
        (r"[iyj]?[oea][uv](?=[^aeiouy]|\Z|a\Z)", "av"),
        ("[iyj](?=[aeou])", ""),
        (r"ska[iyj]?a?\Z", "ska"),
        (r"[iyj]+", "i"),
        ("[oe]", "a"),
        (r"(.)\1+", r"\1"),
    )
]


@lru_cache(maxsize=1 << 12)
def slavic_sound(word: str) -> str:
    """A surname as it sounds in Russian, Belarusian and Ukrainian alike.

    Empty if its ending is not Slavic.
    """
    if len(word) < 5 or not _SLAVIC.search(word):
        return ""
    for pattern, replacement in _SLAVIC_SOUND:
        word = pattern.sub(replacement, word)
    return word


def is_slavic_surname(word: str) -> bool:
    """Whether a word ends as Slavic surnames do and given names do not (Yasmin, Marina)."""
    return bool(_SLAVIC_SURNAME.search(word))


_SLAVIC_SURNAME = re.compile(r"...(?:[oea][uvw]a?|sk[aiy]+j?|[ae]nk[oa]|ch[uy]k|v[iy]ch)\Z")


def code(word: str) -> str:
    """The phonetic code of a word: nearly always equal for words that are similar.

    A common given name is represented by its class, a Slavic surname by its masculine form, any
    other word by its sound.
    """
    if len(word) == 1:
        return word
    names = given_names(word)
    if names:
        return common_names.load().class_by_given_name[min(names)]
    slavic = slavic_sound(word)
    return _masculine(slavic) if slavic else sound(word)


_DELETE_PREFIX_LETTERS = 8
"""The prefix length of SymSpell: only the first letters of a word are varied."""


@lru_cache(maxsize=1 << 8)
def delete_variants(word: str) -> frozenset[str]:
    """The sound of a word, without up to two of its letters (SymSpell's symmetric delete).

    Two words that differ by one or two letters, or by two swapped ones, share a variant. Words of
    three or four sounds lose one letter at most; shorter ones have no variants.
    """
    sounded = sound(word)[:_DELETE_PREFIX_LETTERS]
    if len(sounded) < 3 or not (sounded[0].isalpha() and sounded[-1].isalpha()):
        return frozenset()
    variants = shortest = {sounded}
    for _ in range(2 if len(sounded) > 4 else 1):
        shortest = {text[:i] + text[i + 1 :] for text in shortest for i in range(len(text))}
        variants = variants | shortest
    return frozenset(variants)


_MIN_PREFIX_SOUNDS, _MAX_PREFIX_SOUNDS = 4, 10


def prefix_variants(word: str) -> frozenset[str]:
    """The beginnings of a word's sound, by which it is found if it is cut off: Capril."""
    sounded = sound(word)
    lengths = range(_MIN_PREFIX_SOUNDS, min(len(sounded), _MAX_PREFIX_SOUNDS + 1))
    return (
        frozenset(f"^{sounded[:length]}" for length in lengths) if word[0] != "~" else frozenset()
    )


def is_prefix_variant(variant: str) -> bool:
    """Whether a variant is the beginning of a word, not a word without some of its letters."""
    return variant[0] == "^"


def prefix_variant(word: str) -> str | None:
    """The variant of the words that a word may begin; None for a common name or a short word."""
    sounded = sound(word)[:_MAX_PREFIX_SOUNDS]
    is_whole = is_common(word) or not word.isalpha()
    return None if is_whole or len(sounded) < _MIN_PREFIX_SOUNDS else f"^{sounded}"


def truncated_similarity(short: str, long: str) -> Similarity | None:
    """How a word agrees with one that it may begin, or None if it does not."""
    if is_common(short) or len(short) >= len(long) or not sound(long).startswith(sound(short)):
        return None
    return Similarity("part", round(0.7 + 0.25 * len(short) / len(long), 3))


def _masculine(slavic: str) -> str:
    """The masculine form of a Slavic surname, in its Slavic sound."""
    if slavic.endswith("ska"):
        return slavic[:-1] + "i"
    return slavic[:-1] if slavic.endswith(("ava", "ina")) else slavic


def consonants(word: str) -> str:
    """The consonants of a word, by which it is compared with one of a script without vowels."""
    for letters, replacement in (("abdul", "abd"), ("kh", "x"), ("gh", "k"), ("q", "k")):
        word = word.replace(letters, replacement)
    return _DOUBLE.sub(r"\1", re.sub(r"[^bcdfgjklmnprstvxz]", "", word))


_DOUBLE = re.compile(r"(.)\1+")


@lru_cache(maxsize=1 << 12)
def similarity(a: str, b: str) -> Similarity | None:
    """How two words agree, or None if they are different words."""
    if a == b:
        return Similarity("same" if len(a) > 1 else "initial", 1.0 if len(a) > 1 else 0.7)
    if not (a[-1].isalpha() and b[-1].isalpha()):
        return None
    if len(a) == 1 or len(b) == 1:
        agree = a[0] == b[0] or sound(a)[:1] == sound(b)[:1] != ""
        return Similarity("initial", 0.7) if agree else None
    if (a[0] == "~") != (b[0] == "~"):
        agree = consonants(a) == consonants(b) != ""
        return Similarity("consonants", 0.8) if agree else None
    if a[0] == "~":
        return None
    given_a, given_b = given_names(a), given_names(b)
    if given_a & given_b:
        spellings = common_names.load().given_name_by_spelling
        if spellings.get(a, a) == spellings.get(b, b):
            return Similarity("spelling", 0.95)
        return Similarity("nickname", 0.8)
    if given_a and given_b:
        return None
    # Most pairs are excluded here, so that a comparison takes 8 us instead of 22 on average.
    if a[0] != b[0] and a[-1] != b[-1] and OSA.distance(a, b, score_cutoff=3) > 3:
        return None
    if sound(a) == sound(b):
        return Similarity("spelling", 0.95)
    return _slavic_similarity(a, b) or _similar_letters(a, b, bool(given_a or given_b))


def _slavic_similarity(a: str, b: str) -> Similarity | None:
    slavic_a, slavic_b = slavic_sound(a), slavic_sound(b)
    if not slavic_a or not slavic_b:
        return None
    if slavic_a == slavic_b:
        return Similarity("slavic", 0.9)
    if _masculine(slavic_a) == _masculine(slavic_b):
        return Similarity("ending", 0.6)
    return None


def _similar_letters(a: str, b: str, one_is_given: bool) -> Similarity | None:
    """Compare two words, at most one of them common, that differ by a few letters.

    Kinds: `ending`, `part`, `nickname`; `letters`, one or two letters wrong or swapped.
    """
    if is_common(a) and is_common(b):
        return None
    short, long = sorted((a, b), key=lambda word: (len(word), word))
    lost_letter = long == short + "a" and bool(given_names(long))
    if long in (short + "a", short[:-1] + "a", short[:-1] + "o") and not lost_letter:
        return Similarity("ending", 0.6)
    if long == saint_prefix(long) + short:
        return Similarity("part", 0.7)
    if one_is_given:
        word, name = (b, a) if given_names(a) else (a, b)
        if _is_diminutive(word, name):
            return Similarity("nickname", 0.7)
        if len(word) >= 3 and len(name) > len(word) + 1 and name.startswith(word):
            return Similarity("part", 0.7)  # Rigo is Rigoberto, but Noel is not Noelia.
        if len(word) > 3 and word[-1] in "iy" and name.startswith(word[:-1]):
            return Similarity("part", 0.7)  # Yuli may be Yuleidy or Yulimar.
    distance = min(OSA.distance(a, b), OSA.distance(sound(a), sound(b)))
    if distance <= (len(long) >= 4) + (len(long) >= 6):
        score = round(0.95 - distance / 2 / len(long), 3)
        return Similarity("letters", score)
    return None


def saint_prefix(word: str) -> str:
    """The prefix of a saint's name in a word that joins both (san in sanmiguel), or nothing."""
    match = None if is_common(word) else _SAINT.match(word)
    return match[0] if match else ""


_SAINT = re.compile(r"(?:san|santa|santo|sao)(?=[a-z]{4})")


def _is_diminutive(word: str, name: str) -> bool:
    """Whether a word is the diminutive of a given name: Pedrito, Carlinhos."""
    stem = _DIMINUTIVE.sub("", word)
    ending, diminutive = name[len(stem) :], word[len(stem) :]
    return len(stem) >= 3 and name.startswith(stem) and len(ending) < len(diminutive)


_DIMINUTIVE = re.compile(r"(?:c?it|inh)[oa]s?\Z")


@lru_cache(maxsize=1 << 12)
def patronymic_similarity(a: str, b: str) -> Similarity | None:
    """How two patronymics agree, compared by the given names of the fathers."""
    if a == b:
        return Similarity("same", 1.0)
    if len(a) == 1 or len(b) == 1:
        return similarity(a, b)
    root_a, root_b = _PATRONYMIC.sub("", a), _PATRONYMIC.sub("", b)
    fathers_a, fathers_b = _fathers(root_a), _fathers(root_b)
    if fathers_a and fathers_b:
        return Similarity("spelling", 0.95) if fathers_a & fathers_b else None
    agree = consonants(root_a.replace("g", "h")) == consonants(root_b.replace("g", "h"))
    return Similarity("spelling", 0.9) if agree else None


_PATRONYMIC = re.compile(r"(?:[aeoiy]*v(?:i|y)?(?:ch|c|tch|na)|[aeoiy]*wicz|[ae]una|ichna|ich)\Z")


def is_patronymic(word: str) -> bool:
    """Whether a word ends like a patronymic, as some surnames also do."""
    return len(word) > 5 and bool(_PATRONYMIC.search(word))


def _fathers(root: str) -> frozenset[str]:
    """The given names that a patronymic without its ending can be derived from."""
    return frozenset(
        name
        for ending in ("", "i", "y", "ei", "ai", "a", "o", "iy")
        for name in given_names(root + ending)
        if root + ending in common_names.load().given_name_by_spelling
    )
