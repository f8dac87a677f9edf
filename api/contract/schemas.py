"""Compile a schema of the contract into a marshmallow schema.

Only a few keywords of JSON Schema are supported. Any other raises ContractError, so that the
contract cannot state a limit that is not enforced.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, pre_load
from marshmallow.fields import Field, Nested

from api.contract.document import FORM, ContractError
from api.contract.fields import Array, Boolean, Integer, String, between
from api.errors import FieldError, invalid, pointer

_ANNOTATIONS = {"description", "examples", "example", "title", FORM}
_KEYWORDS = {
    "object": {"properties", "required", "additionalProperties", "minProperties", "maxProperties"},
    "array": {"items", "minItems", "maxItems", "uniqueItems"},
    "string": {"format", "pattern", "minLength", "maxLength", "enum"},
    "integer": {"minimum", "maximum"},
    "boolean": set(),
}
_REQUIRED_KEYWORDS = {
    "object": {"properties"},
    "array": {"items", "maxItems"},
    "integer": {"minimum", "maximum"},
}
UNKNOWN = "There is no such "
_READ_ONLY = "Is read-only: leave it out."


def body_schema(schema: Mapping[str, Any], read_only: Collection[str] = ()) -> Schema:
    """Return the marshmallow schema of a JSON body. `read_only` fields are only in the response."""
    body = _object(schema, from_text=False)()
    body.read_only = frozenset(read_only)
    return body


def parameters_schema(parameters: Mapping[str, tuple[bool, Mapping[str, Any]]]) -> Schema:
    """Return the marshmallow schema of parameters, {name: (required, schema)}."""
    return _object(
        {
            "type": "object",
            "additionalProperties": False,
            "required": [name for name, (required, _) in parameters.items() if required],
            "properties": {name: schema for name, (_, schema) in parameters.items()},
        },
        from_text=True,
    )()


def load(schema: Schema, data: Any, *errors: FieldError) -> Mapping[str, Any]:
    """Validate data. Raises RequestError with `errors` and every error of the data."""
    try:
        loaded: Mapping[str, Any] = schema.load(data)
    except ValidationError as error:
        read_only = {pointer(name) for name in getattr(schema, "read_only", ())}
        explained = [
            replace(field, detail=_READ_ONLY) if field.pointer in read_only else field
            for field in field_errors(error)
        ]
        raise invalid(*errors, *explained) from None
    if errors:
        raise invalid(*errors)
    return loaded


def field_errors(error: ValidationError) -> list[FieldError]:
    """Return every error of a marshmallow validation, each with its JSON Pointer."""
    return list(_field_errors("", error.messages))


def _field_errors(place: str, messages: Any) -> Iterator[FieldError]:
    if isinstance(messages, Mapping):
        for key, value in messages.items():
            # marshmallow puts the errors of an object itself under `_schema`.
            is_object = key == "_schema" and not str(value[0]).startswith(UNKNOWN)
            yield from _field_errors(place if is_object else place + pointer(key), value)
    else:
        for message in messages:
            yield FieldError(place, message)


class _Strict(Schema):
    """An object without fields that the contract does not list."""

    class Meta:
        unknown = RAISE

    error_messages = {  # noqa: RUF012 - marshmallow reads it from the class
        "unknown": f"{UNKNOWN}field.",
        "type": "Must be an object.",
    }
    bounds: tuple[int, float] = (0, float("inf"))
    read_only: frozenset[str] = frozenset()

    @pre_load
    def _check_bounds(self, data: Any, **_: Any) -> Any:
        low, high = self.bounds
        if isinstance(data, Mapping) and not low <= len(data) <= high:
            raise ValidationError(
                f"Must have {between(low, high)} of these fields, not {len(data)}: "
                f"{', '.join(self.fields)}."
            )
        return data


def _object(schema: Mapping[str, Any], *, from_text: bool) -> type["_Strict"]:
    _check_vocabulary(schema, "object")
    if schema.get("additionalProperties") is not False:
        raise ContractError("an object must have additionalProperties: false")
    required = set(schema.get("required", ()))
    # A field that a change leaves out keeps its value. In any other body it becomes null.
    is_change = "minProperties" in schema
    attributes: dict[str, Any] = {
        name: _field(part, required=name in required, is_change=is_change, from_text=from_text)
        for name, part in schema.get("properties", {}).items()
    }
    attributes["bounds"] = (
        schema.get("minProperties", 0),
        schema.get("maxProperties", float("inf")),
    )
    attributes["error_messages"] = {
        "unknown": _unknown(list(schema.get("properties", {})), from_text)
    }
    return type("Derived", (_Strict,), attributes)


def _unknown(names: Sequence[str], from_text: bool) -> str:
    """Return the message for a name that a schema does not list, which says what it lists."""
    kind = "parameter" if from_text else "field"
    listed = f"There are: {', '.join(names)}." if names else "There are none."
    return f"{UNKNOWN}{kind}. {listed}"


def _field(
    schema: Mapping[str, Any], *, required: bool, is_change: bool = False, from_text: bool = False
) -> Field[Any]:
    types = schema.get("type", [])
    types = types if isinstance(types, list) else [types]
    nullable = "null" in types
    if len(types) - nullable != 1:
        raise ContractError(f"a schema must have one type, or one type and null, not {types}")
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
        return Nested(_object(schema, from_text=False), **options)
    if kind == "array":
        return Array(schema, _field(schema["items"], required=True), **options)
    if kind == "boolean":
        return Boolean(from_text=from_text, **options)
    if kind == "integer":
        return Integer(schema, from_text=from_text, **options)
    return String(schema, **options)


def _check_vocabulary(schema: Mapping[str, Any], kind: str) -> None:
    supported = _KEYWORDS.get(kind)
    if supported is None:
        raise ContractError(f"type {kind} is not supported")
    unsupported = set(schema) - supported - _ANNOTATIONS - {"type", "default"}
    missing = _REQUIRED_KEYWORDS.get(kind, set()) - set(schema)
    if missing:
        raise ContractError(f"{kind}: {', '.join(sorted(missing))} missing")
    if not set(schema.get("required", ())) <= set(schema.get("properties", ())):
        raise ContractError(f"{kind}: a required property is not among the properties")
    if unsupported:
        raise ContractError(f"{kind}: {', '.join(sorted(unsupported))} not supported")
