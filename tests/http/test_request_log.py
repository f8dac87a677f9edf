"""The request log: one line for each request, which holds nothing that the client sent."""

import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from api import auth, logs
from api.app import create_app
from api.database.queries import Connection
from tests.support import data_dir, open_pool, serving, wait_until

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"

Lines = list[Any]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    messages: Lines = []
    monkeypatch.setattr(logs, "write", messages.append)
    return messages


@pytest.fixture
def client(database: str, lines: Lines) -> Iterator[FlaskClient]:
    with open_pool(database, 2) as pool:
        yield create_app(pool).test_client()


def test_request_is_one_log_line(client: FlaskClient, lines: Lines, conn: Connection) -> None:
    key_id, key = auth.create_key(conn, "Redacción de Ana", "edit")
    response = client.post(
        "/v1/detainees", json={"name": "Ana Canaria"}, headers={"Authorization": f"Bearer {key}"}
    )
    response.get_data()
    response.close()
    (line,) = lines
    assert line.pop("duration_ms") > 0
    assert line.pop("request_id") == response.headers["Request-Id"] == line.pop("trace_id")
    assert line.pop("pid") > 0
    assert line == {
        "level": "info", "message": "request", "method": "POST", "operation": "createDetainee",
        "status": 201, "complete": True, "key_id": key_id,
    }  # fmt: skip


def test_log_line_holds_nothing_that_a_client_sent(
    client: FlaskClient, lines: Lines, conn: Connection
) -> None:
    _, key = auth.create_key(conn, "Redacción de Ana", "edit")
    _, prefix, secret = key.split("_", 2)
    secrets = ["canari", "Canari", "203.0.113.7", prefix, secret, "Redacc", "063293c2"]
    headers = {
        "Authorization": f"Bearer {key}", "User-Agent": "Canaria", "Referer": "http://canaria/",
        "X-Forwarded-For": "203.0.113.7", "X-Request-Id": "canaria", "Request-Id": "canaria",
        "traceparent": "canaria", "tracestate": "canaria=1",
    }  # fmt: skip
    for method, path in (
        ("GET", "/v1/detainees?q=canaria"),
        ("GET", "/v1/detainees/063293c2-2191-5dfc-8203-c836a22b8a02"),
        ("GET", "/canaria"),
        ("GET", "/v1/detainees/canaria?canaria=canaria"),
        ("CANARIA", "/v1/detainees"),
        ("DELETE", "/v1/detainees"),
        ("POST", "/v1/detainees"),
    ):
        response = client.open(
            path, method=method, headers=headers, json={"name": "Canaria", "canaria": 1},
            environ_base={"REMOTE_ADDR": "203.0.113.7"},
        )  # fmt: skip
        response.close()
        assert "canaria" not in str(response.headers["Request-Id"])
        assert "traceparent" not in response.headers
        line = json.dumps(lines.pop(), default=str)
        assert [text for text in secrets if text in line] == [], line


@pytest.mark.parametrize(
    "traceparent",
    [
        "", "00", f"00-{TRACE}-b7ad6b7169203331", f"ff-{TRACE}-b7ad6b7169203331-01",
        f"00-{'0' * 32}-b7ad6b7169203331-01", f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-b7ad6b7169203331-01", f"{PARENT}-more", f"{PARENT},{PARENT}",
        f" {PARENT}x", f"00-{TRACE}-b7ad6b7169203331-0x",
    ],
)  # fmt: skip
def test_invalid_traceparent_is_ignored(
    client: FlaskClient, lines: Lines, traceparent: str
) -> None:
    response = client.get("/healthz", headers={"traceparent": traceparent})
    response.close()
    assert "traceparent" not in response.headers
    assert lines[0]["trace_id"] == lines[0]["request_id"]


@pytest.mark.parametrize(
    ("traceparent", "flags"),
    [(PARENT, "01"), (PARENT[:-2] + "02", "00"), (f"01{PARENT[2:]}-later", "01")],
)
def test_trace_is_continued(
    client: FlaskClient, lines: Lines, traceparent: str, flags: str
) -> None:
    responses = [client.get("/healthz", headers={"traceparent": traceparent}) for _ in range(2)]
    spans = []
    for response in responses:
        response.close()
        match = re.fullmatch(
            f"00-{TRACE}-([0-9a-f]{{16}})-{flags}", response.headers["traceparent"]
        )
        assert match is not None
        spans.append(match[1])
        assert match[1] == response.headers["Request-Id"][:16]
    assert len({*spans, "b7ad6b7169203331"}) == 3
    assert {line["trace_id"] for line in lines} == {TRACE}


def test_internal_error_is_logged_with_the_request_id(
    client: FlaskClient, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In lower case, because the logged frames quote the line that raises.
    secret = "CANARIA".lower()

    def fail(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError(secret)

    monkeypatch.setattr("api.database.queries.execute", fail)
    handler = logs.Lines()
    logging.getLogger(logs.LOGGER).addHandler(handler)
    try:
        response = client.get("/v1/sources")
        response.close()
    finally:
        logging.getLogger(logs.LOGGER).removeHandler(handler)
    assert response.status_code == 500
    error, request = lines
    assert error["request_id"] == request["request_id"] == response.headers["Request-Id"]
    assert (error["level"], request["level"]) == ("error", "error")
    assert "ZeroDivisionError" in error["message"]
    assert secret not in json.dumps([error, request])


def test_304_is_logged_with_its_operation(client: FlaskClient, lines: Lines) -> None:
    first = client.get("/v1/sources")
    for _ in range(3):
        response = client.get("/v1/sources", headers={"If-None-Match": first.headers["ETag"]})
        response.get_data()
        response.close()
        assert response.status_code == 304
    assert [(line["operation"], line["status"]) for line in lines[-3:]] == [
        ("listSources", 304)
    ] * 3
    assert len({line["request_id"] for line in lines[-3:]}) == 3


def test_incomplete_response_is_a_warning(client: FlaskClient, lines: Lines) -> None:
    client.get("/v1/sources?format=csv").close()
    assert not lines[0]["complete"]
    assert lines[0]["level"] == "warning"


@pytest.mark.parametrize(
    ("message", "arguments", "expected"),
    [
        ("Worker (pid:%s) was sent %s!", (7, "SIGKILL"), "Worker (pid:7) was sent SIGKILL!"),
        ("Error handling request %s %s", ("GET", "/?q=ana"), "Error handling request ... ..."),
        ("Invalid request from ip=203.0.113.7: ana", (), "Invalid request"),
        ("connecting %r: %s", ("pool-1", OSError("ana")), "connecting '...': ..."),
        ("%d of %s", ("ana", "ana"), "%d of %s"),
        (ValueError("ana"), (), "ValueError"),
    ],
)  # fmt: skip
def test_arguments_of_other_loggers_are_masked(
    lines: Lines, message: Any, arguments: tuple[Any, ...], expected: str
) -> None:
    record = logging.LogRecord("gunicorn.error", 40, "", 0, message, arguments, None)
    logs.Lines().emit(record)
    assert lines[0]["message"] == expected


def test_service_logs_to_stderr() -> None:
    with data_dir() as directory, serving(directory) as service:

        def ready_lines() -> Lines:
            log_lines = service.log.read_text().splitlines(keepends=True)
            lines = [json.loads(line) for line in log_lines if re.match(r"\{.*\n", line)]
            return [
                line
                for line in lines
                if line.get("operation") == "getReadiness" and line["status"] == 200
            ]

        # The line is written after the response.
        wait_until(ready_lines, "a line")
        line = ready_lines()[-1]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["time"])
        assert line["pid"] in service.workers()
