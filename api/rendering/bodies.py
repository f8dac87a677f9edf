"""Results as response bodies, each with its entity tag."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from api.charts import png
from api.contract.document import Operation
from api.database import queries
from api.rendering import etags, media_types, rows
from api.rendering.links import with_absolute_citations
from api.rendering.media_types import TABULAR, listed
from api.rendering.projection import project
from api.rendering.results import Answer, Page, Record
from api.tables import encoders


@dataclass(frozen=True, slots=True)
class Body:
    """A response body, and the values that its headers need.

    `id` is the id of the resource, `next_page` the query parameter of the next page, and `cite_as`
    the URL of a citable answer. A write that became a proposal `is_proposal`: its status is 202.
    `url_weight` is the weight of a request for the url that a citation pins.
    """

    content: bytes
    etag: str
    id: str | None = None
    next_page: Mapping[str, str] = field(default_factory=dict)
    cite_as: str | None = None
    is_proposal: bool = False
    url_weight: int = 0


def render(
    conn: queries.Connection,
    operation: Operation,
    result: Record | Page | Answer,
    media_type: str,
    public_url: str | None = None,
) -> Body:
    """Return the body of a result in a media type of the operation.

    With a `public_url`, the URLs of citations are absolute.
    """
    if isinstance(result, Record):
        id = str(result.parameters.get("id"))
        body = exact(rows.record(conn, operation, result), id=id)
        is_proposal = operation.proposal_response is not None and result.resource == "proposal"
        return replace(body, is_proposal=is_proposal)
    if isinstance(result, Page):
        return _page(conn, operation, result, media_type)
    body = render_answer(operation, result, media_type, public_url)
    if result.url_weight:  # few have one, and a copy takes 2 to 3 µs
        body = replace(body, url_weight=result.url_weight)
    if operation.location is not None and isinstance(result.content, Mapping):
        return replace(body, id=result.content["id"])
    return body


def render_answer(
    operation: Operation, answer: Answer, media_type: str, public_url: str | None = None
) -> Body:
    """Return the body of a computed answer, which needs no connection."""
    if isinstance(answer.content, str):
        is_png = media_type == media_types.PNG
        content = png.render(answer.content) if is_png else answer.content.encode()
        return Body(content, etags.of_text(answer.tagged or answer.content, answer.volatile))
    if isinstance(answer.content, bytes):
        return exact(answer.content)
    if answer.table_of is not None:
        table = render_answer(answer.table_of, Answer(answer.content), media_types.CSV, public_url)
        text = table.content.decode()
        return Body(table.content, etags.of_text(text, answer.volatile))
    content = project(operation.response_schema, answer.content)
    sent = with_absolute_citations(content, public_url)
    if listed(media_type) in TABULAR:
        encoded = _tabular(operation, sent, media_type)
    else:
        encoded = orjson.dumps(sent)
    citation, cursor = sent.get("citation"), sent.get("next")
    moments = citation or content
    if "as_of" not in moments or "recorded_as_of" not in moments:
        return exact(encoded, next_page={"cursor": cursor} if cursor else None)
    return Body(
        encoded,
        etags.at_moments(content, moments["as_of"], moments["recorded_as_of"], media_type),
        next_page={"cursor": cursor} if cursor else {},
        cite_as=citation["url"] if citation else None,
    )


def exact(
    content: bytes,
    *,
    id: str | None = None,
    next_page: Mapping[str, str] | None = None,
    is_proposal: bool = False,
) -> Body:
    """Return a body whose entity tag is the hash of its bytes."""
    etag = etags.strong(content)
    return Body(content, etag, id, next_page or {}, is_proposal=is_proposal)


def with_possible_duplicates(
    operation: Operation, body: Body, possible_duplicates: Sequence[Mapping[str, Any]]
) -> Body:
    """Add the records that may be the same to the body of a new record.

    The entity tag stays that of the record alone, which If-Match names.
    """
    schema = operation.response_schema["properties"]["possible_duplicates"]
    items = orjson.dumps(project(schema, possible_duplicates))
    return replace(body, content=body.content[:-1] + b',"possible_duplicates":' + items + b"}")


def _page(conn: queries.Connection, operation: Operation, page: Page, media_type: str) -> Body:
    if page.limit is None:
        raise ValueError("a list without a limit is a stream")
    items, next_page = rows.page(conn, operation, page, page.limit)
    if listed(media_type) in TABULAR:
        schema = operation.response_schema["properties"]["items"]["items"]
        encoder = encoders.encoder(schema, media_type, operation.title)
        return exact(b"".join(encoder.encoded_json([items])), next_page=next_page)
    cursor = orjson.dumps(next(iter(next_page.values()), None))
    content = b'{"items":[' + b",".join(items) + b'],"next":' + cursor + b"}"
    return exact(content, next_page=next_page)


def _tabular(operation: Operation, content: Mapping[str, Any], media_type: str) -> bytes:
    """Return the rows of an answer: its items, else its groups, else one row."""
    schema, rows = operation.response_schema, [content]
    for name in ("items", "groups"):
        if content.get(name) is not None:
            schema, rows = schema["properties"][name]["items"], content[name]
            break
    return b"".join(encoders.encoder(schema, media_type, operation.title).encoded([rows]))
