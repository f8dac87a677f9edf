"""The contract: its validity, its examples, and its agreement with the code."""

import inspect
import re
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate

import api as package
from api.app import create_app
from api.contract import document
from api.database import connections
from api.http import problems, routing
from tests.conftest import Api
from tests.whole_set.operations import CONTRACT, dereferenced, nodes
from tests.whole_set.source_code import constant_arguments, string_literals


def test_format_checker_knows_the_formats() -> None:
    assert {"date", "date-time", "uuid"} <= set(FormatChecker.checkers)


def test_contract_is_valid_openapi() -> None:
    validate(CONTRACT.document)


def test_every_key_of_an_object_is_written_once() -> None:
    """YAML keeps the last of two components with one name."""
    places = [yaml.compose(CONTRACT.source, getattr(yaml, "CSafeLoader", yaml.SafeLoader))]
    repeated = []
    for place in places:
        if isinstance(place, yaml.MappingNode):
            keys = Counter(key.value for key, _ in place.value)
            repeated += [f"{key}, {place.start_mark}" for key, times in keys.items() if times > 1]
            places += [value for _, value in place.value]
        elif isinstance(place, yaml.SequenceNode):
            places += place.value
    assert repeated == []


def examples() -> Iterator[tuple[str, document.Schema, Any]]:
    """Every example, with its place and its schema."""
    for place, node in nodes(CONTRACT.document):
        if "schema" in node:
            schema = dereferenced(node)
            for name, example in schema.get("examples", {}).items():
                yield f"{place}/{name}", schema["schema"], example["value"]
            if "example" in schema:
                yield place, schema["schema"], schema["example"]
        elif place.startswith("/components/schemas/") and "type" in node:
            schema = dereferenced(node)
            if isinstance(schema["type"], str | list):
                for name in ("default", "example"):
                    if name in schema:
                        yield f"{place}/{name}", schema, schema[name]
                for i, example in enumerate(schema.get("examples", [])):
                    yield f"{place}/examples/{i}", schema, example


def test_every_example_is_valid_under_its_schema() -> None:
    errors = [
        f"{place}: {error.message}"
        for place, schema, example in examples()
        for error in Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(
            example
        )
    ]
    assert errors == []
    in_json = [o for o in CONTRACT.operations if "application/json" in o.media_types]
    assert len(list(examples())) > len(in_json)


def test_every_operation_in_json_has_an_example() -> None:
    """The example is of the request body, or else of the response. A list has that of its items."""
    for operation in CONTRACT.operations:
        raw = CONTRACT.document["paths"][operation.path][operation.method]
        described = dereferenced(raw.get("requestBody") or raw["responses"][str(operation.status)])
        if "cursor" in {parameter.name for parameter in operation.parameters}:
            continue
        for media_type, content in described["content"].items():
            if media_type == "application/json" and "schema" in content:
                assert len(content["examples"]) == 1, operation.id


def test_examples_are_at_the_end() -> None:
    assert list(CONTRACT.document)[-1] == "components"
    assert list(CONTRACT.document["components"])[-1] == "examples"
    for place, node in nodes(CONTRACT.document["paths"]):
        for example in node.get("examples", {}).values():
            assert "$ref" in example, place


def test_every_component_is_used() -> None:
    used = {node["$ref"] for _, node in nodes(CONTRACT.document) if "$ref" in node}
    components = {
        f"#/components/{section}/{name}"
        for section, parts in CONTRACT.document["components"].items()
        if section != "securitySchemes"
        for name in parts
    }
    assert components - used == set()


def test_response_objects_are_closed_and_complete() -> None:
    """Responses have all properties that the contract lists, and no others."""
    for operation in CONTRACT.operations:
        for place, node in nodes(operation.response_schema):
            if "properties" in node and not place.endswith("/properties"):
                assert node["additionalProperties"] is False, f"{operation.id}{place}"
                # A proposal has the fields that its request had.
                if not place.endswith("/properties/body"):
                    assert set(node["required"]) == set(node["properties"]), (
                        f"{operation.id}{place}"
                    )


def test_every_operation_has_a_summary_and_a_description() -> None:
    for operation in CONTRACT.operations:
        raw = CONTRACT.document["paths"][operation.path][operation.method]
        assert raw["summary"], operation.id
        assert raw["description"].endswith("."), operation.id


# The contract and the code.


def test_operations_and_functions_correspond() -> None:
    folder = Path(package.__file__).parent / "operations"
    functions = set()
    for file in folder.glob("[!_]*.py"):
        module = import_module(f"api.operations.{file.stem}")
        functions |= {
            (file.stem, name)
            for name, value in vars(module).items()
            if not name.startswith("_")
            and inspect.isfunction(value)
            and value.__module__ == module.__name__
        }
    assert functions == {(o.tag, routing.snake_case(o.id)) for o in CONTRACT.operations}


def test_routes_equal_the_contract() -> None:
    app = create_app(connections.pool("", 1))
    routed = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routed == {(o.path, o.method) for o in CONTRACT.operations}


# Problems.


def test_problems_of_code_and_contract_correspond() -> None:
    raised = constant_arguments("RequestError") | set(problems.SLUGS.values())
    assert raised <= set(CONTRACT.problems)
    front = (document.FILE.parent / "api/server/nginx.contract.conf").read_text("utf-8")
    told_there = set(re.findall(r'"/problems/([\w-]+)"', front))
    assert told_there < set(CONTRACT.problems) <= string_literals() | told_there


def test_every_problem_has_a_page(api: Api) -> None:
    for problem in CONTRACT.problems.values():
        response = api.send("GET", f"/problems/{problem.slug}")
        assert response.status_code == 200
        assert response.mimetype == "text/html"
        assert problem.title in response.text.replace("&#39;", "'")
        assert str(problem.status) in response.text


# The served contract.


def test_contract_is_served_unchanged(api: Api) -> None:
    served = api.send("GET", "/openapi.yaml")
    assert served.get_data() == document.FILE.read_bytes()
    assert api.get("/openapi.json") == yaml.safe_load(served.text)
