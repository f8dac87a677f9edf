"""Lost connections to the database: at every message of a request, and all at once."""

import time
from collections import Counter
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any

from tests.faults.proxy import Proxy, proxied
from tests.faults.table import Row
from tests.faults.writers import fleet
from tests.store_checks import check_store, open_store
from tests.support import Client, Service, attestation_body, wait_until

_ONE = {"CONSTANCIA_THREADS": "1"}


class _Cuts:
    """Requests whose connection is cut one message later each time."""

    def __init__(self, running: Service, proxy: Proxy, client: Client, row: Row) -> None:
        self._running, self._proxy, self._client, self._row = running, proxy, client, row
        self.statuses: Counter[int] = Counter()
        self.acknowledged: list[str] = []
        self.committed = 0
        self.cut_short = 0

    def reconnect(self) -> None:
        """Open a new connection, so that a request always has the same number of messages."""
        self._proxy.count()
        # The pool must not connect meanwhile, since it waits after a failure.
        wait_until(self._running.ready, "ready again")
        self._proxy.cut()
        wait_until(self._running.ready, "ready again")

    def send(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Any:
        status, response, content = self._client.exchange(method, path, body, headers)
        self._row.sent += 1
        self._row.must(status in (200, 201, 409, 503), f"{method} {path} was answered {status}")
        self._row.must(status < 400 or response["Retry-After"], f"{status} without Retry-After")
        return status, response, content

    def length(
        self, method: str, path: str, body: Any, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        """Return the number of messages of a complete request, and the content of its response."""
        status, response = 503, b""
        while status == 503:  # on a busy machine the pool may not have connected yet
            self.reconnect()
            self._proxy.count()
            status, _, response = self.send(method, path, body, headers)
        return self._proxy.passed, response

    def write(self, path: str, body: Mapping[str, Any], label: str, at: int) -> None:
        key = {"Idempotency-Key": f"{label} {at}".replace(" ", "-")}
        self.reconnect()
        self._proxy.count(at)
        status, _, first = self.send("POST", path, body, key)
        self.statuses[status] += 1
        self._proxy.count()
        retry_status = 503
        while retry_status in (409, 503):  # PostgreSQL may not have noticed the cut yet
            retry_status, response, second = self.send("POST", path, body, key)
        self.acknowledged += [label] * ((status == 201) + (retry_status == 201))
        self.committed += status == 503 and response["Idempotent-Replayed"] == "true"
        self._row.differing += status == 201 and first != second

    def read(self, path: str, complete: bytes, at: int) -> None:
        """A streamed response cannot become a 503; its end must show that it is incomplete."""
        self.reconnect()
        self._proxy.count(at)
        try:
            status, _, content = self.send("GET", path, None, {})
        except (OSError, HTTPException):
            self.cut_short += 1
            return
        self.statuses[status] += 1
        if status == 200 and "counts" not in path:  # whose responses contain the time
            self._row.must(content == complete, f"a part of {path} looks complete")


def cut_connections(step: int = 1) -> Row:
    """Cut the connection before each message of either side, in writes and reads."""
    row = Row("connection cut before every message" if step == 1 else "connections cut")
    points = 0
    with proxied(workers=1, **_ONE) as (running, proxy):
        with Client(running.port, running.key("edit")) as client:
            cuts = _Cuts(running, proxy, client, row)
            event, sources = client.event("Nombre"), [client.source(f"Fuente {n}") for n in "AB"]
            client.attest(event, sources[0])
            source = {"name": "write", "kind": "ngo"}
            attestation = attestation_body(event, sources[1])
            for path in ("/v1/counts", "/v1/sources?format=csv", "/v1/export"):
                length, complete = cuts.length("GET", path, None, {})
                # Every query of a read is cut, since it has more messages than the step.
                for at in range(1, length + 2, min(step, 8)):
                    cuts.read(path, complete, at)
                    points += 1
            for path, body, field in (
                ("/v1/sources", source, "name"),
                ("/v1/attestations", attestation, "note"),
            ):
                first = {**body, field: f"write {path} whole"}
                length, _ = cuts.length("POST", path, first, {"Idempotency-Key": "whole"})
                # The commit is among the last ten messages.
                for at in sorted({*range(1, length, step), *range(length - 10, length + 2)}):
                    label = f"write {path} {at}"
                    cuts.write(path, {**body, field: label}, label, at)
                    points += 1
        with open_store(running) as conn:
            labels = Counter(
                source.label
                for source in conn.execute(
                    "SELECT name AS label FROM sources WHERE name LIKE 'write %' "
                    "UNION ALL SELECT note FROM attestations WHERE note IS NOT NULL"
                )
            )
            check_store(conn)
    row.acknowledged = len(cuts.acknowledged)
    row.lost = len({*cuts.acknowledged} - {*labels})
    row.doubled = sum(times > 1 for times in labels.values())
    row.must(row.lost == 0, "an acknowledged write is lost")
    row.must(row.doubled == 0, "a write is stored twice")
    row.must(row.differing == 0, "a retry got another response")
    row.must(cuts.committed, "no write was cut after its commit")
    row.must(cuts.statuses[503], "no connection was cut")
    row.remark = (
        f"{points} points; {cuts.statuses[503]} responses 503, {cuts.committed} of them after the "
        f"commit; {cuts.cut_short} responses visibly incomplete"
    )
    return row


def cut_off(times: int = 30) -> Row:
    """Cut all connections at once, every half second."""
    row = Row(f"all connections cut, {times} times")
    seconds = []
    with proxied() as (running, proxy):
        with fleet(running.port, running.key("edit"), pause=0) as writers:
            for _ in range(times):
                writers.more()
                at = time.monotonic()
                proxy.cut()
                seconds.append(writers.ready_again(at))
                time.sleep(max(0.0, at + 0.5 - time.monotonic()))
        with open_store(running) as conn:
            writers.fill(row, conn)
    row.ready = seconds
    row.must(writers.statuses[503], "no connection was cut")
    row.remark = f"{writers.statuses[503]} responses 503"
    return row
