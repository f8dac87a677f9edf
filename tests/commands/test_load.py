"""The command load: the example, valid and invalid cases, large files, repeated loads."""

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from api.cases import export, loader
from api.cases.format import CASE_NAMES
from api.database import connections, queries
from api.errors import RequestError
from api.rendering.results import Stream
from tests.commands.running import (
    EXAMPLE,
    check_error,
    constancia,
    linux,
    run_and_measure,
    run_process,
    snapshot,
)
from tests.conftest import Api, client_of, cloned
from tests.support import environment, open_pool


def test_example_gives_its_expected_results(database: str, conn: queries.Connection) -> None:
    expected = json.loads(EXAMPLE.read_text())["expected"]
    loaded = constancia("load", EXAMPLE, DATABASE_URL=database)
    assert loaded.exit_code == 0, loaded.output
    assert "16 sources" in loaded.stderr
    assert "6 attestations" in loaded.stderr
    assert "10 claims" in loaded.stderr
    with open_pool(database, 2) as pool, client_of(pool) as client:
        for counts in expected["counts"]:
            response = client.get("/v1/counts", query_string={"as_of": counts["as_of"]}).get_json()
            assert {name: response[name] for name in counts} == counts
            result = constancia("counts", "--as-of", counts["as_of"], DATABASE_URL=database)
            assert result.exit_code == 0
            figures = dict(line.split() for line in result.stdout.splitlines()[1:6])
            assert figures == {
                status: str(counts[status])
                for status in ("confirmed", "disputed", "reported", "refuted", "unverified")
            }
        confirmed_at = {}
        for key, event in release_events_of_example(client).items():
            response = client.get(f"/v1/release-events/{event}/verification").get_json()
            if response["status"] == "confirmed":
                confirmed_at[key] = response["since"]
            result = constancia("explain", event, DATABASE_URL=database)
            assert result.exit_code == 0
            assert result.stdout.startswith(response["status"])
            since = str(response["since"]).removesuffix(":00Z").replace("T", " ")
            assert since in result.stdout
        assert confirmed_at == expected["confirmed_at"]


def release_events_of_example(client: Any) -> Mapping[str, str]:
    """Return the ids of the release events of the example case, by key."""
    case = json.loads(EXAMPLE.read_text())
    people = {person["key"]: person["name"] for person in case["detainees"]}
    events = {}
    for event in case["release_events"]:
        name = people[event["detainee"]]
        (person,) = client.get("/v1/detainees", query_string={"q": name}).get_json()["items"]
        response = client.get("/v1/release-events", query_string={"detainee_id": person["id"]})
        (events[event["key"]],) = [item["id"] for item in response.get_json()["items"]]
    return events


def test_entry_of_a_full_release_event_has_a_pointer(
    database: str, conn: queries.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attestations of the file count, and those that are recorded."""
    monkeypatch.setattr("api.records.attestations.MAX_LIVE", 2)
    case = small_case()
    entries = case["attestations"]
    entries.insert(2, {**entries[0], "key": "a4", "published_at": "2026-01-09T10:30:00Z"})
    before = snapshot(conn)
    result = load(database, tmp_path, case)
    assert error_pointers(result) == ["/attestations/2/release_event"]
    assert "2,000 attestations" in result.stderr
    assert snapshot(conn) == before
    more = entries.pop(2)
    assert load(database, tmp_path, case).exit_code == 0
    entries.append(more)
    assert error_pointers(load(database, tmp_path, case)) == ["/attestations/3/release_event"]


def test_second_load_changes_nothing(database: str, conn: queries.Connection) -> None:
    assert constancia("load", EXAMPLE, DATABASE_URL=database).exit_code == 0
    before = snapshot(conn)
    result = constancia("load", EXAMPLE, DATABASE_URL=database)
    assert result.exit_code == 0
    assert "nothing new" in result.stderr
    assert snapshot(conn) == before


def test_dry_run_changes_nothing(database: str, conn: queries.Connection) -> None:
    before = snapshot(conn)
    result = constancia("load", EXAMPLE, "--dry-run", DATABASE_URL=database)
    assert result.exit_code == 0
    assert "Would load" in result.stderr
    assert "6 attestations" in result.stderr
    assert snapshot(conn) == before


def test_loaded_records_have_random_ids(server: str) -> None:
    """An id made from the case and the key of an entry would reveal the key."""
    ids = []
    for _ in range(2):
        with cloned(server) as url, connections.connect(url) as conn:
            assert constancia("load", EXAMPLE, DATABASE_URL=url).exit_code == 0
            ids.append({row.resource_id for row in conn.execute("SELECT * FROM ledger")})
            links = conn.execute("SELECT record_id FROM case_entry_links").fetchall()
            assert {row.record_id for row in links} <= ids[-1]
    assert len(ids[0]) == len(ids[1]) == 47
    assert ids[0].isdisjoint(ids[1])


def test_new_entries_of_a_loaded_case_are_added(
    database: str, conn: queries.Connection, tmp_path: Path
) -> None:
    case = small_case()
    removed = case["attestations"].pop()
    assert load(database, tmp_path, case).exit_code == 0
    before = snapshot(conn)
    case["attestations"].append(removed)
    result = load(database, tmp_path, case)
    assert result.exit_code == 0, result.output
    assert "Loaded: 1 attestation." in result.stderr
    after = snapshot(conn)
    assert len(after["ledger"]) == len(before["ledger"]) + 1
    assert set(before["attestations"]) < set(after["attestations"])


def test_entries_of_one_name_are_recorded_ones_of_that_name(
    api: Api, database: str, tmp_path: Path
) -> None:
    editor, ids = api.scope("edit"), []
    for _ in range(2):
        body = {"name": "La Torre", "country": "VE", "distinct_from": ids[:1]}
        ids.append(editor.post("/v1/facilities", body)["id"])
    ids += [editor.source("El Faro", "news_outlet") for _ in range(2)]
    case = small_case()
    case["facilities"].append(case["facilities"][0] | {"key": "f2"})
    case["sources"].append(case["sources"][0] | {"key": "s4"})
    result = load(database, tmp_path, case)
    assert result.exit_code == 0, result.output
    items = editor.get("/v1/facilities")["items"] + editor.get("/v1/sources")["items"]
    assert {item["id"] for item in items if item["name"] in ("La Torre", "El Faro")} == {*ids}


def small_case() -> dict[str, Any]:
    """Return a small case with entries of each kind: a newspaper relays a witness, and an NGO."""

    def attestation(key: str, source: str, at: str, **fields: Any) -> dict[str, Any]:
        return {
            "key": key,
            "release_event": "r1",
            "source": source,
            "stance": "confirms",
            "basis": "first_hand",
            "evidence": "report",
            "published_at": f"2026-01-09T{at}:00Z",
            **fields,
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


def load(database: str, folder: Path, case: Any, *options: str) -> Result:
    file = folder / "case.json"
    file.write_bytes(case if isinstance(case, bytes) else json.dumps(case).encode())
    return constancia("load", file, *options, DATABASE_URL=database)


def error_pointers(result: Result) -> list[str]:
    """Return the JSON pointers of the errors that the command printed."""
    *error_lines, last = result.stderr.splitlines()
    assert re.fullmatch(
        rf"Error: {len(error_lines)} errors? in the case; nothing was changed\.", last
    )
    parts = [error.partition(": ") for error in error_lines]
    assert all(message for _, _, message in parts)
    return [place for place, _, _ in parts]


Change = Callable[[dict[str, Any]], Any]


def with_value(path: str, value: Any) -> Change:
    """Return a function that sets the value at a JSON pointer."""

    def change(case: dict[str, Any]) -> None:
        *steps, last = [int(s) if s.isdigit() else s for s in path.split("/")[1:]]
        place: Any = case
        for step in steps:
            place = place[step]
        place[last] = value

    return change


def with_entry(path: str, value: Any) -> Change:
    def change(case: dict[str, Any]) -> None:
        case[path.strip("/")].append(value)

    return change


def without_field(path: str, name: str) -> Change:
    def change(case: dict[str, Any]) -> None:
        place: Any = case
        for step in path.split("/")[1:]:
            place = place[int(step) if step.isdigit() else step]
        del place[name]

    return change


def relay_circle(case: dict[str, Any]) -> None:
    case["attestations"][0] |= {"basis": "relayed", "relays": [{"attestation": "a2"}]}


def longer_relay_circle(case: dict[str, Any]) -> None:
    relay_circle(case)
    third = {**case["attestations"][1], "key": "a4", "relays": [{"attestation": "a2"}]}
    case["attestations"][0]["relays"] = [{"attestation": "a4"}]
    case["attestations"].append(third)


def voucher_circle(case: dict[str, Any]) -> None:
    for source, voucher in ((0, "s2"), (1, "s1")):
        case["sources"][source] |= {"confidential": True, "vouched_by": voucher}


def relay_of_another_event(case: dict[str, Any]) -> None:
    case["attestations"][2] |= {"basis": "relayed", "relays": [{"attestation": "a1"}]}


def many_errors(case: dict[str, Any]) -> None:
    case["sources"][0]["kind"] = "radio"
    case["affiliations"][0]["until"] = "soon"
    case["facilities"][0]["country"] = "XX"
    case["detainees"][1]["name"] = " "
    case["detainees"][0]["detention"]["detained_on"] = "2024-13"
    case["release_events"][0]["ocurred_on"] = "2026-01-08"
    case["attestations"][2]["source"] = "s9"
    case["attestations"][0]["published_at"] = "2026-01-09T10:00:00"


INVALID: Mapping[str, tuple[Change, set[str]]] = {
    "a number for a string": (with_value("/sources/0/name", 7), {"/sources/0/name"}),
    "a string for a list": (with_value("/detainees/0/aliases", "Lucho"), {"/detainees/0/aliases"}),
    "null where it is not allowed": (with_value("/sources/1/kind", None), {"/sources/1/kind"}),
    "a placeholder as an external id": (
        with_value("/detainees/0/external_ids", [{"scheme": "registro", "value": "S/N"}]),
        {"/detainees/0/external_ids/0/value"},
    ),
    "a name of spaces": (with_value("/detainees/0/name", "  "), {"/detainees/0/name"}),
    "a value outside of an enumeration": (with_value("/sources/0/kind", "x"), {"/sources/0/kind"}),
    "an unknown field": (with_value("/sources/0/nme", "El Faro"), {"/sources/0/nme"}),
    "an unknown field of a detention": (
        with_value("/detainees/0/detention/since", "2024"),
        {"/detainees/0/detention/since"},
    ),
    "a missing field": (without_field("/attestations/0", "stance"), {"/attestations/0/stance"}),
    "a missing reference": (without_field("/attestations/0", "source"), {"/attestations/0/source"}),
    "an affiliation without a source": (
        without_field("/affiliations/0", "source"),
        {"/affiliations/0/source"},
    ),
    "an affiliation without a second source": (
        without_field("/affiliations/0", "with"),
        {"/affiliations/0/with"},
    ),
    "an unknown source": (with_value("/attestations/0/source", "s9"), {"/attestations/0/source"}),
    "an unknown facility": (
        with_value("/detainees/0/detention/facility", "f9"),
        {"/detainees/0/detention/facility"},
    ),
    "a key that is a number": (with_value("/attestations/0/source", 1), {"/attestations/0/source"}),
    "an unknown attestation": (
        with_value("/attestations/1/relays/0/attestation", "a9"),
        {"/attestations/1/relays/0/attestation"},
    ),
    "a field of the API": (
        with_value("/attestations/0/source_id", "019b9f3e-1a01-4b52-8c11-3f5d2e7a9001"),
        {"/attestations/0/source_id"},
    ),
    "a duplicate key": (
        with_value("/sources/2/key", "s1"),
        {"/sources/2/key", "/affiliations/0/with", "/attestations/2/source"},
    ),
    "a duplicate affiliation": (
        lambda case: case["affiliations"].append(case["affiliations"][0]),
        {"/affiliations/1"},
    ),
    "an unknown field with escapes": (with_value("/sources/0/a~1b", 1), {"/sources/0/a~01b"}),
    "a deeply nested list": (
        with_value("/sources/0/name", json.loads("[" * 20 + "]" * 20)),
        {"/"},
    ),
    "an entry without a key": (
        without_field("/facilities/0", "key"),
        {"/facilities/0/key", "/detainees/0/detention/facility"},
    ),
    "a key of another type": (
        with_value("/facilities/0/key", 5),
        {"/facilities/0/key", "/detainees/0/detention/facility"},
    ),
    "relays in a circle": (
        relay_circle,
        {f"/attestations/{n}/relays/0/attestation" for n in (0, 1)},
    ),
    "relays in a longer circle": (
        longer_relay_circle,
        {f"/attestations/{n}/relays/0/attestation" for n in (0, 1, 3)},
    ),
    "a relay of itself": (
        with_value("/attestations/1/relays/0/attestation", "a2"),
        {"/attestations/1/relays/0/attestation"},
    ),
    "sources that vouch for each other": (
        voucher_circle,
        {"/sources/0/vouched_by", "/sources/1/vouched_by"},
    ),
    "a relay of another event": (relay_of_another_event, {"/attestations/2/relays/0/attestation"}),
    "a relay of the other stance": (
        with_value("/attestations/1/stance", "denies"),
        {"/attestations/1/relays/0/attestation"},
    ),
    "a relay of a later published attestation": (
        with_value("/attestations/1/published_at", "2026-01-09T09:00:00Z"),
        {"/attestations/1/relays/0/attestation"},
    ),
    "relays that are a string": (
        with_value("/attestations/1/relays", "a1"),
        {"/attestations/1/relays"},
    ),
    "a relay that is a string": (
        with_value("/attestations/1/relays/0", "a1"),
        {"/attestations/1/relays/0"},
    ),
    "an empty relay": (
        with_value("/attestations/1/relays/0", {}),
        {"/attestations/1/relays/0"},
    ),
    "a relay of a source and an attestation": (
        with_value("/attestations/1/relays/0/source", "s2"),
        {"/attestations/1/relays/0"},
    ),
    "relayed without an origin": (
        with_value("/attestations/1/relays", []),
        {"/attestations/1/relays"},
    ),
    "an origin of a first-hand attestation": (
        with_value("/attestations/1/basis", "first_hand"),
        {"/attestations/1/basis"},
    ),
    "published in the future": (
        with_value("/attestations/2/published_at", "2999-01-01T00:00:00Z"),
        {"/attestations/2/published_at"},
    ),
    "a time without a zone": (
        with_value("/attestations/2/published_at", "2026-01-09T12:00:00"),
        {"/attestations/2/published_at"},
    ),
    "retracted before publication": (
        with_value("/attestations/2/retracted_at", "2026-01-09T11:00:00Z"),
        {"/attestations/2/retracted_at"},
    ),
    "retracted in the future": (
        with_value("/attestations/2/retracted_at", "2999-01-09T11:00:00Z"),
        {"/attestations/2/retracted_at"},
    ),
    "a period that ends before it begins": (
        lambda case: case["affiliations"][0].update(
            {"from": "2026-01-09T00:00:00Z", "until": "2026-01-08T00:00:00Z"}
        ),
        {"/affiliations/0/until"},
    ),
    "a source affiliated with itself": (
        with_value("/affiliations/0/with", "s2"),
        {"/affiliations/0/with"},
    ),
    "an impossible date": (
        with_value("/release_events/0/occurred_on", "2026-02-30"),
        {"/release_events/0/occurred_on"},
    ),
    "a release before the detention": (
        with_value("/release_events/0/occurred_on", "2024-01-31"),
        {"/release_events/0/occurred_on"},
    ),
    "a release in the future": (
        with_value("/release_events/0/occurred_on", "2999-01-31"),
        {"/release_events/0/occurred_on"},
    ),
    "a release that is confirmed before its day": (
        with_value("/attestations/2/published_at", "2026-01-07T09:59:59Z"),
        {"/attestations/2/published_at"},
    ),
    "a release of a person without a detention": (
        without_field("/detainees/0", "detention"),
        {"/release_events/0/detainee"},
    ),
    "two releases within three days": (
        with_entry("/release_events", {"key": "r3", "detainee": "d1", "occurred_on": "2026-01-10"}),
        {"/release_events/2"},
    ),
    "a detention that is a string": (
        with_value("/detainees/0/detention", "prison"),
        {"/detainees/0/detention"},
    ),
    "a detention that is an empty list": (
        with_value("/detainees/1/detention", []),
        {"/detainees/1/detention"},
    ),
    "an entry that is a string": (with_entry("/attestations", "a4"), {"/attestations/3"}),
    "an entry that is null": (with_entry("/sources", None), {"/sources/3"}),
    "an entry that is a list": (with_entry("/facilities", []), {"/facilities/1"}),
    "a list that is an object": (with_value("/facilities", {"f1": {}}), {"/facilities"}),
    "a list that is null": (with_value("/attestations", None), {"/attestations"}),
    "an unknown list": (with_value("/prisons", []), {"/prisons"}),
    "a case without a name": (lambda case: case.pop("case"), {"/case"}),
    "an empty name of the case": (with_value("/case", ""), {"/case"}),
    "a name of the case that is a number": (with_value("/case", 1), {"/case"}),
    "NUL in a note": (with_value("/attestations/0/note", "a\0b"), {"/attestations/0/note"}),
    "many errors": (
        many_errors,
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


@pytest.mark.parametrize("options", [[], ["--dry-run"]], ids=["load", "dry run"])
@pytest.mark.parametrize("name", INVALID)
def test_invalid_case_changes_nothing_and_has_a_pointer_for_each_error(
    unchanged_database: str,
    unchanged_conn: queries.Connection,
    tmp_path: Path,
    name: str,
    options: Any,
) -> None:
    change, expected = INVALID[name]
    case = small_case() | {"case": f"a case with {name}"}
    change(case)
    before = snapshot(unchanged_conn)
    result = load(unchanged_database, tmp_path, case, *options)
    check_error(result)
    pointers = error_pointers(result)
    assert sorted(pointers) == sorted(expected), result.stderr
    # Details have the names of a case, too.
    assert not re.search(rf"(?<![/'\w])({'|'.join(CASE_NAMES)})(?!['\w])", result.stderr)
    assert snapshot(unchanged_conn) == before


def test_errors_are_in_the_order_of_the_file(database: str, tmp_path: Path) -> None:
    case = small_case()
    many_errors(case)
    pointers = error_pointers(load(database, tmp_path, dict(reversed(case.items()))))
    assert [pointer.split("/")[1] for pointer in pointers] == [
        *["attestations"] * 2,
        "release_events",
        *["detainees"] * 2,
        "facilities",
        "affiliations",
        "sources",
    ]
    assert [pointer.split("/")[2] for pointer in pointers] == [
        "0",
        "2",
        "0",
        "0",
        "1",
        "0",
        "0",
        "0",
    ]


@pytest.fixture(scope="module")
def unchanged_database(server: str) -> Iterator[str]:
    """One database for all cases that must change nothing."""
    with cloned(server) as url:
        yield url


@pytest.fixture(scope="module")
def unchanged_conn(unchanged_database: str) -> Iterator[queries.Connection]:
    with connections.connect(unchanged_database) as connection:
        yield connection


MALFORMED: Mapping[str, tuple[bytes, str]] = {
    "an empty file": (b"", "/"),
    "only whitespace": (b"  \n", "/"),
    "not JSON": (b"case: a\n", "/"),
    "a truncated file": (json.dumps(small_case()).encode()[:700], "/"),
    "two documents": (json.dumps(small_case()).encode() * 2, "/"),
    "an array": (b"[]", "/"),
    "a case in an array": (json.dumps([small_case()]).encode(), "/"),
    "null": (b"null", "/"),
    "a string": (b'"case"', "/"),
    "UTF-16": (json.dumps(small_case()).encode("utf-16"), "/"),
    "a control character": (json.dumps(small_case()).replace("El Faro", "\x00").encode(), "/"),
    "invalid UTF-8": (
        json.dumps(small_case()).encode().replace(b"El Faro", b"El \xff Faro"),
        "/",
    ),
    "NaN": (json.dumps(small_case()).encode().replace(b'"El Faro"', b"NaN"), "/"),
    "a duplicate list": (b'{"case": "a", "sources": [], "sources": []}', "/sources"),
    "a duplicate field": (
        b'{"case": "a", "sources": [{"key": "s", "name": "A", "name": "B", "kind": "ngo"}]}',
        "/sources/0/name",
    ),
    "a duplicate nested field": (
        b'{"case": "a", "detainees": [{"key": "d", "name": "A", "detention": '
        b'{"detained_on": "2024", "detained_on": "2025"}}]}',
        "/detainees/0/detention/detained_on",
    ),
    "a number too large": (
        b'{"case": "a", "sources": [{"key": "s", "name": 1e400, "kind": "ngo"}]}',
        "/",
    ),
    "a lone high surrogate": (b'{"case": "a\\ud83d"}', "/"),
    "a lone low surrogate": (b'{"case": "a\\uDE00b"}', "/"),
    "surrogates in the wrong order": (b'{"case": "\\ude00\\ud83d"}', "/"),
    "a high surrogate before another escape": (b'{"case": "\\ud83d\\u0041"}', "/"),
    "a lone surrogate in a long string": (
        b'{"title": "%s\\ud83d", "case": "a"}' % (b"\\ud83d\\ude00 " * 9999),
        "/",
    ),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_file_is_an_error(
    unchanged_database: str, unchanged_conn: queries.Connection, tmp_path: Path, name: str
) -> None:
    content, pointer = MALFORMED[name]
    before = snapshot(unchanged_conn)
    result = load(unchanged_database, tmp_path, content)
    check_error(result)
    pointers = error_pointers(result)
    assert pointer in pointers, result.stderr
    assert set(pointers) <= {pointer, "/case"}
    assert len(pointers) == len(set(pointers)), result.stderr
    assert snapshot(unchanged_conn) == before


@pytest.mark.parametrize("opening", [b"[", b'{"a":'], ids=["arrays", "objects"])
def test_deep_nesting_is_an_error(database: str, tmp_path: Path, opening: bytes) -> None:
    """The command has 2 GiB of memory for a file of half a megabyte."""
    file = tmp_path / "case.json"
    file.write_bytes(b'{"case": "a", "sources": ' + opening * 100_000)
    limit = "import resource as r; r.setrlimit(r.RLIMIT_AS, (2 << 30, 2 << 30)); "
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{limit}from api.commands.main import main; main()",
            "load",
            str(file),
        ],
        env=environment(DATABASE_URL=database),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1, result.stderr[-500:]
    assert "Traceback" not in result.stderr
    assert "nothing was changed" in result.stderr


def affiliation_ring(case: dict[str, Any]) -> None:
    case["affiliations"] += [
        {"source": "s3", "with": "s1", "relation": "controlled_by"},
        {"source": "s1", "with": "s2", "relation": "owned_by"},
    ]


def relay_of_a_later_entry(case: dict[str, Any]) -> None:
    case["attestations"].reverse()


def long_relay_chain(case: dict[str, Any]) -> None:
    """Add 1,200 attestations, each of which relays the next one in the file."""
    first = case["attestations"][0]
    chain = [
        {**first, "key": f"b{n}", "basis": "relayed", "relays": [{"attestation": f"b{n + 1}"}]}
        for n in range(1200)
    ]
    case["attestations"] += [*chain, {**first, "key": "b1200"}]


def every_optional_field(case: dict[str, Any]) -> None:
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
        # Names an announcement and relays a claim that are later in the file.
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


VALID: Mapping[str, tuple[Change, str]] = {
    "the unchanged case": (lambda case: None, "reported"),
    "a relay of a later entry": (relay_of_a_later_entry, "reported"),
    "a long chain of relays of later entries": (long_relay_chain, "reported"),
    "affiliations in a ring": (affiliation_ring, "reported"),
    "an origin that was retracted": (
        with_value("/attestations/0/retracted_at", "2026-01-09T10:30:00Z"),
        "unverified",
    ),
    "every optional field": (every_optional_field, "unverified"),
    "a detention without fields": (with_value("/detainees/1/detention", {}), "reported"),
    "escapes at every block boundary": (
        with_value("/note", "\N{GRINNING FACE}, and \\ud83d which is none. " * 9999),
        "reported",
    ),
    "keys of any kind": (with_value("/sources/0/key", "/~ñ\n😀"), "reported"),
}


@pytest.mark.parametrize("name", VALID)
def test_valid_case_is_loaded(
    database: str, conn: queries.Connection, tmp_path: Path, name: str
) -> None:
    change, status = VALID[name]
    case = small_case()
    change(case)
    if name == "keys of any kind":
        case["attestations"][1]["source"] = case["sources"][0]["key"]
    result = load(database, tmp_path, case)
    assert result.exit_code == 0, result.output
    stored = conn.execute("SELECT count(*) AS n FROM attestations").fetchone()
    assert stored.n == len(case["attestations"])
    row = conn.execute(
        "SELECT v.verification ->> 'status' AS status FROM verification_summaries v "
        "JOIN release_events e ON e.id = v.release_event_id "
        "JOIN detainees d ON d.id = e.detainee_id WHERE d.name = 'Luis Prueba' "
        "ORDER BY v.published_from DESC LIMIT 1"
    ).fetchone()
    assert row.status == status
    before = snapshot(conn)
    assert "nothing new" in load(database, tmp_path, case).stderr
    assert snapshot(conn) == before


def test_case_without_lists_is_valid(
    database: str, conn: queries.Connection, tmp_path: Path
) -> None:
    before = snapshot(conn)
    assert "nothing new" in load(database, tmp_path, {"case": "empty"}).stderr
    assert snapshot(conn) == before


def test_keys_belong_to_their_case(database: str, conn: queries.Connection, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert load(database, tmp_path, small_case() | {"case": name}).exit_code == 0
    assert conn.execute("SELECT count(*) AS n FROM detainees").fetchone().n == 2 * len(
        small_case()["detainees"]
    )
    # A source has its name in every case.
    assert conn.execute("SELECT count(*) AS n FROM sources").fetchone().n == 3


def test_lists_can_be_in_any_order(database: str, conn: queries.Connection, tmp_path: Path) -> None:
    backward = dict(reversed(small_case().items()))
    assert load(database, tmp_path, backward).exit_code == 0
    before = snapshot(conn)
    assert "nothing new" in load(database, tmp_path, small_case()).stderr
    assert snapshot(conn) == before


def test_concurrent_loads_load_once(
    database: str, conn: queries.Connection, tmp_path: Path
) -> None:
    file = tmp_path / "case.json"
    file.write_text(json.dumps(small_case()))

    def load_file(_: int) -> "subprocess.CompletedProcess[str]":
        return run_process("load", file, DATABASE_URL=database)

    with ThreadPoolExecutor(3) as threads:
        results = list(threads.map(load_file, range(3)))
    assert [result.returncode for result in results] == [0] * 3, results
    assert sorted("nothing new" in result.stderr for result in results) == [False, True, True]
    assert conn.execute("SELECT count(*) AS n FROM attestations").fetchone().n == 3


def test_missing_file_is_an_error(database: str, tmp_path: Path) -> None:
    for file in (tmp_path / "none.json", tmp_path):
        check_error(constancia("load", file, DATABASE_URL=database), str(file), code=2)


def write_large_case(file: Path, claims: int) -> None:
    """Write a case with many claims, entry by entry."""
    at = "2026-01-09T12:00:00Z"
    claim = {"source": "s", "kind": "released", "as_of": at, "published_at": at}
    claim["note"] = "Relatives counted at the prison gate." * 100
    with file.open("w", encoding="utf-8") as stream:
        stream.write('{"case": "large", "sources": [')
        stream.write(json.dumps({"key": "s", "name": "Foro Penal", "kind": "ngo"}))
        stream.write('], "claims": [')
        for n in range(claims):
            entry = claim | {"key": f"c{n}", "value": n}
            stream.write(("," if n else "") + "\n" + json.dumps(entry))
        stream.write("]}\n")


@linux
def test_large_case_needs_little_memory(server: str, tmp_path: Path) -> None:
    """Claims are read as all other lists are, and take less time than attestations."""
    small, large = tmp_path / "small.json", tmp_path / "large.json"
    for file, claims in ((small, 100), (large, 600)):
        write_large_case(file, claims)
    with cloned(server) as first, cloned(server) as second:
        _, memory = run_and_measure([first, "load", small], [second, "load", large])
        with connections.connect(second) as conn:
            assert conn.execute("SELECT count(*) AS n FROM claims").fetchone().n == 600
    print(f"file of {large.stat().st_size:,} bytes, memory {memory:,}")
    assert memory < large.stat().st_size / 2


def test_load_shows_its_progress(conn: queries.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "BLOCK_SIZE", 1)
    monkeypatch.setattr(loader, "_PROGRESS_ENTRIES", 4)
    lines: list[str] = []
    loader.load(conn, EXAMPLE, lines.append)
    assert [line for line in lines if line.startswith(("attestations: ", "detainees: "))] == [
        "attestations: 4 of 6",
        "attestations: 6 of 6",
    ]
    assert [line for line in lines if line.startswith("verified: ")] == [
        "verified: 1 of 3 people",
        "verified: 2 of 3 people",
        "verified: 3 of 3 people",
    ]


def test_export_of_the_command_is_loaded_into_another_store(
    server: str, database: str, tmp_path: Path
) -> None:
    constancia("load", EXAMPLE, DATABASE_URL=database)
    file, package = tmp_path / "export.ndjson", tmp_path / "export.zip"
    assert constancia("export", file, DATABASE_URL=database).exit_code == 0
    printed = constancia("export", "-", DATABASE_URL=database)
    assert printed.stdout.splitlines()[1:] == file.read_text("utf-8").splitlines()[1:]
    assert constancia("export", "--package", package, DATABASE_URL=database).exit_code == 0
    with zipfile.ZipFile(package) as tables:
        assert "datapackage.json" in tables.namelist()
    with cloned(server) as other:
        loaded = constancia("load", file, DATABASE_URL=other)
        assert loaded.exit_code == 0, loaded.stderr
        results = [constancia("counts", DATABASE_URL=url).stdout for url in (database, other)]
    assert results[0].splitlines()[1:-1] == results[1].splitlines()[1:-1] != []


def test_export_that_fails_leaves_the_file_as_it_is(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file may be the last good export. A device is written to, and stays a device."""
    file, pipe, missing = tmp_path / "export.ndjson", tmp_path / "pipe", tmp_path / "none" / "file"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    assert constancia("export", pipe, DATABASE_URL=database).exit_code == 0
    assert (pipe.is_fifo(), os.read(reader, 1 << 16)[:10]) == (True, b'{"export":')
    os.close(reader)
    check_error(constancia("export", missing, DATABASE_URL=database), repr(str(missing)))
    file.write_text("the last export")
    file.chmod(0o640)

    def blocks(_: Any) -> Iterator[bytes]:
        yield b"part"
        raise RequestError("busy", "The connection was lost.")

    with monkeypatch.context() as patched:
        patched.setattr(export, "stream", lambda _: Stream(blocks))
        check_error(constancia("export", file, DATABASE_URL=database), "connection was lost")
    assert file.read_text() == "the last export"
    assert sorted(tmp_path.iterdir()) == [file, pipe]
    assert constancia("export", file, DATABASE_URL=database).exit_code == 0
    assert (file.read_text()[:10], file.stat().st_mode & 0o777) == ('{"export":', 0o640)
