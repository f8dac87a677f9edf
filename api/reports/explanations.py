"""Explanations: the verification of a release event, with its proof and its history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

from api.database import clock, queries
from api.errors import RequestError, not_found
from api.reports import citations
from api.reports.citations import Moments
from api.verification.rule import RULE, missing, status
from api.wording import sentences


def _not_found(conn: queries.Connection, id: UUID) -> RequestError:
    event = queries.row(conn, "release_events/get", id=id)
    if event is None or event.voided_at is None:
        return not_found("release event")
    voided_at = clock.rfc3339(event.voided_at)
    return RequestError(
        "not-found",
        f"This release event has no verification: it was voided at {voided_at}, as a mistake in "
        f"recording. /v1/release-events/{id} still shows it.",
    )


def explain(
    conn: queries.Connection,
    id: UUID,
    as_of: datetime | None,
    recorded_as_of: datetime | None,
    min_sources: int,
    time_zone: str,
) -> Mapping[str, Any]:
    """Return the cited answer of `GET /release-events/{id}/verification`."""
    clock.make_final(conn, as_of, recorded_as_of)
    row = queries.row(conn, "verification/get", id=id, as_of=as_of, recorded_as_of=recorded_as_of)
    if row is None:
        raise _not_found(conn, id)
    groups = _Groups(row.names or {}, row.confidential or {})
    history = _history(row.steps or [], min_sources)
    sources = history[-1]["independent_sources"] if history else 0
    denials = history[-1]["independent_denials"] if history else 0
    status_now = status(sources, denials, min_sources)
    moments = Moments(row.as_of, row.recorded_as_of, row.ledger_seq)
    parameters = {
        "as_of": moments.as_of,
        "recorded_as_of": moments.recorded_as_of,
        "min_sources": min_sources,
    }
    return citations.cited(
        {
            "release_event_id": str(id),
            **parameters,
            "rule": RULE,
            "status": status_now,
            "independent_sources": sources,
            "independent_denials": denials,
            "since": _since(history),
            "proof": groups.proof(row.proof or []),
            "denial_proof": groups.proof(row.denial_proof or []),
            "rests_on": []
            if status_now == "confirmed"
            else [groups.group(ids) for ids in row.rests_on or []],
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
        },
        f"/v1/release-events/{id}/verification",
        {**parameters, "time_zone": time_zone},
        moments,
        sentences.verification(
            datetime.fromisoformat(moments.as_of),
            time_zone,
            status_now,
            sources,
            denials,
            min_sources,
        ),
    )


@dataclass(frozen=True, slots=True)
class _Groups:
    """The source groups of a proof, as the public may see them.

    `public_id` maps a confidential source to the source that vouches for it.
    """

    names: Mapping[str, str]
    public_id: Mapping[str, str]

    def group(self, source_ids: Sequence[str]) -> Mapping[str, Any]:
        public_ids = [*dict.fromkeys(self.public_id.get(id, id) for id in source_ids)]
        return {"name": self.names[public_ids[0]], "source_ids": public_ids}

    def proof(self, chains: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        return [
            {**chain, "groups": [self.group(ids) for ids in chain["groups"]]} for chain in chains
        ]


def _history(steps: Sequence[Sequence[Any]], min_sources: int) -> Sequence[Mapping[str, Any]]:
    """Return the numbers of sources and denials at each change, and the status from then on."""
    changes = [
        (at, *numbers)
        for (_, *before), (at, *numbers) in pairwise([(None, None, None), *steps])
        if numbers != before
    ]
    return [
        {
            "at": at,
            "status": status(sources, denials, min_sources),
            "independent_sources": sources,
            "independent_denials": denials,
        }
        for at, sources, denials in changes
    ]


def _since(history: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the moment since which the last status has held without interruption."""
    since = None
    for before, step in zip([None, *history], history, strict=False):
        if before is None or before["status"] != step["status"]:
            since = step["at"]
    return since
