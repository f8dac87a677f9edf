"""A worksheet of a workbook (.xlsx) as CSV, row by row.

A number that is whole is written without a fraction, and a day as 2024-02-09. A month that is shown
as feb-24 is stored as its first day, and is written as 2024-02. The cells of a merged range, one
below the other, all have its value, as a reader sees it. A formula has the value that was stored
with it.

The file comes from a caller: it may be broken, or expand to a multiple of its length. openpyxl
reads the parts of a workbook whole, except for rows and texts, which it reads one after the other.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time
from functools import lru_cache
from tempfile import TemporaryFile
from typing import IO, Any, BinaryIO, cast
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from api.errors import FieldError, RequestError, invalid

MAX_COLUMNS = 256
MAX_LINES = 1_048_576
"""The rows of a worksheet, as spreadsheets limit them."""

_MAX_PARTS = 10_000
_MAX_WHOLE_BYTES = 1 << 20
"""A part that is read whole: styles, names. 8 MiB of the smallest styles take 36 s and 640 MB."""
_MAX_STREAMED_BYTES = 192 << 20
"""200,000 rows of 15 cells take 135 MB."""
_MAX_RATIO, _MIN_BYTES = 100, 2 << 20
"""A part of more than these bytes may have at most so many times its compressed bytes. The rows of
lists have 5 to 30 times as many."""
_MAX_MERGES = 100_000
_MAX_DIGITS = 15
"""The digits that spreadsheets keep of a number."""
_MONTH_FORMAT = 17
"""The number of the format mmm-yy, which is built in."""
# In a format: texts, colours and languages, and escaped characters.
_NOT_OF_DATE = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')
_CHUNK_BYTES = 1 << 16
_MERGE = re.compile(rb'<mergeCell ref="([A-Z]{1,3})(\d{1,7}):[A-Z]{1,3}(\d{1,7})"')
_TOO_LARGE = "Is too large to be read: delete its pictures and other sheets, or save it as CSV."
_UNREADABLE = (
    "Is not a workbook that can be read: save it as .xlsx without a password, or as CSV in UTF-8."
)


class _Archive(ZipFile):
    """The parts of a workbook, none of them longer than its limit."""

    def open(self, name: Any, *arguments: Any, **options: Any) -> Any:
        info = self.getinfo(getattr(name, "filename", name))
        if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            # No spreadsheet writes others, and ZipFile decompresses those without a bound.
            raise invalid(FieldError("", _UNREADABLE))
        limit = max(_MIN_BYTES, _MAX_RATIO * info.compress_size)
        _check_length(info.file_size, min(limit, _MAX_STREAMED_BYTES))
        return _Part(super().open(name, *arguments, **options), info.file_size)


class _Part(io.RawIOBase):
    """A part of a workbook, decompressed in steps.

    It is read to the length that the archive declares, which may be false. ZipFile applies that
    length only to what it has decompressed, and a read without a size decompresses the whole part.
    """

    def __init__(self, part: IO[bytes], length: int) -> None:
        self._part = part
        self._length = length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        step = self._part.read(min(len(buffer), _CHUNK_BYTES))
        buffer[: len(step)] = step
        return len(step)

    def readall(self) -> bytes:
        _check_length(self._length, _MAX_WHOLE_BYTES)
        return super().readall()

    def close(self) -> None:
        self._part.close()
        super().close()


def _check_length(length: int, limit: int) -> None:
    if length > limit:
        raise invalid(FieldError("", _TOO_LARGE))


@contextmanager
def as_csv(file: BinaryIO, name: str | None, max_rows: int) -> Iterator[tuple[BinaryIO, str]]:
    """Yield a CSV file in UTF-8 of a worksheet, and the worksheet's name.

    The default is the first worksheet that is not hidden.

    Raises `validation-error`, also for a row below `max_rows` that has a value.
    """
    with TemporaryFile() as table:
        text = io.TextIOWrapper(table, "utf-8", errors="replace", newline="")
        try:
            with _Archive(file) as archive:
                title = _write(archive, file, name, csv.writer(text), max_rows)
        except RequestError:
            raise
        except Exception:
            # openpyxl raises errors of any kind for a workbook that is not as it expects.
            raise invalid(FieldError("", _UNREADABLE)) from None
        text.flush()
        text.detach()
        table.seek(0)
        yield table, title


def _write(archive: _Archive, file: BinaryIO, name: str | None, writer: Any, max_rows: int) -> str:
    """Write the rows of a worksheet; return its name. Empty rows at its end are left out."""
    # Imported here, since that takes 0.14 s of the 1.0 s of CPU time in which `serve` starts.
    from openpyxl.reader.excel import ExcelReader

    if len(archive.infolist()) > _MAX_PARTS:
        raise invalid(FieldError("", _TOO_LARGE))
    reader = ExcelReader(file, read_only=True, data_only=True, keep_links=False)
    reader.archive = archive
    reader.read()
    sheets = {sheet.title: sheet for sheet in reader.wb.worksheets}
    shown = (title for title, sheet in sheets.items() if sheet.sheet_state == "visible")
    title = next(shown, next(iter(sheets))) if name is None else name
    if title not in sheets:
        names = ", ".join(repr(sheet) for sheet in list(sheets)[:20])
        detail = f"The workbook has no sheet {title!r}. Send the name of one that it has: {names}."
        raise invalid(FieldError("/sheet", detail))
    sheet: Any = sheets[title]
    merged = _Merged(_merges(archive, sheet._worksheet_path))
    blank = 0
    for number, values in enumerate(_lines(sheet), 1):
        # A sheet may have a million empty rows. As cells they took 120 s.
        if values.count(None) == len(values):
            blank += 1
            continue
        cells = merged.fill(number, [_text(value) for value in values])
        while cells and not cells[-1]:
            cells.pop()
        if len(cells) > MAX_COLUMNS:
            detail = (
                f"Row {number} of the sheet has more than {MAX_COLUMNS} columns: delete those that "
                "the list does not need."
            )
            raise invalid(FieldError("", detail))
        if cells and number > max_rows:
            raise invalid(
                FieldError(f"/{number}", f"A list has at most {max_rows:,} rows: split it.")
            )
        writer.writerows([[]] * blank)
        writer.writerow(cells)
        blank = 0
    return title


def _lines(sheet: Any) -> Iterator[Sequence[Any]]:
    """Yield the values of each row; cells, which take longer, only if a format has no day."""
    bounds = {"max_row": MAX_LINES, "max_col": MAX_COLUMNS + 1}
    book = sheet.parent
    has_months = any(style.numFmtId == _MONTH_FORMAT for style in book._cell_styles)
    if not has_months and not any(map(_shown_part, book._number_formats)):
        return cast(Iterator[Sequence[Any]], sheet.iter_rows(values_only=True, **bounds))
    # All empty cells are one object.
    return (
        tuple(map(_shown_value, row)) if len({*map(id, row)}) > 1 else ()
        for row in sheet.iter_rows(**bounds)
    )


@lru_cache(maxsize=1 << 10)
def _shown_part(number_format: str) -> str | None:
    """Return the part of a date that a format without a day shows, for strftime; else None."""
    letters = _NOT_OF_DATE.sub("", number_format).lower()
    if "y" not in letters or "d" in letters or "h" in letters:
        return None
    return "%Y-%m" if "m" in letters else "%Y"


def _shown_value(cell: Any) -> Any:
    """Return the value of a cell; the month or the year if it shows no more of a first day."""
    value = cell.value
    if not isinstance(value, datetime) or (value.day, value.time()) != (1, time()):
        return value
    part = _shown_part(cell.number_format)
    return value.strftime(part) if part == "%Y-%m" or (part and value.month == 1) else value


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and abs(value) >= 10**_MAX_DIGITS:
        return f"{value:.{_MAX_DIGITS - 1}E}"  # as spreadsheets show a number that they round
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)


def _merges(archive: _Archive, path: str) -> Iterator[tuple[int, int, int]]:
    """Yield the column, the first and the last row of each merged range of several rows."""
    count, rest = 0, b""
    with archive.open(path) as part:
        while chunk := part.read(_CHUNK_BYTES):
            text = rest + chunk
            end = 0
            for match in _MERGE.finditer(text):
                end = match.end()
                first, last = int(match[2]), int(match[3])
                count += 1
                if count > _MAX_MERGES:
                    raise invalid(FieldError("", _TOO_LARGE))
                if last > first:
                    yield _column(match[1].decode()), first, last
            rest = text[max(end, len(text) - 60) :]


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


class _Merged:
    """The merged ranges of a sheet, applied row by row."""

    def __init__(self, ranges: Iterator[tuple[int, int, int]]) -> None:
        self._ranges: dict[int, list[tuple[int, int]]] = {}
        for column, first, last in ranges:
            self._ranges.setdefault(first, []).append((column, last))
        self._values: dict[int, tuple[int, str]] = {}

    def fill(self, row: int, cells: list[str]) -> list[str]:
        """Return the cells of a row with the values of the ranges that reach down to it."""
        if self._values:
            self._values = {c: value for c, value in self._values.items() if value[0] >= row}
            for column, (_, text) in self._values.items():
                if column < MAX_COLUMNS and any(cells):
                    cells += [""] * (column + 1 - len(cells))
                    cells[column] = cells[column] or text
        for column, last in self._ranges.pop(row, ()):
            if column < len(cells) and cells[column]:
                self._values[column] = last, cells[column]
        return cells
