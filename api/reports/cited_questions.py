"""The questions that have a citable answer, as the public asks them, and the urls that ask them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from dataclasses import fields as fields_of
from functools import cache
from typing import Any, cast
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

from marshmallow import Schema, ValidationError

from api.config import DEFAULT_TIME_ZONE
from api.contract import document, fields, query_strings
from api.database import queries
from api.errors import FieldError, RequestError, invalid
from api.identity import canonical_ids
from api.rendering.results import Answer, Item
from api.reports import citations, comparisons, counts, differences, explanations
from api.reports.citations import Moments
from api.reports.counts import Filters
from api.reports.differences import Span
from api.wording import sentences, vocabulary
from api.wording.sentences import Sentence
from api.wording.vocabulary import Words

_CITABLE = (
    "Send the url of counts, a timeline, differences, a comparison, a delivery or a verification, "
    "or the `url` of any `citation`."
)
_MOMENTS = ("as_of", "recorded_as_of", "from", "until", "from_recorded", "until_recorded")

_IN_WORDS: Mapping[str, Words] = {
    "getCounts": (
        "How many releases{only} were confirmed {by}?",
        "¿Cuántas excarcelaciones{only} estaban confirmadas {by}?",
    ),
    "getTimeline": (
        "How did the number of releases{only} confirmed {by} change?",
        "¿Cómo cambió el número de excarcelaciones{only} confirmadas {by}?",
    ),
    "listDifferences": (
        "How many releases{only} became confirmed {by}, and how many ceased to be?",
        "¿Cuántas excarcelaciones{only} pasaron a estar confirmadas {by} y cuántas dejaron de "
        "estarlo?",
    ),
    "getComparison": (
        "How does the figure of a source compare with the releases confirmed {by}?",
        "¿Cómo se compara la cifra de una fuente con las excarcelaciones confirmadas {by}?",
    ),
    "getDelivery": (
        "How many of the announced releases were confirmed {by}?",
        "¿Cuántas de las excarcelaciones anunciadas estaban confirmadas {by}?",
    ),
    "getVerification": (
        "Was this release confirmed {by}?",
        "¿Estaba esta excarcelación confirmada {by}?",
    ),
}


@dataclass(frozen=True, slots=True)
class CitedQuestion:
    """An operation whose answer has a citation, and its arguments by the names of the contract."""

    operation_id: str
    id: UUID | None
    arguments: Mapping[str, Any]

    @property
    def filters(self) -> Filters:
        return Filters(**{f.name: self.arguments.get(f.name) for f in fields_of(Filters)})

    @property
    def has_all_moments(self) -> bool:
        """Whether the answer stays the same, whatever is published and recorded from now on."""
        return all(self.arguments.get(name, "") is not None for name in _MOMENTS)

    @property
    def weight(self) -> int:
        """The weight of a request that asks this. No argument that has a weight has a default."""
        names = queries.drop_none(**self.arguments)
        weight = document.load().operation(self.operation_id).weight
        return weight.total(names, 0) if weight else 0

    def in_words(self, conn: queries.Connection, moments: Moments) -> Sentence:
        """Return the question in words, with the names recorded then."""
        (only_en, only_es), (by_en, by_es) = (
            vocabulary.filters(citations.scope(conn, self.filters.active(), moments)),
            sentences.confirmed_by(self.arguments["min_sources"]),
        )
        en, es = _IN_WORDS[self.operation_id]
        return {
            "en": en.format(only=only_en, by=by_en),
            "es": es.format(only=only_es, by=by_es),
        }

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


def read(url: str, base_url: str = "", time_zone: str = DEFAULT_TIME_ZONE) -> CitedQuestion:
    """Return the question of a url of this service. Raises `validation-error`."""
    parts = _split(url)
    if (parts.scheme or parts.netloc) and not _is_here(parts, base_url):
        raise refused(url, f"it is not on this service. {_CITABLE}")
    for operation_id in OPERATIONS:
        operation = document.load().operation(operation_id)
        match = re.fullmatch(operation.path.replace("{id}", "([^/]+)"), parts.path)
        if match is not None:
            try:
                id = fields.uuid(match[1]) if match.groups() else None
            except ValidationError as error:
                raise refused(url, f"its id is wrong. {error.messages[0]}") from None
            arguments = _arguments(url, parts.query, operation_id)
            # The contract has no default of the time zone: it is a setting.
            zone = arguments["time_zone"] or time_zone
            return CitedQuestion(operation_id, id, {**arguments, "time_zone": zone})
    raise refused(url, f"there is no figure at this path. {_CITABLE}")


def answer_of(conn: queries.Connection, url: str, question: CitedQuestion) -> Item:
    """Return the cited answer to the question of a url. Raises `validation-error`."""
    try:
        return question.answer(conn)
    except RequestError as error:
        raise _explained(url, error) from None


def refused(url: str, reason: str) -> RequestError:
    return invalid(FieldError("/url", f"Is {fields.quoted(url)}: {reason}"))


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise refused(url, f"it is not a url. {_CITABLE}") from None


def _is_here(parts: SplitResult, base_url: str) -> bool:
    here = urlsplit(base_url).netloc.lower()
    return parts.scheme in ("", "http", "https") and parts.netloc.lower() == here


def _arguments(url: str, query: str, operation_id: str) -> Mapping[str, Any]:
    try:
        arguments = query_strings.load(_schema(operation_id), query.encode())
    except RequestError as error:
        raise _explained(url, error) from None
    if arguments.get("cursor") is not None:
        raise refused(url, "a citation is of a whole list: leave out `cursor`.")
    return arguments


@cache
def _schema(operation_id: str) -> Schema:
    return query_strings.schema(document.load().operation(operation_id))


def _explained(url: str, error: RequestError) -> RequestError:
    """Return the error of a url, from that which a request for it gets."""
    if error.slug == "not-found":
        return refused(url, error.detail)
    if error.slug != "validation-error":
        return error
    reasons = (
        f"{field.pointer.removeprefix('/')}: {field.detail}" if field.pointer else field.detail
        for field in error.errors
    )
    return invalid(
        *(FieldError("/url", f"Is {fields.quoted(url)}: {reason}") for reason in reasons)
    )
