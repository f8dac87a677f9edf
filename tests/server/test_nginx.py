"""nginx before the service, as the image has it: what it hands on, what it answers by itself, how
it ends; and that nobody waits for who is slow."""

import json
import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from api.contract import document as spec
from api.server.worker import LONGEST_HEADER, LONGEST_LINE, MOST_HEADERS
from tests.server.framing import exchange
from tests.server.slow import Crowd
from tests.server.test_worker import check_refusal
from tests.support import (
    Client,
    NginxService,
    data_dir,
    have_ended,
    processes_of_session,
    serving,
    wait_until,
)

pytestmark = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")

CONFIGURATION = (Path(__file__).parents[2] / "api/server/nginx.conf").read_text("utf-8")
OF_ONE_CONNECTION = {"connection", "date", "ratelimit", "request-id", "transfer-encoding"}


@pytest.fixture(scope="module")
def front() -> Iterator[NginxService]:
    with data_dir() as directory, serving(directory, NginxService) as running:
        assert isinstance(running, NginxService)
        yield running


class Echo(NginxService):
    """The front, and behind it what answers with the headers that it was sent."""

    COMMAND = shlex.join([sys.executable, str(Path(__file__).with_name("echo.py"))])


def ask(port: int, path: str, method: str = "GET", **headers: str) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(
            method, path, headers={n.replace("_", "-"): v for n, v in headers.items()}
        )
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def told(answer: HTTPResponse) -> list[tuple[str, str]]:
    """Its headers, but for those of one connection or one answer."""
    headers = ((name.lower(), value) for name, value in answer.getheaders())
    return sorted((name, value) for name, value in headers if name not in OF_ONE_CONNECTION)


# What nginx answers by itself.


def test_its_problems_are_those_of_the_contract() -> None:
    found = re.findall(r"location = /([\w-]+) \{\s+internal;\s+return (\d+) '(.*)';", CONFIGURATION)
    assert len(found) == CONFIGURATION.count("internal;") > 5
    for slug, status, text in found:
        document = json.loads(text)
        problem = spec.load().problems[slug]
        assert document.pop("detail").endswith(".")
        expected = {"type": f"/problems/{slug}", "title": problem.title, "status": problem.status}
        assert document == expected
        assert int(status) == problem.status


def test_its_limits_are_those_of_the_service() -> None:
    assert f"client_max_body_size {spec.load().max_bytes};" in CONFIGURATION
    assert f"A body has {spec.load().max_bytes} bytes" in CONFIGURATION
    assert f"A request line has {LONGEST_LINE} bytes" in CONFIGURATION
    assert f"has {MOST_HEADERS} headers at the most, of {LONGEST_HEADER} bytes" in CONFIGURATION


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
def test_methods_that_are_for_others_are_refused(front: NginxService, method: str) -> None:
    line = f"{method} /healthz HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"
    (answer,), closed = exchange(front.port, line.encode())
    assert answer.status in {400, 501}
    assert closed
    check_refusal(answer)


def test_the_paths_of_its_own_pages_are_nobodys(front: NginxService) -> None:
    for path in ("/unanswered", "/not-found"):
        answer, body = ask(front.port, path)
        assert (answer.status, json.loads(body)["type"]) == (404, "/problems/not-found")
        assert answer.getheader("Content-Type") == "application/problem+json"


# What goes through.


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
def test_an_answer_is_the_same_before_and_behind(
    front: NginxService, method: str, path: str
) -> None:
    before, body = ask(front.port, path, method)
    behind, same = ask(front.service_port, path, method)
    assert before.status == behind.status
    assert told(before) == told(behind)
    if "as_of" not in path and path != "/v1/export":
        assert body == same


def test_bodies_are_as_large_as_the_contract_says(front: NginxService) -> None:
    """Each operation's bound is the service's, and the front's is that of the largest."""
    largest = spec.load().max_bytes
    for size, key, status in (
        (largest, None, 401),
        (largest, "edit", 422),
        (largest + 1, None, 413),
        (largest + 1, "edit", 413),
    ):
        headers = {"Authorization": f"Bearer {front.key(key)}"} if key else {}
        connection = HTTPConnection("127.0.0.1", front.port, timeout=60)
        try:
            connection.request(
                "POST",
                "/v1/imports",
                b" " * size,
                {"Content-Type": "text/csv", **headers},
            )
            answer = connection.getresponse()
            problem = json.loads(answer.read())
        except BrokenPipeError:
            # It is refused by its length, and not taken to the end.
            assert status == 413
        else:
            assert answer.status == problem["status"] == status
        finally:
            connection.close()
    with Client(front.port) as client:
        assert client.send("POST", "/v1/sources", {"name": " " * spec.MAX_BYTES})[0] == 401
    with Client(front.port, front.key("edit")) as client:
        assert client.send("POST", "/v1/sources", {"name": " " * spec.MAX_BYTES})[0] == 413


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    with data_dir() as directory, serving(directory, Echo) as running:
        assert isinstance(running, Echo)
        yield running


CLAIMED = {
    "X_Forwarded_For": "198.51.100.7, 203.0.113.7",
    "Forwarded": "for=203.0.113.7",
    "X_Forwarded_Proto": "gopher",
}


def test_nobody_says_for_whom_he_asks(echo: Echo) -> None:
    sent = json.loads(ask(echo.port, "/", **CLAIMED)[1])
    assert sent["x-forwarded-for"] == "127.0.0.1"
    assert sent["x-forwarded-proto"] == "http"
    assert "forwarded" not in sent
    assert sent["its trusted proxies"] == "127.0.0.1"


def test_but_a_proxy_that_is_trusted() -> None:
    trusted = {"CONSTANCIA_TRUSTED_PROXIES": "10.0.0.0/8,127.0.0.1"}
    with data_dir() as directory, serving(directory, Echo, **trusted) as echo:
        sent = json.loads(ask(echo.port, "/", **CLAIMED)[1])
        assert sent["x-forwarded-for"] == "203.0.113.7"
        assert sent["its trusted proxies"] == "127.0.0.1"


def test_the_quota_is_that_of_the_address_that_the_front_sees(front: NginxService) -> None:
    def left(address: str) -> int:
        answer, _ = ask(
            front.port, "/v1/counts", X_Forwarded_For=address, Forwarded=f"for={address}"
        )
        return int(re.search(r";r=(\d+)", answer.getheader("RateLimit", ""))[1])

    # A minute may begin between two of them.
    left_over = [left(f"203.0.113.{i}") for i in range(4)]
    assert sum(b < a for a, b in pairwise(left_over)) >= 2


def test_a_host_goes_through_as_it_was_asked_for(echo: Echo) -> None:
    assert json.loads(ask(echo.port, "/", Host="a.example:81")[1])["host"] == "a.example:81"


def test_browsers_are_held_to_tls_where_it_is(echo: Echo) -> None:
    for path in ("/", "/cut"):
        answer, _ = ask(echo.port, path, X_Forwarded_Proto="https")
        assert answer.getheader("Strict-Transport-Security") == "max-age=31536000"
        assert ask(echo.port, path)[0].getheader("Strict-Transport-Security") is None


def test_no_answer_is_told_as_one(echo: Echo) -> None:
    line = b"GET /cut HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"
    (answer,), _ = exchange(echo.port, line)
    assert answer.problem()["type"] == "/problems/unanswered"
    check_refusal(answer)


# How it ends.


@pytest.mark.parametrize("victim", [None, "nginx", "constancia"])
def test_it_ends_as_a_whole(victim: str | None) -> None:
    """On SIGTERM with what was begun; and where one half of it dies the other is not left."""
    with data_dir() as directory, serving(directory, NginxService, workers=1) as front:
        assert isinstance(front, NginxService)
        assert len(processes_of_session(front.process.pid)) > 4
        if victim is None:
            front.process.terminate()
        else:
            os.kill(front.child_process(victim), signal.SIGKILL)
        assert (front.process.wait(60) == 0) == (victim is None)
        wait_until(lambda: have_ended(processes_of_session(front.process.pid)), "all gone")
        with pytest.raises((OSError, HTTPException)):
            ask(front.port, "/healthz")


# Who is slow.


def test_nobody_waits_for_who_is_slow(front: NginxService) -> None:
    def served() -> None:
        for _ in range(20):
            with Client(front.port) as client:
                answers.append(client.send("GET", "/v1/counts"))

    answers: list[Any] = []
    with Crowd(front.port, 200) as crowd:
        wait_until(lambda: crowd.whole, "all are there")
        served()
        # Who sends no whole head, or stops in a body, is cut.
        wait_until(lambda: crowd.cut["head"] >= 200 and crowd.cut["stopped body"] >= 200, "cut")
        wait_until(lambda: crowd.whole, "all are there again")
        served()
        with Client(front.port, front.key("edit")) as client:
            client.source("Puertas abiertas")
        # The others have a byte each second, and are waited for.
        assert crowd.cut["body"] == 0
        assert crowd.whole
    assert {status for status, _ in answers} == {200}
    assert len(answers) == 40
