"""Operation: readiness, a full pool, timeouts, stop and reload under load, and backups."""

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from api import auth
from api.app import create_app
from api.config import SERVICE_ROLE, Config
from api.database import connections, deadlines, queries
from api.database.queries import Connection
from api.server import embedded
from tests.commands.running import EXAMPLE, constancia, run_process
from tests.conftest import Api, client_of
from tests.store_checks import open_store
from tests.support import (
    COMMAND,
    Client,
    Service,
    data_dir,
    environment,
    have_ended,
    is_listening,
    open_pool,
    serving,
    wait_until,
)

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="finds the processes of a service in /proc"
)


@pytest.fixture
def service() -> Iterator[Service]:
    with data_dir() as directory, serving(directory) as running:
        yield running


@contextlib.contextmanager
def serving_patiently(**settings: Any) -> Iterator[Service]:
    """Run a service whose writes wait for a lock for a minute, and not for five seconds."""
    with data_dir() as directory, embedded.running(directory) as url:
        service_url = make_conninfo(embedded.service_url(url), options="-c lock_timeout=1min")
        urls = {"DATABASE_URL": service_url, "CONSTANCIA_OWNER_DATABASE_URL": url}
        with serving(directory, **urls, **settings) as running:
            yield running


# Readiness and the pool.


def check_not_ready(response: Any, reason: str) -> None:
    problem = response.get_json(force=True)
    assert (response.status_code, problem["type"]) == (503, "/problems/not-ready"), problem
    assert reason in problem["detail"]
    for internal in ("127.0.0.1", "nobody", "psycopg", "postgres", "constancia_service", "pool"):
        assert internal not in str(problem).lower()


def test_full_pool_returns_503_soon_and_health_stays_200() -> None:
    """The only connection waits for a lock; other requests get a response before it is free."""
    settings = {"workers": 1, "CONSTANCIA_THREADS": "1"}
    with serving_patiently(**settings) as service:
        key, port = service.key("edit"), service.port

        def enter() -> int:
            with Client(port, key) as client:
                body = {"name": "Puertas", "kind": "ngo"}
                return client.send_patiently("POST", "/v1/sources", body)[0]

        def get(path: str) -> tuple[int, str | None]:
            with Client(port) as client:
                status, headers, _ = client.exchange("GET", path)
                return status, headers["Retry-After"]

        with ThreadPoolExecutor(5) as threads:
            with blocked_writers(service) as conn:
                write = threads.submit(enter)
                waiting = "SELECT count(*) AS n FROM pg_locks WHERE NOT granted"
                wait_until(lambda: conn.execute(waiting).fetchone().n, "it waits")
                futures = [threads.submit(get, "/v1/sources") for _ in range(2)]
                assert get("/healthz") == (200, None)
                # Under load the service is ready: else each instance would be taken out of use.
                assert get("/readyz") == (200, None)
                assert {future.result() for future in futures} == {(503, "2")}
                assert not write.done()
            assert write.result() == 201


def test_conditional_read_waits_once_for_a_connection(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check of the entity tag and the response share one timeout for two waits."""
    timeouts: list[float] = []
    with connections.pool(database, 1) as pool, pool.connection(timeout=60):
        getconn = pool.getconn

        def recorded_getconn(timeout: float | None = None) -> Any:
            timeouts.append(pool.timeout if timeout is None else timeout)
            return getconn(timeout)

        monkeypatch.setattr(pool, "getconn", recorded_getconn)
        client = create_app(pool).test_client()
        response = client.get("/v1/sources", headers={"If-None-Match": '"x"'})
        assert response.status_code == 503
    assert len(timeouts) == 2
    assert sum(timeouts) < 1


def test_time_zone_of_the_settings_is_the_default(database: str) -> None:
    with open_pool(database, 1) as pool:
        client = create_app(pool, Config(time_zone="America/Caracas")).test_client()
        at = "as_of=2026-01-09T12:30:00Z"
        for query, zone in ((at, "Caracas time"), (f"{at}&time_zone=UTC", "UTC")):
            sentence = client.get(f"/v1/counts?{query}").get_json()["citation"]["sentence"]["en"]
            assert f" ({zone}), " in sentence


def test_database_that_hangs_is_given_up(database: str) -> None:
    """The timeouts of the server do not run while its processes are stopped."""
    url = make_conninfo(database, options="-c statement_timeout=2s")  # a deadline of 3 s
    with open_pool(url, 1) as pool, client_of(pool) as client:
        etag = client.get("/v1/counts").headers["ETag"]
        requests = (("/v1/counts", {}), ("/v1/counts", {"If-None-Match": etag}), ("/readyz", {}))
        for path, headers in requests:
            wait_until(lambda: client.get("/readyz").status_code == 200, "a new connection")
            with pool.connection() as conn:
                backend = conn.info.backend_pid
            os.kill(backend, signal.SIGSTOP)
            try:
                status = client.get(path, headers=headers).status_code
                # The check of an entity tag gives up a connection; the response takes a new one.
                assert status == 503 or headers, (path, headers)
            finally:
                os.kill(backend, signal.SIGCONT)


def test_import_has_no_deadline_of_one_statement(database: str) -> None:
    with (
        open_pool(database, 1) as pool,
        pool.connection() as conn,
        deadlines.statement_deadline(conn, 0.1),
    ):
        with queries.long_transaction(conn):
            conn.execute("SELECT pg_sleep(0.3)")
        with pytest.raises(psycopg.OperationalError):
            conn.execute("SELECT pg_sleep(0.3)")


def test_statements_time_out(database: str) -> None:
    with open_pool(database, 1) as pool, pool.connection() as conn:
        for setting in ("statement", "lock", "idle_in_transaction_session", "transaction"):
            row = conn.execute(f"SHOW {setting}_timeout").fetchone()
            assert row is not None
            assert row[0] not in {"0", ""}, setting


def test_write_that_takes_too_long_is_rolled_back(database: str, conn: Connection) -> None:
    _, key = auth.create_key(conn, "an NGO", "edit")
    headers = {"Authorization": f"Bearer {key}"}
    # The timeout of the service is half an hour.
    url = make_conninfo(database, options="-c transaction_timeout=5s")
    with open_pool(url, 1) as pool, client_of(pool) as client:

        def send() -> int:
            body = {"name": "Foro Prueba", "kind": "ngo"}
            return client.post("/v1/sources", json=body, headers=headers).status_code

        with conn.transaction():
            conn.execute("LOCK ledger_head")
            assert send() == 503
        assert client.get("/v1/sources").get_json()["items"] == []
        assert send() == 201
        assert len(client.get("/v1/sources").get_json()["items"]) == 1


def test_requests_use_no_parallel_workers(database: str, conn: Connection) -> None:
    """Starting parallel workers takes longer than nearly all requests."""
    # At zero costs PostgreSQL would read even a small store in parallel.
    costs = ("setup_cost", "tuple_cost")
    sizes = ("table_scan_size", "index_scan_size")
    settings = [f"parallel_{cost}" for cost in costs] + [f"min_parallel_{size}" for size in sizes]
    url = make_conninfo(database, options=" ".join(f"-c {name}=0" for name in settings))
    with open_pool(url, 1) as pool, client_of(pool) as client:
        for path in ("release-events?limit=50", "detainees?q=Ana", "counts", "comparisons"):
            assert client.get(f"/v1/{path}").status_code == 200, path
        with pool.connection() as connection:
            connection.execute("SELECT pg_stat_force_next_flush()")
    launched = conn.execute(
        "SELECT parallel_workers_to_launch FROM pg_stat_database WHERE datname = current_database()"
    )
    assert launched.fetchone() == (0,)


def test_readiness_reports_an_unreachable_database(monkeypatch: pytest.MonkeyPatch) -> None:
    # Other tests of this process had another database, which answered.
    monkeypatch.setattr(deadlines.DeadlineConnection, "_last_response", float("-inf"))
    pool = connections.pool("postgresql://nobody@127.0.0.1:1/nowhere", 1)
    client = create_app(pool).test_client()
    assert client.get("/healthz").status_code == 200
    check_not_ready(client.get("/readyz"), "connection to the database")  # closed
    pool.open()
    try:
        check_not_ready(client.get("/readyz"), "connection to the database")
        assert client.get("/healthz").status_code == 200
    finally:
        pool.close()


def test_readiness_reports_missing_migrations_and_privileges(
    database: str, conn: Connection
) -> None:
    with open_pool(database, 1) as pool, client_of(pool) as client:
        assert client.get("/readyz").status_code == 200
        conn.execute("DELETE FROM migrations WHERE number = 2")
        check_not_ready(client.get("/readyz"), "lacks 1 migration. Run constancia migrate.")
        conn.execute("REVOKE SELECT ON migrations FROM constancia_service")
        check_not_ready(client.get("/readyz"), "constancia doctor")


# Durability and shutdown.


def test_acknowledged_writes_are_flushed_to_disk(api: Api, conn: Connection) -> None:
    """The write-ahead log is flushed before the response."""
    editor, flushed = api.scope("edit"), 0
    for n in range(20):
        editor.source(f"Puertas {n}")
        flushed += conn.execute(
            "SELECT pg_current_wal_flush_lsn() >= pg_current_wal_insert_lsn()"
        ).fetchone()[0]
    # PostgreSQL occasionally writes to the log by itself.
    assert flushed > 15


# Stop and reload.


@contextlib.contextmanager
def blocked_writers(service: Service) -> Iterator[Connection]:
    """Hold a lock for which every writer waits."""
    with open_store(service) as conn, conn.transaction():
        conn.execute("SELECT FROM ledger_head FOR UPDATE")
        yield conn


def test_stop_completes_started_requests_and_accepts_no_new_ones() -> None:
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    with serving_patiently() as service, ThreadPoolExecutor(4) as threads:
        key, port = service.key("edit"), service.port
        processes = [service.process.pid, *service.workers()]

        def enter(n: int) -> Any:
            with Client(port, key) as client:
                body = {"name": f"Puertas {n}", "kind": "ngo"}
                return client.send_patiently("POST", "/v1/sources", body)

        with blocked_writers(service) as conn:
            writes = [threads.submit(enter, n) for n in range(4)]
            wait_until(lambda: conn.execute(waiting).fetchone()[0] == 4, "all wait")
            service.process.send_signal(signal.SIGTERM)
            wait_until(lambda: not is_listening(port), "new connections are refused")
            assert service.process.poll() is None
            assert not any(write.done() for write in writes)
        assert [write.result()[0] for write in writes] == [201] * 4
        assert service.process.wait(120) == 0
        wait_until(lambda: have_ended(processes), "all processes ended")
        with open_store(service) as conn:
            assert conn.execute("SELECT count(*) FROM sources").fetchone()[0] == 4


class Load:
    """Readers and writers, with persistent or new connections."""

    def __init__(self, service: Service, pause: float = 0) -> None:
        """`pause` is the seconds that each client waits between requests."""
        self._pause = pause
        self.responses: list[Any] = []
        self.failures: list[Any] = []
        self._end = threading.Event()
        self._port, self._key = service.port, service.key("edit")
        variants = itertools.product((True, False), (True, False), range(2))
        self._threads = [threading.Thread(target=self._run, args=variant) for variant in variants]
        for thread in self._threads:
            thread.start()

    def _run(self, writes: bool, persistent: bool, n: int) -> None:
        with Client(self._port, self._key) as client:
            while not self._end.is_set():
                try:
                    if writes:
                        body = {"name": f"Puertas {time.monotonic_ns()} {n}", "kind": "ngo"}
                        status, _ = client.send("POST", "/v1/sources", body)
                    else:
                        status, _ = client.send("GET", "/v1/counts")
                    self.responses.append((writes, status))
                except (OSError, HTTPException, ValueError) as error:
                    self.failures.append((writes, persistent, repr(error)))
                if not persistent:
                    client.close()
                self._end.wait(self._pause)

    def more(self, n: int = 100) -> None:
        wanted = len(self.responses) + n
        wait_until(lambda: len(self.responses) >= wanted or self.failures, "answers")

    def finish(self) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()


def test_reload_under_load_fails_no_request(service: Service) -> None:
    load = Load(service)
    try:
        for _ in range(2):
            load.more()
            before = service.workers()
            os.kill(service.process.pid, signal.SIGHUP)
            wait_until(
                lambda old=before: (
                    len(service.workers()) == 2 and not {*old} & {*service.workers()}
                ),
                "two new workers",
            )
            load.more()
    finally:
        load.finish()
    assert load.failures == []
    # A loaded machine may be too slow to open connections for all: 503, and nothing is written.
    assert {status for writes, status in load.responses if writes} <= {201, 503}
    assert {status for writes, status in load.responses if not writes} <= {200, 503}
    written = sum(status == 201 for _, status in load.responses)
    with embedded.running(service.data_dir) as url, connections.connect(url) as conn:
        assert conn.execute("SELECT count(*) FROM sources").fetchone()[0] == written


# Backup and restore.

PERSON_STATUSES = (
    "SELECT detainee_id, published_from, recorded_from, status_codes, groups FROM person_statuses "
    "ORDER BY 1, 2, 3"
)


def run(directory: Path, *arguments: str) -> str:
    """Run a command on a data directory."""
    command, *options = arguments
    result = subprocess.run(
        [*COMMAND, command, "--data-dir", str(directory), *options],
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_backup_taken_under_load_can_be_restored(service: Service) -> None:
    """The restored ledger, statuses and counts are equal, and `doctor` finds no defect."""
    loaded = constancia("load", EXAMPLE, "--data-dir", service.data_dir)
    assert loaded.exit_code == 0, loaded.output
    load = Load(service, pause=0.4)
    try:
        load.more(16)
        dump = service.data_dir.with_suffix(".dump")
        run(service.data_dir, "postgres", "pg_dump", "-Fc", "-f", str(dump))
        load.more(16)
    finally:
        load.finish()
    other_dir = service.data_dir.with_name("elsewhere")
    began = time.monotonic()
    options = ["-e", "--clean", "--if-exists", "--create", "-d", "postgres"]
    restore = ["pg_restore", *options, str(dump)]
    with pytest.raises(AssertionError, match="being accessed by other users"):
        run(service.data_dir, "postgres", *restore)  # over the live database, which stays
    run(other_dir, "postgres", *restore)
    print(f"restored in {time.monotonic() - began:.2f} s")
    examined = constancia("doctor", "--data-dir", other_dir)
    assert examined.exit_code == 0, examined.output
    assert "defect" not in examined.output
    ledger = (
        "SELECT seq, public_seq, recorded_at, resource_id, entry FROM ledger WHERE seq <= %s "
        "ORDER BY seq"
    )
    with embedded.running(other_dir) as url, connections.connect(url) as conn:
        head = conn.execute("SELECT seq, rfc3339(recorded_at) AS at FROM ledger_head").fetchone()
        restored = conn.execute(ledger, [head.seq]).fetchall()
        person_statuses = conn.execute(PERSON_STATUSES).fetchall()
    with embedded.running(service.data_dir) as url, connections.connect(url) as conn:
        assert conn.execute("SELECT seq FROM ledger_head").fetchone()[0] > head.seq > 47
        assert conn.execute(ledger, [head.seq]).fetchall() == restored
        assert conn.execute(PERSON_STATUSES).fetchall() == person_statuses
    path = f"/v1/counts?as_of=2026-01-09T16:00:00Z&recorded_as_of={head.at}"
    with serving(other_dir) as other:
        with Client(service.port) as original, Client(other.port) as restored_client:
            assert original.get(path) == restored_client.get(path)
        with Client(other.port, other.key("edit")) as writer:
            writer.source("Puertas de otra parte")
    check_move(other_dir, dump)


def check_move(directory: Path, dump: Path) -> None:
    """Check that a backup can be restored in a database of another name and owner."""
    with embedded.running(directory) as url:
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("CREATE ROLE test_owner LOGIN")
            conn.execute(f"GRANT {SERVICE_ROLE} TO test_owner".encode())
            conn.execute("CREATE DATABASE test OWNER test_owner")
        settings = {"DATABASE_URL": make_conninfo(url, user="test_owner", dbname="test")}
        assert constancia("migrate", **settings).exit_code == 0
        options = ["-e", "--clean", "--if-exists", "--no-owner", "-d", "test"]
        restored = run_process("postgres", "pg_restore", *options, dump, **settings)
        assert restored.returncode == 0, restored.stderr
        examined = constancia("doctor", **settings)
        assert examined.exit_code == 0, examined.output
