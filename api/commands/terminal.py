"""Answers as a person reads them in a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from api.matching.scoring import Person
from api.verification.counting import FIGURES


def counts(answer: Mapping[str, Any]) -> Iterator[str]:
    """The figures, in groups if it has any, and the sentence that can be printed."""
    yield f"As of {answer['as_of']}, recorded by {answer['recorded_as_of']}:"
    if answer["groups"] is None:
        for word in FIGURES[:-1]:
            yield f"  {word:11}{answer[word]:>8,}"
        yield f"Of the confirmed, detained again: {answer['rearrested']:,}"
    else:
        rows = [(group["value"] or "unknown", group) for group in answer["groups"]]
        yield from _table(
            ["", *FIGURES],
            [
                [name, *(f"{figures[word]:,}" for word in FIGURES)]
                for name, figures in (*rows, ("total", answer))
            ],
        )
    yield answer["citation"]["sentence"]["en"]


def comparisons(answer: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[str]:
    """Claims, one to a line; `names` has who speaks and of which facility, by id."""
    figures = ("claimed", "confirmed", "disputed", "reported", "gap")
    yield from _table(
        ["as of", *figures, "verdict", "of", "who"],
        [
            [
                item["claim"]["as_of"],
                *("" if item[word] is None else f"{item[word]:,}" for word in figures),
                item["verdict"] + (f" ({item['reason']})" if item["reason"] else ""),
                _of(item["claim"], names),
                _who(item["claim"], names),
            ]
            for item in answer["items"]
        ],
    )


def _who(claim: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Who speaks, and whom they pass on: claims of one origin are one voice."""
    origins = [
        names[id]
        for origin in claim["origins"]
        for id in origin.values()
        if id not in (None, claim["id"])
    ]
    passed_on = f", passing on {' and '.join(origins)}" if origins else ""
    retracted = " (retracted)" if claim["retracted_at"] else ""
    return names[claim["source_id"]] + passed_on + retracted


def _of(claim: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """The people that a claim speaks of."""
    since = claim["window_start"]
    facility = claim["facility_id"]
    parts = [
        f"since {since}" if since else None,
        names.get(facility, facility),
        claim["age_group"],
        claim["nationality"],
    ]
    return ", ".join(part for part in parts if part)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns as wide as they must be: numbers to the right, the last as it is."""
    columns = list(zip(heads, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    are_numbers = [all(map(_is_number, column[1:])) for column in columns]
    for row in (heads, *rows):
        cells = [
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(row, widths, are_numbers, strict=True)
        ]
        yield "  ".join(cells).rstrip()


def _is_number(cell: str) -> bool:
    return cell.lstrip("-").replace(",", "").isdigit() or not cell


def preview(told: Mapping[str, Any]) -> Iterator[str]:
    """What a list comes to, in one line for each thing."""
    for word, rows in told["totals"].items():
        if rows:
            yield f"  {word.replace('_', ' '):20}{rows:>8,} rows"
    for word in ("people", "release_events", "attestations"):
        if told[word]:
            yield f"  new {word.replace('_', ' '):16}{told[word]:>8,}"


def side_by_side(person: Person, others: Sequence[tuple[str, Person]]) -> Iterator[str]:
    """A person of a list beside those who may be the same."""
    columns = [_facts(person), *(_facts(other) for _, other in others)]
    yield from _table(
        ["", "the list", *(title for title, _ in others)],
        [
            [name, *(facts[name] for facts in columns)]
            for name in columns[0]
            if any(facts[name] for facts in columns)
        ],
    )


def _facts(person: Person) -> Mapping[str, str]:
    return {
        "name": person.names[0],
        "aliases": "; ".join(person.names[1:]),
        "born": person.birth_date or "",
        "sex": person.sex or "",
        "nationalities": " ".join(person.nationalities),
        "detained on": person.detained_on or "",
        "facility": person.facility_id or "",
        "identifiers": "; ".join(f"{scheme} {value}" for scheme, value in person.external_ids),
    }


def explanation(answer: Any) -> Iterator[str]:
    """A verification as a person reads it."""

    def names(groups: Any) -> str:
        return " and ".join(group["name"] for group in groups)

    since = f" since {answer['since']}" if answer["since"] else ""
    yield f"{answer['status']}{since}, by {answer['rule']}"
    yield (
        f"Independent sources: {answer['independent_sources']}; "
        f"denials: {answer['independent_denials']}; missing: {answer['missing']}"
    )
    for title, chains in (("Confirmed by", "proof"), ("Denied by", "denial_proof")):
        for chain in answer[chains]:
            yield f"{title} {names(chain['groups'])}: {' -> '.join(chain['attestation_ids'])}"
    if answer["rests_on"]:
        yield f"Would fall with {' or with '.join(g['name'] for g in answer['rests_on'])}"
    for attestation in answer["not_counted"]:
        yield f"Not counted ({attestation['reason']}): {attestation['attestation_id']}"
    for kind in answer["kinds"]:
        yield (
            f"As to {kind['release_kind']}: {kind['status']}, "
            f"independent sources {kind['independent_sources']}"
        )
    yield "History:"
    for step in answer["history"]:
        yield (
            f"  {step['at']}  {step['status']}, {step['independent_sources']} for, "
            f"{step['independent_denials']} against"
        )
