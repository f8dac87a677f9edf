"""Imports of foreign cases: previewed entry by entry, decided on, applied all or nothing."""

import contextlib
import copy
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import pytest

from api.cases import loader
from api.database import queries
from api.rendering.media_types import CASE
from tests.brute_force import Ledger, assert_statuses_are_recounted
from tests.commands.running import linux, run_process
from tests.commands.running import snapshot as whole
from tests.conftest import CASES, Api
from tests.imports.test_list_import import (
    apply,
    invented,
    on_a_terminal,
    outcomes,
    people,
    respelled,
    seq,
)
from tests.store_checks import check_store, open_store
from tests.support import Service, data_dir, serving, wait_until

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
    """Return all tables but those of imports."""
    return {name: rows for name, rows in whole(conn).items() if not name.startswith("import")}


def row_of(result: Any, place: str) -> Any:
    (row,) = (row for row in result["rows"] if row["place"] == place)
    return row


def outcome_of(result: Any) -> Mapping[str, str]:
    return {row["place"]: row["outcome"] for row in result["rows"]}


def word(key: str, event: str, source: str, **more: Any) -> dict[str, Any]:
    return {
        "key": key,
        "release_event": event,
        "source": source,
        "stance": "confirms",
        "basis": "first_hand",
        "evidence": "report",
        "published_at": NOON,
        **more,
    }


def case_of_one(name: str = "Belisario José Quintanar Ozores", **more: Any) -> dict[str, Any]:
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
                **more,
            }
        ],
        "release_events": [{"key": "out", "detainee": "he", "occurred_on": "2026-01-08"}],
        "attestations": [word("word", "out", "monitor")],
    }


@pytest.fixture
def editor(api: Api) -> Api:
    return api.scope("edit")


def recorded(editor: Api, name: str = "Quintanar Ozores, Belisario J.") -> tuple[str, str]:
    """Record the same person and release event, with the attestation of another source."""
    person = editor.detainee(name, birth_date="1974-06-02", sex="male")
    editor.detention(person, detained_on="2024-02-09")
    event = editor.event(person, "2026-01-09")
    editor.attest(event, editor.source("Puertas Abiertas"), MORNING)
    return person, event


def test_an_applied_case_equals_a_loaded_case(editor: Api, conn: queries.Connection) -> None:
    text = EXAMPLE.read_bytes()
    before = snapshot(conn)
    result = preview(editor, text)
    assert set(outcomes(result)) == {"new"}
    assert snapshot(conn) == before
    case_of = json.loads(text)
    assert len(result["rows"]) == sum(len(case_of[name]) for name in case_of if name in LISTS)
    assert [row["row"] for row in result["rows"]] == list(range(1, len(result["rows"]) + 1))
    assert (result["people"], result["release_events"]) == (3, 3)
    assert result["attestations"] == len(case_of["attestations"])
    assert {flip["from"] for flip in result["flips"]} == {"unverified"}
    assert sorted(flip["to"] for flip in result["flips"]) == ["confirmed", "reported"]
    applied = apply(editor, result["id"])
    assert all(row["record_id"] for row in applied["rows"])
    counts = editor.get("/v1/counts", as_of="2026-01-09T16:00:00Z")
    assert [counts[word] for word in ("confirmed", "reported", "unverified")] == [1, 1, 1]
    # `load` recognises imported entries, and an import loaded ones.
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
    other = {**json.loads(EXAMPLE.read_text()), "case": "another-house"}
    result = preview(editor, other)
    decisions = [
        {"row": row["row"], "decision": "same"} for row in result["rows"] if row["candidates"]
    ]
    assert "new" not in outcomes(result)
    apply(editor, result["id"], *decisions)
    assert seq(conn) == before
    assert people(conn) == 3
    again = preview(editor, other)
    assert set(outcomes(again)) == {"same"}
    assert not any(load(conn, other).values())


def load(conn: queries.Connection, body: Any) -> Mapping[str, int]:
    with NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(body, file)
        file.flush()
        return loader.load(conn, Path(file.name), lambda _: None)


def test_an_exported_case_is_linked_by_record_ids(editor: Api, conn: queries.Connection) -> None:
    loader.load(conn, EXAMPLE, lambda _: None)
    (announcement,) = editor.get("/v1/claims", kind="announced")["items"]
    text = editor.send("GET", f"/v1/claims/{announcement['id']}/case").get_data()
    result = preview(editor, text)
    assert set(outcomes(result)) == {"same"}
    entries = json.loads(text)
    assert all(
        row["record_id"]
        == entries[row["place"].split("/")[1]][int(row["place"].split("/")[2])]["key"]
        for row in result["rows"]
    )


def test_a_pseudonym_is_not_imported_as_a_name(
    editor: Api, api: Api, conn: queries.Connection
) -> None:
    announced = {"kind": "announced", "as_of": MORNING, "published_at": MORNING}
    said = {**announced, "source_id": editor.source("Gobierno", "state_body")}
    claim = editor.post("/v1/claims", said)["id"]
    person, event = recorded(editor)
    editor.patch(f"/v1/release-events/{event}", {"announcement_id": claim})
    editor.patch(f"/v1/detainees/{person}", {"withheld": True})
    shown = api.get(f"/v1/claims/{claim}/case")
    (hidden,) = shown["detainees"]
    assert hidden["name"].startswith("Person ")
    result = preview(editor, shown)
    assert row_of(result, "/detainees/0")["record_id"] == person
    assert row_of(result, "/detainees/0")["outcome"] == "same"
    apply(editor, result["id"])
    assert editor.get(f"/v1/detainees/{person}")["aliases"] == []


def test_a_person_with_another_spelling_is_matched(editor: Api, conn: queries.Connection) -> None:
    person, event = recorded(editor)
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
    found = editor.get(f"/v1/detainees/{person}")
    assert found["aliases"] == ["Belisario José Quintanar Ozores"]
    assert found["occupation"] == "médico"
    assert editor.get(f"/v1/release-events/{event}")["verification"]["status"] == "confirmed"
    assert set(outcomes(preview(editor, case_of_one(occupation="médico")))) == {"same"}
    # A second edition has more values for the same entries.
    more = case_of_one(occupation="médico")
    more["attestations"].append(word("later", "out", "monitor", published_at=MORNING))
    assert outcomes(preview(editor, more)) == ["same"] * 4 + ["new"]
    assert load(conn, more)["attestations"] == 1
    assert {word["release_event_id"] for word in editor.get("/v1/attestations")["items"]} == {event}
    check(conn)


def check(conn: queries.Connection) -> None:
    check_store(conn)
    assert_statuses_are_recounted(conn, Ledger(conn).record(datetime.now(UTC)))


def test_a_case_with_other_spellings_creates_no_duplicates(
    editor: Api, conn: queries.Connection
) -> None:
    """Of forty people thirty are recorded with other spellings: there are forty people."""
    for number in range(30):
        who = invented(number)
        sex = "male" if who["sex"] == "m" else "female"
        name = f"{who['given']} {who['first']} {who['second']}"
        person = editor.detainee(name, birth_date=who["born"], sex=sex)
        editor.detention(person, detained_on="2025-03")
    result = preview(editor, of_many(range(40)))
    doubtful = [row for row in result["rows"] if row["candidates"]]
    decisions = [
        {
            "row": row["row"],
            "decision": "same",
            "detainee_id": max(row["candidates"], key=lambda one: one["score"])["detainee_id"],
        }
        for row in doubtful
    ]
    assert result["totals"]["invalid"] == 0
    assert result["people"] == 10
    apply(editor, result["id"], *decisions)
    assert people(conn) == 40
    assert editor.get("/v1/counts")["reported"] == 40
    before = seq(conn)
    again = preview(editor, of_many(range(40)))
    assert set(outcomes(again)) == {"same"}
    apply(editor, again["id"])
    assert seq(conn) == before
    check(conn)


def of_many(numbers: Sequence[int] | range) -> dict[str, Any]:
    made = case_of_one()
    made["case"] = "of-many"
    for name in ("detainees", "release_events", "attestations"):
        made[name] = []
    for number in numbers:
        who = invented(number)
        sex = "male" if who["sex"] == "m" else "female"
        made["detainees"].append(
            {
                "key": f"p{number}",
                "name": respelled(who, number),
                "birth_date": who["born"],
                "sex": sex,
                "detention": {"detained_on": "2025-03"},
            }
        )
        made["release_events"].append(
            {"key": f"e{number}", "detainee": f"p{number}", "occurred_on": "2026-01-08"}
        )
        made["attestations"].append(word(f"w{number}", f"e{number}", "monitor"))
    return made


def possible_duplicate(editor: Api) -> tuple[str, dict[str, Any]]:
    """Record a person; return the id and a case with a possible duplicate."""
    person = editor.detainee("Fermín Otero")
    made = case_of_one("Fermín A. Otero")
    del made["detainees"][0]["birth_date"]
    return person, made


@pytest.mark.parametrize("decision", ["same", "new", "skip"])
def test_entries_that_refer_to_a_person_follow_the_decision(
    editor: Api, conn: queries.Connection, decision: str
) -> None:
    person, made = possible_duplicate(editor)
    result = preview(editor, made)
    assert outcome_of(result) == {
        "/sources/0": "new",
        "/detainees/0": "possible_duplicate",
        "/release_events/0": "possible_duplicate",
        "/attestations/0": "possible_duplicate",
    }
    (candidate,) = row_of(result, "/detainees/0")["candidates"]
    assert candidate["detainee_id"] == person
    assert (result["people"], result["attestations"], result["flips"]) == (0, 0, [])
    refused = apply(editor, result["id"], status=422)
    assert [error["pointer"] for error in refused["errors"]] == ["/rows/2"]
    apply(editor, result["id"], {"row": 2, "decision": decision})
    assert people(conn) == {"same": 1, "new": 2, "skip": 1}[decision]
    counted = editor.get("/v1/counts")["reported"]
    assert counted == {"same": 1, "new": 1, "skip": 0}[decision]
    events = editor.get("/v1/release-events", detainee_id=person)["items"]
    assert len(events) == {"same": 1, "new": 0, "skip": 0}[decision]
    before = seq(conn)
    again = preview(editor, made)
    if decision != "skip":
        assert set(outcomes(again)) == {"same"}
        apply(editor, again["id"])
    assert seq(conn) == before
    check(conn)


def test_any_entry_can_be_skipped_or_new(editor: Api, conn: queries.Connection) -> None:
    known = editor.source("El Monitor", "news_outlet")
    made = case_of_one()
    result = preview(editor, made)
    assert row_of(result, "/sources/0")["record_id"] == known
    apply(editor, result["id"], {"row": 1, "decision": "new"}, {"row": 3, "decision": "skip"})
    assert len(editor.get("/v1/sources")["items"]) == 2
    assert people(conn) == 1
    assert editor.get("/v1/release-events")["items"] == []
    again = preview(editor, made)
    assert outcomes(again) == ["same", "same", "new", "new"]


def test_two_people_of_a_case_stay_two(editor: Api, conn: queries.Connection) -> None:
    made = case_of_one()
    twin = {**made["detainees"][0], "key": "twin"}
    made["detainees"].append(twin)
    assert outcomes(preview(editor, made)).count("new") == 5
    recorded(editor)
    result = preview(editor, made)
    assert [row["outcome"] for row in result["rows"][1:3]] == ["changed", "possible_duplicate"]
    apply(editor, result["id"], {"row": 3, "decision": "new"})
    assert people(conn) == 2


def test_every_error_has_its_place(editor: Api, conn: queries.Connection) -> None:
    made = case_of_one()
    made["sources"] += [7, {"key": "monitor", "name": "Twice", "kind": "ngo"}]
    made["sources"].append({"key": "vain", "name": "", "kind": "outlet", "color": "red"})
    made["detainees"].append({"key": "other", "name": "Nelson", "birth_date": "2090-01-01"})
    made["release_events"].append({"key": "x", "detainee": "nobody", "occurred_on": "2026-01-08"})
    made["release_events"].append({"key": "y", "detainee": "other", "occurred_on": "2026-01-08"})
    before = snapshot(conn)
    result = preview(editor, made)
    assert snapshot(conn) == before
    faults = {error["pointer"] for row in result["rows"] for error in row["errors"]}
    assert faults == {
        "/sources/1",
        "/sources/2/key",
        *("/sources/3/name", "/sources/3/kind", "/sources/3/color"),
        "/detainees/1/birth_date",
        "/release_events/1/detainee",
        "/release_events/2",
    }
    assert result["totals"]["invalid"] == 6
    invalid = [row["row"] for row in result["rows"] if row["outcome"] == "invalid"]
    refused = apply(editor, result["id"], status=422)
    assert [error["pointer"] for error in refused["errors"]] == [f"/rows/{n}" for n in invalid]
    apply(editor, result["id"], *({"row": n, "decision": "skip"} for n in invalid))
    assert people(conn) == 1


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
NO_ENTRIES = (
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
    for entry in NO_ENTRIES:
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
    """As two sources, the newspaper would confirm itself."""
    person, event = recorded(editor)
    editor.attest(event, editor.source("EL MONITOR", "state_media"), MORNING)
    assert editor.get(f"/v1/release-events/{event}")["verification"]["independent_sources"] == 2
    result = preview(editor, case_of_one())
    assert row_of(result, "/sources/0")["outcome"] == "same"
    apply(editor, result["id"])
    assert editor.get(f"/v1/release-events/{event}")["verification"]["independent_sources"] == 2
    assert editor.get(f"/v1/detainees/{person}")["custody"] == "released"


def test_affiliations_of_a_case_change_recorded_statuses(editor: Api) -> None:
    person = editor.detainee("Ana Prueba")
    editor.detention(person)
    event = editor.event(person, "2026-01-08")
    for name in ("El Monitor", "La Hora"):
        editor.attest(event, editor.source(name, "news_outlet"), MORNING)
    made = {
        "case": "owners",
        "sources": [
            {"key": name, "name": name, "kind": "news_outlet", "country": "VE"}
            for name in ("El Monitor", "La Hora")
        ],
        "affiliations": [{"source": "El Monitor", "with": "La Hora", "relation": "owned_by"}],
    }
    result = preview(editor, made)
    assert outcomes(result) == ["changed", "changed", "new"]
    assert result["flips"] == [
        {"row": 3, "release_event_id": event, "from": "confirmed", "to": "reported"}
    ]
    apply(editor, result["id"])
    assert editor.get(f"/v1/release-events/{event}")["verification"]["status"] == "reported"
    assert outcomes(preview(editor, {**made, "case": "again"})) == ["same"] * 3


def test_a_later_retraction_is_imported(editor: Api) -> None:
    apply(editor, preview(editor, case_of_one())["id"])
    made = {**case_of_one(), "case": "of-a-house"}
    made["attestations"][0]["retracted_at"] = "2026-01-09T13:00:00Z"
    result = preview(editor, made)
    assert outcomes(result) == ["same", "same", "same", "changed"]
    assert [(flip["from"], flip["to"]) for flip in result["flips"]] == [("reported", "unverified")]
    apply(editor, result["id"])
    (told_word,) = editor.get("/v1/attestations")["items"]
    assert told_word["retracted_at"] == "2026-01-09T13:00:00Z"
    assert set(outcomes(preview(editor, made))) == {"same"}


# Outdated previews.


def test_an_outdated_preview_is_refused(editor: Api, conn: queries.Connection) -> None:
    person, event = recorded(editor)
    source = editor.get(f"/v1/attestations?release_event_id={event}")["items"][0]["source_id"]
    made = case_of_one()
    made["facilities"] = [{"key": "here", "name": "El Helicoide", "country": "VE"}]
    changes = {
        "a person": (lambda: editor.patch(f"/v1/detainees/{person}", {"occupation": "x"}), [3]),
        "one who may be": (lambda: editor.detainee("Belisario Quintanar Ozores"), [3]),
        "a source": (lambda: editor.source("El Monitor", "news_outlet"), [1]),
        "a facility": (
            lambda: editor.post("/v1/facilities", {"name": "el helicoide", "country": "VE"}),
            [2],
        ),
        "a word": (
            lambda: editor.attest(event, source, MORNING, stance="denies"),
            [3],
        ),
    }
    for what, (change, rows) in changes.items():
        result = preview(editor, made)
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
        assert problem["type"] == "/problems/import-outdated", what
        pointers = {error["pointer"] for error in problem["errors"]}
        assert {f"/rows/{row}" for row in rows} <= pointers, what
        assert snapshot(conn) == before, what


def test_unrelated_writes_do_not_make_a_preview_outdated(editor: Api) -> None:
    result = preview(editor, case_of_one())
    editor.detainee("Milagros Arráiz Tovar")
    editor.source("Otra Voz")
    apply(editor, result["id"])


def test_a_case_is_applied_once(editor: Api, conn: queries.Connection) -> None:
    _, made = possible_duplicate(editor)
    result = preview(editor, made)
    apply(editor, result["id"], {"row": 2, "decision": "new"})
    before = seq(conn)
    apply(editor, result["id"], {"row": 2, "decision": "new"})
    apply(editor, result["id"], {"row": 2, "decision": "skip"}, status=409)
    assert seq(conn) == before
    assert conn.execute("SELECT FROM import_files").fetchall() == []


# Access, and hidden people.


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
    person, _ = recorded(editor)
    made = case_of_one(withheld=True)
    made["detainees"].append({"key": "child", "name": "Kanarie Menor", "age_group": "minor"})
    organisation = editor.source("Casa Abierta")
    made["sources"] += [
        {"key": "house", "name": "Casa Abierta", "kind": "ngo"},
        {
            "key": "secret",
            "name": "Kanarie Fuente",
            "kind": "relative",
            "confidential": True,
            "vouched_by": "house",
        },
    ]
    made["attestations"].append(word("whispered", "out", "secret"))
    result = preview(editor, made)
    assert row_of(result, "/sources/1")["record_id"] == organisation
    assert row_of(result, "/detainees/0")["changes"] == ["aliases", "withheld"]
    assert "Kanarie" not in json.dumps([row for row in result["rows"] if not row["candidates"]])
    api.get(f"/v1/imports/{result['id']}", 404)
    apply(editor, result["id"])
    assert not api.get(f"/v1/detainees/{person}")["is_named"]
    for path in ("detainees", "sources", "attestations", "changes", "export", "release-events"):
        shown = api.send("GET", f"/v1/{path}").get_data(as_text=True)
        assert "Kanarie" not in shown, path
        assert "Quintanar" not in shown, path
    assert set(outcomes(preview(editor, made))) == {"same"}
    # A foreign case with the name of the confidential source.
    again = {**copy.deepcopy(made), "case": "another"}
    result = preview(editor, again)
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


# The command.


def test_the_command_imports_a_case(database: str, conn: queries.Connection) -> None:
    result = run_process("import", EXAMPLE, "--dry-run", DATABASE_URL=database)
    assert (result.returncode, people(conn)) == (0, 0), result.stderr
    assert "unverified becomes confirmed" in result.stdout
    result = run_process("import", EXAMPLE, DATABASE_URL=database)
    assert (result.returncode, people(conn)) == (0, 3), result.stderr
    before = snapshot(conn)
    for words in (["import"], ["load"]):
        result = run_process(*words, EXAMPLE, DATABASE_URL=database)
        assert result.returncode == 0, result.stderr
        assert snapshot(conn) == before
    refused = run_process("import", EXAMPLE, "--date-order", "day_first", DATABASE_URL=database)
    assert refused.returncode == 1
    assert "A case takes no date_order" in refused.stderr


def test_the_command_prints_errors_and_skips_invalid_rows(
    database: str, conn: queries.Connection, tmp_path: Path
) -> None:
    made = case_of_one()
    made["release_events"].append({"key": "x", "detainee": "nobody", "occurred_on": "2026-01-08"})
    file = tmp_path / "case.json"
    file.write_text(json.dumps(made))
    result = run_process("import", file, DATABASE_URL=database)
    assert (result.returncode, people(conn)) == (1, 0)
    assert "/release_events/1/detainee: detainees has no entry with the key" in result.stderr
    result = run_process("import", file, "--skip-invalid", DATABASE_URL=database)
    assert (result.returncode, people(conn)) == (0, 1), result.stderr
    file.write_text("{")
    result = run_process("import", file, DATABASE_URL=database)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr


@linux
def test_the_command_asks_about_possible_duplicates(
    editor: Api, database: str, conn: queries.Connection, tmp_path: Path
) -> None:
    person, made = possible_duplicate(editor)
    file = tmp_path / "case.json"
    file.write_text(json.dumps(made))
    before = snapshot(conn)
    result = run_process("import", file, DATABASE_URL=database)
    assert result.returncode == 1
    assert "Row 2 may be recorded" in result.stderr
    assert snapshot(conn) == before
    status, shown = on_a_terminal("same\ny\n", "import", file, DATABASE_URL=database)
    assert status == 0, shown
    assert people(conn) == 1
    assert len(editor.get("/v1/release-events", detainee_id=person)["items"]) == 1


# Interrupted imports.


@linux
def test_a_killed_import_leaves_nothing_behind() -> None:
    """kill -9 of all processes while a case is previewed, and while one is applied."""
    many = 800
    body = json.dumps(of_many(range(many))).encode()

    def send(service: Service, key: str, path: str, body: bytes) -> Any:
        content_type = CASE if path == "/v1/imports" else "application/json"
        headers = {"Authorization": f"Bearer {key}", "Content-Type": content_type}
        with contextlib.closing(HTTPConnection("127.0.0.1", service.port, timeout=600)) as sent:
            sent.request("POST", path, body, headers)
            answer = sent.getresponse()
            return answer.status, json.loads(answer.read())

    def broken_off(service: Service, *what: Any) -> None:
        """Send a request, and kill all processes once people are being written."""
        with open_store(service) as conn, ThreadPoolExecutor(1) as thread:
            size = "SELECT pg_relation_size('detainees') AS n"
            before = conn.execute(size).fetchone().n
            sent = thread.submit(send, service, *what)
            wait_until(lambda: conn.execute(size).fetchone().n > before + 20_000, "it writes")
            assert not sent.done()
            service.kill()
            assert isinstance(sent.exception(60), OSError | HTTPException | ValueError)

    def counted(service: Service) -> tuple[int, int]:
        with open_store(service) as conn:
            return people(conn), seq(conn)

    with data_dir() as directory:
        with serving(directory) as service:
            key = service.key("edit")
            broken_off(service, key, "/v1/imports", body)
        with serving(directory) as service:
            assert counted(service) == (0, 0)
            status, result = send(service, key, "/v1/imports", body)
            assert (status, result["people"]) == (201, many)
            apply_path = f"/v1/imports/{result['id']}/apply"
            broken_off(service, key, apply_path, b"{}")
        with serving(directory) as service:
            assert counted(service) == (0, 0)
            # The crash emptied the unlogged table of keys, without which it is not applied.
            status, problem = send(service, key, apply_path, b"{}")
            assert (status, problem["type"]) == (409, "/problems/import-outdated")
            status, result = send(service, key, "/v1/imports", body)
            apply_path = f"/v1/imports/{result['id']}/apply"
            for _ in range(2):
                status, result = send(service, key, apply_path, b"{}")
                assert (status, result["state"]) == (200, "applied")
            assert counted(service)[0] == many
            with open_store(service) as conn:
                check_store(conn)
