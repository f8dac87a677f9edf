"""The commands serve, migrate and postgres."""

import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from api.database import connections, migrations
from api.server import embedded
from tests.commands.running import EXAMPLE, check_error, constancia, linux, run_process, snapshot
from tests.conftest import cloned
from tests.support import (
    COMMAND,
    Client,
    Service,
    data_dir,
    environment,
    reserved_port,
    serving,
)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with data_dir() as directory, serving(directory) as running:
        yield running


def test_migrate_runs_concurrently_and_twice(server: str) -> None:
    with cloned(server, "template1") as url:

        def migrate(_: int) -> "subprocess.CompletedProcess[str]":
            return run_process("migrate", DATABASE_URL=url)

        with ThreadPoolExecutor(3) as threads:
            results = list(threads.map(migrate, range(3)))
        assert [result.returncode for result in results] == [0] * 3, results
        # Each migration was applied by one process only.
        applied = [line for result in results for line in result.stderr.splitlines()]
        assert len(applied) == len(migrations.migrations())
        with connections.connect(url) as conn:
            before = snapshot(conn)
            repeated = constancia("migrate", DATABASE_URL=url)
            assert (repeated.exit_code, repeated.stderr) == (0, "")
            assert "up to date" in repeated.stdout
            assert snapshot(conn) == before
            assert len(before["migrations"]) == len(migrations.migrations())


@linux
def test_commands_work_while_the_service_runs(service: Service) -> None:
    place = ["--data-dir", service.data_dir]
    loaded = constancia("load", EXAMPLE, *place)
    assert loaded.exit_code == 0, loaded.stderr
    with Client(service.port) as client:
        as_of = "2026-01-09T16:00:00Z"
        assert client.get(f"/v1/counts?as_of={as_of}")["confirmed"] == 1
        counted = constancia("counts", "--as-of", as_of, *place)
        assert "confirmed         1" in counted.stdout
        events = client.get("/v1/release-events")["items"]
        (event,) = [e for e in events if e["verification"]["status"] == "confirmed"]
        explained = constancia("explain", event["id"], *place)
        assert explained.stdout.startswith("confirmed since 2026-01-09 12:25 (UTC)")
        assert "NTN24" in explained.stdout
    assert constancia("migrate", *place).exit_code == 0
    assert service.ready()


@linux
def test_serve_loads_a_case_into_an_empty_database_only() -> None:
    with data_dir() as directory:
        for message in ("Loaded: 16 sources", "not empty"):
            arguments = ["--data-dir", directory, "--port", 0, "--case", EXAMPLE]
            process = subprocess.Popen(
                [*COMMAND, "serve", *map(str, arguments)],
                env=environment(PYTHONUNBUFFERED="1"),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            lines = []
            assert process.stdout
            for line in process.stdout:
                lines.append(line)
                if "ready" in line:
                    break
            process.terminate()
            process.communicate(timeout=120)
            assert any(message in line for line in lines), lines
        with embedded.running(directory) as url, connections.connect(url) as conn:
            assert conn.execute("SELECT count(*) AS n FROM sources").fetchone().n == 16


@linux
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_serve_prints_its_address(database: str, host: str) -> None:
    """The system chooses the port. A service behind a proxy warns that it needs its public URL."""
    proxies = "127.0.0.1" if host == "localhost" else ""
    process = subprocess.Popen(
        [*COMMAND, "serve", "--host", host, "--port", "0", "--workers", "1"],
        env=environment(
            PYTHONUNBUFFERED="1", DATABASE_URL=database, CONSTANCIA_TRUSTED_PROXIES=proxies
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "http://" in line:
                break
        assert any("CONSTANCIA_PUBLIC_URL" in line for line in lines) == bool(proxies), lines
        address = lines[-1].split()[-1] if lines else ""
        assert address.startswith("http://"), lines
        with urllib.request.urlopen(f"{address}/healthz", timeout=60) as response:
            assert response.status == 200
    finally:
        process.terminate()
        process.communicate(timeout=120)


@pytest.mark.parametrize(
    "options",
    [["--port", "x"], ["--port", "70000"], ["--workers", "0"], ["--case", "none.json"]],
    ids=" ".join,
)
def test_invalid_options_of_serve_are_errors(database: str, options: list[str]) -> None:
    check_error(constancia("serve", *options, DATABASE_URL=database), options[0], code=2)


def ending(folder: Path) -> list[object]:
    """Return options of `serve` with which it ends before it serves: the file is no key file."""
    file = folder / "binary"
    file.write_bytes(b"\xff")
    return ["--key-file", file]


def test_workers_that_open_too_many_connections_are_named(database: str, tmp_path: Path) -> None:
    """With 100 connections, a worker for each of 49 processors got 503 for most requests."""
    arguments = ["--port", 0, *ending(tmp_path)]
    default = constancia("serve", *arguments, DATABASE_URL=database)
    check_error(default, "something else than a key")
    assert "connections" not in default.stderr
    more = constancia("serve", *arguments, "--workers", 9, DATABASE_URL=database)
    check_error(more, "open up to 108 connections, and PostgreSQL accepts 97", "--workers")


def test_occupied_port_is_an_error_with_a_remedy(database: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        check_error(
            constancia("serve", "--port", port, DATABASE_URL=database),
            f"Cannot listen on 127.0.0.1:{port}: address already in use. "
            "Choose another with --port.",
        )


def test_address_of_another_machine_is_an_error_with_a_remedy(database: str) -> None:
    check_error(
        constancia("serve", "--host", "192.0.2.1", DATABASE_URL=database),
        "Cannot listen on 192.0.2.1:8000: cannot assign requested address. "
        "Name an address of this machine with --host.",
    )


def test_port_of_the_service_is_an_error_for_metrics(database: str, tmp_path: Path) -> None:
    port = reserved_port()
    settings = {"DATABASE_URL": database, "CONSTANCIA_METRICS_PORT": str(port)}
    check_error(
        constancia("serve", "--port", port, *ending(tmp_path), **settings),
        f"CONSTANCIA_METRICS_PORT is {port}, the port of the service: choose another.",
    )


def test_interrupt_is_left_to_the_program_of_postgresql(database: str) -> None:
    """With Ctrl-C psql cancels a statement, and its session goes on."""
    interrupt = ["postgres", "sh", "-c", "kill -INT $PPID; sleep 0.5; exit 7"]
    assert run_process(*interrupt, DATABASE_URL=database).returncode == 7
