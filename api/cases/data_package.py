"""Export all that the public may see as a data package (datapackage.org, version 2).

It is a zip with one CSV for each list of an export, their descriptor `datapackage.json`, whose
types, keys and descriptions are those of the contract, and a README. It is written while it is
sent, so that its memory does not grow with the store.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import orjson
from psycopg_pool import ConnectionPool

from api import config
from api.cases import export
from api.cases.format import LISTS, REFERENCES, entry_schema, resource_schema
from api.contract import document
from api.contract.document import Schema
from api.database import queries
from api.rendering import streaming
from api.rendering.results import Stream
from api.tables.csv_writer import CsvLines

_PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
_ID = {"type": "string", "format": "uuid", "description": "The id of the record."}
_TYPES = {"date-time": "datetime", "date": "date"}


def stream() -> Stream:
    """Return the data package. It is the same for every caller."""
    license = config.read().data_license
    return Stream(
        lambda pool: streaming.started(_parts(pool, license)), version=(license or "").encode()
    )


class _Sink:
    """A file that keeps what was written until it is taken. It cannot be read or rewound."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, part: bytes) -> int:
        self._parts.append(bytes(part))
        return len(part)

    def flush(self) -> None:
        """Do nothing: a part is taken as it was written."""

    def take(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _parts(pool: ConnectionPool[queries.Connection], license: str | None) -> Iterator[bytes]:
    sink = _Sink()
    with (
        queries.borrowed_connection(pool) as conn,
        # As for an export: a slow reader has an hour.
        queries.snapshot(conn, timeout_minutes=60),
    ):
        with ZipFile(sink, "w", ZIP_DEFLATED) as package:  # type: ignore[call-overload]
            head = queries.row(conn, "ledger/get_recorded_moment")
            descriptor = _descriptor(head.recorded_as_of, license)
            package.writestr(
                _entry("datapackage.json"), orjson.dumps(descriptor, option=orjson.OPT_INDENT_2)
            )
            package.writestr(_entry("README.md"), _readme(head, license))
            for name in LISTS:
                with package.open(_entry(f"{name}.csv"), "w", force_zip64=True) as file:
                    for part in CsvLines(_table(name)).encoded_json(_blocks(conn, name)):
                        file.write(part)
                        if compressed := sink.take():
                            yield compressed
        yield sink.take()


def _blocks(conn: queries.Connection, name: str) -> Iterator[Any]:
    # A list without rows has a header.
    yield []
    yield from export.entries(conn, None, name, {}, nulls=True)


def _entry(name: str) -> ZipInfo:
    """Return the entry of a file, with no time, so that equal data gives equal bytes."""
    info = ZipInfo(name)
    info.compress_type = ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info


def _table(name: str) -> Schema:
    properties = {"id": _ID, **entry_schema(name)["properties"]}
    properties.pop("counts_from_entry", None)  # no public export has it
    return {"properties": properties}


def _descriptor(moment: str, license: str | None) -> Mapping[str, Any]:
    licenses = {}
    if license is not None:
        key = "path" if license.startswith("https://") else "name"
        licenses = {"licenses": [{key: license}]}
    return {
        "$schema": _PROFILE,
        "name": "constancia",
        "title": "Releases of political prisoners, and who attests to them",
        "description": (
            "All public records of a Constancia service. Hidden people have a pseudonym, and no "
            "other values but an age group and a facility that are disclosed."
        ),
        "created": moment,
        **licenses,
        "resources": [_resource(name) for name in LISTS],
    }


def _resource(name: str) -> Mapping[str, Any]:
    keys = [
        {"fields": [field], "reference": _reference(name, REFERENCES[field])}
        for field in _table(name)["properties"]
        if field in REFERENCES
    ]
    return {
        "name": name.replace("_", "-"),
        "path": f"{name}.csv",
        "description": document.load().schema(resource_schema(name))["description"],
        "type": "table",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "schema": {
            "fields": [_field(field, part) for field, part in _table(name)["properties"].items()],
            "primaryKey": ["id"],
            **({"foreignKeys": keys} if keys else {}),
        },
    }


def _reference(name: str, other: str) -> Mapping[str, Any]:
    # A key to the same table names no table.
    table = {} if other == name else {"resource": other.replace("_", "-")}
    return {**table, "fields": ["id"]}


def _field(name: str, schema: Schema) -> Mapping[str, Any]:
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    kind = next(type for type in types if type != "null")
    format = schema.get("format")
    field: dict[str, Any] = {"name": name, "type": _TYPES.get(format or "", kind)}
    if format == "uuid":
        field["format"] = format
    if "description" in schema:
        field["description"] = " ".join(schema["description"].split())
    constraints: dict[str, Any] = {}
    if "null" not in types:
        constraints["required"] = True
    if "enum" in schema:
        constraints["enum"] = [value for value in schema["enum"] if value is not None]
    if name == "id":
        constraints["unique"] = True
    return {**field, **({"constraints": constraints} if constraints else {})}


def _readme(head: Any, license: str | None) -> str:
    terms = license or "The operator of the service has stated none. Ask before you publish it."
    return f"""# Records of releases of political prisoners

The public records of a Constancia service at one moment, one CSV for each kind of record (UTF-8,
commas, RFC 4180). `datapackage.json` describes every column: its type, its meaning, and the table
that it refers to (Data Package 2.0, https://datapackage.org).

- Recorded until: {head.recorded_as_of}
- Last entry of the public ledger: {head.seq}

## Citation

Cite the service, the moment above and the number of the ledger's entry: "Constancia, records until
{head.recorded_as_of}, ledger entry {head.seq}". A figure is better cited by the citation that
`/v1/counts` returns with it, because it can be asked for again.

## License of the data

{terms}

## To read it

- Moments are in UTC with six digits of fraction. An empty cell is no value, or an unknown or hidden
  one. Several values are a JSON array.
- A text that a spreadsheet could run as a formula has one apostrophe in front: remove it.
- A hidden person (a minor, or one who is withheld) has a pseudonym, and no other values but an age
  group and a facility that are disclosed: each once five accepted hidden people share it. An
  attestation of a confidential source is one of the organisation that vouches for it.
- Count time in custody from `detained_on` of a detention, not from `began_on`, which only orders
  the detentions of a person (`0001-01-01` if no day is known).
- The tables have what sources attest. Whether a release is confirmed follows from it by the rule
  that the service explains; `/v1/counts/people?format=csv` has the statuses.
"""
