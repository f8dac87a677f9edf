"""Feeds, read with feedparser."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import feedparser
import pytest

from api.config import Language
from api.pages.feeds import Entry, atom, json_feed
from api.wording.catalogs import LANGUAGES

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
PAGE = f"{BASE}releases/{ENTRY.release_event_id}"

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


def read_atom(entries: Sequence[Entry], language: Language = "en", base: str = BASE) -> Any:
    feed = feedparser.parse(atom(entries, language, base))
    assert not feed.bozo
    assert feed.version == "atom10"
    return feed


def read_json_feed(entries: Sequence[Entry], language: Language = "en", base: str = BASE) -> Any:
    """Parse a JSON Feed and check the requirements of version 1.1."""
    feed = json.loads(json_feed(entries, language, base))
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
        ("self", f"{BASE}v1/feed?format=atom&lang=en"),
        ("alternate", f"{BASE}?lang=en"),
    ]
    [entry] = feed.entries
    assert entry.id == ID
    assert entry.title == "The release of Rocío San Miguel on 8 January 2026 is confirmed."
    assert entry.author == "Constancia"
    assert entry.summary_detail.type == "text/plain"
    assert entry.summary == (
        "Two independent sources attest to it and none denies it. "
        "By the rule two-independent-sources/1."
    )
    assert entry.published_parsed[:6] == (2026, 1, 9, 12, 25, 0)
    assert entry.updated_parsed[:6] == (2026, 11, 24, 8, 30, 0)
    assert entry.updated == ENTRY.updated_at


def test_atom_feed_has_each_required_element_of_rfc_4287_once() -> None:
    other = replace(ENTRY, release_event_id=OTHER, status="disputed")
    document = atom([ENTRY, other], "es", BASE)
    assert document.startswith(b"<?xml version='1.0' encoding='utf-8'?>")
    feed = ET.fromstring(document)
    tag = "{http://www.w3.org/2005/Atom}"
    assert feed.tag == f"{tag}feed"
    assert feed.get("{http://www.w3.org/XML/1998/namespace}lang") == "es"
    entries = feed.findall(f"{tag}entry")
    assert len(entries) == 2
    for element in (feed, *entries):
        for name in ("id", "title", "updated", "author"):
            assert len(element.findall(tag + name)) == 1, name


def test_json_feed_equals_the_atom_feed() -> None:
    other = replace(ENTRY, release_event_id=OTHER, status="refuted", name="Person 7F3K2Q")
    entries = [ENTRY, replace(other, independent_denials=4)]
    for language in LANGUAGES:
        feed = read_json_feed(entries, language)
        assert feed["feed_url"] == f"{BASE}v1/feed?format=jsonfeed&lang={language}"
        assert feed["language"] == language
        read = read_atom(entries, language)
        assert (feed["title"], feed["home_page_url"]) == (read.feed.title, read.feed.link)
        assert [
            (
                i["id"],
                i["url"],
                i["title"],
                i["content_text"],
                i["date_published"],
                i["date_modified"],
            )
            for i in feed["items"]
        ] == [(e.id, e.link, e.title, e.summary, e.published, e.updated) for e in read.entries]


@pytest.mark.parametrize(
    ("status", "english", "spanish"),
    [
        ("confirmed", "is confirmed", "está confirmada"),
        ("disputed", "is disputed", "está en disputa"),
        ("refuted", "is refuted", "está desmentida"),
        ("reported", "is now only reported", "ahora solo está reportada"),
        ("unverified", "is no longer verified", "ya no está verificada"),
        ("voided", "was recorded by mistake", "se registró por error"),
        ("merged", "is now part of another record", "ahora es parte de otro registro"),
    ],
)
def test_titles_are_sentences_with_the_current_status(
    status: str, english: str, spanish: str
) -> None:
    for name, spanish_name in (
        (ENTRY.name, ENTRY.name),
        ("Person 7F3K2Q", "Persona 7F3K2Q"),
        (None, None),
    ):
        entry = replace(ENTRY, status=status, name=name)
        titles = {
            "en": f"The release of {name} on 8 January 2026 {english}.",
            "es": f"La excarcelación de {spanish_name} el 8 de enero de 2026 {spanish}.",
        }
        if name is None:
            titles = {
                "en": f"A release of 8 January 2026 {english}.",
                "es": f"Una excarcelación del 8 de enero de 2026 {spanish}.",
            }
        for language in LANGUAGES:
            assert read_atom([entry], language).entries[0].title == titles[language]


def test_summaries_say_why() -> None:
    entry = replace(ENTRY, status="disputed", independent_sources=1, independent_denials=1)
    assert read_atom([entry], "es").entries[0].summary == (
        "La respalda una fuente independiente y una la desmiente. "
        "Según la regla two-independent-sources/1."
    )
    entry = replace(ENTRY, status="voided")
    assert read_atom([entry], "es").entries[0].summary == "Su registro está anulado."


def test_id_of_an_entry_never_changes() -> None:
    """It depends neither on the status of the release nor on the URL of the service."""
    later = replace(
        ENTRY, name="Person 7F3K2Q", updated_at="2027-01-01T00:00:00Z", independent_sources=3
    )
    withdrawn = replace(ENTRY, status="unverified", since="2026-01-10T12:25:00Z")
    for base in (BASE, "https://constancia.example/"):
        for entry in (ENTRY, later, replace(ENTRY, status="refuted"), withdrawn):
            assert read_atom([entry], "en", base).entries[0].id == ID
            assert read_json_feed([entry], "en", base)["items"][0]["id"] == ID
    other = replace(ENTRY, release_event_id=OTHER)
    assert len({entry.id for entry in read_atom([ENTRY, other]).entries}) == 2
    assert read_atom([ENTRY]).feed.id == read_atom([], "en", "https://constancia.example/").feed.id
    # One who follows the feed in both languages gets both.
    english, spanish = (read_atom([ENTRY], language) for language in LANGUAGES)
    assert english.feed.id != spanish.feed.id
    assert english.entries[0].id != spanish.entries[0].id


def test_entry_links_to_the_page_in_its_language() -> None:
    for language in LANGUAGES:
        [link] = read_atom([ENTRY], language).entries[0].links
        assert (link.rel, link.href) == ("alternate", f"{PAGE}?lang={language}")


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
    title = f"The release of {expected} on 8 January 2026 is confirmed."
    document = atom([entry], "en", BASE)
    assert ET.fromstring(document).findtext("{*}entry/{*}title") == title
    assert read_atom([entry]).entries[0].title_detail.type == "text/plain"
    assert read_json_feed([entry])["items"][0]["title"] == title
