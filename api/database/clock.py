"""Time, which is the database's and never the host's."""

from datetime import UTC, date, datetime, timedelta
from typing import cast

from api.database import queries
from api.errors import FieldError, invalid

TOLERANCE = timedelta(minutes=5)
"""How far ahead of the database a caller's clock may be."""


def now(conn: queries.Connection) -> datetime:
    return cast(datetime, queries.row(conn, "ledger/get_clock").now)


def rfc3339(moment: datetime) -> str:
    """As PostgreSQL writes it here: in UTC, with no more digits of fraction than there are."""
    text = (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).isoformat()[:-6]
    return f"{text.rstrip('0') if '.' in text else text}Z"


def is_day_ahead(day: date, now: datetime) -> bool:
    """Whether a day lies in the future everywhere on earth (UTC+14 is the first to see it)."""
    return day > (now + timedelta(hours=14)).date()


def settle(
    conn: queries.Connection, as_of: datetime | None, recorded_as_of: datetime | None
) -> None:
    """Makes the answer for a pair of moments final, and refuses moments that have not come.

    Nothing will be recorded at or before `recorded_as_of` any more. Without it an answer is for
    the moment of the last entry of the ledger, which is final already.
    """
    if as_of is None and recorded_as_of is None:
        return
    present = now(conn)
    faults = []
    if as_of is not None and as_of > present + TOLERANCE:
        faults.append(FieldError("/as_of", "Is in the future."))
    if recorded_as_of is not None and recorded_as_of > present:
        faults.append(FieldError("/recorded_as_of", "Is in the future."))
    if faults:
        raise invalid(*faults)
    if recorded_as_of is not None:
        queries.run(conn, "ledger/settle", recorded_as_of=recorded_as_of)
