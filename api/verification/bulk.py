"""Record many writes of one transaction: ledger entries at the end, verdicts in blocks.

Each block of people is verified with a few statements, for an import or a load of any size.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, get_args
from uuid import UUID

from api import access
from api.access import Caller
from api.database import queries
from api.database.ledger import Action, Change, Resource
from api.verification import verdicts

_MAX_RECORDS_WITHOUT_ANALYZE = 1000
"""With more new records than this, the tables are analyzed before they are read."""
_ID_BYTES = 16
_ANALYZE = (
    "ANALYZE attestations, attestation_relays, affiliations, release_events, detentions, "
    "detainees, verdicts, verdict_parts, first_verdicts, person_statuses"
)


class Batch:
    """The writes of a transaction that are in no ledger entry yet, and what they affect.

    `progress` takes lines of text.
    """

    def __init__(
        self, conn: queries.Connection, caller: Caller | None, progress: Callable[[str], Any]
    ) -> None:
        self._conn = conn
        self._caller = caller
        self._progress = progress
        # Ids as bytes, since a load can write millions.
        self._written = {
            (action, resource): bytearray()
            for action in get_args(Action)
            for resource in get_args(Resource)
        }
        # The person, locked, of each release event to verify.
        self._person_by_event: dict[bytes, bytes] = {}
        self._recounted: set[bytes] = set()

    @property
    def accepts(self) -> bool:
        """Whether what this batch writes counts for the disclosure threshold."""
        return access.accepts(self._caller)

    def add(self, resource: Resource, id: UUID, action: Action = "created") -> None:
        """Add a record that was written."""
        self._written[action, resource] += id.bytes

    def verify(self, event: UUID, person: UUID) -> None:
        """Add a release event to verify again, of a locked person."""
        self._person_by_event[event.bytes] = person.bytes

    def events(self) -> list[UUID]:
        """Return the release events to verify."""
        return [UUID(bytes=event) for event in self._person_by_event]

    def recount(self, person: UUID) -> None:
        """Add a person to count again even if no verdict changes: locked, or with the ledger."""
        self._recounted.add(person.bytes)

    def count(self, resource: Resource, action: Action = "created") -> int:
        """Return how many records of a resource were written."""
        return len(self._written[action, resource]) // _ID_BYTES

    def record(self) -> None:
        """Append all writes to the ledger, and verify and count what they affect.

        The ledger has the records of a resource in the order of their random ids. The order of a
        list would reveal where in it hidden people are.
        """
        for (action, resource), ids in self._written.items():
            for block in _blocks(ids):
                changes = [Change(resource, id, action) for id in block]
                for person in verdicts.append(self._conn, self._caller, changes):
                    self.recount(person)
        # A new detention or release event can decide whether a person was detained again.
        created = self._written["created", "detention"] + self._written["created", "release_event"]
        for block in _blocks(created):
            for row in queries.rows(self._conn, "verification/list_counted_people", ids=block):
                self.recount(row.id)
        self._verify()

    def _verify(self) -> None:
        # Keep the events of a person in one block: a row cannot change twice at one moment.
        recounted = [(None, person) for person in self._recounted]
        by_person = sorted([*self._person_by_event.items(), *recounted], key=itemgetter(1))
        people = ((UUID(bytes=p), list(rows)) for p, rows in groupby(by_person, key=itemgetter(1)))
        done, total = 0, len({person for _, person in by_person})
        needs_statistics = (
            sum(map(len, self._written.values())) > _MAX_RECORDS_WITHOUT_ANALYZE * _ID_BYTES
        )
        while block := list(islice(people, queries.BLOCK_SIZE)):
            # Without new statistics the planner takes the tables to be nearly empty, and scans them
            # for each event: the second 1,000 of 4,000 people take 17 s instead of 6. The first
            # block needs statistics of the records, the second of the verdicts.
            if needs_statistics and done <= queries.BLOCK_SIZE:
                self._conn.execute(_ANALYZE)
            verdicts.recompute(
                self._conn,
                self._caller,
                [],
                release_events=[
                    UUID(bytes=event) for _, rows in block for event, _ in rows if event
                ],
                people=[person for person, _ in block],
                recount=bool(recounted),
            )
            done += len(block)
            if total > queries.BLOCK_SIZE:
                self._progress(f"verified: {done:,} of {total:,} people")


def _blocks(ids: bytearray) -> Iterator[Sequence[UUID]]:
    """Yield ids in their order, in blocks."""
    in_order = iter(sorted(bytes(ids[i : i + _ID_BYTES]) for i in range(0, len(ids), _ID_BYTES)))
    while block := list(islice(in_order, queries.BLOCK_SIZE)):
        yield [UUID(bytes=id) for id in block]
