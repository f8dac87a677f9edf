"""Cases: matching requests and imports; what is wrong with a list itself is tested in imports/."""

from tests.whole_set.bad_input.cases import UNKNOWN_ID, refused, wrong_body

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
    "mode=preview&source_id=" + UNKNOWN_ID: ("/published_at", "/basis"),
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
        {"import_id": UNKNOWN_ID, "decisions": [{"row": 1}]},
        ("/decisions/0/decision",),
    ),
    ("too many decisions", {"import_id": UNKNOWN_ID, "decisions": [1] * 200_001}, ("/decisions",)),
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
    body={"import_id": UNKNOWN_ID},
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
