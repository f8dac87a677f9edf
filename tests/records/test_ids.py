"""Public ids are random: neither ids nor the ledger reveal the order of a list."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from api.cases import loader
from api.database.queries import Connection
from tests.conftest import Api
from tests.imports.test_list_import import apply, preview, table
from tests.whole_set.session import Session

PEOPLE = 200
MAX_CORRELATION = 0.4
"""Two independent orders of 200 people exceed this correlation once in 200 million times."""


def test_ids_of_every_resource_are_version_4(api: Api, conn: Connection) -> None:
    session = Session(api)
    for operation in (
        *("createAffiliation", "createAttestation", "createClaim", "mergeDetainee"),
        *("distinguishDetainee", "splitDetainee", "getProposal", "createCitation"),
    ):
        session.do(operation)
    preview(api.scope("contribute"), table([{"name": "Una Persona"}]))
    tables = conn.execute(
        "SELECT table_name FROM information_schema.tables JOIN information_schema.columns"
        " USING (table_schema, table_name) WHERE table_schema = 'public'"
        " AND table_type = 'BASE TABLE' AND column_name = 'id' AND data_type = 'uuid'"
    ).fetchall()
    for (name,) in tables:
        ids = [row.id for row in conn.execute(f"SELECT id FROM {name}")]
        assert ids, name
        assert {id.version for id in ids} == {4}, name


def test_ids_and_ledger_do_not_reveal_the_order_of_a_case(conn: Connection, tmp_path: Path) -> None:
    people = [
        {"key": f"p{n}", "name": _name(n), "detention": {"detained_on": "2024"}}
        for n in range(PEOPLE)
    ]
    events = [
        {"key": f"r{n}", "detainee": f"p{n}", "occurred_on": "2026-01-08"} for n in range(PEOPLE)
    ]
    attestations = [
        {
            "key": f"a{n}",
            "release_event": f"r{n}",
            "source": "s",
            "stance": "confirms",
            "basis": "first_hand",
            "evidence": "report",
            "published_at": "2026-01-09T01:00:00Z",
        }
        for n in range(PEOPLE)
    ]
    case = {
        "case": "list",
        "sources": [{"key": "s", "name": "Fuente", "kind": "ngo"}],
        "detainees": people,
        "release_events": events,
        "attestations": attestations,
    }
    file = tmp_path / "case.json"
    file.write_text(json.dumps(case))
    loader.load(conn, file, lambda _: None)
    _check_orders(conn)
    before = conn.execute("SELECT seq FROM ledger_head").fetchone().seq
    assert set(loader.load(conn, file, lambda _: None).values()) == {0}
    assert conn.execute("SELECT seq FROM ledger_head").fetchone().seq == before


def test_ids_and_ledger_do_not_reveal_the_order_of_an_imported_list(
    api: Api, conn: Connection
) -> None:
    editor = api.scope("edit")
    rows = [
        {"name": _name(n), "detained_on": "2024", "released_on": "2026-01-08"}
        for n in range(PEOPLE)
    ]
    list_import = preview(
        editor,
        table(rows),
        source_id=editor.source("Fuente"),
        published_at="2026-01-09T01:00:00Z",
        basis="first_hand",
    )
    decisions = [
        {"row": row["row"], "decision": "new"}
        for row in list_import["rows"]
        if row["outcome"] == "possible_duplicate"
    ]
    apply(editor, list_import["id"], *decisions)
    _check_orders(conn)


def _name(n: int) -> str:
    """Return the nth of many different names in alphabetical order."""
    syllables = [f"{consonant}{vowel}" for consonant in "bdfgklmnprst" for vowel in "aeo"]
    first, second = syllables[n // 20 * 3], syllables[n % 20]
    return f"{first}{second}{first}{second}".title() + f" {'xyzwv'[n % 5] * 4}".title()


def _check_orders(conn: Connection) -> None:
    """Check that the orders of ids and of ledger entries do not depend on that of the names."""
    people = conn.execute("SELECT id, name FROM detainees").fetchall()
    assert len(people) == PEOPLE
    assert {row.id.version for row in people} == {4}
    by_name = [row.id for row in sorted(people, key=lambda row: row.name)]
    queries = {
        "release_event": "SELECT id, detainee_id FROM release_events",
        "detention": "SELECT id, detainee_id FROM detentions",
        "attestation": "SELECT a.id, e.detainee_id FROM attestations a JOIN release_events e "
        "ON e.id = a.release_event_id",
    }
    orders: dict[str, Sequence[UUID]] = {"detainee": sorted(by_name)}
    for resource, query in queries.items():
        rows = conn.execute(query).fetchall()
        orders[resource] = [row.detainee_id for row in sorted(rows, key=lambda row: row.id)]
        person_of = {row.id: row.detainee_id for row in rows}
        orders[f"{resource} in the ledger"] = [person_of[id] for id in _ledger(conn, resource)]
    orders["detainee in the ledger"] = _ledger(conn, "detainee")
    for name, order in orders.items():
        assert sorted(order) == sorted(by_name), name
        assert abs(_correlation(by_name, order)) < MAX_CORRELATION, name


def _ledger(conn: Connection, resource: str) -> list[Any]:
    query = "SELECT resource_id FROM ledger WHERE resource = %s ORDER BY seq"
    return [row.resource_id for row in conn.execute(query, [resource])]


def _correlation(first: Sequence[UUID], second: Sequence[UUID]) -> float:
    """Spearman's rank correlation of two orders of the same items."""
    positions = {id: position for position, id in enumerate(second)}
    n = len(first)
    squares = sum((position - positions[id]) ** 2 for position, id in enumerate(first))
    return 1 - 6 * squares / (n * (n * n - 1))
