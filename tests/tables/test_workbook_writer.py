"""Workbooks, read back with openpyxl."""

import io
import tracemalloc
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from api.errors import RequestError
from api.tables import workbook_writer
from api.tables.workbook_writer import Workbook
from tests.rendering.lists import sheet_of
from tests.tables.test_csv_writer import FORMULAS, SCHEMA

TYPED = {
    "type": "object",
    "properties": {
        "at": {"type": "string", "format": "date-time"},
        "day": {"type": ["string", "null"], "format": "date"},
        "count": {"type": "integer"},
        "score": {"type": "number"},
        "final": {"type": "boolean"},
        "text": {"type": "string"},
    },
}
ROW: dict[str, Any] = {
    "at": "2026-01-09T14:40:09.184402Z",
    "day": "1974-06-02",
    "count": -3,
    "score": 0.25,
    "final": False,
    "text": "Rocío",
}


def written(*rows: dict[str, Any], schema: Any = TYPED) -> bytes:
    return b"".join(Workbook(schema, "people").encoded([rows]))


def values(data: bytes) -> list[list[Any]]:
    return [[cell.value for cell in row] for row in sheet_of(data).iter_rows(min_row=2)]


def test_values_are_typed_cells() -> None:
    sheet = sheet_of(written(ROW))
    assert sheet.title == "people"
    header, row = sheet.iter_rows()
    assert [cell.value for cell in header] == list(TYPED["properties"])  # type: ignore[call-overload]
    assert [cell.data_type for cell in row] == ["d", "d", "n", "n", "b", "s"]
    at, day, *others = [cell.value for cell in row]
    assert (str(at), str(day)) == ("2026-01-09 14:40:09.184000", "1974-06-02 00:00:00")
    assert others == [-3, 0.25, False, "Rocío"]
    # The cell has the microseconds, which openpyxl rounds.
    with zipfile.ZipFile(io.BytesIO(written(ROW))) as parts:
        number = parts.read("xl/worksheets/sheet1.xml").split(b"<v>")[1].split(b"</v>")[0]
    assert round((float(number) - 46031) * 86_400e6) == ((14 * 60 + 40) * 60 + 9) * 10**6 + 184402
    assert all(width.width >= 10 for width in sheet.column_dimensions.values())


def test_value_without_a_type_in_spreadsheets_is_text() -> None:
    early = ROW | {"at": "1816-01-09T00:00:00Z", "day": "1900-02-28", "count": 10**15}
    assert values(written(early)) == [
        ["1816-01-09T00:00:00Z", "1900-02-28", "1000000000000000", 0.25, False, "Rocío"]
    ]


def test_last_moment_is_a_day_of_spreadsheets() -> None:
    [[at, *_]] = values(written(ROW | {"at": "9999-12-31T23:59:59.999999Z"}))
    assert str(at) == "9999-12-31 23:59:59.999000"


def test_null_is_an_empty_cell_and_an_array_its_json() -> None:
    row = {"id": "a", "place": None, "aliases": ["Ñáñez"], "verification": None, "final": True}
    assert values(written(row, schema=SCHEMA)) == [["a", None, '["Ñáñez"]', None, None, None, True]]


@pytest.mark.parametrize("text", [*FORMULAS, "http://example.org/?a=1", "0123", " x ", "a\nb"])
def test_text_is_never_a_formula_a_link_or_a_number(text: str) -> None:
    [[*_, cell]] = sheet_of(written(ROW | {"text": text})).iter_rows(min_row=2)
    assert cell.data_type == "s"
    # A workbook has control characters as _xHHHH_, which openpyxl leaves so.
    shown = {"\r=1+1": "_x000D_=1+1", "\0" + "1+1": "_x0000_1+1", "\r1+1": "_x000D_1+1"}
    assert cell.value == shown.get(text, text)


def test_text_that_is_too_long_for_a_cell_is_cut() -> None:
    longest = "ñ" * 32_767
    assert values(written(ROW | {"text": longest}))[0][-1] == longest
    for text in (longest + "ñ", "🕊" * 16_384):
        cut = values(written(ROW | {"text": text}))[0][-1]
        assert cut.endswith("…")
        assert len(cut.encode("utf-16-le")) // 2 <= 32_767


def test_equal_rows_give_equal_bytes() -> None:
    assert written(ROW) == written(ROW)
    assert written(ROW) != written(ROW | {"count": 4})


def test_no_rows_give_a_header() -> None:
    [header] = sheet_of(written()).iter_rows()
    assert [cell.value for cell in header] == list(TYPED["properties"])  # type: ignore[call-overload]


def test_rows_that_no_worksheet_holds_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook_writer, "MAX_ROWS", 4)
    assert len(values(written(ROW, ROW, ROW))) == 3
    with pytest.raises(RequestError) as error:
        written(ROW, ROW, ROW, ROW)
    assert error.value.errors[0].pointer == "/format"


def test_memory_does_not_grow_with_the_rows() -> None:
    def peak(blocks: int) -> int:
        def rows() -> Iterator[list[dict[str, Any]]]:
            for number in range(blocks):
                yield [ROW | {"text": f"Persona {number} {n}"} for n in range(100)]

        tracemalloc.start()
        for part in Workbook(TYPED, "people").encoded(rows()):
            assert len(part) <= 1 << 16
        memory = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return memory

    assert peak(20) < peak(2) + 200_000
