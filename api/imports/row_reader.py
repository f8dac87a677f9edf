"""CSV or NDJSON -> the rows of a list of people, each by the contract's names and checked.

Rows are numbered from 1, without the header; empty rows are counted and skipped. An error of the
whole file is a RequestError with the pointer /header/COLUMN or /ROW.
"""

import csv
import io
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence, Set
from contextlib import closing
from functools import cache
from itertools import chain
from typing import Any, BinaryIO, NamedTuple

from marshmallow import Schema, ValidationError

from api.contract import document, fields, schemas, strict_json
from api.errors import FieldError, RequestError, invalid, pointer
from api.imports import columns
from api.imports.columns import CellError, ColumnMapping, Conventions
from api.matching.folding import identifier_key
from api.matching.scoring import Person, is_placeholder
from api.rendering.media_types import CSV
from api.tables.lines import unescaped

MAX_ROWS = 200_000
"""Rows of a list, or entries of a case."""

_MAX_LINE_BYTES = 1 << 20
_DELIMITERS = ",;\t"
_NOT_UTF_8 = re.compile("[\udc80-\udcff]")
_PARTS = ("detainee", "detention", "release")
_NAME_FIELDS = ("name", "given_names", "surnames")
_DETENTION_FIELDS = ("detained_on", "authority", "charges", "whereabouts")
_RELEASE_FIELDS = ("release_kind", "url", "published_at", "note")
# The contract's name of a field -> the column that holds it, where they differ.
_COLUMN_OF_FIELD = {"occurred_on": "released_on"}


class RowError(NamedTuple):
    """An error of a row, with the file's name of the column; None for the row as a whole."""

    column: str | None
    detail: str


class Row(NamedTuple):
    """A row of a list; `content` is complete only if there are no errors.

    `content` has `detainee`, and if the row has them `detention`, `release`, `born` (a year or a
    month only), `id` (of the recorded detainee) and `facility` (as written).
    """

    number: int
    content: Mapping[str, Any]
    errors: Sequence[RowError]
    # The cells that are left out, with the reason.
    ignored: Sequence[RowError]
    # The contract's name of a field -> the file's name of its column.
    columns: Mapping[str, str]

    def id_column(self, scheme: str) -> str:
        """Return the file's name of the column of an identifier."""
        return _id_column(self.columns, scheme)


def _id_column(columns: Mapping[str, str], scheme: str) -> str:
    return columns.get(f"id:{scheme}", columns["external_ids"])


Cells = Sequence[tuple[str, str, Any]]
"""The column, the field and the value of each cell that is not empty."""

NumberedCells = Generator[tuple[int, Cells, Sequence[RowError]]]


class Survey(NamedTuple):
    """The sex letters of a list, and the identifiers of rows whose names contradict each other."""

    sex_letters: Set[str]
    # By their keys.
    shared_ids: Set[str]


def rows(
    file: BinaryIO,
    media_type: str,
    mapping: ColumnMapping,
    conventions: Conventions,
    survey: Callable[[NumberedCells], Survey],
) -> Generator[Row]:
    """Yield the rows of a list. Raise RequestError where the file cannot be read further.

    The file is read twice: the meaning of M, and whether an identifier is one person's, depend on
    later rows. `survey` reads it first, and may refuse it.
    """
    with closing(_cells(file, media_type, mapping)) as numbered:
        surveyed = survey(numbered)
    conventions = conventions._replace(
        sex_letters=conventions.sex_letters or columns.sex_letters(surveyed.sex_letters)
    )
    file.seek(0)
    with closing(_cells(file, media_type, mapping)) as numbered:
        for number, cells, errors in numbered:
            yield _read_row(number, cells, errors, conventions, surveyed.shared_ids)


def _cells(file: BinaryIO, media_type: str, mapping: ColumnMapping) -> NumberedCells:
    numbered = _csv_rows(file, mapping) if media_type == CSV else _ndjson_rows(file, mapping)
    with closing(numbered):
        for number, cells, errors in numbered:
            if number > MAX_ROWS:
                detail = f"A list has at most {MAX_ROWS:,} rows: split it."
                raise invalid(FieldError(f"/{number}", detail))
            yield number, cells, errors


def _csv_rows(file: BinaryIO, mapping: ColumnMapping) -> NumberedCells:
    text = io.TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="")
    try:
        first = text.readline()
        delimiter = max(_DELIMITERS, key=re.sub(r'"[^"]*"', "", first).count)
        reader = csv.reader(chain([first], text), delimiter=delimiter, strict=True)
        header, column_fields = _read_header(reader, mapping)
        number = 0
        while True:
            number += 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                if "unexpected end of data" in str(error):
                    detail = "A quote opened in this row is never closed."
                    raise invalid(FieldError(f"/{number}", detail)) from None
                yield number, [], [RowError(None, f"Is not a row of CSV: {error}.")]
                continue
            if not any(cell and not cell.isspace() for cell in cells):
                continue
            if len(cells) != len(header):
                detail = (
                    f"Has {len(cells)} cells, but the header has {len(header)}: put quotes around "
                    "a cell that contains the separator."
                )
                yield number, [], [RowError(None, detail)]
                continue
            if place := next((p for p, cell in enumerate(cells) if cell and not header[p]), None):
                detail = f"Column {place + 1} has the value {cells[place][:100]!r} and no name."
                yield number, [], [RowError(None, f"{detail} Name the column, or empty it.")]
                continue
            values = zip(header, column_fields, map(unescaped, cells), strict=True)
            yield (
                number,
                [
                    (column, field, value)
                    for column, field, value in values
                    if field and (value or field in _NAME_FIELDS)
                ],
                [],
            )
    finally:
        text.detach()


def _read_header(
    reader: Iterator[list[str]], mapping: ColumnMapping
) -> tuple[list[str], list[str]]:
    """Return the names of the columns and their fields, "" for an ignored column."""
    try:
        header = [unescaped(cell).strip() for cell in next(reader, [])]
    except csv.Error as error:
        raise invalid(FieldError("/header", f"Is not a row of CSV: {error}.")) from None
    if not header:
        raise invalid(FieldError("/header", "The list is empty."))
    if any(map(_NOT_UTF_8.search, header)) or any("\0" in name for name in header):
        raise invalid(FieldError("/header", "Is not UTF-8: save the list as CSV in UTF-8."))
    errors = [
        FieldError(pointer("mapping", column), f"The list has no column {column[:100]!r}.")
        for column in mapping
        if column not in header
    ]
    column_fields: list[str] = []
    for name in header:
        # Spreadsheets add empty columns: an error is only a row that has a value in one.
        field, detail = _field(name, mapping) if name else ("", "")
        if field and field in column_fields:
            same = header[column_fields.index(field)]
            detail = f"Is the same field as the column {same!r}: map one of them to null."
        if detail:
            errors.append(FieldError(pointer("header", name), detail))
        column_fields.append(field)
    if not errors and not set(_NAME_FIELDS) & set(column_fields):
        errors.append(FieldError("/header", "No column has the name: add a column `name`."))
    if errors:
        raise invalid(*errors)
    return header, column_fields


def _field(column: str, mapping: ColumnMapping) -> tuple[str, str]:
    """Return the field of a column ("" if ignored), and the error ("" if none)."""
    if column in mapping:
        return mapping[column] or "", ""
    field = columns.field_of(column)
    if field is None:
        return "", f"{column[:100]!r} is not a known column: add it to mapping, or map it to null."
    return field, ""


def _ndjson_rows(file: BinaryIO, mapping: ColumnMapping) -> NumberedCells:
    number = 0
    while line := file.readline(_MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > _MAX_LINE_BYTES:
            raise invalid(FieldError(f"/{number}", f"Has more than {_MAX_LINE_BYTES:,} bytes."))
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line.strip():
            continue
        try:
            value = strict_json.read(line, "line")
        except RequestError as error:
            yield number, [], [RowError(None, error.detail)]
            continue
        if not isinstance(value, dict):
            yield number, [], [RowError(None, 'Must be an object, such as {"name": "Ana"}.')]
            continue
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
    cells, errors = [], []
    column_of: dict[str, str] = {}
    for name, part in flat.items():
        field, detail = _field(name, mapping)
        if not detail and field and field in column_of:
            detail = f"Is the same field as {column_of[field]!r}."
        if detail:
            errors.append(RowError(name, detail))
        elif field and part not in (None, "", []):
            column_of[field] = name
            cells.append((name, field, part))
    return cells, errors


def _read_row(
    number: int,
    cells: Cells,
    file_errors: Sequence[RowError],
    conventions: Conventions,
    shared_ids: Set[str],
) -> Row:
    errors = list(file_errors)
    values: dict[str, Any] = {}
    column_of: dict[str, str] = {}
    for column, field, cell in cells:
        value = cell.strip() if isinstance(cell, str) else cell
        column_of[field] = column
        if field.startswith("id:"):
            column_of["external_ids"] = column
        if value == "":
            continue
        if isinstance(value, str) and _NOT_UTF_8.search(value):
            errors.append(RowError(column, "Is not UTF-8: save the list in UTF-8."))
            continue
        if isinstance(value, str) and "\0" in value:
            errors.append(RowError(column, "Must not contain a NUL character."))
            continue
        try:
            values[field] = columns.read(field, value, conventions)
        except CellError as error:
            errors.append(RowError(column, str(error)))
    content = {} if file_errors else _check_values(values, errors, column_of)
    ignored = _ignore_ids(content.get("detainee", {}), column_of, shared_ids)
    return Row(number, content, errors, ignored, column_of)


def _check_values(
    values: Mapping[str, Any], errors: list[RowError], column_of: Mapping[str, str]
) -> dict[str, Any]:
    """Return the content of a row, checked by the schemas of single requests; add its errors."""
    name = columns.full_name(values)
    name_column = next((column_of[field] for field in _NAME_FIELDS if field in column_of), None)
    if not name and name_column not in {error.column for error in errors}:
        errors.append(RowError(name_column, "The name is missing."))
    detainee = {field: values[field] for field in _properties("detainee") if field in values}
    # A missing name is an error already: the schema must not report it again.
    detainee["name"] = name or "-"
    birth_date = values.get("birth_date", "")
    if len(birth_date) < len("1974-06-02"):
        detainee.pop("birth_date", None)
    if ids := [{"scheme": f[3:], "value": values[f]} for f in values if f.startswith("id:")]:
        detainee["external_ids"] = [*values.get("external_ids", []), *ids]
    parts: dict[str, Any] = {"detainee": detainee}
    if detention := {field: values[field] for field in _DETENTION_FIELDS if field in values}:
        parts["detention"] = detention
    if "released_on" in values:
        release = {field: values[field] for field in _RELEASE_FIELDS if field in values}
        parts["release"] = {"occurred_on": values["released_on"], **release}
    content: dict[str, Any] = {}
    for part, value in parts.items():
        try:
            content[part] = _schema(part).load(value)
        except ValidationError as error:
            for field_error in schemas.field_errors(error):
                field = field_error.pointer.split("/")[1]
                column = column_of.get(_COLUMN_OF_FIELD.get(field, field))
                column = name_column if field == "name" else column
                errors.append(RowError(column, field_error.detail))
    if "id" in values:
        try:
            content["id"] = fields.uuid(values["id"])
        except ValidationError as error:
            errors.append(RowError(column_of["id"], str(error.messages[0])))
    born = values.get("birth_year") or birth_date
    if born and "birth_date" not in detainee:
        content["born"] = born
    if "facility" in values:
        content["facility"] = values["facility"]
    return content


def _ignore_ids(
    detainee: dict[str, Any], column_of: Mapping[str, str], shared_ids: Set[str]
) -> Sequence[RowError]:
    """Remove the identifiers that identify nobody; return them with the reason."""
    kept, ignored = [], []
    for id in detainee.pop("external_ids", []):
        scheme, value = id["scheme"], id["value"]
        if is_placeholder(value):
            detail = f"{value[:50]!r} is a placeholder, which identifies nobody."
        elif identifier_key(scheme, value) in shared_ids:
            detail = f"{value[:50]!r} is listed for people of different names."
        else:
            kept.append(id)
            continue
        ignored.append(RowError(_id_column(column_of, scheme), detail))
    if kept:
        detainee["external_ids"] = kept
    return ignored


def from_json(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the content of a row that was stored as JSON, with its dates and ids as objects."""
    return {
        name: _schema(name).load(part) if name in _PARTS else part for name, part in content.items()
    }


def new_detainee(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the detainee of a row, with the contract's defaults for missing fields."""
    return {**_detainee_defaults(), **content["detainee"]}


def person_record(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the person of a row as a record, as `matching` takes it."""
    detainee, detention = new_detainee(content), content.get("detention", {})
    birth_date = detainee["birth_date"]
    return {
        **detainee,
        "birth_date": birth_date.isoformat() if birth_date else content.get("born"),
        "facility_id": detention.get("facility_id"),
        "detained_on": detention.get("detained_on"),
    }


def person(content: Mapping[str, Any]) -> Person:
    """Return the person of a row, ready to be compared."""
    return Person.from_record(person_record(content))


@cache
def _detainee_defaults() -> Mapping[str, Any]:
    return document.load().defaults("DetaineeCreate")


@cache
def _properties(part: str) -> Mapping[str, Any]:
    """Return the properties that a row can have of a detainee, a detention or a release."""
    contract = document.load()
    if part == "release":
        event = contract.schema("ReleaseEventCreate")["properties"]
        attestation = contract.schema("AttestationCreate")["properties"]
        return {
            "occurred_on": event["occurred_on"],
            **{field: attestation[field] for field in _RELEASE_FIELDS},
        }
    properties: Mapping[str, Any] = contract.schema(f"{part.title()}Change")["properties"]
    return properties


@cache
def _schema(part: str) -> Schema:
    return schemas.body_schema(
        {
            "type": "object",
            "additionalProperties": False,
            "minProperties": 1,
            "properties": _without_defaults(_properties(part)),
        }
    )


def _without_defaults(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        name: {keyword: value for keyword, value in part.items() if keyword != "default"}
        for name, part in properties.items()
    }
