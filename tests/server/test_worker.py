"""What is no request, or can be read in two ways, is refused in one: with a problem document, and
the end of the connection."""

import shutil
import socket
from collections.abc import Iterator

import pytest

from api.contract import document
from api.server.worker import LONGEST_LINE
from tests.problems import STATUS_BY_SLUG
from tests.server.framing import PROBES, Answer, exchange
from tests.support import NginxService, Service, data_dir, serving

ALWAYS = {
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


def check_refusal(answer: Answer) -> None:
    """Holds it to what every problem document is, and tells as little as all of them."""
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert ALWAYS.items() <= answer.headers.items()
    assert len(answer.headers["request-id"]) == 32
    assert "gunicorn" not in str(answer).lower()
    problem = answer.problem()
    slug = problem["type"].removeprefix("/problems/")
    assert problem["status"] == answer.status == STATUS_BY_SLUG[slug]
    assert problem["title"] == document.load().problems[slug].title
    assert problem["detail"].endswith(".")


@pytest.mark.parametrize("before", ["service", "front"])
@pytest.mark.parametrize("probe", PROBES)
def test_what_is_no_request_is_refused_and_nothing_after_it_is_heard(
    request: pytest.FixtureRequest, before: str, probe: str
) -> None:
    statuses, sent = PROBES[probe]
    said, closed = exchange(request.getfixturevalue(before).port, sent)
    assert [answer.status for answer in said] == [said[0].status]
    assert said[0].status in statuses
    assert closed
    check_refusal(said[0])


@pytest.mark.parametrize("before", ["service", "front"])
def test_who_names_no_version_is_served_nothing(
    request: pytest.FixtureRequest, before: str
) -> None:
    """HTTP/0.9, which knows neither Host nor status."""
    port = request.getfixturevalue(before).port
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(b"GET /healthz\r\n\r\n")
        said = connection.makefile("rb").read()
    assert b"malformed-request" in said
    assert b"pass" not in said


@pytest.mark.parametrize("before", ["service", "front"])
def test_a_request_line_is_as_long_as_is_said(request: pytest.FixtureRequest, before: str) -> None:
    port = request.getfixturevalue(before).port
    for length, expected in ((LONGEST_LINE, 422), (LONGEST_LINE + 1, 414)):
        frame = b"GET /healthz? HTTP/1.1"
        line = frame.replace(b"?", b"?" + b"a" * (length - len(frame)))
        (answer,), _ = exchange(port, line + b"\r\nHost: a.example\r\nConnection: close\r\n\r\n")
        assert answer.status == expected, length
