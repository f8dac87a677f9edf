"""Case and accent folding, for words that only have to be equal."""

import re
import unicodedata
from collections.abc import Sequence

_WORD = re.compile(r"\w+")


def words(text: str) -> Sequence[str]:
    """The words of a text, folded, in order."""
    # NFKC first, so that compatibility forms (a mathematical A) become letters before folding.
    folded = unicodedata.normalize("NFKC", text).casefold()
    decomposed = unicodedata.normalize("NFKD", folded)
    return _WORD.findall("".join(c for c in decomposed if not unicodedata.combining(c)))


def fold(text: str) -> str:
    """A text as its folded words, joined by single spaces."""
    return " ".join(words(text))
