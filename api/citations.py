"""Citations: how an answer is quoted, found again, and shown to be the same.

The link fixes both moments, so it gives that answer for ever; the SHA-256 is of the answer without
its citation, as canonical JSON (RFC 8785), so a stranger can compute it; the sentence can be
printed as it is.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import orjson

from api import queries
from api.figures import Filters, Moments
from api.sentences import Scope, Sentence
from api.verification import RULE


def cited(
    answer: Mapping[str, Any],
    path: str,
    parameters: Mapping[str, Any],
    moments: Moments,
    sentence: Sentence,
) -> Mapping[str, Any]:
    """An answer with its citation; `parameters` are those that, at `path`, ask for it again."""
    asked = {name: value for name, value in parameters.items() if value is not None}
    citation = {
        "url": f"{path}?{urlencode(asked, safe=':/')}",
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
    ids = {_NAMED[name]: id for name, id in filters.items() if name in _NAMED}
    names = recorded_names(conn, list(ids.values()), moments)
    return {**said, **{word: names.get(id, str(id)) for word, id in ids.items()}}


_NAMED = {"facility_id": "facility", "announcement_id": "announcement"}


def recorded_names(
    conn: queries.Connection, ids: Sequence[UUID], moments: Moments
) -> Mapping[UUID, str]:
    """The names of facilities and sources, and for a claim its source's, as they were recorded."""
    if not ids:
        return {}
    rows = queries.rows(conn, "read_recorded_names", ids=ids, recorded_as_of=moments.recorded_as_of)
    return {row.id: row.name for row in rows if row.name is not None}


def canonical(answer: Mapping[str, Any]) -> bytes:
    """RFC 8785. Names are ASCII and numbers are integers below 2^53, for which sorted names and no
    white space are all that it asks."""
    return orjson.dumps(answer, option=orjson.OPT_SORT_KEYS)
