"""Changes: the ledger, to be followed."""

from api import queries
from api.answers import Page


def list_changes(conn: queries.Connection, after: int, limit: int) -> Page:
    return Page("select_changes", limit, after=after)
