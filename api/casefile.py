"""Case files, read without holding them in memory: the outline first, then list by list.

Knows what a case is made of, and nothing of what its entries mean.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import ijson

from api.errors import Fault

# In the order in which their entries refer to one another.
LISTS = (
    "sources",
    "affiliations",
    "facilities",
    "claims",
    "detainees",
    "release_events",
    "attestations",
)
# What became of an entry.
UNREAD, STORED, FAULTY = range(3)
_HEAD = {"case", "title", "note", "expected"}
# Deeper than anything that a case can say; the parser would hold a name for each level.
_DEEPEST = 20
# An escape, or a pair of them; in the group, one that is half a character without its other half.
_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]|(u[dD][89a-fA-F])|.)", re.DOTALL)
_LONGEST_ESCAPE = 12


class CaseError(Exception):
    """A case that is not loaded: every fault, with its place in the file."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(f"{len(faults)} fault{'s' if len(faults) > 1 else ''}")
        self.faults = faults


class Object(dict[str, Any]):
    """A JSON object that remembers a name which stands twice."""

    twice: str | None = None

    def __setitem__(self, name: str, value: Any) -> None:
        if name in self:
            self.twice = name
        super().__setitem__(name, value)


class CaseFile:
    """A file that can be read as a case; CaseError if it cannot.

    Faults of its outline stand among those that whoever reads on finds in the entries, to be told
    together.
    """

    def __init__(self, path: Path) -> None:
        self.case = ""
        # What became of each list's entries, by their keys: that is for the reader to note.
        self.keys: dict[str, dict[str, int]] = {name: {} for name in LISTS}
        # How many entries each list has.
        self.totals: Counter[str] = Counter()
        # What is said of each place, once.
        self.faults: dict[str, str] = {}
        # The places of the top-level names, numbered in the file's order.
        self._tops: dict[str, int] = {}
        # The places of keys that an entry before has.
        self._keys_twice: set[str] = set()
        self._path = path
        with self._reading() as stream:
            self._read_outline(stream)
        # What is no object, or has no array where a list should be, is not worth reading on.
        if any(place in self.faults for place in ("", *(f"/{name}" for name in LISTS))):
            self.stop_if_faulty()

    def fault(self, place: str, detail: str) -> None:
        self.faults.setdefault(place, detail)

    def stop_if_faulty(self) -> None:
        if self.faults:
            places = sorted(self.faults, key=self._in_order)
            raise CaseError([Fault(place, self.faults[place]) for place in places])

    def _in_order(self, place: str) -> tuple[int, int]:
        _, top, entry, *_ = f"{place}//".split("/")
        return self._tops.get(f"/{top}", -1), int(entry) if entry else -1

    def entries(self, name: str) -> Iterator[tuple[int, Object]]:
        """The entries of a list, each with its number; not those that cannot be an entry."""
        with self._reading() as stream:
            items = ijson.items(stream, f"{name}.item", map_type=Object, use_float=True)
            for number, entry in enumerate(items):
                place = f"/{name}/{number}"
                if not isinstance(entry, Object):
                    self.fault(place, "Must be an object.")
                elif f"{place}/key" in self._keys_twice:
                    self.fault(f"{place}/key", "An entry before has this key.")
                else:
                    yield number, entry

    @contextmanager
    def _reading(self) -> Iterator[BinaryIO]:
        with self._path.open("rb") as stream:
            try:
                yield stream
            except ijson.JSONError as error:
                self.fault("", f"The file is not JSON: {_first_line(error)}")

    def _read_outline(self, stream: BinaryIO) -> None:
        if line := _line_of_half_a_character(stream):
            self.fault("", f"Line {line} holds half of a surrogate pair, which is no text.")
            return
        stream.seek(0)
        top, field = "", ""
        for depth, event, value in _events(stream):
            if depth == 0 and event != "start_map":
                self.fault("", "Must be an object.")
                return
            if depth > _DEEPEST:
                self.fault("", f"Is nested more than {_DEEPEST} deep.")
                return
            if depth == 1 and event == "map_key":
                top = value
                self._read_top(top)
            elif depth == 1:
                if top in LISTS and event != "start_array":
                    self.fault(f"/{top}", "Must be an array.")
                elif top == "case" and event == "string":
                    self.case = value
            elif depth == 2:
                self.totals[top] += 1
                field = ""
            elif depth == 3 and event == "map_key":
                field = value
            elif depth == 3 and field == "key" and event == "string" and top in LISTS:
                if value in self.keys[top]:
                    self._keys_twice.add(f"/{top}/{self.totals[top] - 1}/key")
                self.keys[top][value] = UNREAD
        if not self.case:
            self.fault("/case", "Must be given: the name of the case.")

    def _read_top(self, name: str) -> None:
        place = below("", name)
        if name not in {*LISTS, *_HEAD}:
            self.fault(place, "There is no such list in a case.")
        if place in self._tops:
            self.fault(place, "Stands twice.")
        self._tops.setdefault(place, len(self._tops))


def below(place: str, name: str) -> str:
    """RFC 6901, section 3."""
    return f"{place}/{name.replace('~', '~0').replace('/', '~1')}"


def _events(stream: BinaryIO) -> Iterator[tuple[int, str, Any]]:
    """What begins in a JSON text, and in how many arrays and objects it stands."""
    depth = 0
    for event, value in ijson.basic_parse(stream, use_float=True):
        if event in {"end_map", "end_array"}:
            depth -= 1
        else:
            yield depth, event, value
            depth += event in {"start_map", "start_array"}


def _line_of_half_a_character(stream: BinaryIO) -> int | None:
    """The line of the first escape of one that stands alone: the parser would make a `?` of it."""
    line, text, more = 1, b"", True
    while more:
        chunk = stream.read(1 << 16)
        more = bool(chunk)
        text += chunk
        rest = b""
        for escape in _ESCAPE.finditer(text):
            if more and escape.start() > len(text) - _LONGEST_ESCAPE:
                rest = text[escape.start() :]  # it may go on in the next chunk
                break
            if escape[1]:
                return line + text.count(b"\n", 0, escape.start())
        line += text.count(b"\n") - rest.count(b"\n")
        text = rest
    return None


def _first_line(error: ijson.JSONError) -> str:
    """What the parser says, without its picture of the place."""
    (said,) = error.args
    text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    return text.partition("\n")[0].rstrip(".") + "."
