"""What search engines may list, and claim reviews for them: schema.org's ClaimReview (JSON-LD).

Google requires `claimReviewed`, `url`, `reviewRating` and its `alternateName`. `base` is the
service's URL, with a slash at its end.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from api.database import queries
from api.pages import feeds, records
from api.verification.rule import RULE
from api.wording import vocabulary
from api.wording.words import Words

# The label of a rating and its number, from 1 (false) to 5 (true). Only `confirmed` and `refuted`
# are at the ends: one group without a denial does not make a release "true". The middle means
# unknown: a lack of sources is no evidence against a release, so it is not rated "mostly false".
_RATINGS = {
    "confirmed": ("Confirmed", 5),
    "reported": ("Reported, not confirmed", 4),
    "disputed": ("Disputed", 3),
    "unverified": ("Unverified", 3),
    "refuted": ("Refuted", 1),
}
# A figure within what is documented can be true. One above it is unknown, for the same reason; one
# below leaves out people whose release is confirmed.
_CLAIM_RATINGS = {"within_documented": 4, "above_documented": 3, "below_confirmed": 2}
_PERSONS = {"journalist", "lawyer", "person"}
# Their names could say who was held, and search engines keep them.
_UNNAMED = {"relative", "released_person", "witness"}


def may_list(sources: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether search engines may list a page that names these sources."""
    return all(source["kind"] not in _UNNAMED for source in sources)


def may_list_citation(
    conn: queries.Connection, citation: Mapping[str, Any], changes: Iterable[Mapping[str, Any]]
) -> bool:
    """Return whether search engines may list the page of a citation, and of these changes."""
    question, answer = citation["question"], citation["answer"]
    by = {question.arguments.get("group_by"), *question.filters.active()}
    if question.operation_id == "listDifferences" or "announcement_id" in by:
        return False  # The sentence or a group may name any source.
    compared = [answer] if "claim" in answer else answer.get("claims", ())
    causes = (cause for change in changes for cause in change["causes"])
    named = {cause.source["id"] for cause in causes if cause.source}
    named |= {comparison["claim"]["source_id"] for comparison in compared}
    return may_list(records.by_id(conn, "sources/list", "Source", named).values())


def of_release(event: Mapping[str, Any], base: str) -> Mapping[str, Any]:
    """Return the review of the claim that a person was released, whose rating is the verdict.

    The author, place and date of the claim are left out, because an event does not have them.
    """
    english, _ = vocabulary.day(date.fromisoformat(event["occurred_on"]))
    claim = f"{feeds.printable(event['name'])} was released on {english}."
    label, rating = _RATINGS[event["status"]]
    url = f"{base}releases/{event['release_event_id']}"
    return _review(
        url,
        url,
        base,
        event["since"],
        {"@type": "Claim", "text": claim},
        rating,
        label,
        _explanation(event["independent_sources"], event["independent_denials"]),
    )


def of_claims(
    comparisons: Sequence[Mapping[str, Any]],
    sources: Mapping[str, Mapping[str, Any]],
    page: str,
    base: str,
    spoken: Words,
) -> Sequence[Mapping[str, Any]]:
    """Return the reviews of those claims that are figures which can be compared with the record.

    `sources` are theirs, by id. The `page` has an anchor for each claim. One that was retracted has
    no review, and neither has one about a facility, whose name the claim has not.
    """
    return [
        _of_claim(comparison, sources[comparison["claim"]["source_id"]], page, base, spoken)
        for comparison in comparisons
        if comparison["verdict"] in _CLAIM_RATINGS
        and comparison["claim"]["retracted_at"] is None
        and comparison["claim"]["facility_id"] is None
        and may_list([sources[comparison["claim"]["source_id"]]])
    ]


def _of_claim(
    comparison: Mapping[str, Any], source: Mapping[str, Any], page: str, base: str, spoken: Words
) -> Mapping[str, Any]:
    claim = comparison["claim"]
    author = spoken.speaker(source["name"], is_confidential=claim["is_confidential"])
    figure = spoken.figure(claim["value"], claim["qualifier"])
    appearance = {"appearance": {"@type": "CreativeWork", "url": claim["url"]}}
    return _review(
        f"{base}v1/claims/{claim['id']}#review",
        f"{page}#claim-{claim['id']}",
        base,
        claim["created_at"],
        {
            "@type": "Claim",
            "text": f"{spoken.label(claim['kind'], 'claim_kind')}: {figure}"
            + spoken.scope(claim, {}),
            "author": {
                "@type": "Person" if source["kind"] in _PERSONS else "Organization",
                "name": feeds.printable(author),
            },
            "datePublished": claim["published_at"],
            **(appearance if claim["url"] else {}),
        },
        _CLAIM_RATINGS[comparison["verdict"]],
        spoken.label(comparison["verdict"], "verdict").rstrip("."),
        comparison["citation"]["sentence"][spoken.language],
    )


def _review(
    id: str,
    url: str,
    base: str,
    published_at: str,
    claim: Mapping[str, Any],
    rating: int,
    label: str,
    explanation: str,
) -> Mapping[str, Any]:
    return {
        "@context": "https://schema.org",
        "@type": "ClaimReview",
        "@id": id,
        "url": url,
        "datePublished": published_at,
        "author": {"@type": "Organization", "name": feeds.AUTHOR, "url": base},
        "claimReviewed": claim["text"],
        "itemReviewed": claim,
        "reviewRating": {
            "@type": "Rating",
            "ratingValue": rating,
            "bestRating": 5,
            "worstRating": 1,
            "alternateName": label,
            "ratingExplanation": explanation,
        },
    }


def _explanation(sources: int, denials: int) -> str:
    confirm = "source confirms" if sources == 1 else "sources confirm"
    deny = "denies" if denials == 1 else "deny"
    (n, _), (against, _) = vocabulary.digits(sources), vocabulary.digits(denials)
    return f"{n} independent {confirm}, {against} {deny}; by {RULE}."
