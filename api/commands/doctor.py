"""Whether a service and its store are well, check by check, each with what to do if not.

It reads only, and the store in blocks at one moment: nothing that is written meanwhile disturbs it.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import SystemRandom
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from api.config import Config
from api.database import connections, migrations, queries
from api.database.connections import SERVICE
from api.verification import verdicts as verify
from api.verification.counting import FIGURES, MIN_SOURCES, Tally, tally_changes

_BLOCK = 500
_CLOCKS_APART = timedelta(seconds=5)
_ROOM = 1 << 30  # bytes
_PRIME = (1 << 61) - 1
_SALT = SystemRandom().getrandbits(64)
_WEIGHTS = [[SystemRandom().randrange(_PRIME) for _ in FIGURES] for _ in MIN_SOURCES]


class Finding(NamedTuple):
    """Of one check: what was found, and what to do if that is a fault."""

    check: str
    found: str
    remedy: str | None = None


def examine(
    conn: queries.Connection, config: Config, service_url: str, say: Callable[[str], Any]
) -> Iterator[Finding]:
    """All checks of a database, by its owner's connection; `say` is told of progress."""
    yield _durability(conn, config)
    done = _migrations(conn)
    yield done
    if done.remedy is not None:
        return
    yield _login(service_url)
    yield _rights(conn)
    yield _clock(conn)
    with queries.snapshot(conn):
        yield _ledger(conn)
        yield _attestations(conn)
        yield from _rule(conn, say)


def room(data_dir: Path) -> Finding:
    """Whether the embedded PostgreSQL has room to write."""
    usage = shutil.disk_usage(data_dir)
    found = f"{usage.free / (1 << 30):,.1f} GiB are free"
    if usage.free < max(_ROOM, usage.total // 50):
        return Finding(
            "disk", found, f"Make room where {data_dir} is: writes fail when it is full."
        )
    return Finding("disk", found)


def _durability(conn: queries.Connection, config: Config) -> Finding:
    version = f"PostgreSQL {conn.info.server_version // 10000}"
    try:
        connections.check_server(conn, allow_unsafe_durability=False)
    except connections.UnfitServerError as error:
        return Finding("database", version, str(error))
    if config.allow_unsafe_durability:
        return Finding(
            "database", version, "Unset CONSTANCIA_ALLOW_UNSAFE_DURABILITY: nothing here needs it."
        )
    return Finding("database", f"{version}, and what it acknowledges is on disk")


def _migrations(conn: queries.Connection) -> Finding:
    try:
        missing = migrations.pending(conn)
    except migrations.MigrationError as error:
        return Finding(
            "migrations", str(error), "Run the version of Constancia that the database is of."
        )
    if missing:
        return Finding("migrations", f"{len(missing)} are missing", "Run constancia migrate.")
    return Finding("migrations", f"all {len(migrations.migrations())} are applied")


def _login(service_url: str) -> Finding:
    try:
        connections.check_service(service_url)
    except connections.UnfitServerError as error:
        return Finding("login", "requests cannot be served", str(error))
    except psycopg.OperationalError:
        return Finding("login", "requests cannot be served", "See DATABASE_URL.")
    return Finding("login", f"requests are served as {SERVICE}")


def _rights(conn: queries.Connection) -> Finding:
    wrong = [row.what for row in queries.rows(conn, "database/list_role_privileges", role=SERVICE)]
    if wrong:
        return Finding(
            "rights",
            f"{SERVICE} {_some(wrong)}",
            "GRANT and REVOKE as sql/migrations do: see 0028_service_role.sql.",
        )
    return Finding("rights", f"{SERVICE} may do what requests need, and nothing else")


def _clock(conn: queries.Connection) -> Finding:
    before = datetime.now(UTC)
    ends = queries.row(conn, "ledger/get_ends")
    after = datetime.now(UTC)
    apart = max(before - ends.now, ends.now - after, timedelta())
    if ends.is_ahead:
        return Finding(
            "clock",
            "the database's clock is behind the last entry of the ledger",
            "Set the clock of the database's host right; nothing recorded is lost meanwhile.",
        )
    if apart > _CLOCKS_APART:
        return Finding(
            "clock",
            f"the database's clock and this host's are {apart.total_seconds():,.0f} seconds apart",
            "Let both hosts take their time from NTP.",
        )
    return Finding("clock", "the database's clock is this host's")


def _ledger(conn: queries.Connection) -> Finding:
    ends = queries.row(conn, "ledger/get_ends")
    remedy = "Restore a backup elsewhere and compare: an entry was changed outside of the service."
    disorder = queries.row(conn, "ledger/find_disorder")
    if disorder:
        return Finding("ledger", f"entry {disorder.seq} does not follow the one before", remedy)
    if ends.seq != ends.last_seq or ends.public_seq != ends.last_public_seq or not ends.is_last:
        return Finding("ledger", "its head is not its last entry", remedy)
    return Finding("ledger", f"{ends.entries:,} entries in order, {ends.public_entries:,} public")


def _attestations(conn: queries.Connection) -> Finding:
    changed = [str(row.id) for row in queries.rows(conn, "ledger/list_mismatches")]
    if changed:
        return Finding(
            "attestations",
            f"not as the ledger has them: {_some(changed)}",
            "Compare with the ledger's last entry of each: it was changed outside of the service.",
        )
    return Finding("attestations", "all are as the ledger has them")


def _rule(conn: queries.Connection, say: Callable[[str], Any]) -> Iterator[Finding]:
    """Verdicts, standings and tallies, each again from what it is made of."""
    sums = _Sums()
    verdicts: list[str] = []
    standings: list[str] = []
    done = 0
    for people in _people(conn):
        wrong = verify.differing(conn, people)
        verdicts += map(str, sorted(wrong.verdicts)[: _SHOWN - len(verdicts) + 1])
        standings += map(str, sorted(wrong.standings)[: _SHOWN - len(standings) + 1])
        for own in verify.stored_standings(conn, people):
            sums.add(tally_changes([], own).items())
        done += len(people)
        if len(people) == _BLOCK:
            say(f"{done:,} people gone through")
    stored = _Sums()
    with conn.cursor("tallies") as cursor:
        cursor.execute(queries.text("verification/list_rollups", frozenset()).encode())
        for row in cursor:
            stored.add([((row.property, row.value, row.grain, row.bucket), row.people)])
    remedy = "Restore a backup elsewhere and compare: it was changed outside of the service."
    for check, wrong_ids, of in (
        ("verdicts", verdicts, "release events"),
        ("standings", standings, "people"),
    ):
        if wrong_ids:
            yield Finding(check, f"not what the rule says, of {of} {_some(wrong_ids)}", remedy)
        else:
            yield Finding(check, f"all are what the rule says, of {done:,} people")
    if stored.value != sums.value:
        yield Finding("tallies", "they are not the sums of the standings", remedy)
    else:
        yield Finding("tallies", "they are the sums of the standings")


def _people(conn: queries.Connection) -> Iterator[Sequence[UUID]]:
    after = UUID(int=0)
    while rows := queries.rows(conn, "detainees/list_ids", after=after, limit=_BLOCK):
        yield [row.id for row in rows]
        after = rows[-1].id


class _Sums:
    """Tallies in one number, so that very many can be compared without being kept: a sum in which
    each count has a weight of its own, random, so that no two mistakes make up for each other."""

    def __init__(self) -> None:
        self.value = 0

    def add(self, tallies: Iterable[tuple[Tally, Sequence[Sequence[int]]]]) -> None:
        for tally, people in tallies:
            count = sum(
                n * weight
                for row, weights in zip(people, _WEIGHTS, strict=True)
                for n, weight in zip(row, weights, strict=True)
                if n
            )
            self.value = (self.value + count * hash((_SALT, tally))) % _PRIME


_SHOWN = 5


def _some(words: Sequence[str]) -> str:
    return ", ".join(words[:_SHOWN]) + (", ..." if len(words) > _SHOWN else "")
