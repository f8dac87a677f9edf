"""The register that the bad input is sent to."""

from collections.abc import Iterator

import pytest

from tests.whole_set.bad_input.world import World, new_world


@pytest.fixture(scope="session")
def world(server: str) -> Iterator[World]:
    with new_world(server) as world:
        yield world


@pytest.fixture(scope="session")
def changing_world(server: str) -> Iterator[World]:
    """A world for what may be taken too."""
    with new_world(server) as world:
        yield world


@pytest.fixture
def nothing_written(world: World) -> Iterator[World]:
    """The world, of which nothing may have changed when the test is over."""
    before = world.store()
    yield world
    assert world.store() == before
