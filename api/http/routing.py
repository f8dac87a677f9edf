"""Binds the contract at start: a route for every operation, and no function without one."""

import inspect
import re
from collections.abc import Callable
from importlib import import_module
from keyword import iskeyword
from typing import Any

from flask import Flask
from psycopg_pool import ConnectionPool
from werkzeug.routing import BaseConverter

from api.contract import binding
from api.contract.document import Contract, Operation
from api.contract.schemas import ContractError
from api.database.queries import Connection
from api.http.handlers import view
from api.http.limiting import Limiting


def bind(
    app: Flask,
    contract: Contract,
    pool: ConnectionPool[Connection],
    limiting: Limiting,
    security_contact: str | None,
) -> None:
    """Adds a route for every operation. A gap between contract and code raises."""
    own = {"pool": pool, "security_contact": security_contact}
    app.url_map.merge_slashes = False
    app.url_map.converters["id"] = _id_converter(contract)
    bound: dict[str, set[str]] = {}
    for operation in contract.operations:
        function, again = _function(operation), _again(contract, operation)
        bound.setdefault(operation.tag, set()).add(snake_case(operation.id))
        app.add_url_rule(
            re.sub(r"\{(\w+)\}", r"<\1>", operation.path.replace("{id}", "<id:id>")),
            endpoint=operation.id,
            view_func=limiting.around(
                operation, view(operation, function, pool, again, own, limiting.admit)
            ),
            methods=[operation.method.upper()],
        )
    for tag, functions in bound.items():
        module = import_module(f"api.operations.{tag}")
        extra = {
            name
            for name, value in vars(module).items()
            if inspect.isfunction(value)
            and value.__module__ == module.__name__
            and not name.startswith("_")
        } - functions
        if extra:
            raise ContractError(f"api.operations.{tag}: no operation for {sorted(extra)}")


def _again(contract: Contract, operation: Operation) -> Callable[..., Any]:
    """The function that reads the result of an upload; of any other operation, its function."""
    if not operation.uploads:
        return _function(operation)
    resource = f"/v1/{operation.tag.replace('_', '-')}/{{id}}"
    (reading,) = (o for o in contract.operations if o.path == resource and not o.writes)
    return _function(reading)


def _id_converter(contract: Contract) -> type[BaseConverter]:
    """Takes anything for an id but the names that stand beside ids in the contract's paths, so
    that those paths have only the methods of their own."""
    paths = {operation.path for operation in contract.operations}
    parents = {path.removesuffix("{id}") for path in paths if path.endswith("/{id}")}
    names = {
        path.removeprefix(parent) for parent in parents for path in paths if path.startswith(parent)
    }
    beside = "|".join(sorted(name for name in names if re.fullmatch(r"\w+", name)))
    return type("Id", (BaseConverter,), {"regex": f"(?!(?:{beside})(?:/|$))[^/]+"})


def snake_case(operation_id: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", operation_id).lower()


def _function(operation: Operation) -> Callable[..., Any]:
    """The function of an operation: it takes just what the contract says, by name."""
    module = import_module(f"api.operations.{operation.tag}")
    function: Callable[..., Any] | None = getattr(module, snake_case(operation.id), None)
    if function is None:
        raise ContractError(f"api.operations.{operation.tag} lacks {operation.id}")
    names = {parameter.name for parameter in operation.arguments}
    expected = {f"{name}_" if iskeyword(name) else name for name in names}
    if operation.writes or "conn" in inspect.signature(function).parameters:
        expected.add("conn")
    if operation.body is not None or operation.uploads:
        expected.add("body")
    if operation.scope or operation.key_is_optional:
        expected.add("caller")
    if operation.method == "patch":
        expected.add("unchanged")
    if operation.has_forms:
        expected |= {"media_type", "base_url"}
    own = {"pool", "security_contact"}
    taken = binding.parameter_names(function) - own
    if taken != expected:
        raise ContractError(
            f"{operation.id} takes {sorted(taken)}, the contract says {sorted(expected)}"
        )
    return function
