"""Idempotency: one key, one write, one response."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.app import create_app
from api.database.queries import Connection
from api.http import idempotency
from tests.conftest import Api, client_of
from tests.problems import check_problem
from tests.support import open_pool
from tests.whole_set.operations import OPERATIONS, WRITES
from tests.whole_set.session import Session

RETRIABLE = sorted(operation.id for operation in WRITES if operation.takes_idempotency_key)
KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"
LAST = "SELECT seq FROM ledger_head"


def send(api: Api, name: str, key: str = KEY, path: str = "/v1/detainees") -> TestResponse:
    return api.send("POST", path, json={"name": name}, headers={"Idempotency-Key": key})


def people(api: Api) -> list[str]:
    return [person["name"] for person in api.get("/v1/detainees", limit=200)["items"]]


def check_replayed(first: TestResponse, second: TestResponse) -> None:
    """Check that the second response is a replay of the first."""
    assert (second.status_code, second.data) == (first.status_code, first.data)
    assert second.headers.pop("Idempotent-Replayed") == "true"
    # Each request has a new id.
    headers = [{n: v for n, v in a.headers if n != "Request-Id"} for a in (first, second)]
    assert headers[0] == headers[1]
    assert first.headers["Request-Id"] != second.headers["Request-Id"]


class Retrying(Api):
    """An API that sends every write twice, and checks that the second is a replay."""

    conn: Connection

    def send(self, method: str, path: str, **options: Any) -> TestResponse:
        if method != "POST" or path.endswith("/match"):
            return super().send(method, path, **options)
        Retrying.sent += 1
        options["headers"] = {"Idempotency-Key": f"key {Retrying.sent}".replace(" ", "-")}
        first = super().send(method, path, **options)
        last_entry = Retrying.conn.execute(LAST).fetchone()
        check_replayed(first, super().send(method, path, **options))
        assert Retrying.conn.execute(LAST).fetchone() == last_entry
        return first

    def scope(self, scope: str) -> "Retrying":
        return Retrying(self.client, self._keys, self._keys(scope))

    sent = 0


def test_every_post_that_writes_takes_an_idempotency_key() -> None:
    posts = {o.id for o in WRITES if o.method == "post"}
    # It writes nothing, so it can be retried without a key.
    assert posts - set(RETRIABLE) == {"matchDetainees"}


@pytest.mark.parametrize("operation_id", RETRIABLE)
def test_retry_with_same_key_replays_the_response(
    api: Api, conn: Connection, operation_id: str
) -> None:
    Retrying.conn = conn
    visit = Session(Retrying(api.client, api._keys)).do(operation_id)
    assert visit.response.status_code == OPERATIONS[operation_id].status


def test_quotes_around_an_idempotency_key_are_optional(editor: Api) -> None:
    first = send(editor, "Ana", f'"{KEY}"')
    check_replayed(first, send(editor, "Ana"))
    assert people(editor) == ["Ana"]


def test_key_cannot_be_reused_for_another_body(editor: Api) -> None:
    assert send(editor, "Ana").status_code == 201
    check_problem(send(editor, "Eva"), "idempotency-key-reused")
    assert people(editor) == ["Ana"]


def test_rejected_request_can_be_corrected_under_the_same_key(editor: Api) -> None:
    check_problem(send(editor, ""), "validation-error")
    assert send(editor, "Ana").status_code == 201
    existing = {"detainee_id": editor.get("/v1/detainees")["items"][0]["id"]}
    check_problem(
        editor.send("POST", "/v1/release-events", json=existing, headers={"Idempotency-Key": KEY}),
        "validation-error",
    )


def test_idempotency_key_is_separate_for_each_caller_and_path(api: Api, editor: Api) -> None:
    contributor = api.scope("contribute")
    ids = {send(editor, "Ana").json["id"], send(contributor, "Ana").json["id"]}
    source = {"name": "Ana", "kind": "ngo"}
    response = editor.send("POST", "/v1/sources", json=source, headers={"Idempotency-Key": KEY})
    assert response.status_code == 201
    assert len(ids) == 2


@pytest.mark.parametrize("key", ["", "x" * 256, '"', '""', '"open', "two words", "señal", "a\tb"])
def test_malformed_idempotency_key_is_rejected(editor: Api, key: str) -> None:
    problem = check_problem(send(editor, "Ana", key), "validation-error")
    assert [error["pointer"] for error in problem["errors"]] == ["/Idempotency-Key"]
    assert people(editor) == []


def test_idempotency_keys_of_every_length_and_character(editor: Api) -> None:
    for key in (
        "x",
        "x" * 255,
        '"' + "y" * 255 + '"',
        '"two words"',
        "!#$%&'()*+,-./:;<=>?@[]^_`{|}~",
    ):
        check_replayed(send(editor, key[:9], key), send(editor, key[:9], key))


@contextmanager
def another_worker(database: str) -> Iterator[FlaskClient]:
    with open_pool(database, 2) as pool, client_of(pool) as client:
        yield client


def test_other_workers_replay_the_response(database: str, editor: Api) -> None:
    first = send(editor, "Ana")
    for _ in range(2):
        with another_worker(database) as client:
            check_replayed(first, send(Api(client, editor._keys, editor._key), "Ana"))


def test_later_changes_of_the_record_do_not_change_the_replay(editor: Api) -> None:
    first = send(editor, "Ana")
    editor.patch(first.headers["Location"], {"name": "Ana María", "withheld": True})
    check_replayed(first, send(editor, "Ana"))


def test_retry_of_a_write_in_progress_is_rejected_at_once(
    database: str, editor: Api, conn: Connection
) -> None:
    """The first write waits for the head of the ledger, as every write does at its end."""
    with ThreadPoolExecutor(1) as thread, another_worker(database) as client:
        with conn.transaction():
            conn.execute("SELECT FROM ledger_head FOR UPDATE")
            first = thread.submit(send, editor, "Ana")
            other = Api(client, editor._keys, editor._key)
            while not waiting(conn):
                pass
            problem = send(other, "Ana")
            check_problem(problem, "idempotency-key-in-use")
            assert problem.headers["Retry-After"] == "1"
        check_replayed(first.result(), send(other, "Ana"))
    assert people(editor) == ["Ana"]


def waiting(conn: Connection) -> bool:
    row = conn.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted) AS yes").fetchone()
    return bool(row and row.yes)


def test_concurrent_retries_are_one_write(database: str, editor: Api) -> None:
    at_once, keys, times = 8, 6, 5
    responses: dict[int, set[bytes]] = {key: set() for key in range(keys)}
    statuses: Counter[int] = Counter()
    barrier = threading.Barrier(at_once, timeout=60)
    with open_pool(database, at_once) as pool:
        app = create_app(pool)

        def caller() -> None:
            api = Api(app.test_client(), editor._keys, editor._key)
            for key in range(keys):
                barrier.wait()
                for _ in range(times):
                    response = send(api, f"Persona {key}", f"key-{key}")
                    statuses[response.status_code] += 1
                    if response.status_code == 201:
                        responses[key].add(response.data)

        with ThreadPoolExecutor(at_once) as threads:
            for future in [threads.submit(caller) for _ in range(at_once)]:
                future.result()
    assert set(statuses) <= {201, 409}
    assert all(len(bodies) == 1 for bodies in responses.values())
    assert len(people(editor)) == keys


def test_keys_expire_after_a_day(
    editor: Api, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One write of a hundred deletes expired keys; in this test each does."""
    monkeypatch.setattr(idempotency, "EXPIRY_SHARE", 1)

    def age(interval: str) -> None:
        conn.execute("UPDATE idempotency_keys SET created_at = now() - %s::interval", [interval])

    def stored() -> int:
        row = conn.execute("SELECT count(*) AS n FROM idempotency_keys").fetchone()
        return int(row.n) if row else 0

    for i in range(3):
        send(editor, f"Persona {i}", f"key-{i}")
    age("23 hours 59 minutes")
    assert send(editor, "Persona 0", "key-0").headers["Idempotent-Replayed"] == "true"
    send(editor, "Otra", "one-more")
    assert stored() == 4
    age("24 hours 1 minute")
    send(editor, "Otra", "the-last")
    assert stored() == 1


def test_most_writes_do_not_look_for_expired_keys(
    editor: Api, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "EXPIRY_SHARE", 0)
    send(editor, "Ana", "old")
    conn.execute("UPDATE idempotency_keys SET created_at = now() - interval '2 days'")
    send(editor, "Eva", "new")
    assert send(editor, "Ana", "old").headers["Idempotent-Replayed"] == "true"


def test_without_a_key_each_request_is_a_write(editor: Api) -> None:
    for _ in range(2):
        editor.post("/v1/detainees", {"name": "Ana"})
    assert people(editor) == ["Ana", "Ana"]


def test_retried_preview_is_the_same_import(editor: Api, conn: Connection) -> None:
    def preview(text: str, content_type: str = "text/csv", **query: str) -> TestResponse:
        return editor.send(
            "POST",
            "/v1/imports",
            data=text.encode(),
            content_type=content_type,
            query_string=query,
            headers={"Idempotency-Key": KEY},
        )

    first = preview("name\nAna\n")
    check_replayed(first, preview("name\nAna\n"))
    check_problem(preview("name\nEva\n"), "idempotency-key-reused")
    check_problem(preview("name\nAna\n", date_order="day_first"), "idempotency-key-reused")
    # In another encoding the same bytes are other names.
    for other in ("text/csv; charset=windows-1252", "application/x-ndjson"):
        check_problem(preview("name\nAna\n", other), "idempotency-key-reused")
    applied = [
        editor.send(
            "POST",
            f"/v1/imports/{first.json['id']}/apply",
            json={"decisions": []},
            headers={"Idempotency-Key": "apply"},
        )
        for _ in range(2)
    ]
    check_replayed(*applied)
    assert people(editor) == ["Ana"]
    row = conn.execute("SELECT count(*) AS n FROM imports").fetchone()
    assert row is not None
    assert row.n == 1
