"""Comparisons of claims with the counts, each at the moment of its claim, and deliveries."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg_pool import ConnectionPool

from api.database import clock, queries
from api.errors import FieldError, RequestError, invalid, not_found
from api.rendering import pagination, rows, streaming
from api.rendering.results import Answer, Item, Stream
from api.reports import citations, counts
from api.reports.citations import Moments
from api.reports.counts import Counted, Filters, Question
from api.wording import sentences

_DOCUMENTED = ("confirmed", "disputed", "reported")
"""The figures of people whose release is confirmed, disputed or reported."""

_MAX_CLAIMS = 200
_CLAIMS_PER_BLOCK = 50
"""Each claim takes queries of its own, during which a connection is held."""
_LIST = "listComparisons"


@dataclass(frozen=True, slots=True)
class ClaimFilters:
    """The filters of a list of comparisons. A filter that is None does not apply."""

    kind: str
    source_id: UUID | None = None
    facility_id: UUID | None = None
    nationality: str | None = None
    age_group: str | None = None
    announcement_id: UUID | None = None


def get_comparison(
    conn: queries.Connection,
    id: UUID,
    recorded_as_of: datetime | None,
    min_sources: int,
    time_zone: str,
) -> Mapping[str, Any]:
    """The cited comparison of one claim."""
    clock.make_final(conn, None, recorded_as_of)
    with queries.snapshot(conn):
        claim = _claim(conn, id, recorded_as_of)
        return _compare_claims(conn, [claim], recorded_as_of, min_sources, time_zone)[0]


def list_comparisons(
    conn: queries.Connection,
    limit: int | None,
    cursor: str | None,
    filters: ClaimFilters,
    recorded_as_of: datetime | None,
    min_sources: int,
    time_zone: str,
) -> Answer | Stream:
    """The comparisons of the claims that match the filters: a page, or without limit all."""
    clock.make_final(conn, None, recorded_as_of)
    parameters = queries.drop_none(
        **asdict(filters), recorded_as_of=recorded_as_of, sees_hidden=False
    )
    query = _query_of_claims(recorded_as_of)
    start = cursor and pagination.decode(_LIST, parameters, cursor)

    def read(
        conn: queries.Connection, after: str | None, limit: int
    ) -> tuple[Sequence[Item], str | None]:
        """The comparisons after a claim, and the id of the last claim if there are more."""
        after_claim = queries.drop_none(after=after)
        with queries.snapshot(conn):
            claims = rows.read(
                conn,
                query,
                "Claim",
                **parameters,
                **after_claim,
                limit=limit + 1,
            )
            shown = claims[:limit]
            items = _compare_claims(conn, shown, recorded_as_of, min_sources, time_zone)
        return items, shown[-1]["id"] if len(claims) > limit else None

    def blocks(pool: ConnectionPool[queries.Connection]) -> Iterator[Sequence[Item]]:
        after = start
        while True:
            with queries.borrowed_connection(pool) as conn:
                items, after = read(conn, after, _CLAIMS_PER_BLOCK)
            yield items
            if after is None:
                return

    if limit is None:
        return Stream(lambda pool: streaming.started(blocks(pool)))
    items, last = read(conn, start, limit)
    next_cursor = last and pagination.encode(_LIST, parameters, last)
    return Answer({"items": items, "next": next_cursor})


def delivery(
    conn: queries.Connection,
    id: UUID,
    as_of: datetime | None,
    recorded_as_of: datetime | None,
    min_sources: int,
    time_zone: str,
) -> Mapping[str, Any]:
    """The cited answer to what an announcement has delivered.

    It has the people whom the record names as part of the announcement, by status, and the claims
    that refer to it.
    """
    clock.make_final(conn, as_of, recorded_as_of)
    with queries.snapshot(conn):
        announcement = _claim(conn, id, recorded_as_of)
        if announcement["kind"] != "announced":
            raise not_found("announcement")
        question = Question(as_of, recorded_as_of, Filters(announcement_id=id))
        [counted] = counts.count(conn, [question], min_sources)
        until = datetime.fromisoformat(counted.moments.as_of)
        _check_published(announcement, until)
        named = _count_named(conn, id, recorded_as_of)
        claims = _claims_on_delivery(conn, id, until, recorded_as_of)
        compared = _compare_claims(conn, claims, recorded_as_of, min_sources, time_zone)
    moments, total = counted.moments, counted.total
    released = {name: total[name] for name in _DOCUMENTED}
    return citations.cited(
        {
            "announcement": announcement,
            "announced": announcement["value"],
            "named": named,
            **released,
            "still_held": named - sum(released.values()),
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


def _check_published(announcement: Item, as_of: datetime) -> None:
    """Raise `validation-error` if the announcement was published after a moment."""
    if as_of < datetime.fromisoformat(announcement["published_at"]):
        raise invalid(
            FieldError(
                "/as_of",
                "Is before the announcement was published. "
                f"Send {announcement['published_at']} (its published_at) or later.",
            )
        )


def _count_named(conn: queries.Connection, id: UUID, recorded_as_of: datetime | None) -> int:
    """Return how many people the record names as part of an announcement."""
    if recorded_as_of is None:
        named = queries.row(conn, "claims/count_named_people", announcement_id=id).named
    else:
        named = queries.row(
            conn,
            "claims/count_named_people_recorded",
            announcement_id=id,
            recorded_as_of=recorded_as_of,
        ).named
    return int(named)


def _claims_on_delivery(
    conn: queries.Connection, id: UUID, until: datetime, recorded_as_of: datetime | None
) -> Sequence[Item]:
    """Return the claims that count the delivery of an announcement, published by a moment."""
    return rows.read(
        conn,
        _query_of_claims(recorded_as_of),
        "Claim",
        announcement_id=id,
        until=until,
        limit=_MAX_CLAIMS,
        sees_hidden=False,
        **queries.drop_none(recorded_as_of=recorded_as_of),
    )


def _claim(conn: queries.Connection, id: UUID, recorded_as_of: datetime | None) -> Item:
    if recorded_as_of is None:
        claims = rows.read(conn, "claims/list", "Claim", id=id, limit=1, sees_hidden=False)
        if not claims:
            raise not_found("claim")
        if (voided_at := claims[0]["voided_at"]) is not None:
            raise RequestError(
                "not-found",
                f"This claim has no comparison or delivery: it was voided at {voided_at}, as a "
                f"mistake in recording. /v1/claims/{id} still shows it.",
            )
        return claims[0]
    claims = rows.read(
        conn,
        "claims/get_recorded",
        "Claim",
        id=id,
        recorded_as_of=recorded_as_of,
        sees_hidden=False,
    )
    if not claims:
        raise RequestError(
            "not-found",
            "No claim with this id was recorded by then. Send a later recorded_as_of, or none.",
        )
    return claims[0]


def _query_of_claims(recorded_as_of: datetime | None) -> str:
    return "claims/list_to_compare" if recorded_as_of is None else "claims/list_to_compare_recorded"


class _CountedTwice(NamedTuple):
    """The figures for a claim's scope and publication time, at two record times.

    `as_asked` is at the requested record time, `as_claimed` at the moment of the claim.
    """

    as_asked: Counted
    as_claimed: Counted


def _compare_claims(
    conn: queries.Connection,
    claims: Sequence[Item],
    recorded_as_of: datetime | None,
    min_sources: int,
    time_zone: str,
) -> Sequence[Item]:
    """The cited comparisons of claims. Needs a snapshot, so that all see the same record."""
    if not claims:
        return []
    questions = [
        Question(datetime.fromisoformat(claim["as_of"]), recorded_as_of, scope_of(claim))
        for claim in claims
    ]
    counted = _count_at_both_times(conn, questions, min_sources)
    names = citations.recorded_names(
        conn,
        counted[0].as_asked.moments,
        sources=list({claim["source_id"] for claim in claims}),
    )
    return [
        _cite_comparison(conn, claim, its_counts, min_sources, time_zone, names[claim["source_id"]])
        for claim, its_counts in zip(claims, counted, strict=True)
    ]


def scope_of(claim: Item) -> Filters:
    """The scope of a claim as filters of counts."""
    facility, window_start = claim["facility_id"], claim["window_start"]
    return Filters(
        facility_id=None if facility is None else UUID(facility),
        nationality=claim["nationality"],
        age_group=claim["age_group"],
        occurred_from=None if window_start is None else date.fromisoformat(window_start),
    )


def _count_at_both_times(
    conn: queries.Connection, questions: Sequence[Question], min_sources: int
) -> Sequence[_CountedTwice]:
    as_asked = counts.count(conn, questions, min_sources)
    recorded_later = [
        question
        for question, answer in zip(questions, as_asked, strict=True)
        if _is_recorded_later(answer.moments)
    ]
    then = [replace(question, recorded_as_of=question.as_of) for question in recorded_later]
    as_claimed = dict(zip(recorded_later, counts.count(conn, then, min_sources), strict=True))
    return [
        _CountedTwice(answer, as_claimed.get(question, answer))
        for question, answer in zip(questions, as_asked, strict=True)
    ]


def _is_recorded_later(moments: Moments) -> bool:
    as_of, recorded_as_of = map(datetime.fromisoformat, (moments.as_of, moments.recorded_as_of))
    return recorded_as_of > as_of


def _cite_comparison(
    conn: queries.Connection,
    claim: Item,
    counted: _CountedTwice,
    min_sources: int,
    time_zone: str,
    source: str,
) -> Item:
    figures, claimed = counted.as_asked.total, claim["value"]
    undisclosed, scope = counted.as_asked.undisclosed, scope_of(claim).active()
    verdict, reason = _verdict(claim["kind"], claimed, claim["qualifier"], figures, undisclosed)
    recorded = counted.as_asked.moments
    moments = Moments(claim["as_of"], recorded.recorded_as_of, recorded.ledger_seq)
    return citations.cited(
        {
            "claim": claim,
            "claimed": claimed,
            **{name: figures[name] for name in _DOCUMENTED},
            "undisclosed": undisclosed if scope else None,
            "gap": claimed - figures["confirmed"] if reason is None else None,
            "verdict": verdict,
            "reason": reason,
            "recorded_then": {name: counted.as_claimed.total[name] for name in _DOCUMENTED},
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
            kind=claim["kind"],
            value=claimed,
            qualifier=claim["qualifier"],
            was_retracted=claim["retracted_at"] is not None,
            confirmed=figures["confirmed"],
            min_sources=min_sources,
            scope=citations.scope(conn, scope, moments),
            is_confidential=claim["is_confidential"],
            undisclosed=sum(undisclosed.values()),
        ),
    )


def _verdict(
    kind: str,
    claimed: int | None,
    qualifier: str,
    figures: Mapping[str, int],
    undisclosed: Mapping[str, int],
) -> tuple[str, str | None]:
    """How a claimed figure compares with the documented ones, and the reason if it does not.

    A claim that undisclosed people may make true is not above the documented figure. A lower bound
    is never below what is confirmed, and an upper bound never above what is documented.
    """
    if kind != "released":
        return "not_comparable", "another_kind"
    if claimed is None:
        return "not_comparable", "no_figure"
    if claimed < figures["confirmed"] and qualifier != "at_least":
        return "below_confirmed", None
    documented = sum(figures[name] + undisclosed[name] for name in _DOCUMENTED)
    if claimed > documented and qualifier != "at_most":
        return "above_documented", None
    return "within_documented", None
