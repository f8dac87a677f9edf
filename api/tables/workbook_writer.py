"""Objects as a workbook of one worksheet (.xlsx).

Days, moments, numbers, true and false are typed cells; a moment is in UTC. Any other value is text,
as in CSV, and never a formula. A text that is too long for a cell ends in an ellipsis.

XlsxWriter writes 100,000 rows of 15 cells in 20 s of CPU time, openpyxl in 42 s. Both of them keep
the rows in a file, so that a workbook is complete before it is sent.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import date, datetime
from os import SEEK_END
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Any

import orjson
import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from api.errors import FieldError, invalid
from api.tables import columns
from api.tables.columns import Column

MAX_ROWS = 1_048_576
"""The rows of a worksheet, with its header."""

_MAX_CELL = 32_767
_MAX_DIGITS = 15
_CHUNK_BYTES = 1 << 16
_MIN_WIDTH, _MAX_WIDTH = 10, 50
_WIDTHS = {"date": 10, "date-time": 24}
_MOMENT = 'yyyy-mm-dd"T"hh:mm:ss.000"Z"'
# Spreadsheets have a day 1900-02-29, so that earlier days are text.
_FIRST_DAY = date(1900, 3, 1)
# Later moments would round to the number of a day that spreadsheets do not have.
_LAST_MOMENT = datetime(9999, 12, 31, 23, 59, 59, 999_000)  # noqa: DTZ001 - XlsxWriter takes naive ones
# Equal content gives equal bytes, on which the entity tag depends.
_CREATED = datetime(2000, 1, 1)  # noqa: DTZ001 - XlsxWriter takes naive moments

Blocks = Iterable[Sequence[Mapping[str, Any]]]


class Parts(Iterator[bytes]):
    """The parts of a complete file, whose length is known before it is read. It closes the file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.length = file.seek(0, SEEK_END)
        file.seek(0)

    def __next__(self) -> bytes:
        part = b"" if self._file.closed else self._file.read(_CHUNK_BYTES)
        if not part:
            self.close()
            raise StopIteration
        return part

    def close(self) -> None:
        self._file.close()

    def __del__(self) -> None:
        self.close()


class Workbook:
    """A workbook of objects of one schema of the contract, with the columns of their CSV."""

    def __init__(self, schema: Mapping[str, Any], title: str) -> None:
        self._title = title
        self._columns = columns.of_schema(schema)

    def encoded(self, blocks: Blocks) -> Parts:
        """Return the workbook in parts. Raises `validation-error` if it has too many rows."""
        with ExitStack() as on_error:
            file = on_error.enter_context(TemporaryFile())
            self._write(file, blocks)
            on_error.pop_all()
        return Parts(file)

    def encoded_json(self, blocks: Iterable[Sequence[bytes]]) -> Parts:
        """Return the workbook of objects that are JSON texts, in parts."""
        return self.encoded([orjson.loads(text) for text in texts] for texts in blocks)

    def _write(self, file: IO[bytes], blocks: Blocks) -> None:
        with TemporaryDirectory() as folder:
            book = xlsxwriter.Workbook(file, {"constant_memory": True, "tmpdir": folder})
            book.set_properties({"created": _CREATED})
            formats = {
                "date": book.add_format({"num_format": "yyyy-mm-dd"}),
                "date-time": book.add_format({"num_format": _MOMENT}),
            }
            sheet = book.add_worksheet(self._title)
            bold = book.add_format({"bold": True})
            for index, column in enumerate(self._columns):
                sheet.write_string(0, index, column.name, bold)
            sheet.freeze_panes(1, 0)
            try:
                self._write_rows(sheet, blocks, formats)
            finally:
                book.close()

    def _write_rows(self, sheet: Worksheet, blocks: Blocks, formats: Mapping[str, Any]) -> None:
        number = 0
        for block in blocks:
            if number == 0:
                for index, column in enumerate(self._columns):
                    sheet.set_column(index, index, _width(column, block))
            for item in block:
                number += 1
                if number == MAX_ROWS:
                    detail = (
                        f"A worksheet has {MAX_ROWS - 1:,} rows at most, and this list has more. "
                        "Choose `csv`."
                    )
                    raise invalid(FieldError("/format", detail))
                for index, column in enumerate(self._columns):
                    value = column.value(item)
                    if value is not None:
                        _write_cell(sheet, number, index, value, formats, column.format)


def _write_cell(
    sheet: Worksheet,
    row: int,
    index: int,
    value: Any,
    formats: Mapping[str, Any],
    format: str | None,
) -> None:
    if isinstance(value, str):
        if format is not None and format in formats:
            moment = datetime.fromisoformat(value).replace(tzinfo=None)
            if moment.date() >= _FIRST_DAY:
                sheet.write_datetime(row, index, min(moment, _LAST_MOMENT), formats[format])
                return
        sheet.write_string(row, index, _shortened(value))
    elif isinstance(value, bool):
        sheet.write_boolean(row, index, value)
    elif isinstance(value, int | float) and abs(value) < 10**_MAX_DIGITS:
        sheet.write_number(row, index, value)
    else:
        sheet.write_string(row, index, _shortened(orjson.dumps(value).decode()))


def _shortened(text: str) -> str:
    """Return a text that fits into a cell, whose limit counts units of UTF-16."""
    if len(text) <= _MAX_CELL // 2:
        return text
    units = text.encode("utf-16-le")
    if len(units) <= 2 * _MAX_CELL:
        return text
    return units[: 2 * (_MAX_CELL - 1)].decode("utf-16-le", "ignore") + "…"


def _width(column: Column, items: Sequence[Mapping[str, Any]]) -> int:
    """Return the width of a column in characters, by its name and its values in the first rows."""
    values = (column.value(item) for item in items)
    # The text of a moment is longer or shorter than the cell shows it.
    texts = [value for value in values if isinstance(value, str) and column.format not in _WIDTHS]
    least = _WIDTHS.get(column.format or "", _MIN_WIDTH)
    return min(max(least, *map(len, [column.name, *texts])) + 1, _MAX_WIDTH)
