"""Imports of foreign cases: previewed entry by entry, decided, and applied in one transaction."""

import copy
import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from uuid import uuid4

import pytest

from api.cases import loader
from api.database import queries
from api.rendering.media_types import CASE
from tests.brute_force import Ledger, assert_statuses_are_recounted
from tests.commands import running
from tests.commands.running import constancia, linux
from tests.conftest import CASES, Api
from tests.imports.interrupted import kill_during_write, send
from tests.imports.test_list_import import (
    apply,
    invented_person,
    outcomes,
    people,
    respelled_name,
    run_on_a_terminal,
    seq,
    table,
)
from tests.imports.test_list_import import preview as preview_list
from tests.store_checks import check_store, open_store
from tests.support import Service, data_dir, serving

EXAMPLE = CASES / "venezuela-2026-01-08.json"
MORNING, NOON = "2026-01-09T08:00:00Z", "2026-01-09T12:00:00Z"


def preview(api: Api, body: Any, status: int = 201, **query: str) -> Any:
    response = api.send(
        "POST",
        "/v1/imports",
        query_string=query,
        data=body if isinstance(body, bytes) else json.dumps(body),
        content_type=CASE,
    )
    assert response.status_code == status, response.text
    return response.get_json(force=True)


def snapshot(conn: queries.Connection) -> Mapping[str, Any]:
    """Return the rows of all tables but those of imports."""
    tables = running.snapshot(conn)
    return {name: rows for name, rows in tables.items() if not name.startswith("import")}


def row_of(result: Any, place: str) -> Any:
    (row,) = (row for row in result["rows"] if row["place"] == place)
    return row


def outcome_of(result: Any) -> Mapping[str, str]:
    return {row["place"]: row["outcome"] for row in result["rows"]}


def attestation(key: str, event: str, source: str, **fields: Any) -> dict[str, Any]:
    return {
        "key": key,
        "release_event": event,
        "source": source,
        "stance": "confirms",
        "basis": "first_hand",
        "evidence": "report",
        "published_at": NOON,
        **fields,
    }


def case_of_one(name: str = "Belisario José Quintanar Ozores", **properties: Any) -> dict[str, Any]:
    """Return a case with one person, one release event and one attestation."""
    return {
        "case": "of-one",
        "sources": [{"key": "monitor", "name": "El Monitor", "kind": "news_outlet"}],
        "detainees": [
            {
                "key": "he",
                "name": name,
                "birth_date": "1974-06-02",
                "sex": "male",
                "detention": {"facility": None, "detained_on": "2024-02", "whereabouts": "known"},
                **properties,
            }
        ],
        "release_events": [{"key": "out", "detainee": "he", "occurred_on": "2026-01-08"}],
        "attestations": [attestation("word", "out", "monitor")],
    }


def record_person(editor: Api, name: str = "Quintanar Ozores, Belisario J.") -> tuple[str, str]:
    """Record the same person and release event, with the attestation of another source."""
    person = editor.detainee(name, birth_date="1974-06-02", sex="male")
    editor.detention(person, detained_on="2024-02-09")
    event = editor.event(person, "2026-01-09")
    editor.attest(event, editor.source("Puertas Abiertas"), MORNING)
    return person, event


def test_an_applied_case_equals_a_loaded_case(editor: Api, conn: queries.Connection) -> None:
    body = EXAMPLE.read_bytes()
    before = snapshot(conn)
    result = preview(editor, body)
    assert set(outcomes(result)) == {"new"}
    assert snapshot(conn) == before
    case = json.loads(body)
    assert len(result["rows"]) == sum(len(case[name]) for name in case if name in LISTS)
    assert [row["row"] for row in result["rows"]] == list(range(1, len(result["rows"]) + 1))
    assert (result["people"], result["release_events"]) == (3, 3)
    assert result["attestations"] == len(case["attestations"])
    assert {flip["from"] for flip in result["flips"]} == {"unverified"}
    assert sorted(flip["to"] for flip in result["flips"]) == ["confirmed", "reported"]
    applied = apply(editor, result["id"])
    assert all(row["record_id"] for row in applied["rows"])
    counts = editor.get("/v1/counts", as_of="2026-01-09T16:00:00Z")
    assert [counts[status] for status in ("confirmed", "reported", "unverified")] == [1, 1, 1]
    # `load` recognises imported entries.
    assert not any(loader.load(conn, EXAMPLE, lambda _: None).values())


LISTS = (
    *("sources", "affiliations", "facilities", "claims", "detainees", "release_events"),
    *("attestations", "detentions"),
)


def test_importing_a_case_twice_changes_nothing(editor: Api, conn: queries.Connection) -> None:
    text = EXAMPLE.read_bytes()
    apply(editor, preview(editor, text)["id"])
    before = seq(conn)
    result = preview(editor, text)
    assert set(outcomes(result)) == {"same"}
    assert result["flips"] == []
    apply(editor, result["id"])
    assert seq(conn) == before


def test_entries_of_a_loaded_case_are_same(editor: Api, conn: queries.Connection) -> None:
    loader.load(conn, EXAMPLE, lambda _: None)
    result = preview(editor, EXAMPLE.read_bytes())
    assert set(outcomes(result)) == {"same"}


def test_a_case_with_another_name_links_to_the_same_records(
    editor: Api, conn: queries.Connection
) -> None:
    """The same case with another name has other entry ids, but creates no duplicates."""
    loader.load(conn, EXAMPLE, lambda _: None)
    before = seq(conn)
    renamed = {**json.loads(EXAMPLE.read_text()), "case": "another-house"}
    result = preview(editor, renamed)
    decisions = [
        {"row": row["row"], "decision": "same"} for row in result["rows"] if row["candidates"]
    ]
    assert "new" not in outcomes(result)
    apply(editor, result["id"], *decisions)
    assert seq(conn) == before
    assert people(conn) == 3
    repeated = preview(editor, renamed)
    assert set(outcomes(repeated)) == {"same"}
    assert not any(load(conn, renamed).values())


def load(conn: queries.Connection, body: Any) -> Mapping[str, int]:
    with NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(body, file)
        file.flush()
        return loader.load(conn, Path(file.name), lambda _: None)


def test_an_exported_case_is_linked_by_record_ids(editor: Api, conn: queries.Connection) -> None:
    loader.load(conn, EXAMPLE, lambda _: None)
    (announcement,) = editor.get("/v1/claims", kind="announced")["items"]
    body = editor.send("GET", f"/v1/claims/{announcement['id']}/case").get_data()
    result = preview(editor, body)
    assert set(outcomes(result)) == {"same"}
    entries = json.loads(body)
    assert all(
        row["record_id"]
        == entries[row["place"].split("/")[1]][int(row["place"].split("/")[2])]["key"]
        for row in result["rows"]
    )


def test_a_pseudonym_is_not_imported_as_a_name(
    editor: Api, api: Api, conn: queries.Connection
) -> None:
    times = {"kind": "announced", "as_of": MORNING, "published_at": MORNING}
    announcement = {**times, "source_id": editor.source("Gobierno", "state_body")}
    claim = editor.post("/v1/claims", announcement)["id"]
    person, event = record_person(editor)
    editor.patch(f"/v1/release-events/{event}", {"announcement_id": claim})
    editor.patch(f"/v1/detainees/{person}", {"withheld": True})
    case = api.get(f"/v1/claims/{claim}/case")
    (hidden,) = case["detainees"]
    assert hidden["name"].startswith("Person ")
    result = preview(editor, case)
    assert row_of(result, "/detainees/0")["record_id"] == person
    assert row_of(result, "/detainees/0")["outcome"] == "same"
    apply(editor, result["id"])
    assert editor.get(f"/v1/detainees/{person}")["aliases"] == []


def test_a_name_that_says_that_a_person_is_a_minor_is_no_alias_of_one_who_is_named(
    editor: Api,
) -> None:
    record_person(editor)
    case = case_of_one("Belisario José Quintanar Ozores (menor)", aliases=["Beli (menor de edad)"])
    result = preview(editor, case)
    pointers = [error["pointer"] for error in row_of(result, "/detainees/0")["errors"]]
    assert pointers == ["/detainees/0/name", "/detainees/0/aliases/0"]
    case["detainees"][0]["withheld"] = True
    row = row_of(preview(editor, case), "/detainees/0")
    assert row["changes"] == ["aliases", "withheld"]


def test_a_person_with_another_spelling_is_matched(editor: Api, conn: queries.Connection) -> None:
    person, event = record_person(editor)
    result = preview(editor, case_of_one(occupation="médico"))
    assert outcome_of(result) == {
        "/sources/0": "new",
        "/detainees/0": "changed",
        "/release_events/0": "same",
        "/attestations/0": "new",
    }
    row = row_of(result, "/detainees/0")
    assert (row["resource"], row["detainee_id"], row["record_id"]) == ("detainee", person, person)
    assert row["changes"] == ["aliases", "occupation"]
    assert row_of(result, "/release_events/0")["record_id"] == event
    assert result["flips"] == [
        {"row": 3, "release_event_id": event, "from": "reported", "to": "confirmed"}
    ]
    assert (result["people"], result["release_events"], result["attestations"]) == (0, 0, 1)
    apply(editor, result["id"])
    assert people(conn) == 1
    record = editor.get(f"/v1/detainees/{person}")
    assert record["aliases"] == ["Belisario José Quintanar Ozores"]
    assert record["occupation"] == "médico"
    assert editor.get(f"/v1/release-events/{event}")["verification"]["status"] == "confirmed"
    assert set(outcomes(preview(editor, case_of_one(occupation="médico")))) == {"same"}
    # A second edition has more values for the same entries.
    second_edition = case_of_one(occupation="médico")
    second_edition["attestations"].append(
        attestation("later", "out", "monitor", published_at=MORNING)
    )
    assert outcomes(preview(editor, second_edition)) == ["same"] * 4 + ["new"]
    assert load(conn, second_edition)["attestations"] == 1
    items = editor.get("/v1/attestations")["items"]
    assert {item["release_event_id"] for item in items} == {event}
    check(conn)


def check(conn: queries.Connection) -> None:
    check_store(conn)
    assert_statuses_are_recounted(conn, Ledger(conn).record(datetime.now(UTC)))


def test_a_case_with_other_spellings_creates_no_duplicates(
    editor: Api, conn: queries.Connection
) -> None:
    """A case has forty people, of whom thirty are recorded with other spellings."""
    for number in range(30):
        invented = invented_person(number)
        sex = "male" if invented["sex"] == "m" else "female"
        name = f"{invented['given']} {invented['first']} {invented['second']}"
        person = editor.detainee(name, birth_date=invented["born"], sex=sex)
        editor.detention(person, detained_on="2025-03")
    result = preview(editor, case_of_many(range(40)))
    undecided = [row for row in result["rows"] if row["candidates"]]
    decisions = [
        {
            "row": row["row"],
            "decision": "same",
            "detainee_id": max(row["candidates"], key=itemgetter("score"))["detainee_id"],
        }
        for row in undecided
    ]
    assert result["totals"]["invalid"] == 0
    assert result["people"] == 10
    apply(editor, result["id"], *decisions)
    assert people(conn) == 40
    assert editor.get("/v1/counts")["reported"] == 40
    before = seq(conn)
    repeated = preview(editor, case_of_many(range(40)))
    assert set(outcomes(repeated)) == {"same"}
    apply(editor, repeated["id"])
    assert seq(conn) == before
    check(conn)


def case_of_many(numbers: Sequence[int] | range) -> dict[str, Any]:
    case = case_of_one()
    case["case"] = "of-many"
    for name in ("detainees", "release_events", "attestations"):
        case[name] = []
    for number in numbers:
        person = invented_person(number)
        sex = "male" if person["sex"] == "m" else "female"
        case["detainees"].append(
            {
                "key": f"p{number}",
                "name": respelled_name(person, number),
                "birth_date": person["born"],
                "sex": sex,
                "detention": {"detained_on": "2025-03"},
            }
        )
        case["release_events"].append(
            {"key": f"e{number}", "detainee": f"p{number}", "occurred_on": "2026-01-08"}
        )
        case["attestations"].append(attestation(f"w{number}", f"e{number}", "monitor"))
    return case


def possible_duplicate(editor: Api) -> tuple[str, dict[str, Any]]:
    """Record a person; return the id and a case with a possible duplicate."""
    person = editor.detainee("Fermín Otero")
    case = case_of_one("Fermín A. Otero")
    del case["detainees"][0]["birth_date"]
    return person, case


def test_recorded_values_are_replaced_by_a_decision_only(
    editor: Api, conn: queries.Connection
) -> None:
    """A person matched by an identifier, and one whose entry was imported before."""
    ids = {"external_ids": [{"scheme": "registro", "value": "4711"}]}
    person = editor.detainee(
        "Belisario José Quintanar Ozores", birth_date="1974-06-20", sex="male", **ids
    )
    for birth_date in ("1974-06-02", "1974-06-03"):
        case = case_of_one(birth_date=birth_date, **ids)
        result = preview(editor, case)
        row = row_of(result, "/detainees/0")
        assert row["outcome"] == "possible_duplicate"
        assert [candidate["detainee_id"] for candidate in row["candidates"]] == [person]
        apply(editor, result["id"], status=422)
        apply(editor, result["id"], {"row": row["row"], "decision": "same"})
        assert editor.get(f"/v1/detainees/{person}")["birth_date"] == birth_date
        assert "possible_duplicate" not in outcomes(preview(editor, case))
    assert people(conn) == 1
    # Another person does not get the identifier.
    case = {**case_of_one(birth_date="1961-01-31", **ids), "case": "another"}
    result = preview(editor, case)
    (cell,) = row_of(result, "/detainees/0")["ignored"]
    assert cell["pointer"] == "/detainees/0/external_ids/0"
    assert f"{person}: it stays with that person" in cell["detail"]
    row = row_of(result, "/detainees/0")["row"]
    new = row_of(apply(editor, result["id"], {"row": row, "decision": "new"}), "/detainees/0")
    assert editor.get(f"/v1/detainees/{new['record_id']}")["external_ids"] == []


@pytest.mark.parametrize("decision", ["same", "new", "skip"])
def test_entries_that_refer_to_a_person_follow_the_decision(
    editor: Api, conn: queries.Connection, decision: str
) -> None:
    person, case = possible_duplicate(editor)
    result = preview(editor, case)
    assert outcome_of(result) == {
        "/sources/0": "new",
        "/detainees/0": "possible_duplicate",
        "/release_events/0": "possible_duplicate",
        "/attestations/0": "possible_duplicate",
    }
    (candidate,) = row_of(result, "/detainees/0")["candidates"]
    assert candidate["detainee_id"] == person
    assert (result["people"], result["attestations"], result["flips"]) == (0, 0, [])
    problem = apply(editor, result["id"], status=422)
    assert [error["pointer"] for error in problem["errors"]] == ["/rows/2"]
    apply(editor, result["id"], {"row": 2, "decision": decision})
    assert people(conn) == {"same": 1, "new": 2, "skip": 1}[decision]
    reported = editor.get("/v1/counts")["reported"]
    assert reported == {"same": 1, "new": 1, "skip": 0}[decision]
    events = editor.get("/v1/release-events", detainee_id=person)["items"]
    assert len(events) == {"same": 1, "new": 0, "skip": 0}[decision]
    before = seq(conn)
    repeated = preview(editor, case)
    if decision != "skip":
        assert set(outcomes(repeated)) == {"same"}
        apply(editor, repeated["id"])
    assert seq(conn) == before
    check(conn)


def test_a_day_that_does_not_exist_is_invalid_before_a_decision(editor: Api) -> None:
    _, case = possible_duplicate(editor)
    case["detainees"][0]["detention"]["detained_on"] = "2024-02-30"
    again = {"key": "again", "detainee": "he", "began_on": "2023-01-01", "created_at": NOON}
    case["detentions"] = [{**again, "detained_on": "2023-02-29"}]
    result = preview(editor, case)
    for place, pointer, day in (
        ("/detainees/0", "/detainees/0/detention/detained_on", "2024-02-30"),
        ("/detentions/0", "/detentions/0/detained_on", "2023-02-29"),
    ):
        errors = [(e["pointer"], e["detail"]) for e in row_of(result, place)["errors"]]
        assert errors == [(pointer, f"{day} is not a day of the calendar.")]


def test_a_facility_does_not_get_the_name_of_another_as_alias(editor: Api) -> None:
    names = ["Rodeo I", "Rodeo II"]
    first, _ = (editor.post("/v1/facilities", {"name": n, "country": "VE"})["id"] for n in names)
    many = [f"Alias {number}" for number in range(50)]
    facility = {"key": "one", "name": "Rodeo I", "country": "VE", "region": None}
    for aliases in (["RODEO II", "El Rodeo"], many):
        case = {"case": "places", "facilities": [{**facility, "aliases": aliases}]}
        apply(editor, preview(editor, case)["id"])
    assert editor.get(f"/v1/facilities/{first}")["aliases"] == ["El Rodeo", *many[:49]]


def test_any_entry_can_be_skipped_or_new(editor: Api, conn: queries.Connection) -> None:
    source = editor.source("El Monitor", "news_outlet")
    case = case_of_one()
    result = preview(editor, case)
    assert row_of(result, "/sources/0")["record_id"] == source
    apply(editor, result["id"], {"row": 1, "decision": "new"}, {"row": 3, "decision": "skip"})
    assert len(editor.get("/v1/sources")["items"]) == 2
    assert people(conn) == 1
    assert editor.get("/v1/release-events")["items"] == []
    repeated = preview(editor, case)
    assert outcomes(repeated) == ["same", "same", "new", "new"]


def test_two_people_of_a_case_are_not_matched_with_each_other(
    editor: Api, conn: queries.Connection
) -> None:
    case = case_of_one()
    twin = {**case["detainees"][0], "key": "twin"}
    case["detainees"].append(twin)
    assert outcomes(preview(editor, case)).count("new") == 5
    record_person(editor)
    result = preview(editor, case)
    assert [row["outcome"] for row in result["rows"][1:3]] == ["changed", "possible_duplicate"]
    apply(editor, result["id"], {"row": 3, "decision": "new"})
    assert people(conn) == 2


def test_every_error_of_a_case_has_a_pointer(editor: Api, conn: queries.Connection) -> None:
    case = case_of_one()
    case["sources"] += [7, {"key": "monitor", "name": "Twice", "kind": "ngo"}]
    case["sources"].append({"key": "vain", "name": "", "kind": "outlet", "color": "red"})
    case["detainees"].append({"key": "other", "name": "Nelson", "birth_date": "2090-01-01"})
    case["release_events"].append({"key": "x", "detainee": "nobody", "occurred_on": "2026-01-08"})
    case["release_events"].append({"key": "y", "detainee": "other", "occurred_on": "2026-01-08"})
    before = snapshot(conn)
    result = preview(editor, case)
    assert snapshot(conn) == before
    pointers = {error["pointer"] for row in result["rows"] for error in row["errors"]}
    assert pointers == {
        "/sources/1",
        "/sources/2/key",
        *("/sources/3/name", "/sources/3/kind", "/sources/3/color"),
        "/detainees/1/birth_date",
        "/release_events/1/detainee",
        "/release_events/2",
    }
    assert result["totals"]["invalid"] == 6
    invalid = [row["row"] for row in result["rows"] if row["outcome"] == "invalid"]
    problem = apply(editor, result["id"], status=422)
    assert [error["pointer"] for error in problem["errors"]] == [f"/rows/{n}" for n in invalid]
    apply(editor, result["id"], *({"row": n, "decision": "skip"} for n in invalid))
    assert people(conn) == 1


@pytest.mark.parametrize(
    ("old", "new", "detail"),
    [
        ('"sex": "male",', '"sex": "male"', "Is not JSON, at line 16: "),
        ('"El Monitor"', '"El Moni\ntor"', "Is not JSON, at line 6: "),
        ("}\n  ]\n}", "},\n  ]\n}", "Is not JSON, at line 40: "),
        ("  ]\n}", "  ]\n", "Is not JSON, at line 41: "),
        ("{", "\ufeff{", "Begins with a byte order mark: "),
    ],
)
def test_error_of_syntax_in_a_case_names_the_line(
    editor: Api, old: str, new: str, detail: str
) -> None:
    text = json.dumps(case_of_one(), indent=2)
    assert old in text
    problem = preview(editor, text.replace(old, new, 1).encode(), 422)
    assert [error["pointer"] for error in problem["errors"]] == [""]
    assert problem["errors"][0]["detail"].startswith(detail)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"", ""),
        (b"[]", ""),
        (b"{", ""),
        (b'{"sources": []}', "/case"),
        (b'{"case": "x", "sources": 7}', "/sources"),
        (b'{"case": "x", "people": []}', "/people"),
        (b'{"case": "\\ud800"}', ""),
        (b'{"case": "x", "sources": [{"key": "a", "name": "A", "kind": "ngo"}', ""),
    ],
)
def test_invalid_case_files_are_refused(
    editor: Api, conn: queries.Connection, body: bytes, place: str
) -> None:
    problem = preview(editor, body, 422)
    assert place in [error["pointer"] for error in problem["errors"]]
    assert conn.execute("SELECT FROM imports").fetchall() == []


# JSON values that are not valid entries of any list.
INVALID_ENTRIES = (
    *("7", "null", "[]", '""', "{}", '{"key": 7}', '{"key": null}', '{"key": {"a": []}}'),
    *('{"\\u0000": 1}', '{"key": "\\u0000"}', '{"a": 1, "a": 2}', '{"name": "\\u0000"}'),
    *('{"key": 1e999}', '{"key": 99999999999999999999}', '{"name": [[[[1]]]]}'),
    *('{"source": "k", "with": "k"}', '{"source": ["k"], "relays": 7}', '{"detention": 7}'),
    *('{"relays": [7, {"claim": "k"}]}', '{"aliases": [7], "external_ids": {"a": 1}}'),
)


@pytest.mark.parametrize("name", LISTS)
def test_invalid_entries_of_a_list_are_reported(
    editor: Api, conn: queries.Connection, name: str
) -> None:
    before = snapshot(conn)
    for entry in INVALID_ENTRIES:
        body = f'{{"case": "x", "{name}": [{entry}]}}'.encode()
        response = editor.send("POST", "/v1/imports", data=body, content_type=CASE)
        assert response.status_code in (201, 422), (entry, response.text)
        if response.status_code == 201:
            assert outcomes(response.get_json()) == ["invalid"], entry
        assert snapshot(conn) == before, entry


def test_list_parameters_are_refused_for_a_case(editor: Api) -> None:
    problem = preview(editor, case_of_one(), 422, date_order="day_first", mapping="{}")
    assert {error["pointer"] for error in problem["errors"]} == {"/date_order", "/mapping"}


def test_a_source_of_the_same_name_is_counted_once(editor: Api) -> None:
    """If it were two sources, the newspaper would confirm itself."""
    person, event = record_person(editor)
    editor.attest(event, editor.source("EL MONITOR", "state_media"), MORNING)
    assert editor.get(f"/v1/release-events/{event}")["verification"]["independent_sources"] == 2
    result = preview(editor, case_of_one())
    assert row_of(result, "/sources/0")["outcome"] == "same"
    apply(editor, result["id"])
    assert editor.get(f"/v1/release-events/{event}")["verification"]["independent_sources"] == 2
    assert editor.get(f"/v1/detainees/{person}")["custody"] == "released"


def test_entry_that_differs_in_one_value_is_another_record(api: Api, editor: Api) -> None:
    """Each variant comes before the record itself, which would otherwise be taken."""
    record_person(editor)
    case: dict[str, Any] = case_of_one()
    case["sources"] = [
        {"key": key, "name": key, "kind": "news_outlet"} for key in ("one", "other", "third")
    ]
    case["facilities"] = [{"key": "place", "name": "La Torre", "country": "VE"}]
    announced = {"key": "announced", "kind": "announced"}
    at = {"source": "one", "as_of": MORNING, "published_at": NOON}
    claim = {**at, "kind": "released", "value": 7, "qualifier": "exact"}
    affiliation = {"source": "one", "with": "other", "relation": "owned_by", "from": MORNING}
    word = attestation("word", "out", "one")
    variants: Mapping[str, tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]] = {
        "claims": (
            claim,
            [
                {"source": "other"},
                {"kind": "detained"},
                {"value": 8},
                {"value": None},
                {"qualifier": "about"},
                {"as_of": NOON},
                {"published_at": MORNING},
                {"window_start": "2026-01-08"},
                {"facility": "place"},
                {"age_group": "adult"},
                {"nationality": "VE"},
                {"announcement": "announced"},
            ],
        ),
        "affiliations": (
            affiliation,
            [{"source": "third"}, {"with": "third"}, {"relation": "member_of"}, {"from": None}],
        ),
        "attestations": (
            word,
            [
                {"source": "other"},
                {"stance": "denies"},
                {"basis": "unattributed"},
                {"published_at": "2026-01-09T12:00:01Z"},
                {"release_kind": "full"},
            ],
        ),
    }
    with_all = {**case, "claims": [{**at, **announced}, {"key": "7", **claim}]}
    with_all |= {"affiliations": [affiliation], "attestations": [word]}
    apply(editor, preview(editor, with_all)["id"])
    for name, (entry, others) in variants.items():
        entries = [
            {**entry, **other, **({} if name == "affiliations" else {"key": str(n)})}
            for n, other in enumerate(others)
        ]
        varied = {**with_all, name: [*with_all[name][: name == "claims"], *entries]}
        result = preview(editor, {**varied, "case": name})
        rows = [row for row in result["rows"] if row["place"].startswith(f"/{name}/")]
        outcomes_of_variants = [row["outcome"] for row in rows[-len(others) :]]
        assert outcomes_of_variants == ["new"] * len(others), rows
        result = preview(editor, {**with_all, "case": f"{name} again"})
        assert {row["outcome"] for row in result["rows"]} == {"same"}
    # A value that the record lacks completes it, and its person is counted again.
    (event,) = case["release_events"]
    completed = {**with_all, "release_events": [{**event, "announcement": "announced"}]}
    apply(editor, preview(editor, {**completed, "case": "completed"})["id"])
    (group,) = api.get("/v1/counts", group_by="announcement_id")["groups"]
    assert group["value"] == editor.get("/v1/claims", kind="announced")["items"][0]["id"]


def test_affiliations_of_a_case_change_recorded_statuses(editor: Api) -> None:
    person = editor.detainee("Ana Prueba")
    editor.detention(person)
    event = editor.event(person, "2026-01-08")
    for name in ("El Monitor", "La Hora"):
        editor.attest(event, editor.source(name, "news_outlet"), MORNING)
    case = {
        "case": "owners",
        "sources": [
            {"key": name, "name": name, "kind": "news_outlet", "country": "VE"}
            for name in ("El Monitor", "La Hora")
        ],
        "affiliations": [{"source": "El Monitor", "with": "La Hora", "relation": "owned_by"}],
    }
    result = preview(editor, case)
    assert outcomes(result) == ["changed", "changed", "new"]
    assert result["flips"] == [
        {"row": 3, "release_event_id": event, "from": "confirmed", "to": "reported"}
    ]
    apply(editor, result["id"])
    assert editor.get(f"/v1/release-events/{event}")["verification"]["status"] == "reported"
    assert outcomes(preview(editor, {**case, "case": "again"})) == ["same"] * 3


def test_a_later_retraction_is_imported(editor: Api) -> None:
    apply(editor, preview(editor, case_of_one())["id"])
    case = {**case_of_one(), "case": "of-a-house"}
    case["attestations"][0]["retracted_at"] = "2026-01-09T13:00:00Z"
    result = preview(editor, case)
    assert outcomes(result) == ["same", "same", "same", "changed"]
    assert [(flip["from"], flip["to"]) for flip in result["flips"]] == [("reported", "unverified")]
    apply(editor, result["id"])
    (recorded,) = editor.get("/v1/attestations")["items"]
    assert recorded["retracted_at"] == "2026-01-09T13:00:00Z"
    assert set(outcomes(preview(editor, case))) == {"same"}


# Outdated previews.


def test_a_correction_of_a_recorded_statement_is_not_left_out_in_silence(editor: Api) -> None:
    case = case_of_one()
    times = {"as_of": MORNING, "published_at": MORNING}
    case["claims"] = [{"key": "11", "source": "monitor", "kind": "released", "value": 11, **times}]
    apply(editor, preview(editor, case)["id"])
    assert [row["ignored"] for row in preview(editor, case)["rows"]] == [[]] * 5
    case["claims"][0]["value"] = 12
    case["attestations"][0] |= {"stance": "denies", "published_at": "2026-01-09T13:00:00Z"}
    result = preview(editor, case)
    assert set(outcomes(result)) == {"same"}
    details = [ignored["detail"] for row in result["rows"] for ignored in row["ignored"]]
    void = "Void that one, and give this entry another key."
    assert details == [
        f"The value 12 is left out: the recorded claim has 11. {void}",
        f"The stance 'denies' is left out: the recorded attestation has 'confirms'. {void}",
        "The published_at 2026-01-09T13:00:00Z is left out: the recorded attestation has "
        f"2026-01-09T12:00:00Z. {void}",
    ]


def test_an_outdated_preview_is_refused(editor: Api, conn: queries.Connection) -> None:
    person, event = record_person(editor)
    source = editor.get(f"/v1/attestations?release_event_id={event}")["items"][0]["source_id"]
    case = case_of_one()
    case["facilities"] = [{"key": "here", "name": "El Helicoide", "country": "VE"}]
    changes = {
        "a person": (lambda: editor.patch(f"/v1/detainees/{person}", {"occupation": "x"}), [3]),
        "a possible duplicate": (lambda: editor.detainee("Belisario Quintanar Ozores"), [3]),
        "a source": (lambda: editor.source("El Monitor", "news_outlet"), [1]),
        "a facility": (
            lambda: editor.post("/v1/facilities", {"name": "el helicoide", "country": "VE"}),
            [2],
        ),
        "an attestation": (
            lambda: editor.attest(event, source, MORNING, stance="denies"),
            [3],
        ),
    }
    for name, (change, rows) in changes.items():
        result = preview(editor, case)
        change()
        before = snapshot(conn)
        decisions = [
            {"row": row["row"], "decision": "same", "detainee_id": person}
            for row in result["rows"]
            if row["candidates"]
        ]
        if decisions:
            rows = [row for row in rows if row != 3] or [3]
        problem = apply(editor, result["id"], *decisions, status=409)
        assert problem["type"] == "/problems/import-outdated", name
        pointers = {error["pointer"] for error in problem["errors"]}
        assert {f"/rows/{row}" for row in rows} <= pointers, name
        assert snapshot(conn) == before, name


def test_an_affiliation_recorded_meanwhile_makes_a_preview_outdated(editor: Api) -> None:
    _, event = record_person(editor)
    (attested,) = editor.get("/v1/attestations", release_event_id=event)["items"]
    monitor = editor.source("El Monitor", "news_outlet")
    result = preview(editor, case_of_one())
    assert [flip["to"] for flip in result["flips"]] == ["confirmed"]
    editor.affiliate(monitor, attested["source_id"])
    problem = apply(editor, result["id"], status=409)
    assert problem["type"] == "/problems/import-outdated"
    result = preview(editor, case_of_one())
    assert result["flips"] == []


def test_an_import_keeps_an_alias_that_is_added_meanwhile(
    editor: Api, conn: queries.Connection
) -> None:
    body = {"name": "El Helicoide", "aliases": ["Sebin"], "country": "VE"}
    path = f"/v1/facilities/{editor.post('/v1/facilities', body)['id']}"
    case = case_of_one()
    case["facilities"] = [{**body, "key": "here", "aliases": ["La Espiral"]}]
    result = preview(editor, case)
    with ThreadPoolExecutor(1) as threads:
        with conn.transaction():
            queries.run(conn, "facilities/lock_names")
            application = threads.submit(apply, editor, result["id"])
            waiting = "SELECT FROM pg_locks WHERE NOT granted"
            while not application.done() and not conn.execute(waiting).fetchall():
                time.sleep(0.01)
            assert not application.done()
            conn.execute("UPDATE facilities SET aliases = '{Sebin,Roca Tarpeya}'")
        application.result()
    assert editor.get(path)["aliases"] == ["Sebin", "Roca Tarpeya", "La Espiral"]


def test_a_case_and_a_list_of_its_people_are_applied_at_once(
    editor: Api, conn: queries.Connection
) -> None:
    """Both lock the names of facilities before people: none waits for the other in a circle."""
    editor.post("/v1/facilities", {"name": "El Helicoide", "country": "VE"})
    case = case_of_one()
    name = case["detainees"][0]["name"]
    record_person(editor, name)
    case["facilities"] = [{"key": "here", "name": "Rodeo", "country": "VE"}]
    place = {"name": "La Roca", "decision": "new", "country": "VE"}
    rows = [
        {"name": name, "birth_date": "1974-06-02", "sex": "male"},
        {"name": "Milagros Arráiz Tovar", "facility": place["name"]},
    ]
    listed = preview_list(editor, table(rows))
    assert outcomes(listed) == ["same", "new"]
    result = preview(editor, case)
    path = f"/v1/imports/{listed['id']}/apply"
    body = {"decisions": [], "facility_decisions": [place]}
    with ThreadPoolExecutor(2) as threads:
        with conn.transaction():
            # The case waits for the names of sources, and the list for nothing.
            queries.run(conn, "sources/lock_names")
            applications = [threads.submit(apply, editor, result["id"])]
            wait_for_locks(conn, 1, applications)
            applications.append(threads.submit(editor.post, path, body, 200))
            wait_for_locks(conn, 2, applications)
        for application in applications:
            application.result()


def wait_for_locks(conn: queries.Connection, number: int, applications: Sequence[Any]) -> None:
    """Wait until so many of the applications wait for a lock, or fewer are left."""
    waiting = "SELECT count(DISTINCT pid) AS number FROM pg_locks WHERE NOT granted"
    while (
        sum(not application.done() for application in applications) >= number
        and conn.execute(waiting).fetchone().number < number
    ):
        time.sleep(0.01)


def test_unrelated_writes_do_not_make_a_preview_outdated(editor: Api) -> None:
    result = preview(editor, case_of_one())
    editor.detainee("Milagros Arráiz Tovar")
    editor.source("Otra Fuente")
    apply(editor, result["id"])


def test_a_case_is_applied_once(editor: Api, conn: queries.Connection) -> None:
    _, case = possible_duplicate(editor)
    result = preview(editor, case)
    apply(editor, result["id"], {"row": 2, "decision": "new"})
    before = seq(conn)
    apply(editor, result["id"], {"row": 2, "decision": "new"})
    apply(editor, result["id"], {"row": 2, "decision": "skip"}, status=409)
    assert seq(conn) == before
    assert conn.execute("SELECT FROM import_files").fetchall() == []


# Access and hidden people.


def test_a_case_needs_an_edit_key(api: Api, editor: Api) -> None:
    for scope, status in (("contribute", 403), ("admin", 403)):
        preview(api.scope(scope), case_of_one(), status)
    preview(api, case_of_one(), 401)
    result = preview(editor, case_of_one())
    for other in (api, api.scope("contribute")):
        other.get(f"/v1/imports/{result['id']}", 404)
    apply(api.scope("contribute"), result["id"], status=404)


def test_hidden_people_of_a_case_stay_hidden(
    api: Api, editor: Api, conn: queries.Connection
) -> None:
    person, _ = record_person(editor)
    case = case_of_one(withheld=True)
    case["detainees"].append({"key": "child", "name": "Kanarie Menor", "age_group": "minor"})
    organisation = editor.source("Casa Abierta")
    case["sources"] += [
        {"key": "house", "name": "Casa Abierta", "kind": "ngo"},
        {
            "key": "secret",
            "name": "Kanarie Fuente",
            "kind": "relative",
            "confidential": True,
            "vouched_by": "house",
        },
    ]
    case["attestations"].append(attestation("whispered", "out", "secret"))
    result = preview(editor, case)
    assert row_of(result, "/sources/1")["record_id"] == organisation
    assert row_of(result, "/detainees/0")["changes"] == ["aliases", "withheld"]
    assert "Kanarie" not in json.dumps([row for row in result["rows"] if not row["candidates"]])
    api.get(f"/v1/imports/{result['id']}", 404)
    apply(editor, result["id"])
    assert not api.get(f"/v1/detainees/{person}")["is_named"]
    for path in ("detainees", "sources", "attestations", "changes", "export", "release-events"):
        text = api.send("GET", f"/v1/{path}").get_data(as_text=True)
        assert "Kanarie" not in text, path
        assert "Quintanar" not in text, path
    assert set(outcomes(preview(editor, case))) == {"same"}
    # A foreign case with the name of the confidential source.
    foreign_case = {**copy.deepcopy(case), "case": "another"}
    result = preview(editor, foreign_case)
    assert [row["outcome"] for row in result["rows"] if row["resource"] == "source"] == ["same"] * 3


def test_a_case_does_not_disclose_hidden_people(api: Api, editor: Api) -> None:
    person = editor.detainee(
        "Belisario José Quintanar Ozores",
        **{"birth_date": "1974-06-02", "sex": "male", "withheld": True},
    )
    result = preview(editor, case_of_one(withheld=False))
    assert row_of(result, "/detainees/0")["record_id"] == person
    apply(editor, result["id"])
    assert not api.get(f"/v1/detainees/{person}")["is_named"]


def test_a_facility_of_hidden_people_alone_is_not_written_with_them(
    api: Api, editor: Api, conn: queries.Connection
) -> None:
    """Its moment is public, and that of the people: it would tell where they are."""
    editor.post("/v1/facilities", {"name": "Yare", "country": "VE"})
    held = {"detained_on": "2024-02", "whereabouts": "known"}
    case = case_of_one(detention={"facility": "rodeo", **held})
    case["facilities"] = [
        {"key": "roca", "name": "La Roca", "country": "VE"},
        {"key": "yare", "name": "Yare", "aliases": ["Penal de Yare"], "country": "VE"},
        {"key": "rodeo", "name": "Rodeo I", "country": "VE"},
    ]
    case["detainees"] += [
        {
            "key": "child",
            "name": "Nieves Canario Vega",
            "age_group": "minor",
            "detention": {"facility": "yare", **held},
        },
        {"key": "she", "name": "Elvira Prueba Soto", "withheld": True},
    ]
    case["detentions"] = [
        {
            "key": key,
            "detainee": "she",
            "facility": facility,
            "detained_on": f"{year}-02",
            "began_on": f"{year}-02-01",
            "created_at": MORNING,
        }
        for key, facility, year in (("first", "rodeo", 2024), ("second", "roca", 2025))
    ]
    before = snapshot(conn)
    problem = apply(editor, preview(editor, case)["id"], status=422)
    assert {error["pointer"] for error in problem["errors"]} == {"/rows/2", "/rows/3"}
    assert snapshot(conn) == before
    editor.post("/v1/facilities", {"name": "La Roca", "country": "VE"})
    del case["facilities"][1]["aliases"]
    apply(editor, preview(editor, case)["id"])
    names = [facility["name"] for facility in api.get("/v1/facilities")["items"]]
    assert sorted(names) == ["La Roca", "Rodeo I", "Yare"]


# The command.


def test_the_command_imports_a_case(database: str, conn: queries.Connection) -> None:
    result = constancia("import", EXAMPLE, "--dry-run", DATABASE_URL=database)
    assert (result.exit_code, people(conn)) == (0, 0), result.stderr
    assert "unverified becomes confirmed" in result.stdout
    result = constancia("import", EXAMPLE, "--yes", DATABASE_URL=database)
    assert (result.exit_code, people(conn)) == (0, 3), result.stderr
    before = snapshot(conn)
    for command in (["import", "--yes"], ["load"]):
        result = constancia(*command, EXAMPLE, DATABASE_URL=database)
        assert result.exit_code == 0, result.stderr
        assert snapshot(conn) == before
    options = ["--yes", "--date-order", "day_first", "--source", str(uuid4())]
    result = constancia("import", EXAMPLE, *options, DATABASE_URL=database)
    assert result.exit_code == 1
    assert (
        "A case takes no --date-order and no --source: leave out the options of lists."
        in result.stderr
    )


def test_the_command_prints_errors_and_skips_invalid_rows(
    database: str, conn: queries.Connection, tmp_path: Path
) -> None:
    case = case_of_one()
    case["release_events"].append({"key": "x", "detainee": "nobody", "occurred_on": "2026-01-08"})
    file = tmp_path / "case.json"
    file.write_text(json.dumps(case))
    result = constancia("import", file, "--yes", DATABASE_URL=database)
    assert (result.exit_code, people(conn)) == (1, 0)
    assert "/release_events/1/detainee: detainees has no entry with the key" in result.stderr
    result = constancia("import", file, "--yes", "--skip-invalid", DATABASE_URL=database)
    assert (result.exit_code, people(conn)) == (0, 1), result.stderr
    file.write_text("{")
    result = constancia("import", file, "--yes", DATABASE_URL=database)
    assert result.exit_code == 1
    assert "Traceback" not in result.stderr


@linux
def test_the_command_asks_about_possible_duplicates(
    editor: Api, database: str, conn: queries.Connection, tmp_path: Path
) -> None:
    person, case = possible_duplicate(editor)
    file = tmp_path / "case.json"
    file.write_text(json.dumps(case))
    before = snapshot(conn)
    result = constancia("import", file, "--yes", DATABASE_URL=database)
    assert result.exit_code == 1
    assert "Row 2 may be recorded" in result.stderr
    assert snapshot(conn) == before
    exit_code, output = run_on_a_terminal("same\ny\n", "import", file, DATABASE_URL=database)
    assert exit_code == 0, output
    assert people(conn) == 1
    assert len(editor.get("/v1/release-events", detainee_id=person)["items"]) == 1


# Interrupted imports.


@linux
def test_a_killed_import_writes_nothing() -> None:
    """All processes are killed while a case is previewed, and while it is applied."""
    many = 15
    body = json.dumps(case_of_many(range(many))).encode()
    no_decisions = (b"{}", "application/json")

    def count(service: Service) -> tuple[int, int]:
        with open_store(service) as conn:
            return people(conn), seq(conn)

    with data_dir() as directory:
        with serving(directory) as service:
            key = service.key("edit")
            kill_during_write(service, key, "/v1/imports", body, CASE)
        with serving(directory) as service:
            assert count(service) == (0, 0)
            status, result = send(service, key, "/v1/imports", body, CASE)
            assert (status, result["people"]) == (201, many)
            apply_path = f"/v1/imports/{result['id']}/apply"
            kill_during_write(service, key, apply_path, *no_decisions)
        with serving(directory) as service:
            assert count(service) == (0, 0)
            # The crash emptied the unlogged table of keys, so the preview cannot be applied.
            status, problem = send(service, key, apply_path, *no_decisions)
            assert (status, problem["type"]) == (409, "/problems/import-outdated")
            status, result = send(service, key, "/v1/imports", body, CASE)
            apply_path = f"/v1/imports/{result['id']}/apply"
            for _ in range(2):
                status, result = send(service, key, apply_path, *no_decisions)
                assert (status, result["state"]) == (200, "applied")
            assert count(service)[0] == many
            with open_store(service) as conn:
                check_store(conn)
