"""`make bench`: requests per second, compared with an empty route and with the bare statements.

Two stores, with 3,000 and with 300,000 release events (10,000 and 1,000,000 attestations), are in
one embedded PostgreSQL, each served by a gunicorn with the service's settings. A figure is the
median of several rounds. In each round, for each figure, the empty route, the API and pgbench run
one after the other, on the small store and then on the large one; a ratio is the median of the
ratios within a round. The aims are printed beside the figures; no run fails.
"""

import argparse
import json
import multiprocessing
import os
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from uuid import UUID

import psycopg
from psycopg.conninfo import make_conninfo

from api import auth, config
from api.database import connections
from api.server import embedded
from tests.bench import loads, stores
from tests.bench.digests import digest_of

SIZES = (3_000, 300_000)
WARM_UP = 1.0
WRITES_TO_WARM_UP = 80
AIMS = {
    "GET /v1/counts": "0.8 of empty",
    "GET /v1/counts?as_of=": "0.8 of empty; large/small 0.5",
    "GET /v1/counts?as_of=&group_by=facility_id": "large/small 0.5",
    "GET /v1/counts?as_of=&group_by=sex": "large/small 0.5",
    "GET /v1/counts/timeline, 365 days": "a fifth of counts?as_of=",
    "GET /v1/counts?as_of=&recorded_as_of=": "grows with people",
    "GET /v1/counts?facility_id=": "grows with events that match",
    "GET /v1/counts?facility_id=&sex=": "grows with events that match",
    "GET /v1/comparisons?limit=50": "grows with events that match",
    "GET /v1/release-events?limit=50": "0.6 of empty",
    "GET /v1/release-events/{id}/verification": "",
    "GET /v1/counts, unchanged": "0.8 of empty",
    "GET /v1/release-events?limit=50, unchanged": "0.8 of empty",
    "POST /v1/attestations": "0.5 of pgbench",
}
WRITE = "POST /v1/attestations"
# The code that determines the content of a filled store.
FILLERS = (
    "sql",
    "api/cases",
    "api/matching",
    "api/records",
    "api/verification",
    "tests/bench/stores.py",
)
NEWCOMERS = "SELECT id FROM sources WHERE name LIKE 'The newcomer-%' ORDER BY id"
EVENTS_LIKE_MOST = """
    SELECT a.release_event_id FROM attestations a JOIN verdicts v USING (release_event_id)
    WHERE v.independent_denials = 0 GROUP BY a.release_event_id
    HAVING count(DISTINCT a.id) = 3 AND max(v.independent_sources) = 2
"""
# The record time at which half of the entries were loaded.
HALF_LOADED = """
    SELECT rfc3339(recorded_at) FROM ledger
    WHERE seq = (SELECT seq / 2 FROM ledger_head)
"""
# The events from which pgbench draws at random.
TARGETS = (
    """
    CREATE TABLE bench_targets AS
    SELECT row_number() OVER () AS n, id AS event, detainee_id AS detainee FROM release_events
    """,
    "ALTER TABLE bench_targets ADD PRIMARY KEY (n)",
    "CREATE INDEX ON bench_targets (event)",
    "VACUUM (ANALYZE) bench_targets",
)


@dataclass
class Store:
    """One size: the port of its gunicorn, the copy for pgbench, requests and scripts by figure."""

    port: int
    bare: str
    requests: dict[str, list[bytes]]
    scripts: dict[str, Path]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=1, help="for each read, in each round")
    parser.add_argument("--writes", type=int, default=800, help="in each round")
    parser.add_argument("--sizes", type=int, nargs=2, default=SIZES, metavar="EVENTS")
    options = parser.parse_args()
    sizes = options.sizes
    cores = len(os.sched_getaffinity(0))
    print(f"{cores} cores, load {os.getloadavg()[0]:.1f}; filled stores are kept for the next run")
    with ExitStack() as stack:
        server = stack.enter_context(embedded.running(config.read().data_dir / "bench"))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        client = stack.enter_context(ProcessPoolExecutor(1, multiprocessing.get_context("spawn")))
        writes = options.rounds * options.writes + WRITES_TO_WARM_UP
        sides = [
            stack.enter_context(_store(server, size, folder / str(size), writes)) for size in sizes
        ]
        drive = partial(_drive, client)
        _warm_up(sides, drive)
        rounds = []
        for i in range(options.rounds):
            rounds.append(_round(sides, drive, options.seconds, options.writes))
            print(f"Round {i + 1} of {options.rounds}", flush=True)
        _print(rounds, sizes)
        print("The whole list as CSV, GET /v1/attestations?format=csv:")
        for size, store in zip(sizes, sides, strict=True):
            rows, seconds, grown = loads.stream(store.port, "/v1/attestations?format=csv")
            print(
                f"{size:>9,} events: {rows:,} rows in {seconds:.1f} s; "
                f"the worker's memory grew by at most {grown / 1024:.1f} MiB"
            )


# Setting up


@contextmanager
def _store(server: str, size: int, folder: Path, writes: int) -> Iterator[Store]:
    template = _filled(server, size)
    folder.mkdir()
    with (
        _copied(server, template, f"api_{size}") as url,
        _copied(server, template, f"bare_{size}") as bare,
        loads.served(url) as port,
    ):
        with connections.connect(url) as conn:
            _, key = auth.create_key(conn, "bench", "contribute")
            events = [row.id for row in conn.execute("SELECT id FROM release_events ORDER BY id")]
            newcomers = [row.id for row in conn.execute(NEWCOMERS)]
            like_most = {row.release_event_id for row in conn.execute(EVENTS_LIKE_MOST)}
            (prison,) = conn.execute("SELECT id FROM facilities ORDER BY id LIMIT 1").fetchone()
            (recorded,) = conn.execute(HALF_LOADED).fetchone()
        with connections.connect(bare) as conn:
            _, bare_key = auth.create_key(conn, "bench", "contribute")
            for statement in TARGETS:
                conn.execute(statement)
        random.Random(size).shuffle(events)
        attestations = list(_attestations(events, newcomers, writes))
        at = f"/v1/counts?as_of={stores.MIDDLE}"
        reads = {
            "GET /v1/counts": ["/v1/counts"],
            "GET /v1/counts?as_of=": [at],
            "GET /v1/counts?as_of=&group_by=facility_id": [f"{at}&group_by=facility_id"],
            "GET /v1/counts?as_of=&group_by=sex": [f"{at}&group_by=sex"],
            "GET /v1/counts/timeline, 365 days": [
                "/v1/counts/timeline?from=2025-01-01&until=2025-12-31&time_zone=America/Caracas"
            ],
            "GET /v1/counts?as_of=&recorded_as_of=": [f"{at}&recorded_as_of={recorded}"],
            "GET /v1/counts?facility_id=": [f"/v1/counts?facility_id={prison}"],
            "GET /v1/counts?facility_id=&sex=": [f"/v1/counts?facility_id={prison}&sex=female"],
            "GET /v1/comparisons?limit=50": ["/v1/comparisons?limit=50"],
            "GET /v1/release-events?limit=50": ["/v1/release-events?limit=50"],
            "GET /v1/release-events/{id}/verification": [
                f"/v1/release-events/{event}/verification" for event in events[:2000]
            ],
        }
        requests = {
            name: [loads.request("GET", path) for path in paths] for name, paths in reads.items()
        }
        scripts = {name: loads.script(bare, "GET", paths[0]) for name, paths in reads.items()}
        for name in ("GET /v1/counts", "GET /v1/release-events?limit=50"):
            requests[f"{name}, unchanged"] = requests[name]
            scripts[f"{name}, unchanged"] = loads.statement("ledger/get_public_version")
        requests[WRITE] = [
            loads.request("POST", "/v1/attestations", json.dumps(attestation).encode(), key)
            for attestation in attestations
        ]
        # The event is like most others, so that the write changes a person status.
        event = next(event for event in events if event in like_most)
        scripts[WRITE] = loads.script(
            bare,
            "POST",
            "/v1/attestations",
            json={**attestations[0], "release_event_id": str(event)},
            headers={"Authorization": f"Bearer {bare_key}"},
        )
        files = {name: folder / f"{i}.sql" for i, name in enumerate(scripts)}
        for name, text in scripts.items():
            files[name].write_text(text)
        yield Store(port, bare, requests, files)


def _attestations(
    events: list[UUID], newcomers: list[UUID], count: int
) -> Iterator[dict[str, str]]:
    """New attestations: each is the latest of the next event, by a source that has none on it."""
    began = datetime.now(UTC) - timedelta(hours=1)
    for i in range(count):
        yield {
            "release_event_id": str(events[i % len(events)]),
            "source_id": str(newcomers[i // len(events) % len(newcomers)]),
            "stance": "confirms",
            "basis": "first_hand",
            "release_kind": "full",
            "evidence": "report",
            "published_at": (began + timedelta(milliseconds=i)).isoformat(),
            "url": f"https://example.org/bench/{i}",
        }


@contextmanager
def _copied(server: str, template: str, name: str) -> Iterator[str]:
    """Yield the URL of a copy of a database, dropped at the end. The original must be idle."""
    with psycopg.connect(make_conninfo(server, dbname="postgres"), autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        try:
            yield make_conninfo(server, dbname=name)
        finally:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _filled(server: str, size: int) -> str:
    """Return the name of a filled database, reused while the code that fills it is unchanged."""
    name = f"store_{size}_{digest_of(*FILLERS)}"
    with psycopg.connect(make_conninfo(server, dbname="postgres"), autocommit=True) as conn:
        databases = [row[0] for row in conn.execute("SELECT datname FROM pg_database")]
        for other in databases:
            # Includes the databases of an interrupted run.
            if other in (f"api_{size}", f"bare_{size}", f"filling_{size}") or (
                other.startswith(f"store_{size}_") and other != name
            ):
                conn.execute(f"DROP DATABASE {other} WITH (FORCE)")
        if name not in databases:
            print(f"Filling a store of {size:,} release events", flush=True)
            conn.execute(f"CREATE DATABASE filling_{size}")
            url = make_conninfo(server, dbname=f"filling_{size}")
            stores.fill(url, size, lambda message: print(f"  {message}", flush=True))
            conn.execute(f"ALTER DATABASE filling_{size} RENAME TO {name}")
    return name


# Measuring


def _drive(
    client: ProcessPoolExecutor, store: Store, requests: list[bytes], seconds: float | None
) -> float:
    return client.submit(loads.drive, store.port, requests, seconds).result()


def _requests_of(store: Store, name: str) -> list[bytes]:
    """The requests of a read; for an unchanged response, with its current entity tag."""
    requests = store.requests[name]
    if not name.endswith(", unchanged"):
        return requests
    return [loads.conditional(store.port, request) for request in requests]


def _next_writes(store: Store, count: int) -> list[bytes]:
    """Remove and return the next writes: each is sent once."""
    writes, store.requests[WRITE] = store.requests[WRITE][:count], store.requests[WRITE][count:]
    return writes


def _warm_up(sides: list[Store], drive: Callable[..., float]) -> None:
    for store in sides:
        for name in AIMS:
            if name == WRITE:
                drive(store, _next_writes(store, WRITES_TO_WARM_UP), None)
                _pgbench(store, name, count=WRITES_TO_WARM_UP)
            else:
                drive(store, _requests_of(store, name), WARM_UP)
                _pgbench(store, name, seconds=1)


def _pgbench(store: Store, name: str, **amount: int) -> float:
    return loads.pgbench(store.bare, store.scripts[name], **amount)


Measured = dict[str, list[tuple[float, float, float]]]
"""Per figure and store: requests per second to the empty route and the API, and of pgbench."""


def _round(sides: list[Store], drive: Callable[..., float], seconds: int, writes: int) -> Measured:
    measured: Measured = {}
    empty = [loads.request("GET", loads.EMPTY)]
    for name in AIMS:
        measured[name] = []
        for store in sides:
            bare = drive(store, empty, seconds)
            if name == WRITE:
                api = drive(store, _next_writes(store, writes), None)
                statements = _pgbench(store, name, count=writes)
            else:
                api = drive(store, _requests_of(store, name), seconds)
                statements = _pgbench(store, name, seconds=seconds)
            measured[name].append((bare, api, statements))
    return measured


def _print(rounds: list[Measured], sizes: Sequence[int]) -> None:
    heads = "".join(f"  {f'{size:,} events':^34}" for size in sizes)
    columns = f"  {'per s':>9}{'pgbench':>9}{'/empty':>8}{'/pgbench':>9}" * len(sizes)
    print(f"\n{'':42}{heads}\n{'':42}{columns}  large/small  aims")
    for name, aim in {**dict.fromkeys(["empty route"], ""), **AIMS}.items():
        line = f"{name:42}"
        for i in range(len(sizes)):
            of_all = [of_one[i] for r in rounds for of_one in r.values()]
            of_name = [r[name][i] for r in rounds] if name in AIMS else of_all
            empty, api, bare = (median(figures) for figures in zip(*of_name, strict=True))
            if name not in AIMS:
                line += f"  {empty:>9,.0f}{'':26}"
                continue
            to_empty = median(answered / empty for empty, answered, _ in of_name)
            to_bare = median(answered / bare for _, answered, bare in of_name)
            line += f"  {api:>9,.0f}{bare:>9,.0f}{to_empty:>8.2f}{to_bare:>9.2f}"
        if name in AIMS:
            ratios = [large[1] / small[1] for small, large in (r[name] for r in rounds)]
            line += f"  {median(ratios):>11.2f}  {aim}"
        print(line)
    for i, size in enumerate(sizes):
        day, count = "GET /v1/counts/timeline, 365 days", "GET /v1/counts?as_of="
        ratio = median(r[count][i][1] / r[day][i][1] for r in rounds)
        print(f"{size:,} events: a timeline of 365 days costs {ratio:.1f} counts.")


if __name__ == "__main__":
    main()
