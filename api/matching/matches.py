"""Who of those that are recorded may be somebody who is told of, and how far each agrees."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from api.database import queries
from api.matching import candidates, name_parsing, phonetics
from api.matching.scoring import Match, Person, compare

MOST = 10
"""Candidates of one person that are told, at the most."""


class Candidate(NamedTuple):
    match: Match
    # A person as recorded: id and name, and what was compared.
    row: Any


def find(
    conn: queries.Connection, people: Sequence[Mapping[str, Any]], *, sees_hidden: bool
) -> list[list[Candidate]]:
    """Of each of these people the candidates, the likeliest first."""
    found = candidates.like(conn, people, sees_hidden)
    return [_likely(person(one), rows) for one, rows in zip(people, found, strict=True)]


def _likely(asked: Person, rows: Sequence[Any]) -> list[Candidate]:
    compared = [Candidate(compare(asked, person(row._asdict())), row) for row in rows]
    likely = [candidate for candidate in compared if candidate.match.decision != "none"]
    likely.sort(key=lambda candidate: (-candidate.match.score, str(candidate.row.id)))
    return likely


def person(record: Mapping[str, Any]) -> Person:
    """A record, of this service or of a list, as it is compared."""
    facility = record["facility_id"]
    return Person(
        names=[record["name"], *record["aliases"]],
        birth_date=record["birth_date"],
        nationalities=record["nationalities"],
        sex=record["sex"],
        facility_id=None if facility is None else str(facility),
        detained_on=record["detained_on"],
        external_ids=[(one["scheme"], one["value"]) for one in record["external_ids"]],
    )


def keys(person: Person) -> list[str]:
    """Keys of which two that may be one person share at least one, nearly always: those of
    spelling, of what is left of a rare word without one letter, and of identifiers."""
    near: dict[str, None] = {}
    for word in name_parsing.words_of(person.names):
        rests = () if phonetics.is_known(word) else phonetics.deletions(word)
        longest = max(map(len, rests), default=0)
        near.update(dict.fromkeys(f"-{rest}" for rest in rests if len(rest) >= longest - 1))
    return [
        *name_parsing.keys(*person.names),
        *near,
        *(identifier(*one) for one in person.external_ids),
    ]


def identifier(scheme: str, value: str) -> str:
    """An external id as it is looked for."""
    return orjson.dumps({"scheme": scheme, "value": value}).decode()
