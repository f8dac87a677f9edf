"""Holds each caller to a quota, and tells what is left of it.

A request counts for its key once that is known to be valid, and otherwise for the address that it
comes from: whoever sends a key that is none spends nothing of another's.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any
from uuid import UUID

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from api import addresses
from api.errors import Refusal
from api.limits import Limits, Standing
from api.spec import Operation

View = Callable[..., Response]


class Limiting:
    """The limits on the operations of an application; without limits it does nothing."""

    def __init__(
        self, limits: Limits | None = None, trusted_proxies: Sequence[addresses.Network] = ()
    ) -> None:
        self._limits = limits
        self._trusted_proxies = trusted_proxies

    def headers(self, environ: Mapping[str, Any]) -> list[tuple[str, str]]:
        """What is told to an address whose request costs nothing."""
        if self._limits is None:
            return []
        return self._of_address(self._limits, environ, costs=False).headers()

    def register(self, app: Flask, operations: Sequence[Operation]) -> None:
        limits = self._limits
        if limits is None:
            return
        unlimited = {operation.id for operation in operations if not operation.is_limited}
        keyed = {o.id for o in operations if o.scope or o.key_is_optional}

        @app.before_request
        def count() -> None:
            may_have_key = request.endpoint in keyed and request.method != "OPTIONS"
            if may_have_key and "HTTP_AUTHORIZATION" in request.environ:
                return
            if request.endpoint not in unlimited:
                self._take(self._of_address(limits, request.environ))

        @app.after_request
        def tell(response: Response) -> Response:
            standing: Standing | None = g.get("standing")
            if standing:
                response.headers.extend(standing.headers())
                if standing.is_exceeded:
                    response.headers["Retry-After"] = str(standing.seconds)
            return response

    def admit(self, key_id: UUID) -> None:
        """Counts a request for its key. Refuses it where the key has no more."""
        if self._limits:
            self._take(self._limits.of_key(key_id.bytes))

    def around(self, view: View) -> View:
        """Counts for the address what was refused before it was known whose it is."""
        limits = self._limits
        if limits is None:
            return view

        @wraps(view)
        def counted(**path: str) -> Response:
            try:
                return view(**path)
            except (Refusal, HTTPException) as error:
                is_ours = isinstance(error, Refusal) and error.kind == "busy"
                if "standing" not in g and not is_ours:
                    self._take(self._of_address(limits, request.environ))
                raise

        return counted

    def _of_address(
        self, limits: Limits, environ: Mapping[str, Any], *, costs: bool = True
    ) -> Standing:
        peer, forwarded_for = environ.get("REMOTE_ADDR", ""), environ.get("HTTP_X_FORWARDED_FOR")
        network = addresses.network(peer, forwarded_for, self._trusted_proxies)
        return limits.of_address(network, costs=costs)

    @staticmethod
    def _take(standing: Standing) -> None:
        g.standing = standing
        if standing.is_exceeded:
            raise Refusal(
                "quota-exceeded",
                f"No more than {standing.quota:,} requests are taken in a minute. "
                f"Ask again in {standing.seconds} seconds.",
            )
