"""The commands keys create, list and revoke."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click import ClickException

from api import auth
from api.commands.keys import kept_key
from api.database import queries
from api.errors import RequestError
from tests.commands.running import check_error, constancia, linux, snapshot
from tests.support import Client, Service, data_dir, serving


def test_key_is_printed_once(database: str, conn: queries.Connection) -> None:
    created = constancia(
        "keys", "create", "--name", "Ana", "--scope", "edit", DATABASE_URL=database
    )
    assert created.exit_code == 0
    key = created.stdout.removesuffix("\n")
    assert "\n" not in key
    assert key == key.strip()
    assert len(key) >= 32
    assert key not in created.stderr
    listed = constancia("keys", "list", DATABASE_URL=database)
    (line,) = listed.stdout.splitlines()
    id, prefix, scope, valid, name = line.split()
    assert (scope, valid, name) == ("edit", "valid", "Ana")
    assert key.startswith(f"constancia_{prefix}_")
    (stored,) = conn.execute("SELECT id, hash FROM api_keys").fetchall()
    assert str(stored.id) == id
    assert id in created.stderr
    for secret in (key, key.split("_", 2)[2], stored.hash.hex()):
        assert secret not in listed.output
    assert not any(key in row for rows in snapshot(conn).values() for row in rows)


def test_kept_key_is_made_once(conn: queries.Connection, tmp_path: Path) -> None:
    """`serve --key-file` prints the same key each time, and a new one if that is not valid."""
    file = tmp_path / "data" / "contribute.key"
    key = kept_key(conn, file)
    assert auth.authenticate(conn, key).scope == "contribute"
    assert file.stat().st_mode & 0o777 == 0o600
    assert kept_key(conn, file) == key
    conn.execute("UPDATE api_keys SET revoked_at = now()")
    file.chmod(0o644)
    assert kept_key(conn, file) == file.read_text().strip() != key
    assert file.stat().st_mode & 0o777 == 0o600
    for other in (b"\xff\xfe", b"notes\n"):
        file.write_bytes(other)
        with pytest.raises(ClickException, match=f"{str(file)!r} holds something else"):
            kept_key(conn, file)
        assert file.read_bytes() == other


def test_kept_key_that_cannot_be_written_is_undone(
    conn: queries.Connection, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ClickException, match=r"Cannot read or write .*/file'.*No key was created"):
        kept_key(conn, tmp_path / "file" / "contribute.key")
    assert conn.execute("SELECT id FROM api_keys").fetchall() == []


def test_keys_have_distinct_secrets(database: str) -> None:
    keys = {
        constancia(
            "keys", "create", "--name", "Ana", "--scope", scope, DATABASE_URL=database
        ).stdout
        for scope in ("contribute", "edit", "admin", "admin")
    }
    assert len(keys) == 4
    assert len(constancia("keys", "list", DATABASE_URL=database).stdout.splitlines()) == 4


def test_key_can_expire(database: str, conn: queries.Connection) -> None:
    command = ["keys", "create", "--name", "Ana", "--scope", "edit", "--until"]
    created = constancia(*command, "2126-01-09T12:00:00-04:00", DATABASE_URL=database)
    assert created.exit_code == 0
    key = created.stdout.strip()
    (line,) = constancia("keys", "list", DATABASE_URL=database).stdout.splitlines()
    assert "valid until 2126-01-09 16:00 UTC" in line
    assert auth.authenticate(conn, key).scope == "edit"
    conn.execute("UPDATE api_keys SET created_at = '2026-01-01', valid_until = '2026-01-02'")
    (line,) = constancia("keys", "list", DATABASE_URL=database).stdout.splitlines()
    assert "ended 2026-01-02 00:00 UTC" in line
    with pytest.raises(RequestError, match="valid key"):
        auth.authenticate(conn, key)
    check_error(constancia(*command, "2026-01-09T12:00:00Z", DATABASE_URL=database), "in the past")
    check_error(constancia(*command, "tomorrow", DATABASE_URL=database), "--until", code=2)


def test_invalid_keys_and_names_are_errors(database: str) -> None:
    unknown = "019b9f3e-1a01-4b52-8c11-3f5d2e7a9001"
    check_error(constancia("keys", "revoke", unknown, DATABASE_URL=database), unknown)
    check_error(constancia("keys", "revoke", "x", DATABASE_URL=database), "x", code=2)
    wrong = ["keys", "create", "--name", "Ana", "--scope", "all"]
    check_error(constancia(*wrong, DATABASE_URL=database), "contribute", code=2)
    for name in ("", " ", "a\nb", "a\x1b[2Jb"):
        wrong = ["keys", "create", "--name", name, "--scope", "edit"]
        result = constancia(*wrong, DATABASE_URL=database)
        assert result.exit_code != 0, f"{name!r} would spoil the list of keys"
    assert constancia("keys", "list", DATABASE_URL=database).stdout == ""


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with data_dir() as directory, serving(directory, workers=1) as running:
        yield running


@linux
def test_revocation_takes_effect_in_a_running_service(service: Service) -> None:
    key, place = service.key("edit"), ["--data-dir", service.data_dir]
    listed = constancia("keys", "list", *place).stdout.splitlines()
    with Client(service.port, key) as client:
        assert client.source("Antes")
        revoked = constancia("keys", "revoke", listed[-1].split()[0], *place)
        assert revoked.exit_code == 0, revoked.stderr
        body = {"name": "Después", "kind": "ngo"}
        assert client.send("POST", "/v1/sources", body)[0] == 401
    assert "revoked" in constancia("keys", "list", *place).stdout.splitlines()[-1]
    repeated = constancia("keys", "revoke", listed[-1].split()[0], *place)
    assert repeated.exit_code == 0
