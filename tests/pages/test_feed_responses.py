"""Feeds and claim reviews over HTTP."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import feedparser
import pytest

from tests.conftest import Api
from tests.rendering.lists import sent

MINOR = "Lucero Canario Paz"


def title(name: str, status: str) -> str:
    return f"The release of {name} on 8 January 2026 {status}."


class Releases:
    """Five people with one release event of each status, and a released minor."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.editor = api.scope("edit")
        self.sources = [self.editor.source(f"Fuente {n}") for n in range(4)]
        self.events = {
            status: self.event(f"Persona {status}", confirms, denials)
            for status, confirms, denials in (
                ("confirmed", 2, 0),
                ("disputed", 1, 1),
                ("reported", 1, 0),
                ("refuted", 0, 2),
                ("unverified", 0, 0),
            )
        }
        self.minor = self.event(MINOR, 3, 0, age_group="minor", birth_date="2011-05-04")
        hidden = self.api.get(f"/v1/release-events/{self.minor}")["detainee_id"]
        self.pseudonym = self.api.get(f"/v1/detainees/{hidden}")["name"]

    def event(self, name: str, confirms: int, denials: int, **person: Any) -> str:
        detainee = self.editor.detainee(name, **person)
        self.editor.detention(detainee, detained_on="2025")
        event = self.editor.event(detainee, "2026-01-08")
        stances = ["confirms"] * confirms + ["denies"] * denials
        sources = self.sources[: len(stances)]
        for n, (source, stance) in enumerate(zip(sources, stances, strict=True)):
            self.editor.attest(event, source, f"2026-01-09T1{n}:00:00Z", stance=stance)
        return event

    def atom(self, **query: Any) -> Any:
        response = sent(self.api, "/v1/feed", **query)
        assert response.headers["Content-Type"] == "application/atom+xml; charset=utf-8"
        assert response.headers["Vary"] == "Accept, Accept-Language"
        feed = feedparser.parse(response.data)
        assert not feed.bozo
        assert feed.version == "atom10"
        return feed

    def json_feed(self, **query: Any) -> Any:
        response = sent(self.api, "/v1/feed", "application/feed+json", **query)
        assert response.headers["Content-Type"] == "application/feed+json"
        return response.get_json(force=True)


@pytest.fixture
def releases(api: Api) -> Releases:
    return Releases(api)


def test_feeds_list_confirmed_disputed_and_refuted_releases(releases: Releases) -> None:
    feed, twin = releases.atom(), releases.json_feed()
    # The last recorded change comes first.
    assert [entry.title for entry in feed.entries] == [
        title(releases.pseudonym, "is confirmed"),
        title("Persona refuted", "is refuted"),
        title("Persona disputed", "is disputed"),
        title("Persona confirmed", "is confirmed"),
    ]
    code = releases.pseudonym.removeprefix("Person ")
    assert (
        releases.atom(lang="es")
        .entries[0]
        .title.startswith(f"La excarcelación de Persona {code} el")
    )
    updated = [entry.updated_parsed for entry in feed.entries]
    assert updated == sorted(updated, reverse=True)
    assert feed.feed.updated == feed.entries[0].updated
    for entry in feed.entries:
        assert entry.id.startswith("urn:uuid:")
        assert entry.published_parsed[:6] == (2026, 1, 9, 11, 0, 0)
        age = datetime.now(UTC) - datetime.fromisoformat(entry.updated)
        assert age < timedelta(minutes=10)
    assert [
        (item["id"], item["url"], item["title"], item["date_published"], item["date_modified"])
        for item in twin["items"]
    ] == [(e.id, e.link, e.title, e.published, e.updated) for e in feed.entries]


def test_feed_entry_links_to_its_page(releases: Releases) -> None:
    for language, headers in (("en", {}), ("es", {"Accept-Language": "es-VE"})):
        response = releases.api.send("GET", "/v1/feed", headers=headers)
        for entry in feedparser.parse(response.data).entries:
            url = urlsplit(entry.link)
            assert (url.scheme, url.netloc, url.query) == ("http", "localhost", f"lang={language}")
            page = releases.api.send("GET", url.path, query_string=url.query)
            assert page.status_code == 200
            verdict = releases.api.get(f"/v1/release-events/{url.path[10:]}")["verification"]
            assert verdict["since"] == entry.published
            assert verdict["status"] in entry.title or language == "es"


def test_release_event_has_one_feed_entry(releases: Releases) -> None:
    def titles() -> dict[str, str]:
        return {entry.title: entry.id for entry in releases.atom().entries}

    before = titles()
    feed_id = releases.atom().feed.id
    # Another source changes no status; the disputed event is confirmed; one event is new.
    last = releases.sources[3]
    releases.editor.attest(releases.events["confirmed"], last, "2026-01-10T10:00:00Z")
    for source in releases.sources[2:]:
        releases.editor.attest(releases.events["disputed"], source, "2026-01-10T10:00:00Z")
    releases.event("Otra", 2, 0)
    disputed = before.pop(title("Persona disputed", "is disputed"))
    after = titles()
    new = after.pop(title("Otra", "is confirmed"))
    assert after == before | {title("Persona disputed", "is confirmed"): disputed}
    ids = {*after.values(), new}
    assert len(ids) == len(releases.atom().entries) == 5
    assert releases.atom().feed.id == feed_id
    assert {item["id"] for item in releases.json_feed()["items"]} == ids


def retract(releases: Releases, attestation: str) -> None:
    releases.editor.post(
        f"/v1/attestations/{attestation}/retraction", {"retracted_at": "2026-01-10T08:00:00Z"}, 200
    )


def void(releases: Releases, attestation: str) -> None:
    releases.editor.post(
        f"/v1/attestations/{attestation}/void", {"reason": "Of another person."}, 200
    )


@pytest.mark.parametrize("take_back", [retract, void])
def test_withdrawn_confirmation_updates_its_feed_entry(
    releases: Releases, take_back: Callable[[Releases, str], None]
) -> None:
    event = releases.events["confirmed"]
    attestations = releases.api.get("/v1/attestations", release_event_id=event)["items"]
    assert len(attestations) == 2
    before = releases.atom().entries
    entry_before = before[-1]
    assert entry_before.title == title("Persona confirmed", "is confirmed")
    updated = entry_before.updated
    for attestation, status in zip(
        attestations, ("is now only reported", "is no longer verified"), strict=True
    ):
        take_back(releases, attestation["id"])
        entries, items = releases.atom().entries, releases.json_feed()["items"]
        # The same entry now comes first; the others are unchanged.
        assert entries[1:] == before[:-1]
        entry, item = entries[0], items[0]
        assert entry.id == item["id"] == entry_before.id
        assert entry.link == item["url"] == entry_before.link
        assert entry.title == item["title"] == title("Persona confirmed", status)
        assert entry.updated == item["date_modified"] == releases.atom().feed.updated
        assert datetime.fromisoformat(entry.updated) > datetime.fromisoformat(updated)
        assert [item["id"] for item in items] == [entry.id for entry in entries]
        updated = entry.updated


def test_affiliation_of_sources_withdraws_a_confirmation(releases: Releases) -> None:
    before = {entry.title: entry for entry in releases.atom().entries}
    releases.editor.affiliate(*releases.sources[:2])
    entries = {entry.title: entry for entry in releases.atom().entries}
    entry_before = before[title("Persona confirmed", "is confirmed")]
    entry = entries[title("Persona confirmed", "is now only reported")]
    assert entry.id == entry_before.id
    assert datetime.fromisoformat(entry.updated) > datetime.fromisoformat(entry_before.updated)
    assert {entry.id for entry in entries.values()} == {entry.id for entry in before.values()}
    # An event that was never more than reported is in no feed.
    assert not any("Persona reported" in title for title in entries)


def test_feed_takes_a_limit(releases: Releases) -> None:
    all_ids = [entry.id for entry in releases.atom().entries]
    assert [entry.id for entry in releases.atom(limit=2).entries] == all_ids[:2]
    assert [item["id"] for item in releases.json_feed(limit=3)["items"]] == all_ids[:3]
    assert sent(releases.api, "/v1/feed", limit=0).status_code == 422


def test_empty_feed(api: Api) -> None:
    feed = feedparser.parse(sent(api, "/v1/feed").data)
    assert (feed.bozo, feed.entries) == (False, [])
    assert api.get("/v1/feed", format="jsonfeed")["items"] == []


def test_feeds_and_reviews_name_no_minor(releases: Releases) -> None:
    path = f"/v1/release-events/{releases.minor}"
    for caller in (releases.api, releases.api.scope("contribute"), releases.editor):
        for response in (
            sent(caller, "/v1/feed", format="atom"),
            sent(caller, "/v1/feed", format="jsonfeed"),
            sent(caller, path, format="jsonld"),
        ):
            text = response.get_data(as_text=True)
            assert response.status_code == 200
            assert releases.pseudonym in text
            for secret in ("lucero", "canario", "2011-05-04"):
                assert secret not in text.lower()
    # A person who is found to be a minor is no longer named.
    [person] = releases.api.get("/v1/detainees", q="persona confirmed")["items"]
    releases.editor.patch(f"/v1/detainees/{person['id']}", {"age_group": "minor"})
    for format in ("atom", "jsonfeed"):
        text = sent(releases.api, "/v1/feed", format=format).get_data(as_text=True)
        assert "Persona confirmed" not in text
        assert "Persona refuted" in text


# Claim reviews.


@pytest.mark.parametrize(
    ("status", "rating", "rating_name"),
    [
        ("confirmed", 5, "Confirmed"),
        ("reported", 4, "Reported, not confirmed"),
        ("disputed", 3, "Disputed"),
        ("refuted", 1, "Refuted"),
    ],
)
def test_claim_review_follows_schema_org(
    releases: Releases, status: str, rating: int, rating_name: str
) -> None:
    path = f"/v1/release-events/{releases.events[status]}"
    response = sent(releases.api, path, "application/ld+json")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/ld+json"
    review = response.get_json(force=True)
    assert (review["@context"], review["@type"]) == ("https://schema.org", "ClaimReview")
    assert review["claimReviewed"] == f"Persona {status} was released on 8 January 2026."
    assert review["reviewRating"]["ratingValue"] == rating
    assert review["reviewRating"]["alternateName"] == rating_name
    event = releases.api.get(path)
    published = review["datePublished"]
    assert published == event["verification"]["since"]
    assert review["url"] == f"http://localhost/releases/{releases.events[status]}"
    # The JSON response is unchanged.
    assert sent(releases.api, path, format="json").get_json() == event
    assert sent(releases.api, path, format="jsonld").data == response.data


def test_release_event_without_attestations_has_no_review(releases: Releases) -> None:
    path = f"/v1/release-events/{releases.events['unverified']}"
    problem = releases.api.get(path, 404, format="jsonld")
    assert problem["type"] == "/problems/not-found"
    assert releases.api.get(path)["verification"]["status"] == "unverified"
    # A retracted attestation is an attestation: there is a review.
    path = f"/v1/release-events/{releases.events['reported']}"
    [attestation] = releases.api.get(
        "/v1/attestations", release_event_id=releases.events["reported"]
    )["items"]
    retract(releases, attestation["id"])
    review = releases.api.get(path, format="jsonld")
    assert review["reviewRating"]["alternateName"] == "Unverified"
    assert review["reviewRating"]["ratingValue"] == 3
    assert review["datePublished"] == "2026-01-10T08:00:00Z"
