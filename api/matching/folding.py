"""Words as they are compared where they only have to be the same: without accents and case."""

import re
import unicodedata
from collections.abc import Sequence

_WORD = re.compile(r"\w+")


def words(text: str) -> Sequence[str]:
    """The words of a text in their order."""
    # Compatibility forms (a mathematical A) become letters before they are folded.
    folded = unicodedata.normalize("NFKC", text).casefold()
    decomposed = unicodedata.normalize("NFKD", folded)
    return _WORD.findall("".join(c for c in decomposed if not unicodedata.combining(c)))
