"""Invalid requests: matching and imports.

What is wrong with a list itself is tested in imports/.
"""

from tests.whole_set.bad_input.invalid_requests import UNKNOWN_ID, refused, wrong_body

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

# Imports; errors within lists are in tests/imports.
LIST = {"raw": b"name\nAna Prueba\n", "headers": {"Content-Type": "text/csv"}}
APPLY = f"/v1/imports/{UNKNOWN_ID}/apply"
for query, pointers in {
    "mapping=": ("/mapping",),
    "mapping=%00%00": ("/mapping",),
    "mapping=null": ("/mapping",),
    "mapping=[[[": ("/mapping",),
    "mapping=" + "[" * 2000: ("/mapping",),
    "date_order=dmy": ("/date_order",),
    "date_order=day_first&date_order=day_first": ("/date_order",),
    "source_id=7": ("/source_id",),
    "source_id=" + UNKNOWN_ID: ("/published_at", "/basis"),
    "basis=hearsay&evidence=x&release_kind=x": ("/basis", "/evidence", "/release_kind"),
    "published_at=2026-01-09": ("/published_at",),
    "mode=preview": ("/mode",),
    "rows=1": ("/rows",),
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
    ("an unknown decision", {"decisions": [{"row": 1}]}, ("/decisions/0/decision",)),
    ("too many decisions", {"decisions": [1] * 200_001}, ("/decisions",)),
    ("an id in the body", {"import_id": UNKNOWN_ID}, ("/import_id",)),
    (
        "an unknown decision on a facility",
        {"facility_decisions": [{"name": "Rodeo I", "decision": "other", "country": "XX"}]},
        ("/facility_decisions/0/decision", "/facility_decisions/0/country"),
    ),
    ("too many facilities", {"facility_decisions": [1] * 201}, ("/facility_decisions",)),
):
    refused(name, "POST", APPLY, "validation-error", *pointers, body=body)
refused("an import that is not there", "POST", APPLY, "not-found", body={})
refused("a list to apply", "POST", APPLY, "unsupported-media-type", **LIST)
refused("a list without a key", "POST", "/v1/imports", "unauthenticated", scope=None, **LIST)
refused("a list with an admin key", "POST", "/v1/imports", "forbidden", scope="admin", **LIST)
CASE = {
    "raw": b'{"case": "x"}',
    "headers": {"Content-Type": "application/vnd.constancia.case+json"},
}
for name, scope, slug in (
    ("a case without a key", None, "unauthenticated"),
    ("a case with a contribute key", "contribute", "forbidden"),
    ("a case with an admin key", "admin", "forbidden"),
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
refused("a case to apply", "POST", APPLY, "unsupported-media-type", **CASE)
refused("decisions as a preview", "POST", "/v1/imports", "unsupported-media-type", body={})
refused("decisions that are not JSON", "POST", APPLY, "malformed-json", raw=b"{")
