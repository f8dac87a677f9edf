"""A cursor works for the list and the filters that it was issued for."""

from collections.abc import Mapping

import pytest

from api.rendering import pagination
from tests.problems import check_problem
from tests.whole_set.bad_input.lists import LISTS_WITH_CURSOR
from tests.whole_set.bad_input.world import World


@pytest.fixture(scope="module")
def cursors(shared_world: World) -> dict[str, str]:
    """A valid cursor of each list that has one."""
    world = shared_world
    by_list = {}
    for path in LISTS_WITH_CURSOR:
        if path == "/v1/detainees/$detainee/detentions":
            continue
        required = {"from": "2025-01-01"} if path == "/v1/differences" else {}
        by_list[path] = world.api.get(path, limit=1, **required)["next"]
    by_list["by event"] = world.api.get(
        "/v1/attestations", limit=1, release_event_id=world.records["event"]
    )["next"]
    by_list["by detainee"] = world.api.get(
        "/v1/release-events", limit=1, detainee_id=world.records["detainee"]
    )["next"]
    by_list["by name"] = world.api.get("/v1/detainees", limit=1, q="held")["next"]
    by_list["by kind"] = world.api.get("/v1/claims", limit=1, kind="announced")["next"]
    by_list["compared by kind"] = world.api.get("/v1/comparisons", limit=1, kind="announced")[
        "next"
    ]
    assert all(by_list.values())
    assert len(set(by_list.values())) == len(by_list)
    return by_list


def _refuses_cursor(world: World, path: str, cursor: str, **filters: str) -> None:
    response = world.api.send("GET", path, query_string={"cursor": cursor, **filters})
    problem = check_problem(response, "validation-error")
    assert [error["pointer"] for error in problem["errors"]] == ["/cursor"]


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/sources", "/v1/detainees", "/v1/release-events", "/v1/attestations"),
        *("/v1/claims", "/v1/comparisons"),
    ],
)
def test_cursor_of_another_list_is_refused(
    nothing_written: World, cursors: Mapping[str, str], path: str
) -> None:
    for name, cursor in cursors.items():
        if name != path:
            _refuses_cursor(nothing_written, path, cursor)


def test_cursor_of_another_filter_is_refused(
    nothing_written: World, cursors: Mapping[str, str]
) -> None:
    world, records = nothing_written, nothing_written.records
    _refuses_cursor(world, "/v1/attestations", cursors["by event"], source_id=records["source"])
    _refuses_cursor(
        world, "/v1/attestations", cursors["by event"], release_event_id=records["unattested"]
    )
    _refuses_cursor(
        world,
        "/v1/attestations",
        cursors["by event"],
        release_event_id=records["event"],
        source_id=records["source"],
    )
    _refuses_cursor(
        world, "/v1/release-events", cursors["by detainee"], detainee_id=records["held"]
    )
    _refuses_cursor(world, "/v1/detainees", cursors["by name"], q="marek")
    _refuses_cursor(world, "/v1/claims", cursors["by kind"], kind="released")
    _refuses_cursor(world, "/v1/claims", cursors["by kind"], source_id=records["source"])
    # The default kind is released.
    for kind in ("announced", "detained"):
        _refuses_cursor(world, "/v1/comparisons", cursors["/v1/comparisons"], kind=kind)
    for name, value in {
        "source_id": records["source"],
        "facility_id": records["facility"],
        "nationality": "VE",
        "age_group": "adult",
        "announcement_id": records["announcement"],
        "recorded_as_of": "2026-01-10T00:00:00Z",
        "format": "csv",
    }.items():
        _refuses_cursor(world, "/v1/comparisons", cursors["compared by kind"], **{name: value})


def test_cursor_works_with_other_presentation_parameters(
    world: World, cursors: Mapping[str, str]
) -> None:
    query = {"kind": "announced", "min_sources": 3, "time_zone": "America/Caracas"}
    assert world.api.get("/v1/comparisons", cursor=cursors["compared by kind"], **query)["items"]


def test_cursor_of_an_editor_is_refused_without_a_key(world: World) -> None:
    cursor = world.api.scope("edit").get("/v1/detainees", limit=1)["next"]
    _refuses_cursor(world, "/v1/detainees", cursor)


def test_cursor_with_a_valid_digest_but_no_position_is_refused(world: World) -> None:
    """The list has no such position."""
    id, hidden = world.records["detainee"], {"sees_hidden": False}
    searched = {**hidden, "q": "held"}
    cases = {
        f"{id}.": hidden,
        id: searched,
        "7": searched,
        "1234.": searched,
        f"{id}+short": searched,
    }
    for after, filters in cases.items():
        cursor = pagination.encode("listDetainees", filters, after)
        query = {"q": "held"} if "q" in filters else {}
        _refuses_cursor(world, "/v1/detainees", cursor, **query)
    for after in ("999.", f"7.{'A' * 800}"):
        cursor = pagination.encode("listDetainees", searched, after)
        assert world.api.get("/v1/detainees", q="held", cursor=cursor)["items"] == []


def test_cursor_with_a_changed_byte_is_refused(
    nothing_written: World, cursors: Mapping[str, str]
) -> None:
    cursor = cursors["/v1/sources"]
    for position in range(len(cursor)):
        letter = "A" if cursor[position] != "A" else "B"
        _refuses_cursor(
            nothing_written, "/v1/sources", cursor[:position] + letter + cursor[position + 1 :]
        )
    _refuses_cursor(nothing_written, "/v1/sources", cursor[:-1])
    _refuses_cursor(nothing_written, "/v1/sources", cursor + "A")
    world = nothing_written
    assert world.api.get("/v1/sources", cursor=cursor)["items"]
