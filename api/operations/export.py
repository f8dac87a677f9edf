"""Export: what a caller may see, in the form in which it can be loaded."""

from uuid import UUID

from api import queries
from api.answers import Export
from api.auth import Caller
from api.errors import not_found


def export_store(conn: queries.Connection, caller: Caller | None) -> Export:
    return Export(caller)


def get_case(conn: queries.Connection, caller: Caller | None, id: UUID) -> Export:
    if [claim.kind for claim in queries.rows(conn, "claims/list_referenced", ids=[id])] != [
        "announced"
    ]:
        raise not_found("announcement")
    return Export(caller, id)
