"""CSV and NDJSON, read back with Python's csv and json."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.tables.csv_writer import CsvLines, NdjsonLines

SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "place": {"type": ["string", "null"]},
        "aliases": {"type": "array", "items": {"type": "string"}},
        "verification": {
            "type": ["object", "null"],
            "properties": {
                "status": {"type": "string"},
                "sources": {
                    "type": "object",
                    "properties": {"for": {"type": "integer"}, "against": {"type": "integer"}},
                },
            },
        },
        "final": {"type": "boolean"},
    },
}
ROW = {
    "id": "063293c2-2191-5dfc-8203-c836a22b8a02",
    "place": "Caracas",
    "aliases": ["Chío Ñáñez", "=1"],
    "verification": {"status": "confirmed", "sources": {"for": 2, "against": -1}},
    "final": True,
}

TEXTS = {"type": "object", "properties": {"first": {"type": "string"}, "last": {"type": "string"}}}

FORMULAS = [
    *(f"{sign}1+1" for sign in "=+-@＝＋－＠\t\r\n\0'"),  # noqa: RUF001 - full-width on purpose
    " =1+1",
    "\u00a0=1+1",
    "\u3000＝1",  # noqa: RUF001
    "\n\t =1+1",
    '=HYPERLINK("http://example.org/?"&A1,"a,b")',
    "@SUM(1;2)",
    "''=1",
]

# Texts with more special characters than chance would give.
texts = st.text() | st.text(st.sampled_from("=+-@＝＋－＠'\"\t\r\n\0 ,;a"))  # noqa: RUF001
integers = st.integers(-(2**63), 2**63 - 1)


def cells(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


def text(cell: str) -> str:
    """Return a text cell without the apostrophe of the formula guard."""
    return cell.removeprefix("'")


def lines(schema: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> bytes:
    return CsvLines(schema).lines(rows)


def test_object_has_a_column_for_each_property() -> None:
    table = CsvLines(SCHEMA)
    assert table.columns == (
        "id",
        "place",
        "aliases",
        "verification.status",
        "verification.sources.for",
        "verification.sources.against",
        "final",
    )
    assert table.header == ",".join(table.columns).encode() + b"\r\n"


def test_row_is_one_line_of_utf_8() -> None:
    assert lines(SCHEMA, [ROW]).decode() == (
        f'{ROW["id"]},Caracas,"[""Chío Ñáñez"",""=1""]",confirmed,2,-1,true\r\n'
    )


def test_null_is_an_empty_cell() -> None:
    row = ROW | {"place": None, "verification": None, "aliases": [], "final": False}
    assert lines(SCHEMA, [row]) == f"{ROW['id']},,[],,,,false\r\n".encode()


@pytest.mark.parametrize(
    ("moment", "cell"),
    [
        ("2026-01-09T14:40:09Z", "2026-01-09T14:40:09.000000Z"),
        ("2026-01-09T14:40:09.5Z", "2026-01-09T14:40:09.500000Z"),
        ("2026-01-09T14:40:09.184402Z", "2026-01-09T14:40:09.184402Z"),
        (None, '""'),
    ],
)
def test_moment_has_six_digits_of_fraction(moment: str | None, cell: str) -> None:
    schema = {"properties": {"at": {"type": "string", "format": "date-time"}}}
    assert lines(schema, [{"at": moment}, {"at": moment}]) == f"{cell}\r\n".encode() * 2


def test_missing_property_is_an_error() -> None:
    with pytest.raises(KeyError):
        lines(SCHEMA, [{"id": ROW["id"]}])
    with pytest.raises(KeyError):
        lines(SCHEMA, [ROW | {"verification": {"status": "confirmed"}}])


def test_no_rows_give_no_lines() -> None:
    assert lines(SCHEMA, []) == NdjsonLines().lines([]) == b""


@given(st.lists(st.tuples(texts, texts)))
def test_every_text_is_read_back_unchanged(pairs: list[tuple[str, str]]) -> None:
    data = lines(TEXTS, [{"first": first, "last": last} for first, last in pairs])
    assert [tuple(text(cell) for cell in line) for line in cells(data)] == pairs


@given(texts)
def test_no_cell_begins_like_a_formula(value: str) -> None:
    ((first, last),) = cells(lines(TEXTS, [{"first": value, "last": value}]))
    assert first == last
    assert not first.startswith(tuple("\t\r\n\0"))
    assert not first.strip().startswith(tuple("=+-@＝＋－＠"))  # noqa: RUF001


@pytest.mark.parametrize("formula", FORMULAS)
def test_formula_gets_one_apostrophe(formula: str) -> None:
    row = {"first": formula, "last": "Ana"}
    assert cells(lines(TEXTS, [row])) == [[f"'{formula}", "Ana"]]


@pytest.mark.parametrize(
    "plain", ["Rocío", "1+1", "a=b", "O'Higgins", "(=1)", " Ana", "¿=?", "«-»"]
)
def test_other_text_is_unchanged(plain: str) -> None:
    assert cells(lines(TEXTS, [{"first": plain, "last": plain}])) == [[plain, plain]]


@given(st.lists(st.dictionaries(st.text(), st.none() | st.booleans() | integers | texts)))
def test_ndjson_has_one_object_a_line(rows: list[dict[str, Any]]) -> None:
    data = NdjsonLines().lines(rows)
    assert data.count(b"\n") == len(rows)
    assert b"\r" not in data
    assert [json.loads(line) for line in data.splitlines()] == rows
