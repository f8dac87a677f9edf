"""Requests that are malformed or ambiguous: one problem document, then the connection closes."""

import contextlib
import selectors
import shutil
import socket
from collections import Counter
from collections.abc import Iterator
from typing import cast

import pytest

from api.contract import document
from api.server.gunicorn import MAX_REQUEST_LINE_BYTES
from tests.problems import STATUS_BY_SLUG
from tests.server.framing import PROBES, Response, exchange, responses
from tests.support import Client, NginxService, Service, data_dir, serving

SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "access-control-allow-origin": "*",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with data_dir() as directory, serving(directory, workers=1) as running:
        yield running


@pytest.fixture(scope="module")
def front() -> Iterator[Service]:
    if not shutil.which("nginx"):
        pytest.skip("nginx is not installed")
    with data_dir() as directory, serving(directory, NginxService, workers=1) as running:
        yield running


def check_problem(response: Response) -> None:
    """Check a problem document from outside of the application, and the headers with it."""
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    assert SECURITY_HEADERS.items() <= response.headers.items()
    assert len(response.headers["request-id"]) == 32
    assert "gunicorn" not in str(response).lower()
    problem = response.problem()
    slug = problem["type"].removeprefix("/problems/")
    assert problem["status"] == response.status == STATUS_BY_SLUG[slug]
    assert problem["title"] == document.load().problems[slug].title
    assert problem["detail"].endswith(".")


@pytest.mark.parametrize("server", ["service", "front"])
@pytest.mark.parametrize("probe", PROBES)
def test_malformed_request_gets_one_problem_and_the_connection_closes(
    request: pytest.FixtureRequest, server: str, probe: str
) -> None:
    statuses, content = PROBES[probe]
    (response,), closed = exchange(request.getfixturevalue(server).port, content)
    assert response.status in statuses
    assert closed
    assert response.headers["connection"] == "close"
    check_problem(response)


@pytest.mark.parametrize("path", ["sources", "imports"])
def test_body_that_ends_early_is_no_request(service: Service, path: str) -> None:
    """A client that is killed ends its body like this. A part of a list was previewed as the list,
    so that a retry with the same Idempotency-Key got 422."""
    media_type, body = {
        "sources": ("application/json", b'{"name": "Foro", "kind": "ngo"}'),
        "imports": ("text/csv", b"name\nAna Prueba\n"),
    }[path]
    head = (
        f"POST /v1/{path} HTTP/1.1\r\nHost: a.example\r\nContent-Type: {media_type}\r\n"
        f"Authorization: Bearer {service.key('edit')}\r\nContent-Length: {len(body) + 9}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", service.port), timeout=60) as connection:
        connection.sendall(head.encode() + body)
        connection.shutdown(socket.SHUT_WR)
        (response,) = responses(connection.makefile("rb").read())
    check_problem(response)
    assert response.problem()["type"] == "/problems/malformed-request"
    assert f"after {len(body)} of {len(body) + 9} bytes" in response.problem()["detail"]


@pytest.mark.parametrize(
    "last_request",
    [
        b"GET /healthz HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a.example, b.example\r\n\r\n",
    ],
    ids=["complete", "malformed"],
)
def test_client_that_keeps_a_closed_connection_blocks_no_other(
    service: Service, last_request: bytes
) -> None:
    """The worker waits two seconds for such clients. On a slow machine that may be over."""
    assert any(_answers_beside_open_connections(service, last_request) for _ in range(5))


def _answers_beside_open_connections(service: Service, last_request: bytes) -> bool:
    """Whether a request is answered before the connections of earlier ones are closed."""
    with contextlib.ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=60))
            for _ in range(4)
        ]
        for connection in connections:
            connection.sendall(last_request)
        for connection in connections:
            while connection.recv(1 << 16):
                pass  # the response, up to the end of the stream
        with Client(service.port) as client:
            client.get("/healthz")
        return all(map(_is_open, connections))


@pytest.mark.parametrize(
    ("paused", "busy", "most"), [(0, 120, 9000), (44, 8, 600)], ids=["many", "few threads"]
)
def test_busy_connections_keep_no_other_waiting(
    service: Service, paused: int, busy: int, most: int
) -> None:
    """More connections than the worker has threads (48), whose clients send on without a pause.

    Clients that pause in a head occupy the other threads. 120 are answered twice within about 3,700
    responses, 8 within 50. A worker that stays with the first connections sends 15,000 and more.
    """
    request = b"GET /healthz HTTP/1.1\r\nHost: a.example\r\n\r\n"
    answered: Counter[socket.socket] = Counter()
    with contextlib.ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for n in range(paused + busy):
            connection = socket.create_connection(("127.0.0.1", service.port), timeout=60)
            stack.enter_context(connection)
            connection.sendall(request[:9] if n < paused else request)
            if n >= paused:
                selector.register(connection, selectors.EVENT_READ)
        while len(answered) < busy or min(answered.values()) < 2:
            for key, _ in selector.select():
                connection = cast(socket.socket, key.fileobj)
                assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200 OK")
                answered[connection] += 1
                connection.sendall(request)
            assert answered.total() < most


def _is_open(connection: socket.socket) -> bool:
    """Whether the service still reads from a connection. A closed one is reset."""
    try:
        for _ in range(2):  # the first is answered by the reset
            connection.sendall(b"x")
    except OSError:
        return False
    return True


@pytest.mark.parametrize("server", ["service", "front"])
@pytest.mark.parametrize(
    ("target", "detail"),
    [
        ("/v1/detainees?limit=5&q=Rocío", "Percent-encode them: q=Roc%C3%ADo."),
        ("/v1/detainés", "Percent-encode them: /v1/detain%C3%A9s."),
    ],
)
def test_letters_of_a_request_line_are_encoded_in_the_problem(
    request: pytest.FixtureRequest, server: str, target: str, detail: str
) -> None:
    port = request.getfixturevalue(server).port
    content = f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    (response,), _ = exchange(port, content)
    check_problem(response)
    assert detail in response.problem()["detail"]


@pytest.mark.parametrize("server", ["service", "front"])
def test_http_0_9_request_gets_a_problem(request: pytest.FixtureRequest, server: str) -> None:
    port = request.getfixturevalue(server).port
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(b"GET /healthz\r\n\r\n")
        response = connection.makefile("rb").read()
    assert b"malformed-request" in response
    assert b"pass" not in response


@pytest.mark.parametrize("server", ["service", "front"])
@pytest.mark.parametrize(
    ("length", "status"), [(MAX_REQUEST_LINE_BYTES, 422), (MAX_REQUEST_LINE_BYTES + 1, 414)]
)
def test_request_line_is_limited(
    request: pytest.FixtureRequest, server: str, length: int, status: int
) -> None:
    port = request.getfixturevalue(server).port
    frame = b"GET /healthz? HTTP/1.1"
    line = frame.replace(b"?", b"?" + b"a" * (length - len(frame)))
    (response,), _ = exchange(port, line + b"\r\nHost: a.example\r\nConnection: close\r\n\r\n")
    assert response.status == status
