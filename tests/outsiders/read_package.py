"""Read a data package with frictionless, pandas, DuckDB and sqlite-utils.

Run `python read_package.py PACKAGE.zip` where these are installed. It fails if one of them reads
other rows, keys or moments than the package has.
"""

import csv
import json
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import pandas
import sqlite_utils
from frictionless import Package


def validate(descriptor: Path) -> None:
    report = Package(str(descriptor)).validate()
    if not report.valid:
        sys.exit(f"frictionless: {report.flatten(['type', 'title', 'message'])[:5]}")


def read(file: Path, fields: list[dict[str, Any]]) -> None:
    """Read a table with each library, and compare the rows."""
    with file.open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    ids = sorted(row["id"] for row in rows)
    moments = [field["name"] for field in fields if field["type"] == "datetime"]

    as_text = pandas.read_csv(file, dtype=str, keep_default_na=False)
    assert as_text.to_dict("records") == rows
    typed = pandas.read_csv(file, parse_dates=moments, date_format="ISO8601")
    for name in moments:
        shown = typed[name].dropna().dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        assert sorted(shown) == sorted(row[name] for row in rows if row[name]), name

    relation = duckdb.read_csv(str(file))
    assert sorted(str(id) for (id,) in relation.select("id").fetchall()) == ids
    for name in moments:
        ((earliest,),) = relation.aggregate(f'min("{name}")::TIMESTAMPTZ::TEXT').fetchall()
        expected = min((row[name] for row in rows if row[name]), default=None)
        assert (earliest or "")[:19] == (expected or "").replace("T", " ")[:19], name

    with file.open("rb") as binary:
        parsed, _ = sqlite_utils.utils.rows_from_file(binary)
        table = sqlite_utils.Database(memory=True)["rows"].insert_all(parsed, pk="id")
    assert sorted(row["id"] for row in table.rows) == ids


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(sys.argv[1]) as package:
        package.extractall(folder)
        descriptor = Path(folder) / "datapackage.json"
        validate(descriptor)
        duckdb.sql("SET TimeZone = 'UTC'")
        for resource in json.loads(descriptor.read_text())["resources"]:
            read(Path(folder) / resource["path"], resource["schema"]["fields"])


if __name__ == "__main__":
    main()
