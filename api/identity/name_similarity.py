"""Compare two sources, or two facilities: whether one could be the other, entered twice. Pure.

Facilities are compared by their names, sources also by their addresses.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import version
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from publicsuffixlist import PublicSuffixList
from rapidfuzz.distance import JaroWinkler

from api import resources
from api.letters.folding import without_selectors

MIN_SCORE = 0.6
"""Pairs below it are not offered as possible duplicates."""
MAX_RECORDS_PER_KEY = 200
"""A key of more records distinguishes nothing and is ignored. It would compare all with all."""

_MAX_HITS = 100
"""A search finds at most this many records."""

_EXACT = "= "
_MIN_SPELLING = 0.92
_ASCII_WORD = re.compile("[a-z0-9]+")
# Accents of Latin, Greek and Cyrillic letters, Hebrew points, and Arabic vowels and lengthening.
_ACCENTS = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
    "\u0610-\u061a\u0640\u064b-\u065f\u0670]"
)
_MIN_ACRONYM_LETTERS = 3
_MIN_FIRST_WORD_LETTERS = 4
# Words that an address adds to a name.
_WEB_WORDS = frozenset({"com", "net", "org", "www"})
# Words of a name without which the name is still the same.
_FILLERS = frozenset(
    {"a", "an", "and", "da", "das", "de", "del", "do", "dos", "e", "el", "en", "et", "i", "la"}
    | {"las", "le", "les", "los", "o", "of", "on", "the", "und", "y"}
    | {"agencia", "agency", "diario", "news", "noticias", "oficial", "official", "online"}
    | {"prensa", "press"}
    | _WEB_WORDS
)
# Words that say what kind of place a facility is.
_KINDS_OF_FACILITY = frozenset(
    {"camp", "carcel", "center", "centre", "centro", "colonia", "comando", "cuartel", "detencion"}
    | {"detention", "internado", "jail", "judicial", "penal", "penitenciaria", "penitenciario"}
    | {"prison", "prisao", "prision", "reclusion", "reten"}
)
# Sites on which each account has a path of its own -> the site, which may have several domains.
_PLATFORMS = {
    domain: domain
    for domain in (
        *("bsky.app", "facebook.com", "instagram.com", "linkedin.com", "medium.com", "t.me"),
        *("threads.net", "tiktok.com", "vk.com", "whatsapp.com", "x.com", "youtube.com"),
    )
} | {
    "fb.com": "facebook.com",
    "telegram.me": "t.me",
    "threads.com": "threads.net",
    "twitter.com": "x.com",
}
# What platforms write before an account, as in t.me/s/foro and linkedin.com/in/ana.
_BEFORE_ACCOUNT = frozenset(
    {"c", "channel", "company", "groups", "in", "p", "pages", "people", "profile", "s", "school"}
    | {"user"}
)
_RULE_FILES = ("identity/name_similarity.py", "letters/folding.py")


def rules_digest() -> bytes:
    """The SHA-256 of what decides the keys: an index made by other rules is outdated.

    That is `_RULE_FILES`, and the versions of Unicode and of the public suffixes.
    """
    return resources.digest(_RULE_FILES, unicodedata.unidata_version, version("publicsuffixlist"))


class Feature(NamedTuple):
    """What two records have in common, how much it says (0 to 1), and a sentence."""

    feature: str
    score: float
    detail: str


@dataclass(frozen=True)
class RecordName:
    """A source with its name and those of its merged duplicates, or a facility with its aliases."""

    id: UUID
    name: str
    url: str | None = None
    other_names: tuple[str, ...] = ()
    is_facility: bool = False

    @cached_property
    def spellings(self) -> Sequence[tuple[str, ...]]:
        """The words of each name, without those that do not distinguish it."""
        names = (self.name, *self.other_names)
        return [_telling_words(name, is_facility=self.is_facility) for name in names]

    def has_name_of(self, other: "RecordName") -> bool:
        """Return whether two records have one name, apart from case, accents and punctuation."""
        return any(key.startswith(_EXACT) for key in self.keys & other.keys)

    @cached_property
    def joined_names(self) -> frozenset[str]:
        """The names without spaces, and without what an address adds."""
        joined = (
            "".join(word for word in name_key(name).split() if word not in _WEB_WORDS)
            for name in (self.name, *self.other_names)
        )
        return frozenset(filter(None, joined))

    @cached_property
    def site(self) -> str | None:
        """The registrable domain of the address, or the account on a platform."""
        return None if self.url is None else site(self.url)

    @cached_property
    def keys(self) -> frozenset[str]:
        """The keys of which two records have one in common if they could be the same."""
        keys = {exact_key(name) for name in (self.name, *self.other_names)}
        keys.update("joined " + name for name in self.joined_names)
        if self.site is not None:
            keys.add("site " + self.site)
        for spelling in self.spellings:
            joined = "".join(spelling)
            keys.update(spelling)
            keys.update((_initials(spelling), f"{joined[:3]}-", f"-{joined[-4:]}"))
        return frozenset(key for key in keys if len(key) > 1)


def exact_key(name: str) -> str:
    """Return the key that two records with one name have in common."""
    return _EXACT + name_key(name)


def name_key(name: str) -> str:
    """The words of a name without case and accents: two records with one key have one name.

    The vowel signs of Indic and Burmese words and the voicing marks of kana are no accents. A name
    without letters and digits is its own key.
    """
    if name.isascii():  # takes 3 us instead of 31, for each record that a new one resembles
        return " ".join(_ASCII_WORD.findall(name.casefold())) or name.casefold()
    folded = unicodedata.normalize("NFKC", without_selectors(name)).casefold()
    without_accents = _ACCENTS.sub("", unicodedata.normalize("NFKD", folded))
    characters = unicodedata.normalize("NFC", without_accents)
    return " ".join("".join(c if _is_of_word(c) else " " for c in characters).split()) or folded


def _is_of_word(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character).startswith("M")


def _telling_words(name: str, *, is_facility: bool) -> tuple[str, ...]:
    fillers = _FILLERS | _KINDS_OF_FACILITY if is_facility else _FILLERS
    words = tuple(name_key(name).split())
    return tuple(word for word in words if word not in fillers) or words


def _initials(spelling: Sequence[str]) -> str:
    return "".join(word[0] for word in spelling)


@cache
def _public_suffixes() -> Any:
    return PublicSuffixList()


def site(url: str) -> str | None:
    """Return the registrable domain of a URL, with the account if it is a platform's."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if host.replace(".", "").isdigit():
        return host
    domain = _public_suffixes().privatesuffix(host)
    if platform := _PLATFORMS.get(domain):
        steps = parts.path.strip("/").split("/", 2)
        is_before = len(steps) > 1 and steps[0] in _BEFORE_ACCOUNT
        account = steps[is_before].casefold().lstrip("@")
        if account == "profile.php":  # facebook.com/profile.php?id=1
            account = "".join(parse_qs(parts.query).get("id", []))
        return f"{platform}/{account}" if account else None
    return domain  # type: ignore[no-any-return] # no stubs


def compare(first: RecordName, second: RecordName) -> Sequence[Feature]:
    """Return what two records have in common, the most telling first."""
    features = []
    if best := max(_name_features(first, second), key=lambda feature: feature.score, default=None):
        features.append(best)
    if first.site is not None and first.site == second.site:
        features.append(Feature("url", 0.8, f"The addresses belong to one site: {first.site}."))
    return sorted(features, key=lambda feature: -feature.score)


def score(features: Sequence[Feature]) -> float:
    """Return how likely two records are one, from 0 to 1, in thousandths."""
    different = 1.0
    for feature in features:
        different *= 1 - feature.score
    return round(1 - different, 3)


def _name_features(first: RecordName, second: RecordName) -> Iterator[Feature]:
    for joined in first.joined_names & second.joined_names:
        yield Feature("name", 0.95, f"The names agree without spaces: {joined}.")
    for a in first.spellings:
        for b in second.spellings:
            yield from _spelling_features(a, b)


def _spelling_features(a: tuple[str, ...], b: tuple[str, ...]) -> Iterator[Feature]:
    joined_a, joined_b = "".join(a), "".join(b)
    if joined_a == joined_b:
        yield Feature("name", 0.98, f"The names agree: {' '.join(a)}.")
        return
    if sorted(a) == sorted(b):
        yield Feature("name", 0.95, f"The names have the same words: {' '.join(sorted(a))}.")
        return
    shorter, longer = sorted((a, b), key=len)
    if shorter == longer[:1] and len(shorter[0]) >= _MIN_FIRST_WORD_LETTERS:
        yield Feature("name", 0.65, f"{' '.join(longer)} begins with {shorter[0]}.")
    if len(shorter) > 1 and set(shorter) < set(longer):
        detail = f"{' '.join(longer)} has all words of {' '.join(shorter)}."
        yield Feature("name", 0.7, detail)
    spelling = JaroWinkler.similarity(joined_a, joined_b)
    if spelling >= _MIN_SPELLING:
        detail = f"The names are spelt alike: {' '.join(a)} and {' '.join(b)}."
        yield Feature("name", round(spelling - 0.1, 3), detail)
    acronym = _initials(longer)
    if len(shorter) == 1 and len(acronym) >= _MIN_ACRONYM_LETTERS and shorter[0] == acronym:
        yield Feature("acronym", 0.75, f"{acronym} has the initials of {' '.join(longer)}.")


class Match(NamedTuple):
    """Two records that are possible duplicates."""

    first: RecordName
    second: RecordName
    score: float
    features: Sequence[Feature]


def similar(record: RecordName, others: Iterable[RecordName]) -> list[Match]:
    """Return the possible duplicates of a record, best first."""
    matches = similar_pairs((record, other) for other in others if other.id != record.id)
    return sorted(matches, key=lambda match: (-match.score, match.second.id))


def similar_pairs(pairs: Iterable[tuple[RecordName, RecordName]]) -> list[Match]:
    """Return those of some pairs of records that are possible duplicates."""
    matches = (_match(first, second) for first, second in pairs)
    return [match for match in matches if match.score >= MIN_SCORE]


def _match(first: RecordName, second: RecordName) -> Match:
    features = compare(first, second)
    return Match(first, second, score(features), features)


class Hit(NamedTuple):
    """A record that a search for a name finds, and how well it fits, from 0 to 1."""

    record: RecordName
    score: float


def ranked(name: RecordName, others: Iterable[RecordName]) -> list[Hit]:
    """Return those of some records that a search for a name finds, best first."""
    hits = (Hit(other, _search_score(name, other)) for other in others)
    alike = (hit for hit in hits if hit.score >= MIN_SCORE)
    return sorted(alike, key=lambda hit: (-hit.score, hit.record.id))[:_MAX_HITS]


def _search_score(asked: RecordName, other: RecordName) -> float:
    """Return how well a record is found by a name, which may be some of its words."""
    if asked.has_name_of(other):
        return 1.0
    words = {word for spelling in asked.spellings for word in spelling}
    has_all = any(words.issubset(spelling) for spelling in other.spellings)
    return max(score(compare(asked, other)), MIN_SCORE if has_all else 0.0)
