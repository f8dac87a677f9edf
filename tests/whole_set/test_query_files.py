"""Every query file is named by its verb, used, and explained with all its conditions."""

import re

import psycopg
import pytest

from api.database import queries
from tests.whole_set.query_files import (
    FILES,
    WITHOUT_A_PLAN,
    condition_sets,
    conditions_of,
)
from tests.whole_set.source_code import constant_arguments, string_literals

VERBS = {
    *("append", "apply", "count", "delete", "exist", "export", "find", "get", "insert", "list"),
    *("advance", "lock", "retract", "revoke", "undo", "unlock", "update", "void", "withdraw"),
}


def test_queries_are_named_by_table_and_verb() -> None:
    for name, file in FILES.items():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*/[a-z]+(_[a-z]+)*", name)
        assert file.stem.partition("_")[0] in VERBS, name


def test_queries_list_their_columns() -> None:
    for name, file in FILES.items():
        assert not re.search(r"\bSELECT \*|\w\.\*", file.read_text("utf-8")), name


def test_queries_begin_with_a_unique_sentence_in_the_third_person() -> None:
    firsts = {name: file.read_text("utf-8").splitlines()[0] for name, file in FILES.items()}
    for name, first in firsts.items():
        assert re.match(r"-- [A-Z][a-z]+s\b(,| and)? \w", first), (name, first)
    assert len(set(firsts.values())) == len(firsts)


def test_conditions_guard_lines_of_where_joins_set_and_order_by_only() -> None:
    """A condition of several lines in brackets begins with AND in its first line."""
    for name, file in FILES.items():
        depth = 0
        for line in file.read_text("utf-8").splitlines():
            guarded = re.fullmatch(r"(.*?)((?: -- (?:if|unless) \w+)+)", line)
            if guarded is None:
                depth = 0
                continue
            text = guarded[1].strip()
            assert depth > 0 or re.match(r"AND |WHERE |ORDER BY |\w+ = %", text), (name, line)
            depth += text.count("(") - text.count(")")


def test_queries_of_code_and_files_correspond() -> None:
    assert FILES.keys() - string_literals() == set()
    used = constant_arguments("run", "row", "rows", "many", "blocks", place=1)
    used |= constant_arguments("Record", "Page")
    assert len(used) > 50
    assert {name for name in used if isinstance(name, str) and "/" in name} <= FILES.keys()


def test_condition_sets_cover_every_condition() -> None:
    for name in FILES:
        met = frozenset().union(*condition_sets(name))
        assert met == set(conditions_of(name)), name


def test_every_query_can_be_explained(conn: queries.Connection) -> None:
    for name in FILES:
        for conditions in condition_sets(name):
            text = queries.text(name, conditions)
            assert " -- if " not in text
            assert " -- unless " not in text
            names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", text)))
            numbered = re.sub(r"%\((\w+)\)s", lambda m, n=names: f"${n.index(m[1]) + 1}", text)
            if name in WITHOUT_A_PLAN:
                with conn.transaction(force_rollback=True):
                    conn.execute(text)
                continue
            try:
                conn.execute(f"EXPLAIN (GENERIC_PLAN) {numbered}")
            except psycopg.Error as error:
                pytest.fail(f"{name} with {sorted(conditions)}: {error}")
