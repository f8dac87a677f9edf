"""Commands that move data: load a case, import a list or a case, write an export."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import click

from api.cases import data_package, export, loader
from api.cases.format import RESOURCES
from api.commands import options, store, terminal
from api.database import connections, queries
from api.identity.name_similarity import name_key
from api.imports import (
    case_import,
    facility_decisions,
    import_store,
    list_apply,
    list_preview,
    row_plan,
)
from api.lists import columns
from api.lists.columns import Conventions
from api.matching.scoring import Person
from api.rendering import media_types

_CASE_SUFFIX = ".json"
_LIST_TYPES = {".csv": media_types.CSV, ".tsv": media_types.CSV, ".txt": media_types.CSV}
_LIST_TYPES |= dict.fromkeys((".ndjson", ".jsonl"), media_types.NDJSON)
_LIST_TYPES[".xlsx"] = media_types.XLSX
_LIST_OPTIONS = (
    *("mapping", "column", "date_order", "sex_letters", "encoding", "sheet"),
    "facility_decisions",
)
_MAX_PLACES = 5
"""The number of rows that are printed for a facility that needs a decision."""
_ATTESTATION_OPTIONS = ("source_id", "published_at", "basis", "relayed_source_id")


@click.command("load")
@click.argument("file", type=options.CASE_FILE)
@click.option("--dry-run", is_flag=True, help="Check the file and change nothing.")
@options.data_dir
def load(file: Path, dry_run: bool, data_dir: Path | None) -> None:
    """Load a case or an export from FILE, all or nothing.

    A second load of the same file changes nothing. An entry that was loaded before is not changed,
    even if the file has new values for it.
    """
    with store.migrated(data_dir, creates=True) as (_, _, conn):
        load_case(conn, file, dry_run=dry_run)


@click.command("export")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--package", is_flag=True, help="Write a data package (.zip of CSV) [NDJSON].")
@options.data_dir
def export_(file: Path, package: bool, data_dir: Path | None) -> None:
    """Write what the public may see to FILE, or to standard output with -.

    NDJSON can be loaded into another installation; a data package is for spreadsheets and
    statistics. A complete export takes a key: GET /v1/export.
    """
    with (
        store.migrated(data_dir) as (_, url, _),
        connections.pool(url, 1) as pool,
        store.replaced(file) as written,
    ):
        stream = data_package.stream() if package else export.stream(None)
        for part in stream.blocks(pool):
            written.write(cast(bytes, part))


def load_case(conn: queries.Connection, file: Path, *, dry_run: bool) -> None:
    """Load a case file, and print how many new entries of each resource it had."""
    new = loader.load(conn, file, store.progress, dry_run=dry_run)
    counts = ", ".join(
        f"{count:,} {(RESOURCES[name] if count == 1 else name).replace('_', ' ')}"
        for name, count in new.items()
        if count
    )
    store.progress(f"{'Would load' if dry_run else 'Loaded'}: {counts or 'nothing new'}.")


@click.command("import")
@click.argument("file", type=options.CASE_FILE)
@click.option(
    "--mapping",
    help="Field of each column, as a JSON object; null ignores a column. "
    'Example: {"Nombre": "name", "Notas": null}',
)
@click.option(
    "--column",
    multiple=True,
    metavar="NAME=FIELD",
    help='Field of one column, empty to ignore it. Example: --column "C.I.=id:cedula"',
)
@click.option(
    "--encoding",
    type=click.Choice(media_types.CHARSETS, case_sensitive=False),
    help="Encoding of a CSV [found, and printed].",
)
@click.option("--sheet", help="Worksheet of a workbook [the first that is not hidden].")
@click.option(
    "--date-order",
    type=click.Choice(["day_first", "month_first"]),
    help="Order of day and month in dates such as 03/04/2024 [such dates are errors].",
)
@click.option(
    "--sex-letters",
    type=click.Choice(["FM", "HM"]),
    help="Whether M is masculino (FM) or mujer (HM) [by the F and H of the column].",
)
@click.option("--source", "source_id", type=click.UUID, help="Id of the source of the list.")
@click.option(
    "--published-at",
    type=options.Moment(is_past=True),
    help="Time at which the source published the list, or the day, which means its end.",
)
@click.option(
    "--basis",
    type=click.Choice(["first_hand", "relayed", "unattributed"]),
    help="How the source knows of the releases.",
)
@click.option(
    "--relayed-source", "relayed_source_id", type=click.UUID, help="Id of the source it relays."
)
@click.option(
    "--facility",
    "facility_decisions",
    multiple=True,
    metavar="NAME=DECISION",
    help="Decision on a name that no facility has, or several: the id of the facility, "
    'new:COUNTRY, new:COUNTRY:REGION, or skip. Example: --facility "La Roca=new:VE"',
)
@click.option("--skip-invalid", is_flag=True, help="Skip rows with errors.")
@click.option("--skip-doubtful", is_flag=True, help="Skip possible duplicates.")
@click.option("--yes", is_flag=True, help="Apply without asking; required without a terminal.")
@click.option("--dry-run", is_flag=True, help="Print the preview and change nothing.")
@options.data_dir
def import_(data_dir: Path | None, file: Path, **choices: Any) -> None:
    """Import a list of people (CSV, .xlsx, NDJSON) or a case (JSON), all or nothing.

    Prints a preview, asks for a decision on each unknown facility and each possible duplicate, and
    for confirmation, then writes. Without a terminal it writes with --yes only, and only if options
    have all decisions.
    """
    facilities = [options.facility_option(choice) for choice in choices["facility_decisions"]]
    if not (choices["yes"] or choices["dry_run"] or _is_interactive()):
        raise click.UsageError(
            "There is no terminal to ask for confirmation. "
            "Use --yes to write, or --dry-run to print the preview."
        )
    suffix = file.suffix.lower()
    if suffix != _CASE_SUFFIX and suffix not in _LIST_TYPES:
        raise click.ClickException(
            f"{file.name!r} has no known suffix. "
            f"Use {', '.join(_LIST_TYPES)} for a list, or {_CASE_SUFFIX} for a case."
        )
    list_options = [n for n in (*_LIST_OPTIONS, *_ATTESTATION_OPTIONS) if choices[n]]
    if suffix == _CASE_SUFFIX and list_options:
        names = " and no ".join(f"`{name}`" for name in list_options)
        raise click.ClickException(
            store.with_options(f"A case takes no {names}: leave out the options of lists.")
        )
    with store.migrated(data_dir) as (_, _, conn), file.open("rb") as stream:
        if suffix == _CASE_SUFFIX:
            id = case_import.preview(conn, None, stream, store.progress)
        else:
            id = list_preview.preview(
                conn,
                None,
                stream,
                _LIST_TYPES[suffix],
                mapping=_mapping(choices),
                conventions=Conventions(choices["date_order"], choices["sex_letters"]),
                charset=choices["encoding"],
                sheet=choices["sheet"],
                attestation=row_plan.shared_attestation(
                    **{name: choices[name] for name in _ATTESTATION_OPTIONS},
                    evidence=None,
                    release_kind=None,
                ),
                progress=store.progress,
            )
        try:
            _review(conn, id, choices, facilities)
        finally:
            import_store.delete_preview(conn, id)


def _mapping(choices: Mapping[str, Any]) -> columns.ColumnMapping:
    """Return the fields of columns, by --mapping and --column."""
    mapping = dict(columns.read_mapping(choices["mapping"]))
    for choice in choices["column"]:
        column, equals, field = choice.rpartition("=")
        if not (equals and (not field or columns.is_field(field))):
            raise click.UsageError(
                f"--column {choice!r} has no field: write NAME=FIELD, such as C.I.=id:cedula. "
                f"Leave FIELD empty to ignore the column, or use {', '.join(columns.FIELDS)}SCHEME."
            )
        mapping[column] = field or None
    return mapping


def _is_interactive() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _review(
    conn: queries.Connection,
    id: UUID,
    choices: Mapping[str, Any],
    facilities: Sequence[Mapping[str, Any]],
) -> None:
    """Print the preview, ask for the decisions that it needs, and apply it."""
    preview = import_store.read(conn, id, import_store.OPERATOR)
    _print_preview(conn, id, preview)
    if choices["dry_run"]:
        if preview["totals"]["invalid"] and not choices["skip_invalid"]:
            raise click.ClickException(
                f"{_invalid(preview['totals']['invalid'])}. Correct the file or use --skip-invalid."
            )
        return
    interactive = _is_interactive()
    decisions = [*_skip_invalid(conn, id, preview, choices, interactive=interactive)]
    facilities = _decide_facilities(conn, id, preview, facilities, interactive=interactive)
    decisions += _decide_duplicates(conn, id, preview, choices, facilities, interactive=interactive)
    decided = {decision["row"]: decision["decision"] for decision in decisions}
    decisions += _skip_rows_of_skipped(conn, id, preview, decided)
    if interactive and not choices["yes"]:
        click.confirm("Apply this import?", abort=True, err=True)
    complete = [{"detainee_id": None, "same_as_row": None, **decision} for decision in decisions]
    list_apply.apply(conn, None, id, complete, facilities, store.progress)
    store.progress("Applied.")


def _print_preview(conn: queries.Connection, id: UUID, preview: Mapping[str, Any]) -> None:
    for line in terminal.preview(preview, _places_of_facilities(conn, id, preview)):
        click.echo(line)
    for block in import_store.blocks(conn, id):
        for row in block:
            for error in row.errors:
                column = f", {error['column']}" if error["column"] else ""
                place = error.get("pointer") or f"{row.pointer}{column}"
                store.progress(f"{place}: {store.with_options(error['detail'])}")
    for flip in import_store.all_flips(conn, id):
        event = f" ({flip['release_event_id']})" if flip["release_event_id"] else ""
        place = _place(preview, flip["row"])
        click.echo(f"{place}{event}: {flip['from']} becomes {flip['to']}")


def _places_of_facilities(
    conn: queries.Connection, id: UUID, preview: Mapping[str, Any]
) -> Mapping[str, Sequence[str]]:
    """Return the lines of the first rows of each facility that needs a decision, by its name."""
    names = {name_key(name["name"]): name["name"] for name in preview["facilities"]}
    places: dict[str, list[str]] = {name: [] for name in names.values()}
    for block in import_store.blocks(conn, id) if names else ():
        for row in block:
            name = names.get(name_key((row.content or {}).get("facility") or ""))
            if name is not None and row.outcome != "invalid" and len(places[name]) < _MAX_PLACES:
                places[name].append(row.pointer)
    return places


def _place(preview: Mapping[str, Any], row: int) -> str:
    """Return the line of a row, as a spreadsheet shows it; the number of an entry of a case."""
    reading = preview["reading"]
    return f"row {row}" if reading is None else f"line {reading['header_line'] + row}"


def _skip_invalid(
    conn: queries.Connection,
    id: UUID,
    preview: Mapping[str, Any],
    choices: Mapping[str, Any],
    *,
    interactive: bool,
) -> Iterator[Mapping[str, Any]]:
    """Yield decisions that skip the invalid rows, once the operator agrees."""
    count = preview["totals"]["invalid"]
    if not count:
        return
    if not choices["skip_invalid"]:
        if not interactive:
            raise click.ClickException(
                f"{_invalid(count)}, and nothing was changed. "
                "Correct the file or use --skip-invalid."
            )
        rows = "invalid row" if count == 1 else f"{count:,} invalid rows"
        click.confirm(f"Skip the {rows}?", abort=True, err=True)
    for block in import_store.blocks(conn, id):
        for row in block:
            if row.outcome == "invalid":
                yield {"row": row.row, "decision": "skip"}


def _invalid(count: int) -> str:
    return "1 row is invalid" if count == 1 else f"{count:,} rows are invalid"


def _decide_facilities(
    conn: queries.Connection,
    id: UUID,
    preview: Mapping[str, Any],
    decisions: Sequence[Mapping[str, Any]],
    *,
    interactive: bool,
) -> Sequence[Mapping[str, Any]]:
    """Return the decisions on the names of facilities that need one; ask for those not given."""
    names = {name_key(name["name"]): name for name in preview["facilities"]}
    shown = facility_decisions.names_of_rows(conn, id) if names else {}
    hidden = {key for key in names if key in shown and not shown[key]["public_rows"]}
    needed = []
    for decision in decisions:
        if name_key(decision["name"]) in names:
            if decision["decision"] == "new" and name_key(decision["name"]) in hidden:
                raise click.UsageError(facility_decisions.disclosure(decision["name"]))
            needed.append(decision)
        else:
            store.progress(f"The facility {decision['name']!r} needs no decision.")
    decided = {name_key(decision["name"]) for decision in needed}
    undecided = [name for key, name in names.items() if key not in decided]
    if undecided and not interactive:
        missing = " ".join(f'--facility "{name["name"]}=..."' for name in undecided)
        count = "1 facility needs" if len(undecided) == 1 else f"{len(undecided)} facilities need"
        raise click.UsageError(
            f"{count} a decision, and nothing was changed. Add {missing}, with the id of the "
            "facility, new:COUNTRY or skip in the place of the dots."
        )
    places = _places_of_facilities(conn, id, preview) if undecided else {}
    asked = [(n, places[n["name"]], name_key(n["name"]) in hidden) for n in undecided]
    return [*needed, *(_ask_facility(conn, *question) for question in asked)]


def _ask_facility(
    conn: queries.Connection, name: Mapping[str, Any], places: Sequence[str], is_of_hidden: bool
) -> Mapping[str, Any]:
    """Ask the operator which facility has a name. One of hidden people alone is not recorded."""
    for line in terminal.listed_facility(name, places):
        store.progress(line)
    ids = {str(i): str(c["facility_id"]) for i, c in enumerate(name["candidates"], 1)}

    def decide(answer: str) -> Mapping[str, Any]:
        answer = {"s": "skip", **ids}.get(answer, answer)
        if is_of_hidden and answer.partition(":")[0] in ("n", "new"):
            raise click.UsageError(facility_decisions.disclosure(name["name"]))
        if answer == "n":
            country = "Country of the new facility, such as VE"
            return click.prompt(country, value_proc=lambda code: decide(f"new:{code}"), err=True)
        decision = options.facility_decision(name["name"], answer)
        asked = [id for id in [decision["facility_id"]] if id is not None]
        if len(queries.rows(conn, "facilities/list_existing_ids", ids=asked)) < len(asked):
            raise click.UsageError("There is no facility with this id.")
        return decision

    numbers = "its number, " if ids else ""
    new = "" if is_of_hidden else "n for a new one, "
    question = f"Which is it: {numbers}its id, {new}or s to leave the cells out?"
    return click.prompt(question, value_proc=decide, err=True)


def _decide_duplicates(
    conn: queries.Connection,
    id: UUID,
    preview: Mapping[str, Any],
    choices: Mapping[str, Any],
    decided: Sequence[Mapping[str, Any]],
    *,
    interactive: bool,
) -> Iterator[Mapping[str, Any]]:
    """Yield the operator's decision on each possible duplicate, by the `decided` facilities."""
    undecided = 0
    ids = {name_key(it["name"]): str(it["facility_id"]) for it in decided if it["facility_id"]}
    facilities = {str(it.id): it._asdict() for it in queries.rows(conn, "facilities/list_names")}
    for duplicate in import_store.all_possible_duplicates(conn, id):
        if choices["skip_doubtful"]:
            yield {"row": duplicate.row, "decision": "skip"}
            continue
        place = _place(preview, duplicate.row).capitalize()
        store.progress(f"{place} may be recorded already:")
        candidates = [
            (_title(preview, candidate), _compared(candidate, ids))
            for candidate in duplicate.candidates
        ]
        for line in terminal.side_by_side(_compared(duplicate, ids), candidates, facilities):
            store.progress(f"  {line}")
        if interactive:
            yield _ask(duplicate)
        else:
            undecided += 1
    if undecided:
        rows = "1 row needs" if undecided == 1 else f"{undecided:,} rows need"
        raise click.ClickException(
            f"{rows} a decision, and nothing was changed. "
            "Run the command in a terminal or use --skip-doubtful."
        )


def _skip_rows_of_skipped(
    conn: queries.Connection, id: UUID, preview: Mapping[str, Any], decided: Mapping[int, str]
) -> Iterator[Mapping[str, Any]]:
    """Yield decisions that skip the further rows of people whose first row is skipped."""
    for block in import_store.blocks(conn, id):
        for row in block:
            if decided.get(row.same_as_row) == "skip" and row.row not in decided:
                first = _place(preview, row.same_as_row)
                store.progress(f"{row.pointer} is the same person as {first}: it is skipped too.")
                yield {"row": row.row, "decision": "skip"}


def _title(preview: Mapping[str, Any], candidate: import_store.RowCandidate) -> str:
    if candidate.row is not None:
        return _place(preview, candidate.row)
    return str(candidate.detainee_id)


def _compared(
    row: import_store.PossibleDuplicate | import_store.RowCandidate, ids: Mapping[str, str]
) -> Person:
    """Return a person with the facility that was decided for an unknown name, or else the name."""
    name = row.facility_name
    if name is None:
        return row.person
    return replace(row.person, facility_id=ids.get(name_key(name), name))


def _ask(duplicate: import_store.PossibleDuplicate) -> Mapping[str, Any]:
    """Ask the operator for the decision on a row."""
    if len(duplicate.candidates) == 1:
        same, question = ["same"], "Is this the same person, a new one, or skip the row?"
    else:
        same = [str(number) for number in range(1, len(duplicate.candidates) + 1)]
        question = "Which candidate is it, or is it a new person, or skip the row?"
    choice = click.prompt(question, type=click.Choice([*same, "new", "skip"]), err=True)
    if choice in ("new", "skip"):
        return {"row": duplicate.row, "decision": choice}
    candidate = duplicate.candidates[same.index(choice)]
    return {
        "row": duplicate.row,
        "decision": "same",
        "detainee_id": candidate.detainee_id,
        "same_as_row": candidate.row,
    }
