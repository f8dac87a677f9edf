"""CONSTANCIA_PUBLIC_URL: absolute links begin with it, whatever host a request names."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from flask.testing import FlaskClient

from api import config
from api.app import create_app
from api.config import Config
from tests.conftest import Api, client_of, cloned, keys_of
from tests.support import open_pool
from tests.whole_set.operations import READS, nodes
from tests.whole_set.session import Exchange, Session
from tests.whole_set.test_citations import CITED

PUBLIC_URL = "https://constancia.example/"
OTHER_HOST = {"Host": "attacker.example:81", "X-Forwarded-Proto": "http"}


@pytest.mark.parametrize(
    ("value", "public_url"),
    [
        ("https://constancia.example", PUBLIC_URL),
        ("HTTPS://Constancia.Example:443/", PUBLIC_URL),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/"),
        ("http://[::1]:080", "http://[::1]/"),
        ("", None),
    ],
)
def test_setting_is_an_address(value: str, public_url: str | None) -> None:
    assert config.read({"CONSTANCIA_PUBLIC_URL": value}).public_url == public_url


@pytest.mark.parametrize(
    ("value", "instead"),
    [
        ("constancia.example", "such as https://constancia.example.org"),
        ("ftp://constancia.example", "such as"),
        ("//constancia.example", "such as"),
        ("https://", "such as"),
        ("https://user:secret@constancia.example", "such as"),
        ("https://constancia.example:65536", "such as"),
        ("https://constancia.example\n", "such as"),
        ("https://constancía.example", "such as"),
        ("https://constancia.example/register/", "remove '/register/'"),
        ("https://constancia.example?lang=es", r"remove '\?lang=es'"),
        ("https://constancia.example/#top", "remove '/#top'"),
    ],
)
def test_other_values_are_refused_with_a_reason(value: str, instead: str) -> None:
    with pytest.raises(ValueError, match=f"^CONSTANCIA_PUBLIC_URL is .*: .*{instead}"):
        config.read({"CONSTANCIA_PUBLIC_URL": value})


# No other operation knows the address of the service.
WITH_LINKS = {"getSecurityContact", "getClaimsCsv"}
LINKING = [o for o in READS if o.takes_base_url or o in CITED or o.id in WITH_LINKS]


class Twins(NamedTuple):
    """One store, served with a public URL and without, and a request of each linking read."""

    known: FlaskClient
    unknown: FlaskClient
    reads: list[Exchange]


@pytest.fixture(scope="module")
def twins(server: str) -> Iterator[Twins]:
    with (
        cloned(server) as database,
        open_pool(database, 4) as pool,
        client_of(pool) as client,
    ):
        session = Session(Api(client, keys_of(database)))
        reads = [session.do(operation.id) for operation in LINKING]
        known = create_app(
            pool, Config(security_contact="mailto:a@b.example", public_url=PUBLIC_URL)
        )
        yield Twins(known.test_client(), client, reads)


def test_links_begin_with_the_setting_and_not_with_the_host_of_the_request(twins: Twins) -> None:
    for read in twins.reads:
        path, query = read.response.request.path, dict(read.query)
        if read.operation.id == "getOembed":
            query["url"] = query["url"].replace("http://localhost/", PUBLIC_URL)
        if read.operation.id == "getReleaseEvent":
            query["format"] = "jsonld"
        responses = [
            twins.known.get(path, query_string=query, headers=headers)
            for headers in ({}, OTHER_HOST)
        ]
        assert responses[0].headers.get("ETag") == responses[1].headers.get("ETag"), path
        for response in responses:
            assert response.status_code == 200, response.text
            assert PUBLIC_URL in response.text, path
            text = f"{response.headers}{response.text}"
            assert not re.search("attacker|//localhost/", text), path


def test_citations_keep_their_hash_and_entity_tag(twins: Twins) -> None:
    # A moment of the past, so that both are asked the same.
    recorded = twins.unknown.get("/v1/counts").json["recorded_as_of"]
    for read in twins.reads:
        if read.operation not in CITED:
            continue
        path, names = read.response.request.path, {p.name for p in read.operation.parameters}
        moments = names & {"as_of", "recorded_as_of", "until", "until_recorded"}
        query = {**dict.fromkeys(moments, recorded), **read.query}
        short, long = (
            client.get(path, query_string=query) for client in (twins.unknown, twins.known)
        )
        assert short.status_code == 200, short.text
        shorter, longer = (
            [node["citation"] for _, node in nodes(answer.json) if node.get("citation")]
            for answer in (short, long)
        )
        assert shorter, path
        addresses = ("url", "page")
        assert longer == [
            {**c, **{name: PUBLIC_URL + c[name][1:] for name in addresses}} for c in shorter
        ]
        if "citation" in long.json:
            assert short.headers["ETag"] == long.headers["ETag"], path
            assert long.headers["Link"] == f'<{longer[0]["url"]}>; rel="cite-as"'
        if read.operation.id == "listComparisons":
            del query["limit"]
            streamed = twins.known.get(path, query_string={**query, "format": "ndjson"})
            assert f'"{longer[0]["url"]}"' in streamed.text
