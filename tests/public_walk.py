"""All public requests: every operation of the contract, in every format, with every filter.

The walk stops at a parameter without a value here.
"""

import base64
import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any, NamedTuple
from urllib.parse import quote

from werkzeug.test import TestResponse

from api.contract import document
from api.rendering import pagination
from api.rendering.media_types import FORMATS, PNG, XLSX, ZIP
from tests.conftest import Api

CONTRACT = document.load()
AT = "2026-01-09T10:00:00Z"
UNKNOWN_ID = "019b9f3e-0000-4000-8000-000000000000"
# The cell of a moment in a workbook: a day has no fraction, and no other number a style.
_MOMENT_CELL = re.compile(r'(?<= s="\d"><v>)(\d+\.\d+)(?=</v>)')
_EPOCH = datetime(1899, 12, 30, tzinfo=UTC)
# These show what the SVG of a chart or the JSON of a list shows, for the same parameters.
_REPEATS = re.compile(r"/embed/|/charts/.*csv$|/differences$|/figures$")
_FORMAT_NAMES = {media_type: word for word, media_type in FORMATS.items()}


class Response(NamedTuple):
    """A request, and the headers and body of its response, as text."""

    request: str
    status: int
    text: str


def walk(api: Api, ids: Mapping[str, Sequence[str]], searches: Sequence[str]) -> Iterator[Response]:
    """Yield the responses of every operation.

    `ids` are the ids of records by their path, such as `release-events`; the last three are used.
    `searches` are texts to search for.
    """
    for operation in CONTRACT.operations:
        for path in _paths(operation, ids):
            if operation.writes:
                for body in ({}, {"name": 7, "source_id": UNKNOWN_ID}):
                    yield _send(api, operation.method, path, json=body)
                for media_type in operation.upload_media_types:
                    upload = {"data": b'{"case": "x"}', "content_type": media_type}
                    yield _send(api, operation.method, path, **upload)
                continue
            queries = list(_queries(operation, ids, searches))
            if operation.id == "getCitedPage":
                # The pages of these answers without a pin.
                pinned = [api.get(f"/v1/citations/{id}")["url"] for id in ids["citations"][-3:]]
                queries = [f"url={quote(url, safe='/:?=')}" for url in pinned]
            elif operation.media_types[0] == PNG:
                # Its text is not read, and to draw all takes as long as the rest of the walk.
                queries = queries[:2]
            elif _REPEATS.match(operation.path):
                queries = list(_queries(operation, ids, searches, once=True))
            for query in queries:
                yield _send(api, "get", f"{path}?{query}")
            for media_type in operation.media_types[1:]:
                for query in queries[:2]:
                    yield _send(api, "get", f"{path}?{query}&format={_FORMAT_NAMES[media_type]}")
            yield _send(api, "get", f"{path}?unknown=1")
            yield _send(api, "options", path)


def _paths(operation: document.Operation, ids: Mapping[str, Sequence[str]]) -> Iterator[str]:
    if "{id}" in operation.path:
        kind = records_of(operation.path)
        for id in [*ids[kind][-3:], UNKNOWN_ID]:
            yield operation.path.format(id=id)
    elif "{slug}" in operation.path:
        # They show no record. test_contract.py reads them all.
        yield from (operation.path.format(slug=slug) for slug in ("not-found", "unknown"))
    elif "{asset}" in operation.path:
        yield operation.path.format(asset="none")
    else:
        yield operation.path


def records_of(path: str) -> str:
    """Return the kind of record that a path with an id names, as `release-events`."""
    kind = path.removeprefix("/v1").split("/")[1]
    shown = {
        "people": "detainees",
        "releases": "release-events",
        "announcements": "claims",
        "c": "citations",
    }
    return shown.get(kind, kind)


def _queries(
    operation: document.Operation,
    ids: Mapping[str, Sequence[str]],
    searches: Sequence[str],
    *,
    once: bool = False,
) -> Iterator[str]:
    """A query for each value of each parameter, and for some combinations, percent-encoded.

    If `once` is true, there is one for each parameter, with its last value.
    """
    values_by_name = values_of(operation, ids, searches)
    required = {
        p.name: values_by_name[p.name][0]
        for p in operation.parameters
        if (p.required or p.name == "from") and p.name in values_by_name
    }
    yield _text(required)
    for name, choices in values_by_name.items():
        for choice in choices[-1:] if once else choices:
            yield _text({**required, name: choice})
    if once:
        return
    for name in {"sex", "age_group", "facility_id", "nationality"} & values_by_name.keys():
        for choice, group_by in product(
            values_by_name[name][:2], values_by_name.get("group_by", ())
        ):
            yield _text({**required, name: choice, "group_by": group_by})


def values_of(
    operation: document.Operation, ids: Mapping[str, Sequence[str]], searches: Sequence[str]
) -> Mapping[str, Sequence[Any]]:
    """Return values of each parameter of a query."""
    values: Mapping[str, Sequence[Any]] = {
        "q": [*searches, "a", "persona", "person"],
        "limit": [1, 200],
        "cursor": ["AAAA"],
        "after": [0, 3],
        "detainee_id": ids["detainees"][-3:],
        "release_event_id": ids["release-events"][-3:],
        "source_id": ids["sources"],
        "facility_id": ids["facilities"],
        "announcement_id": ids["claims"][:2],
        "country": ["VE", "CO"],
        "nationality": ["VE", "ES", "CO"],
        "external_id": [f"{text}:{text}".lower() for text in searches],
        "time_zone": ["America/Caracas"],
        "as_of": [AT, "2026-01-08T12:00:00Z"],
        "recorded_as_of": [AT],
        "from": ["2026-01-08"],
        "until": ["2026-01-12"],
        "from_recorded": ["2026-01-08T12:00:00Z"],
        "until_recorded": [AT],
        "updated_since": ["2026-01-08T00:00:00Z"],
        "occurred_from": ["2026-01-08"],
        "occurred_until": ["2026-01-09"],
        "min_sources": [1, 2],
        "excel": ["false"],
        "width": [320],
        "url": ["http://localhost/embed/figure", "https://a.example/embed/figure"],
        "maxwidth": [300],
        "maxheight": [200],
    }
    if operation.id == "getCitedPage":
        values = {**values, "url": [f"/v1/counts?as_of={AT}&recorded_as_of={AT}"]}
    values_by_name = {}
    for parameter in operation.parameters:
        if parameter.location == "query" and parameter.name != "format":
            choices = values.get(parameter.name) or parameter.schema["enum"]
            values_by_name[parameter.name] = [value for value in choices if value is not None]
    return values_by_name


def _text(query: Mapping[str, Any]) -> str:
    return "&".join(f"{name}={quote(str(value))}" for name, value in query.items())


def _send(api: Api, method: str, path: str, **options: Any) -> Response:
    response = api.send(method.upper(), path, **options)
    text, cursor = _decoded(response)
    if cursor is not None:
        following = api.send("GET", f"{path.partition('&cursor')[0]}&cursor={cursor}")
        text += "\n" + _decoded(following)[0]
    return Response(f"{method} {path}", response.status_code, text)


def repeat(api: Api, response: Response) -> Response:
    """Send the request of a response again, which has no body."""
    method, _, path = response.request.partition(" ")
    return _send(api, method, path)


def _text_of(response: TestResponse) -> str:
    """Return the body as text, that of a zip or a workbook without compression."""
    if response.mimetype == PNG:
        # It shows a chart that the walk reads as SVG, or words of which its entity tag is the hash.
        return ""
    if response.mimetype not in (XLSX, ZIP):
        return response.get_data(as_text=True)
    with zipfile.ZipFile(io.BytesIO(response.get_data())) as parts:
        text = "\n".join(parts.read(name).decode() for name in parts.namelist())
    return _MOMENT_CELL.sub(_moment, text)


def _moment(cell: re.Match[str]) -> str:
    """Return a moment as the other formats have it."""
    return f"{_EPOCH + timedelta(days=float(cell[1])):%Y-%m-%dT%H:%M:%S.%fZ}"


def _decoded(response: TestResponse) -> tuple[str, str | None]:
    """Return the headers and the body, with the place that a cursor holds in its stead, and the
    cursor."""
    # Without the random id of the request.
    headers = "\n".join(f"{n}: {value}" for n, value in response.headers if n != "Request-Id")
    text = f"{headers}\n\n{_text_of(response)}"
    cursor = response.get_json().get("next") if response.mimetype == "application/json" else None
    # The cursor of the ledger is a number.
    if cursor is None or cursor.isdigit():
        return text, None
    place = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))[pagination.DIGEST_BYTES :]
    return text.replace(cursor, place.decode()), cursor
