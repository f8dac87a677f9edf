"""Objects as lines of CSV (RFC 4180, in UTF-8) or NDJSON.

In CSV, null is an empty cell, an array is its JSON text, and a moment has six digits of fraction.
The CSV for Excel has a byte order mark and semicolons, which Excel expects where the comma is the
decimal sign, as in Spanish.

Formula injection: a spreadsheet could run a text as a formula. So a text gets an apostrophe at its
beginning if it begins, after any white space, with = + - @ or their full-width forms, an apostrophe
or a control character such as a tab or a line break. To get the original, remove one apostrophe
from each text that begins with one. The guard works for readers that separate cells as written.
"""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from api.tables import columns

# Some spreadsheets skip white space before they look for a formula.
_ESCAPED = re.compile(r"\s*['=+\-@＝＋－＠\x00-\x1F\x7F-\x9F]")  # noqa: RUF001 - intended


class _Lines:
    """A format with a line for each object, and perhaps a header."""

    header = b""

    def lines(self, items: Iterable[Mapping[str, Any]]) -> bytes:
        raise NotImplementedError

    def lines_of_json(self, texts: Iterable[bytes]) -> bytes:
        """Return the lines of objects that are JSON texts."""
        return self.lines(map(orjson.loads, texts))

    def encoded(self, blocks: Iterable[Sequence[Mapping[str, Any]]]) -> Iterator[bytes]:
        """Yield the lines of each block, the header with those of the first."""
        return self._with_header(map(self.lines, blocks))

    def encoded_json(self, blocks: Iterable[Sequence[bytes]]) -> Iterator[bytes]:
        """Yield the lines of blocks of objects that are JSON texts."""
        return self._with_header(map(self.lines_of_json, blocks))

    def _with_header(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        yield self.header + next(blocks, b"")
        yield from blocks


class CsvLines(_Lines):
    """CSV lines of objects of one schema of the contract."""

    def __init__(self, schema: Mapping[str, Any], *, for_excel: bool = False) -> None:
        table = columns.of_schema(schema)
        self.columns = tuple(column.name for column in table)
        self._delimiter = ";" if for_excel else ","
        mark = codecs.BOM_UTF8 if for_excel else b""
        self.header = mark + self._csv([self.columns])
        self._cells = [(column.value, _cell_of(column.format)) for column in table]

    def lines(self, items: Iterable[Mapping[str, Any]]) -> bytes:
        return self._csv([cell(value(item)) for value, cell in self._cells] for item in items)

    def _csv(self, lines: Iterable[Iterable[str | int | None]]) -> bytes:
        text = io.StringIO()
        csv.writer(text, delimiter=self._delimiter).writerows(lines)
        return text.getvalue().encode()


class NdjsonLines(_Lines):
    """NDJSON: one JSON object a line."""

    def lines(self, items: Iterable[Mapping[str, Any]]) -> bytes:
        return b"".join(orjson.dumps(item, option=orjson.OPT_APPEND_NEWLINE) for item in items)

    def lines_of_json(self, texts: Iterable[bytes]) -> bytes:
        return b"".join(text + b"\n" for text in texts)


def _cell_of(format: str | None) -> Callable[[Any], str | int | None]:
    return _moment_cell if format == "date-time" else _cell


def _moment_cell(value: str | None) -> str | None:
    """Return a moment with six digits of fraction, so that texts sort as moments do."""
    if value is None or value[-8:-7] == ".":
        return value
    moment, _, fraction = value.removesuffix("Z").partition(".")
    return f"{moment}.{fraction:0<6}Z"


def _cell(value: Any) -> str | int | None:
    if isinstance(value, str):
        return f"'{value}" if _ESCAPED.match(value) else value
    if value is None or type(value) is int:
        return value
    return orjson.dumps(value).decode()  # arrays, true and false


def unescaped(cell: str) -> str:
    """Return a cell's text without the apostrophe of the formula guard.

    Any other apostrophe is part of the text and stays.
    """
    return cell[1:] if cell.startswith("'") and _ESCAPED.match(cell[1:]) else cell
