"""Counts that say how many hidden people they leave out."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from api.verification.counting import STATUSES
from tests.conftest import Api
from tests.stories.newsroom import Desk, figures

AT, LATER = "2026-01-09T10:00:00Z", "2026-01-10T10:00:00Z"
NOBODY = dict.fromkeys(STATUSES, 0)
HIDDEN = {"age_group": "minor", "sex": "female", "nationalities": ["VE"]}


class Prison:
    """Four minors, confirmed, and one reported, whose group is not disclosed; and a named man."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.id, self.other = (
            desk.editor.post("/v1/facilities", {"name": name, "country": "VE"})["id"]
            for name in ("El Helicoide", "Rodeo I")
        )
        for n in range(4):
            sources = [AT, AT] if n < 3 else [AT]
            desk.release(f"Menor {n}", sources, facility=self.id, kind="full", **HIDDEN)
        desk.release("Juan Visible", [AT, AT], facility=self.id, sex="male", age_group="adult")

    def filters(self) -> list[dict[str, str]]:
        """Filters that the minors meet."""
        return [
            {"age_group": "minor"},
            {"sex": "female"},
            {"nationality": "VE"},
            {"facility_id": self.id, "age_group": "minor"},
            {"age_group": "minor", "release_kind": "full", "occurred_until": "2026-01-08"},
        ]


@pytest.fixture
def prison(desk: Desk) -> Prison:
    return Prison(desk)


def test_filtered_counts_say_how_many_people_they_leave_out(prison: Prison) -> None:
    desk = prison.desk
    for filters in prison.filters():
        for moments in ({}, {"as_of": LATER}, {"as_of": LATER, "recorded_as_of": _now(desk)}):
            counts = desk.counts(**filters, **moments)
            assert figures(counts, STATUSES) == NOBODY, filters
            assert counts["undisclosed"] == {**NOBODY, "confirmed": 3, "reported": 1}, filters
            sentence = counts["citation"]["sentence"]
            assert ", no release (counting only " in sentence["en"]
            assert ") was known to be confirmed by two" in sentence["en"]
            assert sentence["en"].endswith("; four further people are counted only in the total.")
            assert ", no constaba ninguna excarcelación (contando solo " in sentence["es"]
            assert ") confirmada por dos" in sentence["es"]
            assert sentence["es"].endswith("; cuatro personas más se cuentan solo en el total.")
            full = desk.editor.get("/v1/counts", **filters, **moments)
            assert figures(full, STATUSES) == {**NOBODY, "confirmed": 3, "reported": 1}, filters
            assert (full["undisclosed"], full["citation"]) == (None, None)
    assert desk.counts()["undisclosed"] is None
    # A filter by what is disclosed leaves nobody out.
    counts = desk.counts(release_kind="full")
    assert (counts["confirmed"], counts["undisclosed"]) == (3, NOBODY)


def test_value_that_is_disclosed_excludes_hidden_people(prison: Prison) -> None:
    """The fifth minor discloses the age group, so that no minor may be an adult."""
    desk = prison.desk
    assert desk.counts(age_group="adult")["undisclosed"]["confirmed"] == 3
    desk.release("Menor 5", facility=prison.other, age_group="minor")
    assert desk.counts(age_group="adult")["undisclosed"] == NOBODY
    assert desk.counts(age_group="minor")["confirmed"] == 3
    # Their sex is still undecided, whether it is recorded or not; the facility of the four as well.
    assert desk.counts(sex="other")["undisclosed"]["confirmed"] == 3
    assert desk.counts(age_group="adult", sex="other")["undisclosed"] == NOBODY
    assert desk.counts(facility_id=prison.other)["undisclosed"]["confirmed"] == 3


@pytest.mark.parametrize("group_by", ["facility_id", "nationality", "age_group", "sex"])
def test_groups_say_how_many_people_have_none(prison: Prison, group_by: str) -> None:
    desk = prison.desk
    counts = desk.counts(group_by=group_by)
    undisclosed = {**NOBODY, "confirmed": 3, "reported": 1}
    assert counts["undisclosed"] == undisclosed
    assert sum(group["confirmed"] for group in counts["groups"]) == counts["confirmed"] == 4
    assert counts == {**desk.counts(group_by=group_by, recorded_as_of=_now(desk)), **_cited(counts)}
    # From release events instead of rollups.
    filtered = desk.counts(group_by=group_by, occurred_from="1999-01-01")
    assert (filtered["groups"], filtered["undisclosed"]) == (counts["groups"], undisclosed)
    full = desk.editor.get("/v1/counts", group_by=group_by)
    value = {"facility_id": prison.id, "nationality": "VE", **HIDDEN}[group_by]
    assert value in [group["value"] for group in full["groups"]]
    assert full["citation"] is None


def test_timeline_says_how_many_people_it_leaves_out(prison: Prison) -> None:
    for filters in prison.filters():
        for record_time in ({}, {"recorded_as_of": _now(prison.desk)}):
            timeline = prison.desk.timeline(
                "2026-01-09", "2026-01-10", "day", "UTC", **filters, **record_time
            )
            for item in timeline["items"]:
                assert figures(item, STATUSES) == NOBODY
                assert item["undisclosed"] == {**NOBODY, "confirmed": 3, "reported": 1}
            sentence = timeline["citation"]["sentence"]
            assert ") known to be confirmed by" in sentence["en"]
            assert " was 0 at both moments; four further people are counted" in sentence["en"]
            assert ") que constaban como confirmadas por" in sentence["es"]
            assert " era 0 en ambos momentos; cuatro personas más se cuentan" in sentence["es"]


def test_claim_that_may_be_true_is_within_what_is_documented(prison: Prison) -> None:
    desk = prison.desk
    for scope in (
        {"age_group": "minor"},
        {"nationality": "VE"},
        {"facility_id": prison.other},
        {"age_group": "minor", "facility_id": prison.id, "window_start": "2026-01-01"},
    ):
        for value, verdict in ((0, "within"), (3, "within"), (4, "within"), (5, "above")):
            claim = desk.claim(desk.sources[0], "released", LATER, value=value, **scope)
            comparison = desk.comparison(claim)
            assert comparison["verdict"] == f"{verdict}_documented", (scope, value)
            assert comparison["undisclosed"] == {**NOBODY, "confirmed": 3, "reported": 1}
            sentence = comparison["citation"]["sentence"]["en"]
            assert "; no release was known to be confirmed by two" in sentence
            assert sentence.endswith("; four further people are counted only in the total.")


def test_key_of_scope_contribute_does_not_disclose_a_group(desk: Desk) -> None:
    """Neither its people nor its detentions count, nor do named people, until an editor accepts."""
    editor, writer = desk.editor, desk.api.scope("contribute")
    prison = editor.post("/v1/facilities", {"name": "El Helicoide", "country": "VE"})["id"]

    def enter(by: Api, name: str, **properties: Any) -> str:
        person = by.detainee(name, **properties)
        by.detention(person, facility_id=prison)
        return person

    def disclosed(person: str) -> tuple[str, str | None]:
        record = desk.api.get(f"/v1/detainees/{person}")
        return record["age_group"], record["detention"]["facility_id"]

    minor = enter(editor, "Menor", age_group="minor")
    invented = [writer.detainee(f"Nadie {n}", age_group="minor") for n in range(4)]
    proposals = [
        writer.post(f"/v1/detainees/{person}/detentions", {"facility_id": prison}, 202)["id"]
        for person in invented
    ]
    assert disclosed(minor) == ("unknown", None)
    # Nor do imported minors, and named people cannot be made minors.
    properties = {"age_group": "minor", "facility": "El Helicoide", "detained_on": "2024"}
    rows = [{"name": f"Importada {n}", **properties} for n in "ABCD"]
    lines = "\n".join(json.dumps(row) for row in rows)
    preview = writer.send(
        "POST", "/v1/imports", data=lines, content_type="application/x-ndjson"
    ).get_json()
    assert preview["totals"]["new"] == 4
    writer.post(f"/v1/imports/{preview['id']}/apply", {"decisions": []}, 200)
    for n in range(4):
        named = enter(writer, f"Nombrada {n}")
        for change in ({"age_group": "minor"}, {"withheld": True}):
            writer.patch(f"/v1/detainees/{named}", change, 403)
        writer.patch(f"/v1/detainees/{named}", {"birth_date": "2015-01-01"}, 422)
    # Its changes of an accepted person leave them accepted.
    change = writer.send("PATCH", f"/v1/detainees/{minor}", json={"sex": "male"})
    assert change.status_code == 202
    editor.post(f"/v1/proposals/{change.get_json()['id']}/accept", None, 200)
    assert disclosed(minor) == ("unknown", None)
    # Named people of an age group do not disclose that of a withheld person.
    adult = enter(editor, "Oculta", age_group="adult", withheld=True)
    for n in range(4):
        enter(editor, f"Visible {n}", age_group="adult")
    assert disclosed(adult) == ("unknown", None)
    for person in invented[:3]:
        editor.patch(f"/v1/detainees/{person}", {"occupation": "student"})
    assert disclosed(minor) == ("unknown", None)
    editor.patch(f"/v1/detainees/{invented[3]}", {"occupation": "student"})
    # Their detentions are proposals of the other key.
    for proposal in proposals:
        assert disclosed(minor) == ("minor", None)
        editor.post(f"/v1/proposals/{proposal}/accept", None, 200)
    assert disclosed(minor) == ("minor", prison)
    # Nor do detentions that it moved to a facility before their people were hidden.
    other = editor.post("/v1/facilities", {"name": "Rodeo I", "country": "VE"})["id"]
    for n in range(5):
        moved = enter(editor, f"Trasladada {n}")
        detention = desk.api.get(f"/v1/detainees/{moved}")["detention"]["id"]
        writer.patch(f"/v1/detentions/{detention}", {"facility_id": other})
        editor.patch(f"/v1/detainees/{moved}", {"age_group": "minor"})
    assert disclosed(moved) == ("minor", None)


def _now(desk: Desk) -> str:
    moment: str = desk.counts()["recorded_as_of"]
    return moment


def _cited(counts: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: counts[name] for name in ("as_of", "recorded_as_of", "citation", "people")}
