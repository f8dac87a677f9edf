"""A revision of stored results: bitemporal rows to supersede, and their replacements."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from psycopg.types.json import Jsonb

from api.database import queries

Row = Mapping[str, Any]
Table = Literal["verdicts", "parts", "person_statuses"]


@dataclass(slots=True)
class Revision:
    """Rows to supersede and to insert, by table, and figures to add to the rollups."""

    superseded: dict[Table, list[Row]] = field(default_factory=lambda: defaultdict(list))
    inserted: dict[Table, list[Row]] = field(default_factory=lambda: defaultdict(list))
    rollups: list[Row] = field(default_factory=list)

    def replace(
        self,
        table: Table,
        subject: Row,
        stored: Sequence[Row],
        decided: Sequence[Row],
        ends_confirmed: Callable[[Row, Row], bool] | None = None,
        last: Row | None = None,
    ) -> None:
        """Supersede the stored rows of a subject that no longer hold; insert the new ones.

        `ends_confirmed` says of the row that held before the revision and of the new one whether a
        confirmed status ends. `last` is the row before the first one stored.
        """
        before = {_key(row): row for row in stored}
        after = {_key(row): row for row in decided}
        self.superseded[table] += [
            {**subject, **row} for key, row in before.items() if after.get(key) != row
        ]
        for row in decided:
            if before.get(_key(row)) != row:
                at = bisect_right(stored, row["published_from"], key=_published_from)
                former = stored[at - 1] if at else last
                ends = bool(ends_confirmed and former and ends_confirmed(former, row))
                self.inserted[table].append({**subject, **row, "ends_confirmed": ends})

    def changes(self, table: Table) -> bool:
        """Return whether any row of a table changes."""
        return bool(self.superseded[table] or self.inserted[table])

    def subjects(self, table: Table, name: str) -> set[UUID]:
        """Return the ids, in the column `name`, of the subjects whose rows change."""
        return {row[name] for row in (*self.superseded[table], *self.inserted[table])}

    def apply(self, conn: queries.Connection, recorded_at: datetime) -> None:
        """Write all rows in one statement, at the moment of the ledger's entry."""
        if not (any(self.superseded.values()) or any(self.inserted.values()) or self.rollups):
            return
        queries.run(
            conn,
            "verification/apply",
            recorded_at=recorded_at,
            superseded_verdicts=Jsonb(self.superseded["verdicts"]),
            verdicts=Jsonb(self.inserted["verdicts"]),
            superseded_parts=Jsonb(self.superseded["parts"]),
            parts=Jsonb(self.inserted["parts"]),
            superseded_statuses=Jsonb(self.superseded["person_statuses"]),
            statuses=Jsonb(self.inserted["person_statuses"]),
            rollups=Jsonb(self.rollups),
        )


def _published_from(row: Row) -> datetime:
    moment: datetime = row["published_from"]
    return moment


def _key(row: Row) -> tuple[Any, ...]:
    """Return what identifies a row among those of its subject."""
    return row["published_from"], row.get("attestation_id")
