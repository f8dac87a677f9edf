"""What Prometheus is told: the same by every worker, and nothing of what was asked."""

import os
import re
import signal
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import Client, Service, data_dir, serving, wait_until


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def scrape(port: int) -> dict[str, float]:
    """Each sample by its name and labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    samples = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in samples}


@pytest.fixture(scope="module")
def watched() -> Iterator[tuple[Service, int]]:
    port = free_port()
    with (
        data_dir() as directory,
        serving(directory, CONSTANCIA_METRICS_PORT=str(port)) as service,
    ):
        yield service, port


def test_requests_are_counted_across_workers_and_their_deaths(watched: tuple[Service, int]) -> None:
    service, port = watched
    counted = 'constancia_requests_total{operation="listSources",status="2xx"}'
    for _ in range(20):
        with Client(service.port) as client:
            client.get("/v1/sources")
    # The last is counted once its answer was sent.
    wait_until(lambda: scrape(port).get(counted) == 20, "counted")
    for _ in range(8):  # whichever worker answers
        samples = scrape(port)
        assert samples[counted] == 20
        assert samples['constancia_request_seconds_count{operation="listSources"}'] == 20
        assert samples["constancia_requests_in_flight"] == 0
    worker = service.workers()[0]
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: worker not in service.workers() and len(service.workers()) == 2, "replaced")
    wait_until(service.ready, "ready")
    assert scrape(port)[counted] == 20
    with Client(service.port) as client:
        client.get("/v1/sources")
    wait_until(lambda: scrape(port)[counted] == 21, "counted")


def test_the_pool_and_the_public_ledger_are_told(watched: tuple[Service, int]) -> None:
    service, port = watched
    with Client(service.port, service.key("edit")) as client:
        client.source("Puertas")
        client.event("Ana Prueba")
        head = client.get("/v1/changes?limit=200")["items"][-1]["seq"]
    wait_until(
        lambda: scrape(port).get("constancia_ledger_public_seq") == head, "the ledger's head"
    )
    samples = scrape(port)
    assert samples["constancia_pool_connections"] >= 2
    assert 0 <= samples["constancia_pool_connections_used"] <= 16
    assert samples["constancia_pool_waiting"] == 0


def test_no_label_is_of_a_callers_making(watched: tuple[Service, int]) -> None:
    service, port = watched
    with Client(service.port) as client:
        for path in ("/canaria", "/v1/detainees?q=canaria", "/v1/sources/canaria"):
            client.send("GET", path)
    samples = scrape(port)
    assert 'constancia_requests_total{operation="none",status="4xx"}' in samples
    assert not re.search("canari", " ".join(samples), re.IGNORECASE)
    labels = {label for name in samples for label in re.findall(r"(\w+)=", name)}
    assert labels == {"operation", "status", "le"}


def test_they_are_open_to_this_machine_alone(watched: tuple[Service, int]) -> None:
    service, port = watched
    with Client(service.port) as client:
        assert client.send("GET", "/metrics")[0] == 404
    listening = {
        int(line.split()[1].split(":")[1], 16): line.split()[1].split(":")[0]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    }
    assert listening[port] == "0100007F"
    assert port not in {
        int(line.split()[1].split(":")[1], 16)
        for line in Path("/proc/net/tcp6").read_text().splitlines()[1:]
    }
