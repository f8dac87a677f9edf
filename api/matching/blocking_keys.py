"""Blocking keys: the short texts under which names are indexed.

Blocking is the first step of record linkage: only people who share a key are compared. Keys are
made of phonetic codes, so that different spellings of a name share them; misspelled words are found
by delete variants (`phonetics`).
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from itertools import chain, combinations, islice, pairwise, product

from api import resources
from api.letters import korean
from api.letters.transliteration import other_readings
from api.matching import common_names, phonetics
from api.matching.common_names import is_common
from api.matching.name_parsing import Word, parse_for_search

NearWords = Mapping[str, Sequence[str]]
"""Query words -> indexed words that differ from them by a few letters."""

_MAX_INDEX_KEYS = 40
_MAX_SEARCH_KEYS = 200
_MAX_WORDS = 7
_WHOLE_NAME, _THREE_WORDS, _TWO_WORDS, _ONE_WORD = 5.0, 3.0, 2.0, 1.0
"""Weights of keys: the more words of a query a key has, the likelier its people match."""
_CONSONANTS, _INITIAL, _SURNAME_INITIAL, _ABBREVIATION = 1.5, 1.5, 1.0, 0.9
"""Weights of keys of two words of which less is known."""
_NEAR, _TWO_NEAR, _RELATED = 0.8, 0.7, 0.8
"""Factors of the weight of a key with a near word, with two, and with a related word."""

_JOINED = "+"
MIN_JOINED_LETTERS, _MAX_JOINED_LETTERS = 8, 40
"""The letters of a name whose words are joined."""
_MIN_PART_LETTERS, _MIN_ALONE_LETTERS = 3, 5
"""The letters of a word of such a name, and of one that is looked up alone."""

_RULE_FILES = (
    "letters/burmese.py",
    "letters/chinese.py",
    "letters/korean.py",
    "letters/transliteration.py",
    "matching/common_names.txt",
    "matching/common_names.py",
    "matching/phonetics.py",
    "matching/name_parsing.py",
    "matching/blocking_keys.py",
)


def rules_digest() -> bytes:
    """The SHA-256 of what decides the keys: an index made by other rules is outdated.

    That is `_RULE_FILES`, and the versions of Unicode and of anyascii.
    """
    return resources.digest(_RULE_FILES, unicodedata.unidata_version, version("anyascii"))


def index_keys(names: Iterable[str]) -> list[str]:
    """The keys under which a person with these names is indexed, at most 40 for each name.

    - `=` and all words; each word; two and three words in alphabetical order;
    - a given name and a surname, one of them as its initial with a dot;
    - `~` and the consonants of the first and last words, for scripts without vowels;
    - `@` and a Korean name, as all its romanizations have it in common;
    - `+` and all words joined, if they are three or more.
    """
    keys: dict[str, None] = {}
    for name in names:
        spellings = _spellings(name)
        whole = _korean_keys(name) + _joined_name_keys(name)
        keys.update(dict.fromkeys(whole))
        max_keys = (_MAX_INDEX_KEYS - len(whole)) // len(spellings)
        for spelling in spellings:
            keys.update(dict.fromkeys(_index_keys(spelling)[:max_keys]))
    return list(keys)


def search_keys(names: Iterable[str], near_words: NearWords) -> dict[str, float]:
    """The keys under which these names or misspellings of them can be indexed, with weights.

    A more specific key has a greater weight. There are at most 200, the greatest first, of the
    first 200 of each spelling. A common word alone finds only people whose whole name it is, unless
    the name has no other word.
    """
    names = list(names)
    keys = {key: _THREE_WORDS for name in names for key in _korean_keys(name)}
    for spelling in chain.from_iterable(map(_spellings, names)):
        for key, weight in islice(_search_keys(spelling, near_words), _MAX_SEARCH_KEYS):
            keys[key] = max(weight, keys.get(key, 0))
    return dict(sorted(keys.items(), key=lambda item: -item[1])[:_MAX_SEARCH_KEYS])


def joined_keys(query: str) -> dict[str, float]:
    """The keys of a name whose words a query may join (pedroguanipa), with weights.

    They are those of all words, of each two words, and of three words of which the first is a
    common name. A longer word alone finds its people as well: it may be joined with a particle.
    """
    words = _words(query)
    if len(words) != 1 or not MIN_JOINED_LETTERS <= len(words[0].text) <= _MAX_JOINED_LETTERS:
        return {}
    joined = words[0].text
    if is_common(joined) or not joined.isalpha():
        return {}
    keys = {_JOINED + phonetics.sound(joined): _THREE_WORDS}
    for i in range(_MIN_PART_LETTERS, len(joined) - _MIN_PART_LETTERS + 1):
        first, rest = joined[:i], joined[i:]
        code = phonetics.code(first)
        keys[_pair_key(code, phonetics.code(rest))] = _TWO_WORDS
        if is_common(first):
            for j in range(2, len(rest) - _MIN_PART_LETTERS + 1):
                codes = code, phonetics.code(rest[:j]), phonetics.code(rest[j:])
                keys[" ".join(sorted(codes))] = _THREE_WORDS
        for part in (first, rest):
            if len(part) >= _MIN_ALONE_LETTERS and not is_common(part):
                keys[word_key(part)] = _RELATED * _ONE_WORD
    return dict(sorted(keys.items(), key=lambda item: -item[1])[:_MAX_SEARCH_KEYS])


def index_beginnings(names: Iterable[str]) -> list[str]:
    """The further keys of Korean names, for a search only.

    They are `^` and the surname, alone and with the first letters of the given name, and `^` and
    the given name. To share one is no evidence that two records are of one person.
    """
    readings = chain.from_iterable(map(korean.readings, names))
    keys = ((*reading.beginning_keys, reading.given_key) for reading in readings)
    return list(dict.fromkeys(chain.from_iterable(keys)))


def search_beginnings(query: str) -> dict[str, float]:
    """The keys of the Korean names that a query begins, or whose given name it is, with weights."""
    return {
        **{given.given_key: _INITIAL for given in korean.given_names(query)},
        **{
            key: _INITIAL if beginning.given else _RELATED * _ONE_WORD
            for beginning in korean.beginnings(query)
            for key in beginning.keys
        },
    }


def selective(keys: Mapping[str, float]) -> list[str]:
    """The search keys whose people nearly all match: those of several words, if there are any."""
    if not any(" " in key for key in keys):
        return list(keys)
    return [key for key, weight in keys.items() if weight > _ONE_WORD]


def index_words(names: Iterable[str]) -> list[str]:
    """The distinct words of names, also joined with their particles and with the next word."""
    texts: dict[str, None] = {}
    for spelling in chain.from_iterable(map(_spellings, names)):
        words = _words(spelling)
        texts.update(dict.fromkeys(t for word in words for t in (word.text, word.with_particles)))
        texts.update(dict.fromkeys(a + b for a, b in _joinable_pairs(words)))
    return [text for text in texts if len(text) > 1]


def word_key(word: str) -> str:
    """The key of a word alone: a common given name as it is, any other word by its sound."""
    return word if common_names.given_names(word) else phonetics.code(word)


def _korean_keys(name: str) -> list[str]:
    return list(dict.fromkeys(reading.key for reading in korean.readings(name)))


def _joined_name_keys(name: str) -> list[str]:
    words = [word.with_particles or word.text for word in _words(name)]
    joined = "".join(words)
    is_joinable = len(words) > 2 and joined.isalpha() and len(joined) <= _MAX_JOINED_LETTERS
    return [_JOINED + phonetics.sound(joined)] if is_joinable else []


def _spellings(name: str) -> Sequence[str]:
    """A name as it is written and as other systems of romanization write it."""
    return [name, *other_readings(name)]


def _words(name: str) -> Sequence[Word]:
    return parse_for_search(name).words[:_MAX_WORDS]


def _index_keys(name: str) -> Sequence[str]:
    words = _words(name)
    codes = _codes_by_text(words)
    joinable = _joinable_pairs(words)
    parts = sorted({*codes.values(), *_codes_without_saints(codes)})
    keys = [_whole_name_key(codes.values())]
    keys += [word_key(text) for text in codes]
    keys += [word_key(word.with_particles) for word in words if word.with_particles]
    keys += [word_key(a + b) for a, b in joinable]
    keys += map(" ".join, combinations(parts, 2))
    keys += _joined_pair_keys(joinable, parts)
    for given, surname in _given_name_and_surnames(words):
        if len(given.text) > 1:
            keys += [f"{initial}.{codes[surname.text]}" for initial in _initials(given)]
        if len(surname.text) > 1:
            keys += [f"{codes[given.text]}.{initial}" for initial in _initials(surname)]
    keys += _consonant_keys(words)
    keys += map(" ".join, combinations(parts, 3))
    return list(dict.fromkeys(keys))


def _search_keys(name: str, near_words: NearWords) -> Iterable[tuple[str, float]]:
    words = _words(name)
    codes = _codes_by_text(words)
    joinable = _joinable_pairs(words)
    parts = sorted({*codes.values(), *_codes_without_saints(codes)})
    yield _whole_name_key(codes.values()), _WHOLE_NAME
    for triple in combinations(parts, 3):
        yield " ".join(triple), _THREE_WORDS
    for pair in (*map(" ".join, combinations(parts, 2)), *_joined_pair_keys(joinable, parts)):
        yield pair, _TWO_WORDS
    yield from _initial_search_keys(words, codes)
    for key in _consonant_keys(words):
        yield key, _CONSONANTS
    has_one_word = len(words) == 1
    with_particles = [word.with_particles for word in words if word.with_particles]
    for text in dict.fromkeys([*codes, *with_particles, *(a + b for a, b in joinable)]):
        if has_one_word or not is_common(text):
            yield word_key(text), _ONE_WORD
        else:
            yield _whole_name_key([codes.get(text, text)]), _ONE_WORD
        if has_one_word:
            for related in sorted(common_names.related_words(text)):
                yield related, _RELATED * _ONE_WORD
        others = [code for code in parts if code != codes.get(text)]
        for near in near_words.get(text, ()):
            yield from _near_word_keys(near, others, has_one_word=has_one_word)
    # Two misspelled words. An uncommon word is found by its own key.
    for a, b in combinations(codes, 2):
        for near_a, near_b in product(near_words.get(a, ()), near_words.get(b, ())):
            if is_common(near_a) and is_common(near_b):
                yield (
                    _pair_key(phonetics.code(near_a), phonetics.code(near_b)),
                    _TWO_NEAR * _TWO_WORDS,
                )


def _near_word_keys(
    near: str, others: Sequence[str], *, has_one_word: bool
) -> Iterable[tuple[str, float]]:
    """Keys of a name in which one word is replaced by a near word; `others` are the other codes."""
    code = phonetics.code(near)
    if has_one_word or not is_common(near):
        yield word_key(near), _NEAR * _ONE_WORD
    for other in others:
        yield _pair_key(code, other), _NEAR * _TWO_WORDS
    if is_common(near):
        yield _whole_name_key([code, *others]), _NEAR * _WHOLE_NAME
        for pair in combinations(others, 2):
            yield " ".join(sorted((code, *pair))), _NEAR * _THREE_WORDS


def _initial_search_keys(
    words: Sequence[Word], codes: Mapping[str, str]
) -> Iterable[tuple[str, float]]:
    """Keys by which an initial finds a full word, and a full word an initial."""
    for given, surname in _given_name_and_surnames(words):
        if len(given.text) == 1:
            yield f"{given.text}.{codes[surname.text]}", _INITIAL
        elif len(surname.text) == 1:
            yield f"{codes[given.text]}.{surname.text}", _INITIAL
        else:
            if not is_common(given.text):
                # It can be an abbreviation: Alej. Pérez.
                yield f"{given.text[0]}.{codes[surname.text]}", _ABBREVIATION
            for initial in _initials(given):
                yield _pair_key(initial, codes[surname.text]), _INITIAL
            for initial in _initials(surname):
                yield _pair_key(codes[given.text], initial), _SURNAME_INITIAL


def _whole_name_key(codes: Iterable[str]) -> str:
    return "=" + " ".join(sorted({*codes}))


def _pair_key(a: str, b: str) -> str:
    return f"{a} {b}" if a < b else f"{b} {a}"


def _codes_by_text(words: Iterable[Word]) -> dict[str, str]:
    return {word.text: phonetics.code(word.text) for word in words}


def _codes_without_saints(texts: Iterable[str]) -> Iterable[str]:
    """Codes by which San Miguel is found as Miguel too."""
    return (phonetics.code(text.removeprefix(phonetics.saint_prefix(text))) for text in texts)


def _joinable_pairs(words: Sequence[Word]) -> Sequence[tuple[str, str]]:
    """Neighbouring short words, which other records may join: Li-hua, Lihua."""
    pairs = pairwise(word.text for word in words if word.part != "nickname")
    return [(a, b) for a, b in pairs if 1 < len(a) <= 5 and 1 < len(b) <= 5]


def _joined_pair_keys(joinable: Iterable[tuple[str, str]], parts: Iterable[str]) -> Sequence[str]:
    return [
        _pair_key(phonetics.code(a + b), part)
        for a, b in joinable
        for part in parts
        if part not in (phonetics.code(a), phonetics.code(b))
    ]


def _given_name_and_surnames(words: Sequence[Word]) -> Iterable[tuple[Word, Word]]:
    """The first possible given name, with each possible surname."""
    given = next((word for word in words if word.part in ("given", "unknown")), None)
    for word in words if given else ():
        if word.part in ("surname", "married", "unknown") and given and word.text != given.text:
            yield given, word


def _initials(word: Word) -> Sequence[str]:
    """The first letter of a word, as written and as it sounds: Hilda, Ilda."""
    return sorted({word.text[0], phonetics.sound(word.text)[:1] or word.text[0]})


def _consonant_keys(words: Sequence[Word]) -> Sequence[str]:
    """The consonants of the first and last words, each with and without its particles."""
    name_words = [word for word in words if word.part != "nickname"]
    if len(name_words) < 2:
        return []
    first, last = (
        {word.text, word.with_particles or word.text} for word in (name_words[0], name_words[-1])
    )
    pairs = product(map(phonetics.consonants, first), map(phonetics.consonants, last))
    return sorted({"~" + _pair_key(a, b) for a, b in pairs})
