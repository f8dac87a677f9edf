"""The clock: time comes from the database, never from the host."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, cast
from weakref import WeakKeyDictionary

from psycopg.pq import TransactionStatus

from api.database import queries
from api.errors import future_moment, invalid

TOLERANCE = timedelta(minutes=5)
"""How far ahead of the database's clock a caller's clock may be."""

# The last reading of the clock on each connection. What was past or final then remains so.
_readings: WeakKeyDictionary[queries.Connection, Any] = WeakKeyDictionary()


def now(conn: queries.Connection) -> datetime:
    """Return the database's time; never earlier than the last entry of the ledger."""
    return cast(datetime, queries.row(conn, "ledger/get_clock").now)


def present(conn: queries.Connection) -> datetime:
    """Return the moment of an answer as of now: all answers of a transaction have the same."""
    return cast(datetime, queries.row(conn, "ledger/get_clock").present)


def rfc3339(moment: datetime) -> str:
    """Format a moment as the SQL function rfc3339 does: UTC, no trailing zeros in the fraction."""
    text = (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).isoformat()[:-6]
    return f"{text.rstrip('0') if '.' in text else text}Z"


def is_day_ahead(day: date, moment: datetime) -> bool:
    """Return whether a day has begun nowhere at a moment. A day begins first in UTC+14."""
    # The first comparison also spares the last moment of the calendar, which has no later one.
    return day > moment.date() and day > (moment + timedelta(hours=14)).date()


def make_final(
    conn: queries.Connection, as_of: datetime | None, recorded_as_of: datetime | None
) -> None:
    """Make the response for a pair of moments final.

    Afterwards nothing can be recorded at or before `recorded_as_of`. Without it a response is for
    the moment of the last entry of the ledger, which is final already. Raises `validation-error`
    for future moments.
    """
    if as_of is None and recorded_as_of is None:
        return
    # To read the clock again would add 80 µs to a count at a moment.
    if (reading := _readings.get(conn)) and (
        (as_of is None or as_of <= reading.now)
        and (recorded_as_of is None or recorded_as_of <= reading.recorded_at)
    ):
        return
    clock = queries.row(conn, "ledger/get_clock")
    if conn.info.transaction_status == TransactionStatus.IDLE:  # no entry will be rolled back
        _readings[conn] = clock
    errors = []
    if as_of is not None and as_of > clock.now + TOLERANCE:
        errors.append(future_moment("/as_of"))
    if recorded_as_of is not None and recorded_as_of > clock.now:
        errors.append(future_moment("/recorded_as_of"))
    if errors:
        raise invalid(*errors)
    # A moment before the last entry is final, and a snapshot is read only.
    if recorded_as_of is not None and recorded_as_of > clock.recorded_at:
        queries.run(conn, "ledger/advance", recorded_as_of=recorded_as_of)
