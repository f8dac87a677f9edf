"""Prometheus metrics: summed over all workers, and without values from a request."""

import os
import re
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.database.bulkhead import SLOTS
from tests.support import Client, Service, data_dir, reserved_port, serving, wait_until


def scrape(port: int) -> dict[str, float]:
    """The value of each sample, by name and labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as response:
        lines = response.read().decode().splitlines()
    samples = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in samples}


@pytest.fixture(scope="module")
def monitored() -> Iterator[tuple[Service, int]]:
    port = reserved_port()
    with (
        data_dir() as directory,
        serving(directory, CONSTANCIA_METRICS_PORT=str(port)) as service,
    ):
        yield service, port


def test_requests_are_summed_over_workers_dead_ones_included(
    monitored: tuple[Service, int],
) -> None:
    service, port = monitored
    requests = 'constancia_requests_total{operation="listSources",status="2xx"}'
    for _ in range(20):
        with Client(service.port) as client:
            client.get("/v1/sources")
    # A request is counted after its response was sent, first as ended, and its time last.
    seconds = 'constancia_request_seconds_count{operation="listSources"}'
    wait_until(lambda: scrape(port).get(seconds) == 20, "counted")
    assert scrape(port)[requests] == 20
    wait_until(lambda: scrape(port)["constancia_requests_in_flight"] == 0, "all have ended")
    worker = service.workers()[0]
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: worker not in service.workers() and len(service.workers()) == 2, "replaced")
    wait_until(service.ready, "ready")
    assert scrape(port)[requests] == 20
    with Client(service.port) as client:
        client.get("/v1/sources")
    wait_until(lambda: scrape(port)[requests] == 21, "counted")


def test_file_that_a_worker_has_just_created_fails_no_scrape(
    monitored: tuple[Service, int],
) -> None:
    service, port = monitored
    wait_until(lambda: scrape(port), "sampled")
    open_files = Path(f"/proc/{service.workers()[0]}/fd").iterdir()
    folder = next(file for fd in open_files if (file := fd.resolve()).suffix == ".db").parent
    new = folder / "counter_1.db"
    new.touch()
    try:
        assert scrape(port)
    finally:
        new.unlink()


def test_pool_and_public_ledger_are_sampled(monitored: tuple[Service, int]) -> None:
    service, port = monitored
    with Client(service.port, service.key("edit")) as client:
        client.source("Puertas")
        client.event("Ana Prueba")
        head = client.get("/v1/changes?limit=200")["items"][-1]["seq"]
    wait_until(lambda: scrape(port).get("constancia_ledger_public_seq") == head, "sampled")

    def are_idle(pool: str, most: int) -> bool:
        samples, label = scrape(port), f'{{pool="{pool}"}}'
        connections = samples[f"constancia_pool_connections{label}"]
        assert samples[f"constancia_pool_connections_used{label}"] <= most
        return 2 <= connections <= most and samples[f"constancia_pool_waiting{label}"] == 0

    # Each worker samples its pools by itself.
    for pool, most in (("common", 16), ("heavy", 2 * SLOTS)):
        wait_until(lambda pool=pool, most=most: are_idle(pool, most), f"the {pool} pools")


def test_labels_hold_nothing_from_a_request(monitored: tuple[Service, int]) -> None:
    service, port = monitored
    with Client(service.port) as client:
        for path in ("/canaria", "/v1/detainees?q=canaria", "/v1/sources/canaria"):
            client.send("GET", path)
    rejected = 'constancia_requests_total{operation="none",status="4xx"}'
    wait_until(lambda: rejected in scrape(port), "counted")
    samples = scrape(port)
    assert not re.search("canari", " ".join(samples), re.IGNORECASE)
    labels = {label for name in samples for label in re.findall(r"(\w+)=", name)}
    assert labels == {"operation", "status", "le", "pool"}


def test_metrics_start_at_zero_after_a_restart() -> None:
    port = reserved_port()
    requests = 'constancia_requests_total{operation="listSources",status="2xx"}'
    with data_dir() as directory:
        for _ in range(2):
            settings = {"CONSTANCIA_METRICS_PORT": str(port)}
            with serving(directory, workers=1, **settings) as service:
                assert requests not in scrape(port)
                with Client(service.port) as client:
                    client.get("/v1/sources")
                wait_until(lambda: scrape(port).get(requests) == 1, "counted")


def test_folder_of_a_killed_master_is_removed() -> None:
    port = reserved_port()
    with data_dir() as directory:
        temporary = directory.with_name("temporary")
        temporary.mkdir()
        settings = {"CONSTANCIA_METRICS_PORT": str(port), "TMPDIR": str(temporary)}
        with serving(directory, workers=1, **settings) as service:
            service.process.kill()
            service.process.wait()
        assert list(temporary.glob("constancia-metrics-*"))
        with serving(directory, workers=1, **settings):
            pass
        assert not list(temporary.glob("constancia-metrics-*"))


def test_metrics_are_served_on_the_loopback_interface_only(
    monitored: tuple[Service, int],
) -> None:
    service, port = monitored
    with Client(service.port) as client:
        assert client.send("GET", "/metrics")[0] == 404
    assert listening_addresses("tcp", port) == {"0100007F"}
    assert listening_addresses("tcp6", port) == set()


def listening_addresses(protocol: str, port: int) -> set[str]:
    """The local addresses, in hexadecimal, that listen on a port."""
    lines = [line.split() for line in Path(f"/proc/net/{protocol}").read_text().splitlines()[1:]]
    listening = [fields[1].split(":") for fields in lines if fields[3] == "0A"]
    return {address for address, number in listening if int(number, 16) == port}
