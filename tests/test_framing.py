"""What is no request, or can be read in two ways, is refused in one: with a problem document, and
the end of the connection."""

from collections.abc import Iterator

import pytest

from api import spec
from tests.framing import PROBES, Answer, exchange
from tests.support import Service, data_dir, serving
from tests.test_bad_input import STATUS

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


def check_refusal(answer: Answer) -> None:
    """Holds it to what every problem document is, and tells as little as all of them."""
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert ALWAYS.items() <= answer.headers.items()
    assert len(answer.headers["request-id"]) == 32
    assert "gunicorn" not in str(answer).lower()
    problem = answer.problem()
    slug = problem["type"].removeprefix("/problems/")
    assert problem["status"] == answer.status == STATUS[slug]
    assert problem["title"] == spec.load().problems[slug].title
    assert problem["detail"].endswith(".")


@pytest.mark.parametrize("probe", PROBES)
def test_what_is_no_request_is_refused_and_nothing_after_it_is_heard(
    service: Service, probe: str
) -> None:
    statuses, sent = PROBES[probe]
    said, closed = exchange(service.port, sent)
    assert [answer.status for answer in said] == [said[0].status]
    assert said[0].status in statuses
    assert closed
    check_refusal(said[0])
