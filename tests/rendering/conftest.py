"""The example case, for tests of responses."""

import pytest

from api.cases import loader
from api.database.queries import Connection
from tests.conftest import CASES, Api


@pytest.fixture
def example(api: Api, conn: Connection) -> Api:
    """The API on the example case."""
    loader.load(conn, CASES / "venezuela-2026-01-08.json", lambda _: None)
    return api
