"""Cursors: the place at which a list continues. A cursor is for one list and its filters."""

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

from api.errors import FieldError, RequestError, invalid

DIGEST_BYTES = 9
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def encode(operation_id: str, filters: Mapping[str, Any], after: str) -> str:
    """Return the cursor that continues a list after an item."""
    digest = _digest(operation_id, filters, after)
    return urlsafe_b64encode(digest + after.encode()).decode().rstrip("=")


def decode(
    operation_id: str,
    filters: Mapping[str, Any],
    cursor: str,
    places: re.Pattern[str] = ID,
) -> str:
    """Return the place after which a cursor continues a list: an id, or what `places` describes.

    The digest needs no secret: a cursor holds only what the list itself shows. Raises
    `validation-error` for the cursor of another list or other filters.
    """
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        after = raw[DIGEST_BYTES:].decode()
        if places.fullmatch(after) and encode(operation_id, filters, after) == cursor:
            return after
    except ValueError:
        pass
    raise wrong_cursor()


def wrong_cursor() -> RequestError:
    """Return the error for the cursor of another list or other filters."""
    return invalid(
        FieldError(
            "/cursor",
            "Is not a cursor of this list with these filters. Begin without a cursor.",
        )
    )


def _digest(operation_id: str, filters: Mapping[str, Any], after: str) -> bytes:
    named = sorted((name, str(value)) for name, value in filters.items())
    return hashlib.sha256(repr((operation_id, named, after)).encode()).digest()[:DIGEST_BYTES]
