"""Whether two records speak of one person: how far they agree, and what speaks for it and against.

Pure. What two records share is weighed by how rare it is among people: a birth day says more than a
year, Otero more than Pérez. It takes the bits that single one person out of a million, and some
more, to be `same`; and a contradiction that one person cannot have is never outweighed. Brothers
share surnames, father and son a whole name: given names that differ, and birth years, decide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from rapidfuzz.distance import OSA

from api.matching import name_comparison
from api.matching.name_comparison import Feature

Decision = Literal["same", "possible", "none"]

_SAME = 25.0
_POSSIBLE = 7.0
"""Bits that a decision takes. A million people are 20 bits; José Pérez is one in 1,200."""

# What birth dates are worth: the same day, one slip away from it, the same year.
_DAY, _NEAR, _YEAR = 14.0, 7.0, 5.6

# What a name wants of them before it can be one person's.
_WANTS = {"nothing": 0.0, "year": _YEAR, "day": _NEAR}


@dataclass(frozen=True, slots=True)
class Person:
    """What a record says of a person; the name first, then the aliases.

    A birth date can be a year, the day of the detention a year or a month.
    """

    names: Sequence[str]
    birth_date: str | None = None
    nationalities: Sequence[str] = ()
    sex: str | None = None
    facility_id: str | None = None
    detained_on: str | None = None
    external_ids: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """The decision on two records, and why. A score of 0.9 or more is `same`, of 0.5 `possible`."""

    score: float
    decision: Decision
    features: Sequence[Feature]


class _Finding(NamedTuple):
    """A feature, the bits that it is worth, and whether it rules out `same`."""

    feature: Feature
    bits: float
    doubt: bool = False


def compare(a: Person, b: Person) -> Match:
    """Whether a and b are one person; the same whichever comes first."""
    if repr(b) < repr(a):
        a, b = b, a
    named = name_comparison.best(a.names, b.names)
    ids = _external_ids(a, b)
    birth = _birth_date(a.birth_date, b.birth_date)
    findings = [
        finding
        for finding in (
            birth,
            _sex(a, b),
            _nationalities(a, b),
            _facility(a, b),
            _detained_on(a.detained_on, b.detained_on),
        )
        if finding
    ]
    features = [
        *([ids.feature] if ids else []),
        *named.features,
        *(finding.feature for finding in findings),
    ]
    if ids and not ids.doubt:
        return Match(1.0, "same", features)
    if ids:
        findings.append(ids)
    bits = named.bits + sum(finding.bits for finding in findings)
    doubt = named.doubt or any(finding.doubt for finding in findings)
    doubt = doubt or _WANTS[named.wants] > (birth.bits if birth else 0)
    if named.two_people or named.words < 2 or bits < _POSSIBLE:
        return Match(round(0.49 * _share(bits, 0, _SAME), 3), "none", features)
    if doubt or bits < _SAME:
        return Match(round(0.5 + 0.39 * _share(bits, _POSSIBLE, _SAME), 3), "possible", features)
    return Match(round(0.9 + 0.1 * _share(bits, _SAME, 2 * _SAME), 3), "same", features)


def _share(bits: float, low: float, high: float) -> float:
    return min(max((bits - low) / (high - low), 0.0), 1.0)


def _birth_date(a: str | None, b: str | None) -> _Finding | None:
    if not a or not b or not (a[:4].isdecimal() and b[:4].isdecimal()):
        return None
    days = len(a) > 4 and len(b) > 4
    apart = abs(int(a[:4]) - int(b[:4]))
    slip = days and (OSA.distance(a, b) == 1 or a[:5] + a[8:] + a[4:7] == b)
    one, other = sorted((a, b))

    def finding(score: float, bits: float, detail: str, doubt: bool = False) -> _Finding:
        return _Finding(Feature("birth_date", score, detail), bits, doubt)

    if a == b and days:
        return finding(1.0, _DAY, f"Both were born on {a}")
    if apart == 0 and not days:
        return finding(0.9, _YEAR, f"Both were born in {a[:4]}")
    if slip and apart <= 1:
        return finding(0.6, _NEAR, f"Birth dates differ as by a slip: {one} and {other}")
    if apart == 0:
        return finding(0.2, -6, f"Born on two days of one year: {one} and {other}", True)
    if apart == 1:
        return finding(0.4, 0, f"Birth years differ by one: {one} and {other}", True)
    bits = -4 if slip else -8 if apart <= 3 else -12 if apart <= 12 else -20
    return finding(0.0, bits, f"Born {apart} years apart: {one} and {other}", True)


def _sex(a: Person, b: Person) -> _Finding | None:
    if not a.sex or not b.sex:
        return None
    if a.sex == b.sex:
        return _Finding(Feature("sex", 1.0, f"Both are {a.sex}"), 0.5)
    detail = f"One is {min(a.sex, b.sex)}, the other {max(a.sex, b.sex)}"
    return _Finding(Feature("sex", 0.0, detail), -10, True)


def _nationalities(a: Person, b: Person) -> _Finding | None:
    if not a.nationalities or not b.nationalities:
        return None
    shared = sorted(set(a.nationalities) & set(b.nationalities))
    if shared:
        detail = f"Both have the nationality {', '.join(shared)}"
        return _Finding(Feature("nationalities", 1.0, detail), 0.5)
    each = sorted(" ".join(sorted(set(p.nationalities))) for p in (a, b))
    detail = f"They share no nationality: {each[0]} and {each[1]}"
    return _Finding(Feature("nationalities", 0.1, detail), -4)


def _facility(a: Person, b: Person) -> _Finding | None:
    if not a.facility_id or not b.facility_id:
        return None
    if a.facility_id == b.facility_id:
        return _Finding(Feature("facility_id", 0.8, "Both were held in one facility"), 4)
    return _Finding(Feature("facility_id", 0.4, "They were held in two facilities"), -1)


def _detained_on(a: str | None, b: str | None) -> _Finding | None:
    if not a or not b:
        return None
    short, long = sorted((a, b), key=lambda day: (len(day), day))
    if long.startswith(short):
        bits = {4: 0.5, 7: 2.0}.get(len(short), 4.0)
        return _Finding(Feature("detained_on", 0.8, f"Both were detained on {short}"), bits)
    detail = f"Detained on {min(a, b)} and on {max(a, b)}"
    return _Finding(Feature("detained_on", 0.3, detail), -1)


def _external_ids(a: Person, b: Person) -> _Finding | None:
    """One identifier of a scheme is one person's; lists are dirty, and give one person two."""
    shared = sorted(set(a.external_ids) & set(b.external_ids))
    if shared:
        scheme, value = shared[0]
        return _Finding(Feature("external_ids", 1.0, f"Both are {value} in {scheme}"), 0)
    schemes = sorted({scheme for scheme, _ in a.external_ids} & {s for s, _ in b.external_ids})
    if not schemes:
        return None
    detail = f"They have different identifiers in {', '.join(schemes)}"
    return _Finding(Feature("external_ids", 0.1, detail), -6, True)
