"""Lists as organisations keep them: workbooks, and CSV of spreadsheets."""

import csv
import io
import random
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from api.database.queries import Connection
from api.errors import RequestError
from api.tables import workbook_reader
from tests.commands.running import constancia
from tests.conftest import Api
from tests.imports.test_list_import import apply, outcomes, preview
from tests.rendering.lists import XLSX

HEADER = [
    "Nº", "Nombre y Apellidos", "C.I.", "Sexo", "Fecha de Nacimiento", "Nacionalidad",
    "Centro de Reclusión", "Fecha de Detención", "Observaciones",
]  # fmt: skip
ROWS: list[list[Any]] = [
    [1, "Rocío Núñez Peña", 12345678.0, "F", date(1974, 6, 2), "VEN", "Cárcel Vieja",
     date(2024, 2, 9), None],
    [2, "Ángel Ibáñez Ávila", "V-9.876.543", "M", "03/04/1980", "venezolano", None, "feb-24",
     "N/D"],
    [None] * 9,
    [3, "Belisario Quintanar", "s/n", "M", "s/f", "COL", None, "08/01/26", "=1+1"],
    HEADER,
    [4, "Yusmery Ozores", "E-84.000.111", "F", date(1990, 1, 31), "N/D", "Cárcel Vieja",
     "9 de febrero de 2024", "-"],
]  # fmt: skip
OPTIONS = {"date_order": "day_first", "mapping": '{"Nº": null}'}


def workbook() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Presos políticos"
    sheet.append(["LISTA DE PRESOS POLÍTICOS"])
    sheet.append(["Actualizada: 8 de enero de 2026, 25 nombres"])
    sheet.append([])
    sheet.append(HEADER)
    for row in ROWS:
        sheet.append(row)
    sheet["I8"].data_type = "s"
    sheet.merge_cells("A1:I1")
    sheet.merge_cells("G5:G6")
    book.create_sheet("Notas").append(["Nombre"])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def as_csv(encoding: str) -> bytes:
    """Return the list as a spreadsheet in Spanish saves it."""

    def text(value: Any) -> str:
        if isinstance(value, float):
            return str(int(value))
        return f"{value:%d/%m/%Y}" if isinstance(value, date) else str(value or "")

    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=";")
    writer.writerow(["LISTA DE PRESOS POLÍTICOS", *[""] * 8])
    writer.writerow(["Actualizada: 8 de enero de 2026, 25 nombres", *[""] * 8])
    writer.writerow([""] * 9)
    writer.writerow(HEADER)
    for number, row in enumerate(ROWS):
        place = "Cárcel Vieja" if number == 1 else row[6]
        writer.writerow(map(text, [*row[:6], place, *row[7:]]))
    return file.getvalue().encode(encoding)


@pytest.fixture
def writer(api: Api) -> Api:
    editor = api.scope("edit")
    editor.post("/v1/facilities", {"name": "Cárcel Vieja", "country": "VE"})
    return editor


@pytest.mark.parametrize(
    ("body", "media_type", "reading"),
    [
        (workbook, XLSX, (None, False, "Presos políticos")),
        (lambda: as_csv("cp1252"), "text/csv", ("windows-1252", True, None)),
        (lambda: as_csv("utf-8"), "text/csv", ("utf-8", False, None)),
        (lambda: as_csv("utf-16"), "text/csv", ("utf-16", False, None)),
        (lambda: as_csv("utf-16-le"), "text/csv", ("utf-16-le", True, None)),
        (lambda: as_csv("cp1252"), "text/csv; charset=Windows-1252", ("windows-1252", False, None)),
        (lambda: as_csv("mac_roman"), "text/csv", ("macintosh", True, None)),
    ],
    ids=["xlsx", "cp1252", "utf-8", "utf-16", "utf-16-le", "declared", "macintosh"],
)
def test_list_of_a_spreadsheet_is_read_as_it_is_kept(
    writer: Api,
    conn: Connection,
    body: Callable[[], bytes],
    media_type: str,
    reading: tuple[str | None, bool, str | None],
) -> None:
    result = preview(writer, body(), media_type=media_type, **OPTIONS)
    assert result["reading"] == {
        "encoding": reading[0],
        "encoding_is_assumed": reading[1],
        "sheet": reading[2],
        "header_line": 4,
        "titles": [
            "LISTA DE PRESOS POLÍTICOS", "Actualizada: 8 de enero de 2026, 25 nombres"
        ],
    }  # fmt: skip
    assert outcomes(result) == ["new"] * 4
    assert [row["place"] for row in result["rows"]] == ["line 5", "line 6", "line 8", "line 10"]
    assert [(c["column"], c["detail"][:5]) for c in result["rows"][2]["ignored"]] == [
        ("Fecha de Nacimiento", "'s/f'"),
        ("C.I.", "'s/n'"),
    ]
    apply(writer, result["id"])
    people = {row.name: row for row in conn.execute("SELECT * FROM detainees")}
    assert sorted(people) == sorted(row[1] for row in ROWS if row[0] and row is not HEADER)
    rocio, angel = people["Rocío Núñez Peña"], people["Ángel Ibáñez Ávila"]
    assert rocio.external_ids == [{"scheme": "cedula", "value": "12345678"}]
    assert (rocio.birth_date, rocio.nationalities) == (date(1974, 6, 2), ["VE"])
    assert (angel.birth_date, angel.nationalities) == (date(1980, 4, 3), ["VE"])
    assert people["Belisario Quintanar"].nationalities == ["CO"]
    assert people["Yusmery Ozores"].nationalities == []
    detentions = conn.execute(
        "SELECT p.name, d.detained_on, f.name AS facility FROM detentions d "
        "JOIN detainees p ON p.id = d.detainee_id LEFT JOIN facilities f ON f.id = d.facility_id"
    )
    assert {row.name: (row.detained_on, row.facility) for row in detentions} == {
        "Rocío Núñez Peña": ("2024-02-09", "Cárcel Vieja"),
        "Ángel Ibáñez Ávila": ("2024-02", "Cárcel Vieja"),
        "Belisario Quintanar": ("2026-01-08", None),
        "Yusmery Ozores": ("2024-02-09", "Cárcel Vieja"),
    }


def test_sheet_is_chosen_by_name(writer: Api) -> None:
    assert preview(writer, workbook(), media_type=XLSX, sheet="Notas")["rows"] == []
    problem = preview(writer, workbook(), 422, media_type=XLSX, sheet="Hoja1")
    assert "'Presos políticos', 'Notas'" in problem["errors"][0]["detail"]
    problem = preview(writer, as_csv("utf-8"), 422, sheet="Notas")
    assert problem["errors"][0]["pointer"] == "/sheet"


def test_first_shown_sheet_is_read_and_named(writer: Api) -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook()))
    book["Presos políticos"].sheet_state = "hidden"
    book["Notas"].append(["Ana Prueba"])
    file = io.BytesIO()
    book.save(file)
    result = preview(writer, file.getvalue(), media_type=XLSX)
    assert (result["reading"]["sheet"], outcomes(result)) == ("Notas", ["new"])
    for cells in ([], ["Informe mensual"]):
        book["Notas"].delete_rows(1, 2)
        book["Notas"].append(cells)
        file = io.BytesIO()
        book.save(file)
        problem = preview(writer, file.getvalue(), 422, media_type=XLSX)
        assert problem["errors"][0]["detail"].endswith(
            "The worksheet 'Notas' was read: if the list is in another, name that in `sheet`."
        )


def test_months_and_years_of_a_workbook_are_no_days() -> None:
    """Excel stores feb-24 as 1 February, and shows the month."""
    cells = {
        date(2024, 2, 1): ("mmm-yy", "2024-02"),
        date(2024, 3, 1): ('[$-340A]mmmm" de "yyyy', "2024-03"),
        date(2023, 1, 1): ("yyyy", "2023"),
        date(2024, 4, 9): ("mmm-yy", "2024-04-09"),
        date(2024, 5, 1): ("dd/mm/yyyy", "2024-05-01"),
    }
    for part in (cells, dict([*cells.items()][-1:])):
        book = openpyxl.Workbook()
        sheet = book.worksheets[0]
        sheet.append(["Nombre", None, "Fecha de detención"])
        for number, (day, (form, text)) in enumerate(part.items(), 2):
            sheet.append([text, None, day])
            sheet.cell(number, 3).number_format = form
        file = io.BytesIO()
        book.save(file)
        with workbook_reader.as_csv(file, None, 100) as (table, _):
            rows = [*csv.reader(table.read().decode().splitlines())]
        assert [[name, day] for name, _, day in rows[1:]] == [
            [text, text] for _, text in part.values()
        ]


def test_errors_of_formulas_and_rounded_numbers_are_no_values(writer: Api) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["Nombre", "C.I.", "Organismo", "Delitos"])
    sheet.append(["#¿NOMBRE?", 123456789012345, "#N/A", "#REF!"])
    sheet.append(["Ana Prueba", 1234567890123456, None, "#DIV/0!"])
    file = io.BytesIO()
    book.save(file)
    result = preview(writer, file.getvalue(), media_type=XLSX)
    table = b"Nombre;C.I.\nAna Prueba;1,23457E+15\nEva Prueba;3E12\nIda Prueba;12345678.0\n"
    rows = [*result["rows"], *preview(writer, table)["rows"]]
    details = [{e["column"]: e["detail"] for e in row["errors"]} for row in rows]
    assert details == [
        {
            "Nombre": "'#¿NOMBRE?' is the error of a formula: correct it, or empty the cell.",
            "Delitos": "'#REF!' is the error of a formula: correct it, or empty the cell.",
        },
        {
            "C.I.": "'1.23456789012346E+15' is a number that a program has rewritten: format "
            "the column as text, and write the digits as they were.",
            "Delitos": "'#DIV/0!' is the error of a formula: correct it, or empty the cell.",
        },
        {
            "C.I.": "'1,23457E+15' is a number that a program has rewritten: format the column "
            "as text, and write the digits as they were.",
        },
        {},
        {
            "C.I.": "'12345678.0' is a number that a program has rewritten: format the column "
            "as text, and write the digits as they were.",
        },
    ]


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        *((encoding, "Иван Сидоров") for encoding in ("cp1251", "koi8-r")),
        ("cp866", "Ольга Щукина"),
        ("cp1256", "محمد الأنصاري"),
        ("gbk", "李娜"),
        ("big5", "王小明"),
        ("cp932", "山田太郎 佐藤花子"),
        ("cp949", "이영희"),
    ],
)
def test_letters_of_other_scripts_are_not_read_as_accents(
    writer: Api, encoding: str, names: str
) -> None:
    """A list must not record people under names such as Èâàí Ñèäîðîâ."""
    problem = preview(writer, f"name;sex\n{names};male\n".encode(encoding), 422)
    assert "save the list as CSV in UTF-8" in problem["errors"][0]["detail"]


def test_names_with_many_accents_are_read(writer: Api) -> None:
    for encoding in ("cp1252", "mac_roman", "cp850"):
        body = "name;—\nÁ. Ñáñez;\nÍñigo Ñáñez;\n".replace("—", "Nº").encode(encoding)
        result = preview(writer, body, mapping='{"Nº": null}')
        assert outcomes(result) == ["new", "new"]


def test_command_takes_sheet_columns_and_encoding(
    writer: Api, database: str, conn: Connection, tmp_path: Path
) -> None:
    book, text = tmp_path / "lista.xlsx", tmp_path / "lista.csv"
    book.write_bytes(workbook())
    text.write_bytes("Preso;Ficha;Nº\nRocío Núñez;7;1\n".encode("cp1252"))

    def run(*arguments: object) -> Any:
        return constancia("import", *arguments, DATABASE_URL=database)

    result = run(book, "--dry-run", "--sheet", "Hoja1")
    assert (result.exit_code, "'Presos políticos', 'Notas'" in result.stderr) == (1, True)
    options = ["--dry-run", "--date-order", "day_first", "--column", "Nº="]
    result = run(book, *options, "--sheet", "Presos políticos")
    assert result.exit_code == 0, result.stderr
    assert "read from the worksheet 'Presos políticos'" in result.stdout
    columns = ["--column", "Preso=name", "--column", "Ficha=id:ficha", "--column", "Nº="]
    result = run(text, "--yes", *columns[:-2])
    assert (result.exit_code, "'Nº'" in result.stderr) == (1, True), result.stderr
    for column in ("Preso", "Preso=bar"):
        result = run(text, "--yes", "--column", column)
        refusal = f"--column {column!r} has no field: write NAME=FIELD"
        assert (result.exit_code, refusal in result.stderr) == (2, True)
    result = run(text, "--yes", *columns, "--column", "Fecha=age")
    assert "1 place. --column, column 'Fecha': The list has no column 'Fecha'" in result.stderr
    result = run(text, "--yes", *columns, "--encoding", "utf-8")
    assert (result.exit_code, "UTF-8" in result.stderr) == (1, True), result.stderr
    result = run(text, "--yes", *columns, "--encoding", "windows-1252")
    assert result.exit_code == 0, result.stderr
    (person,) = conn.execute("SELECT name, external_ids FROM detainees").fetchall()
    assert person.name == "Rocío Núñez"
    assert person.external_ids == [{"scheme": "ficha", "value": "7"}]


def test_formula_of_a_text_is_that_text(writer: Api, conn: Connection) -> None:
    body = b'="nombre";cedula\n="Ana Prueba";"=""0123"""\n'
    writer.post(f"/v1/imports/{preview(writer, body)['id']}/apply", {"decisions": []}, 200)
    (person,) = conn.execute("SELECT name, external_ids FROM detainees").fetchall()
    assert person.name == "Ana Prueba"
    assert person.external_ids == [{"scheme": "cedula", "value": "0123"}]


def test_header_of_two_lines_with_merged_cells_is_read(writer: Api) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["PRESOS"])
    sheet.append(["Nombre", "Detención", None])
    sheet.append([None, "Fecha de detención", "Centro"])
    sheet.append(["Ana Prueba", date(2025, 3, 4), "Cárcel Vieja"])
    sheet.merge_cells("A2:A3")
    sheet.merge_cells("B2:C2")
    file = io.BytesIO()
    book.save(file)
    in_two_columns = b"PRESOS,\nNombre,\nApellidos,Nombres\nPrueba,Ana\n"
    for body, media_type in ((file.getvalue(), XLSX), (in_two_columns, "text/csv")):
        result = preview(writer, body, media_type=media_type)
        assert [(row["place"], row["outcome"]) for row in result["rows"]] == [("line 4", "new")]
        assert (result["reading"]["header_line"], result["reading"]["titles"][0]) == (3, "PRESOS")
    # A row is no header because another of its cells has the name of a column.
    body = b"Preso,Estado\nAna Prueba,Preso\n"
    mapping = '{"Preso": "name", "Estado": null}'
    assert outcomes(preview(writer, body, mapping=mapping)) == ["new"]


def test_title_with_bytes_that_are_no_text_is_shown(writer: Api) -> None:
    for byte in (b"\xff", b"\0"):
        body = b"Lista %b del a\xc3\xb1o\nname\nAna\n" % byte
        assert preview(writer, body)["reading"]["titles"] == ["Lista \ufffd del año"]


def test_encoding_that_is_named_wrongly_is_an_error(writer: Api) -> None:
    problem = preview(writer, as_csv("cp1252"), 422, media_type="text/csv; charset=utf-16le")
    assert problem["type"] == "/problems/validation-error"
    problem = preview(writer, as_csv("utf-8"), 415, media_type="text/csv; charset=koi8-r")
    assert "windows-1252" in problem["detail"]


def parts(**changed: bytes) -> bytes:
    """Return the workbook with other parts."""
    file = io.BytesIO()
    names = {name.replace("/", "_").replace(".", "_"): name for name in zipped().namelist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        for key, name in names.items():
            out.writestr(name, changed.get(key, zipped().read(name)))
    return file.getvalue()


def zipped() -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(workbook()))


BOMB = b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY a '1234567890'>%b]><sst>&z;</sst>" % b"".join(
    b"<!ENTITY %c '%b'>" % (n, b"&%c;" % (n - 1) * 10) for n in range(ord("b"), ord("z") + 1)
)
BROKEN: dict[str, Callable[[], bytes]] = {
    "no zip": lambda: b"Nombre;Sexo",
    "empty": lambda: b"",
    "a zip of something else": lambda: empty_zip(),
    "cut off": lambda: workbook()[:-500],
    "huge styles": lambda: parts(xl_styles_xml=b"<a>" + random.Random(1).randbytes(2 << 20)),
    "a sheet that expands": lambda: sheet(b"<row><c/></row>" * (3 << 16)),
    "entities that multiply": lambda: parts(xl_worksheets_sheet1_xml=BOMB),
    "no XML": lambda: parts(xl_workbook_xml=b"<workbook"),
    "no rows of a sheet": lambda: parts(xl_worksheets_sheet1_xml=b"<a/>"),
    "a cell far to the right": lambda: sheet(b'<row r="1"><c r="IW1"><v>1</v></c></row>'),
    "a row far below": lambda: sheet(b'<row r="900000000"><c r="A900000000"><v>1</v></c></row>'),
    "a value far below": lambda: sheet(b'<row r="300000"><c r="A300000"><v>1</v></c></row>'),
}


def empty_zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        out.writestr("a.txt", "a")
    return file.getvalue()


def sheet(rows: bytes) -> bytes:
    namespace = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return parts(
        xl_worksheets_sheet1_xml=b'<worksheet xmlns="%b"><sheetData>%b</sheetData></worksheet>'
        % (namespace, rows)
    )


@pytest.mark.parametrize("name", BROKEN)
def test_workbook_that_cannot_be_read_is_refused(shared_api: Api, name: str) -> None:
    problem = preview(shared_api.scope("contribute"), BROKEN[name](), 422, media_type=XLSX)
    assert problem["type"] == "/problems/validation-error"
    [error] = problem["errors"]
    assert error["detail"].startswith(
        (
            "Is not a workbook",
            "Is too large",
            "Row 1 of the sheet",
            "A list has",
            "The list is empty",
        )
    )


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize(
    "part", ["xl/styles.xml", "xl/worksheets/sheet1.xml", "xl/chartsheets/sheet1.xml"]
)
def test_part_longer_than_declared_takes_no_memory(part: str, method: int) -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook()))
    book.create_chartsheet()
    plain, bomb = io.BytesIO(), io.BytesIO()
    book.save(plain)
    with zipfile.ZipFile(plain) as parts, zipfile.ZipFile(bomb, "w") as out:
        for name in parts.namelist():
            if name != part:
                out.writestr(name, parts.read(name))
        out.writestr(part, bytes(16 << 20), method)
        out.getinfo(part).file_size = 1000
    tracemalloc.start()
    try:
        with pytest.raises(RequestError), workbook_reader.as_csv(bomb, None, 100):
            pass
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("media_type", ["text/csv", "application/x-ndjson"])
def test_list_that_is_too_long_is_refused_at_once(shared_api: Api, media_type: str) -> None:
    line = b"Ana\n" if media_type == "text/csv" else b'{"name":"Ana"}\n'
    problem = preview(
        shared_api.scope("contribute"), b"name\n"[: 5 * (line[0] == 65)] + line * 300_000, 422,
        media_type=media_type,
    )  # fmt: skip
    assert problem["errors"] == [
        {"pointer": "/200001", "detail": "A list has at most 200,000 rows: split it."}
    ]


def test_messages_quote_the_cell(writer: Api) -> None:
    rows = "Nombre;Sexo;Fecha de nacimiento;Detenido el;Nacionalidad;Enlace\n"
    rows += "Ana;x;08/01/26;2024-02-09;Marte;ftp:/a\n"
    [row] = preview(writer, rows.encode(), date_order="day_first")["rows"]
    quoted = {"Sexo": "x", "Fecha de nacimiento": "08/01/26", "Nacionalidad": "Marte"}
    errors = {error["column"]: error["detail"] for error in row["errors"]}
    assert set(quoted) <= set(errors)
    for column, value in quoted.items():
        assert repr(value) in errors[column]


def test_unclosed_quote_is_named_by_the_line_of_the_file(writer: Api) -> None:
    body = 'nombre,notas\nAna,"una\ndos\ntres"\nEva,"una\n'
    problem = preview(writer, body.encode(), 422)
    assert problem["errors"] == [
        {
            "pointer": "/2",
            "detail": "A quote in the row that begins on line 5 of the file, as a text editor "
            "shows it, is never closed: close it.",
        }
    ]
