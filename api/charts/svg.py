"""SVG documents of charts: shapes and texts, and the same in words for those who do not see them.

Colours come from classes (`chart.css`). Shapes differ also in form, so that nothing is said by
colour alone, and a chart without its stylesheet is still readable. A content security policy
without `unsafe-inline` blocks nothing of a chart in a page: it has no script and no style.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from gettext import NullTranslations
from pathlib import Path
from typing import NamedTuple

from babel import Locale, numbers
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

LINE_HEIGHT = 18
MARGIN = 12

_FONT_SIZE = 13
_HEADING_SIZE, _HEADING_HEIGHT = 16, 20
_FILES = Path(__file__).parent
_NARROW = frozenset("fijlrtI.,:;'|!()[]-/ ·")
_WIDE = frozenset("mwMWQO@%—…→")
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Style:
    """How a chart is drawn: in which language, how wide, and whether it stands alone.

    A chart that stands alone, as a file, has a heading, a background and its stylesheet. In a page,
    `id` keeps the ids of several charts apart.
    """

    locale: Locale
    translations: NullTranslations
    width: int = 640
    stands_alone: bool = False
    id: str = "chart"

    def text(self, message: str) -> str:
        """Return a message in the language of the chart."""
        return self.translations.gettext(message)

    def figure(self, value: int) -> str:
        """Return a figure in digits."""
        return numbers.format_decimal(value, locale=self.locale)


class Label(NamedTuple):
    """A text at a baseline. `anchor` is the part of it that is at x: start, middle or end."""

    x: float
    y: float
    text: str
    css_class: str = ""
    anchor: str = "start"


class Shape(NamedTuple):
    """A path: filled, or drawn as a line. `dash` is the pattern of a line that is dashed."""

    d: str
    css_class: str
    is_filled: bool = False
    dash: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a chart shows: its title, the figures in words, and what is drawn.

    `sentence` is the sentence of the citation, which a chart that stands alone shows.
    """

    title: str
    words: Sequence[str]
    shapes: Sequence[Label | Shape]
    height: float
    sentence: str = ""


def document(drawing: Drawing, style: Style) -> str:
    """Return the SVG document of a drawing."""
    above, heading, sentence_lines = 0, [], []
    height = drawing.height
    if style.stands_alone:
        lines = wrapped(drawing.title, style.width - 2 * MARGIN, _HEADING_SIZE)
        heading = [Label(MARGIN, 24 + _HEADING_HEIGHT * i, line) for i, line in enumerate(lines)]
        above = _HEADING_HEIGHT * len(lines) + 12
        end = above + drawing.height + 10
        notes = wrapped(drawing.sentence, style.width - 2 * MARGIN)
        sentence_lines = [
            Label(MARGIN, end + LINE_HEIGHT * (i + 1), line, "m") for i, line in enumerate(notes)
        ]
        height = end + LINE_HEIGHT * len(notes) + MARGIN
    rendered = _template().render(
        style=style,
        drawing=drawing,
        words=" ".join(filter(None, [drawing.sentence, *drawing.words])),
        above=above,
        height=pixels(height),
        heading=heading,
        sentence_lines=sentence_lines,
        stylesheet=stylesheet() if style.stands_alone else "",
        shapes=[shape for shape in drawing.shapes if isinstance(shape, Shape)],
        labels=[label for label in drawing.shapes if isinstance(label, Label)],
        pixels=pixels,
    )
    return printable(rendered)


def printable(document: str) -> str:
    """Return a document without the characters that XML cannot hold."""
    return _NOT_IN_XML.sub("\ufffd", document)


@cache
def stylesheet() -> str:
    """Return the colours of charts, light and dark, as a stylesheet on one line."""
    return (_FILES / "chart.css").read_text("utf-8").replace("\n", "")


@cache
def _template() -> Template:
    return template("chart.svg")


def template(name: str) -> Template:
    """Return a template of a document, which escapes its texts."""
    environment = Environment(
        loader=FileSystemLoader(_FILES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def pixels(value: float) -> str:
    """Return pixels as text, with one decimal at most."""
    return f"{value:.1f}".removesuffix(".0")


def line(x1: float, y1: float, x2: float, y2: float, css_class: str, dash: str = "") -> Shape:
    """Return a line between two points."""
    return Shape(
        f"M{pixels(x1)} {pixels(y1)}L{pixels(x2)} {pixels(y2)}",
        css_class,
        dash=dash,
    )


def bar(x: float, y: float, width: float, height: float) -> str:
    """Return the path of a bar, from its upper left corner."""
    return f"M{pixels(x)} {pixels(y)}h{pixels(width)}v{pixels(height)}h{pixels(-width)}z"


def circle(x: float, y: float, radius: float = 4) -> str:
    """Return the path of a circle around a point."""
    arc = f"a{pixels(radius)} {pixels(radius)} 0 1 0 "
    return (
        f"M{pixels(x - radius)} {pixels(y)}{arc}{pixels(2 * radius)} 0{arc}{pixels(-2 * radius)} 0"
    )


def diamond(x: float, y: float, radius: float = 5) -> str:
    """Return the path of a diamond around a point."""
    r = pixels(radius)
    return f"M{pixels(x)} {pixels(y - radius)}l{r} {r}l-{r} {r}l-{r} -{r}z"


def triangle(x: float, y: float, radius: float = 5) -> str:
    """Return the path of a triangle that points down to a point."""
    r = pixels(radius)
    return f"M{pixels(x)} {pixels(y)}l-{r} -{pixels(2 * radius)}h{pixels(2 * radius)}z"


def width_of(text: str, size: float = _FONT_SIZE) -> float:
    """Return about the width of a text in pixels, rather too much than too little."""
    return size * sum(map(_ems, unicodedata.normalize("NFC", text)))


def _ems(character: str) -> float:
    if character in _NARROW:
        return 0.4
    if character in _WIDE or unicodedata.east_asian_width(character) in "WF":
        return 1.0
    if unicodedata.combining(character):
        return 0.0
    return 0.73 if character.isupper() else 0.64


def shortened(label: str, width: float, size: float = _FONT_SIZE) -> str:
    """Return a label that fits, with an ellipsis in place of its end if it is too long."""
    if width_of(label, size) <= width:
        return label
    while label and width_of(f"{label}…", size) > width:
        label = label[:-1]
    return f"{label.rstrip()}…"


def wrapped(text: str, width: float, size: float = _FONT_SIZE) -> list[str]:
    """Return the lines of a text, each no wider than `width` unless it is one long word."""
    lines: list[str] = []
    for word in text.split():
        if lines and width_of(f"{lines[-1]} {word}", size) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
