"""Blocking keys: the digest of their rules, their number, and delete variants."""

import ast
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given

from api.identity import name_similarity
from api.matching import blocking_keys
from api.matching.blocking_keys import index_keys, search_keys
from api.matching.phonetics import delete_variants
from tests.matching.test_scoring import texts


@pytest.mark.parametrize("rules", [blocking_keys, name_similarity])
def test_digest_covers_every_module_that_decides_the_keys(
    rules: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    covered: set[str] = set()
    waiting = [rules.__name__.removeprefix("api.").replace(".", "/") + ".py"]
    while waiting:
        file = waiting.pop()
        covered.add(file)
        source = (files("api") / file).read_text("utf-8")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("api."):
                _, package, *module = str(node.module).split(".")
                names = module or [alias.name for alias in node.names]
                waiting += {f"{package}/{name}.py" for name in names} - covered
    assert covered == {*rules._RULE_FILES} - {"matching/common_names.txt"}
    before = rules.rules_digest()
    monkeypatch.setattr(rules, "version", lambda _: "of another release")
    assert rules.rules_digest() != before


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
