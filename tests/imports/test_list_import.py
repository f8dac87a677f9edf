"""Imports of lists: previewed row by row, decided, and applied in one transaction."""

import contextlib
import csv
import io
import json
import os
import pty
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from api import auth
from api.database import connections, queries
from api.imports import import_store, list_apply, list_preview
from api.records import attestations
from tests.brute_force import Ledger, assert_statuses_are_recounted
from tests.commands.running import constancia, linux, run_and_measure, snapshot
from tests.conftest import Api, cloned
from tests.imports.interrupted import kill_during_preview, kill_during_write, send
from tests.store_checks import check_store, check_verdicts, open_store
from tests.support import COMMAND, Service, data_dir, environment, run_together, serving

NDJSON = "application/x-ndjson"


def table(rows: Sequence[Mapping[str, Any]], delimiter: str = ",") -> bytes:
    """Return a list of people as CSV."""
    text = io.StringIO()
    columns = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, columns, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def preview(
    api: Api, body: bytes, status: int = 201, media_type: str = "text/csv", **query: str
) -> Any:
    response = api.send(
        "POST",
        "/v1/imports",
        query_string=query,
        data=body,
        content_type=media_type,
    )
    assert response.status_code == status, response.text
    return response.get_json(force=True)


def apply(api: Api, import_id: str, *decisions: Mapping[str, Any], status: int = 200) -> Any:
    return api.post(f"/v1/imports/{import_id}/apply", {"decisions": decisions}, status)


def outcomes(result: Any) -> list[str]:
    return [row["outcome"] for row in result["rows"]]


def seq(conn: queries.Connection) -> int:
    return conn.execute("SELECT seq FROM ledger_head").fetchone().seq


def people(conn: queries.Connection) -> int:
    return conn.execute("SELECT count(*) AS n FROM detainees").fetchone().n


SEXES = (
    "'x' is not one of: female (f, fem, femenino, femenina, mujer, feminino, mulher), "
    "male (h, masc, masculino, hombre, homem), other (otro, otra, outro)."
)


def test_a_list_is_previewed_and_applied(api: Api, conn: queries.Connection) -> None:
    writer = api.scope("contribute")
    person = writer.detainee("Fermín Otero Valdivia", birth_date="1974-06-02", sex="male")
    rows = [
        {"name": "Fermín Otero Valdivia", "birth_date": "1974-06-02", "sex": "m"},
        {"name": "Otero Valdivia, Fermin", "birth_date": "1974-06-02", "sex": "m"},
        {"name": "Yusmery Génesis Ozores", "birth_date": "1990-01-31", "sex": "f"},
        {"name": "YUSMERY GENESIS OZORES", "birth_date": "1990-01-31", "sex": ""},
        {"name": "Wilmer Quintanar Bracho", "birth_date": "31/01/1980", "sex": "x"},
        {"name": "Nelson Sanoja", "birth_date": "", "sex": ""},
    ]
    before = seq(conn)
    result = preview(writer, table(rows))
    assert outcomes(result) == ["same", "same", "new", "same", "invalid", "new"]
    assert result["rows"][0]["detainee_id"] == person
    assert result["rows"][3]["same_as_row"] == 3
    assert result["rows"][4]["errors"] == [{"column": "sex", "pointer": None, "detail": SEXES}]
    assert seq(conn) == before
    assert people(conn) == 1
    problem = apply(writer, result["id"], status=422)
    assert [error["pointer"] for error in problem["errors"]] == ["/rows/5"]
    skips = [{"row": row, "decision": "skip"} for row in (5, 6)]
    applied = apply(writer, result["id"], *skips)
    assert applied["state"] == "applied"
    assert people(conn) == 2
    assert seq(conn) == before + 1
    repeated = preview(writer, table(rows))
    assert outcomes(repeated) == [*["same"] * 4, "invalid", "new"]
    before = seq(conn)
    apply(writer, repeated["id"], *skips)
    assert seq(conn) == before


# The lists of two organisations with many people in common.

GIVEN_NAMES = (
    *("Belisario José", "Yusmery Carolina", "Fermín Antonio", "Génesis María", "Wilmer Rafael"),
    *("Rosalba Inés", "Eleazar Tomás", "Milagros Beatriz", "Nelson Enrique", "Oriana Sofía"),
)
SURNAMES = (
    *("Quintanar", "Ozores", "Urdaneta", "Bracho", "Colmenares", "Zambrano", "Chacón", "Rondón"),
    *("Villalobos", "Machado", "Otero", "Valdivia", "Sanoja", "Tovar", "Arráiz", "Guédez"),
)


def invented_person(number: int) -> dict[str, str]:
    """Return the invented person of a number."""
    first = SURNAMES[number % len(SURNAMES)]
    second = SURNAMES[(number * 7 + number // len(SURNAMES) + 3) % len(SURNAMES)]
    return {
        "given": GIVEN_NAMES[number % len(GIVEN_NAMES)],
        "first": first,
        "second": second if second != first else "Uslar",
        "born": f"{1950 + number * 11 % 50}-{1 + number * 5 % 12:02}-{1 + number * 13 % 28:02}",
        "sex": "f" if number % len(GIVEN_NAMES) in (1, 3, 5, 7, 9) else "m",
    }


def respelled_name(person: Mapping[str, str], number: int) -> str:
    """Return the name of a person in the spelling of another organisation."""
    given, first, second = person["given"], person["first"], person["second"]
    misspelled = first[:2] + first[3] + first[2] + first[4:]
    return [
        f"{first} {second}, {given}".upper(),
        f"{given.split()[0]} {first} {second}",
        f"{given} {first}",
        f"{given.split()[0]} {given.split()[1][0]}. {first} {second}",
        f"Dr. {given} {misspelled} {second}",
        names_without_accents(f"{given} {first} {second}").lower(),
    ][number % 6]


def names_without_accents(text: str) -> str:
    return text.translate(str.maketrans("áéíóú", "aeiou"))


def test_two_lists_of_the_same_people(api: Api, conn: queries.Connection) -> None:
    """Lists of 200 and of 180 people have 120 in common, with other spellings."""
    writer = api.scope("contribute")
    everyone = [invented_person(number) for number in range(260)]
    first_list = [
        {"Nombres": p["given"], "Apellidos": f"{p['first']} {p['second']}", "Sexo": p["sex"]}
        | {"Fecha de nacimiento": p["born"]}
        for p in everyone[:200]
    ]
    # The second list has a birth date, a birth year or neither.
    second_list = [
        {
            "name": respelled_name(p, n) if n < 200 else f"{p['given']} {p['first']} {p['second']}",
            "birth_date": ["", p["born"], p["born"][:4]][n % 3],
            "nationality": "Venezolana",
        }
        for n, p in enumerate(everyone)
        if n >= 80
    ]
    assert (len(first_list), len(second_list)) == (200, 180)
    numbers: dict[str, int] = {}

    def decision_on(row: Mapping[str, Any], number: int) -> Mapping[str, Any]:
        """Return the correct decision on a row."""
        for candidate in row["candidates"]:
            if numbers.get(candidate["detainee_id"] or f"row {candidate['row']}") == number:
                person = {name: candidate[name] for name in ("detainee_id",) if candidate[name]}
                return {"row": row["row"], "decision": "same", **person}
        return {"row": row["row"], "decision": "new"}

    for first_number, body in ((0, table(first_list, ";")), (80, table(second_list))):
        numbers |= {f"row {row}": first_number + row - 1 for row in range(1, 201)}
        result = preview(writer, body)
        count = 200 if first_number == 0 else 180
        assert sum(result["totals"].values()) == len(result["rows"]) == count
        for row in result["rows"]:
            person = row["detainee_id"] or (row["same_as_row"] and f"row {row['same_as_row']}")
            assert person is None or numbers[person] == first_number + row["row"] - 1, row
        undecided = [row for row in result["rows"] if row["outcome"] == "possible_duplicate"]
        decisions = [decision_on(row, first_number + row["row"] - 1) for row in undecided]
        applied = apply(writer, result["id"], *decisions)
        for row in applied["rows"]:
            numbers[row["detainee_id"]] = first_number + row["row"] - 1
        assert outcomes(preview(writer, body)) == ["same"] * len(result["rows"])
    assert people(conn) == 260
    recorded = [numbers[str(row.id)] for row in conn.execute("SELECT id FROM detainees")]
    assert sorted(recorded) == list(range(260))
    items = api.get("/v1/detainees", q=respelled_name(everyone[86], 86))["items"]
    assert 86 in {numbers[item["id"]] for item in items}


# Columns and cells.


def row_of(api: Api, body: bytes, number: int = 0, **query: str) -> Any:
    return preview(api.scope("contribute"), body, **query)["rows"][number]


def test_spanish_columns_and_informal_cells_are_read(api: Api) -> None:
    facility = api.scope("edit").post(
        "/v1/facilities", {"name": "Rodeo I", "aliases": ["El Rodeo Uno"], "country": "VE"}
    )["id"]
    text = (
        "\ufeffNOMBRE;Apellidos;Alias;Género;Fecha_de_Nacimiento;Nacionalidad;Ocupación;"
        "Cárcel;Fecha de detención;Organismo;Delitos;Paradero;id:foro-penal;Grupo de edad\r\n"
        '"José ""Pepe"" Gregorio";Ñáñez Guerra;Goyo Ñáñez|Goyo;masculino;31-12-1974;'
        'venezolana, España;Abogado;el rodeo uno;02/2024;SEBIN;"Uno;\r\nDos";conocido;FP-77;'
        "adulto\r\n"
    ).replace("02/2024", "2024-02")
    writer = api.scope("contribute")
    result = preview(writer, text.encode())
    assert result["totals"]["new"] == 1, result
    applied = apply(writer, result["id"])
    person = api.get(f"/v1/detainees/{applied['rows'][0]['detainee_id']}")
    assert {name: person[name] for name in person if name not in GENERATED} == {
        "name": 'José "Pepe" Gregorio Ñáñez Guerra',
        "aliases": ["Goyo Ñáñez", "Goyo"],
        "sex": "male",
        "birth_date": "1974-12-31",
        "age_group": "adult",
        "nationalities": ["VE", "ES"],
        "occupation": "Abogado",
        "external_ids": [{"scheme": "foro-penal", "value": "FP-77"}],
        "custody": "detained",
        "is_named": True,
        "withheld": False,
    }
    detention = person["detention"]
    assert detention.pop("id")
    assert detention == {
        "facility_id": facility,
        "detained_on": "2024-02",
        "authority": "SEBIN",
        "charges": "Uno;\nDos",
        "whereabouts": "known",
    }


GENERATED = {"id", "detention", "created_at", "updated_at"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_detected_in_the_header(api: Api, delimiter: str) -> None:
    body = table([{"name": "Ana Prueba", "alias": "Ana, Anita"}], delimiter)
    assert row_of(api, body)["outcome"] == "new"


def test_a_mapping_names_other_columns(api: Api) -> None:
    body = table([{"Nº": "1", "Preso": "Ana Prueba", "DDN": "1974-06-02", "Ficha": "X-1"}])
    mapping = {"Nº": None, "Preso": "name", "DDN": "birth_date", "Ficha": "id:fichas"}
    writer = api.scope("contribute")
    result = preview(writer, body, mapping=json.dumps(mapping))
    person = apply(writer, result["id"])["rows"][0]["detainee_id"]
    assert api.get(f"/v1/detainees/{person}")["external_ids"] == [
        {"scheme": "fichas", "value": "X-1"}
    ]
    for invalid, pointer in (
        ("[]", "/mapping"),
        ("{", "/mapping"),
        ('{"a": null, "a": null}', "/mapping"),
        ('{"Preso": "nombre"}', "/mapping/Preso"),
        ('{"Preso": 1}', "/mapping/Preso"),
        (
            '{"Otra": "name", "Preso": "name", "Nº": null, "DDN": null, "Ficha": null}',
            "/mapping/Otra",
        ),
    ):
        problem = preview(writer, body, 422, mapping=invalid)
        assert [error["pointer"] for error in problem["errors"]] == [pointer], invalid


@pytest.mark.parametrize(
    ("order", "expected"), [("day_first", "1974-04-03"), ("month_first", "1974-03-04")]
)
def test_an_ambiguous_date_is_an_error(api: Api, order: str, expected: str) -> None:
    body = table([{"name": "Ana Prueba", "birth_date": "03/04/1974"}])
    error = row_of(api, body)["errors"][0]
    assert error["column"] == "birth_date"
    assert "1974-04-03 or 1974-03-04" in error["detail"]
    writer = api.scope("contribute")
    result = preview(writer, body, date_order=order)
    person = apply(writer, result["id"])["rows"][0]["detainee_id"]
    assert api.get(f"/v1/detainees/{person}")["birth_date"] == expected


# Invalid rows: the cells, and the column and a part of each error.
INVALID_ROWS: Mapping[str, tuple[Mapping[str, str], Sequence[tuple[str | None, str]]]] = {
    "no name": ({"sex": "f"}, [("name", "is missing")]),
    "a name with a control character": ({"name": "Ana\x07Prueba"}, [("name", "right form")]),
    "a name with two lines": (
        {"name": "Ana\nPrueba"},
        [("name", "'Ana\\nPrueba' has a line break. Write it on one line.")],
    ),
    "a name with a tab": (
        {"name": "Ana\tPrueba"},
        [("name", "'Ana\\tPrueba' has a tab. Replace it with a space.")],
    ),
    "a name with a line separator": (
        {"name": "Ana\u2028Prueba"},
        [("name", "has a line break. Write it on one line.")],
    ),
    "a name with an invisible character": (
        {"name": "\u200fمحمد"},
        [("name", "has the invisible character U+200F. Remove it.")],
    ),
    "a name with two invisible characters, and a joiner, which a name may have": (
        {"name": "\u202bمحمد\u200cعلی\u202c"},
        [("name", "has the invisible characters U+202B, U+202C. Remove them.")],
    ),
    "a month that does not exist": (
        {"name": "Ana", "birth_date": "1974-13"},
        [("birth_date", "'1974-13' is not a date")],
    ),
    "a NUL": ({"name": "Ana\0"}, [("name", "NUL")]),
    "a long name": ({"name": "a" * 201}, [("name", "1 to 200")]),
    "an unknown sex": ({"name": "Ana", "sex": "x"}, [("sex", "'x' is not one of")]),
    "M beside F and H": ({"name": "Ana", "sex": "M"}, [("sex", "send `sex_letters`")]),
    "a pseudonym": ({"name": "Person 7F3K2Q"}, [("name", "pseudonym of a hidden person")]),
    "a respelled pseudonym": ({"name": "PERSON  7f3k2q"}, [("name", "pseudonym")]),
    "a pseudonym in Spanish": ({"name": "Persona 7F3K2Q"}, [("name", "pseudonym")]),
    "a pseudonym as alias": (
        {"name": "Ana", "aliases": "Anita; person-7f3k2q"},
        [("aliases", "'person-7f3k2q' is the pseudonym of a hidden person: leave it out")],
    ),
    "the age of a minor, born as an adult": (
        {"name": "Ana", "age": "17", "birth_date": "1990-05-01"},
        [("age", "17 is the age of a minor, and a person born on 1990-05-01 is an adult")],
    ),
    "an age in months, of a minor": (
        {"name": "Ana", "age": "8 meses"},
        [("age", "'8 meses' is no age: write whole years, such as 34, or the age group instead.")],
    ),
    "an impossible day": (
        {"name": "Ana", "birth_date": "1974-02-30"},
        [("birth_date", "Must be a day")],
    ),
    "month 13": (
        {"name": "Ana", "birth_date": "13/14/1974"},
        [("birth_date", "no month 13: write")],
    ),
    "a total": ({"name": "Total: 53"}, [("name", "'Total: 53' names nobody: write")]),
    "a note": (
        {"name": "Fuente: familiares"},
        [("name", "'Fuente: familiares' is not the name of one person: write")],
    ),
    "several people": (
        {"name": "Hnos. Pérez (2)"},
        [("name", "'Hnos. Pérez (2)' is not the name of one person: write")],
    ),
    "a minor by the name": (
        {"name": "Ana Ruiz (menor de edad)", "age": "34"},
        [("name", "'Ana Ruiz (menor de edad)' says that the person is a minor: write the name")],
    ),
    "perhaps a minor by the name": (
        {"name": "Niña Ana Ruiz"},
        [("name", "'Niña Ana Ruiz' may say that the person is a minor: write minor or adult")],
    ),
    "an unknown age group": (
        {"name": "Ana", "age_group": "x"},
        [("age_group", "minor (menor, menor de edad, adolescente, niño, niña)")],
    ),
    "a year of two digits": (
        {"name": "Ana", "birth_date": "3/4/74"},
        [("birth_date", "'3/4/74' has a year of two digits")],
    ),
    "born in the future": ({"name": "Ana", "birth_date": "2999-01-01"}, [("birth_date", "future")]),
    "a minor listed as adult": (
        {"name": "Ana", "birth_date": "2020-01-31", "age_group": "adult"},
        [("age_group", "must be minor: the birth date 2020-01-31")],
    ),
    "a minor without an age group": (
        {"name": "Ana", "birth_date": "2020-01-31"},
        [("birth_date", "The age group must be minor: the birth date 2020-01-31")],
    ),
    "a year of birth of a minor": (
        {"name": "Ana", "birth_year": "2020"},
        [("birth_year", "The age group must be minor: the birth date 2020 is less than 18")],
    ),
    "a month of birth of a minor": (
        {"name": "Ana", "birth_date": "2020-03", "age_group": "adult"},
        [("age_group", "must be minor: the birth date 2020-03 is")],
    ),
    "a year of birth in the future": (
        {"name": "Ana", "birth_year": "2999"},
        [("birth_year", "2999 is in the future")],
    ),
    "two years of birth": (
        {"name": "Ana", "birth_date": "1974-06-02", "birth_year": "2020"},
        [("birth_year", "'2020' contradicts the birth date 1974-06-02: correct one")],
    ),
    "a minor of an adult's age group": (
        {"name": "Ana", "age": "17 años", "age_group": "adult"},
        [("age", "17 is the age of a minor, and the age group is adult: correct one")],
    ),
    "an age in months": ({"name": "Ana", "age": "8 meses"}, [("age", "write whole years")]),
    "an age over 120": ({"name": "Ana", "age": "121"}, [("age", "'121' is no age")]),
    "a birth year of two digits": (
        {"name": "Ana", "birth_year": "74"},
        [("birth_year", "'74' is not a year")],
    ),
    "an unknown country": (
        {"name": "Ana", "nationality": "VE; Marte"},
        [("nationality", "'Marte'")],
    ),
    "a long name of a facility": (
        {"name": "Ana", "facility": "a" * 201},
        [("facility", "1 to 200")],
    ),
    "an unknown facility id": (
        {"name": "Ana", "facility": "019b9f3e-0000-4000-8000-000000000000"},
        [("facility", "no facility with the id")],
    ),
    "detained in the future": ({"name": "Ana", "detained_on": "2999"}, [("detained_on", "future")]),
    "detained on an impossible day": (
        {"name": "Ana", "detained_on": "2023-02-29"},
        [("detained_on", "'2023-02-29' is not a day of the calendar")],
    ),
    "detained on an impossible day in another form": (
        {"name": "Ana", "detained_on": "30/02/2024"},
        [("detained_on", "'30/02/2024' is not a day of the calendar")],
    ),
    "detained on day 0": (
        {"name": "Ana", "detained_on": "00/02/2024"},
        [("detained_on", "'00/02/2024' is not a day of the calendar")],
    ),
    "detained on a day or in a month": (
        {"name": "Ana", "detained_on": "Martes 24"},
        [("detained_on", "'Martes 24' may be a day of a month or a month of a year: write")],
    ),
    "an invalid external id": (
        {"name": "Ana", "id:registro": "\x07"},
        [("id:registro", "right form")],
    ),
    "an invalid id": ({"name": "Ana", "id": "7"}, [("id", "map the column to null in `mapping`")]),
    "released without a source": (
        {"name": "Ana", "released_on": "2026-01-08"},
        [("released_on", "Needs a source")],
    ),
    "invalid external ids": ({"name": "Ana", "external_ids": "7"}, [("external_ids", "array")]),
    "invalid aliases": ({"name": "Ana", "aliases": "[1"}, [("aliases", "array")]),
    "several errors": (
        {"name": "Ana", "sex": "x", "birth_date": "x", "nationality": "x", "detained_on": "x"},
        [
            ("birth_date", "'x' is not a date"),
            ("detained_on", "'x' is not a date"),
            ("nationality", "'x' is not a known country"),
            ("sex", "'x' is not one of"),
        ],
    ),
}


def test_every_error_of_a_row_has_row_and_column(api: Api, conn: queries.Connection) -> None:
    editor = api.scope("edit")
    editor.post("/v1/facilities", {"name": "Rodeo I", "country": "VE"})
    rows = [
        {"name": "Ana Prueba", **dict.fromkeys(("sex",), "f")},
        *(invalid[0] for invalid in INVALID_ROWS.values()),
        {"name": "Nelson Sanoja", "sex": "H"},
    ]
    before = seq(conn)
    result = preview(editor, table(rows))
    assert result["rows"][0]["outcome"] == "new"
    assert result["totals"]["invalid"] == len(INVALID_ROWS)
    for number, (name, (_, expected)) in enumerate(INVALID_ROWS.items(), 2):
        row = result["rows"][number - 1]
        assert (row["row"], row["outcome"]) == (number, "invalid"), name
        errors = sorted(row["errors"], key=lambda error: error["column"] or "")
        assert [error["column"] for error in errors] == [column for column, _ in expected], name
        for error, (_, detail) in zip(errors, expected, strict=True):
            assert detail in error["detail"], name
    problem = apply(editor, result["id"], status=422)
    assert len(problem["errors"]) == len(INVALID_ROWS)
    decisions = [{"row": row, "decision": "new"} for row in range(2, len(rows))]
    assert len(apply(editor, result["id"], *decisions, status=422)["errors"]) == len(INVALID_ROWS)
    assert seq(conn) == before
    skips = [{**decision, "decision": "skip"} for decision in decisions]
    apply(editor, result["id"], *skips)
    assert people(conn) == 2


@pytest.mark.parametrize(
    ("row", "detail"),
    [
        (b"Ana,f,x", "Has 3 cells, but the header has 2:"),
        (b"Ana", "Has 1 cells, but the header has 2: Excel leaves out empty cells"),
        (b'"Ana" Prueba,f', "Is not a row of CSV"),
        (b"Ana " + b"x" * 140_000 + b",f", "Is not a row of CSV"),
    ],
)
def test_a_malformed_row_is_one_error(api: Api, row: bytes, detail: str) -> None:
    result = preview(api.scope("contribute"), b"name,sex\r\n" + row + b"\r\nEva Prueba,f\r\n")
    assert outcomes(result) == ["invalid", "new"]
    (error,) = result["rows"][0]["errors"]
    assert error["column"] is None
    assert error["detail"].startswith(detail)


def test_a_nul_in_the_name_of_a_column_is_replaced(api: Api) -> None:
    body = b'{"name": "Ana Prueba", "a\\u0000b": "1"}\n{"name\\u0000": "TOTAL"}'
    result = preview(api.scope("contribute"), body, media_type=NDJSON)
    assert [[error["column"] for error in row["errors"]] for row in result["rows"]] == [
        ["a\ufffdb"],
        ["name\ufffd"],
    ]


def test_a_column_without_a_name_must_be_empty(api: Api) -> None:
    """Spreadsheets add empty columns, perhaps not to the header."""
    body = b"name,sex,,\r\nAna Prueba,f,,\r\nRosa Prueba,f,,,,\r\nEva Prueba,f,,note\r\n"
    result = preview(api.scope("contribute"), body)
    assert outcomes(result) == ["new", "new", "invalid"]
    (error,) = result["rows"][2]["errors"]
    assert error["detail"].startswith("Column 4 has the value 'note' and no name.")
    result = preview(api.scope("contribute"), b",name\r\nV-1,Ana Prueba\r\n,Eva Prueba\r\n")
    assert outcomes(result) == ["invalid", "new"]
    (error,) = result["rows"][0]["errors"]
    assert error["detail"].startswith("Column 1 has the value 'V-1' and no name.")


def test_a_broken_cell_among_utf_8_is_an_error(api: Api) -> None:
    body = "name,occupation\nAna Prueba,Médica\nRocío Ñáñez,\n".encode("latin-1")
    body += "Belén Páez,Médica\n".encode()
    result = preview(api.scope("contribute"), body)
    assert [[error["column"] for error in row["errors"]] for row in result["rows"]] == [
        ["occupation"],
        ["name"],
        [],
    ]
    detail = result["rows"][0]["errors"][0]["detail"]
    assert detail == "Is not UTF-8: save the list in UTF-8. The cell has 'M\ufffddica'."


@pytest.mark.parametrize(
    ("body", "places"),
    [
        (b"", ["/header"]),
        (b"\xef\xbb\xbf", ["/header"]),
        (b"sex,birth_date\nf,1974\n", ["/header"]),
        (b"name,shoe size,ojos\n", ["/header/shoe size", "/header/ojos"]),
        (b"name,nombre,sex,Sexo\n", ["/header/nombre", "/header/Sexo"]),
        (b"name,name\n", ["/header/name"]),
        (b"name,a/b\n", ["/header/a~1b"]),
        (b'"name"x,sex\n', ["/header"]),
        ("nimi,ocupaçao\n".encode("latin-1"), ["/header"]),
        ("name,ñ\n".encode() + b"\xf1", ["/header/ñ"]),
        ("ñ,name\xf1\n".encode("latin-1").replace(b"\xf1", "ñ".encode(), 1), ["/header"]),
        (b'name,sex\nAna,f\n"Eva,f\nRosa,f\n', ["/2"]),
        (b"PK\x03\x04\x00\x00", ["/header"]),
    ],
)
def test_malformed_lists_are_refused(api: Api, body: bytes, places: list[str]) -> None:
    problem = preview(api.scope("contribute"), body, 422)
    assert [error["pointer"] for error in problem["errors"]] == places


def test_a_repeated_column_is_renamed_or_mapped(api: Api) -> None:
    problem = preview(api.scope("contribute"), b"name,nota,nota,notas\n", 422)
    assert [error["detail"] for error in problem["errors"]] == [
        "Is the same field as the column 'nota': rename one of them.",
        "Is the same field as the column 'nota': map one of them to null.",
    ]


def test_a_list_without_a_header_is_refused_with_a_remedy(api: Api) -> None:
    writer = api.scope("contribute")
    for body, texts in (
        (b"Juan Perez,f\nAna Prueba,f\n", ("the first has 'Juan Perez', 'f'", "`mapping`")),
        (b"<!DOCTYPE html>\n<p>Juan Perez</p>\n", ("HTML", "'<!DOCTYPE html>'", "as CSV")),
    ):
        (error,) = preview(writer, body, 422)["errors"]
        assert error["pointer"] == "/header"
        assert all(text in error["detail"] for text in texts), error


def test_ndjson_keys_are_column_names(api: Api) -> None:
    lines = [
        {"nombre": "Ana Prueba", "nacionalidad": ["VE", "ES"], "aliases": ["Anita", "La Ana"]},
        {"name": "Eva Prueba", "detention": {"detained_on": "2024", "authority": None}},
        {"name": "Rosa Prueba", "shoe size": 40},
        {"name": ["Luz"]},
        [],
        {"name": "Luz", "nombre": "Luz"},
    ]
    body = "\n".join(map(json.dumps, lines)) + '\n{"name": 1, "name": 2}\n{"name": \n\n"x"\n'
    content = body.encode() + b'{"name": "\xff"}\n' + b"[" * 1100 + b"]" * 1100
    result = preview(api.scope("contribute"), content, media_type="application/x-ndjson")
    assert outcomes(result) == ["new", "new", *["invalid"] * 9]
    assert [row["row"] for row in result["rows"]] == [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12]
    assert [row["errors"][0]["column"] for row in result["rows"][2:]] == [
        *("shoe size", "name", None, "nombre", None, None, None, None, None)
    ]
    # The number of the row is that of its line in the list.
    assert [row["errors"][0]["detail"] for row in result["rows"][7:]] == [
        "The line is not JSON, at column 10: correct it there.",
        'Must be an object, such as {"name": "Ana"}.',
        "The line is not UTF-8, at column 11 (byte 0xFF): send it in UTF-8, without a byte order "
        "mark.",
        "The line is nested too deeply: send fewer levels.",
    ]


def test_lists_written_by_this_service_can_be_imported(api: Api, conn: queries.Connection) -> None:
    writer = api.scope("contribute")
    person = writer.detainee(
        "=Ana Prueba",
        aliases=["'Abd Prueba", "-Anita", "Una, dos; tres|cuatro"],
        occupation="@home",
        birth_date="1974-06-02",
        nationalities=["VE", "ES"],
        external_ids=[{"scheme": "registro", "value": "+7"}],
    )
    writer.detention(person, detained_on="2024-02", charges="+Uno\n-dos")
    other = writer.detainee("'Omar Prueba")
    before = seq(conn)
    for format, media_type in (("csv", "text/csv"), ("ndjson", "application/x-ndjson")):
        body = api.send("GET", "/v1/detainees", query_string={"format": format}).get_data()
        result = preview(writer, body, media_type=media_type)
        assert outcomes(result) == ["same", "same"], result
        filtered = api.send("GET", "/v1/detainees", query_string={"format": format, "q": "Omar"})
        assert outcomes(preview(writer, filtered.get_data(), media_type=media_type)) == ["same"]
        assert {row["detainee_id"] for row in result["rows"]} == {person, other}
        apply(writer, result["id"])
    for true, false in (("TRUE", "FALSE"), ("VERDADERO", "FALSO")):
        body = api.send("GET", "/v1/detainees", query_string={"format": "csv"}).get_data()
        saved = body.replace(b",true,", b",%b," % true.encode())
        saved = saved.replace(b",false,", b",%b," % false.encode())
        assert outcomes(preview(writer, saved)) == ["same", "same"]
    assert seq(conn) == before
    result = preview(writer, b"name\n'Abd al-Karim\n")
    (row,) = apply(writer, result["id"])["rows"]
    assert api.get(f"/v1/detainees/{row['detainee_id']}")["name"] == "'Abd al-Karim"


# Attestations.


def attested_by(source: str, **parameters: str) -> dict[str, str]:
    return {
        "source_id": source,
        "published_at": "2026-01-09T12:00:00Z",
        "basis": "first_hand",
        **parameters,
    }


def test_rows_of_a_full_release_event_are_invalid(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attestations, "MAX_LIVE", 2)
    editor = api.scope("edit")
    person = editor.detainee("Fermín Otero Valdivia")
    editor.detention(person, detained_on="2024-02")
    event = editor.event(person, "2026-01-08")
    editor.attest(event, editor.source("Puertas"), "2026-01-09T10:00:00Z")
    source = editor.source("Casa Abierta")
    rows = [
        {"id": person, "name": "Fermín Otero Valdivia", "soltado": "2026-01-08", "hora": hora}
        for hora in ("2026-01-09T12:00:00Z", "2026-01-09T12:00:01Z")
    ]
    mapping = json.dumps({"soltado": "released_on", "hora": "published_at"})
    query = attested_by(source, mapping=mapping)
    # The first row adds the last attestation that the event can have.
    result = preview(editor, table(rows), **query)
    assert outcomes(result) == ["changed", "invalid"]
    (error,) = result["rows"][1]["errors"]
    assert error["column"] == "soltado"
    assert "2,000 attestations" in error["detail"]
    assert (result["attestations"], result["rows"][1]["changes"]) == (1, [])
    apply(editor, result["id"], {"row": 2, "decision": "skip"})
    again = preview(editor, table(rows), **query)
    assert outcomes(again) == ["same", "invalid"]
    # By a decision: the preview foresees no attestation for a row that may be somebody else.
    doubtful = [{**rows[1], "id": "", "name": "Otero Fermín"}]
    result = preview(editor, table(doubtful), **query)
    assert outcomes(result) == ["possible_duplicate"]
    problem = apply(editor, result["id"], {"row": 1, "decision": "same"}, status=422)
    assert [error["pointer"] for error in problem["errors"]] == ["/rows/1"]
    assert "2,000 attestations" in problem["errors"][0]["detail"]


def test_released_people_are_attested_by_the_source(api: Api, conn: queries.Connection) -> None:
    editor = api.scope("edit")
    first, second = editor.source("Casa Abierta"), editor.source("Puertas")
    ids = [editor.detainee(f"{name} Otero Valdivia") for name in ("Fermín", "Tomás", "Eleazar")]
    for person in ids:
        editor.detention(person, detained_on="2024-02")
    reported = editor.event(ids[0], "2026-01-08")
    editor.attest(reported, first, "2026-01-09T10:00:00Z")
    confirmed = editor.event(ids[1], "2026-01-08")
    for source in (first, second):
        editor.attest(confirmed, source, "2026-01-09T12:00:00Z")
    cells = [{"id": person} for person in ids]
    released_on = "excarcelado el"
    rows = [
        {"name": "Fermín Otero Valdivia", **cells[0], released_on: "2026-01-10"},
        {"name": "Tomás Otero Valdivia", **cells[1], released_on: "2026-01-08"},
        {"name": "Eleazar Otero Valdivia", **cells[2], released_on: "2026-01-08"}
        | {"Tipo de excarcelación": "medidas cautelares", "Observaciones": "En la puerta."}
        | {"enlace": "https://a.example/1", "publicado": "2026-01-10T00:00:00-04:00"},
        {"name": "Yusmery Quintanar", "fecha de detención": "2025", released_on: "08/01/2026"},
        {"name": "Génesis Bracho", released_on: "2026-01-08"},
        {"name": "Oriana Tovar", "fecha de detención": "2026-01-09", released_on: "2026-01-08"},
        {"name": "Milagros Arráiz", released_on: "2999-01-08"},
        {"name": "Nelson Guédez", "publicado": "2999-01-01T00:00:00Z", released_on: "2026-01-08"},
        {"name": "Nelson Sanoja", "Observaciones": "Sigue preso."},
    ]
    query = attested_by(second, date_order="day_first")
    result = preview(editor, table(rows), **query)
    assert outcomes(result) == [
        *("changed", "same", "changed", "new", "new", "invalid", "invalid", "invalid", "new")
    ]
    assert result["rows"][0]["changes"] == ["attestation"]
    assert result["rows"][2]["changes"] == ["release_event", "attestation"]
    assert [row["errors"][0]["column"] for row in result["rows"][5:8]] == [
        released_on,
        released_on,
        "publicado",
    ]
    assert result["flips"] == [
        {"row": 1, "release_event_id": reported, "from": "reported", "to": "confirmed"},
        *(
            {"row": row, "release_event_id": None, "from": "unverified", "to": "reported"}
            for row in (3, 4, 5)
        ),
    ]
    assert (result["people"], result["release_events"], result["attestations"]) == (3, 3, 4)
    assert api.get("/v1/counts")["confirmed"] == 1
    skips = [{"row": row, "decision": "skip"} for row in (6, 7, 8)]
    apply(editor, result["id"], *skips)
    counts = api.get("/v1/counts")
    assert (counts["confirmed"], counts["reported"]) == (2, 3)
    (event,) = api.get("/v1/release-events", detainee_id=ids[2])["items"]
    (attestation,) = api.get("/v1/attestations", release_event_id=event["id"])["items"]
    properties = ("source_id", "evidence", "release_kind", "note")
    assert {name: attestation[name] for name in properties} == {
        "source_id": second,
        "evidence": "list",
        "release_kind": "conditional",
        "note": "En la puerta.",
    }
    assert attestation["published_at"] == "2026-01-10T04:00:00Z"
    assert attestation["url"] == "https://a.example/1"
    for row in conn.execute("SELECT id FROM release_events").fetchall():
        check_verdicts(conn, row.id)
    assert_statuses_are_recounted(conn, Ledger(conn).record(datetime.now(UTC)))
    before = seq(conn)
    repeated = preview(editor, table(rows), **query)
    assert repeated["totals"] == {
        **{"new": 0, "same": 6, "possible_duplicate": 0, "changed": 0, "invalid": 3}
    }
    assert repeated["flips"] == []
    apply(editor, repeated["id"], *skips)
    assert seq(conn) == before


def test_a_person_listed_twice_is_released_once(api: Api, conn: queries.Connection) -> None:
    editor = api.scope("edit")
    recorded, other = {"name": "Fermín Otero Valdivia"}, {"name": "Yusmery Génesis Ozores"}
    for person in (recorded, other):
        person["birth_date"] = "1974-06-02"
    editor.detainee(**recorded)
    days = ("", "2026-01-08", "2026-01-09", "2026-01-08")
    rows = [{**person, "released_on": day} for day in days for person in (recorded, other)]
    attested = attested_by(editor.source("Casa Abierta"))
    for expected in ((1, 2, 2), (0, 0, 0)):
        result = preview(editor, table(rows), **attested)
        foreseen = [result[name] for name in ("people", "release_events", "attestations")]
        assert tuple(foreseen) == expected
        assert [flip["row"] for flip in result["flips"]] == [3, 4][: expected[1]]
        apply(editor, result["id"])
        counts = (
            "SELECT count(*) AS n FROM release_events UNION ALL SELECT count(*) FROM attestations"
        )
        assert [row.n for row in conn.execute(counts)] == [2, 2]


def test_a_list_does_not_confirm_a_release_before_its_day(api: Api) -> None:
    """A row names the day, and the recorded release event within three days of it another one."""
    editor = api.scope("edit")
    source = editor.source("Casa Abierta")
    ids = [editor.detainee("Fermín Otero Valdivia"), editor.detainee("Génesis Bracho")]
    for person in ids:
        editor.detention(person, detained_on="2024")
        editor.event(person, "2026-01-12")
    released_on = "2026-01-10"
    rows = [
        {"name": "Yusmery Quintanar", "id": "", "released_on": "2026-01-11"},
        {"name": "Fermín Otero Valdivia", "id": ids[0], "released_on": released_on},
        {"name": "Génesis Bracho", "id": "", "released_on": released_on},
        {"name": "Oriana Tovar", "id": "", "released_on": released_on},
    ]
    query = attested_by(source, published_at="2026-01-10T08:00:00Z")
    result = preview(editor, table(rows), **query)
    assert outcomes(result) == ["invalid", "invalid", "possible_duplicate", "new"]
    for row, day in zip(result["rows"][:2], ("2026-01-11", "2026-01-12"), strict=True):
        (error,) = row["errors"]
        assert (
            "2026-01-10T08:00:00Z is earlier than the day of the release, " + day in error["detail"]
        )
    skips = [{"row": row, "decision": "skip"} for row in (1, 2)]
    same = {"row": 3, "decision": "same", "detainee_id": ids[1]}
    problem = apply(editor, result["id"], *skips, same, status=422)
    assert problem["type"] == "/problems/published-before-release"
    assert [error["pointer"] for error in problem["errors"]] == ["/rows/3"]
    apply(editor, result["id"], *skips, {"row": 3, "decision": "new"})


def test_a_list_that_relays_a_source_does_not_confirm_it(api: Api) -> None:
    editor = api.scope("edit")
    origin, paper = editor.source("Casa Abierta"), editor.source("El Correo")
    person = editor.detainee("Fermín Otero Valdivia")
    editor.detention(person)
    event = editor.event(person, "2026-01-08")
    editor.attest(event, origin, "2026-01-09T10:00:00Z")
    body = table([{"name": "Fermín Otero Valdivia", "id": person, "released_on": "2026-01-08"}])
    query = attested_by(paper, basis="relayed", relayed_source_id=origin, evidence="report")
    result = preview(editor, body, **query)
    assert (result["attestations"], result["flips"]) == (1, [])
    apply(editor, result["id"])
    result = api.get(f"/v1/release-events/{event}/verification")
    assert (result["status"], result["independent_sources"]) == ("reported", 1)


def test_foreseen_statuses_consider_affiliations(api: Api) -> None:
    editor = api.scope("edit")
    owner, paper = editor.source("Casa Abierta"), editor.source("El Correo")
    person = editor.detainee("Fermín Otero Valdivia")
    editor.detention(person)
    # The day of the row is within three days of both, and nearer to the second.
    _, event = (editor.event(person, day) for day in ("2026-01-03", "2026-01-08"))
    editor.attest(event, owner, "2026-01-09T10:00:00Z")
    body = table([{"name": "Fermín Otero Valdivia", "id": person, "released_on": "2026-01-06"}])
    result = preview(editor, body, **attested_by(paper))
    assert [flip["to"] for flip in result["flips"]] == ["confirmed"]
    editor.affiliate(paper, owner)
    assert preview(editor, body, **attested_by(paper))["flips"] == []
    problem = apply(editor, result["id"], status=409)
    assert outdated_rows(problem) == ["/rows/1"]
    assert len(api.get("/v1/attestations", release_event_id=event)["items"]) == 1


def test_a_rearrested_person_gets_another_detention(api: Api) -> None:
    """Also if only the month is known, and it is that of the release."""
    editor = api.scope("edit")
    source = editor.source("Casa Abierta")
    person = editor.detainee("Fermín Otero Valdivia")
    editor.detention(person, detained_on="2024-02")
    editor.attest(editor.event(person, "2025-06-01"), source, "2025-06-02T00:00:00Z")
    person_cells = {"name": "Fermín Otero Valdivia", "id": person}
    rows = [
        {**person_cells, "detained_on": "2025-06", "authority": "Dos", "released_on": "2026-01-08"},
        {**person_cells, "detained_on": "2024", "authority": "Uno", "released_on": ""},
    ]
    result = preview(editor, table(rows), **attested_by(source))
    assert [row["changes"] for row in result["rows"]] == [
        ["detention", "release_event", "attestation"],
        ["detention.authority"],
    ]
    apply(editor, result["id"])
    detentions = api.get(f"/v1/detainees/{person}/detentions")["items"]
    detentions.sort(key=lambda detention: detention["detained_on"])
    assert [(detention["detained_on"], detention["authority"]) for detention in detentions] == [
        ("2024-02", "Uno"),
        ("2025-06", "Dos"),
    ]
    events = api.get("/v1/release-events", detainee_id=person)["items"]
    events.sort(key=lambda event: event["occurred_on"])
    assert [event["detention_id"] for event in events] == [
        detention["id"] for detention in detentions
    ]


@pytest.mark.parametrize(
    ("detained_on", "changes"),
    [
        ("2024", ["detention.detained_on"]),
        ("2025-06-01", ["detention.detained_on"]),
        ("2025-06-02", ["detention"]),
    ],
)
def test_a_detention_of_unknown_beginning_began_before_its_release(
    api: Api, detained_on: str, changes: list[str]
) -> None:
    editor = api.scope("edit")
    person = editor.detainee("Fermín Otero Valdivia")
    editor.detention(person)
    editor.event(person, "2025-06-01")
    row = {"name": "Fermín Otero Valdivia", "id": person, "detained_on": detained_on}
    assert preview(editor, table([row]))["rows"][0]["changes"] == changes


def test_a_row_of_an_earlier_detention_leaves_the_last_one(api: Api) -> None:
    """The person is held again: an older list must not release them from the new detention."""
    editor = api.scope("edit")
    source = editor.source("Casa Abierta")
    older = {"detained_on": "2024-02-09", "authority": "Uno", "released_on": "2024-05-01"}
    newer = {"detained_on": "2025-03-01", "authority": "Dos", "released_on": ""}
    for number, rows in enumerate(([newer, older], [older, newer], [newer], [older])):
        # The last two are of one person, recorded by the first of them.
        cells = {"name": ("Fermín Otero", "Nelson Sanoja", "Rosalba Guédez")[min(number, 2)]}
        cells |= {"birth_date": "1974-06-02"}
        result = preview(editor, table([{**cells, **row} for row in rows]), **attested_by(source))
        assert not {"invalid", "possible_duplicate"} & set(outcomes(result)), result
        person = apply(editor, result["id"])["rows"][0]["detainee_id"]
        if number != 2:
            detentions = api.get(f"/v1/detainees/{person}/detentions")["items"]
            assert sorted((d["detained_on"], d["authority"]) for d in detentions) == [
                ("2024-02-09", "Uno"),
                ("2025-03-01", "Dos"),
            ]
            assert api.get(f"/v1/detainees/{person}")["custody"] == "detained"
            assert set(
                outcomes(
                    preview(
                        editor, table([{**cells, **row} for row in rows]), **attested_by(source)
                    )
                )
            ) == {"same"}
    cells |= {"authority": "Tres", "detained_on": "", "released_on": "2024-05-01"}
    apply(editor, preview(editor, table([cells]), **attested_by(source))["id"])
    detentions = api.get(f"/v1/detainees/{person}/detentions")["items"]
    assert sorted(d["authority"] for d in detentions) == ["Dos", "Tres"]


@pytest.mark.parametrize(
    ("query", "slug", "pointers"),
    [
        ({"published_at": "2026-01-09T00:00:00Z"}, "validation-error", ["/published_at"]),
        ({"basis": "first_hand"}, "validation-error", ["/basis"]),
        ({"source_id": "$"}, "validation-error", ["/published_at", "/basis"]),
        ({"source_id": "$", "basis": "relayed"}, "validation-error", ["/published_at"]),
        (attested_by("$", basis="relayed"), "relayed-without-origin", ["/relayed_source_id"]),
        (attested_by("$", relayed_source_id="$"), "relayed-without-origin", ["/basis"]),
        (
            attested_by("019b9f3e-0000-4000-8000-000000000000"),
            "validation-error",
            ["/source_id"],
        ),
        (
            attested_by("$", published_at="2999-01-01T00:00:00Z"),
            "published-in-the-future",
            ["/published_at"],
        ),
    ],
)
def test_incomplete_attestation_parameters_are_refused(
    api: Api, query: Mapping[str, str], slug: str, pointers: list[str]
) -> None:
    editor = api.scope("edit")
    source = editor.source("Casa Abierta")
    query = {name: source if value == "$" else value for name, value in query.items()}
    problem = preview(editor, b"name\nAna Prueba\n", 422, **query)
    assert problem["type"] == f"/problems/{slug}"
    assert [error["pointer"] for error in problem["errors"]] == pointers


# Outdated previews, and access to them.

PAIR = [
    {"name": "Fermín Otero Valdivia", "birth_date": "1974-06-02"},
    {"name": "Yusmery Quintanar Ozores", "birth_date": "1990-01-31"},
]


def outdated_rows(problem: Any) -> list[str]:
    assert problem["type"] == "/problems/import-outdated", problem
    return [error["pointer"] for error in problem["errors"]]


def test_unrelated_writes_do_not_make_a_preview_outdated(
    api: Api, conn: queries.Connection
) -> None:
    editor = api.scope("edit")
    result = preview(editor, table(PAIR))
    source = editor.source("Casa Abierta")
    other = editor.detainee("Nelson Enrique Sanoja")
    editor.detention(other)
    editor.attest(editor.event(other, "2026-01-08"), source, "2026-01-09T10:00:00Z")
    apply(editor, result["id"])
    assert people(conn) == 3


@pytest.mark.parametrize("is_recorded_meanwhile", [False, True])
def test_a_person_recorded_after_the_preview_makes_it_outdated(
    api: Api,
    conn: queries.Connection,
    monkeypatch: pytest.MonkeyPatch,
    is_recorded_meanwhile: bool,
) -> None:
    """Also while its rows are written."""
    writer = api.scope("contribute")
    result = preview(writer, table(PAIR))
    recorded: list[str] = []
    write = list_apply._ListWriter.write

    def record() -> None:
        recorded.append(writer.detainee("Otero Valdivia, Fermin"))

    def write_and_record(list_writer: Any) -> None:
        write(list_writer)
        run_together(record)

    with monkeypatch.context() as interrupted:
        if is_recorded_meanwhile:
            interrupted.setattr(list_apply._ListWriter, "write", write_and_record)
        else:
            record()
        problem = apply(writer, result["id"], status=409)
    assert outdated_rows(problem) == ["/rows/1"]
    assert recorded[0] in problem["errors"][0]["detail"]
    assert (people(conn), seq(conn)) == (1, 1)
    result = preview(writer, table(PAIR))
    decisions = [
        {"row": row["row"], "decision": "same"}
        for row in result["rows"]
        if row["outcome"] == "possible_duplicate"
    ]
    apply(writer, result["id"], *decisions)
    assert people(conn) == 2


@pytest.mark.parametrize("change", ["name", "detention", "alias of another", "identifier"])
def test_a_person_changed_after_the_preview_makes_it_outdated(api: Api, change: str) -> None:
    writer = api.scope("contribute")
    person = writer.detainee(PAIR[0]["name"], birth_date="1974-06-02")
    other = writer.detainee("Nelson Enrique Sanoja")
    rows = [{**row, "id:registro": f"R-{n}"} for n, row in enumerate(PAIR)]
    result = preview(writer, table(rows))
    assert outcomes(result) == ["changed", "new"]
    if change == "name":
        writer.patch(f"/v1/detainees/{person}", {"name": "Fermín Otero"})
    elif change == "detention":
        writer.detention(person, detained_on="2024")
    elif change == "alias of another":
        writer.patch(f"/v1/detainees/{other}", {"aliases": ["Yusmery Quintanar"]})
    else:
        body = {"external_ids": [{"scheme": "registro", "value": "R-1"}]}
        writer.patch(f"/v1/detainees/{other}", body)
    pointers = outdated_rows(apply(writer, result["id"], status=409))
    assert pointers == (["/rows/1"] if change in ("name", "detention") else ["/rows/2"])


def test_a_merged_person_is_resolved_to_the_surviving_record(
    api: Api, conn: queries.Connection
) -> None:
    editor, writer = api.scope("edit"), api.scope("contribute")
    rows = [{**PAIR[0], "detained_on": "2024-02"}, PAIR[1]]
    result = preview(writer, table(rows))
    duplicate = apply(writer, result["id"])["rows"][0]["detainee_id"]
    surviving = writer.detainee("Crescencio Uslar Mijares", birth_date="1974-06-02")
    writer.detention(surviving, detained_on="2024-02-09")
    pending = preview(writer, table([{"name": PAIR[0]["name"], "id": duplicate, "sex": "male"}]))
    assert outcomes(pending) == ["changed"]
    merge = editor.post(f"/v1/detainees/{duplicate}/merge", {"into": surviving})["id"]
    assert outdated_rows(apply(writer, pending["id"], status=409)) == ["/rows/1"]
    before = seq(conn)
    same_file = preview(writer, table(rows))
    for result in (
        same_file,
        preview(writer, table([{"name": PAIR[0]["name"], "id": duplicate}])),
        preview(writer, table([{**PAIR[0], "sex": ""}])),
    ):
        assert result["rows"][0]["outcome"] == "same"
        assert result["rows"][0]["detainee_id"] == surviving
        apply(writer, result["id"])
    assert seq(conn) == before
    pending = preview(
        writer, table([{"name": "Crescencio Uslar Mijares", "sex": "male", "id": surviving}])
    )
    assert editor.send("DELETE", f"/v1/merges/{merge}").status_code == 200
    assert outdated_rows(apply(writer, pending["id"], status=409)) == ["/rows/1"]
    assert preview(writer, table(rows))["rows"][0]["detainee_id"] == duplicate


def test_an_import_is_applied_once(api: Api, conn: queries.Connection) -> None:
    writer = api.scope("contribute")
    writer.detainee("Fermín Otero")
    body = table([{"name": "Fermín A. Otero"}, *PAIR[1:]])
    result = preview(writer, body)
    assert outcomes(result) == ["possible_duplicate", "new"]
    decision = {"row": 1, "decision": "new"}
    applied = apply(writer, result["id"], decision)
    before = seq(conn)
    assert apply(writer, result["id"], decision) == applied
    assert writer.get(f"/v1/imports/{result['id']}") == applied
    for decisions in ([{"row": 1, "decision": "skip"}], []):
        problem = apply(writer, result["id"], *decisions, status=409)
        assert problem["type"] == "/problems/conflict"
    assert (people(conn), seq(conn)) == (3, before)
    assert outcomes(preview(writer, body)) == ["same", "same"]


def test_only_one_of_two_previews_of_a_list_is_applied(api: Api, conn: queries.Connection) -> None:
    writer = api.scope("contribute")
    first, second = preview(writer, table(PAIR)), preview(writer, table(PAIR))
    apply(writer, first["id"])
    assert outdated_rows(apply(writer, second["id"], status=409)) == ["/rows/1", "/rows/2"]
    assert people(conn) == 2


def test_a_preview_is_visible_to_its_key_and_editors(
    api: Api, database: str, conn: queries.Connection
) -> None:
    writer, editor = api.scope("contribute"), api.scope("edit")
    other_key = Api(api.client, lambda scope: auth.create_key(conn, "another", scope)[1]).scope(
        "contribute"
    )
    result = preview(writer, table(PAIR))
    path = f"/v1/imports/{result['id']}"
    assert writer.get(path) == editor.get(path) == result
    for caller in (api, other_key, api.scope("admin")):
        unknown = path[:-1] + ("0" if path[-1] != "0" else "1")
        assert caller.get(path, 404) == caller.get(unknown, 404)
    assert apply(other_key, result["id"], status=404)["type"] == "/problems/not-found"
    assert people(conn) == 0
    editor_preview = preview(editor, table(PAIR))
    writer.get(f"/v1/imports/{editor_preview['id']}", 404)
    apply(editor, result["id"])
    assert people(conn) == 2


def test_a_key_stores_a_limited_number_of_bytes_of_previews(
    api: Api, conn: queries.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest previews are deleted; applied imports and those of other keys stay."""
    writer, editor = api.scope("contribute"), api.scope("edit")
    results = [preview(writer, table(PAIR)) for _ in range(4)]
    of_editor = preview(editor, table(PAIR))
    apply(writer, results[0]["id"])
    stored = conn.execute("SELECT max(stored_bytes) AS bytes FROM imports").fetchone().bytes
    assert 1_000 < stored < 20_000
    monkeypatch.setattr(import_store, "_MAX_STORED_BYTES", 2 * stored)
    last = preview(writer, table(PAIR))
    for result, status in zip((*results, last), (200, 404, 200, 200, 200), strict=True):
        writer.get(f"/v1/imports/{result['id']}", status)
    editor.get(f"/v1/imports/{of_editor['id']}")
    key_imports = conn.execute("SELECT DISTINCT import_id FROM import_keys").fetchall()
    assert len(key_imports) == 4


def test_previews_expire_and_applied_names_are_deleted(api: Api, conn: queries.Connection) -> None:
    writer = api.scope("contribute")
    expired, applied = preview(writer, table(PAIR)), preview(writer, table(PAIR))
    apply(writer, applied["id"])
    conn.execute("UPDATE imports SET created_at = now() - interval '25 hours'")
    preview(writer, table(PAIR[:1]))
    writer.get(f"/v1/imports/{expired['id']}", 404)
    assert writer.get(f"/v1/imports/{applied['id']}")["state"] == "applied"
    contents = conn.execute(
        "SELECT count(*) AS n FROM import_rows WHERE content IS NOT NULL AND import_id = %s",
        [applied["id"]],
    )
    assert contents.fetchone().n == 0
    key_imports = conn.execute("SELECT DISTINCT import_id FROM import_keys").fetchall()
    assert len(key_imports) == 1


MINOR = {"name": "Lucero Canario Paz", "age_group": "menor", "birth_date": "2011-05-04"}


def test_a_listed_minor_is_hidden_and_inserted_once(api: Api, conn: queries.Connection) -> None:
    editor, writer = api.scope("edit"), api.scope("contribute")
    result = preview(writer, table([MINOR, *PAIR]))
    person = apply(writer, result["id"])["rows"][0]["detainee_id"]
    assert not writer.get(f"/v1/detainees/{person}")["is_named"]
    # To the same key the row is recorded, also in a longer list.
    result = preview(writer, table([*PAIR, MINOR, {"name": "Nelson Sanoja"}]))
    assert outcomes(result) == ["same", "same", "same", "new"]
    assert "canario" not in json.dumps(result).lower()
    # A split gives another minor, and the row no named record.
    body = {"name": MINOR["name"], "detention_ids": [editor.detention(person)]}
    editor.post(f"/v1/detainees/{person}/split", body)
    assert outcomes(preview(writer, table([MINOR]))) == ["same"]
    # To another key the person does not exist.
    other_key = Api(api.client, lambda scope: auth.create_key(conn, "another", scope)[1]).scope(
        "contribute"
    )
    assert outcomes(preview(other_key, table([MINOR]))) == ["new"]
    assert outcomes(preview(other_key, table([{**MINOR, "id": person}]))) == ["invalid"]
    assert outcomes(preview(editor, table([{"name": "Lucero Canario"}]))) == ["possible_duplicate"]


def test_rows_of_a_listed_minor_are_all_of_the_minor(api: Api) -> None:
    """The row that says it may be the second one, and every row adds to the hidden person."""
    source = api.scope("edit").source("Casa Abierta")
    person = {"name": "Belisario Quintanar Ozores", "id:r": "R-7"}
    rows = [
        {**person, "age_group": "", "released_on": ""},
        {**person, "age_group": "menor", "released_on": ""},
        {**person, "age_group": "", "released_on": "2026-01-08"},
    ]
    writer = api.scope("contribute")
    for order in ([0, 1, 2], [1, 0, 2], [2, 0, 1]):
        for row in rows:
            row["name"], row["id:r"] = row["name"] + "a", row["id:r"] + "a"
        result = preview(writer, table([rows[i] for i in order]), **attested_by(source))
        assert [row["errors"] for row in result["rows"]] == [[]] * 3
        apply(writer, result["id"])
    public = api.get("/v1/detainees")["items"]
    assert [person["is_named"] for person in public] == [False] * 3
    assert api.get("/v1/detainees", q="Quintanar")["items"] == []
    assert api.get("/v1/counts")["reported"] == 3


def test_a_minor_by_age_or_year_of_birth_is_hidden(api: Api) -> None:
    writer = api.scope("contribute")
    ages = ("17", "17 años", "0", "18", "34 anos", "s/d", "")
    cells = [
        *({"EDAD": age} for age in ages),
        {"EDAD": "17", "grupo de edad": "desconocido"},
        {"año de nacimiento": "2020", "grupo de edad": "menor"},
        {"año de nacimiento": "1974"},
    ]
    names = map(" ".join, zip(GIVEN_NAMES, SURNAMES, strict=False))
    rows = [{"nombre": name, **more} for name, more in zip(names, cells, strict=False)]
    result = preview(writer, table(rows))
    assert outcomes(result) == ["new"] * len(cells)
    applied = apply(writer, result["id"])["rows"]
    shown = [writer.get(f"/v1/detainees/{row['detainee_id']}") for row in applied]
    hidden = [False] * 3 + [True] * 4 + [False] * 2 + [True]
    assert [person["is_named"] for person in shown] == hidden
    # The list says itself that the age is not of today.
    minor = {"nombre": "Wilmer Tovar", "edad": 17, "birth year": 1990, "grupo de edad": "menor"}
    assert outcomes(preview(writer, table([minor]))) == ["new"]
    (listed,) = preview(writer, b'{"name": "Canario", "idade": 17.5}', media_type=NDJSON)["rows"]
    assert "'17.5' is no age" in listed["errors"][0]["detail"]


WITHHELD = {"name": "Rosaura Canario Vega", "birth_date": "1987-03-17", "sex": "female"}


def test_withheld_people_are_candidates_for_editors_only(
    api: Api, conn: queries.Connection
) -> None:
    editor, writer = api.scope("edit"), api.scope("contribute")
    facility = editor.post("/v1/facilities", {"name": "Rodeo I", "country": "VE"})["id"]
    person = editor.detainee(**WITHHELD, external_ids=[{"scheme": "foro", "value": "7"}])
    editor.detention(person, detained_on="2024-02", facility_id=facility)
    editor.patch(f"/v1/detainees/{person}", {"withheld": True})
    rows = [
        {**WITHHELD, "sex": "f", "id:foro": "7"},
        {"name": "Rosaura Canario", "birth_date": "", "sex": "", "id:foro": ""},
        {"name": "Otra Persona", "birth_date": "", "sex": "", "id:foro": "7"},
    ]
    for row in rows:
        result = preview(writer, table([row]))
        assert outcomes(result) == ["new"], row
        assert person not in json.dumps(result)
    # The id would give the person a second, named record. The name makes no difference.
    details = set()
    for name in (WITHHELD["name"], "Otra Persona"):
        (row,) = preview(writer, table([{"name": name, "id": person}]))["rows"]
        assert row["outcome"] == "invalid"
        details |= {(error["column"], error["detail"]) for error in row["errors"]}
    assert details == {("id", f"{person} is a person who is not named: leave the row out.")}
    assert outcomes(preview(editor, table(rows[:1]))) == ["same"]
    (candidate,) = preview(editor, table(rows[2:3]))["rows"][0]["candidates"]
    assert (candidate["detainee_id"], candidate["decision"]) == (person, "possible")
    before = seq(conn)
    result = preview(editor, table(rows[1:2]))
    assert result["rows"][0]["candidates"][0]["name"] == WITHHELD["name"]
    entries = conn.execute(
        "SELECT resource_id::text AS id, action FROM ledger WHERE seq > %s", [before]
    ).fetchall()
    assert [tuple(entry) for entry in entries] == [(person, "read")]
    # The ledger entry of a read does not make a preview outdated.
    editor.get(f"/v1/imports/{result['id']}")
    apply(editor, result["id"], {"row": 1, "decision": "same"})


def test_a_row_does_not_reveal_records_of_hidden_people(api: Api) -> None:
    """A key that entered a person, later hidden, matches the row and sees no other record."""
    editor, writer = api.scope("edit"), api.scope("contribute")
    facilities = [
        editor.post("/v1/facilities", {"name": name, "country": "VE"})["id"]
        for name in ("Rodeo I", "Rodeo II")
    ]
    row = {"name": "Rosaura Canario Vega", "facility": "Rodeo I", "detained_on": "2024-02"}
    row["sex"] = "male"
    result = preview(writer, table([row]))
    person = apply(writer, result["id"])["rows"][0]["detainee_id"]
    detention = editor.get(f"/v1/detainees/{person}")["detention"]["id"]
    editor.patch(
        f"/v1/detentions/{detention}", {"facility_id": facilities[1], "detained_on": "2023-05"}
    )
    editor.patch(f"/v1/detainees/{person}", {"withheld": True, "occupation": "maestra"})
    for facility, day in (("Rodeo I", "2024-02"), ("Rodeo II", "2023-05"), ("Rodeo I", "2023")):
        result = preview(writer, table([{**row, "facility": facility, "detained_on": day}]))
        (shown,) = result["rows"]
        assert (shown["outcome"], shown["detainee_id"]) == ("same", person)
        ignored = {cell["column"] for cell in shown["ignored"]}
        assert ignored == {"facility", "detained_on", "sex"}
        # That an editor changed what the key does not see makes no preview outdated.
        editor.patch(f"/v1/detainees/{person}", {"sex": "female"})
        editor.patch(f"/v1/detentions/{detention}", {"charges": day})
        apply(writer, result["id"])
    # The message names what the key can do.
    details = {cell["column"]: cell["detail"] for cell in shown["ignored"]}
    assert "request of its own (for the detainee," in details["sex"]
    writer.patch(f"/v1/detainees/{person}", {"sex": "male"}, status=202)
    # Nor does a release, of whatever day: before the detention, in it, or near a recorded release.
    editor.event(person, "2026-01-08")
    attestation = {"source_id": editor.source("Diario"), "published_at": "2026-01-09T10:00:00Z"}
    attestation |= {"basis": "first_hand"}
    for day in ("2021-01-01", "2025-01-01", "2026-01-07"):
        rows = [{"name": row["name"], "sex": row["sex"], "released_on": day}]
        result = preview(writer, table(rows), **attestation)
        (shown,) = result["rows"]
        assert (shown["outcome"], shown["errors"]) == ("same", [])
        _, cell = shown["ignored"]
        assert cell["column"] == "released_on"
        assert "is not named" in cell["detail"]
        apply(writer, result["id"])
    assert len(editor.get("/v1/release-events", detainee_id=person)["items"]) == 1
    assert editor.get("/v1/attestations")["items"] == []
    record = editor.get(f"/v1/detainees/{person}")
    assert (record["detention"]["facility_id"], record["occupation"]) == (facilities[1], "maestra")


@pytest.mark.parametrize(("format", "media_type"), [("csv", "text/csv"), ("ndjson", NDJSON)])
def test_rows_with_pseudonyms_are_refused(api: Api, format: str, media_type: str) -> None:
    """As names, pseudonyms would create duplicates, and `withheld` would disclose people."""
    editor = api.scope("edit")
    editor.detainee("Rosaura Canario Vega", withheld=True)
    for caller, columns in ((api, ["is_named"]), (editor, ["is_named", "withheld"])):
        body = caller.send("GET", "/v1/detainees", query_string={"format": format}).get_data()
        (row,) = preview(editor, body, media_type=media_type)["rows"]
        assert [error["column"] for error in row["errors"]] == columns


def test_a_list_does_not_disclose_a_minor(api: Api) -> None:
    editor = api.scope("edit")
    person = editor.detainee("Lucero Canario Paz", age_group="minor")
    result = preview(editor, table([{"name": "Lucero Canario Paz", "age_group": "adulto"}]))
    apply(editor, result["id"])
    assert not api.get(f"/v1/detainees/{person}")["is_named"]


def test_a_list_discloses_a_group_and_confirms_one_of_its_people(
    api: Api, conn: queries.Connection
) -> None:
    """The statuses of that person are stored once, although both change them."""
    editor = api.scope("edit")
    source = editor.source("Puertas")
    names = ("Ana Alfaro", "Bruno Benítez", "Carla Cárdenas", "Dora Delgado", "Elena Estrada")
    born = [f"2012-0{month}-11" for month in range(1, 6)]
    for name, birth_date in zip(names[:4], born[:4], strict=True):
        person = editor.detainee(name, birth_date=birth_date, age_group="minor")
        editor.detention(person, detained_on="2024-02")
        editor.attest(editor.event(person, "2026-01-08"), source, "2026-01-10T12:00:00Z")
    rows = [
        {"name": name, "birth_date": day, "age_group": "minor", "released_on": "2026-01-08"}
        for name, day in ((names[0], born[0]), (names[4], born[4]))
    ]
    result = preview(editor, table(rows), **attested_by(editor.source("Casa Abierta")))
    assert outcomes(result) == ["changed", "new"]
    apply(editor, result["id"])
    counts = api.get("/v1/counts", group_by="age_group")
    (group,) = counts["groups"]
    assert (group["value"], group["confirmed"], group["reported"]) == ("minor", 1, 4)
    check_store(conn)


def test_a_person_hidden_after_the_preview_is_no_candidate(api: Api) -> None:
    editor, writer = api.scope("edit"), api.scope("contribute")
    person = editor.detainee("Lucero Canario Paz")
    result = preview(writer, table([{"name": "Lucero Canario"}]))
    assert result["rows"][0]["candidates"][0]["name"] == "Lucero Canario Paz"
    editor.patch(f"/v1/detainees/{person}", {"age_group": "minor"})
    later = writer.get(f"/v1/imports/{result['id']}")
    assert later["rows"][0]["candidates"] == []
    assert "paz" not in json.dumps(later).lower()


def test_wrong_decisions_are_refused(api: Api, conn: queries.Connection) -> None:
    writer = api.scope("contribute")
    person_ids = [writer.detainee(name) for name in ("Fermín Otero", "Fermín Valdivia")]
    rows = [{"name": "Fermín Otero Valdivia"}, {"name": "Nelson Sanoja"}, {"sex": "f"}]
    result = preview(writer, table(rows))
    assert outcomes(result) == ["possible_duplicate", "new", "invalid"]
    assert len(result["rows"][0]["candidates"]) == 2
    other = writer.detainee("Milagros Arráiz Tovar")
    same = {"row": 1, "decision": "same"}
    for decisions, pointers in (
        ([], ["/rows/1", "/rows/3"]),
        ([same], ["/decisions/0/detainee_id"]),
        ([{**same, "detainee_id": other}], ["/decisions/0/detainee_id"]),
        ([{**same, "same_as_row": 2}], ["/decisions/0/same_as_row"]),
        (
            [{"row": 1, "decision": "new", "detainee_id": person_ids[0]}],
            ["/decisions/0/detainee_id"],
        ),
        ([{"row": 3, "decision": "same"}], ["/decisions/0/decision"]),
        ([{"row": 9, "decision": "new"}], ["/decisions/0/row"]),
        ([{"row": 2, "decision": "new"}] * 2, ["/decisions/1/row"]),
        ([{"row": 2, "decision": "same"}], ["/decisions/0/decision"]),
        ([{"row": 1, "decision": "maybe"}], ["/decisions/0/decision"]),
        ([{"row": 0, "decision": "new"}], ["/decisions/0/row"]),
    ):
        problem = apply(writer, result["id"], *decisions, status=422)
        assert [error["pointer"] for error in problem["errors"]] == pointers, decisions
    skips = [{"row": row, "decision": "skip"} for row in (2, 3)]
    apply(writer, result["id"], {**same, "detainee_id": person_ids[1]}, *skips)
    assert people(conn) == 3
    assert api.get(f"/v1/detainees/{person_ids[1]}")["aliases"] == ["Fermín Otero Valdivia"]


def test_a_matched_row_can_be_decided_as_new(api: Api, conn: queries.Connection) -> None:
    writer = api.scope("contribute")
    person = writer.detainee(**PAIR[0])
    result = preview(writer, table([PAIR[0]] * 3))
    assert outcomes(result) == ["same", "same", "same"]
    same = {"row": 3, "decision": "same", "detainee_id": person}
    apply(writer, result["id"], {"row": 1, "decision": "new"}, same)
    assert people(conn) == 2
    changed = {**same, "detainee_id": result["id"]}
    apply(writer, result["id"], {"row": 1, "decision": "new"}, same)
    apply(writer, result["id"], {"row": 1, "decision": "new"}, changed, status=409)
    # When a list is sent once more, the last decision on a row counts.
    once = table([{"name": "Yusmery Quintanar Bello"}])
    first, last = (
        apply(writer, preview(writer, once)["id"], *decisions)["rows"][0]["detainee_id"]
        for decisions in ((), ({"row": 1, "decision": "new"},))
    )
    assert first != last
    assert preview(writer, once)["rows"][0]["detainee_id"] == last


def test_rows_of_one_person_are_matched(api: Api, conn: queries.Connection) -> None:
    writer = api.scope("contribute")
    rows = [
        {"name": "Belisario Quintanar Ozores", "birth_date": "1974-06-02", "sex": ""},
        {"name": "Quintanar Ozores, Belisario", "birth_date": "1974-06-02", "sex": "male"},
        {"name": "Belisario Quintanar", "birth_date": "", "sex": ""},
        {"name": "Nelson Sanoja", "birth_date": "", "sex": ""},
    ]
    result = preview(writer, table(rows))
    assert outcomes(result) == ["new", "changed", "possible_duplicate", "new"]
    assert result["rows"][1]["same_as_row"] == 1
    assert [c["row"] for c in result["rows"][2]["candidates"]] == [1]
    skip = {"row": 1, "decision": "skip"}
    problem = apply(writer, result["id"], skip, {"row": 3, "decision": "same"}, status=422)
    assert [error["pointer"] for error in problem["errors"]] == ["/rows/2", "/rows/3"]
    same = {"row": 3, "decision": "same"}
    applied = apply(writer, result["id"], {**same, "same_as_row": 1})
    apply(writer, result["id"], same)
    apply(writer, result["id"], {**same, "same_as_row": 2}, status=409)
    assert people(conn) == 2
    (person,) = {row["detainee_id"] for row in applied["rows"][:3]}
    record = api.get(f"/v1/detainees/{person}")
    assert (record["sex"], record["aliases"]) == ("male", ["Belisario Quintanar"])
    assert outcomes(preview(writer, table(rows))) == ["same"] * 4


def test_another_row_takes_the_place_of_a_skipped_first_row(
    api: Api, conn: queries.Connection
) -> None:
    editor = api.scope("edit")
    person = {"name": "Belisario Quintanar Ozores", "birth_date": "1974-06-02", "released_on": ""}
    other = {**person, "name": "Belisario Quintanar", "birth_date": ""}
    released = {**person, "released_on": "2026-01-08"}
    attested = attested_by(editor.source("Casa Abierta"))
    result = preview(editor, table([released, person, released, other]), **attested)
    assert outcomes(result) == ["new", "same", "same", "possible_duplicate"]
    skip, new = {"row": 1, "decision": "skip"}, {"row": 2, "decision": "new"}
    same = [{"row": row, "decision": "same", "same_as_row": 2} for row in (3, 4)]
    refused = [[skip, {"row": 2, "decision": "skip"}, *same], [skip, new, same[1]]]
    for decisions in (*refused, [skip, {**new, "decision": "same", "same_as_row": 3}, *same]):
        problem = apply(editor, result["id"], *decisions, status=422)
        assert all(
            "is no candidate" in e["detail"] or "or same as" in e["detail"]
            for e in problem["errors"]
        )
    applied = apply(editor, result["id"], skip, new, *same)
    assert people(conn) == 1
    (id,) = {row["detainee_id"] for row in applied["rows"][1:]}
    # A row that adds nothing to the skipped one can add something to the other.
    (event,) = editor.get("/v1/release-events", detainee_id=id)["items"]
    assert event["occurred_on"] == "2026-01-08"
    assert apply(editor, result["id"], skip, new, *same) == applied


def test_apply_takes_decisions_and_no_parameters(api: Api) -> None:
    writer = api.scope("contribute")
    path = f"/v1/imports/{preview(writer, table(PAIR))['id']}/apply"
    for query, pointers in (
        ("date_order=day_first", ["/date_order"]),
        ("basis=relayed&mapping={}", ["/basis", "/mapping"]),
    ):
        problem = writer.post(f"{path}?{query}", {}, 422)
        assert sorted(error["pointer"] for error in problem["errors"]) == pointers, query
    for body, pointers in (
        ({"decision": []}, ["/decision"]),
        ({"decisions": [{}]}, ["/decisions/0/decision", "/decisions/0/row"]),
    ):
        problem = writer.post(path, body, 422)
        assert sorted(error["pointer"] for error in problem["errors"]) == pointers
    for unknown in ("019b9f3e-0000-4000-8000-000000000000", "7"):
        writer.post(f"/v1/imports/{unknown}/apply", {}, 404)
    assert writer.post(path, {}, 200)["state"] == "applied"


def test_preview_does_not_take_decisions(api: Api) -> None:
    response = api.scope("contribute").send("POST", "/v1/imports", json={"decisions": []})
    assert response.status_code == 415


@pytest.mark.parametrize(
    ("content_type", "headers"),
    [
        ("text/plain", {}),
        ("application/zip", {}),
        ("text/csv; charset=latin-1", {}),
        ("text/csv", {"Content-Encoding": "gzip"}),
    ],
)
def test_other_media_types_are_refused(
    api: Api, content_type: str, headers: Mapping[str, str]
) -> None:
    response = api.scope("contribute").send(
        "POST",
        "/v1/imports",
        data=b"name\nAna Prueba\n",
        content_type=content_type,
        headers=headers,
    )
    assert response.status_code == 415
    assert "text/csv" in response.get_json(force=True)["detail"]


def test_size_limits_of_lists(api: Api) -> None:
    writer = api.scope("contribute")
    largest = 32 << 20
    assert preview(writer, b"name\n" + b"\n" * 199_999 + b"Ana\n")["rows"][0]["row"] == 200_000
    problem = preview(writer, b"name\n" + b"\n" * 200_000 + b"Ana Prueba\n", 422)
    assert [error["pointer"] for error in problem["errors"]] == ["/200001"]
    assert preview(writer, b"x" * (largest + 1), 413)["type"] == "/problems/body-too-large"
    assert preview(writer, b"x" * largest, 422)["errors"][0]["pointer"] == "/header"
    chunked = writer.send(
        "POST",
        "/v1/imports",
        input_stream=io.BytesIO(b"x" * (largest + 1)),
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
        content_type="text/csv",
    )
    assert chunked.status_code == 413


# The command.


def run_on_a_terminal(typed: str, *arguments: object, **settings: str) -> tuple[int, str]:
    """Run a command in a terminal with this input; return its exit code and its output."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(COMMAND[0], [*COMMAND, *map(str, arguments)], environment(**settings))
    os.write(terminal, typed.encode())
    output = b""
    with contextlib.suppress(OSError):  # the terminal closes with the command
        while chunk := os.read(terminal, 1 << 16):
            output += chunk
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), output.decode()


@pytest.fixture
def list_file(tmp_path: Path, conn: queries.Connection, api: Api) -> Path:
    """Write a list with a new person, two possible duplicates and an invalid row."""
    writer = api.scope("contribute")
    for name in ("Fermín Otero", "Yusmery Quintanar"):
        writer.detainee(name, occupation="médica")
    rows = [
        {"name": "Fermín A. Otero", "birth_date": "1974-06-02"},
        {"name": "Nelson Enrique Sanoja", "birth_date": ""},
        {"name": "Yusmery M. Quintanar", "birth_date": ""},
        {"name": "Milagros Arráiz", "birth_date": "3/4/74"},
    ]
    file = tmp_path / "list.csv"
    file.write_bytes(table(rows))
    return file


def test_without_a_terminal_possible_duplicates_are_printed_only(
    list_file: Path,
    database: str,
    conn: queries.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = snapshot(conn)
    monkeypatch.setattr(list_preview, "_PROGRESS_ROWS", 2)
    result = constancia("import", list_file, "--skip-invalid", DATABASE_URL=database)
    assert result.exit_code == 2
    assert "Use --yes to write, or --dry-run to print the preview" in result.stderr
    for options in ([], ["--skip-invalid"], ["--skip-doubtful"]):
        result = constancia("import", list_file, "--yes", *options, DATABASE_URL=database)
        assert result.exit_code == 1, options
        assert "line 5, birth_date: '3/4/74' has a year of two digits" in result.stderr
        assert "nothing was changed" in result.stderr
        assert "Traceback" not in result.stderr
        assert ("Line 2 may be recorded" in result.stderr) == ("--skip-invalid" in options)
        assert ("rows need a decision" in result.stderr) == ("--skip-invalid" in options)
    result = constancia("import", list_file, "--dry-run", DATABASE_URL=database)
    assert result.exit_code == 1
    assert "4 rows read" in result.stderr
    assert "1 row is invalid. Correct the file or use --skip-invalid." in result.stderr
    assert re.search(r"^  invalid +1 row$", result.stdout, re.MULTILINE)
    options = ["--dry-run", "--skip-invalid"]
    result = constancia("import", list_file, *options, DATABASE_URL=database)
    assert result.exit_code == 0
    assert "possible duplicate" in result.stdout
    assert snapshot(conn) == before
    skips = ("--yes", "--skip-invalid", "--skip-doubtful")
    result = constancia("import", list_file, *skips, DATABASE_URL=database)
    assert (result.exit_code, people(conn)) == (0, 3)


def test_the_command_says_what_is_no_list(
    database: str, conn: queries.Connection, tmp_path: Path
) -> None:
    file = tmp_path / "export.ndjson"
    assert constancia("export", file, DATABASE_URL=database).exit_code == 0
    empty, case = tmp_path / "empty.csv", tmp_path / "list.json"
    empty.write_text("name\n")
    case.write_text('[{"name": "Ana Prueba"}]')
    for path, exit_code, text in (
        (file, 1, "Is an export, not a list of people: load it with `constancia load`."),
        (empty, 0, "  no rows\n"),
        (case, 1, "in 1 place. Must be an object."),
    ):
        result = constancia("import", path, "--dry-run", DATABASE_URL=database)
        assert (result.exit_code, text in result.stdout + result.stderr) == (exit_code, True)


def test_the_command_skips_further_rows_of_a_skipped_person(
    list_file: Path, database: str, conn: queries.Connection
) -> None:
    before = people(conn)
    first, *others = list_file.read_text().splitlines()
    list_file.write_text("\n".join([first, others[0], others[0]]))
    result = constancia("import", list_file, "--yes", "--skip-doubtful", DATABASE_URL=database)
    assert (result.exit_code, people(conn)) == (0, before), result.stderr
    assert "line 3 is the same person as line 2: it is skipped too" in result.stderr


@linux
def test_on_a_terminal_the_command_compares_side_by_side(
    api: Api, list_file: Path, database: str, conn: queries.Connection
) -> None:
    editor = api.scope("edit")
    (recorded,) = editor.get("/v1/detainees", q="Fermín Otero")["items"]
    body = {"name": "Rodeo I", "country": "VE", "region": "Miranda"}
    facility = editor.post("/v1/facilities", body)["id"]
    editor.detention(recorded["id"], detained_on="2024", facility_id=facility)
    before = snapshot(conn)
    for typed in ("n\n", "y\nsame\nskip\nn\n", "y\nperhaps\n\x04"):
        exit_code, output = run_on_a_terminal(typed, "import", list_file, DATABASE_URL=database)
        assert exit_code == 1, output
        assert snapshot(conn) == before
    exit_code, output = run_on_a_terminal(
        "y\nsame\nnew\ny\n", "import", list_file, DATABASE_URL=database
    )
    assert exit_code == 0, output
    lines = [line.split() for line in output.splitlines()]
    assert ["name", "Fermín", "A.", "Otero", "Fermín", "Otero"] in lines
    assert ["facility", "Rodeo", "I", "(Miranda,", "VE)"] in lines
    assert people(conn) == 4
    row = conn.execute("SELECT aliases FROM detainees WHERE name = 'Fermín Otero'").fetchone()
    assert row.aliases == ["Fermín A. Otero"]
    exit_code, output = run_on_a_terminal(
        "y\n", "import", list_file, "--yes", DATABASE_URL=database
    )
    assert exit_code == 0, output
    assert people(conn) == 4


def test_the_command_attests_for_a_source(
    api: Api, database: str, conn: queries.Connection, tmp_path: Path
) -> None:
    source = api.scope("edit").source("Casa Abierta")
    file = tmp_path / "out.ndjson"
    file.write_text('{"Preso": "Ana Prueba", "released_on": "2026-01-08"}\n')
    command = ["import", file, "--yes", "--mapping", '{"Preso": "name"}', "--source", source]
    result = constancia(*command, DATABASE_URL=database)
    assert result.exit_code == 1
    for option in ("2 places. --published-at", "--source. --basis"):
        assert f"{option}: Is required with --source." in result.stderr
    # `published_at` is a field of a list here, and not the option.
    wrong = constancia(*command[:4], '{"Preso": "sexo"}', DATABASE_URL=database)
    assert "release_kind, url, published_at, note" in wrong.stderr
    command += ["--published-at", "2026-01-09T12:00:00Z", "--basis", "first_hand"]
    result = constancia(*command, DATABASE_URL=database)
    assert result.exit_code == 0, result.stderr
    assert "row 1: unverified becomes reported" in result.stdout
    assert api.get("/v1/counts")["reported"] == 1


@pytest.mark.parametrize(
    ("header", "options", "places"),
    [
        ("Preso", ["--mapping", "[]"], ["--mapping: Must be an object"]),
        ("Preso", ["--mapping", '{"a/b~": "x"}'], ["--mapping, column 'a/b~': 'x' is no field"]),
        (
            "Preso,a/b",
            ["--mapping", '{"Preso": "name", "c": "sex"}', "--column", "d/e=sex"],
            [
                "--mapping, column 'c': The list has no column 'c'",
                "--column, column 'd/e': The list has no column 'd/e'",
                "column 'a/b': 'a/b' is not a known column: give its field in --mapping",
            ],
        ),
        ("sexo", [], ["header: None of the first"]),
    ],
)
def test_errors_of_the_command_name_the_option_and_the_column(
    database: str, tmp_path: Path, header: str, options: list[str], places: list[str]
) -> None:
    file = tmp_path / "list.csv"
    file.write_text(f"{header}\nAna{',x' * header.count(',')}\n")
    result = constancia("import", file, "--yes", *options, DATABASE_URL=database)
    assert result.exit_code == 1
    for place in places:
        assert f" {place}" in result.stderr
    assert "~1" not in result.stderr


# Large lists, and interrupted imports.


def test_gin_indexes_have_no_pending_list(conn: queries.Connection) -> None:
    """A search reads a pending list entry by entry: after an import of 2,000 people the next one
    took a hundred times as long."""
    indexes = conn.execute(
        "SELECT c.relname, c.reloptions FROM pg_class c JOIN pg_am m ON m.oid = c.relam"
        " WHERE m.amname = 'gin'"
    ).fetchall()
    assert indexes
    for index in indexes:
        assert "fastupdate=off" in (index.reloptions or []), index.relname


def write_list(file: Path, rows: int, note: str = "") -> None:
    """Write a list of people with different names."""
    syllables = ("ba", "ce", "di", "fo", "gu", "la", "me", "ni", "po", "ru")

    def name(number: int) -> str:
        return "".join(syllables[int(digit)] for digit in f"{number:06}"[::-1]).title()

    with file.open("w") as stream:
        stream.write("name,charges,id:registro\n")
        for n in range(rows):
            stream.write(f"{name(n * 7 % 999_983)} {name(n * 7919 % 999_983)},{note},R-{n}\n")


@linux
def test_a_large_list_uses_little_memory(server: str, tmp_path: Path) -> None:
    small, large = tmp_path / "small.csv", tmp_path / "large.csv"
    # With the same names, so that the caches of names are full.
    write_list(small, 400)
    write_list(large, 400, "☐ Lo que se dice. " * 220)
    with cloned(server) as first, cloned(server) as second:
        commands = [[first, "import", small, "--yes"], [second, "import", large, "--yes"]]
        _, memory = run_and_measure(*commands)
        with connections.connect(second) as conn:
            assert (people(conn), seq(conn)) == (400, 800)
    # In memory two bytes a character.
    size = 2 * len(large.read_text())
    print(f"a list of {size:,} bytes, memory {memory:,}")
    # 2.8 MB were measured, most for parts of 1 MiB of the file, and 5.4 MB when all rows were kept.
    assert memory < size * 5 / 4


@linux
def test_a_killed_import_writes_nothing(tmp_path: Path) -> None:
    """All processes are killed while a list is previewed, and while it is applied."""
    rows = 30
    write_list(tmp_path / "large.csv", rows)
    body = (tmp_path / "large.csv").read_bytes()
    no_decisions = (b"{}", "application/json")

    def count(service: Service) -> tuple[int, int]:
        with open_store(service) as conn:
            return people(conn), seq(conn)

    with data_dir() as directory:
        with serving(directory) as service:
            key = service.key("contribute")
            kill_during_preview(service, key, "/v1/imports", body, "text/csv")
        with serving(directory) as service:
            assert count(service) == (0, 0)
            with open_store(service) as conn:
                assert conn.execute("SELECT FROM imports").fetchall() == []
            status, result = send(service, key, "/v1/imports", body, "text/csv")
            assert (status, result["totals"]["new"]) == (201, rows)
            apply_path = f"/v1/imports/{result['id']}/apply"
            kill_during_write(service, key, apply_path, *no_decisions)
        with serving(directory) as service:
            assert count(service) == (0, 0)
            # The crash emptied the unlogged table of keys, so the preview cannot be applied.
            status, problem = send(service, key, apply_path, *no_decisions)
            assert (status, problem["type"]) == (409, "/problems/import-outdated")
            status, result = send(service, key, "/v1/imports", body, "text/csv")
            assert (status, result["totals"]["new"]) == (201, rows)
            apply_path = f"/v1/imports/{result['id']}/apply"
            for _ in range(2):
                status, result = send(service, key, apply_path, *no_decisions)
                assert (status, result["state"]) == (200, "applied")
            assert count(service) == (rows, rows)
            with open_store(service) as conn:
                check_store(conn)
