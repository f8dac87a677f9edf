"""`python -m tests.bench.crowds`: how others are served beside crowds, with and without nginx.

Plain clients read counts and write attestations. `--tree` names other code to compare with.
"""

import argparse
import os
import random
import threading
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from statistics import quantiles
from typing import Any

from api.server import embedded
from tests.bench import stores
from tests.server.crowds import Behaviour, crowd, greedy, hold, preview, trickle
from tests.support import Client, NginxService, Service, attestation_body, serving

CLIENTS = 2
"""Plain clients of each kind."""
PAUSE_SECONDS = 0.05
PATIENCE_SECONDS = 5
"""A request without its response after this time is not served."""
HEAT_SECONDS = 3
_ADDRESS = "127.0.0.3"
"""Another than that of the crowd and of writers, since nginx limits the rate of an address."""


@dataclass
class Served:
    """The fate of the plain requests of one kind."""

    seconds: list[float] = field(default_factory=list)
    failed: int = 0

    @property
    def share(self) -> float:
        return len(self.seconds) / max(1, len(self.seconds) + self.failed)

    def milliseconds(self, percent: int) -> float:
        if len(self.seconds) < 2:
            return float("nan")
        return 1000 * quantiles(self.seconds, n=100, method="inclusive")[percent - 1]

    def __str__(self) -> str:
        return (
            f"{100 * self.share:5.1f} % of {len(self.seconds) + self.failed:5}, "
            f"p50 {self.milliseconds(50):6.1f} ms, p95 {self.milliseconds(95):7.1f} ms"
        )


class PlainClients:
    """Clients that read counts and write attestations."""

    def __init__(self, port: int, key: str) -> None:
        self._port, self._key = port, key
        with Client(port, key) as editor:
            events = editor.get("/v1/release-events?limit=200")["items"]
            self._events = [event["id"] for event in events]
            self._source = editor.source(f"Agencia {time.monotonic_ns()}")

    def run(self, seconds: float) -> dict[str, Served]:
        served = {"counts": Served(), "writes": Served()}
        until = time.monotonic() + seconds
        threads = [
            threading.Thread(target=self._ask, args=(kind, of_kind, until))
            for kind, of_kind in served.items()
            for _ in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return served

    def _ask(self, kind: str, served: Served, until: float) -> None:
        with Client(self._port, self._key, PATIENCE_SECONDS, _ADDRESS) as client:
            while (began := time.monotonic()) < until:
                try:
                    status, _ = client.send(*self._request(kind))
                except (OSError, HTTPException, ValueError):
                    status = 0
                if status in (200, 201):
                    served.seconds.append(time.monotonic() - began)
                else:
                    served.failed += 1
                time.sleep(PAUSE_SECONDS)

    def _request(self, kind: str) -> tuple[str, str, Any]:
        if kind == "counts":
            return "GET", "/v1/counts", None
        body = attestation_body(random.choice(self._events), self._source)
        return "POST", "/v1/attestations", body


ATTACKS: dict[str, tuple[Behaviour, int, tuple[type[Service], ...]]] = {
    "16 greedy": (greedy, 16, (Service, NginxService)),
    "32 greedy": (greedy, 32, (Service, NginxService)),
    "50 greedy": (greedy, 50, (Service, NginxService)),
    "20 previews": (preview, 20, (Service, NginxService)),
    "8,300 trickling": (trickle, 8300, (NginxService,)),
    "1 held a second": (hold, 1, (Service,)),
    "5 held a second": (hold, 5, (Service,)),
}


def cpu_seconds(running: Service) -> float:
    """The processor time of all processes of a service."""
    ticks = 0
    for pid in running.processes():
        try:
            times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        except OSError:
            continue
        ticks += sum(map(int, times))
    return ticks / os.sysconf("SC_CLK_TCK")


def measure(running: Service, name: str, seconds: float) -> None:
    key = running.key("edit")
    plain = PlainClients(running.port, key)
    behave, size, _ = ATTACKS.get(name, (greedy, 0, ()))
    with crowd(behave, size, running.port, running.key("edit")) if size else nullcontext() as seen:
        time.sleep(HEAT_SECONDS)
        began, spent = time.monotonic(), cpu_seconds(running)
        served = plain.run(seconds)
        cores = (cpu_seconds(running) - spent) / (time.monotonic() - began)
    print(f"{type(running).__name__:12} {name:16} {cores:.2f} cores", dict(seen or {}))
    for kind, of_kind in served.items():
        print(f"{'':12} {kind:16} {of_kind}", flush=True)


def _kind(kind: type[Service], tree: Path) -> type[Service]:
    """The kind of service, with the code of a tree."""
    script = tree / "api" / "server" / "nginx.sh"
    return type(kind.__name__, (kind,), {"_SCRIPT": script})


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.crowds", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True, help="is filled if it is new")
    parser.add_argument("--events", type=int, default=30_000)
    parser.add_argument("--tree", type=Path, default=Path(__file__).parents[2])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--attacks", nargs="*", choices=ATTACKS, default=list(ATTACKS))
    options = parser.parse_args()
    if not options.data_dir.exists():
        with embedded.running(options.data_dir) as url:
            stores.fill(url, options.events, print)
    for kind in (Service, NginxService):
        with serving(options.data_dir, _kind(kind, options.tree), folder=options.tree) as running:
            measure(running, "nobody", options.seconds)
            for name in options.attacks:
                if kind in ATTACKS[name][2]:
                    measure(running, name, options.seconds)


if __name__ == "__main__":
    main()
