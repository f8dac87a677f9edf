"""The measured stores: invented cases, loaded by the service's own code."""

import json
import random
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from api.cases import loader
from api.database import connections, migrations

FIRST_DAY = datetime(2025, 1, 1, tzinfo=UTC)
"""All attestations are published within a year from here."""
MIDDLE = "2025-07-02T12:34:30Z"
ATTESTING = 40
"""Sources with attestations in the case."""
PART = 20_000
"""Release events in each loaded file."""
NEWCOMERS = 10
"""Sources without attestations in the case: the benchmark adds theirs."""


def fill(url: str, events: int, progress: Callable[[str], Any]) -> None:
    """Migrate an empty database, load so many release events, and vacuum.

    The first thousand are loaded alone: PostgreSQL needs statistics to plan the look-ups of a load.
    """
    parts = [0, *range(1000, events, PART), events]
    with tempfile.TemporaryDirectory() as folder, connections.connect(url) as conn:
        migrations.migrate(conn, lambda _: None)
        for first, after in pairwise(parts):
            file = Path(folder) / "case.json"
            file.write_text(json.dumps(invented_case(events, range(first, after))))
            loader.load(conn, file, lambda _: None)
            progress(f"{after:,} of {events:,} release events")
            if first == 0:
                conn.execute("VACUUM (ANALYZE)")
        conn.execute("VACUUM (ANALYZE)")
        conn.execute("CHECKPOINT")


def invented_case(events: int, numbers: Iterable[int]) -> dict[str, Any]:
    """The numbered people of a case, with one release event each and ten attestations per three.

    Most attestations are first hand, a third relay another attestation or a source without any,
    some are unattributed; about one in twelve denies, and one in fifty is retracted a day later.
    Half of the events belong to an announcement, one a month, and a hundred claims count the
    releases of a day or two. The case is the same in every run.
    """
    sources = [f"source-{i}" for i in range(ATTESTING)]
    newcomers = [f"newcomer-{i}" for i in range(NEWCOMERS)]
    people, releases, attestations = [], [], []
    for i in numbers:
        draw = random.Random(i)
        day = FIRST_DAY + timedelta(days=draw.randrange(360))
        people.append(
            {
                "key": f"person-{i}",
                "name": f"Person {i} of the Invented",
                "aliases": [],
                "sex": draw.choice(["female", "male"]),
                "age_group": draw.choices(["adult", "minor"], [30, 1])[0],
                "nationalities": [draw.choice(["AR", "CL", "UY"])],
                "detention": {"facility": f"prison-{draw.randrange(20)}", "detained_on": "2024"},
            }
        )
        releases.append(
            {
                "key": f"event-{i}",
                "detainee": f"person-{i}",
                "occurred_on": f"{day:%Y-%m-%d}",
                "announcement": f"announcement-{day.month}" if draw.random() < 0.5 else None,
            }
        )
        attestations += list(_attestations(draw, i, day, sources))
    return {
        "case": f"bench-{events}",
        "sources": [
            {"key": key, "name": f"The {key}", "kind": "news_outlet", "country": "AR"}
            for key in (*sources, *newcomers)
        ],
        # One source in eight is owned by another.
        "affiliations": [
            {"source": sources[i], "with": sources[i + 1], "relation": "owned_by"}
            for i in range(0, ATTESTING, 8)
        ],
        "facilities": [
            {"key": f"prison-{i}", "name": f"Prison {i}", "country": "AR"} for i in range(20)
        ],
        "claims": list(_claims(sources)),
        "detainees": people,
        "release_events": releases,
        "attestations": attestations,
    }


def _claims(sources: list[str]) -> Iterator[dict[str, Any]]:
    draw = random.Random("claims")
    for month in range(1, 13):
        began = f"2025-{month:02}-01T00:00:00Z"
        yield {
            "key": f"announcement-{month}",
            "source": "source-0",
            "kind": "announced",
            "as_of": began,
            "published_at": began,
        }
    for i in range(100):
        moment = FIRST_DAY + timedelta(minutes=draw.randrange(300 * 24 * 60))
        yield {
            "key": f"claim-{i}",
            "source": draw.choice(sources),
            "kind": "released",
            "value": draw.randrange(3000),
            "window_start": f"{moment - timedelta(days=draw.randint(1, 2)):%Y-%m-%d}",
            "as_of": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            "published_at": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        }


def _attestations(
    draw: random.Random, i: int, day: datetime, sources: list[str]
) -> Iterator[dict[str, Any]]:
    moment = day
    earlier: list[str] = []
    attesting = draw.sample(sources, 6)
    silent = attesting.pop()
    count = draw.choices(range(1, 6), [10, 20, 20, 27, 23])[0]
    for j, source in enumerate(attesting[:count]):
        moment += timedelta(seconds=draw.randrange(1, 8 * 3600))
        denies = draw.random() < 1 / 12
        basis = draw.choices(["first_hand", "relayed", "unattributed"], [60, 33, 7])[0]
        attestation: dict[str, Any] = {
            "key": f"attestation-{i}-{j}",
            "release_event": f"event-{i}",
            "source": source,
            "stance": "denies" if denies else "confirms",
            "basis": basis,
            "release_kind": draw.choice(["full", "conditional", "unknown"]),
            "evidence": "report",
            "published_at": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            "url": f"https://example.org/{i}/{j}",
        }
        if basis == "relayed":
            relays_another = earlier and not denies and draw.random() < 0.8
            attestation["relays"] = [
                {"attestation": draw.choice(earlier)} if relays_another else {"source": silent}
            ]
        if draw.random() < 0.02:
            attestation["retracted_at"] = f"{moment + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
        if not denies:
            earlier.append(attestation["key"])
        yield attestation
