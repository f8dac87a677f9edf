"""Merges of duplicate records, and their undo, which restores every row."""

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg import sql

from api.cases import loader
from api.database.queries import Connection
from api.records import attestations, release_events, writes
from tests.conftest import Api
from tests.stories.test_record_time import (
    Chooser,
    assert_store_is_consistent,
    new_world,
    write_at_random,
)
from tests.support import run_together

DAY = "2026-01-08"
AT = "2026-01-09T01:00:00Z"
LATER = "2026-01-09T02:00:00Z"
UNKNOWN = "019b9f3e-0000-4000-8000-000000000000"


def merge(editor: Api, duplicate: str, surviving: str, status: int = 201) -> Any:
    return editor.post(f"/v1/detainees/{duplicate}/merge", {"into": surviving}, status)


def undo(editor: Api, id: str, status: int = 200) -> Any:
    return editor._json(editor.send("DELETE", f"/v1/merges/{id}"), status)


def distinguish(editor: Api, first: str, second: str, status: int = 201) -> Any:
    return editor.post(f"/v1/detainees/{first}/distinct-from", {"detainee_id": second}, status)


def location(api: Api, path: str, method: str = "GET", body: Any = None) -> str:
    response = api.send(method, path, json=body)
    assert response.status_code == 307, response.text
    assert response.get_data() == b""
    return response.headers["Location"]


def person(
    editor: Api, name: str, detained_on: str | None = "2024", *days: str, **properties: Any
) -> Any:
    """Record a person with a detention, and an event on each day; return all ids."""
    id = editor.detainee(name, **properties)
    detention = editor.detention(id, detained_on=detained_on)
    return id, detention, *(editor.event(id, day, detention_id=detention) for day in days)


def last_seq(conn: Connection) -> int:
    row = conn.execute("SELECT seq FROM ledger_head").fetchone()
    assert row is not None
    return int(row.seq)


def statuses(api: Api, **query: Any) -> dict[str, int]:
    counts = api.get("/v1/counts", **query)
    names = ("confirmed", "disputed", "reported", "refuted", "unverified", "rearrested")
    return {name: counts[name] for name in names if counts[name]}


# Tables that `dump` leaves out: the ledger and the merges record a merge and its undo, and name
# variants are never deleted.
EXCLUDED_TABLES = {
    *("ledger", "ledger_head", "merges", "merge_changes", "feed_entries", "api_keys", "migrations"),
    # A verdict that was superseded is still the first one of its event, and gives it a status.
    *("first_verdicts", "release_event_statuses", "name_word_variants"),
    # A facility of a merged record is still a former one.
    "facility_detentions",
}
BITEMPORAL = {"verdicts", "verdict_parts", "person_statuses"}


def dump(conn: Connection) -> Mapping[str, list[Any]]:
    """Return the current rows of every table, without times of writing and what these ended."""
    tables = conn.execute(
        "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    ).fetchall()
    rows_of = {}
    for table in {row.name for row in tables} - EXCLUDED_TABLES:
        where = " WHERE recorded_until = 'infinity'" if table in BITEMPORAL else ""
        query = sql.SQL(
            "SELECT to_jsonb(t) - '{{updated_at,recorded_from,ends_confirmed}}'::text[] AS row"
            " FROM {} t" + where
        ).format(sql.Identifier(table))
        rows = [row.row for row in conn.execute(query)]
        if table == "status_rollups":
            rows = [row for row in rows if any(map(any, row["people"]))]
        rows_of[table] = sorted(rows, key=repr)
    assert set(rows_of) > BITEMPORAL
    return rows_of


# A merge and its undo.


def test_merge_and_undo_of_a_duplicate_record(api: Api, editor: Api, conn: Connection) -> None:
    duplicate, duplicate_detention, duplicate_event = person(
        editor, "José Pérez Otero", "2024-02", DAY
    )
    surviving, surviving_detention, surviving_event = person(
        editor, "Jose Perez", None, "2026-01-09"
    )
    first, second = editor.source("Una"), editor.source("Otra")
    attestation = editor.attest(duplicate_event, first, AT)["id"]
    editor.attest(surviving_event, second, LATER)
    before, counts_before = dump(conn), api.get("/v1/counts")
    record_time = {name: counts_before[name] for name in ("as_of", "recorded_as_of")}
    old_verification = api.get(f"/v1/release-events/{duplicate_event}/verification", **record_time)
    assert statuses(api) == {"reported": 2}
    seq = last_seq(conn)

    merged = merge(editor, duplicate, surviving)
    assert merged == api.get(f"/v1/merges/{merged['id']}")
    assert (merged["detainee_id"], merged["into"], merged["undone_at"]) == (
        duplicate,
        surviving,
        None,
    )
    assert merged["detentions"] == [
        {"detention_id": duplicate_detention, "into": surviving_detention}
    ]
    assert merged["release_events"] == [
        {"release_event_id": duplicate_event, "into": surviving_event}
    ]

    # The person is confirmed by two sources, one from each record.
    assert statuses(api) == {"confirmed": 1}
    assert_store_is_consistent(conn)
    record = api.get(f"/v1/detainees/{surviving}")
    assert (record["name"], record["aliases"]) == ("Jose Perez", ["José Pérez Otero"])
    assert record["custody"] == "released"
    assert record["detention"]["detained_on"] == "2024-02"
    assert [d["id"] for d in api.get("/v1/detainees")["items"]] == [surviving]
    assert [e["id"] for e in api.get("/v1/release-events")["items"]] == [surviving_event]
    verification = api.get(f"/v1/release-events/{surviving_event}/verification")
    assert (verification["status"], verification["since"]) == ("confirmed", LATER)
    assert api.get(f"/v1/attestations/{attestation}")["release_event_id"] == surviving_event

    # The ledger has an entry for each moved or changed record, all of one recorded_at.
    entries = [
        (e["resource"], e["resource_id"], e["action"])
        for e in api.get("/v1/changes", after=seq)["items"]
    ]
    assert entries[0] == ("merge", merged["id"], "created")
    assert sorted(entries[1:]) == sorted(
        [
            ("detainee", duplicate, "moved"),
            ("detainee", surviving, "updated"),
            ("detention", duplicate_detention, "moved"),
            ("detention", surviving_detention, "updated"),
            ("release_event", duplicate_event, "moved"),
            ("attestation", attestation, "moved"),
        ]
    )
    assert len({e["recorded_at"] for e in api.get("/v1/changes", after=seq)["items"]}) == 1

    # Responses for an earlier record time do not change.
    assert api.get("/v1/counts", **record_time) == {
        **counts_before,
        **api.get("/v1/counts", **record_time),
    }
    assert statuses(api, **record_time) == {"reported": 2}
    assert (
        api.get(f"/v1/release-events/{duplicate_event}/verification", **record_time)
        == old_verification
    )

    seq = last_seq(conn)
    undone = undo(editor, merged["id"])
    assert undone["undone_at"] is not None
    assert undone == {**merged, **{n: undone[n] for n in ("updated_at", "undone_at")}}
    assert dump(conn) == before
    assert statuses(api) == {"reported": 2}
    assert_store_is_consistent(conn)
    assert api.get(f"/v1/detainees/{duplicate}")["name"] == "José Pérez Otero"
    undo_entries = [
        (e["resource"], e["resource_id"], e["action"])
        for e in api.get("/v1/changes", after=seq)["items"]
    ]
    assert undo_entries == [("merge", merged["id"], "undone"), *undo_entries[1:]]
    assert sorted(undo_entries[1:]) == sorted(entries[1:])
    assert (
        api.get(f"/v1/release-events/{duplicate_event}/verification", **record_time)
        == old_verification
    )


def test_merge_can_be_undone_once_and_repeated(editor: Api, conn: Connection) -> None:
    duplicate, surviving = editor.detainee("Una"), editor.detainee("Otra")
    before = dump(conn)
    first = merge(editor, duplicate, surviving)["id"]
    undo(editor, first)
    assert undo(editor, first, 409)["detail"] == "This merge is already undone."
    second = merge(editor, duplicate, surviving)["id"]
    assert undo(editor, first, 409)["type"] == "/problems/conflict"
    undo(editor, second)
    assert dump(conn) == before


# Ids of duplicate records.


def test_duplicate_id_is_resolved_to_the_surviving_record(
    api: Api, editor: Api, conn: Connection
) -> None:
    duplicate, detention, event = person(editor, "Una", "2024", DAY)
    surviving, surviving_detention, surviving_event = person(editor, "Otra", "2024", DAY)
    merge(editor, duplicate, surviving)
    # In a path, every method redirects and nothing is written.
    seq = last_seq(conn)
    people, events = f"/v1/detainees/{surviving}", f"/v1/release-events/{surviving_event}"
    assert location(api, f"/v1/detainees/{duplicate}") == people
    assert location(editor, f"/v1/detainees/{duplicate}", "PATCH", {"sex": "female"}) == people
    listed = f"/v1/detainees/{duplicate}/detentions?limit=1&format=ndjson"
    assert location(api, listed) == f"{people}/detentions?limit=1&format=ndjson"
    assert (
        location(editor, f"/v1/detainees/{duplicate}/detentions", "POST", {})
        == f"{people}/detentions"
    )
    path = f"/v1/detentions/{surviving_detention}"
    assert location(api, f"/v1/detentions/{detention}") == path
    assert location(editor, f"/v1/detentions/{detention}", "PATCH", {"charges": "None"}) == path
    assert location(api, f"/v1/release-events/{event}") == events
    assert location(api, f"/v1/release-events/{event}?format=jsonld") == f"{events}?format=jsonld"
    assert location(editor, f"/v1/release-events/{event}", "PATCH", {"place": "Gate"}) == events
    query = "verification?min_sources=3&time_zone=America%2FCaracas"
    assert location(api, f"/v1/release-events/{event}/{query}") == f"{events}/{query}"
    assert last_seq(conn) == seq
    # Authentication and validation come before the redirect.
    assert api.send("PATCH", f"/v1/detainees/{duplicate}", json={"sex": None}).status_code == 401
    editor.patch(f"/v1/detainees/{duplicate}", {"sex": "none"}, 422)
    # In a query and in a body the id is resolved.
    assert [e["id"] for e in api.get("/v1/release-events", detainee_id=duplicate)["items"]] == [
        surviving_event
    ]
    attestation = editor.attest(event, editor.source("Una"), AT)
    assert attestation["release_event_id"] == surviving_event
    listed = api.get("/v1/attestations", release_event_id=event)
    assert [a["id"] for a in listed["items"]] == [attestation["id"]]
    event_of_2025 = editor.post(
        "/v1/release-events",
        {"detainee_id": duplicate, "detention_id": detention, "occurred_on": "2025-05-05"},
    )
    assert (event_of_2025["detainee_id"], event_of_2025["detention_id"]) == (
        surviving,
        surviving_detention,
    )
    assert_store_is_consistent(conn)


def test_duplicate_ids_of_chained_merges_redirect_to_the_last_record(
    api: Api, editor: Api, conn: Connection
) -> None:
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
    # At the earlier record time, the second record was the surviving one.
    query = f"verification?recorded_as_of={between}"
    assert location(api, f"/v1/release-events/{e}/{query}") == f"/v1/release-events/{f}/{query}"
    assert undo(editor, first, 409)["detail"] == (
        f"/v1/merges/{second} merged the surviving record into another one since. Undo it first."
    )
    undo(editor, second)
    assert location(api, f"/v1/detainees/{a}") == f"/v1/detainees/{b}"
    undo(editor, first)
    assert dump(conn) == before
    # An earlier record time still redirects after the undo.
    assert location(api, f"/v1/release-events/{e}/{query}") == f"/v1/release-events/{f}/{query}"
    api.get(f"/v1/release-events/{e}/verification")


def test_merges_into_one_person_are_undone_in_reverse_order(editor: Api, conn: Connection) -> None:
    surviving, first, second = (
        person(editor, name, None, DAY)[0] for name in ("Una", "Dos", "Tres")
    )
    before = dump(conn)
    first_merge = merge(editor, first, surviving)["id"]
    second_merge = merge(editor, second, surviving)["id"]
    assert undo(editor, first_merge, 409)["detail"] == (
        f"/v1/merges/{second_merge} merged another record into this person since. Undo it first."
    )
    undo(editor, second_merge)
    undo(editor, first_merge)
    assert dump(conn) == before


def test_invalid_merges_are_refused_with_a_reason(api: Api, editor: Api, conn: Connection) -> None:
    first, second, third = (editor.detainee(name) for name in ("Una", "Dos", "Tres"))
    source = editor.source("Nobody")
    before = dump(conn)
    assert merge(editor, first, first, 422)["errors"][0]["pointer"] == "/into"
    assert merge(editor, first, UNKNOWN, 422)["errors"][0]["pointer"] == "/into"
    assert merge(editor, first, source, 422)["errors"][0]["pointer"] == "/into"
    assert merge(editor, UNKNOWN, first, 404)["type"] == "/problems/not-found"
    assert dump(conn) == before
    merge(editor, first, second)
    link = f"/v1/detainees/{second}"
    assert link in merge(editor, first, third, 409)["detail"]
    assert link in merge(editor, third, first, 409)["detail"]
    assert link in merge(editor, second, first, 409)["detail"]
    assert link in distinguish(editor, first, third, 409)["detail"]
    assert (
        api.scope("contribute")
        .send("POST", f"/v1/detainees/{third}/merge", json={"into": second})
        .status_code
        == 403
    )
    api.get(f"/v1/merges/{UNKNOWN}", 404)
    undo(editor, UNKNOWN, 404)


# Distinctions.


def test_distinction_is_recorded_once_and_prevents_a_merge(
    api: Api, editor: Api, conn: Connection
) -> None:
    first, second, third = (editor.detainee(name) for name in ("Una", "Dos", "Tres"))
    distinction = distinguish(editor, first, second)
    assert (distinction["detainee_id"], distinction["distinct_from"]) == (first, second)
    assert api.get(f"/v1/distinctions/{distinction['id']}") == distinction
    link = f"/v1/distinctions/{distinction['id']}"
    for a, b in ((first, second), (second, first)):
        assert link in distinguish(editor, a, b, 409)["detail"]
        assert link in merge(editor, a, b, 409)["detail"]
    # A record merged with either of them cannot be merged with the other.
    merged = merge(editor, first, third)["id"]
    assert link in merge(editor, second, third, 409)["detail"]
    assert link in distinguish(editor, third, second, 409)["detail"]
    undo(editor, merged)
    merge(editor, second, third)
    assert link in merge(editor, first, third, 409)["detail"]
    withdrawn = editor._json(editor.send("DELETE", link), 200)
    assert withdrawn["withdrawn_at"] is not None
    editor._json(editor.send("DELETE", link), 409)
    merge(editor, first, third)
    changes = [
        (c["resource"], c["action"])
        for c in api.get("/v1/changes", limit=200)["items"]
        if c["resource"] == "distinction"
    ]
    assert changes == [("distinction", "created"), ("distinction", "withdrawn")]
    assert distinguish(editor, third, third, 422)["errors"][0]["pointer"] == "/detainee_id"
    assert distinguish(editor, third, UNKNOWN, 422)["errors"][0]["pointer"] == "/detainee_id"
    distinguish(editor, UNKNOWN, third, 404)


def test_distinct_person_is_no_candidate_beside_the_match(api: Api, editor: Api) -> None:
    """An identifier matches one of two homonyms, which are recorded as distinct."""
    ids = [{"scheme": "foro", "value": "17"}]
    first = editor.detainee("Zulmaida Quintero Belisario", external_ids=ids)
    second = editor.detainee("Zulmaida Quintero Belisario")
    body = {"items": [{"name": "Zulmaida Quintero Belisario", "external_ids": ids}]}

    def candidates() -> list[str]:
        (item,) = editor.post("/v1/detainees/match", body, 200)["items"]
        assert item["decision"] == "same"
        return [candidate["detainee_id"] for candidate in item["candidates"]]

    assert candidates() == [first, second]
    distinction = distinguish(editor, second, first)["id"]
    assert candidates() == [first]
    editor.send("DELETE", f"/v1/distinctions/{distinction}")
    assert candidates() == [first, second]


# Properties of the person.


def test_every_name_and_identifier_finds_the_surviving_record(api: Api, editor: Api) -> None:
    first, second = {"scheme": "foro", "value": "17"}, {"scheme": "cofavic", "value": "A/4"}
    duplicate = editor.detainee(
        "Rocío San Miguel", aliases=["La Profe"], external_ids=[first, second]
    )
    third = {"scheme": "foro", "value": "18"}
    surviving = editor.detainee("R. San Miguel Sosa", aliases=["La Profe"], external_ids=[third])

    def search(q: str) -> list[str]:
        return [d["id"] for d in api.get("/v1/detainees", q=q)["items"]]

    def match(**item: Any) -> list[str]:
        (result,) = editor.post("/v1/detainees/match", {"items": [item]}, 200)["items"]
        return [candidate["detainee_id"] for candidate in result["candidates"]]

    assert (search("rocio"), search("sosa"), set(search("profe"))) == (
        [duplicate],
        [surviving],
        {duplicate, surviving},
    )
    merged = merge(editor, duplicate, surviving)["id"]
    assert (
        search("rocio") == search("sosa") == search("profe") == search("rocio sosa") == [surviving]
    )
    assert match(name="Nadie Aquí", external_ids=[first]) == [surviving]
    record = api.get(f"/v1/detainees/{surviving}")
    assert record["aliases"] == ["La Profe", "Rocío San Miguel"]
    assert record["external_ids"] == [third, first, second]
    undo(editor, merged)
    assert (search("rocio"), search("sosa"), set(search("profe"))) == (
        [duplicate],
        [surviving],
        {duplicate, surviving},
    )
    assert match(name="Nadie Aquí", external_ids=[first]) == [duplicate]


def test_surviving_record_keeps_its_values_and_takes_missing_ones(
    api: Api, editor: Api, conn: Connection
) -> None:
    duplicate = editor.detainee(
        "Una",
        sex="female",
        birth_date="1980-02-29",
        age_group="adult",
        nationalities=["ES", "VE"],
        occupation="teacher",
    )
    surviving = editor.detainee("Otra", nationalities=["VE"], occupation="lawyer")
    before = dump(conn)
    merged = merge(editor, duplicate, surviving)["id"]
    record = api.get(f"/v1/detainees/{surviving}")
    assert (record["sex"], record["birth_date"], record["age_group"]) == (
        "female",
        "1980-02-29",
        "adult",
    )
    assert (record["nationalities"], record["occupation"]) == (["VE", "ES"], "lawyer")
    undo(editor, merged)
    assert dump(conn) == before


def test_undo_keeps_later_changes(api: Api, editor: Api) -> None:
    duplicate = editor.detainee("Una", sex="female", aliases=["Unita"], nationalities=["ES"])
    surviving = editor.detainee("Otra", aliases=["Otrita"])
    merged = merge(editor, duplicate, surviving)["id"]
    change = {"sex": "other", "aliases": ["Otrita", "Una", "Nueva"], "occupation": "judge"}
    editor.patch(f"/v1/detainees/{surviving}", change)
    undo(editor, merged)
    record = api.get(f"/v1/detainees/{surviving}")
    assert record["aliases"] == ["Otrita", "Nueva"]
    assert (record["sex"], record["occupation"]) == ("other", "judge")
    assert record["nationalities"] == []
    assert api.get(f"/v1/detainees/{duplicate}")["aliases"] == ["Unita"]


HIDDEN: Sequence[Mapping[str, Any]] = ({"age_group": "minor"}, {"withheld": True})


@pytest.mark.parametrize("hiding", HIDDEN)
@pytest.mark.parametrize("hidden", ["duplicate", "surviving"])
def test_person_hidden_in_either_record_is_hidden(
    api: Api, editor: Api, conn: Connection, hidden: str, hiding: Mapping[str, Any]
) -> None:
    properties = {"duplicate": {"age_group": "adult"}, "surviving": {"age_group": "adult"}}
    properties[hidden] = properties[hidden] | hiding
    duplicate, _, duplicate_event = person(
        editor, "Zulmaida Quintero", "2024", DAY, **properties["duplicate"]
    )
    surviving, _, surviving_event = person(
        editor, "Zulma Quintero", "2024", "2026-01-04", **properties["surviving"]
    )
    sources = [editor.source(name) for name in ("Una", "Otra")]
    for event in (duplicate_event, surviving_event):
        for source in sources:
            editor.attest(event, source, AT, note="De Zulmaida, o Zulma")

    def names() -> Mapping[str, Any]:
        paths = {id: f"/v1/detainees/{id}" for id in (duplicate, surviving)}
        return {id: api.get(path)["is_named"] for id, path in paths.items()}

    def public_text() -> str:
        paths = ("detainees", "release-events", "attestations", "changes", "feed?format=jsonfeed")
        texts = [api.send("GET", f"/v1/{path}").get_data(as_text=True) for path in paths]
        paths = (f"detainees/{surviving}", f"detainees/{surviving}/detentions", "feed?format=atom")
        texts += [api.send("GET", f"/v1/{path}").get_data(as_text=True) for path in paths]
        return "".join(texts)

    def modified(event: str) -> str:
        items = api.get("/v1/feed", format="jsonfeed")["items"]
        return next(item["date_modified"] for item in items if event in item["url"])

    before, is_named, modified_at = dump(conn), names(), modified(duplicate_event)
    assert is_named == {duplicate: hidden != "duplicate", surviving: hidden != "surviving"}
    merged = merge(editor, duplicate, surviving)["id"]
    record = api.get(f"/v1/detainees/{surviving}")
    assert not record["is_named"]
    assert (record["age_group"], record["aliases"]) == ("unknown", [])
    for q in ("Zulmaida", "Zulma", "Quintero"):
        assert api.get("/v1/detainees", q=q)["items"] == []
    assert "Zulma" not in public_text()
    # The entry is updated, so that feed readers replace the name.
    assert modified(duplicate_event) > modified_at
    # The public learns that the duplicate record moved, but nothing of the merge.
    entries = {item["resource_id"]: item for item in api.get("/v1/changes", limit=200)["items"]}
    assert merged not in entries
    assert entries[duplicate]["action"] == "moved"
    api.get(f"/v1/merges/{merged}", 404)
    assert editor.get(f"/v1/merges/{merged}")["into"] == surviving
    assert editor.get(f"/v1/detainees/{surviving}")["name"] == "Zulma Quintero"
    undo(editor, merged)
    assert names() == is_named
    assert dump(conn) == before


@pytest.mark.parametrize("hidden", [{"duplicate"}, {"surviving"}, set()])
@pytest.mark.parametrize("hiding", HIDDEN)
@pytest.mark.parametrize("record", ["detainee", "attestation"])
def test_both_records_stay_hidden_after_an_undo_if_anything_was_entered(
    api: Api, editor: Api, hidden: set[str], hiding: Mapping[str, Any], record: str
) -> None:
    properties = {name: hiding if name in hidden else {} for name in ("duplicate", "surviving")}
    duplicate, *_ = person(editor, "Una", "2024", **properties["duplicate"])
    surviving, _, event = person(editor, "Otra", "2024", DAY, **properties["surviving"])
    merged = merge(editor, duplicate, surviving)["id"]
    if not hidden:
        editor.patch(f"/v1/detainees/{surviving}", hiding)
    elif record == "detainee":
        editor.patch(f"/v1/detainees/{surviving}", {"aliases": ["Unita"]})
    else:
        editor.attest(event, editor.source("Fuente"), AT, note="Habla de Una")
    undo(editor, merged)
    for id in (duplicate, surviving):
        assert not api.get(f"/v1/detainees/{id}")["is_named"]
    for path in ("detainees", "attestations"):
        assert "Una" not in api.send("GET", f"/v1/{path}").get_data(as_text=True)
        assert "Unita" not in api.send("GET", f"/v1/{path}").get_data(as_text=True)


def test_merged_records_count_once_for_the_disclosure_threshold(
    api: Api, editor: Api, conn: Connection
) -> None:
    body = {"name": "El Helicoide", "country": "VE"}
    prison = editor.post("/v1/facilities", body)["id"]

    def add_minor(name: str, at: str = prison) -> str:
        id = editor.detainee(name, age_group="minor")
        editor.detention(id, facility_id=at)
        return id

    def disclosed(id: str) -> tuple[str, str | None]:
        record = api.get(f"/v1/detainees/{id}")
        return record["age_group"], record["detention"]["facility_id"]

    first, second, third, fourth = (add_minor(f"Persona {n}") for n in range(4))
    merged = merge(editor, first, second)["id"]
    add_minor("Persona 5")
    assert disclosed(third) == ("unknown", None)
    assert_store_is_consistent(conn)
    # After the undo, five people share the properties.
    undo(editor, merged)
    assert disclosed(third) == ("minor", prison)
    assert_store_is_consistent(conn)
    # Disclosed properties stay disclosed.
    merge(editor, third, fourth)
    assert disclosed(fourth) == disclosed(first) == ("minor", prison)
    assert_store_is_consistent(conn)
    # A facility that a merge completes is accepted if that of the duplicate is.
    other = editor.post("/v1/facilities", {"name": "Rodeo I", "country": "VE"})["id"]
    *_, duplicate = (add_minor(f"Otra {n}", other) for n in range(4))
    surviving = api.scope("contribute").detainee("Otra Más")
    api.scope("contribute").detention(surviving)
    editor.patch(f"/v1/detainees/{surviving}", {"age_group": "minor"})
    merge(editor, duplicate, surviving)
    assert disclosed(surviving) == ("minor", None)
    add_minor("Otra 5", other)
    assert disclosed(surviving) == ("minor", other)
    assert_store_is_consistent(conn)


def test_merge_that_exceeds_the_maximum_of_aliases_is_refused(
    editor: Api, conn: Connection
) -> None:
    duplicate = editor.detainee("Una", aliases=[f"Una {i}" for i in range(30)])
    surviving = editor.detainee("Otra", aliases=[f"Otra {i}" for i in range(20)])
    before = dump(conn)
    assert "50 aliases" in merge(editor, duplicate, surviving, 409)["detail"]
    assert dump(conn) == before
    editor.patch(f"/v1/detainees/{duplicate}", {"aliases": []})
    merge(editor, duplicate, surviving)


# Detentions and release events.


def test_detentions_that_do_not_overlap_are_kept(api: Api, editor: Api, conn: Connection) -> None:
    duplicate, first, released = person(editor, "Una", "2024-02", DAY)
    surviving, second = person(editor, "Otra", "2026-01")
    for name in ("Una", "Otra"):
        editor.attest(released, editor.source(name), AT)
    before = dump(conn)
    merged = merge(editor, duplicate, surviving)
    assert (merged["detentions"], merged["release_events"]) == ([], [])
    listed = api.get(f"/v1/detainees/{surviving}/detentions")["items"]
    assert {d["id"] for d in listed} == {first, second}
    record = api.get(f"/v1/detainees/{surviving}")
    assert (record["detention"]["id"], record["custody"]) == (second, "detained")
    # The release is confirmed and the person rearrested.
    assert statuses(api) == {"confirmed": 1, "rearrested": 1}
    # Before the release there is no rearrest.
    assert api.get("/v1/counts", as_of="2026-01-08T00:00:00Z")["rearrested"] == 0
    assert api.get(f"/v1/release-events/{released}")["detainee_id"] == surviving
    assert_store_is_consistent(conn)
    editor.post(f"/v1/detainees/{surviving}/detentions", {"detained_on": "2026-03"}, 409)
    undo(editor, merged["id"])
    assert dump(conn) == before
    assert statuses(api) == {"confirmed": 1}


def test_events_far_apart_in_one_detention_are_kept(
    api: Api, editor: Api, conn: Connection
) -> None:
    duplicate, _, near, far = person(editor, "Una", "2024", "2026-01-10", "2026-02-08")
    surviving, surviving_detention, surviving_event = person(editor, "Otra", "2024-02", DAY)
    for event in (near, far, surviving_event):
        editor.attest(event, editor.source("Una"), "2026-02-09T00:00:00Z")
    before = dump(conn)
    merged = merge(editor, duplicate, surviving)
    assert merged["release_events"] == [{"release_event_id": near, "into": surviving_event}]
    events = api.get("/v1/release-events", detainee_id=surviving)["items"]
    assert {e["id"]: (e["detention_id"], e["verification"]["status"]) for e in events} == {
        surviving_event: (surviving_detention, "confirmed"),
        far: (surviving_detention, "reported"),
    }
    assert_store_is_consistent(conn)
    # A release within three days of a recorded event is that event.
    body = {"detainee_id": surviving, "occurred_on": "2026-02-07"}
    assert editor.post("/v1/release-events", body, 409)["release_event_id"] == far
    undo(editor, merged["id"])
    assert dump(conn) == before


def test_event_between_two_others_is_the_earlier_one(
    editor: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids, which are random, do not decide."""
    ids = iter(range(2**60, 0, -1))
    monkeypatch.setattr(writes, "uuid4", lambda: UUID(int=next(ids), version=4))
    duplicate, _, between = person(editor, "Una", "2024", "2026-01-10")
    surviving, _, earlier, _ = person(editor, "Otra", "2024", DAY, "2026-01-12")
    merged = merge(editor, duplicate, surviving)
    assert merged["release_events"] == [{"release_event_id": between, "into": earlier}]


def test_relay_of_the_same_source_on_both_records_adds_no_source(api: Api, editor: Api) -> None:
    """A source attests both events, and another one relays its first attestation."""
    duplicate, _, duplicate_event = person(editor, "Una", "2024", DAY)
    surviving, _, surviving_event = person(editor, "Otra", "2024", DAY)
    source, relaying = editor.source("Una"), editor.source("Eco")
    attestation = editor.attest(duplicate_event, source, AT)["id"]
    relays = [{"attestation_id": attestation}]
    relayed = editor.attest(duplicate_event, relaying, LATER, basis="relayed", relays=relays)["id"]
    repeated = editor.attest(surviving_event, source, "2026-01-09T03:00:00Z")["id"]
    merged = merge(editor, duplicate, surviving)["id"]
    verification = api.get(f"/v1/release-events/{surviving_event}/verification")
    assert (verification["status"], verification["independent_sources"]) == ("reported", 1)
    assert {n["attestation_id"]: n["reason"] for n in verification["not_counted"]} == {
        repeated: "same_group",
        relayed: "same_origin",
    }
    assert api.get(f"/v1/attestations/{relayed}")["relays"] == [
        {"attestation_id": attestation, "source_id": None}
    ]
    # An attestation of either event can relay attestations of the other now.
    editor.attest(
        duplicate_event,
        relaying,
        "2026-01-10T00:00:00Z",
        basis="relayed",
        relays=[{"attestation_id": repeated}],
    )
    undo(editor, merged)


def test_refusal_names_detentions_that_cannot_be_ordered(editor: Api, conn: Connection) -> None:
    duplicate, detention, _ = person(editor, "Una", "2023-05-01", "2023-08-01")
    editor.event(duplicate, "2025-01-01", detention_id=detention)
    surviving, surviving_detention = person(editor, "Otra", "2024-02-09")
    before = dump(conn)
    problem = merge(editor, duplicate, surviving, 409)
    assert problem["type"] == "/problems/conflict"
    assert surviving_detention in problem["detail"]
    assert "2023-08-01" in problem["detail"]
    assert dump(conn) == before
    # The detentions can be merged if the second one began as early as the first.
    editor.patch(f"/v1/detentions/{surviving_detention}", {"detained_on": "2023"})
    merge(editor, duplicate, surviving)


def test_more_precise_detention_completes_the_surviving_one(
    api: Api, editor: Api, conn: Connection
) -> None:
    facility = editor.post("/v1/facilities", {"name": "El Helicoide", "country": "VE"})["id"]
    duplicate, surviving = editor.detainee("Una"), editor.detainee("Otra")
    editor.detention(duplicate, detained_on="2024-02-09", facility_id=facility, charges="Terrorism")
    detention = editor.detention(
        surviving, detained_on="2024", whereabouts="unknown", charges="None"
    )
    before = dump(conn)
    merged = merge(editor, duplicate, surviving)["id"]
    record = api.get(f"/v1/detentions/{detention}")
    assert (record["detained_on"], record["facility_id"], record["whereabouts"]) == (
        "2024-02-09",
        facility,
        "known",
    )
    assert record["charges"] == "None"
    undo(editor, merged)
    assert dump(conn) == before


# Writes between a merge and its undo.


def test_undo_moves_relays_with_their_attestation_and_no_other_later_write(
    api: Api, editor: Api, conn: Connection
) -> None:
    duplicate, _, duplicate_event = person(editor, "Una", "2024", DAY)
    surviving, _, surviving_event = person(editor, "Otra", "2024", DAY)
    sources = [editor.source(f"Fuente {i}") for i in range(4)]
    duplicate_attestation = editor.attest(duplicate_event, sources[0], AT)["id"]
    surviving_attestation = editor.attest(surviving_event, sources[1], AT)["id"]
    merged = merge(editor, duplicate, surviving)["id"]
    new = editor.attest(surviving_event, sources[2], LATER)["id"]
    # Relays move with the relayed attestation.
    relay = editor.attest(
        surviving_event,
        sources[3],
        LATER,
        basis="relayed",
        relays=[{"attestation_id": duplicate_attestation}],
    )["id"]
    relay_of_relay = editor.attest(
        surviving_event, sources[2], LATER, basis="relayed", relays=[{"attestation_id": relay}]
    )["id"]
    editor.post(
        f"/v1/attestations/{duplicate_attestation}/retraction",
        {"retracted_at": "2026-01-10T00:00:00Z"},
        200,
    )
    later_detention = editor.detention(surviving, detained_on="2026-02")
    assert_store_is_consistent(conn)
    undo(editor, merged)
    assert_store_is_consistent(conn)

    def attestations(event: str) -> set[str]:
        listed = api.get("/v1/attestations", release_event_id=event)["items"]
        return {attestation["id"] for attestation in listed}

    assert attestations(duplicate_event) == {duplicate_attestation, relay, relay_of_relay}
    assert attestations(surviving_event) == {surviving_attestation, new}
    assert api.get(f"/v1/attestations/{duplicate_attestation}")["retracted_at"] is not None
    assert api.get(f"/v1/detentions/{later_detention}")["detainee_id"] == surviving
    assert len(api.get(f"/v1/detainees/{duplicate}/detentions")["items"]) == 1


def test_relay_of_attestations_of_both_records_prevents_an_undo_until_voided(
    api: Api, editor: Api, conn: Connection
) -> None:
    duplicate, _, duplicate_event = person(editor, "Una", "2024", DAY)
    surviving, _, surviving_event = person(editor, "Otra", "2024", DAY)
    attestations = [
        editor.attest(e, editor.source("S"), AT)["id"] for e in (duplicate_event, surviving_event)
    ]
    merged = merge(editor, duplicate, surviving)["id"]
    relays = [{"attestation_id": id} for id in attestations]
    relay = editor.attest(
        surviving_event, editor.source("Eco"), LATER, basis="relayed", relays=relays
    )["id"]
    detail = undo(editor, merged, 409)["detail"]
    assert relay in detail
    assert "Void it" in detail
    editor.post(f"/v1/attestations/{relay}/void", {"reason": "Relays both."}, 200)
    undo(editor, merged)
    assert_store_is_consistent(conn)
    assert len(api.get(f"/v1/attestations/{relay}")["relays"]) == 2
    # Further merges succeed with the voided attestation.
    undo(editor, merge(editor, duplicate, surviving)["id"])
    undo(editor, merge(editor, surviving, duplicate)["id"])
    assert_store_is_consistent(conn)


def test_undo_moves_later_events_with_their_detention(
    api: Api, editor: Api, conn: Connection
) -> None:
    duplicate, first = person(editor, "Una", "2020")
    editor.event(duplicate, "2021-05-05")
    surviving, second = person(editor, "Otra", "2024-02")
    merged = merge(editor, duplicate, surviving)["id"]
    earlier = editor.event(surviving, "2021-09-09", detention_id=first)
    later = editor.event(surviving, DAY)
    for event in (earlier, later):
        editor.attest(event, editor.source("Una"), AT)
    assert api.get(f"/v1/release-events/{later}")["detention_id"] == second
    # At that record time one person is confirmed, before and after the undo.
    query = {
        "recorded_as_of": api.get("/v1/counts")["recorded_as_of"],
        "occurred_from": "2020-01-01",
        "as_of": LATER,
        "min_sources": 1,
    }
    counts = api.send("GET", "/v1/counts", query_string=query).get_data()
    assert json.loads(counts)["confirmed"] == 1
    people = [
        api.get("/v1/counts/people", **query, occurred_until=day)["items"]
        for day in ("2021-12-31", DAY)
    ]
    assert [item["release_event_id"] for [item] in people] == [earlier, later]
    undo(editor, merged)
    assert api.send("GET", "/v1/counts", query_string=query).get_data() == counts
    assert people == [
        api.get("/v1/counts/people", **query, occurred_until=day)["items"]
        for day in ("2021-12-31", DAY)
    ]
    assert api.get(f"/v1/release-events/{earlier}")["detainee_id"] == duplicate
    assert api.get(f"/v1/release-events/{later}")["detainee_id"] == surviving
    assert_store_is_consistent(conn)


def test_later_entered_detention_keeps_its_place_after_an_undo(
    api: Api, editor: Api, conn: Connection
) -> None:
    """The undo removes the first day, by which the detention was ordered after another one."""
    duplicate, _ = person(editor, "Una", "2024-02-09")
    surviving, detention, event = person(editor, "Otra", None, DAY)
    merged = merge(editor, duplicate, surviving)["id"]
    earlier = editor.detention(surviving, detained_on="2023-05")
    editor.event(surviving, "2023-09-09", detention_id=earlier)
    undo(editor, merged)
    record = api.get(f"/v1/detainees/{surviving}")
    assert record["detention"]["id"] == detention
    assert record["detention"]["detained_on"] is None
    assert_store_is_consistent(conn)
    # A repeated release still resolves to its event.
    body = {"detainee_id": surviving, "occurred_on": "2026-01-09"}
    assert editor.post("/v1/release-events", body, 409)["release_event_id"] == event


def test_merge_of_a_person_without_detentions_can_always_be_undone(
    editor: Api, conn: Connection
) -> None:
    """The surviving person was released after the next detention, which was recorded later."""
    duplicate = editor.detainee("Una")
    surviving, *_ = person(editor, "Otra", "2024", DAY, "2026-02-08")
    editor.detention(surviving, detained_on="2026-01-31")
    before = dump(conn)
    undo(editor, merge(editor, duplicate, surviving)["id"])
    assert dump(conn) == before


def test_undo_restores_a_release_after_the_next_detention_of_the_duplicate(
    editor: Api, conn: Connection
) -> None:
    """The merged record has that release before the next detention, which began in February."""
    duplicate, *_ = person(editor, "Una", "2024", DAY, "2026-02-08")
    editor.detention(duplicate, detained_on="2026-01-31")
    surviving, *_ = person(editor, "Otra", "2024", "2026-02-06")
    editor.detention(surviving, detained_on="2026-02")
    before = dump(conn)
    undo(editor, merge(editor, duplicate, surviving)["id"])
    assert dump(conn) == before


def test_undo_that_would_leave_two_events_within_three_days_is_refused(
    editor: Api, conn: Connection
) -> None:
    duplicate, _, _, far = person(editor, "Una", "2024", "2026-01-05", "2026-01-20")
    surviving, *_ = person(editor, "Otra", "2024", DAY)
    merged = merge(editor, duplicate, surviving)["id"]
    # Four days from the surviving event, one from the duplicate event.
    editor.patch(f"/v1/release-events/{far}", {"occurred_on": "2026-01-04"})
    assert "three days" in undo(editor, merged, 409)["detail"]
    assert_store_is_consistent(conn)
    editor.patch(f"/v1/release-events/{far}", {"occurred_on": "2026-01-20"})
    undo(editor, merged)


def test_undo_that_would_refer_to_a_void_announcement_is_refused(
    api: Api, editor: Api, conn: Connection
) -> None:
    """The release event would count for an announcement that no export has."""
    duplicate, _, duplicate_event = person(editor, "Una", "2024", DAY)
    surviving, _, surviving_event = person(editor, "Otra", "2024", DAY)
    claim = {"source_id": editor.source("Una"), "kind": "announced", "as_of": AT}
    announcement = editor.post("/v1/claims", {**claim, "published_at": AT})["id"]
    editor.patch(f"/v1/release-events/{duplicate_event}", {"announcement_id": announcement})
    merged = merge(editor, duplicate, surviving)["id"]
    editor.patch(f"/v1/release-events/{surviving_event}", {"announcement_id": None})
    editor.post(f"/v1/claims/{announcement}/void", {"reason": "Entered twice."}, 200)
    detail = undo(editor, merged, 409)["detail"]
    assert f"{duplicate_event} would refer to /v1/claims/{announcement}" in detail
    editor._json(editor.send("DELETE", f"/v1/claims/{announcement}/void"), 200)
    undo(editor, merged)
    shown = api.get(f"/v1/release-events/{duplicate_event}")
    assert shown["announcement_id"] == announcement
    assert_store_is_consistent(conn)


def test_merge_confirms_no_release_before_the_day_of_its_event(
    api: Api, editor: Api, conn: Connection
) -> None:
    duplicate, _, duplicate_event = person(editor, "Una", "2024", "2026-01-08")
    surviving, _, surviving_event = person(editor, "Otra", "2024", "2026-01-11")
    attestation = editor.attest(duplicate_event, editor.source("Una"), "2026-01-07T12:00:00Z")
    detail = merge(editor, duplicate, surviving, 409)["detail"]
    for part in (attestation["id"], "2026-01-07T12:00:00Z", surviving_event, "2026-01-11"):
        assert part in detail
    merge(editor, surviving, duplicate)
    query = {"as_of": "2026-01-07T13:00:00Z", "occurred_from": "2026-01-01"}
    assert statuses(api, **query) == {"reported": 1}
    assert_store_is_consistent(conn)


def test_merge_that_exceeds_the_maximum_of_attestations_is_refused(
    editor: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attestations, "MAX_LIVE", 2)
    source, records = editor.source("Una"), []
    for minutes in ((1,), (2, 3)):
        record = editor.detainee("Ana Lucía Urdaneta")
        editor.detention(record, detained_on="2024-02")
        event = editor.event(record, "2026-01-08")
        attested = [editor.attest(event, source, f"2026-01-09T10:0{n}:00Z") for n in minutes]
        records.append(record)
    problem = merge(editor, *records, status=409)
    assert f"The release event {event} would have 3 attestations" in problem["detail"]
    assert "Void" in problem["detail"]
    editor.post(f"/v1/attestations/{attested[0]['id']}/void", {"reason": "Twice."}, status=200)
    merge(editor, *records)


def test_day_of_an_event_that_had_attestations_in_a_merge_cannot_change(
    api: Api, editor: Api
) -> None:
    """It counted on that day until the merge was undone, and past counts still say so."""
    duplicate, _, duplicate_event = person(editor, "Una", "2024", DAY)
    surviving, _, surviving_event = person(editor, "Otra", "2024", DAY)
    editor.attest(duplicate_event, editor.source("Una"), AT)
    merged = merge(editor, duplicate, surviving)["id"]
    query = {
        "recorded_as_of": api.get("/v1/counts")["recorded_as_of"],
        "occurred_until": DAY,
        "as_of": LATER,
    }
    counts = api.send("GET", "/v1/counts", query_string=query).get_data()
    assert json.loads(counts)["reported"] == 1
    undo(editor, merged)
    path = f"/v1/release-events/{surviving_event}"
    problem = editor.patch(path, {"occurred_on": "2026-01-20"}, 409)
    assert problem["type"] == "/problems/conflict"
    assert api.send("GET", "/v1/counts", query_string=query).get_data() == counts


# Feeds, exports, deliveries and cases.


def test_feed_has_one_confirmed_entry_for_a_merged_release(api: Api, editor: Api) -> None:
    duplicate, _, duplicate_event = person(editor, "Una", "2024", DAY)
    surviving, _, surviving_event = person(editor, "Otra", "2024", DAY)
    sources = [editor.source(f"Fuente {i}") for i in range(3)]
    for event, event_sources in ((duplicate_event, sources[:2]), (surviving_event, sources[1:])):
        for source in event_sources:
            editor.attest(event, source, AT)

    def titles() -> dict[str, str]:
        items = api.get("/v1/feed", format="jsonfeed")["items"]
        return {urlsplit(item["url"]).path.split("/")[-1]: item["title"] for item in items}

    confirmed = {
        duplicate_event: "The release of Una on 8 January 2026 is confirmed.",
        surviving_event: "The release of Otra on 8 January 2026 is confirmed.",
    }
    assert titles() == confirmed
    merged = merge(editor, duplicate, surviving)["id"]
    # The entry of the duplicate event is updated to point to the merge.
    assert titles() == {
        duplicate_event: "A release of 8 January 2026 is now part of another record.",
        surviving_event: confirmed[surviving_event],
    }
    undo(editor, merged)
    assert titles() == confirmed


def test_feed_withdraws_a_name_without_counted_attestations(api: Api, editor: Api) -> None:
    duplicate, _, event = person(editor, "Ana Prueba", "2024", DAY)
    surviving = editor.detainee("Otra", withheld=True)
    sources = [editor.source(f"Fuente {i}") for i in range(2)]
    for id in [editor.attest(event, source, AT)["id"] for source in sources]:
        editor.post(f"/v1/attestations/{id}/void", {"reason": "Entered twice."}, 200)

    def entry() -> Any:
        (item,) = api.get("/v1/feed", format="jsonfeed")["items"]
        return item

    before = entry()
    assert before["title"].startswith("The release of Ana Prueba on ")
    merge(editor, duplicate, surviving)
    after = entry()
    assert after["id"] == before["id"]
    assert api.get(f"/v1/detainees/{surviving}")["name"] in after["title"]
    assert "Ana" not in after["title"]
    assert after["date_modified"] > before["date_modified"]


def test_export_has_the_surviving_record_and_loads_into_a_merged_store(
    api: Api, editor: Api, conn: Connection, tmp_path: Path
) -> None:
    duplicate, duplicate_detention, duplicate_event = person(editor, "Una", "2024", DAY)
    surviving, _, surviving_event = person(editor, "Otra", "2024", DAY)
    source = editor.source("Fuente")
    before = tmp_path / "before.ndjson"
    for event in (duplicate_event, surviving_event):
        editor.attest(event, source, AT)
    before.write_bytes(editor.send("GET", "/v1/export").get_data())
    merge(editor, duplicate, surviving)
    after = tmp_path / "after.ndjson"
    after.write_bytes(editor.send("GET", "/v1/export").get_data())
    text = after.read_text()
    assert all(id in before.read_text() for id in (duplicate, duplicate_detention, duplicate_event))
    assert not any(id in text for id in (duplicate, duplicate_detention, duplicate_event))
    assert text.count('"list":"attestations"') == 2
    # All entries exist already, by these ids or those of surviving records.
    for file in (before, after):
        assert not any(loader.load(conn, file, lambda _: None).values())
    # An attestation exported by an installation without the merge joins the surviving event.
    *lines, last = before.read_text().splitlines()
    attestation = json.loads(
        next(line for line in lines if "attestations" in line and duplicate_event in line)
    )
    attestation |= {"id": str(uuid4()), "published_at": LATER}
    totals = json.loads(last)
    totals["totals"]["attestations"] += 1
    before.write_text("\n".join([*lines, json.dumps(attestation), json.dumps(totals), ""]))
    assert loader.load(conn, before, lambda _: None)["attestations"] == 1
    assert api.get(f"/v1/attestations/{attestation['id']}")["release_event_id"] == surviving_event


def test_delivery_names_a_merged_person_once(api: Api, editor: Api) -> None:
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

    def count_named(id: str, **query: Any) -> int:
        return int(api.get(f"/v1/claims/{id}/delivery", **query)["named"])

    record_time = api.get("/v1/counts")["recorded_as_of"]
    assert count_named(announcement) == 2
    merged = merge(editor, people[0][0], people[1][0])["id"]
    assert count_named(announcement) == 1
    assert count_named(announcement, recorded_as_of=record_time) == 2
    # The surviving event takes over the announcement of the duplicate event.
    second = merge(editor, people[1][0], people[2][0])["id"]
    assert api.get(f"/v1/release-events/{event}")["announcement_id"] == announcement
    assert (count_named(announcement), count_named(other)) == (1, 0)
    undo(editor, second)
    undo(editor, merged)
    assert count_named(announcement) == 2


def test_case_loaded_again_refers_to_surviving_records(
    api: Api, editor: Api, conn: Connection, tmp_path: Any
) -> None:
    case = {
        "case": "Two lists",
        "sources": [{"key": "s", "name": "Una", "kind": "ngo"}],
        "detainees": [
            {"key": "a", "name": "Una", "detention": {"detained_on": "2024"}},
            {"key": "b", "name": "Otra", "detention": {"detained_on": "2024"}},
        ],
        "release_events": [{"key": "e", "detainee": "a", "occurred_on": DAY}],
    }
    file = tmp_path / "case.json"
    file.write_text(json.dumps(case))
    loader.load(conn, file, lambda _: None)
    ids = {d["name"]: d["id"] for d in api.get("/v1/detainees")["items"]}
    merge(editor, ids["Una"], ids["Otra"])
    case["release_events"].append({"key": "f", "detainee": "a", "occurred_on": "2026-02-08"})
    case["attestations"] = [
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
    file.write_text(json.dumps(case))
    new = loader.load(conn, file, lambda _: None)
    assert (new["release_events"], new["attestations"]) == (1, 2)
    events = api.get("/v1/release-events")["items"]
    assert {e["detainee_id"] for e in events} == {ids["Otra"]}
    assert_store_is_consistent(conn)


# Concurrency.


def test_concurrent_merges_and_attestations_lose_no_write(
    api: Api, editor: Api, conn: Connection
) -> None:
    sources = [editor.source(f"Fuente {i}") for i in range(4)]
    for i in range(8):
        duplicate, detention, event = person(editor, f"Una {i}", "2024", DAY)
        surviving, *_ = person(editor, f"Otra {i}", "2024", DAY)
        third, _, third_event = person(editor, f"Tercera {i}", "2024", DAY)
        first = editor.attest(event, sources[0], AT)["id"]

        def send(method: str, path: str, body: Any) -> Callable[[], Any]:
            def call() -> None:
                response = editor.send(method, path, json=body)
                assert response.status_code in (200, 201, 307, 409), response.text

            return call

        run_together(
            send("POST", f"/v1/detainees/{duplicate}/merge", {"into": surviving}),
            send("POST", f"/v1/detainees/{third}/merge", {"into": duplicate}),
            lambda event=event: editor.attest(event, sources[1], AT),
            # At another time, since attestations of two events have no order at the same time.
            lambda event=third_event: editor.attest(event, sources[2], "2026-01-09T11:30:00Z"),
            send(
                "POST",
                f"/v1/attestations/{first}/retraction",
                {"retracted_at": "2026-01-10T00:00:00Z"},
            ),
            send("PATCH", f"/v1/detentions/{detention}", {"detained_on": "2024-02"}),
        )
    assert_store_is_consistent(conn)
    attestations = conn.execute("SELECT count(*) AS n FROM attestations").fetchone()
    assert attestations is not None
    assert attestations.n == 24
    merges = conn.execute("SELECT count(*) AS n FROM merges").fetchone()
    people = len(api.get("/v1/detainees", limit=200)["items"])
    assert merges is not None
    assert people == 24 - merges.n
    assert merges.n >= 8


def test_one_of_two_concurrent_opposite_merges_succeeds(
    api: Api, editor: Api, conn: Connection
) -> None:
    for i in range(6):
        first, second = (person(editor, f"{name} {i}", "2024", DAY)[0] for name in ("Una", "Otra"))
        status_codes: list[int] = []

        def try_merge(a: str, b: str, status_codes: list[int] = status_codes) -> Callable[[], Any]:
            def call() -> None:
                response = editor.send("POST", f"/v1/detainees/{a}/merge", json={"into": b})
                status_codes.append(response.status_code)

            return call

        run_together(try_merge(first, second), try_merge(second, first))
        assert sorted(status_codes) == [201, 409]
    assert len(api.get("/v1/detainees")["items"]) == 6
    assert_store_is_consistent(conn)


def test_only_one_of_two_concurrent_undos_succeeds(api: Api, editor: Api, conn: Connection) -> None:
    source = editor.source("Una")
    for i in range(6):
        duplicate, _, event = person(editor, f"Una {i}", "2024", DAY)
        surviving, _, _ = person(editor, f"Otra {i}", "2024", DAY)
        merged = merge(editor, duplicate, surviving)["id"]
        status_codes: list[int] = []

        def send_undo(
            path: str = f"/v1/merges/{merged}", status_codes: list[int] = status_codes
        ) -> None:
            status_codes.append(editor.send("DELETE", path).status_code)

        run_together(send_undo, send_undo, lambda event=event: editor.attest(event, source, AT))
        assert sorted(status_codes) == [200, 409]
    assert len(api.get("/v1/attestations")["items"]) == 6
    assert_store_is_consistent(conn)


def test_attestation_is_accepted_while_the_merge_of_its_event_is_undone(
    editor: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    duplicate, _, event = person(editor, "Una", "2024", DAY)
    surviving, _, _ = person(editor, "Otra", "2024", DAY)
    merged = merge(editor, duplicate, surviving)["id"]
    lock = release_events.lock

    def lock_and_undo(conn: Connection, id: UUID) -> Any:
        locked = lock(conn, id)
        if locked is None:
            undo(editor, merged)
        return locked

    source = editor.source("Una")
    monkeypatch.setattr(release_events, "lock", lock_and_undo)
    assert editor.attest(event, source, AT)["release_event_id"] == event


# Random stores.


@settings(
    max_examples=6,
    phases=[Phase.generate],
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_undoing_a_merge_restores_any_store(server: str, data: st.DataObject) -> None:
    choose = Chooser(data)
    with new_world(server) as world:
        world.add_records()
        for writes in (0, 8, 8, 8):
            for _ in range(writes):
                write_at_random(world, choose)
            before = dump(world.conn)
            for duplicate, surviving in permutations(world.ids["detainee"][:3], 2):
                path = f"/v1/detainees/{duplicate}/merge"
                response = world.api.send("POST", path, json={"into": surviving})
                if response.status_code == 201:
                    assert_store_is_consistent(world.conn)
                    undo(world.api, response.get_json()["id"])
                else:
                    # People without any further record can always be merged.
                    assert writes, response.text
                    assert response.status_code == 409, response.text
                after = dump(world.conn)
                _check_undone(before, after)
                before = after
            assert_store_is_consistent(world.conn)


def _check_undone(before: Mapping[str, list[Any]], after: Mapping[str, list[Any]]) -> None:
    """Check that all rows are restored, except groups that were disclosed meanwhile."""
    groups = "disclosed_groups"
    changed = (
        {groups, "person_statuses", "status_rollups"} if before[groups] != after[groups] else set()
    )
    assert all(group in after[groups] for group in before[groups])
    for table in before.keys() - changed:
        assert after[table] == before[table]
