"""The page of differences: the choices of its form, and why each person changed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from api.database import queries
from api.pages import records
from api.rendering.results import Item
from api.reports import counts
from api.reports.counts import Filters, Question
from api.reports.differences import Span
from api.verification.counting import STATUSES
from api.verification.rule import REQUIRED
from api.wording.catalogs import mark
from api.wording.words import Words

_PERIOD_DAYS = 7
_MAX_CHOICES = 100
_MAX_CAUSES = 3
_SOURCE = "%(source)s"
_STATEMENTS: Mapping[tuple[str, str], str] = {
    ("published", "confirms"): mark("%(source)s reported the release."),
    ("published", "denies"): mark("%(source)s denied the release."),
    ("recorded", "confirms"): mark("It was recorded that %(source)s had reported the release."),
    ("recorded", "denies"): mark("It was recorded that %(source)s had denied the release."),
    ("retracted", "confirms"): mark("%(source)s retracted its report."),
    ("retracted", "denies"): mark("%(source)s retracted its denial."),
    ("voided", "confirms"): mark(
        "The report of %(source)s was entered by mistake, and does not count any more."
    ),
    ("voided", "denies"): mark(
        "The denial of %(source)s was entered by mistake, and does not count any more."
    ),
}
"""The words for a statement of a source, by action and stance."""
_RECORDS: Mapping[tuple[str, str], str] = {
    ("affiliation", "affiliated"): mark("It was recorded that %(source)s belongs to a group."),
    ("affiliation", "updated"): mark("An affiliation of %(source)s was corrected."),
    ("affiliation", "voided"): mark("An affiliation of %(source)s was entered by mistake."),
    ("affiliation", "undone"): mark(
        "An affiliation of %(source)s was not entered by mistake after all."
    ),
    ("merge", "merged"): mark("Two records were found to be of one person, or of one source."),
    ("merge", "undone"): mark("Two records are not of one person or source any more."),
    ("split", "split"): mark("A record was found to be of two people."),
    ("split", "undone"): mark("Two records were found to be of one person after all."),
    ("release_event", "voided"): mark("The release was entered by mistake."),
    ("release_event", "undone"): mark("The release was not entered by mistake after all."),
    ("detention", "recorded"): mark("A detention was recorded."),
    ("claim", "recorded"): mark("Another claim was recorded."),
    ("claim", "retracted"): mark("A source retracted its claim."),
    ("claim", "voided"): mark("A claim was entered by mistake."),
    ("claim", "undone"): mark("A claim was not entered by mistake after all."),
}
"""The words for other records, by resource and action."""
_CORRECTION = mark("Something that was recorded of the person or of the release was corrected.")


class Cause(NamedTuple):
    """A sentence, divided where it names a source, and the evidence of that source."""

    before: str
    source: Mapping[str, str] | None
    after: str
    evidence: Item | None


def _cause(cause: Item, attestations: Mapping[str, Item], words: Words) -> Cause:
    """Return a cause of a difference. `attestations` are those of statements, by id."""
    resource, action = cause["resource"], cause["action"]
    attestation = attestations.get(cause["attestation_id"])
    if attestation is None:
        text = _RECORDS.get((resource, action), _CORRECTION)
    else:
        text = _STATEMENTS[action, attestation["stance"]]
    before, named, after = words.text(text).partition(_SOURCE)
    source = cause["source"] if named else None
    if source and attestation:
        name = words.speaker(
            source["name"], is_confidential=attestation["is_confidential"], begins=not before
        )
        source = {**source, "name": name}
    return Cause(before, source, after, attestation)


def explain(
    conn: queries.Connection, differences: Sequence[Item], words: Words
) -> Sequence[Mapping[str, object]]:
    """Return differences with their first causes in words, and the number of further ones."""
    shown = [(item, item["because"][:_MAX_CAUSES]) for item in differences]
    ids = {cause["attestation_id"] for _, causes in shown for cause in causes} - {None}
    attestations = records.by_id(conn, "attestations/list", "Attestation", ids)
    return [
        {
            **item,
            "causes": [_cause(cause, attestations, words) for cause in causes],
            "more": len(item["because"]) - len(causes),
        }
        for item, causes in shown
    ]


def with_first_day(span: Span, today: date) -> Span:
    """Return a span that begins, if nothing else was asked, a week before its end."""
    if span.from_ is not None or span.from_recorded is not None:
        return span
    last = (span.until or today).toordinal()
    return replace(span, from_=date.fromordinal(max(last - _PERIOD_DAYS, 1)))


def choices(
    conn: queries.Connection, filters: Filters, time_zone: str, words: Words
) -> Mapping[str, Sequence[tuple[str, str]]]:
    """Return the facilities and nationalities of most people, the countries of these facilities,
    and what was chosen, by name."""
    facility_ids = _values(conn, "facility_id", filters.facility_id, time_zone)
    facilities = records.by_id(conn, "facilities/list", "Facility", facility_ids)
    nationalities = _values(conn, "nationality", filters.nationality, time_zone)
    countries = {facility["country"] for facility in facilities.values()}
    if filters.country is not None:
        countries.add(filters.country)
    names: Mapping[str, Mapping[str, str]] = {
        "facility_id": {id: facility["name"] for id, facility in facilities.items()},
        "country": {code: words.country(code) for code in countries},
        "nationality": {code: words.country(code) for code in nationalities},
    }
    return {
        name: sorted(values.items(), key=lambda choice: choice[1]) for name, values in names.items()
    }


def _values(conn: queries.Connection, group_by: str, chosen: object, time_zone: str) -> set[str]:
    now = Question(None, None, Filters())
    answer = counts.report(conn, now, REQUIRED, group_by, time_zone, sees_hidden=False)
    known = [group for group in answer["groups"] if group["value"] is not None]
    known.sort(key=lambda group: sum(group[status] for status in STATUSES), reverse=True)
    values = {group["value"] for group in known[:_MAX_CHOICES]}
    return values if chosen is None else values | {str(chosen)}
