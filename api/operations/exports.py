"""Operations on exports: the store, the data package, and the case of an announcement."""

from uuid import UUID

from api.access import Caller
from api.cases import data_package, export
from api.database import queries
from api.errors import not_found
from api.records import claims
from api.rendering.results import Stream


def export_store(conn: queries.Connection, caller: Caller | None) -> Stream:
    return export.stream(caller)


def export_package(conn: queries.Connection) -> Stream:
    return data_package.stream()


def get_case(conn: queries.Connection, caller: Caller | None, id: UUID) -> Stream:
    if not claims.is_announcement(conn, id):
        raise not_found("announcement")
    return export.stream(caller, id)
