"""Read an export line by line. The first line has the version, the last line the totals.

An entry keeps its id. It refers by id to entries on earlier lines.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from api.cases.case_file import EntryFile, FileEntry, State
from api.cases.format import EXPORT_VERSION, LISTS
from api.contract import strict_json
from api.errors import RequestError

_MAX_LINE_BYTES = 1 << 20
_MAX_LAST_LINE_BYTES = 1 << 12
_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


def is_export(path: Path) -> bool:
    """Return whether a file begins like an export."""
    with path.open("rb") as stream:
        head = _read(stream.readline(_MAX_LINE_BYTES))
    return isinstance(head, dict) and "export" in head


class ExportFile(EntryFile):
    """An export. Raises CaseError if it has another version or was cut off."""

    key_field = "id"
    keeps_ids = True
    is_export = True

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._invalid: set[bytes] = set()
        with path.open("rb") as stream:
            self._read_ends(stream)
        self.raise_errors()
        self._lists = groupby(self._lines(), key=lambda line: line[1]["list"])
        self._ahead = next(self._lists, None)

    def _read_ends(self, stream: BinaryIO) -> None:
        head = _read(stream.readline(_MAX_LINE_BYTES))
        if head.get("version") != EXPORT_VERSION:
            detail = (
                f"Is version {head.get('version')!r:.100}, but only {EXPORT_VERSION} can be loaded:"
                " load it with the release of Constancia that wrote it."
            )
            self.add_error("line 1", detail)
        length = stream.seek(0, 2)
        stream.seek(max(0, length - _MAX_LAST_LINE_BYTES))
        *_, last = stream.read().splitlines(keepends=True)
        end = _read(last) if last.endswith(b"\n") else None
        totals = end.get("totals") if isinstance(end, dict) else None
        if not isinstance(totals, dict) or not all(type(n) is int for n in totals.values()):
            self.add_error("", "Was cut off: the last line must have totals. Export it again.")
        else:
            self.totals = Counter(totals)

    def _lines(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield each entry with its line, in the order of the lists."""
        counts: Counter[str] = Counter()
        reached, all_are_read, place = 0, True, ""
        with self._path.open("rb") as stream:
            end = stream.seek(0, 2)
            stream.seek(0)
            stream.readline(_MAX_LINE_BYTES)
            for number in range(2, 1 << 62):
                raw = stream.readline(_MAX_LINE_BYTES)
                if not raw:
                    break
                place = f"line {number}"
                if len(raw) == _MAX_LINE_BYTES:
                    detail = f"Has more than {_MAX_LINE_BYTES:,} bytes; the rest was not read."
                    self.add_error(place, f"{detail} Shorten its values.")
                    return
                line = self._read_line(place, raw)
                if line is not None and "totals" in line and stream.tell() == end:
                    break
                name = None if line is None else line.get("list")
                if line is None or name not in LISTS:
                    all_are_read = False
                    if line is not None:
                        self.add_error(
                            f"{place}/list", f"{name!r:.100} is not one of {', '.join(LISTS)}."
                        )
                    continue
                counts[name] += 1
                if LISTS.index(name) < reached:
                    self.add_error(place, f"{name!r} must come before {LISTS[reached]!r}.")
                    continue
                reached = LISTS.index(name)
                yield place, line
        if all_are_read and counts != self.totals:
            detail = (
                f"Are {_format(self.totals)}; the lines have {_format(counts)}. Export it again."
            )
            self.add_error(f"{place}/totals", detail)

    def _read_line(self, place: str, raw: bytes) -> dict[str, Any] | None:
        try:
            line = strict_json.read_line(raw)
        except RequestError as error:
            self.add_error(place, error.detail)
            return None
        if not isinstance(line, dict):
            self.add_error(place, "Must be an object.")
            return None
        return line

    def _sort_key(self, place: str) -> int:
        number = place.partition("/")[0].removeprefix("line ")
        return int(number) if number else 0

    def entries(self, name: str) -> Iterator[FileEntry]:
        if self._ahead is None or self._ahead[0] != name:
            return
        for number, (place, line) in enumerate(self._ahead[1]):
            del line["list"]
            id = line.get("id")
            if self.has_key(name, id):
                yield FileEntry(name, number, place, UUID(id), id, line)
            else:
                self.add_error(f"{place}/id", "Is required: give a UUID.")
        self._ahead = next(self._lists, None)

    def entry_id(self, name: str, key: str) -> UUID:
        return UUID(key)

    def field_names(self, name: str) -> Mapping[str, str]:
        return {}

    def has_key(self, name: str, key: Any) -> bool:
        # The database checks references: the file keeps no list of its ids in memory.
        return isinstance(key, str) and _ID.fullmatch(key) is not None

    def state(self, name: str, key: str) -> State:
        return State.INVALID if UUID(key).bytes in self._invalid else State.STORED

    def set_state(self, name: str, key: str, state: State) -> None:
        if state is State.INVALID:
            self._invalid.add(UUID(key).bytes)

    def key_of(self, name: str, id: UUID) -> str | None:
        return None

    def forget_states(self) -> None:
        self._invalid.clear()


def _read(raw: bytes) -> Any:
    """Return the JSON value of a line; None if it is not JSON."""
    try:
        return strict_json.read_line(raw)
    except RequestError:
        return None


def _format(totals: Mapping[str, int]) -> str:
    return ", ".join(f"{totals[name]:,} {name.replace('_', ' ')}" for name in LISTS)
