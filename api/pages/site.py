"""The frame of all pages: the layout, the language, the addresses of links, and the style."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import segno
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from api.charts import svg, timeline
from api.charts.svg import Drawing, Style
from api.config import Language
from api.reports.counts import Filters
from api.wording import words
from api.wording.catalogs import translations

_FOLDER = Path(__file__).parent
_CHART_WIDTH = 340
OF_VERDICTS = ("as_of", "recorded_as_of", "min_sources")
OF_FIGURES = (*OF_VERDICTS, *(field.name for field in fields(Filters)))
"""The parameters of another figure, to which a page of the present links."""
LANGUAGE_NAMES: Mapping[str, str] = {"en": "English", "es": "Español"}


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a page: its path, and the parameters that it understands, but its language.

    The base is the URL of the service, with a slash at its end. `ignored` are parameters that the
    API understands and the page does not: the page does not show what they ask for.
    """

    base_url: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    ignored: Mapping[str, str] = field(default_factory=dict)

    def url(self, language: str, **others: Any) -> str:
        """Return the path and query in a language, with other values of some parameters."""
        return _url(self.path, language, {**self.query, **others})

    def ignoring(self, **others: str | None) -> "Address":
        """Return the address with further parameters that the page ignores, but for None."""
        ignored = {name: value for name, value in others.items() if value}
        return replace(self, ignored={**self.ignored, **ignored})

    def absolute(self, path: str) -> str:
        """Return the URL of a path of the service."""
        return self.base_url + path.removeprefix("/")


def render(template: str, language: str, address: Address, **values: Any) -> str:
    """Return the HTML of a page. A template that shows moments needs the value `zone`."""
    page = _environment(language).get_template(template)
    return page.render(address=address, **values)


def chart_style(language: Language, width: int, **options: Any) -> Style:
    """Return the style of charts in a language."""
    return Style(words.in_language(language).locale, translations(language), width, **options)


def chart(language: Language, id: str, draw: Callable[[Style], Drawing]) -> Markup:
    """Return a chart for a page, with an id of its own. It can be read on a small screen."""
    style = chart_style(language, _CHART_WIDTH, id=id)
    return Markup(svg.document(draw(style), style))  # noqa: S704 - a template escapes its texts


def qr_code(text: str) -> Markup:
    """Return a text as a QR code in SVG, dark on light on any background."""
    code = segno.make(text, error="m")
    image = code.svg_inline(border=4, light="#fff", svgclass="qr", lineclass=None, omitsize=True)
    return Markup(image)  # noqa: S704 - the image has paths and no text


@cache
def static(name: str) -> str:
    """Return a file of the folder `static`."""
    return (_FOLDER / "static" / name).read_text("utf-8")


@cache
def card_style() -> str:
    """Return the style of cards, which is in each card, so that a card is one response."""
    return static("card.css").replace("\n", "") + svg.stylesheet()


@cache
def _environment(language: Language) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    texts = words.in_language(language)
    environment.install_gettext_callables(  # type: ignore[attr-defined] # of the extension
        texts.text, texts.plural, newstyle=True
    )
    environment.globals |= {
        "ngettext": _with_number(environment.globals["ngettext"], texts),
        "lang": language,
        "languages": LANGUAGE_NAMES,
        "url": _localized_url,
        "labels": texts.labels,
        "errors": {},
        "zone_name": texts.zone,
    }
    environment.tests["day"] = _is_day
    environment.filters |= {
        "translated": texts.text,
        "with_code": _with_code,
        "label": texts.label,
        "country": texts.country,
        "person": texts.person,
        "speaker": texts.speaker,
        "number": texts.number,
        "figure": texts.figure,
        "scope": texts.scope,
        "steps": timeline.steps,
        "script_data": _script_data,
        "to_second": words.to_second,
        "day": texts.day,
        "day_of": _in_zone(texts.day_of),
        "moment": _in_zone(texts.moment),
        "short_moment": _in_zone(texts.short_moment),
    }
    return environment


def _with_number(ngettext: Any, texts: words.Words) -> Any:
    """Return the `ngettext` of templates with `num` as the filter `number` writes it."""

    @pass_context
    def with_number(
        context: Context, singular: str, plural: str, count: int, **variables: Any
    ) -> Any:
        num = texts.number(count)
        return ngettext(context, singular, plural, count, num=num, **variables)

    return with_number


def _script_data(value: Any) -> Markup:
    """Return a value as JSON for a script element, which no text of the value can close."""
    return Markup(orjson.dumps(value).decode().replace("<", "\\u003c"))  # noqa: S704 - no `<` is left


def _is_day(text: str) -> bool:
    """Return whether a text is a day as a field for days shows it: `2026-01-09`."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _with_code(text: str) -> Markup:
    """Return a text of the contract as HTML: what is between backticks is code."""
    marked = re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text)))
    return Markup(marked)  # noqa: S704 - escaped before


def _in_zone(format_moment: Any) -> Any:
    """Return a filter that formats a moment in the time zone of the page."""

    @pass_context
    def in_zone(context: Context, value: str) -> str:
        return str(format_moment(value, context["zone"]))

    return in_zone


@pass_context
def _localized_url(context: Context, path: str, **query: Any) -> str:
    """Return an address in the language of this page; that of a page also in its time zone."""
    sent = {} if path.startswith("/v1/") else context["address"].query
    return _url(path, context["lang"], {"time_zone": sent.get("time_zone"), **query})


def _url(path: str, language: str, query: Mapping[str, Any]) -> str:
    parameters = {name: value for name, value in query.items() if value is not None}
    # A query may hold these (RFC 3986, section 3.4).
    return f"{path}?{urlencode({**parameters, 'lang': language}, safe='/:?=')}"
