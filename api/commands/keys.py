"""Commands on API keys: create, list, revoke."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from uuid import UUID

import click

from api import access, auth
from api.commands import options, store
from api.database import queries
from api.errors import RequestError


@click.group("keys")
def keys() -> None:
    """Create, list and revoke the API keys with which callers write."""


@keys.command("create")
@click.option("--name", type=options.Name(), required=True, help="Holder, shown by `keys list`.")
@click.option(
    "--scope", required=True, type=click.Choice(list(access.GRANTS)), help="Permissions of the key."
)
@click.option(
    "--until",
    type=options.Moment(),
    help="Time of expiry, such as 2027-01-01T00:00:00Z, or the last day [never].",
)
@options.data_dir
def create(name: str, scope: str, until: datetime | None, data_dir: Path | None) -> None:
    """Create an API key and print it. It cannot be shown again."""
    with store.migrated(data_dir, creates=True) as (_, _, conn), _undone_unless_written(conn):
        id, key = auth.create_key(conn, name, scope, until)
        store.progress(f"Key {id} of scope {scope}. It is not shown again:")
        click.echo(key)


@contextmanager
def _undone_unless_written(conn: queries.Connection) -> Iterator[None]:
    """Create and write a key in a transaction: nobody could know a key that was not written."""
    try:
        with conn.transaction():
            yield
    except OSError as error:
        store.end_with_message(error, " No key was created.")


def kept_key(conn: queries.Connection, file: Path) -> str:
    """Return the key in a file, which gets a new one of scope `contribute` if it has no valid key.

    So a store that is served again keeps its key.
    """
    key = file.read_text("utf-8", errors="replace").strip() if file.exists() else ""
    if key and not auth.is_key(key):
        raise click.ClickException(
            f"The file {str(file)!r} holds something else than a key. Name another file, "
            "or delete this one to get a new key."
        )
    try:
        auth.authenticate(conn, key)
    except RequestError:
        with _undone_unless_written(conn):
            _, key = auth.create_key(conn, file.name, "contribute")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600)
            # `touch` does not change the mode of a file that exists.
            file.chmod(0o600)
            file.write_text(f"{key}\n")
    return key


@keys.command("list")
@options.data_dir
def list_(data_dir: Path | None) -> None:
    """List all API keys by id and prefix, without their secrets."""
    with store.migrated(data_dir) as (_, _, conn):
        for key in queries.rows(conn, "api_keys/list"):
            if key.revoked_at:
                state = f"revoked {key.revoked_at:%Y-%m-%d %H:%M} UTC"
            elif key.valid_until:
                label = "ended" if key.has_ended else "valid until"
                state = f"{label} {key.valid_until:%Y-%m-%d %H:%M} UTC"
            else:
                state = "valid"
            click.echo(f"{key.id}  {key.prefix}  {key.scope:10}  {state:32}  {key.name}")


@keys.command("revoke")
@click.argument("id", type=click.UUID)
@options.data_dir
def revoke(id: UUID, data_dir: Path | None) -> None:
    """Revoke the API key with this ID, with immediate effect."""
    with store.migrated(data_dir) as (_, _, conn):
        if queries.row(conn, "api_keys/revoke", id=id) is None:
            raise click.ClickException(f"No key has the id {id}. List them with `keys list`.")
    click.echo(f"Revoked: {id}")
