"""Changes: the ledger, to be followed."""

from api import auth, queries
from api.answers import Page
from api.auth import Caller


def list_changes(conn: queries.Connection, caller: Caller | None, after: int, limit: int) -> Page:
    filters = {"sees_hidden": auth.sees_hidden(caller) or None}
    return Page("ledger/list", limit, filters, after=after)
