"""Conditional requests: unchanged responses, and updates of a record that has changed."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from werkzeug.test import TestResponse

from api import trace
from api.app import create_app
from api.database.queries import Connection
from api.http import conditional
from tests import public_walk
from tests.conftest import Api, client_of
from tests.http.security_headers import check_headers
from tests.problems import check_problem
from tests.support import open_pool, run_together, wait_for_a_new_day
from tests.whole_set.operations import OPERATIONS, READS
from tests.whole_set.session import Session
from tests.whole_set.test_privacy import without_moments

TAGGED = [operation.id for operation in READS if operation.has_etag]
CHANGES = [operation.id for operation in OPERATIONS.values() if operation.method == "patch"]
AT = "2026-01-09T01:00:00Z"


def add_event(editor: Api) -> str:
    person = editor.detainee("Ana")
    editor.detention(person, detained_on="2024")
    return editor.event(person, "2026-01-08")


def get(api: Api, path: str, etag: str | None = None, method: str = "GET") -> TestResponse:
    headers = {} if etag is None else {"If-None-Match": etag}
    return api.send(method, path, headers=headers, buffered=True)


def check_not_modified(response: TestResponse, full: TestResponse) -> None:
    assert response.status_code == 304
    assert response.data == b""
    assert "Content-Type" not in response.headers
    for name in ("ETag", "Cache-Control", "Vary"):
        assert response.headers.get(name) == full.headers.get(name)
    # The headers of a 304 replace those of the stored copy (RFC 9111, section 3.2), which has
    # another Link.
    assert "Link" not in response.headers
    for name in ("Content-Security-Policy", "Access-Control-Expose-Headers"):
        assert response.headers.get_all(name) == full.headers.get_all(name)
    check_headers(response, is_page=full.mimetype == "text/html")


def path_of(visit: Any) -> str:
    query = {name: value for name, value in visit.query.items() if value is not None}
    return f"{visit.operation.path.format(**visit.path)}?{urlencode(query)}"


@pytest.fixture
def others(database: str) -> Iterator[Api]:
    """Another worker, for a caller without a key."""
    with open_pool(database, 4) as pool, client_of(pool) as client:
        yield Api(client, lambda _: "")


@pytest.fixture(scope="module")
def shared_session(shared_api: Api) -> Session:
    return Session(shared_api)


def test_all_reads_but_those_of_the_service_itself_have_an_entity_tag() -> None:
    untagged = {"getHealth", "getReadiness", "getSecurityContact"}
    assert {o.id for o in READS} - set(TAGGED) == untagged


@pytest.mark.parametrize("operation_id", TAGGED)
def test_unchanged_response_is_not_sent_again(
    shared_api: Api, shared_session: Session, operation_id: str
) -> None:
    visit = shared_session.do(operation_id)
    # Responses that need a key have an entity tag too. The others are requested without one.
    needs_key = operation_id in {"getImport", "getProposal", "listDuplicates"}
    caller = shared_api.scope("edit") if needs_key else shared_api
    for media_type in visit.operation.media_types:
        format_names = {m: w for w, m in public_walk.FORMATS.items()}
        path = path_of(visit)
        if len(visit.operation.media_types) > 1:
            path += f"&format={format_names[media_type]}"
        full = get(caller, path)
        etag = full.headers["ETag"]
        assert re.fullmatch(r'(W/)?"[\w-]{24}"', etag)
        head = get(caller, path, method="HEAD")
        assert head.data == b""
        for response in (head, full):
            del response.headers["Request-Id"]
        assert without_moments(str(head.headers)) == without_moments(str(full.headers))
        assert head.headers["ETag"] == etag
        # The first 304 comes from the database, the others from memory.
        for if_none_match in (etag, etag):
            check_not_modified(get(caller, path, if_none_match), full)
        changed = get(caller, path, '"another"')
        assert (changed.status_code, changed.headers["ETag"]) == (200, etag)
        if media_type != visit.operation.media_types[0]:
            continue  # The headers below are read alike for all media types.
        for if_none_match in (etag.removeprefix("W/"), f'"another", {etag}', "*"):
            check_not_modified(get(caller, path, if_none_match), full)
        check_not_modified(get(caller, path, etag, "HEAD"), full)
        for other in ("nonsense", ""):
            changed = get(caller, path, other)
            assert (changed.status_code, changed.headers["ETag"]) == (200, etag)
        assert caller.send("GET", path, headers={"If-Match": "*"}).status_code == 200
        failed = caller.send("GET", path, headers={"If-Match": '"another"'})
        check_problem(failed, "precondition-failed")


def test_cache_control_allows_copies_of_public_responses_only(api: Api, editor: Api) -> None:
    person = editor.detainee("Ana")
    path = f"/v1/detainees/{person}"
    public = get(api, path)
    assert public.headers["Cache-Control"] == "public, no-cache"
    assert "Authorization" in public.headers["Vary"]
    for private in (get(editor, path), editor.send("PATCH", path, json={"sex": "female"})):
        assert private.headers["Cache-Control"] == "private, no-store"
    for path in ("/v1/detainees/x", "/v1/counts?as_of=x", "/nowhere"):
        assert get(api, path).headers["Cache-Control"] == "no-store"


def test_streams_of_one_version_have_an_entity_tag_by_path_and_audience(
    api: Api, editor: Api, conn: Connection
) -> None:
    editor.detainee("Ana")
    paths = [
        "/v1/detainees?format=csv",
        "/v1/detainees?format=ndjson",
        "/v1/detainees?format=csv&q=Ana",
        "/v1/sources?format=csv",
    ]
    etags = {get(caller, path).headers["ETag"] for caller in (api, editor) for path in paths}
    head = conn.execute("SELECT seq, public_seq FROM ledger_head").fetchone()
    assert head is not None
    assert head.seq == head.public_seq
    assert len(etags) == 2 * len(paths)


def test_response_about_the_present_is_current_until_a_write(api: Api, editor: Api) -> None:
    event, source = add_event(editor), editor.source("Una")
    for attested in (event, add_event(editor)):
        editor.attest(attested, source, AT)
    for path in (
        "/v1/counts",
        "/v1/counts?format=csv",
        "/v1/counts/people?limit=1",  # its cursor has the moment
        f"/v1/release-events/{event}/verification",
    ):
        first, second = get(api, path), get(api, path)
        assert first.data != second.data
        assert first.headers["ETag"] == second.headers["ETag"]
        assert first.headers["ETag"].startswith("W/")
    at = get(api, f"/v1/counts?as_of={AT}")
    assert at.headers["ETag"].startswith('"')


def test_every_worker_sees_a_write_immediately(api: Api, editor: Api, others: Api) -> None:
    event = add_event(editor)
    paths = [
        "/v1/counts",
        "/v1/release-events",
        "/v1/release-events?format=csv",
        f"/v1/release-events/{event}",
        "/v1/feed?format=jsonfeed",
    ]
    etags = {path: get(others, path).headers["ETag"] for path in paths}
    for i in range(3):
        for path in paths:
            for _ in range(2):
                assert get(others, path, etags[path]).status_code == 304
        editor.attest(event, editor.source(f"Fuente {i}"), AT)
        for path in paths:
            for caller in (others, api):
                response = get(caller, path, etags[path])
                if path != "/v1/feed?format=jsonfeed" or i == 1:
                    assert response.status_code == 200, path
            etags[path] = response.headers["ETag"] if response.status_code == 200 else etags[path]


def test_attestation_published_in_the_future_counts_from_then(editor: Api, others: Api) -> None:
    """The response changes without a write, because of the current time."""
    source, reported, published = editor.source("Una"), 0, datetime.now(UTC)
    # Published after the first responses, also on a loaded machine.
    for seconds in (2, 20, 60):
        event = add_event(editor)
        published = datetime.now(UTC) + timedelta(seconds=seconds)
        editor.attest(event, source, published.isoformat())
        since = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        paths = [
            "/v1/counts",
            f"/v1/release-events/{event}",
            "/v1/release-events?format=csv",
            f"/v1/release-events?updated_since={since}",
            f"/v1/detainees?updated_since={since}",
        ]
        before = {path: get(others, path) for path in paths}
        if datetime.now(UTC) < published:
            break
        reported += 1
    assert before["/v1/counts"].json["reported"] == reported
    assert before[paths[3]].json["items"] == before[paths[4]].json["items"] == []
    while datetime.now(UTC) < published + timedelta(milliseconds=50):
        for path in paths:
            get(others, path, before[path].headers.get("ETag"))
        time.sleep(0.2)
    for path in paths:
        assert get(others, path, before[path].headers.get("ETag")).status_code == 200
    assert get(others, "/v1/counts").json["reported"] == reported + 1
    (updated,) = get(others, paths[3]).json["items"]
    assert (updated["id"], updated["verification"]["status"]) == (event, "reported")
    assert [item["id"] for item in get(others, paths[4]).json["items"]] == [updated["detainee_id"]]
    # So it is until a retraction that is ahead of the clock.
    assert "ETag" in get(others, paths[2]).headers
    (attestation,) = get(others, f"/v1/attestations?release_event_id={event}").json["items"]
    retraction = {"retracted_at": (datetime.now(UTC) + timedelta(minutes=4)).isoformat()}
    editor.post(f"/v1/attestations/{attestation['id']}/retraction", retraction, 200)
    assert "ETag" not in get(others, paths[2]).headers


def test_claim_published_in_the_future_is_in_a_delivery_from_then(editor: Api, others: Api) -> None:
    claim = {"source_id": editor.source("Una"), "kind": "announced", "as_of": AT}
    announcement = editor.post("/v1/claims", {**claim, "published_at": AT})["id"]
    path = f"/v1/claims/{announcement}/delivery"
    for seconds in (2, 20, 60):
        published = datetime.now(UTC) + timedelta(seconds=seconds)
        claim |= {"kind": "released", "as_of": published.isoformat()}
        claim |= {"published_at": published.isoformat(), "announcement_id": announcement}
        id = editor.post("/v1/claims", claim)["id"]
        before = get(others, path)
        if datetime.now(UTC) < published:
            break
    etag = before.headers["ETag"]
    assert id not in before.text
    while datetime.now(UTC) < published + timedelta(milliseconds=50):
        get(others, path, etag)
        time.sleep(0.2)
    assert id in get(others, path, etag).text


def test_withheld_name_leaves_every_cached_response(api: Api, editor: Api) -> None:
    person = editor.detainee("Ana Canario")
    paths = [f"/v1/detainees/{person}", "/v1/detainees", "/v1/detainees?format=ndjson"]
    etags = {path: get(api, path).headers["ETag"] for path in paths}
    for path in paths * 2:
        assert get(api, path, etags[path]).status_code == 304
    editor.patch(f"/v1/detainees/{person}", {"withheld": True})
    for path in paths:
        response = get(api, path, etags[path])
        assert response.status_code == 200
        assert "Canario" not in response.text


def test_source_that_became_confidential_leaves_every_cached_sentence(
    api: Api, editor: Api
) -> None:
    source, organisation = editor.source("Garganta Profunda"), editor.source("Foro")
    body = {"source_id": source, "kind": "announced", "as_of": AT, "published_at": AT}
    query = urlencode({"announcement_id": editor.post("/v1/claims", body)["id"]})
    asked = [f"/v1/{path}&{query}" for path in ("counts?", "counts/timeline?from=2026-01-01")]
    paths = [*asked, *(get(api, path).json["citation"]["url"] for path in asked)]
    etags = {path: get(api, path).headers["ETag"] for path in paths}
    for path in paths:
        assert get(api, path, etags[path]).status_code == 304
    editor.patch(f"/v1/sources/{source}", {"confidential": True, "vouched_by": organisation})
    for path in paths:
        response = get(api, path, etags[path])
        assert response.status_code == 200
        assert "Garganta" not in response.text


def test_hidden_change_changes_no_entity_tag(api: Api, editor: Api) -> None:
    """No public response in any media type shows that a hidden record was changed."""
    ids: dict[str, list[str]] = {
        "facilities": [editor.post("/v1/facilities", {"name": "Prisión", "country": "VE"})["id"]],
        "sources": [editor.source("Foro")],
    }
    source = editor.source("Secreta", confidential=True, vouched_by=ids["sources"][0])
    ids["sources"].append(source)
    hidden = editor.detainee("Niña", age_group="minor", birth_date="2012-01-01")
    ids["detainees"] = [editor.detainee("Ana"), hidden]
    ids["detentions"] = [
        editor.detention(person, detained_on="2024") for person in ids["detainees"]
    ]
    ids["release-events"] = [editor.event(person, "2026-01-08") for person in ids["detainees"]]
    ids["attestations"] = [editor.attest(ids["release-events"][0], source, AT)["id"]]
    claim = {"source_id": ids["sources"][0], "kind": "announced", "as_of": AT, "published_at": AT}
    ids["claims"] = [editor.post("/v1/claims", claim)["id"]]
    ids |= {kind: [] for kind in ("affiliations", "merges", "splits", "distinctions", "imports")}
    ids["proposals"] = []
    url = f"/v1/release-events/{ids['release-events'][1]}/verification"
    ids["citations"] = [editor.post("/v1/citations", {"url": url})["id"]]

    def responses() -> list[tuple[str, int, str]]:
        # With the entity tags, which `without_moments` removes.
        return [
            (
                response.request,
                response.status,
                tags(response.text) + without_moments(response.text),
            )
            for response in public_walk.walk(api, ids, ["Ana", "Niña", "Otra"])
        ]

    def tags(text: str) -> str:
        # A chart of the present changes with the clock, between two walks, too.
        is_chart = "<svg" in text or "Content-Type: image/" in text
        return "" if is_chart else "".join(re.findall(r"^ETag: .*$", text, re.MULTILINE))

    wait_for_a_new_day(60)
    before = responses()
    assert sum("ETag" in text for *_, text in before) > 100
    editor.patch(f"/v1/detainees/{hidden}", {"name": "Otra Niña", "birth_date": "2012-02-02"})
    editor.patch(f"/v1/detentions/{ids['detentions'][1]}", {"charges": "Otra"})
    editor.patch(f"/v1/sources/{source}", {"name": "Otra secreta"})
    assert responses() == before


# If-Match.


@pytest.mark.parametrize("operation_id", CHANGES)
def test_if_match_refuses_an_update_of_a_changed_record(
    api: Api, conn: Connection, operation_id: str
) -> None:
    session = Session(api)
    session.do(operation_id)
    editor, visit = session.api, session.exchanges[-1]
    path = visit.operation.path.format(**visit.path)
    body = session.request(operation_id)["body"]

    def change(if_match: str) -> TestResponse:
        return editor.send("PATCH", path, json=body, headers={"If-Match": if_match})

    etag = visit.response.headers["ETag"]
    assert get(editor, path).headers["ETag"] == etag
    last = conn.execute("SELECT seq FROM ledger_head").fetchone()
    # The comparison is a strong one (RFC 9110, section 13.1.1).
    for other in ('"another"', f"W/{etag}", "nonsense"):
        check_problem(change(other), "precondition-failed")
    assert conn.execute("SELECT seq FROM ledger_head").fetchone() == last
    changed = change(f'"another", {etag}')
    assert changed.status_code == 200
    assert changed.headers["ETag"] != etag
    check_problem(change(etag), "precondition-failed")
    assert change("*").status_code == 200
    unknown = editor.send(
        "PATCH",
        visit.operation.path.format(id=public_walk.UNKNOWN_ID),
        json=body,
        headers={"If-Match": "*"},
    )
    check_problem(unknown, "not-found")


def test_created_record_has_its_entity_tag(editor: Api) -> None:
    response = editor.send("POST", "/v1/facilities", json={"name": "Prisión", "country": "VE"})
    assert response.headers["ETag"] == get(editor, response.headers["Location"]).headers["ETag"]


def test_one_of_two_concurrent_conditional_updates_wins(database: str, editor: Api) -> None:
    """A list of aliases is replaced, so a lost update would lose an alias."""
    statuses: Counter[int] = Counter()
    with open_pool(database, 4) as pool:
        app = create_app(pool)
        for i in range(20):
            path = f"/v1/detainees/{editor.detainee(f'Persona {i}')}"
            etag = get(editor, path).headers["ETag"]

            def change(alias: str, path: str = path, etag: str = etag) -> None:
                caller = Api(app.test_client(), editor._keys, editor._key)
                response = caller.send(
                    "PATCH", path, json={"aliases": [alias]}, headers={"If-Match": etag}
                )
                statuses[response.status_code] += 1

            run_together(lambda: change("Uno"), lambda: change("Otra"))
    assert statuses == {200: 20, 412: 20}


def test_page_that_counts_days_is_made_again_after_a_while(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 304 from memory would show yesterday's number of days until the next write."""
    operations = []
    monkeypatch.setattr(trace, "note_operation", operations.append)
    etag = get(api, "/").headers["ETag"]
    for moment, from_memory in ((0, 0), (899, 1), (900, 1), (901, 2)):
        monkeypatch.setattr(conditional, "time", lambda now=moment: now)
        assert get(api, "/", etag).status_code == 304
        assert len(operations) == from_memory, moment
