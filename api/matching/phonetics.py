"""How a word of a name is spelled: in plain letters, as it sounds, and how alike two words are.

Names come from many hands: with accents or without, heard over the telephone, typed in haste, taken
from Cyrillic, Arabic or Chinese by rules that differ. A word here is in plain letters, lower case;
one from a script that leaves its vowels out begins with `~`.
"""

import hashlib
import re
import unicodedata
from functools import cache, lru_cache
from importlib.resources import files
from typing import Literal, NamedTuple

from anyascii import anyascii
from rapidfuzz.distance import OSA

Kind = Literal[
    "same", "spelling", "nickname", "initial", "consonants", "slip", "letters", "part", "ending"
]


class Likeness(NamedTuple):
    """How two words agree, and how far, from 0 to 1."""

    kind: Kind
    score: float


class _Common(NamedTuple):
    """The commonest names, as api/common_names.txt has them."""

    given: dict[str, frozenset[str]]
    spelled: dict[str, str]
    commonest: frozenset[str]
    surnames: frozenset[str]
    titles: frozenset[str]
    particles: frozenset[str]
    classes: dict[str, str]
    words: dict[str, frozenset[str]]


@cache
def _common() -> _Common:
    given: dict[str, set[str]] = {}
    spelled: dict[str, str] = {}
    classes: dict[str, str] = {}
    commonest: set[str] = set()
    listed: dict[str, set[str]] = {
        name: set() for name in ("[surnames]", "[titles]", "[particles]")
    }
    kind = ""
    text = (files("api.matching") / "common_names.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith("["):
            kind = line
        elif kind in listed:
            listed[kind].update(line.split())
        elif kind == "[given]":
            spellings, _, nicknames = line.lstrip("+").partition("/")
            name = spellings.split()[0]
            spelled.update(dict.fromkeys(spellings.split(), name))
            for word in (*spellings.split(), *nicknames.split()):
                given.setdefault(word, set()).add(name)
            if line.startswith("+"):
                commonest.update(spellings.split())
    words: dict[str, set[str]] = {}
    for word, names in given.items():
        for name in names:
            words.setdefault(name, set()).add(word)
    # One class holds all names that share a nickname, so that a person is found by any of them.
    for names in given.values():
        joined = {classes.get(name, name) for name in names}
        first = min(joined)
        classes.update({name: first for name, of in classes.items() if of in joined})
        classes.update(dict.fromkeys(names, first))
    return _Common(
        {word: frozenset(names) for word, names in given.items()},
        spelled,
        frozenset(commonest),
        frozenset(listed["[surnames]"]),
        frozenset(listed["[titles]"]),
        frozenset(listed["[particles]"]),
        classes,
        {name: frozenset(of) for name, of in words.items()},
    )


def rules() -> bytes:
    """The SHA-256 of what decides how a name is spelled: a database that was filled by other rules
    has other keys."""
    files_of = (
        files("api.matching") / name
        for name in ("common_names.txt", "phonetics.py", "name_parsing.py")
    )
    return hashlib.sha256(b"".join(file.read_bytes() for file in files_of)).digest()


def given_names(word: str) -> frozenset[str]:
    """The given names that a word is a spelling or a nickname of; none if it is no common one."""
    return _common().given.get(word, frozenset())


def is_surname(word: str) -> bool:
    """Whether it is one of the common surnames."""
    return word in _common().surnames


def is_title(word: str) -> bool:
    """Whether it is no name, but what someone is called by before it."""
    return word in _common().titles


def is_particle(word: str) -> bool:
    """Whether it only ties the words of a name: de, von, al."""
    return word in _common().particles


def is_known(word: str) -> bool:
    """Whether it is a common name, so that another common name is hardly a slip for it."""
    return bool(given_names(word)) or is_surname(word)


def rarity(word: str) -> float:
    """How much it says that two people share this word: the bits of one in so many."""
    if len(word) == 1:
        return 1.5
    if word in _common().commonest:
        return 4.3
    if is_surname(word) or len(word) == 2:
        return 6
    return 6.6 if given_names(word) else 10


_OPEN = re.compile(r"([\u3040-\u9fff\uac00-\ud7a3])")
_VOWELLESS = re.compile(r"(\u0627\u0644)?([\u0590-\u06ff]+)")


def plain(text: str) -> str:
    """A text in plain letters, lower case; what it is written with stays where it was."""
    text = unicodedata.normalize("NFKD", text)
    if not text.isascii():
        without_marks = _MARKS.sub("", text)
        if without_marks.isascii():
            return without_marks.lower()
        text = unicodedata.normalize("NFC", text)
        # A syllable is a word until it is joined with the next; so is the article al.
        text = _VOWELLESS.sub(_vowelless, _OPEN.sub(r"\1 ", text))
        text = anyascii(text)
    return text.lower()


_MARKS = re.compile("[\u0300-\u036f]+")


def _vowelless(found: re.Match[str]) -> str:
    return f" {'al ' if found[1] else ''}~{found[2]}"


# What sounds alike to who speaks Spanish or Portuguese. The order matters.
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
    for pattern, by in _SOUND:
        word = pattern.sub(by, word)
    return word


_SLAVIC = re.compile(
    r"(?:[oeay][uvw]|[kt][iy]n|yn|in|[sc]k[iy][ijy]?|enk[oa]|ank[oa]|[uya]k|i[ct]?c?h?|vych|[iye]ts"
    r"|(?:ov|ev|av|in|yn|sk[ai]?[iyj]?)a)\Z"
)
_SLAVIC_SOUND = [
    (re.compile(pattern), sound)
    for pattern, sound in (
        ("shch|szcz", "%"),
        ("zh|rz", "z"),
        ("sch|sh|sz", "s"),
        ("tch|cz|ch|c(?=k)", "%"),
        ("kh|g", "h"),
        ("ts|tz", "t"),
        ("dj|dz", "d"),
        (r"w", "v"),
        (r"[iyj]?[oea][uv](?=[^aeiouy]|\Z|a\Z)", "av"),
        ("[iyj](?=[aeou])", ""),
        (r"ska[iyj]?a?\Z", "ska"),
        (r"[iyj]+", "i"),
        ("[oe]", "a"),
        (r"(.)\1+", r"\1"),
        (r"%\Z|c\Z", "%"),
    )
]


@lru_cache(maxsize=1 << 12)
def slavic_sound(word: str) -> str:
    """A word as it sounds in Russian, Belarusian and Ukrainian alike; empty if it ends as none."""
    if len(word) < 5 or not _SLAVIC.search(word):
        return ""
    for pattern, by in _SLAVIC_SOUND:
        word = pattern.sub(by, word)
    return word


def code(word: str) -> str:
    """What words that are alike have in common, nearly always."""
    if len(word) == 1:
        return word
    names = given_names(word)
    if names:
        return _common().classes[min(names)]
    slavic = slavic_sound(word)
    return _masculine(slavic) if slavic else sound(word)


def key(word: str) -> str:
    """Under which a word alone is kept: a common given name as it is, all else as it sounds."""
    return word if given_names(word) else code(word)


def kin(word: str) -> frozenset[str]:
    """The other spellings and nicknames of the given names that a word can be."""
    words = _common().words
    return frozenset(other for name in given_names(word) for other in words[name]) - {word}


@lru_cache(maxsize=1 << 8)
def deletions(word: str) -> frozenset[str]:
    """What is left of a word, as it sounds, without none, one or two letters of its beginning: two
    words of which one or two letters are wrong or swapped have one of these in common."""
    sounded = sound(word)[:_BEGINNING]
    if len(sounded) < 3 or not (sounded[0].isalpha() and sounded[-1].isalpha()):
        return frozenset()
    left = {sounded}
    found = {sounded}
    for _ in range(2 if len(sounded) > 4 else 1):
        left = {one[:i] + one[i + 1 :] for one in left for i in range(len(one))}
        found |= left
    return frozenset(found)


_BEGINNING = 8
"""So many letters of a word are enough to find those that are alike."""


def _masculine(slavic: str) -> str:
    """Of a surname that a woman and a man bear with other endings, the man's."""
    if slavic.endswith("ska"):
        return slavic[:-1] + "i"
    return slavic[:-1] if slavic.endswith(("ava", "ina")) else slavic


def consonants(word: str) -> str:
    """What is left of a word in a script that leaves its vowels out."""
    for letters, one in (("abdul", "abd"), ("kh", "x"), ("gh", "k"), ("q", "k")):
        word = word.replace(letters, one)
    return _DOUBLE.sub(r"\1", re.sub(r"[^bcdfgjklmnprstvxz]", "", word))


_DOUBLE = re.compile(r"(.)\1+")


@lru_cache(maxsize=1 << 12)
def likeness(a: str, b: str) -> Likeness | None:
    """How two words agree, or None: they are two words."""
    if a == b:
        return Likeness("same" if len(a) > 1 else "initial", 1.0 if len(a) > 1 else 0.7)
    if not (a[-1].isalpha() and b[-1].isalpha()):
        return None
    if len(a) == 1 or len(b) == 1:
        alike = a[0] == b[0] or sound(a)[:1] == sound(b)[:1] != ""
        return Likeness("initial", 0.7) if alike else None
    if (a[0] == "~") != (b[0] == "~"):
        alike = consonants(a) == consonants(b) != ""
        return Likeness("consonants", 0.8) if alike else None
    if a[0] == "~":
        return None
    given_a, given_b = given_names(a), given_names(b)
    if given_a & given_b:
        spelled = _common().spelled
        if spelled.get(a, a) == spelled.get(b, b):
            return Likeness("spelling", 0.95)
        return Likeness("nickname", 0.8)
    if given_a and given_b:
        return None
    if a[0] != b[0] and a[-1] != b[-1] and OSA.distance(a, b, score_cutoff=3) > 3:
        return None  # soon told, as most are: whatever else two words can agree by, it is more
    if sound(a) == sound(b):
        return Likeness("spelling", 0.95)
    return _slavic_likeness(a, b) or _close(a, b, bool(given_a or given_b))


def _slavic_likeness(a: str, b: str) -> Likeness | None:
    slavic_a, slavic_b = slavic_sound(a), slavic_sound(b)
    if not slavic_a or not slavic_b:
        return None
    if slavic_a == slavic_b:
        return Likeness("spelling", 0.9)
    if _masculine(slavic_a) == _masculine(slavic_b):
        return Likeness("ending", 0.6)
    return None


def _close(a: str, b: str, given: bool) -> Likeness | None:
    """One or two letters wrong or swapped, between words of which one at most is a common name; a
    slip is one letter of a common given name."""
    if is_known(a) and is_known(b):
        return None
    short, long = sorted((a, b), key=lambda word: (len(word), word))
    lost = long == short + "a" and bool(given_names(long))
    if long in (short + "a", short[:-1] + "a", short[:-1] + "o") and not lost:
        return Likeness("ending", 0.6)
    if long == saint(long) + short:
        return Likeness("part", 0.7)
    if given:
        word, name = (b, a) if given_names(a) else (a, b)
        if _is_pet_name(word, name):
            return Likeness("nickname", 0.7)
        if len(word) > 3 and word[-1] in "iy" and name.startswith(word[:-1]):
            return Likeness("part", 0.7)  # Yuli is Yuleidy, or Yulimar
    distance = min(OSA.distance(a, b), OSA.distance(sound(a), sound(b)))
    if distance <= (len(long) >= 4) + (len(long) >= 6):
        score = round(0.95 - distance / 2 / len(long), 3)
        return Likeness("slip" if distance == 1 and given else "letters", score)
    return None


def saint(word: str) -> str:
    """What stands before a saint's name in a word that is both, as San in San Miguel; else none."""
    found = None if is_known(word) else _SAINT.match(word)
    return found[0] if found else ""


_SAINT = re.compile(r"(?:san|santa|santo|sao)(?=[a-z]{4})")


def _is_pet_name(word: str, name: str) -> bool:
    """Whether a word is short for a given name (Rigo), or its diminutive (Pedrito, Carlinhos)."""
    stem = _DIMINUTIVE.sub("", word)
    return len(stem) >= 3 and name.startswith(stem) and (stem != word or len(name) > len(word) + 1)


_DIMINUTIVE = re.compile(r"(?:c?it|inh)[oa]s?\Z")


@lru_cache(maxsize=1 << 12)
def patronymics(a: str, b: str) -> Likeness | None:
    """How two patronymics agree: by the fathers' given names, which are spelled in many ways."""
    if a == b:
        return Likeness("same", 1.0)
    if len(a) == 1 or len(b) == 1:
        return likeness(a, b)
    root_a, root_b = _PATRONYMIC.sub("", a), _PATRONYMIC.sub("", b)
    fathers_a, fathers_b = _fathers(root_a), _fathers(root_b)
    if fathers_a and fathers_b:
        return Likeness("spelling", 0.95) if fathers_a & fathers_b else None
    alike = consonants(root_a.replace("g", "h")) == consonants(root_b.replace("g", "h"))
    return Likeness("spelling", 0.9) if alike else None


_PATRONYMIC = re.compile(r"(?:[aeoiy]*v(?:i|y)?(?:ch|c|tch|na)|[aeoiy]*wicz|[ae]una|ichna|ich)\Z")


def is_patronymic(word: str) -> bool:
    """Whether it ends as one, as some surnames do too."""
    return len(word) > 5 and bool(_PATRONYMIC.search(word))


def _fathers(root: str) -> frozenset[str]:
    return frozenset(
        name
        for ending in ("", "i", "y", "ei", "ai", "a", "o", "iy")
        for name in given_names(root + ending)
        if root + ending in _common().spelled
    )
