"""Validators: by which a caller knows an answer again (RFC 9110, section 8.8).

They are made of what the caller is shown, and of nothing else: what is hidden moves none.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson


def strong(*parts: bytes) -> str:
    """The entity tag of an answer that is the same byte for byte."""
    return f'"{_digest(*parts)}"'


def of_cited(answer: Mapping[str, Any], media_type: str) -> str:
    """The entity tag of an answer with a citation.

    One about the present, after the last entry of the record, says of which moment it is. Another
    one a moment later says the same of that, as long as nothing is recorded and nothing that was
    recorded comes to be published: to a caller they are equal, and their tag is a weak one.
    """
    citation = answer["citation"]
    rest = orjson.dumps({name: part for name, part in answer.items() if name != "citation"})
    moment = citation["as_of"]
    if datetime.fromisoformat(moment) <= datetime.fromisoformat(citation["recorded_as_of"]):
        return strong(media_type.encode(), rest)
    return f'W/"{_digest(media_type.encode(), rest.replace(moment.encode(), b""))}"'


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256(b"\0".join(parts) if len(parts) > 1 else parts[0]).digest()
    return urlsafe_b64encode(digest[:18]).decode()
