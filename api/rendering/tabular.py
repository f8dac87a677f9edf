"""Objects as lines of CSV (RFC 4180, in UTF-8) or NDJSON.

In CSV, null is an empty cell, and an array is its JSON text.

Formula injection: a spreadsheet could run a text as a formula. So a text gets an apostrophe at its
beginning if it begins, after any white space, with = + - @ or their full-width forms, an apostrophe
or a control character such as a tab or a line break. To get the original, remove one apostrophe
from each text that begins with one. The guard works for readers that separate cells by commas only.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any

import orjson

from api.rendering.media_types import CSV

# Some spreadsheets skip white space before they look for a formula.
_ESCAPED = re.compile(r"\s*['=+\-@＝＋－＠\x00-\x1F\x7F-\x9F]")  # noqa: RUF001 - intended


class CsvLines:
    """CSV lines of objects of one schema of the contract.

    The columns have the order of the contract. Each property of a nested object is a column
    (`verification.status`), which is empty if the object is null.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        paths = list(_paths(schema))
        self.columns = tuple(".".join(path) for path in paths)
        self.header = _csv([self.columns])
        self._values = [_value(path) for path in paths]

    def lines(self, items: Iterable[Mapping[str, Any]]) -> bytes:
        return _csv([_cell(value(item)) for value in self._values] for item in items)

    def lines_of_json(self, texts: Iterable[bytes]) -> bytes:
        """Return the lines of objects that are JSON texts."""
        return self.lines(map(orjson.loads, texts))


class NdjsonLines:
    """NDJSON: one JSON object a line."""

    header = b""

    def lines(self, items: Iterable[Mapping[str, Any]]) -> bytes:
        return b"".join(orjson.dumps(item, option=orjson.OPT_APPEND_NEWLINE) for item in items)

    def lines_of_json(self, texts: Iterable[bytes]) -> bytes:
        return b"".join(text + b"\n" for text in texts)


def encoder(schema: Mapping[str, Any], media_type: str) -> CsvLines | NdjsonLines:
    """Return the encoder of a schema's objects as lines of a tabular media type."""
    return CsvLines(schema) if media_type == CSV else NdjsonLines()


def _paths(schema: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, part in schema["properties"].items():
        if "properties" in part:
            yield from ((name, *path) for path in _paths(part))
        else:
            yield (name,)


def _value(path: tuple[str, ...]) -> Callable[[Mapping[str, Any]], Any]:
    """Return a function that reads a column's value. It raises KeyError for a missing property."""
    if len(path) == 1:
        return itemgetter(path[0])

    def value(part: Any) -> Any:
        for name in path:
            if part is None:
                return None
            part = part[name]
        return part

    return value


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


def _csv(lines: Iterable[Iterable[str | int | None]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    return text.getvalue().encode()
