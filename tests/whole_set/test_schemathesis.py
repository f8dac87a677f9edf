"""schemathesis over the whole contract: all checks, all phases, with no key and with each key.

What it may not know from the contract stands in schemathesis.toml, each with its reason.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from api import auth
from api.app import create_app
from api.cases import loader
from api.contract import document
from api.database import connections
from tests.conftest import CASES

HERE = str(Path(__file__).parent)
CONFIG = Path(__file__).parent / "schemathesis.toml"
PHASES = {"examples", "coverage", "fuzzing", "stateful"}

# Links that a run which may write everything has to have followed to a success: with 150 walks
# each of these is followed many times. That every link leads somewhere is in test_responses.py.
FOLLOWED = {
    "POST /v1/sources -> [201] getSource -> GET /v1/sources/{id}",
    "POST /v1/sources -> [201] updateSource -> PATCH /v1/sources/{id}",
    "POST /v1/facilities -> [201] getFacility -> GET /v1/facilities/{id}",
    "POST /v1/facilities -> [201] updateFacility -> PATCH /v1/facilities/{id}",
    "POST /v1/detainees -> [201] getDetainee -> GET /v1/detainees/{id}",
    "POST /v1/detainees -> [201] updateDetainee -> PATCH /v1/detainees/{id}",
    "POST /v1/detainees -> [201] createDetention -> POST /v1/detainees/{id}/detentions",
}


class _Quiet(WSGIRequestHandler):
    """Thousands of requests need no line each."""

    def log(self, type: str, message: str, *args: Any) -> None:
        pass


@contextmanager
def served(database: str) -> Iterator[str]:
    """The address of the application on a database, over HTTP."""
    pool = connections.pool(database, 4)
    with pool:
        server = make_server(
            "127.0.0.1", 0, create_app(pool), threaded=True, request_handler=_Quiet
        )
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def followed(events: Path) -> Counter[str]:
    """How often each link of the contract was followed and answered with a success."""
    links: Counter[str] = Counter()
    with events.open(encoding="utf-8") as lines:
        for line in lines:
            scenario = json.loads(line).get("ScenarioFinished")
            if scenario is None or scenario["phase"] != "stateful":
                continue
            record = scenario["recorder"]
            for id, made in record.get("cases", {}).items():
                response = record["interactions"].get(id, {}).get("response")
                if made.get("transition") and response and response["status_code"] < 300:
                    links[made["transition"]["id"]] += 1
    return links


def run(database: str, folder: Path, scope: str | None, phases: set[str]) -> Counter[str]:
    """Runs schemathesis on the example case, and gives the links that it followed.

    Any failure is one, and so is any operation or phase that was passed over.
    """
    with connections.connect(database) as conn:
        loader.load(conn, CASES / "venezuela-2026-01-08.json", print)
        key = auth.create_key(conn, "schemathesis", scope)[1] if scope else None
    command = [str(Path(sys.executable).with_name("schemathesis")), "--no-color"]
    command += ["--config-file", str(CONFIG), "run", str(document.FILE), "--seed", "1"]
    command += ["--checks", "all", "--phases", ",".join(sorted(phases)), "--report", "json,ndjson"]
    command += ["--report-json-path", "report.json", "--report-ndjson-path", "events.ndjson"]
    if key:
        command += ["--header", f"Authorization: Bearer {key}"]
    with served(database) as address:
        done = subprocess.run(
            [*command, "--url", address],
            cwd=folder,
            env={**os.environ, "SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": HERE},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr

    report = json.loads((folder / "report.json").read_text("utf-8"))
    assert report["complete"]
    assert report["failures"] == []
    assert report["errors"] == []
    assert {
        phase: result["status"]
        for phase, result in report["phases"].items()
        if result["status"] != "skip"
    } == dict.fromkeys(phases, "success")
    if phases == PHASES:
        operations = len(document.load().operations)
        assert report["operations"]["total"] == operations
        assert report["operations"]["tested"] == operations
        assert report["test_cases"]["generated"] > 50 * operations
    return followed(folder / "events.ndjson")


@pytest.mark.parametrize("scope", [None, "contribute", "edit", "admin"])
def test_the_service_does_what_the_contract_says(
    database: str, tmp_path: Path, scope: str | None
) -> None:
    assert run(database, tmp_path, scope, PHASES), "no link was followed"


def test_the_links_lead_where_the_contract_says(database: str, tmp_path: Path) -> None:
    """Longer walks, of links alone: after the other phases hypothesis takes fewer of them."""
    links = run(database, tmp_path, "edit", {"stateful"})
    assert set(links) >= FOLLOWED, FOLLOWED - set(links)
