"""Distinctions: judgements that two records are of two people."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from api.access import Caller
from api.database import queries
from api.database.ledger import Change
from api.errors import FieldError, RequestError, invalid, not_found
from api.records import entries, merges
from api.rendering.results import Record
from api.verification import verdicts


def distinguish_detainee(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> Record:
    other = body["detainee_id"]
    if id == other:
        raise invalid(FieldError("/detainee_id", "A person is not two."))
    merges.lock_people(conn, id, other, "/detainee_id")
    for known in queries.rows(conn, "merges/list_distinctions_between", ids=[id, other]):
        raise RequestError(
            "conflict",
            f"By /v1/distinctions/{known.distinction_id} they were judged to be two before.",
        )
    judged = entries.inserted(
        conn, "merges/insert_distinction", detainee_id=id, distinct_from_id=other
    )
    verdicts.record(conn, caller, [Change("distinction", judged, "created")])
    return get_distinction(conn, judged)


def get_distinction(conn: queries.Connection, id: UUID) -> Record:
    return Record("distinction", "merges/list_distinctions", {"id": id})


def withdraw_distinction(conn: queries.Connection, caller: Caller, id: UUID) -> Record:
    distinction = queries.row(conn, "merges/lock_distinction", id=id)
    if distinction is None:
        raise not_found("distinction")
    if distinction.withdrawn_at is not None:
        raise RequestError("conflict", "This judgement was withdrawn before.")
    queries.run(conn, "merges/withdraw_distinction", id=id)
    verdicts.record(conn, caller, [Change("distinction", id, "withdrawn")])
    return get_distinction(conn, id)
