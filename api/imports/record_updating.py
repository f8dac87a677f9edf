"""Update the records of the entries of a case, but not against later decisions of an editor.

A merge decides on the values of a duplicate record, a split on the person of each moved record.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from api.cases.format import RESOURCES
from api.cases.loader import Entry
from api.cases.record_writer import RecordWriter
from api.contract import document
from api.database import clock, queries
from api.identity import canonical_ids
from api.imports import row_plan
from api.imports.record_linking import RecordLinker
from api.imports.row_plan import RowPlan
from api.records import claims, facilities, publications, release_events, sources
from api.records.detention_order import DetentionInterval, check_order

# What an entry can change of a record other than a person.
_CHANGED_FIELDS = {
    *("country", "url", "place", "announcement_id"),
    *("facility_id", "detained_on", "authority", "charges", "whereabouts"),
}
# What a record states, which nothing changes.
_STATED_FIELDS = {
    "claim": ("kind", "value", "qualifier", "as_of", "published_at"),
    "attestation": ("stance", "basis", "published_at", "release_kind"),
}
_RETRACT = {"attestation": "attestations/retract", "claim": "claims/retract"}


class Update(NamedTuple):
    """The fields that an entry changed, the release events to verify again, what is left out."""

    changes: Sequence[str] = ()
    events: Sequence[UUID] = ()
    notes: Sequence[str] = ()


class RecordUpdater:
    """Adds the values of an entry that its record lacks, and retractions."""

    def __init__(
        self, conn: queries.Connection, writer: RecordWriter, linker: RecordLinker
    ) -> None:
        self._conn = conn
        self._writer = writer
        self._linker = linker
        self._began = clock.now(conn)

    def update(
        self, entry: Entry, content: Mapping[str, Any], id: UUID, duplicate: UUID | None
    ) -> Update:
        """Update the record of a resolved entry; `content` is that of a detainee's row.

        `duplicate` is the record of the entry that was merged into this one.
        """
        if entry.list == "detainees":
            kept = content["detainee"].get("external_ids", ())
            ids = [external_id for external_id in entry.body["external_ids"] if external_id in kept]
            detainee = {**content["detainee"], "external_ids": ids}
            return self._update_detainee(entry, {**content, "detainee": detainee}, id)
        if duplicate is not None:
            entry = entry._replace(body=self._news(RESOURCES[entry.list], duplicate, entry.body))
        return _UPDATERS[entry.list](self, entry, id)

    def news_of_person(
        self, duplicate: UUID, surviving: UUID, detainee: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Return what an entry adds to its record that was merged into another since.

        The merge has decided on the values of the duplicate.
        """
        (row,) = queries.rows(self._conn, "merges/get_duplicate", resource="detainee", id=duplicate)
        names = {row.entry["name"], *row.entry["aliases"]}
        news = {
            name: [item for item in value if item not in (*row.entry[name], *names)]
            if isinstance(value, list)
            else value
            for name, value in detainee.items()
            if value != row.entry[name]
        }
        name = self._read_person(surviving).detainee["name"]
        return {**news, "name": name if detainee["name"] in names else detainee["name"]}

    def _news(self, resource: str, duplicate: UUID, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of an entry with None for those that its duplicate record has."""
        row = queries.row(self._conn, "merges/get_duplicate", resource=resource, id=duplicate)
        return {
            name: None
            if name in _CHANGED_FIELDS and str(value) == str(row.entry.get(name))
            else value
            for name, value in values.items()
        }

    def _update_source(self, entry: Entry, id: UUID) -> Update:
        (row,) = queries.rows(self._conn, "sources/list_by_ids", ids=[id])
        if changes := self._linker.source_changes(entry.body, row):
            sources.write_update(self._conn, row, changes)
            self._writer.batch.add("source", id, "updated")
        return Update(list(changes))

    def _update_facility(self, entry: Entry, id: UUID) -> Update:
        row = self._linker.facility(id)
        if changes := self._linker.facility_changes(entry.body, row):
            facilities.write_update(self._conn, row, changes)
            self._writer.batch.add("facility", id, "updated")
        return Update(list(changes))

    def _update_affiliation(self, entry: Entry, id: UUID) -> Update:
        before = queries.row(self._conn, "affiliations/get", id=id)
        if before.voided_at is not None:
            return _left_out("affiliation")
        until = entry.body["valid_until"]
        if until is None or until == before.valid_until:
            return Update()
        affiliation = {**before._asdict(), "valid_until": until}
        sources.check_affiliation_period(affiliation)
        queries.run(self._conn, "affiliations/update", id=id, valid_until=until)
        self._writer.batch.add("affiliation", id, "updated")
        events = self._writer.verify_affected(affiliation, before._asdict())
        return Update(["valid_until"], events)

    def _update_claim(self, entry: Entry, id: UUID) -> Update:
        row = queries.row(self._conn, "claims/lock", id=id)
        if row.voided_at is not None:
            return _left_out("claim")
        notes = _differences("claim", entry, row)
        if not self._is_retracted_since(entry, row):
            return Update(notes=notes)
        self._retract("claim", entry, id)
        return Update(["retracted_at"], notes=notes)

    def _update_attestation(self, entry: Entry, id: UUID) -> Update:
        row = queries.row(self._conn, "attestations/get", id=id)
        if row.voided_at is not None:
            return _left_out("attestation")
        notes = _differences("attestation", entry, row)
        if not self._is_retracted_since(entry, row):
            return Update(notes=notes)
        event = self._writer.verify_event(row.release_event_id)
        self._retract("attestation", entry, id)
        return Update(["retracted_at"], [event], notes)

    def _is_retracted_since(self, entry: Entry, row: Any) -> bool:
        retracted_at = entry.body.get("retracted_at")
        if retracted_at is None or row.retracted_at is not None:
            return False
        publications.check_retraction(retracted_at, row.published_at, self._began)
        return True

    def _retract(self, resource: Any, entry: Entry, id: UUID) -> None:
        queries.run(
            self._conn,
            _RETRACT[resource],
            id=id,
            retracted_at=entry.body["retracted_at"],
            note=entry.body.get("retraction_note"),
        )
        self._writer.batch.add(resource, id, "retracted")

    def _update_detainee(self, entry: Entry, content: Mapping[str, Any], id: UUID) -> Update:
        person_id = self._writer.lock_person(id)
        stored = self._read_person(person_id)
        linked = self._writer.linked_detention(entry.id)
        listed = content.get("detention", {})
        detainee, notes = self._without_values_of_others(person_id, stored, content["detainee"])
        content = {**content, "detainee": detainee}
        if linked is not None:
            content.pop("detention", None)
        plan = row_plan.plan(stored, content, self._began)
        inserted = row_plan.write(self._conn, self._writer.batch, person_id, stored, plan)
        if linked is None:
            same = row_plan.find_detention(stored.detentions, listed.get("detained_on"))
            if (detention := inserted or (same and same.id)) and listed:
                self._writer.link_detention(entry.id, detention)
            return Update(plan.changes, notes=notes)
        update = self._change_detention(linked, listed, person_id)
        changes = [f"detention.{name}" for name in update.changes]
        return Update([*plan.changes, *changes], notes=[*notes, *update.notes])

    def _without_values_of_others(
        self, person_id: UUID, stored: row_plan.StoredPerson, listed: Mapping[str, Any]
    ) -> tuple[Mapping[str, Any], Sequence[str]]:
        """Leave out what a split, or the undo of a merge, gave to another person; note it.

        These are the values that this person lacks and another of them has.
        """
        group = canonical_ids.people_since(self._conn, [(person_id, person_id, None)])
        others = [id for id in group.get(person_id, ()) if id != person_id]
        this, kept, notes = stored.detainee, dict(listed), []
        names = {this["name"], *this["aliases"]}
        for id, other in row_plan.read_people(self._conn, others, sees_hidden=True).items():
            that = other.detainee
            # External ids of others are left out before (record_linking).
            theirs = {
                "aliases": {that["name"], *that["aliases"]} - names,
                "nationalities": {*that["nationalities"]} - {*this["nationalities"]},
                **{
                    name: {that[name]} if this[name] is None else set()
                    for name in document.nullable_properties("DetaineeCreate")
                },
            }
            left = [kept["name"]] if kept["name"] in theirs["aliases"] else []
            if left:
                kept["name"] = this["name"]
            for name in (name for name in theirs if name in kept):
                values = kept[name] if isinstance(kept[name], list) else [kept[name]]
                left += [value for value in values if value in theirs[name]]
                if isinstance(kept[name], list):
                    kept[name] = [value for value in values if value not in theirs[name]]
                elif kept[name] in theirs[name]:
                    del kept[name]
            notes += [_stays(f"{str(value)[:50]!r}", id) for value in left]
        return kept, notes

    def _read_person(self, id: UUID) -> row_plan.StoredPerson:
        return row_plan.read_people(self._conn, [id], sees_hidden=True)[id]

    def _update_detention(self, entry: Entry, id: UUID) -> Update:
        listed = {
            name: entry.body[name]
            for name in row_plan.detention_fields()
            if name in entry.file_fields and entry.body[name] is not None
        }
        person_id = canonical_ids.resolve(self._conn, "detainee", entry.body["detainee_id"])
        return self._change_detention(id, listed, person_id)

    def _change_detention(self, id: UUID, listed: Mapping[str, Any], person_id: UUID) -> Update:
        """Change a detention where it is: a split may have moved it from the person of the entry.

        A void detention stays as it is.
        """
        surviving = canonical_ids.resolve(self._conn, "detention", id)
        if surviving != id:
            news = self._news("detention", id, listed)
            listed = {name: value for name, value in news.items() if value is not None}
        row = queries.row(self._conn, "detentions/get", id=surviving)
        holder = self._writer.lock_person(row.detainee_id)
        stored = self._read_person(holder)
        detention = next((d for d in stored.detentions if d.id == surviving), None)
        if detention is None:
            return _left_out("detention")
        changes = row_plan.detention_changes(stored.detentions, detention, listed, self._began)
        if changes:
            plan = RowPlan(detention_id=surviving, detention=changes)
            row_plan.write(self._conn, self._writer.batch, holder, stored, plan)
        changed = [name for name in changes if name != "began_on"]
        notes = [] if holder == person_id else [_stays("The detention", holder)]
        return Update(changed, notes=notes)

    def check_detention_order(self, person_id: UUID) -> None:
        """Check that the detentions of a person have an order. Raises OrderError."""
        rows = queries.rows(self._conn, "detentions/list_for_detainee", detainee_id=person_id)
        intervals = [
            DetentionInterval(
                row.id, row.detained_on, row.began_on, row.created_at, tuple(row.released_on)
            )
            for row in rows
        ]
        check_order(intervals)

    def _update_release_event(self, entry: Entry, id: UUID) -> Update:
        if queries.row(self._conn, "release_events/get", id=id).voided_at is not None:
            return _left_out("release event")
        event = release_events.lock(self._conn, id)
        changes = {
            name: entry.body[name]
            for name in ("place", "announcement_id")
            if entry.body[name] is not None and getattr(event, name) is None
        }
        if changes:
            claims.check_announcement(self._conn, changes.get("announcement_id"))
            queries.run(self._conn, "release_events/update", id=id, **changes)
            self._writer.batch.add("release_event", id, "updated")
            self._writer.batch.recount(event.detainee_id)
        person_id = canonical_ids.resolve(self._conn, "detainee", entry.body["detainee_id"])
        holder = event.detainee_id
        notes = [] if holder == person_id else [_stays("The release event", holder)]
        return Update(list(changes), notes=notes)


def _left_out(noun: str) -> Update:
    return Update(notes=[f"This {noun} is void: it is left out."])


def _differences(resource: str, entry: Entry, row: Any) -> list[str]:
    """Note what an entry says otherwise than its record, which is never edited."""
    return [
        f"The {name} {_as_text(entry.body[name])} is left out: the recorded {resource} has "
        f"{_as_text(getattr(row, name))}. Void that one, and give this entry another key."
        for name in _STATED_FIELDS[resource]
        if entry.body[name] != getattr(row, name)
    ]


def _as_text(value: Any) -> str:
    return clock.rfc3339(value) if isinstance(value, datetime) else repr(value)


def _stays(what: str, holder: UUID) -> str:
    return f"{what} is recorded for /v1/detainees/{holder}: it stays with that person."


_UPDATERS: Mapping[str, Callable[[RecordUpdater, Entry, UUID], Update]] = {
    "sources": RecordUpdater._update_source,
    "affiliations": RecordUpdater._update_affiliation,
    "facilities": RecordUpdater._update_facility,
    "claims": RecordUpdater._update_claim,
    "detentions": RecordUpdater._update_detention,
    "release_events": RecordUpdater._update_release_event,
    "attestations": RecordUpdater._update_attestation,
}
