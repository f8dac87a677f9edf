"""Figures: how many people are of each status, at a pair of moments or all along a timeline.

Of three ways the one that costs least: tallies for the record as it stands, the stored standings
for an earlier one, and the events themselves where a filter picks some of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.database import clock, queries
from api.verification.counting import FIGURES, Figures

Filters = Mapping[str, Any]
"""What the people and events that count must meet, by the names of the contract."""

# The properties of which each person has one value for all their events: to count those of one
# value is to read one group.
_OF_ONE_VALUE = {"age_group", "sex"}
# Which rows a filter or a group looks at.
_LOOKS_AT = {
    "facility_id": ("detention", "person"),
    "nationality": ("person",),
    "age_group": ("person",),
    "sex": ("person",),
    "announcement_id": ("event",),
}


@dataclass(frozen=True, slots=True)
class Moments:
    """The two moments of an answer, and the ledger's last entry by then."""

    as_of: str
    recorded_as_of: str
    ledger_seq: int


@dataclass(frozen=True, slots=True)
class Counted:
    """People by value of what they are grouped by, None where it is unknown; `total` of all."""

    moments: Moments
    groups: Sequence[tuple[str | None, Figures]]

    @property
    def total(self) -> Mapping[str, int]:
        sums = map(sum, zip([0] * len(FIGURES), *(row for _, row in self.groups), strict=True))
        return dict(zip(FIGURES, sums, strict=True))


def count(
    conn: queries.Connection,
    as_of: datetime | None,
    recorded_as_of: datetime | None,
    min_sources: int,
    filters: Filters,
    group_by: str | None = None,
) -> Counted:
    """Counts people once each, by the strongest status among their events that match."""
    parameters = queries.drop_none(as_of=as_of, recorded_as_of=recorded_as_of)
    if narrowed := _narrowed(filters, group_by):
        parameters |= narrowed
        query = "counts/count" if recorded_as_of is None else "counts/count_recorded"
    else:
        parameters |= {**filters, **_looked_at(filters, group_by)}
        query = "counts/count_filtered"
    rows = queries.rows(conn, query, min_sources=min_sources, **parameters)
    moments = Moments(rows[0].as_of, rows[0].recorded_as_of, rows[0].ledger_seq)
    counted = [(row.value, [int(n) for n in row[4:]]) for row in rows if row.confirmed is not None]
    return Counted(moments, [(value, figures) for value, figures in counted if any(figures)])


def timeline(
    conn: queries.Connection,
    ends: Sequence[datetime],
    recorded_as_of: datetime | None,
    min_sources: int,
    filters: Filters,
) -> tuple[Sequence[str], Moments, Sequence[Sequence[int]]]:
    """These moments, which are in order, as text, and what is counted at each."""
    texts = [clock.rfc3339(end) for end in ends]
    parameters = queries.drop_none(recorded_as_of=recorded_as_of)
    if narrowed := _narrowed(filters, None):
        parameters |= {"value": "", **narrowed}
        query = (
            "counts/list_timeline" if recorded_as_of is None else "counts/list_timeline_recorded"
        )
    else:
        parameters |= {**filters, **_looked_at(filters, None)}
        query = "counts/list_timeline_filtered"
    row = queries.row(
        conn,
        query,
        # As text: a list of moments takes the driver as long as all the rest.
        ends=f"{{{','.join(texts)}}}",
        min_sources=min_sources,
        **parameters,
    )
    moments = Moments(texts[-1], row.recorded_as_of, row.ledger_seq)
    return texts, moments, list(zip(*row[: len(FIGURES)], strict=True))


def _narrowed(filters: Filters, group_by: str | None) -> Mapping[str, str] | None:
    """The property, and perhaps its one value, by which stored rollups answer; None if none do."""
    if not filters:
        return {"property": group_by or ""}
    ((name, value), *others) = filters.items()
    if others or name not in _OF_ONE_VALUE or group_by not in (None, name):
        return None
    return {"property": name, "value": "" if value == "unknown" else value}


def _looked_at(filters: Filters, group_by: str | None) -> Mapping[str, bool]:
    names = [*filters] if group_by is None else [*filters, group_by]
    looked_at = {row: True for name in names for row in _LOOKS_AT.get(name, ())}
    if group_by is None:
        return looked_at
    return {**looked_at, "grouped": True, f"by_{group_by}": True}
