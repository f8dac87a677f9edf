"""The commonest names, titles and particles, read from common_names.txt.

Words are in the form of `transliterate` (api/letters): ASCII letters, lower case.
"""

from functools import cache
from importlib.resources import files
from typing import NamedTuple


class CommonNames(NamedTuple):
    """The word list, indexed.

    A *given name* is represented by its first spelling in the list. All given names that share a
    nickname are in one class, which is represented by the first of them in alphabetical order.
    """

    given_names_by_word: dict[str, frozenset[str]]
    words_by_given_name: dict[str, frozenset[str]]
    given_name_by_spelling: dict[str, str]
    class_by_given_name: dict[str, str]
    commonest: frozenset[str]
    surnames: frozenset[str]
    frequent: frozenset[str]
    titles: frozenset[str]
    particles: frozenset[str]


@cache
def load() -> CommonNames:
    """Read and index the word list, once per process."""
    given_names_by_word: dict[str, set[str]] = {}
    given_name_by_spelling: dict[str, str] = {}
    commonest: set[str] = set()
    sections: dict[str, set[str]] = {
        name: set() for name in ("[surnames]", "[frequent]", "[titles]", "[particles]")
    }
    section = ""
    text = (files("api.matching") / "common_names.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith("["):
            section = line
        elif section in sections:
            sections[section].update(line.split())
        elif section == "[given]":
            before, _, after = line.lstrip("+").partition("/")
            spellings, nicknames = before.split(), after.split()
            given_name_by_spelling.update(dict.fromkeys(spellings, spellings[0]))
            for word in (*spellings, *nicknames):
                given_names_by_word.setdefault(word, set()).add(spellings[0])
            if line.startswith("+"):
                commonest.update(spellings)
    words_by_given_name: dict[str, set[str]] = {}
    for word, given_names in given_names_by_word.items():
        for name in given_names:
            words_by_given_name.setdefault(name, set()).add(word)
    return CommonNames(
        {word: frozenset(names) for word, names in given_names_by_word.items()},
        {name: frozenset(words) for name, words in words_by_given_name.items()},
        given_name_by_spelling,
        _classes(given_names_by_word),
        frozenset(commonest),
        frozenset(sections["[surnames]"]),
        frozenset(sections["[frequent]"]),
        frozenset(sections["[titles]"]),
        frozenset(sections["[particles]"]),
    )


def _classes(given_names_by_word: dict[str, set[str]]) -> dict[str, str]:
    """Each given name's class: the transitive closure of sharing a nickname."""
    classes: dict[str, str] = {}
    for given_names in given_names_by_word.values():
        joined = {classes.get(name, name) for name in given_names}
        first = min(joined)
        classes.update({name: first for name, class_ in classes.items() if class_ in joined})
        classes.update(dict.fromkeys(given_names, first))
    return classes


def given_names(word: str) -> frozenset[str]:
    """The given names that a word is a spelling or a nickname of; empty for any other word."""
    return load().given_names_by_word.get(word, frozenset())


def related_words(word: str) -> frozenset[str]:
    """The other spellings and nicknames of the given names that a word can stand for."""
    words = load().words_by_given_name
    return frozenset(other for name in given_names(word) for other in words[name]) - {word}


def is_surname(word: str) -> bool:
    """Whether a word is a common surname."""
    return word in load().surnames


def is_title(word: str) -> bool:
    """Whether a word is a title or a rank, which stands before a name and is no part of it."""
    return word in load().titles


def is_particle(word: str) -> bool:
    """Whether a word only links the words of a name: de, von, al."""
    return word in load().particles


def is_common(word: str) -> bool:
    """Whether a word is a common given name or surname.

    It is then unlikely to be a misspelling of another common name.
    """
    return bool(given_names(word)) or is_surname(word)


def rarity_bits(word: str) -> float:
    """The evidence in a shared word: -log2 of its estimated frequency among people's names."""
    if len(word) == 1:
        return 1.5
    if word in load().commonest:
        return 4.3
    if word in load().frequent:
        return 5
    if is_surname(word) or len(word) == 2:
        return 6
    return 6.6 if given_names(word) else 10
