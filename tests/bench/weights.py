"""`python -m tests.bench.weights`: the CPU time of each unit of weight, by operation.

A store of 30,000 release events is served by a gunicorn with the service's settings. Each row sends
one kind of request for a second or more, and divides the CPU time of the workers and of PostgreSQL
by the weight that the requests spent. One unit may take 20 ms: then the default quotas let an
address use at most 0.4 cores, and a key two.
"""

import argparse
import json
import os
import random
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from api import auth, config
from api.database import connections
from api.server import embedded
from tests.bench import loads, stores
from tests.bench.__main__ import HALF_LOADED, NEWCOMERS, _copied, _filled
from tests.bench.imports import invented_list

EVENTS = 30_000
SECONDS = 1.0
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
YEAR = "from=2025-01-01&until=2025-12-31&time_zone=America/Caracas"
CHART = "from=2025-01-01&until=2025-12-31"
OLD = "2025-01-02T00:00:00Z"
ALL = "updated_since=2025-01-01T00:00:00Z"
HOURS = "from=2025-06-01&until=2025-07-10&bucket=hour"


class Request(NamedTuple):
    method: str
    path: str
    body: bytes | None = None
    scope: str | None = None
    content_type: str = "application/json"


def reads(conn: Any) -> Iterator[tuple[str, Sequence[Request]]]:
    """Yield reads, the most expensive of their operation, by name."""

    def ids(query: str) -> list[str]:
        return [str(row[0]) for row in conn.execute(query)]

    def reads_by_id(path: str, ids: Sequence[str], scope: str | None = None) -> list[Request]:
        return [Request("GET", path.format(id=id), scope=scope) for id in ids]

    events = ids("SELECT id FROM release_events ORDER BY id LIMIT 1000")
    people = ids("SELECT id FROM detainees ORDER BY id LIMIT 1000")
    claims = ids("SELECT id FROM claims WHERE kind = 'released' ORDER BY id")
    announcements = ids("SELECT id FROM claims WHERE kind = 'announced' ORDER BY id")
    prison = ids("SELECT id FROM facilities ORDER BY id LIMIT 1")
    sources = ids("SELECT id FROM sources ORDER BY id LIMIT 1000")
    (recorded,) = ids(HALF_LOADED)
    at = f"/v1/counts?as_of={stores.MIDDLE}"
    past = f"recorded_as_of={recorded}"
    for path in (
        "/openapi.json",
        "/v1/counts",
        at,
        f"{at}&group_by=facility_id",
        f"{at}&group_by=occurred_on",
        f"{at}&{past}",
        f"{at}&{past}&group_by=occurred_on",
        f"{at}&sex=male",
        f"{at}&sex=male&group_by=occurred_on",
        f"{at}&sex=male&release_kind=full",
        f"{at}&{past}&sex=male&release_kind=full&group_by=occurred_on",
        f"{at}&{past}&age_group=adult&occurred_from=2025-01-01&group_by=facility_id",
        f"/v1/counts/timeline?{YEAR}",
        f"/v1/counts/timeline?{YEAR}&sex=male",
        f"/v1/counts/timeline?{YEAR}&sex=male&release_kind=full",
        f"/v1/counts/timeline?{YEAR}&{past}",
        f"/v1/counts/timeline?{YEAR}&{past}&sex=male&release_kind=full",
        f"/v1/counts/timeline?{HOURS}&{past}",
        f"/v1/counts/timeline?{HOURS}&{past}&sex=male&release_kind=full",
        "/v1/counts/people",
        f"/v1/counts/people?limit=200&{past}&sex=male&release_kind=full",
        "/v1/counts/people?format=csv",
        f"/v1/differences?from={stores.MIDDLE}",
        f"/v1/differences?limit=200&from_recorded={recorded}&sex=male",
        "/v1/comparisons",
        "/v1/comparisons?limit=200",
        f"/v1/comparisons?limit=200&{past}",
        "/v1/comparisons?format=csv",
        "/v1/counts/people?format=xlsx",
        f"/v1/counts/people?limit=200&{past}&status=disputed&sex=male&release_kind=exile",
        f"/v1/differences?from={stores.MIDDLE}&format=csv",
        *(
            f"/v1/release-events?limit=200&{query}"
            for query in (
                f"{past}&status=reported&as_of={OLD}",
                f"{past}&status=unverified&min_sources=3",
                f"status=confirmed&as_of={OLD}",
                f"{ALL}&status=refuted",
            )
        ),
        f"/v1/release-events?format=csv&{past}&status=reported&as_of={OLD}",
        f"/v1/detainees?limit=200&{ALL}",
        f"/v1/detainees?limit=200&{ALL}&nationality=ES",
        f"/v1/detainees?format=csv&{ALL}&nationality=ES",
        "/v1/feed?limit=200",
        "/v1/feed?limit=200&format=atom",
        "/v1/detainees?q=invented",
        "/v1/detainees?q=invented&limit=200",
        "/v1/detainees?q=invented&format=csv",
        "/v1/export",
        "/v1/export.zip",
        "/v1/release-events?format=xlsx",
        "/",
        "/people?status=refuted",
        "/people?q=invented",
        "/figures",
        f"/differences?from={stores.MIDDLE}",
        *(f"/charts/timeline.{form}?{CHART}" for form in ("svg", "png", "csv")),
        *(f"/charts/timeline.svg?{CHART}&{more}" for more in (past, "sex=male")),
        *(f"/charts/claims.{form}" for form in ("svg", "png", "csv")),
        *(f"/charts/groups.{form}?group_by=facility_id" for form in ("svg", "png", "csv")),
        f"/charts/groups.svg?group_by=facility_id&{past}&sex=male",
        "/embed/figure",
        f"/embed/figure?{past}&sex=male",
        f"/embed/timeline?{CHART}",
        f"/embed/timeline?{CHART}&{past}&sex=male",
        "/previews/figure.png",
        f"/previews/figure.png?{past}&sex=male",
    ):
        yield path, reads_by_id(path, ["-"])
    for name in ("claims", "detainees", "release-events", "attestations", "changes"):
        for query in ("limit=50", "limit=200", "format=csv", "format=ndjson"):
            yield f"/v1/{name}?{query}", reads_by_id(f"/v1/{name}?{query}", ["-"])
    for path, some in (
        ("/v1/counts?facility_id={id}", prison),
        ("/v1/claims/{id}/comparison", claims),
        (f"/v1/claims/{{id}}/comparison?{past}", claims),
        ("/v1/claims/{id}/delivery", announcements),
        (f"/v1/claims/{{id}}/delivery?{past}", announcements),
        ("/v1/claims/{id}/case", announcements),
        *(
            (f"/charts/delivery.{form}?announcement_id={{id}}", announcements)
            for form in ("svg", "png", "csv")
        ),
        ("/embed/delivery?announcement_id={id}", announcements),
        ("/previews/delivery.png?announcement_id={id}", announcements),
        ("/previews/release.png?release_event_id={id}", events),
        ("/announcements/{id}", announcements),
        ("/sources/{id}", sources),
        ("/people/{id}", people),
        ("/releases/{id}", events),
        ("/releases/{id}/certificate", events),
        ("/v1/release-events/{id}", events),
        ("/v1/release-events/{id}/verification", events),
        ("/v1/detainees/{id}", people),
        ("/v1/detainees/{id}/detentions", people),
        ("/v1/detainees?q=Person+{id}+Invented", [str(number) for number in range(1000)]),
    ):
        yield path, reads_by_id(path, some)
    for path in (
        "/v1/detainees?limit=200",
        "/v1/detainees?format=csv",
        "/v1/changes?limit=200",
        "/v1/changes?format=csv",
        "/v1/export",
        "/v1/duplicates?resource=detainee&limit=200",
        "/v1/duplicates?resource=source&limit=200",
        f"{at}&sex=male&group_by=facility_id",
    ):
        yield f"{path} (edit)", reads_by_id(path, ["-"], "edit")


def writes(conn: Any) -> Iterator[tuple[str, Sequence[Request]]]:
    """Yield writes by name."""

    def ids(query: str) -> list[str]:
        return [str(row[0]) for row in conn.execute(query)]

    def each(
        path: str, ids: Sequence[str], scope: str = "contribute", method: str = "POST", **body: Any
    ) -> list[Request]:
        return [
            Request(method, path.format(id=id), _dumps(body, id, number), scope)
            for number, id in enumerate(ids)
        ]

    events = ids("SELECT id FROM release_events ORDER BY id DESC LIMIT 1000")
    people = ids("SELECT id FROM detainees ORDER BY id DESC LIMIT 1000")
    detentions = ids("SELECT id FROM detentions ORDER BY id DESC LIMIT 300")
    attestations = ids("SELECT id FROM attestations ORDER BY id DESC LIMIT 300")
    newcomers = ids(NEWCOMERS)
    (prison,) = ids("SELECT id FROM facilities ORDER BY id LIMIT 1")
    (busiest,) = ids("SELECT source_id FROM attestations GROUP BY 1 ORDER BY count(*) DESC LIMIT 1")
    draw = random.Random(1)
    for length, name in ((1, "one name"), (50, "50 names"), (500, "500 names")):
        names = [f"Person {draw.randrange(EVENTS)} of the Invented" for _ in range(length)]
        items = [{"name": name, "birth_date": "1980-01-01"} for name in names]
        yield (
            f"POST /v1/detainees/match, {name}",
            each("/v1/detainees/match", ["-"] * 5, items=items),
        )
    common = [{"name": name} for name in _names(500)]
    yield (
        "POST /v1/detainees/match, 500 other names",
        each("/v1/detainees/match", ["-"] * 3, items=common),
    )
    attestation = {"release_event_id": "{id}", "stance": "confirms", "basis": "first_hand"}
    attestation |= {"evidence": "report", "published_at": "{now}", "source_id": newcomers[0]}
    yield "POST /v1/attestations", each("/v1/attestations", events[:300], **attestation)
    early = {**attestation, "source_id": newcomers[1]}
    days = conn.execute("SELECT id, occurred_on FROM release_events ORDER BY id DESC OFFSET 300")
    yield (
        "POST /v1/attestations, the earliest",
        [
            Request(
                "POST",
                "/v1/attestations",
                _dumps({**early, "published_at": f"{row[1]}T00:00:00Z"}, str(row[0]), 0),
                "contribute",
            )
            for row in days.fetchmany(300)
        ],
    )
    yield (
        "POST /v1/attestations/{id}/retraction",
        each("/v1/attestations/{id}/retraction", attestations, retracted_at="{now}"),
    )
    yield "POST /v1/detainees", each("/v1/detainees", ["-"] * 300, name="Persona{n} Nueva{n}")
    alike = [str(number) for number in range(300)]
    yield (
        "POST /v1/detainees, duplicates",
        each("/v1/detainees", alike, name="Person {id} of the Invented"),
    )
    yield (
        "POST /v1/detainees/{id}/detentions",
        each("/v1/detainees/{id}/detentions", people[:300], detained_on="2026-02"),
    )
    yield (
        "PATCH /v1/detentions/{id}",
        each("/v1/detentions/{id}", detentions, method="PATCH", facility_id=prison),
    )
    claim = {"source_id": busiest, "kind": "released", "value": 7, "as_of": "2025-05-05T00:00:00Z"}
    claim["published_at"] = "2025-05-05T00:00:00Z"
    yield "POST /v1/claims", each("/v1/claims", ["-"] * 200, **claim)
    yield (
        "PATCH /v1/detainees/{id}, withheld",
        each("/v1/detainees/{id}", people[300:500], "edit", "PATCH", withheld=True),
    )
    yield (
        "POST /v1/release-events/{id}/void",
        each("/v1/release-events/{id}/void", events[600:800], "edit", reason="x"),
    )
    yield (
        "POST /v1/detainees/{id}/merge",
        each("/v1/detainees/{id}/merge", people[500:600], "edit", into=people[700]),
    )
    yield (
        "POST /v1/sources",
        each("/v1/sources", ["-"] * 200, "edit", name="Outlet {n} of {n}", kind="ngo"),
    )
    affiliation = {"with_source_id": newcomers[3], "relation": "owned_by"}
    path = f"/v1/sources/{busiest}/affiliations"
    yield "POST /v1/sources/{id}/affiliations", each(path, ["-"], "edit", **affiliation)
    yield (
        "POST /v1/sources/{id}/merge",
        each(f"/v1/sources/{busiest}/merge", ["-"], "edit", into=newcomers[5]),
    )
    (recorded,) = ids(HALF_LOADED)
    at, past = f"as_of={stores.MIDDLE}", f"recorded_as_of={recorded}"
    for question in (
        f"counts?{at}",
        f"counts?{at}&{past}",
        f"counts?{at}&{past}&sex=male&release_kind=full",
        f"counts?{at}&{past}&group_by=facility_id",
        f"counts/timeline?{YEAR}&{past}&sex=male&release_kind=full",
        f"differences?from={stores.MIDDLE}",
        f"release-events/{events[0]}/verification",
    ):
        yield (
            f"POST /v1/citations, {question}",
            each("/v1/citations", ["-"] * 3, url=f"/v1/{question}"),
        )
    for rows in (200, 2000):
        request = Request("POST", "/v1/imports", invented_list(rows), "edit", "text/csv")
        yield f"POST /v1/imports, {rows} new rows", [request]
    # A list has no number as a word of a name: the hyphen makes it a part of one.
    known = "".join(f"Person-{number} of the Invented\n" for number in range(2000))
    request = Request("POST", "/v1/imports", f"name\n{known}".encode(), "edit", "text/csv")
    yield "POST /v1/imports, 2000 known rows", [request]


def _names(count: int) -> list[str]:
    lines = invented_list(count).decode().splitlines()[1:]
    return [line.partition(",")[0] for line in lines]


def _dumps(body: Mapping[str, Any], id: str, number: int) -> bytes:
    """Return the JSON of a body, with the id, the number and a moment of the request filled in."""
    now = datetime.now(UTC) - timedelta(hours=1) + timedelta(milliseconds=number)
    text = json.dumps(body).replace("{id}", id).replace("{now}", now.isoformat())
    return text.replace("{n}", "".join(chr(97 + int(digit)) for digit in str(number))).encode()


# Measuring


def cpu_seconds(pids: set[int], parent: int) -> float:
    """Return the CPU time of processes, and of a parent with all its children, also ended ones."""
    ticks = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(entry.name) in pids or int(fields[1]) == parent:
                ticks += int(fields[11]) + int(fields[12])
            elif int(entry.name) == parent:
                ticks += sum(map(int, fields[11:15]))
    return ticks / TICKS_PER_SECOND


def measure(
    connection: HTTPConnection, requests: Sequence[Request], keys: Mapping[str, str]
) -> tuple[int, int, int]:
    """Send requests for a second; return their number, weight and bytes. A write is sent once."""
    key = keys.get(requests[0].scope or "")
    authorization = {"Authorization": f"Bearer {key}"} if key else {}

    def send(request: Request) -> tuple[int, int]:
        """Send a request; return the bytes of its response, and the remaining quota."""
        headers = {"Content-Type": request.content_type} if request.body else {}
        connection.request(request.method, request.path, request.body, headers | authorization)
        response = connection.getresponse()
        content = response.read()
        if response.status not in (200, 201):
            raise RuntimeError(f"{request.path}: {content.decode()}")
        remaining = re.search(r"r=(\d+)", response.headers["RateLimit"])
        return len(content), int(remaining[1]) if remaining else 0

    # A response states what remains when it begins, so a further request asks what it has spent.
    probe = Request("GET", "/v1/sources?limit=1")
    _, before = send(probe)
    until = time.perf_counter() + SECONDS
    size, sent = 0, 0
    is_read = requests[0].method == "GET" or "match" in requests[0].path
    for request in cycle(requests) if is_read else requests:
        size += send(request)[0]
        sent += 1
        if time.perf_counter() > until:
            break
    _, after = send(probe)
    return sent, before - after - 1, size


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.weights", description=__doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="the rows with this text")
    only = parser.parse_args().only
    with ExitStack() as stack:
        server = stack.enter_context(embedded.running(config.read().data_dir / "bench"))
        url = stack.enter_context(_copied(server, _filled(server, EVENTS), "api_weights"))
        port = stack.enter_context(loads.served(url))
        workers = loads.workers(port)
        with psycopg.connect(url) as conn:
            (backend,) = conn.execute("SELECT pg_backend_pid()").fetchone()
            fields = Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()
            postmaster = int(fields[1])
        with connections.connect(url) as conn:
            keys = {s: auth.create_key(conn, s, s)[1] for s in ("contribute", "edit")}
            rows = [*reads(conn), *writes(conn)]
        print(f"{'':64}{'ms':>9}{'kB':>9}{'weight':>9}{'ms/unit':>9}")
        for name, requests in rows:
            if only not in name:
                continue
            connection = HTTPConnection("127.0.0.1", port, timeout=600)
            before = cpu_seconds(workers, postmaster)
            try:
                sent, weight, size = measure(connection, requests, keys)
            except RuntimeError as error:
                print(f"{name}: {error}", flush=True)
                continue
            milliseconds = 1000 * (cpu_seconds(workers, postmaster) - before) / sent
            connection.close()
            weight_of_one = weight / sent
            print(
                f"{name[:63]:64}{milliseconds:>9.2f}{size / sent / 1000:>9.1f}"
                f"{weight_of_one:>9.1f}{milliseconds / max(weight_of_one, 1):>9.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
