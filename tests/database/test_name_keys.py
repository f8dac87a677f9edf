"""Name keys are recomputed when the rules that derive them change."""

import pytest

from api.cases import loader
from api.database.queries import Connection
from api.matching import blocking_keys
from api.records import detainees
from tests.conftest import CASES, Api

STORED = "SELECT name_key, detainee_id FROM name_keys ORDER BY 1, 2"


def test_name_keys_are_recomputed_when_their_rules_change(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader.load(conn, CASES / "venezuela-2026-01-08.json", lambda _: None)
    before = conn.execute(STORED).fetchall()
    assert before
    messages: list[str] = []
    detainees.reindex_names(conn, messages.append)
    assert messages == []  # a migrated database has the keys of the current rules
    conn.execute("UPDATE name_keys SET name_key = name_key || '?'")
    monkeypatch.setattr(blocking_keys, "rules_digest", lambda: b"other rules")
    detainees.reindex_names(conn, messages.append)
    assert messages == ["3 names indexed"]
    assert conn.execute(STORED).fetchall() == before
    detainees.reindex_names(conn, messages.append)
    assert len(messages) == 1


def test_name_keys_are_computed_if_no_version_is_stored(conn: Connection, api: Api) -> None:
    loader.load(conn, CASES / "venezuela-2026-01-08.json", lambda _: None)
    conn.execute("DELETE FROM key_versions")
    conn.execute("DELETE FROM name_keys")
    detainees.reindex_names(conn, lambda _: None)
    assert api.get("/v1/detainees", q="san migel rosio")["items"]
