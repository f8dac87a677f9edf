"""Streams: read block by block, without holding a connection between blocks."""

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from psycopg_pool import ConnectionPool

from api.database.queries import Connection
from tests.conftest import Api, client_of
from tests.rendering.lists import insert_facilities, sent
from tests.support import open_pool


@pytest.fixture
def pool(database: str) -> Iterator[ConnectionPool[Connection]]:
    with open_pool(database, 1) as pool:
        yield pool


@pytest.fixture
def client(pool: ConnectionPool[Connection]) -> Iterator[FlaskClient]:
    """A client of a service that has one connection to the database."""
    with client_of(pool) as client:
        yield client


@pytest.mark.parametrize("format", ["csv", "ndjson"])
def test_stream_holds_no_connection_between_blocks(
    client: FlaskClient, conn: Connection, format: str
) -> None:
    insert_facilities(conn, 3500)
    response = client.get(f"/v1/facilities?format={format}", buffered=False)
    assert "Content-Length" not in response.headers
    blocks = response.iter_encoded()
    lines = []
    for block in blocks:
        lines.append(block.count(b"\n"))
        # The only connection is free between two blocks.
        assert client.get("/readyz").status_code == 200
        assert client.get("/v1/facilities?limit=1").status_code == 200
    header = 1 if format == "csv" else 0
    assert lines == [1000 + header, 1000, 1000, 500]


def test_block_is_read_when_it_is_sent(client: FlaskClient, conn: Connection) -> None:
    """Rows that are deleted before the stream reaches them are not sent."""
    insert_facilities(conn, 2500)
    response = client.get("/v1/facilities?format=ndjson", buffered=False)
    blocks = response.iter_encoded()
    first = next(blocks)
    conn.execute(
        "DELETE FROM facilities WHERE id > (SELECT id FROM facilities ORDER BY id "
        "OFFSET 1199 LIMIT 1)"
    )
    assert first.count(b"\n") == 1000
    assert b"".join(blocks).count(b"\n") == 200


def test_client_that_disconnects_leaves_no_connection_in_use(
    client: FlaskClient, conn: Connection, pool: ConnectionPool[Connection]
) -> None:
    insert_facilities(conn, 2500)
    for _ in range(3):
        response = client.get("/v1/facilities?format=csv", buffered=False)
        next(response.iter_encoded())
        response.close()
    assert client.head("/v1/facilities?format=csv").status_code == 200
    assert client.get("/v1/facilities").status_code == 200
    # An export holds its connection from block to block.
    for path in ("/v1/export", "/v1/export.zip"):
        for is_begun in (False, True):
            response = client.get(path, buffered=False)
            assert response.status_code == 200
            if is_begun:
                next(response.iter_encoded())
            response.close()
            assert pool.get_stats()["pool_available"] == 1
    stats = pool.get_stats()
    assert (stats["pool_size"], stats["pool_available"]) == (1, 1)


@pytest.mark.parametrize("format", ["csv", "ndjson", "xlsx"])
@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/v1/facilities?cursor=wrong", 422, "validation-error"),
        ("/v1/facilities?limit=0", 422, "validation-error"),
        ("/v1/facilities?limit=201", 422, "validation-error"),
        ("/v1/facilities?colour=red", 422, "validation-error"),
        ("/v1/comparisons?recorded_as_of=2100-01-01T00:00:00Z", 422, "validation-error"),
        ("/v1/comparisons?time_zone=Mars/Olympus", 422, "validation-error"),
        ("/v1/counts?min_sources=6", 422, "validation-error"),
        ("/v1/detainees/019b9f3e-1a01-4b52-8c11-3f5d2e7a9001/detentions", 404, "not-found"),
        ("/v1/claims/019b9f3e-1a01-4b52-8c11-3f5d2e7a9001/comparison", 404, "not-found"),
    ],
)
def test_invalid_request_is_an_error_and_no_broken_stream(
    api: Api, path: str, status: int, kind: str, format: str
) -> None:
    as_json = api.send("GET", path)
    assert as_json.status_code == status
    response = api.send("GET", f"{path}{'&' if '?' in path else '?'}format={format}")
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.get_json(force=True)["type"] == f"/problems/{kind}"
    assert response.data == as_json.data


def test_cursor_of_another_list_begins_no_stream(api: Api, conn: Connection) -> None:
    insert_facilities(conn, 3)
    cursor = api.get("/v1/facilities", limit=1)["next"]
    for path in ("/v1/sources", "/v1/claims?kind=released"):
        query = {"format": "csv", "cursor": cursor}
        path, _, kind = path.partition("?kind=")
        response = sent(api, path, **query, **({"kind": kind} if kind else {}))
        assert response.status_code == 422
        problem = response.get_json(force=True)
        assert [error["pointer"] for error in problem["errors"]] == ["/cursor"]
