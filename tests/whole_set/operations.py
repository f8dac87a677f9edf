"""The operations of the contract by kind, and helpers for its schemas."""

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from api.contract import document

CONTRACT = document.load()
OPERATIONS = {operation.id: operation for operation in CONTRACT.operations}
WRITES = [operation for operation in CONTRACT.operations if operation.writes]
READS = [operation for operation in CONTRACT.operations if not operation.writes]
LISTS = [operation for operation in CONTRACT.operations if operation.id.startswith("list")]
WITH_SEVERAL_MEDIA_TYPES = [operation for operation in READS if len(operation.media_types) > 1]
TABULAR = [
    operation for operation in WITH_SEVERAL_MEDIA_TYPES if "text/csv" in operation.media_types
]
UNKNOWN_ID = "019b0000-0000-4000-8000-000000000000"


def operation_ids(operations: list[document.Operation]) -> list[str]:
    return [operation.id for operation in operations]


def assert_valid(schema: document.Schema, value: Any) -> None:
    """Assert that a value is valid under a schema, with formats."""
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(value)


def nodes(node: Any, place: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every object within a part of the contract, with its place."""
    if isinstance(node, Mapping):
        yield place, node
        for key, value in node.items():
            yield from nodes(value, f"{place}/{key}")
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from nodes(value, f"{place}/{i}")


def dereferenced(node: Any) -> Any:
    """Return a part of the contract with its references resolved."""
    return document._resolved(CONTRACT.document, node)
