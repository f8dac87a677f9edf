"""Invalid requests: paths, ids in paths and methods."""

from tests.whole_set.bad_input.invalid_requests import UNKNOWN_ID, refused
from tests.whole_set.bad_input.valid_bodies import affiliation, detention, source

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
        UNKNOWN_ID,
        "0",
        "x",
        "null",
        f"%7B{UNKNOWN_ID}%7D",
        f"urn:uuid:{UNKNOWN_ID}",
        UNKNOWN_ID.replace("-", ""),
        f"{UNKNOWN_ID}%0A",
        f"%20{UNKNOWN_ID}",
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
    for value in (UNKNOWN_ID, "x"):
        refused(
            f"a change of no record: {value}", "PATCH", f"{path}/{value}", "not-found", body=body
        )
for method, path, body in (
    ("GET", "/v1/detainees/$no/detentions", None),
    ("GET", "/v1/release-events/$no/verification", None),
    ("POST", "/v1/sources/$no/affiliations", affiliation()),
    ("POST", "/v1/detainees/$no/detentions", detention()),
    ("POST", "/v1/attestations/$no/retraction", {"retracted_at": "2026-01-10T00:00:00Z"}),
    *(
        (method, f"/v1/{resource}/$no/void", body)
        for resource in ("attestations", "release-events", "detentions", "claims", "affiliations")
        for method, body in (("POST", {"reason": "Entered twice."}), ("DELETE", None))
        if (method, resource) != ("DELETE", "attestations")
    ),
    ("GET", "/v1/claims/$no/comparison", None),
    ("GET", "/v1/claims/$no/delivery", None),
    ("GET", "/v1/claims/$no/case", None),
    ("POST", "/v1/claims/$no/retraction", {"retracted_at": "2026-01-10T00:00:00Z"}),
):
    for value in (UNKNOWN_ID, "x", "$facility"):
        refused(
            f"{method} of no record", method, path.replace("$no", value), "not-found", body=body
        )
for path in (
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
    "/problems/",
    "/problems/no-such-problem",
    "/problems/X",
    "/problems/%FF",
    "/v1/sources%00",
    "/%F0%9F%92%A9",
    "/v1/sources;x=1",
):
    refused(f"no such path: {path}", "GET", path, "not-found", scope=None)
for path, near in {
    "/v1/sources/": "/v1/sources",
    "/V1/Sources": "/v1/sources",
    "/v1//sources": "/v1/sources",
    "/sources": "/v1/sources",
    "/v1/claim": "/v1/claims",
    "/v1/facility/": "/v1/facilities",
    "/v1/release_events": "/v1/release-events",
    "/v1/timeline": "/v1/counts/timeline",
    "/docs/": "/docs",
    "/v1/source/$source": "/v1/sources/{id}",
    "/v1/sources/$source/": "/v1/sources/{id}",
    "/v1/nothing": "/docs",
}.items():
    refused(f"a near path: {path}", "GET", path, "not-found", scope=None, message=f" {near}")
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
    ("a table of no claim", f"/v1/claims/{UNKNOWN_ID}/comparison", "format=csv"),
    ("a review of no event", f"/v1/release-events/{UNKNOWN_ID}", "format=jsonld"),
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
    "/v1/counts/people",
    "/v1/counts/timeline",
    "/v1/differences",
    "/v1/feed",
    "/v1/export",
    "/v1/claims/$announcement/case",
    "/v1/changes",
    "/healthz",
):
    refused(f"a change of {path}", "PATCH", path, "method-not-allowed", body={})
refused(
    "the deletion of a person",
    "DELETE",
    "/v1/detainees/$hidden",
    "method-not-allowed",
    message="This path does not take 'DELETE'. It takes: GET, HEAD, OPTIONS, PATCH. No record is "
    "deleted. Void what was recorded by mistake",
)
