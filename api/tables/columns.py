"""The columns of a table of objects of one schema of the contract."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple


class Column(NamedTuple):
    """A column: its name, its schema, and the function that reads its value from an object.

    The function raises KeyError for a missing property.
    """

    name: str
    schema: Mapping[str, Any]
    value: Callable[[Mapping[str, Any]], Any]

    @property
    def format(self) -> str | None:
        return self.schema.get("format")


def of_schema(schema: Mapping[str, Any]) -> Sequence[Column]:
    """Return the columns of the objects of a schema, in the order of the contract.

    Each property of a nested object is a column (`verification.status`), which has no value where
    the object is null.
    """
    return [Column(".".join(path), part, _value(path)) for path, part in _paths(schema)]


def _paths(schema: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    for name, part in schema["properties"].items():
        if "properties" in part:
            yield from (((name, *path), inner) for path, inner in _paths(part))
        else:
            yield (name,), part


def _value(path: tuple[str, ...]) -> Callable[[Mapping[str, Any]], Any]:
    if len(path) == 1:
        return itemgetter(path[0])

    def value(part: Any) -> Any:
        for name in path:
            if part is None:
                return None
            part = part[name]
        return part

    return value
