"""The size of a request body is bounded, and so are the work and the response."""

import io
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from werkzeug.test import TestResponse

from api.contract import document
from tests.conftest import Api
from tests.problems import check_problem
from tests.whole_set.bad_input.valid_bodies import detainee, source
from tests.whole_set.bad_input.world import World


class _Body(io.BytesIO):
    """A body that counts the bytes that are read."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        piece = super().read(size)
        self.taken += len(piece)
        return piece

    def readinto(self, buffer: Any) -> int:
        count = super().readinto(buffer)
        self.taken += count
        return count


def _chunked(api: Api, body: io.BytesIO) -> TestResponse:
    """Send a chunked body, as gunicorn passes it on: without Content-Length."""
    return api.scope("edit").send(
        "POST",
        "/v1/sources",
        input_stream=body,
        headers={"Content-Type": "application/json", "Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )


def test_chunked_body_is_bounded(nothing_written: World) -> None:
    body = _Body(b" " * 10_000_000)
    check_problem(_chunked(nothing_written.api, body), "body-too-large")
    assert body.taken < 2 * document.MAX_BYTES


@pytest.mark.parametrize(
    "operation", [o for o in document.load().operations if o.writes], ids=lambda o: o.id
)
def test_body_limit_is_that_of_the_contract(
    nothing_written: World, operation: document.Operation
) -> None:
    """Bodies have a Content-Length or are chunked. A request without a key gets a 401 first."""
    api = nothing_written.api

    def send(api: Api, size: int, framing: Mapping[str, str]) -> TestResponse:
        return api.send(
            operation.method.upper(),
            operation.path.replace("{id}", nothing_written.records["source"]),
            input_stream=io.BytesIO(b" " * size),
            headers={
                "Content-Type": [*operation.upload_media_types, "application/json"][0],
                **framing,
            },
            environ_overrides={"wsgi.input_terminated": True},
        )

    for size in (operation.max_bytes, operation.max_bytes + 1):
        for framing in ({"Content-Length": str(size)}, {"Transfer-Encoding": "chunked"}):
            check_problem(send(api, size, framing), "unauthenticated")
            response = send(api.scope("edit"), size, framing)
            assert (response.status_code == 413) == (size > operation.max_bytes), framing


def test_chunked_body_is_not_truncated(nothing_written: World) -> None:
    """The truncated body would be valid JSON with other content."""
    body = json.dumps(source()).encode().ljust(document.MAX_BYTES) + b"this is not JSON"
    check_problem(_chunked(nothing_written.api, io.BytesIO(body)), "body-too-large")


def test_chunked_body_is_accepted(api: Api) -> None:
    for name, size in (("Northgate Herald", 0), ("Family Vigil", document.MAX_BYTES)):
        raw = json.dumps(source(name=name)).encode().ljust(size)
        assert _chunked(api, io.BytesIO(raw)).status_code == 201


def test_body_with_a_too_large_content_length_is_not_read(nothing_written: World) -> None:
    body = _Body(b" " * 10_000_000)
    response = nothing_written.api.scope("edit").send(
        "POST",
        "/v1/sources",
        input_stream=body,
        headers={"Content-Type": "application/json", "Content-Length": "10000000"},
    )
    check_problem(response, "body-too-large")
    assert body.taken == 0


def test_body_of_the_maximum_size_is_accepted(api: Api) -> None:
    raw = json.dumps(source()).encode().ljust(document.MAX_BYTES)
    headers = {"Content-Type": "application/json"}
    assert (
        api.scope("edit").send("POST", "/v1/sources", data=raw, headers=headers).status_code == 201
    )


@pytest.mark.parametrize(
    "body",
    [
        source() | {f"x{i}": 1 for i in range(50_000)},
        source(name=[1] * 200_000),
        {"name": "Ana", "aliases": [1] * 200_000},
        {"name": "Ana", "external_ids": [{}] * 100_000},
    ],
    ids=["unknown fields", "a list for a name", "wrong items", "empty objects"],
)
def test_body_with_countless_errors_gets_a_short_response(
    nothing_written: World, body: Mapping[str, Any]
) -> None:
    path = "/v1/sources" if "kind" in body else "/v1/detainees"
    response = nothing_written.api.scope("edit").send("POST", path, json=body)
    check_problem(response, "validation-error")
    assert len(response.get_data()) < 100_000


def _steps(work: Callable[[], Any]) -> float:
    """Processor time of this thread, in seconds."""
    before = time.thread_time()
    work()
    return time.thread_time() - before


# Functions that return an invalid body with a number of parts.
BODIES_THAT_GROW: dict[str, tuple[str, Callable[[int], str]]] = {
    "different aliases": (
        "validation-error",
        lambda count: json.dumps(detainee(aliases=[f"a{i}" for i in range(count)])),
    ),
    "names, one of which stands twice": (
        "malformed-json",
        lambda count: "{" + ",".join(f'"{i}":1' for i in [*range(count), count - 1]) + "}",
    ),
    "accents in no order": (
        "validation-error",
        lambda count: json.dumps(detainee(name="a" + "\u0315\u0300" * count)),
    ),
}


@pytest.mark.parametrize("kind", BODIES_THAT_GROW)
def test_validation_time_is_linear_in_the_body(nothing_written: World, kind: str) -> None:
    """Ten times the parts cost at most forty times the work; quadratic work would be 100 times."""
    slug, body = BODIES_THAT_GROW[kind]
    editor = nothing_written.api.scope("edit")

    def send(count: int) -> None:
        headers = {"Content-Type": "application/json"}
        response = editor.send("POST", "/v1/detainees", data=body(count), headers=headers)
        check_problem(response, slug)

    send(1000)
    small = min(_steps(lambda: send(800)) for _ in range(3))
    assert min(_steps(lambda: send(8000)) for _ in range(2)) < 40 * small
