"""Plan the columns that a merge of two people, or its undo, changes. Pure.

The duplicate record's children move to the surviving record. Detentions of the two that overlap
are one detention, and its release events within three days of each other are one event. The
attestations move to the surviving event; the duplicates stay in place with `merged_into` set.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from api.errors import RequestError
from api.records import detention_order
from api.records.detention_order import MAX_SAME_EVENT_DISTANCE, DetentionInterval, OrderError

Row = Mapping[str, Any]
"""A record as the ledger keeps it: ids, days and moments as texts."""

RESOURCES = ("detainee", "detention", "release_event", "attestation")


@dataclass(slots=True)
class MergePlan:
    """Records by resource and id as they are stored, and the planned changes of their columns."""

    stored: dict[str, dict[str, Row]] = field(
        default_factory=lambda: {resource: {} for resource in RESOURCES}
    )
    changes: dict[str, dict[str, dict[str, Any]]] = field(
        default_factory=lambda: {resource: {} for resource in RESOURCES}
    )

    def change(self, resource: str, id: str, **columns: Any) -> None:
        """Plan new values, except those that a record has already."""
        planned = self.planned(resource, id)
        changed = {name: value for name, value in columns.items() if planned[name] != value}
        if changed:
            self.changes[resource].setdefault(id, {}).update(changed)

    def planned(self, resource: str, id: str) -> Row:
        """Return a record with its planned changes."""
        return {**self.stored[resource][id], **self.changes[resource].get(id, {})}

    def moves(self) -> list[dict[str, Any]]:
        """Return the changed columns of each record, before and after."""
        return [
            {
                "resource": resource,
                "id": id,
                "before": {name: self.stored[resource][id][name] for name in changed},
                "after": changed,
            }
            for resource, changes in self.changes.items()
            for id, changed in changes.items()
        ]

    def children(self, resource: str, detainee_id: str) -> list[Row]:
        """Return the records of a person with their planned changes, in the order of creation."""
        rows = [self.planned(resource, id) for id in self.stored[resource]]
        return sorted(
            (
                row
                for row in rows
                if row["detainee_id"] == detainee_id and row["merged_into"] is None
            ),
            key=lambda row: (datetime.fromisoformat(row["created_at"]), row["id"]),
        )

    def _not_void(self, resource: str, detainee_id: str) -> list[Row]:
        rows = self.children(resource, detainee_id)
        return [row for row in rows if row["voided_at"] is None]

    def intervals(self, detainee_id: str) -> list[DetentionInterval]:
        """Return a person's detentions with their planned changes, in order, without void ones."""
        ended: dict[str, list[date]] = {}
        for event in self._not_void("release_event", detainee_id):
            day = date.fromisoformat(event["occurred_on"])
            ended.setdefault(event["detention_id"], []).append(day)
        intervals = [
            _interval(row, ended.get(row["id"], ()))
            for row in self._not_void("detention", detainee_id)
        ]
        return sorted(intervals, key=lambda interval: interval.sort_key)


def merge_people(
    plan: MergePlan,
    duplicate_id: str,
    surviving_id: str,
    nullable: Sequence[str],
    max_items: Mapping[str, int],
) -> None:
    """Plan the surviving record: its own values, completed by those of the duplicate.

    It is hidden if either record was. All names of the duplicate become aliases. `nullable` are the
    columns of values that can be null, `max_items` those of lists with their greatest lengths.
    Raises RequestError if a list would be longer.
    """
    surviving = plan.stored["detainee"][surviving_id]
    duplicate = plan.stored["detainee"][duplicate_id]
    changed: dict[str, Any] = {
        name: duplicate[name]
        for name in nullable
        if surviving[name] is None and duplicate[name] is not None
    }
    if "minor" in (surviving["age_group"], duplicate["age_group"]):
        changed["age_group"] = "minor"
    elif surviving["age_group"] == "unknown":
        changed["age_group"] = duplicate["age_group"]
    for name in ("withheld", "accepted"):
        changed[name] = surviving[name] or duplicate[name]
    for name in max_items:
        items, other = surviving[name], duplicate[name]
        present = items
        if name == "aliases":
            other, present = [duplicate["name"], *other], [surviving["name"], *items]
        changed[name] = [*items, *(item for item in _distinct(other) if item not in present)]
        if len(changed[name]) > max_items[name]:
            raise RequestError(
                "conflict",
                f"The merged record would have more than {max_items[name]} {name}; "
                "remove some from either record first.",
            )
    plan.change("detainee", surviving_id, **changed)
    plan.change("detainee", duplicate_id, merged_into=surviving_id)


def _distinct(items: Iterable[Any]) -> list[Any]:
    """Return each item once, in order. External ids are objects, which have no hash."""
    distinct: list[Any] = []
    for item in items:
        if item not in distinct:
            distinct.append(item)
    return distinct


def merge_detentions(plan: MergePlan, duplicate_id: str, surviving_id: str) -> dict[str, str]:
    """Plan the detentions and release events of both as those of the surviving record, in order.

    Returns the surviving release event of each duplicate one, by id.
    """
    pairs = detention_order.pair(plan.intervals(duplicate_id), plan.intervals(surviving_id))
    surviving_detentions = {
        str(a.id): str(b.id) for a, b in pairs if a is not None and b is not None
    }
    for duplicate, surviving in pairs:
        if duplicate is not None and surviving is None:
            plan.change("detention", str(duplicate.id), detainee_id=surviving_id)
        elif duplicate is not None and surviving is not None:
            _merge_detention(plan, str(duplicate.id), str(surviving.id))
    # Voided records move too: their voiding can be undone.
    for row in plan.children("detention", duplicate_id):
        if row["voided_at"] is not None:
            plan.change("detention", row["id"], detainee_id=surviving_id)
    surviving_events: dict[str, str] = {}
    for event in plan.children("release_event", duplicate_id):
        detention = str(event["detention_id"])
        detention = surviving_detentions.get(detention, detention)
        same = _same_event(event, detention, plan.children("release_event", surviving_id))
        if same is None:
            parents = {"detainee_id": surviving_id, "detention_id": detention}
            plan.change("release_event", event["id"], **parents)
        else:
            surviving_events[event["id"]] = same["id"]
            plan.change("release_event", event["id"], merged_into=same["id"])
            more = {n: event[n] for n in ("place", "announcement_id") if same[n] is None}
            plan.change("release_event", same["id"], **more)
    if all(duplicate is None for duplicate, _ in pairs):
        return surviving_events
    intervals = {interval.id: interval for interval in plan.intervals(surviving_id)}
    in_order = [surviving or duplicate for duplicate, surviving in pairs]
    _arrange(plan, [intervals[interval.id] for interval in in_order if interval is not None])
    return surviving_events


def _merge_detention(plan: MergePlan, duplicate_id: str, surviving_id: str) -> None:
    """Plan to copy values that only the duplicate detention has to the surviving one."""
    surviving = plan.stored["detention"][surviving_id]
    duplicate = plan.stored["detention"][duplicate_id]
    changed = {
        name: duplicate[name] for name in ("authority", "charges") if surviving[name] is None
    }
    if surviving["facility_id"] is None and duplicate["facility_id"] is not None:
        changed |= {name: duplicate[name] for name in ("facility_id", "whereabouts", "accepted")}
    # The more exact beginning: the day of a known month, or the month of a known year.
    if (duplicate["detained_on"] or "").startswith(surviving["detained_on"] or "") and (
        duplicate["detained_on"] != surviving["detained_on"]
    ):
        changed |= {name: duplicate[name] for name in ("detained_on", "counts_from_entry")}
    plan.change("detention", surviving_id, **changed)
    plan.change("detention", duplicate_id, merged_into=surviving_id)


def _same_event(event: Row, detention: str, others: Sequence[Row]) -> Row | None:
    """Return the nearest release event of a detention within three days of this one."""
    if event["voided_at"] is not None:
        return None
    day = date.fromisoformat(event["occurred_on"])
    near = [
        (abs(date.fromisoformat(other["occurred_on"]) - day), other["occurred_on"], other["id"])
        for other in others
        if other["detention_id"] == detention and other["voided_at"] is None
    ]
    distance, _, id = min(near, default=(MAX_SAME_EVENT_DISTANCE * 2, "", ""))
    if distance > MAX_SAME_EVENT_DISTANCE:
        return None
    return next(other for other in others if other["id"] == id)


def undo_merge(
    plan: MergePlan,
    duplicate_id: str,
    surviving_id: str,
    moves: Sequence[Any],
    *,
    is_written_since: bool,
) -> None:
    """Plan the undo of a merge: each record as it was, except columns that changed since.

    `moves` are the changes that the merge made, with each record as it is now. `is_written_since`
    tells whether the surviving record or its children were written after the merge.
    """
    order = plan.intervals(surviving_id)
    for move in moves:
        plan.stored[move.resource][str(move.id)] = move.entry
        if move.resource != "attestation":
            plan.change(move.resource, str(move.id), **_restored(move))
    # A release event created after the merge goes with its detention.
    for event in plan.children("release_event", surviving_id):
        detainee = plan.planned("detention", event["detention_id"])["detainee_id"]
        plan.change("release_event", event["id"], detainee_id=detainee)
    if not is_written_since:
        return
    _hide_both(plan, duplicate_id, surviving_id)
    # Unchanged detentions stay: in a valid store a release may be after the beginning of the next
    # detention, if that was recorded later.
    _keep_order(plan, duplicate_id, [])
    if plan.intervals(surviving_id) != order:
        _keep_order(plan, surviving_id, order)


def _restored(move: Any) -> dict[str, Any]:
    restored = {}
    for name, before in move.before.items():
        now, after = move.entry[name], move.after[name]
        if isinstance(before, list):
            restored[name] = [item for item in now if item in before or item not in after]
        elif now == after:
            restored[name] = before
    return restored


def _hide_both(plan: MergePlan, duplicate_id: str, surviving_id: str) -> None:
    """Keep both records hidden if the merged one is.

    An entry after the merge may belong to either record, and may name the hidden one.
    """
    if is_hidden(plan.stored["detainee"][surviving_id]):
        for person in (duplicate_id, surviving_id):
            if not is_hidden(plan.planned("detainee", person)):
                plan.change("detainee", person, withheld=True)


def is_hidden(detainee: Row) -> bool:
    """Return whether a person is hidden: a minor, or withheld."""
    return bool(detainee["age_group"] == "minor" or detainee["withheld"])


def _keep_order(plan: MergePlan, detainee_id: str, before: Sequence[DetentionInterval]) -> None:
    """Arrange a person's detentions as they were, unless they are in a possible order already."""
    order = {interval.id: i for i, interval in enumerate(before)}
    intervals = sorted(plan.intervals(detainee_id), key=lambda interval: order.get(interval.id, -1))
    try:
        detention_order.check_order(intervals)
    except OrderError:
        _arrange(plan, intervals)


def _arrange(plan: MergePlan, intervals: Sequence[DetentionInterval]) -> None:
    """Plan the days on which detentions in this order can have begun."""
    _place(plan, detention_order.arrange, intervals)


def rearrange(plan: MergePlan, detainee_id: str) -> None:
    """Plan that a person's detentions begin as early as possible, in their order."""
    _place(plan, detention_order.rearrange, plan.intervals(detainee_id))


def _place(
    plan: MergePlan,
    arrange: Callable[[Sequence[DetentionInterval]], list[DetentionInterval]],
    intervals: Sequence[DetentionInterval],
) -> None:
    try:
        placed = arrange(intervals)
    except OrderError as error:
        raise RequestError(
            "conflict",
            f"The detentions cannot be put in order: {error}. Correct the days of one of them "
            "first.",
        ) from None
    for interval in placed:
        plan.change("detention", str(interval.id), began_on=interval.began_on.isoformat())


def move_attestations(
    plan: MergePlan, attestations: Sequence[Any], surviving_events: Mapping[str, str]
) -> None:
    """Plan that the attestations of duplicate release events move to the surviving ones."""
    _load_attestations(plan, attestations)
    for attestation in attestations:
        event = surviving_events[str(attestation.release_event_id)]
        plan.change("attestation", str(attestation.id), release_event_id=event)


def return_attestations(
    plan: MergePlan, attestations: Sequence[Any], moves: Sequence[Any]
) -> list[UUID]:
    """Plan that attestations return to the release events that a merge moved them from.

    Attestations created after the merge return with what they relay. Returns the void ones that
    relay attestations of two events. Raises RequestError for one that is not void.
    """
    _load_attestations(plan, attestations)
    events = {
        str(move.id): move.before["release_event_id"]
        for move in moves
        if move.resource == "attestation"
    }
    of_two_events: list[UUID] = []
    for attestation in attestations:
        id = str(attestation.id)
        origins = {
            events[str(relayed)] for relayed in attestation.relayed if str(relayed) in events
        }
        if id not in events:
            events[id] = origins.pop() if len(origins) == 1 else str(attestation.release_event_id)
            if origins and not attestation.voided:
                raise RequestError(
                    "conflict",
                    f"The attestation {id}, created after the merge, relays attestations of both "
                    "records. Void it first, and create it again for each of them.",
                )
            if origins:
                of_two_events.append(attestation.id)
        plan.change("attestation", id, release_event_id=events[id])
    return of_two_events


def _load_attestations(plan: MergePlan, attestations: Sequence[Any]) -> None:
    for attestation in attestations:
        row = {"release_event_id": str(attestation.release_event_id)}
        plan.stored["attestation"][str(attestation.id)] = row


def _interval(detention: Row, released_on: Iterable[date]) -> DetentionInterval:
    return DetentionInterval(
        UUID(detention["id"]),
        detention["detained_on"],
        date.fromisoformat(detention["began_on"]),
        datetime.fromisoformat(detention["created_at"]),
        tuple(sorted(released_on)),
    )
