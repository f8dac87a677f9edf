"""Invalid requests: types, null, unknown fields, names, ids, days and moments in request bodies."""

from tests.whole_set.bad_input.invalid_requests import UNKNOWN_ID, quoted, wrong_body, wrong_query
from tests.whole_set.bad_input.valid_bodies import (
    affiliation,
    attestation,
    claim,
    detainee,
    detention,
    facility,
    release_event,
    source,
)

# Characters that no name may contain.
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
    "Hangul filler": "\u3164",
    "initial Hangul filler": "\u115f",
    "half-width Hangul filler": "\uffa0",
    "Khmer inherent vowel": "\u17b4",
    "blank Braille pattern": "\u2800",
    "private use": "\ue000",
    "private use beyond the BMP": "\U00100000",
    "stack of marks": "e\u0316\u0317\u0318\u0319",
    "stack of marks with a joiner": "e\u0316\u0317\u0318\u200d\u0319",
    "stack of marks with grapheme joiners": "e" + 3 * "\u0316\u0317\u0318\u034f",
    "enclosing marks": "e" + 4 * "\u20dd",
}

# Types are not coerced.
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
    "one character too many in a nested field",
    "/v1/detainees",
    detainee(external_ids=[{"scheme": "un", "value": "1"}, {"scheme": "UN", "value": "1"}]),
    "/external_ids/1/scheme",
)

# Null for required fields, and for fields that an update cannot empty.
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
    # Mass assignment: fields that only the service sets.
    for name in ("id", "created_at", "updated_at"):
        value = UNKNOWN_ID if name == "id" else "2026-01-08T00:00:00Z"
        options = {"method": "PATCH", "message": "Is read-only: leave it out."}
        wrong_body(f"{name} assigned: {path}", path, {name: value}, f"/{name}", **options)
for path, body in {
    "/v1/release-events/$event": {
        "verification": {"status": "confirmed"},
        "detainee_id": UNKNOWN_ID,
        "detention_id": UNKNOWN_ID,
    },
    "/v1/detainees/$detainee": {"custody": "released", "detention": None},
    "/v1/detentions/$detention": {"began_on": "2020-01-01", "detainee_id": UNKNOWN_ID},
    "/v1/sources/$source": {"affiliations": []},
    "/v1/affiliations/$affiliation": {"source_id": UNKNOWN_ID, "with_source_id": UNKNOWN_ID},
}.items():
    wrong_body(
        f"derived fields: {path}", path, body, *(f"/{name}" for name in body), method="PATCH"
    )
wrong_body(
    "an attestation with a verdict",
    "/v1/attestations",
    attestation(
        id=UNKNOWN_ID, voided_at=None, retracted_at=None, verification=None, recorded_order=1
    ),
    "/id",
    "/voided_at",
    "/retracted_at",
    "/verification",
    "/recorded_order",
)
wrong_body(
    "a new detainee who is released",
    "/v1/detainees",
    detainee(id=UNKNOWN_ID, custody="released", created_at="2026-01-08T00:00:00Z"),
    "/id",
    "/custody",
    "/created_at",
    message="Is read-only: leave it out.",
)

# Fields.
wrong_body(
    "an unknown field",
    "/v1/sources",
    source(colour="red"),
    "/colour",
    message="There is no such field. There are: name, kind, ",
)
wrong_body("a field in another case", "/v1/sources", source(Name="x"), "/Name")
wrong_body("a field that a pointer escapes", "/v1/sources", source(**{"a/b~c": 1}), "/a~1b~0c")
wrong_body("a field without a name", "/v1/sources", source(**{"": 1}), "/")
wrong_body(
    "a field named like a special method", "/v1/sources", source(__class__="x"), "/__class__"
)
wrong_body("a field named like one of marshmallow", "/v1/sources", source(_schema="x"), "/_schema")
wrong_body(
    "an unknown nested field",
    "/v1/detainees",
    detainee(external_ids=[{"scheme": "un", "value": "1", "by": "me"}]),
    "/external_ids/0/by",
)
wrong_body("no required field", "/v1/sources", {}, "/name", "/kind")
wrong_body(
    "every error at once",
    "/v1/attestations",
    {
        "release_event_id": "x",
        "stance": "perhaps",
        "basis": 1,
        "relays": [{"source_id": "x"}, {}, {"source_id": UNKNOWN_ID, "attestation_id": UNKNOWN_ID}],
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
    "several errors of references and times at once",
    "/v1/attestations",
    attestation(
        source_id=UNKNOWN_ID,
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
    "an empty relay",
    "/v1/attestations",
    attestation(basis="relayed", relays=[{}]),
    "/relays/0",
    message="Must have exactly 1 of these fields, not 0: attestation_id, source_id.",
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
    message = "has white space around it" if value.strip() == "Ana" else ""
    wrong_body(f"{name}: a name", "/v1/sources", source(name=value), "/name", message=message)
    wrong_body(
        f"{name}: a changed name",
        "/v1/detainees/$detainee",
        {"name": value},
        "/name",
        method="PATCH",
    )
wrong_body("4,001 letters of note", "/v1/attestations", attestation(note="n" * 4001), "/note")
wrong_body("a name of a megabyte", "/v1/sources", source(name="n" * 900_000), "/name")
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
    "braces": "{" + UNKNOWN_ID + "}",
    "a URN": f"urn:uuid:{UNKNOWN_ID}",
    "no dashes": UNKNOWN_ID.replace("-", ""),
    "dashes elsewhere": "019b9f3e0000-7000-8000-0000-00000000",
    "a digit too few": UNKNOWN_ID[:-1],
    "a space after": UNKNOWN_ID + " ",
    "a newline after": UNKNOWN_ID + "\n",
    "other digits": UNKNOWN_ID[:-1] + "\u0663",
    "empty": "",
    "a number as text": "1",
}.items():
    wrong_body(f"{name}: an id", "/v1/attestations", attestation(source_id=value), "/source_id")
    wrong_query(
        f"{name}: an id", "/v1/release-events", f"detainee_id={quoted(value)}", "/detainee_id"
    )
for path, body, pointer in (
    ("/v1/attestations", attestation(source_id=UNKNOWN_ID), "/source_id"),
    ("/v1/attestations", attestation(release_event_id=UNKNOWN_ID), "/release_event_id"),
    (
        "/v1/attestations",
        attestation(basis="relayed", relays=[{"source_id": UNKNOWN_ID}]),
        "/relays/0/source_id",
    ),
    (
        "/v1/attestations",
        attestation(basis="relayed", relays=[{"attestation_id": UNKNOWN_ID}]),
        "/relays/0/attestation_id",
    ),
    ("/v1/sources/$source/affiliations", affiliation(with_source_id=UNKNOWN_ID), "/with_source_id"),
    ("/v1/release-events", release_event(detainee_id=UNKNOWN_ID), "/detainee_id"),
    ("/v1/release-events", release_event(detention_id=UNKNOWN_ID), "/detention_id"),
    ("/v1/release-events", release_event(detention_id="$other_detention"), "/detention_id"),
    ("/v1/release-events", release_event(detainee_id="$never_held"), "/detainee_id"),
    ("/v1/detainees/$detainee/detentions", detention(facility_id=UNKNOWN_ID), "/facility_id"),
):
    wrong_body(f"an unknown id, or one of another kind of record: {body}", path, body, pointer)
wrong_body(
    "an unknown facility",
    "/v1/detentions/$detention",
    {"facility_id": UNKNOWN_ID},
    "/facility_id",
    method="PATCH",
)
wrong_body(
    "an attestation relayed twice, in upper and lower case",
    "/v1/attestations",
    attestation(
        basis="relayed", relays=[{"source_id": UNKNOWN_ID}, {"source_id": UNKNOWN_ID.upper()}]
    ),
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
    wrong_query(f"{value!r}: a moment in a query", "/v1/counts", f"as_of={quoted(value)}", "/as_of")
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
    "released before its detention",
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
    "a confidential source without a vouching organisation",
    "/v1/sources",
    {"name": "Voz", "kind": "witness", "confidential": True},
    "/vouched_by",
)
wrong_body(
    "an unknown vouching organisation",
    "/v1/sources",
    {"name": "Voz", "kind": "witness", "confidential": True, "vouched_by": UNKNOWN_ID},
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
    "a denial reason in a confirmation",
    "/v1/attestations",
    attestation(denial_reason="still_held"),
    "/denial_reason",
)
wrong_body(
    "retracted before publication",
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
for path in (
    "attestations/$attestation",
    "release-events/$event",
    "detentions/$detention",
    "claims/$claim",
    "affiliations/$affiliation",
):
    wrong_body("voided with an empty reason", f"/v1/{path}/void", {"reason": ""}, "/reason")
    wrong_body("voided without a reason", f"/v1/{path}/void", {}, "/reason")
for path, body in (
    ("/v1/release-events", release_event(announcement_id="$void_announcement")),
    ("/v1/claims", claim(announcement_id="$void_announcement")),
):
    wrong_body("a void announcement", path, body, "/announcement_id")
wrong_body(
    "a relay of a void claim",
    "/v1/claims",
    claim(kind="announced", relays=[{"claim_id": "$void_announcement"}]),
    "/relays/0/claim_id",
)
wrong_body(
    "a void detention",
    "/v1/release-events",
    release_event(detention_id="$void_detention"),
    "/detention_id",
)
wrong_body(
    "several errors of references and of the day of a release event at once",
    "/v1/release-events",
    release_event(detainee_id=UNKNOWN_ID, announcement_id=UNKNOWN_ID, occurred_on="2125-01-01"),
    "/detainee_id",
    "/announcement_id",
    "/occurred_on",
)
wrong_body(
    "several errors of a release event of a recorded person at once",
    "/v1/release-events",
    release_event(detention_id=UNKNOWN_ID, announcement_id=UNKNOWN_ID, occurred_on="2125-01-01"),
    "/detention_id",
    "/announcement_id",
    "/occurred_on",
)
for method, path, body in (
    ("POST", "/v1/detainees", detainee()),
    ("PATCH", "/v1/detainees/$held", {}),
):
    wrong_body(
        "several errors of the values of a person at once",
        path,
        body
        | {
            "name": "Person 7F3K2Q",
            "external_ids": [{"scheme": "cedula", "value": "S/N"}],
            "birth_date": "2125-01-01",
        },
        "/name",
        "/external_ids/0/value",
        "/birth_date",
        method=method,
    )
