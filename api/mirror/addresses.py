"""The files of a mirror: which address of the service has a file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import uuid4

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map

from api.config import Language
from api.contract.document import Operation, Parameter
from api.rendering import media_types
from api.wording import catalogs

MIRROR_PATH = "/mirror"
"""The path of the pages that the mirror has and the service has not."""
NOWHERE = f"http://{uuid4()}.invalid/"
"""Stands for the address of the service while nobody knows it. No file contains it, and no recorded
text can: it is a new one each time."""

_SUFFIXES: Mapping[str, str] = {
    "text/html": ".html",
    "application/atom+xml": ".atom",
    "application/feed+json": ".json",
    "application/ld+json": ".jsonld",
    media_types.CSV: ".csv",
    media_types.JSON: ".json",
    media_types.NDJSON: ".ndjson",
    media_types.XLSX: ".xlsx",
}
_MOMENTS = ("as_of", "recorded_as_of", "until", "from_recorded", "until_recorded")
_PERIOD = ("from", "until")
_PAGE = re.compile(r"\.page-(\d+)\.html$")
_NAME = re.compile(r"[\w./-]+", re.ASCII)


class Moments(NamedTuple):
    """The moments of all answers of a mirror."""

    as_of: str
    recorded_as_of: str
    ledger_seq: int


class Page(NamedTuple):
    """A file and the address of its content."""

    address: str
    file: str

    @property
    def language(self) -> Language | None:
        """The language of a page; None for other files."""
        folder = self.file.partition("/")[0]
        return next((language for language in catalogs.LANGUAGES if language == folder), None)


@dataclass(frozen=True, slots=True, eq=False)
class Files:
    """The files of a mirror, by their addresses. `public_url` is that of the service, if known."""

    operations: Mapping[str, Operation]
    routes: Map
    moments: Moments
    public_url: str | None

    @property
    def origin(self) -> str:
        return self.public_url or NOWHERE

    def find(self, address: str, page: Page | None = None) -> Page | None:
        """Return the file of an address, which a page links to; None if the mirror has none."""
        number = _page_number(address, page) if page and "cursor=" in address else 1
        return _file(self, address, page and page.language, number)

    def operation(self, path: str) -> Operation | None:
        """Return the operation of a path, unless it depends on a caller or on the time."""
        try:
            id, _ = self.routes.bind("").match(path, method="GET")
        except HTTPException:
            return None
        operation = self.operations[id]
        if operation.scope is not None or operation.weight is None:
            return None
        # The certificate holds the address of the service, in a code.
        is_of_service = operation.id == "getCertificate" and self.public_url is None
        return None if is_of_service else operation


# Two thirds of the links of a page are on every page. Without the cache, links took 23% of the time
# of a mirror, with it 15%.
@lru_cache(maxsize=1024)
def _file(files: Files, address: str, language: Language | None, number: int) -> Page | None:
    """Return the file of an address. `language` is that of links which name none."""
    path, query = _parts(address)
    folder = query.pop("lang", None) or language or catalogs.LANGUAGES[0]
    if folder not in catalogs.LANGUAGES:
        return None
    if path.startswith(MIRROR_PATH):
        return _page(address, f"{folder}{path}.html")
    operation = files.operation(path)
    format = query.pop("format", None)
    if operation is None or format not in (None, *media_types.FORMATS):
        return None
    suffix = _suffix(operation, format)
    parameters = {p.name: p for p in operation.parameters if p.location == "query"}
    query = {
        name: value
        for name, value in query.items()
        if name in parameters
        and str(parameters[name].schema.get("default")) != value
        and not (name in _MOMENTS and value in files.moments)
    }
    is_further = "cursor" in query
    if suffix is None or not all(
        _is_mirrored(operation, parameters[name], is_further) for name in query
    ):
        return None
    stem = path.strip("/").removesuffix(suffix) or "index"
    query.pop("cursor", None)
    parts = [f".{name}-{re.sub('[^0-9A-Za-z-]', '-', value)}" for name, value in query.items()]
    if number > 1:
        parts.append(f".page-{number}")
    file = f"{stem}{''.join(sorted(parts))}{suffix}"
    return _page(address, f"{folder}/{file}" if "lang" in parameters else file)


def _page(address: str, file: str) -> Page | None:
    is_within = _NAME.fullmatch(file) and ".." not in file and not file.startswith("/")
    return Page(address, file) if is_within else None


def _is_mirrored(operation: Operation, parameter: Parameter, is_further: bool) -> bool:
    """Whether links with different values of a parameter lead to different files.

    A link of other moments leads to none. Nor does a link to the page of another period, from which
    further links would lead on without end; but the further pages of a list name their period.
    """
    schema = parameter.schema
    if parameter.name in _PERIOD:
        return not operation.is_page or is_further
    return parameter.name == "cursor" or "enum" in schema or schema.get("format") == "uuid"


def _parts(address: str) -> tuple[str, dict[str, str]]:
    url = urlsplit(address)
    return unquote(url.path), dict(parse_qsl(url.query))


def _suffix(operation: Operation, format: str | None) -> str | None:
    """Return how the name of a file ends; None for a list as pages of JSON."""
    media_type = media_types.FORMATS[format] if format else operation.media_types[0]
    is_list = any(p.name == "cursor" for p in operation.parameters)
    if is_list and media_type == media_types.JSON:
        return None
    _, dot, suffix = operation.path.rpartition(".")
    return f".{suffix}" if dot and "{" not in suffix else _SUFFIXES.get(media_type, "")


def _page_number(address: str, page: Page) -> int:
    """Return the number of a page of a list. Each page links to itself and to the next one."""
    match = _PAGE.search(page.file)
    number = int(match[1]) if match else 1
    cursors = [_parts(it)[1].get("cursor") for it in (address, page.address)]
    return number if cursors[0] == cursors[1] else number + 1
