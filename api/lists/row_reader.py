"""The cells of a list of people -> its rows, each by the contract's names and checked."""

import hashlib
from collections.abc import Callable, Generator, Mapping, Sequence, Set
from contextlib import closing
from datetime import date, datetime
from functools import cache
from typing import Any, NamedTuple

from marshmallow import Schema, ValidationError

from api.access import ADULT_AGE, adult_since
from api.contract import document, fields, schemas
from api.errors import dated
from api.lists import columns, list_file
from api.lists.columns import CellError, Conventions
from api.lists.list_file import (
    FORMULA_ERROR,
    NAME_FIELDS,
    NOT_UTF_8,
    Cells,
    ListFile,
    NumberedCells,
    RowError,
)
from api.matching.external_ids import (
    external_id_key,
    is_note,
    is_placeholder,
    is_placeholder_name,
    may_name_minor,
    names_minor,
)
from api.matching.scoring import Person

_MAX_QUOTED = 50
_TELL_MINORS = {"age", "age_group", "birth_date"}
_PARTS = ("detainee", "detention", "release")
_DETENTION_FIELDS = ("detained_on", "authority", "charges", "whereabouts")
_RELEASE_FIELDS = ("release_kind", "url", "published_at", "note")
# The contract's name of a field -> the column that holds it, where they differ.
_COLUMN_OF_FIELD = {"occurred_on": "released_on"}


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
    cells_digest: bytes
    # The version of the record in a row of an export.
    updated_at: datetime | None

    def id_column(self, scheme: str) -> str:
        """Return the file's name of the column of an identifier."""
        return _id_column(self.columns, scheme)


def _id_column(columns: Mapping[str, str], scheme: str) -> str:
    return columns.get(f"id:{scheme}", columns["external_ids"])


class Survey(NamedTuple):
    """The sex letters of a list, and the identifiers of rows whose names contradict each other."""

    sex_letters: Set[str]
    # By their keys.
    shared_ids: Set[str]


def rows(
    source: ListFile,
    conventions: Conventions,
    survey: Callable[[NumberedCells], Survey],
    today: date,
) -> Generator[Row]:
    """Yield the rows of a list. Raise RequestError where the file cannot be read further.

    The file is read twice: the meaning of M, and whether an identifier is one person's, depend on
    later rows. `survey` reads it first, and may refuse it.
    """
    with closing(list_file.cells(source)) as numbered:
        surveyed = survey(numbered)
    conventions = conventions._replace(
        sex_letters=conventions.sex_letters or columns.sex_letters(surveyed.sex_letters)
    )
    with closing(list_file.cells(source)) as numbered:
        for number, cells, errors in numbered:
            yield _read_row(number, cells, errors, conventions, surveyed.shared_ids, today)


def _read_row(
    number: int,
    cells: Cells,
    file_errors: Sequence[RowError],
    conventions: Conventions,
    shared_ids: Set[str],
    today: date,
) -> Row:
    errors = list(file_errors)
    unknown: list[RowError] = []
    values: dict[str, Any] = {}
    column_of: dict[str, str] = {}
    for column, field, cell in cells:
        value = cell.strip().replace("\r\n", "\n") if isinstance(cell, str) else cell
        column_of[field] = column
        if field.startswith("id:"):
            column_of["external_ids"] = column
        if value == "":
            continue
        if isinstance(value, str) and NOT_UTF_8.search(value):
            errors.append(RowError(column, "Is not UTF-8: save the list in UTF-8."))
            continue
        if isinstance(value, str) and "\0" in value:
            errors.append(RowError(column, "Must not contain a NUL character."))
            continue
        if field not in NAME_FIELDS and not field.startswith("id:") and columns.is_unknown(value):
            detail = f"{value!r} says that the value is unknown: the cell is left out."
            unknown.append(RowError(column, detail))
            continue
        if isinstance(value, str) and FORMULA_ERROR.match(value):
            detail = f"{value!r} is the error of a formula: correct it, or empty the cell."
            errors.append(RowError(column, detail))
            continue
        try:
            values[field] = columns.read(field, value, conventions)
        except CellError as error:
            errors.append(RowError(column, str(error)))
    content = {} if file_errors else _check_values(values, errors, column_of, today)
    errors = [_with_value(error, cells) for error in errors]
    ignored = _ignore_ids(content.get("detainee", {}), column_of, shared_ids)
    ignored = [*unknown, *ignored]
    digest = cells_digest(cells)
    return Row(number, content, errors, ignored, column_of, digest, values.get("updated_at"))


def cells_digest(cells: Cells) -> bytes:
    """Return the SHA-256 by which a row is recognised in a later version of the list."""
    values = sorted((field, str(cell).strip()) for _, field, cell in cells if field != "updated_at")
    # A cell that is no UTF-8 has lone surrogates, which repr escapes.
    return hashlib.sha256(repr([value for value in values if value[1]]).encode()).digest()


def _with_value(error: RowError, cells: Cells) -> RowError:
    """Return an error that quotes the value of its cell."""
    value = next((str(cell) for column, _, cell in cells if column == error.column), "")
    begun = value.strip()[:_MAX_QUOTED]
    if not value or begun in error.detail or repr(begun)[1:-1] in error.detail:
        return error
    shown = value if len(value) <= _MAX_QUOTED else value[:_MAX_QUOTED] + "..."
    shown = NOT_UTF_8.sub("\ufffd", shown)
    return error._replace(detail=f"{error.detail} The cell has {shown!r}.")


def _check_values(
    values: Mapping[str, Any],
    errors: list[RowError],
    column_of: Mapping[str, str],
    today: date,
) -> dict[str, Any]:
    """Return the content of a row, checked by the schemas of single requests; add its errors."""
    name = columns.full_name(values)
    name_column = next((column_of[field] for field in NAME_FIELDS if field in column_of), None)
    if not name and name_column not in {error.column for error in errors}:
        errors.append(RowError(name_column, "The name is missing: write it, or leave the row out."))
    elif name and is_placeholder_name(name):
        detail = (
            f"{name[:_MAX_QUOTED]!r} names nobody: write the person's name, or leave the row out."
        )
        errors.append(RowError(name_column, detail))
    elif name and is_note(name):
        detail = (
            f"{name[:_MAX_QUOTED]!r} is not the name of one person: write a name without numbers "
            "and colons, or leave the row out."
        )
        errors.append(RowError(name_column, detail))
    detainee = {field: values[field] for field in _properties("detainee") if field in values}
    # A missing name is an error already: the schema must not report it again.
    detainee["name"] = name or "-"
    is_minor_by_age = values.get("age", ADULT_AGE) < ADULT_AGE
    if is_minor_by_age:
        if detainee.get("age_group") == "adult":
            detail = (
                f"{values['age']} is the age of a minor, and the age group is adult: correct one."
            )
            errors.append(RowError(column_of["age"], detail))
        detainee["age_group"] = "minor"
    if detainee.get("age_group") != "minor" and names_minor(name):
        detail = (
            f"{name[:_MAX_QUOTED]!r} says that the person is a minor: write the name alone, and "
            "minor in the column of the age group."
        )
        errors.append(RowError(name_column, detail))
    elif may_name_minor(name) and values.keys().isdisjoint(_TELL_MINORS):
        detail = (
            f"{name[:_MAX_QUOTED]!r} may say that the person is a minor: write minor or adult in "
            "the column of the age group."
        )
        errors.append(RowError(name_column, detail))
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
        except ValidationError:
            detail = (
                f"{values['id'][:_MAX_QUOTED]!r} is not the id of a detainee of this service: map "
                "the column to null in `mapping`, or to id:SCHEME if it is of a register."
            )
            errors.append(RowError(column_of["id"], detail))
    born, year = birth_date or values.get("birth_year"), values.get("birth_year")
    is_open = is_minor_by_age and values.get("age_group", "unknown") == "unknown"
    if born and is_open and born < adult_since(today)[: len(born)]:
        detail = (
            f"{values['age']} is the age of a minor, and a person born {dated(born)} is an adult: "
            "correct one, or write the age group."
        )
        errors.append(RowError(column_of["age"], detail))
    if born and year and not born.startswith(year):
        detail = f"{year!r} contradicts the birth date {born}: correct one of the two."
        errors.append(RowError(column_of["birth_year"], detail))
    if born and "birth_date" not in detainee:
        content["born"] = born
    if "facility" in values:
        content["facility"] = " ".join(values["facility"].split())
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
        elif external_id_key(scheme, value) in shared_ids:
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
    return {**document.defaults("DetaineeCreate"), **content["detainee"]}


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
