"""The four kinds of result of an operation, from which rendering makes the response.

`Record` and `Page` name a query; rendering selects the columns that the contract lists. `Answer`
holds data that the operation computed. `Stream` is a body that is too long to be held in memory.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from psycopg_pool import ConnectionPool

from api.contract.document import Operation
from api.database.ledger import Reader
from api.database.queries import Connection

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """The single row of a query. Without a row the response is `not-found` and names `resource`.

    With a `reader`, the ledger notes that a hidden name was shown to this caller.
    """

    resource: str
    query: str
    parameters: Mapping[str, Any]
    reader: Reader | None = None


class Ranked(NamedTuple):
    """An item of a ranking: its id, its `match`, and its position as a cursor holds it."""

    id: str
    match: Mapping[str, Any]
    position: str


@dataclass(frozen=True, slots=True)
class Ranking:
    """The order of a page's items.

    `read` takes a position, or None for the start, and a limit; it returns at most that many items
    after the position. `position_pattern` is the form of a position in a valid cursor.
    """

    read: Callable[[Connection, str | None, int], Sequence[Ranked]]
    position_pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list: the rows of a query that takes `after` and `limit`.

    A `limit` of None means the complete list. A filter that is None does not apply. The page begins
    after the item that `cursor` names; if the items are numbered, after the number `after`. With a
    `ranking` the query takes `ids` and `matches` in place of `after`. With a `reader`, the ledger
    notes which hidden names were shown to this caller. The query of a `scan` takes `max_scanned`,
    and compares so many records with its conditions: a page of few that meet them is short, and
    the next one begins after the last record that was compared. The parameters of a scan say how
    its records are read, and not which, so that no cursor depends on them.
    """

    query: str
    limit: int | None
    filters: Mapping[str, Any] = field(default_factory=dict)
    cursor: str | None = None
    after: int | None = None
    ranking: Ranking | None = None
    reader: Reader | None = None
    scan: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A computed response: an object as the contract describes it, or the body itself.

    A page of computed items is an object with `items` and `next`, the cursor of the next page. The
    entity tag of a text leaves out its `volatile` parts: the moments of an answer as of now. It is
    that of the text `tagged`, if given: in a chart, lines divide these parts. `url_weight` is the
    weight of a request for the url that a citation pins. `table_of` is the operation whose answer
    another one sends as CSV.
    """

    content: Mapping[str, Any] | str | bytes
    volatile: Sequence[str] = ()
    tagged: str | None = None
    url_weight: int = 0
    table_of: Operation | None = None


@dataclass(frozen=True, slots=True)
class Stream:
    """A body that is read from the database and sent block by block.

    `blocks` is called once, while the request holds no connection. It reads the first block before
    it returns, so that an error still becomes an error response. A block is bytes, or items as the
    contract describes those of the list. The entity tag is the hash of the request, the ledger's
    last entry and `version`, which covers all other data of the body. `id` is the id of a created
    resource.
    """

    blocks: Callable[[ConnectionPool[Connection]], Iterator[bytes] | Iterator[Sequence[Item]]]
    version: bytes = b""
    id: str | None = None


Result = Record | Page | Answer | Stream

FindDuplicates = Callable[..., Sequence[Item]]
"""Return the records that may be the same as a new one.

Takes `conn`, `caller`, and the `id` and `body` of the new record.
"""


def offers_duplicates(
    find: FindDuplicates,
) -> Callable[[Callable[..., Record]], Callable[..., Record]]:
    """Decorate the function of a creation whose response lists possible duplicates.

    They are found after the commit, and again for a retry.
    """

    def decorate(function: Callable[..., Record]) -> Callable[..., Record]:
        function.find_duplicates = find  # type: ignore[attr-defined]
        return function

    return decorate


Prepare = Callable[..., Item]
"""Return the body that the function of a write takes. Takes its arguments, without `caller`."""


def prepared_by(prepare: Prepare) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
    """Decorate the function of a write whose body takes reads in transactions of their own.

    They run before the transaction of the write, unless the request is a retry.
    """

    def decorate(function: Callable[..., Answer]) -> Callable[..., Answer]:
        function.prepare = prepare  # type: ignore[attr-defined]
        return function

    return decorate


Precondition = Callable[[Record], None]
"""A function that raises `precondition-failed` if If-Match names an older state of a record.

An update calls it with the record of its response, once it holds the record's lock."""
