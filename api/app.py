"""The application: the contract bound to a pool of connections. The only wiring."""

from flask import Flask, Response
from psycopg_pool import ConnectionPool

from api import binding, logs, problems, responding, spec
from api.headers import Guarded
from api.limiting import Limiting
from api.observing import Observed, Watch
from api.queries import Connection
from api.revalidation import Revalidation


class _Application(Flask):
    def make_default_options_response(self) -> Response:
        return responding.options(super().make_default_options_response())


def create_app(
    pool: ConnectionPool[Connection],
    watch: Watch | None = None,
    security_contact: str | None = None,
    limiting: Limiting | None = None,
) -> Flask:
    """The WSGI application on a pool, which is opened by whoever serves it; `watch` is told of each
    request, and whoever finds a fault is told of the `security_contact`. Without `limiting` any
    number of requests is taken."""
    limiting = limiting or Limiting()
    contract = spec.load()
    app = _Application("constancia", static_folder=None)
    problems.register(app, contract.problems)
    limiting.register(app, contract.operations)
    binding.bind(app, contract, pool, limiting, security_contact)
    app.wsgi_app = Revalidation(app.wsgi_app, pool, limiting.headers)  # type: ignore[method-assign]
    app.wsgi_app = Guarded(app.wsgi_app)  # type: ignore[method-assign]
    app.wsgi_app = Observed(app.wsgi_app, logs.write, watch)  # type: ignore[method-assign]
    return app
