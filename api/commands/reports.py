"""Commands that print citable reports: counts, compare, explain."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import orjson

from api.commands import options, store, terminal
from api.contract import binding, document
from api.database import queries
from api.operations import claims, release_events
from api.operations import counts as counts_operations
from api.rendering import bodies, media_types
from api.reports import citations
from api.reports.citations import Moments
from api.verification.counting import MIN_SOURCES, PROPERTIES


@click.command("counts")
@click.option(
    "--as-of", type=options.Moment(), help="Publication time, such as 2026-01-09T12:30:00Z [now]."
)
@options.recorded_as_of
@click.option(
    "--min-sources",
    type=click.IntRange(MIN_SOURCES[0], MIN_SOURCES[-1]),
    default=2,
    show_default=True,
    help="Independent sources required to confirm a release.",
)
@click.option(
    "--group-by", type=click.Choice(PROPERTIES), help="Count by the values of this property."
)
@options.as_json
@options.data_dir
def counts(data_dir: Path | None, as_json: bool, **arguments: Any) -> None:
    """Print how many people are out."""
    with store.migrated(data_dir) as (_, _, conn):
        response = _response(
            conn, "getCounts", counts_operations.get_counts, caller=None, **arguments
        )
    _print(response, terminal.counts, as_json=as_json)


@click.command("compare")
@options.recorded_as_of
@options.as_json
@options.data_dir
def compare(data_dir: Path | None, as_json: bool, **arguments: Any) -> None:
    """Print the claims of sources, and the confirmed counts at the moment of each claim."""
    items: list[Any] = []
    names: dict[str, str] = {}
    cursor = None
    with store.migrated(data_dir) as (_, _, conn):
        while True:
            page = _response(
                conn, "listComparisons", claims.list_comparisons, cursor=cursor, **arguments
            )
            items += page["items"]
            names |= _names(conn, page["items"])
            if (cursor := page["next"]) is None:
                break
    response = {"items": items, "next": None}
    _print(response, lambda shown: terminal.comparisons(shown, names), as_json=as_json)


@click.command("explain")
@click.argument("release_event_id", type=click.UUID)
@options.data_dir
def explain(release_event_id: UUID, data_dir: Path | None) -> None:
    """Print the verification of a release event, with its proof and its history."""
    with store.migrated(data_dir) as (_, _, conn):
        response = _response(
            conn, "getVerification", release_events.get_verification, id=release_event_id
        )
    _print(response, terminal.explanation, as_json=False)


def _names(conn: queries.Connection, items: Sequence[Any]) -> Mapping[str, str]:
    """Return the names of the sources and facilities in these comparisons, by id."""
    if not items:
        return {}
    compared = [item["claim"] for item in items]
    origins = [origin for claim in compared for origin in claim["origins"]]
    sources = {claim["source_id"] for claim in compared} | {o["source_id"] for o in origins}
    citation = items[0]["citation"]
    recorded = citations.recorded_names(
        conn,
        Moments(citation["as_of"], citation["recorded_as_of"], citation["ledger_seq"]),
        facilities=[UUID(c["facility_id"]) for c in compared if c["facility_id"] is not None],
        sources=[UUID(id) for id in sources if id is not None],
        claims=[UUID(o["claim_id"]) for o in origins if o["claim_id"] is not None],
    )
    return {str(id): name for id, name in recorded.items()}


def _print(response: Any, as_text: Callable[[Any], Iterator[str]], *, as_json: bool) -> None:
    if as_json:
        click.echo(orjson.dumps(response, option=orjson.OPT_INDENT_2))
    else:
        for line in as_text(response):
            click.echo(line)


def _response(
    conn: queries.Connection, operation_id: str, function: Callable[..., Any], **arguments: Any
) -> Any:
    """Return the JSON response of an operation, with the contract's default arguments."""
    (operation,) = (o for o in document.load().operations if o.id == operation_id)
    defaults = {p.name: p.schema.get("default") for p in operation.arguments}
    result = function(conn, **binding.combine(binding.combined(function), defaults | arguments))
    return orjson.loads(bodies.render(conn, operation, result, media_types.JSON).content)
