"""The constancia command."""

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import click
import orjson
import psycopg
from marshmallow import ValidationError

from api import (
    answers,
    auth,
    case,
    config,
    db,
    embedded,
    migrate,
    queries,
    schemas,
    serving,
    spec,
)
from api.errors import Refusal
from api.operations import counts, verifications


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Release verification of political prisoners: who is out, how many, and who says so."""


def data_dir_option(command: Callable[..., None]) -> Callable[..., None]:
    return click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        help="Where the embedded PostgreSQL is kept [CONSTANCIA_DATA_DIR, or .constancia]. "
        "Not used with DATABASE_URL.",
    )(command)


@contextlib.contextmanager
def database(
    data_dir: Path | None, *, service: bool = False
) -> Iterator[tuple[config.Config, str]]:
    """The settings and the database's URL; faults that a person can mend end the command."""
    with faults_told():
        settings = config.read()
        if settings.database_url:
            yield settings, settings.database_url
        else:
            with embedded.running(data_dir or settings.data_dir, service=service) as url:
                yield settings, url


@contextlib.contextmanager
def migrated(
    data_dir: Path | None, *, service: bool = False
) -> Iterator[tuple[config.Config, str, queries.Connection]]:
    """A database that is fit and up to date: the settings, its URL, and a connection."""
    with database(data_dir, service=service) as (settings, url), db.connect(url) as conn:
        db.check_server(conn, allow_unsafe_durability=settings.allow_unsafe_durability)
        migrate.migrate(conn, lambda what: click.echo(f"Migrated: {what}", err=True))
        yield settings, url, conn


@contextlib.contextmanager
def faults_told() -> Iterator[None]:
    """Ends the command with a sentence instead of a stack trace."""
    try:
        yield
    except case.CaseError as error:
        for fault in error.faults:
            click.echo(f"{fault.pointer or '/'}: {fault.detail}", err=True)
        raise click.ClickException(f"{error} in the case; nothing was changed.") from None
    except Refusal as refusal:
        faults = "".join(f" {fault.pointer}: {fault.detail}" for fault in refusal.faults)
        raise click.ClickException(f"{refusal.detail}{faults}") from None
    except (
        embedded.EmbeddedError,
        db.UnfitServerError,
        migrate.MigrationError,
        ValueError,
    ) as error:
        raise click.ClickException(str(error)) from None
    except psycopg.Error as error:
        raise click.ClickException(_without_secrets(error)) from None


def _without_secrets(error: psycopg.Error) -> str:
    """What the server or the system says; libpq's own words may hold a part of the password."""
    if error.diag.message_primary:
        return f"The database refuses: {error.diag.message_primary}."
    if not isinstance(error, psycopg.OperationalError):
        return "DATABASE_URL is not one that PostgreSQL takes."
    said = re.search(r'("|port \d+) failed: (.+)', str(error))
    return f"The database cannot be reached: {said[2] if said else 'see DATABASE_URL'}."


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=os.cpu_count() or 1,
    help="Processes that answer [one for each processor].",
)
@click.option(
    "--case",
    "case_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Load this case first, if the database is empty.",
)
@data_dir_option
def serve(
    host: str, port: int, workers: int, case_file: Path | None, data_dir: Path | None
) -> None:
    """Migrate, then serve the API."""
    try:
        serving.check_free(host, port)
    except OSError as error:
        raise click.ClickException(
            f"{host} port {port} cannot be had ({error.strerror}): see --host and --port."
        ) from None
    with migrated(data_dir, service=True) as (settings, url, conn):
        if case_file and not queries.one(conn, "read_whether_empty").empty:
            click.echo("The database is not empty: the case is not loaded again.", err=True)
        elif case_file:
            _load(conn, case_file, dry_run=False)
        conn.close()
        serving.Server(
            url,
            bind=f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            workers=workers,
            threads=settings.threads,
            ready=lambda address: click.echo(f"Constancia is ready at {address}"),
        ).run()


@main.command("migrate")
@data_dir_option
def migrate_(data_dir: Path | None) -> None:
    """Bring the database up to date. Safe to run twice, and at once."""
    with migrated(data_dir):
        click.echo(f"The database is up to date: {len(migrate.migrations())} migrations.")


@main.command("load")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check everything, and change nothing.")
@data_dir_option
def load_(file: Path, dry_run: bool, data_dir: Path | None) -> None:
    """Load a case FILE, all of it or nothing.

    A second load of the same file changes nothing: an entry that was loaded before stays as it is,
    also if the file now says something else.
    """
    with migrated(data_dir) as (_, _, conn):
        _load(conn, file, dry_run=dry_run)


def _load(conn: queries.Connection, file: Path, *, dry_run: bool) -> None:
    new = case.load(conn, file, lambda what: click.echo(what, err=True), dry_run=dry_run)
    told = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in new.items() if count)
    click.echo(f"{'Would load' if dry_run else 'Loaded'}: {told or 'nothing new'}.", err=True)


class _Name(click.ParamType[str]):
    """A name as the API takes it."""

    name = "name"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        schema = schemas.parameters_schema({"name": (True, spec.load().schema("Name"))})
        try:
            return cast(str, schema.load({"name": value})["name"])
        except ValidationError as error:
            self.fail(schemas.faults(error)[0].detail, param, ctx)


@main.group()
def keys() -> None:
    """Keys with which callers write."""


@keys.command("create")
@click.option("--name", type=_Name(), required=True, help="Whose it is, for the list of keys.")
@click.option("--scope", required=True, type=click.Choice(list(auth.GRANTS)))
@data_dir_option
def create_key(name: str, scope: str, data_dir: Path | None) -> None:
    """Create a key, and print it this once."""
    with migrated(data_dir) as (_, _, conn):
        id, key = auth.create_key(conn, name, scope)
    click.echo(f"The key {id} of scope {scope} is shown only now:", err=True)
    click.echo(key)


@keys.command("list")
@data_dir_option
def list_keys(data_dir: Path | None) -> None:
    """List all keys, without what they open."""
    with migrated(data_dir) as (_, _, conn):
        for key in queries.rows(conn, "read_keys"):
            state = f"revoked {key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else "valid"
            click.echo(f"{key.id}  {key.scope:10}  {state:24}  {key.name}")


@keys.command("revoke")
@click.argument("id", type=click.UUID)
@data_dir_option
def revoke_key(id: UUID, data_dir: Path | None) -> None:
    """Revoke the key with this ID, at once."""
    with migrated(data_dir) as (_, _, conn):
        if queries.one(conn, "revoke_key", id=id) is None:
            raise click.ClickException(f"There is no key {id}.")
    click.echo(f"Revoked: {id}")


class _Moment(click.ParamType[datetime]):
    """A moment as the API takes it."""

    name = "moment"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        try:
            return schemas.moment(value)
        except ValidationError as error:
            self.fail(str(error.messages[0]), param, ctx)


@main.command("counts")
@click.option("--as-of", type=_Moment(), help="Publication time, as 2026-01-09T12:30:00Z [now].")
@data_dir_option
def counts_(as_of: datetime | None, data_dir: Path | None) -> None:
    """Print how many people are out."""
    with migrated(data_dir) as (_, _, conn):
        answer = _answer(conn, "getCounts", counts.get_counts, as_of=as_of)
    click.echo(f"As of {answer['as_of']}, recorded by {answer['recorded_as_of']}:")
    for word in ("confirmed", "disputed", "reported", "refuted", "unverified"):
        click.echo(f"  {word:11}{answer[word]:>8,}")
    click.echo(f"Of the confirmed, detained again: {answer['rearrested']:,}")


@main.command("explain")
@click.argument("release_event_id", type=click.UUID)
@data_dir_option
def explain(release_event_id: UUID, data_dir: Path | None) -> None:
    """Print what the rule says of a release event, and why."""
    with migrated(data_dir) as (_, _, conn):
        answer = _answer(
            conn, "getVerification", verifications.get_verification, id=release_event_id
        )
    for line in explanation(answer):
        click.echo(line)


def _answer(
    conn: queries.Connection, operation_id: str, function: Callable[..., Any], **given: Any
) -> Any:
    """The API's own answer to an operation, with the contract's defaults."""
    (operation,) = (o for o in spec.load().operations if o.id == operation_id)
    defaults = {p.name: p.schema.get("default") for p in operation.parameters}
    rendered = answers.render(conn, operation, function(conn, **(defaults | given)))
    return orjson.loads(rendered.body)


def explanation(answer: Any) -> Iterator[str]:
    """A verification as a person reads it."""

    def names(groups: Any) -> str:
        return " and ".join(group["name"] for group in groups)

    since = f" since {answer['since']}" if answer["since"] else ""
    yield f"{answer['status']}{since}, by {answer['rule']}"
    yield (
        f"Independent sources: {answer['independent_sources']}; "
        f"denials: {answer['independent_denials']}; missing: {answer['missing']}"
    )
    for title, chains in (("Confirmed by", "proof"), ("Denied by", "denial_proof")):
        for chain in answer[chains]:
            yield f"{title} {names(chain['groups'])}: {' -> '.join(chain['attestation_ids'])}"
    if answer["rests_on"]:
        yield f"Would fall with {' or with '.join(g['name'] for g in answer['rests_on'])}"
    for attestation in answer["not_counted"]:
        yield f"Not counted ({attestation['reason']}): {attestation['attestation_id']}"
    for kind in answer["kinds"]:
        yield (
            f"As to {kind['release_kind']}: {kind['status']}, "
            f"independent sources {kind['independent_sources']}"
        )
    yield "History:"
    for step in answer["history"]:
        yield (
            f"  {step['at']}  {step['status']}, {step['independent_sources']} for, "
            f"{step['independent_denials']} against"
        )
