"""The chart of confirmed and reported releases over time.

A figure holds until the next one was counted, so its line has steps. Each fall of the confirmed
figure is marked: a reader must not miss that a release ceased to be confirmed.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from babel import dates

from api.charts import legends, scales, svg
from api.charts.legends import Entry
from api.charts.svg import MARGIN, Drawing, Label, Shape, Style

_HEIGHT_PER_WIDTH, _MIN_HEIGHT, _MAX_HEIGHT = 0.4, 130, 260
_AXIS_HEIGHT = 58

Item = Mapping[str, Any]


class _Plot(NamedTuple):
    """The rectangle of the lines, and what its sides stand for."""

    left: float
    top: float
    right: float
    bottom: float
    start: datetime
    until: datetime
    highest: int

    def x(self, at: datetime) -> float:
        seconds = (self.until - self.start).total_seconds() or 1
        return self.left + (self.right - self.left) * (at - self.start).total_seconds() / seconds

    def y(self, figure: int) -> float:
        return self.bottom - (self.bottom - self.top) * figure / self.highest


def draw(timeline: Mapping[str, Any], zone_name: str, style: Style) -> Drawing:
    """Draw an answer of `GET /v1/counts/timeline`, with the name of its time zone in words."""
    items: Sequence[Item] = timeline["items"]
    title = style.text("Confirmed and reported releases")
    sentence = timeline["citation"]["sentence"][style.locale.language]
    if not items:
        return legends.no_figures(title, sentence, style)
    zone = timeline["time_zone"]
    last = items[-1]
    legend, top = legends.draw(
        [
            Entry(figure, legends.valued(figure, last[figure], style), "line")
            for figure in ("confirmed", "reported")
        ],
        style,
    )
    ticks = scales.figure_ticks(max(max(item["confirmed"], item["reported"]) for item in items))
    left = MARGIN + max(svg.width_of(style.figure(tick)) for tick in ticks) + 6
    height = min(max(style.width * _HEIGHT_PER_WIDTH, _MIN_HEIGHT), _MAX_HEIGHT)
    plot = _Plot(
        left,
        top + 8,
        style.width - MARGIN - 6,
        top + 8 + height,
        datetime.fromisoformat(timeline["from"]),
        datetime.fromisoformat(timeline["until"]),
        ticks[-1],
    )
    fallen = falls(items)
    shapes = [
        *legend,
        *_figure_axis(plot, ticks, style),
        *_time_axis(plot, zone, zone_name, style),
        # The dashes come last, so that equal figures are both seen.
        *_line(plot, items, "confirmed"),
        *_line(plot, items, "reported"),
        *(
            Shape(
                svg.triangle(plot.x(_at(item)), plot.y(item["confirmed"]) - 2),
                "confirmed",
                is_filled=True,
            )
            for _, item in fallen
        ),
    ]
    words = [_highest_reported(items, style), *_last_fall(fallen, zone, style)]
    return Drawing(title, words, shapes, plot.bottom + _AXIS_HEIGHT, sentence)


def falls(items: Sequence[Item]) -> list[tuple[Item, Item]]:
    """Return each item whose confirmed figure is less than the one before, with that one."""
    return [
        (before, item)
        for before, item in pairwise(items)
        if item["confirmed"] < before["confirmed"]
    ]


def steps(items: Sequence[Item]) -> list[Item]:
    """Return the first item, and each whose figures differ from those of the one before."""
    names = ("confirmed", "reported", "disputed")
    return [
        item
        for before, item in pairwise([None, *items])
        if item is not None
        and (before is None or any(before[name] != item[name] for name in names))
    ]


def _at(item: Item) -> datetime:
    return datetime.fromisoformat(item["at"])


def _line(plot: _Plot, items: Sequence[Item], figure: str) -> list[Shape]:
    """The steps of a figure, with a marker at its last value.

    Of the values in one column of pixels the last is drawn, so that 1,000 values of a chart take
    14 kB at most, and not 25.
    """
    columns = {round(plot.x(_at(item))): item[figure] for item in items}
    (x, value), *later = columns.items()
    path = f"M{x} {svg.pixels(plot.y(value))}"
    drawn = x
    for column, after in later:
        if after != value:
            path += f"h{column - drawn}V{svg.pixels(plot.y(after))}"
            drawn, value = column, after
    last = next(reversed(columns))
    path += f"h{last - drawn}"
    return [
        Shape(path, figure, dash=legends.DASHES.get(figure, "")),
        legends.marker(figure, last, plot.y(value)),
    ]


def _figure_axis(plot: _Plot, ticks: Sequence[int], style: Style) -> list[Shape | Label]:
    return [
        shape
        for tick in ticks
        for shape in (
            svg.line(plot.left, plot.y(tick), plot.right, plot.y(tick), "grid" if tick else "axis"),
            Label(plot.left - 6, plot.y(tick) + 4, style.figure(tick), "m", "end"),
        )
    ]


def _time_axis(plot: _Plot, zone: str, zone_name: str, style: Style) -> list[Shape | Label]:
    widest = svg.width_of("30 sept") + 10
    most = int((plot.right - plot.left) / widest)
    ticks = scales.time_ticks(plot.start, plot.until, zone, style.locale, most)
    shapes: list[Shape | Label] = []
    for tick in ticks:
        x = plot.x(tick.at)
        shapes.append(svg.line(x, plot.bottom, x, plot.bottom + 4, "axis"))
        for text, y in ((tick.label, plot.bottom + 18), (tick.period, plot.bottom + 34)):
            if text:
                half = svg.width_of(text) / 2
                shapes.append(
                    Label(min(max(x, half + 2), style.width - half - 2), y, text, "m", "middle")
                )
    shapes.append(Label(plot.right, plot.bottom + 50, zone_name, "m", "end"))
    return shapes


def _highest_reported(items: Sequence[Item], style: Style) -> str:
    return style.text("Reported and not confirmed: %(last)s at the end, %(highest)s at most.") % {
        "last": style.figure(items[-1]["reported"]),
        "highest": style.figure(max(item["reported"] for item in items)),
    }


def _last_fall(fallen: Sequence[tuple[Item, Item]], zone: str, style: Style) -> list[str]:
    if not fallen:
        return []
    before, item = fallen[-1]
    day = dates.format_date(_at(item).astimezone(ZoneInfo(zone)), "long", locale=style.locale)
    return [
        style.text("The confirmed figure fell from %(before)s to %(after)s by %(day)s.")
        % {
            "before": style.figure(before["confirmed"]),
            "after": style.figure(item["confirmed"]),
            "day": day,
        }
    ]
