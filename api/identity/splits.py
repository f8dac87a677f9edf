"""Split a person whose record holds the records of two people, and undo a split.

The new person gets the chosen detentions, release events, aliases and external ids, and the two are
recorded as distinct, so that no import makes them one again. Nothing else is known of the new
person, except that a split of a hidden person gives a hidden person.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from api.access import Caller
from api.contract import document
from api.database import queries
from api.database.ledger import Change
from api.errors import FieldError, RequestError, invalid, not_found
from api.identity import canonical_ids, merge_plan, merges
from api.identity.merge_plan import MergePlan, Row
from api.records import detainees, detentions, writes
from api.records.writes import Body

# The columns of a detention that its copy has, too.
_COPIED = (
    "facility_id", "detained_on", "began_on", "authority", "charges", "whereabouts",
    "counts_from_entry", "created_at",
)  # fmt: skip


def create(conn: queries.Connection, caller: Caller, id: UUID, body: Body) -> UUID:
    """Move the chosen records of the person `id` to a new person; return the id of the split.

    The release events of a chosen detention go with it. A release event that is chosen without its
    detention gets a copy of the detention.
    """
    merges.lock_surviving(conn, id)
    chosen = _Chosen(conn, merges.load_plan(conn, [id]), str(id), body)
    new = detainees.insert(conn, chosen.new_person(), accepted=chosen.is_accepted)
    copies = {
        row["id"]: str(_copy(conn, row, detainee_id=new)) for row in chosen.detentions_to_copy()
    }
    plan = merges.load_plan(conn, [id, new])
    chosen.move(plan, str(new), copies)
    for person in (id, new):
        merge_plan.rearrange(plan, str(person))

    distinction = writes.insert(
        conn, "merges/insert_distinction", detainee_id=id, distinct_from_id=new
    )
    split = writes.insert(
        conn,
        "splits/insert",
        detainee_id=id,
        new_detainee_id=new,
    )
    queries.run(conn, "splits/insert_changes", split_id=split, rows=Jsonb(plan.moves()))
    changes = [
        Change("split", split, "created"),
        Change("detainee", new, "created"),
        *(Change("detention", UUID(copy), "created") for copy in copies.values()),
        Change("distinction", distinction, "created"),
    ]
    merges.write_plan(conn, caller, changes, plan, [id, new])
    return split


def undo(conn: queries.Connection, caller: Caller, id: UUID) -> None:
    """Return all records of the new person of a split to the first one, as a merge would.

    The first person gets back its former aliases and external ids, and keeps later ones.
    """
    split = queries.row(conn, "splits/get", id=id)
    if split is None:
        raise not_found("split")
    people = [split.detainee_id, split.new_detainee_id]
    queries.run(conn, "detainees/lock_pair", ids=people)
    # Read again: a merge or another split can have been recorded while the lock was waited for.
    split = queries.row(conn, "splits/get", id=id)
    _check_undo(conn, split)
    plan = merges.load_plan(conn, people)
    moves = queries.rows(conn, "splits/list_changes", split_id=id)
    _plan_undo(plan, moves, str(split.detainee_id), str(split.new_detainee_id))
    if queries.row(conn, "splits/exist_later_changes", split_id=id).changed:
        merge_plan.rearrange(plan, str(split.detainee_id))
    else:
        _restore_days(plan, moves)

    queries.run(conn, "splits/undo", id=id)
    # Stored too, because they include records that the new person got since the split.
    queries.run(conn, "splits/insert_changes", split_id=id, rows=Jsonb(plan.moves()))
    changes = [Change("split", id, "undone")]
    if split.distinction_id is not None:
        queries.run(conn, "merges/withdraw_distinction", id=split.distinction_id)
        changes.append(Change("distinction", split.distinction_id, "withdrawn"))
    merges.write_plan(conn, caller, changes, plan, people)


class _Chosen:
    """The records of a person that go to a new one. Raises RequestError with every error."""

    def __init__(
        self, conn: queries.Connection, plan: MergePlan, detainee_id: str, body: Body
    ) -> None:
        self._body = body
        self._plan = plan
        self._person = plan.stored["detainee"][detainee_id]
        self._detentions = _canonical(conn, "detention", body["detention_ids"])
        self._events = _canonical(conn, "release_event", body["release_event_ids"])
        if errors := list(self._errors()):
            raise invalid(*errors)

    def new_person(self) -> Mapping[str, Any]:
        """Return the new person: of the other properties only those that hide a person."""
        is_minor = self._person["age_group"] == "minor"
        return {
            **document.defaults("DetaineeCreate"),
            "name": self._body["name"],
            "aliases": self._body["aliases"],
            "external_ids": self._body["external_ids"],
            "age_group": "minor" if is_minor else "unknown",
            "withheld": self._person["withheld"],
        }

    @property
    def is_accepted(self) -> bool:
        """Whether the new person counts for the disclosure threshold, as the first one does."""
        return bool(self._person["accepted"])

    def detentions_to_copy(self) -> list[Row]:
        """Return the detentions of release events that are chosen without them."""
        rows = [self._plan.stored["release_event"][event] for event in self._events]
        ids = {row["detention_id"] for row in rows} - set(self._detentions)
        return [self._plan.stored["detention"][id] for id in sorted(ids)]

    def move(self, plan: MergePlan, new_id: str, copies: Mapping[str, str]) -> None:
        """Plan the moves; `copies` has the copy of a detention by the id of the original."""
        body, person_id = self._body, self._person["id"]
        names = {body["name"], *body["aliases"]}
        plan.change(
            "detainee",
            person_id,
            aliases=[alias for alias in self._person["aliases"] if alias not in names],
            external_ids=[
                external_id
                for external_id in self._person["external_ids"]
                if external_id not in body["external_ids"]
            ],
        )
        for event in plan.children("release_event", person_id):
            if event["detention_id"] in self._detentions:
                plan.change("release_event", event["id"], detainee_id=new_id)
            elif event["id"] in self._events:
                copy = copies[event["detention_id"]]
                plan.change("release_event", event["id"], detainee_id=new_id, detention_id=copy)
        for detention in self._detentions:
            plan.change("detention", detention, detainee_id=new_id)

    def _errors(self) -> Iterator[FieldError]:
        lists = ("detention_ids", "release_event_ids", "aliases", "external_ids")
        if not any(self._body[name] for name in lists):
            detail = "Choose a detention, a release event, an alias or an external id to move."
            yield FieldError("/detention_ids", detail)
        for name, resource, ids in (
            ("detention_ids", "detention", self._detentions),
            ("release_event_ids", "release_event", self._events),
        ):
            for i, id in enumerate(ids):
                row = self._plan.stored[resource].get(id)
                if row is None or row["voided_at"] is not None:
                    noun = resource.replace("_", " ")
                    yield FieldError(
                        f"/{name}/{i}", f"This person has no {noun} with this id: leave it out."
                    )
        for name in ("aliases", "external_ids"):
            for i, item in enumerate(self._body[name]):
                if item not in self._person[name]:
                    noun = "alias" if name == "aliases" else "external id"
                    yield FieldError(
                        f"/{name}/{i}", f"This person has no such {noun}: leave it out."
                    )


def _copy(conn: queries.Connection, detention: Row, *, detainee_id: UUID) -> UUID:
    """Insert a copy of a detention that counts from the same moment."""
    body = {name: detention[name] for name in _COPIED}
    return detentions.insert(
        conn, {**body, "detainee_id": detainee_id}, accepted=detention["accepted"]
    )


def _canonical(conn: queries.Connection, resource: str, ids: list[UUID]) -> list[str]:
    return [str(canonical_ids.resolve(conn, resource, id)) for id in ids]


def _check_undo(conn: queries.Connection, split: Any) -> None:
    """Check that a split stands and that no later merge or split rests on it."""
    if split.undone_at is not None:
        raise RequestError("conflict", "This split is already undone.")
    later = split.later
    for person in (split.detainee_id, split.new_detainee_id):
        merge = queries.row(conn, "merges/get_for_detainee", detainee_id=person)
        later = later or (merge and f"merges/{merge.id}")
    if later is not None:
        raise RequestError(
            "conflict", f"/v1/{later} changed one of the two people since. Undo it first."
        )
    people = [split.detainee_id, split.new_detainee_id]
    for row in queries.rows(conn, "merges/list_distinctions_between", ids=people):
        if row.distinction_id != split.distinction_id:
            raise RequestError(
                "conflict",
                f"The two people are distinguished by /v1/distinctions/{row.distinction_id}. "
                "Withdraw the distinction first.",
            )


def _plan_undo(plan: MergePlan, moves: list[Any], first_id: str, new_id: str) -> None:
    """Plan that the records of the new person return to the first one."""
    originals: dict[str, str] = {}
    for move in moves:
        if move.resource == "detainee":
            _return_lists(plan, first_id, move)
        elif "detention_id" in move.after:
            original = plan.stored["detention"].get(move.before["detention_id"])
            # The original can have been voided since, or moved by another split.
            if original is not None and _is_held_by(original, first_id):
                originals[move.after["detention_id"]] = original["id"]
    for event in plan.children("release_event", new_id):
        detention = originals.get(event["detention_id"], event["detention_id"])
        plan.change("release_event", event["id"], detainee_id=first_id, detention_id=detention)
    for row in plan.children("detention", new_id):
        if row["id"] in originals:
            plan.change("detention", row["id"], merged_into=originals[row["id"]])
        else:
            plan.change("detention", row["id"], detainee_id=first_id)
    if merge_plan.is_hidden(plan.stored["detainee"][new_id]) and not merge_plan.is_hidden(
        plan.stored["detainee"][first_id]
    ):
        plan.change("detainee", first_id, withheld=True)
    plan.change("detainee", new_id, merged_into=first_id)


def _restore_days(plan: MergePlan, moves: list[Any]) -> None:
    """Plan that the detentions begin as before the split.

    The split let the detentions of each of the two people begin as early as possible. An undated
    detention may then begin earlier than the detentions of one person allow.
    """
    for move in moves:
        if move.resource == "detention" and "began_on" in move.before:
            plan.change("detention", str(move.id), began_on=move.before["began_on"])


def _return_lists(plan: MergePlan, first_id: str, move: Any) -> None:
    """Plan that the first person gets the aliases and external ids back, in their order.

    Raises RequestError if a list would be too long, with those that were added since the split.
    """
    person = plan.stored["detainee"][first_id]
    max_items = document.max_items("DetaineeCreate")
    for name, before in move.before.items():
        added = [item for item in person[name] if item not in before]
        kept = [item for item in before if item in person[name] or item not in move.after[name]]
        items = [*kept, *added]
        if len(items) > max_items[name]:
            raise RequestError(
                "conflict",
                f"/v1/detainees/{first_id} would have {len(items)} {name}, and can have "
                f"{max_items[name]}: remove some first.",
            )
        plan.change("detainee", first_id, **{name: items})


def _is_held_by(detention: Row, detainee_id: str) -> bool:
    return detention["detainee_id"] == detainee_id and detention["voided_at"] is None
