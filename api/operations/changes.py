"""Changes: the ledger, to be followed."""

from api import access
from api.access import Caller
from api.database import queries
from api.rendering.results import Page


def list_changes(conn: queries.Connection, caller: Caller | None, after: int, limit: int) -> Page:
    filters = {"sees_hidden": access.sees_hidden(caller) or None}
    return Page("ledger/list", limit, filters, after=after)
