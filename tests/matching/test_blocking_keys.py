"""Blocking keys: the digest of their rules, their number, and delete variants."""

import ast
from importlib.resources import files

from hypothesis import given

from api.matching import blocking_keys
from api.matching.blocking_keys import index_keys, search_keys
from api.matching.phonetics import delete_variants
from tests.matching.test_scoring import texts

PACKAGE = "api.matching"


def test_digest_covers_every_module_that_decides_the_keys() -> None:
    covered: set[str] = set()
    waiting = ["blocking_keys"]
    while waiting:
        module = waiting.pop()
        covered.add(f"{module}.py")
        source = (files(PACKAGE) / f"{module}.py").read_text("utf-8")
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, ast.ImportFrom) or not node.module:
                continue
            if node.module == PACKAGE:
                names = [alias.name for alias in node.names]
            elif node.module.startswith(f"{PACKAGE}."):
                names = [node.module.removeprefix(f"{PACKAGE}.")]
            else:
                continue
            waiting += [name for name in names if f"{name}.py" not in covered]
    assert covered | {"common_names.txt"} == {*blocking_keys._RULE_FILES}


@given(texts)
def test_name_has_at_most_40_index_keys_and_200_search_keys(name: str) -> None:
    assert len(index_keys([name])) <= 40
    assert len(search_keys([name], {})) <= 200


def test_misspelled_words_share_a_delete_variant() -> None:
    for a, b in (
        ("guaramato", "guaranabo"),
        ("guaramato", "gauramaot"),
        ("machado", "macahdo"),
        ("rodriguez", "rodrigez"),
        ("perez", "preez"),
        ("tikhanovskaya", "tihanovskaja"),
    ):
        assert delete_variants(a) & delete_variants(b), (a, b)
    assert not delete_variants("perez") & delete_variants("gomez")
