"""Imports: lists of people and whole cases, previewed and applied."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from marshmallow import Schema

from api import access
from api.access import Caller
from api.contract import document, schemas, strict_json
from api.database import queries
from api.errors import FieldError, RequestError, invalid
from api.imports import case_import, list_apply, list_preview, row_reader
from api.rendering import media_types, streaming
from api.rendering.results import Stream


def create_import(
    conn: queries.Connection,
    caller: Caller,
    body: strict_json.Upload,
    mode: str,
    mapping: str | None,
    date_order: str | None,
    source_id: UUID | None,
    published_at: datetime | None,
    basis: str | None,
    relayed_source_id: UUID | None,
    evidence: str | None,
    release_kind: str | None,
) -> Stream:
    of_source = {
        "published_at": published_at,
        "basis": basis,
        "relayed_source_id": relayed_source_id,
        "evidence": evidence,
        "release_kind": release_kind,
    }
    of_list = {"mapping": mapping, "date_order": date_order, "source_id": source_id, **of_source}
    if mode == "apply":
        _refuse(of_list, "Goes with the preview.")
        if body.media_type != media_types.JSON:
            raise RequestError("unsupported-media-type", "Send decisions as application/json.")
        asked = schemas.load(_application(), strict_json.read(body.file.read()))
        list_apply.apply(conn, caller, asked["import_id"], asked["decisions"])
        return get_import(conn, caller, asked["import_id"])
    if body.media_type == media_types.CASE:
        access.authorize(caller, "edit")
        _refuse(of_list, "Goes with a list.")
        id = case_import.preview(conn, caller, body.file)
        return get_import(conn, caller, id)
    if body.media_type not in media_types.TABULAR:
        raise RequestError(
            "unsupported-media-type",
            f"Send a list as text/csv or application/x-ndjson, or a case as {media_types.CASE}.",
        )
    id = list_preview.preview(
        conn,
        caller,
        body.file,
        body.media_type,
        mapping=row_reader.read_mapping(mapping),
        date_order=date_order,
        word=list_preview.word(source_id, **of_source),
    )
    return get_import(conn, caller, id)


def _refuse(given: Mapping[str, Any], why: str) -> None:
    if faults := [FieldError(f"/{name}", why) for name, value in given.items() if value]:
        raise invalid(*faults)


def get_import(conn: queries.Connection, caller: Caller | None, id: UUID) -> Stream:
    def rows(conn: queries.Connection, after: int) -> Any:
        return list_apply.rows(conn, caller, id, after)

    def flips(conn: queries.Connection, after: int) -> Any:
        return list_apply.flips(conn, id, after)

    told = list_apply.read(conn, caller, id)
    return streaming.of_object("Import", str(id), told, {"rows": rows, "flips": flips})


@cache
def _application() -> Schema:
    """Of a body in JSON what goes with the mode `apply`."""
    schema = document.load().schema("ImportCreate")
    names = ("import_id", "decisions")
    properties: Mapping[str, Any] = {name: schema["properties"][name] for name in names}
    return schemas.body_schema({**schema, "properties": properties, "required": ["import_id"]})
