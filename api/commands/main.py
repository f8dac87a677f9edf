"""The `constancia` command: all subcommands in one group."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import click

from api.commands import INTERRUPTED

# The modules in `api.commands`, and the functions, of the subcommands.
_FUNCTIONS = {
    "compare": ("reports", "compare"),
    "counts": ("reports", "counts"),
    "differences": ("reports", "differences"),
    "doctor": ("doctor", "doctor"),
    "explain": ("reports", "explain"),
    "export": ("imports", "export_"),
    "find": ("reports", "find"),
    "import": ("imports", "import_"),
    "keys": ("keys", "keys"),
    "load": ("imports", "load"),
    "migrate": ("serve", "migrate"),
    "postgres": ("serve", "postgres"),
    "serve": ("serve", "serve"),
    "site": ("serve", "site"),
}


class _Subcommands(Mapping[str, click.Command]):
    """Imports the module of a subcommand when it is used: `keys list` starts in 0.6 of the time."""

    def __getitem__(self, name: str) -> Any:
        module, function = _FUNCTIONS[name]
        return getattr(import_module(f"api.commands.{module}"), function)

    def __iter__(self) -> Iterator[str]:
        return iter(_FUNCTIONS)

    def __len__(self) -> int:
        return len(_FUNCTIONS)


class _Group(click.Group):
    """Ends a command with a message if its output cannot be written, such as to a full disk.

    click ends an interrupted command with the exit status of an error.
    """

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("\nAborted!", err=True)
            ctx.exit(INTERRUPTED)
        except OSError as error:
            from api.commands import store

            store.end_with_message(error)


@click.group(
    cls=_Group, commands=_Subcommands(), context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="constancia", prog_name="constancia")
def main() -> None:
    """Verify releases of political prisoners: who is out, how many, by which sources."""
