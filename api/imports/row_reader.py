"""Lists of people read row by row, from CSV or NDJSON: what each row says, by the contract's names,
and every fault of it with its column.

Rows are numbered from 1, the header not counted; empty ones are counted and passed over. What is
wrong with the file as a whole is a refusal, whose places are /header/COLUMN or the row's number.
"""

import csv
import io
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from functools import cache
from itertools import chain
from typing import Any, BinaryIO, NamedTuple

from marshmallow import Schema, ValidationError

from api.contract import document, fields, schemas, strict_json
from api.errors import FieldError, RequestError, invalid, pointer
from api.imports import columns
from api.imports.columns import CellError
from api.rendering.media_types import CSV
from api.rendering.tabular import unescaped

MAX_ROWS = 200_000
"""Rows of one list at the most."""

_LONGEST_LINE = 1 << 20
_DELIMITERS = ",;\t"
_NOT_UTF_8 = re.compile("[\udc80-\udcff]")
_DETENTION = ("detained_on", "authority", "charges", "whereabouts")
_PARTS = ("detainee", "detention", "release")
_RELEASE = ("release_kind", "url", "published_at", "note")
_NAME = ("name", "given_names", "surnames")
# What stands in a column of another name.
_COLUMNS = {"occurred_on": "released_on"}


class CellFault(NamedTuple):
    """What is wrong in a row, and in which of the file's columns; None for the row as a whole."""

    column: str | None
    detail: str


class Row(NamedTuple):
    """A row: what it says of a person, unless it has faults.

    `said` has `detainee`, and perhaps `detention`, `release`, `born` (no more than a year or a
    month), `id` (the detainee's here) and `facility`, as it is written; only what was given.
    """

    number: int
    said: Mapping[str, Any]
    faults: Sequence[CellFault]
    # By the contract's names, in which column each thing stands.
    columns: Mapping[str, str]


Columns = Mapping[str, str | None]
"""What columns of a file say, by their names there; null for one that is passed over."""


def read_mapping(text: str | None) -> Columns:
    """The mapping that a caller gave as JSON: what each column of the file says, or null."""
    try:
        mapping = {} if text is None else strict_json.read(text.encode())
    except RequestError as refusal:
        raise invalid(FieldError("/mapping", refusal.detail.replace("The body", "It"))) from None
    if not isinstance(mapping, dict):
        raise invalid(FieldError("/mapping", "Must be an object: of each column, what it says."))
    faults = [
        FieldError(
            pointer("mapping", column),
            f"Must be null or one of: {', '.join(columns.FIELDS)} and a scheme.",
        )
        for column, field in mapping.items()
        if field is not None and not (isinstance(field, str) and columns.is_field(field))
    ]
    if faults:
        raise invalid(*faults)
    return mapping


def rows(
    file: BinaryIO, media_type: str, mapping: Columns, date_order: str | None
) -> Generator[Row]:
    """The rows of a list. Raises RequestError where the file cannot be read on."""
    numbered = _of_csv(file, mapping) if media_type == CSV else _of_lines(file, mapping)
    with closing(numbered):
        for number, cells, faults in numbered:
            if number > MAX_ROWS:
                raise invalid(
                    FieldError(f"/{number}", f"A list has {MAX_ROWS:,} rows at the most.")
                )
            yield _row(number, cells, faults, date_order)


_Cells = Sequence[tuple[str, str, Any]]
"""Of each cell that says something its column, what that is for, and its value."""


def _of_csv(file: BinaryIO, mapping: Columns) -> Generator[tuple[int, _Cells, Sequence[CellFault]]]:
    text = io.TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="")
    try:
        first = text.readline()
        delimiter = max(_DELIMITERS, key=re.sub(r'"[^"]*"', "", first).count)
        reader = csv.reader(chain([first], text), delimiter=delimiter, strict=True)
        header, fields = _header(reader, mapping)
        number = 0
        while True:
            number += 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                if "unexpected end of data" in str(error):
                    detail = "A quote that opens in this row never ends."
                    raise invalid(FieldError(f"/{number}", detail)) from None
                yield number, [], [CellFault(None, f"Is no row of CSV: {error}.")]
                continue
            if not any(cell and not cell.isspace() for cell in cells):
                continue
            if len(cells) != len(header):
                detail = f"Has {len(cells)} cells; the header has {len(header)}."
                yield number, [], [CellFault(None, detail)]
                continue
            said = zip(header, fields, (unescaped(cell) for cell in cells), strict=True)
            yield number, [one for one in said if one[1] and (one[2] or one[1] in _NAME)], []
    finally:
        text.detach()


def _header(reader: Iterator[list[str]], mapping: Columns) -> tuple[list[str], list[str]]:
    """The columns' names and what each says; "" for one that is passed over."""
    try:
        header = [unescaped(cell).strip() for cell in next(reader, [])]
    except csv.Error as error:
        raise invalid(FieldError("/header", f"Is no row of CSV: {error}.")) from None
    if not header:
        raise invalid(FieldError("/header", "The list is empty."))
    if any(map(_NOT_UTF_8.search, header)) or any("\0" in name for name in header):
        raise invalid(FieldError("/header", "Is not UTF-8: save the list as CSV in UTF-8."))
    faults = [
        FieldError(pointer("mapping", column), "The list has no such column.")
        for column in mapping
        if column not in header
    ]
    fields: list[str] = []
    for place, name in enumerate(header):
        field, fault = _field(name, mapping)
        if not name:
            fault = f"Column {place + 1} has no name."
        elif field and field in fields:
            fault = f"Says the same as the column {header[fields.index(field)]!r}."
        if fault:
            faults.append(FieldError(pointer("header", name or place + 1), fault))
        fields.append(field)
    if not faults and not {"name", "given_names", "surnames"} & set(fields):
        faults.append(FieldError("/header", "No column says the name."))
    if faults:
        raise invalid(*faults)
    return header, fields


def _field(column: str, mapping: Columns) -> tuple[str, str]:
    """What a column says, or what is wrong with it."""
    if column in mapping:
        return mapping[column] or "", ""
    field = columns.field_of(column)
    if field is None:
        return "", "There is no such column: name it in mapping, with null to pass it over."
    return field, ""


def _of_lines(
    file: BinaryIO, mapping: Columns
) -> Generator[tuple[int, _Cells, Sequence[CellFault]]]:
    number = 0
    while line := file.readline(_LONGEST_LINE + 1):
        number += 1
        if len(line) > _LONGEST_LINE:
            raise invalid(FieldError(f"/{number}", "Is longer than a line may be."))
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line.strip():
            continue
        try:
            value = strict_json.read(line)
        except RequestError as refusal:
            yield number, [], [CellFault(None, refusal.detail.replace("The body", "This line"))]
            continue
        if not isinstance(value, dict):
            yield number, [], [CellFault(None, "Must be an object.")]
            continue
        yield number, *_of_object(value, mapping)


def _of_object(value: Mapping[str, Any], mapping: Columns) -> tuple[_Cells, Sequence[CellFault]]:
    flat: dict[str, Any] = {}
    for name, part in value.items():
        if isinstance(part, dict):
            flat |= {f"{name}.{inner}": of for inner, of in part.items()}
        else:
            flat[name] = part
    cells, faults = [], []
    of_field: dict[str, str] = {}
    for name, part in flat.items():
        field, fault = _field(name, mapping)
        if fault or (field and field in of_field):
            same = f"Says the same as the column {of_field.get(field)!r}."
            faults.append(CellFault(name, fault or same))
        elif field and part not in (None, "", []):
            of_field[field] = name
            cells.append((name, field, part))
    return cells, faults


def _row(number: int, cells: _Cells, found: Sequence[CellFault], date_order: str | None) -> Row:
    faults = list(found)
    said: dict[str, Any] = {}
    column_of: dict[str, str] = {}
    for column, field, cell in cells:
        value = cell.strip() if isinstance(cell, str) else cell
        column_of["external_ids" if field.startswith("id:") else field] = column
        if value == "":
            continue
        if isinstance(value, str) and _NOT_UTF_8.search(value):
            faults.append(CellFault(column, "Is not UTF-8: save the list in UTF-8."))
            continue
        if isinstance(value, str) and "\0" in value:
            faults.append(CellFault(column, "Holds a NUL character."))
            continue
        try:
            said[field] = columns.read(field, value, date_order)
        except CellError as error:
            faults.append(CellFault(column, str(error)))
    if found:
        return Row(number, {}, faults, column_of)
    return _checked(number, said, faults, column_of)


def _checked(
    number: int, said: dict[str, Any], faults: list[CellFault], column_of: dict[str, str]
) -> Row:
    """A row by the contract's names, checked by its schemas as a single request is."""
    name = " ".join(columns.combined(said))
    of_name = next((column_of[field] for field in _NAME if field in column_of), None)
    if not name and of_name not in {fault.column for fault in faults}:
        faults.append(CellFault(of_name, "Must be given: the name."))
    detainee = {field: said[field] for field in _of_schema("detainee") if field in said}
    # Where there is none, the fault is told already.
    detainee["name"] = name or "-"
    birth_date = said.get("birth_date", "")
    if len(birth_date) < len("1974-06-02"):
        detainee.pop("birth_date", None)
    if ids := [{"scheme": f[3:], "value": said[f]} for f in said if f.startswith("id:")]:
        detainee["external_ids"] = [*said.get("external_ids", []), *ids]
    parts: dict[str, Any] = {"detainee": detainee}
    if detention := {field: said[field] for field in _DETENTION if field in said}:
        parts["detention"] = detention
    if "released_on" in said:
        own = {field: said[field] for field in _RELEASE if field in said}
        parts["release"] = {"occurred_on": said["released_on"], **own}
    checked: dict[str, Any] = {}
    for part, value in parts.items():
        try:
            checked[part] = _schema(part).load(value)
        except ValidationError as error:
            for fault in schemas.field_errors(error):
                field = fault.pointer.split("/")[1]
                column = of_name if field == "name" else column_of.get(_COLUMNS.get(field, field))
                faults.append(CellFault(column, fault.detail))
    if "id" in said:
        try:
            checked["id"] = fields.uuid(said["id"])
        except ValidationError as error:
            faults.append(CellFault(column_of["id"], str(error.messages[0])))
    born = said.get("birth_year") or birth_date
    if born and "birth_date" not in detainee:
        checked["born"] = born
    if "facility" in said:
        checked["facility"] = said["facility"]
    return Row(number, checked, faults, column_of)


def loaded(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a row says, as it was before it was kept as JSON."""
    return {name: _schema(name).load(of) if name in _PARTS else of for name, of in said.items()}


def as_new(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """The new person of a row, with the contract's defaults for what it does not say."""
    return {**_defaults(), **said["detainee"]}


@cache
def _defaults() -> Mapping[str, Any]:
    properties = document.load().schema("DetaineeCreate")["properties"]
    return {name: of.get("default") for name, of in properties.items()}


@cache
def _of_schema(part: str) -> Mapping[str, Any]:
    """What a row can say of a part of it: only what is given, as in a change."""
    contract = document.load()
    if part == "release":
        event, word = (contract.schema(f"{name}Create") for name in ("ReleaseEvent", "Attestation"))
        return {
            "occurred_on": event["properties"]["occurred_on"],
            **{field: word["properties"][field] for field in _RELEASE},
        }
    schema = contract.schema(f"{part.title()}Change")
    properties: Mapping[str, Any] = schema["properties"]
    return properties


@cache
def _schema(part: str) -> Schema:
    return schemas.body_schema(
        {
            "type": "object",
            "additionalProperties": False,
            "minProperties": 1,
            "properties": _without_defaults(_of_schema(part)),
        }
    )


def _without_defaults(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        name: {word: of for word, of in part.items() if word != "default"}
        for name, part in properties.items()
    }
