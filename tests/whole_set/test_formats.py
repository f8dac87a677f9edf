"""The media types of every response, and content negotiation."""

from urllib.parse import urlsplit

import pytest
from werkzeug.test import TestResponse

from api.contract import document
from api.rendering import media_types
from tests.conftest import Api
from tests.rendering.lists import check_typed_rows, xlsx_rows
from tests.whole_set.operations import (
    CONTRACT,
    LISTS,
    READS,
    TABULAR,
    WITH_SEVERAL_MEDIA_TYPES,
    assert_valid,
    dereferenced,
    operation_ids,
)
from tests.whole_set.readers import (
    READERS,
    cells,
    columns,
    normalized_json,
    parse_atom,
    parse_csv,
    parse_ndjson,
)
from tests.whole_set.session import Session


def test_operations_with_csv_offer_all_formats_of_tables() -> None:
    for operation in CONTRACT.operations:
        if len(operation.media_types) > 1:
            assert set(operation.media_types) & media_types.TABULAR in (
                set(),
                media_types.TABULAR,
            ), operation.id
    # The entity tag of a stream follows the public ledger, which proposals do not move. Possible
    # duplicates are compared for each page.
    of_editors = {"listProposals", "listDuplicates"}
    assert set(operation_ids(LISTS)) - of_editors <= set(operation_ids(TABULAR))


def test_media_types_of_code_and_contract_correspond() -> None:
    """An operation with several media types has a `format` value for each, and answers 406."""
    for operation in CONTRACT.operations:
        enumerations = [p.schema["enum"] for p in operation.parameters if p.name == "format"]
        assert set(operation.media_types) <= set(media_types.CONTENT_TYPES)
        if len(operation.media_types) == 1:
            assert enumerations == [], operation.id
        else:
            assert [[media_types.FORMATS[w] for w in words] for words in enumerations] == [
                operation.media_types
            ]
    assert {offer for o in CONTRACT.operations for offer in o.media_types} == set(
        media_types.CONTENT_TYPES
    )


@pytest.mark.parametrize(
    "operation", WITH_SEVERAL_MEDIA_TYPES, ids=operation_ids(WITH_SEVERAL_MEDIA_TYPES)
)
def test_format_parameter_and_accept_header_are_equivalent(
    api: Api, operation: document.Operation
) -> None:
    session = Session(api)
    exchange = session.do(operation.id)
    path, query = exchange.response.request.path, exchange.query
    format_names = {media_type: name for name, media_type in media_types.FORMATS.items()}
    contents = dereferenced(CONTRACT.document["paths"][operation.path]["get"])["responses"]["200"]
    for media_type in operation.media_types:
        responses = [
            session.api.send("GET", path, query_string=query, headers={"Accept": media_type}),
            session.api.send(
                "GET",
                path,
                query_string={**query, "format": format_names[media_type]},
                headers={"Accept": "image/png"},
            ),
        ]
        for response in responses:
            assert response.status_code == 200, response.text
            assert response.mimetype == media_type
            assert "Accept" in response.headers["Vary"].split(", ")
            is_file = media_type in media_types.FILE_SUFFIXES
            assert ("Content-Disposition" in response.headers) == is_file
            assert READERS[media_type](response.get_data())
        assert responses[0].get_data() == responses[1].get_data()
        schema = contents["content"][media_type].get("schema", {})
        if schema.get("type") == "object":
            assert_valid(schema, responses[0].get_json(force=True))


@pytest.mark.parametrize("operation", TABULAR, ids=operation_ids(TABULAR))
def test_all_formats_have_equal_rows(api: Api, operation: document.Operation) -> None:
    session = Session(api)
    exchange = session.do(operation.id)
    path = exchange.response.request.path
    queries = [exchange.query]
    queries += [
        {**exchange.query, name: None} for name in ("limit", "group_by") if name in exchange.query
    ]
    for query in queries:
        parameters = {name: value for name, value in query.items() if value is not None}
        response, ndjson, csv, xlsx = (
            session.api.send("GET", path, query_string={**parameters, "format": format})
            for format in ("json", "ndjson", "csv", "xlsx")
        )
        rows, schema = response.get_json(), operation.response_schema
        is_list = "next" in rows
        for name in ("items", "groups"):
            if rows.get(name) is not None:
                rows, schema = rows[name], schema["properties"][name]["items"]
                break
        else:
            rows = [rows]
        assert rows
        assert parse_ndjson(ndjson.text) == rows
        names = list(columns(schema))
        assert csv.text.split("\r\n")[0].split(",") == names
        assert [
            {name: normalized_json(cell) for name, cell in row.items()}
            for row in parse_csv(csv.text)
        ] == [cells(row, names) for row in rows]
        check_typed_rows(xlsx_rows(xlsx), rows, schema)
        link = response.headers.get("Link", "")
        for format, other in (("ndjson", ndjson), ("csv", csv), ("xlsx", xlsx)):
            # A list without a limit has no next page, and is sent before its figures are known.
            has_link = "limit" in parameters or ("cite-as" in link and not is_list)
            expected = link.replace("format=json", f"format={format}") if has_link else ""
            assert other.headers.get("Link", "") == expected


def test_feeds_have_equal_entries(api: Api) -> None:
    session = Session(api)
    atom = parse_atom(session.do("getFeed").response.text)
    feed = session.api.get("/v1/feed", format="jsonfeed")
    assert [(e.id, e.title, e.link) for e in atom.entries] == [
        (item["id"], item["title"], item["url"]) for item in feed["items"]
    ]
    assert len(feed["items"]) == 1
    for item in feed["items"]:
        target = urlsplit(item["url"])
        assert api.send("GET", f"{target.path}?{target.query}").mimetype == "text/html"


# The Accept header of a browser.
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.fixture(scope="module")
def shared_session(shared_api: Api) -> Session:
    return Session(shared_api)


@pytest.mark.parametrize(
    "operation", CONTRACT.operations, ids=operation_ids(list(CONTRACT.operations))
)
def test_unoffered_media_type_is_refused_and_the_default_is_json(
    shared_session: Session, operation: document.Operation
) -> None:
    exchange = shared_session.do(operation.id)
    path = exchange.response.request.path

    def send(accept: str | None) -> TestResponse:
        return shared_session.api.send(
            operation.method.upper(),
            path,
            query_string={k: v for k, v in exchange.query.items() if v is not None},
            json={} if operation.body else None,
            headers={} if accept is None else {"Accept": accept},
        )

    response = send("image/webp")
    assert response.status_code == 406
    assert response.mimetype == "application/problem+json"
    problem = response.get_json(force=True)
    assert_valid(CONTRACT.schema("Problem"), problem)
    assert problem["type"] == "/problems/not-acceptable"
    assert all(offer in problem["detail"] for offer in operation.media_types)
    if not operation.writes:
        for accept in ("*/*", None, BROWSER):
            response = send(accept)
            assert response.status_code == 200, accept
            assert response.mimetype == operation.media_types[0], accept


def test_accept_with_parameters_is_understood(api: Api) -> None:
    """Many clients send `application/json; charset=utf-8`. What is sent depends only on the media
    types of the operation, so that one operation for each set of them is enough."""
    session = Session(api)
    refused = set()
    for operation in {tuple(operation.media_types): operation for operation in READS}.values():
        exchange = session.do(operation.id)
        path, query = exchange.response.request.path, exchange.query
        for media_type in operation.media_types:
            for accept in (media_types.CONTENT_TYPES[media_type], f"{media_type}; charset=utf-8"):
                headers = {"Accept": accept}
                response = session.api.send("GET", path, query_string=query, headers=headers)
                if response.mimetype != media_type:
                    refused.add(accept)
                response.get_data()
    assert refused == set()
