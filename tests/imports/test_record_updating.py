"""A case that is loaded or imported again after splits, merges and their undoing.

An unchanged case changes nothing, or asks once who a person is.
"""

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from api.cases.case_file import CaseError
from api.database.queries import Connection
from tests.conftest import Api
from tests.imports.test_case_import import (
    MORNING,
    NOON,
    apply,
    attestation,
    load,
    outcome_of,
    preview,
    row_of,
)
from tests.imports.test_list_import import seq
from tests.store_checks import check_store

ID = {"scheme": "co", "value": "7"}
CASE = {
    "case": "of-two",
    "sources": [
        {"key": "monitor", "name": "El Monitor", "kind": "ngo", "url": "https://monitor.example"},
        {"key": "foro", "name": "Foro", "kind": "ngo"},
    ],
    "detainees": [
        {
            "key": "he",
            "name": "Fermín Otero",
            "aliases": ["Ana Otero"],
            "birth_date": "1974-06-02",
            "sex": "male",
            "external_ids": [ID],
            "detention": {"detained_on": "2024-02"},
        },
        {
            "key": "she",
            "name": "Carmen Otero",
            "birth_date": "1975-06-02",
            "sex": "female",
            "occupation": "médica",
            "detention": {"detained_on": "2024-03"},
        },
    ],
    "detentions": [
        {
            "key": "second",
            "detainee": "he",
            "detained_on": "2025-07",
            "began_on": "2025-07-01",
            "created_at": NOON,
        }
    ],
    "release_events": [
        {"key": "out-1", "detainee": "he", "occurred_on": "2025-06-01"},
        {"key": "out-2", "detainee": "he", "occurred_on": "2026-01-08"},
        {"key": "out-3", "detainee": "she", "occurred_on": "2026-01-08"},
    ],
    "attestations": [
        attestation(f"{source}-{number}", f"out-{number}", source)
        for source in ("monitor", "foro")
        for number in (1, 2, 3)
    ],
}


def store(editor: Api, conn: Connection, command: str, case: Any) -> None:
    if command == "load":
        load(conn, case)
    else:
        apply(editor, preview(editor, case)["id"])


def assert_changes_nothing(editor: Api, conn: Connection, case: Any = CASE) -> None:
    before = seq(conn)
    assert not any(load(conn, case).values())
    result = preview(editor, case)
    assert not [row for row in result["rows"] if row["outcome"] != "same"]
    apply(editor, result["id"])
    assert seq(conn) == before


def ids(editor: Api, resource: str) -> Mapping[str, str]:
    return {item["name"]: item["id"] for item in editor.get(f"/v1/{resource}")["items"]}


def detention(editor: Api, person: str, detained_on: str) -> str:
    items = editor.get(f"/v1/detainees/{person}/detentions")["items"]
    (id,) = (item["id"] for item in items if item["detained_on"] == detained_on)
    return str(id)


def with_another_release(**event: Any) -> dict[str, Any]:
    """Return the case with a later detention of `he`, and the release from it by both sources."""
    case: dict[str, Any] = copy.deepcopy(CASE)
    third = {"detained_on": "2026-02", "began_on": "2026-02-01", "created_at": NOON}
    case["detentions"].append({"key": "third", "detainee": "he", **third})
    out = {"key": "out-4", "detainee": "he", "occurred_on": "2026-03-08", "detention": "third"}
    case["release_events"].append({**out, **event})
    for source in ("monitor", "foro"):
        fields = {"published_at": "2026-03-09T12:00:00Z"}
        case["attestations"].append(attestation(f"{source}-4", "out-4", source, **fields))
    return case


@pytest.mark.parametrize("command", ["load", "import"])
@pytest.mark.parametrize("moved", ["2024-02", "2025-07"])
def test_people_split_since_a_case_are_asked_about_once(
    editor: Api, conn: Connection, command: str, moved: str
) -> None:
    store(editor, conn, command, CASE)
    first = ids(editor, "detainees")["Fermín Otero"]
    chosen = {"detention_ids": [detention(editor, first, moved)], "external_ids": [ID]}
    body = {"name": "Ana Otero", "aliases": ["Ana Otero"], **chosen}
    new = editor.post(f"/v1/detainees/{first}/split", body)["new_detainee_id"]
    before = seq(conn)
    # A load leaves what it has loaded, but cannot ask whose a new record is.
    assert not any(load(conn, CASE).values())
    with pytest.raises(CaseError) as refused:
        load(conn, with_another_release())
    (error,) = refused.value.errors
    assert error.pointer == "/detentions/1/detainee"
    for part in (first, new, "constancia import"):
        assert part in error.detail
    # A detention says whose the release is.
    case = copy.deepcopy(CASE)
    again = {"key": "again", "detainee": "he", "occurred_on": "2026-01-18", "detention": "second"}
    case["release_events"].append(again)
    assert load(conn, case)["release_events"] == 1
    holder = new if moved == "2025-07" else first
    events = editor.get("/v1/release-events", detainee_id=holder)["items"]
    assert "2026-01-18" in {event["occurred_on"] for event in events}
    before = seq(conn)

    result = preview(editor, case)
    person = row_of(result, "/detainees/0")
    assert person["outcome"] == "possible_duplicate"
    assert {candidate["detainee_id"] for candidate in person["candidates"]} == {first, new}
    assert outcome_of(result)["/detainees/1"] == outcome_of(result)["/release_events/2"] == "same"
    apply(editor, result["id"], status=422)
    # Both decisions leave what the split moved, and give neither person the other's values.
    decision = {"row": person["row"], "decision": "same", "detainee_id": first}
    apply(editor, result["id"], decision)
    assert seq(conn) == before
    assert_changes_nothing(editor, conn, case)
    stays = f"/v1/detainees/{new}: it stays with that person."
    ignored = [row["ignored"] for row in preview(editor, case)["rows"] if row["ignored"]]
    assert all(cell["detail"].endswith(stays) for cells in ignored for cell in cells)
    assert len(ignored) > 1

    longer = with_another_release()
    apply(editor, preview(editor, longer)["id"])
    events = editor.get("/v1/release-events", detainee_id=first)["items"]
    assert "2026-03-08" in {event["occurred_on"] for event in events}
    assert_changes_nothing(editor, conn, longer)
    check_store(conn)


@pytest.mark.parametrize("command", ["load", "import"])
def test_a_merge_and_its_undoing_are_kept(editor: Api, conn: Connection, command: str) -> None:
    """Also for people with two birth dates and sexes: an entry does not contradict its merge."""
    store(editor, conn, command, CASE)
    people = ids(editor, "detainees")
    other = editor.detainee("Fermín Otero Ruiz", birth_date="1974-06-03")
    editor.detention(other)
    merges = [
        editor.post(f"/v1/detainees/{id}/merge", {"into": into})["id"]
        for id, into in (
            (people["Carmen Otero"], people["Fermín Otero"]),
            (people["Fermín Otero"], other),
        )
    ]
    assert_changes_nothing(editor, conn)
    for merge in reversed(merges):
        assert editor.send("DELETE", f"/v1/merges/{merge}").status_code == 200
        assert_changes_nothing(editor, conn)
    longer = with_another_release()
    store(editor, conn, command, longer)
    events = editor.get("/v1/release-events", detainee_id=people["Fermín Otero"])["items"]
    assert len(events) == 3
    assert_changes_nothing(editor, conn, longer)
    check_store(conn)


def test_an_entry_of_a_merged_person_is_asked_about_after_the_undo(
    editor: Api, conn: Connection
) -> None:
    """It was compared with the records of both."""
    surviving = editor.detainee("Fermín Otero", birth_date="1974-06-02", sex="male")
    duplicate = editor.detainee("Fermín Otero Ruiz")
    merge = editor.post(f"/v1/detainees/{duplicate}/merge", {"into": surviving})["id"]
    store(editor, conn, "import", CASE)
    assert_changes_nothing(editor, conn)
    editor.send("DELETE", f"/v1/merges/{merge}")
    with pytest.raises(CaseError, match="1 error"):
        load(conn, with_another_release())
    result = preview(editor, CASE)
    row = row_of(result, "/detainees/0")
    assert {c["detainee_id"] for c in row["candidates"]} == {surviving, duplicate}
    decision = {"row": row["row"], "decision": "same", "detainee_id": duplicate}
    apply(editor, result["id"], decision)
    assert_changes_nothing(editor, conn)
    longer = with_another_release()
    load(conn, longer)
    (event,) = editor.get("/v1/release-events", detainee_id=duplicate)["items"]
    assert event["occurred_on"] == "2026-03-08"


@pytest.mark.parametrize("command", ["load", "import"])
@pytest.mark.parametrize("is_merged_before", [False, True])
def test_what_a_merged_source_published_returns_to_it(
    editor: Api, conn: Connection, command: str, is_merged_before: bool
) -> None:
    """Also what it published in a case that was read while the merge stood."""
    if is_merged_before:
        for source in CASE["sources"]:
            editor.source(source["name"], url=source.get("url"))
    else:
        store(editor, conn, command, CASE)
    sources = ids(editor, "sources")
    body = {"into": sources["Foro"]}
    merge = editor.post(f"/v1/sources/{sources['El Monitor']}/merge", body)["id"]
    longer = with_another_release()
    store(editor, conn, command, longer)
    assert editor.get("/v1/counts")["confirmed"] == 0
    assert_changes_nothing(editor, conn, longer)
    assert editor.send("DELETE", f"/v1/merges/{merge}").status_code == 200
    assert_changes_nothing(editor, conn, longer)
    statuses = {e["verification"]["status"] for e in editor.get("/v1/release-events")["items"]}
    assert statuses == {"confirmed"}
    check_store(conn)


@pytest.mark.parametrize("command", ["load", "import"])
def test_a_source_is_preferred_to_a_duplicate_of_its_name(
    editor: Api, conn: Connection, command: str
) -> None:
    """What it publishes stays with it if the merge is undone."""
    duplicate, surviving = editor.source("Foro"), editor.source("Otro foro")
    merge = editor.post(f"/v1/sources/{duplicate}/merge", {"into": surviving})["id"]
    editor.patch(f"/v1/sources/{surviving}", {"name": "Foro"})
    store(editor, conn, command, CASE)
    assert editor.send("DELETE", f"/v1/merges/{merge}").status_code == 200
    attesting = [item["source_id"] for item in editor.get("/v1/attestations")["items"]]
    assert (attesting.count(surviving), attesting.count(duplicate)) == (3, 0)


def test_an_exported_case_knows_the_splits_before_it(editor: Api, conn: Connection) -> None:
    times = {"kind": "announced", "as_of": MORNING, "published_at": MORNING}
    claim = editor.post("/v1/claims", {**times, "source_id": editor.source("Gobierno")})["id"]
    person = editor.detainee("Fermín Otero", birth_date="1974-06-02")
    detentions = [editor.detention(person, detained_on="2024-02")]
    editor.event(person, "2026-01-08", announcement_id=claim)
    detentions.append(editor.detention(person, detained_on="2026-02"))
    before = editor.get(f"/v1/claims/{claim}/case")
    body = {"name": "Fermín Otero", "detention_ids": [detentions[1]]}
    new = editor.post(f"/v1/detainees/{person}/split", body)["new_detainee_id"]
    after = editor.get(f"/v1/claims/{claim}/case")
    row = row_of(preview(editor, {**before, "case": "before"}), "/detainees/0")
    assert {c["detainee_id"] for c in row["candidates"]} == {person, new}
    assert (
        "possible_duplicate" not in outcome_of(preview(editor, {**after, "case": "after"})).values()
    )


def test_a_detention_in_an_impossible_order_is_invalid(editor: Api, conn: Connection) -> None:
    """It begins within another one, which was recorded before."""
    store(editor, conn, "load", CASE)
    case: dict[str, Any] = copy.deepcopy(CASE)
    within = {"detained_on": "2024-03-01", "began_on": "2024-03-01", "created_at": NOON}
    case["detentions"].append({"key": "within", "detainee": "he", **within})
    row = row_of(preview(editor, case), "/detentions/1")
    assert row["outcome"] == "invalid"
    assert "cannot be put in order" in row["errors"][0]["detail"]


def test_records_of_a_case_stay_void(editor: Api, conn: Connection) -> None:
    claim = {"kind": "released", "value": 2, "qualifier": "exact", "as_of": NOON}
    claims = [{"key": "two", "source": "foro", "published_at": NOON, **claim}]
    case = {**copy.deepcopy(CASE), "claims": claims}
    case["affiliations"] = [{"source": "foro", "with": "monitor", "relation": "owned_by"}]
    store(editor, conn, "load", case)
    person = ids(editor, "detainees")["Carmen Otero"]
    (event,) = editor.get("/v1/release-events", detainee_id=person)["items"]
    attestations = editor.get("/v1/attestations", release_event_id=event["id"])["items"]
    void = [f"attestations/{item['id']}" for item in attestations]
    for resource in ("claims", "affiliations"):
        void += [f"{resource}/{item['id']}" for item in editor.get(f"/v1/{resource}")["items"]]
    void += [f"release-events/{event['id']}", f"detentions/{event['detention_id']}"]
    for path in void:
        editor.post(f"/v1/{path}/void", {"reason": "Another person."}, 200)
    assert_changes_nothing(editor, conn, case)
    ignored = [cell for row in preview(editor, case)["rows"] for cell in row["ignored"]]
    assert len(ignored) == len(void)
    assert all(cell["detail"].endswith("is void: it is left out.") for cell in ignored)
    # The file can retract what it says, but brings nothing void back.
    case["affiliations"][0]["until"] = "2026-01-10T12:00:00Z"
    case["claims"][0]["retracted_at"] = "2026-01-10T12:00:00Z"
    case["attestations"][2]["retracted_at"] = "2026-01-10T12:00:00Z"
    assert_changes_nothing(editor, conn, case)
