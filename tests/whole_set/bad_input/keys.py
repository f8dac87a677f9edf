"""Invalid requests: missing, wrong and insufficient keys."""

from tests.whole_set.bad_input.invalid_requests import refused
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

# Keys.
WRITES = (
    ("POST", "/v1/sources", source(), "edit"),
    ("PATCH", "/v1/sources/$source", {"name": "Ana"}, "edit"),
    ("POST", "/v1/sources/$source/affiliations", affiliation(), "edit"),
    ("PATCH", "/v1/affiliations/$affiliation", {"relation": "member_of"}, "edit"),
    ("POST", "/v1/facilities", facility(), "edit"),
    ("PATCH", "/v1/facilities/$facility", {"name": "Ana"}, "edit"),
    ("POST", "/v1/attestations/$attestation/void", {"reason": "Entered twice."}, "edit"),
    ("DELETE", "/v1/release-events/$event/void", {}, "edit"),
    ("DELETE", "/v1/detentions/$detention/void", {}, "edit"),
    ("DELETE", "/v1/claims/$claim/void", {}, "edit"),
    ("POST", "/v1/affiliations/$affiliation/void", {"reason": "Entered twice."}, "edit"),
    ("DELETE", "/v1/affiliations/$affiliation/void", {}, "edit"),
    ("POST", "/v1/detainees/$detainee/merge", {"into": "$held"}, "edit"),
    ("POST", "/v1/sources/$source/merge", {"into": "$other_source"}, "edit"),
    ("POST", "/v1/sources/$source/distinct-from", {"source_id": "$other_source"}, "edit"),
    ("DELETE", "/v1/merges/$merge", {}, "edit"),
    (
        "POST",
        "/v1/detainees/$detainee/split",
        {"name": "Ana", "detention_ids": ["$detention"]},
        "edit",
    ),
    ("DELETE", "/v1/splits/$split", {}, "edit"),
    ("POST", "/v1/detainees/$detainee/distinct-from", {"detainee_id": "$held"}, "edit"),
    ("DELETE", "/v1/distinctions/$distinction", {}, "edit"),
    ("POST", "/v1/proposals/$proposal/accept", {}, "edit"),
    ("POST", "/v1/proposals/$proposal/reject", {"reason": "Another day."}, "edit"),
    # Also for a duplicate id: a caller without the scope is not redirected.
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
    ("POST", "/v1/release-events/$event/void", {"reason": "Entered twice."}, "contribute"),
    ("POST", "/v1/detentions/$detention/void", {"reason": "Entered twice."}, "contribute"),
    ("POST", "/v1/claims/$claim/void", {"reason": "Entered twice."}, "contribute"),
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
        ("GET", "/v1/facilities"),
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
