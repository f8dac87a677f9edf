"""Consistency of a store: ledger, verdicts and counts against the rule."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from api.database import connections, queries
from api.server import embedded
from api.verification.rule import Affiliation, Attestation, history, status
from tests.brute_force import Ledger, assert_statuses_are_recounted
from tests.support import Service


@contextlib.contextmanager
def open_store(service: Service) -> Iterator[queries.Connection]:
    with embedded.running(service.data_dir) as url, connections.connect(url) as conn:
        yield conn


def check_store(conn: queries.Connection) -> None:
    """Check that the ledger is complete, and that verdicts and counts follow the rule."""
    head = conn.execute("SELECT seq FROM ledger_head").fetchone()
    seqs = [row.seq for row in conn.execute("SELECT seq FROM ledger ORDER BY seq")]
    assert seqs == list(range(1, head.seq + 1))
    created = conn.execute(
        "SELECT resource_id FROM ledger WHERE action = 'created' AND resource = 'attestation'"
    )
    attestations = conn.execute("SELECT id FROM attestations")
    assert Counter(row.resource_id for row in created) == Counter(r.id for r in attestations)
    for event in conn.execute("SELECT id FROM release_events").fetchall():
        check_verdicts(conn, event.id)
    assert_statuses_are_recounted(conn, Ledger(conn).record(datetime.now(UTC)))


def check_verdicts(conn: queries.Connection, event: Any) -> None:
    """Check that the verdicts of an event at all times equal the rule's for its attestations."""
    rule_input = queries.row(
        conn, "verification/get_rule_input", release_event_id=event, source_ids=[], since=None
    )
    stored = conn.execute(
        "SELECT published_from, independent_sources, independent_denials, status, since, kinds,"
        " rests_on FROM verdicts WHERE release_event_id = %s AND recorded_until = 'infinity' "
        "ORDER BY published_from",
        [event],
    ).fetchall()
    parts = conn.execute(
        "SELECT attestation_id::text AS id, published_from, reason, chain FROM verdict_parts "
        "WHERE release_event_id = %s AND recorded_until = 'infinity' ORDER BY published_from",
        [event],
    ).fetchall()

    def parsed(row: Any, *names: str) -> Any:
        moments = {name: row[name] and datetime.fromisoformat(row[name]) for name in names}
        return {**row, **moments}

    verdicts = history(
        [
            Attestation(**parsed(row, "published_at", "retracted_at"))
            for row in rule_input.attestations
        ],
        [
            Affiliation(**parsed(row, "valid_from", "valid_until"))
            for row in rule_input.affiliations
        ],
        vouched_by=rule_input.vouched_by,
    )
    moments = {verdict.at for verdict in verdicts}
    assert {row.published_from for row in (*stored, *parts)} <= moments
    last, since = None, None
    for verdict in verdicts:
        row = [row for row in stored if row.published_from <= verdict.at][-1]
        response = status(verdict.independent_sources, verdict.independent_denials)
        since = since if response == last else verdict.at
        last = response
        assert (row.status, row.since) == (response, since)
        assert row.independent_sources == verdict.independent_sources
        assert row.independent_denials == verdict.independent_denials
        assert row.kinds == verdict.kinds
        assert tuple(map(tuple, row.rests_on)) == verdict.rests_on
        assert verdict.parts == {
            row.id: row.reason or tuple(map(tuple, row.chain))
            for row in parts
            if row.published_from == verdict.at
        }
