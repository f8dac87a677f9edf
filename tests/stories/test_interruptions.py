"""A service under concurrent writers and under kill -9.

No acknowledged write is lost or duplicated, and the store agrees with the rule.
"""

import contextlib
import functools
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from typing import Any

import pytest

from api.database import queries
from api.server.cluster import command_of
from tests.commands.running import constancia
from tests.store_checks import check_store, open_store
from tests.support import (
    NOON,
    Client,
    Follower,
    Service,
    attestation_body,
    data_dir,
    have_ended,
    run_together,
    serving,
    wait_until,
)

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="finds the processes of a service in /proc"
)


@pytest.fixture(scope="module")
def shared() -> Iterator[Service]:
    """One service for the tests that only write."""
    with data_dir() as directory, serving(directory) as service:
        yield service


@pytest.fixture(scope="module")
def key(shared: Service) -> str:
    return shared.key("edit")


@pytest.fixture
def editor(shared: Service, key: str) -> Iterator[Client]:
    with Client(shared.port, key) as client:
        yield client


@pytest.fixture
def service() -> Iterator[Service]:
    """A service for one test, which may break it."""
    with data_dir() as directory, serving(directory) as service:
        yield service


def attest_concurrently(service: Service, key: str, attestations: Iterable[Any]) -> None:
    """Send these attestations concurrently, each by another client."""

    def attest(body: Any) -> None:
        with Client(service.port, key) as client:
            client.post("/v1/attestations", body)

    run_together(*(functools.partial(attest, body) for body in attestations))


# Concurrency.


def test_concurrent_attestations_of_many_events(shared: Service, key: str, editor: Client) -> None:
    first, second, third = (editor.source(f"Fuente {n}") for n in "ABC")
    events = [editor.event(f"Persona {n}") for n in range(25)]
    firsts = [editor.attest(event, first)["id"] for event in events]
    follower = Follower(shared.port)

    attestations = [attestation_body(event, second, NOON + timedelta(hours=1)) for event in events]
    for event, origin in zip(events, firsts, strict=True):
        relay = {"basis": "relayed", "relays": [{"attestation_id": origin}]}
        attestations.append(attestation_body(event, third, NOON + timedelta(minutes=30), **relay))
    attest_concurrently(shared, key, attestations)
    follower.finish()

    verifications = {
        event: editor.get(f"/v1/release-events/{event}")["verification"] for event in events
    }
    assert {verification["status"] for verification in verifications.values()} == {"confirmed"}
    assert {verification["independent_sources"] for verification in verifications.values()} == {2}
    with open_store(shared) as conn:
        check_store(conn)
        head = conn.execute("SELECT seq FROM ledger_head").fetchone().seq
    assert follower.seen == list(range(1, head + 1))


def test_sixteen_writers_on_one_event(shared: Service, key: str, editor: Client) -> None:
    event = editor.event("Una persona")
    sources = [editor.source(f"Testigo {n}") for n in range(16)]
    minutes = [NOON + timedelta(minutes=n) for n in range(16)]
    attest_concurrently(
        shared,
        key,
        [
            attestation_body(event, *attestation)
            for attestation in zip(sources, minutes, strict=True)
        ],
    )
    verification = editor.get(f"/v1/release-events/{event}/verification")
    assert verification["independent_sources"] == len(verification["proof"]) == 16
    assert [step["independent_sources"] for step in verification["history"]] == list(range(1, 17))
    with open_store(shared) as conn:
        check_store(conn)


def test_sixteen_writers_on_one_person_with_two_events(
    shared: Service, key: str, editor: Client
) -> None:
    before = editor.get("/v1/counts")
    person = editor.person("Otra persona")
    denied, confirmed = (editor.event_of(person, day) for day in ("2026-01-08", "2025-12-08"))
    sources = [editor.source(f"Vecino {n}") for n in range(8)]
    attestations = [attestation_body(denied, source, stance="denies") for source in sources]
    attestations += [attestation_body(confirmed, source) for source in sources]
    attest_concurrently(shared, key, attestations)
    verifications = [
        editor.get(f"/v1/release-events/{id}/verification") for id in (denied, confirmed)
    ]
    assert [verification["status"] for verification in verifications] == ["refuted", "confirmed"]
    assert verifications[0]["independent_denials"] == verifications[1]["independent_sources"] == 8
    after = editor.get("/v1/counts")
    assert after["confirmed"] == before["confirmed"] + 1
    assert after["refuted"] == before["refuted"]
    with open_store(shared) as conn:
        check_store(conn)


def test_affiliations_change_during_attestations(shared: Service, key: str, editor: Client) -> None:
    sources = [editor.source(f"Casa {n}") for n in range(5)]
    events = [editor.event(f"Vecina {n}") for n in range(10)]
    affiliations: list[str] = []

    def random_day(chance: random.Random) -> str | None:
        return chance.choice([None, f"2026-01-{chance.randrange(5, 9):02}T00:00:00Z"])

    def affiliate(seed: int) -> list[tuple[int, Any]]:
        chance, client, responses = random.Random(seed), Client(shared.port, key), []
        for _ in range(12):
            source, other = chance.sample(sources, 2)
            if affiliations and chance.random() < 0.6:
                valid_until = chance.choice(
                    [None, f"2026-01-{chance.randrange(9, 14):02}T00:00:00Z"]
                )
                period = {"valid_from": random_day(chance), "valid_until": valid_until}
                path = f"/v1/affiliations/{chance.choice(affiliations)}"
                responses.append(client.send_patiently("PATCH", path, period))
            else:
                body = {"with_source_id": other, "relation": "related_to"}
                body["valid_from"] = random_day(chance) or "2026-01-10T00:00:00Z"
                path = f"/v1/sources/{source}/affiliations"
                responses.append(client.send_patiently("POST", path, body))
                affiliations.append(responses[-1][1].get("id"))
        client.close()
        return responses

    def attest(seed: int) -> list[tuple[int, Any]]:
        chance, client, responses = random.Random(seed), Client(shared.port, key), []
        for _ in range(20):
            source, other = chance.sample(sources, 2)
            relay = {"basis": "relayed", "relays": [{"source_id": other}]}
            body = attestation_body(
                chance.choice(events),
                source,
                datetime(2026, 1, chance.randrange(8, 15), chance.randrange(24), tzinfo=UTC),
                stance=chance.choice(["confirms", "confirms", "denies"]),
                **chance.choice([{}, relay]),
            )
            responses.append(client.send_patiently("POST", "/v1/attestations", body))
        client.close()
        return responses

    responses = run_together(
        *(lambda n=n: affiliate(n) for n in range(4)),
        *(lambda n=n: attest(100 + n) for n in range(8)),
    )
    assert [
        response
        for thread_responses in responses
        for response in thread_responses
        if response[0] not in (200, 201)
    ] == []
    with open_store(shared) as conn:
        check_store(conn)
        changed = conn.execute("SELECT count(*) AS n FROM verdicts WHERE recorded_until < now()")
        assert changed.fetchone().n > 0


def test_affiliation_recorded_while_both_sources_attest(
    shared: Service, key: str, editor: Client
) -> None:
    """The verdict considers all three writes: affiliated sources count as one group."""
    events = []
    for n in range(25):
        event = editor.event(f"Hija {n}")
        owner, owned = editor.source(f"Dueño {n}"), editor.source(f"Propiedad {n}")
        affiliation = {"with_source_id": owner, "relation": "owned_by"}
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(Client(shared.port, key)) for _ in range(3)]
            for client in clients:
                client.get("/healthz")  # connect, so that all requests arrive at the same time
            run_together(
                functools.partial(clients[0].attest, event, owner),
                functools.partial(clients[1].attest, event, owned),
                functools.partial(
                    clients[2].post, f"/v1/sources/{owned}/affiliations", affiliation
                ),
            )
        events.append(event)
    verifications = [editor.get(f"/v1/release-events/{event}")["verification"] for event in events]
    assert Counter(verification["independent_sources"] for verification in verifications) == {1: 25}
    with open_store(shared) as conn:
        check_store(conn)


# Killed processes.


class Writers:
    """Threads that attest, each time with another note, and record each outcome."""

    def __init__(self, service: Service, key: str, count: int = 8) -> None:
        self._port, self._key = service.port, key
        with Client(service.port, key) as editor:
            self._sources = [editor.source(f"Agencia {n}") for n in range(6)]
            self._events = [editor.event(f"Nombre {n}") for n in range(30)]
        self._enough = threading.Event()
        self.acknowledged: list[str] = []
        self.unknown: list[str] = []
        self.refused: list[Any] = []
        self._threads = [threading.Thread(target=self._write, args=[n]) for n in range(count)]
        for thread in self._threads:
            thread.start()

    def _write(self, writer: int) -> None:
        chance, client = random.Random(writer), Client(self._port, self._key)
        written = 0
        while not self._enough.is_set():
            note = f"{writer}-{written}"
            written += 1
            at = NOON + timedelta(seconds=written)
            body = attestation_body(
                chance.choice(self._events), chance.choice(self._sources), at, note=note
            )
            try:
                status, problem = client.send("POST", "/v1/attestations", body)
            except (OSError, HTTPException, ValueError):
                self.unknown.append(note)
                time.sleep(0.2)
                continue
            if status == 201:
                self.acknowledged.append(note)
                time.sleep(0.1 * chance.random())
            elif status == 503:
                self.unknown.append(note)
                time.sleep(0.2)
            else:
                self.refused.append(problem)
        client.close()

    def more(self, count: int = 20) -> float:
        """Wait until `count` more writes have been acknowledged."""
        wanted = len(self.acknowledged) + count
        return wait_until(lambda: len(self.acknowledged) >= wanted, "writes continue")

    def finish(self) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join(120)

    def check(self, conn: queries.Connection) -> None:
        """Check that each acknowledged write is stored, and no write twice."""
        rows = conn.execute("SELECT note FROM attestations WHERE note IS NOT NULL").fetchall()
        stored = Counter(row.note for row in rows)
        assert set(self.acknowledged) <= set(stored) <= {*self.acknowledged, *self.unknown}
        assert set(stored.values()) == {1}
        check_store(conn)


def test_kills_and_a_stop_lose_no_write(service: Service) -> None:
    """Workers, a backend and all processes are killed; then the service is stopped.

    tests/faults kills PostgreSQL and the master.
    """
    writers = Writers(service, service.key("edit"))
    with contextlib.ExitStack() as stack:
        stack.callback(writers.finish)
        for _ in range(2):
            writers.more()
            os.kill(random.Random(1).choice(service.workers()), signal.SIGKILL)
        print(f"writes continue {writers.more(1):.2f} s after the kill of a worker")
        wait_until(lambda: len(service.workers()) == 2, "a new worker")
        writers.more()
        with contextlib.suppress(ProcessLookupError):
            os.kill(a_backend(service), signal.SIGKILL)
        seconds = wait_until(service.ready, "ready again by itself")
        writes = writers.more(1)
        print(f"ready {seconds:.2f} s after the kill of a backend, writes {writes:.2f} s later")
        writers.more()
        assert len(service.processes()) > 5  # master, workers, supervisors, postmaster, backends
        service.kill()
        began = time.monotonic()
        restarted = stack.enter_context(serving(service.data_dir, port=service.port))
        print(f"ready {time.monotonic() - began:.2f} s after the start")
        writers.more()
        processes = restarted.processes()
        assert restarted.stop() == 0
        wait_until(lambda: have_ended(processes), "all processes ended")
    assert writers.refused == []
    assert writers.unknown
    with serving(service.data_dir) as restarted:
        with open_store(restarted) as conn:
            writers.check(conn)
        with Client(restarted.port, restarted.key("edit")) as client:
            assert client.source("Después")


def a_backend(service: Service) -> int:
    """Return the pid of one backend. PostgreSQL ends all sessions when it is killed, and recovers
    by itself."""
    with open_store(service) as conn:
        row = conn.execute(
            "SELECT pid FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() LIMIT 1"
        ).fetchone()
    return int(row.pid)


def supervisors(service: Service) -> list[int]:
    """Return the pids of the standby and the active supervisor."""
    return [
        pid for pid in service.processes() if "-m api.server.embedded" in (command_of(pid) or "")
    ]


def test_killed_supervisor_is_replaced(service: Service) -> None:
    """The new supervisor stops PostgreSQL with the service, and a command does not stop it."""
    with Client(service.port, service.key("edit")) as client:
        source = client.source("Antes")
    first = supervisors(service)
    assert len(first) == 2
    for supervisor in reversed(first):
        os.kill(supervisor, signal.SIGKILL)
        assert constancia("counts", "--data-dir", service.data_dir).exit_code == 0
        with Client(service.port) as client:
            assert client.get(f"/v1/sources/{source}")["name"] == "Antes"
        wait_until(
            lambda killed=supervisor: len({*supervisors(service)} - {killed}) == 2,
            "a new supervisor",
        )
    postmaster = service.postgres()[0]
    os.kill(postmaster, signal.SIGKILL)
    wait_until(lambda: service.ready() and service.postgres()[0] != postmaster, "ready by itself")
    with Client(service.port) as client:
        # The workers still hold connections to the former PostgreSQL.
        wait_until(lambda: client.send("GET", f"/v1/sources/{source}")[0] == 200, "the source")
    processes = service.processes()
    assert service.stop() == 0
    wait_until(lambda: have_ended(processes), "all processes ended")


def test_directory_or_port_in_use_is_refused(shared: Service) -> None:
    with data_dir() as other:
        services = {
            Service(shared.data_dir): shared.data_dir,
            Service(other, shared.port): shared.port,
        }
        for second, resource in services.items():
            assert second.process.wait(120) != 0
            log = second.log.read_text()
            assert "in use" in log
            assert str(resource) in log
            assert "Traceback" not in log
        assert str(shared.process.pid) in next(iter(services)).log.read_text()
        wait_until(lambda: have_ended(second.processes()), "all processes ended")
    wait_until(shared.ready, "ready")


def test_sigint_leaves_no_process_and_loses_no_write() -> None:
    with data_dir() as directory:
        with serving(directory) as service:
            with Client(service.port, service.key("edit")) as client:
                source = client.get(f"/v1/sources/{client.source('Casa Abierta')}")
            processes = service.processes()
            workers = service.workers()
            # As from a terminal, to all processes; the master then sends its workers another one.
            os.killpg(service.process.pid, signal.SIGINT)
            while service.process.poll() is None:
                for pid in workers:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGINT)
            assert service.process.wait(120) == 0
            wait_until(lambda: have_ended(processes), "all processes ended")
            assert service.processes() == []
            assert "Traceback" not in service.log.read_text()
        with serving(directory, port=service.port) as restarted, Client(restarted.port) as reader:
            assert reader.get(f"/v1/sources/{source['id']}") == source
