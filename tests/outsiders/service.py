"""The service over HTTP, for tests of clients."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from api.app import create_app
from tests.support import open_pool


class _Quiet(WSGIRequestHandler):
    """A request handler that writes no line for each request."""

    def log(self, type: str, message: str, *args: Any) -> None:
        pass


@contextmanager
def served(database: str) -> Iterator[str]:
    """Serve a database over HTTP; yield the address."""
    with open_pool(database, 4) as pool:
        app = create_app(pool)
        server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
