"""Legends of charts, and the form of each figure: filled, with an outline, dashed, a diamond."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from api.charts import svg
from api.charts.svg import LINE_HEIGHT, MARGIN, Drawing, Label, Shape, Style

DASHES = {"reported": "6 4", "disputed": "2 3"}
"""The dash pattern of a figure's line. Other figures have solid lines."""

_SAMPLE_WIDTH = 22
_SAMPLE_MIDDLE = 9
_BAR_TOP, _BAR_HEIGHT = 3, 11
_NAME_START, _NAME_BASELINE = 30, 13
_GAP = 18


class Entry(NamedTuple):
    """A figure of a chart, its name for the reader, and the form that it has there."""

    figure: str
    name: str
    form: Literal["line", "bar", "mark"]


def draw(entries: Sequence[Entry], style: Style) -> tuple[list[Shape | Label], float]:
    """Return the legend, in as many lines as it needs, and its height."""
    shapes: list[Shape | Label] = []
    x, y = float(MARGIN), 4.0
    for entry in entries:
        width = _NAME_START + svg.width_of(entry.name) + _GAP
        if x > MARGIN and x + width - _GAP > style.width - MARGIN:
            x, y = MARGIN, y + LINE_HEIGHT
        shapes += [
            *_sample(entry, x, y),
            Label(x + _NAME_START, y + _NAME_BASELINE, entry.name),
        ]
        x += width
    return shapes, y + LINE_HEIGHT + 4


def _sample(entry: Entry, x: float, y: float) -> list[Shape]:
    if entry.form == "bar":
        return [bar(entry.figure, x, y + _BAR_TOP, _SAMPLE_WIDTH, _BAR_HEIGHT)]
    middle = y + _SAMPLE_MIDDLE
    mark = marker(entry.figure, x + _SAMPLE_WIDTH / 2, middle)
    if entry.form == "mark":
        return [mark]
    dash = DASHES.get(entry.figure, "")
    return [svg.line(x, middle, x + _SAMPLE_WIDTH, middle, entry.figure, dash), mark]


def marker(figure: str, x: float, y: float) -> Shape:
    """Return the marker of a figure at a point."""
    if figure == "claimed":
        return Shape(svg.diamond(x, y), figure)
    return Shape(svg.circle(x, y), figure, is_filled=figure == "confirmed")


def bar(figure: str, x: float, y: float, width: float, height: float) -> Shape:
    """Return the bar of a figure. Only the bar of `confirmed` is filled."""
    if figure == "confirmed":
        return Shape(svg.bar(x, y, width, height), figure, is_filled=True)
    # The outline is drawn inside, so that the bar is as long as the figure.
    inside = svg.bar(x + 1, y + 1, max(width - 2, 0.1), height - 2)
    return Shape(inside, figure, dash=DASHES.get(figure, ""))


def valued(figure: str, value: int, style: Style) -> str:
    """Return the name of a figure with its value."""
    text = {
        "confirmed": style.text("Confirmed: %(figure)s"),
        "reported": style.text("Reported: %(figure)s"),
        "disputed": style.text("Disputed: %(figure)s"),
    }[figure]
    return text % {"figure": style.figure(value)}


def no_figures(title: str, sentence: str, style: Style) -> Drawing:
    """Return the drawing of an answer without figures."""
    words = style.text("There are no figures to show.")
    return Drawing(title, [words], [Label(MARGIN, 24, words, "m")], 40, sentence)
