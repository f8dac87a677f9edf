"""Operations on imports: preview a list or a case, and apply it."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from api import access
from api.access import Caller
from api.contract.binding import UploadedFile
from api.database import queries
from api.errors import FieldError, invalid
from api.identity import canonical_ids
from api.imports import case_import, import_store, list_apply, list_preview, row_plan
from api.lists import columns
from api.lists.columns import Conventions
from api.rendering import media_types, streaming
from api.rendering.results import Stream


def create_import(
    conn: queries.Connection,
    caller: Caller,
    body: UploadedFile,
    mapping: str | None,
    date_order: str | None,
    sex_letters: str | None,
    source_id: UUID | None,
    published_at: datetime | None,
    basis: str | None,
    relayed_source_id: UUID | None,
    evidence: str | None,
    release_kind: str | None,
    sheet: str | None,
) -> Stream:
    attestation = {
        "published_at": published_at,
        "basis": basis,
        "relayed_source_id": relayed_source_id,
        "evidence": evidence,
        "release_kind": release_kind,
    }
    if body.media_type == media_types.CASE:
        access.authorize(caller, "edit")
        parameters = {"mapping": mapping, "date_order": date_order, "sex_letters": sex_letters}
        _check_absent({**parameters, "sheet": sheet, "source_id": source_id, **attestation})
        id = case_import.preview(conn, caller, body.file)
    else:
        id = list_preview.preview(
            conn,
            caller,
            body.file,
            body.media_type,
            mapping=columns.read_mapping(mapping),
            conventions=Conventions(date_order, sex_letters),
            attestation=row_plan.shared_attestation(
                source_id and canonical_ids.resolve(conn, "source", source_id), **attestation
            ),
            charset=body.charset,
            sheet=sheet,
        )
    return get_import(conn, caller, id)


def _check_absent(parameters: Mapping[str, Any]) -> None:
    if errors := [
        FieldError(f"/{name}", "Is for lists only: leave it out for a case.")
        for name, value in parameters.items()
        if value is not None
    ]:
        raise invalid(*errors)


def apply_import(
    conn: queries.Connection, caller: Caller, id: UUID, body: Mapping[str, Any]
) -> Stream:
    list_apply.apply(conn, caller, id, body["decisions"], body["facility_decisions"])
    return get_import(conn, caller, id)


def get_import(conn: queries.Connection, caller: Caller | None, id: UUID) -> Stream:
    properties = import_store.read(conn, id, import_store.reader_of(caller))
    lists = {
        "rows": partial(import_store.rows, id=id, caller=caller),
        "flips": partial(import_store.flips, id=id),
    }
    return streaming.of_object("Import", str(id), properties, lists)
