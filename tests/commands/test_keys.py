"""How a key is found: nothing that is asked tells which keys there are, and an end is an end."""

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


WRONG: dict[str, Callable[[str], str]] = {
    "of no prefix that there is": lambda key: _changed(key, len("constancia_")),
    "of another secret": lambda key: _changed(key, len(key) - 1),
    "of the form of old keys": lambda key: "constancia_" + key[-43:],
    "of no form": lambda key: key + "A",
}


def test_every_wrong_key_costs_the_same(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row looked for, by the same statement, and one hash compared, whatever is wrong."""
    done: list[Any] = []
    execute, compare = psycopg.Connection.execute, hmac.compare_digest

    def executed(self: Any, query: Any, *more: Any, **options: Any) -> Any:
        done.append(query)
        return execute(self, query, *more, **options)

    def compared(one: bytes, other: bytes) -> bool:
        done.append((len(one), len(other)))
        return compare(one, other)

    keys = [auth.create_key(conn, "test", "edit") for _ in range(3)]
    conn.execute("UPDATE api_keys SET revoked_at = now() WHERE id = %s", [keys[1][0]])
    conn.execute(
        "UPDATE api_keys SET created_at = '2026-01-01', valid_until = now() WHERE id = %s",
        [keys[2][0]],
    )
    monkeypatch.setattr(psycopg.Connection, "execute", executed)
    monkeypatch.setattr(hmac, "compare_digest", compared)
    auth.authenticate(conn, keys[0][1])
    known = [*done]
    assert len(known) == 2
    wrong = {name: change(keys[0][1]) for name, change in WRONG.items()}
    for name, key in {**wrong, "revoked": keys[1][1], "ended": keys[2][1]}.items():
        done.clear()
        with pytest.raises(RequestError) as refused:
            auth.authenticate(conn, key)
        assert refused.value.slug == "unauthenticated"
        assert done == known, name


def test_a_key_ends_by_the_clock_of_the_database(conn: Connection) -> None:
    """Between two requests, whatever the clock of who asks says."""
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
