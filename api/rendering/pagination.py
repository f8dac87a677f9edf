"""Cursors: the position at which a list continues. A cursor is for one list and its filters."""

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from api.errors import FieldError, RequestError, invalid
from api.rendering.results import Ranked

MAX_SCANNED = 2_000
"""The records that one page or block of a scan compares with its conditions, at most."""
DIGEST_BYTES = 9
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


_MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z"
RANKED = re.compile(r"\d{1,3}\.([A-Za-z0-9_-]{8}){0,100}")
"""A position in a ranking: how many items come before it, and the beginnings of all their ids."""
_PREFIX_BYTES = 6
"""The bytes of an id in such a position: enough among millions of records."""


def prefix(id: UUID) -> bytes:
    """Return the beginning of an id, by which a position in a ranking holds it."""
    return id.bytes[:_PREFIX_BYTES]


def encode_ranking(prefixes: Iterable[bytes]) -> str:
    """Return the beginnings of the ids of a ranking as text."""
    return urlsafe_b64encode(b"".join(prefixes)).decode()


def decode_ranking(text: str) -> list[bytes]:
    """Return the beginnings of ids that a text holds."""
    joined = urlsafe_b64decode(text)
    return [joined[i : i + _PREFIX_BYTES] for i in range(0, len(joined), _PREFIX_BYTES)]


def ranked(ids: Sequence[UUID], position: str | None, limit: int) -> Sequence[Ranked]:
    """Return the items after a position of a ranking.

    The ranking of the first page holds for all, since it is part of each position.
    """
    by_prefix = {prefix(id): id for id in ids}
    order, done = list(by_prefix), 0
    if position is not None:
        number, _, text = position.partition(".")
        order, done = decode_ranking(text), int(number)
    suffix = "." + encode_ranking(order)
    following = [
        Ranked(str(by_prefix[beginning]), {}, f"{number}{suffix}")
        for number, beginning in enumerate(order, 1)
        if number > done and beginning in by_prefix
    ]
    return following[:limit]


def encode(operation_id: str, filters: Mapping[str, Any], after: str) -> str:
    """Return the cursor that continues a list after an item."""
    digest = _digest(operation_id, filters, after)
    return urlsafe_b64encode(digest + after.encode()).decode().rstrip("=")


def decode(
    operation_id: str,
    filters: Mapping[str, Any],
    cursor: str,
    positions: re.Pattern[str] = ID,
) -> str:
    """Return the position after which a cursor continues a list: an id, or one of `positions`.

    The digest needs no secret: a cursor holds only what the list itself shows. Raises
    `validation-error` for the cursor of another list or other filters.
    """
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        after = raw[DIGEST_BYTES:].decode()
        if positions.fullmatch(after) and encode(operation_id, filters, after) == cursor:
            return after
    except ValueError:
        pass
    raise wrong_cursor()


def decode_moments(
    operation_id: str, filters: Mapping[str, Any], cursor: str, number: int
) -> list[str]:
    """Return the moments of a list that a cursor holds, and the id after which it continues.

    Raises `validation-error` as `decode` does.
    """
    positions = re.compile(rf"({_MOMENT} ){{{number}}}{ID.pattern}")
    *moments, id = decode(operation_id, filters, cursor, positions).split()
    try:
        for moment in moments:
            datetime.fromisoformat(moment)
    except ValueError:
        raise wrong_cursor() from None
    return [*moments, id]


def wrong_cursor() -> RequestError:
    """Return the error of a cursor that this service did not give for this list."""
    return invalid(
        FieldError(
            "/cursor",
            "Is not a cursor of this list with these filters. Begin without a cursor.",
        )
    )


def _digest(operation_id: str, filters: Mapping[str, Any], after: str) -> bytes:
    named = sorted((name, str(value)) for name, value in filters.items())
    return hashlib.sha256(repr((operation_id, named, after)).encode()).digest()[:DIGEST_BYTES]
