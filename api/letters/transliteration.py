"""Names in Latin letters: transliterated, and as other systems of romanization write them."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from anyascii import anyascii

from api.letters import burmese, chinese

_SYLLABIC = re.compile(r"([\u3040-\u9fff\uac00-\ud7a3])")
_VOWELLESS = re.compile(r"(\u0627\u0644)?([\u0590-\u06ff]+)")
_MARKS = re.compile("[\u0300-\u036f]+")


def transliterate(text: str) -> str:
    """A text in lower-case ASCII letters, with its punctuation in place."""
    text = unicodedata.normalize("NFKD", text)
    if not text.isascii():
        without_marks = _MARKS.sub("", text)
        if without_marks.isascii():
            return without_marks.lower()
        text = unicodedata.normalize("NFC", text)
        text = burmese.TITLE.sub("", text)
        text = burmese.SYLLABLE.sub(lambda match: f" {burmese.in_latin(match)} ", text)
        # Each Chinese or Korean syllable becomes a word, and so does the Arabic article.
        text = _VOWELLESS.sub(_mark_vowelless, _SYLLABIC.sub(r"\1 ", text))
        text = anyascii(text)
    return text.lower()


def _mark_vowelless(match: re.Match[str]) -> str:
    return f" {'al ' if match[1] else ''}~{match[2]}"


# Other readings: how the same name is written by another system of romanization.

_LACINKA = re.compile("[čšžŭćśźńł]", re.IGNORECASE)
_LACINKA_LETTERS = [
    (re.compile(pattern), letters)
    for pattern, letters in (
        ("ch", "kh"),
        ("č", "ch"),
        ("š", "sh"),
        ("ž", "zh"),
        ("c(?![hz])|ć", "ts"),
        ("yj(?=[aeou])", "yi"),
        ("j(?=[aeou])", "y"),
        ("j", "i"),
    )
]


@lru_cache(maxsize=1 << 10)
def other_readings(name: str) -> Sequence[str]:
    """A name as other systems of romanization write it.

    A name in Belarusian Latin letters (Stefanovič) is read as if from Cyrillic (Stefanovich), and
    one in pinyin (Xu Zhiyong) is read in Wade-Giles (Hsu Chih-yung). The syllables of a Burmese
    name that is one word (Minkonaing) are separated.
    """
    readings = []
    composed = unicodedata.normalize("NFC", name)
    if _LACINKA.search(composed):
        lower = composed.lower()
        for pattern, letters in _LACINKA_LETTERS:
            lower = pattern.sub(letters, lower)
        readings.append(lower)
    if len(name) <= chinese.MAX_LETTERS:
        latin = name.lower() if name.isascii() else transliterate(name)
        if wade_giles := chinese.in_wade_giles(latin):
            readings.append(wade_giles)
    if joined := burmese.separate(name.strip()):
        readings.append(joined)
    return [reading for reading in readings if reading != name.lower()]
