"""What was recorded by an earlier version counts as if it had been recorded by this one."""

import hashlib
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from api import auth
from api.cases import loader
from api.database import connections, migrations
from api.database.ledger import Change
from api.database.queries import Connection
from api.errors import RequestError
from api.matching import blocking_keys
from api.records import detainees
from api.reports import counts
from api.verification import verdicts
from tests.conftest import CASES, Api, cloned


def stored(conn: Connection) -> list[Any]:
    return [
        conn.execute(query).fetchall()
        for query in (
            # Without those that add nothing: people have come and gone.
            "SELECT property, value, grain, bucket::text, people FROM tallies "
            "WHERE people <> people_added(people, people) ORDER BY 1, 2, 3, 4",
            "SELECT detainee_id, published_from, standing, groups FROM standings "
            "WHERE recorded_until = 'infinity' ORDER BY 1, 2",
        )
    ]


def test_people_counted_before_there_were_groups_are_counted_again(
    conn: Connection, api: Api
) -> None:
    loader.load(conn, CASES / "venezuela-2026-01-08.json", lambda _: None)
    noon = {"as_of": "2026-01-09T16:00:00Z"}
    before, whole = stored(conn), api.get("/v1/counts", **noon)
    recorded = {**noon, "recorded_as_of": whole["recorded_as_of"]}
    conn.execute("UPDATE standings SET groups = NULL")
    conn.execute("TRUNCATE tallies")
    said: list[str] = []

    verdicts.count_again(conn, said.append)

    assert said == ["3 people counted again"]
    assert stored(conn) == before
    by_sex = api.get("/v1/counts", **noon, group_by="sex")["groups"]
    assert [(group["value"], group["confirmed"]) for group in by_sex] == [
        ("female", 1),
        ("male", 0),
    ]
    # What was answered then is answered still, and is grouped by what the ledger says.
    assert api.get("/v1/counts", **recorded) == whole
    assert api.get("/v1/counts", **recorded, group_by="sex")["groups"] == by_sex
    assert api.get("/v1/counts", **recorded, sex="female")["confirmed"] == 1
    days = {"from": "2026-01-08", "recorded_as_of": whole["recorded_as_of"], "sex": "female"}
    assert api.get("/v1/counts/timeline", **days)["items"][-1]["confirmed"] == 1
    verdicts.count_again(conn, said.append)
    assert len(said) == 1


def test_a_service_is_not_ready_before_they_are(conn: Connection, api: Api) -> None:
    loader.load(conn, CASES / "venezuela-2026-01-08.json", lambda _: None)
    api.get("/readyz")
    conn.execute("UPDATE standings SET groups = NULL")
    assert api.get("/readyz", 503)["type"] == "/problems/not-ready"
    verdicts.count_again(conn, lambda _: None)
    api.get("/readyz")


def _migrate_up_to(conn: Connection, number: int) -> None:
    conn.execute(
        "CREATE TABLE migrations (number integer PRIMARY KEY, name text NOT NULL, "
        "sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    for migration in migrations.migrations()[:number]:
        conn.execute(migration.sql)
        conn.execute(
            "INSERT INTO migrations (number, name, sha256) VALUES (%s, %s, %s)",
            [migration.number, migration.name, migration.sha256],
        )


def test_a_store_of_the_first_version_is_brought_up_to_date(server: str) -> None:
    """The migrations of claims, groups and leads, over what was there before them."""
    with cloned(server, "template0") as url, connections.connect(url) as conn:
        _migrate_up_to(conn, 10)
        source, person, held, event, word = (UUID(int=n) for n in range(1, 6))
        conn.execute("INSERT INTO sources (id, name, kind) VALUES (%s, 'Puertas', 'ngo')", [source])
        conn.execute(
            "INSERT INTO detainees (id, name, age_group, sex) "
            "VALUES (%s, 'Ana', 'adult', 'female')",
            [person],
        )
        conn.execute(
            "INSERT INTO detentions (id, detainee_id, began_on, whereabouts) "
            "VALUES (%s, %s, '2025-01-01', 'known')",
            [held, person],
        )
        conn.execute(
            "INSERT INTO release_events (id, detainee_id, detention_id, occurred_on) "
            "VALUES (%s, %s, %s, '2026-01-10')",
            [event, person, held],
        )
        # Two days before the day it speaks of.
        conn.execute(
            "INSERT INTO attestations (id, release_event_id, source_id, stance, basis, "
            "release_kind, evidence, published_at) VALUES "
            "(%s, %s, %s, 'confirms', 'first_hand', 'full', 'report', '2026-01-08T12:00:00Z')",
            [word, event, source],
        )
        migrations.migrate(conn, lambda _: None)
        verdicts.recompute(
            conn,
            None,
            [Change("release_event", event, "created")],
            events=[event],
            people=[person],
        )
        as_of = datetime(2026, 1, 8, 13, tzinfo=UTC)
        for filters in ({}, {"sex": "female"}, {"occurred_from": date(2026, 1, 10)}):
            counted = counts.count(conn, as_of, None, 2, filters)
            assert counted.total["reported"] == 1, filters


def test_a_key_of_the_first_version_opens_what_it_did(server: str) -> None:
    """It has no prefix of its own, and may look like one that has."""
    made = ["constancia_" + "A" * 43, "constancia_0123456789ab_" + "-" * 30]
    with cloned(server, "template0") as url, connections.connect(url) as conn:
        _migrate_up_to(conn, 28)
        for key in made:
            conn.execute(
                "INSERT INTO keys (name, scope, hash) VALUES ('old', 'edit', %s)",
                [hashlib.sha256(key.encode()).digest()],
            )
        migrations.migrate(conn, lambda _: None)
        _, new = auth.create_key(conn, "new", "contribute")
        assert [auth.authenticate(conn, key).scope for key in (*made, new)] == [
            "edit", "edit", "contribute",
        ]  # fmt: skip
        for key in (made[0] + "A", made[0][:-1] + "B", made[1] + "-" * 13):
            with pytest.raises(RequestError, match="valid key"):
                auth.authenticate(conn, key)


def test_tallies_of_four_hours_are_made_of_those_of_hours(conn: Connection) -> None:
    loader.load(conn, CASES / "venezuela-2026-01-08.json", lambda _: None)
    before = stored(conn)
    conn.execute("DELETE FROM tallies WHERE grain = '4 hours'")
    (four_hours,) = [m.sql for m in migrations.migrations() if m.name == "four_hours"]
    conn.execute(four_hours)
    assert stored(conn) == before


def test_a_word_far_ahead_of_its_day_counts(api: Api) -> None:
    editor = api.scope("edit")
    person = editor.detainee("Ana Prueba", sex="female")
    editor.detention(person, detained_on="2025")
    event = editor.event(person, "2026-03-10")
    editor.attest(event, editor.source("Puertas"), "2026-01-08T12:00:00Z")
    early = {"as_of": "2026-01-09T00:00:00Z", "occurred_from": "2026-03-01"}
    assert api.get("/v1/counts", **early)["reported"] == 1
    days = {"from": "2026-01-07", "until": "2026-01-09", "occurred_from": "2026-03-01"}
    assert api.get("/v1/counts/timeline", **days)["items"][-1]["reported"] == 1


def test_people_recorded_by_other_spellings_are_found_by_todays(
    conn: Connection, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader.load(conn, CASES / "venezuela-2026-01-08.json", lambda _: None)
    stored = "SELECT spelling, detainee_id FROM detainee_spellings ORDER BY 1, 2"
    before = conn.execute(stored).fetchall()
    assert before
    said: list[str] = []
    detainees.reindex_names(conn, said.append)
    assert said == []  # as the migrated database is of today
    conn.execute("UPDATE detainee_spellings SET spelling = spelling || '?'")
    monkeypatch.setattr(blocking_keys, "rules_digest", lambda: b"those of tomorrow")
    detainees.reindex_names(conn, said.append)
    assert said == ["3 names indexed"]
    assert conn.execute(stored).fetchall() == before
    detainees.reindex_names(conn, said.append)
    assert len(said) == 1


def test_a_database_older_than_spelling_rules_is_spelled(conn: Connection, api: Api) -> None:
    loader.load(conn, CASES / "venezuela-2026-01-08.json", lambda _: None)
    conn.execute("DELETE FROM spelling_rules")
    conn.execute("DELETE FROM detainee_spellings")
    detainees.reindex_names(conn, lambda _: None)
    assert api.get("/v1/detainees", q="san migel rosio")["items"]
