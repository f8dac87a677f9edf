"""API keys: constant-cost authentication, and expiry by the database's clock."""

import hmac
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from api import auth
from api.database.queries import Connection
from api.errors import RequestError


def _changed(key: str, at: int) -> str:
    return f"{key[:at]}{'0' if key[at] != '0' else '1'}{key[at + 1 :]}"


INVALID: dict[str, Callable[[str], str]] = {
    "unknown prefix": lambda key: _changed(key, len("constancia_")),
    "wrong secret": lambda key: _changed(key, len(key) - 1),
    "no prefix": lambda key: "constancia_" + key[-43:],
    "malformed": lambda key: key + "A",
}


def test_every_invalid_key_costs_the_same(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kind of invalid key costs one look-up and one comparison of hashes."""
    operations: list[Any] = []
    execute, compare = psycopg.Connection.execute, hmac.compare_digest

    def execute_and_record(self: Any, query: Any, *more: Any, **options: Any) -> Any:
        operations.append(query)
        return execute(self, query, *more, **options)

    def compare_and_record(first: bytes, second: bytes) -> bool:
        operations.append((len(first), len(second)))
        return compare(first, second)

    keys = [auth.create_key(conn, "test", "edit") for _ in range(3)]
    conn.execute("UPDATE api_keys SET revoked_at = now() WHERE id = %s", [keys[1][0]])
    conn.execute(
        "UPDATE api_keys SET created_at = '2026-01-01', valid_until = now() WHERE id = %s",
        [keys[2][0]],
    )
    monkeypatch.setattr(psycopg.Connection, "execute", execute_and_record)
    monkeypatch.setattr(hmac, "compare_digest", compare_and_record)
    auth.authenticate(conn, keys[0][1])
    valid_key_operations = [*operations]
    assert len(valid_key_operations) == 2
    wrong = {name: change(keys[0][1]) for name, change in INVALID.items()}
    for name, key in {**wrong, "revoked": keys[1][1], "ended": keys[2][1]}.items():
        operations.clear()
        with pytest.raises(RequestError) as refused:
            auth.authenticate(conn, key)
        assert refused.value.slug == "unauthenticated"
        assert operations == valid_key_operations, name


def test_key_expires_by_the_clock_of_the_database(conn: Connection) -> None:
    """The clock of this process does not matter."""
    id, key = auth.create_key(conn, "test", "edit")
    for interval, ended in (("1 hour", False), ("-1 microsecond", True), ("1 hour", False)):
        conn.execute(
            "UPDATE api_keys SET created_at = '2026-01-01', valid_until = now() + %s::interval",
            [interval],
        )
        if ended:
            with pytest.raises(RequestError):
                auth.authenticate(conn, key)
        else:
            assert auth.authenticate(conn, key).key_id == id
