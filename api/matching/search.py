"""How well a person's names answer to a name that is looked for, however either is spelled.

Pure. What is looked for may be less than a name (a surname, a nickname, a first letter), or more:
both surnames of somebody who is recorded under one. It is found in a name that has most of it, as
rare as its words are, and nothing else in its place: who looks for Tomás Otero is not shown Fermín
Otero.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from api.matching import name_comparison, phonetics
from api.matching.name_comparison import Agreement, Feature
from api.matching.name_parsing import FullName, Word, loosely, searched

_LEAST = 0.5
_OTHER_GIVEN_NAME, _OTHER_WORD, _NOT_TOLD, _OTHER_ORDER = 0.5, 0.6, 0.5, 0.97


@dataclass(frozen=True, slots=True)
class Found:
    """A name in which another was found, and what agrees; the score goes from 0.5 to 1, the same
    name."""

    score: float
    name: str
    agreement: Agreement

    @property
    def features(self) -> Sequence[Feature]:
        return list(self.agreement.features())


def find(sought: str, names: Iterable[str]) -> Found | None:
    """Which of a person's names answers best to the one that is sought, if any does."""
    asked = loosely(sought)
    found = []
    for name in names:
        agreement = name_comparison.agree(asked, searched(name))
        score = _score(asked, agreement)
        if score >= _LEAST:
            found.append((score, name, agreement))
    if not found:
        return None
    return Found(*max(found, key=lambda one: one[0]))


def _score(asked: FullName, agreement: Agreement) -> float:
    """How much of what is sought agrees, each word as it is rare; less where something else stands
    in the place of a word, and a little less for each word that is there besides."""
    pairs, left, besides = agreement
    if not pairs:
        return 0.0
    agrees = sum(phonetics.rarity(pair.a.text) * pair.likeness.score for pair in pairs)
    there = sum(phonetics.rarity(pair.a.text) for pair in pairs)
    missing = sum(phonetics.rarity(word.text) for word in left)
    if agreement.contradicts("given") or agreement.contradicts("patronymic"):
        score = _OTHER_GIVEN_NAME * agrees / (there + missing)
    elif any(_may_stand_for(a, b) for a in left for b in besides):
        score = _OTHER_WORD * agrees / (there + missing)
    else:
        score = agrees / (there + _NOT_TOLD * missing)
    score *= 0.9 + 0.1 * len(pairs) / (len(pairs) + len(besides))
    if name_comparison.crossed(pairs):
        score *= _OTHER_ORDER
    return round(score, 3)


def _may_stand_for(a: Word, b: Word) -> bool:
    return a.part == b.part or "unknown" in (a.part, b.part)
