"""Holds each caller to a quota, and tells what is left of it.

A request counts for its key once that is known to be valid, and otherwise for the address that it
comes from: whoever sends a key that is none spends nothing of another's.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any
from uuid import UUID

from flask import Response, request
from werkzeug.exceptions import HTTPException

from api.config import Network
from api.contract.document import Operation
from api.errors import RequestError
from api.http import addresses
from api.http.rate_limits import Limits, Standing

View = Callable[..., Response]
# Where a request's standing is in its environment, from its being counted to its answer.
_STANDING = "constancia.standing"


class Limiting:
    """The limits on the operations of an application; without limits it does nothing."""

    def __init__(
        self, limits: Limits | None = None, trusted_proxies: Sequence[Network] = ()
    ) -> None:
        self._limits = limits
        self._trusted_proxies = trusted_proxies

    def telling(self, app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        """A WSGI application whose answers tell what is left to who was counted."""
        if self._limits is None:
            return app

        def telling(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
                standing: Standing | None = environ.get(_STANDING)
                if standing:
                    headers.extend(standing.headers())
                return start_response(status, headers, *more)

            return app(environ, start)

        return telling

    def look(self, environ: dict[str, Any]) -> None:
        """Notes how an address stands whose request costs nothing."""
        if self._limits:
            environ[_STANDING] = self._of_address(self._limits, environ, costs=False)

    def count(self) -> None:
        """Counts a request for its address. Refuses it where the address has no more."""
        if self._limits:
            environ = request.environ
            self._take(environ, self._of_address(self._limits, environ))

    def admit(self, key_id: UUID) -> None:
        """Counts a request for its key. Refuses it where the key has no more."""
        if self._limits:
            self._take(request.environ, self._limits.of_key(key_id.bytes))

    def around(self, operation: Operation, view: View) -> View:
        """The view of an operation, counted. Where it takes a key, what comes with one counts for
        the address if it is refused before it is known whose it is."""
        if self._limits is None or not operation.is_limited:
            return view
        takes_key = operation.scope or operation.key_is_optional

        @wraps(view)
        def counted(**path: str) -> Response:
            if not takes_key or "HTTP_AUTHORIZATION" not in request.environ:
                self.count()
                return view(**path)
            try:
                return view(**path)
            except (RequestError, HTTPException) as error:
                is_ours = isinstance(error, RequestError) and error.slug == "busy"
                if _STANDING not in request.environ and not is_ours:
                    self.count()
                raise

        return counted

    def _of_address(
        self, limits: Limits, environ: dict[str, Any], *, costs: bool = True
    ) -> Standing:
        peer, forwarded_for = environ.get("REMOTE_ADDR", ""), environ.get("HTTP_X_FORWARDED_FOR")
        network = addresses.network(peer, forwarded_for, self._trusted_proxies)
        return limits.of_address(network, costs=costs)

    @staticmethod
    def _take(environ: dict[str, Any], standing: Standing) -> None:
        environ[_STANDING] = standing
        if standing.is_exceeded:
            raise RequestError(
                "quota-exceeded",
                f"No more than {standing.quota:,} requests are taken in a minute. "
                f"Ask again in {standing.seconds} seconds.",
            )
