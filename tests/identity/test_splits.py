"""Splits of a person whose record is of two people, and their undoing."""

from typing import Any

import pytest

from api.database.queries import Connection
from tests.conftest import Api
from tests.stories.test_record_time import assert_store_is_consistent

AT = "2026-01-08T20:00:00Z"
LATER = "2026-03-01T00:00:00Z"
PA = {"scheme": "pa", "value": "1"}
CO = {"scheme": "co", "value": "7"}


def split(editor: Api, person: str, status: int = 201, **body: Any) -> Any:
    return editor.post(f"/v1/detainees/{person}/split", {"name": "Ana Otero", **body}, status)


def undo(editor: Api, id: str, status: int = 200) -> Any:
    return editor._json(editor.send("DELETE", f"/v1/splits/{id}"), status)


def two_in_one(editor: Api, **more: Any) -> tuple[str, str, str, str]:
    """Record a person of two detentions with a confirmed release each, one of another person."""
    more = {"aliases": ["Fermin", "Ana Otero", "A. Otero"], "external_ids": [PA, CO], **more}
    person = editor.detainee("Fermín Otero", sex="male", **more)
    sources = [editor.source(name) for name in ("Puertas Abiertas", "Correo")]
    records = []
    for detained_on, day in (("2024-02", "2025-06-01"), ("2025-07", "2026-01-08")):
        detention = editor.detention(person, detained_on=detained_on)
        event = editor.event(person, day)
        for source in sources:
            editor.attest(event, source, f"{day}T20:00:00Z")
        records += [detention, event]
    return person, records[1], records[2], records[3]


def records_of(api: Api, person: str) -> list[Any]:
    """Return what the API shows of a person, without the times of changes."""
    shown = [
        api.get(f"/v1/detainees/{person}"),
        *api.get(f"/v1/detainees/{person}/detentions")["items"],
        *api.get("/v1/release-events", detainee_id=person)["items"],
    ]
    return [{**record, "updated_at": None} for record in shown]


def figures(api: Api, recorded_as_of: str) -> list[str]:
    """Return counts by person statuses, by release events, and by group, at a record time."""
    asked = f"as_of={LATER}&recorded_as_of={recorded_as_of}"
    filters = ("min_sources=2", "occurred_from=2020-01-01", "group_by=sex")
    return [api.send("GET", f"/v1/counts?{asked}&{given}").text for given in filters]


def test_split_moves_what_is_chosen_and_its_undoing_returns_it(
    api: Api, editor: Api, conn: Connection
) -> None:
    person, first_event, detention, event = two_in_one(editor)
    before = records_of(api, person)
    counts = api.get("/v1/counts")
    assert (counts["confirmed"], counts["rearrested"]) == (1, 0)
    moment = counts["recorded_as_of"]
    past = figures(api, moment)

    result = split(
        editor, person, detention_ids=[detention], aliases=["A. Otero"], external_ids=[CO]
    )
    new = result["new_detainee_id"]
    assert (result["detention_ids"], result["release_event_ids"]) == ([detention], [event])
    assert api.get(f"/v1/splits/{result['id']}") == result
    shown = api.get(f"/v1/detainees/{new}")
    assert (shown["name"], shown["aliases"], shown["external_ids"], shown["sex"]) == (
        "Ana Otero",
        ["A. Otero"],
        [CO],
        None,
    )
    assert shown["custody"] == "released"
    kept = api.get(f"/v1/detainees/{person}")
    assert (kept["aliases"], kept["external_ids"]) == (["Fermin"], [PA])
    for id, id_of_event in ((person, first_event), (new, event)):
        (listed,) = api.get("/v1/release-events", detainee_id=id)["items"]
        assert (listed["id"], listed["verification"]["status"]) == (id_of_event, "confirmed")
    assert api.get("/v1/counts")["confirmed"] == 2
    assert figures(api, moment) == past
    # They are two: neither a merge nor a search for duplicates makes them one.
    editor.post(f"/v1/detainees/{new}/merge", {"into": person}, 409)
    actions = [(c["resource"], c["action"]) for c in api.get("/v1/changes", limit=200)["items"]]
    assert ("split", "created") in actions
    assert ("release_event", "moved") in actions
    assert_store_is_consistent(conn)
    between = api.get("/v1/counts")["recorded_as_of"]
    then = figures(api, between)

    assert undo(editor, result["id"])["undone_at"] is not None
    assert records_of(api, person) == before
    redirect = api.send("GET", f"/v1/detainees/{new}")
    assert redirect.headers["Location"] == f"/v1/detainees/{person}"
    assert api.get("/v1/counts")["confirmed"] == 1
    assert figures(api, moment) == past
    assert figures(api, between) == then
    assert_store_is_consistent(conn)
    undo(editor, result["id"], 409)


def test_event_without_its_detention_gets_a_copy(api: Api, editor: Api, conn: Connection) -> None:
    person, _, detention, event = two_in_one(editor)
    facility = editor.post("/v1/facilities", {"name": "El Pozo", "country": "VE"})["id"]
    editor.patch(f"/v1/detentions/{detention}", {"facility_id": facility})
    before = records_of(api, person)
    result = split(editor, person, release_event_ids=[event])
    new = result["new_detainee_id"]
    (copy,) = api.get(f"/v1/detainees/{new}/detentions")["items"]
    assert copy["id"] != detention
    assert (copy["facility_id"], copy["detained_on"]) == (facility, "2025-07")
    assert api.get("/v1/counts", facility_id=facility)["confirmed"] == 1
    assert_store_is_consistent(conn)
    undo(editor, result["id"])
    assert records_of(api, person) == before
    redirect = api.send("GET", f"/v1/detentions/{copy['id']}")
    assert redirect.headers["Location"] == f"/v1/detentions/{detention}"
    assert_store_is_consistent(conn)


def test_records_entered_since_return_with_the_others(
    api: Api, editor: Api, conn: Connection
) -> None:
    person, _, detention, _ = two_in_one(editor)
    result = split(editor, person, detention_ids=[detention])
    new = result["new_detainee_id"]
    again = editor.detention(new, detained_on="2026-02")
    later = editor.event(new, "2026-02-20")
    between = api.get("/v1/counts")["recorded_as_of"]
    then = figures(api, between)
    editor.patch(f"/v1/detainees/{person}", {"aliases": ["Fermin", "A. Otero", "Fer"]})
    undo(editor, result["id"])
    assert api.get(f"/v1/detentions/{again}")["detainee_id"] == person
    assert api.get(f"/v1/release-events/{later}")["detainee_id"] == person
    aliases = api.get(f"/v1/detainees/{person}")["aliases"]
    assert aliases == ["Fermin", "Ana Otero", "A. Otero", "Fer"]
    assert figures(api, between) == then
    assert_store_is_consistent(conn)


def test_merges_and_splits_are_undone_in_reverse_order(api: Api, editor: Api) -> None:
    person, _, detention, event = two_in_one(editor)
    duplicate = editor.detainee("Fermin Otero")
    merge = editor.post(f"/v1/detainees/{duplicate}/merge", {"into": person})["id"]
    first = split(editor, person, detention_ids=[detention])
    new = first["new_detainee_id"]
    refused = editor._json(editor.send("DELETE", f"/v1/merges/{merge}"), 409)
    assert f"/v1/splits/{first['id']}" in refused["detail"]
    second = split(editor, new, release_event_ids=[event], name="Otra")
    assert f"/v1/splits/{second['id']}" in undo(editor, first["id"], 409)["detail"]
    undo(editor, second["id"])
    other = editor.detainee("A. Otero")
    later = editor.post(f"/v1/detainees/{other}/merge", {"into": new})["id"]
    assert f"/v1/merges/{later}" in undo(editor, first["id"], 409)["detail"]
    assert editor.send("DELETE", f"/v1/merges/{later}").status_code == 200
    undo(editor, first["id"])
    assert editor.send("DELETE", f"/v1/merges/{merge}").status_code == 200
    assert len(api.get("/v1/release-events", detainee_id=person)["items"]) == 2


def test_person_as_recorded_keeps_a_split_event_after_a_merge(api: Api, editor: Api) -> None:
    """The list of a person then has the event by the id of each record that is the person's now."""
    person, first_event, _, event = two_in_one(editor)
    recorded = api.get("/v1/counts")["recorded_as_of"]
    split(editor, person, release_event_ids=[event])
    surviving, last = editor.detainee("Fermin Otero"), editor.detainee("F. Otero")
    editor.post(f"/v1/detainees/{person}/merge", {"into": surviving})
    editor.post(f"/v1/detainees/{surviving}/merge", {"into": last})
    for query in ({}, {"detainee_id": person}, {"detainee_id": surviving}, {"detainee_id": last}):
        items = api.get("/v1/release-events", recorded_as_of=recorded, **query)["items"]
        assert {item["id"]: item["detainee_id"] for item in items} == {
            first_event: last,
            event: last,
        }


@pytest.mark.parametrize("known", [{}, {"age_group": "minor"}])
def test_follower_learns_whose_detention_a_split_and_its_undoing_move(
    api: Api, editor: Api, known: Any
) -> None:
    """Also without a release event, so that no count changes."""
    person = editor.detainee("Fermín Otero", **known)
    detention = editor.detention(person)
    result: Any = {}
    for move in (
        lambda: result.update(split(editor, person, detention_ids=[detention])),
        lambda: undo(editor, result["id"]),
    ):
        editor.source("Fuente")  # The last entry before `since`, which belongs to it.
        since = api.get("/v1/counts")["recorded_as_of"]
        move()
        items = api.get("/v1/detainees", updated_since=since)["items"]
        assert person in {item["id"] for item in items}


@pytest.mark.parametrize("known", [{"age_group": "minor"}, {"withheld": True}])
def test_split_of_a_hidden_person_gives_a_hidden_person(api: Api, editor: Api, known: Any) -> None:
    person, _, detention, _ = two_in_one(editor, **known)
    result = split(editor, person, detention_ids=[detention], name="Secreta")
    new = result["new_detainee_id"]
    shown = api.get(f"/v1/detainees/{new}")
    assert (shown["is_named"], shown["aliases"], shown["external_ids"]) == (False, [], [])
    assert editor.get(f"/v1/splits/{result['id']}") == result
    api.get(f"/v1/splits/{result['id']}", 404)
    resources = {item["resource"] for item in api.get("/v1/changes", limit=200)["items"]}
    assert not resources & {"split", "distinction"}
    # Made public by mistake, the new person is hidden again with the first one.
    editor.patch(f"/v1/detainees/{new}", {"age_group": "adult", "withheld": False})
    api.get(f"/v1/splits/{result['id']}", 404)
    undo(editor, result["id"])
    assert not api.get(f"/v1/detainees/{person}")["is_named"]
    assert "Secreta" not in api.send("GET", "/v1/export").text


def test_imports_match_each_of_the_two(editor: Api) -> None:
    person, _, detention, _ = two_in_one(editor)
    new = split(editor, person, detention_ids=[detention], external_ids=[CO])["new_detainee_id"]
    asked = {"items": [{"name": "Ana Otero", "external_ids": [CO]}, {"name": "Fermín Otero"}]}
    matched = editor.post("/v1/detainees/match", asked, 200)["items"]
    assert [item["candidates"][0]["detainee_id"] for item in matched] == [new, person]


def test_split_is_undone_although_a_later_day_of_release_was_claimed(editor: Api) -> None:
    """The person was detained again between two days on which a release is claimed."""
    person = editor.detainee("Ana Prueba")
    first = editor.detention(person, detained_on="2025-05-05")
    events = [editor.event(person, day, detention_id=first) for day in ("2026-01-08", "2026-02-08")]
    again = editor.detention(person, detained_on="2026-01-20")
    mistaken = editor.detention(person, detained_on="2020")
    # Nor does it keep an editor from voiding another record.
    editor.post(f"/v1/detentions/{mistaken}/void", {"reason": "Entered by mistake."}, 200)
    undo(editor, split(editor, person, detention_ids=[again])["id"])
    detentions = editor.get(f"/v1/detainees/{person}/detentions")["items"]
    assert {detention["id"] for detention in detentions} == {first, again}
    assert len(editor.get("/v1/release-events", detainee_id=person)["items"]) == len(events)


def test_undone_split_leaves_an_undated_detention_in_its_place(editor: Api) -> None:
    """Alone, it begins as early as possible, before the detention that was split off.

    A reading of a hidden name in between, which the ledger notes, is no change.
    """
    person = editor.detainee("Ana Prueba", withheld=True)
    dated = editor.detention(person, detained_on="2016")
    editor.event(person, "2016-05-01", detention_id=dated)
    undated = editor.detention(person, detained_on=None)
    editor.event(person, "2017-01-01", detention_id=undated)
    before = records_of(editor, person)
    assert before[0]["detention"]["id"] == undated
    result = split(editor, person, detention_ids=[dated])
    assert records_of(editor, person) != before
    undo(editor, result["id"])
    assert records_of(editor, person) == before


def test_undoing_that_exceeds_the_maximum_of_aliases_is_refused(editor: Api) -> None:
    aliases = [f"Una {n}" for n in range(50)]
    person = editor.detainee("Una", aliases=aliases)
    result = split(editor, person, aliases=aliases[:10])
    editor.patch(f"/v1/detainees/{person}", {"aliases": [*aliases[10:], "Otra"]})
    assert "51 aliases, and can have 50" in undo(editor, result["id"], 409)["detail"]
    editor.patch(f"/v1/detainees/{person}", {"aliases": aliases[10:]})
    undo(editor, result["id"])
    assert editor.get(f"/v1/detainees/{person}")["aliases"] == aliases


def test_copy_of_a_detention_counts_from_the_same_moment(editor: Api) -> None:
    """Also if the person was hidden since: a re-arrest of a hidden person counts from its entry."""
    person = editor.detainee("Ana")
    editor.detention(person, detained_on="2024")
    events = [editor.event(person, "2025-01-08")]
    again = editor.detention(person, detained_on="2025-03-01")
    editor.event(person, "2025-08-08")
    events.append(editor.event(person, "2026-01-08", detention_id=again))
    editor.attest(events[0], editor.source("Una"), "2025-01-09T00:00:00Z")
    editor.patch(f"/v1/detainees/{person}", {"withheld": True})

    def rearrested() -> int:
        asked = {"as_of": "2025-04-01T00:00:00Z", "min_sources": 1}
        return int(editor.get("/v1/counts", **asked)["rearrested"])

    assert rearrested() == 1
    split(editor, person, release_event_ids=events)
    assert rearrested() == 1
