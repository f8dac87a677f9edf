"""Operations on pages: the answers of other operations, as HTML for readers.

A page shows what the public sees. It calls the functions of other operations without a caller.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from api import config
from api.charts import answers, bars, timeline
from api.config import Language
from api.database import clock, queries
from api.errors import not_found
from api.operations import (
    attestations,
    citations,
    claims,
    counts,
    detainees,
    detentions,
    release_events,
    sources,
)
from api.operations.detainees import PeopleFilters
from api.operations.release_events import ReleaseFilters
from api.pages import dataset, differences, records, reviews, site, verified_releases
from api.pages.site import Address
from api.rendering import media_types
from api.rendering.results import Answer, Item, Record, Stream
from api.reports import cited_questions, pinned_citations
from api.reports.citations import labelled
from api.reports.comparisons import ClaimFilters
from api.reports.counts import Filters
from api.reports.differences import Span
from api.verification.rule import REQUIRED, RULE
from api.wording import words

_CHANGES, _CLAIMS, _MAX_DETENTIONS = 8, 5, 50
_CHARTED = timedelta(weeks=52)
_PEOPLE, _FIGURES, _DIFFERENCES = 30, bars.MAX_ROWS, 50
_MAX_RELEASES = 5
"""The releases of a person that a page explains. Its weight must not depend on the person."""


@queries.in_snapshot
def get_home_page(
    conn: queries.Connection, lang: Language, time_zone: str, address: Address
) -> Answer:
    counted = _content(
        counts.get_counts(conn, None, Filters(), None, None, REQUIRED, None, time_zone)
    )
    filters = ClaimFilters("released")
    compared = claims.list_comparisons(conn, _CLAIMS, None, filters, None, REQUIRED, time_zone)
    year = _content(
        counts.get_timeline(
            conn,
            Filters(),
            date.fromisoformat(counted["as_of"][:10]) - _CHARTED,
            None,
            "week",
            None,
            REQUIRED,
            time_zone,
        )
    )
    prisons = _content(
        counts.get_counts(conn, None, Filters(), None, None, REQUIRED, "facility_id", time_zone)
    )
    zone_name = words.in_language(lang).zone(time_zone)
    chart = site.chart(lang, "timeline", lambda style: timeline.draw(year, zone_name, style))
    prisons_chart = site.chart(
        lang, "prisons", lambda style: bars.draw_groups(prisons, "facility_id", style)
    )
    changes = queries.rows(conn, "release_events/list_feed", limit=_CHANGES)
    comparisons = _content(compared)["items"]
    claimants = _claimants(conn, comparisons)
    return _page(
        "home.html",
        lang,
        address,
        cited=[counted, year, prisons],
        volatile=[chart, prisons_chart],
        zone=time_zone,
        explained=site.OF_FIGURES,
        counts=counted,
        chart=chart,
        weeks=year["items"],
        prisons=bars.rank(prisons["groups"])[: bars.MAX_ROWS],
        prisons_chart=prisons_chart,
        further_prisons=max(len(prisons["groups"]) - bars.MAX_ROWS, 0),
        changes=changes,
        has_claims=bool(comparisons),
        comparisons=[
            it for it in comparisons if reviews.may_list([claimants[it["claim"]["source_id"]]])
        ],
    )


def get_people_page(
    conn: queries.Connection,
    lang: Language,
    time_zone: str,
    address: Address,
    q: str | None,
    status: str | None,
    cursor: str | None,
) -> Answer:
    redacted = 0
    if q is None and status is not None:
        counted = _content(
            counts.list_counted_people(
                conn, None, _PEOPLE, cursor, Filters(), None, None, REQUIRED, status
            )
        )
        people, following = counted["items"], counted["next"]
        redacted = counted["redacted"][status]
    else:
        listed = detainees.list_detainees(conn, None, _PEOPLE, cursor, q, PeopleFilters())
        people, following = records.items(conn, "listDetainees", listed)
    return _page(
        "people.html",
        lang,
        address.ignoring(status=q and status),
        zone=time_zone,
        q=q,
        status=status,
        people=people,
        redacted=redacted,
        cursor=following,
    )


@queries.in_snapshot
def get_person_page(
    conn: queries.Connection, id: UUID, lang: Language, time_zone: str, address: Address
) -> Answer:
    person = records.record(conn, "getDetainee", detainees.get_detainee(conn, None, id))
    held, _ = records.items(
        conn, "listDetentions", detentions.list_detentions(conn, None, id, _MAX_DETENTIONS, None)
    )
    listed = release_events.list_release_events(
        conn, None, _MAX_DETENTIONS, None, ReleaseFilters(detainee_id=id), None, None, REQUIRED
    )
    events, _ = records.items(conn, "listReleaseEvents", listed)
    events = sorted(events, key=lambda event: str(event["occurred_on"]), reverse=True)
    releases, names = verified_releases.read(conn, events[:_MAX_RELEASES], lang, time_zone)
    facility_ids = {detention["facility_id"] for detention in held} - {None}
    return _page(
        "person.html",
        lang,
        address,
        cited=[release["verification"] for release in releases],
        zone=time_zone,
        person=person,
        deaths=verified_releases.count_deaths(releases, person["detention"]),
        detentions=sorted(held, key=lambda it: str(it["detained_on"] or ""), reverse=True),
        facilities=records.names(conn, "facilities/list", "Facility", facility_ids),
        releases=releases,
        older=events[_MAX_RELEASES:],
        names=names,
    )


@queries.in_snapshot
def get_release_page(
    conn: queries.Connection, id: UUID, lang: Language, time_zone: str, address: Address
) -> Answer:
    record = release_events.get_release_event(conn, None, id, media_types.JSON, address.base_url)
    event = records.record(conn, "getReleaseEvent", cast(Record, record))
    person = records.record(
        conn, "getDetainee", detainees.get_detainee(conn, None, UUID(event["detainee_id"]))
    )
    # A voided release has no verification.
    shown = [event] if event["voided_at"] is None else []
    releases, names = verified_releases.read(conn, shown, lang, time_zone)
    return _page(
        "release.html",
        lang,
        address,
        cited=[release["verification"] for release in releases],
        zone=time_zone,
        explained=site.OF_VERDICTS if releases else (),
        person=person,
        event=event,
        releases=releases,
        names=names,
    )


def get_certificate(
    conn: queries.Connection,
    id: UUID,
    as_of: datetime | None,
    recorded_as_of: datetime | None,
    lang: Language,
    time_zone: str,
    address: Address,
) -> Answer:
    """Return the certificate of a named person's release, at any pair of moments."""
    verification = _content(
        release_events.get_verification(conn, id, as_of, recorded_as_of, REQUIRED, time_zone)
    )
    # As recorded then: its day may have changed since, and it may have been merged.
    event = queries.row(
        conn, "release_events/get_recorded", id=id, moment=verification["recorded_as_of"]
    )
    if event is None or not event.detainee["is_named"]:
        raise not_found("certificate")
    code = site.qr_code(address.absolute(verification["citation"]["page"]))
    return _page(
        "certificate.html",
        lang,
        address,
        cited=[verification],
        volatile=[code],
        zone=time_zone,
        event=event,
        verification=verification,
        code=code,
    )


@queries.in_snapshot
def get_source_page(
    conn: queries.Connection,
    id: UUID,
    cursor: str | None,
    lang: Language,
    time_zone: str,
    address: Address,
) -> Answer:
    source = records.record(conn, "getSource", sources.get_source(conn, None, id))
    listed, following = records.items(
        conn,
        "listAttestations",
        attestations.list_attestations(conn, None, _PEOPLE, cursor, None, id),
    )
    event_ids = {attestation["release_event_id"] for attestation in listed}
    events = records.by_id(conn, "release_events/list", "ReleaseEvent", event_ids)
    published, has_more_claims = records.latest_claims(conn, id, _PEOPLE)
    others = {
        other
        for affiliation in source["affiliations"]
        for other in (affiliation["source_id"], affiliation["with_source_id"])
    } | {source["vouched_by"]}
    return _page(
        "source.html",
        lang,
        address,
        zone=time_zone,
        source=source,
        attestations=[
            {**attestation, "event": events.get(attestation["release_event_id"])}
            for attestation in listed
        ],
        claims=published,
        has_more_claims=has_more_claims,
        names=records.names(conn, "sources/list", "Source", others - {None})
        | records.facility_names(conn, published),
        cursor=following,
    )


@queries.in_snapshot
def get_figures_page(
    conn: queries.Connection,
    kind: str,
    cursor: str | None,
    lang: Language,
    time_zone: str,
    address: Address,
) -> Answer:
    filters = ClaimFilters(kind)
    compared = claims.list_comparisons(conn, _FIGURES, cursor, filters, None, REQUIRED, time_zone)
    content = _content(compared)
    comparisons = content["items"]
    claimants = _claimants(conn, comparisons)
    names = {id: source["name"] for id, source in claimants.items()}
    names |= records.facility_names(conn, [comparison["claim"] for comparison in comparisons])
    return _page(
        "figures.html",
        lang,
        address,
        zone=time_zone,
        claim_reviews=_claim_reviews(comparisons, claimants, address, lang),
        may_list=reviews.may_list(claimants.values()),
        kind=kind,
        comparisons=comparisons,
        chart=site.chart(
            lang, "claims", lambda style: bars.draw_claims(comparisons, names, time_zone, style)
        ),
        names=names,
        cursor=content["next"],
    )


@queries.in_snapshot
def get_announcement_page(
    conn: queries.Connection, id: UUID, lang: Language, time_zone: str, address: Address
) -> Answer:
    delivery = _content(claims.get_delivery(conn, id, None, None, REQUIRED, time_zone))
    announcement = delivery["announcement"]
    source = records.by_id(conn, "sources/list", "Source", {announcement["source_id"]})
    claimants = _claimants(conn, delivery["claims"])
    chart = site.chart(lang, "delivery", lambda style: bars.draw_delivery(delivery, style))
    return _page(
        "announcement.html",
        lang,
        address,
        cited=[delivery],
        volatile=[chart],
        claim_reviews=_claim_reviews(delivery["claims"], claimants, address, lang),
        may_list=reviews.may_list([*source.values(), *claimants.values()]),
        zone=time_zone,
        delivery=delivery,
        chart=chart,
        source=source[announcement["source_id"]],
        days=_days(announcement["published_at"], delivery["citation"]["as_of"]),
    )


def get_differences_page(
    conn: queries.Connection,
    span: Span,
    filters: Filters,
    min_sources: int,
    cursor: str | None,
    lang: Language,
    time_zone: str,
    address: Address,
) -> Answer:
    today = clock.present(conn).astimezone(ZoneInfo(time_zone)).date()
    span = differences.with_first_day(span, today)
    answer = _content(
        counts.list_differences(
            conn, None, _DIFFERENCES, cursor, span, filters, min_sources, time_zone
        )
    )
    first_day, following = address.query.get("from") or str(span.from_ or ""), answer["next"]
    return _page(
        "differences.html",
        lang,
        address,
        cited=[answer],
        # The cursor holds the moments.
        volatile=[following] if following else [],
        zone=time_zone,
        answer=answer,
        changes=differences.explain(conn, answer["items"], words.in_language(lang)),
        is_redacted=any(any(figures.values()) for figures in answer["redacted"].values()),
        following=following and address.url(lang, **{"from": first_day}, cursor=following),
        first_day=first_day,
        last_day=today.isoformat(),
        choices=differences.choices(conn, filters, time_zone, words.in_language(lang)),
    )


def get_citation_page(
    conn: queries.Connection, id: UUID, lang: Language, time_zone: str, address: Address
) -> Answer:
    """Return the page of a pinned citation. It names no detainee."""
    return _citation_page(conn, citations.get_citation(conn, id), lang, time_zone, address)


def get_cited_page(conn: queries.Connection, url: str, lang: Language, address: Address) -> Answer:
    """Return the page of any answer with a citation, by its url. It names no detainee."""
    question = cited_questions.read(url, address.base_url)
    if not question.has_all_moments:
        raise cited_questions.refused(url, "it leaves out a moment. Send the `url` of a citation.")
    cited = cited_questions.answer_of(conn, url, question)
    answer = Answer(pinned_citations.describe(conn, question, cited), url_weight=question.weight)
    return _citation_page(conn, answer, lang, question.arguments["time_zone"], address)


def _citation_page(
    conn: queries.Connection, answer: Answer, lang: Language, zone: str, address: Address
) -> Answer:
    citation = _content(answer)
    question, spoken = citation["question"], words.in_language(lang)
    group_by = question.arguments.get("group_by")
    changes = differences.explain(conn, citation["changes"], spoken)
    cited = labelled(conn, citation["answer"], group_by, zone, lang)
    draw = answers.drawer(question.operation_id, cited, group_by, spoken.zone(zone))
    page = _page(
        "citation.html",
        lang,
        address,
        zone=zone,
        citation={**citation, "answer": cited},
        group_by=group_by,
        chart=draw and site.chart(lang, "figures", draw),
        changes=changes,
        may_list=reviews.may_list_citation(conn, citation, changes),
    )
    return replace(page, url_weight=answer.url_weight)


def get_method_page(conn: queries.Connection, lang: Language, address: Address) -> Answer:
    first = queries.row(conn, "release_events/get_first_day")
    license = config.read().data_license
    described = dataset.describe(words.in_language(lang), address, first and first.day, license)
    return _page("method.html", lang, address, rule=RULE, dataset=described)


def _claim_reviews(
    compared: Sequence[Item], by_id: Mapping[str, Item], address: Address, lang: Language
) -> Sequence[Item]:
    """Return the reviews of the claims of a page, with their sources by id."""
    page = address.absolute(address.url(lang))
    return reviews.of_claims(compared, by_id, page, address.base_url, words.in_language(lang))


def _claimants(conn: queries.Connection, compared: Sequence[Item]) -> Mapping[str, Item]:
    """Return the sources of claims, by id."""
    ids = {comparison["claim"]["source_id"] for comparison in compared}
    return records.by_id(conn, "sources/list", "Source", ids)


def _page(
    template: str,
    lang: Language,
    address: Address,
    *,
    cited: Sequence[Item] = (),
    volatile: Sequence[str] = (),
    zone: str = "UTC",
    **values: Any,
) -> Answer:
    """Return a page.

    The moments of `cited` answers, and the `volatile` parts that contain them, such as a drawing,
    are no part of its entity tag. All other values of these parts must be in the page, too.
    """
    moments = words.in_language(lang).volatile(cited, zone)
    content = site.render(template, lang, address, zone=zone, **values)
    return Answer(content, [*volatile, *moments])


def _days(start: str, end: str) -> int:
    """Return the whole days between two moments."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).days


def _content(answer: Answer | Stream) -> Item:
    """Return the content of an answer. A list with a limit is no stream."""
    return cast(Item, cast(Answer, answer).content)
