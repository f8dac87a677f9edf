"""The application: the contract bound to a pool of connections. The only wiring."""

from flask import Flask
from psycopg_pool import ConnectionPool

from api import binding, logs, problems, spec
from api.observing import Observed, Watch
from api.queries import Connection
from api.revalidation import Revalidation


def create_app(pool: ConnectionPool[Connection], watch: Watch | None = None) -> Flask:
    """The WSGI application on a pool, which is opened by whoever serves it; `watch` is told of each
    request."""
    contract = spec.load()
    app = Flask("constancia", static_folder=None)
    problems.register(app, contract.problems)
    binding.bind(app, contract, pool)
    app.wsgi_app = Revalidation(app.wsgi_app, pool)  # type: ignore[method-assign]
    app.wsgi_app = Observed(app.wsgi_app, logs.write, watch)  # type: ignore[method-assign]
    return app
