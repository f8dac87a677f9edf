"""Cursors: where a walk over a list goes on, valid for that list and those filters alone."""

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

from api.errors import FieldError, invalid

_DIGEST = 9


def encode(walk: str, filters: Mapping[str, Any], after: str) -> str:
    """The cursor that goes on after an item, in the list of operation `walk` with these filters."""
    digest = _digest(walk, filters, after)
    return urlsafe_b64encode(digest + after.encode()).decode().rstrip("=")


def decode(walk: str, filters: Mapping[str, Any], cursor: str, scored: bool = False) -> str:
    """The item after which a cursor goes on, with its score where the list is `scored`; a cursor of
    anything else is refused.

    The digest needs no secret: a cursor holds nothing that the list itself does not show.
    """
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        after = raw[_DIGEST:].decode()
        if (_SCORED if scored else _ID).fullmatch(after) and encode(walk, filters, after) == cursor:
            return after
    except ValueError:
        pass
    raise invalid(
        FieldError("/cursor", "Not a cursor of this list with these filters; begin without one.")
    )


_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SCORED = re.compile(r"[01]\.\d{3}/" + _ID.pattern)


def _digest(walk: str, filters: Mapping[str, Any], after: str) -> bytes:
    named = sorted((k, str(v)) for k, v in filters.items())
    return hashlib.sha256(repr((walk, named, after)).encode()).digest()[:_DIGEST]
