"""The store and its two clocks: random histories, each checked after every write against the rule
recomputed and against a count made by hand from the ledger; and answers that never change."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise, product
from threading import Barrier, Thread
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api import auth, counting, db, paging, schemas, spec, verification
from api.app import create_app
from api.counting import MIN_SOURCES
from api.operations import attestations
from api.queries import Connection
from tests.conftest import Api, cloned

STATUSES = ("confirmed", "disputed", "reported", "refuted", "unverified")
TABLES = {
    "source": "sources",
    "affiliation": "affiliations",
    "facility": "facilities",
    "detainee": "detainees",
    "detention": "detentions",
    "release_event": "release_events",
    "attestation": "attestations",
}
# A few moments, so that words published at one moment, and periods that end there, are common.
MOMENTS = [datetime(2026, 1, 8, 20, tzinfo=UTC) + timedelta(hours=h) for h in (0, 1, 7, 30, 800)]
WORD = {"stance": "confirms", "basis": "first_hand", "evidence": "report"}
DAYS = [date(2026, 1, 8), date(2026, 1, 10), date(2026, 1, 20), date(2026, 2, 8)]
DETAINED_ON = [None, "2024", "2026-01", "2026-01-09", "2026-01-31", "2026-02"]


def text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


# What the store must hold, recomputed.


def recomputed_history(conn: Connection) -> Mapping[str, list[verification.Verdict]]:
    """For each event, what the rule says of it along publication time, from the tables."""
    affiliations = [
        verification.Affiliation(*row)
        for row in conn.execute(
            "SELECT source_id::text, with_source_id::text, valid_from, valid_until"
            " FROM affiliations"
        )
    ]
    attestations: dict[str, list[verification.Attestation]] = {}
    for row in conn.execute("SELECT id::text FROM release_events"):
        attestations[row.id] = []
    for row in conn.execute(
        "SELECT a.*, (SELECT array_agg(r.relayed_attestation_id::text) FROM relays r"
        "  WHERE r.attestation_id = a.id AND r.relayed_attestation_id IS NOT NULL) AS attestations,"
        " (SELECT array_agg(r.relayed_source_id::text) FROM relays r"
        "  WHERE r.attestation_id = a.id AND r.relayed_source_id IS NOT NULL) AS sources"
        " FROM attestations a WHERE a.voided_at IS NULL"
    ):
        attestations[str(row.release_event_id)].append(
            verification.Attestation(
                id=str(row.id),
                source=str(row.source_id),
                stance=row.stance,
                basis=row.basis,
                published_at=row.published_at,
                retracted_at=row.retracted_at,
                relayed_attestations=row.attestations or (),
                relayed_sources=row.sources or (),
                release_kind=row.release_kind,
                recorded=row.recorded_order,
            )
        )
    return {
        event: verification.history(words, affiliations) for event, words in attestations.items()
    }


def assert_verdicts_are_the_rule(conn: Connection) -> None:
    """Every current verdict is what the rule says, at every moment at which it can change."""
    stored: dict[str, list[Any]] = {}
    for row in conn.execute(
        "SELECT release_event_id::text AS event, published_from, independent_sources,"
        " independent_denials, status, since, kinds, reasoning"
        " FROM verdicts WHERE recorded_until = 'infinity' ORDER BY published_from"
    ):
        stored.setdefault(row.event, []).append(row)
    for event, history in recomputed_history(conn).items():
        rows = stored.pop(event, [])
        assert {row.published_from for row in rows} <= {verdict.at for verdict in history}
        since, former = None, None
        for verdict in history:
            status = verification.status(verdict.independent_sources, verdict.independent_denials)
            if status != former:
                since, former = verdict.at, status
            row = [row for row in rows if row.published_from <= verdict.at][-1]
            assert (row.independent_sources, row.independent_denials, row.status, row.since) == (
                verdict.independent_sources,
                verdict.independent_denials,
                status,
                since,
            )
            assert row.kinds == verdict.kinds
            reasoning = row.reasoning
            for name, chains in (
                ("proof", verdict.proof),
                ("denial_proof", verdict.denial_proof),
            ):
                assert [(c["attestation_ids"], c["groups"]) for c in reasoning[name]] == [
                    (list(c.attestation_ids), [list(g) for g in c.groups]) for c in chains
                ]
            assert reasoning["rests_on"] == [list(group) for group in verdict.rests_on]
            assert reasons_at(conn, event, verdict.at) == dict(verdict.not_counted)
        # A row wherever the answer differs from the one before, and no other.
        contents = [
            (r.independent_sources, r.independent_denials, r.kinds, r.reasoning) for r in rows
        ]
        assert all(before != after for before, after in pairwise(contents))
    assert not stored


def reasons_at(conn: Connection, event: str, moment: datetime) -> dict[str, str]:
    """Why each attestation is not counted at a moment, as the record has it."""
    rows = conn.execute(
        "SELECT DISTINCT ON (attestation_id) attestation_id::text, reason FROM not_counted"
        " WHERE release_event_id = %s AND recorded_until = 'infinity' AND published_from <= %s"
        " ORDER BY attestation_id, published_from DESC",
        [event, moment],
    )
    return {row.attestation_id: row.reason for row in rows if row.reason is not None}


def assert_standings_are_recounted(conn: Connection) -> None:
    """Every person's current standings follow from the rule, and the tallies are their sums."""
    history = recomputed_history(conn)
    detentions: dict[Any, list[Any]] = {}
    for row in conn.execute(
        "SELECT id, detainee_id, CASE WHEN detained_on IS NULL THEN created_at"
        " ELSE began_on::timestamp AT TIME ZONE 'UTC' END AS began_at"
        " FROM detentions ORDER BY began_on, created_at, id"
    ):
        detentions.setdefault(row.detainee_id, []).append(row)
    events: dict[Any, list[counting.Event]] = {}
    for row in conn.execute("SELECT id::text, detainee_id, detention_id FROM release_events"):
        place = [d.id for d in detentions[row.detainee_id]].index(row.detention_id)
        steps = [(v.at, v.independent_sources, v.independent_denials) for v in history[row.id]]
        events.setdefault(row.detainee_id, []).append(counting.Event(place, steps))
    stored: dict[Any, list[tuple[datetime, str]]] = {}
    for row in conn.execute(
        "SELECT detainee_id, published_from, standing FROM standings"
        " WHERE recorded_until = 'infinity' ORDER BY detainee_id, published_from"
    ):
        stored.setdefault(row.detainee_id, []).append((row.published_from, row.standing))
    expected = {
        person: found
        for person, theirs in events.items()
        if (
            found := counting.standings(
                [event for event in theirs if event.steps],
                [detention.began_at for detention in detentions[person]],
            )
        )
    }
    assert stored == expected

    sums: Counter[tuple[str, datetime | None, str]] = Counter()
    for changes in stored.values():
        former = None
        for moment, standing in changes:
            for word, people in ((standing, 1), (former, -1)):
                if word is not None:
                    for grain, bucket in _buckets(moment):
                        sums[grain, bucket, word] += people
            former = standing
    tallies = {
        (row.grain, row.bucket, row.standing): row.people
        for row in conn.execute(
            "SELECT grain, nullif(bucket, '-infinity') AS bucket, standing, people FROM tallies"
        )
    }
    assert {key: n for key, n in tallies.items() if n} == {key: n for key, n in sums.items() if n}


def _buckets(moment: datetime) -> Iterator[tuple[str, datetime | None]]:
    yield "total", None
    yield "moment", moment
    zero = {"microsecond": 0, "second": 0}
    for grain, also in (
        ("minute", {}),
        ("hour", {"minute": 0}),
        ("day", {"hour": 0}),
        ("month", {"day": 1}),
        ("year", {"month": 1}),
    ):
        zero |= also
        yield grain, moment.replace(**zero)  # type: ignore[arg-type]


def assert_store_is_whole(conn: Connection) -> None:
    assert_verdicts_are_the_rule(conn)
    assert_standings_are_recounted(conn)


# A count by hand, from nothing but the ledger.


class Record:
    """The record as the ledger had it at a moment."""

    def __init__(self, conn: Connection, recorded_as_of: datetime) -> None:
        self.of: dict[str, dict[str, Any]] = {resource: {} for resource in TABLES}
        self.first_seq: dict[str, int] = {}
        for row in conn.execute(
            "SELECT seq, resource, resource_id::text AS id, entry FROM ledger"
            " WHERE recorded_at <= %s ORDER BY seq",
            [recorded_as_of],
        ):
            self.of[row.resource][row.id] = row.entry
            self.first_seq.setdefault(row.id, row.seq)

    def _moment(self, value: str | None) -> Any:
        return value and datetime.fromisoformat(value)

    def _verdict(self, event: str, as_of: datetime) -> verification.Verdict | None:
        affiliations = [
            verification.Affiliation(
                a["source_id"],
                a["with_source_id"],
                self._moment(a["valid_from"]),
                self._moment(a["valid_until"]),
            )
            for a in self.of["affiliation"].values()
        ]
        attestations = [
            verification.Attestation(
                id=a["id"],
                source=a["source_id"],
                stance=a["stance"],
                basis=a["basis"],
                published_at=self._moment(a["published_at"]),
                retracted_at=self._moment(a["retracted_at"]),
                relayed_attestations=[
                    r["attestation_id"] for r in a["relays"] if r["attestation_id"]
                ],
                relayed_sources=[r["source_id"] for r in a["relays"] if r["source_id"]],
                release_kind=a["release_kind"],
                recorded=self.first_seq[a["id"]],
            )
            for a in self.of["attestation"].values()
            if a["release_event_id"] == event and a["voided_at"] is None
        ]
        passed = [v for v in verification.history(attestations, affiliations) if v.at <= as_of]
        return passed[-1] if passed else None

    def _detained_again(self, event: Mapping[str, Any], as_of: datetime) -> bool:
        def place(detention: Mapping[str, Any]) -> Any:
            return detention["began_on"], self._moment(detention["created_at"]), detention["id"]

        def begun(detention: Mapping[str, Any]) -> bool:
            if detention["detained_on"] is None:
                return bool(self._moment(detention["created_at"]) <= as_of)
            return datetime.fromisoformat(detention["began_on"]).replace(tzinfo=UTC) <= as_of

        ended = self.of["detention"][event["detention_id"]]
        return any(
            place(other) > place(ended) and begun(other)
            for other in self.of["detention"].values()
            if other["detainee_id"] == event["detainee_id"]
        )

    def count(
        self,
        as_of: datetime,
        min_sources: int = 2,
        *,
        facility_id: str | None = None,
        nationality: str | None = None,
        age_group: str | None = None,
        sex: str | None = None,
        release_kind: str | None = None,
        occurred_from: str | None = None,
        occurred_until: str | None = None,
    ) -> dict[str, int]:
        """People once, by the strongest status among their events that match."""
        judged: dict[str, list[tuple[str, bool]]] = {}
        for event in self.of["release_event"].values():
            person = self.of["detainee"][event["detainee_id"]]
            detention = self.of["detention"][event["detention_id"]]
            verdict = self._verdict(event["id"], as_of)
            if (
                verdict is None
                or (facility_id and detention["facility_id"] != facility_id)
                or (nationality and nationality not in person["nationalities"])
                or (age_group and person["age_group"] != age_group)
                or (sex and person["sex"] != sex)
                or (release_kind and release_kind not in verdict.kinds)
                or (occurred_from and event["occurred_on"] < occurred_from)
                or (occurred_until and event["occurred_on"] > occurred_until)
            ):
                continue
            sources = verdict.independent_sources
            if release_kind:
                sources = verdict.kinds[release_kind]
            status = verification.status(sources, verdict.independent_denials, min_sources)
            again = self._detained_again(event, as_of)
            judged.setdefault(person["id"], []).append((status, again))
        people: Counter[str] = Counter()
        for events in judged.values():
            strongest = min((status for status, _ in events), key=STATUSES.index)
            people[strongest] += 1
            if strongest == "confirmed":
                people["rearrested"] += all(a for status, a in events if status == "confirmed")
        return {word: people[word] for word in (*STATUSES, "rearrested")}


# Random histories.


class World:
    """An API on a database of its own, the ids that were made in it, and what it answered."""

    def __init__(self, api: Api, conn: Connection) -> None:
        self.api = api
        self.conn = conn
        self.ids: dict[str, list[str]] = {resource: [] for resource in TABLES}
        self.answered: dict[tuple[str, tuple[tuple[str, Any], ...]], bytes] = {}
        for i in range(3):
            self.write("POST", "/v1/sources", {"name": f"Fuente {i}", "kind": "ngo"}, "source")
        for i in range(2):
            self.write(
                "POST", "/v1/facilities", {"name": f"Lugar {i}", "country": "VE"}, "facility"
            )
        for i in range(2):
            self.write("POST", "/v1/detainees", {"name": f"Persona {i}", "sex": "male"}, "detainee")
            person = self.ids["detainee"][-1]
            path = f"/v1/detainees/{person}/detentions"
            self.write("POST", path, {"facility_id": self.ids["facility"][i]}, "detention")
            body = {"detainee_id": person, "occurred_on": str(DAYS[0])}
            self.write("POST", "/v1/release-events", body, "release_event")

    def seq(self) -> int:
        row = self.conn.execute("SELECT seq FROM ledger_head").fetchone()
        assert row is not None
        return int(row.seq)

    def write(self, method: str, path: str, body: Any, resource: str) -> None:
        """One write: one entry of the ledger, equal to the row; none if it is refused."""
        before = self.seq()
        response = self.api.send(method, path, json=body)
        if response.status_code in (409, 422):
            assert self.seq() == before
            return
        assert response.status_code in (200, 201), response.get_data(as_text=True)
        written = response.get_json()
        if response.status_code == 201:
            self.ids[resource].append(written["id"])
        relays = (
            "|| jsonb_build_object('relays', (SELECT coalesce(jsonb_agg(jsonb_build_object("
            "'attestation_id', l.relayed_attestation_id, 'source_id', l.relayed_source_id)"
            " ORDER BY l.relayed_attestation_id, l.relayed_source_id), '[]')"
            " FROM relays l WHERE l.attestation_id = r.id))"
        )
        entries = self.conn.execute(
            "SELECT l.seq, l.resource, l.resource_id::text AS id, l.entry ="
            f" (SELECT to_jsonb(r) {relays if resource == 'attestation' else ''}"
            f" FROM {TABLES[resource]} r WHERE r.id = l.resource_id) AS equal"
            " FROM ledger l WHERE l.seq > %s",
            [before],
        ).fetchall()
        assert entries == [(before + 1, resource, written["id"], True)]
        assert self.seq() == before + 1

    def ask(self, path: str, **query: Any) -> Any:
        """An answer for a pair of moments, of which every byte is remembered."""
        response = self.api.send("GET", path, query_string=query)
        assert response.status_code == 200, response.get_data(as_text=True)
        asked = (path, tuple(sorted(query.items())))
        assert self.answered.setdefault(asked, response.get_data()) == response.get_data()
        return response.get_json()

    def assert_answers_have_not_changed(self) -> None:
        for (path, query), answer in self.answered.items():
            assert self.api.send("GET", path, query_string=dict(query)).get_data() == answer


@contextmanager
def new_world(server: str) -> Iterator[World]:
    with cloned(server) as url, db.pool(url, 2) as pool, db.connect(url) as conn:
        _, key = auth.create_key(conn, "editor", "edit")
        yield World(Api(create_app(pool).test_client(), lambda _: key, key), conn)


class Chooser:
    """Hypothesis' choices, in the words of the histories."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data

    def of(self, choices: Sequence[Any]) -> Any:
        return self._data.draw(st.sampled_from(choices))

    def moment(self) -> str:
        return text(self.of(MOMENTS))

    def period(self) -> dict[str, str | None]:
        return {
            name: self.of([None, *map(text, MOMENTS)]) for name in ("valid_from", "valid_until")
        }


def write_something(world: World, choose: Chooser) -> None:
    """One write of any kind. It may be refused: what it says need not make sense."""
    ids = world.ids
    kinds = ["attest"] * 8 + ["retract", "void", "tie", "tie again", "re-arrest", "event"] * 2
    kinds += ["source", "detainee", "of detainee", "of detention", "of event"]
    kind = choose.of(kinds)
    if kind == "source":
        world.write("POST", "/v1/sources", {"name": "Otra fuente", "kind": "person"}, "source")
    elif kind == "tie":
        body = {"with_source_id": choose.of(ids["source"]), "relation": "owned_by"}
        path = f"/v1/sources/{choose.of(ids['source'])}/affiliations"
        world.write("POST", path, body | choose.period(), "affiliation")
    elif kind == "tie again" and ids["affiliation"]:
        path = f"/v1/affiliations/{choose.of(ids['affiliation'])}"
        world.write("PATCH", path, choose.period(), "affiliation")
    elif kind == "detainee":
        world.write("POST", "/v1/detainees", {"name": "Otra", "sex": "female"}, "detainee")
    elif kind == "re-arrest":
        path = f"/v1/detainees/{choose.of(ids['detainee'])}/detentions"
        body = {"detained_on": choose.of(DETAINED_ON), "facility_id": choose.of(ids["facility"])}
        world.write("POST", path, body, "detention")
    elif kind == "event":
        body = {"detainee_id": choose.of(ids["detainee"]), "occurred_on": str(choose.of(DAYS))}
        world.write("POST", "/v1/release-events", body, "release_event")
    elif kind == "of detainee":
        body = choose.of(
            [
                {"nationalities": ["VE", "ES"]},
                {"nationalities": []},
                {"age_group": "minor"},
                {"age_group": "adult"},
                {"sex": None},
            ]
        )
        world.write("PATCH", f"/v1/detainees/{choose.of(ids['detainee'])}", body, "detainee")
    elif kind == "of detention":
        body = choose.of(
            [{"detained_on": day} for day in DETAINED_ON]
            + [{"facility_id": facility} for facility in [None, *ids["facility"]]]
        )
        world.write("PATCH", f"/v1/detentions/{choose.of(ids['detention'])}", body, "detention")
    elif kind == "of event":
        path = f"/v1/release-events/{choose.of(ids['release_event'])}"
        world.write("PATCH", path, {"occurred_on": str(choose.of(DAYS))}, "release_event")
    elif kind == "retract" and ids["attestation"]:
        path = f"/v1/attestations/{choose.of(ids['attestation'])}/retraction"
        world.write("POST", path, {"retracted_at": choose.moment()}, "attestation")
    elif kind == "void" and ids["attestation"]:
        path = f"/v1/attestations/{choose.of(ids['attestation'])}/void"
        world.write("POST", path, {"reason": "Entered twice."}, "attestation")
    else:
        attest_something(world, choose)


def attest_something(world: World, choose: Chooser) -> None:
    basis = choose.of(["first_hand", "first_hand", "relayed", "unattributed"])
    relays = []
    if basis == "relayed":
        relays = [{"source_id": choose.of(world.ids["source"])}]
        if world.ids["attestation"] and choose.of([True, False]):
            relays = [{"attestation_id": choose.of(world.ids["attestation"])}]
    body = {
        "release_event_id": choose.of(world.ids["release_event"]),
        "source_id": choose.of(world.ids["source"]),
        "stance": choose.of(["confirms", "confirms", "denies"]),
        "basis": basis,
        "relays": relays,
        "evidence": "report",
        "release_kind": choose.of(["full", "house_arrest"]),
        "published_at": choose.moment(),
    }
    world.write("POST", "/v1/attestations", body, "attestation")


def filters(world: World, choose: Chooser) -> dict[str, str]:
    return choose.of(
        [
            {"facility_id": world.ids["facility"][0]},
            {"nationality": "VE"},
            {"age_group": "minor"},
            {"age_group": "adult", "sex": "male"},
            {"sex": "male"},
            {"release_kind": "full"},
            {"release_kind": "house_arrest", "sex": "male"},
            {"occurred_from": str(DAYS[1])},
            {"occurred_until": str(DAYS[1]), "facility_id": world.ids["facility"][1]},
        ]
    )


def ask_about_time(world: World, choose: Chooser) -> None:
    """Counts at pairs of moments, each equal to the count by hand; and a verification."""
    recorded = [row.recorded_at for row in world.conn.execute("SELECT recorded_at FROM ledger")]
    now = _now(world.conn)
    # The moment just before an entry, its own, and one between the last entry and now.
    record_times = [now, recorded[-1], choose.of(recorded) - timedelta(microseconds=1)]
    for min_sources in choose.of([(1, 2), (2, 3), (2, 4), (1, 5)]):
        for narrowed in ({}, filters(world, choose)):
            as_of = choose.of([*MOMENTS, MOMENTS[0] - timedelta(microseconds=1), now])
            at = choose.of(record_times)
            asked = {"as_of": text(as_of), "min_sources": min_sources, **narrowed}
            for recorded_as_of, more in ((at, {"recorded_as_of": text(at)}), (now, {})):
                query = {**asked, **more}
                # Without a record time an answer changes with the record: it is not remembered.
                answer = (
                    world.ask("/v1/counts", **query)
                    if more
                    else world.api.get("/v1/counts", **query)
                )
                by_hand = Record(world.conn, recorded_as_of).count(as_of, min_sources, **narrowed)
                assert {word: answer[word] for word in by_hand} == by_hand
                if not more:
                    # It names a record time at which it can be asked for ever.
                    final = world.ask(
                        "/v1/counts", **{**asked, "recorded_as_of": answer["recorded_as_of"]}
                    )
                    assert final == answer
    event = choose.of(world.ids["release_event"])
    path = f"/v1/release-events/{event}/verification"
    world.ask(path, as_of=choose.moment(), recorded_as_of=text(now))
    known_from = world.conn.execute(
        "SELECT min(recorded_at) AS at FROM ledger WHERE resource_id = %s", [event]
    ).fetchone()
    assert known_from is not None
    at = choose.of([moment for moment in recorded if moment >= known_from.at])
    world.ask(path, as_of=choose.moment(), recorded_as_of=text(at), min_sources=3)


def assert_summaries_are_the_answers(world: World) -> None:
    """The summary that an event carries is what its verification says."""
    for event in world.ids["release_event"]:
        whole = world.api.get(f"/v1/release-events/{event}/verification")
        summary = world.api.get(f"/v1/release-events/{event}")["verification"]
        assert summary == {name: whole[name] for name in summary}


def _now(conn: Connection) -> datetime:
    row = conn.execute("SELECT clock_timestamp() AS now").fetchone()
    assert row is not None
    moment: datetime = row.now
    return moment


# A database is cloned for each history, so the fixture may be shared by all of them; and one that
# is long is one that is worth it.
@settings(
    max_examples=15,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_whatever_is_written_the_store_is_the_rule_and_answers_stay(
    server: str, data: st.DataObject
) -> None:
    choose = Chooser(data)
    with new_world(server) as world:
        for _ in range(data.draw(st.integers(20, 40))):
            write_something(world, choose)
            assert_store_is_whole(world.conn)
            ask_about_time(world, choose)
        assert_summaries_are_the_answers(world)
        world.assert_answers_have_not_changed()


# The clock of the record.


@contextmanager
def attestation_under_way(database: str, **body: Any) -> Iterator[Connection]:
    """A transaction that has written an attestation, and with it the ledger, and not committed."""
    contract = spec.load().schema("AttestationCreate")
    loaded = schemas.body_schema(contract).load({**WORD, **body})
    with db.connect(database) as writer, writer.transaction():
        key, _ = auth.create_key(writer, "under way", "contribute")
        attestations.create_attestation(writer, auth.Caller(key, "contribute"), loaded)
        yield writer


def waits_for_a_lock(conn: Connection) -> bool:
    row = conn.execute(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock') AS waits"
    ).fetchone()
    return bool(row and row.waits)


def an_event(editor: Api, name: str = "Ana", day: str = "2026-01-08", **more: Any) -> str:
    person = editor.detainee(name, **more)
    editor.detention(person, detained_on="2024")
    return editor.event(person, day)


@pytest.mark.parametrize("narrowed", [{}, {"sex": "female"}], ids=["plain", "filtered"])
def test_an_answer_waits_for_the_writer_under_way_and_then_is_final(
    api: Api, database: str, conn: Connection, narrowed: dict[str, str]
) -> None:
    editor = api.scope("edit")
    event = an_event(editor, sex="female")
    sources = [editor.source(name) for name in ("Una", "Otra")]
    asked: dict[str, Any] = {"min_sources": 1, **narrowed}
    answers: list[Any] = []

    def ask() -> None:
        answers.append(api.get("/v1/counts", **asked))

    waiter = Thread(target=ask)
    at = "2026-01-08T20:00:00Z"
    under_way = {"release_event_id": event, "source_id": sources[0], "published_at": at}
    with attestation_under_way(database, **under_way):
        # After the moment at which that word counts as recorded.
        asked["as_of"] = asked["recorded_as_of"] = text(_now(conn))
        waiter.start()
        while not waits_for_a_lock(conn):
            waiter.join(0.02)
            assert waiter.is_alive(), "it was answered before the writer was done"
    waiter.join()
    assert answers[0]["confirmed"] == 1
    editor.attest(event, sources[1], at, stance="denies")
    ask()
    assert answers[1] == answers[0]
    assert api.get("/v1/counts", min_sources=1, **narrowed)["confirmed"] == 0


def test_an_answer_for_a_past_record_time_waits_for_nobody(
    api: Api, database: str, conn: Connection
) -> None:
    editor = api.scope("edit")
    event, source = an_event(editor), editor.source("Una")
    at = "2026-01-08T20:00:00Z"
    past = api.get("/v1/counts", as_of=at)["recorded_as_of"]
    under_way = {"release_event_id": event, "source_id": source, "published_at": at}
    with attestation_under_way(database, **under_way):
        assert api.get("/v1/counts", as_of=at, recorded_as_of=past)["reported"] == 0
    assert api.get("/v1/counts", as_of=at, recorded_as_of=past)["reported"] == 0
    assert api.get("/v1/counts", as_of=at)["reported"] == 1


def test_what_is_recorded_after_a_settled_moment_comes_after_it(api: Api, conn: Connection) -> None:
    editor = api.scope("edit")
    for _ in range(20):
        now = _now(conn)
        api.get("/v1/counts", recorded_as_of=text(now))
        editor.source("Una")
        last = conn.execute("SELECT recorded_at FROM ledger ORDER BY seq DESC LIMIT 1").fetchone()
        assert last is not None
        assert last.recorded_at > now


def test_an_answers_own_record_time_can_always_be_asked_for(api: Api, conn: Connection) -> None:
    """Also when the clock of the database was set back after the last entry."""
    ahead = _now(conn) + timedelta(seconds=90)
    conn.execute("UPDATE ledger_head SET recorded_at = %s", [ahead])
    named = api.get("/v1/counts")["recorded_as_of"]
    assert api.get("/v1/counts", recorded_as_of=named)["recorded_as_of"] == named


# Writers at once.


def at_once(*calls: Callable[[], Any]) -> None:
    """Makes these calls in threads that begin together; the first error is raised."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> None:
        barrier.wait()
        call()

    with ThreadPoolExecutor(len(calls)) as pool:
        for done in [pool.submit(run, call) for call in calls]:
            done.result()


def test_writers_on_two_events_of_one_person_lose_nothing(api: Api, conn: Connection) -> None:
    editor = api.scope("edit")
    sources = [editor.source(f"Fuente {i}") for i in range(4)]
    for i in range(8):
        event = an_event(editor, f"Persona {i}")
        person = editor.get(f"/v1/release-events/{event}")["detainee_id"]
        other = editor.event(person, "2026-02-08")

        def attest(event: str, source: str) -> Callable[[], Any]:
            return lambda: editor.attest(event, source, "2026-02-09T01:00:00Z")

        def detain_again(person: str = person) -> None:
            editor.detention(person, detained_on="2026-02-09")

        at_once(
            attest(event, sources[0]),
            attest(event, sources[1]),
            attest(other, sources[2]),
            attest(other, sources[3]),
            detain_again,
        )
    assert_store_is_whole(conn)
    counts = api.get("/v1/counts")
    assert (counts["confirmed"], counts["rearrested"]) == (8, 8)


def test_an_affiliation_and_attestations_at_once_leave_the_store_whole(
    api: Api, conn: Connection
) -> None:
    editor = api.scope("edit")
    for i in range(8):
        event = an_event(editor, f"Persona {i}")
        one, two = editor.source("Una"), editor.source("Otra")
        at_once(
            lambda event=event, one=one: editor.attest(event, one, "2026-01-09T01:00:00Z"),
            lambda event=event, two=two: editor.attest(event, two, "2026-01-09T02:00:00Z"),
            lambda one=one, two=two: editor.tie(one, two),
            lambda one=one, two=two: editor.tie(two, one),
        )
    assert_store_is_whole(conn)
    counts = api.get("/v1/counts")
    assert (counts["confirmed"], counts["reported"]) == (0, 8)


# What moves a verdict.


@pytest.mark.parametrize(
    ("first", "last", "status"),
    [
        ("confirms", "denies", "disputed"),
        ("denies", "confirms", "reported"),
    ],
)
def test_of_two_words_published_at_one_moment_the_one_recorded_later_stands(
    api: Api, first: str, last: str, status: str
) -> None:
    editor = api.scope("edit")
    event, source = an_event(editor), editor.source("Una")
    at = "2026-01-08T20:00:00Z"
    superseded = editor.attest(event, source, at, stance=first)["id"]
    assert editor.attest(event, source, at, stance=last)["verification"]["status"] == status
    answer = api.get(f"/v1/release-events/{event}/verification")
    assert answer["not_counted"] == [{"attestation_id": superseded, "reason": "superseded"}]


def test_voiding_the_earliest_attestation_moves_the_moment_that_decides_the_groups(
    api: Api, conn: Connection
) -> None:
    editor = api.scope("edit")
    event = an_event(editor)
    paper, owner, other = (editor.source(name) for name in ("Diario", "Dueño", "Otra"))
    editor.tie(paper, owner, valid_until="2026-01-09T00:00:00Z")
    earliest = editor.attest(event, other, "2026-01-08T20:00:00Z", basis="unattributed")["id"]
    editor.attest(event, paper, "2026-01-09T01:00:00Z")
    word = editor.attest(event, owner, "2026-01-09T02:00:00Z")
    assert word["verification"]["status"] == "reported"
    before = api.get(f"/v1/release-events/{event}/verification")
    body = {"reason": "Of somebody else."}
    voided = editor.post(f"/v1/attestations/{earliest}/void", body, 200)
    assert voided["verification"] == {
        "status": "confirmed",
        "independent_sources": 2,
        "independent_denials": 0,
        "since": "2026-01-09T02:00:00Z",
    }
    moments = {name: before[name] for name in ("as_of", "recorded_as_of")}
    assert api.get(f"/v1/release-events/{event}/verification", **moments) == before
    assert_store_is_whole(conn)


def test_an_affiliation_verifies_every_event_of_its_group_again(api: Api, conn: Connection) -> None:
    editor = api.scope("edit")
    paper, owner, holding = (editor.source(name) for name in ("Diario", "Dueño", "Casa"))
    editor.tie(owner, holding)
    events = [an_event(editor, f"Persona {i}") for i in range(30)]
    for i, event in enumerate(events):
        editor.attest(event, paper, f"2026-01-09T{i % 24:02}:00:00Z")
        # Of some events only one that is tied to the owner has spoken, or is named as an origin.
        if i % 3:
            editor.attest(event, holding, f"2026-01-10T{i % 24:02}:00:00Z")
        else:
            relays = [{"source_id": holding}]
            editor.attest(
                event, owner, f"2026-01-10T{i % 24:02}:00:00Z", basis="relayed", relays=relays
            )
    assert api.get("/v1/counts")["confirmed"] == 30
    recorded = api.get("/v1/counts")["recorded_as_of"]

    def confirmed() -> int:
        assert_store_is_whole(conn)
        return int(api.get("/v1/counts")["confirmed"])

    # It ends before some of the events are first spoken of, and after the first word on others.
    tie = editor.tie(paper, owner, valid_until="2026-01-09T12:00:00Z")
    assert confirmed() == 12
    editor.patch(f"/v1/affiliations/{tie}", {"valid_until": None})
    assert confirmed() == 0
    editor.patch(f"/v1/affiliations/{tie}", {"valid_from": "2026-01-09T12:00:00Z"})
    assert confirmed() == 18
    editor.patch(f"/v1/affiliations/{tie}", {"valid_from": "2026-02-09T12:00:00Z"})
    assert confirmed() == 30
    assert api.get("/v1/counts", recorded_as_of=recorded)["confirmed"] == 30


def test_an_affiliation_of_origins_that_are_silent_verifies_again_what_passes_them_on(
    api: Api, conn: Connection
) -> None:
    editor = api.scope("edit")
    event = an_event(editor)
    mother, brother = editor.source("Madre", "relative"), editor.source("Hermano", "relative")
    for i, origin in enumerate((mother, brother)):
        word = editor.attest(
            event,
            editor.source(f"Diario {i}"),
            f"2026-01-09T0{i}:00:00Z",
            basis="relayed",
            relays=[{"source_id": origin}],
        )
    assert word["verification"]["status"] == "confirmed"
    editor.tie(mother, brother, "related_to")
    summary = api.get(f"/v1/release-events/{event}")["verification"]
    assert (summary["status"], summary["independent_sources"]) == ("reported", 1)
    assert_store_is_whole(conn)


def test_a_word_of_a_moment_that_has_not_come_is_not_in_any_answer_yet(
    api: Api, conn: Connection
) -> None:
    """The clock of a caller may be ahead by five minutes."""
    editor = api.scope("edit")
    event, source = an_event(editor), editor.source("Una")
    soon = text(_now(conn) + timedelta(minutes=4))
    word = editor.attest(event, source, soon)
    person = editor.get(f"/v1/release-events/{event}")["detainee_id"]
    assert word["verification"]["status"] == "unverified"
    assert api.get(f"/v1/release-events/{event}/verification")["history"] == []
    assert api.get("/v1/counts", min_sources=1)["confirmed"] == 0
    assert api.get("/v1/counts", min_sources=1, as_of=soon)["confirmed"] == 1
    assert api.get(f"/v1/detainees/{person}")["custody"] == "detained"
    assert_store_is_whole(conn)


def test_the_database_words_a_status_as_the_rule_does(conn: Connection) -> None:
    for sources, denials, required in product(range(8), range(8), MIN_SOURCES):
        row = conn.execute(
            "SELECT verification_status(%s, %s, %s) AS status", [sources, denials, required]
        ).fetchone()
        assert row is not None
        assert row.status == verification.status(sources, denials, required)


# Lists.


def test_a_walk_of_every_list_neither_repeats_nor_skips(api: Api) -> None:
    """Items that were there at the start come once, whatever is written between two pages."""
    editor = api.scope("edit")
    person = editor.detainee("Ana Prueba")
    source = editor.source("Una")

    def write(i: int) -> None:
        editor.source(f"Fuente {i}")
        editor.post("/v1/facilities", {"name": f"Lugar {i}", "country": "VE"})
        editor.detainee(f"Prueba {i}")
        editor.detention(person, detained_on=f"20{i:02}")
        event = editor.event(person, f"20{i:02}-12-08")
        written = editor.attest(event, source, f"20{i:02}-12-09T00:00:00Z")["id"]
        editor.patch(f"/v1/detainees/{person}", {"occupation": f"Oficio {i}"})
        editor.post(f"/v1/attestations/{written}/void", {"reason": "Entered twice."}, 200)

    years = iter(range(1, 90))
    for _ in range(5):
        write(next(years))
    for path, query in (
        ("/v1/sources", {}),
        ("/v1/facilities", {}),
        ("/v1/detainees", {}),
        ("/v1/detainees", {"q": "prueba"}),
        (f"/v1/detainees/{person}/detentions", {}),
        ("/v1/release-events", {}),
        ("/v1/release-events", {"detainee_id": person}),
        ("/v1/attestations", {}),
        ("/v1/attestations", {"source_id": source}),
        ("/v1/changes", {}),
    ):
        name = "seq" if path == "/v1/changes" else "id"
        follow = "after" if path == "/v1/changes" else "cursor"
        start = [item[name] for item in api.get(path, limit=200, **query)["items"]]
        walked: list[Any] = []
        page = api.get(path, limit=2, **query)
        while walked[-1:] < start[-1:]:
            walked += [item[name] for item in page["items"]]
            if len(walked) == 4:
                write(next(years))
            if page["next"] is None:
                break
            page = api.get(path, limit=2, **{follow: page["next"]}, **query)
        assert walked[: len(start)] == start


@pytest.mark.parametrize("after", ["", "zzz", "a\0b", "019b9f3e", "{}"])
def test_a_cursor_made_by_a_caller_is_refused(api: Api, after: str) -> None:
    """A cursor can be made by anybody who reads the source; what it holds is not to be trusted."""
    cursor = paging.encode("listSources", {}, after)
    problem = api.get("/v1/sources", status=422, cursor=cursor)
    assert [fault["pointer"] for fault in problem["errors"]] == ["/cursor"]


def test_a_detention_cannot_be_moved_behind_its_own_release(api: Api) -> None:
    """As an event cannot be entered before the day on which the detention began."""
    editor = api.scope("edit")
    person = editor.detainee("Ana")
    detention = editor.detention(person, detained_on="2025-02-09")
    editor.event(person, "2026-01-08")
    editor.patch(f"/v1/detentions/{detention}", {"detained_on": "2026-03-01"}, 422)


def test_a_detention_from_before_a_release_is_no_arrest_after_it(api: Api) -> None:
    """One that is entered late, and began before the person was released, is not a re-arrest."""
    editor = api.scope("edit")
    event = an_event(editor)
    person = editor.get(f"/v1/release-events/{event}")["detainee_id"]
    for name in ("Una", "Otra"):
        editor.attest(event, editor.source(name), "2026-01-09T01:00:00Z")
    path = f"/v1/detainees/{person}/detentions"
    editor.send("POST", path, json={"detained_on": "2025-05-05"})
    assert api.get("/v1/counts")["rearrested"] == 0
    assert api.get(f"/v1/detainees/{person}")["custody"] == "released"
