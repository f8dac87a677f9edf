"""On a large store, every list is read from an index and no request reads a whole table."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import combinations
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from api import auth
from api.app import create_app
from api.contract import document
from api.database import connections, queries
from api.rendering import pagination
from tests.conftest import Api, cloned
from tests.support import open_pool
from tests.whole_set.large_store import LISTED, PAGE, SIZE, fill, record_id
from tests.whole_set.operations import CONTRACT, LISTS, operation_ids
from tests.whole_set.plans import costly_nodes, explain, explain_analyzed, explain_prepared
from tests.whole_set.readers import parse_csv, parse_ndjson
from tests.whole_set.session import Session
from tests.whole_set.test_lists import KEY_OF_ITEM

# Three blocks of a list.
SIZE_OF_BLOCKS = 2_500


Statements = list[tuple[Any, Any]]
"""All statements of all connections of this process, with their parameters."""


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Statements:
    run: Statements = []
    execute = psycopg.Cursor.execute

    def recorded_execute(cursor: Any, query: Any, params: Any = None, **options: Any) -> Any:
        run.append((query, params))
        return execute(cursor, query, params, **options)

    monkeypatch.setattr(psycopg.Cursor, "execute", recorded_execute)
    return run


@contextmanager
def filled(server: str, size: int, listed: int) -> Iterator[Any]:
    """Yield the API with and without an editor's key on a large store, and a connection to it."""
    with cloned(server) as url, connections.connect(url) as conn:
        fill(conn, size, listed)
        keys = {scope: auth.create_key(conn, "large", scope)[1] for scope in ("contribute", "edit")}
        with open_pool(url, 2) as pool:
            client = create_app(pool).test_client()
            public_api = Api(client, keys.__getitem__)
            yield SimpleNamespace(editor=public_api.scope("edit"), public_api=public_api, conn=conn)


@pytest.fixture(scope="module")
def large(server: str) -> Iterator[Any]:
    with filled(server, SIZE, LISTED) as store:
        yield store


@pytest.fixture(scope="module")
def store_of_blocks(server: str) -> Iterator[Any]:
    """A store whose lists have several blocks."""
    with filled(server, SIZE_OF_BLOCKS, SIZE_OF_BLOCKS + 1) as store:
        # An outdated index value: everybody is indexed under ES, and nobody has it.
        store.conn.execute(
            "INSERT INTO detainee_values SELECT 'nationality', 'ES', custody, hidden_group,"
            " detainee_id FROM detainee_values WHERE property = ''"
        )
        yield store


def each(filters: Mapping[str, Any], *more: int) -> list[Mapping[str, Any]]:
    """Return no filter, each filter, and all combinations of the sizes in `more`."""
    return [
        {name: filters[name] for name in names}
        for size in (0, 1, *more)
        for names in combinations(filters, size)
    ]


RELEASE_FILTERS = {
    "status": "reported",
    "as_of": "2026-01-03T00:00:00Z",
    "recorded_as_of": "2026-01-04T00:00:00Z",
    "detainee_id": record_id(2),
    "facility_id": record_id(1),
    "announcement_id": record_id(7, 10),
    "occurred_from": "2025-02-01",
    "occurred_until": "2025-03-01",
}
COUNT_FILTERS = {
    "facility_id": record_id(1),
    "country": "CO",
    "nationality": "VE",
    "age_group": "adult",
    "sex": "female",
    "release_kind": "full",
    "announcement_id": record_id(7, 10),
    "occurred_from": "2025-02-01",
    "occurred_until": "2025-12-01",
}
# With many updated records, and with few.
UPDATED_SINCE = {"updated_since": "2026-01-01T00:00:00Z"}
UPDATED_LATELY = {"updated_since": "2026-01-03T00:00:00Z"}
# Combinations of the filters of each list.
FILTERS: Mapping[str, list[Mapping[str, Any]]] = {
    "listSources": each({"q": "Source 5", "kind": "ngo"}, 2),
    "listFacilities": each({"q": "Facility 5", "country": "VE"}, 2),
    "listDetainees": [
        *({"q": q} for q in ("ana", "ana otero", "nobody")),
        *each(
            {
                "custody": "detained",
                "facility_id": record_id(1),
                "nationality": "VE",
                "external_id": "lista:V-1",
                **UPDATED_SINCE,
            },
            *(2, 5),
        ),
        UPDATED_LATELY,
        {"custody": "detained", **UPDATED_LATELY},
    ],
    "listAffiliations": [{}],
    "listAllDetentions": [{}],
    "listDetentions": [{}],
    "listReleaseEvents": [
        *each(RELEASE_FILTERS, 2, len(RELEASE_FILTERS)),
        *(
            {**UPDATED_SINCE, **chosen}
            for chosen in each(RELEASE_FILTERS)
            if "recorded_as_of" not in chosen
        ),
        UPDATED_LATELY,
        {"status": "reported", **UPDATED_LATELY},
        # A period too long for the index of days (list_of_status).
        {"occurred_from": "2025-01-01", "occurred_until": "2025-12-31", "status": "reported"},
    ],
    "listAttestations": [
        {},
        {"release_event_id": record_id(4)},
        {"source_id": record_id(0)},
        {"release_event_id": record_id(4), "source_id": record_id(0)},
    ],
    "listClaims": each(
        {"kind": "released", "source_id": record_id(0, 1), "announcement_id": record_id(7, 10)},
        2,
        3,
    ),
    "listComparisons": each(
        {
            "kind": "announced",
            "source_id": record_id(0, 1),
            "facility_id": record_id(1, 1003),
            "nationality": "ES",
            "age_group": "minor",
            "announcement_id": record_id(7, 10),
            "recorded_as_of": "2026-01-03T00:00:00Z",
        }
    ),
    "listCountedPeople": each(
        {
            "status": "reported",
            "as_of": "2026-01-03T00:00:00Z",
            "recorded_as_of": "2026-01-04T00:00:00Z",
            **COUNT_FILTERS,
        }
    ),
    "listDifferences": [
        {"from": "2025-12-31", "until": "2026-01-03"},
        *(
            {
                "from_recorded": "2026-01-01T00:00:00Z",
                "until_recorded": "2026-01-02T00:07:30Z",
                **filters,
            }
            for filters in each(COUNT_FILTERS)
        ),
    ],
    "listProposals": [{}, {"state": "open"}],
    "listChanges": [{}, {"after": SIZE // 2}],
}


# A list of pairs is computed, by bounded work.
STORED_LISTS = [operation for operation in LISTS if operation.id != "listDuplicates"]

# Parameters that are no filters.
NOT_FILTERS = {"limit", "cursor", "format", "excel", "min_sources", "time_zone"}


def test_every_filter_of_every_list_is_tested() -> None:
    for operation in STORED_LISTS:
        names = {p.name for p in operation.parameters if p.location == "query"} - NOT_FILTERS
        assert {name for filters in FILTERS[operation.id] for name in filters} == names, (
            operation.id
        )


# Parameters of every filtered request for differences.
PERIOD = {"from_recorded", "until_recorded"}

# The parameters without which a list is refused.
REQUIRED = {"listDifferences": {"from": "2025-12-31"}}

# At most this many statements for a page; three for any other list.
STATEMENTS_OF_A_PAGE = {"listDifferences": 9}

# At most this many statements for each item of a page.
STATEMENTS_OF_AN_ITEM = {
    "listComparisons": 2,  # counts at the time of the claim, recorded until now and until then
}


@pytest.mark.parametrize("operation", STORED_LISTS, ids=operation_ids(STORED_LISTS))
def test_statements_do_not_grow_with_the_page(
    large: Any, statements: Statements, operation: document.Operation
) -> None:
    path = operation.path.format(id=record_id(2))
    costs = {}
    for limit in (1, 50):
        statements.clear()
        page = large.editor.get(path, limit=limit, **REQUIRED.get(operation.id, {}))
        costs[limit] = len(statements)
        assert operation.id == "listDetentions" or len(page["items"]) == limit
    per_item = STATEMENTS_OF_AN_ITEM.get(operation.id, 0)
    # One entry in the ledger for all hidden names of a page.
    names_people = {"listDetainees", "listReleaseEvents", "listCountedPeople", "listDifferences"}
    has_ledger_entry = operation.id in names_people
    assert costs[50] <= costs[1] + 49 * per_item + has_ledger_entry
    # A page of one reads a second item, to know whether there is a next page.
    assert costs[1] <= STATEMENTS_OF_A_PAGE.get(operation.id, 3) + 2 * per_item


def read(caller: Api, path: str, query: Mapping[str, Any]) -> Any:
    """Return a page. `Api.get` takes its parameter `status` as the expected status code."""
    response = caller.send("GET", path, query_string=query)
    assert response.status_code == 200, response.text
    return response.get_json()


LIST_OF_DIFFERENCES = queries.text("differences/list", frozenset())


def is_of_a_page(statement: str) -> bool:
    """Return whether a statement reads the items of a page: up to its limit, or by their ids."""
    return "LIMIT %(limit)s" in statement or statement == LIST_OF_DIFFERENCES


@pytest.mark.parametrize("operation", STORED_LISTS, ids=operation_ids(STORED_LISTS))
def test_lists_use_an_index_and_no_sort(
    large: Any, statements: Statements, operation: document.Operation
) -> None:
    path = operation.path.format(id=record_id(2))
    for number, filters in enumerate(FILTERS[operation.id]):
        # All pairs of filters, caller and page; triples would choose no other query and take four
        # times as long.
        is_alone = len(filters.keys() - PERIOD) < 2
        for turn, caller in enumerate((large.editor, large.public_api)):
            is_its_turn = turn == number % 2
            if not is_alone and not is_its_turn:
                continue
            for limit in (PAGE,) if filters else (1, PAGE):
                query = {**filters, "limit": limit}
                statements.clear()
                following = read(caller, path, query)["next"]
                has_cursor = following is not None and operation.id != "listChanges"
                reads_on = has_cursor and is_alone and (not filters or is_its_turn)
                if reads_on:
                    read(caller, path, {**query, "cursor": following})
                lists = [(q, p) for q, p in statements if is_of_a_page(str(q))]
                # None if nobody differs; two if some of the first people may not be listed.
                least, most = (0, 2) if operation.id == "listDifferences" else (1, 1)
                assert least <= len(lists) / (1 + reads_on) <= most
                for statement, parameters in lists:
                    for plan in explain_prepared(large.conn, statement, parameters):
                        nodes = [
                            n
                            for n in costly_nodes(plan)
                            if "ids" not in parameters or "Sort" not in n
                        ]
                        assert nodes == [], (query, parameters)
                        assert "Index" in str(plan)


# The number of the kind of record in each list, which the ids of the large store contain.
KINDS = {
    "listSources": 0,
    "listFacilities": 1,
    "listDetainees": 2,
    "listAllDetentions": 3,
    "listReleaseEvents": 4,
    "listAttestations": 5,
    "listClaims": 7,
}


WHOLE_LISTS = [operation for operation in LISTS if "application/x-ndjson" in operation.media_types]


@pytest.mark.parametrize("operation", WHOLE_LISTS, ids=operation_ids(WHOLE_LISTS))
def test_whole_list_is_read_in_blocks(
    store_of_blocks: Any, statements: Statements, operation: document.Operation
) -> None:
    """Each line is sent once and in order, and no statement reads more than a thousand of them."""
    path = operation.path.format(id=record_id(2))
    key = KEY_OF_ITEM.get(operation.id, lambda item: item["id"])

    def read_whole(form: str) -> str:
        query = {"format": form, **REQUIRED.get(operation.id, {})}
        response = store_of_blocks.public_api.send("GET", path, query_string=query)
        sizes = [p.get("limit") or len(p["ids"]) for q, p in statements if is_of_a_page(str(q))]
        assert max(sizes) <= 1000
        return response.text

    items = parse_ndjson(read_whole("ndjson"))
    keys = [key(item) for item in items]
    if operation.id == "listComparisons":
        order = [(item["claim"]["as_of"], key(item)) for item in items]
        assert order == sorted(set(order), reverse=True)
        ((size,),) = store_of_blocks.conn.execute(
            "SELECT count(*) FROM claims WHERE kind = 'released'"
        )
        assert len(items) == size > 1000
        # All lists send their blocks through the same function, so one of them in CSV is enough.
        assert [row["claim.id"] for row in parse_csv(read_whole("csv"))] == keys
        return
    assert keys == sorted(set(keys))
    if operation.id in KINDS:
        kind = KINDS[operation.id]
        assert set(keys) == {record_id(kind, n + 1) for n in range(SIZE_OF_BLOCKS)}
    elif operation.id == "listAffiliations":
        assert len(items) == SIZE_OF_BLOCKS / 2
    elif operation.id in {"listCountedPeople", "listDifferences"}:
        assert len(items) == SIZE_OF_BLOCKS
    elif operation.id == "listChanges":
        assert keys == list(range(1, 2 * SIZE_OF_BLOCKS + 1))
    else:
        assert len(items) == 1


@pytest.mark.parametrize("status", ["disputed", "refuted", "unverified", "rearrested"])
def test_people_of_another_status_are_skipped_by_their_stored_status(
    store_of_blocks: Any, statements: Statements, status: str
) -> None:
    """An empty list reads no verdict."""
    statements.clear()
    query = {"status": status, "recorded_as_of": "2026-01-04T00:00:00Z"}
    assert read(store_of_blocks.editor, "/v1/counts/people", query)["items"] == []
    assert loops_of_list(store_of_blocks, statements, "verdicts") == {0}


@pytest.mark.parametrize("query", [{}, {"release_kind": "full"}])
def test_live_card_reads_only_people_who_ceased_to_be_confirmed(
    store_of_blocks: Any, statements: Statements, query: Mapping[str, str]
) -> None:
    """Nobody ceased, so the card reads no status or verdict recorded in its period."""
    statements.clear()
    card = store_of_blocks.public_api.send("GET", "/embed/figure", query_string=query)
    assert card.status_code == 200
    [(statement, parameters)] = [(q, p) for q, p in statements if "correction(" in str(q)]
    parameters = {**parameters, "after": "2026-01-01T12:00:00Z"}
    plan = explain_analyzed(store_of_blocks.conn, statement, parameters, "Rows Removed by Filter")
    rows_read = {
        (rows + (removed or 0)) * loops
        for _, relation, _, rows, loops, removed in nodes_of(plan)
        if relation in {"person_statuses", "verdicts"}
    }
    assert rows_read == {0}


def nodes_of(plan: Any) -> Iterator[Any]:
    """Yield the nodes of an analyzed plan."""
    node, children = plan
    yield node
    for child in children:
        yield from nodes_of(child)


def loops_of_list(store: Any, statements: Statements, table: str) -> set[int]:
    """Return how often the nodes of a list's plan scan a table."""
    [(statement, parameters)] = [(q, p) for q, p in statements if "LIMIT %(limit)s" in str(q)]
    plan = explain_analyzed(store.conn, statement, parameters)
    return {loops for _, relation, _, _, loops in nodes_of(plan) if relation == table}


@pytest.mark.parametrize("filters", [{}, {"status": "confirmed"}])
def test_releases_that_were_entered_later_are_skipped_by_their_row(
    store_of_blocks: Any, statements: Statements, filters: Mapping[str, str]
) -> None:
    """A list of a moment before them reads no ledger entry."""
    statements.clear()
    query = {"recorded_as_of": "2026-01-01T00:00:00Z", **filters}
    assert read(store_of_blocks.editor, "/v1/release-events", query)["items"] == []
    assert loops_of_list(store_of_blocks, statements, "ledger") == {0}


# The path of a list with few or no items, the table read for each record compared, and the filters.
SCANS: list[tuple[str, str, Mapping[str, Any]]] = [
    ("/v1/release-events", "verdicts", {"status": "reported", "as_of": "2025-12-31T00:00:00Z"}),
    (
        "/v1/release-events",
        "verdicts",
        {"status": "reported", "recorded_as_of": "2026-01-02T00:30:00Z"},
    ),
    (
        "/v1/release-events",
        "verdicts",
        {"status": "confirmed", "announcement_id": record_id(7, 10)},
    ),
    ("/v1/release-events", "verdicts", {"status": "confirmed", **UPDATED_SINCE}),
    ("/v1/detainees", "detentions", {"custody": "released", **UPDATED_SINCE}),
    ("/v1/detainees", "detentions", {"nationality": "ES"}),
    ("/v1/counts/people", "verdicts", {"status": "reported", "sex": "female"}),
]


@pytest.mark.parametrize(("path", "table", "filters"), SCANS)
def test_a_page_compares_few_records_and_the_next_one_goes_on(
    store_of_blocks: Any,
    statements: Statements,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    table: str,
    filters: Mapping[str, Any],
) -> None:
    whole = store_of_blocks.editor.send(
        "GET", path, query_string={**filters, "format": "ndjson"}
    ).text
    monkeypatch.setattr(pagination, "MAX_SCANNED", 400)
    items: list[Any] = []
    query: Mapping[str, Any] | None = {**filters, "limit": PAGE}
    while query is not None:
        statements.clear()
        page = read(store_of_blocks.editor, path, query)
        items += page["items"]
        assert max(loops_of_list(store_of_blocks, statements, table)) <= 400
        query = {**query, "cursor": page["next"]} if page["next"] else None
    assert items == parse_ndjson(whole)


@pytest.mark.parametrize("resource", ["source", "detainee"])
def test_pairs_take_a_bounded_number_of_statements(
    large: Any, statements: Statements, resource: str
) -> None:
    """The records of a block, their keys and their candidates are looked up."""
    page = large.editor.get("/v1/duplicates", resource=resource, limit=200)
    assert (page["items"], page["is_complete"]) == ([], False)
    run = [(q, p) for q, p in statements if isinstance(p, Mapping)]
    assert sum("max_per_key" in p for _, p in run) == 1
    assert len(run) <= 6
    for statement, parameters in run:
        plan = explain(large.conn, statement, parameters)
        assert [node for node in costly_nodes(plan) if "Scan" in node] == [], statement


def test_feed_uses_an_index_and_no_sort(large: Any, statements: Statements) -> None:
    for limit in (1, PAGE):
        statements.clear()
        feed = large.public_api.get("/v1/feed", limit=limit, format="jsonfeed")
        assert len(feed["items"]) == limit
        ((statement, parameters),) = [(q, p) for q, p in statements if p and "limit" in p]
        for plan in explain_prepared(large.conn, statement, parameters):
            assert list(costly_nodes(plan)) == []
            assert "Index" in str(plan)


def test_search_and_match_scan_no_table(large: Any, statements: Statements) -> None:
    """The request has the maximum number of people, who all share a name."""
    for many in (1, 500):
        people = [{"name": f"Ana Otero{n}", "birth_date": "1971-05-04"} for n in range(many)]
        large.editor.post("/v1/detainees/match", {"items": people}, 200)
    for q in ("ana", "Ana Otero5", "otero5", "A. Otero", "nobody"):
        assert len(large.public_api.get("/v1/detainees", q=q, limit=200)["items"]) <= 200
    for path, query in (
        *(("sources", {"q": "Source 5", **more}) for more in ({}, {"kind": "ngo"})),
        *(("facilities", {"q": "Facility 5", **more}) for more in ({}, {"country": "VE"})),
    ):
        assert len(large.public_api.get(f"/v1/{path}", **query)["items"]) >= 1
    # A page of ranked people, and one of the others, of whom two parts are read.
    page = large.public_api.get("/v1/detainees", q="ana", limit=70)
    for _ in range(2):
        page = large.public_api.get("/v1/detainees", q="ana", limit=70, cursor=page["next"])
        assert len(page["items"]) == 70
    run = [(q, p) for q, p in statements if isinstance(p, Mapping) and "SELECT" in str(q)]
    parameters = [p for _, p in run]
    for name in ("max_per_key", "max_people", "first_ids", "variants", "born_from"):
        assert any(name in p for p in parameters)
    assert len(run) < 60
    for statement, parameters in run:
        for plan in explain_prepared(large.conn, statement, parameters):
            assert [node for node in costly_nodes(plan) if "Scan" in node] == []


def test_verdicts_are_stored_without_a_scan_of_a_small_store(store_of_blocks: Any) -> None:
    """The planner expects a hundred verdicts, and scans a table of a few thousand rows."""
    statement = queries.text("verification/apply", frozenset())
    parameters = {name: Jsonb([]) for name in re.findall(r"%\((\w+)\)s", statement)}
    parameters |= {"recorded_at": "2026-01-05T00:00:00Z"}
    plan = explain(store_of_blocks.conn, statement, parameters)
    # Nothing is scanned for rows to supersede if there are none, as for most writes.
    superseded = {"Seq Scan of verdicts", "Seq Scan of verdict_parts"}
    assert {node for node in costly_nodes(plan) if "Scan" in node} <= superseded
    assert "hashed SubPlan" not in str(plan)


@pytest.mark.parametrize(
    "operation",
    [o for o in CONTRACT.operations if "{id}" in o.path or o.writes],
    ids=lambda o: o.id,
)
def test_requests_for_one_record_scan_no_table(
    large: Any, statements: Statements, operation: document.Operation
) -> None:
    Session(large.editor, statements.clear).do(operation.id)
    # LOCK and SET have no plan, and statements without parameters read no table of records.
    run = {
        statement: parameters
        for statement, parameters in statements
        if isinstance(parameters, Mapping) and not re.search("^(LOCK|SET)", statement, re.MULTILINE)
    }
    assert run
    for statement, parameters in run.items():
        plan = explain(large.conn, statement, parameters)
        whole = [node for node in costly_nodes(plan) if "Scan" in node]
        assert whole == [], (statement, parameters)
