"""The layout of the service: small packages of small modules, each with its private names."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import api as package
from tests.whole_set.source_code import parsed_modules

ROOT = Path(package.__file__).parent
MODULES_PER_PACKAGE = range(4, 10)
MAX_MODULES = {"operations": 18, "records": 12, "reports": 10, "imports": 10}
"""A module for each tag, each resource and what resources share, each kind of answer, and each step
of both imports."""
MAX_LINES = 450
TESTS = Path(__file__).parents[1]
EMPTY_NAMES = {"told", "said", "own", "one", "made", "found", "of"}


def test_packages_have_four_to_nine_modules() -> None:
    sizes = {
        folder.name: len([file for file in folder.glob("*.py") if file.name != "__init__.py"])
        for folder in ROOT.iterdir()
        if (folder / "__init__.py").exists()
    }
    assert {name for name, most in MAX_MODULES.items() if sizes.pop(name) > most} == set()
    assert {name for name, size in sizes.items() if size not in MODULES_PER_PACKAGE} == set()


def test_modules_have_at_most_450_lines() -> None:
    lengths = {
        file.relative_to(ROOT).as_posix(): len(file.read_text("utf-8").splitlines())
        for file in parsed_modules()
    }
    assert {name for name, lines in lengths.items() if lines > MAX_LINES} == set()


def test_names_say_what_they_hold() -> None:
    files = [*parsed_modules(), *TESTS.rglob("*.py")]
    uses = [
        f"{file}:{node.lineno}: {name}"
        for file in files
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if (name := defined_name(node)) in EMPTY_NAMES
    ]
    assert uses == []


def defined_name(node: ast.AST) -> str | None:
    """Return the name that a node defines, if it is a variable, an argument or a function."""
    if isinstance(node, ast.Name):
        return node.id if isinstance(node.ctx, ast.Store) else None
    return getattr(node, "arg" if isinstance(node, ast.arg) else "name", None)


def test_private_names_stay_in_their_package() -> None:
    uses = [
        f"{file.relative_to(ROOT)}:{line}: {module}.{name}"
        for file, tree in parsed_modules().items()
        for line, module, name in uses_of_private_names(tree)
        if package_of(module) != package_of(dotted(file))
    ]
    assert uses == []


def uses_of_private_names(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """Yield the line, module and name of each use of a private name of another module."""
    modules = imported_modules(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if node.module.startswith("api") and is_private(alias.name):
                    yield node.lineno, node.module, alias.name
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in modules
            and is_private(node.attr)
        ):
            yield node.lineno, modules[node.value.id], node.attr


def imported_modules(tree: ast.Module) -> Mapping[str, str]:
    """The names by which a module knows what it imports from the service -> what that is.

    Not only modules: a private attribute of an imported class is private too.
    """
    return {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("api")
        for alias in node.names
    }


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def dotted(file: Path) -> str:
    return ".".join(["api", *file.relative_to(ROOT).with_suffix("").parts])


def package_of(module: str) -> str:
    """Return the package of a module or of a name in it, or the module itself if it has none."""
    return ".".join(module.split(".")[:2])
