"""The texts of the pages: gettext catalogs, read at start, so that no build has to compile them.

The texts in the code and in the templates are English. Another language is one file,
`catalogs/<language>.po`.
"""

from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import get_args

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from api.config import Language

LANGUAGES: tuple[Language, ...] = get_args(Language)
"""The languages of pages, in the order of `Words` (api/wording/vocabulary.py)."""
SOURCE: Language = "en"
"""The language of the texts in the code."""
_FOLDER = Path(__file__).parent / "catalogs"


def mark(text: str) -> str:
    """Mark a text to be translated where it is shown."""
    return text


def read(language: Language) -> Catalog:
    """Read the catalog of a language."""
    with (_FOLDER / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


@cache
def translations(language: Language) -> NullTranslations:
    """Return the translations of all texts into a language."""
    if language == SOURCE:
        return NullTranslations()
    compiled = BytesIO()
    write_mo(compiled, read(language))
    compiled.seek(0)
    return GNUTranslations(compiled)
