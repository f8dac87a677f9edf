"""Invalid requests: errors with a slug of their own, conflicts, merges and distinctions."""

from tests.whole_set.bad_input.invalid_requests import UNKNOWN_ID, refused, wrong_body
from tests.whole_set.bad_input.valid_bodies import (
    affiliation,
    attestation,
    detainee,
    detention,
    facility,
    release_event,
    source,
)

# The url of a pinned citation.
for url, message in (
    ("", "Must have"),
    ("/v1/counts?q=con espacio", "/v1/counts?q=con espacio"),
    ("https://elsewhere.example/v1/counts", "it is not on this service"),
    ("//elsewhere.example/v1/counts", "it is not on this service"),
    ("mailto:localhost", "it is not on this service"),
    ("http://[/v1/counts", "it is not a url"),
    ("v1/counts", "there is no figure at this path"),
    ("/v1/counts/", "there is no figure at this path"),
    ("/v1/comparisons", "the `url` of any `citation`"),
    ("/v1/counts/people", "there is no figure at this path"),
    ("/v1/release-events/$event", "there is no figure at this path"),
    (f"/v1/citations/{UNKNOWN_ID}", "there is no figure at this path"),
    ("/v1/counts?colour=red", "colour: There is no such parameter"),
    ("/v1/counts?as_of=yesterday", "as_of: "),
    ("/v1/counts?as_of=2126-01-01T00:00:00Z", "as_of: Is in the future"),
    ("/v1/counts?recorded_as_of=2126-01-01T00:00:00Z", "recorded_as_of: Is in the future"),
    ("/v1/counts?facility_id=$source", "There is no facility with this id"),
    ("/v1/counts?min_sources=%zz", "percent-encoded"),
    ("/v1/counts/timeline", "from: "),
    ("/v1/differences?from=2026-01-01&cursor=AAAA", "leave out `cursor`"),
    ("/v1/release-events/1/verification", "its id is wrong"),
    (f"/v1/release-events/{UNKNOWN_ID}/verification", "There is no release event"),
    ("/v1/release-events/$void_event/verification", "voided"),
    ("/v1/claims/$claim/delivery", "There is no announcement"),
    ("/v1/claims/$void_announcement/comparison", "as a mistake in recording"),
):
    wrong_body(f"url={url}", "/v1/citations", {"url": url}, "/url", message=message)
wrong_body(
    "two faults of a url",
    "/v1/citations",
    {"url": "/v1/counts?colour=red&min_sources=9"},
    "/url",
    "/url",
    message="min_sources: Must be from 1 to 5",
)
wrong_body("no url", "/v1/citations", {}, "/url")

# Errors with a slug of their own.
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
    (
        "a source affiliated with itself",
        affiliation(with_source_id="$source"),
        ("/with_source_id",),
    ),
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
    (
        "relayed without a relay",
        "relayed-without-origin",
        attestation(basis="relayed"),
        ("/relays",),
    ),
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
        "before the relayed attestation",
        "relay-from-the-future",
        attestation(
            basis="relayed",
            published_at="2026-01-09T09:59:59.999999Z",
            relays=[{"source_id": "$other_source"}, {"attestation_id": "$attestation"}],
        ),
        ("/relays/1/attestation_id",),
    ),
    (
        "before the day of the release",
        "published-before-release",
        attestation(published_at="0001-01-01T00:00:00Z"),
        ("/published_at",),
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
    "another detention without a release",
    "POST",
    "/v1/detainees/$held/detentions",
    "still-detained",
    body=detention(),
)
VOIDING = {"reason": "Entered twice."}
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
    ("voided twice", "POST", "/v1/attestations/$voided/void", VOIDING),
    ("an event voided twice", "POST", "/v1/release-events/$void_event/void", VOIDING),
    ("a detention voided twice", "POST", "/v1/detentions/$void_detention/void", VOIDING),
    ("a claim voided twice", "POST", "/v1/claims/$void_announcement/void", VOIDING),
    ("an affiliation voided twice", "POST", "/v1/affiliations/$void_affiliation/void", VOIDING),
    ("a detention of a release event", "POST", "/v1/detentions/$detention/void", VOIDING),
    ("a void event changed", "PATCH", "/v1/release-events/$void_event", {"place": "Ana"}),
    ("a void detention changed", "PATCH", "/v1/detentions/$void_detention", {"charges": "None"}),
    (
        "a void affiliation changed",
        "PATCH",
        "/v1/affiliations/$void_affiliation",
        {"relation": "member_of"},
    ),
    (
        "a void claim retracted",
        "POST",
        "/v1/claims/$void_announcement/retraction",
        {"retracted_at": "2026-01-10T00:00:00Z"},
    ),
    (
        "an attestation of a void event",
        "POST",
        "/v1/attestations",
        attestation(release_event_id="$void_event"),
    ),
    ("an event of a void detention", "DELETE", "/v1/release-events/$void_event/void", None),
    ("an event that is not void", "DELETE", "/v1/release-events/$event/void", None),
    ("a detention that is not void", "DELETE", "/v1/detentions/$detention/void", None),
    ("a claim that is not void", "DELETE", "/v1/claims/$claim/void", None),
    ("an affiliation that is not void", "DELETE", "/v1/affiliations/$affiliation/void", None),
    (
        "retracted when void",
        "POST",
        "/v1/attestations/$voided/retraction",
        {"retracted_at": "2026-01-10T00:00:00Z"},
    ),
):
    refused(name, method, path, "conflict", body=body)

# Proposals.
for action, body in (("accept", None), ("reject", {"reason": "Another day."})):
    path = f"/v1/proposals/$rejected/{action}"
    refused(f"{action} of a decided proposal", "POST", path, "conflict", body=body)
    path = f"/v1/proposals/{UNKNOWN_ID}/{action}"
    refused(f"{action} of an unknown proposal", "POST", path, "not-found", body=body)
for value in (None, 1, "", [], {}):
    path = "/v1/proposals/$proposal/reject"
    wrong_body(f"{value!r} for a reason to reject", path, {"reason": value}, "/reason")

# Merges and distinctions.
for action, field_ in (("merge", "into"), ("distinct-from", "detainee_id")):
    path = f"/v1/detainees/$detainee/{action}"
    for value in (None, 1, True, "x", "", [], {}, "{" + UNKNOWN_ID + "}"):
        wrong_body(f"{value!r} for the other person", path, {field_: value}, f"/{field_}")
    wrong_body("no other person", path, {}, f"/{field_}")
    wrong_body("the other person and an id", path, {field_: "$held", "id": UNKNOWN_ID}, "/id")
    wrong_body("the same person", path, {field_: "$detainee"}, f"/{field_}")
    for name in ("source", "event", "detention", "merge"):
        wrong_body(f"a {name} for a person", path, {field_: f"${name}"}, f"/{field_}")
    wrong_body("an unknown person", path, {field_: UNKNOWN_ID}, f"/{field_}")
    unknown = f"/v1/detainees/{UNKNOWN_ID}/{action}"
    refused(f"{action} of an unknown person", "POST", unknown, "not-found", body={field_: "$held"})
    merged = f"/v1/detainees/$merged/{action}"
    for name, merge_path, other in (
        ("a duplicate record", merged, "$held"),
        ("a person and a duplicate record", path, "$merged"),
        ("a duplicate record and its surviving record", merged, "$never_held"),
        ("two distinct people", "/v1/detainees/$brother/" + action, "$never_held"),
        ("two distinct people, reversed", "/v1/detainees/$never_held/" + action, "$brother"),
    ):
        refused(f"{action} of {name}", "POST", merge_path, "conflict", body={field_: other})
# Splits.
split_path = "/v1/detainees/$detainee/split"
for name, body, pointers in (
    ("no name", {"detention_ids": ["$detention"]}, ("/name",)),
    ("nothing chosen", {"name": "Ana"}, ("/detention_ids",)),
    (
        "records of another person",
        {
            "name": "Ana",
            "detention_ids": ["$other_detention", UNKNOWN_ID],
            "release_event_ids": ["$void_event", "$detention"],
            "aliases": ["Ana"],
            "external_ids": [{"scheme": "a", "value": "b"}],
        },
        (
            "/detention_ids/0",
            "/detention_ids/1",
            "/release_event_ids/0",
            "/release_event_ids/1",
            "/aliases/0",
            "/external_ids/0",
        ),
    ),
    ("a date", {"name": "Ana", "aliases": ["A"], "birth_date": "1974-06-02"}, ("/birth_date",)),
    ("twice the same", {"name": "Ana", "detention_ids": ["$detention"] * 2}, ("/detention_ids",)),
):
    wrong_body(f"a split with {name}", split_path, body, *pointers)
refused(
    "a split of a merged person",
    "POST",
    "/v1/detainees/$merged/split",
    "conflict",
    body={"name": "Ana", "detention_ids": ["$detention"]},
)
refused(
    "a split of nobody",
    "POST",
    f"/v1/detainees/{UNKNOWN_ID}/split",
    "not-found",
    body={"name": "Ana", "detention_ids": ["$detention"]},
)
refused("a split undone twice", "DELETE", "/v1/splits/$undone_split", "conflict")
for value in (UNKNOWN_ID, "x", "$merge"):
    refused("no such split", "GET", f"/v1/splits/{value}", "not-found", scope=None)
    refused("no such split to undo", "DELETE", f"/v1/splits/{value}", "not-found")
for action, field_ in (("merge", "into"), ("distinct-from", "source_id")):
    path = f"/v1/sources/$source/{action}"
    for value in (None, 1, "x", [], UNKNOWN_ID, "$source", "$detainee"):
        wrong_body(f"{value!r} for the other source", path, {field_: value}, f"/{field_}")
    wrong_body("no other source", path, {}, f"/{field_}")
    unknown = f"/v1/sources/{UNKNOWN_ID}/{action}"
    refused("no source", "POST", unknown, "not-found", body={field_: "$source"})
for value in (None, 1, "x", ["x"], ["$source", "$source"]):
    body = source(distinct_from=value)
    place = "/distinct_from/0" if value == ["x"] else "/distinct_from"
    wrong_body(f"{value!r} for distinct sources", "/v1/sources", body, place)
wrong_body(
    "unknown distinct", "/v1/sources", source(distinct_from=[UNKNOWN_ID]), "/distinct_from/0"
)
for name in ("Northgate Herald", "NORTHGATE herald", "Ńorthgate-Herald"):
    refused(f"the name {name}", "POST", "/v1/sources", "source-exists", body=source(name=name))
    path = "/v1/sources/$other_source"
    refused(f"a change to {name}", "PATCH", path, "source-exists", body={"name": name})
for value in (None, 1, "x", ["x"], ["$facility", "$facility"]):
    body = facility(distinct_from=value)
    place = "/distinct_from/0" if value == ["x"] else "/distinct_from"
    wrong_body(f"{value!r} for distinct facilities", "/v1/facilities", body, place)
for id in (UNKNOWN_ID, "$source"):
    body = facility(distinct_from=[id])
    wrong_body(f"{id} as distinct facility", "/v1/facilities", body, "/distinct_from/0")
for name in ("Stonefield Prison", "STONEFIELD prison", "Stónefield-Prison"):
    body = facility(name=name, region="North")
    refused(f"a facility {name}", "POST", "/v1/facilities", "facility-exists", body=body)
    path = "/v1/facilities/$other_facility"
    refused(f"a facility renamed {name}", "PATCH", path, "facility-exists", body={"name": name})
external_ids = [{"scheme": scheme, "value": "FP-77"} for scheme in ("un", "foro-penal")]
for scope in ("contribute", "edit"):
    refused(
        f"the external id of another person, from {scope}",
        "POST",
        "/v1/detainees",
        "external-id-exists",
        body=detainee(external_ids=external_ids),
        scope=scope,
    )
for kind, state in (("merge", "undone"), ("distinction", "withdrawn")):
    path = f"/v1/{kind}s/"
    refused(f"{kind} {state} twice", "DELETE", f"{path}${state}", "conflict")
    refused(f"an unknown {kind}", "GET", path + UNKNOWN_ID, "not-found", scope=None)
    refused(f"the end of an unknown {kind}", "DELETE", path + UNKNOWN_ID, "not-found")
    refused(f"a person for a {kind}", "DELETE", f"{path}$detainee", "not-found")
    for method in ("PUT", "POST", "PATCH"):
        refused(f"{method} of a {kind}", method, f"{path}${kind}", "method-not-allowed", body={})
    refused(
        f"a query parameter for the end of a {kind}",
        "DELETE",
        f"{path}${kind}",
        "validation-error",
        "/force",
        query="force=1",
    )
