"""Query plans, and what in them grows with the table."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from psycopg import sql

from api.database import queries

# What may be sorted or read whole below an item of a list, each with the reason. Sorting is of the
# few rows that belong to one item; the list itself comes out of an index in its order.
SORTED_WITHIN_AN_ITEM = {
    "affiliations": "those of one source",
    "attestation_relays": "what one attestation relays",
    "detentions": "those of one person, of which the latest is shown",
}


BIG = {
    "sources",
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
    "claims",
    "ledger",
}


def costly_nodes(plan: Mapping[str, Any], within_item: bool = False) -> Iterator[str]:
    """What in a plan grows with the table: a sort, or the reading of a whole table."""
    kind = plan["Node Type"]
    within_item = within_item or plan.get("Subplan Name") is not None
    below = set(relations(plan))
    if (
        "Sort" in kind
        and not (within_item and below <= set(SORTED_WITHIN_AN_ITEM))
        # Those of several sources, of each no more than are asked for.
        and not is_limited(plan)
    ):
        yield f"{kind} of {', '.join(sorted(below))}"
    if kind in {"Seq Scan", "Bitmap Heap Scan"} and plan["Relation Name"] in BIG:
        # Of what contains a value PostgreSQL supposes one in a hundred, however rare it is.
        # There are 100,000, and what the tests add.
        is_bounded = kind == "Bitmap Heap Scan" and plan["Plan Rows"] <= 1010
        if not is_bounded:
            yield f"{kind} of {plan['Relation Name']}"
    children = plan.get("Plans", [])
    for place, child in enumerate(children):
        # What is asked anew for each row of a list is within an item of it.
        inner = within_item or (kind == "Nested Loop" and place == 1)
        yield from costly_nodes(child, inner)


def is_limited(plan: Mapping[str, Any]) -> bool:
    """Whether a plan gives no more rows than a limit within it lets through for each source."""
    children = plan.get("Plans", [])
    if plan["Node Type"] == "Nested Loop":
        outer, inner = children
        return is_limited(outer) or (set(relations(outer)) <= {"sources"} and is_limited(inner))
    return plan["Node Type"] == "Limit" or (bool(children) and all(map(is_limited, children)))


def relations(plan: Mapping[str, Any]) -> Iterator[str]:
    if "Relation Name" in plan:
        yield plan["Relation Name"]
    for child in plan.get("Plans", []):
        yield from relations(child)


def explain(conn: queries.Connection, query: str, parameters: Mapping[str, Any]) -> list[Any]:
    """The plans that PostgreSQL makes for a statement that is run again and again: for these
    values at first, and perhaps for any values later."""
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", query)))
    numbered = re.sub(r"%\((\w+)\)s", lambda m: f"${names.index(m[1]) + 1}", query)
    values = ", ".join(sql.Literal(parameters[name]).as_string(conn) for name in names)
    arguments = f"({values})" if names else ""
    conn.execute(f"PREPARE list AS {numbered}")
    explain = f"EXPLAIN (FORMAT JSON) EXECUTE list {arguments}"
    found = [conn.execute(explain).fetchone() for _ in range(7)]
    conn.execute("DEALLOCATE list")
    return [row[0][0]["Plan"] for row in found if row]
