"""Lists requested as JSON, CSV, NDJSON and workbooks, and compared."""

import csv
import io
import json
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import openpyxl
from openpyxl.worksheet.worksheet import Worksheet
from werkzeug.test import TestResponse

from api.database.queries import Connection
from tests.conftest import Api

CSV = "text/csv; charset=utf-8; header=present"
NDJSON = "application/x-ndjson"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
LISTS = [
    "/v1/sources",
    "/v1/facilities",
    "/v1/detainees",
    "/v1/detainees/{id}/detentions",
    "/v1/release-events",
    "/v1/attestations",
    "/v1/claims",
    "/v1/comparisons",
    "/v1/counts/people",
    "/v1/differences",
    "/v1/changes",
]
# The parameters without which a list is refused.
REQUIRED = {"/v1/differences": {"from": "2025-01-01"}}


def insert_facilities(conn: Connection, many: int) -> None:
    conn.execute(
        "INSERT INTO facilities (name, country) "
        "SELECT 'Lugar ' || n, 'VE' FROM generate_series(1, %s) n",
        [many],
    )


def sent(api: Api, path: str, accept: str | None = None, **query: Any) -> TestResponse:
    headers = {} if accept is None else {"Accept": accept}
    query = {**REQUIRED.get(path, {}), **query}
    return api.send("GET", path, query_string=query, headers=headers)


def next_link(response: TestResponse) -> str | None:
    """Return the path and query of the next page."""
    links = response.headers.getlist("Link")
    matches = [m for link in links if (m := re.fullmatch(r'<([^<>]+)>; rel="next"', link))]
    return matches[0][1] if matches else None


def walk(api: Api, path: str, **query: Any) -> list[Any]:
    """Return all items of a list, read page by page as JSON."""
    name = "after" if path == "/v1/changes" else "cursor"
    items: list[Any] = []
    query = {**REQUIRED.get(path, {}), **query}
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


def sheet_of(data: bytes) -> Worksheet:
    """Return the worksheet of a workbook, after a check that nothing in it runs or links."""
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        assert not [n for n in parts.namelist() if re.search("vba|external|macro", n, re.I)]
        assert b"<f>" not in b"".join(map(parts.read, parts.namelist()))
    with warnings.catch_warnings():
        # openpyxl calls a function that Python 3.12 deprecates.
        warnings.simplefilter("ignore", DeprecationWarning)
        book = openpyxl.load_workbook(io.BytesIO(data))
    [sheet] = book.worksheets
    assert sheet.freeze_panes == "A2"
    assert sheet._hyperlinks == []
    return sheet


def xlsx_rows(response: TestResponse) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.get_data(as_text=True)
    assert response.headers["Content-Type"] == XLSX
    header, *rows = sheet_of(response.data).iter_rows()
    names = [str(cell.value) for cell in header]
    assert {cell.data_type for row in rows for cell in row} <= set("snbd")
    return [{name: cell.value for name, cell in zip(names, row, strict=True)} for row in rows]


def check_typed_rows(
    rows: Sequence[Mapping[str, Any]], items: Sequence[Any], schema: Mapping[str, Any]
) -> None:
    """Check that the rows of a workbook hold the values of items, typed as the contract says."""
    assert len(rows) == len(items)
    for row, item in zip(rows, items, strict=True):
        assert set(leaves(item)) <= set(row)
        for column, cell in row.items():
            value, part = item, schema
            for name in column.split("."):
                part = part["properties"][name]
                value = None if value is None else value[name]
            if part.get("format") == "date":
                assert (cell and f"{cell:%Y-%m-%d}") == value, column
            elif part.get("format") == "date-time" and value is not None:
                # openpyxl rounds to milliseconds.
                moment = datetime.fromisoformat(value).replace(tzinfo=None)
                assert abs((cell - moment).total_seconds()) <= 0.001, column
            elif isinstance(value, list):
                assert json.loads(cell) == value, column
            else:
                assert cell == value, column
                assert isinstance(cell, str) == isinstance(value, str), column


def six_digits(moment: str) -> str:
    """Return a moment as CSV has it."""
    head, _, fraction = moment.removesuffix("Z").partition(".")
    return f"{head}.{fraction:0<6}Z"


def check_rows(rows: Sequence[Mapping[str, str]], items: Sequence[Any]) -> None:
    """Check that CSV rows hold the values of items: null is an empty cell, an array JSON text."""
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
                expected = six_digits(value) if MOMENT.fullmatch(value) else value
                assert cell.removeprefix("'") == expected, column
            else:
                assert json.loads(cell) == value, column


def leaves(item: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """Yield the columns that an item needs."""
    for name, value in item.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{before}{name}.")
        elif value is not None:
            yield before + name
