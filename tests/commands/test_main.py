"""All commands: help, settings, the data directory, and databases that do not fit."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import click
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from api.commands.main import main
from api.database import connections, queries
from api.server import embedded
from tests.commands.running import EXAMPLE, check_error, constancia, linux, run_process, snapshot
from tests.conftest import cloned
from tests.support import COMMAND, data_dir, environment


def test_every_command_has_help_and_a_data_directory(tmp_path: Path) -> None:
    def leaves(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
        for name, command in group.commands.items():
            yield (*path, name), command
            if isinstance(command, click.Group):
                yield from leaves(command, *path, name)

    commands_by_path = dict(leaves(main))
    assert set(commands_by_path) == {
        ("serve",),
        ("migrate",),
        ("load",),
        ("doctor",),
        ("postgres",),
        ("import",),
        ("keys",),
        ("keys", "create"),
        ("keys", "list"),
        ("keys", "revoke"),
        ("site",),
        ("site", "export"),
        ("counts",),
        ("compare",),
        ("differences",),
        ("explain",),
        ("export",),
        ("find",),
    }
    for path, command in commands_by_path.items():
        result = constancia(*path, "--help", CONSTANCIA_DATA_DIR=str(tmp_path / "never"))
        assert result.exit_code == 0
        assert command.help
        assert command.help.split("\n")[0] in " ".join(result.stdout.split())
        assert isinstance(command, click.Group) or "--data-dir" in result.stdout
    assert not (tmp_path / "never").exists()


def test_installed_script_runs_this_command() -> None:
    script = Path(sys.executable).with_name("constancia")
    command_line = [str(script)] if script.exists() else COMMAND
    result = subprocess.run([*command_line, "--help"], capture_output=True, text=True)
    assert result.returncode == 0
    for name in main.commands:
        assert name in result.stdout


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("INSERT INTO migrations (number, name, sha256) VALUES (9999, 'later', 'x')", "9999"),
        ("UPDATE migrations SET sha256 = 'x' WHERE number = 2", "other content"),
    ],
    ids=["later version", "other content"],
)
def test_database_of_another_version_is_an_error(
    database: str, conn: queries.Connection, change: str, expected: str
) -> None:
    conn.execute(cast(Any, change))
    before = snapshot(conn)
    for command in (["migrate"], ["load", EXAMPLE], ["counts"], ["keys", "list"]):
        check_error(constancia(*command, DATABASE_URL=database), expected)
    assert snapshot(conn) == before


def test_commands_work_without_a_service() -> None:
    with data_dir() as directory:
        place = ["--data-dir", directory]
        loaded = constancia("load", EXAMPLE, CONSTANCIA_DATA_DIR=str(directory))
        assert loaded.exit_code == 0, loaded.stderr
        other_directory = str(directory.with_name("elsewhere"))
        counted = constancia("counts", *place, CONSTANCIA_DATA_DIR=other_directory)
        assert "unverified        1" in counted.stdout
        assert not Path(other_directory).exists()


def test_default_data_directory_is_dot_constancia() -> None:
    with data_dir(new=True) as directory:
        directory.mkdir()
        result = subprocess.run(
            [*COMMAND, "migrate"],
            cwd=directory,
            env=environment(PYTHONPATH=str(Path(__file__).parents[2])),
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stderr
        assert (directory / ".constancia" / "pgdata").is_dir()


@pytest.mark.parametrize(
    "setting",
    [
        "ALTER DATABASE {database} SET synchronous_commit = off",
        "ALTER ROLE constancia IN DATABASE {database} SET synchronous_commit = off",
    ],
    ids=["of the database", "of the role"],
)
def test_database_without_durability_is_an_error(
    database: str, conn: queries.Connection, setting: str
) -> None:
    name = conn.info.dbname
    conn.execute(cast(Any, setting.format(database=name)))
    commands = [
        ["migrate"],
        ["load", EXAMPLE],
        ["counts"],
        ["keys", "list"],
        ["serve", "--port", 0],
    ]
    for command in commands:
        result = constancia(*command, DATABASE_URL=database)
        check_error(result, "synchronous_commit", "CONSTANCIA_ALLOW_UNSAFE_DURABILITY")
    allowed = {"DATABASE_URL": database, "CONSTANCIA_ALLOW_UNSAFE_DURABILITY": "1"}
    assert constancia("load", EXAMPLE, **allowed).exit_code == 0


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_server_without_durability_is_an_error(setting: str) -> None:
    with (
        data_dir() as directory,
        embedded.running(directory) as url,
        psycopg.connect(url, autocommit=True) as conn,
    ):
        conn.execute(cast(Any, f"ALTER SYSTEM SET {setting} = off"))
        conn.execute("SELECT pg_reload_conf()")
        while conn.execute(f"SHOW {setting}".encode()).fetchone() != ("off",):
            pass
        check_error(constancia("migrate", DATABASE_URL=url), setting)
        check_error(constancia("migrate", "--data-dir", directory), setting)
        allowed = {"DATABASE_URL": url, "CONSTANCIA_ALLOW_UNSAFE_DURABILITY": "1"}
        assert constancia("migrate", **allowed).exit_code == 0


@pytest.mark.parametrize("version", [90624, 160004, 170010])
def test_older_server_is_an_error(version: int) -> None:
    """With a stand-in for the connection, since only PostgreSQL 18 is installed."""
    old = SimpleNamespace(info=SimpleNamespace(server_version=version))
    with pytest.raises(
        connections.UnfitServerError, match=rf"PostgreSQL {version // 10000}\b.* 18 or later"
    ):
        connections.check_server(cast(Any, old), allow_unsafe_durability=True)


def test_directory_beside_a_database_is_ignored_with_a_message(
    database: str, tmp_path: Path
) -> None:
    result = constancia("counts", "--data-dir", tmp_path / "other", DATABASE_URL=database)
    assert result.exit_code == 0
    assert result.stderr.startswith("--data-dir was ignored, since DATABASE_URL is set.")


def test_database_of_another_encoding_is_an_error() -> None:
    """That of a server without a locale. The migrations failed at the sixth."""
    with data_dir() as directory, embedded.running(directory) as url:
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("CREATE DATABASE test TEMPLATE template0 ENCODING SQL_ASCII LOCALE 'C'")
        test = make_conninfo(url, dbname="test")
        check_error(
            constancia("migrate", DATABASE_URL=test),
            "The database test has the encoding SQL_ASCII; Constancia needs UTF8.",
        )
        with psycopg.connect(test) as conn:
            assert conn.execute("SELECT to_regclass('migrations')").fetchone() == (None,)


@pytest.mark.parametrize("module", ["click", "psycopg"])
def test_ctrl_c_while_modules_are_loaded_leaves_no_traceback(tmp_path: Path, module: str) -> None:
    """click is loaded before its handling of Ctrl-C, and psycopg by the subcommand."""
    (tmp_path / f"{module}.py").write_text("raise KeyboardInterrupt")
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = run_process("keys", "list", PYTHONPATH=path)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr.strip() in ("", "Aborted!")


@linux
@pytest.mark.parametrize("command", ["counts", "keys create --name Ana --scope edit"])
def test_full_disk_under_the_output_is_an_error(
    database: str, conn: queries.Connection, command: str
) -> None:
    with Path("/dev/full").open("w") as output:
        done = subprocess.run(
            [*COMMAND, *command.split()],
            env=environment(DATABASE_URL=database),
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert "Error: Cannot read or write: no space left on device." in done.stderr
    assert "Traceback" not in done.stderr
    # Nobody has seen the key.
    assert ("No key was created." in done.stderr) == command.startswith("keys create")
    assert conn.execute("SELECT id FROM api_keys").fetchall() == []


@pytest.mark.parametrize("value", ["0", "-1", "1001", "x", "1.5", " 8", "٣", "9" * 5000])
def test_invalid_number_of_threads_is_an_error(database: str, value: str) -> None:
    check_error(
        constancia("counts", DATABASE_URL=database, CONSTANCIA_THREADS=value), "CONSTANCIA_THREADS"
    )


@pytest.mark.parametrize("value", ["yes", "true", "2", "off"])
def test_invalid_flag_is_an_error(database: str, value: str) -> None:
    flag = "CONSTANCIA_ALLOW_UNSAFE_DURABILITY"
    check_error(constancia("counts", DATABASE_URL=database, **{flag: value}), flag)


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "hunter2",
        "http://user:hunter2@127.0.0.1/constancia",
        "postgresql://user:hunter2@127.0.0.1:1/constancia",
        "postgresql://user:hunter2@[::1/constancia",
        "postgresql://user:hunter2@127.0.0.1:99999/constancia",
        "postgresql://user:hunter2@127.0.0.1/constancia?sslmode=sometimes",
        "host=/nowhere password=hunter2",
        "host=/nowhere password=hunter2 colour=red",
    ],
)
@pytest.mark.parametrize("command", ["counts", "serve"])
def test_invalid_database_url_is_an_error_without_the_password(url: str, command: str) -> None:
    result = constancia(command, DATABASE_URL=url)
    check_error(result)
    assert "hunter2" not in result.output


def test_missing_database_is_an_error(server: str) -> None:
    nowhere = make_conninfo(server, dbname="nowhere")
    check_error(constancia("counts", DATABASE_URL=nowhere), "nowhere")


def test_user_without_privileges_gets_an_error(server: str) -> None:
    with cloned(server) as url, psycopg.connect(url, autocommit=True) as conn:
        conn.execute("CREATE ROLE visitor LOGIN")
        try:
            visitor = make_conninfo(url, user="visitor")
            check_error(constancia("counts", DATABASE_URL=visitor), "permission")
        finally:
            conn.execute("DROP ROLE visitor")


def test_unusable_data_directory_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    check_error(constancia("counts", "--data-dir", file), str(file), code=2)
    check_error(constancia("counts", CONSTANCIA_DATA_DIR=str(file)), str(file))
    check_error(constancia("counts", CONSTANCIA_DATA_DIR=str(file / "under")), str(file))
    with tempfile.TemporaryDirectory(prefix='quo"te') as folder:
        check_error(constancia("migrate", CONSTANCIA_DATA_DIR=str(Path(folder) / "data")), "path")


def test_only_commands_that_begin_a_store_create_one(tmp_path: Path) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    list_file = tmp_path / "list.csv"
    list_file.write_text("name\nAna Urdaneta\n")
    written = tmp_path / "written"
    for empty in (False, True):
        mistyped = tmp_path / "mistyped dir"
        if empty:
            mistyped.mkdir()
        for command in (
            ["counts", "--as-of", "2026-01-09"],
            ["compare"],
            ["differences", "--until", "2026-01-09"],
            ["explain", unknown],
            ["find", "Ana"],
            ["export", written],
            ["site", "export", written],
            ["import", list_file, "--yes"],
            ["keys", "list"],
            ["keys", "revoke", unknown],
        ):
            result = constancia(*command, "--data-dir", mistyped)
            check_error(result, f"no store in {mistyped}.", f"migrate --data-dir '{mistyped}'")
        examined = constancia("doctor", CONSTANCIA_DATA_DIR=str(mistyped))
        assert (examined.exit_code, f"no store in {mistyped}." in examined.stdout) == (1, True)
        assert not empty or not [*mistyped.iterdir()]
        assert sorted(tmp_path.iterdir()) == [list_file, *[mistyped] * empty]
