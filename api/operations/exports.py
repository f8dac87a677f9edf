"""Export: what a caller may see, in the form in which it can be loaded."""

from uuid import UUID

from api.access import Caller
from api.cases import export
from api.database import queries
from api.errors import not_found
from api.rendering.results import Stream


def export_store(conn: queries.Connection, caller: Caller | None) -> Stream:
    return export.stream(caller)


def get_case(conn: queries.Connection, caller: Caller | None, id: UUID) -> Stream:
    if [claim.kind for claim in queries.rows(conn, "claims/list_referenced", ids=[id])] != [
        "announced"
    ]:
        raise not_found("announcement")
    return export.stream(caller, id)
