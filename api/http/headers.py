"""What every answer tells a browser: to run nothing of it, to tell nobody where it came from, and
that any page may read it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

_POLICY = "Content-Security-Policy"
# Never with credentials: a page that writes has a key of its own and sends it in `Authorization`.
OF_ALL: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": (
        "Allow, Content-Disposition, ETag, Idempotent-Replayed, Link, Location, RateLimit, "
        "RateLimit-Policy, Request-Id, Retry-After, traceparent, WWW-Authenticate"
    ),
}
# What is answered is shown, not run; the pages have a policy of their own.
_DATA_POLICY = (_POLICY, "default-src 'none'; frame-ancestors 'none'")
# `*` does not stand for `Authorization` (Fetch standard, section 3.3.3).
_SENT = "Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, traceparent"


class Guarded:
    """WSGI middleware that adds them to all answers, whoever makes them."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app

    def __call__(
        self, environ: Mapping[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(status, guarded(headers), *more)

        return self._app(environ, start)


def guarded(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """An answer's headers, with those of all answers."""
    has_policy = _POLICY in dict(headers)
    return [*headers, *OF_ALL.items(), *(() if has_policy else (_DATA_POLICY,))]


def preflight(allowed: str) -> Mapping[str, str]:
    """What a browser asks before a page of elsewhere may send a request; it remembers the answer
    for two hours at the most."""
    return {
        "Access-Control-Allow-Methods": allowed,
        "Access-Control-Allow-Headers": _SENT,
        "Access-Control-Max-Age": "7200",
    }
