"""Requests of a newsroom: releases, claims, comparisons, deliveries, counts."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from api.verification.counting import FIGURES
from tests.conftest import CASES, Api

EXAMPLE = CASES / "venezuela-2026-01-08.json"

DOCUMENTED = ("confirmed", "disputed", "reported")


class Desk:
    """A newsroom with a key of scope `edit` and six independent sources."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.editor = api.scope("edit")
        self.sources = [self.editor.source(f"Fuente {n}") for n in range(6)]

    def claim(self, source: str, kind: str, as_of: str, **fields: Any) -> Any:
        body = {"source_id": source, "kind": kind, "as_of": as_of, "published_at": as_of, **fields}
        return self.editor.post("/v1/claims", body)

    def release(
        self,
        name: str,
        confirmed: Sequence[str] = (),
        denied: Sequence[str] = (),
        *,
        day: str = "2026-01-08",
        facility: str | None = None,
        announcement: str | None = None,
        kind: str = "unknown",
        **person: Any,
    ) -> str:
        """Enter the release of a new person; return the id of the event.

        Each of the confirmations and denials at these moments is by another source.
        """
        detainee = self.editor.detainee(name, **person)
        self.editor.detention(detainee, detained_on="2020", facility_id=facility)
        event = self.editor.event(detainee, day, announcement_id=announcement)
        attestations = [("confirms", at) for at in confirmed] + [("denies", at) for at in denied]
        sources = self.sources[: len(attestations)]
        for source, (stance, at) in zip(sources, attestations, strict=True):
            self.editor.attest(event, source, at, stance=stance, release_kind=kind)
        return event

    def comparison(self, claim: Mapping[str, Any], **query: Any) -> Any:
        return self.api.get(f"/v1/claims/{claim['id']}/comparison", **query)

    def comparisons(self, **query: Any) -> Any:
        return self.api.get("/v1/comparisons", **query)["items"]

    def delivery(self, announcement: Mapping[str, Any], **query: Any) -> Any:
        return self.api.get(f"/v1/claims/{announcement['id']}/delivery", **query)

    def counts(self, **query: Any) -> Any:
        return self.api.get("/v1/counts", **query)

    def timeline(self, from_: str, until: str, bucket: str, time_zone: str, **query: Any) -> Any:
        return self.api.get(
            "/v1/counts/timeline",
            **{"from": from_, "until": until, "bucket": bucket, "time_zone": time_zone, **query},
        )


def figures(response: Mapping[str, Any], names: Sequence[str] = FIGURES) -> dict[str, int]:
    return {name: response[name] for name in names}


def bounds(timeline: Mapping[str, Any]) -> list[str]:
    """Return the start of a timeline and the end of each of its buckets."""
    return [timeline["from"], *(item["at"] for item in timeline["items"])]


def confirmed(timeline: Mapping[str, Any]) -> list[int]:
    return [item["confirmed"] for item in timeline["items"]]


def after(moment: str, **duration: float) -> str:
    return (
        (datetime.fromisoformat(moment) + timedelta(**duration)).isoformat().replace("+00:00", "Z")
    )


Population = tuple[Desk, Mapping[str, Any]]
