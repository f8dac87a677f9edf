"""Whether a cited answer still holds, and if not, since when and why.

The same question is asked with the publication times of the citation and with all that is recorded
now. An answer still holds if its figures are the same. What the public may know of hidden people
can move them between figures too, and that is no change: then the changed people decide, as in
differences. If there are none, the answer changed where the public figures prove it: where no
values of the undisclosed people make both answers the same. Else that is undecided.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from itertools import chain, islice, pairwise
from typing import Any, cast
from uuid import UUID

from api.database import queries
from api.errors import RequestError
from api.rendering.results import Item
from api.reports import citations, comparisons
from api.reports.changed_people import Statuses
from api.reports.cited_questions import CitedQuestion
from api.reports.counts import PROPERTIES_OF_PEOPLE, Filters
from api.reports.differences import ChangedRelease, Differences, Position
from api.verification.counting import FIGURES, STATUSES

_MAX_CHANGES = 10
_MAX_CORRECTIONS = 240
_MAX_QUESTIONS = 8
"""At most this many ends of a timeline that differ are compared: each takes as long as a list of
differences."""
_DOCUMENTED = ("confirmed", "disputed", "reported")


@dataclass(frozen=True, slots=True)
class State:
    """What became of a cited answer. `present` is today's citation, if the figures differ.

    If they differ and it is not `changed`, it is undecided whether the answer still holds.
    `people_changed` is the number of changed people, `differences` the path that lists them, and
    `changes` has some of them.
    """

    changed: bool = False
    since: str | None = None
    people_changed: int = 0
    changes: Sequence[Item] = ()
    differences: str | None = None
    present: Item | None = None


def describe(conn: queries.Connection, question: CitedQuestion, cited: Item) -> Item:
    """Return what a citation shows of its answer, and what became of it.

    The `question` has all its moments.
    """
    citation = cited["citation"]
    moments = citations.cited_moments(citation)
    return {
        **citation,
        "verified": True,
        "question": question,
        "asked": question.in_words(conn, moments),
        "answer": cited,
        "figure": citations.cited_properties(cited),
        "people": _people(question, cited),
        **asdict(state(conn, question, cited)),
    }


def _people(question: CitedQuestion, cited: Item) -> str | None:
    """Return the path of the people behind the figures, at their last moment."""
    if question.operation_id == "getVerification":
        return None
    if question.operation_id == "getTimeline":
        as_of, filters = cited["until"], question.filters
    else:
        as_of, filters = next(_questions(question, cited, cited))
    asked = {
        "as_of": as_of,
        "recorded_as_of": cited["citation"]["recorded_as_of"],
        "min_sources": question.arguments["min_sources"],
    }
    return citations.url("/v1/counts/people", {**asked, **filters.active()})


def state(conn: queries.Connection, question: CitedQuestion, cited: Item) -> State:
    """Return what became of the cited answer to a question that has all its moments."""
    try:
        present = question.at_present().answer(conn)
    except RequestError as error:
        if error.slug != "not-found":
            raise
        # The release event may have been merged before the surviving one became void.
        void = question.at_present().with_surviving_release(conn) or question
        return _of_records(conn, cited, [str(void.id)], State(changed=True))
    figures = _FIGURES[question.operation_id]
    if figures(cited) == figures(present):
        return State()
    state = State(present=present["citation"])
    if question.operation_id == "getVerification":
        return _of_release(conn, cited, present, replace(state, changed=True))
    state = _of_people(conn, question, cited, present, state)
    ids = _claims(cited) | _claims(present)
    if not state.changed and (
        not _depends_on_disclosure(question, cited) or _contradicts(question, cited, present)
    ):
        state = replace(state, changed=True)
    return _of_records(conn, cited, sorted(ids), state)


# The figures of an answer, which decide whether it holds. The reasons of a verdict can change
# without it, and the comparisons of a delivery have citations.


def _figures_of_counts(answer: Item) -> Any:
    groups = answer["groups"] and [
        {name: value for name, value in group.items() if name != "label"}
        for group in answer["groups"]
    ]
    return [answer[name] for name in (*FIGURES, "undisclosed")], groups


def _figures_of_comparison(answer: Item) -> Any:
    return [answer[name] for name in (*_DOCUMENTED, "undisclosed", "verdict")], _retractions(
        [answer["claim"]]
    )


def _figures_of_delivery(answer: Item) -> Any:
    claims = [answer["announcement"], *(comparison["claim"] for comparison in answer["claims"])]
    return [answer[name] for name in ("named", *_DOCUMENTED)], _retractions(claims)


def _retractions(claims: Sequence[Item]) -> Any:
    return [(claim["id"], claim["retracted_at"]) for claim in claims]


def _values(*names: str) -> Callable[[Item], Any]:
    return lambda answer: [answer[name] for name in names]


_FIGURES: Mapping[str, Callable[[Item], Any]] = {
    "getCounts": _figures_of_counts,
    "getTimeline": _values("items"),
    "listDifferences": _values("totals", "became_confirmed", "no_longer_confirmed"),
    "getComparison": _figures_of_comparison,
    "getDelivery": _figures_of_delivery,
    "getVerification": _values(
        "status", "independent_sources", "independent_denials", "since", "kinds"
    ),
}


def _claims(answer: Item) -> set[str]:
    """Return the ids of the claims that an answer is about."""
    if "announcement" in answer:
        compared = [comparison["claim"] for comparison in answer["claims"]]
        return {claim["id"] for claim in (answer["announcement"], *compared)}
    return {answer["claim"]["id"]} if "claim" in answer else set()


def _depends_on_disclosure(question: CitedQuestion, cited: Item) -> bool:
    group_by = question.arguments.get("group_by")
    return group_by in PROPERTIES_OF_PEOPLE or _filters_people(question, cited)


def _filters_people(question: CitedQuestion, cited: Item) -> bool:
    asked = {**question.arguments, **cited.get("claim", {})}
    return any(asked.get(name) is not None for name in PROPERTIES_OF_PEOPLE)


def _contradicts(question: CitedQuestion, cited: Item, present: Item) -> bool:
    """Return whether no values of the undisclosed people make both answers the same."""
    groups = _groups(cited.get("groups") or (), present.get("groups") or ())
    is_filtered = _filters_people(question, cited)
    before, after = (
        _counted(answer, groups, is_filtered=is_filtered) for answer in (cited, present)
    )
    return any(
        least > most_now or least_now > most
        for then, now in zip(before, after, strict=True)
        for (least, most), (least_now, most_now) in zip(_bounds(then), _bounds(now), strict=True)
    )


def _counted(answer: Item, groups: Sequence[str], *, is_filtered: bool) -> Sequence[Item]:
    """Return the figures of an answer, each with its undisclosed people: the total, and these
    groups.
    """
    if "totals" in answer:
        return [answer["totals"][name] for name in ("before", "after")]
    if "items" in answer:
        return cast(Sequence[Item], answer["items"])
    undisclosed = answer["undisclosed"]
    by_value = {group["value"]: group for group in answer.get("groups") or ()}
    nobody = dict.fromkeys(FIGURES, 0)
    return [
        # A person who is undisclosed only in groups is in the total.
        {**answer, "undisclosed": undisclosed if is_filtered else None},
        *({**by_value.get(group, nobody), "undisclosed": undisclosed} for group in groups),
    ]


def _bounds(figures: Item) -> Iterator[tuple[int, int]]:
    """Yield, for each status, how many people at least and at most have it or a stronger one.

    An undisclosed person may have a weaker status among the figures.
    """
    least = undisclosed = 0
    for status in STATUSES:
        if status in figures:
            least += figures[status]
            undisclosed += (figures["undisclosed"] or {}).get(status, 0)
            yield least, least + undisclosed


# Why an answer changed.


def _of_people(
    conn: queries.Connection, question: CitedQuestion, cited: Item, present: Item, state: State
) -> State:
    """Add the changed people, where the answers differ."""
    recorded = (cited["citation"]["recorded_as_of"], present["citation"]["recorded_as_of"])
    arguments = question.arguments
    group_by = arguments.get("group_by")
    for as_of, filters in islice(_questions(question, cited, present), _MAX_QUESTIONS):
        position = Position(as_of, as_of, *recorded, None)
        differences = Differences(position, filters, arguments["min_sources"], None, group_by)
        everybody = differences.people(conn)
        people_changed = everybody.count(lambda _: True)
        if not people_changed:
            continue
        items, _ = differences.read(conn, position, _MAX_CHANGES)
        if not everybody.count(_has_other_status):
            # All of them are in another group. The figure of a group may differ for another reason:
            # a person was withheld.
            for group in _groups(cited["groups"], present["groups"]):
                group_filters = replace(filters, **_filter_of_group(arguments["group_by"], group))
                in_group = Differences(position, group_filters, arguments["min_sources"], None)
                if in_group.people(conn).count(bool):
                    filters = group_filters
                    break
        path = citations.url(
            "/v1/differences",
            {
                "from": position.from_,
                "until": position.until,
                "from_recorded": position.from_recorded,
                "until_recorded": position.until_recorded,
                "min_sources": arguments["min_sources"],
                **filters.active(),
            },
        )
        return replace(
            state,
            changed=True,
            since=differences.since(conn),
            people_changed=people_changed,
            changes=[{name: item[name] for name in _CHANGE} for item in items],
            differences=path,
        )
    return state


def _has_other_status(statuses: Statuses) -> bool:
    return statuses[:2] != statuses[2:]


_CHANGE = ("release_event_id", "before", "after", "at", "because")
"""What a citation tells of a difference: not who the person is."""


def _questions(
    question: CitedQuestion, cited: Item, present: Item
) -> Iterator[tuple[str, Filters]]:
    """Yield the publication times and filters at which people may have changed."""
    filters = question.filters
    if question.operation_id == "getTimeline":
        yield from ((at, filters) for at in _ends(cited["items"], present["items"]))
    elif question.operation_id == "listDifferences":
        yield cited["until"], filters
        # Of two record times, the first one stays.
        if cited["from_recorded"] == cited["until_recorded"]:
            yield cited["from"], filters
    elif "claim" in cited:
        yield cited["claim"]["as_of"], comparisons.scope_of(cited["claim"])
    elif "announcement" in cited:
        yield cited["citation"]["as_of"], Filters(announcement_id=question.id)
    else:
        yield cited["as_of"], filters


def _filter_of_group(group_by: str, value: str) -> Mapping[str, Any]:
    """Return the filter that selects a group, by its names in Filters."""
    if group_by in ("facility_id", "announcement_id"):
        return {group_by: UUID(value)}
    if group_by == "occurred_on":
        day = date.fromisoformat(value)
        return {"occurred_from": day, "occurred_until": day}
    return {group_by: value}


def _ends(cited: Sequence[Item], present: Sequence[Item]) -> Sequence[str]:
    """Return the ends of a timeline at which the difference of the two changes, the last first."""
    distances = [
        [now - then for then, now in zip(_row(before), _row(after), strict=True)]
        for before, after in zip(cited, present, strict=True)
    ]
    ends = [
        item["at"]
        for item, (before, now) in zip(cited, pairwise([[], *distances]), strict=True)
        if now != before and any(now)
    ]
    return list(dict.fromkeys([*ends[-1:], *ends]))


def _row(item: Item) -> Sequence[int]:
    return [*(item[name] for name in FIGURES), *(item["undisclosed"] or {}).values()]


def _groups(cited: Sequence[Item], present: Sequence[Item]) -> Sequence[str]:
    """Return the values of the groups that differ, without the unknown ones."""
    before, after = (
        {group["value"]: [group[name] for name in FIGURES] for group in groups}
        for groups in (cited, present)
    )
    values = dict.fromkeys(chain(before, after))
    return [v for v in values if v is not None and before.get(v) != after.get(v)]


def _of_release(conn: queries.Connection, cited: Item, present: Item, state: State) -> State:
    """Add why the verdict on a release event changed."""
    first_id, last_id = (UUID(answer["release_event_id"]) for answer in (cited, present))
    event = queries.row(conn, "release_events/get", id=last_id)
    since = queries.row(
        conn,
        "verification/get_recorded_moment",
        id=last_id,
        ids=[first_id, last_id],
        as_of=present["as_of"],
        after=cited["recorded_as_of"],
        until=present["recorded_as_of"],
    )
    position = Position(
        cited["as_of"], cited["as_of"], cited["recorded_as_of"], present["recorded_as_of"], None
    )
    before, after = (
        answer["independent_sources"] - answer["independent_denials"] for answer in (cited, present)
    )
    changed = ChangedRelease(event.detainee_id, first_id, last_id, after - before)
    differences = Differences(position, Filters(), cited["min_sources"], None)
    change = {
        "release_event_id": present["release_event_id"],
        "before": cited["status"],
        "after": present["status"],
        "at": since.at,
        "because": differences.causes(conn, changed),
    }
    people_changed = int(cited["status"] != present["status"])
    return replace(state, since=since.at, people_changed=people_changed, changes=[change])


def _of_records(conn: queries.Connection, cited: Item, ids: Sequence[str], state: State) -> State:
    """Add what was recorded of the claims, or of the release event, that the answer is about."""
    if not ids:
        return state
    rows = queries.rows(
        conn,
        "citations/list_corrections",
        ids=ids,
        after=cited["citation"]["recorded_as_of"],
    )
    corrections = [_correction(row) for row in rows if row.action in _ACTIONS][:_MAX_CORRECTIONS]
    if not corrections:
        return state
    moments = [change["at"] for change in corrections]
    since = min([*moments, *([state.since] if state.since else [])], key=datetime.fromisoformat)
    return replace(state, changed=True, since=since, changes=[*corrections, *state.changes])


_ACTIONS = {
    "created": "recorded",
    "moved": "merged",
    "retracted": "retracted",
    "voided": "voided",
    "undone": "undone",
}


def _correction(row: Any) -> Item:
    cause = {
        "resource": row.resource,
        "attestation_id": None,
        "affiliation_id": None,
        "source": None,
        "action": _ACTIONS[row.action],
    }
    return {
        "release_event_id": None,
        "before": None,
        "after": None,
        "at": row.at,
        "because": [cause],
    }
