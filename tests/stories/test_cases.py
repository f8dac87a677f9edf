"""Cases with claims, loaded from a file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from api.cases import loader
from api.cases.case_file import CaseError
from api.database.queries import Connection
from tests.conftest import Api


def case_with_claims() -> dict[str, Any]:
    """Return a case with a retracted claim, and claims that refer to later entries."""

    def claim(key: str, source: str, kind: str, at: str, **more: Any) -> dict[str, Any]:
        moment = f"2026-01-09T{at}:00Z"
        return {
            "key": key,
            "source": source,
            "kind": kind,
            "as_of": moment,
            "published_at": moment,
            "note": key,
            **more,
        }

    relays = [{"claim": "coalition"}]
    return {
        "case": "figures",
        "sources": [
            {"key": "s1", "name": "Coalición", "kind": "political_party"},
            {"key": "s2", "name": "Correo", "kind": "news_outlet"},
            {"key": "s3", "name": "Ministerio", "kind": "state_body"},
        ],
        "facilities": [{"key": "f1", "name": "La Torre", "country": "VE"}],
        "claims": [
            claim("copied", "s2", "released", "14:00", value=11, relays=[{"claim": "paper"}]),
            claim("paper", "s2", "released", "13:00", value=11, relays=relays, announcement="a1"),
            claim("heard", "s2", "released", "15:00", relays=[{"source": "s1"}], facility="f1"),
            claim(
                "coalition",
                "s1",
                "released",
                "12:30",
                value=11,
                qualifier="at_least",
                announcement="a1",
                retracted_at="2026-01-10T08:00:00Z",
                retraction_note="It was ten.",
            ),
            claim("held", "s1", "detained", "12:30", value=863),
            claim("a1", "s3", "announced", "00:00", value=116, window_start="2026-01-08"),
        ],
        "detainees": [{"key": "d1", "name": "Luis Prueba", "detention": {"detained_on": "2024"}}],
        "release_events": [
            {"key": "r1", "detainee": "d1", "occurred_on": "2026-01-08", "announcement": "a1"}
        ],
        "attestations": [],
    }


def load(conn: Connection, folder: Path, case: Mapping[str, Any]) -> Mapping[str, int]:
    file = folder / "case.json"
    file.write_text(json.dumps(case))
    return loader.load(conn, file, lambda _: None)


def ledger(conn: Connection) -> list[Any]:
    return conn.execute("SELECT * FROM ledger ORDER BY seq").fetchall()


def test_case_with_claims_loads_once(api: Api, conn: Connection, tmp_path: Path) -> None:
    new = load(conn, tmp_path, case_with_claims())
    assert (new["claims"], new["release_events"], new["sources"]) == (6, 1, 3)
    claims = {claim["note"]: claim for claim in api.get("/v1/claims")["items"]}
    ids = {key: claim["id"] for key, claim in claims.items()}

    def origins(key: str) -> list[Mapping[str, str | None]]:
        return [{"claim_id": ids[key], "source_id": None}]

    assert claims["copied"]["relays"] == origins("paper")
    for key in ("copied", "paper", "coalition"):
        assert claims[key]["origins"] == origins("coalition")
    source = claims["coalition"]["source_id"]
    assert claims["heard"]["origins"] == [{"claim_id": None, "source_id": source}]
    assert (claims["heard"]["value"], claims["heard"]["qualifier"]) == (None, "unspecified")
    assert claims["heard"]["facility_id"] == api.get("/v1/facilities")["items"][0]["id"]
    assert claims["coalition"]["retracted_at"] == "2026-01-10T08:00:00Z"
    assert claims["coalition"]["retraction_note"] == "It was ten."
    assert {claims[key]["announcement_id"] for key in ("paper", "coalition")} == {ids["a1"]}
    delivery = api.get(f"/v1/claims/{ids['a1']}/delivery")
    assert (delivery["announced"], delivery["named"], delivery["still_held"]) == (116, 1, 1)
    assert [item["claim"]["note"] for item in delivery["claims"]] == ["paper", "coalition"]

    before = ledger(conn), api.get("/v1/claims")
    assert set(load(conn, tmp_path, case_with_claims()).values()) == {0}
    assert (ledger(conn), api.get("/v1/claims")) == before


INVALID: Mapping[str, tuple[str, Any, set[str]]] = {
    "an unknown announcement": (
        "/claims/1/announcement",
        "a9",
        {"/claims/1/announcement"},
    ),
    "an announcement of another kind": (
        "/claims/1/announcement",
        "held",
        {"/claims/1/announcement"},
    ),
    "an announcement that counts a delivery": (
        "/claims/5/announcement",
        "held",
        {"/claims/5/announcement"},
    ),
    "an event with an unknown announcement": (
        "/release_events/0/announcement",
        "a9",
        {"/release_events/0/announcement"},
    ),
    "an event with a claim of another kind as announcement": (
        "/release_events/0/announcement",
        "held",
        {"/release_events/0/announcement"},
    ),
    "a relay of another kind": (
        "/claims/1/relays/0/claim",
        "held",
        {"/claims/1/relays/0/claim"},
    ),
    "a relay of a later published claim": (
        "/claims/1/relays/0/claim",
        "heard",
        {"/claims/1/relays/0/claim"},
    ),
    "a relay of an unknown claim": (
        "/claims/1/relays/0/claim",
        "c9",
        {"/claims/1/relays/0/claim"},
    ),
    "relays in a circle": (
        "/claims/3/relays",
        [{"claim": "copied"}],
        {f"/claims/{n}/relays/0/claim" for n in (0, 1, 3)},
    ),
    "an unknown facility": ("/claims/2/facility", "f9", {"/claims/2/facility"}),
    "an unknown source": ("/claims/2/source", "s9", {"/claims/2/source"}),
    "an unknown kind": ("/claims/4/kind", "freed", {"/claims/4/kind"}),
    "a negative figure": ("/claims/4/value", -1, {"/claims/4/value"}),
    "a window that starts after the claim": (
        "/claims/4/window_start",
        "2026-02-01",
        {"/claims/4/window_start"},
    ),
    "a retraction before publication": (
        "/claims/3/retracted_at",
        "2026-01-09T12:29:59Z",
        {"/claims/3/retracted_at"},
    ),
}


@pytest.mark.parametrize("name", INVALID)
def test_case_with_an_invalid_claim_changes_nothing(
    conn: Connection, tmp_path: Path, name: str
) -> None:
    path, value, places = INVALID[name]
    case = case_with_claims()
    *steps, last = [int(step) if step.isdigit() else step for step in path.split("/")[1:]]
    parent: Any = case
    for step in steps:
        parent = parent[step]
    parent[last] = value
    with pytest.raises(CaseError) as error:
        load(conn, tmp_path, case)
    assert {entry_error.pointer for entry_error in error.value.errors} == places
    assert all(entry_error.detail for entry_error in error.value.errors)
    assert ledger(conn) == []


def test_all_errors_of_a_claim_are_reported_at_once(conn: Connection, tmp_path: Path) -> None:
    case = case_with_claims()
    case["claims"][1] |= {
        "announcement": "held",
        "relays": [{"claim": "held"}],
        "published_at": "2100-01-01T00:00:00Z",
        "as_of": "2100-01-01T00:00:00Z",
    }
    with pytest.raises(CaseError) as error:
        load(conn, tmp_path, case)
    assert [entry_error.pointer for entry_error in error.value.errors] == [
        "/claims/1/relays/0/claim",
        "/claims/1/announcement",
        "/claims/1/published_at",
        "/claims/1/as_of",
    ]
