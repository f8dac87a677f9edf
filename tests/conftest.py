"""The fixtures of the suite.

There is one real PostgreSQL for each process of pytest. Each test begins with an empty database:
one that is emptied after each test, or a new clone of a migrated template.
"""

import gc
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from time import sleep
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings
from psycopg.conninfo import make_conninfo
from psycopg.sql import Literal
from werkzeug.test import TestResponse
from xdist.scheduler import WorkStealingScheduling

from api import app as application
from api import auth
from api.cases import loader
from api.config import Config
from api.database import connections
from api.database.queries import Connection
from api.http.conditional import NotModifiedCache
from api.server import embedded
from tests.support import data_dir, open_pool

CASES = Path(__file__).parent / "cases"
EXAMPLE = CASES / "venezuela-2026-01-08.json"

# The files with 20 s of CPU time or more, those with the longest tests first. They start first, so
# that no process waits at the end for one. A process takes over tests from the end of another's:
# the first file, whose store takes 11 s to fill, is not divided.
LONGEST_FIRST = (
    "whole_set/test_query_plans.py",
    "whole_set/test_schemathesis.py",
    "stories/test_record_time.py",
    "commands/test_load.py",
    "whole_set/test_privacy.py",
    "http/test_conditional.py",
    "faults/test_fault_suite.py",
    "imports/test_case_import.py",
    "imports/test_list_import.py",
    "identity/test_merges.py",
    "stories/test_interruptions.py",
    "cases/test_export.py",
    "stories/test_operation.py",
    "stories/test_order_of_entry.py",
    "verification/test_rule.py",
    "contract/test_schemas.py",
)

# Examples are the same each time, and may take any time: a failure by chance would refuse a change.
settings.register_profile(
    "same", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same")

_numbers = count()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    rank = {here / name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over the modules and tests, and collect less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """Run three processes on each processor, unless the environment says how many.

    Processes wait for starts, stops and locks: on two processors six take 745 s, and four 797.
    """
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return 3 * (os.cpu_count() or 1)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each process a half of the tests, of which an idle one takes over a part. A fixture of a
    module is then made once, and not by every process."""
    return WorkStealingScheduling(config, log) if config.getoption("dist") == "load" else None


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The URL of a PostgreSQL for this run, with a migrated database named template."""
    with data_dir() as directory, embedded.running(directory) as url:
        maintenance = make_conninfo(url, dbname="postgres")
        with psycopg.connect(maintenance, autocommit=True) as conn:
            # It would gather statistics of one of two stores whose plans a test compares.
            conn.execute("ALTER SYSTEM SET autovacuum = off")
            conn.execute("SELECT pg_reload_conf()")
            conn.execute("ALTER DATABASE constancia RENAME TO template")
        yield maintenance
        for stores in _idle_stores.values():
            while stores:
                stores.pop().close()


@contextmanager
def cloned(server: str, template: str = "template") -> Iterator[str]:
    """The URL of a new database, which is dropped at the end."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as conn:
        # Takes half as long as WAL_LOG: 23 ms instead of 51 ms for a template of 9.6 MB.
        conn.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        try:
            yield make_conninfo(server, dbname=name)
        finally:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def template_with_example(server: str) -> Iterator[str]:
    """The name of a database with the example case. To load it takes 0.3 s of CPU time."""
    with cloned(server) as url:
        with connections.connect(url) as conn:
            loader.load(conn, EXAMPLE, lambda _: None)
            name = conn.info.dbname
        yield name


@pytest.fixture
def example_case() -> Path:
    """The example case, which `database` holds in a test that has this fixture."""
    return EXAMPLE


@pytest.fixture
def database(reusable_store: "Store") -> str:
    """The URL of a migrated database: an empty one, or that of the example case."""
    return reusable_store.url


@pytest.fixture
def conn(database: str) -> Iterator[Connection]:
    """A connection to that database, with the rights of its owner."""
    with connections.connect(database) as connection:
        yield connection


class Api:
    """The API for one caller; `scope` returns the API for a caller with a key of that scope."""

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

    # Records for stories.

    def source(self, name: str, kind: str = "ngo", **more: Any) -> str:
        """Create a source; another one of the same name is recorded as distinct from it."""
        body = {"name": name, "kind": kind, "distinct_from": [], **more}
        while (response := self.send("POST", "/v1/sources", json=body)).status_code == 409:
            body["distinct_from"].append(response.get_json()["source_id"])
        return self._json(response, 201)["id"]

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


class _ReusedApplication:
    """An application that serves one pool after another, and starts each time without remembered
    responses."""

    def __init__(self) -> None:
        self.pool: Any = None
        self._caches: list[_RenewableCache] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(application, "NotModifiedCache", self._cache)
            contact = "mailto:security@example.org"
            self.app: Flask = application.create_app(
                _PoolOf(self), Config(security_contact=contact)
            )
        assert self._caches

    def _cache(self, *arguments: Any) -> "_RenewableCache":
        self._caches.append(_RenewableCache(*arguments))
        return self._caches[-1]

    @contextmanager
    def using(self, pool: Any) -> Iterator[FlaskClient]:
        self.pool = pool
        for cache in self._caches:
            cache.renew()
        try:
            yield self.app.test_client()
        finally:
            self.pool = None


class _PoolOf:
    """Delegates to the current pool of an application."""

    def __init__(self, application: _ReusedApplication) -> None:
        self._application = application

    def __getattr__(self, name: str) -> Any:
        return getattr(self._application.pool, name)


class _RenewableCache:
    """A NotModifiedCache that can be replaced by an empty one."""

    def __init__(self, *arguments: Any) -> None:
        self._arguments = arguments
        self.renew()

    def renew(self) -> None:
        self._cache = NotModifiedCache(*self._arguments)

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        return self._cache(environ, start_response)


_idle_applications: list[_ReusedApplication] = []


@contextmanager
def client_of(pool: Any) -> Iterator[FlaskClient]:
    """Yield a client of an application on a pool.

    The application is used again: to bind the contract takes 0.11 s of CPU time, and most tests
    take less.
    """
    reused = _idle_applications.pop() if _idle_applications else _ReusedApplication()
    with reused.using(pool) as client:
        yield client
    _idle_applications.append(reused)


def keys_of(database: str) -> Callable[[str], str]:
    """Return a function that gives a key of a scope, which it creates once."""
    keys: dict[str, str] = {}

    def key(scope: str) -> str:
        if scope not in keys:
            with connections.connect(database) as connection:
                keys[scope] = auth.create_key(connection, f"test {scope}", scope)[1]
        return keys[scope]

    return key


class Store:
    """A database that is emptied and used again, or filled with the example case again.

    A test takes 0.1 s of CPU time less than on a new database, whose connections have to plan every
    statement.
    """

    _MAX_USES = 40
    """Emptied tables and indexes keep their dead rows."""

    def __init__(self, server: str, template: str) -> None:
        self._uses = 0
        with ExitStack() as stack:
            self.url = stack.enter_context(cloned(server, template))
            self._owner = stack.enter_context(connections.connect(self.url))
            self.pool = stack.enter_context(open_pool(self.url, 4))
            self.keys = keys_of(self.url)
            self._owner.execute(_NOTE_CHANGES_OF_THE_SCHEMA)
            self._state = self._owner.execute(_STATE).fetchone()
            self._emptying = self._statements()
            self.close = stack.pop_all().close

    def _statements(self) -> str:
        """Return statements that empty all tables but that of the keys, and insert the rows of a
        new database."""
        self._owner.execute("SET session_replication_role = replica")  # without the triggers
        tables = self._owner.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = 'public'::regnamespace AND relname <> 'api_keys'"
        )
        names = [name for (name,) in tables]
        statements = [f"DELETE FROM {name}" for name in names]
        for name in names:
            query = f"SELECT jsonb_agg(to_jsonb(t))::text FROM {name} t"
            for (rows,) in self._owner.execute(query):
                if rows is not None:
                    records = f"jsonb_populate_recordset(NULL::{name}, {Literal(rows).as_string()})"
                    statements.append(
                        f"INSERT INTO {name} OVERRIDING SYSTEM VALUE SELECT r.* FROM {records} r"
                    )
        for (sequence,) in self._owner.execute("SELECT seqrelid::regclass::text FROM pg_sequence"):
            state = f"'{sequence}', last_value, is_called FROM {sequence}"
            statements += [
                f"SELECT setval('{name}', {value}, {is_called})"
                for name, value, is_called in self._owner.execute(f"SELECT {state}")
            ]
        return ";".join(statements)

    def delete_keys(self) -> None:
        self._owner.execute("DELETE FROM api_keys")
        self.keys = keys_of(self.url)

    def empty(self) -> bool:
        """Empty the store. Return false if it cannot be used again.

        It is worn out, another process or a request still has a connection, or the test changed
        more than rows.
        """
        self._uses += 1
        stats = self.pool.get_stats()
        if self._uses == self._MAX_USES or stats["pool_available"] != stats["pool_size"]:
            return False
        if self._state != self._owner.execute(_STATE).fetchone() or self._is_shared():
            return False
        self._owner.execute(self._emptying, prepare=False)
        return True

    def _is_shared(self) -> bool:
        """Return whether others stay connected. A closed connection ends a moment later."""
        for _ in range(20):
            row = self._owner.execute(_CONNECTIONS).fetchone()
            assert row is not None
            if row.count <= self.pool.get_stats()["pool_size"] + 1:
                return False
            sleep(0.01)
        return True


_NOTE_CHANGES_OF_THE_SCHEMA = """
    CREATE SCHEMA tests;
    CREATE TABLE tests.changes ();
    CREATE FUNCTION tests.note_change() RETURNS event_trigger SECURITY DEFINER LANGUAGE plpgsql
        AS $$ BEGIN INSERT INTO tests.changes DEFAULT VALUES; END $$;
    CREATE EVENT TRIGGER note_change ON ddl_command_end EXECUTE FUNCTION tests.note_change()
"""
_STATE = """
    SELECT (SELECT count(*) FROM tests.changes) AS changes,
        (SELECT coalesce(sum(xmin::text::bigint), 0) FROM pg_statistic) AS statistics,
        (SELECT array_agg(setconfig) FROM pg_db_role_setting s JOIN pg_database d
            ON d.oid = s.setdatabase WHERE datname = current_database()) AS settings,
        (SELECT datacl FROM pg_database WHERE datname = current_database()) AS privileges
"""
_CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"

_idle_stores: dict[str, list[Store]] = {}


@contextmanager
def empty_store(server: str, template: str = "template") -> Iterator[Store]:
    """Yield an empty store, or one that is like another template."""
    idle = _idle_stores.setdefault(template, [])
    store, is_empty = idle.pop() if idle else Store(server, template), False
    try:
        yield store
        is_empty = store.empty()
    finally:
        if is_empty:
            idle.append(store)
        else:
            store.close()


@contextmanager
def api_on_empty_store(server: str) -> Iterator[Api]:
    """Yield the API on an empty store, for a caller without a key."""
    with empty_store(server) as store, client_of(store.pool) as client:
        yield Api(client, store.keys)


@pytest.fixture
def reusable_store(server: str, request: pytest.FixtureRequest) -> Iterator[Store]:
    """A store: empty, or with the example case."""
    has_example = "example_case" in request.fixturenames
    template = request.getfixturevalue("template_with_example") if has_example else "template"
    with empty_store(server, template) as store:
        if "database" not in request.fixturenames:
            yield store
            return
        store.delete_keys()
        yield store
        store.delete_keys()


@pytest.fixture
def api(reusable_store: Store) -> Iterator[Api]:
    """The API on that database, for a caller without a key."""
    with client_of(reusable_store.pool) as client:
        yield Api(client, reusable_store.keys)


@pytest.fixture
def editor(api: Api) -> Api:
    """The API for a key of scope `edit`."""
    return api.scope("edit")


@pytest.fixture
def contributor(api: Api) -> Api:
    """The API for a key of scope `contribute`."""
    return api.scope("contribute")


@pytest.fixture(scope="module")
def shared_api(server: str) -> Iterator[Api]:
    """The API on one database for the tests of a module that walk over all operations.

    They succeed on any store. A database for each test takes 40 ms of CPU time more.
    """
    with api_on_empty_store(server) as api:
        yield api
