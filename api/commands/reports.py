"""Commands that print answers of the API: counts, compare, differences, explain, find."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import orjson

from api.commands import options, store, terminal
from api.config import Config
from api.contract import binding, document
from api.database import queries
from api.operations import claims, detainees, release_events
from api.operations import counts as counts_operations
from api.pages import records
from api.rendering import bodies, media_types
from api.reports import citations
from api.verification.counting import PROPERTIES
from api.wording import words

_ALL = 2**31
"""The limit of a list that is printed whole. Each page would compute the figures again."""


@click.command("counts")
@options.as_of
@options.recorded_as_of
@options.min_sources
@click.option(
    "--group-by", type=click.Choice(PROPERTIES), help="Count by the values of this property."
)
@options.as_json
@options.data_dir
def counts(data_dir: Path | None, as_json: bool, **arguments: Any) -> None:
    """Print how many people are out."""
    with store.migrated(data_dir) as (settings, _, conn):
        response = _response(
            conn, settings, "getCounts", counts_operations.get_counts, caller=None, **arguments
        )
        labels = _labels(conn, settings, response, arguments["group_by"])
    _print(response, partial(terminal.counts, settings, labels=labels), as_json=as_json)


@click.command("compare")
@options.recorded_as_of
@options.as_json
@options.data_dir
def compare(data_dir: Path | None, as_json: bool, **arguments: Any) -> None:
    """Print the claims of sources, and the confirmed counts at the moment of each claim."""
    items: list[Any] = []
    names: dict[str, str] = {}
    cursor = None
    with store.migrated(data_dir) as (settings, _, conn):
        while True:
            page = _response(
                conn,
                settings,
                "listComparisons",
                claims.list_comparisons,
                cursor=cursor,
                **arguments,
            )
            items += page["items"]
            names |= _names(conn, settings, page["items"])
            if (cursor := page["next"]) is None:
                break
    response = {"items": items, "next": None}
    _print(response, partial(terminal.comparisons, settings, names=names), as_json=as_json)


@click.command("differences")
@click.option(
    "--from",
    "from_",
    type=options.DayOrMoment(),
    help="Publication time, such as 2026-01-09T12:30:00Z, or 2026-01-09 for the beginning of that "
    "day in CONSTANCIA_TIME_ZONE [--until].",
)
@click.option(
    "--until",
    type=options.DayOrMoment(),
    help="Publication time. A day is its end [now].",
)
@click.option(
    "--from-recorded",
    type=options.Moment(is_past=True),
    help="Record time, or the end of this day [--until-recorded].",
)
@click.option(
    "--until-recorded",
    type=options.Moment(is_past=True),
    help="Record time, or the end of this day [now].",
)
@options.min_sources
@options.as_json
@options.data_dir
def differences(data_dir: Path | None, as_json: bool, **arguments: Any) -> None:
    """Print the people who changed since --from or --from-recorded, and why."""
    with store.migrated(data_dir) as (settings, _, conn):
        response = _response(
            conn,
            settings,
            "listDifferences",
            counts_operations.list_differences,
            caller=None,
            limit=_ALL,
            **arguments,
        )
        causes = (cause for item in response["items"] for cause in item["because"])
        ids = {cause["attestation_id"] for cause in causes} - {None}
        statements = records.by_id(conn, "attestations/list", "Attestation", ids)
    confidential = {id for id, statement in statements.items() if statement["is_confidential"]}
    as_text = partial(terminal.differences, settings, confidential=confidential)
    _print(response, as_text, as_json=as_json)


@click.command("explain")
@click.argument("release_event_id", type=click.UUID)
@options.data_dir
def explain(release_event_id: UUID, data_dir: Path | None) -> None:
    """Print the verification of a release event, with its proof and its history."""
    with store.migrated(data_dir) as (settings, _, conn):
        response = _response(
            conn, settings, "getVerification", release_events.get_verification, id=release_event_id
        )
    _print(response, partial(terminal.explanation, settings), as_json=False)


def _joined_name(context: click.Context, param: click.Parameter, words: Sequence[str]) -> str:
    return options.Name().convert(" ".join(words), param, context)


@click.command("find")
@click.argument("name", nargs=-1, required=True, callback=_joined_name)
@click.option(
    "--limit",
    type=click.IntRange(1, 200),
    default=20,
    show_default=True,
    help="People to print at most.",
)
@options.as_json
@options.data_dir
def find(data_dir: Path | None, as_json: bool, name: str, limit: int) -> None:
    """Print the people whose names match NAME in any spelling, best first."""
    with store.migrated(data_dir) as (settings, _, conn):
        response = _response(
            conn,
            settings,
            "listDetainees",
            detainees.list_detainees,
            caller=None,
            q=name,
            limit=limit,
            cursor=None,
        )
        names = {str(row.id): row.name for row in queries.rows(conn, "facilities/list_names")}
    _print(response, partial(terminal.people, names=names), as_json=as_json)


def _labels(
    conn: queries.Connection, settings: Config, response: Any, group_by: str | None
) -> Mapping[str | None, str]:
    """Return the names of groups by value, in the language of the settings, as far as they have
    names. The group without a value has one.
    """
    zone, language = settings.time_zone, settings.language
    answer = citations.labelled(conn, response, group_by, zone, language)
    text = words.in_language(language).text
    # It is known which people are part of no announcement.
    others = (
        text("Not part of an announcement")
        if group_by == "announcement_id"
        else text("Unknown or not disclosed")
    )
    named = [group for group in answer["groups"] or () if group["label"] is not None]
    return {None: others, **{group["value"]: group["label"] for group in named}}


def _names(conn: queries.Connection, settings: Config, items: Sequence[Any]) -> Mapping[str, str]:
    """Return names by id, of the sources and facilities of comparisons and of relayed claims.

    A relayed claim has the name of its source.
    """
    if not items:
        return {}
    compared = [item["claim"] for item in items]
    origins = [origin for claim in compared for origin in claim["origins"]]
    sources = {claim["source_id"] for claim in compared} | {o["source_id"] for o in origins}
    names = citations.recorded_names(
        conn,
        citations.cited_moments(items[0]["citation"]),
        facilities=[c["facility_id"] for c in compared if c["facility_id"] is not None],
        sources=[id for id in sources if id is not None],
        claims=[o["claim_id"] for o in origins if o["claim_id"] is not None],
    )
    relayed = {o["claim_id"] for o in origins} - {None}
    spoken = words.in_language(settings.language)
    for id, claim in records.by_id(conn, "claims/list", "Claim", relayed).items():
        is_confidential = claim["is_confidential"]
        names[id] = spoken.speaker(names[id], is_confidential=is_confidential, begins=False)
    return names


def _print(response: Any, as_text: Callable[[Any], Iterator[str]], *, as_json: bool) -> None:
    if as_json:
        click.echo(orjson.dumps(response, option=orjson.OPT_INDENT_2))
    else:
        for line in as_text(response):
            click.echo(line)


def _response(
    conn: queries.Connection,
    settings: Config,
    operation_id: str,
    function: Callable[..., Any],
    **arguments: Any,
) -> Any:
    """Return the JSON response of an operation, with the contract's default arguments."""
    contract = document.load().with_default("time_zone", settings.time_zone)
    operation = contract.operation(operation_id)
    defaults = {binding.python_name(p.name): p.schema.get("default") for p in operation.arguments}
    result = function(conn, **binding.combine(binding.combined(function), defaults | arguments))
    return orjson.loads(bodies.render(conn, operation, result, media_types.JSON).content)
