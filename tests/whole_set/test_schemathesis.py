"""schemathesis over the whole contract: all checks and all phases, with and without keys.

Exceptions are in schemathesis.toml, each with its reason.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence, Set
from pathlib import Path

import pytest

from api import auth
from api.cases import loader
from api.contract import document
from api.database import connections
from tests.conftest import CASES
from tests.outsiders.service import served
from tests.whole_set.test_responses import links

HERE = str(Path(__file__).parent)
CONFIG = Path(__file__).parent / "schemathesis.toml"
CONTRACT = document.load()

# The links that an editor's run must follow to a success: with 100 walks each of these is followed
# several times. Changes are left out: most random ones are refused, for a random If-Match.
# test_responses.py follows every link once.
FOLLOWED = {
    "POST /v1/sources -> [201] getSource -> GET /v1/sources/{id}",
    "POST /v1/facilities -> [201] getFacility -> GET /v1/facilities/{id}",
    "POST /v1/detainees -> [201] getDetainee -> GET /v1/detainees/{id}",
    "POST /v1/detainees -> [201] createDetention -> POST /v1/detainees/{id}/detentions",
}


def followed(events: Path) -> Counter[str]:
    """Count, for each link of the contract, how often it was followed to a success."""
    counts: Counter[str] = Counter()
    with events.open(encoding="utf-8") as lines:
        for line in lines:
            scenario = json.loads(line).get("ScenarioFinished")
            if scenario is None or scenario["phase"] != "stateful":
                continue
            record = scenario["recorder"]
            for id, case in record.get("cases", {}).items():
                response = record["interactions"].get(id, {}).get("response")
                if case.get("transition") and response and response["status_code"] < 300:
                    counts[case["transition"]["id"]] += 1
    return counts


def run(
    database: str,
    folder: Path,
    scope: str | None,
    phases: Set[str],
    operations: Sequence[document.Operation] = CONTRACT.operations,
) -> Counter[str]:
    """Run schemathesis on the example case; return the links that the stateful phase followed.

    Fails on any failure, and on any operation or phase that was skipped.
    """
    with connections.connect(database) as conn:
        loader.load(conn, CASES / "venezuela-2026-01-08.json", print)
        key = auth.create_key(conn, "schemathesis", scope)[1] if scope else None
    command = [str(Path(sys.executable).with_name("schemathesis")), "--no-color"]
    command += ["--config-file", str(CONFIG), "run", str(document.FILE), "--seed", "1"]
    command += ["--checks", "all", "--phases", ",".join(sorted(phases))]
    command += ["--report-json-path", "report.json"]
    if "stateful" in phases:
        command += ["--report-ndjson-path", "events.ndjson"]
    if len(operations) < len(CONTRACT.operations):
        command += [f"--include-operation-id={operation.id}" for operation in operations]
    if key:
        command += ["--header", f"Authorization: Bearer {key}"]
    with served(database) as address:
        result = subprocess.run(
            [*command, "--url", address],
            cwd=folder,
            env={**os.environ, "SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": HERE},
            capture_output=True,
            text=True,
            check=False,
        )
    assert result.returncode == 0, result.stdout + result.stderr

    report = json.loads((folder / "report.json").read_text("utf-8"))
    assert report["complete"]
    assert report["failures"] == []
    assert report["errors"] == []
    assert {
        phase: result["status"]
        for phase, result in report["phases"].items()
        if result["status"] != "skip"
    } == dict.fromkeys(phases, "success")
    if phases != {"stateful"}:
        assert report["operations"]["tested"] == len(operations)
    if "coverage" in phases:
        assert report["test_cases"]["generated"] > 10 * len(operations)
    return followed(folder / "events.ndjson") if "stateful" in phases else Counter()


def operations_for(*scopes: str) -> list[document.Operation]:
    """The operations whose response depends on the key, and the writes for these scopes."""
    return [
        operation
        for operation in CONTRACT.operations
        if operation.key_is_optional or operation.scope in scopes
    ]


# Every phase runs with an editor's key on every operation. The other runs leave out the operations
# that refuse such a caller before they read the request (test_access.py), and those that take no
# key. The requests of the other phases are the same for each key, so that random ones are enough.
RUNS = {
    "editor": ("edit", {"examples", "coverage", "fuzzing"}, CONTRACT.operations),
    "contributor": ("contribute", {"examples", "fuzzing"}, operations_for("contribute")),
    "stranger": (None, {"fuzzing"}, operations_for()),
    "administrator": ("admin", {"fuzzing"}, operations_for("contribute", "edit")),
}


@pytest.mark.parametrize("name", RUNS)
def test_schemathesis_finds_no_failure(database: str, tmp_path: Path, name: str) -> None:
    run(database, tmp_path, *RUNS[name])


def test_walks_along_the_links_succeed(database: str, tmp_path: Path) -> None:
    """Only links are tested here, since after other phases hypothesis generates fewer walks. A walk
    would spend most of its steps on the operations without a link."""
    ends = {id for start, _, _, link in links() for id in (start, link["operationId"])}
    linked = [operation for operation in CONTRACT.operations if operation.id in ends]
    reached = run(database, tmp_path, "edit", {"stateful"}, linked)
    assert set(reached) >= FOLLOWED, FOLLOWED - set(reached)
