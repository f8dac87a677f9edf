"""The application: the contract bound to a pool of connections. The only wiring."""

from typing import NoReturn

from flask import Flask, Request, Response
from psycopg_pool import ConnectionPool
from werkzeug.routing import MapAdapter

from api import logs
from api.contract import document
from api.database.queries import Connection
from api.http import problems, responses, routing
from api.http.conditional import Revalidation
from api.http.headers import Guarded
from api.http.limiting import Limiting
from api.http.request_log import Observed, Watch


class _Application(Flask):
    """Flask, where what no operation answers counts as well."""

    limiting: Limiting

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Of an address the path alone says what is asked for. Its host, at which Flask would look
        as long as at the path, plays no part."""
        if request is None:
            return None
        path = request.environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        return self.url_map.bind("", path_info=path, default_method=request.method)

    def make_default_options_response(self) -> Response:
        self.limiting.count()
        return responses.options(super().make_default_options_response())

    def raise_routing_exception(self, request: Request) -> NoReturn:
        self.limiting.count()
        super().raise_routing_exception(request)


def create_app(
    pool: ConnectionPool[Connection],
    watch: Watch | None = None,
    security_contact: str | None = None,
    limiting: Limiting | None = None,
) -> Flask:
    """The WSGI application on a pool, which is opened by whoever serves it; `watch` is told of each
    request, and whoever finds a fault is told of the `security_contact`. Without `limiting` any
    number of requests is taken."""
    contract = document.load()
    app = _Application("constancia", static_folder=None)
    app.limiting = limiting or Limiting()
    problems.register(app, contract.problems)
    routing.bind(app, contract, pool, app.limiting, security_contact)
    app.wsgi_app = Revalidation(app.wsgi_app, pool, app.limiting.look)  # type: ignore[method-assign]
    app.wsgi_app = app.limiting.telling(app.wsgi_app)  # type: ignore[method-assign]
    app.wsgi_app = Guarded(app.wsgi_app)  # type: ignore[method-assign]
    app.wsgi_app = Observed(app.wsgi_app, logs.write, watch)  # type: ignore[method-assign]
    return app
