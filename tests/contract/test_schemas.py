"""Compiled schemas accept what JSON Schema accepts, compared with the `jsonschema` package.

The package validates by Draft 2020-12 with formats. Where the compiled schema may decide otherwise,
`difference` gives the reason.
"""

import copy
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import pytest
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from marshmallow import Schema, ValidationError
from marshmallow.fields import Nested

from api.contract import document as spec
from api.contract import fields, schemas
from api.contract.document import ContractError

CONTRACT = spec.load()
BODIES: Mapping[str, Mapping[str, Any]] = {
    operation.id: operation.body for operation in CONTRACT.operations if operation.body is not None
}
COMPILED = {name: schemas.body_schema(body) for name, body in BODIES.items()}


def ecma(schema: Any) -> Any:
    """Return a schema whose patterns mean in Python what they mean in ECMA 262.

    There `$` is the end, not the place before a final newline.
    """
    if isinstance(schema, Mapping):
        return {
            name: re.sub(r"\$$", r"\\Z", part)
            if name == "pattern" and isinstance(part, str)
            else ecma(part)
            for name, part in schema.items()
        }
    return [ecma(part) for part in schema] if isinstance(schema, list) else schema


def validator(schema: Mapping[str, Any]) -> Draft202012Validator:
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(ecma(schema), format_checker=Draft202012Validator.FORMAT_CHECKER)


VALIDATORS = {name: validator(body) for name, body in BODIES.items()}


def accepts(compiled: Schema, value: Any) -> bool:
    errors = compiled.validate(value)
    assert not errors or schemas.field_errors(ValidationError(errors)), "a refusal lists its errors"
    return not errors


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for part in value.values():
            yield from _leaves(part)
    elif isinstance(value, list):
        yield value
        for part in value:
            yield from _leaves(part)
    else:
        yield value


_MARKS = {"Mn", "Mc", "Me"}
_FINE_FRACTION = re.compile(r"\.\d{7}", re.ASCII)
_LEAP_SECOND = re.compile(r":60(\.\d+)?([Zz]|[+-]\d{2}:\d{2})\Z", re.ASCII)
_OTHER_DIGITS = re.compile(r"(?=.*[^\x00-\x7f])[\w-]{36}\Z")
_END_OF_TIME = re.compile(r"(0000-|0001-01-01|9999-12-31)")


def _written(item: Any) -> str:
    return repr(sorted(item.items()) if isinstance(item, dict) else item)


def _normalised(item: Any) -> str:
    """An item as the service compares it: text in NFC, and ids in lower case."""
    text = unicodedata.normalize("NFC", _written(item))
    return re.sub(r"[0-9A-Fa-f-]{36}", lambda m: m[0].lower(), text)


def difference(value: Any) -> str | None:
    """Return why the compiled schema may decide otherwise about this value, or None."""
    for leaf in _leaves(value):
        if isinstance(leaf, list):
            if len({_normalised(item) for item in leaf}) < len({_written(item) for item in leaf}):
                return "items that differ only in their spelling are the same item"
        elif isinstance(leaf, str):
            if re.search("[\ud800-\udfff]", leaf):
                return "lone surrogates are refused, although Python strings can contain them"
            if re.search("[\U000e0000-\U000e007f\U000f0000-\U0010ffff]", leaf):
                return "tags and private use are refused, although the pattern allows them"
            if "M" * 4 in "".join("M" if unicodedata.category(c) in _MARKS else "-" for c in leaf):
                return "stacks of marks are refused, although the pattern allows them"
            if unicodedata.normalize("NFC", leaf) != leaf:
                return "the bounds apply to the stored text, in NFC"
            if _OTHER_DIGITS.match(leaf):
                return "a UUID has ASCII digits; the package accepts those of other scripts"
            if _FINE_FRACTION.search(leaf):
                return "a fraction has at most six digits"
            if _LEAP_SECOND.search(leaf):
                return "RFC 3339 has leap seconds; the package refuses them"
            if _END_OF_TIME.match(leaf):
                return "an offset can move a moment before the year 1 or after 9999"
    return None


def assert_same_verdict(name: str, value: Any) -> None:
    """Assert that both accept a value, or both refuse it."""
    expected = VALIDATORS[name].is_valid(value)
    assert accepts(COMPILED[name], value) == expected or difference(value), (name, value, expected)


def examples() -> Iterator[tuple[str, Any]]:
    """The contract's examples of JSON bodies."""
    for item in spec._resolved(CONTRACT.document, CONTRACT.document["paths"]).values():
        for operation in item.values():
            if isinstance(operation, Mapping) and "requestBody" in operation:
                content = operation["requestBody"]["content"].get("application/json", {})
                for example in content.get("examples", {}).values():
                    yield operation["operationId"], example["value"]


EXAMPLES = list(examples())

ID = "019b9f3e-5a10-4c3d-8e21-4f6a7b8c9d01"
HOSTILE: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    1.0,
    6.0,
    1.5,
    1e308,
    2**63,
    10**400,
    "",
    " ",
    "x",
    "1",
    "6.0",
    "true",
    "yes",
    "null",
    "known",
    "VE",
    "ve",
    "ngo",
    "NGO",
    "confirms",
    "a\x00b",
    "a\u202eb",
    "a\u200db",
    "a\n",
    "a\tb",
    "x" * 200,
    "x" * 201,
    "x" * 4001,
    "\U000e0041",
    "Jose\u0301",
    "\ud800",
    "https://example.org",
    "https://example.org/a b",
    "https://example.org:99999/",
    "HTTPS://example.org",
    "https://example.org\n",
    "es",
    "es-VE",
    "f" * 64,
    "f" * 64 + "\n",
    ID,
    ID.upper(),
    ID + "\n",
    "{" + ID + "}",
    f"urn:uuid:{ID}",
    ID.replace("-", ""),
    ID[:-2] + "\u0661\u0662",
    "2026",
    "2026-01",
    "2026-01-08",
    "2026-1-8",
    "20260108",
    "2026-W02-4",
    "2026-02-29",
    "2024-02-29",
    "0000-01-01",
    "2026-01-08\n",
    "2026-01-08T12:25:00Z",
    "2026-01-08t12:25:00z",
    "2026-01-08 12:25:00Z",
    "2026-01-08T12:25:00",
    "2026-01-08T12:25Z",
    "2026-01-08T24:00:00Z",
    "2026-01-08T12:25:00.123456Z",
    "2026-01-08T12:25:00.1234567Z",
    "2026-01-08T12:25:00,5Z",
    "2026-01-08T12:25:00+05:30",
    "2026-01-08T12:25:00+24:00",
    "2026-01-08T12:25:00+00:60",
    "2026-01-08T12:25:00+0530",
    "2026-12-31T23:59:60Z",
    "\u0662026-01-08T12:25:00Z",
    [],
    [None],
    [[]],
    ["x"],
    ["x", "x"],
    ["VE", "CO"],
    ["VE"] * 2,
    ["Jos\u00e9", "Jose\u0301"],
    [f"x{i}" for i in range(51)],
    [1, True, 1.0],
    {},
    {"x": 1},
    [{}],
    [{"source_id": ID}],
    [{"source_id": None}],
    [{"source_id": ID, "attestation_id": ID}],
    [{"source_id": ID}, {"source_id": ID.upper()}],
    [{"source_id": ID}] * 2,
    [{"scheme": "un", "value": "1"}],
    [{"scheme": "un", "value": "1", "x": 1}],
    [{"scheme": "un"}],
    {"0": "x"},
]


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_examples_are_accepted(name: str, example: Any) -> None:
    assert VALIDATORS[name].is_valid(example)
    assert accepts(COMPILED[name], example)


def test_every_body_has_an_example() -> None:
    assert {name for name, _ in EXAMPLES} == set(BODIES)


@pytest.mark.parametrize("name", BODIES)
def test_hostile_values_get_the_same_verdict(name: str) -> None:
    """Every value in every property, and as the body itself."""
    refused = 0
    for _, example in (e for e in EXAMPLES if e[0] == name):
        for value in HOSTILE:
            assert_same_verdict(name, value)
            for field in BODIES[name]["properties"]:
                body = {**copy.deepcopy(example), field: value}
                assert_same_verdict(name, body)
                refused += not accepts(COMPILED[name], body)
            for field in ("extra", "", "id", "_schema", "__class__"):
                assert not accepts(COMPILED[name], {**example, field: value})
    assert refused > len(HOSTILE) / 3


@pytest.mark.parametrize("name", BODIES)
def test_required_fields_are_required(name: str) -> None:
    for _, example in (e for e in EXAMPLES if e[0] == name):
        for field in BODIES[name]["properties"]:
            assert_same_verdict(name, {k: v for k, v in example.items() if k != field})
    assert_same_verdict(name, {})


# Bodies that the contract allows, generated from its vocabulary.

_LETTERS = st.characters(exclude_categories=["Cs"])


def allowed(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Return values that a schema accepts."""
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return st.one_of([_allowed(kind, schema) for kind in kinds])


def _allowed(kind: str, schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if kind == "null":
        return st.none()
    if kind == "array":
        return st.lists(
            allowed(schema["items"]),
            min_size=schema.get("minItems", 0),
            max_size=min(schema["maxItems"], 4),
            unique_by=_normalised if schema.get("uniqueItems") else None,
        )
    if kind == "object":
        return _allowed_object(schema)
    if kind == "integer":
        return st.integers(schema["minimum"], schema["maximum"])
    if kind == "boolean":
        return st.booleans()
    return _allowed_text(schema)


def _allowed_object(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    properties = {name: allowed(part) for name, part in schema["properties"].items()}
    needed = {name: properties[name] for name in schema.get("required", ())}
    low, high = schema.get("minProperties", 0), schema.get("maxProperties", len(properties))
    if (low, high) == (1, 1):
        return st.one_of([st.fixed_dictionaries({name: part}) for name, part in properties.items()])
    rest = {name: part for name, part in properties.items() if name not in needed}
    return st.fixed_dictionaries(needed, optional=rest).filter(lambda body: low <= len(body))


def _allowed_text(schema: Mapping[str, Any]) -> st.SearchStrategy[str]:
    match schema.get("format"):
        case "uuid":
            return st.uuids().map(str) | st.uuids().map(lambda id: str(id).upper())
        case "date":
            return st.dates().map(str)
        case "date-time":
            return st.builds(
                lambda moment, offset: moment.isoformat() + offset, st.datetimes(), _offsets()
            )
    pattern = ecma(schema)["pattern"]
    high = schema.get("maxLength", 1000)
    return st.from_regex(pattern, alphabet=_LETTERS).filter(lambda text: len(text) <= high)


def _offsets() -> st.SearchStrategy[str]:
    return st.just("Z") | st.builds(
        lambda sign, hours, minutes: f"{sign}{hours:02}:{minutes:02}",
        st.sampled_from("+-"),
        st.integers(0, 23),
        st.integers(0, 59),
    )


ALLOWED = {name: allowed(body) for name, body in BODIES.items()}


@pytest.mark.parametrize("name", BODIES)
def test_allowed_bodies_are_accepted(name: str) -> None:
    @settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(ALLOWED[name])
    def check(body: Any) -> None:
        assert VALIDATORS[name].is_valid(body)
        assert accepts(COMPILED[name], body) or difference(body), body

    check()


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(_LETTERS),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(_LETTERS), inner, max_size=3)
    ),
    max_leaves=8,
)


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    steps = (
        list(value)
        if isinstance(value, dict)
        else range(len(value))
        if isinstance(value, list)
        else ()
    )
    for step, part in ((step, value[step]) for step in steps):
        yield from _places(part, (*at, step))


def _replaced(value: Any, at: tuple[Any, ...], new: Any) -> Any:
    if not at:
        return new
    changed = copy.copy(value)
    changed[at[0]] = _replaced(value[at[0]], at[1:], new)
    return changed


@st.composite
def mutations(draw: st.DrawFn, name: str) -> Any:
    """Return an allowed body with one part replaced by any value."""
    body = draw(ALLOWED[name])
    at = draw(st.sampled_from(list(_places(body))))
    return _replaced(body, at, draw(st.sampled_from(HOSTILE) | _ANY))


@pytest.mark.parametrize("name", BODIES)
def test_mutations_get_the_same_verdict(name: str) -> None:
    @settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(mutations(name))
    def check(body: Any) -> None:
        assert_same_verdict(name, body)

    check()


_WRONG_TYPES: Mapping[str, list[Any]] = {
    "string": [0, 1.5, True, [], {}],
    "array": [0, "[]", True, {}],
    "object": [0, "{}", True, []],
    "integer": ["1", 1.5, True, [], {}],
    "boolean": ["true", 1, 0, "", [], {}],
}


@pytest.mark.parametrize("name", BODIES)
def test_values_of_another_type_are_refused(name: str) -> None:
    """Nothing is coerced, such as a number to text or text to a list."""
    for _, example in (e for e in EXAMPLES if e[0] == name):
        for field, part in BODIES[name]["properties"].items():
            kinds = part["type"] if isinstance(part["type"], list) else [part["type"]]
            (kind,) = [k for k in kinds if k != "null"]
            for value in _WRONG_TYPES[kind] + ([] if "null" in kinds else [None]):
                body = {**example, field: value}
                assert not VALIDATORS[name].is_valid(body)
                assert not accepts(COMPILED[name], body), (field, value)


# Where the two differ.


def load_one(part: Mapping[str, Any], value: Any) -> Any:
    schema = {"type": "object", "additionalProperties": False, "properties": {"it": part}}
    return schemas.body_schema(schema).load({"it": value})["it"]


MOMENT = {"type": "string", "format": "date-time"}
NAME = CONTRACT.schema("Name")


def test_leap_second_is_the_moment_after_it() -> None:
    assert not validator(MOMENT).is_valid("2016-12-31T23:59:60Z")
    assert load_one(MOMENT, "2016-12-31T23:59:60Z") == load_one(MOMENT, "2017-01-01T00:00:00Z")


def test_fraction_of_seven_digits_is_refused() -> None:
    assert validator(MOMENT).is_valid("2026-01-08T12:25:00.1234567Z")
    with pytest.raises(ValidationError):
        load_one(MOMENT, "2026-01-08T12:25:00.1234567Z")


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_moment_outside_years_1_to_9999_is_refused(value: str) -> None:
    assert validator(MOMENT).is_valid(value)
    with pytest.raises(ValidationError):
        load_one(MOMENT, value)


def test_lone_surrogate_is_refused() -> None:
    assert validator(NAME).is_valid("a\ud800b")
    with pytest.raises(ValidationError):
        load_one(NAME, "a\ud800b")


def test_id_with_other_digits_is_refused() -> None:
    part = {"type": "string", "format": "uuid"}
    assert validator(part).is_valid(ID[:-2] + "\u0661\u0662")
    with pytest.raises(ValidationError):
        load_one(part, ID[:-2] + "\u0661\u0662")


def test_text_is_stored_in_nfc() -> None:
    assert load_one(NAME, "Jose\u0301") == "Jos\u00e9"


def test_pattern_applies_before_normalising() -> None:
    """NFC turns the Kelvin sign into K. JSON Schema refuses it, so it must not pass as ASCII."""
    part = {"type": "string", "pattern": "^[A-Z]{1,5}$"}
    assert not validator(part).is_valid("\u212a")
    with pytest.raises(ValidationError):
        load_one(part, "\u212a")


def test_length_applies_before_normalising() -> None:
    part = {"type": "string", "pattern": "^[^x]*$", "maxLength": 4}
    assert not validator(part).is_valid("e\u0301" * 3)
    with pytest.raises(ValidationError):
        load_one(part, "e\u0301" * 3)


def test_items_in_another_spelling_are_duplicates() -> None:
    part = {
        "type": "array",
        "maxItems": 9,
        "uniqueItems": True,
        "items": {"type": "string", "format": "uuid"},
    }
    assert validator(part).is_valid([ID, ID.upper()])
    with pytest.raises(ValidationError):
        load_one(part, [ID, ID.upper()])
    assert load_one(part, [ID]) == [UUID(ID)]


# Small schemas: each keyword of the vocabulary.


@pytest.mark.parametrize(
    ("part", "values"),
    [
        (
            {"type": "integer", "minimum": 0, "maximum": 5},
            [-1, 0, 5, 6, 5.0, 5.5, "5", True, None, 1e308],
        ),
        ({"type": ["integer", "null"], "minimum": 0, "maximum": 5}, [None, 1, -1, "null"]),
        ({"type": "string", "pattern": "^a|b$", "maxLength": 5}, ["a", "ax", "xb", "x", "b"]),
        ({"type": "string", "pattern": "^a", "maxLength": 3}, ["a", "abc", "abcd", "ba", "a\n"]),
        ({"type": "string", "pattern": "^a{2,3}$"}, ["a", "aa", "aaa", "aaaa", "aa\n"]),
        ({"type": "string", "pattern": "^\\d$"}, ["1", "a"]),
        (
            {"type": "string", "pattern": "^[^x]*$", "minLength": 2, "maxLength": 3},
            ["", "a", "ab", "abcd", "\U0001f54a" * 3],
        ),
        ({"type": "string", "enum": ["a", "b"]}, ["a", "A", "", None, ["a"], {}, 1]),
        ({"type": ["string", "null"], "enum": ["a", None]}, ["a", None, "", "null", []]),
        ({"type": "string", "format": "uuid"}, [ID, "", ID[1:], 5]),
        (
            {
                "type": "array",
                "maxItems": 2,
                "minItems": 1,
                "items": {"type": "integer", "minimum": 0, "maximum": 9},
            },
            [[], [1], [1, 2], [1, 2, 3], [10], "1", [None], [[1]], {"0": 1}],
        ),
        (
            {
                "type": "array",
                "maxItems": 3,
                "uniqueItems": True,
                "items": {"type": "integer", "minimum": 0, "maximum": 9},
            },
            [[1, 1], [1, 2], [1, 1.0]],
        ),
        (
            {
                "type": ["object", "null"],
                "additionalProperties": False,
                "required": ["a"],
                "minProperties": 1,
                "maxProperties": 2,
                "properties": {
                    n: {"type": ["integer", "null"], "minimum": 0, "maximum": 9} for n in "abc"
                },
            },
            [
                None,
                {},
                {"a": 1},
                {"b": 1},
                {"a": 1, "b": 1},
                {"a": 1, "b": 1, "c": 1},
                {"a": None},
                {"a": "1"},
                [],
                "a",
            ],
        ),
    ],
)
def test_every_keyword_is_enforced(part: Mapping[str, Any], values: list[Any]) -> None:
    schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"it": part},
        "required": ["it"],
    }
    compiled, expected = schemas.body_schema(schema), validator(schema)
    verdicts = set()
    for value in values:
        verdicts.add(expected.is_valid({"it": value}))
        assert accepts(compiled, {"it": value}) == expected.is_valid({"it": value}), value
    assert verdicts == {True, False}


@pytest.mark.parametrize("text", ["5", "0", "007", "-1", "-0", "10"])
def test_integer_parameter_is_read_from_its_digits(text: str) -> None:
    part = {"type": "integer", "minimum": -5, "maximum": 7}
    compiled = schemas.parameters_schema({"it": (True, part)})
    assert accepts(compiled, {"it": text}) == (-5 <= int(text) <= 7)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 5",
        "5 ",
        "+5",
        "5.0",
        "5e0",
        "0x5",
        "1_0",
        "\u0665",
        "\uff15",
        "--5",
        "5\n",
        "true",
        "9" * 5000,
    ],
)
def test_other_text_is_no_integer_parameter(text: str) -> None:
    part = {"type": "integer", "minimum": 0, "maximum": 10}
    assert not accepts(schemas.parameters_schema({"it": (True, part)}), {"it": text})


def test_only_parameters_are_read_from_text() -> None:
    part = {"type": "integer", "minimum": 0, "maximum": 10}
    with pytest.raises(ValidationError):
        load_one(part, "5")


def test_missing_field_is_null_in_a_creation_and_absent_in_a_change() -> None:
    part = {"type": ["integer", "null"], "minimum": 0, "maximum": 9}
    create = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"a": part, "b": {**part, "default": 3}},
    }
    assert schemas.body_schema(create).load({}) == {"a": None, "b": 3}
    change = {**create, "minProperties": 1, "properties": {"a": part, "b": part}}
    assert schemas.body_schema(change).load({"a": None}) == {"a": None}


def test_defaults_are_copied_for_each_load() -> None:
    part = {
        "type": "array",
        "maxItems": 3,
        "default": [],
        "items": {"type": "string", "enum": ["a"]},
    }
    schema = schemas.body_schema(
        {"type": "object", "additionalProperties": False, "properties": {"it": part}}
    )
    schema.load({})["it"].append("a")
    assert schema.load({}) == {"it": []}


def test_every_error_has_its_pointer() -> None:
    compiled = COMPILED["createDetainee"]
    with pytest.raises(ValidationError) as caught:
        compiled.load(
            {
                "sex": 1,
                "aliases": ["ok", 2, ""],
                "external_ids": [{"scheme": "un", "value": "1"}, {"scheme": "UN", "x/y~z": 0}],
                "more": 1,
            }
        )
    assert sorted(error.pointer for error in schemas.field_errors(caught.value)) == [
        "/aliases/1",
        "/aliases/2",
        "/external_ids/1/scheme",
        "/external_ids/1/value",
        "/external_ids/1/x~1y~0z",
        "/more",
        "/name",
        "/sex",
    ]


# The service does not start with a contract that it cannot enforce.

STRING = {"type": "string", "enum": ["a"]}
UNSUPPORTED: Mapping[str, Mapping[str, Any]] = {
    "a keyword for strings": {**STRING, "contentEncoding": "base64"},
    "a keyword of another type": {"type": "string", "pattern": "^a$", "minimum": 1},
    "multipleOf": {"type": "integer", "minimum": 0, "maximum": 9, "multipleOf": 3},
    "exclusiveMinimum": {"type": "integer", "minimum": 0, "maximum": 9, "exclusiveMinimum": 0},
    "contains": {"type": "array", "maxItems": 3, "items": STRING, "contains": STRING},
    "prefixItems": {"type": "array", "maxItems": 3, "items": STRING, "prefixItems": [STRING]},
    "patternProperties": {
        "type": "object",
        "additionalProperties": False,
        "properties": {},
        "patternProperties": {"^a": STRING},
    },
    "const": {**STRING, "const": "a"},
    "not": {**STRING, "not": {"enum": ["b"]}},
    "oneOf beside a type": {**STRING, "oneOf": [STRING]},
    "oneOf without a type": {"oneOf": [STRING]},
    "an enum without a type": {"enum": ["a"]},
    "an empty schema": {},
    "a number": {"type": "number"},
    "a boolean with bounds": {"type": "boolean", "minimum": 0},
    "only null": {"type": "null"},
    "two types": {"type": ["string", "integer"], "enum": ["a", 1]},
    "an unknown type": {"type": "text", "enum": ["a"]},
    "an unknown format": {"type": "string", "format": "email"},
    "an open object": {"type": "object", "properties": {"a": STRING}},
    "an object with additionalProperties: true": {
        "type": "object",
        "properties": {"a": STRING},
        "additionalProperties": True,
    },
    "a list of open objects": {
        "type": "array",
        "maxItems": 3,
        "items": {"type": "object", "properties": {"a": STRING}},
    },
    "a pattern without ^": {"type": "string", "pattern": "a$"},
    "a string without bounds": {"type": "string"},
    "a string with only a length": {"type": "string", "maxLength": 5},
    "an unbounded pattern": {"type": "string", "pattern": "^a*$"},
    "a pattern beside a format": {"type": "string", "format": "uuid", "pattern": "^0"},
    "a length beside a format": {"type": "string", "format": "date", "maxLength": 5},
    "a pattern beside an enum": {"type": "string", "enum": ["a", "b"], "pattern": "^a$"},
    "an enum of integers": {"type": "integer", "minimum": 0, "maximum": 9, "enum": [1, 3]},
    "an enum of lists": {"type": "array", "maxItems": 2, "items": STRING, "enum": [["a"]]},
    "an integer without a minimum": {"type": "integer", "maximum": 9},
    "an integer without a maximum": {"type": "integer", "minimum": 0},
    "an array without a maximum": {"type": "array", "items": STRING},
    "an array of anything": {"type": "array", "maxItems": 3},
    "a required property that is not listed": {
        "type": "object",
        "additionalProperties": False,
        "properties": {},
        "required": ["b"],
    },
}


@pytest.mark.parametrize("part", UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_unsupported_schema_stops_the_start(part: Mapping[str, Any]) -> None:
    schema = {"type": "object", "additionalProperties": False, "properties": {"it": part}}
    with pytest.raises(ContractError):
        schemas.body_schema(schema)


def test_open_body_stops_the_start() -> None:
    for schema in ({"type": "object", "properties": {"it": STRING}}, {"type": "object"}):
        with pytest.raises(ContractError):
            schemas.body_schema(schema)


def test_unsupported_parameter_stops_the_start() -> None:
    with pytest.raises(ContractError):
        schemas.parameters_schema({"it": (False, {"type": "string"})})


# Round trip: apispec reads the contract out of the compiled schemas.


def _written_back(name: str) -> Mapping[str, Any]:
    # Nested objects are inline, as in the contract without its references.
    plugin = MarshmallowPlugin(schema_name_resolver=lambda _: None)
    document = APISpec("Constancia", "1", "3.1.0", plugins=[plugin])
    plugin.map_to_openapi_type(fields.String, "string", None)
    plugin.map_to_openapi_type(fields.Integer, "integer", None)
    plugin.map_to_openapi_type(fields.Boolean, "boolean", None)
    plugin.map_to_openapi_type(fields.Array, "array", None)
    assert plugin.converter is not None
    return plugin.converter.schema2jsonschema(COMPILED[name]) | {"_": document.to_dict()["info"]}


def _shape(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "required": sorted(schema.get("required", ())),
        "types": {
            name: sorted(part["type"]) if isinstance(part["type"], list) else [part["type"]]
            for name, part in schema["properties"].items()
        },
    }


@pytest.mark.parametrize("name", BODIES)
def test_compiled_schema_equals_the_contract(name: str) -> None:
    assert _shape(_written_back(name)) == _shape(BODIES[name])


def test_nested_objects_are_compiled() -> None:
    array = COMPILED["createDetainee"].fields["external_ids"]
    assert isinstance(array, fields.Array)
    assert isinstance(array.inner, Nested)
    inner = array.inner.schema.fields
    contract = BODIES["createDetainee"]["properties"]["external_ids"]["items"]
    assert set(inner) == set(contract["properties"])
    assert {name for name, field in inner.items() if field.required} == set(contract["required"])
