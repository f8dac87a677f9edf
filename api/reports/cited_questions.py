"""The questions that have a citable answer, as the public asks them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, cast
from uuid import UUID

from api.database import queries
from api.errors import RequestError
from api.identity import canonical_ids
from api.rendering.results import Answer, Item
from api.reports import comparisons, counts, differences, explanations
from api.reports.counts import Filters
from api.reports.differences import Span


@dataclass(frozen=True, slots=True)
class CitedQuestion:
    """An operation whose answer has a citation, and its arguments by the names of the contract."""

    operation_id: str
    id: UUID | None
    arguments: Mapping[str, Any]

    @property
    def filters(self) -> Filters:
        return Filters(**{f.name: self.arguments.get(f.name) for f in fields(Filters)})

    def at_present(self) -> "CitedQuestion":
        """The same question with all that is recorded now.

        Differences that compare two record times keep the first one.
        """
        moved = {"recorded_as_of": None}
        if self.operation_id == "listDifferences":
            moved = {"until_recorded": None}
            if self.arguments["from_recorded"] == self.arguments["until_recorded"]:
                moved["from_recorded"] = None
        return replace(self, arguments={**self.arguments, **moved})

    def with_surviving_release(self, conn: queries.Connection) -> "CitedQuestion | None":
        """Return the question about the release event that this one was merged into."""
        if self.operation_id != "getVerification" or self.id is None:
            return None
        moment = self.arguments["recorded_as_of"]
        id = canonical_ids.surviving_id(conn, "release_event", self.id, moment)
        return None if id is None else replace(self, id=id)

    def answer(self, conn: queries.Connection) -> Item:
        """Return the cited answer. Raises what its operation raises."""
        try:
            return _ANSWERS[self.operation_id](conn, self)
        except RequestError as error:
            surviving = self.with_surviving_release(conn) if error.slug == "not-found" else None
            if surviving is None:
                raise
        return _ANSWERS[surviving.operation_id](conn, surviving)


def _counts(conn: queries.Connection, question: CitedQuestion) -> Item:
    arguments = question.arguments
    asked = counts.Question(arguments["as_of"], arguments["recorded_as_of"], question.filters)
    return counts.report(
        conn,
        asked,
        arguments["min_sources"],
        arguments["group_by"],
        arguments["time_zone"],
        sees_hidden=False,
    )


def _timeline(conn: queries.Connection, question: CitedQuestion) -> Item:
    names = ("from", "until", "bucket", "recorded_as_of", "min_sources", "time_zone")
    asked: list[Any] = [question.arguments[name] for name in names]
    return counts.report_timeline(conn, question.filters, *asked)


def _differences(conn: queries.Connection, question: CitedQuestion) -> Item:
    arguments = question.arguments
    names = ("from", "until", "from_recorded", "until_recorded")
    answer = differences.list_differences(
        conn,
        None,
        1,
        None,
        Span(*map(arguments.get, names)),
        question.filters,
        arguments["min_sources"],
        arguments["time_zone"],
    )
    return cast(Item, cast(Answer, answer).content)


def _of_record(
    answer: Callable[..., Item], *names: str
) -> Callable[[queries.Connection, CitedQuestion], Item]:
    """Return the function for an answer about the record that a path names."""

    def answered(conn: queries.Connection, question: CitedQuestion) -> Item:
        return answer(conn, question.id, *map(question.arguments.get, names))

    return answered


_ANSWERS: Mapping[str, Callable[[queries.Connection, CitedQuestion], Item]] = {
    "getCounts": _counts,
    "getTimeline": _timeline,
    "listDifferences": _differences,
    "getComparison": _of_record(
        comparisons.get_comparison, "recorded_as_of", "min_sources", "time_zone"
    ),
    "getDelivery": _of_record(
        comparisons.delivery, "as_of", "recorded_as_of", "min_sources", "time_zone"
    ),
    "getVerification": _of_record(
        explanations.explain, "as_of", "recorded_as_of", "min_sources", "time_zone"
    ),
}
OPERATIONS = tuple(_ANSWERS)
"""The operations whose answers have a citation."""
