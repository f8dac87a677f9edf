"""The store and its two clocks: random histories, each checked after every write against the rule
recomputed and against a count made by hand from the ledger; and answers that never change."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import cycle, pairwise, product
from threading import Barrier, Thread
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from api import access, auth
from api.app import create_app
from api.contract import document, schemas
from api.database import connections
from api.database.queries import Connection
from api.operations import attestations
from api.rendering import pagination
from api.verification import rule
from tests.brute_force import (
    FIGURES,
    PROPERTIES,
    REQUIRED,
    WITHIN,
    Ledger,
    Record,
    assert_statuses_are_recounted,
)
from tests.conftest import Api, cloned

TABLES = {
    "source": "sources",
    "affiliation": "affiliations",
    "facility": "facilities",
    "detainee": "detainees",
    "detention": "detentions",
    "release_event": "release_events",
    "attestation": "attestations",
    "claim": "claims",
    "merge": "merges",
    "distinction": "distinctions",
}
# A few moments, so that words published at one moment, and periods that end there, are common; and
# such as begin or end a quarter of an hour, a day or a year, here or in Caracas.
MOMENTS = [
    datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2026, 1, 8, 20, tzinfo=UTC),
    datetime(2026, 1, 8, 20, 7, 30, 1, tzinfo=UTC),
    datetime(2026, 1, 9, 4, tzinfo=UTC),
    datetime(2026, 2, 11, 4, 15, tzinfo=UTC),
]
BETWEEN = timedelta(microseconds=1)
WORD = {"stance": "confirms", "basis": "first_hand", "evidence": "report"}
DAYS = [date(2026, 1, 8), date(2026, 1, 10), date(2026, 1, 20), date(2026, 2, 8)]
DETAINED_ON = [None, "2024", "2026-01", "2026-01-09", "2026-01-31", "2026-02"]
KINDS = ["full", "house_arrest", "conditional", "unknown"]
CLAIMED = ["announced", "released", "detained", "whereabouts_unknown"]
ZONES = ["UTC", "America/Caracas", "Asia/Kathmandu", "Pacific/Apia"]
TIMELINES = [
    {"from": "2025-11-30", "bucket": "month"},
    {"from": "2025-12-31", "until": "2026-02-12", "bucket": "day"},
    {"from": "2025-12-31T23:59:59.999999Z", "until": "2026-02-11T04:15:00Z", "bucket": "week"},
    {"from": "2026-01-08T20:00:00Z", "until": "2026-01-09T04:00:00Z", "bucket": "hour"},
    {"from": "2026-01-08T18:59:59.999Z", "until": "2026-01-08T20:07:30.000001Z", "bucket": "hour"},
]


def text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


# What the store must hold, recomputed.


def assert_verdicts_are_the_rule(conn: Connection, record: Record) -> None:
    """Every current verdict is what the rule says, at every moment at which it can change."""
    stored: dict[str, list[Any]] = {}
    for row in conn.execute(
        "SELECT release_event_id::text AS event, published_from, independent_sources,"
        " independent_denials, status, since, kinds, reasoning"
        " FROM verdicts WHERE recorded_until = 'infinity' ORDER BY published_from"
    ):
        stored.setdefault(row.event, []).append(row)
    for event in record.of["release_event"]:
        history = record.history(event)
        rows = stored.pop(event, [])
        assert {row.published_from for row in rows} <= {verdict.at for verdict in history}
        since, former = None, None
        for verdict in history:
            status = rule.status(verdict.independent_sources, verdict.independent_denials)
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
        "SELECT DISTINCT ON (attestation_id) attestation_id::text, reason FROM verdict_exclusions"
        " WHERE release_event_id = %s AND recorded_until = 'infinity' AND published_from <= %s"
        " ORDER BY attestation_id, published_from DESC",
        [event, moment],
    )
    return {row.attestation_id: row.reason for row in rows if row.reason is not None}


def assert_store_is_whole(conn: Connection) -> None:
    record = Ledger(conn).record(_now(conn))
    assert_verdicts_are_the_rule(conn, record)
    assert_statuses_are_recounted(conn, record)


# Random histories.

Question = tuple[str, tuple[tuple[str, Any], ...]]


class World:
    """An API on a database of its own, the ids that were made in it, and what it answered."""

    def __init__(self, api: Api, conn: Connection) -> None:
        self.api = api
        self.conn = conn
        self.ledger = Ledger(conn)
        self.ids: dict[str, list[str]] = {resource: [] for resource in TABLES}
        self.announcements: list[str] = []
        self.answered: dict[Question, bytes] = {}
        for i in range(4):
            self.write("POST", "/v1/sources", {"name": f"Fuente {i}", "kind": "ngo"}, "source")
        for i in range(2):
            self.write(
                "POST", "/v1/facilities", {"name": f"Lugar {i}", "country": "VE"}, "facility"
            )
        self.claim({"kind": "announced", "value": 2})
        # Nobody speaks of these. A fifth makes more known of all of them.
        for age_group, facility in (("adult", 0), ("minor", 1)):
            for _ in range(3):
                body = {"name": "Una más", "age_group": age_group}
                self.write("POST", "/v1/detainees", body, "detainee")
                path = f"/v1/detainees/{self.ids['detainee'].pop()}/detentions"
                body = {"facility_id": self.ids["facility"][facility]}
                self.write("POST", path, body, "detention")
                self.ids["detention"].pop()
        for i, known in enumerate(
            [
                {"sex": "male", "nationalities": ["VE"], "age_group": "adult"},
                {"sex": "female", "nationalities": ["ES", "VE"], "age_group": "minor"},
            ]
        ):
            self.write("POST", "/v1/detainees", {"name": f"Persona {i}", **known}, "detainee")
            person = self.ids["detainee"][-1]
            path = f"/v1/detainees/{person}/detentions"
            self.write("POST", path, {"facility_id": self.ids["facility"][i]}, "detention")
            for day, announcement in ((DAYS[0], self.announcements[0]), (DAYS[2], None)):
                body = {
                    "detainee_id": person,
                    "occurred_on": str(day),
                    "announcement_id": announcement,
                }
                self.write("POST", "/v1/release-events", body, "release_event")

    def claim(self, body: Mapping[str, Any]) -> None:
        moment = text(MOMENTS[1])
        usual = {"source_id": self.ids["source"][0], "as_of": moment, "published_at": moment}
        self.write("POST", "/v1/claims", {**usual, **body}, "claim")
        claims = self.ledger.record(_now(self.conn)).of["claim"].values()
        self.announcements = [claim["id"] for claim in claims if claim["kind"] == "announced"]

    def seq(self) -> int:
        row = self.conn.execute("SELECT seq FROM ledger_head").fetchone()
        assert row is not None
        return int(row.seq)

    def write(self, method: str, path: str, body: Any, resource: str) -> None:
        """One write: one entry of the ledger, equal to its row, and of a merge one for each record
        that it moves; none if it is refused, or of a record that was merged."""
        before = self.seq()
        response = self.api.send(method, path, json=body)
        if response.status_code in (307, 409, 422):
            assert self.seq() == before
            return
        assert response.status_code in (200, 201), response.get_data(as_text=True)
        written = response.get_json()
        if response.status_code == 201:
            self.ids[resource].append(written["id"])
        entries = [entry for kind in TABLES for entry in self._entries(kind, before)]
        assert all(entry.equal for entry in entries)
        entries.sort(key=lambda entry: entry.seq)
        assert [entry.seq for entry in entries] == [*range(before + 1, self.seq() + 1)]
        assert (entries[0].resource, entries[0].id) == (resource, written["id"])
        assert len(entries) == 1 or resource == "merge"

    def _entries(self, resource: str, after: int) -> list[Any]:
        """Entries above a number, and whether each is its row as it stands."""
        relays = (
            "|| jsonb_build_object('relays', (SELECT coalesce(jsonb_agg(jsonb_build_object("
            "'attestation_id', l.relayed_attestation_id, 'source_id', l.relayed_source_id)"
            " ORDER BY l.relayed_attestation_id, l.relayed_source_id), '[]')"
            " FROM attestation_relays l WHERE l.attestation_id = r.id))"
        )
        return self.conn.execute(
            "SELECT l.seq, l.resource, l.resource_id::text AS id, l.entry ="
            f" (SELECT to_jsonb(r) {relays if resource == 'attestation' else ''}"
            f" FROM {TABLES[resource]} r WHERE r.id = l.resource_id) AS equal"
            " FROM ledger l WHERE l.seq > %s AND l.resource = %s",
            [after, resource],
        ).fetchall()

    def ask(self, path: str, **query: Any) -> Any:
        """An answer; every byte of it is remembered if it is for a pair of moments, and every byte
        of what it cites in any case: that is for a pair of moments, and the same."""
        question = (path, tuple(sorted(query.items())))
        body = self._body(question)
        answer = json.loads(body)
        # A comparison has a moment of its own, a timeline those that it is asked for.
        other = {"/v1/counts/timeline": "until"}.get(path, "as_of")
        if "recorded_as_of" in query and (other in query or "comparison" in path):
            assert self.answered.setdefault(question, body) == body
        for cited in [answer, *answer.get("items", []), *answer.get("claims", [])]:
            if "citation" in cited:
                again = (cited["citation"]["url"], ())
                if again not in self.answered:
                    self.answered[again] = self._body(again)
                assert json.loads(self.answered[again]) == cited
        return answer

    def _body(self, question: Question) -> bytes:
        path, query = question
        response = self.api.send("GET", path, query_string=dict(query) or None)
        if response.status_code == 307:
            # Where it is to be found is an answer too.
            return json.dumps({"moved_to": response.headers["Location"]}).encode()
        assert response.status_code == 200, response.get_data(as_text=True)
        return response.get_data()

    def assert_answers_have_not_changed(self) -> None:
        for question, answer in self.answered.items():
            assert self._body(question) == answer


@contextmanager
def new_world(server: str) -> Iterator[World]:
    with cloned(server) as url, connections.pool(url, 2) as pool, connections.connect(url) as conn:
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
    kinds = ["attest"] * 12 + ["claim", "retract", "void", "re-arrest", "event"] * 2
    kinds += ["tie", "tie again", "of detainee", "of detention", "of event"] * 2
    kinds += ["of detention", "of event"] * 2
    kinds += ["source", "detainee", "retract claim", "name of source", "name of facility"]
    kinds += ["merge"] * 4 + ["undo"] * 3 + ["distinguish", "withdraw"]
    kind = choose.of(kinds)
    if kind == "source":
        body = {"name": "Otra fuente", "kind": "person"}
        if choose.of([True, False]):
            body |= {"confidential": True, "vouched_by": choose.of(ids["source"])}
        world.write("POST", "/v1/sources", body, "source")
    elif kind == "name of source":
        path = f"/v1/sources/{choose.of(ids['source'])}"
        world.write("PATCH", path, {"name": choose.of(["Una", "La misma"])}, "source")
    elif kind == "name of facility":
        path = f"/v1/facilities/{choose.of(ids['facility'])}"
        world.write("PATCH", path, {"name": choose.of(["El Helicoide", "Sótano"])}, "facility")
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
        body["announcement_id"] = choose.of([None, *world.announcements])
        world.write("POST", "/v1/release-events", body, "release_event")
    elif kind == "of detainee":
        body = choose.of(
            [
                {"nationalities": ["VE", "ES"]},
                {"nationalities": ["ES"]},
                {"nationalities": []},
                {"age_group": "minor"},
                {"age_group": "adult", "sex": "other"},
                {"age_group": "unknown"},
                {"sex": "female"},
                {"sex": None},
                {"withheld": True},
                {"withheld": False},
            ]
        )
        world.write("PATCH", f"/v1/detainees/{choose.of(ids['detainee'])}", body, "detainee")
    elif kind == "of detention":
        body = choose.of(
            [{"detained_on": day} for day in DETAINED_ON]
            + [{"facility_id": facility} for facility in [None, *ids["facility"]] * 4]
        )
        world.write("PATCH", f"/v1/detentions/{choose.of(ids['detention'])}", body, "detention")
    elif kind == "of event":
        path = f"/v1/release-events/{choose.of(ids['release_event'])}"
        body = {"announcement_id": choose.of([None, *world.announcements])}
        if choose.of([False, False, True]):
            body = {"occurred_on": str(choose.of(DAYS))}
        world.write("PATCH", path, body, "release_event")
    elif kind == "retract" and ids["attestation"]:
        path = f"/v1/attestations/{choose.of(ids['attestation'])}/retraction"
        world.write("POST", path, {"retracted_at": choose.moment()}, "attestation")
    elif kind == "void" and ids["attestation"]:
        path = f"/v1/attestations/{choose.of(ids['attestation'])}/void"
        world.write("POST", path, {"reason": "Entered twice."}, "attestation")
    elif kind == "claim":
        claim_something(world, choose)
    elif kind == "merge":
        path = f"/v1/detainees/{choose.of(ids['detainee'])}/merge"
        world.write("POST", path, {"into": choose.of(ids["detainee"])}, "merge")
    elif kind == "undo" and ids["merge"]:
        world.write("DELETE", f"/v1/merges/{choose.of(ids['merge'])}", None, "merge")
    elif kind == "distinguish":
        path = f"/v1/detainees/{choose.of(ids['detainee'])}/distinct-from"
        world.write("POST", path, {"detainee_id": choose.of(ids["detainee"])}, "distinction")
    elif kind == "withdraw" and ids["distinction"]:
        path = f"/v1/distinctions/{choose.of(ids['distinction'])}"
        world.write("DELETE", path, None, "distinction")
    elif kind == "retract claim":
        path = f"/v1/claims/{choose.of(ids['claim'])}/retraction"
        world.write("POST", path, {"retracted_at": choose.moment()}, "claim")
    else:
        attest_something(world, choose)


def attest_something(world: World, choose: Chooser) -> None:
    basis = choose.of(["first_hand", "first_hand", "first_hand", "relayed", "unattributed"])
    relays = []
    if basis == "relayed":
        relays = [{"source_id": choose.of(world.ids["source"])}]
        if world.ids["attestation"] and choose.of([True, False]):
            relays = [{"attestation_id": choose.of(world.ids["attestation"])}]
    # One that lies ahead, as it may by a few minutes.
    soon = text(_now(world.conn) + timedelta(minutes=4))
    body = {
        "release_event_id": choose.of(world.ids["release_event"]),
        "source_id": choose.of(world.ids["source"]),
        "stance": choose.of(["confirms", "confirms", "confirms", "denies"]),
        "basis": basis,
        "relays": relays,
        "evidence": "report",
        "release_kind": choose.of(KINDS),
        "published_at": choose.of([*map(text, MOMENTS)] * 3 + [soon]),
    }
    world.write("POST", "/v1/attestations", body, "attestation")


def claim_something(world: World, choose: Chooser) -> None:
    kind = choose.of(["announced", "released", "released", "released", *CLAIMED])
    # Of the record's own time too: what was recorded then is not what is recorded now.
    entered = [row.recorded_at for row in world.conn.execute("SELECT recorded_at FROM ledger")]
    delivery_of = None if kind == "announced" else choose.of([None, *world.announcements])
    relays = [[], [{"source_id": choose.of(world.ids["source"])}]]
    relays += [[{"claim_id": choose.of(world.ids["claim"])}]]
    scope = choose.of(
        [
            {},
            {},
            {"facility_id": choose.of(world.ids["facility"])},
            {"nationality": "VE"},
            {"age_group": "adult"},
            {"age_group": "unknown", "nationality": "ES"},
        ]
    )
    world.claim(
        {
            "source_id": choose.of(world.ids["source"]),
            "kind": kind,
            "value": choose.of([None, 0, 1, 2, 3]),
            "qualifier": choose.of(["exact", "at_least", "about", "unspecified"]),
            "as_of": text(choose.of([*MOMENTS, *entered[-5:]])),
            "published_at": choose.moment(),
            "window_start": choose.of([None, None, "2026-01-01", "2026-01-10"]),
            "announcement_id": delivery_of,
            "relays": choose.of(relays),
            **scope,
        }
    )


def filters(world: World) -> list[dict[str, str]]:
    """Every property that narrows what is counted, and some together."""
    kinds = [{"release_kind": kind} for kind in [*KINDS, "exile"]]
    return [
        *({"facility_id": id} for id in world.ids["facility"]),
        *({"nationality": country} for country in ("VE", "ES")),
        *({"age_group": group} for group in ("adult", "minor", "unknown")),
        *({"sex": sex} for sex in ("female", "male", "other")),
        *kinds,
        *({"announcement_id": id} for id in world.announcements[:3]),
        {"occurred_from": str(DAYS[1])},
        {"occurred_until": str(DAYS[1])},
        {"occurred_from": str(DAYS[1]), "occurred_until": str(DAYS[2])},
        {"age_group": "adult", "sex": "male"},
        {"release_kind": "house_arrest", "nationality": "VE"},
        {"facility_id": world.ids["facility"][1], "occurred_until": str(DAYS[1])},
        {"announcement_id": world.announcements[0], "release_kind": "full"},
    ]


class Reader:
    """Asks for every kind of answer, and holds each to what is counted by hand. Without a record
    time, and where that can be left out too without a publication time, an answer is for now."""

    def __init__(self, world: World, recorded_as_of: datetime | None) -> None:
        self._world = world
        self._zones = cycle(ZONES)
        self._given = {} if recorded_as_of is None else {"recorded_as_of": text(recorded_as_of)}

    def record(self, recorded_as_of: str | None = None) -> Record:
        moment = self._given.get("recorded_as_of", recorded_as_of)
        now = _now(self._world.conn) if moment is None else datetime.fromisoformat(moment)
        return self._world.ledger.record(now)

    def counts(
        self,
        as_of: datetime | None,
        required: int,
        narrowed: Mapping[str, str],
        group_by: str | None = None,
    ) -> Any:
        asked = {
            **({} if as_of is None else {"as_of": text(as_of)}),
            **({} if group_by is None else {"group_by": group_by}),
        }
        answer = self._ask("/v1/counts", min_sources=required, **asked, **narrowed)
        moment = datetime.fromisoformat(answer["as_of"])
        record = self.record(answer["recorded_as_of"])
        total, groups = record.count(moment, required, narrowed, group_by)
        assert {word: answer[word] for word in FIGURES} == total
        if group_by is None:
            assert answer["groups"] is None
            return answer
        given = {group["value"]: group for group in answer["groups"]}
        assert len(given) == len(answer["groups"])
        assert given == {value: {"value": value, **of} for value, of in groups.items()}
        for word in FIGURES:
            assert sum(group[word] for group in answer["groups"]) == answer[word]
        return answer

    def timeline(self, span: Mapping[str, str], required: int, narrowed: Mapping[str, str]) -> None:
        answer = self._ask("/v1/counts/timeline", min_sources=required, **span, **narrowed)
        record = self.record(answer["recorded_as_of"])
        by_hand = []
        for item in answer["items"]:
            total, _ = record.count(datetime.fromisoformat(item["at"]), required, narrowed)
            by_hand.append({"at": item["at"], **total})
        assert answer["items"] == by_hand
        last = by_hand[-1]
        counts = self.counts(datetime.fromisoformat(last["at"]), required, narrowed)
        assert {word: counts[word] for word in FIGURES} == {word: last[word] for word in FIGURES}

    def comparison(self, claim: str, required: int) -> None:
        path = f"/v1/claims/{claim}/comparison"
        answer = self._ask(path, min_sources=required)
        self._is_compared_by_hand(answer, required)

    def comparisons(self, kind: str, required: int, narrowed: Mapping[str, str]) -> None:
        """The walk of the whole list, two at a time."""
        items: list[Any] = []
        asked = {"kind": kind, "min_sources": required, "time_zone": ZONES[1], **narrowed}
        more: dict[str, Any] | None = {}
        while more is not None:
            page = self._ask("/v1/comparisons", limit=2, **asked, **more)
            items += page["items"]
            more = page["next"] and {"cursor": page["next"]}
        claims = [
            (datetime.fromisoformat(claim["as_of"]), claim["id"])
            for claim in self.record().of["claim"].values()
            if {"kind": kind, **narrowed}.items() <= claim.items()
        ]
        assert [item["claim"]["id"] for item in items] == [
            id for _, id in sorted(claims, reverse=True)
        ]
        for item in items:
            self._is_compared_by_hand(item, required)

    def delivery(self, announcement: str, as_of: datetime | None, required: int) -> None:
        published_at = self.record().of["claim"][announcement]["published_at"]
        # Before that there is nothing to be delivered.
        asked = (
            {}
            if as_of is None
            else {"as_of": text(max(as_of, datetime.fromisoformat(published_at)))}
        )
        path = f"/v1/claims/{announcement}/delivery"
        answer = self._ask(path, min_sources=required, **asked)
        moment = datetime.fromisoformat(answer["citation"]["as_of"])
        by_hand = self.record(answer["citation"]["recorded_as_of"]).delivery(
            announcement, moment, required
        )
        claims = [item["claim"]["id"] for item in answer["claims"]]
        assert {**{name: answer[name] for name in by_hand}, "claims": claims} == by_hand
        assert by_hand["named"] == by_hand["still_held"] + sum(by_hand[word] for word in WITHIN)
        for item in answer["claims"]:
            self._is_compared_by_hand(item, required)

    def verification(self, event: str, as_of: datetime | None, required: int) -> None:
        asked = {} if as_of is None else {"as_of": text(as_of)}
        path = f"/v1/release-events/{event}/verification"
        answer = self._ask(path, min_sources=required, **asked)
        known = self.record().of["release_event"]
        if known[event]["merged_into"] is not None:
            while known[event]["merged_into"] is not None:
                event = known[event]["merged_into"]
            assert answer["moved_to"].startswith(f"/v1/release-events/{event}/verification?")
            return
        moment = datetime.fromisoformat(answer["as_of"])
        verdict = self.record(answer["recorded_as_of"]).verdict(event, moment)
        counts = (verdict.independent_sources, verdict.independent_denials) if verdict else (0, 0)
        assert (answer["independent_sources"], answer["independent_denials"]) == counts
        assert answer["status"] == rule.status(*counts, required)

    def _ask(self, path: str, **query: Any) -> Any:
        return self._world.ask(path, **{"time_zone": next(self._zones), **query, **self._given})

    def _is_compared_by_hand(self, answer: Mapping[str, Any], required: int) -> None:
        recorded_as_of = datetime.fromisoformat(answer["citation"]["recorded_as_of"])
        claim = answer["claim"]["id"]
        by_hand = self._world.ledger.comparison(claim, recorded_as_of, required)
        assert {name: answer[name] for name in by_hand} == by_hand
        record = self.record(answer["citation"]["recorded_as_of"])
        entered = record.of["claim"][claim]
        for name in ("retracted_at", "value", "facility_id", "announcement_id"):
            assert _same(answer["claim"][name], entered[name])
        # A confidential source is seen as who vouches for it, once.
        sources = record.of["source"]
        origins = [
            {**origin, "source_id": source and (sources[source]["vouched_by"] or source)}
            for origin in entered["origins"]
            for source in [origin["source_id"]]
        ]
        assert answer["claim"]["origins"] == [
            origin for n, origin in enumerate(origins) if origin not in origins[:n]
        ]


def _same(answered: Any, entered: Any) -> bool:
    """Whether a value of an answer is that of the ledger, which writes moments in its own way."""
    if answered is None or not isinstance(answered, str) or "T" not in answered:
        return bool(answered == entered)
    return datetime.fromisoformat(answered) == datetime.fromisoformat(entered)


def ask_something(world: World, choose: Chooser) -> None:
    """A few answers at pairs of moments, each equal to what is counted by hand."""
    recorded = [row.recorded_at for row in world.conn.execute("SELECT recorded_at FROM ledger")]
    now = _now(world.conn)
    # None at all, the moment just before an entry, its own, and one between the last and now.
    record_time = choose.of([None, now, recorded[-1], choose.of(recorded) - BETWEEN])
    reader = Reader(world, record_time)
    points = world.ledger.record(now).turning_points()
    as_of = choose.of([None, now, choose.of(points) + choose.of([-1, 0, 0, 1]) * BETWEEN])
    required = choose.of([1, 2, 2, 2, 3, 4, 5])
    narrowed = choose.of([{}, choose.of(filters(world))])
    reader.counts(as_of, required, narrowed, choose.of([None, *PROPERTIES]))
    known = reader.record()
    kind = choose.of(["timeline", "comparison", "delivery", "verification"])
    if kind == "timeline":
        reader.timeline(choose.of(TIMELINES), required, narrowed)
    elif kind == "comparison" and known.of["claim"]:
        reader.comparison(choose.of(sorted(known.of["claim"])), required)
    elif kind == "delivery" and (announced := _announcements(known)):
        reader.delivery(choose.of(announced), as_of, required)
    elif kind == "verification" and known.of["release_event"]:
        reader.verification(choose.of(sorted(known.of["release_event"])), as_of, required)


def ask_everything(world: World, choose: Chooser) -> None:
    """Answers of every kind, narrowed and grouped in every way, as the record is and as it was."""
    now = _now(world.conn)
    recorded = [row.recorded_at for row in world.conn.execute("SELECT recorded_at FROM ledger")]
    required = cycle(choose.of([(2, 1, 3), (1, 2, 4), (2, 5, 1)]))
    for record_time in (None, choose.of([now, *recorded[-10:]])):
        reader = Reader(world, record_time)
        known = reader.record()
        points = cycle(
            [
                None,
                now,
                *(point + d * BETWEEN for point in known.turning_points() for d in (0, -1, 1)),
            ]
        )
        groups = cycle([*PROPERTIES, None])
        for name in PROPERTIES:
            reader.counts(next(points), next(required), {}, name)
        for narrowed in filters(world):
            reader.counts(next(points), next(required), narrowed, next(groups))
        narrowing = cycle([{}, *filters(world)[:: choose.of([3, 4, 5])]])
        for span in TIMELINES * 2:
            reader.timeline(span, next(required), next(narrowing))
        for kind in CLAIMED:
            reader.comparisons(kind, next(required), {})
        reader.comparisons("released", next(required), {"nationality": "VE"})
        for claim in known.of["claim"]:
            reader.comparison(claim, next(required))
        for announcement in _announcements(known):
            reader.delivery(announcement, next(points), next(required))
        for event in known.of["release_event"]:
            reader.verification(event, next(points), next(required))


def _announcements(record: Record) -> list[str]:
    claims = record.of["claim"].values()
    return sorted(claim["id"] for claim in claims if claim["kind"] == "announced")


def assert_summaries_are_the_answers(world: World) -> None:
    """The summary that an event carries is what its verification says."""
    for event in world.ids["release_event"]:
        if world.api.send("GET", f"/v1/release-events/{event}").status_code == 307:
            continue
        whole = world.api.get(f"/v1/release-events/{event}/verification")
        summary = world.api.get(f"/v1/release-events/{event}")["verification"]
        assert summary == {name: whole[name] for name in summary}


def _now(conn: Connection) -> datetime:
    row = conn.execute("SELECT clock_timestamp() AS now").fetchone()
    assert row is not None
    moment: datetime = row.now
    return moment


# A database is cloned for each history, so the fixture may be shared by all of them; and one that
# is long is one that is worth it. To make a failing one shorter takes many minutes: whoever has
# them adds Phase.shrink.
@settings(
    max_examples=8,
    phases=[Phase.generate],
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_random_histories_keep_the_store_consistent_and_responses_stable(
    server: str, data: st.DataObject
) -> None:
    choose = Chooser(data)
    with new_world(server) as world:
        for _ in range(2):
            for _ in range(data.draw(st.integers(10, 20))):
                write_something(world, choose)
                assert_store_is_whole(world.conn)
                ask_something(world, choose)
            ask_everything(world, choose)
        assert_summaries_are_the_answers(world)
        world.assert_answers_have_not_changed()


def test_person_who_no_longer_matches_leaves_the_timeline(api: Api) -> None:
    """By a kind of release that nobody asserts any more, nobody counts."""
    editor = api.scope("edit")
    event, source = an_event(editor), editor.source("Una")
    word = editor.attest(event, source, "2026-01-08T20:00:00Z", release_kind="full")["id"]
    body = {"retracted_at": "2026-01-09T20:00:00Z"}
    editor.post(f"/v1/attestations/{word}/retraction", body, 200)
    span: dict[str, Any] = {"from": "2026-01-08T12:00:00Z", "until": "2026-01-10T12:00:00Z"}
    timeline = api.get("/v1/counts/timeline", release_kind="full", **span)
    assert [item["reported"] for item in timeline["items"]] == [1, 0, 0]
    for item in timeline["items"]:
        counts = api.get("/v1/counts", as_of=item["at"], release_kind="full")
        assert {word: counts[word] for word in FIGURES} == {word: item[word] for word in FIGURES}


# The clock of the record.


@contextmanager
def attestation_under_way(database: str, **body: Any) -> Iterator[Connection]:
    """A transaction that has written an attestation, and with it the ledger, and not committed."""
    contract = document.load().schema("AttestationCreate")
    loaded = schemas.body_schema(contract).load({**WORD, **body})
    with connections.connect(database) as writer, writer.transaction():
        key, _ = auth.create_key(writer, "under way", "contribute")
        attestations.create_attestation(writer, access.Caller(key, "contribute"), loaded)
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
def test_response_waits_for_the_writer_in_progress(
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


def test_response_for_a_past_record_time_does_not_wait(
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


def test_entries_after_a_settled_record_time_are_later(api: Api, conn: Connection) -> None:
    editor = api.scope("edit")
    for _ in range(20):
        now = _now(conn)
        api.get("/v1/counts", recorded_as_of=text(now))
        editor.source("Una")
        last = conn.execute("SELECT recorded_at FROM ledger ORDER BY seq DESC LIMIT 1").fetchone()
        assert last is not None
        assert last.recorded_at > now


def test_record_time_of_a_response_can_be_requested(api: Api, conn: Connection) -> None:
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


def test_concurrent_writers_on_one_person_lose_no_write(api: Api, conn: Connection) -> None:
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


def test_concurrent_affiliation_and_attestations_keep_the_store_consistent(
    api: Api, conn: Connection
) -> None:
    editor = api.scope("edit")
    for i in range(8):
        event = an_event(editor, f"Persona {i}")
        one, two = editor.source("Una"), editor.source("Otra")
        at_once(
            lambda event=event, one=one: editor.attest(event, one, "2026-01-09T01:00:00Z"),
            lambda event=event, two=two: editor.attest(event, two, "2026-01-09T02:00:00Z"),
            lambda one=one, two=two: editor.affiliate(one, two),
            lambda one=one, two=two: editor.affiliate(two, one),
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
def test_later_recorded_attestation_of_one_publication_time_counts(
    api: Api, first: str, last: str, status: str
) -> None:
    editor = api.scope("edit")
    event, source = an_event(editor), editor.source("Una")
    at = "2026-01-08T20:00:00Z"
    superseded = editor.attest(event, source, at, stance=first)["id"]
    assert editor.attest(event, source, at, stance=last)["verification"]["status"] == status
    answer = api.get(f"/v1/release-events/{event}/verification")
    assert answer["not_counted"] == [{"attestation_id": superseded, "reason": "superseded"}]


def test_voiding_the_earliest_attestation_moves_the_time_at_which_groups_are_read(
    api: Api, conn: Connection
) -> None:
    editor = api.scope("edit")
    event = an_event(editor)
    paper, owner, other = (editor.source(name) for name in ("Diario", "Dueño", "Otra"))
    editor.affiliate(paper, owner, valid_until="2026-01-09T00:00:00Z")
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


def test_affiliation_verifies_all_events_of_its_group_again(api: Api, conn: Connection) -> None:
    editor = api.scope("edit")
    paper, owner, holding = (editor.source(name) for name in ("Diario", "Dueño", "Casa"))
    editor.affiliate(owner, holding)
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
    tie = editor.affiliate(paper, owner, valid_until="2026-01-09T12:00:00Z")
    assert confirmed() == 12
    editor.patch(f"/v1/affiliations/{tie}", {"valid_until": None})
    assert confirmed() == 0
    editor.patch(f"/v1/affiliations/{tie}", {"valid_from": "2026-01-09T12:00:00Z"})
    assert confirmed() == 18
    editor.patch(f"/v1/affiliations/{tie}", {"valid_from": "2026-02-09T12:00:00Z"})
    assert confirmed() == 30
    assert api.get("/v1/counts", recorded_as_of=recorded)["confirmed"] == 30


def test_affiliation_of_relayed_sources_verifies_their_events_again(
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
    editor.affiliate(mother, brother, "related_to")
    summary = api.get(f"/v1/release-events/{event}")["verification"]
    assert (summary["status"], summary["independent_sources"]) == ("reported", 1)
    assert_store_is_whole(conn)


def test_attestation_of_the_near_future_is_not_counted_yet(api: Api, conn: Connection) -> None:
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


def test_attestation_is_accepted_after_the_clock_was_set_back(api: Api, conn: Connection) -> None:
    """What was recorded has happened, whatever the clock says."""
    editor = api.scope("edit")
    source, person = editor.source("Fuente"), editor.detainee("Persona")
    editor.detention(person, detained_on="2024-02")
    event = editor.event(person, "2026-01-08")
    conn.execute("UPDATE ledger_head SET recorded_at = recorded_at + interval '1 hour'")
    ago = _now(conn) + timedelta(minutes=59)
    word = editor.attest(event, source, ago.isoformat())["id"]
    claim = {"source_id": source, "kind": "released", "value": 1, "as_of": ago.isoformat()}
    claimed = editor.post("/v1/claims", {**claim, "published_at": ago.isoformat()})["id"]
    for path in (f"/v1/attestations/{word}", f"/v1/claims/{claimed}"):
        editor.post(f"{path}/retraction", {"retracted_at": ago.isoformat()}, 200)


def test_status_function_of_the_database_equals_the_rule(conn: Connection) -> None:
    for sources, denials, required in product(range(8), range(8), REQUIRED):
        row = conn.execute(
            "SELECT verification_status(%s, %s, %s) AS status", [sources, denials, required]
        ).fetchone()
        assert row is not None
        assert row.status == rule.status(sources, denials, required)


# Lists.


def test_pagination_neither_repeats_nor_skips(api: Api) -> None:
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
        # Ids are random, so new items may stand between those of the start.
        assert [id for id in walked if id in start] == start
        assert len(set(walked)) == len(walked)


@pytest.mark.parametrize("after", ["", "zzz", "a\0b", "019b9f3e", "{}"])
def test_forged_cursor_is_refused(api: Api, after: str) -> None:
    """A cursor can be made by anybody who reads the source; what it holds is not to be trusted."""
    cursor = pagination.encode("listSources", {}, after)
    problem = api.get("/v1/sources", status=422, cursor=cursor)
    assert [fault["pointer"] for fault in problem["errors"]] == ["/cursor"]


def test_detention_cannot_begin_after_its_release(api: Api) -> None:
    """As an event cannot be entered before the day on which the detention began."""
    editor = api.scope("edit")
    person = editor.detainee("Ana")
    detention = editor.detention(person, detained_on="2025-02-09")
    editor.event(person, "2026-01-08")
    editor.patch(f"/v1/detentions/{detention}", {"detained_on": "2026-03-01"}, 422)


def test_earlier_detention_is_no_rearrest(api: Api) -> None:
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
