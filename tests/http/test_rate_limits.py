"""Rate limits by key and by address, which all workers share."""

import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from api import auth, config
from api.app import create_app
from api.config import Config
from api.database import connections
from api.http.rate_limits import (
    STREAM_WEIGHT,
    WINDOW_SECONDS,
    WORKBOOK_BYTES,
    Account,
    RateLimits,
    RequestCounts,
    client_address,
)
from tests.conftest import Api, cloned
from tests.support import Client, data_dir, open_pool, serving, wait_until
from tests.whole_set.operations import OPERATIONS
from tests.whole_set.session import Session

# draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4: lists of strings with parameters.
POLICY = re.compile(r'"default";q=(\d+);w=60')
REMAINING = re.compile(r'"default";r=(\d+);t=(\d+)')
HEALTH = ["getHealth", "getReadiness"]


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


Apis = Callable[..., Any]


def limited_on(database: str, clock: Clock) -> Apis:
    """Return a function that creates APIs with quotas on one database."""

    @contextmanager
    def limited(per_address: int, per_key: int, trusted: str = "") -> Iterator[Api]:
        rate_limits = RateLimits(
            RequestCounts(per_address, per_key, clock),
            config.read({"CONSTANCIA_TRUSTED_PROXIES": trusted}).trusted_proxies,
        )
        keys: dict[str, str] = {}

        def key(scope: str) -> str:
            if scope not in keys:
                with connections.connect(database) as conn:
                    keys[scope] = auth.create_key(conn, scope, scope.partition(" ")[0])[1]
            return keys[scope]

        with open_pool(database, 4) as pool:
            contact = "mailto:security@example.org"
            app = create_app(pool, Config(security_contact=contact), rate_limits=rate_limits)
            yield Api(app.test_client(), key)

    return limited


@pytest.fixture
def limited(database: str, clock: Clock) -> Apis:
    return limited_on(database, clock)


@pytest.fixture(scope="module")
def shared(server: str) -> Iterator[Api]:
    """An API with large quotas, for the walk over all operations."""
    with cloned(server) as database, limited_on(database, Clock())(10_000, 20_000) as api:
        yield api


@pytest.fixture(scope="module")
def shared_session(shared: Api) -> Session:
    return Session(shared)


def remaining_quota(response: Any) -> tuple[int, int, int]:
    """Return the quota, the remaining requests and the seconds from the headers of a response.

    A debt takes longer than a window to be paid.
    """
    policy = POLICY.fullmatch(response.headers["RateLimit-Policy"])
    quota_left = REMAINING.fullmatch(response.headers["RateLimit"])
    assert policy
    assert quota_left
    quota, remaining, seconds = int(policy[1]), int(quota_left[1]), int(quota_left[2])
    assert 0 <= remaining <= quota
    assert seconds >= 0
    assert seconds <= WINDOW_SECONDS or remaining == 0
    return quota, remaining, seconds


def check_exceeded(response: TestResponse) -> None:
    problem = response.get_json(force=True)
    assert (response.status_code, problem["type"]) == (429, "/problems/quota-exceeded"), problem
    assert response.mimetype == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"
    _, remaining, seconds = remaining_quota(response)
    assert remaining == 0
    assert int(response.headers["Retry-After"]) >= seconds > 0


# Headers.


def test_contract_says_which_operations_are_limited() -> None:
    unlimited = [operation.id for operation in OPERATIONS.values() if operation.weight is None]
    assert unlimited == HEALTH


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_every_request_spends_the_weight_of_its_operation(
    shared: Api, shared_session: Session, operation_id: str
) -> None:
    visit = shared_session.do(operation_id)
    # The second request may be refused, and counts as well.
    repeated = shared.scope("edit").send(
        visit.operation.method.upper(), visit.response.request.full_path
    )
    responses = [visit.response, repeated]
    if operation_id in HEALTH:
        assert not any("RateLimit" in response.headers for response in responses)
    else:
        (quota, before, _), (_, after, _) = map(remaining_quota, responses)
        assert quota == 20_000 if visit.operation.scope else quota in {10_000, 20_000}
        is_streamed = repeated.status_code == 200 and "Content-Length" not in repeated.headers
        weight = visit.operation.weight.total(repeated.request.args, 0)
        if repeated.status_code == 200:
            # A citation of a verification, which counts as one.
            weight += visit.operation.weight.of_url
        assert before - after == weight + (STREAM_WEIGHT if is_streamed else 0)


def test_errors_count_and_have_the_remaining_quota(limited: Apis) -> None:
    with limited(100, 100) as api:
        sent = [
            ("GET", "/nowhere", 404),
            ("DELETE", "/v1/sources", 405),
            ("GET", "/v1/sources?x=1", 422),
            ("GET", "/v1/sources?limit=1", 200),
            ("HEAD", "/v1/sources", 200),
            ("OPTIONS", "/v1/sources", 204),
            ("POST", "/v1/sources", 401),
        ]
        for number, (method, path, status) in enumerate(sent, 1):
            response = api.send(method, path)
            assert response.status_code == status, path
            assert remaining_quota(response) == (100, 100 - number, WINDOW_SECONDS)


# Counting.


def test_address_has_a_quota_a_minute(limited: Apis, clock: Clock) -> None:
    with limited(3, 3) as api:
        for remaining, seconds in ((2, 60), (1, 50), (0, 39)):
            assert remaining_quota(api.send("GET", "/v1/sources")) == (3, remaining, seconds)
            clock.now += 10.5
        for path in ("/nowhere", "/openapi.yaml", "/v1/counts"):
            check_exceeded(refused := api.send("GET", path))
        head = api.send("HEAD", path)
        assert (head.status_code, head.data) == (429, b"")
        assert head.content_length == len(refused.data)
        assert remaining_quota(api.send("GET", "/v1/counts"))[2] == 29
        other = {"REMOTE_ADDR": "203.0.113.7"}
        assert remaining_quota(api.send("GET", "/v1/counts", environ_base=other))[1] == 2
        api.get("/healthz")
        api.get("/readyz")
        clock.now += 28
        check_exceeded(api.send("GET", "/v1/counts"))
        clock.now += 0.5
        assert remaining_quota(api.send("GET", "/v1/counts")) == (3, 2, WINDOW_SECONDS)


def test_key_has_a_quota_of_its_own(limited: Apis, database: str) -> None:
    with limited(2, 3) as api:
        editor, other = api.scope("edit"), api.scope("edit too")
        for remaining in (2, 1, 0):
            assert remaining_quota(editor.send("GET", "/v1/sources"))[:2] == (3, remaining)
        for remaining in (1, 0):
            assert remaining_quota(api.send("GET", "/v1/sources"))[:2] == (2, remaining)
        for method, path in (("GET", "/v1/sources"), ("POST", "/v1/sources")):
            check_exceeded(editor.send(method, path, json={"name": "Puertas", "kind": "ngo"}))
        check_exceeded(editor.send("POST", "/v1/imports", data="name\nAna\n"))
        other_address = {"REMOTE_ADDR": "203.0.113.7"}
        check_exceeded(editor.send("GET", "/v1/sources", environ_base=other_address))
        assert other.send("GET", "/v1/sources", environ_base=other_address).status_code == 200
        # Not even looked up.
        with connections.connect(database) as conn:
            conn.execute("UPDATE api_keys SET revoked_at = now()")
        check_exceeded(editor.send("GET", "/v1/sources"))
        assert other.send("GET", "/v1/sources", environ_base=other_address).status_code == 401


def test_invalid_key_counts_for_the_address_only(limited: Apis) -> None:
    with limited(4, 3) as api:
        editor = api.scope("edit")
        assert remaining_quota(editor.send("GET", "/v1/sources"))[:2] == (3, 2)
        right = editor._key or ""
        wrong = ("Bearer " + right[:-1] + "-", "Bearer " + right.upper(), "Basic eDp5", "")
        for remaining, authorization in enumerate(wrong):
            method = "GET" if remaining % 2 else "POST"
            response = api.send(
                method, "/v1/sources", json={}, headers={"Authorization": authorization}
            )
            assert response.status_code == 401
            assert remaining_quota(response)[:2] == (4, 3 - remaining)
        # Further guesses are not even checked.
        check_exceeded(api.send("GET", "/v1/sources", headers={"Authorization": wrong[0]}))
        assert remaining_quota(editor.send("GET", "/v1/sources"))[:2] == (3, 1)


def test_spent_address_has_only_keys_in_use_looked_up(limited: Apis, clock: Clock) -> None:
    """A valid key that was not used yet is refused like a guess, so no key was looked up."""
    with limited(2, 9) as api:
        known, unused = api.scope("edit"), api.scope("edit too")
        guess = {"Authorization": "Bearer constancia_0123456789ab_" + "x" * 43}

        def spend() -> None:
            assert api.send("GET", "/v1/sources", headers=guess).status_code == 401
            api.get("/v1/sources")
            check_exceeded(api.send("GET", "/v1/sources", headers=guess))

        known.get("/v1/sources")
        spend()
        known.get("/v1/sources")
        check_exceeded(unused.send("GET", "/v1/sources"))
        clock.now += WINDOW_SECONDS
        unused.get("/v1/sources")
        spend()
        unused.get("/v1/sources")
        # A key is known for a day.
        clock.now += 86_400
        spend()
        check_exceeded(known.send("GET", "/v1/sources"))


def test_key_is_ignored_where_the_operation_takes_none(limited: Apis) -> None:
    with limited(2, 9) as api:
        editor = api.scope("edit")
        for path in ("/openapi.yaml", "/nowhere"):
            assert remaining_quota(editor.send("GET", path))[0] == 2
        check_exceeded(editor.send("GET", "/openapi.yaml"))


def test_stream_pays_as_it_is_sent(database: str, limited: Apis, clock: Clock) -> None:
    """The stream of two blocks of 3 MB is sent completely, and leaves a debt."""
    with connections.connect(database) as conn:
        conn.execute(
            "INSERT INTO facilities (name, country, aliases) SELECT 'Casa ' || n, 'VE', "
            "array[repeat('x', 3000)] FROM generate_series(1, 2000) n"
        )
    with limited(12, 9) as api:

        def check_refused(spent: int) -> None:
            refused = api.send("GET", "/v1/facilities?limit=1")
            check_exceeded(refused)
            assert int(refused.headers["Retry-After"]) == spent // 12 * WINDOW_SECONDS

        response = api.send("GET", "/v1/facilities?format=csv", buffered=False)
        assert remaining_quota(response)[1] == 12 - 1 - STREAM_WEIGHT
        blocks = response.iter_encoded()
        size = len(next(blocks))
        check_refused(1 + size // 200_000)
        size += sum(map(len, blocks))
        spent = 1 + size // 200_000
        assert spent > 2 * 12
        check_refused(spent)
        clock.now += spent // 12 * WINDOW_SECONDS
        assert remaining_quota(api.send("GET", "/v1/facilities?limit=1"))[1] == 11 - spent % 12


def test_workbook_pays_before_it_is_sent(database: str, limited: Apis) -> None:
    """Also if the client hangs up, or asks for the headers only."""
    with connections.connect(database) as conn:
        conn.execute(
            "INSERT INTO facilities (name, country) "
            "SELECT 'Casa ' || md5(n::text), 'VE' FROM generate_series(1, 5000) n"
        )
    stream_bytes = OPERATIONS["listFacilities"].weight.stream_bytes
    with limited(1000, 9) as api:
        for method in ("GET", "HEAD"):
            before = remaining_quota(api.send("GET", "/v1/facilities?limit=1"))[1]
            response = api.send(method, "/v1/facilities?format=xlsx", buffered=False)
            spent = 1 + WORKBOOK_BYTES * int(response.headers["Content-Length"]) // stream_bytes
            assert spent > 1 + STREAM_WEIGHT
            assert remaining_quota(response)[1] == before - spent
            response.close()
            assert (
                remaining_quota(api.send("GET", "/v1/facilities?limit=1"))[1] == before - spent - 1
            )


def test_body_counts_by_its_length(limited: Apis) -> None:
    """Also a chunked body, whose length is known only after it was read."""
    weight, body = OPERATIONS["createImport"].weight, b"name\n" + b"Ana Sosa\n" * 1000
    chunked: Any = {
        "headers": {"Transfer-Encoding": "chunked"},
        "environ_base": {"wsgi.input_terminated": True},
    }
    with limited(9, 10_000) as api:
        editor = api.scope("edit")
        for options in ({}, chunked):
            before = remaining_quota(editor.send("GET", "/v1/sources"))[1]
            response = editor.send(
                "POST",
                "/v1/imports",
                input_stream=BytesIO(body),
                content_type="text/csv",
                **options,
            )
            assert response.status_code == 201
            by_length = weight.of_body(len(body))
            assert by_length > 0
            spent = before - remaining_quota(response)[1]
            assert spent == weight.base + by_length + STREAM_WEIGHT


def test_refusal_before_the_work_counts_as_one_request(limited: Apis) -> None:
    """A large body counts only if the request is not refused: it would lock its sender out."""
    path, body = "/v1/imports", b"name\n" + b"Ana Sosa\n" * 1000
    refusals: list[tuple[str | None, str, str, int]] = [
        (None, "", "text/csv", 401),
        ("admin", "", "text/csv", 403),
        ("edit", "?source=x", "text/csv", 422),
        ("edit", "", "application/x-www-form-urlencoded", 415),
    ]
    with limited(10_000, 10_000) as api:
        for scope, query, media_type, status in refusals:
            caller = api.scope(scope) if scope else api
            before = remaining_quota(caller.send("GET", "/v1/sources"))[1]
            response = caller.send("POST", path + query, data=body, content_type=media_type)
            assert response.status_code == status
            assert before - remaining_quota(response)[1] == 1


def test_304_from_memory_counts_as_one_request(limited: Apis) -> None:
    path = "/v1/comparisons"
    weight = OPERATIONS["listComparisons"].weight
    with limited(2 * weight.base + 4, 9) as api:
        etag = {"If-None-Match": api.send("GET", path).headers["ETag"]}
        # The second response is computed, and remembered.
        for remaining in (4, 3, 2, 1, 0):
            response = api.send("GET", path, headers=etag)
            assert response.status_code == 304
            assert remaining_quota(response)[1] == remaining
            assert len(response.headers.get_all("RateLimit")) == 1
        check_exceeded(api.send("GET", path, headers=etag))


# The client's address.

PROXIES = "127.0.0.1,10.0.0.0/8,fd00::/8"
CALLERS = [
    # peer, X-Forwarded-For, the address that is counted
    ("203.0.113.7", None, "203.0.113.7"),
    ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
    ("127.0.0.1", None, "127.0.0.1"),
    ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
    ("127.0.0.1", " 198.51.100.1 ", "198.51.100.1"),
    ("127.0.0.1", "192.0.2.1, 198.51.100.1", "198.51.100.1"),
    # Only one hop is trusted; nginx resolves chains of proxies.
    ("127.0.0.1", "192.0.2.1, 198.51.100.1,10.1.2.3", "10.1.2.3"),
    ("127.0.0.1", "198.51.100.1, unknown", "127.0.0.1"),
    ("127.0.0.1", "198.51.100.1,", "127.0.0.1"),
    ("127.0.0.1", "", "127.0.0.1"),
    ("::ffff:127.0.0.1", "198.51.100.1", "198.51.100.1"),
    ("::ffff:203.0.113.7", None, "203.0.113.7"),
    ("fd00::1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
    ("2001:db8:1:2::9", None, "2001:db8:1:2::"),
]


@pytest.mark.parametrize(("peer", "forwarded_for", "caller"), CALLERS)
def test_last_entry_of_a_trusted_proxy_is_the_client(
    peer: str, forwarded_for: str | None, caller: str
) -> None:
    address = client_address(
        peer,
        forwarded_for or "",
        config.read({"CONSTANCIA_TRUSTED_PROXIES": PROXIES}).trusted_proxies,
    )
    assert address == ip_network(caller).network_address.packed[:8]


def test_ipv6_networks_are_counted_separately() -> None:
    first, second = (client_address(f"2001:db8:1:{n}::1", "", ()) for n in (2, 3))
    assert first != second


def test_forwarded_address_is_ignored_without_trusted_proxies(limited: Apis) -> None:
    with limited(2, 9) as api:
        for number in range(2):
            api.send("GET", "/v1/sources", headers={"X-Forwarded-For": f"198.51.100.{number}"})
        check_exceeded(api.send("GET", "/v1/sources", headers={"X-Forwarded-For": "198.51.100.9"}))
    with limited(1, 9, PROXIES) as api:
        for number in range(3):
            forged = f"192.0.2.{number}, 198.51.100.1"
            response = api.send("GET", "/v1/sources", headers={"X-Forwarded-For": forged})
            assert response.status_code == (429 if number else 200)


# The table.


_PROPERTY_CLOCK = Clock()
# One table for all examples, since each has 64 semaphores.
_PROPERTY_COUNTS = RequestCounts(50, 50, _PROPERTY_CLOCK)


@given(
    st.integers(1, 50),
    st.lists(st.tuples(st.integers(0, 100), st.integers(1, 200), st.booleans()), max_size=30),
)
def test_debt_is_paid_before_the_next_request(
    limit: int, requests: list[tuple[int, int, bool]]
) -> None:
    """An account is refused for exactly the seconds in its refusal, and accepted after them.

    A request is accepted only if all before it fit into the windows until then.
    """
    clock = _PROPERTY_CLOCK
    counts, account = _PROPERTY_COUNTS, Account(os.urandom(8), limit)
    began, spent = clock.now, 0
    for pause, weight, is_new in requests:
        clock.now += pause
        quota = counts.admit(account) if is_new else counts.charge(account, weight)
        if quota.is_exceeded:
            clock.now += quota.reset_seconds - 1
            assert counts.peek(account).remaining == 0
            clock.now += 1
            assert counts.peek(account).remaining > 0
            continue
        if is_new:
            assert spent < limit * (1 + (clock.now - began) // WINDOW_SECONDS)
        spent += 1 if is_new else weight


def test_table_holds_no_address() -> None:
    limits, others = RequestCounts(5, 5), RequestCounts(5, 5)
    for counts in (limits, others):
        counts.admit(counts.of_address(b"\xcb\x00\x71\x07"))
    table, other_table = bytes(limits._rows), bytes(others._rows)
    assert b"\xcb\x00\x71\x07" not in table
    assert table.count(b"\0") > 0.99 * len(table)
    assert table != other_table


def test_full_table_forgets_the_callers_with_fewest_requests(clock: Clock) -> None:
    """A flood of addresses neither exceeds anyone's quota nor resets that of a busy caller."""
    limits = RequestCounts(10, 10, clock)
    often = Account(b"often", 10)
    assert limits.charge(often, 24).remaining == 0
    for number in range(100_000):
        assert not limits.admit(Account(number.to_bytes(4), 10)).is_exceeded
    assert limits.admit(often).is_exceeded
    clock.now += 2 * WINDOW_SECONDS
    assert limits.admit(often).remaining == 5


def test_threads_lose_no_request() -> None:
    limits = RequestCounts(10_000, 1)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: limits.admit(Account(b"x", 10_000)), range(4000)))
    assert limits.admit(Account(b"x", 10_000)).remaining == 10_000 - 4001


# Several processes.

QUOTA = 60


def test_lock_of_a_killed_worker_blocks_no_request() -> None:
    limits = RequestCounts(2, 2)
    account = Account(b"a", 2)
    worker = os.fork()
    if not worker:
        limits._clock = lambda: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore  # in the lock
        limits.admit(account)
    os.waitpid(worker, 0)
    assert limits.admit(account).remaining == 1
    assert limits.admit(account).remaining == 0
    assert limits.admit(account).is_exceeded


@pytest.mark.skipif(sys.platform != "linux", reason="finds the workers in /proc")
def test_all_workers_share_the_counts() -> None:
    settings = {"CONSTANCIA_REQUESTS_PER_ADDRESS": str(QUOTA), "CONSTANCIA_REQUESTS_PER_KEY": "90"}
    with data_dir() as directory, serving(directory, workers=2, **settings) as service:
        port, key = service.port, service.key("edit")

        def ask(api_key: str | None) -> Counter[int]:
            """Send thirty requests, each on a new connection, so that any worker may take it."""
            # Without a key one that needs no database: it would count also while that is busy.
            path = "/v1/sources" if api_key else "/openapi.yaml"
            statuses: Counter[int] = Counter()
            for _ in range(30):
                with Client(port, api_key) as client:
                    status, headers, _ = client.exchange_patiently("GET", path)
                assert REMAINING.fullmatch(headers["RateLimit"])
                statuses[status] += 1
            return statuses

        def in_parallel(api_key: str | None) -> Counter[int]:
            with ThreadPoolExecutor(4) as threads:
                return sum(threads.map(ask, [api_key] * 4), Counter())

        def check_spent(api_key: str | None, quota: int) -> None:
            """Check that the quota was taken, or more if a window ended meanwhile."""
            statuses = in_parallel(api_key)
            assert statuses.total() == 120
            assert statuses[200] % quota == 0 or statuses[429] == 0, statuses
            assert statuses[200] >= quota

        check_spent(key, 90)
        check_spent(None, QUOTA)
        before = service.workers()
        for worker in before:
            os.kill(worker, signal.SIGKILL)
        wait_until(
            lambda: not set(before) & set(service.workers()) and service.ready(), "new workers"
        )
        with Client(port) as client:
            status, headers, _ = client.exchange("GET", "/openapi.yaml")
        # The counts are kept, unless the window has ended.
        assert status == 429 or remaining_quota(_Answer(headers))[1] == QUOTA - 1


class _Answer:
    def __init__(self, headers: Any) -> None:
        self.headers = headers
