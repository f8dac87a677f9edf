"""`python -m tests.bench.people`: the cost of a search among 10,000 and among a million people.

Two stores are in one embedded PostgreSQL, each served by a gunicorn with the service's settings.
Their people are invented, with a distribution of names as in Venezuela: a few that very many share,
and a long tail. The first 10,000 people are the same in both stores, and the searches are for some
of these. A figure is the median of several rounds, in each of which the two stores are measured one
after the other; a ratio is the median of the ratios within a round. Last, recall is measured: how
many people are found under variants of their names.
"""

import argparse
import json
import multiprocessing
import os
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, partial
from itertools import accumulate
from statistics import median
from typing import Any
from urllib.parse import quote
from uuid import UUID

import psycopg
from psycopg.conninfo import make_conninfo

from api import auth, config
from api.database import connections, migrations
from api.matching import blocking_keys, candidates, phonetics
from api.matching.scoring import Person, compare
from api.server import embedded
from tests.bench import loads
from tests.bench.digests import digest_of

SIZES = (10_000, 1_000_000)
PART = 20_000
"""People in each batch."""
AIM = "large/small at most 3"
# The code that determines the content of a store.
FILLERS = ("sql/migrations", "api/matching", "tests/bench/people.py")


def _listed(names: str) -> list[str]:
    return names.split()


# The commonest first.
MEN = _listed(
    "José Luis Carlos Juan Jesús Miguel Antonio Rafael Pedro Manuel Francisco Ángel Jorge "
    "Daniel Víctor Gregorio Alexander Eduardo David Ramón Enrique Andrés Alberto Javier Gabriel "
    "Ricardo Fernando Roberto Julio César Orlando Héctor Wilmer Jhonny Edgar Franklin Nelson "
    "Freddy Óscar Gustavo Henry Simón Yorman Yeison Darwin Edixon Keiber Yonaiker"
)
WOMEN = _listed(
    "María Ana Carmen Rosa Luisa Mariana Gabriela Andrea Patricia Elena Isabel Josefina Daniela "
    "Carolina Alejandra Beatriz Teresa Adriana Gladys Yolanda Milagros Yajaira Mercedes Fernanda "
    "Verónica Mariela Coromoto Nathaly Desirée Yuleima Keila Yusmary Emirlendris Dayana"
)
SURNAMES = _listed(
    "González Rodríguez Pérez García Hernández Martínez López Díaz Sánchez Ramírez Rojas Torres "
    "Gómez Fernández Morales Contreras Moreno Gutiérrez Medina Rivas Castillo Jiménez Flores "
    "Álvarez Silva Suárez Mendoza Márquez Ruiz Blanco Rivero Vásquez Ortiz Salazar Castro "
    "Chacón Molina Zambrano Colmenares Parra Colina Acosta Méndez Guerra Peña Reyes Marcano "
    "Rondón Briceño Urdaneta Villalobos Bracho Machado Ferrer Montilla Figueroa Guevara Pacheco"
)
TAIL = 30_000
"""Number of rare surnames, made of syllables."""


@dataclass(frozen=True, slots=True)
class Invented:
    """A person of the stores."""

    id: UUID
    name: str
    given: list[str]
    surnames: list[str]
    aliases: list[str]
    sex: str
    birth_date: date | None
    minor: bool


@cache
def _cumulative(many: int, power: float) -> list[float]:
    return list(accumulate((rank + 3) ** -power for rank in range(many)))


def _draw(draw: random.Random, names: list[str], power: float) -> str:
    return draw.choices(names, cum_weights=_cumulative(len(names), power))[0]


@cache
def _tail() -> list[str]:
    draw = random.Random("tail")
    syllables = _listed(
        "ba cha da fa gua ja la lle ma na pa que ra rri sa ta tu vi za bo co do lo mo ro so"
    )
    ends = _listed("n r s l z no ra do ta ma lli cao ga via zola rte ndi sco")
    surnames: dict[str, None] = {}
    while len(surnames) < TAIL:
        parts = [*draw.choices(syllables, k=draw.choice((2, 2, 3))), draw.choice(ends)]
        surnames["".join(parts).capitalize()] = None
    return list(surnames)


def invented(number: int) -> Invented:
    """Return the person of a number, who is the same in every store."""
    draw = random.Random(number)
    sex = draw.choices(["male", "female"], [9, 1])[0]
    pool = MEN if sex == "male" else WOMEN
    given = [_draw(draw, pool, 1.0)]
    second = _draw(draw, pool, 0.8)
    if draw.random() < 0.65 and second not in given:
        given.append(second)
    surnames = [
        _draw(draw, SURNAMES, 0.7) if draw.random() < 0.75 else _draw(draw, _tail(), 0.6)
        for _ in range(draw.choices((1, 2), (1, 9))[0])
    ]
    born = date(1950, 1, 1) + timedelta(days=draw.randrange(56 * 365))
    return Invented(
        UUID(int=0x019B0000_0000_7000_8000_000000000000 + number),
        " ".join(given + surnames),
        given,
        surnames,
        [f"{given[0]} {surnames[0]}"] if draw.random() < 0.15 else [],
        sex,
        born if draw.random() < 0.7 else None,
        draw.random() < 0.03,
    )


# Filling


def _filled(server: str, size: int) -> str:
    """Return the URL of a filled database, reused while the code that fills it is unchanged."""
    name = f"people_{size}_{digest_of(*FILLERS)}"
    with psycopg.connect(make_conninfo(server, dbname="postgres"), autocommit=True) as conn:
        databases = [row[0] for row in conn.execute("SELECT datname FROM pg_database")]
        for other in databases:
            if other == f"filling_people_{size}" or (
                other.startswith(f"people_{size}_") and other != name
            ):
                conn.execute(f"DROP DATABASE {other} WITH (FORCE)")
        if name not in databases:
            print(f"Filling a store of {size:,} people", flush=True)
            conn.execute(f"CREATE DATABASE filling_people_{size}")
            _fill(make_conninfo(server, dbname=f"filling_people_{size}"), size)
            conn.execute(f"ALTER DATABASE filling_people_{size} RENAME TO {name}")
    return make_conninfo(server, dbname=name)


INDEXES = """
    SELECT c.conrelid::regclass AS owner, c.conname AS name,
        pg_get_constraintdef(c.oid) AS definition
    FROM pg_constraint c
    WHERE c.conrelid IN ('name_keys'::regclass) AND c.contype IN ('p', 'f')
"""


def _fill(url: str, size: int) -> None:
    """Fill the tables of the service, with its name keys; build the indexes at the end."""
    with connections.connect(url) as conn:
        migrations.migrate(conn, lambda _: None)
        constraints = conn.execute(INDEXES).fetchall()
        for constraint in constraints:
            conn.execute(f"ALTER TABLE {constraint.owner} DROP CONSTRAINT {constraint.name}")
        name_words: Counter[tuple[str, bool]] = Counter()
        parts = [range(at, min(at + PART, size)) for at in range(0, size, PART)]
        with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as workers:
            for done, part in enumerate(workers.map(partial(_fill_part, url), parts), 1):
                name_words.update(part)
                print(f"  {min(done * PART, size):,} of {size:,} people", flush=True)
        with conn.cursor().copy(
            "COPY name_word_variants (variant, hidden, word) FROM STDIN"
        ) as copy:
            for name_word, hidden in name_words:
                for deletion in phonetics.delete_variants(name_word):
                    copy.write_row((deletion, hidden, name_word))
        conn.execute("SET maintenance_work_mem = '1GB'")
        for constraint in constraints:
            conn.execute(
                f"ALTER TABLE {constraint.owner} ADD CONSTRAINT {constraint.name} "
                f"{constraint.definition}"
            )
        conn.execute("VACUUM (ANALYZE)")
        conn.execute("CHECKPOINT")


def _fill_part(url: str, numbers: range) -> set[tuple[str, bool]]:
    people = [invented(number) for number in numbers]
    keys = set()
    with connections.connect(url) as conn, conn.transaction():
        conn.execute("SET LOCAL session_replication_role = replica")
        conn.execute("SET LOCAL synchronous_commit = off")
        with conn.cursor().copy(
            "COPY detainees (id, name, aliases, sex, birth_date, age_group, nationalities) "
            "FROM STDIN"
        ) as copy:
            for person in people:
                age_group = "minor" if person.minor else "adult"
                copy.write_row(
                    (
                        person.id,
                        person.name,
                        person.aliases,
                        person.sex,
                        person.birth_date,
                        age_group,
                        ["VE"],
                    )
                )
        with conn.cursor().copy(
            "COPY detentions (detainee_id, detained_on, began_on, whereabouts) FROM STDIN"
        ) as copy:
            for person in people:
                copy.write_row((person.id, "2024", "2024-01-01", "known"))
        with conn.cursor().copy(
            "COPY name_keys (name_key, hidden, birth_date, detainee_id) FROM STDIN"
        ) as copy:
            for person in people:
                names = (person.name, *person.aliases)
                born = person.birth_date or "-infinity"
                for key in blocking_keys.index_keys(names):
                    copy.write_row((key, person.minor, born, person.id))
                keys |= {
                    (name_word, person.minor) for name_word in blocking_keys.index_words(names)
                }
    return keys


# Requests


def misspelled(draw: random.Random, word: str) -> str:
    """Return a word with one letter replaced, lost, doubled or swapped with the next."""
    at = draw.randrange(1, len(word) - 1)
    return draw.choice(
        (
            word[:at] + draw.choice("aeiouslrn") + word[at + 1 :],
            word[:at] + word[at + 1 :],
            word[: at + 1] + word[at:],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        )
    )


def _rare(person: Invented) -> bool:
    return person.surnames[0] not in SURNAMES


def searches(draw: random.Random) -> Mapping[str, list[str]]:
    """Search texts by kind."""
    people = [
        person for person in map(invented, draw.sample(range(SIZES[0]), 3000)) if not person.minor
    ]
    rare = [person for person in people if _rare(person)]
    common = [person for person in people if not _rare(person)]
    return {
        "a common word: José, Rodríguez": [*MEN[:6], *SURNAMES[:6]],
        "two common words: María José": [
            "maria jose",
            *(f"{person.given[0]} {person.surnames[0]}" for person in common[:100]),
        ],
        "a whole common name": [person.name for person in common[:200]],
        "a rare surname": [person.surnames[0] for person in rare[:200]],
        "a rare name": [f"{person.given[0]} {person.surnames[0]}" for person in rare[:200]],
        "a word misspelled": [misspelled(draw, person.surnames[0]) for person in people[:200]],
        "a name misspelled": [
            f"{person.given[0]} {misspelled(draw, person.surnames[0])}" for person in people[:200]
        ],
        "an initial": [f"{person.given[0][0]}. {person.surnames[0]}" for person in people[:200]],
    }


Disguise = Callable[[random.Random, Invented], str]


def _with_surname(change: Callable[[random.Random, str], str]) -> Disguise:
    return lambda draw, person: " ".join(
        [*person.given, change(draw, person.surnames[0]), *person.surnames[1:]]
    )


DISGUISES: Mapping[str, Disguise] = {
    "surnames first": lambda _, person: (
        f"{' '.join(person.surnames)}, {' '.join(person.given)}".upper()
    ),
    "one surname": lambda _, person: " ".join([*person.given, person.surnames[0]]),
    "one given name, one surname": lambda _, person: f"{person.given[0]} {person.surnames[0]}",
    "an initial": lambda _, person: " ".join([f"{person.given[0][0]}.", *person.surnames]),
    "a letter wrong": _with_surname(misspelled),
    "two letters wrong": _with_surname(lambda draw, word: misspelled(draw, misspelled(draw, word))),
    "one surname, a letter wrong": lambda draw, person: (
        f"{person.given[0]} {misspelled(draw, person.surnames[0])}"
    ),
}


def disguised(person: Invented, name: str, aliases: Sequence[str] = ()) -> dict[str, Any]:
    """Return a person as a row of another list, under a variant of the name."""
    return {
        "name": name,
        "aliases": list(aliases),
        "external_ids": [],
        "birth_date": None if person.birth_date is None else person.birth_date.isoformat(),
        "sex": person.sex,
        "nationalities": ["VE"],
    }


def _matches(draw: random.Random, many: int, times: int) -> Iterator[bytes]:
    for _ in range(times):
        people = [invented(number) for number in draw.sample(range(SIZES[0]), many)]
        items = [
            disguised(person, draw.choice(list(DISGUISES.values()))(draw, person))
            for person in people
        ]
        yield json.dumps({"items": items}).encode()


# Measuring


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.people", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1, help="of each figure, in each round")
    parser.add_argument("--disguised", type=int, default=300, help="people, of each disguise")
    options = parser.parse_args()
    print(f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}")
    with ExitStack() as stack:
        server = stack.enter_context(embedded.running(config.read().data_dir / "bench"))
        client = stack.enter_context(ProcessPoolExecutor(1, multiprocessing.get_context("spawn")))
        urls = [_filled(server, size) for size in SIZES]
        ports = [stack.enter_context(loads.served(url)) for url in urls]
        requests = [_requests(url) for url in urls]
        rounds = []
        for i in range(options.rounds + 1):
            measured: dict[str, list[float]] = {}
            for name in requests[0]:
                measured[name] = [
                    client.submit(loads.drive, port, of_one[name], options.seconds).result()
                    for port, of_one in zip(ports, requests, strict=True)
                ]
            if i:  # the first warms up
                rounds.append(measured)
                print(f"Round {i} of {options.rounds}", flush=True)
        _print(rounds)
        _print_recall(urls[-1], options.disguised)


def _requests(url: str) -> Mapping[str, list[bytes]]:
    """The requests of each figure: the same for each store, except the key."""
    draw = random.Random("requests")
    with connections.connect(url) as conn:
        _, key = auth.create_key(conn, "bench", "contribute")
    requests = {
        f"search, {kind}": [loads.request("GET", f"/v1/detainees?q={quote(q)}") for q in all_q]
        for kind, all_q in searches(draw).items()
    }
    mixed = [request for of_kind in requests.values() for request in of_kind]
    draw.shuffle(mixed)
    requests = {"search, mixed": mixed, **requests}
    for many in (1, 100):
        requests[f"match of {many}"] = [
            loads.request("POST", "/v1/detainees/match", body, key)
            for body in _matches(draw, many, 200 if many == 1 else 10)
        ]
    return {"empty route": [loads.request("GET", loads.EMPTY)], **requests}


def _print(rounds: list[dict[str, list[float]]]) -> None:
    heads = "".join(f"{f'{size:,} people':>20}" for size in SIZES)
    print(f"\n{'milliseconds of the two cores, each':42}{heads}  cost large/small  aim")
    for name in rounds[0]:
        costs = [
            1000 * len(os.sched_getaffinity(0)) / median(r[name][i] for r in rounds) for i in (0, 1)
        ]
        ratio = median(small / large for small, large in (r[name] for r in rounds))
        aim = "" if name == "empty route" else AIM
        print(f"{name:42}" + "".join(f"{cost:>20.2f}" for cost in costs) + f"{ratio:>18.2f}  {aim}")


def _print_recall(url: str, many: int) -> None:
    """Print the recall of matches by variants of names.

    A person is missed if a candidate with a lower score is returned. If ten other people score at
    least as high, the request does not tell them apart.
    """
    print(
        f"\nA match among {SIZES[-1]:,}, of {many} people with common surnames and {many} with rare"
        f" ones:\n{'':34}{'birth date known: found':>22}{'alike':>8}{'missed':>8}"
        f"{'not known: found':>22}{'alike':>8}{'missed':>8}"
    )
    draw = random.Random("disguised")
    with connections.connect(url) as conn:
        for kind, disguise in DISGUISES.items():
            line = f"{kind:34}"
            for has_birth_date in (True, False):
                counts: Counter[str] = Counter()
                for person in _some(draw, many, has_birth_date):
                    query = disguised(person, disguise(draw, person))
                    (rows,) = candidates.find_comparable(conn, [query], False)
                    scores = {row.id: _score(query, row._asdict()) for row in rows}
                    least = min(sorted(scores.values(), reverse=True)[:10], default=0)
                    own_score = _score(query, disguised(person, person.name, person.aliases))
                    is_hit = scores.get(person.id, 0) >= least
                    alike = len(scores) >= 10 and least >= own_score
                    counts["found" if is_hit else "alike" if alike else "missed"] += 1
                shares = [counts[which] / 2 / many for which in ("found", "alike", "missed")]
                line += f"{shares[0]:>22.3f}{shares[1]:>8.3f}{shares[2]:>8.3f}"
            print(line, flush=True)


def _score(a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
    def person(record: Mapping[str, Any]) -> Person:
        return Person(
            [record["name"], *record["aliases"]],
            record["birth_date"],
            record["nationalities"],
            record["sex"],
        )

    return compare(person(a), person(b)).score


def _some(draw: random.Random, count: int, has_birth_date: bool) -> Iterable[Invented]:
    """Yield people, half of them with common surnames, with or without a birth date."""
    left = {True: count, False: count}
    while any(left.values()):
        person = invented(draw.randrange(SIZES[-1]))
        fits = not person.minor and (person.birth_date is not None) == has_birth_date
        if fits and left[_rare(person)]:
            left[_rare(person)] -= 1
            yield person


if __name__ == "__main__":
    main()
