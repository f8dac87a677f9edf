"""The file of a list of people -> the cells of its rows, from CSV, a worksheet or NDJSON.

Rows are numbered from 1, without the header; empty rows are counted and skipped, and so is a row
that repeats the header. An error of the whole file is a RequestError with the pointer
/header/COLUMN or /ROW.
"""

import csv
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any, BinaryIO, NamedTuple

from api.contract import strict_json
from api.errors import FieldError, RequestError, invalid, pointer
from api.lists import columns
from api.lists.columns import ColumnMapping
from api.rendering.media_types import CSV, XLSX
from api.tables import csv_reader, workbook_reader
from api.tables.csv_reader import CsvFile
from api.tables.csv_writer import unescaped

MAX_ROWS = 200_000
"""Rows of a list, or entries of a case."""
NAME_FIELDS = ("name", "given_names", "surnames")

NOT_UTF_8 = re.compile("[\udc80-\udcff]")
"""A byte that is no text in UTF-8, as it was read."""
FORMULA_ERROR = re.compile(
    r"#(?:N/[AD]|[¡¿]?(?:DIV/0|N[AO]ME|NOMBRE|NUL[LO]|N[UÚ]M|REF|VALOR|VALUE)[!?])\Z"
)
"""As in #REF!, #¿NOMBRE?, #DIV/0!."""

# By which other services keep a spreadsheet from changing a number: ="0123".
_FORMULA_OF_TEXT = re.compile(r'="([^"]*)"\Z')
_MAX_LINE_BYTES = 1 << 20
_MAX_LINES_ABOVE = 20
# A zip, and so a workbook, begins with it.
_ZIP = b"PK\x03\x04"
# A longer cell is a sentence that begins like the name of a column.
_MAX_NAME_COLUMN = 50
# Cells of a line that an error quotes, and characters of each.
_MAX_SHOWN, _MAX_QUOTED = 5, 50


class RowError(NamedTuple):
    """An error of a row, with the file's name of the column; None for the row as a whole."""

    column: str | None
    detail: str


Cells = Sequence[tuple[str, str, Any]]
"""The column, the field and the value of each cell that is not empty."""

NumberedCells = Generator[tuple[int, Cells, Sequence[RowError]]]


class Reading(NamedTuple):
    """How a list was read, as the preview shows it."""

    encoding: str | None
    encoding_is_assumed: bool
    sheet: str | None
    header_line: int
    titles: Sequence[str]


class ListFile(NamedTuple):
    """A list, as a table or as lines of NDJSON."""

    file: BinaryIO
    mapping: ColumnMapping
    table: CsvFile | None

    @property
    def lines_above(self) -> int:
        """The lines above the first row."""
        return 0 if self.table is None else self.table.header_line

    @property
    def reading(self) -> Reading | None:
        table = self.table
        if table is None:
            return None
        encoding = table.encoding if table.sheet is None else None
        return Reading(encoding, table.is_assumed, table.sheet, table.header_line, table.titles)


@contextmanager
def opened(
    file: BinaryIO,
    media_type: str,
    mapping: ColumnMapping,
    charset: str | None = None,
    sheet: str | None = None,
) -> Iterator[ListFile]:
    """Open a list. Raise RequestError if it cannot be read, or has more than MAX_ROWS rows."""
    if sheet is not None and media_type != XLSX:
        raise invalid(FieldError("/sheet", "Is for workbooks only: leave it out."))

    def is_name(cell: str) -> bool:
        column = _shown(cell).strip()
        if FORMULA_ERROR.match(column):  # #¿NOMBRE? is a missing value, below the header
            return False
        field = mapping.get(column) or columns.field_of(column)
        return field in NAME_FIELDS and len(column) <= _MAX_NAME_COLUMN

    if media_type == XLSX:
        with workbook_reader.as_csv(file, sheet, MAX_ROWS + _MAX_LINES_ABOVE) as (table, title):
            opened_table = csv_reader.opened(table, "utf-8", is_name, title)
            _check_length(opened_table)
            yield ListFile(table, mapping, opened_table)
    elif media_type == CSV:
        if file.read(len(_ZIP)) == _ZIP:
            detail = f"Is a workbook, not CSV: send it as {XLSX}."
            raise invalid(FieldError("/header", detail))
        opened_table = csv_reader.opened(file, charset, is_name)
        _check_length(opened_table)
        yield ListFile(file, mapping, opened_table)
    else:
        _check_lines(file)
        yield ListFile(file, mapping, None)


def _check_length(table: CsvFile) -> None:
    """Raise RequestError for a row beyond MAX_ROWS, before any is read: in 0.3 s, not in 60 s."""
    with table.reader() as reader, suppress(csv.Error):
        for number, cells in enumerate(reader):
            if number > MAX_ROWS and any(cells):
                raise _too_many(number)


def _check_lines(file: BinaryIO) -> None:
    """Raise RequestError for a line of NDJSON beyond MAX_ROWS."""
    file.seek(0)
    for number, line in enumerate(iter(lambda: file.readline(_MAX_LINE_BYTES), b""), 1):
        if number > MAX_ROWS and line.strip():
            raise _too_many(number)


def _too_many(number: int) -> RequestError:
    return invalid(FieldError(f"/{number}", f"A list has at most {MAX_ROWS:,} rows: split it."))


def cells(list_file: ListFile) -> NumberedCells:
    list_file.file.seek(0)
    table = list_file.table
    numbered = (
        _ndjson_rows(list_file.file, list_file.mapping)
        if table is None
        else _table_rows(table, list_file.mapping)
    )
    with closing(numbered):
        for number, cells, errors in numbered:
            if number > MAX_ROWS:
                raise _too_many(number)
            yield number, cells, errors


def _table_rows(table: CsvFile, mapping: ColumnMapping) -> NumberedCells:
    with table.reader() as reader:
        header, column_fields = _read_header(reader, mapping, table.sheet)
        number = 0
        while True:
            number += 1
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                if "unexpected end of data" in str(error):
                    detail = (
                        f"A quote in the row that begins on line {line} of the file, as a text "
                        "editor shows it, is never closed: close it."
                    )
                    raise invalid(FieldError(f"/{number}", detail)) from None
                yield (
                    number,
                    [],
                    [RowError(None, f"Is not a row of CSV ({error}): correct its quotes.")],
                )
                continue
            if not any(cell and not cell.isspace() for cell in cells):
                continue
            if table.sheet is not None:
                # A worksheet has no cells at the end of a row that is shorter than others.
                cells += [""] * (len(header) - len(cells))
                header += [""] * (len(cells) - len(header))
                column_fields += [""] * (len(cells) - len(column_fields))
            while len(cells) > len(header) and not cells[-1]:
                cells.pop()
            if len(cells) != len(header):
                remedy = (
                    "put quotes around a cell that contains the separator."
                    if len(cells) > len(header)
                    else "Excel leaves out empty cells at the end of a row: save the list as "
                    ".xlsx. A cell with a line break needs quotes."
                )
                detail = f"Has {len(cells)} cells, but the header has {len(header)}: {remedy}"
                yield number, [], [RowError(None, detail)]
                continue
            unnamed = (i for i, cell in enumerate(cells) if cell and not header[i])
            if (index := next(unnamed, None)) is not None:
                detail = f"Column {index + 1} has the value {cells[index][:100]!r} and no name."
                yield number, [], [RowError(None, f"{detail} Name the column, or empty it.")]
                continue
            cells = [_shown(cell) for cell in cells]
            if _is_header(cells, header):
                continue
            yield (
                number,
                [
                    (column, field, value)
                    for column, field, value in zip(header, column_fields, cells, strict=True)
                    if field and (value or field in NAME_FIELDS)
                ],
                [],
            )


def _shown(cell: str) -> str:
    """Return a cell as a spreadsheet shows it, without the apostrophe of the formula guard."""
    formula = _FORMULA_OF_TEXT.match(cell)
    return formula[1] if formula else unescaped(cell)


def _is_header(cells: Sequence[str], header: Sequence[str]) -> bool:
    """Return whether a row repeats the header, as at the top of each printed page."""
    return all(not cell or cell.strip() == name for cell, name in zip(cells, header, strict=True))


def _read_header(
    reader: Iterator[list[str]], mapping: ColumnMapping, sheet: str | None
) -> tuple[list[str], list[str]]:
    """Return the names of the columns and their fields, "" for an ignored column."""
    try:
        header = [_shown(cell).strip() for cell in next(reader, [])]
    except csv.Error as error:
        raise invalid(
            FieldError("/header", f"Is not a row of CSV ({error}): correct its quotes.")
        ) from None
    if not header:
        detail = "The list is empty: send one with a header and rows."
        raise invalid(FieldError("/header", detail + _other_sheet(sheet)))
    if any(map(NOT_UTF_8.search, header)) or any("\0" in name for name in header):
        raise invalid(FieldError("/header", "Is not UTF-8: save the list as CSV in UTF-8."))
    errors = [
        FieldError(
            pointer("mapping", column),
            f"The list has no column {column[:100]!r}: use a name of the header, or leave it out.",
        )
        for column in mapping
        if column not in header
    ]
    column_fields: list[str] = []
    for name in header:
        # Spreadsheets add empty columns: an error is only a row that has a value in one.
        field, detail = _field(name, mapping) if name else ("", "")
        if field and field in column_fields:
            same = header[column_fields.index(field)]
            remedy = "rename one of them" if same == name else "map one of them to null"
            detail = f"Is the same field as the column {same!r}: {remedy}."
        if detail:
            errors.append(FieldError(pointer("header", name), detail))
        column_fields.append(field)
    if not set(NAME_FIELDS) & set(column_fields):
        errors = [error for error in errors if error.pointer.startswith("/mapping/")]
        errors.append(FieldError("/header", _no_header(header) + _other_sheet(sheet)))
    if errors:
        raise invalid(*errors)
    return header, column_fields


def _no_header(first_line: Sequence[str]) -> str:
    """Return the error of a list in which no line has a column for the name."""
    cells = [repr(cell[:_MAX_QUOTED]) for cell in first_line if cell]
    shown = ", ".join(cells[:_MAX_SHOWN]) or "no text"
    if first_line[0].startswith("<"):
        return f"Is HTML or XML, not CSV ({shown}): open it in a spreadsheet, and save it as CSV."
    return (
        f"None of the first {_MAX_LINES_ABOVE} lines has a column for the name; the first has "
        f"{shown}. Put a line with the names of the columns above the rows, such as `nombre`. "
        "If there is one, give the field of the name's column in `mapping`."
    )


def _other_sheet(sheet: str | None) -> str:
    """Return what to do if the list is in another worksheet than the one that was read."""
    if sheet is None:
        return ""
    return f" The worksheet {sheet!r} was read: if the list is in another, name that in `sheet`."


def _field(column: str, mapping: ColumnMapping) -> tuple[str, str]:
    """Return the field of a column ("" if ignored), and the error ("" if none)."""
    if column in mapping:
        return mapping[column] or "", ""
    field = columns.field_of(column)
    if field is None:
        return (
            "",
            f"{column[:100]!r} is not a known column: give its field in `mapping`, or null to"
            " ignore it.",
        )
    return field, ""


def _ndjson_rows(file: BinaryIO, mapping: ColumnMapping) -> NumberedCells:
    number = 0
    while line := file.readline(_MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > _MAX_LINE_BYTES:
            detail = f"Has more than {_MAX_LINE_BYTES:,} bytes: shorten its values."
            raise invalid(FieldError(f"/{number}", detail))
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line.strip():
            continue
        try:
            value = strict_json.read_line(line)
        except RequestError as error:
            yield number, [], [RowError(None, error.detail)]
            continue
        if not isinstance(value, dict):
            yield number, [], [RowError(None, 'Must be an object, such as {"name": "Ana"}.')]
            continue
        if number == 1 and value.get("export") == "constancia":
            detail = "Is an export, not a list of people: load it with `constancia load`."
            raise invalid(FieldError("/1", detail))
        yield number, *_read_object(value, mapping)


def _read_object(
    value: Mapping[str, Any], mapping: ColumnMapping
) -> tuple[Cells, Sequence[RowError]]:
    flat: dict[str, Any] = {}
    for name, part in value.items():
        if isinstance(part, dict):
            flat |= {f"{name}.{inner}": inner_part for inner, inner_part in part.items()}
        else:
            flat[name] = part
    # PostgreSQL stores no NUL, and errors are stored with the names of their columns.
    flat = {name.replace("\0", "\ufffd"): part for name, part in flat.items()}
    cells, errors = [], []
    column_of: dict[str, str] = {}
    for name, part in flat.items():
        field, detail = _field(name, mapping)
        if not detail and field and field in column_of:
            detail = f"Is the same field as {column_of[field]!r}: map one of them to null."
        if detail:
            errors.append(RowError(name, detail))
        elif field and part not in (None, "", []):
            column_of[field] = name
            cells.append((name, field, part))
    return cells, errors
