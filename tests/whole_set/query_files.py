"""The query files, and combinations of their conditions."""

import re
from collections.abc import Iterator, Sequence
from itertools import combinations

from api.database import queries

FOLDER = queries.SQL / "queries"
FILES = {
    str(file.relative_to(FOLDER).with_suffix("")): file for file in sorted(FOLDER.glob("*/*.sql"))
}
# LOCK statements have no plan: the test runs them.
WITHOUT_A_PLAN = {
    "affiliations/lock_shared",
    "affiliations/lock_exclusive",
}


def some_subsets(conditions: Sequence[str]) -> Iterator[frozenset[str]]:
    """Return the empty set, each condition, each pair, all but one, and all conditions."""
    sizes = {0, 1, 2, len(conditions) - 1, len(conditions)}
    for size in sorted(size for size in sizes if 0 <= size <= len(conditions)):
        yield from map(frozenset, combinations(conditions, size))


def conditions_of(name: str) -> list[str]:
    text = (queries.SQL / "queries" / f"{name}.sql").read_text("utf-8")
    named = re.findall(r" -- (?:if|unless) (\w+(?: or \w+)*)", text)
    return sorted(
        {condition for condition_text in named for condition in condition_text.split(" or ")}
    )


def condition_sets(name: str) -> Iterator[frozenset[str]]:
    """The sets of a query's conditions with which it is tested."""
    yield from some_subsets(conditions_of(name))
