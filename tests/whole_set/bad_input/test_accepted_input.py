"""Unusual input that is valid, and how it is stored."""

import json
import random
import unicodedata

import pytest

from tests.conftest import Api
from tests.whole_set.bad_input.valid_bodies import detainee, facility, source

TAKEN_NAMES = {
    "Arabic": "محمد بن عبد الله",
    "Burmese": "အောင်ဆန်းစုကြည်",
    "Burmese with asat": "ကျော်",
    "Devanagari": "नरेन्द्र",
    "Vietnamese": "Nguyễn Thị Hằng",
    "Hebrew with points": "שָׁלוֹם שַׁבָּת",
    "Arabic with vowels": "مُحَمَّد",
    "Han": "陈卫东",
    "Han beyond the BMP": "𠮷田",
    "Cyrillic": "Олена Коваль",
    "non-joiner inside": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "joiner inside": "ක්\u200dරිෂාන්",
    "apostrophes": "D'Arcy O\u2019Brien",
    "hyphen": "José-Luis Núñez",
    "one letter": "O",
    "one Han letter": "李",
    "no-break space inside": "Ana\u00a0Ruiz",
    "two hundred letters": "n" * 200,
    "what SQL would read": "Robert'); DROP TABLE sources;--",
    "what HTML would read": '<b>Ana</b> & "Co"',
    "percent and backslash": "100% \\ %s %(name)s {0}",
    "what sorts as another letter": "ﷺ",
}


@pytest.mark.parametrize("name", TAKEN_NAMES.values(), ids=TAKEN_NAMES)
def test_name_is_stored_as_written(api: Api, name: str) -> None:
    editor = api.scope("edit")
    person = editor.post("/v1/detainees", detainee(name=name, aliases=[name[:100]]))
    assert person["name"] == name
    assert person.pop("possible_duplicates") == []
    assert api.get(f"/v1/detainees/{person['id']}") == person
    assert [item["id"] for item in api.get("/v1/detainees", q=name)["items"]] == [person["id"]]
    assert editor.post("/v1/sources", source(name=name))["name"] == name
    assert editor.post("/v1/facilities", facility(name=name, region=name))["region"] == name


def test_text_is_stored_in_nfc(api: Api) -> None:
    editor = api.scope("edit")
    composed, decomposed = "Jos\u00e9 N\u00fa\u00f1ez", "Jose\u0301 Nu\u0301n\u0303ez"
    assert unicodedata.normalize("NFC", decomposed) == composed
    person = editor.post(
        "/v1/detainees",
        detainee(
            name=decomposed,
            aliases=[decomposed],
            occupation=decomposed,
            external_ids=[{"scheme": "un", "value": decomposed}],
        ),
    )
    assert (person["name"], person["aliases"], person["occupation"]) == (
        composed,
        [composed],
        composed,
    )
    assert person["external_ids"] == [{"scheme": "un", "value": composed}]
    changed = editor.patch(f"/v1/detainees/{person['id']}", {"aliases": [decomposed[:5]]})
    assert changed["aliases"] == [composed[:4]]
    for spelling in (composed, decomposed, "JOSE NUNEZ", "nunez jose"):
        assert len(api.get("/v1/detainees", q=spelling)["items"]) == 1


@pytest.mark.parametrize(
    "q", ["!!!", "%", "_", "\\", "a & (", "' OR 1=1 --", "*", "🕊", "\u0561" * 200]
)
def test_search_text_has_no_operators(api: Api, q: str) -> None:
    api.scope("edit").detainee("Ilya Marek")
    assert api.get("/v1/detainees", q=q)["items"] == []


@pytest.mark.parametrize(
    "letters",
    [
        # Search folds each of these characters to a word of up to six letters.
        [chr(c) for c in range(0x3300, 0x3358)],
        [chr(c) for c in range(0x20000, 0x2A6DF)],
        ["\ufdfa", "\ufdfb", "\u0390", "\ufb03"],
    ],
    ids=["squared words", "rare Han", "ligatures"],
)
def test_name_of_one_long_word_is_accepted(api: Api, letters: list[str]) -> None:
    """Random letters compress least, and so give the longest possible words."""
    editor = api.scope("edit")
    generator = random.Random(2026)
    longest = sorted(letters, key=lambda c: -len(unicodedata.normalize("NFKD", c).encode()))
    name = "".join(generator.choices(longest[: max(len(letters) // 3, 2)], k=200))
    id = editor.post("/v1/detainees", detainee(name=name))["id"]
    assert [person["id"] for person in api.get("/v1/detainees", q=name)["items"]] == [id]


def test_parameter_of_spreadsheets_is_ignored(api: Api) -> None:
    """IMPORTDATA and others change `_` to bypass caches."""
    api.scope("edit").source("Northgate Herald")
    listed = api.get("/v1/sources")
    for query in ("_=1", "_=%20&_=2&limit=50", "limit=50&_"):
        assert api.send("GET", f"/v1/sources?{query}").get_json() == listed
    assert api.send("GET", "/openapi.json?_=1").status_code == 200


def test_change_is_a_json_merge_patch(api: Api) -> None:
    """RFC 7396. A record is not created by one."""
    editor = api.scope("edit")
    source_id = editor.source("Northgate Herald", url="https://herald.example")
    patch = {"content_type": "application/merge-patch+json", "data": '{"url": null}'}
    response = editor.send("PATCH", f"/v1/sources/{source_id}", **patch)
    assert (response.status_code, response.get_json()["url"]) == (200, None)
    assert editor.send("POST", "/v1/sources", **patch).status_code == 415


MOMENTS = {
    "2026-01-09T12:25:00Z": "2026-01-09T12:25:00Z",
    "2026-01-09t12:25:00z": "2026-01-09T12:25:00Z",
    "2026-01-09T08:25:00-04:00": "2026-01-09T12:25:00Z",
    "2026-01-09T12:25:00.5+00:00": "2026-01-09T12:25:00.5Z",
    "2026-01-09T12:25:00.123456Z": "2026-01-09T12:25:00.123456Z",
    "2026-01-09T12:25:00.100000-00:00": "2026-01-09T12:25:00.1Z",
    "2024-02-29T23:59:59+14:00": "2024-02-29T09:59:59Z",
    "2016-12-31T23:59:60Z": "2017-01-01T00:00:00Z",
    "2016-12-31T18:59:60-05:00": "2017-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z": "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00-14:00": "0001-01-01T14:00:00Z",
}


@pytest.mark.parametrize(("written", "stored"), MOMENTS.items())
def test_timestamp_is_accepted_with_any_offset(api: Api, written: str, stored: str) -> None:
    editor = api.scope("edit")
    person = editor.detainee("Ilya Marek")
    editor.detention(person)
    event = editor.event(person, written[:10])
    attestation = editor.attest(event, editor.source("Northgate Herald"), written)
    assert attestation["published_at"] == stored
    assert attestation["verification"]["status"] == "reported"
    query = {"as_of": written}
    assert api.get("/v1/counts", **query)["as_of"] == stored
    assert api.get("/v1/counts", **query)["reported"] == 1
    assert api.get(f"/v1/release-events/{event}/verification", **query)["as_of"] == stored


def test_first_and_last_timestamps_are_accepted(api: Api) -> None:
    editor = api.scope("edit")
    person = editor.detainee("Ilya Marek", birth_date="0001-01-01")
    detention = editor.detention(person, detained_on="0001")
    event = editor.event(person, "0001-01-01")
    first, second = editor.source("Northgate Herald"), editor.source("Family Vigil")
    affiliation = editor.affiliate(
        first, second, valid_from="0001-01-01T00:00:00Z", valid_until="9999-12-31T23:59:59.999999Z"
    )
    editor.attest(event, first, "0001-01-01T00:00:00Z")
    counts = api.get(
        "/v1/counts",
        as_of="0001-01-01T00:00:00Z",
        occurred_from="0001-01-01",
        occurred_until="9999-12-31",
    )
    assert counts["reported"] == 1
    assert api.get("/v1/counts", recorded_as_of="0001-01-01T00:00:00Z")["reported"] == 0
    changed = editor.patch(f"/v1/affiliations/{affiliation}", {"valid_until": None})
    assert changed["valid_from"] == "0001-01-01T00:00:00Z"
    assert editor.patch(f"/v1/detentions/{detention}", {"detained_on": None})["detained_on"] is None


def test_ids_are_accepted_in_upper_case(api: Api) -> None:
    """RFC 9562, section 4: a UUID is read in either case and written in lower case."""
    editor = api.scope("edit")
    id = editor.source("Northgate Herald")
    assert api.get(f"/v1/sources/{id.upper()}")["id"] == id
    person = editor.detainee("Ilya Marek")
    editor.detention(person)
    event = editor.event(person.upper(), "2026-01-08")
    attestation = editor.attest(event.upper(), id.upper(), "2026-01-09T10:00:00Z")
    assert (attestation["source_id"], attestation["release_event_id"]) == (id, event)
    assert len(api.get("/v1/attestations", source_id=id.upper())["items"]) == 1


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
    ],
)
def test_content_type_variants_of_json_are_accepted(api: Api, content_type: str) -> None:
    response = api.scope("edit").send(
        "POST",
        "/v1/sources",
        data=json.dumps(source()),
        headers={"Content-Type": content_type},
    )
    assert response.status_code == 201
