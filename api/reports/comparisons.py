"""Compare claims with what is confirmed, each claim at its own moment."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from psycopg_pool import ConnectionPool

from api.database import clock, queries
from api.errors import FieldError, RequestError, invalid, not_found
from api.rendering import pagination, rows, streaming
from api.rendering.results import Answer, Item, Stream
from api.reports import counts as figures
from api.reports import sentences
from api.reports.citations import cited, recorded_names, scope
from api.reports.counts import Counted, Filters, Moments

_WITHIN = ("confirmed", "disputed", "reported")
# What a claim speaks of, as a filter of counts.
_SCOPE = {
    "facility_id": "facility_id",
    "nationality": "nationality",
    "age_group": "age_group",
    "window_start": "occurred_from",
}
_MOST_CLAIMS = 200
# Each claim takes queries of its own, during which a connection is held.
_BLOCK_CLAIMS = 50
_LIST = "listComparisons"


def compare(
    conn: queries.Connection,
    id: UUID,
    recorded_as_of: datetime | None,
    min_sources: int,
    time_zone: str,
) -> Mapping[str, Any]:
    clock.settle(conn, None, recorded_as_of)
    with queries.snapshot(conn):
        claim = _claim(conn, id, recorded_as_of)
        return _compared(conn, [claim], recorded_as_of, min_sources, time_zone)[0]


def compare_all(
    conn: queries.Connection,
    limit: int | None,
    cursor: str | None,
    filters: Mapping[str, Any],
    recorded_as_of: datetime | None,
    min_sources: int,
    time_zone: str,
) -> Answer | Stream:
    """Return comparisons of the claims that match `filters`: a page, or without limit all."""
    clock.settle(conn, None, recorded_as_of)
    parameters = queries.drop_none(**filters, recorded_as_of=recorded_as_of, sees_hidden=False)
    start = cursor and pagination.decode(_LIST, parameters, cursor)

    def read(
        conn: queries.Connection, after: str | None, limit: int
    ) -> tuple[Sequence[Item], str | None]:
        """Return comparisons after a claim, and the id of the last claim if there are more."""
        after_claim = queries.drop_none(after=after)
        with queries.snapshot(conn):
            claims = rows.read(
                conn,
                "claims/list_to_compare",
                "Claim",
                **parameters,
                **after_claim,
                limit=limit + 1,
            )
            shown = claims[:limit]
            compared = _compared(conn, shown, recorded_as_of, min_sources, time_zone)
        return compared, shown[-1]["id"] if len(claims) > limit else None

    def blocks(pool: ConnectionPool[queries.Connection]) -> Iterator[Sequence[Item]]:
        after = start
        while True:
            with queries.Lent(pool) as conn:
                items, after = read(conn, after, _BLOCK_CLAIMS)
            yield items
            if after is None:
                return

    if limit is None:
        return Stream(lambda pool: streaming.started(blocks(pool)))
    items, last = read(conn, start, limit)
    following = last and pagination.encode(_LIST, parameters, last)
    return Answer({"items": items, "next": following})


def delivery(
    conn: queries.Connection,
    id: UUID,
    as_of: datetime | None,
    recorded_as_of: datetime | None,
    min_sources: int,
    time_zone: str,
) -> Mapping[str, Any]:
    clock.settle(conn, as_of, recorded_as_of)
    with queries.snapshot(conn):
        announcement = _claim(conn, id, recorded_as_of)
        if announcement["kind"] != "announced":
            raise not_found("announcement")
        recorded = queries.drop_none(recorded_as_of=recorded_as_of)
        counted = figures.count(conn, as_of, recorded_as_of, min_sources, {"announcement_id": id})
        until = datetime.fromisoformat(counted.moments.as_of)
        if until < datetime.fromisoformat(announcement["published_at"]):
            raise invalid(FieldError("/as_of", "Lies before the announcement was published."))
        named = queries.row(conn, "claims/count_named_people", announcement_id=id, **recorded).named
        claims = rows.read(
            conn,
            "claims/list_to_compare",
            "Claim",
            announcement_id=id,
            until=until,
            limit=_MOST_CLAIMS,
            sees_hidden=False,
            **recorded,
        )
        compared = _compared(conn, claims, recorded_as_of, min_sources, time_zone)
    moments, total = counted.moments, counted.total
    out = {name: total[name] for name in _WITHIN}
    return cited(
        {
            "announcement": announcement,
            "announced": announcement["value"],
            "named": named,
            **out,
            "still_held": named - sum(out.values()),
            "claims": compared,
        },
        f"/v1/claims/{id}/delivery",
        {
            "as_of": moments.as_of,
            "recorded_as_of": moments.recorded_as_of,
            "min_sources": min_sources,
            "time_zone": time_zone,
        },
        moments,
        sentences.delivery(
            until,
            time_zone,
            announcement["value"],
            announcement["qualifier"],
            announcement["retracted_at"] is not None,
            named,
            total["confirmed"],
            min_sources,
        ),
    )


def _claim(conn: queries.Connection, id: UUID, recorded_as_of: datetime | None) -> Item:
    recorded = queries.drop_none(recorded_as_of=recorded_as_of)
    found = rows.read(conn, "claims/list", "Claim", id=id, limit=1, sees_hidden=False, **recorded)
    if not found and recorded:
        raise RequestError("not-found", "No claim with this id was recorded by then.")
    if not found:
        raise not_found("claim")
    return found[0]


def _compared(
    conn: queries.Connection,
    claims: Sequence[Item],
    recorded_as_of: datetime | None,
    min_sources: int,
    time_zone: str,
) -> Sequence[Item]:
    """Each claim beside what is confirmed in its own window and scope, at its own moment; all
    within one snapshot."""
    if not claims:
        return []
    counts: dict[Any, tuple[Counted, Counted]] = {}
    counted = []
    for claim in claims:
        # Who passes a figure on speaks of the same people at the same moment, often.
        asked = claim["as_of"], *(claim[name] for name in _SCOPE)
        if asked not in counts:
            counts[asked] = _counted(conn, claim, recorded_as_of, min_sources)
        counted.append(counts[asked])
    names = recorded_names(
        conn,
        counted[0][0].moments,
        sources=list({UUID(claim["source_id"]) for claim in claims}),
    )
    return [
        _comparison(conn, claim, now, then, min_sources, time_zone, names[UUID(claim["source_id"])])
        for claim, (now, then) in zip(claims, counted, strict=True)
    ]


def _counted(
    conn: queries.Connection, claim: Item, recorded_as_of: datetime | None, min_sources: int
) -> tuple[Counted, Counted]:
    """The people that a claim is about, as the record has them, and as it had them at the claim's
    own moment."""
    as_of, filters = datetime.fromisoformat(claim["as_of"]), _filters(claim)
    now = figures.count(conn, as_of, recorded_as_of, min_sources, filters)
    recorded = datetime.fromisoformat(now.moments.recorded_as_of)
    if recorded <= as_of:
        return now, now
    return now, figures.count(conn, as_of, as_of, min_sources, filters)


def _filters(claim: Item) -> Filters:
    filters = {of: claim[name] for name, of in _SCOPE.items() if claim[name] is not None}
    if "facility_id" in filters:
        filters["facility_id"] = UUID(filters["facility_id"])
    if "occurred_from" in filters:
        filters["occurred_from"] = date.fromisoformat(filters["occurred_from"])
    return filters


def _comparison(
    conn: queries.Connection,
    claim: Item,
    now: Counted,
    then: Counted,
    min_sources: int,
    time_zone: str,
    source: str,
) -> Item:
    figures_now, claimed = now.total, claim["value"]
    verdict, reason = _verdict(claim["kind"], claimed, figures_now)
    moments = Moments(claim["as_of"], now.moments.recorded_as_of, now.moments.ledger_seq)
    return cited(
        {
            "claim": claim,
            "claimed": claimed,
            **{name: figures_now[name] for name in _WITHIN},
            "gap": claimed - figures_now["confirmed"] if reason is None else None,
            "verdict": verdict,
            "reason": reason,
            "recorded_then": {name: then.total[name] for name in _WITHIN},
        },
        f"/v1/claims/{claim['id']}/comparison",
        {
            "recorded_as_of": moments.recorded_as_of,
            "min_sources": min_sources,
            "time_zone": time_zone,
        },
        moments,
        sentences.comparison(
            datetime.fromisoformat(moments.as_of),
            time_zone,
            source,
            claim["kind"],
            claimed,
            claim["qualifier"],
            claim["retracted_at"] is not None,
            figures_now["confirmed"],
            min_sources,
            scope(conn, _filters(claim), moments),
        ),
    )


def _verdict(kind: str, claimed: int | None, counted: Mapping[str, int]) -> tuple[str, str | None]:
    """What a claim is beside what is documented, in a word, and why there is none."""
    if kind != "released":
        return "not_comparable", "another_kind"
    if claimed is None:
        return "not_comparable", "no_figure"
    if claimed < counted["confirmed"]:
        return "below_confirmed", None
    documented = sum(counted[name] for name in _WITHIN)
    return ("within_documented" if claimed <= documented else "above_documented"), None
