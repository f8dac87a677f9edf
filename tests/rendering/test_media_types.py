"""Answers in other forms, over HTTP: lists as CSV and NDJSON, streamed; verdicts as feeds; a
release as a ClaimReview."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import feedparser
import pytest
from flask.testing import FlaskClient
from psycopg_pool import ConnectionPool
from werkzeug.test import TestResponse

from api.app import create_app
from api.cases import loader
from api.database import connections
from api.database.queries import Connection
from tests.conftest import CASES, Api

CSV = "text/csv; charset=utf-8; header=present"
NDJSON = "application/x-ndjson"
LISTS = [
    "/v1/sources",
    "/v1/facilities",
    "/v1/detainees",
    "/v1/detainees/{id}/detentions",
    "/v1/release-events",
    "/v1/attestations",
    "/v1/claims",
    "/v1/comparisons",
    "/v1/changes",
]


@pytest.fixture
def example(api: Api, conn: Connection) -> Api:
    """The API on the example case."""
    loader.load(conn, CASES / "venezuela-2026-01-08.json", lambda _: None)
    return api


def insert_facilities(conn: Connection, many: int) -> None:
    conn.execute(
        "INSERT INTO facilities (name, country) "
        "SELECT 'Lugar ' || n, 'VE' FROM generate_series(1, %s) n",
        [many],
    )


def sent(api: Api, path: str, accept: str | None = None, **query: Any) -> TestResponse:
    headers = {} if accept is None else {"Accept": accept}
    return api.send("GET", path, query_string=query, headers=headers)


def walk(api: Api, path: str, **query: Any) -> list[Any]:
    """All items of a list, as its pages of JSON have them."""
    name = "after" if path == "/v1/changes" else "cursor"
    items: list[Any] = []
    page = api.get(path, limit=200, **query)
    while page["next"] is not None:
        items += page["items"]
        page = api.get(path, limit=200, **query, **{name: page["next"]})
    return [*items, *page["items"]]


def csv_rows(response: TestResponse) -> list[dict[str, str]]:
    assert response.status_code == 200, response.get_data(as_text=True)
    assert response.headers["Content-Type"] == CSV
    text = response.data.decode()
    assert text.endswith("\r\n")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def ndjson_rows(response: TestResponse) -> list[Any]:
    assert response.status_code == 200, response.get_data(as_text=True)
    assert response.headers["Content-Type"] == NDJSON
    assert response.data.endswith(b"\n") or not response.data
    return [json.loads(line) for line in response.data.splitlines()]


def assert_same(rows: Sequence[Mapping[str, str]], items: Sequence[Any]) -> None:
    """Cells hold what the items do: an empty one null, an array's JSON text the array."""
    assert len(rows) == len(items)
    for row, item in zip(rows, items, strict=True):
        assert set(leaves(item)) <= set(row)
        for column, cell in row.items():
            value = item
            for name in column.split("."):
                value = None if value is None else value[name]
            if value is None:
                assert cell == "", column
            elif isinstance(value, str):
                assert cell.removeprefix("'") == value, column
            else:
                assert json.loads(cell) == value, column


def leaves(item: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """The columns that an item needs."""
    for name, value in item.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{before}{name}.")
        elif value is not None:
            yield before + name


# --- Rows -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", LISTS)
def test_a_list_has_the_same_items_in_every_format(example: Api, path: str) -> None:
    [person] = example.get("/v1/detainees", q="san miguel")["items"]
    path = path.format(id=person["id"])
    items = walk(example, path)
    assert items
    assert ndjson_rows(sent(example, path, format="ndjson")) == items
    assert_same(csv_rows(sent(example, path, format="csv")), items)
    # A limit is kept where it is given.
    assert ndjson_rows(sent(example, path, format="ndjson", limit=1)) == items[:1]
    assert_same(csv_rows(sent(example, path, format="csv", limit=1)), items[:1])


def test_answers_that_are_no_lists_have_rows_too(example: Api) -> None:
    [claim, *_] = example.get("/v1/claims", kind="released")["items"]
    [item] = [item for item in walk(example, "/v1/comparisons") if item["claim"] == claim]
    asked: list[tuple[str, dict[str, Any], str | None]] = [
        ("/v1/counts", {"as_of": "2026-01-09T16:00:00Z"}, None),
        ("/v1/counts", {"as_of": "2026-01-09T16:00:00Z", "group_by": "nationality"}, "groups"),
        ("/v1/counts/timeline", {"from": "2026-01-08", "until": "2026-01-10"}, "items"),
        (f"/v1/claims/{claim['id']}/comparison", {}, None),
    ]
    for path, query, name in asked:
        answer = example.get(path, **query)
        rows = [answer] if name is None else answer[name]
        assert rows
        lines = sent(example, path, format="ndjson", **query)
        assert ndjson_rows(lines) == rows
        table = sent(example, path, format="csv", **query)
        assert_same(csv_rows(table), rows)
        link = f'<{answer["citation"]["url"]}>; rel="cite-as"'
        assert {lines.headers["Link"], table.headers["Link"]} == {link}
    assert ndjson_rows(sent(example, path, format="ndjson")) == [item]


@pytest.mark.parametrize("many", [0, 1, 999, 1000, 1001, 2500])
def test_without_a_limit_the_whole_list_is_sent(api: Api, conn: Connection, many: int) -> None:
    insert_facilities(conn, many)
    stored = [row.name for row in conn.execute("SELECT name FROM facilities ORDER BY id")]
    rows = csv_rows(sent(api, "/v1/facilities", format="csv"))
    assert [row["name"] for row in rows] == stored
    lines = ndjson_rows(sent(api, "/v1/facilities", format="ndjson"))
    assert [line["name"] for line in lines] == stored
    assert_same(rows, lines)


def test_a_limit_and_a_cursor_are_kept(api: Api, conn: Connection) -> None:
    insert_facilities(conn, 1500)
    items = walk(api, "/v1/facilities")
    cursor = api.get("/v1/facilities", limit=150)["next"]
    for format, read in (("csv", csv_rows), ("ndjson", ndjson_rows)):

        def ids(**query: Any) -> list[str]:
            return [row["id"] for row in read(sent(api, "/v1/facilities", **query))]  # noqa: B023

        for asked, expected in (
            ({"limit": 200}, items[:200]),
            ({"limit": 7, "cursor": cursor}, items[150:157]),
            ({"cursor": cursor}, items[150:]),
        ):
            assert ids(format=format, **asked) == [item["id"] for item in expected]


@pytest.mark.parametrize("format", ["csv", "ndjson"])
@pytest.mark.parametrize("path", LISTS)
def test_the_links_of_the_pages_lead_through_all_rows_once(
    example: Api, path: str, format: str
) -> None:
    read = csv_rows if format == "csv" else ndjson_rows
    [person] = example.get("/v1/detainees", q="san miguel")["items"]
    path = path.format(id=person["id"])
    whole = sent(example, path, format=format)
    assert "Link" not in whole.headers
    limit = 20 if path == "/v1/changes" else 2
    response = sent(example, path, format=format, limit=limit)
    rows, pages = [*read(response)], 1
    while "Link" in response.headers:
        match = re.fullmatch(r'<([^<>]+)>; rel="next"', response.headers["Link"])
        assert match
        assert len(rows) == pages * limit
        response = example.send("GET", match[1])
        rows, pages = [*rows, *read(response)], pages + 1
    assert rows == read(whole)
    assert pages == max(1, -(-len(rows) // limit))


def test_the_links_of_the_pages_keep_the_filters(example: Api) -> None:
    query = {"kind": "released", "limit": 1}
    response = sent(example, "/v1/claims", "text/csv", **query)
    rows = csv_rows(response)
    while "Link" in response.headers:
        url = response.headers["Link"].removeprefix("<").partition(">")[0]
        response = example.send("GET", url, headers={"Accept": "text/csv"})
        rows += csv_rows(response)
    assert_same(rows, walk(example, "/v1/claims", kind="released"))
    assert len(rows) > 1


def test_the_ledger_is_sent_whole_in_its_order(api: Api, conn: Connection) -> None:
    conn.execute(
        "INSERT INTO ledger (seq, public_seq, recorded_at, resource, resource_id, action, entry) "
        "SELECT n, n, now(), 'facility', uuidv7(), 'created', '{}' FROM generate_series(1, 2345) n"
    )
    conn.execute("UPDATE ledger_head SET seq = 2345, public_seq = 2345, recorded_at = now()")
    lines = ndjson_rows(sent(api, "/v1/changes", format="ndjson"))
    assert [line["seq"] for line in lines] == [*range(1, 2346)]
    rows = csv_rows(sent(api, "/v1/changes", format="csv", after=1111))
    assert [row["seq"] for row in rows] == [str(n) for n in range(1112, 2346)]
    assert_same(rows, lines[1111:])


def test_filters_are_kept(example: Api) -> None:
    [person] = example.get("/v1/detainees", q="pilieri")["items"]
    [source, *_] = example.get("/v1/sources")["items"]
    for path, filter in (
        ("/v1/detainees", {"q": "pilieri"}),
        ("/v1/release-events", {"detainee_id": person["id"]}),
        ("/v1/claims", {"kind": "detained"}),
        ("/v1/claims", {"source_id": source["id"]}),
        ("/v1/comparisons", {"kind": "detained", "age_group": "minor"}),
    ):
        items = walk(example, path, **filter)
        assert items
        assert ndjson_rows(sent(example, path, format="ndjson", **filter)) == items
        assert_same(csv_rows(sent(example, path, format="csv", **filter)), items)


def test_a_list_of_more_than_a_block_is_narrowed_in_each_block(api: Api, conn: Connection) -> None:
    source = api.scope("edit").source("Puertas Abiertas")
    conn.execute(
        "INSERT INTO claims"
        " (source_id, kind, qualifier, as_of, published_at, relays, origins, value)"
        " SELECT %s, CASE n %% 2 WHEN 0 THEN 'released' ELSE 'detained' END, 'exact',"
        " '2026-01-09', '2026-01-09', '[]', '[]', n FROM generate_series(1, 4200) n",
        [source],
    )
    lines = ndjson_rows(sent(api, "/v1/claims", format="ndjson", kind="detained"))
    assert [line["value"] for line in lines] == [*range(1, 4200, 2)]
    # Comparisons stand in another order, block after block.
    lines = ndjson_rows(sent(api, "/v1/comparisons", format="ndjson", kind="detained"))
    assert sorted(line["claimed"] for line in lines) == [*range(1, 4200, 2)]
    ids = [line["claim"]["id"] for line in lines]
    assert ids == sorted(ids, reverse=True)


def test_who_may_see_a_minor_sees_the_name_in_the_rows(api: Api) -> None:
    editor = api.scope("edit")
    editor.detainee("Lucero Canario", age_group="minor", birth_date="2011-05-04")
    editor.detainee("Fermín Otero")
    for format in ("csv", "ndjson"):
        assert "Lucero" in sent(editor, "/v1/detainees", format=format).get_data(as_text=True)
        for caller in (api, api.scope("contribute")):
            told = sent(caller, "/v1/detainees", format=format).get_data(as_text=True)
            assert "Otero" in told
            assert "Lucero" not in told
            assert "2011" not in told


# --- Formulas -------------------------------------------------------------------------------------

DANGEROUS = "=+-@＝＋－＠\t\r\n\0"  # noqa: RUF001 - full-width on purpose
NAMES = [
    "=1+1",
    "+58 212",
    "-1",
    "@SUM(1;2)",
    "＝1+1",  # noqa: RUF001
    "－",  # noqa: RUF001
    "'=1+1",
    "''twice",
    "'La Tumba'",
    '=HYPERLINK("http://example.org/?"&A1,"a,b")',
    '"quoted", and more',
    "1,5;2",
    "-",
    "0123",
    "null",
    "سجن",
]


def test_names_that_a_spreadsheet_would_run_come_back_unchanged(api: Api) -> None:
    editor = api.scope("edit")
    for name in NAMES:
        body = {"name": name, "aliases": [f"{name} 2"], "country": "VE", "region": name}
        editor.post("/v1/facilities", body)
        editor.detainee(name, aliases=[f"{name} 2"], occupation=name)
        editor.source(name)
    notes = ["-\n=1+1\n\t@a", "=1\t+1", "a\n\n'b"]
    source = editor.source("Correo")
    for note in notes:
        body = {"source_id": source, "kind": "released", "note": note}
        at = "2026-01-09T10:00:00Z"
        editor.post("/v1/claims", {**body, "as_of": at, "published_at": at})

    for path, column, texts in (
        ("/v1/facilities", "name", NAMES),
        ("/v1/facilities", "region", NAMES),
        ("/v1/detainees", "name", NAMES),
        ("/v1/detainees", "occupation", NAMES),
        ("/v1/sources", "name", [*NAMES, "Correo"]),
        ("/v1/claims", "note", notes),
        ("/v1/comparisons", "claim.note", notes[::-1]),
    ):
        rows = csv_rows(sent(api, path, format="csv"))
        assert [row[column].removeprefix("'") for row in rows] == texts
        for row in rows:
            for cell in row.values():
                assert not cell.lstrip().startswith(tuple(DANGEROUS)), cell
                assert not cell.startswith(tuple(DANGEROUS)), cell
    aliases = [
        json.loads(row["aliases"]) for row in csv_rows(sent(api, "/v1/facilities", format="csv"))
    ]
    assert aliases == [[f"{name} 2"] for name in NAMES]


# --- Which format ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "given"),
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
        # What Java asks for when it is not told.
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
        ("application/ndjson", NDJSON),
        ("application/jsonl;q=0.9, text/csv;q=0.5", NDJSON),
    ],
)
def test_accept_decides(api: Api, accept: str | None, given: str) -> None:
    response = sent(api, "/v1/facilities", accept)
    assert (response.status_code, response.headers["Content-Type"]) == (200, given)
    assert response.headers["Vary"] == "Accept"


@pytest.mark.parametrize("accept", ["image/png", "text/csv;q=0", "application/pdf, text/html"])
def test_a_list_in_no_form_that_is_accepted(api: Api, accept: str) -> None:
    response = sent(api, "/v1/facilities", accept)
    assert response.status_code == 406
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.get_json(force=True)
    assert problem["type"] == "/problems/not-acceptable"
    assert "text/csv" in problem["detail"]


@pytest.mark.parametrize("accept", [None, "text/csv", "application/json", "image/png", NDJSON])
def test_format_wins_over_accept(api: Api, accept: str | None) -> None:
    for word, given in (("json", "application/json"), ("csv", CSV), ("ndjson", NDJSON)):
        response = sent(api, "/v1/facilities", accept, format=word)
        assert (response.status_code, response.headers["Content-Type"]) == (200, given)
    for word in ("xml", "CSV", "", "atom"):
        response = sent(api, "/v1/facilities", accept, format=word)
        assert response.status_code == 422
        problem = response.get_json(force=True)
        assert [fault["pointer"] for fault in problem["errors"]] == ["/format"]


def test_a_table_is_saved_under_a_name_of_its_own(api: Api, conn: Connection) -> None:
    insert_facilities(conn, 3)
    response = sent(api, "/v1/facilities", format="csv")
    assert response.headers["Content-Disposition"] == 'attachment; filename="facilities.csv"'
    assert response.data.startswith(b"id,name,aliases,country,region,created_at,updated_at\r\n")
    response = sent(api, "/v1/release-events", format="csv")
    assert response.headers["Content-Disposition"] == 'attachment; filename="release-events.csv"'
    assert "Content-Disposition" not in sent(api, "/v1/facilities", format="ndjson").headers


@pytest.mark.parametrize("format", ["csv", "ndjson", "json"])
def test_head_says_the_same_without_the_rows(api: Api, conn: Connection, format: str) -> None:
    insert_facilities(conn, 1500)
    query = {"format": format}
    head = api.send("HEAD", "/v1/facilities", query_string=query)
    assert (head.status_code, head.data) == (200, b"")
    for name in ("Content-Type", "Vary", "Content-Disposition"):
        assert head.headers.get(name) == sent(api, "/v1/facilities", **query).headers.get(name)


# --- Streaming ------------------------------------------------------------------------------------


@pytest.fixture
def pool(database: str) -> Iterator[ConnectionPool[Connection]]:
    with connections.pool(database, 1) as pool:
        yield pool


@pytest.fixture
def client(pool: ConnectionPool[Connection]) -> FlaskClient:
    """A client of a service that has one connection to the database."""
    return create_app(pool).test_client()


@pytest.mark.parametrize("format", ["csv", "ndjson"])
def test_a_list_is_read_block_by_block_and_holds_no_connection_between_them(
    client: FlaskClient, conn: Connection, format: str
) -> None:
    insert_facilities(conn, 3500)
    response = client.get(f"/v1/facilities?format={format}", buffered=False)
    assert "Content-Length" not in response.headers
    blocks = response.iter_encoded()
    lines = []
    for block in blocks:
        lines.append(block.count(b"\n"))
        # There is one connection, and it is not the stream's.
        assert client.get("/readyz").status_code == 200
        assert client.get("/v1/facilities?limit=1").status_code == 200
    header = 1 if format == "csv" else 0
    assert lines == [1000 + header, 1000, 1000, 500]


def test_a_block_is_read_when_it_is_asked_for(client: FlaskClient, conn: Connection) -> None:
    """What stood at the end is gone before the stream comes there."""
    insert_facilities(conn, 2500)
    response = client.get("/v1/facilities?format=ndjson", buffered=False)
    blocks = response.iter_encoded()
    first = next(blocks)
    conn.execute(
        "DELETE FROM facilities WHERE id > (SELECT id FROM facilities ORDER BY id "
        "OFFSET 1199 LIMIT 1)"
    )
    assert first.count(b"\n") == 1000
    assert b"".join(blocks).count(b"\n") == 200


def test_a_reader_that_goes_away_leaves_nothing_behind(
    client: FlaskClient, conn: Connection, pool: ConnectionPool[Connection]
) -> None:
    insert_facilities(conn, 2500)
    for _ in range(3):
        response = client.get("/v1/facilities?format=csv", buffered=False)
        next(response.iter_encoded())
        response.close()
    assert client.head("/v1/facilities?format=csv").status_code == 200
    assert client.get("/v1/facilities").status_code == 200
    stats = pool.get_stats()
    assert (stats["pool_size"], stats["pool_available"]) == (1, 1)


@pytest.mark.parametrize("format", ["csv", "ndjson"])
@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/v1/facilities?cursor=wrong", 422, "validation-error"),
        ("/v1/facilities?limit=0", 422, "validation-error"),
        ("/v1/facilities?limit=201", 422, "validation-error"),
        ("/v1/facilities?colour=red", 422, "validation-error"),
        ("/v1/comparisons?recorded_as_of=2100-01-01T00:00:00Z", 422, "validation-error"),
        ("/v1/comparisons?time_zone=Mars/Olympus", 422, "validation-error"),
        ("/v1/counts?min_sources=6", 422, "validation-error"),
        ("/v1/detainees/019b9f3e-1a01-7b52-8c11-3f5d2e7a9001/detentions", 404, "not-found"),
        ("/v1/claims/019b9f3e-1a01-7b52-8c11-3f5d2e7a9001/comparison", 404, "not-found"),
    ],
)
def test_what_is_wrong_with_a_request_is_a_problem_and_no_broken_stream(
    api: Api, path: str, status: int, kind: str, format: str
) -> None:
    told = api.send("GET", path)
    assert told.status_code == status
    response = api.send("GET", f"{path}{'&' if '?' in path else '?'}format={format}")
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.get_json(force=True)["type"] == f"/problems/{kind}"
    assert response.data == told.data


def test_a_cursor_of_another_list_begins_no_stream(api: Api, conn: Connection) -> None:
    insert_facilities(conn, 3)
    cursor = api.get("/v1/facilities", limit=1)["next"]
    for path in ("/v1/sources", "/v1/claims?kind=released"):
        query = {"format": "csv", "cursor": cursor}
        path, _, kind = path.partition("?kind=")
        response = sent(api, path, **query, **({"kind": kind} if kind else {}))
        assert response.status_code == 422
        problem = response.get_json(force=True)
        assert [fault["pointer"] for fault in problem["errors"]] == ["/cursor"]


# --- Feeds ----------------------------------------------------------------------------------------

MINOR = "Lucero Canario Paz"


class Releases:
    """Five people, one of each status, and a minor who is out."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.editor = api.scope("edit")
        self.sources = [self.editor.source(f"Fuente {n}") for n in range(4)]
        self.events = {
            word: self.event(f"Persona {word}", confirms, denials)
            for word, confirms, denials in (
                ("confirmed", 2, 0),
                ("disputed", 1, 1),
                ("reported", 1, 0),
                ("refuted", 0, 2),
                ("unverified", 0, 0),
            )
        }
        self.minor = self.event(MINOR, 3, 0, age_group="minor", birth_date="2011-05-04")
        hidden = self.api.get(f"/v1/release-events/{self.minor}")["detainee_id"]
        self.pseudonym = self.api.get(f"/v1/detainees/{hidden}")["name"]

    def event(self, name: str, confirms: int, denials: int, **person: Any) -> str:
        detainee = self.editor.detainee(name, **person)
        self.editor.detention(detainee, detained_on="2025")
        event = self.editor.event(detainee, "2026-01-08")
        stances = ["confirms"] * confirms + ["denies"] * denials
        for n, (source, stance) in enumerate(zip(self.sources, stances, strict=False)):
            self.editor.attest(event, source, f"2026-01-09T1{n}:00:00Z", stance=stance)
        return event

    def atom(self, **query: Any) -> Any:
        response = sent(self.api, "/v1/feed", **query)
        assert response.headers["Content-Type"] == "application/atom+xml; charset=utf-8"
        assert response.headers["Vary"] == "Accept"
        feed = feedparser.parse(response.data)
        assert not feed.bozo
        assert feed.version == "atom10"
        return feed

    def json_feed(self, **query: Any) -> Any:
        response = sent(self.api, "/v1/feed", "application/feed+json", **query)
        assert response.headers["Content-Type"] == "application/feed+json"
        return response.get_json(force=True)


@pytest.fixture
def releases(api: Api) -> Releases:
    return Releases(api)


def test_feeds_tell_what_was_confirmed_disputed_or_refuted(releases: Releases) -> None:
    feed, twin = releases.atom(), releases.json_feed()
    # What was recorded last stands first.
    assert [entry.title for entry in feed.entries] == [
        f"{releases.pseudonym}: release confirmed",
        "Persona refuted: release refuted",
        "Persona disputed: release disputed",
        "Persona confirmed: release confirmed",
    ]
    updated = [entry.updated_parsed for entry in feed.entries]
    assert updated == sorted(updated, reverse=True)
    assert feed.feed.updated == feed.entries[0].updated
    for entry in feed.entries:
        assert entry.id.startswith("urn:uuid:")
        assert entry.published_parsed[:6] == (2026, 1, 9, 11, 0, 0)
        age = datetime.now(UTC) - datetime.fromisoformat(entry.updated)
        assert age < timedelta(minutes=10)
    assert [
        (item["id"], item["url"], item["title"], item["date_published"], item["date_modified"])
        for item in twin["items"]
    ] == [(e.id, e.link, e.title, e.published, e.updated) for e in feed.entries]


def test_an_entry_leads_to_its_verdict(releases: Releases) -> None:
    for entry in releases.atom().entries:
        url = urlsplit(entry.link)
        assert (url.scheme, url.netloc, url.query) == ("http", "localhost", "")
        verdict = releases.api.get(url.path)
        assert entry.title.endswith(f"release {verdict['status']}")
        assert verdict["since"] == entry.published


def test_a_release_is_one_entry_whatever_becomes_of_it(releases: Releases) -> None:
    def told() -> dict[str, str]:
        return {entry.title: entry.id for entry in releases.atom().entries}

    before = told()
    feed_id = releases.atom().feed.id
    # One more source changes no status; the disputed one is confirmed; another is new.
    last = releases.sources[3]
    releases.editor.attest(releases.events["confirmed"], last, "2026-01-10T10:00:00Z")
    for source in releases.sources[2:]:
        releases.editor.attest(releases.events["disputed"], source, "2026-01-10T10:00:00Z")
    releases.event("Otra", 2, 0)
    disputed = before.pop("Persona disputed: release disputed")
    after = told()
    new = after.pop("Otra: release confirmed")
    assert after == before | {"Persona disputed: release confirmed": disputed}
    ids = {*after.values(), new}
    assert len(ids) == len(releases.atom().entries) == 5
    assert releases.atom().feed.id == feed_id
    assert {item["id"] for item in releases.json_feed()["items"]} == ids


def retracted(releases: Releases, attestation: str) -> None:
    releases.editor.post(
        f"/v1/attestations/{attestation}/retraction", {"retracted_at": "2026-01-10T08:00:00Z"}, 200
    )


def voided(releases: Releases, attestation: str) -> None:
    releases.editor.post(
        f"/v1/attestations/{attestation}/void", {"reason": "Of another person."}, 200
    )


@pytest.mark.parametrize("take_back", [retracted, voided])
def test_a_confirmation_that_is_taken_back_is_told_in_its_own_entry(
    releases: Releases, take_back: Callable[[Releases, str], None]
) -> None:
    event = releases.events["confirmed"]
    attestations = releases.api.get("/v1/attestations", release_event_id=event)["items"]
    assert len(attestations) == 2
    before = releases.atom().entries
    own = before[-1]
    assert own.title == "Persona confirmed: release confirmed"
    updated = own.updated
    for attestation, words in zip(
        attestations, ("now only reported", "no longer verified"), strict=True
    ):
        take_back(releases, attestation["id"])
        entries, items = releases.atom().entries, releases.json_feed()["items"]
        # It comes first, and is the same entry; the others are as they were.
        assert entries[1:] == before[:-1]
        entry, item = entries[0], items[0]
        assert entry.id == item["id"] == own.id
        assert entry.link == item["url"] == own.link
        assert entry.title == item["title"] == f"Persona confirmed: release {words}"
        assert entry.updated == item["date_modified"] == releases.atom().feed.updated
        assert datetime.fromisoformat(entry.updated) > datetime.fromisoformat(updated)
        assert [item["id"] for item in items] == [entry.id for entry in entries]
        updated = entry.updated


def test_sources_that_turn_out_to_be_one_take_a_confirmation_back(releases: Releases) -> None:
    before = {entry.title: entry for entry in releases.atom().entries}
    releases.editor.affiliate(*releases.sources[:2])
    entries = {entry.title: entry for entry in releases.atom().entries}
    own = before["Persona confirmed: release confirmed"]
    entry = entries["Persona confirmed: release now only reported"]
    assert entry.id == own.id
    assert datetime.fromisoformat(entry.updated) > datetime.fromisoformat(own.updated)
    assert {entry.id for entry in entries.values()} == {entry.id for entry in before.values()}
    # What was never more than reported is not in the feed, and does not come into it.
    assert not any("Persona reported" in title for title in entries)


def test_a_feed_holds_as_many_entries_as_are_asked_for(releases: Releases) -> None:
    whole = [entry.id for entry in releases.atom().entries]
    assert [entry.id for entry in releases.atom(limit=2).entries] == whole[:2]
    assert [item["id"] for item in releases.json_feed(limit=3)["items"]] == whole[:3]
    assert sent(releases.api, "/v1/feed", limit=0).status_code == 422


def test_a_feed_before_anything_is_known(api: Api) -> None:
    feed = feedparser.parse(sent(api, "/v1/feed").data)
    assert (feed.bozo, feed.entries) == (False, [])
    assert api.get("/v1/feed", format="jsonfeed")["items"] == []


def test_no_feed_and_no_review_names_a_minor(releases: Releases) -> None:
    path = f"/v1/release-events/{releases.minor}"
    for caller in (releases.api, releases.api.scope("contribute"), releases.editor):
        for answer in (
            sent(caller, "/v1/feed", format="atom"),
            sent(caller, "/v1/feed", format="jsonfeed"),
            sent(caller, path, format="jsonld"),
        ):
            told = answer.get_data(as_text=True)
            assert answer.status_code == 200
            assert releases.pseudonym in told
            for word in ("lucero", "canario", "2011-05-04"):
                assert word not in told.lower()
    # Who turns out to be a minor is named no more.
    [person] = releases.api.get("/v1/detainees", q="persona confirmed")["items"]
    releases.editor.patch(f"/v1/detainees/{person['id']}", {"age_group": "minor"})
    for format in ("atom", "jsonfeed"):
        told = sent(releases.api, "/v1/feed", format=format).get_data(as_text=True)
        assert "Persona confirmed" not in told
        assert "Persona refuted" in told


# --- Claim reviews --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "rating", "said"),
    [
        ("confirmed", 5, "Confirmed"),
        ("reported", 4, "Reported, not confirmed"),
        ("disputed", 3, "Disputed"),
        ("refuted", 1, "Refuted"),
    ],
)
def test_a_release_is_reviewed_as_schema_org_has_it(
    releases: Releases, word: str, rating: int, said: str
) -> None:
    path = f"/v1/release-events/{releases.events[word]}"
    response = sent(releases.api, path, "application/ld+json")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/ld+json"
    review = response.get_json(force=True)
    assert (review["@context"], review["@type"]) == ("https://schema.org", "ClaimReview")
    assert review["claimReviewed"] == f"Persona {word} was released on 8 January 2026."
    assert review["reviewRating"]["ratingValue"] == rating
    assert review["reviewRating"]["alternateName"] == said
    event = releases.api.get(path)
    published = review["datePublished"]
    assert published == event["verification"]["since"]
    url = urlsplit(review["url"])
    assert releases.api.get(url.path)["status"] == word
    # As JSON it is what it was.
    assert sent(releases.api, path, format="json").get_json() == event
    assert sent(releases.api, path, format="jsonld").data == response.data


def test_a_release_of_which_nobody_has_spoken_has_no_review(releases: Releases) -> None:
    path = f"/v1/release-events/{releases.events['unverified']}"
    problem = releases.api.get(path, 404, format="jsonld")
    assert problem["type"] == "/problems/not-found"
    assert releases.api.get(path)["verification"]["status"] == "unverified"
    # Of one that was taken back somebody has spoken.
    path = f"/v1/release-events/{releases.events['reported']}"
    [attestation] = releases.api.get(
        "/v1/attestations", release_event_id=releases.events["reported"]
    )["items"]
    retracted(releases, attestation["id"])
    review = releases.api.get(path, format="jsonld")
    assert review["reviewRating"]["alternateName"] == "Unverified"
    assert review["reviewRating"]["ratingValue"] == 3
    assert review["datePublished"] == "2026-01-10T08:00:00Z"


@pytest.mark.parametrize(
    ("accept", "given"),
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
def test_a_feed_by_the_names_that_callers_use(api: Api, accept: str, given: str) -> None:
    response = sent(api, "/v1/feed", accept)
    assert (response.status_code, response.headers["Content-Type"]) == (200, given)
    assert response.headers["Vary"] == "Accept"


def test_feeds_and_reviews_in_no_form_that_is_accepted(releases: Releases) -> None:
    event = f"/v1/release-events/{releases.events['confirmed']}"
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
        response = sent(releases.api, path, accept)
        assert response.status_code == 406, (path, accept)
        assert response.get_json(force=True)["type"] == "/problems/not-acceptable"
    # A browser is shown the feed.
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    assert ET.fromstring(sent(releases.api, "/v1/feed", accept).data).tag.endswith("feed")
    unknown = "/v1/release-events/019b9f3e-1a01-7b52-8c11-3f5d2e7a9001"
    assert sent(releases.api, unknown, format="jsonld").status_code == 404
