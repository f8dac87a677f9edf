"""External ids: their keys, in Python and in SQL, and placeholders."""

import sys
import unicodedata

import pytest

from api.database import queries
from api.matching.external_ids import are_alike, external_id_key, is_placeholder

# The spellings of one external id in each row; those of two rows are of two ids.
EXTERNAL_IDS = (
    ("FP-5555", "fp 5555", "FP5555", " F.P.5555-", "--fp\u20145555"),
    ("V-12.345.678", "V12345678", "v 12 345 678", "V\u201312\u00a0345\u202f678", "V-12.345 678"),
    ("V-1.234.567", "V1234567", "V 1234567"),
    ("12.345.678-9", "12345678-9", "12 345 678 - 9", "12.345.678.-9"),
    ("2024-1-12", "2024.1.12", "2024 1 12", "2024 -- 1\u201112", "2024\u00ad1\u00b712"),
    ("2024-11-2", "2024.11.2", "2024- 11.2"),
    ("2024112",),
    ("2024-112", "2024.112"),
    ("1-234", "1 - 234"),
    ("1234", "1.234", "1 234"),
    ("12-34", "12.34"),
    ("12.345.67", "12-345-67"),
    ("1234.567", "1234-567"),
    ("12.345.6789", "12 345 6789"),
    ("A1-2", "a-1-2", "A 1.2"),
    ("A12", "A-12"),
    ("1-A-2", "1a2"),
    ("\u0662\u0660\u0662\u0664-\u0661-\u0661\u0662",),
    ("\u0662\u0660\u0662\u0664-\u0661\u0661-\u0662",),
    ("",),
    ("\u00ba7",),
)


def sql_keys(conn: queries.Connection, values: list[str]) -> dict[str, str]:
    query = "SELECT v, external_id_key('r', v) AS key FROM unnest(%s::text[]) AS v"
    return {row.v: row.key for row in conn.execute(query, [values])}


def test_a_separator_between_digits_distinguishes_external_ids(conn: queries.Connection) -> None:
    in_sql = sql_keys(conn, [value for values in EXTERNAL_IDS for value in values])
    in_python = {value: external_id_key("r", value) for value in in_sql}
    assert in_sql == in_python
    keys = [{in_python[value] for value in values} for values in EXTERNAL_IDS]
    assert [len(row) for row in keys] == [1] * len(keys)
    assert len(set().union(*keys)) == len(keys)


def test_numbers_without_their_letter_or_zeros_are_alike() -> None:
    for a, b, expected in (
        ("V-12.345.678", "12345678", True),
        ("C.I. V-12.345.678", "v12345678", True),
        ("01020312345", "1020312345", True),
        ("V-012.345", "12345", True),
        ("V-12.345.678", "E-12.345.678", False),
        ("12345678", "2345678", False),
        ("12345678-A", "12345678", False),
        ("S/N", "N", False),
    ):
        keys = external_id_key("r", a), external_id_key("r", b)
        assert (are_alike(*keys), are_alike(*reversed(keys))) == (expected, expected), (a, b)
    assert not are_alike(external_id_key("r", "V-1"), external_id_key("s", "1"))


def test_both_make_the_same_key_of_every_character(conn: queries.Connection) -> None:
    # Letters of later versions of Unicode are unknown to one of the two.
    characters = [
        chr(code)
        for code in range(1, sys.maxunicode + 1)
        if unicodedata.category(chr(code)) not in ("Cn", "Cs")
    ]
    # Digits and separators depend on those beside them.
    beside = [f"2 - {c}.7, 1.{c}23.456" for c in characters if not c.isalpha()]
    values = characters + beside
    keys = sql_keys(conn, values)
    assert [value for value in values if keys[value] != external_id_key("r", value)] == []
    assert external_id_key("fp", " F.P\u00a0-\u201155/aÑ") == "{fp}fp55/añ"


# Placeholders in three languages: what lists write in the place of an identifier.
PLACEHOLDERS = """
S/N | s/n | SN | S.N. | 0 | 00 | 000000 | N/A | n/a | NA | N.A. | n.a | - | -- | — | . | ? | XXX | x
none | None | NULL | nan | unknown | Not available | no number | without ID | pending | TBD | N/D
to be confirmed | sin | sin número | Sin cédula | SIN DATOS | s/d | S/C | ninguno | Ninguna | no
No aplica | no tiene | no posee | No consta | desconocido | se desconoce | pendiente | por confirmar
Por asignar | en trámite | indocumentado | sem número | não informado | Não consta | nenhum
desconhecido | a confirmar | нет | Нет данных | \N{CYRILLIC SMALL LETTER BE}/н | неизвестно
не указан | няма | невядома | неўказана | 9999 | 99999999 | 11111111 | V-0 | V-00000000 | C.I. 0
Nro. 0 | CI: S/N | n° | _ | Cédula
"""
IDENTIFIERS = """
1 | 7 | 12 | 99 | 333 | 10442 | V-12345678 | 12.345.678 | E-84.123 | foro-7 | S/N-12 | A | abc | 7a
0001 | lista 12 | sinamaica | nora | No. 7 | N-15 | nina | sn12 | CO 100 | 00100 | x1 | Xoxo | sin 5
porlamar 3 | 1000 | jose-perez
"""


def _values(text: str) -> list[str]:
    return [value.strip() for line in text.strip().splitlines() for value in line.split("|")]


@pytest.mark.parametrize(("text", "expected"), [(PLACEHOLDERS, True), (IDENTIFIERS, False)])
def test_placeholder_is_no_identifier(text: str, expected: bool) -> None:
    assert [value for value in _values(text) if is_placeholder(value) is not expected] == []
    assert is_placeholder("")
