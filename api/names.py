"""Names as they are looked for: words without accents and case, whatever their order."""

import re
import unicodedata
from collections.abc import Iterable

# Letters that Unicode does not take for another one with a mark.
_PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe"}
)
_WORD = re.compile(r"\w+")


def words(*names: str) -> list[str]:
    """The words of all these names, each once, in a stable order."""
    return sorted({word for name in names for word in _words(name)})


def _words(name: str) -> Iterable[str]:
    # Compatibility forms (a mathematical A) become letters before they are folded.
    folded = unicodedata.normalize("NFKC", name).casefold()
    decomposed = unicodedata.normalize("NFKD", folded.translate(_PLAIN))
    plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    return _WORD.findall(plain)
