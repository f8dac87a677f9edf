"""Projection: reduce a computed response to the properties that the contract lists.

So a property that a query or function adds by mistake does not reach a caller.
"""

from collections.abc import Callable
from typing import Any

from api.contract.document import Schema

_Projection = Callable[[Any], Any]


def project(schema: Schema, data: Any) -> Any:
    """Return data with the properties of a schema only. Raises KeyError if one is missing."""
    projection = _projection(schema)
    return data if projection is None or data is None else projection(data)


def _projection(schema: Schema) -> _Projection | None:
    """Return the function for a schema, compiled once; None if the schema has no object in it."""
    # Keep the schema, so that Python gives its id to no other object.
    if id(schema) not in _COMPILED:
        _COMPILED[id(schema)] = schema, _compile(schema)
    return _COMPILED[id(schema)][1]


_COMPILED: dict[int, tuple[Schema, _Projection | None]] = {}


def _compile(schema: Schema) -> _Projection | None:
    if "properties" in schema:
        names = list(schema["properties"])
        parts = {name: _projection(part) for name, part in schema["properties"].items()}
        nested = [(name, part) for name, part in parts.items() if part is not None]

        def project_object(data: Any) -> Any:
            projected = {name: data[name] for name in names}
            for name, part in nested:
                if projected[name] is not None:
                    projected[name] = part(projected[name])
            return projected

        return project_object
    item = _projection(schema["items"]) if "items" in schema else None
    if item is None:
        return None
    return lambda data: [value if value is None else item(value) for value in data]
