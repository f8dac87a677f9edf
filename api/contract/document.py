"""Read the contract, openapi.yaml, into operations."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, cast

import yaml

from api import resources

FILE = resources.path("openapi.yaml")

MAX_BYTES = 1024 * 1024
"""The default limit of a request body, which `x-max-bytes` changes."""

FORM = "x-form"
"""The description of the pattern of a schema, which that of a property replaces."""

Schema = Mapping[str, Any]

# The media types of the rows of a response, and the parameters that choose its format.
_TABULAR = {
    "text/csv",
    "application/x-ndjson",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_FORMAT_NAMES = ("format", "excel")

_METHODS = ("get", "put", "post", "patch", "delete")


class ContractError(Exception):
    """The contract uses something that this code does not support."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter in a path, a query or a header."""

    name: str
    location: str
    required: bool
    schema: Schema


@dataclass(frozen=True, slots=True)
class ProposalResponse:
    """A response 202: its schema, and the path template of the proposal that it returns."""

    schema: Schema
    location: str


@dataclass(frozen=True, slots=True)
class Weight:
    """The weight of an operation, `x-weight`: how many requests one request counts as.

    It is `base`, the sum of the numbers of the query parameters that are sent, one for each
    `per_bytes` of the body, one for each `stream_bytes` of a streamed response, and `of_url` times
    the weight of a request for the url that a citation pins.
    """

    base: int = 1
    parameters: Mapping[str, int] = field(default_factory=dict)
    per_bytes: int | None = None
    stream_bytes: int = 200_000
    of_url: int = 0

    def total(self, query: Collection[str], body_bytes: int) -> int:
        """Return the weight of a request with these query parameters and a body of this length."""
        return (
            self.base
            + sum(more for name, more in self.parameters.items() if name in query)
            + self.of_body(body_bytes)
        )

    def of_body(self, body_bytes: int) -> int:
        """Return the weight of a body of this length."""
        return body_bytes // self.per_bytes if self.per_bytes else 0


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation: its route, its request, the scope of its key, and its response."""

    id: str
    tag: str
    method: str
    path: str
    parameters: Sequence[Parameter]
    body: Schema | None
    # The media types of the body.
    body_media_types: Sequence[str]
    # The media types of a large body, which is spooled to a file; none for a body in memory.
    upload_media_types: Sequence[str]
    max_bytes: int
    scope: str | None
    key_is_optional: bool
    takes_idempotency_key: bool
    status: int
    # The path template of the record that the operation creates.
    location: str | None
    # The media types of the response; the first is the default.
    media_types: Sequence[str]
    response_schema: Schema
    has_etag: bool
    # The 202 that a contributor gets in place of that response to a write about a hidden person.
    proposal_response: ProposalResponse | None
    # What a request spends of a quota; None if no rate limit applies.
    weight: Weight | None
    # Whether its requests run apart from the others (api/database/bulkhead.py).
    is_heavy: bool
    writes: bool
    # Whether its response has more than one media type besides those of tables.
    has_formats: bool
    # Whether it ignores unknown query parameters.
    ignores_unknown: bool
    # The Content-Security-Policy of its page (api/http/responses.py).
    policy: str

    def with_default(self, parameter: str, value: str) -> "Operation":
        parameters = [
            replace(p, schema={**p.schema, "default": value}) if p.name == parameter else p
            for p in self.parameters
        ]
        return replace(self, parameters=parameters)

    @property
    def title(self) -> str:
        """The last step of its path, the name of a file of its response."""
        return self.path.rpartition("/")[2].removesuffix(".csv")

    @property
    def is_page(self) -> bool:
        """Whether it responds with HTML. Its function takes the address of the request."""
        return self.media_types[0] == "text/html"

    @property
    def takes_base_url(self) -> bool:
        """Whether its function takes the URL of the service, for absolute links.

        Feeds and claim reviews have such links, and pages by their address. A `url` that a caller
        sends is compared with it.
        """
        names = {p.name for p in self.parameters} | (self.body or {}).get("properties", {}).keys()
        takes_url = self.tag in ("cards", "citations") and "url" in names
        return self.has_formats or takes_url

    @property
    def read_only(self) -> Collection[str]:
        """The fields of a record that its creation or change does not take."""
        if self.body is None or not (self.method == "patch" or self.location is not None):
            return frozenset()
        return frozenset(self.response_schema["properties"]) - frozenset(self.body["properties"])

    @property
    def arguments(self) -> Sequence[Parameter]:
        """The parameters of its function: all but headers and those of the format."""
        return [
            p for p in self.parameters if p.location != "header" and p.name not in _FORMAT_NAMES
        ]


@dataclass(frozen=True, slots=True)
class Problem:
    """A kind of problem, as its page explains it."""

    slug: str
    status: int
    title: str
    explanation: str


@dataclass(frozen=True, slots=True)
class Contract:
    document: Mapping[str, Any]
    source: str
    operations: Sequence[Operation]
    problems: Mapping[str, Problem]

    @property
    def max_bytes(self) -> int:
        """The limit of the largest request body of any operation."""
        return max(operation.max_bytes for operation in self.operations)

    def operation(self, id: str) -> Operation:
        """Return an operation by its id."""
        return next(operation for operation in self.operations if operation.id == id)

    def with_default(self, parameter: str, value: str) -> "Contract":
        """Return the contract with a default of this parameter, which is a setting."""
        operations = [operation.with_default(parameter, value) for operation in self.operations]
        return replace(self, operations=operations)

    def schema(self, name: str) -> Schema:
        """Return a component schema, without references."""
        return cast(Schema, _resolved(self.document, self.document["components"]["schemas"][name]))


@cache
def load(file: Path = FILE) -> Contract:
    """Read the contract. Raises ContractError for what this code cannot bind."""
    source = file.read_text("utf-8")
    document = yaml.load(source, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    return Contract(
        document=document,
        source=source,
        operations=[
            _operation(document, path, method, item[method])
            for path, item in document["paths"].items()
            for method in _METHODS
            if method in item
        ],
        problems={
            slug: Problem(slug, **problem) for slug, problem in document["x-problems"].items()
        },
    )


@cache
def defaults(schema: str) -> Mapping[str, Any]:
    """Return the default of each property of a schema, None for a property without one."""
    properties = load().schema(schema)["properties"]
    return {name: part.get("default") for name, part in properties.items()}


@cache
def nullable_properties(schema: str) -> Sequence[str]:
    """Return the properties of a schema that can be null."""
    properties = load().schema(schema)["properties"]
    return [name for name, part in properties.items() if "null" in part["type"]]


@cache
def max_items(schema: str) -> Mapping[str, int]:
    """Return the properties of a schema that are lists, with the most items of each."""
    properties = load().schema(schema)["properties"]
    return {name: part["maxItems"] for name, part in properties.items() if part["type"] == "array"}


def _operation(
    document: Mapping[str, Any], path: str, method: str, raw: Mapping[str, Any]
) -> Operation:
    operation = _resolved(document, raw)
    successes = {k: v for k, v in operation["responses"].items() if k.startswith("2")}
    accepted = successes.pop("202", None)
    ((status, response),) = successes.items()
    media_types = list(response["content"])
    body = operation.get("requestBody")
    max_bytes = (body or {}).get("x-max-bytes")
    security = operation.get("security", [])
    scopes = [scope for requirement in security for scope in requirement.get("key", [])]
    if len(operation["tags"]) != 1 or len(scopes) > 1:
        raise ContractError(f"{operation['operationId']}: needs one tag, and at most one scope")
    return Operation(
        id=operation["operationId"],
        tag=operation["tags"][0],
        method=method,
        path=path,
        parameters=[
            Parameter(p["name"], p["in"], p.get("required", False), p["schema"])
            for p in operation.get("parameters", [])
        ],
        body=body["content"].get("application/json", {}).get("schema") if body else None,
        body_media_types=list(body["content"]) if body else [],
        upload_media_types=list(body["content"]) if body and max_bytes else [],
        max_bytes=max_bytes or MAX_BYTES,
        scope=scopes[0] if scopes else None,
        key_is_optional={} in security,
        takes_idempotency_key=any(
            p["name"] == "Idempotency-Key" for p in operation.get("parameters", [])
        ),
        status=int(status),
        location=_location(document, response) if status == "201" else None,
        media_types=media_types,
        response_schema=response["content"][media_types[0]].get("schema", {}),
        has_etag="ETag" in response.get("headers", {}),
        proposal_response=_proposal_response(document, accepted) if accepted else None,
        weight=None if operation.get("x-unlimited") else _weight(operation),
        is_heavy=operation.get("x-heavy", False),
        writes=method != "get",
        has_formats=len(set(media_types) - _TABULAR) > 1,
        ignores_unknown=operation.get("x-ignores-unknown", False),
        policy=operation.get("x-policy", "page"),
    )


def _weight(operation: Mapping[str, Any]) -> Weight:
    weight = operation.get("x-weight", {})
    return Weight(**weight) if isinstance(weight, Mapping) else Weight(weight)


def _proposal_response(
    document: Mapping[str, Any], response: Mapping[str, Any]
) -> ProposalResponse:
    schema = response["content"]["application/json"]["schema"]
    return ProposalResponse(schema, _location(document, response))


def _location(document: Mapping[str, Any], response: Mapping[str, Any]) -> str:
    """Return the path of the GET operation that a link of the response names: of the record."""
    targets = {
        link["operationId"]
        for link in response["links"].values()
        if link["parameters"] == {"id": "$response.body#/id"}
    }
    (path,) = [
        path
        for path, item in document["paths"].items()
        if path.endswith("/{id}") and item.get("get", {}).get("operationId") in targets
    ]
    return str(path)


def _resolved(document: Mapping[str, Any], node: Any) -> Any:
    """Return a part of the contract with every reference replaced by its target."""
    if isinstance(node, Mapping):
        if "$ref" in node:
            target: Any = document
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            resolved = _resolved(document, target)
            if "description" in target and ("pattern" in target or "enum" in target):
                resolved = {FORM: target["description"], **resolved}
            return {**resolved, **{k: v for k, v in node.items() if k != "$ref"}}
        resolved = {k: _resolved(document, v) for k, v in node.items()}
        return _nullable(resolved) if "oneOf" in resolved else resolved
    if isinstance(node, list):
        return [_resolved(document, v) for v in node]
    return node


def _nullable(schema: Schema) -> Schema:
    """Return `oneOf: [X, {type: 'null'}]` as X with `type: [..., 'null']`.

    The contract has the first form, because code generators then name the type after X.
    """
    value, null = schema["oneOf"]
    if null != {"type": "null"} or not isinstance(value.get("type"), str):
        raise ContractError(f"oneOf must be one schema and {{type: null}}, not {schema}")
    others = {k: v for k, v in schema.items() if k != "oneOf"}
    nullable = {**value, **others, "type": [value["type"], "null"]}
    if "enum" in value:
        nullable["enum"] = [*value["enum"], None]
    return nullable
