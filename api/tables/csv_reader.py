"""CSV as people save it: its encoding, its separator, and the lines above its header."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple

from api.errors import FieldError, RequestError, invalid

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Encodings of one byte for each character: of Windows, of macOS and of DOS. charset-normalizer
# takes "MARÍA PEÑA" in Windows-1252 for that of macOS, and "José" for UTF-16.
_GUESSED = ("cp1252", "mac_roman", "cp850")
_LETTERS = frozenset("áéíóúüñçãõâêôàèìòùäëïöÁÉÍÓÚÜÑÇÃÕÂÊÔÀÈÌÒÙÄËÏÖßºª°¿¡«»–—“”‘’…")  # noqa: RUF001
_NAMES = {"cp1252": "windows-1252", "mac_roman": "macintosh", "utf-8-sig": "utf-8"}
# Web browsers too read ISO 8859-1 as Windows-1252.
_CODECS = {"utf-8": "utf-8-sig", "windows-1252": "cp1252", "iso-8859-1": "cp1252"}
# A letter of Latin script with an accent, in UTF-8.
_UTF_8_LETTER = re.compile(rb"[\xc3-\xc5][\x80-\xbf]")
# Letters, and signs beyond ASCII that stand in no word of Western European languages.
_WORD = re.compile(r"(?:[^\W\d_]|[^\w\s\0-\x7f´·•€°¿¡«»–—“”‘’…]){2,}")  # noqa: RUF001
_MIN_OTHER_LETTERS = 3
_DELIMITERS = ",;\t"
_HEAD_CHARACTERS = 1 << 16
_HEAD_ROWS = 20
_SAMPLE_BYTES = 1 << 16
_MAX_TITLE = 200
# PostgreSQL has no NUL, and UTF-8 no lone surrogate, which stands for a byte that is no text.
_NOT_STORABLE = re.compile("[\0\ud800-\udfff]")


class CsvFile(NamedTuple):
    """A CSV file whose form is known."""

    file: BinaryIO
    codec: str
    is_assumed: bool
    delimiter: str
    # The number of the header's row, and the text of each row above it that has one.
    header_line: int
    titles: Sequence[str]
    # The worksheet that the file is of.
    sheet: str | None = None

    @property
    def encoding(self) -> str:
        return _NAMES.get(self.codec, self.codec)

    @contextmanager
    def reader(self) -> Iterator[Any]:
        """Yield a csv.reader at the header. Bytes that are no text become lone surrogates."""
        self.file.seek(0)
        text = _text(self.file, self.codec)
        try:
            reader = csv.reader(text, delimiter=self.delimiter, strict=True)
            for _ in range(1, self.header_line):
                next(reader)
            yield reader
        except UnicodeDecodeError:
            raise _not_text(self.codec) from None
        finally:
            text.detach()


def opened(
    file: BinaryIO, charset: str | None, knows: Callable[[str], bool], sheet: str | None = None
) -> CsvFile:
    """Return a CSV file with its form. `charset` is its encoding, if the caller names it.

    `knows` tells whether a text names a column that every header has. The header is the first row
    with such a cell, among the first 20; else the first row.
    """
    codec, is_assumed = (_CODECS.get(charset, charset), False) if charset else _find_encoding(file)
    file.seek(0)
    text = _text(file, codec)
    try:
        head = text.read(_HEAD_CHARACTERS)
    except UnicodeDecodeError:
        raise _not_text(codec) from None
    finally:
        text.detach()
    first_line = head.lstrip().partition("\n")[0]
    default = max(_DELIMITERS, key=re.sub(r'"[^"]*"', "", first_line).count)
    headers = [
        (len(rows[-1]), delimiter, rows)
        for delimiter in _DELIMITERS
        if (rows := _rows_to_header(head, delimiter, knows))
    ]
    if headers:
        _, delimiter, rows = max(headers, key=lambda header: header[0])
    else:
        delimiter = default
        blank_lines = len(re.match(r"(?:[ \t]*\r?\n)*", head)[0].splitlines())  # type: ignore[index]
        rows = [[]] * (blank_lines + 1)
    titles = [" ".join(cell.strip() for cell in row if cell.strip()) for row in rows[:-1]]
    shown = [_NOT_STORABLE.sub("\ufffd", title[:_MAX_TITLE]) for title in titles if title]
    return CsvFile(file, codec, is_assumed, delimiter, len(rows), shown, sheet)


def _rows_to_header(
    head: str, delimiter: str, knows: Callable[[str], bool]
) -> Sequence[list[str]] | None:
    """Return the rows up to the header; None if none of the first rows is one.

    A header of several lines, with merged cells, has a name in the same column of each.
    """
    rows: list[list[str]] = []
    columns: set[int] = set()
    reader = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            known = {i for i, cell in enumerate(row) if cell and knows(cell)}
            if columns and not columns & known:
                return rows
            rows.append(row)
            columns = known
            if not columns and len(rows) == _HEAD_ROWS:
                break
    except csv.Error:
        pass
    return rows if columns else None


def _find_encoding(file: BinaryIO) -> tuple[str, bool]:
    """Return the codec of a file, and whether it is only assumed."""
    file.seek(0)
    head = file.read(4)
    for mark, codec in _BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            return codec, False
    file.seek(0)
    sample, decoder = b"", codecs.getincrementaldecoder("utf-8")()
    try:
        while part := file.read(1 << 20):
            decoder.decode(part)
            sample = sample or part
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        file.seek(0)
        sample = _sample(file) or error.object[:_SAMPLE_BYTES]
    else:
        if not _is_utf_16(sample):
            return "utf-8", False
    if _is_utf_16(sample):
        return ("utf-16-le" if sample[1::2].count(0) > sample[::2].count(0) else "utf-16-be"), True
    if _UTF_8_LETTER.search(sample):
        # A few broken characters: each is an error of its row.
        return "utf-8", False
    codec = max(_GUESSED, key=lambda codec: _count_letters(sample, codec))
    if _is_of_other_letters(sample.decode(codec, "replace")):
        detail = "Is not in an encoding that can be found: save the list as CSV in UTF-8."
        raise invalid(FieldError("", detail))
    return codec, True


def _is_utf_16(sample: bytes) -> bool:
    """Return whether a sample has the zeros of Latin script in UTF-16, one in each character."""
    return sample.count(0) * 3 > len(sample)


def _is_of_other_letters(text: str) -> bool:
    """Return whether most words look like Russian, Arabic or Chinese read as Western European.

    Words of Western Europe with an accent are mostly ASCII letters; in Ñáñez, 3 of 5 letters are
    not. In a word of Chinese or Japanese, every second byte can be an ASCII letter.
    """
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    letters = "".join(words)
    others = sum(not letter.isascii() for letter in letters)
    return others > _MIN_OTHER_LETTERS and others * 5 > len(letters) * 3


def _count_letters(sample: bytes, codec: str) -> int:
    """Return how many characters are letters or signs of Western European languages."""
    return sum(character in _LETTERS for character in sample.decode(codec, "replace"))


def _sample(file: BinaryIO) -> bytes:
    """Return the first lines with characters beyond ASCII."""
    lines, length = [], 0
    while length < _SAMPLE_BYTES and (line := file.readline(_SAMPLE_BYTES)):
        if not line.isascii() or b"\0" in line:
            lines.append(line)
            length += len(line)
    return b"".join(lines)


def _text(file: BinaryIO, codec: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(file, codec, errors="surrogateescape", newline="")


def _not_text(codec: str) -> RequestError:
    detail = f"Is not text in {_NAMES.get(codec, codec)}: save the list as CSV in UTF-8."
    return invalid(FieldError("", detail))
