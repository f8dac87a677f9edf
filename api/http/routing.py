"""Routing: the contract's operations as URL rules, each bound to its function.

A gap between the contract and the code raises ContractError at start.
"""

import inspect
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

from flask import Flask, Response
from werkzeug.routing import BaseConverter

from api.contract import binding
from api.contract.document import Contract, ContractError, Operation
from api.http import requests
from api.http.handlers import Dependencies, Handler, handler
from api.operations.service import Service

_MAX_PATH = 200
"""The characters of an unknown path that are compared: a path of 8,000 would take 6 ms."""
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def bind(app: Flask, contract: Contract, dependencies: Dependencies, service: Service) -> None:
    """Add a route for every operation. Raises ContractError for a function without one."""
    app.url_map.merge_slashes = False
    app.url_map.converters["id"] = _id_converter(contract)
    bound: dict[str, set[str]] = {}
    for operation in contract.operations:
        function, read_back = _function(operation), _read_back(contract, operation)
        bound.setdefault(operation.tag, set()).add(snake_case(operation.id))
        app.add_url_rule(
            re.sub(r"\{(\w+)\}", r"<\1>", operation.path.replace("{id}", "<id:id>")),
            endpoint=operation.id,
            view_func=_view(handler(operation, function, read_back, dependencies, service)),
            methods=[operation.method.upper()],
        )
    for tag, names in bound.items():
        if extra := _functions(tag) - names:
            raise ContractError(f"api.operations.{tag}: no operation for {sorted(extra)}")


def _view(handler: Handler) -> Callable[..., Response]:
    """Return the Flask view of a handler."""

    def view(**path: str) -> Response:
        return handler.handle(requests.current(), path)

    return view


def _functions(tag: str) -> set[str]:
    """Return the names of the public functions of a module of operations."""
    module = import_module(f"api.operations.{tag}")
    return {
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    }


def _read_back(contract: Contract, operation: Operation) -> Callable[..., Any] | None:
    """Return the function that reads the result of an upload; None for another operation."""
    if not operation.upload_media_types:
        return None
    path = operation.path.partition("/{id}")[0] + "/{id}"
    (read,) = (o for o in contract.operations if o.path == path and not o.writes)
    return _function(read)


def _id_converter(contract: Contract) -> type[BaseConverter]:
    """Return a converter that takes any text as an id, except the fixed names of other paths.

    So `/v1/detainees/match` has only its own methods, not those of `/v1/detainees/{id}`.
    """
    paths = {operation.path for operation in contract.operations}
    parents = {path.removesuffix("{id}") for path in paths if path.endswith("/{id}")}
    names = {
        path.removeprefix(parent) for parent in parents for path in paths if path.startswith(parent)
    }
    fixed_names = "|".join(sorted(name for name in names if re.fullmatch(r"\w+", name)))
    return type("Id", (BaseConverter,), {"regex": f"(?!(?:{fixed_names})(?:/|$))[^/]+"})


class NearPaths:
    """The paths of the contract, to find the one that an unknown path nearly is."""

    def __init__(self, contract: Contract) -> None:
        paths = [operation.path for operation in contract.operations]
        self._paths = {_spelling(path): path for path in paths}
        last_steps = {_spelling(path).rpartition("/")[2]: path for path in paths if "{" not in path}
        self._paths = last_steps | self._paths

    def find(self, path: str) -> str | None:
        """Return the path that differs in case, plural, hyphens, slashes or its first steps."""
        spelling = _spelling(path[:_MAX_PATH])
        for key in (spelling, f"v1/{spelling}", spelling.rpartition("/")[2]):
            if key in self._paths:
                return self._paths[key]
        return None


def _spelling(path: str) -> str:
    """Return the steps of a path without case, hyphens and plurals, and with {id} for an id."""
    steps = [
        "{id}" if _ID.fullmatch(step) else re.sub("ies$", "y", re.sub("[-_]", "", step)).rstrip("s")
        for step in path.lower().split("/")
    ]
    return "/".join(filter(None, steps))


def snake_case(operation_id: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", operation_id).lower()


def _function(operation: Operation) -> Callable[..., Any]:
    """Return the function of an operation, after a check of its parameters."""
    module = import_module(f"api.operations.{operation.tag}")
    function: Callable[..., Any] | None = getattr(module, snake_case(operation.id), None)
    if function is None:
        raise ContractError(
            f"api.operations.{operation.tag} has no function {snake_case(operation.id)}"
        )
    parameters, expected = binding.parameter_names(function), _parameters(operation)
    if parameters != expected:
        raise ContractError(
            f"{operation.id} takes {sorted(parameters)}; the contract needs {sorted(expected)}"
        )
    return function


def _parameters(operation: Operation) -> set[str]:
    """Return the names of the parameters of an operation's function."""
    names = {parameter.name for parameter in operation.arguments}
    names = {binding.python_name(name) for name in names}
    names.add("service" if operation.tag == "service" else "conn")
    if operation.scope or operation.key_is_optional:
        names.add("caller")
    if operation.body is not None or operation.upload_media_types:
        names.add("body")
    if operation.method == "patch":
        names.add("precondition")
    if operation.has_formats:
        names.add("media_type")
    if operation.is_page:
        names.add("address")
    if operation.takes_base_url:
        names.add("base_url")
    return names
