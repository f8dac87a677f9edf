"""Verdicts as feeds, which any feed reader can follow: Atom (RFC 4287) and JSON Feed 1.1."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

import orjson

from api.reports.claim_reviews import day, person, verification_url
from api.verification.rule import RULE

# The id of the feed, and the namespace of those of its entries. Another one would show every
# reader every entry anew.
_FEED = UUID("8ed77971-3192-400a-aabc-1e581fda538c")
_TITLE = "Constancia: verdicts on releases"
_AUTHOR = "Constancia"
# An entry begins as confirmed, disputed or refuted; these it can only come down to.
_WORDS = {
    "reported": "now only reported",
    "unverified": "no longer verified",
    "merged": "now told with another record",
}
_NEVER = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Entry:
    """What is said of a release event: it holds `since` a publication time, and was changed at
    `updated_at`. One that became another by a merge is `merged` and has no `name`: that one says
    whose it is. Moments and the day are texts as the contract has them."""

    release_event_id: str
    status: str
    since: str
    updated_at: str
    occurred_on: str
    name: str | None
    independent_sources: int
    independent_denials: int


def atom(entries: Sequence[Entry], base: str) -> bytes:
    moments = (entry.updated_at for entry in entries)
    # Not compared as texts: 15Z would come after 15.3Z.
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
    """One entry for each event, whatever becomes of it: a reader who saw it confirmed sees the same
    entry taken back."""
    return uuid5(_FEED, entry.release_event_id).urn


def _url(entry: Entry, base: str) -> str:
    return verification_url(entry.release_event_id, base)


def _title(entry: Entry) -> str:
    whose = "A record that was merged" if entry.name is None else person(entry.name)
    return f"{whose}: release {_WORDS.get(entry.status, entry.status)}"


def _summary(entry: Entry) -> str:
    if entry.status == "merged":
        return f"Release of {day(entry.occurred_on)}. Another record of it tells what is known."
    return (
        f"Release of {day(entry.occurred_on)}. Independent sources: {entry.independent_sources}; "
        f"denials: {entry.independent_denials}. By the rule {RULE}."
    )
