"""Every text of the pages exists in every language."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir

from api import charts, pages, wording
from api.config import Language
from api.wording import catalogs, words
from tests.whole_set.operations import CONTRACT

FOLDERS = [Path(package.__file__).parent for package in (pages, charts, wording)]
PLACEHOLDER = re.compile(r"%\(\w+\)s")


def texts() -> Iterator[tuple[str, ...]]:
    """Yield every text of the code and the templates, with its plural if it has one, and those of
    problems."""
    methods = [("**.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")]
    calls = {"_": None, "mark": None, "text": None, "ngettext": (1, 2), "plural": (1, 2)}
    options = {"templates/**.html": {"silent": "false"}}
    for folder in FOLDERS:
        for _, _, text, _, _ in extract_from_dir(folder, methods, options, keywords=calls):
            yield text if isinstance(text, tuple) else (text,)
    for problem in CONTRACT.problems.values():
        yield from ((problem.title,), (problem.explanation,))


@pytest.mark.parametrize("language", sorted({*catalogs.LANGUAGES} - {catalogs.SOURCE}))
def test_every_text_is_translated(language: Language) -> None:
    """Missing ones are listed as the catalog needs them."""
    catalog = catalogs.read(language)
    expected = {text[0]: text for text in texts()}
    missing = [
        f'msgid "{text[0]}"\nmsgstr ""'
        for text in expected.values()
        if (message := catalog.get(text[0])) is None
        or message.fuzzy
        or not all([message.string] if len(text) == 1 else message.string)
    ]
    assert missing == [], "\n\n".join(["", *missing])
    unused = {
        str(message.id if isinstance(message.id, str) else message.id[0]) for message in catalog
    }
    assert unused - {""} - expected.keys() == set()
    for text in expected.values():
        message = catalog.get(text[0])
        assert message is not None
        translated = [message.string] if len(text) == 1 else message.string
        assert set(PLACEHOLDER.findall(translated[-1])) == set(PLACEHOLDER.findall(text[-1])), text


def test_every_value_of_the_contract_has_words() -> None:
    kinds = {
        "Status": "status",
        "Custody": "custody",
        "Stance": "stance",
        "DenialReason": "denial_reason",
        "Evidence": "evidence",
        "ReleaseKind": "release_kind",
        "NotCountedReason": "reason",
        "SourceKind": "source_kind",
        "ComparisonVerdict": "verdict",
        "Relation": "relation",
        "ClaimKind": "claim_kind",
        "Qualifier": "qualifier",
    }
    for language in catalogs.LANGUAGES:
        for schema, kind in kinds.items():
            for value in CONTRACT.schema(schema)["enum"]:
                assert words.in_language(language).label(value, kind)
