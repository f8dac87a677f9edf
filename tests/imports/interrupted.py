"""Imports by a service whose processes are killed while it writes."""

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from typing import Any, cast

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


def kill_during_preview(service: Service, *request: Any) -> None:
    """Send a list, and kill all processes when the keys of its first rows are written, and the
    rows are not."""
    _kill_while_waiting(
        service, *request, lock="LOCK import_rows IN EXCLUSIVE MODE", written="import_keys"
    )


def kill_during_write(service: Service, *request: Any) -> None:
    """Send decisions or a case, and kill all processes when people are written, and the last lock
    is not taken."""
    _kill_while_waiting(
        service, *request, lock="SELECT FROM ledger_head FOR UPDATE", written="detainees"
    )


def _kill_while_waiting(service: Service, *request: Any, lock: str, written: str) -> None:
    """Hold a lock, send a request, and kill all processes when it waits for the lock and has
    written to a table."""
    with open_store(service) as conn, ThreadPoolExecutor(1) as thread:
        conn.execute("BEGIN")
        conn.execute(cast(Any, lock))
        future = thread.submit(send, service, *request)
        waiting = (
            "SELECT FROM pg_locks written JOIN pg_locks last USING (pid) WHERE NOT last.granted "
            "AND written.relation = %s::regclass AND written.mode = 'RowExclusiveLock'"
        )
        wait_until(lambda: conn.execute(waiting, [written]).fetchall(), "it waits")
        service.kill()
        assert isinstance(future.exception(60), OSError | HTTPException | ValueError)
        conn.close()
