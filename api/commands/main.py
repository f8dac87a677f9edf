"""The constancia command."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import click
import orjson
import psycopg
from marshmallow import ValidationError

from api import access, auth, config
from api.cases import loader
from api.commands import doctor, terminal
from api.contract import document, schemas
from api.database import connections, migrations, queries
from api.errors import RequestError
from api.http.limiting import Limiting
from api.http.rate_limits import Limits
from api.imports import case_import, list_apply, list_preview, row_reader
from api.operations import claims, counts, release_events
from api.records import entries
from api.rendering import bodies, media_types
from api.reports import citations
from api.reports.counts import Moments
from api.server import cluster, embedded, gunicorn
from api.verification import verdicts
from api.verification.counting import MIN_SOURCES, PROPERTIES


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
    """The settings and the database's URL, the owner's; faults that a person can mend end the
    command."""
    with faults_told():
        settings = config.read()
        if settings.database_url:
            yield settings, settings.owner_database_url or settings.database_url
        else:
            with embedded.running(data_dir or settings.data_dir, service=service) as url:
                yield settings, url


@contextlib.contextmanager
def migrated(
    data_dir: Path | None, *, service: bool = False
) -> Iterator[tuple[config.Config, str, queries.Connection]]:
    """A database that is fit and up to date: the settings, its URL, and a connection."""
    with database(data_dir, service=service) as (settings, url), connections.connect(url) as conn:
        connections.check_server(conn, allow_unsafe_durability=settings.allow_unsafe_durability)
        migrations.migrate(conn, lambda what: click.echo(f"Migrated: {what}", err=True))
        verdicts.count_again(conn, lambda what: click.echo(f"Migrated: {what}", err=True))
        entries.spell_again(conn, lambda what: click.echo(f"Migrated: {what}", err=True))
        yield settings, url, conn


@contextlib.contextmanager
def faults_told() -> Iterator[None]:
    """Ends the command with a sentence instead of a stack trace."""
    try:
        yield
    except loader.CaseError as error:
        for fault in error.faults:
            click.echo(f"{fault.pointer or '/'}: {fault.detail}", err=True)
        raise click.ClickException(f"{error} in the case; nothing was changed.") from None
    except RequestError as refusal:
        faults = "".join(f" {fault.pointer}: {fault.detail}" for fault in refusal.errors)
        raise click.ClickException(f"{refusal.detail}{faults}") from None
    except (
        embedded.EmbeddedError,
        connections.UnfitServerError,
        migrations.MigrationError,
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
    _check_free(host, port, "--host and --port")
    with migrated(data_dir, service=True) as (settings, url, conn):
        if settings.metrics_port:
            _check_free("127.0.0.1", settings.metrics_port, "CONSTANCIA_METRICS_PORT")
        if case_file and not queries.row(conn, "ledger/exist").empty:
            click.echo("The database is not empty: the case is not loaded again.", err=True)
        elif case_file:
            _load(conn, case_file, dry_run=False)
        conn.close()
        service_url = _service_url(settings, url)
        connections.check_service(service_url)
        gunicorn.Server(
            service_url,
            bind=f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            workers=workers,
            threads=settings.threads,
            metrics_port=settings.metrics_port,
            security_contact=settings.security_contact,
            limiting=Limiting(
                Limits(settings.requests_per_address, settings.requests_per_key),
                settings.trusted_proxies,
            ),
            ready=lambda address: click.echo(f"Constancia is ready at {address}"),
        ).run()


def _check_free(host: str, port: int, where: str) -> None:
    try:
        gunicorn.check_free(host, port)
    except OSError as error:
        raise click.ClickException(
            f"{host} port {port} cannot be had ({error.strerror}): see {where}."
        ) from None


@main.command("migrate")
@data_dir_option
def migrate_(data_dir: Path | None) -> None:
    """Bring the database up to date. Safe to run twice, and at once."""
    with migrated(data_dir):
        click.echo(f"The database is up to date: {len(migrations.migrations())} migrations.")


@main.command("doctor")
@data_dir_option
def doctor_(data_dir: Path | None) -> None:
    """Check the settings and the store, and say what to do. Changes nothing."""
    faults = 0
    for finding in _findings(data_dir):
        faults += finding.remedy is not None
        word = "ok" if finding.remedy is None else "fault"
        remedy = "" if finding.remedy is None else f". {finding.remedy}"
        click.echo(f"{word:6} {finding.check:13} {finding.found}{remedy}")
    if faults:
        sys.exit(1)


def _findings(data_dir: Path | None) -> Iterator[doctor.Finding]:
    try:
        settings = config.read()
        yield doctor.Finding("settings", "all can be read")
        with database(data_dir) as (_, url), connections.connect(url) as conn:
            if not settings.database_url:
                yield doctor.room(data_dir or settings.data_dir)
            yield from doctor.examine(
                conn, settings, _service_url(settings, url), lambda what: click.echo(what, err=True)
            )
    except ValueError as error:
        yield doctor.Finding("settings", "one is wrong", str(error))
    except click.ClickException as error:
        yield doctor.Finding("database", "it cannot be examined", error.message)


@main.command("postgres", context_settings={"allow_interspersed_args": False})
@data_dir_option
@click.argument("program")
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def postgres_(data_dir: Path | None, program: str, words: Sequence[str]) -> None:
    """Run a PROGRAM of PostgreSQL's own on the database: pg_dump, pg_restore, psql."""
    with database(data_dir) as (_, url):
        try:
            done = subprocess.run(  # noqa: S603
                [cluster.program(program), *words],
                env={**os.environ, **connections.environment(url)},
            )
        except OSError as error:
            raise click.ClickException(f"{program} cannot be run: {error.strerror}.") from None
    sys.exit(done.returncode)


def _service_url(settings: config.Config, url: str) -> str:
    return settings.database_url or embedded.service_url(url)


@main.command("load")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check everything, and change nothing.")
@data_dir_option
def load_(file: Path, dry_run: bool, data_dir: Path | None) -> None:
    """Load a case or an export from FILE, all of it or nothing.

    A second load of the same file changes nothing: an entry that was loaded before stays as it is,
    also if the file now says something else.
    """
    with migrated(data_dir) as (_, _, conn):
        _load(conn, file, dry_run=dry_run)


def _load(conn: queries.Connection, file: Path, *, dry_run: bool) -> None:
    new = loader.load(conn, file, lambda what: click.echo(what, err=True), dry_run=dry_run)
    told = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in new.items() if count)
    click.echo(f"{'Would load' if dry_run else 'Loaded'}: {told or 'nothing new'}.", err=True)


class _Moment(click.ParamType[datetime]):
    """A moment as the API takes it."""

    name = "moment"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        try:
            return schemas.moment(value)
        except ValidationError as error:
            self.fail(str(error.messages[0]), param, ctx)


_LISTS = {".csv": media_types.CSV, ".tsv": media_types.CSV, ".txt": media_types.CSV}
_LISTS |= dict.fromkeys((".ndjson", ".jsonl"), media_types.NDJSON)
_CASE = ".json"
_OF_SOURCE = ("source_id", "published_at", "basis", "relayed_source_id")


@main.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--mapping", help="What columns say, as a JSON object; null passes one over.")
@click.option(
    "--date-order",
    type=click.Choice(["day_first", "month_first"]),
    help="How 03/04/2024 is read [not at all].",
)
@click.option("--source", "source_id", type=click.UUID, help="Whose word the list is, by id.")
@click.option("--published-at", type=_Moment(), help="When the source published it.")
@click.option("--basis", type=click.Choice(["first_hand", "relayed", "unattributed"]))
@click.option("--relayed-source", "relayed_source_id", type=click.UUID, help="Whom it passes on.")
@click.option("--skip-invalid", is_flag=True, help="Pass over rows that are not valid.")
@click.option("--skip-doubtful", is_flag=True, help="Pass over people who may be recorded.")
@click.option("--yes", is_flag=True, help="Do not ask whether to apply it.")
@click.option("--dry-run", is_flag=True, help="Only say what would become of it.")
@data_dir_option
def import_(data_dir: Path | None, file: Path, **given: Any) -> None:
    """Import a list of people (CSV, NDJSON) or a case (JSON), all or nothing.

    Says what would become of each row, asks about people who may be recorded already, and then
    writes. Without a terminal it lists those, and changes nothing.
    """
    suffix = file.suffix.lower()
    if suffix != _CASE and suffix not in _LISTS:
        raise click.ClickException(f"A list is one of {', '.join(_LISTS)}; a case is {_CASE}.")
    of_list = [name for name in ("mapping", "date_order", *_OF_SOURCE) if given[name]]
    if suffix == _CASE and of_list:
        raise click.ClickException(f"A case takes no {' and no '.join(of_list)}.")
    with migrated(data_dir) as (_, _, conn), file.open("rb") as stream:
        if suffix == _CASE:
            id = case_import.preview(conn, None, stream, _progress)
        else:
            id = list_preview.preview(
                conn,
                None,
                stream,
                _LISTS[suffix],
                mapping=row_reader.read_mapping(given["mapping"]),
                date_order=given["date_order"],
                word=list_preview.word(
                    **{name: given[name] for name in _OF_SOURCE}, evidence=None, release_kind=None
                ),
                say=_progress,
            )
        try:
            _apply(conn, id, given)
        finally:
            list_apply.forget(conn, id)


def _progress(what: str) -> None:
    click.echo(what, err=True)


def _apply(conn: queries.Connection, id: UUID, given: Mapping[str, Any]) -> None:
    """Tells what a list comes to, asks what has to be asked, and applies it."""
    told = list_apply.read_own(conn, id)
    for line in terminal.preview(told):
        click.echo(line)
    for block in list_apply.blocks(conn, id):
        for row in block:
            for fault in row.faults:
                column = f", {fault['column']}" if fault["column"] else ""
                where = fault.get("pointer") or f"row {row.row}{column}"
                click.echo(f"{where}: {fault['detail']}", err=True)
    for flip in list_apply.all_flips(conn, id):
        of = f" ({flip['release_event_id']})" if flip["release_event_id"] else ""
        click.echo(f"row {flip['row']}{of}: {flip['from']} becomes {flip['to']}")
    if given["dry_run"]:
        return
    asks = sys.stdin.isatty() and sys.stderr.isatty()
    decisions = [*_invalid(conn, id, told, given, asks=asks)]
    undecided = 0
    for doubt in list_apply.all_doubts(conn, id):
        others = [(_title(one), one.person) for one in doubt.candidates]
        if given["skip_doubtful"]:
            decisions.append({"row": doubt.row, "decision": "skip"})
            continue
        click.echo(f"Row {doubt.row} may be recorded:", err=True)
        for line in terminal.side_by_side(doubt.person, others):
            click.echo(f"  {line}", err=True)
        if asks:
            decisions.append(_asked(doubt))
        else:
            undecided += 1
    if undecided:
        raise click.ClickException(
            f"{undecided} rows want a decision, on a terminal or with --skip-doubtful; "
            "nothing was changed."
        )
    if asks and not given["yes"]:
        click.confirm("Apply it?", abort=True, err=True)
    list_apply.apply(conn, None, id, [{**_UNDECIDED, **one} for one in decisions], _progress)
    click.echo("Applied.", err=True)


_UNDECIDED = {"detainee_id": None, "same_as_row": None}


def _invalid(
    conn: queries.Connection,
    id: UUID,
    told: Mapping[str, Any],
    given: Mapping[str, Any],
    *,
    asks: bool,
) -> Iterator[Mapping[str, Any]]:
    """The decisions to pass over what is not valid."""
    many = told["totals"]["invalid"]
    if not many:
        return
    if not given["skip_invalid"]:
        if not asks:
            raise click.ClickException(
                f"{many} rows are not valid: correct them, or say --skip-invalid; "
                "nothing was changed."
            )
        click.confirm(f"Pass over the {many} rows that are not valid?", abort=True, err=True)
    for block in list_apply.blocks(conn, id):
        for row in block:
            if row.outcome == "invalid":
                yield {"row": row.row, "decision": "skip"}


def _title(one: list_apply.Doubtful) -> str:
    return f"row {one.row}" if one.detainee_id is None else str(one.detainee_id)


def _asked(doubt: list_apply.Doubt) -> Mapping[str, Any]:
    """What the operator decides on a row."""
    same = ["same"] if len(doubt.candidates) == 1 else []
    same = same or [str(number) for number in range(1, len(doubt.candidates) + 1)]
    answer = click.prompt(
        "Is it the same, new, or to be skipped?" if same == ["same"] else "Which one is it?",
        type=click.Choice([*same, "new", "skip"]),
        err=True,
    )
    if answer in ("new", "skip"):
        return {"row": doubt.row, "decision": answer}
    one = doubt.candidates[same.index(answer)]
    return {
        "row": doubt.row,
        "decision": "same",
        "detainee_id": one.detainee_id,
        "same_as_row": one.row,
    }


class _Name(click.ParamType[str]):
    """A name as the API takes it."""

    name = "name"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        schema = schemas.parameters_schema({"name": (True, document.load().schema("Name"))})
        try:
            return cast(str, schema.load({"name": value})["name"])
        except ValidationError as error:
            self.fail(schemas.faults(error)[0].detail, param, ctx)


@main.group()
def keys() -> None:
    """Keys with which callers write."""


@keys.command("create")
@click.option("--name", type=_Name(), required=True, help="Whose it is, for the list of keys.")
@click.option("--scope", required=True, type=click.Choice(list(access.GRANTS)))
@click.option("--until", type=_Moment(), help="When it ends, as 2027-01-01T00:00:00Z [never].")
@data_dir_option
def create_key(name: str, scope: str, until: datetime | None, data_dir: Path | None) -> None:
    """Create a key, and print it this once."""
    with migrated(data_dir) as (_, _, conn):
        id, key = auth.create_key(conn, name, scope, until)
    click.echo(f"The key {id} of scope {scope} is shown only now:", err=True)
    click.echo(key)


@keys.command("list")
@data_dir_option
def list_keys(data_dir: Path | None) -> None:
    """List all keys by what they begin with, without what they open."""
    with migrated(data_dir) as (_, _, conn):
        for key in queries.rows(conn, "api_keys/list"):
            if key.revoked_at:
                state = f"revoked {key.revoked_at:%Y-%m-%d %H:%M}"
            elif key.valid_until:
                word = "ended" if key.has_ended else "valid until"
                state = f"{word} {key.valid_until:%Y-%m-%d %H:%M}"
            else:
                state = "valid"
            click.echo(f"{key.id}  {key.prefix}  {key.scope:10}  {state:28}  {key.name}")


@keys.command("revoke")
@click.argument("id", type=click.UUID)
@data_dir_option
def revoke_key(id: UUID, data_dir: Path | None) -> None:
    """Revoke the key with this ID, at once."""
    with migrated(data_dir) as (_, _, conn):
        if queries.row(conn, "api_keys/revoke", id=id) is None:
            raise click.ClickException(f"There is no key {id}.")
    click.echo(f"Revoked: {id}")


def record_option(command: Callable[..., None]) -> Callable[..., None]:
    return click.option(
        "--recorded-as-of", type=_Moment(), help="What the record said at a moment [now]."
    )(command)


def json_option(command: Callable[..., None]) -> Callable[..., None]:
    return click.option("--json", "as_json", is_flag=True, help="The API's own answer.")(command)


@main.command("counts")
@click.option("--as-of", type=_Moment(), help="Publication time, as 2026-01-09T12:30:00Z [now].")
@record_option
@click.option(
    "--min-sources",
    type=click.IntRange(MIN_SOURCES[0], MIN_SOURCES[-1]),
    default=2,
    show_default=True,
    help="How many independent sources make a release confirmed.",
)
@click.option("--group-by", type=click.Choice(PROPERTIES), help="Count by the values of this.")
@json_option
@data_dir_option
def counts_(data_dir: Path | None, as_json: bool, **given: Any) -> None:
    """Print how many people are out."""
    with migrated(data_dir) as (_, _, conn):
        answer = _answer(conn, "getCounts", counts.get_counts, **given)
    _tell(answer, terminal.counts, as_json=as_json)


@main.command("compare")
@record_option
@json_option
@data_dir_option
def compare(data_dir: Path | None, as_json: bool, **given: Any) -> None:
    """Print what sources claim beside what is confirmed, each at its moment."""
    items: list[Any] = []
    names: dict[str, str] = {}
    cursor = None
    with migrated(data_dir) as (_, _, conn):
        while True:
            page = _answer(conn, "listComparisons", claims.list_comparisons, cursor=cursor, **given)
            items += page["items"]
            names |= _names(conn, page["items"])
            if (cursor := page["next"]) is None:
                break
    answer = {"items": items, "next": None}
    _tell(answer, lambda told: terminal.comparisons(told, names), as_json=as_json)


def _names(conn: queries.Connection, items: Sequence[Any]) -> Mapping[str, str]:
    """By id, the names of the sources and facilities that these comparisons speak of."""
    if not items:
        return {}
    compared = [item["claim"] for item in items]
    origins = [origin for claim in compared for origin in claim["origins"]]
    sources = {claim["source_id"] for claim in compared} | {o["source_id"] for o in origins}
    citation = items[0]["citation"]
    named = citations.recorded_names(
        conn,
        Moments(citation["as_of"], citation["recorded_as_of"], citation["ledger_seq"]),
        facilities=[UUID(c["facility_id"]) for c in compared if c["facility_id"] is not None],
        sources=[UUID(id) for id in sources if id is not None],
        claims=[UUID(o["claim_id"]) for o in origins if o["claim_id"] is not None],
    )
    return {str(id): name for id, name in named.items()}


def _tell(answer: Any, told: Callable[[Any], Iterator[str]], *, as_json: bool) -> None:
    if as_json:
        click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2))
    else:
        for line in told(answer):
            click.echo(line)


@main.command("explain")
@click.argument("release_event_id", type=click.UUID)
@data_dir_option
def explain(release_event_id: UUID, data_dir: Path | None) -> None:
    """Print what the rule says of a release event, and why."""
    with migrated(data_dir) as (_, _, conn):
        answer = _answer(
            conn, "getVerification", release_events.get_verification, id=release_event_id
        )
    for line in terminal.explanation(answer):
        click.echo(line)


def _answer(
    conn: queries.Connection, operation_id: str, function: Callable[..., Any], **given: Any
) -> Any:
    """The API's own answer to an operation, with the contract's defaults."""
    (operation,) = (o for o in document.load().operations if o.id == operation_id)
    defaults = {p.name: p.schema.get("default") for p in operation.arguments}
    result = function(conn, **(defaults | given))
    return orjson.loads(bodies.render(conn, operation, result, media_types.JSON).content)
