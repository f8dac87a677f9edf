"""Bad input: what a caller is told, and that nothing is written by any of it.

The refusals are one table. Each case names its problem and every place that is at fault, and one
test holds all of them to the same: the status, a problem document that shows nothing of the
inside, and tables that are what they were, to the byte.
"""

import hashlib
import io
import json
import random
import re
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.rows import tuple_row
from werkzeug.test import TestResponse

from api import auth
from api.app import create_app
from api.contract import document
from api.database import connections
from api.database.queries import Connection
from api.rendering import pagination
from tests.conftest import Api, cloned

UNKNOWN = "019b9f3e-0000-7000-8000-000000000000"

STATUS = {
    "validation-error": 422,
    "malformed-json": 400,
    "malformed-request": 400,
    "uri-too-long": 414,
    "headers-too-large": 431,
    "not-implemented": 501,
    "unauthenticated": 401,
    "forbidden": 403,
    "not-found": 404,
    "method-not-allowed": 405,
    "not-acceptable": 406,
    "conflict": 409,
    "release-event-exists": 409,
    "still-detained": 409,
    "import-outdated": 409,
    "idempotency-key-in-use": 409,
    "idempotency-key-reused": 422,
    "precondition-failed": 412,
    "relay-elsewhere": 422,
    "relay-from-the-future": 422,
    "published-in-the-future": 422,
    "relayed-without-origin": 422,
    "affiliation-period": 422,
    "body-too-large": 413,
    "unsupported-media-type": 415,
    "quota-exceeded": 429,
    "not-ready": 503,
    "busy": 503,
    "unanswered": 502,
    "internal-error": 500,
}

# A name may hold none of these, wherever it stands.
HIDDEN_CHARACTERS = {
    "NUL": "\u0000",
    "escape": "\u001b",
    "newline": "\n",
    "tab": "\t",
    "delete": "\u007f",
    "next line": "\u0085",
    "soft hyphen": "\u00ad",
    "Arabic letter mark": "\u061c",
    "zero-width space": "\u200b",
    "left-to-right mark": "\u200e",
    "line separator": "\u2028",
    "right-to-left override": "\u202e",
    "left-to-right isolate": "\u2066",
    "word joiner": "\u2060",
    "byte order mark": "\ufeff",
    "object replacement": "\ufffc",
    "noncharacter": "\uffff",
    "language tag": "\U000e0001",
    "tag letter": "\U000e0041",
}

TAKEN_NAMES = {
    "Arabic": "محمد بن عبد الله",
    "Burmese": "အောင်ဆန်းစုကြည်",
    "Han": "陈卫东",
    "Han beyond the BMP": "𠮷田",
    "Cyrillic": "Олена Коваль",
    "non-joiner inside": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "joiner inside": "ක්\u200dරිෂාන්",
    "apostrophes": "D'Arcy O\u2019Brien",
    "hyphen": "José-Luis Núñez",
    "one letter": "O",
    "one Han letter": "李",
    "no-break space inside": "Ana\u00a0Ruiz",
    "two hundred letters": "n" * 200,
    "what SQL would read": "Robert'); DROP TABLE sources;--",
    "what HTML would read": '<b>Ana</b> & "Co"',
    "percent and backslash": "100% \\ %s %(name)s {0}",
    "what sorts as another letter": "ﷺ",
}


def source(**more: Any) -> dict[str, Any]:
    return {"name": "Northgate Herald", "kind": "news_outlet", **more}


def facility(**more: Any) -> dict[str, Any]:
    return {"name": "Stonefield Prison", "country": "VE", **more}


def affiliation(**more: Any) -> dict[str, Any]:
    return {"with_source_id": "$other_source", "relation": "owned_by", **more}


def detainee(**more: Any) -> dict[str, Any]:
    return {"name": "Ilya Marek", **more}


def detention(**more: Any) -> dict[str, Any]:
    return {"detained_on": "2026-01-20", **more}


def release_event(**more: Any) -> dict[str, Any]:
    return {"detainee_id": "$detainee", "occurred_on": "2026-01-18", **more}


def attestation(**more: Any) -> dict[str, Any]:
    return {
        "release_event_id": "$event",
        "source_id": "$source",
        "stance": "confirms",
        "basis": "first_hand",
        "evidence": "report",
        "published_at": "2026-01-09T12:00:00Z",
        **more,
    }


def claim(**more: Any) -> dict[str, Any]:
    return {
        "source_id": "$source",
        "kind": "released",
        "value": 24,
        "as_of": "2026-01-09T12:00:00Z",
        "published_at": "2026-01-09T12:00:00Z",
        **more,
    }


@dataclass(frozen=True)
class Case:
    """A request that is refused. `$name` stands for a record of the world; `pointers` are all the
    places that `errors` names, in any order; none means that there is no `errors`."""

    name: str
    method: str
    path: str
    slug: str
    pointers: tuple[str, ...] = ()
    body: Any = None
    raw: bytes | None = None
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    scope: str | None = "edit"

    def __str__(self) -> str:
        return f"{self.slug}: {self.name}"


CASES: list[Case] = []


def refused(name: str, method: str, path: str, slug: str, *pointers: str, **more: Any) -> None:
    CASES.append(Case(name, method, path, slug, pointers, **more))


def wrong_body(name: str, path: str, body: Any, *pointers: str, method: str = "POST") -> None:
    refused(name, method, path, "validation-error", *pointers, body=body)


def malformed(name: str, raw: bytes, path: str = "/v1/sources") -> None:
    refused(name, "POST", path, "malformed-json", raw=raw)


def wrong_query(name: str, path: str, query: str, *pointers: str) -> None:
    refused(name, "GET", path, "validation-error", *pointers, query=query, scope=None)


def quoted(value: str) -> str:
    """A value as a query holds it, every byte percent-encoded."""
    return "".join(f"%{byte:02X}" for byte in value.encode())


# Types: nothing is coerced.
for value in (1, 1.5, True, [], {}, None, ["Ana"], {"en": "Ana"}):
    wrong_body(f"{value!r} for a name", "/v1/sources", source(name=value), "/name")
    wrong_body(f"{value!r} for a kind", "/v1/sources", source(kind=value), "/kind")
    wrong_body(
        f"{value!r} for a moment",
        "/v1/attestations",
        attestation(published_at=value),
        "/published_at",
    )
    wrong_body(
        f"{value!r} for an id", "/v1/attestations", attestation(source_id=value), "/source_id"
    )
for value in (1, 20260108, True, [], {}):
    wrong_body(f"{value!r} for a day", "/v1/detainees", detainee(birth_date=value), "/birth_date")
    wrong_body(f"{value!r} for a URL", "/v1/sources", source(url=value), "/url")
    wrong_body(
        f"{value!r} for a partial date",
        "/v1/detainees/$detainee/detentions",
        detention(detained_on=value),
        "/detained_on",
    )
for value in (1, True, "Ana", {}, None, "[]"):
    wrong_body(f"{value!r} for a list", "/v1/detainees", detainee(aliases=value), "/aliases")
for value in (1, "x", [], None, True):
    wrong_body(
        f"{value!r} for an object",
        "/v1/detainees",
        detainee(external_ids=[value]),
        "/external_ids/0",
    )
    wrong_body(
        f"{value!r} for a relay",
        "/v1/attestations",
        attestation(basis="relayed", relays=[value]),
        "/relays/0",
    )
wrong_body("a number in a list of names", "/v1/detainees", detainee(aliases=["A", 1]), "/aliases/1")
wrong_body(
    "one character too many, deep down",
    "/v1/detainees",
    detainee(external_ids=[{"scheme": "un", "value": "1"}, {"scheme": "UN", "value": "1"}]),
    "/external_ids/1/scheme",
)

# Null where something has to stand, and in a change that cannot empty it.
for name in ("relays", "release_kind"):
    wrong_body(f"null for {name}", "/v1/attestations", attestation(**{name: None}), f"/{name}")
for path, names in {
    "/v1/sources/$source": ("name", "kind"),
    "/v1/facilities/$facility": ("name", "aliases", "country"),
    "/v1/affiliations/$affiliation": ("relation",),
    "/v1/detainees/$detainee": ("name", "aliases", "age_group", "nationalities", "external_ids"),
    "/v1/detentions/$detention": ("whereabouts",),
    "/v1/release-events/$event": ("occurred_on",),
}.items():
    for name in names:
        wrong_body(f"{name} emptied", path, {name: None}, f"/{name}", method="PATCH")
    wrong_body(f"nothing to change: {path}", path, {}, "", method="PATCH")
    # Mass assignment: what only the service says.
    for name in ("id", "created_at", "updated_at"):
        value = UNKNOWN if name == "id" else "2026-01-08T00:00:00Z"
        wrong_body(f"{name} assigned: {path}", path, {name: value}, f"/{name}", method="PATCH")
for path, body in {
    "/v1/release-events/$event": {
        "verification": {"status": "confirmed"},
        "detainee_id": UNKNOWN,
        "detention_id": UNKNOWN,
    },
    "/v1/detainees/$detainee": {"custody": "released", "detention": None},
    "/v1/detentions/$detention": {"began_on": "2020-01-01", "detainee_id": UNKNOWN},
    "/v1/sources/$source": {"affiliations": []},
    "/v1/affiliations/$affiliation": {"source_id": UNKNOWN, "with_source_id": UNKNOWN},
}.items():
    wrong_body(
        f"what is derived: {path}", path, body, *(f"/{name}" for name in body), method="PATCH"
    )
wrong_body(
    "an attestation that comes with its verdict",
    "/v1/attestations",
    attestation(id=UNKNOWN, voided_at=None, retracted_at=None, verification=None, recorded_order=1),
    "/id",
    "/voided_at",
    "/retracted_at",
    "/verification",
    "/recorded_order",
)
wrong_body(
    "a detainee who comes released",
    "/v1/detainees",
    detainee(id=UNKNOWN, custody="released", created_at="2026-01-08T00:00:00Z"),
    "/id",
    "/custody",
    "/created_at",
)

# Fields.
wrong_body("an unknown field", "/v1/sources", source(colour="red"), "/colour")
wrong_body("a field in another case", "/v1/sources", source(Name="x"), "/Name")
wrong_body("a field that a pointer escapes", "/v1/sources", source(**{"a/b~c": 1}), "/a~1b~0c")
wrong_body("a field without a name", "/v1/sources", source(**{"": 1}), "/")
wrong_body("a field named as a dunder", "/v1/sources", source(__class__="x"), "/__class__")
wrong_body("a field named as marshmallow's own", "/v1/sources", source(_schema="x"), "/_schema")
wrong_body(
    "an unknown field, deep down",
    "/v1/detainees",
    detainee(external_ids=[{"scheme": "un", "value": "1", "by": "me"}]),
    "/external_ids/0/by",
)
wrong_body("nothing that is needed", "/v1/sources", {}, "/name", "/kind")
wrong_body(
    "every fault at once",
    "/v1/attestations",
    {
        "release_event_id": "x",
        "stance": "perhaps",
        "basis": 1,
        "relays": [{"source_id": "x"}, {}, {"source_id": UNKNOWN, "attestation_id": UNKNOWN}],
        "published_at": "yesterday",
        "url": "ftp://example.org",
        "content_sha256": "F" * 64,
        "language": "Spanish",
        "note": " ",
        "extra": 1,
    },
    "/release_event_id",
    "/source_id",
    "/stance",
    "/basis",
    "/relays/0/source_id",
    "/relays/1",
    "/relays/2",
    "/evidence",
    "/published_at",
    "/url",
    "/content_sha256",
    "/language",
    "/note",
    "/extra",
)
wrong_body(
    "several faults of meaning at once",
    "/v1/attestations",
    attestation(
        source_id=UNKNOWN,
        basis="relayed",
        denial_reason="other",
        published_at="2125-01-01T00:00:00Z",
    ),
    "/source_id",
    "/relays",
    "/denial_reason",
    "/published_at",
)
wrong_body(
    "a relay of nothing", "/v1/attestations", attestation(basis="relayed", relays=[{}]), "/relays/0"
)

# Names.
for name, character in HIDDEN_CHARACTERS.items():
    wrong_body(f"{name} in a name", "/v1/sources", source(name=f"Ana{character}Ruiz"), "/name")
    wrong_body(
        f"{name} in an alias", "/v1/detainees", detainee(aliases=[f"a{character}b"]), "/aliases/0"
    )
    if character not in "\n\t":
        wrong_body(
            f"{name} in a note", "/v1/attestations", attestation(note=f"a{character}b"), "/note"
        )
for name, value in {
    "empty": "",
    "only spaces": "   ",
    "only no-break spaces": "\u00a0\u00a0",
    "only an ideographic space": "\u3000",
    "only a joiner": "\u200d",
    "a space before": " Ana",
    "a space after": "Ana ",
    "a joiner after": "Ana\u200c",
    "a newline after": "Ana\n",
    "201 letters": "n" * 201,
}.items():
    wrong_body(f"{name}: a name", "/v1/sources", source(name=value), "/name")
    wrong_body(
        f"{name}: a changed name",
        "/v1/detainees/$detainee",
        {"name": value},
        "/name",
        method="PATCH",
    )
wrong_body("4,001 letters of note", "/v1/attestations", attestation(note="n" * 4001), "/note")
wrong_body("a megabyte of name", "/v1/sources", source(name="n" * 900_000), "/name")
wrong_body("a name twice", "/v1/detainees", detainee(aliases=["A", "B", "A"]), "/aliases")
wrong_body(
    "a name twice, once in NFC and once in NFD",
    "/v1/detainees",
    detainee(aliases=["Jos\u00e9", "Jose\u0301"]),
    "/aliases",
)
wrong_body(
    "51 aliases", "/v1/detainees", detainee(aliases=[f"A{i}" for i in range(51)]), "/aliases"
)
wrong_body(
    "a country twice", "/v1/detainees", detainee(nationalities=["VE", "VE"]), "/nationalities"
)
for value in ("ve", "VEN", "XX", "V", "", "UK"):
    wrong_body(f"{value!r} for a country", "/v1/facilities", facility(country=value), "/country")
for value in (
    "javascript:alert(1)",
    "//example.org",
    "https://",
    "https://a b",
    "https://ex.org/\u212a",
):
    wrong_body(f"{value!r} for a URL", "/v1/sources", source(url=value), "/url")
wrong_body(
    "a letter that only NFC makes ASCII",
    "/v1/attestations",
    attestation(language="en-\u212a\u212a"),
    "/language",
)

# Ids in bodies.
for name, value in {
    "braces": "{" + UNKNOWN + "}",
    "a URN": f"urn:uuid:{UNKNOWN}",
    "no dashes": UNKNOWN.replace("-", ""),
    "dashes elsewhere": "019b9f3e0000-7000-8000-0000-00000000",
    "a digit too few": UNKNOWN[:-1],
    "a space after": UNKNOWN + " ",
    "a newline after": UNKNOWN + "\n",
    "other digits": UNKNOWN[:-1] + "\u0663",
    "empty": "",
    "a number as text": "1",
}.items():
    wrong_body(f"{name}: an id", "/v1/attestations", attestation(source_id=value), "/source_id")
    wrong_query(
        f"{name}: an id", "/v1/release-events", f"detainee_id={quoted(value)}", "/detainee_id"
    )
for path, body, pointer in (
    ("/v1/attestations", attestation(source_id=UNKNOWN), "/source_id"),
    ("/v1/attestations", attestation(release_event_id=UNKNOWN), "/release_event_id"),
    (
        "/v1/attestations",
        attestation(basis="relayed", relays=[{"source_id": UNKNOWN}]),
        "/relays/0/source_id",
    ),
    (
        "/v1/attestations",
        attestation(basis="relayed", relays=[{"attestation_id": UNKNOWN}]),
        "/relays/0/attestation_id",
    ),
    ("/v1/sources/$source/affiliations", affiliation(with_source_id=UNKNOWN), "/with_source_id"),
    ("/v1/release-events", release_event(detainee_id=UNKNOWN), "/detainee_id"),
    ("/v1/release-events", release_event(detention_id=UNKNOWN), "/detention_id"),
    ("/v1/release-events", release_event(detention_id="$other_detention"), "/detention_id"),
    ("/v1/release-events", release_event(detainee_id="$never_held"), "/detainee_id"),
    ("/v1/detainees/$detainee/detentions", detention(facility_id=UNKNOWN), "/facility_id"),
):
    wrong_body(f"an id of nothing or of another: {body}", path, body, pointer)
wrong_body(
    "a facility of nothing",
    "/v1/detentions/$detention",
    {"facility_id": UNKNOWN},
    "/facility_id",
    method="PATCH",
)
wrong_body(
    "one attestation relayed twice, in two spellings",
    "/v1/attestations",
    attestation(basis="relayed", relays=[{"source_id": UNKNOWN}, {"source_id": UNKNOWN.upper()}]),
    "/relays",
)

# Days and moments.
for value in (
    "2026-02-30",
    "2026-02-29",
    "2026-13-01",
    "2026-00-10",
    "0000-01-01",
    "2026-1-8",
    "20260108",
    "2026-W02-4",
    "2026-01-08T00:00:00Z",
    "08/01/2026",
    "+2026-01-08",
    "12026-01-08",
    "\u0662\u0660\u0662\u0666-\u0660\u0661-\u0660\u0668",
    "2026-01-08\n",
    "infinity",
    "today",
    "",
):
    wrong_body(f"{value!r}: a day", "/v1/detainees", detainee(birth_date=value), "/birth_date")
for value in (
    "2026-01-09T12:00:00",
    "2026-01-09 12:00:00Z",
    "2026-01-09T12:00Z",
    "2026-01-09T12Z",
    "2026-01-09",
    "2026-01-09T12:00:00.1234567Z",
    "2026-01-09T12:00:00.Z",
    "2026-01-09T12:00:00,5Z",
    "2026-01-09T24:00:00Z",
    "2026-01-09T12:60:00Z",
    "2026-01-09T12:00:61Z",
    "2026-01-09T12:00:60Z",
    "2026-01-09T12:00:00+24:00",
    "2026-01-09T12:00:00+00:60",
    "2026-01-09T12:00:00+0100",
    "2026-01-09T12:00:00+01",
    "2026-01-09T12:00:00 +01:00",
    "2026-02-30T12:00:00Z",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "9999-12-31T23:59:60Z",
    "20260109T120000Z",
    "2026-01-09T12:00:00Z\n",
    "\u0662\u0660\u0662\u0666-\u0660\u0661-\u0660\u0669T12:00:00Z",
    "infinity",
    "now",
    "1767960000",
):
    wrong_body(
        f"{value!r}: a moment", "/v1/attestations", attestation(published_at=value), "/published_at"
    )
    wrong_query(f"{value!r}: a moment asked", "/v1/counts", f"as_of={quoted(value)}", "/as_of")
for value in (
    "2026-02-30",
    "2026-13",
    "0000",
    "26",
    "2026-1",
    "2026-00",
    "2026-01-",
    "2026-01-08-01",
    "\u0662\u0660\u0662\u0666",
    "2026\n",
    "9999",
    "2125-06",
):
    wrong_body(
        f"{value!r}: a partial date",
        "/v1/detainees/$detainee/detentions",
        detention(detained_on=value),
        "/detained_on",
    )
    wrong_body(
        f"{value!r}: a changed partial date",
        "/v1/detentions/$detention",
        {"detained_on": value},
        "/detained_on",
        method="PATCH",
    )
wrong_body("born in 9999", "/v1/detainees", detainee(birth_date="9999-12-31"), "/birth_date")
wrong_body(
    "released in 9999",
    "/v1/release-events",
    release_event(occurred_on="9999-12-31"),
    "/occurred_on",
)
wrong_body(
    "released in the year 1",
    "/v1/release-events",
    release_event(occurred_on="0001-01-01"),
    "/occurred_on",
)
wrong_body(
    "released before the detention named",
    "/v1/release-events",
    release_event(detention_id="$detention", occurred_on="2023-12-31"),
    "/occurred_on",
)
wrong_body(
    "moved to 9999",
    "/v1/release-events/$unattested",
    {"occurred_on": "9999-12-31"},
    "/occurred_on",
    method="PATCH",
)
wrong_body(
    "a minor entered as an adult",
    "/v1/detainees",
    detainee(birth_date="2020-02-29", age_group="adult"),
    "/age_group",
)
wrong_body(
    "a confidential source that nobody vouches for",
    "/v1/sources",
    {"name": "Voz", "kind": "witness", "confidential": True},
    "/vouched_by",
)
wrong_body(
    "a voucher that is not there",
    "/v1/sources",
    {"name": "Voz", "kind": "witness", "confidential": True, "vouched_by": UNKNOWN},
    "/vouched_by",
)
wrong_body(
    "a source that vouches for itself",
    "/v1/sources/$source",
    {"confidential": True, "vouched_by": "$source"},
    "/vouched_by",
    "/confidential",
    method="PATCH",
)
wrong_body(
    "a reason of denial in what confirms",
    "/v1/attestations",
    attestation(denial_reason="still_held"),
    "/denial_reason",
)
wrong_body(
    "retracted before it was published",
    "/v1/attestations/$attestation/retraction",
    {"retracted_at": "2026-01-09T00:00:00Z"},
    "/retracted_at",
)
wrong_body(
    "retracted in the year 1",
    "/v1/attestations/$attestation/retraction",
    {"retracted_at": "0001-01-01T00:00:00Z"},
    "/retracted_at",
)
wrong_body(
    "retracted in 9999",
    "/v1/attestations/$attestation/retraction",
    {"retracted_at": "9999-12-31T23:59:59Z"},
    "/retracted_at",
)
wrong_body("voided for no reason", "/v1/attestations/$attestation/void", {"reason": ""}, "/reason")
wrong_body("voided without a reason", "/v1/attestations/$attestation/void", {}, "/reason")

# Faults that callers can count on, each by its slug.
for name, body, pointers in (
    (
        "ends before it begins",
        affiliation(valid_from="2026-01-02T00:00:00Z", valid_until="2026-01-01T00:00:00Z"),
        ("/valid_until",),
    ),
    (
        "ends when it begins",
        affiliation(valid_from="2026-01-01T01:00:00+01:00", valid_until="2026-01-01T00:00:00Z"),
        ("/valid_until",),
    ),
    ("tied to itself", affiliation(with_source_id="$source"), ("/with_source_id",)),
    (
        "both",
        affiliation(
            with_source_id="$source",
            valid_from="2026-01-02T00:00:00Z",
            valid_until="2026-01-01T00:00:00Z",
        ),
        ("/with_source_id", "/valid_until"),
    ),
):
    refused(
        name, "POST", "/v1/sources/$source/affiliations", "affiliation-period", *pointers, body=body
    )
refused(
    "moved to end before it begins",
    "PATCH",
    "/v1/affiliations/$affiliation",
    "affiliation-period",
    "/valid_until",
    body={"valid_until": "2019-12-31T00:00:00Z"},
)
for name, slug, body, pointers in (
    ("nothing relayed", "relayed-without-origin", attestation(basis="relayed"), ("/relays",)),
    (
        "first hand, and relayed",
        "relayed-without-origin",
        attestation(relays=[{"source_id": "$other_source"}]),
        ("/basis",),
    ),
    (
        "unattributed, and relayed",
        "relayed-without-origin",
        attestation(basis="unattributed", relays=[{"attestation_id": "$attestation"}]),
        ("/basis",),
    ),
    (
        "of another event",
        "relay-elsewhere",
        attestation(basis="relayed", relays=[{"attestation_id": "$elsewhere"}]),
        ("/relays/0/attestation_id",),
    ),
    (
        "of the other stance",
        "relay-elsewhere",
        attestation(basis="relayed", stance="denies", relays=[{"attestation_id": "$attestation"}]),
        ("/relays/0/attestation_id",),
    ),
    (
        "before what it relays",
        "relay-from-the-future",
        attestation(
            basis="relayed",
            published_at="2026-01-09T09:59:59.999999Z",
            relays=[{"source_id": "$other_source"}, {"attestation_id": "$attestation"}],
        ),
        ("/relays/1/attestation_id",),
    ),
    (
        "in a hundred years",
        "published-in-the-future",
        attestation(published_at="2125-01-01T00:00:00Z"),
        ("/published_at",),
    ),
    (
        "at the end of time",
        "published-in-the-future",
        attestation(published_at="9999-12-31T23:59:59.999999Z"),
        ("/published_at",),
    ),
):
    refused(name, "POST", "/v1/attestations", slug, *pointers, body=body)
for day in ("2026-01-05", "2026-01-07", "2026-01-08", "2026-01-11"):
    refused(
        f"another event on {day}",
        "POST",
        "/v1/release-events",
        "release-event-exists",
        body=release_event(occurred_on=day),
    )
refused(
    "moved beside another event",
    "PATCH",
    "/v1/release-events/$unattested",
    "release-event-exists",
    body={"occurred_on": "2026-01-10"},
)
refused(
    "held already", "POST", "/v1/detainees/$held/detentions", "still-detained", body=detention()
)
for name, method, path, body in (
    (
        "an attested event moved",
        "PATCH",
        "/v1/release-events/$event",
        {"occurred_on": "2026-01-14"},
    ),
    (
        "retracted twice",
        "POST",
        "/v1/attestations/$retracted/retraction",
        {"retracted_at": "2026-01-10T00:00:00Z"},
    ),
    ("voided twice", "POST", "/v1/attestations/$voided/void", {"reason": "Entered twice."}),
    (
        "retracted when void",
        "POST",
        "/v1/attestations/$voided/retraction",
        {"retracted_at": "2026-01-10T00:00:00Z"},
    ),
):
    refused(name, method, path, "conflict", body=body)

# Merges and distinctions.
for action, field_ in (("merge", "into"), ("distinct-from", "detainee_id")):
    path = f"/v1/detainees/$detainee/{action}"
    for value in (None, 1, True, "x", "", [], {}, "{" + UNKNOWN + "}"):
        wrong_body(f"{value!r} for the other person", path, {field_: value}, f"/{field_}")
    wrong_body("no other person", path, {}, f"/{field_}")
    wrong_body("more than the other", path, {field_: "$held", "id": UNKNOWN}, "/id")
    wrong_body("the same person", path, {field_: "$detainee"}, f"/{field_}")
    for name in ("source", "event", "detention", "merge"):
        wrong_body(f"a {name} for a person", path, {field_: f"${name}"}, f"/{field_}")
    wrong_body("an unknown person", path, {field_: UNKNOWN}, f"/{field_}")
    unknown = f"/v1/detainees/{UNKNOWN}/{action}"
    refused("nobody", "POST", unknown, "not-found", body={field_: "$held"})
    merged = f"/v1/detainees/$merged/{action}"
    for name, at, other in (
        ("who was merged", merged, "$held"),
        ("beside who was merged", path, "$merged"),
        ("who was merged and the one they are", merged, "$never_held"),
        ("who were judged to be two", "/v1/detainees/$brother/" + action, "$never_held"),
        ("the other of who were judged", "/v1/detainees/$never_held/" + action, "$brother"),
    ):
        refused(f"{action} of {name}", "POST", at, "conflict", body={field_: other})
for what, word in (("merge", "undone"), ("distinction", "withdrawn")):
    path = f"/v1/{what}s/"
    refused(f"{what} {word} twice", "DELETE", f"{path}${word}", "conflict")
    refused(f"no such {what}", "GET", path + UNKNOWN, "not-found", scope=None)
    refused(f"no such {what} to end", "DELETE", path + UNKNOWN, "not-found")
    refused(f"a person for a {what}", "DELETE", f"{path}$detainee", "not-found")
    for method in ("PUT", "POST", "PATCH"):
        refused(f"{method} of a {what}", method, f"{path}${what}", "method-not-allowed", body={})
    refused(
        f"a query for ending a {what}",
        "DELETE",
        f"{path}${what}",
        "validation-error",
        "/force",
        query="force=1",
    )

# Claims.
for value in (1.5, "24", True, [], {}, -1, -0.5, 1_000_000_001, 2**31, 2**63, 10**300):
    wrong_body(f"{str(value)[:20]!r} for a figure", "/v1/claims", claim(value=value), "/value")
for name in ("NaN", "1e400", "01", "0x18"):
    malformed(f"the figure {name}", json.dumps(claim()).replace("24", name).encode(), "/v1/claims")
for name, values in {
    "kind": (None, 1, "Released", "arrested", ""),
    "qualifier": (None, 1, "circa", ""),
    "source_id": (None, 1, "x", ""),
    "as_of": (None, 1767960000, "2026-01-09", "2026-02-30T12:00:00Z", "now"),
    "published_at": (None, 1, "2026-01-09T12:00:00", "yesterday"),
    "window_start": (1, "2026-02-30", "2026-01", "2026-01-08T00:00:00Z", ""),
    "facility_id": (1, "x", ""),
    "age_group": (1, "child", ""),
    "nationality": (1, "ve", "XX", ""),
    "announcement_id": (1, "x", ""),
    "url": (1, "ftp://example.org", "javascript:alert(1)"),
    "note": (1, "", " ", "a\u0000b", "a\u202eb", "n" * 4001),
    "relays": (None, {}, "x", [1], [None]),
}.items():
    for value in values:
        pointer = f"/{name}/0" if value in ([1], [None]) else f"/{name}"
        wrong_body(
            f"{str(value)[:20]!r} for {name} of a claim",
            "/v1/claims",
            claim(**{name: value}),
            pointer,
        )
wrong_body("nothing of a claim", "/v1/claims", {}, "/source_id", "/kind", "/as_of", "/published_at")
wrong_body(
    "what is derived: a claim",
    "/v1/claims",
    claim(
        id=UNKNOWN,
        origins=[],
        retracted_at="2026-01-10T00:00:00Z",
        retraction_note=None,
        created_at="2026-01-10T00:00:00Z",
        verification=None,
    ),
    "/id",
    "/origins",
    "/retracted_at",
    "/retraction_note",
    "/created_at",
    "/verification",
)
wrong_body(
    "a claim that relays itself",
    "/v1/claims",
    claim(id=UNKNOWN, relays=[{"claim_id": UNKNOWN}]),
    "/id",
)
wrong_body(
    "every fault of a claim at once",
    "/v1/claims",
    {
        "source_id": "x",
        "kind": "perhaps",
        "value": -1,
        "qualifier": None,
        "as_of": "2026-01-09",
        "window_start": "2026-02-30",
        "facility_id": "x",
        "age_group": "child",
        "nationality": "ve",
        "announcement_id": "x",
        "relays": [{}, {"claim_id": "x"}, {"claim_id": UNKNOWN, "source_id": UNKNOWN}],
        "url": "//example.org",
        "note": "",
        "extra": 1,
    },
    "/source_id",
    "/kind",
    "/value",
    "/qualifier",
    "/as_of",
    "/published_at",
    "/window_start",
    "/facility_id",
    "/age_group",
    "/nationality",
    "/announcement_id",
    "/relays/0",
    "/relays/1/claim_id",
    "/relays/2",
    "/url",
    "/note",
    "/extra",
)
wrong_body(
    "several faults of meaning of a claim at once",
    "/v1/claims",
    claim(
        kind="announced",
        source_id=UNKNOWN,
        relays=[
            {"claim_id": UNKNOWN},
            {"claim_id": "$claim"},
            {"claim_id": "$later_announcement"},
            {"source_id": UNKNOWN},
        ],
        facility_id=UNKNOWN,
        announcement_id="$announcement",
        as_of="2125-01-01T00:00:00Z",
        window_start="2125-02-01",
    ),
    "/source_id",
    "/relays/0/claim_id",
    "/relays/1/claim_id",
    "/relays/2/claim_id",
    "/relays/3/source_id",
    "/facility_id",
    "/announcement_id",
    "/as_of",
    "/window_start",
)
wrong_body(
    "a figure that is published, and true, in a hundred years",
    "/v1/claims",
    claim(as_of="2125-01-01T00:00:00Z", published_at="2125-01-01T00:00:00Z"),
    "/as_of",
    "/published_at",
)
for name, body, pointer in (
    ("an unknown source", claim(source_id=UNKNOWN), "/source_id"),
    ("an unknown facility", claim(facility_id=UNKNOWN), "/facility_id"),
    ("an unknown announcement", claim(announcement_id=UNKNOWN), "/announcement_id"),
    ("the delivery of no announcement", claim(announcement_id="$claim"), "/announcement_id"),
    (
        "an announcement of an announcement",
        claim(kind="announced", announcement_id="$announcement"),
        "/announcement_id",
    ),
    ("an unknown claim", claim(relays=[{"claim_id": UNKNOWN}]), "/relays/0/claim_id"),
    (
        "an unknown source relayed",
        claim(relays=[{"claim_id": "$claim"}, {"source_id": UNKNOWN}]),
        "/relays/1/source_id",
    ),
    ("an attestation", claim(relays=[{"claim_id": "$attestation"}]), "/relays/0/claim_id"),
    ("a relay of nothing", claim(relays=[{}]), "/relays/0"),
    (
        "a relay of two",
        claim(relays=[{"claim_id": "$claim", "source_id": "$source"}]),
        "/relays/0",
    ),
    (
        "a relay of an attestation",
        claim(relays=[{"attestation_id": "$attestation"}]),
        "/relays/0/attestation_id",
    ),
    (
        "a source relayed twice, in two spellings",
        claim(relays=[{"source_id": UNKNOWN}, {"source_id": UNKNOWN.upper()}]),
        "/relays",
    ),
    (
        "21 relays",
        claim(relays=[{"source_id": UNKNOWN[:-2] + f"{i:02}"} for i in range(21)]),
        "/relays",
    ),
    ("true in a hundred years", claim(as_of="2125-01-01T00:00:00Z"), "/as_of"),
    ("true at the end of time", claim(as_of="9999-12-31T23:59:59.999999Z"), "/as_of"),
    ("since after it", claim(window_start="2026-01-11"), "/window_start"),
    ("since the end of time", claim(window_start="9999-12-31"), "/window_start"),
):
    wrong_body(f"a claim: {name}", "/v1/claims", body, pointer)
for name, slug, body, pointer in (
    (
        "of another kind",
        "relay-elsewhere",
        claim(relays=[{"claim_id": "$announcement"}]),
        "/relays/0/claim_id",
    ),
    (
        "of a figure of the same people",
        "relay-elsewhere",
        claim(kind="detained", relays=[{"source_id": "$source"}, {"claim_id": "$claim"}]),
        "/relays/1/claim_id",
    ),
    (
        "before what it relays",
        "relay-from-the-future",
        claim(published_at="2026-01-09T09:59:59.999999Z", relays=[{"claim_id": "$claim"}]),
        "/relays/0/claim_id",
    ),
    (
        "in a hundred years",
        "published-in-the-future",
        claim(published_at="2125-01-01T00:00:00Z"),
        "/published_at",
    ),
    (
        "at the end of time",
        "published-in-the-future",
        claim(published_at="9999-12-31T23:59:59.999999Z"),
        "/published_at",
    ),
):
    refused(f"a claim {name}", "POST", "/v1/claims", slug, pointer, body=body)
for name, body, pointer in (
    ("before it was published", {"retracted_at": "2026-01-09T09:59:59.999999Z"}, "/retracted_at"),
    ("in the year 1", {"retracted_at": "0001-01-01T00:00:00Z"}, "/retracted_at"),
    ("in a hundred years", {"retracted_at": "2125-01-01T00:00:00Z"}, "/retracted_at"),
    ("at the end of time", {"retracted_at": "9999-12-31T23:59:59Z"}, "/retracted_at"),
    ("at no moment", {"retracted_at": None}, "/retracted_at"),
    ("without a moment", {}, "/retracted_at"),
    ("with another figure", {"retracted_at": "2026-01-10T00:00:00Z", "value": 1}, "/value"),
):
    wrong_body(f"a claim retracted {name}", "/v1/claims/$claim/retraction", body, pointer)
refused(
    "a claim retracted twice",
    "POST",
    "/v1/claims/$retracted_claim/retraction",
    "conflict",
    body={"retracted_at": "2026-01-10T00:00:00Z"},
)
for name, id in {
    "of nothing": UNKNOWN,
    "of another kind": "$claim",
    "of a source": "$source",
}.items():
    wrong_body(
        f"an announcement {name}",
        "/v1/release-events",
        release_event(announcement_id=id),
        "/announcement_id",
    )
    wrong_body(
        f"an announcement {name}",
        "/v1/release-events/$event",
        {"announcement_id": id},
        "/announcement_id",
        method="PATCH",
    )
for value in (1, "x", "", []):
    wrong_body(
        f"{value!r} for an announcement",
        "/v1/release-events",
        release_event(announcement_id=value),
        "/announcement_id",
    )

# JSON.
malformed("nothing", b"")
malformed("a space", b" ")
malformed("half an object", b'{"name": "Ana"')
malformed("two values", b"{} {}")
malformed("a comma too many", b'{"name": "Ana",}')
malformed("single quotes", b"{'name': 'Ana'}")
malformed("a comment", b'{"name": "Ana" /* who */}')
malformed("a name twice", b'{"name": "Ana", "kind": "ngo", "name": "Eva"}')
malformed("a name twice, once escaped", b'{"name": "Ana", "kind": "ngo", "n\\u0061me": "Eva"}')
malformed("a name twice with the same value", b'{"name": "Ana", "name": "Ana", "kind": "ngo"}')
malformed(
    "a name twice, deep down",
    b'{"name": "A", "external_ids": [{"scheme": "a", "value": "1", "value": "2"}]}',
    "/v1/detainees",
)
malformed(
    "a name twice in an unknown field", b'{"name": "A", "kind": "ngo", "x": [{"y": 1, "y": 1}]}'
)
malformed("invalid UTF-8", b'{"name": "Ana \xff", "kind": "ngo"}')
malformed("Latin-1", '{"name": "José", "kind": "ngo"}'.encode("latin-1"))
malformed("overlong UTF-8", b'{"name": "Ana\xc0\xaf", "kind": "ngo"}')
malformed("a surrogate in UTF-8", b'{"name": "Ana\xed\xa0\x80", "kind": "ngo"}')
malformed("UTF-16", json.dumps(source()).encode("utf-16"))
malformed("UTF-16 without its mark", json.dumps(source()).encode("utf-16-le"))
malformed("UTF-32", json.dumps(source()).encode("utf-32-be"))
malformed("a byte order mark", b"\xef\xbb\xbf" + json.dumps(source()).encode())
malformed("a lone surrogate", b'{"name": "Ana \\ud800", "kind": "ngo"}')
malformed("a lone low surrogate", b'{"name": "\\udc00 Ana", "kind": "ngo"}')
malformed("surrogates the wrong way round", b'{"name": "\\udc00\\ud800", "kind": "ngo"}')
malformed("a lone surrogate in a field's name", b'{"name": "Ana", "kind": "ngo", "\\ud800": 1}')
malformed("a raw NUL", b'{"name": "Ana\x00", "kind": "ngo"}')
malformed("a raw newline in a string", b'{"name": "Ana\n", "kind": "ngo"}')
for number in (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e400",
    "-1e400",
    "01",
    "1.",
    ".5",
    "+1",
    "0x10",
    "1_000",
):
    malformed(f"the number {number}", f'{{"name": {number}, "kind": "ngo"}}'.encode())
malformed("an integer of 5,000 digits", b'{"name": ' + b"7" * 5000 + b', "kind": "ngo"}')
malformed("10,000 arrays, one in the other", b"[" * 10_000 + b"]" * 10_000)
malformed("10,000 objects, one in the other", b'{"a":' * 10_000 + b"1" + b"}" * 10_000)
malformed("half a megabyte of brackets", b"[" * 500_000)
for number in (2**31, 2**53, 2**63, 2**64, -(2**63) - 1, 10**300):
    refused(
        f"the number {number:.3g}",
        "POST",
        "/v1/sources",
        "validation-error",
        "/name",
        raw=f'{{"name": {number}, "kind": "ngo"}}'.encode(),
    )
for value in ([], [{}], "Ana", 1, True, None, "{}"):
    refused(
        f"{value!r} as a body",
        "POST",
        "/v1/sources",
        "validation-error",
        "",
        raw=json.dumps(value).encode(),
    )
    refused(
        f"{value!r} as a change",
        "PATCH",
        "/v1/sources/$source",
        "validation-error",
        "",
        raw=json.dumps(value).encode(),
    )
refused(
    "nesting 900 deep",
    "POST",
    "/v1/sources",
    "validation-error",
    "/x",
    raw=b'{"name": "Ana", "kind": "ngo", "x": ' + b"[" * 900 + b"]" * 900 + b"}",
)

# Media types.
for value in (
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/jsonp",
    "application/merge-patch+json",
    "json",
    "",
    "application/json, text/plain",
):
    refused(
        f"{value!r}",
        "POST",
        "/v1/sources",
        "unsupported-media-type",
        raw=json.dumps(source()).encode(),
        headers={"Content-Type": value},
    )
for value in ("gzip", "deflate", "br", "x"):
    refused(
        f"encoded with {value}",
        "POST",
        "/v1/sources",
        "unsupported-media-type",
        raw=json.dumps(source()).encode(),
        headers={"Content-Type": "application/json", "Content-Encoding": value},
    )
for value in ("latin1", "utf-16", '"iso-8859-1"'):
    # RFC 8259, section 8.1: JSON is UTF-8. What says otherwise is not what it says, or misread.
    refused(
        f"a charset of {value}",
        "POST",
        "/v1/sources",
        "unsupported-media-type",
        raw=json.dumps(source(name="José"), ensure_ascii=False).encode(),
        headers={"Content-Type": f"application/json; charset={value}"},
    )
refused(
    "no type and no body",
    "POST",
    "/v1/sources",
    "unsupported-media-type",
    raw=b"",
    headers={"Content-Type": ""},
)

# What is not offered.
for value in (
    "image/png",
    "text/html",
    "application/atom+xml",
    "application/problem+json",
    "application/json;q=0",
    "*/*;q=0",
    "x",
    "*",
    ";;",
    "\xff",
    "a/b," * 10_000,
):
    for path in ("/v1/sources", "/v1/claims", "/v1/counts", "/v1/sources/$source", "/healthz"):
        refused(
            f"{value[:20]!r}", "GET", path, "not-acceptable", headers={"Accept": value}, scope=None
        )
for value in ("application/ld+json", "text/csv", "text/html"):
    refused(
        f"{value!r} of a feed",
        "GET",
        "/v1/feed",
        "not-acceptable",
        headers={"Accept": value},
        scope=None,
    )
for path in (
    "/v1/sources/$source",
    "/v1/claims/$claim/delivery",
    "/v1/release-events/$event",
    "/v1/export",
):
    refused(
        "a table of one record",
        "GET",
        path,
        "not-acceptable",
        headers={"Accept": "text/csv"},
        scope=None,
    )
refused(
    "a write that wants a picture",
    "POST",
    "/v1/sources",
    "not-acceptable",
    body=source(),
    headers={"Accept": "image/png"},
)
refused(
    "a retraction that wants a table",
    "POST",
    "/v1/claims/$claim/retraction",
    "not-acceptable",
    body={"retracted_at": "2026-01-10T00:00:00Z"},
    headers={"Accept": "text/csv"},
)

# Size.
refused("10 MB of body", "POST", "/v1/sources", "body-too-large", raw=b" " * 10_000_000)
refused(
    "a byte too many", "POST", "/v1/sources", "body-too-large", raw=b" " * (document.MAX_BYTES + 1)
)
refused(
    "10 MB without a key",
    "POST",
    "/v1/sources",
    "unauthenticated",
    raw=b" " * 10_000_000,
    scope=None,
)
refused("10 MB of change", "PATCH", "/v1/sources/$source", "body-too-large", raw=b"[" * 10_000_000)

# Queries.
LISTS = (
    "/v1/sources",
    "/v1/facilities",
    "/v1/detainees",
    "/v1/detainees/$detainee/detentions",
    "/v1/release-events",
    "/v1/attestations",
    "/v1/claims",
    "/v1/comparisons",
    "/v1/changes",
)
for path in LISTS:
    for value in (
        "0",
        "201",
        "1e9",
        "1000000000",
        "-1",
        "%205",
        "%2B5",
        "+5",
        "5%20",
        "%D9%A3",
        "5.0",
        "0x5",
        "1_0",
        "",
        "five",
        "null",
        "9" * 5000,
        "%00",
        "5%00",
        "5%0A",
    ):
        wrong_query(f"limit={value[:20]}", path, f"limit={value}", "/limit")
    wrong_query("an unknown parameter", path, "colour=red", "/colour")
    wrong_query("a parameter in another case", path, "LIMIT=5", "/LIMIT")
    wrong_query("a parameter without a name", path, "=5", "/")
    wrong_query("a key in the query", path, "key=constancia_x", "/key")
    wrong_query("a parameter twice", path, "limit=5&limit=5", "/limit")
    wrong_query("a parameter twice, once escaped", path, "limit=5&%6cimit=6", "/limit")
    wrong_query("an unknown parameter twice", path, "x=1&x=2", "/x", "/x")
    wrong_query("invalid UTF-8", path, "limit=%FF", "")
    wrong_query("invalid UTF-8 in a parameter's name", path, "%C3=1", "")
    wrong_query("a surrogate", path, "limit=%ED%A0%80", "")
for query, pointers in {
    "limit=0&colour=red&cursor=%20": ("/limit", "/colour", "/cursor"),
    "limit=0&limit=1&x=1": ("/limit", "/x"),
}.items():
    wrong_query(f"several faults at once: {query}", "/v1/sources", query, *pointers)
for query in ("q=%zz", "q=100%", "q=%4", "q=%C3%28"):
    wrong_query(f"invalid percent-encoding: {query}", "/v1/detainees", query, "")
for value in ("", "%20", "%00", "a%00b", "%E2%80%AE", "a%0Ab", "n" * 201, "%20a", "+a"):
    wrong_query(f"q={value[:20]}", "/v1/detainees", f"q={value}", "/q")
wrong_query("q twice", "/v1/detainees", "q=Ana&q=Eva", "/q")
for value in (
    "-1",
    "9007199254740992",
    "9223372036854775808",
    "18446744073709551616",
    "1e3",
    "",
    "x",
):
    wrong_query(f"after={value}", "/v1/changes", f"after={value}", "/after")
wrong_query("changes have no cursor", "/v1/changes", "cursor=abc", "/cursor")
LISTS_WITH_CURSOR = tuple(path for path in LISTS if path != "/v1/changes")
for path in LISTS_WITH_CURSOR:
    for value in (
        "",
        "%20",
        "abc",
        "A",
        "AAAA",
        "a" * 200,
        "a" * 201,
        "%2B%2F%3D",
        "..%2F",
        "1",
        UNKNOWN,
        "%00",
        "%E2%84%AA",
        "AAAAAAAAAAAA_w",
    ):
        wrong_query(f"cursor={value[:20]}", path, f"cursor={value}", "/cursor")
    wrong_query("a cursor of no table", path, "format=csv&cursor=abc", "/cursor")
for query, pointer in {
    "min_sources=0": "/min_sources",
    "min_sources=6": "/min_sources",
    "min_sources=2.0": "/min_sources",
    "facility_id=x": "/facility_id",
    "nationality=ve": "/nationality",
    "nationality=": "/nationality",
    "age_group=child": "/age_group",
    "sex=F": "/sex",
    "sex=null": "/sex",
    "release_kind=FULL": "/release_kind",
    "occurred_from=2026-02-30": "/occurred_from",
    "occurred_until=0000-01-01": "/occurred_until",
    "as_of=2125-01-01T00:00:00Z": "/as_of",
    "recorded_as_of=2125-01-01T00:00:00Z": "/recorded_as_of",
    "as_of=9999-12-31T23:59:59Z": "/as_of",
    "as_of=2026-01-09T12:00:00+00:00": "/as_of",
    "as_of=": "/as_of",
    "group_by=colour": "/group_by",
    "group_by=": "/group_by",
    "group_by=SEX": "/group_by",
    "group_by=sex,age_group": "/group_by",
    "group_by=sex&group_by=age_group": "/group_by",
    "announcement_id=x": "/announcement_id",
    "announcement_id=": "/announcement_id",
    f"announcement_id={UNKNOWN}%00": "/announcement_id",
}.items():
    wrong_query(query, "/v1/counts", query, pointer)
    if query.startswith(("min_sources", "as_of", "recorded_as_of")):
        wrong_query(query, "/v1/release-events/$event/verification", query, pointer)
        wrong_query(query, "/v1/claims/$announcement/delivery", query, pointer)
    if query.startswith(("min_sources", "recorded_as_of")):
        wrong_query(query, "/v1/claims/$claim/comparison", query, pointer)
        wrong_query(query, "/v1/comparisons", query, pointer)
    if not query.startswith(("as_of", "group_by")):
        wrong_query(query, "/v1/counts/timeline", f"from=2026-01-08&{query}", pointer)
for path in ("/v1/claims/$claim/comparison", "/v1/comparisons"):
    wrong_query("its moment is the claim's", path, "as_of=2026-01-09T12:00:00Z", "/as_of")
wrong_query("grouped", "/v1/counts/timeline", "from=2026-01-08&group_by=sex", "/group_by")
for query, pointer in {
    "kind=": "/kind",
    "kind=RELEASED": "/kind",
    "kind=arrested": "/kind",
    "kind=released&kind=detained": "/kind",
    "source_id=x": "/source_id",
    "announcement_id=x": "/announcement_id",
    "value=24": "/value",
}.items():
    wrong_query(query, "/v1/claims", query, pointer)
    wrong_query(query, "/v1/comparisons", query, pointer)
for query, pointer in {
    "facility_id=x": "/facility_id",
    "nationality=ve": "/nationality",
    "age_group=child": "/age_group",
}.items():
    wrong_query(query, "/v1/comparisons", query, pointer)
    wrong_query(query, "/v1/claims", query, pointer)

# Time zones: no file is read but a zone's, whatever it is called.
for value in (
    "",
    "Mars/Olympus",
    "america/caracas",
    "America",
    "America/",
    "/America/Caracas",
    "America//Caracas",
    "localtime",
    "Factory",
    "posixrules",
    "zone.tab",
    "tzdata.zi",
    "__init__",
    "../etc/passwd",
    "..%2F..%2Fetc%2Fpasswd",
    "/etc/passwd",
    "/dev/zero",
    "%2Fetc%2Flocaltime",
    "UTC%00",
    "UTC%0A",
    "%20UTC",
    "+04:00",
    "-04:00",
    "A" * 64,
    "A" * 65,
    "A" * 5000,
):
    for path in (
        "/v1/counts",
        "/v1/release-events/$event/verification",
        "/v1/claims/$claim/comparison",
        "/v1/claims/$announcement/delivery",
        "/v1/comparisons",
    ):
        wrong_query(f"time_zone={value[:30]}", path, f"time_zone={value}", "/time_zone")
    wrong_query(
        f"time_zone={value[:30]}",
        "/v1/counts/timeline",
        f"from=2026-01-08&time_zone={value}",
        "/time_zone",
    )
wrong_query(
    "no zone, and no moment",
    "/v1/counts",
    "time_zone=Mars/Olympus&as_of=2025-02-30T00:00:00Z",
    "/as_of",
    "/time_zone",
)

# Lists to be matched.
for name, body, pointers in (
    ("nothing to match", {}, ("/items",)),
    ("nobody to match", {"items": []}, ("/items",)),
    ("501 people to match", {"items": [{"name": "Ana Prueba"}] * 501}, ("/items",)),
    ("a person to match without a name", {"items": [{}]}, ("/items/0/name",)),
    (
        "all wrong with people to match",
        {
            "items": [
                {"name": "Ana Prueba"},
                {"name": "a\0b", "birth_date": "1974-13", "sex": "x", "nationalities": ["ve"]},
                {"name": "Ana", "external_ids": [{"scheme": "A B", "value": ""}], "age": 50},
            ]
        },
        (
            "/items/1/birth_date",
            "/items/1/name",
            "/items/1/nationalities/0",
            "/items/1/sex",
            "/items/2/age",
            "/items/2/external_ids/0/scheme",
            "/items/2/external_ids/0/value",
        ),
    ),
):
    wrong_body(name, "/v1/detainees/match", body, *pointers)

# Imports; what is wrong with a list itself is in test_imports.py.
LIST = {"raw": b"name\nAna Prueba\n", "headers": {"Content-Type": "text/csv"}}
for query, pointers in {
    "": ("/mode",),
    "mode=": ("/mode",),
    "mode=Preview": ("/mode",),
    "mode=preview&mode=apply": ("/mode",),
    "mode=preview&mapping=": ("/mapping",),
    "mode=preview&mapping=%00%00": ("/mapping",),
    "mode=preview&mapping=null": ("/mapping",),
    "mode=preview&mapping=[[[": ("/mapping",),
    "mode=preview&mapping=" + "[" * 2000: ("/mapping",),
    "mode=preview&date_order=dmy": ("/date_order",),
    "mode=preview&source_id=7": ("/source_id",),
    "mode=preview&source_id=" + UNKNOWN: ("/published_at", "/basis"),
    "mode=preview&basis=hearsay&evidence=x&release_kind=x": (
        *("/basis", "/evidence", "/release_kind"),
    ),
    "mode=preview&published_at=2026-01-09": ("/published_at",),
    "mode=preview&rows=1": ("/rows",),
}.items():
    refused(
        f"an import: {query[:40]}",
        "POST",
        "/v1/imports",
        "validation-error",
        *pointers,
        query=query,
        **LIST,
    )
for name, body, pointers in (
    ("nothing to apply", {}, ("/import_id",)),
    (
        "an unknown decision",
        {"import_id": UNKNOWN, "decisions": [{"row": 1}]},
        ("/decisions/0/decision",),
    ),
    ("too many decisions", {"import_id": UNKNOWN, "decisions": [1] * 200_001}, ("/decisions",)),
):
    refused(
        name, "POST", "/v1/imports", "validation-error", *pointers, query="mode=apply", body=body
    )
refused(
    "an import that is not there",
    "POST",
    "/v1/imports",
    "not-found",
    query="mode=apply",
    body={"import_id": UNKNOWN},
)
refused(
    "a list to apply", "POST", "/v1/imports", "unsupported-media-type", query="mode=apply", **LIST
)
refused("a list without a key", "POST", "/v1/imports", "unauthenticated", scope=None, **LIST)
refused("a list by who hands out keys", "POST", "/v1/imports", "forbidden", scope="admin", **LIST)
CASE = {
    "raw": b'{"case": "x"}',
    "headers": {"Content-Type": "application/vnd.constancia.case+json"},
    "query": "mode=preview",
}
for name, scope, slug in (
    ("a case without a key", None, "unauthenticated"),
    ("a case by who may not edit", "contribute", "forbidden"),
    ("a case by who hands out keys", "admin", "forbidden"),
):
    refused(name, "POST", "/v1/imports", slug, scope=scope, **CASE)
refused(
    "a case without a name",
    "POST",
    "/v1/imports",
    "validation-error",
    "/case",
    **{**CASE, "raw": b"{}"},
)
refused(
    "a case to apply",
    "POST",
    "/v1/imports",
    "unsupported-media-type",
    **{**CASE, "query": "mode=apply"},
)
refused(
    "decisions that are not JSON",
    "POST",
    "/v1/imports",
    "malformed-json",
    query="mode=apply",
    raw=b"{",
)

# Timelines.
for query, pointers in {
    "": ("/from",),
    "from=": ("/from",),
    "until=2026-01-09": ("/from",),
    "from=2026": ("/from",),
    "from=2026-01": ("/from",),
    "from=2026-1-8": ("/from",),
    "from=2026-02-30": ("/from",),
    "from=2026-13-01": ("/from",),
    "from=0000-01-01": ("/from",),
    "from=0001-01-01": ("/from",),
    "from=0001-01-01T00:00:00Z": ("/from",),
    "from=0001-12-31&bucket=month": ("/from",),
    "from=1000-01-01&bucket=month": ("/bucket",),
    "from=9999-12-31": ("/from",),
    "from=9999-12-31T23:59:59Z": ("/from",),
    "from=9999-12-31T23:59:59-14:00": ("/from",),
    "from=2125-01-01": ("/from",),
    "from=2125-01-01T00:00:00Z": ("/from",),
    "from=2026-01-08T00:00:00": ("/from",),
    "from=2026-01-08T25:00:00Z": ("/from",),
    "from=2026-01-08T00:00:60Z": ("/from",),
    "from=2026-01-08T00:00:00+00:00": ("/from",),
    "from=2026-01-08%00": ("/from",),
    "from=today": ("/from",),
    "from=" + "2" * 5000: ("/from",),
    "from=2026-01-08&from=2026-01-09": ("/from",),
    "from=2026-01-08&until=": ("/until",),
    "from=2026-01-08&until=2026-02-30": ("/until",),
    "from=2026-01-08&until=9999-12-31": ("/until",),
    "from=2026-01-08&until=9999-12-31T23:59:59.999999Z": ("/until",),
    "from=2026-01-08&until=2125-01-01": ("/until",),
    "from=2026-01-08&until=2026-01-07": ("/from",),
    "from=2026-01-08&until=0001-01-01": ("/from",),
    "from=2026-01-08T00:00:00Z&until=2026-01-08T00:00:00Z": ("/from",),
    "from=2026-01-08T00:00:00Z&until=2026-01-08T01:00:00%2B01:00": ("/from",),
    "from=2026-01-08&until=2026-01-07T23:59:59.999999Z": ("/from",),
    "from=2125-01-01&until=2125-01-02": ("/from", "/until"),
    "from=2026-02-30&until=2026-02-31": ("/from", "/until"),
    "from=2026-01-08&bucket=": ("/bucket",),
    "from=2026-01-08&bucket=year": ("/bucket",),
    "from=2026-01-08&bucket=DAY": ("/bucket",),
    "from=2026-01-08&bucket=minute": ("/bucket",),
    "from=2025-11-01&until=2025-12-31&bucket=hour": ("/bucket",),
    "from=0002-01-01&bucket=hour": ("/bucket",),
    "from=2020-01-01&until=2025-12-31&bucket=day": ("/bucket",),
    "from=1900-01-01&until=2025-12-31&bucket=week": ("/bucket",),
    "from=2026-01-08&limit=5": ("/limit",),
    "from=2026-01-08&as_of=2026-01-09T12:00:00Z": ("/as_of",),
    "From=2026-01-08": ("/From", "/from"),
    "from_=2026-01-08": ("/from_", "/from"),
    "bucket=year&time_zone=%20&min_sources=0": ("/from", "/bucket", "/time_zone", "/min_sources"),
}.items():
    wrong_query(f"a timeline: {query[:60]}", "/v1/counts/timeline", query, *pointers)

# Forms.
for path in (*LISTS, "/v1/counts", "/v1/claims/$claim/comparison"):
    for value in ("", "xml", "CSV", "jsonld", "atom", "text/csv", "csv%00", "csv,json"):
        wrong_query(f"format={value}", path, f"format={value}", "/format")
    wrong_query("a format twice", path, "format=csv&format=json", "/format")
for path, words in {
    "/v1/feed": ("json", "csv", "rss", ""),
    "/v1/release-events/$event": ("csv", "ndjson", "atom", ""),
    "/v1/export": ("json", "csv", "ndjson"),
    "/v1/claims/$announcement/case": ("json", "ndjson"),
    "/v1/sources/$source": ("json", "csv"),
    "/v1/claims/$claim": ("json", "csv"),
    "/v1/claims/$announcement/delivery": ("json", "csv"),
    "/v1/release-events/$event/verification": ("json", "csv"),
    "/healthz": ("json",),
}.items():
    for value in words:
        wrong_query(f"format={value}", path, f"format={value}", "/format")
refused(
    "a format of a write",
    "POST",
    "/v1/sources",
    "validation-error",
    "/format",
    body=source(),
    query="format=json",
)
for value in ("0", "201", "-1", "1.0", "five", ""):
    wrong_query(f"limit={value}", "/v1/feed", f"limit={value}", "/limit")
for name in ("cursor", "after", "status", "since"):
    wrong_query(f"a feed by {name}", "/v1/feed", f"{name}=1", f"/{name}")
wrong_query(
    "two moments ahead",
    "/v1/counts",
    "as_of=2125-01-01T00:00:00Z&recorded_as_of=2125-01-01T00:00:00Z",
    "/as_of",
    "/recorded_as_of",
)
for path in (
    "/healthz",
    "/readyz",
    "/openapi.json",
    "/docs",
    "/v1/sources/$source",
    "/v1/detentions/$detention",
    "/v1/export",
    "/v1/claims/$announcement/case",
):
    wrong_query("takes no parameters", path, "x=1", "/x")
wrong_query("100 parameters", "/v1/sources", "&".join("x" for _ in range(100)), "/x", "/x")
wrong_query("101 parameters", "/v1/sources", "&".join("x" for _ in range(101)), "")
wrong_query("only ampersands", "/v1/sources", "&" * 8000, "")
refused(
    "a parameter of a write",
    "POST",
    "/v1/sources",
    "validation-error",
    "/dry_run",
    body=source(),
    query="dry_run=1",
)

# Paths.
RECORDS = (
    "/v1/sources",
    "/v1/affiliations",
    "/v1/facilities",
    "/v1/detainees",
    "/v1/detentions",
    "/v1/release-events",
    "/v1/attestations",
    "/v1/claims",
)
for path in RECORDS:
    for value in (
        UNKNOWN,
        "0",
        "x",
        "null",
        f"%7B{UNKNOWN}%7D",
        f"urn:uuid:{UNKNOWN}",
        UNKNOWN.replace("-", ""),
        f"{UNKNOWN}%0A",
        f"%20{UNKNOWN}",
        "%00",
        "%FF",
        "%27%20OR%201=1--",
        "..%2F..%2Fetc%2Fpasswd",
        "9" * 3000,
    ):
        refused(f"no such record: {value[:50]}", "GET", f"{path}/{value}", "not-found", scope=None)
for path in (
    "/v1/sources",
    "/v1/facilities",
    "/v1/affiliations",
    "/v1/detainees",
    "/v1/detentions",
    "/v1/release-events",
):
    body = (
        {"relation": "owned_by"}
        if "affil" in path
        else {"whereabouts": "known"}
        if "detentions" in path
        else {"place": None}
        if "events" in path
        else {"name": "Ana"}
    )
    for value in (UNKNOWN, "x"):
        refused(
            f"a change of no record: {value}", "PATCH", f"{path}/{value}", "not-found", body=body
        )
for method, path, body in (
    ("GET", "/v1/detainees/$no/detentions", None),
    ("GET", "/v1/release-events/$no/verification", None),
    ("POST", "/v1/sources/$no/affiliations", affiliation()),
    ("POST", "/v1/detainees/$no/detentions", detention()),
    ("POST", "/v1/attestations/$no/retraction", {"retracted_at": "2026-01-10T00:00:00Z"}),
    ("POST", "/v1/attestations/$no/void", {"reason": "Entered twice."}),
    ("GET", "/v1/claims/$no/comparison", None),
    ("GET", "/v1/claims/$no/delivery", None),
    ("GET", "/v1/claims/$no/case", None),
    ("POST", "/v1/claims/$no/retraction", {"retracted_at": "2026-01-10T00:00:00Z"}),
):
    for value in (UNKNOWN, "x", "$facility"):
        refused(
            f"{method} of no record", method, path.replace("$no", value), "not-found", body=body
        )
for path in (
    "/",
    "/v1",
    "/v1/",
    "/v2/sources",
    "/v1/sources/",
    "/v1/Sources",
    "/v1//sources",
    "/v1/claim",
    "/v1/timeline",
    "/v1/counts/",
    "/v1/counts/feed",
    "/v1/comparisons/$claim",
    "/v1/feed.atom",
    "/v1/sources/$source/x",
    "/favicon.ico",
    "/static/x",
    "/.env",
    "/docs/",
    "/docs/x",
    "/docs/..%2F..%2Fapi%2Fauth.py",
    "/problems",
    "/problems/",
    "/problems/no-such-problem",
    "/problems/X",
    "/problems/%FF",
    "/v1/sources%00",
    "/%F0%9F%92%A9",
    "/v1/sources;x=1",
):
    refused(f"no such path: {path}", "GET", path, "not-found", scope=None)
refused("a write to no such path", "POST", "/v1/nothing", "not-found", body={})
for name, path, query in (
    ("the delivery of no announcement", "/v1/claims/$claim/delivery", ""),
    ("a case of no announcement", "/v1/claims/$claim/case", ""),
    (
        "a comparison before the claim was recorded",
        "/v1/claims/$claim/comparison",
        "recorded_as_of=2026-01-01T00:00:00Z",
    ),
    (
        "a delivery before the announcement was recorded",
        "/v1/claims/$announcement/delivery",
        "recorded_as_of=0001-01-01T00:00:00Z",
    ),
    ("a table of no claim", f"/v1/claims/{UNKNOWN}/comparison", "format=csv"),
    ("a review of no event", f"/v1/release-events/{UNKNOWN}", "format=jsonld"),
):
    refused(name, "GET", path, "not-found", query=query, scope=None)

# Methods.
for method in ("PUT", "DELETE", "TRACE", "QUERY", "PATCH", "CONNECT", "BREW"):
    refused(f"{method} of a list", method, "/v1/sources", "method-not-allowed", body=source())
for method in ("PUT", "DELETE", "TRACE", "QUERY", "POST"):
    refused(
        f"{method} of a record", method, "/v1/release-events/$event", "method-not-allowed", body={}
    )
for path in (
    "/v1/attestations/$attestation",
    "/v1/claims/$claim",
    "/v1/claims/$claim/comparison",
    "/v1/comparisons",
    "/v1/counts",
    "/v1/counts/timeline",
    "/v1/feed",
    "/v1/export",
    "/v1/claims/$announcement/case",
    "/v1/changes",
    "/healthz",
):
    refused(f"a change of {path}", "PATCH", path, "method-not-allowed", body={})

# Keys.
WRITES = (
    ("POST", "/v1/sources", source(), "edit"),
    ("PATCH", "/v1/sources/$source", {"name": "Ana"}, "edit"),
    ("POST", "/v1/sources/$source/affiliations", affiliation(), "edit"),
    ("PATCH", "/v1/affiliations/$affiliation", {"relation": "member_of"}, "edit"),
    ("POST", "/v1/facilities", facility(), "edit"),
    ("PATCH", "/v1/facilities/$facility", {"name": "Ana"}, "edit"),
    ("POST", "/v1/attestations/$attestation/void", {"reason": "Entered twice."}, "edit"),
    ("POST", "/v1/detainees/$detainee/merge", {"into": "$held"}, "edit"),
    ("DELETE", "/v1/merges/$merge", {}, "edit"),
    ("POST", "/v1/detainees/$detainee/distinct-from", {"detainee_id": "$held"}, "edit"),
    ("DELETE", "/v1/distinctions/$distinction", {}, "edit"),
    # By an old id too: who may not write is not sent on.
    ("PATCH", "/v1/detainees/$merged", {"name": "Ana"}, "contribute"),
    ("POST", "/v1/detainees", detainee(), "contribute"),
    ("PATCH", "/v1/detainees/$detainee", {"name": "Ana"}, "contribute"),
    ("POST", "/v1/detainees/$detainee/detentions", detention(), "contribute"),
    ("PATCH", "/v1/detentions/$detention", {"whereabouts": "unknown"}, "contribute"),
    ("POST", "/v1/release-events", release_event(), "contribute"),
    ("PATCH", "/v1/release-events/$event", {"place": "Ana"}, "contribute"),
    ("POST", "/v1/attestations", attestation(), "contribute"),
    (
        "POST",
        "/v1/attestations/$attestation/retraction",
        {"retracted_at": "2026-01-10T00:00:00Z"},
        "contribute",
    ),
    ("POST", "/v1/claims", claim(), "contribute"),
    (
        "POST",
        "/v1/claims/$claim/retraction",
        {"retracted_at": "2026-01-10T00:00:00Z"},
        "contribute",
    ),
)
for method, path, body, scope in WRITES:
    refused(
        f"{method} {path} without a key", method, path, "unauthenticated", body=body, scope=None
    )
    for too_small in ("admin", "contribute") if scope == "edit" else ("admin",):
        refused(
            f"{method} {path} with a key of {too_small}",
            method,
            path,
            "forbidden",
            body=body,
            scope=too_small,
        )
refused(
    "a minor shown by a contributor",
    "PATCH",
    "/v1/detainees/$minor",
    "forbidden",
    body={"age_group": "adult"},
    scope="contribute",
)
FORMS_OF_NO_KEY = {
    "empty": "",
    "Basic": "Basic YWRtaW46YWRtaW4=",
    "no scheme": "$edit",
    "another scheme": "Token $edit",
    "nothing after the scheme": "Bearer",
    "a space after the scheme": "Bearer ",
    "two spaces": "Bearer  $edit",
    "a tab": "Bearer\t$edit",
    "a space at the end": "Bearer $edit x",
    "two keys": "Bearer $edit, Bearer $edit",
    "quotes": 'Bearer "$edit"',
    "upper case": "Bearer $EDIT",
    "a letter less": "Bearer $edit_cut",
    "a letter more": "Bearer $edit_",
    "unknown": "Bearer constancia_" + "A" * 43,
    "only the prefix": "Bearer constancia_",
    "the hash itself": "Bearer $hash",
    "of other characters": "Bearer constancia_\xff\xfe",
    "very long": "Bearer constancia_" + "A" * 100_000,
    "revoked": "Bearer $revoked",
    "ended": "Bearer $ended",
    "another's secret": "Bearer $of_another",
}
for name, value in FORMS_OF_NO_KEY.items():
    for method, path in (
        ("POST", "/v1/sources"),
        ("GET", "/v1/detainees"),
        ("GET", "/v1/detainees/$detainee"),
        ("GET", "/v1/export"),
        ("GET", "/v1/claims/$announcement/case"),
    ):
        refused(
            f"{name}: {method} {path}",
            method,
            path,
            "unauthenticated",
            body=source() if method == "POST" else None,
            headers={"Authorization": value},
            scope=None,
        )
refused(
    "the key in the query",
    "POST",
    "/v1/sources",
    "unauthenticated",
    body=source(),
    query="access_token=$edit",
    scope=None,
)
refused(
    "the key in the body",
    "POST",
    "/v1/sources",
    "unauthenticated",
    body=source(key="$edit"),
    scope=None,
)


@dataclass(frozen=True)
class World:
    """A small register with one of everything, which the bad input is about."""

    api: Api
    conn: Connection
    records: Mapping[str, str]

    def fill(self, value: Any) -> Any:
        """Puts the world's records where `$name` stands."""
        if isinstance(value, str):
            return re.sub(r"\$(\w+)", lambda m: self.records.get(m[1], m[0]), value)
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if isinstance(value, dict):
            return {name: self.fill(item) for name, item in value.items()}
        return value

    def send(self, case: Case) -> TestResponse:
        api = self.api if case.scope is None else self.api.scope(case.scope)
        options: dict[str, Any] = {
            "headers": self.fill(dict(case.headers)),
            "query_string": self.fill(case.query),
        }
        if case.raw is not None:
            options["data"] = case.raw
            options["headers"].setdefault("Content-Type", "application/json")
        elif case.body is not None:
            options["data"] = json.dumps(self.fill(case.body))
            options["headers"].setdefault("Content-Type", "application/json")
        return api.send(case.method, self.fill(case.path), **options)

    def store(self) -> dict[str, str]:
        """What every table holds, row by row: also a change that adds no row is seen."""
        return store(self.conn)


def store(conn: Connection) -> dict[str, str]:
    with conn.cursor(row_factory=tuple_row) as cursor:
        tables = cursor.execute(
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        ).fetchall()
        counted = " UNION ALL ".join(
            f"SELECT '{name}', count(*) || ' ' ||"
            f" coalesce(md5(string_agg(t::text, ' ' ORDER BY t::text)), '') FROM {name} t"
            for (name,) in tables
        )
        found = dict(cursor.execute(counted).fetchall())
    assert {"ledger_head", "ledger", "sources", "attestations", "verdicts", "keys"} <= set(found)
    return found


@contextmanager
def _world(server: str) -> Iterator[World]:
    with cloned(server) as url, connections.connect(url) as conn, connections.pool(url, 4) as pool:
        keys = {}
        for scope in ("contribute", "edit", "admin"):
            _, keys[scope] = auth.create_key(conn, scope, scope)
        for state, change in (
            ("revoked", "revoked_at = now()"),
            ("ended", "created_at = '2026-01-01', valid_until = now()"),
        ):
            id, keys[state] = auth.create_key(conn, state, "edit")
            conn.execute(cast(Any, f"UPDATE keys SET {change} WHERE id = %s"), [id])
        api = Api(create_app(pool).test_client(), keys.__getitem__)
        yield World(api, conn, _records(api.scope("edit"), keys))


@pytest.fixture(scope="module")
def world(server: str) -> Iterator[World]:
    with _world(server) as world:
        yield world


@pytest.fixture(scope="module")
def changing_world(server: str) -> Iterator[World]:
    """A world for what may be taken too."""
    with _world(server) as world:
        yield world


def _records(api: Api, keys: Mapping[str, str]) -> dict[str, str]:
    source_id, other = api.source("Northgate Herald"), api.source("Family Vigil")
    facility_id = api.post("/v1/facilities", facility())["id"]
    api.post("/v1/facilities", facility(name="Riverside Prison"))
    person, held = api.detainee("Ilya Marek"), api.detainee("Tomas Held")
    spell = api.detention(person, detained_on="2024-02", facility_id=facility_id)
    event = api.event(person, "2026-01-08")
    unattested = api.event(person, "2026-01-14")
    said = api.attest(event, source_id, "2026-01-09T10:00:00Z")["id"]
    records = {
        "source": source_id,
        "other_source": other,
        "affiliation": api.tie(source_id, other, valid_from="2020-01-01T00:00:00Z"),
        "facility": facility_id,
        "detainee": person,
        "held": held,
        "other_detention": api.detention(held, detained_on="2025"),
        "never_held": api.detainee("Vera Free"),
        "minor": api.detainee("Mina Small", age_group="minor"),
        "detention": spell,
        "event": event,
        "unattested": unattested,
        "attestation": said,
        "retracted": api.attest(event, source_id, "2026-01-09T11:00:00Z")["id"],
        "voided": api.attest(event, source_id, "2026-01-09T11:30:00Z")["id"],
    }
    other_event = api.event(held, "2026-01-08")
    records["elsewhere"] = api.attest(other_event, other, "2026-01-09T10:00:00Z")["id"]
    held_again = api.detainee("Bruno Held")
    api.detention(held_again, detained_on="2025-03-01")
    records["held"] = held_again
    path = "/v1/attestations/{}/{}"
    api.post(
        path.format(records["retracted"], "retraction"),
        {"retracted_at": "2026-01-10T00:00:00Z"},
        200,
    )
    api.post(path.format(records["voided"], "void"), {"reason": "Entered twice."}, 200)
    for name, more in {
        "claim": {"published_at": "2026-01-09T10:00:00Z"},
        "retracted_claim": {"value": None},
        "announcement": {"kind": "announced"},
        "later_announcement": {"kind": "announced", "published_at": "2026-01-10T00:00:00Z"},
    }.items():
        records[name] = api.post("/v1/claims", claim(source_id=source_id, **more))["id"]
    api.post(
        f"/v1/claims/{records['retracted_claim']}/retraction",
        {"retracted_at": "2026-01-10T00:00:00Z"},
        200,
    )
    _judge(api, records)
    edit = keys["edit"]
    return records | {
        "edit": edit,
        "EDIT": edit.upper(),
        "edit_cut": edit[:-1],
        "edit_": edit + "A",
        "hash": "constancia_" + hashlib.sha256(edit.encode()).hexdigest(),
        "revoked": keys["revoked"],
        "ended": keys["ended"],
        "of_another": edit[:-43] + keys["admin"][-43:],
    }


def _judge(api: Api, records: dict[str, str]) -> None:
    """Somebody who was merged, a merge that was undone, and the same of judgements."""
    records["merged"], records["brother"] = api.detainee("Vera Fre"), api.detainee("Vero Free")
    merge, distinct = "/v1/detainees/{merged}/merge", "/v1/detainees/{brother}/distinct-from"
    for word, what, path, body in (
        ("undone", "merge", merge, {"into": records["never_held"]}),
        ("withdrawn", "distinction", distinct, {"detainee_id": records["never_held"]}),
    ):
        records[word] = api.post(path.format(**records), body)["id"]
        ended = api.send("DELETE", f"/v1/{what}s/{records[word]}")
        assert ended.status_code == 200
        records[what] = api.post(path.format(**records), body)["id"]


@pytest.fixture
def nothing_written(world: World) -> Iterator[World]:
    """The world, of which nothing may have changed when the test is over."""
    before = world.store()
    yield world
    assert world.store() == before


# What would show the inside: SQL and its errors, Python and its files, the driver.
_INSIDE = re.compile(
    r"SELECT |INSERT |UPDATE |psycopg|postgres|constraint|relation \"|column \"|Traceback|"
    r"\.py\b|File \"|line \d+, in|/usr/|/home/|/tmp/|Exception|marshmallow|werkzeug|orjson|"
    r"<[a-z]+ |__",
    re.IGNORECASE,
)


def check_problem(response: TestResponse, slug: str) -> Any:
    """Holds an answer to what every problem document is (RFC 9457), and gives the document."""
    text = response.get_data(as_text=True)
    assert response.status_code == STATUS[slug], text
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = json.loads(text)
    assert problem["type"] == f"/problems/{slug}"
    assert problem["status"] == STATUS[slug]
    assert problem["title"] == document.load().problems[slug].title
    needed = {"type", "title", "status", "detail"}
    assert needed <= set(problem) <= needed | {"errors", "release_event_id"}
    assert problem["detail"].endswith(".") or slug == "release-event-exists"
    for error in problem.get("errors", ()):
        assert set(error) == {"pointer", "detail"}
        assert error["detail"]
    told = [problem["detail"], *(e["detail"] for e in problem.get("errors", ()))]
    assert not [t for t in told if _INSIDE.search(t)]
    assert ("release_event_id" in problem) == (slug == "release-event-exists")
    assert ("WWW-Authenticate" in response.headers) == (slug == "unauthenticated")
    assert ("Allow" in response.headers) == (slug == "method-not-allowed")
    return problem


@pytest.mark.parametrize("case", CASES, ids=str)
def test_bad_input_is_refused(nothing_written: World, case: Case) -> None:
    response = nothing_written.send(case)
    problem = check_problem(response, case.slug)
    pointers = [error["pointer"] for error in problem.get("errors", ())]
    assert sorted(pointers) == sorted(case.pointers), problem
    assert nothing_written.records["edit"] not in response.get_data(as_text=True)


def test_the_names_of_the_cases_are_their_own() -> None:
    """Two cases of one name would hide each other in a report."""
    keys = [(c.slug, c.name, c.method, c.path, c.query) for c in CASES]
    assert len(keys) == len(set(keys))


def test_every_problem_of_the_contract_is_reached() -> None:
    # Those that no request alone can bring about have tests of their own below, and
    # import-outdated in test_imports.py, where lists have theirs; those of writes that come again,
    # and of changes to what is another by now, in test_retries.py and test_validators.py; quotas in
    # test_limits.py; what is no request, in test_framing.py; no answer, in test_front.py.
    elsewhere = {"not-ready", "busy", "internal-error", "import-outdated", "quota-exceeded"}
    elsewhere |= {"idempotency-key-in-use", "idempotency-key-reused", "precondition-failed"}
    elsewhere |= {"malformed-request", "uri-too-long", "headers-too-large", "not-implemented"}
    elsewhere |= {"unanswered"}
    reached = {case.slug for case in CASES}
    assert reached.isdisjoint(elsewhere)
    assert reached | elsewhere == set(document.load().problems) == set(STATUS)


def test_the_release_event_that_exists_is_named(nothing_written: World) -> None:
    body = release_event(occurred_on="2026-01-10")
    case = Case("", "POST", "/v1/release-events", "release-event-exists", body=body)
    problem = check_problem(nothing_written.send(case), "release-event-exists")
    assert problem["release_event_id"] == nothing_written.records["event"]
    assert f"/v1/release-events/{nothing_written.records['event']}" in problem["detail"]


def test_a_refused_caller_learns_how_to_call(nothing_written: World) -> None:
    world = nothing_written
    denied = world.api.send("POST", "/v1/sources", json=source())
    assert denied.headers["WWW-Authenticate"].startswith("Bearer")

    def allowed(method: str, path: str) -> set[str]:
        return set(world.api.send(method, path).headers["Allow"].split(", "))

    record = f"/v1/sources/{world.records['source']}"
    assert allowed("PUT", "/v1/sources") == {"GET", "HEAD", "OPTIONS", "POST"}
    assert allowed("DELETE", record) == {"GET", "HEAD", "OPTIONS", "PATCH"}
    assert world.api.send("OPTIONS", record).status_code == 204
    assert allowed("OPTIONS", record) == {"GET", "HEAD", "OPTIONS", "PATCH"}


def test_a_key_works_whatever_the_case_of_its_scheme(world: World) -> None:
    """The scheme is case-insensitive (RFC 9110, section 11.1); no refusal above is for that."""
    for scheme in ("Bearer", "bearer", "BEARER"):
        headers = {"Authorization": f"{scheme} {world.records['edit']}"}
        assert world.api.send("GET", "/v1/detainees", headers=headers).status_code == 200


class _Body(io.BytesIO):
    """A body that tells how much of it was read."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        piece = super().read(size)
        self.taken += len(piece)
        return piece

    def readinto(self, buffer: Any) -> int:
        count = super().readinto(buffer)
        self.taken += count
        return count


def _chunked(api: Api, body: io.BytesIO) -> TestResponse:
    """Sends a body as gunicorn hands on a chunked one: without Content-Length."""
    return api.scope("edit").send(
        "POST",
        "/v1/sources",
        input_stream=body,
        headers={"Content-Type": "application/json", "Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )


def test_a_body_without_its_length_is_bounded_too(nothing_written: World) -> None:
    body = _Body(b" " * 10_000_000)
    check_problem(_chunked(nothing_written.api, body), "body-too-large")
    assert body.taken < 2 * document.MAX_BYTES


@pytest.mark.parametrize(
    "operation", [o for o in document.load().operations if o.writes], ids=lambda o: o.id
)
def test_a_body_is_as_large_as_the_contract_says(
    nothing_written: World, operation: document.Operation
) -> None:
    """In whichever way it is sent; and who has no key is told that first, whatever its size."""
    api = nothing_written.api

    def send(api: Api, size: int, framing: Mapping[str, str]) -> TestResponse:
        return api.send(
            operation.method.upper(),
            operation.path.replace("{id}", nothing_written.records["source"]),
            input_stream=io.BytesIO(b" " * size),
            query_string={"mode": "preview"} if operation.uploads else None,
            headers={"Content-Type": [*operation.uploads, "application/json"][0], **framing},
            environ_overrides={"wsgi.input_terminated": True},
        )

    for size in (operation.max_bytes, operation.max_bytes + 1):
        for framing in ({"Content-Length": str(size)}, {"Transfer-Encoding": "chunked"}):
            check_problem(send(api, size, framing), "unauthenticated")
            answer = send(api.scope("edit"), size, framing)
            assert (answer.status_code == 413) == (size > operation.max_bytes), framing


def test_a_body_without_its_length_is_not_cut(nothing_written: World) -> None:
    """What would be left of it is JSON, and means something else."""
    body = json.dumps(source()).encode().ljust(document.MAX_BYTES) + b"this is not JSON"
    check_problem(_chunked(nothing_written.api, io.BytesIO(body)), "body-too-large")


def test_a_body_without_its_length_is_taken(api: Api) -> None:
    raw = json.dumps(source()).encode()
    assert _chunked(api, io.BytesIO(raw)).status_code == 201
    assert _chunked(api, io.BytesIO(raw.ljust(document.MAX_BYTES))).status_code == 201


def test_a_body_that_claims_to_be_too_large_is_not_read(nothing_written: World) -> None:
    body = _Body(b" " * 10_000_000)
    response = nothing_written.api.scope("edit").send(
        "POST",
        "/v1/sources",
        input_stream=body,
        headers={"Content-Type": "application/json", "Content-Length": "10000000"},
    )
    check_problem(response, "body-too-large")
    assert body.taken == 0


@pytest.fixture(scope="module")
def cursors(world: World) -> dict[str, str]:
    """A true cursor of each list that has one."""
    found = {}
    for path in LISTS_WITH_CURSOR:
        if path == "/v1/detainees/$detainee/detentions":
            continue
        found[path] = world.api.get(path, limit=1)["next"]
    found["by event"] = world.api.get(
        "/v1/attestations", limit=1, release_event_id=world.records["event"]
    )["next"]
    found["by detainee"] = world.api.get(
        "/v1/release-events", limit=1, detainee_id=world.records["detainee"]
    )["next"]
    found["by name"] = world.api.get("/v1/detainees", limit=1, q="held")["next"]
    found["by kind"] = world.api.get("/v1/claims", limit=1, kind="announced")["next"]
    found["compared by kind"] = world.api.get("/v1/comparisons", limit=1, kind="announced")["next"]
    assert all(found.values())
    assert len(set(found.values())) == len(found)
    return found


def _refuses_cursor(world: World, path: str, cursor: str, **filters: str) -> None:
    response = world.api.send("GET", path, query_string={"cursor": cursor, **filters})
    problem = check_problem(response, "validation-error")
    assert [error["pointer"] for error in problem["errors"]] == ["/cursor"]


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/sources", "/v1/detainees", "/v1/release-events", "/v1/attestations"),
        *("/v1/claims", "/v1/comparisons"),
    ],
)
def test_a_cursor_of_another_list_is_refused(
    nothing_written: World, cursors: Mapping[str, str], path: str
) -> None:
    for name, cursor in cursors.items():
        if name != path:
            _refuses_cursor(nothing_written, path, cursor)


def test_a_cursor_of_another_filter_is_refused(
    nothing_written: World, cursors: Mapping[str, str]
) -> None:
    world, records = nothing_written, nothing_written.records
    _refuses_cursor(world, "/v1/attestations", cursors["by event"], source_id=records["source"])
    _refuses_cursor(
        world, "/v1/attestations", cursors["by event"], release_event_id=records["unattested"]
    )
    _refuses_cursor(
        world,
        "/v1/attestations",
        cursors["by event"],
        release_event_id=records["event"],
        source_id=records["source"],
    )
    _refuses_cursor(
        world, "/v1/release-events", cursors["by detainee"], detainee_id=records["held"]
    )
    _refuses_cursor(world, "/v1/detainees", cursors["by name"], q="marek")
    _refuses_cursor(world, "/v1/claims", cursors["by kind"], kind="released")
    _refuses_cursor(world, "/v1/claims", cursors["by kind"], source_id=records["source"])
    # Left out, the kind is released.
    for kind in ("announced", "detained"):
        _refuses_cursor(world, "/v1/comparisons", cursors["/v1/comparisons"], kind=kind)
    for name, value in {
        "source_id": records["source"],
        "facility_id": records["facility"],
        "nationality": "VE",
        "age_group": "adult",
        "announcement_id": records["announcement"],
        "recorded_as_of": "2026-01-10T00:00:00Z",
        "format": "csv",
    }.items():
        _refuses_cursor(world, "/v1/comparisons", cursors["compared by kind"], **{name: value})


def test_a_cursor_does_not_tell_how_a_list_is_shown(
    world: World, cursors: Mapping[str, str]
) -> None:
    query = {"kind": "announced", "min_sources": 3, "time_zone": "America/Caracas"}
    assert world.api.get("/v1/comparisons", cursor=cursors["compared by kind"], **query)["items"]


def test_a_cursor_of_who_sees_the_hidden_is_another(world: World) -> None:
    cursor = world.api.scope("edit").get("/v1/detainees", limit=1)["next"]
    _refuses_cursor(world, "/v1/detainees", cursor)


def test_a_cursor_that_somebody_made_is_refused(world: World) -> None:
    """Its digest is right, and what it names is no place in that list."""
    id, hidden = world.records["detainee"], {"sees_hidden": False}
    made = {
        f"0.953/{id}": hidden,
        id: {**hidden, "q": "held"},
        f"nan/{id}": {**hidden, "q": "held"},
        f"1e3/{id}": {**hidden, "q": "held"},
        "0.953/": {**hidden, "q": "held"},
    }
    for after, filters in made.items():
        cursor = pagination.encode("listDetainees", filters, after)
        more = {"q": "held"} if "q" in filters else {}
        _refuses_cursor(world, "/v1/detainees", cursor, **more)
    cursor = pagination.encode("listDetainees", {**hidden, "q": "held"}, f"0.000/{id}")
    assert world.api.get("/v1/detainees", q="held", cursor=cursor)["items"] == []


def test_a_cursor_with_one_byte_changed_is_refused(
    nothing_written: World, cursors: Mapping[str, str]
) -> None:
    cursor = cursors["/v1/sources"]
    for place in range(len(cursor)):
        other = "A" if cursor[place] != "A" else "B"
        _refuses_cursor(
            nothing_written, "/v1/sources", cursor[:place] + other + cursor[place + 1 :]
        )
    _refuses_cursor(nothing_written, "/v1/sources", cursor[:-1])
    _refuses_cursor(nothing_written, "/v1/sources", cursor + "A")
    world = nothing_written
    assert world.api.get("/v1/sources", cursor=cursor)["items"]


# What is taken, beside what is refused.


@pytest.mark.parametrize("name", TAKEN_NAMES.values(), ids=TAKEN_NAMES)
def test_a_name_is_taken_as_it_is_written(api: Api, name: str) -> None:
    editor = api.scope("edit")
    person = editor.post("/v1/detainees", detainee(name=name, aliases=[name[:100]]))
    assert person["name"] == name
    assert api.get(f"/v1/detainees/{person['id']}") == person
    assert [found["id"] for found in api.get("/v1/detainees", q=name)["items"]] == [person["id"]]
    assert editor.post("/v1/sources", source(name=name))["name"] == name
    assert editor.post("/v1/facilities", facility(name=name, region=name))["region"] == name


def test_what_is_stored_is_nfc(api: Api) -> None:
    editor = api.scope("edit")
    composed, decomposed = "Jos\u00e9 N\u00fa\u00f1ez", "Jose\u0301 Nu\u0301n\u0303ez"
    assert unicodedata.normalize("NFC", decomposed) == composed
    person = editor.post(
        "/v1/detainees",
        detainee(
            name=decomposed,
            aliases=[decomposed],
            occupation=decomposed,
            external_ids=[{"scheme": "un", "value": decomposed}],
        ),
    )
    assert (person["name"], person["aliases"], person["occupation"]) == (
        composed,
        [composed],
        composed,
    )
    assert person["external_ids"] == [{"scheme": "un", "value": composed}]
    changed = editor.patch(f"/v1/detainees/{person['id']}", {"aliases": [decomposed[:5]]})
    assert changed["aliases"] == [composed[:4]]
    for spelling in (composed, decomposed, "JOSE NUNEZ", "nunez jose"):
        assert len(api.get("/v1/detainees", q=spelling)["items"]) == 1


@pytest.mark.parametrize(
    "q", ["!!!", "%", "_", "\\", "a & (", "' OR 1=1 --", "*", "🕊", "\u0561" * 200]
)
def test_a_search_is_text_and_nothing_else(api: Api, q: str) -> None:
    api.scope("edit").detainee("Ilya Marek")
    assert api.get("/v1/detainees", q=q)["items"] == []


@pytest.mark.parametrize(
    "letters",
    [
        # Each is one character that a search spells out as a word of six.
        [chr(c) for c in range(0x3300, 0x3358)],
        [chr(c) for c in range(0x20000, 0x2A6DF)],
        ["\ufdfa", "\ufdfb", "\u0390", "\ufb03"],
    ],
    ids=["squared words", "rare Han", "ligatures"],
)
def test_a_name_of_one_long_word_is_taken(api: Api, letters: list[str]) -> None:
    """The longest words that there can be: those that compress least are the longest to store."""
    editor = api.scope("edit")
    dice = random.Random(2026)
    longest = sorted(letters, key=lambda c: -len(unicodedata.normalize("NFKD", c).encode()))
    name = "".join(dice.choices(longest[: max(len(letters) // 3, 2)], k=200))
    id = editor.post("/v1/detainees", detainee(name=name))["id"]
    assert [found["id"] for found in api.get("/v1/detainees", q=name)["items"]] == [id]


MOMENTS = {
    "2026-01-09T12:25:00Z": "2026-01-09T12:25:00Z",
    "2026-01-09t12:25:00z": "2026-01-09T12:25:00Z",
    "2026-01-09T08:25:00-04:00": "2026-01-09T12:25:00Z",
    "2026-01-09T12:25:00.5+00:00": "2026-01-09T12:25:00.5Z",
    "2026-01-09T12:25:00.123456Z": "2026-01-09T12:25:00.123456Z",
    "2026-01-09T12:25:00.100000-00:00": "2026-01-09T12:25:00.1Z",
    "2024-02-29T23:59:59+14:00": "2024-02-29T09:59:59Z",
    "2016-12-31T23:59:60Z": "2017-01-01T00:00:00Z",
    "2016-12-31T18:59:60-05:00": "2017-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z": "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00-14:00": "0001-01-01T14:00:00Z",
}


@pytest.mark.parametrize(("given_moment", "told"), MOMENTS.items())
def test_a_moment_is_taken_with_any_offset(api: Api, given_moment: str, told: str) -> None:
    editor = api.scope("edit")
    person = editor.detainee("Ilya Marek")
    editor.detention(person)
    event = editor.event(person, "2026-01-08")
    said = editor.attest(event, editor.source("Northgate Herald"), given_moment)
    assert said["published_at"] == told
    assert said["verification"]["status"] == "reported"
    quoted = {"as_of": given_moment}
    assert api.get("/v1/counts", **quoted)["as_of"] == told
    assert api.get("/v1/counts", **quoted)["reported"] == 1
    assert api.get(f"/v1/release-events/{event}/verification", **quoted)["as_of"] == told


def test_the_ends_of_time_are_asked_for(api: Api) -> None:
    editor = api.scope("edit")
    person = editor.detainee("Ilya Marek", birth_date="0001-01-01")
    spell = editor.detention(person, detained_on="0001")
    event = editor.event(person, "0001-01-01")
    a, b = editor.source("Northgate Herald"), editor.source("Family Vigil")
    tie = editor.tie(
        a, b, valid_from="0001-01-01T00:00:00Z", valid_until="9999-12-31T23:59:59.999999Z"
    )
    editor.attest(event, a, "0001-01-01T00:00:00Z")
    answer = api.get(
        "/v1/counts",
        as_of="0001-01-01T00:00:00Z",
        occurred_from="0001-01-01",
        occurred_until="9999-12-31",
    )
    assert answer["reported"] == 1
    assert api.get("/v1/counts", recorded_as_of="0001-01-01T00:00:00Z")["reported"] == 0
    changed = editor.patch(f"/v1/affiliations/{tie}", {"valid_until": None})
    assert changed["valid_from"] == "0001-01-01T00:00:00Z"
    assert editor.patch(f"/v1/detentions/{spell}", {"detained_on": None})["detained_on"] is None


def test_ids_are_taken_in_upper_case(api: Api) -> None:
    """RFC 9562, section 4: a UUID is read in either case, and written in lower."""
    editor = api.scope("edit")
    id = editor.source("Northgate Herald")
    assert api.get(f"/v1/sources/{id.upper()}")["id"] == id
    person = editor.detainee("Ilya Marek")
    editor.detention(person)
    event = editor.event(person.upper(), "2026-01-08")
    said = editor.attest(event.upper(), id.upper(), "2026-01-09T10:00:00Z")
    assert (said["source_id"], said["release_event_id"]) == (id, event)
    assert len(api.get("/v1/attestations", source_id=id.upper())["items"]) == 1


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
    ],
)
def test_json_is_taken_by_its_type(api: Api, content_type: str) -> None:
    response = api.scope("edit").send(
        "POST",
        "/v1/sources",
        data=json.dumps(source()),
        headers={"Content-Type": content_type},
    )
    assert response.status_code == 201


def test_a_body_of_the_largest_size_is_taken(api: Api) -> None:
    raw = json.dumps(source()).encode().ljust(document.MAX_BYTES)
    headers = {"Content-Type": "application/json"}
    assert (
        api.scope("edit").send("POST", "/v1/sources", data=raw, headers=headers).status_code == 201
    )


# The work and the answer stay small, however much is wrong.


@pytest.mark.parametrize(
    "body",
    [
        source() | {f"x{i}": 1 for i in range(50_000)},
        source(name=[1] * 200_000),
        {"name": "Ana", "aliases": [1] * 200_000},
        {"name": "Ana", "external_ids": [{}] * 100_000},
    ],
    ids=["unknown fields", "a list for a name", "wrong items", "empty objects"],
)
def test_a_body_with_countless_faults_gets_a_short_answer(
    nothing_written: World, body: Mapping[str, Any]
) -> None:
    path = "/v1/sources" if "kind" in body else "/v1/detainees"
    response = nothing_written.api.scope("edit").send("POST", path, json=body)
    check_problem(response, "validation-error")
    assert len(response.get_data()) < 100_000


def _steps(work: Callable[[], Any]) -> float:
    """What a piece of work costs this thread, in processor time."""
    before = time.thread_time()
    work()
    return time.thread_time() - before


# Each gives a body that is refused, of as many parts as are asked for.
BODIES_THAT_GROW: dict[str, tuple[str, Callable[[int], str]]] = {
    "different aliases": (
        "validation-error",
        lambda count: json.dumps(detainee(aliases=[f"a{i}" for i in range(count)])),
    ),
    "names, one of which stands twice": (
        "malformed-json",
        lambda count: "{" + ",".join(f'"{i}":1' for i in [*range(count), count - 1]) + "}",
    ),
    "accents in no order": (
        "validation-error",
        lambda count: json.dumps(detainee(name="a" + "\u0315\u0300" * count)),
    ),
}


@pytest.mark.parametrize("kind", BODIES_THAT_GROW)
def test_the_work_grows_with_the_body_and_no_faster(nothing_written: World, kind: str) -> None:
    """Ten times the parts may cost ten times the work, and some; not a hundred times."""
    slug, body = BODIES_THAT_GROW[kind]
    editor = nothing_written.api.scope("edit")

    def send(count: int) -> None:
        headers = {"Content-Type": "application/json"}
        response = editor.send("POST", "/v1/detainees", data=body(count), headers=headers)
        check_problem(response, slug)

    send(1000)
    small = min(_steps(lambda: send(800)) for _ in range(3))
    assert min(_steps(lambda: send(8000)) for _ in range(2)) < 40 * small


# What no request alone brings about.


def test_a_database_without_migrations_is_not_ready(server: str) -> None:
    with cloned(server, "template1") as url, connections.pool(url, 1) as pool:
        client = create_app(pool).test_client()
        check_problem(client.get("/readyz"), "not-ready")
        assert client.get("/healthz").status_code == 200


def test_a_service_without_a_free_connection_is_busy(database: str) -> None:
    pool = connections.pool(database, 1)
    pool.timeout = 0.1
    with pool, pool.connection():
        response = create_app(pool).test_client().get("/v1/sources")
    check_problem(response, "busy")
    assert int(response.headers["Retry-After"]) >= 1


def test_a_failure_of_the_service_shows_nothing_of_it(
    api: Api, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    conn.execute("ALTER TABLE sources RENAME COLUMN url TO elsewhere")
    response = api.scope("edit").send("POST", "/v1/sources", json=source(name="Zoraida Quintal"))
    check_problem(response, "internal-error")
    assert "elsewhere" not in response.get_data(as_text=True)
    assert "Traceback" in caplog.text or "File" in caplog.text
    assert "Zoraida" not in caplog.text


# Anything at all.

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def _bodies(draw: st.DrawFn) -> tuple[str, str, bytes]:
    """A write, and bytes for it: of no sense, JSON of no sense, or a body with a part replaced."""
    method, path, body, _ = draw(st.sampled_from(WRITES))
    kind = draw(st.sampled_from(["bytes", "json", "part", "cut"]))
    if kind == "bytes":
        return method, path, draw(st.binary(max_size=200))
    if kind == "json":
        return method, path, json.dumps(draw(_JSON)).encode()
    if kind == "part":
        name = draw(st.sampled_from([*body, "relays", "aliases", "external_ids"]))
        return method, path, json.dumps({**body, name: draw(_JSON)}).encode()
    raw = bytearray(json.dumps(body).encode())
    place = draw(st.integers(0, len(raw) - 1))
    raw[place : place + draw(st.integers(0, 5))] = draw(st.binary(max_size=5))
    return method, path, bytes(raw)


@settings(max_examples=400, deadline=None)
@given(_bodies())
def test_no_bytes_at_all_are_an_error_of_the_service(
    changing_world: World, request_: tuple[str, str, bytes]
) -> None:
    """The few that are taken change this world; whatever is refused must not."""
    method, path, raw = request_
    before = changing_world.store()
    response = changing_world.send(Case("", method, path, "", raw=raw))
    assert response.status_code < 500, response.get_data(as_text=True)
    if response.status_code >= 400:
        check_problem(response, response.get_json(force=True)["type"].removeprefix("/problems/"))
        assert changing_world.store() == before
