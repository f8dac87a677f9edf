"""The statements that one write runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from api.database.queries import Connection
from api.records import attestations
from tests.conftest import Api
from tests.problems import check_problem
from tests.store_checks import check_verdicts

MAX_STATEMENTS = 16
# psycopg parses a longer one for each request, in 0.1 ms.
MAX_STATEMENT_CHARACTERS = 4096
MAX_ATTESTATIONS = 2000
DAY = "2026-01-08"


@contextmanager
def executed_statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Collect the statements that psycopg executes, without BEGIN and COMMIT."""
    statements: list[str] = []
    execute = psycopg.Cursor.execute

    def record(cursor: Any, query: Any, *args: Any, **options: Any) -> Any:
        statements.append(str(query))
        return execute(cursor, query, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(psycopg.Cursor, "execute", record)
        yield statements


def test_attestation_that_changes_a_status_runs_at_most_16_short_statements(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = api.scope("edit")
    person = editor.detainee("Una")
    editor.detention(person, detained_on="2024")
    event = editor.event(person, DAY)
    editor.attest(event, editor.source("Una"), "2026-01-09T01:00:00Z")
    body = {
        "release_event_id": event,
        "source_id": editor.source("Otra"),
        "stance": "confirms",
        "basis": "first_hand",
        "evidence": "report",
        "published_at": "2026-01-09T02:00:00Z",
    }
    with executed_statements(monkeypatch) as statements:
        response = editor.send(
            "POST", "/v1/attestations", json=body, headers={"Idempotency-Key": "k-1"}
        )
    assert response.status_code == 201, response.text
    assert response.get_json()["verification"]["status"] == "confirmed"
    assert len(statements) <= MAX_STATEMENTS, "\n".join(s.splitlines()[0] for s in statements)
    assert max(map(len, statements)) <= MAX_STATEMENT_CHARACTERS


def test_release_event_has_at_most_2000_attestations(
    api: Api, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = api.scope("edit")
    person = editor.detainee("Una")
    editor.detention(person, detained_on="2024")
    event, source = editor.event(person, DAY), editor.source("Una")
    denial = editor.attest(event, source, "2026-01-09T00:00:00Z", stance="denies")
    # Without the trigger for each row, which would count them 1,998 times.
    conn.execute("SET session_replication_role = replica")
    conn.execute(
        "INSERT INTO attestations (release_event_id, source_id, stance, basis, release_kind,"
        " evidence, published_at)"
        " SELECT %s, %s, 'confirms', 'first_hand', 'full', 'report',"
        " '2026-01-09T01:00:00Z'::timestamptz + n * interval '1 minute'"
        " FROM generate_series(2, %s) n",
        [event, source, MAX_ATTESTATIONS - 1],
    )
    editor.attest(event, editor.source("Otra"), "2026-01-08T12:00:00Z")
    check_verdicts(conn, event)

    body = {
        "release_event_id": event,
        "source_id": source,
        "stance": "confirms",
        "basis": "first_hand",
        "evidence": "report",
        "published_at": "2026-01-10T00:00:00Z",
    }
    # By the check of the attestation, and by the trigger.
    for checked in (MAX_ATTESTATIONS, MAX_ATTESTATIONS + 1):
        monkeypatch.setattr(attestations, "MAX_LIVE", checked)
        refused = editor.send("POST", "/v1/attestations", json=body)
        problem = check_problem(refused, "validation-error")
        assert [error["pointer"] for error in problem["errors"]] == ["/release_event_id"]
        assert "2,000 attestations" in problem["errors"][0]["detail"]
    editor.post(f"/v1/attestations/{denial['id']}/void", {"reason": "Entered twice."}, status=200)
    assert editor.post("/v1/attestations", body)["verification"]["status"] == "confirmed"
