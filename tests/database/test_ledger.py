"""The ledger: a record as it stood at a moment is one entry, looked up."""

from typing import Any

from api.database import clock, queries
from api.database.queries import Connection
from tests.conftest import Api


def test_later_entries_of_a_record_are_not_read_at_a_past_moment(
    api: Api, conn: Connection
) -> None:
    """Their number would change the time of a response about a hidden person."""
    editor = api.scope("edit")
    person = editor.detainee("Mina Small", age_group="minor")
    moment = api.get("/v1/counts")["recorded_as_of"]
    for number in range(30):
        editor.patch(f"/v1/detainees/{person}", {"occupation": f"Job {number}"})
    conn.execute("ANALYZE ledger")
    conn.execute("SET enable_seqscan = off")
    query = "EXPLAIN (ANALYZE, FORMAT JSON) SELECT r.entry FROM recorded(%s, %s::timestamptz) r"
    ((plan,),) = (tuple(row) for row in conn.execute(query, [person, moment]).fetchall())
    scan = plan[0]["Plan"]
    while "Plans" in scan:
        (scan,) = scan["Plans"]
    assert rows_read(scan) == 1, scan


def test_moment_whose_finality_is_rolled_back_is_made_final_again(conn: Connection) -> None:
    moment = clock.now(conn)
    with conn.transaction(force_rollback=True):
        queries.run(conn, "ledger/advance", recorded_as_of=moment)
        clock.make_final(conn, None, moment)
    clock.make_final(conn, None, moment)
    assert queries.row(conn, "ledger/get_clock").recorded_at >= moment


def rows_read(scan: dict[str, Any]) -> int:
    """The rows that a scan read, with those that it left out."""
    removed = scan.get("Rows Removed by Filter", 0)
    return int(scan["Actual Rows"] + removed)
