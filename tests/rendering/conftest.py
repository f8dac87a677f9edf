"""The example case, for tests of responses."""

from pathlib import Path

import pytest

from tests.conftest import Api


@pytest.fixture
def example(example_case: Path, api: Api) -> Api:
    """The API on the example case."""
    return api
