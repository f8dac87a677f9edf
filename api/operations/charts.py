"""Operations on charts: the answers of other operations, as images and as tables.

A chart shows what the public sees: it asks without a caller. An image as PNG is its SVG, which the
rendering converts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any, cast
from uuid import UUID

from api.charts import bars, svg, timeline
from api.charts.svg import Drawing, Style
from api.config import Language
from api.contract import document
from api.database import queries
from api.pages import site
from api.rendering import media_types
from api.rendering.results import Answer, Item
from api.reports import citations, comparisons, counts
from api.reports.comparisons import ClaimFilters
from api.reports.counts import Filters, Question
from api.reports.time_buckets import Bucket
from api.tables import encoders
from api.wording import words

_STEPS: Mapping[str, Any] = {
    "properties": {
        "step": {"type": "string"},
        "people": {"type": ["integer", "null"]},
    }
}
"""The columns of a delivery as a table."""


@dataclass(frozen=True, slots=True)
class Period:
    """The parameters of a timeline besides its filters."""

    from_: date | datetime
    until: date | datetime | None
    bucket: Bucket
    recorded_as_of: datetime | None
    min_sources: int
    time_zone: str


@dataclass(frozen=True, slots=True)
class AskedMoment:
    """The moments of counts or of a delivery, the sources that are required, and a time zone."""

    as_of: datetime | None
    recorded_as_of: datetime | None
    min_sources: int
    time_zone: str


@dataclass(frozen=True, slots=True)
class AskedRecord:
    """The record time of comparisons, the sources that are required, and a time zone."""

    recorded_as_of: datetime | None
    min_sources: int
    time_zone: str


@dataclass(frozen=True, slots=True)
class Look:
    """The language of a chart, and its width in pixels."""

    lang: Language
    width: int


def get_timeline_svg(
    conn: queries.Connection, filters: Filters, period: Period, look: Look
) -> Answer:
    answer = _timeline(conn, filters, period)
    zone_name = words.in_language(look.lang).zone(period.time_zone)
    drawing = timeline.draw(answer, zone_name, _style(look))
    return _image(drawing, look, [answer], period.time_zone)


def get_timeline_csv(conn: queries.Connection, filters: Filters, period: Period) -> Answer:
    return _table("getTimeline", _timeline(conn, filters, period))


def get_claims_svg(
    conn: queries.Connection, limit: int, filters: ClaimFilters, asked: AskedRecord, look: Look
) -> Answer:
    compared = _comparisons(conn, limit, filters, asked)
    drawing = bars.draw_claims(
        compared["items"], _names(conn, compared["items"]), asked.time_zone, _style(look)
    )
    return _image(drawing, look)


def get_claims_csv(
    conn: queries.Connection, limit: int, filters: ClaimFilters, asked: AskedRecord
) -> Answer:
    return _table("listComparisons", _comparisons(conn, limit, filters, asked))


def get_delivery_svg(
    conn: queries.Connection, announcement_id: UUID, asked: AskedMoment, look: Look
) -> Answer:
    answer = _delivery(conn, announcement_id, asked)
    return _image(bars.draw_delivery(answer, _style(look)), look, [answer], asked.time_zone)


def get_delivery_csv(conn: queries.Connection, announcement_id: UUID, asked: AskedMoment) -> Answer:
    answer = _delivery(conn, announcement_id, asked)
    encoder = encoders.encoder(_STEPS, media_types.CSV, "delivery")
    steps = ("announced", "named", "confirmed", "disputed", "reported", "still_held")
    rows = [{"step": step, "people": answer[step]} for step in steps]
    return Answer(b"".join(encoder.encoded([rows])))


def get_groups_svg(
    conn: queries.Connection, filters: Filters, asked: AskedMoment, group_by: str, look: Look
) -> Answer:
    answer = citations.labelled(
        conn, _groups(conn, filters, asked, group_by), group_by, asked.time_zone, look.lang
    )
    drawing = bars.draw_groups(answer, group_by, _style(look))
    return _image(drawing, look, [answer], asked.time_zone)


def get_groups_csv(
    conn: queries.Connection, filters: Filters, asked: AskedMoment, group_by: str
) -> Answer:
    return _table("getCounts", _groups(conn, filters, asked, group_by))


get_timeline_png = get_timeline_svg
get_claims_png = get_claims_svg
get_delivery_png = get_delivery_svg
get_groups_png = get_groups_svg


def _timeline(conn: queries.Connection, filters: Filters, period: Period) -> Item:
    return counts.report_timeline(conn, filters, **asdict(period))


def _comparisons(
    conn: queries.Connection, limit: int, filters: ClaimFilters, asked: AskedRecord
) -> Item:
    compared = comparisons.list_comparisons(conn, limit, None, filters, **asdict(asked))
    return cast(Item, cast(Answer, compared).content)


def _names(conn: queries.Connection, compared: Sequence[Item]) -> Mapping[str, str]:
    """Return the names of the sources and facilities of claims, by id, as recorded at the moment of
    the answer.
    """
    if not compared:
        return {}
    claims = [comparison["claim"] for comparison in compared]
    return citations.recorded_names(
        conn,
        citations.cited_moments(compared[0]["citation"]),
        sources=[claim["source_id"] for claim in claims],
        facilities=[claim["facility_id"] for claim in claims if claim["facility_id"]],
    )


def _delivery(conn: queries.Connection, id: UUID, asked: AskedMoment) -> Item:
    return comparisons.delivery(conn, id, **asdict(asked))


def _groups(conn: queries.Connection, filters: Filters, asked: AskedMoment, group_by: str) -> Item:
    question = Question(asked.as_of, asked.recorded_as_of, filters)
    return counts.report(
        conn, question, asked.min_sources, group_by, asked.time_zone, sees_hidden=False
    )


def _style(look: Look) -> Style:
    return site.chart_style(look.lang, look.width, stands_alone=True)


def _image(
    drawing: Drawing, look: Look, cited: Sequence[Item] = (), time_zone: str = "UTC"
) -> Answer:
    """Return a chart. The moments of `cited` answers are no part of its entity tag."""
    style, volatile = _style(look), words.in_language(look.lang).volatile(cited, time_zone)
    in_page = svg.document(drawing, replace(style, stands_alone=False))
    return Answer(svg.document(drawing, style), volatile, in_page)


def _table(operation_id: str, answer: Item) -> Answer:
    """Return an answer as the CSV of its operation."""
    cited = [answer] if "citation" in answer else answer["items"][:1]
    # As CSV writes them: with six digits of fraction.
    moments = [
        f"{datetime.fromisoformat(it['citation'][name]):%Y-%m-%dT%H:%M:%S.%fZ}"
        for it in cited
        for name in ("as_of", "recorded_as_of")
    ]
    return Answer(answer, moments, table_of=document.load().operation(operation_id))
