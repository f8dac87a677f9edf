"""The stores that are measured: invented cases, loaded by the product's own code."""

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
"""All is published in the year from here on."""
MIDDLE = "2025-07-02T12:34:30Z"
SPEAKING = 40
"""Sources that speak in the case."""
PART = 20_000
"""Release events that are loaded at a time."""
NEWCOMERS = 10
"""Sources that are silent in the case: those whose words the bench itself adds."""


def fill(url: str, events: int, say: Callable[[str], Any]) -> None:
    """Migrates an empty database, loads so many release events, and tidies up.

    The first thousand are loaded alone: after it PostgreSQL has statistics, without which it plans
    badly for all that a load looks up.
    """
    parts = [0, *range(1000, events, PART), events]
    with tempfile.TemporaryDirectory() as folder, connections.connect(url) as conn:
        migrations.migrate(conn, lambda _: None)
        for first, after in pairwise(parts):
            file = Path(folder) / "case.json"
            file.write_text(json.dumps(invented_case(events, range(first, after))))
            loader.load(conn, file, lambda _: None)
            say(f"{after:,} of {events:,} release events")
            if first == 0:
                conn.execute("VACUUM (ANALYZE)")
        conn.execute("VACUUM (ANALYZE)")
        conn.execute("CHECKPOINT")


def invented_case(events: int, numbers: Iterable[int]) -> dict[str, Any]:
    """Those people of a case of so many, one release event each, with ten attestations on three.

    Most words are first hand, a third relay another word or a silent source, some give no origin;
    about one word in twelve denies, and one in fifty is retracted a day later. Half of the events
    are announced, by one announcement a month, and a hundred claims count releases, each since a
    day or two before. The same case always comes out.
    """
    sources = [f"source-{i}" for i in range(SPEAKING)]
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
        attestations += list(_words(draw, i, day, sources))
    return {
        "case": f"bench-{events}",
        "sources": [
            {"key": key, "name": f"The {key}", "kind": "news_outlet", "country": "AR"}
            for key in (*sources, *newcomers)
        ],
        # One source in four belongs to another.
        "affiliations": [
            {"source": sources[i], "with": sources[i + 1], "relation": "owned_by"}
            for i in range(0, SPEAKING, 8)
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


def _words(
    draw: random.Random, i: int, day: datetime, sources: list[str]
) -> Iterator[dict[str, Any]]:
    moment = day
    spoken: list[str] = []
    speakers = draw.sample(sources, 6)
    silent = speakers.pop()
    many = draw.choices(range(1, 6), [10, 20, 20, 27, 23])[0]
    for j, source in enumerate(speakers[:many]):
        moment += timedelta(seconds=draw.randrange(1, 8 * 3600))
        denies = draw.random() < 1 / 12
        basis = draw.choices(["first_hand", "relayed", "unattributed"], [60, 33, 7])[0]
        word: dict[str, Any] = {
            "key": f"word-{i}-{j}",
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
            relays_a_word = spoken and not denies and draw.random() < 0.8
            word["relays"] = [
                {"attestation": draw.choice(spoken)} if relays_a_word else {"source": silent}
            ]
        if draw.random() < 0.02:
            word["retracted_at"] = f"{moment + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
        if not denies:
            spoken.append(word["key"])
        yield word
