"""Content negotiation: the media type of a response (RFC 9110, section 12.5.1)."""

import re
from collections.abc import Mapping, Sequence

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from api.errors import RequestError

JSON, CSV, NDJSON = "application/json", "text/csv", "application/x-ndjson"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
EXCEL_CSV = "text/csv; for=excel"
"""CSV for Excel, which `excel=true` asks for. No operation lists it, and it is sent as CSV."""
ZIP = "application/zip"
SVG, PNG = "image/svg+xml", "image/png"
CASE = "application/vnd.constancia.case+json"
TABULAR = {CSV, NDJSON, XLSX}
"""The media types of rows. A whole list is streamed in them."""

CONTENT_TYPES: Mapping[str, str] = {
    JSON: JSON,
    CSV: "text/csv; charset=utf-8; header=present",
    NDJSON: NDJSON,
    XLSX: XLSX,
    ZIP: ZIP,
    "application/atom+xml": "application/atom+xml; charset=utf-8",
    "application/feed+json": "application/feed+json",
    "application/ld+json": "application/ld+json",
    PNG: PNG,
    SVG: f"{SVG}; charset=utf-8",
    "text/css": "text/css; charset=utf-8",
    "text/javascript": "text/javascript; charset=utf-8",
    "application/yaml": "application/yaml; charset=utf-8",
    "text/html": "text/html; charset=utf-8",
    "text/plain": "text/plain; charset=utf-8",
}
"""The Content-Type of each media type."""

FORMATS: Mapping[str, str] = {
    "json": JSON,
    "csv": CSV,
    "ndjson": NDJSON,
    "xlsx": XLSX,
    "atom": "application/atom+xml",
    "jsonfeed": "application/feed+json",
    "jsonld": "application/ld+json",
}
"""The values of the parameter `format`."""

CHARSETS = ("utf-8", "utf-16", "utf-16le", "utf-16be", "windows-1252", "iso-8859-1")
"""The encodings of CSV that a caller may name."""

FILE_SUFFIXES: Mapping[str, str] = {CSV: ".csv", XLSX: ".xlsx", ZIP: ""}
"""What follows the last step of the path in the name of a file that browsers save."""

_BARE_FRACTION = re.compile(r"\bq=(?=\.)", re.IGNORECASE)
# Other names of the media types that operations offer.
_SYNONYMS = {
    "application/jsonl": NDJSON,
    "application/ndjson": NDJSON,
    "application/xml": FORMATS["atom"],
    "text/xml": FORMATS["atom"],
    JSON: FORMATS["jsonfeed"],
}


def choose(available: Sequence[str], format: str | None, accept: str | None) -> str:
    """Return the media type that `format` names, or the one that `Accept` prefers.

    The first of those `available` is the default. Raises `not-acceptable`.
    """
    if format is not None:
        return FORMATS[format]
    if not accept or accept == "*/*":
        return available[0]
    # Ignore parameters such as charset, because each media type has one form only. Read .2 as 0.2,
    # which Java's HTTP client sends.
    ranges = parse_accept_header(_BARE_FRACTION.sub("q=0", accept), MIMEAccept)
    bare = MIMEAccept([(name.partition(";")[0].strip(), quality) for name, quality in ranges])
    synonyms = [
        name
        for name, meaning in _SYNONYMS.items()
        if meaning in available and name not in available
    ]
    best = bare.best_match([*available, *synonyms])
    if best is None:
        raise RequestError(
            "not-acceptable",
            f"The response is not available as {accept[:100]!r}. Accept {' or '.join(available)}.",
        )
    return best if best in available else _SYNONYMS[best]


def listed(media_type: str) -> str:
    """Return the media type that the contract lists, of a variant of it."""
    return CSV if media_type == EXCEL_CSV else media_type
