"""`python -m tests.faults [NAME ...]`: run each fault in full and print a table."""

import sys
from collections.abc import Callable

from tests.faults import clocks, cuts, disks, greed, kills, load, orders, pools, upgrades, vanishing
from tests.faults.table import Row, heading, line

FAULTS: list[Callable[[], Row]] = [
    kills.retries,
    kills.killed_workers,
    kills.killed_postgresql,
    kills.killed_master,
    kills.killed_supervisors,
    pools.stopped_database,
    cuts.cut_connections,
    cuts.cut_off,
    pools.full_pool,
    pools.late_database,
    vanishing.vanished_clients,
    greed.greedy_clients,
    greed.greedy_holders,
    greed.previewing_clients,
    greed.trickling_clients,
    disks.full_disk,
    disks.full_wal_disk,
    clocks.shifted_service,
    clocks.shifted_database,
    orders.contradictory_writes,
    orders.followed_writers,
    upgrades.migrated_twice,
    upgrades.reloaded_workers,
    upgrades.upgraded,
    load.mixed_load,
]


def main(names: list[str]) -> None:
    chosen = [fault for fault in FAULTS if not names or fault.__name__ in names]
    print(heading(), flush=True)
    broken = 0
    for fault in chosen:
        row = fault()
        broken += bool(row.broken)
        print(line(row.cells()), flush=True)
    if broken:
        sys.exit(f"\n{broken} of {len(chosen)} faults broke the service.")


if __name__ == "__main__":
    main(sys.argv[1:])
