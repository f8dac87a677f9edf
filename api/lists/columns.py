"""Columns of lists of people: their names in English, Spanish and Portuguese, and their cells.

Pure. A cell is text, or a JSON value from NDJSON, and becomes a value as the contract writes it. An
ambiguous cell is an error; nothing is guessed.
"""

import re
from collections.abc import Callable, Mapping, Set
from datetime import date, datetime
from typing import Any, NamedTuple

import orjson
from marshmallow import ValidationError

from api.contract import fields, strict_json
from api.errors import FieldError, RequestError, invalid, pointer
from api.letters import folding
from api.lists import countries


class CellError(ValueError):
    """A cell that cannot be read as its column's field; the text becomes the error of the row."""


ColumnMapping = Mapping[str, str | None]
"""The file's name of a column -> its field; None to ignore the column."""


class Conventions(NamedTuple):
    """How a list writes ambiguous cells; None if that is unknown."""

    date_order: str | None
    """`day_first` or `month_first`."""
    sex_letters: str | None
    """`FM` (femenino, masculino) or `HM` (hombre, mujer)."""


_COLUMN_NAMES: Mapping[str, str] = {
    "name": "name|full name|nombre|nombre completo|nombre y apellido|nombre y apellidos|"
    "nombres y apellidos|apellidos y nombres|apellido y nombre|nome|nome completo",
    "given_names": "given name|given names|first name|first names|nombres|nombres propios|prenome|"
    "prenomes",
    "surnames": "surname|surnames|last name|last names|family name|apellido|apellidos|sobrenome|"
    "sobrenomes",
    "aliases": "alias|aliases|other names|otros nombres|apodo|apodos",
    "sex": "sex|gender|sexo|genero",
    "birth_date": "birth date|date of birth|born|born on|fecha de nacimiento|nacimiento|"
    "data de nascimento|nascimento",
    "birth_year": "birth year|year of birth|ano de nacimiento|ano de nascimento",
    "age_group": "age group|grupo de edad|grupo etario",
    "nationalities": "nationality|nationalities|nacionalidad|nacionalidades|nacionalidade",
    "occupation": "occupation|profession|ocupacion|profesion|oficio|profissao|ocupacao",
    "facility": "facility|facility id|prison|place of detention|centro de reclusion|"
    "sitio de reclusion|lugar de reclusion|centro de detencion|centro|carcel|penal|"
    "prision|recinto|detention facility id|prisao|presidio|unidade prisional",
    "detained_on": "detained on|date of detention|detention date|arrested on|date of arrest|"
    "fecha de detencion|fecha de arresto|fecha de aprehension|detenido el|"
    "data da prisao|data da detencao|detention detained on",
    "authority": "authority|detained by|autoridad|organismo|organismo aprehensor|"
    "organismo de seguridad|detention authority",
    "charges": "charge|charges|cargos|delito|delitos|detention charges",
    "whereabouts": "whereabouts|paradero|detention whereabouts",
    # Not stored: it only tells who is a minor.
    "age": "age|age years|age in years|edad|edad anos|edad en anos|idade|idade anos|idade em anos",
    "external_ids": "external id|external ids",
    "id:cedula": "c i|ci|cedula|cedula identidad|n cedula|no cedula|nro cedula|numero cedula|"
    "documento identidad",
    "id:pasaporte": "pasaporte|n pasaporte|no pasaporte|nro pasaporte|numero pasaporte|passport|"
    "passport number",
    "released_on": "released on|release date|date of release|fecha de excarcelacion|"
    "fecha de liberacion|excarcelado el|excarcelacion|data da soltura|data da libertacao",
    "release_kind": "release kind|kind of release|tipo de excarcelacion|tipo de liberacion",
    "url": "url|link|enlace|vinculo",
    "published_at": "published at|publicado|publicado el|fecha de publicacion",
    "note": "note|notes|remarks|nota|notas|observacion|observaciones",
    "id": "id",
    # Columns of this service's own CSV and NDJSON that a list cannot set.
    "is_named": "is named",
    "withheld": "withheld",
    # The version of the record in a row of an export: the record may have been split since.
    "updated_at": "updated at",
    "": "custody|merged into|detention|detention id|created at|match|match score|"
    "match name|match features",
}
# Accepted only with the value of a named person: a list cannot withhold anybody.
_CHECKED_FIELDS = ("is_named", "withheld", "updated_at")
FIELDS = (
    *(f for f in _COLUMN_NAMES if f and f not in _CHECKED_FIELDS and not f.startswith("id:")),
    "id:",
)
"""The fields of columns. `id:` takes a scheme: `id:foro-penal` is an identifier of a register."""

_MAX_QUOTED = 50
_SCHEME = re.compile(r"id:([a-z0-9_-]{1,50})\Z")


_PARTICLES = frozenset(("da", "de", "del", "do", "el", "la", "of", "the"))


def _fold(text: str) -> str:
    words = folding.words(text.replace("_", " "))
    return " ".join(word for word in words if word not in _PARTICLES)


_FIELDS_BY_NAME = {
    _fold(name): field for field, names in _COLUMN_NAMES.items() for name in names.split("|")
}


def field_of(header: str) -> str | None:
    """Return the field of a column name; "" for an ignored column, None for an unknown one."""
    if _SCHEME.match(header.strip().lower()):
        return header.strip().lower()
    return _FIELDS_BY_NAME.get(_fold(header))


def is_field(field: str) -> bool:
    """Tell whether a mapping may name this field."""
    return field in FIELDS[:-1] or bool(_SCHEME.match(field))


def read_mapping(text: str | None) -> ColumnMapping:
    """Read and check the JSON object of the parameter `mapping`."""
    try:
        mapping = {} if text is None else strict_json.read(text.encode(), "mapping")
    except RequestError as error:
        raise invalid(FieldError("/mapping", error.detail)) from None
    if not isinstance(mapping, dict):
        raise invalid(FieldError("/mapping", 'Must be an object, such as {"Penal": "facility"}.'))
    check_mapping(mapping)
    return mapping


def check_mapping(mapping: Mapping[str, Any]) -> None:
    """Raise `validation-error` for each value that is no field."""
    if errors := [
        FieldError(
            pointer("mapping", column),
            f"{str(field)[:_MAX_QUOTED]!r} is no field. "
            f"Must be null or one of: {', '.join(FIELDS)}SCHEME.",
        )
        for column, field in mapping.items()
        if field is not None and not (isinstance(field, str) and is_field(field))
    ]:
        raise invalid(*errors)


def read(field: str, value: Any, conventions: Conventions) -> Any:
    """Return the contract's value of a cell, or raise CellError."""
    reader = _READERS.get("id:" if field.startswith("id:") else field)
    if reader is None:
        return _text(value)
    return reader(value, conventions)


def _quote(text: str) -> str:
    return repr(text if len(text) <= _MAX_QUOTED else text[:_MAX_QUOTED] + "...")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if type(value) is int:
        return str(value)
    raise CellError("Must be text.")


def _list(value: Any, separators: str) -> list[str]:
    """Read several texts: an array, an array as JSON text, or text with separators."""
    if isinstance(value, str) and value.startswith("["):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise CellError(
                f'{_quote(value)} is not a JSON array: write ["A", "B"], or A; B.'
            ) from None
    if isinstance(value, str):
        parts = [part.strip() for part in re.split(separators, value)]
        return list(dict.fromkeys(part for part in parts if part))
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise CellError("Must be text, or an array of texts.")
    return value


def _choice(**labels_by_value: str) -> Callable[[Any, Conventions], str]:
    """Return a reader of these values, by their names and by their labels in lists."""
    values = {
        _fold(label): value
        for value, labels in labels_by_value.items()
        for label in (value, *labels.split("|"))
    }
    choices = ", ".join(
        f"{value} ({labels.replace('|', ', ')})" for value, labels in labels_by_value.items()
    )

    def read_choice(cell: Any, _: Conventions) -> str:
        value = values.get(_fold(_text(cell)))
        if value is None:
            raise CellError(f"{_quote(str(cell))} is not one of: {choices}.")
        return value

    return read_choice


_read_sex = _choice(
    female="f|fem|femenino|femenina|mujer|feminino|mulher",
    male="h|masc|masculino|hombre|homem",
    other="otro|otra|outro",
)


def _sex(value: Any, conventions: Conventions) -> str:
    if sex_letter(value) != "M":
        return _read_sex(value, conventions)
    if conventions.sex_letters is None:
        raise CellError(
            f"{_quote(value)} may be masculino or mujer: send `sex_letters` (FM or HM), "
            "or write male or female."
        )
    return "female" if conventions.sex_letters == "HM" else "male"


def sex_letter(value: Any) -> str | None:
    """Return the letter of a cell of the sex, F, H or M; None for another value."""
    letter = _fold(value).upper() if isinstance(value, str) else ""
    return letter if letter in ("F", "H", "M") else None


def sex_letters(letters: Set[str]) -> str | None:
    """Return the pair of letters of a column: FM with an F, HM with an H, None with both."""
    return {frozenset("F"): "FM", frozenset("H"): "HM"}.get(frozenset(letters) - {"M"})


_UNKNOWN_TEXTS = (
    "s f|sf|s n|s d|s i|n d|nd|n a|sin fecha|sin dato|sin datos|sin informacion|no disponible|"
    "por confirmar|"
)
_UNKNOWN = frozenset(_UNKNOWN_TEXTS.split("|"))
"""Folded texts that say that a value is unknown; the last is for signs alone, such as - and ?."""


def is_unknown(value: Any) -> bool:
    """Tell whether a cell says that its value is unknown: s/f, N/D, -."""
    return isinstance(value, str) and _fold(value) in _UNKNOWN


_NUMERIC_DATE = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d\d)\Z", re.ASCII)
_NUMERIC_MONTH = re.compile(r"(0?[1-9]|1[0-2])[/.-](\d{4})\Z", re.ASCII)
_WORD_DATE = re.compile(
    r"(?:(\d{1,2}) ?(?:de )?)?([a-z]{3,10}) ?(?:del? )?(\d{4}|\d\d)\Z", re.ASCII
)
_DAY_OR_MONTH = re.compile(r"[^\W\d]+\.? \d\d\Z")
# The first three letters of each month, in Spanish and English.
_MONTH_NAMES = "ene jan|feb|mar|abr apr|may|jun|jul|ago aug|sep set|oct|nov|dic dec"
_MONTHS = {
    letters: number
    for number, months in enumerate(_MONTH_NAMES.split("|"), 1)
    for letters in months.split()
}
_ISO_DATE = re.compile(r"[12]\d{3}(-(?:0[1-9]|1[0-2])(-\d\d)?)?\Z", re.ASCII)


def _date(value: Any, conventions: Conventions) -> str:
    """Return a day, a month or a year in ISO 8601; the schema checks that the day exists."""
    text = _text(value)
    order = conventions.date_order
    # Spreadsheets export a day as midnight.
    text = re.sub(r"[ T]0?0:00(:00(\.0+)?)?\Z", "", text)
    if _ISO_DATE.match(text):
        return text
    # Excel in Spanish shows a month as feb-24.
    if words := _WORD_DATE.match(folding.fold(text)):
        day, month = words[1], _MONTHS.get(words[2][:3])
        if month is not None and _DAY_OR_MONTH.match(text):
            raise CellError(
                f"{_quote(text)} may be a day of a month or a month of a year: write 2024-02-09, "
                "or 2024-02 for a month."
            )
        if month is not None:
            day_part = f"-{int(day):02}" if day else ""
            return f"{_four_digits(words[3])}-{month:02}{day_part}"
    if numbers := _NUMERIC_MONTH.match(text):
        return f"{numbers[2]}-{int(numbers[1]):02}"
    numbers = _NUMERIC_DATE.match(text)
    if not numbers:
        raise CellError(
            f"{_quote(text)} is not a date: write 2024-02-09 or 09/02/2024, or 2024-02 for a month."
        )
    first, second = int(numbers[1]), int(numbers[2])
    year = _four_digits(numbers[3])
    if order is None and 0 < first <= 12 and 0 < second <= 12 and first != second:
        raise CellError(
            f"{_quote(text)} may be {year}-{second:02}-{first:02} or "
            f"{year}-{first:02}-{second:02}: send `date_order` (day_first or month_first)."
        )
    if order is None:
        order = "month_first" if second > 12 else "day_first"
    day, month = (second, first) if order == "month_first" else (first, second)
    if month > 12:
        other_order = "send the other `date_order`, or " if day <= 12 else ""
        raise CellError(f"{_quote(text)} has no month {month}: {other_order}write 2024-02-09.")
    return f"{year}-{month:02}-{day:02}"


def _four_digits(year: str) -> int:
    return int(year) if len(year) == len("2024") else 2000 + int(year)


def _birth_date(value: Any, conventions: Conventions) -> str:
    """Return a date of birth, whose century must be written."""
    text = _text(value)
    dates = (_NUMERIC_DATE.match(text), _WORD_DATE.match(folding.fold(text)))
    if any(date and len(date[3]) == 2 for date in dates):
        raise CellError(f"{_quote(text)} has a year of two digits: write four, such as 1974.")
    return _date(value, conventions)


def _detained_on(value: Any, conventions: Conventions) -> str:
    text = _date(value, conventions)
    if len(text) == len("2024-02-09"):
        try:
            date.fromisoformat(text)
        except ValueError:
            raise CellError(f"{_quote(_text(value))} is not a day of the calendar.") from None
    return text


def _day(value: Any, conventions: Conventions) -> str:
    text = _date(value, conventions)
    if len(text) < len("2024-02-09"):
        raise CellError(f"{_quote(text)} is not a day: write 2024-02-09.")
    return text


def _year(value: Any, _: Conventions) -> str:
    text = _text(value)
    if not re.fullmatch(r"[12][0-9]{3}", text, re.ASCII):
        raise CellError(f"{_quote(text)} is not a year: write 1974.")
    return text


_AGE = re.compile(r"(\d{1,3})(?: (?:years?(?: old)?|anos?))?\Z", re.ASCII)
_MAX_AGE = 120


def _age(value: Any, _: Conventions) -> int:
    text = str(value)
    age = _AGE.match(folding.fold(text)) if text[:1].isdecimal() else None
    if age is None or int(age[1]) > _MAX_AGE:
        raise CellError(
            f"{_quote(text)} is no age: write whole years, such as 34, or the age group instead."
        )
    return int(age[1])


def _nationalities(value: Any, _: Conventions) -> list[str]:
    codes = []
    # Trinidad y Tobago is one country.
    for word in _list(value, r"(?i)[,;/|]| (?:y|and) (?!tobago)"):
        code = countries.code(word)
        if code is None:
            raise CellError(
                f"{_quote(word)} is not a known country: write its ISO 3166-1 code, such as VE."
            )
        codes.append(code)
    return list(dict.fromkeys(codes))


# 1.2E+15 by a spreadsheet, 12345678.0 by a program.
_REWRITTEN = re.compile(r"\d([.,]\d+)?E\+\d+\Z|\d{5,}\.0\Z", re.IGNORECASE | re.ASCII)


def _external_id(value: Any, _: Conventions) -> str:
    text = _text(value)
    if _REWRITTEN.match(text):
        raise CellError(
            f"{_quote(text)} is a number that a program has rewritten: format the column as text, "
            "and write the digits as they were."
        )
    return text


def read_external_ids(value: Any) -> list[Any]:
    """Read the array of objects that this service writes; the objects are not checked."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            value = None
    if not isinstance(value, list):
        raise CellError('Must be an array of objects: [{"scheme": "foro-penal", "value": "7"}].')
    return value


def _updated_at(value: Any, _: Conventions) -> datetime | None:
    try:
        return fields.moment(str(value))
    except ValidationError:
        return None  # a spreadsheet has changed it


def _is_named(value: Any, _: Conventions) -> bool:
    # Excel shows and saves true in its own language.
    if _fold(str(value)) not in ("true", "verdadero", "verdadeiro"):
        raise CellError(
            "Must be true: this row may have a pseudonym instead of a name. Leave the row out."
        )
    return True


def _not_withheld(value: Any, _: Conventions) -> bool:
    if _fold(str(value)) not in ("false", "falso"):
        raise CellError("Must be false: a list cannot set withheld. Update the detainee instead.")
    return False


_READERS: Mapping[str, Callable[[Any, Conventions], Any]] = {
    "aliases": lambda value, _: _list(value, r"[;|\n]"),
    "sex": _sex,
    "birth_date": _birth_date,
    "birth_year": _year,
    "age": _age,
    "age_group": _choice(
        adult="adulto|adulta|mayor|mayor de edad",
        minor="menor|menor de edad|adolescente|niño|niña",
        unknown="desconocido|desconocida",
    ),
    "nationalities": _nationalities,
    "detained_on": _detained_on,
    "whereabouts": _choice(known="conocido", unknown="desconocido"),
    "external_ids": lambda value, _: read_external_ids(value),
    "id:": _external_id,
    "updated_at": _updated_at,
    "is_named": _is_named,
    "withheld": _not_withheld,
    "released_on": _day,
    "release_kind": _choice(
        full="plena|libertad plena",
        conditional="condicional|libertad condicional|medidas cautelares|con medidas",
        house_arrest="arresto domiciliario|casa por cárcel",
        exile="exilio|destierro",
        unknown="desconocido|desconocida",
    ),
}


def full_name(cells: Mapping[str, Any]) -> str:
    """Return the name of a row, which may be in two columns; "" if there is none."""
    given_names = cells.get("given_names") or cells.get("name")
    return " ".join(part for part in (given_names, cells.get("surnames")) if part)
