"""Operations on the service itself: health, the contract, security contact, problem pages."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import orjson
from psycopg import OperationalError
from psycopg_pool import ConnectionPool, PoolTimeout, TooManyRequests

from api.config import Config, Language
from api.contract import document
from api.database import deadlines, migrations, queries
from api.errors import RequestError, counted, not_found
from api.pages import site
from api.pages.site import Address
from api.rendering.results import Answer

_MAX_POOL_SECONDS = 0.25
_MAX_STATEMENT_SECONDS = 0.5
# Longer than a request waits for a lock.
_MAX_SECONDS_SINCE_RESPONSE = 10
_CONTACT_VALIDITY = timedelta(days=90)
_DOCS = Path(__file__).resolve().parent.parent / "server/static"


@dataclass(frozen=True, slots=True)
class Service:
    """The pool and the settings that these operations need."""

    pool: ConnectionPool[queries.Connection]
    settings: Config


def get_health(service: Service) -> Answer:
    return Answer({"status": "pass"})


def get_readiness(service: Service) -> Answer:
    """Respond within a second, even if the database hangs: a load balancer waits for it.

    While all connections are in use, the service is ready if the database answered other requests
    lately: otherwise each instance would be taken out of use under load.
    """
    try:
        with (
            service.pool.connection(timeout=_MAX_POOL_SECONDS) as conn,
            deadlines.statement_deadline(conn, _MAX_STATEMENT_SECONDS),
        ):
            return _readiness(conn)
    except (PoolTimeout, TooManyRequests):
        if deadlines.seconds_since_response() < _MAX_SECONDS_SINCE_RESPONSE:
            return Answer({"status": "pass"})
        raise RequestError("not-ready", "There is no connection to the database.") from None
    except OperationalError:
        raise RequestError("not-ready", "The connection to the database was lost.") from None


def _readiness(conn: queries.Connection) -> Answer:
    try:
        pending = migrations.pending(conn)
    except migrations.MigrationError as error:
        raise RequestError("not-ready", str(error)) from None
    if pending:
        raise RequestError(
            "not-ready",
            f"The database lacks {counted(len(pending), 'migration')}. Run constancia migrate.",
        )
    return Answer({"status": "pass"})


def get_contract(service: Service) -> Answer:
    return Answer(_contract_json())


@cache
def _contract_json() -> bytes:
    return orjson.dumps(document.load().document)


def get_contract_yaml(service: Service) -> Answer:
    return Answer(document.load().source)


def get_docs(service: Service, lang: Language, address: Address) -> Answer:
    return Answer(site.render("docs.html", lang, address))


def get_docs_asset(service: Service, asset: str) -> Answer:
    if asset != "redoc.standalone.js":
        raise not_found("asset")
    return Answer(_docs_file(asset))


@cache
def _docs_file(name: str) -> bytes:
    return (_DOCS / name).read_bytes()


def get_security_contact(service: Service) -> Answer:
    """Return security.txt (RFC 9116), with `Canonical` if the service knows its URL."""
    contact, public_url = service.settings.security_contact, service.settings.public_url
    if contact is None:
        raise RequestError(
            "not-found", "This service has no contact for security reports. Write to its operator."
        )
    expires = datetime.now(UTC) + _CONTACT_VALIDITY
    canonical = f"Canonical: {public_url}.well-known/security.txt\n" if public_url else ""
    return Answer(
        f"Contact: {contact}\nExpires: {expires:%Y-%m-%dT%H:%M:%SZ}\n"
        f"Preferred-Languages: en, es\n{canonical}"
    )


def get_problems_page(service: Service, lang: Language, address: Address) -> Answer:
    problems = document.load().problems.values()
    return Answer(site.render("problems.html", lang, address, problems=problems))


def get_problem(service: Service, slug: str, lang: Language, address: Address) -> Answer:
    problem = document.load().problems.get(slug)
    if problem is None:
        raise not_found("problem")
    return Answer(site.render("problem.html", lang, address, problem=problem))


def get_style(service: Service) -> Answer:
    return Answer(site.static("style.css"))


def get_favicon(service: Service) -> Answer:
    return Answer(site.static("favicon.svg"))


def get_robots(service: Service) -> Answer:
    return Answer(site.static("robots.txt"))
