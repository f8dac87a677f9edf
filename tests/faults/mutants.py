"""Mutants: changes of a copy of the code, each of which must make a test fail.

Run `python -m tests.faults.mutants`.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Mutant(NamedTuple):
    """Changes of the code, each a file, a text and its replacement, and the test that must fail.

    An empty text is the end of the file.
    """

    name: str
    changes: Sequence[tuple[str, str, str]]
    test: str


_UNCOMMITTED = '''
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _uncommitted(pool: Any) -> Iterator[Any]:
    """Commit a moment after the response."""
    import threading

    conn = pool.getconn()
    conn.execute("BEGIN")

    def commit() -> None:
        conn.commit()
        pool.putconn(conn)

    try:
        yield conn
    finally:
        threading.Timer(0.3, commit).start()
'''

# Entries get their numbers before the writer waits for others. Triggers on the order are dropped.
_PLAIN_SEQUENCE = """
CREATE SEQUENCE plain;
CREATE SEQUENCE plain_public;
GRANT USAGE ON SEQUENCE plain, plain_public TO constancia_service;
DROP TRIGGER verdict_is_superseded_now ON verdicts;
DROP TRIGGER part_is_superseded_now ON verdict_parts;
DROP TRIGGER person_status_is_superseded_now ON person_statuses;
CREATE FUNCTION follow_ledger() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    UPDATE ledger_head SET
        seq = greatest(seq, new.seq),
        public_seq = greatest(public_seq, new.public_seq),
        recorded_at = greatest(recorded_at, new.recorded_at),
        public_recorded_at = greatest(public_recorded_at, new.recorded_at);
    RETURN NULL;
END;
$$;
CREATE CONSTRAINT TRIGGER head_follows AFTER INSERT ON ledger DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION follow_ledger();
"""
_HEAD = re.compile(r"\), head AS \(\n.*?\n\), entries AS", re.DOTALL)


def _head() -> str:
    """Return the part of the query that takes the head of the ledger."""
    text = (ROOT / "sql/queries/ledger/append.sql").read_text("utf-8")
    match = _HEAD.search(text)
    assert match, "ledger/append.sql takes the head in another way"
    return match[0]


def mutants() -> Sequence[Mutant]:
    return [
        Mutant(
            "an idempotency key checked outside the transaction",
            [
                (
                    "api/http/handlers.py",
                    "            with conn.transaction():\n"
                    "                idempotency.lock(conn, attempt)\n"
                    "                first = idempotency.find(conn, attempt)\n",
                    "            first = idempotency.find(conn, attempt)\n"
                    "            with conn.transaction():\n",
                ),
                ("sql/queries/idempotency_keys/insert.sql", "", "ON CONFLICT DO NOTHING\n"),
            ],
            "tests/http/test_idempotency.py::test_concurrent_retries_are_one_write",
        ),
        Mutant(
            "synchronous_commit off",
            [
                (
                    "api/database/connections.py",
                    '"-c timezone=UTC -c lock_timeout=5s',
                    '"-c synchronous_commit=off -c timezone=UTC -c lock_timeout=5s',
                )
            ],
            "tests/stories/test_operation.py::test_acknowledged_writes_are_flushed_to_disk",
        ),
        Mutant(
            "a response sent before the commit",
            [
                ("api/http/handlers.py", "", _UNCOMMITTED),
                (
                    "api/http/handlers.py",
                    "        with queries.borrowed_connection(self._dependencies.pool) as conn:\n",
                    "        pool = self._dependencies.pool\n"
                    "        with queries.translated(), _uncommitted(pool) as conn:\n",
                ),
            ],
            "tests/http/test_conditional.py::test_every_worker_sees_a_write_immediately",
        ),
        Mutant(
            "a change feed on a plain sequence",
            [
                ("sql/migrations/0016_imports.sql", "", _PLAIN_SEQUENCE),
                (
                    "sql/queries/ledger/append.sql",
                    _head(),
                    "), head AS (\n"
                    "    SELECT clock_timestamp() AS recorded_at\n"
                    "    WHERE cardinality(%(resource_ids)s::uuid[]) > 0\n"
                    "), entries AS",
                ),
                (
                    "sql/queries/ledger/append.sql",
                    "SELECT h.seq + c.position,",
                    "SELECT nextval('plain'),",
                ),
                (
                    "sql/queries/ledger/append.sql",
                    "h.public_seq + count(*) FILTER (WHERE c.is_public) OVER (ORDER BY c.position)",
                    "nextval('plain_public')",
                ),
            ],
            "tests/faults/test_fault_suite.py::test_service_survives_the_fault[followed_writers]",
        ),
        Mutant(
            "a write without its scope check",
            [
                (
                    "api/http/handlers.py",
                    "            access.authorize(caller, self._scope)\n            if not",
                    "            if not",
                )
            ],
            "tests/whole_set/test_access.py::test_key_grants_exactly_its_scope",
        ),
        Mutant(
            "a query built from strings",
            [
                (
                    "api/database/queries.py",
                    "    with translated():\n        return conn.execute(",
                    "    for name, value in parameters.items():\n"
                    "        if isinstance(value, str):\n"
                    "            literal = \"'\" + value.replace('%', '%%') + \"'\"\n"
                    "            statement = statement.replace(f'%({name})s', literal)\n"
                    "    with translated():\n        return conn.execute(",
                )
            ],
            "tests/whole_set/bad_input/test_accepted_input.py::test_name_is_stored_as_written",
        ),
        Mutant(
            "an ETag that moves when only a hidden field changed",
            [
                (
                    "api/rendering/bodies.py",
                    "        body = exact(rows.record(conn, operation, result), id=id)\n",
                    "        body = exact(rows.record(conn, operation, result), id=id)\n"
                    '        version = "SELECT max(seq) AS n FROM ledger WHERE resource_id = %s"\n'
                    "        row = conn.execute(version, [id]).fetchone()\n"
                    "        body = replace(body, etag=f'\"{row.n}{body.etag[1:]}')\n",
                )
            ],
            "tests/http/test_conditional.py::test_hidden_change_changes_no_entity_tag",
        ),
        Mutant(
            "a weight that is not counted",
            [
                (
                    "api/http/rate_limits.py",
                    "                count += weight\n",
                    "                count += 1\n",
                )
            ],
            "tests/http/test_rate_limits.py::test_every_request_spends_the_weight_of_its_operation",
        ),
        Mutant(
            "heavy requests on the common pool",
            [
                (
                    "api/http/handlers.py",
                    "response = respond(self.bulkhead.pool)",
                    "response = respond(self.pool)",
                )
            ],
            "tests/database/test_bulkhead.py::test_caller_and_service_have_a_bound_of_heavy_requests",
        ),
        Mutant(
            "heavy requests of one caller that compute at the same time",
            [("api/database/bulkhead.py", "monotonic() + _TURN_SECONDS", "monotonic()")],
            "tests/database/test_bulkhead.py::test_heavy_requests_of_a_caller_take_turns",
        ),
        Mutant(
            "turns that each worker gives by itself",
            [("api/database/bulkhead.py", "fcntl.LOCK_EX | ", "fcntl.LOCK_SH | ")],
            "tests/database/test_bulkhead.py::test_heavy_requests_of_a_caller_take_turns",
        ),
        Mutant(
            "a connection closed in the event loop",
            [
                (
                    "api/server/worker.py",
                    "if fs.cancelled() or fs.exception() or fs.result():",
                    "if fs:",
                )
            ],
            "tests/server/test_worker.py"
            "::test_client_that_keeps_a_closed_connection_blocks_no_other[complete]",
        ),
        Mutant(
            "a page that compares all records with its filters",
            [
                (
                    "sql/queries/release_events/list_recorded.sql",
                    "    ORDER BY k.id\n    LIMIT %(max_scanned)s\n) k",
                    "    ORDER BY k.id\n) k",
                )
            ],
            "tests/whole_set/test_query_plans.py"
            "::test_a_page_compares_few_records_and_the_next_one_goes_on",
        ),
        Mutant(
            "a health check of the image by readiness",
            [("Dockerfile", "/healthz", "/readyz")],
            "tests/server/test_compose.py::test_image_is_checked_for_liveness",
        ),
    ]


def mutate(root: Path, mutant: Mutant) -> None:
    """Apply a mutant. Raise ValueError unless each text occurs once."""
    for name, old, new in mutant.changes:
        path = root / name
        text = path.read_text("utf-8")
        if old and text.count(old) != 1:
            raise ValueError(f"{mutant.name}: {name} has not once {old!r}")
        path.write_text(text.replace(old, new) if old else text + new, "utf-8")


def copy(root: Path) -> None:
    shutil.copytree(
        ROOT, root, ignore=shutil.ignore_patterns(".*", "__pycache__"), dirs_exist_ok=True
    )


def failed(root: Path, *tests: str) -> str:
    """Return the lines of the failed tests. Raise ValueError if the tests could not be run."""
    arguments = ["-q", "-p", "no:cacheprovider", "--basetemp", str(root / "tmp"), "-rf", *tests]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments], cwd=root, capture_output=True, text=True
    )
    failures = [line for line in run.stdout.splitlines() if line.startswith("FAILED")]
    if run.returncode and not failures:
        raise ValueError(f"the tests did not run:\n{run.stdout}{run.stderr}")
    return "\n".join(failures)


def main() -> None:
    all_mutants, survived = mutants(), 0
    with tempfile.TemporaryDirectory(prefix="constancia-") as folder:
        root = Path(folder) / "whole"
        copy(root)
        if failures := failed(root, *(mutant.test for mutant in all_mutants)):
            sys.exit(f"The tests fail without a mutant:\n{failures}")
        for n, mutant in enumerate(all_mutants):
            root = Path(folder) / str(n)
            copy(root)
            mutate(root, mutant)
            caught = failed(root, mutant.test)
            survived += not caught
            outcome = "caught" if caught else "SURVIVED"
            print(f"{outcome:8} {mutant.name}, by {mutant.test}", flush=True)
    if survived:
        sys.exit(f"{survived} of {len(all_mutants)} mutants survived.")


if __name__ == "__main__":
    main()
