"""Verdicts for feed readers and fact-checkers.

Formats: Atom (RFC 4287), JSON Feed 1.1, and schema.org's ClaimReview (JSON-LD). Moments and days in
the data are texts as the contract has them. `base` is the service's URL, with a slash at its end.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5

import orjson

from api.reports import vocabulary
from api.verification.rule import RULE

# The id of the feed, and the namespace of its entries' ids. If it changed, feed readers would show
# all entries as new.
_FEED = UUID("8ed77971-3192-400a-aabc-1e581fda538c")
_TITLE = "Constancia: verdicts on releases"
_AUTHOR = "Constancia"
# An entry starts as confirmed, disputed or refuted. These are the statuses it can fall back to.
_LATER_STATUSES = {
    "reported": "now only reported",
    "unverified": "no longer verified",
    "merged": "now part of another record",
    "voided": "entered by mistake",
}
_NEVER = "1970-01-01T00:00:00Z"

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

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Entry:
    """The verdict on a release event: its status has held `since`, and changed at `updated_at`.

    The entry of a merged duplicate has status `merged` and no name, that of a voided release event
    status `voided`.
    """

    release_event_id: str
    status: str
    since: str
    updated_at: str
    occurred_on: str
    name: str | None
    independent_sources: int
    independent_denials: int


def atom(entries: Sequence[Entry], base: str) -> bytes:
    """Return the feed as Atom."""
    moments = (entry.updated_at for entry in entries)
    # Compare them as moments: as text, 15Z sorts after 15.3Z.
    newest = max(moments, key=datetime.fromisoformat, default=_NEVER)
    feed = ET.Element("feed", {"xmlns": "http://www.w3.org/2005/Atom"})
    _text(feed, "id", _FEED.urn)
    _text(feed, "title", _TITLE)
    _text(feed, "updated", newest)
    _author(feed)
    ET.SubElement(feed, "link", {"rel": "self", "href": _feed_url(base, "atom")})
    for entry in entries:
        element = ET.SubElement(feed, "entry")
        _text(element, "id", _id(entry))
        _text(element, "title", _title(entry))
        _text(element, "published", entry.since)
        _text(element, "updated", entry.updated_at)
        _author(element)
        ET.SubElement(element, "link", {"rel": "alternate", "href": _url(entry, base)})
        _text(element, "summary", _summary(entry))
    document: bytes = ET.tostring(feed, encoding="utf-8", xml_declaration=True)
    return document


def json_feed(entries: Sequence[Entry], base: str) -> bytes:
    """Return the feed as JSON Feed."""
    authors = [{"name": _AUTHOR}]
    return orjson.dumps(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": _TITLE,
            "home_page_url": f"{base}docs",
            "feed_url": _feed_url(base, "jsonfeed"),
            "authors": authors,
            "items": [
                {
                    "id": _id(entry),
                    "url": _url(entry, base),
                    "title": _title(entry),
                    "content_text": _summary(entry),
                    "date_published": entry.since,
                    "date_modified": entry.updated_at,
                    "authors": authors,
                }
                for entry in entries
            ],
        }
    )


def _text(parent: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(parent, tag).text = text


def _author(parent: ET.Element) -> None:
    _text(ET.SubElement(parent, "author"), "name", _AUTHOR)


def _feed_url(base: str, name: str) -> str:
    return f"{base}v1/feed?format={name}"


def _id(entry: Entry) -> str:
    """Return one id for all statuses of an event, so that a withdrawn status is an update."""
    return uuid5(_FEED, entry.release_event_id).urn


def _url(entry: Entry, base: str) -> str:
    return _verification_url(entry.release_event_id, base)


def _title(entry: Entry) -> str:
    subject = "A merged record" if entry.name is None else _printable(entry.name)
    return f"{subject}: release {_LATER_STATUSES.get(entry.status, entry.status)}"


def _summary(entry: Entry) -> str:
    if entry.status == "merged":
        return f"Release of {_day(entry.occurred_on)}. Its record was merged into another one."
    if entry.status == "voided":
        return (
            f"Release of {_day(entry.occurred_on)}. Its record was entered by mistake, and is void."
        )
    return (
        f"Release of {_day(entry.occurred_on)}. Independent sources: {entry.independent_sources}; "
        f"denials: {entry.independent_denials}. By the rule {RULE}."
    )


def claim_review(event: Mapping[str, Any], base: str) -> bytes:
    """Return the ClaimReview of a release event, whose rating is the verdict.

    Google requires `claimReviewed`, `url`, `reviewRating` and its `alternateName`.
    The author, place and date of the claim are left out, because an event does not have them.
    """
    url = _verification_url(event["release_event_id"], base)
    claim = f"{_printable(event['name'])} was released on {_day(event['occurred_on'])}."
    label, rating = _RATINGS[event["status"]]
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
            "ratingValue": rating,
            "bestRating": 5,
            "worstRating": 1,
            "alternateName": label,
            "ratingExplanation": _rating_explanation(
                event["independent_sources"], event["independent_denials"]
            ),
        },
    }
    return orjson.dumps(review)


def _rating_explanation(sources: int, denials: int) -> str:
    confirm = "source confirms" if sources == 1 else "sources confirm"
    deny = "denies" if denials == 1 else "deny"
    return f"{sources} independent {confirm}, {denials} {deny}; by {RULE}."


def _verification_url(release_event_id: str, base: str) -> str:
    return f"{base}v1/release-events/{release_event_id}/verification"


def _printable(name: str) -> str:
    """Return a name without the characters that XML and JSON cannot hold."""
    return _NOT_IN_XML.sub("\ufffd", name)


def _day(text: str) -> str:
    """Return a day in English: 2026-01-08 as 8 January 2026."""
    english, _ = vocabulary.day(date.fromisoformat(text))
    return english
