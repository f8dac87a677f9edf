"""The faults of tests/faults, each in short.

Those of test_interruptions.py, test_operation.py and test_serve.py are left out.
"""

import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.faults import clocks, cuts, kills, mutants, orders, pools, upgrades, vanishing
from tests.faults.table import Row
from tests.faults.writers import Fleet

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="finds the processes of a service in /proc"
)

IN_SHORT = [
    partial(kills.retries, writes=30, times=5, clients=16),
    partial(kills.killed_master, times=1),
    partial(cuts.cut_connections, step=50),
    partial(cuts.cut_off, times=2),
    partial(pools.late_database, seconds=1),
    partial(vanishing.vanished_clients, clients=40),
    partial(orders.contradictory_writes, clients=6, writes=8, pairs=10),
    partial(orders.followed_writers, writers=4, each=40),
    partial(upgrades.upgraded),
]
OF_CLOCKS = [partial(clocks.shifted_service), partial(clocks.shifted_database)]


@pytest.fixture(autouse=True)
def patient_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients send less often than in `make faults`: while a service starts or recovers, their
    requests took most of the CPU time."""
    monkeypatch.setattr(Fleet, "PAUSE_SECONDS", 0.2)
    monkeypatch.setattr(Fleet, "RETRY_SECONDS", 0.2)


@pytest.mark.parametrize("fault", IN_SHORT, ids=lambda fault: fault.func.__name__)
def test_service_survives_the_fault(fault: Callable[[], Row]) -> None:
    row = fault()
    assert row.broken == []
    assert row.acknowledged > 0


@pytest.mark.skipif(shutil.which("cc") is None, reason="makes a clock with a C compiler")
@pytest.mark.parametrize("fault", OF_CLOCKS, ids=lambda fault: fault.func.__name__)
def test_service_survives_a_shifted_clock(fault: Callable[[], Row]) -> None:
    test_service_survives_the_fault(fault)


@pytest.mark.parametrize("mutant", mutants.mutants(), ids=lambda mutant: mutant.name)
def test_mutant_applies_and_its_test_exists(mutant: mutants.Mutant, tmp_path: Path) -> None:
    """`make faults` checks that the test fails."""
    mutants.copy(tmp_path)
    mutants.mutate(tmp_path, mutant)
    path, _, test = mutant.test.partition("::")
    assert f"def {test.partition('[')[0]}(" in (tmp_path / path).read_text()
