"""The `constancia` command: all subcommands in one group."""

import click

from api.commands import doctor, imports, keys, reports, serve


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="constancia", prog_name="constancia")
def main() -> None:
    """Verify releases of political prisoners: who is out, how many, by which sources."""


for command in (
    serve.serve,
    serve.migrate,
    serve.postgres,
    doctor.doctor,
    imports.load,
    imports.import_,
    keys.keys,
    reports.counts,
    reports.compare,
    reports.explain,
    reports.find,
):
    main.add_command(command)
