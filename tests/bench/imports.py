"""`python -m tests.bench.imports`: rows per second of previews and applies, and of a bare COPY.

A list of invented people is imported into an empty store of an embedded PostgreSQL with the
settings of the service, and then a second time, when every row is recorded. COPY writes the same
cells into a table of text without an index: no import can be faster.
"""

import argparse
import json
import random
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from api import auth, config
from api.database import connections, migrations
from api.matching import common_names
from api.server import embedded
from tests.bench import loads

COLUMNS = "nombre,sexo,fecha_nacimiento,nacionalidad,fecha_detencion,autoridad,id:registro"
SYLLABLES = ("ba", "ce", "di", "fo", "gua", "la", "me", "ni", "po", "rru", "sa", "te", "ven", "xi")


def invented_list(rows: int) -> bytes:
    """A list of people: common given names, half of the surnames common and half rare, a birth date
    and an identifier. The list is the same in every run."""
    draw = random.Random(rows)
    common = common_names.load()
    given_names, surnames = sorted(common.commonest), sorted(common.surnames)
    rare = ["".join(draw.choices(SYLLABLES, k=draw.choice((2, 3, 3, 4)))) for _ in range(20_000)]
    lines = [COLUMNS]
    for number in range(rows):
        name = (
            *draw.choices(given_names, k=2),
            *(draw.choice(surnames if draw.random() < 0.5 else rare) for _ in range(2)),
        )
        day = f"{draw.randrange(1945, 2005)}-{draw.randrange(1, 13):02}-{draw.randrange(1, 29):02}"
        detained_on = f"{draw.randrange(2014, 2026)}-{draw.randrange(1, 13):02}"
        cells = (" ".join(name).title(), draw.choice("fm"), day, "Venezolana", detained_on, "Sebin")
        lines.append(",".join([*cells, f"R-{number}"]))
    return "\n".join([*lines, ""]).encode()


def time_copy(url: str, body: bytes) -> float:
    """Return the seconds that a bare COPY of the rows takes."""
    with psycopg.connect(url, autocommit=True) as conn, conn.cursor() as cursor:
        columns = ", ".join(f"c{n} text" for n in range(COLUMNS.count(",") + 1))
        cursor.execute(f"CREATE TABLE copied ({columns})")
        began = time.perf_counter()
        with cursor.copy("COPY copied FROM STDIN (FORMAT csv, HEADER)") as copy:
            copy.write(body)
        return time.perf_counter() - began


def peak_kb(pids: set[int]) -> int:
    """Return the peak resident memory of the largest of these processes."""
    peaks = []
    for pid in pids:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        peaks.append(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")))
    return max(peaks)


def send(port: int, key: str, path: str, body: bytes, content_type: str) -> tuple[float, Any]:
    """Send a request; return its seconds and the import."""
    connection = HTTPConnection("127.0.0.1", port)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": content_type}
    began = time.perf_counter()
    connection.request("POST", path, body, headers)
    response = connection.getresponse()
    result = json.loads(response.read())
    connection.close()
    assert response.status in (200, 201), result
    return time.perf_counter() - began, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    rows = parser.parse_args().rows
    body = invented_list(rows)
    with embedded.running(config.read().data_dir / "imports") as server:
        with psycopg.connect(server, autocommit=True) as conn:
            conn.execute("DROP DATABASE IF EXISTS imports WITH (FORCE)")
            conn.execute("CREATE DATABASE imports")
        url = make_conninfo(server, dbname="imports")
        with connections.connect(url) as conn:
            migrations.migrate(conn, lambda _: None)
            key = auth.create_key(conn, "bench", "edit")[1]
        bare = time_copy(url, body)
        print(f"{rows:,} rows, {len(body):,} bytes; bare COPY {bare:.2f} s")
        with loads.served(url) as port:
            pids = loads.workers(port)
            kb_before = peak_kb(pids)

            def step(name: str, path: str, body: bytes, content_type: str) -> Any:
                seconds, result = send(port, key, path, body, content_type)
                growth_mb = (peak_kb(pids) - kb_before) / 1024
                print(
                    f"{name:10}{seconds:8.1f} s{rows / seconds:10,.0f} rows/s"
                    f"{seconds / bare:10,.0f} x COPY"
                    f"   memory +{growth_mb:.1f} MiB   {result['totals']}",
                    flush=True,
                )
                return result

            for first in (True, False):
                result = step("preview", "/v1/imports", body, "text/csv")
                undecided = [r for r in result["rows"] if r["outcome"] == "possible_duplicate"]
                decisions = [{"row": r["row"], "decision": "new"} for r in undecided]
                body_of_apply = json.dumps({"decisions": decisions}).encode()
                path = f"/v1/imports/{result['id']}/apply"
                step("apply", path, body_of_apply, "application/json")
                if first:
                    print("the same list again:")


if __name__ == "__main__":
    main()
