"""Privacy of hidden people (minors and withheld people) and of confidential sources."""

import json
import random
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count, permutations
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import pytest

from api import auth
from api.access import Caller
from api.app import create_app
from api.cases import loader
from api.contract import document
from api.database import connections, queries
from api.database.queries import Connection
from api.http.rate_limits import WINDOW_SECONDS, RateLimits, RequestCounts
from api.records import detainees, writes
from api.rendering import media_types
from tests import public_walk
from tests.conftest import Api, client_of, cloned
from tests.stories.test_record_time import waits_for_a_lock
from tests.support import open_pool, wait_for_a_new_day, wait_until

AT = "2026-01-09T10:00:00Z"


def get_person(api: Api, person: str) -> Any:
    return api.get(f"/v1/detainees/{person}")


# Hidden people.


def withheld_person(editor: Api, **changes: Any) -> str:
    properties = {
        "sex": "female",
        "nationalities": ["VE"],
        "occupation": "fiscal",
        "withheld": True,
    }
    return editor.detainee("Graciela Reservada", **{**properties, "aliases": ["Chela"], **changes})


def test_withheld_person_has_a_stable_pseudonym(api: Api, editor: Api) -> None:
    person = withheld_person(editor)
    shown = get_person(api, person)
    assert re.fullmatch("Person [0-9A-HJKMNP-TV-Z]{6}", shown["name"])
    assert (shown["is_named"], shown["withheld"]) == (False, None)
    hidden = ("sex", "birth_date", "occupation", "detention", "custody")
    assert [shown[name] for name in hidden] == [None] * 5
    assert (shown["aliases"], shown["nationalities"], shown["external_ids"]) == ([], [], [])
    assert shown["age_group"] == "unknown"
    editor.patch(f"/v1/detainees/{person}", {"name": "Graciela Otra"})
    assert get_person(api, person) == shown
    assert get_person(api.scope("contribute"), person) == shown
    assert get_person(editor, person)["name"] == "Graciela Otra"
    for query in ("graciela", "chela", "reservada", shown["name"]):
        assert api.get("/v1/detainees", q=query)["items"] == []
    editor.patch(f"/v1/detainees/{person}", {"withheld": False})
    assert get_person(api, person)["name"] == "Graciela Otra"


def test_only_editors_withhold_people(api: Api, editor: Api) -> None:
    writer = api.scope("contribute")
    assert writer.post("/v1/detainees", {"name": "Una", "withheld": True}, 403)
    person = withheld_person(editor)
    for body in ({"withheld": False}, {"withheld": False, "name": "Otra"}):
        problem = writer.patch(f"/v1/detainees/{person}", body, 403)
        assert "withheld" in problem["detail"]
    assert get_person(editor, person)["withheld"] is True


def test_properties_below_the_disclosure_threshold_are_redacted(api: Api, editor: Api) -> None:
    prison, other = (
        editor.post("/v1/facilities", {"name": name, "country": "VE"})["id"]
        for name in ("El Helicoide", "Rodeo I")
    )
    people = []
    for n in range(1, 6):
        people.append(editor.detainee(f"Menor {n}", age_group="minor"))
        editor.detention(people[-1], facility_id=prison if n > 1 else other)
        shown = get_person(api, people[-1])
        assert shown["age_group"] == ("minor" if n == 5 else "unknown")
        assert shown["detention"]["facility_id"] is None
    assert {get_person(api, person)["age_group"] for person in people} == {"minor"}
    # The fifth minor of this facility.
    fifth = editor.detainee("Menor 6", age_group="minor")
    editor.detention(fifth, facility_id=prison, detained_on="2025-03-02", charges="Ninguno")
    assert get_person(api, fifth)["detention"] == {
        "id": get_person(editor, fifth)["detention"]["id"],
        "facility_id": prison,
        "detained_on": None,
        "authority": None,
        "charges": None,
        "whereabouts": "known",
    }
    assert get_person(api, people[2])["detention"]["facility_id"] == prison
    assert get_person(api, people[0])["detention"]["facility_id"] is None
    assert get_person(editor, fifth)["detention"]["charges"] == "Ninguno"


def test_two_people_who_join_a_group_at_one_time_both_count_for_its_threshold(
    api: Api, editor: Api, database: str, conn: Connection
) -> None:
    minor = {"age_group": "minor"}
    first, *_ = (editor.detainee(f"Menor {n}", **minor) for n in range(3))
    with ThreadPoolExecutor(1) as thread:
        with connections.connect(database) as writer, writer.transaction():
            key, _ = auth.create_key(writer, "in progress", "edit")
            body = {**document.defaults("DetaineeCreate"), **minor, "name": "Menor 4"}
            detainees.create(writer, Caller(key, "edit"), body)
            fifth = thread.submit(editor.detainee, "Menor 5", **minor)
            wait_until(lambda: waits_for_a_lock(conn), "the fifth waits for the fourth")
        fifth.result()
    assert get_person(api, first)["age_group"] == "minor"


def test_counts_use_disclosed_properties(api: Api, editor: Api) -> None:
    """The difference of counts with and without a filter does not reveal a person."""
    prison = editor.post("/v1/facilities", {"name": "El Helicoide", "country": "VE"})["id"]
    sources = [editor.source(f"Fuente {n}") for n in range(2)]

    def release(name: str, **properties: Any) -> str:
        person = editor.detainee(name, sex="female", nationalities=["VE"], **properties)
        editor.detention(person, facility_id=prison)
        event = editor.event(person, "2026-01-08")
        for source in sources:
            editor.attest(event, source, AT)
        return person

    def count(**filters: Any) -> int:
        number: int = api.get("/v1/counts", **filters)["confirmed"]
        return number

    release("Ana Visible", age_group="adult")
    person = release("Eva Oculta", age_group="adult", withheld=True)
    filters = ({"facility_id": prison}, {"sex": "female"}, {"nationality": "VE"})
    record_time = api.get("/v1/counts")["recorded_as_of"]
    assert count() == 2
    assert [count(**filter) for filter in (*filters, {"age_group": "adult"})] == [1] * 4
    assert count(sex="female", facility_id=prison) == 1
    for group_by in ("sex", "nationality", "facility_id", "age_group"):
        groups = api.get("/v1/counts", group_by=group_by)["groups"]
        assert {group["confirmed"] for group in groups} == {1}
        assert None in [group["value"] for group in groups]
    for n in range(4):
        other = editor.detainee(f"Otra {n}", age_group="adult", withheld=True)
        editor.detention(other, facility_id=prison)
    # Five hidden adults were detained there: only age group and facility are disclosed.
    assert [count(**filter) for filter in (*filters, {"age_group": "adult"})] == [2, 1, 1, 2]
    for filter in (*filters, {"age_group": "adult"}):
        assert count(**filter, as_of=record_time, recorded_as_of=record_time) == 1
    # Disclosing and withholding the person does not change counts for that record time.
    before = {
        str(filter): api.get("/v1/counts", **filter, recorded_as_of=record_time, as_of=record_time)
        for filter in filters
    }
    editor.patch(f"/v1/detainees/{person}", {"withheld": False})
    assert [count(**filter) for filter in filters] == [2, 2, 2]
    editor.patch(f"/v1/detainees/{person}", {"withheld": True})
    for filter in filters:
        counts = api.get("/v1/counts", **filter, recorded_as_of=record_time, as_of=record_time)
        assert counts == before[str(filter)]


def test_urls_and_notes_about_a_hidden_person_are_redacted(api: Api, editor: Api) -> None:
    person = withheld_person(editor)
    editor.detention(person)
    event = editor.event(person, "2026-01-08", place="Clínica Reservada")
    attestation = editor.attest(
        event,
        editor.source("Diario"),
        AT,
        url="https://diario.example/graciela-reservada",
        note="Graciela",
        language="es",
    )
    shown = api.get(f"/v1/attestations/{attestation['id']}")
    assert [shown[name] for name in ("url", "note", "language")] == [None] * 3
    assert shown["published_at"] == AT
    assert api.get(f"/v1/release-events/{event}")["place"] is None
    assert editor.get(f"/v1/attestations/{attestation['id']}")["note"] == "Graciela"


def test_person_withheld_later_is_hidden_in_earlier_entries(api: Api, editor: Api) -> None:
    person = editor.detainee("Graciela Reservada", withheld=False)
    editor.detention(person)
    event = editor.event(person, "2026-01-08")
    for n in range(2):
        editor.attest(event, editor.source(f"Fuente {n}"), AT)
    paths = (
        "/v1/feed?format=atom",
        "/v1/feed?format=jsonfeed",
        f"/v1/release-events/{event}?format=jsonld",
        "/v1/detainees?format=csv",
        "/v1/detainees?format=ndjson",
    )
    for path in paths:
        assert "Graciela" in api.send("GET", path).text, path
    before = api.get("/v1/feed?format=jsonfeed")["items"][0]
    editor.patch(f"/v1/detainees/{person}", {"withheld": True})
    for path in paths:
        assert "Graciela" not in api.send("GET", path).text, path
        assert get_person(api, person)["name"] in api.send("GET", path).text, path
    # The feed entry is updated, so that readers remove the name.
    after = api.get("/v1/feed?format=jsonfeed")["items"][0]
    assert after["id"] == before["id"]
    assert after["date_modified"] > before["date_modified"]


# The ledger, for the public and for editors.


def test_reading_a_hidden_name_is_recorded_in_the_ledger(api: Api, editor: Api) -> None:
    hidden = withheld_person(editor)
    visible = editor.detainee("Ana Visible")
    organisation = editor.source("Puertas Abiertas")
    source = editor.source("Garganta", confidential=True, vouched_by=organisation)
    last = editor.get("/v1/changes")["items"][-1]["seq"]

    def new_entries() -> list[tuple[str, str, str]]:
        nonlocal last
        items = editor.get("/v1/changes", after=last)["items"]
        last += len(items)
        assert all(item["actor"] for item in items)
        return [(item["resource"], item["resource_id"], item["action"]) for item in items]

    expected = [("detainee", hidden, "read")]
    editor.detention(hidden)
    event = editor.event(hidden, "2026-01-08")
    new_entries()
    for path in (
        *(f"/v1/detainees/{hidden}", "/v1/detainees", "/v1/detainees?format=csv"),
        *(f"/v1/release-events/{event}", "/v1/release-events?status=unverified"),
        "/v1/release-events?as_of=2026-01-09T10:00:00Z&format=csv",
    ):
        assert editor.send("GET", path).status_code == 200
        assert new_entries() == expected, path
    editor.get("/v1/detainees", q="graciela")
    assert new_entries() == expected
    editor.post("/v1/detainees/match", {"items": [{"name": "Graciela Reservada"}]}, 200)
    assert new_entries() == expected
    for path in (f"/v1/sources/{source}", "/v1/sources"):
        editor.get(path)
        assert new_entries() == [("source", source, "read")]
    for caller in (api, api.scope("contribute")):
        get_person(caller, hidden)
        caller.get("/v1/detainees")
    get_person(editor, visible)
    assert new_entries() == []


def test_public_changes_have_no_gap(api: Api, editor: Api) -> None:
    """A change of hidden values is not in the public ledger and changes no response."""

    def public_entries() -> list[tuple[int, str, str]]:
        items = api.get("/v1/changes", limit=200)["items"]
        return [(item["seq"], item["resource_id"], item["action"]) for item in items]

    organisation = editor.source("Puertas Abiertas")
    person = withheld_person(editor)
    detention = editor.detention(person)
    event = editor.event(person, "2026-01-08")
    editor.attest(event, organisation, AT)
    before, counts = public_entries(), api.get("/v1/counts", as_of=AT)
    assert [seq for seq, _, _ in before] == [1, 2, 3, 4, 5]
    verification = api.get(f"/v1/release-events/{event}/verification", as_of=AT)
    people = api.get("/v1/detainees")
    for path, body in (
        (f"/v1/detainees/{person}", {"name": "Otra", "sex": "male", "nationalities": ["ES"]}),
        (f"/v1/detainees/{person}", {"birth_date": "1980-01-01", "aliases": ["Una"]}),
        (
            f"/v1/detentions/{detention}",
            {"detained_on": "2024", "authority": "DIP", "charges": "No"},
        ),
        (f"/v1/release-events/{event}", {"place": "Caracas"}),
    ):
        editor.patch(path, body)
    source = editor.source("Garganta", confidential=True, vouched_by=organisation)
    editor.patch(f"/v1/sources/{source}", {"name": "Profunda"})
    get_person(editor, person)
    assert public_entries() == before
    assert api.get("/v1/counts", as_of=AT) == counts
    assert api.get(f"/v1/release-events/{event}/verification", as_of=AT) == verification
    assert api.get("/v1/detainees") == people
    # A visible change is in the public ledger with the next number.
    editor.patch(f"/v1/detainees/{person}", {"withheld": False})
    assert public_entries() == [*before, (6, person, "updated")]
    assert api.get("/v1/counts", as_of=AT)["citation"]["ledger_seq"] == 6
    entries = editor.get("/v1/changes", limit=200)["items"]
    assert [item["seq"] for item in entries] == [*range(1, len(entries) + 1)]
    assert len(entries) > 6


def test_hidden_change_is_not_public_after_the_public_sees_more_or_less(
    api: Api, editor: Api
) -> None:
    """It sees less of a person withheld later, and more of a disclosed group, without an entry of
    each of their records. A later one would tell when an editor changed a hidden value."""

    def public_entries() -> list[tuple[str, str]]:
        items = api.get("/v1/changes", limit=200)["items"]
        return [(item["resource_id"], item["action"]) for item in items]

    prison = editor.post("/v1/facilities", {"name": "El Helicoide", "country": "VE"})["id"]
    withheld, relative = editor.detainee("Ana Visible"), editor.detainee("Eva Visible")
    detention = editor.detention(withheld, detained_on="2025-01-05")
    event = editor.event(withheld, "2026-01-08", place="Caracas")
    body = {"detainee_id": relative}
    distinction = editor.post(f"/v1/detainees/{withheld}/distinct-from", body)["id"]
    editor.patch(f"/v1/detainees/{withheld}", {"withheld": True})
    minors = [editor.detainee(f"Menor {n}", age_group="minor") for n in range(5)]
    detentions = [editor.detention(minor, facility_id=prison) for minor in minors]
    editor.event(minors[0], "2026-01-08")
    editor.detention(minors[0], detained_on="2026-02-01", facility_id=prison)
    assert api.get(f"/v1/detainees/{minors[0]}")["detention"]["facility_id"] == prison
    before = public_entries()
    for path, change in (
        (f"/v1/detentions/{detention}", {"charges": "Ninguno", "detained_on": "2025"}),
        (f"/v1/release-events/{event}", {"place": "Maracay"}),
        (f"/v1/detainees/{minors[0]}", {"birth_date": "2012-01-01", "sex": "female"}),
        (f"/v1/detentions/{detentions[0]}", {"charges": "Ninguno"}),
    ):
        editor.patch(path, change)
    assert editor.send("DELETE", f"/v1/distinctions/{distinction}").status_code == 200
    assert public_entries() == before
    # What the public sees of them is public.
    editor.patch(f"/v1/detentions/{detention}", {"whereabouts": "unknown"})
    editor.patch(f"/v1/detentions/{detentions[1]}", {"facility_id": None})
    editor.patch(f"/v1/detainees/{minors[1]}", {"age_group": "adult", "withheld": True})
    changed = [detention, detentions[1], minors[1]]
    assert public_entries() == [*before, *((id, "updated") for id in changed)]


def test_merges_and_distinctions_of_hidden_people_are_not_public(api: Api, editor: Api) -> None:
    """A public entry would point at a relative of the hidden person, or at the person."""
    visible = [editor.detainee(f"Ana Visible {n}") for n in range(3)]
    hidden, duplicate = withheld_person(editor), editor.detainee("Graciela")
    body = {"detainee_id": visible[1]}
    shown = (
        f"/v1/distinctions/{editor.post(f'/v1/detainees/{visible[0]}/distinct-from', body)['id']}"
    )
    before = api.get("/v1/changes", limit=200)["items"]
    body = {"detainee_id": hidden}
    secret = editor.post(f"/v1/detainees/{visible[0]}/distinct-from", body)["id"]
    assert api.get("/v1/changes", limit=200)["items"] == before
    merge = editor.post(f"/v1/detainees/{duplicate}/merge", {"into": hidden})["id"]
    for caller in (api, api.scope("contribute")):
        caller.get(shown)
        caller.get(f"/v1/distinctions/{secret}", 404)
        caller.get(f"/v1/merges/{merge}", 404)
        changes = caller.get("/v1/changes", limit=200)["items"]
        assert {secret, merge}.isdisjoint(item["resource_id"] for item in changes)
    # The id of the duplicate stays valid for those who have it.
    redirect = api.send("GET", f"/v1/detainees/{duplicate}")
    assert (redirect.status_code, redirect.headers["Location"]) == (307, f"/v1/detainees/{hidden}")
    assert editor.get(f"/v1/distinctions/{secret}")["distinct_from"] == hidden
    assert editor.get(f"/v1/merges/{merge}")["into"] == hidden
    # After a merge into a hidden person, the person's distinctions are not public any more.
    editor.post(f"/v1/detainees/{visible[1]}/merge", {"into": hidden})
    api.get(shown, 404)


# Confidential sources.


def attested_event(editor: Api, *sources: str, **fields: Any) -> tuple[str, list[Any]]:
    person = editor.detainee("Ana Visible")
    editor.detention(person)
    event = editor.event(person, "2026-01-08")
    return event, [editor.attest(event, source, AT, **fields) for source in sources]


def test_two_confidential_sources_of_one_organisation_never_confirm(editor: Api) -> None:
    first, second = (editor.source(name) for name in ("Puertas Abiertas", "Foro"))
    sources = [editor.source(f"Voz {n}", confidential=True, vouched_by=first) for n in range(2)]
    third = editor.source("Voz", confidential=True, vouched_by=second)
    event, attestations = attested_event(editor, *sources)
    assert attestations[-1]["verification"]["status"] == "reported"
    assert editor.attest(event, first, AT)["verification"]["independent_sources"] == 1
    last = editor.attest(event, third, AT)["verification"]
    assert (last["status"], last["independent_sources"]) == ("confirmed", 2)
    # The organisation of a confidential source adds none, and its affiliates are in its group.
    assert editor.attest(event, second, AT)["verification"]["independent_sources"] == 2
    editor.affiliate(second, first)
    verification = editor.get(f"/v1/release-events/{event}")["verification"]
    assert (verification["status"], verification["independent_sources"]) == ("reported", 1)


def test_confidential_source_without_attestations_belongs_to_its_organisations_group(
    editor: Api,
) -> None:
    organisation = editor.source("Puertas Abiertas")
    source = editor.source("Voz", confidential=True, vouched_by=organisation)
    relays = {"basis": "relayed", "relays": [{"source_id": source}]}
    event, attestations = attested_event(editor, editor.source("Diario"), **relays)
    assert attestations[0]["verification"]["independent_sources"] == 1
    groups = editor.get(f"/v1/release-events/{event}/verification")["proof"][0]["groups"]
    assert sorted(group["name"] for group in groups) == ["Diario", "Puertas Abiertas"]


def read_page(api: Api, path: str, language: str) -> str:
    separator = "&" if "?" in path else "?"
    return api.send("GET", f"{path}{separator}lang={language}").text


def test_public_sees_the_vouching_organisation_only(api: Api, editor: Api) -> None:
    organisation = editor.source("Puertas Abiertas")
    properties = {"kind": "witness", "country": "CO", "url": "https://garganta.example/"}
    source = editor.source(
        "Garganta Profunda", **properties, confidential=True, vouched_by=organisation
    )
    fields = {"url": "https://garganta.example/1", "note": "Garganta", "language": "pt"}
    event, (attestation,) = attested_event(editor, source, **fields)
    claim = editor.post(
        "/v1/claims",
        {
            "source_id": source,
            "kind": "released",
            "value": 1,
            "as_of": AT,
            "published_at": AT,
            "url": "https://garganta.example/2",
            "note": "Garganta",
        },
    )["id"]
    for caller in (api, api.scope("contribute")):
        caller.get(f"/v1/sources/{source}", 404)
        assert [item["id"] for item in caller.get("/v1/sources")["items"]] == [organisation]
        for path in (f"/v1/attestations/{attestation['id']}", f"/v1/claims/{claim}"):
            shown = caller.get(path)
            assert (shown["source_id"], shown["is_confidential"]) == (organisation, True)
            assert (shown["url"], shown["note"]) == (None, None)
        assert caller.get(f"/v1/attestations/{attestation['id']}")["evidence"] is None
        for item in caller.get("/v1/changes", limit=200)["items"]:
            is_secret = item["resource_id"] in (attestation["id"], claim)
            assert (item["actor"] is None) == is_secret
        for path, id in (("attestations", attestation["id"]), ("claims", claim)):
            query = {"source_id": organisation}
            assert [item["id"] for item in caller.get(f"/v1/{path}", **query)["items"]] == [id]
            assert caller.get(f"/v1/{path}", source_id=source)["items"] == []
    verification = api.get(f"/v1/release-events/{event}/verification")
    assert verification["rests_on"] == [{"name": "Puertas Abiertas", "source_ids": [organisation]}]
    comparison = api.get(f"/v1/claims/{claim}/comparison")
    assert comparison["claim"]["source_id"] == organisation
    # Its words are not those of the organisation.
    sentence = comparison["citation"]["sentence"]
    assert ", a confidential source of Puertas Abiertas counted one" in sentence["en"]
    assert ", una fuente confidencial de Puertas Abiertas contabilizaba una" in sentence["es"]
    announced = {"source_id": source, "kind": "announced", "as_of": AT, "published_at": AT}
    announcement = editor.post("/v1/claims", announced)["id"]
    counted = api.get("/v1/counts", announcement_id=announcement)["citation"]["sentence"]
    assert "what a confidential source of Puertas Abiertas announced" in counted["en"]
    assert "lo que anunció una fuente confidencial de Puertas Abiertas" in counted["es"]
    pages = [
        f"/sources/{organisation}",
        f"/releases/{event}",
        f"/announcements/{announcement}",
        "/figures?kind=released",
        "/charts/claims.svg",
    ]
    said_by = {
        "en": "A confidential source of Puertas Abiertas",
        "es": "Una fuente confidencial de Puertas Abiertas",
    }
    for page in pages:
        for language, words in said_by.items():
            assert words in read_page(api, page, language), page
    assert read_page(api, pages[0], "en").count(said_by["en"]) == 3
    assert f"{said_by['en']} has first-hand knowledge." in read_page(api, pages[1], "en")
    assert f'"name":"{said_by["en"]}"' in read_page(api, pages[3], "en")
    assert editor.get(f"/v1/attestations/{attestation['id']}")["source_id"] == source
    shown = editor.get("/v1/attestations", source_id=source)["items"][0]
    assert (shown["note"], shown["evidence"]) == ("Garganta", "report")
    assert all(item["actor"] for item in editor.get("/v1/changes", limit=200)["items"])
    assert editor.get(f"/v1/sources/{source}")["vouched_by"] == organisation


def test_entries_of_one_import_do_not_tell_who_entered_a_confidential_attestation(
    api: Api, editor: Api
) -> None:
    organisation = editor.source("Puertas Abiertas")
    source = editor.source("Voz", confidential=True, vouched_by=organisation)
    text = json.dumps({"name": "Ana", "detained_on": "2024", "released_on": "2026-01-08"})

    def apply(source: str, rows: str) -> list[Any]:
        after = api.get("/v1/changes", limit=200)["items"][-1]["seq"]
        attestation = {"source_id": source, "published_at": AT, "basis": "first_hand"}
        preview = editor.send(
            "POST",
            "/v1/imports",
            query_string={**attestation, "evidence": "list"},
            data=rows,
            content_type="application/x-ndjson",
        )
        assert preview.status_code == 201, preview.text
        path = f"/v1/imports/{preview.get_json()['id']}/apply"
        editor.post(path, {"decisions": []}, 200)
        entries: list[Any] = api.get("/v1/changes", after=after)["items"]
        assert len({entry["recorded_at"] for entry in entries}) == 1
        resources = {entry["resource"] for entry in entries}
        assert resources == {"detainee", "detention", "release_event", "attestation"}
        return [entry["actor"] for entry in entries]

    assert set(apply(source, text)) == {None}
    assert None not in apply(organisation, text.replace("Ana", "Eva"))
    assert api.get("/v1/changes")["items"][0]["actor"] is not None


def test_entries_beside_a_retraction_do_not_tell_who_entered_it(
    conn: Connection, editor: Api
) -> None:
    """A case can retract the attestation of one source and enter that of another."""
    organisation = editor.source("Puertas Abiertas")
    source = editor.source("Voz", confidential=True, vouched_by=organisation)
    _, (attestation,) = attested_event(editor, source)
    retraction = {"retracted_at": "2026-01-10T10:00:00Z"}
    editor.post(f"/v1/attestations/{attestation['id']}/retraction", retraction, 200)
    redacted = conn.execute(
        "SELECT action, writes_confidential_source(recorded_at) AS is_redacted FROM ledger "
        "WHERE resource_id = %s ORDER BY seq",
        [attestation["id"]],
    ).fetchall()
    assert [tuple(row) for row in redacted] == [("created", True), ("retracted", True)]


def test_contradiction_does_not_show_that_there_are_two_confidential_sources(
    api: Api, editor: Api
) -> None:
    organisation = editor.source("Puertas Abiertas")
    responses = []
    for number in (1, 2):
        sources = [
            editor.source(f"Voz {number} {n}", confidential=True, vouched_by=organisation)
            for n in range(number)
        ]
        event, (first,) = attested_event(editor, sources[0])
        later = editor.attest(event, sources[-1], "2026-01-09T11:00:00Z", stance="denies")
        places = {first["id"]: "first", later["id"]: "later"}
        shown = api.get(f"/v1/release-events/{event}/verification")
        assert [reason["reason"] for reason in shown["not_counted"]] == ["superseded"]
        responses.append(
            [places[item["attestation_id"]] for item in shown["not_counted"]]
            + [(step["at"], step["status"]) for step in shown["history"]]
        )
    assert responses[0] == responses[1]


def test_number_of_relayed_confidential_sources_is_hidden(api: Api, editor: Api) -> None:
    organisation, paper = editor.source("Puertas Abiertas"), editor.source("Diario")
    sources = [
        editor.source(f"Voz {n}", confidential=True, vouched_by=organisation) for n in range(2)
    ]
    relays = [{"source_id": source} for source in sources]
    _, (attestation,) = attested_event(editor, paper, basis="relayed", relays=relays)
    claim = {"source_id": paper, "kind": "released", "value": 1, "as_of": AT, "published_at": AT}
    id = editor.post("/v1/claims", {**claim, "relays": relays})["id"]
    shown_relays = [{"attestation_id": None, "source_id": organisation}]
    assert api.get(f"/v1/attestations/{attestation['id']}")["relays"] == shown_relays
    shown = api.get(f"/v1/claims/{id}")
    assert shown["relays"] == shown["origins"] == [{"claim_id": None, "source_id": organisation}]
    assert len(editor.get(f"/v1/claims/{id}")["relays"]) == 2


def test_attestations_of_confidential_sources_are_listed_in_order(api: Api, editor: Api) -> None:
    organisation = editor.source("Puertas Abiertas")
    sources = [organisation] + [
        editor.source(f"Voz {n}", confidential=True, vouched_by=organisation) for n in range(3)
    ]
    order = [*sources, *reversed(sources), *sources]
    ids = [attested_event(editor, source)[1][0]["id"] for source in order]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = api.get("/v1/attestations", source_id=organisation, limit=2, **cursor)
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert seen == sorted(ids)


def test_source_hidden_later_is_hidden_in_earlier_proofs(api: Api, editor: Api) -> None:
    source, other = (editor.source(name) for name in ("Garganta", "Diario"))
    event, _ = attested_event(editor, source, other)
    path = f"/v1/release-events/{event}/verification"
    before = api.get(path)
    assert "Garganta" in str(before["proof"])
    organisation = editor.source("Foro")
    editor.patch(f"/v1/sources/{source}", {"confidential": True, "vouched_by": organisation})
    for times in ({}, {"as_of": before["as_of"], "recorded_as_of": before["recorded_as_of"]}):
        after = api.get(path, **times)
        assert "Garganta" not in str(after)
        assert source not in str(after)
        assert "Foro" in str(after["proof"])
        assert after["status"] == "confirmed"


def test_source_hidden_later_is_unknown_to_contributors(api: Api, editor: Api) -> None:
    """Its id was public. A response would give its organisation, a preview what it attested to."""
    organisation, paper = editor.source("Foro"), editor.source("Diario")
    source = editor.source("Garganta")
    event, _ = attested_event(editor, source)
    person = api.get(f"/v1/release-events/{event}")["detainee_id"]
    row = json.dumps({"id": person, "name": "Ana Visible", "released_on": "2026-01-08"})
    editor.patch(f"/v1/sources/{source}", {"confidential": True, "vouched_by": organisation})
    first_hand = {"published_at": AT, "basis": "first_hand", "evidence": "list"}
    claim = {"kind": "released", "value": 1, "as_of": AT, "published_at": AT}
    attestation = {
        **first_hand,
        "release_event_id": event,
        "stance": "confirms",
        "source_id": paper,
    }
    listed = {"data": row, "content_type": "application/x-ndjson"}
    relays = {"relays": [{"source_id": source}]}
    requests: list[tuple[str, dict[str, Any]]] = [
        ("attestations", {"json": {**attestation, "source_id": source}}),
        ("attestations", {"json": {**attestation, "basis": "relayed", **relays}}),
        ("claims", {"json": {**claim, "source_id": source}}),
        ("claims", {"json": {**claim, "source_id": paper, **relays}}),
        ("imports", {**listed, "query_string": {**first_hand, "source_id": source}}),
    ]
    unknown = "019b9f3e-0000-4000-8000-000000000000"
    for kind, request in requests:
        problem, expected = (
            api.scope("contribute").send("POST", f"/v1/{kind}", **body)
            for body in (request, json.loads(json.dumps(request).replace(source, unknown)))
        )
        assert (problem.status_code, expected.status_code) == (422, 422), kind
        assert problem.text.replace(source, unknown) == expected.text
        assert editor.send("POST", f"/v1/{kind}", **request).status_code == 201, kind


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"confidential": True}, ["/vouched_by"]),
        ({"vouched_by": "$organisation"}, ["/vouched_by"]),
        ({"confidential": True, "vouched_by": "$confidential"}, ["/vouched_by"]),
        ({"confidential": True, "vouched_by": "$nobody"}, ["/vouched_by"]),
        ({"confidential": True, "vouched_by": "$itself"}, ["/vouched_by"]),
        ({"confidential": True, "vouched_by": None}, ["/vouched_by"]),
    ],
)
def test_confidential_source_requires_a_vouching_organisation(
    editor: Api, body: Mapping[str, Any], pointers: list[str]
) -> None:
    organisation, source = editor.source("Foro"), editor.source("Diario")
    confidential = editor.source("Voz", confidential=True, vouched_by=organisation)
    ids = {
        "$organisation": organisation,
        "$confidential": confidential,
        "$itself": source,
        "$nobody": "019b9f3e-0000-4000-8000-000000000000",
    }
    changes = {name: ids.get(value, value) for name, value in body.items()}
    problem = editor.patch(f"/v1/sources/{source}", changes, 422)
    assert [error["pointer"] for error in problem["errors"]] == pointers
    if "$itself" not in body.values():
        problem = editor.post("/v1/sources", {"name": "Otra", "kind": "ngo", **changes}, 422)
        assert [error["pointer"] for error in problem["errors"]] == pointers


def test_confidential_source_cannot_be_disclosed(editor: Api) -> None:
    first, second = editor.source("Foro"), editor.source("Puertas Abiertas")
    source = editor.source("Voz", confidential=True, vouched_by=first)
    for body in ({"confidential": False, "vouched_by": None}, {"vouched_by": second}):
        assert editor.patch(f"/v1/sources/{source}", body, 409)["type"] == "/problems/conflict"
    same = {"name": "Otra", "confidential": True, "vouched_by": first}
    assert editor.patch(f"/v1/sources/{source}", same)["name"] == "Otra"
    assert editor.post(
        f"/v1/sources/{source}/affiliations",
        {"with_source_id": second, "relation": "employed_by"},
        409,
    )
    editor.affiliate(first, second)
    for organisation in (first, second):
        body = {"confidential": True, "vouched_by": editor.source("Otra")}
        problem = editor.patch(f"/v1/sources/{organisation}", body, 422)
        assert {error["pointer"] for error in problem["errors"]} == {"/confidential"}


def test_voucher_that_becomes_confidential_meanwhile_is_refused(
    editor: Api, database: str, conn: Connection
) -> None:
    """Otherwise the public would see a confidential source as the one that vouches for another."""
    first, second = editor.source("Foro"), editor.source("Puertas Abiertas")
    body = {"name": "Voz", "kind": "witness", "confidential": True, "vouched_by": first}
    with ThreadPoolExecutor(1) as thread:
        with connections.connect(database) as writer, writer.transaction():
            queries.run(writer, "affiliations/lock_exclusive")
            queries.run(writer, "sources/update", id=first, confidential=True, vouched_by=second)
            response = thread.submit(editor.post, "/v1/sources", body, 422)
            wait_until(lambda: response.done() or waits_for_a_lock(conn), "the source is checked")
        assert response.result()["errors"][0]["pointer"] == "/vouched_by"


# Canaries: unique strings in hidden fields, which no response may contain.


_IN_CONFIDENCE = {"confidential": True, "vouched_by": "house"}


class Canaries:
    """A store with so many hidden people, in which every hidden value contains a canary."""

    def __init__(self, editor: Api, hidden: int) -> None:
        self.editor = editor
        self.choose = random.Random(hidden).choice
        self._numbers = count(1)
        self.canaries: list[str] = []
        self.ids: dict[str, list[str]] = {
            **{kind: [] for kind in ("sources", "affiliations", "facilities", "detainees")},
            **{kind: [] for kind in ("detentions", "release-events", "attestations", "claims")},
            **{kind: [] for kind in ("merges", "splits", "distinctions", "imports", "proposals")},
            "citations": [],
        }
        for name in ("El Helicoide", "Rodeo I"):
            body = {"name": name, "country": "VE"}
            self.add_id("facilities", editor.post("/v1/facilities", body)["id"])
        organisations = [editor.source(name) for name in ("Foro", "Puertas Abiertas")]
        for id in organisations:
            self.add_id("sources", id)
        self.add_id("affiliations", editor.affiliate(*organisations))
        self.all_sources = [
            *organisations,
            *(self.confidential_source(organisations) for _ in range(3)),
        ]
        self.announcement = self.claim(kind="announced")
        self.person(is_hidden=False)
        for _ in range(hidden - 1):
            self.person(is_hidden=True)
        for _ in range(3):
            self.merge_and_distinguish()
        for path in (
            "/v1/counts?group_by=facility_id",
            f"/v1/counts?facility_id={self.ids['facilities'][0]}",
            f"/v1/release-events/{self.ids['release-events'][-2]}/verification",
        ):
            self.add_id("citations", editor.post("/v1/citations", {"url": path})["id"])
        self.person(is_hidden=True)
        list_body = "name,note\n" + "\n".join(f"{canary}," for canary in self.canaries)
        preview = editor.send("POST", "/v1/imports", data=list_body, content_type="text/csv")
        self.add_id("imports", preview.get_json()["id"])
        case = {
            "case": self.canaries[-1] if self.canaries else "canaries",
            "sources": [
                {"key": "house", "name": "Foro", "kind": "ngo"},
                *(
                    {"key": canary, "name": canary, "kind": "witness", **_IN_CONFIDENCE}
                    for canary in self.canaries
                ),
            ],
            "detainees": [
                {"key": canary, "name": canary, "age_group": "minor"} for canary in self.canaries
            ],
        }
        preview = editor.send(
            "POST", "/v1/imports", data=json.dumps(case), content_type=media_types.CASE
        )
        self.add_id("imports", preview.get_json()["id"])

    def merge_and_distinguish(self) -> None:
        """Merge two people, perhaps undo that, and record two people as distinct."""
        first, second = self.choose([*permutations(self.ids["detainees"], 2)])
        response = self.editor.send("POST", f"/v1/detainees/{first}/merge", json={"into": second})
        if response.status_code == 201:
            merge = self.add_id("merges", response.get_json()["id"])
            if self.choose([True, False]):
                assert self.editor.send("DELETE", f"/v1/merges/{merge}").status_code == 200
        first, second = self.choose([*permutations(self.ids["detainees"], 2)])
        path, body = f"/v1/detainees/{first}/distinct-from", {"detainee_id": second}
        response = self.editor.send("POST", path, json=body)
        if response.status_code == 201:
            self.add_id("distinctions", response.get_json()["id"])
        self.split(self.choose(self.ids["detainees"]))

    def split(self, person: str) -> None:
        """Split a person who is no duplicate, with a detention that moves."""
        response = self.editor.send("GET", f"/v1/detainees/{person}/detentions")
        if response.status_code == 200 and response.get_json()["items"]:
            shown = self.editor.get(f"/v1/detainees/{person}")
            name = "open" if shown["is_named"] else self.canary()
            body = {"name": name, "detention_ids": [response.get_json()["items"][0]["id"]]}
            split = self.editor.post(f"/v1/detainees/{person}/split", body)
            self.add_id("splits", split["id"])
            self.add_id("detainees", split["new_detainee_id"])

    def add_id(self, kind: str, id: str) -> str:
        self.ids[kind].append(id)
        return id

    def canary(self, template: str = "{}") -> str:
        canary = f"kanarie{next(self._numbers)}x"
        self.canaries.append(canary)
        return template.format(canary)

    def confidential_source(self, organisations: Sequence[str]) -> str:
        id = self.editor.source(
            self.canary("Voz {}"),
            kind=self.choose(["witness", "relative"]),
            url=self.canary("https://{}.example/"),
            confidential=True,
            vouched_by=self.choose(organisations),
        )
        self.canaries.append(id)
        return self.add_id("sources", id)

    def claim(self, **fields: Any) -> str:
        source = self.choose(self.all_sources)
        is_confidential = source in self.canaries
        body = {
            "source_id": source,
            "kind": "released",
            "value": 3,
            "as_of": AT,
            "published_at": AT,
            "url": self.canary("https://{}.example/") if is_confidential else None,
            "note": self.canary() if is_confidential else "Open",
            "relays": [{"source_id": self.choose(self.all_sources)}],
            **fields,
        }
        id = self.add_id("claims", self.editor.post("/v1/claims", body)["id"])
        if is_confidential:
            self.editor.post(
                f"/v1/claims/{id}/retraction",
                {"retracted_at": AT, "note": self.canary()},
                200,
            )
        return id

    def person(self, *, is_hidden: bool) -> None:
        text = self.canary if is_hidden else lambda template="{}": template.format("open")
        day = self.choose(["2026-01-08", "2026-01-09"])
        hiding = {"withheld": True, "age_group": self.choose(["adult", "unknown"])}
        if not is_hidden:
            hiding = {}
        elif self.choose([True, False]):
            hiding = {"age_group": "minor"}
        person = self.editor.detainee(
            text("Persona {}"),
            aliases=[text("Alias {}")],
            sex=self.choose(["female", "male"]),
            birth_date="1987-03-17" if is_hidden else None,
            nationalities=self.choose([["VE"], ["ES", "VE"]]),
            occupation=text(),
            external_ids=[{"scheme": text(), "value": text()}],
            **hiding,
        )
        self.add_id("detainees", person)
        detention = self.editor.detention(
            person,
            facility_id=self.choose(self.ids["facilities"]),
            detained_on="1991-06" if is_hidden else None,
            authority=text(),
            charges=text(),
        )
        self.add_id("detentions", detention)
        event = self.editor.event(
            person, day, place=text(), announcement_id=self.choose([None, self.announcement])
        )
        self.add_id("release-events", event)
        mistake = self.editor.event(person, "2026-02-20", place=text())
        self.add_id("release-events", mistake)
        self.editor.post(f"/v1/release-events/{mistake}/void", {"reason": text()}, 200)
        attestations: list[str] = []
        for source in self.all_sources[: self.choose([1, 2, 4])]:
            is_secret = is_hidden or source in self.canaries
            note = self.canary if is_secret else lambda template="{}": template.format("open")
            relay: dict[str, Any] = {}
            if attestations and self.choose([True, False]):
                origins = [
                    {"attestation_id": attestations[-1]},
                    {"source_id": self.all_sources[-1]},
                ]
                relay = {"basis": "relayed", "relays": [self.choose(origins)]}
            attestation = self.editor.attest(
                event,
                source,
                AT,
                url=note("https://{}.example/"),
                archived_url=note("https://archive.example/{}"),
                note=note(),
                **relay,
            )["id"]
            attestations.append(self.add_id("attestations", attestation))
            if self.choose([True, False, False]):
                body = {"retracted_at": AT, "note": note()}
                self.editor.post(f"/v1/attestations/{attestation}/retraction", body, 200)
            elif self.choose([True, False, False, False]):
                self.editor.post(f"/v1/attestations/{attestation}/void", {"reason": note()}, 200)
                attestations.pop()


@pytest.mark.parametrize(("scope", "hidden"), [(None, 3), (None, 5), ("contribute", 7)])
def test_no_operation_discloses_a_hidden_value(
    server: str, scope: str | None, hidden: int, caplog: pytest.LogCaptureFixture
) -> None:
    """With fewer hidden people than the disclosure threshold, with as many, and with more."""
    with (
        cloned(server) as url,
        open_pool(url, 2) as pool,
        connections.connect(url) as conn,
        client_of(pool) as client,
    ):
        keys = {name: auth.create_key(conn, name, name)[1] for name in ("edit", "contribute")}
        store = Canaries(Api(client, keys.__getitem__, keys["edit"]), hidden)
        caller = Api(client, keys.__getitem__, keys[scope] if scope else None)
        caplog.clear()
        seen = set()
        for response in public_walk.walk(caller, store.ids, store.canaries[:5]):
            seen.add(response.status)
            request = unquote(response.request)
            disclosed = [
                canary
                for canary in (*store.canaries, "1987-03-17", "1991-06")
                if canary in response.text
            ]
            # The link to the next page repeats the query.
            assert [canary for canary in disclosed if canary not in request] == [], response.request
        assert {200, 404, 422} <= seen
        assert [canary for canary in store.canaries if canary in caplog.text] == []


# Twin worlds: two stores that differ only in hidden values.


def twin(other: bool) -> dict[str, Any]:
    """Return a case. The other case differs in all hidden values of people and sources."""
    text = "otra" if other else "una"
    hidden = {
        "name": f"Persona {text} oculta",
        "aliases": [text],
        "sex": "male" if other else "female",
        "nationalities": ["ES"] if other else ["VE", "CO"],
        "occupation": text,
        "external_ids": [{"scheme": text, "value": text}],
    }
    detention = {
        "facility": "camp" if other else "prison",
        "detained_on": "2024" if other else "2023-01-05",
    }
    first_hand = {"stance": "confirms", "basis": "first_hand", "evidence": "report"}
    people = [
        {"key": "minor", **hidden, "age_group": "minor", "birth_date": f"201{3 + other}-01-01"},
        {"key": "withheld", **hidden, "age_group": "adult", "withheld": True},
        *(
            {
                "key": f"seen-{n}",
                "name": f"Persona vista {n}",
                "sex": "female",
                "age_group": "adult",
            }
            for n in range(5)
        ),
    ]
    return {
        "case": "twins",
        "sources": [
            {"key": "org", "name": "Puertas Abiertas", "kind": "ngo"},
            {"key": "paper", "name": "Diario", "kind": "news_outlet"},
            {
                "key": "voice",
                "name": f"Voz {text}",
                "kind": "relative" if other else "witness",
                "url": f"https://{text}.example/",
                "confidential": True,
                "vouched_by": "org",
            },
        ],
        "affiliations": [],
        "facilities": [
            {"key": "prison", "name": "El Helicoide", "country": "VE"},
            {"key": "camp", "name": "Campamento", "country": "CO"},
        ],
        "claims": [
            {
                "key": "count",
                "source": "voice",
                "kind": "released",
                "value": 5,
                "as_of": AT,
                "published_at": AT,
                "note": text,
            }
        ],
        "detainees": [
            {**person, "detention": detention if n < 2 else {"facility": "prison"}}
            for n, person in enumerate(people)
        ],
        "release_events": [
            {
                "key": f"out-{p['key']}",
                "detainee": p["key"],
                "occurred_on": "2026-01-08",
                "place": text if n < 2 else "Caracas",
            }
            for n, p in enumerate(people)
        ],
        "attestations": [
            {
                "key": f"word-{person['key']}-{source}",
                "release_event": f"out-{person['key']}",
                "source": source,
                "note": text if n < 2 or source == "voice" else "open",
                "published_at": AT,
                **first_hand,
            }
            for n, person in enumerate(people)
            for source in ("paper", "voice")
        ],
    }


# The moments of the stores are of the first days of 2026 or earlier.
_NOW = re.compile(r"(?!2026-01-0)20(2[6-9]|[3-9]\d)-\d\d-\d\dT[\d:.]+Z")
_HASH = re.compile("[0-9a-f]{64}")


def without_moments(text: str) -> str:
    """Return a response without times of today and values derived from them."""
    text = _HASH.sub("SHA", _NOW.sub("NOW", text))
    # An entity tag depends on the times in the response.
    text = re.sub(r"(content-length|etag): .+\n", "", text, flags=re.IGNORECASE)
    # Charts divide the sentence into lines, with another time elsewhere.
    text = re.sub(r"</text>\s*<text [^>]*>", " ", text)
    if "Content-Type: image/svg+xml" in text:
        text = re.sub(r"\d{1,2}:\d\d(:\d\d)?", "NOW", text)
    # Sentences contain the time of day in words.
    text = re.sub(r"(las? )?\d{1,2}:\d\d(:\d\d)?(?=,|<| (\(|del |and ))", "NOW", text)
    # Charts and codes draw it. The figures of a chart are in its labels, too. The size of a code
    # depends on the length of an address, in which a moment has one to six digits of fraction, and
    # the size of a chart on the lines of its sentence.
    return re.sub(r' (d|x|y|height|viewBox)="[^"]*"', "", text)


def repeat_ids(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Make new ids depend on a seed, so that two stores can have the same ids."""
    bits = random.Random(seed)
    monkeypatch.setattr(writes, "uuid4", lambda: UUID(int=bits.getrandbits(128), version=4))


def merge_and_distinguish(
    editor: Api, hidden: Sequence[str], visible: Sequence[str]
) -> Mapping[str, Sequence[str]]:
    """Merge and split hidden and visible people, and record two people as distinct."""
    merges = []
    for duplicate, surviving, is_undone in (
        (hidden[0], visible[0], False),
        (visible[1], hidden[1], False),
        (visible[2], hidden[1], True),
    ):
        merges.append(editor.post(f"/v1/detainees/{duplicate}/merge", {"into": surviving})["id"])
        if is_undone:
            assert editor.send("DELETE", f"/v1/merges/{merges[-1]}").status_code == 200
    body = {"detainee_id": visible[3]}
    distinction = editor.post(f"/v1/detainees/{visible[0]}/distinct-from", body)["id"]
    detention = editor.get(f"/v1/detainees/{hidden[1]}/detentions")["items"][0]["id"]
    name = editor.get(f"/v1/detainees/{hidden[1]}")["name"]
    body = {"name": name, "detention_ids": [detention]}
    split = editor.post(f"/v1/detainees/{hidden[1]}/split", body)["id"]
    return {"merges": merges, "splits": [split], "distinctions": [distinction]}


def test_stores_that_differ_in_hidden_values_give_equal_responses(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = 0.0
    with ExitStack() as stack:
        worlds = []
        for other in (False, True):
            url = stack.enter_context(cloned(server))
            pool = stack.enter_context(open_pool(url, 2))
            conn = stack.enter_context(connections.connect(url))
            file = tmp_path / f"{other}.json"
            file.write_text(json.dumps(twin(other)))
            repeat_ids(monkeypatch, seed=1)
            loader.load(conn, file, lambda _: None)
            _, key = auth.create_key(conn, "editor", "edit")
            conn.execute("UPDATE api_keys SET id = %s", [UUID(int=1)])
            # Responses have the remaining quota, so its window has to begin with the comparison.
            limits = RequestCounts(10**6, 10**6, clock=lambda: seconds)
            client = create_app(pool, rate_limits=RateLimits(limits)).test_client()
            worlds.append((Api(client, str), Api(client, str, key)))
        api, editor = worlds[0]
        ids = {
            kind: [item["id"] for item in editor.get(f"/v1/{kind}", limit=200)["items"]]
            for kind in (
                "sources",
                "facilities",
                "detainees",
                "release-events",
                "attestations",
                "claims",
            )
        }
        hidden = [p for p in ids["detainees"] if not api.get(f"/v1/detainees/{p}")["is_named"]]
        assert len(hidden) == 2
        ids["detentions"] = [
            editor.get(f"/v1/detainees/{p}")["detention"]["id"] for p in ids["detainees"]
        ]
        ids["affiliations"] = ids["imports"] = ids["splits"] = ids["proposals"] = []
        visible = [p for p in ids["detainees"] if p not in hidden]
        new_ids = []
        for _, world in worlds:
            repeat_ids(monkeypatch, seed=2)
            pinned = [
                world.post("/v1/citations", {"url": f"/v1/counts?as_of={AT}&{query}"})["id"]
                for query in ("sex=male", "nationality=ES", "group_by=facility_id")
            ]
            new_ids.append({"citations": pinned, **merge_and_distinguish(world, hidden, visible)})
        # Reads and writes of hidden values by an editor, in one world only.
        _, other = worlds[1]
        for person in (visible[0], hidden[1]):
            other.patch(f"/v1/detainees/{person}", {"name": "Persona cambiada", "birth_date": None})
        other.get("/v1/detainees")
        organisation = api.get("/v1/sources")["items"][0]["id"]
        other.source("Otra voz", confidential=True, vouched_by=organisation)
        searches = ["oculta", "una", "otra", "Persona"]
        walks = [
            public_walk.walk(world, ids | world_ids, searches)
            for (world, _), world_ids in zip(worlds, new_ids, strict=True)
        ]
        responses = not_modified = 0
        seconds += WINDOW_SECONDS
        wait_for_a_new_day()
        for first, second in zip(*walks, strict=True):
            assert (without_moments(first.request), first.status) == (
                without_moments(second.request),
                second.status,
            )
            assert without_moments(first.text) == without_moments(second.text), first.request
            responses += 1
            if responses % 20 == 0:
                other.patch(f"/v1/detainees/{hidden[1]}", {"occupation": f"oculta {responses}"})
            # Entity tags stay current after a change of hidden values.
            statuses = [
                conditional(world, response)
                for (world, _), response in zip(worlds, (first, second), strict=True)
            ]
            if statuses[0] != statuses[1]:
                # A response about the present can change with the clock between the two.
                again = [public_walk.repeat(world, first) for world, _ in worlds]
                other.patch(f"/v1/detainees/{hidden[1]}", {"occupation": f"otra {responses}"})
                statuses = [
                    conditional(world, response)
                    for (world, _), response in zip(worlds, again, strict=True)
                ]
            assert statuses[0] == statuses[1], first.request
            not_modified += statuses == [304, 304]
            wait_for_a_new_day()
        assert responses > 500
        assert not_modified > 300


def conditional(api: Api, response: public_walk.Response) -> int:
    """Return the status of a conditional request with the entity tag of a stored response."""
    method, _, path = response.request.partition(" ")
    etag = re.search(r"^ETag: (.+)$", response.text, re.MULTILINE)
    headers = {} if etag is None else {"If-None-Match": etag[1]}
    return api.send(method.upper(), path, headers=headers, buffered=True).status_code
