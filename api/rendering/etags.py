"""Entity tags (RFC 9110, section 8.8).

A tag is the hash of what the caller sees, so that a change of hidden data changes no tag.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

_DIGEST_BYTES = 18


def strong(*parts: bytes) -> str:
    """Return the strong entity tag of these parts: equal tags mean equal bytes."""
    return f'"{_digest(*parts)}"'


def at_moments(answer: Mapping[str, Any], as_of: str, recorded_as_of: str, media_type: str) -> str:
    """Return the entity tag of an answer at a pair of moments.

    An answer as of now contains the current moment, which is later than the last entry of the
    ledger. Until something is recorded or published, later answers differ in that moment only, as
    do their citations and cursors. All of them have the same weak entity tag, which leaves these
    out, but for the names in the sentence: a source can become confidential.
    """
    parts = {name: part for name, part in answer.items() if name not in ("citation", "next")}
    if citation := answer.get("citation"):
        # A sentence begins with the moments of the answer, and the place of their time.
        parts["sentence"] = citation["sentence"]["en"].partition("), ")[2]
    content = orjson.dumps(parts)
    if datetime.fromisoformat(as_of) <= datetime.fromisoformat(recorded_as_of):
        return strong(media_type.encode(), content)
    return f'W/"{_digest(media_type.encode(), content.replace(as_of.encode(), b""))}"'


def of_text(text: str, volatile: Sequence[str]) -> str:
    """Return the entity tag of a text, a weak one that leaves out its volatile parts, if any."""
    for part in volatile:
        text = text.replace(part, "")
    return f"W/{strong(text.encode())}" if volatile else strong(text.encode())


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256(b"\0".join(parts)).digest()
    return urlsafe_b64encode(digest[:_DIGEST_BYTES]).decode()
