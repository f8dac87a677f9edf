"""The command doctor finds each defect of a store, and no other."""

import re
import shutil
from pathlib import Path
from typing import Any, cast, get_args

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from api import config
from api.commands import doctor
from api.config import SERVICE_ROLE
from api.database import connections, migrations, queries
from api.database.ledger import Resource
from api.database.queries import Connection
from tests.commands.running import constancia
from tests.conftest import Api, cloned

CHECKS = [
    "settings", "database", "migrations", "login", "privileges", "clock", "ledger", "records",
    "sources", "people", "verdicts", "statuses", "rollups",
]  # fmt: skip


def examine_messages(url: str, **settings: str) -> dict[str, str]:
    """Return the message of each check, which is empty without a defect."""
    result = constancia("doctor", DATABASE_URL=url, **settings)
    assert ".." not in result.stdout.replace(", ...", "")
    lines = [line.split(maxsplit=2) for line in result.stdout.splitlines()]
    assert {outcome for outcome, _, _ in lines} <= {"ok", "defect"}, result.output
    assert result.exit_code == any(outcome == "defect" for outcome, _, _ in lines), result.output
    return {check: message if outcome == "defect" else "" for outcome, check, message in lines}


def defects(url: str, **settings: str) -> dict[str, str]:
    return {
        check: message for check, message in examine_messages(url, **settings).items() if message
    }


@pytest.fixture
def store(example_case: Path, database: str, conn: Connection) -> str:
    """A store with the example case. A clone lacks the privileges of the database itself."""
    restrict(conn)
    return database


def restrict(conn: Connection) -> None:
    conn.execute(cast(Any, f"REVOKE TEMPORARY ON DATABASE {conn.info.dbname} FROM PUBLIC"))


def test_consistent_store_has_no_defect(store: str) -> None:
    assert examine_messages(store) == dict.fromkeys(CHECKS, "")


def test_store_with_merged_hidden_and_corrected_people_has_no_defect(
    database: str, conn: Connection, api: Api
) -> None:
    restrict(conn)
    editor = api.scope("edit")
    sources = [editor.source(name) for name in ("Puertas", "Ventanas", "Tejados")]
    people = []
    for name in ("Ana Prueba", "Ana Maria Prueba", "Berta Prueba"):
        people.append(editor.detainee(name, sex="female"))
        editor.detention(people[-1], detained_on="2025-01")
        event = editor.event(people[-1], "2026-01-08")
        attestations = [editor.attest(event, s, "2026-01-09T12:00:00Z")["id"] for s in sources]
    retraction = {"retracted_at": "2026-01-10T00:00:00Z"}
    editor.post(f"/v1/attestations/{attestations[0]}/retraction", retraction, 200)
    editor.post(f"/v1/attestations/{attestations[1]}/void", {"reason": "entered wrongly"}, 200)
    editor.patch(f"/v1/detainees/{people[2]}", {"withheld": True})
    editor.affiliate(sources[0], sources[1])
    split = {"name": "Carla Prueba", "release_event_ids": [event]}
    editor.post(f"/v1/detainees/{people[2]}/split", split)
    assert defects(database) == {}
    merge = editor.post(f"/v1/detainees/{people[0]}/merge", {"into": people[1]})["id"]
    assert defects(database) == {}
    assert editor.send("DELETE", f"/v1/merges/{merge}").status_code in (200, 204)
    assert defects(database) == {}


TAMPERED = {
    "a verdict": (
        "UPDATE verdicts SET independent_sources = 5 WHERE recorded_until = 'infinity'",
        {"verdicts"},
    ),
    "a verdict's status": (
        "UPDATE verdicts SET status = 'refuted' WHERE recorded_until = 'infinity'",
        {"verdicts"},
    ),
    "a missing verdict": (
        "DELETE FROM verdicts WHERE (release_event_id, published_from) IN"
        " (SELECT release_event_id, max(published_from) FROM verdicts GROUP BY 1)",
        {"verdicts"},
    ),
    "a missing part": ("DELETE FROM verdict_parts WHERE reason IS NOT NULL", {"verdicts"}),
    "a chain of a proof": ("UPDATE verdict_parts SET chain = chain || chain", {"verdicts"}),
    "what a verdict rests on": ("UPDATE verdicts SET rests_on = rests_on || '[[]]'", {"verdicts"}),
    "a person status": (
        "UPDATE person_statuses SET status_codes = 'CCCCC' WHERE recorded_until = 'infinity'",
        {"statuses", "rollups"},
    ),
    "a rollup": (
        "UPDATE status_rollups SET people = people_added(people, people) WHERE grain = 'month'",
        {"rollups"},
    ),
    "a missing rollup": ("DELETE FROM status_rollups WHERE grain = 'hour'", {"rollups"}),
    "an attestation": (
        "UPDATE attestations SET note = 'x' WHERE stance = 'confirms'",
        {"records"},
    ),
    "the relays of an attestation": ("DELETE FROM attestation_relays", {"records", "verdicts"}),
    "the name of a source": ("UPDATE sources SET name = name || 'x'", {"records"}),
    "the days of an affiliation": (
        "UPDATE affiliations SET valid_until = '2027-01-01T00:00:00Z'",
        {"records"},
    ),
    "the name of a facility": ("UPDATE facilities SET name = name || 'x'", {"records"}),
    "an alias of a detainee": (
        "UPDATE detainees SET aliases = array_append(aliases, 'x')",
        {"records"},
    ),
    "the charges of a detention": ("UPDATE detentions SET charges = 'x'", {"records"}),
    "the place of a release event": ("UPDATE release_events SET place = 'x'", {"records"}),
    "the figure of a claim": ("UPDATE claims SET value = value + 1", {"records"}),
    "a record without an entry": (
        "INSERT INTO sources (name, kind) VALUES ('x', 'ngo')",
        {"records"},
    ),
    "an attestation that the rule counts": (
        "UPDATE attestations SET basis = 'unattributed' WHERE basis = 'first_hand'",
        {"records", "verdicts", "statuses"},
    ),
    "two sources of one name": (
        "WITH first AS (SELECT s.id, s.name, s.kind FROM sources s LIMIT 1), second AS ("
        "INSERT INTO sources (name, kind) SELECT upper(f.name), f.kind FROM first f RETURNING id) "
        "INSERT INTO source_keys (key, source_id) SELECT k.key, s.id FROM first f "
        "JOIN source_keys k ON k.source_id = f.id CROSS JOIN second s",
        {"records", "sources"},
    ),
    "a gap in the ledger": ("DELETE FROM ledger WHERE seq = 7", {"ledger", "records"}),
    "the first ledger entry": ("DELETE FROM ledger WHERE seq = 1", {"ledger", "records"}),
    "the last ledger entry": (
        "DELETE FROM ledger WHERE seq = (SELECT max(seq) FROM ledger)",
        {"ledger", "records"},
    ),
    "a gap in the public order": (
        "UPDATE ledger SET public_seq = NULL WHERE seq = 7",
        {"ledger"},
    ),
    "two record times in the wrong order": (
        "UPDATE ledger SET recorded_at = recorded_at + interval '1 second' WHERE seq = 7",
        {"ledger"},
    ),
    "a ledger head ahead of its entries": ("UPDATE ledger_head SET seq = seq + 1", {"ledger"}),
    "a clock that was set back": (
        "UPDATE ledger_head SET recorded_at = recorded_at + interval '1 hour'",
        {"clock"},
    ),
    "privileges on the ledger": (f"GRANT DELETE ON ledger TO {SERVICE_ROLE}", {"privileges"}),
    "privileges on verdicts": (f"GRANT UPDATE ON verdicts TO {SERVICE_ROLE}", {"privileges"}),
    "a missing privilege": (f"REVOKE SELECT ON merges FROM {SERVICE_ROLE}", {"privileges"}),
    "a privilege to create": (f"GRANT CREATE ON SCHEMA public TO {SERVICE_ROLE}", {"privileges"}),
    "a disabled trigger": (
        "ALTER TABLE verdicts DISABLE TRIGGER verdict_is_superseded_now",
        {"privileges"},
    ),
}


@pytest.mark.parametrize(("change", "checks"), TAMPERED.values(), ids=TAMPERED.keys())
def test_change_outside_of_the_service_is_found(
    store: str, conn: Connection, change: str, checks: set[str]
) -> None:
    conn.execute("SET session_replication_role = replica")  # without the triggers
    result = conn.execute(cast(Any, change))
    assert result.rowcount != 0
    assert set(defects(store)) == checks


def test_records_of_every_resource_are_compared_with_the_ledger() -> None:
    statement = queries.text("ledger/list_mismatches", frozenset())
    assert sorted(re.findall(r"SELECT '(\w+)'", statement)) == sorted(get_args(Resource))


def test_missing_migration_is_found_and_not_applied(server: str) -> None:
    with cloned(server, "template1") as url:
        messages = defects(url)
        assert set(messages) == {"migrations"}
        assert "Run constancia migrate" in messages["migrations"]
        with connections.connect(url) as conn:
            assert len(migrations.pending(conn)) == len(migrations.migrations())


def test_database_of_a_later_version_is_found(store: str, conn: Connection) -> None:
    conn.execute("INSERT INTO migrations (number, name, sha256) VALUES (9999, 'later', 'x')")
    assert "9999" in defects(store)["migrations"]


def test_unsafe_setting_is_found(store: str) -> None:
    allowed = {"CONSTANCIA_ALLOW_UNSAFE_DURABILITY": "1"}
    assert "CONSTANCIA_ALLOW_UNSAFE_DURABILITY" in defects(store, **allowed)["database"]
    unsafe = psycopg.conninfo.make_conninfo(store, options="-c synchronous_commit=off")
    for settings in ({}, allowed):
        assert "synchronous_commit off" in defects(unsafe, **settings)["database"]


def test_invalid_setting_and_unreachable_database_are_errors() -> None:
    nowhere = "postgresql://127.0.0.1:1/nowhere"
    assert set(defects(nowhere)) == {"database"}
    assert "CONSTANCIA_THREADS" in defects(nowhere, CONSTANCIA_THREADS="many")["settings"]


def test_login_without_the_service_role_is_found(store: str, server: str) -> None:
    with psycopg.connect(server, autocommit=True) as conn:
        conn.execute("CREATE ROLE test_doctor LOGIN")
        try:
            url = psycopg.conninfo.make_conninfo(store, user="test_doctor")
            messages = defects(url, CONSTANCIA_OWNER_DATABASE_URL=store)
            assert set(messages) == {"login"}
            assert f"GRANT {SERVICE_ROLE}" in messages["login"]
        finally:
            conn.execute("DROP ROLE test_doctor")
    assert conninfo_to_dict(store)["user"] != "test_doctor"


def test_full_disk_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1 << 29))
    assert doctor.check_disk(tmp_path).remedy is not None
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=usage.total // 2))
    assert doctor.check_disk(tmp_path).remedy is None


def test_clock_difference_is_found(
    store: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_MAX_CLOCK_DIFFERENCE", -doctor.timedelta(seconds=1))
    findings = [
        finding
        for finding in doctor.examine(conn, config.read({}), store, lambda _: None)
        if finding.check == "clock"
    ]
    assert "NTP" in (findings[0].remedy or "")


def test_store_is_checked_in_blocks(
    store: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_BLOCK_SIZE", 1)
    messages: list[str] = []
    findings = list(doctor.examine(conn, config.read({}), store, messages.append))
    assert messages == [f"{n} people checked" for n in (1, 2, 3)]
    assert [finding.remedy for finding in findings] == [None] * len(findings)
