"""The list of possible duplicates: merged or distinguished pairs leave it."""

from typing import Any

import pytest

from api.database.queries import Connection
from api.identity import duplicates
from tests.conftest import Api

BORN = "1971-05-04"


def pairs(editor: Api, resource: str) -> list[set[str]]:
    result = editor.get("/v1/duplicates", resource=resource, limit=200)
    assert result["next"] is None
    assert result["is_complete"]
    scores = [item["score"] for item in result["items"]]
    assert scores == sorted(scores, reverse=True)
    return [{item["first"]["id"], item["second"]["id"]} for item in result["items"]]


def readings(editor: Api, resource: str) -> list[str]:
    entries = editor.get("/v1/changes", limit=200)["items"]
    return [
        entry["resource_id"]
        for entry in entries
        if (entry["resource"], entry["action"]) == (resource, "read")
    ]


def enter(editor: Api, resource: str) -> list[str]:
    """Enter three records, each of which may be each of the others, and two others."""
    if resource == "source":
        names = ["Foro Penal", "Foro Penal Venezolano", "Foro Penal de Venezolano", "Una", "Otra"]
        return [editor.source(name) for name in names]
    people: list[dict[str, Any]] = [
        {"name": "Ana Lucía Otero Valdivia", "birth_date": BORN},
        {"name": "Ana Otero Valdivia", "birth_date": BORN},
        {"name": "Anna Otero Baldivia", "birth_date": BORN},
        {"name": "Boris Chacón"},
        {"name": "Emirlendris Benítez"},
    ]
    return [editor.detainee(**person) for person in people]


@pytest.mark.parametrize("resource", ["source", "detainee"])
def test_pairs_leave_the_list_when_decided(editor: Api, resource: str) -> None:
    ids = enter(editor, resource)
    first, second, third = ids[:3]
    expected = [{first, second}, {first, third}, {second, third}]
    key = {"source": "source_id", "detainee": "detainee_id"}[resource]
    path = f"/v1/{resource}s/"
    assert sorted(map(sorted, pairs(editor, resource))) == sorted(map(sorted, expected))
    item = editor.get("/v1/duplicates", resource=resource)["items"][0]
    for record in (item["first"], item["second"]):
        assert editor.get(record["link"])["name"] == record["name"]
    assert item["features"][0]["detail"]

    distinction = editor.post(f"{path}{third}/distinct-from", {key: first})
    assert {first, third} not in pairs(editor, resource)
    # The surviving record inherits that it is distinct.
    merge = editor.post(f"{path}{second}/merge", {"into": first})
    assert pairs(editor, resource) == []
    editor.send("DELETE", f"/v1/distinctions/{distinction['id']}")
    assert pairs(editor, resource) == [{first, third}]
    editor.send("DELETE", f"/v1/merges/{merge['id']}")
    assert len(pairs(editor, resource)) == 3


@pytest.mark.parametrize("hidden", [False, True])
def test_pairs_are_found_by_birth_date_and_identifier(
    editor: Api, conn: Connection, hidden: bool
) -> None:
    """Two of thirty homonyms were born on one day, and two people of other names share an id."""
    for n in range(30):
        editor.detainee("José Pérez", birth_date=f"19{50 + n}-01-0{1 + n % 9}")
    assert pairs(editor, "detainee") == []
    new = editor.detainee("José Pérez", birth_date="1950-01-01", withheld=hidden)
    (pair,) = pairs(editor, "detainee")
    assert new in pair
    editor.post(f"/v1/detainees/{new}/merge", {"into": (pair - {new}).pop()})

    ids = [editor.detainee(name) for name in ("Boris Chacón", "Mitzy Capriles")]
    for id in ids:
        conn.execute(
            "UPDATE detainees SET external_ids = "
            """'[{"scheme": "register", "value": "77"}]' WHERE id = %s""",
            [id],
        )
    assert pairs(editor, "detainee") == [set(ids)]


def test_readings_of_hidden_names_are_recorded(editor: Api) -> None:
    """A page records the hidden names that it shows, and so does the response to a creation."""
    voucher = editor.source("Observatorio")
    secret = {"confidential": True, "vouched_by": voucher}
    source = editor.source("Foro Penal", **secret)
    person = editor.detainee("Ana Otero Valdivia", birth_date="2015-05-04", age_group="minor")
    other = editor.detainee(
        "Ana Otero Valdivia", birth_date="2015-05-04", withheld=True, age_group="minor"
    )
    before = readings(editor, "source")
    assert editor.post("/v1/sources", {"name": "Foro Penal Venezolano", "kind": "ngo"})[
        "possible_duplicates"
    ]
    assert readings(editor, "source") == [*before, source]
    editor.get("/v1/duplicates", resource="source")
    assert readings(editor, "source") == [*before, source, source]
    before = readings(editor, "detainee")
    (item,) = editor.get("/v1/duplicates", resource="detainee")["items"]
    assert {item["first"]["name"], item["second"]["name"]} == {"Ana Otero Valdivia"}
    assert sorted(readings(editor, "detainee")[len(before) :]) == sorted([person, other])


@pytest.mark.parametrize("resource", ["source", "detainee"])
def test_blocks_of_any_size_have_each_pair_once(
    editor: Api, conn: Connection, resource: duplicates.Resource
) -> None:
    """A request reads one block. Decided pairs do not end the list before other pairs."""
    enter(editor, resource)
    expected = pairs(editor, resource)
    for max_records in (1, 2, 4, 5):
        listed_pairs, block = [], duplicates.Block([], duplicates.BEGINNING, is_last=False)
        while not block.is_last:
            block = duplicates.read_block(conn, resource, block.until, None, max_records)
            again = duplicates.read_block(conn, resource, duplicates.BEGINNING, block.until)
            listed_pairs += [{str(pair.first.id), str(pair.second.id)} for pair in block.pairs]
            assert again.until == block.until
        assert sorted(map(sorted, listed_pairs)) == sorted(map(sorted, expected))
    page = editor.get("/v1/duplicates", resource=resource, limit=2)
    rest = editor.get("/v1/duplicates", resource=resource, cursor=page["next"])
    assert (len(page["items"]), len(rest["items"]), rest["next"]) == (2, 1, None)


def test_a_block_ends_after_many_candidates(
    editor: Api, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(editor, "detainee")
    expected = pairs(editor, "detainee")
    monkeypatch.setattr(duplicates, "MAX_COMPARED", 1)
    listed_pairs, query = [], {"resource": "detainee", "limit": 1}
    page = editor.get("/v1/duplicates", **query)
    assert not page["is_complete"]
    while page["next"]:
        listed_pairs += page["items"]
        page = editor.get("/v1/duplicates", **query, cursor=page["next"])
    listed_pairs += page["items"]
    assert page["is_complete"]
    listed = [{item["first"]["id"], item["second"]["id"]} for item in listed_pairs]
    assert sorted(map(sorted, listed)) == sorted(map(sorted, expected))


def test_only_editors_list_pairs(api: Api) -> None:
    api.get("/v1/duplicates", 401, resource="source")
    api.scope("contribute").get("/v1/duplicates", 403, resource="source")
    # The scope is checked before the parameters.
    api.scope("admin").get("/v1/duplicates", 403)
    problem = api.scope("edit").get("/v1/duplicates", 422, resource="claim")
    assert [error["pointer"] for error in problem["errors"]] == ["/resource"]
