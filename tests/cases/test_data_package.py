"""The data package: its tables are those of the public export, as its descriptor says."""

import csv
import io
import json
import re
import sqlite3
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any
from uuid import UUID

import pytest

from api.cases import loader
from api.cases.format import LISTS
from api.contract import document
from api.database.queries import Connection
from tests.cases.test_export import lines, memory_peaks
from tests.conftest import CASES, Api
from tests.rendering.lists import six_digits

READERS: Mapping[str, Any] = {
    "string": str,
    "integer": int,
    "boolean": lambda cell: {"true": True, "false": False}[cell],
    "array": json.loads,
    "date": str,
    "datetime": str,
}
DAY, MOMENT = r"\d{4}-\d\d-\d\d", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"


@pytest.fixture
def example(api: Api, conn: Connection) -> Api:
    """The API on the example case."""
    loader.load(conn, CASES / "venezuela-2026-01-08.json", lambda _: None)
    return api


def package(api: Api) -> zipfile.ZipFile:
    response = api.send("GET", "/v1/export.zip")
    assert (response.status_code, response.mimetype) == (200, "application/zip")
    assert response.headers["Content-Disposition"] == 'attachment; filename="export.zip"'
    return zipfile.ZipFile(io.BytesIO(response.get_data()))


def table(parts: zipfile.ZipFile, resource: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a table, read and checked as its descriptor says."""
    text = io.StringIO(parts.read(resource["path"]).decode(resource["encoding"]), newline="")
    reader = csv.DictReader(text, strict=True)
    fields = {field["name"]: field for field in resource["schema"]["fields"]}
    assert reader.fieldnames == list(fields)
    rows = []
    for cells in reader:
        row = {}
        for name, cell in cells.items():
            field = fields[name]
            constraints = field.get("constraints", {})
            assert cell or not constraints.get("required"), (resource["name"], name)
            if cell:
                assert cell in constraints.get("enum", [cell])
                if field["type"] in ("date", "datetime"):
                    assert re.fullmatch(DAY if field["type"] == "date" else MOMENT, cell)
                if field.get("format") == "uuid":
                    UUID(cell)
            value = READERS[field["type"]](cell.removeprefix("'")) if cell else None
            row[name] = value
        rows.append(row)
    return rows


def test_tables_are_those_of_the_public_export(example: Api) -> None:
    editor = example.scope("edit")
    minor = editor.detainee("Lucero Canario", age_group="minor", birth_date="2011-05-04")
    exported = lines(example.send("GET", "/v1/export").get_data())
    for caller in (example, editor):
        parts = package(caller)
        assert parts.testzip() is None
        descriptor = json.loads(parts.read("datapackage.json"))
        assert [resource["path"] for resource in descriptor["resources"]] == [
            f"{name}.csv" for name in LISTS
        ]
        tables = {r["name"]: table(parts, r) for r in descriptor["resources"]}
        for name in LISTS:
            expected = [
                {key: value for key, value in line.items() if key != "list"}
                for line in exported
                if line.get("list") == name
            ]
            rows = tables[name.replace("_", "-")]
            assert [_without_nulls(row) for row in rows] == [_as_csv(line) for line in expected]
            assert rows
        texts = "".join(parts.read(name).decode() for name in parts.namelist())
        assert minor in texts
        assert "Lucero" not in texts
        assert "2011-05-04" not in texts
        _check_keys(descriptor["resources"], tables)


def test_each_column_has_a_meaning_of_its_own(api: Api) -> None:
    """Not the form of any id, name, day or moment, which tells nothing of the values."""
    forms = {
        " ".join(document.load().schema(name)["description"].split())
        for name in ("Id", "Name", "Day", "Moment", "Text", "Url", "PartialDate")
    }
    for resource in json.loads(package(api).read("datapackage.json"))["resources"]:
        for field in resource["schema"]["fields"]:
            meaning = field.get("description")
            assert meaning, (resource["name"], field["name"])
            assert meaning not in forms, (resource["name"], field["name"])


def _without_nulls(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: _without_nulls(part) for name, part in value.items() if part is not None}


def _as_csv(line: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: six_digits(value) if isinstance(value, str) and re.match(f"{DAY}T", value) else value
        for name, value in line.items()
    }


def _check_keys(
    resources: Sequence[Mapping[str, Any]], tables: Mapping[str, Sequence[Mapping[str, Any]]]
) -> None:
    """Check that the keys are unique and lead to rows, in SQLite."""
    with closing(sqlite3.connect(":memory:")) as db:
        for resource in resources:
            name, schema = resource["name"], resource["schema"]
            columns = [field["name"] for field in schema["fields"]]
            keys = [f"PRIMARY KEY ({', '.join(schema['primaryKey'])})"] + [
                f"FOREIGN KEY ({key['fields'][0]}) REFERENCES "
                f'"{key["reference"].get("resource", name)}" ({key["reference"]["fields"][0]})'
                for key in schema.get("foreignKeys", ())
            ]
            db.execute(f'CREATE TABLE "{name}" ({", ".join([*columns, *keys])})')
            db.executemany(
                f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(columns))})',
                [
                    [json.dumps(v) if isinstance(v, list) else v for v in r.values()]
                    for r in tables[name]
                ],
            )
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []


def test_license_of_the_data_is_a_setting(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = package(api)
    assert "licenses" not in json.loads(parts.read("datapackage.json"))
    assert "has stated none" in parts.read("README.md").decode()
    tag = api.send("GET", "/v1/export.zip").headers["ETag"]
    for license, entry in (
        ("CC-BY-4.0", {"name": "CC-BY-4.0"}),
        ("https://example.org/terms", {"path": "https://example.org/terms"}),
    ):
        monkeypatch.setenv("CONSTANCIA_DATA_LICENSE", license)
        parts = package(api)
        assert json.loads(parts.read("datapackage.json"))["licenses"] == [entry]
        assert f"\n{license}\n" in parts.read("README.md").decode()
        assert api.send("GET", "/v1/export.zip").headers["ETag"] != tag


def test_memory_does_not_grow_with_the_store(database: str, conn: Connection) -> None:
    peaks, lengths = memory_peaks(database, conn, "/v1/export.zip", (2_000, 20_000))
    assert all(0 < length < 500_000 for blocks in lengths for length in blocks)
    assert peaks[1] < peaks[0] + 500_000
