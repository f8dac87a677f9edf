"""Privileges of the service role: it can run the queries and nothing else."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, cast

import psycopg
import pytest
from psycopg import errors as pg
from psycopg.conninfo import make_conninfo

from api import auth
from api.cases import loader
from api.config import SERVICE_ROLE
from api.database import connections, migrations, queries
from api.server import embedded
from tests.commands.running import constancia
from tests.conftest import CASES, Api, cloned
from tests.support import Client, data_dir, open_pool, serving, wait_until
from tests.whole_set.query_files import FILES, WITHOUT_A_PLAN, condition_sets

NOON = "2026-01-09T12:00:00Z"
# Queries of the operator's commands, which connect as the owner.
OWNER_QUERIES = {"api_keys/insert", "key_versions/update", "api_keys/revoke"}


@contextmanager
def service_role(database: str) -> Iterator[queries.Connection]:
    """Connect as the service role to a store with the example case."""
    with connections.connect(database) as owner:
        loader.load(owner, CASES / "venezuela-2026-01-08.json", lambda _: None)
    with connections.connect(make_conninfo(database, options=f"-c role={SERVICE_ROLE}")) as conn:
        yield conn


@pytest.fixture
def service(database: str) -> Iterator[queries.Connection]:
    with service_role(database) as conn:
        yield conn


@pytest.fixture(scope="module")
def unchanged_service(server: str) -> Iterator[queries.Connection]:
    """The same on one store, for statements that change nothing."""
    with cloned(server) as database, service_role(database) as conn:
        yield conn


def test_service_role_can_run_every_query_except_the_operators(service: queries.Connection) -> None:
    refused = set()
    for name in FILES:
        for conditions in condition_sets(name):
            text = queries.text(name, conditions)
            names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", text)))
            numbered = re.sub(r"%\((\w+)\)s", lambda m, n=names: f"${n.index(m[1]) + 1}", text)
            plan = "" if name in WITHOUT_A_PLAN else "EXPLAIN (GENERIC_PLAN) "
            try:
                with service.transaction(force_rollback=True):
                    service.execute(cast(Any, plan + numbered))
            except pg.InsufficientPrivilege:
                refused.add(name)
    assert refused == OWNER_QUERIES


def test_service_role_can_read_every_table_and_view(service: queries.Connection) -> None:
    """Finds a migration that grants no SELECT on a table that it adds."""
    hidden = service.execute(
        "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace"
        " AND c.relkind IN ('r', 'v') AND NOT has_table_privilege(c.oid, 'SELECT')"
    ).fetchall()
    assert hidden == []


REFUSED = [
    # Deletion of records, and updates of immutable columns.
    *(
        f"{verb} {table}"
        for verb in ("DELETE FROM", "TRUNCATE")
        for table in (
            "ledger", "ledger_head", "attestations", "attestation_relays", "claims", "verdicts",
            "verdict_parts", "person_statuses", "status_rollups", "detainees", "detentions",
            "release_events", "sources", "proposals",
            "affiliations", "merges", "merge_changes", "distinctions", "api_keys", "migrations",
        )
    ),
    *(
        f"UPDATE ledger SET {column} = {column}"
        for column in (
            "seq", "public_seq", "recorded_at", "resource", "resource_id", "action", "actor",
            "entry", "public_sha256",
        )
    ),
    *(
        f"UPDATE attestations SET {column} = {column}"
        for column in (
            "id", "source_id", "stance", "basis", "release_kind", "denial_reason", "evidence",
            "published_at", "url", "archived_url", "content_sha256", "language", "note",
            "created_at",
        )
    ),
    *(
        f"UPDATE {table} SET {column} = {column}"
        for table, columns in {
            "attestation_relays": [
                "attestation_id", "stance", "relayed_attestation_id", "relayed_source_id",
            ],
            "claims": ["value", "source_id", "as_of", "published_at"],
            "verdicts": [
                "published_from", "recorded_from", "independent_sources", "independent_denials",
                "status", "since", "kinds", "rests_on", "ends_confirmed",
            ],
            "verdict_parts": ["reason", "chain", "recorded_from", "published_from"],
            "person_statuses": [
                "status_codes", "groups", "recorded_from", "published_from", "ends_confirmed",
            ],
            "merge_changes": ["before", "after"],
            "proposals": ["key_id", "resource", "detainee_id", "action", "body"],
            "api_keys": ["scope", "prefix", "hash", "revoked_at", "valid_until"],
            "migrations": ["sha256"],
        }.items()
        for column in columns
    ),
    # A second change of columns that can change once.
    "UPDATE verdicts SET recorded_until = 'infinity'",
    "UPDATE verdicts SET recorded_until = recorded_from + interval '1 microsecond'",
    "UPDATE person_statuses SET recorded_until = now() + interval '1 day'",
    "UPDATE verdict_parts SET recorded_until = now()",
    "UPDATE ledger_head SET seq = seq - 1",
    "UPDATE ledger_head SET public_seq = 0",
    "UPDATE ledger_head SET recorded_at = recorded_at - interval '1 second'",
    # Records of another moment than the transaction's.
    "UPDATE ledger_head SET recorded_at = now() + interval '1 hour'",
    "UPDATE ledger_head SET seq = seq + 1, recorded_by = pg_current_xact_id()",
    "INSERT INTO ledger (seq, recorded_at, resource, resource_id, action, entry)"
    " SELECT -1, recorded_at, resource, resource_id, action, entry FROM ledger WHERE seq = 1",
    "INSERT INTO ledger (seq, recorded_at, resource, resource_id, action, entry)"
    " SELECT h.seq + 1, now(), 'source', gen_random_uuid(), 'created', '{}' FROM ledger_head h",
    "INSERT INTO verdicts SELECT release_event_id, published_from - interval '1 hour',"
    " recorded_from, recorded_until, 9, 0, 'confirmed', since, kinds, rests_on FROM verdicts",
    "INSERT INTO verdict_parts SELECT release_event_id, attestation_id,"
    " published_from - interval '1 hour', recorded_from, recorded_until, 'retracted'"
    " FROM verdict_parts",
    "INSERT INTO person_statuses SELECT detainee_id, published_from - interval '1 hour',"
    " recorded_from, recorded_until, 'CCCCC', groups FROM person_statuses",
    # Granting access to others.
    "INSERT INTO api_keys (name, scope, prefix, hash) VALUES ('x', 'admin', 'x', 'x')",
    # Schema and server changes.
    "CREATE TABLE x (y integer)",
    "CREATE VIEW x AS SELECT 1",
    "CREATE FUNCTION x() RETURNS integer LANGUAGE sql RETURN 1",
    "CREATE SCHEMA x",
    "CREATE SEQUENCE x",
    "SELECT lo_create(0)",
    "SELECT lo_from_bytea(0, 'x')",
    "CREATE TYPE x AS ENUM ()",
    "CREATE EXTENSION dblink",
    "CREATE INDEX x ON ledger (action)",
    "CREATE TRIGGER x BEFORE UPDATE ON ledger FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    "CREATE ROLE x",
    "CREATE DATABASE x",
    "ALTER TABLE verdicts DISABLE TRIGGER ALL",
    "ALTER TABLE ledger ADD COLUMN x integer",
    "DROP TABLE verdicts",
    "DROP TRIGGER verdict_is_superseded_now ON verdicts",
    "SET session_replication_role = replica",
    f"ALTER ROLE {SERVICE_ROLE} SUPERUSER",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT pg_read_file('PG_VERSION')",
]  # fmt: skip


@pytest.mark.parametrize("statement", REFUSED)
def test_statement_is_refused_to_the_service_role(
    unchanged_service: queries.Connection, statement: str
) -> None:
    with pytest.raises(pg.InsufficientPrivilege) as refused:
        unchanged_service.execute(cast(Any, statement))
    assert refused.value.sqlstate == "42501"


def test_retraction_and_voiding_are_final(
    database: str, service: queries.Connection, api: Api
) -> None:
    editor = api.scope("edit")
    source = editor.source("Puertas")
    person = editor.detainee("Ana Prueba")
    editor.detention(person)
    attestation = editor.attest(editor.event(person, "2026-01-08"), source, NOON)["id"]
    editor.post(
        f"/v1/attestations/{attestation}/retraction", {"retracted_at": "2026-01-10T00:00:00Z"}, 200
    )
    editor.post(f"/v1/attestations/{attestation}/void", {"reason": "entered wrongly"}, 200)
    for change in (
        "retracted_at = NULL", "retracted_at = now()", "retraction_note = 'x'",
        "voided_at = NULL", "void_reason = 'x'",
    ):  # fmt: skip
        with pytest.raises(pg.InsufficientPrivilege):
            service.execute(
                cast(Any, f"UPDATE attestations SET {change} WHERE id = '{attestation}'")
            )
    stored = "SELECT retracted_at, voided_at, void_reason FROM attestations WHERE id = %s"
    row = service.execute(stored, [attestation]).fetchone()
    assert row.retracted_at is not None
    assert row.void_reason == "entered wrongly"


def test_verdict_is_superseded_only_once_at_the_time_in_the_ledger(
    service: queries.Connection,
) -> None:
    """The transaction that appends to the ledger supersedes verdicts at its `recorded_at`."""
    with service.transaction(force_rollback=True):
        moment = queries.row(
            service, "ledger/append", actor=None, resources=[], resource_ids=[], actions=[],
            affects_responses=False,
        ).recorded_at  # fmt: skip
        service.execute("UPDATE verdicts SET recorded_until = %s", [moment])
        with pytest.raises(pg.InsufficientPrivilege, match="final"):
            service.execute("UPDATE verdicts SET recorded_until = %s", [moment])


def test_entry_is_dated_by_the_clock_of_its_transaction(
    database: str, service: queries.Connection
) -> None:
    with connections.connect(database) as owner:
        owner.execute("SET session_replication_role = replica")  # without the triggers
        owner.execute("UPDATE ledger_head SET recorded_at = now() - interval '1 hour'")
    move = (
        "UPDATE ledger_head SET seq = seq + 1, recorded_by = pg_current_xact_id(),"
        " recorded_at = clock_timestamp() - interval '{}'"
    )
    for before in ("2 hours", "30 minutes", "5 seconds", "-1 second"):
        with pytest.raises(pg.InsufficientPrivilege, match="dated by the clock"):
            service.execute(cast(Any, move.format(before)))
    assert service.execute(cast(Any, move.format("0"))).rowcount == 1


def test_service_role_cannot_create_temporary_objects(server: str) -> None:
    """Migrates a database of its own: a clone lacks the privileges of the database itself."""
    with cloned(server, "template1") as url:
        with connections.connect(url) as owner:
            migrations.migrate(owner, lambda _: None)
        with connections.connect(make_conninfo(url, options=f"-c role={SERVICE_ROLE}")) as service:
            for temporary in ("TABLE x (y integer)", "VIEW x AS SELECT 1", "SEQUENCE x"):
                with pytest.raises(pg.InsufficientPrivilege):
                    service.execute(cast(Any, f"CREATE TEMPORARY {temporary}"))
            with pytest.raises(pg.InsufficientPrivilege):
                service.execute("CREATE FUNCTION pg_temp.x() RETURNS integer RETURN 1")


def test_concurrent_migrations_of_two_databases_share_the_role(server: str) -> None:
    def run(url: str) -> None:
        with connections.connect(url) as conn:
            migrations.migrate(conn, lambda _: None)
            assert migrations.pending(conn) == []

    with (
        cloned(server, "template1") as first,
        cloned(server, "template1") as second,
        ThreadPoolExecutor(2) as threads,
    ):
        list(threads.map(run, [first, second]))


@pytest.fixture
def logins(server: str) -> Iterator[dict[str, str]]:
    """URLs of a database for its owner (no superuser), a member of the role and a stranger."""
    names = {"owner": "test_owner", "service": "test_service", "stranger": "test_stranger"}
    with psycopg.connect(server, autocommit=True) as conn, cloned(server, "template1") as url:
        database = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
        for name in names.values():
            conn.execute(cast(Any, f"CREATE ROLE {name} LOGIN"))
        conn.execute(cast(Any, f"ALTER DATABASE {database} OWNER TO test_owner"))
        conn.execute(cast(Any, f"GRANT {SERVICE_ROLE} TO test_service"))
        try:
            yield {key: make_conninfo(url, user=name) for key, name in names.items()}
        finally:
            conn.execute(cast(Any, f"DROP DATABASE {database} WITH (FORCE)"))
            conn.execute(cast(Any, f"CREATE DATABASE {database}"))
            for name in names.values():
                conn.execute(cast(Any, f"DROP ROLE {name}"))


def test_owner_without_createrole_can_migrate(logins: dict[str, str]) -> None:
    with connections.connect(logins["owner"]) as conn:
        migrations.migrate(conn, lambda _: None)
    connections.check_service(logins["service"])
    with open_pool(logins["service"], 1) as pool, pool.connection() as conn:
        row = conn.execute("SELECT current_user AS name").fetchone()
        assert row is not None
        assert row.name == SERVICE_ROLE


def test_missing_role_is_an_error_unless_the_owner_can_create_it() -> None:
    """The owner of the database is not the superuser of the server."""
    with data_dir(new=True) as directory, embedded.running(directory) as url:
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute(cast(Any, f"DROP ROLE {SERVICE_ROLE}"))
            conn.execute("CREATE ROLE test_owner LOGIN")
            conn.execute("CREATE DATABASE test OWNER test_owner")
        owner = make_conninfo(url, user="test_owner", dbname="test")
        result = constancia("migrate", DATABASE_URL=owner)
        assert result.exit_code == 1
        assert f"CREATE ROLE {SERVICE_ROLE}" in result.stderr
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("ALTER ROLE test_owner CREATEROLE")
        assert constancia("migrate", DATABASE_URL=owner).exit_code == 0
        # The owner is a member of the role that it created.
        connections.check_service(owner)
        assert constancia("doctor", DATABASE_URL=owner).exit_code == 0


def test_login_without_the_service_role_is_an_error(logins: dict[str, str]) -> None:
    with connections.connect(logins["owner"]) as conn:
        migrations.migrate(conn, lambda _: None)
    for name in ("owner", "stranger"):
        with pytest.raises(connections.UnfitServerError, match=f"GRANT {SERVICE_ROLE} TO"):
            connections.check_service(logins[name])
    result = constancia(
        "serve", "--port", "0", DATABASE_URL=logins["stranger"],
        CONSTANCIA_OWNER_DATABASE_URL=logins["owner"],
    )  # fmt: skip
    assert result.exit_code == 1
    assert f"GRANT {SERVICE_ROLE}" in result.stderr


def test_login_whose_writes_could_be_lost_is_an_error(logins: dict[str, str]) -> None:
    with connections.connect(logins["owner"]) as conn:
        migrations.migrate(conn, lambda _: None)
    login = make_conninfo(logins["service"], options="-c synchronous_commit=off")
    with pytest.raises(connections.UnfitServerError, match="synchronous_commit off"):
        connections.check_service(login)
    connections.check_service(login, allow_unsafe_durability=True)


def wait_until_only_connected(conn: queries.Connection, login: str) -> None:
    """Wait until all other sessions have one login. Closed connections may have a session still."""
    others = (
        "SELECT usename FROM pg_stat_activity WHERE datname = current_database() "
        "AND usename IS NOT NULL AND pid <> pg_backend_pid()"
    )
    wait_until(lambda: {row.usename for row in conn.execute(others)} == {login}, login)


def test_service_connects_as_another_login_than_the_owner(logins: dict[str, str]) -> None:
    settings = {
        "DATABASE_URL": logins["service"],
        "CONSTANCIA_OWNER_DATABASE_URL": logins["owner"],
    }
    with data_dir(new=True) as directory, serving(directory, **settings) as service:
        with connections.connect(logins["owner"]) as conn:
            _, key = auth.create_key(conn, "test", "edit")
            with Client(service.port, key) as client:
                client.event("Ana Prueba")
            wait_until_only_connected(conn, "test_service")
        assert not directory.exists()


def test_embedded_postgresql_has_a_login_for_the_service() -> None:
    with data_dir() as directory, serving(directory) as service:
        with Client(service.port, service.key("edit")) as client:
            client.event("Ana Prueba")
        with embedded.running(directory) as url, connections.connect(url) as conn:
            wait_until_only_connected(conn, SERVICE_ROLE)


def test_owner_url_without_a_service_url_is_an_error() -> None:
    result = constancia("counts", CONSTANCIA_OWNER_DATABASE_URL="postgresql://127.0.0.1:1/x")
    assert result.exit_code == 1
    assert "set both" in result.stderr
