"""Imports by a service whose processes are killed while it writes."""

import contextlib
import json
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from typing import Any

from tests.store_checks import open_store
from tests.support import Service, wait_until


def send(service: Service, key: str, path: str, body: bytes, media_type: str) -> tuple[int, Any]:
    """Send an import, or the decisions on one, again while the service is busy.

    Return the status and the JSON of the response.
    """
    headers = {"Authorization": f"Bearer {key}", "Content-Type": media_type}
    status = 503
    while status == 503:
        with contextlib.closing(HTTPConnection("127.0.0.1", service.port, timeout=600)) as sender:
            sender.request("POST", path, body, headers)
            response = sender.getresponse()
            status, content = response.status, json.loads(response.read())
    return status, content


def kill_during_preview(service: Service, *request: Any, table: str) -> None:
    """Send a file, and kill all processes when 20 kB of the table are written, early in the
    preview."""
    with open_store(service) as conn, ThreadPoolExecutor(1) as thread:
        size = f"SELECT pg_relation_size('{table}') AS n"
        before = conn.execute(size).fetchone().n
        future = thread.submit(send, service, *request)
        wait_until(lambda: conn.execute(size).fetchone().n > before + 20_000, "it writes")
        assert not future.done()
        _kill(service, future)


def kill_during_apply(service: Service, *request: Any) -> None:
    """Send decisions, and kill all processes when people are written, and the last lock is not
    taken."""
    with open_store(service) as conn, ThreadPoolExecutor(1) as thread:
        conn.execute("BEGIN")
        conn.execute("SELECT FROM ledger_head FOR UPDATE")
        future = thread.submit(send, service, *request)
        waiting = (
            "SELECT FROM pg_locks people JOIN pg_locks last USING (pid) WHERE NOT last.granted "
            "AND people.relation = 'detainees'::regclass AND people.mode = 'RowExclusiveLock'"
        )
        wait_until(lambda: conn.execute(waiting).fetchall(), "it waits for the ledger")
        _kill(service, future)
        conn.close()


def _kill(service: Service, future: Future[Any]) -> None:
    service.kill()
    assert isinstance(future.exception(60), OSError | HTTPException | ValueError)
