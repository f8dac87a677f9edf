"""Answers' rows as tables: CSV (RFC 4180, in UTF-8) and NDJSON.

In CSV, null is an empty cell and an array its JSON text. So that no spreadsheet runs a text as a
formula, a text that begins, after any white space, with = + - @, with the full-width form of one
of these, with an apostrophe or with a control character (a tab or a line break too) gets one
apostrophe put before it. To read what went in, take one apostrophe away from every text that
begins with one. Both hold for a reader that separates cells by the comma alone.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any

import orjson

# Some spreadsheets trim white space before they look for a formula.
_ESCAPED = re.compile(r"\s*['=+\-@＝＋－＠\x00-\x1F\x7F-\x9F]")  # noqa: RUF001 - as meant


class Table:
    """The CSV of rows that hold the properties of one schema of the contract.

    The columns stand in the order of the contract. The properties of an object have columns of
    their own (`verification.status`), which are empty where the object is null.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        paths = list(_paths(schema))
        self.columns = tuple(".".join(path) for path in paths)
        self._values = [_value(path) for path in paths]

    def header(self) -> bytes:
        return _csv([self.columns])

    def lines(self, rows: Iterable[Mapping[str, Any]]) -> bytes:
        return _csv([_cell(value(row)) for value in self._values] for row in rows)


def ndjson_lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """One JSON object a line."""
    return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)


def _paths(schema: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, part in schema["properties"].items():
        if "properties" in part:
            yield from ((name, *path) for path in _paths(part))
        else:
            yield (name,)


def _value(path: tuple[str, ...]) -> Callable[[Mapping[str, Any]], Any]:
    """What reads a column's value from a row; a property that is missing raises KeyError."""
    if len(path) == 1:
        return itemgetter(path[0])

    def value(row: Any) -> Any:
        for name in path:
            if row is None:
                return None
            row = row[name]
        return row

    return value


def _cell(value: Any) -> str | int | None:
    if isinstance(value, str):
        return f"'{value}" if _ESCAPED.match(value) else value
    if value is None or type(value) is int:
        return value
    return orjson.dumps(value).decode()  # also true and false


def unescaped(cell: str) -> str:
    """A cell as it was before an apostrophe was put before it; an apostrophe that a writer of
    other tables meant stays."""
    return cell[1:] if cell.startswith("'") and _ESCAPED.match(cell[1:]) else cell


def _csv(lines: Iterable[Iterable[str | int | None]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    return text.getvalue().encode()
