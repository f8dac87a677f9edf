"""What a row of a list adds to what is recorded of a person, checked as a single request is.

Pure: it decides, and whoever calls writes. A value that the row gives replaces the one there was;
names, nationalities and identifiers are added to those there were. The same day told less precisely
says nothing new.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from api.errors import FieldError, invalid
from api.matching import folding
from api.records import detainees, release_events
from api.records import detentions as detention_records
from api.records.detention_order import SAME_EVENT

_MOST = {"aliases": 50, "nationalities": 10, "external_ids": 20}
NO_DETENTION = {
    "facility_id": None,
    "detained_on": None,
    "authority": None,
    "charges": None,
    "whereabouts": "known",
}
_OF_EVENT = {"place": None, "announcement_id": None}
# Instead of a name, as the public is shown one that is hidden (sql/migrations/0005_disclosed_groups.sql).
_PSEUDONYM = re.compile(r"Person [0-9A-HJKMNP-TV-Z]{6}")
# Stands for a detention or an event that is yet to be entered.
UNENTERED = UUID(int=0)


class Detention(NamedTuple):
    """A detention as recorded, with its release events in order."""

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
class Known:
    """What is recorded of a person, the detentions in order; of one who is new, nothing."""

    detainee: Mapping[str, Any]
    detentions: Sequence[Detention] = ()
    # Who is hidden from the caller is not changed, nor compared: that would tell.
    is_hidden: bool = False


@dataclass(slots=True)
class Plan:
    """What is to be written: changes, as the contract names them, and a release event.

    `detention` belongs to `detention_id`, and is a new one without it; `release_event` is a new
    one unless it has an `id`.
    """

    detainee: dict[str, Any] = field(default_factory=dict)
    detention_id: UUID | None = None
    detention: dict[str, Any] = field(default_factory=dict)
    release_event: dict[str, Any] | None = None

    @property
    def changes(self) -> list[str]:
        """The fields that change, as the contract names them."""
        found = sorted(self.detainee)
        if self.detention and self.detention_id is None:
            found.append("detention")
        else:
            found += [f"detention.{name}" for name in sorted(self.detention) if name != "began_on"]
        if self.release_event is not None and "id" not in self.release_event:
            found.append("release_event")
        return found


def plan(known: Known, said: Mapping[str, Any], now: datetime) -> Plan:
    """What a row adds to what is known of a person. Raises RequestError, by the contract's names."""
    made = Plan()
    if not known.is_hidden:
        made.detainee = _detainee(known.detainee, said["detainee"])
        if made.detainee:
            whole = {**known.detainee, **made.detainee}
            if fault := detainees.birth_date_error(whole, now):
                raise invalid(fault)
    detentions = known.detentions
    if not (known.is_hidden and detentions):
        detentions = _detention(made, detentions, said, now)
    if "release" in said:
        day = said["release"]["occurred_on"]
        made.release_event = _release(detentions, {**_OF_EVENT, "occurred_on": day}, now)
    return made


def _detainee(known: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    for name in ("sex", "birth_date", "age_group", "occupation"):
        value = said.get(name)
        # Of who is hidden as a minor a list does not say otherwise: it would be easily overlooked.
        stays = name == "age_group" and (value == "unknown" or known[name] == "minor")
        if value not in (None, known[name]) and not stays:
            changed[name] = value
    # Whoever must not be named stays so, and comes to be so.
    if said.get("withheld") and not known["withheld"]:
        changed["withheld"] = True
    called = {frozenset(folding.words(one)) for one in (known["name"], *known["aliases"])}
    aliases = []
    for one in (said["name"], *said.get("aliases", ())):
        words = frozenset(folding.words(one))
        if words not in called and not _PSEUDONYM.fullmatch(one):
            called.add(words)
            aliases.append(one)
    for name, more in {
        "aliases": aliases,
        "nationalities": said.get("nationalities", ()),
        "external_ids": said.get("external_ids", ()),
    }.items():
        added = [one for one in more if one not in known[name]]
        if together := added[: _MOST[name] - len(known[name])]:
            changed[name] = [*known[name], *together]
    return changed


def _detention(
    made: Plan, detentions: Sequence[Detention], said: Mapping[str, Any], now: datetime
) -> Sequence[Detention]:
    """Adds what changes of the detentions, and gives them as they then are."""
    own = said.get("detention", {})
    if not own and (detentions or "release" not in said):
        return detentions
    spoken_of = _spoken_of(detentions, own.get("detained_on"))
    if spoken_of is None:
        body = {**NO_DETENTION, **own}
        entered = detention_records.place_new(detentions, body, now)
        made.detention = {k: v for k, v in entered.items() if k in own or k == "began_on"}
        new = Detention(UNENTERED, **entered)
        return sorted([*detentions, new], key=lambda one: one.began_on)
    made.detention = detention_changes(detentions, spoken_of, own, now)
    if not made.detention:
        return detentions
    made.detention_id = spoken_of.id
    return [one._replace(**made.detention) if one.id == spoken_of.id else one for one in detentions]


def detention_changes(
    detentions: Sequence[Detention], one: Detention, said: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """What is said of one of the detentions that is not known of it."""
    changed = {
        name: value
        for name, value in said.items()
        if value != getattr(one, name)
        and not (name == "detained_on" and (one.detained_on or "").startswith(value))
    }
    return (
        dict(detention_records.place_updated(detentions, one.id, changed, now)) if changed else {}
    )


def _spoken_of(detentions: Sequence[Detention], detained_on: str | None) -> Detention | None:
    """Which of the detentions began on a day, or may have; None for one that is new."""
    if not detentions or detained_on is None:
        return detentions[-1] if detentions else None
    if (since := detention_since(detentions, detained_on)) is not None:
        return since
    last = detentions[-1]
    ended = any(day.isoformat()[: len(detained_on)] <= detained_on for day in last.released_on)
    return None if ended else last


def detention_since(detentions: Sequence[Detention], detained_on: str) -> Detention | None:
    """The last of the detentions that began on a day, month or year, or may have; "" if it is not
    known."""
    for one in reversed(detentions):
        told = one.detained_on or ""
        # Nobody is taken on a day after the release.
        ended = not told and any(day.isoformat() < detained_on for day in one.released_on)
        if not ended and (told.startswith(detained_on) or detained_on.startswith(told)):
            return one
    return None


def _release(
    detentions: Sequence[Detention], said: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """The release event of a day: that within three days of it, or a new one."""
    if not detentions:
        raise invalid(FieldError("/occurred_on", "This person has no detention."))
    id = release_events.detention_open_on(detentions, said["occurred_on"])
    if (near := same_claim(detentions, id, said["occurred_on"])) is not None:
        return {"id": near}
    event = {**said, "detention_id": id}
    release_events.check_occurred_on(event, detentions, None, now)
    return {**event, "detention_id": None if id == UNENTERED else id}


def same_claim(detentions: Sequence[Detention], id: UUID, day: date) -> UUID | None:
    """The release event of a detention within three days of a day, the nearest of several."""
    near = [
        (abs(on - day), event)
        for own in detentions
        if own.id == id
        for event, on in zip(own.event_ids, own.released_on, strict=True)
        if abs(on - day) <= SAME_EVENT
    ]
    return min(near)[1] if near else None
