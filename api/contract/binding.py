"""Handlers' parameters: by name, or several parameters of the contract as one value.

A parameter that is annotated with a dataclass is a group. The fields of the dataclass are names of
the contract's parameters.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from inspect import signature
from typing import Any, get_type_hints

Groups = Mapping[str, Callable[..., Any]]
"""The groups of a handler: its parameter -> the dataclass."""

_NOT_PARAMETERS = {"caller", "body", "service"}
"""Dataclasses that a handler takes, but that are no groups."""


def groups(handler: Callable[..., Any]) -> Groups:
    """The groups among a handler's parameters."""
    hints = get_type_hints(handler)
    names = signature(handler).parameters.keys() - _NOT_PARAMETERS
    return {name: hints[name] for name in names if is_dataclass(hints[name])}


def parameter_names(handler: Callable[..., Any]) -> set[str]:
    """The names that a handler takes, with those of its groups."""
    names = set(signature(handler).parameters)
    for name, group in groups(handler).items():
        names.remove(name)
        names |= _field_names(group)
    return names


def group(groups: Groups, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments by the contract's names, as a handler with these groups takes them."""
    grouped = dict(arguments)
    for name, group in groups.items():
        grouped[name] = group(**{field: grouped.pop(field) for field in _field_names(group)})
    return grouped


def _field_names(group: Any) -> set[str]:
    return {field.name for field in fields(group)}
