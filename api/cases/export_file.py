"""Exports, read line by line: the first says what it is, the last how many of what there are.

An entry keeps the id that it had, and names others by theirs, which stand on lines before it.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from api.cases.case_file import FAULTY, STORED, ListFile
from api.cases.format import EXPORT_VERSION, LISTS
from api.contract import strict_json
from api.errors import RequestError

_LONGEST = 1 << 20
# The last line is looked for in so many bytes.
_END = 1 << 12
_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


def is_export(path: Path) -> bool:
    """Whether a file begins as an export does."""
    with path.open("rb") as stream:
        head = _read(stream.readline(_LONGEST))
    return isinstance(head, dict) and "export" in head


class ExportFile(ListFile):
    """A file that begins as an export; CaseError if it is of another version, or cut off."""

    key = "id"
    is_exported = True

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._faulty: set[bytes] = set()
        with path.open("rb") as stream:
            self._read_ends(stream)
        self.stop_if_faulty()
        self._lists = groupby(self._lines(), key=lambda line: line[1]["list"])
        self._ahead = next(self._lists, None)

    def _read_ends(self, stream: BinaryIO) -> None:
        head = _read(stream.readline(_LONGEST))
        if head.get("version") != EXPORT_VERSION:
            self.fault(
                "line 1", f"This is not version {EXPORT_VERSION} of an export: it is not read."
            )
        length = stream.seek(0, 2)
        stream.seek(max(0, length - _END))
        *_, last = stream.read().splitlines(keepends=True)
        end = _read(last) if last.endswith(b"\n") else None
        totals = end.get("totals") if isinstance(end, dict) else None
        if not isinstance(totals, dict) or not all(type(n) is int for n in totals.values()):
            self.fault("", "The last line does not say how many lines there are: it was cut off.")
        else:
            self.totals = Counter(totals)

    def _lines(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The entries, each with its line, in the order of the lists."""
        found: Counter[str] = Counter()
        reached, all_are_read, place = 0, True, ""
        with self._path.open("rb") as stream:
            end = stream.seek(0, 2)
            stream.seek(0)
            stream.readline(_LONGEST)
            for number in range(2, 1 << 62):
                raw = stream.readline(_LONGEST)
                if not raw:
                    break
                place = f"line {number}"
                if len(raw) == _LONGEST:
                    self.fault(place, f"Has more than {_LONGEST} bytes: no more is read.")
                    return
                line = self._read_line(place, raw)
                if line is not None and "totals" in line and stream.tell() == end:
                    break
                name = None if line is None else line.get("list")
                if line is None or name not in LISTS:
                    all_are_read = False
                    if line is not None:
                        self.fault(f"{place}/list", f"Must be one of {', '.join(LISTS)}.")
                    continue
                found[name] += 1
                if LISTS.index(name) < reached:
                    self.fault(place, f"Stands after {LISTS[reached].replace('_', ' ')}.")
                    continue
                reached = LISTS.index(name)
                yield place, line
        if all_are_read and found != self.totals:
            self.fault(f"{place}/totals", f"There are {_told(found)}, not {_told(self.totals)}.")

    def _read_line(self, place: str, raw: bytes) -> dict[str, Any] | None:
        try:
            line = strict_json.read(raw, "line")
        except RequestError as refusal:
            self.fault(place, refusal.detail)
            return None
        if not isinstance(line, dict):
            self.fault(place, "Must be an object.")
            return None
        return line

    def _in_order(self, place: str) -> int:
        number = place.partition("/")[0].removeprefix("line ")
        return int(number) if number else 0

    def entries(self, name: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
        if self._ahead is None or self._ahead[0] != name:
            return
        for number, (place, line) in enumerate(self._ahead[1]):
            del line["list"]
            if self.knows(name, line.get("id")):
                yield number, place, line
            else:
                self.fault(f"{place}/id", "Must be given: a UUID.")
        self._ahead = next(self._lists, None)

    def id(self, name: str, entry: Mapping[str, Any]) -> UUID:
        return UUID(entry["id"])

    def names(self, name: str) -> Mapping[str, str]:
        return {}

    def knows(self, name: str, key: Any) -> bool:
        # Whether it stands on a line before, the store knows.
        return isinstance(key, str) and _ID.fullmatch(key) is not None

    def state(self, name: str, key: str) -> int:
        return FAULTY if UUID(key).bytes in self._faulty else STORED

    def note(self, name: str, key: str, state: int) -> None:
        if state == FAULTY:
            self._faulty.add(UUID(key).bytes)

    def key_of(self, name: str, id: UUID) -> str | None:
        return None

    def forget(self) -> None:
        self._faulty.clear()


def _read(raw: bytes) -> Any:
    """A line's JSON; None if it has none."""
    try:
        return strict_json.read(raw)
    except RequestError:
        return None


def _told(totals: Mapping[str, int]) -> str:
    return ", ".join(f"{totals[name]:,} {name.replace('_', ' ')}" for name in LISTS)
