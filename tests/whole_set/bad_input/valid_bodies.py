"""A valid request body for each kind of record, with a part replaced."""

from typing import Any


def source(**more: Any) -> dict[str, Any]:
    return {"name": "Northgate Herald", "kind": "news_outlet", **more}


def facility(**more: Any) -> dict[str, Any]:
    return {"name": "Stonefield Prison", "country": "VE", **more}


def affiliation(**more: Any) -> dict[str, Any]:
    return {"with_source_id": "$other_source", "relation": "owned_by", **more}


def detainee(**more: Any) -> dict[str, Any]:
    return {"name": "Ilya Marek", **more}


def detention(**more: Any) -> dict[str, Any]:
    return {"detained_on": "2026-01-20", **more}


def release_event(**more: Any) -> dict[str, Any]:
    return {"detainee_id": "$detainee", "occurred_on": "2026-01-18", **more}


def attestation(**more: Any) -> dict[str, Any]:
    return {
        "release_event_id": "$event",
        "source_id": "$source",
        "stance": "confirms",
        "basis": "first_hand",
        "evidence": "report",
        "published_at": "2026-01-09T12:00:00Z",
        **more,
    }


def claim(**more: Any) -> dict[str, Any]:
    return {
        "source_id": "$source",
        "kind": "released",
        "value": 24,
        "as_of": "2026-01-09T12:00:00Z",
        "published_at": "2026-01-09T12:00:00Z",
        **more,
    }
