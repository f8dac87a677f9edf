"""A brute-force oracle of counts: expected responses for a publication time and a record time.

It reads only the ledger up to the record time, no verdict, person status or status rollup, and
shares only the rule with the counts of the service.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

from api.database.queries import Connection
from api.verification import rule
from api.verification.rule import Affiliation, Attestation, Verdict

STATUSES = ("confirmed", "disputed", "reported", "refuted", "unverified")
FIGURES = (*STATUSES, "rearrested")
WITHIN = ("confirmed", "disputed", "reported")
PROPERTIES = (
    "facility_id",
    "nationality",
    "age_group",
    "sex",
    "release_kind",
    "announcement_id",
    "occurred_on",
)
REQUIRED = range(1, 6)
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
    "distinction",
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
        known = bisect_right(self._entries, recorded_as_of, key=lambda entry: entry.recorded_at)
        if known not in self._records:
            self._records[known] = Record(self._entries[:known])
        return self._records[known]

    def comparison(
        self, claim_id: str, recorded_as_of: datetime, required: int
    ) -> Mapping[str, Any]:
        """Return the expected fields of a comparison without the claim."""
        claim = self.record(recorded_as_of).of["claim"][claim_id]
        as_of, claimed = datetime.fromisoformat(claim["as_of"]), claim["value"]
        scope = {name: claim[name] for name in ("facility_id", "nationality", "age_group")}
        filters = {**scope, "occurred_from": claim["window_start"]}

        def counted(recorded_as_of: datetime) -> Figures:
            total, _ = self.record(recorded_as_of).count(as_of, required, filters)
            return {word: total[word] for word in WITHIN}

        now = counted(recorded_as_of)
        gap, verdict, reason = None, "not_comparable", None
        if claim["kind"] != "released":
            reason = "another_kind"
        elif claimed is None:
            reason = "no_figure"
        else:
            gap = claimed - now["confirmed"]
            if gap < 0:
                verdict = "below_confirmed"
            elif gap <= now["disputed"] + now["reported"]:
                verdict = "within_documented"
            else:
                verdict = "above_documented"
        return {
            "claimed": claimed,
            **now,
            "gap": gap,
            "verdict": verdict,
            "reason": reason,
            "recorded_then": counted(min(as_of, recorded_as_of)),
        }


class Judged(NamedTuple):
    """A release event that matches the filters, with its status at a moment."""

    event: Entry
    verdict: Verdict
    status: str
    detained_again: bool


class Standing(NamedTuple):
    """How a person counts from a moment on, for each required number of sources.

    That is a status code, and the person's group by each property.
    """

    at: datetime
    letters: str
    values: Mapping[str, list[str | None]]


class Record:
    """The record after the first entries of the ledger."""

    def __init__(self, entries: Iterable[Any]) -> None:
        self.of: dict[str, dict[str, Entry]] = {resource: {} for resource in RESOURCES}
        self._first_seq: dict[str, int] = {}
        self._told: set[tuple[str, str | None]] = set()
        for _, written in groupby(entries, key=lambda entry: entry.recorded_at):
            for entry in written:
                self.of[entry.resource][entry.id] = entry.entry
                self._first_seq.setdefault(entry.id, entry.seq)
            self._told |= self._shared_by_five()
        # The children of a duplicate record belong to the surviving record.
        for resource in ("detention", "release_event"):
            for record in self.of[resource].values():
                merged = self.of["detainee"][record["detainee_id"]]["merged_into"]
                assert merged is None or record["merged_into"]
        self._histories = {event: self._history(event) for event in self.of["release_event"]}

    def _shared_by_five(self) -> set[tuple[str, str | None]]:
        """The age groups, alone and by facility, that reach the disclosure threshold."""
        people = self.of["detainee"]
        held = {
            (people[detention["detainee_id"]]["age_group"], facility, detention["detainee_id"])
            for detention in self.of["detention"].values()
            if (facility := detention["facility_id"]) is not None
            and people[detention["detainee_id"]]["merged_into"] is None
        }
        shared = Counter((age_group, facility) for age_group, facility, _ in held)
        shared.update(
            (person["age_group"], None)
            for person in people.values()
            if person["merged_into"] is None
        )
        return {cohort for cohort, number in shared.items() if number >= 5}

    def _seen(self, person_id: str) -> Entry:
        """Return the disclosed properties of a person."""
        person = self.of["detainee"][person_id]
        if not _is_hidden(person):
            return person
        age_group = person["age_group"]
        told = age_group if (age_group, None) in self._told else "unknown"
        return {"age_group": told, "sex": None, "nationalities": []}

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
    ) -> tuple[Figures, Groups]:
        """Count people by their strongest status among matching events, in total and by group."""
        total: Counter[str] = Counter()
        groups: dict[str | None, Counter[str]] = {}
        given = {name: value for name, value in filters.items() if value is not None}
        for events in self._matching(as_of, required, given).values():
            status, again = _strongest(events)
            group: Counter[str] = Counter()
            if group_by is not None:
                value = self._value(group_by, _decisive(events), required, given)
                group = groups.setdefault(value, group)
            for figures in (total, group):
                figures[status] += 1
                figures["rearrested"] += again
        return _figures(total), {value: _figures(group) for value, group in groups.items()}

    def delivery(self, announcement_id: str, as_of: datetime, required: int) -> Mapping[str, Any]:
        """Return the expected fields of a delivery without the announcement, and its claims."""
        named = {
            event["detainee_id"]
            for event in self.of["release_event"].values()
            if event["announcement_id"] == announcement_id and event["merged_into"] is None
        }
        matching = self._matching(as_of, required, {"announcement_id": announcement_id})
        standing = {person: _strongest(matching[person])[0] for person in named & {*matching}}
        claims = [
            (datetime.fromisoformat(claim["as_of"]), claim["id"])
            for claim in self.of["claim"].values()
            if claim["announcement_id"] == announcement_id
            and datetime.fromisoformat(claim["published_at"]) <= as_of
            and datetime.fromisoformat(claim["as_of"]) <= as_of
        ]
        return {
            "announced": self.of["claim"][announcement_id]["value"],
            "named": len(named),
            **{word: [*standing.values()].count(word) for word in WITHIN},
            "still_held": sum(standing.get(person) not in WITHIN for person in named),
            "claims": [id for _, id in sorted(claims, reverse=True)],
        }

    def turning_points(self) -> Sequence[datetime]:
        """Return the publication times at which any status can change."""
        points = {verdict.at for history in self._histories.values() for verdict in history}
        points |= {_begins(detention) for detention in self.of["detention"].values()}
        return sorted(points)

    def standings(self) -> Mapping[str, Sequence[Standing]]:
        """Return the statuses of each person, one from each moment at which it changes."""
        found: dict[str, list[Standing]] = {}
        for moment in self.turning_points():
            matching = [self._matching(moment, required, {}) for required in REQUIRED]
            for person in matching[0]:
                letters = ""
                values: dict[str, list[str | None]] = {name: [] for name in PROPERTIES}
                for required, events in zip(
                    REQUIRED, (people[person] for people in matching), strict=True
                ):
                    status, again = _strongest(events)
                    letters += "A" if again else _LETTER[status]
                    for name in PROPERTIES:
                        value = self._value(name, _decisive(events), required, {})
                        values[name].append(value)
                before = found.setdefault(person, [])
                if not before or before[-1][1:] != (letters, values):
                    before.append(Standing(moment, letters, values))
        return found

    def _matching(
        self, as_of: datetime, required: int, filters: Mapping[str, str]
    ) -> Mapping[str, Sequence[Judged]]:
        """Return the events of each person that meet the filters."""
        people: dict[str, list[Judged]] = {}
        kind = filters.get("release_kind")
        for event in self.of["release_event"].values():
            verdict = self.verdict(event["id"], as_of)
            if verdict is None or not self._meets(event, verdict, filters):
                continue
            sources = verdict.kinds[kind] if kind else verdict.independent_sources
            status = rule.status(sources, verdict.independent_denials, required)
            judged = Judged(event, verdict, status, self._detained_again(event, as_of))
            people.setdefault(event["detainee_id"], []).append(judged)
        return people

    def _meets(self, event: Entry, verdict: Verdict, filters: Mapping[str, str]) -> bool:
        person = self._seen(event["detainee_id"])
        met: Mapping[str, Callable[[Any], bool]] = {
            "facility_id": lambda id: self._facility(event) == id,
            "nationality": lambda country: country in person["nationalities"],
            "age_group": lambda group: person["age_group"] == group,
            "sex": lambda sex: person["sex"] == sex,
            "release_kind": lambda kind: kind in verdict.kinds,
            "announcement_id": lambda id: event["announcement_id"] == id,
            "occurred_from": lambda day: event["occurred_on"] >= day,
            "occurred_until": lambda day: event["occurred_on"] <= day,
        }
        return all(met[name](value) for name, value in filters.items())

    def _value(
        self, name: str, judged: Judged, required: int, filters: Mapping[str, str]
    ) -> str | None:
        """Return the group of a person: a property of the person or of the event that counts."""
        person = self._seen(judged.event["detainee_id"])
        value: str | None
        if name in ("nationality", "release_kind") and name in filters:
            value = filters[name]
        elif name == "facility_id":
            value = self._facility(judged.event)
        elif name == "nationality":
            value = [*person["nationalities"], None][0]
        elif name == "release_kind":
            value = _kind(judged, required)
        elif name in ("age_group", "sex"):
            value = person[name]
        else:
            value = judged.event[name]
        return None if value == "unknown" else value

    def _facility(self, event: Entry) -> str | None:
        facility_id: str | None = self.of["detention"][event["detention_id"]]["facility_id"]
        person = self.of["detainee"][event["detainee_id"]]
        if _is_hidden(person) and (person["age_group"], facility_id) not in self._told:
            return None
        return facility_id

    def _detained_again(self, event: Entry, as_of: datetime) -> bool:
        def place(detention: Entry) -> tuple[str, datetime, str]:
            created_at = datetime.fromisoformat(detention["created_at"])
            return detention["began_on"], created_at, detention["id"]

        ended = self.of["detention"][event["detention_id"]]
        return any(
            place(other) > place(ended) and _begins(other) <= as_of
            for other in self.of["detention"].values()
            if other["detainee_id"] == event["detainee_id"] and other["merged_into"] is None
        )

    def _history(self, event: str) -> Sequence[Verdict]:
        attestations = tuple(
            Attestation(
                id=a["id"],
                source=a["source_id"],
                stance=a["stance"],
                basis=a["basis"],
                published_at=datetime.fromisoformat(a["published_at"]),
                retracted_at=_moment(a["retracted_at"]),
                relayed_attestations=tuple(
                    r["attestation_id"] for r in a["relays"] if r["attestation_id"]
                ),
                relayed_sources=tuple(r["source_id"] for r in a["relays"] if r["source_id"]),
                release_kind=a["release_kind"],
                recorded=self._first_seq[a["id"]],
            )
            for a in self.of["attestation"].values()
            if a["release_event_id"] == event and a["voided_at"] is None
        )
        affiliations = tuple(
            Affiliation(
                a["source_id"],
                a["with_source_id"],
                _moment(a["valid_from"]),
                _moment(a["valid_until"]),
            )
            for a in self.of["affiliation"].values()
        )
        vouched_by = tuple(
            (source["id"], source["vouched_by"])
            for source in self.of["source"].values()
            if source["vouched_by"] is not None
        )
        return _of_the_rule(attestations, affiliations, vouched_by)


Tallies = Mapping[tuple[str, str, str, datetime | None], list[list[int]]]


def tallies(people: Iterable[Sequence[Standing]]) -> Tallies:
    """Return the expected status rollups for these person statuses, without rows of zeros."""
    sums: dict[tuple[str, str, str, datetime | None], list[list[int]]] = {}
    for standings in people:
        for former, standing in zip([None, *standings], standings, strict=False):
            for grain, bucket in _buckets(standing.at):
                for left_or_came, people_moved in ((former, -1), (standing, 1)):
                    for i, name, value, letter in _groups(left_or_came):
                        key = (name, value, grain, bucket)
                        rows = sums.setdefault(key, [[0] * len(FIGURES) for _ in REQUIRED])
                        rows[i]["CDRFU".index(letter.replace("A", "C"))] += people_moved
                        rows[i][FIGURES.index("rearrested")] += people_moved * (letter == "A")
    return {key: rows for key, rows in sums.items() if any(map(any, rows))}


def _groups(standing: Standing | None) -> Iterator[tuple[int, str, str, str]]:
    """Yield the groups that count a person: the total and one group of each property."""
    if standing is not None:
        for i, letter in enumerate(standing.letters):
            yield i, "", "", letter
            for name, values in standing.values.items():
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
def _of_the_rule(
    attestations: tuple[Attestation, ...],
    affiliations: tuple[Affiliation, ...],
    vouched_by: tuple[tuple[str, str], ...],
) -> Sequence[Verdict]:
    return rule.history(attestations, affiliations, vouched_by=dict(vouched_by))


def _is_hidden(person: Entry) -> bool:
    return person["age_group"] == "minor" or bool(person["withheld"])


def _moment(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


def _begins(detention: Entry) -> datetime:
    if detention["detained_on"] is None:
        return datetime.fromisoformat(detention["created_at"])
    return datetime.fromisoformat(detention["began_on"]).replace(tzinfo=UTC)


def _strongest(events: Sequence[Judged]) -> tuple[str, bool]:
    """Return the status by which a person counts, and whether confirmed and rearrested."""
    status = min((judged.status for judged in events), key=STATUSES.index)
    again = all(judged.detained_again for judged in events if judged.status == "confirmed")
    return status, status == "confirmed" and again


def _decisive(events: Sequence[Judged]) -> Judged:
    """Return the event by which a person counts: the strongest, latest day, recorded last."""

    def order(judged: Judged) -> Any:
        event = judged.event
        return event["occurred_on"], datetime.fromisoformat(event["created_at"]), event["id"]

    latest_first = sorted(events, key=order, reverse=True)
    return min(latest_first, key=lambda judged: STATUSES.index(judged.status))


def _kind(judged: Judged, required: int) -> str | None:
    """The kind of release that itself has the release's status, if one has more sources than any
    other."""
    denials = judged.verdict.independent_denials
    having = [
        (sources, kind)
        for kind, sources in judged.verdict.kinds.items()
        if kind != "unknown" and rule.status(sources, denials, required) == judged.status
    ]
    (most, kind), (second, _) = [*sorted(having, reverse=True), (-1, None), (-1, None)][:2]
    return kind if most > second else None


def _figures(counted: Counter[str]) -> Figures:
    return {word: counted[word] for word in FIGURES}


def assert_statuses_are_recounted(conn: Connection, record: Record) -> None:
    """Check the current person statuses against the oracle, and the status rollups as sums."""
    stored: dict[str, list[Standing]] = {}
    for row in conn.execute(
        "SELECT detainee_id::text AS person, published_from, status_codes, groups"
        " FROM person_statuses WHERE recorded_until = 'infinity' ORDER BY published_from"
    ):
        groups = {name: row.groups.get(name) for name in PROPERTIES}
        values = {
            # One value represents all of them.
            name: value if isinstance(value, list) else [value] * len(REQUIRED)
            for name, value in groups.items()
        }
        standing = Standing(row.published_from, row.status_codes, values)
        stored.setdefault(row.person, []).append(standing)
    assert stored == record.standings()
    sums = {
        (row.property, row.value, row.grain, row.bucket): row.people
        for row in conn.execute(
            "SELECT property, value, grain, nullif(bucket, '-infinity') AS bucket, people"
            " FROM status_rollups"
        )
        if any(map(any, row.people))
    }
    assert sums == tallies(stored.values())
