"""Citations: their sentences, and the cited response, which can be fetched again unchanged."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from api.verification.counting import PROPERTIES
from tests.citations import cited_digest
from tests.stories.newsroom import Desk, Population, figures


def paths(desk: Desk, filters: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return requests of many forms whose responses have a citation."""
    [claim] = desk.api.get("/v1/claims", kind="released")["items"]
    event = desk.api.get("/v1/release-events")["items"][0]["id"]
    delivery = f"/v1/claims/{filters['announcement_id']}/delivery"
    timeline = {"from": "2026-01-08", "until": "2026-01-14"}
    return [
        ("/v1/counts", {}),
        ("/v1/counts", {"as_of": "2026-01-13T00:00:00-04:00", "min_sources": 3}),
        ("/v1/counts", {**filters, "time_zone": "America/Caracas"}),
        *(("/v1/counts", {"group_by": name}) for name in PROPERTIES),
        ("/v1/counts/timeline", timeline),
        (
            "/v1/counts/timeline",
            {**timeline, "bucket": "hour", "time_zone": "America/Caracas", "sex": "female"},
        ),
        ("/v1/counts/timeline", {"from": "2026-01-01", "bucket": "month", "min_sources": 1}),
        (f"/v1/claims/{claim['id']}/comparison", {}),
        (f"/v1/claims/{claim['id']}/comparison", {"min_sources": 1, "time_zone": "Etc/GMT+4"}),
        (delivery, {}),
        (delivery, {"as_of": "2026-01-13T00:00:00Z", "time_zone": "America/Caracas"}),
        (f"/v1/release-events/{event}/verification", {}),
        (
            f"/v1/release-events/{event}/verification",
            {"as_of": "2026-01-13T00:00:00Z", "min_sources": 5},
        ),
    ]


def test_cited_response_never_changes(population: Population) -> None:
    desk, filters = population
    facility, announcement = filters["facility_id"], filters["announcement_id"]
    desk.claim(
        desk.sources[1],
        "released",
        "2026-01-14T12:00:00Z",
        value=11,
        facility_id=facility,
        announcement_id=announcement,
    )
    cited = []
    for path, query in paths(desk, filters):
        response = desk.api.send("GET", path, query_string=query)
        assert response.status_code == 200, response.get_data(as_text=True)
        body = response.get_json()
        citation = body["citation"]
        assert citation["sha256"] == cited_digest(body), path
        assert response.headers["Link"] == f'<{citation["url"]}>; rel="cite-as"'
        assert citation["url"].startswith(f"{path}?")
        assert citation["rule"] == "two-independent-sources/1"
        cited.append((citation, response.data))
    last_seq = desk.api.get("/v1/changes", limit=200)["items"][-1]["seq"]
    assert {citation["ledger_seq"] for citation, _ in cited} == {last_seq}

    def check_cited_responses() -> None:
        for citation, data in cited:
            response = desk.api.send("GET", citation["url"])
            assert response.data == data, citation["url"]
            assert response.headers["Link"] == f'<{citation["url"]}>; rel="cite-as"'

    check_cited_responses()
    before = figures(desk.counts())
    # A late attestation, another person, other names, a retracted claim and an announcement.
    editor, at = desk.editor, "2026-01-13T06:00:00Z"
    for event in editor.get("/v1/release-events")["items"]:
        editor.attest(event["id"], desk.sources[5], at, stance="denies")
    desk.release("Otra", [at, at], facility=facility, announcement=announcement)
    editor.patch(f"/v1/facilities/{facility}", {"name": "La Torre"})
    for source in desk.sources[:2]:
        editor.patch(f"/v1/sources/{source}", {"name": f"Antes {source[-4:]}"})
    for person in editor.get("/v1/detainees")["items"][:3]:
        editor.patch(f"/v1/detainees/{person['id']}", {"sex": None, "nationalities": ["CO"]})
    for claim in editor.get("/v1/claims")["items"]:
        retraction = {"retracted_at": "2026-01-16T00:00:00Z"}
        editor.post(f"/v1/claims/{claim['id']}/retraction", retraction, 200)
    desk.claim(desk.sources[0], "released", at, value=1, announcement_id=announcement)
    assert figures(desk.counts()) != before
    check_cited_responses()
    check_cited_responses()


@pytest.mark.parametrize(
    ("people", "en", "es"),
    [
        (0, "no release was", "ninguna excarcelación estaba confirmada"),
        (1, "at least one release was", "al menos una excarcelación estaba confirmada"),
        (2, "at least two releases were", "al menos dos excarcelaciones estaban confirmadas"),
    ],
)
def test_sentence_of_a_count(desk: Desk, people: int, en: str, es: str) -> None:
    for n in range(people):
        desk.release(f"Persona {n}", ["2026-01-09T12:25:00Z"] * 2)
    response = desk.counts(as_of="2026-01-09T12:30:00Z", time_zone="America/Caracas")
    assert response["citation"]["sentence"] == {
        "en": f"As of 9 January 2026, 08:30 (Caracas time), {en} "
        "confirmed by two or more independent sources.",
        "es": f"Hasta las 8:30 del 9 de enero de 2026 (hora de Caracas), {es} por dos o más "
        "fuentes independientes.",
    }


def test_sentence_names_the_filters_of_a_count(desk: Desk) -> None:
    facility = desk.editor.post("/v1/facilities", {"name": "El Helicoide", "country": "VE"})["id"]
    source = desk.editor.source("Asamblea", "state_body")
    announcement = desk.claim(source, "announced", "2026-01-08T22:00:00Z")["id"]
    at = "2026-01-09T12:25:00Z"
    desk.release(
        "Una",
        [at, at],
        facility=facility,
        announcement=announcement,
        sex="female",
        age_group="adult",
        nationalities=["ES"],
        kind="exile",
    )
    filters = {
        "facility_id": facility,
        "nationality": "ES",
        "age_group": "adult",
        "sex": "female",
        "release_kind": "exile",
        "announcement_id": announcement,
        "occurred_from": "2026-01-08",
        "occurred_until": "2026-01-08",
    }
    parameters = {"as_of": "2026-01-09T12:30:00Z", "time_zone": "America/Caracas", **filters}
    response = desk.counts(**parameters)
    sentence = {
        "en": "As of 9 January 2026, 08:30 (Caracas time), at least one release (counting only "
        "women of Spanish nationality, released from El Helicoide into exile on 8 January 2026 as "
        "part of what Asamblea announced) was confirmed by two or more independent sources.",
        "es": "Hasta las 8:30 del 9 de enero de 2026 (hora de Caracas), al menos una excarcelación "
        "(contando solo personas adultas de sexo femenino, de nacionalidad española, excarceladas "
        "de El Helicoide con salida al exilio el 8 de enero de 2026 como parte de lo que anunció "
        "Asamblea) estaba confirmada por dos o más fuentes independientes.",
    }
    assert response["citation"]["sentence"] == sentence
    # The names are those at the cited record time.
    desk.editor.patch(f"/v1/facilities/{facility}", {"name": "La Torre"})
    desk.editor.patch(f"/v1/sources/{source}", {"name": "Parlamento"})
    assert desk.api.get(response["citation"]["url"])["citation"]["sentence"] == sentence
    renamed = desk.counts(**parameters)["citation"]["sentence"]["en"]
    assert "released from La Torre into exile" in renamed
    assert "what Parlamento announced" in renamed


def test_sentence_names_a_facility_from_its_recorded_moment_on(desk: Desk) -> None:
    """A facility is recorded after its `created_at`. A later name changes no cited response."""
    facility = desk.editor.post("/v1/facilities", {"name": "El Helicoide", "country": "VE"})
    recorded = desk.counts()["recorded_as_of"]
    cited = {}
    for moment, name in (facility["created_at"], facility["id"]), (recorded, "El Helicoide"):
        asked = {"as_of": moment, "recorded_as_of": moment, "facility_id": facility["id"]}
        response = desk.counts(**asked)
        assert f"released from {name})" in response["citation"]["sentence"]["en"]
        cited[response["citation"]["url"]] = response
    desk.editor.patch(f"/v1/facilities/{facility['id']}", {"name": "La Torre"})
    for url, response in cited.items():
        assert desk.api.get(url) == response


def test_sentence_says_that_a_claim_was_retracted(desk: Desk) -> None:
    """An earlier record time precedes the retraction and is cited unchanged."""
    coalition = desk.editor.source("Coalición", "political_party")
    at, moment = "2026-01-09T12:30:00Z", "As of 9 January 2026, 12:30 (UTC)"
    momento = "Hasta las 12:30 del 9 de enero de 2026 (UTC)"
    announcement = desk.claim(coalition, "announced", at, value=116, qualifier="at_least")
    released = desk.claim(coalition, "released", at, value=11)

    def responses() -> list[Any]:
        return [desk.comparison(released), desk.delivery(announcement, as_of=at)]

    before = responses()
    for claim in (released, announcement):
        retraction = {"retracted_at": "2026-01-10T08:00:00Z"}
        desk.editor.post(f"/v1/claims/{claim['id']}/retraction", retraction, 200)
    assert [response["citation"]["sentence"] for response in responses()] == [
        {
            "en": f"{moment}, Coalición counted 11 releases; no release was confirmed by two or "
            "more independent sources; Coalición later retracted its figure.",
            "es": f"{momento}, Coalición contabilizaba 11 excarcelaciones; ninguna excarcelación "
            "estaba confirmada por dos o más fuentes independientes; Coalición retiró luego su "
            "cifra.",
        },
        {
            "en": f"{moment}, at least 116 releases had been announced, an announcement that was "
            "later retracted; this record names nobody.",
            "es": f"{momento}, se habían anunciado al menos 116 excarcelaciones, anuncio que luego "
            "fue retirado; este registro no nombra a nadie.",
        },
    ]
    for response in before:
        assert "withdr" not in response["citation"]["sentence"]["en"]
        assert desk.api.get(response["citation"]["url"]) == response


def test_no_error_names_the_record_that_a_filter_refers_to(desk: Desk) -> None:
    """The id of another kind of record does not make its name appear in an error."""
    editor = desk.editor
    minor = editor.detainee("Niña Secreta Apellido", age_group="minor")
    source = editor.source("Fuente Ajena")
    claim = desk.claim(desk.sources[0], "released", "2026-01-09T10:00:00Z", value=11)
    for id in (minor, source, claim["id"]):
        for parameter in ("facility_id", "announcement_id"):
            for path in ("/v1/counts", "/v1/counts/timeline"):
                query = {parameter: id} | ({"from": "2026-01-08"} if "timeline" in path else {})
                problem = editor.get(path, 422, **query)
                assert [error["pointer"] for error in problem["errors"]] == [f"/{parameter}"]
                text = json.dumps(problem, ensure_ascii=False)
                assert "Secreta" not in text
                assert "Ajena" not in text
