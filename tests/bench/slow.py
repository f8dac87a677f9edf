"""`python -m tests.bench.slow`: latency beside slow clients, 200 of each kind, with and without
nginx."""

import time
from http.client import HTTPException
from statistics import quantiles

from tests.server.slow import SlowClients
from tests.support import Client, NginxService, Service, data_dir, serving, wait_until

SIZE, PROBES = 200, 300


def measure(kind: type[Service]) -> None:
    with data_dir() as directory, serving(directory, kind) as service:
        for size in (0, SIZE):
            with SlowClients(service.port, size) as crowd:
                wait_until(lambda crowd=crowd: crowd.are_connected, "all are connected")
                time.sleep(2)
                seconds, failed = probe(service.port)
            p99 = quantiles(seconds, n=100)[98] if len(seconds) > 1 else float("nan")
            print(
                f"{kind.__name__:8} {size:4} of each kind: {len(seconds)} responses, "
                f"{failed} failures; "
                f"p99 {1000 * p99:.0f} ms, worst {1000 * max(seconds, default=0):.0f} ms; "
                f"disconnected {dict(crowd.disconnected)}"
            )


def probe(port: int) -> tuple[list[float], int]:
    """Send probes; return the seconds of each that succeeds within five seconds, and the number of
    the others. Stops after ten failures."""
    seconds: list[float] = []
    failed = 0
    while len(seconds) + failed < PROBES and failed < 10:
        began = time.perf_counter()
        try:
            with Client(port, timeout=5) as client:
                status, *_ = client.send("GET", "/v1/counts")
        except (OSError, HTTPException, ValueError):
            failed += 1
        else:
            if status == 200:
                seconds.append(time.perf_counter() - began)
            else:
                failed += 1
        time.sleep(0.05)
    return seconds, failed


if __name__ == "__main__":
    measure(NginxService)
    measure(Service)
