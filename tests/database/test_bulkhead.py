"""Heavy requests: bounded in total and for each caller, on connections of their own."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from io import BytesIO
from mmap import mmap
from typing import Any

import pytest
from flask.testing import FlaskClient
from psycopg.conninfo import make_conninfo
from psycopg_pool import ConnectionPool
from werkzeug.test import TestResponse

from api import auth
from api.app import create_app
from api.database import bulkhead
from api.database.bulkhead import (
    MIN_BYTES_PER_SECOND,
    PATIENCE_SECONDS,
    SLOTS,
    SLOTS_PER_CALLER,
    Bulkhead,
    paced,
)
from api.database.queries import Connection
from api.http.rate_limits import RateLimits, RequestCounts
from tests.conftest import Api, client_of
from tests.support import open_pool, run_together
from tests.whole_set.operations import LISTS, OPERATIONS, TABULAR, UNKNOWN_ID

PLAIN_POOL = 1
HEAVY = [operation.id for operation in OPERATIONS.values() if operation.is_heavy]
OTHER = "203.0.113.7"


@pytest.fixture
def client(database: str) -> Iterator[FlaskClient]:
    """A client of a service with a bulkhead, and a single connection for all other requests."""
    rate_limits = RateLimits(RequestCounts(10_000, 10_000))
    with (
        open_pool(database, PLAIN_POOL) as pool,
        open_pool(database, SLOTS) as heavy_pool,
    ):
        heavy = Bulkhead(heavy_pool)
        yield create_app(pool, rate_limits=rate_limits, bulkhead=heavy).test_client()


def key(conn: Connection, scope: str = "edit") -> dict[str, str]:
    return {"Authorization": f"Bearer {auth.create_key(conn, scope, scope)[1]}"}


def export(client: FlaskClient, address: str = "127.0.0.1", **options: Any) -> TestResponse:
    """Begin an export, and read only its first block."""
    origin = {"REMOTE_ADDR": address}
    return client.get("/v1/export", buffered=False, environ_base=origin, **options)


@contextmanager
def full(client: FlaskClient) -> Iterator[None]:
    """Hold all slots, by callers with other addresses."""
    with ExitStack() as stack:
        for number in range(SLOTS):
            download = export(client, f"198.51.100.{number}")
            assert download.status_code == 200
            stack.callback(download.close)
        yield


def check_refused(response: TestResponse, status: int, slug: str) -> None:
    problem = response.get_json(force=True)
    assert (response.status_code, problem["type"]) == (status, f"/problems/{slug}"), problem
    assert int(response.headers["Retry-After"]) > 0


def test_caller_and_service_have_a_bound_of_heavy_requests(
    client: FlaskClient, conn: Connection
) -> None:
    """A key is another caller than its address. A refusal of a caller's own bound comes first."""
    headers = key(conn)
    callers: list[dict[str, Any]] = [{}, {"headers": headers}, {"address": OTHER}]
    downloads: list[list[TestResponse]] = [[], [], []]
    for caller, held in list(zip(callers, downloads, strict=True))[: SLOTS // SLOTS_PER_CALLER]:
        for _ in range(SLOTS_PER_CALLER):
            held.append(export(client, **caller))
            assert held[-1].status_code == 200
    check_refused(export(client), 429, "too-many-heavy-requests")
    check_refused(export(client, headers=headers), 429, "too-many-heavy-requests")
    check_refused(export(client, OTHER), 503, "busy")
    # The common pool has one connection, and it is free.
    for path in ("/v1/counts", "/v1/sources?limit=1", "/readyz"):
        assert client.get(path).status_code == 200
    body = {"name": "Foro Prueba", "kind": "ngo"}
    assert client.post("/v1/sources", json=body, headers=headers).status_code == 201
    downloads[0].pop().close()
    with export(client, OTHER) as download:
        assert download.status_code == 200
    for held in downloads:
        for download in held:
            download.close()


def test_heavy_requests_of_a_caller_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only one computes at a time, in all workers. A response that is being read keeps no turn."""
    monkeypatch.setattr(bulkhead, "_TURN_SECONDS", 600)
    heavy = Bulkhead(ConnectionPool(connection_class=Connection, open=False))
    computing = mmap(-1, 1)
    reading = threading.Barrier(SLOTS_PER_CALLER)

    def blocks() -> Iterator[bytes]:
        for _ in range(20):
            assert computing[0] == 0
            computing[0] = 1
            time.sleep(0.001)
            computing[0] = 0
            yield b"block"

    def download() -> int:
        with heavy.slot(b"caller") as turn:
            return sum(reading.wait(60) >= 0 for _ in paced(blocks(), turn))

    def download_together() -> bool:
        return run_together(*[download] * SLOTS_PER_CALLER) == [20] * SLOTS_PER_CALLER

    worker = os.fork()
    if not worker:
        with suppress(BaseException):
            os._exit(not download_together())
        os._exit(1)
    assert download_together()
    assert os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) == 0
    # Another caller has other turns, and one that lasts long keeps nobody from computing.
    with heavy.slot(b"caller") as first, first():
        with heavy.slot(b"other") as other, other():
            pass
        monkeypatch.setattr(bulkhead, "_TURN_SECONDS", 0)
        with heavy.slot(b"caller") as second, second(), second():
            pass


def test_killed_worker_leaks_no_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulkhead, "_TURN_SECONDS", 0)
    heavy = Bulkhead(ConnectionPool(connection_class=Connection, open=False))
    worker = os.fork()
    if not worker:
        with suppress(BaseException), heavy.slot(b"caller") as turn, turn():
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) == -signal.SIGKILL
    assert heavy._turns.wait(heavy._turns.place(b"caller"))


class _SlowBody(BytesIO):
    """A body whose reading calls a function first."""

    def __init__(self, content: bytes, before: Callable[[], Any]) -> None:
        super().__init__(content)
        self._before = before

    def readinto(self, buffer: Any, /) -> int:
        self._before()
        return super().readinto(buffer)


def test_slow_upload_holds_no_turn(
    client: FlaskClient, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a list is received, its caller's other heavy requests compute."""
    monkeypatch.setattr(bulkhead, "_TURN_SECONDS", 0)
    headers = key(conn)
    statuses: list[int] = []
    are_taken: list[bool] = []
    wait = bulkhead._Turns.wait

    def observed_wait(turns: bulkhead._Turns, place: int) -> bool:
        are_taken.append(wait(turns, place))
        return are_taken[-1]

    monkeypatch.setattr(bulkhead._Turns, "wait", observed_wait)

    def match() -> None:
        body = {"items": [{"name": "Ana Sosa"}]}
        response = client.application.test_client().post(
            "/v1/detainees/match", json=body, headers=headers
        )
        statuses.append(response.status_code)

    body = b"name\nAna Sosa\n"
    imported = client.post(
        "/v1/imports",
        input_stream=_SlowBody(body, match),
        content_length=len(body),
        content_type="text/csv",
        headers=headers,
    )
    assert imported.status_code == 201, imported.text
    assert set(statuses) == {200}
    assert all(are_taken)


def test_paused_export_is_complete(database: str, editor: Api) -> None:
    """Its snapshot may be idle longer than other transactions, since a client may pause."""
    editor.source("Foro")
    impatient = make_conninfo(database, options="-c idle_in_transaction_session_timeout=4s")
    with open_pool(impatient, 1) as pool, client_of(pool) as client:
        download = export(client)
        blocks = download.iter_encoded()
        first = next(blocks)
        time.sleep(5)
        *_, last = [first, *blocks]
    assert b'"totals"' in last


def test_slot_is_free_after_each_kind_of_response(client: FlaskClient, conn: Connection) -> None:
    headers = key(conn)
    switch_interval = sys.getswitchinterval()
    etag = client.get("/v1/sources?format=csv").headers["ETag"]
    for _ in range(SLOTS + 1):
        assert client.get("/v1/export").status_code == 200
        assert client.head("/v1/export").status_code == 200
        assert client.get(f"/v1/imports/{UNKNOWN_ID}").status_code == 404
        # Another weak tag, since a 304 from memory would hold no slot.
        not_modified = {"If-None-Match": f'"x", {etag}'}
        assert client.get("/v1/sources?format=csv", headers=not_modified).status_code == 304
        assert client.post("/v1/detainees/match", json={}, headers=headers).status_code == 422
        with export(client) as response:
            next(response.iter_encoded())
    with full(client):
        assert sys.getswitchinterval() < switch_interval
    assert sys.getswitchinterval() == switch_interval


def test_only_heavy_requests_are_refused(client: FlaskClient, conn: Connection) -> None:
    assert HEAVY == [
        "getDifferencesPage",
        "getCitationPage",
        "getCitedPage",
        "matchDetainees",
        "listDuplicates",
        "createImport",
        "getImport",
        "applyImport",
        "getCase",
        "listDifferences",
        "createCitation",
        "getCitation",
        "exportStore",
        "exportPackage",
    ]
    required = {"listDuplicates": "?resource=source", "getCitedPage": "?url=/v1/counts"}
    requests = [
        (operation, path, operation.id in HEAVY)
        for operation in OPERATIONS.values()
        for path in [
            operation.path.format(id=UNKNOWN_ID, slug="busy", asset="redoc.standalone.js")
            + required.get(operation.id, "")
        ]
    ]
    requests += [
        (
            operation,
            f"{operation.path.format(id=UNKNOWN_ID)}?format={format}{limit}",
            operation.is_heavy or not limit,
        )
        for operation in LISTS
        if operation in TABULAR
        for format in ("csv", "ndjson")
        for limit in ("", "&limit=1")
    ]
    headers = key(conn)
    types = {"createImport": "text/csv", "applyImport": "application/json"}
    with full(client):
        for operation, path, is_heavy in requests:
            response = client.open(
                path,
                method=operation.method.upper(),
                headers=headers,
                content_type=types.get(operation.id),
            )
            if is_heavy:
                check_refused(response, 503, "busy")
            else:
                assert response.status_code != 503, path


def test_slow_reader_frees_its_slot(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client may pause for a while, and the service may be slow; a slow client is cut off."""
    now = 0.0

    def clock() -> float:
        return now

    def read(pause: float, work: float) -> int:
        """Read ten seconds' worth of blocks, and return how many came."""
        nonlocal now
        closed = []

        def blocks() -> Iterator[bytes]:
            nonlocal now
            try:
                for _ in range(10):
                    now += work
                    yield bytes(MIN_BYTES_PER_SECOND)
            finally:
                closed.append(True)

        count = 0
        with suppress(ConnectionResetError):
            for _ in paced(blocks(), nullcontext, clock):
                count += 1
                now += pause
        assert closed == [True]
        return count

    assert read(pause=PATIENCE_SECONDS / 10 + 1, work=PATIENCE_SECONDS) == 10
    assert read(pause=PATIENCE_SECONDS / 5, work=0) == 6
    monkeypatch.setattr(bulkhead, "PATIENCE_SECONDS", -1)
    with suppress(ConnectionResetError), export(client) as download:
        list(download.iter_encoded())
    for _ in range(SLOTS_PER_CALLER + 1):
        assert client.get("/v1/export").status_code == 200
