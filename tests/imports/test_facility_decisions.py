"""Facilities of lists that are recorded by other names or not at all: decided once per name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from api.database.queries import Connection
from api.imports import facility_decisions
from tests.commands.running import constancia, linux, snapshot
from tests.conftest import Api
from tests.imports.test_list_import import outcomes, preview, run_on_a_terminal, table
from tests.store_checks import check_store

UNKNOWN_ID = "019b9f3e-0000-4000-8000-000000000000"

# A list as an organisation keeps it: prisons by nicknames, in several spellings.
PLACES = (
    *("Rodeo I", "La Roca", "LA ROCA", "la  roca.", "Rodeo Uno", "s/f", "Yare", "Yare"),
    *("El Mesón", ""),
)
ROWS = [
    {"name": name, "sex": "f" if i else "x", "facility": place}
    for i, (name, place) in enumerate(
        [
            ("Nadie Prueba", "La Roca"),
            *zip(
                (
                    *("Ana Quintanar", "Belisario Ozores", "Carmen Urdaneta", "Dilia Bracho"),
                    *("Eleazar Zambrano", "Fermín Chacón", "Génesis Rondón", "Humberto Machado"),
                    *("Inés Villalobos", "Jacinto Otero"),
                ),
                PLACES,
                strict=True,
            ),
        ]
    )
]
SKIP_INVALID = {"row": 1, "decision": "skip"}


@pytest.fixture
def prisons(editor: Api) -> dict[str, str]:
    """Record two prisons; return their ids by name."""
    return {name: facility(editor, name) for name in ("Rodeo I", "Penal Yare")}


def facility(editor: Api, name: str, country: str = "VE", **fields: Any) -> str:
    body = {"name": name, "country": country, **fields}
    return str(editor.post("/v1/facilities", body)["id"])


def apply(api: Api, id: str, decisions: Any, *rows: Mapping[str, Any], status: int = 200) -> Any:
    body = {"decisions": rows, "facility_decisions": decisions}
    return api.post(f"/v1/imports/{id}/apply", body, status)


def errors(problem: Any) -> dict[str, str]:
    return {error["pointer"]: error["detail"] for error in problem["errors"]}


def held_in(conn: Connection) -> dict[str, str | None]:
    """Return the name of the facility of each person with a detention."""
    rows = conn.execute(
        "SELECT p.name, f.name AS facility FROM detentions d "
        "JOIN detainees p ON p.id = d.detainee_id LEFT JOIN facilities f ON f.id = d.facility_id"
    )
    return {row.name: row.facility for row in rows}


def test_each_name_is_decided_once(editor: Api, prisons: dict[str, str], conn: Connection) -> None:
    result = preview(editor, table(ROWS))
    assert outcomes(result) == ["invalid", *["new"] * 10]
    names = [(name["name"], name["rows"]) for name in result["facilities"]]
    assert names == [("La Roca", 3), ("Rodeo Uno", 1), ("Yare", 2), ("El Mesón", 1)]
    # Each row says which name it waits for.
    waiting = [row["facility"] for row in result["rows"][2:]]
    assert waiting == ["La Roca", "LA ROCA", "la roca.", *PLACES[4:5], None, *PLACES[6:9], None]
    assert all(name["decision"] is name["facility_id"] is None for name in result["facilities"])
    yare = {"facility_id": prisons["Penal Yare"], "name": "Penal Yare", "score": 0.98}
    place = {"country": "VE", "region": None}
    assert result["facilities"][2]["candidates"] == [{**yare, **place}]
    assert result["facilities"][3]["candidates"] == []
    # What was not decided is said at once, of rows and of facilities.
    missing = errors(apply(editor, result["id"], [], status=422))
    assert missing.keys() == {"/rows/1", *(f"/facilities/{i}" for i in range(4))}
    assert "in 3 rows: decide same, new or skip in facility_decisions" in missing["/facilities/0"]
    assert "named 'Rodeo Uno', in 1 row: decide" in missing["/facilities/1"]
    decisions: list[dict[str, Any]] = [
        {"name": "La Roca", "decision": "new", "country": "VE", "region": "Miranda"},
        {"name": "rodeo uno", "decision": "same", "facility_id": prisons["Rodeo I"]},
        {"name": "Yare", "decision": "same", "facility_id": prisons["Penal Yare"]},
        {"name": "el meson", "decision": "skip"},
    ]
    applied = apply(editor, result["id"], decisions, SKIP_INVALID)
    assert held_in(conn) == {
        "Ana Quintanar": "Rodeo I",
        **dict.fromkeys(["Belisario Ozores", "Carmen Urdaneta", "Dilia Bracho"], "La Roca"),
        "Eleazar Zambrano": "Rodeo I",
        **dict.fromkeys(["Génesis Rondón", "Humberto Machado"], "Penal Yare"),
    }
    (roca,) = editor.get("/v1/facilities", q="La Roca")["items"]
    assert (roca["country"], roca["region"]) == ("VE", "Miranda")
    ids = [roca["id"], prisons["Rodeo I"], prisons["Penal Yare"], None]
    decided = [(name["decision"], name["facility_id"]) for name in applied["facilities"]]
    assert decided == list(zip(("new", "same", "same", "skip"), ids, strict=True))
    assert all(name["candidates"] == [] for name in applied["facilities"])
    rodeo = editor.get(f"/v1/facilities/{prisons['Rodeo I']}")
    assert rodeo["aliases"] == ["rodeo uno"]
    ledger = conn.execute(
        "SELECT action, resource_id::text AS id FROM ledger WHERE resource = 'facility' "
        "ORDER BY seq OFFSET 2"
    )
    assert {tuple(row) for row in ledger} == {
        ("created", roca["id"]), ("updated", ids[1]), ("updated", ids[2])
    }  # fmt: skip
    check_store(conn)
    # Repeated, it changes nothing; with other decisions it is a conflict.
    before = snapshot(conn)
    assert apply(editor, result["id"], decisions, SKIP_INVALID) == applied
    for other in (
        decisions[:3],
        [*decisions[:3], {"name": "El Mesón", "decision": "new", "country": "VE"}],
        [{**decisions[0], "region": None}, *decisions[1:]],
        [*decisions[:2], {**decisions[2], "facility_id": roca["id"]}, decisions[3]],
    ):
        assert apply(editor, result["id"], other, SKIP_INVALID, status=409)["type"].endswith(
            "/conflict"
        )
    assert snapshot(conn) == before
    # The list, sent again, needs a decision on what was left out only.
    again = preview(editor, table(ROWS))
    assert outcomes(again) == ["invalid", *["same"] * 10]
    assert [name["name"] for name in again["facilities"]] == ["El Mesón"]
    # A row that is the same gets the facility nevertheless.
    meson = facility(editor, "Centro Norte")
    same = [{"name": "El Mesón", "decision": "same", "facility_id": meson}]
    apply(editor, again["id"], same, SKIP_INVALID)
    assert held_in(conn)["Inés Villalobos"] == "Centro Norte"
    assert preview(editor, table(ROWS))["facilities"] == []
    check_store(conn)


def test_contributor_uses_facilities_and_records_none(
    api: Api, prisons: dict[str, str], conn: Connection
) -> None:
    writer = api.scope("contribute")
    result = preview(writer, table([{"name": "Ana Prueba", "facility": "El Rodeo Uno"}]))
    before = snapshot(conn)
    new = [{"name": "El Rodeo Uno", "decision": "new", "country": "VE"}]
    problem = apply(writer, result["id"], new, status=403)
    assert errors(problem).keys() == {"/facility_decisions/0/decision"}
    assert snapshot(conn) == before
    same = [{"name": "El Rodeo Uno", "decision": "same", "facility_id": prisons["Rodeo I"]}]
    apply(writer, result["id"], same)
    assert held_in(conn) == {"Ana Prueba": "Rodeo I"}
    assert writer.get(f"/v1/facilities/{prisons['Rodeo I']}")["aliases"] == []


def test_wrong_decisions_are_errors_at_their_places(
    editor: Api, prisons: dict[str, str], conn: Connection
) -> None:
    rows = [{"name": "Ana Prueba", "facility": "La Roca"}, {"name": "Eva", "facility": "Yare II"}]
    id = preview(editor, table(rows))["id"]
    before = snapshot(conn)
    yare = {"name": "Yare II", "decision": "skip"}
    existing = prisons["Rodeo I"]
    for decision, fields in (
        ({"decision": "same"}, {"facility_id"}),
        ({"decision": "same", "facility_id": UNKNOWN_ID}, {"facility_id"}),
        ({"decision": "same", "facility_id": existing, "country": "VE"}, {"country"}),
        ({"decision": "new"}, {"country"}),
        ({"decision": "new", "country": "VE", "facility_id": existing}, {"facility_id"}),
        ({"decision": "skip", "region": "Miranda", "facility_id": None}, {"region"}),
        ({"decision": "skip", "name": "Rodeo I"}, {"name"}),
        ({"decision": "skip", "name": "YARE II"}, {"name"}),
    ):
        problem = apply(editor, id, [yare, {"name": "La Roca", **decision}], status=422)
        assert errors(problem).keys() == {f"/facility_decisions/1/{f}" for f in fields}, decision
    assert snapshot(conn) == before
    # A name is needed by no row that is skipped, and a decision on it records nothing.
    new = {"name": "La Roca", "decision": "new", "country": "VE"}
    skipped = {"row": 1, "decision": "skip"}
    assert apply(editor, id, [new, yare], skipped) == apply(editor, id, [new, yare], skipped)
    assert len(editor.get("/v1/facilities")["items"]) == 2
    assert held_in(conn) == {}


def test_name_that_another_facility_has_is_refused(
    editor: Api, prisons: dict[str, str], conn: Connection
) -> None:
    body = table([{"name": "Ana Prueba", "facility": "La Roca"}])
    id = preview(editor, body)["id"]
    other = facility(editor, "Roca Tarpeya", aliases=["la roca"])
    before = snapshot(conn)
    new: dict[str, Any] = {"name": "La Roca", "decision": "new", "country": "VE"}
    same = {"name": "La Roca", "decision": "same", "facility_id": prisons["Rodeo I"]}
    for decision in (new, same):
        problem = apply(editor, id, [decision], status=409)
        assert problem["type"] == "/problems/facility-exists"
        assert problem["facility_id"] == other
        assert "decide same with its id" in errors(problem)["/facility_decisions/0"]
    assert snapshot(conn) == before
    # A name that two facilities have is decided as well, and is no new alias.
    abroad = facility(editor, "La Roca", "CO")
    result = preview(editor, body)
    candidates = [(c["facility_id"], c["score"]) for c in result["facilities"][0]["candidates"]]
    assert sorted(candidates) == sorted([(other, 1), (abroad, 1)])
    apply(editor, result["id"], [{**same, "facility_id": abroad}])
    assert held_in(conn) == {"Ana Prueba": "La Roca"}
    assert editor.get(f"/v1/facilities/{abroad}")["aliases"] == []


def test_hidden_people_keep_their_facilities(
    api: Api, editor: Api, prisons: dict[str, str], conn: Connection
) -> None:
    """A key that entered a person, later hidden, changes nothing by a decision."""
    writer = api.scope("contribute")
    body = table([{"name": "Rosaura Canario Vega", "facility": "La Roca"}])
    decision = {"name": "La Roca", "decision": "same", "facility_id": prisons["Rodeo I"]}
    first = preview(writer, body)
    person = apply(writer, first["id"], [decision])["rows"][0]["detainee_id"]
    editor.patch(f"/v1/detainees/{person}", {"withheld": True})
    again = preview(writer, body)
    assert outcomes(again) == ["same"]
    apply(writer, again["id"], [{**decision, "facility_id": prisons["Penal Yare"]}])
    assert held_in(conn) == {"Rosaura Canario Vega": "Rodeo I"}


def test_facility_of_hidden_people_alone_is_neither_recorded_nor_renamed_with_them(
    api: Api, editor: Api, prisons: dict[str, str]
) -> None:
    """Its moment is public, and that of the people: it would tell where they are."""
    withheld = editor.detainee("Rosaura Canario Vega", withheld=True)
    people = [
        {"name": "Nieves Canario Vega", "age_group": "minor", "facility": "La Roca"},
        {"name": "Nieves Canario Vega", "age_group": "unknown", "facility": "La Roca"},
        {"name": "Rosaura Canario Vega", "age_group": "adult", "facility": "Yare"},
        {"name": "Elvira Prueba Soto", "age_group": "adult", "facility": "El Rodeo"},
    ]
    result = preview(editor, table(people))
    decisions = [
        {"name": "La Roca", "decision": "new", "country": "VE"},
        {"name": "Yare", "decision": "same", "facility_id": prisons["Penal Yare"]},
        {"name": "El Rodeo", "decision": "same", "facility_id": prisons["Rodeo I"]},
    ]
    rows = [
        {"row": 2, "decision": "same", "same_as_row": 1},
        {"row": 3, "decision": "same", "detainee_id": withheld},
    ]
    before = api.get("/v1/facilities")
    problem = apply(editor, result["id"], decisions, *rows, status=422)
    assert errors(problem).keys() == {"/facility_decisions/0/decision"}
    decisions[0] = {"name": "La Roca", "decision": "same", "facility_id": prisons["Rodeo I"]}
    apply(editor, result["id"], decisions, *rows)
    aliases = {facility["name"]: facility["aliases"] for facility in before["items"]}
    shown = {item["name"]: item["aliases"] for item in api.get("/v1/facilities")["items"]}
    assert shown == {**aliases, "Rodeo I": ["El Rodeo"]}
    # A later row says that the person is a minor.
    people = [
        {"name": "Casilda Canario Vega", "age_group": "unknown", "facility": "La Roca"},
        {"name": "Casilda Canario Vega", "age_group": "minor", "facility": ""},
    ]
    result = preview(editor, table(people))
    decided = [{"name": "La Roca", "decision": "new", "country": "VE"}]
    row = {"row": 2, "decision": "same", "same_as_row": 1}
    problem = apply(editor, result["id"], decided, row, status=422)
    assert errors(problem).keys() == {"/facility_decisions/0/decision"}
    # Recorded with somebody who is named, it is public.
    people = [
        {"name": "Hilario Bermejo Paz", "age_group": "minor", "facility": "La Roca"},
        {"name": "Wilfredo Linares Ruz", "age_group": "adult", "facility": "La Roca"},
    ]
    result = preview(editor, table(people))
    apply(editor, result["id"], decided)
    assert api.get("/v1/facilities", q="La Roca")["items"]


def test_list_with_many_unknown_facilities_has_another_column_there(
    editor: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facility_decisions, "MAX_NAMES", 2)
    places = ["La Roca", "Yare", "la roca", "Ramo Verde"]
    rows = [{"name": f"Persona {chr(65 + i)}", "facility": p} for i, p in enumerate(places)]
    result = preview(editor, table(rows))
    assert [row["errors"] != [] for row in result["rows"]] == [False, False, False, True]
    assert "map the column" in result["rows"][3]["errors"][0]["detail"]
    assert [name["name"] for name in result["facilities"]] == places[:2]


# The command.


@pytest.fixture
def list_file(tmp_path: Path) -> Path:
    file = tmp_path / "list.csv"
    rows = ROWS[1:6]
    file.write_bytes(table(rows))
    return file


def test_command_takes_decisions_as_options(
    list_file: Path, database: str, editor: Api, prisons: dict[str, str], conn: Connection
) -> None:
    command = ("import", list_file)
    before = snapshot(conn)
    result = constancia(*command, "--dry-run", DATABASE_URL=database)
    assert result.exit_code == 0
    place = "the facility of 3 rows (line 3, line 4, line 5)"
    assert f"'La Roca', {place}, needs a decision" in result.stdout
    for options, texts in (
        ([], ["2 facilities need", '--facility "La Roca=..." --facility "Rodeo Uno=..."']),
        (
            ["La Roca=skip"],
            ["1 facility needs a decision, and nothing was changed. Add --facility"],
        ),
        (["La Roca"], ["NAME=new:VE"]),
        (["La Roca=new"], ["The country is wrong"]),
        (["La Roca=new:Venezuela"], ["The country is wrong"]),
        (["La Roca=7"], ["The id is wrong"]),
    ):
        given = [word for option in options for word in ("--facility", option)]
        result = constancia(*command, "--yes", *given, DATABASE_URL=database)
        assert (result.exit_code, "Traceback" in result.stderr) == (2, False), options
        assert all(text in result.stderr for text in texts), (options, result.stderr)
    options = ["--facility", "la roca=new:VE:Miranda", "--facility", f"Rodeo Uno={UNKNOWN_ID}"]
    result = constancia(*command, "--yes", *options, DATABASE_URL=database)
    assert result.exit_code == 1
    assert "--facility/1/facility_id: There is no facility with this id." in result.stderr
    assert snapshot(conn) == before
    options[-1] = f"Rodeo Uno={prisons['Rodeo I']}"
    result = constancia(*command, "--yes", *options, "--facility", "X=skip", DATABASE_URL=database)
    assert result.exit_code == 0, result.stderr
    assert "The facility 'X' needs no decision." in result.stderr
    assert sorted(map(str, held_in(conn).values())) == ["Rodeo I"] * 2 + ["la roca"] * 3
    assert editor.get("/v1/facilities", q="la roca")["items"][0]["region"] == "Miranda"
    assert constancia(*command, "--yes", DATABASE_URL=database).exit_code == 0


@linux
def test_command_asks_once_for_each_name(
    list_file: Path, database: str, prisons: dict[str, str], conn: Connection
) -> None:
    typed = f"x\nn\nXX\nCO\n{UNKNOWN_ID}\n1\ny\n"
    exit_code, output = run_on_a_terminal(typed, "import", list_file, DATABASE_URL=database)
    assert exit_code == 0, output
    assert "There is no facility with this id." in output
    assert "1  Rodeo I (VE)  " in output
    assert sorted(map(str, held_in(conn).values())) == ["La Roca"] * 3 + ["Rodeo I"] * 2
    country = conn.execute("SELECT country FROM facilities WHERE name = 'La Roca'").fetchone()
    assert country.country == "CO"


@linux
def test_command_offers_no_new_facility_for_hidden_people_alone(
    tmp_path: Path, database: str, prisons: dict[str, str], conn: Connection
) -> None:
    file = tmp_path / "minors.csv"
    people = [("Nieves Canario Vega", "minor", "La Roca"), ("Ana Prueba", "adult", "")]
    names = ("name", "age_group", "facility")
    file.write_bytes(table([dict(zip(names, person, strict=True)) for person in people]))
    refusal = "Only people who are not named are at 'La Roca'"
    option = ("--facility", "La Roca=new:VE")
    result = constancia("import", file, "--yes", *option, DATABASE_URL=database)
    assert (result.exit_code, refusal in result.stderr) == (2, True)
    typed = f"n\nnew:VE\n{prisons['Rodeo I']}\ny\n"
    exit_code, output = run_on_a_terminal(typed, "import", file, DATABASE_URL=database)
    assert (exit_code, output.count(refusal), "n for a new" in output) == (0, 2, False), output
    assert held_in(conn) == {"Nieves Canario Vega": "Rodeo I"}


@linux
@pytest.mark.parametrize(("answer", "shown"), [("1", "Rodeo I (VE)"), ("s", "Rodeo Uno")])
def test_command_compares_people_by_the_decided_facility(
    answer: str, shown: str, tmp_path: Path, database: str, editor: Api, prisons: dict[str, str]
) -> None:
    editor.detainee("Fermín Otero")
    file = tmp_path / "list.csv"
    file.write_bytes(table([{"name": "Fermín A. Otero", "facility": "Rodeo Uno"}]))
    typed = f"{answer}\nskip\ny\n"
    exit_code, output = run_on_a_terminal(typed, "import", file, DATABASE_URL=database)
    assert exit_code == 0, output
    rows = [line.split() for line in output.splitlines()]
    assert ["facility", *shown.split()] in rows, output
