"""Cells of lists: how single values are read. Pure."""

import csv
from pathlib import Path

import pytest

from api.letters import folding
from api.lists import columns, countries
from api.lists.columns import CellError, Conventions
from api.matching.external_ids import (
    is_note,
    is_placeholder_name,
    may_name_minor,
    names_minor,
)

PAIRS = Path(__file__).parents[1] / "matching" / "pairs"

NOBODY = (
    *("TOTAL", "Total: 53", "Total de presos políticos: 863", "Gran total", "Subtotal", "Totales"),
    *("Total geral", "Total of people: 9", "Sin nombre", "Por identificar", "Desconocido", "NN"),
    *("N.N.", "S/N", "n/a", "N / D", "123", "-", "???", "12/03", "…", "Hombre sin identificar"),
    *("Persona no identificada 2", "Nombre desconocido", "Name unknown", "unknown male 3"),
    *("Unidentified", "to be confirmed", "No name", "Anónimo", "Não identificado", "Sem nome"),
    *("A identificar", "DESCONHECIDA", "Sin información"),
)
NOTES = (
    *("Fuente: familiares", "Nota: faltan datos", "Elaborado por: Comité", "Nota\uff1a 3"),
    *("Actualizado el 3 de marzo", "+ 3 personas más", "3 adolescentes", "Subtotal mujeres: 2"),
    *("Hnos. Pérez (2)", "Pérez 1/2"),
)
MINORS = (
    *("Ana Ruiz (menor)", "Ana Ruiz, menor de edad", "Adolescente Ana Ruiz", "Ana Ruiz [Minor]"),
    *("Ana Ruiz (niña)", "Ana Ruiz (Adolescente)", "Ana Ruiz - menor de idade"),
    *("Ana Ruiz - menor", "ANA RUIZ, MENOR.", "Ana Ruiz/menor", "Ana Ruiz \u2013 Menor"),
    *("Ana Ruiz (estudiante menor)", "Ana Ruiz (NNA)", "Ana Ruiz *menor*"),
    *("Ana Ruiz (nin\u0303a)", "Ana Ruiz \uff08menor\uff09"),
)
PERHAPS_MINORS = ("Niña Ana Ruiz", "NIÑO GUERRERO LUIS", "La nin\u0303a Ana", "Menor Ana Ruiz")
PEOPLE = (
    *("No Moo-hyun", "Sin Ming", "Nada Al-Ansari", "Por Pol", "Sem Dias", "A. Total", "N. A."),
    *("Ce1ia Otero", "WI11IAMS", "S/1 Otero", "Luis Otero 3rd", "Juan Pérez II"),
    *("Total, Antoine", "Desconocido Pérez", "Ana", "S.D.", "U Nu", "李娜", "မနန်း", "Ан Нет"),
    *("Ana Menor", "Lilia Menor Ruiz", "Ana Ruiz (Nina)", "Ana García-Menor", "Ana R. Menor"),
    *("Menor, Ana", "Vargas, Minor", "Juan Ruiz (El Niño)", "Nna Obi"),
)


def test_totals_and_placeholders_are_no_names() -> None:
    assert [name for name in NOBODY if not is_placeholder_name(name)] == []
    assert [name for name in NOTES if not is_note(name)] == []
    assert [name for name in MINORS if not names_minor(name)] == []
    assert [name for name in PERHAPS_MINORS if not may_name_minor(name)] == []
    names = [*PEOPLE]
    for file in PAIRS.glob("*.csv"):
        with file.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                names += (row["a"] + " / " + row["b"]).split(" / ")
    assert len(names) > 2000
    assert [
        name for name in names if is_note(name) or names_minor(name) or may_name_minor(name)
    ] == []
    nobody = {name for name in names if is_placeholder_name(name)}
    assert {folding.fold(name) for name in nobody} == {"persona no identificada"}


def test_portuguese_columns_and_sexes_are_read() -> None:
    headers = {
        "Nome completo": "name",
        "NOME": "name",
        "Sobrenomes": "surnames",
        "Data de Nascimento": "birth_date",
        "Nacionalidade": "nationalities",
        "Profissão": "occupation",
        "Unidade prisional": "facility",
        "Data da prisão": "detained_on",
        "data da soltura": "released_on",
    }
    assert {name: columns.field_of(name) for name in headers} == headers
    no_letters = Conventions(None, None)
    assert [columns.read("sex", sex, no_letters) for sex in ("Feminino", "homem")] == [
        *("female", "male")
    ]


@pytest.mark.parametrize(
    ("text", "order", "expected"),
    [
        ("04/13/2025", None, "2025-04-13"),
        ("13/04/2025", None, "2025-04-13"),
        ("04/04/2025", None, "2025-04-04"),
        ("06/2025", None, "2025-06"),
        ("6.2025", "month_first", "2025-06"),
        ("13/4/2025 0:00", None, "2025-04-13"),
        ("1990-01", None, "1990-01"),
    ],
)
def test_dates_that_can_be_read_one_way_are_read(
    text: str, order: str | None, expected: str
) -> None:
    assert columns.read("birth_date", text, Conventions(order, None)) == expected


@pytest.mark.parametrize(
    ("text", "order", "expected"),
    [
        ("04/05/2025", None, "send `date_order`"),
        ("04/13/2025", "day_first", "no month 13: send the other `date_order`, or write"),
        ("13/14/2025", None, "no month 13: write"),
        ("13/14/2025", "day_first", "no month 14: write"),
        ("1990-13", None, "'1990-13' is not a date"),
        ("0000", None, "'0000' is not a date"),
        ("13/2025", None, "'13/2025' is not a date: write 2024-02-09 or 09/02/2024, or 2024-02 "),
    ],
)
def test_other_dates_are_errors_that_say_what_to_write(
    text: str, order: str | None, expected: str
) -> None:
    with pytest.raises(CellError) as raised:
        columns.read("birth_date", text, Conventions(order, None))
    assert expected in str(raised.value)


def test_every_country_is_read_as_a_nationality() -> None:
    for code, names in countries._COUNTRY_NAMES.items():
        for name in (code, *names.split("|"), *names.upper().split("|")):
            assert columns.read("nationalities", name, Conventions(None, None)) == [code]
    for text in ("venezolano y español", "VENEZOLANA Y ESPAÑOLA", "VE / Spanish", '["VE", "ES"]'):
        assert columns.read("nationalities", text, Conventions(None, None)) == ["VE", "ES"]


def test_words_for_age_groups_are_read_as_lists_write_them() -> None:
    for word, value in (("Menor de edad", "minor"), ("MAYOR DE EDAD", "adult"), ("niña", "minor")):
        assert columns.read("age_group", word, Conventions(None, None)) == value
