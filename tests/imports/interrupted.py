"""Imports by a service whose processes are killed while it writes."""

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor
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


def kill_while_sending(service: Service, *request: Any, table: str) -> None:
    """Send a request, and kill all processes when it has written 20 kB to the table."""
    with open_store(service) as conn, ThreadPoolExecutor(1) as thread:
        size = f"SELECT pg_relation_size('{table}') AS n"
        before = conn.execute(size).fetchone().n
        future = thread.submit(send, service, *request)
        wait_until(lambda: conn.execute(size).fetchone().n > before + 20_000, "it writes")
        assert not future.done()
        service.kill()
        assert isinstance(future.exception(60), OSError | HTTPException | ValueError)
