"""The query files, with every combination of their conditions."""

import re
from collections.abc import Iterator, Sequence
from itertools import combinations

from api.database import queries
from api.reports import counts
from api.verification.counting import PROPERTIES

FOLDER = queries.SQL / "queries"


FILES = {
    str(file.relative_to(FOLDER).with_suffix("")): file for file in sorted(FOLDER.glob("*/*.sql"))
}


# LOCK has no plan to explain: these are run.
WITHOUT_A_PLAN = {
    "affiliations/lock_shared",
    "affiliations/lock_exclusive",
}


def some_subsets(conditions: Sequence[str]) -> Iterator[frozenset[str]]:
    """None of the conditions, each one, each two, all but one and all of them."""
    sizes = {0, 1, 2, len(conditions) - 1, len(conditions)}
    for size in sorted(size for size in sizes if 0 <= size <= len(conditions)):
        yield from map(frozenset, combinations(conditions, size))


def conditions_of(name: str) -> list[str]:
    text = (queries.SQL / "queries" / f"{name}.sql").read_text("utf-8")
    named = re.findall(r" -- (?:if|unless) (\w+(?: or \w+)*)", text)
    return sorted({condition for words in named for condition in words.split(" or ")})


# What only follows from other conditions: which rows are looked at, and for which group.
FOLLOWS = {"event", "detention", "person", "grouped", *(f"by_{name}" for name in PROPERTIES)}


def condition_sets(name: str) -> Iterator[frozenset[str]]:
    """Those of a query's conditions that callers choose, with those that follow from them: for
    each property by which its rows are grouped, and for none."""
    conditions = conditions_of(name)
    groups: list[str | None] = [None]
    groups += [by.removeprefix("by_") for by in conditions if by.startswith("by_")]
    for group_by in groups:
        for given in some_subsets([c for c in conditions if c not in FOLLOWS]):
            filters = {condition: condition for condition in given}
            yield given | set(counts.row_sources(filters, group_by)) & set(conditions)
