"""The people of rows: nobody becomes another person, or another person's data, unasked."""

import json
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import pytest

from api.database import queries
from api.lists import list_survey
from tests.conftest import Api
from tests.imports.test_list_import import (
    NDJSON,
    apply,
    attested_by,
    outcomes,
    people,
    preview,
    table,
)

PLACEHOLDERS = (
    *("S/N", "s/n", "S.N.", "sin número", "Sin cédula", "ninguno", "Ninguna", "no tiene", "n/d"),
    *("desconocido", "se desconoce", "pendiente", "por confirmar", "indocumentado", "en trámite"),
    *("N/A", "n.a.", "NA", "none", "None", "null", "unknown", "no number", "not available"),
    *("missing", "pending", "0", "00000", "-", "--", "—", "?", "...", "XXX", "99999999", "V-0"),
    *("não tem", "sem documento", "desconhecido", "nenhum", "nao informado", "a confirmar"),
    *("б/н", "нет", "неизвестно", "без номера", "не указан"),  # noqa: RUF001
)


SYLLABLES = ("ba", "ce", "di", "fo", "gu", "la", "me", "ni", "po", "ru")


def listed(number: int, **cells: str) -> dict[str, Any]:
    """Return the row of one of many people whose names have nothing in common."""
    names = [
        "".join(SYLLABLES[int(digit)] for digit in f"{number * factor % 9973:04}").title()
        for factor in (1237, 7919)
    ]
    return {"name": " ".join(names), **cells}


def test_placeholders_identify_nobody(api: Api, conn: queries.Connection) -> None:
    writer = api.scope("contribute")
    for first in (0, len(PLACEHOLDERS)):
        rows = [listed(first + n, **{"id:registro": value}) for n, value in enumerate(PLACEHOLDERS)]
        result = preview(writer, table(rows))
        assert result["totals"]["new"] == len(rows), [
            (value, row["outcome"])
            for value, row in zip(PLACEHOLDERS, result["rows"], strict=True)
            if row["outcome"] != "new"
        ]
        for value, row in zip(PLACEHOLDERS, result["rows"], strict=True):
            assert row["ignored"] == [
                {
                    "column": "id:registro",
                    "pointer": None,
                    "detail": f"{value!r} is a placeholder, which identifies nobody.",
                }
            ]
        apply(writer, result["id"])
    assert people(conn) == 2 * len(PLACEHOLDERS)
    recorded = conn.execute("SELECT DISTINCT aliases, external_ids FROM detainees").fetchall()
    assert [(row.aliases, row.external_ids) for row in recorded] == [([], [])]


def test_a_value_that_several_people_share_identifies_nobody(
    api: Api, conn: queries.Connection
) -> None:
    writer = api.scope("contribute")
    rows = [
        *(listed(n, **{"id:expediente": "EXP-7", "id:cedula": f"C-10{n}"}) for n in range(8)),
        listed(8, **{"id:cedula": "C-108"}),
        {"name": listed(8)["name"].upper(), "id:cedula": "C-108"},
    ]
    result = preview(writer, table(rows))
    assert outcomes(result) == [*["new"] * 9, "same"]
    assert {cell["column"] for row in result["rows"] for cell in row["ignored"]} == {
        "id:expediente"
    }
    assert "people of different names" in result["rows"][7]["ignored"][0]["detail"]
    numbers = "\n".join(json.dumps(listed(n) | {"id:expediente": 7}) for n in range(8))
    ndjson = preview(writer, numbers.encode(), media_type=NDJSON)
    assert ndjson["totals"]["new"] == 8
    apply(writer, result["id"])
    assert people(conn) == 9
    assert outcomes(preview(writer, table(rows[8:]))) == ["same", "same"]


def recorded_ana(api: Api) -> str:
    """Record a woman with a number of a register, who is held."""
    person = api.detainee(
        "Ana Lucía Urdaneta",
        **{"sex": "female", "birth_date": "1985-03-17"},
        external_ids=[{"scheme": "registro", "value": "4711"}],
    )
    api.detention(person, detained_on="2024-02")
    return person


def test_a_mistyped_number_is_asked_about(api: Api) -> None:
    """Lists of two sources have a released man with a woman's number: her release stays open."""
    editor = api.scope("edit")
    ana = recorded_ana(editor)
    before = editor.get(f"/v1/detainees/{ana}")
    ids = [{"scheme": "registro", "value": "4711"}]
    body = {"items": [{"name": "Boris Chacón", "sex": "male", "external_ids": ids}]}
    (matched,) = editor.post("/v1/detainees/match", body, 200)["items"]
    assert [c["decision"] for c in matched["candidates"]] == ["possible"]
    row = {"name": "Boris Chacón", "sex": "male", "birth_year": "1961", "id:registro": "4711"}
    listed_release = table([{**row, "released_on": "2026-01-08"}])
    for source in (editor.source("Casa Abierta"), editor.source("Puertas")):
        result = preview(editor, listed_release, **attested_by(source))
        if outcomes(result) == ["possible_duplicate"]:
            (candidate, *_) = result["rows"][0]["candidates"]
            assert (candidate["detainee_id"], candidate["decision"]) == (ana, "possible")
            assert "4711" in candidate["features"][0]["detail"]
            assert result["flips"] == []
            apply(editor, result["id"], status=422)
            apply(editor, result["id"], {"row": 1, "decision": "new"})
        else:
            apply(editor, result["id"])
    assert editor.get(f"/v1/detainees/{ana}") == before
    assert editor.get("/v1/release-events", detainee_id=ana)["items"] == []
    assert editor.get("/v1/counts")["confirmed"] == 1
    (boris,) = editor.get("/v1/detainees", q="Boris Chacón")["items"]
    # The number stays with Ana, also when the same file is imported again.
    assert (boris["aliases"], boris["external_ids"]) == ([], [])
    assert outcomes(preview(editor, listed_release, **attested_by(source))) == ["same"]


def holders(conn: queries.Connection) -> dict[str, int]:
    """Return the number of people with each external id."""
    rows = conn.execute(
        "SELECT k.key, count(*) AS people FROM detainees d"
        " CROSS JOIN LATERAL unnest(external_id_keys(d.external_ids)) k (key) GROUP BY k.key"
    )
    return {row.key: row.people for row in rows}


def test_no_decision_gives_an_identifier_to_two_people(api: Api, conn: queries.Connection) -> None:
    """It stays with the recorded person, or with the person of the first row."""
    writer = api.scope("contribute")
    ana = recorded_ana(writer)
    boris = writer.detainee("Boris Chacón Villalobos", birth_date="1961-05-04")
    row = {"name": "Boris Chacón Villalobos", "birth_date": "1961-05-04", "N": "4711"}
    same, new = {"decision": "same", "detainee_id": boris}, {"decision": "new"}
    query = {"mapping": json.dumps({"N": "id:registro"})}
    for rows, decision, holder in (
        ([{"name": "Mateo Rondón", "N": " 4.711"}], new, ana),
        ([{"name": "Ana Lucía Urdaneta", "birth_date": "1985-11-17", "N": "4711"}], new, ana),
        ([row], same, ana),
        ([{**row, "id": boris}], None, ana),
        ([{**listed(1), "born": "1971-01-31", "N": n} for n in ("B-5", "b5")], None, None),
        ([{**listed(2), "born": f"19{y}-12-01", "N": "C-5"} for y in (31, 99)], new, "line 2"),
    ):
        result = preview(writer, table(rows), **query)
        last = result["rows"][-1]
        assert (last["outcome"] == "possible_duplicate") == bool(decision), rows
        assert [
            (cell["column"], f"{holder}: it stays" in cell["detail"]) for cell in last["ignored"]
        ] == ([("N", True)] if holder else [])
        decisions = [
            {"row": row["row"], **(decision or {})}
            for row in result["rows"]
            if row["outcome"] == "possible_duplicate"
        ]
        apply(writer, result["id"], *decisions)
        assert set(holders(conn).values()) == {1}, rows
    assert holders(conn).keys() == {f"{{registro}}{value}" for value in ("4711", "b5", "c5")}
    ids = writer.get(f"/v1/detainees/{ana}")["external_ids"]
    assert ids == [{"scheme": "registro", "value": "4711"}]


def test_a_list_sent_again_without_birth_dates_is_the_same(api: Api) -> None:
    writer = api.scope("contribute")
    people = [
        {**listed(n, **{"id:registro": f"FP-{n}"}), "birth_date": f"19{60 + n}-03-04"}
        for n in range(12)
    ]
    twins = [
        {"name": f"{given} Contreras Peña", "id:registro": f"T-{n}", "birth_date": "1987-04-02"}
        for n, given in enumerate(("Mayra", "Mayda"))
    ]
    first = [*people, *twins]
    result = preview(writer, table(first))
    doubtful = [r["row"] for r in result["rows"] if r["outcome"] == "possible_duplicate"]
    decisions = [{"row": row, "decision": "new"} for row in doubtful]
    recorded = [r["detainee_id"] for r in apply(writer, result["id"], *decisions)["rows"]]
    again = [
        {"name": row["name"], "id:registro": row["id:registro"].lower().replace("-", " ")}
        for row in reversed(first)
    ]
    result = preview(writer, table(again))
    assert [r["detainee_id"] for r in result["rows"]] == recorded[::-1]
    assert outcomes(result) == ["same"] * len(first)


def test_later_version_of_a_list_asks_only_about_its_new_rows(api: Api) -> None:
    """Names alone would be candidates only, and people of one name stay apart."""
    writer = api.scope("contribute")
    names = ("Pedro Pérez", "Ana Rondón", "José García", "Luis Rojas", "Rosa Díaz", "Juan Mora")
    first = [{"name": name, "detenido": "2025-08-01"} for name in names]
    twice = {"name": "Carlos Gil", "detenido": "2025-08-01"}
    result = preview(writer, table([*first, twice, twice]))
    decisions = [{"row": 8, "decision": "new"}]
    recorded = [r["detainee_id"] for r in apply(writer, result["id"], *decisions)["rows"]]
    assert len(set(recorded)) == 8
    later = [{"name": "Pedro Pérez", "detenido": "2025-09-02"}, *reversed(first), twice]
    rows = preview(writer, table(later))["rows"]
    assert [row["outcome"] for row in rows] == [
        "possible_duplicate",
        *["same"] * 6,
        "possible_duplicate",
    ]
    assert [row["detainee_id"] for row in rows[1:7]] == recorded[5::-1]
    # A person of one name in another list, a row that is twice, few rows, another source or key.
    for caller, rows, query in (
        (writer, [first[0], *({"name": f"Eva Nueva {n}"} for n in ("Paz", "Sol"))], {}),
        (writer, [*first, first[0]], {}),
        (writer, first[:4], {}),
        (writer, first, attested_by(api.scope("edit").source("Foro"))),
        (api.scope("edit"), first, {}),
    ):
        assert outcomes(preview(caller, table(rows), **query))[0] == "possible_duplicate"
    # The record has got another name since: the row is compared with it, and is another person.
    api.scope("edit").patch(f"/v1/detainees/{recorded[0]}", {"name": "Teodoro Yépez Marcano"})
    assert outcomes(preview(writer, table(first)))[0] == "new"


def test_people_split_or_unmerged_since_a_list_are_asked_about_once(api: Api) -> None:
    """Also with a birth date, which only the record that was split has."""
    editor = api.scope("edit")
    query = attested_by(editor.source("Foro"))
    duplicate = editor.detainee("Sofronio Vargas Ilde")
    surviving = editor.detainee("Sofronio Vargas Ilde Ibarra")
    merge = editor.post(f"/v1/detainees/{duplicate}/merge", {"into": surviving})["id"]
    released = {"detained_on": "2025-08-01", "released_on": "2026-01-08"}
    rows = [
        {**listed(1, birth_date="1974-06-02"), **released},
        *({**listed(n, birth_date=""), **released} for n in range(2, 6)),
        {"name": "Sofronio Vargas Ilde", "birth_date": "", "detained_on": "", "released_on": ""},
    ]
    result = preview(editor, table(rows), **query)
    same = {"row": 6, "decision": "same", "detainee_id": surviving}
    applied = apply(editor, result["id"], same)
    first = applied["rows"][0]["detainee_id"]
    (detention,) = editor.get(f"/v1/detainees/{first}/detentions")["items"]
    body = {"name": rows[0]["name"], "detention_ids": [detention["id"]]}
    new = editor.post(f"/v1/detainees/{first}/split", body)["new_detainee_id"]
    assert editor.send("DELETE", f"/v1/merges/{merge}").status_code == 200
    before = editor.get("/v1/counts")
    longer = [*rows, {**listed(7), **released, "released_on": ""}]
    for later in (rows, longer):
        result = preview(editor, table(later), **query)
        assert outcomes(result)[:6] == ["possible_duplicate", *["same"] * 4, "possible_duplicate"]
        for row, ids in ((0, {first, new}), (5, {duplicate, surviving})):
            candidates = result["rows"][row]["candidates"]
            assert {candidate["detainee_id"] for candidate in candidates} == ids
    decided = ((1, new), (6, duplicate))
    decisions = [{"row": row, "decision": "same", "detainee_id": id} for row, id in decided]
    apply(editor, result["id"], *decisions)
    assert editor.get("/v1/counts")["reported"] == before["reported"]
    for later in (longer, longer[::-1]):
        result = preview(editor, table(later), **query)
        assert outcomes(result) == ["same"] * 7
        assert {new, duplicate} < {row["detainee_id"] for row in result["rows"]}


def test_id_of_a_person_split_since_needs_a_decision(api: Api) -> None:
    """Unless the row is of an export after the split, which says so."""
    editor = api.scope("edit")
    query = attested_by(editor.source("Foro"))
    person = editor.detainee("Sofronio Vargas Ilde")
    detention = editor.detention(person, detained_on="2025-08-01")
    preview_before = preview(editor, table([{"id": person, "name": "Sofronio Vargas Ilde"}]))

    def exported() -> dict[str, str]:
        record = editor.get(f"/v1/detainees/{person}")
        return {name: record[name] for name in ("id", "name", "updated_at")}

    before = exported()
    body = {"name": "Sofronio Vargas Ilde", "detention_ids": [detention]}
    split = editor.post(f"/v1/detainees/{person}/split", body)
    people = {person, split["new_detainee_id"]}
    apply(editor, preview_before["id"], status=409)
    after = exported()
    moments = (before["updated_at"], "", "8/1/26 20:15")
    rows = [{**before, "updated_at": at, "occupation": f"x{i}"} for i, at in enumerate(moments)]
    released = {"detained_on": "2025-08-01", "released_on": "2026-01-08"}
    for row in rows:
        result = preview(editor, table([{**row, **released}]), **query)
        assert outcomes(result) == ["possible_duplicate"]
        assert {c["detainee_id"] for c in result["rows"][0]["candidates"]} == people
    decision = {"row": 1, "decision": "same", "detainee_id": split["new_detainee_id"]}
    apply(editor, result["id"], decision)
    (event,) = editor.get("/v1/release-events")["items"]
    assert event["detention_id"] == detention
    again = preview(editor, table([{**row, **released}]), **query)
    assert [row["detainee_id"] for row in again["rows"]] == [split["new_detainee_id"]]
    assert outcomes(again) == ["same"]
    # A list that knows of the split, and one of the new person.
    for row in (after, {"id": split["new_detainee_id"], "name": after["name"]}):
        (row,) = preview(editor, table([row]))["rows"]
        assert (row["outcome"], row["detainee_id"] in people) == ("same", True)
    # A key that may not see the two gets no candidate.
    for id in people:
        editor.patch(f"/v1/detainees/{id}", {"withheld": True})
    writer = api.scope("contribute")
    assert outcomes(preview(writer, table([rows[0]]))) == ["invalid"]
    editor.send("DELETE", f"/v1/splits/{split['id']}")
    assert outcomes(preview(editor, table([rows[1]]))) == ["changed"]


def test_recorded_values_are_replaced_by_a_decision_only(api: Api) -> None:
    writer = api.scope("contribute")
    ana = recorded_ana(writer)
    other = writer.detainee("Milagros Arráiz Tovar")
    name = "Ana Lucía Urdaneta"
    rows: list[Mapping[str, str]] = [
        {"name": name, "birth_date": "1985-03-71".replace("71", "11"), "id:registro": "4711"},
        {"name": name, "sex": "male", "id": ana},
        {"name": name, "birth_date": "1961-01-31", "id": ana},
        {"name": "Boris Chacón", "id": ana},
    ]
    before = api.get(f"/v1/detainees/{ana}")
    for row in rows:
        result = preview(writer, table([row]))
        assert outcomes(result) == ["possible_duplicate"], row
        assert [c["detainee_id"] for c in result["rows"][0]["candidates"]] == [ana], row
        apply(writer, result["id"], status=422)
        assert api.get(f"/v1/detainees/{ana}") == before
    adds = {"name": "Ana Urdaneta", "sex": "f", "birth_year": "1985", "id": ana}
    assert outcomes(preview(writer, table([adds]))) == ["changed"]
    result = preview(writer, table([{"name": "Milagros Arráiz", "sex": "f", "id": other}]))
    assert result["rows"][0]["changes"] == ["aliases", "sex"]
    result = preview(writer, table(rows[:1]))
    assert result["rows"][0]["changes"] == ["birth_date"]
    apply(writer, result["id"], {"row": 1, "decision": "same"})
    assert api.get(f"/v1/detainees/{ana}")["birth_date"] == "1985-03-11"


def test_an_identifier_of_one_person_and_the_name_of_another_is_asked_about(api: Api) -> None:
    writer = api.scope("contribute")
    ana = recorded_ana(writer)
    boris = writer.detainee("Boris Chacón Villalobos", birth_date="1961-05-04")
    row = {
        "name": "Boris Chacón Villalobos",
        **{"birth_date": "1961-05-04", "id:registro": "4711"},
    }
    result = preview(writer, table([row]))
    assert outcomes(result) == ["possible_duplicate"]
    assert {c["detainee_id"] for c in result["rows"][0]["candidates"]} == {ana, boris}


def contradicting(*rows: Mapping[str, str]) -> list[Mapping[str, str]]:
    name = "Belisario Quintanar Ozores"
    return [{"name": name, "birth_date": "", "sex": "", "age_group": "", **row} for row in rows]


def test_rows_that_contradict_each_other_are_invalid(api: Api, conn: queries.Connection) -> None:
    writer = api.scope("contribute")
    source = api.scope("edit").source("Casa Abierta")
    known = writer.detainee("Belisario Quintanar Ozores", nationalities=["VE"])
    id = {"id": known, "released_on": "2026-01-08"}
    for rows, column in (
        (({**id, "birth_date": "1974-06-02"}, {**id, "birth_date": "1974-06-20"}), "birth_date"),
        (({**id, "sex": "female"}, {**id, "sex": "male"}), "sex"),
        (({**id, "age_group": "adulto"}, {**id, "age_group": "menor"}), "age_group"),
        (
            (
                {"birth_date": "1974-06-02", "id:r": "R-7", "released_on": ""},
                {"birth_date": "1974-06-20", "id:r": "R-7", "released_on": ""},
            ),
            "birth_date",
        ),
    ):
        body = table([*contradicting(*rows), {"name": "Nelson Enrique Sanoja"}])
        result = preview(api.scope("edit"), body, **attested_by(source))
        assert outcomes(result) == ["invalid", "invalid", "new"], rows
        for row, other in ((0, 1), (1, 0)):
            (error,) = result["rows"][row]["errors"]
            assert error["column"] == column
            assert (
                f"contradicts line {other + 2}, with {rows[other][column]!r}".replace(
                    "adulto", "adult"
                ).replace("menor", "minor")
                in error["detail"]
            )
        assert (result["people"], result["attestations"], result["flips"]) == (1, 0, [])
        assert result["totals"]["invalid"] == 2
    agreeing = ({"birth_date": "1974-06-02"}, {"birth_year": "1974", "sex": "male"})
    result = preview(writer, table(contradicting(*agreeing)))
    assert "invalid" not in outcomes(result)


def test_namesakes_with_near_birth_dates_are_asked_about(
    api: Api, conn: queries.Connection
) -> None:
    writer = api.scope("contribute")
    rows = [
        {"name": "Marco Tulio Vega Lira", "fecha de nacimiento": f"{year}-03-04"}
        for year in (1991, 1990)
    ]
    result = preview(writer, table(rows))
    assert outcomes(result) == ["new", "possible_duplicate"]
    apply(writer, result["id"], {"row": 2, "decision": "new"})
    assert people(conn) == 2
    (item,) = writer.post(
        "/v1/detainees/match",
        {"items": [{"name": rows[0]["name"], "birth_date": "1991-03-05"}]},
        status=200,
    )["items"]
    assert {candidate["decision"] for candidate in item["candidates"]} == {"possible"}


def test_decisions_that_make_rows_contradict_each_other_are_refused(
    api: Api, conn: queries.Connection
) -> None:
    writer = api.scope("contribute")
    known = writer.detainee("Belisario Quintanar")
    rows = [
        {"name": "Belisario A. Quintanar", "birth_date": "1974-06-02"},
        {"name": "Belisario B. Quintanar", "birth_date": "1961-01-31"},
    ]
    result = preview(writer, table(rows))
    same = [{"row": row, "decision": "same", "detainee_id": known} for row in (1, 2)]
    problem = apply(writer, result["id"], *same, status=422)
    assert [error["pointer"] for error in problem["errors"]] == ["/rows/2"]
    assert "contradicts line 2" in problem["errors"][0]["detail"]
    apply(writer, result["id"], same[0], {"row": 2, "decision": "new"})
    assert people(conn) == 2


def test_only_editors_hide_recorded_people_by_the_age_group(api: Api) -> None:
    editor, writer = api.scope("edit"), api.scope("contribute")
    ana = recorded_ana(writer)
    path = f"/v1/detainees/{ana}"
    assert writer.patch(path, {"age_group": "minor"}, 403)["type"] == "/problems/forbidden"
    row = {"name": "Ana Lucía Urdaneta", "id:registro": "4711", "grupo de edad": "menor"}
    refused = preview(writer, table([row]))["rows"][0]
    assert (refused["outcome"], refused["errors"][0]["column"]) == ("invalid", "grupo de edad")
    assert "scope edit" in refused["errors"][0]["detail"]
    # As a decision on a possible duplicate, too.
    doubtful = {"name": "Ana Urdaneta", "grupo de edad": "menor"}
    result = preview(writer, table([doubtful]))
    assert outcomes(result) == ["possible_duplicate"]
    problem = apply(writer, result["id"], {"row": 1, "decision": "same"}, status=403)
    assert [error["pointer"] for error in problem["errors"]] == ["/rows/1"]
    assert api.get(path)["is_named"]
    # The answer about a hidden person does not depend on the recorded age group.
    for hidden in ({"withheld": True}, {"age_group": "minor"}):
        person = editor.detainee("Lucero Canario Paz", **hidden)
        for age_group in ("minor", "adult"):
            writer.patch(f"/v1/detainees/{person}", {"age_group": age_group}, 403)
    # A listed minor is hidden from the beginning.
    result = preview(writer, table([listed(1, **{"grupo de edad": "menor"})]))
    person_id = apply(writer, result["id"])["rows"][0]["detainee_id"]
    assert not api.get(f"/v1/detainees/{person_id}")["is_named"]
    result = preview(editor, table([row]))
    assert result["rows"][0]["changes"] == ["age_group"]
    apply(editor, result["id"])
    assert not api.get(path)["is_named"]
    editor.patch(path, {"age_group": "adult"})
    result = preview(editor, table([row]))
    assert outcomes(result) == ["possible_duplicate"]


def test_an_identifier_of_the_candidate_stays_if_the_row_is_another_person(api: Api) -> None:
    """An identifier of another person stays with that person, also if a row needs a decision."""
    editor = api.scope("edit")
    ana = recorded_ana(editor)
    editor.patch(f"/v1/detainees/{ana}", {"age_group": "adult"})
    ids = [{"scheme": "cedula", "value": "99"}]
    other = editor.detainee("Boris Chacón Villalobos", external_ids=ids)
    row = {"name": "Ana Lucía Urdaneta", "birth_date": "1985-03-17", "grupo de edad": "menor"}
    body = table([{**row, "id:registro": "4711", "id:cedula": "99", "id:fp": "S/N"}])
    result = preview(editor, body)
    assert outcomes(result) == ["possible_duplicate"]
    assert [cell["detail"] for cell in result["rows"][0]["ignored"]] == [
        "'S/N' is a placeholder, which identifies nobody.",
        f"'4711' is the identifier of /v1/detainees/{ana}: it stays with that person if this row "
        "is decided new.",
        f"'99' is the identifier of /v1/detainees/{other}: it stays with that person.",
    ]
    apply(editor, result["id"], {"row": 1, "decision": "same"})
    recorded = editor.get(f"/v1/detainees/{ana}")
    assert recorded["age_group"] == "minor"
    assert recorded["external_ids"] == [{"scheme": "registro", "value": "4711"}]


def test_a_pseudonym_is_not_a_name(api: Api, conn: queries.Connection) -> None:
    """Lists are often made from an export, in which hidden people have pseudonyms."""
    editor = api.scope("edit")
    person = editor.detainee("Rosaura Canario Vega", withheld=True)
    pseudonym = api.get(f"/v1/detainees/{person}")["name"]
    for caller in (api.scope("contribute"), editor):
        for row in ({"name": pseudonym}, {"name": pseudonym, "id": person}):
            (refused,) = preview(caller, table([row]))["rows"]
            assert [error["column"] for error in refused["errors"]] == ["name"]
        problem = caller.post("/v1/detainees", {"name": pseudonym}, 422)
        assert [error["pointer"] for error in problem["errors"]] == ["/name"]
    known = editor.detainee("Nelson Enrique Sanoja")
    editor.patch(f"/v1/detainees/{known}", {"name": pseudonym}, 422)
    assert people(conn) == 2


SEX_LETTERS: Mapping[str, tuple[str, Mapping[str, str], list[str | None]]] = {
    "femenino and masculino": ("F M", {}, ["female", "male"]),
    "hombre and mujer": ("H M", {}, ["male", "female"]),
    "one H among many M": ("M M M H", {}, ["female", "female", "female", "male"]),
    "lower case": ("m h", {}, ["female", "male"]),
    "women or men only": ("M M", {}, [None, None]),
    "both pairs": ("F H M", {}, ["female", "male", None]),
    "women only, decided": ("M M", {"sex_letters": "HM"}, ["female", "female"]),
    "men only, decided": ("M M", {"sex_letters": "FM"}, ["male", "male"]),
    "both pairs, decided": ("F H M", {"sex_letters": "FM"}, ["female", "male", "male"]),
    "words": ("Mujer Hombre Masculino Femenino", {}, ["female", "male", "male", "female"]),
    "words and a letter": ("Mujer M", {}, ["female", None]),
}


def test_the_letters_of_a_column_decide_the_sex(api: Api) -> None:
    editor = api.scope("edit")
    for number, (what, (letters, query, expected)) in enumerate(SEX_LETTERS.items()):
        rows = [
            listed(10 * number + n, **{"Género": letter})
            for n, letter in enumerate(letters.split())
        ]
        ndjson = "\n".join(f'{{"name": "{r["name"]}", "Género": "{r["Género"]}"}}' for r in rows)
        result = preview(editor, ndjson.encode(), media_type=NDJSON, **query)
        assert outcomes(result) == ["new" if sex else "invalid" for sex in expected], what
        result = preview(editor, table(rows), **query)
        for row, sex in zip(result["rows"], expected, strict=True):
            assert (row["outcome"] == "new") == (sex is not None), what
            if sex is None:
                (error,) = row["errors"]
                assert error["column"] == "Género"
                assert "send `sex_letters` (FM or HM)" in error["detail"]
        skips = [{"row": n, "decision": "skip"} for n, sex in enumerate(expected, 1) if not sex]
        applied = apply(editor, result["id"], *skips)
        recorded: list[Any] = [
            id and api.get(f"/v1/detainees/{id}")["sex"]
            for id in (row["detainee_id"] for row in applied["rows"])
        ]
        assert recorded == expected, what


# The work of a preview is bounded, and known from the list before it begins.

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def similar(rows: int, **cells: str) -> list[Mapping[str, str]]:
    """Return rows of different people who share most words of their names."""
    return [
        {"name": f"Luis Pérez González X{''.join(letters)}", **cells}
        for letters, _ in zip(product(LETTERS, repeat=3), range(rows), strict=False)
    ]


BORN = {"birth_date": "1974-06-02"}


def test_a_list_with_too_many_pairs_is_refused(api: Api, conn: queries.Connection) -> None:
    """Before any person is compared: the limit takes the first reading of the list only."""
    editor, writer = api.scope("edit"), api.scope("contribute")
    different = "name\n" + "\n".join(listed(n)["name"] for n in range(9_973)) + "\n"
    for body, row in (
        (table(similar(7_000)), 6_256),
        (table(similar(13_000, **BORN)), 12_503),
        (different.encode() * 19, None),
        ("\n".join(map(json.dumps, similar(7_000))).encode(), 6_256),
    ):
        media_type = NDJSON if body[:1] == b"{" else "text/csv"
        problems = [preview(caller, body, 422, media_type) for caller in (writer, editor)]
        assert problems[0] == problems[1]
        (error,) = problems[0]["errors"]
        assert row is None or error["pointer"] == f"/{row}"
        assert int(error["pointer"][1:]) < 26_000
        for advice in ("Split the list", "birth date", "identifier"):
            assert advice in error["detail"]
    assert conn.execute("SELECT FROM imports").fetchall() == []


def test_the_rows_before_the_limit_are_previewed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_survey, "MAX_PAIRS", 200)
    writer = api.scope("contribute")
    for cells, fitting in (({}, 8), (BORN, 12), ({"id:fp": "S/N"}, 8)):
        preview(writer, table(similar(fitting + 1, **cells)), 422)
        result = preview(writer, table(similar(fitting, **cells)))
        assert len(result["rows"]) == fitting
    rows = [listed(n, **{"id:fp": f"FP-{n}"}) for n in range(20)]
    assert outcomes(preview(writer, table(rows))) == ["new"] * 20


def test_the_names_of_shared_identifiers_are_few_comparisons(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two names are compared once, whatever they share, and each comparison counts as a pair."""
    compared: list[tuple[str, ...]] = []
    have_one_name = list_survey._have_one_name

    def count(*names: str) -> bool:
        compared.append(names)
        return have_one_name(*names)

    monkeypatch.setattr(list_survey, "_have_one_name", count)
    writer = api.scope("contribute")
    spellings = ("Ana Lucía Urdaneta", "ANA LUCIA URDANETA")

    def rows(ids: int, spellings: Sequence[str] = spellings) -> bytes:
        external_ids = [{"scheme": "fp", "value": f"FP-{n}"} for n in range(ids)]
        lines = [{"name": name, "external_ids": external_ids} for name in spellings * 3]
        return "\n".join(map(json.dumps, lines)).encode()

    assert outcomes(preview(writer, rows(20), media_type=NDJSON)) == ["new", *["same"] * 5]
    assert compared == [spellings]
    compared.clear()
    for body in (rows(500), rows(20, [f"{name} {'Paz ' * 250}" for name in spellings])):
        assert outcomes(preview(writer, body, media_type=NDJSON)) == ["invalid"] * 6
    assert compared == []
    # The pairs of a row with an identifier are at least 10, and here one more.
    monkeypatch.setattr(list_survey, "MAX_PAIRS", 21)
    names = [{"name": name, "id:fp": "FP-1"} for name in spellings]
    problem = preview(writer, table(names), 422)
    assert [error["pointer"] for error in problem["errors"]] == ["/2"]


def test_a_repeated_person_is_found_among_similar_names(api: Api) -> None:
    """Only the rarest keys of a row are looked up, if many rows share its keys."""
    rows = [dict(row) for row in similar(160, birth_date="")]
    rows[20]["birth_date"] = "1974-06-02"
    rows.append({"name": rows[20]["name"].upper(), "birth_date": "1974-06-02"})
    result = preview(api.scope("contribute"), table(rows))["rows"]
    assert result[160]["same_as_row"] == 21
