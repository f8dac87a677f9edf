"""Explain the verdict on one release event: its proof, its counts and their history."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from api.database import clock, queries
from api.errors import not_found
from api.reports import sentences
from api.reports.citations import cited
from api.reports.counts import Moments
from api.verification.rule import RULE, missing, status

_NOTHING: Mapping[str, Any] = {
    "proof": [],
    "denial_proof": [],
    "rests_on": [],
}


def explain(
    conn: queries.Connection,
    id: UUID,
    as_of: datetime | None,
    recorded_as_of: datetime | None,
    min_sources: int,
    time_zone: str,
) -> Mapping[str, Any]:
    clock.settle(conn, as_of, recorded_as_of)
    row = queries.row(conn, "verification/get", id=id, as_of=as_of, recorded_as_of=recorded_as_of)
    if row is None:
        raise not_found("release event")
    names, confidential = row.names or {}, row.confidential or {}
    reasoning = row.reasoning or _NOTHING

    def group(source_ids: Sequence[str]) -> Mapping[str, Any]:
        # Who stands for a confidential source stands for it once.
        seen = [*dict.fromkeys(confidential.get(id, id) for id in source_ids)]
        return {"name": names[seen[0]], "source_ids": seen}

    def proof(chains: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        return [{**chain, "groups": [group(g) for g in chain["groups"]]} for chain in chains]

    history = _history(row.steps or [], min_sources)
    now = history[-1] if history else None
    sources = now["independent_sources"] if now else 0
    denials = now["independent_denials"] if now else 0
    word = status(sources, denials, min_sources)
    moments = Moments(row.as_of, row.recorded_as_of, row.ledger_seq)
    answer = {
        "release_event_id": str(id),
        "as_of": row.as_of,
        "recorded_as_of": row.recorded_as_of,
        "min_sources": min_sources,
        "rule": RULE,
        "status": word,
        "independent_sources": sources,
        "independent_denials": denials,
        "since": _since(history),
        "proof": proof(reasoning["proof"]),
        "denial_proof": proof(reasoning["denial_proof"]),
        "rests_on": [] if word == "confirmed" else [group(g) for g in reasoning["rests_on"]],
        "missing": missing(sources, denials, min_sources),
        "not_counted": row.not_counted or [],
        "kinds": [
            {
                "release_kind": kind,
                "independent_sources": count,
                "status": status(count, denials, min_sources),
            }
            for kind, count in sorted((row.kinds or {}).items())
        ],
        "history": history,
    }
    return cited(
        answer,
        f"/v1/release-events/{id}/verification",
        {
            "as_of": moments.as_of,
            "recorded_as_of": moments.recorded_as_of,
            "min_sources": min_sources,
            "time_zone": time_zone,
        },
        moments,
        sentences.verification(
            datetime.fromisoformat(moments.as_of), time_zone, word, sources, denials, min_sources
        ),
    )


def _history(steps: Sequence[Sequence[Any]], min_sources: int) -> list[Mapping[str, Any]]:
    """The counts from each moment at which they changed, with the status they make."""
    history: list[Mapping[str, Any]] = []
    last = None
    for at, sources, denials in steps:
        if (sources, denials) != last:
            history.append(
                {
                    "at": at,
                    "status": status(sources, denials, min_sources),
                    "independent_sources": sources,
                    "independent_denials": denials,
                }
            )
        last = (sources, denials)
    return history


def _since(history: Sequence[Mapping[str, Any]]) -> str | None:
    """From when on the last status has held without a break."""
    since = None
    for before, step in zip([None, *history], history, strict=False):
        if before is None or before["status"] != step["status"]:
            since = step["at"]
    return since
