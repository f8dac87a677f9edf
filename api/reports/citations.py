"""Citations: the permanent link, the digest and the printable sentence of an answer.

The link contains both moments, so its answer never changes. The digest is the SHA-256 of the answer
without any citation, as canonical JSON (RFC 8785), so that a reader can recompute it and no digest
depends on the wording of a sentence. Nor does it on a label or the link to the people of a count,
which an answer gets afterwards.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus
from uuid import UUID

import orjson

from api.config import Language
from api.database import queries
from api.verification.rule import RULE
from api.wording import catalogs, words
from api.wording.sentences import Sentence
from api.wording.vocabulary import Scope


@dataclass(frozen=True, slots=True)
class Moments:
    """The publication time and the record time of an answer, and the ledger's last entry then."""

    as_of: str
    recorded_as_of: str
    ledger_seq: int


def cited_moments(citation: Mapping[str, Any]) -> Moments:
    """Return the moments of a citation."""
    return Moments(citation["as_of"], citation["recorded_as_of"], citation["ledger_seq"])


def cited(
    answer: Mapping[str, Any],
    path: str,
    parameters: Mapping[str, Any],
    moments: Moments,
    sentence: Sentence,
) -> Mapping[str, Any]:
    """Return an answer with its citation. `path` and `parameters` request the same answer."""
    address = url(path, parameters)
    citation = {
        "url": address,
        "page": page(address),
        "as_of": moments.as_of,
        "recorded_as_of": moments.recorded_as_of,
        "rule": RULE,
        "ledger_seq": moments.ledger_seq,
        "sha256": hashlib.sha256(canonical(cited_properties(answer))).hexdigest(),
        "sentence": sentence,
    }
    return {**answer, "citation": citation}


_UNCITED = {
    *("citation", "people"),
    # Names, and what sources wrote: a hash confirms no guess, and outlives a withholding.
    *("label", "name", "url", "note", "retraction_note", "void_reason"),
}
_UNCITED_OF_DIFFERENCES = {"items", "next", "redacted"}


def cited_properties(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the part of an answer, with or without its citation, that the digest covers: ids,
    moments, statuses and figures.
    """
    if "totals" in answer:
        answer = {k: v for k, v in answer.items() if k not in _UNCITED_OF_DIFFERENCES}
    cited: Mapping[str, Any] = _cited(answer)
    return cited


_SCALARS = {str, int, bool, type(None)}
"""The types of most values: to call `_cited` for these, too, took 1.2 ms of 365 days' figures."""


def _cited(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            k: v if type(v) in _SCALARS else _cited(v)
            for k, v in value.items()
            if k not in _UNCITED
        }
    if isinstance(value, list | tuple):
        return [_cited(item) for item in value]
    return value


def url(path: str, parameters: Mapping[str, Any]) -> str:
    """Return a path with these parameters as its query. One of None is left out."""
    # The names need no quoting. urlencode quotes them, too, which takes twice as long.
    query = "&".join(
        f"{name}={quote_plus(str(value), safe=':/')}"
        for name, value in parameters.items()
        if value is not None
    )
    return f"{path}?{query}"


def page(url: str) -> str:
    """Return the path of the page that shows the answer of a citation's url to readers."""
    # quote takes ten times as long. Nothing else in a query that `url` made ends a value.
    encoded = url.replace("%", "%25").replace("&", "%26").replace("+", "%2B")
    return f"/c?url={encoded}"


# Filters whose value is an id, which a sentence replaces by a name.
_NAMED_FILTERS = {"facility_id": "facility", "announcement_id": "announcement"}


def scope(conn: queries.Connection, filters: Mapping[str, Any], moments: Moments) -> Scope:
    """Return the filters for a sentence, with the recorded name of facility and announcement."""
    return named_scope(filters, names_of_filters(conn, filters, moments))


def names_of_filters(
    conn: queries.Connection, filters: Mapping[str, Any], moments: Moments
) -> Mapping[str, Any]:
    """Return the recorded facility and the source of the announcement of filters, by id: the name,
    and whether it vouches for a confidential source.
    """
    ids = {name: [filters[name]] for name in _NAMED_FILTERS if name in filters}
    if not ids:
        return {}
    return _recorded(
        conn,
        moments,
        facilities=ids.get("facility_id", ()),
        claims=ids.get("announcement_id", ()),
    )


def named_scope(filters: Mapping[str, Any], names: Mapping[str, Any]) -> Scope:
    """Return the filters for a sentence, with these names in place of ids."""
    scope = {}
    for name, value in filters.items():
        named = names.get(str(value))
        prefix = "confidential_" if named and named.is_confidential else ""
        scope[prefix + _NAMED_FILTERS.get(name, name)] = named.name if named else str(value)
    return scope


def recorded_names(
    conn: queries.Connection,
    moments: Moments,
    *,
    facilities: Sequence[str] = (),
    sources: Sequence[str] = (),
    claims: Sequence[str] = (),
) -> dict[str, str]:
    """Return recorded names of facilities, of sources, and of the sources of claims, by id."""
    recorded = _recorded(conn, moments, facilities=facilities, sources=sources, claims=claims)
    return {id: row.name for id, row in recorded.items()}


def _recorded(
    conn: queries.Connection,
    moments: Moments,
    *,
    facilities: Sequence[UUID | str] = (),
    sources: Sequence[UUID | str] = (),
    claims: Sequence[UUID | str] = (),
) -> Mapping[str, Any]:
    rows: list[Any] = []
    if facilities:
        rows += queries.rows(
            conn,
            "facilities/list_recorded_names",
            ids=_array(facilities),
            recorded_as_of=moments.recorded_as_of,
        )
    if sources or claims:
        rows += queries.rows(
            conn,
            "sources/list_recorded_names",
            source_ids=_array(sources),
            claim_ids=_array(claims),
            recorded_as_of=moments.recorded_as_of,
        )
    return {row.id: row for row in rows}


def _array(ids: Sequence[UUID | str]) -> str:
    """Return ids as an array literal. For 20 of them psycopg takes 90 µs, this 30."""
    return f"{{{','.join(map(str, ids))}}}"


def labels(
    conn: queries.Connection,
    group_by: str | None,
    values: Sequence[str | None],
    moments: Moments,
    language: Language = catalogs.SOURCE,
    time_zone: str | None = None,
) -> Sequence[str | None]:
    """Return the recorded names of groups by facility, the sources of announcements, and the names
    of countries. None for all other groups.

    With a time zone, an announcement also has its day, which tells it from others of its source.
    """
    spoken = words.in_language(language)
    if group_by == "nationality":
        return [None if value is None else spoken.country(value) for value in values]
    name = {"facility_id": "facilities", "announcement_id": "claims"}.get(group_by or "")
    if name is None:
        return [None] * len(values)
    ids = [value for value in values if value is not None]
    recorded = _recorded(conn, moments, **{name: ids})

    def label(named: Any) -> str:
        speaker = spoken.speaker(named.name, is_confidential=named.is_confidential)
        if time_zone is None or named.published_at is None:
            return speaker
        return f"{speaker}, {spoken.day_of(named.published_at.isoformat(), time_zone)}"

    return [label(recorded[value]) if value and value in recorded else None for value in values]


def labelled(
    conn: queries.Connection,
    answer: Mapping[str, Any],
    group_by: str | None,
    time_zone: str,
    language: Language,
) -> Mapping[str, Any]:
    """Return an answer with the labels of its groups, if it has any, for readers of a language."""
    groups, citation = answer.get("groups") or (), answer["citation"]
    if not groups or group_by not in ("nationality", "announcement_id"):
        return answer  # All other labels are the same for all readers.
    moments = cited_moments(citation)
    values = [group["value"] for group in groups]
    names = labels(conn, group_by, values, moments, language, time_zone)
    named = [{**group, "label": name} for group, name in zip(groups, names, strict=True)]
    return {**answer, "groups": named}


def canonical(answer: Mapping[str, Any]) -> bytes:
    """Return an answer as canonical JSON (RFC 8785).

    All names are ASCII, and all numbers are integers below 2^53. For these the RFC only requires
    sorted names and no white space.
    """
    return orjson.dumps(answer, option=orjson.OPT_SORT_KEYS)
