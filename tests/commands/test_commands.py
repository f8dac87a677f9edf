"""The constancia command: what an operator types, and what comes of it."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import click
import psycopg
import pytest
from click.testing import CliRunner, Result
from psycopg.conninfo import make_conninfo

from api import auth
from api.app import create_app
from api.commands.main import main
from api.database import connections, migrations, queries
from api.errors import RequestError
from api.server import embedded
from tests.conftest import CASES, cloned
from tests.support import COMMAND, Client, Service, data_dir, environment, serving

EXAMPLE = CASES / "venezuela-2026-01-08.json"
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def constancia(*words: object, **settings: str) -> Result:
    """A command in this process, with no setting but these."""
    ours: dict[str, str | None] = {k: None for k in os.environ if k.startswith("CONSTANCIA_")}
    return CliRunner().invoke(
        main, [str(word) for word in words], env={**ours, "DATABASE_URL": None, **settings}
    )


def in_a_process(*words: object, **settings: str) -> "subprocess.CompletedProcess[str]":
    """A command as the operator runs it."""
    return subprocess.run(
        [*COMMAND, *map(str, words)],
        env=environment(**settings),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def refused(result: Result, *words: str, code: int = 1) -> None:
    """The command ended with a sentence that says this, and with no stack trace."""
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    for word in words:
        assert word in result.stderr
    assert result.stdout == ""


def snapshot(conn: queries.Connection) -> Mapping[str, Any]:
    """Every row of every table."""
    tables = conn.execute(
        "SELECT table_name AS name FROM information_schema.tables "
        "WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    ).fetchall()
    return {
        table.name: [
            row.text
            for row in conn.execute(f"SELECT t::text AS text FROM {table.name} t ORDER BY 1")
        ]
        for table in tables
    }


def test_each_command_says_what_it_does_and_takes_a_data_directory(tmp_path: Path) -> None:
    def leaves(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
        for name, command in group.commands.items():
            yield (*path, name), command
            if isinstance(command, click.Group):
                yield from leaves(command, *path, name)

    found = dict(leaves(main))
    assert set(found) == {
        ("serve",),
        ("migrate",),
        ("load",),
        ("doctor",),
        ("postgres",),
        ("import",),
        ("keys",),
        ("keys", "create"),
        ("keys", "list"),
        ("keys", "revoke"),
        ("counts",),
        ("compare",),
        ("explain",),
    }
    for path, command in found.items():
        told = constancia(*path, "--help", CONSTANCIA_DATA_DIR=str(tmp_path / "never"))
        assert told.exit_code == 0
        assert command.help
        assert command.help.split("\n")[0] in " ".join(told.stdout.split())
        assert isinstance(command, click.Group) or "--data-dir" in told.stdout
    assert not (tmp_path / "never").exists()


def test_the_installed_command_is_this_one() -> None:
    script = Path(sys.executable).with_name("constancia")
    words = [str(script)] if script.exists() else COMMAND
    told = subprocess.run([*words, "--help"], capture_output=True, text=True)
    assert told.returncode == 0
    for name in main.commands:
        assert name in told.stdout


# migrate


def test_migrate_twice_and_at_once(server: str) -> None:
    with cloned(server, "template1") as url:

        def once(_: int) -> "subprocess.CompletedProcess[str]":
            return in_a_process("migrate", DATABASE_URL=url)

        with ThreadPoolExecutor(4) as threads:
            told = list(threads.map(once, range(4)))
        assert [result.returncode for result in told] == [0] * 4, told
        # Each was applied by one of them alone.
        applied = [line for result in told for line in result.stderr.splitlines()]
        assert len(applied) == len(migrations.migrations())
        with connections.connect(url) as conn:
            before = snapshot(conn)
            again = constancia("migrate", DATABASE_URL=url)
            assert (again.exit_code, again.stderr) == (0, "")
            assert "up to date" in again.stdout
            assert snapshot(conn) == before
            assert len(before["migrations"]) == len(migrations.migrations())


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("INSERT INTO migrations (number, name, sha256) VALUES (9999, 'later', 'x')", "9999"),
        ("UPDATE migrations SET sha256 = 'x' WHERE number = 2", "another"),
    ],
    ids=["of a later version", "of another making"],
)
def test_a_database_that_does_not_fit_is_refused(
    database: str, conn: queries.Connection, change: str, word: str
) -> None:
    conn.execute(cast(Any, change))
    before = snapshot(conn)
    for command in (["migrate"], ["load", EXAMPLE], ["counts"], ["keys", "list"]):
        refused(constancia(*command, DATABASE_URL=database), word)
    assert snapshot(conn) == before


# load: the example


def test_the_example_gives_what_it_expects(database: str, conn: queries.Connection) -> None:
    expected = json.loads(EXAMPLE.read_text())["expected"]
    loaded = constancia("load", EXAMPLE, DATABASE_URL=database)
    assert loaded.exit_code == 0, loaded.output
    assert "16 sources" in loaded.stderr
    assert "6 attestations" in loaded.stderr
    assert "10 claims" in loaded.stderr
    pool = connections.pool(database, 2)
    with pool:
        client = create_app(pool).test_client()
        for counts in expected["counts"]:
            told = client.get("/v1/counts", query_string={"as_of": counts["as_of"]}).get_json()
            assert {name: told[name] for name in counts} == counts
            printed = constancia("counts", "--as-of", counts["as_of"], DATABASE_URL=database)
            assert printed.exit_code == 0
            figures = dict(line.split() for line in printed.stdout.splitlines()[1:6])
            assert figures == {
                word: str(counts[word])
                for word in ("confirmed", "disputed", "reported", "refuted", "unverified")
            }
        confirmed_at = {}
        for key, event in events_of_the_example(client).items():
            told = client.get(f"/v1/release-events/{event}/verification").get_json()
            if told["status"] == "confirmed":
                confirmed_at[key] = told["since"]
            printed = constancia("explain", event, DATABASE_URL=database)
            assert printed.exit_code == 0
            assert printed.stdout.startswith(told["status"])
            assert str(told["since"]) in printed.stdout
        assert confirmed_at == expected["confirmed_at"]


def events_of_the_example(client: Any) -> Mapping[str, str]:
    """The ids of the example's release events, by their keys."""
    case = json.loads(EXAMPLE.read_text())
    people = {person["key"]: person["name"] for person in case["detainees"]}
    events = {}
    for event in case["release_events"]:
        name = people[event["detainee"]]
        (person,) = client.get("/v1/detainees", query_string={"q": name}).get_json()["items"]
        found = client.get("/v1/release-events", query_string={"detainee_id": person["id"]})
        (events[event["key"]],) = [item["id"] for item in found.get_json()["items"]]
    return events


def test_a_second_load_changes_nothing(database: str, conn: queries.Connection) -> None:
    assert constancia("load", EXAMPLE, DATABASE_URL=database).exit_code == 0
    before = snapshot(conn)
    again = constancia("load", EXAMPLE, DATABASE_URL=database)
    assert again.exit_code == 0
    assert "nothing new" in again.stderr
    assert snapshot(conn) == before


def test_a_dry_run_changes_nothing(database: str, conn: queries.Connection) -> None:
    before = snapshot(conn)
    told = constancia("load", EXAMPLE, "--dry-run", DATABASE_URL=database)
    assert told.exit_code == 0
    assert "Would load" in told.stderr
    assert "6 attestations" in told.stderr
    assert snapshot(conn) == before


def test_ids_come_from_the_case_alone(server: str) -> None:
    ids = []
    for _ in range(2):
        with cloned(server) as url, connections.connect(url) as conn:
            assert constancia("load", EXAMPLE, DATABASE_URL=url).exit_code == 0
            ids.append(
                [row.resource_id for row in conn.execute("SELECT * FROM ledger ORDER BY seq")]
            )
    assert len(ids[0]) == 47
    assert ids[0] == ids[1]


def test_a_grown_case_adds_what_is_new(
    database: str, conn: queries.Connection, tmp_path: Path
) -> None:
    case = a_case()
    later = case["attestations"].pop()
    assert load(database, tmp_path, case).exit_code == 0
    before = snapshot(conn)
    case["attestations"].append(later)
    told = load(database, tmp_path, case)
    assert told.exit_code == 0, told.output
    assert "Loaded: 1 attestations." in told.stderr
    after = snapshot(conn)
    assert len(after["ledger"]) == len(before["ledger"]) + 1
    assert set(before["attestations"]) < set(after["attestations"])


# load: what is taken, and what is refused


def a_case() -> dict[str, Any]:
    """A small case with one of everything: a paper that relays a witness, and an NGO."""

    def attestation(key: str, source: str, at: str, **more: Any) -> dict[str, Any]:
        return {
            "key": key,
            "release_event": "r1",
            "source": source,
            "stance": "confirms",
            "basis": "first_hand",
            "evidence": "report",
            "published_at": f"2026-01-09T{at}:00Z",
            **more,
        }

    return {
        "case": "a-small-case",
        "title": "A small case",
        "sources": [
            {"key": "s1", "name": "El Faro", "kind": "news_outlet"},
            {"key": "s2", "name": "Ana Testigo", "kind": "witness"},
            {"key": "s3", "name": "Puertas Abiertas", "kind": "ngo"},
        ],
        "affiliations": [
            {"source": "s2", "with": "s3", "relation": "member_of", "from": None, "until": None}
        ],
        "facilities": [{"key": "f1", "name": "La Torre", "country": "VE"}],
        "detainees": [
            {
                "key": "d1",
                "name": "Luis Prueba",
                "detention": {"facility": "f1", "detained_on": "2024-02"},
            },
            {"key": "d2", "name": "Eva Prueba", "detention": {"whereabouts": "known"}},
        ],
        "release_events": [
            {"key": "r1", "detainee": "d1", "occurred_on": "2026-01-08"},
            {"key": "r2", "detainee": "d2", "occurred_on": "2026-01-08"},
        ],
        "attestations": [
            attestation("a1", "s2", "10:00"),
            attestation("a2", "s1", "11:00", basis="relayed", relays=[{"attestation": "a1"}]),
            attestation("a3", "s3", "12:00", release_event="r2"),
        ],
    }


def load(database: str, folder: Path, case: Any, *words: str) -> Result:
    file = folder / "case.json"
    file.write_bytes(case if isinstance(case, bytes) else json.dumps(case).encode())
    return constancia("load", file, *words, DATABASE_URL=database)


def places(result: Result) -> list[str]:
    """Where the faults lie that the command told of."""
    *faults, last = result.stderr.splitlines()
    assert re.fullmatch(rf"Error: {len(faults)} errors? in the case; nothing was changed\.", last)
    told = [fault.partition(": ") for fault in faults]
    assert all(words for _, _, words in told)
    return [place for place, _, _ in told]


Change = Callable[[dict[str, Any]], Any]


def setting(path: str, value: Any) -> Change:
    """A case with another value at this place, given by a JSON pointer."""

    def change(case: dict[str, Any]) -> None:
        *steps, last = [int(s) if s.isdigit() else s for s in path.split("/")[1:]]
        place: Any = case
        for step in steps:
            place = place[step]
        place[last] = value

    return change


def adding(path: str, value: Any) -> Change:
    def change(case: dict[str, Any]) -> None:
        case[path.strip("/")].append(value)

    return change


def leaving_out(path: str, name: str) -> Change:
    def change(case: dict[str, Any]) -> None:
        place: Any = case
        for step in path.split("/")[1:]:
            place = place[int(step) if step.isdigit() else step]
        del place[name]

    return change


def a_circle(case: dict[str, Any]) -> None:
    case["attestations"][0] |= {"basis": "relayed", "relays": [{"attestation": "a2"}]}


def a_longer_circle(case: dict[str, Any]) -> None:
    a_circle(case)
    third = {**case["attestations"][1], "key": "a4", "relays": [{"attestation": "a2"}]}
    case["attestations"][0]["relays"] = [{"attestation": "a4"}]
    case["attestations"].append(third)


def elsewhere(case: dict[str, Any]) -> None:
    case["attestations"][2] |= {"basis": "relayed", "relays": [{"attestation": "a1"}]}


def everything_at_once(case: dict[str, Any]) -> None:
    case["sources"][0]["kind"] = "radio"
    case["affiliations"][0]["until"] = "soon"
    case["facilities"][0]["country"] = "XX"
    case["detainees"][1]["name"] = " "
    case["detainees"][0]["detention"]["detained_on"] = "2024-13"
    case["release_events"][0]["ocurred_on"] = "2026-01-08"
    case["attestations"][2]["source"] = "s9"
    case["attestations"][0]["published_at"] = "2026-01-09T10:00:00"


FAULTY: Mapping[str, tuple[Change, set[str]]] = {
    "a number for a string": (setting("/sources/0/name", 7), {"/sources/0/name"}),
    "a string for a list": (setting("/detainees/0/aliases", "Lucho"), {"/detainees/0/aliases"}),
    "null where it is not allowed": (setting("/sources/1/kind", None), {"/sources/1/kind"}),
    "a name of spaces": (setting("/detainees/0/name", "  "), {"/detainees/0/name"}),
    "a word that is none of the list's": (setting("/sources/0/kind", "x"), {"/sources/0/kind"}),
    "an unknown field": (setting("/sources/0/nme", "El Faro"), {"/sources/0/nme"}),
    "an unknown field of a detention": (
        setting("/detainees/0/detention/since", "2024"),
        {"/detainees/0/detention/since"},
    ),
    "a field missing": (leaving_out("/attestations/0", "stance"), {"/attestations/0/stance"}),
    "a reference missing": (leaving_out("/attestations/0", "source"), {"/attestations/0/source"}),
    "an affiliation without a source": (
        leaving_out("/affiliations/0", "source"),
        {"/affiliations/0/source"},
    ),
    "an affiliation with nobody": (
        leaving_out("/affiliations/0", "with"),
        {"/affiliations/0/with"},
    ),
    "a key of no source": (setting("/attestations/0/source", "s9"), {"/attestations/0/source"}),
    "a key of no facility": (
        setting("/detainees/0/detention/facility", "f9"),
        {"/detainees/0/detention/facility"},
    ),
    "a key that is a number": (setting("/attestations/0/source", 1), {"/attestations/0/source"}),
    "a key of no attestation": (
        setting("/attestations/1/relays/0/attestation", "a9"),
        {"/attestations/1/relays/0/attestation"},
    ),
    "an id of the contract's": (
        setting("/attestations/0/source_id", "019b9f3e-1a01-7b52-8c11-3f5d2e7a9001"),
        {"/attestations/0/source_id"},
    ),
    "an entry's key twice": (
        setting("/sources/2/key", "s1"),
        {"/sources/2/key", "/affiliations/0/with", "/attestations/2/source"},
    ),
    "a tie twice": (
        lambda case: case["affiliations"].append(case["affiliations"][0]),
        {"/affiliations/1"},
    ),
    "an unknown field of any name": (setting("/sources/0/a~1b", 1), {"/sources/0/a~01b"}),
    "a list further in than a case can be": (
        setting("/sources/0/name", json.loads("[" * 20 + "]" * 20)),
        {"/"},
    ),
    "an entry without a key": (
        leaving_out("/facilities/0", "key"),
        {"/facilities/0/key", "/detainees/0/detention/facility"},
    ),
    "a key of another type": (
        setting("/facilities/0/key", 5),
        {"/facilities/0/key", "/detainees/0/detention/facility"},
    ),
    "relays in a circle": (
        a_circle,
        {"/attestations/0/relays", "/attestations/1/relays"},
    ),
    "relays in a longer circle": (
        a_longer_circle,
        {"/attestations/0/relays", "/attestations/1/relays", "/attestations/3/relays"},
    ),
    "a relay of itself": (
        setting("/attestations/1/relays/0/attestation", "a2"),
        {"/attestations/1/relays"},
    ),
    "a relay of another event": (elsewhere, {"/attestations/2/relays/0/attestation"}),
    "a relay of the other stance": (
        setting("/attestations/1/stance", "denies"),
        {"/attestations/1/relays/0/attestation"},
    ),
    "a relay from the future": (
        setting("/attestations/1/published_at", "2026-01-09T09:00:00Z"),
        {"/attestations/1/relays/0/attestation"},
    ),
    "relays that are a word": (setting("/attestations/1/relays", "a1"), {"/attestations/1/relays"}),
    "a relay that is a word": (
        setting("/attestations/1/relays/0", "a1"),
        {"/attestations/1/relays/0"},
    ),
    "a relay of nothing": (setting("/attestations/1/relays/0", {}), {"/attestations/1/relays/0"}),
    "a relay of two things": (
        setting("/attestations/1/relays/0/source", "s2"),
        {"/attestations/1/relays/0"},
    ),
    "relayed without an origin": (
        setting("/attestations/1/relays", []),
        {"/attestations/1/relays"},
    ),
    "an origin of a first-hand word": (
        setting("/attestations/1/basis", "first_hand"),
        {"/attestations/1/basis"},
    ),
    "published in the future": (
        setting("/attestations/2/published_at", "2999-01-01T00:00:00Z"),
        {"/attestations/2/published_at"},
    ),
    "a time without a zone": (
        setting("/attestations/2/published_at", "2026-01-09T12:00:00"),
        {"/attestations/2/published_at"},
    ),
    "retracted before it was published": (
        setting("/attestations/2/retracted_at", "2026-01-09T11:00:00Z"),
        {"/attestations/2/retracted_at"},
    ),
    "retracted in the future": (
        setting("/attestations/2/retracted_at", "2999-01-09T11:00:00Z"),
        {"/attestations/2/retracted_at"},
    ),
    "a period that ends before it begins": (
        lambda case: case["affiliations"][0].update(
            {"from": "2026-01-09T00:00:00Z", "until": "2026-01-08T00:00:00Z"}
        ),
        {"/affiliations/0/until"},
    ),
    "a source tied to itself": (setting("/affiliations/0/with", "s2"), {"/affiliations/0/with"}),
    "a day that is none": (
        setting("/release_events/0/occurred_on", "2026-02-30"),
        {"/release_events/0/occurred_on"},
    ),
    "a release before the detention": (
        setting("/release_events/0/occurred_on", "2024-01-31"),
        {"/release_events/0/occurred_on"},
    ),
    "a release in the future": (
        setting("/release_events/0/occurred_on", "2999-01-31"),
        {"/release_events/0/occurred_on"},
    ),
    "a release of someone never detained": (
        leaving_out("/detainees/0", "detention"),
        {"/release_events/0/detainee"},
    ),
    "two releases within three days": (
        adding("/release_events", {"key": "r3", "detainee": "d1", "occurred_on": "2026-01-10"}),
        {"/release_events/2"},
    ),
    "a detention that is a word": (
        setting("/detainees/0/detention", "prison"),
        {"/detainees/0/detention"},
    ),
    "a detention that is an empty list": (
        setting("/detainees/1/detention", []),
        {"/detainees/1/detention"},
    ),
    "an entry that is a word": (adding("/attestations", "a4"), {"/attestations/3"}),
    "an entry that is null": (adding("/sources", None), {"/sources/3"}),
    "an entry that is a list": (adding("/facilities", []), {"/facilities/1"}),
    "a list that is an object": (setting("/facilities", {"f1": {}}), {"/facilities"}),
    "a list that is null": (setting("/attestations", None), {"/attestations"}),
    "an unknown list": (setting("/prisons", []), {"/prisons"}),
    "no name of the case": (lambda case: case.pop("case"), {"/case"}),
    "an empty name of the case": (setting("/case", ""), {"/case"}),
    "a name of the case that is a number": (setting("/case", 1), {"/case"}),
    "NUL in a note": (setting("/attestations/0/note", "a\0b"), {"/attestations/0/note"}),
    "everything at once": (
        everything_at_once,
        {
            "/sources/0/kind",
            "/affiliations/0/until",
            "/facilities/0/country",
            "/detainees/1/name",
            "/detainees/0/detention/detained_on",
            "/release_events/0/ocurred_on",
            "/attestations/2/source",
            "/attestations/0/published_at",
        },
    ),
}


@pytest.mark.parametrize("words", [[], ["--dry-run"]], ids=["load", "dry run"])
@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_case_changes_nothing_and_says_where(
    faultless: str, conn_of_faultless: queries.Connection, tmp_path: Path, name: str, words: Any
) -> None:
    change, expected = FAULTY[name]
    case = a_case() | {"case": f"a case with {name}"}
    change(case)
    before = snapshot(conn_of_faultless)
    result = load(faultless, tmp_path, case, *words)
    refused(result)
    told = places(result)
    assert sorted(told) == sorted(expected), result.stderr
    assert snapshot(conn_of_faultless) == before


def test_faults_are_told_in_the_order_of_the_file(database: str, tmp_path: Path) -> None:
    case = a_case()
    everything_at_once(case)
    told = places(load(database, tmp_path, dict(reversed(case.items()))))
    assert [place.split("/")[1] for place in told] == [
        *["attestations"] * 2,
        "release_events",
        *["detainees"] * 2,
        "facilities",
        "affiliations",
        "sources",
    ]
    assert [place.split("/")[2] for place in told] == ["0", "2", "0", "0", "1", "0", "0", "0"]


@pytest.fixture(scope="module")
def faultless(server: str) -> Iterator[str]:
    """A database that no faulty case may change; one for all of them."""
    with cloned(server) as url:
        yield url


@pytest.fixture(scope="module")
def conn_of_faultless(faultless: str) -> Iterator[queries.Connection]:
    with connections.connect(faultless) as connection:
        yield connection


UNREADABLE: Mapping[str, tuple[bytes, str]] = {
    "nothing": (b"", "/"),
    "spaces": (b"  \n", "/"),
    "not JSON": (b"case: a\n", "/"),
    "half of it": (json.dumps(a_case()).encode()[:700], "/"),
    "two documents": (json.dumps(a_case()).encode() * 2, "/"),
    "an array": (b"[]", "/"),
    "a case in an array": (json.dumps([a_case()]).encode(), "/"),
    "null": (b"null", "/"),
    "a word": (b'"case"', "/"),
    "UTF-16": (json.dumps(a_case()).encode("utf-16"), "/"),
    "a control character": (json.dumps(a_case()).replace("El Faro", "\x00").encode(), "/"),
    "bytes that are no text": (
        json.dumps(a_case()).encode().replace(b"El Faro", b"El \xff Faro"),
        "/",
    ),
    "NaN": (json.dumps(a_case()).encode().replace(b'"El Faro"', b"NaN"), "/"),
    "a list twice": (b'{"case": "a", "sources": [], "sources": []}', "/sources"),
    "a name twice in an entry": (
        b'{"case": "a", "sources": [{"key": "s", "name": "A", "name": "B", "kind": "ngo"}]}',
        "/sources/0/name",
    ),
    "a name twice further in": (
        b'{"case": "a", "detainees": [{"key": "d", "name": "A", "detention": '
        b'{"detained_on": "2024", "detained_on": "2025"}}]}',
        "/detainees/0/detention/detained_on",
    ),
    "a number too large": (
        b'{"case": "a", "sources": [{"key": "s", "name": 1e400, "kind": "ngo"}]}',
        "/",
    ),
    "a high surrogate alone": (b'{"case": "a\\ud83d"}', "/"),
    "a low surrogate alone": (b'{"case": "a\\uDE00b"}', "/"),
    "surrogates in the wrong order": (b'{"case": "\\ude00\\ud83d"}', "/"),
    "a high surrogate before another escape": (b'{"case": "\\ud83d\\u0041"}', "/"),
    "a surrogate far in": (
        b'{"title": "%s\\ud83d", "case": "a"}' % (b"\\ud83d\\ude00 " * 9999),
        "/",
    ),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_is_no_case_is_refused(
    faultless: str, conn_of_faultless: queries.Connection, tmp_path: Path, name: str
) -> None:
    content, place = UNREADABLE[name]
    before = snapshot(conn_of_faultless)
    result = load(faultless, tmp_path, content)
    refused(result)
    told = places(result)
    assert place in told, result.stderr
    assert set(told) <= {place, "/case"}
    assert len(told) == len(set(told)), result.stderr
    assert snapshot(conn_of_faultless) == before


@pytest.mark.parametrize("opening", [b"[", b'{"a":'], ids=["arrays", "objects"])
def test_nesting_without_end_is_refused(database: str, tmp_path: Path, opening: bytes) -> None:
    """Within 2 GiB, of which a file of half a megabyte needs little."""
    file = tmp_path / "case.json"
    file.write_bytes(b'{"case": "a", "sources": ' + opening * 100_000)
    limited = "import resource as r; r.setrlimit(r.RLIMIT_AS, (2 << 30, 2 << 30)); "
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{limited}from api.commands.main import main; main()",
            "load",
            str(file),
        ],
        env=environment(DATABASE_URL=database),
        capture_output=True,
        text=True,
    )
    assert told.returncode == 1, told.stderr[-500:]
    assert "Traceback" not in told.stderr
    assert "nothing was changed" in told.stderr


def a_ring(case: dict[str, Any]) -> None:
    case["affiliations"] += [
        {"source": "s3", "with": "s1", "relation": "controlled_by"},
        {"source": "s1", "with": "s2", "relation": "owned_by"},
    ]


def forward(case: dict[str, Any]) -> None:
    case["attestations"].reverse()


def a_long_chain_backward(case: dict[str, Any]) -> None:
    """Twelve hundred relays, each of the next one in the file."""
    first = case["attestations"][0]
    chain = [
        {**first, "key": f"b{n}", "basis": "relayed", "relays": [{"attestation": f"b{n + 1}"}]}
        for n in range(1200)
    ]
    case["attestations"] += [*chain, {**first, "key": "b1200"}]


def all_that_may_stand(case: dict[str, Any]) -> None:
    case["note"] = case["expected"] = {"anything": [1.5, None, True]}
    case["sources"][0] |= {"country": "VE", "url": "https://example.org/"}
    case["affiliations"][0] |= {"key": "t1", "until": "2026-02-01T00:00:00+01:00"}
    case["facilities"][0] |= {"aliases": ["The Tower"], "region": "Miranda"}
    case["detainees"][0] |= {
        "aliases": ["Lucho"],
        "sex": "male",
        "birth_date": "1980-02-29",
        "age_group": "adult",
        "nationalities": ["VE", "ES"],
        "occupation": "teacher",
        "external_ids": [{"scheme": "registry", "value": "77"}],
    }
    case["detainees"][0]["detention"] |= {
        "authority": "The Service",
        "charges": "None was told.",
        "whereabouts": "unknown",
    }
    case["release_events"][0] |= {"place": "At the gates", "announcement": "c3"}
    claim = {
        "source": case["sources"][0]["key"],
        "kind": "announced",
        "as_of": "2026-01-08T20:00:00Z",
        "published_at": "2026-01-08T20:00:00Z",
    }
    case["claims"] = [
        # Names an announcement, and relays a claim, that stand further on.
        {
            **claim,
            "key": "c1",
            "kind": "released",
            "value": 3,
            "announcement": "c3",
            "relays": [{"claim": "c2"}],
            "published_at": "2026-01-09T20:00:00Z",
        },
        {
            **claim,
            "key": "c2",
            "kind": "released",
            "value": 3,
            "retracted_at": "2026-01-10T00:00:00Z",
        },
        {**claim, "key": "c3", "value": None, "qualifier": "about"},
    ]
    case["attestations"][0] |= {
        "release_kind": "exile",
        "url": "https://example.org/1",
        "archived_url": "https://example.org/2",
        "content_sha256": "0" * 64,
        "language": "es-VE",
        "note": "Two lines,\nand a tab\t.",
        "retracted_at": "2026-01-09T20:00:00Z",
        "retraction_note": "The paper was wrong.",
    }


FINE: Mapping[str, tuple[Change, str]] = {
    "as it is": (lambda case: None, "reported"),
    "a relay of what stands further on": (forward, "reported"),
    "twelve hundred relays of what stands further on": (a_long_chain_backward, "reported"),
    "affiliations in a ring": (a_ring, "reported"),
    "an origin that was retracted": (
        setting("/attestations/0/retracted_at", "2026-01-09T10:30:00Z"),
        "unverified",
    ),
    "all that may stand": (all_that_may_stand, "unverified"),
    "a detention of which nothing is known": (setting("/detainees/1/detention", {}), "reported"),
    "escapes wherever the reading is divided": (
        setting("/note", "\N{GRINNING FACE}, and \\ud83d which is none. " * 9999),
        "reported",
    ),
    "keys of any kind": (setting("/sources/0/key", "/~ñ\n😀"), "reported"),
}


@pytest.mark.parametrize("name", FINE)
def test_a_case_that_is_fine_is_loaded(
    database: str, conn: queries.Connection, tmp_path: Path, name: str
) -> None:
    change, status = FINE[name]
    case = a_case()
    change(case)
    if name == "keys of any kind":
        case["attestations"][1]["source"] = case["sources"][0]["key"]
    result = load(database, tmp_path, case)
    assert result.exit_code == 0, result.output
    stored = conn.execute("SELECT count(*) AS n FROM attestations").fetchone()
    assert stored.n == len(case["attestations"])
    told = conn.execute(
        "SELECT v.verification ->> 'status' AS status FROM verification_summaries v "
        "JOIN release_events e ON e.id = v.release_event_id "
        "JOIN detainees d ON d.id = e.detainee_id WHERE d.name = 'Luis Prueba' "
        "ORDER BY v.published_from DESC LIMIT 1"
    ).fetchone()
    assert told.status == status
    before = snapshot(conn)
    assert "nothing new" in load(database, tmp_path, case).stderr
    assert snapshot(conn) == before


def test_a_case_needs_no_list(database: str, conn: queries.Connection, tmp_path: Path) -> None:
    before = snapshot(conn)
    assert "nothing new" in load(database, tmp_path, {"case": "empty"}).stderr
    assert snapshot(conn) == before


def test_two_cases_with_the_same_keys_are_two(
    database: str, conn: queries.Connection, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        assert load(database, tmp_path, a_case() | {"case": name}).exit_code == 0
    assert conn.execute("SELECT count(*) AS n FROM sources").fetchone().n == 6


def test_the_order_of_the_lists_does_not_matter(
    database: str, conn: queries.Connection, tmp_path: Path
) -> None:
    backward = dict(reversed(a_case().items()))
    assert load(database, tmp_path, backward).exit_code == 0
    before = snapshot(conn)
    assert "nothing new" in load(database, tmp_path, a_case()).stderr
    assert snapshot(conn) == before


def test_two_loads_at_once_load_once(
    database: str, conn: queries.Connection, tmp_path: Path
) -> None:
    file = tmp_path / "case.json"
    file.write_text(json.dumps(a_case()))

    def once(_: int) -> "subprocess.CompletedProcess[str]":
        return in_a_process("load", file, DATABASE_URL=database)

    with ThreadPoolExecutor(3) as threads:
        told = list(threads.map(once, range(3)))
    assert [result.returncode for result in told] == [0] * 3, told
    assert sorted("nothing new" in result.stderr for result in told) == [False, True, True]
    assert conn.execute("SELECT count(*) AS n FROM attestations").fetchone().n == 3


def test_a_file_that_is_not_there_is_refused(database: str, tmp_path: Path) -> None:
    for file in (tmp_path / "none.json", tmp_path):
        refused(constancia("load", file, DATABASE_URL=database), str(file), code=2)


# load: a large one


def write_large_case(file: Path, attestations: int) -> None:
    """A case of so many attestations, three or so on each event, written as it is made."""
    events = max(attestations * 3 // 10, 1)
    with file.open("w", encoding="utf-8") as out:

        def lines(name: str, entries: Iterator[Any], last: bool = False) -> None:
            out.write(f'"{name}": [')
            for i, entry in enumerate(entries):
                out.write(("," if i else "") + "\n" + json.dumps(entry))
            out.write("]\n" if last else "],\n")

        out.write('{"case": "large",\n')
        sources = ({"key": f"s{n}", "name": f"Source {n}", "kind": "ngo"} for n in range(100))
        lines("sources", sources)
        detainees = (
            {"key": f"d{n}", "name": f"Person {n}", "detention": {"detained_on": "2024"}}
            for n in range(events)
        )
        lines("detainees", detainees)
        release_events = (
            {"key": f"r{n}", "detainee": f"d{n}", "occurred_on": "2026-01-08"}
            for n in range(events)
        )
        lines("release_events", release_events)

        def said(n: int) -> Any:
            attestation = {
                "key": f"a{n}",
                "release_event": f"r{n % events}",
                "source": f"s{(n * 7 + n // events) % 100}",
                "stance": "denies" if n % 11 == 0 else "confirms",
                "basis": "first_hand",
                "release_kind": "unknown",
                "evidence": "report",
                "published_at": f"2026-01-{9 + n % 20:02}T{n % 24:02}:00:00Z",
                "url": f"https://example.org/reports/2026/01/{n}",
                "note": "Said at the gates by those who came for their own." * 3,
            }
            if n % 5 == 0:
                attestation |= {"basis": "relayed", "relays": [{"source": f"s{n % 100}"}]}
            return attestation

        lines("attestations", map(said, range(attestations)), last=True)
        out.write("}\n")


def run_and_measure(database: str, *words: str) -> tuple[list[str], int]:
    """What the command says meanwhile, and the most memory that it took."""
    program = (
        "import atexit; from api.commands.main import main\n"
        "def tell():\n"
        "    with open('/proc/self/status') as status:\n"
        "        print(next(line for line in status if line.startswith('VmHWM')))\n"
        "atexit.register(tell); main()"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, *words],
        env=environment(DATABASE_URL=database),
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr
    return told.stderr.splitlines(), int(told.stdout.split()[-2]) * 1024


@linux
def test_a_large_case_shows_its_progress_and_takes_little_memory(
    server: str, tmp_path: Path
) -> None:
    file, sizes, peaks, told = tmp_path / "large.json", [], [], []
    for attestations in (1_000, 12_000):
        write_large_case(file, attestations)
        sizes.append(file.stat().st_size)
        with cloned(server) as url:
            lines, peak = run_and_measure(url, "load", str(file))
            told.append(lines)
            peaks.append(peak)
            with connections.connect(url) as conn:
                stored = conn.execute("SELECT count(*) AS n FROM attestations").fetchone()
                assert stored.n == attestations
    assert "attestations: 10,000 of 12,000" in told[1]
    assert "attestations: 12,000 of 12,000" in told[1]
    assert any(line.startswith("verified: ") for line in told[1])
    assert not any(" of " in line for line in told[0])
    print(f"file {sizes[1] - sizes[0]:,} bytes larger, memory {peaks[1] - peaks[0]:,}")
    assert peaks[1] - peaks[0] < sizes[1] - sizes[0]


# keys


def test_a_key_is_shown_once(database: str, conn: queries.Connection) -> None:
    created = constancia(
        "keys", "create", "--name", "Ana", "--scope", "edit", DATABASE_URL=database
    )
    assert created.exit_code == 0
    key = created.stdout.removesuffix("\n")
    assert "\n" not in key
    assert key == key.strip()
    assert len(key) >= 32
    assert key not in created.stderr
    listed = constancia("keys", "list", DATABASE_URL=database)
    (line,) = listed.stdout.splitlines()
    id, prefix, scope, valid, name = line.split()
    assert (scope, valid, name) == ("edit", "valid", "Ana")
    assert key.startswith(f"constancia_{prefix}_")
    (stored,) = conn.execute("SELECT id, hash FROM api_keys").fetchall()
    assert str(stored.id) == id
    assert id in created.stderr
    for secret in (key, key.split("_", 2)[2], stored.hash.hex()):
        assert secret not in listed.output
    assert not any(key in row for rows in snapshot(conn).values() for row in rows)


def test_keys_are_told_apart(database: str) -> None:
    made = {
        constancia(
            "keys", "create", "--name", "Ana", "--scope", scope, DATABASE_URL=database
        ).stdout
        for scope in ("contribute", "edit", "admin", "admin")
    }
    assert len(made) == 4
    assert len(constancia("keys", "list", DATABASE_URL=database).stdout.splitlines()) == 4


def test_a_key_can_have_an_end(database: str, conn: queries.Connection) -> None:
    words = ["keys", "create", "--name", "Ana", "--scope", "edit", "--until"]
    created = constancia(*words, "2126-01-09T12:00:00-04:00", DATABASE_URL=database)
    assert created.exit_code == 0
    key = created.stdout.strip()
    (line,) = constancia("keys", "list", DATABASE_URL=database).stdout.splitlines()
    assert "valid until 2126-01-09 16:00" in line
    assert auth.authenticate(conn, key).scope == "edit"
    conn.execute("UPDATE api_keys SET created_at = '2026-01-01', valid_until = '2026-01-02'")
    (line,) = constancia("keys", "list", DATABASE_URL=database).stdout.splitlines()
    assert "ended 2026-01-02 00:00" in line
    with pytest.raises(RequestError, match="valid key"):
        auth.authenticate(conn, key)
    refused(constancia(*words, "2026-01-09T12:00:00Z", DATABASE_URL=database), "ahead")
    refused(constancia(*words, "tomorrow", DATABASE_URL=database), "--until", code=2)


def test_what_is_no_key_is_refused(database: str) -> None:
    unknown = "019b9f3e-1a01-7b52-8c11-3f5d2e7a9001"
    refused(constancia("keys", "revoke", unknown, DATABASE_URL=database), unknown)
    refused(constancia("keys", "revoke", "x", DATABASE_URL=database), "x", code=2)
    wrong = ["keys", "create", "--name", "Ana", "--scope", "all"]
    refused(constancia(*wrong, DATABASE_URL=database), "contribute", code=2)
    for name in ("", " ", "a\nb", "a\x1b[2Jb"):
        wrong = ["keys", "create", "--name", name, "--scope", "edit"]
        result = constancia(*wrong, DATABASE_URL=database)
        assert result.exit_code != 0, f"{name!r} would spoil the list of keys"
    assert constancia("keys", "list", DATABASE_URL=database).stdout == ""


# beside the service


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with data_dir() as directory, serving(directory) as running:
        yield running


@linux
def test_revoked_at_once_while_the_service_runs(service: Service) -> None:
    key = service.key("edit")
    listed = service.command("keys", "list").stdout.splitlines()
    with Client(service.port, key) as client:
        assert client.source("Antes")
        revoked = service.command("keys", "revoke", listed[-1].split()[0])
        assert revoked.returncode == 0, revoked.stderr
        body = {"name": "Después", "kind": "ngo"}
        assert client.send("POST", "/v1/sources", body)[0] == 401
    assert "revoked" in service.command("keys", "list").stdout.splitlines()[-1]
    again = service.command("keys", "revoke", listed[-1].split()[0])
    assert again.returncode == 0


@linux
def test_commands_work_beside_the_service(service: Service) -> None:
    loaded = service.command("load", str(EXAMPLE))
    assert loaded.returncode == 0, loaded.stderr
    with Client(service.port) as client:
        asked = "2026-01-09T16:00:00Z"
        assert client.get(f"/v1/counts?as_of={asked}")["confirmed"] == 1
        counted = service.command("counts", "--as-of", asked)
        assert "confirmed         1" in counted.stdout
        events = client.get("/v1/release-events")["items"]
        (event,) = [e for e in events if e["verification"]["status"] == "confirmed"]
        explained = service.command("explain", event["id"])
        assert explained.stdout.startswith("confirmed since 2026-01-09T12:25:00Z")
        assert "NTN24" in explained.stdout
    assert service.command("migrate").returncode == 0
    assert service.ready()  # nothing of this has stopped it


@linux
def test_serve_loads_a_case_into_an_empty_database_only() -> None:
    with data_dir() as directory:
        for told in ("Loaded: 16 sources", "not empty"):
            words = ["--data-dir", directory, "--port", 0, "--case", EXAMPLE]
            process = subprocess.Popen(
                [*COMMAND, "serve", *map(str, words)],
                env=environment(PYTHONUNBUFFERED="1"),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            lines = []
            assert process.stdout
            for line in process.stdout:
                lines.append(line)
                if "ready" in line:
                    break
            process.terminate()
            process.communicate(timeout=120)
            assert any(told in line for line in lines), lines
        with embedded.running(directory) as url, connections.connect(url) as conn:
            assert conn.execute("SELECT count(*) AS n FROM sources").fetchone().n == 16


@linux
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_serve_prints_the_address_at_which_it_answers(database: str, host: str) -> None:
    """Also when the system is asked to choose a port."""
    process = subprocess.Popen(
        [*COMMAND, "serve", "--host", host, "--port", "0", "--workers", "1"],
        env=environment(PYTHONUNBUFFERED="1", DATABASE_URL=database),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout
        line = next((line for line in process.stdout if "http://" in line), "")
        address = line.split()[-1] if line else ""
        asked = subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).status)",
                f"{address}/readyz",
            ],
            capture_output=True,
            text=True,
        )
        assert asked.stdout == "200\n", (line, asked.stderr[-300:])
    finally:
        process.terminate()
        process.communicate(timeout=120)


def test_commands_work_without_a_service() -> None:
    with data_dir() as directory:
        place = ["--data-dir", directory]
        loaded = in_a_process("load", EXAMPLE, CONSTANCIA_DATA_DIR=str(directory))
        assert loaded.returncode == 0, loaded.stderr
        elsewhere = str(directory.with_name("elsewhere"))
        counted = in_a_process("counts", *place, CONSTANCIA_DATA_DIR=elsewhere)
        assert "unverified        1" in counted.stdout
        assert not Path(elsewhere).exists()


def test_the_data_directory_is_dot_constancia_if_left_out() -> None:
    with data_dir() as directory:
        directory.mkdir()
        done = subprocess.run(
            [*COMMAND, "migrate"],
            cwd=directory,
            env=environment(PYTHONPATH=str(Path(__file__).parents[2])),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert (directory / ".constancia" / "pgdata").is_dir()


# explain, counts


def test_questions_that_have_no_answer_get_a_sentence(database: str) -> None:
    unknown = "019b9f3e-1a01-7b52-8c11-3f5d2e7a9001"
    refused(constancia("explain", unknown, DATABASE_URL=database), "release event")
    refused(constancia("explain", "x", DATABASE_URL=database), "x", code=2)
    for moment in ("yesterday", "2026-01-09", "2026-01-09T12:00:00", "2026-02-30T00:00:00Z", ""):
        asked = constancia("counts", "--as-of", moment, DATABASE_URL=database)
        refused(asked, "--as-of", code=2)
    ahead = constancia("counts", "--as-of", "9999-12-31T23:59:59Z", DATABASE_URL=database)
    refused(ahead, "future")
    told = constancia("counts", "--as-of", "0001-01-01T00:00:00Z", DATABASE_URL=database)
    assert told.exit_code == 0, told.output


def test_counts_are_readable_by_a_person(database: str) -> None:
    told = constancia("counts", DATABASE_URL=database)
    assert told.exit_code == 0
    words = [line.split(":")[0].split()[0] for line in told.stdout.splitlines()]
    figures = ["confirmed", "disputed", "reported", "refuted", "unverified"]
    assert words == ["As", *figures, "Of", "As"]


# which servers are taken


@pytest.mark.parametrize(
    "setting",
    [
        "ALTER DATABASE {database} SET synchronous_commit = off",
        "ALTER ROLE constancia IN DATABASE {database} SET synchronous_commit = off",
    ],
    ids=["of the database", "of the role"],
)
def test_a_database_that_may_forget_is_refused(
    database: str, conn: queries.Connection, setting: str
) -> None:
    name = conn.info.dbname
    conn.execute(cast(Any, setting.format(database=name)))
    commands = [
        ["migrate"],
        ["load", EXAMPLE],
        ["counts"],
        ["keys", "list"],
        ["serve", "--port", 0],
    ]
    for command in commands:
        result = constancia(*command, DATABASE_URL=database)
        refused(result, "synchronous_commit", "CONSTANCIA_ALLOW_UNSAFE_DURABILITY")
    allowed = {"DATABASE_URL": database, "CONSTANCIA_ALLOW_UNSAFE_DURABILITY": "1"}
    assert constancia("load", EXAMPLE, **allowed).exit_code == 0


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_server_that_may_forget_is_refused(setting: str) -> None:
    with (
        data_dir() as directory,
        embedded.running(directory) as url,
        psycopg.connect(url, autocommit=True) as conn,
    ):
        conn.execute(cast(Any, f"ALTER SYSTEM SET {setting} = off"))
        conn.execute("SELECT pg_reload_conf()")
        while conn.execute(f"SHOW {setting}".encode()).fetchone() != ("off",):
            pass
        refused(constancia("migrate", DATABASE_URL=url), setting)
        refused(constancia("migrate", "--data-dir", directory), setting)
        allowed = {"DATABASE_URL": url, "CONSTANCIA_ALLOW_UNSAFE_DURABILITY": "1"}
        assert constancia("migrate", **allowed).exit_code == 0


@pytest.mark.parametrize("version", [90624, 160004, 170010])
def test_an_older_server_is_refused(version: int) -> None:
    """With a stand-in for the connection: PostgreSQL 18 is the only one at hand."""
    old = SimpleNamespace(info=SimpleNamespace(server_version=version))
    with pytest.raises(
        connections.UnfitServerError, match=rf"PostgreSQL {version // 10000}\b.* 18 or later"
    ):
        connections.check_server(cast(Any, old), allow_unsafe_durability=True)


# settings


@pytest.mark.parametrize("value", ["0", "-1", "1001", "x", "1.5", " 8", "٣", "9" * 5000])
def test_a_bad_number_of_threads_is_refused(database: str, value: str) -> None:
    refused(
        constancia("counts", DATABASE_URL=database, CONSTANCIA_THREADS=value), "CONSTANCIA_THREADS"
    )


@pytest.mark.parametrize("value", ["yes", "true", "2", "off"])
def test_a_bad_flag_is_refused(database: str, value: str) -> None:
    flag = "CONSTANCIA_ALLOW_UNSAFE_DURABILITY"
    refused(constancia("counts", DATABASE_URL=database, **{flag: value}), flag)


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "hunter2",
        "http://user:hunter2@127.0.0.1/constancia",
        "postgresql://user:hunter2@127.0.0.1:1/constancia",
        "postgresql://user:hunter2@[::1/constancia",
        "postgresql://user:hunter2@127.0.0.1:99999/constancia",
        "postgresql://user:hunter2@127.0.0.1/constancia?sslmode=sometimes",
        "host=/nowhere password=hunter2",
        "host=/nowhere password=hunter2 colour=red",
    ],
)
@pytest.mark.parametrize("command", ["counts", "serve"])
def test_a_bad_database_url_is_refused(url: str, command: str) -> None:
    """With a sentence in which the password does not stand."""
    result = constancia(command, DATABASE_URL=url)
    refused(result)
    assert "hunter2" not in result.output


def test_a_database_that_is_not_there_is_refused(server: str) -> None:
    nowhere = make_conninfo(server, dbname="nowhere")
    refused(constancia("counts", DATABASE_URL=nowhere), "nowhere")


def test_a_user_without_rights_is_refused(server: str) -> None:
    with cloned(server) as url, psycopg.connect(url, autocommit=True) as conn:
        conn.execute("CREATE ROLE visitor LOGIN")
        try:
            visitor = make_conninfo(url, user="visitor")
            refused(constancia("counts", DATABASE_URL=visitor), "permission")
        finally:
            conn.execute("DROP ROLE visitor")


def test_a_data_directory_that_cannot_be_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    refused(constancia("counts", "--data-dir", file), str(file), code=2)
    refused(constancia("counts", CONSTANCIA_DATA_DIR=str(file)), str(file))
    refused(constancia("counts", CONSTANCIA_DATA_DIR=str(file / "under")), str(file))
    with tempfile.TemporaryDirectory(prefix='quo"te') as folder:
        refused(constancia("counts", CONSTANCIA_DATA_DIR=str(Path(folder) / "data")), "path")


@pytest.mark.parametrize(
    "words",
    [["--port", "x"], ["--port", "70000"], ["--workers", "0"], ["--case", "none.json"]],
    ids=" ".join,
)
def test_bad_options_of_serve_are_refused(database: str, words: list[str]) -> None:
    refused(constancia("serve", *words, DATABASE_URL=database), words[0], code=2)
