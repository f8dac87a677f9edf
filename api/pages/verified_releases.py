"""Releases with all that a page shows of them: verification, attestations, and why, in words."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from api.config import Language
from api.database import queries
from api.pages import reasons, records
from api.rendering.results import Item, Page
from api.reports import explanations
from api.verification.rule import REQUIRED
from api.wording import words
from api.wording.words import Words

_MAX_ATTESTATIONS = 100
_NOT_LIVE = ("superseded", "retracted", "origin_not_live")


def read(
    conn: queries.Connection, events: Sequence[Item], lang: Language, time_zone: str
) -> tuple[Sequence[Item], Mapping[str, str]]:
    """Return releases with all that a page shows of them, and the names of their sources."""
    verified = [_verified(conn, event, time_zone) for event in events]
    of_events = [attestations for _, attestations, _ in verified]
    relays = [relay for listed in of_events for a in listed for relay in a["relays"]]
    ids = {a["source_id"] for listed in of_events for a in listed}
    names = records.names(
        conn, "sources/list", "Source", ids | {relay["source_id"] for relay in relays} - {None}
    )
    language = words.in_language(lang)
    return [
        {
            "event": event,
            "verification": verification,
            "attestations": _with_origins(listed, verification, names, language),
            "has_more": has_more,
            "reasons": reasons.explain(verification, listed, has_more, names, language),
        }
        for event, (verification, listed, has_more) in zip(events, verified, strict=True)
    ], names


def count_deaths(releases: Sequence[Item], detention: Item | None) -> int:
    """Return how many sources say that the person died in a detention."""
    sources = {
        attestation["source_id"]
        for release in releases
        if detention and release["event"]["detention_id"] == detention["id"]
        for attestation in release["attestations"]
        if attestation["denial_reason"] == "died_in_custody"
        and not attestation["voided_at"]
        and attestation["reason"] not in _NOT_LIVE
    }
    return len(sources)


def _verified(
    conn: queries.Connection, event: Item, time_zone: str
) -> tuple[Item, Sequence[Item], bool]:
    """Return the verification of a release, its attestations by time, and whether it has more."""
    id = UUID(event["id"])
    verification = explanations.explain(conn, id, None, None, REQUIRED, time_zone)
    attestations = Page(
        "attestations/list", _MAX_ATTESTATIONS, {"release_event_id": id, "sees_hidden": False}
    )
    listed, following = records.items(conn, "listAttestations", attestations)
    # Of two that were published at one moment, the one recorded later is the later statement.
    by_time = sorted(
        listed,
        key=lambda it: [datetime.fromisoformat(it[at]) for at in ("published_at", "created_at")],
    )
    return verification, by_time, following is not None


def _with_origins(
    listed: Sequence[Item], verification: Item, names: Mapping[str, str], spoken: Words
) -> Sequence[Item]:
    """Return attestations with the names of what they relay, and why they do not count."""
    speakers = {
        attestation["id"]: spoken.speaker(
            names[attestation["source_id"]],
            is_confidential=attestation["is_confidential"],
            begins=False,
        )
        for attestation in listed
    }
    # Of a relayed source, the record does not tell whether it is confidential.
    origins = {**names, **speakers}
    excluded = {item["attestation_id"]: item["reason"] for item in verification["not_counted"]}
    return [
        {
            **attestation,
            "origins": [
                origins[id]
                for relay in attestation["relays"]
                if (id := relay["source_id"] or relay["attestation_id"]) in origins
            ],
            "reason": excluded.get(attestation["id"]),
        }
        for attestation in listed
    ]
