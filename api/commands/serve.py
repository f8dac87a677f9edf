"""The commands serve, migrate, postgres and site export."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import click

from api.commands import options, store
from api.commands.imports import load_case
from api.commands.keys import kept_key
from api.database import connections, migrations, queries
from api.http.rate_limits import RateLimits, RequestCounts
from api.mirror import directory, writing
from api.server import cluster, gunicorn

_MAX_DEFAULT_WORKERS = 8
"""With eight threads each they fit the 100 connections that PostgreSQL accepts by default."""


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port to listen on; 0 picks a free one.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=min(os.cpu_count() or 1, _MAX_DEFAULT_WORKERS),
    help=f"Number of worker processes [one per processor, at most {_MAX_DEFAULT_WORKERS}].",
)
@click.option(
    "--case",
    "case_file",
    type=options.CASE_FILE,
    help="Load this case before serving, if the store is empty.",
)
@click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Print the key in this file when ready. If the file has no valid key, write a new one of "
    "scope contribute to it.",
)
@options.data_dir
def serve(
    host: str,
    port: int,
    workers: int,
    case_file: Path | None,
    key_file: Path | None,
    data_dir: Path | None,
) -> None:
    """Migrate, then serve the API."""
    _check_free(host, port, "Choose another with --port.")
    with store.migrated(data_dir, creates=True, service=True) as (settings, url, conn):
        if settings.metrics_port:
            if settings.metrics_port == port:
                raise click.ClickException(
                    f"CONSTANCIA_METRICS_PORT is {port}, the port of the service: choose another."
                )
            _check_free(
                "127.0.0.1", settings.metrics_port, "Choose another in CONSTANCIA_METRICS_PORT."
            )
        if settings.public_url is None and (settings.trusted_proxies or not _is_loopback(host)):
            store.progress(
                "CONSTANCIA_PUBLIC_URL is not set: links in feeds and on pages have the host that "
                "each request names. Set it to the address of the service for its readers."
            )
        opened = workers * gunicorn.connections_per_worker(settings)
        if opened > (accepted := connections.max_connections(conn)):
            store.progress(
                f"The workers open up to {opened} connections, and PostgreSQL accepts {accepted}: "
                "under load, requests get 503. Lower --workers or CONSTANCIA_THREADS, or raise "
                "max_connections of PostgreSQL."
            )
        if case_file and not queries.row(conn, "ledger/exist").empty:
            store.progress("The database is not empty: --case was ignored.")
        elif case_file:
            load_case(conn, case_file, dry_run=False)
        key = None if key_file is None else kept_key(conn, key_file)

        def ready(address: str) -> None:
            click.echo(f"Constancia is ready at {address}")
            if key is not None:
                click.echo(f"To write, paste in another terminal:\nexport KEY={key}")

        conn.close()
        service_url = store.service_url(settings, url)
        connections.check_service(
            service_url, allow_unsafe_durability=settings.allow_unsafe_durability
        )
        gunicorn.Server(
            service_url,
            settings,
            bind=_address(host, port),
            workers=workers,
            rate_limits=RateLimits(
                RequestCounts(settings.requests_per_address, settings.requests_per_key),
                settings.trusted_proxies,
            ),
            ready=ready,
        ).run()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_free(host: str, port: int, remedy: str) -> None:
    try:
        gunicorn.check_free(host, port)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        if gunicorn.is_unknown_address(error):
            remedy = "Name an address of this machine with --host."
        raise click.ClickException(
            f"Cannot listen on {_address(host, port)}: {reason}. {remedy}"
        ) from None


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@click.command("migrate")
@options.data_dir
def migrate(data_dir: Path | None) -> None:
    """Bring the database up to date. Safe to repeat, and to run in parallel."""
    with store.migrated(data_dir, creates=True):
        click.echo(f"The database is up to date: {len(migrations.migrations())} migrations.")


@click.command("postgres", context_settings={"allow_interspersed_args": False})
@options.data_dir
@click.argument("program")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def postgres(data_dir: Path | None, program: str, arguments: Sequence[str]) -> None:
    """Run a PostgreSQL PROGRAM (pg_dump, pg_restore, psql) on the database."""
    # Creates the store, because a backup is restored into a new one.
    with store.database(data_dir, creates=True) as (_, url):
        # Ctrl-C is for the program: psql cancels a statement with it, and goes on.
        interrupted = signal.signal(signal.SIGINT, lambda *_: None)
        try:
            done = subprocess.run(  # noqa: S603
                [cluster.program(program), *arguments],
                env={**os.environ, **connections.environment(url)},
            )
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise click.ClickException(
                f"Cannot run {program!r}: {reason}. Name a program of PostgreSQL, such as pg_dump, "
                "and install PostgreSQL's client programs."
            ) from None
        finally:
            signal.signal(signal.SIGINT, interrupted)
    sys.exit(done.returncode)


@click.group("site")
def site() -> None:
    """Write the pages of the service as files."""


@site.command("export")
@click.argument("target", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--with-names",
    is_flag=True,
    help="Name the people whom the service names. Without it every person has a pseudonym.",
)
@options.data_dir
def export_site(target: Path, data_dir: Path | None, *, with_names: bool) -> None:
    """Write all public pages, charts and data to DIR.

    Any host can serve them, and a browser can open them without one. All are of one moment. A
    mirror in DIR is replaced once the new one is complete. A directory with anything else is
    refused, even a mirror with files added to it (.git, CNAME): export to another directory, and
    copy the mirror from there.
    """
    with (
        store.migrated(data_dir) as (settings, _, conn),
        directory.replaced(target) as folder,
    ):
        if settings.public_url is None:
            store.progress(
                "CONSTANCIA_PUBLIC_URL is not set: set it to the address of the service, or the "
                "mirror cannot say what to cite."
            )
        mark = writing.write(conn, settings, folder, store.progress, with_names=with_names)
    names = "with names" if with_names else "without names"
    store.progress(
        f"Wrote {mark['files']:,} files ({mark['bytes'] / 1e6:,.1f} MB) to {target}, {names}, "
        f"as of {mark['as_of']}."
    )
