"""Charts of bars: claims beside the confirmed figure, the delivery of an announcement, and groups.

Each row has its name, its bars on a scale that all rows share, and its exact figures in words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel import dates

from api.charts import legends, svg
from api.charts.legends import Entry
from api.charts.svg import LINE_HEIGHT, MARGIN, Drawing, Label, Shape, Style
from api.wording import words

MAX_ROWS = 15
"""The most rows of a chart. More are in the table beside it."""

_BAR_HEIGHT = 14
_ROW_GAP = 10
_DOCUMENTED = ("confirmed", "reported", "disputed")

Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Row:
    """A row: its name, a note beside it, its bars from left to right, its mark, its figures.

    A bar is a figure and its value; a mark is a value.
    """

    name: str
    note: str = ""
    bars: Sequence[tuple[str, int]] = ()
    mark: int | None = None
    figures: Sequence[str] = ()

    @property
    def highest_value(self) -> int:
        return max(sum(value for _, value in self.bars), self.mark or 0)

    @property
    def words(self) -> str:
        return f"{self.name}: {' · '.join(filter(None, [self.note, *self.figures]))}."


def draw_claims(
    comparisons: Sequence[Answer], names: Mapping[str, str], zone: str, style: Style
) -> Drawing:
    """Draw comparisons of claims, with the names of their sources and facilities by id."""
    entries = [
        Entry("claimed", style.text("Claimed"), "mark"),
        Entry("confirmed", style.text("Confirmed at that time"), "bar"),
        Entry("reported", style.text("Documented, not confirmed"), "bar"),
    ]
    rows = [_claim(comparison, names, zone, style) for comparison in comparisons]
    return _draw(style.text("Claims beside the confirmed figure"), "", rows, entries, style)


def _claim(comparison: Answer, names: Mapping[str, str], zone: str, style: Style) -> _Row:
    claim, claimed, confirmed = (comparison[name] for name in ("claim", "claimed", "confirmed"))
    source = names[claim["source_id"]]
    if claim["is_confidential"]:
        source = style.text("A confidential source of %(name)s") % {"name": source}
    at = datetime.fromisoformat(claim["as_of"]).astimezone(ZoneInfo(zone))
    day = dates.format_date(at, "medium", locale=style.locale)
    figure = style.text("Claimed: %(figure)s") % {
        "figure": _quantity(claimed, claim["qualifier"], style)
    } + words.in_language(style.locale.language).scope(claim, names)
    verdict = _verdict(comparison["reason"] or comparison["verdict"], style)
    stated = [figure, style.text("later retracted")] if claim["retracted_at"] else [figure]
    if comparison["reason"] is not None:
        return _Row(source, day, (), claimed, [*stated, verdict])
    # What the verdict compares with: undisclosed people may make a claim true.
    undisclosed = comparison["undisclosed"] or {}
    documented = sum(comparison[name] + undisclosed.get(name, 0) for name in _DOCUMENTED)
    bars = [("confirmed", confirmed), ("reported", documented - confirmed)]
    beside = style.text("confirmed: %(figure)s") % {"figure": style.figure(confirmed)}
    return _Row(source, day, bars, claimed, [*stated, beside, verdict])


def _verdict(verdict: str, style: Style) -> str:
    return {
        "below_confirmed": style.text("below what is confirmed"),
        "within_documented": style.text("within what is documented"),
        "above_documented": style.text("above what is documented"),
        "no_figure": style.text("not comparable"),
        "another_kind": style.text("not comparable: it counts something else"),
    }[verdict]


def _quantity(value: int | None, qualifier: str, style: Style) -> str:
    """Return a claimed figure in digits, as its source qualified it."""
    if value is None:
        return style.text("no figure")
    pattern = {
        "at_least": style.text("at least %(figure)s"),
        "at_most": style.text("at most %(figure)s"),
        "about": style.text("about %(figure)s"),
    }.get(qualifier, "%(figure)s")
    return pattern % {"figure": style.figure(value)}


def draw_delivery(delivery: Answer, style: Style) -> Drawing:
    """Draw what an announcement has delivered: announced, named, reported as out, confirmed."""
    announced = delivery["announced"]
    rows = [
        _Row(
            style.text("Announced"),
            _quantity(announced, delivery["announcement"]["qualifier"], style),
            [] if announced is None else [("people", announced)],
        ),
        *(
            _Row(name, style.figure(value), [(figure, value)])
            for figure, name, value in (
                ("people", style.text("Named in this record"), delivery["named"]),
                (
                    "reported",
                    style.text("Confirmed, reported or in dispute"),
                    sum(delivery[name] for name in _DOCUMENTED),
                ),
                ("confirmed", style.text("Confirmed as out"), delivery["confirmed"]),
            )
        ),
    ]
    return _draw(
        style.text("From announcement to confirmation"),
        delivery["citation"]["sentence"][style.locale.language],
        rows,
        [],
        style,
    )


def draw_groups(counts: Answer, group_by: str, style: Style) -> Drawing:
    """Draw an answer of `GET /v1/counts` with groups: days in order, other values by figures."""
    groups = counts["groups"] if group_by == "occurred_on" else rank(counts["groups"])
    entries = [
        Entry(name, legends.valued(name, counts[name], style), "bar") for name in _DOCUMENTED
    ]
    rows = [
        _Row(
            _group(group, group_by, style),
            bars=[(name, group[name]) for name in _DOCUMENTED],
            figures=[legends.valued(name, group[name], style) for name in _DOCUMENTED],
        )
        for group in groups
    ]
    title = {
        "facility_id": style.text("Releases by facility"),
        "nationality": style.text("Releases by nationality"),
        "age_group": style.text("Releases by age group"),
        "sex": style.text("Releases by sex"),
        "release_kind": style.text("Releases by kind"),
        "announcement_id": style.text("Releases by announcement"),
        "occurred_on": style.text("Releases by day"),
    }[group_by]
    sentence = counts["citation"]["sentence"][style.locale.language]
    return _draw(title, sentence, rows, entries, style)


def rank(groups: Sequence[Answer]) -> Sequence[Answer]:
    """Return groups by their figures, the highest first. The group without a value is last."""
    return sorted(
        groups,
        key=lambda group: (group["value"] is None, *(-group[name] for name in _DOCUMENTED)),
    )


def _group(group: Answer, group_by: str, style: Style) -> str:
    """Return the name of a group. The group without a value also has those not disclosed."""
    value: str | None = group["value"]
    if value is None and group_by == "announcement_id":
        return style.text("Not part of an announcement")
    if value is None:
        return style.text("Unknown or not disclosed")
    if group_by == "occurred_on":
        return dates.format_date(date.fromisoformat(value), "medium", locale=style.locale)
    if group_by == "nationality":
        return str(style.locale.territories.get(value, value))
    if group_by in ("facility_id", "announcement_id"):
        return str(group["label"] or value)
    return {
        "adult": style.text("Adults"),
        "minor": style.text("Minors"),
        "unknown": style.text("Unknown"),
        "female": style.text("Female"),
        "male": style.text("Male"),
        "other": style.text("Another sex"),
        "full": style.text("Full freedom"),
        "conditional": style.text("Under precautionary measures"),
        "house_arrest": style.text("House arrest"),
        "exile": style.text("Exile"),
    }[value]


def _draw(
    title: str, sentence: str, rows: Sequence[_Row], entries: Sequence[Entry], style: Style
) -> Drawing:
    if not rows:
        return legends.no_figures(title, sentence, style)
    shown, shapes, y = rows[:MAX_ROWS], list[Label | Shape](), 4.0
    if entries:
        shapes, y = legends.draw(entries, style)
    scale = (style.width - 2 * MARGIN - 6) / max(1, *(row.highest_value for row in shown))
    for row in shown:
        row_shapes, y = _draw_row(row, y, scale, style)
        shapes += row_shapes
    in_words = [row.words for row in shown]
    if len(rows) > len(shown):
        more = style.text("Not shown here: %(figure)s more.") % {
            "figure": style.figure(len(rows) - len(shown))
        }
        shapes.append(Label(MARGIN, y + LINE_HEIGHT, more, "m"))
        in_words.append(more)
        y += LINE_HEIGHT + 4
    return Drawing(title, in_words, shapes, y + 4, sentence)


def _draw_row(row: _Row, y: float, scale: float, style: Style) -> tuple[list[Label | Shape], float]:
    right = style.width - MARGIN
    room = right - MARGIN - svg.width_of(row.note) - 8
    y += _ROW_GAP + 12
    shapes: list[Label | Shape] = []
    if row.note:
        shapes.append(Label(right, y, row.note, "m" if row.figures else "", "end"))
    for number, line in enumerate(svg.wrapped(row.name, room)):
        y += LINE_HEIGHT if number else 0
        shapes.append(Label(MARGIN, y, svg.shortened(line, room)))
    y += 6
    shapes.append(svg.line(MARGIN, y - 1, MARGIN, y + _BAR_HEIGHT + 1, "axis"))
    x = float(MARGIN)
    for figure, value in row.bars:
        if value:
            shapes.append(legends.bar(figure, x, y, value * scale, _BAR_HEIGHT))
            x += value * scale
    if row.mark is not None:
        shapes.append(legends.marker("claimed", MARGIN + row.mark * scale, y + _BAR_HEIGHT / 2))
    y += _BAR_HEIGHT
    for line in _lines(row.figures, right - MARGIN):
        y += LINE_HEIGHT
        shapes.append(Label(MARGIN, y - 2, line, "m"))
    return shapes, y


def _lines(figures: Sequence[str], width: float) -> Sequence[str]:
    """Return the lines of figures, each of which is on one line if it fits there."""
    lines: list[str] = []
    for figure in figures:
        if lines and svg.width_of(f"{lines[-1]} · {figure}") <= width:
            lines[-1] += f" · {figure}"
        else:
            lines += svg.wrapped(figure, width)
    return lines
