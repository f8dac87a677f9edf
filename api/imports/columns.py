"""The columns of lists of people: what each says, under whatever name, in English and Spanish.

Pure. A cell comes in as text, or from NDJSON as a value, and goes out as the contract writes it.
What could be read in two ways is a fault, and never guessed.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from api.imports import nations
from api.matching import folding


class CellError(ValueError):
    """A cell that does not say what its column is for; with a sentence for who wrote it."""


_NAMES: Mapping[str, str] = {
    "name": "name|full name|nombre|nombre completo|nombre y apellido|nombre y apellidos|"
    "nombres y apellidos|apellidos y nombres|apellido y nombre",
    "given_names": "given name|given names|first name|first names|nombres|nombres propios",
    "surnames": "surname|surnames|last name|last names|family name|apellido|apellidos",
    "aliases": "alias|aliases|other names|otros nombres|apodo|apodos",
    "sex": "sex|gender|sexo|genero",
    "birth_date": "birth date|date of birth|born|born on|fecha de nacimiento|nacimiento",
    "birth_year": "birth year|year of birth|ano de nacimiento",
    "age_group": "age group|grupo de edad|grupo etario",
    "nationalities": "nationality|nationalities|nacionalidad|nacionalidades",
    "occupation": "occupation|profession|ocupacion|profesion|oficio",
    "facility": "facility|facility id|prison|place of detention|centro de reclusion|"
    "sitio de reclusion|lugar de reclusion|centro de detencion|carcel|detention facility id",
    "detained_on": "detained on|date of detention|detention date|arrested on|date of arrest|"
    "fecha de detencion|fecha de arresto|fecha de aprehension|detenido el|"
    "detention detained on",
    "authority": "authority|detained by|autoridad|organismo|organismo aprehensor|"
    "organismo de seguridad|detention authority",
    "charges": "charge|charges|cargos|delito|delitos|detention charges",
    "whereabouts": "whereabouts|paradero|detention whereabouts",
    "external_ids": "external id|external ids",
    "released_on": "released on|release date|date of release|fecha de excarcelacion|"
    "fecha de liberacion|excarcelado el|excarcelacion",
    "release_kind": "release kind|kind of release|tipo de excarcelacion|tipo de liberacion",
    "url": "url|link|enlace|vinculo",
    "published_at": "published at|publicado|publicado el|fecha de publicacion",
    "note": "note|notes|remarks|nota|notas|observacion|observaciones",
    "id": "id",
    # What this service's own tables have besides, which a list cannot say.
    "is_named": "is named",
    "withheld": "withheld",
    "": "custody|detention|detention id|created at|updated at|match|match score|match name|"
    "match features",
}
# Of these only what they are for nearly everybody: a list cannot say who must not be named.
_CHECKED = ("is_named", "withheld")
FIELDS = (*(name for name in _NAMES if name and name not in _CHECKED), "id:")
"""What a column can say; `id:` with a scheme, as `id:foro-penal`, is an identifier of it."""

_SCHEME = re.compile(r"id:([a-z0-9_-]{1,50})\Z")


_PARTICLES = frozenset(("de", "del", "el", "la", "of", "the"))


def _folded(text: str) -> str:
    words = folding.words(text.replace("_", " "))
    return " ".join(word for word in words if word not in _PARTICLES)


_FIELDS = {
    _folded(name): field for field, of_field in _NAMES.items() for name in of_field.split("|")
}


def field_of(header: str) -> str | None:
    """What a column of this name says; "" what is passed over; None if that is not known."""
    if _SCHEME.match(header.strip().lower()):
        return header.strip().lower()
    return _FIELDS.get(_folded(header))


def is_field(field: str) -> bool:
    return field in FIELDS[:-1] or bool(_SCHEME.match(field))


# What a cell says.


def read(field: str, value: Any, date_order: str | None) -> Any:
    """The contract's value of a cell. Raises CellError."""
    reader = _READERS.get(field)
    if reader is None:
        return _text(value)
    return reader(value, date_order)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if type(value) is int:
        return str(value)
    raise CellError("Must be a text.")


def _list(value: Any, separators: str) -> list[str]:
    """Several texts: an array, its JSON text, or texts with one of these between them."""
    if isinstance(value, str) and value.startswith("["):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise CellError("Begins like an array, and is none.") from None
    if isinstance(value, str):
        parts = [part.strip() for part in re.split(separators, value)]
        return list(dict.fromkeys(part for part in parts if part))
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise CellError("Must be a text, or an array of texts.")
    return value


def _words(**of_value: str) -> Callable[[Any, str | None], str]:
    values = {word: value for value, words in of_value.items() for word in words.split("|")}
    values |= {value.replace("_", " "): value for value in of_value}

    def read_word(value: Any, _: str | None) -> str:
        known = values.get(_folded(_text(value)))
        if known is None:
            raise CellError(f"Must be one of: {', '.join(of_value)}.")
        return known

    return read_word


_read_sex = _words(
    female="f|fem|femenino|femenina|mujer", male="male|masc|masculino|hombre", other="otro|otra"
)


def _sex(value: Any, order: str | None) -> str:
    word = _folded(_text(value))
    if word == "h":
        raise CellError("Beside H, M would be a woman: write female or male.")
    return "male" if word == "m" else _read_sex(value, order)


_NUMBERS = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})\Z", re.ASCII)
_ISO = re.compile(r"\d{4}(-\d\d(-\d\d)?)?\Z", re.ASCII)


def _date(value: Any, order: str | None) -> str:
    """A day, a month or a year as ISO 8601 has them; whether there is such a day is not asked."""
    text = _text(value)
    # A spreadsheet's day, at midnight.
    text = re.sub(r"[ T]00:00(:00(\.0+)?)?\Z", "", text)
    if _ISO.match(text):
        return text
    numbers = _NUMBERS.match(text)
    if not numbers:
        raise CellError("Must be a date, as 2024-02-09 or 09/02/2024.")
    first, second, year = (int(number) for number in numbers.groups())
    if order is None and first <= 12 and second <= 12 and first != second:
        raise CellError(
            f"May be {year}-{second:02}-{first:02} or {year}-{first:02}-{second:02}: "
            "say date_order."
        )
    day, month = (second, first) if order == "month_first" else (first, second)
    if month > 12:
        raise CellError(f"There is no month {month}: say date_order, or write 2024-02-09.")
    return f"{year}-{month:02}-{day:02}"


def _day(value: Any, order: str | None) -> str:
    text = _date(value, order)
    if len(text) < len("2024-02-09"):
        raise CellError("Must be a day, as 2024-02-09.")
    return text


def _year(value: Any, _: str | None) -> str:
    text = _text(value)
    if not re.fullmatch(r"[12][0-9]{3}", text, re.ASCII):
        raise CellError("Must be a year, as 1974.")
    return text


def _nationalities(value: Any, _: str | None) -> list[str]:
    found = []
    for word in _list(value, r"[,;/|]| y | and "):
        code = nations.code(word)
        if code is None:
            raise CellError(
                f"{word[:50]!r} is no country that is known by this name: write its ISO 3166-1 "
                "code, as VE."
            )
        found.append(code)
    return list(dict.fromkeys(found))


def _external_ids(value: Any, _: str | None) -> list[Mapping[str, Any]]:
    """As this service writes them, in an array of objects."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            value = None
    if not isinstance(value, list):
        raise CellError('Must be an array of {"scheme": ..., "value": ...}.')
    return value


def _named(value: Any, _: str | None) -> bool:
    if value not in (True, "true"):
        raise CellError("A list has nobody who is not named here: this may be a pseudonym.")
    return True


def _not_withheld(value: Any, _: str | None) -> bool:
    if value not in (False, "false"):
        raise CellError("A list does not say who is withheld: say so of the detainee's record.")
    return False


_READERS: Mapping[str, Callable[[Any, str | None], Any]] = {
    "aliases": lambda value, _: _list(value, r"[;|\n]"),
    "sex": _sex,
    "birth_date": _date,
    "birth_year": _year,
    "age_group": _words(
        adult="adulto|adulta|mayor|mayor de edad",
        minor="menor|menor de edad|adolescente|nino|nina",
        unknown="desconocido|desconocida",
    ),
    "nationalities": _nationalities,
    "detained_on": _date,
    "whereabouts": _words(known="conocido", unknown="desconocido"),
    "external_ids": _external_ids,
    "is_named": _named,
    "withheld": _not_withheld,
    "released_on": _day,
    "release_kind": _words(
        full="plena|libertad plena",
        conditional="condicional|libertad condicional|medidas cautelares|con medidas",
        house_arrest="arresto domiciliario|casa por carcel",
        exile="exilio|destierro",
        unknown="desconocido|desconocida",
    ),
}


def combined(said: Mapping[str, Any]) -> Sequence[str]:
    """The parts of a name that stands in two columns; one column is a name by itself."""
    given = said.get("given_names") or said.get("name")
    return [part for part in (given, said.get("surnames")) if part]
