"""Counts: groups and filters."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from api.rendering import pagination
from api.verification.counting import FIGURES, PROPERTIES
from tests.conftest import Api
from tests.stories.newsroom import Desk, Population, figures


def test_groups_sum_to_the_total(population: Population) -> None:
    desk, filters = population
    recorded = desk.counts()["recorded_as_of"]
    at = "2026-01-14T06:00:00Z"
    moments: list[dict[str, str]] = [{}, {"as_of": at}, {"as_of": at, "recorded_as_of": recorded}]
    each_filter = [{}, *({name: value} for name, value in filters.items())]
    for filter, required, moment in itertools.product(each_filter, range(1, 6), moments):
        parameters: dict[str, Any] = {**filter, **moment, "min_sources": required}
        total = figures(desk.counts(**parameters))
        for group_by in PROPERTIES:
            response = desk.counts(group_by=group_by, **parameters)
            assert figures(response) == total, parameters
            sums = {n: sum(group[n] for group in response["groups"]) for n in FIGURES}
            assert sums == total, (group_by, parameters)
            values = [group["value"] for group in response["groups"]]
            assert len(values) == len(set(values))


def test_groups_are_equal_by_every_way_of_counting(population: Population) -> None:
    """Counts from status rollups, for a record time, and event by event with a filter."""
    desk, _ = population
    recorded = desk.counts()["recorded_as_of"]
    moments = ("2026-01-12T05:07:20.5Z", "2026-01-14T05:20:00Z", recorded)
    for group_by, required, as_of in itertools.product(PROPERTIES, range(1, 6), moments):
        parameters = {"group_by": group_by, "as_of": as_of, "min_sources": required}
        groups = desk.counts(**parameters)["groups"]
        assert groups
        for other_parameters in (
            {"recorded_as_of": recorded},
            {"occurred_from": "1999-01-01"},
            {"occurred_from": "1999-01-01", "recorded_as_of": recorded},
        ):
            assert desk.counts(**parameters, **other_parameters)["groups"] == groups, (
                parameters,
                other_parameters,
            )


def test_unknown_values_form_a_group_without_a_value(population: Population) -> None:
    desk, filters = population
    expected: Mapping[str, Mapping[str | None, int]] = {
        # No property of the minor is disclosed.
        "facility_id": {filters["facility_id"]: 1, None: 3},
        # A person with two nationalities counts in the first one.
        "nationality": {"VE": 2, None: 3},
        "age_group": {"adult": 2, None: 3},
        "sex": {"female": 2, "other": 1, None: 2},
        # The kind of the fourth release is unknown.
        "release_kind": {"exile": 1, "full": 2, "conditional": 1, None: 1},
        "announcement_id": {filters["announcement_id"]: 1, None: 3},
        "occurred_on": {"2026-01-08": 2, "2026-01-09": 1, "2026-01-12": 2},
    }
    for group_by, groups in expected.items():
        response_groups = desk.counts(group_by=group_by, min_sources=1)["groups"]
        people = {
            group["value"]: sum(group[name] for name in FIGURES if name != "rearrested")
            for group in response_groups
        }
        assert sum(people.values()) == 5
        assert groups.items() <= people.items(), group_by
    assert desk.counts()["groups"] is None


def test_groups_have_the_names_of_their_values(population: Population) -> None:
    desk, filters = population
    for group_by, value, name in (
        ("facility_id", filters["facility_id"], "El Helicoide"),
        ("announcement_id", filters["announcement_id"], "Fuente 0"),
        ("nationality", "VE", "Venezuela"),
    ):
        counts = desk.counts(group_by=group_by)
        labels = {group["value"]: group["label"] for group in counts["groups"]}
        assert (labels[value], labels[None]) == (name, None)
    assert {group["label"] for group in desk.counts(group_by="sex")["groups"]} == {None}
    # A new name is in no digest, and in no answer of the past.
    cited = desk.counts(group_by="facility_id", sex="female")["citation"]["url"]
    before = desk.api.get(cited)
    desk.editor.patch(f"/v1/facilities/{filters['facility_id']}", {"name": "Otro nombre"})
    assert desk.api.get(cited) == before


def test_person_with_two_events_counts_by_the_stronger_status(desk: Desk) -> None:
    """The person counts in the group of that event, which depends on the required sources."""
    editor = desk.editor
    man = editor.detainee("Fermín Otero", nationalities=["VE"])
    editor.detention(man, detained_on="2025")
    at = "2026-02-08T12:00:00Z"
    january, february = (editor.event(man, day) for day in ("2026-01-08", "2026-02-07"))
    for source in desk.sources[:3]:
        editor.attest(january, source, at, release_kind="exile")
    editor.attest(january, desk.sources[3], at, stance="denies")
    for source in desk.sources[:2]:
        editor.attest(february, source, at, release_kind="full")

    def group(by: str, required: int) -> tuple[str | None, str]:
        [group_counts] = desk.counts(group_by=by, min_sources=required)["groups"]
        [status] = [name for name in FIGURES if group_counts[name]]
        assert group_counts[status] == 1
        return group_counts["value"], status

    # With one or two required sources both events are confirmed, and the later day counts. With
    # three or more one event is disputed, which is stronger than the other's reported.
    for required, day, kind, status in (
        (1, "2026-02-07", "full", "confirmed"),
        (2, "2026-02-07", "full", "confirmed"),
        (3, "2026-01-08", "exile", "disputed"),
        (5, "2026-01-08", "exile", "disputed"),
    ):
        assert group("occurred_on", required) == (day, status)
        assert group("release_kind", required) == (kind, status)
    assert group("nationality", 2) == ("VE", "confirmed")
    # A filter by day excludes the other event.
    group_counts = desk.counts(group_by="occurred_on", occurred_until="2026-01-31", min_sources=2)
    assert [group["value"] for group in group_counts["groups"]] == ["2026-01-08"]


@pytest.mark.parametrize("strongest", [0, 1])
def test_releases_before_and_after_a_rearrest_of_one_day_count_once(
    desk: Desk, strongest: int
) -> None:
    """A person is released in the morning, detained at noon and released that night."""
    editor, at = desk.editor, "2026-01-09T12:00:00Z"
    announcements = [
        desk.claim(desk.sources[5], "announced", "2026-01-08T22:00:00Z")["id"] for _ in range(2)
    ]
    man = editor.detainee("Fermín Otero")
    for i, (detained_on, announcement) in enumerate(
        zip(("2025", "2026-01-08"), announcements, strict=True)
    ):
        detention = editor.detention(man, detained_on=detained_on)
        event = editor.event(
            man, "2026-01-08", detention_id=detention, announcement_id=announcement
        )
        for source in desk.sources[: 3 if i == strongest else 2]:
            editor.attest(event, source, at)
    values = set()
    for filters in ({}, {"occurred_from": "2026-01-08"}):
        [group] = desk.counts(group_by="announcement_id", **filters)["groups"]
        values.add(group["value"])
        assert (group["confirmed"], group["rearrested"]) == (1, 0)
    # The detention released with more sources decides the group, whichever was entered first.
    assert values == {announcements[strongest]}
    first = desk.counts(announcement_id=announcements[0])
    assert (first["confirmed"], first["rearrested"]) == (1, 1)


@pytest.mark.parametrize(
    ("path", "query"),
    [("/v1/counts", {}), ("/v1/counts/timeline", {"from": "2026-01-08", "until": "2026-01-10"})],
)
def test_filter_that_cannot_match_is_refused(
    desk: Desk, path: str, query: Mapping[str, str]
) -> None:
    at = "2026-01-09T10:00:00Z"
    facility = desk.editor.post("/v1/facilities", {"name": "Rodeo I", "country": "VE"})["id"]
    announcement = desk.claim(desk.sources[0], "announced", at)["id"]
    released = desk.claim(desk.sources[0], "released", at, value=11)["id"]
    unknown = "019b9f3e-1a01-4b52-8c11-3f5d2e7a9001"
    backwards = {"occurred_from": "2026-01-09", "occurred_until": "2026-01-08"}
    for filters, pointers in (
        ({"facility_id": unknown}, {"/facility_id"}),
        ({"facility_id": announcement}, {"/facility_id"}),
        ({"facility_id": announcement, "announcement_id": announcement}, {"/facility_id"}),
        ({"announcement_id": unknown}, {"/announcement_id"}),
        ({"announcement_id": released}, {"/announcement_id"}),
        (backwards, {"/occurred_until"}),
        (
            {"facility_id": unknown, "announcement_id": released, **backwards},
            {"/facility_id", "/announcement_id", "/occurred_until"},
        ),
    ):
        problem = desk.api.get(path, 422, **query, **filters)
        assert problem["type"] == "/problems/validation-error"
        assert {error["pointer"] for error in problem["errors"]} == pointers, filters
    # Counts may be zero, and a day may be both the first and the last.
    one_day = {"occurred_from": "2026-01-08", "occurred_until": "2026-01-08"}
    for filters in ({"facility_id": facility}, {"announcement_id": announcement}, one_day):
        desk.api.get(path, **query, **filters)


def test_counts_by_properties_of_people(api: Api) -> None:
    editor = api.scope("edit")
    facility = editor.post("/v1/facilities", {"name": "La Tejera", "country": "VE"})["id"]
    sources = [editor.source(name) for name in ("Puertas Abiertas", "Correo")]
    for i, (sex, nationalities) in enumerate(
        [("female", ["VE", "ES"]), ("male", ["VE"]), (None, [])]
    ):
        person = editor.detainee(f"Persona {i}", sex=sex, nationalities=nationalities)
        editor.detention(person, detained_on="2024", facility_id=facility if i < 2 else None)
        event = editor.event(person, f"2026-01-{8 + i:02}")
        for source in sources[: 2 - i % 2]:
            editor.attest(
                event, source, "2026-01-10T10:00:00Z", release_kind="exile" if i == 0 else "full"
            )

    def count(**filters: Any) -> tuple[int, int]:
        counts = api.get("/v1/counts", **filters)
        recorded = api.get("/v1/counts", recorded_as_of=counts["recorded_as_of"], **filters)
        assert {name: recorded[name] for name in FIGURES} == {
            name: counts[name] for name in FIGURES
        }
        return counts["confirmed"], counts["reported"]

    assert count() == (2, 1)
    assert count(sex="female") == (1, 0)
    assert count(nationality="VE") == (1, 1)
    assert count(nationality="ES", sex="male") == (0, 0)
    assert count(facility_id=facility) == count(country="VE") == (1, 1)
    assert count(country="VE", sex="female") == (1, 0)
    # A country without facilities may have had one when its counts were cited.
    assert count(country="CO") == count(country="CO", facility_id=facility) == (0, 0)
    assert count(age_group="unknown") == (2, 1)
    assert count(release_kind="exile") == (1, 0)
    assert count(release_kind="full") == (1, 1)
    assert count(occurred_from="2026-01-09") == (1, 1)
    assert count(occurred_from="2026-01-09", occurred_until="2026-01-09") == (0, 1)
    assert count(min_sources=1) == (3, 0)
    assert count(min_sources=3) == (0, 3)


# The people behind a count.

NOBODY = dict.fromkeys(FIGURES, 0)


def people(api: Api, **query: Any) -> tuple[list[Any], Mapping[str, int]]:
    """Return the people behind a count, from pages of two, and how many of them are redacted."""
    page = api.get("/v1/counts/people", limit=2, **query)
    items, redacted = page["items"], page["redacted"]
    while page["next"] is not None:
        page = api.get("/v1/counts/people", limit=2, cursor=page["next"], **query)
        items += page["items"]
    return items, redacted


def names(items: Sequence[Any]) -> set[str]:
    return {item["detainee"]["name"] for item in items}


def test_people_behind_a_count_are_as_many(population: Population) -> None:
    desk, filters = population
    for filter in [{}, *({name: value} for name, value in filters.items())]:
        for required in (1, 2, 4):
            query = {**filter, "min_sources": required}
            items, redacted = people(desk.api, **query)
            listed = {name: [item["status"] for item in items].count(name) for name in FIGURES}
            listed["rearrested"] = sum(item["rearrested"] for item in items)
            counts = desk.counts(**query)
            assert (listed, redacted) == (figures(counts), NOBODY), query
            assert desk.api.get(counts["people"])["items"] == items
    for figure, number in figures(desk.counts()).items():
        response = desk.api.send("GET", f"/v1/counts/people?status={figure}")
        assert len(response.get_json()["items"]) == number, figure


def test_list_of_people_has_the_confirmed_ones(desk: Desk) -> None:
    facility = desk.editor.post("/v1/facilities", {"name": "Rodeo I", "country": "VE"})["id"]
    at = ["2026-01-09T10:00:00Z", "2026-01-09T12:00:00Z", "2026-01-09T14:00:00Z"]
    event = desk.release("Rocío Ánima", at, facility=facility, kind="full")
    desk.release("Otro", at[:1])
    response = desk.api.send("GET", "/v1/counts/people?status=confirmed")
    [item] = response.get_json()["items"]
    assert item == {
        "detainee": {
            "id": desk.editor.get(f"/v1/release-events/{event}")["detainee_id"],
            "name": "Rocío Ánima",
            "is_named": True,
        },
        "status": "confirmed",
        "since": at[1],
        "rearrested": False,
        "release_event_id": event,
        "occurred_on": "2026-01-08",
        "release_kind": "full",
        "facility": {"id": facility, "name": "Rodeo I"},
        "independent_sources": 3,
        "independent_denials": 0,
    }
    # Another number of sources, and an earlier moment.
    [item, _] = sorted(people(desk.api, min_sources=3)[0], key=lambda item: item["status"])
    assert (item["status"], item["since"]) == ("confirmed", at[2])
    [item] = people(desk.api, as_of=at[0], occurred_from="2026-01-08", release_kind="full")[0]
    assert (item["status"], item["since"]) == ("reported", at[0])
    for required, since in enumerate(at, 1):
        for query in ({}, {"recorded_as_of": response.get_json()["recorded_as_of"]}):
            query |= {"status": "confirmed", "facility_id": facility, "min_sources": required}
            page = desk.api.send("GET", "/v1/release-events", query_string=query).get_json()
            [listed] = page["items"]
            assert (listed["id"], listed["verification"]["since"]) == (event, since)
    csv = desk.api.send("GET", "/v1/counts/people?status=confirmed&format=csv").text
    assert "Rocío Ánima,true,confirmed,2026-01-09T12:00:00.000000Z" in csv
    assert "Rodeo I" in csv
    # Of somebody who was withheld since, the public may no longer know the facility.
    person = item["detainee"]["id"]
    desk.editor.patch(f"/v1/detainees/{person}", {"withheld": True})
    moments = {name: response.get_json()[name] for name in ("as_of", "recorded_as_of")}
    for caller, shown in ((desk.api, None), (desk.editor, facility)):
        [place] = [
            i["facility"] for i in people(caller, **moments)[0] if i["status"] == "confirmed"
        ]
        assert (place and place["id"]) == shown


def test_list_of_people_stays_as_it_began(desk: Desk) -> None:
    """Its first page decides the moments, so that later entries change none of its pages."""
    at = "2026-01-09T10:00:00Z"
    events = [desk.release(f"Persona {n}", [at]) for n in range(5)]
    start = desk.api.get("/v1/counts/people", limit=200)["items"]
    page = desk.api.get("/v1/counts/people", limit=2)
    seen = page["items"]
    desk.release("Persona nueva", [at])
    for event in events:
        desk.editor.attest(event, desk.sources[1], at)
        desk.editor.post(f"/v1/release-events/{event}/void", {"reason": "Entered twice."}, 200)
    while page["next"] is not None:
        page = desk.api.get("/v1/counts/people", limit=2, cursor=page["next"])
        seen += page["items"]
    assert seen == start
    assert names(people(desk.api)[0]) == {"Persona nueva"}


def test_person_withheld_since_is_listed_where_the_public_may_know_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list of the past has the person by pseudonym, but not under a filter by a value that is no
    longer public."""
    api, at = desk.api, "2026-01-09T10:00:00Z"
    properties = {"sex": "female", "nationalities": ["VE"], "age_group": "adult"}
    event = desk.release("Graciela Reservada", [at, at], **properties)
    person = desk.editor.get(f"/v1/release-events/{event}")["detainee_id"]
    before = desk.counts()
    moments = {name: before[name] for name in ("as_of", "recorded_as_of")}
    assert names(people(api, **moments)[0]) == {"Graciela Reservada"}
    # The values are those of that record.
    desk.editor.patch(f"/v1/detainees/{person}", {"nationalities": ["CO"]})
    for query, listed in ((moments, {"Graciela Reservada"}), ({}, set())):
        assert names(people(api, nationality="VE", **query)[0]) == listed
    desk.editor.patch(f"/v1/detainees/{person}", {"withheld": True})
    assert desk.counts(**moments) == before
    for query in (moments, {}):
        [item], redacted = people(api, occurred_from="2026-01-08", **query)
        assert item["detainee"]["id"] == person
        assert item["detainee"]["name"].startswith("Person ")
        assert (item["detainee"]["is_named"], redacted) == (False, NOBODY)
    for filter in ({"sex": "female"}, {"nationality": "VE"}, {"age_group": "adult"}):
        assert desk.counts(**moments, **filter)["confirmed"] == 1
        assert people(api, **moments, **filter) == ([], {**NOBODY, "confirmed": 1})
        assert people(api, **filter) == ([], NOBODY)
    # Nor does the end of a page tell whether the person has the value of the filter.
    with monkeypatch.context() as few:
        few.setattr(pagination, "MAX_SCANNED", 1)
        for filter in ({"sex": "female"}, {"nationality": "VE"}, {"age_group": "adult"}):
            assert api.get("/v1/counts/people", **moments, **filter)["next"] is None, filter
    csv = api.send("GET", "/v1/counts/people", query_string={**moments, "format": "csv"}).text
    assert "Graciela" not in csv
    assert person in csv
    # An editor sees the name, and the ledger notes the reading.
    last = desk.editor.get("/v1/changes", limit=200)["items"][-1]["seq"]
    [item], _ = people(desk.editor, **moments, sex="female")
    assert (item["detainee"]["name"], item["detainee"]["is_named"]) == ("Graciela Reservada", False)
    entries = desk.editor.get("/v1/changes", after=last)["items"]
    assert [(entry["action"], entry["resource_id"]) for entry in entries] == [("read", person)]


def test_records_merged_or_split_since(desk: Desk) -> None:
    """Two records that were counted apart are two items of one person. An event that was moved to a
    hidden person is redacted: the public sees no such split."""
    editor, at = desk.editor, "2026-01-09T10:00:00Z"
    first, second = (
        desk.release(name, [at], day=d)
        for name, d in (("Ana Otero", "2026-01-08"), ("Ana Ottero", "2026-01-08"))
    )
    person, other = (
        editor.get(f"/v1/release-events/{event}")["detainee_id"] for event in (first, second)
    )
    before = desk.counts()
    moments = {name: before[name] for name in ("as_of", "recorded_as_of")}
    merge = editor.post(f"/v1/detainees/{other}/merge", {"into": person})["id"]
    items, _ = people(desk.api, **moments)
    assert [item["detainee"]["id"] for item in items] == [person, person]
    assert {item["release_event_id"] for item in items} == {first}
    during = desk.counts()
    [item], _ = people(desk.api)
    assert item["detainee"]["name"] == "Ana Otero"
    editor.send("DELETE", f"/v1/merges/{merge}")
    assert names(people(desk.api, **moments)[0]) == {"Ana Otero", "Ana Ottero"}
    # A split moves a second event to a new person, who is then withheld.
    late = editor.event(person, "2026-02-08")
    editor.attest(late, desk.sources[1], "2026-02-09T10:00:00Z")
    counts = desk.counts()
    assert (during["reported"], counts["reported"]) == (1, 2)
    body = {"name": "Otra", "release_event_ids": [late]}
    new = editor.post(f"/v1/detainees/{person}/split", body)["new_detainee_id"]
    moments = {name: counts[name] for name in ("as_of", "recorded_as_of")}
    assert len(people(desk.api, **moments)[0]) == 2
    editor.patch(f"/v1/detainees/{new}", {"withheld": True})
    items, redacted = people(desk.api, **moments)
    assert (names(items), redacted) == ({"Ana Ottero"}, {**NOBODY, "reported": 1})
    assert len(people(editor, **moments)[0]) == 2
    # Nor does it see one that was moved from a hidden person.
    editor.patch(f"/v1/detainees/{new}", {"withheld": False})
    editor.patch(f"/v1/detainees/{person}", {"withheld": True})
    items, redacted = people(desk.api, **moments)
    assert (names(items), redacted) == ({"Ana Ottero"}, {**NOBODY, "reported": 1})


def test_merge_of_hidden_people_since_is_redacted(desk: Desk) -> None:
    """Two items of one hidden person would tell the public of the merge."""
    editor, at = desk.editor, "2026-01-09T10:00:00Z"
    hidden = [desk.release(f"Oculta {n}", [at], withheld=True) for n in range(2)]
    events = [*hidden, desk.release("Ana Visible", [at])]
    surviving, duplicate, visible = (
        editor.get(f"/v1/release-events/{event}")["detainee_id"] for event in events
    )
    before = desk.counts()
    moments = {name: before[name] for name in ("as_of", "recorded_as_of")}
    assert len(people(desk.api, **moments)[0]) == 3
    for n, merged in enumerate((duplicate, visible), 1):
        editor.post(f"/v1/detainees/{merged}/merge", {"into": surviving})
        items, redacted = people(desk.api, **moments)
        ids = [item["detainee"]["id"] for item in items]
        assert (ids.count(surviving), len(ids)) == (1, 3 - n)
        assert redacted == {**NOBODY, "reported": n}
        assert len(people(editor, **moments)[0]) == 3
    first = desk.api.get("/v1/counts/people", limit=1, **moments)
    assert first["next"] is None
    assert desk.counts(**moments) == before
