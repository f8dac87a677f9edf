"""A schema of the contract -> a marshmallow schema, as strict as JSON Schema is.

A small vocabulary; a keyword outside it is refused by name, so that no limit of the contract can
be written and not hold. Plain marshmallow takes "1" for an integer and "yes" for a boolean; these
fields take what the contract says. Only query and path parameters are text, and only their
integers are read from text.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from copy import copy
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from marshmallow import RAISE, Schema, ValidationError, fields, pre_load

from api.contract import time_zones
from api.errors import FieldError, invalid

_DOCUMENTATION = {"description", "examples", "example", "title"}
_KEYWORDS = {
    "object": {"properties", "required", "additionalProperties", "minProperties", "maxProperties"},
    "array": {"items", "minItems", "maxItems", "uniqueItems"},
    "string": {"format", "pattern", "minLength", "maxLength", "enum"},
    "integer": {"minimum", "maximum"},
    "boolean": set(),
}
_NEEDED = {
    "object": {"properties"},
    "array": {"items", "maxItems"},
    "integer": {"minimum", "maximum"},
}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATE_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}):(\d{2})(\.\d{1,6})?([Zz]|[+-]\d{2}:[0-5]\d)", re.ASCII
)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_UNKNOWN = "There is no such field or parameter."
# Longer enumerations are told by their description.
_LISTED = 20
_UNBOUNDED = re.compile(r"[*+]|\{\d+,\}")
# Lone surrogates, and tag characters: invisible, and beyond the patterns of tools that read UTF-16.
_NOT_TEXT = re.compile("[\ud800-\udfff\U000e0000-\U000e007f]")


class ContractError(Exception):
    """The contract says something that this code cannot hold true."""


def body_schema(schema: Mapping[str, Any]) -> Schema:
    """The marshmallow schema of a JSON body."""
    return _object(schema, from_text=False)()


def parameters_schema(parameters: Mapping[str, tuple[bool, Mapping[str, Any]]]) -> Schema:
    """The marshmallow schema of query parameters, {name: (required, schema)}."""
    return _object(
        {
            "type": "object",
            "additionalProperties": False,
            "required": [name for name, (required, _) in parameters.items() if required],
            "properties": {name: schema for name, (_, schema) in parameters.items()},
        },
        from_text=True,
    )()


def load(schema: Schema, data: Any, *found: FieldError) -> Mapping[str, Any]:
    """Data as a schema takes it. Raises RequestError with every fault, and those found before."""
    try:
        loaded: Mapping[str, Any] = schema.load(data)
    except ValidationError as error:
        raise invalid(*found, *faults(error)) from None
    if found:
        raise invalid(*found)
    return loaded


def faults(error: ValidationError) -> list[FieldError]:
    """Every fault that marshmallow found, each with its JSON Pointer."""
    return list(_faults("", error.messages))


def _faults(pointer: str, messages: Any) -> Iterator[FieldError]:
    if isinstance(messages, Mapping):
        for key, value in messages.items():
            step = str(key).replace("~", "~0").replace("/", "~1")
            own = key == "_schema" and _UNKNOWN not in value
            yield from _faults(pointer if own else f"{pointer}/{step}", value)
    else:
        for message in messages:
            yield FieldError(pointer, message)


class _Strict(Schema):
    """An object that takes no field which the contract does not list."""

    class Meta:
        unknown = RAISE

    error_messages = {  # noqa: RUF012 - marshmallow reads it from the class
        "unknown": _UNKNOWN,
        "type": "Must be an object.",
    }
    bounds: tuple[int, float] = (0, float("inf"))

    @pre_load
    def _within_bounds(self, data: Any, **_: Any) -> Any:
        low, high = self.bounds
        if isinstance(data, Mapping) and not low <= len(data) <= high:
            raise ValidationError(f"Must have {_between(low, high)} field(s), not {len(data)}.")
        return data


def _object(schema: Mapping[str, Any], *, from_text: bool) -> type[Schema]:
    _check_vocabulary(schema, "object")
    if schema.get("additionalProperties") is not False:
        raise ContractError("every object must say additionalProperties: false")
    required = set(schema.get("required", ()))
    # In a change, what is left out stays as it is; elsewhere it is null.
    is_change = "minProperties" in schema
    attributes: dict[str, Any] = {
        name: _field(part, required=name in required, is_change=is_change, from_text=from_text)
        for name, part in schema.get("properties", {}).items()
    }
    attributes["bounds"] = (
        schema.get("minProperties", 0),
        schema.get("maxProperties", float("inf")),
    )
    return type("Derived", (_Strict,), attributes)


def _field(
    schema: Mapping[str, Any], *, required: bool, is_change: bool = False, from_text: bool = False
) -> fields.Field[Any]:
    named = schema.get("type", [])
    types = named if isinstance(named, list) else [named]
    nullable = "null" in types
    if len(types) - nullable != 1:
        raise ContractError(f"one type, and null beside it, not {types}")
    (kind,) = [t for t in types if t != "null"]
    options: dict[str, Any] = {
        "required": required,
        "allow_none": nullable,
        "error_messages": {"required": "Must be given.", "null": "Must not be null."},
    }
    if "default" in schema:
        options["load_default"] = lambda: copy(schema["default"])
    elif not required and not is_change:
        options["load_default"] = None
    _check_vocabulary(schema, kind)
    if kind == "object":
        return fields.Nested(_object(schema, from_text=False), **options)
    if kind == "array":
        return _Array(schema, **options)
    if kind == "boolean":
        return _Boolean(**options)
    if kind == "integer":
        return _Integer(schema, from_text=from_text, **options)
    return _String(schema, **options)


def _check_vocabulary(schema: Mapping[str, Any], kind: str) -> None:
    known = _KEYWORDS.get(kind)
    if known is None:
        raise ContractError(f"type {kind} is not supported")
    foreign = set(schema) - known - _DOCUMENTATION - {"type", "default"}
    missing = _NEEDED.get(kind, set()) - set(schema)
    if missing:
        raise ContractError(f"{kind}: {', '.join(sorted(missing))} missing")
    if not set(schema.get("required", ())) <= set(schema.get("properties", ())):
        raise ContractError(f"{kind}: a required property that there is not")
    if foreign:
        raise ContractError(f"{kind}: {', '.join(sorted(foreign))} not supported")


def _between(low: float, high: float) -> str:
    if high == float("inf"):
        return f"at least {low}"
    return f"exactly {low}" if low == high else f"{low} to {high}"


class _Integer(fields.Field[int]):
    """A JSON integer: 6.0 is one, true and "6" are not. As a parameter, its decimal digits."""

    def __init__(self, schema: Mapping[str, Any], *, from_text: bool, **options: Any) -> None:
        super().__init__(**options)
        self.low, self.high = schema["minimum"], schema["maximum"]
        self.from_text = from_text

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> int:
        if self.from_text and isinstance(value, str) and _INTEGER.fullmatch(value):
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValidationError("Must be an integer.")
        if not self.low <= value <= self.high:
            raise ValidationError(f"Must be from {self.low} to {self.high}.")
        return value


class _Boolean(fields.Field[bool]):
    """A JSON boolean; 1 and "true" are none."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("Must be true or false.")
        return value


class _Array(fields.List[Any]):
    """A JSON array within its bounds."""

    def __init__(self, schema: Mapping[str, Any], **options: Any) -> None:
        # Before any item is looked at: there may be very many.
        self.low, self.high = schema.get("minItems", 0), schema["maxItems"]
        super().__init__(_field(schema["items"], required=True), **options)
        self.error_messages["invalid"] = "Must be an array."
        self.unique = schema.get("uniqueItems", False)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        if not self.low <= len(value) <= self.high:
            raise ValidationError(f"Must have {self.low} to {self.high} items.")
        items = super()._deserialize(value, attr, data, **kwargs)
        if self.unique and any(item in items[:i] for i, item in enumerate(items)):
            raise ValidationError("Must not hold the same item twice.")
        return items


class _String(fields.Field[Any]):
    """A JSON string, normalised to NFC; as the type that its format names."""

    def __init__(self, schema: Mapping[str, Any], **options: Any) -> None:
        super().__init__(**options)
        self.enum = schema.get("enum")
        self.length = (schema.get("minLength", 0), schema.get("maxLength", float("inf")))
        self.pattern = _pattern(schema["pattern"]) if "pattern" in schema else None
        self.explanation = schema.get("description", "")
        form = schema.get("format")
        if form is not None and form not in _FORMATS:
            raise ContractError(f"format {form} is not supported")
        self.read = _FORMATS[form] if form else None
        if (
            self.pattern is not None
            and "maxLength" not in schema
            and _UNBOUNDED.search(schema["pattern"])
        ):
            raise ContractError("a pattern that repeats without end needs a maxLength")
        bounds = set(schema) & {"pattern", "minLength", "maxLength"}
        if bounds and (self.enum or (self.read and form not in _OWN_FORMATS)):
            raise ContractError("an enum or a format stands without pattern and lengths")
        if not (self.enum or self.pattern or self.read):
            raise ContractError("a string that comes in needs a pattern, an enum or a format")

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> Any:
        if not isinstance(value, str):
            raise ValidationError("Must be a string.")
        if self.enum is not None:
            if value not in self.enum:
                values = ", ".join(filter(None, self.enum))
                raise ValidationError(
                    f"Must be one of: {values}."
                    if len(self.enum) <= _LISTED
                    else f"Is not of the right form. {self.explanation}"
                )
            return value
        if self.read is not None:
            if self.pattern is not None:
                self._check(value)
            return self.read(value)
        # As it is sent, which keeps the work of NFC small, and as it will be stored.
        self._check(value)
        value = unicodedata.normalize("NFC", value)
        self._check(value)
        return value

    def _check(self, value: str) -> None:
        low, high = self.length
        if not low <= len(value) <= high:
            raise ValidationError(f"Must have {_between(low, high)} characters.")
        assert self.pattern is not None  # noqa: S101 - by the constructor
        if not self.pattern.search(value) or _NOT_TEXT.search(value):
            raise ValidationError(f"Is not of the right form. {self.explanation}".strip())


def _pattern(pattern: str) -> re.Pattern[str]:
    """A pattern of the contract in Python, where `$` would also match before a last newline."""
    if not pattern.startswith("^"):
        raise ContractError(f"a pattern must begin with ^: {pattern}")
    return re.compile(pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern)


def day(value: str) -> date:
    try:
        if _DATE.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise ValidationError("Must be a day, as 2026-01-08.")


def moment(value: str) -> datetime:
    """RFC 3339, section 5.6. A leap second is the moment after it, as in POSIX."""
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
        "Must be a moment with its offset from UTC, as 2026-01-09T12:25:00Z (RFC 3339), "
        "with six digits of fraction at the most."
    )


def uuid(value: str) -> UUID:
    if not _UUID.fullmatch(value):
        raise ValidationError("Must be a UUID.")
    return UUID(value)


def _day_or_moment(value: str) -> date | datetime:
    return day(value) if len(value) == len("2026-01-08") else moment(value)


def _time_zone(value: str) -> str:
    if value not in time_zones.names():
        raise ValidationError("Is not an IANA time zone, as America/Caracas.")
    return value


# Those that no standard knows stand with a pattern, for who reads the contract.
_OWN_FORMATS = {"day-or-moment": _day_or_moment, "time-zone": _time_zone}
_FORMATS = {"date": day, "date-time": moment, "uuid": uuid, **_OWN_FORMATS}
