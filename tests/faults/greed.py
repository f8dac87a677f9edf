"""Crowds of clients that want more than their share, through nginx and without quotas."""

import time

from api.server import embedded
from tests.bench import stores
from tests.bench.crowds import PlainClients, Served
from tests.faults.table import Row
from tests.faults.writers import fleet
from tests.server.crowds import Behaviour, crowd, greedy, preview, trickle
from tests.store_checks import open_store
from tests.support import NginxService, data_dir, serving

_MIN_SHARE = 0.99
_MAX_RATIO = 3
"""Of the 95th percentiles with and without the crowd."""


def greedy_clients(size: int = 50, seconds: float = 20, events: int = 300) -> Row:
    """Exports and whole lists, one right after the other. Others are still served."""
    return _beside(f"{size} greedy clients without a key", greedy, size, seconds, events)


def greedy_holders(size: int = 50, seconds: float = 20, events: int = 300) -> Row:
    """The same with a key, which matches people, too."""
    fault = f"{size} greedy clients with a key"
    return _beside(fault, greedy, size, seconds, events, scope="contribute")


def previewing_clients(size: int = 20, seconds: float = 20, events: int = 300) -> Row:
    """Previews of lists, some of which are too long to compare."""
    return _beside(f"{size} previews at once", preview, size, seconds, events, scope="contribute")


def trickling_clients(size: int = 8300, seconds: float = 20, events: int = 300) -> Row:
    """Sockets that send one byte every four seconds."""
    return _beside(f"{size:,} sockets that trickle", trickle, size, seconds, events)


def _beside(
    fault: str,
    behave: Behaviour,
    size: int,
    seconds: float,
    events: int,
    scope: str | None = None,
) -> Row:
    row = Row(fault)
    with data_dir() as directory:
        with embedded.running(directory) as url:
            stores.fill(url, events, lambda _: None)
        with serving(directory, NginxService) as running:
            key = running.key("edit")
            crowd_key = running.key(scope) if scope else ""
            plain = PlainClients(running.port, key)
            with fleet(running.port, key, clients=2) as writers:
                alone = plain.run(seconds)
                with crowd(behave, size, running.port, crowd_key) as seen:
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
