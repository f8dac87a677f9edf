"""Query plans, and the nodes whose cost grows with a table."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from psycopg import sql

from api.database import queries
from tests.whole_set.large_store import SIZE

# Tables whose rows may be sorted for each item of a list, because an item has few of them.
SORTED_WITHIN_AN_ITEM = {
    "affiliations": "those of one source",
    "attestation_relays": "those of one attestation",
    "detentions": "those of one person",
    "merge_changes": "those of one person",
    "merges": "those of one person",
    "release_events": "those of one person",
    "sources": "the duplicate records of one source",
    "split_changes": "those of one person",
    "splits": "those of one person",
}
LARGE = {
    "sources",
    "source_keys",
    "affiliations",
    "facilities",
    "detainees",
    "name_keys",
    "name_word_variants",
    "detentions",
    "release_events",
    "attestations",
    "attestation_relays",
    "verdicts",
    "verdict_parts",
    "claims",
    "ledger",
}


def costly_nodes(plan: Mapping[str, Any], within_item: bool = False) -> Iterator[str]:
    """Return the sorts and scans in a plan whose cost grows with a table."""
    kind = plan["Node Type"]
    within_item = within_item or plan.get("Subplan Name") is not None
    below = set(relations(plan))
    if (
        "Sort" in kind
        and not (within_item and below <= set(SORTED_WITHIN_AN_ITEM))
        # A merge of several sources, with no more rows of each than the limit.
        and not is_limited(plan)
    ):
        yield f"{kind} of {', '.join(sorted(below))}"
    if kind in {"Seq Scan", "Bitmap Heap Scan"} and plan["Relation Name"] in LARGE:
        # For "contains a value" PostgreSQL estimates one row in a hundred, however rare the value.
        # The tests add some rows to the SIZE of the store.
        is_bounded = kind == "Bitmap Heap Scan" and plan["Plan Rows"] <= SIZE / 100 + 10
        if not is_bounded:
            yield f"{kind} of {plan['Relation Name']}"
    children = plan.get("Plans", [])
    for number, child in enumerate(children):
        # The inner side of a nested loop runs once for each item.
        inner = within_item or (kind == "Nested Loop" and number == 1)
        yield from costly_nodes(child, inner)


def is_limited(plan: Mapping[str, Any]) -> bool:
    """Whether a limit within the plan bounds its rows, or its rows for each source."""
    # A subplan computes a value, and adds no row.
    children = [child for child in plan.get("Plans", []) if "Subplan Name" not in child]
    if plan["Node Type"] == "Nested Loop":
        outer, inner = children
        return is_limited(outer) or (set(relations(outer)) <= {"sources"} and is_limited(inner))
    return plan["Node Type"] == "Limit" or (bool(children) and all(map(is_limited, children)))


def relations(plan: Mapping[str, Any]) -> Iterator[str]:
    if "Relation Name" in plan:
        yield plan["Relation Name"]
    for child in plan.get("Plans", []):
        yield from relations(child)


def explain(conn: queries.Connection, query: str, parameters: Mapping[str, Any]) -> Any:
    """Return the plan of a statement for these parameters."""
    return _explain(conn, query, parameters, "force_custom_plan")[0]


def explain_prepared(
    conn: queries.Connection, query: str, parameters: Mapping[str, Any]
) -> list[Any]:
    """Return the plans of a prepared statement: the custom one, and perhaps a generic one."""
    custom, generic = _explain(conn, query, parameters, "force_custom_plan", "force_generic_plan")
    # From the sixth execution PostgreSQL takes the generic plan, if it costs less than a custom one
    # and its planning, for which PostgreSQL adds 2.5 for each table, subquery and join.
    planning = 2.5 * (2 * len(list(relations(custom))) + 20)
    is_chosen = generic["Total Cost"] < custom["Total Cost"] + planning
    return [custom, generic] if is_chosen else [custom]


def _explain(
    conn: queries.Connection, query: str, parameters: Mapping[str, Any], *modes: str
) -> list[Any]:
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", query)))
    numbered = re.sub(r"%\((\w+)\)s", lambda m: f"${names.index(m[1]) + 1}", query)
    values = ", ".join(sql.Literal(parameters[name]).as_string(conn) for name in names)
    arguments = f"({values})" if names else ""
    conn.execute(f"PREPARE list AS {numbered}")
    plans = []
    for mode in modes:
        conn.execute(f"SET plan_cache_mode = {mode}")
        ((explained,),) = conn.execute(f"EXPLAIN (FORMAT JSON) EXECUTE list {arguments}").fetchall()
        plans.append(explained[0]["Plan"])
    conn.execute("RESET plan_cache_mode")
    conn.execute("DEALLOCATE list")
    return plans


def explain_analyzed(conn: queries.Connection, query: str, parameters: Any, *measures: str) -> Any:
    """Run a statement; return the nodes of its plan, each with the number of its rows and loops,
    and with these further measures.

    Without scans of whole tables, which only small tables get.
    """
    conn.execute("SET enable_seqscan = off")
    statement = f"EXPLAIN (ANALYZE, TIMING OFF, BUFFERS OFF, FORMAT JSON) {query}"
    ((plans,),) = conn.execute(statement, parameters).fetchall()
    names = ("Node Type", "Relation Name", "Index Name", "Actual Rows", "Actual Loops", *measures)
    return _work(plans[0]["Plan"], names)


def _work(plan: Mapping[str, Any], names: Sequence[str]) -> Any:
    children = [_work(child, names) for child in plan.get("Plans", [])]
    return [plan.get(name) for name in names], children
