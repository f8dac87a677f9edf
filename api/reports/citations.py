"""Citations: how an answer is quoted, found again, and shown to be the same.

The link fixes both moments, so it gives that answer for ever; the SHA-256 is of the answer without
its citation, as canonical JSON (RFC 8785), so a stranger can compute it; the sentence can be
printed as it is.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote_plus
from uuid import UUID

import orjson

from api.database import queries
from api.reports.counts import Filters, Moments
from api.reports.sentences import Scope, Sentence
from api.verification.rule import RULE


def cited(
    answer: Mapping[str, Any],
    path: str,
    parameters: Mapping[str, Any],
    moments: Moments,
    sentence: Sentence,
) -> Mapping[str, Any]:
    """An answer with its citation; `parameters` are those that, at `path`, ask for it again."""
    asked = queries.drop_none(**parameters)
    citation = {
        "url": f"{path}?" + "&".join(f"{name}={_quoted(said)}" for name, said in asked.items()),
        "as_of": moments.as_of,
        "recorded_as_of": moments.recorded_as_of,
        "rule": RULE,
        "ledger_seq": moments.ledger_seq,
        "sha256": hashlib.sha256(canonical(answer)).hexdigest(),
        "sentence": sentence,
    }
    return {**answer, "citation": citation}


def scope(conn: queries.Connection, filters: Filters, moments: Moments) -> Scope:
    """What a sentence has to say that an answer was narrowed to; what has a name, by its name."""
    said = {name: str(value) for name, value in filters.items() if name not in _NAMED}
    ids = {name: [filters[name]] for name in _NAMED if name in filters}
    if not ids:
        return said
    names = recorded_names(
        conn,
        moments,
        facilities=ids.get("facility_id", ()),
        claims=ids.get("announcement_id", ()),
    )
    return {**said, **{_NAMED[name]: names.get(id, str(id)) for name, (id,) in ids.items()}}


_NAMED = {"facility_id": "facility", "announcement_id": "announcement"}


def recorded_names(
    conn: queries.Connection,
    moments: Moments,
    *,
    facilities: Sequence[UUID] = (),
    sources: Sequence[UUID] = (),
    claims: Sequence[UUID] = (),
) -> Mapping[UUID, str]:
    """The names of facilities and sources, and for a claim its source's, as they were recorded."""
    rows = queries.rows(
        conn,
        "counts/list_recorded_names",
        facility_ids=list(facilities),
        source_ids=list(sources),
        claim_ids=list(claims),
        recorded_as_of=moments.recorded_as_of,
    )
    return {row.id: row.name for row in rows}


def _quoted(said: Any) -> str:
    """The value of a parameter, whose name needs no quoting."""
    return quote_plus(str(said), safe=":/")


def canonical(answer: Mapping[str, Any]) -> bytes:
    """RFC 8785. Names are ASCII and numbers are integers below 2^53, for which sorted names and no
    white space are all that it asks."""
    return orjson.dumps(answer, option=orjson.OPT_SORT_KEYS)
