"""Pages for readers: what they say, in both languages, and what every page must have."""

import gzip
import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from werkzeug.test import TestResponse

from api.contract.document import Operation
from api.operations import pages
from api.pages import site, verified_releases
from api.verification.counting import PROPERTIES
from api.wording import catalogs
from api.wording.words import in_language
from tests.conftest import Api, api_on_empty_store
from tests.pages.html import Html
from tests.public_walk import records_of, values_of
from tests.whole_set.operations import CONTRACT, UNKNOWN_ID
from tests.whole_set.session import Session

AT = "2026-01-09T10:00:00Z"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
# A card is a part of another site's page.
PAGES = [o for o in CONTRACT.operations if o.is_page and o.tag != "cards"]
ABOUT_PEOPLE = {
    "getPeoplePage",
    "getPersonPage",
    "getReleasePage",
    "getCertificate",
    "getSourcePage",
    "getDifferencesPage",
}
# Of some records only: announcements, and releases of people who are named.
OF_CLAIMS = ("comparison", "delivery")
OF_SOME = {"getAnnouncementPage", "getCertificate"}
# Their title outside of the page, which other sites keep, is of no record.
GENERIC_TITLES = {
    "Which political prisoners are out, and who says so",
    "Qué presos políticos han sido excarcelados y quién lo dice",
}
# Pinned answers that may name any source, or are about one person, by their addresses in text.
UNLISTED_ANSWERS = ("/verification?", "t/v1/differences?", "group_by=announcement_id")
WITNESS = "Testigo que estuvo preso"
WITH_PREVIEW = {"getHomePage", "getFiguresPage", "getAnnouncementPage", "getReleasePage"}
SPANISH = {"Accept-Language": "es-VE,es;q=0.9"}


def read(api: Api, path: str, status: int = 200, **headers: str) -> Html:
    response = api.send("GET", path, headers={**BROWSER, **headers})
    assert response.status_code == status, response.text
    assert response.mimetype == "text/html"
    return Html(response.text)


# What every page must have.


@pytest.fixture(scope="module")
def full_api(server: str) -> Iterator[Api]:
    """The API on a store in which no page is empty, with hidden people and sources."""
    with api_on_empty_store(server) as api:
        session = Session(api)
        for operation in PAGES:
            session.do(operation.id)
        editor = api.scope("edit")
        hidden = editor.detainee("Graciela Reservada", withheld=True)
        editor.detention(hidden)
        event = editor.event(hidden, "2026-01-08")
        organisation = editor.source("Puertas Abiertas")
        secret = editor.source("Garganta", confidential=True, vouched_by=organisation)
        for source in (secret, organisation):
            editor.attest(event, source, AT)
        witness = editor.source(WITNESS, "released_person")
        figure = {"kind": "released", "value": 3, "as_of": AT, "published_at": AT}
        editor.post("/v1/claims", {"source_id": witness, **figure})
        editor.attest(event, witness, AT, stance="denies")
        yield api


def paths(api: Api, operation: Operation) -> Iterator[str]:
    """Yield the paths of a page: one for each record."""
    if "{id}" in operation.path:
        kind = records_of(operation.path)
        ids = (it["id"] for it in pinned(api)) if kind == "citations" else ids_of(api, kind)
        yield from (operation.path.format(id=id) for id in ids)
    elif operation.id == "getCitedPage":
        for citation in pinned(api):
            yield f"{operation.path}?{urlencode({'url': citation['url']})}"
    elif "{slug}" in operation.path:
        yield from (operation.path.format(slug=slug) for slug in CONTRACT.problems)
    else:
        yield operation.path


def ids_of(api: Api, kind: str) -> Iterator[str]:
    yield from (item["id"] for item in api.get(f"/v1/{kind}", limit=200)["items"])


def pinned(api: Api) -> Iterator[Any]:
    """Yield citations of a figure that holds, of one that does not, and of each kind of answer."""
    changes = api.get("/v1/changes", limit=200)["items"]
    past = changes[len(changes) // 2]["recorded_at"]
    urls = ["/v1/counts", f"/v1/counts?recorded_as_of={past}"]
    urls += [f"/v1/counts?group_by={name}" for name in PROPERTIES]
    urls += ["/v1/counts/timeline?from=2026-01-01", "/v1/differences?from=2026-01-01&sex=female"]
    urls += [f"/v1/claims/{id}/{name}" for id in ids_of(api, "claims") for name in OF_CLAIMS]
    urls += [f"/v1/release-events/{id}/verification" for id in ids_of(api, "release-events")]
    for url in urls:
        response = api.scope("edit").send("POST", "/v1/citations", json={"url": url})
        if response.status_code == 201:  # The release may be void, the claim no announcement.
            yield response.get_json()


def test_every_page_is_whole_and_safe_in_every_language(full_api: Api) -> None:
    """A page is valid HTML, loads nothing but the style, has no script and no style in it, names no
    hidden person, and all its links lead somewhere."""
    links: dict[str, str] = {}
    for operation in PAGES:
        shown = 0
        for path in paths(full_api, operation):
            for language in catalogs.LANGUAGES:
                where = f"{path}{'&' if '?' in path else '?'}lang={language}"
                response = full_api.send("GET", where, headers=BROWSER)
                if response.status_code == 404 and operation.id in OF_SOME:
                    continue
                assert response.status_code == 200, where
                check_page(operation, where, response, links)
                shown += 1
        assert shown >= 2, operation.id
    for link, where in links.items():
        status = full_api.send("GET", link, headers=BROWSER).status_code
        assert status == 200, f"{link} on {where}: {status}"


def check_page(
    operation: Operation, where: str, response: TestResponse, links: dict[str, str]
) -> None:
    page, language = Html(response.text), where[-2:]
    assert page.values("html", "lang") == [language], where
    assert page.headings[0] == 1, where
    assert page.headings.count(1) == 1, where
    pairs = zip(page.headings, page.headings[1:], strict=False)
    assert all(below - above <= 1 for above, below in pairs), where
    ids = [value for _, attributes in page.attributes if (value := attributes.get("id"))]
    assert len(ids) == len(set(ids)), where
    assert page.tags["style"] == 0, where
    # Scripts are data for search engines.
    types = [a.get("type") for tag, a in page.attributes if tag == "script"]
    assert set(types) <= ({None} if operation.id == "getDocs" else {"application/ld+json"}), where
    for data in map(json.loads, filter(None, page.scripts)):
        check_structured_data(data, where, ids)
    for _, attributes in page.attributes:
        assert not {name for name in attributes if name == "style" or name.startswith("on")}, where
    assert page.tags["img"] == 0, where
    check_preview(operation, where, page, links)
    for described in page.values("svg", "aria-labelledby") + page.values("svg", "aria-describedby"):
        assert set(described.split()) <= set(ids), where
    assert page.values("svg", "class").count("chart") <= page.tags["details"], where
    # There is such a page for every moment.
    is_not_listed = operation.id in {*ABOUT_PEOPLE, "getCitedPage"} or (
        operation.id == "getCitationPage" and any(it in page.text for it in UNLISTED_ANSWERS)
    )
    is_named = WITNESS in response.text
    assert ("noindex" in response.text) == (is_not_listed or is_named), where
    assert operation.id != "getHomePage" or not is_named, where
    assert "Graciela" not in response.text, where
    assert "Garganta" not in response.text, where
    assert "Set-Cookie" not in response.headers
    assert response.headers["Cache-Control"] == "public, no-cache"
    assert "Accept-Language" in response.headers["Vary"]
    for tag, attributes in page.attributes:
        address = attributes.get("href", "")
        if tag == "link" and attributes["rel"] in ("canonical", "alternate"):
            assert address.startswith("http://localhost/"), where
            links.setdefault(address.removeprefix("http://localhost"), where)
        elif tag == "link":
            assert address in ("/style.css", "/favicon.svg"), where
        elif tag == "a" and urlsplit(address).netloc:
            assert address.startswith("http://localhost/") or (
                attributes["rel"] == "noreferrer nofollow"
            ), where
        elif address.startswith("/c?"):
            # Each answer of now has another: one of each page, in each language.
            if (kind := f"{operation.id} in {language}") not in links.values():
                links[address] = kind
        elif address.startswith("/"):
            links.setdefault(address, where)


def check_structured_data(data: dict[str, Any], where: str, ids: list[str]) -> None:
    """Check that data for search engines have what Google requires, and address this page."""
    assert data["@context"] == "https://schema.org", where
    if data["@type"] == "Dataset":
        assert 50 <= len(data["description"]) <= 5000, where
        assert re.fullmatch(r"\d{4}-\d\d-\d\d/\.\.", data["temporalCoverage"]), where
        addresses = [data["url"], *(file["contentUrl"] for file in data["distribution"])]
    else:
        assert data["@type"] == "ClaimReview", where
        assert data["claimReviewed"] == data["itemReviewed"]["text"], where
        assert data["author"]["name"] == "Constancia", where
        assert data["reviewRating"]["alternateName"], where
        assert 1 <= data["reviewRating"]["ratingValue"] <= 5, where
        for moment in (data["datePublished"], data["itemReviewed"]["datePublished"]):
            assert datetime.fromisoformat(moment), where
        addresses = [data["url"]]
        path, _, anchor = data["url"].partition("#")
        assert path.startswith(f"http://localhost{where.partition('?')[0]}?"), where
        assert anchor in ids, where
    assert all(address.startswith("http://localhost/") for address in addresses), where


def check_preview(operation: Operation, where: str, page: Html, links: dict[str, str]) -> None:
    """Check what other sites show of a link to the page (Open Graph), and keep."""
    meta = {
        attributes.get("property") or attributes.get("name", ""): attributes["content"]
        for tag, attributes in page.attributes
        if tag == "meta" and "content" in attributes
    }
    [canonical] = [a["href"] for _, a in page.attributes if a.get("rel") == "canonical"]
    assert meta["og:url"] == canonical, where
    assert meta["og:type"] == "website", where
    assert WITNESS not in meta["og:title"], where
    assert meta["og:site_name"] == "Constancia", where
    if operation.id in ABOUT_PEOPLE - {"getReleasePage"}:
        assert meta["og:title"] in GENERIC_TITLES, where
    elif operation.id == "getReleasePage":
        assert re.match("(Release of|Excarcelación del) [^:]+ 20", meta["og:title"]), where
    assert "%" not in meta["og:title"], where
    image = meta.get("og:image", "")
    assert (image != "") == (operation.id in WITH_PREVIEW), where
    assert meta["twitter:card"] == ("summary_large_image" if image else "summary"), where
    if image:
        assert (meta["og:image:width"], meta["og:image:height"]) == ("1200", "630"), where
        assert meta["og:image:alt"], where
        assert meta["og:image:alt"] in meta["og:title"] or operation.id != "getHomePage", where
        # One of each kind, in each language.
        path = image.removeprefix("http://localhost")
        kind = f"{path.partition('?')[0]} in {where[-2:]}"
        if kind not in links.values():
            links[path] = kind


def test_home_page_and_style_are_small(full_api: Api) -> None:
    texts = [full_api.send("GET", path).data for path in ("/?lang=es", "/style.css")]
    assert sum(len(gzip.compress(text)) for text in texts) <= 14_000


def test_links_keep_all_parameters(full_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links to the next page and to the other language keep them, also on the page of an error.
    Links to other pages keep the time zone."""
    for size in ("_PEOPLE", "_FIGURES", "_DIFFERENCES"):
        monkeypatch.setattr(pages, size, 1)
    attesting = [item["source_id"] for item in full_api.get("/v1/attestations")["items"]]
    claims = [claim["id"] for claim in full_api.get("/v1/claims", kind="announced")["items"]]
    for operation in PAGES:
        path = next(paths(full_api, operation)).partition("?")[0]
        ids = {
            kind: [item["id"] for item in full_api.get(f"/v1/{kind}")["items"]]
            for kind in ("facilities", "detainees", "release-events", "sources")
        }
        if operation.id == "getAnnouncementPage":
            path = f"/announcements/{claims[0]}"
        if operation.id == "getSourcePage":
            # One with two statements.
            path = f"/sources/{max(attesting, key=attesting.count)}"
        values = values_of(operation, {**ids, "claims": claims}, ["name"])
        sent = {name: str(of_name[0]) for name, of_name in values.items()}
        del sent["lang"]
        followed = 0
        has_cursor = sent.pop("cursor", None) is not None
        period = {"from": sent["from"]} if "from" in sent else {}
        for query in (sent, *({**period, name: value} for name, value in sent.items())):
            address = f"{path}?{urlencode({**query, 'utm_source': 'chat'})}"
            page = Html(full_api.send("GET", address, headers=BROWSER).text)
            check_links(page, path, query)
            for link in [a["href"] for _, a in page.attributes if a.get("rel") == "next"]:
                following = {
                    name: value for name, [value] in parse_qs(urlsplit(link).query).items()
                }
                assert following.pop("lang") == "en"
                assert query.items() <= following.items(), link
                check_links(read(full_api, link), path, following)
                followed += "time_zone" in query
        assert bool(followed) == has_cursor, operation.id


def check_links(page: Html, path: str, query: dict[str, str]) -> None:
    for tag, attributes in page.attributes:
        address = urlsplit(attributes.get("href", ""))
        sent = {name: value for name, [value] in parse_qs(address.query).items()}
        if "hreflang" in attributes:
            assert sent.pop("lang") == attributes["hreflang"]
            assert (address.path, sent) == (path, query), attributes
        # The address of an answer has its time zone.
        elif tag == "a" and "lang" in sent and not address.path.startswith(("/v1/", "/c")):
            assert sent.get("time_zone") == query.get("time_zone"), attributes


# What pages say.


def test_reader_finds_a_person_and_the_reasons(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five outlets report it, all from one origin; then a second origin confirms it."""
    editor = api.scope("edit")
    person = editor.detainee("Rocío San Miguel", aliases=["Chío"], nationalities=["VE", "ES"])
    prison = editor.post("/v1/facilities", {"name": "El Helicoide", "country": "VE"})["id"]
    editor.detention(person, facility_id=prison, detained_on="2024-02")
    event = editor.event(person, "2026-01-08")
    family = editor.source("Familia", "relative")
    editor.attest(event, editor.source("Rumor"), AT, basis="unattributed")
    for number in range(5):
        if number == 1:
            page = read(api, f"/people/{person}?lang=en")
            assert (
                "2 sources report it, which count as one. Without either of these groups"
                in page.text
            )
            assert re.search("remain: (Familia and Medio 0|Medio 0 and Familia)\\.", page.text)
        editor.attest(
            event,
            editor.source(f"Medio {number}", "news_outlet"),
            AT,
            basis="relayed",
            relays=[{"source_id": family}],
            url=f"https://medio{number}.example/nota",
        )
    results = read(api, "/people?q=rosio+sanmiguel&utm_source=chat")
    assert f"/people/{person}?lang=en" in results.values("a", "href")
    page = read(api, f"/people/{person}", **SPANISH)
    assert (
        "6 fuentes la reportan, pero cuentan como una. Sin el grupo de Familia no quedaría"
        in page.text
    )
    assert "repite a Familia, de cuyo grupo no consta ninguna declaración vigente" in page.text
    assert (
        "Lo que falta para confirmarla: Una fuente independiente más la confirmaría." in page.text
    )
    assert "febrero de 2024, El Helicoide" in page.text
    assert "Venezuela, España" in page.text
    assert "https://medio0.example/nota" in page.values("a", "href")
    editor.attest(event, editor.source("Foro"), "2026-01-09T12:00:00Z", release_kind="full")
    page = read(api, f"/people/{person}?lang=en", **SPANISH)
    assert "7 sources report it. 2 of them are independent of one another" in page.text
    assert "Foro has first-hand knowledge." in page.text
    assert "Out of custody: the release is confirmed" in page.text
    # The sources of a part of the attestations are no count of all.
    with monkeypatch.context() as patched:
        patched.setattr(verified_releases, "_MAX_ATTESTATIONS", 4)
        part = read(api, f"/people/{person}?lang=en").text
    assert "Independent sources that report it: 2; that deny it: 0." in part
    assert "7 sources" not in part
    # The citation holds both moments.
    shown, data = [link for link in page.values("a", "href") if "recorded_as_of" in link]
    assert api.get(data)["status"] == "confirmed"
    assert "since 9 January 2026, 12:00" in read(api, shown).text
    home = read(api, "/?lang=en")
    assert "at least one release was confirmed" in home.text
    recorded = in_language("en").short_moment(api.get("/v1/counts")["recorded_as_of"], "UTC")
    assert f"The latest change below was recorded: {recorded} ." in home.text
    # A site that takes the address of the page gets the card.
    [embedding] = [
        attributes["href"]
        for _, attributes in home.attributes
        if attributes.get("type") == "application/json+oembed"
    ]
    frame = api.get(embedding.removeprefix("http://localhost"))["html"]
    assert frame.startswith('<iframe src="http://localhost/embed/figure?lang=en"')
    assert home.values("svg", "class") == ["chart", "chart"]
    assert "El Helicoide 1 0 0" in home.text
    # No search engine may index a name.
    assert "Rocío" not in home.text
    assert f"/releases/{event}?lang=en" in home.values("a", "href")


def test_page_of_the_present_says_that_its_address_asks_for_another_figure(api: Api) -> None:
    """A shared link with a parameter of the API must not pass for the figure that it asks for."""
    editor = api.scope("edit")
    person = editor.detainee("Ana Visible")
    editor.detention(person)
    event = editor.event(person, "2026-01-08")
    editor.attest(event, editor.source("Diario"), AT)
    moment, note = "2026-01-09T09:00:00Z", "This page shows the present"
    for path, query, sentence in (
        ("/", {"as_of": moment, "min_sources": "3"}, "As of 9 January 2026, 09:00 (UTC)"),
        ("/", {"nationality": "VE"}, ""),
        (f"/releases/{event}", {"as_of": moment}, "As of 9 January 2026, 09:00 (UTC)"),
    ):
        page = read(api, f"{path}?{urlencode({**query, 'utm_source': 'chat', 'lang': 'en'})}")
        assert note in page.text
        [link] = [
            link
            for link in page.values("a", "href")
            if link.startswith("/c?") and query.items() <= asked_by(link).items()
        ]
        assert sentence in read(api, link).text
        for others in ("?lang=en", "?lang=en&utm_source=chat&as_of="):
            assert note not in read(api, path + others).text


def test_every_page_and_card_names_the_parameters_that_it_does_not_use(api: Api) -> None:
    editor = api.scope("edit")
    source, person = editor.source("Diario"), editor.detainee("Ana Visible")
    editor.detention(person)
    event = editor.event(person, "2026-01-08")
    editor.attest(event, source, AT)
    claim = {"source_id": source, "kind": "announced", "as_of": AT, "published_at": AT}
    announcement = editor.post("/v1/claims", claim)["id"]
    cited = api.get("/v1/counts")["citation"]["url"]
    ids = {"people": person, "releases": event, "sources": source, "announcements": announcement}
    ids["c"] = editor.post("/v1/citations", {"url": cited})["id"]
    required = {"url": cited, "announcement_id": announcement, "from": "2026-01-08"}
    pages = [operation for operation in CONTRACT.operations if operation.is_page]
    assert len(pages) > 15
    for operation in pages:
        path = operation.path.replace("{id}", ids.get(operation.path.split("/")[1], ""))
        path = path.replace("{slug}", "conflict")
        names = [p.name for p in operation.parameters if p.required and p.location == "query"]
        query = {name: required[name] for name in names} | {"lang": "en"}
        assert "does not use" not in read(api, f"{path}?{urlencode(query)}&utm_source=chat").text
        page = read(api, f"{path}?{urlencode(query)}&group_by=sex&utm_source=chat").text
        assert "does not use these parameters of its address: group_by." in page, path
    assert "no usa estos parámetros" in read(api, "/embed/figure?status=reported&lang=es").text
    searched = read(api, "/people?q=Ana&status=reported&lang=en")
    assert "does not use these parameters of its address: status." in searched.text
    assert "true" not in searched.values("a", "aria-current")


def asked_by(link: str) -> dict[str, str]:
    """The parameters of the answer that a link to a citation's page names."""
    answer = parse_qs(urlsplit(link).query)["url"][0]
    return {name: value for name, [value] in parse_qs(urlsplit(answer).query).items()}


def test_reader_sees_denials_and_mistakes(api: Api) -> None:
    editor = api.scope("edit")
    person = editor.detainee("Ana Visible")
    editor.detention(person)
    event = editor.event(person, "2026-01-08")
    outlet, body = editor.source("Diario"), editor.source("Ministerio", "state_body")
    editor.attest(event, outlet, AT)
    editor.attest(event, body, AT, stance="denies", denial_reason="transferred")
    # The verdict does not count what is published in a few minutes.
    soon = datetime.now(UTC) + timedelta(minutes=4)
    editor.attest(event, editor.source("Foro"), soon.isoformat())
    page = read(api, f"/releases/{event}?lang=en")
    assert "One source reports it." in page.text
    assert "One source denies it." in page.text
    assert "Ministerio denies it (it was a transfer), first hand." in page.text
    editor.post(f"/v1/release-events/{event}/void", {"reason": "Of another person."}, 200)
    page = read(api, f"/releases/{event}?lang=es")
    assert "Esta excarcelación se registró por error" in page.text
    assert "No consta ninguna excarcelación" in read(api, f"/people/{person}?lang=es").text
    page = read(api, f"/sources/{outlet}?lang=en")
    assert "Entered by mistake, and void." in page.text
    # A void release has no status.
    assert "The release is:" not in page.text


def test_page_of_a_person_says_that_they_died(api: Api) -> None:
    """Nobody reads of a person who died that they are in custody."""
    editor = api.scope("edit")
    person = editor.detainee("Ana Visible")
    editor.detention(person)
    event = editor.event(person, "2026-01-08")
    statements = [
        editor.attest(event, source, AT, stance="denies", denial_reason="died_in_custody")["id"]
        for source in (editor.source("Familia", "relative"), editor.source("Foro"))
    ]
    for path in (f"/people/{person}", "/people?q=ana"):
        page = read(api, f"{path}{'&' if '?' in path else '?'}lang=en").text
        assert "No release from the latest detention is confirmed" in page, path
    died = "2 sources say that the person died in custody."
    assert died in read(api, f"/people/{person}?lang=en").text
    for statement in statements:
        editor.post(f"/v1/attestations/{statement}/void", {"reason": "Of another person."}, 200)
    assert "died" not in read(api, f"/people/{person}?lang=en").text.partition("Who says so")[0]


def test_figures_of_a_page_are_of_one_moment(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is recorded between two of its statements."""
    editor = api.scope("edit")
    person = editor.detainee("Ana Visible")
    editor.detention(person)
    event = editor.event(person, "2026-01-08")
    editor.attest(event, editor.source("Diario"), AT)

    def read_meanwhile(path: str, module: Any, name: str) -> str:
        """Read a page while another source confirms the release, after a function has read."""
        original = getattr(module, name)

        def run(*arguments: Any) -> Any:
            patch.undo()
            result = original(*arguments)
            editor.attest(event, editor.source(f"Foro que leyó {path}"), AT)
            return result

        with monkeypatch.context() as patch:
            patch.setattr(module, name, run)
            return read(api, f"{path}?lang=en").text

    home = read_meanwhile("/", pages.counts, "get_counts")
    assert "0 confirmed releases" in home
    assert "Confirmed: 1" not in home
    for sources, path in ((2, f"/releases/{event}"), (3, f"/people/{person}")):
        page = read_meanwhile(path, verified_releases.explanations, "explain")
        assert f"{sources} sources report it, independently of one another." in page, path


def test_later_statement_is_below_an_earlier_one(api: Api) -> None:
    """Of the same moment, and of the same second."""
    editor = api.scope("edit")
    person = editor.detainee("Ana Visible")
    editor.detention(person)
    event, outlet = editor.event(person, "2026-01-08"), editor.source("Diario")
    stances = ["confirms", "denies"] * 3
    for stance, second in zip(stances, ("00", "00", "00", "00.5", "00.5", "01"), strict=True):
        editor.attest(event, outlet, f"2026-01-09T10:00:{second}Z", stance=stance)
    page = read(api, f"/releases/{event}?lang=en").text
    assert re.findall("Diario (confirms|denies) it,", page) == stances


def test_reader_sees_whose_words_are_repeated(api: Api) -> None:
    """A group has the knowledge of a source in it; an organisation said nothing for its source."""
    editor = api.scope("edit")
    owner, radio, daily = (editor.source(name) for name in ("Dueño", "Radio", "Diario"))
    editor.affiliate(radio, owner)
    secret = editor.source("Garganta", confidential=True, vouched_by=daily)
    person = editor.detainee("Ana Visible")
    detention = editor.detention(person)
    event = editor.event(person, "2026-01-08")
    editor.attest(event, radio, AT, basis="relayed", relays=[{"source_id": owner}])
    statement = editor.attest(event, secret, AT)["id"]
    relays = [{"attestation_id": statement}]
    editor.attest(event, editor.source("Foro"), AT, basis="relayed", relays=relays)
    page = read(api, f"/releases/{event}?lang=en").text
    assert "Radio relies on a source of its own group." in page
    assert "A confidential source of Diario has first-hand knowledge." in page
    assert "Foro confirms it, repeating a confidential source of Diario." in page
    # The page names the source that is repeated, which itself denies the release.
    for day, origin, name in (("2025-01-08", radio, "Radio"), ("2025-03-08", owner, "Dueño")):
        other = editor.event(person, day, detention_id=detention)
        editor.attest(other, daily, AT, basis="relayed", relays=[{"source_id": origin}])
        editor.attest(other, origin, AT, stance="denies")
        page = read(api, f"/releases/{other}?lang=en").text
        assert f"Diario repeats {name}, from whose group no such statement stands." in page
        # The knowledge of a denial is not that of the release.
        assert f"Against it: {name} has first-hand knowledge." in page
    certificate = read(api, f"/releases/{other}/certificate?lang=es").text
    assert "La prueba se apoya en los grupos de" in certificate
    changes = read(api, "/differences?from=2026-01-08&lang=en").text
    assert "A confidential source of Diario reported the release." in changes
    editor.post(f"/v1/attestations/{statement}/void", {"reason": "Of another person."}, 200)
    then = api.get("/v1/counts")["recorded_as_of"]
    editor.attest(event, secret, AT)
    changes = read(api, f"/differences?from_recorded={then}&lang=es").text
    assert "Se registró que una fuente confidencial de Diario había reportado" in changes


def test_page_of_a_hidden_person_does_not_tell_whether_a_day_is_recorded(api: Api) -> None:
    """It has a pseudonym in the language of the page."""
    editor = api.scope("edit")
    texts = {"en": set[str](), "es": set[str]()}
    for detained_on in ("2024-02-09", None):
        person = editor.detainee("Graciela Reservada", withheld=True)
        editor.detention(person, detained_on=detained_on)
        event = editor.event(person, "2026-01-08")
        code = api.get(f"/v1/detainees/{person}")["name"].removeprefix("Person ")
        for language, word in (("en", "Person"), ("es", "Persona")):
            for path in (f"/people/{person}", f"/releases/{event}", "/people"):
                text = read(api, f"{path}?lang={language}").text
                assert f"{word} {code}" in text, path
                assert (f"Person {code}" in text) == (language == "en"), path
            [line] = re.findall("Det[^.]*\\.", read(api, f"/people/{person}?lang={language}").text)
            texts[language].add(line)
    assert texts == {
        "en": {"Detentions Detained on a day that is not shown."},
        "es": {"Detenciones Detención en una fecha que no se muestra."},
    }


def test_people_are_listed_page_by_page_and_by_status(api: Api) -> None:
    editor = api.scope("edit")
    source = editor.source("Diario")
    for number in range(32):
        person = editor.detainee(f"Persona Número {number}")
        editor.detention(person)
        if number < 31:
            editor.attest(editor.event(person, "2026-01-08"), source, AT)
    seen: set[str] = set()
    for start, people in (("/people?lang=es", 32), ("/people?status=reported&lang=es", 31)):
        seen.clear()
        link: str | None = start
        while link:
            page = read(api, link)
            seen |= {href for href in page.values("a", "href") if href.startswith("/people/")}
            following = [a["href"] for _, a in page.attributes if a.get("rel") == "next"]
            link = following[0] if following else None
        assert len(seen) == people, start
    # A release that is not confirmed may not have happened.
    assert "release of 8 January 2026" in read(api, "/people?status=reported&lang=en").text


def test_merged_person_redirects_to_the_page_of_the_survivor(api: Api) -> None:
    editor = api.scope("edit")
    first, second = editor.detainee("Ana Visible"), editor.detainee("Ana Vizible")
    editor.post(f"/v1/detainees/{second}/merge", {"into": first})
    response = api.send("GET", f"/people/{second}?lang=es")
    assert (response.status_code, response.headers["Location"]) == (
        307,
        f"/people/{first}?lang=es",
    )


def test_period_of_the_dataset_begins_with_the_first_release_that_counts(api: Api) -> None:
    editor = api.scope("edit")
    people = [editor.detainee(name) for name in ("Ana Visible", "Ana Vizible")]
    for person, day in zip(people, ("2026-01-08", "2026-01-10"), strict=True):
        editor.detention(person, detained_on="2024")
        event = editor.event(person, day)
        editor.attest(event, editor.source(day), "2026-01-11T00:00:00Z")
    assert "2026-01-08/.." in api.send("GET", "/method").text
    editor.post(f"/v1/detainees/{people[0]}/merge", {"into": people[1]})
    assert "2026-01-10/.." in api.send("GET", "/method").text


def test_certificate_cites_its_moment_and_names_the_person(api: Api) -> None:
    editor = api.scope("edit")
    person = editor.detainee("Ana Visible")
    editor.detention(person)
    event = editor.event(person, "2026-01-08")
    then = api.get("/v1/counts")["recorded_as_of"]
    planned = f"/releases/{event}/certificate?lang=en&recorded_as_of={then}"
    editor.patch(f"/v1/release-events/{event}", {"occurred_on": "2026-01-07"})
    assert "Release of 8 January 2026" in read(api, planned).text
    for number in range(2):
        editor.attest(event, editor.source(f"Fuente {number}"), AT)
    then = api.get("/v1/counts")["recorded_as_of"]
    path = f"/releases/{event}/certificate?lang=es&as_of={then}&recorded_as_of={then}"
    first = api.send("GET", path)
    page = Html(first.text)
    assert "Ana Visible" in page.text
    assert "estaba confirmada" in page.text
    (cited,) = [link for link in page.values("a", "href") if link.startswith("/c?")]
    assert "estaba confirmada" in read(api, cited).text
    # The code is of the whole address.
    assert site.qr_code(f"http://localhost{cited.removesuffix('&lang=es')}") in first.text
    editor.attest(event, editor.source("Negador"), AT, stance="denies", denial_reason="other")
    # Nor does a merge into another record change it, except for today's name.
    other = editor.detainee("Ana Vizible")
    editor.detention(other)
    editor.event(other, "2026-01-07")
    editor.post(f"/v1/detainees/{person}/merge", {"into": other})
    assert api.send("GET", f"/releases/{event}/certificate").status_code == 307
    assert api.send("GET", path).text == first.text.replace("Ana Visible", "Ana Vizible")
    person = other
    editor.patch(f"/v1/detainees/{person}", {"withheld": True})
    assert api.send("GET", path).status_code == 404


def test_reader_follows_a_source_and_an_announcement(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = api.scope("edit")
    outlet, owner = editor.source("Diario", "news_outlet"), editor.source("Grupo Diario")
    editor.affiliate(outlet, owner)
    claim = {
        "source_id": outlet,
        "kind": "announced",
        "value": 116,
        "qualifier": "at_least",
        "as_of": AT,
        "published_at": AT,
    }
    announcement = editor.post("/v1/claims", claim)["id"]
    person = editor.detainee("Ana Visible")
    editor.detention(person)
    event = editor.event(person, "2026-01-08", announcement_id=announcement)
    attestation = editor.attest(event, outlet, AT)["id"]
    body = {"retracted_at": "2026-01-10T00:00:00Z"}
    editor.post(f"/v1/attestations/{attestation}/retraction", body, 200)
    page = read(api, f"/sources/{outlet}?lang=es")
    assert "propiedad de Grupo Diario" in page.text
    assert "Ana Visible : Excarcelación del 8 de enero de 2026" in page.text
    assert "Retirada el 10 ene 2026" in page.text
    assert "Excarcelaciones anunciadas : al menos 116" in page.text
    # A page of more claims than it shows leads to the others. The last publication is the first.
    others = f"/v1/claims?source_id={outlet}"
    assert others not in page.values("a", "href")
    for value, day in ((117, 10), (120, 14), (118, 11), (121, 15), (119, 12)):
        later = {"value": value, "published_at": f"2026-01-{day}T00:00:00Z"}
        editor.post("/v1/claims", {**claim, **later})
    page = read(api, f"/sources/{outlet}?lang=es")
    assert re.findall("al menos ([0-9]+)", page.text) == ["121", "120", "119", "118", "117", "116"]
    with monkeypatch.context() as patched:
        patched.setattr(pages, "_PEOPLE", 1)
        page = read(api, f"/sources/{outlet}?lang=es")
    assert others in page.values("a", "href")
    assert "al menos 121" in page.text
    assert len(api.get(others)["items"]) == 6
    page = read(api, f"/announcements/{announcement}?lang=en")
    assert "at least 116" in page.text
    assert "1 Confirmed, reported or in dispute 0 Confirmed as out 0" in page.text
    assert "Announcement of 9 January 2026" in page.text
    wrong = read(api, f"/announcements/{announcement}?lang=en&time_zone=Caracas", 422)
    assert not any("time_zone" in link for link in wrong.values("a", "href"))
    there = read(api, f"/announcements/{announcement}?lang=en&time_zone=Pacific/Kiritimati")
    assert "Announcement of 10 January 2026" in there.text
    assert page.values("svg", "class") == ["chart"]
    # A release that is only denied is in dispute, and no source reports that the person is out.
    editor.attest(event, outlet, "2026-01-12T00:00:00Z", stance="denies")
    page = read(api, f"/announcements/{announcement}?lang=en")
    assert "1 Confirmed, reported or in dispute 1 Confirmed as out 0" in page.text
    figures = read(api, "/figures?kind=announced&lang=en")
    assert figures.values("svg", "class") == ["chart"]
    assert "Diario 9 Jan 2026, 10:00 at least 117" in figures.text
    assert f"/announcements/{announcement}?lang=en" in figures.values("a", "href")
    # A figure that can be compared has a review, which no name can break out of.
    assert figures.scripts == []
    quoted = editor.source("</script><b>", "journalist")
    editor.post("/v1/claims", {**claim, "source_id": quoted, "kind": "released"})
    figures = read(api, "/figures?kind=released&lang=es")
    [review] = map(json.loads, figures.scripts)
    assert review["claimReviewed"] == "Personas excarceladas: al menos 116"
    assert review["itemReviewed"]["author"] == {"@type": "Person", "name": "</script><b>"}
    assert review["reviewRating"]["ratingExplanation"] in figures.text
    # Each leads to its own page, with the figures at the moment of the claim.
    (cited,) = [link for link in figures.values("a", "href") if link.startswith("/c?")]
    assert "Cifra declarada al menos 116 ✓ Confirmada 0" in read(api, cited).text


def test_counts_in_sentences_have_separators(api: Api) -> None:
    editor = api.scope("edit")
    old = "2020-01-09T10:00:00Z"
    claim = {"kind": "announced", "value": 1234, "qualifier": "at_least"}
    claim |= {"source_id": editor.source("Diario"), "as_of": old, "published_at": old}
    path = f"/announcements/{editor.post('/v1/claims', claim)['id']}"
    page = read(api, f"{path}?lang=en")
    assert "at least 1,234 releases" in page.text
    assert re.search(r"\b\d,\d{3} days have passed since the announcement", page.text)
    page = read(api, f"{path}?lang=es")
    assert "al menos 1.234 excarcelaciones" in page.text
    assert re.search(r"Han pasado \d\.\d{3} días desde el anuncio", page.text)


def test_reader_sees_what_changed_and_why(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    editor = api.scope("edit")
    outlet, forum = editor.source("Diario"), editor.source("Foro")
    prison = editor.post("/v1/facilities", {"name": "El Helicoide", "country": "VE"})["id"]
    statements = []
    for name, is_withheld in (("Ana Visible", False), ("Graciela Reservada", True)):
        person = editor.detainee(name, withheld=is_withheld, nationalities=["VE"])
        editor.detention(person, facility_id=prison)
        event = editor.event(person, "2026-01-08")
        editor.attest(event, outlet, AT, url="https://diario.example/nota")
        statements.append(editor.attest(event, forum, "2026-01-10T10:00:00Z")["id"])
    body = {"retracted_at": "2026-01-11T10:00:00Z"}
    editor.post(f"/v1/attestations/{statements[0]}/retraction", body, 200)
    period = "/differences?from=2026-01-08&until=2026-01-10"
    page = read(api, f"{period}&facility_id=&sex=&lang=en")
    assert "two releases became confirmed" in page.text
    assert "Ana Visible : not counted → ✓ Confirmed since 10 Jan 2026, 10:00" in page.text
    assert "Diario reported the release. · report" in page.text
    assert "Foro reported the release." in page.text
    assert "https://diario.example/nota" in page.values("a", "href")
    assert "Person " in page.text
    assert "Graciela" not in page.text
    assert {"El", "Helicoide", "Venezuela"} <= set(page.words)
    assert f"/sources/{forum}?lang=en" in page.values("a", "href")
    # The data are those of the page.
    data = [link for link in page.values("a", "href") if link.startswith("/v1/differences")]
    assert len(data) == 4
    assert len(api.get(data[0])["items"]) == 2
    assert api.send("GET", data[1]).mimetype == "text/csv"
    page = read(api, "/differences?from=2026-01-11&until=2026-01-12", **SPANISH)
    assert "✓ Confirmada → ○ Reportada" in page.text
    assert "Foro retiró su reporte." in page.text
    assert "✓ Confirmada 2 1 ○ Reportada 0 1" in page.text
    filtered = read(api, f"{period}&nationality=VE&lang=en")
    assert "People who may match the filters: it is not public 0 1" in filtered.text
    # So the list does not say that no release changed.
    assert "and why None is listed here." in read(api, f"{period}&nationality=ES&lang=en").text
    # Without days, the last week.
    page = read(api, "/differences?lang=es")
    assert "Aquí no figura ninguna." in page.text
    first, last = (date.fromisoformat(day) for day in page.values("input", "value")[:2])
    assert last - first == timedelta(days=7)
    # The moments of the first page are those of the next one.
    monkeypatch.setattr(pages, "_DIFFERENCES", 1)
    page = read(api, f"{period}&lang=en")
    editor.attest(event, editor.source("Negador"), AT, stance="denies", denial_reason="other")
    (link,) = [a["href"] for _, a in page.attributes if a.get("rel") == "next"]
    other = read(api, link)
    assert "two releases became confirmed" in other.text
    assert ("Ana Visible" in page.text) != ("Ana Visible" in other.text)


def test_wrong_day_is_explained_beside_its_field(api: Api) -> None:
    """What was sent is kept, in both languages."""
    sent = {"from": "2026-02-30", "until": "2999-01-01", "sex": "female", "time_zone": "Asia/Tokyo"}
    for language, words in (("es", "«2026-02-30» no sirve aquí."), ("en", "cannot be used here.")):
        path = f"/differences?{urlencode({**sent, 'lang': language}, safe='/')}"
        page = read(api, path, 422)
        assert words in page.text
        fields = {a["name"]: a for tag, a in page.attributes if tag == "input"}
        assert (fields["from"]["value"], fields["from"]["type"]) == ("2026-02-30", "text")
        assert fields["from"]["aria-describedby"] == "from-error"
        assert (fields["until"]["value"], fields["until"]["type"]) == ("2999-01-01", "date")
        assert "aria-invalid" not in fields["until"]
        assert fields["time_zone"]["value"] == "Asia/Tokyo"
        assert [a["value"] for tag, a in page.attributes if "selected" in a] == ["female", "2"]
        other = "en" if language == "es" else "es"
        assert path.replace(f"lang={language}", f"lang={other}") in page.values("a", "href")
    for wrong in ("from=2026-01-09&until=2026-01-07", "until=0001-01-01", "from=2999-01-01"):
        page = read(api, f"/differences?{wrong}", 422)
        assert page.values("input", "aria-describedby") == ["from-error"], wrong
    page = read(api, f"/differences?facility_id={UNKNOWN_ID}", 422)
    assert UNKNOWN_ID not in page.values("input", "value")
    page = read(api, f"/people?q={'a' * 300}", 422)
    assert "a" * 300 in page.values("input", "value")


# Language, errors and caching.


def test_language_is_that_of_the_address_then_of_the_browser(api: Api) -> None:
    for path in ("/", "/people", "/method", "/problems", "/docs", f"/people/{UNKNOWN_ID}", "/no"):
        for headers, language in (({}, "en"), (SPANISH, "es"), ({"Accept-Language": "*"}, "en")):
            for query, expected in (("", language), ("?lang=es", "es"), ("?lang=en&x=1", "en")):
                response = api.send("GET", path + query, headers={**BROWSER, **headers})
                assert Html(response.text).values("html", "lang") == [expected], (path, query)


def test_error_on_a_page_is_a_page_for_browsers_only(api: Api) -> None:
    """It explains itself in the language of the reader."""
    for path, status, words in (
        (f"/people/{UNKNOWN_ID}", 404, "En esta dirección no hay ninguna persona."),
        ("/people/nobody", 404, "En esta dirección no hay ninguna persona."),
        (
            f"/releases/{UNKNOWN_ID}/certificate",
            404,
            "En esta dirección no hay ningún certificado.",
        ),
        ("/nothing", 404, "Puede que la dirección esté mal escrita"),
        ("//a.example/nothing", 404, "Puede que la dirección esté mal escrita"),
        ("/problems/none", 404, "Puede que la dirección esté mal escrita"),
        (
            "/people?status=free",
            422,
            "«free» no sirve aquí. Indique uno de estos valores: confirmed,",
        ),
        ("/people?cursor=x", 422, "Empiece por la primera página."),
        ("/?lang=fr", 422, "«fr» no sirve aquí."),
        ("/?time_zone=Caracas", 422, "«Caracas» no es una zona horaria."),
        ("/differences?from=2026-01-01&country=Chile", 422, "«Chile» no es un país."),
        ("/differences?min_sources=0", 422, "Indique un número del 1 al 5."),
        ("/c", 422, "Falta en la dirección."),
        ("/c?url=https://a.example/v1/counts", 422, "no hay ninguna respuesta que se pueda citar"),
        (f"/c?url=/v1/counts?as_of={AT}", 422, "no hay ninguna respuesta que se pueda citar"),
        ("/c?url=/v1/sources", 422, "no hay ninguna respuesta que se pueda citar"),
        ("/embed/figure?as_of=2999-01-01T00:00:00Z", 422, "Indique un momento que no sea futuro"),
        ("/embed/delivery", 422, "Falta en la dirección."),
        (f"/embed/delivery?announcement_id={UNKNOWN_ID}", 404, "Puede que la dirección"),
    ):
        page = read(api, path, status, **SPANISH)
        assert page.values("html", "lang") == ["es"]
        assert words in page.text, page.text
        # Nothing of it is in another language but the name of that language.
        assert page.values("span", "lang") + page.values("p", "lang") == ["es"]
        assert all(not href.startswith("//") for href in page.values("a", "href"))
        assert page.values("meta", "content").count("noindex") == 1
        problem = api.send("GET", path)
        assert (problem.status_code, problem.mimetype) == (status, "application/problem+json")
    page = read(api, "/problems/validation-error", **SPANISH)
    assert "La petición no es válida" in page.text
    assert "errors" in page.words
    assert page.tags["code"] == 2
    response = api.send("GET", "/v1/nothing", headers=BROWSER)
    assert response.mimetype == "application/problem+json"


def test_page_of_now_is_revalidated_until_something_is_recorded(api: Api) -> None:
    editor = api.scope("edit")
    person = editor.detainee("Ana Visible")
    editor.detention(person)
    event = editor.event(person, "2026-01-08")
    paths = ("/?lang=es", f"/people/{person}?lang=es", f"/releases/{event}?lang=en", "/differences")
    for path in paths:
        first, second = api.send("GET", path), api.send("GET", path)
        assert first.text != second.text, path
        etag = first.headers["ETag"]
        assert etag == second.headers["ETag"], path
        assert api.send("GET", path, headers={"If-None-Match": etag}).status_code == 304
    editor.attest(event, editor.source("Diario"), AT)
    paths = ("/?lang=es", f"/people/{person}?lang=es", f"/releases/{event}?lang=en", "/differences")
    for path in paths:
        assert api.send("GET", path, headers={"If-None-Match": etag}).status_code == 200


def test_same_address_in_another_language_is_another_page(api: Api) -> None:
    """A 304 from memory is of the language that the browser prefers."""
    etags = [
        api.send("GET", "/method", headers={"Accept-Language": language}).headers["ETag"]
        for language in ("en", "es", "en", "es")
    ]
    assert etags[:2] == etags[2:]
    assert etags[0] != etags[1]
    for language, status in (("en", 304), ("es", 200)):
        headers = {"Accept-Language": language, "If-None-Match": etags[0]}
        assert api.send("GET", "/method", headers=headers).status_code == status


def test_crawlers_and_browsers_find_their_files(api: Api) -> None:
    robots = api.send("GET", "/robots.txt")
    assert robots.mimetype == "text/plain"
    for folder in ("v1", "charts"):
        assert f"\nDisallow: /{folder}/\n" in robots.text
    assert api.send("GET", "/favicon.svg").mimetype == "image/svg+xml"
    style = api.send("GET", "/style.css")
    assert style.mimetype == "text/css"
    # Nothing is loaded from elsewhere.
    assert not re.search(r"url\(|@import", style.text)
