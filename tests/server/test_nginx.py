"""nginx in front of the service, as in the image: its responses, and the requests it forwards."""

import contextlib
import gzip
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest

from api.contract import document
from api.server import nginx
from api.server.gunicorn import MAX_HEADER_BYTES, MAX_REQUEST_LINE_BYTES
from tests.commands.running import EXAMPLE, constancia
from tests.server.framing import exchange
from tests.server.slow import SlowClients
from tests.server.test_worker import check_problem
from tests.support import (
    Client,
    NginxService,
    data_dir,
    have_ended,
    processes_of_session,
    reserved_port,
    serving,
    wait_until,
)

pytestmark = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")

CONFIGURATION = nginx.FILE.with_name("nginx.conf").read_text("utf-8")
VARYING_HEADERS = {"connection", "date", "ratelimit", "request-id", "transfer-encoding"}


@pytest.fixture(scope="module")
def front() -> Iterator[NginxService]:
    # All slow clients of a test have one address.
    limits = {f"CONSTANCIA_{name}_PER_ADDRESS": "5000" for name in ("CONNECTIONS", "RATE")}
    with data_dir() as directory, serving(directory, NginxService, **limits) as running:
        assert isinstance(running, NginxService)
        yield running


class Echo(NginxService):
    """nginx in front of a stand-in that returns the headers of each request."""

    COMMAND = shlex.join([sys.executable, str(Path(__file__).with_name("echo.py"))])


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    with data_dir() as directory, serving(directory, Echo) as running:
        assert isinstance(running, Echo)
        yield running


def send(port: int, path: str, method: str = "GET", **headers: str) -> tuple[HTTPResponse, bytes]:
    """Return a response and its body."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(
            method, path, headers={n.replace("_", "-"): v for n, v in headers.items()}
        )
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def stable_headers(response: HTTPResponse) -> list[tuple[str, str]]:
    """The headers of a response that are the same each time, with and without nginx."""
    headers = ((name.lower(), value) for name, value in response.getheaders())
    return sorted(
        (name, value)
        for name, value in headers
        if name not in VARYING_HEADERS and (name, value) != ("vary", "Accept-Encoding")
    )


# Configuration.


def test_generated_configuration_is_current() -> None:
    assert nginx.FILE.read_text("utf-8") == nginx.configuration(), "run `make nginx`"


def test_line_limits_are_those_of_the_service() -> None:
    assert MAX_REQUEST_LINE_BYTES == MAX_HEADER_BYTES == (8 << 10) - len("\r\n")
    assert "large_client_header_buffers 4 8k;" in CONFIGURATION


@pytest.mark.parametrize(
    ("name", "value", "wrong"),
    [
        ("CONNECTIONS_PER_ADDRESS", "65536", "65536"),
        ("RATE_PER_ADDRESS", "fast", "fast"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, *", "*"),
    ],
)
def test_wrong_setting_of_nginx_is_named(name: str, value: str, wrong: str) -> None:
    """The service, which would start and stop with nginx, does not read these settings."""
    done = subprocess.run(
        [nginx.FILE.with_name("nginx.sh"), "0", "0"],
        env={**os.environ, f"CONSTANCIA_{name}": value},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: CONSTANCIA_{name} is '{wrong}': use ")
    assert len(done.stderr.splitlines()) == 1


def test_paths_may_have_spaces(tmp_path: Path) -> None:
    """Of the checkout, and of the temporary directory. The stand-in of the service ends at once."""
    folder = tmp_path / "our own" / "server"
    commands = folder / "commands"
    commands.mkdir(parents=True)
    for name in ("nginx.sh", "nginx.conf", "nginx.contract.conf"):
        shutil.copy(nginx.FILE.with_name(name), folder)
    (commands / "constancia").write_text("#!/bin/sh\nsleep 1\n")
    (commands / "constancia").chmod(0o755)
    port = reserved_port()
    done = subprocess.run(
        [folder / "nginx.sh", str(port), "1"],
        env={**os.environ, "PATH": f"{commands}:{os.environ['PATH']}", "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    assert done.stdout.startswith(f"Connect to nginx on port {port}. ")


# Errors of nginx itself.


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
def test_proxy_methods_are_rejected(front: NginxService, method: str) -> None:
    line = f"{method} /healthz HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"
    (response,), closed = exchange(front.port, line.encode())
    assert response.status in {400, 501}
    assert closed
    check_problem(response)


@pytest.mark.parametrize("path", ["/unanswered", "/not-found"])
def test_internal_locations_are_not_found(front: NginxService, path: str) -> None:
    response, body = send(front.port, path)
    assert (response.status, json.loads(body)["type"]) == (404, "/problems/not-found")
    assert response.getheader("Content-Type") == "application/problem+json"


def test_missing_response_of_the_service_is_a_problem(echo: Echo) -> None:
    line = b"GET /cut HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"
    (response,), _ = exchange(echo.port, line)
    assert response.problem()["type"] == "/problems/unanswered"
    check_problem(response)


# Forwarded requests and responses.


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/healthz"),
        ("HEAD", "/openapi.yaml"),
        ("GET", "/docs"),
        ("GET", "/docs/redoc.standalone.js"),
        ("GET", "/v1/counts?as_of=2026-01-09T16:00:00Z"),
        ("GET", "/v1/export"),
        ("GET", "/v1/sources/nobody"),
        ("GET", "/v1/sources?unknown=1"),
        ("PUT", "/v1/sources"),
        ("POST", "/v1/sources"),
        ("OPTIONS", "/v1/sources"),
    ],
)
def test_response_is_the_same_with_and_without_nginx(
    front: NginxService, method: str, path: str
) -> None:
    # Links of pages begin with the host.
    with_nginx, body = send(front.port, path, method, Host="constancia.example")
    without, same_body = send(front.service_port, path, method, Host="constancia.example")
    assert with_nginx.status == without.status
    assert stable_headers(with_nginx) == stable_headers(without)
    if "as_of" not in path and path != "/v1/export":
        assert body == same_body


def test_body_size_is_limited_by_the_contract(front: NginxService) -> None:
    """The service limits each operation; nginx has the limit of the largest."""
    largest = document.load().max_bytes
    for size, scope, status in (
        (largest, None, 401),
        (largest, "edit", 422),
        (largest + 1, None, 413),
        (largest + 1, "edit", 413),
    ):
        headers = {"Authorization": f"Bearer {front.key(scope)}"} if scope else {}
        connection = HTTPConnection("127.0.0.1", front.port, timeout=60)
        try:
            connection.request(
                "POST", "/v1/imports", b" " * size, {"Content-Type": "text/csv", **headers}
            )
            response = connection.getresponse()
            problem = json.loads(response.read())
        except ConnectionError:
            # nginx rejects it by its Content-Length and does not read all of it.
            assert status == 413
        else:
            assert response.status == problem["status"] == status
        finally:
            connection.close()
    too_large = {"name": " " * document.MAX_BYTES}
    with Client(front.port) as client:
        assert client.send("POST", "/v1/sources", too_large)[0] == 401
    with Client(front.port, front.key("edit")) as client:
        assert client.send("POST", "/v1/sources", too_large)[0] == 413


FORGED = {
    "X_Forwarded_For": "198.51.100.7, 203.0.113.7",
    "Forwarded": "for=203.0.113.7",
    "X_Forwarded_Proto": "https",
}


def test_forwarded_headers_of_a_client_are_replaced(echo: Echo) -> None:
    received = json.loads(send(echo.port, "/", **FORGED)[1])
    assert received["x-forwarded-for"] == "127.0.0.1"
    assert received["x-forwarded-proto"] == "http"
    assert "forwarded" not in received
    assert received["its trusted proxies"] == "127.0.0.1"


@pytest.fixture(scope="module")
def proxied() -> Iterator[Echo]:
    """nginx behind a trusted proxy, with low limits per address."""
    settings = {
        "CONSTANCIA_TRUSTED_PROXIES": "10.0.0.0/8,127.0.0.1",
        "CONSTANCIA_CONNECTIONS_PER_ADDRESS": "5",
        # Low, so that requests of one client one after another exceed it on any machine.
        "CONSTANCIA_RATE_PER_ADDRESS": "2",
    }
    with data_dir() as directory, serving(directory, Echo, **settings) as running:
        assert isinstance(running, Echo)
        yield running


def test_forwarded_address_of_a_trusted_proxy_is_used(proxied: Echo) -> None:
    received = json.loads(send(proxied.port, "/", **FORGED)[1])
    assert received["x-forwarded-for"] == "203.0.113.7"
    assert received["x-forwarded-proto"] == "https"
    assert received["its trusted proxies"] == "127.0.0.1"
    # Proxies append: the last address that is not of a trusted proxy is the client's.
    chain = "192.0.2.1, 203.0.113.7, 10.1.2.3"
    received = json.loads(send(proxied.port, "/", X_Forwarded_For=chain)[1])
    assert received["x-forwarded-for"] == "203.0.113.7"


def test_connections_of_an_address_are_limited(proxied: Echo) -> None:
    head = (
        b"POST /v1/sources HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: 203.0.113.9\r\n"
        b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    with contextlib.ExitStack() as stack:
        for _ in range(5):
            unfinished = stack.enter_context(socket.create_connection(("127.0.0.1", proxied.port)))
            unfinished.sendall(head)

        def is_limited() -> bool:
            response, body = send(proxied.port, "/", X_Forwarded_For="203.0.113.9")
            if response.status == 200:
                return False
            assert (response.status, response.getheader("Retry-After")) == (429, "1")
            # It counts the requests first, and may need many until it has read the heads.
            return json.loads(body)["type"] == "/problems/too-many-connections"

        wait_until(is_limited, "nginx has read the heads")
        assert send(proxied.port, "/", X_Forwarded_For="203.0.113.10")[0].status == 200


@pytest.mark.parametrize("framing", ["Content-Length: 1000000", "Transfer-Encoding: chunked"])
def test_long_bodies_of_an_address_are_limited(echo: Echo, framing: str) -> None:
    """500 connections of a client without a key could write 16 GB to the disk."""
    head = f"POST /v1/imports HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n{framing}\r\n\r\n"
    with contextlib.ExitStack() as stack:
        for _ in range(16):
            unfinished = stack.enter_context(socket.create_connection(("127.0.0.1", echo.port)))
            unfinished.sendall(head.encode())
        assert send(echo.port, "/")[0].status == 200

        def is_limited() -> bool:
            refusals, _ = exchange(echo.port, head.encode())
            return [r.problem()["type"] for r in refusals] == ["/problems/too-many-connections"]

        wait_until(is_limited, "nginx has read the heads")


@pytest.mark.parametrize(
    ("address", "other"),
    [("203.0.113.11", "203.0.113.12"), ("2001:db8:1:2::{:x}", "2001:db8:1:3::1")],
)
def test_requests_a_second_of_an_address_are_limited(
    proxied: Echo, address: str, other: str
) -> None:
    """All addresses of an IPv6 /64 network count together. A refusal is sent slowly."""
    numbers = count()
    connection = HTTPConnection("127.0.0.1", proxied.port, timeout=60)

    def is_limited() -> bool:
        forwarded_for = address.format(next(numbers))
        began = time.monotonic()
        connection.request("GET", "/", headers={"X-Forwarded-For": forwarded_for})
        response = connection.getresponse()
        body = response.read()
        if response.status == 200:
            return False
        assert (response.status, response.getheader("Retry-After")) == (429, "1")
        assert json.loads(body)["type"] == "/problems/too-many-requests"
        assert time.monotonic() - began > 1
        return True

    # The burst of five seconds is accepted at once.
    assert [is_limited() for _ in range(10)] == [False] * 10
    while not is_limited():
        pass
    connection.close()
    assert send(proxied.port, "/", X_Forwarded_For=other)[0].status == 200


def test_quota_is_of_the_address_that_connects(front: NginxService) -> None:
    def remaining(address: str) -> int:
        response, _ = send(
            front.port, "/v1/counts", X_Forwarded_For=address, Forwarded=f"for={address}"
        )
        match = re.search(r";r=(\d+)", response.getheader("RateLimit", ""))
        assert match
        return int(match[1])

    # A new minute may begin between two of the requests.
    quotas = [remaining(f"203.0.113.{i}") for i in range(4)]
    assert sum(b < a for a, b in pairwise(quotas)) >= 2


def test_host_is_passed_on(echo: Echo) -> None:
    assert json.loads(send(echo.port, "/", Host="a.example:81")[1])["host"] == "a.example:81"


@pytest.mark.parametrize("path", ["/", "/cut"])
def test_hsts_is_sent_over_tls_only(proxied: Echo, echo: Echo, path: str) -> None:
    """A client of nginx itself cannot say that it has TLS; a trusted proxy can."""
    for server, scheme, policy in (
        (proxied, "https", "max-age=31536000"),
        (proxied, "http", None),
        (echo, "https", None),
    ):
        response, _ = send(server.port, path, X_Forwarded_Proto=scheme)
        assert response.getheader("Strict-Transport-Security") == policy


# Compression.


@pytest.fixture(scope="module")
def key(front: NginxService) -> str:
    """A key of an editor, and a store with the example case."""
    loaded = constancia("load", EXAMPLE, "--data-dir", front.data_dir)
    assert loaded.exit_code == 0, loaded.stderr
    return front.key("edit")


@pytest.mark.parametrize(
    "path",
    [
        "/docs/redoc.standalone.js",
        "/openapi.json",
        "/openapi.yaml",
        "/v1/detainees",
        "/v1/attestations?format=csv",
        "/v1/attestations?format=ndjson",
    ],
)
def test_long_responses_without_a_key_are_compressed(
    front: NginxService, key: str, path: str
) -> None:
    plain, content = send(front.port, path)
    compressed, packed = send(front.port, path, Accept_Encoding="gzip")
    assert plain.status == compressed.status
    assert plain.getheader("Content-Encoding") is None
    if len(content) < 1024:
        assert packed == content
        return
    assert compressed.getheader("Content-Encoding") == "gzip"
    assert "Accept-Encoding" in (compressed.getheader("Vary") or "")
    if "format" not in path:
        assert gzip.decompress(packed) == content


def test_responses_to_requests_with_a_key_are_not_compressed(front: NginxService, key: str) -> None:
    for path in ("/v1/detainees", "/v1/attestations?format=csv", "/openapi.json"):
        response, _ = send(front.port, path, Accept_Encoding="gzip", Authorization=f"Bearer {key}")
        assert response.status == 200
        assert response.getheader("Content-Encoding") is None


def test_weak_tag_of_a_compressed_response_gives_304(front: NginxService, key: str) -> None:
    """nginx weakens the tag when it compresses; If-None-Match compares weakly."""
    strong = send(front.port, "/v1/detainees")[0].getheader("ETag") or ""
    compressed, _ = send(front.port, "/v1/detainees", Accept_Encoding="gzip")
    weak = compressed.getheader("ETag") or ""
    assert weak == f"W/{strong}"
    for tag in (strong, weak):
        not_modified, body = send(
            front.port, "/v1/detainees", Accept_Encoding="gzip", If_None_Match=tag
        )
        assert (not_modified.status, body) == (304, b"")


def test_if_match_takes_the_tag_of_a_response_with_a_key(front: NginxService, key: str) -> None:
    """If-Match compares strongly: a weak tag never matches (RFC 9110, section 13.1.1)."""
    with Client(front.port, key) as client:
        person = client.get("/v1/detainees")["items"][0]["id"]
        path, change = f"/v1/detainees/{person}", {"occupation": "teacher"}
        _, headers, _ = client.exchange("GET", path, headers={"Accept-Encoding": "gzip"})
        for tag, status in ((f"W/{headers['ETag']}", 412), (headers["ETag"], 200)):
            assert client.exchange("PATCH", path, change, {"If-Match": tag})[0] == status


# Stopping.


@pytest.mark.parametrize("victim", [None, "nginx", "constancia"])
def test_nginx_and_service_stop_together(victim: str | None) -> None:
    """They stop after SIGTERM, and after the death of either."""
    with data_dir() as directory, serving(directory, NginxService, workers=1) as front:
        assert isinstance(front, NginxService)
        assert len(processes_of_session(front.process.pid)) > 4
        if victim is None:
            front.process.terminate()
        else:
            os.kill(front.child_process(victim), signal.SIGKILL)
        assert (front.process.wait() == 0) == (victim is None)
        wait_until(lambda: have_ended(processes_of_session(front.process.pid)), "all have ended")
        with pytest.raises((OSError, HTTPException)):
            send(front.port, "/healthz")


# Slow clients.


def test_slow_clients_delay_no_other_client(front: NginxService) -> None:
    def request_counts() -> None:
        for _ in range(20):
            with Client(front.port) as client:
                responses.append(client.send_patiently("GET", "/v1/counts"))

    responses: list[Any] = []
    with SlowClients(front.port, 200) as clients:
        wait_until(lambda: clients.are_connected, "they are connected")
        request_counts()
        # Clients that send an incomplete head, or pause in a body, are disconnected.
        wait_until(
            lambda: (
                clients.disconnected["head"] >= 200 and clients.disconnected["paused body"] >= 200
            ),
            "disconnected",
        )
        wait_until(lambda: clients.are_connected, "they are connected again")
        request_counts()
        with Client(front.port, front.key("edit")) as client:
            client.source("Puertas abiertas")
        # A body that arrives at a byte per second is not cut off. A loaded machine may send it
        # at less.
        assert clients.disconnected["body"] < clients.size / 2
        wait_until(lambda: clients.are_connected, "they are still there")
    assert {status for status, _ in responses} == {200}
    assert len(responses) == 40
