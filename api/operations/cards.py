"""Operations on cards: a figure or a chart for an iframe on another site, preview images, oEmbed.

A card whose address has both moments never changes. Any other is live: it shows the latest figure,
and for a week says that it was corrected, if the figure went down or if the record was corrected so
that a figure shown before is too high. A preview image is shown by sites and messengers beside a
link. They keep copies of it, so it names nobody.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from markupsafe import Markup

from api.charts import bars, preview_images, svg, timeline
from api.charts.svg import Drawing, Style
from api.config import Language
from api.database import clock, queries
from api.errors import RequestError, not_found
from api.identity import canonical_ids
from api.operations.charts import AskedMoment, Period
from api.pages import site
from api.pages.site import Address
from api.rendering.results import Answer, Item
from api.reports import comparisons, counts, explanations
from api.reports.counts import Filters, Question
from api.wording import catalogs, words

_WIDTH = 320
"""The width of a card's chart. A narrower one would have labels that nobody can read."""
_CORRECTED = timedelta(days=7)
_HEIGHTS: Mapping[str, int] = {
    "/embed/figure": 340,
    "/embed/timeline": 460,
    "/embed/delivery": 460,
}
"""The height of each card, with its longest sentence at its least width."""
_CARD_WIDTH = 480


def get_figure_card(
    conn: queries.Connection,
    filters: Filters,
    asked: AskedMoment,
    lang: Language,
    address: Address,
) -> Answer:
    question = Question(asked.as_of, asked.recorded_as_of, filters)
    answer = counts.report(
        conn, question, asked.min_sources, None, asked.time_zone, sees_hidden=False
    )
    fall = _fall(conn, filters, asked)
    return _card(answer, asked.time_zone, lang, address, fall=fall, figure=answer["confirmed"])


def get_timeline_card(
    conn: queries.Connection, filters: Filters, period: Period, lang: Language, address: Address
) -> Answer:
    answer = counts.report_timeline(conn, filters, **asdict(period))
    zone_name = words.in_language(lang).zone(period.time_zone)
    drawing = timeline.draw(answer, zone_name, _style(lang))
    asked = AskedMoment(None, period.recorded_as_of, period.min_sources, period.time_zone)
    fall = None if period.until is not None else _fall(conn, filters, asked)
    return _card(answer, period.time_zone, lang, address, fall=fall, drawing=drawing)


def get_delivery_card(
    conn: queries.Connection,
    announcement_id: UUID,
    asked: AskedMoment,
    lang: Language,
    address: Address,
) -> Answer:
    answer = comparisons.delivery(conn, announcement_id, **asdict(asked))
    drawing = bars.draw_delivery(answer, _style(lang))
    fall = _fall(conn, Filters(announcement_id=announcement_id), asked)
    return _card(answer, asked.time_zone, lang, address, fall=fall, drawing=drawing)


def get_figure_preview(
    conn: queries.Connection, filters: Filters, asked: AskedMoment, lang: Language
) -> Answer:
    question = Question(asked.as_of, asked.recorded_as_of, filters)
    answer = counts.report(
        conn, question, asked.min_sources, None, asked.time_zone, sees_hidden=False
    )
    heading = words.in_language(lang).text("Releases of political prisoners")
    return _preview(heading, answer, asked.time_zone, lang)


def get_delivery_preview(
    conn: queries.Connection, announcement_id: UUID, asked: AskedMoment, lang: Language
) -> Answer:
    answer = comparisons.delivery(conn, announcement_id, **asdict(asked))
    spoken = words.in_language(lang)
    day = spoken.day_of(answer["announcement"]["published_at"], asked.time_zone)
    heading = spoken.text("Announcement of %(day)s") % {"day": day}
    return _preview(heading, answer, asked.time_zone, lang)


def get_release_preview(
    conn: queries.Connection, release_event_id: UUID, asked: AskedMoment, lang: Language
) -> Answer:
    id = canonical_ids.resolve(conn, "release_event", release_event_id)
    answer = explanations.explain(conn, id, **asdict(asked))
    # The day as recorded then.
    event = queries.row(conn, "release_events/get_recorded", id=id, moment=answer["recorded_as_of"])
    if event is None:
        raise not_found("release event")
    spoken = words.in_language(lang)
    heading = spoken.text("Release of %(day)s") % {"day": spoken.day(str(event.occurred_on))}
    return _preview(heading, answer, asked.time_zone, lang)


def get_oembed(
    conn: queries.Connection,
    url: str,
    maxwidth: int | None,
    maxheight: int | None,
    base_url: str,
) -> Answer:
    """Return how to embed a card (oEmbed 1.0). Any other URL is `not-found`."""
    path = urlsplit(url).path
    if not url.startswith(base_url) or path not in _HEIGHTS:
        raise RequestError(
            "not-found", f"There is no card at {url[:200]!r}. Send the URL of a card of this site."
        )
    width = min(_CARD_WIDTH, maxwidth or _CARD_WIDTH)
    height = min(_HEIGHTS[path], maxheight or _HEIGHTS[path])
    [language] = parse_qs(urlsplit(url).query).get("lang", [catalogs.SOURCE])[:1]
    texts = words.in_language(language if language in catalogs.LANGUAGES else catalogs.SOURCE)
    title = texts.text("Releases of political prisoners")
    frame = Markup(
        '<iframe src="{}" title="{}" width="{}" height="{}" loading="lazy"></iframe>'
    ).format(url, title, width, height)
    return Answer(
        {
            "version": "1.0",
            "type": "rich",
            "title": title,
            "provider_name": "Constancia",
            "provider_url": base_url,
            "html": str(frame),
            "width": width,
            "height": height,
        }
    )


def _style(lang: Language) -> Style:
    return site.chart_style(lang, _WIDTH)


def _fall(conn: queries.Connection, filters: Filters, asked: AskedMoment) -> Item | None:
    """Return the last fall of the confirmed figure within a week, for a card that is live.

    One by publication has the figures `before` and `after`, to the hour. A correction has the
    `people` by whom the figure as of just before it is lower than was recorded.
    """
    if asked.as_of is not None or asked.recorded_as_of is not None:
        return None
    since = clock.present(conn) - _CORRECTED
    falls = (_published_fall(conn, filters, asked, since), _correction(conn, filters, asked, since))
    known = [fall for fall in falls if fall is not None]
    return max(known, key=lambda fall: datetime.fromisoformat(fall["at"]), default=None)


def _published_fall(
    conn: queries.Connection, filters: Filters, asked: AskedMoment, since: datetime
) -> Item | None:
    sought = {"after": since, "min_sources": asked.min_sources, "kind": filters.release_kind}
    if not queries.row(conn, "counts/exist_falls", **sought).exist:
        return None
    week = counts.report_timeline(
        conn, filters, since, None, "hour", None, asked.min_sources, asked.time_zone
    )
    falls = timeline.falls(week["items"])
    if not falls:
        return None
    before, after = falls[-1]
    return {"at": after["at"], "before": before["confirmed"], "after": after["confirmed"]}


def _correction(
    conn: queries.Connection, filters: Filters, asked: AskedMoment, since: datetime
) -> Item | None:
    sought = {"after": since, "min_sources": asked.min_sources}
    if not filters.active():
        row = queries.row(conn, "differences/find_fall", **sought)
    else:
        question = Question(None, None, filters)
        questions = counts.event_parameters([question], sees_hidden=False)["questions"]
        row = queries.row(conn, "differences/find_fall_filtered", **sought, questions=questions)
    return row and {"at": row.at, "people": row.people}


def _card(
    answer: Item,
    zone: str,
    lang: Language,
    address: Address,
    *,
    fall: Item | None,
    drawing: Drawing | None = None,
    figure: int | None = None,
) -> Answer:
    citation: Mapping[str, Any] = answer["citation"]
    # The document escapes all texts.
    chart = Markup(svg.document(drawing, _style(lang))) if drawing else ""  # noqa: S704
    content = site.render(
        "card.html",
        lang,
        replace(address, path="/", query={}),
        zone=zone,
        citation=citation,
        chart=chart,
        figure=figure,
        fall=fall,
        card_style=Markup(site.card_style()),  # noqa: S704 - a file of this package
    )
    return Answer(content, words.in_language(lang).volatile([answer], zone))


def _preview(heading: str, answer: Item, zone: str, lang: Language) -> Answer:
    sentence = answer["citation"]["sentence"][lang]
    volatile = words.in_language(lang).volatile([answer], zone)
    return Answer(preview_images.document(heading, sentence), volatile, f"{heading}\n{sentence}")
