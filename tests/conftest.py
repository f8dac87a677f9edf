"""What the stories stand on: one real PostgreSQL for the run, and a database of its own for each
test, cloned from a migrated template. Nothing of the database is mocked."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient
from psycopg.conninfo import make_conninfo
from werkzeug.test import TestResponse

from api import auth
from api.app import create_app
from api.database import connections, migrations
from api.database.queries import Connection
from api.records import entries
from api.server import embedded

CASES = Path(__file__).parent / "cases"

_names = count()


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The URL of a PostgreSQL for this run, with a migrated database named template."""
    memory = Path("/dev/shm")
    folder = tempfile.mkdtemp(prefix="constancia-", dir=memory if memory.is_dir() else None)
    try:
        with embedded.running(Path(folder)) as url:
            with psycopg.connect(url, autocommit=True) as conn:
                conn.execute("CREATE DATABASE template")
            with connections.connect(make_conninfo(url, dbname="template")) as conn:
                migrations.migrate(conn, lambda _: None)
                entries.spell_again(conn, lambda _: None)
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def cloned(server: str, template: str = "template") -> Iterator[str]:
    """The URL of a new database, gone afterwards."""
    name = f"test_{os.getpid()}_{next(_names)}"
    with psycopg.connect(server, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield make_conninfo(server, dbname=name)
        finally:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(server: str) -> Iterator[str]:
    """The URL of an empty, migrated database."""
    with cloned(server) as url:
        yield url


@pytest.fixture
def conn(database: str) -> Iterator[Connection]:
    """A connection to it, as the service's own."""
    with connections.connect(database) as connection:
        yield connection


class Api:
    """The API as a caller sees it; `scope` gives the same API to the holder of such a key."""

    def __init__(self, client: FlaskClient, keys: Callable[[str], str], key: str | None = None):
        self.client = client
        self._keys = keys
        self._key = key

    def scope(self, scope: str) -> "Api":
        return Api(self.client, self._keys, self._keys(scope))

    def send(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = dict(options.pop("headers", {}))
        if self._key:
            headers.setdefault("Authorization", f"Bearer {self._key}")
        return self.client.open(path, method=method, headers=headers, **options)

    def get(self, path: str, status: int = 200, **query: Any) -> Any:
        return self._json(self.send("GET", path, query_string=query or None), status)

    def post(self, path: str, body: Any, status: int = 201) -> Any:
        return self._json(self.send("POST", path, json=body), status)

    def patch(self, path: str, body: Any, status: int = 200) -> Any:
        return self._json(self.send("PATCH", path, json=body), status)

    @staticmethod
    def _json(response: TestResponse, status: int) -> Any:
        assert response.status_code == status, response.get_data(as_text=True)
        return response.get_json(force=True)

    # What most stories are made of.

    def source(self, name: str, kind: str = "ngo", **more: Any) -> str:
        return self.post("/v1/sources", {"name": name, "kind": kind, **more})["id"]

    def affiliate(
        self, source: str, with_source: str, relation: str = "owned_by", **more: Any
    ) -> str:
        body = {"with_source_id": with_source, "relation": relation, **more}
        return self.post(f"/v1/sources/{source}/affiliations", body)["id"]

    def detainee(self, name: str, **more: Any) -> str:
        return self.post("/v1/detainees", {"name": name, **more})["id"]

    def detention(self, detainee: str, **more: Any) -> str:
        return self.post(f"/v1/detainees/{detainee}/detentions", more)["id"]

    def event(self, detainee: str, day: str, **more: Any) -> str:
        body = {"detainee_id": detainee, "occurred_on": day, **more}
        return self.post("/v1/release-events", body)["id"]

    def attest(self, event: str, source: str, at: str, **more: Any) -> Any:
        body = {
            "release_event_id": event,
            "source_id": source,
            "stance": "confirms",
            "basis": "first_hand",
            "evidence": "report",
            "published_at": at,
            **more,
        }
        return self.post("/v1/attestations", body)


@pytest.fixture
def api(database: str) -> Iterator[Api]:
    """The API on an empty database, to a caller without a key."""
    pool = connections.pool(database, 4)
    keys: dict[str, str] = {}

    def key(scope: str) -> str:
        if scope not in keys:
            with connections.connect(database) as connection:
                keys[scope] = auth.create_key(connection, f"test {scope}", scope)[1]
        return keys[scope]

    with pool:
        app = create_app(pool, security_contact="mailto:security@example.org")
        yield Api(app.test_client(), key)
