"""Options and parameter types that several commands share."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import click
from marshmallow import ValidationError

from api.contract import document, fields, schemas

CASE_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class Moment(click.ParamType[datetime]):
    """A moment with a time zone, as the API takes it."""

    name = "moment"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        try:
            return fields.moment(value)
        except ValidationError as error:
            self.fail(str(error.messages[0]), param, ctx)


class Name(click.ParamType[str]):
    """A name, valid by the contract's schema `Name`."""

    name = "name"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        schema = schemas.parameters_schema({"name": (True, document.load().schema("Name"))})
        try:
            return cast(str, schema.load({"name": value})["name"])
        except ValidationError as error:
            self.fail(schemas.field_errors(error)[0].detail, param, ctx)


def data_dir(command: Callable[..., None]) -> Callable[..., None]:
    """Add --data-dir."""
    return click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        help="Directory of the embedded PostgreSQL [CONSTANCIA_DATA_DIR, or .constancia]. "
        "Ignored if DATABASE_URL is set.",
    )(command)


def recorded_as_of(command: Callable[..., None]) -> Callable[..., None]:
    """Add --recorded-as-of."""
    return click.option(
        "--recorded-as-of", type=Moment(), help="Use the record as it was at this moment [now]."
    )(command)


def as_json(command: Callable[..., None]) -> Callable[..., None]:
    """Add --json."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print the JSON response of the API."
    )(command)
