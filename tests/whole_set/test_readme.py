"""The README's tour runs, and its answers are the real ones."""

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

# What differs from run to run: when something was entered, what is computed from that, and the ids
# of what the tour enters.
DIGEST = re.compile(r"[0-9a-f]{64}")
ENTERED = re.compile(r"2026-(1[0-2]|0[2-9])-\d\dT[\d:.]+Z|20(2[7-9]|[3-9]\d)-\d\d-\d\dT[\d:.]+Z")
NEW_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


def stable(text: str) -> str:
    return DIGEST.sub("<digest>", NEW_ID.sub("<id>", ENTERED.sub("<moment>", text)))


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """What each shell block of the tour printed, all run in one shell against one service."""
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
        ready = service.stdout.readline()
        address = ready.split()[-1]
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
        done = subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=ROOT,
            env=environment | {"KEY": key},
            check=True,
            capture_output=True,
            text=True,
        )
        yield done.stdout.split("\0")
    finally:
        service.terminate()
        service.wait()
        if service.stdout:
            service.stdout.close()


def test_the_tours_answers_are_real(tour: list[str]) -> None:
    told = [(kind, text) for kind, text in BLOCKS if kind in {"json", "text"}]
    assert len(told) == len(tour) > 5
    for (kind, text), printed in zip(told, tour, strict=True):
        expected: Any = stable(text)
        answer: Any = stable(printed)
        if kind == "json":
            expected, answer = json.loads(expected), json.loads(answer)
            assert answer == expected
        else:
            assert answer.strip() == expected.strip()


def test_every_setting_is_listed() -> None:
    read = re.findall(r'"((?:DATABASE|CONSTANCIA)_\w+)"', (ROOT / "api/config.py").read_text())
    assert set(read) == set(re.findall(r"^\| `((?:DATABASE|CONSTANCIA)_\w+)`", README, re.M))


def test_the_map_names_what_is_there() -> None:
    named = re.findall(r"^\| `([\w./-]+)`", README, re.MULTILINE)
    assert named
    for name in named:
        if name.isupper() or name.startswith(("CONSTANCIA_", "DATABASE_")):
            continue
        assert (ROOT / name).exists(), name
