"""Invalid requests: malformed JSON, media types, content negotiation and body size."""

import codecs
import json

from api.contract import document
from tests.whole_set.bad_input.invalid_requests import malformed, refused
from tests.whole_set.bad_input.valid_bodies import source

# JSON.
EMPTY = "The body is empty: send a JSON object."
TOO_DEEP = "The body is nested too deeply: send fewer levels."
IN_UTF_8 = "send it in UTF-8, without a byte order mark."
malformed("nothing", b"", message=EMPTY)
malformed("a space", b" ", message=EMPTY)
malformed(
    "half an object",
    b'{"name": "Ana"',
    message="The body is not JSON, at column 15: correct it there.",
)
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
malformed(
    "invalid UTF-8",
    '{"name": "José '.encode() + b'\xff", "kind": "ngo"}',
    message=f"The body is not UTF-8, at column 16 (byte 0xFF): {IN_UTF_8}",
)
malformed(
    "Latin-1",
    '{"kind": "ngo",\n"name": "José"}'.encode("latin-1"),
    message=f"The body is not UTF-8, at line 2 column 13 (byte 0xE9): {IN_UTF_8}",
)
malformed("overlong UTF-8", b'{"name": "Ana\xc0\xaf", "kind": "ngo"}')
malformed("a surrogate in UTF-8", b'{"name": "Ana\xed\xa0\x80", "kind": "ngo"}')
malformed(
    "UTF-16",
    codecs.BOM_UTF16_LE + json.dumps(source()).encode("utf-16-le"),
    message=f"The body is not UTF-8, at column 1 (byte 0xFF): {IN_UTF_8}",
)
malformed("UTF-16 without its mark", json.dumps(source()).encode("utf-16-le"))
malformed("UTF-32", json.dumps(source()).encode("utf-32-be"))
malformed(
    "a byte order mark",
    codecs.BOM_UTF8 + json.dumps(source()).encode(),
    message=f"The body begins with a byte order mark: {IN_UTF_8}",
)
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
for depth in (1100, 10_000):
    malformed(f"{depth:,} arrays, one in the other", b"[" * depth + b"]" * depth, message=TOO_DEEP)
malformed(
    "10,000 objects, one in the other",
    b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    message=TOO_DEEP,
)
malformed("half a megabyte of brackets", b"[" * 500_000, message=TOO_DEEP)
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
for path, media_type in (
    ("/v1/sources", "application/json"),
    ("/v1/imports", "text/csv"),
):
    for form in ("multipart/form-data; boundary=x", "application/x-www-form-urlencoded"):
        refused(
            f"a form: {form}",
            "POST",
            path,
            "unsupported-media-type",
            raw=b"--x--",
            headers={"Content-Type": form},
            message=f"-H 'Content-Type: {media_type}' --data-binary @",
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
    # RFC 8259, section 8.1: JSON is UTF-8. Other encodings are refused.
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

# Media types that are not offered.
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
