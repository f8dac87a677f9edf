"""Fixtures: the register to which the bad input is sent."""

from collections.abc import Iterator

import pytest

from tests.whole_set.bad_input.world import World, new_world


@pytest.fixture(scope="session")
def shared_world(server: str) -> Iterator[World]:
    with new_world(server) as world:
        yield world


@pytest.fixture
def world(shared_world: World) -> World:
    """The register, for requests that may be accepted and change it."""
    return shared_world


@pytest.fixture
def nothing_written(shared_world: World) -> Iterator[World]:
    """The register, which the test must leave unchanged."""
    before = shared_world.digest()
    yield shared_world
    assert shared_world.digest() == before
