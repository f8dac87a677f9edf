"""Preview images: a sentence is visible and whole, whatever its length."""

import xml.etree.ElementTree as ET
from itertools import combinations

import pytest

from api.charts import png, preview_images
from tests.charts.test_charts import assert_visible, texts

SENTENCE = (
    "Hasta las 16:00 del 9 de enero de 2026 (hora de Caracas), al menos seis excarcelaciones "
    "estaban confirmadas por dos o más fuentes independientes"
)
SENTENCES = {
    "a word": "Ninguna.",
    "a sentence": f"{SENTENCE}.",
    "a long sentence": f"{SENTENCE}{'; MÁS MMMM WWWW que <se> & cuentan aparte' * 5}.",
    "too long a sentence": f"{SENTENCE}{'; y otras personas que se cuentan aparte' * 30}.",
    "too long a word": "M" * 400,
    "a broken character": "A\x00na",
}


@pytest.mark.parametrize("name", SENTENCES)
def test_sentence_is_inside_the_image_and_visible(name: str) -> None:
    """Without a font, resvg drops all text and reports nothing."""
    document = preview_images.document("Excarcelaciones de presos políticos", SENTENCES[name])
    boxes = list(texts(ET.fromstring(document)))
    lines = " ".join(text for text, *_ in boxes[1:-1])
    whole = SENTENCES[name].replace("\x00", "\ufffd")
    assert lines == whole or (name.startswith("too long") and lines.endswith("…"))
    assert len(boxes) >= 3
    for _, left, right, top, bottom in boxes:
        assert left >= 20
        assert right <= preview_images.WIDTH - 20
        assert top >= 0
        assert bottom <= preview_images.HEIGHT
    assert all(a[4] <= b[3] or b[4] <= a[3] for a, b in combinations(boxes, 2))
    image = png.render(document)
    assert [int.from_bytes(image[at : at + 4], "big") for at in (16, 20)] == [1200, 630]
    assert_visible(document, (boxes[0], boxes[1], boxes[-2], boxes[-1]))
