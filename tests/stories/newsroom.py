"""What a newsroom enters and reads: releases, claims, comparisons, deliveries, counts."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from api.verification.counting import FIGURES
from tests.conftest import CASES, Api

EXAMPLE = CASES / "venezuela-2026-01-08.json"


WITHIN = ("confirmed", "disputed", "reported")


class Desk:
    """Who enters what the stories are made of, with a handful of independent sources."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.editor = api.scope("edit")
        self.sources = [self.editor.source(f"Fuente {n}") for n in range(6)]

    def claim(self, source: str, kind: str, as_of: str, **more: Any) -> Any:
        body = {"source_id": source, "kind": kind, "as_of": as_of, "published_at": as_of, **more}
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
        """A person's release, confirmed and denied at these moments, each time by another source;
        the id of the event."""
        detainee = self.editor.detainee(name, **person)
        self.editor.detention(detainee, detained_on="2020", facility_id=facility)
        event = self.editor.event(detainee, day, announcement_id=announcement)
        words = [("confirms", at) for at in confirmed] + [("denies", at) for at in denied]
        for source, (stance, at) in zip(self.sources, words, strict=False):
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


def figures(answer: Mapping[str, Any], names: Sequence[str] = FIGURES) -> dict[str, int]:
    return {name: answer[name] for name in names}


def bounds(timeline: Mapping[str, Any]) -> list[str]:
    """Where a timeline begins, and where each of its buckets ends."""
    return [timeline["from"], *(item["at"] for item in timeline["items"])]


def confirmed(timeline: Mapping[str, Any]) -> list[int]:
    return [item["confirmed"] for item in timeline["items"]]


def after(moment: str, **much: float) -> str:
    return (datetime.fromisoformat(moment) + timedelta(**much)).isoformat().replace("+00:00", "Z")


# --- Groups, and timelines of what is narrowed ----------------------------------------------------


Population = tuple[Desk, Mapping[str, Any]]
