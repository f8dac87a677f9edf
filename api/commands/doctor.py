"""The `doctor` command: check the settings and the store, and name a remedy for each defect.

Reads only, in one snapshot of the database, so that concurrent writes do not disturb the checks.
"""

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from random import SystemRandom
from typing import Any, NamedTuple
from uuid import UUID

import click
import psycopg

from api import config
from api.commands import options, store
from api.config import SERVICE_ROLE, Config
from api.database import connections, migrations, queries
from api.errors import counted
from api.identity import duplicates
from api.verification import person_statuses, verdicts
from api.verification.counting import FIGURES, MIN_SOURCES, RollupKey, rollup_changes

_BLOCK_SIZE = 500
_MAX_CLOCK_DIFFERENCE = timedelta(seconds=5)
_MIN_FREE_BYTES = 1 << 30
_MAX_LISTED = 5
_MAX_BLOCKS = 20
"""The blocks of people whose possible duplicates are counted."""
_LOGIN_REMEDY = "The service's login cannot connect: check host, user and password in DATABASE_URL."
_PRIVILEGES_REMEDY = (
    "Run again the GRANT and REVOKE lines of the file in sql/migrations that creates the table; "
    "for the database and its schema, those of 0001_conventions.sql."
)
_TAMPERED = "The store was changed outside of the service. Restore a backup elsewhere and compare."
# Two sums of rollups are compared modulo this prime, with random weights (class _RollupSum).
_PRIME = (1 << 61) - 1
_SALT = SystemRandom().getrandbits(64)
_WEIGHTS = [[SystemRandom().randrange(_PRIME) for _ in FIGURES] for _ in MIN_SOURCES]


@click.command("doctor")
@options.data_dir
def doctor(data_dir: Path | None) -> None:
    """Check the settings and the store, and name a remedy for each defect. Changes nothing."""
    defects = 0
    for finding in _findings(data_dir):
        defects += finding.remedy is not None
        label = "ok" if finding.remedy is None else "defect"
        remedy = "" if finding.remedy is None else f". {finding.remedy}"
        click.echo(f"{label:6} {finding.check:13} {finding.result}{remedy}")
    if defects:
        sys.exit(1)


class Finding(NamedTuple):
    """The result of one check. It has a remedy if there is a defect."""

    check: str
    result: str
    remedy: str | None = None


def _findings(data_dir: Path | None) -> Iterator[Finding]:
    try:
        settings = config.read()
    except ValueError as error:
        yield Finding("settings", "one is invalid", str(error))
        return
    links = settings.public_url or "the host that each request names (CONSTANCIA_PUBLIC_URL)"
    yield Finding("settings", f"all are valid; absolute links begin with {links}")
    try:
        with store.database(data_dir) as (_, url), connections.connect(url) as conn:
            if not settings.database_url:
                yield check_disk(data_dir or settings.data_dir)
            service_url = store.service_url(settings, url)
            yield from examine(conn, settings, service_url, store.progress)
    except click.ClickException as error:
        yield Finding("database", "cannot be examined", error.message)


def examine(
    conn: queries.Connection, settings: Config, service_url: str, progress: Callable[[str], Any]
) -> Iterator[Finding]:
    """Run all checks of a database over the owner's connection."""
    yield _durability(conn, settings)
    migrations_finding = _migrations(conn)
    yield migrations_finding
    if migrations_finding.remedy is not None:
        return
    yield _login(service_url, settings)
    yield _privileges(conn)
    yield _clock(conn)
    with queries.snapshot(conn):
        yield _ledger(conn)
        yield _records(conn)
        yield _sources(conn)
        yield _people(conn)
        yield from _rule(conn, progress)


def check_disk(data_dir: Path) -> Finding:
    """Check that the embedded PostgreSQL has free disk space."""
    usage = shutil.disk_usage(data_dir)
    result = f"{usage.free / (1 << 30):,.1f} GiB are free"
    if usage.free < max(_MIN_FREE_BYTES, usage.total // 50):
        remedy = f"Free some space in {data_dir}: writes fail on a full disk."
        return Finding("disk", result, remedy)
    return Finding("disk", result)


def _durability(conn: queries.Connection, settings: Config) -> Finding:
    version = f"PostgreSQL {conn.info.server_version // 10000}"
    try:
        connections.check_server(conn, allow_unsafe_durability=False)
    except connections.UnfitServerError as error:
        return Finding("database", version, str(error))
    if settings.allow_unsafe_durability:
        return Finding(
            "database", version, "Unset CONSTANCIA_ALLOW_UNSAFE_DURABILITY: it is not needed here."
        )
    return Finding("database", f"{version}, and acknowledged writes are on disk")


def _migrations(conn: queries.Connection) -> Finding:
    try:
        missing = migrations.pending(conn)
    except migrations.MigrationError as error:
        return Finding("migrations", "do not fit this version", str(error))
    if missing:
        return Finding("migrations", f"missing: {len(missing)}", "Run constancia migrate.")
    return Finding("migrations", f"all {len(migrations.migrations())} are applied")


def _login(service_url: str, settings: Config) -> Finding:
    unsafe = settings.allow_unsafe_durability
    try:
        connections.check_service(service_url, allow_unsafe_durability=unsafe)
    except connections.UnfitServerError as error:
        return Finding("login", "requests cannot be served", str(error))
    except psycopg.OperationalError:
        return Finding("login", "requests cannot be served", _LOGIN_REMEDY)
    return Finding("login", f"requests are served as {SERVICE_ROLE}")


def _privileges(conn: queries.Connection) -> Finding:
    defects = [
        row.finding
        for row in queries.rows(conn, "database/list_role_privileges", role=SERVICE_ROLE)
    ]
    if defects:
        return Finding(
            "privileges",
            f"{SERVICE_ROLE} {_first_listed(defects)}",
            _PRIVILEGES_REMEDY,
        )
    return Finding(
        "privileges", f"{SERVICE_ROLE} has the privileges that requests need, and no others"
    )


def _clock(conn: queries.Connection) -> Finding:
    before = datetime.now(UTC)
    ends = queries.row(conn, "ledger/get_ends")
    after = datetime.now(UTC)
    difference = max(before - ends.now, ends.now - after, timedelta())
    if ends.is_ahead:
        return Finding(
            "clock",
            "the database's clock is behind the last entry of the ledger",
            "Correct the clock of the database's host; nothing recorded is lost meanwhile.",
        )
    if difference > _MAX_CLOCK_DIFFERENCE:
        seconds = difference.total_seconds()
        return Finding(
            "clock",
            f"the clocks of the database and of this host differ by {seconds:,.0f} seconds",
            "Synchronise both hosts with NTP.",
        )
    return Finding("clock", "the clocks of the database and of this host agree")


def _ledger(conn: queries.Connection) -> Finding:
    ends = queries.row(conn, "ledger/get_ends")
    disorder = queries.row(conn, "ledger/find_disorder")
    if disorder:
        return Finding(
            "ledger", f"entry {disorder.seq} does not follow the previous one", _TAMPERED
        )
    if ends.seq != ends.last_seq or ends.public_seq != ends.last_public_seq or not ends.is_last:
        return Finding("ledger", "its head is not its last entry", _TAMPERED)
    return Finding("ledger", f"{ends.entries:,} entries in order, {ends.public_entries:,} public")


def _records(conn: queries.Connection) -> Finding:
    mismatches = [
        f"{row.resource} {row.id}" for row in queries.rows(conn, "ledger/list_mismatches")
    ]
    if mismatches:
        return Finding(
            "records",
            f"differ from the ledger: {_first_listed(mismatches)}",
            "Compare each with its last ledger entry: it was changed outside of the service.",
        )
    return Finding("records", "all agree with the ledger")


def _sources(conn: queries.Connection) -> Finding:
    """Count the possible duplicates of sources. Two sources with one name are a defect."""
    pairs = [pair for block in duplicates.blocks(conn, "source") for pair in block.pairs]
    result = _possible_duplicates("source", len(pairs), is_complete=True)
    same = [f"{pair.first.id} and {pair.second.id}" for pair in pairs if pair.has_same_name]
    if same:
        return Finding(
            "sources",
            f"{result}; these have one name: {_first_listed(same)}",
            "Merge the two, or record that they are distinct: each counts as a source of its own.",
        )
    return Finding("sources", result)


def _people(conn: queries.Connection) -> Finding:
    """Count the possible duplicates of people. They are not a defect."""
    count, is_complete = 0, False
    for block in islice(duplicates.blocks(conn, "detainee"), _MAX_BLOCKS):
        count += len(block.pairs)
        is_complete = block.is_last
    return Finding("people", _possible_duplicates("detainee", count, is_complete=is_complete))


def _possible_duplicates(resource: str, count: int, *, is_complete: bool) -> str:
    if is_complete and not count:
        return "no possible duplicates"
    least = "" if is_complete else "at least "
    pairs = counted(count, "possible duplicate")
    return f"{least}{pairs}: see GET /v1/duplicates?resource={resource}"


def _rule(conn: queries.Connection, progress: Callable[[str], Any]) -> Iterator[Finding]:
    """Recompute verdicts, person statuses and rollups, and compare them with the stored ones."""
    sums = _RollupSum()
    events: list[str] = []
    persons: list[str] = []
    checked = 0
    for people in _blocks_of_people(conn):
        audit = verdicts.audit(conn, people)
        events += map(str, sorted(audit.release_events)[: _MAX_LISTED - len(events) + 1])
        persons += map(str, sorted(audit.people)[: _MAX_LISTED - len(persons) + 1])
        for statuses in person_statuses.read_stored(conn, people):
            sums.add(rollup_changes([], statuses).items())
        checked += len(people)
        if len(people) == _BLOCK_SIZE:
            progress(f"{checked:,} people checked")
    stored = _RollupSum()
    with conn.cursor("rollups") as cursor:
        cursor.execute(queries.text("verification/list_rollups", frozenset()).encode())
        for row in cursor:
            stored.add([((row.property, row.value, row.grain, row.bucket), row.people)])
    for check, wrong_ids, kind in (
        ("verdicts", events, "release events"),
        ("statuses", persons, "people"),
    ):
        if wrong_ids:
            yield Finding(
                check, f"differ from the rule, for {kind} {_first_listed(wrong_ids)}", _TAMPERED
            )
        else:
            yield Finding(check, f"all agree with the rule, for {checked:,} people")
    if stored.value != sums.value:
        yield Finding("rollups", "are not the sums of the person statuses", _TAMPERED)
    else:
        yield Finding("rollups", "are the sums of the person statuses")


def _blocks_of_people(conn: queries.Connection) -> Iterator[Sequence[UUID]]:
    after = UUID(int=0)
    while rows := queries.rows(conn, "detainees/list_ids", after=after, limit=_BLOCK_SIZE):
        yield [row.id for row in rows]
        after = rows[-1].id


class _RollupSum:
    """One number for a set of rollups, so that large sets can be compared without keeping them.

    The number is a sum in which each figure and each rollup has a random weight, so that two
    differences do not cancel out.
    """

    def __init__(self) -> None:
        self.value = 0

    def add(self, rollups: Iterable[tuple[RollupKey, Sequence[Sequence[int]]]]) -> None:
        for rollup, people in rollups:
            weighted_sum = sum(
                n * weight
                for row, weights in zip(people, _WEIGHTS, strict=True)
                for n, weight in zip(row, weights, strict=True)
                if n
            )
            self.value = (self.value + weighted_sum * hash((_SALT, rollup))) % _PRIME


def _first_listed(items: Sequence[str]) -> str:
    return ", ".join(items[:_MAX_LISTED]) + (", ..." if len(items) > _MAX_LISTED else "")
