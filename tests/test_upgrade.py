"""What was recorded by an earlier version counts as if it had been recorded by this one."""

from typing import Any

from api import case, verify
from api.queries import Connection
from tests.conftest import CASES, Api


def stored(conn: Connection) -> list[Any]:
    return [
        conn.execute(query).fetchall()
        for query in (
            # Without those that add nothing: people have come and gone.
            "SELECT property, value, grain, bucket::text, people FROM tallies "
            "WHERE people <> people_added(people, people) ORDER BY 1, 2, 3, 4",
            "SELECT detainee_id, published_from, standing, groups FROM standings "
            "WHERE recorded_until = 'infinity' ORDER BY 1, 2",
        )
    ]


def test_people_counted_before_there_were_groups_are_counted_again(
    conn: Connection, api: Api
) -> None:
    case.load(conn, CASES / "venezuela-2026-01-08.json", lambda _: None)
    noon = {"as_of": "2026-01-09T16:00:00Z"}
    before, whole = stored(conn), api.get("/v1/counts", **noon)
    recorded = {**noon, "recorded_as_of": whole["recorded_as_of"]}
    conn.execute("UPDATE standings SET groups = NULL")
    conn.execute("TRUNCATE tallies")
    said: list[str] = []

    verify.count_again(conn, said.append)

    assert said == ["3 people counted again"]
    assert stored(conn) == before
    by_sex = api.get("/v1/counts", **noon, group_by="sex")["groups"]
    assert [(group["value"], group["confirmed"]) for group in by_sex] == [
        ("female", 1),
        ("male", 0),
    ]
    # What was answered then is answered still; what people were grouped by was not known.
    assert api.get("/v1/counts", **recorded) == whole
    (unknown,) = api.get("/v1/counts", **recorded, group_by="sex")["groups"]
    assert (unknown["value"], unknown["confirmed"]) == (None, 1)
    verify.count_again(conn, said.append)
    assert len(said) == 1
