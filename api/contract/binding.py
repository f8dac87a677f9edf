"""Bind arguments, by the contract's names, to the parameters of an operation's function.

A parameter that is annotated with a dataclass is a combined parameter: it takes several parameters
of the contract as one value. The fields of the dataclass have their names.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from inspect import signature
from keyword import iskeyword
from typing import Any, BinaryIO, get_type_hints

Combined = Mapping[str, Callable[..., Any]]
"""The combined parameters of a function, and the dataclass of each."""

_NOT_COMBINED = {"caller", "body", "service", "address"}
"""Dataclasses that a function takes and that stand for no parameters of the contract."""


class CombinedFilters:
    """Base of a dataclass with slots for filters of the contract. None stands for no filter."""

    __slots__: tuple[str, ...] = ()

    def active(self) -> dict[str, Any]:
        """The filters that are not None, by name."""
        return {
            name: value for name in self.__slots__ if (value := getattr(self, name)) is not None
        }


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """The `body` of an upload: the file to which a large body was spooled."""

    media_type: str
    file: BinaryIO
    # The encoding that the Content-Type names.
    charset: str | None


def combined(function: Callable[..., Any]) -> Combined:
    """Return the combined parameters of a function."""
    hints = get_type_hints(function)
    names = signature(function).parameters.keys() - _NOT_COMBINED
    return {name: hints[name] for name in names if is_dataclass(hints[name])}


def python_name(name: str) -> str:
    """Return the name that a function has for a parameter: a keyword gets an underscore."""
    return f"{name}_" if iskeyword(name) else name


def parameter_names(function: Callable[..., Any]) -> set[str]:
    """Return the names that a function takes, with the fields of its combined parameters."""
    names = set(signature(function).parameters)
    for name, combined_type in combined(function).items():
        names.remove(name)
        names |= _field_names(combined_type)
    return names


def combine(combined: Combined, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments, with those of each combined parameter as one value."""
    bound = dict(arguments)
    for name, combined_type in combined.items():
        values = {field: bound.pop(field) for field in _field_names(combined_type)}
        bound[name] = combined_type(**values)
    return bound


@cache
def _field_names(combined_type: Any) -> frozenset[str]:
    return frozenset(field.name for field in fields(combined_type))
