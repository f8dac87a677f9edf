"""Crowds of clients that want more than their share."""

import time

from api.server import embedded
from tests.bench import stores
from tests.bench.crowds import PlainClients, Served
from tests.faults.table import Row
from tests.faults.writers import fleet
from tests.server.crowds import Behaviour, crowd, greedy, trickle
from tests.store_checks import open_store
from tests.support import NginxService, Service, data_dir, serving

_MIN_SHARE = 0.99
_MAX_RATIO = 3
"""Of the 95th percentiles with and without the crowd."""


def greedy_clients(size: int = 50, seconds: float = 20, events: int = 300) -> Row:
    """Exports, whole lists and matches, one right after the other. Others are still served."""
    return _beside(f"{size} greedy clients", greedy, size, seconds, events, Service)


def trickling_clients(size: int = 8300, seconds: float = 20, events: int = 300) -> Row:
    """Sockets that send one byte every four seconds, through nginx."""
    return _beside(f"{size:,} sockets that trickle", trickle, size, seconds, events, NginxService)


def _beside(
    fault: str,
    behave: Behaviour,
    size: int,
    seconds: float,
    events: int,
    kind: type[Service],
) -> Row:
    row = Row(fault)
    with data_dir() as directory:
        with embedded.running(directory) as url:
            stores.fill(url, events, lambda _: None)
        with serving(directory, kind) as running:
            key = running.key("edit")
            plain = PlainClients(running.port, key)
            alone = plain.run(seconds)
            with fleet(running.port, key, clients=2) as writers:
                with crowd(behave, size, running.port, running.key("contribute")) as seen:
                    writers.more()
                    served = plain.run(seconds)
                row.ready = [writers.ready_again(time.monotonic())]
            with open_store(running) as conn:
                writers.fill(row, conn)
    for name, of_kind in served.items():
        row.must(of_kind.share >= _MIN_SHARE, f"{name}: {of_kind}")
        ratio = of_kind.milliseconds(95) / alone[name].milliseconds(95)
        row.must(ratio <= _MAX_RATIO, f"{name}: p95 {ratio:.1f} times that without them")
    row.remark = f"{_figures(served)}; without them {_figures(alone)}; {dict(seen)}"
    return row


def _figures(served: dict[str, Served]) -> str:
    return ", ".join(f"{name} {of_kind}" for name, of_kind in served.items())
