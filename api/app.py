"""The WSGI application: Flask with the contract's routes, wrapped in middleware."""

from collections.abc import Callable
from typing import Any

from flask import Flask, Request, Response
from psycopg_pool import ConnectionPool
from werkzeug.routing import MapAdapter

from api import logs
from api.config import Config
from api.contract import document
from api.database.bulkhead import Bulkhead
from api.database.queries import Connection
from api.http import problems, responses, routing
from api.http.conditional import NotModifiedCache
from api.http.handlers import Dependencies
from api.http.rate_limits import RateLimits
from api.http.request_log import RequestLog, RequestMetrics
from api.http.requests import PublicUrl
from api.http.responses import SecurityHeaders
from api.operations.service import Service

_DEFAULT_SETTINGS = Config()


class _Application(Flask):
    """Flask that routes by the path only, and responds to OPTIONS as a CORS preflight."""

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Match on the path only; host matching would double the cost of routing."""
        if request is None:
            return None
        path = request.environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        return self.url_map.bind("", path_info=path, default_method=request.method)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function: none is a coroutine. Flask would look again at each request."""
        return func

    def make_default_options_response(self) -> Response:
        return responses.preflight(super().make_default_options_response())


def create_app(
    pool: ConnectionPool[Connection],
    settings: Config = _DEFAULT_SETTINGS,
    *,
    metrics: RequestMetrics | None = None,
    rate_limits: RateLimits | None = None,
    bulkhead: Bulkhead | None = None,
) -> Flask:
    """Return the application on a pool, which the server opens.

    Without `metrics`, requests are only logged. Without `rate_limits`, no quota applies. Unless
    both `bulkhead` and `rate_limits` are given, heavy requests are handled like the others.
    """
    public_url = settings.public_url
    contract = document.load().with_default("time_zone", settings.time_zone)
    contract = contract.with_default("lang", settings.language)
    app = _Application("constancia", static_folder=None)
    dependencies = Dependencies(pool, rate_limits, bulkhead, public_url)
    routing.bind(app, contract, dependencies, Service(pool, settings))
    problems.register(
        app,
        contract,
        settings.language,
        routing.NearPaths(contract).find,
        rate_limits.count_failed_request if rate_limits else None,
    )
    if rate_limits:
        rate_limits.register(app, contract)

    # The middleware, in the order from the application to the server.
    wsgi = app.wsgi_app
    wsgi = NotModifiedCache(wsgi, pool)
    if rate_limits:
        wsgi = rate_limits.middleware(problems.Refusals(wsgi, rate_limits))
    if public_url:
        wsgi = PublicUrl(wsgi, public_url)
    wsgi = SecurityHeaders(wsgi)
    wsgi = RequestLog(wsgi, logs.write, metrics)
    app.wsgi_app = wsgi  # type: ignore[method-assign]
    return app
