"""Operations on pinned citations."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from api.access import Caller
from api.database import queries
from api.errors import not_found
from api.records import writes
from api.rendering.results import Answer, Item, prepared_by
from api.reports import cited_questions, pinned_citations


def _pin(conn: queries.Connection, time_zone: str, body: Mapping[str, Any], base_url: str) -> Item:
    """Return the citation that a body asks for, without its id. Raises `validation-error`."""
    question = cited_questions.read(body["url"], base_url, time_zone)
    cited = cited_questions.answer_of(conn, body["url"], question)
    question = cited_questions.read(cited["citation"]["url"])
    return pinned_citations.describe(conn, question, cited)


@prepared_by(_pin)
def create_citation(
    conn: queries.Connection, caller: Caller, time_zone: str, body: Item, base_url: str
) -> Answer:
    """Pin an answer. The same answer, pinned again, has the same citation.

    So a figure has one page.
    """
    answered = {"url": body["url"], "sha256": body["sha256"]}
    writes.insert(conn, "citations/insert", **answered)
    row = queries.row(conn, "citations/find", **answered)
    pinned = {**body, **row._asdict(), "page": _page(row.id)}
    return Answer(pinned, url_weight=body["question"].weight)


def get_citation(conn: queries.Connection, id: UUID) -> Answer:
    row = queries.row(conn, "citations/get", id=id)
    if row is None:
        raise not_found("citation")
    question = cited_questions.read(row.url)
    described = pinned_citations.describe(conn, question, question.answer(conn))
    pinned = {
        "id": row.id,
        "created_at": row.created_at,
        "page": _page(row.id),
        "sha256": row.sha256,
        "verified": described["sha256"] == row.sha256,
    }
    return Answer({**described, **pinned}, url_weight=question.weight)


def _page(id: str) -> str:
    return f"/c/{id}"
