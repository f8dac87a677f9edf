"""No sequence of bytes makes the service fail."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.problems import check_problem
from tests.whole_set.bad_input.invalid_requests import InvalidRequest
from tests.whole_set.bad_input.keys import WRITES
from tests.whole_set.bad_input.world import World, new_world

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def _bodies(draw: st.DrawFn) -> tuple[str, str, bytes]:
    """A write with a random body: bytes, JSON, or a valid body with a part replaced."""
    method, path, body, _ = draw(st.sampled_from(WRITES))
    kind = draw(st.sampled_from(["bytes", "json", "part", "cut"]))
    if kind == "bytes":
        return method, path, draw(st.binary(max_size=200))
    if kind == "json":
        return method, path, json.dumps(draw(_JSON)).encode()
    if kind == "part":
        name = draw(st.sampled_from([*body, "relays", "aliases", "external_ids"]))
        return method, path, json.dumps({**body, name: draw(_JSON)}).encode()
    raw = bytearray(json.dumps(body).encode())
    place = draw(st.integers(0, len(raw) - 1))
    raw[place : place + draw(st.integers(0, 5))] = draw(st.binary(max_size=5))
    return method, path, bytes(raw)


@pytest.fixture(scope="module")
def changing_world(server: str) -> Iterator[World]:
    """A separate register, since some of the requests are accepted."""
    with new_world(server) as world:
        yield world


@settings(max_examples=400, deadline=None)
@given(_bodies())
def test_arbitrary_bytes_cause_no_server_error(
    changing_world: World, request_: tuple[str, str, bytes]
) -> None:
    """A request that is refused changes nothing, and one that creates a record is noticed."""
    method, path, raw = request_
    before = changing_world.digest()
    response = changing_world.send(InvalidRequest("", method, path, "", raw=raw))
    assert response.status_code < 500, response.get_data(as_text=True)
    if response.status_code >= 400:
        check_problem(response, response.get_json(force=True)["type"].removeprefix("/problems/"))
        assert changing_world.digest() == before
    elif response.status_code == 201:
        assert changing_world.digest() != before
