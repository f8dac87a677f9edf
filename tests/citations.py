"""What the digest of a citation covers, with another implementation of RFC 8785."""

import hashlib
from collections.abc import Mapping
from typing import Any

import rfc8785

_UNCITED_OF_DIFFERENCES = {"items", "next", "redacted"}
_UNCITED = {
    *("citation", "people", "label", "name", "url", "note", "retraction_note", "void_reason"),
}


def cited_digest(answer: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the part of an answer that its citation covers."""
    if "totals" in answer:
        answer = {k: v for k, v in answer.items() if k not in _UNCITED_OF_DIFFERENCES}
    return hashlib.sha256(rfc8785.dumps(_cited(answer))).hexdigest()


def _cited(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _cited(v) for k, v in value.items() if k not in _UNCITED}
    return [_cited(item) for item in value] if isinstance(value, list) else value
