"""A small register with one record of each kind, to which the bad input refers."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from psycopg.rows import tuple_row
from werkzeug.test import TestResponse

from api import auth
from api.database import connections
from api.database.queries import Connection
from tests.conftest import Api, client_of, cloned
from tests.support import open_pool
from tests.whole_set.bad_input.invalid_requests import InvalidRequest
from tests.whole_set.bad_input.valid_bodies import claim, facility


@dataclass
class World:
    """A small register with one record of each kind, to which the bad input is sent."""

    api: Api
    conn: Connection
    records: Mapping[str, str]
    # The last digest of the tables, and the next transaction id at that time.
    last_digest: tuple[int, dict[str, str]] | None = None

    def fill(self, value: Any) -> Any:
        """Replace each `$name` by the id of that record."""
        if isinstance(value, str):
            return re.sub(r"\$(\w+)", lambda m: self.records.get(m[1], m[0]), value)
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if isinstance(value, dict):
            return {name: self.fill(item) for name, item in value.items()}
        return value

    def send(self, request: InvalidRequest) -> TestResponse:
        api = self.api if request.scope is None else self.api.scope(request.scope)
        options: dict[str, Any] = {
            "headers": self.fill(dict(request.headers)),
            "query_string": self.fill(request.query),
        }
        if request.raw is not None:
            options["data"] = request.raw
            options["headers"].setdefault("Content-Type", "application/json")
        elif request.body is not None:
            options["data"] = json.dumps(self.fill(request.body))
            options["headers"].setdefault("Content-Type", "application/json")
        return api.send(request.method, self.fill(request.path), **options)

    def digest(self) -> dict[str, str]:
        """The digest of all tables, read again only if a transaction has written since the last
        one: to read it takes longer than most requests."""
        query = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS xid"
        next_id = self.conn.execute(query).fetchone().xid
        if self.last_digest is None or self.last_digest[0] != next_id:
            self.last_digest = (next_id, digest_of_tables(self.conn))
        return self.last_digest[1]


def digest_of_tables(conn: Connection) -> dict[str, str]:
    """The number of rows of each table, and a hash of their content."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        names = cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        counts = " UNION ALL ".join(
            f"SELECT '{name}', count(*) || ' ' ||"
            f" coalesce(md5(string_agg(t::text, ' ' ORDER BY t::text)), '') FROM {name} t"
            for (name,) in names.fetchall()
        )
        digest = dict(cursor.execute(counts).fetchall())
    assert {"ledger_head", "ledger", "sources", "attestations", "verdicts", "api_keys"} <= set(
        digest
    )
    return digest


@contextmanager
def new_world(server: str) -> Iterator[World]:
    with cloned(server) as url, connections.connect(url) as conn, open_pool(url, 4) as pool:
        keys = {}
        for scope in ("contribute", "edit", "admin"):
            _, keys[scope] = auth.create_key(conn, scope, scope)
        for state, change in (
            ("revoked", "revoked_at = now()"),
            ("ended", "created_at = '2026-01-01', valid_until = now()"),
        ):
            id, keys[state] = auth.create_key(conn, state, "edit")
            conn.execute(cast(Any, f"UPDATE api_keys SET {change} WHERE id = %s"), [id])
        with client_of(pool) as client:
            api = Api(client, keys.__getitem__)
            yield World(api, conn, record_one_of_each(api.scope("edit"), keys))


def record_one_of_each(api: Api, keys: Mapping[str, str]) -> dict[str, str]:
    source_id, other = api.source("Northgate Herald"), api.source("Family Vigil")
    facility_id = api.post("/v1/facilities", facility())["id"]
    other_facility = api.post("/v1/facilities", facility(name="Riverside Prison"))["id"]
    person, held = api.detainee("Ilya Marek"), api.detainee("Tomas Held")
    detention = api.detention(person, detained_on="2024-02", facility_id=facility_id)
    event = api.event(person, "2026-01-08")
    unattested = api.event(person, "2026-01-14")
    attestation = api.attest(event, source_id, "2026-01-09T10:00:00Z")["id"]
    records = {
        "source": source_id,
        "other_source": other,
        "affiliation": api.affiliate(source_id, other, valid_from="2020-01-01T00:00:00Z"),
        "other_affiliation": api.affiliate(other, source_id),
        "facility": facility_id,
        "other_facility": other_facility,
        "detainee": person,
        "held": held,
        "other_detention": api.detention(held, detained_on="2025"),
        "never_held": api.detainee(
            "Vera Free", external_ids=[{"scheme": "foro-penal", "value": "FP-77"}]
        ),
        "minor": api.detainee("Mina Small", age_group="minor"),
        "detention": detention,
        "event": event,
        "unattested": unattested,
        "attestation": attestation,
        "retracted": api.attest(event, source_id, "2026-01-09T11:00:00Z")["id"],
        "voided": api.attest(event, source_id, "2026-01-09T11:30:00Z")["id"],
    }
    other_event = api.event(held, "2026-01-08")
    records["elsewhere"] = api.attest(other_event, other, "2026-01-09T10:00:00Z")["id"]
    held_again = api.detainee("Bruno Held")
    api.detention(held_again, detained_on="2025-03-01")
    records["held"] = held_again
    path = "/v1/attestations/{}/{}"
    api.post(
        path.format(records["retracted"], "retraction"),
        {"retracted_at": "2026-01-10T00:00:00Z"},
        200,
    )
    api.post(path.format(records["voided"], "void"), {"reason": "Entered twice."}, 200)
    for name, fields in {
        "claim": {"published_at": "2026-01-09T10:00:00Z"},
        "retracted_claim": {"value": None},
        "announcement": {"kind": "announced"},
        "later_announcement": {"kind": "announced", "published_at": "2026-01-10T00:00:00Z"},
    }.items():
        records[name] = api.post("/v1/claims", claim(source_id=source_id, **fields))["id"]
    api.post(
        f"/v1/claims/{records['retracted_claim']}/retraction",
        {"retracted_at": "2026-01-10T00:00:00Z"},
        200,
    )
    void_one_of_each(api, records)
    split_twice(api, records)
    merge_and_distinguish(api, records)
    propose(api, records)
    edit = keys["edit"]
    return records | {
        "edit": edit,
        "EDIT": edit.upper(),
        "edit_cut": edit[:-1],
        "edit_": edit + "A",
        "hash": "constancia_" + hashlib.sha256(edit.encode()).hexdigest(),
        "revoked": keys["revoked"],
        "ended": keys["ended"],
        "of_another": edit[:-43] + keys["admin"][-43:],
    }


def split_twice(api: Api, records: dict[str, str]) -> None:
    """Record a split that stands and one that is undone."""
    person = api.detainee("Vera Held", aliases=["Vera"])
    first = api.detention(person, detained_on="2019")
    api.event(person, "2020-01-08", detention_id=first)
    body = {"name": "Vera", "detention_ids": [api.detention(person, detained_on="2024")]}
    path = f"/v1/detainees/{person}/split"
    records["undone_split"] = api.post(path, body)["id"]
    assert api.send("DELETE", f"/v1/splits/{records['undone_split']}").status_code == 200
    records["split"] = api.post(path, body)["id"]


def void_one_of_each(api: Api, records: dict[str, str]) -> None:
    """Record a release event, a detention, a claim and an affiliation that are void."""
    person = api.detainee("Vera Held")
    records["void_detention"] = api.detention(person, detained_on="2024-02")
    records["void_event"] = api.event(person, "2026-01-08")
    body = claim(source_id=records["source"], kind="announced")
    records["void_announcement"] = api.post("/v1/claims", body)["id"]
    records["void_affiliation"] = api.affiliate(records["source"], records["other_source"])
    for path in (
        f"affiliations/{records['void_affiliation']}",
        f"release-events/{records['void_event']}",
        f"detentions/{records['void_detention']}",
        f"claims/{records['void_announcement']}",
    ):
        api.post(f"/v1/{path}/void", {"reason": "Entered twice."}, 200)


def propose(api: Api, records: dict[str, str]) -> None:
    """Record an open proposal and a rejected one."""
    path, contributor = f"/v1/detainees/{records['minor']}/detentions", api.scope("contribute")
    records["proposal"], records["rejected"] = (
        contributor.post(path, {}, 202)["id"] for _ in range(2)
    )
    reason = {"reason": "Another day."}
    api.post(f"/v1/proposals/{records['rejected']}/reject", reason, 200)


def merge_and_distinguish(api: Api, records: dict[str, str]) -> None:
    """Record a merge, an undone merge, a distinction and a withdrawn distinction."""
    records["merged"], records["brother"] = api.detainee("Vera Fre"), api.detainee("Vero Free")
    merge, distinct = "/v1/detainees/{merged}/merge", "/v1/detainees/{brother}/distinct-from"
    for state, kind, path, body in (
        ("undone", "merge", merge, {"into": records["never_held"]}),
        ("withdrawn", "distinction", distinct, {"detainee_id": records["never_held"]}),
    ):
        records[state] = api.post(path.format(**records), body)["id"]
        ended = api.send("DELETE", f"/v1/{kind}s/{records[state]}")
        assert ended.status_code == 200
        records[kind] = api.post(path.format(**records), body)["id"]
