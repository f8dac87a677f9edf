"""Merges of duplicate records, and their undoing, which restores every row."""

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg import sql

from api.cases import loader
from api.database.queries import Connection
from api.records import release_events
from tests.conftest import Api
from tests.stories.test_record_time import (
    Chooser,
    assert_store_is_whole,
    at_once,
    new_world,
    write_something,
)

DAY = "2026-01-08"
AT = "2026-01-09T01:00:00Z"
LATER = "2026-01-09T02:00:00Z"
UNKNOWN = "019b9f3e-0000-7000-8000-000000000000"


@pytest.fixture
def editor(api: Api) -> Api:
    return api.scope("edit")


def merge(editor: Api, gone: str, kept: str, status: int = 201) -> Any:
    return editor.post(f"/v1/detainees/{gone}/merge", {"into": kept}, status)


def undo(editor: Api, id: str, status: int = 200) -> Any:
    return editor._json(editor.send("DELETE", f"/v1/merges/{id}"), status)


def distinguish(editor: Api, one: str, other: str, status: int = 201) -> Any:
    return editor.post(f"/v1/detainees/{one}/distinct-from", {"detainee_id": other}, status)


def location(api: Api, path: str, method: str = "GET", body: Any = None) -> str:
    response = api.send(method, path, json=body)
    assert response.status_code == 307, response.text
    assert response.get_data() == b""
    return response.headers["Location"]


def person(
    editor: Api, name: str, detained_on: str | None = "2024", *days: str, **more: Any
) -> Any:
    """A person with one detention and events of these days; the ids of all of them."""
    id = editor.detainee(name, **more)
    detention = editor.detention(id, detained_on=detained_on)
    return id, detention, *(editor.event(id, day, detention_id=detention) for day in days)


def last_seq(conn: Connection) -> int:
    row = conn.execute("SELECT seq FROM ledger_head").fetchone()
    assert row is not None
    return int(row.seq)


def statuses(api: Api, **query: Any) -> dict[str, int]:
    counts = api.get("/v1/counts", **query)
    words = ("confirmed", "disputed", "reported", "refuted", "unverified", "rearrested")
    return {word: counts[word] for word in words if counts[word]}


# Not compared after a merge and its undo: the ledger and the merges record both. Of a moment of the
# record, only today's entries are the same. Words stay in the table of all name words.
TOLD = {
    *("ledger", "ledger_head", "merges", "merge_changes", "feed_entries", "api_keys", "migrations"),
    "name_word_variants",
}
BITEMPORAL = {"verdicts", "verdict_exclusions", "person_statuses"}


def dump(conn: Connection) -> Mapping[str, list[Any]]:
    """Every row of every table as it stands, without the moments of its writing."""
    tables = conn.execute(
        "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    ).fetchall()
    found = {}
    for table in {row.name for row in tables} - TOLD:
        current = " WHERE recorded_until = 'infinity'" if table in BITEMPORAL else ""
        query = sql.SQL(
            "SELECT to_jsonb(t) - '{{updated_at,recorded_from}}'::text[] AS row FROM {} t" + current
        ).format(sql.Identifier(table))
        rows = [row.row for row in conn.execute(query)]
        if table == "status_rollups":
            rows = [row for row in rows if any(map(any, row["people"]))]
        found[table] = sorted(rows, key=repr)
    assert set(found) > BITEMPORAL
    return found


# The story.


def test_two_records_of_one_person_become_one_and_two_again(
    api: Api, editor: Api, conn: Connection
) -> None:
    gone, gone_detention, gone_event = person(editor, "José Pérez Otero", "2024-02", DAY)
    kept, kept_detention, kept_event = person(editor, "Jose Perez", None, "2026-01-09")
    one, other = editor.source("Una"), editor.source("Otra")
    said = editor.attest(gone_event, one, AT)["id"]
    editor.attest(kept_event, other, LATER)
    before, counted = dump(conn), api.get("/v1/counts")
    then = {name: counted[name] for name in ("as_of", "recorded_as_of")}
    old_answer = api.get(f"/v1/release-events/{gone_event}/verification", **then)
    assert statuses(api) == {"reported": 2}
    seq = last_seq(conn)

    merged = merge(editor, gone, kept)
    assert merged == api.get(f"/v1/merges/{merged['id']}")
    assert (merged["detainee_id"], merged["into"], merged["undone_at"]) == (gone, kept, None)
    assert merged["detentions"] == [{"detention_id": gone_detention, "into": kept_detention}]
    assert merged["release_events"] == [{"release_event_id": gone_event, "into": kept_event}]

    # One person, confirmed by two sources, each of whom spoke of one of the two.
    assert statuses(api) == {"confirmed": 1}
    assert_store_is_whole(conn)
    record = api.get(f"/v1/detainees/{kept}")
    assert (record["name"], record["aliases"]) == ("Jose Perez", ["José Pérez Otero"])
    assert record["custody"] == "released"
    assert record["detention"]["detained_on"] == "2024-02"
    assert [d["id"] for d in api.get("/v1/detainees")["items"]] == [kept]
    assert [e["id"] for e in api.get("/v1/release-events")["items"]] == [kept_event]
    answer = api.get(f"/v1/release-events/{kept_event}/verification")
    assert (answer["status"], answer["since"]) == ("confirmed", LATER)
    assert api.get(f"/v1/attestations/{said}")["release_event_id"] == kept_event

    # The ledger tells of everything that moved, in one moment.
    entries = [
        (e["resource"], e["resource_id"], e["action"])
        for e in api.get("/v1/changes", after=seq)["items"]
    ]
    assert entries[0] == ("merge", merged["id"], "created")
    assert sorted(entries[1:]) == sorted(
        [
            ("detainee", gone, "moved"),
            ("detainee", kept, "updated"),
            ("detention", gone_detention, "moved"),
            ("detention", kept_detention, "updated"),
            ("release_event", gone_event, "moved"),
            ("attestation", said, "moved"),
        ]
    )
    assert len({e["recorded_at"] for e in api.get("/v1/changes", after=seq)["items"]}) == 1

    # What was answered stays as it was.
    assert api.get("/v1/counts", **then) == {**counted, **api.get("/v1/counts", **then)}
    assert statuses(api, **then) == {"reported": 2}
    assert api.get(f"/v1/release-events/{gone_event}/verification", **then) == old_answer

    seq = last_seq(conn)
    undone = undo(editor, merged["id"])
    assert undone["undone_at"] is not None
    assert undone == {**merged, **{n: undone[n] for n in ("updated_at", "undone_at")}}
    assert dump(conn) == before
    assert statuses(api) == {"reported": 2}
    assert_store_is_whole(conn)
    assert api.get(f"/v1/detainees/{gone}")["name"] == "José Pérez Otero"
    again = [
        (e["resource"], e["resource_id"], e["action"])
        for e in api.get("/v1/changes", after=seq)["items"]
    ]
    assert again == [("merge", merged["id"], "undone"), *again[1:]]
    assert sorted(again[1:]) == sorted(entries[1:])
    assert api.get(f"/v1/release-events/{gone_event}/verification", **then) == old_answer


def test_undoing_twice_is_a_conflict_and_merging_again_is_not(
    editor: Api, conn: Connection
) -> None:
    gone, kept = editor.detainee("Una"), editor.detainee("Otra")
    before = dump(conn)
    first = merge(editor, gone, kept)["id"]
    undo(editor, first)
    assert undo(editor, first, 409)["detail"] == "This merge is already undone."
    second = merge(editor, gone, kept)["id"]
    assert undo(editor, first, 409)["type"] == "/problems/conflict"
    undo(editor, second)
    assert dump(conn) == before


# Old ids.


def test_an_old_id_names_what_the_record_became_wherever_it_stands(
    api: Api, editor: Api, conn: Connection
) -> None:
    gone, detention, event = person(editor, "Una", "2024", DAY)
    kept, kept_detention, kept_event = person(editor, "Otra", "2024", DAY)
    merge(editor, gone, kept)
    # In a path, whatever the method: nothing is written.
    seq = last_seq(conn)
    people, events = f"/v1/detainees/{kept}", f"/v1/release-events/{kept_event}"
    assert location(api, f"/v1/detainees/{gone}") == people
    assert location(editor, f"/v1/detainees/{gone}", "PATCH", {"sex": "female"}) == people
    listed = f"/v1/detainees/{gone}/detentions?limit=1&format=ndjson"
    assert location(api, listed) == f"{people}/detentions?limit=1&format=ndjson"
    assert (
        location(editor, f"/v1/detainees/{gone}/detentions", "POST", {}) == f"{people}/detentions"
    )
    path = f"/v1/detentions/{kept_detention}"
    assert location(api, f"/v1/detentions/{detention}") == path
    assert location(editor, f"/v1/detentions/{detention}", "PATCH", {"charges": "None"}) == path
    assert location(api, f"/v1/release-events/{event}") == events
    assert location(api, f"/v1/release-events/{event}?format=jsonld") == f"{events}?format=jsonld"
    assert location(editor, f"/v1/release-events/{event}", "PATCH", {"place": "Gate"}) == events
    asked = "verification?min_sources=3&time_zone=America%2FCaracas"
    assert location(api, f"/v1/release-events/{event}/{asked}") == f"{events}/{asked}"
    assert last_seq(conn) == seq
    # A key comes first, and so does what is wrong with the request.
    assert api.send("PATCH", f"/v1/detainees/{gone}", json={"sex": None}).status_code == 401
    editor.patch(f"/v1/detainees/{gone}", {"sex": "none"}, 422)
    # In a query and in a body it stands for the new one.
    assert [e["id"] for e in api.get("/v1/release-events", detainee_id=gone)["items"]] == [
        kept_event
    ]
    said = editor.attest(event, editor.source("Una"), AT)
    assert said["release_event_id"] == kept_event
    listed = api.get("/v1/attestations", release_event_id=event)
    assert [a["id"] for a in listed["items"]] == [said["id"]]
    other = editor.post(
        "/v1/release-events",
        {"detainee_id": gone, "detention_id": detention, "occurred_on": "2025-05-05"},
    )
    assert (other["detainee_id"], other["detention_id"]) == (kept, kept_detention)
    assert_store_is_whole(conn)


def test_old_ids_of_a_chain_name_the_last_person(api: Api, editor: Api, conn: Connection) -> None:
    people = [person(editor, name, "2024", DAY) for name in ("Una", "Dos", "Tres")]
    before = dump(conn)
    (a, _, e), (b, _, f), (c, _, g) = people
    first = merge(editor, a, b)["id"]
    between = api.get("/v1/counts")["recorded_as_of"]
    second = merge(editor, b, c)["id"]
    assert location(api, f"/v1/detainees/{a}") == f"/v1/detainees/{c}"
    assert location(api, f"/v1/detainees/{b}") == f"/v1/detainees/{c}"
    assert location(api, f"/v1/release-events/{e}") == f"/v1/release-events/{g}"
    assert api.get("/v1/detainees")["items"][0]["aliases"] == ["Dos", "Una"]
    # By the record of then, it was the second one.
    query = f"verification?recorded_as_of={between}"
    assert location(api, f"/v1/release-events/{e}/{query}") == f"/v1/release-events/{f}/{query}"
    assert undo(editor, first, 409)["detail"] == (
        f"/v1/merges/{second} merged the surviving record into another one since. Undo it first."
    )
    undo(editor, second)
    assert location(api, f"/v1/detainees/{a}") == f"/v1/detainees/{b}"
    undo(editor, first)
    assert dump(conn) == before
    # What was answered for a moment of the record stays, though all is undone.
    assert location(api, f"/v1/release-events/{e}/{query}") == f"/v1/release-events/{f}/{query}"
    api.get(f"/v1/release-events/{e}/verification")


def test_merges_into_one_person_are_undone_in_reverse_order(editor: Api, conn: Connection) -> None:
    kept, one, other = (person(editor, name, None, DAY)[0] for name in ("Una", "Dos", "Tres"))
    before = dump(conn)
    first, second = merge(editor, one, kept)["id"], merge(editor, other, kept)["id"]
    assert undo(editor, first, 409)["detail"] == (
        f"/v1/merges/{second} merged another record into this person since. Undo it first."
    )
    undo(editor, second)
    undo(editor, first)
    assert dump(conn) == before


def test_who_cannot_be_merged_is_told_why(api: Api, editor: Api, conn: Connection) -> None:
    one, other, third = (editor.detainee(name) for name in ("Una", "Dos", "Tres"))
    source = editor.source("Nobody")
    before = dump(conn)
    assert merge(editor, one, one, 422)["errors"][0]["pointer"] == "/into"
    assert merge(editor, one, UNKNOWN, 422)["errors"][0]["pointer"] == "/into"
    assert merge(editor, one, source, 422)["errors"][0]["pointer"] == "/into"
    assert merge(editor, UNKNOWN, one, 404)["type"] == "/problems/not-found"
    assert dump(conn) == before
    merge(editor, one, other)
    link = f"/v1/detainees/{other}"
    assert link in merge(editor, one, third, 409)["detail"]
    assert link in merge(editor, third, one, 409)["detail"]
    assert link in merge(editor, other, one, 409)["detail"]
    assert link in distinguish(editor, one, third, 409)["detail"]
    assert (
        api.scope("contribute")
        .send("POST", f"/v1/detainees/{third}/merge", json={"into": other})
        .status_code
        == 403
    )
    api.get(f"/v1/merges/{UNKNOWN}", 404)
    undo(editor, UNKNOWN, 404)


# Judgements.


def test_a_judgement_that_two_are_two_is_made_once(api: Api, editor: Api, conn: Connection) -> None:
    one, other, third = (editor.detainee(name) for name in ("Una", "Dos", "Tres"))
    judged = distinguish(editor, one, other)
    assert (judged["detainee_id"], judged["distinct_from"]) == (one, other)
    assert api.get(f"/v1/distinctions/{judged['id']}") == judged
    link = f"/v1/distinctions/{judged['id']}"
    for a, b in ((one, other), (other, one)):
        assert link in distinguish(editor, a, b, 409)["detail"]
        assert link in merge(editor, a, b, 409)["detail"]
    # Whoever is one with either of them is not one with the other.
    first = merge(editor, one, third)["id"]
    assert link in merge(editor, other, third, 409)["detail"]
    assert link in distinguish(editor, third, other, 409)["detail"]
    undo(editor, first)
    merge(editor, other, third)
    assert link in merge(editor, one, third, 409)["detail"]
    withdrawn = editor._json(editor.send("DELETE", link), 200)
    assert withdrawn["withdrawn_at"] is not None
    editor._json(editor.send("DELETE", link), 409)
    merge(editor, one, third)
    changes = [
        (c["resource"], c["action"])
        for c in api.get("/v1/changes", limit=200)["items"]
        if c["resource"] == "distinction"
    ]
    assert changes == [("distinction", "created"), ("distinction", "withdrawn")]
    assert distinguish(editor, third, third, 422)["errors"][0]["pointer"] == "/detainee_id"
    assert distinguish(editor, third, UNKNOWN, 422)["errors"][0]["pointer"] == "/detainee_id"
    distinguish(editor, UNKNOWN, third, 404)


def test_who_was_judged_another_is_no_candidate_beside_the_one(api: Api, editor: Api) -> None:
    """Two homonyms: who is the one by an identifier is not the other."""
    ids = [{"scheme": "foro", "value": "17"}]
    one = editor.detainee("Zulmaida Quintero Belisario", external_ids=ids)
    other = editor.detainee("Zulmaida Quintero Belisario")
    asked = {"items": [{"name": "Zulmaida Quintero Belisario", "external_ids": ids}]}

    def candidates() -> list[str]:
        (item,) = editor.post("/v1/detainees/match", asked, 200)["items"]
        assert item["decision"] == "same"
        return [candidate["detainee_id"] for candidate in item["candidates"]]

    assert candidates() == [one, other]
    judged = distinguish(editor, other, one)["id"]
    assert candidates() == [one]
    editor.send("DELETE", f"/v1/distinctions/{judged}")
    assert candidates() == [one, other]


# What is known of the person.


def test_every_name_and_identifier_finds_the_one_who_stays(api: Api, editor: Api) -> None:
    first, second = {"scheme": "foro", "value": "17"}, {"scheme": "cofavic", "value": "A/4"}
    gone = editor.detainee("Rocío San Miguel", aliases=["La Profe"], external_ids=[first, second])
    kept = editor.detainee("R. San Miguel Sosa", aliases=["La Profe"], external_ids=[second])

    def found(q: str) -> list[str]:
        return [d["id"] for d in api.get("/v1/detainees", q=q)["items"]]

    def matched(**item: Any) -> list[str]:
        (answer,) = editor.post("/v1/detainees/match", {"items": [item]}, 200)["items"]
        return [c["detainee_id"] for c in answer["candidates"] if c["decision"] == "same"]

    assert (found("rocio"), found("sosa"), set(found("profe"))) == ([gone], [kept], {gone, kept})
    merged = merge(editor, gone, kept)["id"]
    assert found("rocio") == found("sosa") == found("profe") == found("rocio sosa") == [kept]
    assert matched(name="Nadie Aquí", external_ids=[first]) == [kept]
    record = api.get(f"/v1/detainees/{kept}")
    assert record["aliases"] == ["La Profe", "Rocío San Miguel"]
    assert record["external_ids"] == [second, first]
    undo(editor, merged)
    assert (found("rocio"), found("sosa"), set(found("profe"))) == ([gone], [kept], {gone, kept})
    assert matched(name="Nadie Aquí", external_ids=[first]) == [gone]


def test_what_is_known_stays_and_what_is_not_is_taken_over(
    api: Api, editor: Api, conn: Connection
) -> None:
    gone = editor.detainee(
        "Una",
        sex="female",
        birth_date="1980-02-29",
        age_group="adult",
        nationalities=["ES", "VE"],
        occupation="teacher",
    )
    kept = editor.detainee("Otra", nationalities=["VE"], occupation="lawyer")
    before = dump(conn)
    merged = merge(editor, gone, kept)["id"]
    record = api.get(f"/v1/detainees/{kept}")
    assert (record["sex"], record["birth_date"], record["age_group"]) == (
        "female",
        "1980-02-29",
        "adult",
    )
    assert (record["nationalities"], record["occupation"]) == (["VE", "ES"], "lawyer")
    undo(editor, merged)
    assert dump(conn) == before


def test_what_was_changed_since_stays_changed(api: Api, editor: Api) -> None:
    gone = editor.detainee("Una", sex="female", aliases=["Unita"], nationalities=["ES"])
    kept = editor.detainee("Otra", aliases=["Otrita"])
    merged = merge(editor, gone, kept)["id"]
    change = {"sex": "other", "aliases": ["Otrita", "Una", "Nueva"], "occupation": "judge"}
    editor.patch(f"/v1/detainees/{kept}", change)
    undo(editor, merged)
    record = api.get(f"/v1/detainees/{kept}")
    assert record["aliases"] == ["Otrita", "Nueva"]
    assert (record["sex"], record["occupation"]) == ("other", "judge")
    assert record["nationalities"] == []
    assert api.get(f"/v1/detainees/{gone}")["aliases"] == ["Unita"]


HIDDEN: Sequence[Mapping[str, Any]] = ({"age_group": "minor"}, {"withheld": True})


@pytest.mark.parametrize("how", HIDDEN)
@pytest.mark.parametrize("hidden", ["gone", "kept"])
def test_who_was_hidden_in_either_record_is_hidden(
    api: Api, editor: Api, conn: Connection, hidden: str, how: Mapping[str, Any]
) -> None:
    kinds = {"gone": {"age_group": "adult"}, "kept": {"age_group": "adult"}}
    kinds[hidden] = kinds[hidden] | how
    gone, _, gone_event = person(editor, "Zulmaida Quintero", "2024", DAY, **kinds["gone"])
    kept, _, kept_event = person(editor, "Zulma Quintero", "2024", "2026-01-15", **kinds["kept"])
    sources = [editor.source(name) for name in ("Una", "Otra")]
    for event in (gone_event, kept_event):
        for source in sources:
            editor.attest(event, source, AT, note="De Zulmaida, o Zulma")

    def names() -> Mapping[str, Any]:
        paths = {id: f"/v1/detainees/{id}" for id in (gone, kept)}
        return {id: api.get(path)["is_named"] for id, path in paths.items()}

    def told() -> str:
        paths = ("detainees", "release-events", "attestations", "changes", "feed?format=jsonfeed")
        texts = [api.send("GET", f"/v1/{path}").get_data(as_text=True) for path in paths]
        paths = (f"detainees/{kept}", f"detainees/{kept}/detentions", "feed?format=atom")
        texts += [api.send("GET", f"/v1/{path}").get_data(as_text=True) for path in paths]
        return "".join(texts)

    def modified(event: str) -> str:
        items = api.get("/v1/feed", format="jsonfeed")["items"]
        return next(item["date_modified"] for item in items if event in item["url"])

    before, was, at = dump(conn), names(), modified(gone_event)
    assert was == {gone: hidden != "gone", kept: hidden != "kept"}
    merged = merge(editor, gone, kept)["id"]
    record = api.get(f"/v1/detainees/{kept}")
    assert not record["is_named"]
    assert (record["age_group"], record["aliases"]) == ("unknown", [])
    for q in ("Zulmaida", "Zulma", "Quintero"):
        assert api.get("/v1/detainees", q=q)["items"] == []
    assert "Zulma" not in told()
    # Who follows the feed is told to take the name back.
    assert modified(gone_event) > at
    # It is seen that the two are one.
    entries = {item["resource_id"]: item for item in api.get("/v1/changes", limit=200)["items"]}
    assert entries[merged]["resource"] == "merge"
    assert entries[gone]["action"] == "moved"
    assert editor.get(f"/v1/detainees/{kept}")["name"] == "Zulma Quintero"
    undo(editor, merged)
    assert names() == was
    assert dump(conn) == before


@pytest.mark.parametrize("hidden", [{"gone"}, {"kept"}, set()])
@pytest.mark.parametrize("how", HIDDEN)
@pytest.mark.parametrize("entered", ["detainee", "attestation"])
def test_who_is_hidden_as_one_stays_hidden_as_both_if_anything_was_entered(
    api: Api, editor: Api, hidden: set[str], how: Mapping[str, Any], entered: str
) -> None:
    kinds = {name: how if name in hidden else {} for name in ("gone", "kept")}
    gone, *_ = person(editor, "Una", "2024", **kinds["gone"])
    kept, _, event = person(editor, "Otra", "2024", DAY, **kinds["kept"])
    merged = merge(editor, gone, kept)["id"]
    if not hidden:
        editor.patch(f"/v1/detainees/{kept}", how)
    elif entered == "detainee":
        editor.patch(f"/v1/detainees/{kept}", {"aliases": ["Unita"]})
    else:
        editor.attest(event, editor.source("Fuente"), AT, note="Habla de Una")
    undo(editor, merged)
    for id in (gone, kept):
        assert not api.get(f"/v1/detainees/{id}")["is_named"]
    for path in ("detainees", "attestations"):
        assert "Una" not in api.send("GET", f"/v1/{path}").get_data(as_text=True)
        assert "Unita" not in api.send("GET", f"/v1/{path}").get_data(as_text=True)


def test_two_who_are_one_are_one_of_the_five_who_share(
    api: Api, editor: Api, conn: Connection
) -> None:
    body = {"name": "El Helicoide", "country": "VE"}
    prison = editor.post("/v1/facilities", body)["id"]

    def enter(name: str) -> str:
        id = editor.detainee(name, age_group="minor")
        editor.detention(id, facility_id=prison)
        return id

    def told(id: str) -> tuple[str, str | None]:
        record = api.get(f"/v1/detainees/{id}")
        return record["age_group"], record["detention"]["facility_id"]

    first, second, third, fourth = (enter(f"Persona {n}") for n in range(4))
    merged = merge(editor, first, second)["id"]
    enter("Persona 5")
    assert told(third) == ("unknown", None)
    assert_store_is_whole(conn)
    # Two again, they are five.
    undo(editor, merged)
    assert told(third) == ("minor", prison)
    assert_store_is_whole(conn)
    # What was told stays told.
    merge(editor, third, fourth)
    assert told(fourth) == told(first) == ("minor", prison)
    assert_store_is_whole(conn)


def test_together_they_have_no_more_aliases_than_a_person_can_have(
    editor: Api, conn: Connection
) -> None:
    gone = editor.detainee("Una", aliases=[f"Una {i}" for i in range(30)])
    kept = editor.detainee("Otra", aliases=[f"Otra {i}" for i in range(20)])
    before = dump(conn)
    assert "50 aliases" in merge(editor, gone, kept, 409)["detail"]
    assert dump(conn) == before
    editor.patch(f"/v1/detainees/{gone}", {"aliases": []})
    merge(editor, gone, kept)


# Detentions and release events.


def test_spells_that_do_not_overlap_stay_two(api: Api, editor: Api, conn: Connection) -> None:
    gone, first, released = person(editor, "Una", "2024-02", DAY)
    kept, second = person(editor, "Otra", "2026-01")
    for name in ("Una", "Otra"):
        editor.attest(released, editor.source(name), AT)
    before = dump(conn)
    merged = merge(editor, gone, kept)
    assert (merged["detentions"], merged["release_events"]) == ([], [])
    listed = api.get(f"/v1/detainees/{kept}/detentions")["items"]
    assert {d["id"] for d in listed} == {first, second}
    record = api.get(f"/v1/detainees/{kept}")
    assert (record["detention"]["id"], record["custody"]) == (second, "detained")
    # Confirmed, and detained again.
    assert statuses(api) == {"confirmed": 1, "rearrested": 1}
    # Before the release there was no re-arrest yet.
    assert api.get("/v1/counts", as_of="2026-01-08T00:00:00Z")["rearrested"] == 0
    assert api.get(f"/v1/release-events/{released}")["detainee_id"] == kept
    assert_store_is_whole(conn)
    editor.post(f"/v1/detainees/{kept}/detentions", {"detained_on": "2026-03"}, 409)
    undo(editor, merged["id"])
    assert dump(conn) == before
    assert statuses(api) == {"confirmed": 1}


def test_claims_far_apart_of_one_detention_are_two_events(
    api: Api, editor: Api, conn: Connection
) -> None:
    gone, _, near, far = person(editor, "Una", "2024", "2026-01-10", "2026-02-08")
    kept, kept_detention, kept_event = person(editor, "Otra", "2024-02", DAY)
    for event in (near, far, kept_event):
        editor.attest(event, editor.source("Una"), "2026-02-09T00:00:00Z")
    before = dump(conn)
    merged = merge(editor, gone, kept)
    assert merged["release_events"] == [{"release_event_id": near, "into": kept_event}]
    events = api.get("/v1/release-events", detainee_id=kept)["items"]
    assert {e["id"]: (e["detention_id"], e["verification"]["status"]) for e in events} == {
        kept_event: (kept_detention, "confirmed"),
        far: (kept_detention, "reported"),
    }
    assert_store_is_whole(conn)
    # A release told again within three days is the one that is recorded.
    body = {"detainee_id": kept, "occurred_on": "2026-02-07"}
    assert editor.post("/v1/release-events", body, 409)["release_event_id"] == far
    undo(editor, merged["id"])
    assert dump(conn) == before


def test_an_echo_of_the_other_record_adds_nothing(api: Api, editor: Api) -> None:
    """What one source said of both is one voice, and what relays stays within its event."""
    gone, _, gone_event = person(editor, "Una", "2024", DAY)
    kept, _, kept_event = person(editor, "Otra", "2024", DAY)
    source, echo = editor.source("Una"), editor.source("Eco")
    word = editor.attest(gone_event, source, AT)["id"]
    relays = [{"attestation_id": word}]
    passed_on = editor.attest(gone_event, echo, LATER, basis="relayed", relays=relays)["id"]
    again = editor.attest(kept_event, source, "2026-01-09T03:00:00Z")["id"]
    merged = merge(editor, gone, kept)["id"]
    answer = api.get(f"/v1/release-events/{kept_event}/verification")
    assert (answer["status"], answer["independent_sources"]) == ("reported", 1)
    assert {n["attestation_id"]: n["reason"] for n in answer["not_counted"]} == {
        again: "same_group",
        passed_on: "same_origin",
    }
    assert api.get(f"/v1/attestations/{passed_on}")["relays"] == [
        {"attestation_id": word, "source_id": None}
    ]
    # A word on the one can pass on a word on the other now.
    editor.attest(
        gone_event,
        echo,
        "2026-01-10T00:00:00Z",
        basis="relayed",
        relays=[{"attestation_id": again}],
    )
    undo(editor, merged)


def test_detentions_that_cannot_be_put_in_order_are_named(editor: Api, conn: Connection) -> None:
    gone, detention, _ = person(editor, "Una", "2023-05-01", "2023-08-01")
    editor.event(gone, "2025-01-01", detention_id=detention)
    kept, kept_detention = person(editor, "Otra", "2024-02-09")
    before = dump(conn)
    problem = merge(editor, gone, kept, 409)
    assert problem["type"] == "/problems/conflict"
    assert kept_detention in problem["detail"]
    assert "2023-08-01" in problem["detail"]
    assert dump(conn) == before
    # It is one detention if it began as early.
    editor.patch(f"/v1/detentions/{kept_detention}", {"detained_on": "2023"})
    merge(editor, gone, kept)


def test_the_better_known_record_of_a_detention_completes_the_other(
    api: Api, editor: Api, conn: Connection
) -> None:
    place = editor.post("/v1/facilities", {"name": "El Helicoide", "country": "VE"})["id"]
    gone, kept = editor.detainee("Una"), editor.detainee("Otra")
    editor.detention(gone, detained_on="2024-02-09", facility_id=place, charges="Terrorism")
    detention = editor.detention(kept, detained_on="2024", whereabouts="unknown", charges="None")
    before = dump(conn)
    merged = merge(editor, gone, kept)["id"]
    record = api.get(f"/v1/detentions/{detention}")
    assert (record["detained_on"], record["facility_id"], record["whereabouts"]) == (
        "2024-02-09",
        place,
        "known",
    )
    assert record["charges"] == "None"
    undo(editor, merged)
    assert dump(conn) == before


# What comes after a merge.


def test_what_was_entered_since_stays_where_it_was_entered(
    api: Api, editor: Api, conn: Connection
) -> None:
    gone, _, gone_event = person(editor, "Una", "2024", DAY)
    kept, _, kept_event = person(editor, "Otra", "2024", DAY)
    sources = [editor.source(f"Fuente {i}") for i in range(4)]
    gone_word = editor.attest(gone_event, sources[0], AT)["id"]
    kept_word = editor.attest(kept_event, sources[1], AT)["id"]
    merged = merge(editor, gone, kept)["id"]
    new = editor.attest(kept_event, sources[2], LATER)["id"]
    # What passes on a word goes where that goes.
    echo = editor.attest(
        kept_event, sources[3], LATER, basis="relayed", relays=[{"attestation_id": gone_word}]
    )["id"]
    echo_of_echo = editor.attest(
        kept_event, sources[2], LATER, basis="relayed", relays=[{"attestation_id": echo}]
    )["id"]
    editor.post(
        f"/v1/attestations/{gone_word}/retraction", {"retracted_at": "2026-01-10T00:00:00Z"}, 200
    )
    again = editor.detention(kept, detained_on="2026-02")
    assert_store_is_whole(conn)
    undo(editor, merged)
    assert_store_is_whole(conn)

    def words(event: str) -> set[str]:
        listed = api.get("/v1/attestations", release_event_id=event)["items"]
        return {word["id"] for word in listed}

    assert words(gone_event) == {gone_word, echo, echo_of_echo}
    assert words(kept_event) == {kept_word, new}
    assert api.get(f"/v1/attestations/{gone_word}")["retracted_at"] is not None
    assert api.get(f"/v1/detentions/{again}")["detainee_id"] == kept
    assert len(api.get(f"/v1/detainees/{gone}/detentions")["items"]) == 1


def test_what_passes_on_words_of_both_stands_against_an_undo_until_it_is_voided(
    api: Api, editor: Api, conn: Connection
) -> None:
    gone, _, gone_event = person(editor, "Una", "2024", DAY)
    kept, _, kept_event = person(editor, "Otra", "2024", DAY)
    words = [editor.attest(e, editor.source("S"), AT)["id"] for e in (gone_event, kept_event)]
    merged = merge(editor, gone, kept)["id"]
    relays = [{"attestation_id": word} for word in words]
    both = editor.attest(kept_event, editor.source("Eco"), LATER, basis="relayed", relays=relays)[
        "id"
    ]
    refused = undo(editor, merged, 409)["detail"]
    assert both in refused
    assert "Void it" in refused
    editor.post(f"/v1/attestations/{both}/void", {"reason": "Of two."}, 200)
    undo(editor, merged)
    assert_store_is_whole(conn)
    assert len(api.get(f"/v1/attestations/{both}")["relays"]) == 2
    # And once more, with what it left behind.
    undo(editor, merge(editor, gone, kept)["id"])
    undo(editor, merge(editor, kept, gone)["id"])
    assert_store_is_whole(conn)


def test_an_event_goes_back_with_the_detention_that_it_ends(
    api: Api, editor: Api, conn: Connection
) -> None:
    gone, first = person(editor, "Una", "2020")
    editor.event(gone, "2021-05-05")
    kept, second = person(editor, "Otra", "2024-02")
    merged = merge(editor, gone, kept)["id"]
    late = editor.event(kept, "2021-09-09", detention_id=first)
    released = editor.event(kept, DAY)
    for event in (late, released):
        editor.attest(event, editor.source("Una"), AT)
    assert api.get(f"/v1/release-events/{released}")["detention_id"] == second
    # One person was confirmed then, whosever each event is now.
    then = {
        "recorded_as_of": api.get("/v1/counts")["recorded_as_of"],
        "occurred_from": "2020-01-01",
    }
    asked = {**then, "as_of": LATER, "min_sources": 1}
    answer = api.send("GET", "/v1/counts", query_string=asked).get_data()
    assert json.loads(answer)["confirmed"] == 1
    undo(editor, merged)
    assert api.send("GET", "/v1/counts", query_string=asked).get_data() == answer
    assert api.get(f"/v1/release-events/{late}")["detainee_id"] == gone
    assert api.get(f"/v1/release-events/{released}")["detainee_id"] == kept
    assert_store_is_whole(conn)


def test_a_detention_entered_since_keeps_its_place(api: Api, editor: Api, conn: Connection) -> None:
    """The day that only the other record knew put it before one that was entered since."""
    gone, _ = person(editor, "Una", "2024-02-09")
    kept, detention, event = person(editor, "Otra", None, DAY)
    merged = merge(editor, gone, kept)["id"]
    earlier = editor.detention(kept, detained_on="2023-05")
    editor.event(kept, "2023-09-09", detention_id=earlier)
    undo(editor, merged)
    record = api.get(f"/v1/detainees/{kept}")
    assert record["detention"]["id"] == detention
    assert record["detention"]["detained_on"] is None
    assert_store_is_whole(conn)
    # Its end can still be told again.
    body = {"detainee_id": kept, "occurred_on": "2026-01-09"}
    assert editor.post("/v1/release-events", body, 409)["release_event_id"] == event


def test_an_undo_that_would_leave_two_events_within_three_days_is_refused(
    editor: Api, conn: Connection
) -> None:
    gone, _, _, far = person(editor, "Una", "2024", "2026-01-05", "2026-01-20")
    kept, *_ = person(editor, "Otra", "2024", DAY)
    merged = merge(editor, gone, kept)["id"]
    # Four days from the event that stays, and one from the one that became it.
    editor.patch(f"/v1/release-events/{far}", {"occurred_on": "2026-01-04"})
    assert "three days" in undo(editor, merged, 409)["detail"]
    assert_store_is_whole(conn)
    editor.patch(f"/v1/release-events/{far}", {"occurred_on": "2026-01-20"})
    undo(editor, merged)


def test_a_word_that_came_early_is_counted_of_the_event_that_it_came_to(
    api: Api, editor: Api, conn: Connection
) -> None:
    """It is further ahead of that event's day, which bounds what a count by days reads."""
    gone, _, gone_event = person(editor, "Una", "2024", "2026-01-08")
    kept, _, _ = person(editor, "Otra", "2024", "2026-01-11")
    editor.attest(gone_event, editor.source("Una"), "2026-01-07T12:00:00Z")
    merge(editor, gone, kept)
    narrowed = {"as_of": "2026-01-07T13:00:00Z", "occurred_from": "2026-01-01"}
    assert statuses(api, **narrowed) == {"reported": 1}
    assert_store_is_whole(conn)


# Answers elsewhere.


def test_a_feed_tells_a_release_once(api: Api, editor: Api) -> None:
    gone, _, gone_event = person(editor, "Una", "2024", DAY)
    kept, _, kept_event = person(editor, "Otra", "2024", DAY)
    sources = [editor.source(f"Fuente {i}") for i in range(3)]
    for event, two in ((gone_event, sources[:2]), (kept_event, sources[1:])):
        for source in two:
            editor.attest(event, source, AT)

    def titles() -> dict[str, str]:
        items = api.get("/v1/feed", format="jsonfeed")["items"]
        return {item["url"].split("/")[-2]: item["title"] for item in items}

    confirmed = {
        gone_event: "Una: release confirmed",
        kept_event: "Otra: release confirmed",
    }
    assert titles() == confirmed
    merged = merge(editor, gone, kept)["id"]
    # Who read the other entry is told that it is not one of its own any more.
    assert titles() == {
        gone_event: "A merged record: release now part of another record",
        kept_event: "Otra: release confirmed",
    }
    undo(editor, merged)
    assert titles() == confirmed


def test_a_feed_takes_back_a_name_also_of_what_counts_no_more(api: Api, editor: Api) -> None:
    gone, _, event = person(editor, "Ana Prueba", "2024", DAY)
    kept = editor.detainee("Otra", withheld=True)
    sources = [editor.source(f"Fuente {i}") for i in range(2)]
    for word in [editor.attest(event, source, AT)["id"] for source in sources]:
        editor.post(f"/v1/attestations/{word}/void", {"reason": "Entered twice."}, 200)

    def entry() -> Any:
        (item,) = api.get("/v1/feed", format="jsonfeed")["items"]
        return item

    before = entry()
    assert before["title"].startswith("Ana Prueba: ")
    merge(editor, gone, kept)
    after = entry()
    assert after["id"] == before["id"]
    assert after["title"].startswith(api.get(f"/v1/detainees/{kept}")["name"])
    assert after["date_modified"] > before["date_modified"]


def test_an_export_has_one_person_and_is_loaded_beside_who_was_merged(
    api: Api, editor: Api, conn: Connection, tmp_path: Path
) -> None:
    gone, gone_detention, gone_event = person(editor, "Una", "2024", DAY)
    kept, _, kept_event = person(editor, "Otra", "2024", DAY)
    source = editor.source("Fuente")
    before = tmp_path / "before.ndjson"
    for event in (gone_event, kept_event):
        editor.attest(event, source, AT)
    before.write_bytes(editor.send("GET", "/v1/export").get_data())
    merge(editor, gone, kept)
    after = tmp_path / "after.ndjson"
    after.write_bytes(editor.send("GET", "/v1/export").get_data())
    text = after.read_text()
    assert all(id in before.read_text() for id in (gone, gone_detention, gone_event))
    assert not any(id in text for id in (gone, gone_detention, gone_event))
    assert text.count('"list":"attestations"') == 2
    # All of it is there already, under these ids or as what they became.
    for file in (before, after):
        assert not any(loader.load(conn, file, lambda _: None).values())
    # A later export of elsewhere, where the two were not merged, is of the one person here.
    *lines, last = before.read_text().splitlines()
    word = json.loads(next(line for line in lines if "attestations" in line and gone_event in line))
    word |= {"id": str(uuid4()), "published_at": LATER}
    totals = json.loads(last)
    totals["totals"]["attestations"] += 1
    before.write_text("\n".join([*lines, json.dumps(word), json.dumps(totals), ""]))
    assert loader.load(conn, before, lambda _: None)["attestations"] == 1
    assert api.get(f"/v1/attestations/{word['id']}")["release_event_id"] == kept_event


def test_a_delivery_names_a_person_once(api: Api, editor: Api) -> None:
    body = {
        "source_id": editor.source("Gobierno"),
        "kind": "announced",
        "value": 2,
        "as_of": "2026-01-08T00:00:00Z",
        "published_at": "2026-01-08T00:00:00Z",
    }
    announcement = editor.post("/v1/claims", body)["id"]
    other = editor.post("/v1/claims", body)["id"]
    people = [person(editor, name, "2024") for name in ("Una", "Otra", "Tercera")]
    for id, _ in people[:2]:
        editor.event(id, DAY, announcement_id=announcement)
    event = editor.event(people[2][0], DAY)

    def named(id: str, **query: Any) -> int:
        return int(api.get(f"/v1/claims/{id}/delivery", **query)["named"])

    then = api.get("/v1/counts")["recorded_as_of"]
    assert named(announcement) == 2
    merged = merge(editor, people[0][0], people[1][0])["id"]
    assert (named(announcement), named(announcement, recorded_as_of=then)) == (1, 2)
    # What refers to no announcement takes it over from the record that does.
    second = merge(editor, people[1][0], people[2][0])["id"]
    assert api.get(f"/v1/release-events/{event}")["announcement_id"] == announcement
    assert (named(announcement), named(other)) == (1, 0)
    undo(editor, second)
    undo(editor, merged)
    assert named(announcement) == 2


def test_a_case_that_is_loaded_again_finds_whom_its_people_became(
    api: Api, editor: Api, conn: Connection, tmp_path: Any
) -> None:
    text = {
        "case": "Two lists",
        "sources": [{"key": "s", "name": "Una", "kind": "ngo"}],
        "detainees": [
            {"key": "a", "name": "Una", "detention": {"detained_on": "2024"}},
            {"key": "b", "name": "Otra", "detention": {"detained_on": "2024"}},
        ],
        "release_events": [{"key": "e", "detainee": "a", "occurred_on": DAY}],
    }
    file = tmp_path / "case.json"
    file.write_text(json.dumps(text))
    loader.load(conn, file, lambda _: None)
    ids = {d["name"]: d["id"] for d in api.get("/v1/detainees")["items"]}
    merge(editor, ids["Una"], ids["Otra"])
    text["release_events"].append({"key": "f", "detainee": "a", "occurred_on": "2026-02-08"})
    text["attestations"] = [
        {
            "key": f"w{event}",
            "release_event": event,
            "source": "s",
            "stance": "confirms",
            "basis": "first_hand",
            "evidence": "report",
            "published_at": "2026-02-09T00:00:00Z",
        }
        for event in ("e", "f")
    ]
    file.write_text(json.dumps(text))
    added = loader.load(conn, file, lambda _: None)
    assert (added["release_events"], added["attestations"]) == (1, 2)
    events = api.get("/v1/release-events")["items"]
    assert {e["detainee_id"] for e in events} == {ids["Otra"]}
    assert_store_is_whole(conn)


# At once.


def test_merges_and_words_at_once_lose_nothing(api: Api, editor: Api, conn: Connection) -> None:
    sources = [editor.source(f"Fuente {i}") for i in range(4)]
    for i in range(8):
        gone, detention, event = person(editor, f"Una {i}", "2024", DAY)
        kept, *_ = person(editor, f"Otra {i}", "2024", DAY)
        third, _, third_event = person(editor, f"Tercera {i}", "2024", DAY)
        first = editor.attest(event, sources[0], AT)["id"]
        merged: list[Any] = []

        def do(body: Callable[[], Any], merged: list[Any] = merged) -> Callable[[], Any]:
            return lambda: merged.append(body())

        def send(method: str, path: str, body: Any) -> Callable[[], Any]:
            def sent() -> None:
                response = editor.send(method, path, json=body)
                assert response.status_code in (200, 201, 307, 409), response.text

            return sent

        at_once(
            send("POST", f"/v1/detainees/{gone}/merge", {"into": kept}),
            send("POST", f"/v1/detainees/{third}/merge", {"into": gone}),
            lambda event=event: editor.attest(event, sources[1], AT),
            # At another moment: of words of two events at one moment none is the later one.
            lambda event=third_event: editor.attest(event, sources[2], "2026-01-09T11:30:00Z"),
            send(
                "POST",
                f"/v1/attestations/{first}/retraction",
                {"retracted_at": "2026-01-10T00:00:00Z"},
            ),
            send("PATCH", f"/v1/detentions/{detention}", {"detained_on": "2024-02"}),
        )
    assert_store_is_whole(conn)
    words = conn.execute("SELECT count(*) AS n FROM attestations").fetchone()
    assert words is not None
    assert words.n == 24
    standing = conn.execute("SELECT count(*) AS n FROM merges").fetchone()
    people = len(api.get("/v1/detainees", limit=200)["items"])
    assert standing is not None
    assert people == 24 - standing.n
    assert standing.n >= 8


def test_two_merges_of_two_people_at_once_make_one(api: Api, editor: Api, conn: Connection) -> None:
    for i in range(6):
        one, other = (person(editor, f"{name} {i}", "2024", DAY)[0] for name in ("Una", "Otra"))
        answers: list[int] = []

        def try_merge(a: str, b: str, answers: list[int] = answers) -> Callable[[], Any]:
            def sent() -> None:
                response = editor.send("POST", f"/v1/detainees/{a}/merge", json={"into": b})
                answers.append(response.status_code)

            return sent

        at_once(try_merge(one, other), try_merge(other, one))
        assert sorted(answers) == [201, 409]
    assert len(api.get("/v1/detainees")["items"]) == 6
    assert_store_is_whole(conn)


def test_concurrent_undos_undo_once_and_lose_no_attestation(
    api: Api, editor: Api, conn: Connection
) -> None:
    source = editor.source("Una")
    for i in range(6):
        gone, _, event = person(editor, f"Una {i}", "2024", DAY)
        kept, _, _ = person(editor, f"Otra {i}", "2024", DAY)
        merged = merge(editor, gone, kept)["id"]
        answers: list[int] = []

        def sent(path: str = f"/v1/merges/{merged}", answers: list[int] = answers) -> None:
            answers.append(editor.send("DELETE", path).status_code)

        at_once(sent, sent, lambda event=event: editor.attest(event, source, AT))
        assert sorted(answers) == [200, 409]
    assert len(api.get("/v1/attestations")["items"]) == 6
    assert_store_is_whole(conn)


def test_attestation_is_accepted_while_the_merge_of_its_event_is_undone(
    editor: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, _, event = person(editor, "Una", "2024", DAY)
    kept, _, _ = person(editor, "Otra", "2024", DAY)
    merged = merge(editor, gone, kept)["id"]
    lock = release_events.lock

    def undone_meanwhile(conn: Connection, id: UUID) -> Any:
        locked = lock(conn, id)
        if locked is None:
            undo(editor, merged)
        return locked

    source = editor.source("Una")
    monkeypatch.setattr(release_events, "lock", undone_meanwhile)
    assert editor.attest(event, source, AT)["release_event_id"] == event


# Any store.


@settings(
    max_examples=10,
    phases=[Phase.generate],
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_undoing_a_merge_restores_any_store(server: str, data: st.DataObject) -> None:
    choose = Chooser(data)
    with new_world(server) as world:
        for writes in (0, 8, 8, 8):
            for _ in range(writes):
                write_something(world, choose)
            for gone, kept in permutations(world.ids["detainee"][:3], 2):
                before = dump(world.conn)
                path = f"/v1/detainees/{gone}/merge"
                answer = world.api.send("POST", path, json={"into": kept})
                if answer.status_code == 201:
                    assert_store_is_whole(world.conn)
                    undo(world.api, answer.get_json()["id"])
                else:
                    # Two who have nothing but what all begin with can always be merged.
                    assert writes, answer.text
                    assert answer.status_code == 409, answer.text
                _assert_undone(before, dump(world.conn))
            assert_store_is_whole(world.conn)


def _assert_undone(before: Mapping[str, list[Any]], after: Mapping[str, list[Any]]) -> None:
    """All is as it was, but that what five people shared meanwhile stays told."""
    groups = "disclosed_groups"
    changed = (
        {groups, "person_statuses", "status_rollups"} if before[groups] != after[groups] else set()
    )
    assert all(group in after[groups] for group in before[groups])
    for table in before.keys() - changed:
        assert after[table] == before[table]
