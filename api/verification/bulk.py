"""Very many records written at once: entered in the ledger together at the end, and verified block
by block, so that no other writer waits longer than that takes."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, get_args
from uuid import UUID

from api.access import Caller
from api.database import queries
from api.database.ledger import Action, Change, Resource
from api.verification import verdicts

# From so many new records on, the planner's statistics are of another store.
_MANY = 1000
_ANALYZE = (
    "ANALYZE attestations, attestation_relays, affiliations, release_events, detentions, detainees, "
    "verdicts, verdict_exclusions, person_statuses"
)


class Batch:
    """What was written in a transaction and is not recorded yet. `say` is told of progress."""

    def __init__(
        self, conn: queries.Connection, caller: Caller | None, say: Callable[[str], Any]
    ) -> None:
        self._conn = conn
        self._caller = caller
        self._say = say
        # Ids as their 16 bytes: there may be very many.
        self._written = {
            (action, resource): bytearray()
            for action in get_args(Action)
            for resource in get_args(Resource)
        }
        # The person of each event that is to be verified; both are locked.
        self._people: dict[bytes, bytes] = {}
        self._counted: set[bytes] = set()

    def add(self, resource: Resource, id: UUID, action: Action = "created") -> None:
        """A record that was written."""
        self._written[action, resource] += id.bytes

    def verify(self, event: UUID, person: UUID) -> None:
        """An event on which somebody spoke, or whose groups changed."""
        self._people[event.bytes] = person.bytes

    def verifies(self, event: UUID) -> bool:
        return event.bytes in self._people

    def events(self) -> list[UUID]:
        """The events that are to be verified."""
        return [UUID(bytes=event) for event in self._people]

    def count_again(self, person: UUID) -> None:
        """A person, locked, who may count in another way, whatever is said of the releases."""
        self._counted.add(person.bytes)

    def count(self, resource: Resource, action: Action = "created") -> int:
        """How many records of a kind were written."""
        return len(self._written[action, resource]) // 16

    def record(self) -> None:
        """Enters all that was written in the ledger, and verifies every event that it concerns."""
        for (action, resource), ids in self._written.items():
            for block in _blocks(ids):
                changes = [Change(resource, id, action) for id in block]
                verdicts.recompute(self._conn, self._caller, changes)
        # All events of a person at once: what is recorded at one moment does not change again.
        for block in _blocks(self._written["created", "detention"]):
            for row in queries.rows(
                self._conn, "verification/list_counted_people", detention_ids=block
            ):
                self.count_again(row.id)
        counted = [(None, person) for person in self._counted]
        by_person = sorted([*self._people.items(), *counted], key=itemgetter(1))
        people = ((UUID(bytes=p), list(own)) for p, own in groupby(by_person, key=itemgetter(1)))
        done, total = 0, len({person for _, person in by_person})
        are_many = sum(map(len, self._written.values())) > _MANY * 16
        while some := list(islice(people, queries.BLOCK_SIZE)):
            # Planned for the few rows that were there before, queries would read all for each
            # event: once for what was entered, and once when there are verdicts.
            if are_many and done <= queries.BLOCK_SIZE:
                self._conn.execute(_ANALYZE)
            verdicts.recompute(
                self._conn,
                self._caller,
                [],
                release_events=[UUID(bytes=event) for _, own in some for event, _ in own if event],
                people=[person for person, _ in some],
                recount=bool(counted),
            )
            done += len(some)
            if total > queries.BLOCK_SIZE:
                self._say(f"verified: {done:,} of {total:,} people")


def _blocks(ids: bytearray) -> Iterator[Sequence[UUID]]:
    each = (UUID(bytes=bytes(ids[start : start + 16])) for start in range(0, len(ids), 16))
    while block := list(islice(each, queries.BLOCK_SIZE)):
        yield block
