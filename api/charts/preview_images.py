"""Preview images: a sentence as large as it fits, for sites that show a link with an image.

They have the size that these sites ask for, 1200 by 630 pixels, once they are PNG images.
"""

from functools import cache

from jinja2 import Template

from api.charts import svg

WIDTH, HEIGHT = 600, 315

_MARGIN = 36
_TOP, _BOTTOM = 84, 258
"""The part of the image that the sentence may fill."""
_HEADING_SIZE = 18
_SIZES = (30, 27, 24, 21, 18, 16, 14)
_LINE = 1.35


def document(heading: str, sentence: str) -> str:
    """Return the SVG document of a preview image.

    A sentence that does not fit ends in an ellipsis.
    """
    size, lines = _fitted(sentence)
    width = WIDTH - 2 * _MARGIN
    return svg.printable(
        _template().render(
            width=WIDTH,
            height=HEIGHT,
            margin=_MARGIN,
            heading=svg.shortened(heading, width, _HEADING_SIZE),
            heading_size=_HEADING_SIZE,
            size=size,
            lines=[(_TOP + size * (1 + _LINE * i), line) for i, line in enumerate(lines)],
            pixels=svg.pixels,
        )
    )


def _fitted(sentence: str) -> tuple[int, list[str]]:
    """Return the largest size of letters at which a sentence fits, and its lines."""
    width = WIDTH - 2 * _MARGIN
    for size in _SIZES:
        lines = svg.wrapped(sentence, width, size)
        room = int((_BOTTOM - _TOP) / (size * _LINE))
        if len(lines) <= room and all(svg.width_of(line, size) <= width for line in lines):
            return size, lines
    shown = [*lines[: room - 1], *filter(None, [" ".join(lines[room - 1 :])])]
    return size, [svg.shortened(line, width, size) for line in shown]


@cache
def _template() -> Template:
    return svg.template("preview_image.svg")
