"""Case files, read without holding them in memory: the outline first, then list by list.

Knows what a case is made of, and nothing of what its entries mean. A case names its entries by
keys of its own. Each gets an id made from the case's name and its key (RFC 9562, version 5), so
that a second load finds what the first one entered.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO
from uuid import UUID, uuid5

import ijson

from api.cases.format import CASE_NAMES, LISTS
from api.errors import FieldError

# What became of an entry.
UNREAD, STORED, FAULTY, DOUBTFUL = range(4)
_NAMESPACE = UUID("6f0c6f5e-6c0b-5a53-9d0e-2d3c8a1f7b10")
_HEAD = {"case", "title", "note", "expected", "recorded_as_of"}
# Deeper than anything that a case can say; the parser would hold a name for each level.
_DEEPEST = 20
# An escape, or a pair of them; in the group, one that is half a character without its other half.
_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]|(u[dD][89a-fA-F])|.)", re.DOTALL)
_LONGEST_ESCAPE = 12


class CaseError(Exception):
    """A case that is not loaded: every fault, with its place in the file."""

    def __init__(self, faults: Sequence[FieldError]) -> None:
        super().__init__(f"{len(faults)} fault{'s' if len(faults) > 1 else ''}")
        self.faults = faults


class Object(dict[str, Any]):
    """A JSON object that remembers a name which stands twice."""

    twice: str | None = None

    def __setitem__(self, name: str, value: Any) -> None:
        if name in self:
            self.twice = name
        super().__setitem__(name, value)


class ListFile:
    """A file of lists, each entry of which has a place in it, at which faults are told together."""

    # The name of an entry's field that is its key.
    key: str
    # Whether it holds what was recorded elsewhere: how that came about is not checked again.
    is_exported: bool

    def __init__(self) -> None:
        # How many entries each list has.
        self.totals: Counter[str] = Counter()
        # What is said of each place, once.
        self.faults: dict[str, str] = {}

    def fault(self, place: str, detail: str) -> None:
        self.faults.setdefault(place, detail)

    def stop_if_faulty(self) -> None:
        if self.faults:
            places = sorted(self.faults, key=self._in_order)
            raise CaseError([FieldError(place, self.faults[place]) for place in places])

    def _in_order(self, place: str) -> Any:
        """What puts a place in the file's order."""
        raise NotImplementedError

    def entries(self, name: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """The entries of a list, each with its number and place; not what cannot be an entry."""
        raise NotImplementedError

    def id(self, name: str, entry: Mapping[str, Any]) -> UUID:
        """The same id for the same entry, whenever it is loaded."""
        raise NotImplementedError

    def names(self, name: str) -> Mapping[str, str]:
        """What fields of a list's entries are called here that the contract calls otherwise."""
        raise NotImplementedError

    def knows(self, name: str, key: Any) -> bool:
        """Whether a key can be one of this list."""
        raise NotImplementedError

    def state(self, name: str, key: str) -> int:
        """What became of the entry with this key."""
        raise NotImplementedError

    def note(self, name: str, key: str, state: int) -> None:
        """Keeps what became of an entry."""
        raise NotImplementedError

    def key_of(self, name: str, id: UUID) -> str | None:
        """The key of an entry, where it is not its id."""
        raise NotImplementedError

    def forget(self) -> None:
        """When all entries are read: what became of them is of no use any more."""
        raise NotImplementedError


class CaseFile(ListFile):
    """A file that can be read as a case; CaseError if it cannot.

    Faults of its outline stand among those that whoever reads on finds in the entries.
    """

    key = "key"

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self.is_exported = False
        self.case = ""
        # What became of each list's entries, by their keys.
        self._keys: dict[str, dict[str, int]] = {name: {} for name in LISTS}
        # The places of the top-level names, numbered in the file's order.
        self._tops: dict[str, int] = {}
        # The places of keys that an entry before has.
        self._keys_twice: set[str] = set()
        with self._reading() as stream:
            self._read_outline(stream)
        # What is no object, or has no array where a list should be, is not worth reading on.
        if any(place in self.faults for place in ("", *(f"/{name}" for name in LISTS))):
            self.stop_if_faulty()

    def _in_order(self, place: str) -> tuple[int, int]:
        _, top, entry, *_ = f"{place}//".split("/")
        return self._tops.get(f"/{top}", -1), int(entry) if entry else -1

    def entries(self, name: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
        with self._reading() as stream:
            items = ijson.items(stream, f"{name}.item", map_type=Object, use_float=True)
            for number, entry in enumerate(items):
                place = f"/{name}/{number}"
                if not isinstance(entry, Object):
                    self.fault(place, "Must be an object.")
                elif f"{place}/key" in self._keys_twice:
                    self.fault(f"{place}/key", "An entry before has this key.")
                else:
                    yield number, place, entry

    def id(self, name: str, entry: Mapping[str, Any]) -> UUID:
        # An affiliation needs no key: it is what it ties, how, and since when.
        tie = [str(entry.get(name)) for name in ("source", "with", "relation", "from")]
        what = entry.get("key") or tie
        return uuid5(_NAMESPACE, f"{self.case}\n{name}\n{what}")

    def names(self, name: str) -> Mapping[str, str]:
        # That of a detainee is no reference but stands in it whole.
        return {
            case_name: contract_name
            for contract_name, case_name in CASE_NAMES.items()
            if (name, case_name) != ("detainees", "detention")
        }

    def knows(self, name: str, key: Any) -> bool:
        return isinstance(key, str) and key in self._keys[name]

    def state(self, name: str, key: str) -> int:
        return self._keys[name][key]

    def note(self, name: str, key: str, state: int) -> None:
        self._keys[name][key] = state

    def key_of(self, name: str, id: UUID) -> str | None:
        return next((key for key in self._keys[name] if self.id(name, {"key": key}) == id), None)

    def forget(self) -> None:
        self._keys.clear()

    @contextmanager
    def _reading(self) -> Iterator[BinaryIO]:
        self._stream.seek(0)
        try:
            yield self._stream
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
                elif top == "recorded_as_of" and event == "string":
                    self.is_exported = True
            elif depth == 2:
                self.totals[top] += 1
                field = ""
            elif depth == 3 and event == "map_key":
                field = value
            elif depth == 3 and field == "key" and event == "string" and top in LISTS:
                if value in self._keys[top]:
                    self._keys_twice.add(f"/{top}/{self.totals[top] - 1}/key")
                self._keys[top][value] = UNREAD
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
