"""Claim reviews, read with a JSON-LD processor without a network."""

from typing import Any

import pytest
from pyld import jsonld

from api.pages import reviews
from api.wording import words

BASE = "https://constancia.example/"
EVENT = {
    "release_event_id": "f18ef53d-0c20-5565-aae5-27bda08f29e2",
    "occurred_on": "2026-01-08",
    "name": "Rocío San Miguel",
    "status": "confirmed",
    "independent_sources": 2,
    "independent_denials": 0,
    "since": "2026-01-09T12:25:00Z",
}
PAGE = f"{BASE}releases/{EVENT['release_event_id']}"

# The terms that a review uses, as schema.org's context defines them.
CONTEXT = {
    "@context": {
        "type": "@type",
        "id": "@id",
        "@vocab": "http://schema.org/",
        "schema": "http://schema.org/",
        **{
            name: {"@id": f"schema:{name}"}
            for name in (
                "Claim", "ClaimReview", "Organization", "Rating", "alternateName", "author",
                "bestRating", "claimReviewed", "itemReviewed", "name", "ratingExplanation",
                "ratingValue", "reviewRating", "text", "worstRating",
            )
        },
        "datePublished": {"@id": "schema:datePublished", "@type": "Date"},
        "url": {"@id": "schema:url", "@type": "@id"},
    }
}  # fmt: skip


def context(url: str, _: Any) -> dict[str, Any]:
    assert url == "https://schema.org"
    return {
        "contentType": "application/ld+json",
        "contextUrl": None,
        "documentUrl": url,
        "document": CONTEXT,
    }


def expanded(event: dict[str, Any]) -> Any:
    [review] = jsonld.expand(dict(reviews.of_release(event, BASE)), {"documentLoader": context})
    return review


def iri(name: str) -> str:
    return f"http://schema.org/{name}"


def literal(value: Any) -> list[dict[str, Any]]:
    return [{"@value": value}]


def test_claim_review_has_the_meaning_of_schema_org() -> None:
    claim = "Rocío San Miguel was released on 8 January 2026."
    assert expanded(EVENT) == {
        "@id": PAGE,
        "@type": [iri("ClaimReview")],
        iri("url"): [{"@id": PAGE}],
        iri("datePublished"): [{"@type": iri("Date"), "@value": "2026-01-09T12:25:00Z"}],
        iri("author"): [
            {
                "@type": [iri("Organization")],
                iri("name"): literal("Constancia"),
                iri("url"): [{"@id": BASE}],
            }
        ],
        iri("claimReviewed"): literal(claim),
        iri("itemReviewed"): [{"@type": [iri("Claim")], iri("text"): literal(claim)}],
        iri("reviewRating"): [
            {
                "@type": [iri("Rating")],
                iri("ratingValue"): literal(5),
                iri("bestRating"): literal(5),
                iri("worstRating"): literal(1),
                iri("alternateName"): literal("Confirmed"),
                iri("ratingExplanation"): literal(
                    "2 independent sources confirm, 0 deny; by two-independent-sources/1."
                ),
            }
        ],
    }


@pytest.mark.parametrize(
    ("status", "sources", "denials", "number", "label", "explanation"),
    [
        ("confirmed", 3, 1, 5, "Confirmed", "3 independent sources confirm, 1 denies"),
        ("reported", 1, 0, 4, "Reported, not confirmed", "1 independent source confirms, 0 deny"),
        ("disputed", 2, 2, 3, "Disputed", "2 independent sources confirm, 2 deny"),
        ("unverified", 0, 0, 3, "Unverified", "0 independent sources confirm, 0 deny"),
        ("refuted", 0, 2, 1, "Refuted", "0 independent sources confirm, 2 deny"),
        ("disputed", 1234, 1234, 3, "Disputed", "1,234 independent sources confirm, 1,234 deny"),
    ],
)
def test_every_status_has_a_rating(
    status: str, sources: int, denials: int, number: int, label: str, explanation: str
) -> None:
    event = {
        **EVENT,
        "status": status,
        "independent_sources": sources,
        "independent_denials": denials,
    }
    [rating] = expanded(event)[iri("reviewRating")]
    assert rating[iri("ratingValue")] == literal(number)
    assert rating[iri("alternateName")] == literal(label)
    assert rating[iri("ratingExplanation")] == literal(
        f"{explanation}; by two-independent-sources/1."
    )


def test_review_has_no_character_that_json_cannot_hold() -> None:
    review = reviews.of_release({**EVENT, "name": "A\x00na\ud800"}, BASE)
    assert review["claimReviewed"] == "A\ufffdna\ufffd was released on 8 January 2026."


@pytest.mark.parametrize(
    ("verdict", "rating", "label"),
    [
        ("within_documented", 4, "La cifra está dentro de lo documentado"),
        ("above_documented", 3, "La cifra está por encima de lo documentado"),
        ("below_confirmed", 2, "La cifra está por debajo de lo confirmado"),
        ("not_comparable", None, ""),
    ],
)
def test_figure_is_rated_by_its_comparison(verdict: str, rating: int | None, label: str) -> None:
    claim = {
        "id": "019b9f3e-2201-4c44-a9e7-4d2b8f6c1a01",
        "source_id": "019b9f3e-1a01-4b52-8c11-3f5d2e7a9001",
        "kind": "released",
        "value": 1234,
        "qualifier": "exact",
        "url": "https://diario.example/nota",
        "published_at": "2026-01-08T18:00:00Z",
        "created_at": "2026-01-09T18:00:00Z",
        "window_start": "2026-01-08",
        "nationality": None,
        "age_group": None,
        "facility_id": None,
        "is_confidential": False,
        "retracted_at": None,
    }
    sentence = {"en": "As of then, 1.", "es": "Hasta entonces, 1."}
    comparison = {"claim": claim, "verdict": verdict, "citation": {"sentence": sentence}}
    sources = {claim["source_id"]: {"name": "Diario", "kind": "news_outlet"}}
    spanish = words.in_language("es")
    reviewed = reviews.of_claims([comparison], sources, f"{BASE}figures?lang=es", BASE, spanish)
    if rating is None:
        assert reviewed == []
        return
    [review] = reviewed
    text = (
        "Personas excarceladas: 1.234 (contando solo personas excarceladas "
        "el 8 de enero de 2026 o después)"
    )
    assert review["url"] == f"{BASE}figures?lang=es#claim-{claim['id']}"
    assert review["@id"] == f"{BASE}v1/claims/{claim['id']}#review"
    assert review["datePublished"] == claim["created_at"]
    assert review["claimReviewed"] == text
    for name, value in (("retracted_at", claim["created_at"]), ("facility_id", claim["source_id"])):
        narrower = {**comparison, "claim": {**claim, name: value}}
        assert reviews.of_claims([narrower], sources, BASE, BASE, spanish) == []
    sources = {claim["source_id"]: {"name": "Kanarie", "kind": "relative"}}
    assert reviews.of_claims([comparison], sources, BASE, BASE, spanish) == []
    assert review["itemReviewed"] == {
        "@type": "Claim",
        "text": text,
        "author": {"@type": "Organization", "name": "Diario"},
        "datePublished": claim["published_at"],
        "appearance": {"@type": "CreativeWork", "url": claim["url"]},
    }
    assert review["reviewRating"]["ratingValue"] == rating
    assert review["reviewRating"]["alternateName"] == label
    assert review["reviewRating"]["ratingExplanation"] == sentence["es"]
