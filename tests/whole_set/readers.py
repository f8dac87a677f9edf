"""Parsers of each media type, and the expected cells of CSV."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import feedparser

from api.contract import document
from tests.rendering.lists import MOMENT, XLSX, sheet_of, six_digits


def parse_ndjson(text: str) -> list[Any]:
    assert not text or text.endswith("\n")
    return [json.loads(line) for line in text.split("\n")[:-1]]


def parse_csv(text: str) -> list[dict[str, str]]:
    """Parse CSV by its header, without the apostrophe that guards a formula."""
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert text.endswith("\r\n")
    assert {len(row) for row in rows} == {len(rows[0])}
    return [
        {name: cell.removeprefix("'") for name, cell in zip(rows[0], row, strict=True)}
        for row in rows[1:]
    ]


def parse_atom(text: str) -> Any:
    feed = feedparser.parse(text.encode())
    assert not feed.bozo
    assert feed.version == "atom10"
    return feed


READERS: Mapping[str, Callable[[bytes], Any]] = {
    "application/json": json.loads,
    "text/csv": lambda data: parse_csv(data.decode()),
    "application/x-ndjson": lambda data: parse_ndjson(data.decode()),
    XLSX: sheet_of,
    "application/atom+xml": lambda data: parse_atom(data.decode()),
    "application/feed+json": json.loads,
    "application/ld+json": json.loads,
}


def columns(schema: document.Schema, name: str = "") -> Iterator[str]:
    """The CSV columns for items of a schema."""
    for part, inner in schema["properties"].items():
        if "properties" in inner:
            yield from columns(inner, f"{name}{part}.")
        else:
            yield f"{name}{part}"


def cells(item: Mapping[str, Any], names: Sequence[str]) -> dict[str, str]:
    """The expected CSV cells of an item."""
    values = {}
    for name in names:
        value: Any = item
        for step in name.split("."):
            value = None if value is None else value[step]
        is_text = isinstance(value, str)
        if is_text and MOMENT.fullmatch(value):
            value = six_digits(value)
        values[name] = "" if value is None else value if is_text else json.dumps(value)
    return values


def normalized_json(text: str) -> str:
    """A cell with its JSON array, if it is one, in the format of json.dumps."""
    return json.dumps(json.loads(text)) if text.startswith("[") else text
