"""Responses of the API as plain text for a terminal."""

from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import datetime, time
from typing import Any

from api.config import Config
from api.errors import counted
from api.matching.scoring import Person
from api.verification.counting import FIGURES
from api.wording import vocabulary


def counts(
    settings: Config, response: Mapping[str, Any], labels: Mapping[str | None, str]
) -> Iterator[str]:
    """Yield the figures, by group if the response has groups, and the sentence for citation.

    `labels` are the names of groups by their values, as far as they have names; None has one.
    """
    as_of, recorded = (response[name] for name in ("as_of", "recorded_as_of"))
    as_of, recorded = (_moment(settings, moment) for moment in (as_of, recorded))
    yield _in_language(
        settings,
        (
            f"As of {as_of}, recorded by {recorded}:",
            f"Hasta {as_of}, según lo registrado hasta {recorded}:",
        ),
    )
    if response["groups"] is None:
        for name in FIGURES[:-1]:
            yield f"  {name:11}{response[name]:>8,}"
        again = ("Of the confirmed, detained again", "De las confirmadas, con nueva detención")
        yield f"{_in_language(settings, again)}: {response['rearrested']:,}"
    else:
        rows = [(labels.get(group["value"], group["value"]), group) for group in response["groups"]]
        yield from _table(
            ["", *FIGURES],
            [
                [value, *(f"{figures[name]:,}" for name in FIGURES)]
                for value, figures in (*rows, ("total", response))
            ],
        )
    yield response["citation"]["sentence"][settings.language]


def _moment(settings: Config, text: str) -> str:
    """Return a moment of a response in the time zone of the settings."""
    return f"{_local(settings, text)} ({_zone(settings)})"


def _local(settings: Config, text: str) -> str:
    """Return the local date and time of a moment, without a fraction of a second."""
    _, (local,) = vocabulary.local(settings.time_zone, datetime.fromisoformat(text))
    if local.time() == time.max:
        return _in_language(
            settings, (f"the end of {local.date()}", f"el final del {local.date()}")
        )
    return local.isoformat(" ", "seconds" if local.second else "minutes")


def _zone(settings: Config) -> str:
    words, _ = vocabulary.local(settings.time_zone)
    return _in_language(settings, words)


def _in_language(settings: Config, words: vocabulary.Words) -> str:
    en, es = words
    return es if settings.language == "es" else en


def people(response: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[str]:
    """Yield a line per person that a search found. `names` maps ids of facilities to names."""
    if not response["items"]:
        yield "Nobody was found. Try only a part of the name."
        return
    yield from _table(
        ["name", "custody", "detained on", "facility", "id"],
        [_person(item, item["detention"] or {}, names) for item in response["items"]],
    )
    if response["next"]:
        yield "There are more: write more of the name, or raise --limit."


def _person(
    item: Mapping[str, Any], detention: Mapping[str, Any], names: Mapping[str, str]
) -> Sequence[str]:
    matched = item["match"]["name"]
    return [
        item["name"] + (f" ({matched})" if matched != item["name"] else ""),
        (item["custody"] or "").replace("_", " "),
        detention.get("detained_on") or "",
        names.get(detention.get("facility_id") or "", ""),
        item["id"],
    ]


def comparisons(
    settings: Config, response: Mapping[str, Any], names: Mapping[str, str]
) -> Iterator[str]:
    """Yield a line per claim. `names` maps ids of sources, facilities and claims to names."""
    figures = ("claimed", "confirmed", "disputed", "reported", "gap")
    yield from _table(
        [f"as of ({_zone(settings)})", "qualifier", *figures, "verdict", "scope", "source"],
        [
            [
                _local(settings, item["claim"]["as_of"]),
                item["claim"]["qualifier"].replace("_", " "),
                *("" if item[name] is None else f"{item[name]:,}" for name in figures),
                item["verdict"] + (f" ({item['reason']})" if item["reason"] else ""),
                _scope(settings, item["claim"], names),
                _source(settings, item["claim"], names),
            ]
            for item in response["items"]
        ],
    )


def _source(settings: Config, claim: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """The source of a claim and the origins that it relays."""
    origins = [
        names[id]
        for origin in claim["origins"]
        for id in origin.values()
        if id not in (None, claim["id"])
    ]
    relayed = f", relaying {' and '.join(origins)}" if origins else ""
    retracted = " (retracted)" if claim["retracted_at"] else ""
    source = vocabulary.speaker(names[claim["source_id"]], is_confidential=claim["is_confidential"])
    return _in_language(settings, source) + relayed + retracted


def _scope(settings: Config, claim: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """The people that a claim counts."""
    since = claim["window_start"]
    facility = claim["facility_id"]
    parts = [
        f"since {since}" if since else None,
        names.get(facility, facility),
        claim["age_group"],
        country(settings, claim["nationality"]) if claim["nationality"] else None,
    ]
    return ", ".join(part for part in parts if part)


def country(settings: Config, code: str) -> str:
    """Return the name of a country in the language of the settings."""
    return _in_language(settings, vocabulary.country(code))


def differences(
    settings: Config, response: Mapping[str, Any], confidential: Container[str]
) -> Iterator[str]:
    """Yield a line for each changed person, and the sentence for citation.

    `confidential` are the ids of attestations by sources for which another one vouches.
    """
    if response["items"]:
        yield from _table(
            ["name", "before", "after", f"since ({_zone(settings)})", "because"],
            [
                [
                    item["detainee"]["name"],
                    *(_status(item, moment) for moment in ("before", "after")),
                    _local(settings, item["at"]) if item["at"] else "",
                    "; ".join(
                        _cause(settings, cause, cause["attestation_id"] in confidential)
                        for cause in item["because"]
                    ),
                ]
                for item in response["items"]
            ],
        )
    yield response["citation"]["sentence"][settings.language]


def _status(item: Mapping[str, Any], moment: str) -> str:
    again = ", detained again" if item["rearrested"][moment] else ""
    return (item[moment] or "not counted") + again


def _cause(settings: Config, cause: Mapping[str, Any], is_confidential: bool) -> str:
    source = ""
    if cause["source"]:
        name = vocabulary.speaker(cause["source"]["name"], is_confidential=is_confidential)
        source = f", {_in_language(settings, name)}"
    return f"{cause['resource'].replace('_', ' ')} {cause['action']}{source}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Aligned columns, numbers to the right."""
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


def preview(summary: Mapping[str, Any], places: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """How the file of an import was read, and the totals of its preview.

    `places` are the lines of the first rows of each facility that needs a decision.
    """
    if reading := summary["reading"]:
        if reading["sheet"] is not None:
            yield f"  read from the worksheet {reading['sheet']!r}"
        elif reading["encoding_is_assumed"]:
            yield f"  read as {reading['encoding']}, which is assumed: check the accents of names"
        for title in reading["titles"]:
            yield f"  skipped above the header: {title}"
    for outcome, rows in summary["totals"].items():
        if rows:
            yield f"  {outcome.replace('_', ' '):20}{rows:>8,} {'row' if rows == 1 else 'rows'}"
    if not any(summary["totals"].values()):
        yield "  no rows"
    for name in ("people", "release_events", "attestations"):
        if summary[name]:
            yield f"  new {name.replace('_', ' '):16}{summary[name]:>8,}"
    for name in summary["facilities"]:
        yield from listed_facility(name, places[name["name"]])


def listed_facility(name: Mapping[str, Any], places: Sequence[str]) -> Iterator[str]:
    """A name that no facility of the record has, or several, and the numbered candidates."""
    rows = counted(name["rows"], "row")
    more = ", ..." if name["rows"] > len(places) else ""
    where = f"{', '.join(places)}{more}"
    yield f"  {name['name']!r}, the facility of {rows} ({where}), needs a decision"
    for number, candidate in enumerate(name["candidates"], 1):
        yield f"    {number}  {_with_place(candidate)}  {candidate['facility_id']}"


def _with_place(facility: Mapping[str, Any]) -> str:
    """Return the name of a facility with its region and country."""
    place = ", ".join(filter(None, (facility["region"], facility["country"])))
    return f"{facility['name']} ({place})"


def side_by_side(
    person: Person, candidates: Sequence[tuple[str, Person]], facilities: Mapping[str, Any]
) -> Iterator[str]:
    """A person of a list next to the candidates, each with a title.

    `facilities` has the recorded ones by id. A case can add others.
    """
    people = [person, *(candidate for _, candidate in candidates)]
    columns = [_facts(person, facilities) for person in people]
    yield from _table(
        ["", "the list", *(title for title, _ in candidates)],
        [
            [name, *(facts[name] for facts in columns)]
            for name in columns[0]
            if any(facts[name] for facts in columns)
        ],
    )


def _facts(person: Person, facilities: Mapping[str, Any]) -> Mapping[str, str]:
    facility = facilities.get(person.facility_id or "")
    return {
        "name": person.names[0],
        "aliases": "; ".join(person.names[1:]),
        "born": person.birth_date or "",
        "sex": person.sex or "",
        "nationalities": " ".join(person.nationalities),
        "detained on": person.detained_on or "",
        "facility": _with_place(facility) if facility else person.facility_id or "",
        "identifiers": "; ".join(f"{scheme} {value}" for scheme, value in person.external_ids),
    }


def explanation(settings: Config, response: Any) -> Iterator[str]:
    """A verification with its proof and history."""

    def names(groups: Any) -> str:
        return " and ".join(group["name"] for group in groups)

    since = f" since {_moment(settings, response['since'])}" if response["since"] else ""
    yield f"{response['status']}{since}, by {response['rule']}"
    yield (
        f"Independent sources: {response['independent_sources']}; "
        f"denials: {response['independent_denials']}; missing: {response['missing']}"
    )
    for title, chains in (("Confirmed by", "proof"), ("Denied by", "denial_proof")):
        for chain in response[chains]:
            yield f"{title} {names(chain['groups'])}: {' -> '.join(chain['attestation_ids'])}"
    if response["rests_on"]:
        yield f"Would fail without {' or without '.join(g['name'] for g in response['rests_on'])}"
    for attestation in response["not_counted"]:
        yield f"Not counted ({attestation['reason']}): {attestation['attestation_id']}"
    for kind in response["kinds"]:
        yield (
            f"Release kind {kind['release_kind']}: {kind['status']}, "
            f"independent sources {kind['independent_sources']}"
        )
    yield f"History ({_zone(settings)}):"
    for step in response["history"]:
        yield (
            f"  {_local(settings, step['at'])}  {step['status']}, "
            f"{step['independent_sources']} for, {step['independent_denials']} against"
        )
