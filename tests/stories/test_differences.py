"""Differences: the people who changed between two moments, since when and why."""

from collections.abc import Mapping
from typing import Any

from api.verification.counting import FIGURES
from tests.conftest import Api
from tests.stories.newsroom import Desk, figures

DAYS = [f"2026-01-{day:02}T10:00:00Z" for day in range(9, 14)]
NOBODY = {moment: dict.fromkeys(FIGURES, 0) for moment in ("before", "after")}


def differences(api: Api, **query: Any) -> Any:
    """Return the differences between two moments, with the items of all pages of two."""
    first = page = api.get("/v1/differences", limit=2, **query)
    items = page["items"]
    while page["next"] is not None:
        page = api.get("/v1/differences", limit=2, cursor=page["next"], **query)
        items += page["items"]
    return {**first, "items": items}


def changes(response: Mapping[str, Any]) -> Mapping[str, tuple[Any, Any, Any]]:
    """Return the statuses before and after, and the moment, of each person by name."""
    return {
        item["detainee"]["name"]: (item["before"], item["after"], item["at"])
        for item in response["items"]
    }


def because(response: Mapping[str, Any]) -> Mapping[str, list[tuple[str, str, str | None]]]:
    return {
        item["detainee"]["name"]: [
            (cause["resource"], cause["action"], cause["source"] and cause["source"]["name"])
            for cause in item["because"]
        ]
        for item in response["items"]
    }


def person_of(desk: Desk, event: str) -> str:
    return str(desk.editor.get(f"/v1/release-events/{event}")["detainee_id"])


def attestations(desk: Desk, event: str) -> Mapping[str, str]:
    """Return the attestations of a release event by the name of their source."""
    return {
        desk.editor.get(f"/v1/sources/{item['source_id']}")["name"]: item["id"]
        for item in desk.editor.get("/v1/attestations", release_event_id=event)["items"]
    }


def now(desk: Desk) -> str:
    return str(desk.counts()["recorded_as_of"])


def test_what_was_published_between_two_days(desk: Desk) -> None:
    confirmed = desk.release("Ana Confirmada", [DAYS[0], DAYS[2]])
    desk.release("Ema Anterior", [DAYS[0], DAYS[0]])
    desk.release("Eva Nueva", [DAYS[2]])
    desk.release("Ida Desmentida", [DAYS[0], DAYS[0]], [DAYS[2]])
    event = desk.release("Olga Retirada", [DAYS[0], DAYS[0]])
    retracted = attestations(desk, event)["Fuente 1"]
    desk.editor.post(f"/v1/attestations/{retracted}/retraction", {"retracted_at": DAYS[2]}, 200)
    query = {"from": "2026-01-10", "until": "2026-01-12", "time_zone": "America/Caracas"}
    response = differences(desk.api, **query)
    assert changes(response) == {
        "Ana Confirmada": ("reported", "confirmed", DAYS[2]),
        "Eva Nueva": (None, "reported", DAYS[2]),
        "Ida Desmentida": ("confirmed", "disputed", DAYS[2]),
        "Olga Retirada": ("confirmed", "reported", DAYS[2]),
    }
    assert because(response) == {
        "Ana Confirmada": [("attestation", "published", "Fuente 1")],
        "Eva Nueva": [("attestation", "published", "Fuente 0")],
        "Ida Desmentida": [("attestation", "published", "Fuente 2")],
        "Olga Retirada": [("attestation", "retracted", "Fuente 1")],
    }
    [item] = [i for i in response["items"] if i["release_event_id"] == confirmed]
    assert item["detainee"]["id"] == person_of(desk, confirmed)
    assert item["because"][0]["attestation_id"] == attestations(desk, confirmed)["Fuente 1"]
    assert (response["became_confirmed"], response["no_longer_confirmed"]) == (1, 2)
    assert response["redacted"] == NOBODY
    for name, moment in (("before", "from"), ("after", "until")):
        assert figures(response["totals"][name]) == figures(desk.counts(as_of=response[moment]))
    sentence = response["citation"]["sentence"]
    # The order of the causes is that of the people, whose ids are random.
    causes = ("Fuente 1 retracted its statement", "Fuente 2 denied it")
    assert sentence["en"] in {
        "Between 10 January 2026, 00:00 and 13 January 2026, 00:00 (Caracas time), one release "
        "became confirmed by two or more independent sources and two ceased to be: "
        f"{'; '.join(order)}."
        for order in (causes, causes[::-1])
    }
    assert "una excarcelación pasó a estar confirmada" in sentence["es"]
    assert "dos dejaron de estarlo: " in sentence["es"]
    csv = desk.api.send("GET", "/v1/differences", query_string={**query, "format": "csv"}).text
    assert (
        f"Ana Confirmada,true,{confirmed},reported,confirmed,false,false,2026-01-11T10:00:00.0"
        in csv
    )


def test_what_was_recorded_since_a_figure_was_cited(desk: Desk) -> None:
    """Late entries, corrections, affiliations and merges, each with the moment of its entry."""
    editor = desk.editor
    events = {
        name: desk.release(name, confirmed)
        for name, confirmed in {
            "Ana Tardía": [DAYS[0]],
            "Eva Anulada": [DAYS[0], DAYS[0]],
            "Ida Errada": [DAYS[0], DAYS[0]],
            "Ana Doble": [DAYS[0]],
            "Ana Dobble": [DAYS[0]],
        }.items()
    }
    owned = desk.release("Inés Afiliada")
    for source in desk.sources[4:]:
        editor.attest(owned, source, DAYS[0])
    before = desk.counts(as_of=DAYS[4])
    query = {"from_recorded": before["recorded_as_of"], "until": DAYS[4]}
    unchanged = differences(desk.api, **query)
    assert (unchanged["items"], unchanged["totals"]["before"]) == ([], unchanged["totals"]["after"])
    # Nothing was recorded since a moment after the last entry, either.
    later = desk.counts()["as_of"]
    since_then = differences(desk.api, from_recorded=later, until=DAYS[4])
    assert (since_then["items"], since_then["until_recorded"]) == ([], later)
    moments = {}
    editor.attest(events["Ana Tardía"], desk.sources[1], DAYS[1])
    moments["Ana Tardía"] = now(desk)
    voided = attestations(desk, events["Eva Anulada"])["Fuente 0"]
    editor.post(f"/v1/attestations/{voided}/void", {"reason": "Another person."}, 200)
    moments["Eva Anulada"] = now(desk)
    reason = {"reason": "Another person."}
    editor.post(f"/v1/release-events/{events['Ida Errada']}/void", reason, 200)
    moments["Ida Errada"] = now(desk)
    affiliation = editor.affiliate(*desk.sources[4:])
    moments["Inés Afiliada"] = now(desk)
    people = {name: person_of(desk, event) for name, event in events.items()}
    editor.post(f"/v1/detainees/{people['Ana Dobble']}/merge", {"into": people["Ana Doble"]})
    moments["Ana Doble"] = now(desk)
    response = differences(desk.api, **query)
    assert changes(response) == {
        "Ana Tardía": ("reported", "confirmed", moments["Ana Tardía"]),
        "Eva Anulada": ("confirmed", "reported", moments["Eva Anulada"]),
        "Ida Errada": ("confirmed", None, moments["Ida Errada"]),
        "Inés Afiliada": ("confirmed", "reported", moments["Inés Afiliada"]),
        # The duplicate record has the name of the surviving one.
        "Ana Doble": ("reported", None, moments["Ana Doble"]),
    }
    assert because(response) == {
        "Ana Tardía": [("attestation", "recorded", "Fuente 1")],
        "Eva Anulada": [("attestation", "voided", "Fuente 0")],
        "Ida Errada": [("release_event", "voided", None)],
        "Inés Afiliada": [("affiliation", "affiliated", "Fuente 4")],
        "Ana Doble": [("merge", "merged", None)],
    }
    [item] = [i for i in response["items"] if i["detainee"]["name"] == "Inés Afiliada"]
    assert item["because"][0]["affiliation_id"] == affiliation
    assert response["citation"]["sentence"]["en"].startswith("By what was recorded between ")
    # The other clock alone, and the answer of the past.
    assert differences(desk.api, **{**query, "until_recorded": before["recorded_as_of"]}) == {
        **unchanged,
        "citation": unchanged["citation"],
    }
    assert figures(response["totals"]["before"]) == figures(before)
    # The affiliation turns out to be a mistake, and then not to be one.
    path = f"/v1/affiliations/{affiliation}/void"
    editor.post(path, reason, 200)
    voided = now(desk)
    response = differences(desk.api, from_recorded=moments["Ana Doble"], until=DAYS[4])
    assert changes(response) == {"Inés Afiliada": ("reported", "confirmed", voided)}
    assert because(response) == {"Inés Afiliada": [("affiliation", "voided", "Fuente 4")]}
    assert editor.send("DELETE", path).status_code == 200
    response = differences(desk.api, from_recorded=voided, until=DAYS[4])
    assert because(response) == {"Inés Afiliada": [("affiliation", "undone", "Fuente 4")]}
    sentence = response["citation"]["sentence"]["en"]
    assert "an affiliation of Fuente 4 had not been recorded by mistake after all" in sentence


def test_filters_and_required_sources(desk: Desk) -> None:
    event = desk.release("Ana Otero", [DAYS[0], DAYS[1], DAYS[2]], sex="female", kind="full")
    desk.release("Iván Otero", [DAYS[0], DAYS[1]], sex="male", kind="exile")
    query = {"from": DAYS[0], "until": DAYS[4]}
    for filters, changed in (
        ({}, {"Ana Otero", "Iván Otero"}),
        ({"sex": "female"}, {"Ana Otero"}),
        ({"release_kind": "exile"}, {"Iván Otero"}),
        ({"min_sources": 3}, {"Ana Otero"}),
        ({"min_sources": 1}, set()),
        ({"occurred_from": "2026-01-09"}, set()),
    ):
        assert changes(differences(desk.api, **query, **filters)).keys() == changed, filters
    # A correction of a value by which the people are filtered.
    cited = now(desk)
    person = person_of(desk, event)
    desk.editor.patch(f"/v1/detainees/{person}", {"sex": "other"})
    response = differences(desk.api, from_recorded=cited, sex="female")
    assert changes(response) == {"Ana Otero": ("confirmed", None, now(desk))}
    assert because(response) == {"Ana Otero": [("detainee", "updated", None)]}
    facility = desk.editor.post("/v1/facilities", {"name": "Rodeo I", "country": "VE"})["id"]
    cited = now(desk)
    [detention] = desk.api.get(f"/v1/detainees/{person}/detentions")["items"]
    desk.editor.patch(f"/v1/detentions/{detention['id']}", {"facility_id": facility})
    for filters in ({"country": "VE"}, {"facility_id": facility, "country": "VE"}):
        response = differences(desk.api, from_recorded=cited, **filters)
        assert changes(response) == {"Ana Otero": (None, "confirmed", now(desk))}
        assert because(response) == {"Ana Otero": [("detention", "updated", None)]}
    # That answer stays when the detention is moved to another person.
    response = differences(desk.api, from_recorded=cited, country="VE")
    body = {"name": "Ana Otra", "detention_ids": [detention["id"]]}
    desk.editor.post(f"/v1/detainees/{person}/split", body)
    moments = {name: response[name] for name in ("from", "until", "from_recorded")}
    later = differences(
        desk.api, **moments, until_recorded=response["until_recorded"], country="VE"
    )
    assert (changes(later), because(later)) == (changes(response), because(response))


def test_rearrest_is_a_difference(desk: Desk) -> None:
    event = desk.release("Ana Retenida", [DAYS[0], DAYS[0]])
    cited = now(desk)
    desk.editor.detention(person_of(desk, event), detained_on="2026-01-11")
    for query, at in (
        ({"from": DAYS[0], "until": DAYS[4]}, "2026-01-11T00:00:00Z"),
        ({"from_recorded": cited, "until": DAYS[4]}, now(desk)),
    ):
        response = differences(desk.api, **query)
        assert changes(response) == {"Ana Retenida": ("confirmed", "confirmed", at)}
        [item] = response["items"]
        assert item["rearrested"] == {"before": False, "after": True}
        assert (response["became_confirmed"], response["no_longer_confirmed"]) == (0, 0)
    assert because(response) == {"Ana Retenida": [("detention", "recorded", None)]}
    for until, people in (("2026-01-10T23:59:59.999999Z", 0), ("2026-01-11T00:00:00Z", 1)):
        response = differences(desk.api, **{"from": DAYS[0], "until": until})
        assert len(response["items"]) == people
    # Of a hidden person the moment would tell the day.
    desk.editor.patch(f"/v1/detainees/{person_of(desk, event)}", {"withheld": True})
    query = {"from": DAYS[0], "until": DAYS[4]}
    for caller, at in ((desk.api, None), (desk.editor, "2026-01-11T00:00:00Z")):
        [item] = differences(caller, **query)["items"]
        assert (item["rearrested"]["after"], item["at"]) == (True, at)


def test_later_changes_do_not_move_the_moment_of_a_difference(desk: Desk) -> None:
    editor, sources = desk.editor, desk.sources
    event = desk.release("Ana Otero", [DAYS[0]])
    rearrested = desk.release("Iván Otero", [DAYS[0], DAYS[0]])
    person, query = person_of(desk, rearrested), {"from_recorded": now(desk), "until": DAYS[4]}
    cited = editor.post("/v1/citations", {"url": f"/v1/counts?as_of={DAYS[4]}"})["id"]
    editor.attest(event, sources[1], DAYS[1])
    confirmed_at = now(desk)
    editor.detention(person, detained_on="2026-01-11")
    since = {
        "Ana Otero": ("reported", "confirmed", confirmed_at),
        "Iván Otero": ("confirmed", "confirmed", now(desk)),
    }
    assert changes(differences(desk.api, **query)) == since

    third = editor.attest(event, sources[2], DAYS[2])["id"]
    editor.attest(rearrested, sources[2], DAYS[2])
    editor.attest(rearrested, sources[3], DAYS[2], stance="denies")
    editor.patch(f"/v1/detainees/{person}", {"sex": "male"})
    [detention, _] = editor.get(f"/v1/detainees/{person}/detentions")["items"]
    facility = editor.post("/v1/facilities", {"name": "Rodeo I", "country": "VE"})["id"]
    editor.patch(f"/v1/detentions/{detention['id']}", {"facility_id": facility})
    assert changes(differences(desk.api, **query)) == since
    editor.post(f"/v1/attestations/{third}/retraction", {"retracted_at": DAYS[3]}, 200)
    editor.affiliate(sources[4], sources[5])
    assert changes(differences(desk.api, **query)) == since
    assert desk.api.get(f"/v1/citations/{cited}")["since"] == confirmed_at


def test_withholding_changes_no_citation_and_is_no_difference(desk: Desk) -> None:
    editor = desk.editor
    event = desk.release("Graciela Reservada", [DAYS[0], DAYS[2]], sex="female")
    desk.release("Ana Visible", [DAYS[0], DAYS[2]], sex="female")
    query = {"from": DAYS[1], "until": DAYS[3], "sex": "female"}
    cited = desk.api.get("/v1/differences", **query)
    recorded = cited["until_recorded"]
    editor.patch(f"/v1/detainees/{person_of(desk, event)}", {"withheld": True})
    after = desk.api.get(cited["citation"]["url"])
    assert after["citation"] == cited["citation"]
    assert after["totals"] == cited["totals"]
    assert changes(after).keys() == {"Ana Visible"}
    assert after["redacted"] == {
        "before": {**NOBODY["before"], "reported": 1},
        "after": {**NOBODY["after"], "confirmed": 1},
    }
    # Without the filter, or with one by a public value, she is listed by pseudonym.
    for filters in ({}, {"occurred_from": "2026-01-08"}):
        moments = {"from": DAYS[1], "until": DAYS[3], "from_recorded": recorded}
        names = changes(desk.api.get("/v1/differences", **moments, **filters)).keys()
        assert len(names) == 2
        assert "Graciela Reservada" not in names
    # Only what the public may know of her changed.
    since = desk.api.get("/v1/differences", from_recorded=recorded, until=DAYS[3], sex="female")
    assert (since["items"], since["redacted"]) == ([], NOBODY)
    assert since["totals"]["before"]["confirmed"] - since["totals"]["after"]["confirmed"] == 1
    assert "none is known to have ceased to be" in since["citation"]["sentence"]["en"]
    # A key of scope `edit` gets all of it without a citation, and the ledger notes the reading.
    seq = editor.get("/v1/changes", limit=200)["items"][-1]["seq"]
    whole = editor.get("/v1/differences", **query, from_recorded=recorded)
    assert changes(whole).keys() == {"Graciela Reservada", "Ana Visible"}
    assert whole["citation"] is None
    [entry] = editor.get("/v1/changes", after=seq)["items"]
    assert (entry["action"], entry["resource_id"]) == ("read", person_of(desk, event))


def test_pages_go_on_after_people_who_are_not_listed(desk: Desk) -> None:
    names = ("Ana Visible", "Eva Visible", "Ida Visible")
    events = [desk.release(name, [DAYS[0], DAYS[2]], sex="female") for name in names]
    first, *others = sorted(person_of(desk, event) for event in events)
    query = {"from": DAYS[1], "until": DAYS[3], "sex": "female"}
    query["until_recorded"] = query["from_recorded"] = now(desk)
    desk.editor.patch(f"/v1/detainees/{first}", {"withheld": True})
    page = desk.api.get("/v1/differences", limit=1, **query)
    seen = [item["detainee"]["id"] for item in page["items"]]
    while page["next"] is not None:
        page = desk.api.get("/v1/differences", limit=1, cursor=page["next"], **query)
        seen += [item["detainee"]["id"] for item in page["items"]]
    assert seen == others


def test_confirmation_that_ends_another_is_no_denial(desk: Desk) -> None:
    """A statement without a basis by the source that another one repeats leaves one chain fewer."""
    event = desk.release("Ana Repetida", [DAYS[0]])
    relay, origin = desk.sources[1:3]
    desk.editor.attest(event, relay, DAYS[0], basis="relayed", relays=[{"source_id": origin}])
    desk.editor.attest(event, origin, DAYS[2], basis="unattributed")
    response = differences(desk.api, **{"from": DAYS[1], "until": DAYS[3]})
    assert changes(response) == {"Ana Repetida": ("confirmed", "reported", DAYS[2])}
    assert because(response) == {"Ana Repetida": [("attestation", "published", "Fuente 2")]}
    sentence = response["citation"]["sentence"]
    assert sentence["en"].endswith(" and one ceased to be.")
    assert sentence["es"].endswith(" y una dejó de estarlo.")


def test_confidential_source_is_named_by_its_organisation(desk: Desk) -> None:
    editor, organisation = desk.editor, desk.sources[5]
    body = {"name": "Testigo Secreto", "kind": "witness", "confidential": True}
    secret = editor.post("/v1/sources", {**body, "vouched_by": organisation})["id"]
    event = desk.release("Ana Otero", [DAYS[0]])
    statement = editor.attest(event, secret, DAYS[2])["id"]
    query = {"from": DAYS[1], "until": DAYS[3]}
    for api, name in ((desk.api, "Fuente 5"), (editor, "Testigo Secreto")):
        response = differences(api, **query)
        assert because(response) == {"Ana Otero": [("attestation", "published", name)]}
    # Its words are not those of the organisation.
    body = {"retracted_at": DAYS[3]}
    editor.post(f"/v1/attestations/{statement}/retraction", body, 200)
    query = {"from": DAYS[2], "until": DAYS[3]}
    for api in (desk.api, editor):
        sentence = differences(api, **query)["citation"]["sentence"]
        assert ": a confidential source of Fuente 5 retracted its statement." in sentence["en"]
        assert ": una fuente confidencial de Fuente 5 retiró su declaración." in sentence["es"]
