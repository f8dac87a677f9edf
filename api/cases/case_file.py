"""Read a case file without holding it in memory: the outline first, then list by list.

A case names its entries by keys. The id of an entry is made from the name of the case and the key
(RFC 9562, version 5); with it, a second load finds the records of the first. It is not the id of
the record: that is random, since an id made from a key would reveal the key.
"""

import codecs
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from enum import Enum
from typing import Any, BinaryIO, NamedTuple
from uuid import UUID, uuid5

import ijson
from marshmallow import ValidationError

from api.cases.format import CASE_NAMES, LISTS
from api.contract import fields
from api.errors import FieldError, pointer

_NAMESPACE = UUID("6f0c6f5e-6c0b-5a53-9d0e-2d3c8a1f7b10")
_HEAD = {"case", "title", "note", "expected", "recorded_as_of"}
# Deeper than any valid entry. The parser keeps a name in memory for each level.
_MAX_DEPTH = 20
# An escape, or a surrogate pair of escapes; the group is a lone surrogate.
_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]|(u[dD][89a-fA-F])|.)", re.DOTALL)
_MAX_ESCAPE_BYTES = 12
_MAX_PART_BYTES = 1 << 16


class State(Enum):
    """The state of an entry. UNDECIDED waits for a decision on a person."""

    UNREAD = 0
    STORED = 1
    INVALID = 2
    UNDECIDED = 3


class CaseError(Exception):
    """A file with errors, each with its place. Nothing of it is loaded."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(f"{len(errors)} error{'s' if len(errors) > 1 else ''}")
        self.errors = errors


class JsonObject(dict[str, Any]):
    """A JSON object that remembers a repeated name."""

    repeated: str | None = None

    def __setitem__(self, name: str, value: Any) -> None:
        if name in self:
            self.repeated = name
        super().__setitem__(name, value)


class FileEntry(NamedTuple):
    """An entry as it is in its file; `key` is None if it is missing."""

    list: str
    number: int
    place: str
    id: UUID
    key: Any
    fields: Mapping[str, Any]


class EntryFile(ABC):
    """A file of lists of entries, and its errors by place."""

    key_field: str
    """The name of the field with the key of an entry."""
    keeps_ids: bool
    """Whether the id of an entry is that of its record."""
    is_export: bool
    """Whether the records were checked by another store, and only restored here."""

    def __init__(self) -> None:
        self.totals: Counter[str] = Counter()
        """The number of entries of each list."""
        self.errors: dict[str, str] = {}
        """The first error at each place."""

    def add_error(self, place: str, detail: str) -> None:
        """Add an error, unless the place has one."""
        self.errors.setdefault(place, detail)

    def raise_errors(self) -> None:
        """Raise CaseError if there are errors, in the order of the file."""
        if self.errors:
            places = sorted(self.errors, key=self._sort_key)
            raise CaseError([FieldError(place, self.errors[place]) for place in places])

    @abstractmethod
    def _sort_key(self, place: str) -> Any:
        """Return the position of a place in the file."""

    @abstractmethod
    def entries(self, name: str) -> Iterator[FileEntry]:
        """Yield the entries of a list. Adds an error for an item that is no entry, and skips it."""

    @abstractmethod
    def entry_id(self, name: str, key: str) -> UUID:
        """Return the id of the entry with this key."""

    @abstractmethod
    def field_names(self, name: str) -> Mapping[str, str]:
        """Return the contract's names of a list's fields that have other names in the file."""

    @abstractmethod
    def has_key(self, name: str, key: Any) -> bool:
        """Return whether a list may have an entry with this key."""

    @abstractmethod
    def state(self, name: str, key: str) -> State:
        """Return the state of the entry with this key."""

    @abstractmethod
    def set_state(self, name: str, key: str, state: State) -> None:
        """Set the state of the entry with this key."""

    @abstractmethod
    def key_of(self, name: str, id: UUID) -> str | None:
        """Return the key of the entry with this id; None if the key is the id."""

    @abstractmethod
    def forget_states(self) -> None:
        """Free the memory of the states, after the last entry."""


class CaseFile(EntryFile):
    """A case file. Raises CaseError if its outline cannot be read.

    Other errors of the outline are raised with those of the entries.
    """

    key_field = "key"
    keeps_ids = False

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self.is_export = False
        self.case = ""
        self.recorded_as_of: datetime | None = None
        """The moment of an export: the records are as they stood then."""
        self._states: dict[str, dict[str, State]] = {name: {} for name in LISTS}
        # Each top-level name, as a pointer, with its number in the file.
        self._top_level: dict[str, int] = {}
        # Pointers of keys that an earlier entry has.
        self._repeated_keys: set[str] = set()
        with self._reading() as stream:
            self._read_outline(stream)
        if any(place in self.errors for place in ("", *(f"/{name}" for name in LISTS))):
            self.raise_errors()

    def _sort_key(self, place: str) -> tuple[int, int]:
        _, top, entry, *_ = f"{place}//".split("/")
        return self._top_level.get(f"/{top}", -1), int(entry) if entry else -1

    def entries(self, name: str) -> Iterator[FileEntry]:
        ids_without_key: set[UUID] = set()
        with self._reading() as stream:
            items = ijson.items(stream, f"{name}.item", map_type=JsonObject, use_float=True)
            for number, fields in enumerate(items):
                place = f"/{name}/{number}"
                if not isinstance(fields, JsonObject):
                    self.add_error(place, "Must be an object.")
                    continue
                if f"{place}/key" in self._repeated_keys:
                    detail = f"An earlier entry has the key {fields['key']!r}: keys must differ."
                    self.add_error(f"{place}/key", detail)
                    continue
                id = self._id(name, fields)
                if name == "affiliations" and not fields.get("key"):
                    if id in ids_without_key:
                        self.add_error(place, "Is a repeated entry: leave it out.")
                        continue
                    ids_without_key.add(id)
                yield FileEntry(name, number, place, id, fields.get("key"), fields)

    def entry_id(self, name: str, key: str) -> UUID:
        return self._id(name, {"key": key})

    def _id(self, name: str, fields: Mapping[str, Any]) -> UUID:
        # An affiliation without a key is identified by its sources, relation and beginning.
        affiliation = [str(fields.get(name)) for name in ("source", "with", "relation", "from")]
        return uuid5(_NAMESPACE, f"{self.case}\n{name}\n{fields.get('key') or affiliation}")

    def field_names(self, name: str) -> Mapping[str, str]:
        # The `detention` of a detainee is an object, not a reference.
        return {
            case_name: contract_name
            for contract_name, case_name in CASE_NAMES.items()
            if (name, case_name) != ("detainees", "detention")
        }

    def has_key(self, name: str, key: Any) -> bool:
        return isinstance(key, str) and key in self._states[name]

    def state(self, name: str, key: str) -> State:
        return self._states[name][key]

    def set_state(self, name: str, key: str, state: State) -> None:
        self._states[name][key] = state

    def key_of(self, name: str, id: UUID) -> str | None:
        return next((key for key in self._states[name] if self.entry_id(name, key) == id), None)

    def forget_states(self) -> None:
        self._states.clear()

    @contextmanager
    def _reading(self) -> Iterator[BinaryIO]:
        self._stream.seek(0)
        try:
            yield self._stream
        except ijson.JSONError as error:
            self.add_error("", _syntax_error(self._stream, error))

    def _read_outline(self, stream: BinaryIO) -> None:
        if line := _line_of_lone_surrogate(stream):
            self.add_error("", f"Line {line} has a lone surrogate, which is not text: remove it.")
            return
        stream.seek(0)
        top, field = "", ""
        for depth, event, value in _events(stream):
            if depth == 0 and event != "start_map":
                self.add_error("", "Must be an object.")
                return
            if depth > _MAX_DEPTH:
                self.add_error("", f"Is nested more than {_MAX_DEPTH} deep: write fewer levels.")
                return
            if depth == 1 and event == "map_key":
                top = value
                self._read_top_level(top)
            elif depth == 1:
                if top in LISTS and event != "start_array":
                    self.add_error(f"/{top}", "Must be an array.")
                elif top == "case" and event == "string":
                    self.case = value
                elif top == "recorded_as_of" and event == "string":
                    self.is_export = True
                    with suppress(ValidationError):
                        self.recorded_as_of = fields.moment(value)
            elif depth == 2:
                self.totals[top] += 1
                field = ""
            elif depth == 3 and event == "map_key":
                field = value
            elif depth == 3 and field == "key" and event == "string" and top in LISTS:
                if value in self._states[top]:
                    self._repeated_keys.add(f"/{top}/{self.totals[top] - 1}/key")
                self._states[top][value] = State.UNREAD
        if not self.case:
            self.add_error("/case", "Is required: give the name of the case.")

    def _read_top_level(self, name: str) -> None:
        place = pointer(name)
        if name not in {*LISTS, *_HEAD}:
            self.add_error(place, f"A case has no {name[:100]!r}: use {', '.join(LISTS)}.")
        if place in self._top_level:
            self.add_error(place, "Is a repeated name: leave one of the two out.")
        self._top_level.setdefault(place, len(self._top_level))


def _events(stream: BinaryIO) -> Iterator[tuple[int, str, Any]]:
    """Yield each name and each beginning of a value in a JSON text, with its depth."""
    depth = 0
    for event, value in ijson.basic_parse(stream, use_float=True):
        if event in {"end_map", "end_array"}:
            depth -= 1
        else:
            yield depth, event, value
            depth += event in {"start_map", "start_array"}


def _line_of_lone_surrogate(stream: BinaryIO) -> int | None:
    """Return the line of the first lone surrogate, which the parser would read as `?`."""
    line, text, more = 1, b"", True
    while more:
        chunk = stream.read(1 << 16)
        more = bool(chunk)
        text += chunk
        tail = b""
        for escape in _ESCAPE.finditer(text):
            if more and escape.start() > len(text) - _MAX_ESCAPE_BYTES:
                tail = text[escape.start() :]  # it may continue in the next chunk
                break
            if escape[1]:
                return line + text.count(b"\n", 0, escape.start())
        line += text.count(b"\n") - tail.count(b"\n")
        text = tail
    return None


def _syntax_error(stream: BinaryIO, error: ijson.JSONError) -> str:
    """Return what is wrong with a text that is not JSON, and on which line the parser found it."""
    stream.seek(0)
    if stream.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8:
        return "Begins with a byte order mark: save it in UTF-8, without a byte order mark."
    stream.seek(0)
    line, events = 1, ijson.sendable_list()
    parser = ijson.basic_parse_coro(events, use_float=True)
    with suppress(ijson.JSONError):
        while part := stream.readline(_MAX_PART_BYTES):
            parser.send(part)
            events.clear()
            line += part.endswith(b"\n")
    return f"Is not JSON, at line {line}: {_first_line(error)}"


def _first_line(error: ijson.JSONError) -> str:
    """Return the parser's message, without its excerpt of the file."""
    (message,) = error.args
    text = message.decode(errors="replace") if isinstance(message, bytes) else str(message)
    return text.partition("\n")[0].rstrip(".") + "."
