"""The README's tour runs and shows real answers; every document links to files that exist."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import CASES

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
DOCUMENTS = sorted(
    path.relative_to(ROOT)
    for path in [*ROOT.glob("*.md"), *(ROOT / "api").rglob("*.md"), *ROOT.glob("[st]*/*.md")]
)


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """What each shell block of the tour prints, run in order in one shell against one service."""
    data_dir = tmp_path_factory.mktemp("tour") / "data"
    constancia = [sys.executable, "-c", "from api.commands.main import main; main()"]
    environment = {k: v for k, v in os.environ.items() if k != "DATABASE_URL"}
    environment["CONSTANCIA_DATA_DIR"] = str(data_dir)
    service = subprocess.Popen(
        [*constancia, "serve", "--port", "0", "--case", str(CASES / "venezuela-2026-01-08.json")],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert service.stdout is not None
        address = service.stdout.readline().split()[-1]
        key = subprocess.run(
            [*constancia, "keys", "create", "--name", "tour", "--scope", "contribute"],
            cwd=ROOT,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        script = "\nprintf '\\0'\n".join(text for kind, text in BLOCKS if kind == "sh")
        script = script.replace("http://127.0.0.1:8000", address)
        script = script.replace(".venv/bin/constancia", f"{sys.executable} -c '{constancia[2]}'")
        shell = subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=ROOT,
            env=environment | {"KEY": key},
            check=True,
            capture_output=True,
            text=True,
        )
        yield shell.stdout.split("\0")
    finally:
        service.terminate()
        service.wait()
        if service.stdout:
            service.stdout.close()


def assert_contains(actual: Any, trimmed: Any, place: str = "") -> None:
    """Assert that every value of a trimmed answer is in the actual one, at the same place."""
    if isinstance(trimmed, dict):
        for name, part in trimmed.items():
            assert name in actual, f"{place}/{name}"
            assert_contains(actual[name], part, f"{place}/{name}")
    elif isinstance(trimmed, list):
        assert len(trimmed) == len(actual), place
        for position, part in enumerate(trimmed):
            assert_contains(actual[position], part, f"{place}/{position}")
    else:
        assert actual == trimmed, place


def test_answers_of_the_tour_are_real(tour: list[str]) -> None:
    shown = [(kind, text) for kind, text in BLOCKS if kind in {"json", "text"}]
    assert len(shown) == len(tour) > 5
    for (kind, text), printed in zip(shown, tour, strict=True):
        if kind == "json":
            assert_contains(json.loads(printed), json.loads(text))
        else:
            assert set(text.splitlines()) <= set(printed.splitlines())


def test_the_readme_takes_five_minutes() -> None:
    assert len(README.splitlines()) <= 150


def test_every_setting_is_listed() -> None:
    settings = re.findall(r'"((?:DATABASE|CONSTANCIA)_\w+)"', (ROOT / "api/config.py").read_text())
    operation = (ROOT / "api/server/README.md").read_text("utf-8")
    listed = re.findall(r"^\| `((?:DATABASE|CONSTANCIA)_\w+)`", operation, re.MULTILINE)
    assert sorted(listed) == sorted(set(settings))


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_link_leads_to_a_file(document: Path) -> None:
    text = (ROOT / document).read_text("utf-8")
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert ((ROOT / document).parent / link).exists(), link
