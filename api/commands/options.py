"""Options and parameter types that several commands share."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import click
from marshmallow import ValidationError

from api import config
from api.contract import document, fields, schemas
from api.errors import future_day
from api.verification.counting import MIN_SOURCES
from api.verification.rule import REQUIRED

CASE_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class Moment(click.ParamType[datetime]):
    """A moment with a time zone, as the API takes it, or a day, which is its end.

    A day is one of the setting CONSTANCIA_TIME_ZONE. If `is_past`, today is now, and a later day is
    an error.
    """

    name = "moment"

    def __init__(self, *, is_past: bool = False) -> None:
        self._is_past = is_past

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        try:
            if len(value) != len("2026-01-09"):
                return fields.moment(value)
            day, zone = fields.day(value), ZoneInfo(config.read().time_zone)
            now = datetime.now(UTC)
            if self._is_past and day > now.astimezone(zone).date():
                self.fail(future_day("", day).detail, param, ctx)
            end = datetime.combine(day, time.max, zone).astimezone(UTC)
        except ValidationError as error:
            self.fail(str(error.messages[0]), param, ctx)
        except OverflowError:
            detail = f"{value} ends after the last moment of the calendar: send an earlier day."
            self.fail(detail, param, ctx)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return min(end, now) if self._is_past else end


class DayOrMoment(click.ParamType[date | datetime]):
    """A day, or a moment with a time zone, as the API takes them."""

    name = "moment"

    def convert(self, value: Any, param: Any, ctx: Any) -> date | datetime:
        try:
            return fields.day_or_moment(value)
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


def facility_option(choice: str) -> Mapping[str, Any]:
    """Return the decision of --facility."""
    name, _, text = choice.rpartition("=")
    try:
        return facility_decision(name, text)
    except click.UsageError as error:
        raise click.UsageError(
            f"--facility {choice!r}: {error.message} Write NAME=ID with the id of a facility, "
            "NAME=new:VE with its country, or NAME=skip."
        ) from None


def facility_decision(name: str, text: str) -> Mapping[str, Any]:
    """Return a decision on a name, as the contract describes it. Raise UsageError if it is none."""
    kind, _, area = text.partition(":")
    country, _, region = area.partition(":")
    decision = {"name": name, "decision": kind}
    if kind == "new":
        decision |= {"country": country, "region": region} if region else {"country": country}
    elif text != "skip":
        decision |= {"decision": "same", "facility_id": text}
    schema = schemas.body_schema(document.load().schema("FacilityDecision"))
    try:
        return cast(Mapping[str, Any], schema.load(decision))
    except ValidationError as error:
        field = schemas.field_errors(error)[0]
        name = field.pointer.strip("/").replace("facility_id", "id")
        raise click.UsageError(f"The {name} is wrong: {field.detail}") from None


def data_dir(command: Callable[..., None]) -> Callable[..., None]:
    """Add --data-dir."""
    return click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        help="Directory of the embedded PostgreSQL [CONSTANCIA_DATA_DIR, or .constancia]. "
        "Ignored if DATABASE_URL is set.",
    )(command)


def as_of(command: Callable[..., None]) -> Callable[..., None]:
    """Add --as-of."""
    return click.option(
        "--as-of",
        type=Moment(is_past=True),
        help="Publication time, such as 2026-01-09T12:30:00Z, or 2026-01-09 for the end of that "
        "day in CONSTANCIA_TIME_ZONE [now].",
    )(command)


def recorded_as_of(command: Callable[..., None]) -> Callable[..., None]:
    """Add --recorded-as-of."""
    return click.option(
        "--recorded-as-of",
        type=Moment(is_past=True),
        help="Use the record as it was at this moment, or at the end of this day [now].",
    )(command)


def min_sources(command: Callable[..., None]) -> Callable[..., None]:
    """Add --min-sources."""
    return click.option(
        "--min-sources",
        type=click.IntRange(MIN_SOURCES[0], MIN_SOURCES[-1]),
        default=REQUIRED,
        show_default=True,
        help="Independent sources required to confirm a release.",
    )(command)


def as_json(command: Callable[..., None]) -> Callable[..., None]:
    """Add --json."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print the JSON response of the API."
    )(command)
