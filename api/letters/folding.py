"""Texts as their words without case and marks."""

import re
import unicodedata
from collections.abc import Sequence

_WORD = re.compile(r"\w+")
# They choose a variant of the character before them, and are invisible themselves.
_SELECTORS = re.compile("[\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")


def words(text: str) -> Sequence[str]:
    """The words of a text, folded, in order."""
    # NFKC first, so that compatibility forms (a mathematical A) become letters before folding.
    folded = unicodedata.normalize("NFKC", without_selectors(text)).casefold()
    decomposed = unicodedata.normalize("NFKD", folded)
    return _WORD.findall("".join(c for c in decomposed if not unicodedata.combining(c)))


def without_selectors(text: str) -> str:
    """Drop the variation selectors of a text."""
    return text if text.isascii() else _SELECTORS.sub("", text)


def fold(text: str) -> str:
    """A text as its folded words, joined by single spaces."""
    return " ".join(words(text))
