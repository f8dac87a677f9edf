"""Invalid requests: claims, their relays, retractions and announcements."""

import json

from tests.whole_set.bad_input.invalid_requests import UNKNOWN_ID, malformed, refused, wrong_body
from tests.whole_set.bad_input.valid_bodies import claim, release_event

# Claims.
for value in (1.5, "24", True, [], {}, -1, -0.5, 1_000_000_001, 2**31, 2**63, 10**300):
    wrong_body(f"{str(value)[:20]!r} for a figure", "/v1/claims", claim(value=value), "/value")
for name in ("NaN", "1e400", "01", "0x18"):
    raw = json.dumps(claim(value="$figure")).replace('"$figure"', name)
    malformed(f"the figure {name}", raw.encode(), "/v1/claims")
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
wrong_body(
    "a claim without fields", "/v1/claims", {}, "/source_id", "/kind", "/as_of", "/published_at"
)
wrong_body(
    "derived fields: a claim",
    "/v1/claims",
    claim(
        id=UNKNOWN_ID,
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
    "every error of a claim at once",
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
        "relays": [{}, {"claim_id": "x"}, {"claim_id": UNKNOWN_ID, "source_id": UNKNOWN_ID}],
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
    "several errors of references and times of a claim at once",
    "/v1/claims",
    claim(
        kind="announced",
        source_id=UNKNOWN_ID,
        relays=[
            {"claim_id": UNKNOWN_ID},
            {"claim_id": "$claim"},
            {"claim_id": "$later_announcement"},
            {"source_id": UNKNOWN_ID},
        ],
        facility_id=UNKNOWN_ID,
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
    ("an unknown source", claim(source_id=UNKNOWN_ID), "/source_id"),
    ("an unknown facility", claim(facility_id=UNKNOWN_ID), "/facility_id"),
    ("an unknown announcement", claim(announcement_id=UNKNOWN_ID), "/announcement_id"),
    ("the delivery of no announcement", claim(announcement_id="$claim"), "/announcement_id"),
    (
        "an announcement of an announcement",
        claim(kind="announced", announcement_id="$announcement"),
        "/announcement_id",
    ),
    ("a relay of an unknown claim", claim(relays=[{"claim_id": UNKNOWN_ID}]), "/relays/0/claim_id"),
    (
        "a relay of a claim and of an unknown source",
        claim(relays=[{"claim_id": "$claim"}, {"source_id": UNKNOWN_ID}]),
        "/relays/1/source_id",
    ),
    (
        "a relay of an attestation as a claim",
        claim(relays=[{"claim_id": "$attestation"}]),
        "/relays/0/claim_id",
    ),
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
        claim(relays=[{"source_id": UNKNOWN_ID}, {"source_id": UNKNOWN_ID.upper()}]),
        "/relays",
    ),
    (
        "21 relays",
        claim(relays=[{"source_id": UNKNOWN_ID[:-2] + f"{i:02}"} for i in range(21)]),
        "/relays",
    ),
    ("true in a hundred years", claim(as_of="2125-01-01T00:00:00Z"), "/as_of"),
    ("true at the end of time", claim(as_of="9999-12-31T23:59:59.999999Z"), "/as_of"),
    (
        "true a moment after any end of the day of publication",
        claim(as_of="2026-01-11T12:00:00.000001Z", published_at="2026-01-10T12:00:00Z"),
        "/as_of",
    ),
    ("a window that starts after as_of", claim(window_start="2026-01-11"), "/window_start"),
    ("a window that starts at the end of time", claim(window_start="9999-12-31"), "/window_start"),
):
    wrong_body(f"a claim: {name}", "/v1/claims", body, pointer)
wrong_body(
    "a claim: true two months after it was published",
    "/v1/claims",
    claim(as_of="2026-03-15T00:00:00Z", published_at="2026-01-10T00:00:00Z"),
    "/as_of",
    message="2026-03-15T00:00:00Z is after the claim was published, 2026-01-10T00:00:00Z: ",
)
for name, slug, body, pointer in (
    (
        "of released people that relays an announcement",
        "relay-elsewhere",
        claim(relays=[{"claim_id": "$announcement"}]),
        "/relays/0/claim_id",
    ),
    (
        "of detained people that relays one of released people",
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
    "of nothing": UNKNOWN_ID,
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
