"""Content negotiation: the media type of a response, by `format` and `Accept`."""

from xml.etree import ElementTree as ET

import pytest

from api.database.queries import Connection
from tests.conftest import Api
from tests.rendering.lists import CSV, NDJSON, XLSX, insert_facilities, sent


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json"),
        ("text/csv", CSV),
        ("text/*", CSV),
        ("TEXT/CSV", CSV),
        (CSV, CSV),
        ("application/json; charset=utf-8", "application/json"),
        ("", "application/json"),
        # The default of Java's HTTP client.
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", "application/json"),
        ("text/csv, application/json;q=0.9", CSV),
        ("text/csv;q=0.1, application/json;q=0.2", "application/json"),
        ("text/csv;q=0.5, application/x-ndjson;q=0.9", NDJSON),
        ("text/csv;q=0, */*;q=0.1", "application/json"),
        ("application/json;q=0, */*", CSV),
        ("application/*;q=0.5, text/csv;q=0.4", "application/json"),
        ("image/png, text/csv;q=0.001", CSV),
        ("application/x-ndjson", NDJSON),
        ("application/jsonl", NDJSON),
        (XLSX, XLSX),
        ("application/ndjson", NDJSON),
        ("application/jsonl;q=0.9, text/csv;q=0.5", NDJSON),
    ],
)
def test_accept_selects_the_media_type(api: Api, accept: str | None, media_type: str) -> None:
    response = sent(api, "/v1/facilities", accept)
    assert (response.status_code, response.headers["Content-Type"]) == (200, media_type)
    assert response.headers["Vary"] == "Accept"


@pytest.mark.parametrize("accept", ["image/png", "text/csv;q=0", "application/pdf, text/html"])
def test_unacceptable_media_type_of_a_list_is_an_error(api: Api, accept: str) -> None:
    response = sent(api, "/v1/facilities", accept)
    assert response.status_code == 406
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.get_json(force=True)
    assert problem["type"] == "/problems/not-acceptable"
    assert "text/csv" in problem["detail"]


@pytest.mark.parametrize("accept", [None, "text/csv", "application/json", "image/png", NDJSON])
def test_format_takes_precedence_over_accept(api: Api, accept: str | None) -> None:
    media_types = {"json": "application/json", "csv": CSV, "ndjson": NDJSON, "xlsx": XLSX}
    for format, media_type in media_types.items():
        response = sent(api, "/v1/facilities", accept, format=format)
        assert (response.status_code, response.headers["Content-Type"]) == (200, media_type)
    for format in ("xml", "CSV", "", "atom"):
        response = sent(api, "/v1/facilities", accept, format=format)
        assert response.status_code == 422
        problem = response.get_json(force=True)
        assert [error["pointer"] for error in problem["errors"]] == ["/format"]


def test_table_has_a_file_name(api: Api, conn: Connection) -> None:
    insert_facilities(conn, 3)
    response = sent(api, "/v1/facilities", format="csv")
    assert response.headers["Content-Disposition"] == 'attachment; filename="facilities.csv"'
    assert response.data.startswith(b"id,name,aliases,country,region,created_at,updated_at\r\n")
    response = sent(api, "/v1/release-events", format="csv")
    assert response.headers["Content-Disposition"] == 'attachment; filename="release-events.csv"'
    response = sent(api, "/v1/facilities", format="xlsx")
    assert response.headers["Content-Disposition"] == 'attachment; filename="facilities.xlsx"'
    assert "Content-Disposition" not in sent(api, "/v1/facilities", format="ndjson").headers


@pytest.mark.parametrize("format", ["csv", "ndjson", "json", "xlsx"])
def test_head_has_the_headers_of_get(api: Api, conn: Connection, format: str) -> None:
    insert_facilities(conn, 1500)
    query = {"format": format}
    head = api.send("HEAD", "/v1/facilities", query_string=query)
    assert (head.status_code, head.data) == (200, b"")
    for name in ("Content-Type", "Vary", "Content-Disposition"):
        assert head.headers.get(name) == sent(api, "/v1/facilities", **query).headers.get(name)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("application/json", "application/feed+json"),
        ("application/feed+json", "application/feed+json"),
        ("application/feed+json, application/atom+xml;q=0.9", "application/feed+json"),
        ("application/xml", "application/atom+xml; charset=utf-8"),
        ("text/xml", "application/atom+xml; charset=utf-8"),
        ("application/xml;q=0.5, application/json;q=0.4", "application/atom+xml; charset=utf-8"),
        ("*/*", "application/atom+xml; charset=utf-8"),
    ],
)
def test_accept_of_feed_readers_selects_a_feed(api: Api, accept: str, media_type: str) -> None:
    response = sent(api, "/v1/feed", accept)
    assert (response.status_code, response.headers["Content-Type"]) == (200, media_type)
    assert response.headers["Vary"] == "Accept, Accept-Language"


def test_unacceptable_media_type_of_a_feed_is_an_error(example: Api) -> None:
    event = f"/v1/release-events/{example.get('/v1/release-events')['items'][0]['id']}"
    for path, accept in (
        ("/v1/feed", "text/csv"),
        ("/v1/feed", "application/atom+xml;q=0"),
        (event, "application/atom+xml"),
        (event, "text/csv"),
        (event, "application/xml"),
        ("/v1/sources", "text/xml"),
        ("/v1/sources", "application/feed+json"),
        ("/v1/changes", "application/ld+json"),
    ):
        response = sent(example, path, accept)
        assert response.status_code == 406, (path, accept)
        assert response.get_json(force=True)["type"] == "/problems/not-acceptable"
    # A browser gets the feed.
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    assert ET.fromstring(sent(example, "/v1/feed", accept).data).tag.endswith("feed")
    unknown = "/v1/release-events/019b9f3e-1a01-4b52-8c11-3f5d2e7a9001"
    assert sent(example, unknown, format="jsonld").status_code == 404
