"""The names in a mirror by their words: what a reader of a mirror has in place of a search."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import orjson

from api.letters import folding
from api.matching import common_names

_OTHER = "other"


class Names:
    """People by each word of their names. They are on disk, and one letter at a time in memory."""

    def __init__(self, people: Iterable[Mapping[str, Any]]) -> None:
        self._folder = TemporaryDirectory()
        self.letters: Sequence[str] = ()
        self._sort(people)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def _sort(self, people: Iterable[Mapping[str, Any]]) -> None:
        files: dict[str, Any] = {}
        particles = common_names.load().particles
        try:
            for person in people:
                if person["is_named"]:
                    for name in (person["name"], *person["aliases"]):
                        for word in {*folding.words(name)} - particles:
                            letter = word[0] if re.match("[a-z]", word) else _OTHER
                            if letter not in files:
                                files[letter] = self._path(letter).open("wb")
                            line = orjson.dumps([word, name, person["id"]])
                            files[letter].write(line + b"\n")
        finally:
            for file in files.values():
                file.close()
        self.letters = sorted(files, key=lambda letter: (letter == _OTHER, letter))

    def people_by_word(self, letter: str) -> Mapping[str, Sequence[tuple[str, str]]]:
        """Return the words that begin with a letter, each with the names and ids of people."""
        words: dict[str, list[tuple[str, str]]] = {}
        with self._path(letter).open("rb") as file:
            for word, name, id in sorted(map(orjson.loads, file)):
                words.setdefault(word, []).append((name, id))
        return words

    def _path(self, letter: str) -> Path:
        return Path(self._folder.name, letter)
