"""The application: the contract bound to a pool of connections. The only wiring."""

from flask import Flask
from psycopg_pool import ConnectionPool

from api import binding, problems, spec
from api.queries import Connection
from api.revalidation import Revalidation


def create_app(pool: ConnectionPool[Connection]) -> Flask:
    """The WSGI application on a pool, which is opened by whoever serves it."""
    contract = spec.load()
    app = Flask("constancia", static_folder=None)
    problems.register(app, contract.problems)
    binding.bind(app, contract, pool)
    app.wsgi_app = Revalidation(app.wsgi_app, pool)  # type: ignore[method-assign]
    return app
