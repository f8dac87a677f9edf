"""Gather, decide, apply: the one way in which stored verdicts and counts come to change.

Everything that can change a verdict (attestation, retraction, voiding, affiliation), or how people
count, calls `recompute`, with the person of each event locked. The ledger is written after the rule
has decided, since its head is held until the commit.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.types.json import Jsonb

from api.access import Caller
from api.database import ledger, queries
from api.verification.counting import (
    Event,
    Figures,
    Standing,
    Step,
    Tally,
    add_figures,
    standings,
    tally_changes,
)
from api.verification.rule import Affiliation, Attestation, Chain, Verdict, history, status

Row = Mapping[str, Any]

_LIST = {"verdicts": "verification/list_verdicts", "not_counted": "verification/list_exclusions"}
_SUPERSEDE = {
    "verdicts": "verification/supersede_verdicts",
    "not_counted": "verification/supersede_exclusions",
    "standings": "verification/supersede_person_statuses",
}
_INSERT = {
    "verdicts": "verification/insert_verdicts",
    "not_counted": "verification/insert_exclusions",
    "standings": "verification/insert_person_statuses",
}


@dataclass(slots=True)
class _Changes:
    """What the record says no more, and what it says now, by table."""

    close: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    insert: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))

    @property
    def verdicts(self) -> Sequence[Row]:
        return [*self.close["verdicts"], *self.insert["verdicts"]]

    @property
    def standings(self) -> Sequence[Row]:
        return [*self.close["standings"], *self.insert["standings"]]


def recompute(
    conn: queries.Connection,
    caller: Caller | None,
    changes: Sequence[ledger.Change],
    *,
    release_events: Sequence[UUID] = (),
    people: Iterable[UUID] = (),
    since: datetime | None = None,
    recount: bool = False,
) -> None:
    """Enters changes in the ledger, with the verdicts and the counts that follow from them.

    `release_events` are verified again, from the publication time `since` on if nothing before it can
    have changed; `people` are those whose counts or groups may have changed. All of them
    are locked. With `recount`, their counts may have changed also where no verdict did.
    """
    decided = _Changes()
    for event in release_events:
        _decide(conn, event, since, decided)
    told = _told(conn, changes)
    # An echo changes no verdict, and so nobody's count.
    if recount or told is not None or not release_events or decided.verdicts:
        counted = list({*people, *(told or ())})
        if (
            told is None
            and counted
            and queries.rows(conn, "verification/list_hidden_people", detainee_ids=counted)
        ):
            # What the public may know of them changes with who else is recorded.
            queries.run(conn, "ledger/lock")
        if counted:
            _recount(conn, counted, decided)
    is_public = told is not None or bool(decided.verdicts or decided.standings)
    recorded_at = ledger.append(conn, caller, *changes, changes_answers=is_public)
    if told is not None:
        queries.run(conn, "verification/update_disclosed_groups", recorded_at=recorded_at)
    for table in ("verdicts", "not_counted", "standings"):
        if rows := decided.close[table]:
            queries.run(conn, _SUPERSEDE[table], recorded_at=recorded_at, rows=Jsonb(rows))
        if rows := decided.insert[table]:
            queries.run(conn, _INSERT[table], recorded_at=recorded_at, rows=Jsonb(rows))
    if decided.verdicts:
        noted = [
            {name: row[name] for name in ("release_event_id", "status")} for row in decided.verdicts
        ]
        queries.run(
            conn, "verification/upsert_feed_entries", recorded_at=recorded_at, rows=Jsonb(noted)
        )
    if rows := decided.insert["tallies"]:
        queries.run(conn, "verification/add_rollups", rows=Jsonb(rows))


def _told(conn: queries.Connection, changes: Sequence[ledger.Change]) -> Sequence[UUID] | None:
    """The hidden people of whom more may be known from now on, since a fifth person shares it with
    them: nobody else enters anything then. None if nothing was told."""
    ids: dict[str, list[UUID]] = {"detainee": [], "detention": []}
    for change in changes:
        if change.resource in ids:
            ids[change.resource].append(change.resource_id)
    if not any(ids.values()):
        return None
    written = {"detainee_ids": ids["detainee"], "detention_ids": ids["detention"]}
    if not queries.row(conn, "verification/exist_disclosable_groups", **written).exist:
        return None
    queries.run(conn, "ledger/lock")
    return [row.id for row in queries.rows(conn, "verification/insert_disclosed_groups", **written)]


class Audit(NamedTuple):
    """What is stored and is not what the rule says now: nothing, unless something else wrote it."""

    verdicts: set[UUID]  # of release events
    standings: set[UUID]  # of people


def audit(conn: queries.Connection, detainees: Sequence[UUID]) -> Audit:
    """Of these people, what `recompute` would change although nothing is new. Reads only."""
    changes = _Changes()
    rows = queries.rows(conn, "verification/list_release_events", detainee_ids=detainees)
    for event in {row.release_event_id for row in rows}:
        _decide(conn, event, None, changes)
    _recount(conn, detainees, changes)
    stored = [*changes.verdicts, *changes.close["not_counted"], *changes.insert["not_counted"]]
    return Audit(
        {row["release_event_id"] for row in stored},
        {row["detainee_id"] for row in changes.standings},
    )


def stored_standings(
    conn: queries.Connection, detainees: Sequence[UUID]
) -> Iterator[list[tuple[datetime, Standing]]]:
    """How each of these people counts, as the record has it."""
    rows = queries.rows(conn, "verification/list_person_statuses", detainee_ids=detainees)
    for _, own in groupby(rows, key=attrgetter("detainee_id")):
        yield [
            (row.published_from, Standing.from_json(row.status_codes, row.groups)) for row in own
        ]


def lock_affected(
    conn: queries.Connection,
    affiliation: Mapping[str, Any],
    before: Mapping[str, Any] | None = None,
) -> dict[UUID, set[UUID]]:
    """The people, locked, and of each the events whose groups an affiliation changes."""
    people: dict[UUID, set[UUID]] = {}
    for row in queries.rows(
        conn,
        "verification/list_affected_release_events",
        source_id=affiliation["source_id"],
        with_source_id=affiliation["with_source_id"],
        was_in_force=before is not None,
        old_from=before and before["valid_from"],
        old_until=before and before["valid_until"],
        new_from=affiliation["valid_from"],
        new_until=affiliation["valid_until"],
    ):
        people.setdefault(row.detainee_id, set()).add(row.id)
    return people


def foresee(
    conn: queries.Connection, event: UUID | None, word: Attestation, now: datetime
) -> tuple[str, str]:
    """The status of an event now, a new one without an id, and what it would be with one more
    word."""
    attestations: list[Attestation] = []
    ties: Sequence[Any] = []
    if event is not None:
        attestations = _attestations(conn, event)
        named = [word.source, *word.relayed_sources]
        ties = _ties(conn, event, source_ids=named)
    return (
        _status_at(_history(attestations, ties), now),
        _status_at(_history([*attestations, word], ties), now),
    )


def _status_at(verdicts: Sequence[Verdict], now: datetime) -> str:
    held = [verdict for verdict in verdicts if verdict.at <= now]
    return (
        status(held[-1].independent_sources, held[-1].independent_denials) if held else status(0, 0)
    )


def _attestations(conn: queries.Connection, event: UUID) -> list[Attestation]:
    rows = queries.rows(conn, "verification/list_attestations", release_event_id=event)
    return [Attestation(**row._asdict()) for row in rows]


def _ties(conn: queries.Connection, event: UUID, **more: Any) -> Sequence[Any]:
    return queries.rows(conn, "verification/list_affiliations", release_event_id=event, **more)


def _history(
    attestations: Sequence[Attestation], ties: Sequence[Any], since: datetime | None = None
) -> list[Verdict]:
    affiliations = [
        Affiliation(tie.source_id, tie.with_source_id, tie.valid_from, tie.valid_until)
        for tie in ties
        if not tie.vouches
    ]
    vouched_by = {tie.source_id: tie.with_source_id for tie in ties if tie.vouches}
    return history(attestations, affiliations, since, vouched_by)


def _decide(
    conn: queries.Connection, event: UUID, since: datetime | None, changes: _Changes
) -> None:
    """Adds what the rule changes of an event's stored answers."""
    verdicts = _history(_attestations(conn, event), _ties(conn, event), since)
    for table, rows_of in _TABLES.items():
        stored = [row._asdict() for row in queries.rows(conn, _LIST[table], release_event_id=event)]
        before = [row for row in stored if since is not None and row["published_from"] < since]
        decided = rows_of(verdicts, before)
        _compare(changes, table, {"release_event_id": event}, stored[len(before) :], decided)


def _compare(
    changes: _Changes, table: str, of: Row, stored: Sequence[Row], decided: Sequence[Row]
) -> None:
    """Adds the stored rows that no longer hold, and the decided ones that are not stored yet."""
    changes.close[table] += [{**of, **row} for row in stored if row not in decided]
    changes.insert[table] += [{**of, **row} for row in decided if row not in stored]


def _verdict_rows(verdicts: Sequence[Verdict], before: Sequence[Row]) -> Sequence[Row]:
    """The rows of `verdicts` after those before: one wherever the verdict or its proof changes."""
    rows: list[Row] = []
    last: Row = before[-1] if before else {}
    for verdict in verdicts:
        content = {
            "independent_sources": verdict.independent_sources,
            "independent_denials": verdict.independent_denials,
            "kinds": dict(verdict.kinds),
            "reasoning": {
                "proof": [_chain(chain) for chain in verdict.proof],
                "denial_proof": [_chain(chain) for chain in verdict.denial_proof],
                "rests_on": [list(group) for group in verdict.rests_on],
            },
        }
        if content.items() <= last.items():
            continue
        word = status(verdict.independent_sources, verdict.independent_denials)
        last = {
            "published_from": verdict.at,
            **content,
            "status": word,
            "since": last["since"] if last.get("status") == word else verdict.at,
        }
        rows.append(last)
    return rows


def _not_counted_rows(verdicts: Sequence[Verdict], before: Sequence[Row]) -> Sequence[Row]:
    """The rows of `not_counted` after those before: one wherever a reason changes."""
    rows: list[Row] = []
    last: dict[str, str | None] = {row["attestation_id"]: row["reason"] for row in before}
    for verdict in verdicts:
        reasons = dict(verdict.not_counted)
        for attestation in {**last, **reasons}:
            reason = reasons.get(attestation)
            if last.get(attestation) != reason:
                rows.append(
                    {
                        "attestation_id": attestation,
                        "published_from": verdict.at,
                        "reason": reason,
                    }
                )
                last[attestation] = reason
    return rows


_TABLES: Mapping[str, Callable[[Sequence[Verdict], Sequence[Row]], Sequence[Row]]] = {
    "verdicts": _verdict_rows,
    "not_counted": _not_counted_rows,
}


def _chain(chain: Chain) -> Mapping[str, Any]:
    return {
        "attestation_ids": list(chain.attestation_ids),
        "groups": [list(group) for group in chain.groups],
    }


def _recount(conn: queries.Connection, detainees: Sequence[UUID], changes: _Changes) -> None:
    """Adds what changes of how people count, and of the tallies, once these verdicts hold."""
    detained_at: dict[UUID, list[Any]] = {detainee: [] for detainee in detainees}
    for row in queries.rows(conn, "verification/list_detentions", detainee_ids=detainees):
        detained_at[row.detainee_id].append(row)
    steps: dict[UUID, dict[datetime, Step]] = defaultdict(dict)
    events: dict[UUID, dict[UUID, Any]] = {detainee: {} for detainee in detainees}
    for row in queries.rows(conn, "verification/list_release_events", detainee_ids=detainees):
        events[row.detainee_id][row.release_event_id] = row
        if row.published_from is not None:
            steps[row.release_event_id][row.published_from] = _step(row._asdict())
    for closed in changes.close["verdicts"]:
        del steps[closed["release_event_id"]][closed["published_from"]]
    for new in changes.insert["verdicts"]:
        steps[new["release_event_id"]][new["published_from"]] = _step(new)
    stored: dict[UUID, list[Any]] = {detainee: [] for detainee in detainees}
    for row in queries.rows(conn, "verification/list_person_statuses", detainee_ids=detainees):
        stored[row.detainee_id].append(row)

    tallies: dict[Tally, list[Figures]] = {}
    for detainee in detainees:
        own = list(events[detainee].values())
        after = standings(
            [_event(row, detained_at[detainee], steps[row.release_event_id]) for row in own],
            _groups_of_person(own[0]) if own else {},
        )
        before = stored[detainee]
        _compare(
            changes,
            "standings",
            {"detainee_id": detainee},
            [_standing_row(row.published_from, row.status_codes, row.groups) for row in before],
            [_standing_row(at, s.letters, s.groups_as_json()) for at, s in after],
        )
        tallied = [
            (row.published_from, Standing.from_json(row.status_codes, row.groups)) for row in before
        ]
        for tally, figures in tally_changes(tallied, after).items():
            add_figures(tallies, tally, figures)
    changes.insert["tallies"] = [
        {"property": name, "value": value, "grain": grain, "bucket": bucket, "people": figures}
        for (name, value, grain, bucket), figures in tallies.items()
        if any(map(any, figures))
    ]


def _step(row: Row) -> Step:
    return Step(
        row["published_from"],
        row["independent_sources"],
        row["independent_denials"],
        row["kinds"],
    )


def _event(row: Any, detentions: Sequence[Any], steps: Mapping[datetime, Step]) -> Event:
    """An event as it counts; `detentions` are the person's, in order."""
    place = [detention.id for detention in detentions].index(row.detention_id)
    occurred_on = row.occurred_on.isoformat()
    return Event(
        [steps[at] for at in sorted(steps)],
        min((later.began_at for later in detentions[place + 1 :]), default=None),
        {
            "facility_id": _text(detentions[place].facility_id),
            "announcement_id": _text(row.announcement_id),
            "occurred_on": occurred_on,
        },
        (occurred_on, str(row.release_event_id)),
    )


def _groups_of_person(row: Any) -> Mapping[str, str | None]:
    """Of several nationalities, the one that is listed first."""
    return {
        "nationality": row.nationalities[0] if row.nationalities else None,
        "age_group": None if row.age_group == "unknown" else row.age_group,
        "sex": row.sex,
    }


def _text(id: UUID | None) -> str | None:
    return None if id is None else str(id)


def _standing_row(at: datetime, letters: str, groups: Any) -> Row:
    return {"published_from": at, "status_codes": letters, "groups": groups}
