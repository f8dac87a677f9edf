"""`constancia site export`: the public pages and data as files, with and without names."""

import csv
import importlib.util
import io
import json
import os
import posixpath
import re
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import pytest

from tests.commands.running import check_error, constancia
from tests.conftest import Api, client_of, cloned, keys_of
from tests.pages import browser
from tests.pages.html import Html
from tests.support import open_pool

AT = "2026-01-09T10:00:00Z"
SERVICE = "https://constancia.example/"
SHOWN = {f"kanarie{letter}" for letter in "abcdefghij"}
"""The canaries of a person who is named; others are of a minor and of a withheld person."""
LISTED = ("index.html", "404.html", "README.txt", "robots.txt", "SHA256SUMS")
LISTED += ("constancia-mirror.json",)
"""The files that no page links to."""


class Mirrors(NamedTuple):
    """A service, a person who is named, their release, and mirrors without and with names.

    Only the second knows the address of the service.
    """

    api: Api
    database: str
    person: str
    event: str
    unnamed: Path
    named: Path


@pytest.fixture(scope="module")
def mirrors(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirrors]:
    folder = tmp_path_factory.mktemp("mirrors")
    with (
        cloned(server) as database,
        open_pool(database, 4) as pool,
        client_of(pool) as client,
    ):
        api = Api(client, keys_of(database))
        person, event = _fill(api.scope("edit"))
        unnamed, named = folder / "unnamed", folder / "deep" / "named"
        export(database, unnamed)
        export(database, named, "--with-names", CONSTANCIA_PUBLIC_URL=SERVICE)
        yield Mirrors(api, database, person, event, unnamed, named)


def export(database: str, folder: Path, *options: str, **settings: str) -> str:
    result = constancia("site", "export", folder, *options, DATABASE_URL=database, **settings)
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    return result.stderr


def _fill(editor: Api) -> tuple[str, str]:
    """Enter people with a canary in each of their texts, and more than a list has on one page."""
    facility = editor.post("/v1/facilities", {"name": "El Helicoide", "country": "VE"})["id"]
    outlet = editor.source("Diario", kind="news_outlet", url="https://diario.example/")
    relative = editor.source("Kanariea Familia", kind="relative", url="https://x.example/kanarieb")
    aunt = editor.source("Kanariea Tía", kind="relative")
    claim = {"source_id": outlet, "published_at": AT, "as_of": AT, "qualifier": "exact"}
    claim |= {"value": 9, "url": "https://diario.example/kanariec", "note": "Sale Kanaried"}
    announcement = editor.post("/v1/claims", {**claim, "kind": "announced"})["id"]
    editor.post("/v1/claims", {**claim, "kind": "released", "announcement_id": announcement})

    def release(name: str, **properties: Any) -> tuple[str, str]:
        person = editor.detainee(name, sex="female", **properties)
        place = {"facility_id": facility, "authority": "DGCIM", "charges": "Con Kanariee"}
        editor.detention(person, detained_on="2025-03", **place)
        event = editor.event(
            person, "2026-01-08", place="Casa de Kanarief", announcement_id=announcement
        )
        texts = {"url": "https://diario.example/kanarieg", "note": "Kanarieh"}
        editor.attest(event, relative, AT, **texts)
        relayed = {"basis": "relayed", "relays": [{"source_id": relative}]}
        editor.attest(event, outlet, AT, **texts, **relayed)
        editor.attest(event, aunt, (datetime.now(UTC) - timedelta(days=1)).isoformat())
        return person, event

    def add_addresses_of_the_service(event: str) -> None:
        """Enter evidence with addresses that only look as if a mirror had their files."""
        for number, path in enumerate(
            ("mirror/%2e%2e/%2e%2e/%2e%2e/planted", "method?lang=/planted", "v1/counts?format=none")
        ):
            source = editor.source(f"Fuente {number}", kind="witness")
            editor.attest(event, source, AT, url=f"{SERVICE}{path}")

    shown = release(
        "Rocío Kanariei",
        aliases=["Kanariej «Chío» <b>"],
        external_ids=[{"scheme": "cedula", "value": "V-kanarieb"}],
        occupation="jefa de Kanariec",
        nationalities=["VE"],
    )
    add_addresses_of_the_service(shown[1])
    release("Kanariem", age_group="minor")
    release("Kanariew", withheld=True)
    for number in range(30):
        editor.detainee(f"Persona {number}")
    return shown


def files_of(mirror: Path) -> Mapping[str, bytes]:
    """Return the files of a mirror by their paths; a zip as the text of its parts."""
    files = {}
    for path in mirror.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if path.suffix == ".zip":
                with zipfile.ZipFile(io.BytesIO(content)) as parts:
                    content = b"\n".join(parts.read(name) for name in parts.namelist())
            files[path.relative_to(mirror).as_posix()] = content
    return files


def canaries_in(mirror: Path) -> set[str]:
    text = "\n".join(
        f"{name}\n{content.decode(errors='replace')}" for name, content in files_of(mirror).items()
    ).lower()
    return {*re.findall("kanarie[a-z]", unquote(text))}


def test_every_link_leads_to_a_file_of_the_mirror(mirrors: Mirrors) -> None:
    for mirror in (mirrors.unnamed, mirrors.named):
        files = files_of(mirror)
        pages = {
            name: Html(content.decode()) for name, content in files.items() if name[-5:] == ".html"
        }
        linked = set()
        for name, page in pages.items():
            assert not {"form", "input"} & page.tags.keys(), name
            assert {*page.values("script", "type")} <= {"application/ld+json"}, name
            assert len(page.values("script", "type")) == page.tags["script"], name
            for tag, attributes in page.attributes:
                for address in filter(None, (attributes.get(key) for key in ("href", "src"))):
                    url = urlsplit(address)
                    if url.scheme:
                        rel = attributes.get("rel")
                        is_of_service = mirror == mirrors.named and address.startswith(SERVICE)
                        assert (tag, rel) == ("a", "noreferrer nofollow") or (
                            is_of_service and (tag == "a" or rel == "canonical")
                        ), (name, address)
                        continue
                    assert (url.netloc, url.query) == ("", ""), (name, address)
                    target = posixpath.normpath(posixpath.join(name, "..", url.path or "."))
                    target = name if not url.path else target
                    assert target in files, (name, address)
                    if url.fragment:
                        ids = [it["id"] for _, it in pages[target].attributes if "id" in it]
                        assert url.fragment in ids, (name, address)
                    linked.add(target)
        assert {*files} - linked == {*LISTED} - linked
        assert b".invalid/" not in b"".join(files.values())
        for language in ("en", "es"):
            feed = files[f"{language}/v1/feed.atom"].decode()
            links = re.findall('href="([^"]*)"', feed)
            if mirror == mirrors.named:
                assert all(link.startswith(SERVICE) for link in links)
                continue
            targets = {posixpath.normpath(f"{language}/v1/{link}") for link in links}
            assert f"{language}/index.html" in targets
            assert targets <= files.keys()
    # A list of 33 people is two pages.
    assert "es/people.page-2.html" in files
    assert "es/people.page-3.html" not in files
    # What changed in the last week, without its form.
    differences = Html(files["es/differences.html"].decode())
    assert "Tía reportó la excarcelación" in differences.text
    assert "no se puede buscar" not in differences.text
    (table,) = [link for link in differences.values("a", "href") if link.endswith(".csv")]
    assert f"v1/{posixpath.basename(table)}" in files


def test_nobody_is_named_unless_asked(mirrors: Mirrors) -> None:
    assert canaries_in(mirrors.unnamed) == set()
    assert canaries_in(mirrors.named) == SHOWN
    people = {
        mirror: json.loads((mirror / f"v1/detainees/{mirrors.person}.json").read_bytes())
        for mirror in (mirrors.unnamed, mirrors.named)
    }
    assert people[mirrors.named] == mirrors.api.get(f"/v1/detainees/{mirrors.person}")
    assert people[mirrors.unnamed]["is_named"] is False
    # Figures do not depend on names.
    rows = [
        list(csv.DictReader((mirror / "v1/counts.group_by-sex.csv").read_text().splitlines()))
        for mirror in (mirrors.unnamed, mirrors.named)
    ]
    assert len(rows[0]) > 1
    assert rows[0] == rows[1]


def test_answers_are_of_one_moment_and_can_be_verified(mirrors: Mirrors) -> None:
    for mirror in (mirrors.unnamed, mirrors.named):
        files = files_of(mirror)
        mark = json.loads(files["constancia-mirror.json"])
        cited = [
            citation
            for name, content in files.items()
            if name[-5:] == ".json" and (citation := json.loads(content).get("citation"))
        ]
        assert len(cited) > 4
        for citation in cited:
            assert citation["recorded_as_of"] == mark["recorded_as_of"]
            assert citation["as_of"] in (mark["as_of"], AT)  # that of a claim
            # The service gives the same answer again, but for names and texts.
            again = mirrors.api.get(citation["url"].removeprefix(SERVICE[:-1]))["citation"]
            assert again["sha256"] == citation["sha256"]
        second = mark["as_of"].partition(".")[0]
        for name, content in files.items():
            if name.startswith(("es/", "en/")) and name[-5:] == ".html":
                assert f'<time datetime="{second}Z">' in content.decode(), name
        release = json.loads(files[f"v1/release-events/{mirrors.event}/verification.json"])
        page = files[f"es/releases/{mirrors.event}.html"].decode()
        assert release["citation"]["sha256"] in page
        sums = dict(line.split("  ")[::-1] for line in files["SHA256SUMS"].decode().splitlines())
        assert sums.keys() == files.keys() - {"SHA256SUMS"}
        assert mark["files"] == len(files)


def test_names_are_found_by_each_of_their_words(mirrors: Mirrors) -> None:
    page = Html((mirrors.named / "es/people.html").read_text())
    assert "mirror/names/r.html" in page.values("a", "href")
    for letter in "rk":
        index = Html((mirrors.named / f"es/mirror/names/{letter}.html").read_text())
        assert f"../../people/{mirrors.person}.html" in index.values("a", "href")
        assert "noindex" in index.values("meta", "content")
    assert not (mirrors.unnamed / "es/mirror").exists()


def test_directory_of_something_else_is_refused(mirrors: Mirrors, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear")
    result = constancia("site", "export", tmp_path, DATABASE_URL=mirrors.database)
    check_error(result, "something else than a mirror")
    assert os.listdir(tmp_path) == ["letter.txt"]
    assert not list(tmp_path.parent.glob(f".{tmp_path.name}*"))


def test_mirror_in_chromium_without_a_server(mirrors: Mirrors) -> None:
    if browser.CHROMIUM is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    package = importlib.util.find_spec("axe_core_python")
    assert package is not None
    assert package.origin is not None
    axe = (Path(package.origin).parent / "axe.min.js").read_text("utf-8")
    with browser.running() as tab:
        for name in (
            "es/index",
            "es/mirror",
            "en/people",
            "es/mirror/names/r",
            f"en/people/{mirrors.person}",
        ):
            tab.open((mirrors.named / f"{name}.html").as_uri(), 360, scripts=True)
            tab.evaluate(f"{axe}; 0")
            violations = tab.evaluate(
                "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})"
                ".then(result => result.violations.map(it => [it.id, it.nodes[0].html]))"
            )
            assert violations == [], name
        # The style is there, and links lead on.
        tab.open((mirrors.named / "en/index.html").as_uri())
        tab.focus("people.html")
        tab.follow()
        assert "People" in tab.evaluate("document.querySelector('h1').textContent")
        assert tab.evaluate("getComputedStyle(document.querySelector('header')).display") == "flex"


def test_next_mirror_does_not_name_who_was_withheld_since(mirrors: Mirrors) -> None:
    """The last test: it changes the store."""
    added = mirrors.named / "es" / "added.html"
    added.write_text("of others")
    certificate = mirrors.named / f"es/releases/{mirrors.event}/certificate.html"
    assert SERVICE in certificate.read_text()
    mirrors.api.scope("edit").patch(f"/v1/detainees/{mirrors.person}", {"withheld": True})
    settings = {"CONSTANCIA_PUBLIC_URL": SERVICE}
    result = constancia("site", "export", mirrors.named, DATABASE_URL=mirrors.database)
    check_error(result, "does not list: es/added.html.")
    added.unlink()
    assert "with names" in export(mirrors.database, mirrors.named, "--with-names", **settings)
    assert not certificate.exists()
    assert canaries_in(mirrors.named) & {"kanariei", "kanariej"} == set()
    assert (mirrors.named / f"es/people/{mirrors.person}.html").exists()
    assert sorted(os.listdir(mirrors.named.parent)) == [".named.lock", "named"]
    # One whose service knows its address names it where a mirror needs an absolute address.
    files = files_of(mirrors.named)
    assert b".invalid/" not in b"".join(files.values())
    page, feed = (files[f"es/{name}"].decode() for name in ("index.html", "v1/feed.atom"))
    assert '<link rel="canonical" href="https://constancia.example/?lang=es">' in page
    assert '<link rel="alternate" hreflang="en" href="../en/index.html">' in page
    assert feed.count('href="https://constancia.example/') == feed.count("href=")
    cited = json.loads(files["v1/counts.json"])["citation"]["url"]
    assert cited.startswith("https://constancia.example/v1/counts?as_of=")
