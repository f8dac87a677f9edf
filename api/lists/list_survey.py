"""The work of a list, before it begins: how many pairs it compares, and what its rows share."""

import zlib
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import combinations, islice
from typing import Any

from api.contract import document
from api.errors import FieldError, invalid
from api.letters import folding
from api.lists import columns, row_reader
from api.lists.columns import CellError
from api.lists.list_file import NumberedCells
from api.lists.row_reader import Survey
from api.matching.external_ids import external_id_key, is_placeholder
from api.matching.scoring import Person, compare

MAX_PAIRS = 250_000
"""The most pairs of people that the preview of a request compares: about a minute of work."""

_MAX_COMPARED, _MAX_COMPARED_IF_DISTINCT = 20, 10
_MAX_WORDS = 7
_MAX_NAME = 1000
"""A longer name is refused by the schema, which allows 200 characters of the composed form."""
_COUNTERS = 1 << 20


def survey(
    rows: NumberedCells, max_pairs: int | None, lines_above: int, digests: Counter[bytes]
) -> Survey:
    """Read the cells of all rows. Raise RequestError at the row at which the pairs are too many.

    Adds the digest of each row to `digests`.

    The pairs are counted from the list alone, so that a refusal reveals nothing about recorded
    people. They are not counted for None. The names of an identifier are compared here: these pairs
    count too, each once. A row that the schema refuses for the length of its name or for its number
    of identifiers is not surveyed.
    """
    max_ids = document.load().schema("ExternalIds")["maxItems"]
    letters: set[str] = set()
    first_names: dict[str, str] = {}
    shared_ids: set[str] = set()
    # Two names -> whether they can be one person's.
    have_one_name: dict[tuple[str, str], bool] = {}
    word_pairs = RoughCounts()
    pairs = 0
    for number, cells, _ in rows:
        digests[row_reader.cells_digest(cells)] += 1
        values = {
            field: cell.strip() if isinstance(cell, str) else cell for _, field, cell in cells
        }
        if letter := columns.sex_letter(values.get("sex")):
            letters.add(letter)
        name = columns.full_name({f: v for f, v in values.items() if isinstance(v, str)})
        ids = [*islice(_external_ids(values), max_ids + 1)]
        if not name or len(name) > _MAX_NAME or len(ids) > max_ids:
            continue
        for id in ids:
            key = external_id_key(*id)
            names = first_names.setdefault(key, name), name
            if name == names[0] or key in shared_ids:
                continue
            if names not in have_one_name:
                have_one_name[names] = _have_one_name(*names)
                pairs += 1
            if not have_one_name[names]:
                shared_ids.add(key)
        if max_pairs is not None:
            born = values.get("birth_date") or values.get("birth_year")
            most = max_compared(bool(born or ids))
            pairs += most + min(_similar_rows(name, word_pairs), most)
            if pairs > max_pairs:
                raise _too_many_pairs(number, lines_above + number, max_pairs)
    return Survey(letters, shared_ids)


def max_compared(is_distinct: bool) -> int:
    """Return the most recorded people with whom a row is compared.

    `is_distinct`: it has a birth date or an identifier, which select among people of one name.
    """
    return _MAX_COMPARED_IF_DISTINCT if is_distinct else _MAX_COMPARED


def _too_many_pairs(row: int, line: int, max_pairs: int) -> Exception:
    detail = (
        f"The rows up to line {line} have more than {max_pairs:,} pairs of people to compare, "
        "which is too much for one request. Split the list before this line, or give more rows a "
        "birth date or an identifier: they are compared with fewer people."
    )
    return invalid(FieldError(f"/{row}", detail))


class RoughCounts:
    """Counts texts in 4 MB of memory. Texts share counters, so some counts are a little high."""

    def __init__(self) -> None:
        self._counts = array("I", bytes(_COUNTERS * array("I").itemsize))

    def add(self, text: str) -> int:
        """Count a text; return how often it was counted before."""
        counter = zlib.crc32(text.encode()) % _COUNTERS
        self._counts[counter] += 1
        return self._counts[counter] - 1


def _similar_rows(name: str, word_pairs: RoughCounts) -> int:
    """Return the most earlier rows that share one pair of words with a name; count its pairs."""
    words = sorted({*folding.words(name)})[:_MAX_WORDS]
    pairs = combinations(words, 2) if len(words) > 1 else [words]
    return max(word_pairs.add(" ".join(pair)) for pair in pairs)


def _external_ids(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the identifiers in the cells of a row that can be read, without placeholders."""
    for scheme, value in _readable_ids(values):
        if not is_placeholder(value):
            yield scheme, value


def _readable_ids(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    with suppress(CellError):
        for id in columns.read_external_ids(values.get("external_ids", [])):
            if isinstance(id, dict) and {*map(type, id.values())} == {str}:
                yield id.get("scheme", ""), id.get("value", "")
    for column, value in values.items():
        if column.startswith("id:") and type(value) in (str, int):
            yield column[3:], str(value)


def _have_one_name(*names: str) -> bool:
    """Return whether two people with these names and one identifier are the same."""
    a, b = (Person([name], external_ids=[("id", "same")]) for name in names)
    return compare(a, b).decision == "same"
