"""The changes of a person by a row, and its attestation, checked as single requests are.

`plan` is pure; the functions at the end read and write. A value of the row replaces the recorded
value; a recorded sex, birth date or age group needs a decision first. Names, nationalities and
identifiers are added. A less precise form of the recorded day is no change.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from api.access import Caller
from api.contract import document, fields
from api.database import queries
from api.errors import FieldError, RequestError, invalid
from api.letters import folding
from api.matching.external_ids import external_id_key
from api.records import detainees, release_events
from api.records import detentions as detention_records
from api.records.detention_order import MAX_SAME_EVENT_DISTANCE, period
from api.verification.bulk import Batch
from api.verification.rule import Attestation

NOT_INSERTED = UUID(int=0)
"""The id of a detention or a release event that is not inserted yet."""
_OF_EARLIER_ROW = UUID(int=1)
"""The id of a detention that an earlier row inserts."""


class Detention(NamedTuple):
    """A recorded detention, with its release events in order."""

    id: UUID
    facility_id: UUID | None
    detained_on: str | None
    began_on: date
    authority: str | None
    charges: str | None
    whereabouts: str
    event_ids: Sequence[UUID] = ()
    released_on: Sequence[date] = ()


@dataclass(slots=True)
class StoredPerson:
    """A recorded person with the detentions in order."""

    detainee: Mapping[str, Any]
    detentions: Sequence[Detention] = ()
    # A row neither changes nor is compared with a person hidden from the caller, and adds nothing
    # to the person: the outcome would reveal the recorded values and days.
    is_hidden: bool = False


@dataclass(slots=True)
class RowPlan:
    """The changes of a row, by the contract's names, and its release event.

    `detention` holds changes of `detention_id`, or a new detention if that is None.
    `release_event` is an existing one if it has an `id`.
    """

    detainee: dict[str, Any] = field(default_factory=dict)
    detention_id: UUID | None = None
    detention: dict[str, Any] = field(default_factory=dict)
    release_event: dict[str, Any] | None = None
    # The recorded properties that the row contradicts, which takes a decision.
    overwritten: Sequence[str] = ()

    @property
    def changes(self) -> list[str]:
        """The fields that change, by the contract's names."""
        changes = sorted(self.detainee)
        if self.detention and self.detention_id is None:
            changes.append("detention")
        else:
            changes += [
                f"detention.{name}" for name in sorted(self.detention) if name != "began_on"
            ]
        if self.release_event is not None and "id" not in self.release_event:
            changes.append("release_event")
        return changes


def plan(stored: StoredPerson | None, content: Mapping[str, Any], now: datetime) -> RowPlan:
    """Plan the changes of a row to a stored or a new person. Raises RequestError."""
    if stored is None:
        detainees.check_names(content["detainee"])
        stored = StoredPerson({**document.defaults("DetaineeCreate"), "name": ""})
    row_plan = RowPlan()
    if stored.is_hidden:
        return row_plan
    row_plan.detainee = _plan_detainee(stored.detainee, content["detainee"])
    row_plan.overwritten = _overwritten(stored.detainee, row_plan.detainee)
    updated = {**stored.detainee, **row_plan.detainee}
    detainees.check_new_aliases(stored.detainee, updated, content["detainee"])
    error = detainees.birth_date_error(updated, now) if row_plan.detainee else None
    if error is None and "born" in content:
        error = detainees.birth_error(content["born"], updated["age_group"], now)
    if error is not None:
        raise invalid(error)
    detentions = _plan_detention(row_plan, stored.detentions, content, now)
    if "release" in content:
        row_plan.release_event = _plan_release(detentions, content["release"]["occurred_on"], now)
    return row_plan


def overwrites(stored: StoredPerson, content: Mapping[str, Any]) -> bool:
    """Return whether a row would replace a recorded sex, birth date or age group."""
    changes = _plan_detainee(stored.detainee, content["detainee"])
    return bool(_overwritten(stored.detainee, changes))


def _overwritten(stored: Mapping[str, Any], changes: Mapping[str, Any]) -> Sequence[str]:
    names = ("sex", "birth_date", "age_group")
    return [name for name in names if name in changes and stored[name] not in (None, "unknown")]


def check_may_hide(caller: Caller | None, row_plan: RowPlan) -> None:
    """Raise `forbidden` if a plan makes a person a minor and the caller may not."""
    if row_plan.detainee.get("age_group") == "minor":
        try:
            detainees.check_may_hide(caller)
        except RequestError as error:
            field_error = FieldError("/age_group", error.detail)
            raise RequestError(error.slug, error.detail, field_error) from None


def as_stored(
    content: Mapping[str, Any], detainee: Mapping[str, Any], now: datetime
) -> StoredPerson:
    """Return the person that a row would create, as if they were recorded already."""
    row_plan = plan(None, content, now)
    if not row_plan.detention:
        return StoredPerson(detainee)
    release = row_plan.release_event
    detention = Detention(
        _OF_EARLIER_ROW,
        **{**document.defaults("DetentionCreate"), **row_plan.detention},
        event_ids=[NOT_INSERTED] if release else [],
        released_on=[release["occurred_on"]] if release else [],
    )
    return StoredPerson(detainee, [detention])


def detention_fields() -> Collection[str]:
    """Return the fields of a detention that a list or a case can have."""
    return document.defaults("DetentionCreate").keys()


def _plan_detainee(stored: Mapping[str, Any], listed: Mapping[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name in ("age_group", *document.nullable_properties("DetaineeCreate")):
        value = listed.get(name)
        # A list cannot disclose a minor: the error would be easily overlooked.
        stays = name == "age_group" and (value == "unknown" or stored[name] == "minor")
        if value not in (None, stored[name]) and not stays:
            changes[name] = value
    # An import can set `withheld`, never clear it.
    if listed.get("withheld") and not stored["withheld"]:
        changes["withheld"] = True
    names = {frozenset(folding.words(name)) for name in (stored["name"], *stored["aliases"])}
    aliases = []
    for name in (listed["name"], *listed.get("aliases", ())):
        words = frozenset(folding.words(name))
        if words not in names and not detainees.is_pseudonym(name):
            names.add(words)
            aliases.append(name)
    max_items = document.max_items("DetaineeCreate")
    lists = {
        **{name: listed.get(name, ()) for name in max_items},
        "aliases": aliases,
        "external_ids": _other_ids(stored["external_ids"], listed.get("external_ids", ())),
    }
    for name, values in lists.items():
        new = [value for value in values if value not in stored[name]]
        if added := new[: max_items[name] - len(stored[name])]:
            changes[name] = [*stored[name], *added]
    return changes


def _other_ids(
    stored: Sequence[Mapping[str, str]], listed: Sequence[Mapping[str, str]]
) -> Sequence[Mapping[str, str]]:
    """Return the listed external ids that a person does not have yet, in any spelling."""
    keys = {external_id_key(id["scheme"], id["value"]) for id in stored}
    return [id for id in listed if external_id_key(id["scheme"], id["value"]) not in keys]


def _plan_detention(
    row_plan: RowPlan, detentions: Sequence[Detention], content: Mapping[str, Any], now: datetime
) -> Sequence[Detention]:
    """Add the detention to the plan; return the detentions as they will be."""
    listed = content.get("detention", {})
    if not listed and (detentions or "release" not in content):
        return detentions
    released_on = content.get("release", {}).get("occurred_on")
    same = find_detention(detentions, listed.get("detained_on"), released_on)
    if same is None:
        body = {**document.defaults("DetentionCreate"), **listed}
        placed = detention_records.place_new(detentions, body, now)
        row_plan.detention = {k: v for k, v in placed.items() if k in listed or k == "began_on"}
        return sorted([*detentions, Detention(NOT_INSERTED, **placed)], key=lambda d: d.began_on)
    row_plan.detention = detention_changes(detentions, same, listed, now)
    if not row_plan.detention:
        return detentions
    row_plan.detention_id = same.id
    return [d._replace(**row_plan.detention) if d.id == same.id else d for d in detentions]


def detention_changes(
    detentions: Sequence[Detention],
    detention: Detention,
    listed: Mapping[str, Any],
    now: datetime,
) -> dict[str, Any]:
    """Return the listed values that change one of the detentions, with its `began_on`."""
    changes = {
        name: value
        for name, value in listed.items()
        if value != getattr(detention, name)
        and not (name == "detained_on" and (detention.detained_on or "").startswith(value))
    }
    if not changes:
        return {}
    return dict(detention_records.place_updated(detentions, detention.id, changes, now))


def find_detention(
    detentions: Sequence[Detention], detained_on: str | None, released_on: date | None = None
) -> Detention | None:
    """Return the detention that can have begun on a day, or None for a new detention.

    `released_on` is the release of the same row, which can be of an earlier detention.
    """
    if not detentions:
        return None
    if detained_on is None and released_on is not None:
        open_then = release_events.detention_open_on(detentions, released_on)
        return next(d for d in detentions if d.id == open_then)
    if detained_on is None:
        return detentions[-1]
    if (same := detention_since(detentions, detained_on)) is not None:
        return same
    last = detentions[-1]
    ended = any(day.isoformat()[: len(detained_on)] <= detained_on for day in last.released_on)
    began_later = released_on is not None and released_on < period(last.detained_on)[0]
    return None if ended or began_later else last


def detention_since(detentions: Sequence[Detention], detained_on: str) -> Detention | None:
    """Return the last detention that can have begun on a day, month or year ("" if unknown)."""
    for detention in reversed(detentions):
        began = detention.detained_on or ""
        # A detention of unknown beginning did not begin after its release.
        ended = not began and any(day.isoformat() < detained_on for day in detention.released_on)
        if not ended and (began.startswith(detained_on) or detained_on.startswith(began)):
            return detention
    return None


def _plan_release(
    detentions: Sequence[Detention], occurred_on: date, now: datetime
) -> dict[str, Any]:
    """Return the release event within three days of a day, or a new one."""
    detention_id = release_events.detention_open_on(detentions, occurred_on)
    if (same := same_event(detentions, detention_id, occurred_on)) is not None:
        return same._asdict()
    event = {
        "place": None,
        "announcement_id": None,
        "occurred_on": occurred_on,
        "detention_id": detention_id,
    }
    release_events.check_occurred_on(event, detentions, None, now)
    return {**event, "detention_id": None if detention_id == NOT_INSERTED else detention_id}


class RecordedEvent(NamedTuple):
    """A recorded release event, or one of an earlier row."""

    id: UUID
    occurred_on: date


def same_event(
    detentions: Sequence[Detention], detention_id: UUID, day: date
) -> RecordedEvent | None:
    """Return the release event of a detention nearest to a day, within three days of it."""
    near = [
        (abs(released_on - day), RecordedEvent(event_id, released_on))
        for detention in detentions
        if detention.id == detention_id
        for event_id, released_on in zip(detention.event_ids, detention.released_on, strict=True)
        if abs(released_on - day) <= MAX_SAME_EVENT_DISTANCE
    ]
    return min(near)[1] if near else None


def shared_attestation(source_id: UUID | None, **parameters: Any) -> Mapping[str, Any] | None:
    """Return the attestation of a list's source, without its event; None without a source.

    `parameters` are those of the operation: `published_at`, `basis`, `relayed_source_id`,
    `evidence` and `release_kind`, each None if it is not given.
    """
    if source_id is None:
        if errors := [
            FieldError(f"/{name}", "Needs `source_id`, the source of the list.")
            for name, value in parameters.items()
            if value
        ]:
            raise invalid(*errors)
        return None
    if errors := [
        FieldError(f"/{name}", "Is required with `source_id`.")
        for name in ("published_at", "basis")
        if parameters[name] is None
    ]:
        raise invalid(*errors)
    relayed = parameters.pop("relayed_source_id")
    defaults = {
        n: v for n, v in document.defaults("AttestationCreate").items() if n != "release_event_id"
    }
    return {
        **defaults,
        "stance": "confirms",
        "evidence": "list",
        **{name: value for name, value in parameters.items() if value is not None},
        "source_id": source_id,
        "relays": [] if relayed is None else [{"source_id": relayed}],
    }


def row_attestation(shared: Mapping[str, Any], release: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attestation of one row: the list's, with the row's own values."""
    values = {name: value for name, value in release.items() if value is not None}
    values.pop("occurred_on")
    attestation = {**shared, **values}
    if isinstance(attestation["published_at"], str):
        attestation["published_at"] = fields.moment(attestation["published_at"])
    return attestation


def rule_attestation(attestation: Mapping[str, Any]) -> Attestation:
    """Return an attestation of a row as the rule takes it."""
    return Attestation(
        id="",
        source=str(attestation["source_id"]),
        stance="confirms",
        basis=attestation["basis"],
        published_at=attestation["published_at"],
        relayed_sources=[str(relay["source_id"]) for relay in attestation["relays"]],
        release_kind=attestation["release_kind"],
        # Recorded after every other attestation of the same moment.
        recorded=1 << 62,
    )


def confirmed_before(
    conn: queries.Connection, events: Sequence[UUID], source_id: Any
) -> set[tuple[UUID, datetime]]:
    """Return which of these release events a source has confirmed, and when."""
    if not events:
        return set()
    return {
        (row.release_event_id, row.published_at)
        for row in queries.rows(
            conn, "sources/list_confirmations", release_event_ids=events, source_id=source_id
        )
    }


def read_people(
    conn: queries.Connection, ids: Sequence[UUID], *, sees_hidden: bool
) -> dict[UUID, StoredPerson]:
    """Read people with their detentions, by id. Ids of duplicate records must be resolved."""
    if not ids:
        return {}
    people = {
        row.id: StoredPerson(row._asdict(), is_hidden=row.is_hidden)
        for row in queries.rows(
            conn, "detainees/list_for_import", ids=list(ids), sees_hidden=sees_hidden
        )
    }
    detentions: dict[UUID, list[Detention]] = {}
    for row in queries.rows(conn, "detentions/list_for_import", ids=list(ids)):
        values = {name: value for name, value in row._asdict().items() if name != "detainee_id"}
        detentions.setdefault(row.detainee_id, []).append(Detention(**values))
    for id, person in people.items():
        person.detentions = detentions.get(id, [])
    return people


def write(
    conn: queries.Connection,
    batch: Batch,
    person_id: UUID,
    stored: StoredPerson,
    row_plan: RowPlan,
) -> UUID | None:
    """Write the changes of a plan to a locked person; return the id of a new detention.

    The release event is left to the caller, which attests to it.
    """
    if row_plan.detainee:
        detainees.write_update(
            conn, person_id, stored.detainee, row_plan.detainee, accepted=batch.accepts
        )
        batch.add("detainee", person_id, "updated")
    if row_plan.detainee or row_plan.detention:
        batch.recount(person_id)
    if row_plan.detention_id is not None:
        detention_records.write_update(
            conn, row_plan.detention_id, row_plan.detention, accepted=batch.accepts
        )
        batch.add("detention", row_plan.detention_id, "updated")
    elif row_plan.detention:
        return insert_detentions(conn, batch, [{**row_plan.detention, "detainee_id": person_id}])[0]
    return None


def insert_detentions(
    conn: queries.Connection, batch: Batch, detentions: Sequence[Mapping[str, Any]]
) -> list[UUID]:
    """Insert planned detentions and add them to the batch; return their ids."""
    defaults = {**document.defaults("DetentionCreate"), "created_at": None}
    bodies = [{**defaults, **detention} for detention in detentions]
    ids = detention_records.insert_many(conn, bodies, accepted=batch.accepts)
    for id in ids:
        batch.add("detention", id)
    return ids


def insert_release_events(
    conn: queries.Connection, batch: Batch, events: Sequence[Mapping[str, Any]]
) -> list[UUID]:
    """Insert planned release events and add them to the batch; return their ids."""
    ids = release_events.insert_many(conn, events)
    for id in ids:
        batch.add("release_event", id)
    return ids
