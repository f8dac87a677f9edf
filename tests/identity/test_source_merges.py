"""Sources that were entered twice: refused by name, found by likeness, merged, and taken apart."""

import json
from itertools import combinations
from typing import Any

import pytest

from api.database.queries import Connection
from api.identity.name_similarity import MIN_SCORE, RecordName, compare, name_key, score, site
from tests.brute_force import Ledger
from tests.conftest import Api

AT, LATER, LAST = "2026-01-09T00:00:00Z", "2026-01-09T01:00:00Z", "2026-01-09T02:00:00Z"


def event(editor: Api, name: str = "Ana Otero Ruiz") -> str:
    person = editor.detainee(name)
    editor.detention(person, detained_on="2024")
    return editor.event(person, "2026-01-08")


def merge(editor: Api, id: str, into: str, status: int = 201) -> Any:
    return editor.post(f"/v1/sources/{id}/merge", {"into": into}, status)


def verification(api: Api, event: str, **query: Any) -> Any:
    return api.get(f"/v1/release-events/{event}/verification", **query)


def proof_groups(answer: Any) -> list[str]:
    return [group["name"] for chain in answer["proof"] for group in chain["groups"]]


def check_counts(api: Api, conn: Connection) -> None:
    """Compare the counts with those that the oracle makes of the ledger."""
    counts = api.get("/v1/counts")
    moments = [counts["as_of"], counts["recorded_as_of"]]
    at, recorded = (conn.execute("SELECT %s::timestamptz AS t", [m]).fetchone().t for m in moments)
    expected, *_ = Ledger(conn).record(recorded).count(at, 2, {})
    assert {name: counts[name] for name in expected} == dict(expected)


# Names.


@pytest.mark.parametrize(
    "name",
    [
        "Foro Penal",
        "FORO  PENAL",
        "Fóro-Penal",
        "Foro\ufe0f Penal",
        "Foro Penal\U000e0101",
    ],
)
def test_a_second_source_of_one_name_is_refused(editor: Api, name: str) -> None:
    first = editor.post("/v1/sources", {"name": "Foro Penal", "kind": "ngo"})
    body = {"name": name, "kind": "ngo", "country": "VE"}
    problem = editor.post("/v1/sources", body, 409)
    assert (problem["type"], problem["source_id"]) == ("/problems/source-exists", first["id"])
    assert f"/v1/sources/{first['id']}" in problem["detail"]
    assert len(editor.get("/v1/sources")["items"]) == 1

    second = editor.post("/v1/sources", body | {"distinct_from": [first["id"]]})
    assert second["possible_duplicates"] == []
    # A third one is distinct from both.
    problem = editor.post("/v1/sources", body | {"distinct_from": [first["id"]]}, 409)
    assert problem["source_id"] == second["id"]
    editor.post("/v1/sources", body | {"distinct_from": [first["id"], second["id"]]})
    merge(editor, second["id"], first["id"], 409)


@pytest.mark.parametrize(
    ("name", "other", "same"),
    [
        ("Source 1", "Source 2", False),
        ("صوت العرب", "صوت الغرب", False),
        ("कि खबर", "का खबर", False),
        ("မိန်", "မာန်", False),
        ("かき", "がぎ", False),
        ("陈卫东", "陈卫西", False),
        ("أخبار", "اخبَار", True),
        ("Голос Йорка", "голос-йорка", True),
        ("ガーディアン", "ｶﾞｰﾃﾞｨｱﾝ", True),
    ],
)
def test_names_of_any_script_are_distinguished(
    editor: Api, name: str, other: str, same: bool
) -> None:
    editor.post("/v1/sources", {"name": name, "kind": "ngo"})
    editor.post("/v1/sources", {"name": other, "kind": "ngo"}, 409 if same else 201)
    assert (name_key(name) == name_key(other)) == same
    assert name_key("★★") != name_key("!!")


def test_a_source_does_not_get_the_name_of_another(editor: Api) -> None:
    first, second = editor.source("Foro Penal"), editor.source("El Pitazo")
    problem = editor.patch(f"/v1/sources/{second}", {"name": "foro penal"}, 409)
    assert (problem["type"], problem["source_id"]) == ("/problems/source-exists", first)
    editor.patch(f"/v1/sources/{first}", {"name": "FORO PENAL"})
    change = {"name": "Foro Penal", "distinct_from": [first]}
    assert editor.patch(f"/v1/sources/{second}", change)["name"] == "Foro Penal"
    # It is recorded, and need not be sent again.
    editor.patch(f"/v1/sources/{second}", {"name": "Foro-Penal"})


def test_distinct_sources_exist_and_are_others(editor: Api) -> None:
    source, unknown = editor.source("Una"), "00000000-0000-4000-8000-000000000000"
    body = {"name": "Otra", "kind": "ngo", "distinct_from": [source, unknown]}
    problem = editor.post("/v1/sources", body, 422)
    assert [error["pointer"] for error in problem["errors"]] == ["/distinct_from/1"]
    problem = editor.patch(f"/v1/sources/{source}", {"distinct_from": [source]}, 422)
    assert [error["pointer"] for error in problem["errors"]] == ["/distinct_from/0"]
    duplicate = editor.source("Unita")
    merge(editor, duplicate, source)
    problem = editor.post("/v1/sources", body | {"distinct_from": [duplicate]}, 422)
    assert f"merged into /v1/sources/{source}: send" in problem["errors"][0]["detail"]


ALIKE = [
    ("Foro Penal", "Foro Penal Venezolano", None, None, ["name"]),
    ("El Nacional", "Diario Nacional", None, None, ["name"]),
    ("El Pitazo", "El Pitaso", None, None, ["name"]),
    ("El Diario de Barinas", "ElDiariodeBarinas", None, None, ["name"]),
    ("La Patilla", "lapatilla.com", None, None, ["name"]),
    ("Agencia EFE", "EFE", None, None, ["name"]),
    ("Alfredo Romero", "Romero, Alfredo", None, None, ["name"]),
    ("Provea", "PROVEA - Programa de Educación", None, None, ["name"]),
    ("EFE", "EFE Radio Mundial", None, None, []),
    ("OVP", "Observatorio Venezolano de Prisiones", None, None, ["acronym"]),
    ("Una", "Otra", "https://www.una.org.ve/x", "http://blog.una.org.ve", ["url"]),
    ("Una", "Otra", "https://x.com/una", "https://x.com/@Una/status/1", ["url"]),
    ("Una", "Otra", "https://x.com/una", "https://x.com/otra", []),
    # A platform of several domains, and what it writes before an account.
    ("Una", "Otra", "https://twitter.com/una", "https://x.com/Una", ["url"]),
    ("Una", "Otra", "https://t.me/s/una", "https://telegram.me/una", ["url"]),
    ("Una", "Otra", "https://fb.com/una?id=1", "https://m.facebook.com/una/", ["url"]),
    ("Una", "Otra", "https://linkedin.com/in/una", "https://linkedin.com/in/otra", []),
    ("Una", "Otra", "https://bsky.app/profile/una", "https://bsky.app/profile/otra", []),
    ("Una", "Otra", "https://youtube.com/channel/UCa", "https://youtube.com/channel/UCb", []),
    (
        *("Una", "Otra", "https://facebook.com/profile.php?id=1"),
        *("https://facebook.com/profile.php?id=2", []),
    ),
    ("Una", "Otra", "https://una.gob.ve", "https://otra.gob.ve", []),
    ("Una", "Otra", "https://una.blogspot.com", "https://otra.blogspot.com", []),
    ("Una", "Otra", "http://10.1.0.1", "http://10.2.0.1", []),
    ("El Universal", "El Nacional", None, None, []),
    ("Efecto Cocuyo", "Efecto Cuyo", None, None, ["name"]),
    ("Comité de Familiares", "Comité de Víctimas", None, None, []),
]


@pytest.mark.parametrize(("name", "other", "url", "other_url", "features"), ALIKE)
def test_similar_sources_are_offered(
    editor: Api,
    name: str,
    other: str,
    url: str | None,
    other_url: str | None,
    features: list[str],
) -> None:
    first = editor.source(name, url=url)
    new = editor.post("/v1/sources", {"name": other, "kind": "other", "url": other_url})
    hits = new["possible_duplicates"]
    assert [item["source_id"] for item in hits] == [first] * bool(features)
    assert [f["feature"] for item in hits for f in item["features"]] == features


def test_sources_that_share_no_key_are_not_similar() -> None:
    names = [
        RecordName(number, name, url)  # type: ignore[arg-type]
        for number, (name, url) in enumerate(
            (name, url)
            for name_of_first, other, url, other_url, _ in ALIKE
            for name, url in ((name_of_first, url), (other, other_url))
        )
    ]
    for a, b in combinations(names, 2):
        assert a.keys & b.keys or score(compare(a, b)) < MIN_SCORE, (a.name, b.name)
    assert site("https://puertas.example/") == "puertas.example"


# Merges.


def test_a_source_entered_twice_confirms_nothing(api: Api, editor: Api, conn: Connection) -> None:
    first, second = editor.source("Foro Penal"), editor.source("ForoPenal Venezuela")
    attested = event(editor)
    attestation = editor.attest(attested, first, AT)["id"]
    editor.attest(attested, second, LATER)
    seq = api.get("/v1/changes", limit=200)["items"][-1]["seq"]
    then = verification(api, attested)
    moments = {name: then[name] for name in ("as_of", "recorded_as_of")}
    assert then["status"] == "confirmed"

    merged = merge(editor, second, first)
    assert merged == api.get(f"/v1/merges/{merged['id']}")
    assert (merged["source_id"], merged["into"], merged["detainee_id"]) == (second, first, None)
    now = verification(api, attested)
    assert (now["status"], proof_groups(now)) == ("reported", ["Foro Penal"])
    assert now["proof"][0]["groups"][0]["source_ids"] == [first]
    assert verification(api, attested, **moments) == then
    check_counts(api, conn)

    # The duplicate leads to the surviving source, which has all that both published.
    response = api.send("GET", f"/v1/sources/{second}")
    assert (response.status_code, response.headers["Location"]) == (307, f"/v1/sources/{first}")
    assert editor.send("PATCH", f"/v1/sources/{second}", json={"kind": "ngo"}).status_code == 307
    assert [item["id"] for item in api.get("/v1/sources")["items"]] == [first]
    for source in (first, second):
        items = api.get("/v1/attestations", source_id=source)["items"]
        assert {item["source_id"] for item in items} == {first}
        assert len(items) == 2
    problem = editor.post("/v1/sources", {"name": "ForoPenal Venezuela", "kind": "ngo"}, 409)
    assert problem["source_id"] == first
    merge(editor, second, first, 409)

    written = api.get("/v1/changes", after=seq, limit=200)["items"]
    assert {(c["resource"], c["resource_id"], c["action"]) for c in written} == {
        ("merge", merged["id"], "created"),
        ("source", second, "moved"),
        ("source", first, "updated"),
    }

    undone = editor._json(editor.send("DELETE", f"/v1/merges/{merged['id']}"), 200)
    assert undone["undone_at"] is not None
    again = verification(api, attested)
    assert (again["status"], again["proof"]) == (then["status"], then["proof"])
    assert api.get(f"/v1/attestations/{attestation}")["source_id"] == first
    assert editor.send("DELETE", f"/v1/merges/{merged['id']}").status_code == 409
    check_counts(api, conn)


def test_the_latest_stance_of_both_records_counts(api: Api, editor: Api) -> None:
    first, second, other = (editor.source(name) for name in ("Una", "La Una", "Otra"))
    attested = event(editor)
    editor.attest(attested, first, AT)
    editor.attest(attested, other, AT)
    editor.attest(attested, second, LATER, stance="denies")
    assert verification(api, attested)["status"] == "disputed"
    merge(editor, first, second)
    now = verification(api, attested)
    assert (now["independent_sources"], now["independent_denials"]) == (1, 1)
    assert [item["reason"] for item in now["not_counted"]] == ["superseded"]


def test_affiliations_and_relays_follow_a_merge(api: Api, editor: Api, conn: Connection) -> None:
    first, second, owner, relayer = (
        editor.source(name) for name in ("Una", "La Una", "Grupo Norte", "Correo")
    )
    editor.affiliate(second, owner)
    tie = editor.affiliate(second, first, "related_to")
    attested, relayed = event(editor), event(editor, "Boris Chacón Díaz")
    editor.attest(attested, first, AT)
    editor.attest(attested, owner, LATER)
    editor.attest(relayed, relayer, AT, basis="relayed", relays=[{"source_id": second}])
    editor.attest(relayed, first, LATER)
    editor.patch(f"/v1/affiliations/{tie}", {"valid_until": "2020-01-01T00:00:00Z"})
    assert verification(api, attested)["status"] == "confirmed"

    merged = merge(editor, second, first)
    now = verification(api, attested)
    assert (now["status"], now["independent_sources"]) == ("reported", 1)
    assert second not in json.dumps(now)
    (affiliation,) = api.get(f"/v1/sources/{first}")["affiliations"]
    assert (affiliation["source_id"], affiliation["with_source_id"]) == (first, owner)
    body = {"with_source_id": second, "relation": "related_to"}
    problem = editor.post(f"/v1/sources/{first}/affiliations", body, 422)
    (error,) = problem["errors"]
    assert (problem["type"], error["pointer"]) == (
        "/problems/affiliation-period",
        "/with_source_id",
    )
    assert f"a merge made both /v1/sources/{first}." in error["detail"]
    assert verification(api, relayed)["independent_sources"] == 1
    assert second not in json.dumps(api.get("/v1/attestations", release_event_id=relayed))
    check_counts(api, conn)

    editor.send("DELETE", f"/v1/merges/{merged['id']}")
    assert verification(api, attested)["status"] == "confirmed"
    assert len(api.get(f"/v1/sources/{second}")["affiliations"]) == 2
    check_counts(api, conn)


def test_claims_follow_a_merge_and_past_answers_stay(api: Api, editor: Api) -> None:
    first, second = editor.source("Una"), editor.source("La Una")
    claim = editor.post(
        "/v1/claims",
        {
            "source_id": second,
            "kind": "released",
            "value": 3,
            "as_of": AT,
            "published_at": AT,
            "relays": [],
        },
    )["id"]
    comparison = api.get(f"/v1/claims/{claim}/comparison")
    recorded = {"recorded_as_of": comparison["citation"]["recorded_as_of"]}

    def compared(source: str, **query: Any) -> list[str]:
        items = api.get("/v1/comparisons", source_id=source, **query)["items"]
        return [item["claim"]["source_id"] for item in items]

    def past() -> Any:
        return (
            api.get(f"/v1/claims/{claim}/comparison", **recorded),
            compared(first, **recorded),
            compared(second, **recorded),
        )

    before = past()
    assert before[1:] == ([], [second])
    merged = merge(editor, second, first)
    assert past() == before
    assert api.get(f"/v1/claims/{claim}")["source_id"] == first
    assert [item["id"] for item in api.get("/v1/claims", source_id=second)["items"]] == [claim]
    assert compared(first) == [first]
    now = api.get(f"/v1/claims/{claim}/comparison")
    assert now["citation"]["sentence"]["en"].startswith("Una ") or "Una" in str(now["citation"])
    during = {"recorded_as_of": now["citation"]["recorded_as_of"]}
    while_merged = compared(first, **during)
    assert while_merged == [first]
    editor.send("DELETE", f"/v1/merges/{merged['id']}")
    assert past() == before
    assert compared(first, **during) == while_merged
    assert (compared(first), compared(second)) == ([], [second])


def test_merges_of_merges_are_undone_in_reverse(api: Api, editor: Api) -> None:
    first, second, third = (editor.source(name) for name in ("Una", "La Una", "Una Noticias"))
    attested = event(editor)
    for source, at in ((first, AT), (second, LATER), (third, LAST)):
        editor.attest(attested, source, at)
    inner, outer = merge(editor, first, second), merge(editor, second, third)
    assert proof_groups(verification(api, attested)) == ["Una Noticias"]
    for source in (first, second):
        response = api.send("GET", f"/v1/sources/{source}")
        assert response.headers["Location"] == f"/v1/sources/{third}"
    assert editor.send("DELETE", f"/v1/merges/{inner['id']}").status_code == 409
    editor.send("DELETE", f"/v1/merges/{outer['id']}")
    assert proof_groups(verification(api, attested)) == ["La Una", "Una Noticias"]
    editor.send("DELETE", f"/v1/merges/{inner['id']}")
    assert verification(api, attested)["independent_sources"] == 3


def test_confidential_sources_are_not_merged(api: Api, editor: Api) -> None:
    voucher, other = editor.source("Comité Puertas"), editor.source("Puertas")
    hidden = editor.source("Testigo", confidential=True, vouched_by=other)
    merge(editor, hidden, voucher, 409)
    # That an organisation vouches for somebody follows a merge, for the public as well.
    attested = event(editor)
    editor.attest(attested, hidden, AT)
    editor.attest(attested, voucher, LATER)
    assert verification(api, attested)["status"] == "confirmed"
    merge(editor, other, voucher)
    now = verification(api, attested)
    assert (now["status"], proof_groups(now)) == ("reported", ["Comité Puertas"])
    items = api.get("/v1/attestations", source_id=voucher)["items"]
    assert [item["source_id"] for item in items] == [voucher, voucher]
    assert editor.get(f"/v1/sources/{hidden}")["vouched_by"] == voucher
    problem = editor.patch(
        f"/v1/sources/{voucher}", {"confidential": True, "vouched_by": editor.source("X")}, 422
    )
    assert {error["pointer"] for error in problem["errors"]} == {"/confidential"}

    # The public does not see a distinction of a confidential source.
    distinction = editor.post(f"/v1/sources/{hidden}/distinct-from", {"source_id": voucher})
    assert editor.get(f"/v1/distinctions/{distinction['id']}") == distinction
    api.get(f"/v1/distinctions/{distinction['id']}", 404)
    assert distinction["id"] not in str(api.get("/v1/changes", limit=200))


def test_distinct_sources_are_not_merged_until_that_is_withdrawn(api: Api, editor: Api) -> None:
    first, second = editor.source("Una"), editor.source("La Una")
    distinction = editor.post(f"/v1/sources/{first}/distinct-from", {"source_id": second})
    assert distinction == api.get(f"/v1/distinctions/{distinction['id']}")
    editor.post(f"/v1/sources/{second}/distinct-from", {"source_id": first}, 409)
    problem = merge(editor, first, second, 409)
    assert f"/v1/distinctions/{distinction['id']}" in problem["detail"]
    editor.send("DELETE", f"/v1/distinctions/{distinction['id']}")
    merge(editor, first, second)


# Searches.


def test_sources_are_found_by_any_spelling(api: Api, editor: Api) -> None:
    agency = editor.source("Agence France-Presse", kind="news_outlet")
    paper = editor.source("Efecto Cocuyo", kind="news_outlet")
    twin = editor.source("Cocuyo Efecto Noticias", kind="other")
    voice = editor.source("Voz del Cocuyo", confidential=True, vouched_by=agency)

    def hits(caller: Api, q: str, **more: str) -> list[str]:
        return [item["id"] for item in caller.get("/v1/sources", q=q, **more)["items"]]

    assert hits(api, "afp") == [agency]
    for spelling in ("EFECTO COCUYO", "efectococuyo", "Efécto Cocuio"):
        assert hits(api, spelling)[0] == paper, spelling
    assert set(hits(api, "cocuyo")) == {paper, twin}
    assert set(hits(editor, "cocuyo")) == {paper, twin, voice}
    assert hits(api, "cocuyo", kind="other") == [twin]
    listed = api.get("/v1/sources", kind="other")["items"]
    assert [item["id"] for item in listed] == [twin]
    merge(editor, twin, paper)
    assert hits(api, "Cocuyo Efecto Noticias") == [paper]
    # A surviving source is offered by its own name, also if the duplicate is older.
    renewed = editor.source("Efecto Cocuyo Digital", kind="news_outlet")
    merge(editor, paper, renewed)
    offered = editor.post("/v1/sources", {"name": "Efecto Cocuio", "kind": "ngo"})
    assert [(d["source_id"], d["name"]) for d in offered["possible_duplicates"]] == [
        (renewed, "Efecto Cocuyo Digital")
    ]
    assert hits(api, "Tal Cual") == []


def test_pages_of_a_search_for_sources_stay_in_order(api: Api, editor: Api) -> None:
    names = [f"Radio {word}" for word in ("Alba", "Bravo", "Ceiba", "Duna", "Estero")]
    ids = {editor.source(name) for name in names}
    whole = [item["id"] for item in api.get("/v1/sources", q="radio")["items"]]
    assert set(whole) == ids
    seen: list[str] = []
    page = api.get("/v1/sources", q="radio", limit=2)
    while True:
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        # A better match that is added meanwhile moves nobody, and a duplicate is left out.
        editor.source(f"Radio {len(seen)}")
        if len(seen) == 2:
            merge(editor, whole[3], whole[0])
        page = api.get("/v1/sources", q="radio", limit=2, cursor=page["next"])
    assert seen == [*whole[:3], whole[4]]
