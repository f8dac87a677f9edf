"""The source code of the service, parsed."""

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import api as package


@cache
def parsed_modules() -> Mapping[Path, ast.Module]:
    files = Path(package.__file__).parent.rglob("*.py")
    return {file: ast.parse(file.read_text("utf-8")) for file in files}


def string_literals() -> set[str]:
    """Every string literal of the code."""
    return {
        node.value
        for tree in parsed_modules().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def constant_arguments(*functions: str, place: int = 0) -> set[str]:
    """The constants at a position of the arguments in every call of these functions."""
    return {
        call.args[place].value
        for tree in parsed_modules().values()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and len(call.args) > place
        and isinstance(call.args[place], ast.Constant)
        and (getattr(call.func, "id", None) or getattr(call.func, "attr", None)) in functions
    }
