"""Open the store and the file of a command, and end the command with a message if that fails."""

import contextlib
import errno
import os
import re
import secrets
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NoReturn

import click
import psycopg

from api import config
from api.cases.case_file import CaseError
from api.database import connections, migrations, queries
from api.errors import RequestError, steps_of
from api.identity import facility_names, source_names
from api.mirror.directory import MirrorError
from api.records import detainees
from api.server import embedded


@contextlib.contextmanager
def database(
    data_dir: Path | None, *, creates: bool = False, service: bool = False
) -> Iterator[tuple[config.Config, str]]:
    """Yield the settings and the owner's database URL; start the embedded PostgreSQL if needed.

    Unless the command `creates` stores, a directory without one is an error: otherwise a mistyped
    path would create an empty store, and figures of that would be printed.
    """
    with errors_as_messages():
        settings = config.read()
        if settings.database_url:
            if data_dir is not None:
                progress(
                    "--data-dir was ignored, since DATABASE_URL is set. Unset it to use the "
                    "directory."
                )
            yield settings, settings.owner_database_url or settings.database_url
        else:
            directory = data_dir or settings.data_dir
            if not (creates or embedded.has_store(directory)):
                path = os.path.abspath(directory)
                raise embedded.EmbeddedError(
                    f"There is no store in {path}. Correct the directory, or create a store with: "
                    f"constancia migrate --data-dir {shlex.quote(path)}"
                )
            with embedded.running(directory, service=service) as url:
                yield settings, url


@contextlib.contextmanager
def migrated(
    data_dir: Path | None, *, creates: bool = False, service: bool = False
) -> Iterator[tuple[config.Config, str, queries.Connection]]:
    """Yield the settings, the owner's URL and a connection, with the schema up to date."""
    with (
        database(data_dir, creates=creates, service=service) as (settings, url),
        connections.connect(url) as conn,
    ):
        connections.check_server(conn, allow_unsafe_durability=settings.allow_unsafe_durability)
        migrations.migrate(conn, lambda line: progress(f"Migrated: {line}"))
        detainees.reindex_names(conn, lambda line: progress(f"Migrated: {line}"))
        source_names.reindex(conn)
        facility_names.reindex(conn)
        yield settings, url, conn


def service_url(settings: config.Config, url: str) -> str:
    """Return the URL for serving requests: if PostgreSQL is embedded, with the service role."""
    return settings.database_url or embedded.service_url(url)


def progress(line: str) -> None:
    """Print a line on standard error, which keeps standard output for results."""
    click.echo(line, err=True)


@contextlib.contextmanager
def replaced(file: Path) -> Iterator[IO[bytes]]:
    """Yield a new file, which replaces a file if nothing is raised. `-` is standard output.

    click's atomic files replace it in any case, with a part of what was to be written, and they
    replace devices.
    """
    if str(file) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        if file.exists() and not file.is_file():  # a device or a pipe
            with file.open("wb") as written:
                yield written
            return
        target = file.resolve()
        new = target.with_name(f".constancia-{secrets.token_hex(4)}")
        try:
            with new.open("xb") as written:
                if target.exists():
                    os.fchmod(written.fileno(), target.stat().st_mode & 0o777)
                yield written
            new.replace(target)
        finally:
            new.unlink(missing_ok=True)
    except OSError as error:
        error.filename = str(file)
        raise


@contextlib.contextmanager
def errors_as_messages() -> Iterator[None]:
    """End the command with a message instead of a traceback, for errors an operator can fix."""
    try:
        yield
    except CaseError as error:
        for field in error.errors:
            progress(f"{field.pointer or '/'}: {field.detail}")
        raise click.ClickException(f"{error} in the case; nothing was changed.") from None
    except RequestError as error:
        details = "".join(
            f" {_place(field.pointer)}{with_options(field.detail)}" for field in error.errors
        )
        summary = error.detail.removesuffix(" See errors.")  # they follow
        raise click.ClickException(f"{with_options(summary)}{details}") from None
    except (
        embedded.EmbeddedError,
        connections.UnfitServerError,
        migrations.MigrationError,
        MirrorError,
        ValueError,
    ) as error:
        raise click.ClickException(str(error)) from None
    except psycopg.Error as error:
        raise click.ClickException(_without_secrets(error)) from None
    except OSError as error:
        end_with_message(error)


def with_options(text: str) -> str:
    """Return a message of the API with the options of the current command for its parameters.

    A message writes a parameter as a pointer or in backticks. Other words can be fields of a record
    or a row with the name of a parameter.
    """
    context = click.get_current_context(silent=True)
    for param in context.command.params if context else ():
        if isinstance(param, click.Option) and param.name:
            name = param.name.rstrip("_")  # of a keyword of Python
            text = re.sub(rf"/{name}\b|`{name}`", param.opts[-1], text)
    return text


def _place(pointer: str) -> str:
    """Return the place of an error in words, which the error follows."""
    match steps_of(pointer):
        case []:
            return ""
        case ["header"]:
            return "header: "
        case ["header", column]:
            return f"column {column!r}: "
        case ["mapping", column]:
            choices = click.get_current_context().params["column"]
            is_of_column = any(choice.rpartition("=")[0] == column for choice in choices)
            return f"{'--column' if is_of_column else '--mapping'}, column {column!r}: "
        case _:
            return f"{with_options(pointer)}: "


def _without_secrets(error: psycopg.Error) -> str:
    """Return the message of the server or the system. libpq's text may quote a password."""
    if error.diag.message_primary:
        return f"The database reports: {error.diag.message_primary}."
    if not isinstance(error, psycopg.OperationalError):
        return (
            "DATABASE_URL is not a PostgreSQL connection string. "
            "Use one such as postgresql://user@host/constancia."
        )
    reason = re.search(r'("|port \d+) failed: (.+)', str(error))
    cause = f": {reason[2]}" if reason else ""
    return f"Cannot connect to the database{cause}. Start PostgreSQL or correct DATABASE_URL."


def end_with_message(error: OSError, outcome: str = "") -> NoReturn:
    """End the command with the message of the system, a remedy, and the outcome of the command."""
    if error.errno == errno.EPIPE:  # click ends the command
        raise error
    reason = (error.strerror or str(error)).lower()
    place = f" {str(error.filename)!r}" if error.filename is not None else ""
    remedy = "Correct the path or its permissions, or free some space."
    message = f"Cannot read or write{place}: {reason}. {remedy}{outcome}"
    raise click.ClickException(message) from None
