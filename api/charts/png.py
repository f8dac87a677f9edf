"""Charts as PNG, for programs that take no SVG.

The font is a part of DejaVu Sans in this package: without a font, resvg silently drops all text.
"""

import re
import unicodedata
from pathlib import Path

import resvg_py
from anyascii import anyascii

_FONT = Path(__file__).parent / "font/DejaVuSans-Latin.ttf"
_FAMILY = "DejaVu Sans"
_SCALE = 2
"""Pixels of the image per pixel of the chart, so that it is sharp on most screens."""

_NOT_IN_FONT = re.compile(
    "[^\n -~\u00a0-\u017f\u2010-\u2015\u2018-\u201e\u2022\u2026\u2030\u2039\u203a\u2192\u20ac]"
)


def render(document: str) -> bytes:
    """Return an SVG document as PNG. Characters that the font lacks are transliterated."""
    composed = unicodedata.normalize("NFC", document)
    return resvg_py.svg_to_bytes(
        svg_string=_NOT_IN_FONT.sub(_transliterated, composed),
        skip_system_fonts=True,
        font_files=[str(_FONT)],
        font_family=_FAMILY,
        sans_serif_family=_FAMILY,
        zoom=_SCALE,
    )


def _transliterated(character: re.Match[str]) -> str:
    # Transliterations may have characters that XML does not take as text.
    return re.sub("[<>&]", "", anyascii(character[0]))
