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
class _Done:
    """An acknowledged write: its action, its record, and the times of request and response."""

    begun: float
    ended: float
    id: str
    action: str


class _Contradictions:
    """Clients that confirm and deny one event, and retract or void any of these attestations."""

    def __init__(self, port: int, key: str, event: str, row: Row) -> None:
        self._port, self._key, self._event, self._row = port, key, event, row
        self._said: list[str] = []
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self.done: list[_Done] = []
        self.refused = 0

    def contradict(self, source: str, writes: int) -> None:
        chance = random.Random(source)
        with Client(self._port, self._key) as client:
            for _ in range(writes):
                kind = chance.choice(("created", "created", "retracted", "voided"))
                if kind == "created" or not self._said:
                    at = NOON + timedelta(minutes=chance.randrange(60))
                    stance = chance.choice(("confirms", "denies"))
                    body = attestation_body(self._event, source, at, stance=stance)
                    self._write(client, "created", "/v1/attestations", body)
                elif kind == "retracted":
                    path = f"/v1/attestations/{chance.choice(self._said)}/retraction"
                    moment = {"retracted_at": "2026-01-10T00:00:00Z"}
                    self._write(client, kind, path, moment)
                else:
                    path = f"/v1/attestations/{chance.choice(self._said)}/void"
                    self._write(client, kind, path, {"reason": "Entered by mistake."})

    def _write(self, client: Client, action: str, path: str, body: Any) -> None:
        begun, key = time.monotonic(), {"Idempotency-Key": f"write-{next(self._numbers)}"}
        while True:
            status, _, content = client.exchange("POST", path, body, key)
            answer = orjson.loads(content)
            with self._lock:
                self._row.sent += 1
                if status in (200, 201):
                    ended = time.monotonic()
                    self.done.append(_Done(begun, ended, answer["id"], action))
                    if action == "created":
                        self._said.append(answer["id"])
                    return
                if answer["type"] == "/problems/conflict":
                    self.refused += 1  # somebody else took it back
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
        entered = Counter((one.id, one.action) for one in entries)
        acknowledged = Counter((one.id, one.action) for one in self.done)
        row.acknowledged = len(self.done)
        row.lost = (acknowledged - entered).total()
        row.doubled = (entered - acknowledged).total()
        row.must(entered == acknowledged, "ledger and acknowledged writes differ")
        actions = defaultdict(list)
        for one in entries:
            actions[one.id].append(one.action)
        one_each = ["created", "retracted", "voided"]
        row.must(
            all(found == [a for a in one_each if a in found] for found in actions.values()),
            "an attestation was retracted twice, or after it was voided",
        )
        # What was acknowledged before another write began stands before it.
        places = {(one.id, one.action): one.seq for one in entries}
        ended_after = float("inf")
        for one in sorted(self.done, key=lambda one: -places.get((one.id, one.action), 0)):
            row.must(one.begun <= ended_after, "a later write precedes an earlier one")
            ended_after = min(ended_after, one.ended)
        ledger, moments = Ledger(conn), random.sample(entries, min(40, len(entries)))
        with Client(self._port) as reader:
            for moment in moments:
                asked = moment.recorded_at.isoformat().replace("+00:00", "Z")
                path = f"/v1/release-events/{self._event}/verification?recorded_as_of={asked}"
                told = reader.get(f"{path}&as_of={_LATER.isoformat().replace('+00:00', 'Z')}")
                said = ledger.record(moment.recorded_at).verdict(self._event, _LATER)
                expected = (said.independent_sources, said.independent_denials) if said else (0, 0)
                row.must(
                    (told["independent_sources"], told["independent_denials"]) == expected,
                    "what was answered is not what the ledger's order makes it",
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
        said = _Contradictions(running.port, key, event, row)
        run_together(*(functools.partial(said.contradict, source, writes) for source in sources))
        with open_store(running) as conn:
            moments = said.explain(conn)
            check_store(conn)
        row.must(
            _pairs(running.port, key, pairs) == Counter({(200, 412): pairs}),
            "two changes with the same If-Match succeeded",
        )
    row.sent, row.acknowledged = row.sent + 2 * pairs, row.acknowledged + pairs
    row.remark = (
        f"{said.refused} refused, since taken back before; as the rule says at {moments} moments; "
        f"{pairs} pairs with one ETag: one 200, one 412 each"
    )
    return row


def _pairs(port: int, key: str, pairs: int) -> Counter[tuple[int, ...]]:
    found: Counter[tuple[int, ...]] = Counter()
    with Client(port, key) as one, Client(port, key) as two:
        path = f"/v1/detainees/{one.person('Nombre de otra persona')}"
        for n in range(pairs):
            _, headers, _ = one.exchange("GET", path)
            two.exchange("GET", path)

            def change(client: Client, alias: str, etag: str = str(headers["ETag"])) -> int:
                body = {"aliases": [alias]}
                return client.exchange("PATCH", path, body, {"If-Match": etag})[0]

            statuses = run_together(
                functools.partial(change, one, f"Alias A{n}"),
                functools.partial(change, two, f"Alias B{n}"),
            )
            found[tuple(sorted(statuses))] += 1
    return found


def followed_writers(writers: int = 8, each: int = 200) -> Row:
    """A client that polls the changes sees each once and in order."""
    row = Row(f"changes followed during {writers} times {each} writes")
    with service() as running:
        key = running.key("edit")
        followers = [Follower(running.port), Follower(running.port, key)]
        with fleet(running.port, key, range(writers * each), clients=writers, pause=0) as fleet_:
            wait_until(lambda: fleet_.done, "all is written")
        for follower in followers:
            follower.finish()
        with open_store(running) as conn:
            fleet_.fill(row, conn)
            heads = conn.execute("SELECT public_seq, seq FROM ledger_head").fetchone()
        again = [Follower(running.port), Follower(running.port, key)]
        for follower in again:
            follower.finish()
    missed = doubled = 0
    for follower, second, head in zip(followers, again, heads, strict=True):
        missed += len({*range(1, head + 1)} - {*follower.seen})
        doubled += len(follower.seen) - len({*follower.seen})
        row.must(follower.seen == [*range(1, head + 1)], "a change was skipped or repeated")
        row.must(second.seen == follower.seen, "a second reading has another order")
    row.remark = (
        f"{sum(len(follower.seen) for follower in followers):,} changes followed by two, "
        f"{missed} missed, {doubled} doubled"
    )
    return row
