"""Recompute and store verdicts and person statuses. Nothing else writes them.

A write that can change a verdict (an attestation, its retraction or voiding, an affiliation), or
how people count, locks the person of each release event and calls `recompute`. The ledger is
written after the rule has decided, since its head stays locked until the commit.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from api.access import Caller
from api.database import ledger, queries
from api.verification import person_statuses
from api.verification.revision import Revision, Row
from api.verification.rule import Affiliation, Attestation, Verdict, history, status


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
    """Append changes to the ledger, with the verdicts and person statuses that follow from them.

    `release_events` are verified again. `since` is the first publication time at which a verdict
    can have changed, None for all times. `people` are those whose statuses or groups may have
    changed. The caller has locked all of them. Without release events, or with `recount`, people
    are counted again even if no verdict changes.
    """
    revision = Revision()
    for event in release_events:
        _verify(conn, event, since, revision)
    disclosed = _disclose_groups(conn, changes)
    # An attestation that changes no verdict changes no person status.
    if recount or disclosed is not None or not release_events or revision.changes("verdicts"):
        counted = list({*people, *(disclosed or ())})
        if counted:
            person_statuses.recompute(conn, counted, revision, lock=disclosed is None)
    # A detention that moves is the latest one, and the custody, of another person.
    affects_responses = (
        disclosed is not None
        or any(revision.changes(table) for table in ("verdicts", "parts", "person_statuses"))
        or any(change.resource == "detention" and change.action == "moved" for change in changes)
    )
    recorded_at = _append(conn, caller, changes, disclosed, affects_responses=affects_responses)
    revision.apply(conn, recorded_at)


def append(
    conn: queries.Connection, caller: Caller | None, changes: Sequence[ledger.Change]
) -> Sequence[UUID]:
    """Append changes to the ledger; return the people of groups that they disclose.

    The caller counts these again in the same transaction, with all others: the statuses of a person
    cannot change twice at one moment.
    """
    disclosed = _disclose_groups(conn, changes)
    _append(conn, caller, changes, disclosed, affects_responses=disclosed is not None)
    return disclosed or ()


def _append(
    conn: queries.Connection,
    caller: Caller | None,
    changes: Sequence[ledger.Change],
    disclosed: Sequence[UUID] | None,
    *,
    affects_responses: bool,
) -> datetime:
    recorded_at = ledger.append(conn, caller, *changes, affects_responses=affects_responses)
    if disclosed is not None:
        queries.run(conn, "verification/update_disclosed_groups", recorded_at=recorded_at)
    return recorded_at


def _disclose_groups(
    conn: queries.Connection, changes: Sequence[ledger.Change]
) -> Sequence[UUID] | None:
    """Disclose the groups that a fifth person has joined; return their hidden people.

    The public may know more of these people from now on. So this locks the head of the ledger: no
    other transaction records anything until the commit. It does so before it counts the people of
    a group, so that of two who join at one time the second is counted with the first. Returns None
    if no group is disclosed.
    """
    ids: dict[str, list[UUID]] = {"detainee": [], "detention": []}
    for change in changes:
        if change.resource in ids:
            ids[change.resource].append(change.resource_id)
    if not any(ids.values()):
        return None
    written = {"detainee_ids": ids["detainee"], "detention_ids": ids["detention"]}
    if not queries.row(conn, "verification/exist_accepted_hidden_people", **written).exist:
        return None
    queries.run(conn, "ledger/lock")
    people = queries.rows(conn, "verification/insert_disclosed_groups", **written)
    return [row.id for row in people] or None


class Audit(NamedTuple):
    """Subjects whose stored rows differ from the computed ones: the store was tampered with."""

    release_events: set[UUID]
    people: set[UUID]


def audit(conn: queries.Connection, people: Sequence[UUID]) -> Audit:
    """Compute the verdicts and statuses of people again and compare. Reads only."""
    revision = Revision()
    rows = queries.rows(conn, "verification/list_release_events", detainee_ids=people)
    for row in rows:
        _verify(conn, row.id, None, revision)
    person_statuses.recompute(conn, people, revision, lock=False)
    return Audit(
        revision.subjects("verdicts", "release_event_id")
        | revision.subjects("parts", "release_event_id"),
        revision.subjects("person_statuses", "detainee_id"),
    )


def lock_affected(
    conn: queries.Connection, affiliation: Row, before: Row | None = None
) -> dict[UUID, set[UUID]]:
    """Lock the people whose release events an affiliation affects; return the events of each.

    `affiliation` is as it is now, `before` as it was before an update.
    """
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
    conn: queries.Connection, event: UUID | None, attestation: Attestation, now: datetime
) -> tuple[str, str]:
    """Return the status of a release event now, and with one more attestation.

    `event` is None for an event that is not recorded yet.
    """
    if event is None:
        rule_input = _RuleInput([], [], {})
    else:
        source_ids = [attestation.source, *attestation.relayed_sources]
        rule_input = _rule_input(_read(conn, event, now, source_ids))
    more = rule_input._replace(attestations=[*rule_input.attestations, attestation])
    return _status_at(_history(rule_input), now), _status_at(_history(more), now)


def _status_at(verdicts: Sequence[Verdict], moment: datetime) -> str:
    held = [verdict for verdict in verdicts if verdict.at <= moment]
    if not held:
        return status(0, 0)
    return status(held[-1].independent_sources, held[-1].independent_denials)


class _RuleInput(NamedTuple):
    """The input of the rule for one release event."""

    attestations: Sequence[Attestation]
    affiliations: Sequence[Affiliation]
    vouched_by: Mapping[str, str]


def _read(
    conn: queries.Connection,
    event: UUID,
    since: datetime | None,
    source_ids: Sequence[str] = (),
) -> Any:
    return queries.row(
        conn,
        "verification/get_rule_input",
        release_event_id=event,
        source_ids=list(source_ids),
        since=since,
    )


def _rule_input(row: Any) -> _RuleInput:
    attestations = (_parse(a, "published_at", "retracted_at") for a in row.attestations)
    affiliations = (_parse(a, "valid_from", "valid_until") for a in row.affiliations)
    return _RuleInput(
        [Attestation(**attestation) for attestation in attestations],
        [Affiliation(**affiliation) for affiliation in affiliations],
        row.vouched_by,
    )


def _parse(row: Row, *names: str) -> dict[str, Any]:
    """Return a row read as JSON, with these columns as moments."""
    moments = {name: row[name] and datetime.fromisoformat(row[name]) for name in names}
    return {**row, **moments}


def _history(rule_input: _RuleInput, since: datetime | None = None) -> list[Verdict]:
    attestations, affiliations, vouched_by = rule_input
    return history(attestations, affiliations, since, vouched_by)


def _verify(
    conn: queries.Connection, event: UUID, since: datetime | None, revision: Revision
) -> None:
    """Add to a revision the changes of a release event's verdicts and of their parts."""
    row = _read(conn, event, since)
    decided = _history(_rule_input(row), since)
    subject = {"release_event_id": event}
    stored = [_parse(verdict, "published_from", "since") for verdict in row.verdicts]
    before = [verdict for verdict in stored if since and verdict["published_from"] < since]
    last = before[-1] if before else None
    rows = _verdict_rows(decided, last or {})
    revision.replace(
        "verdicts", subject, stored[len(before) :], rows, ends_confirmed=_ends_confirmed, last=last
    )
    stored = [_parse(part, "published_from") for part in row.parts]
    revision.replace("parts", subject, stored, _part_rows(decided))


def _verdict_rows(verdicts: Sequence[Verdict], last: Row) -> Sequence[Row]:
    """Return the rows of `verdicts` after the last one: one where any figure or group changes."""
    rows: list[Row] = []
    for verdict in verdicts:
        content = {
            "independent_sources": verdict.independent_sources,
            "independent_denials": verdict.independent_denials,
            "kinds": dict(verdict.kinds),
            "rests_on": [list(group) for group in verdict.rests_on],
        }
        if content.items() <= last.items():
            continue
        new_status = status(verdict.independent_sources, verdict.independent_denials)
        last = {
            "published_from": verdict.at,
            **content,
            "status": new_status,
            "since": last["since"] if last.get("status") == new_status else verdict.at,
        }
        rows.append(last)
    return rows


def _ends_confirmed(former: Row, verdict: Row) -> bool:
    margins: list[int] = [
        row["independent_sources"] - row["independent_denials"] for row in (former, verdict)
    ]
    return margins[0] > max(margins[1], 0)


def _part_rows(verdicts: Sequence[Verdict]) -> Sequence[Row]:
    """Return the rows of `verdict_parts`: one where the part of an attestation changes."""
    return [
        {
            "attestation_id": attestation,
            "published_from": verdict.at,
            "reason": part if isinstance(part, str) else None,
            "chain": None if isinstance(part, str) else [list(group) for group in part],
        }
        for verdict in verdicts
        for attestation, part in verdict.parts.items()
    ]
