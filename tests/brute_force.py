"""A brute-force oracle of counts: expected responses for a publication time and a record time.

It reads only the ledger up to the record time, no verdict, person status or status rollup, and
shares only the rule with the counts of the service.
"""

from bisect import bisect_right
from calendar import monthrange
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

from api.database.queries import Connection
from api.verification import rule
from api.verification.rule import Affiliation, Attestation, Verdict

STATUSES = ("confirmed", "disputed", "reported", "refuted", "unverified")
FIGURES = (*STATUSES, "rearrested")
DOCUMENTED = ("confirmed", "disputed", "reported")
PROPERTIES = (
    "facility_id",
    "nationality",
    "age_group",
    "sex",
    "release_kind",
    "announcement_id",
    "occurred_on",
)
PROPERTIES_OF_PEOPLE = ("facility_id", "country", "nationality", "age_group", "sex")
REQUIRED = range(1, 6)
# The value of a property of a hidden person which the public may not know.
UNDISCLOSED = "?"
RESOURCES = (
    "source",
    "affiliation",
    "facility",
    "detainee",
    "detention",
    "release_event",
    "attestation",
    "claim",
    "merge",
    "split",
    "distinction",
    "proposal",
)

Entry = Mapping[str, Any]
Figures = Mapping[str, int]
Groups = Mapping[str | None, Figures]


class Ledger:
    """The ledger entries so far, and the record at any record time."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._entries: list[Any] = []
        self._records: dict[int, Record] = {}

    def record(self, recorded_as_of: datetime) -> "Record":
        last = self._entries[-1].seq if self._entries else 0
        self._entries += self._conn.execute(
            "SELECT seq, recorded_at, resource, resource_id::text AS id, entry FROM ledger"
            " WHERE seq > %s AND action <> 'read' ORDER BY seq",
            [last],
        )
        length = bisect_right(self._entries, recorded_as_of, key=lambda entry: entry.recorded_at)
        if length not in self._records:
            self._records[length] = Record(self._entries[:length])
        return self._records[length]

    def comparison(
        self, claim_id: str, recorded_as_of: datetime, required: int
    ) -> Mapping[str, Any]:
        """Return the expected fields of a comparison without the claim."""
        claim = self.record(recorded_as_of).records["claim"][claim_id]
        as_of, claimed = datetime.fromisoformat(claim["as_of"]), claim["value"]
        scope = {name: claim[name] for name in ("facility_id", "nationality", "age_group")}
        filters = {**scope, "occurred_from": claim["window_start"]}

        def counts(recorded_as_of: datetime) -> Counts:
            return self.record(recorded_as_of).count(as_of, required, filters)

        total, _, undisclosed = counts(recorded_as_of)
        now = {status: total[status] for status in DOCUMENTED}
        then = counts(min(as_of, recorded_as_of)).total
        gap, verdict, reason = None, "not_comparable", None
        if claim["kind"] != "released":
            reason = "another_kind"
        elif claimed is None:
            reason = "no_figure"
        else:
            gap = claimed - now["confirmed"]
            documented = sum(now[status] + undisclosed[status] for status in DOCUMENTED)
            below = gap < 0 and claim["qualifier"] != "at_least"
            above = claimed > documented and claim["qualifier"] != "at_most"
            verdict = (
                "below_confirmed" if below else "above_documented" if above else "within_documented"
            )
        return {
            "claimed": claimed,
            **now,
            "undisclosed": undisclosed if any(filters.values()) else None,
            "gap": gap,
            "verdict": verdict,
            "reason": reason,
            "recorded_then": {status: then[status] for status in DOCUMENTED},
        }

    def can_be_true(self, claim_id: str, recorded_as_of: datetime, required: int) -> bool:
        """Return whether as many are documented as a claim says, with all that is recorded."""
        record = self.record(recorded_as_of)
        claim = record.records["claim"][claim_id]
        filters = {name: claim[name] for name in ("facility_id", "nationality", "age_group")}
        total, _, _ = record.count(
            datetime.fromisoformat(claim["as_of"]),
            required,
            {**filters, "occurred_from": claim["window_start"]},
            sees_hidden=True,
        )
        documented = sum(total[status] for status in DOCUMENTED)
        return claim["qualifier"] == "at_most" or (claim["value"] or 0) <= documented


class CountedEvent(NamedTuple):
    """A release event that matches the filters, with its status at a moment."""

    event: Entry
    verdict: Verdict
    status: str
    detained_again: bool


class Counts(NamedTuple):
    """Figures in total and by group, and the people whom they may leave out."""

    total: Figures
    groups: Groups
    undisclosed: Figures


class Differences(NamedTuple):
    """The changed people, and the figures of those who are not listed."""

    items: Sequence[Entry]
    redacted_before: Figures
    redacted_after: Figures


class PersonStatus(NamedTuple):
    """The status code and the groups of a person from a moment on, by required sources."""

    at: datetime
    letters: str
    values: Mapping[str, list[str | None]]


class Record:
    """The record after the first entries of the ledger."""

    def __init__(self, entries: Iterable[Any]) -> None:
        self._hides = True
        self.records: dict[str, dict[str, Entry]] = {resource: {} for resource in RESOURCES}
        self._first_seq: dict[str, int] = {}
        self._disclosed: set[tuple[str, str | None]] = set()
        for _, written in groupby(entries, key=lambda entry: entry.recorded_at):
            for entry in written:
                self.records[entry.resource][entry.id] = entry.entry
                self._first_seq.setdefault(entry.id, entry.seq)
            self._disclosed |= self._groups_to_disclose()
        self._written = {resource: {**records} for resource, records in self.records.items()}
        # A void record does not exist; the attestations of a void event belong to no event.
        for resource in ("detention", "release_event", "claim"):
            records = self.records[resource]
            self.records[resource] = {
                id: record for id, record in records.items() if record["voided_at"] is None
            }
        # The children of a duplicate record belong to the surviving record.
        for resource in ("detention", "release_event"):
            for record in self.records[resource].values():
                merged = self.records["detainee"][record["detainee_id"]]["merged_into"]
                assert merged is None or record["merged_into"]
        self._histories = {event: self._history(event) for event in self.records["release_event"]}

    def _groups_to_disclose(self) -> set[tuple[str, str | None]]:
        """Return the age groups, alone and by facility, that reach the disclosure threshold."""
        hidden = {
            id: person["age_group"]
            for id, person in self.records["detainee"].items()
            if _is_hidden(person) and person["accepted"] and person["merged_into"] is None
        }
        memberships = {
            (hidden[person], detention["facility_id"], person)
            for detention in self.records["detention"].values()
            if (person := detention["detainee_id"]) in hidden
            and detention["facility_id"] is not None
            and detention["accepted"]
            and detention["voided_at"] is None
        }
        sizes = Counter((age_group, facility) for age_group, facility, _ in memberships)
        sizes.update((age_group, None) for age_group in hidden.values())
        return {group for group, size in sizes.items() if size >= 5}

    def _visible(self, person_id: str) -> Entry:
        """Return the disclosed properties of a person."""
        person = self.records["detainee"][person_id]
        if not self._hides or not _is_hidden(person):
            return person
        age_group = person["age_group"]
        disclosed = (age_group, None) in self._disclosed and age_group != "unknown"
        return {
            "age_group": age_group if disclosed else UNDISCLOSED,
            "sex": UNDISCLOSED,
            "nationalities": [UNDISCLOSED],
        }

    def history(self, event: str) -> Sequence[Verdict]:
        """Return the verdicts of an event over publication time."""
        return self._histories[event]

    def verdict(self, event: str, as_of: datetime) -> Verdict | None:
        passed = [verdict for verdict in self._histories[event] if verdict.at <= as_of]
        return passed[-1] if passed else None

    def count(
        self,
        as_of: datetime,
        required: int,
        filters: Mapping[str, str | None],
        group_by: str | None = None,
        *,
        sees_hidden: bool = False,
    ) -> Counts:
        """Count people by their strongest status among matching events, in total and by group."""
        if sees_hidden:
            with self._all_visible():
                return self.count(as_of, required, filters, group_by)
        total: Counter[str] = Counter()
        undisclosed: Counter[str] = Counter()
        groups: dict[str | None, Counter[str]] = {}
        used_filters = {name: value for name, value in filters.items() if value is not None}
        matching = self._matching(as_of, required, used_filters)
        without_group: set[str] = set()
        for person, events in matching.items():
            status, rearrested = _strongest(events)
            group: Counter[str] = Counter()
            if group_by is not None:
                value = self._value(group_by, _decisive(events), required, used_filters)
                if value == UNDISCLOSED:
                    without_group.add(person)
                    value = None
                group = groups.setdefault(value, group)
            for figures in (total, group):
                figures[status] += 1
                figures["rearrested"] += rearrested
        for person, events in self._matching(as_of, required, used_filters, perhaps=True).items():
            status, _ = _strongest(events)
            certain, _ = _strongest(matching[person]) if person in matching else (None, False)
            if person in without_group or certain != status:
                undisclosed[status] += 1
        return Counts(
            _figures(total),
            {value: _figures(group) for value, group in groups.items()},
            {status: undisclosed[status] for status in STATUSES},
        )

    @contextmanager
    def _all_visible(self) -> Iterator[None]:
        """Let counts use what is recorded of hidden people, as for keys of scope `edit`."""
        self._hides = False
        try:
            yield
        finally:
            self._hides = True

    def people(
        self,
        as_of: datetime,
        required: int,
        filters: Mapping[str, str | None],
        today: "Record",
        *,
        sees_hidden: bool = False,
    ) -> tuple[Sequence[Entry], Figures]:
        """Return the people who are counted, in order, and how many of them are not listed.

        `today` has the names and what the public may know now. A name is None for a pseudonym.
        """
        if sees_hidden:
            with self._all_visible(), today._all_visible():
                return self.people(as_of, required, filters, today)
        used_filters = {name: value for name, value in filters.items() if value is not None}
        items: list[Entry] = []
        redacted: Counter[str] = Counter()
        for person, events in sorted(self._matching(as_of, required, used_filters).items()):
            status, rearrested = _strongest(events)
            counted = _decisive(events)
            surviving = today._surviving("detainee", person)
            event = today._surviving("release_event", counted.event["id"])
            if today._redacts_merge(person) or not today._may_show(surviving, event, used_filters):
                redacted[status] += 1
                redacted["rearrested"] += rearrested
                continue
            facility = self._facility(counted.event)
            if today._redacts(surviving) and facility != today._facility(event):
                facility = None
            kind, verdict = used_filters.get("release_kind"), counted.verdict
            items.append(
                {
                    "detainee": {
                        "id": surviving["id"],
                        "name": None if today._redacts(surviving) else surviving["name"],
                        "is_named": not _is_hidden(surviving),
                    },
                    "status": status,
                    "since": self._since(counted, as_of, required, kind),
                    "rearrested": rearrested,
                    "release_event_id": event["id"],
                    "occurred_on": counted.event["occurred_on"],
                    "release_kind": self._value("release_kind", counted, required, used_filters),
                    "facility": None
                    if facility in (None, UNDISCLOSED)
                    else {"id": facility, "name": self.records["facility"][facility]["name"]},
                    "independent_sources": verdict.kinds[kind]
                    if kind
                    else verdict.independent_sources,
                    "independent_denials": verdict.independent_denials,
                }
            )
        return items, _figures(redacted)

    def release_events(
        self,
        as_of: datetime,
        required: int,
        filters: Mapping[str, str],
        today: "Record",
        *,
        sees_hidden: bool = False,
    ) -> Sequence[Entry]:
        """Return the items of the list of release events, as `people` does.

        The filters may have a person, and a status, besides those of counts.
        """
        if sees_hidden:
            with self._all_visible(), today._all_visible():
                return self.release_events(as_of, required, filters, today)
        of_event = {
            name: filters[name] for name in filters if name not in ("detainee_id", "status")
        }
        items: list[Entry] = []
        for id, event in sorted(self.records["release_event"].items()):
            person = today._surviving("detainee", event["detainee_id"])
            verdict = self.verdict(id, as_of)
            sources, denials = 0, 0
            if verdict is not None:
                sources, denials = verdict.independent_sources, verdict.independent_denials
            status = rule.status(sources, denials, required)
            present = today._surviving("release_event", id)
            if (
                event["merged_into"] is not None
                or (
                    "detainee_id" in filters
                    and today._surviving("detainee", filters["detainee_id"])["id"] != person["id"]
                )
                or filters.get("status", status) != status
                or not self._meets(event, verdict, of_event, perhaps=False)
                or today._redacts_merge(event["detainee_id"])
                or not today._may_show(person, present, of_event)
            ):
                continue
            counted = verdict and CountedEvent(event, verdict, status, detained_again=False)
            items.append(
                {
                    "id": id,
                    "detainee_id": person["id"],
                    "detainee": {
                        "id": person["id"],
                        "name": None if today._redacts(person) else person["name"],
                        "is_named": not _is_hidden(person),
                    },
                    "detention_id": event["detention_id"],
                    "occurred_on": event["occurred_on"],
                    "place": None if today._redacts(person) else event["place"],
                    "announcement_id": event["announcement_id"],
                    "verification": {
                        "status": status,
                        "independent_sources": sources,
                        "independent_denials": denials,
                        "since": counted and self._since(counted, as_of, required, None),
                    },
                }
            )
        return items

    def differences(
        self,
        as_of: datetime,
        later: "Record",
        later_as_of: datetime,
        required: int,
        filters: Mapping[str, str],
        today: "Record",
        *,
        sees_hidden: bool = False,
    ) -> Differences:
        """Return the people who changed between two records, and those who are not listed."""
        if sees_hidden:
            with self._all_visible(), later._all_visible(), today._all_visible():
                return self.differences(as_of, later, later_as_of, required, filters, today)
        sides = [
            (
                record._matching(moment, required, filters),
                record._matching(moment, required, filters, perhaps=True),
            )
            for record, moment in ((self, as_of), (later, later_as_of))
        ]
        items: list[Entry] = []
        redacted: tuple[Counter[str], Counter[str]] = Counter(), Counter()
        for person in sorted({person for matching, _ in sides for person in matching}):
            statuses, events = [], []
            is_decided = True
            for matching, perhaps in sides:
                status = _strongest(matching[person]) if person in matching else (None, False)
                possible = _strongest(perhaps[person])[0] if person in perhaps else None
                is_decided &= possible == status[0]
                statuses.append(status)
                events += [_decisive(matching[person])] if person in matching else []
            if statuses[0] == statuses[1] or not is_decided:
                continue
            surviving = today._surviving("detainee", person)
            surviving_events = [today._surviving("release_event", e.event["id"]) for e in events]
            if today._redacts_merge(person) or not all(
                today._may_show(surviving, event, filters) for event in surviving_events
            ):
                for figures, (status, rearrested) in zip(redacted, statuses, strict=True):
                    if status is not None:
                        figures[status] += 1
                        figures["rearrested"] += rearrested
                continue
            items.append(
                {
                    "detainee": {
                        "id": surviving["id"],
                        "name": None if today._redacts(surviving) else surviving["name"],
                        "is_named": not _is_hidden(surviving),
                    },
                    "release_event_id": surviving_events[-1]["id"],
                    "before": statuses[0][0],
                    "after": statuses[1][0],
                    "rearrested": {"before": statuses[0][1], "after": statuses[1][1]},
                }
            )
        return Differences(items, *map(_figures, redacted))

    def _surviving(self, resource: str, id: str) -> Entry:
        record = self._written[resource][id]
        while record["merged_into"] is not None:
            record = self._written[resource][record["merged_into"]]
        return record

    def _redacts(self, person: Entry) -> bool:
        return self._hides and _is_hidden(person)

    def _redacts_merge(self, id: str) -> bool:
        """Return whether a record is merged into another one, and one of them is redacted."""
        chain = [self._written["detainee"][id]]
        while chain[-1]["merged_into"] is not None:
            chain.append(self._written["detainee"][chain[-1]["merged_into"]])
        return len(chain) > 1 and any(map(self._redacts, chain))

    def _may_show(self, person: Entry, event: Entry, filters: Mapping[str, str]) -> bool:
        """Return whether the public may know that this person counts by this event."""
        owner = self._written["detainee"][event["detainee_id"]]
        if owner["id"] != person["id"]:
            return not self._redacts(owner) and not self._redacts(person)
        if not self._redacts(person):
            return True
        asked = {name: filters[name] for name in PROPERTIES_OF_PEOPLE if name in filters}
        return self._meets(event, None, asked, perhaps=False)

    def _since(
        self, counted: CountedEvent, as_of: datetime, required: int, kind: str | None
    ) -> datetime | None:
        """Return since when an event has had its status."""
        since = None
        for verdict in self._histories[counted.event["id"]]:
            sources = verdict.kinds.get(kind) if kind else verdict.independent_sources
            holds = sources is not None and counted.status == rule.status(
                sources, verdict.independent_denials, required
            )
            if verdict.at <= as_of:
                since = (since or verdict.at) if holds else None
        return since

    def delivery(self, announcement_id: str, as_of: datetime, required: int) -> Mapping[str, Any]:
        """Return the expected fields of a delivery without the announcement, and its claims."""
        named = {
            event["detainee_id"]
            for event in self.records["release_event"].values()
            if event["announcement_id"] == announcement_id and event["merged_into"] is None
        }
        matching = self._matching(as_of, required, {"announcement_id": announcement_id})
        statuses = {person: _strongest(matching[person])[0] for person in named & {*matching}}
        claims = [
            (datetime.fromisoformat(claim["as_of"]), claim["id"])
            for claim in self.records["claim"].values()
            if claim["announcement_id"] == announcement_id
            and datetime.fromisoformat(claim["published_at"]) <= as_of
            and datetime.fromisoformat(claim["as_of"]) <= as_of
        ]
        return {
            "announced": self.records["claim"][announcement_id]["value"],
            "named": len(named),
            **{status: [*statuses.values()].count(status) for status in DOCUMENTED},
            "still_held": sum(statuses.get(person) not in DOCUMENTED for person in named),
            "claims": [id for _, id in sorted(claims, reverse=True)],
        }

    def turning_points(self) -> Sequence[datetime]:
        """Return the publication times at which any status can change."""
        points = {verdict.at for history in self._histories.values() for verdict in history}
        points |= {self._begins(detention) for detention in self.records["detention"].values()}
        return sorted(points)

    def person_statuses(self) -> Mapping[str, Sequence[PersonStatus]]:
        """Return the statuses of each person, one from each moment at which it changes."""
        statuses: dict[str, list[PersonStatus]] = {}
        for moment in self.turning_points():
            matching = [self._matching(moment, required, {}) for required in REQUIRED]
            for person in matching[0]:
                letters = ""
                values: dict[str, list[str | None]] = {name: [] for name in PROPERTIES}
                for required, events in zip(
                    REQUIRED, (people[person] for people in matching), strict=True
                ):
                    status, rearrested = _strongest(events)
                    letters += "A" if rearrested else _LETTER[status]
                    for name in PROPERTIES:
                        value = self._value(name, _decisive(events), required, {})
                        values[name].append(value)
                earlier = statuses.setdefault(person, [])
                if not earlier or earlier[-1][1:] != (letters, values):
                    earlier.append(PersonStatus(moment, letters, values))
        return statuses

    def _matching(
        self,
        as_of: datetime,
        required: int,
        filters: Mapping[str, str],
        *,
        perhaps: bool = False,
    ) -> Mapping[str, Sequence[CountedEvent]]:
        """Return the events of each person that meet the filters, or perhaps meet them."""
        people: dict[str, list[CountedEvent]] = {}
        kind = filters.get("release_kind")
        for event in self.records["release_event"].values():
            verdict = self.verdict(event["id"], as_of)
            if verdict is None or not self._meets(event, verdict, filters, perhaps=perhaps):
                continue
            sources = verdict.kinds[kind] if kind else verdict.independent_sources
            status = rule.status(sources, verdict.independent_denials, required)
            counted = CountedEvent(event, verdict, status, self._detained_again(event, as_of))
            people.setdefault(event["detainee_id"], []).append(counted)
        return people

    def _meets(
        self, event: Entry, verdict: Verdict | None, filters: Mapping[str, str], *, perhaps: bool
    ) -> bool:
        person = self._visible(event["detainee_id"])
        also = {UNDISCLOSED} if perhaps else set()
        conditions: Mapping[str, Callable[[Any], bool]] = {
            "facility_id": lambda id: self._facility(event) in {id, *also},
            "country": lambda country: self._country(event) in {country, *also},
            "nationality": lambda country: (
                not also.isdisjoint(person["nationalities"]) or country in person["nationalities"]
            ),
            "age_group": lambda group: person["age_group"] in {group, *also},
            "sex": lambda sex: person["sex"] in {sex, *also},
            "release_kind": lambda kind: verdict is not None and kind in verdict.kinds,
            "announcement_id": lambda id: event["announcement_id"] == id,
            "occurred_from": lambda day: event["occurred_on"] >= day,
            "occurred_until": lambda day: event["occurred_on"] <= day,
        }
        return all(conditions[name](value) for name, value in filters.items())

    def _value(
        self, name: str, counted: CountedEvent, required: int, filters: Mapping[str, str]
    ) -> str | None:
        """Return the group of a person: a property of the person or of the event that counts."""
        person = self._visible(counted.event["detainee_id"])
        value: str | None
        if name in ("nationality", "release_kind") and name in filters:
            value = filters[name]
        elif name == "facility_id":
            value = self._facility(counted.event)
        elif name == "nationality":
            value = [*person["nationalities"], None][0]
        elif name == "release_kind":
            value = _kind(counted, required)
        elif name in ("age_group", "sex"):
            value = person[name]
        else:
            value = counted.event[name]
        return None if value == "unknown" else value

    def _facility(self, event: Entry) -> str | None:
        facility_id: str | None = self._written["detention"][event["detention_id"]]["facility_id"]
        person = self.records["detainee"][event["detainee_id"]]
        if not self._hides or not _is_hidden(person):
            return facility_id
        # In `_disclosed` no facility means the age group alone.
        if facility_id is None or (person["age_group"], facility_id) not in self._disclosed:
            return UNDISCLOSED
        return facility_id

    def _country(self, event: Entry) -> str | None:
        facility_id = self._facility(event)
        if facility_id in (None, UNDISCLOSED):
            return facility_id
        country: str = self.records["facility"][facility_id]["country"]
        return country

    def _detained_again(self, event: Entry, as_of: datetime) -> bool:
        return any(
            self._follows(other, event) and self._begins(other) <= as_of
            for other in self.records["detention"].values()
            if other["detainee_id"] == event["detainee_id"]
            and other["merged_into"] is None
            and other["id"] != event["detention_id"]
        )

    def _follows(self, detention: Entry, event: Entry) -> bool:
        """Return whether a detention follows a release event of another one."""
        day = date.fromisoformat(event["occurred_on"])
        began_that_day = detention["detained_on"] == event["occurred_on"]
        return _last_day(detention) >= day and all(
            released_on > day or (released_on == day and began_that_day)
            for released_on in self._released_on(detention)
        )

    def _begins(self, detention: Entry) -> datetime:
        """Return the last moment at which a detention can have begun."""
        days = list(self._released_on(detention))
        if not detention["counts_from_entry"]:
            days.append(_last_day(detention))
        midnights = [datetime.combine(day, time(), UTC) for day in days]
        return min([datetime.fromisoformat(detention["created_at"]), *midnights])

    def _released_on(self, detention: Entry) -> Sequence[date]:
        return [
            date.fromisoformat(event["occurred_on"])
            for event in self.records["release_event"].values()
            if event["detention_id"] == detention["id"] and event["merged_into"] is None
        ]

    def surviving(self, source: str) -> str:
        """Return the source that a source was merged into, or itself."""
        return self.records["source"][source]["merged_into"] or source

    def _history(self, event: str) -> Sequence[Verdict]:
        attestations = tuple(
            Attestation(
                id=a["id"],
                source=self.surviving(a["source_id"]),
                stance=a["stance"],
                basis=a["basis"],
                published_at=datetime.fromisoformat(a["published_at"]),
                retracted_at=_moment(a["retracted_at"]),
                relayed_attestations=tuple(
                    r["attestation_id"] for r in a["relays"] if r["attestation_id"]
                ),
                relayed_sources=tuple(
                    self.surviving(r["source_id"]) for r in a["relays"] if r["source_id"]
                ),
                release_kind=a["release_kind"],
                recorded=self._first_seq[a["id"]],
            )
            for a in self.records["attestation"].values()
            if a["release_event_id"] == event and a["voided_at"] is None
        )
        affiliations = tuple(
            Affiliation(
                self.surviving(a["source_id"]),
                self.surviving(a["with_source_id"]),
                _moment(a["valid_from"]),
                _moment(a["valid_until"]),
            )
            for a in self.records["affiliation"].values()
            if a["voided_at"] is None
        )
        vouched_by = tuple(
            (source["id"], self.surviving(source["vouched_by"]))
            for source in self.records["source"].values()
            if source["vouched_by"] is not None
        )
        return _verdicts(attestations, affiliations, vouched_by)


Rollups = Mapping[tuple[str, str, str, datetime | None], list[list[int]]]


def rollups(people: Iterable[Sequence[PersonStatus]]) -> Rollups:
    """Return the expected status rollups for these person statuses, without rows of zeros."""
    sums: dict[tuple[str, str, str, datetime | None], list[list[int]]] = {}
    for statuses in people:
        for former, status in zip([None, *statuses], statuses, strict=False):
            for grain, bucket in _buckets(status.at):
                for former_or_new, change in ((former, -1), (status, 1)):
                    for i, name, value, letter in _groups(former_or_new):
                        key = (name, value, grain, bucket)
                        rows = sums.setdefault(key, [[0] * len(FIGURES) for _ in REQUIRED])
                        rows[i]["CDRFU".index(letter.replace("A", "C"))] += change
                        rows[i][FIGURES.index("rearrested")] += change * (letter == "A")
    return {key: rows for key, rows in sums.items() if any(map(any, rows))}


def _groups(status: PersonStatus | None) -> Iterator[tuple[int, str, str, str]]:
    """Yield the groups that count a person: the total and one group of each property."""
    if status is not None:
        for i, letter in enumerate(status.letters):
            yield i, "", "", letter
            for name, values in status.values.items():
                yield i, name, values[i] or "", letter


def _buckets(moment: datetime) -> Iterator[tuple[str, datetime | None]]:
    """Return the period of each length that contains or ends at the moment."""
    yield "total", None
    before = moment.astimezone(UTC) - timedelta(microseconds=1)
    hour = before.replace(minute=0, second=0, microsecond=0)
    yield "quarter", hour + timedelta(minutes=15) * ((before - hour) // timedelta(minutes=15))
    yield "hour", hour
    yield "4 hours", hour - timedelta(hours=hour.hour % 4)
    yield "day", hour.replace(hour=0)
    yield "month", hour.replace(day=1, hour=0)
    yield "year", hour.replace(month=1, day=1, hour=0)


_LETTER = {"confirmed": "C", "disputed": "D", "reported": "R", "refuted": "F", "unverified": "U"}


@lru_cache(maxsize=10_000)
def _verdicts(
    attestations: tuple[Attestation, ...],
    affiliations: tuple[Affiliation, ...],
    vouched_by: tuple[tuple[str, str], ...],
) -> Sequence[Verdict]:
    return rule.history(attestations, affiliations, vouched_by=dict(vouched_by))


def _is_hidden(person: Entry) -> bool:
    return person["age_group"] == "minor" or bool(person["withheld"])


def _moment(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


def _last_day(detention: Entry) -> date:
    if detention["detained_on"] is None:
        return date.max
    year, *rest = map(int, detention["detained_on"].split("-"))
    month = rest[0] if rest else 12
    day = rest[1] if len(rest) == 2 else monthrange(year, month)[1]
    return date(year, month, day)


def _strongest(events: Sequence[CountedEvent]) -> tuple[str, bool]:
    """Return the status by which a person counts, and whether confirmed and rearrested."""
    status = min((counted.status for counted in events), key=STATUSES.index)
    rearrested = all(counted.detained_again for counted in events if counted.status == "confirmed")
    return status, status == "confirmed" and rearrested


def _decisive(events: Sequence[CountedEvent]) -> CountedEvent:
    """Return the event by which a person counts.

    It is the strongest, then the one of the latest day, of the most sources, of the greatest id.
    """

    def order(counted: CountedEvent) -> Any:
        event = counted.event
        return event["occurred_on"], counted.verdict.independent_sources, event["id"]

    latest_first = sorted(events, key=order, reverse=True)
    return min(latest_first, key=lambda counted: STATUSES.index(counted.status))


def _kind(counted: CountedEvent, required: int) -> str | None:
    """Return the kind of release with the status of the event and the most sources, if only one."""
    denials = counted.verdict.independent_denials
    candidates = [
        (sources, kind)
        for kind, sources in counted.verdict.kinds.items()
        if kind != "unknown" and rule.status(sources, denials, required) == counted.status
    ]
    (most, kind), (second, _) = [*sorted(candidates, reverse=True), (-1, None), (-1, None)][:2]
    return kind if most > second else None


def _figures(counts: Counter[str]) -> Figures:
    return {status: counts[status] for status in FIGURES}


def assert_statuses_are_recounted(conn: Connection, record: Record) -> None:
    """Check the current person statuses against the oracle, and the status rollups as sums.

    Check first verdicts against the verdicts of any record time.
    """
    first = (
        "SELECT v.release_event_id, e.occurred_on, min(v.published_from) AS published_from"
        " FROM verdicts v JOIN release_events e ON e.id = v.release_event_id"
        " GROUP BY v.release_event_id, e.occurred_on"
    )
    stored_first = "SELECT release_event_id, occurred_on, published_from FROM first_verdicts"
    assert {*conn.execute(first)} == {*conn.execute(stored_first)}
    stored: dict[str, list[PersonStatus]] = {}
    for row in conn.execute(
        "SELECT detainee_id::text AS person, published_from, status_codes, groups"
        " FROM person_statuses WHERE recorded_until = 'infinity' ORDER BY published_from"
    ):
        groups = {name: row.groups.get(name) for name in PROPERTIES}
        values = {
            # A single value is stored if all are equal.
            name: value if isinstance(value, list) else [value] * len(REQUIRED)
            for name, value in groups.items()
        }
        status = PersonStatus(row.published_from, row.status_codes, values)
        stored.setdefault(row.person, []).append(status)
    assert stored == record.person_statuses()
    sums = {
        (row.property, row.value, row.grain, row.bucket): row.people
        for row in conn.execute(
            "SELECT property, value, grain, nullif(bucket, '-infinity') AS bucket, people"
            " FROM status_rollups"
        )
        if any(map(any, row.people))
    }
    assert sums == rollups(stored.values())
