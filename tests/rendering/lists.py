"""Lists requested as JSON, CSV and NDJSON, and compared."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from werkzeug.test import TestResponse

from api.database.queries import Connection
from tests.conftest import Api

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
    "/v1/counts/people",
    "/v1/changes",
]


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
    """Return all items of a list, read page by page as JSON."""
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
                assert cell.removeprefix("'") == value, column
            else:
                assert json.loads(cell) == value, column


def leaves(item: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """Yield the columns that an item needs."""
    for name, value in item.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{before}{name}.")
        elif value is not None:
            yield before + name
