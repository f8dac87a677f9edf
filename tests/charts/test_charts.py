"""Charts: exact, readable by everybody, small, and with nothing that a strict policy blocks."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from gettext import NullTranslations
from itertools import combinations, pairwise, product
from zoneinfo import ZoneInfo

import pytest
from babel import Locale

from api.charts import png, scales, svg
from api.charts.svg import Style
from tests.charts import answers
from tests.charts.answers import CHARTS

LOCALES = (Locale("en", "GB"), Locale("es"))
WIDTHS = (280, 800)
TRANSLATIONS = NullTranslations()
SVG = "{http://www.w3.org/2000/svg}"

TextBox = tuple[str, float, float, float, float]
"""A text with its left, right, top and bottom."""


def styles() -> Iterator[Style]:
    for locale, width, stands_alone in product(LOCALES, WIDTHS, (True, False)):
        yield Style(locale, TRANSLATIONS, width, stands_alone, "chart-1")


@cache
def drawn(name: str, style: Style) -> tuple[str, ET.Element]:
    document = svg.document(CHARTS[name](style), style)
    return document, ET.fromstring(document)


def texts(root: ET.Element) -> Iterator[TextBox]:
    """Yield each text with its left, right, top and bottom."""
    groups = [(root, 0.0)] + [
        (group, float(group.get("transform", "translate(0 0)").split()[1].rstrip(")")))
        for group in root.iter(f"{SVG}g")
    ]
    for group, down in groups:
        for text in group.findall(f"{SVG}text"):
            size = float(text.get("font-size", "13"))
            x, y = float(text.get("x", "")), float(text.get("y", "")) + down
            width = svg.width_of(text.text or "", size)
            left = (
                x - width * {"start": 0, "middle": 0.5, "end": 1}[text.get("text-anchor", "start")]
            )
            yield text.text or "", left, left + width, y - 0.8 * size, y + 0.25 * size


@pytest.mark.parametrize("name", CHARTS)
def test_every_text_is_inside_and_beside_the_others(name: str) -> None:
    for style in styles():
        _, root = drawn(name, style)
        height, boxes = float(root.get("height", "")), list(texts(root))
        outside = [b for b in boxes if b[1] < 0 or b[2] > style.width or b[3] < 0 or b[4] > height]
        assert outside == [], style
        overlapping = [
            (a[0], b[0])
            for a, b in combinations(boxes, 2)
            if a[1] < b[2] and b[1] < a[2] and a[3] < b[4] and b[3] < a[4]
        ]
        assert overlapping == [], style


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_says_in_words_what_it_shows(name: str) -> None:
    for style in styles():
        _, root = drawn(name, style)
        assert root.get("role") == "img"
        assert root.get("lang") == style.locale.language
        title, words = root[0], root[1]
        assert (title.tag, words.tag) == (f"{SVG}title", f"{SVG}desc")
        assert (root.get("aria-labelledby"), root.get("aria-describedby")) == (
            title.get("id"),
            words.get("id"),
        )
        assert title.text
        assert words.text
        # Figures, after the legend, are `name: figure`.
        rows = [text for text, *_ in texts(root) if ":" in text][3:] * (not style.stands_alone)
        figures = {figure for text in rows for figure in re.findall(r"[\d.,]*\d", text)}
        assert name.startswith("timeline") or figures <= set(re.findall(r"[\d.,]*\d", words.text))


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_small_and_a_strict_policy_blocks_nothing(name: str) -> None:
    for style in styles():
        document, root = drawn(name, style)
        assert len(document.encode()) <= 16_000
        tags = {element.tag.removeprefix(SVG) for element in root.iter()}
        allowed = {"svg", "title", "desc", "g", "path", "text"}
        assert tags <= allowed | ({"style"} if style.stands_alone else set())
        for element in root.iter():
            for attribute, value in element.attrib.items():
                assert attribute != "style"
                assert not attribute.startswith("on")
                assert "url(" not in value
                assert "href" not in attribute


def test_an_ordinary_timeline_has_at_most_5_kb() -> None:
    style = Style(LOCALES[1], TRANSLATIONS)
    document, _ = drawn("timeline", style)
    assert len(document.encode()) <= 5 * 1024


def test_a_line_has_the_exact_figures_at_the_exact_moments() -> None:
    figures = [(0, 4), (2, 4), (5, 1), (3, 0)]
    style = Style(LOCALES[0], TRANSLATIONS, 800)
    drawing = answers.drawn_timeline(figures)(style)
    lines = {s.css_class: s.d for s in drawing.shapes if isinstance(s, svg.Shape) and "V" in s.d}
    baseline = max(
        float(s.d.split()[1].split("L")[0])
        for s in drawing.shapes
        if isinstance(s, svg.Shape) and s.css_class == "axis" and "L" in s.d
    )
    for css_class, column in (("confirmed", 0), ("reported", 1)):
        values = [figure[column] for figure in figures]
        heights = [baseline - y for _, y in points(lines[css_class])]
        steps = [v for i, v in enumerate(values) if i == 0 or v != values[i - 1]]
        unit = max(heights) / max(values)
        assert [round(h / unit, 2) for h in heights] == steps
    confirmed = [x for x, _ in points(lines["confirmed"])]
    assert [round(b - a) for a, b in pairwise(confirmed)] == [
        round((confirmed[-1] - confirmed[0]) / 3)
    ] * 3


def points(path: str) -> Iterator[tuple[float, float]]:
    """Yield the start of each step of a line."""
    start, *steps = re.findall(r"M(\d+) ([\d.]+)|h(-?\d+)V([\d.]+)", path)
    x, y = float(start[0]), float(start[1])
    yield x, y
    for _, _, right, y in steps:
        x += float(right)
        yield x, float(y)


def test_a_fall_of_the_confirmed_figure_is_marked_and_told() -> None:
    style = Style(LOCALES[0], TRANSLATIONS)
    steady = answers.drawn_timeline([(3, 1), (4, 1), (4, 0)])(style)
    fallen = answers.drawn_timeline([(3, 1), (4, 1), (2, 0)])(style)
    assert marks(fallen) == marks(steady) + 1
    assert "fell" not in " ".join(steady.words)
    assert fallen.words[-1] == "The confirmed figure fell from 4 to 2 by 11 January 2026."


def marks(drawing: svg.Drawing) -> int:
    return sum(isinstance(s, svg.Shape) and s.is_filled for s in drawing.shapes)


def test_a_status_differs_in_form_and_not_in_colour_alone() -> None:
    style = Style(LOCALES[0], TRANSLATIONS)
    for name in ("timeline", "facilities", "claims"):
        forms: dict[str, set[tuple[bool, str]]] = {}
        for shape in CHARTS[name](style).shapes:
            if isinstance(shape, svg.Shape) and shape.css_class not in ("grid", "axis"):
                is_line = "V" in shape.d or "v" in shape.d
                if is_line:
                    forms.setdefault(shape.css_class, set()).add((shape.is_filled, shape.dash))
        assert all(len(form) == 1 for form in forms.values())
        assert len({next(iter(form)) for form in forms.values()}) == len(forms)


def test_colours_have_contrast_in_light_and_dark() -> None:
    light, dark = svg.stylesheet().split("@media")
    for rules in (light, dark):
        colours = dict(re.findall(r"\.chart \.?([\w.]+)\{(?:fill|stroke):(#\w+)", rules))
        paper = colours.pop("bg")
        least = {"text": 4.5, "m": 4.5, "grid": 1}
        for name, colour in colours.items():
            assert contrast(colour, paper) >= least.get(name, 3), (name, colour)


def contrast(first: str, second: str) -> float:
    """The contrast of two colours (WCAG 2.2)."""
    darker, lighter = sorted((luminance(first), luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(d * 2 for d in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def test_ticks_of_figures_are_few_round_and_reach_the_highest() -> None:
    for highest in [*range(300), 999, 1000, 1001, 10**6 + 1, 10**12]:
        ticks = scales.figure_ticks(highest)
        assert ticks[0] == 0
        assert 2 <= len(ticks) <= 6
        assert ticks[-1] >= highest > ticks[-2] or highest == 0
        assert re.fullmatch("[125]0*", str(ticks.step))


@pytest.mark.parametrize("zone", ["America/Caracas", "Europe/Madrid", "Asia/Kathmandu", "UTC"])
def test_ticks_of_time_are_starts_of_the_local_calendar(zone: str) -> None:
    start = datetime(2025, 3, 29, 22, 17, tzinfo=UTC)
    for minutes in (5, 60, 300, 1440, 4000, 15_000, 90_000, 400_000, 3_000_000, 90_000_000):
        until = start + timedelta(minutes=minutes)
        for most in (4, 8, 14):
            ticks = scales.time_ticks(start, until, zone, LOCALES[1], most)
            assert 1 <= len(ticks) <= most
            moments = [tick.at for tick in ticks]
            assert moments == sorted(set(moments))
            assert start <= moments[0]
            assert moments[-1] <= until
            for at in moments:
                local = at.astimezone(ZoneInfo(zone))
                assert local.second == 0
                assert minutes < 4000 or local.minute == 0
                assert minutes < 90_000 or (local.hour, local.minute) == (0, 0)


def assert_visible(document: str, boxes: Iterable[TextBox]) -> None:
    """Check that the PNG of a drawing has ink in these boxes of texts."""
    blank = re.sub(r"<text.*?</text>", "", document)
    for text, left, right, top, bottom in boxes:
        width, height = round(right - left), round(bottom - top)
        view = f'width="{width}" height="{height}" viewBox="{left} {top} {width} {height}"'
        with_text, without = (
            png.render(re.sub('width="[^>]*viewBox="[^"]*"', view, part, count=1))
            for part in (document, blank)
        )
        assert with_text != without, text


def test_png_has_ink_where_the_labels_are() -> None:
    """Without a font, resvg drops all text and reports nothing."""
    for name in ("timeline", "claims", "delivery", "facilities"):
        style = Style(LOCALES[1], TRANSLATIONS, 640, True)
        document, root = drawn(name, style)
        boxes = list(texts(root))
        assert boxes
        assert_visible(document, boxes)


def test_png_shows_every_character() -> None:
    """The font has the Latin ones; others are transliterated. A missing one would draw nothing."""
    page = '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="20"><text y="15">{}</text>'
    page += "</svg>"
    nothing = png.render(page.format(""))
    spaces = {0xA0, 0xAD}
    for code in [
        *range(0x21, 0x7F),
        *range(0xA0, 0x180),
        *map(
            ord,
            "\u2013\u2014\u2018\u2019\u201c\u201d\u201e\u2022\u2026\u2030\u2039\u203a\u2192\u20ac\u03a9\u0416\u0436\u0623\u4e2d",
        ),
    ]:
        if code not in spaces and chr(code) not in "<&":
            assert png.render(page.format(chr(code))) != nothing, hex(code)
