"""LibreOffice opens workbooks and CSV of the service without loss, and saves lists that it imports.

Skipped without LibreOffice (Debian's libreoffice-calc-nogui).
"""

import csv
import io
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from api.rendering.media_types import XLSX
from tests.conftest import Api
from tests.imports.test_list_import import apply, preview, table
from tests.rendering.test_bodies import NAMES

SOFFICE = shutil.which("soffice")
pytestmark = pytest.mark.skipif(SOFFICE is None, reason="LibreOffice is not installed")

# Separator, quote, UTF-8, first line; of what is written, all cells as they are shown.
COMMAS = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true"
SEMICOLONS = "Text - txt - csv (StarCalc):59,34,76,1"
TEXTS = ("name", "region", "aliases", "country", "id")

Convert = Callable[..., bytes]


@pytest.fixture
def convert(tmp_path: Path) -> Convert:
    """Open a file in LibreOffice and save it in another format."""

    def converted(content: bytes, suffix: str, target: str, *options: str) -> bytes:
        file = tmp_path / f"opened{suffix}"
        file.write_bytes(content)
        profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
        folder = tmp_path / "saved"
        subprocess.run(
            [
                *(str(SOFFICE), profile, "--headless", *options),
                *("--convert-to", target, "--outdir", str(folder), str(file)),
            ],
            capture_output=True,
            check=True,
            timeout=300,
        )
        (saved,) = folder.iterdir()
        content = saved.read_bytes()
        saved.unlink()
        return content

    return converted


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def texts(shown: Sequence[dict[str, str]]) -> list[list[str]]:
    return sorted([row[name] for name in TEXTS] for row in shown)


def test_nothing_of_an_export_is_lost_or_run(api: Api, convert: Convert) -> None:
    editor = api.scope("edit")
    facilities: list[str] = []
    for name in NAMES:
        body: dict[str, Any] = {"name": name, "aliases": [f"{name} 2"], "country": "VE"}
        body |= {"region": name, "distinct_from": facilities}
        facilities.append(editor.post("/v1/facilities", body)["id"])

    def sent(**query: str) -> bytes:
        return api.send("GET", "/v1/facilities", query_string=query).get_data()

    expected = rows(sent(format="csv"))
    unguarded = [{name: cell.removeprefix("'") for name, cell in row.items()} for row in expected]
    assert texts(rows(convert(sent(format="xlsx"), ".xlsx", COMMAS))) == texts(unguarded)
    # In CSV a text that begins like a formula has an apostrophe. 0123 is a number there.
    for row in expected:
        row["name"], row["region"] = (row[name].replace("0123", "123") for name in TEXTS[:2])
    opened = convert(sent(format="csv", excel="true"), ".csv", COMMAS, f"--infilter={SEMICOLONS}")
    assert texts(rows(opened)) == texts(expected)


def test_list_saved_as_a_workbook_is_imported(api: Api, convert: Convert) -> None:
    """With days as days and as texts, an identifier as a number, and an empty line."""
    empty = {"Nombre": "", "C.I.": "", "Fecha de nacimiento": ""}
    people = [
        empty | {"Nombre": "Ana Lucía Ñáñez", "C.I.": "4711", "Fecha de nacimiento": "1974-06-02"},
        empty,
        empty | {"Nombre": "Eva Ozores", "C.I.": "V-0815", "Fecha de nacimiento": "31/12/1961"},
    ]
    book = convert(table(people, ";"), ".csv", "xlsx", f"--infilter={SEMICOLONS}")
    editor = api.scope("edit")
    result = preview(editor, book, media_type=XLSX)
    assert [(row["place"], row["outcome"]) for row in result["rows"]] == [
        ("line 2", "new"),
        ("line 4", "new"),
    ]
    apply(editor, result["id"])
    imported = {
        person["name"]: (person["birth_date"], person["external_ids"])
        for person in editor.get("/v1/detainees")["items"]
    }
    assert imported == {
        "Ana Lucía Ñáñez": ("1974-06-02", [{"scheme": "cedula", "value": "4711"}]),
        "Eva Ozores": ("1961-12-31", [{"scheme": "cedula", "value": "V-0815"}]),
    }
