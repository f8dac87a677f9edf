"""The field types of a JSON body or a parameter, as strict as JSON Schema.

Plain marshmallow accepts "1" as an integer and "yes" as a boolean. These fields accept only the
JSON type of the contract. Parameters are text, so their integers are read from text.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from marshmallow import ValidationError, fields

from api.contract import time_zones
from api.contract.document import FORM, ContractError

MAX_LISTED_VALUES = 20
"""A longer enumeration is described in an error message instead of being listed."""

WHITE_SPACE_AROUND = "has white space around it. Remove it."

_MAX_QUOTED_CHARACTERS = 60
_KEY = re.compile(r"(constancia_)[\w-]+")
"""A key that was sent in the wrong place: errors are shown, copied and logged by clients."""
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATE_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}):(\d{2})(\.\d{1,6})?([Zz]|[+-]\d{2}:[0-5]\d)", re.ASCII
)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_LINE_BREAK = re.compile(r"\s*[\r\n\v\f\u2028\u2029]\s*")
_UNBOUNDED = re.compile(r"[*+]|\{\d+,\}")
# Lone surrogates, tag characters, which are invisible, and private use. JavaScript without the `u`
# flag cannot express them in a pattern, so the contract's patterns leave them out.
_NOT_TEXT = re.compile("[\ud800-\udfff\U000e0000-\U000e007f\U000f0000-\U0010ffff]")
_JOINERS = "\u200c\u200d"
# Names in Hebrew, Arabic and Vietnamese need two or three. A higher stack covers other lines.
_MAX_COMBINING_MARKS = 3
# Burmese and Tibetan syllables have up to five marks of any kind.
_MAX_MARKS = 8


class Integer(fields.Field[int]):
    """A JSON integer. 6.0 is accepted, true and "6" are not. A parameter is decimal digits."""

    def __init__(self, schema: Mapping[str, Any], *, from_text: bool, **options: Any) -> None:
        super().__init__(**options)
        self.low, self.high = schema["minimum"], schema["maximum"]
        self.from_text = from_text

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> int:
        sent = value
        if self.from_text and isinstance(value, str) and _INTEGER.fullmatch(value):
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValidationError(f"Must be an integer, not {quoted(value)}.")
        if not self.low <= value <= self.high:
            raise ValidationError(f"Must be from {self.low} to {self.high}, not {quoted(sent)}.")
        return value


class Boolean(fields.Field[bool]):
    """A JSON boolean. 1 and "true" are not accepted. A parameter is `true` or `false`."""

    def __init__(self, *, from_text: bool, **options: Any) -> None:
        super().__init__(**options)
        self.from_text = from_text

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> bool:
        if self.from_text and value in ("true", "false"):
            return bool(value == "true")
        if not isinstance(value, bool):
            raise ValidationError(f"Must be true or false, not {quoted(value)}.")
        return value


class Array(fields.List[Any]):
    """A JSON array whose items are of one field."""

    def __init__(self, schema: Mapping[str, Any], item: fields.Field[Any], **options: Any) -> None:
        super().__init__(item, **options)
        self.low, self.high = schema.get("minItems", 0), schema["maxItems"]
        self.unique = schema.get("uniqueItems", False)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise ValidationError(f"Must be an array, not {quoted(value)}.")
        # Check the length before the items, of which there may be very many.
        if not self.low <= len(value) <= self.high:
            raise ValidationError(f"Must have {self.low} to {self.high} items, not {len(value)}.")
        items = super()._deserialize(value, attr, data, **kwargs)
        if self.unique and any(item in items[:i] for i, item in enumerate(items)):
            raise ValidationError("Must not have the same item twice.")
        return items


class String(fields.Field[Any]):
    """A JSON string: one of an enumeration, a value of a format, or text normalised to NFC."""

    def __init__(self, schema: Mapping[str, Any], **options: Any) -> None:
        super().__init__(**options)
        _check_string(schema)
        self.enum = schema.get("enum")
        self.length = (schema.get("minLength", 0), schema.get("maxLength", float("inf")))
        self.pattern = _pattern(schema["pattern"]) if "pattern" in schema else None
        self.form = schema.get(FORM, schema.get("description", ""))
        self.read = _FORMATS[schema["format"]] if "format" in schema else None

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> Any:
        if not isinstance(value, str):
            raise ValidationError(f"Must be a string, not {quoted(value)}.")
        if self.enum is not None:
            if value not in self.enum:
                if len(self.enum) > MAX_LISTED_VALUES:
                    raise self._wrong_form(value)
                values = ", ".join(filter(None, self.enum))
                raise ValidationError(f"{quoted(value)} is not one of: {values}.")
            return value
        if self.read is not None:
            if self.pattern is not None:
                self._check(value)
            return self.read(value)
        # Check the text as sent, which bounds the work of normalising, and again as normalised.
        self._check(value)
        value = unicodedata.normalize("NFC", value)
        self._check(value)
        return value

    def _check(self, value: str) -> None:
        low, high = self.length
        if not low <= len(value) <= high:
            raise ValidationError(f"Must have {between(low, high)} characters, not {len(value)}.")
        assert self.pattern is not None  # noqa: S101 - by the constructor
        if not self.pattern.search(value) or _NOT_TEXT.search(value) or _stacks_marks(value):
            raise self._wrong_form(value)

    def _wrong_form(self, value: str) -> ValidationError:
        if self.pattern is not None:
            for problem, without_it in _problems(value):
                if value != without_it and self.pattern.search(without_it):
                    return ValidationError(f"{quoted(value)} {problem}")
        expected = f" Expected: {self.form}" if self.form else ""
        return ValidationError(f"{quoted(value)} is not of the right form.{expected}")


def _problems(value: str) -> Iterator[tuple[str, str]]:
    """Yield what a reader of a text may not see in it, and the text without that."""
    yield WHITE_SPACE_AROUND, value.strip()
    yield "has a line break. Write it on one line.", _LINE_BREAK.sub(" ", value)
    yield "has a tab. Replace it with a space.", value.replace("\t", " ")
    invisible = [
        character
        for character in dict.fromkeys("" if value.isascii() else value)
        if unicodedata.category(character) == "Cf"
    ]
    for character in invisible:
        without_it = value.replace(character, "")
        yield f"has the invisible character U+{ord(character):04X}. Remove it.", without_it
    # Most patterns accept the joiners.
    for removed in ([c for c in invisible if c not in _JOINERS], invisible):
        points = ", ".join(f"U+{ord(character):04X}" for character in removed)
        without_them = value.translate(dict.fromkeys(map(ord, removed)))
        yield f"has the invisible characters {points}. Remove them.", without_them


def without_keys(text: str) -> str:
    """Return a text that was sent as an error may show it."""
    return _KEY.sub(r"\1…", text)


def quoted(value: Any) -> str:
    """Return the beginning of a value as an error message quotes it."""
    if isinstance(value, str):
        value = without_keys(value)
        more = "…" if len(value) > _MAX_QUOTED_CHARACTERS else ""
        return repr(value[:_MAX_QUOTED_CHARACTERS]) + more
    if isinstance(value, list | dict):
        return "an array" if isinstance(value, list) else "an object"
    return json.dumps(value)[:_MAX_QUOTED_CHARACTERS]


def _stacks_marks(value: str) -> bool:
    """Return whether there are more than three combining marks in a row, or eight of any kind.

    Enclosing marks count as combining marks, which by their class they are not.
    """
    combining = marks = 0
    for character in () if value.isascii() else value:
        if character in _JOINERS:  # they do not end a stack
            continue
        category = unicodedata.category(character)
        is_combining = category == "Me" or unicodedata.combining(character)
        combining = combining + 1 if is_combining else 0
        marks = marks + 1 if category.startswith("M") else 0
        if combining > _MAX_COMBINING_MARKS or marks > _MAX_MARKS:
            return True
    return False


def _check_string(schema: Mapping[str, Any]) -> None:
    """Raise ContractError for a string schema that has no bounds, or bounds without effect."""
    name = schema.get("format")
    if name is not None and name not in _FORMATS:
        raise ContractError(f"format {name} is not supported")
    pattern = schema.get("pattern")
    if pattern is not None and "maxLength" not in schema and _UNBOUNDED.search(pattern):
        raise ContractError("a pattern with an unbounded repetition needs a maxLength")
    bounds = set(schema) & {"pattern", "minLength", "maxLength"}
    if bounds and ("enum" in schema or (name is not None and name not in _OWN_FORMATS)):
        raise ContractError("an enum or a format takes no pattern and no lengths")
    if not (schema.get("enum") or pattern or name):
        raise ContractError("a string in a request needs a pattern, an enum or a format")


def between(low: float, high: float) -> str:
    """Return a range of numbers in words."""
    if high == float("inf"):
        return f"at least {low}"
    return f"exactly {low}" if low == high else f"{low} to {high}"


def _pattern(pattern: str) -> re.Pattern[str]:
    """Compile a pattern. In Python `$` would also match before a final newline."""
    if not pattern.startswith("^"):
        raise ContractError(f"a pattern must begin with ^: {pattern}")
    return re.compile(pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern)


def day(value: str) -> date:
    """Read a day, YYYY-MM-DD. Raises ValidationError."""
    try:
        if _DATE.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise ValidationError(
        f"Must be a day of the calendar, such as 2026-01-08, not {quoted(value)}."
    )


def moment(value: str) -> datetime:
    """Read a moment (RFC 3339, section 5.6) into UTC. Raises ValidationError.

    A leap second is read as the moment after it, as in POSIX.
    """
    match = _DATE_TIME.fullmatch(value)
    try:
        if match:
            day, minute, second, fraction, offset = match.groups(default="")
            leap = second == "60"
            read = datetime.fromisoformat(
                f"{day}T{minute}:{'59' if leap else second}"
                f"{fraction and fraction.ljust(7, '0')}{'+00:00' if offset in 'Zz' else offset}"
            ).astimezone(UTC)
            if not leap or (read.hour, read.minute) == (23, 59):
                return read + timedelta(seconds=leap)
    except (ValueError, OverflowError):
        pass
    raise ValidationError(
        "Must be a moment with its offset from UTC, such as 2026-01-09T12:25:00Z (RFC 3339), "
        f"with at most six digits of fraction, not {quoted(value)}."
    )


def uuid(value: str) -> UUID:
    """Read a UUID with hyphens. Raises ValidationError."""
    if not _UUID.fullmatch(value):
        raise ValidationError(f"Must be a UUID, not {quoted(value)}.")
    return UUID(value)


def day_or_moment(value: str) -> date | datetime:
    """Read a day, or a moment into UTC. Raises ValidationError."""
    return day(value) if len(value) == len("2026-01-08") else moment(value)


def _time_zone(value: str) -> str:
    if value not in time_zones.names():
        raise ValidationError(
            f"Must be an IANA time zone, such as America/Caracas, not {quoted(value)}."
        )
    return value


# No standard defines these formats, so the contract gives them a pattern as well.
_OWN_FORMATS = {"day-or-moment": day_or_moment, "time-zone": _time_zone}
_FORMATS = {"date": day, "date-time": moment, "uuid": uuid, **_OWN_FORMATS}
