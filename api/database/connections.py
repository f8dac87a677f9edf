"""Connections to PostgreSQL: how each is set up, and which servers are taken."""

from typing import Any

import orjson
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Conninfo
from psycopg.rows import namedtuple_row
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import ConnectionPool

from api.database.queries import Connection

MINIMUM_VERSION = 18
SERVICE = "constancia_service"
"""The role with which requests are served: it may not rewrite history."""
DURABILITY = ("fsync", "full_page_writes", "synchronous_commit")

# A caller is not kept waiting for a lock, nor a worker for a query, nor anybody for what a worker
# has begun that is stopped, or whose caller does not take the answer. Nothing is written that takes
# longer than the front waits for it. A request takes one process of the database: to start others
# takes longer than nearly all of them, and there are not enough for all. Every statement is a file
# of sql/queries for one set of conditions, so one plan of it serves: no planning while a caller
# waits.
_FOR_SERVING = (
    "-c timezone=UTC -c lock_timeout=5s -c statement_timeout=30s "
    "-c idle_in_transaction_session_timeout=60s -c transaction_timeout=30min "
    "-c max_parallel_workers_per_gather=0 "
    f"-c plan_cache_mode=force_generic_plan -c role={SERVICE}"
)
_FOR_COMMANDS = "-c timezone=UTC -c lock_timeout=0 -c statement_timeout=0"


class UnfitServerError(Exception):
    """A database server that this service does not run on, with a sentence that says why."""


set_json_dumps(orjson.dumps)
set_json_loads(orjson.loads)


def connect(url: str) -> Connection:
    """A connection for a command: autocommit, without limits on time."""
    conn: Connection = psycopg.connect(
        _with_options(url, _FOR_COMMANDS), autocommit=True, row_factory=namedtuple_row
    )
    _configure(conn)
    return conn


def pool(url: str, size: int) -> ConnectionPool[Connection]:
    """A pool of one worker, not opened yet: a pool does not survive a fork.

    Its connections have the rights of the service's role alone, whoever logs in.
    When it is full, a request waits for three quarters of a second, and so do few: then it is busy.
    """
    return ConnectionPool(
        _with_options(url, _FOR_SERVING),
        min_size=1,
        max_size=size,
        timeout=0.75,
        max_waiting=size * 4,
        open=False,
        configure=_configure,
        kwargs={"autocommit": True, "row_factory": namedtuple_row},
    )


def environment(url: str) -> dict[str, str]:
    """What tells PostgreSQL's own programs to connect there."""
    options = Conninfo.parse(url.encode())
    return {o.envvar.decode(): o.val.decode() for o in options if o.envvar and o.val}


def _with_options(url: str, options: str) -> str:
    """The URL with these settings beside its own, which come after and so go before."""
    own = conninfo_to_dict(url).get("options") or ""
    return make_conninfo(url, options=f"{options} {own}".strip())


def _configure(conn: psycopg.Connection[Any]) -> None:
    # More than there are statements: none is ever dropped and prepared again.
    conn.prepared_max = 500


def check_service(url: str) -> None:
    """Refuses a login by which the service would get no connection of its role."""
    try:
        psycopg.connect(_with_options(url, _FOR_SERVING)).close()
    except psycopg.OperationalError as error:
        if SERVICE not in str(error):
            raise
        user = conninfo_to_dict(url).get("user") or "the login of DATABASE_URL"
        raise UnfitServerError(
            f"{user} may not serve: GRANT {SERVICE} TO it, as who runs the server."
        ) from None


def check_server(conn: Connection, *, allow_unsafe_durability: bool) -> None:
    """Refuses a server that is too old, or that could forget what it has acknowledged."""
    version = conn.info.server_version // 10000
    if version < MINIMUM_VERSION:
        raise UnfitServerError(
            f"This is PostgreSQL {version}; Constancia needs {MINIMUM_VERSION} or later."
        )
    if allow_unsafe_durability:
        return
    for setting in DURABILITY:
        row = conn.execute("SELECT current_setting(%s) AS value", [setting]).fetchone()
        if row is not None and row.value == "off":
            raise UnfitServerError(
                f"The database runs with {setting} off, so a write that was acknowledged could be "
                f"lost. Turn it on, or set CONSTANCIA_ALLOW_UNSAFE_DURABILITY=1."
            )
