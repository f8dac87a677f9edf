"""In which of the media types that an operation offers it answers a request."""

import re
from collections.abc import Mapping, Sequence

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from api.errors import RequestError

JSON, CSV, NDJSON = "application/json", "text/csv", "application/x-ndjson"
CASE = "application/vnd.constancia.case+json"
TABULAR = {CSV, NDJSON}
"""What gives rows: whole lists, streamed."""

CONTENT_TYPES: Mapping[str, str] = {
    JSON: JSON,
    CSV: "text/csv; charset=utf-8; header=present",
    NDJSON: NDJSON,
    "application/atom+xml": "application/atom+xml; charset=utf-8",
    "application/feed+json": "application/feed+json",
    "application/ld+json": "application/ld+json",
    "text/javascript": "text/javascript; charset=utf-8",
    "application/yaml": "application/yaml; charset=utf-8",
    "text/html": "text/html; charset=utf-8",
    "text/plain": "text/plain; charset=utf-8",
}
"""What each media type is sent as."""

FORMATS: Mapping[str, str] = {
    "json": JSON,
    "csv": CSV,
    "ndjson": NDJSON,
    "atom": "application/atom+xml",
    "jsonfeed": "application/feed+json",
    "jsonld": "application/ld+json",
}
"""The words of the parameter `format`."""

_BARE_FRACTION = re.compile(r"\bq=(?=\.)", re.IGNORECASE)
# Other names by which callers ask for what is offered.
_ALSO = {
    "application/jsonl": NDJSON,
    "application/ndjson": NDJSON,
    "application/xml": FORMATS["atom"],
    "text/xml": FORMATS["atom"],
    JSON: FORMATS["jsonfeed"],
}


def choose(offers: Sequence[str], word: str | None, accept: str | None) -> str:
    """The media type that `format` names, or else the one that `Accept` likes best (RFC 9110,
    section 12.5.1); the first where it has no preference. None that it takes is a refusal."""
    if word is not None:
        return FORMATS[word]
    if not accept or accept == "*/*":
        return offers[0]
    # Without parameters, as `charset`: each media type is sent in one way only. Java's own client
    # writes .2 for 0.2.
    ranges = parse_accept_header(_BARE_FRACTION.sub("q=0", accept), MIMEAccept)
    bare = MIMEAccept([(name.partition(";")[0].strip(), quality) for name, quality in ranges])
    also = [name for name, offer in _ALSO.items() if offer in offers and name not in offers]
    best = bare.best_match([*offers, *also])
    if best is None:
        raise RequestError("not-acceptable", f"This is offered as {', '.join(offers)}.")
    return best if best in offers else _ALSO[best]
