"""Comparison of two records: how likely they are one person's, and the evidence for it.

Probabilistic record linkage after Fellegi & Sunter ("A Theory for Record Linkage", JASA 64 (328),
1969): each property that is compared adds its weight in bits, and two thresholds on the sum divide
pairs into `same`, `possible` (for clerical review) and `none`. Agreement on a rare value weighs
more than on a frequent one. Beyond the theory, a contradiction that one person cannot have rules
out `same`, however much agrees: brothers share surnames, twins have given names that differ by a
letter, and a father and a son share a whole name. A mistyped identifier is another person's.

On the 1,038 labelled pairs of tests/matching that were written before the rule of twins, `same` has
a precision of 1.00 and a recall of 0.34 (the rest of the recall, up to 1.00, is `possible`).
rigour.names 2.6.1 of OpenSanctions, at its usual threshold of 0.7 and with different birth years
excluded, has 0.67 and 0.61.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self

from rapidfuzz.distance import OSA

from api.errors import dated
from api.matching import name_comparison
from api.matching.external_ids import are_alike, external_id_key, is_placeholder
from api.matching.name_comparison import Feature

Decision = Literal["same", "possible", "none"]

# Thresholds in bits. 20 bits single out one person in a million; José Pérez is one in 1,200.
_SAME = 25.0
_POSSIBLE = 7.0

# The weights of birth dates: the same day, a typing error in a day, the same year or month.
_SAME_DAY, _DAY_WITH_ERROR, _SAME_YEAR = 14.0, 7.0, 5.6

DAY_WITH_ERROR_SCORE = 0.6
"""The score of birth dates that differ by a likely typing error, which rules out `same`."""

# The weight of a shared identifier that something contradicts, and of two that are alike.
_SHARED_ID, _ALIKE_ID = 10.0, 4.0


@dataclass(frozen=True, slots=True)
class Person:
    """The properties of a record that are compared. The first of the names is the main one.

    Dates are ISO 8601; a birth date and a day of detention may be a year or a month.
    """

    names: Sequence[str]
    birth_date: str | None = None
    nationalities: Sequence[str] = ()
    sex: str | None = None
    facility_id: str | None = None
    detained_on: str | None = None
    external_ids: Sequence[tuple[str, str]] = ()

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """The person of a stored record, of a request's item or of a row of a list."""
        facility = record["facility_id"]
        return cls(
            names=[record["name"], *record["aliases"]],
            birth_date=record["birth_date"],
            nationalities=record["nationalities"],
            sex=record["sex"],
            facility_id=None if facility is None else str(facility),
            detained_on=record["detained_on"],
            external_ids=[(id["scheme"], id["value"]) for id in record["external_ids"]],
        )


@dataclass(frozen=True, slots=True)
class Match:
    """The decision on two records, with its features.

    The score is at least 0.9 for `same` and at least 0.5 for `possible`.
    """

    score: float
    decision: Decision
    features: Sequence[Feature]


class _Weighed(NamedTuple):
    """A match whose features are not made yet."""

    score: float
    decision: Decision
    names: name_comparison.NameComparison
    evidence: "Sequence[_Evidence | None]"

    def match(self) -> Match:
        ids, *others = self.evidence
        features = [
            *([ids.feature] if ids else []),
            *self.names.features,
            *(item.feature for item in others if item),
        ]
        return Match(self.score, self.decision, features)


class _Evidence(NamedTuple):
    """A feature, its weight in bits, and whether it rules out `same`."""

    feature: Feature
    bits: float
    doubt: bool = False


def compare(a: Person, b: Person) -> Match:
    """Compare two records. The order of the two makes no difference."""
    return _weigh(a, b).match()


def find_match(a: Person, b: Person) -> Match | None:
    """Compare two records; None if they are not one person's.

    Most compared records are of two people. To make their features too would double the time.
    """
    weighed = _weigh(a, b)
    return None if weighed.decision == "none" else weighed.match()


def _weigh(a: Person, b: Person) -> _Weighed:
    if repr(b) < repr(a):
        a, b = b, a
    named = name_comparison.compare_names(a.names, b.names)
    ids = _external_ids(a, b)
    birth = _birth_date(a.birth_date, b.birth_date)
    sex = _sex(a, b)
    others = (
        birth,
        sex,
        _nationalities(a, b),
        _facility(a, b),
        _detained_on(a.detained_on, b.detained_on),
    )
    evidence = (ids, *others)
    bits = named.bits + sum(item.bits for item in evidence if item)
    decision: Decision
    if ids and not ids.doubt:
        contradicted = named.contradicts or any(item.doubt for item in (birth, sex) if item)
        decision, score = ("possible", _possible_score(bits)) if contradicted else ("same", 1.0)
        return _Weighed(score, decision, named, evidence)
    doubt = named.doubt or any(item.doubt for item in evidence if item)
    doubt = doubt or (named.requires_birth and (birth.bits if birth else 0) < _SAME_YEAR)
    if named.two_people or named.words < 2 or bits < _POSSIBLE:
        decision, score = "none", 0.49 * _share(bits, 0, _SAME)
    elif doubt or bits < _SAME:
        decision, score = "possible", _possible_score(bits)
    else:
        decision, score = "same", 0.9 + 0.1 * _share(bits, _SAME, 2 * _SAME)
    return _Weighed(round(score, 3), decision, named, evidence)


def _possible_score(bits: float) -> float:
    return round(0.5 + 0.39 * _share(bits, _POSSIBLE, _SAME), 3)


def _share(bits: float, low: float, high: float) -> float:
    return min(max((bits - low) / (high - low), 0.0), 1.0)


def _birth_date(a: str | None, b: str | None) -> _Evidence | None:
    if not a or not b or not (a[:4].isdecimal() and b[:4].isdecimal()):
        return None
    are_days = len(a) == len(b) == len("1971-05-04")
    years_apart = abs(int(a[:4]) - int(b[:4]))
    # One wrong digit, two swapped ones, or the day and the month swapped.
    has_error = are_days and (OSA.distance(a, b) == 1 or a[:5] + a[8:] + a[4:7] == b)
    first, second = sorted((a, b))

    def evidence(score: float, bits: float, detail: str, doubt: bool = False) -> _Evidence:
        return _Evidence(Feature("birth_date", score, detail), bits, doubt)

    if a == b and are_days:
        return evidence(1.0, _SAME_DAY, f"Both were born on {a}")
    if second.startswith(first):
        return evidence(0.9, _SAME_YEAR, f"Both were born in {first}")
    if has_error and years_apart <= 1:
        return evidence(
            DAY_WITH_ERROR_SCORE,
            _DAY_WITH_ERROR,
            f"Birth dates differ by a likely typing error: {first} and {second}",
            True,
        )
    if years_apart == 0:
        return evidence(0.2, -6, f"Born on different days of one year: {first} and {second}", True)
    if years_apart == 1:
        return evidence(0.4, 0, f"Birth years differ by one: {first} and {second}", True)
    bits = -4 if has_error else -8 if years_apart <= 3 else -12 if years_apart <= 12 else -20
    return evidence(0.0, bits, f"Born {years_apart} years apart: {first} and {second}", True)


def _sex(a: Person, b: Person) -> _Evidence | None:
    if not a.sex or not b.sex:
        return None
    if a.sex == b.sex:
        return _Evidence(Feature("sex", 1.0, f"Both are {a.sex}"), 0.5)
    detail = f"One is {min(a.sex, b.sex)}, the other {max(a.sex, b.sex)}"
    return _Evidence(Feature("sex", 0.0, detail), -10, True)


def _nationalities(a: Person, b: Person) -> _Evidence | None:
    if not a.nationalities or not b.nationalities:
        return None
    shared = sorted(set(a.nationalities) & set(b.nationalities))
    if shared:
        detail = f"Both have the nationality {', '.join(shared)}"
        return _Evidence(Feature("nationalities", 1.0, detail), 0.5)
    each = sorted(" ".join(sorted(set(p.nationalities))) for p in (a, b))
    detail = f"They share no nationality: {each[0]} and {each[1]}"
    return _Evidence(Feature("nationalities", 0.1, detail), -4)


def _facility(a: Person, b: Person) -> _Evidence | None:
    if not a.facility_id or not b.facility_id:
        return None
    if a.facility_id == b.facility_id:
        return _Evidence(Feature("facility_id", 0.8, "Both were held in the same facility"), 4)
    return _Evidence(Feature("facility_id", 0.4, "They were held in different facilities"), -1)


def _detained_on(a: str | None, b: str | None) -> _Evidence | None:
    if not a or not b:
        return None
    short, long = sorted((a, b), key=lambda day: (len(day), day))
    if long.startswith(short):
        bits = {4: 0.5, 7: 2.0}.get(len(short), 4.0)
        return _Evidence(Feature("detained_on", 0.8, f"Both were detained {dated(short)}"), bits)
    detail = f"Detained {dated(min(a, b))} and {dated(max(a, b))}"
    return _Evidence(Feature("detained_on", 0.3, detail), -1)


def _external_ids(a: Person, b: Person) -> _Evidence | None:
    """Compare identifiers of the same scheme; placeholders are none.

    A shared one decides unless name, sex or birth date contradict it. Different ones are only a
    doubt: lists with errors give one person two. Two that are alike may be one.
    """
    a_ids, b_ids = identifying(a), identifying(b)
    shared = sorted(a_ids.keys() & b_ids.keys())
    if shared:
        scheme, value = min(a_ids[shared[0]], b_ids[shared[0]])
        detail = f"Both have the identifier {value} in {scheme}"
        return _Evidence(Feature("external_ids", 1.0, detail), _SHARED_ID)
    alike = sorted(sorted((a_ids[a], b_ids[b])) for a in a_ids for b in b_ids if are_alike(a, b))
    if alike:
        (scheme, first), (_, second) = alike[0]
        detail = f"The identifiers {first} and {second} in {scheme} have the same digits"
        return _Evidence(Feature("external_ids", 0.6, detail), _ALIKE_ID, True)
    schemes = sorted(
        {scheme for scheme, _ in a_ids.values()} & {scheme for scheme, _ in b_ids.values()}
    )
    if not schemes:
        return None
    detail = f"They have different identifiers in {', '.join(schemes)}"
    return _Evidence(Feature("external_ids", 0.1, detail), -6, True)


def identifying(person: Person) -> Mapping[str, tuple[str, str]]:
    """The external ids of a person by their keys, without placeholders."""
    return {external_id_key(*id): id for id in person.external_ids if not is_placeholder(id[1])}
