"""The service in separate processes, and clients of it."""

import atexit
import contextlib
import functools
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPMessage
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import ConnectionPool

from api import auth
from api.database import connections
from api.database.queries import Connection
from api.server import embedded
from api.server.cluster import command_of

COMMAND = [sys.executable, "-c", "from api.commands import run; run()"]
# No rate limits.
UNLIMITED = {f"CONSTANCIA_REQUESTS_PER_{name}": "999999999" for name in ("ADDRESS", "KEY")}
NOON = datetime(2026, 1, 9, 12, tzinfo=UTC)


def environment(**settings: str) -> dict[str, str]:
    """Return the environment of this process, with only these settings of the service."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("CONSTANCIA_")}
    inherited.pop("DATABASE_URL", None)
    return inherited | settings


def wait_until(true: Callable[[], object], name: str) -> float:
    """Wait until a condition is true, for three minutes at most; return the seconds.

    On a machine that is ten times as slow a service takes up to half a minute to start.
    """
    began = time.monotonic()
    while not true():
        assert time.monotonic() < began + 180, f"not within three minutes: {name}"
        time.sleep(0.02)
    return time.monotonic() - began


def wait_for_a_new_day(seconds: float = 10) -> None:
    """Wait for midnight, in UTC or in Caracas, if it is less than these seconds ahead.

    Responses about the present name the day: those that a test compares must be of one day.
    """
    rest = min((hour * 3600 - time.time()) % 86400 for hour in (0, 4))
    if rest < seconds:
        time.sleep(rest)


class Client:
    """A connection to the service, opened again when it is lost."""

    def __init__(
        self, port: int, key: str | None = None, timeout: float = 60, address: str | None = None
    ) -> None:
        """`address` is the client's own, if it matters."""
        self._port, self._key, self._timeout = port, key, timeout
        self._source = None if address is None else (address, 0)
        self._connection: HTTPConnection | None = None
        self._used = 0.0

    def send(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return status and JSON of a response. Raise OSError or HTTPException if there is none."""
        status, _, content = self.exchange(method, path, body)
        return status, json.loads(content)

    def exchange(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, HTTPMessage, bytes]:
        """Return status, headers and body of a response."""
        if time.monotonic() > self._used + 0.5:
            self.close()  # the service closes an idle connection after two seconds
        if self._connection is None:
            self._connection = HTTPConnection(
                "127.0.0.1", self._port, self._timeout, source_address=self._source
            )
        sent = {"Content-Type": "application/json"} if body is not None else {}
        if self._key:
            sent["Authorization"] = f"Bearer {self._key}"
        try:
            content = None if body is None else json.dumps(body)
            self._connection.request(method, path, content, {**sent, **(headers or {})})
            response = self._connection.getresponse()
            self._used = time.monotonic()
            return response.status, response.headers, response.read()
        except (OSError, HTTPException):
            self.close()
            raise

    def exchange_patiently(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, HTTPMessage, bytes]:
        """Send a request again while the service is busy, as a loaded machine makes it."""
        while (response := self.exchange(method, path, body, headers))[0] == 503:
            problem = json.loads(response[2])
            assert problem["type"] == "/problems/busy", problem
            time.sleep(0.02)
        return response

    def send_patiently(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        status, _, content = self.exchange_patiently(method, path, body)
        return status, json.loads(content)

    def get(self, path: str) -> Any:
        status, response = self.send_patiently("GET", path)
        assert status == 200, response
        return response

    def post(self, path: str, body: Any) -> Any:
        status, response = self.send_patiently("POST", path, body)
        assert status == 201, response
        return response

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Records for tests.

    def source(self, name: str) -> str:
        return str(self.post("/v1/sources", {"name": name, "kind": "ngo"})["id"])

    def event(self, name: str) -> str:
        """Create a person with a release event; return the id of the event."""
        return self.event_of(self.person(name), "2026-01-08")

    def person(self, name: str) -> str:
        person = str(self.post("/v1/detainees", {"name": name})["id"])
        self.post(f"/v1/detainees/{person}/detentions", {"detained_on": "2024-02"})
        return person

    def event_of(self, person: str, day: str) -> str:
        body = {"detainee_id": person, "occurred_on": day}
        return str(self.post("/v1/release-events", body)["id"])

    def attest(self, event: str, source: str, **more: Any) -> Any:
        return self.post("/v1/attestations", attestation_body(event, source, **more))


def attestation_body(event: str, source: str, at: datetime = NOON, **more: Any) -> dict[str, Any]:
    return {
        "release_event_id": event,
        "source_id": source,
        "stance": "confirms",
        "basis": "first_hand",
        "evidence": "report",
        "published_at": at.isoformat(),
        **more,
    }


class Service:
    """`constancia serve` on a data directory, in separate processes."""

    def __init__(
        self,
        data_dir: Path,
        port: int = 0,
        workers: int = 2,
        folder: Path | None = None,
        **settings: str,
    ) -> None:
        """`folder` holds the code, if not this tree. Without a port it gets a reserved one."""
        self.data_dir, self._port = data_dir, 0
        options = ["--data-dir", str(data_dir), "--workers", str(workers)]
        self.log = data_dir.with_suffix(f".{time.monotonic_ns()}.log")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*self.serve(port or reserved_port()), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment(PYTHONUNBUFFERED="1", **(UNLIMITED | settings)),
                start_new_session=True,
                cwd=folder,
            )

    def serve(self, port: int) -> list[str]:
        return [*COMMAND, "serve", "--port", str(port)]

    @property
    def port(self) -> int:
        """The port that the service announces; 0 until then."""
        if not self._port and (
            match := re.search(r"ready at http://127\.0\.0\.1:(\d+)", self.log.read_text())
        ):
            self._port = int(match[1])
        return self._port

    def ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            with Client(self.port) as client:
                return client.send("GET", "/readyz")[0] == 200
        except (OSError, HTTPException, ValueError):
            return False

    def key(self, scope: str) -> str:
        """Create a key in this process: the command `keys create` takes 0.7 s of CPU time."""
        with embedded.running(self.data_dir) as url, connections.connect(url) as conn:
            return auth.create_key(conn, f"test {scope}", scope)[1]

    def postgres(self) -> list[int]:
        """The pids of the postmaster and its backends."""
        postmaster = int((self.data_dir / "pgdata" / "postmaster.pid").read_text().split()[0])
        return [postmaster, *child_processes(postmaster)]

    def workers(self) -> list[int]:
        """The pids of the workers: children with the command line of the master."""
        master = command_of(self.process.pid)
        return [pid for pid in child_processes(self.process.pid) if command_of(pid) == master]

    def processes(self) -> list[int]:
        """The pids of all processes whose command line, or parent's, names the data directory."""
        pids = [pid for pid in all_processes() if str(self.data_dir) in (command_of(pid) or "")]
        return sorted({*pids, *(child for pid in pids for child in child_processes(pid))})

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(120)

    def kill(self) -> None:
        """Kill all processes with SIGKILL, and wait until the kernel has ended them."""
        killed = self.processes()
        for pid in killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(120)
        wait_until(lambda: have_ended(killed), "all killed processes ended")


@contextlib.contextmanager
def open_pool(url: str, size: int) -> Iterator[ConnectionPool[Connection]]:
    """Yield a pool that has its first connection, as a worker has when it takes requests.

    Requests wait longer for a connection, a lock and a statement than those of a service, of which
    a loaded machine refuses some.
    """
    patient = "-c lock_timeout=1min -c statement_timeout=5min"
    options = conninfo_to_dict(url).get("options") or ""
    with connections.pool(make_conninfo(url, options=f"{patient} {options}".strip()), size) as pool:
        pool.timeout = 60
        pool.wait(pool.timeout)
        yield pool


def run_together(*actions: Callable[[], Any]) -> list[Any]:
    """Start all actions at the same time, each in a thread; return their results."""
    barrier = threading.Barrier(len(actions))

    def act(action: Callable[[], Any]) -> Any:
        barrier.wait(60)
        return action()

    with ThreadPoolExecutor(len(actions)) as threads:
        return list(threads.map(act, actions))


class Follower(threading.Thread):
    """Reads /v1/changes page by page from the beginning until `finish`."""

    def __init__(self, port: int, key: str | None = None) -> None:
        super().__init__()
        self._client = Client(port, key)
        self._enough = threading.Event()
        self.seen: list[int] = []
        self.pages = 0
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self._follow()
        except Exception as error:  # raised by finish, in the thread of the test
            self.error = error
        finally:
            self._client.close()

    def _follow(self) -> None:
        while True:
            last_time = self._enough.is_set()
            after = self.seen[-1] if self.seen else 0
            items = self._client.get(f"/v1/changes?after={after}&limit=20")["items"]
            self.seen += [item["seq"] for item in items]
            self.pages += bool(items)
            if not items:
                if last_time:
                    return
                time.sleep(0.01)

    def finish(self) -> None:
        """Read to the end, after the last write."""
        self._enough.set()
        self.join(120)
        if self.error:
            raise self.error


class NginxService(Service):
    """nginx and the service behind it, as in the image."""

    COMMAND = shlex.join(COMMAND)
    _SCRIPT = Path(__file__).parents[1] / "api" / "server" / "nginx.sh"

    def __init__(self, data_dir: Path, **options: Any) -> None:
        # A `constancia` command on the PATH, as if installed.
        commands = data_dir.with_name("commands")
        commands.mkdir(exist_ok=True)
        (commands / "constancia").write_text(f'#!/bin/sh\nexec {self.COMMAND} "$@"\n')
        (commands / "constancia").chmod(0o755)
        path = f"{commands}:{os.environ['PATH']}"
        self._front, self.service_port = reserved_port(), reserved_port()
        super().__init__(data_dir, PATH=path, **options)

    def serve(self, port: int) -> list[str]:
        return [str(self._SCRIPT), str(self._front), str(self.service_port)]

    @property
    def port(self) -> int:
        return self._front

    def ready(self) -> bool:
        # nginx counts requests in the limits of this address, also without the service.
        has_ended = self.process.poll() is not None
        return (has_ended or is_listening(self.service_port)) and super().ready()

    def child_process(self, text: str) -> int:
        """Return the pid of the child, nginx or the service, whose command line has this text."""
        (child,) = (
            pid for pid in child_processes(self.process.pid) if text in (command_of(pid) or "")
        )
        return child

    def processes(self) -> list[int]:
        return sorted({*super().processes(), *processes_of_session(self.process.pid)})


def reserved_port() -> int:
    """A port for servers of this test process, until it ends.

    A socket that is bound and does not listen keeps the system from giving the port to another
    process. Servers can listen on it, since they set SO_REUSEADDR, too.
    """
    reservation = socket.socket()
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reservation.bind(("127.0.0.1", 0))
    port = reservation.getsockname()[1]
    reservation.detach()
    return int(port)


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 60).close()
    except ConnectionRefusedError:
        return False
    return True


def all_processes() -> list[int]:
    return [
        int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()
    ]


def child_processes(parent: int) -> list[int]:
    children = []
    for pid in all_processes():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            stat = Path(f"/proc/{pid}/stat").read_text()
            if int(stat.rpartition(")")[2].split()[1]) == parent:
                children.append(pid)
    return children


def processes_of_session(leader: int) -> list[int]:
    """The pids of a session, also after its leader has ended."""
    pids = []
    for pid in all_processes():
        with contextlib.suppress(ProcessLookupError):
            if os.getsid(pid) == leader:
                pids.append(pid)
    return pids


def have_ended(processes: Iterable[int]) -> bool:
    return not any(command_of(pid) for pid in processes)


@contextlib.contextmanager
def data_dir(*, new: bool = False) -> Iterator[Path]:
    """A data directory with a migrated, empty store; a path for one if it is `new`."""
    folder = _folder_in_memory()
    directory = folder / "data"
    try:
        if not new:
            subprocess.run(["cp", "-a", _migrated_data_dir(), directory], check=True)
        yield directory
    finally:
        # A backend of a killed PostgreSQL may still remove a file.
        shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def _migrated_data_dir() -> Path:
    """A data directory to copy: to create it takes 1.6 s of CPU time, to copy it 0.05 s."""
    folder = _folder_in_memory()
    atexit.register(shutil.rmtree, folder)
    command = [*COMMAND, "migrate", "--data-dir", str(folder / "data")]
    subprocess.run(command, env=environment(), capture_output=True, check=True)
    return folder / "data"


def _folder_in_memory() -> Path:
    """A new folder, in memory if /dev/shm has room for those of all processes of pytest."""
    memory = Path("/dev/shm")
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > 4 << 30
    return Path(tempfile.mkdtemp(prefix="constancia-", dir=memory if has_room else None))


@contextlib.contextmanager
def serving(directory: Path, kind: type[Service] = Service, **options: Any) -> Iterator[Service]:
    """Start a service, yield it when it is ready, and stop it; kill what is left."""
    service = kind(directory, **options)
    try:
        wait_until(service.ready, "ready")
        yield service
    finally:
        # A regular stop removes the shared memory of PostgreSQL.
        with contextlib.suppress(subprocess.TimeoutExpired):
            service.stop()
        service.kill()
