"""Privacy of hidden people (minors and withheld people) and of confidential sources."""

import json
import random
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from itertools import count, permutations
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from api import auth
from api.app import create_app
from api.cases import loader
from api.database import connections
from api.http.rate_limits import WINDOW_SECONDS, RateLimits, RequestCounts
from api.records import writes
from api.rendering import media_types
from tests import public_walk
from tests.conftest import Api, cloned

AT = "2026-01-09T10:00:00Z"


def told(api: Api, person: str) -> Any:
    return api.get(f"/v1/detainees/{person}")


# Hidden people.


@pytest.fixture
def editor(api: Api) -> Api:
    return api.scope("edit")


def withheld(editor: Api, **more: Any) -> str:
    known = {"sex": "female", "nationalities": ["VE"], "occupation": "fiscal", "withheld": True}
    return editor.detainee("Graciela Reservada", **{**known, "aliases": ["Chela"], **more})


def test_withheld_person_has_a_stable_pseudonym(api: Api, editor: Api) -> None:
    person = withheld(editor)
    seen = told(api, person)
    assert re.fullmatch("Person [0-9A-HJKMNP-TV-Z]{6}", seen["name"])
    assert (seen["is_named"], seen["withheld"]) == (False, None)
    hidden = ("sex", "birth_date", "occupation", "detention", "custody")
    assert [seen[name] for name in hidden] == [None] * 5
    assert (seen["aliases"], seen["nationalities"], seen["external_ids"]) == ([], [], [])
    assert seen["age_group"] == "unknown"
    editor.patch(f"/v1/detainees/{person}", {"name": "Graciela Otra"})
    assert told(api, person) == seen
    assert told(api.scope("contribute"), person) == seen
    assert told(editor, person)["name"] == "Graciela Otra"
    for words in ("graciela", "chela", "reservada", seen["name"]):
        assert api.get("/v1/detainees", q=words)["items"] == []
    editor.patch(f"/v1/detainees/{person}", {"withheld": False})
    assert told(api, person)["name"] == "Graciela Otra"


def test_only_editors_withhold_people(api: Api, editor: Api) -> None:
    writer = api.scope("contribute")
    assert writer.post("/v1/detainees", {"name": "Una", "withheld": True}, 403)
    person = withheld(editor)
    for body in ({"withheld": False}, {"withheld": False, "name": "Otra"}):
        problem = writer.patch(f"/v1/detainees/{person}", body, 403)
        assert "withheld" in problem["detail"]
    assert told(editor, person)["withheld"] is True


def test_properties_below_the_disclosure_threshold_are_redacted(api: Api, editor: Api) -> None:
    prison, other = (
        editor.post("/v1/facilities", {"name": name, "country": "VE"})["id"]
        for name in ("El Helicoide", "Rodeo I")
    )
    people = []
    for n in range(1, 6):
        people.append(editor.detainee(f"Menor {n}", age_group="minor"))
        editor.detention(people[-1], facility_id=prison if n > 1 else other)
        seen = told(api, people[-1])
        assert seen["age_group"] == ("minor" if n == 5 else "unknown")
        assert seen["detention"]["facility_id"] is None
    assert {told(api, person)["age_group"] for person in people} == {"minor"}
    # The fifth person ever held there.
    extra = editor.detainee("Menor 6", age_group="minor")
    editor.detention(extra, facility_id=prison, detained_on="2025-03-02", charges="Ninguno")
    assert told(api, extra)["detention"] == {
        "id": told(editor, extra)["detention"]["id"],
        "facility_id": prison,
        "detained_on": None,
        "authority": None,
        "charges": None,
        "whereabouts": "known",
    }
    assert told(api, people[2])["detention"]["facility_id"] == prison
    assert told(api, people[0])["detention"]["facility_id"] is None
    assert told(editor, extra)["detention"]["charges"] == "Ninguno"


def test_counts_use_disclosed_properties(api: Api, editor: Api) -> None:
    """Counts with and without a filter do not reveal one person by their difference."""
    prison = editor.post("/v1/facilities", {"name": "El Helicoide", "country": "VE"})["id"]
    sources = [editor.source(f"Fuente {n}") for n in range(2)]

    def out(name: str, **known: Any) -> str:
        person = editor.detainee(name, sex="female", nationalities=["VE"], **known)
        editor.detention(person, facility_id=prison)
        event = editor.event(person, "2026-01-08")
        for source in sources:
            editor.attest(event, source, AT)
        return person

    def counted(**filters: Any) -> int:
        number: int = api.get("/v1/counts", **filters)["confirmed"]
        return number

    out("Ana Visible", age_group="adult")
    person = out("Eva Oculta", age_group="adult", withheld=True)
    narrow = ({"facility_id": prison}, {"sex": "female"}, {"nationality": "VE"})
    moment = api.get("/v1/counts")["recorded_as_of"]
    assert counted() == 2
    assert [counted(**filter) for filter in (*narrow, {"age_group": "adult"})] == [1] * 4
    assert counted(sex="female", facility_id=prison) == 1
    for group_by in ("sex", "nationality", "facility_id", "age_group"):
        groups = api.get("/v1/counts", group_by=group_by)["groups"]
        assert {group["confirmed"] for group in groups} == {1}
        assert None in [group["value"] for group in groups]
    for n in range(3):
        other = editor.detainee(f"Otra {n}", age_group="adult")
        editor.detention(other, facility_id=prison)
    # Five adults were held there: only age group and facility are disclosed.
    assert [counted(**filter) for filter in (*narrow, {"age_group": "adult"})] == [2, 1, 1, 2]
    for filter in (*narrow, {"age_group": "adult"}):
        assert counted(**filter, as_of=moment, recorded_as_of=moment) == 1
    # Disclosed and withheld again: counts for that record time never change.
    before = {
        str(filter): api.get("/v1/counts", **filter, recorded_as_of=moment, as_of=moment)
        for filter in narrow
    }
    editor.patch(f"/v1/detainees/{person}", {"withheld": False})
    assert [counted(**filter) for filter in narrow] == [2, 2, 2]
    editor.patch(f"/v1/detainees/{person}", {"withheld": True})
    for filter in narrow:
        answer = api.get("/v1/counts", **filter, recorded_as_of=moment, as_of=moment)
        assert answer == before[str(filter)]


def test_urls_and_notes_about_a_hidden_person_are_redacted(api: Api, editor: Api) -> None:
    person = withheld(editor)
    editor.detention(person)
    event = editor.event(person, "2026-01-08", place="Clínica Reservada")
    word = editor.attest(
        event,
        editor.source("Diario"),
        AT,
        url="https://diario.example/graciela-reservada",
        note="Graciela",
        language="es",
    )
    seen = api.get(f"/v1/attestations/{word['id']}")
    assert [seen[name] for name in ("url", "note", "language")] == [None] * 3
    assert seen["published_at"] == AT
    assert api.get(f"/v1/release-events/{event}")["place"] is None
    assert editor.get(f"/v1/attestations/{word['id']}")["note"] == "Graciela"


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
        assert told(api, person)["name"] in api.send("GET", path).text, path
    # The feed entry is updated, so that readers remove the name.
    after = api.get("/v1/feed?format=jsonfeed")["items"][0]
    assert after["id"] == before["id"]
    assert after["date_modified"] > before["date_modified"]


# The ledger, for the public and for editors.


def test_reading_a_hidden_name_is_recorded_in_the_ledger(api: Api, editor: Api) -> None:
    hidden = withheld(editor)
    shown = editor.detainee("Ana Visible")
    organisation = editor.source("Puertas Abiertas")
    source = editor.source("Garganta", confidential=True, vouched_by=organisation)
    last = editor.get("/v1/changes")["items"][-1]["seq"]

    def noted() -> list[tuple[str, str, str]]:
        nonlocal last
        items = editor.get("/v1/changes", after=last)["items"]
        last += len(items)
        assert all(item["actor"] for item in items)
        return [(item["resource"], item["resource_id"], item["action"]) for item in items]

    reading = [("detainee", hidden, "read")]
    for path in (f"/v1/detainees/{hidden}", "/v1/detainees", "/v1/detainees?format=csv"):
        assert editor.send("GET", path).status_code == 200
        assert noted() == reading, path
    editor.get("/v1/detainees", q="graciela")
    assert noted() == reading
    editor.post("/v1/detainees/match", {"items": [{"name": "Graciela Reservada"}]}, 200)
    assert noted() == reading
    for path in (f"/v1/sources/{source}", "/v1/sources"):
        editor.get(path)
        assert noted() == [("source", source, "read")]
    for caller in (api, api.scope("contribute")):
        told(caller, hidden)
        caller.get("/v1/detainees")
    told(editor, shown)
    assert noted() == []


def test_public_changes_have_no_gap(api: Api, editor: Api) -> None:
    """A change of hidden values is not in the public ledger and changes no response."""

    def followed() -> list[tuple[int, str, str]]:
        items = api.get("/v1/changes", limit=200)["items"]
        return [(item["seq"], item["resource_id"], item["action"]) for item in items]

    organisation = editor.source("Puertas Abiertas")
    person = withheld(editor)
    spell = editor.detention(person)
    event = editor.event(person, "2026-01-08")
    editor.attest(event, organisation, AT)
    before, counts = followed(), api.get("/v1/counts", as_of=AT)
    assert [seq for seq, _, _ in before] == [1, 2, 3, 4, 5]
    verification = api.get(f"/v1/release-events/{event}/verification", as_of=AT)
    seen = api.get("/v1/detainees")
    for path, body in (
        (f"/v1/detainees/{person}", {"name": "Otra", "sex": "male", "nationalities": ["ES"]}),
        (f"/v1/detainees/{person}", {"birth_date": "1980-01-01", "aliases": ["Una"]}),
        (f"/v1/detentions/{spell}", {"detained_on": "2024", "authority": "DIP", "charges": "No"}),
        (f"/v1/release-events/{event}", {"place": "Caracas"}),
    ):
        editor.patch(path, body)
    source = editor.source("Garganta", confidential=True, vouched_by=organisation)
    editor.patch(f"/v1/sources/{source}", {"name": "Profunda"})
    told(editor, person)
    assert followed() == before
    assert api.get("/v1/counts", as_of=AT) == counts
    assert api.get(f"/v1/release-events/{event}/verification", as_of=AT) == verification
    assert api.get("/v1/detainees") == seen
    # A visible change is in the public ledger with the next number.
    editor.patch(f"/v1/detainees/{person}", {"withheld": False})
    assert followed() == [*before, (6, person, "updated")]
    assert api.get("/v1/counts", as_of=AT)["citation"]["ledger_seq"] == 6
    everything = editor.get("/v1/changes", limit=200)["items"]
    assert [item["seq"] for item in everything] == [*range(1, len(everything) + 1)]
    assert len(everything) > 6


# Confidential sources.


def spoken(editor: Api, *sources: str, **more: Any) -> tuple[str, list[Any]]:
    person = editor.detainee("Ana Visible")
    editor.detention(person)
    event = editor.event(person, "2026-01-08")
    return event, [editor.attest(event, source, AT, **more) for source in sources]


def test_two_confidential_sources_of_one_organisation_never_confirm(editor: Api) -> None:
    first, second = (editor.source(name) for name in ("Puertas Abiertas", "Foro"))
    ones = [editor.source(f"Voz {n}", confidential=True, vouched_by=first) for n in range(2)]
    other = editor.source("Voz", confidential=True, vouched_by=second)
    event, words = spoken(editor, *ones)
    assert words[-1]["verification"]["status"] == "reported"
    assert editor.attest(event, first, AT)["verification"]["independent_sources"] == 1
    last = editor.attest(event, other, AT)["verification"]
    assert (last["status"], last["independent_sources"]) == ("confirmed", 2)
    # A relay adds no source, and affiliates of the organisation are in its group.
    assert editor.attest(event, second, AT)["verification"]["independent_sources"] == 2
    editor.affiliate(second, first)
    summary = editor.get(f"/v1/release-events/{event}")["verification"]
    assert (summary["status"], summary["independent_sources"]) == ("reported", 1)


def test_confidential_source_without_attestations_belongs_to_its_organisations_group(
    editor: Api,
) -> None:
    organisation = editor.source("Puertas Abiertas")
    voice = editor.source("Voz", confidential=True, vouched_by=organisation)
    relays = {"basis": "relayed", "relays": [{"source_id": voice}]}
    event, words = spoken(editor, editor.source("Diario"), **relays)
    assert words[0]["verification"]["independent_sources"] == 1
    seen = editor.get(f"/v1/release-events/{event}/verification")["proof"][0]["groups"]
    assert sorted(group["name"] for group in seen) == ["Diario", "Puertas Abiertas"]


def test_public_sees_the_vouching_organisation_only(api: Api, editor: Api) -> None:
    organisation = editor.source("Puertas Abiertas")
    secret = {"kind": "witness", "country": "CO", "url": "https://garganta.example/"}
    source = editor.source(
        "Garganta Profunda", **secret, confidential=True, vouched_by=organisation
    )
    known = {"url": "https://garganta.example/1", "note": "Garganta", "language": "pt"}
    event, (word,) = spoken(editor, source, **known)
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
        for path in (f"/v1/attestations/{word['id']}", f"/v1/claims/{claim}"):
            seen = caller.get(path)
            assert (seen["source_id"], seen["is_confidential"]) == (organisation, True)
            assert (seen["url"], seen["note"]) == (None, None)
        for path, found in (("attestations", word["id"]), ("claims", claim)):
            asked = {"source_id": organisation}
            assert [item["id"] for item in caller.get(f"/v1/{path}", **asked)["items"]] == [found]
            assert caller.get(f"/v1/{path}", source_id=source)["items"] == []
    verification = api.get(f"/v1/release-events/{event}/verification")
    assert verification["rests_on"] == [{"name": "Puertas Abiertas", "source_ids": [organisation]}]
    comparison = api.get(f"/v1/claims/{claim}/comparison")
    assert comparison["claim"]["source_id"] == organisation
    assert editor.get(f"/v1/attestations/{word['id']}")["source_id"] == source
    assert editor.get("/v1/attestations", source_id=source)["items"][0]["note"] == "Garganta"
    assert editor.get(f"/v1/sources/{source}")["vouched_by"] == organisation


def test_number_of_relayed_confidential_sources_is_hidden(api: Api, editor: Api) -> None:
    organisation, paper = editor.source("Puertas Abiertas"), editor.source("Diario")
    voices = [
        editor.source(f"Voz {n}", confidential=True, vouched_by=organisation) for n in range(2)
    ]
    relays = [{"source_id": voice} for voice in voices]
    _, (word,) = spoken(editor, paper, basis="relayed", relays=relays)
    claim = {"source_id": paper, "kind": "released", "value": 1, "as_of": AT, "published_at": AT}
    id = editor.post("/v1/claims", {**claim, "relays": relays})["id"]
    seen = [{"attestation_id": None, "source_id": organisation}]
    assert api.get(f"/v1/attestations/{word['id']}")["relays"] == seen
    told = api.get(f"/v1/claims/{id}")
    assert told["relays"] == told["origins"] == [{"claim_id": None, "source_id": organisation}]
    assert len(editor.get(f"/v1/claims/{id}")["relays"]) == 2


def test_attestations_of_confidential_sources_are_listed_in_order(api: Api, editor: Api) -> None:
    organisation = editor.source("Puertas Abiertas")
    voices = [organisation] + [
        editor.source(f"Voz {n}", confidential=True, vouched_by=organisation) for n in range(3)
    ]
    made = [spoken(editor, voice)[1][0]["id"] for voice in [*voices, *reversed(voices), *voices]]
    walked: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = api.get("/v1/attestations", source_id=organisation, limit=2, **cursor)
        walked += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert walked == sorted(made)


def test_source_hidden_later_is_hidden_in_earlier_proofs(api: Api, editor: Api) -> None:
    source, third = (editor.source(name) for name in ("Garganta", "Diario"))
    event, _ = spoken(editor, source, third)
    path = f"/v1/release-events/{event}/verification"
    before = api.get(path)
    assert "Garganta" in str(before["proof"])
    organisation = editor.source("Foro")
    editor.patch(f"/v1/sources/{source}", {"confidential": True, "vouched_by": organisation})
    for moments in ({}, {"as_of": before["as_of"], "recorded_as_of": before["recorded_as_of"]}):
        after = api.get(path, **moments)
        assert "Garganta" not in str(after)
        assert source not in str(after)
        assert "Foro" in str(after["proof"])
        assert after["status"] == "confirmed"


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
    organisation, itself = editor.source("Foro"), editor.source("Diario")
    confidential = editor.source("Voz", confidential=True, vouched_by=organisation)
    ids = {
        "$organisation": organisation,
        "$confidential": confidential,
        "$itself": itself,
        "$nobody": "019b9f3e-0000-4000-8000-000000000000",
    }
    sent = {name: ids.get(value, value) for name, value in body.items()}
    problem = editor.patch(f"/v1/sources/{itself}", sent, 422)
    assert [fault["pointer"] for fault in problem["errors"]] == pointers
    if "$itself" not in body.values():
        problem = editor.post("/v1/sources", {"name": "Otra", "kind": "ngo", **sent}, 422)
        assert [fault["pointer"] for fault in problem["errors"]] == pointers


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
    for own in (first, second):
        body = {"confidential": True, "vouched_by": editor.source("Otra")}
        problem = editor.patch(f"/v1/sources/{own}", body, 422)
        assert {fault["pointer"] for fault in problem["errors"]} == {"/confidential"}


# Canaries: unique strings in hidden fields, which no response may contain.


_IN_CONFIDENCE = {"confidential": True, "vouched_by": "house"}


class Canaries:
    """A random store in which every hidden value contains a canary."""

    def __init__(self, editor: Api, data: st.DataObject) -> None:
        self.editor = editor
        self._of = lambda choices: data.draw(st.sampled_from(choices))
        self._numbers = count(1)
        self.secrets: list[str] = []
        self.ids: dict[str, list[str]] = {
            **{kind: [] for kind in ("sources", "affiliations", "facilities", "detainees")},
            **{kind: [] for kind in ("detentions", "release-events", "attestations", "claims")},
            **{kind: [] for kind in ("merges", "distinctions", "imports")},
        }
        for name in ("El Helicoide", "Rodeo I"):
            body = {"name": name, "country": "VE"}
            self.keep("facilities", editor.post("/v1/facilities", body)["id"])
        organisations = [editor.source(name) for name in ("Foro", "Puertas Abiertas")]
        for id in organisations:
            self.keep("sources", id)
        self.keep("affiliations", editor.affiliate(*organisations))
        self.voices = [
            *organisations,
            *(self.voice(organisations) for _ in range(self._of([1, 3]))),
        ]
        self.announcement = self.claim(kind="announced")
        self.person(is_hidden=False)
        for _ in range(self._of([2, 5, 6])):
            self.person(is_hidden=True)
        for _ in range(self._of([0, 1, 3])):
            self.judge()
        listed = "name,note\n" + "\n".join(f"{word}," for word in self.secrets)
        preview = editor.send("POST", "/v1/imports", data=listed, content_type="text/csv")
        self.keep("imports", preview.get_json()["id"])
        told = {
            "case": self.secrets[-1] if self.secrets else "canaries",
            "sources": [
                {"key": "house", "name": "Foro", "kind": "ngo"},
                *(
                    {"key": one, "name": one, "kind": "witness", **_IN_CONFIDENCE}
                    for one in self.secrets
                ),
            ],
            "detainees": [
                {"key": word, "name": word, "age_group": "minor"} for word in self.secrets
            ],
        }
        preview = editor.send(
            "POST", "/v1/imports", data=json.dumps(told), content_type=media_types.CASE
        )
        self.keep("imports", preview.get_json()["id"])

    def judge(self) -> None:
        """Merge two people, of whom one or both may be hidden, undo a merge, or distinguish two."""
        one, other = self._of([*permutations(self.ids["detainees"], 2)])
        response = self.editor.send("POST", f"/v1/detainees/{one}/merge", json={"into": other})
        if response.status_code == 201:
            merge = self.keep("merges", response.get_json()["id"])
            if self._of([True, False]):
                assert self.editor.send("DELETE", f"/v1/merges/{merge}").status_code == 200
        one, other = self._of([*permutations(self.ids["detainees"], 2)])
        path, body = f"/v1/detainees/{one}/distinct-from", {"detainee_id": other}
        response = self.editor.send("POST", path, json=body)
        if response.status_code == 201:
            self.keep("distinctions", response.get_json()["id"])

    def keep(self, kind: str, id: str) -> str:
        self.ids[kind].append(id)
        return id

    def secret(self, template: str = "{}") -> str:
        word = f"kanarie{next(self._numbers)}x"
        self.secrets.append(word)
        return template.format(word)

    def voice(self, organisations: Sequence[str]) -> str:
        id = self.editor.source(
            self.secret("Voz {}"),
            kind=self._of(["witness", "relative"]),
            url=self.secret("https://{}.example/"),
            confidential=True,
            vouched_by=self._of(organisations),
        )
        self.secrets.append(id)
        return self.keep("sources", id)

    def claim(self, **more: Any) -> str:
        source = self._of(self.voices)
        hides = source in self.secrets
        body = {
            "source_id": source,
            "kind": "released",
            "value": 3,
            "as_of": AT,
            "published_at": AT,
            "url": self.secret("https://{}.example/") if hides else None,
            "note": self.secret() if hides else "Open",
            "relays": [{"source_id": self._of(self.voices)}],
            **more,
        }
        id = self.keep("claims", self.editor.post("/v1/claims", body)["id"])
        if hides:
            self.editor.post(
                f"/v1/claims/{id}/retraction",
                {"retracted_at": AT, "note": self.secret()},
                200,
            )
        return id

    def person(self, *, is_hidden: bool) -> None:
        secret = self.secret if is_hidden else lambda template="{}": template.format("open")
        day = self._of(["2026-01-08", "2026-01-09"])
        kind = {"withheld": True, "age_group": self._of(["adult", "unknown"])}
        if not is_hidden:
            kind = {}
        elif self._of([True, False]):
            kind = {"age_group": "minor"}
        person = self.editor.detainee(
            secret("Persona {}"),
            aliases=[secret("Alias {}")],
            sex=self._of(["female", "male"]),
            birth_date="1987-03-17" if is_hidden else None,
            nationalities=self._of([["VE"], ["ES", "VE"]]),
            occupation=secret(),
            external_ids=[{"scheme": secret(), "value": secret()}],
            **kind,
        )
        self.keep("detainees", person)
        spell = self.editor.detention(
            person,
            facility_id=self._of(self.ids["facilities"]),
            detained_on="1991-06" if is_hidden else None,
            authority=secret(),
            charges=secret(),
        )
        self.keep("detentions", spell)
        event = self.editor.event(
            person, day, place=secret(), announcement_id=self._of([None, self.announcement])
        )
        self.keep("release-events", event)
        words: list[str] = []
        for source in self.voices[: self._of([1, 2, 4])]:
            hides = is_hidden or source in self.secrets
            own = self.secret if hides else lambda template="{}": template.format("open")
            more: dict[str, Any] = {}
            if words and self._of([True, False]):
                relayed = self._of([{"attestation_id": words[-1]}, {"source_id": self.voices[-1]}])
                more = {"basis": "relayed", "relays": [relayed]}
            word = self.editor.attest(
                event,
                source,
                AT,
                url=own("https://{}.example/"),
                archived_url=own("https://archive.example/{}"),
                note=own(),
                **more,
            )["id"]
            words.append(self.keep("attestations", word))
            if self._of([True, False, False]):
                body = {"retracted_at": AT, "note": own()}
                self.editor.post(f"/v1/attestations/{word}/retraction", body, 200)
            elif self._of([True, False, False, False]):
                self.editor.post(f"/v1/attestations/{word}/void", {"reason": own()}, 200)
                words.pop()


@pytest.mark.parametrize("scope", [None, "contribute"])
@settings(
    max_examples=5,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_no_operation_discloses_a_hidden_value(
    server: str, scope: str | None, caplog: pytest.LogCaptureFixture, data: st.DataObject
) -> None:
    with cloned(server) as url, connections.pool(url, 2) as pool, connections.connect(url) as conn:
        keys = {s: auth.create_key(conn, s, s)[1] for s in ("edit", "contribute")}
        client = create_app(pool).test_client()
        store = Canaries(Api(client, lambda s: keys[s], keys["edit"]), data)
        caller = Api(client, lambda s: keys[s], keys[scope] if scope else None)
        caplog.clear()
        seen = set()
        for answer in public_walk.walk(caller, store.ids, store.secrets[:5]):
            seen.add(answer.status)
            asked = unquote(answer.asked)
            told = [
                word for word in (*store.secrets, "1987-03-17", "1991-06") if word in answer.text
            ]
            # The link to the next page repeats the query.
            assert [word for word in told if word not in asked] == [], answer.asked
        assert {200, 404, 422} <= seen
        assert [word for word in store.secrets if word in caplog.text] == []


# Twin worlds: two stores that differ only in hidden values.


def twin(other: bool) -> dict[str, Any]:
    """Return a case. The `other` one differs in all hidden values of people and sources."""
    word = "otra" if other else "una"
    hidden = {
        "name": f"Persona {word} oculta",
        "aliases": [word],
        "sex": "male" if other else "female",
        "nationalities": ["ES"] if other else ["VE", "CO"],
        "occupation": word,
        "external_ids": [{"scheme": word, "value": word}],
    }
    detention = {"facility": "prison", "detained_on": "2024" if other else "2023-01-05"}
    said = {"evidence": "report", "published_at": AT, "stance": "confirms", "basis": "first_hand"}
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
                "name": f"Voz {word}",
                "kind": "relative" if other else "witness",
                "url": f"https://{word}.example/",
                "confidential": True,
                "vouched_by": "org",
            },
        ],
        "affiliations": [],
        "facilities": [{"key": "prison", "name": "El Helicoide", "country": "VE"}],
        "claims": [
            {
                "key": "count",
                "source": "voice",
                "kind": "released",
                "value": 5,
                "as_of": AT,
                "published_at": AT,
                "note": word,
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
                "place": word if n < 2 else "Caracas",
            }
            for n, p in enumerate(people)
        ],
        "attestations": [
            {
                "key": f"word-{person['key']}-{source}",
                "release_event": f"out-{person['key']}",
                "source": source,
                "note": word if n < 2 or source == "voice" else "open",
                **said,
            }
            for n, person in enumerate(people)
            for source in ("paper", "voice")
        ],
    }


_NOW = re.compile(r"20(2[6-9]|[3-9]\d)-(?!01-0)\d\d-\d\dT[\d:.]+Z")
_HASH = re.compile("[0-9a-f]{64}")


def without_moments(text: str) -> str:
    """Return a response without times of today and values derived from them."""
    text = _HASH.sub("SHA", _NOW.sub("NOW", text))
    # An entity tag depends on the times in the response.
    text = re.sub(r"(content-length|etag): .+\n", "", text, flags=re.IGNORECASE)
    # Sentences contain the time of day in words.
    return re.sub(r"\d\d:\d\d(:\d\d)?(?= \()", "NOW", text)


def repeat_ids(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Give new records the random ids of a seed, so that two stores can have the same."""
    bits = random.Random(seed)
    monkeypatch.setattr(writes, "uuid4", lambda: UUID(int=bits.getrandbits(128), version=4))


def judge_in_twin(
    editor: Api, hidden: Sequence[str], seen: Sequence[str]
) -> Mapping[str, Sequence[str]]:
    """Make the same merges and distinctions of hidden and visible people in each world."""
    merges = []
    for gone, kept, ends in (
        (hidden[0], seen[0], False),
        (seen[1], hidden[1], False),
        (seen[2], hidden[1], True),
    ):
        merges.append(editor.post(f"/v1/detainees/{gone}/merge", {"into": kept})["id"])
        if ends:
            assert editor.send("DELETE", f"/v1/merges/{merges[-1]}").status_code == 200
    body = {"detainee_id": seen[3]}
    distinction = editor.post(f"/v1/detainees/{seen[0]}/distinct-from", body)["id"]
    return {"merges": merges, "distinctions": [distinction]}


def test_stores_that_differ_in_hidden_values_give_equal_responses(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = 0.0
    with ExitStack() as stack:
        worlds = []
        for other in (False, True):
            url = stack.enter_context(cloned(server))
            pool = stack.enter_context(connections.pool(url, 2))
            conn = stack.enter_context(connections.connect(url))
            file = tmp_path / f"{other}.json"
            file.write_text(json.dumps(twin(other)))
            repeat_ids(monkeypatch, seed=1)
            loader.load(conn, file, lambda _: None)
            _, key = auth.create_key(conn, "editor", "edit")
            conn.execute("UPDATE api_keys SET id = %s", [UUID(int=1)])
            # Responses have the remaining quota: its minute begins with the comparison.
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
        ids["affiliations"] = ids["imports"] = []
        seen = [p for p in ids["detainees"] if p not in hidden]
        judged = []
        for _, world in worlds:
            repeat_ids(monkeypatch, seed=2)
            judged.append(judge_in_twin(world, hidden, seen))
        # Reads and writes of hidden values by an editor, in one world only.
        _, other = worlds[1]
        for person in (seen[0], hidden[1]):
            other.patch(f"/v1/detainees/{person}", {"name": "Persona cambiada", "birth_date": None})
        other.get("/v1/detainees")
        organisation = api.get("/v1/sources")["items"][0]["id"]
        other.source("Otra voz", confidential=True, vouched_by=organisation)
        words = ["oculta", "una", "otra", "Persona"]
        both = [
            public_walk.walk(world, ids | own, words)
            for (world, _), own in zip(worlds, judged, strict=True)
        ]
        compared = stood = 0
        seconds += WINDOW_SECONDS
        for one, two in zip(*both, strict=True):
            assert (without_moments(one.asked), one.status) == (
                without_moments(two.asked),
                two.status,
            )
            assert without_moments(one.text) == without_moments(two.text), one.asked
            compared += 1
            if compared % 20 == 0:
                other.patch(f"/v1/detainees/{hidden[1]}", {"occupation": f"oculta {compared}"})
            # Their entity tags are still current, although values were hidden since.
            again = [
                conditional(world, answer)
                for (world, _), answer in zip(worlds, (one, two), strict=True)
            ]
            assert again[0] == again[1]
            stood += again == [304, 304]
        assert compared > 500
        assert stood > 300


def conditional(api: Api, answer: public_walk.Answer) -> int:
    """Return the status of a conditional request with the entity tag of a stored response."""
    method, _, path = answer.asked.partition(" ")
    etag = re.search(r"^ETag: (.+)$", answer.text, re.MULTILINE)
    headers = {} if etag is None else {"If-None-Match": etag[1]}
    return api.send(method.upper(), path, headers=headers, buffered=True).status_code
