"""Faults made in a copy of the service, each of which a test must catch: `python -m
tests.faults.mutants`."""

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
    """A fault: in which files which text becomes which, and the quick test that must fail. An empty
    text stands for the end of the file."""

    name: str
    changes: Sequence[tuple[str, str, str]]
    test: str


_UNCOMMITTED = '''
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _uncommitted(pool: Any) -> Iterator[Any]:
    """Commits a moment after the answer."""
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

# Numbered before anybody is waited for; what else depends on the order is let go.
_PLAIN_SEQUENCE = """
CREATE SEQUENCE plain;
CREATE SEQUENCE plain_public;
GRANT USAGE ON SEQUENCE plain, plain_public TO constancia_service;
DROP TRIGGER verdict_is_superseded_now ON verdicts;
DROP TRIGGER exclusion_is_superseded_now ON verdict_exclusions;
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
    """The part of the query that takes the head of the ledger."""
    text = (ROOT / "sql/queries/ledger/append.sql").read_text("utf-8")
    found = _HEAD.search(text)
    assert found, "ledger/append.sql takes the head in another way"
    return found[0]


def mutants() -> Sequence[Mutant]:
    return [
        Mutant(
            "an idempotency key checked outside the transaction",
            [
                (
                    "api/http/handlers.py",
                    "                with conn.transaction():\n"
                    "                    idempotency.lock(conn, attempt)\n"
                    "                    first = idempotency.find(conn, attempt)\n",
                    "                first = idempotency.find(conn, attempt)\n"
                    "                with conn.transaction():\n",
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
            "an answer sent before the commit",
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
                    "            access.authorize(caller, self._scope)\n            arguments,",
                    "            arguments,",
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
                    "        return exact(rows.record(conn, operation, result), id=id)\n",
                    "        from dataclasses import replace\n\n"
                    "        body = exact(rows.record(conn, operation, result), id=id)\n"
                    '        version = "SELECT max(seq) AS n FROM ledger WHERE resource_id = %s"\n'
                    "        row = conn.execute(version, [id]).fetchone()\n"
                    "        return replace(body, etag=f'\"{row.n}{body.etag[1:]}')\n",
                )
            ],
            "tests/http/test_conditional.py::test_hidden_change_changes_no_entity_tag",
        ),
    ]


def mutate(root: Path, mutant: Mutant) -> None:
    """Raises ValueError if the text is not there, once."""
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
    """Which of these tests failed there. Raises ValueError if they could not be run."""
    words = ["-q", "-p", "no:cacheprovider", "--basetemp", str(root / "tmp"), "-rf", *tests]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *words], cwd=root, capture_output=True, text=True
    )
    told = [line for line in run.stdout.splitlines() if line.startswith("FAILED")]
    if run.returncode and not told:
        raise ValueError(f"the tests did not run:\n{run.stdout}{run.stderr}")
    return "\n".join(told)


def main() -> None:
    made, survived = mutants(), 0
    with tempfile.TemporaryDirectory(prefix="constancia-") as folder:
        root = Path(folder) / "whole"
        copy(root)
        if told := failed(root, *(mutant.test for mutant in made)):
            sys.exit(f"The tests fail without a mutant:\n{told}")
        for n, mutant in enumerate(made):
            root = Path(folder) / str(n)
            copy(root)
            mutate(root, mutant)
            caught = failed(root, mutant.test)
            survived += not caught
            word = "caught" if caught else "SURVIVED"
            print(f"{word:8} {mutant.name}, by {mutant.test}", flush=True)
    if survived:
        sys.exit(f"{survived} of {len(made)} mutants survived.")


if __name__ == "__main__":
    main()
