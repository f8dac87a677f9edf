"""Operations on pages: the answers of other operations, as HTML for readers.

A page shows what the public sees. It calls the functions of other operations without a caller.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import orjson

from api import config
from api.config import Language
from api.contract import document
from api.database import clock, queries
from api.errors import not_found
from api.operations import (
    attestations,
    claims,
    counts,
    detainees,
    detentions,
    release_events,
    sources,
)
from api.operations.detainees import PeopleFilters
from api.operations.release_events import ReleaseFilters
from api.pages import dataset, reasons, site, words
from api.pages.site import Address
from api.rendering import media_types, rows
from api.rendering.results import Answer, Item, Page, Record, Stream
from api.reports import reviews
from api.reports.comparisons import ClaimFilters
from api.reports.counts import Filters
from api.verification.rule import REQUIRED, RULE

_CHANGES, _CLAIMS = 8, 5
_CHARTED = timedelta(weeks=52)
_PEOPLE, _FIGURES = 30, 20
_MAX_RELEASES = 5
"""The releases of a person that a page explains. Its weight must not depend on the person."""
_MAX_ATTESTATIONS = 100
_MAX_DETENTIONS = 50


def get_home_page(
    conn: queries.Connection, lang: Language, time_zone: str, base_url: str
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
    chart = site.timeline(year, lang)
    changes = queries.rows(conn, "release_events/list_feed", limit=_CHANGES)
    return _page(
        "home.html",
        lang,
        Address(base_url, "/"),
        cited=[counted, year],
        drawings=[chart],
        zone=time_zone,
        counts=counted,
        chart=chart,
        weeks=_changed(year["items"]),
        changes=changes,
        comparisons=_content(compared)["items"],
    )


def get_people_page(
    conn: queries.Connection,
    lang: Language,
    time_zone: str,
    base_url: str,
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
        people, following = _items(conn, "listDetainees", listed)
    asked = {"q": q, "status": status, "cursor": cursor}
    return _page(
        "people.html",
        lang,
        Address(base_url, "/people", _query(**asked)),
        q=q,
        status=status,
        people=people,
        redacted=redacted,
        cursor=following,
    )


def get_person_page(
    conn: queries.Connection, id: UUID, lang: Language, time_zone: str, base_url: str
) -> Answer:
    person = _record(conn, "getDetainee", detainees.get_detainee(conn, None, id))
    held, _ = _items(
        conn, "listDetentions", detentions.list_detentions(conn, None, id, _MAX_DETENTIONS, None)
    )
    of_person = ReleaseFilters(detainee_id=id)
    listed = release_events.list_release_events(
        conn, None, _MAX_DETENTIONS, None, of_person, None, None, REQUIRED
    )
    events, _ = _items(conn, "listReleaseEvents", listed)
    events = sorted(events, key=lambda event: str(event["occurred_on"]), reverse=True)
    releases, names = _explained(conn, events[:_MAX_RELEASES], lang, time_zone)
    facility_ids = {detention["facility_id"] for detention in held} - {None}
    return _page(
        "person.html",
        lang,
        Address(base_url, f"/people/{id}"),
        cited=[release["verification"] for release in releases],
        zone=time_zone,
        person=person,
        detentions=sorted(held, key=lambda it: str(it["detained_on"] or ""), reverse=True),
        facilities=_names(conn, "facilities/list", "Facility", facility_ids),
        releases=releases,
        older=events[_MAX_RELEASES:],
        names=names,
    )


def get_release_page(
    conn: queries.Connection, id: UUID, lang: Language, time_zone: str, base_url: str
) -> Answer:
    record = release_events.get_release_event(conn, None, id, media_types.JSON, base_url)
    event = _record(conn, "getReleaseEvent", cast(Record, record))
    person = _record(
        conn, "getDetainee", detainees.get_detainee(conn, None, UUID(event["detainee_id"]))
    )
    # A voided release has no verification.
    shown = [event] if event["voided_at"] is None else []
    releases, names = _explained(conn, shown, lang, time_zone)
    return _page(
        "release.html",
        lang,
        Address(base_url, f"/releases/{id}"),
        cited=[release["verification"] for release in releases],
        zone=time_zone,
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
    base_url: str,
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
    moments = _query(as_of=as_of, recorded_as_of=recorded_as_of)
    address = Address(base_url, f"/releases/{id}/certificate", moments)
    code = site.qr_code(address.absolute(verification["citation"]["url"]))
    return _page(
        "certificate.html",
        lang,
        address,
        cited=[verification],
        drawings=[code],
        zone=time_zone,
        event=event,
        verification=verification,
        code=code,
    )


def get_source_page(
    conn: queries.Connection,
    id: UUID,
    cursor: str | None,
    lang: Language,
    time_zone: str,
    base_url: str,
) -> Answer:
    source = _record(conn, "getSource", sources.get_source(conn, None, id))
    listed, following = _items(
        conn,
        "listAttestations",
        attestations.list_attestations(conn, None, _PEOPLE, cursor, None, id),
    )
    event_ids = {attestation["release_event_id"] for attestation in listed}
    events = _records(conn, "release_events/list", "ReleaseEvent", event_ids)
    published, further = _items(
        conn, "listClaims", claims.list_claims(conn, None, _PEOPLE, None, None, id, None)
    )
    others = {
        other
        for affiliation in source["affiliations"]
        for other in (affiliation["source_id"], affiliation["with_source_id"])
    } | {source["vouched_by"]}
    return _page(
        "source.html",
        lang,
        Address(base_url, f"/sources/{id}", _query(cursor=cursor)),
        zone=time_zone,
        source=source,
        attestations=[
            {**attestation, "event": events.get(attestation["release_event_id"])}
            for attestation in listed
        ],
        claims=published,
        has_more_claims=further is not None,
        names=_names(conn, "sources/list", "Source", others - {None}),
        cursor=following,
    )


def get_figures_page(
    conn: queries.Connection,
    kind: str,
    cursor: str | None,
    lang: Language,
    time_zone: str,
    base_url: str,
) -> Answer:
    filters = ClaimFilters(kind)
    compared = claims.list_comparisons(conn, _FIGURES, cursor, filters, None, REQUIRED, time_zone)
    content = _content(compared)
    address = Address(base_url, "/figures", {"kind": kind, **_query(cursor=cursor)})
    return _page(
        "figures.html",
        lang,
        address,
        zone=time_zone,
        claim_reviews=_claim_reviews(conn, content["items"], address, lang),
        kind=kind,
        comparisons=content["items"],
        cursor=content["next"],
    )


def get_announcement_page(
    conn: queries.Connection, id: UUID, lang: Language, time_zone: str, base_url: str
) -> Answer:
    delivery = _content(claims.get_delivery(conn, id, None, None, REQUIRED, time_zone))
    announcement = delivery["announcement"]
    address = Address(base_url, f"/announcements/{id}")
    return _page(
        "announcement.html",
        lang,
        address,
        claim_reviews=_claim_reviews(conn, delivery["claims"], address, lang),
        cited=[delivery],
        zone=time_zone,
        delivery=delivery,
        source=_names(conn, "sources/list", "Source", {announcement["source_id"]}),
        days=_days(announcement["published_at"], delivery["citation"]["as_of"]),
    )


def get_method_page(conn: queries.Connection, lang: Language, base_url: str) -> Answer:
    address = Address(base_url, "/method")
    first = queries.row(conn, "release_events/get_first_day")
    license = config.read().data_license
    described = dataset.describe(words.in_language(lang), address, first and first.day, license)
    return _page("method.html", lang, address, rule=RULE, dataset=described)


def _claim_reviews(
    conn: queries.Connection, compared: Sequence[Item], address: Address, lang: Language
) -> Sequence[Item]:
    """Return the reviews of the claims of a page."""
    ids = {comparison["claim"]["source_id"] for comparison in compared}
    by_id = _records(conn, "sources/list", "Source", ids)
    page = address.absolute(address.url(lang))
    return reviews.of_claims(compared, by_id, page, address.base_url, words.in_language(lang))


def _explained(
    conn: queries.Connection, events: Sequence[Item], lang: Language, time_zone: str
) -> tuple[Sequence[Item], Mapping[str, str]]:
    """Return releases with all that a page shows of them, and the names of their sources."""
    verified = [_verified(conn, event, time_zone) for event in events]
    of_events = [attestations for _, attestations, _ in verified]
    relays = [relay for listed in of_events for a in listed for relay in a["relays"]]
    ids = {a["source_id"] for listed in of_events for a in listed}
    names = _names(
        conn, "sources/list", "Source", ids | {relay["source_id"] for relay in relays} - {None}
    )
    language = words.in_language(lang)
    return [
        {
            "event": event,
            "verification": verification,
            "attestations": _with_origins(listed, verification, names),
            "has_more": has_more,
            "reasons": reasons.explain(verification, listed, has_more, names, language),
        }
        for event, (verification, listed, has_more) in zip(events, verified, strict=True)
    ], names


def _verified(
    conn: queries.Connection, event: Item, time_zone: str
) -> tuple[Item, Sequence[Item], bool]:
    """Return the verification of a release, its attestations by time, and whether it has more."""
    id = UUID(event["id"])
    verification = _content(
        release_events.get_verification(conn, id, None, None, REQUIRED, time_zone)
    )
    listed, following = _items(
        conn,
        "listAttestations",
        attestations.list_attestations(conn, None, _MAX_ATTESTATIONS, None, id, None),
    )
    by_time = sorted(listed, key=lambda attestation: str(attestation["published_at"]))
    return verification, by_time, following is not None


def _with_origins(
    listed: Sequence[Item], verification: Item, names: Mapping[str, str]
) -> Sequence[Item]:
    """Return attestations with the names of what they relay, and why they do not count."""
    source_of = {attestation["id"]: attestation["source_id"] for attestation in listed}
    excluded = {item["attestation_id"]: item["reason"] for item in verification["not_counted"]}
    return [
        {
            **attestation,
            "origins": [
                names[source]
                for relay in attestation["relays"]
                if (source := relay["source_id"] or source_of.get(relay["attestation_id"]))
            ],
            "reason": excluded.get(attestation["id"]),
        }
        for attestation in listed
    ]


def _page(
    template: str,
    lang: Language,
    address: Address,
    *,
    cited: Sequence[Item] = (),
    drawings: Sequence[str] = (),
    zone: str = "UTC",
    **values: Any,
) -> Answer:
    """Return a page.

    The moments of `cited` answers, and the drawings that contain them, are no part of its entity
    tag. All other values of a drawing must be in the page, too.
    """
    volatile = words.in_language(lang).volatile(cited, zone)
    content = site.render(template, lang, address, zone=zone, **values)
    return Answer(content, [*drawings, *volatile])


def _changed(items: Sequence[Item]) -> Sequence[Item]:
    """Return the items of a timeline whose figures differ from those of the item before."""
    names = ("confirmed", "reported", "disputed")
    return [
        item
        for before, item in zip([None, *items], items, strict=False)
        if before is None or any(before[name] != item[name] for name in names)
    ]


def _days(start: str, end: str) -> int:
    """Return the whole days between two moments."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).days


def _content(answer: Answer | Stream) -> Item:
    """Return the content of an answer. A list with a limit is no stream."""
    return cast(Item, cast(Answer, answer).content)


def _record(conn: queries.Connection, operation_id: str, record: Record) -> Any:
    """Return the object of a record, as its operation responds with it."""
    return orjson.loads(rows.record(conn, document.load().operation(operation_id), record))


def _items(
    conn: queries.Connection, operation_id: str, page: Page
) -> tuple[Sequence[Any], str | None]:
    """Return the items of a page of a list, and the cursor of the next one."""
    bodies, following = rows.page(
        conn, document.load().operation(operation_id), page, cast(int, page.limit)
    )
    return [orjson.loads(body) for body in bodies], following.get("cursor")


def _names(conn: queries.Connection, query: str, schema: str, ids: set[str]) -> Mapping[str, str]:
    """Return the public names of records, by id."""
    return {id: item["name"] for id, item in _records(conn, query, schema, ids).items()}


def _records(
    conn: queries.Connection, query: str, schema: str, ids: set[str]
) -> Mapping[str, Item]:
    """Return records as the public sees them, by id; without release events that are void."""
    if not ids:
        return {}
    scope = {} if schema == "Facility" else {"sees_hidden": False}
    items = rows.read(conn, query, schema, ids=list(ids), limit=len(ids), **scope)
    return {item["id"]: item for item in items}


def _query(**parameters: Any) -> Mapping[str, Any]:
    """Return the parameters of an address that are sent, as text."""
    return {
        name: clock.rfc3339(value) if isinstance(value, datetime) else value
        for name, value in parameters.items()
        if value is not None
    }
