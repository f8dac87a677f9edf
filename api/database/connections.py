"""Connections to PostgreSQL: their settings, and the checks of the server."""

from typing import Any

import orjson
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Conninfo
from psycopg.rows import namedtuple_row
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import ConnectionPool

from api.config import SERVICE_ROLE
from api.database.deadlines import MAX_TRANSACTION_MINUTES, DeadlineConnection
from api.database.queries import Connection

MINIMUM_VERSION = 18
DURABILITY = ("fsync", "full_page_writes", "synchronous_commit")

PLANNING = {
    "max_parallel_workers_per_gather": "0",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
}
"""The settings by which the planner plans the queries of requests.

No parallel workers: it takes 2.4 ms to start one, and 0.1 to 0.3 ms to run most queries. Generic
plans: each statement is a query file with one set of conditions, so that one plan fits all
parameters. To plan a list of detainees or attestations takes 1.5 ms, to run it 0.2 ms. No JIT: the
estimated cost of a count at a facility is above `jit_above_cost`, but its time is 1.2 ms, less than
any compilation takes.
"""

# Timeouts bound how long a caller waits for a lock, how long a query runs, and how long locks are
# held by a worker that was stopped or for a client that does not read.
_FOR_SERVING = (
    "-c timezone=UTC -c lock_timeout=5s -c statement_timeout=30s "
    "-c idle_in_transaction_session_timeout=60s "
    f"-c transaction_timeout={MAX_TRANSACTION_MINUTES}min "
    + "".join(f"-c {name}={value} " for name, value in PLANNING.items())
    + f"-c role={SERVICE_ROLE}"
)
_MAX_CONNECT_SECONDS = 5
_FOR_COMMANDS = "-c timezone=UTC -c lock_timeout=0 -c statement_timeout=0"


class UnfitServerError(Exception):
    """The database server cannot be used; the message says why and what to do."""


set_json_dumps(orjson.dumps)
set_json_loads(orjson.loads)


def connect(url: str) -> Connection:
    """Open a connection for a command: autocommit, without timeouts."""
    conn: Connection = psycopg.connect(
        _with_options(url, _FOR_COMMANDS), autocommit=True, row_factory=namedtuple_row
    )
    _configure(conn)
    return conn


def pool(url: str, size: int) -> ConnectionPool[Connection]:
    """Return the pool of one worker, which opens it after the fork.

    Its connections have the role SERVICE_ROLE, with any login. A request waits for a connection
    for at most 0.75 s. At most four requests for each connection wait; others get `busy` at once.
    """
    return ConnectionPool(
        make_conninfo(_with_options(url, _FOR_SERVING), connect_timeout=_MAX_CONNECT_SECONDS),
        connection_class=DeadlineConnection,
        min_size=1,
        max_size=size,
        timeout=0.75,
        max_waiting=size * 4,
        open=False,
        configure=_configure_serving,
        kwargs={"autocommit": True, "row_factory": namedtuple_row},
    )


def environment(url: str) -> dict[str, str]:
    """Return the environment variables by which PostgreSQL's programs connect to a URL."""
    options = Conninfo.parse(url.encode())
    return {o.envvar.decode(): o.val.decode() for o in options if o.envvar and o.val}


def _with_options(url: str, options: str) -> str:
    """Add settings to a URL; those that the URL has already take precedence."""
    url_options = conninfo_to_dict(url).get("options") or ""
    return make_conninfo(url, options=f"{options} {url_options}".strip())


def _configure(conn: psycopg.Connection[Any]) -> None:
    # Above the number of statements, so that none is evicted and prepared again.
    conn.prepared_max = 500


def _configure_serving(conn: Connection) -> None:
    """Set the client's deadline: a second after the server's timeout, which the URL can set."""
    assert isinstance(conn, DeadlineConnection)  # noqa: S101 - by connection_class
    _configure(conn)
    row = conn.execute(
        "SELECT setting::integer AS milliseconds FROM pg_settings WHERE name = 'statement_timeout'"
    ).fetchone()
    milliseconds = row.milliseconds if row else 0
    conn.max_statement_seconds = milliseconds / 1000 + 1 if milliseconds else None


def check_service(url: str, *, allow_unsafe_durability: bool = False) -> None:
    """Check that the login may set the role SERVICE_ROLE, and that its writes survive a crash.

    Raises UnfitServerError.
    """
    try:
        with psycopg.connect(_with_options(url, _FOR_SERVING), row_factory=namedtuple_row) as conn:
            if not allow_unsafe_durability:
                _check_durability(conn)
    except psycopg.OperationalError as error:
        if SERVICE_ROLE not in str(error):
            raise
        user = conninfo_to_dict(url).get("user") or "the login of DATABASE_URL"
        raise UnfitServerError(
            f"The login {user} lacks the role {SERVICE_ROLE}. "
            f"As the administrator of the server, run: GRANT {SERVICE_ROLE} TO {user}"
        ) from None


def check_server(conn: Connection, *, allow_unsafe_durability: bool) -> None:
    """Check the version, the encoding, and that committed writes survive a crash.

    Raises UnfitServerError.
    """
    version = conn.info.server_version // 10000
    if version < MINIMUM_VERSION:
        raise UnfitServerError(
            f"The server is PostgreSQL {version}; Constancia needs {MINIMUM_VERSION} or later. "
            "Upgrade it, or name another server in DATABASE_URL."
        )
    encoding = conn.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise UnfitServerError(
            f"The database {conn.info.dbname} has the encoding {encoding}; Constancia needs UTF8. "
            "Create another: CREATE DATABASE constancia TEMPLATE template0 ENCODING 'UTF8' LOCALE "
            "'C' OWNER …"
        )
    if not allow_unsafe_durability:
        _check_durability(conn)


def max_connections(conn: Connection) -> int:
    """Return how many connections the server accepts in all, of logins that are no superusers."""
    row = conn.execute(
        "SELECT current_setting('max_connections')::integer"
        " - current_setting('superuser_reserved_connections')::integer"
        " - current_setting('reserved_connections')::integer AS number"
    ).fetchone()
    return int(row.number) if row else 0


def _check_durability(conn: Connection) -> None:
    """Check the settings of this login: a role or a database can have others than the server."""
    for setting in DURABILITY:
        row = conn.execute("SELECT current_setting(%s) AS value", [setting]).fetchone()
        if row is not None and row.value == "off":
            raise UnfitServerError(
                f"The login {conn.info.user} has {setting} off: an acknowledged write could be "
                "lost in a crash. Turn it on, or set CONSTANCIA_ALLOW_UNSAFE_DURABILITY=1."
            )
