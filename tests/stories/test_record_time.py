"""The store and its two clocks: random histories, and responses that never change.

After every write the verdicts are compared with the rule, and the counts with the brute-force
oracle, which reads only the ledger.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import cycle, pairwise, product
from threading import Thread
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from api import access, auth
from api.contract import document, schemas
from api.database import connections
from api.database.queries import Connection
from api.operations import attestations
from api.rendering import pagination
from api.verification import rule
from tests.brute_force import (
    DOCUMENTED,
    FIGURES,
    PROPERTIES,
    PROPERTIES_OF_PEOPLE,
    REQUIRED,
    STATUSES,
    Ledger,
    Record,
    assert_statuses_are_recounted,
)
from tests.conftest import Api, client_of, empty_store
from tests.support import run_together

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
    "split": "splits",
    "distinction": "distinctions",
    "proposal": "proposals",
}
# A few moments, so that simultaneous attestations, and periods that end at that time, are common.
# Some begin or end a quarter of an hour, a day or a year, in UTC or in Caracas.
MOMENTS = [
    datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2026, 1, 8, 20, tzinfo=UTC),
    datetime(2026, 1, 8, 20, 7, 30, 1, tzinfo=UTC),
    datetime(2026, 1, 9, 4, tzinfo=UTC),
    datetime(2026, 2, 11, 4, 15, tzinfo=UTC),
]
MICROSECOND = timedelta(microseconds=1)
FIRST_HAND = {"stance": "confirms", "basis": "first_hand", "evidence": "report"}
DAYS = [date(2026, 1, 8), date(2026, 1, 10), date(2026, 1, 20), date(2026, 2, 8)]
DETAINED_ON = [None, "2024", "2026-01", "2026-01-09", "2026-01-31", "2026-02"]
VOIDABLE = [
    ("release_event", "release-events"),
    ("detention", "detentions"),
    ("claim", "claims"),
    ("affiliation", "affiliations"),
]
KINDS = ["full", "house_arrest", "conditional", "unknown"]
CLAIM_KINDS = ["announced", "released", "detained", "whereabouts_unknown"]
# Of the facilities of a random history.
COUNTRIES = ["VE", "CO"]
NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
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


# The expected contents of the store, recomputed.


def assert_verdicts_equal_the_rule(conn: Connection, record: Record) -> None:
    """Every current verdict equals the rule's, at every moment at which it can change."""
    stored: dict[str, list[Any]] = {}
    for row in conn.execute(
        "SELECT release_event_id::text AS event, published_from, independent_sources,"
        " independent_denials, status, since, kinds, rests_on"
        " FROM verdicts WHERE recorded_until = 'infinity' ORDER BY published_from"
    ):
        stored.setdefault(row.event, []).append(row)
    parts: dict[tuple[str, datetime], dict[str, rule.Part]] = {}
    for row in conn.execute(
        "SELECT release_event_id::text AS event, published_from, attestation_id::text AS id,"
        " reason, chain FROM verdict_parts WHERE recorded_until = 'infinity'"
    ):
        part = row.reason or tuple(map(tuple, row.chain))
        parts.setdefault((row.event, row.published_from), {})[row.id] = part
    for event in record.records["release_event"]:
        history = record.history(event)
        rows = stored.pop(event, [])
        assert {row.published_from for row in rows} <= {verdict.at for verdict in history}
        since, last_status = None, None
        for verdict in history:
            status = rule.status(verdict.independent_sources, verdict.independent_denials)
            if status != last_status:
                since, last_status = verdict.at, status
            row = [row for row in rows if row.published_from <= verdict.at][-1]
            assert (row.independent_sources, row.independent_denials, row.status, row.since) == (
                verdict.independent_sources,
                verdict.independent_denials,
                status,
                since,
            )
            assert row.kinds == verdict.kinds
            assert row.rests_on == [list(group) for group in verdict.rests_on]
            assert parts.pop((event, verdict.at), {}) == verdict.parts
        # There is a row for each change of the verdict, and no other.
        contents = [
            (r.independent_sources, r.independent_denials, r.kinds, r.rests_on) for r in rows
        ]
        assert all(before != after for before, after in pairwise(contents))
    assert not stored
    assert not parts


def assert_store_is_consistent(conn: Connection) -> None:
    record = Ledger(conn).record(_now(conn))
    assert_verdicts_equal_the_rule(conn, record)
    assert_statuses_are_recounted(conn, record)


# Random histories.

Request = tuple[str, tuple[tuple[str, Any], ...]]


class World:
    """An API on a separate database, the ids of its records, and its earlier responses."""

    def __init__(self, api: Api, conn: Connection) -> None:
        self.api = api
        self.public = Api(api.client, lambda _: "")
        self.conn = conn
        self.ledger = Ledger(conn)
        self.ids: dict[str, list[str]] = {resource: [] for resource in TABLES}
        self.announcements: list[str] = []
        self.responses: dict[Request, bytes] = {}
        self.cited: dict[str, str] = {}

    def add_records(self) -> None:
        """Add the records of which random histories are made."""
        for i in range(4):
            self.write("POST", "/v1/sources", {"name": f"Fuente {i}", "kind": "ngo"}, "source")
        for i in range(2):
            self.write(
                "POST",
                "/v1/facilities",
                {"name": f"Lugar {i}", "country": COUNTRIES[i]},
                "facility",
            )
        self.claim({"kind": "announced", "value": 2})
        # Nobody attests these. A fifth person of a group discloses its properties.
        for age_group, facility in (("adult", 0), ("minor", 1)):
            for _ in range(3):
                body = {"name": "Una más", "age_group": age_group}
                self.write("POST", "/v1/detainees", body, "detainee")
                path = f"/v1/detainees/{self.ids['detainee'].pop()}/detentions"
                body = {"facility_id": self.ids["facility"][facility]}
                self.write("POST", path, body, "detention")
                self.ids["detention"].pop()
        for i, properties in enumerate(
            [
                {"sex": "male", "nationalities": ["VE"], "age_group": "adult"},
                {"sex": "female", "nationalities": ["ES", "VE"], "age_group": "minor"},
            ]
        ):
            self.write("POST", "/v1/detainees", {"name": f"Persona {i}", **properties}, "detainee")
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
        defaults = {"source_id": self.ids["source"][0], "as_of": moment, "published_at": moment}
        self.write("POST", "/v1/claims", {**defaults, **body}, "claim")
        claims = self.ledger.record(_now(self.conn)).records["claim"].values()
        self.announcements = [claim["id"] for claim in claims if claim["kind"] == "announced"]

    def seq(self) -> int:
        row = self.conn.execute("SELECT seq FROM ledger_head").fetchone()
        assert row is not None
        return int(row.seq)

    def write(self, method: str, path: str, body: Any, resource: str) -> TestResponse:
        """Send a write, and check its ledger entries: one, which equals its row.

        A merge or split has one more for each record that it moves, a voiding for each detention
        that begins on another day then. A refused or redirected write has none. Returns the
        response.
        """
        before = self.seq()
        response = self.api.send(method, path, json=body)
        if response.status_code in (307, 409, 422):
            assert self.seq() == before
            return response
        assert response.status_code in (200, 201), response.get_data(as_text=True)
        written = response.get_json()
        if response.status_code == 201:
            self.ids[resource].append(written["id"])
        entries = self._entries(before)
        assert all(entry.equal for entry in entries)
        # A new person is compared with others, whose hidden names are noted as read.
        written_seqs = self.conn.execute(
            "SELECT seq FROM ledger WHERE seq > %s AND action <> 'read' ORDER BY seq", [before]
        )
        assert [entry.seq for entry in entries] == [row.seq for row in written_seqs]
        assert (entries[0].resource, entries[0].id) == (resource, written["id"])
        assert len(entries) == 1 or resource in ("merge", "split") or path.endswith("/void")
        if resource == "split" and response.status_code == 201:
            new = written["new_detainee_id"]
            self.ids["detainee"].append(new)
            copies = self.api.get(f"/v1/detainees/{new}/detentions")["items"]
            self.ids["detention"] += [copy["id"] for copy in copies]
        return response

    def _entries(self, after: int) -> list[Any]:
        """Return the entries after a number, and whether each equals its current row."""
        relays = (
            "|| jsonb_build_object('relays', (SELECT coalesce(jsonb_agg(jsonb_build_object("
            "'attestation_id', l.relayed_attestation_id, 'source_id', l.relayed_source_id)"
            " ORDER BY l.relayed_attestation_id, l.relayed_source_id), '[]')"
            " FROM attestation_relays l WHERE l.attestation_id = r.id))"
        )
        rows = " ".join(
            f"WHEN '{resource}' THEN (SELECT to_jsonb(r)"
            f" {relays if resource == 'attestation' else ''}"
            f" FROM {table} r WHERE r.id = l.resource_id)"
            for resource, table in TABLES.items()
        )
        return self.conn.execute(
            "SELECT l.seq, l.resource, l.resource_id::text AS id,"
            f" l.entry = CASE l.resource {rows} END AS equal"
            " FROM ledger l WHERE l.seq > %s AND l.resource = ANY(%s) AND l.action <> 'read'"
            " ORDER BY l.seq",
            [after, list(TABLES)],
        ).fetchall()

    def get_checked(self, path: str, **query: Any) -> Any:
        """Send a request. If it has both times, its response must equal the earlier one, byte by
        byte; so must the response that it cites, which always has both."""
        request = (path, tuple(sorted(query.items())))
        body = self._body(request)
        response = json.loads(body)
        # A comparison has the time of its claim, and a timeline the times of its buckets.
        publication_time = {"/v1/counts/timeline": "until"}.get(path, "as_of")
        if "recorded_as_of" in query and (publication_time in query or "comparison" in path):
            assert self.responses.setdefault(request, body) == body
        for result in [response, *response.get("items", []), *response.get("claims", [])]:
            if "citation" in result:
                cited_request = (result["citation"]["url"], ())
                if cited_request not in self.responses:
                    self.responses[cited_request] = self._body(cited_request)
                assert json.loads(self.responses[cited_request]) == result
        return response

    def _body(self, request: Request) -> bytes:
        path, query = request
        response = self.public.send("GET", path, query_string=dict(query) or None)
        if response.status_code == 307:
            # A redirect has to stay the same as well.
            return json.dumps({"moved_to": response.headers["Location"]}).encode()
        assert response.status_code == 200, response.get_data(as_text=True)
        return response.get_data()

    def assert_responses_are_unchanged(self, requests: Iterable[Request] | None = None) -> None:
        """Check the earlier responses to these requests, or to all."""
        for request in self.responses if requests is None else requests:
            assert self._body(request) == self.responses[request]
        for url, sha256 in self.cited.items():
            assert self.public.get(url)["citation"]["sha256"] == sha256


@contextmanager
def new_world(server: str) -> Iterator[World]:
    with (
        empty_store(server) as store,
        connections.connect(store.url) as conn,
        client_of(store.pool) as client,
    ):
        key = store.keys("edit")
        yield World(Api(client, lambda _: key, key), conn)


class Chooser:
    """Choices of Hypothesis."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data

    def one_of(self, choices: Sequence[Any]) -> Any:
        return self._data.draw(st.sampled_from(choices))

    def moment(self) -> str:
        return text(self.one_of(MOMENTS))

    def period(self) -> dict[str, str | None]:
        return {
            name: self.one_of([None, *map(text, MOMENTS)]) for name in ("valid_from", "valid_until")
        }


def write_at_random(world: World, choose: Chooser) -> None:
    """Send a write of any kind. It may be invalid, and refused."""
    ids = world.ids
    kinds = ["attest"] * 12 + ["claim", "retract", "void", "re-arrest", "event"] * 2
    kinds += ["tie", "tie again", "of detainee", "of detention", "of event"] * 2
    kinds += ["of detention", "of event"] * 2
    kinds += ["source", "detainee", "retract claim", "name of source", "name of facility"]
    kinds += ["void record"] * 4 + ["undo void"] * 3
    kinds += ["split"] * 4 + ["undo split"] * 3
    kinds += ["merge"] * 4 + ["merge sources"] * 2 + ["undo"] * 3 + ["distinguish", "withdraw"]
    kind = choose.one_of(kinds)
    if kind == "source":
        body = {"name": f"Otra fuente {len(ids['source'])}", "kind": "person"}
        if choose.one_of([True, False]):
            body |= {"confidential": True, "vouched_by": choose.one_of(ids["source"])}
        world.write("POST", "/v1/sources", body, "source")
    elif kind == "name of source":
        path = f"/v1/sources/{choose.one_of(ids['source'])}"
        world.write("PATCH", path, {"name": choose.one_of(["Una", "La misma"])}, "source")
    elif kind == "name of facility":
        path = f"/v1/facilities/{choose.one_of(ids['facility'])}"
        world.write("PATCH", path, {"name": choose.one_of(["El Helicoide", "Sótano"])}, "facility")
    elif kind == "tie":
        body = {"with_source_id": choose.one_of(ids["source"]), "relation": "owned_by"}
        path = f"/v1/sources/{choose.one_of(ids['source'])}/affiliations"
        world.write("POST", path, body | choose.period(), "affiliation")
    elif kind == "tie again" and ids["affiliation"]:
        path = f"/v1/affiliations/{choose.one_of(ids['affiliation'])}"
        world.write("PATCH", path, choose.period(), "affiliation")
    elif kind == "detainee":
        world.write("POST", "/v1/detainees", {"name": "Otra", "sex": "female"}, "detainee")
    elif kind == "re-arrest":
        path = f"/v1/detainees/{choose.one_of(ids['detainee'])}/detentions"
        body = {
            "detained_on": choose.one_of(DETAINED_ON),
            "facility_id": choose.one_of(ids["facility"]),
        }
        world.write("POST", path, body, "detention")
    elif kind == "event":
        body = {
            "detainee_id": choose.one_of(ids["detainee"]),
            "occurred_on": str(choose.one_of(DAYS)),
        }
        body["announcement_id"] = choose.one_of([None, *world.announcements])
        world.write("POST", "/v1/release-events", body, "release_event")
    elif kind == "of detainee":
        body = choose.one_of(
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
        world.write("PATCH", f"/v1/detainees/{choose.one_of(ids['detainee'])}", body, "detainee")
    elif kind == "of detention":
        body = choose.one_of(
            [{"detained_on": day} for day in DETAINED_ON]
            + [{"facility_id": facility} for facility in [None, *ids["facility"]] * 4]
        )
        world.write("PATCH", f"/v1/detentions/{choose.one_of(ids['detention'])}", body, "detention")
    elif kind == "of event":
        path = f"/v1/release-events/{choose.one_of(ids['release_event'])}"
        body = {"announcement_id": choose.one_of([None, *world.announcements])}
        if choose.one_of([False, False, True]):
            body = {"occurred_on": str(choose.one_of(DAYS))}
        world.write("PATCH", path, body, "release_event")
    elif kind == "retract" and ids["attestation"]:
        path = f"/v1/attestations/{choose.one_of(ids['attestation'])}/retraction"
        world.write("POST", path, {"retracted_at": choose.moment()}, "attestation")
    elif kind == "void" and ids["attestation"]:
        path = f"/v1/attestations/{choose.one_of(ids['attestation'])}/void"
        world.write("POST", path, {"reason": "Entered twice."}, "attestation")
    elif kind == "void record":
        resource, path = choose.one_of([(noun, path) for noun, path in VOIDABLE if ids[noun]])
        path = f"/v1/{path}/{choose.one_of(ids[resource])}/void"
        world.write("POST", path, {"reason": "Entered twice."}, resource)
    elif kind == "undo void":
        resource, path = choose.one_of([(noun, path) for noun, path in VOIDABLE if ids[noun]])
        world.write("DELETE", f"/v1/{path}/{choose.one_of(ids[resource])}/void", None, resource)
    elif kind == "claim":
        claim_at_random(world, choose)
    elif kind == "split":
        split_at_random(world, choose)
    elif kind == "undo split" and ids["split"]:
        world.write("DELETE", f"/v1/splits/{choose.one_of(ids['split'])}", None, "split")
    elif kind == "merge":
        path = f"/v1/detainees/{choose.one_of(ids['detainee'])}/merge"
        world.write("POST", path, {"into": choose.one_of(ids["detainee"])}, "merge")
    elif kind == "merge sources":
        path = f"/v1/sources/{choose.one_of(ids['source'])}/merge"
        world.write("POST", path, {"into": choose.one_of(ids["source"])}, "merge")
    elif kind == "undo" and ids["merge"]:
        world.write("DELETE", f"/v1/merges/{choose.one_of(ids['merge'])}", None, "merge")
    elif kind == "distinguish":
        path = f"/v1/detainees/{choose.one_of(ids['detainee'])}/distinct-from"
        world.write("POST", path, {"detainee_id": choose.one_of(ids["detainee"])}, "distinction")
    elif kind == "withdraw" and ids["distinction"]:
        path = f"/v1/distinctions/{choose.one_of(ids['distinction'])}"
        world.write("DELETE", path, None, "distinction")
    elif kind == "retract claim":
        path = f"/v1/claims/{choose.one_of(ids['claim'])}/retraction"
        world.write("POST", path, {"retracted_at": choose.moment()}, "claim")
    else:
        attest_at_random(world, choose)


def split_at_random(world: World, choose: Chooser) -> None:
    """Split a person, with one of the person's detentions or release events."""
    record = world.ledger.record(_now(world.conn)).records
    resource = choose.one_of(["detention", "release_event"])
    # In the order of the ledger: that of random ids differs when Hypothesis repeats a history.
    row = choose.one_of([*record[resource].values()])
    names = record["detainee"][row["detainee_id"]]["aliases"]
    body = {"name": choose.one_of(["Otra persona", *names]), f"{resource}_ids": [row["id"]]}
    world.write("POST", f"/v1/detainees/{row['detainee_id']}/split", body, "split")


def attest_at_random(world: World, choose: Chooser) -> None:
    basis = choose.one_of(["first_hand", "first_hand", "first_hand", "relayed", "unattributed"])
    relays = []
    if basis == "relayed":
        relays = [{"source_id": choose.one_of(world.ids["source"])}]
        if world.ids["attestation"] and choose.one_of([True, False]):
            relays = [{"attestation_id": choose.one_of(world.ids["attestation"])}]
    # A publication time may be a few minutes ahead.
    soon = text(_now(world.conn) + timedelta(minutes=4))
    published_at = choose.one_of([*map(text, MOMENTS)] * 3 + [soon])
    event = choose.one_of(world.ids["release_event"])
    # Most would be before the day of a later event, and refused. Texts of moments are in order.
    recorded = world.ledger.record(_now(world.conn)).records["release_event"]
    day = recorded[event]["occurred_on"] if event in recorded else ""
    body = {
        "release_event_id": event,
        "source_id": choose.one_of(world.ids["source"]),
        "stance": choose.one_of(["confirms", "confirms", "confirms", "denies"]),
        "basis": basis,
        "relays": relays,
        "evidence": "report",
        "release_kind": choose.one_of(KINDS),
        "published_at": max(published_at, f"{day}T00:00:00Z" if day else ""),
    }
    world.write("POST", "/v1/attestations", body, "attestation")


def claim_at_random(world: World, choose: Chooser) -> None:
    kind = choose.one_of(["announced", "released", "released", "released", *CLAIM_KINDS])
    # A claim may be of a time between two writes: the counts recorded then differ from today's.
    record_times = [row.recorded_at for row in world.conn.execute("SELECT recorded_at FROM ledger")]
    as_of = choose.one_of([*MOMENTS, *record_times[-5:]])
    announcement = None if kind == "announced" else choose.one_of([None, *world.announcements])
    relays = [[], [{"source_id": choose.one_of(world.ids["source"])}]]
    relays += [[{"claim_id": choose.one_of(world.ids["claim"])}]]
    scope = choose.one_of(
        [
            {},
            {},
            {"facility_id": choose.one_of(world.ids["facility"])},
            {"nationality": "VE"},
            {"age_group": "adult"},
            {"age_group": "unknown", "nationality": "ES"},
        ]
    )
    world.claim(
        {
            "source_id": choose.one_of(world.ids["source"]),
            "kind": kind,
            "value": choose.one_of([None, 0, 1, 2, 3]),
            "qualifier": choose.one_of(["exact", "at_least", "at_most", "about", "unspecified"]),
            "as_of": text(as_of),
            "published_at": text(max(as_of, datetime.fromisoformat(choose.moment()))),
            "window_start": choose.one_of([None, None, "2026-01-01", "2026-01-10"]),
            "announcement_id": announcement,
            "relays": choose.one_of(relays),
            **scope,
        }
    )


def filters(world: World) -> list[dict[str, str]]:
    """Return filters by every property, and some combinations."""
    kinds = [{"release_kind": kind} for kind in [*KINDS, "exile"]]
    return [
        *({"facility_id": id} for id in world.ids["facility"]),
        *({"country": country} for country in COUNTRIES),
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
        {"facility_id": world.ids["facility"][0], "country": COUNTRIES[1]},
        {"country": COUNTRIES[0], "age_group": "minor"},
        {"announcement_id": world.announcements[0], "release_kind": "full"},
    ]


def release_filters(world: World) -> list[dict[str, str]]:
    """Return filters of the list of release events."""
    names = {"facility_id", "announcement_id", "occurred_from", "occurred_until"}
    return [
        *({"detainee_id": id} for id in world.ids["detainee"][:3]),
        *({"status": status} for status in STATUSES),
        {"status": "reported", "facility_id": world.ids["facility"][0]},
        {"status": "confirmed", "occurred_from": str(DAYS[1])},
        *(chosen for chosen in filters(world) if chosen.keys() <= names),
    ]


class Reader:
    """Sends every kind of read request, and compares each response with the oracle.

    Without a record time, and without an optional publication time, a request is for now.
    """

    def __init__(self, world: World, record_time: datetime | None) -> None:
        self._world = world
        self._zones = cycle(ZONES)
        self._record_time = {} if record_time is None else {"recorded_as_of": text(record_time)}

    def record(self, recorded_as_of: str | None = None) -> Record:
        moment = self._record_time.get("recorded_as_of", recorded_as_of)
        now = _now(self._world.conn) if moment is None else datetime.fromisoformat(moment)
        return self._world.ledger.record(now)

    def counts(
        self,
        as_of: datetime | None,
        required: int,
        filters: Mapping[str, str],
        group_by: str | None = None,
    ) -> Any:
        parameters = {
            **({} if as_of is None else {"as_of": text(as_of)}),
            **({} if group_by is None else {"group_by": group_by}),
        }
        response = self._get("/v1/counts", min_sources=required, **parameters, **filters)
        moment = datetime.fromisoformat(response["as_of"])
        record = self.record(response["recorded_as_of"])
        total, groups, undisclosed = record.count(moment, required, filters, group_by)
        assert {figure: response[figure] for figure in FIGURES} == total
        assert response["undisclosed"] == (undisclosed if filters or group_by else None)
        self._check_edit_key(response, filters, group_by)
        if group_by is None:
            assert response["groups"] is None
            return response
        records = self.record(response["recorded_as_of"]).records
        for group in response["groups"]:
            assert group.pop("label") == _label(records, group_by, group["value"])
        groups_by_value = {group["value"]: group for group in response["groups"]}
        assert len(groups_by_value) == len(response["groups"])
        assert groups_by_value == {
            value: {"value": value, **group_counts} for value, group_counts in groups.items()
        }
        for figure in FIGURES:
            assert sum(group[figure] for group in response["groups"]) == response[figure]
        return response

    def _check_edit_key(
        self, public: Mapping[str, Any], filters: Mapping[str, str], group_by: str | None
    ) -> None:
        """Check the counts of a key of scope `edit`, and that the sentence is true of them."""
        required, group = public["min_sources"], {} if group_by is None else {"group_by": group_by}
        moments = {name: public[name] for name in ("as_of", "recorded_as_of")}
        total, groups, _ = self.record(public["recorded_as_of"]).count(
            datetime.fromisoformat(public["as_of"]), required, filters, group_by, sees_hidden=True
        )
        path, query = "/v1/counts", {**moments, "min_sources": required, **group, **filters}
        response = self._world.api.get(path, **query)
        assert {figure: response[figure] for figure in FIGURES} == total
        assert (response["citation"] is None) == bool(filters or group_by)
        if group_by is not None:
            for group in response["groups"]:
                del group["label"]
            assert {group.pop("value"): group for group in response["groups"]} == groups
        sentence = public["citation"]["sentence"]["en"]
        if least := re.search(r"at least (\S+) release", sentence):
            number = NUMBERS.index(least[1]) if least[1] in NUMBERS else int(least[1])
            assert number <= total["confirmed"]
        else:
            assert "no release" in sentence
            assert public["confirmed"] == 0
            assert total["confirmed"] == 0 or " known to be confirmed" in sentence

    def people(
        self, as_of: datetime | None, required: int, filters: Mapping[str, str], limit: int
    ) -> None:
        """Read the people behind a count, as everybody and with a key of scope `edit`."""
        query = {} if as_of is None else {"as_of": text(as_of)}
        query |= {"min_sources": required, "limit": limit, **filters, **self._record_time}
        for api in (self._world.public, self._world.api):
            sees_hidden = api is self._world.api
            first = page = api.get("/v1/counts/people", **query)
            items = page["items"]
            while page["next"] is not None:
                page = api.get("/v1/counts/people", **query, cursor=page["next"])
                items += page["items"]
                assert {**first, "items": (), "next": None} == {**page, "items": (), "next": None}
            moment, recorded_as_of = (
                datetime.fromisoformat(first[name]) for name in ("as_of", "recorded_as_of")
            )
            record, today = (
                self._world.ledger.record(t) for t in (recorded_as_of, _now(self._world.conn))
            )
            expected, redacted = record.people(
                moment, required, filters, today, sees_hidden=sees_hidden
            )
            assert first["redacted"] == redacted
            for item in items:
                item["since"] = datetime.fromisoformat(item["since"])
                if not sees_hidden and not item["detainee"]["is_named"]:
                    assert re.fullmatch("Person [0-9A-Z]{6}", item["detainee"]["name"])
                    item["detainee"]["name"] = None
            assert items == expected
            total = record.count(moment, required, filters, sees_hidden=sees_hidden).total
            for figure in FIGURES:
                listed = sum(
                    item["rearrested"] if figure == "rearrested" else item["status"] == figure
                    for item in items
                )
                assert listed + redacted[figure] == total[figure]

    def release_events(
        self, as_of: datetime | None, required: int, filters: Mapping[str, str], limit: int
    ) -> None:
        """Read the list of release events, as everybody and with a key of scope `edit`."""
        query = {} if as_of is None else {"as_of": text(as_of)}
        query |= {"min_sources": required, "limit": limit, **filters, **self._record_time}
        for api in (self._world.public, self._world.api):
            sees_hidden = api is self._world.api
            items: list[Any] = []
            cursor: Any = {}
            while cursor is not None:
                response = api.send("GET", "/v1/release-events", query_string=query | cursor)
                page = response.get_json()
                items += page["items"]
                cursor = page["next"] and {"cursor": page["next"]}
            expected = self.record().release_events(
                as_of or _now(self._world.conn),
                required,
                filters,
                self._world.ledger.record(_now(self._world.conn)),
                sees_hidden=sees_hidden,
            )
            for item in items:
                since = item["verification"]["since"]
                item["verification"]["since"] = since and datetime.fromisoformat(since)
                for name in ("merged_into", "voided_at", "void_reason", "created_at", "updated_at"):
                    del item[name]
                if not sees_hidden and not item["detainee"]["is_named"]:
                    assert re.fullmatch("Person [0-9A-Z]{6}", item["detainee"]["name"])
                    item["detainee"]["name"] = None
            assert items == expected

    def differences(
        self,
        points: Sequence[datetime | None],
        from_recorded: datetime | None,
        required: int,
        filters: Mapping[str, str],
        limit: int,
    ) -> None:
        """Read the people who changed between two moments, as everybody and as an editor."""
        now = _now(self._world.conn)
        from_, until = sorted(points, key=lambda at: at or now)
        moments = {"from": from_ or now, "until": until, "from_recorded": from_recorded}
        query = {name: text(moment) for name, moment in moments.items() if moment is not None}
        query |= {"min_sources": required, **filters}
        if self._record_time:
            query["until_recorded"] = self._record_time["recorded_as_of"]
        for api in (self._world.public, self._world.api):
            first = page = api.get("/v1/differences", **query, limit=limit)
            items = page["items"]
            while page["next"] is not None:
                page = api.get("/v1/differences", **query, limit=limit, cursor=page["next"])
                items += page["items"]
                assert {**first, "items": (), "next": None} == {**page, "items": (), "next": None}
            self._check_differences(first, items, required, filters, api is self._world.api)
            if api is self._world.public:
                self._world.cited[first["citation"]["url"]] = first["citation"]["sha256"]

    def _check_differences(
        self,
        response: Mapping[str, Any],
        items: Sequence[Any],
        required: int,
        filters: Mapping[str, str],
        sees_hidden: bool,
    ) -> None:
        from_, until, from_recorded, until_recorded = (
            datetime.fromisoformat(response[name])
            for name in ("from", "until", "from_recorded", "until_recorded")
        )
        before, after, today = (
            self._world.ledger.record(at)
            for at in (from_recorded, until_recorded, _now(self._world.conn))
        )
        for item in items:
            at = item.pop("at")
            if at is None:
                assert (item["before"], item["detainee"]["is_named"]) == (item["after"], False)
            else:
                at = datetime.fromisoformat(at)
                assert from_ < at <= until or from_recorded < at <= until_recorded
            item.pop("because")
            if not sees_hidden and not item["detainee"]["is_named"]:
                assert re.fullmatch("Person [0-9A-Z]{6}", item["detainee"]["name"])
                item["detainee"]["name"] = None
        expected = before.differences(
            from_, after, until, required, filters, today, sees_hidden=sees_hidden
        )
        redacted = response["redacted"]
        assert items == expected.items
        assert redacted == {"before": expected.redacted_before, "after": expected.redacted_after}
        totals = {
            name: record.count(moment, required, filters, sees_hidden=sees_hidden)
            for name, record, moment in (("before", before, from_), ("after", after, until))
        }
        for name, counted in totals.items():
            figures = dict(response["totals"][name])
            undisclosed = counted.undisclosed if filters and not sees_hidden else None
            assert figures.pop("undisclosed") == undisclosed
            assert figures == counted.total
        if not sees_hidden and not filters.keys().isdisjoint(PROPERTIES_OF_PEOPLE):
            return  # What the public knows of people can change, too.
        for figure in FIGURES:
            moved = redacted["after"][figure] - redacted["before"][figure]
            for item in items:
                for name, sign in (("before", -1), ("after", 1)):
                    is_counted = (
                        item["rearrested"][name] if figure == "rearrested" else item[name] == figure
                    )
                    moved += sign * is_counted
            assert totals["before"].total[figure] + moved == totals["after"].total[figure]

    def timeline(self, span: Mapping[str, str], required: int, filters: Mapping[str, str]) -> None:
        response = self._get("/v1/counts/timeline", min_sources=required, **span, **filters)
        record = self.record(response["recorded_as_of"])
        expected = []
        for item in response["items"]:
            moment = datetime.fromisoformat(item["at"])
            total, _, undisclosed = record.count(moment, required, filters)
            expected.append(
                {"at": item["at"], **total, "undisclosed": undisclosed if filters else None}
            )
        assert response["items"] == expected
        last = expected[-1]
        counts = self.counts(datetime.fromisoformat(last["at"]), required, filters)
        assert {figure: counts[figure] for figure in FIGURES} == {
            figure: last[figure] for figure in FIGURES
        }

    def comparison(self, claim: str, required: int) -> None:
        path = f"/v1/claims/{claim}/comparison"
        response = self._get(path, min_sources=required)
        self._check_comparison(response, required)

    def comparisons(self, kind: str, required: int, filters: Mapping[str, str]) -> None:
        """Read the whole list, two at a time."""
        items: list[Any] = []
        parameters = {"kind": kind, "min_sources": required, "time_zone": ZONES[1], **filters}
        cursor: dict[str, Any] | None = {}
        while cursor is not None:
            page = self._get("/v1/comparisons", limit=2, **parameters, **cursor)
            items += page["items"]
            cursor = page["next"] and {"cursor": page["next"]}
        claims = [
            (datetime.fromisoformat(claim["as_of"]), claim["id"])
            for claim in self.record().records["claim"].values()
            if {"kind": kind, **filters}.items() <= claim.items()
        ]
        assert [item["claim"]["id"] for item in items] == [
            id for _, id in sorted(claims, reverse=True)
        ]
        for item in items:
            self._check_comparison(item, required)

    def delivery(self, announcement: str, as_of: datetime | None, required: int) -> None:
        published_at = self.record().records["claim"][announcement]["published_at"]
        # There is no delivery before the announcement.
        parameters = (
            {}
            if as_of is None
            else {"as_of": text(max(as_of, datetime.fromisoformat(published_at)))}
        )
        path = f"/v1/claims/{announcement}/delivery"
        response = self._get(path, min_sources=required, **parameters)
        moment = datetime.fromisoformat(response["citation"]["as_of"])
        expected = self.record(response["citation"]["recorded_as_of"]).delivery(
            announcement, moment, required
        )
        claims = [item["claim"]["id"] for item in response["claims"]]
        assert {**{name: response[name] for name in expected}, "claims": claims} == expected
        assert expected["named"] == expected["still_held"] + sum(
            expected[status] for status in DOCUMENTED
        )
        for item in response["claims"]:
            self._check_comparison(item, required)

    def verification(self, event: str, as_of: datetime | None, required: int) -> None:
        parameters = {} if as_of is None else {"as_of": text(as_of)}
        path = f"/v1/release-events/{event}/verification"
        response = self._get(path, min_sources=required, **parameters)
        events = self.record().records["release_event"]
        if events[event]["merged_into"] is not None:
            # The oracle has no surviving event that is void.
            while event in events and events[event]["merged_into"] is not None:
                event = events[event]["merged_into"]
            assert response["moved_to"].startswith(f"/v1/release-events/{event}/verification?")
            return
        moment = datetime.fromisoformat(response["as_of"])
        verdict = self.record(response["recorded_as_of"]).verdict(event, moment)
        counts = (verdict.independent_sources, verdict.independent_denials) if verdict else (0, 0)
        assert (response["independent_sources"], response["independent_denials"]) == counts
        assert response["status"] == rule.status(*counts, required)

    def _get(self, path: str, **query: Any) -> Any:
        return self._world.get_checked(
            path, **{"time_zone": next(self._zones), **query, **self._record_time}
        )

    def _check_comparison(self, comparison: Mapping[str, Any], required: int) -> None:
        recorded_as_of = datetime.fromisoformat(comparison["citation"]["recorded_as_of"])
        claim = comparison["claim"]["id"]
        expected = self._world.ledger.comparison(claim, recorded_as_of, required)
        assert {name: comparison[name] for name in expected} == expected
        if self._world.ledger.can_be_true(claim, recorded_as_of, required):
            assert comparison["verdict"] != "above_documented"
        record = self.record(comparison["citation"]["recorded_as_of"])
        claim_record = record.records["claim"][claim]
        for name in ("retracted_at", "value", "facility_id", "announcement_id"):
            assert _same(comparison["claim"][name], claim_record[name])
        # The organisation that vouches for a confidential source is shown in its place, once. The
        # surviving source is shown in place of a merged one.
        sources = record.records["source"]
        origins = [
            {
                **origin,
                "source_id": source and record.surviving(sources[source]["vouched_by"] or source),
            }
            for origin in claim_record["origins"]
            for source in [origin["source_id"]]
        ]
        assert comparison["claim"]["origins"] == [
            origin for n, origin in enumerate(origins) if origin not in origins[:n]
        ]


def _label(
    records: Mapping[str, Mapping[str, Any]], group_by: str, value: str | None
) -> str | None:
    """Return the name of the facility, of the source of the announcement, or of the country."""
    if group_by == "nationality":
        return {"VE": "Venezuela", "ES": "Spain", None: None}[value]
    if value is None or group_by not in ("facility_id", "announcement_id"):
        return None
    if group_by == "facility_id":
        return str(records["facility"][value]["name"])
    source = records["source"][records["claim"][value]["source_id"]]
    speaker = "A confidential source of " if source["confidential"] else ""
    while source["vouched_by"] or source["merged_into"]:
        source = records["source"][source["merged_into"] or source["vouched_by"]]
    return f"{speaker}{source['name']}"


def _same(value: Any, recorded: Any) -> bool:
    """Whether a value equals that of the ledger, in which moments have another format."""
    if value is None or not isinstance(value, str) or "T" not in value:
        return bool(value == recorded)
    return datetime.fromisoformat(value) == datetime.fromisoformat(recorded)


def read_at_random(world: World, choose: Chooser) -> None:
    """Compare a few responses at random times with the oracle."""
    recorded = [row.recorded_at for row in world.conn.execute("SELECT recorded_at FROM ledger")]
    now = _now(world.conn)
    # None, now, the time of the last entry, and a time just before an entry.
    record_time = choose.one_of([None, now, recorded[-1], choose.one_of(recorded) - MICROSECOND])
    reader = Reader(world, record_time)
    points = world.ledger.record(now).turning_points()
    as_of = choose.one_of(
        [None, now, choose.one_of(points) + choose.one_of([-1, 0, 0, 1]) * MICROSECOND]
    )
    required = choose.one_of([1, 2, 2, 2, 3, 4, 5])
    chosen_filters = choose.one_of([{}, choose.one_of(filters(world))])
    reader.counts(as_of, required, chosen_filters, choose.one_of([None, *PROPERTIES]))
    reader.people(as_of, required, chosen_filters, choose.one_of([1, 2, 200]))
    of_releases = choose.one_of([{}, choose.one_of(release_filters(world))])
    reader.release_events(as_of, required, of_releases, choose.one_of([1, 3, 200]))
    earlier = min(choose.one_of(recorded), record_time or now)
    moments = [as_of, choose.one_of([*points, as_of])]
    reader.differences(moments, earlier, required, chosen_filters, choose.one_of([1, 200]))
    record = reader.record()
    kind = choose.one_of(["timeline", "comparison", "delivery", "verification"])
    if kind == "timeline":
        reader.timeline(choose.one_of(TIMELINES), required, chosen_filters)
    elif kind == "comparison" and record.records["claim"]:
        reader.comparison(choose.one_of(sorted(record.records["claim"])), required)
    elif kind == "delivery" and (announcements := _announcements(record)):
        reader.delivery(choose.one_of(announcements), as_of, required)
    elif kind == "verification" and record.records["release_event"]:
        reader.verification(choose.one_of(sorted(record.records["release_event"])), as_of, required)


def read_everything(world: World, choose: Chooser) -> None:
    """Compare responses of every kind, with every filter and group, now and at a record time."""
    now = _now(world.conn)
    recorded = [row.recorded_at for row in world.conn.execute("SELECT recorded_at FROM ledger")]
    required = cycle(choose.one_of([(2, 1, 3), (1, 2, 4), (2, 5, 1)]))
    for record_time in (None, choose.one_of([now, *recorded[-10:]])):
        reader = Reader(world, record_time)
        record = reader.record()
        points = cycle(
            [
                None,
                now,
                *(point + d * MICROSECOND for point in record.turning_points() for d in (0, -1, 1)),
            ]
        )
        groups = cycle([*PROPERTIES, None])
        for name in PROPERTIES:
            reader.counts(next(points), next(required), {}, name)
        for chosen_filters in filters(world):
            reader.counts(next(points), next(required), chosen_filters, next(groups))
        for chosen_filters in filters(world)[choose.one_of([0, 1, 2]) :: 3]:
            reader.people(next(points), next(required), chosen_filters, 200)
            earlier = min(choose.one_of(recorded), record_time or now)
            reader.differences(
                [next(points), next(points)], earlier, next(required), chosen_filters, 200
            )
        for chosen_filters in release_filters(world)[choose.one_of([0, 1]) :: 2]:
            reader.release_events(next(points), next(required), chosen_filters, 200)
        some_filters = cycle([{}, *filters(world)[:: choose.one_of([3, 4, 5])]])
        for span in TIMELINES * 2:
            reader.timeline(span, next(required), next(some_filters))
        for kind in CLAIM_KINDS:
            reader.comparisons(kind, next(required), {})
        reader.comparisons("released", next(required), {"nationality": "VE"})
        for claim in record.records["claim"]:
            reader.comparison(claim, next(required))
        for announcement in _announcements(record):
            reader.delivery(announcement, next(points), next(required))
        for event in record.records["release_event"]:
            reader.verification(event, next(points), next(required))


def _announcements(record: Record) -> list[str]:
    claims = record.records["claim"].values()
    return sorted(claim["id"] for claim in claims if claim["kind"] == "announced")


def assert_lists_have_all_people_who_match(world: World) -> None:
    """Each filter selects the people by the values that they are shown with."""
    facilities: list[dict[str, str]] = [{"facility_id": id} for id in world.ids["facility"]]
    custodies = [{"custody": name} for name in ("detained", "whereabouts_unknown", "released")]
    countries = [{"nationality": country} for country in ("VE", "ES")]
    queries = [
        a | b | c for a in [{}, *facilities] for b in [{}, *custodies] for c in [{}, *countries]
    ]
    for api in (world.public, world.api):
        people = api.get("/v1/detainees", limit=200)["items"]
        assert len(people) < 200
        for query in queries:
            expected = [
                person["id"]
                for person in people
                if query.get("custody") in (None, person["custody"])
                and query.get("nationality") in (None, *person["nationalities"])
                and query.get("facility_id")
                in (None, (person["detention"] or {}).get("facility_id"))
            ]
            items = api.get("/v1/detainees", limit=200, **query)["items"]
            assert [item["id"] for item in items] == expected, query


def assert_summaries_equal_verifications(world: World) -> None:
    """The summary of each event equals its verification."""
    for event in world.ids["release_event"]:
        if world.api.send("GET", f"/v1/release-events/{event}").status_code == 307:
            continue
        record = world.api.get(f"/v1/release-events/{event}")
        summary = record["verification"]
        path = f"/v1/release-events/{event}/verification"
        if record["voided_at"] is not None:
            assert summary["since"] is None
            assert world.api.send("GET", path).status_code == 404
            continue
        verification = world.api.get(path)
        assert summary == {name: verification[name] for name in summary}


def _now(conn: Connection) -> datetime:
    row = conn.execute("SELECT clock_timestamp() AS now").fetchone()
    assert row is not None
    moment: datetime = row.now
    return moment


# The histories can share the fixture, since each has a cloned database. Long histories find more.
# To shorten a failing history, which takes many minutes, add Phase.shrink.
@settings(
    max_examples=3,
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
        world.add_records()
        for _ in range(2):
            for n in range(data.draw(st.integers(10, 20))):
                write_at_random(world, choose)
                if n % 3 == 0:  # for every write it would take a third of the time of the test
                    assert_store_is_consistent(world.conn)
                read_at_random(world, choose)
            assert_store_is_consistent(world.conn)
            read_everything(world, choose)
        assert_summaries_equal_verifications(world)
        assert_lists_have_all_people_who_match(world)
        world.assert_responses_are_unchanged()


def test_person_who_no_longer_matches_leaves_the_timeline(api: Api) -> None:
    """A retracted attestation no longer asserts the kind of release in the filter."""
    editor = api.scope("edit")
    event, source = add_event(editor), editor.source("Una")
    attestation = editor.attest(event, source, "2026-01-08T20:00:00Z", release_kind="full")["id"]
    body = {"retracted_at": "2026-01-09T20:00:00Z"}
    editor.post(f"/v1/attestations/{attestation}/retraction", body, 200)
    span: dict[str, Any] = {"from": "2026-01-08T12:00:00Z", "until": "2026-01-10T12:00:00Z"}
    timeline = api.get("/v1/counts/timeline", release_kind="full", **span)
    assert [item["reported"] for item in timeline["items"]] == [1, 0, 0]
    for item in timeline["items"]:
        counts = api.get("/v1/counts", as_of=item["at"], release_kind="full")
        assert {name: counts[name] for name in FIGURES} == {name: item[name] for name in FIGURES}


@pytest.mark.parametrize("is_recorded", [False, True])
def test_person_who_may_count_otherwise_and_in_a_group_is_undisclosed_once(
    editor: Api, conn: Connection, is_recorded: bool
) -> None:
    """By the status that the release from an undisclosed facility may give."""
    disclosed, other = (
        editor.post("/v1/facilities", {"name": name, "country": "VE"})["id"]
        for name in ("Rodeo I", "La Torre")
    )
    *_, minor = (editor.detainee(f"Menor {n}", age_group="minor") for n in range(5))
    for person in editor.get("/v1/detainees")["items"]:
        editor.detention(person["id"], detained_on="2024", facility_id=disclosed)
    events = [editor.event(minor, "2025-01-08")]
    editor.detention(minor, detained_on="2025-06", facility_id=other)
    events.append(editor.event(minor, "2026-01-08"))
    first, second = editor.source("Una"), editor.source("Otra")
    for event in events:
        editor.attest(event, first, "2026-01-09T01:00:00Z")
    editor.attest(events[1], second, "2026-01-09T01:00:00Z", stance="denies")
    filters = {"country": "VE", "age_group": "minor"}
    reader = Reader(World(editor, conn), _now(conn) if is_recorded else None)
    response = reader.counts(None, 2, filters, "nationality")
    assert (response["reported"], response["disputed"]) == (1, 0)
    assert {name: n for name, n in response["undisclosed"].items() if n} == {"disputed": 1}


# Record time.


@contextmanager
def attestation_in_progress(database: str, **body: Any) -> Iterator[Connection]:
    """Yield a transaction that has written an attestation and its ledger entry."""
    contract = document.load().schema("AttestationCreate")
    attestation = schemas.body_schema(contract).load({**FIRST_HAND, **body})
    with connections.connect(database) as writer, writer.transaction():
        key, _ = auth.create_key(writer, "in progress", "contribute")
        attestations.create_attestation(writer, access.Caller(key, "contribute"), attestation)
        yield writer


def waits_for_a_lock(conn: Connection) -> bool:
    row = conn.execute(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock') AS waits"
    ).fetchone()
    return bool(row and row.waits)


def add_event(editor: Api, name: str = "Ana", day: str = "2026-01-08", **properties: Any) -> str:
    person = editor.detainee(name, **properties)
    editor.detention(person, detained_on="2024")
    return editor.event(person, day)


@pytest.mark.parametrize("filters", [{}, {"sex": "female"}], ids=["plain", "filtered"])
def test_response_waits_for_the_writer_in_progress(
    api: Api, database: str, conn: Connection, filters: dict[str, str]
) -> None:
    editor = api.scope("edit")
    event = add_event(editor, sex="female")
    sources = [editor.source(name) for name in ("Una", "Otra")]
    parameters: dict[str, Any] = {"min_sources": 1, **filters}
    responses: list[Any] = []

    def get_counts() -> None:
        responses.append(api.get("/v1/counts", **parameters))

    waiter = Thread(target=get_counts)
    at = "2026-01-08T20:00:00Z"
    attestation = {"release_event_id": event, "source_id": sources[0], "published_at": at}
    with attestation_in_progress(database, **attestation):
        # After the record time of that attestation.
        parameters["as_of"] = parameters["recorded_as_of"] = text(_now(conn))
        waiter.start()
        while not waits_for_a_lock(conn):
            waiter.join(0.02)
            assert waiter.is_alive(), "the response came before the writer's commit"
    waiter.join()
    assert responses[0]["confirmed"] == 1
    editor.attest(event, sources[1], at, stance="denies")
    get_counts()
    assert responses[1] == responses[0]
    assert api.get("/v1/counts", min_sources=1, **filters)["confirmed"] == 0


def test_response_for_a_past_record_time_does_not_wait(
    api: Api, database: str, conn: Connection
) -> None:
    editor = api.scope("edit")
    event, source = add_event(editor), editor.source("Una")
    at = "2026-01-08T20:00:00Z"
    past = api.get("/v1/counts", as_of=at)["recorded_as_of"]
    attestation = {"release_event_id": event, "source_id": source, "published_at": at}
    with attestation_in_progress(database, **attestation):
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
    conn.execute("SET session_replication_role = replica")  # without the triggers
    conn.execute("UPDATE ledger_head SET recorded_at = %s", [ahead])
    record_time = api.get("/v1/counts")["recorded_as_of"]
    assert api.get("/v1/counts", recorded_as_of=record_time)["recorded_as_of"] == record_time


# Concurrent writers.


def test_concurrent_writers_on_one_person_lose_no_write(api: Api, conn: Connection) -> None:
    editor = api.scope("edit")
    sources = [editor.source(f"Fuente {i}") for i in range(4)]
    for i in range(8):
        event = add_event(editor, f"Persona {i}")
        person = editor.get(f"/v1/release-events/{event}")["detainee_id"]
        other = editor.event(person, "2026-02-08")

        def attest(event: str, source: str) -> Callable[[], Any]:
            return lambda: editor.attest(event, source, "2026-02-09T01:00:00Z")

        def detain_again(person: str = person) -> None:
            editor.detention(person, detained_on="2026-02-09")

        run_together(
            attest(event, sources[0]),
            attest(event, sources[1]),
            attest(other, sources[2]),
            attest(other, sources[3]),
            detain_again,
        )
    assert_store_is_consistent(conn)
    counts = api.get("/v1/counts")
    assert (counts["confirmed"], counts["rearrested"]) == (8, 8)


def test_concurrent_affiliation_and_attestations_keep_the_store_consistent(
    api: Api, conn: Connection
) -> None:
    editor = api.scope("edit")
    for i in range(8):
        event = add_event(editor, f"Persona {i}")
        first, second = editor.source("Una"), editor.source("Otra")
        run_together(
            lambda event=event, first=first: editor.attest(event, first, "2026-01-09T01:00:00Z"),
            lambda event=event, second=second: editor.attest(event, second, "2026-01-09T02:00:00Z"),
            lambda first=first, second=second: editor.affiliate(first, second),
            lambda first=first, second=second: editor.affiliate(second, first),
        )
    assert_store_is_consistent(conn)
    counts = api.get("/v1/counts")
    assert (counts["confirmed"], counts["reported"]) == (0, 8)


# Changes of a verdict.


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
    event, source = add_event(editor), editor.source("Una")
    at = "2026-01-08T20:00:00Z"
    superseded = editor.attest(event, source, at, stance=first)["id"]
    assert editor.attest(event, source, at, stance=last)["verification"]["status"] == status
    response = api.get(f"/v1/release-events/{event}/verification")
    assert response["not_counted"] == [{"attestation_id": superseded, "reason": "superseded"}]


def test_voiding_the_earliest_attestation_moves_the_time_at_which_groups_are_read(
    api: Api, conn: Connection
) -> None:
    editor = api.scope("edit")
    event = add_event(editor)
    paper, owner, other = (editor.source(name) for name in ("Diario", "Dueño", "Otra"))
    editor.affiliate(paper, owner, valid_until="2026-01-09T00:00:00Z")
    earliest = editor.attest(event, other, "2026-01-08T20:00:00Z", basis="unattributed")["id"]
    editor.attest(event, paper, "2026-01-09T01:00:00Z")
    last = editor.attest(event, owner, "2026-01-09T02:00:00Z")
    assert last["verification"]["status"] == "reported"
    before = api.get(f"/v1/release-events/{event}/verification")
    body = {"reason": "It is about another person."}
    voided = editor.post(f"/v1/attestations/{earliest}/void", body, 200)
    assert voided["verification"] == {
        "status": "confirmed",
        "independent_sources": 2,
        "independent_denials": 0,
        "since": "2026-01-09T02:00:00Z",
    }
    moments = {name: before[name] for name in ("as_of", "recorded_as_of")}
    assert api.get(f"/v1/release-events/{event}/verification", **moments) == before
    assert_store_is_consistent(conn)


def test_affiliation_verifies_all_events_of_its_group_again(api: Api, conn: Connection) -> None:
    editor = api.scope("edit")
    paper, owner, holding = (editor.source(name) for name in ("Diario", "Dueño", "Casa"))
    editor.affiliate(owner, holding)
    events = [add_event(editor, f"Persona {i}") for i in range(30)]
    for i, event in enumerate(events):
        editor.attest(event, paper, f"2026-01-09T{i % 24:02}:00:00Z")
        # The owner itself attests some events only, as a relay of the affiliated holding; the
        # holding attests the others.
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
        assert_store_is_consistent(conn)
        return int(api.get("/v1/counts")["confirmed"])

    # The affiliation ends before the first attestation of some events, and after that of others.
    affiliation = editor.affiliate(paper, owner, valid_until="2026-01-09T12:00:00Z")
    assert confirmed() == 12
    editor.patch(f"/v1/affiliations/{affiliation}", {"valid_until": None})
    assert confirmed() == 0
    editor.patch(f"/v1/affiliations/{affiliation}", {"valid_from": "2026-01-09T12:00:00Z"})
    assert confirmed() == 18
    editor.patch(f"/v1/affiliations/{affiliation}", {"valid_from": "2026-02-09T12:00:00Z"})
    assert confirmed() == 30
    assert api.get("/v1/counts", recorded_as_of=recorded)["confirmed"] == 30
    # As if it had never been recorded, until the voiding is undone.
    editor.patch(f"/v1/affiliations/{affiliation}", {"valid_from": "2026-01-09T12:00:00Z"})
    recorded = api.get("/v1/counts")["recorded_as_of"]
    path = f"/v1/affiliations/{affiliation}/void"
    void = editor.post(path, {"reason": "Of another owner."}, 200)
    assert (void["void_reason"], void["voided_at"]) == ("Of another owner.", void["updated_at"])
    assert confirmed() == 30
    # A confidential source has no affiliations, and this one comes back.
    editor.patch(f"/v1/sources/{paper}", {"confidential": True, "vouched_by": holding}, 422)
    voided = api.get("/v1/counts")["recorded_as_of"]
    assert api.get(f"/v1/affiliations/{affiliation}") == void
    listed = api.get("/v1/affiliations")["items"]
    assert affiliation not in {item["id"] for item in listed}
    assert api.get(f"/v1/sources/{paper}")["affiliations"] == []
    assert editor.send("DELETE", path).get_json()["voided_at"] is None
    assert confirmed() == 18
    assert api.get("/v1/counts", recorded_as_of=recorded)["confirmed"] == 18
    assert api.get("/v1/counts", recorded_as_of=voided)["confirmed"] == 30


def test_affiliation_of_relayed_sources_verifies_their_events_again(
    api: Api, conn: Connection
) -> None:
    editor = api.scope("edit")
    event = add_event(editor)
    mother, brother = editor.source("Madre", "relative"), editor.source("Hermano", "relative")
    for i, origin in enumerate((mother, brother)):
        attestation = editor.attest(
            event,
            editor.source(f"Diario {i}"),
            f"2026-01-09T0{i}:00:00Z",
            basis="relayed",
            relays=[{"source_id": origin}],
        )
    assert attestation["verification"]["status"] == "confirmed"
    editor.affiliate(mother, brother, "related_to")
    summary = api.get(f"/v1/release-events/{event}")["verification"]
    assert (summary["status"], summary["independent_sources"]) == ("reported", 1)
    assert_store_is_consistent(conn)


def test_attestation_published_in_the_near_future_is_not_counted_yet(
    api: Api, conn: Connection
) -> None:
    """The clock of a caller may be five minutes ahead."""
    editor = api.scope("edit")
    event, source = add_event(editor), editor.source("Una")
    soon = text(_now(conn) + timedelta(minutes=4))
    attestation = editor.attest(event, source, soon)
    person = editor.get(f"/v1/release-events/{event}")["detainee_id"]
    assert attestation["verification"]["status"] == "unverified"
    assert api.get(f"/v1/release-events/{event}/verification")["history"] == []
    assert api.get("/v1/counts", min_sources=1)["confirmed"] == 0
    assert api.get("/v1/counts", min_sources=1, as_of=soon)["confirmed"] == 1
    for path, status in (("?", "unverified"), (f"?as_of={quote(soon)}&", "reported")):
        for listed in ("unverified", "reported"):
            page = api.get(f"/v1/release-events{path}status={listed}")
            assert [item["id"] for item in page["items"]] == [event] * (listed == status)
    assert api.get(f"/v1/detainees/{person}")["custody"] == "detained"
    review = {"Accept": "application/ld+json"}
    assert api.send("GET", f"/v1/release-events/{event}", headers=review).status_code == 404
    assert_store_is_consistent(conn)


def test_attestation_is_accepted_after_the_clock_was_set_back(api: Api, conn: Connection) -> None:
    """The current time is at least the time of the last ledger entry."""
    editor = api.scope("edit")
    source, person = editor.source("Fuente"), editor.detainee("Persona")
    editor.detention(person, detained_on="2024-02")
    event = editor.event(person, "2026-01-08")
    conn.execute("SET session_replication_role = replica")  # without the triggers
    conn.execute("UPDATE ledger_head SET recorded_at = recorded_at + interval '1 hour'")
    published_at = _now(conn) + timedelta(minutes=59)
    attestation = editor.attest(event, source, published_at.isoformat())["id"]
    claim = {"source_id": source, "kind": "released", "value": 1, "as_of": published_at.isoformat()}
    claim_id = editor.post("/v1/claims", {**claim, "published_at": published_at.isoformat()})["id"]
    for path in (f"/v1/attestations/{attestation}", f"/v1/claims/{claim_id}"):
        editor.post(f"{path}/retraction", {"retracted_at": published_at.isoformat()}, 200)


def test_status_function_of_the_database_equals_the_rule(conn: Connection) -> None:
    for sources, denials, required in product(range(8), range(8), REQUIRED):
        row = conn.execute(
            "SELECT verification_status(%s, %s, %s) AS status", [sources, denials, required]
        ).fetchone()
        assert row is not None
        assert row.status == rule.status(sources, denials, required)
        row = conn.execute(
            "SELECT status_codes(%(s)s, %(d)s) AS codes, status_codes(%(s)s, %(d)s)"
            " = ANY (codes_of_status(%(status)s, %(required)s)) AS are_listed",
            {"s": sources, "d": denials, "status": row.status, "required": required},
        ).fetchone()
        assert row is not None
        letters = dict(zip("CDRFU", STATUSES, strict=True))
        assert letters[row.codes[required - 1]] == rule.status(sources, denials, required)
        assert row.are_listed


# Lists.


def test_pagination_neither_repeats_nor_skips(api: Api) -> None:
    """Items of the start are listed once, also if others are written between two pages."""
    editor = api.scope("edit")
    person = editor.detainee("Ana Prueba")
    source = editor.source("Una")

    def write(i: int) -> None:
        editor.source(f"Fuente {i}")
        editor.post("/v1/facilities", {"name": f"Lugar {i}", "country": "VE"})
        editor.detainee(f"Prueba {i}")
        editor.detention(person, detained_on=f"20{i:02}")
        event = editor.event(person, f"20{i:02}-12-08")
        attestation = editor.attest(event, source, f"20{i:02}-12-09T00:00:00Z")["id"]
        editor.patch(f"/v1/detainees/{person}", {"occupation": f"Oficio {i}"})
        editor.post(f"/v1/attestations/{attestation}/void", {"reason": "Entered twice."}, 200)

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
        cursor_parameter = "after" if path == "/v1/changes" else "cursor"
        start = [item[name] for item in api.get(path, limit=200, **query)["items"]]
        seen: list[Any] = []
        page = api.get(path, limit=2, **query)
        while seen[-1:] < start[-1:]:
            seen += [item[name] for item in page["items"]]
            if len(seen) == 4:
                write(next(years))
            if page["next"] is None:
                break
            page = api.get(path, limit=2, **{cursor_parameter: page["next"]}, **query)
        # Ids are random, so new items may come between those of the start.
        assert [id for id in seen if id in start] == start
        assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("after", ["", "zzz", "a\0b", "019b9f3e", "{}"])
def test_forged_cursor_is_refused(api: Api, after: str) -> None:
    """Anybody who reads the source code can make a cursor, so its content is not trusted."""
    cursor = pagination.encode("listSources", {}, after)
    problem = api.get("/v1/sources", status=422, cursor=cursor)
    assert [error["pointer"] for error in problem["errors"]] == ["/cursor"]


def test_detention_cannot_begin_after_its_release(api: Api) -> None:
    """Likewise, an event cannot be entered before the first day of its detention."""
    editor = api.scope("edit")
    person = editor.detainee("Ana")
    detention = editor.detention(person, detained_on="2025-02-09")
    editor.event(person, "2026-01-08")
    editor.patch(f"/v1/detentions/{detention}", {"detained_on": "2026-03-01"}, 422)


def test_earlier_detention_is_no_rearrest(api: Api) -> None:
    """A detention that began before the release is not a rearrest if it is entered later."""
    editor = api.scope("edit")
    event = add_event(editor)
    person = editor.get(f"/v1/release-events/{event}")["detainee_id"]
    for name in ("Una", "Otra"):
        editor.attest(event, editor.source(name), "2026-01-09T01:00:00Z")
    path = f"/v1/detainees/{person}/detentions"
    editor.send("POST", path, json={"detained_on": "2025-05-05"})
    assert api.get("/v1/counts")["rearrested"] == 0
    assert api.get(f"/v1/detainees/{person}")["custody"] == "released"
