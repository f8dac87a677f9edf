"""The order of concurrent writes to one record, and of the changes that a client follows."""

import functools
import itertools
import random
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from api.database import queries
from tests.brute_force import Ledger
from tests.faults.kills import service
from tests.faults.table import Row
from tests.faults.writers import fleet
from tests.store_checks import check_store, open_store
from tests.support import NOON, Client, Follower, attestation_body, run_together, wait_until

_LATER = datetime(2026, 2, 1, tzinfo=UTC)


@dataclass(frozen=True)
class _Acknowledged:
    """An acknowledged write: its action, its record, and the times of request and response."""

    begun: float
    ended: float
    id: str
    action: str


class _Contradictions:
    """Clients that confirm and deny one event, and retract or void any of these attestations."""

    def __init__(self, port: int, key: str, event: str, row: Row) -> None:
        self._port, self._key, self._event, self._row = port, key, event, row
        self._attestations: list[str] = []
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self.acknowledged: list[_Acknowledged] = []
        self.refused = 0

    def contradict(self, source: str, writes: int) -> None:
        chance = random.Random(source)
        with Client(self._port, self._key) as client:
            for _ in range(writes):
                kind = chance.choice(("created", "created", "retracted", "voided"))
                if kind == "created" or not self._attestations:
                    at = NOON + timedelta(minutes=chance.randrange(60))
                    stance = chance.choice(("confirms", "denies"))
                    body = attestation_body(self._event, source, at, stance=stance)
                    self._write(client, "created", "/v1/attestations", body)
                elif kind == "retracted":
                    path = f"/v1/attestations/{chance.choice(self._attestations)}/retraction"
                    moment = {"retracted_at": "2026-01-10T00:00:00Z"}
                    self._write(client, kind, path, moment)
                else:
                    path = f"/v1/attestations/{chance.choice(self._attestations)}/void"
                    self._write(client, kind, path, {"reason": "Entered by mistake."})

    def _write(self, client: Client, action: str, path: str, body: Any) -> None:
        begun, key = time.monotonic(), {"Idempotency-Key": f"write-{next(self._numbers)}"}
        while True:
            status, _, content = client.exchange("POST", path, body, key)
            response = orjson.loads(content)
            with self._lock:
                self._row.sent += 1
                if status in (200, 201):
                    ended = time.monotonic()
                    self.acknowledged.append(_Acknowledged(begun, ended, response["id"], action))
                    if action == "created":
                        self._attestations.append(response["id"])
                    return
                if response["type"] == "/problems/conflict":
                    self.refused += 1  # another client retracted or voided it
                    return
            if status != 503:
                self._row.must(False, f"unexpected response {status} {content[:200]!r}")
                return

    def explain(self, conn: queries.Connection) -> int:
        """Check the history in the order of the ledger; return the number of checked times."""
        entries = conn.execute(
            "SELECT seq, recorded_at, resource_id::text AS id, action FROM ledger "
            "WHERE resource = 'attestation' ORDER BY seq"
        ).fetchall()
        row = self._row
        recorded = Counter((entry.id, entry.action) for entry in entries)
        acknowledged = Counter((entry.id, entry.action) for entry in self.acknowledged)
        row.acknowledged = len(self.acknowledged)
        row.lost = (acknowledged - recorded).total()
        row.doubled = (recorded - acknowledged).total()
        row.must(recorded == acknowledged, "ledger and acknowledged writes differ")
        actions = defaultdict(list)
        for entry in entries:
            actions[entry.id].append(entry.action)
        order = ["created", "retracted", "voided"]
        row.must(
            all(
                performed == [name for name in order if name in performed]
                for performed in actions.values()
            ),
            "an attestation was retracted twice, or after it was voided",
        )
        # A write that was acknowledged before another one began precedes it.
        positions = {(entry.id, entry.action): entry.seq for entry in entries}
        ended_after = float("inf")
        for entry in sorted(
            self.acknowledged, key=lambda entry: -positions.get((entry.id, entry.action), 0)
        ):
            row.must(entry.begun <= ended_after, "a later write precedes an earlier one")
            ended_after = min(ended_after, entry.ended)
        ledger, moments = Ledger(conn), random.sample(entries, min(40, len(entries)))
        with Client(self._port) as reader:
            for moment in moments:
                record_time = moment.recorded_at.isoformat().replace("+00:00", "Z")
                path = f"/v1/release-events/{self._event}/verification?recorded_as_of={record_time}"
                response = reader.get(f"{path}&as_of={_LATER.isoformat().replace('+00:00', 'Z')}")
                verdict = ledger.record(moment.recorded_at).verdict(self._event, _LATER)
                expected = (
                    (verdict.independent_sources, verdict.independent_denials)
                    if verdict
                    else (0, 0)
                )
                row.must(
                    (response["independent_sources"], response["independent_denials"]) == expected,
                    "a response differs from the ledger",
                )
        return len(moments)


def contradictory_writes(clients: int = 16, writes: int = 25, pairs: int = 200) -> Row:
    """The history must be linearizable; of two changes with one If-Match, one is refused."""
    row = Row(f"contradictory writes to one event, {clients} clients")
    with service() as running:
        key = running.key("edit")
        with Client(running.port, key) as editor:
            event = editor.event("Nombre")
            sources = [editor.source(f"Testigo {n}") for n in range(clients)]
        contradictions = _Contradictions(running.port, key, event, row)
        run_together(
            *(functools.partial(contradictions.contradict, source, writes) for source in sources)
        )
        with open_store(running) as conn:
            moments = contradictions.explain(conn)
            check_store(conn)
        row.must(
            _pairs(running.port, key, pairs) == Counter({(200, 412): pairs}),
            "two changes with the same If-Match succeeded",
        )
    row.sent, row.acknowledged = row.sent + 2 * pairs, row.acknowledged + pairs
    row.remark = (
        f"{contradictions.refused} refused after a retraction or voiding; equal to the rule at "
        f"{moments} moments; "
        f"{pairs} pairs with one ETag: one 200, one 412 each"
    )
    return row


def _pairs(port: int, key: str, pairs: int) -> Counter[tuple[int, ...]]:
    counts: Counter[tuple[int, ...]] = Counter()
    with Client(port, key) as first, Client(port, key) as second:
        path = f"/v1/detainees/{first.person('Nombre de otra persona')}"
        for n in range(pairs):
            _, headers, _ = first.exchange_patiently("GET", path)
            second.exchange("GET", "/healthz")  # connects

            def change(client: Client, alias: str, etag: str = str(headers["ETag"])) -> int:
                body = {"aliases": [alias]}
                return client.exchange_patiently("PATCH", path, body, {"If-Match": etag})[0]

            statuses = run_together(
                functools.partial(change, first, f"Alias A{n}"),
                functools.partial(change, second, f"Alias B{n}"),
            )
            counts[tuple(sorted(statuses))] += 1
    return counts


def followed_writers(writers: int = 8, each: int = 200) -> Row:
    """A client that polls the changes sees each once and in order."""
    row = Row(f"changes followed during {writers} times {each} writes")
    with service() as running:
        key = running.key("edit")
        followers = [Follower(running.port), Follower(running.port, key)]
        with fleet(running.port, key, range(writers * each), clients=writers, pause=0) as writing:
            wait_until(lambda: writing.is_finished, "all writes")
        for follower in followers:
            follower.finish()
        with open_store(running) as conn:
            writing.fill(row, conn)
            heads = conn.execute("SELECT public_seq, seq FROM ledger_head").fetchone()
        later_followers = [Follower(running.port), Follower(running.port, key)]
        for follower in later_followers:
            follower.finish()
    missed = doubled = 0
    for follower, second, head in zip(followers, later_followers, heads, strict=True):
        missed += len({*range(1, head + 1)} - {*follower.seen})
        doubled += len(follower.seen) - len({*follower.seen})
        row.must(follower.seen == [*range(1, head + 1)], "a change was skipped or repeated")
        row.must(second.seen == follower.seen, "a second reading has another order")
    row.remark = (
        f"{sum(len(follower.seen) for follower in followers):,} changes followed by two, "
        f"{missed} missed, {doubled} doubled"
    )
    return row
