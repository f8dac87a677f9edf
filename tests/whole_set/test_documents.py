"""The documents: the tour of the README runs, and the paths, commands and settings exist."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import pytest

from api.commands.main import main
from tests.conftest import CASES
from tests.support import data_dir

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
DOCUMENTS = {
    str(file.relative_to(ROOT)): file.read_text("utf-8")
    for folder in (".", "api", "api/server", "sql", "tests")
    for file in sorted((ROOT / folder).glob("*.md"))
}

# Parts that differ from run to run: digests, ids, and moments since the example was written.
DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
ID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b")
MOMENT = re.compile(r"2026-(1[0-2]|0[2-9])-\d\dT[\d:.]+Z|20(2[7-9]|[3-9]\d)-\d\d-\d\dT[\d:.]+Z")


def masked(text: str) -> str:
    return DIGEST.sub("<digest>", ID.sub("<id>", MOMENT.sub("<moment>", text)))


def differences(expected: Any, actual: Any, place: str = "") -> Iterator[str]:
    """Where an answer lacks a part of the trimmed one that a document shows.

    An object may have other members besides. A list has the same number of items, unless the
    document ends it with "...".
    """
    if isinstance(expected, dict) and isinstance(actual, dict):
        for name, value in expected.items():
            yield from differences(value, actual.get(name, "<missing>"), f"{place}/{name}")
    elif isinstance(expected, list) and isinstance(actual, list):
        if expected and expected[-1] == "...":
            expected = expected[:-1]
            actual = actual[: len(expected)]
        if len(expected) != len(actual):
            yield f"{place}: {len(expected)} items in the document, {len(actual)} in the answer"
        for i, (expected_item, actual_item) in enumerate(zip(expected, actual, strict=False)):
            yield from differences(expected_item, actual_item, f"{place}/{i}")
    elif expected != "..." and expected != actual:
        yield f"{place}: {expected!r} in the document, {actual!r} in the answer"


@pytest.fixture(scope="module")
def tour() -> Iterator[list[str]]:
    """The output of each shell block of the README, all run in one shell against one service."""
    constancia = [sys.executable, "-c", "from api.commands.main import main; main()"]
    environment = {
        name: value
        for name, value in os.environ.items()
        if name != "DATABASE_URL" and not name.startswith("CONSTANCIA_")
    }
    with data_dir() as directory:
        environment["CONSTANCIA_DATA_DIR"] = str(directory)
        yield _outputs(constancia, environment)


def _outputs(constancia: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    service = subprocess.Popen(
        [*constancia, "serve", "--port", "0", "--case", str(CASES / "venezuela-2026-01-08.json")],
        cwd=ROOT,
        # As `make run` sets it.
        env={**environment, "CONSTANCIA_TIME_ZONE": "America/Caracas"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert service.stdout is not None
        address = service.stdout.readline().split()[-1]
        created = subprocess.run(
            [*constancia, "keys", "create", "--name", "tour", "--scope", "contribute"],
            cwd=ROOT,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        script = "\nprintf '\\0'\n".join(text for kind, text in BLOCKS if kind == "sh")
        script = script.replace("http://127.0.0.1:8000", address)
        script = script.replace(".venv/bin/constancia", f"{sys.executable} -c '{constancia[2]}'")
        result = subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=ROOT,
            env={**environment, "KEY": created.stdout.strip()},
            check=True,
            capture_output=True,
            text=True,
        )
        return result.stdout.split("\0")
    finally:
        service.terminate()
        service.wait()
        if service.stdout:
            service.stdout.close()


def test_the_readme_shows_the_output_of_its_commands(tour: list[str]) -> None:
    documented = [(kind, text) for kind, text in BLOCKS if kind in {"json", "text"}]
    assert len(documented) == len(tour) >= 5
    for (kind, text), output in zip(documented, tour, strict=True):
        expected, actual = masked(text), masked(output)
        if kind == "json":
            assert list(differences(json.loads(expected), json.loads(actual))) == [], output
        else:
            # A table may be trimmed by whole lines.
            printed_lines = [line.rstrip() for line in actual.splitlines()]
            documented_lines = [
                line.rstrip() for line in expected.splitlines() if line.strip() != "..."
            ]
            # Claims of one moment are in the order of their ids, which are random.
            assert sorted(line for line in printed_lines if line in documented_lines) == sorted(
                documented_lines
            )


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 150


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_of_a_document_leads_to_a_file(name: str) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[\w-]+)?\)", DOCUMENTS[name])
    missing = [
        link
        for link in links
        if "://" not in link and not (ROOT / name).parent.joinpath(link).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_path_in_a_document_exists(name: str) -> None:
    paths = re.findall(r"`((?:api|sql|tests)/[\w./-]+)(?:::\w+)?`", DOCUMENTS[name])
    paths += re.findall(r"pytest ((?:tests)/[\w./-]+)", DOCUMENTS[name])
    assert [path for path in paths if not (ROOT / path).exists()] == []


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command line in a document's blocks and inline code."""
    blocks = re.findall(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S))
    for line in (line for code in [*blocks, *inline] for line in code.splitlines()):
        yield line.partition(" # ")[0].split()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_command_in_a_document_exists(name: str) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for arguments in commands(DOCUMENTS[name]):
        if arguments[:1] == ["make"] and len(arguments) > 1:
            assert arguments[1] in targets, arguments
        for position, argument in enumerate(arguments[:-1]):
            if argument.endswith("python") and arguments[position + 1] == "-m":
                module = ROOT / arguments[position + 2].replace(".", "/")
                assert module.with_suffix(".py").exists() or module.is_dir(), arguments
            if argument.rpartition("/")[2] == "constancia" and not arguments[0].startswith(
                "docker"
            ):
                check_command(main, arguments[position + 1 :])


def check_command(command: click.Command, arguments: list[str]) -> None:
    """Check that a command line names subcommands and options that the command has."""
    while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        assert arguments[0] in command.commands, arguments
        command, arguments = command.commands[arguments[0]], arguments[1:]
    if command.context_settings.get("allow_interspersed_args") is False:
        return  # what follows is another program's
    options = {name for parameter in command.params for name in parameter.opts}
    options_used = {argument for argument in arguments if argument.startswith("--")}
    assert options_used <= options | {"--help"}, arguments


def test_every_setting_is_documented() -> None:
    read = re.findall(r'"((?:DATABASE|CONSTANCIA)_\w+)"', (ROOT / "api/config.py").read_text())
    read += re.findall(r"{(CONSTANCIA_\w+):-\d", (ROOT / "api/server/nginx.sh").read_text())
    documented = re.findall(
        r"^\| `((?:DATABASE|CONSTANCIA)_\w+)`", DOCUMENTS["api/server/README.md"], re.MULTILINE
    )
    assert set(read) == set(documented)
