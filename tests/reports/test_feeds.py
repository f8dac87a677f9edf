"""Feeds and claim reviews, read with feedparser and with a JSON-LD processor without a network."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import feedparser
import pytest
from pyld import jsonld

from api.reports.feeds import Entry, atom, claim_review, json_feed

BASE = "http://127.0.0.1:8000/"
ENTRY = Entry(
    release_event_id="f18ef53d-0c20-5565-aae5-27bda08f29e2",
    status="confirmed",
    since="2026-01-09T12:25:00Z",
    updated_at="2026-11-24T08:30:00Z",
    occurred_on="2026-01-08",
    name="Rocío San Miguel",
    independent_sources=2,
    independent_denials=0,
)
ID = "urn:uuid:eabde861-b4cd-565b-b847-ddb6716c8aa7"
OTHER = "ded19b63-f995-5b47-aa84-2e5e5e02d182"  # another event
VERIFICATION = f"{BASE}v1/release-events/{ENTRY.release_event_id}/verification"
EVENT = {
    "release_event_id": ENTRY.release_event_id,
    "occurred_on": "2026-01-08",
    "name": "Rocío San Miguel",
    "status": "confirmed",
    "independent_sources": 2,
    "independent_denials": 0,
    "since": "2026-01-09T12:25:00Z",
}

# Names, and the characters of them that XML can hold.
NAMES = [
    ("&<>\"'", "&<>\"'"),
    ("]]>", "]]>"),
    ("&amp; <b>Ana</b><!-- -->", "&amp; <b>Ana</b><!-- -->"),
    ("سارة القحطاني", "سارة القحطاني"),
    ("\u202eana", "\u202eana"),
    ("Ana 🕊️ 👩‍⚖️", "Ana 🕊️ 👩‍⚖️"),
    ("A\x00n\x08a\x1b\x1f", "A\ufffdn\ufffda\ufffd\ufffd"),
    ("Ana\ufffe\uffff\ud800", "Ana\ufffd\ufffd\ufffd"),
    ("A\tn\x7fa\ue000\U0010ffff", "A\tn\x7fa\ue000\U0010ffff"),
]


def read_atom(entries: Sequence[Entry], base: str = BASE) -> Any:
    feed = feedparser.parse(atom(entries, base))
    assert not feed.bozo
    assert feed.version == "atom10"
    return feed


def read_json_feed(entries: Sequence[Entry], base: str = BASE) -> Any:
    """Parse a JSON Feed and check the requirements of version 1.1."""
    feed = json.loads(json_feed(entries, base))
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    texts = [feed["title"], *(i[k] for i in feed["items"] for k in ("id", "content_text"))]
    urls = [feed["home_page_url"], feed["feed_url"], *(i["url"] for i in feed["items"])]
    assert all(isinstance(text, str) and text for text in texts)
    assert all(urlsplit(url).netloc for url in urls)
    assert all(i["authors"] == feed["authors"] == [{"name": "Constancia"}] for i in feed["items"])
    for item in feed["items"]:
        for name in ("date_published", "date_modified"):
            assert datetime.fromisoformat(item[name]).tzinfo == UTC
    assert len({item["id"] for item in feed["items"]}) == len(feed["items"])
    return feed


# --- Feeds ----------------------------------------------------------------------------------------


def test_atom_feed_in_a_feed_reader() -> None:
    feed = read_atom([ENTRY])
    assert feed.feed.id == "urn:uuid:8ed77971-3192-400a-aabc-1e581fda538c"
    assert feed.feed.title == "Constancia: verdicts on releases"
    assert feed.feed.author == "Constancia"
    assert [(link.rel, link.href) for link in feed.feed.links] == [
        ("self", f"{BASE}v1/feed?format=atom")
    ]
    [entry] = feed.entries
    assert entry.id == ID
    assert entry.title == "Rocío San Miguel: release confirmed"
    assert entry.author == "Constancia"
    assert entry.summary_detail.type == "text/plain"
    assert entry.summary == (
        "Release of 8 January 2026. Independent sources: 2; denials: 0. "
        "By the rule two-independent-sources/1."
    )
    assert entry.published_parsed[:6] == (2026, 1, 9, 12, 25, 0)
    assert entry.updated_parsed[:6] == (2026, 11, 24, 8, 30, 0)
    assert entry.updated == ENTRY.updated_at


def test_atom_feed_has_each_required_element_of_rfc_4287_once() -> None:
    document = atom([ENTRY, replace(ENTRY, release_event_id=OTHER, status="disputed")], BASE)
    assert document.startswith(b"<?xml version='1.0' encoding='utf-8'?>")
    feed = ET.fromstring(document)
    tag = "{http://www.w3.org/2005/Atom}"
    assert feed.tag == f"{tag}feed"
    entries = feed.findall(f"{tag}entry")
    assert len(entries) == 2
    for element in (feed, *entries):
        for name in ("id", "title", "updated", "author", "link"):
            assert len(element.findall(tag + name)) == 1, name


def test_json_feed_equals_the_atom_feed() -> None:
    other = replace(ENTRY, release_event_id=OTHER, status="refuted", name="Person 7F3K2Q")
    entries = [ENTRY, replace(other, independent_denials=4)]
    feed = read_json_feed(entries)
    assert feed["feed_url"] == f"{BASE}v1/feed?format=jsonfeed"
    read = read_atom(entries)
    assert feed["title"] == read.feed.title
    assert [
        (i["id"], i["url"], i["title"], i["content_text"], i["date_published"], i["date_modified"])
        for i in feed["items"]
    ] == [(e.id, e.link, e.title, e.summary, e.published, e.updated) for e in read.entries]


@pytest.mark.parametrize(
    ("status", "title_text"),
    [
        ("confirmed", "confirmed"),
        ("disputed", "disputed"),
        ("refuted", "refuted"),
        ("reported", "now only reported"),
        ("unverified", "no longer verified"),
    ],
)
def test_titles_have_the_current_status(status: str, title_text: str) -> None:
    for name in (ENTRY.name, "Person 7F3K2Q"):
        entry = replace(ENTRY, status=status, name=name)
        title = f"{name}: release {title_text}"
        assert read_atom([entry]).entries[0].title == title
        assert read_json_feed([entry])["items"][0]["title"] == title


def test_id_of_an_entry_never_changes() -> None:
    """It depends neither on the status of the release nor on the URL of the service."""
    later = replace(
        ENTRY, name="Person 7F3K2Q", updated_at="2027-01-01T00:00:00Z", independent_sources=3
    )
    withdrawn = replace(ENTRY, status="unverified", since="2026-01-10T12:25:00Z")
    for base in (BASE, "https://constancia.example/"):
        for entry in (ENTRY, later, replace(ENTRY, status="refuted"), withdrawn):
            assert read_atom([entry], base).entries[0].id == ID
            assert read_json_feed([entry], base)["items"][0]["id"] == ID
    other = replace(ENTRY, release_event_id=OTHER)
    assert len({entry.id for entry in read_atom([ENTRY, other]).entries}) == 2
    assert read_atom([ENTRY]).feed.id == read_atom([], "https://constancia.example/").feed.id


def test_entry_links_to_the_verification() -> None:
    [link] = read_atom([ENTRY]).entries[0].links
    assert (link.rel, link.href) == ("alternate", VERIFICATION)
    assert read_json_feed([ENTRY])["items"][0]["url"] == VERIFICATION


def test_feed_was_updated_with_its_newest_entry() -> None:
    moments = ["2026-11-24T08:26:15Z", "2026-11-24T08:26:15.3Z", "2026-11-23T23:00:00Z"]
    feed = read_atom([replace(ENTRY, updated_at=moment) for moment in moments])
    assert feed.feed.updated == moments[1]
    assert [entry.updated for entry in feed.entries] == moments


def test_feeds_without_entries() -> None:
    feed = read_atom([])
    assert feed.entries == []
    assert feed.feed.updated == "1970-01-01T00:00:00Z"
    assert read_json_feed([])["items"] == []


@pytest.mark.parametrize(("name", "expected"), NAMES)
def test_documents_are_well_formed_with_any_name(name: str, expected: str) -> None:
    entry = replace(ENTRY, name=name)
    title = f"{expected}: release confirmed"
    document = atom([entry], BASE)
    assert ET.fromstring(document).findtext("{*}entry/{*}title") == title
    assert read_atom([entry]).entries[0].title_detail.type == "text/plain"
    assert read_json_feed([entry])["items"][0]["title"] == title
    review = json.loads(claim_review({**EVENT, "name": name}, BASE))
    assert review["claimReviewed"] == f"{expected} was released on 8 January 2026."


# --- Claim reviews --------------------------------------------------------------------------------

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
    document = json.loads(claim_review(event, BASE))
    [review] = jsonld.expand(document, {"documentLoader": context})
    return review


def iri(name: str) -> str:
    return f"http://schema.org/{name}"


def literal(value: Any) -> list[dict[str, Any]]:
    return [{"@value": value}]


def test_claim_review_has_the_meaning_of_schema_org() -> None:
    claim = "Rocío San Miguel was released on 8 January 2026."
    assert expanded(EVENT) == {
        "@id": VERIFICATION,
        "@type": [iri("ClaimReview")],
        iri("url"): [{"@id": VERIFICATION}],
        iri("datePublished"): [{"@type": iri("Date"), "@value": "2026-01-09T12:25:00Z"}],
        iri("author"): [
            {
                "@type": [iri("Organization")],
                iri("name"): literal("Constancia"),
                iri("url"): [{"@id": f"{BASE}docs"}],
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
