"""The process itself, the contract for programs and people, the pages of problems."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import orjson
from markupsafe import Markup
from psycopg import OperationalError
from psycopg_pool import ConnectionPool, PoolTimeout, TooManyRequests

from api.contract import document
from api.database import migrations, queries
from api.errors import RequestError, not_found
from api.rendering.results import Answer

_SOON = 0.25  # seconds
_CONTACT_HOLDS = timedelta(days=90)
_PROBLEM_PAGE = Markup("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{problem.title} · Constancia</title>
<h1>{problem.title}</h1>
<p>{problem.explanation}</p>
<p>Type <code>/problems/{problem.slug}</code>, status {problem.status}.
<a href="/docs">The API</a></p>
</html>
""")
_DOCS = Path(__file__).resolve().parent.parent / "server/static"


@dataclass(frozen=True, slots=True)
class Service:
    """What the operations about the service itself are given."""

    pool: ConnectionPool[queries.Connection]
    security_contact: str | None = None


def get_health(service: Service) -> Answer:
    return Answer({"status": "pass"})


def get_readiness(service: Service) -> Answer:
    """Soon, also where a caller would wait for a connection: who asks decides by it."""
    try:
        with service.pool.connection(timeout=_SOON) as conn:
            return _readiness(conn)
    except (PoolTimeout, TooManyRequests):
        raise RequestError(
            "not-ready",
            "No connection to the database is free: all are in use, or the database is down.",
        ) from None
    except OperationalError:
        raise RequestError("not-ready", "The connection to the database was lost.") from None


def _readiness(conn: queries.Connection) -> Answer:
    try:
        pending = migrations.pending(conn)
    except migrations.MigrationError as error:
        raise RequestError("not-ready", str(error)) from None
    if pending:
        raise RequestError(
            "not-ready", f"The database lacks {len(pending)} migrations: run constancia migrate."
        )
    return Answer({"status": "pass"})


def get_contract(service: Service) -> Answer:
    return Answer(_contract_json())


@cache
def _contract_json() -> bytes:
    return orjson.dumps(document.load().document)


def get_contract_yaml(service: Service) -> Answer:
    return Answer(document.load().source)


def get_docs(service: Service) -> Answer:
    return Answer(_docs_file("index.html"))


def get_docs_asset(service: Service, asset: str) -> Answer:
    if asset != "redoc.standalone.js":
        raise not_found("asset")
    return Answer(_docs_file(asset))


@cache
def _docs_file(name: str) -> bytes:
    return (_DOCS / name).read_bytes()


def get_security_contact(service: Service) -> Answer:
    """RFC 9116. Of its own address, `Canonical`, the service knows nothing."""
    if service.security_contact is None:
        raise RequestError("not-found", "This service names no contact for security reports.")
    expires = datetime.now(UTC) + _CONTACT_HOLDS
    return Answer(
        f"Contact: {service.security_contact}\nExpires: {expires:%Y-%m-%dT%H:%M:%SZ}\n"
        "Preferred-Languages: en, es\n"
    )


def get_problem(service: Service, slug: str) -> Answer:
    known = document.load().problems
    if slug not in known:
        raise not_found("problem")
    return Answer(_PROBLEM_PAGE.format(problem=known[slug]))
