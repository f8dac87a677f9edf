"""The faults of tests/faults, each in short."""

import sys
from collections.abc import Callable
from functools import partial

import pytest

from tests.faults import cuts, kills, orders, vanishing
from tests.faults.table import Row

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="finds the processes of a service in /proc"
)

IN_SHORT = [
    partial(kills.retries, writes=60, times=5, clients=16),
    partial(kills.killed_workers, seconds=3),
    partial(kills.killed_postgresql, times=1),
    partial(cuts.cut_connections, step=25),
    partial(vanishing.vanished_clients, clients=40),
    partial(orders.contradictory_writes, clients=6, writes=8, pairs=10),
    partial(orders.followed_writers, writers=4, each=40),
]


@pytest.mark.parametrize("fault", IN_SHORT, ids=lambda fault: fault.func.__name__)
def test_what_must_hold_holds(fault: Callable[[], Row]) -> None:
    row = fault()
    assert row.broken == []
    assert row.acknowledged > 0
