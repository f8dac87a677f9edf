"""Detentions: their order, and custody."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from api.records.detention_order import period
from tests.conftest import Api


def test_new_detention_requires_a_release_from_the_last(api: Api) -> None:
    writer = api.scope("contribute")
    person = writer.detainee("Fermín Otero")
    first = writer.detention(person, detained_on="2024-02")
    problem = writer.post(f"/v1/detainees/{person}/detentions", {"detained_on": "2026"}, 409)
    assert problem["type"] == "/problems/still-detained"
    writer.event(person, "2026-01-08")
    rearrest = writer.detention(person, detained_on="2026-01")
    assert writer.get(f"/v1/detainees/{person}")["detention"]["id"] == rearrest

    earlier = writer.detention(person, detained_on="2019-03-02")
    assert writer.get(f"/v1/detainees/{person}")["detention"]["id"] == rearrest
    detentions = api.get(f"/v1/detainees/{person}/detentions")["items"]
    assert {d["id"] for d in detentions} == {first, rearrest, earlier}
    # Released and detained again within a day.
    writer.event(person, "2019-03-02", detention_id=earlier)
    writer.detention(person, detained_on="2019-03-02")
    for day in ("2019-03", "2019-03-02"):
        writer.patch(f"/v1/detentions/{earlier}", {"detained_on": day})


def test_custody_follows_the_latest_detention(api: Api) -> None:
    editor = api.scope("edit")
    person = editor.detainee("Fermín Otero")
    path = f"/v1/detainees/{person}"
    assert api.get(path)["custody"] is None
    detention = editor.detention(person, whereabouts="unknown")
    assert api.get(path)["custody"] == "whereabouts_unknown"
    editor.patch(f"/v1/detentions/{detention}", {"whereabouts": "known"})
    assert api.get(path)["custody"] == "detained"
    event = editor.event(person, "2026-01-08")
    editor.attest(event, editor.source("Puertas Abiertas"), "2026-01-09T10:00:00Z")
    assert api.get(path)["custody"] == "detained"
    editor.attest(event, editor.source("Correo"), "2026-01-09T10:00:00Z")
    assert api.get(path)["custody"] == "released"
    assert api.get("/v1/counts")["rearrested"] == 0
    editor.detention(person)
    assert api.get(path)["custody"] == "detained"
    assert api.get("/v1/counts")["rearrested"] == 1


def rearrest(editor: Api, sex: str, *, is_entered_first: bool) -> tuple[str, str]:
    """Enter a person with two confirmed releases, and a later detention known by its month.

    Returns the person and the later detention.
    """
    person = editor.detainee("Ana Prueba", sex=sex)
    later = editor.detention(person, detained_on="2026-02") if is_entered_first else ""
    earlier = editor.detention(person, detained_on="2025-05-05")
    for day, published_at in (("2026-01-08", "2026-01-09"), ("2026-02-08", "2026-02-20")):
        event = editor.event(person, day, detention_id=earlier)
        for source in ("Una", "Otra"):
            editor.attest(
                event, editor.source(f"{source} {sex} {day}"), f"{published_at}T01:00:00Z"
            )
    return person, later or editor.detention(person, detained_on="2026-02")


@pytest.mark.parametrize("is_entered_first", [False, True])
def test_rearrest_counts_from_the_last_day_on_which_it_can_have_begun(
    api: Api, is_entered_first: bool
) -> None:
    """In each order of entry, and whatever is merged or sent again without a change."""
    editor = api.scope("edit")
    person, later = rearrest(editor, "female", is_entered_first=is_entered_first)
    days = ["2026-02-01", "2026-02-05", "2026-02-08", "2026-02-21", "2026-02-27", "2026-02-28"]

    def rearrested(**query: Any) -> list[int]:
        counts = [api.get("/v1/counts", as_of=f"{d}T00:00:00Z", **query) for d in days]
        assert [c["confirmed"] for c in counts] == [1] * len(days)
        return [c["rearrested"] for c in counts]

    def assert_counts() -> None:
        for query in (
            {},
            {"sex": "female"},
            {"recorded_as_of": api.get("/v1/counts")["recorded_as_of"]},
        ):
            assert rearrested(**query) == [0, 0, 0, 0, 0, 1]

    assert_counts()
    recorded = api.get("/v1/counts")["recorded_as_of"]
    editor.patch(f"/v1/detentions/{later}", {"detained_on": "2026-02"})
    assert_counts()
    editor.post(f"/v1/detainees/{editor.detainee('Anna Prueba')}/merge", {"into": person})
    assert_counts()
    sentence = api.get("/v1/counts", recorded_as_of=recorded)["citation"]["sentence"]
    assert "; one of the people released had been detained again" in sentence["en"]
    assert "; una de las personas excarceladas había sido detenida de nuevo" in sentence["es"]


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str | None, list[date]]]:
    """Draw a person's consecutive detentions, each with the days of its release events."""
    detentions: list[tuple[str | None, list[date]]] = []
    day = date(2015, 1, 1)
    for _ in range(draw(st.integers(2, 3))):
        day += timedelta(days=draw(st.integers(0, 500)))
        text = day.isoformat()[: draw(st.sampled_from([4, 7, 10]))]
        is_known = bool(detentions) or draw(st.booleans())
        days = []
        for _ in range(draw(st.integers(1, 2))):
            day += timedelta(days=draw(st.integers(4, 200)))
            days.append(day)
        detentions.append((text if is_known else None, days))
    if draw(st.booleans()):
        detentions[-1][1].clear()
    return detentions


def enter(
    editor: Api, country: str, history: Sequence[tuple[str | None, list[date]]], order: list[int]
) -> list[tuple[str, date]] | None:
    """Enter a person's detentions and release events in an order; return the release events.

    Refused ones are entered again after the others. None if some are refused to the end.
    """
    person = editor.detainee("Ana Prueba", nationalities=[country])
    entries: list[tuple[int, date | None]] = [
        (i, day) for i, (_, days) in enumerate(history) for day in (None, *days)
    ]
    pending = [entries[place] for place in order if place < len(entries)]
    detentions: dict[int, str] = {}
    events: list[tuple[str, date]] = []
    while pending:
        refused: list[tuple[int, date | None]] = []
        for i, day in pending:
            if day is None:
                path, body = f"/v1/detainees/{person}/detentions", {"detained_on": history[i][0]}
            elif i in detentions:
                path = "/v1/release-events"
                body = {"detainee_id": person, "occurred_on": str(day)}
                body["detention_id"] = detentions[i]
            else:
                refused.append((i, day))
                continue
            response = editor.send("POST", path, json=body)
            if response.status_code != 201:
                refused.append((i, day))
            elif day is None:
                detentions[i] = response.get_json()["id"]
            else:
                events.append((response.get_json()["id"], day))
        if len(refused) == len(pending):
            return None
        pending = refused
    return events


def test_rearrests_do_not_depend_on_the_order_of_entry(api: Api) -> None:
    editor = api.scope("edit")
    source = editor.source("Una")

    @settings(
        max_examples=15,
        phases=[Phase.generate],
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(histories(), st.permutations(range(9)))
    def check(history: list[tuple[str | None, list[date]]], order: list[int]) -> None:
        in_order = enter(editor, "VE", history, list(range(9)))
        shuffled = enter(editor, "ES", history, order)
        assert in_order is not None
        if shuffled is None:
            return  # Nothing is attested, so that neither person counts.
        for event, day in in_order + shuffled:
            editor.attest(event, source, f"{day + timedelta(days=1)}T00:00:00Z")
        moments = {day + timedelta(days=1) for _, day in in_order}
        moments |= {period(text)[1] for text, _ in history if text is not None}
        for moment in sorted(moments):
            as_of = f"{moment}T00:00:00Z"
            counts = api.get("/v1/counts", group_by="nationality", as_of=as_of, min_sources=1)
            figures = {g["value"]: (g["confirmed"], g["rearrested"]) for g in counts["groups"]}
            assert figures.get("VE") == figures.get("ES"), (history, order, moment)

    check()


def confirm(editor: Api, person: str, detention: str, day: str) -> None:
    """Enter a release event that two sources confirm a day later."""
    event = editor.event(person, day, detention_id=detention)
    at = f"{date.fromisoformat(day) + timedelta(days=1)}T00:00:00Z"
    for source in ("Una", "Otra"):
        editor.attest(event, editor.source(f"{source} {person} {day}"), at)


@pytest.mark.parametrize("is_hidden", [False, True])
def test_no_count_tells_the_day_of_a_hidden_persons_rearrest(api: Api, is_hidden: bool) -> None:
    """The re-arrest of a hidden person counts from its entry on. One that was entered before the
    person was hidden keeps its day, until the day is corrected."""
    editor = api.scope("edit")
    hides: dict[str, Any] = {"age_group": "minor"}
    person = editor.detainee("Luz Vega", **(hides if is_hidden else {}))
    confirm(editor, person, editor.detention(person, detained_on="2024"), "2026-01-08")
    again = editor.detention(person, detained_on="2026-03-17")
    editor.patch(f"/v1/detainees/{person}", hides)
    for day, was_rearrested in (("2026-03-16", 0), ("2026-03-18", int(not is_hidden))):
        assert rearrested_at(api, day) == was_rearrested
        listed = api.get(f"/v1/counts/people?status=rearrested&as_of={day}T00:00:00Z")
        assert len(listed["items"]) + listed["redacted"]["rearrested"] == was_rearrested
    assert rearrested_at(api) == 1
    query = {"from": "2026-03-14", "until": "2026-03-19", "bucket": "day"}
    timeline = api.get("/v1/counts/timeline", **query)["items"]
    assert {row["rearrested"] for row in timeline} == ({0} if is_hidden else {0, 1})
    editor.patch(f"/v1/detentions/{again}", {"detained_on": "2026-03-17", "charges": "Ninguno"})
    assert rearrested_at(api, "2026-03-18") == int(not is_hidden)
    editor.patch(f"/v1/detentions/{again}", {"detained_on": "2026-03-16"})
    assert (rearrested_at(api, "2026-03-18"), rearrested_at(api)) == (0, 1)


def test_merge_tells_no_day_of_a_hidden_persons_rearrest(api: Api) -> None:
    editor = api.scope("edit")
    person, hidden = editor.detainee("Luz Vega"), editor.detainee("Luz Vega", age_group="minor")
    confirm(editor, person, editor.detention(person, detained_on="2024"), "2026-01-08")
    again = editor.detention(person, detained_on="2026-03")
    editor.detention(hidden, detained_on="2026-03-17")
    merge = editor.post(f"/v1/detainees/{hidden}/merge", {"into": person})["id"]
    shown = editor.get(f"/v1/detainees/{person}")["detention"]
    assert (shown["id"], shown["detained_on"]) == (again, "2026-03-17")
    assert [rearrested_at(api, day) for day in ("2026-03-18", "2026-04-02", None)] == [0, 0, 1]
    editor.send("DELETE", f"/v1/merges/{merge}")
    assert [rearrested_at(api, day) for day in ("2026-03-18", "2026-04-02", None)] == [0, 1, 1]


def rearrested_at(api: Api, day: str | None = None) -> int:
    """Return the figure now or on a day, after a check that all ways of counting agree on it."""
    query = {} if day is None else {"as_of": f"{day}T00:00:00Z"}
    recorded = api.get("/v1/counts")["recorded_as_of"]
    figures = {
        api.get("/v1/counts", **query, **more, **filters)["rearrested"]
        for more in ({}, {"recorded_as_of": recorded})
        for filters in ({}, {"occurred_from": "2000-01-01"})
    }
    (figure,) = figures
    return int(figure)


def test_detention_that_began_before_the_release_is_no_rearrest(api: Api) -> None:
    """Even if it began after another reported day of release."""
    editor = api.scope("edit")
    person = editor.detainee("Ana Prueba")
    first = editor.detention(person, detained_on="2025-05-05")
    confirm(editor, person, first, "2026-01-08")
    confirm(editor, person, first, "2026-02-08")
    editor.detention(person, detained_on="2026-01-20")
    assert rearrested_at(api) == 0


def test_release_event_shows_when_its_detention_can_have_begun(api: Api) -> None:
    """The event needs no attestation for that."""
    editor = api.scope("edit")
    person = editor.detainee("Ana Prueba")
    first = editor.detention(person, detained_on="2025-05-05")
    confirm(editor, person, first, "2026-01-08")
    again = editor.detention(person, detained_on="2026")
    day_before, day = "2026-02-28", "2026-03-01"
    assert (rearrested_at(api, day), rearrested_at(api)) == (0, 1)
    event = editor.event(person, day, detention_id=again)
    assert (rearrested_at(api, day_before), rearrested_at(api, day)) == (0, 1)
    editor.patch(f"/v1/release-events/{event}", {"occurred_on": "2026-01-08"})
    assert rearrested_at(api) == 0
    editor.post(f"/v1/release-events/{event}/void", {"reason": "Entered twice."}, 200)
    assert (rearrested_at(api, day), rearrested_at(api)) == (0, 1)


@pytest.mark.parametrize("is_entered_first", [False, True])
def test_undated_detention_without_a_release_is_the_last(api: Api, is_entered_first: bool) -> None:
    """Even if it was entered first, with a release event that is void now."""
    editor = api.scope("edit")
    person = editor.detainee("Ana Prueba")
    if is_entered_first:
        mistaken = editor.event(person, "2020-01-01", detention_id=editor.detention(person))
    dated = editor.detention(person, detained_on="2024-02")
    confirm(editor, person, dated, "2025-01-01")
    if is_entered_first:
        assert rearrested_at(api) == 0
        body = {"reason": "It is about another person."}
        editor.post(f"/v1/release-events/{mistaken}/void", body, 200)
    else:
        editor.detention(person)
    assert rearrested_at(api) == 1
