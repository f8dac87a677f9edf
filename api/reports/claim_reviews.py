"""A release event as schema.org's ClaimReview (JSON-LD), which fact-checkers and search engines
read. The claim is that the release took place; the review is the verdict of the rule.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import orjson

from api.reports import sentences
from api.verification.rule import RULE

# What a reader is shown, and a number from 1 (the public record is against the claim) to 5 (for
# it). Only a verdict of the rule reaches an end. One voice that nobody contradicts leans to one
# side and is not "true". The middle says that we do not know, whether the sources contradict each
# other or are silent: silence is nothing against a release, so it must not read as "mostly false".
_RATINGS = {
    "confirmed": ("Confirmed", 5),
    "reported": ("Reported, not confirmed", 4),
    "disputed": ("Disputed", 3),
    "unverified": ("Unverified", 3),
    "refuted": ("Refuted", 1),
}

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def claim_review(event: Mapping[str, Any], base: str) -> bytes:
    """The review of one event, whose moments and day are texts as the contract has them.

    All that Google requires is there: `claimReviewed`, `url`, `reviewRating` and its
    `alternateName`. Who made the claim, where and when is left out: the event does not say.
    """
    url = verification_url(event["release_event_id"], base)
    claim = f"{person(event['name'])} was released on {day(event['occurred_on'])}."
    word, value = _RATINGS[event["status"]]
    review = {
        "@context": "https://schema.org",
        "@type": "ClaimReview",
        "@id": url,
        "url": url,
        "datePublished": event["since"],
        "author": {"@type": "Organization", "name": "Constancia", "url": f"{base}docs"},
        "claimReviewed": claim,
        "itemReviewed": {"@type": "Claim", "text": claim},
        "reviewRating": {
            "@type": "Rating",
            "ratingValue": value,
            "bestRating": 5,
            "worstRating": 1,
            "alternateName": word,
            "ratingExplanation": _explanation(
                event["independent_sources"], event["independent_denials"]
            ),
        },
    }
    return orjson.dumps(review)


def verification_url(release_event_id: str, base: str) -> str:
    return f"{base}v1/release-events/{release_event_id}/verification"


def person(name: str) -> str:
    """Who was released, in characters that XML and JSON can hold."""
    return _NOT_IN_XML.sub("\ufffd", name)


def day(text: str) -> str:
    """2026-01-08 as 8 January 2026."""
    english, _ = sentences.day(date.fromisoformat(text))
    return english


def _explanation(sources: int, denials: int) -> str:
    confirm = "source confirms" if sources == 1 else "sources confirm"
    deny = "denies" if denials == 1 else "deny"
    return f"{sources} independent {confirm}, {denials} {deny}; by {RULE}."
