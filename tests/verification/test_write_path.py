"""The statements that one write runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.conftest import Api

MAX_STATEMENTS = 16
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


def test_attestation_that_changes_a_status_runs_at_most_16_statements(
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
