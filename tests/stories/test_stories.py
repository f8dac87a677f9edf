"""Real cases with invented names, from the first attestation to the count."""

from typing import Any

from tests.conftest import Api


def status(api: Api, event: str, as_of: str | None = None) -> str:
    query = {"as_of": as_of} if as_of else {}
    return api.get(f"/v1/release-events/{event}/verification", **query)["status"]


def test_release_reported_31_days_early_is_never_confirmed(api: Api) -> None:
    """Two newspapers named, in the same hour, a man who left prison 31 days later.

    A rule that counts outlets would have confirmed the first release. That evening a relative and
    an NGO denied it. A month later two outlets saw the release, and he was rearrested that day.
    """
    editor = api.scope("edit")
    gazette = editor.source("La Gaceta del Lago", "news_outlet")
    courier = editor.source("Correo de Sotavento", "news_outlet")
    weekly = editor.source("Semanario Tres Ríos", "news_outlet")
    website = editor.source("presos.example", "other")
    ngo = editor.source("Puertas Abiertas")
    daughter = editor.source("Inés Otero", "relative")
    man = editor.detainee("Fermín Otero Valdivia", age_group="adult")
    editor.detention(man, detained_on="2025-07")

    january = editor.event(man, "2026-01-08")
    for outlet, minute in ((gazette, "05"), (courier, "40")):
        editor.attest(january, outlet, f"2026-01-09T13:{minute}:00Z", basis="unattributed")
    editor.attest(
        january,
        weekly,
        "2026-01-09T15:00:00Z",
        basis="relayed",
        relays=[{"source_id": website}],
    )
    assert status(api, january) == "reported"
    for source, hour in ((daughter, "22"), (ngo, "23")):
        editor.attest(
            january,
            source,
            f"2026-01-09T{hour}:00:00Z",
            stance="denies",
            denial_reason="still_held",
            evidence="statement",
        )
    assert status(api, january, "2026-01-09T22:30:00Z") == "disputed"

    february = editor.event(man, "2026-02-08")
    editor.attest(february, gazette, "2026-02-08T10:00:00Z", evidence="photo")
    editor.attest(february, weekly, "2026-02-08T10:30:00Z", evidence="interview")
    assert api.get("/v1/counts")["rearrested"] == 0
    rearrest = editor.detention(man, detained_on="2026-02-08", authority="Policía de Sotavento")

    verification = api.get(f"/v1/release-events/{january}/verification")
    assert "confirmed" not in {step["status"] for step in verification["history"]}
    steps = [step["status"] for step in verification["history"]]
    assert steps == ["unverified", "reported", "disputed", "disputed"]
    reasons = {n["reason"] for n in verification["not_counted"]}
    assert reasons == {"unattributed"}

    verification = api.get(f"/v1/release-events/{february}/verification")
    assert (verification["status"], verification["since"]) == ("confirmed", "2026-02-08T10:30:00Z")
    assert status(api, january) == "disputed"

    evening = api.get("/v1/counts", as_of="2026-01-09T23:59:00Z")
    assert (evening["confirmed"], evening["disputed"]) == (0, 1)
    today = api.get("/v1/counts")
    assert (today["confirmed"], today["disputed"], today["rearrested"]) == (1, 0, 1)
    person = api.get(f"/v1/detainees/{man}")
    assert (person["detention"]["id"], person["custody"]) == (rearrest, "detained")


def test_organisation_and_its_director_are_one_group(api: Api) -> None:
    """An organisation and its director attest from two accounts."""
    editor = api.scope("edit")
    ngo = editor.source("Puertas Abiertas")
    director = editor.source("Delia Quintero", "person")
    editor.affiliate(director, ngo, "member_of")
    event = _event(editor)
    editor.attest(event, ngo, "2026-01-09T10:00:00Z")
    attestation = editor.attest(event, director, "2026-01-09T11:00:00Z")
    assert attestation["verification"]["independent_sources"] == 1

    verification = api.get(f"/v1/release-events/{event}/verification")
    assert (verification["status"], verification["missing"]) == ("reported", 1)
    assert [group["name"] for group in verification["rests_on"]] == ["Puertas Abiertas"]
    assert set(verification["rests_on"][0]["source_ids"]) == {ngo, director}
    assert [n["reason"] for n in verification["not_counted"]] == ["same_group"]


def test_newly_recorded_affiliation_undoes_a_confirmation(api: Api) -> None:
    """Two outlets have one owner at the time of the first attestation."""
    editor = api.scope("edit")
    outlets = [editor.source(name, "news_outlet") for name in ("Radio Norte", "Canal Sur")]
    owner = editor.source("Grupo Cardinal", "other")
    event = _event(editor)
    for outlet in outlets:
        editor.attest(event, outlet, "2026-01-09T10:00:00Z")
    assert status(api, event) == "confirmed"
    before = api.get("/v1/counts")
    assert before["confirmed"] == 1

    editor.affiliate(outlets[0], owner)
    affiliation = editor.affiliate(outlets[1], owner)
    assert status(api, event) == "reported"
    assert api.get("/v1/counts")["confirmed"] == 0
    editor.patch(f"/v1/affiliations/{affiliation}", {"valid_until": "2025-12-31T00:00:00Z"})
    assert status(api, event) == "confirmed"

    times = {"as_of": before["as_of"], "recorded_as_of": before["recorded_as_of"]}
    assert api.get("/v1/counts", **times) == before


def test_three_state_bodies_deny_as_one_group(api: Api) -> None:
    editor = api.scope("edit")
    state = editor.source("Ministerio", "state_body")
    spokespersons = [editor.source(f"Vocero {i}", "state_media") for i in range(3)]
    for spokesperson in spokespersons:
        editor.affiliate(spokesperson, state, "controlled_by")
    event = _event(editor)
    for name in ("Puertas Abiertas", "Correo de Sotavento", "Madre"):
        editor.attest(event, editor.source(name), "2026-01-09T10:00:00Z")
    for spokesperson in spokespersons:
        editor.attest(
            event, spokesperson, "2026-01-09T12:00:00Z", stance="denies", denial_reason="still_held"
        )
    verification = api.get(f"/v1/release-events/{event}/verification")
    assert (verification["independent_sources"], verification["independent_denials"]) == (3, 1)
    assert verification["status"] == "confirmed"
    assert len(verification["proof"]) == 3
    assert [chain["groups"][0]["name"] for chain in verification["denial_proof"]] == ["Ministerio"]
    stricter = api.get(f"/v1/release-events/{event}/verification", min_sources=3)
    assert (stricter["status"], stricter["missing"]) == ("disputed", 1)


def test_printed_figure_stays_reproducible(api: Api) -> None:
    """A late entry, a voiding and a new name do not change responses for a past record time."""
    editor = api.scope("edit")
    ngo, paper, late = (editor.source(n) for n in ("Puertas Abiertas", "Correo", "Radio Norte"))
    event = _event(editor)
    editor.attest(event, ngo, "2026-01-09T10:00:00Z")
    second = editor.attest(event, paper, "2026-01-09T11:00:00Z")
    path = f"/v1/release-events/{event}/verification"

    def reproduced(counts: Any) -> Any:
        times = {"as_of": counts["as_of"], "recorded_as_of": counts["recorded_as_of"]}
        return api.get("/v1/counts", **times), api.get(path, **times)

    before = api.get("/v1/counts", as_of="2026-01-09T12:00:00Z")
    printed = reproduced(before)
    assert printed[0]["confirmed"] == 1

    editor.attest(event, late, "2026-01-09T09:00:00Z", stance="denies")
    now = api.get("/v1/counts", as_of="2026-01-09T12:00:00Z")
    assert (now["confirmed"], now["disputed"]) == (0, 1)
    editor.post(f"/v1/attestations/{second['id']}/void", {"reason": "The wrong person."}, 200)
    editor.patch(f"/v1/sources/{ngo}", {"name": "Puertas Abiertas Internacional"})
    assert reproduced(before) == printed
    assert reproduced(now)[0] == now


def test_retraction_takes_effect_at_its_own_time(api: Api) -> None:
    editor = api.scope("edit")
    event = _event(editor)
    first = editor.attest(event, editor.source("Puertas Abiertas"), "2026-01-09T10:00:00Z")
    editor.attest(event, editor.source("Correo"), "2026-01-09T11:00:00Z")
    retracted = editor.post(
        f"/v1/attestations/{first['id']}/retraction",
        {"retracted_at": "2026-01-10T08:00:00Z", "note": "It was a man of the same name."},
        200,
    )
    assert retracted["retraction_note"] == "It was a man of the same name."
    assert retracted["verification"] == {
        "status": "reported",
        "independent_sources": 1,
        "independent_denials": 0,
        "since": "2026-01-10T08:00:00Z",
    }
    assert status(api, event, "2026-01-10T07:59:59.999999Z") == "confirmed"
    assert status(api, event, "2026-01-10T08:00:00Z") == "reported"


def test_voided_attestation_cannot_be_relayed(api: Api) -> None:
    editor = api.scope("edit")
    event = _event(editor)
    first = editor.attest(event, editor.source("Puertas Abiertas"), "2026-01-09T10:00:00Z")["id"]
    editor.post(f"/v1/attestations/{first}/void", {"reason": "The wrong person."}, 200)
    body = {
        "release_event_id": event,
        "source_id": editor.source("Correo"),
        "stance": "confirms",
        "basis": "relayed",
        "relays": [{"attestation_id": first}],
        "evidence": "report",
        "published_at": "2026-01-09T11:00:00Z",
    }
    problem = editor.post("/v1/attestations", body, 422)
    assert [error["pointer"] for error in problem["errors"]] == ["/relays/0/attestation_id"]


def _event(editor: Api) -> str:
    person = editor.detainee("Fermín Otero Valdivia", age_group="adult")
    editor.detention(person, detained_on="2025-07")
    return editor.event(person, "2026-01-08")
