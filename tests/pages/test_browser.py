"""Pages in Debian's chromium: accessible, readable on a small screen, and usable by keyboard."""

import importlib.util
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import pytest
from werkzeug.serving import make_server

from api.wording import catalogs
from tests.conftest import api_on_empty_store
from tests.pages import browser
from tests.pages.browser import Browser
from tests.whole_set.operations import CONTRACT
from tests.whole_set.session import Session

pytestmark = pytest.mark.skipif(
    browser.CHROMIUM is None, reason="chromium is not installed: apt-get install chromium"
)
# The documentation page runs the script of another project.
PAGES = [o for o in CONTRACT.operations if o.is_page and o.id != "getDocs"]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SMALL_TARGETS = """
[...document.querySelectorAll('a:not(.skip), button, input:not([type=hidden]), select, summary')]
    .filter(element => getComputedStyle(element).display !== 'inline')
    .filter(element => {
        const box = element.getBoundingClientRect()
        return box.height < 24 || box.width < 24
    })
    .map(element => element.outerHTML)
"""
"""The targets that are neither in a line of text nor 24 pixels high and wide (WCAG 2.2, 2.5.8)."""


class Site(NamedTuple):
    """A browser, the address of a service, and a path of every page, with a query."""

    browser: Browser
    address: str
    paths: list[str]


@pytest.fixture(scope="module")
def shown(server: str) -> Iterator[Site]:
    with api_on_empty_store(server) as api, browser.running() as tab:
        session = Session(api)
        paths = []
        for page in PAGES:
            exchange = session.do(page.id)
            query = {name: value for name, value in exchange.query.items() if name != "lang"}
            paths.append(f"{exchange.response.request.path}?{urlencode(query)}")
        http = make_server("localhost", 0, api.client.application, threaded=True)
        threading.Thread(target=http.serve_forever).start()
        try:
            yield Site(tab, f"http://localhost:{http.server_port}", [*paths, "/nothing?"])
        finally:
            http.shutdown()
            http.server_close()


def test_every_page_is_accessible(shown: Site) -> None:
    """By axe: each page in one language and one colour scheme, so that all are seen."""
    package = importlib.util.find_spec("axe_core_python")
    assert package is not None
    assert package.origin is not None
    axe = (Path(package.origin).parent / "axe.min.js").read_text("utf-8")
    for number, path in enumerate(shown.paths):
        language = catalogs.LANGUAGES[number % 2]
        is_dark, width = bool(number // 2 % 2), (360, 1280)[number // 2 % 2]
        shown.browser.open(
            f"{shown.address}{path}&lang={language}", width, dark=is_dark, scripts=True
        )
        shown.browser.evaluate(f"{axe}; 0")
        # A card is a part of another page, which has the headings and the landmarks.
        rules = RULES if path.startswith("/embed/") else [*RULES, "best-practice"]
        violations = shown.browser.evaluate(
            f"axe.run(document, {{runOnly: {rules}}}).then(result => "
            "result.violations.map(it => [it.id, it.nodes[0].html]))"
        )
        assert violations == [], path
        # Of the console: the policy blocks nothing, nor anything that search engines read.
        assert shown.browser.logged == [], path
        assert shown.browser.evaluate(SMALL_TARGETS) == [], path


def test_no_page_is_wider_than_a_small_screen(shown: Site) -> None:
    for path in shown.paths:
        for language in catalogs.LANGUAGES:
            shown.browser.open(f"{shown.address}{path}&lang={language}", 320)
            wider = "document.documentElement.scrollWidth - innerWidth"
            assert shown.browser.evaluate(wider) == 0, (path, language)


def test_printed_page_has_its_figures_and_what_is_closed_on_the_screen(shown: Site) -> None:
    seen = "[...document.querySelectorAll(%r)].map(element => element.checkVisibility())"
    for path, hidden in (("/", "nav"), ("/people", ".figures")):
        shown.browser.open(f"{shown.address}{path}?lang=es")
        shown.browser.call("Emulation.setEmulatedMedia", media="print")
        assert shown.browser.evaluate(seen % hidden) == [False], path
        if path == "/":
            assert shown.browser.evaluate(seen % ".figures strong") == [True] * 5
            tables = shown.browser.evaluate(seen % "details table")
            assert tables
            assert all(tables)


def test_keyboard_leads_from_the_figure_to_a_citation(shown: Site) -> None:
    tab = shown.browser
    tab.open(f"{shown.address}/?lang=es")
    tab.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.focus("/people?lang=es")
    tab.follow()
    tab.focus("q")
    tab.press("name")
    tab.follow()
    tab.focus("/people/")
    tab.follow()
    tab.focus("/releases/")
    tab.follow()
    assert tab.evaluate("document.documentElement.lang") == "es"
    assert tab.evaluate("document.querySelector('main').innerText.includes('Por qué')")
    tab.focus("/certificate")
    tab.follow()
    assert tab.evaluate("document.querySelector('.qr') !== null")
    tab.focus("/differences?lang=es")
    tab.follow()
    tab.focus("compare")
    tab.follow()
    assert tab.evaluate("location.search.includes('until=20')")
    assert tab.evaluate("document.querySelector('h1').innerText") == "Qué cambió"
