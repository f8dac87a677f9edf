"""Operations on pinned citations."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit
from uuid import UUID

from marshmallow import Schema, ValidationError

from api.access import Caller
from api.config import DEFAULT_TIME_ZONE
from api.contract import document, fields, query_strings
from api.database import queries
from api.errors import FieldError, RequestError, invalid, not_found
from api.records import writes
from api.rendering.results import Answer, Item, prepared_by
from api.reports import citations, pinned_citations
from api.reports.cited_questions import OPERATIONS, CitedQuestion

_CITABLE = (
    "Send the url of counts, a timeline, differences, a comparison, a delivery or a verification, "
    "or the `url` of any `citation`."
)


def _pin(conn: queries.Connection, time_zone: str, body: Mapping[str, Any], base_url: str) -> Item:
    """Return the citation that a body asks for, without its id. Raises `validation-error`."""
    question = _read(body["url"], base_url, time_zone)
    try:
        cited = question.answer(conn)
    except RequestError as error:
        raise _explained(body["url"], error) from None
    citation = cited["citation"]
    return _shown(conn, _read(citation["url"]), cited, citation["sha256"])


@prepared_by(_pin)
def create_citation(
    conn: queries.Connection, caller: Caller, time_zone: str, body: Item, base_url: str
) -> Answer:
    """Pin an answer. The same answer, pinned again, has the same citation.

    So a figure has one page.
    """
    pinned = {"url": body["url"], "sha256": body["sha256"]}
    writes.insert(conn, "citations/insert", **pinned)
    row = queries.row(conn, "citations/find", **pinned)
    return Answer(
        {**row._asdict(), "page": _page(row.id), **body},
        url_weight=_weight(_read(body["url"]), body["url"]),
    )


def get_citation(conn: queries.Connection, id: UUID) -> Answer:
    row = queries.row(conn, "citations/get", id=id)
    if row is None:
        raise not_found("citation")
    question = _read(row.url)
    shown = _shown(conn, question, question.answer(conn), row.sha256)
    content = {**row._asdict(), "page": _page(row.id), **shown}
    return Answer(content, url_weight=_weight(question, row.url))


def _page(id: str) -> str:
    return f"/c/{id}"


def _shown(conn: queries.Connection, question: CitedQuestion, cited: Item, sha256: str) -> Item:
    """Return what a citation shows of the answer that it pins, and what became of it.

    The `question` has all its moments.
    """
    citation = cited["citation"]
    return {
        "url": citation["url"],
        "rule": citation["rule"],
        "ledger_seq": citation["ledger_seq"],
        "sha256": sha256,
        "verified": citation["sha256"] == sha256,
        "sentence": citation["sentence"],
        "figure": citations.cited_properties(cited),
        "people": cited.get("people"),
        **asdict(pinned_citations.state(conn, question, cited)),
    }


def _read(url: str, base_url: str = "", time_zone: str = DEFAULT_TIME_ZONE) -> CitedQuestion:
    """Return the question of a url of this service. Raises `validation-error`."""
    parts = _split(url)
    if (parts.scheme or parts.netloc) and not _is_here(parts, base_url):
        raise _refused(url, f"it is not on this service. {_CITABLE}")
    for operation_id in OPERATIONS:
        operation = document.load().operation(operation_id)
        match = re.fullmatch(operation.path.replace("{id}", "([^/]+)"), parts.path)
        if match is not None:
            try:
                id = fields.uuid(match[1]) if match.groups() else None
            except ValidationError as error:
                raise _refused(url, f"its id is wrong. {error.messages[0]}") from None
            arguments = _arguments(url, parts.query, operation_id)
            # What the contract has no default of: it is a setting.
            zone = arguments["time_zone"] or time_zone
            return CitedQuestion(operation_id, id, {**arguments, "time_zone": zone})
    raise _refused(url, f"there is no figure at this path. {_CITABLE}")


def _weight(question: CitedQuestion, url: str) -> int:
    """Return the weight of a request for the url of a citation."""
    names = {name for name, _ in parse_qsl(urlsplit(url).query)}
    weight = document.load().operation(question.operation_id).weight
    return weight.total(names, 0) if weight else 0


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise _refused(url, f"it is not a url. {_CITABLE}") from None


def _is_here(parts: SplitResult, base_url: str) -> bool:
    here = urlsplit(base_url).netloc.lower()
    return parts.scheme in ("", "http", "https") and parts.netloc.lower() == here


def _arguments(url: str, query: str, operation_id: str) -> Mapping[str, Any]:
    try:
        arguments = query_strings.load(_schema(operation_id), query.encode())
    except RequestError as error:
        raise _explained(url, error) from None
    if arguments.get("cursor") is not None:
        raise _refused(url, "a citation is of a whole list: leave out `cursor`.")
    return arguments


@cache
def _schema(operation_id: str) -> Schema:
    return query_strings.schema(document.load().operation(operation_id))


def _refused(url: str, fault: str) -> RequestError:
    return invalid(FieldError("/url", f"Is {fields.quoted(url)}: {fault}"))


def _explained(url: str, error: RequestError) -> RequestError:
    """Return the error of a url, from that which a request for it gets."""
    if error.slug == "not-found":
        return _refused(url, error.detail)
    if error.slug != "validation-error":
        return error
    faults = (
        f"{field.pointer.removeprefix('/')}: {field.detail}" if field.pointer else field.detail
        for field in error.errors
    )
    return invalid(*(FieldError("/url", f"Is {fields.quoted(url)}: {fault}") for fault in faults))
