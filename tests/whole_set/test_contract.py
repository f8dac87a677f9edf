"""Whole-set tests: what holds of every operation, answer, problem, query and migration, so that it
needs no promise."""

import ast
import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from itertools import combinations, count
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import feedparser
import psycopg
import pytest
import rfc8785
import yaml
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate
from psycopg import sql
from werkzeug.test import TestResponse

import api as package
from api import access, auth
from api.app import create_app
from api.contract import document
from api.database import connections, migrations, queries
from api.http import problems, routing
from api.rendering import media_types
from api.reports import counts
from api.verification.counting import PROPERTIES
from tests.conftest import Api, cloned

CONTRACT = document.load()
OPERATIONS = {operation.id: operation for operation in CONTRACT.operations}
WRITES = [operation for operation in CONTRACT.operations if operation.writes]
READS = [operation for operation in CONTRACT.operations if not operation.writes]
LISTS = [operation for operation in CONTRACT.operations if operation.id.startswith("list")]
FOLDER = queries.SQL / "queries"
FILES = {
    str(file.relative_to(FOLDER).with_suffix("")): file for file in sorted(FOLDER.glob("*/*.sql"))
}
IN_SEVERAL_FORMS = [operation for operation in READS if len(operation.offers) > 1]
TABULAR = [operation for operation in READS if "text/csv" in operation.offers]
NOWHERE = "019b0000-0000-7000-8000-000000000000"


def ids(operations: list[document.Operation]) -> list[str]:
    return [operation.id for operation in operations]


def check(schema: document.Schema, value: Any) -> None:
    """A value meets a schema, with formats on."""
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(value)


def test_formats_are_checked() -> None:
    assert {"date", "date-time", "uuid"} <= set(FormatChecker.checkers)


# The contract by itself.


def nodes(node: Any, place: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every object of the contract, with its place."""
    if isinstance(node, Mapping):
        yield place, node
        for key, value in node.items():
            yield from nodes(value, f"{place}/{key}")
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from nodes(value, f"{place}/{i}")


def test_the_contract_is_valid_openapi() -> None:
    validate(CONTRACT.document)


def resolved(node: Any) -> Any:
    return document._resolved(CONTRACT.document, node)


def examples() -> Iterator[tuple[str, document.Schema, Any]]:
    """Every example, with its place and its schema."""
    for place, node in nodes(CONTRACT.document):
        if "schema" in node:
            whole = resolved(node)
            for name, example in whole.get("examples", {}).items():
                yield f"{place}/{name}", whole["schema"], example["value"]
            if "example" in whole:
                yield place, whole["schema"], whole["example"]
        elif place.startswith("/components/schemas/") and "type" in node:
            whole = resolved(node)
            if isinstance(whole["type"], str | list):
                for word in ("default", "example"):
                    if word in whole:
                        yield f"{place}/{word}", whole, whole[word]
                for i, example in enumerate(whole.get("examples", [])):
                    yield f"{place}/examples/{i}", whole, example


def test_every_example_is_valid_under_its_schema() -> None:
    faults = [
        f"{place}: {error.message}"
        for place, schema, example in examples()
        for error in Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(
            example
        )
    ]
    assert faults == []
    assert len(list(examples())) > len(CONTRACT.operations)


def test_every_body_and_every_answer_in_json_has_an_example() -> None:
    for place, node in nodes(CONTRACT.document["paths"]):
        for media_type, content in node.items() if place.endswith("/content") else ():
            if media_type.endswith("json") and "schema" in content:
                assert content.get("examples") or content.get("example"), place


def test_everything_that_the_contract_holds_ready_is_used() -> None:
    used = {node["$ref"] for _, node in nodes(CONTRACT.document) if "$ref" in node}
    held = {
        f"#/components/{section}/{name}"
        for section, parts in CONTRACT.document["components"].items()
        if section != "securitySchemes"
        for name in parts
    }
    assert held - used == set()


def test_every_object_of_an_answer_is_closed_and_whole() -> None:
    """No property that the contract does not list, and none that may be missing."""
    for operation in CONTRACT.operations:
        for place, node in nodes(operation.answer):
            if "properties" in node and not place.endswith("/properties"):
                assert node["additionalProperties"] is False, f"{operation.id}{place}"
                assert set(node["required"]) == set(node["properties"]), f"{operation.id}{place}"


def test_every_operation_is_told_to_a_newcomer() -> None:
    for operation in CONTRACT.operations:
        raw = CONTRACT.document["paths"][operation.path][operation.method]
        assert raw["summary"], operation.id
        assert raw["description"].endswith("."), operation.id


# The contract and the code.


def test_every_operation_has_its_function_and_the_reverse() -> None:
    folder = Path(package.__file__).parent / "operations"
    found = set()
    for file in folder.glob("[!_]*.py"):
        module = import_module(f"api.operations.{file.stem}")
        found |= {
            (file.stem, name)
            for name, value in vars(module).items()
            if not name.startswith("_")
            and callable(value)
            and getattr(value, "__module__", "") == module.__name__
        }
    assert found == {(o.tag, routing.snake_case(o.id)) for o in CONTRACT.operations}


def test_the_routes_are_the_contract_and_nothing_else() -> None:
    app = create_app(connections.pool("", 1))
    routed = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routed == {(o.path, o.method) for o in CONTRACT.operations}


@cache
def sources_of_code() -> Mapping[Path, ast.Module]:
    files = Path(package.__file__).parent.rglob("*.py")
    return {file: ast.parse(file.read_text("utf-8")) for file in files}


def strings() -> set[str]:
    """Every string that stands in the code."""
    return {
        node.value
        for tree in sources_of_code().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def first_arguments(*functions: str, place: int = 0) -> set[str]:
    """The constant arguments at a place of every call of these functions."""
    return {
        call.args[place].value
        for tree in sources_of_code().values()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and len(call.args) > place
        and isinstance(call.args[place], ast.Constant)
        and (getattr(call.func, "id", None) or getattr(call.func, "attr", None)) in functions
    }


# Keys.


def test_every_write_is_secured_and_no_read_needs_a_key() -> None:
    for operation in CONTRACT.operations:
        raw = CONTRACT.document["paths"][operation.path][operation.method]
        documented = set(raw["responses"])
        if operation.writes:
            assert operation.scope in {"contribute", "edit"}, operation.id
            assert not operation.key_is_optional, operation.id
            assert {"401", "403", "413", "422"} <= documented, operation.id
            assert operation.body is None or {"400", "415"} <= documented, operation.id
        else:
            assert raw.get("security", []) in ([], [{}, {"key": []}]), operation.id
            assert ("401" in documented) == operation.key_is_optional, operation.id


GRANTED = {
    None: set(),
    "contribute": {"contribute"},
    "edit": {"contribute", "edit"},
    "admin": set(),
}


@pytest.mark.parametrize("scope", GRANTED)
def test_a_key_opens_what_its_scope_grants_and_nothing_else(api: Api, scope: str | None) -> None:
    caller = api.scope(scope) if scope else api
    for operation in CONTRACT.operations:
        path = operation.path.replace("{id}", NOWHERE)
        body = {} if operation.body else None
        response = caller.send(operation.method.upper(), path, json=body)
        if operation.scope is None:
            assert response.status_code not in {401, 403, 500}, operation.id
        elif scope is None:
            assert response.status_code == 401, operation.id
        elif operation.scope not in GRANTED[scope]:
            assert response.status_code == 403, operation.id
        else:
            assert response.status_code in {404, 422}, operation.id
        if response.status_code >= 400:
            check(CONTRACT.schema("Problem"), response.get_json(force=True))


def test_a_key_that_is_not_valid_opens_nothing(api: Api) -> None:
    headers = {"Authorization": "Bearer constancia_unknown"}
    for operation in CONTRACT.operations:
        path = operation.path.replace("{id}", NOWHERE)
        response = api.send(operation.method.upper(), path, json={}, headers=headers)
        needs = operation.writes or operation.key_is_optional
        assert (response.status_code == 401) == needs, operation.id


def test_the_scopes_of_keys_are_those_of_the_contract() -> None:
    assert set(access.GRANTS) == set(GRANTED) - {None}
    assert {o.scope for o in WRITES} <= set(access.GRANTS)


# Problems.


def test_every_problem_of_the_code_is_in_the_contract_and_the_reverse() -> None:
    raised = first_arguments("RequestError", "found") | set(problems._KINDS.values())
    assert raised <= set(CONTRACT.problems)
    front = (document.FILE.parent / "front/nginx.conf").read_text("utf-8")
    told_there = set(re.findall(r'"/problems/([\w-]+)"', front))
    assert told_there < set(CONTRACT.problems) <= strings() | told_there


def test_every_problem_has_a_page_for_people(api: Api) -> None:
    for problem in CONTRACT.problems.values():
        response = api.send("GET", f"/problems/{problem.slug}")
        assert response.status_code == 200
        assert response.mimetype == "text/html"
        assert problem.title in response.text.replace("&#39;", "'")
        assert str(problem.status) in response.text


# The contract as it is served.


def test_the_contract_is_served_as_it_is(api: Api) -> None:
    served = api.send("GET", "/openapi.yaml")
    assert served.get_data() == document.FILE.read_bytes()
    assert api.get("/openapi.json") == yaml.safe_load(served.text)


# A session that succeeds with every operation.


@dataclass(frozen=True)
class Visit:
    operation: document.Operation
    path: Mapping[str, Any]
    query: Mapping[str, Any]
    response: TestResponse
    # What stood at the Location of a new record when it was new.
    located: Any

    @property
    def json(self) -> Any:
        return self.response.get_json(force=True)


class Session:
    """An editor who can do any operation, having first recorded whatever it takes."""

    def __init__(self, api: Api, sending: Callable[[], None] = lambda: None) -> None:
        """`sending` is told when all that an operation takes is there."""
        self.api = api.scope("edit")
        self.sending = sending
        self.visits: list[Visit] = []
        self.names = (f"Name {number}" for number in count(1))

    def do(self, operation_id: str, **given: Any) -> Visit:
        """Carries out an operation. `given` replaces what it would say by itself: path
        parameters by name, single query parameters and fields in `query` and `body`."""
        operation = OPERATIONS[operation_id]
        says = getattr(self, routing.snake_case(operation_id))()
        query = {**says.get("query", {}), **given.get("query", {})}
        body = {**says["body"], **given.get("body", {})} if "body" in says else None
        path = {k: v for k, v in {**says, **given}.items() if k not in {"query", "body", "data"}}
        self.sending()
        content = {"data": says["data"], "content_type": "text/csv"} if "data" in says else {}
        response = self.api.send(
            operation.method.upper(),
            operation.path.format(**path),
            query_string={k: v for k, v in query.items() if v is not None},
            **(content or {"json": body}),
        )
        assert response.status_code == operation.status, f"{operation_id}: {response.text}"
        location = response.headers.get("Location")
        located = self.api.get(location) if location else None
        visit = Visit(operation, path, query, response, located)
        self.visits.append(visit)
        return visit

    def id(self, operation_id: str, **given: Any) -> str:
        return self.do(operation_id, **given).json["id"]

    # What each operation says: by itself, and on new records.

    def get_health(self) -> Any:
        return {}

    get_readiness = get_contract = get_contract_yaml = get_docs = get_health
    get_security_contact = get_health

    def get_docs_asset(self) -> Any:
        return {"asset": "redoc.standalone.js"}

    def get_problem(self) -> Any:
        return {"slug": "not-found"}

    def create_source(self) -> Any:
        body = {
            "name": next(self.names),
            "kind": "ngo",
            "country": "VE",
            "url": "https://a.example",
        }
        return {"body": body}

    def get_source(self) -> Any:
        return {"id": self.do("createAffiliation").json["source_id"]}

    def update_source(self) -> Any:
        return {"id": self.id("createSource"), "body": {"country": None, "kind": "witness"}}

    def list_sources(self) -> Any:
        self.do("createAffiliation")
        return {"query": {"limit": 1}}

    def create_affiliation(self) -> Any:
        body = {"with_source_id": self.id("createSource"), "relation": "owned_by"}
        body["valid_from"] = "2020-01-01T00:00:00-04:00"
        return {"id": self.id("createSource"), "body": body}

    def get_affiliation(self) -> Any:
        return {"id": self.id("createAffiliation")}

    def update_affiliation(self) -> Any:
        return {
            "id": self.id("createAffiliation"),
            "body": {"valid_until": "2026-01-01T00:00:00.5Z"},
        }

    def create_facility(self) -> Any:
        body = {"name": next(self.names), "aliases": ["Casa"], "country": "VE", "region": "Lara"}
        return {"body": body}

    def get_facility(self) -> Any:
        return {"id": self.id("createFacility")}

    def update_facility(self) -> Any:
        return {"id": self.id("createFacility"), "body": {"aliases": ["La Casa", "Casa"]}}

    def list_facilities(self) -> Any:
        self.do("createFacility")
        self.do("createFacility")
        return {"query": {"limit": 1}}

    def create_detainee(self) -> Any:
        return {
            "body": {
                "name": next(self.names),
                "aliases": ["Alias"],
                "sex": "female",
                "birth_date": "1980-02-29",
                "age_group": "adult",
                "nationalities": ["VE", "ES"],
                "occupation": "teacher",
                "external_ids": [{"scheme": "register", "value": "A/1"}],
            }
        }

    def get_detainee(self) -> Any:
        return {"id": self.do("createDetention").json["detainee_id"]}

    def match_detainees(self) -> Any:
        known = self.api.get(f"/v1/detainees/{self.do('createDetention').json['detainee_id']}")
        asked = {name: known[name] for name in ("name", "aliases", "external_ids", "sex")}
        return {"body": {"items": [{**asked, "birth_date": "1980"}, {"name": "Nadie Aquí"}]}}

    def update_detainee(self) -> Any:
        return {"id": self.id("createDetainee"), "body": {"aliases": [], "birth_date": None}}

    def list_detainees(self) -> Any:
        self.do("createDetainee")
        self.do("createDetainee", body={"age_group": "minor", "birth_date": None})
        return {"query": {"limit": 1, "q": "alias"}}

    def merge_detainee(self) -> Any:
        """Of two who were both released from a detention that both records have."""
        gone, kept = (self.do("createReleaseEvent").json["detainee_id"] for _ in range(2))
        return {"id": gone, "body": {"into": kept}}

    def get_merge(self) -> Any:
        return {"id": self.id("mergeDetainee")}

    undo_merge = get_merge

    def distinguish_detainee(self) -> Any:
        body = {"detainee_id": self.id("createDetainee")}
        return {"id": self.id("createDetainee"), "body": body}

    def get_distinction(self) -> Any:
        return {"id": self.id("distinguishDetainee")}

    withdraw_distinction = get_distinction

    def create_import(self) -> Any:
        """Of people who are new, recorded, doubtful and wrong, and one of them released."""
        known = self.do("createDetention").json["detainee_id"]
        name = self.api.get(f"/v1/detainees/{known}")["name"]
        event = self.id("createReleaseEvent", body={"detainee_id": known, "detention_id": None})
        self.do("createAttestation", body={"release_event_id": event})
        other = f"{self.names.__next__()} Quintanar"
        self.do("createDetainee", body={"name": f"Belisario {other}", "aliases": []})
        lines = [
            "name,id,released_on,sex",
            f"{name},{known},2026-01-08,",
            f"{other} B.,,,",
            "Nadie,,,x",
            "Yusmery Ozores,,,f",
        ]
        query = {
            "mode": "preview",
            "source_id": self.id("createSource"),
            "published_at": "2026-01-09T12:25:00.25-04:00",
            "basis": "first_hand",
        }
        return {"query": query, "data": "\n".join(lines)}

    def get_import(self) -> Any:
        return {"id": self.id("createImport")}

    def create_detention(self) -> Any:
        return {
            "id": self.id("createDetainee"),
            "body": {
                "facility_id": self.id("createFacility"),
                "detained_on": "2024-02",
                "authority": "Police",
                "charges": "None were told.",
                "whereabouts": "unknown",
            },
        }

    def get_detention(self) -> Any:
        return {"id": self.id("createDetention")}

    def update_detention(self) -> Any:
        return {"id": self.id("createDetention"), "body": {"detained_on": "2024-02-09"}}

    def list_detentions(self) -> Any:
        detainee = self.do("createReleaseEvent").json["detainee_id"]
        self.do("createDetention", id=detainee, body={"detained_on": "2026-02"})
        return {"id": detainee, "query": {"limit": 1}}

    def create_release_event(self) -> Any:
        detention = self.do("createDetention").json
        return {
            "body": {
                "detainee_id": detention["detainee_id"],
                "detention_id": detention["id"],
                "occurred_on": "2026-01-08",
                "place": "The gate",
                "announcement_id": self.id("createClaim"),
            }
        }

    def get_release_event(self) -> Any:
        return {"id": self.do("createAttestation").json["release_event_id"]}

    def update_release_event(self) -> Any:
        body = {"occurred_on": "2026-01-09", "announcement_id": self.id("createClaim")}
        return {"id": self.id("createReleaseEvent"), "body": body}

    def list_release_events(self) -> Any:
        first = self.do("createReleaseEvent").json
        self.do("createReleaseEvent", body={**_day(first, "2026-01-20")})
        return {"query": {"limit": 1, "detainee_id": first["detainee_id"]}}

    def create_attestation(self) -> Any:
        return {
            "body": {
                "release_event_id": self.id("createReleaseEvent"),
                "source_id": self.id("createSource"),
                "stance": "confirms",
                "basis": "first_hand",
                "release_kind": "full",
                "evidence": "photo",
                "published_at": "2026-01-09T12:25:00.25-04:00",
                "url": "https://a.example/1",
                "archived_url": "https://archive.example/1",
                "content_sha256": "0" * 64,
                "language": "es",
                "note": "Seen at the gate.",
            }
        }

    def get_attestation(self) -> Any:
        return {"id": self.id("createAttestation")}

    def list_attestations(self) -> Any:
        first = self.do("createAttestation").json
        at = {name: first[name] for name in ("release_event_id", "source_id")}
        self.do("createAttestation", body={**at, "published_at": "2026-01-10T00:00:00Z"})
        return {"query": {"limit": 1, **at}}

    def retract_attestation(self) -> Any:
        body = {"retracted_at": "2026-01-10T00:00:00Z", "note": "A mistake."}
        return {"id": self.id("createAttestation"), "body": body}

    def void_attestation(self) -> Any:
        return {"id": self.id("createAttestation"), "body": {"reason": "Entered twice."}}

    def get_verification(self) -> Any:
        """An event on which everything has happened that an answer can show."""
        first = self.do("createAttestation").json
        on = {"release_event_id": first["release_event_id"]}
        echo = {**on, "basis": "relayed", "relays": [{"attestation_id": first["id"]}]}
        self.do("createAttestation", body=echo)
        self.do("createAttestation", body={**on, "basis": "unattributed"})
        denial = {"stance": "denies", "denial_reason": "still_held", "release_kind": "unknown"}
        self.do("createAttestation", body={**on, **denial})
        self.do("retractAttestation", id=self.id("createAttestation", body=on))
        return {"id": on["release_event_id"], "query": {"min_sources": 3}}

    def create_claim(self) -> Any:
        """An announcement of releases, which another source has made first."""
        body = {
            "source_id": self.id("createSource"),
            "kind": "announced",
            "value": 116,
            "qualifier": "at_least",
            "as_of": "2026-01-09T20:00:00-04:00",
            "published_at": "2026-01-10T12:25:00.25-04:00",
            "window_start": "2026-01-08",
            "facility_id": self.id("createFacility"),
            "age_group": "adult",
            "nationality": "VE",
            "relays": [{"source_id": self.id("createSource")}],
            "url": "https://a.example/2",
            "note": 'The first line,\n\t"the second" \U0001f54a.',
        }
        return {"body": body}

    def get_claim(self) -> Any:
        return {"id": self.id("createClaim", body={"value": None, "relays": []})}

    def retract_claim(self) -> Any:
        body = {"retracted_at": "2026-01-11T00:00:00Z", "note": "A mistake."}
        return {"id": self.id("createClaim"), "body": body}

    def list_claims(self) -> Any:
        first = self._claim_of_delivery(self.id("createClaim"))
        at = {name: first[name] for name in ("kind", "source_id", "announcement_id")}
        self.do("createClaim", body=at)
        return {"query": {"limit": 1, **at}}

    def _claim_of_delivery(self, announcement: str) -> Any:
        """A figure of those who are out by an announcement: beside it, somebody is."""
        event = self.do("createReleaseEvent", body={"announcement_id": announcement}).json
        said = self.do("createAttestation", body={"release_event_id": event["id"]}).json
        detention = self.api.get(f"/v1/detentions/{event['detention_id']}")
        scope = {
            "facility_id": detention["facility_id"],
            "relays": [],
            "as_of": "2026-01-12T00:00:00Z",
        }
        assert said["published_at"] < scope["as_of"]
        body = {"kind": "released", "announcement_id": announcement, **scope}
        return self.do("createClaim", body=body).json

    def get_comparison(self) -> Any:
        return {"id": self._claim_of_delivery(self.id("createClaim"))["id"]}

    def list_comparisons(self) -> Any:
        first = self._claim_of_delivery(self.id("createClaim"))
        of = ("kind", "source_id", "facility_id", "nationality", "age_group", "announcement_id")
        at = {name: first[name] for name in of}
        self.do("createClaim", body=at)
        recorded_as_of = self.api.get("/v1/counts")["recorded_as_of"]
        return {"query": {"limit": 1, **at, "recorded_as_of": recorded_as_of, "min_sources": 1}}

    def get_delivery(self) -> Any:
        announcement = self.id("createClaim")
        self._claim_of_delivery(announcement)
        return {"id": announcement}

    def get_case(self) -> Any:
        return {"id": self.get_delivery()["id"]}

    def export_store(self) -> Any:
        self.get_delivery()
        return {}

    def get_counts(self) -> Any:
        self.do("getVerification")
        return {"query": {"as_of": "2026-01-09T23:00:00Z", "group_by": "facility_id"}}

    def get_timeline(self) -> Any:
        self.do("getVerification")
        return {
            "query": {
                "from": "2026-01-09",
                "until": "2026-01-10T16:00:00Z",
                "bucket": "hour",
                "time_zone": "America/Caracas",
            }
        }

    def get_feed(self) -> Any:
        """Of an event that is disputed."""
        self.do("getVerification")
        return {}

    def list_changes(self) -> Any:
        self.do("createSource")
        self.do("createSource")
        return {"query": {"limit": 1}}


def _day(event: Mapping[str, Any], day: str) -> Mapping[str, Any]:
    """Another claim about the same detention."""
    return {
        "detainee_id": event["detainee_id"],
        "detention_id": event["detention_id"],
        "occurred_on": day,
    }


@pytest.mark.parametrize("operation", CONTRACT.operations, ids=ids(list(CONTRACT.operations)))
def test_every_answer_is_what_the_contract_says(api: Api, operation: document.Operation) -> None:
    session = Session(api)
    session.do(operation.id)
    for visit in session.visits:
        response = visit.response
        assert response.mimetype == visit.operation.offers[0], visit.operation.id
        if response.mimetype == "application/json":
            check(visit.operation.answer, visit.json)
        if visit.operation.status == 201:
            # The answer to a write carries what the rule says besides.
            shown = {k: v for k, v in visit.json.items() if k in visit.located}
            assert shown == visit.located
            assert set(visit.json) - set(shown) <= {"verification"}
        else:
            assert visit.located is None


LISTED: Mapping[str, Sequence[str]] = {
    "getVerification": ("proof", "denial_proof", "rests_on", "not_counted", "kinds", "history"),
    "createClaim": ("relays", "origins"),
    "createImport": ("rows", "flips"),
    "getCounts": ("groups",),
    "getTimeline": ("items",),
    "getDelivery": ("claims",),
    "mergeDetainee": ("detentions", "release_events"),
}


@pytest.mark.parametrize("operation_id", LISTED)
def test_an_answer_shows_everything(api: Api, operation_id: str) -> None:
    """The session leaves no list of an answer empty, so that the test above sees all."""
    answer = Session(api).do(operation_id).json
    for name in LISTED[operation_id]:
        assert answer[name], name


def test_figures_without_groups_are_what_the_contract_says(api: Api) -> None:
    visit = Session(api).do("getCounts", query={"group_by": None})
    assert visit.json["groups"] is None
    check(visit.operation.answer, visit.json)


def test_figures_are_beside_something(api: Api) -> None:
    """What is compared and delivered in the session is not only noughts."""
    session = Session(api)
    for visit in (session.do("getComparison"), session.do("getDelivery")):
        assert visit.json["reported"] == 1, visit.operation.id


def links() -> list[tuple[str, str, str, Mapping[str, Any]]]:
    return [
        (operation.id, status, name, resolved(link))
        for operation in CONTRACT.operations
        for status, response in CONTRACT.document["paths"][operation.path][operation.method][
            "responses"
        ].items()
        for name, link in resolved(response).get("links", {}).items()
    ]


def evaluated(expression: Any, visit: Visit) -> Any:
    """The value of what stands in a link (OpenAPI, runtime expressions)."""
    if isinstance(expression, dict):
        return {name: evaluated(value, visit) for name, value in expression.items()}
    if isinstance(expression, list):
        return [evaluated(value, visit) for value in expression]
    if expression.startswith("$request.path."):
        return visit.path[expression.removeprefix("$request.path.")]
    if expression.startswith("$request.query."):
        return visit.query.get(expression.removeprefix("$request.query."))
    if not expression.startswith("$"):
        return expression
    value = visit.json
    for step in expression.removeprefix("$response.body#/").split("/"):
        value = value[int(step) if isinstance(value, list) else step]
    assert value is not None, expression
    return value


def test_every_link_leads_to_a_success(api: Api) -> None:
    assert links()
    for operation_id, status, name, link in links():
        session = Session(api)
        visit = session.do(operation_id)
        assert status == str(visit.operation.status), f"{operation_id}: {name}"
        target = OPERATIONS[link["operationId"]]
        places = {parameter.name: parameter.place for parameter in target.parameters}
        given: dict[str, Any] = {"query": {}, "body": evaluated(link.get("requestBody", {}), visit)}
        for parameter, expression in link.get("parameters", {}).items():
            value = evaluated(expression, visit)
            if places[parameter] == "query":
                given["query"][parameter] = value
            else:
                given[parameter] = value
        reached = session.do(target.id, **given)
        assert reached.response.status_code == target.status, f"{operation_id}: {name}"


# The forms of an answer.


def lines(text: str) -> list[Any]:
    assert not text or text.endswith("\n")
    return [json.loads(line) for line in text.split("\n")[:-1]]


def table(text: str) -> list[dict[str, str]]:
    """A CSV, read by its header, with one apostrophe taken away where one stands."""
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert text.endswith("\r\n")
    assert {len(row) for row in rows} == {len(rows[0])}
    return [
        {name: cell.removeprefix("'") for name, cell in zip(rows[0], row, strict=True)}
        for row in rows[1:]
    ]


def atom(text: str) -> Any:
    feed = feedparser.parse(text.encode())
    assert not feed.bozo
    assert feed.version == "atom10"
    return feed


# What reads each form as its readers do.
READERS: Mapping[str, Callable[[str], Any]] = {
    "application/json": json.loads,
    "text/csv": table,
    "application/x-ndjson": lines,
    "application/atom+xml": atom,
    "application/feed+json": json.loads,
    "application/ld+json": json.loads,
}


def columns(schema: document.Schema, name: str = "") -> Iterator[str]:
    """The columns that the contract promises for items of a schema."""
    for part, inner in schema["properties"].items():
        if "properties" in inner:
            yield from columns(inner, f"{name}{part}.")
        else:
            yield f"{name}{part}"


def cells(item: Mapping[str, Any], names: Sequence[str]) -> dict[str, str]:
    """An item as its line of CSV has to read."""
    found = {}
    for name in names:
        value: Any = item
        for step in name.split("."):
            value = None if value is None else value[step]
        is_text = isinstance(value, str)
        found[name] = "" if value is None else value if is_text else json.dumps(value)
    return found


def same_json(text: str) -> str:
    """An array as JSON of one spelling; any other cell as it is."""
    return json.dumps(json.loads(text)) if text.startswith("[") else text


def test_who_offers_a_table_offers_lines_as_well() -> None:
    for operation in CONTRACT.operations:
        if len(operation.offers) > 1:
            assert set(operation.offers) & media_types.TABULAR in (set(), media_types.TABULAR), (
                operation.id
            )
    assert set(ids(LISTS)) <= set(ids(TABULAR))


def test_every_form_is_named_in_the_contract_and_known_to_the_code() -> None:
    """Who answers in several forms takes the word for each, and says what else is not offered."""
    for operation in CONTRACT.operations:
        words = [p.schema["enum"] for p in operation.parameters if p.name == "format"]
        assert set(operation.offers) <= set(media_types.CONTENT_TYPES)
        if len(operation.offers) == 1:
            assert words == [], operation.id
        else:
            raw = CONTRACT.document["paths"][operation.path][operation.method]
            assert [[media_types.FORMATS[w] for w in of] for of in words] == [operation.offers]
            assert "406" in raw["responses"], operation.id
    assert {offer for o in CONTRACT.operations for offer in o.offers} == set(
        media_types.CONTENT_TYPES
    )


@pytest.mark.parametrize("operation", IN_SEVERAL_FORMS, ids=ids(IN_SEVERAL_FORMS))
def test_every_form_is_the_same_by_its_word_and_by_its_media_type(
    api: Api, operation: document.Operation
) -> None:
    session = Session(api)
    visit = session.do(operation.id)
    path, query = visit.response.request.path, visit.query
    words = {media_type: word for word, media_type in media_types.FORMATS.items()}
    contents = resolved(CONTRACT.document["paths"][operation.path]["get"])["responses"]["200"]
    for media_type in operation.offers:
        answers = [
            session.api.send("GET", path, query_string=query, headers={"Accept": media_type}),
            session.api.send(
                "GET",
                path,
                query_string={**query, "format": words[media_type]},
                headers={"Accept": "image/png"},
            ),
        ]
        for answer in answers:
            assert answer.status_code == 200, answer.text
            assert answer.mimetype == media_type
            assert "Accept" in answer.headers["Vary"].split(", ")
            assert ("Content-Disposition" in answer.headers) == (media_type == "text/csv")
            assert READERS[media_type](answer.text)
        assert answers[0].get_data() == answers[1].get_data()
        schema = contents["content"][media_type].get("schema", {})
        if schema.get("type") == "object":
            check(schema, answers[0].get_json(force=True))


@pytest.mark.parametrize("operation", TABULAR, ids=ids(TABULAR))
def test_json_lines_and_tables_give_the_same_rows(api: Api, operation: document.Operation) -> None:
    session = Session(api)
    visit = session.do(operation.id)
    path = visit.response.request.path
    given = [visit.query]
    given += [{**visit.query, name: None} for name in ("limit", "group_by") if name in visit.query]
    for query in given:
        asked = {name: value for name, value in query.items() if value is not None}
        answer, of_lines, of_table = (
            session.api.send("GET", path, query_string={**asked, "format": word})
            for word in ("json", "ndjson", "csv")
        )
        rows, schema = answer.get_json(), operation.answer
        for name in ("items", "groups"):
            if rows.get(name) is not None:
                rows, schema = rows[name], schema["properties"][name]["items"]
                break
        else:
            rows = [rows]
        assert rows
        assert lines(of_lines.text) == rows
        names = list(columns(schema))
        assert of_table.text.split("\r\n")[0].split(",") == names
        assert [
            {name: same_json(cell) for name, cell in row.items()} for row in table(of_table.text)
        ] == [cells(row, names) for row in rows]
        link = answer.headers.get("Link", "")
        for word, other in (("ndjson", of_lines), ("csv", of_table)):
            # A whole list has no next page.
            has_link = "limit" in asked or "cite-as" in link
            expected = link.replace("format=json", f"format={word}") if has_link else ""
            assert other.headers.get("Link", "") == expected


def test_the_feeds_tell_the_same(api: Api) -> None:
    session = Session(api)
    read = atom(session.do("getFeed").response.text)
    feed = session.api.get("/v1/feed", format="jsonfeed")
    assert [(e.id, e.title, e.link) for e in read.entries] == [
        (item["id"], item["title"], item["url"]) for item in feed["items"]
    ]
    assert len(feed["items"]) == 1
    for item in feed["items"]:
        target = urlsplit(item["url"])
        check(OPERATIONS["getVerification"].answer, api.get(f"{target.path}?{target.query}"))


# What a browser sends when somebody follows a link.
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize("operation", CONTRACT.operations, ids=ids(list(CONTRACT.operations)))
def test_what_is_not_offered_is_refused_and_the_first_offer_is_given_to_all_others(
    api: Api, operation: document.Operation
) -> None:
    session = Session(api)
    visit = session.do(operation.id)
    path = visit.response.request.path

    def ask(accept: str | None) -> TestResponse:
        return session.api.send(
            operation.method.upper(),
            path,
            query_string={k: v for k, v in visit.query.items() if v is not None},
            json={} if operation.body else None,
            headers={} if accept is None else {"Accept": accept},
        )

    refused = ask("image/png")
    assert refused.status_code == 406
    assert refused.mimetype == "application/problem+json"
    problem = refused.get_json(force=True)
    check(CONTRACT.schema("Problem"), problem)
    assert problem["type"] == "/problems/not-acceptable"
    assert all(offer in problem["detail"] for offer in operation.offers)
    if not operation.writes:
        for accept in ("*/*", None, BROWSER):
            assert ask(accept).status_code == 200, accept
            assert ask(accept).mimetype == operation.offers[0], accept


def test_an_answer_is_given_to_who_asks_for_it_as_it_is_sent(api: Api) -> None:
    """With its parameters: many clients ask for `application/json; charset=utf-8`."""
    session = Session(api)
    refused = set()
    for operation in READS:
        visit = session.do(operation.id)
        path, query = visit.response.request.path, visit.query
        for media_type in operation.offers:
            for accept in (media_types.CONTENT_TYPES[media_type], f"{media_type}; charset=utf-8"):
                headers = {"Accept": accept}
                answer = session.api.send("GET", path, query_string=query, headers=headers)
                if answer.mimetype != media_type:
                    refused.add(accept)
    assert refused == set()


# Citations.

CITED = [
    operation
    for operation in CONTRACT.operations
    if any("citation" in node.get("properties", {}) for _, node in nodes(operation.answer))
]

# What an answer is narrowed to, so that its citation has to say it.
NARROWED = {
    "facility_id": "facility",
    "nationality": "VE",
    "age_group": "adult",
    "sex": "female",
    "release_kind": "full",
    "announcement_id": "announcement",
    "occurred_from": "2026-01-01",
    "occurred_until": "2026-01-31",
}
# Other questions of each operation than what the session asks by itself.
ASKED: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "getCounts": [
        *({"group_by": name} for name in PROPERTIES),
        *({"group_by": None, name: value} for name, value in NARROWED.items()),
        NARROWED,
        {"as_of": None, "group_by": None, "min_sources": 3, "time_zone": "Asia/Kolkata"},
    ],
    "getTimeline": [
        *({name: value} for name, value in NARROWED.items()),
        {**NARROWED, "bucket": "month", "until": None},
        {"from": "2026-01-05T10:00:00+05:30", "bucket": "week", "time_zone": "Pacific/Apia"},
    ],
    "getVerification": [{"min_sources": 1, "as_of": "2026-01-09T23:00:00Z"}],
    "getDelivery": [{"min_sources": 1, "as_of": "2026-01-11T00:00:00Z"}],
    "getComparison": [{"min_sources": 5, "time_zone": "America/Caracas"}],
    "listComparisons": [{"limit": 200, "time_zone": "America/Caracas"}],
}


@pytest.mark.parametrize("operation", CITED, ids=ids(CITED))
def test_every_citation_is_one_that_a_stranger_can_check(
    api: Api, operation: document.Operation
) -> None:
    """By RFC 8785 as somebody else has written it; and the answer is there to be asked for again,
    whatever was recorded since."""
    session = Session(api)
    visit = session.do(operation.id)
    path = visit.response.request.path
    answers = [visit.response]
    editor = api.scope("edit")
    named = {
        "facility": editor.post("/v1/facilities", {"name": "La Tejera", "country": "VE"})["id"],
        "announcement": session.do("createClaim").response.get_json()["id"],
    }
    for more in ASKED[operation.id]:
        asked = {k: v for k, v in {**visit.query, **more}.items() if v is not None}
        asked |= {k: named[v] for k, v in asked.items() if k.endswith("_id") and v in named}
        answers.append(session.api.send("GET", path, query_string=asked))
    session.do("getVerification")
    session.do("getDelivery")
    for response in answers:
        assert response.status_code == 200, response.text
        check(operation.answer, response.get_json())
        found = [node for _, node in nodes(response.get_json()) if "citation" in node]
        assert found
        for answer in found:
            rest = {name: value for name, value in answer.items() if name != "citation"}
            citation = answer["citation"]
            assert citation["sha256"] == hashlib.sha256(rfc8785.dumps(rest)).hexdigest()
            assert api.get(citation["url"]) == answer
        if "citation" in response.get_json():
            url = response.get_json()["citation"]["url"]
            assert response.headers["Link"] == f'<{url}>; rel="cite-as"'


# Lists.

# How to add to each list, and which query shows it.
ADDED: Mapping[str, Callable[[Session], Mapping[str, Any]]] = {
    "listSources": lambda s: s.do("createSource") and {},
    "listFacilities": lambda s: s.do("createFacility") and {},
    "listDetainees": lambda s: s.do("createDetainee") and {"q": "álias"},
    "listDetentions": lambda s: {"id": _detained_again(s)},
    "listReleaseEvents": lambda s: s.do("createReleaseEvent") and {},
    "listAttestations": lambda s: s.do("createAttestation") and {},
    "listClaims": lambda s: s.do("createClaim") and {},
    "listComparisons": lambda s: _claimed(s) or {},
    "listChanges": lambda s: s.do("updateFacility") and {},
}


def _claimed(session: Session) -> None:
    """Two claims of a moment before all others of the session, and one of a moment after."""
    made = sum(visit.operation.id == "createClaim" for visit in session.visits)
    noon = datetime(2026, 1, 9, 12, tzinfo=UTC)
    before, after = noon - timedelta(hours=made), noon + timedelta(seconds=made)
    for as_of in (before, before, after):
        body = {"kind": "released", "as_of": as_of.isoformat(), "window_start": None}
        session.do("createClaim", body=body)


def _detained_again(session: Session) -> str:
    """One person of the session, who is detained and released once more."""
    earlier = [v.json for v in session.visits if v.operation.id == "createReleaseEvent"]
    year = 2000 + len(earlier)
    on = {"id": earlier[0]["detainee_id"]} if earlier else {}
    detention = session.do("createDetention", **on, body={"detained_on": f"{year}"}).json
    body = {"detainee_id": detention["detainee_id"], "detention_id": detention["id"]}
    session.do("createReleaseEvent", body={**body, "occurred_on": f"{year}-06-01"})
    return detention["detainee_id"]


# What tells the items of a list apart, where it is not their id.
_KEYS: Mapping[str, Callable[[Any], Any]] = {
    "listChanges": lambda item: item["seq"],
    "listComparisons": lambda item: item["claim"]["id"],
}


@pytest.mark.parametrize("limit", [1, 2, 3])
@pytest.mark.parametrize("operation", LISTS, ids=ids(LISTS))
def test_a_walk_while_others_write_repeats_and_skips_nothing(
    api: Api, operation: document.Operation, limit: int
) -> None:
    session = Session(api)
    given: Mapping[str, Any] = {}
    for _ in range(7):
        given = ADDED[operation.id](session)
    path = operation.path.format(**given)
    query = {k: v for k, v in given.items() if k == "q"}
    key = _KEYS.get(operation.id, lambda item: item["id"])
    at_the_start = [key(item) for item in session.api.get(path, limit=200, **query)["items"]]
    assert len(at_the_start) >= 7

    walked: list[Any] = []
    response = session.api.send("GET", path, query_string={**query, "limit": limit})
    while True:
        page = response.get_json()
        assert len(page["items"]) <= limit
        walked += [key(item) for item in page["items"]]
        link = response.headers.get("Link")
        assert (link is None) == (page["next"] is None)
        if link is None or len(walked) > 10 * len(at_the_start):
            break
        match = re.fullmatch(r'<([^<>]+)>; rel="next"', link)
        assert match
        target = urlsplit(match[1])
        following = dict(parse_qsl(target.query))
        name = "after" if operation.id == "listChanges" else "cursor"
        assert target.path == path
        assert following == {**query, "limit": str(limit), name: str(page["next"])}
        if len(walked) < len(at_the_start):
            ADDED[operation.id](session)
        response = session.api.send("GET", match[1])
    assert max(Counter(walked).values()) == 1
    assert [item for item in walked if item in set(at_the_start)] == at_the_start
    assert len(walked) > len(at_the_start), "nobody wrote meanwhile"


class Statements(list[tuple[Any, Any]]):
    """Every statement that any connection of this process runs, with its parameters."""


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Statements:
    run = Statements()
    execute = psycopg.Cursor.execute

    def noted(cursor: Any, query: Any, params: Any = None, **options: Any) -> Any:
        run.append((query, params))
        return execute(cursor, query, params, **options)

    monkeypatch.setattr(psycopg.Cursor, "execute", noted)
    return run


# A large store.


def _fill(conn: queries.Connection, size: int) -> None:
    """As many people as `size`, each with a detention, a release event and a word on it, and as
    many sources, facilities and claims. One name is everybody's, one is rare; of every ten claims
    one is an announcement, seven are of released, and few are of one facility."""
    # What is referred to is there, so that nothing has to be looked up for each row.
    conn.execute("SET session_replication_role = replica")
    conn.execute("SET synchronous_commit = off")
    numbers = f"generate_series(1, {size}) AS n"
    made = "('019b0000-0000-7%s-8000-' || lpad(to_hex(n), 12, '0'))::uuid"
    ids = {
        table: made % f"{place:03}"
        for place, table in enumerate(
            [
                *("source", "facility", "detainee", "detention", "event", "attestation"),
                *("affiliation", "claim"),
            ]
        )
    }
    # Three sources give the figures, and four announcements are counted.
    sources = ids["source"].replace("(n)", "(n % 3 + 1)")
    announcements = ids["claim"].replace("(n)", "(n % 4 * 10 + 10)")
    for statement in (
        f"INSERT INTO sources (id, name, kind) SELECT {ids['source']}, 'Source ' || n, 'ngo'"
        f" FROM {numbers}",
        f"INSERT INTO affiliations (id, source_id, with_source_id, relation)"
        f" SELECT {ids['affiliation']}, {ids['source']},"
        f" {ids['source'].replace('(n)', '(n + 1)')}, 'owned_by' FROM {numbers} WHERE n % 2 = 1",
        f"INSERT INTO facilities (id, name, country)"
        f" SELECT {ids['facility']}, 'Facility ' || n, 'VE' FROM {numbers}",
        f"INSERT INTO detainees (id, name, age_group) SELECT {ids['detainee']},"
        f" 'Ana ' || n, CASE WHEN n % 50 = 0 THEN 'minor' ELSE 'adult' END FROM {numbers}",
        f"INSERT INTO detainee_spellings (spelling, hidden, born, detainee_id)"
        f" SELECT w, n % 50 = 0, '-infinity', {ids['detainee']}"
        f" FROM {numbers}, LATERAL (VALUES ('ana'), ('=ana')) v (w)",
        f"INSERT INTO word_deletions (deletion, hidden, word)"
        f" SELECT 'o' || n, n % 50 = 0, 'otero' || n FROM {numbers}",
        f"INSERT INTO detentions (id, detainee_id, facility_id, began_on, whereabouts)"
        f" SELECT {ids['detention']}, {ids['detainee']}, {ids['facility']}, '0001-01-01', 'known'"
        f" FROM {numbers}",
        f"INSERT INTO release_events (id, detainee_id, detention_id, occurred_on)"
        f" SELECT {ids['event']}, {ids['detainee']}, {ids['detention']},"
        f" '2025-01-01'::date + n % 365"
        f" FROM {numbers}",
        f"INSERT INTO attestations (id, release_event_id, source_id, stance, basis, release_kind,"
        f" evidence, published_at) SELECT {ids['attestation']}, {ids['event']}, {ids['source']},"
        f" 'confirms', 'first_hand', 'unknown', 'report', '2026-01-01' FROM {numbers}",
        f"INSERT INTO relays (attestation_id, release_event_id, stance, relayed_source_id)"
        f" SELECT {ids['attestation']}, {ids['event']}, 'confirms', {ids['source']} FROM {numbers}",
        f"INSERT INTO verdicts (release_event_id, published_from, recorded_from,"
        f" independent_sources, independent_denials, status, since, kinds, reasoning)"
        f" SELECT {ids['event']}, '2026-01-01', '2026-01-02'::timestamptz + n * interval '1 s', 1,"
        f" 0, CASE WHEN n % 10 = 0 THEN 'confirmed' ELSE 'reported' END, '2026-01-01', '{{}}',"
        f" '{{}}' FROM {numbers}",
        "INSERT INTO feed_entries SELECT release_event_id, recorded_from FROM verdicts",
        f"INSERT INTO claims (id, source_id, kind, value, qualifier, as_of, published_at,"
        f" facility_id, age_group, nationality, announcement_id, relays, origins)"
        f" SELECT {ids['claim']}, {sources}, CASE n % 10 WHEN 0 THEN 'announced'"
        f" WHEN 1 THEN 'detained' WHEN 2 THEN 'whereabouts_unknown' ELSE 'released' END, n,"
        f" 'exact', '2025-01-01'::timestamptz + n % 8000 * interval '1 h', '2026-01-02',"
        f" CASE WHEN n % 1000 = 3 THEN {ids['facility']} END,"
        f" CASE WHEN n % 100 = 4 THEN 'minor' END, CASE WHEN n % 1000 = 5 THEN 'ES' END,"
        f" CASE WHEN n % 10 > 2 THEN {announcements} END, '[]', '[]' FROM {numbers}",
        f"INSERT INTO ledger (seq, public_seq, recorded_at, resource, resource_id, action, entry)"
        f" SELECT n, n, '2026-01-02', 'source', {ids['source']}, 'created',"
        f" jsonb_build_object('name', 'Source ' || n) FROM {numbers}",
        f"INSERT INTO ledger (seq, public_seq, recorded_at, resource, resource_id, action, entry)"
        f" SELECT {size} + n, {size} + n, '2026-01-02', 'claim', c.id, 'created', to_jsonb(c)"
        f" FROM (SELECT row_number() OVER (ORDER BY id) AS n, * FROM claims) c",
        f"UPDATE ledger_head SET seq = 2 * {size}, public_seq = 2 * {size},"
        f" recorded_at = '2026-01-02', public_recorded_at = '2026-01-02'",
    ):
        conn.execute(statement)
    conn.execute("VACUUM ANALYZE")


@pytest.fixture(scope="module")
def large(server: str) -> Iterator[Any]:
    """An editor's and a stranger's API on 100,000 records of each kind, and a connection."""
    with cloned(server) as url, connections.connect(url) as conn:
        _fill(conn, 100_000)
        conn.execute("RESET ALL")
        key = auth.create_key(conn, "large", "edit")[1]
        with connections.pool(url, 2) as pool:
            client = create_app(pool).test_client()
            stranger = Api(client, lambda _: key)
            yield SimpleNamespace(editor=stranger.scope("edit"), stranger=stranger, conn=conn)


def made(place: int, number: int = 5) -> str:
    return f"019b0000-0000-7{place:03}-8000-{number:012x}"


def each(filters: Mapping[str, Any], *more: int) -> list[Mapping[str, Any]]:
    """No filter and each one; and as many of them together as `more` says."""
    return [
        {name: filters[name] for name in names}
        for size in (0, 1, *more)
        for names in combinations(filters, size)
    ]


# Combinations of the filters that a list takes.
FILTERS: Mapping[str, list[Mapping[str, Any]]] = {
    "listSources": [{}],
    "listFacilities": [{}],
    "listDetainees": [{}, {"q": "ana"}, {"q": "ana otero"}, {"q": "nobody"}],
    "listDetentions": [{}],
    "listReleaseEvents": [{}, {"detainee_id": made(2)}],
    "listAttestations": [
        {},
        {"release_event_id": made(4)},
        {"source_id": made(0)},
        {"release_event_id": made(4), "source_id": made(0)},
    ],
    "listClaims": each(
        {"kind": "released", "source_id": made(0, 1), "announcement_id": made(7, 10)}, 2, 3
    ),
    "listComparisons": each(
        {
            "kind": "announced",
            "source_id": made(0, 1),
            "facility_id": made(1, 1003),
            "nationality": "ES",
            "age_group": "minor",
            "announcement_id": made(7, 10),
            "recorded_as_of": "2026-01-03T00:00:00Z",
        }
    ),
    "listChanges": [{}, {"after": 50_000}],
}
# What changes how a list is shown, and not what stands in it.
SHOWN_BY = {"limit", "cursor", "format", "min_sources", "time_zone"}


def test_every_filter_of_every_list_is_looked_at() -> None:
    for operation in LISTS:
        names = {p.name for p in operation.parameters if p.place == "query"} - SHOWN_BY
        assert {name for given in FILTERS[operation.id] for name in given} == names, operation.id


# What each item of a list may cost, with the reason.
STATEMENTS_OF_AN_ITEM = {
    "listComparisons": 2,  # counts at the claim's own moment: as they are, and as they were
}


@pytest.mark.parametrize("operation", LISTS, ids=ids(LISTS))
def test_a_page_of_fifty_costs_no_more_statements_than_one(
    large: Any, statements: Statements, operation: document.Operation
) -> None:
    path = operation.path.format(id=made(2))
    costs = {}
    for limit in (1, 50):
        statements.clear()
        page = large.editor.get(path, limit=limit)
        costs[limit] = len(statements)
        assert operation.id == "listDetentions" or len(page["items"]) == limit
    of_item = STATEMENTS_OF_AN_ITEM.get(operation.id, 0)
    # That an editor was shown hidden names is noted, of all of a page at once.
    noted = operation.id == "listDetainees"
    assert costs[50] <= costs[1] + 49 * of_item + noted
    # Of a page of one, a second item tells that there are more.
    assert costs[1] <= 3 + 2 * of_item


# What may be sorted or read whole below an item of a list, each with the reason. Sorting is of the
# few rows that belong to one item; the list itself comes out of an index in its order.
SORTED_WITHIN_AN_ITEM = {
    "affiliations": "those of one source",
    "relays": "what one attestation relays",
    "detentions": "those of one person, of which the latest is shown",
}
BIG = {
    "sources",
    "affiliations",
    "facilities",
    "detainees",
    "detainee_spellings",
    "word_deletions",
    "detentions",
    "release_events",
    "attestations",
    "relays",
    "verdicts",
    "claims",
    "ledger",
}


def plan_faults(plan: Mapping[str, Any], within_item: bool = False) -> Iterator[str]:
    """What in a plan grows with the table: a sort, or the reading of a whole table."""
    kind = plan["Node Type"]
    within_item = within_item or plan.get("Subplan Name") is not None
    below = set(relations(plan))
    if (
        "Sort" in kind
        and not (within_item and below <= set(SORTED_WITHIN_AN_ITEM))
        # Those of several sources, of each no more than are asked for.
        and not is_limited(plan)
    ):
        yield f"{kind} of {', '.join(sorted(below))}"
    if kind in {"Seq Scan", "Bitmap Heap Scan"} and plan["Relation Name"] in BIG:
        # Of what contains a value PostgreSQL supposes one in a hundred, however rare it is.
        # There are 100,000, and what the tests add.
        is_bounded = kind == "Bitmap Heap Scan" and plan["Plan Rows"] <= 1010
        if not is_bounded:
            yield f"{kind} of {plan['Relation Name']}"
    children = plan.get("Plans", [])
    for place, child in enumerate(children):
        # What is asked anew for each row of a list is within an item of it.
        inner = within_item or (kind == "Nested Loop" and place == 1)
        yield from plan_faults(child, inner)


def is_limited(plan: Mapping[str, Any]) -> bool:
    """Whether a plan gives no more rows than a limit within it lets through for each source."""
    children = plan.get("Plans", [])
    if plan["Node Type"] == "Nested Loop":
        outer, inner = children
        return is_limited(outer) or (set(relations(outer)) <= {"sources"} and is_limited(inner))
    return plan["Node Type"] == "Limit" or (bool(children) and all(map(is_limited, children)))


def relations(plan: Mapping[str, Any]) -> Iterator[str]:
    if "Relation Name" in plan:
        yield plan["Relation Name"]
    for child in plan.get("Plans", []):
        yield from relations(child)


def plans(conn: queries.Connection, query: str, parameters: Mapping[str, Any]) -> list[Any]:
    """The plans that PostgreSQL makes for a statement that is run again and again: for these
    values at first, and perhaps for any values later."""
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", query)))
    numbered = re.sub(r"%\((\w+)\)s", lambda m: f"${names.index(m[1]) + 1}", query)
    values = ", ".join(sql.Literal(parameters[name]).as_string(conn) for name in names)
    arguments = f"({values})" if names else ""
    conn.execute(f"PREPARE list AS {numbered}")
    explain = f"EXPLAIN (FORMAT JSON) EXECUTE list {arguments}"
    found = [conn.execute(explain).fetchone() for _ in range(7)]
    conn.execute("DEALLOCATE list")
    return [row[0][0]["Plan"] for row in found if row]


@pytest.mark.parametrize("operation", LISTS, ids=ids(LISTS))
def test_every_list_comes_out_of_an_index_and_sorts_nothing(
    large: Any, statements: Statements, operation: document.Operation
) -> None:
    path = operation.path.format(id=made(2))
    for filters in FILTERS[operation.id]:
        for caller in (large.editor, large.stranger):
            for limit in (1, 50, 200):
                query = {**filters, "limit": limit}
                statements.clear()
                following = caller.get(path, **query)["next"]
                if following is not None and operation.id != "listChanges":
                    caller.get(path, **query, cursor=following)
                lists = [(q, p) for q, p in statements if "LIMIT %(limit)s" in str(q)]
                assert len(lists) == 1 + (following is not None and operation.id != "listChanges")
                for statement, parameters in lists:
                    for plan in plans(large.conn, statement, parameters):
                        assert list(plan_faults(plan)) == [], (query, parameters)
                        assert "Index" in str(plan)


# The table of each list, and where its lines are in the order of their keys.
TABLES = {
    "listSources": "sources",
    "listFacilities": "facilities",
    "listDetainees": "detainees",
    "listReleaseEvents": "release_events",
    "listAttestations": "attestations",
    "listClaims": "claims",
    "listChanges": "ledger",
}


@pytest.mark.parametrize("operation", LISTS, ids=ids(LISTS))
def test_a_whole_list_is_given_block_by_block(
    large: Any, statements: Statements, operation: document.Operation
) -> None:
    """Every line once and in order, of no more than a thousand by any statement."""
    path = operation.path.format(id=made(2))
    filters = {"age_group": "minor"} if operation.id == "listComparisons" else {}
    key = _KEYS.get(operation.id, lambda item: item["id"])
    answers = {
        form: large.stranger.send("GET", path, query_string={**filters, "format": form}).text
        for form in ("ndjson", "csv")
    }
    assert max(p["limit"] for q, p in statements if "LIMIT %(limit)s" in str(q)) <= 1000
    items = lines(answers["ndjson"])
    if operation.id == "listComparisons":
        order = [(item["claim"]["as_of"], key(item)) for item in items]
        assert order == sorted(set(order), reverse=True)
        ((size,),) = large.conn.execute(
            "SELECT count(*) FROM claims WHERE kind = 'released' AND age_group = 'minor'"
        )
    else:
        keys = [key(item) for item in items]
        assert keys == sorted(set(keys))
        size = 1
        if operation.id != "listDetentions":
            # Without what the public does not follow.
            seen = " WHERE public_seq IS NOT NULL" if operation.id == "listChanges" else ""
            ((size,),) = large.conn.execute(f"SELECT count(*) FROM {TABLES[operation.id]}{seen}")
            assert size >= 100_000
    assert len(items) == size
    rows = table(answers["csv"])
    name = {"listChanges": "seq", "listComparisons": "claim.id"}.get(operation.id, "id")
    assert [row[name] for row in rows] == [str(key(item)) for item in items]


def test_the_feed_comes_out_of_an_index_and_sorts_nothing(
    large: Any, statements: Statements
) -> None:
    for limit in (1, 50, 200):
        statements.clear()
        feed = large.stranger.get("/v1/feed", limit=limit, format="jsonfeed")
        assert len(feed["items"]) == limit
        ((statement, parameters),) = [(q, p) for q, p in statements if p and "limit" in p]
        for plan in plans(large.conn, statement, parameters):
            assert list(plan_faults(plan)) == []
            assert "Index" in str(plan)


def test_a_search_and_a_match_read_no_whole_table(large: Any, statements: Statements) -> None:
    """Also not where as many are looked for as can be, and everybody bears the name."""
    for many in (1, 500):
        people = [{"name": f"Ana Otero{n}", "birth_date": "1971-05-04"} for n in range(many)]
        large.editor.post("/v1/detainees/match", {"items": people}, 200)
    for q in ("ana", "Ana Otero5", "otero5", "A. Otero", "nobody"):
        assert len(large.stranger.get("/v1/detainees", q=q, limit=200)["items"]) <= 200
    run = [(q, p) for q, p in statements if isinstance(p, Mapping) and "SELECT" in str(q)]
    assert sum("detainee_spellings" in str(q) for q, _ in run) == 7
    assert sum("word_deletions" in str(q) for q, _ in run) == 7
    for statement, parameters in run:
        for plan in plans(large.conn, statement, parameters):
            assert [fault for fault in plan_faults(plan) if "Scan" in fault] == []


@pytest.mark.parametrize(
    "operation",
    [o for o in CONTRACT.operations if "{id}" in o.path or o.writes],
    ids=lambda o: o.id,
)
def test_no_request_for_one_record_reads_a_whole_table(
    large: Any, statements: Statements, operation: document.Operation
) -> None:
    Session(large.editor, statements.clear).do(operation.id)
    # LOCK and SET have no plan, and statements without parameters read no table of records.
    run = {
        statement: parameters
        for statement, parameters in statements
        if isinstance(parameters, Mapping) and not re.search("^(LOCK|SET)", statement, re.MULTILINE)
    }
    assert run
    for statement, parameters in run.items():
        for plan in plans(large.conn, statement, parameters)[:1]:
            whole = [fault for fault in plan_faults(plan) if "Scan" in fault]
            assert whole == [], (statement, parameters)


# Queries.

VERBS = {
    *("add", "append", "begin", "count", "delete", "exist", "find", "get", "insert", "list"),
    *("lock", "retract", "revoke", "settle", "supersede", "undo", "unlock", "update", "upsert"),
    *("void", "withdraw"),
}
# LOCK and SET have no plan to be explained: these are run.
WITHOUT_A_PLAN = {
    *(
        "database/begin_export",
        "database/begin_import",
        "database/begin_long",
        "database/begin_snapshot",
    ),
    *("affiliations/lock_shared", "affiliations/lock_exclusive"),
}


@pytest.mark.parametrize("name", FILES)
def test_every_query_says_why_and_is_named_by_what_it_does(name: str) -> None:
    file = FILES[name]
    first, *rest = file.read_text("utf-8").splitlines()
    assert re.match(r"-- \S.*[a-z,.]", first)
    assert rest
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*/[a-z]+(_[a-z]+)*", name)
    assert file.stem.partition("_")[0] in VERBS
    assert not re.search(r"\bSELECT \*|\w\.\*", "\n".join(rest))


def test_every_query_is_used_and_every_query_used_is_there() -> None:
    assert FILES.keys() - strings() == set()
    used = first_arguments("run", "one", "rows", "read", place=1) | first_arguments("One", place=1)
    used |= first_arguments("Page")
    assert {name for name in used if isinstance(name, str) and "/" in name} <= FILES.keys()


def none_few_and_all(conditions: Sequence[str]) -> Iterator[frozenset[str]]:
    """None of the conditions, each one, each two, all but one and all of them."""
    sizes = {0, 1, 2, len(conditions) - 1, len(conditions)}
    for size in sorted(size for size in sizes if 0 <= size <= len(conditions)):
        yield from map(frozenset, combinations(conditions, size))


def conditions_of(name: str) -> list[str]:
    text = (queries.SQL / "queries" / f"{name}.sql").read_text("utf-8")
    named = re.findall(r" -- (?:if|unless) (\w+(?: or \w+)*)", text)
    return sorted({condition for words in named for condition in words.split(" or ")})


# What only follows from other conditions: which rows are looked at, and for which group.
FOLLOWS = {"event", "detention", "person", "grouped", *(f"by_{name}" for name in PROPERTIES)}


def combinations_of_conditions(name: str) -> Iterator[frozenset[str]]:
    """Those of a query's conditions that callers choose, with those that follow from them: for
    each property by which its rows are grouped, and for none."""
    conditions = conditions_of(name)
    groups: list[str | None] = [None]
    groups += [by.removeprefix("by_") for by in conditions if by.startswith("by_")]
    for group_by in groups:
        for given in none_few_and_all([c for c in conditions if c not in FOLLOWS]):
            filters = {condition: condition for condition in given}
            yield given | set(counts._looked_at(filters, group_by)) & set(conditions)


def test_every_condition_is_met_by_some_combination() -> None:
    for name in FILES:
        met = frozenset().union(*combinations_of_conditions(name))
        assert met == set(conditions_of(name)), name


def test_every_query_explains_with_its_conditions(conn: queries.Connection) -> None:
    for name in FILES:
        for given in combinations_of_conditions(name):
            text = queries.text(name, given)
            assert " -- if " not in text
            assert " -- unless " not in text
            names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", text)))
            numbered = re.sub(r"%\((\w+)\)s", lambda m, n=names: f"${n.index(m[1]) + 1}", text)
            if name in WITHOUT_A_PLAN:
                with conn.transaction(force_rollback=True):
                    conn.execute(text)
                continue
            try:
                conn.execute(f"EXPLAIN (GENERIC_PLAN) {numbered}")
            except psycopg.Error as error:
                pytest.fail(f"{name} with {sorted(given)}: {error}")


# Migrations.


def test_every_migration_is_numbered_and_has_one_subject() -> None:
    found = migrations.migrations()
    assert [migration.number for migration in found] == list(range(1, len(found) + 1))
    subjects = [migration.name for migration in found]
    assert len(set(subjects)) == len(subjects)
    for migration in found:
        tables = re.findall(r"^CREATE TABLE (\w+)", migration.sql, re.MULTILINE)
        assert not tables or migration.name in tables, f"{migration.name} makes {tables}"


def shape(conn: queries.Connection) -> Any:
    """Everything that migrations make: tables, columns, constraints, indexes, functions, views."""
    return [
        conn.execute(query).fetchall()
        for query in (
            "SELECT table_name, column_name, data_type, is_nullable, column_default"
            " FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2",
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)"
            " FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
            "SELECT proname, pg_get_functiondef(p.oid) FROM pg_proc p"
            " WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'"
            " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
            " ORDER BY 1",
            "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public' ORDER BY 1",
            "SELECT number, name, sha256 FROM migrations ORDER BY 1",
            "SELECT seq FROM ledger_head",
        )
    ]


def test_migrating_twice_is_migrating_once(conn: queries.Connection) -> None:
    before = shape(conn)
    said: list[str] = []
    migrations.migrate(conn, said.append)
    assert said == []
    assert shape(conn) == before
    assert migrations.pending(conn) == []


def test_two_that_migrate_at_once_migrate_once(server: str, conn: queries.Connection) -> None:
    said: list[str] = []

    def run(url: str) -> None:
        with connections.connect(url) as connection:
            migrations.migrate(connection, said.append)

    with cloned(server, "template1") as url:
        with ThreadPoolExecutor(4) as threads:
            for done in [threads.submit(run, url) for _ in range(4)]:
                done.result()
        with connections.connect(url) as connection:
            assert shape(connection) == shape(conn)
    assert len(said) == len(migrations.migrations())


def test_the_names_of_constraints_are_sentences(conn: queries.Connection) -> None:
    """What PostgreSQL names by itself says nothing to whoever reads a log. NOT NULL, primary keys
    and the keys of tables say by their table and columns what they hold."""
    named_by_itself = conn.execute(
        "SELECT conrelid::regclass || ': ' || conname AS name FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'x')"
        " AND conname ~ '_(check|fkey|excl)[0-9]*$' ORDER BY 1"
    ).fetchall()
    assert [row.name for row in named_by_itself] == []


def test_every_constraint_that_callers_are_told_of_is_there(conn: queries.Connection) -> None:
    there = {row.conname for row in conn.execute("SELECT conname FROM pg_constraint")}
    assert set(queries._FAULTS) <= there
