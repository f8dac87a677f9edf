"""Charts: the figures of the API as images and tables, in two languages, for any reader."""

import re
import xml.etree.ElementTree as ET
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import urlencode

from tests.stories.newsroom import Desk

PERIOD = {"from": "2026-01-08", "until": "2026-01-11", "time_zone": "America/Caracas"}
SVG = "{http://www.w3.org/2000/svg}"


def test_claims_have_their_scope_and_retraction_wherever_they_are_shown(desk: Desk) -> None:
    """Claims of one moment are beside different confirmed figures, by what they count."""
    prison = desk.editor.post("/v1/facilities", {"name": "La Torre", "country": "VE"})["id"]
    scope = {"facility_id": prison, "age_group": "adult", "window_start": "2026-01-08"}
    claim = desk.claim(desk.sources[1], "released", "2026-01-10T22:00:00Z", value=3, **scope)
    retraction = {"retracted_at": "2026-01-11T00:00:00Z"}
    desk.editor.post(f"/v1/claims/{claim['id']}/retraction", retraction, 200)
    retracted = {"en": ("later retracted", "Retracted"), "es": ("retirada después", "Retirada el")}
    only = {
        "en": "3 (counting only adults released from La Torre on 8 January 2026 or later)",
        "es": "3 (contando solo personas adultas excarceladas de La Torre el 8 de enero de 2026 "
        "o después)",
    }
    charted = described(desk, "claims", {"time_zone": "UTC"})
    for language, words in only.items():
        in_chart, in_page = retracted[language]
        assert f"{words} · {in_chart} · " in charted[language]
        for path in ("/figures", f"/sources/{desk.sources[1]}"):
            page = desk.api.send("GET", path, query_string={"lang": language}).text
            beside_chart = re.sub("<svg.*?</svg>", "", page, flags=re.DOTALL)
            assert words in beside_chart, path
            assert in_page in beside_chart, path


def test_charts_have_the_figures_of_the_api(desk: Desk) -> None:
    announcement = desk.claim(desk.sources[0], "announced", "2026-01-08T22:00:00Z", value=116)
    prison = desk.editor.post("/v1/facilities", {"name": "El Rodeo <I>", "country": "VE"})["id"]
    event = desk.release(
        "Persona A",
        ["2026-01-08T12:00:00Z", "2026-01-09T12:00:00Z"],
        facility=prison,
        announcement=announcement["id"],
    )
    desk.release("Persona B", ["2026-01-10T12:00:00Z"], facility=prison)
    of_delivery = {"value": 1234, "announcement_id": announcement["id"]}
    desk.claim(desk.sources[1], "released", "2026-01-10T22:00:00Z", **of_delivery)
    attested = desk.api.get("/v1/attestations", release_event_id=event)["items"]
    desk.editor.post(
        f"/v1/attestations/{attested[0]['id']}/retraction",
        {"retracted_at": "2026-01-10T20:00:00Z"},
        200,
    )

    of_announcement = {"announcement_id": announcement["id"], "time_zone": "America/Caracas"}
    asked = {
        "timeline": PERIOD,
        "claims": {"time_zone": "America/Caracas"},
        "delivery": of_announcement,
        "groups": {"group_by": "facility_id"},
    }
    words = {name: described(desk, name, query) for name, query in asked.items()}
    for name, path in (
        ("timeline", "/v1/counts/timeline"),
        ("delivery", f"/v1/claims/{announcement['id']}/delivery"),
        ("groups", "/v1/counts"),
    ):
        query = {k: v for k, v in asked[name].items() if name != "delivery" or k == "time_zone"}
        sentence = desk.api.get(path, **query)["citation"]["sentence"]
        # The sentences begin with the moment of the request, which differs.
        assert words[name]["es"].split("(")[-1].startswith(sentence["es"].split("(")[-1])
    assert words["timeline"]["en"].endswith(
        "Reported and not confirmed: 2 at the end, 2 at most. "
        "The confirmed figure fell from 1 to 0 by 11 January 2026."
    )
    assert words["claims"] == {
        "en": "Fuente 1: 10 Jan 2026 · Claimed: 1,234 · confirmed: 0 · above what is documented.",
        "es": "Fuente 1: 10 ene 2026 · Cifra declarada: 1.234 · confirmadas: 0 · "
        "por encima de lo documentado.",
    }
    assert words["delivery"]["en"].endswith(
        "Announced: 116. Named in this record: 1. Confirmed, reported or in dispute: 1. "
        "Confirmed as out: 0."
    )
    assert "El Rodeo <I>: Confirmadas: 0 · Reportadas: 2 · En disputa: 0." in words["groups"]["es"]
    # It is known which people are part of no announcement.
    grouped = described(desk, "groups", {"group_by": "announcement_id"})
    assert "Not part of an announcement: Confirmed: 0 · Reported: 1" in grouped["en"]
    assert "Sin anuncio: Confirmadas: 0 · Reportadas: 1" in grouped["es"]

    # The table has the columns of the operation.
    for name, path in (("timeline", "/v1/counts/timeline"), ("groups", "/v1/counts")):
        fixed = {**asked[name], "recorded_as_of": "2026-01-12T00:00:00Z"}
        table = desk.api.send("GET", f"/charts/{name}.csv", query_string=fixed)
        same = desk.api.send("GET", path, query_string={**fixed, "format": "csv"})
        assert table.text == same.text
    assert desk.api.send("GET", "/charts/claims.csv").text.count("\r\n") == 2
    table = desk.api.send("GET", "/charts/delivery.csv", query_string=of_announcement)
    assert table.text == (
        "step,people\r\nannounced,116\r\nnamed,1\r\nconfirmed,0\r\ndisputed,0\r\nreported,1\r\n"
        "still_held,0\r\n"
    )
    assert table.headers["Content-Disposition"] == 'attachment; filename="delivery.csv"'


def described(desk: Desk, name: str, query: dict[str, str]) -> dict[str, str]:
    """Return the words of a chart in each language, after a check of its images."""
    words = {}
    for language, accepted in (("en", "fr, en;q=0.5"), ("es", "es-VE")):
        response = desk.api.send(
            "GET",
            f"/charts/{name}.svg",
            query_string={**query, "width": 320, "utm_source": "x"},
            headers={"Accept-Language": accepted},
        )
        assert response.status_code == 200, response.text
        root = ET.fromstring(response.data)
        assert (root.get("lang"), root.get("width")) == (language, "320")
        words[language] = root.findtext(f"{SVG}desc") or ""
        # The policy allows the style of the chart, and nothing else.
        style = (root.findtext(f"{SVG}style") or "").encode()
        digest = b64encode(sha256(style).digest()).decode()
        assert f"style-src 'sha256-{digest}'" in response.headers["Content-Security-Policy"]
        assert "Accept-Language" in response.headers["Vary"]
        # Until something is recorded, it is unchanged.
        again = desk.api.send(
            "GET",
            f"/charts/{name}.svg",
            query_string={**query, "width": 320, "utm_source": "x"},
            headers={"Accept-Language": accepted, "If-None-Match": response.headers["ETag"]},
        )
        assert again.status_code == 304
    image = desk.api.send("GET", f"/charts/{name}.png", query_string={**query, "width": 320})
    assert image.data[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(image.data[16:20], "big") == 640
    assert re.fullmatch("image/png", image.headers["Content-Type"])
    return words


def test_announcements_are_told_apart_and_have_their_speaker(desk: Desk) -> None:
    """An organisation did not announce what its confidential source did."""
    hidden = desk.editor.source("Garganta", confidential=True, vouched_by=desk.sources[0])
    for name, source, day in (("A", hidden, 8), ("B", hidden, 9), ("C", desk.sources[0], 9)):
        at = f"2026-01-{day:02}T10:00:00Z"
        announcement = desk.claim(source, "announced", at, value=5)["id"]
        desk.release(f"Persona {name}", [at], announcement=announcement)
    grouped = {"group_by": "announcement_id"}
    charts = described(desk, "groups", grouped)
    page = desk.counts(**grouped)["citation"]["page"]
    for language, of_source, days in (
        ("en", "A confidential source of Fuente 0", ("8 January 2026", "9 January 2026")),
        ("es", "Una fuente confidencial de Fuente 0", ("8 de enero de 2026", "9 de enero de 2026")),
    ):
        text = desk.api.send("GET", f"{page}&lang={language}").text
        for label in (*(f"{of_source}, {day}" for day in days), f"Fuente 0, {days[1]}"):
            assert label in charts[language], label
            assert label in text, label


def test_a_live_card_says_for_a_week_that_its_figure_was_corrected(desk: Desk) -> None:
    days = [(datetime.now(UTC) - timedelta(days=n)).isoformat() for n in range(12)]
    announcement = desk.claim(desk.sources[0], "announced", days[11], value=5)["id"]
    events = [
        desk.release(f"Persona {name}", [days[10], days[9]], announcement=announcement)
        for name in "ABCD"
    ]

    def retract(event: str, at: str) -> None:
        first = desk.api.get("/v1/attestations", release_event_id=event)["items"][0]["id"]
        desk.editor.post(f"/v1/attestations/{first}/retraction", {"retracted_at": at}, 200)

    since = days[11][:10]
    paths: list[tuple[str, dict[str, str]]] = [
        ("/embed/figure", {}),
        ("/embed/timeline", {"from": since}),
        ("/embed/delivery", {"announcement_id": announcement}),
    ]
    fixed_at = datetime.now(UTC).isoformat()
    fixed = {"recorded_as_of": fixed_at}
    moment = {"/embed/timeline": {**fixed, "until": fixed_at}}
    before = {p: card(desk, p, {**q, **fixed, **moment.get(p, {"as_of": fixed_at})})
              for p, q in paths}  # fmt: skip

    def corrections() -> set[str | None]:
        """Return what the cards say of a correction, without its day."""
        texts = [re.search("Corregido:</strong>(.*?)</p>", card(desk, *it), re.S) for it in paths]
        days = re.compile(r"\bel \d+ \w+ \d+, [\d:]+")
        return {text and " ".join(days.sub("", text[1]).split()) for text in texts}

    assert corrections() == {None}
    # Published within a week.
    retract(events[0], days[1])
    assert corrections() == {"la cifra confirmada bajó de 4 a 3 ."}
    # Recorded today about earlier publications: the earlier figure was too high.
    fewer = "se registró que hay {} menos."
    one_fewer = fewer.format("una excarcelación confirmada")
    # Only the card of the announcement counts one fewer.
    desk.editor.patch(f"/v1/release-events/{events[3]}", {"announcement_id": None})
    assert corrections() == {"la cifra confirmada bajó de 4 a 3 .", one_fewer}
    retract(events[1], days[8])
    assert corrections() == {one_fewer}
    assert desk.counts()["confirmed"] == 2
    affiliation = desk.editor.affiliate(desk.sources[0], desk.sources[1])
    assert corrections() == {fewer.format("2 excarcelaciones confirmadas"), one_fewer}
    # The affiliation no longer counts, and so its correction is gone.
    desk.editor.patch(f"/v1/affiliations/{affiliation}", {"valid_from": days[0]})
    assert desk.counts()["confirmed"] == 2
    assert corrections() == {one_fewer}
    for path, query in paths:
        # With both moments in its address, a card never changes.
        asked = {**query, **fixed, **moment.get(path, {"as_of": fixed_at})}
        assert card(desk, path, asked) == before[path]


def test_a_card_of_an_announcement_says_that_one_of_two_releases_was_corrected(desk: Desk) -> None:
    """The person is confirmed by the other release, so that the figure of all people stays."""
    days = [(datetime.now(UTC) - timedelta(days=n)).isoformat() for n in range(12)]
    announcement = desk.claim(desk.sources[0], "announced", days[11], value=5)["id"]
    event = desk.release("Persona A", [days[10], days[9]], announcement=announcement)
    person = desk.api.get(f"/v1/release-events/{event}")["detainee_id"]
    other = desk.editor.event(person, "2025-01-08")
    for source in desk.sources[:2]:
        desk.editor.attest(other, source, days[10])
    first = desk.api.get("/v1/attestations", release_event_id=event)["items"][0]["id"]
    desk.editor.post(f"/v1/attestations/{first}/retraction", {"retracted_at": days[8]}, 200)
    text = card(desk, "/embed/delivery", {"announcement_id": announcement})
    assert "se registró que hay una excarcelación confirmada menos." in " ".join(text.split())
    assert "Corregido" not in card(desk, "/embed/figure", {})


def test_previews_are_images_of_the_sentence(desk: Desk) -> None:
    announcement = desk.claim(desk.sources[0], "announced", "2026-01-08T22:00:00Z", value=116)["id"]
    times = ["2026-01-08T12:00:00Z", "2026-01-09T12:00:00Z"]
    event = desk.release("Persona A", times, announcement=announcement)
    previews = {
        "/previews/figure.png": {},
        "/previews/delivery.png": {"announcement_id": announcement},
        "/previews/release.png": {"release_event_id": event},
    }
    for path, query in previews.items():
        first = desk.api.send("GET", path, query_string={**query, "lang": "es"})
        assert first.headers["Content-Type"] == "image/png", first.text
        assert [int.from_bytes(first.data[at : at + 4], "big") for at in (16, 20)] == [1200, 630]
        # Until the sentence changes, it is unchanged.
        etag = {"If-None-Match": first.headers["ETag"]}
        spanish = {**query, "lang": "es", "utm_source": "x"}
        assert desk.api.send("GET", path, query_string=spanish, headers=etag).status_code == 304
        english = {**query, "lang": "en"}
        assert desk.api.send("GET", path, query_string=english, headers=etag).status_code == 200
    # It names nobody, so a name makes no difference.
    person = desk.api.get(f"/v1/release-events/{event}")["detainee_id"]
    before = desk.api.send(
        "GET", "/previews/release.png", query_string=previews["/previews/release.png"]
    )
    desk.editor.patch(f"/v1/detainees/{person}", {"name": "Persona B"})
    etag = {"If-None-Match": before.headers["ETag"]}
    query = previews["/previews/release.png"]
    again = desk.api.send("GET", "/previews/release.png", query_string=query, headers=etag)
    assert again.status_code == 304
    desk.api.get("/previews/release.png", 404, release_event_id=announcement)


def card(desk: Desk, path: str, query: dict[str, str]) -> str:
    """Return a card, after a check that it is light, can be framed, and loads nothing."""
    response = desk.api.send("GET", path, query_string={**query, "lang": "es", "utm_source": "x"})
    assert response.status_code == 200, response.text
    assert len(response.data) <= 8192
    assert "frame-ancestors" not in response.headers["Content-Security-Policy"]
    [style] = re.findall("<style>(.*?)</style>", response.text)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in response.headers["Content-Security-Policy"]
    assert not re.search(r" (src|style|on\w+)=|<(script|link|img)", response.text)
    # A search engine knows the page that it is on.
    assert '<meta name="robots" content="noindex">' in response.text
    url = f"http://localhost{path}?{urlencode(query)}"
    embedding = desk.api.get("/oembed", url=url, maxwidth=300, format="json")
    assert (embedding["version"], embedding["type"], embedding["width"]) == ("1.0", "rich", 300)
    assert embedding["html"].startswith(f'<iframe src="{url.replace("&", "&amp;")}" ')
    desk.api.get("/oembed", 404, url=url.replace("localhost", "a.example"))
    return response.text
